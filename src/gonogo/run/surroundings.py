"""The whole platform as a run sees it: for checks that are about all of it, before something is deployed there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from gonogo.catalog.registry import Component, Registry
from gonogo.catalog.target import Checklist, Target
from gonogo.checks.client import Client
from gonogo.core.errors import ConfigError, NotConfigured
from gonogo.core.loading import LOADING
from gonogo.providers import Identifies, Plans, Provider
from gonogo.run.plan import unsupported

if TYPE_CHECKING:
    from gonogo.cluster.plan.findings import PlanFinding
    from gonogo.cluster.plan.fit import Fit, Part
    from gonogo.cluster.plan.ground import Ground


class Surroundings:
    """What the target file asks, what its provider would make, and every component's own client.

    Nothing is changed, and whatever costs something is asked once for all checks. ``client`` makes one of a component.
    """

    def __init__(
        self,
        registry: Registry,
        target: Target,
        provider: Provider,
        client: Callable[[Component], AbstractContextManager[Client]],
    ) -> None:
        self._registry, self._target, self._provider, self._client = registry, target, provider, client
        self._lock = threading.RLock()
        self._parts: list[Part] | None = None
        self._unrendered: ConfigError | None = None
        self._ground: Ground | None = None
        self._fit: Fit | None = None

    @property
    def asked(self) -> Checklist:
        """``[checklist]`` of the target file, empty where it has none."""
        return self._target.checklist or Checklist()

    @property
    def folder(self) -> Path:
        """What relative paths of the target file are relative to."""
        return self._target.path.absolute().parent

    @property
    def has_cluster(self) -> bool:
        """Whether there is a cluster to ask."""
        return self._target.kubernetes is not None

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Those of ``[kubernetes]``."""
        return self._target.kubernetes.namespaces if self._target.kubernetes else ()

    @property
    def pod_security(self) -> str:
        """The level that namespaces get which are made here; empty for none."""
        return self._target.deploy.pod_security

    def confirm(self) -> str:
        """The cluster's identity, compared with the one that the target file gives.

        Raises ``ConfigError`` where it is another cluster, ``ClientError`` where it cannot be asked.
        """
        return self._provider.confirm() if isinstance(self._provider, Identifies) else ""

    def client(self, name: str) -> AbstractContextManager[Client]:
        """A client of a component of the target. Raises ``ClientError`` and ``ConfigError``."""
        return self._client(self._registry.components[name])

    def knows(self, name: str) -> bool:
        """Whether there is such a component."""
        return name in self._registry.components

    def lacks(self, name: str) -> str:
        """Why the target cannot hold a component; empty where it can."""
        return unsupported(self._registry, self._target).get(name, "")

    # -- what would be deployed

    def _planned(self) -> list[Component]:
        lacking, every = unsupported(self._registry, self._target), self._registry.components
        names = self._registry.ordered(name for name in every if name not in lacking)
        return [every[name] for name in names if not every[name].cluster]

    def _plans(self) -> Plans:
        if not isinstance(self._provider, Plans):
            what = f"provider {self._provider.name!r} deploys nothing on a cluster: what would be made is not known"
            raise NotConfigured("checklist", what)
        return self._provider

    def parts(self) -> list[Part]:
        """What would be made of all components, each release once.

        Raises ``NotConfigured`` where the provider deploys nothing on a cluster, ``ConfigError`` for what cannot be
        rendered, and ``ClientError``.
        """
        plans = self._plans()
        with self._lock:
            if self._unrendered is not None:  # it may have cost a download that did not come
                raise self._unrendered
            if self._parts is None:
                with LOADING:
                    from gonogo.cluster.plan.rendering import rendered

                try:
                    self._parts = rendered(plans.parts, self._planned())
                except ConfigError as error:
                    self._unrendered = error
                    raise
            return self._parts

    def ground(self) -> Ground:
        """The cluster as a plan is held against it. Raises as :meth:`parts`."""
        plans = self._plans()
        with self._lock:
            if self._ground is None:
                self._ground = plans.ground()
            return self._ground

    def fit(self) -> Fit:
        """Whether there is room for it. Raises as :meth:`parts`."""
        with self._lock:
            if self._fit is None:
                with LOADING:
                    from gonogo.cluster.plan.fit import fit

                self._fit = fit(self.parts(), self.ground())
            return self._fit

    def mistakes(self) -> list[PlanFinding]:
        """What is wrong with values, custom resources and versions of kinds, or nobody can tell.

        Raises as :meth:`parts`.
        """
        plans = self._plans()
        with self._lock:
            return plans.wrong(self._planned())

    def secrets(self) -> Iterable[tuple[str, str]]:
        """Namespace and name of each Secret that is made beside charts and manifests."""
        plans = self._plans()
        return {one for component in self._planned() for one in plans.secrets(component)}
