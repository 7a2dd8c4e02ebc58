"""The health of a platform: how many of the pods that should serve do, and which explain the difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator

from gonogo.cluster.judge import pods, workloads
from gonogo.cluster.judge.shapes import MISSHAPEN, Object
from gonogo.cluster.judge.storage import measure
from gonogo.cluster.judge.verdict import Judgement, State
from gonogo.cluster.judge.world import World, condition, controller
from gonogo.results.model import Health, Odd, PodHealth, Shortfall

SETTLE = 300.0
"""Seconds that a pod may take until it is ready before it counts as unhealthy."""

EXCLUDED = frozenset({PodHealth.SUCCEEDED, PodHealth.TERMINATING, PodHealth.REPLACED})


def tally(
    world: World,
    *,
    settle: float = SETTLE,
    namespaces: Collection[str] = (),
    fits: Callable[[Object], bool] = lambda _: True,
) -> Health:
    """The health of all pods of a world, of those in ``namespaces`` if any are named; of what ``fits`` alone.

    A pod that is not ready counts as settling for ``settle`` seconds, unless it is doomed: then it is
    unhealthy at once.
    """

    def meant(obj: Object) -> bool:
        return (not namespaces or obj["metadata"].get("namespace", "") in namespaces) and fits(obj)

    places: Counter[PodHealth] = Counter()
    running = 0
    explain = []
    for obj in _pods(world, meant):
        found, verdict = place(world, obj, settle)
        places[found] += 1
        phase = obj.get("status", {}).get("phase", "")
        running += phase == "Running"
        if found is not PodHealth.HEALTHY:
            explain.append(_odd(world, obj, found, verdict))
    total = places.total()
    excluded = sum(places[out] for out in EXCLUDED)
    counted = total - excluded
    return Health(
        strict=round(100 * places[PodHealth.HEALTHY] / counted, 2) if counted else None,
        literal=round(100 * running / total, 2) if total else None,
        healthy=places[PodHealth.HEALTHY],
        unhealthy=places[PodHealth.UNHEALTHY],
        settling=places[PodHealth.SETTLING],
        unknown=places[PodHealth.UNKNOWN],
        excluded=excluded,
        succeeded=places[PodHealth.SUCCEEDED],
        terminating=places[PodHealth.TERMINATING],
        replaced=places[PodHealth.REPLACED],
        pods=total,
        running=running,
        formula=_formula(places, total),
        storage=measure(world, meant),
        explain=tuple(explain),
        below=tuple(_below(world, meant)),
    )


def place(world: World, obj: Object, settle: float = SETTLE) -> tuple[PodHealth, Judgement]:
    """Where one pod stands in the sum, and the verdict that put it there."""
    if MISSHAPEN in obj:
        return PodHealth.UNKNOWN, Judgement(State.UNKNOWN, "Malformed", obj[MISSHAPEN])
    verdict = pods.pod(world, obj)
    match verdict:
        case Judgement(state=State.READY, reason=pods.COMPLETED):
            return PodHealth.SUCCEEDED, verdict
        case Judgement(state=State.READY, reason=pods.REPLACED):
            return PodHealth.REPLACED, verdict
        case Judgement(state=State.READY):
            return PodHealth.HEALTHY, verdict
        case Judgement(state=State.FAILED):
            return PodHealth.UNHEALTHY, verdict
        case Judgement(state=State.UNKNOWN):
            return PodHealth.UNKNOWN, verdict
    if verdict.reason in (pods.TERMINATING, pods.STUCK):
        return PodHealth.TERMINATING, verdict
    if verdict.reason == pods.FLAPPING:
        return PodHealth.UNHEALTHY, verdict
    return (PodHealth.SETTLING if _may_settle(world, obj, verdict, settle) else PodHealth.UNHEALTHY), verdict


def _may_settle(world: World, obj: Object, verdict: Judgement, settle: float) -> bool:
    """Whether a pod that is not ready may still become so: it is young, a Job's that works, or waits on purpose."""
    if verdict.state is State.SUSPENDED or (controller(obj) or {}).get("kind") == "Job":
        return True
    waited = world.since(
        condition(obj, "Ready").get("lastTransitionTime") or obj.get("status", {}).get("startTime", "")
    )
    return (world.age(obj) if waited is None else waited) < settle


def _pods(world: World, meant: Callable[[Object], bool]) -> Iterator[Object]:
    for obj in world.objects:
        if obj.get("kind") == "Pod" and meant(obj):
            yield obj


def _odd(world: World, obj: Object, found: PodHealth, verdict: Judgement) -> Odd:
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


def _formula(places: Counter[PodHealth], total: int) -> str:
    out = " − ".join(
        f"{places[where]} {where}" for where in (PodHealth.SUCCEEDED, PodHealth.TERMINATING, PodHealth.REPLACED)
    )
    return f"{places[PodHealth.HEALTHY]} healthy / ({total} pods − {out})"


_JUDGES = {
    "Deployment": workloads.deployment,
    "StatefulSet": workloads.stateful_set,
    "DaemonSet": workloads.daemon_set,
    "ReplicaSet": workloads.replica_set,
    "ReplicationController": workloads.replica_set,
}


def _below(world: World, meant: Callable[[Object], bool]) -> Iterator[Shortfall]:
    """The workloads with fewer ready pods than desired, and those of which none is desired."""
    for kind, judge in _JUDGES.items():
        for obj in world.of_kind(kind):
            meta, status = obj["metadata"], obj.get("status", {})
            owned = kind == "ReplicaSet" and controller(obj) is not None
            if owned or not meant(obj):
                continue
            if kind == "DaemonSet":
                desired, ready = status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
                below = ready < desired
            else:
                desired, ready = obj.get("spec", {}).get("replicas", 1), status.get("readyReplicas", 0)
                below = ready < desired or desired == 0
            if below:
                verdict = judge(world, obj)
                yield Shortfall(
                    kind=kind,
                    namespace=meta.get("namespace", ""),
                    name=meta["name"],
                    desired=desired,
                    ready=ready,
                    reason=verdict.reason,
                    message=verdict.told,
                    root=verdict.cause,
                    since=world.before(verdict.waited),
                )
