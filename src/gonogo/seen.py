"""What a check saw, for the report of a check that passes; one that fails says it through ``wrong``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from gonogo.errors import shown


@dataclass
class Seen:
    """What was expected, and what was seen, as the report shows it."""

    expected: str = ""
    actual: str = ""


_CHECK: ContextVar[Seen | None] = ContextVar("check", default=None)


def saw(actual: object, *, expected: object) -> None:
    """Show ``actual`` beside ``expected`` in the report. Outside a run it does nothing."""
    seen = _CHECK.get()
    if seen is not None:
        seen.expected, seen.actual = shown(expected), shown(actual)


@contextmanager
def seeing() -> Iterator[Seen]:
    """What the body, in this thread, says that it saw."""
    seen = Seen()
    token = _CHECK.set(seen)
    try:
        yield seen
    finally:
        _CHECK.reset(token)
