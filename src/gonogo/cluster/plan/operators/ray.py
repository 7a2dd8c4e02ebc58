"""KubeRay: what its operator makes of its kinds. Source: github.com/ray-project/kuberay, ray-operator 1.6.0."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.plan.demand import Beside, Found, Untold, When, pod_of
from gonogo.cluster.plan.workloads import with_containers

ENDLESS = 2**31 - 1
"""``maxReplicas`` of a worker group that says none (ray.io_rayclusters.yaml)."""


def _resources(cpu: str, memory: str) -> dict[str, Any]:
    amounts = {"cpu": cpu, "memory": memory}
    return {"requests": amounts, "limits": amounts}


AUTOSCALER = {"name": "autoscaler", "resources": _resources("500m", "512Mi")}
"""controllers/ray/common/pod.go, BuildAutoscalerContainer."""

WAIT = {"name": "wait-gcs-ready", "resources": _resources("200m", "256Mi")}
"""controllers/ray/common/pod.go, DefaultWorkerPodTemplate: the init container of every worker."""

SUBMITTER = {"name": "ray-job-submitter", "resources": {"requests": {"cpu": "500m", "memory": "200Mi"}}}
"""controllers/ray/common/job.go, GetDefaultSubmitterContainer."""


def ray_cluster(obj: Object, beside: Beside) -> Iterator[Found]:
    """A head, with the autoscaler beside it where ``enableInTreeAutoscaling``, and the workers of every group."""
    yield from _cluster(obj, obj["metadata"]["name"], obj.get("spec", {}), beside)


def ray_job(obj: Object, beside: Beside) -> Iterator[Found]:
    """A cluster of its own, unless it selects one, and the Job that submits, unless the operator does by HTTP."""
    spec = obj.get("spec", {})
    if spec.get("suspend"):
        return
    name, mode = obj["metadata"]["name"], spec.get("submissionMode", "K8sJobMode")
    cluster = spec.get("rayClusterSpec", {})
    if mode == "SidecarMode" and cluster:
        head = cluster.get("headGroupSpec", {})
        sidecar = with_containers(head.get("template", {}), [SUBMITTER])
        cluster = {**cluster, "headGroupSpec": {**head, "template": sidecar}}
    if not spec.get("clusterSelector"):
        yield from _cluster(obj, f"{name}-*", cluster, beside)
    if mode == "K8sJobMode":
        submitter = spec.get("submitterPodTemplate") or {"spec": {"containers": [SUBMITTER]}}
        yield pod_of(obj, f"{name}-*", submitter, beside, when=When.PASSING, step="jobs")


def ray_cron_job(obj: Object, beside: Beside) -> Iterator[Found]:
    """One run of its RayJob."""
    spec = obj.get("spec", {})
    if not spec.get("suspend"):
        inner = {**obj, "spec": spec.get("jobTemplate", {})}
        for one in ray_job(inner, beside):
            yield one if isinstance(one, Untold) else _passing(one)


def ray_service(obj: Object, beside: Beside) -> Iterator[Found]:
    """A cluster; while it is upgraded a second one, which ``upgradeStrategy`` NewCluster, the default, makes."""
    spec = obj.get("spec", {})
    cluster, name = spec.get("rayClusterConfig", {}), f"{obj['metadata']['name']}-*"
    yield from _cluster(obj, name, cluster, beside)
    if spec.get("upgradeStrategy", {}).get("type", "NewCluster") != "None":
        for one in _cluster(obj, name, cluster, beside):
            if getattr(one, "when", None) is When.REST:
                yield _at(one, When.UPDATE)


def _cluster(obj: Object, name: str, spec: Mapping[str, Any], beside: Beside) -> Iterator[Found]:
    if spec.get("suspend"):
        return
    scales = bool(spec.get("enableInTreeAutoscaling"))
    head = spec.get("headGroupSpec", {})
    more: dict[str, Any] = {}
    if scales:
        given = spec.get("autoscalerOptions", {}).get("resources")
        more = {**AUTOSCALER, "resources": given} if given else AUTOSCALER
    template = with_containers(head.get("template", {}), [more] if more else [])
    yield pod_of(obj, f"{name}-head-*", template, beside, labels=_labels(head, name, "head", "headgroup"))
    for group in spec.get("workerGroupSpecs", ()):
        yield from _group(obj, name, group, beside, scales=scales)


def _group(obj: Object, name: str, group: Mapping[str, Any], beside: Beside, *, scales: bool) -> Iterator[Found]:
    """Replicas (0) within least and most, times hosts (utils/util.go, GetWorkerGroupDesiredReplicas)."""
    if group.get("suspend"):
        return
    hosts, least = int(group.get("numOfHosts", 1)), int(group.get("minReplicas", 0))
    most = int(group.get("maxReplicas", ENDLESS))
    rest = min(max(int(group.get("replicas", 0)), least), most)
    called = group.get("groupName", "")
    template = with_containers(group.get("template", {}), [], [WAIT])
    labels = _labels(group, name, "worker", called)
    if scales and most >= ENDLESS:
        why = f"worker group {called} may grow without end: it has no maxReplicas"
        yield Untold(kind=obj["kind"], name=obj["metadata"]["name"], why=why)
        most = rest
    for when, count in ((When.REST, rest), (When.MOST, most - rest if scales else 0)):
        for _ in range(count * hosts):
            yield pod_of(obj, f"{name}-{called}-worker-*", template, beside, labels=labels, when=when)


def _labels(group: Mapping[str, Any], cluster: str, kind: str, called: str) -> dict[str, str]:
    """controllers/ray/common/pod.go, labelPod."""
    own = {"ray.io/node-type": kind, "ray.io/group": called, "ray.io/cluster": cluster, "ray.io/is-ray-node": "yes"}
    return {**group.get("labels", {}), **own}


def _passing(one: Any) -> Any:
    return _at(one, When.PASSING, step="jobs") if hasattr(one, "when") else one


def _at(one: Any, when: When, **more: Any) -> Any:
    from dataclasses import replace

    return replace(one, when=when, **more)


KINDS = {
    "RayCluster.ray.io": ray_cluster,
    "RayCronJob.ray.io": ray_cron_job,
    "RayJob.ray.io": ray_job,
    "RayService.ray.io": ray_service,
}
