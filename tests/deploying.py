"""A provider that deploys what is there already: the addresses of the target file, as if it had started them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gonogo.catalog.registry import Component
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.servers import Phase, Progress, Report
from gonogo.providers import Ready
from gonogo.providers.existing.addresses import Existing


class Deploying(Existing):
    """``room`` are problems that `fits` finds; ``ended`` is what was taken down, by name."""

    completes = False

    def __init__(self, target: Any, room: Iterable[Problem] = ()) -> None:
        super().__init__(target)
        self.room, self.ended = list(room), list[list[str]]()

    def stands(self, component: Component) -> bool:
        return self.attached(component) is not None

    def version(self, component: Component) -> str:
        return "1.0"

    def takes(self, component: Component) -> dict[str, Any]:
        return {"memory_mib": 1, "disk_mib": 1, "processes": 1}

    def fits(self, components: Iterable[Component]) -> list[Problem]:
        return self.room

    def up(self, component: Component, needs: Mapping[str, Endpoints], ready: Ready, report: Report) -> Endpoints:
        endpoints = Existing.attached(self, component)
        if endpoints is None:
            raise ConfigError(Problem(component.name, "is not in the target file"))
        report(Progress(component.name, Phase.STARTING, "asking it"))
        ready(endpoints)
        return endpoints

    def down(self) -> None:
        self.ended.append(["everything"])

    def down_only(self, components: Iterable[Component]) -> None:
        self.ended.append([component.name for component in components])


class Replacing(Deploying):
    """Says of each component that it is replaced."""

    def replacing(self, tell: Callable[[str], None]) -> None:
        self.tell = tell

    def up(self, component: Component, needs: Mapping[str, Endpoints], ready: Ready, report: Report) -> Endpoints:
        self.tell(f"{component.name} is replaced; lost with it: everything")
        return super().up(component, needs, ready, report)
