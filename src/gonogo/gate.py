"""Stored results: read with every mistake named, shards merged, judged afresh."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace

from gonogo.codec import decode
from gonogo.errors import ConfigError, Problem
from gonogo.files import load_json, unreadable
from gonogo.judge import judge
from gonogo.model import (
    SCHEMA,
    CheckResult,
    ComponentResult,
    CriterionResult,
    Level,
    Mode,
    Outcome,
    Results,
    Span,
    Verdict,
)

LARGEST = 64 << 20
"""Bytes of a results file that are still read; evidence that is larger belongs into files beside it."""


class _Head(msgspec.Struct):
    schema: str = ""


def load_results(path: Path) -> Results:
    """The results of one file.

    Raises ``ConfigError``, in a sentence, for what is no results file: a folder, empty, truncated, too
    large, of another schema, or with keys and values that the schema does not have.
    """
    try:
        if path.is_dir():
            raise ConfigError(Problem(str(path), "is a folder", "give the results.json in it"))
        size = path.stat().st_size
        if size > LARGEST:
            limit = f"results of more than {LARGEST >> 20} MiB are not read"
            raise ConfigError(Problem(str(path), f"is {size / (1 << 20):.0f} MiB large: {limit}"))
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(unreadable(path, error)) from error
    if not data.strip():
        raise ConfigError(Problem(str(path), "is empty", "the run was killed before it wrote results"))
    _check_schema(data, str(path))
    return load_json(data, Results, str(path))


def _check_schema(data: bytes, where: str) -> None:
    try:
        schema = decode(data, _Head).schema
    except msgspec.ValidationError as error:
        raise ConfigError(Problem(where, f"holds no results: {error}")) from error
    except msgspec.DecodeError as error:
        if "truncated" in str(error):
            what = f"ends in the middle, at byte {len(data)}"
            raise ConfigError(Problem(where, what, "the run or a copy of the file may have been killed")) from error
        raise ConfigError(Problem(where, f"not JSON: {error}")) from error
    except RecursionError as error:
        raise ConfigError(Problem(where, "holds no results: nested too deep")) from error
    if schema != SCHEMA:
        said = f"has schema {schema!r}" if schema else "has no schema"
        raise ConfigError(Problem(where, f"{said}; this gonogo reads {SCHEMA!r}"))


def judged(results: Sequence[Results], strict: Level | None = None) -> Results:
    """Stored results, merged where there are several, and judged; levels down to ``strict`` gate."""
    return judge(merge(results), strict or Level.CRITICAL)


def exit_code(verdict: Verdict | None) -> int:
    """0 GO, 1 NO-GO, 3 could not tell or no verdict."""
    return verdict.code if verdict is not None else 3


def merge(results: Iterable[Results]) -> Results:
    """Shards of one run of one target as one, judged afresh; their order does not matter.

    By node id: skipped and missing count only where no file says more, of two that do the worse.
    Raises ``ConfigError`` for none, or for results of several targets or profiles.
    """
    files = sorted(results, key=lambda r: (r.run.started, r.run.id, msgspec.json.encode(r)))
    if not files:
        raise ConfigError("no results given")
    targets = {f"{r.target.name} ({r.target.provider}, profile {r.target.profile})" for r in files}
    if len(targets) > 1:
        raise ConfigError(Problem("results", f"of several targets: {', '.join(sorted(targets))}", "gate each alone"))
    if len(files) == 1:
        return judge(files[0])
    first = files[0]
    return judge(
        replace(
            first,
            run=replace(
                first.run,
                finished=max(r.run.finished for r in files),
                seconds=max(r.run.seconds for r in files),
                mode=max((r.run.mode for r in files), key=list(Mode).index),
                deselected=_deselected(files),
                partial=all(r.run.partial for r in files),
                interrupted=any(r.run.interrupted for r in files),
                overhead=None,
            ),
            target=replace(
                first.target,
                components=_union(r.target.components for r in files),
                unsupported={k: v for r in reversed(files) for k, v in r.target.unsupported.items()},
            ),
            components=_components(files),
            criteria=_criteria(files),
            checks=_checks(files),
            health=next((r.health for r in files if r.health is not None), None),
            spans=tuple(span for r in files for span in _shifted(r, first)),
            verdict=None,
        )
    )


def _weight(outcome: Outcome) -> tuple[bool, int]:
    return outcome in (Outcome.SKIPPED, Outcome.MISSING), outcome.severity


def _checks(files: Iterable[Results]) -> tuple[CheckResult, ...]:
    found: dict[str, CheckResult] = {}
    for check in (c for r in files for c in r.checks):
        other = found.setdefault(check.nodeid, check)
        if _weight(check.outcome) < _weight(other.outcome):
            found[check.nodeid] = check
    return tuple(found.values())


def _components(files: Iterable[Results]) -> tuple[ComponentResult, ...]:
    found: dict[str, ComponentResult] = {}
    for component in (c for r in files for c in r.components):
        other = found.setdefault(component.name, component)
        if _weight(component.answers) < _weight(other.answers):
            found[component.name] = component
    return tuple(found.values())


def _criteria(files: Iterable[Results]) -> tuple[CriterionResult, ...]:
    found: dict[str, CriterionResult] = {}
    for criterion in (c for r in files for c in r.criteria):
        known = found.setdefault(criterion.id, criterion)
        found[criterion.id] = replace(known, checks=_union((known.checks, criterion.checks)))
    return tuple(found.values())


def _deselected(files: Sequence[Results]) -> tuple[str, ...]:
    """What some shard left out and none selected."""
    selected = {n for r in files for c in r.criteria for n in c.checks if n not in r.run.deselected}
    return tuple(n for n in _union(r.run.deselected for r in files) if n not in selected)


def _union(groups: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for group in groups for name in group))


def _shifted(results: Results, first: Results) -> Iterable[Span]:
    """Spans on the clock of the first shard, as far as wall clocks tell."""
    try:
        began = [datetime.fromisoformat(r.run.started) for r in (results, first)]
        shift = (began[0] - began[1]).total_seconds()
    except (ValueError, TypeError):
        shift = 0.0
    return (replace(s, started=s.started + shift) for s in results.spans)
