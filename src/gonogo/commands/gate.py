"""``gonogo gate``: judges stored results afresh."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from gonogo.commands.stored import stored
from gonogo.commands.tables import coloured
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.files import suggestion
from gonogo.core.outcomes import Level
from gonogo.core.outlet import say, say_json
from gonogo.core.times import moment, stretch
from gonogo.render import terminal
from gonogo.results.gate import aged, judged
from gonogo.results.model import Results


def run(results: list[Path] | None, strict: str | None, max_age: str | None, as_json: bool) -> int:
    """The verdict's code. Raises ``ConfigError`` for what are no results."""
    now, gating = datetime.now(UTC), _level(strict)
    limit = stretch(max_age, "--max-age") if max_age is not None else None
    parts = stored(results)
    merged = judged(parts, gating)
    if limit is not None:
        merged = aged(merged, parts.values(), now, limit)
    assert merged.verdict is not None
    if as_json:
        say_json(_for_machines(merged, now))
    else:
        say(terminal.verdict(merged, colour=coloured(), width=100, report="", now=now))
    return merged.verdict.code


def _level(name: str | None) -> Level | None:
    levels = [known.value for known in Level]
    if name is not None and name not in levels:
        raise ConfigError(Problem("--strict", f"{name!r} is no level", suggestion(name, levels)))
    return Level(name) if name is not None else None


def _for_machines(results: Results, now: datetime) -> dict[str, Any]:
    """The verdict as plain data, with the run that it is of; ``age_seconds`` is null where that never finished."""
    finished = moment(results.run.finished)
    age = round((now - finished).total_seconds(), 3) if finished is not None else None
    run = {"run": results.run.id, "target": results.target.name, "finished": results.run.finished, "age_seconds": age}
    return {**msgspec.to_builtins(results.verdict), **run}
