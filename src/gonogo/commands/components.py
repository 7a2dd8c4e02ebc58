"""``gonogo components``: the components, what each needs, and whether the target can hold it."""

from __future__ import annotations

from gonogo.commands.checkout import loaded
from gonogo.commands.tables import show
from gonogo.core.outcomes import Code
from gonogo.providers import Deploys, choose
from gonogo.run.plan import holds, unsupported


def run(target: str | None, as_json: bool) -> Code:
    """A row per component; nothing is asked."""
    root, registry, chosen = loaded(target)
    provider = choose.provider_for(chosen, root)
    lacking = unsupported(registry, chosen)
    rows = []
    for name in registry.ordered(registry.components):
        component = registry.components[name]
        held = holds(component, chosen) is None
        rows.append(
            {
                "component": name,
                "title": component.title,
                "version": provider.version(component) if held and isinstance(provider, Deploys) else "",
                "needs": list(component.needs),
                "target": chosen.name,
                "held": name not in lacking,
                "why_not": lacking.get(name, ""),
            }
        )
    show(rows, as_json)
    return Code.GO
