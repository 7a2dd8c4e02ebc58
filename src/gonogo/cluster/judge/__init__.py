"""From plain objects to states: no client, no clock, no I/O. What is not in the world is not known.

``World.of(objects, now=…)`` → ``judge(world)`` (a row per object) and ``tally(world)`` (the platform's health).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from gonogo.cluster.judge import cluster, custom, extensions, network, pods, storage, workloads
from gonogo.cluster.judge.doom import doom, kubectl, untold
from gonogo.cluster.judge.health import tally
from gonogo.cluster.judge.shapes import MISSHAPEN, Object, known_as
from gonogo.cluster.judge.verdict import Judgement, Row, State, short
from gonogo.cluster.judge.world import World, controller, reference
from gonogo.results.model import Health, PodHealth

__all__ = ["Health", "Judgement", "Object", "PodHealth", "Row", "State", "World", "judge", "tally", "told", "verdict"]

JUDGES: Mapping[str, Callable[[World, Object], Judgement]] = {
    "APIService": extensions.api_service,
    "CronJob": workloads.cron_job,
    "CustomResourceDefinition": extensions.definition,
    "DaemonSet": workloads.daemon_set,
    "Deployment": workloads.deployment,
    "EndpointSlice": network.endpoint_slice,
    "HorizontalPodAutoscaler": cluster.autoscaler,
    "Ingress": network.ingress,
    "Job": workloads.job,
    "MutatingWebhookConfiguration": extensions.webhooks,
    "Namespace": cluster.namespace,
    "Node": cluster.node,
    "PersistentVolume": storage.volume,
    "PersistentVolumeClaim": storage.claim,
    "Pod": pods.pod,
    "PodDisruptionBudget": cluster.budget,
    "ReplicaSet": workloads.replica_set,
    "ReplicationController": workloads.replica_set,
    "Service": network.service,
    "StatefulSet": workloads.stateful_set,
    "ValidatingWebhookConfiguration": extensions.webhooks,
}
"""The judge of each built-in kind that has a state."""

_SAY_HOW_THEY_END = frozenset({"Pod", "Namespace"})


def judge(world: World) -> list[Row]:
    """A row per object that has a state, in the order of the world's objects.

    Kinds without one (Event, ConfigMap, Secret, Role…) and a Deployment's older ReplicaSets give no row. An object
    that does not fit its kind's definition gives ``unknown``, reason ``Malformed``, and the message names the field.
    """
    return list(told(world, world.objects))


def told(world: World, objects: Iterable[Object]) -> Iterator[Row]:
    """The rows of some objects of a world."""
    return (_row(world, obj, found) for obj in objects if (found := verdict(world, obj)) is not None)


def verdict(world: World, obj: Object) -> Judgement | None:
    """The verdict on one object of a world; None where it has no state."""
    if MISSHAPEN in obj:
        return Judgement(State.UNKNOWN, "Malformed", short(obj[MISSHAPEN]))
    kind = known_as(obj["apiVersion"], obj["kind"])
    of_kind = JUDGES.get(kind)
    if of_kind is None and "." not in kind:
        return None
    meta = obj["metadata"]
    if "deletionTimestamp" in meta and kind not in _SAY_HOW_THEY_END:
        return _ending(world, obj)
    if of_kind is None:  # of a group that is not Kubernetes' own
        return custom.judge(world, obj)
    if "creationTimestamp" not in meta and not obj.get("status"):
        return Judgement(State.UNKNOWN, "NoStatus", "no status: a manifest as it is written, not as a cluster holds it")
    if kind == "ReplicaSet" and obj.get("spec", {}).get("replicas", 1) == 0 and controller(obj) is not None:
        return None
    return of_kind(world, obj)


def _ending(world: World, obj: Object) -> Judgement:
    meta = obj["metadata"]
    waits = ", ".join(meta.get("finalizers", ())) or "nothing that it names"
    waited = world.since(meta["deletionTimestamp"])
    text = f"is being deleted; finalizers that it waits for: {waits}"
    found = doom("TerminatingStuck", text, waited=waited, command=kubectl(obj, "get", "-o", "yaml"))
    return found if found.state is State.FAILED else found._replace(reason=pods.TERMINATING)


def _row(world: World, obj: Object, found: Judgement) -> Row:
    meta = obj.get("metadata", {})
    if world.lagging and found.grace is not None:
        found = untold(found)
    root = None if found.cause is None or found.cause == reference(obj) else found.cause
    return Row(
        kind=obj.get("kind", ""),
        api_version=obj.get("apiVersion", ""),
        namespace=meta.get("namespace", ""),
        name=meta.get("name", ""),
        state=found.state,
        reason=found.reason,
        message=found.told,
        hint=found.hint,
        cause=str(root) if root else "",
        source=world.source(obj),
        root=root,
        grace=found.grace,
        since=world.before(found.waited),
        container=found.container,
        image=found.image,
        exit_code=found.exit_code,
        lacks=found.lacks,
    )
