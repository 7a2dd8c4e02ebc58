"""The health of a platform: how many of the pods that should serve do, and which explain the difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from gonogo.cluster.judge import custom, pods, workloads
from gonogo.cluster.judge.shapes import MISSHAPEN, Object, known_as
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


def owners(world: World) -> dict[str, Mapping[str, Any]]:
    """What owns pods and is no workload of Kubernetes' own: the references by uid (StrimziPodSet, RayCluster, Rollout).

    Batch kinds are left out, as Jobs are: their pods end.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for obj in world.of_kind("Pod"):
        owner = controller(obj)
        # a Rollout owns pods as a Deployment does, through ReplicaSets
        if owner and (between := world.by_uid(owner.get("uid", ""))) and between["kind"] in _BETWEEN:
            owner = controller(between)
        kind = known_as(owner.get("apiVersion", ""), owner.get("kind", "")) if owner else ""
        if owner and "." in kind and not world.rules.of(kind).batch:
            found[owner.get("uid", "")] = {**owner, "namespace": obj["metadata"].get("namespace", "")}
    return found


def healthy(world: World, obj: Object) -> int:
    """How many of the pods that an object owns, directly or by ReplicaSets, are healthy."""
    return sum(place(world, pod)[0] is PodHealth.HEALTHY for pod in _owned(world, obj["metadata"].get("uid", "")))


_BETWEEN = ("ReplicaSet", "ReplicationController")


def _owned(world: World, uid: str) -> Iterator[Object]:
    for child in world.children_of(uid):
        if child["kind"] == "Pod":
            yield child
        elif child["kind"] in _BETWEEN:
            yield from world.children(child, "Pod")


def _operated(world: World, meant: Callable[[Object], bool]) -> Iterator[Shortfall]:
    """The custom resources that own pods and have fewer healthy ones than desired, or are not what they should be.

    An owner that nobody could show counts with the pods that are there: more of it is not known.
    """
    references = owners(world)
    kinds = {known_as(one["apiVersion"], one["kind"]) for one in references.values()}
    known = {obj["metadata"].get("uid", ""): obj for kind in kinds for obj in world.of_kind(kind)}
    for uid, reference in {**{uid: obj["metadata"] for uid, obj in known.items()}, **references}.items():
        obj = known.get(uid)
        if not meant(obj or {"metadata": reference}):
            continue
        stands = [place(world, pod) for pod in _owned(world, uid)]
        counted = [verdict for found, verdict in stands if found not in EXCLUDED]
        ready = sum(found is PodHealth.HEALTHY for found, _ in stands)
        own = custom.judge(world, obj) if obj is not None else None
        desired = max(len(counted), custom.desired(world, obj) if obj is not None else 0)
        if ready >= desired and (own is None or own.state is State.READY):
            continue
        why = own if own is not None and own.state is not State.READY else workloads.worst(counted)
        why = why or Judgement(State.PROGRESSING, "PodsMissing", f"{len(counted)} of {desired} pods are there")
        yield _shortfall(world, (obj or reference)["kind"], reference, desired, ready, why)


def _below(world: World, meant: Callable[[Object], bool]) -> Iterator[Shortfall]:
    """What has fewer ready pods than desired, whatever its kind, and workloads of which none is desired."""
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
                yield _shortfall(world, kind, meta, desired, ready, judge(world, obj))
    yield from _operated(world, meant)


def _shortfall(
    world: World, kind: str, meta: Mapping[str, Any], desired: int, ready: int, verdict: Judgement
) -> Shortfall:
    return Shortfall(
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
