"""The provider ``helm``: components deployed on a cluster by charts and manifests, and taken down again.

What is up is asked of the cluster, never of a file here: another machine sees the same.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import msgspec

from gonogo.catalog.registry import Component
from gonogo.catalog.target import Target
from gonogo.checks.inside import Inside
from gonogo.cluster.api import KINDS, Declined, MayNot
from gonogo.cluster.judge.shapes import Object
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import Absent, ClientError, ConfigError, DeployError, NotAllowed, NotReady, Problem
from gonogo.core.home import home
from gonogo.core.loading import LOADING
from gonogo.core.outcomes import Mode, Outcome
from gonogo.core.outlet import news
from gonogo.core.servers import Phase, Progress, Report, Server
from gonogo.core.waiting import Deadline, until
from gonogo.providers import Going, Ready, Reason, Removing, Stopped
from gonogo.providers.helm.applied import unseen
from gonogo.providers.helm.charts import fetch
from gonogo.providers.helm.deployment import ANSWERS, ENDED, HelmDeployment
from gonogo.providers.helm.inspection import Inspection, installation
from gonogo.providers.helm.lease import Lease
from gonogo.providers.helm.meant import deploys, lacking, recipe_for, unbreakable
from gonogo.providers.helm.mistakes import Mistake
from gonogo.providers.helm.nodes import HUNG, Pods, as_before
from gonogo.providers.helm.objects import Objects, ending, objects
from gonogo.providers.helm.ownership import Ownership
from gonogo.providers.helm.program import Helm, HelmFailed, HelmKilled, HelmRelease
from gonogo.providers.helm.recipe import HelmRecipe, space_labels
from gonogo.providers.helm.removal import Removal
from gonogo.providers.helm.seen import Seen
from gonogo.providers.helm.spec import FILE, Release
from gonogo.providers.helm.story import installed
from gonogo.results.model import Evidence

if TYPE_CHECKING:  # what a plan is judged by is loaded where one is asked for
    from gonogo.cluster.plan.findings import PlanFinding
    from gonogo.cluster.plan.fit import Part
    from gonogo.cluster.plan.ground import Ground

TAKEN = 120.0
"""Seconds in which the Lease is taken, though others take down the namespace that it is in."""

AT_MOST = 2.0
"""Seconds that looking for a reason, or for what helm installed, may take beyond all else that is looked at."""

TAKEN_OVER = "another run took this target over: this one had not renewed its Lease for too long"

T = TypeVar("T")


class Rendered(NamedTuple):
    """The objects of a release, its hooks and definitions among them, or of a manifest.

    An operator is ``shared``, and used as it is where the kinds that it ``serves`` are there; ``lost`` is why its chart
    cannot be had.
    """

    what: str
    namespace: str
    objects: list[Object]
    shared: bool = False
    serves: str = ""
    lost: ConfigError | None = None


class Attached(Protocol):
    """The same cluster for components that are there: what the provider ``existing`` can."""

    cluster: Any

    def attached(self, component: Component) -> Endpoints | None: ...
    def confirm(self) -> str: ...
    def place(self) -> str: ...
    def servers(self) -> list[Server]: ...
    def inside(self) -> Callable[[str], Inside]: ...
    def reason(self, component: Component) -> Reason | None: ...
    def evidence(self, component: str) -> list[Evidence]: ...
    def private(self) -> Path: ...
    def close(self) -> None: ...


class HelmPlatform:
    """The components of one target on a cluster.

    ``attach`` makes a provider for a target file that says where everything is; components that this one gives
    addresses of are attached to, the others are deployed.
    """

    name = "helm"
    completes = True
    capabilities = frozenset({"disturb"})

    def __init__(
        self, target: Target, attach: Callable[[Target], Attached], every: Callable[[], Iterable[Component]], run: str
    ) -> None:
        """``every``: all components that there are, each after what it needs; ``run`` says who deploys."""
        self._target, self._every, self._run = target, every, run
        self._tables: dict[str, Mapping[str, Any]] = dict(target.components)
        self._there = attach(replace(target, components=self._tables))
        self._lock = threading.RLock()
        self._lease: Lease | None = None
        self._expired: Lease | None = None
        self._recipes: dict[str, HelmRecipe] = {}
        self._begun: list[str] = []
        self._reserved: set[str] = set()
        self._broken: set[str] = set()
        self._ending = ""
        self._awaited: Deadline | None = None
        assert target.kubernetes is not None, "a helm target has a cluster"
        api = self._there.cluster.api
        self._helm, self._objects = Helm(target.kubernetes, api), Objects(api)
        self._seen = Seen(api, self._objects, self._helm, lambda: self._there.cluster.hub)
        self._ownership = Ownership(api, self._objects, self._seen, target.name)

    # -- where it is

    def stands(self, component: Component) -> bool:
        """Whether it is attached to, or all its releases are there."""
        if not self._deploys(component):
            return self._target.names(component) or self._target.addressed(component)
        recipe = self._recipe(component)
        wanted = {(recipe.space_of(one), one.name) for one in recipe.spec.releases if not one.shared}
        there = {
            (one.namespace, one.name)
            for space in recipe.spaces()
            for one in self._listed(space)
            if one.target == self._target.name and one.status == "deployed"
        }
        secret = KINDS["Secret"], recipe.namespace, f"gonogo-{component.name}"
        return wanted <= there if wanted else self._objects.find(*secret) is not None

    def _listed(self, space: str) -> list[HelmRelease]:
        """The releases of a namespace: as seen before, while nobody else works on the target."""
        if self._lease is None and not self._reserved:
            return self._helm.list(space)
        # one that is to be made is looked into once, and that is when the Lease is held
        absent = self._lease is None and space in self._reserved and not self._seen.namespace(space, self._found(space))
        return [] if absent else self._seen.releases(space)

    def _found(self, space: str) -> Callable[[], dict[str, Any]]:
        return lambda: self._objects.find(KINDS["Namespace"], "", space) or {}

    def attached(self, component: Component) -> Endpoints | None:
        """See :meth:`gonogo.providers.Provider.attached`."""
        if not self.stands(component):
            return None
        self._known(component)
        return self._there.attached(component)

    def private(self) -> Path:
        """Below GONOGO_HOME."""
        return self._there.private()

    def confirm(self) -> str:
        """See :meth:`gonogo.providers.Identifies.confirm`."""
        return self._confirmed

    @cached_property
    def _confirmed(self) -> str:
        return self._there.confirm()

    def place(self) -> str:
        """See :meth:`gonogo.providers.Identifies.place`."""
        return self._there.place()

    def servers(self) -> list[Server]:
        """See :meth:`gonogo.providers.Observes.servers`."""
        every = self._deployed
        for component in every:
            if self.stands(component):
                self._known(component)
        of = {one.component: one for one in self.releases()}  # the last of a component is its own chart
        deployed = {component.name for component in every}
        return [
            replace(
                server,
                provider=self.name,
                version=of[server.component].version if server.component in of else server.version,
                run=of[server.component].run if server.component in of else "",
            )
            if server.component in deployed
            else server
            for server in self._there.servers()
        ]

    def releases(self) -> list[Server]:
        """See :meth:`gonogo.providers.Installs.releases`."""
        rows: dict[tuple[str, str], Server] = {}
        listed: dict[str, list[HelmRelease]] = {}
        for component in self._every():
            if not self._deploys(component):
                continue
            recipe = self._recipe(component)
            for space in recipe.spaces():
                if space not in listed:
                    listed[space] = self._helm.list(space)
            there = {(one.namespace, one.name): one for space in recipe.spaces() for one in listed[space]}
            for release in recipe.spec.releases:
                place = recipe.space_of(release), release.name
                one = there.get(place)
                if one is None or one.target != self._target.name or place in rows:
                    continue
                rows[place] = Server(
                    component=one.component or component.name,
                    node=f"release {one.name}",
                    provider=self.name,
                    state=one.status,
                    version=one.chart,
                    since=one.since,
                    run=one.run,
                )
        return list(rows.values())

    def table(self, component: Component) -> Mapping[str, Any] | None:
        """See :meth:`gonogo.providers.Installs.table`."""
        if component.cluster or not self.stands(component):
            return None
        self._known(component)
        return {key: value for key, value in self._tables[component.name].items() if key != "helm"}

    def inside(self) -> Callable[[str], Inside]:
        """See :meth:`gonogo.providers.Observes.inside`."""
        return self._there.inside()

    def reason(self, component: Component) -> Reason | None:
        """See :meth:`gonogo.providers.Explains.reason`. What an earlier run stopped and left so explains itself."""
        left = self._aside(lambda: self._left_stopped(component)) if component.name not in self._broken else None
        return left or self._there.reason(component)

    def _left_stopped(self, component: Component) -> Reason | None:
        for one in self._pods(component).stopped() if self._deploys(component) else ():
            what = f"pod {one['namespace']}/{one['name']} was stopped on purpose by {one['labels'][HUNG]}"
            again = f"`gonogo up {component.name} --target {self._target.name}` lets it go on"
            return Reason(f"{what}, which did not come to its end", again)
        return None

    def evidence(self, component: str) -> list[Evidence]:
        """What stands behind its Services, and what helm installed of it: status, history, values."""
        return [*self._there.evidence(component), *(self._aside(lambda: self._installed(component)) or ())]

    def _installed(self, component: str) -> list[Evidence]:
        of = (one for one in self._every() if one.name == component and self._deploys(one))
        return [piece for one in of for piece in installed(self._helm, self._recipe(one), self._target.name)]

    def _aside(self, ask: Callable[[], T]) -> T | None:
        """What is told beside an answer, where it comes in time: a question that hangs is left behind."""
        told: list[T] = []

        def look() -> None:
            with suppress(ClientError, ConfigError):
                told.append(ask())

        thread = threading.Thread(target=look, name="aside", daemon=True)
        thread.start()
        thread.join(AT_MOST)
        return told[0] if told else None

    def close(self) -> None:
        """Give back the Lease and the connections."""
        self._let_go()
        self._there.close()

    # -- before it is changed

    def reserve(self, components: Iterable[Component], waits: Callable[[str], None]) -> None:
        """See :meth:`gonogo.providers.Reserves.reserve`. Without a namespace for the Lease yet, it is held later."""
        self._helm.seek()
        self.confirm()
        self._reserved = {space for one in components if self._deploys(one) for space in self._recipe(one).spaces()}
        if self._reserved and _phase(self._seen.namespace(self._home, self._found(self._home))) == "Active":
            self._hold(waits)

    def version(self, component: Component) -> str:
        """The charts that would be installed."""
        releases = self._recipe(component).spec.releases
        return ", ".join(f"{one.chart.rpartition('/')[2]} {one.version}".strip() for one in releases) or "manifests"

    def takes(self, component: Component) -> dict[str, Any]:
        """What it takes of the cluster is not known before its charts are rendered."""
        return {
            "memory_mib": None,
            "disk_mib": None,
            "processes": sum(one.pods for one in self._recipe(component).spec.workloads),
        }

    def fits(self, components: Iterable[Component]) -> list[Problem]:
        """What is wrong with values and custom resources, and Secrets of one name that two components would make.

        A chart that cannot be had stops its component, later.
        """
        clashes = (problem for _, problem in self._clashes())
        return [*clashes, *(one.problem for one in self.mistakes(components) if one.stops)]

    def wrong(self, components: Iterable[Component]) -> list[PlanFinding]:
        """See :meth:`gonogo.providers.Plans.wrong`. What works and will not for ever is a warning."""
        with LOADING:
            from gonogo.cluster.plan.findings import PlanFinding, Weight

        components = [*components]
        names = {one.name for one in components}
        inspection = self._inspection()
        every = [(name, "values", one) for name, one in self._clashes() if name in names]
        for mistake in inspection.of([self._recipe(one) for one in components if self._deploys(one)]):
            every.append((mistake.component, "values" if mistake.stops else mistake.fault, mistake.problem))
        for name, why in inspection.unread.items():
            every.append(("", "rights", Problem(name, f"whether fields of its objects are right is not known: {why}")))
        weights = {"values": Weight.PROBLEM, "rights": Weight.UNKNOWN}
        return [
            PlanFinding(
                weight=weights.get(cause, Weight.WARNING),
                cause=cause,
                component=name,
                subject=one.where,
                message=one.what,
                hint=one.hint,
            )
            for name, cause, one in every
        ]

    def mistakes(self, components: Iterable[Component]) -> list[Mistake]:
        """Those of values, with what is not wrong yet; changes nothing. Raises ``ConfigError`` for a template."""
        seen = self._seen if self._lease is not None else None  # else others may change it
        return self._inspection(seen).of([self._recipe(one) for one in components if self._deploys(one)])

    def _inspection(self, seen: Seen | None = None) -> Inspection:
        others = (self._recipe(one) for one in self._deployed)
        return Inspection(self._helm, self._objects, self._there.cluster.api, self._target.name, others, seen)

    def _clashes(self) -> Iterator[tuple[str, Problem]]:
        """A Secret that another component makes too: whoever is taken down first would take it from the other."""
        made: dict[tuple[str, str], str] = {}
        for component in self._every():
            if not self._deploys(component):
                continue
            recipe = self._recipe(component)
            for name in recipe.spec.secrets:
                owner = made.setdefault((recipe.namespace, name), component.name)
                if owner != component.name:
                    what = f"secrets: {recipe.namespace}/{name} is made by {owner} too"
                    right = "give it another name, or a namespace of its own"
                    yield component.name, Problem(str(recipe.folder / FILE), what, right)

    def unapplied(self, components: Iterable[Component]) -> list[str]:
        """See :meth:`gonogo.providers.Places.unapplied`."""
        told: list[str] = []
        keys = {key for key, value in msgspec.to_builtins(self._target.deploy).items() if value}
        for component in components if keys - {"namespaces"} else ():
            if not self._deploys(component):
                continue
            recipe = self._recipe(component)
            told += [f"{component.name}: {k} of [deploy]: {w}" for k, w in recipe.spec.without.items() if k in keys]
            try:
                parts = self.rendered(component)
            except ConfigError as error:
                told.append(
                    f"{component.name}: whether its chart has a place for all of [deploy] is not known: {error}"
                )
                continue
            for part in parts:
                told += [f"{component.name}: {one}" for one in unseen(part.objects, recipe.given(shared=part.shared))]
        return told

    def rendered(
        self, component: Component, without: Callable[[Release], bool] = lambda _: False, *, definitions: bool = True
    ) -> list[Rendered]:
        """What would be made of the component, charts and manifests; the cluster is not asked.

        ``without`` tells which releases are left out; so are ``definitions`` (CRDs), which take long to read. Of an
        operator whose chart cannot be had nothing is known: one that is there already needs none. Raises
        ``ConfigError`` for another chart that cannot be had, or that helm cannot render.
        """
        if not self._deploys(component):
            return []
        recipe = self._recipe(component)
        found = []
        for release in recipe.spec.releases:
            if without(release):
                continue
            what, served = f"release {release.name}", ", ".join(release.serves)
            try:
                chart = fetch(release, recipe.folder, home())
            except ConfigError as error:
                if not release.serves:
                    raise
                found.append(Rendered(what, recipe.space_of(release), [], release.shared, served, error))
                continue
            text = self._text(recipe, release, chart.path)
            every = objects(f"chart {release.name}", text, "" if definitions else "CustomResourceDefinition")
            found.append(Rendered(what, recipe.space_of(release), every, release.shared, served))
        for manifest in recipe.spec.manifests:
            space = recipe.space_of(manifest)
            found.append(Rendered(f"manifest {manifest.file}", space, recipe.manifest(manifest)))
        return found

    def _text(self, recipe: HelmRecipe, release: Release, chart: Path) -> str:
        """As helm renders it. Before what it needs is up, a chart may refuse an address that is not known yet."""
        try:
            return self._helm.render(installation(recipe, release, chart))
        except HelmFailed as error:
            with suppress(HelmFailed):
                if not recipe.place.needs:
                    return self._helm.render(installation(recipe.supposed(), release, chart))
            raise ConfigError(Problem(f"chart of {release.name}", f"{error}", "see its values")) from error

    def parts(self, component: Component, asked: Callable[[], bool] = lambda: True) -> list[Part]:
        """See :meth:`gonogo.providers.Plans.parts`. An operator that is there serves and is used as it is."""
        with LOADING:
            from gonogo.cluster.plan.fit import Part

        def served(release: Release) -> bool:
            known = release.shared and bool(release.serves)
            return known and asked() and self._objects.all_served(release.serves)

        every = self.rendered(component, served, definitions=False)
        if lost := next((one.lost for one in every if one.lost), None):
            raise lost  # it is not there, and what it would make is not known
        return [
            Part(component=component.name, what=one.what, namespace=one.namespace, objects=one.objects) for one in every
        ]

    def secrets(self, component: Component) -> list[tuple[str, str]]:
        """See :meth:`gonogo.providers.Plans.secrets`; a pull secret that is copied is one."""
        if not self._deploys(component):
            return []
        recipe = self._recipe(component)
        made = [(recipe.namespace, name) for name in (f"gonogo-{component.name}", *recipe.spec.secrets)]
        pulled = str(recipe.place.deploy.get("pull_secret") or "") if recipe.place.pulled else ""
        return made + [(space, pulled) for space in recipe.spaces() if pulled]

    def ground(self) -> Ground:
        """See :meth:`gonogo.providers.Plans.ground`."""
        with LOADING:
            from gonogo.cluster.plan.ground import read

        self.confirm()
        spaces: dict[str, None] = {}
        for component in self._deployed:
            with suppress(ConfigError):  # it is said of its parts
                spaces |= dict.fromkeys(self._recipe(component).spaces())
        return read(self._there.cluster.api, spaces)

    def written(self) -> tuple[dict[str, Mapping[str, Any]], dict[str, list[str]], str]:
        """What a target file that attaches would say, the namespaces of each component, and where the Lease is."""
        spaces = {}
        for component in self._every():
            if self._deploys(component):
                self._known(component)
                spaces[component.name] = self._recipe(component).spaces()
        return {name: {**table} for name, table in self._tables.items()}, spaces, self._home

    # -- up

    def up(self, component: Component, needs: Mapping[str, Endpoints], ready: Ready, report: Report) -> Endpoints:
        """See :meth:`gonogo.providers.Deploys.up`."""
        if not self._deploys(component):  # it is somebody else's to start, and no waiting for
            return self._asked(component, ready)
        recipe = self._recipe(component, needs)
        deadline = Deadline(max(recipe.spec.ready, self._target.timeouts.ready))
        try:
            self._hold(lambda text: report(Progress(component.name, Phase.WAITING, text)), component.name)
            self._begun.append(component.name)
            pods = self._pods(component)
            for one in pods.stopped(self._seen):
                report(Progress(component.name, Phase.STARTING, f"pod {one['name']}, stopped by {one['labels'][HUNG]}"))
                pods.resume(one)
            deployment = self._deployment(recipe, report, deadline)
            deployment.deploy()
            report(Progress(component.name, Phase.WAITING, ANSWERS))
            return self._answering(component, deadline, ready, deployment.still)
        except HelmKilled as error:
            why = "again: see what ends it (the kernel does where memory is short)"
            fallen = DeployError(component.name, f"{error}, {why}")
            fallen.outcome = Outcome.BROKEN
            raise fallen from error
        except HelmFailed as error:
            raise DeployError(component.name, f"helm: {error}") from error
        except ConfigError as error:
            raise DeployError(component.name, f"{error}") from error
        except ClientError as error:
            raise error.about(component.name) from error

    def _deployment(self, recipe: HelmRecipe, report: Report, deadline: Deadline) -> HelmDeployment:
        return HelmDeployment(
            recipe,
            helm=self._helm,
            api=self._there.cluster.api,
            objects=self._objects,
            seen=self._seen,
            ownership=self._ownership,
            hub=lambda: self._there.cluster.hub,
            run=self._run,
            report=report,
            deadline=deadline,
            cancelled=self._cancelled,
        )

    def _answering(
        self, component: Component, deadline: Deadline, ready: Ready, running: Callable[[], None] = lambda: None
    ) -> Endpoints:
        """Its endpoints, once it answers there.

        Raises ``NotReady`` with the last error, ``Forbidden`` at once, or what ``running`` does.
        """
        self._known(component)
        refused: list[MayNot] = []

        def ask() -> Endpoints:
            try:
                return self._asked(component, ready)
            except MayNot as error:
                refused.append(error)
                raise

        def going() -> None:
            if refused:
                raise refused[0]
            running()

        awaited = f"{component.name} to answer"
        return until(ask, awaited=awaited, within=deadline.left, every=0.5, retry=(ClientError,), running=going)

    def _asked(self, component: Component, ready: Ready) -> Endpoints:
        endpoints = self._there.attached(component)
        if endpoints is None:
            raise ConfigError(Problem(str(self._target.path), f"no table [components.{component.name}]"))
        ready(endpoints)
        return endpoints

    def _hold(self, waits: Callable[[str], None], component: str = "") -> Lease:
        """Be the only one who changes this target. Its Lease lives where the target's first namespace is.

        Raises ``DeployError`` of the ``component`` where that namespace does not end, ``ConfigError`` where it is not
        the cluster meant, ``ClientError``.
        """
        with self._lock:
            if self._lease is None:
                self.confirm()  # whoever changes anything comes through here
                deadline = Deadline(TAKEN)
                while True:
                    self._made_home(waits, component)
                    lease = self._expired or self._its_lease(waits)
                    self._expired = None
                    try:
                        lease.take()
                        break
                    except (Absent, Declined):
                        # while it waited, whoever held it took the namespace down
                        if deadline.passed or self._home_phase() == "Active":
                            raise
                self._seen.forget()  # what it was before, another run may have changed
                self._lease = lease
            return self._lease

    def _made_home(self, waits: Callable[[str], None], component: str) -> None:
        there = self._objects.find(KINDS["Namespace"], "", self._home)
        if there is not None and _phase(there) == "Terminating":
            waits(f"for the end of namespace {self._home}, which is being deleted")
            self._awaited = self._awaited or Deadline(ENDED)  # one for all components: each of them comes here
            try:
                self._objects.gone(KINDS["Namespace"], "", self._home, self._awaited.left)
            except NotReady as error:
                if there := self._objects.find(KINDS["Namespace"], "", self._home):
                    raise DeployError(component, ending(there)) from error
            self._awaited = there = None
        if there is None:
            labels = space_labels(self._run, self._target.name, self._target.deploy.pod_security)
            self._objects.namespace(self._home, labels)

    def _home_phase(self) -> str:
        return _phase(self._objects.find(KINDS["Namespace"], "", self._home) or {})

    def _its_lease(self, waits: Callable[[str], None] = lambda _: None) -> Lease:
        return Lease(self._there.cluster.api, self._home, self._target.name, self._run, waits)

    @cached_property
    def _home(self) -> str:
        """Where the Lease is: the target's first namespace, or that of the first component that it deploys."""
        settings = self._target.kubernetes
        if settings and settings.namespaces:
            return settings.namespaces[0]
        first = next((one for one in self._every() if self._deploys(one)), None)
        return self._recipe(first).namespace if first else "default"

    def _cancelled(self) -> str:
        """Why nothing more may be made; empty where it may."""
        return TAKEN_OVER if self._lease is not None and self._lease.lost else self._ending

    def _taken_over(self) -> None:
        """Raises ``DeployError`` where another run works on the target now."""
        if self._lease is not None and self._lease.lost:
            raise DeployError(self._target.name, TAKEN_OVER)

    def keep(self) -> None:
        """See :meth:`gonogo.providers.Keeps.keep`. It is written down in the Lease of the target."""
        with self._lock:
            if self._lease is not None and self._begun:
                self._lease.keep([*self._lease.kept(), *self._begun])

    # -- disturbing

    @contextmanager
    def disturb(self, component: Component, how: str, node: str, ready: Ready) -> Iterator[Server]:
        """See :meth:`gonogo.providers.Disturbs.disturb`. A restarted node is ready inside already.

        The target's Lease is held meanwhile: of two runs that break something, one waits. A killed pod's controller
        makes another one at once; until the body ends that is killed too.
        """
        if why := unbreakable(self._target, component, how, node):
            raise NotAllowed(f"{component.name}: {why}")
        if not self._target.allows(Mode.DISRUPT):
            raise NotAllowed(f"target {self._target.name} does not allow mode {Mode.DISRUPT}")
        with self._exclusively(), ExitStack() as restoring:
            pods = self._pods(component)
            for left in pods.stopped():
                pods.resume(left)
            pod = pods.of(node)
            count, recipe = pods.ready(pod), self._recipe(component)

            def restored() -> None:
                deadline = Deadline(max(recipe.spec.ready, self._target.timeouts.ready))
                as_before(pods, pod, count, deadline.left)
                deployment = self._deployment(recipe, lambda _: None, deadline)
                deployment.stand()
                self._answering(component, deadline, ready, deployment.still)

            self._broken.add(component.name)
            restoring.callback(self._broken.discard, component.name)
            restoring.callback(restored)
            if how == "kill":
                restoring.enter_context(pods.killed(node, pod))
            elif how == "hang":
                restoring.enter_context(pods.hung(pod, self._run))
            elif how == "restart":
                pods.restarted(pod)
                restored()
            else:
                raise ConfigError(Problem(how, "no way to disturb a node", "kill, hang or restart"))
            meta = pod["metadata"]
            yield Server(component.name, node, self.name, how, address=f"{meta['namespace']}/{meta['name']}")

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        """Nobody else breaks or changes anything of this target; where this run does so already, that is enough."""
        held = self._lease is not None or self._its_lease().held_by(os.getppid())
        if not held:
            self._hold(news)
        try:
            yield
        finally:
            if not held:
                self._let_go()

    def stopped(self, alone: Callable[[str], None]) -> list[Stopped]:
        """See :meth:`gonogo.providers.Mends.stopped`."""
        every = self._deployed
        found = [
            Stopped(one.name, f"{meta['namespace']}/{meta['name']}", str(meta["labels"][HUNG]))
            for one in every
            for meta in self._pods(one).stopped()
        ]
        if found and self._expired is None:
            lease = self._its_lease()
            if holder := lease.holder():
                alone(f"left alone, {holder} works on it now: {', '.join(one.server for one in found)}")
                return []
            self._expired = lease
        return found

    def mend(self, waits: Callable[[str], None] = lambda _: None) -> None:
        """See :meth:`gonogo.providers.Mends.mend`."""
        self._hold(waits)
        try:
            for one in self._deployed:
                pods = self._pods(one)
                for meta in pods.stopped():
                    pods.resume(meta)
        finally:
            self._let_go()

    def _pods(self, component: Component) -> Pods:
        recipe = self._recipe(component)
        shared = {(recipe.space_of(one), one.name) for one in recipe.spec.releases if one.shared}
        own = {
            place
            for space in recipe.spaces()
            for one in self._listed(space)
            if one.target == self._target.name
            and one.component == component.name
            and (place := (one.namespace, one.name)) not in shared
        }
        return Pods(recipe, self._there.cluster.api, own)

    # -- down

    def removing(self, components: Iterable[Component], *, definitions: bool = False) -> Removing:
        """See :meth:`gonogo.providers.Undoes.removing`."""
        components = list(components)
        found = self._removal(components).removing(definitions=definitions)
        names, lease = {one.name for one in components}, self._its_lease()
        whole = all(one.name in names for one in self._deployed)
        if whole and lease.there() is not None:
            found = found._replace(goes=(*found.goes, Going("", "Lease", f"{self._home}/{lease.name}")))
        return found

    def down(self) -> None:
        """Remove what this target deployed, consumers first, and the namespaces that it made."""
        self.remove(self._every())

    def down_only(self, components: Iterable[Component]) -> None:
        """Remove these components, in the opposite order of the given one."""
        self.remove(components)

    def remove(
        self,
        components: Iterable[Component],
        *,
        definitions: bool = False,
        waits: Callable[[str], None] = lambda _: None,
    ) -> Removing:
        """Remove these components and what nothing else needs; what stays. Holds the target's Lease meanwhile.

        Raises ``NotReady`` where something hangs, ``DeployError`` with what helm said, ``ClientError``.
        """
        components = list(components)
        names, removal = {one.name for one in components}, self._removal(components, waits)
        seen = self.removing(components, definitions=definitions)
        if not seen.goes and not names & set(self._its_lease().kept()):
            return Removing((), seen.stays)
        self._ending = "it is being taken down"
        lease = self._hold(waits)
        lease.keep(set(lease.kept()) - names)  # from now on what is left of them is left over
        stayed = removal.remove(definitions=definitions)
        self._ending = ""
        if isinstance(error := self._let_go(), MayNot):
            raise error  # all else is done, and who comes next would wait for us
        return stayed

    def left(self, tell: Callable[[str], None], alone: Callable[[str], None]) -> list[str]:
        """See :meth:`gonogo.providers.Leaves.left`. What stays on purpose is written down in the target's Lease."""
        lease = self._its_lease(tell)
        if holder := lease.holder():
            alone(f"left alone, {holder} works on it now: what is deployed of target {self._target.name}")
            return []
        self._expired, kept = lease, set(lease.kept())
        every = self._deployed
        found = self.removing(every)
        if not kept:  # then nothing is to stay: operators, namespaces and the Lease go too
            return [one.name for one in every] if found.goes else []
        there = {one.component for one in found.goes} - {""}
        return [one.name for one in every if one.name in there - kept]

    def _let_go(self) -> ClientError | None:
        """Let others work on the target; why not, where that could not be said."""
        with self._lock:
            error = self._lease.release() if self._lease is not None else None
            self._lease, self._reserved = None, set()
        return error

    def _removal(self, components: Iterable[Component], tell: Callable[[str], None] = lambda _: None) -> Removal:
        wanted = {one.name for one in components}
        every = {one.name: self._recipe(one) for one in self._deployed}
        going = {name: recipe for name, recipe in every.items() if name in wanted}
        others = {name: recipe for name, recipe in every.items() if name not in wanted}
        api = self._there.cluster.api
        return Removal(
            self._target.name, going, others, self._helm, api, last=self._home, tell=tell, running=self._taken_over
        )

    # -- what the target says

    def _recipe(self, component: Component, needs: Mapping[str, Endpoints] = MappingProxyType({})) -> HelmRecipe:
        """The component's ``helm.toml``, or what the target file has in its place. Raises ``ConfigError``."""
        if needs:
            return recipe_for(self._target, component, needs)
        if component.name not in self._recipes:
            self._recipes[component.name] = recipe_for(self._target, component)
        return self._recipes[component.name]

    def _deploys(self, component: Component) -> bool:
        """Whether it is this provider's to deploy."""
        return component.name not in self._lacking and deploys(self._target, component)

    @property
    def _deployed(self) -> list[Component]:
        """All that is this provider's to deploy, each after what it needs."""
        return [one for one in self._every() if self._deploys(one)]

    @cached_property
    def _lacking(self) -> frozenset[str]:
        return lacking(self._target, self._every())

    def _known(self, component: Component) -> None:
        """Let its endpoints be looked up as those of a target file are."""
        if self._deploys(component):
            given = self._target.components.get(component.name, {})
            self._tables[component.name] = {**given, **self._recipe(component).endpoints()}


def _phase(namespace: Mapping[str, Any]) -> str:
    """Of a namespace, in Kubernetes' word; empty where there is none."""
    return str((namespace.get("status") or {}).get("phase") or ("Active" if namespace else ""))
