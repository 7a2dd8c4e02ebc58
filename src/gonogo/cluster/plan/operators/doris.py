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
        init = one.get("systemInitialization")
        pod = {
            "containers": [{"name": short, "resources": _resources(one)}],
            "initContainers": [{"name": "init", "resources": _resources(init)}] if init else [],
            **{k: one[k] for k in ("nodeSelector", "tolerations", "affinity") if k in one},
        }
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


def _resources(one: Mapping[str, Any]) -> dict[str, Any]:
    return {key: one[key] for key in ("requests", "limits") if key in one}


KINDS = {"DorisCluster.doris.selectdb.com": doris_cluster}
