"""A component's ``helm.toml`` and its templates, rendered where nothing is deployed: what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import msgspec

from gonogo.catalog.registry import Component, Registry
from gonogo.catalog.target import Deploy, faults
from gonogo.core.errors import ConfigError, Problem
from gonogo.providers.helm.recipe import HelmPlace, HelmRecipe, generate
from gonogo.providers.helm.spec import FILE, HelmSpec, load

BARE = Deploy()

FULL = Deploy(
    registry="registry.example/mirror",
    pull_secret="pull",
    storage_class="fast",
    node_selector={"pool": "data", "zone": "true"},  # YAML must not read a text as something else
    tolerations=({"key": "pool", "operator": "Equal", "value": "1", "effect": "NoSchedule"},),
    pod_security="restricted",
    proxy="http://proxy.example:3128",
    ca="-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n",
)
"""Every key given."""


def wrong(component: Component, registry: Registry) -> Iterator[Problem]:
    """Problems of its files, for every profile, with an empty ``[deploy]`` and with a full one."""
    try:
        spec = load(component.folder)
    except ConfigError as error:
        yield from error.problems
        return
    yield from _strays(spec, component, registry)
    found: dict[Problem, None] = {}
    for profile, deploy in product(registry.profiles, (BARE, FULL)):
        place = HelmPlace("preview", profile, msgspec.to_builtins(deploy), generated=generate(spec, {}))
        recipe = HelmRecipe(spec.of(profile), component.name, component.folder, place)
        try:
            for release in recipe.spec.releases:
                recipe.values(release)
            for manifest in recipe.spec.manifests:
                recipe.manifest(manifest)
            recipe.secrets()
            recipe.nodes()
            found |= dict.fromkeys(_endpoints(recipe, registry))
        except ConfigError as error:
            found |= dict.fromkeys(error.problems)
    yield from found


def _endpoints(recipe: HelmRecipe, registry: Registry) -> Iterator[Problem]:
    """What a target file would not be allowed to say."""
    document = {
        "target": {"name": "preview", "provider": "existing"},
        "kubernetes": {},
        "components": {recipe.component: recipe.endpoints()},
    }
    for what in faults(document, registry):
        yield Problem(f"{recipe.folder / FILE}", what.replace(f"components.{recipe.component}", "endpoints"))


def _strays(spec: HelmSpec, component: Component, registry: Registry) -> Iterator[Problem]:
    """Values, workloads and nodes of a profile that does not exist."""
    named = {one.values for one in spec.releases}
    for path in Path(str(component.folder)).iterdir():
        for stem, dot, end in (one.rpartition(".") for one in named):
            profile = path.name.removeprefix(f"{stem}-").removesuffix(f"{dot}{end}")
            if path.name == f"{stem}-{profile}{dot}{end}" and profile not in registry.profiles:
                yield Problem(f"{path}", f"there is no profile {profile!r}")
    for key in ("workloads", "nodes"):
        for profile in dict.fromkeys(one.profile for one in getattr(spec, key) if one.profile):
            if profile not in registry.profiles:
                yield Problem(f"{component.folder / FILE}", f"{key}: there is no profile {profile!r}")
