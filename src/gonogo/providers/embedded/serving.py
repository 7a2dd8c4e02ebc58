"""Which process serves: the rows of ``gonogo status``, read from ``/proc``."""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from gonogo.core.servers import Server
from gonogo.providers.embedded import keeper
from gonogo.providers.embedded.control import KeeperError, ProcessRow
from gonogo.providers.embedded.keeper import Process
from gonogo.providers.embedded.platforms import KnownPlatform, Record
from gonogo.providers.embedded.ports import HOST
from gonogo.providers.embedded.recipe import NodeRecipe, Recipe

LISTEN = b"0A"
"""The state of a listening socket in ``/proc/net/tcp`` (Linux, include/net/tcp_states.h)."""

Trees = dict[str, list[Process]]
"""Every node (``component/node``) with the processes that belong to it, its first one first."""


def name_of(recipe: Recipe, node: NodeRecipe) -> str:
    """The node's name towards the keeper."""
    return f"{recipe.component}/{node.name}"


def trees(record: Record, recipes: Iterable[Recipe], rows: dict[str, ProcessRow]) -> Trees:
    """The living processes of each node; none where it is dead."""
    table, found = keeper.processes(), {}
    for recipe in recipes:
        for node in recipe.nodes:
            name = name_of(recipe, node)
            row = rows.get(name)
            alive = row is not None and row.code is None
            found[name] = keeper.members(table, record.keeper, row.pid, name, node.folder) if row and alive else []
    return found


def serving(tree: Sequence[Process], port: int) -> Process | None:
    """The process that listens on the port: the outermost that holds the socket, not what launched it.

    Where that may not be seen (root without ``CAP_SYS_PTRACE`` and another user's process), the outermost.
    """
    inodes = _listening(port)
    for one in tree if inodes else ():
        sockets = _sockets(one.pid)
        if sockets is None or inodes & sockets:
            return one
    return None


def stopped(tree: Sequence[Process]) -> bool:
    """Whether any process of the tree was told to stop (SIGSTOP)."""
    return any(one.state in "Tt" for one in tree)


def servers(platform: KnownPlatform) -> list[Server]:
    """A row for each node of the platform, dead ones too, and for each server that a server started.

    States: running, stopped (SIGSTOP), silent (its serving process does not listen, or not yet), dead.
    """
    record = platform.record
    try:
        rows = platform.control.rows()
    except KeeperError:
        rows = {}
    found = trees(record, record.components.values(), rows)
    return [
        server
        for recipe in record.components.values()
        for server in (*_nodes(platform, recipe, rows, found), *_children(platform, recipe, found))
    ]


def _nodes(platform: KnownPlatform, recipe: Recipe, rows: dict[str, ProcessRow], found: Trees) -> Iterator[Server]:
    for node in recipe.nodes:
        name = name_of(recipe, node)
        tree, row = found[name], rows.get(name)
        process = serving(tree, node.port)
        shown = process or (tree[0] if tree else None)
        yield Server(
            component=recipe.component,
            node=node.name,
            provider="embedded",
            state=_state(shown, serves=process is not None),
            version=recipe.version,
            address=f"{HOST}:{node.port}",
            pid=shown.pid if shown else None,
            log=str(platform.logs(recipe.component) / f"{node.name}.log"),
            data=node.folder,
            since=f"{datetime.fromtimestamp(row.since, UTC):%Y-%m-%dT%H:%M:%SZ}" if row else "",
            user=account(recipe),
            ports=tuple(node.ports.values()),
        )


def _state(process: Process | None, *, serves: bool) -> str:
    if process is None:
        return "dead"
    if stopped([process]):
        return "stopped"
    return "running" if serves else "silent"


def _children(platform: KnownPlatform, recipe: Recipe, found: Trees) -> Iterator[Server]:
    """Servers started by servers, oldest first. A node's own helpers are children of its first process."""
    for kind in recipe.children:
        for node in recipe.nodes:
            tree = found[name_of(recipe, node)]
            own = [p for p in tree if _program(p.pid) == kind.program and p.parent != tree[0].pid]
            for number, process in enumerate(sorted(own, key=lambda one: one.start), 1):
                yield Server(
                    component=recipe.component,
                    node=f"{kind.node}-{number}",
                    provider="embedded",
                    state=_state(process, serves=True),
                    version=recipe.version,
                    pid=process.pid,
                    log=str(platform.logs(recipe.component) / f"{node.name}.log"),
                    user=account(recipe),
                )


def account(recipe: Recipe) -> str:
    """The account the component's servers must run as."""
    uid = os.geteuid() if recipe.uid is None else recipe.uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return "UNKNOWN"  # what stat(1) says of a user without a name


def _listening(port: int) -> set[str]:
    """The inodes of the sockets that listen on the port, of either family (proc_net_tcp, Linux)."""
    wanted, found = f":{port:04X}".encode(), set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_bytes().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTEN and fields[1].endswith(wanted):
                found.add(fields[9].decode())
    return found


def _sockets(pid: int) -> set[str] | None:
    """The inodes of the process's sockets; None where they may not be seen."""
    found = set()
    try:
        for handle in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                target = os.readlink(handle)  # noqa: PTH115 - what it points to is no path
                if target.startswith("socket:["):
                    found.add(target[8:-1])
    except PermissionError:
        return None
    except OSError:  # ended meanwhile
        return set()
    return found


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/exe").readlink().name
    except OSError:
        return ""
