"""``gonogo sweep``: what earlier runs left behind."""

from __future__ import annotations

from gonogo.commands.checkout import reached
from gonogo.commands.tables import show
from gonogo.core.outcomes import Code
from gonogo.core.outlet import tell
from gonogo.run.sweep import leftovers, orphans, removed


def run(yes: bool, hours: float, target: str | None, as_json: bool) -> Code:
    """List it; with ``yes`` delete it, 1 where some of it could not be."""
    platform, screen = reached(target, write=yes)
    found = leftovers(platform, screen, hours)
    ended = orphans(yes, screen.line)
    rows = [{**row.public(), "removed": yes and removed(platform, screen, row)} for row in found]
    show([*ended, *rows], as_json)
    if not ended and not rows:
        tell("nothing was left behind")
    elif not yes:
        tell(f"{len(ended) + len(rows)} in all; `gonogo sweep --yes` deletes them")
    return Code.FAILED if yes and not all(row["removed"] for row in rows) else Code.GO
