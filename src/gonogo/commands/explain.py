"""``gonogo explain``: what an id means.

It is that of a criterion, a cause, a component, a kind of the cluster, or a reason of ``gonogo health``.
Nothing is told here that is not written down elsewhere: in ``reports/``, ``deploy/``, ``suites/`` and ``fixtures/``
(:mod:`gonogo.commands.asking`), and in the judges of the cluster (:mod:`gonogo.commands.judging`).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from gonogo.catalog.registry import Component, Criterion, Registry
from gonogo.catalog.signatures import ADDRESS_KEY, GENERIC, OPTIONAL, PLACES
from gonogo.cluster.judge.doom import RULES
from gonogo.commands import judging
from gonogo.commands.tables import Form, coloured, columns, for_programs
from gonogo.core import errors
from gonogo.core.content import find
from gonogo.core.errors import ClientError, ConfigError, Problem
from gonogo.core.files import suggestion
from gonogo.core.outcomes import Code, Struct
from gonogo.core.outlet import public, say
from gonogo.render.blocks import NARROWEST, block, painted

if TYPE_CHECKING:
    from gonogo.commands.asking import Suites  # it loads pytest: 0.4 s that whoever completes an id need not wait

Sort = Literal["criterion", "cause", "component", "kind", "reason"]

NONE = "none"
FIRST = 120
"""Characters of the ids of one sort that are named where nobody asks for one."""


class ExplainedRow(msgspec.Struct, frozen=True, kw_only=True):
    """An id; which other fields there are depends on its sort. Where none is named: all ``ids`` of a sort."""

    sort: Sort
    id: str = ""
    count: int = 0
    ids: tuple[str, ...] = ()


class ExplainAnswer(Struct, frozen=True, kw_only=True):
    """What ``-o json`` prints; one row for an id, one for each sort where none is named."""

    schema: Literal["gonogo/explain/1"] = "gonogo/explain/1"
    rows: tuple[ExplainedRow, ...]


def run(id: str | None, form: Form) -> Code:
    """Print what an id means, or which there are. Raises ``ConfigError`` for one that nobody knows."""
    registry = Registry.load(find(Path.cwd()))
    public(registry.components)
    if id is None:
        ids = known(registry)
        rows = [{"sort": sort, "count": len(words), "ids": words} for sort, words in ids.items()]
        if not for_programs(answer(rows), form, (word for words in ids.values() for word in words)):
            first = FIRST if form is Form.TABLE else None
            say(overview(ids, colour=coloured(), width=columns(), first=first))
    else:
        from gonogo.commands.asking import Suites

        found = explained(Suites(registry), id)
        if not for_programs(answer([found.public()]), form, [id]):
            say(text(found, colour=coloured(), width=columns()))
    return Code.GO


def answer(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows in the shape of :class:`ExplainAnswer`, with all their fields."""
    return {"schema": ExplainAnswer(rows=()).schema, "rows": rows}


class Explained(NamedTuple):
    """An id, what sort of id it is, and its parts by name: texts, lists of them, and lists of small tables."""

    id: str
    sort: Sort
    parts: Mapping[str, Any]

    def public(self) -> dict[str, Any]:
        """Its row for programs, an :class:`ExplainedRow`."""
        return {"id": self.id, "sort": self.sort, **self.parts}


def explained(suites: Suites, id: str) -> Explained:
    """What the id means. Raises ``ConfigError`` for one that nobody knows, with the nearest, or that several kinds fit.

    Where a word fits several sorts, criterion, cause, component, kind and reason count in this order.
    """
    registry = suites.registry
    component, _, kind = id.rpartition(".")
    if id in registry.criteria:
        return _criterion(suites, registry.criteria[id])
    if id in GENERIC or (component in registry.components and _names_cause(registry.components[component], kind)):
        return _cause(suites, id)
    if id in registry.components:
        return _component(suites, registry.components[id])
    if kinds := judging.named(id, registry.kinds):
        if len(kinds) > 1:
            raise ConfigError(Problem(id, "names several kinds", ", ".join(kinds)))
        return _kind(kinds[0], registry)
    if id in RULES or id in judging.shown_by():
        return _reason(id)
    what = "no criterion, cause, component, kind or reason"
    raise ConfigError(Problem(id, what, suggestion(id, [word for ids in known(registry).values() for word in ids])))


def known(registry: Registry) -> dict[Sort, list[str]]:
    """Every id that can be explained, by its sort; a generic cause also stands behind each component's name."""
    return {**named(registry), "reason": sorted({*RULES, *judging.shown_by()})}


def named(registry: Registry) -> dict[Sort, list[str]]:
    """Those that files and tables name: all but reasons, which to read from the judges takes half a second."""
    causes = [f"{name}.{kind}" for name, one in registry.components.items() for kind in one.signatures]
    return {
        "criterion": [*registry.criteria],
        "cause": [*causes, *GENERIC],
        "component": [*registry.components],
        "kind": judging.kinds(registry.kinds),
    }


def _names_cause(component: Component, kind: str) -> bool:
    return kind in component.signatures or kind in GENERIC


def _criterion(suites: Suites, criterion: Criterion) -> Explained:
    registry = suites.registry
    asking = suites.asking.get(criterion.id, ())
    waiver = registry.waivers.get(criterion.id)
    return Explained(
        criterion.id,
        "criterion",
        {
            "level": str(criterion.level),
            "claim": criterion.claim,
            "plan": criterion.plan,
            "component": criterion.component,
            # all checks of a criterion need the same
            "mode": str(asking[0].mode) if asking else "",
            "needs": list(asking[0].needs) if asking else [],
            "asked_by": [{"function": one.function, "says": one.says} for one in asking],
            "waiver": {key: getattr(waiver, key) for key in ("owner", "reason", "expires", "link")} if waiver else None,
            "causes": [_likely(suites, cause, criterion.id) for cause in suites.causes[criterion.id]],
            "client_errors": _client_errors(),
            "unsupported_by": [
                {"product": product.title, "reason": product.unsupported[criterion.id]}
                for component in registry.components.values()
                for product in component.products.values()
                if criterion.id in product.unsupported
            ],
            "left_out_by": [name for name, profile in registry.profiles.items() if not profile.holds(criterion.id)],
        },
    )


def _likely(suites: Suites, cause: str, criterion: str) -> dict[str, Any]:
    told = suites.registry.signature(cause)
    drills = [one.name for one in suites.drills if one.expected.cause == cause and criterion in one.expected.asks]
    return {"cause": cause, "hint": told.hint, "by_hand": OPTIONAL.sub(r"\1", told.by_hand), "drills": drills}


def _client_errors() -> list[str]:
    """The generic causes that any client's errors come to, whatever it is asked."""
    kinds = {one.kind for one in vars(errors).values() if isinstance(one, type) and issubclass(one, ClientError)}
    return sorted(kinds & GENERIC.keys())


def _cause(suites: Suites, id: str) -> Explained:
    registry = suites.registry
    component, _, kind = id.rpartition(".")
    told = registry.signature(id) if component else GENERIC[kind]
    named = {id} if component else {f"{name}.{kind}" for name in registry.components}
    drills = [one for one in suites.drills if one.expected.cause in named]
    criteria = suites.criteria(id)
    parts: dict[str, Any] = {
        "component": component or "any",
        "hint": told.hint,
        "by_hand": OPTIONAL.sub(r"\1", told.by_hand),
        "drills": [
            {"drill": one.name, "fault": str(one.expected.fault), "criteria": list(one.expected.asks)} for one in drills
        ],
        "criteria": criteria,
    }
    if addresses := [key for key in ADDRESS_KEY.findall(told.by_hand) if key not in (*told.facts, *PLACES)]:
        parts["addresses"] = addresses
        parts["note"] = f"`gonogo endpoints {component}` prints what {{…}} stands for"
    if not criteria:
        parts["met_by"] = (
            f"a client, a start or gonogo itself: any criterion of {component or 'any component'} can show it"
        )
    if not component:
        parts["told_otherwise_by"] = [name for name, one in registry.components.items() if kind in one.signatures]
    return Explained(id, "cause", parts)


def _component(suites: Suites, component: Component) -> Explained:
    name, keys = component.name, component.endpoints
    return Explained(
        name,
        "component",
        {
            "title": component.title,
            "needs": list(component.needs),
            "needed_by": [one.name for one in suites.registry.components.values() if name in one.needs],
            "deployed_by": list(component.providers),
            "asked_through": "[kubernetes] of the target" if component.cluster else "its own addresses",
            "required_keys": list(keys.required),
            "optional_keys": list(keys.optional),
            "secret_keys": list(keys.secret),
            "other_logins": list(keys.auth),
            "expect": dict(component.expect),
            "products": [
                {"product": product, "title": one.title, "unsupported": [*one.unsupported]}
                for product, one in component.products.items()
            ],
            "criteria": [
                {"criterion": one.id, "claim": f"{one.claim} ({one.level})"}
                for one in suites.registry.criteria.values()
                if one.component == name
            ],
            "causes": [{"cause": f"{name}.{kind}", "hint": one.hint} for kind, one in component.signatures.items()],
            "drills": [one.name for one in suites.drills if one.component == name],
        },
    )


def _kind(kind: str, registry: Registry) -> Explained:
    found = judging.judged(kind, registry.kinds)
    states = dict.fromkeys((*found.when, *found.reasons))
    return Explained(
        kind,
        "kind",
        {
            "api_version": found.api_version,
            "how": found.how,
            "states": {
                str(state): {
                    "when": found.when.get(state, ""),
                    "reasons": [one._asdict() for one in found.reasons.get(state, ())],
                }
                for state in states
            },
            **({"also": list(found.also)} if found.also else {}),
            **found.facts,
        },
    )


def _reason(reason: str) -> Explained:
    by_kind = [
        {"kind": kind, "state": str(state), "means": one.means}
        for kind in judging.shown_by().get(reason, ())
        for state, means in judging.judged(kind).reasons.items()
        for one in means
        if one.reason == reason
    ]
    doomed = {}
    if reason in RULES:
        doomed = {"means": judging.doomed(reason).means, "until_then": "progressing"}
        by_kind = [{key: one[key] for key in ("kind", "state")} for one in by_kind]
    return Explained(reason, "reason", {**doomed, "shown_by": by_kind})


# -- as text


def text(found: Explained, *, colour: bool, width: int) -> str:
    """For people: a label and what it says, in no line more than ``width`` columns (of 20 at least)."""
    head = textwrap.wrap(f"{found.id}  {found.sort}", max(width, NARROWEST))
    lines = [painted(one, "1", colour) for one in head]
    for label, paragraphs in _labelled(found.parts):
        lines += block(label.replace("_", " "), paragraphs, colour=colour, width=width)
    return "\n".join(lines)


def overview(ids: Mapping[Sort, list[str]], *, colour: bool, width: int, first: int | None = FIRST) -> str:
    """What can be explained: how many of each sort, and the first of them, or all."""
    lines = textwrap.wrap("gonogo explain ID, where ID is a", max(width, NARROWEST))
    for sort, words in ids.items():
        told = ", ".join(words)
        told = textwrap.shorten(told, first, placeholder=" …") if first is not None else told
        lines += block(sort, [f"{len(words)}: {told}"], colour=colour, width=width)
    return "\n".join(lines)


def _labelled(parts: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    for name, value in parts.items():
        if name == "states":
            for state, told in value.items():
                yield state, [*filter(None, [told["when"]]), *(one for each in told["reasons"] for one in _table(each))]
        else:
            yield name, [*_paragraphs(value)] or [NONE]


def _paragraphs(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from (f"{key}: {_short(inner)}" for key, inner in value.items() if inner not in ("", None))
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        yield from (told for one in value for told in _table(one))
    elif value:
        yield _short(value)


def _table(row: Mapping[str, Any]) -> Iterator[str]:
    """``name: what it says``, then what else is known of it, a line each."""
    told = [(key, value) for key, value in row.items() if value]
    yield ": ".join(_short(value) for _, value in told[:2])
    yield from (f"  {key.replace('_', ' ')}: {_short(value)}" for key, value in told[2:])


def _short(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
