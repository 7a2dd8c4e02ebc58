"""``gonogo endpoints``: a target file that attaches to what is up, or a draft of one for a cluster."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing, suppress

from gonogo.catalog.registry import Component
from gonogo.catalog.target import Kubernetes, Target
from gonogo.commands import attach
from gonogo.commands.checkout import loaded, selected
from gonogo.core.errors import ClientError
from gonogo.core.outcomes import Code
from gonogo.core.outlet import say


def run(names: list[str] | None, target: str | None, discover: bool) -> Code:
    """Raises ``ConfigError`` where nothing is up, ``ClientError`` where a component or the cluster cannot be asked."""
    root, registry, chosen = loaded(target)
    if discover:
        say(discovered([registry.components[n] for n in registry.known(names or registry.components)], chosen), end="")
    elif chosen.kubernetes is not None:
        say(chosen.path.read_text(encoding="utf-8"), end="")
    else:
        say(attach.target_file(root, registry, chosen, selected(registry, chosen, names)), end="")
    return Code.GO


def discovered(components: Iterable[Component], target: Target) -> str:
    """A draft of a target file for the cluster of a target, else for that of the kubeconfig. Raises ``ClientError``."""
    from gonogo.cluster.api import Api
    from gonogo.commands.discover import look, target_file

    settings = target.kubernetes or Kubernetes()
    with closing(Api(settings, limits=target.limits)) as api:
        seen = look(api, components, settings.namespaces)
        identity = ""
        with suppress(ClientError):
            identity = api.identity()
        return target_file(components, seen, settings, api.context, identity)
