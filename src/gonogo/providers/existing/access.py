"""What everything in a run shares of one cluster: its API server, the stores of its objects, the ways into it.

Each is made when it is first asked for; nothing of it is left once it is closed.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from gonogo.catalog.target import SERVICE, WORD, Kubernetes, Reached
from gonogo.cluster.api import KINDS, Api, read
from gonogo.core.endpoints import Timeouts
from gonogo.core.errors import Absent, ClientError, ConfigError, Problem, SecretMissing
from gonogo.core.loading import LOADING
from gonogo.core.names import is_subdomain
from gonogo.core.outlet import learn
from gonogo.redaction import names

if TYPE_CHECKING:  # the judge and the ways in, 60 ms of CPU each, are loaded by whoever asks for them first
    from gonogo.cluster.forward import Forwards
    from gonogo.cluster.hub import Hub

COMPONENT = "health"
"""Whom the cluster's own errors are about; whoever asks for a component says so (``ClientError.about``)."""


class ClusterAccess:
    """One cluster, as the target file names it; safe to be used by many threads.

    ``learned`` is told every secret value that is read, before anybody can show it. ``kinds`` are the tables of custom
    resources that components bring.
    """

    def __init__(
        self,
        settings: Kubernetes,
        timeouts: Timeouts,
        learned: Callable[[str], None] = learn,
        kinds: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    ) -> None:
        self.settings, self._timeouts, self._learned, self._kinds = settings, timeouts, learned, kinds
        self._lock = threading.RLock()
        self._api: Api | None = None
        self._hub: Hub | None = None
        self._forwards: Forwards | None = None
        self._secrets: dict[tuple[str, str], Mapping[str, str]] = {}
        self._entrances: dict[str, list[Mapping[str, Any]]] = {}

    # -- what is shared

    @property
    def api(self) -> Api:
        """The API server. Raises ``ConfigError`` where the kubeconfig cannot be used."""
        with self._lock:
            if self._api is None:
                self._api = Api(self.settings, COMPONENT, self._timeouts)
            return self._api

    @property
    def hub(self) -> Hub:
        """The objects of the target's namespaces, or of all that we may list."""
        with self._lock:
            if self._hub is None:
                with LOADING:
                    from gonogo.cluster.hub import Hub
                    from gonogo.cluster.judge.rules import Rules

                self._hub = Hub(self.api, self.settings.namespaces, rules=Rules(self._kinds))
                self.api.known = self._hub.known
            return self._hub

    @property
    def forwards(self) -> Forwards:
        """The ways to Services from outside the cluster."""
        with self._lock:
            if self._forwards is None:
                with LOADING:
                    from gonogo.cluster.forward import Forwards

                self._forwards = Forwards(self.api, self.settings.namespaces)
            return self._forwards

    def close(self) -> None:
        """Give everything back; never raises, may be called twice."""
        with self._lock:
            for part in (self._forwards, self._hub, self._api):
                if part is not None:
                    part.close()
            self._forwards = self._hub = self._api = None

    # -- what references need: gonogo.catalog.target.Cluster

    def reached(self, service: str, *, web: bool) -> Reached:
        """The way to a Service: its ingress, its own address, or a forward that is opened here.

        An ingress only where the target file asks for it, ``web`` says that it speaks HTTP, and one leads there.
        """
        transport = self.settings.transport
        if transport == "ingress" and web and (entrance := self._entrance(service)) is not None:
            return entrance
        if transport == "service" or (transport != "forward" and self.api.in_cluster):
            return self.inside(service)
        forwards = self.forwards
        try:
            host, port = forwards.address(service)
        except ConfigError as error:
            if error.problems[0].where != service:
                raise
            # The reference is well-formed: it is the Service that has no such port (any more).
            raise Absent(COMPONENT, str(error)) from error
        return Reached(host, port, "port-forward")

    def inside(self, service: str) -> Reached:
        """The Service by its name within the cluster."""
        found = SERVICE.fullmatch(service)
        assert found is not None, service
        return Reached(f"{found['name']}.{found['namespace']}.svc", int(found["port"]), "service")

    def proxy(self) -> str:
        """The SOCKS5 server of ours that knows the cluster's names."""
        return self.forwards.socks()

    def fault(self, services: Iterable[str], addresses: Iterable[str]) -> ClientError | None:
        """Why a connection to one of these Services, or through our proxy where it is an address, was cut just now."""
        ways = [self.forwards.address(service) for service in services]
        proxy = urlsplit(self.forwards.socks()) if self.forwards.socks() in addresses else None
        if proxy is not None and proxy.hostname and proxy.port:
            ways.append((proxy.hostname, proxy.port))
        return next((fault for way in ways if (fault := self.forwards.fault(way)) is not None), None)

    def secret(self, namespace: str, name: str, key: str) -> str:
        """One value of a Secret, exactly as pods get it. Raises ``SecretMissing`` where it or its key is not there."""
        where = f"Secret {namespace}/{name}"
        values = self._secrets.get((namespace, name))
        if values is None:
            values = self._secrets[namespace, name] = self._read(namespace, name, where)
        if key not in values:
            held = f"it holds {', '.join(sorted(values))}" if values else "it is empty"
            raise SecretMissing(COMPONENT, f"{where} has no key {key!r}: {held}")
        try:
            value = base64.b64decode(values[key], validate=True).decode()
        except ValueError:
            raise SecretMissing(COMPONENT, f"{where}: what is at key {key!r} is no text") from None
        if WORD.fullmatch(value) is None or names.held(key.encode()) is not names.Held.NOTHING:
            self._learned(value)
        return value

    def _read(self, namespace: str, name: str, where: str) -> Mapping[str, str]:
        try:
            return read(self.api, KINDS["Secret"].path(namespace, name), _Secret).data or {}
        except Absent:
            raise SecretMissing(COMPONENT, f"{where} is not there") from None

    def _entrance(self, service: str) -> Reached | None:
        """The ingress that leads to a Service: the first rule with a host, for everything below it."""
        found = SERVICE.fullmatch(service)
        assert found is not None, service
        namespace, name, port = found["namespace"], found["name"], int(found["port"])
        for spec in self._ingresses(namespace):
            tables = spec.get("tls", ())
            covered = {host for tls in tables for host in tls.get("hosts", ())}
            for rule in spec.get("rules", ()):
                host = rule.get("host", "")
                for path in rule.get("http", {}).get("paths", ()):
                    backend = path.get("backend", {}).get("service", {})
                    if backend.get("name") != name or (backend.get("port", {}).get("number") or port) != port:
                        continue
                    # `*.example` stands for hosts that it does not name
                    if is_subdomain(host) and path.get("path", "") in ("", "/"):
                        secure = host in covered or any(not tls.get("hosts") for tls in tables)
                        return Reached(host, 443 if secure else 80, "ingress", "https" if secure else "http")
        return None

    def _ingresses(self, namespace: str) -> list[Mapping[str, Any]]:
        with LOADING:
            from gonogo.cluster.objects import listed

        if namespace not in self._entrances:
            found = listed(self.api, KINDS["Ingress"], namespace)
            self._entrances[namespace] = [ingress.get("spec", {}) for ingress in found]
        return self._entrances[namespace]

    # -- is this the one?

    def confirm(self, file: str) -> str:
        """The identity that the target file (``file``) gives, compared with the cluster's own.

        Raises ``ConfigError`` where it differs, and where the file says so little that it may be any cluster;
        ``ClientError`` where the cluster cannot be asked.
        """
        given, api = self.settings.identity, self.api
        if not given and not self.settings.context and len(api.contexts) > 1:
            what = f"what may change a cluster needs context or identity: {', '.join(api.contexts)} are to choose from"
            raise ConfigError(Problem(file, f"[kubernetes]: {what}", f'context = "{api.context}" is the current one'))
        if not given:
            return ""
        try:
            found = api.identity()
        except ClientError as error:
            raise error.about(COMPONENT, "kubernetes.identity could not be compared, nothing was created") from error
        if found != given:
            what = f"is {given!r}, but namespace kube-system of context {api.context!r} has uid {found!r}"
            raise ConfigError(Problem("kubernetes.identity", what, "nothing was created; is this the right cluster?"))
        return found


class _Secret(msgspec.Struct):
    data: dict[str, str] | None = None


def services(tables: Mapping[str, Mapping[str, Any]], component: str) -> Iterator[str]:
    """The references of a component to Services, each once."""
    given = tables.get(component, {}).get("service", ())
    yield from dict.fromkeys(given.values() if isinstance(given, dict) else [given] if given else ())
