"""Why a pod does not serve, as its kubelet, the scheduler and the events about it tell."""

from __future__ import annotations

from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.judge.verdict import READY, State, Verdict, short
from gonogo.cluster.judge.world import World, condition


def pod(world: World, obj: Object) -> Verdict:  # noqa: ARG001
    """A pod: ready where its phase is Running and its condition Ready is True, or where it has succeeded."""
    status = obj.get("status", {})
    phase = status.get("phase", "")
    if phase == "Running" and condition(obj, "Ready").get("status") == "True":
        return READY
    if phase == "Succeeded":
        return Verdict(State.READY, "Completed")
    if phase == "Failed":
        return Verdict(State.FAILED, status.get("reason", "PodFailed"), short(status.get("message", "")))
    return Verdict(State.PROGRESSING, "NotReady", short(condition(obj, "Ready").get("message", "")))
