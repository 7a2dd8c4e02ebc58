"""Everything one component runs from, brought to ``GONOGO_HOME`` and verified; what is there is only looked at.

Files lie in ``maven/`` in the layout of a repository, programs in ``programs/``, locks in ``locks/``. With
everything there nothing is opened: no connection, no lock.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from gonogo.core.content import Folder
from gonogo.core.errors import ConfigError, Problem
from gonogo.providers.embedded.environments import Environment, environment
from gonogo.providers.embedded.maven import Pin, read_pins
from gonogo.providers.embedded.programs import distribution, installed, intact, settle, unzipped
from gonogo.providers.embedded.repository import Settings, local_repositories, repository, user_settings
from gonogo.providers.embedded.spec import FILE, EmbeddedSpec, ProgramSpec
from gonogo.providers.embedded.transfer import Download, Progress, Tick, Wire, copied, locked, perform

UNZIPPED = 2  # how much room the content of a zip takes, in sizes of the zip


@dataclass(frozen=True)
class Fetched:
    """Where it lies: each program's folder, and the files of the class path in its order."""

    programs: dict[str, Path]
    classpath: list[Path]
    home: Path


def fetch(
    spec: EmbeddedSpec, component_folder: Folder, home: Path, progress: Progress, cancelled: threading.Event
) -> Fetched:
    """Bring what is missing, eight at a time, and say where everything is.

    Finished files stay, also when this ends early. Another run that fetches the same is waited for.
    Raises ``ConfigError`` where something cannot be had or written, ``Cancelled`` soon after ``cancelled``.
    """
    store = JarStore(home)
    files, programs = _wanted(spec, component_folder, store)
    absent = [one for one in (*files, *programs.values()) if not one.there()]
    try:
        if absent:
            perform([Download(one.what, one.size, one.bring) for one in absent], progress, cancelled, store.watch)
    except OSError as error:
        what = f"{error.filename or home} cannot be used: {error.strerror or error}"
        raise ConfigError(Problem("GONOGO_HOME", what, "look at room (`df`) and rights (`ls -ld`)")) from error
    finally:
        store.close()
    return Fetched({name: one.path for name, one in programs.items()}, [one.path for one in files], home)


def missing(spec: EmbeddedSpec, component_folder: Folder, home: Path) -> dict[Path, int]:
    """What is not in ``home`` yet, with the bytes it will take there. Raises ``ConfigError`` as ``fetch`` does."""
    files, programs = _wanted(spec, component_folder, JarStore(home))
    return {one.path: one.room for one in (*files, *programs.values()) if not one.there()}


class JarStore:
    """The Maven files in ``GONOGO_HOME``, and the way to those that are not there yet."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._wire: Wire | None = None
        self._lock = threading.Lock()

    def path(self, pin: Pin) -> Path:
        """Where a file belongs."""
        return self.home / "maven" / pin.path

    def bring(self, pin: Pin, tick: Tick) -> None:
        """Have a file where it belongs: it is there, or in Maven's own folder, or else is fetched."""
        path = self.path(pin)
        with locked(path, self.home, tick):
            if pin.kept(path):
                tick(pin.size)
                return
            local = local_repositories(self._settings)
            if not any(copied(folder / pin.path, pin, path, tick) for folder in local):
                self._connected().bring(pin, path, tick)

    def watch(self) -> None:
        """Raise ``ConfigError`` where the repository has been silent for too long."""
        if self._wire:
            self._wire.watch()

    def close(self) -> None:
        """Give the connections back."""
        if self._wire:
            self._wire.close()

    @cached_property
    def _settings(self) -> Settings:
        return user_settings()

    def _connected(self) -> Wire:
        with self._lock:
            self._wire = self._wire or Wire(repository(self._settings))
            return self._wire


@dataclass(frozen=True)
class Item:
    """A file or program that belongs to ``path``: ``size`` bytes to bring, ``room`` bytes on disk."""

    what: str
    path: Path
    size: int
    room: int
    there: Callable[[], bool]
    bring: Callable[[Tick], None]


def _wanted(spec: EmbeddedSpec, folder: Folder, store: JarStore) -> tuple[list[Item], dict[str, Item]]:
    pins = read_pins(folder / spec.classpath.maven) if spec.classpath else []
    files = [_file(pin, store) for pin in pins]
    programs, problems = {}, []
    for name in spec.packages:
        try:
            distribution(name, f"component {folder.name}")
        except ConfigError as error:
            problems += error.problems
    for name, program in spec.programs.items():
        try:
            where = f"program {name} of {folder.name}"
            if program.package:
                programs[name] = _packaged(program, where, store)
            elif program.requirements:
                programs[name] = _installed(environment(name, folder / program.requirements), program, store)
            else:
                programs[name] = _zipped(program, where, store)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(*problems)
    return files, programs


def _file(pin: Pin, store: JarStore) -> Item:
    path = store.path(pin)
    return Item(path.name, path, pin.size, pin.size, partial(pin.kept, path), partial(store.bring, pin))


def _packaged(program: ProgramSpec, where: str, store: JarStore) -> Item:
    package = installed(program, where)
    return _program(package.folder, package.size, package.size, package.fill, store)


def _installed(made: Environment, program: ProgramSpec, store: JarStore) -> Item:
    size = program.size or 0
    return _program(made.folder, size, size, made.fill, store)


def _zipped(program: ProgramSpec, where: str, store: JarStore) -> Item:
    try:
        pin = Pin(program.maven or "", program.size or 0, program.sha256 or "")
        added = {folder: Pin(one.maven, one.size, one.sha256) for folder, one in program.adds.items()}
    except ValueError as error:
        raise ConfigError(Problem(where, str(error), f"correct its {FILE}")) from error
    archive = store.path(pin)
    said = [pin.sha256, str(program.strip), str(program.executable)]
    said += [f"{folder} {one.sha256}" for folder, one in added.items()]
    digest = hashlib.sha256(" ".join(said).encode()).hexdigest()[:8]

    def fill(part: Path, tick: Tick) -> None:
        store.bring(pin, tick)
        unzipped(archive, program, part, tick)
        for folder, one in added.items():
            store.bring(one, tick)
            whole = ProgramSpec(maven=one.coordinates, size=one.size, sha256=one.sha256)
            unzipped(store.path(one), whole, part / folder, tick)

    size = pin.size + sum(one.size for one in added.values())
    return _program(f"{archive.stem}-{digest}", size, size * (1 + UNZIPPED), fill, store)


def _program(name: str, size: int, room: int, fill: Callable[[Path, Tick], None], store: JarStore) -> Item:
    root = store.home / "programs" / name

    def bring(tick: Tick) -> None:
        with locked(root, store.home, tick):
            if intact(root):
                tick(size)
            else:
                settle(root, lambda part: fill(part, tick))

    return Item(name, root, size, room, partial(intact, root), bring)
