"""Looks at what components would be given before anything is installed: values, what charts make of them, manifests."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

import yaml

from gonogo.cluster.api import KINDS, Api
from gonogo.cluster.judge.shapes import BUILT_IN, Object
from gonogo.cluster.survey import preferred, served
from gonogo.core.errors import ClientError, ConfigError, Forbidden, NotReady
from gonogo.core.home import home
from gonogo.providers.helm.charts import KeptChart, fetch
from gonogo.providers.helm.kept import defined
from gonogo.providers.helm.mistakes import Definition, Mistake, definitions, of_objects, of_values, of_versions
from gonogo.providers.helm.objects import TARGET, Document, Objects, documented, objects
from gonogo.providers.helm.program import Helm, HelmFailed, Installation
from gonogo.providers.helm.recipe import HelmRecipe, digest
from gonogo.providers.helm.seen import Seen
from gonogo.providers.helm.spec import Release
from gonogo.providers.helm.values import ChartKeys, declared

CRD = "CustomResourceDefinition"


class _Made(NamedTuple):
    """What helm makes of a release: objects that have to be read, and those of Kubernetes' own kinds.

    Definitions (CRDs) are among the latter, and are long.
    """

    resources: list[Object]
    plain: list[Document]


class _Charted(NamedTuple):
    """A release whose chart is here, with what it declares."""

    recipe: HelmRecipe
    release: Release
    chart: KeptChart
    keys: ChartKeys


class Inspection:
    """One look at a target. The cluster is asked for definitions (CRDs), as far as it can be and no chart has them."""

    def __init__(
        self,
        helm: Helm,
        objects: Objects,
        api: Api,
        target: str,
        others: Iterable[HelmRecipe] = (),
        seen: Seen | None = None,
    ) -> None:
        """``others`` are all recipes of the target: an operator of one may define what another makes.

        What is right already is rendered no more where releases are ``seen``.
        """
        self._seen = seen
        self._helm, self._objects, self._api, self._target, self._others = helm, objects, api, target, others
        self._charted: list[_Charted] = []
        self._made: dict[str, _Made] = {}
        self._known: dict[tuple[str, str], Definition | Literal[False] | None] = {}
        self._offered: dict[tuple[str, str], list[str]] = {}
        self._unasked = self._unseen = False
        self.unread: dict[str, str] = {}
        """Definitions that may not be read, each with why: of their objects no field is judged."""

    def of(self, recipes: Sequence[HelmRecipe]) -> list[Mistake]:
        """What is wrong with them, in their order. Raises ``ConfigError`` for a template that cannot be rendered."""
        rendered = self._looked_into(recipes)
        return [one for recipe in recipes for one in self._mistakes(recipe, rendered)]

    def _looked_into(self, recipes: Iterable[HelmRecipe]) -> dict[tuple[str, str], _Made | Mistake]:
        """What helm makes of their releases, by component and release."""
        new = []
        for recipe in recipes:
            for release in recipe.spec.releases:
                try:
                    chart = fetch(release, recipe.folder, home())
                except ConfigError:
                    self._unseen = True
                    continue  # stops its component, when it comes to it
                new.append(_Charted(recipe, release, chart, declared(chart.path)))
        with ThreadPoolExecutor(os.cpu_count()) as side_by_side:
            every = [*side_by_side.map(self._rendered, new)]
        self._charted += new
        rendered = {}
        for one, told in zip(new, every, strict=True):
            rendered[one.recipe.component, one.release.name] = told
            if isinstance(told, _Made):
                self._made[one.release.name] = told
            else:
                self._unseen = True
        return rendered

    def _mistakes(self, recipe: HelmRecipe, rendered: dict[tuple[str, str], _Made | Mistake]) -> Iterator[Mistake]:
        found = [*self._of_recipe(recipe, rendered)]
        if found and not recipe.place.needs:
            # of what it needs nothing is known yet: what depends on that is not judged
            other = recipe.supposed()
            again = {
                (recipe.component, one.release.name): self._rendered(one._replace(recipe=other))
                for one in self._charted
                if one.recipe is recipe
            }
            kept = {_same(one) for one in self._of_recipe(other, again)}
            found = [one for one in found if _same(one) in kept]
        yield from found

    def _of_recipe(self, recipe: HelmRecipe, rendered: dict[tuple[str, str], _Made | Mistake]) -> Iterator[Mistake]:
        name = recipe.component
        for one in self._charted:
            if one.recipe.component != name:
                continue
            layers = [*recipe.layers(one.release)]
            wrong = [*of_values(name, one.keys, layers, recipe.values(one.release), one.release.documented)]
            yield from wrong
            told = rendered[name, one.release.name]
            if isinstance(told, Mistake):
                if not wrong:  # else that is why
                    yield told
                continue
            where = f"release {one.release.name}, chart {one.keys.chart.get('name', one.release.chart)}"
            yield from of_objects(name, where, told.resources, self._define, layers)
            lost = [obj for document in told.plain if self._lacks(document) for obj in objects(where, document.text)]
            yield from of_versions(name, where, [*told.resources, *lost], self._offers)
        for manifest in recipe.spec.manifests:
            where = str(recipe.folder / manifest.file)
            yield from of_objects(name, where, recipe.manifest(manifest), self._define)
            yield from of_versions(name, where, recipe.manifest(manifest), self._offers)

    def _rendered(self, one: _Charted) -> _Made | Mistake:
        """The objects of a release, or that helm can make none of it."""
        try:
            text = self._deployed(one) or self._helm.render(installation(one.recipe, one.release, one.chart.path))
        except HelmFailed as error:
            where = str(one.recipe.folder / one.release.values)
            about = f"helm makes no objects of chart {one.release.chart} and these values: {error}"
            return Mistake(one.recipe.component, where, "", "refused", "see its values", about=about)
        except NotReady:
            self._unseen = True
            return _Made([], [])  # installing it renders it once more
        return _parted(f"chart {one.release.name}", text)

    def _deployed(self, one: _Charted) -> str:
        """What helm made of it, where that is there and right."""
        recipe, release, space = one.recipe, one.release, one.recipe.space_of(one.release)
        with suppress(ClientError):  # what may not be seen may be rendered
            if self._seen is not None and self._seen.release(space, release.name) is not None:
                wanted = digest(recipe.values(release), one.chart.digest)
                return self._seen.made(space, release.name, self._target, wanted)
        return ""

    # -- what serves a kind

    def _lacks(self, document: Document) -> bool:
        offered = self._offers(document.api_version, document.kind)
        return offered is not None and document.api_version not in offered

    def _offers(self, api_version: str, kind: str) -> list[str] | None:
        if (api_version, kind) not in self._offered and not self._unasked:
            try:
                self._offered[api_version, kind] = self._objects.versions(api_version, kind)
            except ClientError:
                self._unasked = True
        return self._offered.get((api_version, kind))

    # -- what defines a kind

    def _define(self, group: str, kind: str) -> Definition | Literal[False] | None:
        if (group, kind) not in self._known:
            self._known[group, kind] = self._defined(group, kind)
        return self._known[group, kind]

    def _defined(self, group: str, kind: str) -> Definition | Literal[False] | None:
        """The one by which the cluster will measure: that of a chart to be installed, or what is there."""
        ours: Definition | None = None
        shared = False
        named = re.compile(rf"kind[\"']?:\s*[\"']?{re.escape(kind)}\b")
        for one in self._charted:
            made = self._made.get(one.release.name, _Made([], []))
            texts = [one.text for one in made.plain if one.kind == CRD and group in one.text]
            texts = [text for text in texts if named.search(text)]
            read = (found for text in texts for found in defined(f"chart {one.release.name}", text))
            every = (*definitions(made.resources), *read)
            ours = next((d for d in every if (d.group, d.kind) == (group, kind)), None)
            if ours is not None:
                shared = one.release.shared
                break
        if ours is not None and not shared:
            return ours
        there, theirs = self._there(group, kind)
        if there is False and ours is None and (rest := self._rest()):
            self._looked_into(rest)
            return self._defined(group, kind)
        if there is False and self._unseen:
            there = None  # a chart that could not be looked into may define it
        # an operator that is there and is not this target's is used as it is
        return ours if ours is not None and (not there or not theirs) else there

    def _rest(self) -> list[HelmRecipe]:
        """Recipes of the target that were not looked into."""
        known = {one.recipe.component for one in self._charted}
        others, self._others = self._others, ()
        return [one for one in others if one.component not in known]

    def _there(self, group: str, kind: str) -> tuple[Definition | Literal[False] | None, bool]:
        """That of the cluster, and whether it is somebody else's."""
        if self._unasked:
            return None, False
        try:
            version = preferred(self._api, group)
            known = served(self._api, version, kind) if version else None
            if known is None:
                return False, False
            name = f"{known.plural}.{group}"
            try:
                crd = self._objects.find(KINDS[CRD], "", name)
            except Forbidden as error:
                self.unread[name] = f"{error}"
                return None, False
        except ClientError:
            self._unasked = True
            return None, False
        if crd is None:  # an API server of its own serves it
            return None, False
        labels = crd["metadata"].get("labels") or {}
        found: Definition | None = next(definitions([{**crd, "kind": CRD}]), None)
        return found, labels.get(TARGET) != self._target


def installation(recipe: HelmRecipe, release: Release, chart: Path) -> Installation:
    """What helm is given to render a release of it."""
    values = yaml.dump(recipe.values(release), Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper))
    return Installation(release.name, recipe.space_of(release), chart, values)


def _same(one: Mistake) -> tuple[str, ...]:
    return one.where, one.key, one.fault, one.written, one.object


def _parted(source: str, text: str) -> _Made:
    """Only what is not Kubernetes' own is read: of a large chart that is a small part."""
    resources: list[Object] = []
    plain: list[Document] = []
    for one in documented(text):
        if one.kind and one.api_version.rpartition("/")[0] in BUILT_IN:
            plain.append(one)
        else:
            resources += objects(source, one.text)
    return _Made(resources, plain)
