"""``gonogo rbac``: the least rights on a cluster with which the checks of a target can be asked, as Roles and bindings.

All but ``run`` is pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from gonogo.catalog.registry import Component, Registry
from gonogo.catalog.target import SECRET, SERVICE, Target, is_reference
from gonogo.cluster.api import KINDS, Kind
from gonogo.cluster.judge.rules import tables
from gonogo.cluster.kinds import BEHIND
from gonogo.commands.checkout import loaded
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.files import suggestion
from gonogo.core.outcomes import Code, Mode
from gonogo.core.outlet import say
from gonogo.providers.existing.access import services
from gonogo.run.plan import unsupported

EXPLAINS = "only to say why something is not green"


def run(purpose: str, account: str, target: str | None) -> Code:
    """Print them for a mode; ``account`` is ``[NAMESPACE/]NAME``. Raises ``ConfigError`` where the target has none."""
    if purpose == "deploy":
        raise ConfigError(Problem("--for deploy", "gonogo deploys nothing on a cluster yet", "read, write or disrupt"))
    if purpose not in list(Mode):
        raise ConfigError(Problem("--for", f"{purpose!r} is no mode", suggestion(purpose, map(str, Mode))))
    _, registry, chosen = loaded(target)
    mode = Mode(purpose)
    found = rights(registry, chosen, mode)
    space, _, name = account.rpartition("/")
    say(manifests(found, role_name(chosen, mode), (space or home_of(chosen, found), name)), end="")
    return Code.GO


class Grant(NamedTuple):
    """One verb on one resource (``pods``, ``deployments.apps``, ``pods/log``), and what it is for.

    ``namespace`` is empty for the whole cluster; with ``name`` it is for that object alone.
    """

    namespace: str
    resource: str
    name: str
    verb: str
    purpose: str

    @property
    def group(self) -> str:
        """The API group, empty for the core one."""
        return self.resource.partition("/")[0].partition(".")[2]

    @property
    def plural(self) -> str:
        """The resource as a rule names it, with its subresource."""
        plural, slash, sub = self.resource.partition("/")
        return plural.partition(".")[0] + slash + sub


def rights(registry: Registry, target: Target, mode: Mode) -> list[Grant]:
    """What a run in this mode needs, each verb once. Raises ``ConfigError`` for a target without ``[kubernetes]``.

    Objects are only ever created through the servers themselves, so that writing needs no more of the cluster than
    reading, beside its identity.
    """
    if target.kubernetes is None:
        raise ConfigError(Problem(str(target.path), "has no table [kubernetes]", "no cluster is asked for anything"))
    lacking, profile = unsupported(registry, target), registry.profiles[target.profile]
    asked = {c.component for c in registry.criteria.values() if profile.holds(c.id)}
    held = [c for c in registry.components.values() if c.name in asked and c.name not in lacking]
    found: dict[tuple[str, str, str, str], Grant] = {}
    for one in (*_needed(target, held, mode), *_explaining(target, held)):
        # the first purpose counts, and a right in the whole cluster is one in each namespace
        known = {(space, one.resource, name, one.verb) for space in ("", one.namespace) for name in ("", one.name)}
        if not known & found.keys():
            found[one.namespace, one.resource, one.name, one.verb] = one
    return list(found.values())


def _needed(target: Target, held: Iterable[Component], mode: Mode) -> Iterator[Grant]:
    settings = target.kubernetes
    assert settings is not None
    if settings.identity and mode is not Mode.READ:
        yield Grant("", "namespaces", "kube-system", "get", "to compare the cluster's identity")
    for component in held:
        table, name = target.components.get(component.name, {}), component.name
        for kind in component.reads:
            yield from _listed(target, kind, f"what {name} is judged by")
        for service in services(target.components, name):
            yield from _reached(service, component, settings.transport)
            if "exec" in target.capabilities:
                yield from _entered(service)
        for reference in _secrets(table):
            found = SECRET.fullmatch(reference)
            assert found is not None, reference
            yield Grant(found["namespace"], "secrets", found["name"], "get", f"credentials of {name}")


def _reached(service: str, component: Component, transport: str) -> Iterator[Grant]:
    found = SERVICE.fullmatch(service)
    assert found is not None, service
    space, way = found["namespace"], "the ways to Services"
    if transport == "service":
        return
    if transport == "ingress":
        yield Grant(space, "ingresses.networking.k8s.io", "", "list", way)
    # what is reached by advertised names may stand behind other Services than the one that is named
    named = "" if any("{proxy}" in form for form in component.endpoints.service.values()) else found["name"]
    yield Grant(space, "services", named, "get", way)
    yield Grant(space, "endpointslices.discovery.k8s.io", "", "list", way)
    yield from _upgraded(space, "pods/portforward", way)


def _entered(service: str) -> Iterator[Grant]:
    found = SERVICE.fullmatch(service)
    assert found is not None, service
    space, purpose = found["namespace"], "what is true inside pods"
    yield Grant(space, "services", found["name"], "get", purpose)
    yield Grant(space, "endpointslices.discovery.k8s.io", "", "list", purpose)
    yield Grant(space, "pods", "", "list", purpose)
    yield from _upgraded(space, "pods/exec", purpose)


def _upgraded(space: str, resource: str, purpose: str) -> Iterator[Grant]:
    # a WebSocket is opened by a GET; Kubernetes 1.35 and later ask for `create` as well
    yield Grant(space, resource, "", "get", purpose)
    yield Grant(space, resource, "", "create", purpose)


def _space(service: str) -> str:
    return service.partition("/")[0]


def _explaining(target: Target, held: Iterable[Component]) -> Iterator[Grant]:
    for component in held:
        for kind in component.explains:
            yield from _listed(target, kind, EXPLAINS)
        spaces = {_space(service) for service in services(target.components, component.name)}
        for kind in BEHIND if spaces else ():
            yield from _listed(target, kind, EXPLAINS)
        for space in sorted(spaces):
            yield Grant(space, "pods", "", "list", EXPLAINS)
            yield Grant(space, "pods/log", "", "get", EXPLAINS)


def _listed(target: Target, kind: str, purpose: str) -> Iterator[Grant]:
    known = KINDS.get(kind) or _custom(kind)
    spaces = target.kubernetes.namespaces if target.kubernetes and known.namespaced else ()
    for space in spaces or ("",):
        for verb in ("list", "watch"):
            yield Grant(space, known.resource, "", verb, purpose)


def _custom(name: str) -> Kind:
    """A kind that owns pods itself, by its table: ``Cluster.postgresql.cnpg.io``."""
    kind, _, group = name.partition(".")
    if not (plural := tables().get(name, {}).get("plural")):
        wanted = suggestion(name, [*KINDS, *(one for one, table in tables().items() if "plural" in table)])
        raise ConfigError(Problem("reads or explains of a component", f"no kind {name!r} is known", wanted))
    return Kind(group, "", plural, kind, True)


def _secrets(value: Any) -> Iterator[str]:
    if is_reference(value):
        yield from (value[kind] for kind in value if kind == "secret")
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _secrets(inner)


def home_of(target: Target, found: Iterable[Grant]) -> str:
    """The namespace that the ServiceAccount lives in where nobody says another: the first that the target is about."""
    named = target.kubernetes.namespaces if target.kubernetes else ()
    return next((space for space in (*named, *(one.namespace for one in found)) if space), "default")


def role_name(target: Target, mode: Mode) -> str:
    """What the Roles are called: two targets of one cluster do not change each other's."""
    return f"gonogo-{mode}-{re.sub(r'[^a-z0-9-]+', '-', target.name.lower()).strip('-')}"


# -- as YAML


def manifests(found: Iterable[Grant], name: str, account: tuple[str, str]) -> str:
    """A Role for each namespace and a ClusterRole, where rights are in them, bound to an account of its own.

    ``name`` is what they are called, ``account`` namespace and name of the ServiceAccount.
    """
    by_space: dict[str, list[Grant]] = {}
    for one in found:
        by_space.setdefault(one.namespace, []).append(one)
    documents = [_object("ServiceAccount", "v1", account[1], account[0])]
    for space, rules in by_space.items():
        role, binding = ("Role", "RoleBinding") if space else ("ClusterRole", "ClusterRoleBinding")
        api = "rbac.authorization.k8s.io/v1"
        documents.append([*_object(role, api, name, space), "rules:", *_rules(rules)])
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": name}
        subject = {"kind": "ServiceAccount", "name": account[1], "namespace": account[0]}
        bound = [f"roleRef: {json.dumps(reference)}", f"subjects: [{json.dumps(subject)}]"]
        documents.append(_object(binding, api, name, space) + bound)
    return "---\n".join("\n".join(lines) + "\n" for lines in documents)


def _object(kind: str, api: str, name: str, space: str) -> list[str]:
    metadata = {"name": name, "namespace": space} if space else {"name": name}
    return [f"apiVersion: {api}", f"kind: {kind}", f"metadata: {json.dumps(metadata)}"]


def _rules(found: Iterable[Grant]) -> Iterator[str]:
    verbs: dict[tuple[str, str, str], dict[str, str]] = {}
    for one in found:
        verbs.setdefault((one.group, one.plural, one.name), {})[one.verb] = one.purpose
    alike: dict[tuple[str, str, tuple[str, ...], str], list[str]] = {}
    for (group, plural, name), told in verbs.items():
        purposes = ", ".join(dict.fromkeys(told.values()))
        alike.setdefault((group, name, tuple(told), purposes), []).append(plural)
    for (group, name, given, purpose), plurals in alike.items():
        yield f"  - apiGroups: {json.dumps([group])} # {purpose}"
        yield f"    resources: {json.dumps(plurals)}"
        if name:
            yield f"    resourceNames: {json.dumps([name])}"
        yield f"    verbs: {json.dumps(given)}"
