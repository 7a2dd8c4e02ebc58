"""One component on its way up: what is there and right is adopted, the rest is made, and what is doomed is named."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from gonogo.cluster.api import KINDS, Kind
from gonogo.cluster.judge import JUDGES, Judgement, State, World, verdict
from gonogo.cluster.judge.doom import RULES, SOMEBODY
from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.judge.verdict import short
from gonogo.cluster.judge.world import condition
from gonogo.cluster.survey import Logs
from gonogo.core.errors import Absent, ClientError, ClusterLost, DeployError, NotReady
from gonogo.core.home import home
from gonogo.core.outlet import redacted
from gonogo.core.servers import Phase, Progress, Report
from gonogo.core.waiting import Deadline, until
from gonogo.providers.helm.applied import unseen
from gonogo.providers.helm.charts import KeptChart, fetch
from gonogo.providers.helm.contents import HOOK
from gonogo.providers.helm.objects import COMPONENT, RUN, TARGET, Objects, ending, named, objects
from gonogo.providers.helm.ownership import ATTACH, Ownership, Wanted, made
from gonogo.providers.helm.program import REVISION, Helm, HelmFailed, HelmKilled, HelmRelease, Installation, once_more
from gonogo.providers.helm.recipe import HelmRecipe, digest, generate
from gonogo.providers.helm.seen import FOLLOWED, Seen
from gonogo.providers.helm.silence import Silence
from gonogo.providers.helm.spec import Release, Workload
from gonogo.providers.helm.values import ChartKeys, declared

if TYPE_CHECKING:
    from gonogo.cluster.hub import Hub

PENDING = frozenset({"pending-install", "pending-upgrade", "pending-rollback", "uninstalling"})
"""A helm was ended in the middle of it (helm, pkg/release/v1/status.go)."""

LOOK = 0.2
"""Seconds until the next look at what the watches have brought where they bring nothing: a grace may be over."""

ASIDE = 1.0
"""Seconds until what no watch brings is looked at again: whether this may go on."""

CRD = "CustomResourceDefinition"

CHANGES = ("get", "create", "patch")
"""What helm does with an object of a chart that it installs, or upgrades."""

PULL_SECRETS = frozenset({"kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"})
"""Types of Secrets that the kubelet takes for pulling (kubernetes.io/docs/concepts/configuration/secret)."""

ALL_MADE = 3.0
"""Seconds that what nobody else makes is waited for. The judge gives an installation time to make its objects in any
order; here all of them are made."""

UNTOLD = "OperatorSilent", "NoStatus", "NotObserved"
"""Reasons of custom resources that no operator has told anything of, or nothing of what is asked for now."""

HEARD = 1.0
"""Seconds in which every operator is silent at first."""

SCALED = "TriggeredScaleUp"
"""The event by which the cluster autoscaler says that it adds a node (its FAQ, "events")."""

ANSWERS = "until it answers"

ENDED = 30.0
"""Seconds until a namespace must be gone, where it is to be made anew: one that takes longer waits for finalizers."""

Thing = tuple[str, str, str]
"""Kind as a world knows it, namespace, name."""


class _Planned(NamedTuple):
    """A release that is to be installed, and the objects that it is rendered to."""

    release: Release
    space: str
    chart: KeptChart
    inside: ChartKeys
    installation: Installation
    digest: str
    rendered: list[Object]
    definitions: Sequence[Object]
    """What gonogo applies itself, and helm does not."""

    def made(self) -> list[Object]:
        """What helm makes."""
        applied = {one["metadata"]["name"] for one in self.definitions}
        return [one for one in self.rendered if one["kind"] != CRD or one["metadata"]["name"] not in applied]


class HelmDeployment:
    """One component, made once. ``recipe`` lacks what is generated, which is asked of the cluster."""

    def __init__(
        self,
        recipe: HelmRecipe,
        *,
        helm: Helm,
        api: Any,
        objects: Objects,
        seen: Seen,
        ownership: Ownership,
        hub: Callable[[], Hub],
        run: str,
        report: Report,
        deadline: Deadline,
        cancelled: Callable[[], str],
    ) -> None:
        self._recipe, self.spec, self.component = recipe, recipe.spec, recipe.component
        self._helm, self._hub, self._report = helm, hub, report
        self._objects, self._seen, self._deadline, self._cancelled = objects, seen, deadline, cancelled
        self._ownership, self._api = ownership, api
        self._silence = Silence(api, objects, recipe)
        self._labels = {RUN: run, TARGET: recipe.place.target, COMPONENT: recipe.component}
        self._theirs: set[str] = set()
        """Definitions that are used as they are."""
        self._made: list[Thing] = []
        self._versions: dict[Thing, tuple[str, int]] = {}
        """What was changed now, as it is since: what is seen of it from before says nothing."""
        self._before: set[str] = set()
        self._replaced: set[str] = set()
        self._reasons: dict[Thing, str] = {}
        """What stands in the way of each, by its word in the table of doom."""
        self._first: dict[tuple[Thing, str], Deadline] = {}
        """When each reason was seen first, of what may be made by somebody yet."""

    def deploy(self) -> None:
        """Returns once everything that was made is ready, as the cluster sees it.

        Raises ``DeployError`` as soon as it cannot come up, ``ClientError`` and ``ConfigError``.
        """
        self._tell(Phase.PREPARING, "its namespaces and Secrets")
        for space in self._recipe.spaces():
            self._open(space)
        planned = [self._planned(release) for release in self.spec.releases]
        self._unclaimed([one for one in planned if one is not None])
        spaces = [self._recipe.namespace, *(one.space for one in planned if one is not None)]
        pulling = self._pulling(dict.fromkeys([*spaces, *map(self._recipe.space_of, self.spec.manifests)]))
        self._ended()
        for space in self._recipe.spaces():
            self._namespace(space)
        for space, secret in pulling.items():
            self._objects.apply(secret, space, {RUN: self._labels[RUN], TARGET: self._labels[TARGET]})
        recipe = self._recipe.generated(self._generated(self._recipe.namespace))
        for name, values in recipe.secrets().items():
            self._secret(recipe.namespace, name, values)
        for one in planned:
            if one is not None:
                self._released(one)
        for manifest in self.spec.manifests:
            space, objects_of_it = recipe.space_of(manifest), recipe.manifest(manifest)
            self._tell_unseen(objects_of_it)
            for obj in objects_of_it:
                self._ended()
                applied = self._applied(obj, space)
                self._made.append(self._meant(obj, space))
                self._versions[self._made[-1]] = _version(applied["metadata"])
        self._made += [self._owner(one, recipe) for one in self.spec.workloads]
        self._stand(self._made)

    def stand(self) -> None:
        """Returns once what owns its pods is ready, whoever made it. Raises as :meth:`deploy` does."""
        self._made = [self._owner(one, self._recipe) for one in self.spec.workloads]
        self._stand(self._made)

    def still(self) -> None:
        """Raises ``DeployError`` where something that was made has failed since it was ready.

        What has come in the way of it since is told: a container that ends at once was ready for an instant.
        """
        if not self._tell_way(self._running(self._made), self._made):
            self._tell(Phase.WAITING, ANSWERS)

    # -- before

    def _open(self, name: str) -> None:
        """A namespace that ends can take nothing: it is waited for, unless something holds it."""
        there = self._seen.namespace(name, lambda: self._objects.find(KINDS["Namespace"], "", name) or {})
        if there.get("status", {}).get("phase") == "Terminating":
            self._tell(Phase.WAITING, f"for the end of namespace {name}, which is being deleted")
            try:
                self._objects.gone(KINDS["Namespace"], "", name, ENDED, there["metadata"]["uid"])
            except NotReady:
                self._fail(ending(self._objects.find(KINDS["Namespace"], "", name) or there))
            self._seen.forget()

    def _namespace(self, name: str) -> None:
        """A namespace that is there is used as it is; one that is not is ours."""
        labels = self._recipe.space_labels(self._labels[RUN])
        self._seen.namespace(name, lambda: self._objects.namespace(name, labels))

    def _unclaimed(self, planned: Iterable[_Planned]) -> None:
        """Nothing that is to be made is somebody else's. Asked before anything is made."""
        recipe = self._recipe
        names = [f"gonogo-{self.component}", *self.spec.secrets]
        wanted = [made("Secret", name, recipe.namespace) for name in names]
        for one in planned:
            wanted += [Wanted(obj, one.space, one.release.name) for obj in one.made()]
            self._theirs |= {each["metadata"]["name"] for each in one.definitions if self._fixed(each)}
        for manifest in self.spec.manifests:
            space = recipe.space_of(manifest)
            wanted += [Wanted(obj, space) for obj in recipe.manifest(manifest)]
        if said := self._ownership.foreign(wanted):
            self._fail(said)

    def _pulling(self, spaces: Iterable[str]) -> dict[str, Object]:
        """The pull secret of each namespace that it is copied to. Fails where one lacks it, or it is none."""
        name, source = str(self._recipe.place.deploy.get("pull_secret") or ""), self._recipe.place.pulled
        if not name:
            return {}
        there = {
            space: self._objects.find(KINDS["Secret"], space, name) for space in {*spaces, *filter(None, [source])}
        }
        if source and there[source] is None:
            self._fail(f"[deploy] pull_secret: there is no Secret {source}/{name} to copy")
        if lacking := [space for space in spaces if there[space] is None and not source]:
            self._fail(
                f"[deploy] pull_secret: there is no Secret {name} in namespace {', '.join(lacking)}: make it there "
                f"before, or give NAMESPACE/{name}, which is copied"
            )
        for space, one in there.items():
            if one is not None and one.get("type") not in PULL_SECRETS:
                self._fail(f"[deploy] pull_secret: Secret {space}/{name} is of type {one.get('type')}, no pull secret")
        copied = there.get(source) or {}
        copy = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
        copy |= {key: copied[key] for key in ("type", "data") if key in copied}
        ours = (space for space, one in there.items() if one is None or self._labelled(one))
        return {space: copy for space in ours if source and space != source}

    def _labelled(self, obj: Object) -> bool:
        return (obj["metadata"].get("labels") or {}).get(TARGET) == self._labels[TARGET]

    def _generated(self, space: str) -> dict[str, str]:
        """The generated values: those that the cluster has since an earlier run, and new ones."""
        name = f"gonogo-{self.component}"
        there = self._objects.find(KINDS["Secret"], space, name)
        found = generate(self.spec, _held(there))
        if found != _held(there) or not there:
            self._filled(space, name, found, there)
        return found

    def _secret(self, namespace: str, name: str, values: Mapping[str, str]) -> None:
        """Made with these values, and left alone where it has them."""
        self._filled(namespace, name, values, self._objects.find(KINDS["Secret"], namespace, name))

    def _filled(self, namespace: str, name: str, values: Mapping[str, str], there: Object | None) -> None:
        if there is not None and _held(there) == dict(values):
            return
        meta = {"name": name}
        self._objects.apply(
            {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "Opaque", "stringData": dict(values)},
            namespace,
            self._labels,
        )

    def _fixed(self, definition: Object) -> bool:
        """Whether Argo CD tracks a definition, so that it is used as it is. Fails where that serves too little."""
        application = self._ownership.tracked(definition)
        if application and not self._objects.provides(definition):
            self._fail(
                f"{CRD} {definition['metadata']['name']} lacks a version that is needed, and Argo CD tracks it "
                f"(Application {application}); it was left as it is: {ATTACH}"
            )
        return bool(application)

    # -- releases

    def _planned(self, release: Release) -> _Planned | None:
        """What is to be installed; None where an operator that is there is used."""
        recipe, space = self._recipe, self._recipe.space_of(release)
        there = self._seen.release(space, release.name)
        if (there is None or there.target != self._labels[TARGET]) and self._serves(release):
            self._tell(Phase.PREPARING, f"{release.name}: an operator that is there serves what is needed")
            return None
        if there is not None and there.target != self._labels[TARGET]:
            whose = f"of target {there.target!r}" if there.target else "not gonogo's"
            self._fail(
                f"release {release.name} in namespace {space} is there already and {whose}; it was left as it is"
            )
        self._tell(Phase.FETCHING, f"chart {release.chart} {release.version}".rstrip())
        chart = fetch(release, recipe.folder, home())
        values = recipe.values(release)
        installation = Installation(release.name, space, chart.path, yaml.safe_dump(values))
        wanted, inside = digest(values, chart.digest), declared(chart.path)
        text = self._seen.made(space, release.name, self._labels[TARGET], wanted) or once_more(
            lambda: self._helm.render(installation), lambda error: self._told_killed(error, "")
        )
        rendered = objects(f"chart {release.name}", text)
        self._tell_unseen(rendered, shared=release.shared)
        definitions = inside.definitions()
        return _Planned(release, space, chart, inside, installation, wanted, rendered, definitions)

    def _released(self, planned: _Planned) -> None:
        self._ended()
        release, space, rendered = planned.release, planned.space, planned.rendered
        there = self._seen.release(space, release.name)
        hooks = [one for one in rendered if HOOK in (one["metadata"].get("annotations") or {})]
        own = [one for one in rendered if one not in hooks and one["kind"] != CRD]
        if there is None or there.status != "deployed" or there.values != planned.digest:
            if there is not None and there.status in PENDING:
                self._repaired(there)
                self._tell(Phase.PREPARING, f"release {release.name} was left {there.status}, and is made anew")
            for definition in planned.definitions:
                if definition["metadata"]["name"] not in self._theirs:
                    self._ended()
                    self._objects.define(definition, self._labels)
            self._tell(Phase.STARTING, f"release {release.name}")
            said = {"gonogo/chart": _chart_label(release, planned.chart, planned.inside)}
            labels = {**self._labels, **said, "gonogo/values": planned.digest}
            watched = [self._meant(one, space) for one in hooks]
            self._until_ended([*watched, *(self._meant(one, space) for one in own if one["kind"] in KINDS)])
            self._seen.changed(space, release.name)

            def hooked() -> None:
                self._hooked(watched)

            def install() -> None:
                self._before |= {one["uid"] for one in self._listed(watched).values()}  # helm makes them anew
                self._helm.install(planned.installation, labels, self._deadline.left, hooked)

            try:
                once_more(install, lambda error: self._told_killed(error, release.name, space))
            except (HelmFailed, NotReady) as error:
                if waits := self._hooked(watched):  # a hook's own pod says more than helm does of it
                    self._fail(f"{error}; {waits}")
                self._permitted(rendered, space)
                raise
            self._said_ours(planned.made())
            if there is not None:
                listed = self._listed([self._meant(one, space) for one in own])
                self._versions |= {thing: _version(meta) for thing, meta in listed.items()}
        self._made += [self._meant(one, space) for one in own]
        if release.shared:  # who needs it next asks for its kinds
            self._stand([self._meant(one, space) for one in own])

    def _permitted(self, rendered: Iterable[Object], space: str) -> None:
        """Raises ``Forbidden`` where we lack a right to what helm could not install, which it knows no code for."""
        try:
            kinds = [self._objects.kind(one["apiVersion"], one["kind"]) for one in rendered if one["kind"] != CRD]
        except Absent as error:
            self._fail(str(error))
        spaces = [one["metadata"].get("namespace") or space for one in rendered if one["kind"] != CRD]
        self._objects.permitted([(KINDS["Secret"], space), *zip(kinds, spaces, strict=True)], *CHANGES)

    def _said_ours(self, rendered: Iterable[Object]) -> None:
        """Label the definitions that the chart's templates made: its release may leave them."""
        for one in rendered:
            if one["kind"] == CRD:
                labels = {COMPONENT: self.component, TARGET: self._labels[TARGET], RUN: self._labels[RUN]}
                self._objects.mark(KINDS[CRD], "", one["metadata"]["name"], labels)

    def _serves(self, release: Release) -> bool:
        """Whether the cluster serves every kind that a shared release is there for."""
        return release.shared and bool(release.serves) and self._objects.all_served(release.serves)

    def _told_killed(self, error: HelmKilled, name: str, space: str = "") -> None:
        """Say that helm was ended from outside, and repair the release that it was to install."""
        self._tell(Phase.PREPARING, f"{error}, and is run once more")
        there = self._seen.release(space, name) if name else None
        if there is not None and there.status in PENDING:
            self._repaired(there)

    def _repaired(self, there: HelmRelease) -> None:
        """A release in the middle of a change whose helm is gone: forget that revision; a first one is removed."""
        self._seen.changed(there.namespace, there.name)
        if there.revision == 1:
            self._helm.uninstall(there.name, there.namespace, self._deadline.left)
            return
        self._objects.remove(KINDS["Secret"], there.namespace, REVISION.format(there.name, there.revision))

    def _applied(self, obj: Object, space: str) -> Object:
        """Make it, or change it; anew where a run that was killed had begun to take it down."""
        applied = self._objects.apply(obj, space, self._labels)
        there = applied["metadata"]
        if not there.get("deletionTimestamp"):
            return applied
        kind = self._objects.kind(obj["apiVersion"], obj["kind"])
        self._objects.gone(kind, there.get("namespace", ""), there["name"], self._deadline.left, there["uid"])
        return self._objects.apply(obj, space, self._labels)

    def _listed(self, things: Iterable[Thing]) -> dict[Thing, Mapping[str, Any]]:
        """The metadata of those that are there, asked of the cluster now: the watches may have brought less."""
        listed: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
        for kind, space in dict.fromkeys(thing[:2] for thing in things if self._judged(thing)):
            every = self._api.metadata(self._objects.named(kind), space or None)
            listed[kind, space] = {str(one["name"]): one for one in every}
        found = ((thing, listed.get(thing[:2], {}).get(thing[2])) for thing in things)
        return {thing: meta for thing, meta in found if meta is not None}

    # -- waiting

    def _until_ended(self, things: Iterable[Thing]) -> None:
        """Wait until none of them is being deleted: helm would take for its own what is gone a moment later."""
        things = list(things)
        self._asked(things)
        news = self._hub().news()

        def left() -> str:
            self._ended()
            world = self._hub().world()
            there = (world.get(*thing) for thing in things)
            ends = [one for one in there if one is not None and one["metadata"].get("deletionTimestamp")]
            told = ", ".join(f"{one['kind']} {one['metadata']['name']}" for one in ends)
            if told:
                self._tell(Phase.WAITING, f"for the end of {told}"[:120])
            return told

        awaited = "the end of what is being deleted"
        until(left, awaited=awaited, within=self._deadline.left, every=ASIDE, enough=lambda told: not told, news=news)

    def _stand(self, things: Iterable[Thing]) -> None:
        """Wait until all of them are ready. Raises ``DeployError`` for what is doomed, at once."""
        things = list(dict.fromkeys(things))
        self._asked(things)
        last: dict[Thing, str] = {}
        news = self._hub().news()

        def ready() -> bool:
            self._ended()
            world = self._hub().world()
            last.clear()
            for thing in things:
                if (why := self._lacks(world, thing)) is not None:
                    last[thing] = why
            if last:
                thing = next((one for one in last if one in self._reasons), next(iter(last)))
                text = f"{' '.join(filter(None, thing))}: {last[thing]}"
                self._tell(Phase.WAITING, short(redacted(text), 300), self._reasons.get(thing, ""))
            return not last

        try:
            until(ready, awaited="all of it to be ready", within=self._deadline.left, every=LOOK, news=news)
        except NotReady:
            told = "; ".join(f"{kind} {space}/{name}: {why}" for (kind, space, name), why in list(last.items())[:5])
            raise DeployError(self.component, f"not ready within {self.spec.ready:g} s: {redacted(told)}") from None

    def _lacks(self, world: World, thing: Thing) -> str | None:
        """What is missing of one of the things; None where it is ready or has no state. Raises ``DeployError``."""
        obj = world.get(*thing)
        if obj is None:
            return None if not self._judged(thing) else "is not there yet"
        if self._old(thing, obj):
            return "its change is not seen yet"
        found = verdict(world, obj)
        self._reasons.pop(thing, None)
        if found is not None and found.reason in UNTOLD and thing[0] in self._objects.custom:
            found = self._untold(world, thing, obj, found)
        if found is None or found.state.value == "ready":
            return None
        if found.reason in RULES:
            self._reasons[thing] = found.reason
        if found.state.value == "failed" or self._nobody(world, thing, found):
            if not self._renewed(world, obj):
                self._doomed(thing, found)
            return f"its pod of the older template is replaced: {found.told or found.reason}"
        return f"{found.reason}: {found.told}" if found.told else found.reason

    def _untold(self, world: World, thing: Thing, obj: Object, found: Judgement) -> Judgement | None:
        """The verdict on a custom resource whose operator has not told its newest state; None where it has none."""
        kind = self._objects.custom[thing[0]]
        if not obj.get("status") and not self._silence.stateful(kind):
            return None
        if not self._first.setdefault((thing, "heard"), Deadline(HEARD)).passed:
            return found._replace(state=State.PROGRESSING, reason="NoStatus")
        why = self._silence.why(world, kind, obj) or found
        if why.reason not in RULES:  # it is there, and may be at work
            self._first.pop((thing, UNTOLD[0]), None)
            return why._replace(state=State.PROGRESSING)
        # from now on, however old the object is: an operator that has just come has its time
        passed = self._first.setdefault((thing, UNTOLD[0]), Deadline(RULES[why.reason].grace)).passed
        return why._replace(state=State.FAILED if passed else State.PROGRESSING)

    def _nobody(self, world: World, thing: Thing, found: Judgement) -> bool:
        """Whether what is missing would have to be made by somebody, and everything that we make is there."""
        if found.reason not in RULES or RULES[found.reason].grace != SOMEBODY:
            return False
        if any(event.get("reason") == SCALED for event in world.of_kind("Event")):
            return False
        return self._first.setdefault((thing, found.reason), Deadline(ALL_MADE)).passed

    def _running(self, things: Iterable[Thing]) -> World:
        """What is seen now. Raises ``DeployError`` where one of them is doomed, or nobody wants it any more."""
        self._ended()
        world = self._hub().world()
        for thing in things:
            obj = world.get(*thing)
            if obj is not None and not self._old(thing, obj):
                found = verdict(world, obj)
                if found is not None and found.state.value == "failed":
                    self._doomed(thing, found)
        return world

    def _old(self, thing: Thing, obj: Object) -> bool:
        """Whether what is seen of it is from before it was changed."""
        uid, generation = self._versions.get(thing, ("", 0))
        seen = _version(obj["metadata"])
        return seen[0] in self._before or (bool(uid) and (seen[0] != uid or seen[1] < generation))

    def _renewed(self, world: World, obj: Object) -> bool:
        """Whether a StatefulSet's pods of an older template stand in the way, which are removed for it.

        It waits for each pod to become ready before it goes on, and so for ever for one that cannot
        (kubernetes.io/docs/concepts/workloads/controllers/statefulset, "Forced rollback").
        """
        status = obj.get("status", {})
        newest = status.get("updateRevision")
        strategy = obj.get("spec", {}).get("updateStrategy", {})
        kept = strategy.get("type") == "OnDelete" or strategy.get("rollingUpdate", {}).get("partition")
        if obj["kind"] != "StatefulSet" or kept or newest in (None, status.get("currentRevision")):
            return False
        found = False
        for pod in world.children(obj, "Pod"):
            meta = pod["metadata"]
            if (
                meta.get("labels", {}).get("controller-revision-hash") == newest
                or condition(pod, "Ready").get("status") == "True"
            ):
                continue
            found = True
            if meta.get("uid", "") not in self._replaced:
                self._replaced.add(meta.get("uid", ""))
                self._objects.remove(KINDS["Pod"], meta["namespace"], meta["name"])
        return found

    def _hooked(self, hooks: Iterable[Thing]) -> str:
        """What the first of these hooks waits for, which is told; empty where nothing stands in their way.

        Raises ``DeployError`` where one is doomed.
        """
        if not (hooks := list(hooks)):
            self._ended()
            return ""
        return self._tell_way(self._running(hooks), hooks)

    def _tell_way(self, world: World, things: Iterable[Thing]) -> str:
        """What the first of them that something stands in the way of waits for, which is told; empty: nothing does."""
        for kind, space, name in things:
            obj = world.get(kind, space, name)
            found = verdict(world, obj) if obj is not None and not self._old((kind, space, name), obj) else None
            if found is not None and found.state is State.PROGRESSING and found.reason in RULES:
                waits = redacted(f"{kind} {space}/{name}: {found.reason}: {found.told}")
                self._tell(Phase.WAITING, waits, found.reason)
                return waits
        return ""

    def _judged(self, thing: Thing) -> bool:
        """Whether such a kind has a state that can be waited for."""
        return thing[0] in JUDGES or "." in thing[0]

    def _asked(self, things: Iterable[Thing]) -> None:
        """Have the objects that decide on these things followed. Raises ``Forbidden`` where they may not be listed."""
        hub = self._hub()
        wanted: list[Kind] = [*FOLLOWED]
        for kind, _, _ in things:
            if kind in KINDS and self._judged((kind, "", "")):
                wanted.append(KINDS[kind])
            elif kind in self._objects.custom:
                wanted.append(self._objects.custom[kind])
        own = wanted[len(FOLLOWED) :]
        hub.ask(dict.fromkeys(wanted))
        hub.listed(self._deadline.left, kinds=wanted, tolerate=(ClientError,))
        # what may not be seen is never ready
        hub.listed(self._deadline.left, kinds=[KINDS["Pod"], *own], tolerate=(ClusterLost,))

    # -- names

    def _meant(self, obj: Object, space: str) -> Thing:
        kind, namespace, name = named(obj)
        try:
            known = self._objects.kind(obj["apiVersion"], obj["kind"])
        except Absent as error:
            self._fail(str(error))
        return kind, (namespace or space) if known.namespaced else "", name

    def _owner(self, workload: Workload, recipe: HelmRecipe) -> Thing:
        try:
            self._objects.named(workload.kind)  # an operator makes it, so that nobody has asked for its kind yet
        except Absent as error:
            self._fail(str(error))
        space, _, name = workload.name.rpartition("/")
        return workload.kind, space or recipe.namespace, name

    # -- the end

    def _ended(self) -> None:
        if why := self._cancelled():
            raise DeployError(self.component, why)

    def _doomed(self, thing: Thing, found: Judgement) -> None:
        kind, space, name = thing
        world = Logs(self._api).world(self._hub())  # with what it wrote last
        again = verdict(world, there) if (there := world.get(*thing)) is not None else None
        if again is not None and again.state is found.state and found.reason not in UNTOLD:
            found = again
        told = ": ".join(filter(None, (found.reason, found.told)))
        hint = f"; {found.hint}" if found.hint else ""
        self._fail(redacted(f"{kind} {space}/{name} will not come up: {told}{hint}"))

    def _fail(self, message: str) -> Any:
        raise DeployError(self.component, message)

    def _tell_unseen(self, rendered: Iterable[Object], *, shared: bool = False) -> None:
        """Say what of ``[deploy]`` a chart has no place for; what it was given of that came to nothing."""
        for one in unseen(rendered, self._recipe.given(shared=shared)):
            self._report(Progress(self.component, Phase.FETCHING, redacted(str(one)), stays=True))

    def _tell(self, phase: Phase, text: str, reason: str = "") -> None:
        self._report(Progress(self.component, phase, text, reason=reason))


def _held(secret: Object | None) -> dict[str, str]:
    """What a Secret holds."""
    return {key: base64.b64decode(value).decode() for key, value in ((secret or {}).get("data") or {}).items()}


def _version(meta: Mapping[str, Any]) -> tuple[str, int]:
    return str(meta.get("uid", "")), int(meta.get("generation", 0))


def _chart_label(release: Release, chart: KeptChart, inside: ChartKeys) -> str:
    """Name and version of a chart, as a label may hold them."""
    said = inside.chart
    name = said.get("name") or release.chart.rstrip("/").rpartition("/")[2]
    label = f"{name}-{release.version or said.get('version') or chart.digest[7:19]}"
    return re.sub(r"[^A-Za-z0-9._-]", "_", label)[:63].strip("._-")
