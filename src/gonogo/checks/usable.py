"""Whether what exists can be used: what a target excepts, and many faults told in a few words.

A target lists what may be as it is, by a pattern of names, and says why::

    [[components.kafka.expect.exceptions]]
    match = "scratch-*"
    reason = "one replica on purpose"
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, TypeVar

T = TypeVar("T")

NAMED = 5
"""Names that one fault is told with; the rest is counted."""


def unexcepted(names: Iterable[str], expect: Mapping[str, Any]) -> list[str]:
    """The names that no exception of ``expect`` covers."""
    patterns = [str(one["match"]) for one in expect.get("exceptions", ())]
    return [name for name in names if not any(fnmatchcase(name, pattern) for pattern in patterns)]


def remaining(found: Mapping[str, T], expect: Mapping[str, Any]) -> dict[str, T]:
    """What was found, by name, without what an exception covers."""
    return {name: found[name] for name in unexcepted(found, expect)}


def each(found: Mapping[str, str]) -> str:
    """``name: what; name: what``, of the first few, and how many more there are; empty where nothing was found."""
    told = [f"{name}: {what}" for name, what in found.items()]
    return "; ".join([*told[:NAMED], f"and {len(told) - NAMED} more"] if told[NAMED:] else told)


def first(found: Mapping[Any, object], called: str) -> dict[str, object]:
    """The first of the names as a fact of the case, by what the signature calls it; none where nothing was found."""
    return {called: next(iter(found))} if found else {}


def grouped(found: Iterable[tuple[str, str]]) -> list[str]:
    """Pairs of a fault and the name that has it, as a line for each fault: ``closed: a, b and 7 more``."""
    names: dict[str, list[str]] = {}
    for fault, name in found:
        names.setdefault(fault, []).append(name)
    return [f"{fault}: {listed(sorted(those))}" for fault, those in sorted(names.items())]


def listed(names: list[str], most: int = NAMED) -> str:
    """``a, b and 7 more``."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
