"""The cluster as it is found: what a plan is held against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import msgspec

from gonogo.cluster.api import KINDS, Api, Kind, understood
from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.judge.storage import DEFAULT_CLASS
from gonogo.core.codec import decode
from gonogo.core.errors import Absent, Forbidden

DRIVERS = Kind("storage.k8s.io", "v1", "csidrivers", "CSIDriver", False)
CAPACITIES = Kind("storage.k8s.io", "v1", "csistoragecapacities", "CSIStorageCapacity", True)

LISTED: Mapping[str, Kind] = {
    "nodes": KINDS["Node"],
    "pods": KINDS["Pod"],
    "claims": KINDS["PersistentVolumeClaim"],
    "volumes": KINDS["PersistentVolume"],
    "classes": KINDS["StorageClass"],
    "quotas": KINDS["ResourceQuota"],
    "limits": KINDS["LimitRange"],
    "priorities": KINDS["PriorityClass"],
    "namespaces": KINDS["Namespace"],
    "drivers": DRIVERS,
    "capacities": CAPACITIES,
}

BOUND = ("quotas", "limits")
"""Kinds that bind their own namespace alone: there it is enough to list them where something is planned."""

BUILT_IN_PRIORITIES = frozenset({"system-cluster-critical", "system-node-critical"})


class _Page(msgspec.Struct):
    items: list[dict[str, Any]] | None = None


@dataclass(frozen=True, kw_only=True)
class Ground:
    """Objects by kind, whole. ``unseen`` are the kinds that may not be listed, each with why: nothing follows of them.

    ``pods`` have a node or may get one: those that have ended are left out. Where they are unseen, those of the plan's
    own namespaces may be there all the same.
    """

    nodes: tuple[Object, ...] = ()
    pods: tuple[Object, ...] = ()
    claims: tuple[Object, ...] = ()
    volumes: tuple[Object, ...] = ()
    classes: tuple[Object, ...] = ()
    quotas: tuple[Object, ...] = ()
    limits: tuple[Object, ...] = ()
    priorities: tuple[Object, ...] = ()
    namespaces: tuple[Object, ...] = ()
    drivers: tuple[Object, ...] = ()
    capacities: tuple[Object, ...] = ()
    unseen: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def class_by_name(self) -> Mapping[str, Object]:
        """StorageClasses by their names."""
        return {one["metadata"]["name"]: one for one in self.classes}

    @cached_property
    def default_class(self) -> str | None:
        """The newest of those that are marked as default; None where there is none."""
        marked = [o for o in self.classes if o["metadata"].get("annotations", {}).get(DEFAULT_CLASS) == "true"]
        newest = max(marked, key=lambda one: one["metadata"].get("creationTimestamp", ""), default=None)
        return newest["metadata"]["name"] if newest else None

    @cached_property
    def claim_by_name(self) -> Mapping[tuple[str, str], Object]:
        """Claims by namespace and name."""
        return {(one["metadata"].get("namespace", ""), one["metadata"]["name"]): one for one in self.claims}

    @cached_property
    def volume_by_name(self) -> Mapping[str, Object]:
        """Volumes by their names."""
        return {one["metadata"]["name"]: one for one in self.volumes}


def read(api: Api, spaces: Iterable[str] = ()) -> Ground:
    """The cluster now. What may not be listed is unseen. Raises ``ClientError`` where it cannot be asked.

    ``spaces`` are the namespaces of the plan: what may be listed there alone is.
    """
    spaces = [*spaces]
    found: dict[str, Any] = {}
    unseen: dict[str, str] = {}
    for name, kind in LISTED.items():
        ended = "status.phase!=Succeeded,status.phase!=Failed" if name == "pods" else ""
        try:
            found[name] = tuple(_listed(api, kind, ended))
        except Absent:
            found[name] = ()  # a kind that nobody serves has no objects
        except Forbidden as error:
            unseen[name] = f"{error}"
            if kind.namespaced and spaces and name != "capacities":
                with suppress(Forbidden):
                    found[name] = tuple(one for space in spaces for one in _listed(api, kind, ended, space))
                    if name != "pods":  # those of others are in the way, too
                        del unseen[name]
    return Ground(**found, unseen=unseen)


def _listed(api: Api, kind: Kind, fields: str, space: str | None = None) -> list[Object]:
    items: list[Object] = []
    for raw in api.pages(kind, space, fields=fields):
        page = understood(api.component, kind.path(), partial(decode, raw, _Page))
        items += page.items or []
    return items
