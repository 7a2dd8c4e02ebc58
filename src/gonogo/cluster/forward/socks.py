"""The server's side of SOCKS5 (RFC 1928, RFC 1929), as much of it as a client's ``CONNECT`` needs."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import socket
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


class ClientLeft(Exception):
    """The client is gone: there is nobody to tell anything."""


async def asked(client: socket.socket, user: str, password: str) -> tuple[str, int]:
    """Host and port that a client wants, once it has shown the credentials. The reply is still to be sent.

    Raises ``NotServed`` for wrong credentials and for anything but ``CONNECT``, ``ClientLeft``, and ``OSError``.
    """
    version, count = await _read(client, 2)
    methods = await _read(client, count)
    if version != VERSION or CREDENTIALS not in methods:
        await say(client, bytes((VERSION, NOTHING_ACCEPTABLE)))
        raise NotServed("no credentials were offered")
    await say(client, bytes((VERSION, CREDENTIALS)))
    await _read(client, 1)
    given = [await _read(client, (await _read(client, 1))[0]) for _ in range(2)]
    welcome = hmac.compare_digest(b"\0".join(given), f"{user}\0{password}".encode())
    await say(client, bytes((1, 0 if welcome else 1)))
    if not welcome:
        raise NotServed("wrong credentials")
    _, command, _, kind = await _read(client, 4)
    if kind == NAME:
        host = (await _read(client, (await _read(client, 1))[0])).decode("ascii", "replace")
    elif kind in (IPV4, IPV6):
        host = str(ipaddress.ip_address(await _read(client, 4 if kind == IPV4 else 16)))
    else:
        await say(client, Reply.ADDRESS_UNKNOWN.message)
        raise NotServed(f"address type {kind}")
    port = int.from_bytes(await _read(client, 2), "big")
    if command != CONNECT:
        await say(client, Reply.COMMAND_UNKNOWN.message)
        raise NotServed(f"command {command}")
    return host, port


async def say(client: socket.socket, message: bytes) -> None:
    """Send it to the client. Raises ``OSError``."""
    await asyncio.get_running_loop().sock_sendall(client, message)


async def _read(client: socket.socket, count: int) -> bytes:
    read = b""
    while len(read) < count:
        part = await asyncio.get_running_loop().sock_recv(client, count - len(read))
        if not part:
            raise ClientLeft
        read += part
    return read
