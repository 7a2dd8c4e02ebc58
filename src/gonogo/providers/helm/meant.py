"""What a target means to deploy by charts, before any cluster is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from gonogo.catalog.credentials import LARGEST_SECRET
from gonogo.catalog.registry import Component
from gonogo.catalog.target import Target
from gonogo.core.endpoints import Endpoints
from gonogo.core.files import content, expanded
from gonogo.providers.helm.recipe import HelmPlace, HelmRecipe, exchanged
from gonogo.providers.helm.spec import load

WORKLOADS = "workloads"


def deploys(target: Target, component: Component) -> bool:
    """Whether the target has it deployed by charts, rather than attached to."""
    if component.cluster or target.addressed(component):
        return False
    return "helm" in target.variant(component).providers or bool(target.charts(component).folder)


def lacking(target: Target, components: Iterable[Component]) -> frozenset[str]:
    """The components that the target says it cannot hold, and those that need one of them: none is looked for.

    ``components`` are all that there are, each after what it needs.
    """
    found = set(target.unsupported)
    for one in components:
        if found & set(one.needs) and not target.addressed(one):
            found.add(one.name)
    return frozenset(found)


def recipe_for(
    target: Target, component: Component, needs: Mapping[str, Endpoints] = MappingProxyType({})
) -> HelmRecipe:
    """The component's ``helm.toml``, or what the target file has in its place. Raises ``ConfigError``."""
    other, beside = target.charts(component), target.path.absolute().parent
    folder: Any = beside / expanded(other.folder) if other.folder else target.variant(component).folder
    profile = target.values or target.profile
    spec = exchanged(load(folder), other, beside).of(profile)
    deploy = msgspec.to_builtins(target.deploy)
    if deploy["ca"]:
        deploy["ca"] = content(beside / expanded(deploy["ca"]), LARGEST_SECRET).decode()
    pulled, _, deploy["pull_secret"] = deploy["pull_secret"].rpartition("/")
    place = HelmPlace(target.name, profile, deploy, needs, pulled=pulled)
    top = beside / expanded(other.values) if other.values else None
    return HelmRecipe(spec, component.name, folder, place, top=top)


def charted(target: Target, components: Iterable[Component]) -> dict[str, dict[str, Any]]:
    """Component to the table of a target file that attaches to what the target deploys. Raises ``ConfigError``.

    ``components`` are all that there are, each after what it needs. Who asks the cluster expects their workloads there.
    """
    found: dict[str, dict[str, Any]] = {}
    workloads: list[dict[str, Any]] = []
    components = list(components)
    cluster, left_out = [], lacking(target, components)
    for component in components:
        if component.name in left_out:
            continue
        if component.cluster and WORKLOADS in component.expect:
            cluster.append(component.name)
        if not deploys(target, component):
            continue
        recipe = recipe_for(target, component)
        found[component.name] = recipe.endpoints()
        for one in recipe.spec.workloads:
            space, _, name = one.name.rpartition("/")
            workloads.append({"kind": one.kind, "name": f"{space or recipe.namespace}/{name}", "pods": one.pods})
    if workloads:
        found |= {name: {"expect": {WORKLOADS: workloads}} for name in cluster}
    return found


def unbreakable(target: Target, component: Component, how: str, node: str) -> str:
    """Why such a target cannot break a node so, known before anything is asked. Raises ``ConfigError``."""
    if not deploys(target, component):
        return f"gonogo did not deploy {component.name}, so that it is not broken on purpose"
    return recipe_for(target, component).spec.unbreakable(how, node)
