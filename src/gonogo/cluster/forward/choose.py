"""Which port of which pod: behind a reference of a target file, or behind a name or address of the cluster."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from gonogo.cluster.api import KINDS, items, read
from gonogo.cluster.paths import ABOUT, named, selector
from gonogo.core.errors import Absent, ConfigError, Forbidden, Garbled, Gone, Problem, Unresolved
from gonogo.core.names import LABEL, PORT, SUBDOMAIN

if TYPE_CHECKING:
    from gonogo.cluster.api import Api

_REFERENCE = re.compile(
    rf"(?P<namespace>{LABEL})/(?:(?:service/)?(?P<name>{LABEL})|pod/(?P<pod>{SUBDOMAIN})):(?P<port>{PORT}|[0-9-]*[a-z][a-z0-9-]*)"
)


class Reference(NamedTuple):
    """``namespace/name:port`` of a Service, or ``namespace/pod/name:port``; ``port`` is a number or a port's name."""

    namespace: str
    name: str
    port: str
    pod: bool = False

    def __str__(self) -> str:
        return f"{self.namespace}/{'pod/' if self.pod else ''}{self.name}:{self.port}"

    @classmethod
    def read(cls, text: str) -> Reference:
        """Raises ``ConfigError`` where the text is no reference."""
        found = _REFERENCE.fullmatch(text)
        if found is None:
            hint = 'write "namespace/service:port" or "namespace/pod/name:port"'
            raise ConfigError(Problem(repr(text), "is no port of a Service or pod", hint))
        return cls(found["namespace"], found["pod"] or found["name"], found["port"], bool(found["pod"]))


class Spot(NamedTuple):
    """One port of one pod: where a forward can end. ``uid`` tells a pod from its successor of the same name."""

    namespace: str
    pod: str
    port: int
    uid: str = ""

    def __str__(self) -> str:
        return f"port {self.port} of pod {self.namespace}/{self.pod}"


class _Port(msgspec.Struct):
    port: int | None = None
    name: str | None = None
    protocol: str = "TCP"
    container_port: int | None = msgspec.field(default=None, name="containerPort")


class _ServiceSpec(msgspec.Struct, rename="camel"):
    ports: list[_Port] = []
    selector: dict[str, str] = {}
    cluster_ip: str = msgspec.field(default="", name="clusterIP")
    type: str = "ClusterIP"
    external_name: str = ""


class _Metadata(msgspec.Struct):
    name: str = ""
    namespace: str = ""


class _Service(msgspec.Struct):
    metadata: _Metadata
    spec: _ServiceSpec


class _Target(msgspec.Struct):
    kind: str = ""
    name: str = ""
    uid: str = ""


class _Conditions(msgspec.Struct):
    ready: bool | None = None


class _Endpoint(msgspec.Struct, rename="camel"):
    addresses: list[str] = []
    conditions: _Conditions = msgspec.field(default_factory=_Conditions)
    hostname: str | None = None
    target_ref: _Target | None = None

    @property
    def pod(self) -> str:
        """The pod that it stands for; empty where it stands for something else."""
        return self.target_ref.name if self.target_ref is not None and self.target_ref.kind == "Pod" else ""

    def at(self, namespace: str, port: int) -> Spot:
        """A port of that pod. Raises ``Garbled`` where it is called what no pod can be."""
        return _spot(namespace, self.pod, port, self.target_ref.uid if self.target_ref is not None else "")


class _Slice(msgspec.Struct):
    endpoints: list[_Endpoint] | None = None
    ports: list[_Port] | None = None


class _Container(msgspec.Struct):
    ports: list[_Port] = []


class _PodSpec(msgspec.Struct):
    containers: list[_Container] = []


class _Pod(msgspec.Struct):
    metadata: _Metadata
    spec: _PodSpec


def _spot(namespace: str, pod: str, port: int, uid: str = "") -> Spot:
    if not 0 < port < 1 << 16:
        raise Garbled(ABOUT, f"pod {namespace}/{pod} is said to listen on port {port}, which no server can")
    return Spot(named(namespace), named(pod), port, uid)


def behind(api: Api, reference: Reference) -> list[Spot]:
    """The ready pods behind a reference, with the port that it means in them; never empty.

    Raises ``Absent`` where there is no such Service or pod, ``Gone`` where nothing ready
    stands behind the Service, ``ConfigError`` where it has no such port, and what :class:`Api` raises.
    """
    if reference.pod:
        return [_spot(reference.namespace, reference.name, _port_of_pod(api, reference))]
    service = _service(api, reference.namespace, reference.name)
    slices = _slices(api, reference.namespace, reference.name)
    spots = list(_spots(service, slices, reference, ready=True))
    if not spots:
        raise Gone(api.component, _nobody(api, service, reference, slices))
    return spots


def endpoints(api: Api, reference: Reference) -> list[Spot]:
    """As :func:`behind`, the pods that are not ready among them."""
    if reference.pod:
        return behind(api, reference)
    service = _service(api, reference.namespace, reference.name)
    slices = _slices(api, reference.namespace, reference.name)
    return list(_spots(service, slices, reference, ready=False)) or behind(api, reference)


def _spots(service: _Service, slices: Iterable[_Slice], reference: Reference, *, ready: bool) -> Iterator[Spot]:
    port = _port_of_service(service, reference)
    for one in slices:
        for number in _numbers(one, port):
            for endpoint in one.endpoints or ():
                if endpoint.pod and (endpoint.conditions.ready is not False or not ready):
                    yield endpoint.at(reference.namespace, number)


def _service(api: Api, namespace: str, name: str) -> _Service:
    return read(api, KINDS["Service"].path(namespace, name), _Service)


def _slices(api: Api, namespace: str, service: str = "") -> list[_Slice]:
    labels = selector({"kubernetes.io/service-name": service} if service else {})
    return list(items(api, KINDS["EndpointSlice"], _Slice, namespace, labels=labels))


def _numbers(one: _Slice, port: _Port) -> Iterator[int]:
    """The pods' port; a slice has one number for each named port, whatever the pods call it."""
    yield from (p.port for p in one.ports or () if (p.name or "") == (port.name or "") and p.port)


def _port_of_service(service: _Service, reference: Reference) -> _Port:
    where = f"Service {reference.namespace}/{reference.name}"
    if service.spec.type == "ExternalName":
        hint = "give the address itself"
        raise ConfigError(Problem(str(reference), f"{where} stands for {service.spec.external_name!r} outside", hint))
    ports = [port for port in service.spec.ports if port.protocol == "TCP"]
    for port in ports:
        if reference.port in (str(port.port), port.name):
            return port
    listed = ", ".join(f"{port.port} ({port.name})" if port.name else str(port.port) for port in ports)
    raise ConfigError(Problem(str(reference), f"{where} has no port {reference.port}", f"it has {listed or 'none'}"))


def _port_of_pod(api: Api, reference: Reference) -> int:
    if reference.port.isdigit():
        return int(reference.port)
    path = KINDS["Pod"].path(reference.namespace, reference.name)
    pod = read(api, path, _Pod)
    ports = [port for container in pod.spec.containers for port in container.ports]
    for port in ports:
        if port.name == reference.port and port.container_port:
            return port.container_port
    listed = ", ".join(f"{port.container_port} ({port.name})" for port in ports if port.name)
    what = f"pod {reference.namespace}/{reference.name} has no port named {reference.port}"
    raise ConfigError(Problem(str(reference), what, f"it has {listed or 'no named ones'}"))


def _nobody(api: Api, service: _Service, reference: Reference, slices: Iterable[_Slice]) -> str:
    """Why nothing ready stands behind the Service."""
    where = f"Service {reference.namespace}/{reference.name}"
    there = [endpoint for one in slices for endpoint in one.endpoints or ()]
    strangers = sorted({address for e in there if not e.pod for address in e.addresses})
    if strangers:
        return f"{where} leads to {', '.join(strangers)}, which is no pod and can only be reached from inside"
    unready = sorted({endpoint.pod for endpoint in there})
    selects = selector(service.spec.selector)
    if not unready and selects:
        unready = _matching(api, reference.namespace, selects)
    if unready:
        return f"{where} has no ready pod: {', '.join(unready[:5])}{', …' if len(unready) > 5 else ''} not ready"
    if not selects:
        return f"{where} has no selector and no endpoints"
    return f"{where} has no ready pod: nothing in the namespace matches its selector {selects}"


def _matching(api: Api, namespace: str, selects: str) -> list[str]:
    """Pods that the selector matches and that have no address yet; none where we may not look."""
    try:
        return [pod.metadata.name for pod in items(api, KINDS["Pod"], _Pod, namespace, labels=selects)]
    except Forbidden:
        return []


# -- names and addresses as servers advertise them

_PART = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_NAME = re.compile(rf"(?:(?P<host>{_PART})\.)?(?P<service>{_PART})\.(?P<namespace>{_PART})\.svc(?:\..+)?")
_DASHED = re.compile(rf"(?P<address>[0-9a-f-]+)\.(?P<namespace>{_PART})\.pod(?:\..+)?")


def advertised(api: Api, host: str, port: int, namespaces: Iterable[str]) -> list[Spot]:
    """What is at ``host:port`` as a client inside the cluster would reach it; never empty.

    ``host``: ``pod.service.namespace.svc…``, ``service.namespace.svc…``, or the address of a pod or Service
    in one of ``namespaces`` (kubernetes.io/docs/concepts/services-networking/dns-pod-service).
    Raises ``Unresolved`` for what is not of the cluster, otherwise as :func:`behind` does.
    """
    name = host.rstrip(".").lower()
    if found := _NAME.fullmatch(name):
        if found["host"]:
            return [_member(api, found["host"], found["service"], found["namespace"], port)]
        return _of_service(api, found["service"], found["namespace"], port)
    if found := _DASHED.fullmatch(name):
        return _at(api, _undashed(found["address"]), port, [found["namespace"]])
    try:
        address = str(ipaddress.ip_address(name))
    except ValueError:
        what = f"{host} is no name of the cluster (service.namespace.svc, pod.service.namespace.svc)"
        raise Unresolved(api.component, what) from None
    return _at(api, address, port, namespaces)


def _member(api: Api, host: str, service: str, namespace: str, port: int) -> Spot:
    members = [e for one in _slices(api, namespace, service) for e in one.endpoints or ()]
    for endpoint in members:
        if endpoint.pod and host in (endpoint.hostname, endpoint.pod):
            return endpoint.at(namespace, port)
    there = ", ".join(sorted({e.hostname or e.pod for e in members} - {""})) or "none"
    raise Absent(api.component, f"there is no pod {host!r} behind Service {namespace}/{service} (there: {there})")


def _of_service(api: Api, service: str, namespace: str, port: int) -> list[Spot]:
    reference = Reference(namespace, service, str(port))
    if _service(api, namespace, service).spec.cluster_ip != "None":
        return behind(api, reference)
    # a headless Service's name stands for its pods, whose own port it then is
    found = [e.at(namespace, port) for one in _slices(api, namespace, service) for e in one.endpoints or () if e.pod]
    if not found:
        raise Gone(api.component, f"no pod stands behind Service {namespace}/{service}")
    return list(dict.fromkeys(found))


def _at(api: Api, address: str, port: int, namespaces: Iterable[str]) -> list[Spot]:
    namespaces = tuple(namespaces)
    for namespace in namespaces:
        for endpoint in (e for one in _slices(api, namespace) for e in one.endpoints or ()):
            if endpoint.pod and address in endpoint.addresses:
                return [endpoint.at(namespace, port)]
    for namespace in namespaces:
        for service in items(api, KINDS["Service"], _Service, namespace):
            if service.spec.cluster_ip == address:
                return behind(api, Reference(namespace, service.metadata.name, str(port)))
    where = ", ".join(namespaces)
    raise Unresolved(api.component, f"{address} is no pod and no Service of namespace {where}")


def _undashed(dashed: str) -> str:
    """``10-0-0-7`` as an address, IPv4 where it looks like one."""
    return dashed.replace("-", "." if dashed.count("-") == 3 and dashed.replace("-", "").isdigit() else ":")
