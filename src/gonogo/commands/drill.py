"""``gonogo drill``: injects faults, and shows which check saw each."""

from __future__ import annotations

from gonogo.commands.checkout import loaded
from gonogo.commands.tables import show
from gonogo.core.outcomes import Code
from gonogo.run.drills import catalogue, run_drills


def run(names: list[str] | None, target: str | None, as_json: bool, listed: bool) -> Code:
    """1 where a fault went unseen or was blamed on something else."""
    _, registry, chosen = loaded(target)
    drills = catalogue(registry.content, registry, names or [])
    if listed:
        show([d.public() for d in drills], as_json)
        return Code.GO
    rows = run_drills(registry, chosen, drills)
    show(rows, as_json)
    return Code.GO if rows and all(r["seen"] and r["blamed_right"] for r in rows) else Code.FAILED
