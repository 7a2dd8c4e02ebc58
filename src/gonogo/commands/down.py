"""``gonogo down``: takes down what ``up`` or ``--keep`` made, nothing else."""

from __future__ import annotations

from gonogo.commands.checkout import loaded, selected
from gonogo.core.outcomes import Code
from gonogo.core.outlet import news, tell
from gonogo.providers import Deploys, choose, close


def run(names: list[str] | None, target: str | None, everything: bool) -> Code:
    """Without ``names`` the platform of this checkout, with ``everything`` all of this user's."""
    if everything:
        return _every_platform()
    root, registry, chosen = loaded(target)
    provider = choose.provider_for(chosen, root)
    wanted = [registry.components[n] for n in selected(registry, chosen, names)]
    try:
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


def _every_platform() -> Code:
    from gonogo.core.home import home
    from gonogo.providers.embedded.platforms import end_all, strange

    for line in strange(home()):
        tell(f"left alone, {line}")
    ended = end_all(home())
    news(f"platforms ended: {len(ended)}" if ended else "nothing was up")
    return Code.GO
