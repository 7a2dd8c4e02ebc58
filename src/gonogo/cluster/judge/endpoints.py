"""Which pods a selector means, and whether a Service has a ready one behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.judge.world import World, condition

SERVICE_NAME = "kubernetes.io/service-name"
"""The label by which an EndpointSlice says whose it is."""


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector means an object with these labels; an empty one means every object."""
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        _meets(wish, labels) for wish in selector.get("matchExpressions", ())
    )


def _meets(wish: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    name, values = wish.get("key", ""), wish.get("values", ())
    match wish.get("operator"):
        case "In":
            return labels.get(name) in values
        case "NotIn":
            return labels.get(name) not in values
        case "Exists":
            return name in labels
        case "DoesNotExist":
            return name not in labels
    return False


def selected(world: World, namespace: str, selector: Mapping[str, Any]) -> Iterator[Object]:
    """The pods of a namespace that a selector means, without those that have ended."""
    for pod in world.in_namespace("Pod", namespace):
        if pod.get("status", {}).get("phase") not in ("Succeeded", "Failed") and matches(
            selector, pod["metadata"].get("labels", {})
        ):
            yield pod


def ready_endpoints(world: World, service: Object) -> int | None:
    """How many endpoints of a Service are ready; None where neither its slices nor its pods are known."""
    meta, spec = service["metadata"], service.get("spec", {})
    space = meta.get("namespace", "")
    slices: list[Any] = [s for s in world.in_namespace("EndpointSlice", space) if _of(s) == meta["name"]]
    if slices or world.knows_all("EndpointSlice", space):
        endpoints = [endpoint for part in slices for endpoint in part.get("endpoints", ())]
        return sum(len(e.get("addresses", ())) for e in endpoints if e.get("conditions", {}).get("ready", True))
    if not spec.get("selector"):
        return None
    pods = list(selected(world, space, {"matchLabels": spec["selector"]}))
    if not pods and not world.knows_all("Pod", space):
        return None
    return len([pod for pod in pods if condition(pod, "Ready").get("status") == "True"])


def _of(part: Object) -> str:
    return part["metadata"].get("labels", {}).get(SERVICE_NAME, "")  # type: ignore[no-any-return]
