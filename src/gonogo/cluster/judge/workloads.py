"""Controllers of pods: whether what they wish for is there, and which of their pods stands in the way."""

from __future__ import annotations

from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.judge.verdict import READY, State, Verdict
from gonogo.cluster.judge.world import World


def deployment(world: World, obj: Object) -> Verdict:  # noqa: ARG001
    """A Deployment, as ``kubectl rollout status`` reads it: the newest template everywhere, and all available."""
    spec, status = obj.get("spec", {}), obj.get("status", {})
    wished = spec.get("replicas", 1)
    if status.get("observedGeneration", 0) < obj["metadata"].get("generation", 0):
        return Verdict(State.PROGRESSING, "NotObserved")
    if status.get("updatedReplicas", 0) < wished or status.get("availableReplicas", 0) < wished:
        return Verdict(State.PROGRESSING, "Unavailable")
    return READY
