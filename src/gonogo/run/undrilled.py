"""Criteria that no drill turns red: why there is none, and the test that shows them red instead.

Data beside the drills (``suites/<component>/undrilled.toml``), so that a check which nobody has seen red has no place
to hide.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from gonogo.catalog.registry import Registry
from gonogo.core.content import SUITES
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.files import load_toml, suggestion
from gonogo.core.outcomes import Struct
from gonogo.run.drills import catalogue

FILE = "undrilled.toml"

TEST = re.compile(r"tests/[\w/]+\.py::test_\w+")
"""How a test is named: its file from the root of the repository, and its function."""


class Undrilled(Struct, frozen=True, kw_only=True):
    """One table of the file. ``asks`` are criteria, or claims of many (``*.account``) where these have no drill."""

    asks: tuple[str, ...]
    reason: str
    seen_red: str

    def __post_init__(self) -> None:
        if not self.asks:
            raise ValueError("asks names no criterion")
        if not self.reason.strip():
            raise ValueError("reason says nothing: why has it no drill?")
        if not TEST.fullmatch(self.seen_red):
            raise ValueError(f"seen_red is no test, as tests/test_red.py::test_red would be: {self.seen_red!r}")

    @property
    def test(self) -> tuple[str, str]:
        """The file of the test, and its function."""
        path, _, function = self.seen_red.partition("::")
        return path, function


class UndrilledFile(Struct, frozen=True, kw_only=True):
    """All of a file."""

    undrilled: tuple[Undrilled, ...]


class Reasoned(NamedTuple):
    """What a file says of a criterion."""

    path: Path
    entry: Undrilled


def undrilled(registry: Registry) -> dict[str, Reasoned]:
    """Criterion to why it has no drill.

    Raises ``ConfigError`` where one's own file names unknown ones, or what has a drill or two reasons.
    """
    drilled = {id for drill in catalogue(registry.content, registry) for id in drill.expected.asks}
    found: dict[str, Reasoned] = {}
    problems: list[Problem] = []
    for path in registry.content.files(f"{SUITES}/*/{FILE}"):
        wrong: list[Problem] = []
        for entry in load_toml(path, UndrilledFile).undrilled:
            for name in entry.asks:
                ids = registry.shared.get(name, (name,) if name in registry.criteria else ())
                without = [id for id in ids if id not in drilled]
                if name not in registry.criteria and name not in registry.shared:
                    near = suggestion(name, [*registry.criteria, *registry.shared])
                    wrong.append(Problem(str(path), f"unknown criterion {name!r}", near))
                elif not without:
                    wrong.append(Problem(str(path), f"a drill turns {name} red; it needs no reason"))
                for id in without:
                    if id in found:
                        wrong.append(Problem(str(path), f"{id} has a reason already, in {found[id].path}"))
                    found[id] = Reasoned(path, entry)
        # beside one's own content a built-in file may name what is not taken, or what has a drill of one's own
        problems += wrong if registry.content.is_own(path) else []
    if problems:
        raise ConfigError(*problems)
    return found
