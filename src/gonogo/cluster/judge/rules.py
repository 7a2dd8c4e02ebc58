"""The rules that custom resources are judged by: tables of JMESPath per kind, ours and those of the content."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from gonogo.cluster.judge.verdict import State
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.loading import LOADING

TABLES = Path(__file__).with_name("custom.toml")

EVERY_OTHER = "*"
"""The table of kinds that have none of their own."""

_DECIDING = ("failed", "ready", "progressing")
"""The rules that decide, in the order in which they are asked, once the newest specification was seen."""


class Makes(NamedTuple):
    """What an object of a kind makes over time: ``Kind.group``, and the label that names their maker."""

    kind: str
    label: str


class KindRule(NamedTuple):
    """One table, its expressions compiled."""

    suspended: Any
    decides: tuple[tuple[State, Any], ...]
    reason: tuple[Any, ...]
    message: tuple[Any, ...]
    hint: str
    operator: tuple[str, ...]
    stateless: bool
    batch: bool
    uncounted: bool
    pods: Any = None
    plural: str = ""
    makes: Makes | None = None
    attempt: bool = False
    spares: str = ""


class Rules:
    """The tables by kind (as ``known_as`` names it). ``own`` are those of components; they come before ours.

    Raises ``ConfigError`` for an expression of theirs that is no JMESPath: ``gonogo lint`` names its file.
    """

    def __init__(self, own: Mapping[str, Mapping[str, Any]] = MappingProxyType({})) -> None:
        self._own = {kind: compiled(kind, table) for kind, table in own.items()}

    @property
    def stateful(self) -> set[str]:
        """The kinds that have a table and a state."""
        ours = (kind for kind, table in tables().items() if kind not in self._own and not table.get("stateless"))
        return {*ours, *(kind for kind, one in self._own.items() if not one.stateless)} - {EVERY_OTHER}

    def of(self, kind: str) -> KindRule:
        """The rules of a kind; those of every other kind where it has no table."""
        return self._own[kind] if kind in self._own else rule(kind)


@cache
def tables() -> Mapping[str, Mapping[str, Any]]:
    """The tables of ``custom.toml`` by kind."""
    return tomllib.loads(TABLES.read_text(encoding="utf-8"))


@cache
def rule(kind: str) -> KindRule:
    """The rules of ``custom.toml`` for a kind."""
    return compiled(kind, tables().get(kind, tables()[EVERY_OTHER]))


def compiled(kind: str, table: Mapping[str, Any]) -> KindRule:
    """A table ready for use. Raises ``ConfigError`` for a wrong expression."""
    with LOADING:
        import jmespath
        from jmespath.exceptions import JMESPathError

    def one(key: str, expression: str) -> Any:
        try:
            return jmespath.compile(expression)
        except JMESPathError as error:
            told = Problem(kind, f"{key} is no JMESPath: {expression}", "gonogo lint names its file")
            raise ConfigError(told) from error

    def several(key: str) -> tuple[Any, ...]:
        told = table.get(key, [])
        return tuple(one(key, expression) for expression in ([told] if isinstance(told, str) else told))

    every = {"suspended": "`false`", "failed": "`false`", "ready": "`false`", "progressing": "`true`", **table}
    return KindRule(
        suspended=one("suspended", every["suspended"]),
        decides=tuple((State(key), one(key, every[key])) for key in _DECIDING),
        reason=several("reason"),
        message=several("message"),
        hint=table.get("hint", ""),
        operator=tuple(filter(None, table.get("operator", "").split("|"))),
        stateless=bool(table.get("stateless")),
        batch=bool(table.get("batch")),
        uncounted=bool(table.get("uncounted")),
        pods=one("pods", table["pods"]) if table.get("pods") else None,
        plural=table.get("plural", ""),
        makes=Makes(**table["makes"]) if table.get("makes") else None,
        attempt=bool(table.get("attempt")),
        spares=table.get("spares", ""),
    )
