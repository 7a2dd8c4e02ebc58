"""Kinds of custom resources that a component brings: tables of rules in ``deploy/<c>/kinds.toml`` (docs/kinds.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from gonogo.core.content import Content, alone
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.files import converted, parse_toml
from gonogo.core.outcomes import Struct

FILE = "kinds.toml"

_KIND = re.compile(r"[A-Z][A-Za-z0-9]*\.[a-z0-9-]+(\.[a-z0-9-]+)+")
_EXPRESSIONS = ("suspended", "failed", "ready", "progressing", "reason", "message", "pods")


class _Makes(Struct, frozen=True, kw_only=True):
    """What an object makes over time, and the label by which they name it."""

    kind: str
    label: str


class Table(Struct, frozen=True, kw_only=True):
    """The rules of one kind; docs/kinds.md says what each key means."""

    source: str
    operator: str = ""
    suspended: str = "`false`"
    failed: str = "`false`"
    ready: str = "`false`"
    progressing: str = "`true`"
    reason: str | tuple[str, ...] = ()
    message: str | tuple[str, ...] = ()
    hint: str = ""
    pods: str = ""
    plural: str = ""
    attempt: bool = False
    spares: str = ""
    batch: bool = False
    uncounted: bool = False
    stateless: bool = False
    makes: _Makes | None = None


def kinds(place: Content | Path, *, expressions: bool = True) -> dict[str, Mapping[str, Any]]:
    """``Kind.group`` to its table, of all components. Raises ``ConfigError`` with all mistakes.

    Without ``expressions`` those are not looked into: it takes longer than all else, and few commands judge objects.
    """
    found: dict[str, Mapping[str, Any]] = {}
    problems: list[Problem] = []
    for path in alone(place).files(f"deploy/*/{FILE}"):
        try:
            data = parse_toml(path)
        except ConfigError as error:
            problems += error.problems
            continue
        for kind, table in data.items():
            if not _KIND.fullmatch(kind):
                problems.append(Problem(str(path), f"{kind!r} is no kind", 'write ["Kind.group"]'))
                continue
            if kind in found:
                problems.append(Problem(str(path), f"{kind} has a table in another component's {FILE} too"))
            try:
                read = converted(table, Table, str(path), kind)
            except ConfigError as error:
                problems += error.problems
                continue
            problems += [*_unfit(read, str(path), kind), *(_wrong(read, str(path), kind) if expressions else ())]
            found[kind] = msgspec.to_builtins(read)
    if problems:
        raise ConfigError(*problems)
    return found


def _wrong(table: Table, where: str, kind: str) -> Iterator[Problem]:
    """The expressions that are no JMESPath."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    for key in _EXPRESSIONS:
        told = getattr(table, key)
        for expression in filter(None, [told] if isinstance(told, str) else told):
            try:
                jmespath.compile(expression)
            except JMESPathError:
                yield Problem(where, f"{kind}.{key} is no JMESPath: {expression}")


def _unfit(table: Table, where: str, kind: str) -> Iterator[Problem]:
    """A hint with a place that nobody fills."""
    try:
        table.hint.format(namespace="", name="")
    except (KeyError, IndexError, ValueError):
        yield Problem(where, f"{kind}.hint may hold {{namespace}} and {{name}} alone")
