"""The health of a platform: how many of the pods that should serve do, and which explain the difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from gonogo.cluster.judge import pods, workloads
from gonogo.cluster.judge.shapes import MISSHAPEN, Object
from gonogo.cluster.judge.storage import measure
from gonogo.cluster.judge.verdict import State, Verdict
from gonogo.cluster.judge.world import World, condition, controller
from gonogo.results.model import Health, Odd, Place, Wish

SETTLE = 300.0
"""Seconds that a pod may take until it is ready before it counts as unhealthy."""

EXCLUDED = frozenset({Place.SUCCEEDED, Place.TERMINATING, Place.REPLACED})


def tally(world: World, *, settle: float = SETTLE, namespaces: Collection[str] = ()) -> Health:
    """The health of all pods of a world, of those in ``namespaces`` if any are named.

    A pod that is not ready counts as settling for ``settle`` seconds, unless it is doomed: then it is
    unhealthy at once.
    """
    places: Counter[Place] = Counter()
    running = 0
    explain = []
    for obj in _pods(world, namespaces):
        found, verdict = place(world, obj, settle)
        places[found] += 1
        phase = obj.get("status", {}).get("phase", "")
        running += phase == "Running"
        if found is not Place.HEALTHY:
            explain.append(_odd(world, obj, found, verdict))
    total = places.total()
    excluded = sum(places[out] for out in EXCLUDED)
    counted = total - excluded
    return Health(
        strict=round(100 * places[Place.HEALTHY] / counted, 2) if counted else None,
        literal=round(100 * running / total, 2) if total else None,
        healthy=places[Place.HEALTHY],
        unhealthy=places[Place.UNHEALTHY],
        settling=places[Place.SETTLING],
        unknown=places[Place.UNKNOWN],
        excluded=excluded,
        succeeded=places[Place.SUCCEEDED],
        terminating=places[Place.TERMINATING],
        replaced=places[Place.REPLACED],
        pods=total,
        running=running,
        formula=_formula(places, total),
        storage=measure(world, namespaces),
        explain=tuple(explain),
        below=tuple(_below(world, namespaces)),
    )


def place(world: World, obj: Object, settle: float = SETTLE) -> tuple[Place, Verdict]:
    """Where one pod stands in the sum, and the verdict that put it there."""
    if MISSHAPEN in obj:
        return Place.UNKNOWN, Verdict(State.UNKNOWN, "Malformed", obj[MISSHAPEN])
    verdict = pods.pod(world, obj)
    match verdict:
        case Verdict(state=State.READY, reason=pods.COMPLETED):
            return Place.SUCCEEDED, verdict
        case Verdict(state=State.READY, reason=pods.REPLACED):
            return Place.REPLACED, verdict
        case Verdict(state=State.READY):
            return Place.HEALTHY, verdict
        case Verdict(state=State.FAILED):
            return Place.UNHEALTHY, verdict
        case Verdict(state=State.UNKNOWN):
            return Place.UNKNOWN, verdict
    if verdict.reason in (pods.TERMINATING, pods.STUCK):
        return Place.TERMINATING, verdict
    if verdict.reason == pods.FLAPPING:
        return Place.UNHEALTHY, verdict
    return (Place.SETTLING if _may_settle(world, obj, verdict, settle) else Place.UNHEALTHY), verdict


def _may_settle(world: World, obj: Object, verdict: Verdict, settle: float) -> bool:
    """Whether a pod that is not ready may still become so: it is young, a Job's that works, or waits on purpose."""
    if verdict.state is State.SUSPENDED or (controller(obj) or {}).get("kind") == "Job":
        return True
    waited = world.since(
        condition(obj, "Ready").get("lastTransitionTime") or obj.get("status", {}).get("startTime", "")
    )
    return (world.age(obj) if waited is None else waited) < settle


def _pods(world: World, namespaces: Collection[str]) -> Iterator[Object]:
    for obj in world.objects:
        if obj.get("kind") == "Pod" and (not namespaces or obj["metadata"].get("namespace", "") in namespaces):
            yield obj


def _odd(world: World, obj: Object, found: Place, verdict: Verdict) -> Odd:
    meta = obj["metadata"]
    return Odd(
        namespace=meta.get("namespace", ""),
        name=meta.get("name", ""),
        place=found,
        phase=obj.get("status", {}).get("phase", ""),
        reason=verdict.reason,
        message=verdict.told,
        node=obj.get("spec", {}).get("nodeName", ""),
        root=verdict.cause,
        since=world.before(verdict.waited),
    )


def _formula(places: Counter[Place], total: int) -> str:
    out = " − ".join(f"{places[where]} {where}" for where in (Place.SUCCEEDED, Place.TERMINATING, Place.REPLACED))
    return f"{places[Place.HEALTHY]} healthy / ({total} pods − {out})"


_JUDGES = {
    "Deployment": workloads.deployment,
    "StatefulSet": workloads.stateful_set,
    "DaemonSet": workloads.daemon_set,
    "ReplicaSet": workloads.replica_set,
    "ReplicationController": workloads.replica_set,
}


def _below(world: World, namespaces: Collection[str]) -> Iterator[Wish]:
    """The workloads with fewer ready pods than they wish for, and those that wish for none."""
    for kind, judge in _JUDGES.items():
        for obj in world.of_kind(kind):
            meta, status = obj["metadata"], obj.get("status", {})
            owned = kind == "ReplicaSet" and controller(obj) is not None
            if owned or (namespaces and meta.get("namespace", "") not in namespaces):
                continue
            if kind == "DaemonSet":
                wished, ready = status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
                below = ready < wished
            else:
                wished, ready = obj.get("spec", {}).get("replicas", 1), status.get("readyReplicas", 0)
                below = ready < wished or wished == 0
            if below:
                verdict = judge(world, obj)
                yield Wish(
                    kind=kind,
                    namespace=meta.get("namespace", ""),
                    name=meta["name"],
                    wished=wished,
                    ready=ready,
                    reason=verdict.reason,
                    message=verdict.told,
                    root=verdict.cause,
                    since=world.before(verdict.waited),
                )
