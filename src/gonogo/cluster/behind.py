"""What stands behind a Service: its pods, who controls them, what they need; and what is wrong there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gonogo.catalog.target import SERVICE
from gonogo.cluster.judge import Object, Row, State, World, told
from gonogo.cluster.judge.endpoints import makers, matches, selected
from gonogo.cluster.judge.shapes import known_as
from gonogo.cluster.judge.storage import claims_of
from gonogo.cluster.judge.world import Key, ended, key, named, said, seen


@dataclass(frozen=True)
class Behind:
    """``service`` is None where it is not known; ``controllers`` are the chain of each pod, nearest first.

    ``ended`` are pods that stood there and serve nobody any more; only where no other pod does.
    """

    reference: str
    service: Object | None
    pods: tuple[Object, ...]
    ended: tuple[Object, ...]
    controllers: tuple[Object, ...]
    claims: tuple[Object, ...]

    @property
    def objects(self) -> Iterator[Object]:
        """All of it, what is nearest to the cause of a silence first."""
        yield from self.pods
        yield from self.ended
        yield from self.claims
        yield from self.controllers
        if self.service is not None:
            yield self.service


def behind(world: World, reference: str) -> Behind:
    """What stands behind ``namespace/name:port``: as the judge of Services sees it.

    Where it has no pods, those that have ended are looked for, and who should make some.
    """
    found = SERVICE.fullmatch(reference)
    assert found is not None, reference
    namespace = found["namespace"]
    service = world.get("Service", namespace, found["name"])
    wanted = {"matchLabels": (service or {}).get("spec", {}).get("selector", {})}
    if not wanted["matchLabels"]:
        return Behind(reference, service, (), (), (), ())
    pods = tuple(selected(world, namespace, wanted))
    over = [] if pods else filter(ended, world.in_namespace("Pod", namespace))
    gone = tuple(pod for pod in over if matches(wanted, pod["metadata"].get("labels", {})))
    controllers = {key(owner): owner for pod in (*pods, *gone) for owner in world.owners(pod)}
    if not pods:
        controllers |= {key(maker): maker for maker in makers(world, namespace, wanted)}
    names = sorted({name for pod in pods for name in claims_of(pod)})
    claims = [claim for name in names if (claim := world.get("PersistentVolumeClaim", namespace, name)) is not None]
    return Behind(reference, service, pods, gone, tuple(controllers.values()), tuple(claims))


def rows(world: World, found: Behind) -> list[Row]:
    """The judge's rows of all that stands there; of several states the worst first, then as ``objects`` are."""
    return sorted(told(world, found.objects), key=lambda row: row.state.severity)


def reason(found: Behind, judged: Iterable[Row]) -> Row | None:
    """The row that explains best why nobody answers, or None where all is well or nothing was judged.

    A controller that is only under way explains nothing as long as its pods are ready.
    """
    waiting = {key(controller) for controller in found.controllers} if found.pods else set()
    for row in judged:
        if row.state is State.FAILED:
            return row
        if row.state is not State.READY and _key(row) not in waiting:
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
    return " → ".join(map(named, reversed([pod, *world.owners(pod)])))


def events(world: World, found: Behind) -> list[str]:
    """The Warning events about all that stands there, a line each, the latest last."""
    happened = [(seen(event), obj, event) for obj in found.objects for event in world.events(obj)]
    return [
        f"{when}  {named(obj)}  {event.get('reason', '')}: {said(event)}"
        + (f" ({count} times)" if (count := event.get("count") or 1) > 1 else "")
        for when, obj, event in sorted(happened, key=lambda one: one[0])
    ]


def _key(row: Row) -> Key:
    return known_as(row.api_version, row.kind), row.namespace, row.name
