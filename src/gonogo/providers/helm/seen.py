"""What of a cluster is looked up once for all components of a target, while we hold its Lease: then only we change it.

Others than gonogo know no Lease, so that nothing is believed for longer than :data:`BELIEVED`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from gonogo.cluster.api import KINDS
from gonogo.core.errors import Forbidden
from gonogo.core.waiting import REAL, Clock
from gonogo.providers.helm.objects import Objects
from gonogo.providers.helm.program import FIRST, Helm, HelmRelease

BELIEVED = 30.0
"""Seconds after which it is looked up again."""


class Seen:
    """Releases and namespaces as they were seen; safe for the threads of many components. Raises ``ClientError``."""

    def __init__(self, helm: Helm, objects: Objects, clock: Clock = REAL) -> None:
        self._helm, self._objects, self._clock = helm, objects, clock
        self._lock = threading.Lock()
        self._locks: dict[tuple[str, str], threading.Lock] = {}
        self._known: dict[tuple[str, str], tuple[float, Any]] = {}
        self._changed: set[tuple[str, str]] = set()

    def releases(self, namespace: str) -> list[HelmRelease]:
        """Every release there."""
        with self._lock:
            fresh = not any(space == namespace for space, _ in self._changed)
        found: list[HelmRelease] = self._once(("releases", namespace), lambda: self._helm.list(namespace), fresh=fresh)
        return found

    def release(self, namespace: str, name: str) -> HelmRelease | None:
        """One release; None is a fact, also where somebody else installs it at this moment."""
        with self._lock:
            fresh = (namespace, name) not in self._changed
        ask = lambda: self._helm.list(namespace)  # noqa: E731
        every = self._once(("releases", namespace), ask, fresh=fresh)
        found = next((one for one in every if one.name == name), None)
        if found is None and self._begun(namespace, name):
            every = self._once(("releases", namespace), ask, fresh=False)
            found = next((one for one in every if one.name == name), None)
        return found

    def _begun(self, namespace: str, name: str) -> bool:
        """Whether helm has written a first revision since."""
        try:
            return self._objects.find(KINDS["Secret"], namespace, FIRST.format(name)) is not None
        except Forbidden:  # where an operator is, who only uses it may list releases and read none
            return bool(self._helm.history(namespace, name))

    def changed(self, namespace: str, name: str) -> None:
        """We are about to change this release: whoever needs it next looks again."""
        with self._lock:
            self._changed.add((namespace, name))

    def namespace(self, name: str, look: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """A namespace as ``look`` found it; one that is not there is looked for again."""
        found: dict[str, Any] = self._once(("namespace", name), look)
        return found

    def hung(self, namespace: str, look: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
        """The pods that a run stopped there, as ``look`` found them."""
        found: list[dict[str, Any]] = self._once(("hung", namespace), look)
        return found

    def forget(self) -> None:
        """Others may have changed everything meanwhile."""
        with self._lock:
            self._known, self._changed = {}, set()

    def _once(self, key: tuple[str, str], ask: Callable[[], Any], *, fresh: bool = True) -> Any:
        """What is known of the key, asked where nothing is, it is too old, or it is not ``fresh``: once for all."""
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            with self._lock:
                known, before = self._known, self._known.get(key)
            if before is not None and fresh and self._clock.now() - before[0] < BELIEVED:
                return before[1]
            since, found = self._clock.now(), ask()
            if found or key[0] != "namespace":
                known[key] = since, found  # where all was forgotten meanwhile, this is too
            return found
