"""What was found wrong among all that exists, without what a site lives with.

That is ``exceptions = [{ match = "…", reason = "…" }]`` in a component's ``[expect]``: for claims about every index,
topic or sequence there is, of which somebody keeps one as it is on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from gonogo.core.errors import ConfigError, Problem

MOST = 5
"""How many of those that are wrong are named; the rest is counted."""


def unexcepted(found: Mapping[str, str], expect: Mapping[str, Any]) -> dict[str, str]:
    """What was found, by name, of which no exception's ``match`` (a glob) fits the name.

    Raises ``ConfigError`` where an exception has no ``match`` or no ``reason``, or something else besides.
    """
    exceptions = expect.get("exceptions", [])
    for number, one in enumerate(exceptions):
        if not isinstance(one, Mapping) or set(one) != {"match", "reason"} or not all(map(_says, one.values())):
            what = f"must be {{ match, reason }}, both texts, is {one!r}"
            raise ConfigError(Problem(f"expect.exceptions[{number}]", what, "match is a glob: 'public.old_*'"))
    return {name: what for name, what in found.items() if not any(fnmatchcase(name, e["match"]) for e in exceptions)}


def listed(found: Mapping[str, str]) -> str:
    """``name: what; name: what``, of the first few, and how many more there are; empty where nothing was found."""
    told = [f"{name}: {what}" for name, what in found.items()]
    return "; ".join([*told[:MOST], f"and {len(told) - MOST} more"] if told[MOST:] else told)


def first(found: Mapping[Any, str], called: str) -> dict[str, object]:
    """The first of the names as a fact of the case, by what the signature calls it; none where nothing was found."""
    return {called: next(iter(found))} if found else {}


def _says(value: object) -> bool:
    return isinstance(value, str) and value.strip() != ""
