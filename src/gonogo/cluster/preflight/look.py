"""The objects of a cluster, whole, asked for once by kind."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import partial
from typing import Any

import msgspec

from gonogo.cluster.api import KINDS, Api, Discovered, Kind, read, understood
from gonogo.cluster.paths import Path
from gonogo.cluster.survey import served
from gonogo.core.codec import decode
from gonogo.core.errors import Absent

LEASES = Kind("coordination.k8s.io", "v1", "leases", "Lease", True)

NODE_LEASES = "kube-node-lease"
"""The namespace in which each kubelet renews a Lease of its node's name."""

Object = dict[str, Any]


class _Page(msgspec.Struct):
    items: list[dict[str, Any]] | None = None


class Look:
    """One look at a cluster. Every question raises ``ClientError``; a right that is missing is never an empty list."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._lock = threading.RLock()
        self._listed: dict[tuple[Kind, str | None], list[Object]] = {}
        self._served: dict[str, Discovered | None] = {}

    def every(self, kind: Kind | str, namespace: str | None = None) -> list[Object]:
        """All objects of a kind, those of a namespace or of all."""
        kind = KINDS[kind] if isinstance(kind, str) else kind
        with self._lock:
            if (kind, namespace) not in self._listed:
                found: list[Object] = []
                for raw in self.api.pages(kind, namespace):
                    page = understood(self.api.component, kind.path(namespace), partial(decode, raw, _Page))
                    found += page.items or []
                for one in found:
                    one.setdefault("metadata", {})
                self._listed[kind, namespace] = found
            return self._listed[kind, namespace]

    def within(self, kind: Kind | str, namespaces: Iterable[str]) -> list[Object]:
        """All objects of a kind in these namespaces, each asked by itself: rights may end there."""
        return [one for space in dict.fromkeys(namespaces) for one in self.every(kind, space)]

    def names(self, kind: str, namespace: str) -> set[str]:
        """The names of the objects of a kind in a namespace; of a Secret nothing else is sent."""
        return {str(one["name"]) for one in self.api.metadata(KINDS[kind], namespace)}

    def served(self, api_version: str) -> Discovered | None:
        """What the API server serves below ``group/version``; None where it serves no such version."""
        with self._lock:
            if api_version not in self._served:
                group, _, version = api_version.rpartition("/")
                path = Path("apis", group, version) if group else Path("api", version)
                try:
                    self._served[api_version] = read(self.api, path, Discovered)
                except Absent:
                    self._served[api_version] = None
            return self._served[api_version]

    def custom(self, api_version: str, kind: str) -> list[Object] | None:
        """All objects of a custom kind; None where the cluster does not serve it."""
        found = served(self.api, api_version, kind)
        return None if found is None else self.every(found)
