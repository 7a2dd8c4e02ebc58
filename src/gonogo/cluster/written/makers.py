"""What a plan makes: Services, pods by name and label, claims, and how many; by what is known of charts and kinds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gonogo.catalog.rules import Count, KnownRules, Made, holds
from gonogo.cluster.judge.quantities import amount
from gonogo.cluster.judge.shapes import BUILT_IN, Object, known_as
from gonogo.cluster.plan.demand import Demand, When
from gonogo.cluster.plan.expand import EXPANDERS, PODLESS, each
from gonogo.cluster.written.plans import PlannedRelease, PlannedThing, Written

Labels = tuple[Mapping[str, str], ...]


class Maker(NamedTuple):
    """One thing of a plan, and what it makes in its namespace; None where nobody here knows.

    ``amount`` is how many pods, and how many bytes of disk. ``words`` are those that names of what it makes begin with.
    """

    what: str
    name: str
    namespace: str
    words: frozenset[str]
    services: tuple[str, ...] | None = None
    pods: tuple[str, ...] | None = None
    labels: Labels | None = None
    claims: Labels | None = None
    amount: tuple[int, float] | None = None
    source: str = ""
    date: str = ""


def makers(plan: Written, known: KnownRules, meant: Mapping[int, Mapping[str, Any]]) -> list[Maker]:
    """Of every release, object and command; ``meant`` are the values of releases by their place, moved keys moved."""
    found = [_of_release(one, known, meant.get(at, one.values)) for at, one in enumerate(plan.releases)]
    demands = each((thing.object for thing in plan.things), "default")
    for thing, demand in zip(plan.things, demands, strict=True):
        found += _of_object(thing, demand, known)
    found += _of_commands(plan, known)
    return found


def of_chart(table: Any, release: PlannedRelease) -> bool:
    """Whether what a table says is about this release."""
    return bool(
        table.chart
        and table.chart == release.chart
        and re.search(table.repository, release.repository)
        and holds(release.version, table.versions)
    )


def _of_release(release: PlannedRelease, known: KnownRules, values: Mapping[str, Any]) -> Maker:
    words = frozenset({release.name, release.chart})
    made = next((one for one in known.made.values() if of_chart(one, release)), None)
    if made is None:
        return Maker(release.shown, release.name, release.namespace, words)
    return _filled(made, release.shown, release.name, release.namespace, words)._replace(
        amount=_amount(made.counts, values, made.defaults)
    )


def _of_object(thing: PlannedThing, demand: Demand, known: KnownRules) -> Iterator[Maker]:
    obj = thing.object
    meta, kind = obj["metadata"], known_as(obj["apiVersion"], obj["kind"])
    namespace = meta.get("namespace") or "default"
    made = next((one for one in known.made.values() if one.kind == kind), None)
    group = obj["apiVersion"].rpartition("/")[0]
    words = frozenset({meta["name"]})
    if kind not in EXPANDERS and made is None:
        if group in BUILT_IN or kind in PODLESS:
            services = (meta["name"],) if kind == "Service" else ()
            yield Maker(thing.shown, meta["name"], namespace, frozenset(), services, (), (), (), (0, 0.0))
        elif kind not in ("Application.argoproj.io", "ApplicationSet.argoproj.io"):
            yield Maker(thing.shown, meta["name"], namespace, words)
        return
    resting = [pod for pod in demand.pods if pod.when is When.REST]
    disk = sum(claim.size for claim in demand.every_claim)
    maker = Maker(
        what=thing.shown,
        name=meta["name"],
        namespace=namespace,
        words=words,
        services=() if group in BUILT_IN else None,
        pods=tuple(dict.fromkeys(pod.name for pod in resting)),
        labels=tuple({str(pod.labels): pod.labels for pod in resting}.values()),
        claims=_claimed(obj) if group in BUILT_IN else None,
        amount=None if demand.untold else (len(resting), disk),
    )
    if made is None:
        yield maker
        return
    filled = _filled(made, thing.shown, meta["name"], namespace, words)
    more = _amount(made.counts, obj, made.defaults)
    counted = maker.amount if made.disks_only or not made.counts else None
    if counted is not None and more is not None:
        counted = (counted[0], counted[1] + more[1])
    yield filled._replace(
        pods=filled.pods if filled.pods is not None else maker.pods,
        labels=filled.labels if filled.labels is not None else maker.labels,
        amount=counted if made.disks_only or not made.counts else more,
    )


def _claimed(obj: Object) -> Labels:
    """Claims of a StatefulSet have the labels that it selects by, those that stand alone their own."""
    if obj["kind"] == "StatefulSet":
        labels = _mapping(_mapping(_mapping(obj.get("spec")).get("selector")).get("matchLabels"))
        return (labels,)
    return (_mapping(obj["metadata"].get("labels")),) if obj["kind"] == "PersistentVolumeClaim" else ()


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _of_commands(plan: Written, known: KnownRules) -> Iterator[Maker]:
    for made in known.made.values():
        command = next((one for one in plan.commands if made.command and re.search(made.command, one.run)), None)
        if command is None:
            continue
        namespace = made.namespace or next((call.namespace for call in command.calls), "default")
        name = made.name or command.shown
        maker = _filled(made, name, name, namespace, frozenset({name}))
        yield maker._replace(amount=_amount(made.counts, {}, made.defaults))


def _filled(made: Made, what: str, name: str, namespace: str, words: frozenset[str]) -> Maker:
    places = {"name": name, "namespace": namespace}

    def texts(given: Sequence[str] | None) -> tuple[str, ...] | None:
        return None if given is None else tuple(one.format_map(places) for one in given)

    def labels(given: Sequence[Mapping[str, str]] | None) -> Labels | None:
        return None if given is None else tuple({k: v.format_map(places) for k, v in one.items()} for one in given)

    return Maker(
        *(what, name, namespace, words, texts(made.services), texts(made.pods), labels(made.labels)),
        claims=labels(made.claims),
        source=made.source,
        date=made.date.isoformat(),
    )


# -- how many


def at(values: Any, dotted: str) -> Any:
    """What stands under a dotted key; None where nothing does."""
    for step in dotted.split("."):
        values = values.get(step) if isinstance(values, Mapping) else None
    return values


def _amount(
    counts: Sequence[Count], values: Mapping[str, Any], defaults: Mapping[str, Any]
) -> tuple[int, float] | None:
    """Pods and bytes; None where nothing is known, or a number is none."""
    if not counts:
        return None

    def told(key: str) -> Any:
        given = at(values, key)
        return defaults.get(key) if given is None else given

    pods, disk = 0, 0.0
    for one in counts:
        if one.when and bool(told(one.when)) is one.without:
            continue
        number = one.pods if isinstance(one.pods, int) else told(one.pods)
        if number is None:
            number = 0
        if isinstance(number, bool) or not isinstance(number, int):
            return None
        pods += number
        size = told(one.disk) if one.disk and not one.disk[0].isdigit() else one.disk
        disk += number * amount(str(size)) if size else 0.0
    return pods, disk
