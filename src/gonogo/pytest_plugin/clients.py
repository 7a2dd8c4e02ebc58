"""The fixtures that hand out clients: one per component, by its name, and nothing but that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

from gonogo.checks.client import Client
from gonogo.checks.clients import built
from gonogo.core.content import Content, alone
from gonogo.core.endpoints import Endpoints


def fixtures(content: Content, components: Iterable[str]) -> ModuleType:
    """A plugin for pytest with the fixtures of these components."""
    plugin = ModuleType("gonogo's clients")
    for name in components:
        setattr(plugin, name, fixture(content, name))
    return plugin


def fixture(content: Content, component: str) -> Any:
    """The fixture of one component."""

    @pytest.fixture(name=component)
    def opened(endpoints: Callable[[str], Endpoints]) -> Iterator[Client]:
        """The component as clients reach it."""
        # The libraries are loaded where it answers; where not, no client is asked anything.
        with built(content, endpoints(component)) as client:
            yield client

    return opened


def code(fixture: Any) -> CodeType:
    """The code of a fixture's function, by which it is known among others of its name."""
    found: CodeType = fixture.__wrapped__.__code__
    return found


CODE = code(fixture(alone(Path()), "any"))
"""That of all these fixtures."""
