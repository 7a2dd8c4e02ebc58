"""``gonogo preflight``: the pre-deployment checklist, asked, reported and judged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Target
from gonogo.commands.checkout import loaded
from gonogo.commands.gate import LACKING
from gonogo.commands.stored import stored
from gonogo.commands.tables import Form, coloured, columns, for_programs, room, table
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.files import suggestion, unreadable
from gonogo.core.outcomes import Code, Decision, Level, Mode, Outcome, Struct
from gonogo.core.outlet import clean, say, tell
from gonogo.core.times import stretch
from gonogo.render import terminal, wording
from gonogo.results.before import comparable, compared, earlier
from gonogo.results.gate import exit_code, judged
from gonogo.results.model import CheckResult, Earlier, Results
from gonogo.run.outdated import put_away
from gonogo.run.plan import KUBERNETES
from gonogo.run.session import ALL_SUITES, Session

PROFILE = "preflight"
FOLDER = PROFILE
"""Below the folder for results."""

MODES = (Mode.READ, Mode.WRITE)
"""Write alone shows whether images come; nothing here is disrupted."""


class LineRow(Struct, frozen=True, kw_only=True):
    """A line of the checklist. ``observed``, ``threshold``, ``source``, ``confidence`` and ``at`` are empty where
    nothing was seen; ``wrong`` is what is wrong, or could not be told; ``gates``: the verdict depends on it. ``waiver``
    says who waives it until when, in force or not.
    """

    line: str
    level: Level
    outcome: Outcome
    gates: bool
    observed: str
    threshold: str
    confidence: str
    source: str
    at: str
    wrong: tuple[str, ...]
    reason: str
    waiver: str


class ChangeRow(Struct, frozen=True, kw_only=True):
    """A row of the table of before and after."""

    what: str
    before: str
    after: str
    change: str


class PreflightAnswer(Struct, frozen=True, kw_only=True):
    """What ``-o json`` prints; ``changes`` is empty without an earlier run of the same platform.

    ``void`` are the waivers that name no criterion, or more than one: what they name, whose they are, why that is none.
    """

    schema: Literal["gonogo/preflight/1"] = "gonogo/preflight/1"
    rows: tuple[LineRow, ...]
    decision: Decision
    code: int
    headline: str
    reason: str
    run: str
    target: str
    finished: str
    report: str
    changes: tuple[ChangeRow, ...]
    void: tuple[str, ...]


class _Shown(Struct, frozen=True, kw_only=True):
    """A row of the table for people."""

    line: str
    outcome: Outcome
    observed: str
    threshold: str
    confidence: str


def run(
    target: str | None, before: Path | None, max_age: str | None, out: Path | None, form: Form, mode: str = Mode.READ
) -> int:
    """The gate's exit code. Raises ``ConfigError`` for wrong use, before anything is asked."""
    if mode not in MODES:
        raise ConfigError(Problem("--mode", f"{mode!r} is no mode of the checklist", suggestion(mode, MODES)))
    limit = stretch(max_age, "--max-age") if max_age is not None else None
    _, registry, chosen = loaded(target)
    known(registry)
    place = out if out is not None else registry.content.out / FOLDER
    then = _earlier(before, chosen) if before is not None else None
    try:
        put_away(place)
    except OSError as error:
        raise ConfigError(unreadable(place, error)) from error
    session = Session(registry.content, target=lambda one: meant(one, limit), before=then, attaches=True)
    code = session.run(_arguments(target, place, registry, mode))
    if code == pytest.ExitCode.INTERNAL_ERROR:
        return Code.COULD_NOT_TELL if session.unwritten else Code.OWN_ERROR
    if code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERRUPTED):
        return Code.WRONG_USE
    if session.results is None:
        tell("no verdict: no line was asked")
        return Code.COULD_NOT_TELL
    return _told(session.results, place, form)


def known(registry: Registry) -> None:
    """Raise ``ConfigError`` where the content has no such profile, or one that asks nothing that gates."""
    if not any(one.level is Level.CRITICAL for one in registry.profile(PROFILE)):
        hint = "the built-in ones are of `checklist` and `health`: gonogo.toml says which are taken"
        raise ConfigError(Problem(f"profile {PROFILE}", "no critical criterion is in it", hint))


def meant(target: Target, limit: timedelta | None) -> Target:
    """The target as the checklist asks it: its criteria, its values as they are deployed, and how old what may be."""
    tables = dict(target.components)
    if limit is not None:
        own = dict(tables.get("checklist", {}))
        own["expect"] = {**own.get("expect", {}), "max_age_seconds": limit.total_seconds()}
        tables["checklist"] = own
    # whoever names a cluster and no capability means no platform without one: its lines would be no question
    able = target.capabilities | ({KUBERNETES} if target.kubernetes is not None else set())
    values = target.values or target.profile
    return replace(target, profile=PROFILE, values=values, components=tables, capabilities=able)


def _arguments(target: str | None, out: Path, registry: Registry, mode: str) -> list[str]:
    suites = dict.fromkeys(f"{ALL_SUITES}.{one.component}" for one in registry.profile(PROFILE))
    # without a terminal reporter there are no options of its own, such as a `-ra` in addopts
    own = ["-p", "no:terminal", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib"]
    return [*own, f"--mode={mode}", f"--out={out.absolute()}", *([f"--target={target}"] if target else []), *suites]


def _earlier(path: Path, target: Target) -> Earlier:
    """What the earlier results tell. Raises ``ConfigError`` for what are none, or are of another target."""
    found = earlier(judged(stored([path])))
    if found.target != target.name:
        what = f"these results are of target {found.target!r}, not of {target.name!r}"
        raise ConfigError(Problem(f"--before {path}", what, "name results of this target"))
    return found


def _told(results: Results, out: Path, form: Form) -> int:
    assert results.verdict is not None
    answer = clean(_answer(results, out))
    if not for_programs(answer, form, (row.line for row in answer.rows if row.outcome in LACKING)):
        if form is Form.WIDE:
            say(*table(answer.rows, width=room()))
        else:
            say(*table([*map(_short, answer.rows)], width=room()))
        ended = wording.ended(results)  # are told with the verdict
        if told := [f"  {row.line}: {row.waiver}" for row in answer.rows if row.waiver and row.line not in ended]:
            say("", "waivers:", *told)
        shown = out.relative_to(Path.cwd()) if out.is_absolute() and out.is_relative_to(Path.cwd()) else out
        report = str(shown / "report.html")
        say("", terminal.verdict(results, colour=coloured(), width=min(columns(), 100), report=report))
    if results.before is not None and not comparable(results):
        tell(wording.held_against(results))
        return max(exit_code(results.verdict), Code.COULD_NOT_TELL) if results.verdict.code != 1 else Code.FAILED
    return exit_code(results.verdict)


def _short(row: LineRow) -> _Shown:
    return _Shown(
        line=row.line,
        outcome=row.outcome,
        observed="; ".join(row.wrong) or (row.observed if row.outcome is Outcome.PASSED else "") or row.reason,
        threshold=row.threshold,
        confidence=row.confidence,
    )


def _answer(results: Results, out: Path) -> PreflightAnswer:
    verdict = results.verdict
    assert verdict is not None
    checks, past = wording.checks_of(results), wording.ended(results)
    rows = []
    for one in wording.ranked(results.criteria):
        check = next(iter(checks.get(one.id, ())), None)
        fields = observation(check) if check else {}
        waiver = ""
        if one.waiver is not None:
            covers = "" if one.outcome is Outcome.WAIVED else ", covers nothing: only what failed is waived"
            ended = ", expired: it counts as none" if one.id in past else ""
            waiver = f"{one.waiver.owner} until {one.waiver.expires}: {one.waiver.reason}{ended or covers}"
        rows.append(
            LineRow(
                line=one.id,
                level=one.level,
                outcome=one.outcome,
                gates=one.level is Level.CRITICAL,
                observed=str(fields.get("observed", "")),
                threshold=str(fields.get("threshold", "")),
                confidence=str(fields.get("confidence", "")),
                source=str(fields.get("source", "")),
                at=str(fields.get("at", "")),
                wrong=tuple(map(str, fields.get("faults") or fields.get("unknown") or ())),
                reason=one.reason,
                waiver=waiver,
            )
        )
    return PreflightAnswer(
        rows=tuple(rows),
        decision=verdict.decision,
        code=verdict.code,
        headline=verdict.headline,
        reason=verdict.reason,
        run=results.run.id,
        target=results.target.name,
        finished=results.run.finished,
        report=str(out / "report.html"),
        changes=tuple(ChangeRow(**row._asdict()) for row in compared(results)),
        void=tuple(map(str, results.void)),
    )


def observation(check: CheckResult) -> dict[str, Any]:
    """The fields of a line, as its check kept them; none where it saw nothing."""
    for text in _observations(check):
        try:
            found = json.loads(text)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    return {}


def _observations(check: CheckResult) -> Iterator[str]:
    return (piece.text for piece in check.evidence if piece.kind == "observation" and piece.text)
