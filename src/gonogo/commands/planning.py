"""``gonogo plan`` on a cluster: pods, claims and sums of each component, and whether the cluster has room for them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from gonogo.catalog.registry import Component
from gonogo.catalog.target import Target
from gonogo.cluster.judge.quantities import shown
from gonogo.cluster.plan.findings import PlanFinding, Weight
from gonogo.commands.tables import Form, for_programs, room, table
from gonogo.core.collector import UNCOLLECTED
from gonogo.core.errors import ClientError, ConfigError
from gonogo.core.outcomes import Code, Struct
from gonogo.core.outlet import say
from gonogo.providers import Plans

if TYPE_CHECKING:
    from gonogo.cluster.plan.fit import Fit, Part, Share, Sums
    from gonogo.cluster.plan.ground import Ground

T = TypeVar("T")
MIB = 1 << 20


class Room(Struct, frozen=True, kw_only=True):
    """What pods ask for: ``cpu`` in cores."""

    pods: int
    cpu: float
    memory_mib: int
    ephemeral_mib: int


class ClusterRow(Struct, frozen=True, kw_only=True):
    """A component, in its order. ``rest``: once all is up; ``most``: where autoscalers have made all that they may.

    ``found`` pods of it are there already. ``disk_mib`` is asked of each storage class. ``whole``: it was rendered, and
    nothing of it is of a kind that nobody here knows.
    """

    order: int
    component: str
    needs: tuple[str, ...]
    charts: str
    found: int
    rest: Room
    most: Room
    disk_mib: Mapping[str, int]
    whole: bool


class ClusterPlanAnswer(Struct, frozen=True, kw_only=True):
    """What ``-o json`` prints on a cluster. ``fits`` is null where nobody can tell; ``findings`` say why.

    ``unsupported`` are criteria of these components that the target cannot be asked, and why.
    """

    schema: Literal["gonogo/plan-cluster/1"] = "gonogo/plan-cluster/1"
    rows: tuple[ClusterRow, ...]
    total: ClusterRow
    fits: bool | None
    findings: tuple[PlanFinding, ...]
    unsupported: Mapping[str, str]


class _Line(Struct, frozen=True, kw_only=True):
    """A row of the table: ``2 to 4`` is at rest and at most."""

    order: int
    component: str
    charts: str
    pods: str
    cpu: str
    memory: str
    disk: str
    found: int


def on_cluster(provider: Plans, wanted: Sequence[Component], target: Target, form: Form) -> Code:
    """A row per component; nothing is changed. 1 where it does not fit, 3 where nobody can tell."""
    wanted = [one for one in wanted if not one.cluster]  # which is there, or there is nothing to plan on
    findings: list[PlanFinding] = []
    with UNCOLLECTED:
        found = _found(provider, wanted, findings)
    answer = _answer(provider, wanted, target, found, findings)
    if not for_programs(answer, form, (row.component for row in answer.rows)):
        say(*table([_line(row) for row in answer.rows], () if form is Form.WIDE else ("charts",), room()))
        say(*_told(answer))
    return Code.GO if answer.fits else Code.COULD_NOT_TELL if answer.fits is None else Code.FAILED


def _found(provider: Plans, wanted: Sequence[Component], findings: list[PlanFinding]) -> Fit:
    """All that there is to be found; ``findings`` get what is no matter of room too."""
    from gonogo.cluster.plan.fit import fit
    from gonogo.cluster.plan.rendering import once

    with ThreadPoolExecutor((os.cpu_count() or 1) + 2) as pool:
        # helm is a process of its own, and the cluster another machine: while they work, what is here is looked at
        asking = pool.submit(_ground, provider)
        looking = pool.submit(_wrong, provider, wanted)
        made = [pool.submit(_parts, provider, one, asking) for one in wanted]
        try:
            ground, parts = asking.result(), [one.result() for one in made]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # what has not begun is no use any more
            raise
        lost = [one for one in parts if isinstance(one, PlanFinding)]
        found = fit(once(part for one in parts if not isinstance(one, PlanFinding) for part in one), _there(ground))
        wrong = looking.result()
    names = {one.component for one in lost}
    findings += [ground] if isinstance(ground, PlanFinding) else []
    findings += lost
    findings += dict.fromkeys(one for one in wrong if one.component not in names)
    findings += (one for one in found.findings if one.cause != "cluster")  # why it does not answer is said above
    return found


def _ground(provider: Plans) -> Ground | PlanFinding:
    """The cluster, or why it does not answer."""
    try:
        return provider.ground()
    except ClientError as error:
        return _unknown("cluster", "", f"the cluster could not be asked: {error}")


def _there(ground: Ground | PlanFinding) -> Ground | None:
    return None if isinstance(ground, PlanFinding) else ground


def _parts(provider: Plans, component: Component, asking: Future[Ground | PlanFinding]) -> list[Part] | PlanFinding:
    """What would be made of it, or why nobody can tell; ``asking`` ends with whether the cluster answers."""
    try:
        return provider.parts(component, asked=lambda: _there(asking.result()) is not None)
    except (ConfigError, ClientError) as error:
        return _unknown("not_rendered", component.name, f"{error}", component.name)


def _wrong(provider: Plans, wanted: Sequence[Component]) -> list[PlanFinding]:
    """What the provider finds of what is written for its components; those that it cannot look at are named."""
    try:
        return provider.wrong(wanted)
    except (ConfigError, ClientError) as error:
        if len(wanted) == 1:
            return [_unknown("values", wanted[0].name, f"{error}", wanted[0].name)]
    return [finding for one in wanted for finding in _wrong(provider, [one])]


def _unknown(cause: str, subject: str, message: str, component: str = "") -> PlanFinding:
    return PlanFinding(weight=Weight.UNKNOWN, cause=cause, subject=subject, message=message, component=component)


def _answer(
    provider: Plans,
    wanted: Sequence[Component],
    target: Target,
    found: Fit,
    findings: Sequence[PlanFinding],
) -> ClusterPlanAnswer:
    shares = {one.component: one for one in found.shares}
    lost = {one.component for one in findings if one.cause == "not_rendered"}
    rows = tuple(
        _row(number, one, provider, shares.get(one.name), whole=one.name not in lost)
        for number, one in enumerate(wanted, 1)
    )
    names = {one.name for one in wanted}
    weights = {one.weight for one in findings}
    return ClusterPlanAnswer(
        rows=rows,
        total=_total(rows),
        fits=False if Weight.PROBLEM in weights else None if Weight.UNKNOWN in weights else True,
        findings=tuple(findings),
        unsupported={id: why for id, why in target.unsupported.items() if id.partition(".")[0] in names},
    )


def _row(number: int, component: Component, provider: Any, share: Share | None, *, whole: bool) -> ClusterRow:
    nothing = Room(pods=0, cpu=0.0, memory_mib=0, ephemeral_mib=0)
    return ClusterRow(
        order=number,
        component=component.name,
        needs=component.needs,
        charts=provider.version(component) if share else "",
        found=share.found if share else 0,
        rest=_room(share.rest) if share else nothing,
        most=_room(share.most) if share else nothing,
        disk_mib={name: round(size / MIB) for name, size in share.disk.items()} if share else {},
        whole=whole and (share is None or share.whole),
    )


def _room(sums: Sums) -> Room:
    return Room(
        pods=sums.pods,
        cpu=round(sums.cpu, 3),
        memory_mib=round(sums.memory / MIB),
        ephemeral_mib=round(sums.ephemeral / MIB),
    )


def _total(rows: Sequence[ClusterRow]) -> ClusterRow:
    """All of them in one."""

    def summed(rooms: Iterable[Room]) -> Room:
        every = list(rooms)
        return Room(**{key: sum(getattr(one, key) for one in every) for key in Room.__struct_fields__})

    disk: Counter[str] = Counter()
    for row in rows:
        disk.update(row.disk_mib)
    return ClusterRow(
        order=len(rows),
        component="",
        needs=(),
        charts="",
        found=sum(row.found for row in rows),
        rest=summed(row.rest for row in rows),
        most=summed(row.most for row in rows),
        disk_mib=disk,
        whole=all(row.whole for row in rows),
    )


# -- for people


def _line(row: ClusterRow) -> _Line:
    return _Line(
        order=row.order,
        component=row.component,
        charts=row.charts,
        pods=_span(row, lambda one: one.pods, str) + ("" if row.whole else " and more"),
        cpu=_span(row, lambda one: one.cpu, lambda number: f"{number:g}"),
        memory=_span(row, lambda one: one.memory_mib, _mib),
        disk=_disk(row),
        found=row.found,
    )


def _span(row: ClusterRow, part: Callable[[Room], T], text: Callable[[T], str]) -> str:
    rest, most = text(part(row.rest)), text(part(row.most))
    return rest if rest == most else f"{rest} to {most}"


def _mib(number: float) -> str:
    return shown("memory", number * MIB) if number else "0"


def _disk(row: ClusterRow) -> str:
    return ", ".join(f"{name} {_mib(size)}" for name, size in row.disk_mib.items()) or "-"


HEADS: Mapping[Weight, str] = {
    Weight.PROBLEM: "it does not fit:",
    Weight.UNKNOWN: "not known:",
    Weight.WARNING: "it may go wrong:",
}


def _told(answer: ClusterPlanAnswer) -> list[str]:
    """What stands below the table."""
    whole = _line(answer.total)
    lines = [
        "",
        f"in all: {whole.pods} pods planned, {whole.found} found; {whole.cpu} cpu, {whole.memory} memory, "
        f"disk {whole.disk}",
    ]
    if answer.unsupported:
        lines += ["not asked:", *(f"  {id}: {why}" for id, why in answer.unsupported.items())]
    for weight, head in HEADS.items():
        own = [one for one in answer.findings if one.weight is weight]
        if own:
            lines += [head, *(f"  {_finding(one)}" for one in own)]
    if answer.fits is None:
        lines.append("whether it fits is not known")
    elif answer.fits:
        lines.append("it fits")
    return lines


def _finding(one: PlanFinding) -> str:
    subject = f"{one.subject}: " if one.subject else ""
    named = f"{one.component}: " if one.component and one.component != one.subject else ""
    return f"{named}{subject}{one.message}" + (f" ({one.hint})" if one.hint else "")
