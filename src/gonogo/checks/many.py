"""Many things asked one by one, within a budget: what it does not reach is counted and never wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from gonogo.core.waiting import Deadline

T = TypeVar("T")

MOST = 200
"""Names that are asked one by one."""

WITHIN = 5.0
"""Seconds in which the last one of many is begun."""


def asked_each(
    names: Sequence[str], ask: Callable[[str], T], *, at_once: int = 1, within: float = WITHIN
) -> tuple[dict[str, T], int]:
    """What each of the names was answered, and how many were not asked: behind the first 200, or after the time.

    ``at_once`` names are asked side by side, where the client may be used by several threads.
    """
    deadline = Deadline(within)

    def one(name: str) -> tuple[T] | None:
        return None if deadline.passed else (ask(name),)

    first = names[:MOST]
    if at_once == 1:
        told = [one(name) for name in first]
    else:
        with ThreadPoolExecutor(at_once) as pool:
            told = list(pool.map(one, first))
    answers = {name: answer[0] for name, answer in zip(first, told, strict=True) if answer is not None}
    return answers, len(names) - len(answers)
