"""The shapes of the kinds that have a judge: only the fields that are judged.

One shape serves three readers: raw list pages (:func:`page`), single objects as JSON (:func:`load`) and
plain dicts from YAML (:func:`shaped`). What is not in a shape is skipped while decoding, which makes a page
of pods ten times cheaper. Every field may be absent; ``null`` counts as absent, as in the API's own
conventions (Kubernetes "API Conventions"). An object with a field of another type is replaced by its names and
:data:`MISSHAPEN`, which says what does not fit; judges may therefore rely on the types.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple, TypedDict

import msgspec

Object = Mapping[str, Any]
"""An object of a cluster: ``apiVersion``, ``kind``, ``metadata`` and what its shape or its custom kind holds."""

Quantity = str | int | float
Times = dict[str, str]


class Owner(TypedDict, total=False):
    kind: str
    name: str
    uid: str
    controller: bool


class Meta(TypedDict, total=False):
    name: str
    namespace: str
    uid: str
    generation: int
    resourceVersion: str
    creationTimestamp: str
    deletionTimestamp: str
    deletionGracePeriodSeconds: int
    labels: dict[str, str]
    annotations: dict[str, str]
    finalizers: list[str]
    ownerReferences: list[Owner]


class Condition(TypedDict, total=False):
    type: str
    status: str
    reason: str
    message: str
    lastTransitionTime: str
    lastUpdateTime: str
    observedGeneration: int


class Base(TypedDict, total=False):
    apiVersion: str
    kind: str
    metadata: Meta


class Requirement(TypedDict, total=False):
    key: str
    operator: str
    values: list[str]


class Selector(TypedDict, total=False):
    matchLabels: dict[str, str]
    matchExpressions: list[Requirement]


# -- pods


class Terminated(TypedDict, total=False):
    exitCode: int
    signal: int
    reason: str
    message: str
    startedAt: str
    finishedAt: str


class Waiting(TypedDict, total=False):
    reason: str
    message: str


class Running(TypedDict, total=False):
    startedAt: str


class ContainerState(TypedDict, total=False):
    waiting: Waiting
    running: Running
    terminated: Terminated


class ContainerStatus(TypedDict, total=False):
    name: str
    image: str
    ready: bool
    started: bool
    restartCount: int
    state: ContainerState
    lastState: ContainerState


class Probe(TypedDict, total=False):
    initialDelaySeconds: int
    periodSeconds: int
    timeoutSeconds: int
    failureThreshold: int


class Resources(TypedDict, total=False):
    requests: dict[str, Quantity]
    limits: dict[str, Quantity]


class EnvVar(TypedDict, total=False):
    name: str
    value: str


class Port(TypedDict, total=False):
    name: str
    containerPort: int
    hostPort: int
    protocol: str


class Container(TypedDict, total=False):
    name: str
    image: str
    command: list[str]
    args: list[str]
    env: list[EnvVar]
    ports: list[Port]
    resources: Resources
    restartPolicy: str
    startupProbe: Probe
    livenessProbe: Probe
    readinessProbe: Probe


class ClaimSource(TypedDict, total=False):
    claimName: str


class PodVolume(TypedDict, total=False):
    name: str
    persistentVolumeClaim: ClaimSource
    ephemeral: dict[str, Any]


class Toleration(TypedDict, total=False):
    key: str
    operator: str
    value: str
    effect: str


class Gate(TypedDict, total=False):
    conditionType: str
    name: str


class PodSpec(TypedDict, total=False):
    nodeName: str
    nodeSelector: dict[str, str]
    restartPolicy: str
    schedulingGates: list[Gate]
    readinessGates: list[Gate]
    containers: list[Container]
    initContainers: list[Container]
    volumes: list[PodVolume]
    tolerations: list[Toleration]
    overhead: dict[str, Quantity]


class PodStatus(TypedDict, total=False):
    phase: str
    reason: str
    message: str
    startTime: str
    conditions: list[Condition]
    containerStatuses: list[ContainerStatus]
    initContainerStatuses: list[ContainerStatus]


class Pod(Base, total=False):
    spec: PodSpec
    status: PodStatus


# -- workloads


class RollingUpdate(TypedDict, total=False):
    partition: int
    maxUnavailable: int | str
    maxSurge: int | str


class Strategy(TypedDict, total=False):
    type: str
    rollingUpdate: RollingUpdate


class WorkloadSpec(TypedDict, total=False):
    replicas: int
    paused: bool
    progressDeadlineSeconds: int
    strategy: Strategy
    selector: Selector


class WorkloadStatus(TypedDict, total=False):
    observedGeneration: int
    replicas: int
    readyReplicas: int
    availableReplicas: int
    unavailableReplicas: int
    updatedReplicas: int
    conditions: list[Condition]


class Deployment(Base, total=False):
    spec: WorkloadSpec
    status: WorkloadStatus


class ReplicaSet(Base, total=False):
    spec: WorkloadSpec
    status: WorkloadStatus


# -- events


class Reference(TypedDict, total=False):
    kind: str
    namespace: str
    name: str
    uid: str
    fieldPath: str


class Series(TypedDict, total=False):
    count: int
    lastObservedTime: str


class Event(Base, total=False):
    """Of ``v1`` and, where the words differ, of ``events.k8s.io/v1`` (``regarding``, ``note``)."""

    type: str
    reason: str
    message: str
    note: str
    count: int
    firstTimestamp: str
    lastTimestamp: str
    eventTime: str
    series: Series
    involvedObject: Reference
    regarding: Reference


SHAPES: Mapping[str, Any] = {
    "Pod": Pod,
    "Deployment": Deployment,
    "ReplicaSet": ReplicaSet,
    "Event": Event,
}
"""Of the built-in kinds that are judged, or that a judge looks at."""

BUILT_IN = frozenset(
    {
        "",
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "autoscaling",
        "batch",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "extensions",
        "flowcontrol.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
    }
)
"""The API groups of Kubernetes itself. A kind of another group is known as ``Kind.group``."""


MISSHAPEN = "misshapen"
"""The field of an object that stands in for one that does not fit: ``spec.replicas: Expected `int`, got `str```."""


class Page(NamedTuple):
    """One page of a list: its objects, and what the next request needs."""

    items: list[Object]
    resource_version: str = ""
    more: str = ""
    remaining: int = 0


@cache
def known_as(api_version: str, kind: str) -> str:
    """The kind as :class:`~gonogo.cluster.judge.world.World` knows it: ``Pod``, ``Kafka.kafka.strimzi.io``."""
    group = api_version.rpartition("/")[0]
    return kind if group in BUILT_IN else f"{kind}.{group}"


def shaped(obj: Object) -> Object:
    """The object projected to its kind's shape; one of a kind without a shape whole, with its metadata checked.

    One that does not fit comes back as its names and the field :data:`MISSHAPEN`, whatever it was: no raise.
    """
    if not isinstance(obj, Mapping):
        return {MISSHAPEN: f"Expected an object, got {type(obj).__name__}"}
    for name in ("apiVersion", "kind"):
        if not isinstance(obj.get(name), str) or not obj[name]:
            return _stand_in(obj, f"{name}: {'missing' if obj.get(name) in (None, '') else 'no text'}")
    shape = SHAPES.get(known_as(obj["apiVersion"], obj["kind"]), Base)
    try:
        fitted = _converted(obj, shape)
    except msgspec.ValidationError as problem:
        what, _, path = str(problem).partition(" - at `")
        return _stand_in(obj, f"{path.rstrip('`').removeprefix('$').removeprefix('.') or 'object'}: {what}")
    except RecursionError:
        return _stand_in(obj, "object: nested too deeply")
    if not fitted.get("metadata", {}).get("name"):
        return _stand_in(obj, "metadata.name: missing")
    return {**plain(obj), "metadata": fitted["metadata"]} if shape is Base else fitted


def _converted(obj: Object, shape: Any) -> dict[str, Any]:
    try:
        return msgspec.convert(obj, shape)  # type: ignore[no-any-return]
    except msgspec.ValidationError:
        return msgspec.convert(plain(obj), shape)  # type: ignore[no-any-return]


def _stand_in(obj: Object, problem: str) -> Object:
    meta = obj.get("metadata")
    names = (
        {key: meta[key] for key in ("name", "namespace") if isinstance(meta.get(key), str)}
        if isinstance(meta, Mapping)
        else {}
    )
    tags = {key: obj[key] for key in ("apiVersion", "kind") if isinstance(obj.get(key), str)}
    return {**tags, "metadata": names, MISSHAPEN: problem}


def plain(value: Any) -> Any:
    """The value as the API would have sent it: without nulls, and with the times that a YAML reader knew as texts."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value if inner is not None]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


class _ListMeta(msgspec.Struct):
    resource_version: str = msgspec.field(name="resourceVersion", default="")
    more: str = msgspec.field(name="continue", default="")
    remaining: int = msgspec.field(name="remainingItemCount", default=0)


@cache
def _list_decoder(items: Any) -> msgspec.json.Decoder[Any]:
    fields = [("metadata", _ListMeta, msgspec.field(default_factory=_ListMeta)), ("items", list[items] | None, None)]
    return msgspec.json.Decoder(msgspec.defstruct("List", fields))


@cache
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)


def page(api_version: str, kind: str, raw: bytes) -> Page:
    """One page of a list as the API server sends it; its objects get the ``apiVersion`` and ``kind`` they lack there.

    They are shaped, as by :func:`shaped`. Raises ``msgspec.DecodeError`` where it is no JSON or no list.
    """
    shape = SHAPES.get(known_as(api_version, kind))
    try:
        found, fits = _list_decoder(shape or Any).decode(raw), shape is not None
    except msgspec.ValidationError:
        found, fits = _list_decoder(Any).decode(raw), False
    items: list[Any] = found.items or []
    for item in items:
        if isinstance(item, dict):
            item.setdefault("apiVersion", api_version)
            item.setdefault("kind", kind)
    if not fits:
        items = [shaped(item) for item in items]
    return Page(items, found.metadata.resource_version, found.metadata.more, found.metadata.remaining)


class _Tag(msgspec.Struct):
    kind: str = ""
    api_version: str = msgspec.field(name="apiVersion", default="")


def load(raw: bytes | msgspec.Raw) -> Object:
    """One object as JSON, shaped: an item of a ``list[msgspec.Raw]``, or the object of a watch's event.

    Raises ``msgspec.DecodeError`` where it is no JSON.
    """
    try:
        tag = _decoder(_Tag).decode(raw)
        shape = SHAPES.get(known_as(tag.api_version, tag.kind))
        if shape is not None:
            return _decoder(shape).decode(raw)  # type: ignore[no-any-return]
    except msgspec.ValidationError:
        pass
    return shaped(msgspec.json.decode(raw))
