"""``gonogo gate``: judges stored results afresh, several as parts of one run or each on its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from gonogo.commands.stored import each_stored, stored
from gonogo.commands.tables import Form, coloured, columns, for_programs, room, show, table
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.files import suggestion
from gonogo.core.outcomes import Code, Decision, Level, Mode, Outcome, Struct
from gonogo.core.outlet import clean, say
from gonogo.core.times import moment, stretch
from gonogo.render import terminal, wording
from gonogo.results.gate import aged, judged
from gonogo.results.model import Results, Verdict


class CriterionRow(Struct, frozen=True, kw_only=True):
    """A criterion and what it came to; ``gates``: the verdict depends on it."""

    criterion: str
    level: Level
    component: str
    outcome: Outcome
    gates: bool
    reason: str
    blocked_by: str | None


class GateAnswer(Verdict, frozen=True, kw_only=True):
    """What ``-o json`` prints: the verdict, and which run it is of; ``age_seconds`` is null where that never ended."""

    schema: Literal["gonogo/gate/1"] = "gonogo/gate/1"
    rows: tuple[CriterionRow, ...]
    run: str
    target: str
    mode: Mode
    finished: str
    age_seconds: float | None


class RunRow(Struct, frozen=True, kw_only=True):
    """One of several verdicts; ``results`` is its file. Of one that cannot be read ``headline`` says why."""

    results: str
    decision: Decision
    code: int
    target: str = ""
    causes: tuple[str, ...] = ()
    headline: str
    run: str = ""
    mode: Mode | None = None
    finished: str = ""


class EachAnswer(Struct, frozen=True, kw_only=True):
    """What ``--each -o json`` prints; ``code`` is the worst of the rows'."""

    schema: Literal["gonogo/gate-each/1"] = "gonogo/gate-each/1"
    code: int
    rows: tuple[RunRow, ...]


def run(results: list[Path] | None, strict: str | None, max_age: str | None, form: Form, *, each: bool = False) -> int:
    """The verdict's code; with ``each`` the worst. Raises ``ConfigError`` for what are no results."""
    now, gating = datetime.now(UTC), _level(strict)
    limit = stretch(max_age, "--max-age") if max_age is not None else None
    if each:
        return _each(results, gating, limit, form, now)
    merged = _judged(stored(results), gating, limit, now)
    assert merged.verdict is not None
    answer = _answer(merged, now, gating or Level.CRITICAL)
    if not for_programs(answer, form, (row.criterion for row in answer.rows if row.outcome in LACKING)):
        say(terminal.verdict(merged, colour=coloured(), width=min(columns(), 100), report="", now=now))
        if form is Form.WIDE:
            say("", *table(clean(answer).rows, width=room()))
    return merged.verdict.code


def _each(results: list[Path] | None, gating: Level | None, limit: timedelta | None, form: Form, now: datetime) -> int:
    rows = tuple(
        RunRow(results=name, decision=Decision.NONE, code=Code.WRONG_USE, headline=str(one))
        if isinstance(one, ConfigError)
        else _row(name, _judged({name: one}, gating, limit, now))
        for name, one in each_stored(results).items()
    )
    answer = EachAnswer(code=Code.worst(row.code for row in rows), rows=rows)
    if not for_programs(answer, form, (row.results for row in rows if row.code)):
        show(answer, form, str, wide=("target", "run", "mode", "finished"))
    return answer.code


def _judged(parts: Mapping[str, Results], gating: Level | None, limit: timedelta | None, now: datetime) -> Results:
    merged = judged(parts, gating)
    return merged if limit is None else aged(merged, parts.values(), now, limit)


def _row(name: str, results: Results) -> RunRow:
    assert results.verdict is not None
    return RunRow(
        results=name,
        decision=results.verdict.decision,
        code=results.verdict.code,
        target=results.target.name,
        causes=tuple(cause.signature for cause in results.verdict.first_causes),
        headline=results.verdict.headline,
        run=results.run.id,
        mode=results.run.mode,
        finished=results.run.finished,
    )


def _level(name: str | None) -> Level | None:
    levels = [known.value for known in Level]
    if name is not None and name not in levels:
        raise ConfigError(Problem("--strict", f"{name!r} is no level", suggestion(name, levels)))
    return Level(name) if name is not None else None


LACKING = (Outcome.FAILED, Outcome.BROKEN, Outcome.BLOCKED, Outcome.MISSING)
"""Of a criterion that ``-o name`` names: something is to be done about it."""


def _answer(results: Results, now: datetime, gating: Level) -> GateAnswer:
    assert results.verdict is not None
    finished, levels = moment(results.run.finished), [*Level]
    rows = (
        CriterionRow(
            criterion=one.id,
            level=one.level,
            component=one.component,
            outcome=one.outcome,
            gates=levels.index(one.level) <= levels.index(gating),
            reason=one.reason,
            blocked_by=one.blocked_by,
        )
        for one in wording.ranked(results.criteria)
    )
    return GateAnswer(
        **msgspec.structs.asdict(results.verdict),
        rows=tuple(rows),
        run=results.run.id,
        target=results.target.name,
        mode=results.run.mode,
        finished=results.run.finished,
        age_seconds=round((now - finished).total_seconds(), 3) if finished is not None else None,
    )
