"""Attaches to servers named in the target file, and changes nothing about how they stand."""

from __future__ import annotations

from pathlib import Path

from gonogo.catalog.registry import Component
from gonogo.catalog.target import Target
from gonogo.core.endpoints import Endpoints
from gonogo.core.home import home, private
from gonogo.providers.existing.files import held


class Existing:
    """What is there already, at the addresses of the target file. Nothing more is seen of it, and nothing changed."""

    name = "existing"
    capabilities: frozenset[str] = frozenset()

    def __init__(self, target: Target) -> None:
        self._target = target

    def stands(self, component: Component) -> bool:
        """Whether the target file names it, or it needs no place."""
        named = component.name in self._target.components
        return component.anywhere or (named and self._target.resolved(component) is not None)

    def attached(self, component: Component) -> Endpoints | None:
        """The addresses of the target file, or None where it does not name the component."""
        if component.anywhere:
            return Endpoints(component.name, {})
        if component.name not in self._target.components:
            return None
        return held(self._target.resolved(component), component, self._target.name, self.private)

    def private(self) -> Path:
        """Below GONOGO_HOME."""
        return private(home() / "secrets")
