"""A relay between a client and a real API server: counts what is asked, and breaks connections on command.

It speaks TLS with a certificate of its own, so that it sees the requests, and hands them on over TLS: with the
``Authorization`` that the client sent, else with the credentials of the kubeconfig that it was given.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from certificates import Authority
from kubeconfigs import kubeconfig

from gonogo.catalog.target import Kubernetes
from gonogo.cluster.kubeconfig import chosen, configured

CHUNK = 1 << 16


class Asked(NamedTuple):
    """One request: its method, path, query (the last value of each), and what asked it, as that calls itself."""

    method: str
    path: str
    query: Mapping[str, str]
    agent: str = ""


class _Connection:
    """A client's connection and, from its first request on, the one to the API server."""

    def __init__(self, relay: Relay, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.relay, self.reader, self.writer = relay, reader, writer
        self.upstream: asyncio.StreamWriter | None = None
        self.flows = asyncio.Event()
        self.flows.set()
        self.half_open = False

    async def run(self) -> None:
        answers: asyncio.Task[None] | None = None
        try:
            while True:
                head = await self.reader.readuntil(b"\r\n\r\n")
                headers = self._noted(head)
                head = self.relay.altered(head)
                await self.flows.wait()
                if self.upstream is None:
                    reader, self.upstream = await self.relay.connect(with_certificate="authorization" not in headers)
                    answers = asyncio.create_task(self._answers(reader))
                self.upstream.write(head)
                if "upgrade" in headers:
                    await self._pump(self.reader, self.upstream)
                    return
                if length := int(headers.get("content-length", 0)):
                    self.upstream.write(await self.reader.readexactly(length))
        except (asyncio.IncompleteReadError, OSError):
            return  # either side has hung up, which is what both are there for
        finally:
            if answers is not None and not self.half_open:
                answers.cancel()
            if not self.half_open:
                self.end()

    def _noted(self, head: bytes) -> dict[str, str]:
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        parts = urlsplit(target)
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        pairs = (line.partition(":") for line in lines if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        self.relay.requests.append(Asked(method, parts.path, query, headers.get("user-agent", "")))
        return headers

    async def _answers(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            await self._pump(reader, self.writer)
        if not self.half_open:
            self.end()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            await self.flows.wait()
            writer.write(data)
            await writer.drain()

    def end(self, *, abruptly: bool = False) -> None:
        for writer in (self.writer, self.upstream):
            if writer is not None:
                _ = writer.transport.abort() if abruptly else writer.close()


class Relay:
    """One relay, running. ``requests`` in their order; ``connections`` counts those that were accepted."""

    def __init__(self, settings: Kubernetes, folder: Path) -> None:
        self.requests: list[Asked] = []
        self.connections = 0
        self.port = 0
        self._outdating = False
        self._folder, self._open = folder, set[_Connection]()
        self._authority = Authority(folder)
        pair = self._authority.issue("127.0.0.1")
        self._serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._serving.load_cert_chain(pair.certificate, pair.key)
        configuration, _ = configured(chosen(settings))
        self._server = urlsplit(configuration.host)
        self._token = configuration.auth_settings().get("BearerToken", {}).get("value", "")
        self._plain = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
        self._verifying = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
        if configuration.cert_file:
            self._verifying.load_cert_chain(configuration.cert_file, configuration.key_file)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)
        self._thread.start()
        self._listener: asyncio.Server | None = None
        self.accept()

    # -- what a test says

    def kubeconfig(self, name: str = "relayed", user: Mapping[str, Any] | None = None) -> Path:
        """A file whose only context goes through the relay; without a ``user`` as the relay's own kubeconfig."""
        path = self._folder / name
        given = {"token": self._token.removeprefix("Bearer ")} if self._token and user is None else user
        cluster = {"certificate-authority": str(self._authority.file)}
        return kubeconfig(path, server=f"https://127.0.0.1:{self.port}", user=given, cluster=cluster)

    def counted(self) -> Counter[str]:
        """How often what was asked: ``list /api/v1/pods``, ``watch …``; pages of one list count once."""
        words = Counter[str]()
        for method, path, query, _ in list(self.requests):
            if "continue" not in query:
                verb = (
                    "watch" if query.get("watch") in ("1", "true") else "list" if "limit" in query else method.lower()
                )
                words[f"{verb} {path}"] += 1
        return words

    def cut(self) -> None:
        """Reset every connection that there is."""
        self._call(self._cut())

    def stall(self) -> None:
        """Carry nothing more over the connections that there are; new ones work."""
        self._call(self._stall())

    def half_open(self) -> None:
        """Close the API server's side of each connection, and never tell the client."""
        self._call(self._half_open())

    def outdate(self) -> None:
        """Let the next watch ask for the oldest version there ever was."""
        self._outdating = True

    def altered(self, head: bytes) -> bytes:
        """What the API server gets in place of a request's head."""
        if self._outdating and b"watch=" in head.partition(b"\r\n")[0]:
            self._outdating = False
            return re.sub(rb"resourceVersion=\d+", b"resourceVersion=1", head, count=1)
        return head

    def refuse(self) -> None:
        """Listen no more."""
        self._call(self._refuse())

    def accept(self) -> None:
        """Listen, again on the same port."""
        self._call(self._accept())

    def close(self) -> None:
        """End it, with all its connections."""
        self._call(self._refuse())
        self._call(self._cut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # -- in the loop

    def _call(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def connect(self, *, with_certificate: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the API server."""
        tls = self._verifying if with_certificate else self._plain
        return await asyncio.open_connection(self._server.hostname, self._server.port or 443, ssl=tls)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = _Connection(self, reader, writer)
        self._open.add(connection)
        try:
            await connection.run()
        finally:
            if not connection.half_open:
                self._open.discard(connection)

    async def _cut(self) -> None:
        for connection in list(self._open):
            connection.end(abruptly=True)
        self._open.clear()

    async def _stall(self) -> None:
        for connection in self._open:
            connection.flows.clear()

    async def _half_open(self) -> None:
        for connection in self._open:
            connection.half_open = True
            if connection.upstream is not None:
                connection.upstream.transport.abort()

    async def _refuse(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _accept(self) -> None:
        self._listener = await asyncio.start_server(
            self._accepted, "127.0.0.1", self.port, ssl=self._serving, limit=1 << 20
        )
        self.port = self._listener.sockets[0].getsockname()[1]


@contextmanager
def relaying(path: Path, folder: Path) -> Iterator[Relay]:
    """A relay to the API server of a kubeconfig, for the time of the body."""
    relay = Relay(Kubernetes(kubeconfig=str(path)), folder)
    try:
        yield relay
    finally:
        relay.close()
