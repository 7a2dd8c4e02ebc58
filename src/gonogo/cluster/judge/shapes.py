"""The shapes of the kinds that have a judge: only the fields that are judged, or that lead to a pod and into it.

One shape serves three readers: raw list pages (:func:`page`), single objects as JSON (:func:`load`) and
plain dicts from YAML (:func:`shaped`). What is not in a shape is skipped while decoding, which makes a page
of pods ten times cheaper. Every field may be absent; ``null`` counts as absent, as in the API's own
conventions (Kubernetes "API Conventions"). An object with a field of another type is replaced by its names and
:data:`MISSHAPEN`, which says what does not fit; judges may therefore rely on the types.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple, TypedDict

import msgspec

from gonogo.core.codec import convert, decoder

Object = Mapping[str, Any]
"""An object of a cluster: ``apiVersion``, ``kind``, ``metadata`` and what its shape or its custom kind holds."""

Quantity = str | int | float
Times = dict[str, str]


class Owner(TypedDict, total=False):
    apiVersion: str
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
    hostIP: str
    protocol: str


class Security(TypedDict, total=False):
    runAsUser: int


class Mount(TypedDict, total=False):
    name: str
    mountPath: str


class Container(TypedDict, total=False):
    name: str
    image: str
    command: list[str]
    args: list[str]
    env: list[EnvVar]
    ports: list[Port]
    resources: Resources
    restartPolicy: str
    securityContext: Security
    volumeMounts: list[Mount]
    startupProbe: Probe
    livenessProbe: Probe
    readinessProbe: Probe


class ClaimSource(TypedDict, total=False):
    claimName: str


class SecretSource(TypedDict, total=False):
    secretName: str
    name: str


class ConfigMapSource(TypedDict, total=False):
    name: str


class Projection(TypedDict, total=False):
    secret: SecretSource
    configMap: ConfigMapSource


class Projected(TypedDict, total=False):
    sources: list[Projection]


class PodVolume(TypedDict, total=False):
    name: str
    secret: SecretSource
    configMap: ConfigMapSource
    projected: Projected
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
    serviceAccountName: str
    nodeSelector: dict[str, str]
    restartPolicy: str
    schedulingGates: list[Gate]
    readinessGates: list[Gate]
    containers: list[Container]
    initContainers: list[Container]
    volumes: list[PodVolume]
    securityContext: Security
    hostNetwork: bool
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


class TemplateMeta(TypedDict, total=False):
    labels: dict[str, str]


class Template(TypedDict, total=False):
    metadata: TemplateMeta
    spec: PodSpec


class WorkloadSpec(TypedDict, total=False):
    replicas: int
    paused: bool
    selector: Selector
    strategy: Strategy
    updateStrategy: Strategy
    template: Template


class WorkloadStatus(TypedDict, total=False):
    observedGeneration: int
    replicas: int
    readyReplicas: int
    availableReplicas: int
    updatedReplicas: int
    currentRevision: str
    updateRevision: str
    conditions: list[Condition]


class Workload(Base, total=False):
    """A Deployment, ReplicaSet or StatefulSet: each has some of these fields."""

    spec: WorkloadSpec
    status: WorkloadStatus


class ControllerSpec(TypedDict, total=False):
    replicas: int
    selector: dict[str, str]
    template: Template


class ReplicationController(Base, total=False):
    spec: ControllerSpec
    status: WorkloadStatus


class DaemonSetStatus(TypedDict, total=False):
    observedGeneration: int
    desiredNumberScheduled: int
    currentNumberScheduled: int
    updatedNumberScheduled: int
    numberAvailable: int
    numberReady: int
    numberMisscheduled: int
    conditions: list[Condition]


class DaemonSet(Base, total=False):
    spec: WorkloadSpec
    status: DaemonSetStatus


class JobSpec(TypedDict, total=False):
    suspend: bool
    completions: int
    parallelism: int
    backoffLimit: int
    backoffLimitPerIndex: int
    activeDeadlineSeconds: int
    selector: Selector
    template: Template


class JobStatus(TypedDict, total=False):
    active: int
    ready: int
    succeeded: int
    failed: int
    startTime: str
    completionTime: str
    failedIndexes: str
    conditions: list[Condition]


class Job(Base, total=False):
    spec: JobSpec
    status: JobStatus


class CronJobSpec(TypedDict, total=False):
    schedule: str
    suspend: bool


class CronJobStatus(TypedDict, total=False):
    lastScheduleTime: str
    lastSuccessfulTime: str
    active: list[Reference]


class CronJob(Base, total=False):
    spec: CronJobSpec
    status: CronJobStatus


# -- storage


class ClaimSpec(TypedDict, total=False):
    accessModes: list[str]
    storageClassName: str
    volumeName: str
    resources: Resources


class ClaimStatus(TypedDict, total=False):
    phase: str
    accessModes: list[str]
    capacity: dict[str, Quantity]
    conditions: list[Condition]


class PersistentVolumeClaim(Base, total=False):
    spec: ClaimSpec
    status: ClaimStatus


class VolumeSpec(TypedDict, total=False):
    accessModes: list[str]
    storageClassName: str
    capacity: dict[str, Quantity]
    persistentVolumeReclaimPolicy: str
    claimRef: Reference


class VolumeStatus(TypedDict, total=False):
    phase: str
    reason: str
    message: str


class PersistentVolume(Base, total=False):
    spec: VolumeSpec
    status: VolumeStatus


class StorageClass(Base, total=False):
    provisioner: str
    volumeBindingMode: str


# -- networks


class ServicePort(TypedDict, total=False):
    name: str
    port: int
    protocol: str
    targetPort: int | str


class ServiceSpec(TypedDict, total=False):
    type: str
    clusterIP: str
    externalName: str
    externalIPs: list[str]
    loadBalancerClass: str
    publishNotReadyAddresses: bool
    selector: dict[str, str]
    ports: list[ServicePort]


class Address(TypedDict, total=False):
    ip: str
    hostname: str


class LoadBalancer(TypedDict, total=False):
    ingress: list[Address]


class ServiceStatus(TypedDict, total=False):
    loadBalancer: LoadBalancer
    conditions: list[Condition]


class Service(Base, total=False):
    spec: ServiceSpec
    status: ServiceStatus


class EndpointConditions(TypedDict, total=False):
    ready: bool
    serving: bool


class Endpoint(TypedDict, total=False):
    addresses: list[str]
    conditions: EndpointConditions
    hostname: str
    targetRef: Reference


class EndpointPort(TypedDict, total=False):
    name: str
    port: int


class EndpointSlice(Base, total=False):
    endpoints: list[Endpoint]
    ports: list[EndpointPort]


class BackendPort(TypedDict, total=False):
    name: str
    number: int


class BackendService(TypedDict, total=False):
    name: str
    port: BackendPort


class Backend(TypedDict, total=False):
    service: BackendService


class HTTPPath(TypedDict, total=False):
    path: str
    backend: Backend


class HTTP(TypedDict, total=False):
    paths: list[HTTPPath]


class IngressRule(TypedDict, total=False):
    host: str
    http: HTTP


class IngressTLS(TypedDict, total=False):
    hosts: list[str]


class IngressSpec(TypedDict, total=False):
    ingressClassName: str
    defaultBackend: Backend
    rules: list[IngressRule]
    tls: list[IngressTLS]


class Ingress(Base, total=False):
    spec: IngressSpec
    status: ServiceStatus


# -- extensions of the API


class ServiceReference(TypedDict, total=False):
    namespace: str
    name: str


class ClientConfig(TypedDict, total=False):
    url: str
    service: ServiceReference
    caBundle: str


class Webhook(TypedDict, total=False):
    name: str
    failurePolicy: str
    clientConfig: ClientConfig


class WebhookConfiguration(Base, total=False):
    webhooks: list[Webhook]


class ConversionWebhook(TypedDict, total=False):
    clientConfig: ClientConfig


class Conversion(TypedDict, total=False):
    strategy: str
    webhook: ConversionWebhook


class DefinitionNames(TypedDict, total=False):
    kind: str
    plural: str


class DefinitionSpec(TypedDict, total=False):
    group: str
    names: DefinitionNames
    conversion: Conversion


class Conditioned(TypedDict, total=False):
    conditions: list[Condition]


class CustomResourceDefinition(Base, total=False):
    spec: DefinitionSpec
    status: Conditioned


class APIServiceSpec(TypedDict, total=False):
    service: ServiceReference


class APIService(Base, total=False):
    spec: APIServiceSpec
    status: Conditioned


# -- the cluster itself


class NamespaceSpec(TypedDict, total=False):
    finalizers: list[str]


class NamespaceStatus(TypedDict, total=False):
    phase: str
    conditions: list[Condition]


class Namespace(Base, total=False):
    spec: NamespaceSpec
    status: NamespaceStatus


class Taint(TypedDict, total=False):
    key: str
    value: str
    effect: str


class NodeSpec(TypedDict, total=False):
    unschedulable: bool
    taints: list[Taint]


class NodeStatus(TypedDict, total=False):
    allocatable: dict[str, Quantity]
    conditions: list[Condition]


class Node(Base, total=False):
    spec: NodeSpec
    status: NodeStatus


class ScalerSpec(TypedDict, total=False):
    scaleTargetRef: Reference
    minReplicas: int
    maxReplicas: int


class ScalerStatus(TypedDict, total=False):
    observedGeneration: int
    currentReplicas: int
    desiredReplicas: int
    conditions: list[Condition]


class HorizontalPodAutoscaler(Base, total=False):
    spec: ScalerSpec
    status: ScalerStatus


class BudgetStatus(TypedDict, total=False):
    observedGeneration: int
    currentHealthy: int
    desiredHealthy: int
    disruptionsAllowed: int
    expectedPods: int
    conditions: list[Condition]


class PodDisruptionBudget(Base, total=False):
    status: BudgetStatus


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
    "APIService": APIService,
    "CronJob": CronJob,
    "CustomResourceDefinition": CustomResourceDefinition,
    "DaemonSet": DaemonSet,
    "Deployment": Workload,
    "EndpointSlice": EndpointSlice,
    "Event": Event,
    "HorizontalPodAutoscaler": HorizontalPodAutoscaler,
    "Ingress": Ingress,
    "Job": Job,
    "MutatingWebhookConfiguration": WebhookConfiguration,
    "Namespace": Namespace,
    "Node": Node,
    "PersistentVolume": PersistentVolume,
    "PersistentVolumeClaim": PersistentVolumeClaim,
    "Pod": Pod,
    "PodDisruptionBudget": PodDisruptionBudget,
    "ReplicaSet": Workload,
    "ReplicationController": ReplicationController,
    "Service": Service,
    "StatefulSet": Workload,
    "StorageClass": StorageClass,
    "ValidatingWebhookConfiguration": WebhookConfiguration,
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
        return convert(obj, shape)
    except msgspec.ValidationError:
        return convert(plain(obj), shape)


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


class ListMeta(msgspec.Struct):
    """What a list of the API says of itself."""

    resource_version: str = msgspec.field(name="resourceVersion", default="")
    more: str = msgspec.field(name="continue", default="")
    remaining: int = msgspec.field(name="remainingItemCount", default=0)


@cache
def _list_decoder(items: Any) -> msgspec.json.Decoder[Any]:
    fields = [("metadata", ListMeta, msgspec.field(default_factory=ListMeta)), ("items", list[items] | None, None)]
    return decoder(msgspec.defstruct("List", fields))


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


def joined(items: Iterable[msgspec.Raw]) -> bytes:
    """A page of these items, for :func:`page`."""
    return b'{"items":[' + b",".join(map(bytes, items)) + b"]}"


class Tag(msgspec.Struct):
    """What an object says it is."""

    kind: str = ""
    api_version: str = msgspec.field(name="apiVersion", default="")


def load(raw: bytes | msgspec.Raw) -> Object:
    """One object as JSON, shaped: an item of a ``list[msgspec.Raw]``, or the object of a watch's event.

    Raises ``msgspec.DecodeError`` where it is no JSON.
    """
    try:
        tag = decoder(Tag).decode(raw)
        shape = SHAPES.get(known_as(tag.api_version, tag.kind))
        if shape is not None:
            return decoder(shape).decode(raw)  # type: ignore[no-any-return]
    except msgspec.ValidationError:
        pass
    return shaped(msgspec.json.decode(raw))
