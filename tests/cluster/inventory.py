"""Every object of a cluster that has to do with one target, whatever its kind: what was there before, and after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

from cluster.live import Cluster

from gonogo.core.errors import NotReady
from gonogo.core.waiting import until

PASSING = frozenset({"events"})
"""Resources that come and go by themselves."""

METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

SETTLED = 60.0
"""Seconds in which what is being deleted must be gone, volumes last."""


def inventory(cluster: Cluster, name: str) -> set[str]:
    """Kind, namespace and name of all that names ``name``: in its namespace, metadata, or claim where it is a volume.

    Kinds are those that the cluster serves now.
    """
    return {
        "/".join(filter(None, (kind, meta.get("namespace"), meta["name"])))
        for kind, one in _objects(cluster)
        if name in json.dumps([meta := one["metadata"], (one.get("spec") or {}).get("claimRef")])
    }


def everything(cluster: Cluster) -> set[str]:
    """Kind, namespace and name of all that the cluster holds."""
    return {
        "/".join(filter(None, (kind, one["metadata"].get("namespace"), one["metadata"]["name"])))
        for kind, one in _objects(cluster)
    }


def settled(cluster: Cluster, name: str, wanted: set[str], within: float = SETTLED) -> set[str]:
    """What there is of it, once that is ``wanted``, or the time has passed."""
    try:
        return until(
            lambda: inventory(cluster, name), awaited="it", within=within, every=1, enough=lambda seen: seen == wanted
        )
    except NotReady:
        return inventory(cluster, name)


def _objects(cluster: Cluster) -> Iterator[tuple[str, dict[str, Any]]]:
    def listed(path: str) -> list[tuple[str, dict[str, Any]]]:
        plural = path.rpartition("/")[2]
        accept = "application/json" if plural == "persistentvolumes" else METADATA
        found = cluster.told("GET", f"/{path}", accept=accept) or {}  # a definition may have gone meanwhile
        return [(plural, one) for one in found.get("items") or ()]

    with ThreadPoolExecutor(8) as pool:
        yield from chain.from_iterable(pool.map(listed, _served(cluster)))


def _served(cluster: Cluster) -> Iterator[str]:
    for root in ("api", "apis"):
        for group in (cluster.told("GET", f"/{root}", accept=DISCOVERY) or {})["items"]:
            newest = group["versions"][0]
            name = group["metadata"].get("name")
            for one in newest["resources"]:
                if "list" in one["verbs"] and one["resource"] not in PASSING:
                    yield "/".join(filter(None, (root, name, newest["version"], one["resource"])))
