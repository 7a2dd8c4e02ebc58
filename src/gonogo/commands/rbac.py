"""``gonogo rbac``: the least rights on a cluster with which the checks of a target can be asked, as Roles and bindings.

All but ``run`` is pure.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from gonogo.catalog.registry import Component, Registry
from gonogo.catalog.target import PULL_SECRET, SECRET, SERVICE, Checklist, Target, is_reference
from gonogo.cluster.api import KINDS, Kind
from gonogo.cluster.judge.rules import tables
from gonogo.cluster.kinds import BEHIND, HEALTH
from gonogo.cluster.plan.ground import BOUND, LISTED
from gonogo.commands.checkout import loaded
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.files import suggestion
from gonogo.core.outcomes import Code, Mode
from gonogo.core.outlet import say
from gonogo.providers.existing.access import services
from gonogo.providers.helm.applied import ENFORCE
from gonogo.run.plan import unsupported

if TYPE_CHECKING:
    from gonogo.providers.helm.provider import HelmPlatform, Rendered

EXPLAINS = "only to say why something is not green"

BREAKS = "to break a pod on purpose, that is known by what owns it"

PLANS = "only for plan: whether there is room, and what is right there"

_CNPG = re.compile(r"Backup.*cnpg\.io")
"""Kind and group of a backup of CloudNativePG, among those that have rules."""

DEPLOY, PREFLIGHT = "deploy", "preflight"

_MADE = ("get", "list", "watch", "create", "patch", "delete")
"""What is done with an object of a chart or a manifest, and while its end is waited for."""

_OTHERS = {
    ("coordination.k8s.io/v1", "Lease"): "leases.coordination.k8s.io",
    ("v1", "PodTemplate"): "podtemplates",
    ("storage.k8s.io/v1", "CSIStorageCapacity"): "csistoragecapacities.storage.k8s.io",
}
"""Resources of Kubernetes' own kinds that nothing else of ours looks at."""


def run(purpose: str, account: str, target: str | None) -> Code:
    """Print them for a mode or for deploying; ``account`` is ``[NAMESPACE/]NAME``.

    Raises ``ConfigError`` where the target has none, or a chart cannot be rendered.
    """
    if purpose not in (known := [*map(str, Mode), PREFLIGHT, DEPLOY]):
        raise ConfigError(Problem("--for", f"{purpose!r} is no mode", suggestion(purpose, known)))
    root, registry, chosen = loaded(target)
    space, _, name = account.rpartition("/")
    if purpose == DEPLOY:
        said, found = deploying(registry, chosen, root)
        for line in said:
            say(f"# {line}")
        spaces = dict.fromkeys(one.namespace for one in found if one.namespace)
        for one in spaces:
            say("\n".join(_namespace(one, chosen.deploy.pod_security)), "---")
    elif purpose == PREFLIGHT:
        found = before_deploying(registry, filled(chosen, root))
    else:
        found = rights(registry, filled(chosen, root), Mode(purpose))
    say(manifests(found, role_name(chosen, purpose), (space or home_of(chosen, found), name)), end="")
    return Code.GO


def filled(target: Target, root: Path) -> Target:
    """The target with what a file that attaches would say of what is deployed by charts."""
    if target.provider != "helm":
        return target
    with closing(_platform(target, root)) as platform:
        return dataclasses.replace(target, components=platform.written()[0])


def _platform(target: Target, root: Path) -> HelmPlatform:
    from gonogo.providers.choose import provider_for
    from gonogo.providers.helm.provider import HelmPlatform

    found = provider_for(target, root)
    assert isinstance(found, HelmPlatform), target.provider
    return found


def deploying(registry: Registry, target: Target, root: Path) -> tuple[list[str], list[Grant]]:
    """What only an administrator can install, a line each; and the rights that an account needs for all the rest.

    They are those of the objects that charts and manifests are rendered to, of what else ``up``, ``down`` and ``sweep``
    do, and of the checks. The namespaces are the administrator's too: a Role lives in one. Raises ``ConfigError``.
    """
    if target.provider != "helm":
        what = f"target {target.name!r} deploys nothing on a cluster"
        raise ConfigError(Problem("--for deploy", what, "a target of provider 'helm' does"))
    lacking = unsupported(registry, target)
    held = [one for name, one in registry.components.items() if name not in lacking]
    with closing(_platform(target, root)) as platform:
        tables, spaces, home = platform.written()
        parts = {one.name: platform.rendered(one) for one in held}
    mode = Mode.DISRUPT if target.allows(Mode.DISRUPT) else Mode.WRITE
    every_space = sorted({one for name in parts for one in spaces.get(name, ())})
    own = {one.namespace for every in parts.values() for one in every if not one.shared}
    own |= {home, *(spaces[name][0] for name in parts if name in spaces)}
    found = [*_around(target, every_space, own, home)]
    said: list[str] = []
    resources = _resources(one for every in parts.values() for part in every for one in part.objects)
    for name, every in parts.items():
        for part in every:
            told, granted = _part(name, part, resources)
            said += told
            found += granted
    found += rights(registry, dataclasses.replace(target, components=tables), mode)
    found += _planning(every_space)
    head = [
        f"For an administrator, once: what the account deploys target {target.name} with, and no more.",
        f"The namespaces are made here, used as they are, and left: {', '.join(every_space)}.",
        f"What is {PLANS!r} may be left out: `gonogo plan` then cannot tell what rests on it (exit code 3).",
    ]
    only = ["ONLY AN ADMINISTRATOR can install, as an account cannot grant what it lacks, nor serve everybody:", *said]
    return [*head, *(only if said else ())], _once(found)


def _planning(spaces: Iterable[str]) -> Iterator[Grant]:
    """What ``plan`` holds against the cluster, most of it everywhere: it changes nothing."""
    for name, kind in LISTED.items():
        for space in spaces if name in BOUND else ("",):
            yield Grant(space, kind.resource, "", "list", PLANS)
    yield Grant("", KINDS["CustomResourceDefinition"].resource, "", "get", PLANS)


def _part(component: str, part: Rendered, resources: Mapping[Kinded, Kind]) -> tuple[list[str], list[Grant]]:
    """Of a release or manifest: what is not for the account, and its rights for the rest."""
    if part.shared:
        made = ", ".join(
            sorted({f"{one['kind']} {one['metadata']['name']}" for one in part.objects if _wide(one, resources)})
        )
        made = made or "its chart cannot be had, and it is not needed where the operator is there"
        use = f"gonogo uses it as it is where {part.serves} is served" if part.serves else "gonogo cannot do without it"
        return [f"- operator {part.namespace}/{part.what.removeprefix('release ')}; {use}: {made}"], []
    said, found = [], list[Grant]()
    for one in part.objects:
        kind, meta = resources[_kinded(one)], one["metadata"]
        space, purpose = meta.get("namespace") or part.namespace, f"{part.what} of {component}"
        if not kind.namespaced:
            said.append(
                f"- {kind.kind} {meta['name']}, of {purpose}; install it before, or switch it off in its values"
            )
            continue
        found += [Grant(space, kind.resource, "", verb, purpose) for verb in _MADE]
        if kind.kind == "Role":
            found += _granted(one, space, f"Role {meta['name']}: who makes it must have what it grants")
        reference = one.get("roleRef") or {}
        if kind.kind == "RoleBinding" and reference.get("kind") == "ClusterRole":
            bound = str(reference.get("name"))
            said.append(f"- look at it: RoleBinding {space}/{meta['name']} gives what ClusterRole {bound} grants")
            found.append(
                Grant(space, "clusterroles.rbac.authorization.k8s.io", bound, "bind", f"RoleBinding {meta['name']}")
            )
    return said, found


def _granted(role: Mapping[str, Any], space: str, purpose: str) -> Iterator[Grant]:
    for rule in role.get("rules") or ():
        for group in rule.get("apiGroups") or ("",):
            for resource in rule.get("resources") or ():
                plural, slash, sub = resource.partition("/")
                called = (f"{plural}.{group}" if group else plural) + slash + sub
                for name in rule.get("resourceNames") or ("",):
                    yield from (Grant(space, called, name, verb, purpose) for verb in rule.get("verbs") or ())


def _around(target: Target, spaces: Iterable[str], own: Collection[str], home: str) -> Iterator[Grant]:
    """What is asked and made beside charts and manifests; in namespaces that are not its ``own`` operators are."""
    kept, ends = "releases, and Secrets that are generated", "until the last pod has ended, and what volumes hold"
    for space in spaces:
        yield Grant("", "namespaces", space, "get", "whether a namespace is there")
        if space not in own:
            yield Grant(space, "secrets", "", "list", "whether an operator is there, and whose")
            yield Grant(space, "pods", "", "list", ends)
            continue
        for verb in ("get", "list", "create", "update", "patch", "delete"):
            yield Grant(space, "secrets", "", verb, kept)
        for verb in ("get", "list", "watch", "patch", "delete"):
            yield Grant(space, "persistentvolumeclaims", "", verb, ends)
        for verb in ("get", "list", "watch"):
            yield Grant(space, "pods", "", verb, ends)
        yield Grant(space, "pods/log", "", "get", "why something does not come up")
        if target.allows(Mode.DISRUPT):
            for verb in ("patch", "delete"):
                yield Grant(space, "pods", "", verb, BREAKS)
            yield from _upgraded(space, "pods/exec", BREAKS)
            yield Grant(space, "endpointslices.discovery.k8s.io", "", "list", "who still leads to a killed one")
            owners = (kind for kind, table in tables().items() if table.get("pods"))
            for owner in ("ReplicaSet", "StatefulSet", "DaemonSet", "Job", *owners):
                yield Grant(space, (KINDS.get(owner) or _custom(owner)).resource, "", "get", BREAKS)
    yield Grant("", "persistentvolumes", "", "get", "which volumes outlive their claims")
    pull = PULL_SECRET.fullmatch(target.deploy.pull_secret)
    if pull and pull["namespace"]:
        yield Grant(pull["namespace"], "secrets", pull["name"], "get", "the pull secret, which is copied")
    tracks = "whether Argo CD tracks what is there by its label; by its annotation is seen without"
    yield Grant("", "applications.argoproj.io", "", "list", tracks)
    for verb in ("get", "create", "update", "patch", "delete"):
        yield Grant(home, "leases.coordination.k8s.io", "", verb, "who works on the target")
    for kind in (*HEALTH, "PersistentVolumeClaim", "Service", "EndpointSlice"):
        yield from _listed(target, kind, "whether what was made is ready")


Kinded = tuple[str, str]
"""API version and kind, as an object says them."""


def _kinded(one: Mapping[str, Any]) -> Kinded:
    return str(one["apiVersion"]), str(one["kind"])


def _wide(one: Mapping[str, Any], resources: Mapping[Kinded, Kind]) -> bool:
    """Whether an object is the whole cluster's."""
    return not resources[_kinded(one)].namespaced


def _resources(objects: Iterable[Mapping[str, Any]]) -> dict[Kinded, Kind]:
    """The kinds of these objects: Kubernetes' own, those that they define, those that have a table."""
    objects, found = list(objects), dict[Kinded, Kind]()
    defined = [one["spec"] for one in objects if one["kind"] == "CustomResourceDefinition"]
    for api_version, kind in map(_kinded, objects):
        group, _, version = api_version.rpartition("/")
        known = KINDS.get(kind)
        own = next((s for s in defined if (s["group"], s["names"]["kind"]) == (group, kind)), None)
        if known is not None and known.group == group:
            found[api_version, kind] = known
        elif own is not None:
            plural, namespaced = own["names"]["plural"], own["scope"] == "Namespaced"
            found[api_version, kind] = Kind(group, version, plural, kind, namespaced)
        elif (api_version, kind) in _OTHERS:
            plural = _OTHERS[api_version, kind].partition(".")[0]
            found[api_version, kind] = Kind(group, version, plural, kind, True)
        elif plural := tables().get(f"{kind}.{group}", {}).get("plural"):
            found[api_version, kind] = Kind(group, version, plural, kind, True)
        else:
            found[api_version, kind] = Kind(group, version, _plural(kind), kind, True)
    return found


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

    Most objects are created through the servers themselves, so that writing needs no more of the cluster than reading,
    beside its identity; what a component makes in the cluster it says (``makes``).
    """
    if target.kubernetes is None:
        raise ConfigError(Problem(str(target.path), "has no table [kubernetes]", "no cluster is asked for anything"))
    lacking, profile = unsupported(registry, target), registry.profiles[target.profile]
    asked = {c.component for c in registry.criteria.values() if profile.holds(c.id)}
    held = [c for c in registry.components.values() if c.name in asked and c.name not in lacking]
    return _once((*_needed(target, held, mode, registry.kinds), *_explaining(target, held)))


def before_deploying(registry: Registry, target: Target) -> list[Grant]:
    """What the pre-deployment checklist needs. Raises ``ConfigError`` for a target without ``[kubernetes]``."""
    if target.kubernetes is None:
        raise ConfigError(Problem(str(target.path), "has no table [kubernetes]", "no cluster is asked for anything"))
    asked = target.checklist or Checklist()
    # of what is made in namespaces that are not there yet nobody can say where: the checklist is about all of it
    every = dataclasses.replace(target, kubernetes=msgspec.structs.replace(target.kubernetes, namespaces=()))
    whole = [one for one in registry.components.values() if one.anywhere]
    named = ("health", *asked.services, *(("argocd",) if asked.argocd is not None else ()))
    own = [registry.components[name] for name in named if name in registry.components]
    kinds = registry.kinds
    found = [*_needed(every, whole, Mode.READ, kinds), *_needed(target, own, Mode.READ, kinds)]
    found += _explaining(target, own)
    line = "a line of the checklist"
    found += [
        Grant("", "namespaces", "kube-system", "get", "to compare the cluster's identity"),
        Grant("", "csidrivers.storage.k8s.io", "", "list", line),
        Grant("", "csistoragecapacities.storage.k8s.io", "", "list", line),
        Grant("kube-node-lease", "leases.coordination.k8s.io", "", "list", "the clocks of the nodes"),
        Grant("", "gatewayclasses.gateway.networking.k8s.io", "", "list", "classes, where a Gateway is planned"),
        Grant("", "volumesnapshotclasses.snapshot.storage.k8s.io", "", "list", "classes, where a VolumeSnapshot is"),
        Grant("", "certificates.cert-manager.io", "", "list", "when certificates end, where cert-manager is"),
    ]
    backup, argocd = asked.backup, asked.argocd
    cnpg = next(group for kind, _, group in (one.partition(".") for one in tables()) if _CNPG.fullmatch(kind + group))
    places = {
        "backups.velero.io": backup and backup.velero,
        "backupstoragelocations.velero.io": backup and backup.velero,
        "volumesnapshots.snapshot.storage.k8s.io": backup and backup.snapshot,
        f"backups.{cnpg}": backup and backup.cnpg,
    }
    found += [Grant("", resource, "", "list", "the newest backup") for resource, place in places.items() if place]
    for space in {argocd.namespace, *(n.partition("/")[0] for n in argocd.applications if "/" in n)} if argocd else ():
        found.append(Grant(space, "applications.argoproj.io", "", "list", "the applications"))
    return _once(found)


def _once(every: Iterable[Grant]) -> list[Grant]:
    """Each right once."""
    found: dict[tuple[str, str, str, str], Grant] = {}
    for one in every:
        # the first purpose counts, and a right in the whole cluster is one in each namespace
        known = {(space, one.resource, name, one.verb) for space in ("", one.namespace) for name in ("", one.name)}
        if not known & found.keys():
            found[one.namespace, one.resource, one.name, one.verb] = one
    return list(found.values())


def _needed(
    target: Target, held: Iterable[Component], mode: Mode, own: Mapping[str, Mapping[str, Any]]
) -> Iterator[Grant]:
    settings = target.kubernetes
    assert settings is not None
    if settings.identity and mode is not Mode.READ:
        yield Grant("", "namespaces", "kube-system", "get", "to compare the cluster's identity")
    for component in held:
        table, name = target.components.get(component.name, {}), component.name
        for kind in component.reads:
            yield from _listed(target, kind, f"what {name} is judged by", _home(component, target), own)
        for kind in component.dry_runs:
            for space in sorted({*settings.namespaces, _home(component, target)}) if settings.namespaces else ("",):
                yield Grant(space, _kind(kind, own).resource, "", "create", "asked with dryRun=All")
        for kind in component.makes if mode is not Mode.READ else ():
            for verb in ("create", "get", "delete"):
                yield Grant(
                    "", _kind(kind, own).resource, "", verb, f"what is made of {name}, in a namespace of its own"
                )
        for kind in component.explains if component.makes and mode is not Mode.READ else ():
            for verb in ("list", "watch"):
                yield Grant("", _kind(kind, own).resource, "", verb, "what becomes of it, in a namespace of its own")
        for space in settings.namespaces or ("",) if component.enters and "exec" in target.capabilities else ():
            yield from _upgraded(space, "pods/exec", f"what {name} asks from inside pods")
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
            if home := _home(component, target):
                yield from _listed(target, kind, EXPLAINS, home)
        spaces = {_space(service) for service in services(target.components, component.name)}
        for kind in BEHIND if spaces else ():
            yield from _listed(target, kind, EXPLAINS)
        for space in sorted(spaces):
            yield Grant(space, "pods", "", "list", EXPLAINS)
            yield Grant(space, "pods/log", "", "get", EXPLAINS)


def _home(component: Component, target: Target) -> str:
    """The namespace that a component asked through the cluster has there; empty where it is about all of them."""
    return str(target.components.get(component.name, {}).get("namespace", "")) if component.cluster else ""


def _listed(
    target: Target, kind: str, purpose: str, home: str = "", own: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
) -> Iterator[Grant]:
    """In the target's namespaces, or in ``home`` alone; ``own`` are the tables of kinds that components bring."""
    known = _kind(kind, own)
    spaces = target.kubernetes.namespaces if target.kubernetes and known.namespaced else ()
    for space in (home,) if home and known.namespaced else spaces or ("",):
        for verb in ("list", "watch"):
            yield Grant(space, known.resource, "", verb, purpose)


def _kind(name: str, own: Mapping[str, Mapping[str, Any]]) -> Kind:
    return KINDS.get(name) or _custom(name, own)


def _custom(name: str, own: Mapping[str, Mapping[str, Any]] = MappingProxyType({})) -> Kind:
    """A kind that has a table: ``Cluster.postgresql.cnpg.io``; the table may say its plural, else it is regular."""
    kind, _, group = name.partition(".")
    known = {**tables(), **own}
    if name not in known:
        raise ConfigError(
            Problem(
                "reads or explains of a component", f"no kind {name!r} is known", suggestion(name, [*KINDS, *known])
            )
        )
    return Kind(group, "", known[name].get("plural") or _plural(kind), kind, True)


def _plural(kind: str) -> str:
    """By the rule of the tools that make definitions: lower case, as English has it."""
    lower = kind.lower()
    return f"{lower[:-1]}ies" if lower.endswith("y") else f"{lower}es" if lower.endswith("s") else f"{lower}s"


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


def role_name(target: Target, mode: str) -> str:
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


def _namespace(name: str, pod_security: str) -> list[str]:
    api, kind, metadata = _object("Namespace", "v1", name, "")
    labelled = {"name": name, "labels": {ENFORCE: pod_security}}
    return [api, kind, f"metadata: {json.dumps(labelled)}" if pod_security else metadata]


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
