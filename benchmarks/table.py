"""What a measurement is, and how the table shows it."""

from __future__ import annotations

import os
import platform
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import psutil

HEADINGS = ("row", "measured", "figure", "reach", "ratio", "ok", "load")
RIGHT = {"figure", "reach", "ratio", "load"}


class BenchmarkError(Exception):
    """Something could not be measured; the text says why."""


@dataclass(frozen=True)
class Row:
    """One figure: smaller is better, ``reach`` is the most that is good enough.

    ``beside`` are peers and parts of the figure, seen in the same run, in the same ``unit``. ``fault`` says why the
    figure does not count, whatever it is. ``load`` is the machine's load average of the last minute as it began.
    """

    name: str
    figure: float
    reach: float
    unit: str = "s"
    beside: Mapping[str, float] = field(default_factory=dict)
    fault: str = ""
    load: float = 0.0

    @property
    def ratio(self) -> float:
        """Of the figure to what it has to reach: 1 is just good enough."""
        return self.figure / self.reach

    @property
    def ok(self) -> bool:
        """Whether it is good enough."""
        return not self.fault and self.ratio <= 1


class Theme(Protocol):
    """A module that measures. ``ROWS`` is name to what is measured; ``LONG``: it starts the whole platform."""

    ROWS: Mapping[str, str]
    LONG: bool

    def measure(self) -> Generator[Row]:
        """Its rows, each as soon as it is known. Raises ``BenchmarkError``; cleans up however it ends."""


def machine() -> dict[str, Any]:
    """Where and when the figures were seen; ``memory_gib`` is all of it, ``date`` in UTC."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        "cores": os.cpu_count() or 1,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }


def load() -> float:
    """Processes that ran or wanted to, on the average of the last minute."""
    return os.getloadavg()[0]


def text(rows: Sequence[Row], what: Mapping[str, str], facts: Mapping[str, Any]) -> str:
    """The table, for people; ``what`` says what the row of a name measures."""
    cells = [_cells(row, what[row.name]) for row in rows]
    widths = [max(map(len, column)) for column in zip(HEADINGS, *cells, strict=True)]
    lines = [
        "{date} UTC, {cores} cores, {memory_gib} GiB, {system}, Python {python}".format_map(facts),
        "",
        _line(HEADINGS, widths),
    ]
    for row, line in zip(rows, cells, strict=True):
        lines.append(_line(line, widths))
        lines += [f"    {figure:8.2f} {row.unit:<4} {name}" for name, figure in row.beside.items()]
        lines += [f"    does not count: {row.fault}"] if row.fault else []
    busy = [row.name for row in rows if row.load > facts["cores"]]
    if busy:
        lines += ["", f"The load was above the cores before {', '.join(busy)}: measure again on a quiet machine."]
    return "\n".join(lines)


def _cells(row: Row, what: str) -> tuple[str, ...]:
    figure, reach = (f"{value:.2f} {row.unit}" for value in (row.figure, row.reach))
    return row.name, what, figure, reach, f"{row.ratio:.2f}", "yes" if row.ok else "NO", f"{row.load:.1f}"


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    placed = (
        cell.rjust(width) if heading in RIGHT else cell.ljust(width)
        for heading, cell, width in zip(HEADINGS, cells, widths, strict=True)
    )
    return "  ".join(placed).rstrip()
