"""The time line as geometry: one lane per component, spans as bars, in per cent of the run's length."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from math import isfinite

from gonogo.results.model import Results, Span

_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600)
_TICKS = 6


@dataclass(frozen=True)
class Bar:
    """One span; ``left`` and ``width`` are per cent, ``row`` counts from the top of its lane."""

    span: Span
    left: float
    width: float
    row: int


@dataclass(frozen=True)
class Lane:
    """The spans of one component; spans at the same time lie in rows below each other."""

    component: str
    bars: tuple[Bar, ...]
    rows: int


@dataclass(frozen=True)
class Tick:
    """A mark on the axis: where in per cent, and at which second."""

    left: float
    label: str


@dataclass(frozen=True)
class Chart:
    """The lanes in the order of the components, the axis, and the critical path by time."""

    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    seconds: float
    kinds: tuple[str, ...]
    path: tuple[Span, ...]


def chart(results: Results) -> Chart | None:
    """The chart of a run, or None where it recorded no span."""
    spans = sorted(results.spans, key=lambda s: (s.started, -s.seconds))
    if not spans:
        return None
    total = max([results.run.seconds, *(s.started + s.seconds for s in spans), 0.001])
    if not isfinite(total):  # times that nobody measured
        return None
    lanes: dict[str, list[Span]] = {component.name: [] for component in results.components}
    for span in spans:
        lanes.setdefault(span.component, []).append(span)
    return Chart(
        lanes=tuple(_lane(component, found, total) for component, found in lanes.items() if found),
        ticks=_ticks(total),
        seconds=total,
        kinds=tuple(dict.fromkeys(s.kind for s in spans)),
        path=tuple(s for s in spans if s.critical_path),
    )


def _lane(component: str, spans: list[Span], total: float) -> Lane:
    busy: list[tuple[float, int]] = []  # by when they end
    free: list[int] = []
    rows = 0
    bars = []
    for span in spans:
        while busy and busy[0][0] <= span.started:
            heappush(free, heappop(busy)[1])
        row = heappop(free) if free else rows
        rows = max(rows, row + 1)
        heappush(busy, (span.started + span.seconds, row))
        left, width = (100 * max(0.0, value) / total for value in (span.started, span.seconds))
        bars.append(Bar(span=span, left=round(left, 3), width=round(max(width, 0.02), 3), row=row))
    return Lane(component=component, bars=tuple(bars), rows=rows)


def _ticks(total: float) -> tuple[Tick, ...]:
    step = next((step for step in _STEPS if total / step <= _TICKS), total / _TICKS)
    seconds = [n * step for n in range(int(total / step) + 1)]
    return tuple(Tick(left=round(100 * second / total, 3), label=f"{second:g} s") for second in seconds)
