"""Words that complete an option or argument: from files alone, and as few of them as will do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from gonogo.catalog.registry import Registry
from gonogo.commands.options import Shell
from gonogo.commands.tables import Form
from gonogo.core.content import find_root
from gonogo.core.manner import Colour
from gonogo.core.outcomes import Level, Mode


def components() -> Iterable[str]:
    """Of the content here."""
    return sorted(path.parent.name for path in find_root(Path.cwd()).glob("deploy/*/component.toml"))


def targets() -> Iterable[str]:
    """By name; a path completes as files do."""
    return sorted(path.stem for path in find_root(Path.cwd()).glob("deploy/targets/*.toml"))


def criteria() -> Iterable[str]:
    """The reviewed list."""
    return Registry.load(find_root(Path.cwd())).criteria


def drills() -> Iterable[str]:
    """Drills, and the components that they are of."""
    from gonogo.run.drills import catalogue

    root = find_root(Path.cwd())
    found = catalogue(root, Registry.load(root))
    return dict.fromkeys([*(one.component for one in found), *(one.name for one in found)])


def ids() -> Iterable[str]:
    """All that can be explained."""
    from gonogo.commands.explain import known

    registry = Registry.load(find_root(Path.cwd()))
    return [id for ids in known(registry).values() for id in ids]


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
    "forms": lambda: map(str, Form),
    "colours": lambda: map(str, Colour),
    "modes": lambda: map(str, Mode),
    "levels": lambda: map(str, Level),
    "shells": lambda: map(str, Shell),
}
"""By what is completed."""
