"""What a crashing pod waits for: a Service that it names itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gonogo.cluster.judge.endpoints import matches, ready_endpoints
from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.judge.world import World

_HOST = re.compile(r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?")


def unready(world: World, pod: Object) -> Object | None:
    """The first Service that the pod's environment or arguments name and that has no ready endpoint.

    A Service that the pod itself stands behind is not meant.
    """
    labels = pod["metadata"].get("labels", {})
    for service in _named(world, pod):
        selector = service.get("spec", {}).get("selector")
        if selector and not matches({"matchLabels": selector}, labels) and ready_endpoints(world, service) == 0:
            return service
    return None


def _named(world: World, pod: Object) -> Iterator[Object]:
    space = pod["metadata"].get("namespace", "")
    for host in dict.fromkeys(_hosts(pod)):
        name, _, rest = host.partition(".")
        service = world.get("Service", rest.partition(".")[0] or space, name)
        if service is not None:
            yield service


def _hosts(pod: Object) -> Iterator[str]:
    spec = pod.get("spec", {})
    for container in (*spec.get("initContainers", ()), *spec.get("containers", ())):
        texts = [variable.get("value", "") for variable in container.get("env", ())]
        for text in (*texts, *container.get("command", ()), *container.get("args", ())):
            yield from _HOST.findall(text)
