"""Whose an object is that has the name of one of ours: nothing of somebody else's is installed over or removed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import msgspec

from gonogo.cluster.api import KINDS, Api, Kind, items
from gonogo.cluster.judge.shapes import Object
from gonogo.core.errors import Absent, Forbidden
from gonogo.providers.helm.contents import HOOK, Thing
from gonogo.providers.helm.objects import TARGET, Objects
from gonogo.providers.helm.seen import Seen

TRACKING = "argocd.argoproj.io/tracking-id"
"""Argo CD's annotation, ``APPLICATION:GROUP/KIND:NAMESPACE/NAME`` of the object that it was written for."""

INSTANCE = "app.kubernetes.io/instance"
"""The label by which it tracks otherwise, its value an Application's name; charts write it too, with a release's."""

APPLICATIONS = Kind("argoproj.io", "v1alpha1", "applications", "Application", True)

ATTACH = "attach with provider existing, `gonogo endpoints --discover` drafts the target"

SHOWN = 3
"""Objects of somebody else's that are named; of more, how many."""


class _Listed(msgspec.Struct):
    kind: str = ""
    name: str = ""
    group: str = ""
    namespace: str = ""


class _State(msgspec.Struct):
    resources: list[_Listed] | None = None


class _Application(msgspec.Struct):
    metadata: dict[str, Any]
    status: _State = msgspec.field(default_factory=_State)


class Tracking:
    """What Argo CD tracks in one cluster."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def by(self, thing: Thing) -> str:
        """The Application that tracks it; empty where none does. Raises ``ClientError``."""
        application, _, rest = str(thing.annotations.get(TRACKING, "")).partition(":")
        kind, _, place = rest.partition(":")
        space, _, name = place.rpartition("/")
        # an operator copies annotations to what it makes, which is tracked by nobody then
        same = kind == f"{thing.kind.group}/{thing.kind.kind}" and name == thing.name
        if application and same and thing.namespace in ("", space):
            return application
        instance = str(thing.labels.get(INSTANCE, ""))
        known = self._listed.get(instance, frozenset()) if instance else ()
        return instance if (thing.kind.group, thing.kind.kind, thing.namespace, thing.name) in known else ""

    @cached_property
    def _listed(self) -> dict[str, frozenset[tuple[str, str, str, str]]]:
        """What each Application says that it consists of; none where they are not served or may not be listed."""
        found: dict[str, frozenset[tuple[str, str, str, str]]] = {}
        try:
            for one in items(self._api, APPLICATIONS, _Application):
                listed = {(each.group, each.kind, each.namespace, each.name) for each in one.status.resources or ()}
                name = str(one.metadata["name"])
                found[name] = found.get(name, frozenset()) | listed
        except (Absent, Forbidden):
            pass
        return found


class Wanted(NamedTuple):
    """An object that is to be made in ``namespace``, unless it names another or is in none.

    It is of the release of that name there, or where that is empty made by gonogo itself.
    """

    obj: Object
    namespace: str
    release: str = ""


class Ownership:
    """Whether what is to be made would be made over something else. All of it raises ``ClientError``."""

    def __init__(self, api: Api, objects: Objects, seen: Seen, target: str) -> None:
        self._objects, self._seen, self._target = objects, seen, target
        self._tracking = Tracking(api)

    def foreign(self, wanted: Iterable[Wanted]) -> str:
        """What is there already and not ours, as a sentence; empty where nothing is."""
        told = list(dict.fromkeys(self._foreign(wanted)))
        if not told:
            return ""
        tracked = any(application for _, _, application in told)
        named = "; ".join(f"{what} is there already and {whose}" for what, whose, _ in told[:SHOWN])
        more = f"; and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
        left = "it was left as it is" if len(told) == 1 else "they were left as they are"
        return f"{named}{more}; {left}" + (f": {ATTACH}" if tracked else "")

    def _foreign(self, wanted: Iterable[Wanted]) -> Iterator[tuple[str, str, str]]:
        """What it is, whose, and the Application that tracks it."""
        for one in wanted:
            thing = self._found(one)
            if thing is None:
                continue
            if application := self._tracking.by(thing):
                yield str(thing), f"Argo CD tracks it (Application {application})", application
            elif whose := self._whose(thing, one):
                yield str(thing), whose, ""

    def tracked(self, obj: Object) -> str:
        """The Application that tracks what is there of the object's name; empty where none does."""
        thing = self._found(Wanted(obj, ""))
        return self._tracking.by(thing) if thing else ""

    def _whose(self, thing: Thing, wanted: Wanted) -> str:
        """Of whom it is; empty where it is ours."""
        if wanted.release and HOOK in (wanted.obj["metadata"].get("annotations") or {}):
            # helm says on a hook that it is one, and not of which release
            return "" if HOOK in thing.annotations else _owner(thing)
        if wanted.release:
            return "" if thing.release == (wanted.namespace, wanted.release) else _owner(thing)
        ours = thing.labels.get(TARGET) == self._target
        return "" if ours else _owner(thing) if any(thing.release) else "not of this target"

    def _found(self, wanted: Wanted) -> Thing | None:
        obj, meta = wanted.obj, wanted.obj["metadata"]
        try:
            kind = self._objects.kind(obj["apiVersion"], obj["kind"])
        except Absent:  # its definition comes with what is installed
            return None
        space = (meta.get("namespace") or wanted.namespace) if kind.namespaced else ""
        try:
            if space:
                every = (Thing(kind, {"namespace": space, **one}) for one in self._seen.metadata(kind, space))
                return next((one for one in every if one.name == meta["name"]), None)
            there = self._objects.find(kind, "", meta["name"])
        except Forbidden:  # then it cannot be made either, and who tries that says so
            return None
        return Thing(kind, there["metadata"]) if there else None


def _owner(thing: Thing) -> str:
    """Of whom an object is that is not ours."""
    space, name = thing.release
    if name:
        return f"of release {name} in namespace {space}"
    target = thing.labels.get(TARGET)
    return f"of target {target!r}" if target else "of no release"


def made(kind: str, name: str, namespace: str) -> Wanted:
    """What gonogo makes itself, of a built-in kind."""
    return Wanted({"apiVersion": KINDS[kind].api_version, "kind": kind, "metadata": {"name": name}}, namespace)
