"""The far end of a port-forward, as a kubelet is it: a WebSocket here, ports of this machine behind it.

Frames are taken apart by hand, so that what speaks and what is spoken to do not share their mistakes.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response
from websockets.sync.server import ServerConnection, serve

from gonogo.cluster.api import Kind, Stream
from gonogo.core.endpoints import Timeouts
from gonogo.core.errors import Absent, ClientError, ClusterLost, Denied, Forbidden

SPDY, CHANNELS = "SPDY/3.1+portforward.k8s.io", "v4.channel.k8s.io"

Frame = tuple[int, int, int, bytes]
"""Stream (0 for a control frame), kind, flags and body."""


class Cluster:
    """As much of ``Api`` as forwards ask: ``objects`` by path, and a WebSocket to ports of this machine.

    ``speaks`` are the sub-protocols of the far end, ``refuses`` an HTTP status and text instead of any. With
    ``hasty``, the stream is accepted by the same message that brings its first data.
    """

    component, context, server = "store", "here", "https://cluster"
    in_cluster, namespace = False, "data"
    timeouts = Timeouts(connect=5, check=5)

    def known(self, kind: Any, namespace: str) -> None:
        """Nothing is followed."""

    def __init__(self, speaks: tuple[str, ...] = (SPDY, CHANNELS)) -> None:
        self.speaks, self.refuses, self.hasty = speaks, (0, ""), False
        self.objects: dict[str, Any] = {}
        self.asked: list[str] = []
        self.connections: list[ServerConnection] = []
        self._server = serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._refused,
            create_connection=self._made,
            compression=None,
            max_size=None,
        )
        self._address = "{}:{}".format(*self._server.socket.getsockname())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        for connection in self.connections:
            connection.socket.close()

    # -- what forwards ask

    def get(self, path: str) -> bytes:
        self.asked.append(path)
        if path not in self.objects:
            raise Absent(self.component, f"there is no {path}")
        found = self.objects[path]
        if isinstance(found, Exception):
            raise found
        return json.dumps(found).encode()

    def pages(self, kind: Kind, namespace: str, *, labels: str = "", fields: str = "") -> Iterator[bytes]:
        yield self.get(f"{kind.path(namespace)}?{labels}" if labels else kind.path(namespace))

    def stream_headers_and_tls(self, path: str, query: Sequence[tuple[str, str]]) -> Stream:
        self.asked.append(path)
        token = ("X-Token", "of the cluster")
        return Stream(f"ws://{self._address}{path}?port={dict(query)['ports']}", [token], None, "", "")

    def refusal(self, status: int, body: bytes, method: str, path: str) -> ClientError:
        kinds = {401: Denied, 403: Forbidden, 404: Absent}
        return kinds.get(status, ClusterLost)(self.component, f"{method} {path}: {status} {body.decode()}")

    # -- the far end

    def _made(self, sock: socket.socket, protocol: Any, *given: Any, **named: Any) -> ServerConnection:
        def chosen(headers: Any) -> str:
            offered = headers["Sec-WebSocket-Protocol"].split(", ")
            return next(one for one in offered if one in self.speaks)

        protocol.process_subprotocol = chosen
        connection = ServerConnection(sock, protocol, *given, **named)
        self.connections.append(connection)
        return connection

    def _refused(self, connection: ServerConnection, request: Any) -> Response | None:
        assert request.headers["X-Token"] == "of the cluster"
        status, text = self.refuses
        return connection.respond(HTTPStatus(status), text) if status else None

    def _serve(self, web: ServerConnection) -> None:
        assert web.request is not None
        port = int(web.request.path.rpartition("=")[2])
        try:
            (self._spdy if web.subprotocol == SPDY else self._channels)(web, port)
        except (ConnectionClosed, StopIteration):
            return

    def _spdy(self, web: ServerConnection, port: int) -> None:
        replies, headers = zlib.compressobj(zdict=b"as if it were SPDY's own"), zlib.decompressobj()
        frames = _frames(web)
        while True:  # one pair of streams after another, as long as the client wants
            streams: dict[str, int] = {}
            while len(streams) < 2:
                stream, kind, _, body = next(frames)
                if kind != 1:
                    assert (stream, kind) in {(0, 3), (0, 6)}, "data before the streams were accepted is lost"
                    continue
                pairs = _pairs(headers.decompress(body[10:]))
                streams[pairs["streamtype"]] = number = int.from_bytes(body[:4], "big")
                block = struct.pack("!I", number) + replies.compress(b"\0\0\0\0") + replies.flush(zlib.Z_SYNC_FLUSH)
                accepted = _frame(0x80030002, block)
                if pairs["streamtype"] != "data" or not self.hasty:
                    web.send(accepted)
            first = accepted if self.hasty else b""
            self._pair(web, frames, int(pairs["port"]), first, streams["data"], streams["error"])

    def _pair(
        self, web: ServerConnection, frames: Iterator[Frame], port: int, first: bytes, data: int, error: int
    ) -> None:
        web.send(_frame(0x80030006, struct.pack("!I", 2)))  # a ping: it has to come back
        try:
            server = socket.create_connection(("127.0.0.1", port))
        except OSError as refused:
            web.send(_frame(error, f"failed to connect to localhost:{port}: {refused}".encode()))
            web.send(_frame(error, fin=True) + _frame(data, fin=True))
            next(frames)
            return

        def back() -> None:
            with suppress(ConnectionClosed):  # a client that has heard enough goes without waiting for it
                while chunk := server.recv(20_000):
                    whole = first + _frame(data, chunk)
                    web.send(whole[:3])  # a message ends anywhere in a frame
                    web.send(whole[3:9000])
                    web.send(whole[9000:])
                web.send(_frame(error, fin=True) + _frame(data, fin=True))

        threading.Thread(target=back, daemon=True).start()
        pinged = False
        with _ending(server):
            for stream, kind, flags, body in frames:
                if stream == data:
                    server.sendall(body)
                    if flags & 1:
                        server.shutdown(socket.SHUT_WR)
                pinged = pinged or (stream, kind, body) == (0, 6, struct.pack("!I", 2))
                if (stream, kind) == (0, 3):
                    break
        assert pinged

    def _channels(self, web: ServerConnection, port: int) -> None:
        web.send(b"\0" + struct.pack("<H", port))
        web.send(b"\1" + struct.pack("<H", port))
        try:
            server = socket.create_connection(("127.0.0.1", port))
        except OSError as refused:
            web.send(b"\1" + f"failed to connect to localhost:{port}: {refused}".encode())
            return

        def back() -> None:
            with suppress(ConnectionClosed):
                while chunk := server.recv(20_000):
                    web.send(b"\0" + chunk)
                web.close()

        threading.Thread(target=back, daemon=True).start()
        with _ending(server):
            for message in web:
                assert isinstance(message, bytes)
                assert message[0] == 0
                server.sendall(message[1:])


@contextmanager
def _ending(server: socket.socket) -> Iterator[None]:
    """Afterwards it is told that its client has gone, also while another thread waits for its answer."""
    try:
        yield
    finally:
        with server, suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


def _frame(first: int, body: bytes = b"", *, fin: bool = False) -> bytes:
    return struct.pack("!II", first, fin << 24 | len(body)) + body


def _frames(web: ServerConnection) -> Iterator[Frame]:
    buffer = b""
    for message in web:
        assert isinstance(message, bytes)
        buffer += message
        while len(buffer) >= 8:
            first, second = struct.unpack("!II", buffer[:8])
            size = second & 0xFFFFFF
            if len(buffer) < 8 + size:
                break
            body, buffer = buffer[8 : 8 + size], buffer[8 + size :]
            yield (0, first & 0xFFFF, second >> 24, body) if first >> 31 else (first, 0, second >> 24, body)


def _pairs(block: bytes) -> dict[str, str]:
    (count,), rest, words = struct.unpack("!I", block[:4]), block[4:], []
    for _ in range(2 * count):
        size = int.from_bytes(rest[:4], "big")
        words.append(rest[4 : 4 + size].decode())
        rest = rest[4 + size :]
    return dict(zip(words[::2], words[1::2], strict=True))


def through(url: str, host: str, port: int) -> socket.socket:
    """A connection through the proxy; raises ``ConnectionError`` with its reply."""
    proxy = urlsplit(url)
    client = socket.create_connection((proxy.hostname or "", proxy.port or 0), timeout=20)
    user, password, name = (proxy.username or "").encode(), (proxy.password or "").encode(), host.encode()
    client.sendall(b"\5\1\2")
    assert client.recv(2) == b"\5\2"
    client.sendall(bytes((1, len(user))) + user + bytes((len(password),)) + password)
    if client.recv(2) != b"\1\0":
        raise ConnectionError("not admitted")
    client.sendall(b"\5\1\0\3" + bytes((len(name),)) + name + port.to_bytes(2, "big"))
    reply = client.recv(10)
    if reply[1] != 0:
        client.close()
        raise ConnectionError(str(reply[1]))
    return client
