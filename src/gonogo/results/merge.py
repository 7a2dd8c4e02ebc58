"""Parts of one run as one: shards that asked different checks, or the same ones again.

Of what parts say differently the less favourable counts. The result depends neither on the order of the parts nor on
which were merged first, and a part that is given twice counts once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import msgspec
from msgspec.structs import replace

from gonogo.core.errors import ConfigError, Problem
from gonogo.core.outcomes import Level, Mode, Outcome, Skip
from gonogo.core.times import moment
from gonogo.results.model import (
    FOR_PEOPLE,
    CheckResult,
    ComponentResult,
    CriterionResult,
    Results,
    RunInfo,
    Span,
    TargetInfo,
    function_of,
)
from gonogo.results.verdict import judge, lacking

ONE_RUN = "only parts of one run are merged: give all of them the same run with --run ID or GONOGO_RUN"

_WEAK = (Outcome.SKIPPED, Outcome.MISSING)


@dataclass(frozen=True)
class _Part:
    """Results with the name of their file, and what they say of each node id."""

    name: str
    results: Results

    @cached_property
    def reported(self) -> Mapping[str, CheckResult]:
        return {c.nodeid: c for c in self.results.checks}

    @cached_property
    def left_out(self) -> frozenset[str]:
        return frozenset(self.results.run.deselected)

    @cached_property
    def listed(self) -> frozenset[str]:
        """What it knows of, asked or not."""
        return frozenset(n for c in self.results.criteria for n in c.checks) | self.reported.keys()

    @cached_property
    def selected(self) -> frozenset[str]:
        return self.listed - self.left_out

    def silent(self, nodeid: str) -> bool:
        """Whether it should have reported the check, and did not."""
        return nodeid in self.selected and nodeid not in self.reported


def merge(results: Iterable[Results], names: Iterable[str] = ()) -> Results:
    """Parts of one run as one, judged afresh. ``names`` are those of their files.

    By node id: skipped, missing and unsupported count only where no part has a real result, of two real ones the
    worse; of two levels the stricter; a waiver only where all parts carry it. Raises ``ConfigError`` for none, and,
    naming what differs and where, for results that are not of one run.
    """
    given = _given([*results], [*names])
    if not given:
        raise ConfigError("no results given")
    if problems := [*_differences(given.values())]:
        raise ConfigError(*problems)
    if len(given) == 1:
        return judge(next(iter(given.values())).results)
    parts = _in_order(given)
    first = parts[0].results
    criteria, replaced = _criteria(parts)
    return judge(
        replace(
            first,
            run=_run(parts, criteria, replaced),
            components=_components(parts),
            criteria=criteria,
            checks=tuple(_checks(parts)),
            health=next((p.results.health for p in parts if p.results.health is not None), None),
            spans=tuple(span for p in parts for span in _shifted(p.results, first)),
            void=tuple(dict.fromkeys(one for p in parts for one in p.results.void)),
            verdict=None,
        )
    )


def _given(results: Sequence[Results], names: Sequence[str]) -> dict[bytes, _Part]:
    """The parts by all that they hold, so that what is the same twice stands once."""
    named = [*names, *(f"results {n}" for n in range(len(names) + 1, len(results) + 1))]
    plain = [replace(r, digest="") for r in results]
    return {msgspec.json.encode(r): _Part(name, r) for name, r in zip(named, plain, strict=True)}


def _in_order(given: Mapping[bytes, _Part]) -> list[_Part]:
    """The parts as they began."""
    unknown = datetime.min.replace(tzinfo=UTC)
    began = {data: moment(part.results.run.started) or unknown for data, part in given.items()}
    return [given[data] for data in sorted(given, key=lambda d: (began[d], _facts_first(given[d].results)))]


# -- whether they are parts of one run


def _differences(parts: Iterable[_Part]) -> Iterator[Problem]:
    """A problem for each fact on which not all parts agree; it names each value with the files that hold it."""
    held: dict[str, dict[bytes, list[str]]] = {}
    for part in parts:
        for key, value in _facts(part.results):
            text = msgspec.json.encode(value, order="deterministic")
            held.setdefault(key, {}).setdefault(text, []).append(part.name)
    for key, values in held.items():
        if len(values) > 1:
            said = "; ".join(f"{text.decode():.80} in {', '.join(names)}" for text, names in values.items())
            yield Problem(key, f"differs: {said}", ONE_RUN)


def _facts(results: Results) -> Iterator[tuple[str, object]]:
    """What is the same in all parts of a run, by its place."""
    yield from ((f"run.{key}", getattr(results.run, key)) for key in ("id", "gonogo", "git"))
    yield from ((f"target.{key}", getattr(results.target, key)) for key in TargetInfo.__struct_fields__)
    for component in results.components:
        for key in ("identity", "provider", "expect"):
            if value := getattr(component, key):  # a part that did not reach a component knows nothing of it
                yield f"components.{component.name}.{key}", value
    yield from ((f"criteria.{c.id}.component", c.component) for c in results.criteria)
    yield from ((f"checks.{c.nodeid}.criteria", c.criteria) for c in results.checks)


def _facts_first(value: object) -> tuple[bytes, bytes]:
    """An order of what is equal in all that decides: by its facts, then by the texts that people read."""
    plain = msgspec.to_builtins(value)
    return msgspec.json.encode(_without_texts(plain)), msgspec.json.encode(plain)


def _without_texts(plain: Any) -> Any:
    if isinstance(plain, dict):
        return {key: _without_texts(one) for key, one in plain.items() if key not in FOR_PEOPLE}
    return [_without_texts(one) for one in plain] if isinstance(plain, list | tuple) else plain


# -- what they say together


def _run(parts: Sequence[_Part], criteria: Iterable[CriterionResult], replaced: frozenset[str]) -> RunInfo:
    runs = [p.results.run for p in parts]
    ends = [r.finished for r in runs]
    unknown = datetime.max.replace(tzinfo=UTC)
    selected = frozenset(n for p in parts for n in p.selected)
    listed = frozenset(n for c in criteria for n in c.checks)
    gone = selected | (replaced - listed)
    return replace(
        runs[0],
        # of what cannot be read the verdict has to say so
        finished=max(ends, key=lambda end: (moment(end) or unknown, end)) if all(ends) else "",
        seconds=max(r.seconds for r in runs),
        mode=max((r.mode for r in runs), key=list(Mode).index),
        deselected=tuple(n for n in _union(r.deselected for r in runs) if n not in gone),
        unread=_union(r.unread for r in runs),
        interrupted=any(r.interrupted for r in runs),
        overhead=None,
    )


def _checks(parts: Sequence[_Part]) -> Iterator[CheckResult]:
    """Of each node id the result that counts; none where a part should have asked and no part has a real one."""
    target = parts[0].results.target
    for nodeid in _union(p.reported for p in parts):
        one = min((p.reported[nodeid] for p in parts if nodeid in p.reported), key=lambda c: _rank(c, target))
        silent = any(p.silent(nodeid) for p in parts)
        if not silent or one.outcome is Outcome.MISSING or _real(one, target):
            yield one


def _real(check: CheckResult, target: TargetInfo) -> bool:
    """Whether the platform was asked, or somebody tried to."""
    declared = check.outcome is Outcome.UNSUPPORTED and all(lacking(check, c, target) for c in check.criteria)
    return check.outcome not in _WEAK and not declared


def _rank(check: CheckResult, target: TargetInfo) -> tuple[int, int, tuple[bytes, bytes]]:
    """Less for what counts before another result of the same node id: the worst real one, then the least excused."""
    outcome, order = check.outcome, 0
    if _real(check, target):
        counted = {Outcome.WAIVED: Outcome.FAILED, Outcome.UNSUPPORTED: Outcome.BROKEN}.get(outcome, outcome)
        place, order = 0, counted.severity
    else:
        place = {Outcome.MISSING: 1, Outcome.SKIPPED: 2}.get(outcome, 3)
        if check.skip is Skip.MODE and check.wants is not None:
            order = 1 + list(Mode).index(check.wants)
    return place, order, _facts_first(check)


def _components(parts: Sequence[_Part]) -> tuple[ComponentResult, ...]:
    told: dict[str, list[ComponentResult]] = {}
    for component in (c for p in parts for c in p.results.components):
        told.setdefault(component.name, []).append(component)
    return tuple(_component(ones) for ones in told.values())


def _component(ones: Sequence[ComponentResult]) -> ComponentResult:
    """The worst that a part which reached it says, then and at the end; what only one of them knows is kept."""
    first = min(ones, key=lambda c: (c.answers in _WEAK, c.answers.severity, _facts_first(c)))
    ends = [c.answers_at_end for c in ones if c.answers not in _WEAK or c.answers_at_end not in _WEAK]
    return replace(
        first,
        answers_at_end=min(ends, key=lambda o: o.severity, default=Outcome.MISSING),
        identity=first.identity or max(c.identity for c in ones),
        version=first.version or max(c.version for c in ones),
        expect=first.expect or next((c.expect for c in ones if c.expect), {}),
    )


def _criteria(parts: Sequence[_Part]) -> tuple[tuple[CriterionResult, ...], frozenset[str]]:
    """The criteria of all parts, and the functions whose checks with parameters stand in their place.

    A part that did not collect a function knows no parameters of it; one that did knows its checks.
    """
    asked = frozenset(n for p in parts for n in p.selected | p.reported.keys())
    told: dict[str, list[CriterionResult]] = {}
    for criterion in (c for p in parts for c in p.results.criteria):
        told.setdefault(criterion.id, []).append(criterion)
    merged: list[CriterionResult] = []
    replaced: set[str] = set()
    for ones in told.values():
        nodeids = _union(c.checks for c in ones)
        known = {function_of(n) for n in nodeids if function_of(n) != n} - asked
        replaced |= known.intersection(nodeids)
        waivers = [c.waiver for c in ones]
        carried = len(ones) == len(parts) and all(w == waivers[0] for w in waivers)
        merged.append(
            replace(
                ones[0],
                level=min((c.level for c in ones), key=list(Level).index),
                waiver=waivers[0] if carried else None,
                checks=tuple(n for n in nodeids if n not in known),
            )
        )
    return tuple(merged), frozenset(replaced)


def _union(groups: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for group in groups for name in group))


def _shifted(results: Results, first: Results) -> Iterator[Span]:
    """Spans on the clock of the first part, as far as wall clocks tell."""
    began, zero = moment(results.run.started), moment(first.run.started)
    shift = (began - zero).total_seconds() if began and zero else 0.0
    return (replace(s, started=s.started + shift) for s in results.spans)
