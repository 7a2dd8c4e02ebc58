"""``gonogo sweep``: what earlier runs left behind."""

from __future__ import annotations

from gonogo.commands.checkout import reached
from gonogo.commands.tables import show
from gonogo.core.outcomes import Code, Outcome
from gonogo.core.outlet import tell
from gonogo.run.sweep import leftovers, orphans, removed


def run(yes: bool, hours: float, target: str | None, as_json: bool) -> Code:
    """List it; with ``yes`` delete it. Not 0 where something could not be asked, or not deleted."""
    platform, screen = reached(target, write=yes)
    found, outcomes = leftovers(platform, screen, hours)
    rows = orphans(yes, screen.line)
    outcomes += [Outcome.BROKEN for row in rows if yes and not row["removed"]]
    for one in found:
        outcome = removed(platform, screen, one) if yes else None
        rows.append({**one.public(), "removed": outcome is Outcome.PASSED})
        outcomes += [outcome] if outcome is not None else []
    show(rows, as_json)
    if not yes and rows:
        tell(f"{len(rows)} in all; `gonogo sweep --yes` deletes them")
    elif not rows and not outcomes:
        tell("nothing was left behind")
    return Code.of(*outcomes)
