"""What a pod waits for that crashes, or does not begin: a Service that it names itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gonogo.cluster.judge.endpoints import matches, ready_endpoints
from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.judge.world import World

_HOST = re.compile(r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?")


WAITS = "WaitsForService"
"""The reason of a pod whose init container runs and names a Service without a ready endpoint."""


def unready(world: World, pod: Object, container: Mapping[str, Any] | None = None) -> Object | None:
    """The first Service that the pod's environment or arguments name and that has no ready endpoint.

    ``container``: those of this one alone. A Service that the pod itself stands behind is not meant.
    """
    labels = pod["metadata"].get("labels", {})
    for service in _named(world, pod, container):
        selector = service.get("spec", {}).get("selector")
        if selector and not matches({"matchLabels": selector}, labels) and ready_endpoints(world, service) == 0:
            return service
    return None


def _named(world: World, pod: Object, container: Mapping[str, Any] | None) -> Iterator[Object]:
    space, spec = pod["metadata"].get("namespace", ""), pod.get("spec", {})
    every = (*spec.get("initContainers", ()), *spec.get("containers", ())) if container is None else (container,)
    for host in dict.fromkeys(_hosts(every)):
        name, _, rest = host.partition(".")
        service = world.get("Service", rest.partition(".")[0] or space, name)
        if service is not None:
            yield service


def _hosts(containers: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for container in containers:
        texts = [variable.get("value", "") for variable in container.get("env", ())]
        for text in (*texts, *container.get("command", ()), *container.get("args", ())):
            yield from _HOST.findall(text)
