"""What stands behind a Service: its pods, who controls them, what they need; and what is wrong there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gonogo.catalog.target import SERVICE
from gonogo.cluster.judge import Object, Row, State, World, judge
from gonogo.cluster.judge.world import key, named

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController")


@dataclass(frozen=True)
class Behind:
    """``service`` is None where it is not known; ``controllers`` are the chain of each pod, nearest first."""

    reference: str
    service: Object | None
    pods: tuple[Object, ...]
    controllers: tuple[Object, ...]
    claims: tuple[Object, ...]

    @property
    def objects(self) -> Iterator[Object]:
        """All of it, what is nearest to the cause of a silence first."""
        yield from self.pods
        yield from self.claims
        yield from self.controllers
        if self.service is not None:
            yield self.service


def behind(world: World, reference: str) -> Behind:
    """What stands behind ``namespace/name:port``. Where it has no pods, whoever should make some is looked for."""
    found = SERVICE.fullmatch(reference)
    assert found is not None, reference
    namespace = found["namespace"]
    service = world.get("Service", namespace, found["name"])
    selector = (service or {}).get("spec", {}).get("selector") or {}
    pods = [p for p in world.of_kind("Pod") if _in(p, namespace) and _selected(selector, _labels(p))]
    controllers = {key(o): o for pod in pods for o in chain(world, pod)}
    for kind in () if pods else WORKLOADS:
        for workload in world.of_kind(kind):
            if _in(workload, namespace) and _selected(selector, _template_labels(workload)):
                controllers[key(workload)] = workload
    names = {n for pod in pods for n in _claims(pod)}
    claims = [c for n in sorted(names) if (c := world.get("PersistentVolumeClaim", namespace, n)) is not None]
    return Behind(reference, service, tuple(pods), tuple(controllers.values()), tuple(claims))


def chain(world: World, obj: Object) -> Iterator[Object]:
    """The controllers of an object, as far as they are known, nearest first."""
    seen = set()
    while (owner := world.owner(obj)) is not None and key(owner) not in seen:
        seen.add(key(owner))
        yield owner
        obj = owner


def rows(world: World, found: Behind) -> list[Row]:
    """The judge's rows of all that stands there; of several states the worst first, then as ``objects`` are."""
    judged = {(r.kind, r.namespace, r.name): r for r in judge(world)}
    order = [judged[k] for o in found.objects if (k := _names(o)) in judged]
    return sorted(order, key=lambda row: row.state.severity)


def reason(found: Behind, told: Iterable[Row]) -> Row | None:
    """The row that explains best why nobody answers, or None where all is well or nothing was judged.

    A controller that is only under way explains nothing as long as its pods are ready.
    """
    makers = {_names(controller) for controller in found.controllers} if found.pods else set()
    for row in told:
        if row.state is State.FAILED:
            return row
        if row.state is not State.READY and (row.kind, row.namespace, row.name) not in makers:
            return row
    return None


def line(row: Row) -> str:
    """One row as one line of text."""
    where = f"{row.namespace}/{row.name}" if row.namespace else row.name
    said = ": ".join(part for part in (row.reason, row.message) if part)
    root = f" (root: {row.cause})" if row.cause else ""
    return f"{row.kind} {where} is {row.state}" + (f": {said}" if said else "") + root


def ancestry(world: World, pod: Object) -> str:
    """``Deployment data/web → ReplicaSet data/web-1 → Pod data/web-1-x``."""
    return " → ".join(map(named, reversed([pod, *chain(world, pod)])))


def events(world: World, found: Behind) -> list[str]:
    """The Warning events about all that stands there, a line each, the latest last."""
    told = [(_time(event), obj, event) for obj in found.objects for event in world.events(obj)]
    return [
        f"{when}  {named(obj)}  {event.get('reason', '')}: {event.get('message') or event.get('note', '')}"
        + (f" ({count} times)" if (count := event.get("count") or 1) > 1 else "")
        for when, obj, event in sorted(told, key=lambda one: one[0])
    ]


def _time(event: Mapping[str, Any]) -> str:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return next((t for t in times if t), "") or event["metadata"].get("creationTimestamp", "")


def _names(obj: Object) -> tuple[str, str, str]:
    meta = obj["metadata"]
    return obj["kind"], meta.get("namespace", ""), meta["name"]


def _in(obj: Object, namespace: str) -> bool:
    return bool(obj["metadata"].get("namespace", "") == namespace)


def _labels(obj: Mapping[str, Any]) -> Mapping[str, str]:
    return (obj.get("metadata") or {}).get("labels") or {}


def _template_labels(workload: Object) -> Mapping[str, str]:
    spec = workload.get("spec") or {}
    # A selector is what its template must carry at least, and is known where the template is not.
    chosen = (spec.get("selector") or {}).get("matchLabels") or {}
    return {**chosen, **_labels(spec.get("template") or {})}


def _selected(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return bool(selector) and selector.items() <= labels.items()


def _claims(pod: Object) -> Iterator[str]:
    for volume in (pod.get("spec") or {}).get("volumes") or ():
        if name := (volume.get("persistentVolumeClaim") or {}).get("claimName"):
            yield name
        elif volume.get("ephemeral"):
            yield f"{pod['metadata']['name']}-{volume['name']}"
