"""Before and after: what a run saw of pods, storage and services, beside what an earlier one saw of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from gonogo.core.outcomes import Outcome
from gonogo.results.model import Earlier, Health, Results

NOT_KNOWN = "not known"

SERVICES = "services"
"""The field of a check's evidence that holds outcomes of services, by name."""


class Difference(NamedTuple):
    """A row of the table, as it is shown. ``change`` is empty where one side is not known."""

    what: str
    before: str
    after: str
    change: str


def earlier(results: Results) -> Earlier:
    """What later runs are held against."""
    health = replace(results.health, explain=(), below=()) if results.health else None
    return Earlier(
        run=results.run.id,
        target=results.target.name,
        cluster=results.target.cluster,
        finished=results.run.finished,
        health=health,
        services=services(results),
    )


def services(results: Results) -> dict[str, Outcome]:
    """Component or service to what became of the question whether it answers; those not asked are left out."""
    found: dict[str, Outcome] = {
        one.name: one.answers_at_end if one.answers_at_end is not Outcome.MISSING else one.answers
        for one in results.components
        if one.answers is not Outcome.MISSING
    }
    for check in results.checks:
        for piece in check.evidence:
            if piece.kind == "observation" and piece.text:
                found |= _named(piece.text)
    return found


def _named(text: str) -> Mapping[str, Outcome]:
    try:
        said: Any = msgspec.json.decode(text.encode())
    except msgspec.DecodeError:
        return {}
    named = said.get(SERVICES) if isinstance(said, dict) else None
    known = {outcome.value for outcome in Outcome}
    given = named.items() if isinstance(named, dict) else ()
    return {str(name): Outcome(outcome) for name, outcome in given if outcome in known}


def comparable(results: Results) -> bool:
    """Whether the earlier run was of the same platform, as far as both tell."""
    before = results.before
    if before is None:
        return False
    same = before.cluster == results.target.cluster or not (before.cluster and results.target.cluster)
    return same and before.target == results.target.name


def compared(results: Results) -> list[Difference]:
    """The table: pods, running pods, health, storage, services; empty without an earlier run of the same platform."""
    before = results.before
    return [*_rows(before, results)] if before is not None and comparable(results) else []


def _rows(before: Earlier, results: Results) -> Iterator[Difference]:
    old, new = before.health, results.health
    yield _counted("pods", old.pods if old else None, new.pods if new else None)
    yield _counted("running pods", old.running if old else None, new.running if new else None)
    yield _measured("healthy, strictly", _strict(old), _strict(new), 1, "%")
    yield _measured("running, literally", _literal(old), _literal(new), 1, "%")
    yield _measured("storage bound", _bound(old), _bound(new), 1 << 30, "GiB")
    then, now = before.services, services(results)
    both = sorted(then.keys() & now.keys())
    if both:
        yield _counted(
            f"services that answer, of {len(both)}",
            sum(then[name] is Outcome.PASSED for name in both),
            sum(now[name] is Outcome.PASSED for name in both),
        )
    for name in sorted(then.keys() | now.keys()):
        was, by_now = then.get(name), now.get(name)
        if was is not by_now:
            yield Difference(name, _said(was), _said(by_now), "" if was is None or by_now is None else "changed")


def _said(outcome: Outcome | None) -> str:
    return NOT_KNOWN if outcome is None else "answers" if outcome is Outcome.PASSED else outcome.value


def _strict(health: Health | None) -> float | None:
    return health.strict if health else None


def _literal(health: Health | None) -> float | None:
    return health.literal if health else None


def _bound(health: Health | None) -> float | None:
    return float(health.storage.bound_bytes) if health else None


def _counted(what: str, old: int | None, new: int | None) -> Difference:
    was, by_now = (NOT_KNOWN if one is None else f"{one}" for one in (old, new))
    return Difference(what, was, by_now, "" if old is None or new is None else f"{new - old:+d}")


def _measured(what: str, old: float | None, new: float | None, size: float, unit: str) -> Difference:
    was, by_now = (NOT_KNOWN if one is None else f"{one / size:.1f} {unit}" for one in (old, new))
    return Difference(what, was, by_now, "" if old is None or new is None else f"{(new - old) / size:+.1f} {unit}")
