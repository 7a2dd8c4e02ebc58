"""The list of platforms that are up, in ``GONOGO_HOME``: shared by all checkouts and shells of one user.

One file per platform, ``platforms/<id>.json`` (mode 0600, it holds passwords), written whole or not at all.
Whether a platform is alive is asked of its keeper's pid and start time, so a reused pid or a clock that
jumps changes nothing. What a killed keeper left is found by the mark in its environment and ended.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from filelock import FileLock
from msgspec.structs import replace

from gonogo.codec import decode
from gonogo.errors import NotReady
from gonogo.journal import new_run_id
from gonogo.model import Struct
from gonogo.providers.embedded import keeper, ports
from gonogo.providers.embedded.control import Control, KeeperLost, launch
from gonogo.providers.embedded.recipe import UNPRIVILEGED, Recipe
from gonogo.waiting import until

FOLDER = "platforms"
TEMPORARY = Path("/tmp")
"""Where servers put sockets, whatever TMPDIR says."""

Ports = Mapping[str, Mapping[str, int]]
"""Node to name of a port to its number."""


class Record(Struct, frozen=True, kw_only=True):
    """A platform as all processes see it. ``kept``: it outlives the process that made it.

    ``keeper`` and ``keeper_start`` name a process for good; ``root`` is the checkout it belongs to;
    ``since`` is for display. ``ports`` are reserved, whether or not the component got further; ``complete``
    are the components that were ready once, with all their steps done.
    """

    id: str
    keeper: int
    keeper_start: int
    root: str
    folder: str
    owner: int
    since: str
    kept: bool = False
    ports: dict[str, dict[str, dict[str, int]]] = msgspec.field(default_factory=dict)
    components: dict[str, Recipe] = msgspec.field(default_factory=dict)
    complete: tuple[str, ...] = ()

    def reserved(self) -> set[int]:
        """Every port that belongs to this platform."""
        return {port for nodes in self.ports.values() for named in nodes.values() for port in named.values()}


class Platform:
    """One platform that is, or was, up."""

    def __init__(self, path: Path, record: Record) -> None:
        self.path, self.id = path, record.id
        self.folder = Path(record.folder)
        self.control = Control(self.folder)
        self._first = record

    @property
    def record(self) -> Record:
        """What is written now; once the platform has ended, what was written first."""
        return _read(self.path) or self._first

    @property
    def alive(self) -> bool:
        """Whether its keeper runs."""
        return keeper.alive(self._first.keeper, self._first.keeper_start)

    def logs(self, component: str) -> Path:
        """The folder of a component's logs."""
        return self.folder / "logs" / component

    def change(self, changed: Callable[[Record], Record]) -> None:
        """Write the record anew, undisturbed by others. Raises ``KeeperLost`` where the platform has ended."""
        with _locked(self.path.parent):
            now = _read(self.path)
            if now is None or not self.alive:
                raise KeeperLost(f"platform {self.id} has been taken down")
            _write(self.path, changed(now))

    def put(self, recipe: Recipe, *, complete: bool) -> None:
        """The component is what the recipe says, or on its way there."""
        name = recipe.component

        def changed(now: Record) -> Record:
            others = tuple(one for one in now.complete if one != name)
            return replace(
                now,
                components={**now.components, name: recipe},
                complete=(*others, name) if complete else others,
            )

        self.change(changed)

    def drop(self, component: str) -> None:
        """The component is no more; its ports are free."""
        self.change(
            lambda now: replace(
                now,
                components={name: one for name, one in now.components.items() if name != component},
                ports={name: one for name, one in now.ports.items() if name != component},
                complete=tuple(name for name in now.complete if name != component),
            )
        )

    def reserve(self, component: str, wanted: Mapping[str, Sequence[str]]) -> dict[str, dict[str, socket.socket]]:
        """Sockets that hold a free port for each name that a node wants.

        No other platform in ``GONOGO_HOME`` is given them until this one ends or drops the component.
        """
        with _locked(self.path.parent):
            now = _read(self.path)
            if now is None:
                raise KeeperLost(f"platform {self.id} has been taken down")
            records = [platform.record for platform in listed(self.path.parent.parent)]
            taken = {number for record in records for number in record.reserved()}
            free = iter(ports.choose(sum(map(len, wanted.values())), taken))
            held = {node: {name: next(free) for name in names} for node, names in wanted.items()}
            _write(self.path, replace(now, ports={**now.ports, component: numbers(held)}))
        return held

    @contextmanager
    def exclusively(self, component: str) -> Iterator[None]:
        """Nobody else stands up or repairs this component meanwhile."""
        with FileLock(self.folder / f"{component}.lock", mode=0o600):
            yield

    def keep(self) -> None:
        """Let it outlive this process."""
        self.change(lambda now: replace(now, kept=True))
        self.control.keep()

    def end(self) -> None:
        """Take everything down; nothing is left when it returns, whatever state the keeper is in."""
        record = self.record
        keeper.send(record.keeper, record.keeper_start, signal.SIGCONT)
        with contextlib.suppress(KeeperLost):
            self.control.end()
            with contextlib.suppress(NotReady):
                until(lambda: not self.alive, awaited="the keeper's end", within=2)
        keeper.send(record.keeper, record.keeper_start, signal.SIGKILL)
        # What it leaves is only taken for left behind once it is gone; a signal is not an end yet.
        until(lambda: not self.alive, awaited="the keeper's end", within=5, every=0.01)
        unlink_sockets(record)
        clean(self.path.parent.parent)


def numbers(held: Mapping[str, Mapping[str, socket.socket]]) -> dict[str, dict[str, int]]:
    """The ports that the sockets hold."""
    return {node: {name: one.getsockname()[1] for name, one in named.items()} for node, named in held.items()}


def create(home: Path, root: Path, folder: Path) -> tuple[Platform, subprocess.Popen[bytes]]:
    """A platform without components, with its data in ``folder``, which ends with this process.

    It lives as long as the returned keeper's standard input is open.
    """
    clean(home)
    path = _folder(home) / f"{(run := new_run_id())}.json"
    (folder / "logs").mkdir(mode=0o700)
    process = launch(run, folder, path)
    seen = keeper.process(process.pid)
    record = Record(
        id=run,
        keeper=process.pid,
        keeper_start=seen.start if seen else 0,
        root=str(root.resolve()),
        folder=str(folder),
        owner=os.geteuid(),
        since=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    )
    _write(path, record)
    return Platform(path, record), process


def listed(home: Path) -> list[Platform]:
    """Every platform that is alive."""
    return [one for one in _recorded(home) if one.alive]


def of(home: Path, root: Path) -> list[Platform]:
    """The platforms of this checkout that were left up on purpose, the latest first."""
    own = [(one.record, one) for one in listed(home)]
    own = [(record, one) for record, one in own if record.kept and record.root == str(root.resolve())]
    return [one for _, one in sorted(own, key=lambda pair: pair[0].keeper_start, reverse=True)]


def find(home: Path, root: Path) -> Platform | None:
    """The platform of this checkout that ``up`` or ``--keep`` left."""
    return next(iter(of(home, root)), None)


def end_all(home: Path) -> list[str]:
    """End every platform of this user, wherever its checkout is or was; their ids."""
    ended = listed(home)
    for platform in ended:
        platform.end()
    clean(home)
    return [platform.id for platform in ended]


def clean(home: Path) -> list[keeper.Process]:
    """End what killed keepers left behind, and remove their records and data; the processes ended."""
    found = orphans()
    end(found)
    for platform in abandoned(home):
        unlink_sockets(platform.record)
        shutil.rmtree(platform.folder, ignore_errors=True)
        platform.path.unlink(missing_ok=True)
    return found


def abandoned(home: Path) -> list[Platform]:
    """Every platform whose keeper was killed, so that its record and data are still there."""
    return [one for one in _recorded(home) if not one.alive]


def orphans() -> list[keeper.Process]:
    """Processes of this user that a keeper started which is no more, and all they started."""
    table = keeper.processes()
    accounts = {os.geteuid(), UNPRIVILEGED} if os.geteuid() == 0 else {os.geteuid()}
    found: dict[int, keeper.Process] = {}
    for one in table.values():
        pid, _, start = keeper.environment(one.pid).get("GONOGO_KEEPER", "").partition(":")
        if pid.isdigit() and start.isdigit() and not keeper.alive(int(pid), int(start)) and _ours(one.pid, accounts):
            found.update({each.pid: each for each in (one, *keeper.descendants(table, one.pid)) if not each.ended})
    return list(found.values())


def end(processes: Sequence[keeper.Process]) -> None:
    """Kill exactly these, never one that was given a pid of theirs. Raises ``NotReady`` where one stays."""
    for one in processes:
        keeper.send(one.pid, one.start, signal.SIGKILL)
    if processes:
        until(
            lambda: not any(keeper.alive(one.pid, one.start) for one in processes),
            awaited="the end of processes that an earlier run left",
            within=5,
        )


def unlink_sockets(record: Record, folder: Path = TEMPORARY) -> None:
    """Remove the Unix sockets that killed servers left there: those held by nobody, named after a port of theirs."""
    ports, held = record.reserved(), set(keeper.unix_sockets().values())
    for path in folder.glob("*.sock") if ports else ():
        named = {int(number) for number in re.findall(r"\d+", path.name)}
        if named & ports and str(path) not in held:
            with contextlib.suppress(OSError):
                if path.is_socket():
                    path.unlink()


def _ours(pid: int, accounts: set[int]) -> bool:
    """Whether the process is of these accounts, and sees the same pids as we do: a container's are others."""
    try:
        space = os.stat(f"/proc/{pid}/ns/pid").st_ino  # noqa: PTH116 - the link's target is no path
        return os.stat(f"/proc/{pid}").st_uid in accounts and space == os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116
    except OSError:
        return False


def _folder(home: Path) -> Path:
    folder = home / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with FileLock(folder / ".lock", mode=0o600, poll_interval=0.01):
        yield


def _recorded(home: Path) -> list[Platform]:
    """Every readable record; one that is torn or of another version of gonogo is none of ours to judge."""
    found = ((path, _read(path)) for path in sorted(_folder(home).glob("*.json")))
    return [Platform(path, record) for path, record in found if record]


def _read(path: Path) -> Record | None:
    try:
        return decode(path.read_bytes(), Record)
    except (OSError, msgspec.MsgspecError):
        return None


def _write(path: Path, record: Record) -> None:
    """Whole or not at all, for its owner alone. No fsync: after a crash of the machine no platform is up."""
    draft = path.with_suffix(".draft")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.encode(record))
    draft.replace(path)
