"""Stored results: read with every mistake named, parts of a run merged, judged afresh, and not taken for newer."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from msgspec.structs import replace

from gonogo.core.codec import decode
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.files import MOST_PROBLEMS, content, load_json, unreadable
from gonogo.core.outcomes import Decision, Level
from gonogo.core.times import day, moment, spoken
from gonogo.results.merge import merge
from gonogo.results.model import SCHEMA, Results, Verdict
from gonogo.results.seal import whole
from gonogo.results.verdict import SKEW, judge

LARGEST = 64 << 20
"""Bytes of a results file that are still read; evidence that is larger belongs into files beside it."""

TOO_DEEP = "holds no results: nested too deep"


class _Head(msgspec.Struct):
    schema: str = ""


def load_results(path: Path) -> Results:
    """The results of one file.

    Raises ``ConfigError``, in a sentence, for what is no results file: a folder, empty, truncated, too
    large, of another schema, with keys and values that the schema does not have, or changed since a run wrote it.
    """
    try:
        if path.is_dir():
            raise ConfigError(Problem(str(path), "is a folder", "give the results.json in it"))
        size = path.stat().st_size
    except (OSError, ValueError) as error:
        raise ConfigError(unreadable(path, error)) from error
    if size > LARGEST:
        limit = f"results of more than {LARGEST >> 20} MiB are not read"
        raise ConfigError(Problem(str(path), f"is {size / (1 << 20):.0f} MiB large: {limit}"))
    data = content(path, LARGEST)  # a pipe has no size before it is read
    if not data.strip():
        raise ConfigError(Problem(str(path), "is empty", "the run was killed before it wrote results"))
    _check_schema(data, str(path))
    return as_written(load_json(data, Results, str(path)), str(path))


def as_written(results: Results, where: str) -> Results:
    """Results that a run sealed, as they are.

    Raises ``ConfigError`` where they were changed since, or cannot be judged (:func:`sensible`).
    """
    try:
        unchanged = whole(results)
    except RecursionError as error:
        raise ConfigError(Problem(where, TOO_DEEP)) from error
    if not unchanged:
        what = "was changed since a run wrote it" if results.digest else "carries no digest: no run wrote it like this"
        raise ConfigError(Problem(where, what, "run again; results cannot be edited"))
    return sensible(results, where)


def sensible(results: Results, where: str) -> Results:
    """Results that can be judged, as they are. Raises ``ConfigError`` for times that are none and what stands twice."""
    if problems := [Problem(where, what, hint) for what, hint in itertools.islice(_faults(results), MOST_PROBLEMS)]:
        raise ConfigError(*problems)
    return results


def _faults(results: Results) -> Iterator[tuple[str, str]]:
    time = "expected a time like 2026-01-31T12:00:00Z"
    if moment(results.run.started) is None:
        yield f"run.started: {results.run.started!r:.60} is no time", time
    if results.run.finished and moment(results.run.finished) is None:
        yield f"run.finished: {results.run.finished!r:.60} is no time", time
    for n, criterion in enumerate(results.criteria):
        waiver, key = criterion.waiver, f"criteria[{n}].waiver"
        if waiver is not None and day(waiver.expires) is None:
            yield f"{key}.expires: {waiver.expires!r:.60} is no date", "expected a date like 2026-01-31"
        if waiver is not None and not (waiver.owner.strip() and waiver.reason.strip()):
            yield f"{key}: names no owner or no reason", "a waiver needs a person and a reason"
    twice = {
        "criterion": (c.id for c in results.criteria),
        "check": (c.nodeid for c in results.checks),
        "component": (c.name for c in results.components),
    }
    for kind, names in twice.items():
        yield from ((f"{kind} {name!r:.200} stands there twice", "") for name in _repeated(names))


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


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
    except (RecursionError, UnicodeDecodeError) as error:
        odd = TOO_DEEP if isinstance(error, RecursionError) else "holds no results: not UTF-8"
        raise ConfigError(Problem(where, odd)) from error
    if schema != SCHEMA:
        said = f"has schema {schema!r}" if schema else "has no schema"
        raise ConfigError(Problem(where, f"{said}; this gonogo reads {SCHEMA!r}"))


def judged(results: Mapping[str, Results], strict: Level | None = None) -> Results:
    """Stored results by the names of their files, merged and judged; levels down to ``strict`` gate.

    Raises ``ConfigError`` where they are not parts of one run.
    """
    return judge(merge(results.values(), results.keys()), strict or Level.CRITICAL)


def aged(results: Results, parts: Iterable[Results], now: datetime, limit: timedelta) -> Results:
    """The results with their verdict as it counts at ``now``: a run that ended longer ago than ``limit`` tells nothing.

    ``parts`` are what they were merged of, each of which has to be young enough. Nor does one tell anything that
    ended in the future, whose age nobody knows.
    """
    verdict, ends = results.verdict, [moment(part.run.finished) for part in parts]
    known = [end for end in ends if end is not None]
    if verdict is None or known != ends:  # a run that never finished is no GO at any age
        return results
    which = "the run" if len(ends) == 1 else "a part of the run"
    oldest, newest = now - min(known), now - max(known)
    if oldest > limit:
        why = f"{which} finished {spoken(oldest)} ago, --max-age allows {spoken(limit)}"
    elif newest < -SKEW:
        why = f"{which} finished {spoken(newest)} in the future by the clock of this machine"
    else:
        return results
    reason = f"{why}; the run came to {verdict.headline}"
    told = replace(verdict, decision=Decision.NO_GO, code=3, reason=reason, headline=f"NO-GO: could not tell: {reason}")
    return replace(results, verdict=told)


def exit_code(verdict: Verdict | None) -> int:
    """0 GO, 1 NO-GO, 3 could not tell or no verdict."""
    return verdict.code if verdict is not None else 3
