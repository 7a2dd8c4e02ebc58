"""The one place where outcomes become a verdict. Pure: nothing but the results goes in.

Checks, components, target and run are what was seen; every outcome of a criterion and the verdict are
derived from them anew, so judging twice changes nothing, and merged shards are judged like one run.

1. A criterion is as bad as the worst of its checks.
2. It is blocked where it failed or broke while a critical criterion of what it needs did so too.
3. What is still failed is waived where a waiver had not expired when the run finished.
4. The decision: see :func:`_verdict`.

What decides are fields: no sentence is read, and what only the target can say (unsupported) or only the run (its
mode) is compared with it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from msgspec.structs import replace

from gonogo.core.outcomes import Decision, Level, Mode, Outcome, Skip
from gonogo.core.times import day, moment
from gonogo.results.model import (
    Cause,
    CheckResult,
    ComponentResult,
    CriterionResult,
    FirstCause,
    Results,
    RunInfo,
    TargetInfo,
    Verdict,
    Waiver,
)

NO_CHECK = ""
"""Stands for the node id of a criterion that no check asks."""

SKEW = timedelta(minutes=1)
"""How far clocks may be apart before what they say of a run is doubted."""

_UNWELL = (Outcome.FAILED, Outcome.BROKEN)
_CAPABILITIES = {"kubernetes": "a cluster", "write": "what may be written to be named"}
"""How a headline calls a capability that a target does not have."""


def judge(results: Results, strict: Level = Level.CRITICAL) -> Results:
    """The results with every criterion's outcome and the verdict derived anew. Idempotent.

    Criteria of ``strict`` and of more important levels gate.
    """
    seen = _seen(results)
    blame = _Blame(seen.values(), results.components)
    criteria = tuple(_waived(_blocked(s, blame), results.run) for s in seen.values())
    return replace(results, criteria=criteria, verdict=_verdict(results, criteria, seen, strict))


def narrowed(criteria: Iterable[CriterionResult], run: RunInfo, strict: Level = Level.CRITICAL) -> bool:
    """Whether a path, an option or a hook left out a check of a gating criterion, or a file that nobody could read."""
    left_out = frozenset(run.deselected)
    return bool(run.unread) or any(not left_out.isdisjoint(c.checks) for c in criteria if _gates(c.level, strict))


# -- 1. the worst of its checks


class _Said(NamedTuple):
    """What one check says of its criterion."""

    outcome: Outcome
    reason: str
    skip: Skip | None = None
    wants: Mode | None = None
    lacks: str = ""
    check: CheckResult | None = None


class _Seen(NamedTuple):
    """A criterion by its checks alone, with the check that decided and the components they used."""

    criterion: CriterionResult
    check: CheckResult | None
    uses: frozenset[str]

    @property
    def cause(self) -> Cause:
        found = self.check.cause if self.check else None
        kind = "claim_false" if self.criterion.outcome is Outcome.FAILED else "own_error"
        component = self.criterion.component
        return found or Cause(component=component, signature=f"{component}.{kind}")


def _seen(results: Results) -> dict[str, _Seen]:
    reported: dict[str, list[CheckResult]] = {c.id: [] for c in results.criteria}
    for check in results.checks:
        for criterion in check.criteria:
            reported.setdefault(criterion, []).append(check)
    left_out = frozenset(results.run.deselected)
    return {c.id: _worst(c, reported[c.id], left_out, results) for c in results.criteria}


def _worst(
    criterion: CriterionResult, checks: Sequence[CheckResult], left_out: frozenset[str], results: Results
) -> _Seen:
    reported = {c.nodeid for c in checks}
    nodeids = tuple(dict.fromkeys((*criterion.checks, *(c.nodeid for c in checks))))
    silent = [n for n in nodeids if n not in reported] if nodeids else [NO_CHECK]
    said = [_told(c, criterion, results) for c in checks]
    said += [_unreported(n, criterion, left_out, results) for n in silent]
    worst = min(said, key=lambda one: (one.outcome.severity, _excused(one, results.run)))
    uses = frozenset(name for c in checks for name in c.uses)
    told = replace(
        criterion,
        outcome=worst.outcome,
        reason=worst.reason,
        skip=worst.skip,
        wants=worst.wants,
        lacks=worst.lacks,
        blocked_by=None,
        checks=nodeids,
    )
    return _Seen(told, worst.check, uses)


def _told(check: CheckResult, criterion: CriterionResult, results: Results) -> _Said:
    outcome, reason, target = check.outcome, check.message, results.target
    if outcome is Outcome.PASSED:
        reason = ""
    elif outcome is Outcome.MISSING and check.cause is None:  # one that the check told itself has its cause
        reason = _silence(results.run)
    elif outcome is Outcome.UNSUPPORTED and not lacking(check, criterion.id, target):
        outcome, reason = Outcome.BROKEN, f"said to be unsupported, but not by target {target.name!r}: {reason}"
    elif outcome is Outcome.WAIVED:
        outcome = Outcome.FAILED  # what is waived is a criterion, and that is decided below
    elif not reason and (check.expected or check.actual):
        reason = f"expected {check.expected}, saw {check.actual}"
    return _Said(outcome, reason, check.skip, check.wants, check.lacks, check)


def lacking(check: CheckResult, criterion: str, target: TargetInfo) -> bool:
    """Whether it is the target that cannot hold what the check asks for this criterion."""
    named = {criterion, check.component, *check.uses}
    return not named.isdisjoint(target.unsupported) or (check.lacks != "" and check.lacks not in target.capabilities)


def _unreported(nodeid: str, criterion: CriterionResult, left_out: frozenset[str], results: Results) -> _Said:
    target = results.target
    declared = target.unsupported.get(criterion.id) or target.unsupported.get(criterion.component)
    if declared:
        return _Said(Outcome.UNSUPPORTED, declared, lacks=target.lacks.get(criterion.component, ""))
    if nodeid in left_out:
        return _Said(Outcome.SKIPPED, "not selected", Skip.SELECTION)
    return _Said(Outcome.MISSING, "no check asks it" if nodeid == NO_CHECK else _silence(results.run))


def _silence(run: RunInfo) -> str:
    return "no result: the run was interrupted" if run.interrupted else "no result"


# -- 2. blocked by what it needs


_Place = tuple[str, frozenset[str]]
"""Component and what was used: criteria that share both have the same things beneath them."""


def _unwell(component: ComponentResult) -> bool:
    return component.answers in _UNWELL or component.answers_at_end in _UNWELL


class _Blame:
    """Which critical criterion of what a criterion needs is the root of its failure."""

    def __init__(self, seen: Iterable[_Seen], components: Iterable[ComponentResult]) -> None:
        self._seen = {s.criterion.id: s for s in seen}
        self._components = {c.name: c for c in components}
        self._unwell: dict[str, list[str]] = {}
        self._roots: dict[_Place, str | None] = {}
        for id, one in self._seen.items():
            answers = id == f"{one.criterion.component}.answers"
            if one.criterion.outcome in _UNWELL and (answers or one.criterion.level is Level.CRITICAL):
                ids = self._unwell.setdefault(one.criterion.component, [])
                ids.insert(0 if answers else len(ids), id)
        for name, component in self._components.items():
            if _unwell(component) and name not in self._unwell:
                # No criterion tells what the component itself said; its name stands for it.
                self._unwell[name] = [name]

    def own(self, component: str) -> str | None:
        """What says that the component itself does not answer: its criterion of that name, or its own name."""
        said = self._unwell.get(component, [])
        return next((one for one in said if one in (component, f"{component}.answers")), None)

    def root(self, id: str) -> str | None:
        """The nearest unwell criterion (or component) beneath ``id`` that has none beneath itself."""
        place = self._place(id)
        if place not in self._roots:
            self._roots[place] = self._search(place)
        return self._roots[place]

    def _search(self, place: _Place) -> str | None:
        queue, met = deque(self._beneath(place)), {place}
        while queue:
            candidate = queue.popleft()
            deeper = self._place(candidate)
            if deeper in met:
                continue
            met.add(deeper)
            unwell = self._beneath(deeper)
            if not unwell:
                return candidate
            queue += unwell
        return None

    def _place(self, id: str) -> _Place:
        return id.partition(".")[0], self._seen[id].uses if id in self._seen else frozenset()

    def _beneath(self, place: _Place) -> list[str]:
        """What is unwell in the components that a component needs or its criterion's checks used."""
        own, uses = place
        queue = deque((*self._needs(own), *sorted(uses)))
        needed: dict[str, None] = {}
        while queue:
            name = queue.popleft()
            if name != own and name not in needed:
                needed[name] = None
                queue += self._needs(name)
        return [unwell for name in needed for unwell in self._unwell.get(name, ())]

    def _needs(self, name: str) -> tuple[str, ...]:
        return self._components[name].needs if name in self._components else ()


def _blocked(seen: _Seen, blame: _Blame) -> CriterionResult:
    criterion = seen.criterion
    if criterion.outcome not in (*_UNWELL, Outcome.BLOCKED):
        return criterion
    root = blame.root(criterion.id)
    if root is None and criterion.outcome is Outcome.BLOCKED:
        own = blame.own(criterion.component)
        root = blame.root(own) or own if own is not None and own != criterion.id else None
        if root is None and seen.check and seen.check.cause:
            root = seen.check.cause.component
    if root is None:
        return criterion
    reason = f"blocked by {root}: {criterion.reason}" if criterion.reason else f"blocked by {root}"
    return replace(criterion, outcome=Outcome.BLOCKED, blocked_by=root, reason=reason)


# -- 3. waived


def in_force(waiver: Waiver, when: str) -> bool:
    """Whether the waiver covers what failed at this time (RFC 3339): until the end of its day, in UTC."""
    expires, now = day(waiver.expires), moment(when)
    return expires is not None and now is not None and now.date() <= expires


def _waived(criterion: CriterionResult, run: RunInfo) -> CriterionResult:
    waiver = criterion.waiver
    if waiver is None or criterion.outcome is not Outcome.FAILED:
        return criterion
    if not in_force(waiver, run.finished or run.started):
        reason = f"{criterion.reason}; the waiver of {waiver.owner} ended on {waiver.expires}"
        return replace(criterion, reason=reason)
    reason = f"{criterion.reason}; waived until {waiver.expires} by {waiver.owner}: {waiver.reason}"
    return replace(criterion, outcome=Outcome.WAIVED, reason=reason)


# -- 4. the verdict


def _verdict(
    results: Results, criteria: tuple[CriterionResult, ...], seen: Mapping[str, _Seen], strict: Level
) -> Verdict:
    """GO where all that gates was asked and seen true, and the run came to its end on a platform that still answers.

    NONE where a narrowed run is green as far as it went; else NO-GO.
    """
    run, target = results.run, results.target
    gating = [c for c in criteria if _gates(c.level, strict)]
    offending = [c for c in gating if _offends(c, run)]
    lost = [*_lost(results.components, criteria)]
    doubts = [*_doubts(run), *map(_loss, lost)]
    left_out = narrowed(criteria, run, strict)
    if left_out:
        unasked = frozenset(run.deselected)
        offending = [c for c in offending if c.outcome is not Outcome.SKIPPED and not unasked.issuperset(c.checks)]
    else:
        silent = [*_silent(criteria, offending, target)]
        doubts += [f"nothing critical passed on {', '.join(silent)}"] if silent else []
    if offending or doubts:
        fallen = {c.name for c in results.components if Outcome.FAILED in (c.answers, c.answers_at_end)}
        failed = (
            Outcome.FAILED in (*(c.outcome for c in offending), *(c.answers_at_end for c in lost))
            # what failed is the component itself, and no criterion says so
            or any(c.blocked_by == c.component in fallen for c in offending)
        )
        decision, code, reason = Decision.NO_GO, 1 if failed else 3, _why(offending, doubts, criteria, run)
        opening = "NO-GO" if failed else "NO-GO: could not tell"
    elif left_out:
        asked_for = sum(c.outcome in (Outcome.WAIVED, Outcome.PASSED) for c in gating)
        decision, code, reason = Decision.NONE, 3, f"{asked_for} of {len(gating)} {_words(strict)} asked"
        reason += f"; {', '.join(run.unread)} could not be read" if run.unread else ""
        opening = str(decision)
    elif any(c.outcome in (Outcome.PASSED, Outcome.WAIVED) for c in gating):
        decision, code, reason = Decision.GO, 0, _counted(gating, strict)
        opening = go_on(results)
    else:
        decision, code, reason = Decision.NO_GO, 3, "no criterion that gates was asked"
        opening = "NO-GO: could not tell"
    return Verdict(
        decision=decision,
        reason=reason,
        headline=f"{opening}: {reason}",
        code=code,
        counts=_counts(criteria),
        first_causes=_first_causes(results, criteria, seen),
        unsupported={c.id: c.reason for c in criteria if c.outcome is Outcome.UNSUPPORTED},
        waived=tuple(c.id for c in criteria if c.outcome is Outcome.WAIVED),
    )


def go_on(results: Results) -> str:
    """How a headline says GO: ``GO on staging, read only``."""
    return f"GO on {results.target.name}" + (", read only" if results.run.mode is Mode.READ else "")


def _lost(components: Iterable[ComponentResult], criteria: Iterable[CriterionResult]) -> Iterator[ComponentResult]:
    """Those that answered while the run went on, and were not seen to answer when all checks had ended."""
    proven = _proven(criteria)
    for component in components:
        answered = component.answers is Outcome.PASSED or (_unwell(component) and component.name in proven)
        if answered and component.answers_at_end is not Outcome.PASSED:
            yield component


def _proven(criteria: Iterable[CriterionResult]) -> set[str]:
    """The components of which something critical passed."""
    return {c.component for c in criteria if c.level is Level.CRITICAL and c.outcome is Outcome.PASSED}


def _loss(component: ComponentResult) -> str:
    if component.answers_at_end is Outcome.MISSING:
        return f"{component.name} was not asked again at the end"
    return f"{component.name} does not answer any more: {_line(component.message)}"


def _doubts(run: RunInfo) -> Iterator[str]:
    """Why the run as a whole can be no GO, whatever its checks saw; first that it was interrupted."""
    started, finished = moment(run.started), moment(run.finished)
    if run.interrupted:
        yield "the run was interrupted"
    elif not run.finished:
        yield "the run never finished"
    elif started is None or finished is None:
        yield "when the run started and finished cannot be read"
    elif finished < started:
        yield "the clock went back: the run finished before it started"
    elif (finished - started + SKEW).total_seconds() < run.seconds:
        span = (finished - started).total_seconds()
        yield f"the clock went back: the run took {run.seconds:.0f} s, from its start to its end are {span:.0f} s"


def _gates(level: Level, strict: Level) -> bool:
    levels = list(Level)
    return levels.index(level) <= levels.index(strict)


def _words(strict: Level) -> str:
    names = [str(level) for level in Level if _gates(level, strict)]
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names) + " criteria"


def _offends(criterion: CriterionResult, run: RunInfo) -> bool:
    if criterion.outcome is Outcome.SKIPPED:
        return not _excused(criterion, run)
    return criterion.outcome not in (Outcome.PASSED, Outcome.WAIVED, Outcome.UNSUPPORTED)


def _excused(skipped: _Said | CriterionResult, run: RunInfo) -> bool:
    """Whether what was skipped wants a mode that the run was not given."""
    return skipped.skip is Skip.MODE and skipped.wants is not None and not run.mode.allows(skipped.wants)


def _silent(
    criteria: Iterable[CriterionResult], offending: Iterable[CriterionResult], target: TargetInfo
) -> Iterator[str]:
    """Components of the target of which nothing critical passed, and of which no criterion says why."""
    said = _proven(criteria) | {c.component for c in offending}
    for name in target.components:
        if name not in said and name not in target.unsupported:
            yield name


def _counted(gating: Sequence[CriterionResult], strict: Level) -> str:
    """``22 of 31 critical criteria; 9 need a cluster``: what passed, and why the others were not asked.

    What the target declares as unsupported is named by component: nobody reads past what is not there.
    """
    passed = sum(c.outcome is Outcome.PASSED for c in gating)
    declared = dict.fromkeys(c.component for c in gating if c.outcome is Outcome.UNSUPPORTED and not _want(c))
    named = {Outcome.UNSUPPORTED: f"{Outcome.UNSUPPORTED} ({', '.join(declared)})"}
    others: Counter[tuple[str, str]] = Counter()
    for criterion in gating:
        if want := _want(criterion):
            others[f"needs {want}", f"need {want}"] += 1
        elif criterion.outcome is not Outcome.PASSED:
            told = named.get(criterion.outcome, str(criterion.outcome))
            others[told, told] += 1
    parts = [f"{n} {one if n == 1 else many}" for (one, many), n in others.items()]
    return "; ".join([f"{passed} of {len(gating)} {_words(strict)}", *parts])


def _want(criterion: CriterionResult) -> str:
    """What a criterion was not asked for want of; empty where it was asked."""
    if criterion.outcome is Outcome.SKIPPED and criterion.wants is not None:
        return f"--mode {criterion.wants}"
    if criterion.outcome is Outcome.UNSUPPORTED and criterion.lacks:
        return _CAPABILITIES.get(criterion.lacks, f"capability {criterion.lacks}")
    return ""


def _why(
    offending: Iterable[CriterionResult], doubts: Sequence[str], criteria: Sequence[CriterionResult], run: RunInfo
) -> str:
    """The first offence with its reason, the next ones by name, how many they block, and what else is wrong."""
    ordered = _roots_first(offending, criteria)
    named = [c for c in ordered if c.outcome is not Outcome.BLOCKED] or ordered
    parts = [_offence(named[0])] if named else []
    if also := [f"{c.id} {c.outcome}" for c in named[1:4]]:
        parts.append(f"also {', '.join(also)}" + (f" and {len(named) - 4} more" if len(named) > 4 else ""))
    if named is not ordered and (blocked := len(ordered) - len(named)):
        parts.append(f"{blocked} blocked")
    if run.interrupted and named and named[0].outcome is Outcome.MISSING and named[0].checks:
        doubts = doubts[1:]  # its reason says so already: see _silence
    return "; ".join([*parts, *doubts])


def _offence(criterion: CriterionResult) -> str:
    told = _line(criterion.reason)
    if criterion.outcome is Outcome.BLOCKED and criterion.blocked_by:
        return f"{criterion.id} {told}"
    return f"{criterion.id} {criterion.outcome}: {told}" if told else f"{criterion.id} {criterion.outcome}"


def _roots_first(chosen: Iterable[CriterionResult], criteria: Sequence[CriterionResult]) -> list[CriterionResult]:
    """Failed before broken before the rest; of those, what blocks others first."""
    blocking = {c.blocked_by for c in criteria}
    order = [Outcome.FAILED, Outcome.BROKEN, Outcome.MISSING, Outcome.SKIPPED, Outcome.BLOCKED]
    return sorted(chosen, key=lambda c: (order.index(c.outcome), c.id not in blocking))


def _first_causes(
    results: Results, criteria: Sequence[CriterionResult], seen: Mapping[str, _Seen]
) -> tuple[FirstCause, ...]:
    """Root causes, each once, the more important levels first; last, components that no criterion speaks for."""
    unwell = _roots_first([c for c in criteria if c.outcome in _UNWELL], criteria)
    causes: list[FirstCause] = []
    met: set[Cause] = set()
    for criterion in (c for level in Level for c in unwell if c.level is level):
        cause = seen[criterion.id].cause
        if cause not in met:
            met.add(cause)
            causes.append(
                FirstCause(
                    component=cause.component,
                    signature=cause.signature,
                    criterion=criterion.id,
                    message=criterion.reason,
                )
            )
    named = {c.blocked_by for c in criteria} | {c.name for c in _lost(results.components, criteria)}
    for component in results.components:
        if _unwell(component) and component.name in named:
            cause = component.cause or Cause(component=component.name, signature=f"{component.name}.not_up")
            causes.append(
                FirstCause(
                    component=cause.component, signature=cause.signature, criterion="", message=component.message
                )
            )
    return tuple(causes)


def _counts(criteria: Iterable[CriterionResult]) -> dict[str, dict[str, int]]:
    table = {str(level): {str(outcome): 0 for outcome in Outcome} for level in Level}
    for criterion in criteria:
        table[criterion.level][criterion.outcome] += 1
    return table


def _line(text: str, limit: int = 200) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[:limit].rstrip()}…"
