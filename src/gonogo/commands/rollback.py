"""``gonogo rollback``: what undoing one component deletes, who loses it, and what the plan's own lines would do."""

from __future__ import annotations

from typing import Literal

from gonogo.catalog.registry import Component, PlanLine, Registry
from gonogo.commands.checkout import loaded, selected
from gonogo.commands.down import listed
from gonogo.commands.tables import Form, for_programs
from gonogo.core.outcomes import Code, Struct
from gonogo.core.outlet import news, say
from gonogo.providers import Deploys, Identifies, Provider, Removing, Undoes, choose, close


class UndoneRow(Struct, frozen=True, kw_only=True):
    """A thing that goes, and what is lost with it; or one that ``stays``, and why."""

    component: str
    kind: str
    name: str
    lost: str
    stays: bool
    why: str


class RollbackAnswer(Struct, frozen=True, kw_only=True):
    """What ``-o json`` prints. ``consumers`` are up and would lose it; ``plan`` says what the plan's lines would do."""

    schema: Literal["gonogo/rollback/1"] = "gonogo/rollback/1"
    component: str
    consumers: tuple[str, ...]
    plan: tuple[PlanLine, ...]
    removed: bool
    rows: tuple[UndoneRow, ...]


def run(name: str, target: str | None, yes: bool, form: Form) -> Code:
    """List it; with ``yes`` remove it. Raises ``ConfigError``, ``ClientError``, ``NotReady`` where something hangs."""
    root, registry, chosen = loaded(target)
    (known,) = selected(registry, chosen, [name])
    component = registry.components[known]
    provider = choose.provider_for(chosen, root)
    try:
        if not isinstance(provider, Undoes) or not isinstance(provider, Deploys):
            news(f"gonogo did not start the servers of {chosen.name!r}, and ends none of them")
            return _told(_answer(component, (), Removing(), removed=False), Removing(), form)
        if yes and isinstance(provider, Identifies):
            provider.confirm()
        consumers = tuple(_consumers(provider, registry, name))
        found = provider.removing([component])
        if form is not Form.JSON and form is not Form.YAML:
            _told(_answer(component, consumers, found, removed=False), found, form)
        if yes and found.goes:
            stayed = provider.remove([component], waits=news)
            found = found._replace(stays=stayed.stays)
    finally:
        close(provider)
    done = yes and bool(found.goes)
    if form is Form.JSON or form is Form.YAML:
        _told(_answer(component, consumers, found, removed=done), found, form)
    if not found.goes:
        news(f"nothing of {name} is up")
    elif done:
        news(f"{name} is taken down")
    else:
        news(f"{len(found.goes)} in all, nothing was removed; the same with --yes removes them")
    return Code.GO


def _consumers(provider: Provider, registry: Registry, name: str) -> list[str]:
    """Those that need it, however far away, and are up."""
    provider.stands(registry.components[name])
    using = [one for one in registry.ordered(registry.components) if name in registry.ordered([one]) and one != name]
    return [one for one in using if provider.stands(registry.components[one])]


def _answer(component: Component, consumers: tuple[str, ...], found: Removing, *, removed: bool) -> RollbackAnswer:
    goes = [
        UndoneRow(component=one.component, kind=one.kind, name=one.name, lost=one.lost, stays=False, why="")
        for one in found.goes
    ]
    stays = [
        UndoneRow(component="", kind=one.kind, name=one.name, lost="", stays=True, why=one.why) for one in found.stays
    ]
    return RollbackAnswer(
        component=component.name,
        consumers=consumers,
        plan=component.rollback,
        removed=removed,
        rows=(*goes, *stays),
    )


def _told(answer: RollbackAnswer, found: Removing, form: Form) -> Code:
    if for_programs(answer, form, (f"{row.kind.lower()}/{row.name}" for row in answer.rows if not row.stays)):
        return Code.GO
    say(*listed(found))
    if answer.consumers and found.goes:
        say("", f"lose it, and are up: {', '.join(answer.consumers)}")
    for line in answer.plan:
        say("", f"the plan: {line.says}", f"  {line.does}")
    return Code.GO
