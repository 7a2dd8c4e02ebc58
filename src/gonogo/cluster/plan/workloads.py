"""The kinds of Kubernetes itself that make pods, as their controllers make them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import ceil
from typing import Any

from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.plan.demand import Beside, Found, PlannedPod, When, claim_of, pod_of
from gonogo.cluster.plan.nodes import barred

HOOK = "helm.sh/hook"

INSTALLS = ("pre-install", "post-install")
"""The hooks of an installation (helm.sh/docs/topics/charts_hooks), in their order."""


def hooks(obj: Object) -> list[str]:
    """When helm makes the object, where that is not with its release."""
    told = obj["metadata"].get("annotations", {}).get(HOOK, "")
    return [one.strip() for one in told.split(",") if one.strip()]


def deployment(obj: Object, beside: Beside) -> Iterator[Found]:
    """``replicas`` (1), or what its autoscaler has least and most; ``maxSurge`` (25 %, rounded up) more in an update.

    kubernetes.io/docs/concepts/workloads/controllers/deployment, "Max Surge".
    """
    spec = obj.get("spec", {})
    rest, most = _scaled(obj, beside, int(spec.get("replicas", 1)))
    strategy = spec.get("strategy", {})
    surge = strategy.get("rollingUpdate", {}).get("maxSurge", "25%")
    extra = 0 if strategy.get("type") == "Recreate" else _share(surge, rest)
    name = f"{obj['metadata']['name']}-*-*"
    for when, count in ((When.REST, rest), (When.MOST, most - rest), (When.UPDATE, extra)):
        yield from (pod_of(obj, name, spec.get("template", {}), beside, when=when) for _ in range(count))


def replica_set(obj: Object, beside: Beside) -> Iterator[Found]:
    """``replicas`` (1) of a ReplicaSet or ReplicationController."""
    spec = obj.get("spec", {})
    rest, most = _scaled(obj, beside, int(spec.get("replicas", 1)))
    for when, count in ((When.REST, rest), (When.MOST, most - rest)):
        name = f"{obj['metadata']['name']}-*"
        yield from (pod_of(obj, name, spec.get("template", {}), beside, when=when) for _ in range(count))


def stateful_set(obj: Object, beside: Beside) -> Iterator[Found]:
    """``replicas`` (1) from ``ordinals.start`` on, each with a claim of every template, ``template-pod``.

    kubernetes.io/docs/concepts/workloads/controllers/statefulset. An update replaces pods one by one.
    """
    spec = obj.get("spec", {})
    rest, most = _scaled(obj, beside, int(spec.get("replicas", 1)))
    space = obj["metadata"].get("namespace") or beside.namespace
    first = int(spec.get("ordinals", {}).get("start", 0))
    for number in range(most):
        name = f"{obj['metadata']['name']}-{first + number}"
        claims = [
            claim_of(space, f"{one['metadata']['name']}-{name}", one.get("spec", {}))
            for one in spec.get("volumeClaimTemplates", ())
        ]
        when = When.REST if number < rest else When.MOST
        yield pod_of(obj, name, spec.get("template", {}), beside, claims=claims, when=when)


def daemon_set(obj: Object, beside: Beside) -> Iterator[Found]:
    """One on every node that its template selects and tolerates, room or not; ``maxSurge`` (0) more in an update.

    kubernetes.io/docs/concepts/workloads/controllers/daemonset, "Taints and tolerations". Where nodes are not known,
    one.
    """
    spec = obj.get("spec", {})
    template = spec.get("template", {})
    pods = template.get("spec", {})
    tolerated = [*pods.get("tolerations", ()), *_TOLERATED, *(_NETWORK if pods.get("hostNetwork") else ())]
    template = {**template, "spec": {**pods, "tolerations": tolerated}}
    name = f"{obj['metadata']['name']}-*"
    if beside.nodes is None:
        yield pod_of(obj, name, template, beside)
        return
    meant = [one for one in beside.nodes if barred(one, template["spec"]) is None]
    for node in meant:
        yield pod_of(obj, name, template, beside, node=node["metadata"]["name"])
    surge = spec.get("updateStrategy", {}).get("rollingUpdate", {}).get("maxSurge", 0)
    for node in meant[: _share(surge, len(meant))]:
        yield pod_of(obj, name, template, beside, node=node["metadata"]["name"], when=When.UPDATE)


_TOLERATED = tuple(
    {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": effect}
    for key, effect in (
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
    )
)
_NETWORK = ({"key": "node.kubernetes.io/network-unavailable", "operator": "Exists", "effect": "NoSchedule"},)


def job(obj: Object, beside: Beside) -> Iterator[Found]:
    """``parallelism`` (1) at once, no more than there are ``completions``; gone once they have ended."""
    yield from _job(obj, f"{obj['metadata']['name']}-*", obj.get("spec", {}), beside)


def cron_job(obj: Object, beside: Beside) -> Iterator[Found]:
    """One run of its Job: how long runs take, and so whether they overlap, nobody knows before."""
    spec = obj.get("spec", {})
    if not spec.get("suspend"):
        inner = spec.get("jobTemplate", {}).get("spec", {})
        yield from _job(obj, f"{obj['metadata']['name']}-*-*", inner, beside)


def _job(obj: Object, name: str, spec: Mapping[str, Any], beside: Beside) -> Iterator[PlannedPod]:
    if spec.get("suspend"):
        return
    count = int(spec.get("parallelism", 1))
    if spec.get("completions") is not None:
        count = min(count, int(spec["completions"]))
    # hooks wait for one another, other Jobs run beside one another
    step = next((f"{one} {obj['metadata']['name']}" for one in INSTALLS if one in hooks(obj)), "jobs")
    indexed = spec.get("completionMode") == "Indexed"
    for number in range(count):
        own = f"{name[:-1]}{number}-*" if indexed else name
        yield pod_of(obj, own, spec.get("template", {}), beside, when=When.PASSING, step=step)


def pod(obj: Object, beside: Beside) -> Iterator[Found]:
    """Itself; one that is a hook passes."""
    meta = obj["metadata"]
    step = next((f"{one} {meta['name']}" for one in INSTALLS if one in hooks(obj)), "")
    yield pod_of(
        obj,
        meta["name"],
        {"metadata": meta, "spec": obj.get("spec", {})},
        beside,
        when=When.PASSING if step else When.REST,
        step=step,
    )


def claim(obj: Object, beside: Beside) -> Iterator[Found]:
    """Itself."""
    meta = obj["metadata"]
    yield claim_of(meta.get("namespace") or beside.namespace, meta["name"], obj.get("spec", {}))


def _scaled(obj: Object, beside: Beside, replicas: int) -> tuple[int, int]:
    """How many at rest and at most, by the HorizontalPodAutoscaler that means the object, if there is one."""
    for scaler in beside.of("HorizontalPodAutoscaler", "autoscaling"):
        spec = scaler.get("spec", {})
        meant = spec.get("scaleTargetRef", {})
        if meant.get("kind") == obj["kind"] and meant.get("name") == obj["metadata"]["name"]:
            most = int(spec.get("maxReplicas", replicas))
            return min(max(replicas, int(spec.get("minReplicas", 1))), most), most
    return replicas, replicas


def _share(told: int | str, of: int) -> int:
    """``25%`` of a number, rounded up; or the number itself."""
    return ceil(of * float(str(told).removesuffix("%")) / 100) if str(told).endswith("%") else int(told)


KINDS = {
    "CronJob": cron_job,
    "DaemonSet": daemon_set,
    "Deployment": deployment,
    "Job": job,
    "PersistentVolumeClaim": claim,
    "Pod": pod,
    "ReplicaSet": replica_set,
    "ReplicationController": replica_set,
    "StatefulSet": stateful_set,
}


def with_containers(
    template: Mapping[str, Any], containers: Iterable[Mapping[str, Any]], inits: Iterable[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """The template with more containers, and init containers before its own."""
    spec = template.get("spec", {})
    return {
        **template,
        "spec": {
            **spec,
            "containers": [*spec.get("containers", ()), *containers],
            "initContainers": [*inits, *spec.get("initContainers", ())],
        },
    }


def as_kind(obj: Object, kind: str, name: str, spec: Mapping[str, Any]) -> Object:
    """The object that an operator makes for one of its own."""
    return {**obj, "kind": kind, "metadata": {**obj["metadata"], "name": name}, "spec": spec}
