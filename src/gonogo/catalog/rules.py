"""What is known before anything is deployed, of charts, kinds, images: ``deploy/<c>/rules.toml`` (docs/preflight.md).

``[made.<name>]`` says what a chart, a kind or a command makes, ``[rules.<name>]`` what is wrong with what is written
for it. Each has the source that it was read in, and the day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from string import Formatter
from typing import Any

import msgspec

from gonogo.core.content import Content, alone
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.files import converted, parse_toml
from gonogo.core.outcomes import Struct

FILE = "rules.toml"

PLACES = frozenset({"name", "namespace", "value"})
"""What texts of a rule may hold: of the release or object; ``value`` is what stands under the rule's ``key``."""

_COMPARATOR = re.compile(r"(>=|<=|>|<|=)\s*v?(\d+(?:\.\d+)*)")


class RuleCondition(Struct, frozen=True, kw_only=True):
    """Of what JMESPath finds at ``path``: whether it is there, equal, different, a smaller or larger quantity."""

    path: str
    present: bool | None = None
    equals: Any = msgspec.field(default=None)
    differs: Any = msgspec.field(default=None)
    below: str | int | None = None
    fits: str = ""


class Count(Struct, frozen=True, kw_only=True):
    """Pods of one sort, a number or the key that holds it, each with a disk of its own: a quantity or its key.

    ``when`` is the key that switches them on, ``without`` one that takes them away.
    """

    pods: int | str
    disk: str = ""
    when: str = ""
    without: bool = False


class _Of(Struct, frozen=True, kw_only=True):
    """What a table is about: a chart by name, repository and versions, a kind (``Kind.group``), or a command."""

    source: str
    date: date
    chart: str = ""
    repository: str = ""
    versions: str = ""
    kind: str = ""
    command: str = ""


class Made(_Of, frozen=True, kw_only=True):
    """What is made: names and labels with ``{name}`` and ``{namespace}``; None where nobody has written it down.

    What a command makes is in ``namespace``, whatever it is given, and called ``name``. ``disks_only``: ``counts`` add
    disks alone.
    """

    defaults: dict[str, Any] = msgspec.field(default_factory=dict)
    counts: tuple[Count, ...] = ()
    disks_only: bool = False
    services: tuple[str, ...] | None = None
    pods: tuple[str, ...] | None = None
    labels: tuple[dict[str, str], ...] | None = None
    claims: tuple[dict[str, str], ...] | None = None
    namespace: str = ""
    name: str = ""


class PlanRule(_Of, frozen=True, kw_only=True):
    """One thing that is wrong with a chart, kind, image, host, selector or command, the first of them that it names.

    ``key`` is a value that is given and should not be, or with ``when`` the key that is told; ``moved`` is where it
    belongs, so that what it means is still counted. ``unless``: not for a command that fits this; ``lacks``: only where
    no command of the plan fits; ``undefined``: only where the plan has no definition of that kind; ``injected``: only
    in a namespace into whose pods a mesh puts a sidecar.
    """

    says: str
    right: str
    image: str = ""
    host: str = ""
    selector: str = ""
    key: str = ""
    moved: str = ""
    when: tuple[RuleCondition, ...] = ()
    unless: str = ""
    lacks: str = ""
    undefined: str = ""
    injected: bool = False


class _File(Struct, frozen=True, kw_only=True):
    made: dict[str, Made] = msgspec.field(default_factory=dict)
    rules: dict[str, PlanRule] = msgspec.field(default_factory=dict)


@dataclass(frozen=True)
class KnownRules:
    """All of it by name, ``<folder>.<name>``."""

    made: Mapping[str, Made] = field(default_factory=dict)
    rules: Mapping[str, PlanRule] = field(default_factory=dict)


def known(place: Content | Path) -> KnownRules:
    """That of all folders. Raises ``ConfigError`` with all mistakes."""
    made: dict[str, Made] = {}
    rules: dict[str, PlanRule] = {}
    problems: list[Problem] = []
    for path in alone(place).files(f"deploy/*/{FILE}"):
        try:
            read = converted(parse_toml(path), _File, str(path))
        except ConfigError as error:
            problems += error.problems
            continue
        tables: dict[str, _Of] = {**read.made, **read.rules}
        problems += [Problem(str(path), f"{name}: {what}") for name, one in tables.items() for what in _wrong(one)]
        made |= {f"{path.parent.name}.{name}": one for name, one in read.made.items()}
        rules |= {f"{path.parent.name}.{name}": one for name, one in read.rules.items()}
    if problems:
        raise ConfigError(*problems)
    return KnownRules(made, rules)


def _wrong(table: _Of) -> Iterator[str]:
    """What of a table can mean nothing."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    named = ["chart", "kind", "command", *(["image", "host", "selector"] if isinstance(table, PlanRule) else [])]
    if not any(getattr(table, key) for key in named):
        yield f"names none of {', '.join(named)}"
    if not table.source.strip():
        yield "source is empty"
    try:
        holds("1", table.versions)
    except ValueError as error:
        yield str(error)
    own = ["image", "host", "selector", "unless", "lacks"] if isinstance(table, PlanRule) else []
    for key in ("repository", "command", *own):
        try:
            re.compile(getattr(table, key))
        except re.error:
            yield f"{key} is no regular expression"
    for condition in table.when if isinstance(table, PlanRule) else ():
        try:
            jmespath.compile(condition.path)
        except JMESPathError:
            yield f"when.path is no JMESPath: {condition.path}"
    for text in (table.says, table.right) if isinstance(table, PlanRule) else ():
        if places := {name for _, name, _, _ in Formatter().parse(text) if name is not None} - PLACES:
            yield f"a text may hold {{name}}, {{namespace}} and {{value}}, not {{{', '.join(sorted(places))}}}"


def holds(version: str, wanted: str) -> bool:
    """Whether a version is within a range (``>=24, <32``); without a version the newest is meant.

    Raises ``ValueError`` for what is no range.
    """
    asked = []
    for part in filter(None, (one.strip() for one in wanted.split(","))):
        found = _COMPARATOR.fullmatch(part)
        if found is None:
            raise ValueError(f"versions {wanted!r} is no range: write '>=24, <32'")
        asked.append((found[1], _numbers(found[2])))
    numbers = _numbers(version)
    return all(_compares(numbers, sign, bound) for sign, bound in asked)


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"v?(\d+(?:\.\d+)*)", version.strip())
    return tuple(map(int, found[1].split("."))) if found else ()


def _compares(version: tuple[int, ...], sign: str, bound: tuple[int, ...]) -> bool:
    if not version:  # the newest there is
        return sign.startswith(">")
    width = max(len(version), len(bound))
    ours, theirs = ((*one, *([0] * (width - len(one)))) for one in (version, bound))
    match sign:
        case ">=":
            return ours >= theirs
        case "<=":
            return ours <= theirs
        case ">":
            return ours > theirs
        case "<":
            return ours < theirs
    return ours == theirs
