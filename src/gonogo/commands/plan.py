"""``gonogo plan``: what would be deployed, in which order, and whether it fits."""

from __future__ import annotations

from gonogo.commands.checkout import loaded, selected
from gonogo.commands.tables import show
from gonogo.core.outcomes import Code
from gonogo.core.outlet import say, say_json
from gonogo.providers import choose


def run(names: list[str] | None, target: str | None, as_json: bool) -> Code:
    """A row per component; nothing is changed. 1 where it does not fit."""
    root, registry, chosen = loaded(target)
    provider = choose.provider_for(chosen, root)
    ordered = registry.ordered(selected(registry, chosen, names))
    rows = [
        {"order": number, "component": component.name, "needs": list(component.needs), **provider.takes(component)}
        for number, component in enumerate((registry.components[n] for n in ordered), 1)
    ]
    problems = provider.fits([registry.components[n] for n in ordered])
    if as_json:
        say_json({"components": rows, "fits": not problems, "problems": [str(p) for p in problems]}, indent=1)
    else:
        show(rows, False)
        totals = {k: sum(int(r.get(k) or 0) for r in rows) for k in ("memory_mib", "disk_mib", "processes")}
        say("\nin all: {processes} processes, {memory_mib} MiB memory, {disk_mib} MiB disk".format(**totals))
        say("it fits" if not problems else "it does not fit:\n" + "\n".join(f"  {p}" for p in problems))
    return Code.FAILED if problems else Code.GO
