"""Progress on standard error: a live table on a terminal, one line per change elsewhere."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gonogo.core.harmless import line, plain
from gonogo.core.manner import Colour, manner
from gonogo.core.outcomes import Outcome
from gonogo.core.outlet import redacted
from gonogo.core.servers import Phase, Progress
from gonogo.core.waiting import REAL, Clock
from gonogo.render.terminal import criterion_line

ENDED = {Phase.READY, Phase.FAILED, Phase.BROKEN, Phase.BLOCKED}
COLOURS: Mapping[str, str] = {
    Phase.READY: "green",
    Phase.FAILED: "red",
    Phase.BROKEN: "magenta",
    Phase.BLOCKED: "yellow",
    Outcome.PASSED: "green",
    Outcome.FAILED: "red",
    Outcome.BROKEN: "magenta",
    Outcome.BLOCKED: "yellow",
}

EVERY = 15.0
"""Seconds after which a phase that goes on is told again in a log."""


def original_stderr() -> TextIO:
    """Standard error as it is now, out of reach of a later capture."""
    return os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace", buffering=1)


def _console(stream: TextIO) -> Console:
    """As the command line wants its colours; without a word of it as rich finds them, by the environment too."""
    match manner().colour:
        case Colour.ALWAYS:
            return Console(file=stream, highlight=False, force_terminal=True, color_system="standard")
        case Colour.NEVER:
            return Console(file=stream, highlight=False, color_system=None)
    return Console(file=stream, highlight=False)


@dataclass
class _Row:
    phase: Phase
    detail: str
    since: float
    printed: float = float("-inf")
    ended: float | None = None
    reasons: set[str] = field(default_factory=set)
    """What has been told to stand in its way."""


class Screen:
    """Shows components on their way up, and lines of text above them. Safe for threads."""

    def __init__(self, stream: TextIO, clock: Clock = REAL) -> None:
        self.console = _console(stream)
        self._quiet = manner().quiet
        # Colours may be forced upon a file; a table that moves belongs on a terminal that can move it.
        self._moves = stream.isatty() and not self.console.is_dumb_terminal and not self._quiet
        self._clock, self._began = clock, clock.now()
        self._rows: dict[str, _Row] = {}
        self._lock = threading.RLock()
        self._live: Live | None = None
        self._closed = False

    def __enter__(self) -> Screen:
        if self._moves:
            self._live = Live(get_renderable=self._table, console=self.console, refresh_per_second=8, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
            self.console.print(self._table())

    def tell(self, progress: Progress) -> None:
        """A component took a step. Where there is no terminal the first of each phase and of each reason is printed,
        and later one now and then, so that a log tells a long download from a hung one."""
        if progress.stays and not self._closed:
            self.line(f"{progress.component}: {progress.detail}", "yellow")
        if self._closed or self._quiet or progress.stays:
            return
        now = self._clock.now()
        with self._lock:
            row = self._rows.get(progress.component)
            if row is None:
                row = self._rows[progress.component] = _Row(progress.phase, redacted(progress.detail), now)
            new = {progress.reason} - row.reasons - {""}
            row.reasons |= new
            due = bool(new) or row.phase is not progress.phase or now - row.printed >= EVERY
            row.phase, row.detail = progress.phase, redacted(progress.detail)
            if progress.phase in ENDED:
                row.ended = now
            if due and not self._moves:
                row.printed = now
                first = progress.detail.splitlines()[0] if progress.detail else ""
                self.line(f"{now - self._began:6.1f} s  {progress.component:<14} {progress.phase}  {first}".rstrip())

    def news(self, text: str, style: str = "") -> None:
        """A line of what is no error, and nothing with ``--quiet``."""
        if not self._quiet:
            self.line(text, style)

    def line(self, text: str, style: str = "") -> None:
        """A line that stays, above the table."""
        self.console.print(Text(plain(redacted(text)), style=style), soft_wrap=True)

    def checked(self, name: str, outcome: Outcome, seconds: float, message: str = "") -> None:
        """One check has come to its outcome."""
        if self._closed:
            return
        self.news(criterion_line(name, outcome, seconds, message), COLOURS.get(outcome, ""))

    def close(self) -> None:
        """What components and checks say from now on is of what is being taken down, and no news."""
        self._closed = True

    def last_words(self, text: str) -> None:
        """A line past every lock, for a process that leaves in the midst of anything; the cursor is back."""
        shown = "\x1b[?25h" if self._moves else ""
        with suppress(OSError):
            os.write(self.console.file.fileno(), f"{shown}\r\n{line(redacted(text))}\r\n".encode("utf-8", "replace"))

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=True, header_style="dim")
        for heading in ("component", "state", "seconds", ""):
            table.add_column(heading, justify="right" if heading == "seconds" else "left", no_wrap=True)
        with self._lock:
            for name, row in self._rows.items():
                seconds = (row.ended or self._clock.now()) - row.since
                detail = row.detail.splitlines()[0] if row.detail else ""
                phase = Text(row.phase, style=COLOURS.get(row.phase, "cyan"))
                # A plain string would be read as markup: colours, links, and an error for "[/]".
                table.add_row(Text(line(name)), phase, f"{seconds:.1f}", Text(line(detail)))
        return table
