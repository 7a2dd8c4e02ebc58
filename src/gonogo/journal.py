"""What a run created, on disk before it was created: the basis of clean-up, also after a SIGKILL.

The journal is a file of JSON lines ``{run, kind, component, name, created}`` below ``.gonogo/``. A line
with ``removed`` takes its twin back.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from gonogo.codec import decode
from gonogo.errors import ConfigError, NotAllowed, Problem
from gonogo.model import Mode, Removes

RUN_ID = re.compile(r"pv[-_](\d{14})[-_]([0-9a-f]{6})")
"""A run id inside an object's name; ``_`` stands for ``-`` where a product allows no hyphen."""


def new_run_id(now: datetime | None = None) -> str:
    """``pv-<UTC yyyymmddHHMMSS>-<6 hex>``: sortable, and old enough to be recognised by a sweep."""
    return f"pv-{now or datetime.now(UTC):%Y%m%d%H%M%S}-{secrets.token_hex(3)}"


def checked_run_id(id: str) -> str:
    """The id, where it is one that objects may be named after. Raises ``ConfigError``."""
    found = RUN_ID.fullmatch(id)
    with suppress(ValueError):
        if found and id == f"pv-{found[1]}-{found[2]}" and datetime.strptime(found[1], "%Y%m%d%H%M%S"):
            return id
    hint = f"pv-<UTC yyyymmddHHMMSS>-<6 hex digits>, such as {new_run_id()}"
    raise ConfigError(Problem("--run", f"{id!r} is no id of a run", hint))


def run_of(name: str) -> str | None:
    """The run id in an object's name, in its canonical form, or None."""
    found = RUN_ID.search(name)
    return f"pv-{found[1]}-{found[2]}" if found else None


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the journal."""

    run: str
    kind: str
    component: str
    name: str
    created: str
    removed: str | None = None


class Journal:
    """Appends to one file; safe for threads and for several runs of one checkout."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def record(self, run: str, kind: str, component: str, name: str, *, removed: bool = False) -> None:
        """Write one line and have it on disk before returning."""
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        entry = Entry(run=run, kind=kind, component=component, name=name, created=now, removed=now if removed else None)
        with self._lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                file.write(msgspec.json.encode(entry) + b"\n")
                file.flush()
                os.fsync(file.fileno())

    def open_entries(self) -> list[Entry]:
        """What was created and not removed since, oldest first. A torn last line is skipped."""
        alive: dict[tuple[str, str, str], Entry] = {}
        for line in self.path.read_bytes().splitlines() if self.path.exists() else ():
            try:
                entry = decode(line, Entry)
            except msgspec.MsgspecError:
                continue
            key = (entry.component, entry.kind, entry.name)
            if entry.removed:
                alive.pop(key, None)
            else:
                alive[key] = entry
        return list(alive.values())


class RunScope:
    """The :class:`~gonogo.model.Scope` of one component in one run."""

    def __init__(self, run: str, mode: Mode, component: str, journal: Journal, counter: Iterator[int]) -> None:
        self.run, self.mode, self.component = run, mode, component
        self._journal, self._counter = journal, counter

    def name(self, form: str = "{run}-{n}") -> str:
        """A name no other check of any run has."""
        return form.format(run=self.run, n=next(self._counter))

    @contextmanager
    def owns(
        self, kind: str, owner: Removes, form: str = "{run}-{n}", name: str | None = None
    ) -> Iterator[str]:
        """The name of an object the body may create; journalled before, removed after, also on errors."""
        if not self.mode.allows(Mode.WRITE):
            raise NotAllowed(f"{self.component}: a {kind} was to be created in a run that may only read")
        name = name or self.name(form)
        self._journal.record(self.run, kind, self.component, name)
        try:
            yield name
        finally:
            owner.remove(kind, name)
            self._journal.record(self.run, kind, self.component, name, removed=True)

