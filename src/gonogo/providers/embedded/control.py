"""The provider's end of a keeper's socket."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gonogo.core.errors import GonogoError
from gonogo.core.outcomes import Outcome, Struct
from gonogo.providers.embedded import keeper

ANSWERS = 20.0
"""Seconds until a keeper must have answered; ``end`` and ``stop`` take up to 10."""


class KeeperError(GonogoError):
    """The keeper did not do what it was asked."""


class KeeperLost(KeeperError):
    """The keeper has ended, and with it every server of its platform."""

    outcome = Outcome.FAILED


class ProcessRow(Struct, frozen=True, kw_only=True):
    """One started program, by its name. ``start`` is in clock ticks since boot; ``code`` None while it lives, negative
    the signal that ended it; ``since`` seconds of the wall clock, for display."""

    name: str
    pid: int
    start: int
    code: int | None
    since: float


class Control:
    """Asks one keeper. Safe for threads: each question has a connection of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._exits: dict[tuple[str, int], Future[int]] = {}
        self._follower: threading.Thread | None = None
        self._following = threading.Event()
        self._lost = False

    def start(self, name: str, **program: Any) -> ProcessRow:
        """Start a program, see ``Keeper.do_start``; with the name alone the same one once more."""
        self._watch()
        return ProcessRow(**self._ask("start", name=name, **program))

    def exited(self, row: ProcessRow) -> Future[int]:
        """Its exit code, as soon as it has one; ``KeeperLost`` where the keeper itself ends first."""
        self._watch()
        return self._exit(row.name, row.pid)

    def stop(self, name: str) -> ProcessRow:
        """End a program and its whole tree, by its own stop signal; returns when all of it is gone."""
        return ProcessRow(**self._ask("stop", name=name))

    def signal(self, name: str, number: int) -> None:
        """Signal every process of its tree."""
        self._ask("signal", name=name, number=number)

    def forget(self, name: str) -> None:
        """Drop a program that has ended from the list."""
        self._ask("forget", name=name)

    def rows(self) -> dict[str, ProcessRow]:
        """Every program by its name, ended ones too."""
        return {row["name"]: ProcessRow(**row) for row in self._ask("list")["servers"]}

    def used(self, component: str) -> float:
        """Processor seconds, user and system, of all that was started for the component until now."""
        return float(self._ask("used", name=component)["seconds"])

    def keep(self) -> None:
        """Let the platform outlive this process."""
        self._ask("keep")

    def retain(self, names: list[str], to: Path) -> None:
        """Have these programs' logs copied to a folder when the platform ends."""
        self._ask("retain", names=names, to=str(to))

    def end(self) -> None:
        """End everything; returns when nothing is left."""
        self._ask("end")

    def _ask(self, do: str, **request: Any) -> dict[str, Any]:
        with connected(self._folder) as connection:
            try:
                connection.sendall(json.dumps({"do": do, **request}).encode() + b"\n")
                line = connection.makefile("rb").readline()
            except OSError as error:
                raise KeeperLost(f"the platform's keeper does not answer to {do}: {error}") from error
        if not line:
            raise KeeperLost(f"the platform's keeper ended while asked to {do}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise KeeperError(f"{do} {request.get('name', '')}: {answer['error']}")
        return answer

    def _exit(self, name: str, pid: int) -> Future[int]:
        with self._lock:
            future = self._exits.setdefault((name, pid), Future())
            if self._lost and not future.done():
                future.set_exception(KeeperLost("the platform has been taken down"))
            return future

    def _watch(self) -> None:
        """Follow the keeper from now on; returns once it tells every exit."""
        with self._lock:
            if self._follower is None:
                self._follower = threading.Thread(target=self._follow, name="exits", daemon=True)
                self._follower.start()
        self._following.wait(ANSWERS)

    def _follow(self) -> None:
        try:
            with connected(self._folder) as connection:
                connection.sendall(b'{"do": "watch"}\n')
                connection.settimeout(None)
                for line in connection.makefile("rb"):
                    told = json.loads(line)
                    for row in told.get("servers", [told]):
                        if row["code"] is not None:
                            self._exit(row["name"], row["pid"]).set_result(row["code"])
                    self._following.set()
        except OSError:
            pass  # the same as its end of file: whoever waits is told below
        finally:
            with self._lock:
                self._lost = True
                waiting = [future for future in self._exits.values() if not future.done()]
            for future in waiting:
                future.set_exception(KeeperLost("the platform has been taken down"))
            self._following.set()


@contextmanager
def connected(folder: Path) -> Iterator[socket.socket]:
    """A connection to the keeper of the platform in ``folder``. Raises ``KeeperLost``.

    Through ``/proc/self/fd``, since the path of a socket has at most 107 bytes (unix(7)).
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWERS)
        try:
            handle = os.open(folder, os.O_PATH | os.O_DIRECTORY)
            try:
                connection.connect(f"/proc/self/fd/{handle}/{keeper.SOCKET}")
            finally:
                os.close(handle)
        except OSError as error:
            raise KeeperLost(f"the platform in {folder} has no keeper any more") from error
        yield connection


def launch(platform: str, folder: Path, record: Path) -> subprocess.Popen[bytes]:
    """A keeper that ends with this process. Returns once it serves; raises ``KeeperLost`` where it does not.

    The other end of its standard input stays open in the returned object: keep that as long as the keeper
    shall live.
    """
    own = keeper.process(os.getpid())
    assert own, "a process sees itself"
    program = [sys.executable, "-I", "-S", keeper.__file__]
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(folder / "keeper.log", flags, 0o600), "wb") as log:
        started = subprocess.Popen(
            [*program, platform, str(folder), str(record), f"{own.pid}:{own.start}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
            start_new_session=True,
        )
    assert started.stdout
    with started.stdout as said:
        if said.readline() != b"ready\n":
            started.wait()
            raise KeeperLost(f"the keeper did not start: {(folder / 'keeper.log').read_text(errors='replace').strip()}")
    return started
