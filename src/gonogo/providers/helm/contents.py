"""What namespaces hold, by its metadata alone: whose each object is, and what holds it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from gonogo.cluster.api import KINDS, Api, Discovered, Kind, read
from gonogo.cluster.paths import Path
from gonogo.core.errors import Absent, ClusterLost, Forbidden
from gonogo.core.waiting import Deadline, pause
from gonogo.providers.helm.objects import TARGET

HELM = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"
"""Annotations of every object that a release made, but of its hooks (helm, pkg/action/validate.go)."""

HOOK = "helm.sh/hook"

KEEP = "helm.sh/resource-policy"
"""An annotation: ``keep`` has helm leave the object where it is."""

PASSING = frozenset({"Event", "Endpoints", "EndpointSlice", "Lease", "ControllerRevision"})
"""Kinds that others write about what is there, and that mean nothing without it."""

ALWAYS = frozenset(
    {
        ("ConfigMap", "kube-root-ca.crt"),
        ("ConfigMap", "istio-ca-root-cert"),
        ("ConfigMap", "openshift-service-ca.crt"),
        ("ServiceAccount", "default"),
    }
)
"""What a cluster makes in every namespace by itself."""


LINGERS = 5.0
"""Seconds after the end of a group's last definition in which the API server may still list the group."""


class Thing(NamedTuple):
    """An object by its metadata."""

    kind: Kind
    meta: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.meta["name"])

    @property
    def namespace(self) -> str:
        """Empty where it is in none."""
        return str(self.meta.get("namespace", ""))

    @property
    def uid(self) -> str:
        """Which one it is, of all that ever had its name."""
        return str(self.meta.get("uid", ""))

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        return self.meta.get("labels") or {}

    @property
    def annotations(self) -> Mapping[str, str]:
        """Its annotations."""
        return self.meta.get("annotations") or {}

    @property
    def owners(self) -> list[str]:
        """The uids of what it goes with."""
        return [str(one.get("uid", "")) for one in self.meta.get("ownerReferences") or ()]

    @property
    def finalizers(self) -> list[str]:
        """What has to be done before it is gone, and by whom."""
        return list(self.meta.get("finalizers") or ())

    @property
    def release(self) -> tuple[str, str]:
        """Namespace and name of the release that made it; both empty where none says so."""
        name, space = HELM
        return str(self.annotations.get(space, "")), str(self.annotations.get(name, ""))

    def __str__(self) -> str:
        return f"{self.kind.kind} {'/'.join(filter(None, (self.namespace, self.name)))}"


class Contents(NamedTuple):
    """The objects of some namespaces; ``unseen``, ``RESOURCE in NAMESPACE``, is what may not be listed there."""

    things: list[Thing]
    unseen: list[str]

    def of(self, kind: str) -> Iterator[Thing]:
        """Those of a built-in kind."""
        return (one for one in self.things if one.kind == KINDS[kind])


def kinds(api: Api) -> tuple[list[Kind], list[str]]:
    """Every kind of namespaced object that can be listed and removed, and the groups that do not answer.

    Raises ``ClientError``.
    """
    deadline = Deadline(LINGERS)
    while True:
        found, silent, absent = _kinds(api)
        if not absent or deadline.passed:
            return found, silent + absent
        pause(0.3, reason="the API server lists a group for a while whose last definition has gone")


def _kinds(api: Api) -> tuple[list[Kind], list[str], list[str]]:
    places = [(Kind("", "v1", "", "", True), read(api, Path("api", "v1"), Discovered))]
    silent, absent = list[str](), list[str]()
    for group in read(api, Path("apis"), Discovered).groups:
        place = Kind(group.name, group.preferred_version.version, "", "", True)
        try:
            places.append((place, read(api, Path("apis", place.group, place.version), Discovered)))
        except ClusterLost:  # a server of somebody else's, behind an APIService
            silent.append(place.api_version)
        except Absent:
            absent.append(place.api_version)
    found = [
        place._replace(plural=one.name, kind=one.kind)
        for place, served in places
        for one in served.resources
        if one.namespaced and "/" not in one.name and {"list", "delete"} <= set(one.verbs)
    ]
    return found, silent, absent


def contents(api: Api, spaces: Iterable[str]) -> Contents:
    """What these namespaces hold. Raises ``ClientError``, but where something may not be listed."""
    found: dict[str, Thing] = {}
    spaces = list(spaces)
    every, silent = kinds(api) if spaces else ([], [])
    unseen = [f"{group} in {space}" for group in silent for space in spaces]
    for space in spaces:
        for kind in every:
            try:
                listed = api.metadata(kind, space)
            except Forbidden:
                unseen.append(f"{kind.resource} in {space}")
                continue
            except Absent:  # its definition has gone meanwhile
                continue
            for meta in listed:
                thing = Thing(kind, {"namespace": space, **meta})
                found.setdefault(thing.uid or f"{thing.kind.resource} {thing}", thing)  # an Event is served twice
    return Contents(list(found.values()), unseen)


def stands_alone(thing: Thing) -> bool:
    """Whether somebody made it, and it does not come and go with something else."""
    if thing.kind.kind in PASSING or (thing.kind.kind, thing.name) in ALWAYS or thing.owners:
        return False
    return "kubernetes.io/service-account.name" not in thing.annotations


def labelled(thing: Thing, target: str) -> bool:
    """Whether gonogo made it for this target."""
    return thing.labels.get(TARGET) == target


def asked(api: Api, kind: Kind, *, labels: str = "") -> list[Thing] | None:
    """All such objects of the cluster; None where they may not be listed, an empty list where nobody serves them."""
    try:
        return [Thing(kind, meta) for meta in api.metadata(kind, labels=labels)]
    except Forbidden:
        return None
    except Absent:
        return []
