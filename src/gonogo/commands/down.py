"""``gonogo down``: takes down what ``up`` or ``--keep`` made, nothing else."""

from __future__ import annotations

from gonogo.commands.checkout import loaded, selected
from gonogo.commands.tables import room, table
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.outcomes import Code, Struct
from gonogo.core.outlet import news, say, tell
from gonogo.providers import Deploys, Identifies, Removing, Undoes, choose, close


class GoingRow(Struct, frozen=True, kw_only=True):
    """What goes, and what nobody can bring back of it."""

    goes: str
    component: str
    lost: str


class StayingRow(Struct, frozen=True, kw_only=True):
    """What stays, and why."""

    stays: str
    why: str


def run(names: list[str] | None, target: str | None, everything: bool, yes: bool, definitions: bool) -> Code:
    """Without ``names`` the platform of this checkout, with ``everything`` all of this user's.

    On a cluster it is listed, and removed with ``yes``; ``definitions``: CRDs too. Raises ``ConfigError``,
    ``ClientError``, ``NotReady`` where something hangs.
    """
    if everything:
        return _every_platform()
    root, registry, chosen = loaded(target)
    provider = choose.provider_for(chosen, root)
    wanted = [registry.components[n] for n in selected(registry, chosen, names)]
    on_cluster = isinstance(provider, Identifies) and isinstance(provider, Undoes)
    try:
        if definitions and not on_cluster:
            raise ConfigError(Problem("--crds", f"target {chosen.name!r} deploys nothing on a cluster", "leave it out"))
        if isinstance(provider, Undoes) and isinstance(provider, Identifies):
            if yes:
                provider.confirm()
            found = provider.removing(wanted, definitions=definitions)
            say(*listed(found))
            if not found.goes:
                news("nothing of it is up")
                return Code.GO
            if not yes:
                news(f"{len(found.goes)} in all, nothing was removed; the same with --yes removes them")
                return Code.GO
            stayed = provider.remove(wanted, definitions=definitions, waits=news)
            news(*(f"stays: {one.kind} {one.name}: {one.why}" for one in stayed.stays if one not in found.stays))
            stay = {(one.kind, one.name) for one in stayed.stays}
            news(*(f"gone too: {one.kind} {one.name}" for one in found.stays if (one.kind, one.name) not in stay))
            news("taken down")
            return Code.GO
        there = any(provider.stands(component) for component in wanted)
        if not isinstance(provider, Deploys):
            news(f"gonogo did not start the servers of {chosen.name!r}, and ends none of them")
            return Code.GO
        if names:
            provider.down_only(wanted)
        else:
            provider.down()
    finally:
        close(provider)
    news("taken down" if there else "nothing was up")
    return Code.GO


def listed(found: Removing) -> list[str]:
    """What goes, disks first, and what stays, as two tables."""
    goes = [GoingRow(goes=f"{one.kind} {one.name}", component=one.component, lost=one.lost) for one in found.goes]
    stays = [StayingRow(stays=f"{one.kind} {one.name}", why=one.why) for one in found.stays]
    return [*table(goes, (), room()), *([""] if goes and stays else []), *table(stays, (), room())]


def _every_platform() -> Code:
    from gonogo.core.home import home
    from gonogo.providers.embedded.platforms import end_all, strange

    for line in strange(home()):
        tell(f"left alone, {line}")
    ended = end_all(home())
    news(f"platforms ended: {len(ended)}" if ended else "nothing was up")
    return Code.GO
