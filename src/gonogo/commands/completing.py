"""Words that complete an option or argument: from files alone, and as few of them as will do."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from gonogo.catalog.registry import Registry
from gonogo.core.content import find


def components() -> Iterable[str]:
    """Of the content here."""
    return [path.parent.name for path in find(Path.cwd()).files("deploy/*/component.toml")]


def targets() -> Iterable[str]:
    """By name; a path completes as files do."""
    return [path.stem for path in find(Path.cwd()).files("deploy/targets/*.toml")]


def criteria() -> Iterable[str]:
    """The reviewed list."""
    return Registry.load(find(Path.cwd())).criteria


def drills() -> Iterable[str]:
    """Drills, and the components that they are of; as their files name them, looked at no further."""
    found: list[str] = []
    for path in find(Path.cwd()).files("suites/*/drills.toml"):
        found += [path.parent.name, *(f"{path.parent.name}.{name}" for name in tomllib.loads(path.read_text("utf-8")))]
    return found


def ids() -> Iterable[str]:
    """What can be explained, but for reasons of `gonogo health`."""
    from gonogo.commands.explain import named

    return [id for ids in named(Registry.load(find(Path.cwd()))).values() for id in ids]


def contexts() -> Iterable[str]:
    """Of the kubeconfig here."""
    from gonogo.catalog.target import Kubernetes
    from gonogo.cluster.kubeconfig import chosen

    return chosen(Kubernetes()).contexts


WORDS: Mapping[str, Callable[[], Iterable[str]]] = {
    "components": components,
    "targets": targets,
    "criteria": criteria,
    "drills": drills,
    "ids": ids,
    "contexts": contexts,
}
"""By what is completed."""
