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
    labels = selector.get("matchLabels", {})
    few = world.index(_labelled).get((namespace, *next(iter(labels.items()))), ()) if labels else None
    for pod in world.in_namespace("Pod", namespace) if few is None else few:
        if matches(selector, pod["metadata"].get("labels", {})):
            yield pod


def _labelled(world: World) -> Mapping[tuple[str, str, str], list[Object]]:
    """The pods that have not ended, by namespace and each of their labels."""
    found: dict[tuple[str, str, str], list[Object]] = {}
    for pod in world.of_kind("Pod"):
        if pod.get("status", {}).get("phase") not in ("Succeeded", "Failed"):
            space = pod["metadata"].get("namespace", "")
            for label in pod["metadata"].get("labels", {}).items():
                found.setdefault((space, *label), []).append(pod)
    return found


def ready_endpoints(world: World, service: Object) -> int | None:
    """How many endpoints of a Service are ready; None where neither its slices nor its pods are known."""
    meta, spec = service["metadata"], service.get("spec", {})
    space = meta.get("namespace", "")
    slices = world.index(_slices).get((space, meta["name"]), ())
    if slices or world.knows_all("EndpointSlice", space):
        endpoints = [endpoint for part in slices for endpoint in part.get("endpoints", ())]
        return sum(len(e.get("addresses", ())) for e in endpoints if e.get("conditions", {}).get("ready", True))
    if not spec.get("selector"):
        return None
    pods = list(selected(world, space, {"matchLabels": spec["selector"]}))
    if not pods and not world.knows_all("Pod", space):
        return None
    return len([pod for pod in pods if condition(pod, "Ready").get("status") == "True"])


def _slices(world: World) -> Mapping[tuple[str, str], list[Object]]:
    """The EndpointSlices by namespace and name of their Service."""
    found: dict[tuple[str, str], list[Object]] = {}
    for part in world.of_kind("EndpointSlice"):
        meta = part["metadata"]
        found.setdefault((meta.get("namespace", ""), meta.get("labels", {}).get(SERVICE_NAME, "")), []).append(part)
    return found
