"""The cluster's own objects: namespaces, nodes, autoscalers, disruption budgets."""

from __future__ import annotations

from gonogo.cluster.judge.doom import doom, kubectl, typed
from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.judge.verdict import READY, Judgement, State, short
from gonogo.cluster.judge.world import World, condition, reference
from gonogo.results.model import Reference

_REMAINS = (
    "NamespaceDeletionDiscoveryFailure",
    "NamespaceDeletionGroupVersionParsingFailure",
    "NamespaceDeletionContentFailure",
    "NamespaceFinalizersRemaining",
    "NamespaceContentRemaining",
)
"""Why a namespace is not gone yet (API reference, NamespaceCondition), the closest first."""

_PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")


def namespace(world: World, obj: Object) -> Judgement:
    """A Namespace: active, or being deleted and waiting for what its conditions name."""
    if "deletionTimestamp" not in obj["metadata"] and obj.get("status", {}).get("phase") != "Terminating":
        return READY
    waits = [condition(obj, kind) for kind in _REMAINS if condition(obj, kind).get("status") == "True"]
    finalizers = obj.get("spec", {}).get("finalizers", [])
    text = (
        "; ".join(found.get("message", "") for found in waits) or f"waits for {', '.join(finalizers) or 'its contents'}"
    )
    waited = world.since(obj["metadata"].get("deletionTimestamp", ""))
    command = kubectl(obj, "get", "-o", "yaml")
    verdict = doom("NamespaceStuck", f"is being deleted: {text}", waited=waited, command=command, cause=reference(obj))
    return verdict if waits or verdict.state is State.FAILED else verdict._replace(reason="Terminating")


def node(world: World, obj: Object) -> Judgement:
    """A Node: ready, without pressure; a cordoned one takes no new pods."""
    ready = condition(obj, "Ready")
    if ready.get("status") != "True":
        waited = world.since(ready.get("lastTransitionTime", ""))
        text = ready.get("message") or "its kubelet has not reported yet"
        return doom("NodeNotReady", text, waited=world.age(obj) if waited is None else waited, command=kubectl(obj))
    for kind in _PRESSURES:
        found = condition(obj, kind)
        if found.get("status") == "True":
            waited = world.since(found.get("lastTransitionTime", ""))
            text = f"{kind}: {found.get('message', '')}"
            return doom("NodePressure", text, waited=waited, command=kubectl(obj))._replace(reason=kind)
    if obj.get("spec", {}).get("unschedulable"):
        command = typed("", "uncordon", obj["metadata"]["name"])
        return Judgement(State.SUSPENDED, "Cordoned", "it takes no new pods", command)
    return READY


def autoscaler(world: World, obj: Object) -> Judgement:
    """A HorizontalPodAutoscaler: it can read its metrics and scale its target; a target of 0 replicas suspends it."""
    if obj.get("status", {}).get("observedGeneration", 1) < obj["metadata"].get("generation", 0):
        return Judgement(State.PROGRESSING, "NotObserved", "its controller has not seen its newest form", kubectl(obj))
    active, able = condition(obj, "ScalingActive"), condition(obj, "AbleToScale")
    target = obj.get("spec", {}).get("scaleTargetRef", {})
    if active.get("reason") == "ScalingDisabled":
        return Judgement(State.SUSPENDED, "ScalingDisabled", short(active.get("message", "")), kubectl(obj))
    for found, reason in ((able, "TargetMissing"), (active, "MetricsMissing")):
        # One that has just scaled is not able to for a while (reasons Backoff…), which is as it should be.
        if found.get("status") == "False" and not found.get("reason", "").startswith("Backoff"):
            waited = world.since(found.get("lastTransitionTime", ""))
            space = obj["metadata"].get("namespace", "")
            scaled = Reference(kind=target.get("kind", ""), namespace=space, name=target.get("name", ""))
            cause = scaled if reason == "TargetMissing" else None
            text = f"{found.get('reason', '')}: {found.get('message', '')}"
            return doom(reason, text, waited=waited, command=kubectl(obj), cause=cause)
    if not active or not able:
        return Judgement(State.PROGRESSING, "NotObserved", "it has not read its metrics yet", kubectl(obj))
    return READY


def budget(world: World, obj: Object) -> Judgement:
    """A PodDisruptionBudget: as many healthy pods as it asks for; one that allows no disruption now is ready."""
    status = obj.get("status", {})
    if status.get("observedGeneration", 0) < obj["metadata"].get("generation", 0):
        return Judgement(State.PROGRESSING, "NotObserved", "its controller has not seen its newest form", kubectl(obj))
    allowed = condition(obj, "DisruptionAllowed")
    if allowed.get("reason") == "SyncFailed":
        waited = world.since(allowed.get("lastTransitionTime", ""))
        return doom("BudgetUnsound", allowed.get("message", ""), waited=waited, command=kubectl(obj))
    healthy, desired = status.get("currentHealthy", 0), status.get("desiredHealthy", 0)
    if healthy < desired:
        text = f"{healthy} pods are healthy, it wants {desired}"
        return Judgement(State.PROGRESSING, "InsufficientPods", text, kubectl(obj))
    if not status.get("expectedPods", 0):
        return Judgement(State.READY, "NoPods", "it means no pod")
    if not status.get("disruptionsAllowed", 0):
        return Judgement(State.READY, "NoDisruptionAllowed", f"all of its {healthy} healthy pods are needed")
    return READY
