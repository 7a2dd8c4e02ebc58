"""What has to be so before something is deployed: pure rules over what would be made and over what is there.

A rule takes plain objects and gives a :class:`Line`. What it cannot tell it says; an empty list is no answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Confidence = Literal["high", "medium", "low"]

NAMED = 8
"""Faults that a line names; the others are counted."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the checklist: what was seen, what it is held against, where that was read, how sure it is.

    ``faults`` are what is wrong, ``unknown`` what could not be told, sentences each; with neither it is right. ``at``
    is when what was seen was so, where that is not now: somebody else wrote it down then.
    """

    observed: str
    threshold: str
    source: str
    confidence: Confidence = "high"
    faults: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    at: datetime | None = None

    def __repr__(self) -> str:
        told = listed(self.faults)
        return f"{self.observed}: {told}" if told else self.observed


def listed(sentences: Sequence[str], most: int = NAMED) -> str:
    """The first of them, and how many more there are."""
    rest = [f"and {len(sentences) - most} more"] if len(sentences) > most else []
    return "; ".join([*sentences[:most], *rest])


def once(sentences: Iterable[str]) -> tuple[str, ...]:
    """Each of them once, in their order."""
    return tuple(dict.fromkeys(sentences))


def counted(count: int, what: str, many: str = "") -> str:
    """``1 node``, ``3 nodes``; ``many`` is the plural where that is not with an s."""
    return f"{count} {what if count == 1 else many or what + 's'}"
