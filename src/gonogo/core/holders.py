"""Locks between processes: whoever waits for one is told after a second who holds it."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gonogo.core.outlet import news, tell, uncut

if TYPE_CHECKING:
    from filelock import FileLock

TOLD_AFTER = 1.0
"""Seconds of silence."""

_LONGEST = 200
_TELL: list[Callable[[str], object]] = [news]


def told_by(told: Callable[[str], object]) -> None:
    """Tell so from now on: where pytest captures standard error, its own way past that."""
    _TELL[:] = [told]


@contextmanager
def held(lock: FileLock, what: str) -> Iterator[None]:
    """Hold the lock in the body, however long another process has it first; ``what`` it stands for."""
    from filelock import Timeout

    try:
        lock.acquire(timeout=TOLD_AFTER)
    except Timeout:
        Wait(lock, what, after=0.0).look()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


class Wait:
    """A wait for a lock, told once, after ``after`` seconds."""

    def __init__(self, lock: FileLock, what: str, after: float = TOLD_AFTER) -> None:
        self._path, self._what = Path(lock.lock_file), what
        self._due: float | None = time.monotonic() + after

    def look(self) -> None:
        """Tell, once it is time."""
        if self._due is not None and time.monotonic() >= self._due:
            self._due = None
            told = f"waiting for {self._what}: {holder(self._path)} holds {self._path}"
            try:
                _TELL[0](told)
            except (OSError, ValueError):  # that way has been closed
                tell(told)


def holder(path: Path) -> str:
    """Who holds the lock on a file: ``pid 4711 (gonogo up)``; another process where the system does not tell."""
    pids = [pid for pid in _holders(path) if pid > 0]  # a process that is not seen from here has no number here
    told = [_process(pid) for pid in dict.fromkeys(pids)]
    return " and ".join(told) or "another process"


def _holders(path: Path) -> Iterator[int]:
    """The pids that Linux has noted beside locks on the file's inode (proc_locks(5)); ``->`` marks who only waits."""
    try:
        seen = path.stat()
        lines = Path("/proc/locks").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        words = line.split()
        if len(words) >= 6 and words[1] != "->" and words[5].rpartition(":")[2] == str(seen.st_ino):
            yield int(words[4])


def _process(pid: int) -> str:
    if pid == os.getpid():
        return f"pid {pid}, this process itself,"
    try:
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").rstrip("\0").split("\0")
    except OSError:
        return f"pid {pid}"
    if len(argv) > 1 and Path(argv[0]).name.startswith("python"):
        argv = argv[1:]
    command = uncut(shlex.join([Path(argv[0]).name, *argv[1:]]), _LONGEST)
    return f"pid {pid} ({command[:_LONGEST]})"
