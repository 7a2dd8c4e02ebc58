"""``gonogo status``: what is up, a row per server process or pod."""

from __future__ import annotations

from dataclasses import asdict

from gonogo.commands.checkout import loaded
from gonogo.commands.tables import show
from gonogo.core.outcomes import Code
from gonogo.core.outlet import tell
from gonogo.providers import Deploys, Observes, choose, close

COLUMNS = ("component", "node", "provider", "state", "version", "address", "pid", "log", "data", "since")


def run(target: str | None, as_json: bool) -> Code:
    """Raises ``ClientError`` where the cluster cannot be asked."""
    root, _, chosen = loaded(target)
    provider = choose.provider_for(chosen, root)
    try:
        servers = provider.servers() if isinstance(provider, Observes) else []
    finally:
        close(provider)
    rows = [{key: asdict(server)[key] for key in COLUMNS} for server in servers]
    if not rows and not isinstance(provider, Deploys):
        tell(f"gonogo did not start the servers of {chosen.name!r} and sees no processes there")
    elif not rows:
        tell("nothing is up; `gonogo up` deploys the platform")
    show(rows, as_json)
    return Code.GO
