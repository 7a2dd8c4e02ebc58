"""Looks at a cluster for a draft: Services, pods, workloads and custom resources; never a Secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Required, TypedDict

from gonogo.catalog.registry import Component
from gonogo.cluster.api import KINDS, Api, Kind, items
from gonogo.cluster.kinds import WORKLOADS
from gonogo.core.errors import Absent, Forbidden

Object = Mapping[str, Any]

SCALER = "HorizontalPodAutoscaler"


class Owner(TypedDict, total=False):
    """One of an object's owner references."""

    apiVersion: str
    kind: str
    name: str


class _Named(TypedDict):
    name: str
    namespace: str


class _Labelled(_Named, total=False):
    labels: dict[str, str]
    annotations: dict[str, str]
    ownerReferences: list[Owner]


class _Port(TypedDict, total=False):
    name: str
    port: Required[int]
    targetPort: int | str


class _ServiceSpec(TypedDict, total=False):
    clusterIP: str
    selector: dict[str, str]
    ports: list[_Port]


class _Key(TypedDict):
    name: str
    key: str


class _From(TypedDict, total=False):
    secretKeyRef: _Key


class _Variable(TypedDict, total=False):
    name: Required[str]
    value: str
    valueFrom: _From


class _Source(TypedDict, total=False):
    name: str


class _AllOf(TypedDict, total=False):
    prefix: str
    secretRef: _Source
    configMapRef: _Source


class _Container(TypedDict, total=False):
    image: str
    command: list[str]
    args: list[str]
    env: list[_Variable]
    envFrom: list[_AllOf]


class _Mounted(TypedDict, total=False):
    secretName: str


class _Volume(TypedDict, total=False):
    secret: _Mounted


class _PodSpec(TypedDict, total=False):
    containers: list[_Container]
    volumes: list[_Volume]


class _Service(TypedDict):
    metadata: _Labelled
    spec: _ServiceSpec


class _Pod(TypedDict):
    metadata: _Labelled
    spec: _PodSpec


class _Label(TypedDict, total=False):
    labels: dict[str, str]


class _Template(TypedDict, total=False):
    metadata: _Label


class _WorkloadSpec(TypedDict, total=False):
    replicas: int
    template: _Template


class _WorkloadStatus(TypedDict, total=False):
    desiredNumberScheduled: int


class _Workload(TypedDict, total=False):
    metadata: Required[_Labelled]
    spec: Required[_WorkloadSpec]
    status: _WorkloadStatus


class _Scaled(TypedDict, total=False):
    kind: str
    name: str


class _ScalerSpec(TypedDict, total=False):
    scaleTargetRef: _Scaled
    minReplicas: int


class _Scaler(TypedDict):
    metadata: _Named
    spec: _ScalerSpec


_SHAPES: Mapping[str, type[Object]] = {
    "Service": _Service,
    "Pod": _Pod,
    **dict.fromkeys(WORKLOADS, _Workload),
    SCALER: _Scaler,
}
"""The built-in kinds that are listed, and what of them is looked at."""


@dataclass(frozen=True)
class ClusterContents:
    """What is known of a cluster: Services, pods, workloads with their ``kind``, what scales them, and custom
    resources by ``plural.group/version``.

    ``refused`` tells which rights were missing, ``unasked`` which kinds or resources could be listed nowhere.
    """

    services: tuple[Object, ...]
    pods: tuple[Object, ...]
    resources: Mapping[str, tuple[Object, ...]]
    refused: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()
    workloads: tuple[Object, ...] = ()
    scalers: tuple[Object, ...] = ()


def look(api: Api, components: Iterable[Component], namespaces: Iterable[str]) -> ClusterContents:
    """List what components may be recognised by; ``namespaces``: all of the cluster, where none is given.

    What we may not list in all namespaces is listed in the context's. Raises ``ClientError``.
    """
    refused: list[str] = []
    rules = [rule for component in components for rule in component.discover]
    named = {rule.resource for rule in rules} | {rule.members.resource for rule in rules if rule.members}
    wanted = {**{name: KINDS[name] for name in _SHAPES}, **{name: _kind(name) for name in sorted(named - {""})}}
    listed = {name: _listed(api, kind, tuple(namespaces), refused) for name, kind in wanted.items()}
    found = {name: tuple(objects or ()) for name, objects in listed.items()}
    return ClusterContents(
        services=found.pop("Service"),
        pods=found.pop("Pod"),
        workloads=tuple({**one, "kind": kind} for kind in WORKLOADS for one in found.pop(kind)),
        scalers=found.pop(SCALER),
        resources=found,
        refused=tuple(refused),
        unasked=tuple(name for name, objects in listed.items() if objects is None),
    )


def _kind(resource: str) -> Kind:
    """``kafkas.kafka.strimzi.io/v1``."""
    plural, _, rest = resource.partition(".")
    group, _, version = rest.partition("/")
    return Kind(group, version, plural, plural, True)


def _listed(api: Api, kind: Kind, namespaces: tuple[str, ...], refused: list[str]) -> list[Object] | None:
    """The objects of a kind, None where we may list it nowhere."""
    found: list[list[Object] | None] = []
    for namespace in namespaces or (None,):
        try:
            found.append(_items(api, kind, namespace))
        except Absent:
            return []
        except Forbidden as error:
            refused.append(str(error))
            found.append(_listed(api, kind, (api.namespace,), refused) if namespace is None else None)
    asked = [objects for objects in found if objects is not None]
    return [one for objects in asked for one in objects] if asked else None


def _items(api: Api, kind: Kind, namespace: str | None) -> list[Object]:
    if KINDS.get(kind.kind) == kind:
        return list(items(api, kind, _SHAPES[kind.kind], namespace))
    found = list(items(api, kind, dict[str, Any], namespace))
    return [one for one in found if _has_names(one)]


def _has_names(one: Object) -> bool:
    meta = one.get("metadata")
    return isinstance(meta, dict) and all(isinstance(meta.get(key), str) for key in ("name", "namespace"))
