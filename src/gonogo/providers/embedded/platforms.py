"""The list of platforms that are up, in ``GONOGO_HOME``: shared by all checkouts and shells of one user.

One file per platform, ``platforms/<id>.json`` (mode 0600, it holds passwords), written whole or not at all.
Whether a platform is alive is asked of its keeper's pid and start time, so a reused pid or a clock that
jumps changes nothing. What a killed keeper left is found by the mark in its environment and ended.

A record is only believed: a file of ours whose parts fit together. No process is ended because a record names it,
but because it is a keeper of this platform; no folder is removed but one that holds our mark with the platform's id.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace

from gonogo.checks.journal import RUN_ID, new_run_id
from gonogo.core import ours
from gonogo.core.codec import decode
from gonogo.core.errors import NotReady
from gonogo.core.holders import held
from gonogo.core.ours import NotOurs
from gonogo.core.outcomes import Struct
from gonogo.core.waiting import until
from gonogo.providers.embedded import keeper, ports
from gonogo.providers.embedded.control import Control, KeeperLost, launch
from gonogo.providers.embedded.recipe import UNPRIVILEGED, Recipe

FOLDER = "platforms"
TEMPORARY = Path("/tmp")
"""Where servers put sockets, whatever TMPDIR says."""

MARK = ".gonogo-platform"
"""The file in a data folder that holds the id of its platform: only a folder with it is ever removed."""

LARGEST = 16 << 20
"""Bytes of a record; a whole platform's has some 50 kB."""

Ports = Mapping[str, Mapping[str, int]]
"""Node to name of a port to its number."""


class Record(Struct, frozen=True, kw_only=True):
    """A platform as all processes see it. ``kept``: it outlives the process that made it.

    ``keeper`` and ``keeper_start`` name a process for good; ``root`` is the checkout it belongs to;
    ``since`` is for display. ``ports`` are reserved, whether or not the component got further; ``begun`` are the
    components of which a server was started, so that data may be there; ``complete`` those that were ready once, with
    all their steps done.
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
    begun: tuple[str, ...] = ()
    complete: tuple[str, ...] = ()

    def reserved(self) -> set[int]:
        """Every port that belongs to this platform."""
        return {port for nodes in self.ports.values() for named in nodes.values() for port in named.values()}


class KnownPlatform:
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
        first = self._first
        return keeper.alive(first.keeper, first.keeper_start) and keeper.keeps(first.keeper, self.id, first.folder)

    @property
    def lost(self) -> bool:
        """Whether no process is its keeper, nor anything else that the record names."""
        return not keeper.alive(self._first.keeper, self._first.keeper_start)

    @property
    def marked(self) -> bool:
        """Whether its data folder is ours by what it holds; False where there is none."""
        try:
            seen = self.folder.lstat()
            return stat.S_ISDIR(seen.st_mode) and seen.st_uid == os.geteuid() and _mark(self.folder) == self.id
        except (OSError, NotOurs):
            return False

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
        self.change(
            lambda now: replace(
                now,
                components={**now.components, name: recipe},
                begun=_with(now.begun, name) if complete else _without(now.begun, name),
                complete=_with(now.complete, name) if complete else _without(now.complete, name),
            )
        )

    def begin(self, component: str) -> None:
        """A server of the component is about to be started."""
        self.change(lambda now: replace(now, begun=_with(now.begun, component)))

    def drop(self, component: str) -> None:
        """The component is no more; its ports are free."""
        self.change(
            lambda now: replace(
                now,
                components={name: one for name, one in now.components.items() if name != component},
                ports={name: one for name, one in now.ports.items() if name != component},
                begun=_without(now.begun, component),
                complete=_without(now.complete, component),
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
        """Nobody else deploys or repairs this component meanwhile."""
        with held(ours.lock(self.folder / f"{component}.lock"), f"{component} of platform {self.id}"):
            yield

    def keep(self) -> None:
        """Let it outlive this process."""
        self.change(lambda now: replace(now, kept=True))
        self.control.keep()

    def end(self) -> None:
        """Take everything down; nothing is left when it returns, whatever state the keeper is in."""
        record = self.record
        if self.alive:
            keeper.send(record.keeper, record.keeper_start, signal.SIGCONT)
            with contextlib.suppress(KeeperLost):
                self.control.end()
                with contextlib.suppress(NotReady):
                    until(lambda: not self.alive, awaited="the keeper's end", within=2)
            if self.alive:
                keeper.send(record.keeper, record.keeper_start, signal.SIGKILL)
            # What it leaves is only taken for left behind once it is gone; a signal is not an end yet.
            until(lambda: not self.alive, awaited="the keeper's end", within=5, every=0.01)
        end(orphans())
        self.discard(record)

    def discard(self, record: Record) -> None:
        """Remove what is left of it once its keeper is gone; what is not ours by what it holds stays, and its record.

        ``record`` is what was written last.
        """
        if not self.lost:
            return
        unlink_sockets(record)
        if self.marked:
            shutil.rmtree(self.folder, ignore_errors=True)
        if not os.path.lexists(self.folder):
            self.path.unlink(missing_ok=True)

    def remove(self, component: str) -> None:
        """Remove a component's data folder; logs stay."""
        if self.marked and not ours.unnameable(component):
            shutil.rmtree(self.folder / component, ignore_errors=True)


def numbers(held: Mapping[str, Mapping[str, socket.socket]]) -> dict[str, dict[str, int]]:
    """The ports that the sockets hold."""
    return {node: {name: one.getsockname()[1] for name, one in named.items()} for node, named in held.items()}


def create(home: Path, root: Path, folder: Path) -> tuple[KnownPlatform, subprocess.Popen[bytes]]:
    """A platform without components, with its data in ``folder``, which ends with this process.

    It lives as long as the returned keeper's standard input is open.
    """
    clean(home)
    path = _folder(home) / f"{(run := new_run_id())}.json"
    ours.write(folder / MARK, f"{run}\n".encode())
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
    return KnownPlatform(path, record), process


def listed(home: Path) -> list[KnownPlatform]:
    """Every platform that is alive."""
    return [one for one in _recorded(home) if one.alive]


def of(home: Path, root: Path) -> list[KnownPlatform]:
    """The platforms of this checkout that were left up on purpose, the latest first."""
    own = [(one.record, one) for one in listed(home)]
    own = [(record, one) for record, one in own if record.kept and record.root == str(root.resolve())]
    return [one for _, one in sorted(own, key=lambda pair: pair[0].keeper_start, reverse=True)]


def find(home: Path, root: Path) -> KnownPlatform | None:
    """The platform of this checkout that ``up`` or ``--keep`` left."""
    return next(iter(of(home, root)), None)


def end_all(home: Path) -> list[str]:
    """End every platform of this user, wherever its checkout is or was; their ids."""
    ended = listed(home)
    for platform in ended:
        platform.end()
    clean(home, kept=True)
    return [platform.id for platform in ended]


def clean(home: Path, *, kept: bool = False) -> list[keeper.Process]:
    """End what killed keepers left behind, and remove their records and data; the processes ended.

    What somebody left up on purpose goes only with ``kept``: its data may be wanted.
    """
    found = orphans()
    end(found)
    for platform in abandoned(home):
        record = platform.record
        if kept or not record.kept or not os.path.lexists(platform.folder):
            platform.discard(record)
    return found


def abandoned(home: Path) -> list[KnownPlatform]:
    """Every platform whose keeper was killed, so that its record and data are still there."""
    return [one for one in _recorded(home) if one.lost]


def strange(home: Path) -> list[str]:
    """What lies in the list and is not believed, with the reason: nothing is ended or removed for it."""
    told = []
    for path in sorted(_folder(home).glob("*.json")):
        found = _believed(path)
        if isinstance(found, str):
            told.append(f"{path}: {found}")
            continue
        platform = KnownPlatform(path, found)
        if not platform.lost and not platform.alive:
            told.append(f"{path}: process {found.keeper} is no keeper of this platform")
        elif platform.lost and not platform.marked and os.path.lexists(platform.folder):
            told.append(f"{path}: {platform.folder} holds no mark of this platform")
    return told


def orphans() -> list[keeper.Process]:
    """Processes of this user that a keeper started which is no more, and all they started."""
    table = keeper.processes()
    found: dict[int, keeper.Process] = {}
    for one in table.values():
        pid, _, start = keeper.environment(one.pid).get("GONOGO_KEEPER", "").partition(":")
        if pid.isdigit() and start.isdigit() and not keeper.alive(int(pid), int(start)) and _ours(one.pid):
            tree = (one, *keeper.descendants(table, one.pid))
            found.update({each.pid: each for each in tree if not each.ended and _ours(each.pid)})
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
                seen = path.lstat()
                if stat.S_ISSOCK(seen.st_mode) and seen.st_uid in accounts():
                    path.unlink()


def accounts() -> set[int]:
    """The accounts that servers of ours run as."""
    return {os.geteuid(), UNPRIVILEGED} if os.geteuid() == 0 else {os.geteuid()}


def _ours(pid: int) -> bool:
    """Whether the process is of these accounts, and sees the same pids as we do: a container's are others."""
    try:
        space = os.stat(f"/proc/{pid}/ns/pid").st_ino  # noqa: PTH116 - the link's target is no path
        return os.stat(f"/proc/{pid}").st_uid in accounts() and space == os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116
    except OSError:
        return False


def _folder(home: Path) -> Path:
    return ours.folder(home / FOLDER)


def _mark(folder: Path) -> str:
    return ours.read(folder / MARK, 200).decode(errors="replace").strip()


def _with(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return (*_without(names, name), name)


def _without(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(one for one in names if one != name)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with held(ours.lock(folder / ".lock", every=0.01), "the list of platforms"):
        yield


def _recorded(home: Path) -> list[KnownPlatform]:
    """Every readable record; one that is torn or of another version of gonogo is none of ours to judge."""
    found = ((path, _read(path)) for path in sorted(_folder(home).glob("*.json")))
    return [KnownPlatform(path, record) for path, record in found if record]


def _read(path: Path) -> Record | None:
    found = _believed(path)
    return found if isinstance(found, Record) else None


def _believed(path: Path) -> Record | str:
    """The record, or why it is not believed."""
    try:
        record = decode(ours.read(path, LARGEST), Record)
    except (OSError, NotOurs) as error:
        return error.problems[0].what if isinstance(error, NotOurs) else (error.strerror or str(error)).lower()
    except (msgspec.MsgspecError, RecursionError):
        return "it is no record of this version of gonogo"
    if not RUN_ID.fullmatch(record.id) or record.id != path.stem or record.owner != os.geteuid():
        return "it is no record of a platform of yours"
    folder = record.folder
    if not Path(folder).is_absolute() or os.path.normpath(folder) != folder or folder == "/":
        return f"{folder!r} is no data folder"
    for name, recipe in record.components.items():
        if not _fits(name, recipe, folder):
            return f"the recipe of {name!r} leads out of its data folder"
    return record


def _fits(name: str, recipe: Recipe, folder: str) -> bool:
    """Whether all that the recipe names lies where this platform would have put it."""
    names = [name, *(node.name for node in recipe.nodes)]
    return (
        recipe.component == name
        and not any(map(ours.unnameable, names))
        and recipe.folder == f"{folder}/{name}"
        and all(node.folder == f"{recipe.folder}/{node.name}" for node in recipe.nodes)
        and recipe.uid in (None, UNPRIVILEGED)
    )


def _write(path: Path, record: Record) -> None:
    ours.write(path, msgspec.json.encode(record))
