"""What a check saw beside what it expected, for the report of one that passes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from gonogo.core.outlet import uncut


@dataclass
class Observed:
    """Pairs of expected and actual, as the report shows them, in the order in which they were seen."""

    pairs: list[tuple[str, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    """Titles and texts of evidence that stands in the report whether the check passes or not."""

    @property
    def expected(self) -> str:
        """Every expectation, each once."""
        return "; ".join(dict.fromkeys(expected for expected, _ in self.pairs))

    @property
    def actual(self) -> str:
        """Everything that was seen, each once."""
        return "; ".join(dict.fromkeys(actual for _, actual in self.pairs))


_CHECK: ContextVar[Observed | None] = ContextVar("check", default=None)


def saw(actual: str, expected: str) -> None:
    """Tell the check that runs in this thread, if one does, what was seen where ``expected`` was expected."""
    if (seen := _CHECK.get()) is not None:
        seen.pairs.append((expected, actual))


def noted(title: str, text: str) -> None:
    """Have the check that runs in this thread, if one does, keep a text as evidence, whatever becomes of it."""
    if (seen := _CHECK.get()) is not None:
        seen.notes.append((title, text))


@contextmanager
def seeing() -> Iterator[Observed]:
    """What the body, in this thread, says that it saw."""
    seen = Observed()
    token = _CHECK.set(seen)
    try:
        yield seen
    finally:
        _CHECK.reset(token)


def shown(value: object, limit: int = 600) -> str:
    """``value`` as the report shows it: plain text stays, the rest is its repr, cut at ``limit``."""
    text = value if isinstance(value, str) else _plain(value)
    text = uncut(text, limit)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


def _plain(value: Any) -> str:
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(map(repr, value))) + "}"
    return repr(value)
