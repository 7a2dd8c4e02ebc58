"""Drafts a target file for a cluster: which Services and custom resources are components, and why.

How a component is recognised is data of its folder (``[[discover]]``). No Secret is ever read: which one holds a
password is what the server's own pods refer to, or an operator's convention, and a comment says which of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Required, TypedDict

from gonogo.catalog.registry import Component, Discovery
from gonogo.catalog.target import SECRET, SERVICE, Kubernetes
from gonogo.cluster.api import KINDS, Api, Kind, items
from gonogo.commands.attach import text, toml
from gonogo.core.errors import Absent, Forbidden

Object = Mapping[str, Any]

CONVENTION = "by the operator's convention; not looked at"


class _Named(TypedDict):
    name: str
    namespace: str


class _Labelled(_Named, total=False):
    labels: dict[str, str]


class _Port(TypedDict, total=False):
    name: str
    port: Required[int]
    targetPort: int | str


class _ServiceSpec(TypedDict, total=False):
    clusterIP: str
    selector: dict[str, str]
    ports: list[_Port]


class _Key(TypedDict):
    name: str
    key: str


class _From(TypedDict, total=False):
    secretKeyRef: _Key


class _Variable(TypedDict, total=False):
    name: Required[str]
    value: str
    valueFrom: _From


class _Container(TypedDict, total=False):
    image: str
    env: list[_Variable]


class _Mounted(TypedDict, total=False):
    secretName: str


class _Volume(TypedDict, total=False):
    secret: _Mounted


class _PodSpec(TypedDict, total=False):
    containers: list[_Container]
    volumes: list[_Volume]


class _Service(TypedDict):
    metadata: _Named
    spec: _ServiceSpec


class _Pod(TypedDict):
    metadata: _Labelled
    spec: _PodSpec


@dataclass
class Draft:
    """The table of one component as it will be printed: key to value, and key to why."""

    component: Component
    why: str
    service: str
    values: dict[str, Any] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    mounted: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ClusterContents:
    """What is known of a cluster: Services, pods, and custom resources by ``plural.group/version``.

    ``refused`` tells which rights were missing, ``unasked`` which of these could be listed nowhere.
    """

    services: tuple[Object, ...]
    pods: tuple[Object, ...]
    resources: Mapping[str, tuple[Object, ...]]
    refused: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()


def look(api: Api, components: Iterable[Component], namespaces: Iterable[str]) -> ClusterContents:
    """List what components may be recognised by; ``namespaces``: all of the cluster, where none is given.

    What we may not list in all namespaces is listed in the context's. Raises ``ClientError``.
    """
    refused: list[str] = []
    named = {rule.resource for c in components for rule in c.discover if rule.resource}
    wanted = {"services": KINDS["Service"], "pods": KINDS["Pod"], **{name: _kind(name) for name in sorted(named)}}
    listed = {name: _listed(api, kind, tuple(namespaces), refused) for name, kind in wanted.items()}
    found = {name: tuple(objects or ()) for name, objects in listed.items()}
    unasked = tuple(name for name, objects in listed.items() if objects is None)
    return ClusterContents(found.pop("services"), found.pop("pods"), found, tuple(refused), unasked)


def _kind(resource: str) -> Kind:
    """``kafkas.kafka.strimzi.io/v1``."""
    plural, _, rest = resource.partition(".")
    group, _, version = rest.partition("/")
    return Kind(group, version, plural, plural, True)


def _listed(api: Api, kind: Kind, namespaces: tuple[str, ...], refused: list[str]) -> list[Object] | None:
    """The objects of a kind, None where we may list it nowhere."""
    found: list[list[Object] | None] = []
    for namespace in namespaces or (None,):
        try:
            found.append(_items(api, kind, namespace))
        except Absent:
            return []
        except Forbidden as error:
            refused.append(str(error))
            found.append(_listed(api, kind, (api.namespace,), refused) if namespace is None else None)
    asked = [objects for objects in found if objects is not None]
    return [one for objects in asked for one in objects] if asked else None


def _items(api: Api, kind: Kind, namespace: str | None) -> list[Object]:
    shapes: dict[Kind, type[Object]] = {KINDS["Service"]: _Service, KINDS["Pod"]: _Pod}
    if kind in shapes:
        return list(items(api, kind, shapes[kind], namespace))
    found = list(items(api, kind, dict[str, Any], namespace))
    return [one for one in found if _has_names(one)]


def _has_names(one: Object) -> bool:
    meta = one.get("metadata")
    return isinstance(meta, dict) and all(isinstance(meta.get(key), str) for key in ("name", "namespace"))


# -- recognising: pure


def drafts(seen: ClusterContents, components: Iterable[Component]) -> list[Draft]:
    """One draft for each component that was recognised; its first rule that finds something counts."""
    found = []
    for component in components:
        for rule in component.discover:
            candidates = [*(_by_resource if rule.resource else _by_service)(seen, component, rule)]
            if candidates:
                first, *rest = candidates
                first.others = [other.service for other in rest]
                found.append(first)
                break
    return found


def _by_resource(seen: ClusterContents, component: Component, rule: Discovery) -> Iterator[Draft]:
    for one in seen.resources.get(rule.resource, ()):
        namespace, port = one["metadata"]["namespace"], _filled(rule.port, one)
        if not port:
            continue
        name = f"{rule.resource.partition('/')[0]} {namespace}/{one['metadata']['name']}"
        service = f"{namespace}/{_filled(rule.service, one)}:{port}"
        if not SERVICE.fullmatch(service):
            continue
        draft = Draft(component, f"custom resource {name}", service)
        _complete(draft, rule, one, namespace, ())
        yield draft


def _by_service(seen: ClusterContents, component: Component, rule: Discovery) -> Iterator[Draft]:
    # a headless Service is for the servers among themselves, as long as there is another
    for one in sorted(seen.services, key=lambda s: s.get("spec", {}).get("clusterIP") == "None"):
        meta, spec = one["metadata"], one.get("spec", {})
        for port in spec.get("ports") or ():
            if str(port.get("targetPort")) not in rule.ports and str(port["port"]) not in rule.ports:
                continue
            pods = [p for p in seen.pods if _selects(one, p)]
            why = _recognised(rule, one, pods)
            where = f"{meta['namespace']}/{meta['name']}:{port['port']}"
            if why and SERVICE.fullmatch(where):
                draft = Draft(component, f"Service on port {port['port']} whose {why}", where)
                _complete(draft, rule, {**one, "port": port}, meta["namespace"], pods)
                yield draft


def _recognised(rule: Discovery, service: Object, pods: Iterable[Object]) -> str:
    """By what: the pods' image, their labels, or at last the Service's own name."""
    wanted = re.compile(rule.name, re.IGNORECASE)
    for pod in pods:
        for container in pod["spec"].get("containers", ()):
            image = str(container.get("image", ""))
            if wanted.search(image.rpartition("/")[2]):
                return f"pods run image {image}"
        for key, value in (pod["metadata"].get("labels") or {}).items():
            if key in ("app", "app.kubernetes.io/name") and wanted.search(value):
                return f"pods have label {key}={value}"
    name = str(service["metadata"]["name"])
    return f"name is {name}" if wanted.search(name) else ""


def _selects(service: Object, pod: Object) -> bool:
    selector = service.get("spec", {}).get("selector") or {}
    same = service["metadata"]["namespace"] == pod["metadata"]["namespace"]
    labels = pod["metadata"].get("labels") or {}
    return same and bool(selector) and selector.items() <= labels.items()


def _complete(draft: Draft, rule: Discovery, one: Object, namespace: str, pods: Iterable[Object]) -> None:
    keys = draft.component.endpoints
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
    mounts = [v.get("secret") or {} for p in pods for v in p["spec"].get("volumes") or ()]
    draft.mounted = [f"{namespace}/{name}" for name in dict.fromkeys(m.get("secretName") for m in mounts) if name]
    variables = {v["name"]: v for p in pods for c in p["spec"].get("containers", ()) for v in c.get("env", ())}
    for key, names in rule.env.items():
        for name in names:
            if name in variables:
                _from_variable(draft, key, variables[name], namespace)
                break


def _refer(draft: Draft, key: str, secret: str, why: str) -> None:
    table, dot, inner = key.partition(".")
    if not SECRET.fullmatch(secret):
        return
    if dot:
        draft.values[table] = {**draft.values.get(table, {}), inner: {"secret": secret}}
    else:
        draft.values[key] = {"secret": secret}
    draft.comments[table] = why


def _from_variable(draft: Draft, key: str, variable: Object, namespace: str) -> None:
    reference = (variable.get("valueFrom") or {}).get("secretKeyRef")
    if reference:
        why = f"its pods take {variable['name']} from there"
        _refer(draft, key, f"{namespace}/{reference['name']}#{reference['key']}", why)
    elif key in draft.component.endpoints.secret:
        draft.comments[key] = f"stands in clear in its pods' variable {variable['name']}"
    elif variable.get("value"):
        draft.values[key] = variable["value"]
        draft.comments[key] = f"its pods' variable {variable['name']}"


def _filled(form: str, one: Object) -> str:
    """The form with each ``{JMESPath}`` replaced by what it finds in the object; empty where one finds nothing."""
    import jmespath

    empty = False

    def value(found: re.Match[str]) -> str:
        nonlocal empty
        try:
            seen = jmespath.search(found[1], one)
        except jmespath.exceptions.JMESPathError:
            seen = None  # the resource is of another shape than its operator's
        empty = empty or seen in (None, "", False)
        return str(seen)

    filled = re.sub(r"\{([^{}]+)\}", value, form)
    return "" if empty else filled


# -- writing


def target_file(
    components: Iterable[Component], seen: ClusterContents, settings: Kubernetes, context: str, identity: str
) -> str:
    """The draft as TOML; what a person has to add stands in it as a comment."""
    components = list(components)
    found = drafts(seen, components)
    places = sorted({draft.service.partition("/")[0] for draft in found})
    lines = [
        "# A draft: read it through, and add what is marked. Comments say why each Service was chosen.",
        "[target]",
        f"name = {text(_plain(context))}",
        'provider = "existing"',
        'modes = ["read"] # add "write" where checks may create objects of their own',
        'capabilities = ["kubernetes"]',
        "",
        "[kubernetes]",
        *([f"kubeconfig = {text(settings.kubeconfig)}"] if settings.kubeconfig else []),
        f"context = {text(context)}",
        *([f"identity = {text(identity)}"] if identity else []),
        f"namespaces = {toml(list(settings.namespaces) or places)}",
    ]
    for draft in found:
        lines += ["", *_table(draft)]
    names = {draft.component.name for draft in found}
    missing = [c.name for c in components if c.discover and c.name not in names]
    if missing:
        lines += ["", f"# Not found: {', '.join(missing)}"]
    lines += [f"# Not looked at: {refusal}" for refusal in seen.refused]
    return "\n".join(map(_line, lines)) + "\n"


def _line(told: str) -> str:
    """What a cluster says in a comment must not end it: the next line would be another key of the file."""
    return "".join(letter if letter.isprintable() else "�" for letter in told)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-") or "cluster"


def _table(draft: Draft) -> Iterator[str]:
    component = draft.component
    yield f"# {component.title}: {draft.why}"
    if draft.others:
        yield f"# others like it: {', '.join(draft.others)}"
    yield f"[components.{component.name}]"
    yield f"service = {text(draft.service)}"
    for key, value in draft.values.items():
        yield f"{key} = {toml(value)}" + (f" # {draft.comments[key]}" if key in draft.comments else "")
    keys = component.endpoints
    for key in keys.all:
        if key in draft.values or key in keys.service or key not in (*keys.required, *keys.secret):
            continue
        secret = key in keys.secret
        form = f'{{ secret = "{draft.mounted[0] if draft.mounted else "namespace/name"}#key" }}' if secret else '"…"'
        why = draft.comments.get(key, "")
        if not why and secret and draft.mounted:
            why = f"its pods mount {', '.join(draft.mounted)}"
        needed = "required" if key in keys.required else "if it is needed"
        yield f"# {key} = {form} # {needed}; {why or 'not told by the cluster'}"
