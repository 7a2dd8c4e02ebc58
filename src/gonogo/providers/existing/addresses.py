"""Attaches to servers named in the target file, and changes nothing about how they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from gonogo.catalog.registry import Component
from gonogo.catalog.target import Target
from gonogo.checks.inside import Inside
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import ConfigError, NotAllowed, NotAskable, Problem
from gonogo.core.home import home, private
from gonogo.core.servers import Phase, Progress, Report, Server
from gonogo.providers import Ready, Reason
from gonogo.results.model import Evidence


class Existing:
    """What is there already: ``up`` only resolves addresses and asks once."""

    name = "existing"
    capabilities: frozenset[str] = frozenset()

    def __init__(self, target: Target) -> None:
        self._target = target

    def version(self, component: Component) -> str:
        """Unknown until the server is asked."""
        return ""

    def takes(self, component: Component) -> dict[str, Any]:
        """Nothing: it stands already."""
        return {"memory_mib": 0, "disk_mib": 0, "processes": 0}

    def fits(self, components: Iterable[Component]) -> list[Problem]:
        """It stands already."""
        return []

    def up(self, component: Component, needs: Mapping[str, Endpoints], ready: Ready, report: Report) -> Endpoints:
        """The addresses of the target file, once the component answers."""
        endpoints = self.attached(component)
        if endpoints is None:
            raise ConfigError(Problem(str(self._target.path), f"no table [components.{component.name}]"))
        report(Progress(component.name, Phase.STARTING, "asking it"))
        ready(endpoints)
        return endpoints

    def replacing(self, tell: Callable[[str], None]) -> None:
        """Refused: gonogo did not start these servers."""
        raise ConfigError(Problem("--replace", f"gonogo did not start the servers of {self._target.name!r}"))

    def stands(self, component: Component) -> bool:
        """Whether the target file names it."""
        return self.attached(component) is not None

    def attached(self, component: Component) -> Endpoints | None:
        """The addresses of the target file, or None where it does not name the component."""
        return self._target.resolved(component) if component.name in self._target.components else None

    def place(self) -> str:
        """Of servers alone none is known."""
        return ""

    def confirm(self) -> str:
        """Nothing: each server is asked for its own identity."""
        return ""

    def servers(self) -> list[Server]:
        """Nothing: which processes serve an address is not for us to see."""
        return []

    def inside(self) -> Callable[[str], Inside]:
        """Nobody can look: an address leads to no host."""

        def nowhere(component: str) -> Inside:
            raise NotAskable(component, "the target has no [kubernetes]: only the server's address is known")

        return nowhere

    def reason(self, component: Component) -> Reason | None:
        """Nothing: only the server itself is seen."""
        return None

    def evidence(self, component: str) -> list[Evidence]:
        """Nothing beyond what the checks themselves saw."""
        return []

    def disturb(self, component: Component, how: str, node: str, ready: Ready) -> AbstractContextManager[Server]:
        """Refused: gonogo did not start these servers and cannot start them again."""
        raise NotAllowed(f"{component.name} was not started by gonogo, so it cannot be told to {how} {node or 'it'}")

    def down(self) -> None:
        """Nothing was made, nothing is taken down."""

    def down_only(self, components: Iterable[Component]) -> None:
        """Nothing was made, nothing is taken down."""

    def keep(self) -> None:
        """It stays in any case."""

    def close(self) -> None:
        """Nothing is held open."""

    def private(self) -> Path:
        """Below GONOGO_HOME."""
        return private(home() / "secrets")
