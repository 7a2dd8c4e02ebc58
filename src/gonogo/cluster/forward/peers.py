"""Whose connection to a port of loopback it is: every account of this machine can connect there.

Linux tells the owner of a socket: by a question about the one socket (``sock_diag(7)``), else in its tables
(``proc_pid_net(5)``). Other systems tell nobody but root, and some sandboxes have neither; then ``teller`` is None.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Iterator
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

Ends = tuple[tuple[Any, ...], tuple[Any, ...]]
"""The peer's address and ours, each as ``getpeername`` and ``getsockname`` give it."""

Teller = Callable[[Ends], int | None]
"""The uid that a peer's socket belongs to; None where no process holds such a socket (any more)."""

TABLES = Path("/proc/self/net")

HELD = frozenset({1, 4, 5})
"""ESTABLISHED, FIN_WAIT1, FIN_WAIT2: what a socket is in whose process has connected to us, and has at most said all.

Linux, ``include/net/tcp_states.h``. A socket that no process holds any more is told as root's, without an inode.
"""

_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, _ALL = 4, 20, 1, 0xFFFFFFFF
_ASKED = struct.Struct("=IHHIIBBBBI2s2s16s16sIII")
"""``nlmsghdr`` and ``inet_diag_req_v2`` (Linux, ``include/uapi/linux/inet_diag.h``)."""
_TOLD = struct.Struct("=IHHIIBBBB2s2s16s16sIIIIIIII")
"""``nlmsghdr`` and ``inet_diag_msg``."""


def other_account(client: socket.socket, tell: Teller | None) -> bool:
    """Whether the other end of a connection belongs to another account than ours and root's, or to nobody."""
    if tell is None:
        return False
    try:
        uid = tell((client.getpeername(), client.getsockname()))
    except OSError:
        return True  # whoever has hung up already wants nothing
    return uid not in (0, os.geteuid())


@cache
def teller() -> Teller | None:
    """What tells the owner of a connection on this machine, tried out once; None where nothing can."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        ends = client.getsockname(), client.getpeername()
        for tell in (by_question, by_table):
            try:
                if tell(ends) == os.geteuid():
                    return tell
            except (OSError, AttributeError, ValueError):
                continue
    return None


def by_question(ends: Ends) -> int | None:
    """Asks the kernel about the one socket. Raises ``OSError`` where it cannot be asked."""
    (peer, peer_port), (here, here_port) = map(_plain, ends)
    family = socket.AF_INET if peer.version == 4 else socket.AF_INET6
    number = struct.pack("!H", peer_port), struct.pack("!H", here_port)
    place = peer.packed.ljust(16, b"\0"), here.packed.ljust(16, b"\0")
    head = _ASKED.size, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0
    asked = _ASKED.pack(*head, family, socket.IPPROTO_TCP, 0, 0, _ALL, *number, *place, 0, _ALL, _ALL)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(1)
        kernel.sendto(asked, (0, 0))
        told = kernel.recv(4096)
    if len(told) < _TOLD.size:
        error = -struct.unpack_from("=i", told, 16)[0]
        if error == 2:  # ENOENT
            return None
        raise OSError(error, os.strerror(error))
    _, kind, *_ = found = _TOLD.unpack_from(told)
    if kind != _SOCK_DIAG_BY_FAMILY:
        return None
    state, uid, inode = found[6], found[-2], found[-1]
    return uid if state in HELD and inode and found[9:11] == number else None


def by_table(ends: Ends) -> int | None:
    """Looks the socket up in the tables. Raises ``OSError`` where there are none."""
    for _ in range(3):  # a table that changes while it is read may skip a row
        for name in ("tcp", "tcp6"):
            for row in _rows((TABLES / name).read_text(encoding="ascii")):
                if row[:2] == tuple(map(_plain, ends)):
                    return row[2]
    return None


def _rows(table: str) -> Iterator[tuple[Any, Any, int]]:
    """Both ends and the uid of each socket that a process holds."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if int(fields[3], 16) in HELD and fields[9] != "0":
            yield _written(fields[1]), _written(fields[2]), int(fields[7])


def _written(field: str) -> tuple[Any, int]:
    """``0100007F:1F90``: words in the machine's own order."""
    number, _, port = field.partition(":")
    words = struct.pack(f"={len(number) // 8}I", *(int(number[i : i + 8], 16) for i in range(0, len(number), 8)))
    return _plain((str(ip_address(words)), int(port, 16)))


def _plain(end: tuple[Any, ...]) -> tuple[IPv4Address | IPv6Address, int]:
    """Address and port; what a socket of IPv6 calls ``::ffff:127.0.0.1`` is the address of IPv4."""
    address = ip_address(str(end[0]).partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address, int(end[1])
