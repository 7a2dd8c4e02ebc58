"""``gonogo plan``: what would be deployed, in which order, and whether it fits."""

from __future__ import annotations

from gonogo.commands.checkout import deployable, loaded
from gonogo.commands.tables import show
from gonogo.core.outcomes import Code
from gonogo.core.outlet import say, say_json
from gonogo.providers import Deploys, choose

TAKEN = ("memory_mib", "disk_mib", "processes")
"""What a component takes of a machine."""


def run(names: list[str] | None, target: str | None, as_json: bool) -> Code:
    """A row per component; nothing is changed. 1 where it does not fit."""
    root, registry, chosen = loaded(target)
    provider = choose.provider_for(chosen, root)
    wanted = [registry.components[n] for n in registry.ordered(deployable(registry, chosen, names))]
    deploys = provider if isinstance(provider, Deploys) else None
    # what is there already takes nothing more
    taken = [deploys.takes(one) if deploys else dict.fromkeys(TAKEN, 0) for one in wanted]
    rows = [
        {"order": number, "component": one.name, "needs": list(one.needs), **takes}
        for number, (one, takes) in enumerate(zip(wanted, taken, strict=True), 1)
    ]
    problems = deploys.fits(wanted) if deploys else []
    if as_json:
        say_json({"components": rows, "fits": not problems, "problems": [str(p) for p in problems]}, indent=1)
    else:
        show(rows, False)
        totals = {k: sum(int(r.get(k) or 0) for r in rows) for k in TAKEN}
        say("\nin all: {processes} processes, {memory_mib} MiB memory, {disk_mib} MiB disk".format(**totals))
        say("it fits" if not problems else "it does not fit:\n" + "\n".join(f"  {p}" for p in problems))
    return Code.FAILED if problems else Code.GO
