"""Where the time of a run went, by one monotonic clock: spans, the critical path, and what was ours."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import msgspec

from gonogo.core.waiting import REAL, Clock
from gonogo.results.model import Span

TOUCHING = 0.02
"""Seconds between the end of one span and the start of the next that still count as a chain."""


class Timeline:
    """Collects spans from all threads of a run."""

    def __init__(self, clock: Clock = REAL) -> None:
        self._clock, self._began = clock, clock.now()
        self._lock = threading.Lock()
        self._spans: list[Span] = []

    @property
    def now(self) -> float:
        """Seconds since the run started."""
        return self._clock.now() - self._began

    def add(self, name: str, kind: str, component: str, started: float) -> Span:
        """A span that began at ``started`` and ends now."""
        span = Span(name=name, kind=kind, component=component, started=started, seconds=self.now - started)
        with self._lock:
            self._spans.append(span)
        return span

    @contextmanager
    def span(self, name: str, kind: str, component: str = "") -> Iterator[None]:
        """The body as one span, also where it raises."""
        started = self.now
        try:
            yield
        finally:
            self.add(name, kind, component, started)

    def spans(self) -> tuple[Span, ...]:
        """All spans so far by start, the critical path marked."""
        with self._lock:
            return marked(self._spans)

    def overhead(self) -> float:
        """Seconds of the run so far in which no span was open: what gonogo itself cost."""
        with self._lock:
            return max(0.0, self.now - covered(self._spans))


def covered(spans: Iterable[Span]) -> float:
    """Seconds during which at least one span was open."""
    total, until = 0.0, float("-inf")
    for span in sorted(spans, key=lambda s: s.started):
        end = span.started + span.seconds
        total += max(0.0, end - max(until, span.started))
        until = max(until, end)
    return total


def marked(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The spans by start, those on the critical path marked.

    The path is walked backwards from the span that ended last: before each one comes the span that
    ended last of those that ended before it began.
    """
    ordered = sorted(spans, key=lambda s: (s.started, s.component, s.name))
    path: set[int] = set()
    current = max(range(len(ordered)), key=lambda i: ordered[i].started + ordered[i].seconds, default=None)
    while current is not None:
        path.add(current)
        start = ordered[current].started + TOUCHING
        before = [i for i, s in enumerate(ordered) if i not in path and s.started + s.seconds <= start]
        current = max(before, key=lambda i: ordered[i].started + ordered[i].seconds, default=None)
    return tuple(msgspec.structs.replace(s, critical_path=i in path) for i, s in enumerate(ordered))
