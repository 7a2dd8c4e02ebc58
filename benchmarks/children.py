"""Runs programs, and knows what they took."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.table import BenchmarkError

PYTEST = (sys.executable, "-m", "pytest")
GONOGO = (str(Path(sysconfig.get_path("scripts"), "gonogo")),)

PATIENCE = 30.0
"""Seconds that an interrupted program may take to clean up."""


@dataclass(frozen=True)
class Ended:
    """A program that has ended: its exit code, what it said, seconds of wall time, seconds of CPU (user and system)."""

    code: int
    output: str
    seconds: float
    cpu: float

    @property
    def tail(self) -> str:
        """Its last lines."""
        return "\n".join(self.output.strip().splitlines()[-15:])


def run(*argv: str, cwd: Path | None = None, good: tuple[int, ...] = (0,)) -> Ended:
    """Run a program to its end.

    It may keep compiled modules, as on a user's machine, whatever our environment says.

    Raises ``BenchmarkError`` where its exit code is none of ``good``. Interrupted, it interrupts the program and waits
    for its clean-up: in a session of its own, the program hears of Ctrl-C from here alone, and once.
    """
    with tempfile.TemporaryFile() as said:
        before, began = _cpu(), time.monotonic()
        child = subprocess.Popen(
            argv,
            cwd=cwd,
            env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            child.wait()
        except BaseException:
            _interrupt(child)
            raise
        seconds, cpu = time.monotonic() - began, _cpu() - before
        said.seek(0)
        ended = Ended(child.returncode, said.read().decode(errors="replace"), seconds, cpu)
    if ended.code not in good:
        raise BenchmarkError(f"`{' '.join(map(_short, argv))}` ended with code {ended.code}:\n{ended.tail}")
    return ended


def _interrupt(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(signal.SIGINT)
    try:
        child.wait(PATIENCE)
    finally:
        child.kill()
        child.wait()


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _short(argument: str) -> str:
    return Path(argument).name if argument in (sys.executable, *GONOGO) else argument
