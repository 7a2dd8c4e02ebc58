"""What is known of a cluster at one instant, indexed so that "why" is a walk and never another request."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any, TypeVar

from gonogo.cluster.judge.rules import Rules
from gonogo.cluster.judge.shapes import MISSHAPEN, Object, known_as, shaped
from gonogo.cluster.judge.verdict import Judgement
from gonogo.results.model import Reference

T = TypeVar("T")

Key = tuple[str, str, str]
"""Kind (as :func:`~gonogo.cluster.judge.shapes.known_as` names it), namespace (empty: none), name."""


class World:
    """Objects of a cluster or of a dump, and the instant they are judged at. Nothing in it ever changes.

    Made by :meth:`of`. Kinds are asked for by the names of ``known_as``: ``Pod``, ``Kafka.kafka.strimzi.io``.
    """

    def __init__(
        self,
        objects: Sequence[Object],
        *,
        now: datetime,
        complete: Collection[str] = (),
        logs: Mapping[tuple[str, str, str], str] | None = None,
        sources: Mapping[int, str] | None = None,
        lagging: bool = False,
        rules: Rules | None = None,
    ) -> None:
        self.now = now
        self.lagging = lagging
        """Whether ``now`` may be long past: it is only the latest time that the objects themselves tell."""
        self.objects = objects
        self._complete = frozenset(complete)
        self._logs = logs or {}
        self._sources = sources or {}
        self.rules = rules or Rules()
        """What custom resources are judged by."""
        self.remembered: dict[int, Judgement] = {}
        """Verdicts by ``id`` of their object: a pod is judged once, whoever asks. Only judges look at it."""
        self._indexes: dict[Callable[[World], Any], Any] = {}

    @classmethod
    def of(
        cls,
        objects: Iterable[Object] = (),
        *,
        now: datetime,
        shaped_objects: Iterable[Object] = (),
        complete: Collection[str] = (),
        logs: Mapping[tuple[str, str, str], str] | None = None,
        sources: Iterable[str] = (),
        rules: Rules | None = None,
    ) -> World:
        """A world of plain ``objects``, and of others that :mod:`~gonogo.cluster.judge.shapes` decoded already.

        ``now`` is an aware time. ``complete`` names the kinds that are known wholly, ``"Node"``, or wholly in one
        namespace, ``"Service/data"``: only there is "it is not there" a fact. ``logs`` holds the last lines of a
        container by (namespace, pod, container), those of its previous run too. ``sources`` tells for each of
        ``objects``, in their order, the file it was read from. Of an object given twice, by name and uid, the later one
        counts.
        """
        files = iter(sources)
        known: dict[tuple[Key, str], Object] = {}
        odd: list[Object] = []
        named: dict[int, str] = {}
        for obj in objects:
            fitted = shaped(obj)
            named[id(fitted)] = next(files, "")
            if MISSHAPEN in fitted or fitted["kind"] == "Event":
                odd.append(fitted)
            else:
                known[key(fitted), fitted["metadata"].get("uid", "")] = fitted
        everything = [*known.values(), *odd, *shaped_objects]
        return cls(everything, now=now, complete=complete, logs=logs, sources=named, rules=rules)

    @cached_property
    def _kinds(self) -> Mapping[str, Sequence[Object]]:
        kinds: dict[str, list[Object]] = {}
        for obj in self.objects:
            if MISSHAPEN not in obj:
                kinds.setdefault(known_as(obj["apiVersion"], obj["kind"]), []).append(obj)
        return kinds

    @cached_property
    def _names(self) -> Mapping[Key, Object]:
        return {key(obj): obj for obj in chain.from_iterable(self._kinds.values())}

    @cached_property
    def _uids(self) -> Mapping[str, Object]:
        objects = chain.from_iterable(self._kinds.values())
        return {uid: obj for obj in objects if (uid := obj["metadata"].get("uid"))}

    @cached_property
    def _children(self) -> Mapping[str, Sequence[Object]]:
        children: dict[str, list[Object]] = {}
        for obj in chain.from_iterable(self._kinds.values()):
            for owner in obj["metadata"].get("ownerReferences", ()):
                children.setdefault(owner.get("uid", ""), []).append(obj)
        children.pop("", None)
        return children

    @cached_property
    def _events(self) -> Mapping[Key, Sequence[Object]]:
        events: dict[Key, list[Object]] = {}
        for event in self._kinds.get("Event", ()):
            about = event.get("involvedObject") or event.get("regarding") or {}
            events.setdefault((about.get("kind", ""), about.get("namespace", ""), about.get("name", "")), []).append(
                event
            )
        for history in events.values():
            history.sort(key=_seen)
        return events

    def index(self, made: Callable[[World], T]) -> T:
        """What ``made`` returns for this world, made once: an index of its objects that one judge needs."""
        if made not in self._indexes:
            self._indexes[made] = made(self)
        return self._indexes[made]  # type: ignore[no-any-return]

    def of_kind(self, kind: str) -> Sequence[Object]:
        """All objects of a kind."""
        return self._kinds.get(kind, ())

    @cached_property
    def _spaces(self) -> Mapping[tuple[str, str], Sequence[Object]]:
        spaces: dict[tuple[str, str], list[Object]] = {}
        for kind, objects in self._kinds.items():
            for obj in objects:
                spaces.setdefault((kind, obj["metadata"].get("namespace", "")), []).append(obj)
        return spaces

    def in_namespace(self, kind: str, namespace: str) -> Sequence[Object]:
        """All objects of a kind in one namespace."""
        return self._spaces.get((kind, namespace), ())

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """One object; of a kind without namespaces ``namespace`` is empty."""
        return self._names.get((kind, namespace, name))

    def by_uid(self, uid: str) -> Object | None:
        """The object with this uid."""
        return self._uids.get(uid)

    def absent(self, kind: str, namespace: str, name: str) -> bool:
        """Whether it is a fact that there is no such object: its kind is known wholly, and it is not among them."""
        return self.knows_all(kind, namespace) and (kind, namespace, name) not in self._names

    def knows_all(self, kind: str, namespace: str = "") -> bool:
        """Whether all objects of the kind (in this namespace) are known."""
        return kind in self._complete or f"{kind}/{namespace}" in self._complete

    def owner(self, obj: Object) -> Object | None:
        """The controller of an object, where it is known."""
        reference = controller(obj)
        return self._uids.get(reference.get("uid", "")) if reference else None

    def owners(self, obj: Object) -> Iterator[Object]:
        """The controller of an object, that one's, and so on, as far as they are known."""
        seen = {key(obj)}
        while (found := self.owner(obj)) is not None and key(found) not in seen:
            seen.add(key(found))
            yield found
            obj = found

    def children(self, obj: Object, kind: str | None = None) -> Iterator[Object]:
        """The objects that an object owns, those of one kind."""
        return self.children_of(obj["metadata"].get("uid", ""), kind)

    def children_of(self, uid: str, kind: str | None = None) -> Iterator[Object]:
        """The objects whose owner has this uid, also where the owner itself is not known."""
        for child in self._children.get(uid, ()):
            if kind is None or known_as(child["apiVersion"], child["kind"]) == kind:
                yield child

    def events(self, obj: Object, *reasons: str) -> Sequence[Object]:
        """The events about an object, the latest last; those with one of these ``reasons``, if any is given.

        Events about an earlier object of the same name are left out.
        """
        meta = obj["metadata"]
        uid = meta.get("uid", "")
        found = self._events.get((obj["kind"], meta.get("namespace", ""), meta["name"]), ())
        return [
            event
            for event in found
            if (not reasons or event.get("reason") in reasons) and (not uid or subject(event).get("uid", uid) == uid)
        ]

    def log(self, namespace: str, pod: str, container: str) -> str:
        """The last lines of a container, empty where they were not read."""
        return self._logs.get((namespace, pod, container), "")

    def source(self, obj: Object) -> str:
        """The file that an object was read from, empty where there is none."""
        return self._sources.get(id(obj), "")

    def age(self, obj: Object) -> float:
        """Seconds since an object was made; 0 where that is not told."""
        return self.since(obj["metadata"].get("creationTimestamp", "")) or 0.0

    def before(self, waited: float | None) -> str:
        """The time ``waited`` seconds ago (RFC 3339, UTC); empty for None."""
        return f"{self.now - timedelta(seconds=waited):%Y-%m-%dT%H:%M:%SZ}" if waited is not None else ""

    def since(self, when: str) -> float | None:
        """Seconds from a time of the API until now; None where there is none or it cannot be read."""
        then = instant(when)
        return (self.now - then).total_seconds() if then else None


def key(obj: Object) -> Key:
    """What an object is found by."""
    meta = obj["metadata"]
    return known_as(obj["apiVersion"], obj["kind"]), meta.get("namespace", ""), meta["name"]


def reference(obj: Object) -> Reference:
    """The object as causes name it."""
    meta = obj["metadata"]
    return Reference(kind=obj["kind"], namespace=meta.get("namespace", ""), name=meta["name"])


def named(obj: Object) -> str:
    """``Pod data/web-0``."""
    return str(reference(obj))


def controller(obj: Object) -> Mapping[str, Any] | None:
    """The reference to the one owner that controls an object."""
    for owner in obj["metadata"].get("ownerReferences", ()):
        if owner.get("controller"):
            return owner  # type: ignore[no-any-return]
    return None


def ended(pod: Object) -> bool:
    """Whether all containers of a pod have ended for good: it serves nobody, and holds no place on a node."""
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def condition(obj: Object, kind: str) -> Mapping[str, Any]:
    """An object's condition of this type; an empty one where there is none."""
    for found in obj.get("status", {}).get("conditions", ()):
        if found.get("type") == kind:
            return found  # type: ignore[no-any-return]
    return {}


@lru_cache(maxsize=4096)
def instant(when: str) -> datetime | None:
    """A time as the API writes it (RFC 3339); None where it cannot be read."""
    try:
        then = datetime.fromisoformat(when)
    except ValueError:
        return None
    return then if then.tzinfo else then.replace(tzinfo=_UTC)


_UTC = datetime.fromisoformat("1970-01-01T00:00:00Z").tzinfo


def subject(event: Object) -> Mapping[str, Any]:
    """What an event is about; events of ``events.k8s.io`` say ``regarding``."""
    return event.get("involvedObject") or event.get("regarding") or {}


def seen(event: Object) -> str:
    """When an event was seen last, as the API writes times; empty where it does not tell."""
    times = (
        event.get("series", {}).get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        event.get("firstTimestamp"),
        event["metadata"].get("creationTimestamp"),
    )
    return next((when for when in times if when), "")


def said(event: Object) -> str:
    """What an event says."""
    return event.get("message") or event.get("note") or ""


def _seen(event: Object) -> timedelta:
    then = instant(seen(event))
    return then - _EPOCH if then else timedelta()


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00Z")
