"""The one module that waits. Everything else says what it waits for, and until when."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from gonogo.core.errors import NotReady

T = TypeVar("T")


class Clock:
    """Monotonic seconds and sleep; tests hand in one that only counts."""

    def now(self) -> float:
        """Seconds that never jump, whatever the wall clock does."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        time.sleep(seconds)


REAL = Clock()


class Deadline:
    """A point in time by the monotonic clock."""

    def __init__(self, seconds: float, clock: Clock = REAL) -> None:
        self.seconds, self.clock = seconds, clock
        self._end = clock.now() + seconds

    @property
    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._end - self.clock.now())

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return self.left <= 0


def until(
    ask: Callable[[], T],
    *,
    awaited: str,
    within: float,
    every: float = 0.05,
    enough: Callable[[T], bool] = bool,
    retry: tuple[type[BaseException], ...] = (),
    running: Callable[[], None] = lambda: None,
    news: Callable[[float], object] | None = None,
    clock: Clock = REAL,
) -> T:
    """The first answer of ``ask`` that is ``enough``, asked again every ``every`` seconds.

    ``news`` waits in the clock's place: for so many seconds, or until there may be another answer.

    ``retry`` are exceptions that count as "not yet"; any other one rises. ``running`` is called before
    each question and raises where waiting has become pointless. Only ever used for transport and
    readiness: a verdict is asked once.

    Raises ``NotReady`` after ``within`` seconds, with the attempts and the last answer or error seen.
    """
    deadline, attempts = Deadline(within, clock), 0
    last: object = None
    while True:
        running()
        attempts += 1
        try:
            answer = ask()
            if enough(answer):
                return answer
            last = answer
        except retry as error:
            last = error
        if deadline.passed:
            raise NotReady(awaited, within, attempts, last) from (last if isinstance(last, BaseException) else None)
        (news or clock.sleep)(min(every, deadline.left) or 0.0)


def pause(seconds: float, *, reason: str, clock: Clock = REAL) -> None:
    """Let a known interval of the outside world pass; ``reason`` says which one."""
    assert reason, "a pause needs a reason"
    clock.sleep(seconds)
