"""Free ports of the loopback interface, without a race.

Below the ephemeral range, so that no outgoing connection takes one meanwhile; bound, and held until just
before the server binds; and reserved for as long as the platform is up by standing in its record (see
:meth:`gonogo.providers.embedded.platforms.KnownPlatform.reserve`, which chooses under a lock).
"""

from __future__ import annotations

import random
import re
import socket
from collections.abc import Collection
from pathlib import Path

from gonogo.core.errors import ConfigError, Problem

HOST = "127.0.0.1"
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST, HIGHEST = 15000, 65535
"""Ours are above the ports that products are known by."""

_BIND_ERROR = re.compile(r"address already in use|bindexception|EADDRINUSE", re.IGNORECASE)


def choose(count: int, taken: Collection[int]) -> list[socket.socket]:
    """Sockets bound to ``count`` different free ports, none of them in ``taken``; close one to free it.

    Raises ``ConfigError`` where there are not enough.
    """
    held: list[socket.socket] = []
    candidates = [port for port in preferred() if port not in taken]
    random.shuffle(candidates)
    for port in candidates:
        if len(held) == count:
            break
        # Without SO_REUSEADDR, which would let another one bind the same port as long as nobody listens.
        one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            one.bind((HOST, port))
        except OSError:
            one.close()
            continue
        held.append(one)
    if len(held) < count:
        for one in held:
            one.close()
        raise ConfigError(Problem("ports", f"{count} are needed, {len(held)} are free", "see `ss -ltn`"))
    return held


def preferred() -> range:
    """The ports to choose from: below the ephemeral range, else above it, else all."""
    low, high = (int(number) for number in EPHEMERAL.read_text().split())
    if low - LOWEST >= 1000:
        return range(LOWEST, low)
    if HIGHEST - high >= 1000:
        return range(high + 1, HIGHEST + 1)
    return range(LOWEST, HIGHEST + 1)


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        one.settimeout(0.2)
        return one.connect_ex((HOST, port)) == 0


def bind_failed(log: str) -> bool:
    """Whether a server's log says that its port was taken by somebody else."""
    return _BIND_ERROR.search(log) is not None
