"""``gonogo components``: the components, what each needs, and whether the target can hold it."""

from __future__ import annotations

from typing import Literal

from gonogo.commands.checkout import loaded
from gonogo.commands.tables import Form, show
from gonogo.core.outcomes import Code, Struct
from gonogo.providers import Deploys, choose
from gonogo.run.plan import holds, unsupported


class ComponentRow(Struct, frozen=True, kw_only=True):
    """A component, and whether the target can hold it. ``version`` is empty where it starts no server of it."""

    component: str
    title: str
    version: str
    needs: tuple[str, ...]
    target: str
    held: bool
    why_not: str


class ComponentsAnswer(Struct, frozen=True, kw_only=True):
    """What ``-o json`` prints."""

    schema: Literal["gonogo/components/1"] = "gonogo/components/1"
    rows: tuple[ComponentRow, ...]


def run(target: str | None, form: Form) -> Code:
    """A row per component; nothing is asked."""
    root, registry, chosen = loaded(target)
    provider = choose.provider_for(chosen, root)
    lacking = unsupported(registry, chosen)
    rows = []
    for name in registry.ordered(registry.components):
        component = chosen.variant(registry.components[name])
        held = holds(component, chosen) is None
        rows.append(
            ComponentRow(
                component=name,
                title=component.title,
                version=provider.version(component) if held and isinstance(provider, Deploys) else "",
                needs=component.needs,
                target=chosen.name,
                held=name not in lacking,
                why_not=lacking.get(name, ""),
            )
        )
    show(ComponentsAnswer(rows=tuple(rows)), form, lambda row: row.component, wide=("title", "target"))
    return Code.GO
