"""What of a cluster is looked up once for all components of a target, while we hold its Lease: then only we change it.

Others than gonogo know no Lease, so that of what may be theirs nothing is believed for longer than :data:`BELIEVED`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Any

from gonogo.cluster.api import KINDS, Api, Kind
from gonogo.cluster.kinds import HEALTH
from gonogo.core.errors import Absent, ClientError, Forbidden
from gonogo.core.waiting import REAL, Clock
from gonogo.providers.helm.objects import Objects
from gonogo.providers.helm.program import REVISION, Helm, HelmRelease, newest

if TYPE_CHECKING:
    from gonogo.cluster.hub import Hub

BELIEVED = 30.0
"""Seconds after which it is looked up again."""

FOLLOWED = tuple(KINDS[one] for one in (*HEALTH, "PersistentVolumeClaim", "Service", "EndpointSlice"))
"""Kinds that decide on most things, and those by which the way to a server is found."""

LISTED = 30.0
"""Seconds in which a kind that is followed from now on is listed: one that takes longer is asked for by itself."""

SECRET = KINDS["Secret"]

Meta = Mapping[str, Any]


class Seen:
    """Objects and releases as they were seen; safe for the threads of many components. Raises ``ClientError``."""

    def __init__(self, api: Api, objects: Objects, helm: Helm, hub: Callable[[], Hub], clock: Clock = REAL) -> None:
        self._api, self._objects, self._helm, self._hub, self._clock = api, objects, helm, hub, clock
        self._lock = threading.Lock()
        self._locks: dict[tuple[Any, ...], threading.Lock] = {}
        self._known: dict[tuple[Any, ...], tuple[float, Any]] = {}
        self._changed: set[tuple[str, str]] = set()

    def metadata(self, kind: Kind, namespace: str) -> Sequence[Meta]:
        """The metadata of every such object there: of what is followed as of now, else as it was listed once."""
        if kind in FOLLOWED:
            hub = self._hub()
            hub.ask(FOLLOWED)
            with suppress(ClientError):
                hub.listed(LISTED, kinds=[kind])
            followed = hub.known(kind, namespace)
            if followed is not None:
                return [one["metadata"] for one in followed]
        found: Sequence[Meta] = self._once((kind, namespace), lambda: self._api.metadata(kind, namespace))
        return found

    def releases(self, namespace: str) -> list[HelmRelease]:
        """Every release there that was there before, or is ours."""
        names = {one.name for one in self._listed(namespace)}
        with self._lock:
            names |= {name for space, name in self._changed if space == namespace}
        found = (self._release(namespace, name, inf) for name in sorted(names))
        return [one for one in found if one is not None]

    def release(self, namespace: str, name: str) -> HelmRelease | None:
        """One release; None is a fact, also where somebody else installs it at this moment."""
        return self._release(namespace, name, BELIEVED)

    def made(self, namespace: str, name: str, target: str, values: str) -> str:
        """What helm has made of a release of this target, where it is right already: its ``values`` have this digest.

        Empty where it is not, or what helm keeps of it may not be read.
        """
        there = self.release(namespace, name)
        if there is None or (there.target, there.values, there.status) != (target, values, "deployed"):
            return ""
        try:
            text: str = self._once(("made", namespace, name, there.revision), lambda: self._helm.kept(there))
        except (Absent, Forbidden):
            return ""
        return text

    def changed(self, namespace: str, name: str) -> None:
        """We are about to change this release: whoever needs it next looks again."""
        with self._lock:
            self._changed.add((namespace, name))

    def namespace(self, name: str, look: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """A namespace as ``look`` found it; one that is not there is looked for again."""
        found: dict[str, Any] = self._once(("namespace", name), look, BELIEVED)
        return found

    def forget(self) -> None:
        """Others may have changed everything meanwhile."""
        with self._lock:
            self._known, self._changed = {}, set()

    def _listed(self, namespace: str) -> list[HelmRelease]:
        found: list[HelmRelease] = self._once(("releases", namespace), lambda: newest(self.metadata(SECRET, namespace)))
        return found

    def _release(self, namespace: str, name: str, believed: float) -> HelmRelease | None:
        """As it was seen less than ``believed`` seconds ago and not changed by us since; else as it is."""
        listed = self._listed(namespace)
        key = "release", namespace, name
        with self._lock:
            since, known = self._known.get(key) or (
                self._known.get(("releases", namespace), (0.0, None))[0],
                next((one for one in listed if one.name == name), None),
            )
            if known is not None and (namespace, name) not in self._changed and self._clock.now() - since < believed:
                return known
            kept, now = self._known, self._clock.now()
        kept[key] = now, self._newest(namespace, name, known)  # where all was forgotten meanwhile, this is too
        return kept[key][1]  # type: ignore[no-any-return]

    def _newest(self, namespace: str, name: str, known: HelmRelease | None) -> HelmRelease | None:
        """The newest revision that there is, from the known one on, each asked for by its name."""
        try:
            found = self._revision(namespace, name, known.revision if known else 1)
            while found and (later := self._revision(namespace, name, found.revision + 1)):
                found = later
            if found or not known:
                return found
        except Forbidden:  # where an operator is, who only uses it may list releases and read none
            pass
        return next(iter(self._helm.history(namespace, name)[-1:]), None)  # helm keeps the last revisions alone

    def _revision(self, namespace: str, name: str, number: int) -> HelmRelease | None:
        there = self._objects.find(SECRET, namespace, REVISION.format(name, number))
        return next(iter(newest([there["metadata"]] if there else [])), None)

    def _once(self, key: tuple[Any, ...], ask: Callable[[], Any], believed: float = inf) -> Any:
        """What is known of the key, asked where nothing is, or it is older than ``believed``: once for all."""
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            with self._lock:
                known, before = self._known, self._known.get(key)
            if before is not None and self._clock.now() - before[0] < believed:
                return before[1]
            since, found = self._clock.now(), ask()
            if found or key[0] != "namespace":
                known[key] = since, found  # where all was forgotten meanwhile, this is too
            return found
