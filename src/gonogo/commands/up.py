"""``gonogo up``: deploys components and leaves them running."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gonogo.commands.checkout import deployable, reached
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.outcomes import Code
from gonogo.providers import Deploys, Keeps, Replaces, Reserves, close

if TYPE_CHECKING:
    from gonogo.run.platform import Platform
    from gonogo.run.progress import Screen


def run(names: list[str] | None, target: str | None, replace: bool) -> Code:
    """0 where all are ready; what was begun is taken down again where it is interrupted, or this machine is at fault.

    Raises ``ConfigError`` for want of room, network or rights.
    """
    platform, screen = reached(target)
    try:
        return _brought_up(platform, screen, names, replace)
    finally:
        close(platform.provider)


def _brought_up(platform: Platform, screen: Screen, names: list[str] | None, replace: bool) -> Code:
    provider, registry = platform.provider, platform.registry
    asked = registry.ordered(deployable(registry, platform.target, names))
    if replace:
        if not isinstance(provider, Replaces):
            raise ConfigError(Problem("--replace", f"gonogo did not start the servers of {platform.target.name!r}"))
        provider.replacing(lambda lost: screen.line(lost, "yellow"))
    if isinstance(provider, Reserves):
        provider.reserve([registry.components[name] for name in asked], screen.news)
        platform.place = platform.confirmed()
    there = platform.there(deployable(registry, platform.target, None))
    # what stands on something that is replaced, at another address and without its data, is not right any more either
    wanted = registry.ordered([*asked, *(n for n in there if set(registry.ordered([n])) & set(asked))])
    try:
        with screen:
            platform.bring_up(wanted)
            standings = list(platform.standings(wanted))
    except (KeyboardInterrupt, ConfigError) as error:
        screen.close()
        if isinstance(error, KeyboardInterrupt):
            screen.line("interrupted: taking down what was begun")
        if there and isinstance(provider, Deploys):
            provider.down_only([registry.components[n] for n in wanted if n not in there])
        elif isinstance(provider, Deploys):
            provider.down()
        raise
    if isinstance(provider, Keeps):
        provider.keep()
    fallen = [s for s in standings if not s.up]
    for standing in fallen:
        screen.line(f"{standing.component}: {standing.message}", "red")
        for evidence in standing.evidence:
            screen.line(evidence.text or "")
    screen.news(f"{len(standings) - len(fallen)} of {len(standings)} components are up")
    if isinstance(provider, Deploys):
        screen.news("`gonogo status` shows them, `gonogo down` ends them")
    return Code.of(*(standing.outcome for standing in standings))
