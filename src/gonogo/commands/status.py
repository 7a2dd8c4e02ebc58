"""``gonogo status``: what is up, a row per server process or pod."""

from __future__ import annotations

from typing import Literal

from gonogo.commands.checkout import loaded
from gonogo.commands.tables import Form, show
from gonogo.core.outcomes import Code, Struct
from gonogo.core.outlet import news
from gonogo.providers import Deploys, Installs, Observes, choose, close


class ServerRow(Struct, frozen=True, kw_only=True):
    """A server process or pod, or a release of a chart. ``pid`` is null where it runs elsewhere, ``since`` is RFC 3339.

    ``run`` deployed it, where that is known.
    """

    component: str
    node: str
    provider: str
    state: str
    version: str
    address: str
    pid: int | None
    log: str
    data: str
    since: str
    run: str


class StatusAnswer(Struct, frozen=True, kw_only=True):
    """What ``-o json`` prints."""

    schema: Literal["gonogo/status/1"] = "gonogo/status/1"
    rows: tuple[ServerRow, ...]


def run(target: str | None, form: Form) -> Code:
    """Raises ``ClientError`` where the cluster cannot be asked."""
    root, _, chosen = loaded(target)
    provider = choose.provider_for(chosen, root)
    try:
        servers = provider.releases() if isinstance(provider, Installs) else []
        servers += provider.servers() if isinstance(provider, Observes) else []
    finally:
        close(provider)
    rows = tuple(ServerRow(**{key: getattr(server, key) for key in ServerRow.__struct_fields__}) for server in servers)
    if not rows and not isinstance(provider, Deploys):
        news(f"gonogo did not start the servers of {chosen.name!r} and sees no processes there")
    elif not rows:
        news("nothing is up; `gonogo up` deploys the platform")
    show(
        StatusAnswer(rows=rows),
        form,
        lambda row: f"{row.component}/{row.node}",
        wide=("provider", "log", "data", "run"),
    )
    return Code.GO
