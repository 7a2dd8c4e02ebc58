"""One component on its way up: what is there and right is adopted, the rest is made, and what is doomed is named."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import yaml

from gonogo.cluster.api import KINDS, Kind
from gonogo.cluster.judge import JUDGES, Judgement, World, verdict
from gonogo.cluster.judge.doom import RULES, SOMEBODY
from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.kinds import HEALTH
from gonogo.core.errors import Absent, ClientError, ClusterLost, DeployError, NotReady
from gonogo.core.home import home
from gonogo.core.outlet import redacted
from gonogo.core.servers import Phase, Progress, Report
from gonogo.core.waiting import Deadline, until
from gonogo.providers.helm.applied import unseen
from gonogo.providers.helm.charts import KeptChart, fetch
from gonogo.providers.helm.contents import HOOK
from gonogo.providers.helm.objects import COMPONENT, RUN, TARGET, Objects, ending, named, objects
from gonogo.providers.helm.program import Helm, HelmFailed, HelmRelease, Installation
from gonogo.providers.helm.recipe import HelmRecipe, digest, generate
from gonogo.providers.helm.spec import Release, Workload
from gonogo.providers.helm.values import ChartKeys, declared

if TYPE_CHECKING:
    from gonogo.cluster.hub import Hub

PENDING = frozenset({"pending-install", "pending-upgrade", "pending-rollback", "uninstalling"})
"""A helm was ended in the middle of it (helm, pkg/release/v1/status.go)."""

LOOK = 0.2
"""Seconds between two looks at what the watches have brought."""

CRD = "CustomResourceDefinition"

CHANGES = ("get", "create", "patch")
"""What helm does with an object of a chart that it installs, or upgrades."""

ALL_MADE = 3.0
"""Seconds that what nobody else makes is waited for. The judge gives an installation time to make its objects in any
order; here all of them are made."""

SCALED = "TriggeredScaleUp"
"""The event by which the cluster autoscaler says that it adds a node (its FAQ, "events")."""

Thing = tuple[str, str, str]
"""Kind as a world knows it, namespace, name."""


class HelmDeployment:
    """One component, made once. ``recipe`` lacks what is generated, which is asked of the cluster."""

    def __init__(
        self,
        recipe: HelmRecipe,
        *,
        helm: Helm,
        api: Any,
        hub: Callable[[], Hub],
        run: str,
        report: Report,
        deadline: Deadline,
        cancelled: Callable[[], str],
    ) -> None:
        self._recipe, self.spec, self.component = recipe, recipe.spec, recipe.component
        self._helm, self._hub, self._report = helm, hub, report
        self._objects, self._deadline, self._cancelled = Objects(api), deadline, cancelled
        self._labels = {RUN: run, TARGET: recipe.place.target, COMPONENT: recipe.component}
        self._made: list[Thing] = []
        self._first: dict[tuple[Thing, str], Deadline] = {}
        """When each reason was seen first, of what may be made by somebody yet."""

    def deploy(self) -> None:
        """Returns once everything that was made is ready, as the cluster sees it.

        Raises ``DeployError`` as soon as it cannot come up, ``ClientError`` and ``ConfigError``.
        """
        self._tell(Phase.PREPARING, "its namespaces and Secrets")
        for space in self._recipe.spaces():
            self._namespace(space)
        recipe = self._recipe.generated(self._generated(self._recipe.namespace))
        for name, values in recipe.secrets().items():
            self._secret(recipe.namespace, name, values)
        for release in self.spec.releases:
            self._released(recipe, release)
        for manifest in self.spec.manifests:
            space, made = recipe.space_of(manifest), recipe.manifest(manifest)
            self._tell_unseen(made)
            for obj in made:
                self._objects.apply(obj, space, self._labels)
                self._made.append(self._meant(obj, space))
        self._made += [self._owner(one, recipe) for one in self.spec.workloads]
        self._stand(self._made)

    def still(self) -> None:
        """Raises ``DeployError`` where something that was made has failed since it was ready."""
        self._running(self._made)

    # -- before

    def _namespace(self, name: str) -> None:
        """A namespace that is there is used as it is; one that is not is ours."""
        there = self._objects.namespace(name, self._recipe.space_labels(self._labels[RUN]))
        if there.get("status", {}).get("phase") == "Terminating":
            self._fail(ending(there))

    def _generated(self, space: str) -> dict[str, str]:
        """The generated values: those that the cluster has since an earlier run, and new ones."""
        name = f"gonogo-{self.component}"
        there = self._objects.find(KINDS["Secret"], space, name) or {}
        held = {key: base64.b64decode(value).decode() for key, value in (there.get("data") or {}).items()}
        found = generate(self.spec, held)
        if found != held or not there:
            self._secret(space, name, found)
        return found

    def _secret(self, namespace: str, name: str, values: Mapping[str, str]) -> None:
        there = self._objects.find(KINDS["Secret"], namespace, name)
        if there is not None and there["metadata"].get("labels", {}).get(TARGET) != self._labels[TARGET]:
            self._fail(f"Secret {namespace}/{name} is there already and not of this target; it was left as it is")
        meta = {"name": name}
        self._objects.apply(
            {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "Opaque", "stringData": dict(values)},
            namespace,
            self._labels,
        )

    # -- releases

    def _released(self, recipe: HelmRecipe, release: Release) -> None:
        space = recipe.space_of(release)
        there = next((one for one in self._helm.list(space) if one.name == release.name), None)
        if (there is None or there.target != self._labels[TARGET]) and self._serves(release):
            self._tell(Phase.PREPARING, f"{release.name}: an operator that is there serves what is needed")
            return
        if there is not None and there.target != self._labels[TARGET]:
            whose = f"of target {there.target!r}" if there.target else "not gonogo's"
            self._fail(
                f"release {release.name} in namespace {space} is there already and {whose}; it was left as it is"
            )
        self._tell(Phase.FETCHING, f"chart {release.chart} {release.version}".rstrip())
        chart = fetch(release, recipe.folder, home())
        values = recipe.values(release)
        wanted = digest(values, chart.digest)
        installation = Installation(release.name, space, chart.path, yaml.safe_dump(values))
        rendered = objects(f"chart {release.name}", self._helm.render(installation))
        self._tell_unseen(rendered, shared=release.shared)
        hooks = [one for one in rendered if HOOK in (one["metadata"].get("annotations") or {})]
        own = [one for one in rendered if one not in hooks and one["kind"] != CRD]
        if there is None or there.status != "deployed" or there.values != wanted:
            if there is not None and there.status in PENDING:
                self._repaired(there)
            inside = declared(chart.path)
            definitions = inside.definitions()
            for definition in definitions:
                self._objects.define(definition, self._labels)
            self._tell(Phase.STARTING, f"release {release.name}")
            labels = {**self._labels, "gonogo/chart": _chart_label(release, chart, inside), "gonogo/values": wanted}
            watched = [self._meant(one, space) for one in hooks]
            self._asked(watched)
            within = self._deadline.left
            try:
                self._helm.install(installation, labels, within, lambda: self._running(watched))
            except HelmFailed:
                self._running(watched)  # a hook's own pod says more than helm does of it
                self._permitted(rendered, space)
                raise
            self._said_ours(rendered, definitions)
        self._made += [self._meant(one, space) for one in own]
        if release.shared:  # who needs it next asks for its kinds
            self._stand([self._meant(one, space) for one in own])

    def _permitted(self, rendered: Iterable[Object], space: str) -> None:
        """Raises ``Forbidden`` where we lack a right to what helm could not install, which it knows no code for."""
        kinds = [self._objects.kind(one["apiVersion"], one["kind"]) for one in rendered if one["kind"] != CRD]
        spaces = [one["metadata"].get("namespace") or space for one in rendered if one["kind"] != CRD]
        self._objects.permitted([(KINDS["Secret"], space), *zip(kinds, spaces, strict=True)], *CHANGES)

    def _said_ours(self, rendered: Iterable[Object], applied: Iterable[Object]) -> None:
        """Label the definitions that the chart's templates made: its release may leave them."""
        known = {one["metadata"]["name"] for one in applied}
        for one in rendered:
            if one["kind"] == CRD and one["metadata"]["name"] not in known:
                labels = {COMPONENT: self.component, TARGET: self._labels[TARGET], RUN: self._labels[RUN]}
                self._objects.mark(KINDS[CRD], "", one["metadata"]["name"], labels)

    def _serves(self, release: Release) -> bool:
        """Whether the cluster serves every kind that a shared release is there for."""
        if not release.shared or not release.serves:
            return False
        for one in release.serves:
            resource, _, version = one.rpartition("/")
            plural, _, group = resource.partition(".")
            if not self._objects.serves(group, version, plural):
                return False
        return True

    def _repaired(self, there: HelmRelease) -> None:
        """A release in the middle of a change whose helm is gone: forget that revision; a first one is removed."""
        if there.revision == 1:
            self._helm.uninstall(there.name, there.namespace, self._deadline.left)
            return
        secret = f"sh.helm.release.v1.{there.name}.v{there.revision}"
        self._objects.remove(KINDS["Secret"], there.namespace, secret)

    # -- waiting

    def _stand(self, things: Iterable[Thing]) -> None:
        """Wait until all of them are ready. Raises ``DeployError`` for what is doomed, at once."""
        things = list(dict.fromkeys(things))
        self._asked(things)
        last: dict[Thing, str] = {}

        def ready() -> bool:
            self._ended()
            world = self._hub().world()
            last.clear()
            for thing in things:
                if (why := self._lacks(world, thing)) is not None:
                    last[thing] = why
            if last:
                thing, why = next(iter(last.items()))
                self._tell(Phase.WAITING, f"{' '.join(filter(None, thing))}: {why}"[:120])
            return not last

        try:
            until(ready, awaited="all of it to be ready", within=self._deadline.left, every=LOOK)
        except NotReady:
            told = "; ".join(f"{kind} {space}/{name}: {why}" for (kind, space, name), why in list(last.items())[:5])
            raise DeployError(self.component, f"not ready within {self.spec.ready:g} s: {redacted(told)}") from None

    def _lacks(self, world: World, thing: Thing) -> str | None:
        """What is missing of one of the things; None where it is ready or has no state. Raises ``DeployError``."""
        obj = world.get(*thing)
        if obj is None:
            return None if not self._judged(thing) else "is not there yet"
        found = verdict(world, obj)
        if found is None or found.state.value == "ready":
            return None
        if found.state.value == "failed" or self._nobody(world, thing, found):
            self._doomed(thing, found)
        return f"{found.reason}: {found.told}" if found.told else found.reason

    def _nobody(self, world: World, thing: Thing, found: Judgement) -> bool:
        """Whether what is missing would have to be made by somebody, and everything that we make is there."""
        if found.reason not in RULES or RULES[found.reason].grace != SOMEBODY:
            return False
        if any(event.get("reason") == SCALED for event in world.of_kind("Event")):
            return False
        return self._first.setdefault((thing, found.reason), Deadline(ALL_MADE)).passed

    def _running(self, things: Iterable[Thing]) -> None:
        """Raises ``DeployError`` where one of them is doomed, or nobody wants it any more."""
        self._ended()
        world = self._hub().world()
        for thing in things:
            obj = world.get(*thing)
            found = verdict(world, obj) if obj is not None else None
            if found is not None and found.state.value == "failed":
                self._doomed(thing, found)

    def _judged(self, thing: Thing) -> bool:
        """Whether such a kind has a state that can be waited for."""
        return thing[0] in JUDGES or "." in thing[0]

    def _asked(self, things: Iterable[Thing]) -> None:
        """Have the objects that decide on these things followed. Raises ``Forbidden`` where they may not be listed."""
        hub = self._hub()
        wanted: list[Kind] = [KINDS[one] for one in (*HEALTH, "PersistentVolumeClaim")]
        for kind, _, _ in things:
            if kind in KINDS and self._judged((kind, "", "")):
                wanted.append(KINDS[kind])
            elif kind in self._objects.custom:
                wanted.append(self._objects.custom[kind])
        own = wanted[len(HEALTH) + 1 :]
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
        told = ": ".join(filter(None, (found.reason, found.told)))
        hint = f"; {found.hint}" if found.hint else ""
        self._fail(redacted(f"{kind} {space}/{name} will not come up: {told}{hint}"))

    def _fail(self, message: str) -> Any:
        raise DeployError(self.component, message)

    def _tell_unseen(self, rendered: Iterable[Object], *, shared: bool = False) -> None:
        """Say what of ``[deploy]`` a chart has no place for; what it was given of that came to nothing."""
        for one in unseen(rendered, self._recipe.given(shared=shared)):
            self._report(Progress(self.component, Phase.FETCHING, redacted(str(one)), stays=True))

    def _tell(self, phase: Phase, text: str) -> None:
        self._report(Progress(self.component, phase, text))


def _chart_label(release: Release, chart: KeptChart, inside: ChartKeys) -> str:
    """Name and version of a chart, as a label may hold them."""
    said = inside.chart
    name = said.get("name") or release.chart.rstrip("/").rpartition("/")[2]
    label = f"{name}-{release.version or said.get('version') or chart.digest[7:19]}"
    return re.sub(r"[^A-Za-z0-9._-]", "_", label)[:63].strip("._-")
