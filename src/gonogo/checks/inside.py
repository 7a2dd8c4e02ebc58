"""What is true inside a server's host: its account, its sockets, its data folder.

Through pytest-testinfra's host, so that the same claims are asked of a local process and of a pod
(:mod:`gonogo.cluster.inside`).
Only a shell, ``cat``, ``stat``, ``df`` and ``/proc`` are used: images and small machines have no more.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from shlex import quote
from typing import Any

from gonogo.core.errors import Forbidden, Gone, NotAskable
from gonogo.core.outlet import uncut
from gonogo.core.servers import Server

LISTEN = "0A"
"""The state of a listening socket in ``/proc/net/tcp`` (Linux, include/net/tcp_states.h)."""


@dataclass(frozen=True)
class Inside:
    """The server processes of one component, seen from inside their host."""

    component: str
    servers: tuple[Server, ...]
    host: Any

    def users(self) -> dict[str, str]:
        """Node to the account its process runs as."""
        return {s.node: self._run(f"stat -c %U /proc/{self._pid(s)}", s).strip() for s in self.servers}

    def expected_users(self) -> dict[str, str]:
        """Node to the account it was started as."""
        return {s.node: s.user for s in self.servers}

    def listening(self) -> dict[str, set[str]]:
        """Node to the ``address:port`` pairs that its process listens on (TCP, both families)."""
        return {s.node: set(self._sockets(s)) for s in self.servers}

    def exposed(self) -> set[str]:
        """The listening sockets that are not on loopback, as ``node address:port``."""
        return {
            f"{node} {socket}"
            for node, sockets in self.listening().items()
            for socket in sockets
            if not ipaddress.ip_address(socket.rpartition(":")[0].strip("[]")).is_loopback
        }

    def silent(self) -> set[str]:
        """The nodes whose process does not listen on its own address."""
        return {s.node for s in self.servers if s.address and s.address not in self.listening()[s.node]}

    def addresses(self) -> dict[str, str]:
        """Node to the address that it must listen on, where it has one."""
        return {s.node: s.address for s in self.servers if s.address}

    def heard(self) -> dict[str, str]:
        """The same of the nodes that do; ``nothing`` for those that do not."""
        return self.addresses() | dict.fromkeys(self.silent(), "nothing")

    def data_owners(self) -> dict[str, str]:
        """Node to the owner of its data folder. Raises ``NotAskable`` where no node has one."""
        if not any(s.data for s in self.servers):
            raise NotAskable(self.component, "none of its servers has a data folder")
        return {s.node: self._run(f"stat -c %U {quote(s.data)}", s).strip() for s in self.servers if s.data}

    def expected_owners(self) -> dict[str, str]:
        """Node to the account that its data folder, if it has one, must belong to: the one it was started as."""
        return {s.node: s.user for s in self.servers if s.data}

    def data_modes(self) -> dict[str, str]:
        """Node to the permissions of its data folder, octal (``700``)."""
        return {s.node: self._run(f"stat -c %a {quote(s.data)}", s).strip() for s in self.servers if s.data}

    def shared_data(self) -> set[str]:
        """Data folders that more than one node uses."""
        folders = [s.data for s in self.servers if s.data]
        return {f for f in folders if folders.count(f) > 1}

    def fullest(self) -> int:
        """Percent used of the fullest file system that holds data."""
        lines = [self._run(f"df -P {quote(s.data)}", s).splitlines()[-1] for s in self.servers if s.data]
        return max((int(line.split()[-2].rstrip("%")) for line in lines), default=100)

    def _pid(self, server: Server) -> int:
        if server.pid is None or server.state == "dead":
            raise Gone(self.component, f"{server.node}: its process is gone")
        return server.pid

    def _sockets(self, server: Server) -> Iterable[str]:
        pid = self._pid(server)
        # Descriptors come and go while they are listed; `ls` then complains of the one that has gone.
        listing = self._run(f"ls -l /proc/{pid}/fd 2>/dev/null || test -r /proc/{pid}/fd", server)
        inodes = {word[8:-1] for word in listing.split() if word.startswith("socket:[")}
        for table in ("tcp", "tcp6"):
            for row in self._run(f"cat /proc/{pid}/net/{table} 2>/dev/null || true", server).splitlines()[1:]:
                fields = row.split()
                if fields[3] == LISTEN and fields[9] in inodes:
                    yield address(fields[1])

    def _run(self, command: str, server: Server) -> str:
        done = self.host.run(command)
        if done.rc != 0:
            told = f"`{command}` ended with {done.rc}: {uncut(done.stderr.strip(), 200)[:200]}"
            gone = any(s.pid and self.host.run(f"test -d /proc/{s.pid}").rc != 0 for s in self.servers)
            raise Gone(self.component, told) if gone else Forbidden(self.component, told)
        text: str = done.stdout
        return text


def address(field: str) -> str:
    """``0100007F:1F90`` of ``/proc/net/tcp`` as ``127.0.0.1:8080``; an IPv4 address in an IPv6 socket as IPv4."""
    number, _, port = field.partition(":")
    raw = b"".join(bytes.fromhex(number[i : i + 8])[::-1] for i in range(0, len(number), 8))
    ip = ipaddress.ip_address(raw)
    mapped = getattr(ip, "ipv4_mapped", None)
    return f"{mapped or ip}:{int(port, 16)}"


def look(servers: Callable[[], Iterable[Server]], host: Any) -> Callable[[str], Inside]:
    """Component to its :class:`Inside`, its ``servers`` asked for then. Raises ``Gone`` where it has none."""

    def inside(component: str) -> Inside:
        own = tuple(s for s in servers() if s.component == component)
        if not own:
            raise Gone(component, f"no server process of {component} is known")
        return Inside(component, own, host)

    return inside
