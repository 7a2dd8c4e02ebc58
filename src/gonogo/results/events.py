"""What a run tells as it goes: one JSON line per event, so that a killed run can still be reported.

``.gonogo/runs/<id>/events.jsonl`` begins with the results as planned (every criterion, nothing asked),
followed by each check, component and the end as they happen.
"""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
from msgspec.structs import replace

from gonogo.core import ours
from gonogo.core.codec import decode
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.files import content
from gonogo.core.outcomes import Outcome
from gonogo.core.outlet import append_rendered
from gonogo.results.gate import as_written, sensible
from gonogo.results.model import CheckResult, ComponentResult, Results
from gonogo.results.seal import sealed
from gonogo.results.verdict import judge

FILE = "events.jsonl"

LARGEST = 256 << 20
"""Bytes of it that are read."""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line: exactly one of the fields is set."""

    planned: Results | None = None
    check: CheckResult | None = None
    component: ComponentResult | None = None
    finished: Results | None = None


class Events:
    """Appends to the file of one run; safe for threads."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        if not folder.is_dir():
            ours.folder(folder)
        self._lock = threading.Lock()

    def add(self, event: Event) -> None:
        """Append one event and hand it to the system before returning; the results of an end are sealed."""
        with self._lock:
            append_rendered(event, _line, self.path)


def _line(event: Event) -> bytes:
    if event.finished is not None:
        event = replace(event, finished=sealed(event.finished))
    return msgspec.json.encode(event)


def recovered(folder: Path) -> Results:
    """The results of a run from its events, judged; what was planned and never reported is missing.

    Raises ``ConfigError`` where the folder holds no run, or results that were changed since.
    """
    path = folder / FILE
    if not path.is_file():
        raise ConfigError(Problem(str(folder), f"holds no {FILE}", "give a results.json or a folder of .gonogo/runs"))
    planned: list[Results] = []
    finished: list[Results] = []
    checks: dict[str, CheckResult] = {}
    components: dict[str, ComponentResult] = {}
    for line in content(path, LARGEST).splitlines():
        try:
            event = decode(line, Event)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            # The last line of a killed run may be torn.
            continue
        if event.finished is not None:
            finished.append(as_written(event.finished, str(path)))
        if event.planned is not None:
            planned.append(event.planned)
        if event.check is not None:
            checks[event.check.nodeid] = event.check
        if event.component is not None:
            components[event.component.name] = event.component
    if not planned:
        raise ConfigError(Problem(str(path), "ends before the run had planned anything"))
    plan, *more = planned
    if more or len(finished) > 1 or any(end.run.id != plan.run.id for end in finished):
        raise ConfigError(Problem(str(path), "holds more than one run", "each has a folder of its own; run again"))
    if finished:
        return finished[0]
    killed = replace(
        plan,
        run=replace(plan.run, interrupted=True),
        checks=tuple(checks.get(c.nodeid, c) for c in plan.checks),
        components=tuple(components.get(c.name, c) for c in plan.components),
    )
    return judge(sensible(killed, str(path)))


def unreported(nodeid: str, criteria: tuple[str, ...], component: str) -> CheckResult:
    """The result of a check that was selected and has not reported."""
    message = "selected, and never reported"
    return CheckResult(nodeid=nodeid, criteria=criteria, component=component, outcome=Outcome.MISSING, message=message)
