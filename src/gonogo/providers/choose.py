"""Which provider a target names."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from gonogo.catalog.registry import Component, Registry
from gonogo.catalog.target import Target
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.manner import manner
from gonogo.providers import Provider


def described(target: Target, registry: Registry) -> Target:
    """The target, with what is known of components that it deploys by charts before they are up: where, and their pods.

    Raises ``ConfigError``.
    """
    if target.provider != "helm":
        return target
    from gonogo.providers.helm.meant import charted

    every = [registry.components[name] for name in registry.ordered(registry.components)]
    return replace(target, charted=charted(target, every))


def provider_for(target: Target, root: Path) -> Provider:
    """The provider that the target names.

    Raises ``ConfigError`` for one that does not exist yet, and for a cluster that is asked for where there is none.
    """
    if target.provider == "existing" and target.kubernetes is not None:
        from gonogo.providers.existing.cluster import ExistingCluster

        return ExistingCluster(target, target.kubernetes)
    if target.provider == "existing":
        from gonogo.providers.existing.addresses import Existing

        return Existing(target)
    if target.provider == "helm":
        from gonogo.checks.journal import new_run_id
        from gonogo.core.content import find
        from gonogo.providers.existing.cluster import ExistingCluster
        from gonogo.providers.helm.provider import HelmPlatform

        settings = target.kubernetes
        assert settings is not None, "checked with the target file"

        @cache
        def every() -> list[Component]:
            registry = Registry.load(find(root))
            return [registry.components[name] for name in registry.ordered(registry.components)]

        return HelmPlatform(target, lambda filled: ExistingCluster(filled, settings), every, new_run_id())
    if target.provider == "embedded":
        if option := "--context" if manner().context else "--kubeconfig" if manner().kubeconfig else "":
            what = f"the servers of target {target.name!r} run on this machine: no cluster is asked"
            raise ConfigError(Problem(option, what, f"leave out {option}, or name a target that has a cluster"))
        from gonogo.providers.embedded.provider import Embedded

        return Embedded(root, patience=target.timeouts.ready, variant=target.variant, tls=target.tls)
    raise ConfigError(
        Problem(str(target.path), f"provider {target.provider!r} does not exist", "embedded, helm or existing")
    )


def unbreakable(target: Target, component: Component, how: str, node: str) -> str:
    """Why the target's provider cannot break a node so, as far as its files say; empty where it can.

    Nobody is asked. Raises ``ConfigError`` where a file is wrong.
    """
    if target.provider == "helm":
        from gonogo.providers.helm import meant

        return meant.unbreakable(target, component, how, node)
    return "" if target.provider == "embedded" else f"gonogo did not start {component.name}: it cannot {how} {node}"
