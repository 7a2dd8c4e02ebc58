"""``gonogo endpoints``: a target file that attaches to what is up, or a draft of one for a cluster."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing

from gonogo.catalog.registry import Component
from gonogo.catalog.target import Kubernetes, Target, asked
from gonogo.commands import attach
from gonogo.commands.checkout import loaded, selected
from gonogo.core.errors import Forbidden
from gonogo.core.outcomes import Code, Outcome
from gonogo.core.outlet import say


def run(names: list[str] | None, target: str | None, discover: bool) -> Code:
    """3 where a draft lacks what may not be listed.

    Raises ``ConfigError`` where nothing is up, ``Fallen`` or ``ClientError`` where a component or the cluster
    cannot be asked.
    """
    root, registry, chosen = loaded(target)
    if discover:
        return _drafted([registry.components[n] for n in registry.known(names or registry.components)], chosen)
    if chosen.kubernetes is not None:
        say(chosen.path.read_text(encoding="utf-8"), end="")
    else:
        say(attach.target_file(root, registry, chosen, selected(registry, chosen, names)), end="")
    return Code.GO


def _drafted(components: Iterable[Component], target: Target) -> Code:
    """Print a draft for the cluster of a target, else for that of the kubeconfig."""
    from gonogo.cluster.api import Api
    from gonogo.commands.discover import look, target_file

    settings = target.kubernetes or asked(None) or Kubernetes()
    with closing(Api(settings, timeouts=target.timeouts)) as api:
        try:
            identity = api.identity()
        except Forbidden:
            identity = ""
        seen = look(api, components, settings.namespaces)
        say(target_file(components, seen, settings, api.context, identity), end="")
    return Code.of(*(Outcome.BROKEN for _ in seen.unasked))
