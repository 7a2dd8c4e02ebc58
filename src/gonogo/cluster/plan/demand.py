"""Pods and claims that are planned, before any of them is there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from gonogo.cluster.judge.quantities import amount
from gonogo.cluster.judge.scheduling import requests
from gonogo.cluster.judge.shapes import Object


class When(StrEnum):
    """When a pod is there. ``update``, ``most`` and ``passing`` pods come on top of those at ``rest``."""

    REST = "rest"
    MOST = "most"
    UPDATE = "update"
    PASSING = "passing"


@dataclass(frozen=True, kw_only=True)
class PlannedClaim:
    """A claim of ``size`` bytes; ``storage_class`` is None for the default one, empty for volumes without a class."""

    namespace: str
    name: str
    size: float
    storage_class: str | None = None
    modes: tuple[str, ...] = ("ReadWriteOnce",)
    selector: Mapping[str, Any] = field(default_factory=dict)
    volume: str = ""

    @property
    def shown(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class PlannedPod:
    """A pod; in its ``name`` an asterisk stands for what the cluster makes up.

    ``claims`` are its own, made with it; others that it mounts stand in its ``spec``. ``node`` is that of a DaemonSet's
    pod. Passing pods of one ``step`` are there at once, those of different steps one after the other.
    """

    namespace: str
    name: str
    owner: str
    spec: Mapping[str, Any]
    labels: Mapping[str, str] = field(default_factory=dict)
    claims: tuple[PlannedClaim, ...] = ()
    when: When = When.REST
    step: str = ""
    node: str = ""

    @property
    def shown(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"

    @cached_property
    def requests(self) -> Mapping[str, float]:
        """What it asks a node for, by resource: cores, bytes, loads."""
        return requests(self.spec)

    def named(self, name: str) -> bool:
        """Whether a pod of this name may be this one."""
        return re.fullmatch(re.escape(self.name).replace(r"\*", "[a-z0-9]{1,10}"), name) is not None


@dataclass(frozen=True, kw_only=True)
class Untold:
    """Something of which nobody here knows what pods it makes; ``why`` is a sentence's end."""

    kind: str
    name: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Demand:
    """All that objects make."""

    pods: tuple[PlannedPod, ...] = ()
    claims: tuple[PlannedClaim, ...] = ()
    untold: tuple[Untold, ...] = ()

    @property
    def every_claim(self) -> tuple[PlannedClaim, ...]:
        """Those of pods too, once each."""
        every = (*self.claims, *(one for pod in self.pods for one in pod.claims))
        return tuple({one.shown: one for one in every}.values())


@dataclass(frozen=True)
class Beside:
    """What is known besides an object: the others of its plan, their namespace, the cluster's nodes if it answers."""

    namespace: str
    objects: Sequence[Object] = ()
    nodes: Sequence[Object] | None = None

    def of(self, kind: str, group: str = "") -> list[Object]:
        """The other objects of a kind."""
        return [o for o in self.objects if o["kind"] == kind and o["apiVersion"].rpartition("/")[0] == group]


Found = PlannedPod | PlannedClaim | Untold
Expander = Callable[[Object, Beside], Iterable[Found]]
"""A pure function of one kind: what its controller makes of an object, with the controller's defaults."""


def claim_of(namespace: str, name: str, spec: Mapping[str, Any]) -> PlannedClaim:
    """What a PersistentVolumeClaim's ``spec`` asks for."""
    return PlannedClaim(
        namespace=namespace,
        name=name,
        size=amount(spec.get("resources", {}).get("requests", {}).get("storage", 0)),
        storage_class=spec.get("storageClassName"),
        modes=tuple(spec.get("accessModes", ())) or ("ReadWriteOnce",),
        selector=spec.get("selector", {}),
        volume=spec.get("volumeName", ""),
    )


def generic(namespace: str, pod: str, spec: Mapping[str, Any]) -> tuple[PlannedClaim, ...]:
    """The claims of a pod's generic ephemeral volumes (Kubernetes "Ephemeral volumes", naming of claims)."""
    return tuple(
        claim_of(
            namespace, f"{pod}-{volume['name']}", volume["ephemeral"].get("volumeClaimTemplate", {}).get("spec", {})
        )
        for volume in spec.get("volumes", ())
        if "ephemeral" in volume
    )


def pod_of(obj: Object, name: str, template: Mapping[str, Any], beside: Beside, **more: Any) -> PlannedPod:
    """A pod of a controller's template; the claims of its generic ephemeral volumes are its own."""
    meta, spec = template.get("metadata", {}), template.get("spec", {})
    space = obj["metadata"].get("namespace") or beside.namespace
    own = (*more.pop("claims", ()), *generic(space, name, spec))
    labels = {**meta.get("labels", {}), **more.pop("labels", {})}
    owner = f"{obj['kind']} {obj['metadata']['name']}"
    return PlannedPod(namespace=space, name=name, owner=owner, spec=spec, labels=labels, claims=own, **more)
