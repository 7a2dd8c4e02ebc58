"""``gonogo plan``: what would be deployed, in which order, and whether it fits."""

from __future__ import annotations

from typing import Literal

import msgspec

from gonogo.commands.checkout import deployable, loaded
from gonogo.commands.tables import Form, show
from gonogo.core.outcomes import Code, Struct
from gonogo.core.outlet import say
from gonogo.providers import Deploys, Places, Plans, choose


class Taken(Struct, frozen=True, kw_only=True):
    """What all of it takes of this machine."""

    memory_mib: int
    disk_mib: int
    processes: int


class PlannedRow(Struct, frozen=True, kw_only=True):
    """A component, in the order in which it would be deployed, and what it takes that is not there yet."""

    order: int
    component: str
    needs: tuple[str, ...]
    memory_mib: int
    disk_mib: int
    processes: int


class PlanAnswer(Struct, frozen=True, kw_only=True):
    """What ``-o json`` prints; ``problems`` say why it does not fit, a sentence each.

    ``unsupported`` are criteria of these components that the target cannot be asked, and why; ``unapplied`` says what
    of ``[deploy]`` these components have no place for, or no need of.
    """

    schema: Literal["gonogo/plan/1"] = "gonogo/plan/1"
    rows: tuple[PlannedRow, ...]
    total: Taken
    fits: bool
    problems: tuple[str, ...]
    unsupported: dict[str, str]
    unapplied: tuple[str, ...] = ()


def run(names: list[str] | None, target: str | None, form: Form) -> Code:
    """A row per component; nothing is changed. 1 where it does not fit, 3 where nobody can tell."""
    root, registry, chosen = loaded(target)
    provider = choose.provider_for(chosen, root)
    wanted = [registry.components[n] for n in registry.ordered(deployable(registry, chosen, names))]
    if isinstance(provider, Plans):
        from gonogo.commands.planning import on_cluster

        return on_cluster(provider, wanted, chosen, form)
    deploys = provider if isinstance(provider, Deploys) else None
    # what is there already takes nothing more
    taken = [deploys.takes(one) if deploys else dict.fromkeys(Taken.__struct_fields__, 0) for one in wanted]
    rows = tuple(
        PlannedRow(order=number, component=one.name, needs=one.needs, **takes)
        for number, (one, takes) in enumerate(zip(wanted, taken, strict=True), 1)
    )
    total = Taken(**{key: sum(getattr(row, key) for row in rows) for key in Taken.__struct_fields__})
    problems = tuple(map(str, deploys.fits(wanted))) if deploys else ()
    names_of = {one.name for one in wanted}
    lacking = {id: why for id, why in chosen.unsupported.items() if id.partition(".")[0] in names_of}
    unapplied = tuple(provider.unapplied(wanted)) if isinstance(provider, Places) else ()
    answer = PlanAnswer(
        rows=rows, total=total, fits=not problems, problems=problems, unsupported=lacking, unapplied=unapplied
    )
    show(answer, form, lambda row: row.component)
    if form in (Form.TABLE, Form.WIDE):
        told = "\nin all: {processes} processes, {memory_mib} MiB memory, {disk_mib} MiB disk"
        say(told.format(**msgspec.structs.asdict(total)))
        if lacking:
            say("not asked:\n" + "\n".join(f"  {id}: {why}" for id, why in lacking.items()))
        if unapplied:
            say("not applied:\n" + "\n".join(f"  {one}" for one in unapplied))
        say("it fits" if not problems else "it does not fit:\n" + "\n".join(f"  {one}" for one in problems))
    return Code.FAILED if problems else Code.GO
