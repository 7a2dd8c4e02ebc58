"""``gonogo drill``: injects faults, and shows which check saw each."""

from __future__ import annotations

from typing import Literal

from gonogo.commands.checkout import loaded
from gonogo.commands.tables import Form, show
from gonogo.core.outcomes import Code, Struct
from gonogo.run.drills import DrillRow, ListedDrill, catalogue, run_drills


class DrillAnswer(Struct, frozen=True, kw_only=True):
    """What ``-o json`` prints."""

    schema: Literal["gonogo/drill/1"] = "gonogo/drill/1"
    rows: tuple[DrillRow, ...]


class DrillListAnswer(Struct, frozen=True, kw_only=True):
    """What ``--list -o json`` prints."""

    schema: Literal["gonogo/drill-list/1"] = "gonogo/drill-list/1"
    rows: tuple[ListedDrill, ...]


def run(names: list[str] | None, target: str | None, form: Form, listed: bool) -> Code:
    """1 where a fault went unseen or was blamed on something else, or the target can hold none of them."""
    _, registry, chosen = loaded(target)
    drills = catalogue(registry.content, registry, names or [])
    if listed:
        found = DrillListAnswer(rows=tuple(drill.listed() for drill in drills))
        show(found, form, lambda row: row.name, wide=("component", "asks", "green"))
        return Code.GO
    rows = run_drills(registry, chosen, drills)
    show(DrillAnswer(rows=tuple(rows)), form, lambda row: row.name, wide=("component", "expected", "held"))
    held = [row for row in rows if row.held]
    return Code.GO if held and all(row.seen and row.blamed_right for row in held) else Code.FAILED
