"""A clock for tests: waiting costs no time."""

from __future__ import annotations

from gonogo.core.waiting import Clock


class Counting(Clock):
    """Time passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
