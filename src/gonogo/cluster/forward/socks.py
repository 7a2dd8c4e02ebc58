"""The server's side of SOCKS5 (RFC 1928, RFC 1929), as much of it as a client's ``CONNECT`` needs."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from enum import IntEnum

VERSION = 5
NO_CREDENTIALS, CREDENTIALS, NOTHING_ACCEPTABLE = 0x00, 0x02, 0xFF
CONNECT = 1
IPV4, NAME, IPV6 = 1, 3, 4


class Reply(IntEnum):
    """RFC 1928, part 6."""

    GRANTED = 0
    FAILED = 1
    FORBIDDEN = 2
    UNREACHABLE = 4
    REFUSED = 5
    COMMAND_UNKNOWN = 7
    ADDRESS_UNKNOWN = 8

    @property
    def message(self) -> bytes:
        """The whole reply; the bound address, which nobody needs, is 0.0.0.0:0."""
        return bytes((VERSION, self, 0, IPV4)) + bytes(6)


class NotServed(Exception):
    """The client is no client for us; what it had to be told was said."""


async def asked(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, user: str, password: str
) -> tuple[str, int]:
    """Host and port that a client wants, once it has shown the credentials. The reply is still to be sent.

    Raises ``NotServed`` for wrong credentials and for anything but ``CONNECT``, and ``IncompleteReadError``.
    """
    version, count = await reader.readexactly(2)
    methods = await reader.readexactly(count)
    if version != VERSION or CREDENTIALS not in methods:
        writer.write(bytes((VERSION, NOTHING_ACCEPTABLE)))
        raise NotServed("no credentials were offered")
    writer.write(bytes((VERSION, CREDENTIALS)))
    await reader.readexactly(1)
    given = [await reader.readexactly((await reader.readexactly(1))[0]) for _ in range(2)]
    welcome = hmac.compare_digest(b"\0".join(given), f"{user}\0{password}".encode())
    writer.write(bytes((1, 0 if welcome else 1)))
    if not welcome:
        raise NotServed("wrong credentials")
    _, command, _, kind = await reader.readexactly(4)
    if kind == NAME:
        host = (await reader.readexactly((await reader.readexactly(1))[0])).decode("ascii", "replace")
    elif kind in (IPV4, IPV6):
        host = str(ipaddress.ip_address(await reader.readexactly(4 if kind == IPV4 else 16)))
    else:
        writer.write(Reply.ADDRESS_UNKNOWN.message)
        raise NotServed(f"address type {kind}")
    port = int.from_bytes(await reader.readexactly(2), "big")
    if command != CONNECT:
        writer.write(Reply.COMMAND_UNKNOWN.message)
        raise NotServed(f"command {command}")
    return host, port
