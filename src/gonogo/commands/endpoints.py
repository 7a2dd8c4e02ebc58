"""``gonogo endpoints``: a target file that attaches to what is up, or a draft of one for a cluster."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime

from gonogo.catalog.registry import Component, Registry
from gonogo.catalog.target import Kubernetes, asked
from gonogo.commands import attach
from gonogo.commands.checkout import loaded, selected
from gonogo.commands.draft import Drafted, drafted
from gonogo.core.endpoints import Timeouts
from gonogo.core.errors import Forbidden
from gonogo.core.outcomes import Code, Outcome
from gonogo.core.outlet import news, say


def run(names: list[str] | None, target: str | None, discover: bool) -> Code:
    """3 where a draft lacks what may not be listed.

    Raises ``ConfigError`` where nothing is up, ``Fallen`` or ``ClientError`` where a component or the cluster
    cannot be asked.
    """
    _, registry, chosen = loaded(target)
    if discover:
        components = [registry.components[n] for n in registry.known(names or registry.components)]
        draft, unasked = of_cluster(
            registry, components, chosen.kubernetes or asked(None) or Kubernetes(), chosen.timeouts
        )
        say(draft.text, end="")
        news(*summary(draft))
        return Code.of(*(Outcome.BROKEN for _ in unasked))
    if chosen.provider == "helm":
        say(attach.of_releases(registry, chosen, selected(registry, chosen, names)), end="")
    elif chosen.kubernetes is not None:
        say(chosen.path.read_text(encoding="utf-8"), end="")
    else:
        say(attach.target_file(registry, chosen, selected(registry, chosen, names)), end="")
    return Code.GO


def of_cluster(
    registry: Registry, components: Iterable[Component], settings: Kubernetes, timeouts: Timeouts, name: str = ""
) -> tuple[Drafted, tuple[str, ...]]:
    """A draft for a cluster, and the kinds that may not be listed there; ``name`` is the target's.

    Raises ``ClientError``, ``ConfigError``.
    """
    from gonogo.cluster.api import Api
    from gonogo.commands.discover import look

    components = list(components)
    with closing(Api(settings, timeouts=timeouts)) as api:
        try:
            identity = api.identity()
        except Forbidden:
            identity = ""
        seen = look(api, components, settings.namespaces)
        context = "" if api.in_cluster else api.context
    today = datetime.now(UTC).date()
    return drafted(registry, components, seen, settings, context, identity, today, name), seen.unasked


def summary(draft: Drafted) -> list[str]:
    """What a draft asks and what not, a line each."""
    return [
        f"asked: {', '.join(draft.asked) or 'nothing'}",
        *(f"not asked: {name}: {why}" for name, why in draft.left_out.items()),
    ]
