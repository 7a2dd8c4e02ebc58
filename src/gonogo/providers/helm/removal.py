"""One component on its way down: what is ours and nothing else, what holds others before what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from gonogo.cluster.api import KINDS, Api
from gonogo.core.errors import Absent
from gonogo.core.waiting import Deadline
from gonogo.providers.helm.objects import TARGET, Objects
from gonogo.providers.helm.program import Helm, HelmRelease
from gonogo.providers.helm.recipe import HelmRecipe

REMOVED = 180.0
"""Seconds until what one component was made of must be gone."""


class Goes(NamedTuple):
    """Something that is removed; ``lost`` says what nobody can bring back."""

    what: str
    lost: str = ""

    def __str__(self) -> str:
        return f"{self.what} ({self.lost})" if self.lost else self.what


class Removal:
    """One component of one target, as it is in the cluster now."""

    def __init__(self, recipe: HelmRecipe, helm: Helm, api: Api) -> None:
        self.recipe, self._spec, self._helm, self._api = recipe, recipe.spec, helm, api
        self._objects, self._target = Objects(api), recipe.place.target

    def goes(self) -> list[Goes]:
        """What would be removed, disks first."""
        found = [
            Goes(f"PersistentVolumeClaim {space}/{name}", f"its data, {size}") for space, name, size in self._claims()
        ]
        found += [Goes(f"{kind.kind} {space}/{name}") for kind, space, name in self._applied()]
        found += [Goes(f"release {one.name} in namespace {one.namespace} ({one.chart})") for one in self.releases()]
        return found + [Goes(f"Secret {space}/{name}") for space, name in self._secrets()]

    def remove(self) -> None:
        """Objects of operators first, while those still run; releases; claims; Secrets. Raises ``NotReady``."""
        deadline = Deadline(REMOVED)
        for kind, space, name in reversed(list(self._applied())):
            if self._objects.remove(kind, space, name):
                self._objects.gone(kind, space, name, deadline.left)
        for release in reversed(self.releases()):
            self._helm.uninstall(release.name, release.namespace, deadline.left)
        for space, name, _ in list(self._claims()):
            self._objects.remove(KINDS["PersistentVolumeClaim"], space, name)
        for space, name in list(self._secrets()):
            self._objects.remove(KINDS["Secret"], space, name)
        for space, name, _ in list(self._claims()):
            self._objects.gone(KINDS["PersistentVolumeClaim"], space, name, deadline.left)

    def releases(self) -> list[HelmRelease]:
        """Its releases that are this target's, in the order in which they were installed; no shared ones."""
        there = {(o.namespace, o.name): o for space in self.recipe.spaces() for o in self._helm.list(space)}
        wanted = [(self.recipe.space_of(one), one.name) for one in self._spec.releases if not one.shared]
        return [there[place] for place in wanted if place in there and there[place].target == self._target]

    def _applied(self) -> Iterator[tuple[Any, str, str]]:
        """The objects of its manifests that are there and this target's."""
        for manifest in self._spec.manifests:
            for obj in self.recipe.manifest(manifest):
                try:
                    kind = self._objects.kind(obj["apiVersion"], obj["kind"])
                except Absent:  # the kind is gone, and with it its objects
                    continue
                space = (obj["metadata"].get("namespace") or self.recipe.space_of(manifest)) if kind.namespaced else ""
                if self._ours(self._objects.find(kind, space, obj["metadata"]["name"])):
                    yield kind, space, obj["metadata"]["name"]

    def _claims(self) -> Iterator[tuple[str, str, str]]:
        """Namespace, name and size of the volume claims that are its own."""
        kind = KINDS["PersistentVolumeClaim"]
        for selector in self._spec.claims:
            for meta in self._api.metadata(kind, self.recipe.namespace, labels=selector):
                there = self._objects.find(kind, self.recipe.namespace, meta["name"]) or {}
                size = ((there.get("spec") or {}).get("resources") or {}).get("requests", {}).get("storage", "?")
                yield self.recipe.namespace, meta["name"], size

    def _secrets(self) -> Iterator[tuple[str, str]]:
        for name in (f"gonogo-{self.recipe.component}", *self._spec.secrets):
            if self._ours(self._objects.find(KINDS["Secret"], self.recipe.namespace, name)):
                yield self.recipe.namespace, name

    def _ours(self, there: dict[str, Any] | None) -> bool:
        return there is not None and there["metadata"].get("labels", {}).get(TARGET) == self._target
