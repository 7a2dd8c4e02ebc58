"""What a verb finds where it is called: the registry, the target, the components that are meant, the platform."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Target, load_target
from gonogo.core.content import find
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.outlet import public
from gonogo.providers.choose import described
from gonogo.run.plan import unsupported

if TYPE_CHECKING:
    from gonogo.run.platform import Platform
    from gonogo.run.progress import Screen


def loaded(target: str | None) -> tuple[Path, Registry, Target]:
    """The folder that is worked in, registry and target. Raises ``ConfigError``."""
    content = find(Path.cwd())
    registry = Registry.load(content)
    public(registry.components)
    return content.own, registry, described(load_target(target, content, registry), registry)


def selected(registry: Registry, target: Target, names: list[str] | None) -> list[str]:
    """The components named, or all that the target holds. Raises ``ConfigError`` for unknown ones."""
    registry.known(names or ())
    lacking = unsupported(registry, target)
    if problems := [Problem(n, f"cannot stand on {target.name}", lacking[n]) for n in names or () if n in lacking]:
        raise ConfigError(*problems)
    return names or [n for n, one in registry.components.items() if n not in lacking and not one.anywhere]


def deployable(registry: Registry, target: Target, names: list[str] | None) -> list[str]:
    """The same, to be deployed. Raises ``ConfigError`` with the reasons where the target holds none at all."""
    if not (chosen := selected(registry, target, names)):
        reasons = dict.fromkeys(unsupported(registry, target).values())
        raise ConfigError(Problem(target.name, "holds no component", "; ".join(reasons)))
    return chosen


def reached(target: str | None, *, write: bool = True) -> tuple[Platform, Screen]:
    """A platform for a verb outside pytest, nothing asked yet, and the screen it reports to."""
    from gonogo.core.holders import told_by
    from gonogo.core.outcomes import Mode
    from gonogo.run.platform import Platform
    from gonogo.run.progress import Screen, original_stderr

    _, registry, chosen = loaded(target)
    screen = Screen(original_stderr())
    told_by(screen.news)
    return Platform(registry, chosen, mode=Mode.WRITE if write else Mode.READ, report=screen.tell), screen
