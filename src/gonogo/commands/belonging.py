"""Whose a server of a cluster is: the platform's own, or a part of another product. Pure, and by facts alone.

A product that nobody looks for here (Superset, Airflow, Keycloak) often brings a database, a cache or a search engine
of its own. What tells so: owner references, labels, the Helm release, and names; never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from gonogo.catalog.registry import Component
from gonogo.cluster.api import KINDS
from gonogo.commands.discover import ClusterContents, Object

NAMES = ("app.kubernetes.io/name", "app", "k8s-app")
"""Labels that say which product a pod runs."""

_PART_OF = "app.kubernetes.io/part-of"

HELM = ("app.kubernetes.io/instance", "release", "meta.helm.sh/release-name")
"""Labels and annotations that say which release of a chart an object is of."""

_TOGETHER = (*HELM, _PART_OF, "application-crd-id")
"""The same, and what else the pods of one installation share."""

_FIELDS = ("labels", "annotations")

_BESIDE = re.compile(
    r"mysql|mariadb|mongo|redis|valkey|memcached|zookeeper|rabbitmq|etcd|schema-?registry|exporter|metrics|operator"
    r"|webhook|proxy|pool|bouncer|admin|setup|backup|busybox",
    re.IGNORECASE,
)
"""What serves other products, and owns no database of theirs."""


def meta(one: Object, field: str) -> Mapping[str, Any]:
    """A table of an object's metadata; empty where it has none."""
    found = one["metadata"].get(field)
    return found if isinstance(found, Mapping) else {}


def owners(one: Object) -> Iterator[tuple[str, str, str]]:
    """Group, kind and name of what owns an object, unless that is a kind of Kubernetes itself."""
    references = one["metadata"].get("ownerReferences")
    for reference in references if isinstance(references, list) else ():
        if isinstance(reference, Mapping) and reference.get("kind") not in KINDS:
            group = str(reference.get("apiVersion", "")).partition("/")[0]
            yield group, str(reference.get("kind", "")), str(reference.get("name", ""))


def release(objects: Iterable[Object], keys: Iterable[str] = _TOGETHER) -> str:
    """The Helm release, or by the ``keys`` what else the objects are a part of; empty where nothing says so."""
    told = (str(meta(one, field).get(key, "")) for one in objects for key in keys for field in _FIELDS)
    return next(filter(None, told), "")


def image_names(pod: Object) -> list[str]:
    """The images of a pod without registry and folder: ``postgres:17``."""
    return [str(container.get("image", "")).rpartition("/")[2] for container in pod["spec"].get("containers") or ()]


def products(pod: Object) -> list[str]:
    """What the pod says it runs: its labels, else its images' names."""
    labels = meta(pod, "labels")
    named = [str(labels[key]) for key in NAMES if labels.get(key)]
    return named or [re.split("[:@]", name)[0] for name in image_names(pod)]


def fits(component: Component, named: str) -> bool:
    """Whether an image, label or name is that of the component, by what its rules say."""
    return any(rule.name and re.search(rule.name, named, re.IGNORECASE) for rule in component.discover)


class Neighbours:
    """What stands in the cluster beside a server."""

    def __init__(self, seen: ClusterContents, components: Iterable[Component]) -> None:
        self.seen, self.components = seen, tuple(components)
        self._runs = {id(pod): frozenset(self._known(pod)) for pod in seen.pods}

    def _known(self, pod: Object) -> Iterator[str]:
        labels = meta(pod, "labels")
        texts = [*image_names(pod), *(str(labels[key]) for key in NAMES if labels.get(key))]
        yield from (c.name for c in self.components if any(fits(c, text) for text in texts))

    def runs(self, pods: Iterable[Object]) -> set[str]:
        """The components whose servers these pods may be."""
        return {name for pod in pods for name in self._runs[id(pod)]}

    def others(self, pods: Iterable[Object]) -> set[str]:
        """The products of these pods that are no component and may have servers of their own."""
        named = {name for pod in pods if not self._runs[id(pod)] for name in products(pod)}
        return {name for name in named if len(name) > 2 and not _BESIDE.search(name)}

    @cached_property
    def everywhere(self) -> set[str]:
        """All such products of the cluster."""
        return self.others(self.seen.pods)

    def of(self, namespace: str) -> list[Object]:
        """The pods of a namespace."""
        return [pod for pod in self.seen.pods if pod["metadata"]["namespace"] == namespace]

    def needing(self, component: Component) -> list[Object]:
        """The pods of components that need this one."""
        names = {c.name for c in self.components if component.name in c.needs}
        return [pod for pod in self.seen.pods if self._runs[id(pod)] & names]

    def in_release(self, namespace: str, name: str) -> list[Object]:
        """The pods of a release; none where it has no name."""
        return [pod for pod in self.of(namespace) if name and release([pod]) == name]

    def needed_beside(self, component: Component, namespace: str, objects: Iterable[Object]) -> bool:
        """Whether a component that needs this one is of the same release."""
        beside = self.in_release(namespace, release(objects))
        needing = {id(pod) for pod in self.needing(component)}
        return any(id(pod) in needing for pod in beside)

    def product(self, component: Component, name: str, objects: list[Object], pods: list[Object]) -> str:
        """The other product that a server belongs to, and what says so; empty where nothing does.

        ``name`` is the server's Service or custom resource, ``objects`` are these, its workloads and its pods.
        """
        namespace = objects[0]["metadata"]["namespace"]
        around = self.of(namespace)
        beside, own = self.others(around), {id(pod) for pod in pods}
        for group, kind, owner in (reference for one in objects for reference in owners(one)):
            if not _operates(component, group, kind):
                return f"{kind} {owner} owns it"
        if stands_in := {str(meta(one, "labels").get(_PART_OF, "")) for one in objects} & beside:
            return f"it is labelled as a part of {min(stands_in)}"
        same = {label for pod in pods for label in products(pod) if not fits(component, label)} & beside
        if same and len(self.runs(around) - {component.name}) < 2:
            return f"its pods are labelled {min(same)}, as others of that product"
        for word in sorted(self.everywhere, key=len, reverse=True):
            if name.startswith(f"{word}-") or name.endswith(f"-{word}"):
                return f"it is named after {word}"
        if not self.needed_beside(component, namespace, objects):
            of_release = self.in_release(namespace, called := release(objects))
            more = self.others(pod for pod in of_release if id(pod) not in own)
            if more and (called in more or len(self.runs(of_release) - {component.name}) < 2):
                return f"release {called} is also {', '.join(sorted(more)[:3])}"
            if namespace in beside and not self.runs(around) - {component.name}:
                return f"it stands in the namespace of {namespace}"
        return ""


def _operates(component: Component, group: str, kind: str) -> bool:
    """Whether a custom resource that owns a server is the component's own, of its operator."""
    domains = {rule.resource.partition(".")[2].partition("/")[0] for rule in component.discover if rule.resource}
    ends = {tuple(domain.split(".")[-2:]) for domain in domains}
    return fits(component, f"{kind}.{group}") or tuple(group.split(".")[-2:]) in ends
