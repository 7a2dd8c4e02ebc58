"""From plain objects to states: no client, no clock, no I/O. What is not in the world is not known.

``World.of(objects, now=…)`` → ``judge(world)`` (a row per object) and ``tally(world)`` (the platform's health).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gonogo.cluster.judge import custom, pods, workloads
from gonogo.cluster.judge.health import tally
from gonogo.cluster.judge.shapes import MISSHAPEN, Object, known_as
from gonogo.cluster.judge.verdict import Row, State, Verdict
from gonogo.cluster.judge.world import World
from gonogo.model import Health, Place

__all__ = ["Health", "Object", "Place", "Row", "State", "Verdict", "World", "judge", "tally"]

JUDGES: Mapping[str, Callable[[World, Object], Verdict]] = {
    "Pod": pods.pod,
    "Deployment": workloads.deployment,
}


def judge(world: World) -> list[Row]:
    """A row per object that has a state, in the order of the world's objects.

    Kinds without one (Event, ConfigMap, Secret, Role…) give no row. An object that does not fit its kind's
    definition gives ``unknown``, reason ``Malformed``, and the message names the field.
    """
    return [_row(world, obj, verdict) for obj in world.objects if (verdict := _verdict(world, obj)) is not None]


def _verdict(world: World, obj: Object) -> Verdict | None:
    if MISSHAPEN in obj:
        return Verdict(State.UNKNOWN, "Malformed", obj[MISSHAPEN])
    known = known_as(obj["apiVersion"], obj["kind"])
    if "." in known:  # of a group that is not Kubernetes' own
        return custom.judge(world, obj)
    found = JUDGES.get(known)
    return found(world, obj) if found else None


def _row(world: World, obj: Object, verdict: Verdict) -> Row:
    meta = obj.get("metadata", {})
    return Row(
        kind=obj.get("kind", ""),
        api_version=obj.get("apiVersion", ""),
        namespace=meta.get("namespace", ""),
        name=meta.get("name", ""),
        state=verdict.state,
        reason=verdict.reason,
        message=verdict.message,
        hint=verdict.hint,
        cause=verdict.cause,
        source=world.source(obj),
    )
