"""Which cluster, and who we are there: kubeconfig files, or the service account of the pod we run in.

Choosing (files, context, user) is plain reading and done here, so that a mistake becomes a sentence;
authentication is the ``kubernetes`` package's. Where that package falls behind kubectl, this module makes
up for it: ``tokenFile`` is read again, a credential plugin's failure is an error and not an anonymous
request, and impersonation becomes headers.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from ipaddress import ip_address
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from gonogo.catalog.target import Kubernetes
from gonogo.cluster.documents import documents
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.files import content, expanded, suggestion, unreadable
from gonogo.core.lean import without
from gonogo.core.loading import also, need, once
from gonogo.core.names import WORDS, is_label
from gonogo.core.outlet import learn, learn_from

if TYPE_CHECKING:
    from kubernetes.client import Configuration

LISTED = 20
"""Contexts that are named where a person has to choose one."""

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""What the kubelet puts into a pod (kubernetes.io/docs/tasks/run-application/access-api-from-pod)."""

TOKEN_FILE_LIFE = timedelta(minutes=1)
"""How long a token read from a file is used, as client-go does (``transport/token_source.go``)."""

RENEWED_BEFORE = timedelta(seconds=30)
"""A credential is renewed this long before its end: clocks differ, and a request takes a while."""

LARGEST = 1 << 20
"""Bytes of a token file."""

_TEXTS, _ANY = [str], object
_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "context": {"cluster": str, "user": str, "namespace": str},
    "cluster": {
        **dict.fromkeys(("server", "certificate-authority", "certificate-authority-data", "tls-server-name"), str),
        "proxy-url": str,
        "insecure-skip-tls-verify": bool,
    },
    "user": {
        **dict.fromkeys(("client-certificate", "client-certificate-data", "client-key", "client-key-data"), str),
        **dict.fromkeys(("token", "tokenFile", "username", "password", "as", "as-uid"), str),
        "as-groups": _TEXTS,
        "as-user-extra": {"*": _TEXTS},
        "auth-provider": {"name": str, "config": {"*": _ANY}},
        "exec": {
            **dict.fromkeys(("command", "apiVersion", "installHint", "interactiveMode"), str),
            "args": _TEXTS,
            "env": [{"name": str, "value": str}],
            "provideClusterInfo": bool,
        },
    },
    "status": dict.fromkeys(("token", "clientCertificateData", "clientKeyData", "expirationTimestamp"), str),
}
"""What each part of a kubeconfig may hold (client-go, ``tools/clientcmd/api/v1``), and what a plugin gives; the
package takes any value for what it needs, ``"false"`` for true."""

_WORDS = {str: "text", bool: "true or false"}

_PATHS = {"cluster": ("certificate-authority",), "user": ("client-certificate", "client-key", "tokenFile")}


@dataclass(frozen=True)
class Access:
    """One context, with its cluster and user as written; paths in them are absolute."""

    context: str
    contexts: tuple[str, ...]
    namespace: str
    cluster: Mapping[str, Any] = field(repr=False)
    user: Mapping[str, Any] = field(repr=False)
    source: str
    in_cluster: bool = False

    @property
    def impersonation(self) -> list[tuple[str, str]]:
        """The headers of ``as``, ``as-uid``, ``as-groups`` and ``as-user-extra``; one group is one header.

        kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation
        """
        user = self.user
        headers = [(name, str(user[key])) for name, key in (("User", "as"), ("Uid", "as-uid")) if user.get(key)]
        headers += [("Group", str(group)) for group in user.get("as-groups") or ()]
        for key, values in (user.get("as-user-extra") or {}).items():
            headers += [(f"Extra-{quote(str(key).lower(), safe='')}", str(value)) for value in values or ()]
        return [(f"Impersonate-{name}", value) for name, value in headers]


def chosen(settings: Kubernetes, environ: Mapping[str, str] = os.environ) -> Access:
    """The context that the settings name, else the current one, else the only one there is.

    Files: the settings' one, else those of ``KUBECONFIG``, else ``~/.kube/config``; where there are none,
    the pod's service account. Raises ``ConfigError``: no file, no such context, a context that names a
    missing cluster or user; the nearest context and all of them are told.
    """
    named = settings.kubeconfig or environ.get("KUBECONFIG") or "~/.kube/config"
    paths = [expanded(part) for part in named.split(os.pathsep) if part]
    there = [path for path in paths if _is_there(path)]
    if not there:
        if not settings.kubeconfig and environ.get("KUBERNETES_SERVICE_HOST"):
            return _of_the_pod()
        raise ConfigError(
            Problem(
                os.pathsep.join(map(str, paths)),
                "no kubeconfig there",
                'set KUBECONFIG, or kubeconfig = "…" in [kubernetes] of the target file',
            )
        )
    merged = _merged(there)
    source = os.pathsep.join(map(str, there))
    contexts = tuple(merged["contexts"])
    context = settings.context or merged["current"] or (contexts[0] if len(contexts) == 1 else "")
    if not context:
        raise ConfigError(Problem(source, "it has no current context", f"name one: {_listed(contexts)}"))
    if context not in contexts:
        hint = f"{suggestion(context, contexts)}; contexts: {_listed(contexts)}"
        raise ConfigError(Problem(source, f"no such context: {context!r}", hint))
    entry = merged["contexts"][context]
    found: dict[str, Mapping[str, Any]] = {"user": {}}
    for kind in ("cluster", "user"):
        name = entry.get(kind)
        if name in merged[f"{kind}s"]:
            found[kind] = merged[f"{kind}s"][name]
        elif name or kind == "cluster":
            hint = suggestion(str(name), merged[f"{kind}s"])
            raise ConfigError(Problem(source, f"context {context!r} names no {kind} that is there: {name!r}", hint))
    if not found["cluster"].get("server"):
        raise ConfigError(Problem(source, f"cluster {entry['cluster']!r} of context {context!r} has no server"))
    namespace = entry.get("namespace") or "default"
    if not (isinstance(namespace, str) and is_label(namespace)):
        raise ConfigError(Problem(source, f"context {context!r} names what can be no namespace: {namespace!r}", WORDS))
    learn_from(found)
    return Access(
        context=context,
        contexts=contexts,
        namespace=namespace,
        cluster=found["cluster"],
        user=found["user"],
        source=source,
    )


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise ConfigError(unreadable(path, error)) from error


def _of_the_pod() -> Access:
    namespace = ACCOUNT / "namespace"
    return Access(
        context="in-cluster",
        contexts=(),
        namespace=_text(namespace) if namespace.is_file() else "default",
        cluster={},
        user={},
        source=str(ACCOUNT),
        in_cluster=True,
    )


def _merged(paths: list[Path]) -> dict[str, Any]:
    # The first file that sets something wins, as in kubectl (kubernetes.io/docs/concepts/configuration/
    # organize-cluster-access-kubeconfig/#merging-kubeconfig-files).
    found: dict[str, Any] = {"contexts": {}, "clusters": {}, "users": {}, "current": ""}
    for path in paths:
        content = _read(path)
        found["current"] = found["current"] or content.get("current-context") or ""
        for kind in ("context", "cluster", "user"):
            for name, value in _entries(content, kind, path):
                for key in _PATHS.get(kind, ()):
                    if value.get(key):
                        value[key] = os.path.normpath(path.parent.absolute() / value[key])
                if command := (value.get("exec") or {}).get("command", ""):
                    # a command with a slash is relative to its file, one without is looked up in PATH
                    value["exec"]["command"] = str(path.parent.absolute() / command) if "/" in command else command
                found[f"{kind}s"].setdefault(name, value)
    return found


def _read(path: Path) -> dict[str, Any]:
    found = [*islice(documents(str(path), content(path), "is no YAML"), 2)]
    if found[1:]:
        raise ConfigError(Problem(str(path), "holds several documents", "a kubeconfig is one"))
    kubeconfig = (found[0] if found else None) or {}
    if not isinstance(kubeconfig, dict):
        raise ConfigError(Problem(str(path), "is no kubeconfig", "it should hold clusters, contexts and users"))
    if not isinstance(kubeconfig.get("current-context") or "", str):
        raise ConfigError(Problem(str(path), "current-context must be text"))
    return kubeconfig


def _entries(kubeconfig: Mapping[str, Any], kind: str, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    entries = kubeconfig.get(f"{kind}s") or []
    shaped = isinstance(entries, list) and all(isinstance(one, dict) and _is_name(one.get("name")) for one in entries)
    if not shaped or not all(isinstance(one.get(kind) or {}, dict) for one in entries):
        raise ConfigError(Problem(str(path), f"{kind}s must be a list of {{name, {kind}}}"))
    for entry in entries:
        name = str(entry["name"])
        value = {key: inner for key, inner in (entry.get(kind) or {}).items() if inner is not None}
        if problems := [Problem(str(path), f"{kind} {name!r}: {fault}") for fault in _faults(value, _FIELDS[kind])]:
            raise ConfigError(*problems)
        yield name, value


def _is_name(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _faults(value: Any, wanted: Any, key: str = "") -> Iterator[str]:
    """What does not fit, without the value: it may be a secret."""
    if isinstance(wanted, Mapping) and isinstance(value, dict):
        for name, inner in value.items():
            if inner is not None and (kind := wanted.get(name, wanted.get("*", _ANY))) is not _ANY:
                yield from _faults(inner, kind, f"{key}.{name}" if key else str(name))
    elif isinstance(wanted, list) and isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _faults(inner, wanted[0], f"{key}[{number}]")
    elif isinstance(wanted, Mapping | list):
        yield f"{key} must be {'a table' if isinstance(wanted, Mapping) else 'a list'}"
    elif not isinstance(value, wanted):
        yield f"{key} must be {_WORDS[wanted]}"
    elif isinstance(value, str) and "\0" in value:
        yield f"{key} holds a NUL character"


def _listed(contexts: tuple[str, ...]) -> str:
    shown = ", ".join(sorted(contexts)[:LISTED])
    return (shown + (", …" if contexts[LISTED:] else "")) or "there is none"


@once
def load() -> None:
    """Import the package, and whatever of it is used for any request."""
    # Google's library is for the auth provider that kubectl 1.26 has dropped, and costs a third of the import
    with without("google.auth"):
        need("kubernetes.client", "kubernetes.client.rest", "kubernetes.config", "kubernetes.config.exec_provider")
        need("kubernetes.config.incluster_config", "kubernetes.config.kube_config", "urllib3", "urllib3.util")
        need("urllib3.exceptions")
        if find_spec("socks") is not None:
            also("urllib3.contrib.socks")  # without PySocks it warns as it is imported


def configured(access: Access) -> tuple[Configuration, datetime | None]:
    """The package's configuration, and when its credentials should be renewed; None: they renew themselves.

    A credential plugin is run here. Raises ``ConfigError`` where it fails, or a file is missing.
    """
    load()
    from kubernetes.client import Configuration
    from kubernetes.config import ConfigException
    from kubernetes.config.incluster_config import load_incluster_config
    from kubernetes.config.kube_config import load_kube_config_from_dict

    configuration = Configuration()
    configuration.keep_alive = True
    configuration.connection_pool_maxsize = 64
    try:
        if access.in_cluster:
            load_incluster_config(client_configuration=configuration)
            learn(*_sent(configuration))
            return configuration, None
        _address("server", access.cluster["server"], "http", "https")
        if proxy := access.cluster.get("proxy-url"):
            _address("proxy-url", proxy, "http", "https", "socks4", "socks4a", "socks5", "socks5h")
        user, ends = _authenticated(access)
        _for_headers(user, access.impersonation)
        document = {
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "clusters": [{"name": "it", "cluster": dict(access.cluster)}],
            "users": [{"name": "it", "user": user}],
        }
        load_kube_config_from_dict(document, client_configuration=configuration, persist_config=False)
        if not access.cluster.get("proxy-url") and _is_loopback(access.cluster["server"]):
            # kubectl (net/http) never sends such a request to the environment's proxy, the package does
            configuration.proxy = None
        _through_the_proxy(configuration)
        learn(*_sent(configuration))
    except (ConfigException, OSError, ValueError) as error:
        raise ConfigError(Problem(access.source, f"context {access.context!r} cannot be used: {error}")) from error
    return configuration, ends


def _address(key: str, value: str, *schemes: str) -> None:
    """Raise ``ValueError`` where it is none, without the value: it may hold a password."""
    from urllib3.exceptions import LocationParseError
    from urllib3.util import parse_url

    try:
        found = parse_url(value)
    except LocationParseError:
        found = None
    if found is None or not found.host or found.scheme not in schemes or not value.isprintable():
        raise ValueError(f"{key} is no address that begins with {' or '.join(f'{one}://' for one in schemes[:2])}")


def _sent(configuration: Configuration) -> list[str]:
    """The tokens that requests will carry."""
    return [str(value).removeprefix("Bearer ") for value in configuration.api_key.values()]


def _through_the_proxy(configuration: Configuration) -> None:
    """What the package leaves out: the user and password of a proxy's address, and a word about a missing library."""
    proxy = urlsplit(configuration.proxy or "")
    if proxy.scheme.startswith("socks") and find_spec("socks") is None:
        raise ValueError(f"its proxy speaks {proxy.scheme}, and the package PySocks is not installed")
    if proxy.username:
        from urllib3.util import make_headers

        user = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        configuration.proxy_headers = make_headers(proxy_basic_auth=user)


def _is_loopback(server: str) -> bool:
    host = urlsplit(server).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _authenticated(access: Access) -> tuple[dict[str, Any], datetime | None]:
    """The user with what its plugin or token file gives in their place, and when that must be renewed."""
    user = dict(access.user)
    if token_file := user.pop("tokenFile", ""):
        user["token"] = _text(Path(token_file))
        learn(user["token"])
        return user, datetime.now(UTC) + TOKEN_FILE_LIFE
    plugin = user.pop("exec", None)
    if not plugin or user.get("token"):
        return user, None
    status = _plugin(plugin, access)
    if status.get("token"):
        user["token"] = status["token"]
    for key, given in (("certificate", "clientCertificateData"), ("key", "clientKeyData")):
        if status.get(given):
            user[f"client-{key}-data"] = base64.b64encode(status[given].encode()).decode()
    ends = status.get("expirationTimestamp")
    return user, _moment(ends) - RENEWED_BEFORE if ends else None


def _moment(told: str) -> datetime:
    """A time with its zone. Raises ``ValueError``."""
    when = datetime.fromisoformat(told)
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _text(path: Path) -> str:
    """A short file's text. Raises ``ConfigError``, and ``ValueError`` where it is no UTF-8."""
    return content(path, LARGEST).decode().strip()


def _for_headers(user: Mapping[str, Any], headers: Iterable[tuple[str, str]]) -> None:
    """Raise ``ValueError`` where a value cannot stand in a header; HTTP libraries print it whole."""
    values = [(key, str(user.get(key) or "")) for key in ("token", "username", "password")]
    for key, value in [*values, *headers]:
        if not value.isprintable():
            raise ValueError(f"{key} holds a line break or another control character")
        if not key.isascii() or (key != "password" and not value.isascii()):
            raise ValueError(f"{key} holds a character that is none of ASCII")


def _plugin(plugin: Mapping[str, Any], access: Access) -> Mapping[str, Any]:
    from kubernetes.config import ConfigException
    from kubernetes.config.exec_provider import ExecProvider
    from kubernetes.config.kube_config import ConfigNode

    command = plugin.get("command", "")
    try:
        provider = ExecProvider(ConfigNode("exec", dict(plugin)), None, ConfigNode("cluster", dict(access.cluster)))
        status: Mapping[str, Any] = provider.run()
        learn_from(status)
    except FileNotFoundError as error:
        hint = plugin.get("installHint") or f"install {command!r}, or choose another user"
        raise ConfigException(f"its credential plugin {command!r} is not there ({' '.join(hint.split())})") from error
    except (ConfigException, OSError, TypeError, AttributeError) as error:
        raise ConfigException(f"its credential plugin {command!r} failed: {error}") from error
    if not isinstance(status, Mapping) or (faults := [*_faults(dict(status), _FIELDS["status"])]):
        what = faults[0] if isinstance(status, Mapping) else "it must be a table"
        raise ConfigException(f"its credential plugin {command!r} gave an odd status: {what}")
    if not status.get("token") and not (status.get("clientCertificateData") and status.get("clientKeyData")):
        raise ConfigException(f"its credential plugin {command!r} gave neither token nor certificate")
    return status
