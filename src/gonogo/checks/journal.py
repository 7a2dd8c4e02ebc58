"""What a run created, on disk before it was created: the basis of clean-up, also after a SIGKILL.

The journal is a file of JSON lines ``{run, kind, component, name, created, target, identity}`` below ``.gonogo/``, its
owner's alone. A line with ``removed`` takes its twin back. ``identity`` tells on which server of the target it was,
see :meth:`gonogo.run.platform.Platform.mark`.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from gonogo.core import ours
from gonogo.core.codec import decode
from gonogo.core.endpoints import Removes
from gonogo.core.errors import ClientError, ConfigError, NotAllowed, Problem, Wrong
from gonogo.core.ours import NotOurs
from gonogo.core.outcomes import Mode

RUN_ID = re.compile(r"pv[-_](\d{14})[-_]([0-9a-f]{6})", re.ASCII)
"""A run id inside an object's name; ``_`` stands for ``-`` where a product allows no hyphen."""

NAME = re.compile(r"(?=.{1,255}$)(?:\w+/)*[\w-]+(?:\.[\w-]+)*", re.ASCII)
"""What every name that a run gives is made of: words, perhaps below a prefix, never ``..``."""

LONGEST = 4096
"""Bytes of a line: what is longer is none that we wrote."""


def new_run_id(now: datetime | None = None) -> str:
    """``pv-<UTC yyyymmddHHMMSS>-<6 hex>``: sortable, and old enough to be recognised by a sweep."""
    return f"pv-{now or datetime.now(UTC):%Y%m%d%H%M%S}-{secrets.token_hex(3)}"


def checked_run_id(id: str) -> str:
    """The id, where it is one that objects may be named after. Raises ``ConfigError``."""
    if RUN_ID.fullmatch(id) and run_of(id) == id:
        return id
    hint = f"pv-<UTC yyyymmddHHMMSS>-<6 hex digits>, such as {new_run_id()}"
    raise ConfigError(Problem("--run", f"{id!r} is no id of a run", hint))


def run_of(name: str) -> str | None:
    """The run id in an object's name, in its canonical form, or None; what names no time is no run id."""
    found = RUN_ID.search(name)
    return f"pv-{found[1]}-{found[2]}" if found and _moment(found[1]) else None


def begun(run: str) -> datetime | None:
    """When the run with this id began; None for what is no run id."""
    found = RUN_ID.search(run)
    return _moment(found[1]) if found else None


def _moment(digits: str) -> datetime | None:
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the journal; one of an earlier version knows no ``target`` and no ``identity``."""

    run: str
    kind: str
    component: str
    name: str
    created: str
    target: str = ""
    identity: str = ""
    removed: str | None = None

    @property
    def sound(self) -> bool:
        """Whether a run could have written it: the name is one that a run gives, and holds the id of this run."""
        return NAME.fullmatch(self.name) is not None and run_of(self.name) == self.run


class Journal:
    """Appends to one file; safe for threads and for several runs of one checkout."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def record(
        self,
        run: str,
        kind: str,
        component: str,
        name: str,
        *,
        target: str = "",
        identity: str = "",
        removed: bool = False,
    ) -> None:
        """Write one line and have it on disk before returning.

        A journal that others could write, or that is a link, is put aside for a new one: nobody shall believe it.
        """
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        entry = Entry(
            run=run,
            kind=kind,
            component=component,
            name=name,
            created=now,
            target=target,
            identity=identity,
            removed=now if removed else None,
        )
        with self._lock:
            if not self.path.parent.is_dir():
                ours.folder(self.path.parent)
            line = msgspec.json.encode(entry) + b"\n"
            try:
                ours.append(self.path, line)
            except NotOurs:
                self.path.replace(self.path.with_name(f"{self.path.name}.not-believed"))
                ours.append(self.path, line)

    def open_entries(self, damaged: Callable[[int], None] = lambda _: None) -> list[Entry]:
        """What was created and not removed since, oldest first.

        ``damaged`` is told the number of each line that is none, as the torn last one of a killed run. Raises
        ``NotOurs`` where the file is not its owner's alone, and ``OSError``.
        """
        alive: dict[tuple[str, str, str, str, str], Entry] = {}
        for number, line in enumerate(self._lines(), 1):
            entry = _entry(line)
            if entry is None:
                damaged(number)
                continue
            key = (entry.target, entry.identity, entry.component, entry.kind, entry.name)
            if entry.removed:
                alive.pop(key, None)
            else:
                alive[key] = entry
        return list(alive.values())

    def _lines(self) -> Iterator[bytes]:
        """Every line, of one that is too long its beginning."""
        try:
            file = ours.reading(self.path)
        except FileNotFoundError:
            return
        with file:
            while line := file.readline(LONGEST):
                rest = line
                while not rest.endswith(b"\n") and (rest := file.readline(LONGEST)):
                    pass
                yield line


def _entry(line: bytes) -> Entry | None:
    try:
        return decode(line, Entry)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


class Budget:
    """What a run may still make and send of one component; its clients of all threads share it."""

    def __init__(self, objects: int, size: int) -> None:
        self.objects, self.size = objects, size
        self._made = self._sent = 0
        self._lock = threading.Lock()

    def make(self) -> bool:
        """Count one more object; False where it is one too many."""
        with self._lock:
            self._made += 1
            return self._made <= self.objects

    def send(self, size: int) -> bool:
        """Count so many bytes more; False where they are too many: they are not to be sent."""
        with self._lock:
            if self._sent + size > self.size:
                return False
            self._sent += size
            return True


class RunScope:
    """The :class:`~gonogo.core.endpoints.Scope` of one component in one run, on one server of one target.

    ``writable`` is what may be made there, by kind; None: all that is ours. ``budget``: and how much of it.
    """

    def __init__(
        self,
        run: str,
        mode: Mode,
        component: str,
        journal: Journal,
        counter: Iterator[int],
        *,
        target: str = "",
        identity: str = "",
        why: Callable[[ClientError], ClientError | Wrong | None] = lambda _: None,
        writable: Mapping[str, tuple[str, ...]] | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.run, self.mode, self.component = run, mode, component
        self._journal, self._counter = journal, counter
        self._target, self._identity, self._why = target, identity, why
        self._writable, self._budget = writable, budget

    def name(self, form: str = "{run}-{n}") -> str:
        """A name no other check of any run has."""
        return form.format(run=self.run, n=next(self._counter))

    @contextmanager
    def owns(self, kind: str, owner: Removes, form: str = "{run}-{n}") -> Iterator[str]:
        """The name of an object the body may create; journalled before, removed after, also on errors.

        ``kind`` is one of the owner's ``kinds``, and the name holds the run's id: no sweep acts on anything else.
        """
        if not self.mode.allows(Mode.WRITE):
            raise NotAllowed(f"{self.component}: a {kind} was to be created in a run that may only read")
        name = self.name(form)
        assert "{run}" in form, f"{form!r} names no run"
        assert kind in getattr(owner, "kinds", (kind,)), f"{kind!r} is none of the kinds that are swept"
        if self._writable is not None and not any(fnmatchcase(name, one) for one in self._writable.get(kind, ())):
            where = f"[components.{self.component}] write of the target file"
            raise NotAllowed(f"{self.component}: {where} names no {kind} like {name!r}: nothing was made")
        if self._budget is not None and not self._budget.make():
            raise NotAllowed(f"{self.component}: a {kind} is one more than [limits] objects of the target file allow")
        place = (self.run, kind, self.component, name)
        self._journal.record(*place, target=self._target, identity=self._identity)
        try:
            yield name
        except ClientError as error:
            # asked now: once the object is gone, its server can no longer tell
            if error.component == self.component:
                error.reason = error.reason or self._why(error)
            raise
        finally:
            owner.remove(kind, name)
            self.gone(self.run, kind, name)

    def sends(self, size: int) -> None:
        """Count bytes that are about to be sent, in a run that may write: what only reads sends its questions."""
        if self._budget is not None and self.mode.allows(Mode.WRITE) and not self._budget.send(size):
            most = f"the {self._budget.size} that [limits] bytes of the target file allow"
            raise NotAllowed(f"{self.component}: {size} bytes more are above {most}: they were not sent")

    def gone(self, run: str, kind: str, name: str) -> None:
        """Take back what a run journalled on this server. Raises as :meth:`Journal.record`."""
        place = (run, kind, self.component, name)
        self._journal.record(*place, target=self._target, identity=self._identity, removed=True)
