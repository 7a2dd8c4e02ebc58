"""Checks side by side inside one process.

A check that may run before its turn (:mod:`gonogo.run.ahead`) gets a daemon thread (Ctrl-C does not wait for it) as
soon as it is known how the components it uses stand, a lane of each of them is free, and not too many others run. The
runner then meets finished results in its own order.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import CancelledError, Future, wait
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")

AT_ONCE = 64
"""Jobs that run at the same time, and so threads."""


@dataclass(frozen=True)
class Job(Generic[T]):
    """One check: the components it uses, how they stand as soon as that is known, and what it does."""

    key: str
    uses: tuple[str, ...]
    known: tuple[Future[Any], ...]
    body: Callable[[], T]


class Lanes(Generic[T]):
    """``widths`` says how many checks of a component may run at once; absent means any number."""

    def __init__(self, widths: Mapping[str, int], at_once: int = AT_ONCE) -> None:
        self._free = {name: width for name, width in widths.items() if width > 0}
        self._threads = at_once
        # jobs that use the same may begin at the same time: of each such group, only the first is looked at
        self._waiting: dict[tuple[str, ...], deque[tuple[int, Job[T], Future[T]]]] = {}
        self._futures: dict[str, Future[T]] = {}
        self._changed = threading.Condition()
        self._closed = False

    def start(self, jobs: Iterable[Job[T]]) -> None:
        """Begin all jobs, each as soon as it may, in their order; returns at once."""
        threading.Thread(target=self._begin_all, name="lanes", daemon=True).start()
        for number, job in enumerate(jobs):
            future: Future[T] = Future()
            with self._changed:
                self._waiting.setdefault(job.uses, deque()).append((number, job, future))
            # Only what will have an end is ever waited for: a Ctrl-C may come in the midst of this loop.
            self._futures[job.key] = future
            for one in job.known:
                one.add_done_callback(self._wake)
        self._wake()

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
        self._closed = True
        self._wake()

    def _wake(self, _: object = None) -> None:
        with self._changed:
            self._changed.notify_all()

    def _begin_all(self) -> None:
        with self._changed:
            while not self._closed:
                uses = self._next()
                if uses is None:
                    self._changed.wait()
                    continue
                _, job, future = self._waiting[uses].popleft()
                self._count(uses, -1)
                try:
                    threading.Thread(target=self._run, args=(job, future), name=job.key, daemon=True).start()
                except RuntimeError as error:  # no more threads; what waits behind this job is not to wait for ever
                    self._count(uses, 1)
                    future.set_exception(error)
            for group in self._waiting.values():
                for _, job, future in group:
                    future.set_exception(CancelledError(f"{job.key}: the run ended before it began"))
            self._waiting.clear()

    def _next(self) -> tuple[str, ...] | None:
        """The group whose first job is the earliest of those that may begin."""
        may = [group[0] for uses, group in self._waiting.items() if group and self._may(uses, group[0][1])]
        return min(may, key=lambda one: one[0])[1].uses if may else None

    def _may(self, uses: tuple[str, ...], job: Job[T]) -> bool:
        return (
            self._threads > 0
            and all(self._free.get(name, 1) > 0 for name in uses)
            and all(one.done() for one in job.known)
        )

    def _count(self, uses: tuple[str, ...], change: int) -> None:
        self._threads += change
        for name in self._free.keys() & set(uses):
            self._free[name] += change

    def _run(self, job: Job[T], future: Future[T]) -> None:
        try:
            future.set_result(job.body())
        except BaseException as error:
            future.set_exception(error)
        finally:
            with self._changed:
                self._count(job.uses, 1)
                self._changed.notify_all()
