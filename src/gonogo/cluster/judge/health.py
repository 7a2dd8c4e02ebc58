"""The health of a platform: how many of the pods that should serve do, and which explain the difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from gonogo.cluster.judge.pods import pod as judged
from gonogo.cluster.judge.shapes import MISSHAPEN, Object
from gonogo.cluster.judge.verdict import State, Verdict
from gonogo.cluster.judge.world import World, condition
from gonogo.model import Health, Odd, Place, Storage, Wish

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
        if (found is Place.HEALTHY) != (phase == "Running") or found not in EXCLUDED | {Place.HEALTHY}:
            explain.append(_odd(obj, found, verdict))
    pods = places.total()
    excluded = sum(places[out] for out in EXCLUDED)
    counted = pods - excluded
    return Health(
        strict=round(100 * places[Place.HEALTHY] / counted, 2) if counted else None,
        literal=round(100 * running / pods, 2) if pods else None,
        healthy=places[Place.HEALTHY],
        unhealthy=places[Place.UNHEALTHY],
        settling=places[Place.SETTLING],
        unknown=places[Place.UNKNOWN],
        excluded=excluded,
        succeeded=places[Place.SUCCEEDED],
        terminating=places[Place.TERMINATING],
        replaced=places[Place.REPLACED],
        pods=pods,
        running=running,
        formula=_formula(places, pods),
        explain=tuple(explain),
    )


def place(world: World, obj: Object, settle: float = SETTLE) -> tuple[Place, Verdict]:
    """Where one pod stands in the sum, and the verdict that put it there."""
    if MISSHAPEN in obj:
        return Place.UNKNOWN, Verdict(State.UNKNOWN, "Malformed", obj[MISSHAPEN])
    verdict = judged(world, obj)
    if verdict.state is State.READY:
        return (Place.SUCCEEDED if verdict.reason == "Completed" else Place.HEALTHY), verdict
    if verdict.state is State.FAILED:
        return Place.UNHEALTHY, verdict
    waited = world.since(condition(obj, "Ready").get("lastTransitionTime", "")) or world.age(obj)
    return (Place.SETTLING if waited < settle else Place.UNHEALTHY), verdict


def _pods(world: World, namespaces: Collection[str]) -> list[Object]:
    return [
        obj
        for obj in world.objects
        if obj.get("kind") == "Pod" and (not namespaces or obj["metadata"].get("namespace", "") in namespaces)
    ]


def _odd(obj: Object, found: Place, verdict: Verdict) -> Odd:
    meta = obj["metadata"]
    return Odd(
        namespace=meta.get("namespace", ""),
        name=meta.get("name", ""),
        place=found,
        phase=obj.get("status", {}).get("phase", ""),
        reason=verdict.reason,
        message=verdict.message,
        node=obj.get("spec", {}).get("nodeName", ""),
    )


def _formula(places: Counter[Place], pods: int) -> str:
    out = " − ".join(f"{places[where]} {where}" for where in (Place.SUCCEEDED, Place.TERMINATING, Place.REPLACED))
    return f"{places[Place.HEALTHY]} healthy / ({pods} pods − {out})"
