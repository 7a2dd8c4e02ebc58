"""Where the platform lives: one strict TOML file, in which everything secret is a reference.

Loading checks the file against the registry and resolves nothing; ``resolved`` reads the variables, files
and Secrets that one component's table refers to, and reaches its Services, by a :class:`Cluster` it is handed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from gonogo.catalog.clashes import ways_out
from gonogo.catalog.credentials import (
    LARGEST_SECRET,
    ClientCredentials,
    CredentialFile,
    CredentialProgram,
    ends,
    found,
)
from gonogo.catalog.registry import PLACE, PLACES, Component, Registry
from gonogo.core.codec import convert
from gonogo.core.content import DEPLOY, TARGETS, Content, alone
from gonogo.core.endpoints import Endpoints, Secret, Timeouts
from gonogo.core.errors import ClientError, ConfigError, Problem
from gonogo.core.files import SECRET_KEY, content, converted, expanded, salvaged_toml, suggestion
from gonogo.core.manner import manner
from gonogo.core.names import KEY, LABEL, PORT, SUBDOMAIN, WORDS, is_label
from gonogo.core.ours import unnameable
from gonogo.core.outcomes import Mode, Struct
from gonogo.core.outlet import detail, redacted

PROVIDER_CAPABILITIES: Mapping[str, frozenset[str]] = {
    "embedded": frozenset({"host", "disturb"}),
    "existing": frozenset(),
    "helm": frozenset({"disturb"}),
}
"""What only a provider can give, so that no other target may declare it."""

CLUSTER_CAPABILITIES = frozenset({"kubernetes", "exec"})

PATH_KEYS = frozenset({"ca", "cert", "key", "security.ssl_cafile", "security.ssl_certfile", "security.ssl_keyfile"})
"""Endpoint keys (docs/targets.md) whose value is a file; relative ones stand beside the target file."""

PUBLIC_KEYS = frozenset({"ca", "cert"})
"""Those of them that hold no secret."""

LONGEST = 86_400.0
"""Seconds of a limit; no system waits for ``inf``."""

OAUTH = {"url": True, "client_id": True, "client_secret": True, "scope": False, "audience": False, "ca": False}
"""Keys of ``[components.<c>.oauth]``, which stands for the key ``token``, and whether they are required."""

SERVICE = re.compile(rf"(?P<namespace>{LABEL})/(?P<name>{LABEL}):(?P<port>{PORT})")
"""``namespace/name:port`` of a Service."""

SECRET = re.compile(rf"(?P<namespace>{LABEL})/(?P<name>{SUBDOMAIN})#(?P<key>{KEY})")
"""``namespace/name#key`` of a Secret."""

PULL_SECRET = re.compile(rf"(?:(?P<namespace>{LABEL})/)?(?P<name>{SUBDOMAIN})")
"""``namespace/name`` of a Secret that is copied, or ``name`` of one that is there."""


WORD = re.compile(r"[a-z]+(?:[-_.][a-z]+)*\d{0,2}")
"""A name like others, ``mlflow`` or ``svc-reader``: to hide it wherever it stands would shred every report."""


class Kubernetes(Struct, frozen=True, kw_only=True):
    """How to reach the cluster; docs/targets.md."""

    kubeconfig: str = ""
    context: str = ""
    identity: str = ""
    namespaces: tuple[str, ...] = ()
    transport: Literal["auto", "forward", "service", "ingress"] = "auto"


class Reached(NamedTuple):
    """A Service as it is reached from here; ``transport`` is port-forward, service or ingress."""

    host: str
    port: int
    transport: str
    scheme: str = "http"


class Cluster(Protocol):
    """What a target's references need of a cluster. All of it raises ``ClientError``."""

    def reached(self, service: str, *, web: bool) -> Reached:
        """The way to a Service, ``namespace/name:port``; ``web``: it speaks HTTP, so an ingress may lead to it."""

    def inside(self, service: str) -> Reached:
        """The Service as programs of the platform know it."""

    def proxy(self) -> str:
        """A SOCKS5 server of ours behind which the cluster's names are known."""

    def secret(self, namespace: str, name: str, key: str) -> str:
        """One value of a Secret."""


class BackupPlaces(Struct, frozen=True, kw_only=True):
    """Where the last backup shows; every place that is named has to show one that is young enough.

    ``velero`` is ``namespace/name`` of a Schedule or a Backup, ``snapshot`` ``namespace/selector`` of VolumeSnapshots,
    ``cnpg`` ``namespace/name`` of a cluster of CloudNativePG, ``search`` a snapshot repository of the search engine;
    ``export`` is a file that ``argocd admin export`` wrote, ``command`` prints in its last line when the newest one
    ended.
    """

    velero: str = ""
    snapshot: str = ""
    cnpg: str = ""
    search: str = ""
    export: str = ""
    file: str = ""
    command: tuple[str, ...] = ()
    max_age_hours: float = 24


class Git(Struct, frozen=True, kw_only=True):
    """The repository that should be pushed before a deployment."""

    path: str = "."
    remote: str = "origin"
    branch: str = "main"


class ArgoCD(Struct, frozen=True, kw_only=True):
    """The applications that should be in sync."""

    namespace: str = "argocd"
    applications: tuple[str, ...] = ()


class Checklist(Struct, frozen=True, kw_only=True):
    """What the pre-deployment checklist asks for; ``health`` is a percentage."""

    health: int | None = None
    services: tuple[str, ...] = ()
    backup: BackupPlaces | None = None
    git: Git | None = None
    argocd: ArgoCD | None = None


class Deploy(Struct, frozen=True, kw_only=True):
    """``[deploy]``: what a cluster wants of whatever is deployed there; ``namespaces`` is by component.

    ``pull_secret`` is as :data:`PULL_SECRET` has it.
    """

    registry: str = ""
    pull_secret: str = ""
    storage_class: str = ""
    node_selector: dict[str, str] = msgspec.field(default_factory=dict)
    tolerations: tuple[dict[str, Any], ...] = ()
    pod_security: Literal["", "privileged", "baseline", "restricted"] = ""
    proxy: str = ""
    ca: str = ""
    namespaces: dict[str, str] = msgspec.field(default_factory=dict)


class OtherChart(Struct, frozen=True, kw_only=True):
    """``[components.<c>.helm]``: what takes the place of the component's own ``helm.toml``, or of its main chart.

    Paths are relative to the target file: ``folder`` holds another ``helm.toml``, ``values`` goes on top of all others.
    """

    folder: str = ""
    chart: str = ""
    repository: str = ""
    version: str = ""
    digest: str = ""
    values: str = ""


OBJECTS = 50
"""The most objects that a run makes of one component: what every check of it makes together is less than ten."""
BYTES = 64 << 20
"""The most bytes that a run sends to one component: an object in two parts is five MiB, all else is kilobytes."""


class _TargetTable(Struct, frozen=True, kw_only=True):
    name: str
    provider: Literal["embedded", "helm", "existing"]
    modes: tuple[Mode, ...] = (Mode.READ,)
    capabilities: tuple[str, ...] = ()
    profile: str = "default"
    unsupported: dict[str, str] = msgspec.field(default_factory=dict)
    production: bool = False
    override: bool = False


class _LimitsTable(Struct, frozen=True, kw_only=True):
    connect: float = Timeouts.connect
    check: float = Timeouts.check
    ready: float = Timeouts.ready
    objects: int = OBJECTS
    bytes: int = BYTES


class _TargetFile(Struct, frozen=True, kw_only=True):
    target: _TargetTable
    kubernetes: Kubernetes | None = None
    checklist: Checklist | None = None
    deploy: Deploy | None = None
    limits: _LimitsTable = _LimitsTable()
    embedded: _EmbeddedTable | None = None
    components: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)


class _EmbeddedTable(Struct, frozen=True, kw_only=True):
    tls: Literal["server", "mutual"] | None = None


class _Reference(Struct, frozen=True, kw_only=True):
    env: str = ""
    file: str = ""
    secret: str = ""
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """One target file. ``components`` are its tables as written: references are not resolved.

    ``tls``: whether servers that gonogo starts speak it, and want a certificate of whoever connects ("mutual").
    ``charted`` are the tables that would attach to what it deploys by charts, where they are known (``described``).
    ``values`` is the profile whose values charts get, where another one's criteria are asked; empty: ``profile``.
    ``kinds`` are the rules of custom resources that components bring.
    ``objects`` and ``bytes`` are the most that a run makes of a component and sends to it.
    ``production``: nothing is disturbed here, and nothing is written but what a component's ``write`` names.
    """

    name: str
    provider: str
    modes: tuple[Mode, ...]
    capabilities: frozenset[str]
    profile: str
    unsupported: Mapping[str, str]
    timeouts: Timeouts
    kubernetes: Kubernetes | None
    checklist: Checklist | None
    components: Mapping[str, Mapping[str, Any]]
    path: Path
    tls: Literal["server", "mutual"] | None = None
    deploy: Deploy = field(default_factory=Deploy)
    charted: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    values: str = ""
    kinds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    production: bool = False
    objects: int = OBJECTS
    bytes: int = BYTES

    def gives(self, capability: str) -> bool:
        """Whether it is declared, or follows: who has the host runs commands where the server runs."""
        return capability in self.capabilities or (capability == "exec" and "host" in self.capabilities)

    def allows(self, mode: Mode) -> bool:
        """Whether a run in this mode may ever be done here."""
        return any(allowed.allows(mode) for allowed in self.modes)

    def writable(self, component: str) -> Mapping[str, tuple[str, ...]] | None:
        """What may be made of a component: kinds of objects, and what their names look like; None: all that is ours."""
        named = self.components.get(component, {}).get("write")
        if named is None:
            return {} if self.production else None
        return {kind: (forms,) if isinstance(forms, str) else tuple(forms) for kind, forms in named.items()}

    def encrypted(self, component: Component) -> bool | None:
        """Whether the component is asked with TLS, as far as this file tells; None where it does not."""
        if self.provider == "embedded":
            return self.tls is not None
        return component.encrypted(self.table(component))

    def table(self, component: Component) -> Mapping[str, Any]:
        """What this file says of the component, on top of what its charts do."""
        return {**self.charted.get(component.name, {}), **self.components.get(component.name, {})}

    def addressed(self, component: Component) -> bool:
        """Whether this file says where the component is."""
        keys = {*component.endpoints.required, "service"}
        return bool(keys & self.components.get(component.name, {}).keys())

    def names(self, component: Component) -> bool:
        """Whether it can be asked through the cluster here: it has no keys of its own, or this file says them."""
        return component.cluster and (not component.endpoints.required or self.addressed(component))

    def charts(self, component: Component) -> OtherChart:
        """What this file has in place of the component's own charts."""
        return convert(self.components.get(component.name, {}).get("helm", {}), OtherChart)

    def expected(self, component: Component) -> dict[str, Any]:
        """What checks compare the component with: its ``[expect]``, as far as this file says nothing else."""
        charted = self.charted.get(component.name, {}).get("expect", {})
        return {**component.expect, **charted, **self.components.get(component.name, {}).get("expect", {})}

    def product(self, component: Component) -> str:
        """Which product the component is here, empty for the one that it is called by."""
        named = str(self.components.get(component.name, {}).get("product", ""))
        return named if named in component.products else ""

    def variant(self, component: Component) -> Component:
        """The component as the product that it is here is deployed."""
        return component.as_product(self.product(component))

    def completed(self, component: Component, endpoints: Endpoints) -> Endpoints:
        """The endpoints, wherever they were found, with what a client is to expect there and its timeouts."""
        starttls = component.tls.starttls if component.tls else ""
        expect, product = self.expected(component), self.product(component)
        return replace(endpoints, expect=expect, timeouts=self.timeouts, product=product, starttls=starttls)

    def resolved(self, component: Component, cluster: Cluster | None = None) -> Endpoints:
        """Where the component is, its references read.

        Without a ``cluster``, what only one can tell is left out. Raises ``ConfigError`` with every variable or
        file that is missing; then ``ClientError`` where the cluster cannot tell.
        """
        problems: list[Problem] = []
        try:
            endpoints = self._endpoints(component, problems, cluster)
        except ClientError:
            # A mistake in the file is told first, whatever the cluster says.
            self._endpoints(component, problems, None)
            if not problems:
                raise
        if problems:
            raise ConfigError(*problems)
        return endpoints

    def _endpoints(self, component: Component, problems: list[Problem], cluster: Cluster | None) -> Endpoints:
        table = self.components.get(component.name, {})
        services = Services(component, table)
        addresses: dict[str, Any] = {}
        hidden: dict[str, Secret] = {}
        paths = PATH_KEYS - {*component.endpoints.secret}
        for key, value in table.items():
            where = f"components.{component.name}.{key}"
            if key in ("expect", "identity", "product", "service", "helm", "write") or key in services.forms:
                continue
            if is_reference(value):
                hidden[key] = self._secret(component, key, value, problems, cluster)
            elif isinstance(value, dict):
                addresses[key] = {
                    k: self._file(v, f"{where}.{k}", problems) if f"{key}.{k}" in PATH_KEYS else v
                    for k, v in value.items()
                    if not is_reference(v)
                }
                for inner in value.keys() - addresses[key].keys():
                    hidden[f"{key}.{inner}"] = self._secret(
                        component, f"{key}.{inner}", value[inner], problems, cluster
                    )
            else:
                addresses[key] = self._file(value, where, problems) if key in paths else value
        if table.get("auth") and isinstance(issuer := addresses.pop("oauth", None), dict):
            if "ca" in issuer:
                issuer["ca"] = self._file(issuer["ca"], f"components.{component.name}.oauth.ca", problems)
            hidden["token"] = Secret(ClientCredentials(component.name, issuer, hidden.pop("oauth.client_secret")))
        transport, internal = "direct", dict[str, str]()
        if cluster is not None and services.forms:
            found, internal, transport = services.reached(cluster)
            addresses |= found
        for key in hidden.keys() & paths & PUBLIC_KEYS:
            addresses[key] = hidden.pop(key).reveal()  # a certificate, which everybody may read
        return Endpoints(
            component=component.name,
            addresses=addresses,
            secrets=hidden,
            transport=transport,
            internal=internal,
        )

    def _secret(
        self,
        component: Component,
        key: str,
        reference: Mapping[str, Any],
        problems: list[Problem],
        cluster: Cluster | None,
    ) -> Secret:
        where, folder = f"components.{component.name}.{key}", self.path.absolute().parent
        if argv := reference.get("command"):
            if not found(argv, folder):
                problems.append(Problem(str(self.path), f"{where} = {{ command = … }}: no such program: {argv[0]!r}"))
            return Secret(CredentialProgram(component.name, argv, folder))
        # Whoever refers to a value keeps it elsewhere on purpose, a host name or a user's too.
        read = self._read(reference, where, problems, cluster)
        if "file" in reference and ends(read) is not None:  # whoever wrote it will write another one
            return Secret(CredentialFile(self._beside(reference["file"])))
        word = key not in component.endpoints.secret and "." not in key and WORD.fullmatch(read) is not None
        return Secret(read, word=word)

    def _read(self, reference: Mapping[str, str], where: str, problems: list[Problem], cluster: Cluster | None) -> str:
        """The value that a reference stands for; never part of a problem's text."""
        kind, name = next(iter(reference.items()))
        shown = f"{where} = {{ {kind} = {name!r} }}"
        if kind == "secret":
            found = SECRET.fullmatch(name)
            if found is not None and cluster is not None:
                return cluster.secret(found["namespace"], found["name"], found["key"])
        elif kind == "env":
            if value := os.environ.get(name, ""):
                return value
            state = "is empty" if name in os.environ else "is not set"
            problems.append(Problem(str(self.path), f"{shown}: the environment variable {state}", f"export {name}=…"))
        else:
            try:
                return content(self._beside(name), LARGEST_SECRET).decode().rstrip("\r\n")
            except ConfigError as error:
                problems += (Problem(str(self.path), f"{shown}: {one.where}: {one.what}") for one in error.problems)
            except UnicodeDecodeError:
                problems.append(Problem(str(self.path), f"{shown}: the file is not UTF-8"))
        return ""

    def _file(self, name: str, where: str, problems: list[Problem]) -> str:
        try:
            path = self._beside(name)
        except ConfigError as error:
            problems += (Problem(str(self.path), f"{where} = {name!r}: {one.what}") for one in error.problems)
            return ""
        if not path.is_file():
            problems.append(Problem(str(self.path), f"{where} = {name!r}: no such file", str(path)))
        return str(path)

    def _beside(self, name: str) -> Path:
        return self.path.absolute().parent / expanded(name)


class Services:
    """The addresses of one component that Services stand for: ``forms`` and ``references`` by endpoint key."""

    def __init__(self, component: Component, table: Mapping[str, Any]) -> None:
        given, default = table.get("service", {}), component.endpoints.service
        self.references: dict[str, str] = given if isinstance(given, dict) else dict.fromkeys(default, given)
        self.forms: dict[str, str] = {
            key: table.get(key, default[key])
            for key in self.references
            # An address that is given and names no place of a Service stays as it is.
            if key in default and (key not in table or _has_place(table[key]))
        }

    def reached(self, cluster: Cluster) -> tuple[dict[str, str], dict[str, str], str]:
        """The addresses from here, the internal ones, and the transport. Raises ``ClientError``."""
        here: dict[str, str] = {}
        internal: dict[str, str] = {}
        transports: dict[str, None] = {}
        web = {self.references[key] for key, form in self.forms.items() if "{scheme}" in form}
        for key, form in self.forms.items():
            reference = self.references[key]
            near = cluster.reached(reference, web=reference in web)
            there = cluster.inside(reference)
            proxy = cluster.proxy() if "{proxy}" in form and near.transport == "port-forward" else ""
            here[key] = _placed(form, near, there, proxy)
            internal[key] = _placed(form, there, there, "")
            transports[near.transport] = None
        return _given(here), _given(internal), ", ".join(transports)


def _placed(form: str, near: Reached, there: Reached, proxy: str) -> str:
    behind = near if near.transport == "ingress" else there
    values = {
        "scheme": near.scheme,
        "host": near.host,
        "port": str(near.port),
        "service": f"{there.host}:{there.port}",
        "authority": behind.host if behind.port in (80, 443) else f"{behind.host}:{behind.port}",
        "proxy": proxy,
    }
    return PLACE.sub(lambda found: values[found[1]], form)


def _given(addresses: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in addresses.items() if value}


def _has_place(value: object) -> bool:
    return isinstance(value, str) and PLACE.search(value) is not None


def is_reference(value: object) -> bool:
    """Whether a value stands for one that is kept elsewhere."""
    return isinstance(value, dict) and len(value) == 1 and value.keys() <= set(_Reference.__struct_fields__)


TARGET_FILES = f"{DEPLOY}/{TARGETS}"


def load_target(name_or_path: str | None, place: Content | Path, registry: Registry) -> Target:
    """The target of that name in ``deploy/targets/``, or the file (what holds ``/`` or ends in ``.toml``).

    ``place`` is the content, or a folder alone. Without a name: what ``GONOGO_TARGET`` says, else ``embedded``.
    Raises ``ConfigError`` with all problems of the file.
    """
    name = name_or_path or os.environ.get("GONOGO_TARGET") or "embedded"
    known = alone(place)
    is_path = "/" in name or name.endswith(".toml")
    path = expanded(name) if is_path else known.file(f"{TARGET_FILES}/{name}.toml")
    if not is_path and not path.is_file():
        hint = suggestion(name, (p.stem for p in known.files(f"{TARGET_FILES}/*.toml")))
        raise ConfigError(Problem(name, f"no such target in {known.own / TARGET_FILES}", hint))
    problems: list[Problem] = []
    table = salvaged_toml(path, _TargetFile, problems)
    others = [] if is_path else [*known.all(f"{TARGET_FILES}/{name}.toml")][1:]
    if others and table is not None and not table.target.override:
        problems.append(Problem(str(path), f"is built in too: {others[0]}", ways_out("[target]")))
    if table is not None:
        table = _with_checklist(table, registry)
        problems += [Problem(str(path), what, hint) for what, hint in _problems(table, registry)]
    if table is None or problems:
        raise ConfigError(*problems)
    detail(f"target {table.target.name}, provider {table.target.provider}: {path}")
    return Target(
        name=table.target.name,
        provider=table.target.provider,
        modes=table.target.modes,
        capabilities=frozenset(table.target.capabilities),
        profile=table.target.profile,
        unsupported={**_by_product(table, registry), **table.target.unsupported},
        timeouts=Timeouts(table.limits.connect, table.limits.check, table.limits.ready),
        objects=table.limits.objects,
        bytes=table.limits.bytes,
        kubernetes=asked(table.kubernetes, provider=table.target.provider),
        checklist=table.checklist,
        components=table.components,
        path=path,
        tls=table.embedded.tls if table.embedded else None,
        deploy=table.deploy or Deploy(),
        kinds=registry.kinds,
        production=table.target.production,
    )


def _with_checklist(file: _TargetFile, registry: Registry) -> _TargetFile:
    """The file, where the applications that its checklist names are expected of Argo CD in a run too."""
    asked_of = file.checklist.argocd if file.checklist and file.kubernetes else None
    given = file.components.get("argocd", {})
    expect = given.get("expect", {})
    named = expect.get("applications", []) if isinstance(expect, dict) else None
    if asked_of is None or "argocd" not in registry.components or not isinstance(named, list):
        return file
    every = [*dict.fromkeys([*map(str, named), *asked_of.applications])]
    merged = {"namespace": asked_of.namespace, **given, "expect": {**expect, "applications": every}}
    return msgspec.structs.replace(file, components={**file.components, "argocd": merged})


def _by_product(table: _TargetFile, registry: Registry) -> dict[str, str]:
    """What the products that the file names lack: criterion = reason."""
    chosen = ((registry.components[name], given.get("product")) for name, given in table.components.items())
    return {
        criterion: reason
        for component, product in chosen
        if product in component.products
        for criterion, reason in component.products[product].unsupported.items()
    }


def faults(document: Mapping[str, Any], registry: Registry) -> list[str]:
    """What is wrong with the content of a target file, as :func:`load_target` would tell it; empty where it loads."""
    try:
        table = _with_checklist(converted(document, _TargetFile, "", ""), registry)
    except ConfigError as error:
        return [problem.what for problem in error.problems]
    return [what for what, _ in _problems(table, registry)]


def asked(kubernetes: Kubernetes | None, provider: str = "existing") -> Kubernetes | None:
    """The cluster of a target file, or the one that the command line names in its place: ``--context``.

    What the file pins, the cluster's ``identity`` among it, stays. A platform whose servers are local processes has
    none in either case.
    """
    said = {key: value for key in ("context", "kubeconfig") if (value := getattr(manner(), key))}
    if not said or (kubernetes is None and provider == "embedded"):
        return kubernetes
    return msgspec.structs.replace(kubernetes or Kubernetes(), **said)


Fault = tuple[str, str]
"""What is wrong, and a hint."""


def _problems(file: _TargetFile, registry: Registry) -> Iterator[Fault]:
    yield from _target_problems(file, registry)
    for key in ("objects", "bytes"):
        if getattr(file.limits, key) < 1:
            yield f"limits.{key} must be at least 1", "what only reads needs no number: leave 'write' out of modes"
    for key in Timeouts.__dataclass_fields__:
        seconds = getattr(file.limits, key)
        if not seconds > 0:
            yield f"limits.{key} must be more than 0 seconds", ""
        elif seconds > LONGEST:
            yield f"limits.{key} must be at most {LONGEST:.0f} seconds, a day", ""
    health = file.checklist.health if file.checklist else None
    if health is not None and not 0 < health <= 100:
        yield f"checklist.health must be from 1 to 100 percent, is {health}", ""
    if file.checklist is not None:
        yield from _checklist_problems(file.checklist)
    for key, namespace in _namespaces(file):
        if not is_label(namespace):
            yield f"{key}: {namespace!r} can be no namespace", WORDS
    for name in file.checklist.services if file.checklist else ():
        if name not in file.components:
            yield f"checklist.services: {name!r} is no component of this file", suggestion(name, file.components)
    for name, table in file.components.items():
        if name not in registry.components:
            yield f"unknown component {f'components.{name}'!r}", suggestion(name, registry.components)
        else:
            yield from _component_problems(file, registry.components[name], table)


def _checklist_problems(asked: Checklist) -> Iterator[Fault]:
    backup, git, argocd = asked.backup, asked.git, asked.argocd
    if backup is not None:
        places = {key: getattr(backup, key) for key in BackupPlaces.__struct_fields__ if key != "max_age_hours"}
        if not any(places.values()):
            yield "checklist.backup names no place", f"one of {', '.join(places)}"
        if not 0 < backup.max_age_hours <= LONGEST:
            yield f"checklist.backup.max_age_hours must be more than 0, is {backup.max_age_hours}", ""
        for key in ("velero", "snapshot", "cnpg"):
            if (value := places[key]) and not re.fullmatch(rf"{LABEL}/\S.*", value):
                yield f'checklist.backup.{key} must be "namespace/…", is {value!r}', WORDS
        if backup.command and not backup.command[0].strip():
            yield "checklist.backup.command names no program", ""
    for key in ("remote", "branch") if git is not None else ():
        value = getattr(git, key)
        if not re.fullmatch(r"[A-Za-z0-9_][\w./-]*", value):
            yield f"checklist.git.{key}: {value!r} can be no {key}'s name", ""
    for name in argocd.applications if argocd is not None else ():
        if not re.fullmatch(rf"(?:{LABEL}/)?{SUBDOMAIN}", name):
            yield f"checklist.argocd.applications: {name!r} can be no application's name", WORDS
    for name in asked.services:
        if asked.services.count(name) > 1:
            yield f"checklist.services names {name!r} twice", ""
            return


def _namespaces(file: _TargetFile) -> Iterator[tuple[str, str]]:
    """Every namespace that the file names by itself, with its key."""
    if file.kubernetes is not None:
        yield from (("kubernetes.namespaces", name) for name in file.kubernetes.namespaces)
    if file.checklist is not None and file.checklist.argocd is not None:
        yield "checklist.argocd.namespace", file.checklist.argocd.namespace
    for name, table in file.components.items():
        if isinstance(given := table.get("namespace"), str):
            yield f"components.{name}.namespace", given


def _target_problems(file: _TargetFile, registry: Registry) -> Iterator[Fault]:
    target = file.target
    if why := unnameable(target.name):
        yield f"target.name: {target.name!r:.120} {why}", "it becomes part of the names of files"
    everything = PROVIDER_CAPABILITIES[target.provider] | CLUSTER_CAPABILITIES
    everything = everything.union(*(c.capabilities for c in registry.components.values()))
    for capability in target.capabilities:
        if capability not in known_capabilities(registry):
            yield f"target.capabilities: unknown capability {capability!r}", suggestion(capability, everything)
        elif capability not in everything:
            yield f"target.capabilities: provider {target.provider!r} cannot give {capability!r}", ""
    if target.production and Mode.DISRUPT in target.modes:
        yield "target.modes: nothing is disrupted in production", "leave 'disrupt' out, or production"
    if target.profile not in registry.profiles:
        yield f"target.profile: unknown profile {target.profile!r}", suggestion(target.profile, registry.profiles)
    known = {*registry.components, *registry.criteria}
    for name, reason in target.unsupported.items():
        if name not in known:
            yield f"target.unsupported: {name!r} is no component and no criterion", suggestion(name, known)
        if not reason.strip():
            yield f"target.unsupported.{name} needs a reason", ""
    if target.provider == "embedded" and file.kubernetes is not None:
        yield "[kubernetes] has no place in a target of provider 'embedded'", ""
    if target.provider != "embedded" and file.embedded is not None:
        hint = "the certificate of servers that are there is told by the keys of their components, `ca` among them"
        yield f"[embedded] has no place in a target of provider {target.provider!r}", hint
    if target.provider == "helm" and file.kubernetes is None:
        yield "a target of provider 'helm' needs a table [kubernetes]", "its context or identity says which cluster"
    if target.provider != "helm" and file.deploy is not None:
        yield f"[deploy] has no place in a target of provider {target.provider!r}", ""
    pull = file.deploy.pull_secret if file.deploy else ""
    if pull and not PULL_SECRET.fullmatch(pull):
        yield f"{pull!r} can be no Secret's name (deploy.pull_secret)", "NAME, or NAMESPACE/NAME of one that is copied"
    for name, space in file.deploy.namespaces.items() if file.deploy else ():
        if name not in registry.components:
            yield f"deploy.namespaces: unknown component {name!r}", suggestion(name, registry.components)
        if not is_label(space):
            yield f"deploy.namespaces.{name}: {space!r} can be no namespace", WORDS


def _component_problems(file: _TargetFile, component: Component, table: Mapping[str, Any]) -> Iterator[Fault]:
    keys, prefix = component.endpoints, f"components.{component.name}"
    extra: set[str] = {"service"} if file.kubernetes is not None else set()
    named = {"expect", "write", *(["product"] if component.products else [])}
    addressed = {*keys.all, "identity", *named, *extra}
    if file.target.provider == "helm":
        addressed.add("helm")
    known = named if file.target.provider == "embedded" else addressed
    for key, value in table.items():
        if key in addressed - known:
            yield f"{prefix}.{key}: provider 'embedded' chooses this itself", "only [….expect] and write may be given"
        elif key not in known:
            hint = "it needs a table [kubernetes]" if key == "service" else suggestion(key, known)
            yield f"unknown key {f'{prefix}.{key}'!r}", hint
        elif key == "expect":
            yield from _expect_problems(component, value, prefix)
        elif key == "write":
            yield from _write_problems(value, f"{prefix}.write")
        elif key == "helm":
            yield from _chart_problems(component.as_product(str(table.get("product", ""))), value, prefix)
        elif key == "service":
            yield from _service_problems(component, value, prefix)
        elif key == "product":
            products = (component.name, *component.products)
            if value not in products:
                yield (
                    f"{prefix}.product must be one of {', '.join(products)}, is {value!r}",
                    suggestion(str(value), products),
                )
        else:
            yield from _value_problems(file, component, key, value, prefix)
    given = table.get("service", {}) if extra else {}
    behind = set(given) if isinstance(given, dict) else set(keys.service or keys.all)
    login = keys.auth.get(str(table.get("auth")))
    if file.target.provider == "existing":
        yield from _login_problems(component, table, prefix)
        needed = [*keys.required, *login.required] if login else keys.required
        for key in needed:
            if key not in table and key not in behind and not (login and key in login.instead_of):
                by_oauth = login is not None and key == "token" and "oauth" in keys.all
                if not by_oauth or "oauth" not in table:
                    hint = f"or a table [{prefix}.oauth]" if by_oauth else ""
                    yield f"missing key {f'{prefix}.{key}'!r}", hint
    for key, value in table.items():
        places = PLACE.findall(value) if isinstance(value, str) and key in keys.service else ()
        for place in places:
            if place not in PLACES:
                yield f"{prefix}.{key}: unknown {{{place}}}", suggestion(place, PLACES)
            elif key not in behind:
                yield f"{prefix}.{key} names {{{place}}} of a Service, and no Service is given", 'add service = "…"'


def _write_problems(table: Any, where: str) -> Iterator[Fault]:
    """What is wrong with what may be written: kinds, each with what names look like, which is more than anything."""
    hint = 'like { topic = "pv-*" }; every name holds its run: pv-…'
    if not isinstance(table, dict):
        yield f"{where} must be a table of kinds, is {table!r:.80}", hint
        return
    for kind, forms in table.items():
        for form in [forms] if isinstance(forms, str) else forms if isinstance(forms, list) and forms else [None]:
            if not isinstance(form, str) or not re.match(r"\w", form):
                yield f"{where}.{kind}: {form!r:.80} does not say how names begin", hint


def _login_problems(component: Component, table: Mapping[str, Any], prefix: str) -> Iterator[Fault]:
    """What is wrong with how to log in: an unknown way, keys of another one, half a client of an issuer."""
    ways, auth = component.endpoints.auth, table.get("auth")
    if not ways:
        return
    if auth is not None and auth not in ways:
        hint = suggestion(str(auth), ways) or f"one of {', '.join(ways)}; without it, the plain way"
        yield f"{prefix}.auth: unknown way to log in {auth!r:.60}", hint
        return
    login = ways.get(str(auth))
    for key in login.instead_of if login else ():
        if key in table:
            yield f"{prefix}.{key} has no place with auth = {auth!r}", ""
    for key, name in {"oauth": "oauth", **{key: name for name, way in ways.items() for key in way.required}}.items():
        if key in table and auth != name:
            yield f'{prefix}.{key} has a place only with auth = "{name}"', ""
    if "oauth" in table and auth == "oauth":
        given = table["oauth"] if isinstance(table["oauth"], dict) else {}
        if "token" in table:
            yield f"{prefix} has both token and oauth, which is where one comes from", "leave one out"
        for key in given.keys() - OAUTH.keys():
            yield f"unknown key {f'{prefix}.oauth.{key}'!r}", suggestion(key, OAUTH)
        for key, required in OAUTH.items():
            if required and key not in given:
                yield f"missing key {f'{prefix}.oauth.{key}'!r}", ""
            elif key in given and key != "client_secret" and not isinstance(given[key], str):
                yield f"{prefix}.oauth.{key} must be text", ""


def _chart_problems(component: Component, value: object, prefix: str) -> Iterator[Fault]:
    try:
        table = converted(value, OtherChart, "", f"{prefix}.helm")
    except ConfigError as error:
        yield from ((p.what, p.hint) for p in error.problems)
        return
    if "helm" not in component.providers and not table.folder:
        yield f"{prefix}.helm: {component.title} has no helm.toml", "name a folder with one"


def _service_problems(component: Component, value: object, prefix: str) -> Iterator[Fault]:
    forms = component.endpoints.service
    if not forms:
        yield f"{prefix}.service: {component.title} has no address that a Service can stand for", ""
        return
    for key, reference in value.items() if isinstance(value, dict) else ((None, value),):
        where = f"{prefix}.service.{key}" if key else f"{prefix}.service"
        if key is not None and key not in forms:
            yield f"{where} is no address that a Service can stand for", suggestion(key, forms)
        elif not isinstance(reference, str) or not SERVICE.fullmatch(reference):
            yield f'{where} must be "namespace/name:port", is {reference!r}', WORDS


def _value_problems(file: _TargetFile, component: Component, key: str, value: object, prefix: str) -> Iterator[Fault]:
    secret = component.endpoints.secret
    inner = value.items() if isinstance(value, dict) and not _meant_as_reference(value) else ()
    for where, one, hidden in (
        (key, value, key in secret),
        *((f"{key}.{k}", v, f"{key}.{k}" in secret or SECRET_KEY.search(k) is not None) for k, v in inner),
    ):
        if hidden and not isinstance(one, dict):
            yield f"{prefix}.{where} must be a reference: {{ env = … }} or {{ file = … }}", "secrets have no place here"
        elif isinstance(one, str) and "://" in one and redacted(one) != one:
            yield f"{prefix}.{where} holds a password; a secret must be a reference", "use the keys for credentials"
        elif isinstance(one, dict) and (hidden or _meant_as_reference(one)):
            yield from _reference_problems(file, one, f"{prefix}.{where}")


def _meant_as_reference(value: Mapping[str, object]) -> bool:
    return bool(value.keys() & set(_Reference.__struct_fields__))


def _reference_problems(file: _TargetFile, value: Mapping[str, object], where: str) -> Iterator[Fault]:
    try:
        converted(value, _Reference, "", where)
    except ConfigError as error:
        yield from ((p.what, p.hint) for p in error.problems)
        return
    if not is_reference(value) or not all(value.values()):
        yield f"{where} must be one of {{ env = … }}, {{ file = … }}, {{ secret = … }}, {{ command = [ … ] }}", ""
    elif secret := value.get("secret"):
        if file.kubernetes is None:
            yield f"{where} = {{ secret = … }} needs a table [kubernetes]", "or use { env = … }, { file = … }"
        elif not SECRET.fullmatch(str(secret)):
            yield f'{where} = {{ secret = … }} must be "namespace/name#key"', WORDS  # it may be the secret itself


def _expect_problems(component: Component, value: object, prefix: str) -> Iterator[Fault]:
    if not isinstance(value, dict):
        yield f"{prefix}.expect must be a table", ""
        return
    for key, given in value.items():
        if key not in component.expect:
            yield f"unknown key {f'{prefix}.expect.{key}'!r}", suggestion(key, component.expect)
        elif _kind(given) != _kind(component.expect[key]):
            yield f"{prefix}.expect.{key} must be {_kind(component.expect[key])}, is {given!r}", ""
        elif key == "exceptions":
            yield from _exception_problems(given, f"{prefix}.expect.{key}")
        elif why := component.unfailing(key, given):
            yield f"{prefix}.expect.{key} {why}, is {given!r}", "or declare the criterion as unsupported, with a reason"


def _exception_problems(given: list[object], prefix: str) -> Iterator[Fault]:
    """What is wrong with the exceptions of a target: names that may be as they are, and why."""
    for number, one in enumerate(given):
        if not isinstance(one, dict) or set(one) != {"match", "reason"} or not all(map(_said, one.values())):
            yield f"{prefix}[{number}] must be {{ match, reason }}, both text, is {one!r}", ""
        elif not one["match"].strip("*?"):
            yield f"{prefix}[{number}].match covers every name: no check could fail by it", ""


def _said(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _kind(value: object) -> str:
    kinds = ((bool, "true or false"), (int | float, "a number"), (str, "text"), (list, "a list"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "a table")


def known_capabilities(registry: Registry) -> frozenset[str]:
    """Every name that a target may declare and a check may need."""
    return CLUSTER_CAPABILITIES.union(
        *PROVIDER_CAPABILITIES.values(), *(c.capabilities for c in registry.components.values())
    )
