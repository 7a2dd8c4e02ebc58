"""Components of a target on their way down: what is ours and nothing else, what holds others before what they hold.

All of it is told by what the cluster says now, so that a second call finishes what a killed one began. In this order:
for each component, consumers first, the objects of manifests, their pods, releases, claims, Secrets; operators that
nobody else needs; definitions (CRDs); namespaces that were made for the target and hold nothing of anybody else. The
last of these holds the Lease.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gonogo.cluster.api import KINDS, Api, Kind
from gonogo.cluster.judge.shapes import known_as
from gonogo.cluster.labels import Selector
from gonogo.core.errors import Absent, ClientError, DeployError, Forbidden, GonogoError, NotReady
from gonogo.core.waiting import Deadline, until
from gonogo.providers import Going, Removing, Staying
from gonogo.providers.helm.contents import (
    HOOK,
    KEEP,
    Contents,
    Thing,
    asked,
    contents,
    labelled,
    stands_alone,
)
from gonogo.providers.helm.objects import COMPONENT, TARGET, Objects
from gonogo.providers.helm.operated import Operated, is_custom, left_for, operated
from gonogo.providers.helm.ownership import INSTANCE, SHOWN, Tracking
from gonogo.providers.helm.program import Helm, HelmFailed, HelmRelease, once_more
from gonogo.providers.helm.recipe import HelmRecipe
from gonogo.providers.helm.spec import FILE, Release

REMOVED = 180.0
"""Seconds until what one component was made of must be gone."""

NAMESPACE = 120.0
"""Seconds until a namespace must be gone."""

QUIET = 2.0
"""Seconds of waiting for the same that nobody is told of."""

CLAIM, SECRET, CRD = KINDS["PersistentVolumeClaim"], KINDS["Secret"], KINDS["CustomResourceDefinition"]

Place = tuple[str, str]
"""Namespace and name of a release."""


@dataclass
class Belongings:
    """What the cluster holds of some components, in the order in which it goes; ``stays`` is told, and left."""

    claims: list[tuple[str, Thing]] = field(default_factory=list)
    applied: list[tuple[str, Thing]] = field(default_factory=list)
    releases: list[tuple[str, HelmRelease]] = field(default_factory=list)
    held: list[tuple[str, Thing]] = field(default_factory=list)
    """What goes with releases, and its end is somebody's work: custom resources, and what has finalizers."""
    leftovers: list[tuple[str, Thing]] = field(default_factory=list)
    ending: list[tuple[str, Thing]] = field(default_factory=list)
    """Pods that end, of an owner that is gone."""
    secrets: list[tuple[str, Thing]] = field(default_factory=list)
    common: list[Thing] = field(default_factory=list)
    """What was made in a namespace for all components of the target there: copies of the pull secret."""
    operators: list[tuple[str, HelmRelease]] = field(default_factory=list)
    under: dict[Place, set[str]] = field(default_factory=dict)
    """What each operator's release made, by uid."""
    operated: list[Operated] = field(default_factory=list)
    """Custom resources that go: what their operators left beside them holds nothing."""
    namespaces: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    """Namespaces of ours that stay as it looks: what they hold may be gone with what goes."""
    definitions: list[Thing] = field(default_factory=list)
    stays: list[Staying] = field(default_factory=list)

    @property
    def things(self) -> list[tuple[str, Thing]]:
        """All single objects."""
        return [*self.claims, *self.applied, *self.leftovers, *self.secrets, *(("", one) for one in self.common)]


class Removal:
    """Some components of one target.

    ``recipes`` are those that go, each after what it needs; ``others`` those of the same target that may stay.
    ``last`` is the namespace that goes after all others, since who works on the target is written there.
    """

    def __init__(
        self,
        target: str,
        recipes: Mapping[str, HelmRecipe],
        others: Mapping[str, HelmRecipe],
        helm: Helm,
        api: Api,
        *,
        last: str = "",
        tell: Callable[[str], None] = lambda _: None,
        running: Callable[[], None] = lambda: None,
    ) -> None:
        """``tell`` hears what is waited for, and of a helm that is run once more.

        ``running`` raises where nothing more may be changed.
        """
        self._target, self._recipes, self._others, self._last = target, dict(recipes), dict(others), last
        self._helm, self._api, self._objects = helm, api, Objects(api)
        self._tracking, self._tell, self._running = Tracking(api), tell, running
        self._owned: dict[str, list[str]] = {}
        self._mine: dict[str, str] = {}
        self._seen: dict[str, Thing] = {}

    # -- what there is

    def removing(self, *, definitions: bool = False) -> Removing:
        """What would go and what would stay. Raises ``ClientError``."""
        found = self.found(definitions=definitions)
        goes = [Going(owner, one.kind.kind, _placed(one), self._lost(one)) for owner, one in found.claims]
        goes += [Going(owner, one.kind.kind, _placed(one)) for owner, one in found.applied]
        goes += [Going(owner, "release", f"{one.namespace}/{one.name}") for owner, one in found.releases]
        goes += [Going(owner, one.kind.kind, _placed(one)) for owner, one in (*found.leftovers, *found.ending)]
        for owner, one in found.secrets:
            made = one.name == f"gonogo-{owner}" and bool(self._recipes[owner].spec.generated)
            goes.append(Going(owner, one.kind.kind, _placed(one), "its generated passwords" if made else ""))
        goes += [Going("", one.kind.kind, _placed(one)) for one in found.common]
        goes += [Going(owner, "operator", f"{one.namespace}/{one.name}") for owner, one in found.operators]
        goes += [Going("", CRD.kind, one.name) for one in found.definitions]
        goes += [Going("", "Namespace", name) for name in self._last_of_all(found.namespaces)]
        return Removing(tuple(goes), tuple(dict.fromkeys(found.stays)))

    def found(self, *, definitions: bool = False) -> Belongings:
        """The same as objects. Raises ``ClientError``."""
        spaces, made = self._spaces()
        held = contents(self._api, (space for space in spaces if space in made or self._is_there(space)))
        every = [one for space in spaces for one in self._helm.list(space) if one.target == self._target]
        shared = {place for recipe in self._all.values() for place in _shared(recipe)}
        own = [one for one in every if (one.namespace, one.name) not in shared]
        own_places = {(one.namespace, one.name) for one in own}
        self._attributed(held, own)
        found, outside = Belongings(), list(self._outside())
        self._left_to_others([*held.things, *(thing for _, thing in outside)], found)
        found.releases = [(self._owner(one), one) for one in own if self._owner(one) in self._recipes]
        found.ending = list(self._deserted(held))
        for thing in held.things:
            owner = self._mine.get(thing.uid, "")
            if owner in self._recipes and stands_alone(thing) and not self._kept(thing, found):
                self._sorted(found, owner, thing)
        found.claims += [(self._mine[one.uid], one) for one in held.of(CLAIM.kind) if one.owners and self._goes(one)]
        seen = {one.uid for _, one in found.applied}
        found.applied += [pair for pair in outside if pair[1].uid not in seen and pair[0] in self._recipes]
        kept = {one.uid for one in held.things if one.annotations.get(KEEP) == "keep"}
        custom = [one for one in held.things if one.finalizers or is_custom(one)]
        later = {CLAIM, SECRET, KINDS["Pod"]}
        mine = [one for one in custom if self._goes(one) and one.kind not in later and not self._below(one, kept)]
        found.held = [(self._mine[one.uid], one) for one in mine if one.release in own_places or one.owners]
        found.operated = operated(one for one in held.things if self._goes(one))
        found.applied.sort(key=lambda pair: self._order(pair[0]))
        found.releases.sort(key=lambda pair: self._order(pair[0]))
        self._hanging(found, held, every, shared)
        self._volumes(found)
        remaining = {owner for uid, owner in self._mine.items() if owner not in self._recipes}
        remaining |= {self._owner(one) for one in own} - self._recipes.keys()
        self._operators(found, [one for one in every if one not in own], remaining)
        stays = [one for one in every if one not in {release for _, release in (*found.releases, *found.operators)}]
        found.common = [one for one in held.of("Secret") if self._common(one) and not self._needed(one, held, stays)]
        for _, one in found.operators:
            place = one.namespace, one.name
            found.under[place] = {thing.uid for thing in held.things if thing.release == place}
        going = {(one.namespace, one.name) for _, one in (*found.releases, *found.operators)}
        for space in made:
            foreign = self._foreign(space, held, found, going)
            if why := self._in_use(space, held, foreign):
                found.stays.append(Staying("Namespace", space, why))
                if not any(self._mine.get(one.uid, "") in self._others for one in foreign):
                    found.undecided.append(space)
            else:
                found.namespaces.append(space)
        self._definitions(found, asked_for=definitions)
        return found

    def _left_to_others(self, things: Iterable[Thing], found: Belongings) -> None:
        """A component of which Argo CD tracks something stays as a whole: what is left of it would be wanted back."""
        for thing in things:
            owner = self._mine.get(thing.uid, "")
            if owner in self._recipes and (application := self._tracking.by(thing)):
                why = f"Argo CD tracks {thing} (Application {application}): take it out of there, or remove it there"
                found.stays.append(Staying("component", owner, why))
                self._others[owner] = self._recipes.pop(owner)

    @property
    def _all(self) -> dict[str, HelmRecipe]:
        return {**self._others, **self._recipes}

    def _order(self, component: str) -> int:
        """Consumers first."""
        return -list(self._recipes).index(component)

    def _spaces(self) -> tuple[list[str], list[str]]:
        """The namespaces that are looked into, and those of them that were made for this target."""
        kind = KINDS["Namespace"]
        named = dict.fromkeys(space for recipe in self._recipes.values() for space in recipe.spaces())
        everywhere = asked(self._api, kind)
        if everywhere is None:
            there = [self._objects.find(kind, "", space) for space in named]
            everywhere = [Thing(kind, one["metadata"]) for one in there if one is not None]
        there_are = {one.name for one in everywhere}
        named = {
            space: None for space in named if space in there_are
        }  # each one that is looked into costs many questions
        made = [one.name for one in everywhere if labelled(one, self._target)]
        if self._others:  # what only those need is not looked at
            made = [space for space in made if space in named]
        return list(dict.fromkeys([*named, *made])), made

    def _is_there(self, space: str) -> bool:
        """Whether a namespace may hold something: one that is not there is asked for no kind at all."""
        try:
            return self._objects.find(KINDS["Namespace"], "", space) is not None
        except Forbidden:
            return True

    def _owner(self, release: HelmRelease) -> str:
        """The component that a release of ours is of."""
        if release.component in self._all:
            return release.component
        place = release.namespace, release.name
        named = ((name, recipe) for name, recipe in self._all.items())
        return next((name for name, recipe in named if place in {_place(recipe, o) for o in recipe.spec.releases}), "")

    # -- whose it is

    def _attributed(self, held: Contents, releases: Iterable[HelmRelease]) -> None:
        """Note of each object that is ours which component it is of; what an owner of ours owns is so too."""
        places = {(one.namespace, one.name): self._owner(one) for one in releases}
        sets = {(one.namespace, one.name): one for one in held.of("StatefulSet")}
        selectors = [
            (name, recipe.namespace, Selector.read(text, str(recipe.folder / FILE)))
            for name, recipe in self._all.items()
            for text in recipe.spec.claims
        ]
        for thing in held.things:
            self._owned[thing.uid], self._seen[thing.uid] = thing.owners, thing
            if owner := self._own(thing, places):
                self._mine[thing.uid] = owner
        for thing in held.things:
            if (owner := self._root(thing.uid)) and thing.uid not in self._mine:
                self._mine[thing.uid] = owner
        for claim in held.of(CLAIM.kind):
            if claim.uid not in self._mine and (owner := self._claimed(claim, sets, selectors)):
                self._mine[claim.uid] = owner

    def _own(self, thing: Thing, places: Mapping[Place, str]) -> str:
        if labelled(thing, self._target):
            if thing.labels.get("owner") == "helm":
                return places.get((thing.namespace, str(thing.labels.get("name", ""))), "")
            return str(thing.labels.get(COMPONENT, ""))
        if thing.release in places:
            return places[thing.release]
        if HOOK in thing.annotations:  # helm does not say on a hook which release it is of
            for (space, name), owner in places.items():
                if space == thing.namespace and (name in thing.labels.values() or thing.name.startswith(f"{name}-")):
                    return owner
        return ""

    def _root(self, uid: str, seen: frozenset[str] = frozenset()) -> str:
        """The component of what owns an object, however far up."""
        if uid in self._mine:
            return self._mine[uid]
        found = (self._root(one, seen | {uid}) for one in self._owned.get(uid, ()) if one not in seen)
        return next(filter(None, found), "")

    def _claimed(
        self, claim: Thing, sets: Mapping[Place, Thing], selectors: Iterable[tuple[str, str, Selector]]
    ) -> str:
        """Whose a volume claim is: as ``helm.toml`` selects, or as a StatefulSet of ours names its own."""
        for name, space, selector in selectors:
            if space == claim.namespace and selector.fits({"metadata": claim.meta}):
                return name
        for (space, name), one in sets.items():
            if space == claim.namespace and re.search(rf"-{re.escape(name)}-\d+$", claim.name):
                return self._mine.get(one.uid, "")
        return ""

    def _goes(self, thing: Thing) -> bool:
        return self._mine.get(thing.uid, "") in self._recipes

    def _deserted(self, held: Contents) -> Iterator[tuple[str, Thing]]:
        """Pods that end yet, though what owned them is gone: by the name of the owner, as ``helm.toml`` has it."""
        workloads = {}
        for name, recipe in self._recipes.items():
            for one in recipe.spec.workloads:
                space, _, called = one.name.rpartition("/")
                workloads[one.kind, space or recipe.namespace, called] = name
        for pod in held.of("Pod"):
            if pod.meta.get("deletionTimestamp") and not self._owned.keys() & set(pod.owners):
                for owner in pod.meta.get("ownerReferences") or ():
                    kind = known_as(str(owner.get("apiVersion", "")), str(owner.get("kind", "")))
                    if component := workloads.get((kind, pod.namespace, str(owner.get("name", "")))):
                        self._mine[pod.uid] = component
                        yield component, pod

    def _common(self, thing: Thing) -> bool:
        ours = labelled(thing, self._target) and thing.labels.get("owner") != "helm"
        return ours and not thing.labels.get(COMPONENT)

    def _needed(self, secret: Thing, held: Contents, stays: Iterable[HelmRelease]) -> bool:
        """Whether something of this target stays in the namespace of what was made there for all components."""
        return any(one.namespace == secret.namespace for one in stays) or any(
            one.namespace == secret.namespace and self._mine.get(one.uid, "") in self._others for one in held.things
        )

    def _kept(self, thing: Thing, found: Belongings) -> bool:
        """Whether it says of itself that it stays."""
        if thing.annotations.get(KEEP) != "keep":
            return False
        found.stays.append(Staying(thing.kind.kind, _placed(thing), f"annotated {KEEP}: keep"))
        return True

    def _sorted(self, found: Belongings, owner: str, thing: Thing) -> None:
        ours = labelled(thing, self._target)
        if thing.kind == CLAIM:
            found.claims.append((owner, thing))
        elif thing.kind == SECRET and ours and thing.labels.get("owner") != "helm":
            found.secrets.append((owner, thing))
        elif ours and thing.kind != SECRET:
            found.applied.append((owner, thing))
        elif HOOK in thing.annotations:
            found.leftovers.append((owner, thing))

    def _outside(self) -> Iterator[tuple[str, Thing]]:
        """What manifests made that is in no namespace, or where nobody may list it."""
        for name, recipe in self._recipes.items():
            for manifest in recipe.spec.manifests:
                for obj in recipe.manifest(manifest):
                    try:
                        kind = self._objects.kind(obj["apiVersion"], obj["kind"])
                    except Absent:  # the kind is gone, and with it its objects
                        continue
                    space = obj["metadata"].get("namespace") or recipe.space_of(manifest)
                    there = self._objects.find(kind, space if kind.namespaced else "", obj["metadata"]["name"])
                    thing = Thing(kind, there["metadata"]) if there else None
                    if thing is not None and labelled(thing, self._target) and kind != SECRET:
                        self._mine[thing.uid] = name
                        yield name, thing

    # -- what is lost, and what stays

    def _lost(self, claim: Thing) -> str:
        there = self._objects.find(CLAIM, claim.namespace, claim.name) or {}
        size = ((there.get("spec") or {}).get("resources") or {}).get("requests", {}).get("storage", "?")
        return f"its data, {size}"

    def _volumes(self, found: Belongings) -> None:
        """Volumes that outlive their claims."""
        kind = KINDS["PersistentVolume"]
        for _, claim in found.claims:
            there = self._objects.find(CLAIM, claim.namespace, claim.name) or {}
            volume = str((there.get("spec") or {}).get("volumeName") or "")
            if not volume:
                continue
            try:
                spec = (self._objects.find(kind, "", volume) or {}).get("spec") or {}
            except Forbidden:
                why = f"whether it is retained with the data of {_placed(claim)} could not be asked: no right to see it"
                found.stays.append(Staying(kind.kind, volume, why))
                continue
            if spec.get("persistentVolumeReclaimPolicy") == "Retain":
                why = f"its reclaim policy is Retain: the data of {_placed(claim)} stays until somebody deletes it"
                found.stays.append(Staying(kind.kind, volume, why))

    def _hanging(self, found: Belongings, held: Contents, releases: Iterable[HelmRelease], shared: set[Place]) -> None:
        """What is held by finalizers that nobody would see to."""
        running = {(one.namespace, one.name) for one in releases} & shared
        going = {(one.namespace, one.name) for _, one in found.releases}
        for thing in [*(thing for _, thing in found.things), *(one for one in held.things if one.release in going)]:
            waits = ", ".join(thing.finalizers)
            if not waits or thing.kind == CLAIM:
                continue
            since = thing.meta.get("deletionTimestamp")
            served = f"{thing.kind.plural}.{thing.kind.group}/"
            operators = [
                _place(recipe, one)
                for recipe in self._recipes.values()
                for one in recipe.spec.releases
                if any(kind.startswith(served) for kind in one.serves)
            ]
            if since:
                why = f"is being deleted since {since} and waits for {waits}"
            elif operators and not running & set(operators) and not self._works(operators):
                why = f"would wait for {waits}, and its operator {'/'.join(operators[0])} does not run"
            else:
                continue
            found.stays.append(Staying(thing.kind.kind, _placed(thing), why))

    def _going(self, found: Belongings) -> set[str]:
        """The uids of all that goes, and of what it owns."""
        owned = {uid for uid, owner in self._mine.items() if owner in self._recipes}
        return owned | {thing.uid for _, thing in found.things}

    def _works(self, operators: Iterable[Place]) -> bool:
        """Whether such a release is there, whoever installed it."""
        return any(one.name == name for space, name in operators for one in self._helm.list(space))

    def _operators(self, found: Belongings, shared: Iterable[HelmRelease], remaining: set[str]) -> None:
        """Those of ours that none of our other components, and nobody else's object, needs."""
        going = self._going(found)
        for release in shared:
            place = release.namespace, release.name
            asking = [name for name, recipe in self._all.items() if place in _shared(recipe)]
            if not set(asking) & self._recipes.keys() and self._owner(release) not in self._recipes:
                continue
            if needing := sorted(set(asking) & remaining):
                found.stays.append(
                    Staying("operator", "/".join(place), f"{', '.join(needing)} of this target needs it")
                )
                continue
            users, unseen = self._users(release, going)
            if unseen:
                why = f"whether others need it could not be asked: {unseen} may not be listed"
            elif users:
                why = f"others need it: {_some(users)}"
            else:
                found.operators.append((self._owner(release) or asking[0], release))
                continue
            found.stays.append(Staying("operator", "/".join(place), why))

    def _users(self, release: HelmRelease, going: set[str]) -> tuple[list[Thing], str]:
        """Objects of its kinds that do not go with us, and the kind that may not be listed."""
        place = release.namespace, release.name
        served = {
            (one.rpartition("/")[0].partition(".")[0], one.rpartition("/")[0].partition(".")[2], one.rpartition("/")[2])
            for recipe in self._all.values()
            for given in recipe.spec.releases
            if _place(recipe, given) == place
            for one in given.serves
        }
        owner = self._owner(release)
        for crd in asked(self._api, CRD) or ():
            ours = labelled(crd, self._target) and crd.labels.get(COMPONENT) == owner
            if ours or crd.release == place:
                plural, _, group = crd.name.partition(".")
                if not any(plural == one[0] and group == one[1] for one in served):
                    served |= {(plural, group, self._version(crd.name))}
        users: list[Thing] = []
        for plural, group, version in sorted(served):
            listed = asked(self._api, Kind(group, version, plural, plural, True))
            if listed is None:
                return [], f"{plural}.{group}"
            users += [one for one in listed if one.uid not in going and not self._root(one.uid) and not one.owners]
        return users, ""

    def _version(self, definition: str) -> str:
        there = self._objects.find(CRD, "", definition) or {}
        versions = (there.get("spec") or {}).get("versions") or ()
        return next((str(one["name"]) for one in versions if one.get("served")), "v1")

    def _foreign(self, space: str, held: Contents, found: Belongings, going: set[Place]) -> list[Thing]:
        """What a namespace holds that does not go: neither by itself nor with what it was made for."""
        gone = {thing.uid for _, thing in found.things}
        foreign = []
        for thing in held.things:
            if thing.namespace != space or thing.uid in gone or not stands_alone(thing):
                continue
            helms = str(thing.labels.get("name", "")) if thing.labels.get("owner") == "helm" else ""
            with_release = (space, helms) in going or thing.release in going
            if with_release and thing.annotations.get(KEEP) != "keep":
                continue
            if not left_for(thing, found.operated):
                foreign.append(thing)
        return foreign

    def _in_use(self, space: str, held: Contents, foreign: list[Thing]) -> str:
        """Why a namespace of ours stays; empty where nothing is in it but what goes."""
        if foreign:
            return f"it holds what does not go: {_some(foreign)}"
        unseen = [one for one in held.unseen if one.endswith(f" in {space}")]
        if unseen:
            what = ", ".join(one.partition(" in ")[0] for one in unseen[:SHOWN])
            return f"whether it holds something of somebody else could not be asked: {what} may not be listed"
        return ""

    def _last_of_all(self, spaces: Iterable[str]) -> list[str]:
        return sorted(spaces, key=lambda space: space == self._last)

    def _definitions(self, found: Belongings, *, asked_for: bool) -> None:
        """Our CRDs: named, and where that is asked for, gone, unless an object is left."""
        label = f"{TARGET}={self._target}"
        going = self._going(found)
        ends = {(one.namespace, one.name) for _, one in found.operators}
        for crd in asked(self._api, CRD, labels=label) or ():
            owner = str(crd.labels.get(COMPONENT, ""))
            if owner not in self._recipes:
                continue
            with_release = crd.release in ends and crd.annotations.get(KEEP) != "keep"
            if with_release:
                found.definitions.append(crd)
                continue
            plural, _, group = crd.name.partition(".")
            left = asked(self._api, Kind(group, self._version(crd.name), plural, plural, True))
            others = [one for one in left or () if one.uid not in going and not self._root(one.uid)]
            if left is None:
                why = "whether objects of it are left could not be asked: they may not be listed"
            elif others:
                why = f"objects of it are left: {_some(others)}"
            elif not asked_for:
                why = "definitions stay; --crds removes those without objects"
            else:
                found.definitions.append(crd)
                continue
            found.stays.append(Staying(CRD.kind, crd.name, why))

    # -- the act

    def remove(self, *, definitions: bool = False) -> Removing:
        """Remove it; what stayed, and why.

        What hangs in one component keeps the others from nothing. Raises the first of what went wrong: ``NotReady``
        with the finalizers that are waited for, ``DeployError`` with what helm said, ``ClientError``.
        """
        found = self.found(definitions=definitions)
        errors: list[GonogoError] = []
        self._mark(found)
        for component in list(self._recipes)[::-1]:
            try:
                self._end(component, found)
            except HelmFailed as error:
                errors.append(
                    self._refused(component, found) or DeployError(component, f"helm could not remove it: {error}")
                )
            except (NotReady, ClientError) as error:
                errors.append(error)
        if not errors:
            for secret in found.common:
                self._remove(secret)
            for owner, release in found.operators:
                under = found.under[release.namespace, release.name]
                try:
                    self._uninstalled(release, REMOVED)
                except HelmFailed as error:
                    raise DeployError(owner, f"helm could not remove {release.name}: {error}") from error
                self._until_no_pods(release.namespace, release.name, under)
            for crd in found.definitions:
                self._remove(crd)
            for crd in found.definitions:
                self._until_gone(crd, Deadline(NAMESPACE))
            self._end_namespaces(found)
        if errors:
            raise errors[0]
        return Removing((), tuple(dict.fromkeys(found.stays)))

    def _refused(self, component: str, found: Belongings) -> ClientError | None:
        """The right for want of which helm could not remove what it installed; it knows no code for that."""
        spaces = {one.namespace for owner, one in found.releases if owner == component}
        own = (one for uid, one in self._seen.items() if self._mine.get(uid) == component)
        kinds = [(one.kind, one.namespace) for one in own if any(one.release) or HOOK in one.annotations]
        try:
            self._objects.permitted([*((SECRET, space) for space in spaces), *kinds], "get", "delete")
        except ClientError as error:
            return error.about(component)
        return None

    def _mark(self, found: Belongings) -> None:
        """Write on claims that they go: once their StatefulSet is gone, nothing else would say whose they are."""
        for owner, claim in found.claims:
            if not labelled(claim, self._target):
                labels = {TARGET: self._target, COMPONENT: owner}
                self._objects.mark(CLAIM, claim.namespace, claim.name, labels)

    def _uninstalled(self, release: HelmRelease, within: float) -> None:
        def uninstall() -> None:
            self._helm.uninstall(release.name, release.namespace, within, self._running)

        once_more(uninstall, lambda error: self._tell(f"{error}, and is run once more"))

    def _end(self, component: str, found: Belongings) -> None:
        deadline = Deadline(REMOVED)
        applied = [one for owner, one in found.applied if owner == component][::-1]
        for one in applied:
            self._remove(one)
        for one in applied:
            self._until_gone(one, deadline)
        if applied:
            self._until_ended(component, deadline, {one.uid for one in applied})
        for owner, release in found.releases[::-1]:
            if owner == component:
                self._uninstalled(release, deadline.left)
        for owner, one in found.held:
            if owner == component:
                self._until_gone(one, deadline)
        for pairs in (found.leftovers, found.claims, found.secrets):
            for owner, one in pairs:
                if owner == component:
                    self._remove(one)
        self._until_ended(component, deadline)
        for owner, one in found.claims:
            if owner == component:
                self._until_gone(one, deadline)

    def _remove(self, thing: Thing) -> str:
        self._running()
        return self._objects.remove(thing.kind, thing.namespace, thing.name)

    def _until_ended(self, component: str, deadline: Deadline, under: set[str] | None = None) -> None:
        """Wait for the end of its pods; of those alone that the objects ``under`` own, where these are given."""

        def left() -> list[str]:
            pods = [pod for space in self._recipes[component].spaces() for pod in self._pods(space)]
            mine = (pod for pod in pods if self._of(pod, component) and (under is None or self._below(pod, under)))
            return [_ending(pod) for pod in mine]

        self._until_none(left, f"the end of the pods of {component}", deadline.left)

    def _until_gone(self, thing: Thing, deadline: Deadline) -> None:
        """Wait until it is no more; its end was asked for. Raises ``NotReady`` with the finalizers it waits for."""

        def left() -> list[str]:
            return list(filter(None, [self._objects.waits(thing.kind, thing.namespace, thing.name, thing.uid)]))

        self._until_none(left, f"the end of {thing.kind.kind} {_placed(thing)}", deadline.left)

    def _until_none(self, left: Callable[[], list[str]], awaited: str, within: float) -> None:
        """Wait until nothing is left, and tell what is, once that takes longer. Raises ``NotReady`` with it."""
        quiet, told = Deadline(QUIET), ""

        def ask() -> str:
            nonlocal told
            found = _some(left())
            if found and quiet.passed and found != told:
                self._tell(f"waiting for {awaited}: {found}")
                told = found
            return found

        until(ask, awaited=awaited, within=within, every=0.3, enough=_nothing, running=self._running)

    def _pods(self, space: str, labels: str = "") -> list[Thing]:
        kind = KINDS["Pod"]
        return [Thing(kind, {"namespace": space, **meta}) for meta in self._api.metadata(kind, space, labels=labels)]

    def _of(self, pod: Thing, component: str) -> bool:
        self._owned.setdefault(pod.uid, pod.owners)
        return self._root(pod.uid) == component

    def _below(self, thing: Thing, under: set[str]) -> bool:
        reached, todo = set[str](), [thing.uid]
        while todo:
            uid = todo.pop()
            if uid in under:
                return True
            new = [one for one in self._owned.get(uid, ()) if one not in reached]
            reached.update(new)
            todo += new
        return False

    def _until_no_pods(self, space: str, release: str, under: set[str]) -> None:
        """Wait until an operator of ours works no more: what it would make anew is gone for good then.

        Its pods are those ``under`` its objects, or labelled with its release.
        """

        def left() -> list[str]:
            pods = self._pods(space)
            for pod in pods:
                self._owned.setdefault(pod.uid, pod.owners)
            named = (pod.labels.get(INSTANCE) == release for pod in pods)
            return [_ending(pod) for pod, same in zip(pods, named, strict=True) if same or self._below(pod, under)]

        self._until_none(left, f"the end of the pods of {release}", REMOVED)

    def _end_namespaces(self, found: Belongings) -> None:
        """Those that are empty now: somebody may have come meanwhile, or an operator taken away what it had made."""
        kind = KINDS["Namespace"]
        going = {(one.namespace, one.name) for _, one in (*found.releases, *found.operators)}
        found.stays = [one for one in found.stays if one.kind != kind.kind or one.name not in found.undecided]
        ended: dict[str, str] = {}
        for space in self._last_of_all([*found.namespaces, *found.undecided]):
            held = contents(self._api, [space])
            if why := self._in_use(space, held, self._foreign(space, held, found, going)):
                found.stays.append(Staying(kind.kind, space, why))
                continue
            ended[space] = self._remove(Thing(kind, {"name": space}))
            if space == self._last:  # the Lease ends with it, and that nobody has taken it is no longer told by it
                self._running = lambda: None
        for space, uid in ended.items():
            self._until_gone(Thing(kind, {"name": space, "uid": uid}), Deadline(NAMESPACE))


def _place(recipe: HelmRecipe, release: Release) -> Place:
    return recipe.space_of(release), release.name


def _shared(recipe: HelmRecipe) -> set[Place]:
    return {_place(recipe, one) for one in recipe.spec.releases if one.shared}


def _placed(thing: Thing) -> str:
    return "/".join(filter(None, (thing.namespace, thing.name)))


def _ending(pod: Thing) -> str:
    """A pod that is there yet, with what holds it where that is more than its own end."""
    waits = ", ".join(pod.finalizers)
    return f"{pod.name}, which waits for {waits}" if waits else pod.name


def _some(things: Iterable[Thing | str]) -> str:
    named = sorted(map(str, things))
    more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return f"{', '.join(named[:SHOWN])}{more}"


def _nothing(left: Any) -> bool:
    return not left
