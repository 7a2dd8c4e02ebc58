"""Checks side by side inside one process.

A check that may run before its turn (:mod:`gonogo.run.ahead`) gets a daemon thread (Ctrl-C does not wait for it), which
starts as soon as it is known how the components it uses stand and a lane of each of them is free. The runner then meets
finished results in its own order.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import CancelledError, Future, wait
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Job(Generic[T]):
    """One check: who it uses, when it may start, and what it does.

    ``begin`` returns once it is known how the components in ``uses`` stand; ``body`` is the check.
    """

    key: str
    uses: tuple[str, ...]
    begin: Callable[[], None]
    body: Callable[[], T]


class Lanes(Generic[T]):
    """``widths`` says how many checks of a component may run at once; absent means any number."""

    def __init__(self, widths: Mapping[str, int]) -> None:
        self._free = {name: threading.BoundedSemaphore(width) for name, width in widths.items() if width > 0}
        self._futures: dict[str, Future[T]] = {}
        self._closed = threading.Event()

    def start(self, jobs: Iterable[Job[T]]) -> None:
        """Begin all jobs; returns at once."""
        for job in jobs:
            future: Future[T] = Future()
            threading.Thread(target=self._run, args=(job, future), name=job.key, daemon=True).start()
            # Only what has a thread is ever waited for: a Ctrl-C may come in the midst of this loop.
            self._futures[job.key] = future

    def future(self, key: str) -> Future[T] | None:
        """Where the result of a job will be, or None for a check that runs in its own turn."""
        return self._futures.get(key)

    def wait(self, timeout: float | None = None) -> None:
        """Return when every job has its result, or after ``timeout`` seconds."""
        wait(self._futures.values(), timeout)

    def ended(self) -> dict[str, T]:
        """Every job that has come to its own end by now, and its result."""
        return {k: f.result() for k, f in self._futures.items() if f.done() and f.exception() is None}

    def close(self) -> None:
        """Let no job begin any more; those that run go on and are waited for by nobody."""
        self._closed.set()

    def _run(self, job: Job[T], future: Future[T]) -> None:
        try:
            job.begin()
            with ExitStack() as held:
                # One order for all, so that two checks that share two components cannot wait for each other.
                for name in sorted(set(job.uses) & self._free.keys()):
                    held.enter_context(self._free[name])
                if self._closed.is_set():
                    raise CancelledError(f"{job.key}: the run ended before it began")
                future.set_result(job.body())
        except BaseException as error:
            future.set_exception(error)
