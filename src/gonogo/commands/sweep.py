"""``gonogo sweep``: what earlier runs left behind."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from gonogo.commands.checkout import reached
from gonogo.commands.tables import Form, show
from gonogo.core.outcomes import Code, Outcome, Struct
from gonogo.core.outlet import news
from gonogo.core.times import spoken, stretch
from gonogo.providers import close
from gonogo.run.sweep import Found, LeftAlone, allowed, deployments, leftovers, mended, orphans, removed

if TYPE_CHECKING:
    from gonogo.run.platform import Platform
    from gonogo.run.progress import Screen


class LeftRow(Struct, frozen=True, kw_only=True):
    """An object, process or folder that a run left; ``seen``: the server itself still lists it."""

    run: str
    component: str
    kind: str
    name: str
    seen: bool
    removed: bool


class SweepAnswer(Struct, frozen=True, kw_only=True):
    """What ``-o json`` prints."""

    schema: Literal["gonogo/sweep/1"] = "gonogo/sweep/1"
    rows: tuple[LeftRow, ...]


def run(yes: bool, older_than: str, target: str | None, form: Form) -> Code:
    """List it; with ``yes`` delete it. Not 0 where something could not be asked, or not deleted.

    ``older_than`` is a length of time; a bare number is hours. Raises ``ConfigError`` for what is none.
    """
    age = stretch(older_than, "--older-than", bare="hours", least=timedelta())
    if age and older_than[-1].isdigit():
        news(f"--older-than {older_than} is {spoken(age)}: a number alone counts hours, {older_than}h says so")
    platform, screen = reached(target, write=yes)
    allowed(platform)
    try:
        alone = LeftAlone(screen.line)
        deployed, without = deployments(platform, screen, yes, alone)
        deployed += mended(platform, screen, yes, alone)
        found, outcomes = leftovers(platform, screen, age / timedelta(hours=1), without, alone)
        rows = deployed + orphans(yes, alone)
        return _swept(platform, screen, yes, found, outcomes, rows, form, alone.any)
    finally:
        close(platform.provider)


def _swept(
    platform: Platform,
    screen: Screen,
    yes: bool,
    found: list[Found],
    outcomes: list[Outcome],
    rows: list[dict[str, Any]],
    form: Form,
    alone: bool,
) -> Code:
    outcomes += [Outcome.BROKEN for row in rows if yes and not row["removed"]]
    for one in found:
        outcome = removed(platform, screen, one) if yes else None
        rows.append({**one.public(), "removed": outcome is Outcome.PASSED})
        outcomes += [outcome] if outcome is not None else []
    left = tuple(LeftRow(**row) for row in rows)
    show(SweepAnswer(rows=left), form, lambda row: "/".join(filter(None, [row.component, row.kind, row.name])))
    if not yes and rows:
        news(f"{len(rows)} in all; `gonogo sweep --yes` deletes them")
    elif not rows and not outcomes:
        news("nothing else was left behind" if alone else "nothing was left behind")
    return Code.of(*outcomes)
