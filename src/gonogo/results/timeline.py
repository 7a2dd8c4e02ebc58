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

    def cost(self) -> tuple[float, float]:
        """Seconds of the run so far, and those of them that gonogo itself took (:func:`overhead`), as of one moment."""
        with self._lock:
            seconds = self.now
            return seconds, overhead(self._spans, seconds)


def overhead(spans: Iterable[Span], seconds: float) -> float:
    """What gonogo itself took of a run: its wall time without the union of its spans, in which others had the word.

    They are that something is fetched, a server starts, answers or ends, or the body of a check runs. What a span has
    before the run or after it does not count: the figure is never below 0, nor above the run's ``seconds``.
    """
    total, until = 0.0, 0.0
    for span in sorted(spans, key=lambda s: s.started):
        end = min(span.started + span.seconds, seconds)
        total += max(0.0, end - max(until, span.started))
        until = max(until, end)
    return min(max(0.0, seconds - total), seconds)


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
