"""Objects that no chart makes: applied server-side, so that their fields are ours, and removed with what they own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from gonogo.cluster.api import KINDS, Api, Declined, Discovered, Kind, MayNot, Right, read
from gonogo.cluster.documents import documents
from gonogo.cluster.judge.shapes import Object, known_as
from gonogo.cluster.paths import Path
from gonogo.cluster.survey import preferred, served
from gonogo.core.codec import decode
from gonogo.core.errors import Absent, ConfigError, Forbidden, Problem
from gonogo.core.outlet import redacted
from gonogo.core.waiting import until

MANAGER = "gonogo"
"""Who owns the fields (kubernetes.io/docs/reference/using-api/server-side-apply)."""

RUN, TARGET, COMPONENT = "gonogo/run", "gonogo/target", "gonogo/component"

APPLY, MERGE = "application/apply-patch+yaml", "application/merge-patch+json"

ESTABLISHED = 10.0
"""Seconds in which a new kind is served: the API server itself takes one or two."""


class Objects:
    """The objects of one cluster, as they are made and removed. All of it raises ``ClientError``."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._kinds: dict[tuple[str, str], Kind] = {}
        self._discovered: dict[Path, Discovered] = {}
        self.custom: dict[str, Kind] = {}
        """Kinds that are not Kubernetes' own, as a world knows them."""

    def kind(self, api_version: str, kind: str) -> Kind:
        """Where such objects live. Raises ``Absent`` where the cluster does not serve the kind."""
        known = KINDS.get(kind)
        if known is not None and known.api_version == api_version:
            return known
        if (api_version, kind) not in self._kinds:
            found = served(self._api, api_version, kind)
            if found is None:
                what = f"the cluster serves no {kind} of {api_version}: its definition (CRD) is not installed"
                raise Absent(self._api.component, what, asked=f"{api_version} {kind}")
            self._kinds[api_version, kind] = found
            self.custom[known_as(api_version, kind)] = found
        return self._kinds[api_version, kind]

    def named(self, kind: str) -> Kind:
        """Of a kind as a world names it, ``StrimziPodSet.core.strimzi.io``. Raises ``Absent`` as :meth:`kind` does."""
        name, _, group = kind.partition(".")
        return self.kind(preferred(self._api, group) or f"{group}/", name) if group else KINDS[name]

    def serves(self, group: str, version: str, plural: str) -> bool:
        """Whether the cluster serves such a resource in this version."""
        try:
            resources = read(self._api, Path("apis", group, version), Discovered).resources
        except Absent:
            return False
        return any(one.name == plural for one in resources)

    def versions(self, api_version: str, kind: str) -> list[str]:
        """The API versions in which the cluster serves a kind of Kubernetes' own: this one, or else all others."""
        known = KINDS[kind].api_version if kind in KINDS else ""
        if api_version == known or self._has(api_version, kind):
            return [api_version]
        group = api_version.rpartition("/")[0]
        there = [one for one in self._discovery(Path("apis")).groups if one.name == group]
        every = [one.preferred_version.version for one in there] + [v.version for one in there for v in one.versions]
        others = dict.fromkeys([*(f"{group}/{one}" for one in every), *filter(None, [known])])
        return [one for one in others if self._has(one, kind)]

    def _has(self, api_version: str, kind: str) -> bool:
        parts = ("apis", *api_version.split("/")) if "/" in api_version else ("api", api_version)
        return any(one.kind == kind for one in self._discovery(Path(*parts)).resources)

    def _discovery(self, path: Path) -> Discovered:
        """What the cluster says there, which is nothing where it is not served."""
        if path not in self._discovered:
            try:
                self._discovered[path] = read(self._api, path, Discovered)
            except Absent:
                self._discovered[path] = Discovered()
        return self._discovered[path]

    def all_served(self, resources: Iterable[str]) -> bool:
        """Whether the cluster serves all of these, each ``plural.group/version``."""
        for one in resources:
            named, _, version = one.rpartition("/")
            plural, _, group = named.partition(".")
            if not self.serves(group, version, plural):
                return False
        return True

    def provides(self, definition: Object) -> bool:
        """Whether the cluster serves every version that a CustomResourceDefinition would have served."""
        spec = definition["spec"]
        versions = [one["name"] for one in spec["versions"] if one.get("served")]
        return all(self.serves(spec["group"], one, spec["names"]["plural"]) for one in versions)

    def find(self, kind: Kind, namespace: str, name: str) -> dict[str, Any] | None:
        """One object; None where it is not there."""
        try:
            return decode(self._api.get(kind.path(namespace or None, name)), dict[str, Any])
        except Absent:
            return None

    def permitted(self, wanted: Iterable[tuple[Kind, str]], *verbs: str) -> None:
        """Raises ``Forbidden`` for the first of these kinds, each with its namespace, that we lack a right to."""
        for kind, space in dict.fromkeys((kind, space if kind.namespaced else "") for kind, space in wanted):
            for verb in verbs:
                needed = Right(verb, kind.resource, space)
                if not self._api.may(needed):
                    raise MayNot(self._api.component, str(needed), asked=f"{verb} {kind.resource}")

    def namespace(self, name: str, labels: Mapping[str, str]) -> dict[str, Any]:
        """The namespace, made with these labels where it is not there; one that is there is used as it is."""
        kind = KINDS["Namespace"]
        there = self.find(kind, "", name)
        if there is not None:
            return there
        try:
            return self._api.change("POST", kind.path(), {"metadata": {"name": name, "labels": dict(labels)}})
        except Declined as error:
            if error.status != 409:
                raise
        return self.namespace(name, labels)  # another component of ours was faster

    def apply(self, obj: Object, namespace: str, labels: Mapping[str, str]) -> dict[str, Any]:
        """Make it, or change what of it is ours; one without a namespace of its own goes to ``namespace``."""
        meta = obj["metadata"]
        kind = self.kind(obj["apiVersion"], obj["kind"])
        marked = {**obj, "metadata": {**meta, "labels": {**meta.get("labels", {}), **labels}}}
        path = kind.path(meta.get("namespace") or namespace, meta["name"])
        return self._api.change("PATCH", path, marked, content=APPLY, fieldManager=MANAGER, force="true")

    def mark(self, kind: Kind, namespace: str, name: str, labels: Mapping[str, str]) -> None:
        """Write these labels on an object that is there, and nothing else; one that is gone is no fault."""
        body = {"metadata": {"labels": dict(labels)}}
        with suppress(Absent):
            self._api.change("PATCH", kind.path(namespace or None, name), body, content=MERGE)

    def define(self, definition: Object, labels: Mapping[str, str]) -> None:
        """Apply a CustomResourceDefinition, and wait until its kind is served.

        One that is made now has these labels. One that is there keeps what it says of who made it, and is used as it
        is where it may not be changed.
        """
        kind = KINDS["CustomResourceDefinition"]
        meta = definition["metadata"]
        name = meta["name"]
        try:
            there = self.find(kind, "", name)
            # what we applied once and do not apply again would be taken off
            said = (there["metadata"].get("labels") or {}) if there else labels
            ours = {key: value for key, value in said.items() if key in (RUN, TARGET, COMPONENT)}
            marked = {**definition, "metadata": {**meta, "labels": {**(meta.get("labels") or {}), **ours}}}
            self._api.change("PATCH", kind.path(name=name), marked, content=APPLY, fieldManager=MANAGER, force="true")
        except Forbidden:
            if not self.provides(definition):
                raise
            return

        def serves() -> bool:
            there = self.find(kind, "", name) or {}
            states = (there.get("status") or {}).get("conditions") or ()
            return any(one.get("type") == "Established" and one.get("status") == "True" for one in states)

        until(serves, awaited=f"the kind {name} to be served", within=ESTABLISHED, every=0.2)

    def remove(self, kind: Kind, namespace: str, name: str) -> str:
        """Ask for its end, and that of what it owns; the uid of what was there, empty where there was nothing."""
        path = kind.path(namespace or None, name)
        there = self.find(kind, namespace, name)
        if there is None:
            return ""
        with suppress(Absent):
            self._api.change("DELETE", path, propagationPolicy="Background")
        return str(there["metadata"]["uid"])

    def waits(self, kind: Kind, namespace: str, name: str, uid: str = "") -> str:
        """What its end waits for: its finalizers, or what a namespace holds yet; empty where it is no more.

        Whatever else has its name is another one, where its ``uid`` is given.
        """
        there = self.find(kind, namespace, name)
        if there is None or (uid and there["metadata"].get("uid") != uid):
            return ""
        if kind == KINDS["Namespace"] and there["metadata"].get("deletionTimestamp"):
            return _content(there) or "what it holds"
        return ", ".join(there["metadata"].get("finalizers", ())) or "deletion"

    def gone(self, kind: Kind, namespace: str, name: str, within: float, uid: str = "") -> None:
        """Wait until it is no more; ``uid`` as in :meth:`waits`. Raises ``NotReady``, naming what it waits for."""
        awaited = f"the end of {kind.kind} {'/'.join(filter(None, (namespace, name)))}"
        left = partial(self.waits, kind, namespace, name, uid)
        until(left, awaited=awaited, within=within, every=0.3, enough=lambda waits: not waits)


def ending(namespace: Object) -> str:
    """That a namespace is being deleted, and what of its content that waits for, as its conditions say it."""
    rest = _content(namespace) or "wait for its end, or see what its finalizers wait for"
    return redacted(f"namespace {namespace['metadata']['name']} is being deleted: {rest}")


def _content(namespace: Object) -> str:
    """What a namespace that ends still holds, in its own words."""
    states = (namespace.get("status") or {}).get("conditions") or ()
    told = [str(one.get("message", "")) for one in states if one.get("status") == "True"]
    return "; ".join(filter(None, told))


class Document(NamedTuple):
    """One document of what helm has rendered, not read yet; kind and version are empty where its lines do not say."""

    api_version: str
    kind: str
    text: str


_BETWEEN = re.compile(r"\n---[ \t]*(?:#[^\n]*)?(?=\n|$)")
"""Documents, as helm itself parts what it has rendered."""

_WORD = re.compile(r"[ \t]*[\"']?([^\s\"'#]+)")


def documented(text: str) -> Iterator[Document]:
    """The documents, each told by its own lines alone: to read a large one takes long."""
    for document in _BETWEEN.split(f"\n{text}"):
        kinds, versions = _said(document, "kind"), _said(document, "apiVersion")
        plain = len(kinds) == len(versions) == 1 and not kinds[0].endswith("List")
        yield Document(versions[0] if plain else "", kinds[0] if plain else "", document)


def _said(document: str, key: str) -> list[str]:
    """What stands behind a key of the outermost mapping."""
    rest = document.split(f"\n{key}:")[1:]
    return [found[1] if (found := _WORD.match(one)) else "" for one in rest]


def objects(source: str, text: str, without: str = "") -> list[Object]:
    """The objects of a manifest, a list's items among them; those of the kind ``without`` are not read.

    Raises ``ConfigError`` for what is no object.
    """
    if without:
        text = "\n---".join(one.text for one in documented(text) if one.kind != without)
    return list(_objects(source, text))


def _objects(source: str, text: str) -> Iterator[Object]:
    for one in documents(source, text.encode()):
        if one is None:
            continue
        inner = one.get("items") if isinstance(one, dict) and str(one.get("kind", "")).endswith("List") else None
        for obj in inner if isinstance(inner, list) else [one]:
            if not isinstance(obj, dict) or not obj.get("apiVersion") or not obj.get("kind"):
                raise ConfigError(Problem(source, "holds a document that is no object: apiVersion or kind is missing"))
            if not (obj.get("metadata") or {}).get("name"):
                raise ConfigError(Problem(source, f"holds a {obj['kind']} without a name"))
            yield obj


def named(obj: Object) -> tuple[str, str, str]:
    """The kind as a world knows it, namespace and name."""
    meta = obj["metadata"]
    return known_as(obj["apiVersion"], obj["kind"]), meta.get("namespace", ""), meta["name"]
