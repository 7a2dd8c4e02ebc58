"""What a site lives with: ``[expect] exceptions = [{ match = "…", reason = "…" }]`` of a component.

For claims about all that exists (every index, every sequence), of which somebody keeps one on purpose.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from gonogo.core.errors import ConfigError, Problem


def unexcepted(names: Iterable[str], expect: Mapping[str, Any]) -> list[str]:
    """Those of the names that fit no exception's ``match``, a glob.

    Raises ``ConfigError`` where an exception has no ``match`` or no ``reason``, or something else besides.
    """
    exceptions = expect.get("exceptions", [])
    for number, one in enumerate(exceptions):
        if not isinstance(one, Mapping) or set(one) != {"match", "reason"} or not all(map(_says, one.values())):
            what = f"must be {{ match, reason }}, both texts, is {one!r}"
            raise ConfigError(Problem(f"expect.exceptions[{number}]", what, "match is a glob: 'public.old_*'"))
    return [name for name in names if not any(fnmatchcase(name, one["match"]) for one in exceptions)]


def each_told(found: Mapping[str, str], names: Iterable[str], most: int = 5) -> str:
    """``name: what; name: what``, of the first few, and how many more there are; empty where there are none."""
    names = list(names)
    told = [f"{name}: {found[name]}" for name in names[:most]]
    return "; ".join([*told, f"and {len(names) - most} more"] if names[most:] else told)


def _says(value: object) -> bool:
    return isinstance(value, str) and value.strip() != ""
