"""Recognises components in what a cluster holds, and fills in what it tells of each. Pure.

How a component is recognised is data of its folder (``[[discover]]``). Which Secret holds a password is what the
server's own pods refer to, or an operator's convention. Where several servers may be meant, facts choose, or nobody.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gonogo.catalog.registry import Component, Discovery
from gonogo.catalog.target import SECRET, SERVICE
from gonogo.commands.belonging import HELM, NAMES, Neighbours, meta, owners, release
from gonogo.commands.discover import ClusterContents, Object

CONVENTION = "by the operator's convention; not looked at"

_READERS = frozenset({"read", "readonly", "ro", "replica", "replicas", "secondary", "slave", "standby"})
"""Labels by which a Service selects the servers that only read."""


@dataclass
class Draft:
    """What is known of one component's server: its keys, why they are so, and what it is to be expected of.

    ``objects`` begin with its Service, or with its custom resource, which is of the API ``group``; the least ``rank``
    is its best address, and ``same`` are Services of the same servers. ``belongs`` says whose it is, where it is a part
    of another product. ``taken`` maps its pods' Secrets, ``namespace/name``, to the prefix that their keys have as
    variables; None where they are mounted. ``in_clear`` are secret keys that its pods are given as plain text.
    """

    component: Component
    why: str
    service: str
    objects: list[Object]
    pods: list[Object]
    rank: tuple[int, ...] = ()
    group: str = ""
    belongs: str = ""
    chosen: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    expect: dict[str, Any] = field(default_factory=dict)
    same: list[str] = field(default_factory=list)
    taken: dict[str, str | None] = field(default_factory=dict)
    in_clear: set[str] = field(default_factory=set)

    @property
    def namespace(self) -> str:
        """Where its Service is."""
        return self.service.partition("/")[0]

    @property
    def missing(self) -> list[str]:
        """The required keys that nobody told."""
        keys = self.component.endpoints
        return [key for key in keys.required if key not in self.values and key not in keys.service]


@dataclass
class Recognised:
    """The servers that may be a component, and the one that is: None where nothing tells which."""

    component: Component
    draft: Draft | None
    others: list[Draft]
    why: str = ""


def recognised(seen: ClusterContents, components: Iterable[Component]) -> dict[str, Recognised]:
    """What was found, by component; without those of which there is nothing."""
    components = list(components)
    beside = Neighbours(seen, [one for one in components if not _apart(one)])
    servers = {component.name: _servers(seen, component, beside) for component in components}
    own = {name: [one for one in found if not one.belongs] for name, found in servers.items()}
    alone = [found[0] for found in own.values() if len(found) == 1]
    places = Counter(one.namespace for one in alone if not _apart(one.component))
    return {c.name: _chosen(c, servers[c.name], beside, places) for c in components if servers[c.name]}


def _apart(component: Component) -> bool:
    return any(rule.apart for rule in component.discover)


def _chosen(component: Component, found: list[Draft], beside: Neighbours, places: Mapping[str, int]) -> Recognised:
    own = [one for one in found if not one.belongs]
    if not own:
        told = "; ".join(f"{one.service}: {one.belongs}" for one in found)
        return Recognised(component, None, found, f"it is a part of another product ({told})")
    kept = own
    for fact, why in (
        (lambda one: one.chosen, "what needs it is started with its address"),
        (lambda one: beside.needed_beside(component, one.namespace, one.objects), "what needs it is of its release"),
        (lambda one: one.namespace in places, "other components are in its namespace"),
    ):
        true = [one for one in kept if fact(one)]
        if len(kept) > 1 and true:
            kept = true
        if len(kept) == 1:
            others = [one for one in found if one is not kept[0]]
            return Recognised(component, kept[0], others, why if len(own) > 1 else "")
    return Recognised(
        component, None, found, f"nothing tells which is meant of {', '.join(one.service for one in kept)}"
    )


# -- servers


def _servers(seen: ClusterContents, component: Component, beside: Neighbours) -> list[Draft]:
    """One draft for each installation, by its best address."""
    candidates = [
        draft
        for number, rule in enumerate(component.discover)
        for draft in (_by_resource if rule.resource else _by_service)(seen, component, rule, number)
    ]
    found = []
    for same in _installations(candidates):
        first = min(same, key=lambda one: one.rank)
        first.same = list(dict.fromkeys(one.service for one in same if one.service != first.service))
        name = first.objects[0]["metadata"]["name"]
        addresses = {one.service for one in same}
        first.chosen = next((told for told in addresses if _is_named(told, beside.needing(component))), "")
        _name_by_others(first, beside.needing(component))
        first.belongs = (
            "" if first.chosen or _apart(component) else beside.product(component, str(name), first.objects, first.pods)
        )
        found.append(first)
    return found


def _installations(candidates: Iterable[Draft]) -> list[list[Draft]]:
    """Candidates that lead to the same servers, together: they share pods, an owner, or release and product."""
    groups: list[tuple[set[tuple[str, ...]], list[Draft]]] = []
    for one in candidates:
        keys, together = set(_marks(one)), [one]
        for group in [g for g in groups if g[0] & keys]:
            groups.remove(group)
            keys, together = keys | group[0], group[1] + together
        groups.append((keys, together))
    return [together for _, together in groups]


def _marks(draft: Draft) -> Iterator[tuple[str, ...]]:
    yield "service", draft.service.rpartition(":")[0]
    for pod in draft.pods:
        yield "pod", draft.namespace, pod["metadata"]["name"]
    for one in draft.objects:
        for group, _, name in owners(one):
            yield "owner", draft.namespace, group, name
    if draft.group:
        yield "owner", draft.namespace, draft.group, str(draft.objects[0]["metadata"]["name"])
    if called := release(draft.objects, HELM):
        for pod in draft.pods:
            for label in {str(meta(pod, "labels").get(key, "")) for key in NAMES} - {""}:
                yield "release", draft.namespace, called, label


def _by_resource(seen: ClusterContents, component: Component, rule: Discovery, number: int) -> Iterator[Draft]:
    for one in seen.resources.get(rule.resource, ()):
        namespace, port = one["metadata"]["namespace"], _filled(rule.port, one)
        service = f"{namespace}/{_filled(rule.service, one)}:{port}"
        if not port or not SERVICE.fullmatch(service):
            continue
        group = rule.resource.partition(".")[2].partition("/")[0]
        made = [s for s in seen.services if named(s) == service.rpartition(":")[0]]
        pods = [p for s in made for p in seen.pods if _selects(s, p)]
        name = f"{rule.resource.partition('/')[0]} {namespace}/{one['metadata']['name']}"
        draft = Draft(component, f"custom resource {name}", service, [one, *made, *pods], pods, (0, number), group)
        _complete(draft, rule, {**one, "members": _members(seen, rule, one)}, [])
        yield draft


def _members(seen: ClusterContents, rule: Discovery, one: Object) -> list[Object]:
    """The custom resources that tell of one."""
    if rule.members is None:
        return []
    found, label = seen.resources.get(rule.members.resource, ()), rule.members.label
    return [m for m in found if _same_space(m, one) and meta(m, "labels").get(label) == one["metadata"]["name"]]


def _by_service(seen: ClusterContents, component: Component, rule: Discovery, number: int) -> Iterator[Draft]:
    for one in seen.services:
        spec = one.get("spec", {})
        for port in spec.get("ports") or ():
            if str(port.get("targetPort")) not in rule.ports and str(port["port"]) not in rule.ports:
                continue
            pods = [p for p in seen.pods if _selects(one, p)]
            why = _recognised(rule, one, pods)
            where = f"{named(one)}:{port['port']}"
            if not why or not SERVICE.fullmatch(where):
                continue
            # a headless Service is for the servers among themselves, as long as there is another
            headless = spec.get("clusterIP") == "None"
            reads = not _READERS.isdisjoint((spec.get("selector") or {}).values())
            workloads = [w for w in seen.workloads if _runs(one, w)]
            draft = Draft(
                component,
                f"Service on port {port['port']} whose {why}",
                where,
                [one, *workloads, *pods],
                pods,
                (1, number, headless, reads),
            )
            replicas = sum(desired(w, seen.scalers) for w in workloads) or None
            _complete(draft, rule, {**one, "port": port, "replicas": replicas}, pods)
            yield draft


def named(one: Object) -> str:
    """``namespace/name``."""
    return f"{one['metadata']['namespace']}/{one['metadata']['name']}"


def _recognised(rule: Discovery, service: Object, pods: Iterable[Object]) -> str:
    """By what: the pods' image, their labels, or at last the Service's own name."""
    wanted = re.compile(rule.name, re.IGNORECASE)
    for pod in pods:
        for container in pod["spec"].get("containers") or ():
            image = str(container.get("image", ""))
            if wanted.search(image.rpartition("/")[2]):
                return f"pods run image {image}"
        for key in NAMES[:2]:
            value = str(meta(pod, "labels").get(key, ""))
            if value and wanted.search(value):
                return f"pods have label {key}={value}"
    name = str(service["metadata"]["name"])
    return f"name is {name}" if wanted.search(name) else ""


def _selects(service: Object, pod: Object) -> bool:
    return _same_space(service, pod) and _selected(service, meta(pod, "labels"))


def _runs(service: Object, workload: Object) -> bool:
    """Whether the workload's pods are behind the Service, whether or not there are any."""
    template = workload["spec"].get("template") or {}
    return _same_space(service, workload) and _selected(service, (template.get("metadata") or {}).get("labels") or {})


def _same_space(one: Object, other: Object) -> bool:
    return bool(one["metadata"]["namespace"] == other["metadata"]["namespace"])


def _selected(service: Object, labels: Mapping[str, Any]) -> bool:
    selector = service.get("spec", {}).get("selector") or {}
    return bool(selector and selector.items() <= labels.items())


def desired(workload: Object, scalers: Iterable[Object] = ()) -> int:
    """How many pods a workload is to have; where it is scaled by load, at least."""
    if workload["kind"] == "DaemonSet":
        return int((workload.get("status") or {}).get("desiredNumberScheduled", 0))
    for scaler in scalers:
        target = scaler["spec"].get("scaleTargetRef") or {}
        if _same_space(scaler, workload) and (target.get("kind"), target.get("name")) == (
            workload["kind"],
            workload["metadata"]["name"],
        ):
            return int(scaler["spec"].get("minReplicas", 1))
    return int(workload["spec"].get("replicas", 1))


# -- what a cluster tells of one


def _complete(draft: Draft, rule: Discovery, one: Object, pods: Iterable[Object]) -> None:
    keys, namespace = draft.component.endpoints, draft.namespace
    if rule.product:
        draft.values["product"] = rule.product
    if rule.tls and _filled(rule.tls, one):
        for key, form in keys.service.items():
            if "{scheme}" in form:
                draft.values[key] = form.replace("{scheme}", "https")
                draft.comments[key] = "it speaks TLS"
    for key, given in rule.set.items():
        if value := _filled(given, one):
            draft.values[key] = value
    for key, given in rule.secrets.items():
        if (value := _filled(given, one)) and value.rpartition("#")[2] and not value.startswith("#"):
            _refer(draft, key, f"{namespace}/{value}", CONVENTION)
    containers = [c for p in pods for c in p["spec"].get("containers") or ()]
    variables = {v["name"]: v for c in containers for v in c.get("env") or ()}
    sources = [source for c in containers for source in c.get("envFrom") or ()]
    for key, names in rule.env.items():
        for name in names:
            if name in variables:
                _from_variable(draft, key, variables[name])
                break
    for key, form in rule.otherwise.items():
        unsaid = key not in draft.values and key not in draft.comments and not sources
        if pods and unsaid and (value := _filled(form, draft.values)):
            draft.values[key], draft.comments[key] = value, "no variable of its pods says another"
    _note_secrets(draft, pods, sources)
    plain = {name: v["value"] for name, v in variables.items() if v.get("value")}
    for key, form in rule.expect.items():
        value = _told(form, {"replicas": None, **one, "env": plain})
        if value not in (None, "", False):
            draft.expect[key] = int(value) if isinstance(value, float) and value.is_integer() else value


def _note_secrets(draft: Draft, pods: Iterable[Object], sources: Iterable[Object]) -> None:
    for source in sources:
        if name := (source.get("secretRef") or {}).get("name"):
            draft.taken.setdefault(f"{draft.namespace}/{name}", str(source.get("prefix", "")))
    for pod in pods:
        for volume in pod["spec"].get("volumes") or ():
            if name := (volume.get("secret") or {}).get("secretName"):
                draft.taken.setdefault(f"{draft.namespace}/{name}", None)


def _refer(draft: Draft, key: str, secret: str, why: str) -> None:
    table, dot, inner = key.partition(".")
    if not SECRET.fullmatch(secret):
        return
    if dot:
        draft.values[table] = {**draft.values.get(table, {}), inner: {"secret": secret}}
    else:
        draft.values[key] = {"secret": secret}
    draft.comments[table] = why


def _from_variable(draft: Draft, key: str, variable: Object) -> None:
    source = variable.get("valueFrom") or {}
    reference = source.get("secretKeyRef")
    if reference:
        why = f"its pods take {variable['name']} from there"
        _refer(draft, key, f"{draft.namespace}/{reference['name']}#{reference['key']}", why)
    elif source:
        draft.comments[key] = f"its pods take {variable['name']} from elsewhere"
    elif key in draft.component.endpoints.secret:
        draft.in_clear.add(key)
        draft.comments[key] = f"stands in clear in its pods' variable {variable['name']}"
    elif variable.get("value"):
        draft.values[key] = variable["value"]
        draft.comments[key] = f"its pods' variable {variable['name']}"


def _words(pods: Iterable[Object]) -> Iterator[str]:
    """What pods are started with, without what is secret."""
    for container in (c for pod in pods for c in pod["spec"].get("containers") or ()):
        yield from (str(word) for word in (*(container.get("command") or ()), *(container.get("args") or ())))
        yield from (str(v["value"]) for v in container.get("env") or () if v.get("value"))


def _is_named(service: str, pods: Iterable[Object]) -> bool:
    """Whether pods are started with the address of a Service; its bare name counts in its own namespace."""
    namespace, _, name = (re.escape(part) for part in service.rpartition(":")[0].partition("/"))
    full = re.compile(rf"(?<![\w.-]){name}\.{namespace}(?![\w-])")
    bare = re.compile(rf"(?<![\w.-]){name}(?![\w.-])")
    for pod in pods:
        near = re.escape(pod["metadata"]["namespace"]) == namespace
        if any(full.search(word) or (near and bare.search(word)) for word in _words([pod])):
            return True
    return False


def _name_by_others(draft: Draft, pods: Iterable[Object]) -> None:
    """Fill in what the pods of components that need this one are started with, where all say the same."""
    for rule in draft.component.discover:
        for key, expression in rule.named_by.items():
            said = {found for word in _words(pods) for found in re.findall(expression, word)}
            if key not in draft.values and len(said) == 1:
                draft.values[key], draft.comments[key] = said.pop(), "what needs it is started with it"


def _told(form: str, one: object) -> Any:
    """What a form of one ``{JMESPath}`` finds as it is, any other as text."""
    whole = re.fullmatch(r"\{([^{}]+)\}", form)
    return _searched(whole[1], one) if whole else _filled(form, one)


def _searched(expression: str, one: object) -> Any:
    import jmespath

    try:
        return jmespath.search(expression, one)
    except jmespath.exceptions.JMESPathError:
        return None  # the resource is of another shape than its operator's


def _filled(form: str, one: object) -> str:
    """The form with each ``{JMESPath}`` replaced by what it finds in the object; empty where one finds nothing."""
    empty = False

    def value(found: re.Match[str]) -> str:
        nonlocal empty
        seen = _searched(found[1], one)
        empty = empty or seen in (None, "", False)
        return str(seen)

    filled = re.sub(r"\{([^{}]+)\}", value, form)
    return "" if empty else filled
