"""Which port of which pod: behind a reference of a target file, or behind a name or address of the cluster."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from gonogo.cluster.api import KINDS, Api, Kind
from gonogo.cluster.judge.endpoints import SERVICE_NAME
from gonogo.cluster.judge.shapes import Endpoint, Object, ServicePort
from gonogo.cluster.judge.world import ended
from gonogo.cluster.objects import listed, one
from gonogo.cluster.paths import ABOUT, named, selector
from gonogo.core.errors import Absent, ConfigError, Forbidden, Garbled, Gone, Problem, Unresolved
from gonogo.core.names import LABEL, PORT, SUBDOMAIN

POD, SERVICE, SLICE = KINDS["Pod"], KINDS["Service"], KINDS["EndpointSlice"]

_REFERENCE = re.compile(
    rf"(?P<namespace>{LABEL})/(?:(?:service/)?(?P<name>{LABEL})|pod/(?P<pod>{SUBDOMAIN})):(?P<port>{PORT}|[0-9-]*[a-z][a-z0-9-]*)"
)


class Destination(NamedTuple):
    """``namespace/name:port`` of a Service, or ``namespace/pod/name:port``; ``port`` is a number or a port's name."""

    namespace: str
    name: str
    port: str
    pod: bool = False

    def __str__(self) -> str:
        return f"{self.namespace}/{'pod/' if self.pod else ''}{self.name}:{self.port}"

    @classmethod
    def read(cls, text: str) -> Destination:
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


def _spot(namespace: str, pod: str, port: int, uid: str = "") -> Spot:
    if not 0 < port < 1 << 16:
        raise Garbled(ABOUT, f"pod {namespace}/{pod} is said to listen on port {port}, which no server can")
    return Spot(named(namespace), named(pod), port, uid)


def _pod(endpoint: Endpoint) -> str:
    """The pod that an endpoint stands for; empty where it stands for something else."""
    target = endpoint.get("targetRef", {})
    return target.get("name", "") if target.get("kind") == "Pod" else ""


def _at_pod(endpoint: Endpoint, namespace: str, port: int) -> Spot:
    """A port of that pod. Raises ``Garbled`` where it is called what no pod can be."""
    return _spot(namespace, _pod(endpoint), port, endpoint.get("targetRef", {}).get("uid", ""))


class _Sight:
    """Services and what stands behind them: as they are followed anyway, else, or to be sure, asked for."""

    def __init__(self, api: Api, *, sure: bool) -> None:
        self._api, self._sure, self.asked = api, sure, True

    def service(self, namespace: str, name: str) -> Object:
        found = (each for each in self._followed(SERVICE, namespace) or () if each["metadata"]["name"] == name)
        return next(found, None) or one(self._api, SERVICE, namespace, name)

    def slices(self, namespace: str, service: str = "") -> list[Object]:
        followed = self._followed(SLICE, namespace)
        if followed is None:
            labels = selector({SERVICE_NAME: service} if service else {})
            return list(listed(self._api, SLICE, namespace, labels=labels))
        return [
            part
            for part in followed
            if not service or (part["metadata"].get("labels") or {}).get(SERVICE_NAME) == service
        ]

    def endpoints(self, namespace: str, service: str = "") -> list[Endpoint]:
        return [endpoint for part in self.slices(namespace, service) for endpoint in part.get("endpoints", ())]

    def _followed(self, kind: Kind, namespace: str) -> list[Object] | None:
        found = None if self._sure else self._api.known(kind, namespace)
        self.asked = self.asked and found is None
        return found


def _seen(api: Api, look: Callable[[_Sight], list[Spot]], *, sure: bool) -> list[Spot]:
    """What is found; where that is nothing, the API server has the last word: what is followed may be late."""
    sight = _Sight(api, sure=sure)
    try:
        return look(sight)
    except (Absent, Gone, Unresolved, ConfigError):
        if sight.asked:
            raise
    return look(_Sight(api, sure=True))


def behind(api: Api, reference: Destination, *, sure: bool = False) -> list[Spot]:
    """The ready pods behind a reference, with the port that it means in them; never empty.

    ``sure``: by what the API server says now, whatever is followed anyway (:attr:`gonogo.cluster.api.Api.known`).
    Raises ``Absent`` where there is no such Service or pod, ``Gone`` where nothing ready stands behind the Service,
    ``ConfigError`` where it has no such port, and what :class:`Api` raises.
    """
    if reference.pod:
        return [_spot(reference.namespace, reference.name, _port_of_pod(api, reference))]
    return _seen(api, lambda sight: _behind(api, sight, reference), sure=sure)


def _behind(api: Api, sight: _Sight, reference: Destination) -> list[Spot]:
    service = sight.service(reference.namespace, reference.name)
    slices = sight.slices(reference.namespace, reference.name)
    spots = list(_spots(service, slices, reference, ready=True))
    if not spots:
        raise Gone(api.component, _nobody(api, service, reference, slices))
    return spots


def endpoints(api: Api, reference: Destination) -> list[Spot]:
    """As :func:`behind`, the pods that are not ready among them."""
    if reference.pod:
        return behind(api, reference)
    sight = _Sight(api, sure=True)
    service = sight.service(reference.namespace, reference.name)
    slices = sight.slices(reference.namespace, reference.name)
    return list(_spots(service, slices, reference, ready=False)) or behind(api, reference, sure=True)


def _spots(service: Object, slices: Iterable[Object], reference: Destination, *, ready: bool) -> Iterator[Spot]:
    name = _port_of_service(service, reference).get("name", "")
    for part in slices:
        # a slice has one number for each named port, whatever the pods call it
        numbers = [port["port"] for port in part.get("ports", ()) if port.get("name", "") == name and port.get("port")]
        for number in numbers:
            for endpoint in part.get("endpoints", ()):
                if _pod(endpoint) and (endpoint.get("conditions", {}).get("ready", True) or not ready):
                    yield _at_pod(endpoint, reference.namespace, number)


def _port_of_service(service: Object, reference: Destination) -> ServicePort:
    where, spec = f"Service {reference.namespace}/{reference.name}", service["spec"]
    if spec.get("type") == "ExternalName":
        what = f"{where} stands for {spec.get('externalName', '')!r} outside"
        raise ConfigError(Problem(str(reference), what, "give the address itself"))
    ports: list[ServicePort] = [port for port in spec.get("ports", ()) if port.get("protocol", "TCP") == "TCP"]
    for port in ports:
        if reference.port in (str(port.get("port")), port.get("name")):
            return port
    told = (f"{port.get('port')} ({port['name']})" if port.get("name") else str(port.get("port")) for port in ports)
    has = ", ".join(told)
    raise ConfigError(Problem(str(reference), f"{where} has no port {reference.port}", f"it has {has or 'none'}"))


def _port_of_pod(api: Api, reference: Destination) -> int:
    if reference.port.isdigit():
        return int(reference.port)
    pod = one(api, POD, reference.namespace, reference.name)
    ports = [port for container in pod["spec"].get("containers", ()) for port in container.get("ports", ())]
    named_ports = {port["name"]: int(port.get("containerPort", 0)) for port in ports if port.get("name")}
    if number := named_ports.get(reference.port):
        return number
    has = ", ".join(f"{number} ({name})" for name, number in named_ports.items())
    what = f"pod {reference.namespace}/{reference.name} has no port named {reference.port}"
    raise ConfigError(Problem(str(reference), what, f"it has {has or 'no named ones'}"))


def _nobody(api: Api, service: Object, reference: Destination, slices: Iterable[Object]) -> str:
    """Why nothing ready stands behind the Service."""
    where = f"Service {reference.namespace}/{reference.name}"
    there: list[Endpoint] = [endpoint for part in slices for endpoint in part.get("endpoints", ())]
    outside = sorted({address for e in there if not _pod(e) for address in e.get("addresses", ())})
    if outside:
        return f"{where} leads to {', '.join(outside)}, which is no pod and can only be reached from inside"
    unready = sorted({_pod(endpoint) for endpoint in there})
    selects = selector(service["spec"].get("selector", {}))
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
        return [pod["metadata"]["name"] for pod in listed(api, POD, namespace, labels=selects) if not ended(pod)]
    except Forbidden:
        return []


# -- names and addresses as servers advertise them

_PART = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_NAME = re.compile(rf"(?:(?P<host>{_PART})\.)?(?P<service>{_PART})\.(?P<namespace>{_PART})\.svc(?:\..+)?")
_DASHED = re.compile(rf"(?P<address>[0-9a-f-]+)\.(?P<namespace>{_PART})\.pod(?:\..+)?")


def advertised(api: Api, host: str, port: int, namespaces: Iterable[str], *, sure: bool = False) -> list[Spot]:
    """What is at ``host:port`` as a client inside the cluster would reach it; never empty.

    ``host``: ``pod.service.namespace.svc…``, ``service.namespace.svc…``, or the address of a pod or Service
    in one of ``namespaces`` (kubernetes.io/docs/concepts/services-networking/dns-pod-service).
    Raises ``Unresolved`` for what is not of the cluster, otherwise as :func:`behind` does.
    """
    spaces = tuple(namespaces)
    return _seen(api, lambda sight: _advertised(api, sight, host, port, spaces), sure=sure)


def _advertised(api: Api, sight: _Sight, host: str, port: int, namespaces: tuple[str, ...]) -> list[Spot]:
    name = host.rstrip(".").lower()
    if found := _NAME.fullmatch(name):
        if found["host"]:
            return [_member(api, sight, found["host"], found["service"], found["namespace"], port)]
        return _of_service(api, sight, found["service"], found["namespace"], port)
    if found := _DASHED.fullmatch(name):
        return _at(api, sight, _undashed(found["address"]), port, (found["namespace"],))
    try:
        address = str(ipaddress.ip_address(name))
    except ValueError:
        what = f"{host} is no name of the cluster (service.namespace.svc, pod.service.namespace.svc)"
        raise Unresolved(api.component, what) from None
    return _at(api, sight, address, port, namespaces)


def _member(api: Api, sight: _Sight, host: str, service: str, namespace: str, port: int) -> Spot:
    members = sight.endpoints(namespace, service)
    for endpoint in members:
        if _pod(endpoint) and host in (endpoint.get("hostname"), _pod(endpoint)):
            return _at_pod(endpoint, namespace, port)
    there = ", ".join(sorted({e.get("hostname") or _pod(e) for e in members} - {""})) or "none"
    raise Absent(api.component, f"there is no pod {host!r} behind Service {namespace}/{service} (there: {there})")


def _of_service(api: Api, sight: _Sight, service: str, namespace: str, port: int) -> list[Spot]:
    reference = Destination(namespace, service, str(port))
    if sight.service(namespace, service)["spec"].get("clusterIP") != "None":
        return _behind(api, sight, reference)
    # a headless Service's name stands for its pods, whose own port it then is
    found = [_at_pod(e, namespace, port) for e in sight.endpoints(namespace, service) if _pod(e)]
    if not found:
        raise Gone(api.component, f"no pod stands behind Service {namespace}/{service}")
    return list(dict.fromkeys(found))


def _at(api: Api, sight: _Sight, address: str, port: int, namespaces: tuple[str, ...]) -> list[Spot]:
    for namespace in namespaces:
        for endpoint in sight.endpoints(namespace):
            if _pod(endpoint) and address in endpoint.get("addresses", ()):
                return [_at_pod(endpoint, namespace, port)]
    for namespace in namespaces:
        for service in listed(api, SERVICE, namespace):
            if service.get("spec", {}).get("clusterIP") == address:
                return _behind(api, sight, Destination(namespace, service["metadata"]["name"], str(port)))
    where = ", ".join(namespaces)
    raise Unresolved(api.component, f"{address} is no pod and no Service of namespace {where}")


def _undashed(dashed: str) -> str:
    """``10-0-0-7`` as an address, IPv4 where it looks like one."""
    return dashed.replace("-", "." if dashed.count("-") == 3 and dashed.replace("-", "").isdigit() else ":")
