"""Which pods a selector means, who makes them, and whether a Service has a ready one behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.judge.world import World, condition, ended

SERVICE_NAME = "kubernetes.io/service-name"
"""The label by which an EndpointSlice says whose it is."""


MAKERS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job")
"""The workloads that make pods from a template."""


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector means an object with these labels; an empty one means every object."""
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        _meets(wanted, labels) for wanted in selector.get("matchExpressions", ())
    )


def _meets(wanted: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    name, values = wanted.get("key", ""), wanted.get("values", ())
    match wanted.get("operator"):
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
        if matches(selector, pod["metadata"].get("labels", {})) and not ended(pod):
            yield pod


def makers(world: World, namespace: str, selector: Mapping[str, Any]) -> Iterator[Object]:
    """The workloads of a namespace whose pods a selector would mean."""
    for kind in MAKERS:
        for maker in world.in_namespace(kind, namespace):
            if matches(selector, template_labels(maker)):
                yield maker


def template_labels(maker: Object) -> Mapping[str, str]:
    """The labels of the pods that a workload makes: those of its template, which has at least what it selects."""
    spec = maker.get("spec", {})
    chosen: Mapping[str, str] = spec.get("selector", {}).get("matchLabels", {})
    return {**chosen, **spec.get("template", {}).get("metadata", {}).get("labels", {})}


def _labelled(world: World) -> Mapping[tuple[str, str, str], list[Object]]:
    """The pods that have not ended, by namespace and each of their labels."""
    found: dict[tuple[str, str, str], list[Object]] = {}
    for pod in world.of_kind("Pod"):
        if not ended(pod):
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
