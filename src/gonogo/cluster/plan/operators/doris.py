"""Apache Doris: what its operator makes of its kinds. Source: github.com/apache/doris-operator, commit c418a18."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.plan.demand import Beside, Found, Untold
from gonogo.cluster.plan.workloads import as_kind, stateful_set

PARTS = {"feSpec": "fe", "beSpec": "be", "cnSpec": "cn", "brokerSpec": "broker"}


def doris_cluster(obj: Object, beside: Beside) -> Iterator[Found]:
    """A StatefulSet per component that its specification has, of ``replicas`` (1).

    pkg/common/utils/resource/statefulset.go, NewStatefulSet, and pod.go: the affinity of its own is only preferred, the
    init containers ask for what ``systemInitialization`` does.
    """
    spec, name = obj.get("spec", {}), obj["metadata"]["name"]
    for key, short in PARTS.items():
        one = spec.get(key)
        if one is None:
            continue
        if one.get("autoScalingPolicy"):
            yield Untold(kind=obj["kind"], name=name, why=f"{key} scales by itself, within limits not read here")
        pod = _pod(one, short)
        labels = {
            **one.get("podLabels", {}),
            "app.doris.cluster": name,
            "app.kubernetes.io/component": short,
            "app.doris.ownerreference/name": f"{name}-{short}",
        }
        claims = [
            {"metadata": {"name": volume.get("name", "")}, "spec": volume.get("persistentVolumeClaimSpec", {})}
            for volume in one.get("persistentVolumes", ())
        ]
        made = {
            "replicas": one.get("replicas", 1),
            "template": {"metadata": {"labels": labels}, "spec": pod},
            "volumeClaimTemplates": claims,
        }
        yield from stateful_set(as_kind(obj, "StatefulSet", f"{name}-{short}", made), beside)


def disaggregated(obj: Object, beside: Beside) -> Iterator[Found]:
    """Frontends (2, and no fewer than ``electionNumber``, 1), meta services (2), and the nodes of compute groups (1).

    api/disaggregated/v1/utils.go and sub_controller/disaggregated_cluster. What disks they get, the paths of their own
    configuration files decide, which are not read here.
    """
    spec, name = obj.get("spec", {}), obj["metadata"]["name"]
    front, meta = spec.get("feSpec", {}), spec.get("metaService", {})
    fronts = max(int(front.get("replicas", 2)), int(front.get("electionNumber", 1)))
    parts = [(f"{name}-ms", meta, int(meta.get("replicas", 2))), (f"{name}-fe", front, fronts)]
    for group in spec.get("computeGroups", ()):
        called = f"{name}-{group['uniqueId']}".replace("_", "-")
        parts.append((called, group, int(group.get("replicas", 1))))
    for called, one, replicas in parts:
        template = {"metadata": {"labels": one.get("labels", {})}, "spec": _pod(one, called)}
        yield from stateful_set(
            as_kind(obj, "StatefulSet", called, {"replicas": replicas, "template": template}), beside
        )
    yield Untold(kind=obj["kind"], name=name, why="what disks it gets stands in its configuration files, not read here")


def _pod(one: Mapping[str, Any], container: str) -> dict[str, Any]:
    init = one.get("systemInitialization")
    return {
        "containers": [{"name": container, "resources": _resources(one)}],
        "initContainers": [{"name": "init", "resources": _resources(init)}] if init else [],
        **{key: one[key] for key in ("nodeSelector", "tolerations", "affinity") if key in one},
    }


def _resources(one: Mapping[str, Any]) -> dict[str, Any]:
    return {key: one[key] for key in ("requests", "limits") if key in one}


KINDS = {
    "DorisCluster.doris.selectdb.com": doris_cluster,
    "DorisDisaggregatedCluster.disaggregated.cluster.doris.com": disaggregated,
}
