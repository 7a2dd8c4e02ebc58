"""The API server, asked: raw bytes of lists and watches, and every failure one outcome and cause.

The ``kubernetes`` package gives configuration, authentication and the connections (proxy, TLS); bodies are
handed on undecoded. What it imports costs 0.3 s of CPU and is paid by the first request, not by ``import``.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from gonogo.catalog.target import Kubernetes
from gonogo.checks import expiry
from gonogo.checks.translate import chain, translated
from gonogo.cluster.kubeconfig import Access, chosen, configured
from gonogo.cluster.paths import Path
from gonogo.core.codec import convert, decode
from gonogo.core.collector import UNCOLLECTED
from gonogo.core.endpoints import Timeouts
from gonogo.core.errors import (
    Absent,
    ClientError,
    ClusterLost,
    ConfigError,
    Denied,
    Forbidden,
    Garbled,
    Problem,
    Refused,
    TimedOut,
    Untrusted,
)
from gonogo.core.names import fits_a_header
from gonogo.core.outcomes import Outcome
from gonogo.core.outlet import detail, learn, uncut
from gonogo.core.waiting import Deadline

if TYPE_CHECKING:
    import urllib3
    from kubernetes.client import ApiClient

SILENCE = 75.0
"""Seconds after which a silent watch counts as lost: the API server sends a bookmark roughly every minute."""

WATCHED = 3000
"""Seconds that a watch is asked to last; the API server ends it then in good order, with a bookmark."""

LIST = 30.0
"""Seconds that one page may take at least: the field's objective for lists is 30 s (sig-scalability)."""

CHUNK = 1 << 20

LARGEST = 64 << 20
"""Bytes of one answer, unpacked, beyond which it is none: an object has 1.5 MiB at most (etcd.io/docs, limits)."""

LARGEST_PAGE, LARGEST_LIST = 256 << 20, 4 << 30
"""The same of a page of 500 objects, and of all pages of one list."""

LARGEST_LINE = 16 << 20
"""Bytes of a watch without the end of a line."""

PAGES = 10_000
"""Pages of one list: five million objects. Whoever has still more hands out the same ones again and again."""

METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
"""kubernetes.io/docs/reference/using-api/api-concepts, receiving resources as metadata."""

UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
"""What decoding raises where an answer is none: of another shape, nested without end, not UTF-8."""

Shape = TypeVar("Shape")


class Kind(NamedTuple):
    """A kind of object as the API server's paths name it; ``group`` is empty for the core one."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        """``v1``, ``apps/v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """As RBAC and ``kubectl`` name it: ``pods``, ``deployments.apps``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str | None = None, name: str | None = None, sub: str = "") -> Path:
        """Below the server's address: all of the kind, those of a namespace, one object, or what is below that.

        Raises ``Garbled`` where one of them is no name.
        """
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if namespace is not None and self.namespaced:
            parts += ["namespaces", namespace]
        return Path(*parts, self.plural, *(() if name is None else (name, sub) if sub else (name,)))


def _kinds() -> Iterator[tuple[str, Kind]]:
    table = {
        ("", "v1"): "pods Pod, services Service, persistentvolumeclaims PersistentVolumeClaim, events Event, "
        "configmaps ConfigMap, secrets Secret, serviceaccounts ServiceAccount, resourcequotas ResourceQuota, "
        "limitranges LimitRange, endpoints Endpoints, replicationcontrollers ReplicationController, "
        "-namespaces Namespace, -nodes Node, -persistentvolumes PersistentVolume",
        ("apps", "v1"): "deployments Deployment, replicasets ReplicaSet, "
        "statefulsets StatefulSet, daemonsets DaemonSet",
        ("batch", "v1"): "jobs Job, cronjobs CronJob",
        ("autoscaling", "v2"): "horizontalpodautoscalers HorizontalPodAutoscaler",
        ("policy", "v1"): "poddisruptionbudgets PodDisruptionBudget",
        ("discovery.k8s.io", "v1"): "endpointslices EndpointSlice",
        ("networking.k8s.io", "v1"): "ingresses Ingress, -ingressclasses IngressClass, networkpolicies NetworkPolicy",
        ("node.k8s.io", "v1"): "-runtimeclasses RuntimeClass",
        ("storage.k8s.io", "v1"): "-storageclasses StorageClass, -volumeattachments VolumeAttachment",
        ("scheduling.k8s.io", "v1"): "-priorityclasses PriorityClass",
        ("rbac.authorization.k8s.io", "v1"): "roles Role, rolebindings RoleBinding, "
        "-clusterroles ClusterRole, -clusterrolebindings ClusterRoleBinding",
        ("apiextensions.k8s.io", "v1"): "-customresourcedefinitions CustomResourceDefinition",
        ("apiregistration.k8s.io", "v1"): "-apiservices APIService",
        ("admissionregistration.k8s.io", "v1"): "-mutatingwebhookconfigurations MutatingWebhookConfiguration, "
        "-validatingwebhookconfigurations ValidatingWebhookConfiguration",
    }
    for (group, version), names in table.items():
        for plural, kind in (one.split() for one in names.split(", ")):
            yield kind, Kind(group, version, plural.removeprefix("-"), kind, not plural.startswith("-"))


KINDS: Mapping[str, Kind] = dict(_kinds())
"""The built-in kinds by name, as Kubernetes 1.25 and later serve them: nothing has to be discovered."""


class Right(NamedTuple):
    """What RBAC would have to grant; ``resource`` as ``pods``, ``deployments.apps``, ``pods/log``."""

    verb: str
    resource: str
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        named = f" {self.name!r}" if self.name else ""
        where = f'in namespace "{self.namespace}"' if self.namespace else "in any namespace"
        scope = f"namespace {self.namespace}" if self.namespace else "all namespaces"
        asked = f"verb {self.verb}, resource {self.resource}, {scope}"
        return f"may not {self.verb} {self.resource}{named} {where} ({asked})"


class _Preferred(msgspec.Struct):
    version: str


class _Group(msgspec.Struct, rename="camel"):
    name: str
    preferred_version: _Preferred
    versions: list[_Preferred] = []


class _Resource(msgspec.Struct):
    name: str
    kind: str
    namespaced: bool
    verbs: list[str] = []


class Discovered(msgspec.Struct):
    """What ``/apis`` says of groups, and ``/apis/GROUP/VERSION`` of resources."""

    groups: list[_Group] = []
    resources: list[_Resource] = []


class Declined(ClientError):
    """The API server understood what was to be made or changed, and does not do it; the text is its own.

    ``status`` is the HTTP status: 409 where another one is there or was faster, 400 and 422 for what is not valid, 403
    for what we have the right to, and a quota, a policy or a webhook does not admit.
    """

    outcome = Outcome.FAILED
    kind = "change_declined"
    status = 0


class MayNot(Forbidden):
    """The API server says that we lack a right; that it will be granted while one waits is not to be expected."""


class _Allowed(msgspec.Struct):
    allowed: bool = False


class _Reviewed(msgspec.Struct):
    status: _Allowed = msgspec.field(default_factory=_Allowed)


REVIEW = Path("apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews")


class _Partial(msgspec.Struct):
    items: list[dict[str, Any]] | None = None


class Outdated(ClientError):
    """The resource version is older than what the API server remembers (410): list again."""

    kind = "answer_garbled"


_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+)(?:/(?P<sub>.+))?)?"
)
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def right(method: str, path: str, query: Mapping[str, Any] = {}) -> Right:
    """The right that a request needs (kubernetes.io/docs/reference/access-authn-authz/authorization)."""
    found = _PATH.fullmatch(path)
    if found is None:
        return Right(method.lower(), path)
    group, namespace, plural, name, sub = found.group("group", "namespace", "plural", "name", "sub")
    reading = "watch" if query.get("watch") else "get" if name else "list"
    verb = reading if method == "GET" else _VERBS.get(method, method.lower())
    resource = plural + (f".{group}" if group else "") + (f"/{sub}" if sub else "")
    return Right(verb, resource, namespace or "", name or "")


class _Metadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _List(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


class _Status(msgspec.Struct):
    kind: str = ""
    message: str = ""


class Version(msgspec.Struct, rename="camel"):
    """What the API server calls itself, at :data:`VERSION`."""

    git_version: str


VERSION = Path("version")


class _Named(msgspec.Struct):
    uid: str


class _Object(msgspec.Struct):
    metadata: _Named


def position(page: bytes) -> tuple[str, str]:
    """Resource version and ``continue`` of a list's page. Raises ``msgspec.MsgspecError`` where it is none."""
    # they stand in front; where they do, the rest of a large page need not be read for them
    head = re.match(rb'\{"kind":"\w+List","apiVersion":"[\w./-]+","metadata":(\{[^{}]*\})', page)
    found = decode(head[1], _Metadata) if head else decode(page, _List).metadata
    return found.resource_version, found.continue_


class Stream(NamedTuple):
    """What a WebSocket to the API server needs; ``url`` starts with ``wss`` or ``ws``, ``proxy`` may be empty."""

    url: str
    headers: list[tuple[str, str]]
    tls: ssl.SSLContext | None
    server_name: str
    proxy: str


class Api:
    """One cluster through one context; safe to be used by many threads.

    Every question raises ``ClientError``: ``ClusterLost`` where the API server cannot be asked, ``Denied``
    where it does not know us, ``Forbidden`` with the missing right, ``Absent`` for what is not there; and
    ``ConfigError`` where the credentials of the kubeconfig cannot be had.
    """

    def __init__(self, settings: Kubernetes, component: str = "health", timeouts: Timeouts = Timeouts()) -> None:  # noqa: B008
        self.component, self.timeouts = component, timeouts
        self._access: Access = chosen(settings)
        self._lock = threading.RLock()
        self._client: ApiClient | None = None
        self._ends: datetime | None = None
        self._closed = threading.Event()
        self.known: Callable[[Kind, str], list[Any] | None] = lambda *_: None
        """The objects of a kind in a namespace as somebody follows them now; None where nobody does."""

    # -- who and where

    @property
    def context(self) -> str:
        """The kubeconfig's context, or ``in-cluster``."""
        return self._access.context

    @property
    def contexts(self) -> tuple[str, ...]:
        """All contexts there are to choose from."""
        return self._access.contexts

    @property
    def namespace(self) -> str:
        """The context's."""
        return self._access.namespace

    @property
    def in_cluster(self) -> bool:
        """Whether we are a pod of it, so that Service addresses can be reached."""
        return self._access.in_cluster

    @property
    def server(self) -> str:
        """The API server's address."""
        if self.in_cluster:
            return str(self.client().configuration.host)
        return str(self._access.cluster["server"]).rstrip("/")

    def client(self) -> ApiClient:
        """The ``kubernetes`` package's client, for exec and writes; its credentials are in date."""
        with self._lock:
            if self._client is None or (self._ends is not None and datetime.now(UTC) >= self._ends):
                self._client, self._ends = self._connected()
            return self._client

    def identity(self) -> str:
        """The uid of namespace ``kube-system``: what a cluster is known by, as it never changes."""
        try:
            return read(self, KINDS["Namespace"].path(name="kube-system"), _Object).metadata.uid
        except Absent as error:  # every cluster has it
            raise Garbled(self.component, f"{self.server} answers and is no API server: {error}") from error

    # -- questions

    def get(self, path: Path, **query: str) -> bytes:
        """The body of one GET, all of it within the limit for one call; see also :func:`read`."""
        with closing(self._open(path, query)) as answer:
            return self._body(answer, path)

    def clock(self) -> datetime:
        """What time it is by the API server's clock, to the second. Raises ``Garbled`` where it does not say."""
        with closing(self._open(VERSION, {})) as answer:
            said = str(answer.headers.get("Date", ""))
            self._body(answer, VERSION)
        try:
            return parsedate_to_datetime(said).astimezone(UTC)
        except (TypeError, ValueError):
            raise Garbled(self.component, f"GET {VERSION}: no time in Date: {said!r:.60}", asked=VERSION) from None

    def metadata(self, kind: Kind, namespace: str | None = None, *, labels: str = "") -> list[dict[str, Any]]:
        """The metadata alone of every such object: nothing of what a Secret holds is sent."""
        path = kind.path(namespace)
        query = {"labelSelector": labels}
        with closing(self._open(path, query, accept=METADATA)) as answer:
            said = self._body(answer, path)
        found = understood(self.component, path, partial(decode, said, _Partial))
        return [one["metadata"] for one in found.items or ()]

    def change(
        self, method: str, path: Path, body: Any = None, *, content: str = "application/json", **query: str
    ) -> dict[str, Any]:
        """What the API server answers to one change, ``method`` POST, PUT, PATCH or DELETE.

        Raises :class:`Declined` where it refuses what was sent; else as every question.
        """
        sent = msgspec.json.encode(body) if body is not None else None
        with closing(self._open(path, query, method=method, body=sent, content=content)) as answer:
            said = self._body(answer, path)
        return understood(self.component, path, partial(decode, said, dict[str, Any]))

    def may(self, wanted: Right) -> bool:
        """Whether we have this right, as the API server itself decides it. Raises ``ClientError``."""
        resource, _, sub = wanted.resource.partition("/")
        plural, _, group = resource.partition(".")
        asked = {"verb": wanted.verb, "group": group, "resource": plural, "subresource": sub}
        place = {"namespace": wanted.namespace, "name": wanted.name}
        answer = self.change("POST", REVIEW, {"spec": {"resourceAttributes": {**asked, **place}}})
        return understood(self.component, REVIEW, partial(convert, answer, _Reviewed)).status.allowed

    def pages(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        limit: int = 500,
        labels: str = "",
        fields: str = "",
        opened: Callable[[urllib3.BaseHTTPResponse], None] = lambda _: None,
    ) -> Iterator[bytes]:
        """The pages of one consistent list, as they were sent; see :func:`position` and :func:`items`.

        ``opened`` is handed each answer before it is read, as in :meth:`watch`.

        A list whose ``continue`` has become too old in the middle raises :class:`Outdated`: what was handed
        out is void, and the list must start anew. ``Garbled`` for one without an end.
        """
        query = {"limit": str(limit), "labelSelector": labels, "fieldSelector": fields}
        path, size, within = kind.path(namespace), 0, max(LIST, self.timeouts.check)
        for _ in range(PAGES):
            with closing(self._open(path, query, read=within, packed=True)) as answer:
                opened(answer)
                page = self._body(answer, path, within, LARGEST_PAGE)
            yield page
            size, before = size + len(page), query.get("continue")
            query["continue"] = understood(self.component, path, partial(position, page))[1]
            if not query["continue"]:
                return
            if size > LARGEST_LIST or query["continue"] == before:
                break
        raise Garbled(self.component, f"GET {path}: the list does not end", asked=path)

    def watch(
        self,
        kind: Kind,
        namespace: str | None,
        resource_version: str,
        *,
        labels: str = "",
        fields: str = "",
        seconds: float = WATCHED,
        silence: float = SILENCE,
        opened: Callable[[urllib3.BaseHTTPResponse], None] = lambda _: None,
    ) -> Iterator[bytes]:
        """The lines of a watch as they come, bookmarks among them; the API server ends it after ``seconds``.

        ``opened`` is handed the answer as soon as the watch stands: its ``shutdown()`` ends it from another
        thread. Raises ``ClusterLost`` after ``silence`` seconds without a line, and :class:`Outdated` where
        the version is too old (as a status; the same may come as a line of type ``ERROR``), ``Garbled`` for a
        line without an end.
        """
        query = {"watch": "1", "allowWatchBookmarks": "true", "resourceVersion": resource_version}
        query |= {"labelSelector": labels, "fieldSelector": fields, "timeoutSeconds": f"{seconds:.0f}"}
        path = kind.path(namespace)
        with closing(self._open(path, query, read=silence)) as answer:
            opened(answer)
            rest, deadline = bytearray(), Deadline(silence)

            def chunk() -> bytes:
                if deadline.passed:
                    raise TimeoutError(f"no line within {silence:g} s")
                return answer.read1(CHUNK)

            while part := self._asked(chunk, path):
                rest += part
                if b"\n" in part:
                    *lines, rest = rest.split(b"\n")
                    for line in filter(None, lines):
                        deadline = Deadline(silence)
                        yield bytes(line)
                if len(rest) > LARGEST_LINE:
                    raise Garbled(self.component, f"GET {path}: a line of the watch does not end", asked=path)

    def stream_headers_and_tls(self, path: Path, query: Sequence[tuple[str, str]] = ()) -> Stream:
        """What a WebSocket to ``path`` needs, with credentials in date; a refusal goes to :meth:`refusal`."""
        client = self.client()
        settings = client.configuration
        parts = urlsplit(str(settings.host))
        tls = None
        if parts.scheme == "https":
            tls = ssl.create_default_context(cafile=settings.ssl_ca_cert)
            if settings.cert_file:
                tls.load_cert_chain(settings.cert_file, settings.key_file)
            if not settings.verify_ssl:
                tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        return Stream(
            url=("wss" if tls else "ws") + _url(client, path, query)[len(parts.scheme) :],
            headers=self._headers(client),
            tls=tls,
            server_name=settings.tls_server_name or parts.hostname or "",
            proxy=_proxy(settings),
        )

    def close(self) -> None:
        """Give back the connections and end every pause; may be called twice."""
        self._closed.set()
        with self._lock:
            if self._client is not None:
                self._client.rest_client.close()
                self._client = None

    # -- one request

    def _connected(self) -> tuple[ApiClient, datetime | None]:
        configuration, ends = configured(self._access)
        import urllib3
        from kubernetes.client import ApiClient

        client = ApiClient(configuration)
        client.user_agent = "gonogo"
        pool = client.rest_client.pool_manager
        pool.pool_classes_by_scheme = {scheme: _timed(kind) for scheme, kind in pool.pool_classes_by_scheme.items()}
        extra = self._access.impersonation
        if extra:
            # the package knows no impersonation, and its own headers cannot hold a name twice
            plain = pool.urlopen

            def urlopen(method: str, url: str, redirect: bool = True, **given: Any) -> Any:
                headers = urllib3.HTTPHeaderDict(given.pop("headers", None) or {})
                for name, value in extra:
                    headers.add(name, value)
                return plain(method, url, redirect, headers=headers, **given)

            pool.urlopen = urlopen
        return client, ends

    def _headers(self, client: ApiClient) -> list[tuple[str, str]]:
        """Credentials and impersonation, for requests that do not go through the package's connections."""
        return [*self._credentials(client).items(), *self._access.impersonation]

    def _credentials(self, client: ApiClient) -> dict[str, str]:
        # asking the package for its settings is what makes it renew a token that has expired
        given = client.configuration.auth_settings().get("BearerToken")
        found = {"Authorization": str(given["value"])} if given else {}
        learn(*(value.removeprefix("Bearer ") for value in found.values()))
        for name, value in [*found.items(), *self._access.impersonation]:
            # a library would show it whole, or send what stands behind its line break as a header of its own
            if not fits_a_header(value):
                what = f"what {name} should say for context {self.context!r} holds a line break, or is not ASCII"
                raise ConfigError(Problem(self._access.source, what, "it is not shown; write it on one line"))
        return found

    def _open(
        self,
        path: Path,
        query: Mapping[str, str] = {},
        *,
        read: float | None = None,
        packed: bool = False,
        method: str = "GET",
        body: bytes | None = None,
        content: str = "",
        accept: str = "application/json",
    ) -> urllib3.BaseHTTPResponse:
        """The answer, its body unread, where it succeeded; a redirect is a login page's, and no success.

        Renews the credentials once after 401, waits as ``Retry-After`` says after 429 while the limit for
        one call lasts, and asks once more where a connection that had been kept was cut; a change, which may have been
        made already, is not sent again.
        """
        deadline = Deadline(self.timeouts.check)
        renewed = again = False
        while True:
            client = self.client()
            try:
                answer = self._request(client, path, query, read, packed, method, body, content, accept)
            except ClusterLost as error:
                if again or method != "GET" or not any(isinstance(e, ConnectionResetError) for e in chain(error)):
                    raise
                again = True
                continue
            if answer.status < 300:
                return answer
            with closing(answer):
                said = self._body(answer, path)
            if answer.status == 401 and not renewed:
                renewed = True
                self._renew(client)
                continue
            if answer.status == 429:
                seconds = _retry_after(answer)
                if seconds < deadline.left and not self._closed.wait(seconds):
                    continue
            needed = right(method, path, query)
            if answer.status == 403 and method in _VERBS and path != REVIEW:
                raise self._unpermitted(said, needed)
            raise self._refusal(answer.status, said, needed, client)

    def _unpermitted(self, said: bytes, needed: Right) -> ClientError:
        """What a refused change means: a right that we lack, or that it is not admitted, for which 403 is said too."""
        told = MayNot(self.component, str(needed), asked=f"{needed.verb} {needed.resource}")
        try:
            # what is applied is made, where it is not there
            for one in (needed, needed._replace(verb="create", name="")) if needed.verb == "patch" else (needed,):
                if not self.may(one):
                    return MayNot(self.component, str(one), asked=f"{one.verb} {one.resource}")
        except ClientError:
            return told
        if needed.resource.endswith(".rbac.authorization.k8s.io"):  # nobody grants what he has not
            return MayNot(self.component, _said(said), asked=told.asked)
        return _declined(self.component, 403, said, needed)

    def refusal(self, status: int, body: bytes, method: str, path: Path) -> ClientError:
        """What the API server's answer to a request means that did not go through here, as a WebSocket's."""
        return self._refusal(status, body, right(method, path), self.client())

    def _renew(self, refused: ApiClient) -> None:
        """Get other credentials than those that were refused; another thread may have done so already."""
        with self._lock:
            if self._client is refused:
                self._client = None

    def _request(
        self,
        client: ApiClient,
        path: Path,
        query: Mapping[str, str],
        read: float | None,
        packed: bool,
        method: str = "GET",
        body: bytes | None = None,
        content: str = "",
        accept: str = "application/json",
    ) -> urllib3.BaseHTTPResponse:
        import urllib3

        url = _url(client, path, [(key, value) for key, value in query.items() if value])
        headers = {"Accept": accept, "User-Agent": "gonogo", **self._credentials(client)}
        if packed:
            headers["Accept-Encoding"] = "gzip"
        if body is not None:
            headers["Content-Type"] = content
        timeout = urllib3.Timeout(connect=self.timeouts.connect, read=read or self.timeouts.check)
        pool = client.rest_client.pool_manager
        answer: urllib3.BaseHTTPResponse = self._asked(
            lambda: pool.request(
                method,
                url,
                body=body,
                headers=headers,
                timeout=timeout,
                retries=False,
                redirect=False,
                preload_content=False,
            ),
            path,
        )
        detail(f"asked context {self.context}: {method} {path}: HTTP {answer.status}")
        encoding = answer.headers.get("Content-Encoding", "identity").lower()
        if encoding not in ("identity", headers.get("Accept-Encoding")):
            answer.close()
            raise Garbled(self.component, f"GET {path}: packed as {encoding!r:.40}, unasked", asked=path)
        return answer

    def _asked(self, ask: Callable[[], Any], path: Path) -> Any:
        """What ``ask`` returns; every failure on the way is a lost cluster."""
        try:
            return ask()
        except ClientError:
            raise
        except Exception as error:
            meant = translated(self.component, error)
            if meant is None:
                raise
            raise ClusterLost(self.component, self._lost(meant, error), asked=path) from error

    def _lost(self, meant: ClientError, error: BaseException) -> str:
        where = f"the API server {self.server} of context {self.context!r}"
        if isinstance(meant, Untrusted):
            texts = [getattr(e, "verify_message", "") for e in chain(error)]
            if "certificate has expired" in texts:
                return f"{where}: its certificate has expired{expiry.since(expiry.of_server(self.server))}"
            return f"{where} is not trusted: {next(filter(None, texts), meant)}"
        if isinstance(meant, Refused):
            if any(isinstance(e, ConnectionRefusedError) for e in chain(error)):
                return f"{where} refused the connection; is it running, and is this its address?"
            return f"{where} cut the connection"
        if isinstance(meant, Garbled):
            return f"{where} cut the connection in the middle of its answer"
        if isinstance(meant, TimedOut):
            return f"{where} did not answer within the limit; is there a way to it from here (VPN, firewall, proxy)?"
        return f"{where} could not be asked: {meant}"

    def _body(self, answer: urllib3.BaseHTTPResponse, path: Path, within: float = 0.0, at_most: int = LARGEST) -> bytes:
        deadline = Deadline(within or self.timeouts.check)

        def whole() -> bytes:
            parts, size = [], 0
            while part := answer.read1(CHUNK):  # what has come, however little
                parts.append(part)
                size += len(part)
                if size > at_most:
                    raise Garbled(self.component, f"{path}: an answer of more than {at_most >> 20} MiB", asked=path)
                if deadline.passed:
                    raise TimeoutError(f"not all of it within {deadline.seconds:g} s")
            return b"".join(parts)

        # what stands between its parts can trickle too
        body: bytes = self._asked(lambda: _in_time(deadline.seconds + 1, answer.shutdown, whole), path)
        return body

    def _refusal(self, status: int, body: bytes, needed: Right, client: ApiClient) -> ClientError:
        said = _said(body)
        where = f"the API server {self.server}"
        asked = f"{needed.verb} {needed.resource}"
        if status == 401:
            return Denied(self.component, self._unknown(client), asked=asked)
        if status == 403:
            return MayNot(self.component, str(needed), asked=asked)
        if status == 404 and not needed.name and "." not in needed.resource and not _is_status(body):
            what = f"{self.server} answers and is no API server: it does not serve {needed.resource}"
            return Garbled(self.component, what, asked=asked)
        if status == 404:
            place = f" in namespace {needed.namespace!r}" if needed.namespace else ""
            missing = f"there is no {needed.resource} {needed.name!r}{place}" if needed.name else ""
            return Absent(self.component, missing or f"{where} does not serve {needed.resource}", asked=asked)
        if status in (400, 409, 422) and needed.verb in _VERBS.values() and _is_status(body):
            return _declined(self.component, status, body, needed)
        if status == 410:
            return Outdated(self.component, said or "the resource version is too old", asked=asked)
        if status == 429 or status >= 500:
            return ClusterLost(self.component, f"{where} cannot serve ({asked}): HTTP {status} {said}".strip())
        return Garbled(self.component, f"{where} ({asked}): HTTP {status} {said}".strip(), asked=asked)

    def _unknown(self, client: ApiClient) -> str:
        """Why we are not known: what has expired, and since when, where that can be seen."""
        now, settings = datetime.now(UTC), client.configuration
        who = f"the API server {self.server} does not know the user of context {self.context!r}"
        token = self._credentials(client).get("Authorization", "").partition(" ")[2]
        for what, ends in (("token", expiry.of_token(token)), ("certificate", expiry.of_file(settings.cert_file))):
            if ends is not None and ends < now:
                return f"{who}: its {what} has expired{expiry.since(ends)}; log in again"
        if token:
            return f"{who}: its token is expired or revoked; log in again"
        if settings.cert_file:
            return f"{who}: its certificate is not from an authority that the server trusts"
        return f"{who}: the kubeconfig holds no credentials for it"


def _declined(component: str, status: int, body: bytes, needed: Right) -> Declined:
    error = Declined(component, _said(body), asked=f"{needed.verb} {needed.resource}")
    error.status = status
    return error


def _url(client: ApiClient, path: Path, query: Sequence[tuple[str, str]]) -> str:
    """The one place where a path is made part of an address. Raises ``TypeError`` for a text that is no ``Path``."""
    if type(path) is not Path:
        raise TypeError(f"{path!r} was not made of names")
    asked = f"?{urlencode(query)}" if query else ""
    return f"{str(client.configuration.host).rstrip('/')}{path}{asked}"


def _in_time(seconds: float, cut: Callable[[], None], ask: Callable[[], Shape]) -> Shape:
    """What ``ask`` reads from a connection, that is ``cut`` after so many seconds. Then raises ``TimeoutError``."""
    over = threading.Event()

    def end() -> None:
        over.set()
        with suppress(OSError, RuntimeError, ValueError):  # it has come to its end by itself meanwhile
            cut()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    found: list[Shape] = []
    try:
        found.append(ask())
    except Exception:
        if not over.is_set():
            raise
        # what it saw is our own cut, and no part of the reason
    finally:
        timer.cancel()
    if over.is_set():  # to a library, what was cut there may look whole
        raise TimeoutError(f"not all of it within {seconds:g} s")
    return found[0]


def _timed(kind: Any) -> Any:
    """A pool of connections that give the head of an answer its time, where the library's time-out is for each byte."""

    class Connection(kind.ConnectionCls):  # type: ignore[misc]
        def connect(self) -> None:
            super().connect()
            # the kubeconfig's own setting (insecure-skip-tls-verify) needs no warning per request
            self.is_verified = True

        def getresponse(self) -> Any:
            cut, ask = partial(self.sock.shutdown, socket.SHUT_RDWR), super().getresponse
            # where no byte comes at all the socket's own time-out is first, and says so better
            return _in_time(self.timeout + 1, cut, ask) if self.timeout else ask()

    return type(kind.__name__, (kind,), {"ConnectionCls": Connection})


class _Items(msgspec.Struct, Generic[Shape]):
    items: list[Shape] | None = None


def read(api: Api, path: Path, kind: type[Shape]) -> Shape:
    """One answer as this type. Raises ``Garbled`` where it is none, and what :meth:`Api.get` raises."""
    body = api.get(path)
    return understood(api.component, path, partial(decode, body, kind))


def items(
    api: Api, kind: Kind, shape: type[Shape], namespace: str | None = None, *, labels: str = "", fields: str = ""
) -> Iterator[Shape]:
    """The objects of a list as this type. Raises ``Garbled`` where it is none, and what :meth:`Api.pages` raises."""
    path, listed = kind.path(namespace), _Items[shape]  # type: ignore[valid-type]
    for page in api.pages(kind, namespace, labels=labels, fields=fields):
        yield from understood(api.component, path, partial(decode, page, listed)).items or ()


def understood(component: str, path: Path, decoded: Callable[[], Shape]) -> Shape:
    """An answer, decoded. Raises ``Garbled`` where it cannot be, however it is shaped or nested."""
    try:
        with UNCOLLECTED:
            return decoded()
    except UNREADABLE as error:
        raise Garbled(component, f"GET {path}: no answer of an API server: {error}", asked=path) from error


def _is_status(body: bytes) -> bool:
    """Whether an API server gave this as its reason; what answers only 404 may be any web server."""
    try:
        return decode(body, _Status).kind == "Status"
    except UNREADABLE:
        return False


def _said(body: bytes) -> str:
    """The message of a ``Status``, else the beginning of whatever was sent."""
    try:
        told = decode(body, _Status).message
    except UNREADABLE:
        told = " ".join(uncut(body.decode(errors="replace"), 300).split())[:300]
    return told if len(told) <= 2000 else f"{uncut(told, 2000)[:2000]}…"


def _retry_after(answer: urllib3.BaseHTTPResponse) -> float:
    """Seconds; the API server sends whole ones (kubernetes.io/docs/concepts/cluster-administration/flow-control)."""
    given = answer.headers.get("Retry-After", "")
    return float(given) if given.isascii() and given.isdecimal() else 1.0


def _proxy(settings: Any) -> str:
    from kubernetes.client.rest import should_bypass_proxies

    if not settings.proxy or should_bypass_proxies(settings.host, settings.no_proxy or ""):
        return ""
    return str(settings.proxy)
