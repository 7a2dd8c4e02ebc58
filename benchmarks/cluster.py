"""The cluster that is measured on, and programs that follow it."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from benchmarks.table import BenchmarkError


def kubeconfig() -> Path:
    """The first file of ``KUBECONFIG``; its user administers the cluster. Raises ``BenchmarkError``: there is none."""
    named = os.environ.get("KUBECONFIG", "")
    if not named:
        raise BenchmarkError(
            "KUBECONFIG names no cluster to measure on (tests/cluster/README.md tells what is written)"
        )
    return Path(named.split(os.pathsep)[0])


def program(name: str, variable: str = "") -> str:
    """Where a program is. Raises ``BenchmarkError`` where it is not."""
    found = os.environ.get(variable, "") if variable else ""
    path = found or shutil.which(name)
    if not path:
        raise BenchmarkError(f"{name} is not in PATH" + (f", and {variable} does not name it" if variable else ""))
    return path


def fresh(what: str) -> str:
    """A name for objects of a measurement."""
    return f"gonogo-bench-{token_hex(3)}-{what}"


class Lines:
    """A program that prints as it goes: each line with the instant (monotonic, seconds) at which it was read."""

    def __init__(self, *argv: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
        self._child = subprocess.Popen(
            argv,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: queue.Queue[tuple[float, str]] = queue.Queue()
        self._name = Path(argv[0]).name
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def until(self, fits: Callable[[str], bool], within: float = 30.0) -> float:
        """The instant of the next line that fits. Raises ``BenchmarkError`` after ``within`` seconds."""
        end, seen = time.monotonic() + within, ""
        while True:
            try:
                instant, line = self._lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise BenchmarkError(f"{self._name} did not print what was awaited; last: {seen!r}") from None
            if fits(line):
                return instant
            seen = line

    def ended(self, within: float = 30.0) -> float:
        """The instant at which the program has ended. Raises ``BenchmarkError`` where it goes on."""
        try:
            self._child.wait(within)
        except subprocess.TimeoutExpired:
            raise BenchmarkError(f"{self._name} does not end") from None
        return time.monotonic()

    def all(self, within: float) -> list[tuple[float, str]]:
        """Every line that was not asked for yet, once the program has ended; see :meth:`ended`."""
        self.ended(within)
        self._reader.join()
        return [self._lines.get() for _ in range(self._lines.qsize())]

    def close(self) -> None:
        """End it."""
        self._child.kill()
        self._child.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            self._lines.put((time.monotonic(), line))


@contextmanager
def scratch(what: str) -> Iterator[tuple[object, str]]:
    """The cluster as its administrator changes it, and a namespace that ends with the measurement."""
    from cluster.live import Cluster

    cluster = Cluster(kubeconfig())
    with cluster.namespace(fresh(what)) as namespace:
        yield cluster, namespace
