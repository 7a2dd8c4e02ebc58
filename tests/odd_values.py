"""Odd values at every place of what a file holds: what people, tools and damage put there."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

ODD: tuple[Any, ...] = (
    None,
    True,
    "",
    "x",
    "a\nb\x1b[2J\u202e",
    "\0",
    "~nobody-of-that-name/x",
    7,
    -1,
    1e308,
    [],
    {},
    [None],
    {"x": [{}]},
)
"""JSON can hold all of them."""

Place = tuple[Any, ...]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """The way to every value inside of ``value``, by keys and numbers."""
    if at:
        yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*at, key))


def put(value: Any, at: Place, odd: Any) -> Any:
    """``value`` with something else at one place; what is beside the way there is shared."""
    if not at:
        return odd
    changed = copy.copy(value)
    changed[at[0]] = put(value[at[0]], at[1:], odd)
    return changed


def without(value: Any, at: Place) -> Any:
    """``value`` without one place."""
    changed = copy.copy(value)
    if at[1:]:
        changed[at[0]] = without(value[at[0]], at[1:])
    else:
        del changed[at[0]]
    return changed


def mutants(value: Any, each: int = len(ODD)) -> Iterator[tuple[str, Any]]:
    """What was changed, and the value that came of it: each place taken out, and ``each`` odd values in its place.

    Fewer than all of them take turns from place to place.
    """
    turns = cycle(ODD)
    for at in places(value):
        where = ".".join(map(str, at))
        yield f"without {where}", without(value, at)
        for odd in islice(turns, each):
            yield f"{where} = {odd!r}", put(value, at, odd)
