"""The provider ``helm``: components deployed on a cluster by charts and manifests, and taken down again.

What is up is asked of the cluster, never of a file here: another machine sees the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import msgspec

from gonogo.catalog.credentials import LARGEST_SECRET
from gonogo.catalog.registry import Component
from gonogo.catalog.target import Target
from gonogo.checks.inside import Inside
from gonogo.cluster.api import KINDS
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import ClientError, ConfigError, DeployError, Problem
from gonogo.core.files import content, expanded
from gonogo.core.home import home
from gonogo.core.servers import Phase, Progress, Report, Server
from gonogo.core.waiting import Deadline, until
from gonogo.providers import Ready, Reason
from gonogo.providers.helm.charts import fetch
from gonogo.providers.helm.deployment import HelmDeployment
from gonogo.providers.helm.lease import Lease
from gonogo.providers.helm.objects import RUN, TARGET, Objects
from gonogo.providers.helm.program import Helm, HelmFailed
from gonogo.providers.helm.recipe import HelmRecipe, Place, exchanged
from gonogo.providers.helm.removal import Goes, Removal
from gonogo.providers.helm.spec import load
from gonogo.providers.helm.values import undeclared
from gonogo.results.model import Evidence

REMOVED = 120.0
"""Seconds until a namespace must be gone."""


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
    capabilities: frozenset[str] = frozenset()

    def __init__(
        self, target: Target, attach: Callable[[Target], Attached], every: Callable[[], Iterable[Component]], run: str
    ) -> None:
        """``every``: all components that there are, each after what it needs; ``run`` says who deploys."""
        self._target, self._every, self._run = target, every, run
        self._tables: dict[str, Mapping[str, Any]] = dict(target.components)
        self._there = attach(replace(target, components=self._tables))
        self._lock = threading.RLock()
        self._lease: Lease | None = None
        self._cancelled = threading.Event()
        assert target.kubernetes is not None, "a helm target has a cluster"
        self._helm = Helm(target.kubernetes, self._there.cluster.api)
        self._objects = Objects(self._there.cluster.api)

    # -- where it is

    def stands(self, component: Component) -> bool:
        """Whether it is attached to, or all its releases are there."""
        if not self._deploys(component):
            return component.cluster or self._target.addressed(component)
        recipe = self._recipe(component)
        wanted = {(recipe.space_of(one), one.name) for one in recipe.spec.releases if not one.shared}
        there = {
            (one.namespace, one.name)
            for space in recipe.spaces()
            for one in self._helm.list(space)
            if one.target == self._target.name and one.status == "deployed"
        }
        secret = KINDS["Secret"], recipe.namespace, f"gonogo-{component.name}"
        return wanted <= there if wanted else self._objects.find(*secret) is not None

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
        return self._there.confirm()

    def place(self) -> str:
        """See :meth:`gonogo.providers.Identifies.place`."""
        return self._there.place()

    def servers(self) -> list[Server]:
        """See :meth:`gonogo.providers.Observes.servers`."""
        for component in self._every():
            if self._deploys(component) and self.stands(component):
                self._known(component)
        return self._there.servers()

    def inside(self) -> Callable[[str], Inside]:
        """See :meth:`gonogo.providers.Observes.inside`."""
        return self._there.inside()

    def reason(self, component: Component) -> Reason | None:
        """See :meth:`gonogo.providers.Explains.reason`."""
        return self._there.reason(component)

    def evidence(self, component: str) -> list[Evidence]:
        """See :meth:`gonogo.providers.Observes.evidence`."""
        return self._there.evidence(component)

    def close(self) -> None:
        """Give back the Lease and the connections."""
        with self._lock:
            if self._lease is not None:
                self._lease.release()
            self._lease = None
        self._there.close()

    # -- before it is changed

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
        """Keys of our values that a chart does not declare. A chart that cannot be had stops its component, later."""
        problems: list[Problem] = []
        for component in components:
            if not self._deploys(component):
                continue
            recipe = self._recipe(component)
            for release in recipe.spec.releases:
                try:
                    chart = fetch(release, recipe.folder, home())
                except ConfigError:
                    continue
                where = str(recipe.folder / release.values)
                problems += undeclared(chart.path, recipe.values(release), release.documented, where)
        return problems

    # -- up

    def up(self, component: Component, needs: Mapping[str, Endpoints], ready: Ready, report: Report) -> Endpoints:
        """See :meth:`gonogo.providers.Deploys.up`."""
        if not self._deploys(component):
            return self._answering(component, Deadline(self._target.timeouts.ready), ready)
        recipe = self._recipe(component, needs)
        deadline = Deadline(max(recipe.spec.ready, self._target.timeouts.ready))
        try:
            self._hold(component, report)
            HelmDeployment(
                recipe,
                helm=self._helm,
                api=self._there.cluster.api,
                hub=lambda: self._there.cluster.hub,
                run=self._run,
                report=report,
                deadline=deadline,
                cancelled=self._cancelled.is_set,
            ).deploy()
            report(Progress(component.name, Phase.WAITING, "until it answers"))
            return self._answering(component, deadline, ready)
        except (HelmFailed, ConfigError) as error:
            raise DeployError(component.name, f"{error}") from error
        except ClientError as error:
            raise error.about(component.name) from error

    def _answering(self, component: Component, deadline: Deadline, ready: Ready) -> Endpoints:
        """Its endpoints, once it answers there. Raises ``NotReady`` with the last error."""
        self._known(component)

        def ask() -> Endpoints:
            endpoints = self._there.attached(component)
            if endpoints is None:
                raise ConfigError(Problem(str(self._target.path), f"no table [components.{component.name}]"))
            ready(endpoints)
            return endpoints

        return until(ask, awaited=f"{component.name} to answer", within=deadline.left, every=0.5, retry=(ClientError,))

    def _hold(self, component: Component, report: Report) -> None:
        """Be the only one who changes this target. Its Lease lives where the target's first namespace is."""
        with self._lock:
            if self._lease is not None:
                return
            space = self._space or self._recipe(component).namespace
            self._objects.namespace(space, {RUN: self._run, TARGET: self._target.name})

            def waits(text: str) -> None:
                report(Progress(component.name, Phase.WAITING, text))

            lease = Lease(self._there.cluster.api, space, self._target.name, self._run, waits)
            lease.take()
            self._lease = lease

    @property
    def _space(self) -> str:
        settings = self._target.kubernetes
        return settings.namespaces[0] if settings and settings.namespaces else ""

    # -- down

    def goes(self, components: Iterable[Component]) -> list[Goes]:
        """What taking these components down would remove, in the order in which it goes; disks first."""
        found = [one for component in self._removable(components) for one in self._removal(component).goes()]
        return sorted(found, key=lambda one: not one.lost)

    def down(self) -> None:
        """Remove what this target deployed, consumers first, and the namespaces that it made."""
        self._cancelled.set()
        self.down_only(self._every())
        with self._lock:
            if self._lease is not None:
                self._lease.release()
            self._lease = None
        kind = KINDS["Namespace"]
        ours = self._there.cluster.api.metadata(kind, labels=f"{TARGET}={self._target.name}")
        for one in ours:
            self._objects.remove(kind, "", one["name"])
        for one in ours:
            self._objects.gone(kind, "", one["name"], REMOVED)

    def down_only(self, components: Iterable[Component]) -> None:
        """Remove these components, in the opposite order of the given one."""
        for component in self._removable(components):
            self._removal(component).remove()

    def _removable(self, components: Iterable[Component]) -> list[Component]:
        """Those that this provider deploys, consumers before what they need."""
        return [one for one in components if self._deploys(one)][::-1]

    def _removal(self, component: Component) -> Removal:
        return Removal(self._recipe(component), self._helm, self._there.cluster.api)

    # -- what the target says

    def _recipe(self, component: Component, needs: Mapping[str, Endpoints] = MappingProxyType({})) -> HelmRecipe:
        """The component's ``helm.toml``, or what the target file has in its place. Raises ``ConfigError``."""
        other, beside = self._target.charts(component), self._target.path.absolute().parent
        folder: Any = beside / expanded(other.folder) if other.folder else component.folder
        spec = exchanged(load(folder), other, beside).of(self._target.profile)
        deploy = msgspec.to_builtins(self._target.deploy)
        if deploy["ca"]:
            deploy["ca"] = content(beside / expanded(deploy["ca"]), LARGEST_SECRET).decode()
        place = Place(self._target.name, self._target.profile, deploy, needs)
        top = beside / expanded(other.values) if other.values else None
        return HelmRecipe(spec, component.name, folder, place, top=top)

    def _deploys(self, component: Component) -> bool:
        """Whether it is this provider's to deploy."""
        if component.cluster or self._target.addressed(component):
            return False
        return "helm" in component.providers or bool(self._target.charts(component).folder)

    def _known(self, component: Component) -> None:
        """Let its endpoints be looked up as those of a target file are."""
        if self._deploys(component):
            given = self._target.components.get(component.name, {})
            self._tables[component.name] = {**given, **self._recipe(component).endpoints()}
