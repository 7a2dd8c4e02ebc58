"""WebSockets to the API server, for what it streams: forwards and commands in pods."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus, NegotiationError
from websockets.frames import DATA_OPCODES, Frame, Opcode
from websockets.protocol import State
from websockets.typing import Subprotocol

from gonogo.cluster.api import Api, Stream
from gonogo.cluster.paths import Path
from gonogo.core.errors import ClientError, ClusterLost

PING = 20.0
"""Seconds between the pings of a connection: balancers in front of an API server cut what is idle, often after 60."""

LOST_AFTER_MS = 30_000
"""Milliseconds without a sign of the peer's machine after which a connection counts as cut."""

HELD = 1 << 18
"""Bytes that may have come and not been taken; then the other end has to wait."""

LAST_WORDS = 5.0
"""Seconds that the other end may take to hang up once it or we have said the last word."""

LARGEST = 4 << 20
"""Bytes of one message; the API server sends 32 KiB at most."""

EMPTY = 10_000
"""Frames in a row that bring no data: an answer to a ping every five seconds is half a day of them."""

COST = 64
"""Bytes that a message takes beside its own."""


class WebSocket(ClientConnection):
    """A connection whose messages are taken as many at a time as there are: the library's ``recv`` hands out one.

    The API server sends 16 KiB a message, and each in two frames; one by one, that costs half of the speed. Where
    ``whole`` is false, what is taken may be parts of messages. Who sends frames without data, or does not take our
    answers to its pings, is cut off; so is who does not hang up after its last word.
    """

    def __init__(self, protocol: ClientProtocol, **given: Any) -> None:
        protocol.process_subprotocol = _chosen  # type: ignore[method-assign]
        super().__init__(protocol, **given)
        self.whole = True
        self._begun = bytearray()
        self._messages: list[bytes] = []
        self._held = self._empty = 0
        self._come = asyncio.Event()
        self._last: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, LOST_AFTER_MS)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.protocol.state is State.CLOSING and self._last is None:
            self._last = self.loop.call_later(LAST_WORDS, self.transport.abort)

    def process_event(self, event: Any) -> None:
        if not isinstance(event, Frame):
            super().process_event(event)
            return
        self._empty = 0 if event.opcode in DATA_OPCODES and event.data else self._empty + 1
        if self._empty > EMPTY or self.transport.get_write_buffer_size() > LARGEST:
            self.transport.abort()
            return
        if event.opcode not in DATA_OPCODES:
            super().process_event(event)
            return
        part = bytes(event.data)
        if self.whole and not (event.fin and event.opcode is not Opcode.CONT):
            self._begun += part
            if not event.fin:
                return
            part = bytes(self._begun)
            self._begun.clear()
        self._messages.append(part)
        self._held += len(part) + COST
        if self._held > HELD:
            self.transport.pause_reading()
        self._come.set()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._last is not None:
            self._last.cancel()
        self._come.set()

    async def received(self) -> list[bytes]:
        """All messages that have come since; waits for the first. Raises ``ConnectionClosed`` after the last."""
        await self._come.wait()
        messages, self._messages, self._held = self._messages, [], 0
        if not messages:
            raise self.close_exc
        if not self.connection_lost_waiter.done():
            self._come.clear()
            self.transport.resume_reading()
        return messages


class _Straight(connect):
    """Asks where it was told to ask. The library would follow a redirect, to another path or to another server."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


def _chosen(headers: Headers) -> Subprotocol | None:
    """As it stands: the name of a forward's sub-protocol holds a slash, which RFC 6455 and the library do not allow."""
    name = headers.get("Sec-WebSocket-Protocol")
    return Subprotocol(name) if name else None


async def opened(stream: Stream, protocols: Iterable[str], within: float) -> WebSocket:
    """An open WebSocket that speaks one of these protocols, or names none.

    Raises what the library and the network raise, see :func:`refusal`.
    """
    offered = tuple(protocols)
    tls: dict[str, Any] = {"ssl": stream.tls, "server_hostname": stream.server_name} if stream.tls else {}
    web = await _Straight(
        stream.url,
        additional_headers=[*stream.headers, ("Sec-WebSocket-Protocol", ", ".join(offered))],
        user_agent_header="gonogo",
        compression=None,
        proxy=stream.proxy or None,
        open_timeout=within,
        close_timeout=within,
        ping_interval=PING,
        ping_timeout=None,  # behind a server that reads slowly, the answer has to wait
        max_size=LARGEST,
        write_limit=HELD,
        create_connection=WebSocket,
        **tls,
    )
    assert isinstance(web, WebSocket)
    if web.subprotocol not in (None, *offered):
        web.transport.abort()
        raise NegotiationError(f"it speaks {web.subprotocol!r:.80}, which nobody offered")
    return web


def said(error: Exception) -> bytes:
    """What the server answered in place of opening a WebSocket; empty where it did not answer."""
    return bytes(error.response.body) if isinstance(error, InvalidStatus) else b""


def refusal(api: Api, error: Exception, path: Path) -> ClientError:
    """Why no WebSocket was opened to this path."""
    if isinstance(error, ClientError):
        return error
    if not isinstance(error, InvalidStatus):
        told = str(error) or type(error).__name__
        return ClusterLost(api.component, f"the API server {api.server} could not be asked: {told}", asked=path)
    body = said(error)
    # the right is `create` since Kubernetes 1.35 and was `get` before, as the request is a GET
    return api.refusal(error.response.status_code, body, "GET" if b"cannot get" in body else "POST", path)
