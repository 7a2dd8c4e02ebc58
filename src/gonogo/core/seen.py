"""What a check saw beside what it expected, for the report of one that passes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from gonogo.core.outlet import uncut

AMBIGUOUS = re.compile(r", |^\s|\s$|^(?:none|nothing|yes|no|-?[\d.]+)$")
"""A text among others that may be read as several, as no text, or as ending elsewhere."""


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
    """``value`` as the report shows it, cut at ``limit``: ``a, b``, ``nothing``, ``yes``, ``a: 1, b: 2``."""
    text = value if isinstance(value, str) else _plain(value)
    text = uncut(text, limit)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if hasattr(value, "_asdict"):
        return str(value) if "__str__" in vars(type(value)) else _plain(value._asdict())
    if isinstance(value, Mapping):
        return ", ".join(f"{_inner(key)}: {_inner(one)}" for key, one in value.items()) or "nothing"
    if isinstance(value, set | frozenset):
        return ", ".join(sorted(map(_inner, value))) or "nothing"
    if isinstance(value, list | tuple):
        return ", ".join(map(_inner, value)) or "nothing"
    return repr(value)


def _inner(value: Any) -> str:
    """Of several: what could be taken for more than one, or for none, is marked."""
    if isinstance(value, str):
        return value if value.strip() and not AMBIGUOUS.search(value) else repr(value)
    if isinstance(value, set | frozenset | list | tuple) and len(value) == 1 and not hasattr(value, "_asdict"):
        return _inner(*value)
    several = isinstance(value, Mapping | set | frozenset | list | tuple) and value
    return f"({_plain(value)})" if several else _plain(value)
