"""Port-forwards: a reference of a target file becomes an address on loopback, for as long as a run lasts.

All of them are served by one thread. A connection has a WebSocket to itself, which the next one to the same pod may
take over, and asks anew which pod is ready: a pod that was replaced meanwhile is only a connection that was cut.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, NamedTuple, TypeVar

from websockets.exceptions import ConnectionClosed, ConnectionClosedOK
from websockets.protocol import State

from gonogo.cluster.api import KINDS, Api
from gonogo.cluster.forward import peers, socks, tunnel, websocket
from gonogo.cluster.forward.choose import Destination, Spot, advertised, behind
from gonogo.cluster.forward.socks import ClientLeft
from gonogo.core.errors import Absent, ClientError, ClusterLost, ConfigError, Denied, Gone, Refused
from gonogo.core.waiting import Deadline

T = TypeVar("T")
Address = tuple[str, int]
Serve = Callable[[Address, socket.socket], Coroutine[Any, Any, None]]

LOOPBACK = "127.0.0.1"
CHUNK = 1 << 18
BACKLOG = 128

EARLY = 1 << 20
"""Bytes that a pod may have sent before its API server says that it is connected."""

KNOWN_FOR = 1.0
"""Seconds that the pods behind a Service are remembered: a burst of connections asks the API server once."""

KEPT, KEPT_FOR = 8, 10.0
"""WebSockets to one pod, and seconds, that are kept for further connections: opening one takes ten times as long."""

FRESH = 5.0
"""Seconds that a reason explains a cut connection; a client learns of the cut at once and then asks why."""

QUIET = 0.5
"""Seconds that a pod must have sent nothing until it is told that its client has ended.

containerd cuts the connection one second after it was told, whatever the server still has to send.
"""

LINGER = 5.0
"""Seconds for the last words of either end, once the other has ended."""


class Forwards:
    """Ways into one cluster. Safe for threads; nothing is opened before it is asked for.

    They are for our own account and root: other accounts of this machine are cut off, see :mod:`.peers`.
    ``namespaces`` are where the addresses of pods and Services that a server advertises are looked up,
    besides those of the references.
    """

    def __init__(self, api: Api, namespaces: Iterable[str] = ()) -> None:
        self._api = api
        self._namespaces = dict.fromkeys(namespaces or (api.namespace,))
        self._lock = threading.RLock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._open: dict[str, Address] = {}
        self._listeners: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._proxy = ""
        self._known: dict[object, tuple[Deadline, list[Spot]]] = {}
        self._doubted: set[object] = set()
        self._spare: dict[str, list[_Spare]] = {}
        self._turn = 0
        self._faults: dict[Address, tuple[Deadline, ClientError]] = {}
        self.protocol = ""
        """The sub-protocol of the latest WebSocket; ``v4.channel.k8s.io`` cannot tell a server of its client's end."""

    def address(self, reference: str) -> Address:
        """Host and port for ``namespace/name:port`` (Service) or ``namespace/pod/name:port``.

        Always the same for one reference, and there as long as these forwards are. Raises ``ConfigError``
        for what is no reference, and for a port that the Service does not have. What else is wrong is told
        to whoever connects, by :meth:`fault`: it may be right by then.
        """
        wanted = Destination.read(reference)
        with self._lock:
            if reference not in self._open:
                self._namespaces[wanted.namespace] = None
                with suppress(ClientError):
                    self._remembered(wanted, lambda sure: behind(self._api, wanted, sure=sure))
                self._open[reference] = self._listen(partial(self._forward, wanted))
            return self._open[reference]

    def socks(self) -> str:
        """The URL of a SOCKS5 server through which names and addresses of the cluster are reached.

        ``socks5h://user:password@127.0.0.1:port``: a name is resolved at its far end. The credentials are
        random, since every account can connect to loopback where a machine does not tell whose a connection is.
        """
        with self._lock:
            if not self._proxy:
                user, password = secrets.token_hex(8), secrets.token_hex(16)
                host, port = self._listen(partial(self._socks, user, password))
                self._proxy = f"socks5h://{user}:{password}@{host}:{port}"
            return self._proxy

    def fault(self, address: Address) -> ClientError | None:
        """Why a connection to this local address was cut a moment ago; None where the way was not at fault.

        ``Refused`` and ``Gone`` where the platform is wrong; ``ClusterLost``, ``Forbidden`` and ``Denied`` where
        it could not be asked.
        """
        deadline, error = self._faults.get(address, (None, None))
        return error if deadline is not None and not deadline.passed else None

    def close(self) -> None:
        """Cut every connection and give the ports back; may be called twice."""
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
            self._open.clear()
            self._proxy = ""
        if loop is None or thread is None:
            return
        self._done(loop, self._ended())
        self._done(loop, loop.shutdown_default_executor())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    # -- the thread

    def _done(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    def _listen(self, serve: Serve) -> Address:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="forwards", daemon=True)
                self._thread.start()
            return self._done(self._loop, self._listening(serve))

    async def _listening(self, serve: Serve) -> Address:
        peers.teller()  # tried out before anybody can connect
        listener = socket.create_server((LOOPBACK, 0), backlog=BACKLOG)
        listener.setblocking(False)
        self._listeners.append(listener)
        here: Address = listener.getsockname()[:2]
        self._begin(self._accept(listener, here, serve))
        return here

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener: socket.socket, here: Address, serve: Serve) -> None:
        while True:
            client, _ = await asyncio.get_running_loop().sock_accept(listener)
            self._begin(self._served(client, here, serve))

    async def _served(self, client: socket.socket, here: Address, serve: Serve) -> None:
        with client:
            if peers.other_account(client, peers.teller()):
                _reset(client)
                return
            try:
                with suppress(ClientLeft, socks.NotServed):
                    await serve(here, client)
            except Exception as error:
                self._cut(here, client, error)

    async def _ended(self) -> None:
        for spare in (one for spares in self._spare.values() for one in spares):
            spare.ending.cancel()
            spare.way.web.transport.abort()
        self._spare.clear()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    # -- one connection

    async def _forward(self, wanted: Destination, here: Address, client: socket.socket) -> None:
        async with self._reached(wanted, lambda sure: behind(self._api, wanted, sure=sure)) as way:
            await _Pair(client, way, self._api.component).run()

    async def _socks(self, user: str, password: str, here: Address, client: socket.socket) -> None:
        try:
            host, port = await socks.asked(client, user, password)
        except OSError as error:
            raise ClientLeft from error
        granted = False
        try:
            look = lambda sure: advertised(self._api, host, port, tuple(self._namespaces), sure=sure)  # noqa: E731
            async with self._reached((host, port), look) as way:
                await socks.say(client, socks.Reply.GRANTED.message)
                granted = True
                await _Pair(client, way, self._api.component).run()
        except (ClientError, ConfigError) as error:
            if granted:
                raise
            self._blame(here, error)
            await socks.say(client, _reply(error).message)

    @asynccontextmanager
    async def _reached(self, key: object, look: Callable[[bool], list[Spot]]) -> AsyncIterator[_Way]:
        """An open tunnel into one of the pods. What was remembered of them is looked up again once it is wrong."""
        again = key in self._known or key not in self._doubted
        while True:
            spot = await self._spot(key, look)
            try:
                way = await self._opened(spot)
                break
            except (Absent, Denied):
                # 401 too: the API server is asked for the pods, and its client renews the credentials
                self._doubt(key)
                if not again:
                    raise
                again = False
        kept = False
        try:
            yield way
            kept = self._kept(way)
        except ClientError:
            self._doubt(key)
            raise
        finally:
            if not kept:
                way.web.transport.abort()

    def _kept(self, way: _Way) -> bool:
        """Whether the WebSocket may serve another connection; then it is there for a while."""
        spares = self._spare.setdefault(way.spot.uid, [])
        spares[:] = [spare for spare in spares if spare.way.web.state is State.OPEN]
        usable = way.inner.closed and isinstance(way.inner, tunnel.Spdy) and way.web.state is State.OPEN
        if not way.spot.uid or not usable or len(spares) >= KEPT:
            return False
        ending = asyncio.get_running_loop().call_later(KEPT_FOR, way.web.transport.abort)
        spares.append(_Spare(way, ending))
        return True

    async def _again(self, spot: Spot) -> _Way | None:
        """A tunnel in a WebSocket that was kept, or None where there is none that works."""
        while spares := self._spare.get(spot.uid):
            way, ending = spares.pop()
            ending.cancel()
            assert isinstance(way.inner, tunnel.Spdy)
            found = _Way(spot, way.web, way.inner, [])
            with suppress(ConnectionClosed, TimeoutError, tunnel.Garbage):
                await way.web.send(way.inner.again(spot.port))
                await self._accepted(found)
                return found
            way.web.transport.abort()
        return None

    def _doubt(self, key: object) -> None:
        """What was known of the pods is wrong: the API server itself is asked the next time."""
        self._known.pop(key, None)
        self._doubted.add(key)

    async def _spot(self, key: object, look: Callable[[bool], list[Spot]]) -> Spot:
        spots = await asyncio.get_running_loop().run_in_executor(None, self._remembered, key, look)
        self._turn += 1
        return spots[self._turn % len(spots)]

    def _remembered(self, key: object, look: Callable[[bool], list[Spot]]) -> list[Spot]:
        """The pods as they were looked up a moment ago, or are now: ``look`` hears whether they are in doubt."""
        with self._lock:
            deadline, spots = self._known.get(key, (None, []))
            if deadline is None or deadline.passed:
                spots = look(key in self._doubted)
                self._doubted.discard(key)
                self._known[key] = Deadline(KNOWN_FOR), spots
            return spots

    async def _opened(self, spot: Spot) -> _Way:
        if (kept := await self._again(spot)) is not None:
            return kept
        loop = asyncio.get_running_loop()
        path = KINDS["Pod"].path(spot.namespace, spot.pod, "portforward")
        ports = [("ports", str(spot.port))]
        web = None
        try:
            # only the second protocol needs the port here; with the first, it is in the streams' headers
            stream = await loop.run_in_executor(None, self._api.stream_headers_and_tls, path, ports)
            web = await websocket.opened(stream, tunnel.OFFERED, self._api.timeouts.connect)
            way = _Way(spot, web, tunnel.spoken(web.subprotocol, spot.port), [])
            web.whole = way.inner.whole
            self.protocol = web.subprotocol or ""
            await self._accepted(way)
        except BaseException as error:
            if web is not None:
                web.transport.abort()
            if not isinstance(error, Exception):
                raise
            raise websocket.refusal(self._api, error, path) from error
        return way

    async def _accepted(self, way: _Way) -> None:
        """Return once data may be sent."""
        if opening := way.inner.opening():
            await way.web.send(opening)
        async with asyncio.timeout(self._api.timeouts.connect):
            while not way.inner.opened:
                for message in await way.web.received():
                    way.early.extend(way.inner.receive(message))
                if sum(map(len, way.early)) > EARLY:
                    raise tunnel.Garbage(f"more than {EARLY >> 20} MiB before the connection was accepted")

    # -- what went wrong

    def _cut(self, here: Address, client: socket.socket, error: Exception) -> None:
        """Let the client see a reset connection: an end in good order would say that the server wanted it."""
        self._blame(here, error)
        _reset(client)

    def _blame(self, here: Address, error: Exception) -> None:
        if isinstance(error, ConfigError):
            error = Absent(self._api.component, str(error))
        elif not isinstance(error, ClientError):
            error = ClientError(self._api.component, f"the forward itself failed: {type(error).__name__}: {error}")
        self._faults[here] = Deadline(FRESH), error


class _Way(NamedTuple):
    """An open tunnel to a pod's port; ``early`` is what the pod said before anybody could listen."""

    spot: Spot
    web: websocket.WebSocket
    inner: tunnel.Tunnel
    early: list[bytes | memoryview]


class _Spare(NamedTuple):
    """A way that was used and works; ``ending`` is what will cut it."""

    way: _Way
    ending: asyncio.TimerHandle


class _Pair:
    """A client's connection and its tunnel, until both have said all."""

    def __init__(self, client: socket.socket, way: _Way, component: str) -> None:
        self._client, self._way, self._component = client, way, component
        self._web, self._inner, self._spot = way.web, way.inner, way.spot
        self._loop = asyncio.get_running_loop()
        self._heard = asyncio.Event()
        self._listening = self._left = False

    async def run(self) -> None:
        """Carry data both ways. Raises ``ClientError`` where the connection ended other than in good order."""
        upward = self._loop.create_task(self._up())
        try:
            await self._down()
        finally:
            upward.cancel()
            await asyncio.gather(upward, return_exceptions=True)
        if self._inner.trouble:
            raise meaning(self._component, self._inner.trouble, self._spot)
        # closed with data of the client's unread, the kernel would send a reset that overtakes our last bytes
        with suppress(TimeoutError, OSError):
            self._client.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(LINGER):
                while await self._loop.sock_recv(self._client, CHUNK):
                    pass

    async def _taken(self, parts: Iterable[bytes | memoryview]) -> None:
        """Hand them to the client, however slowly it reads."""
        try:
            await self._loop.sock_sendall(self._client, b"".join(parts))
        except OSError as error:
            raise ClientLeft from error

    async def _up(self) -> None:
        with suppress(ConnectionClosed):
            try:
                while chunk := await self._loop.sock_recv(self._client, CHUNK):
                    await self._web.send(self._inner.data(chunk))
            except OSError:
                # reset by our client: it will not hear the pod's last words either
                self._left = True
                self._web.transport.abort()
                return
            await self._quiet()
            if end := self._inner.end():
                await self._web.send(end)
            else:
                await self._web.close()

    async def _quiet(self) -> None:
        """Return once the pod has sent nothing for a while, although we were ready for it."""
        while True:
            self._heard.clear()
            try:
                async with asyncio.timeout(QUIET):
                    await self._heard.wait()
            except TimeoutError:
                if self._listening:
                    return

    async def _down(self) -> None:
        inner = self._inner
        try:
            await self._taken(self._way.early)
            while not inner.closed:
                self._listening = True
                async with asyncio.timeout(LINGER if inner.finished else None):
                    messages = await self._web.received()
                self._listening = False
                self._heard.set()
                await self._taken(part for message in messages for part in inner.receive(message))
                if answer := inner.answer():
                    await self._web.send(answer)
        except TimeoutError:
            return  # the pod has ended, and there is no word of trouble
        except tunnel.Garbage as error:
            raise ClusterLost(self._component, f"the connection to {self._spot} was cut: {error}") from error
        except ConnectionClosedOK:
            if not isinstance(inner, tunnel.Channels):
                raise ClusterLost(self._component, f"the connection to {self._spot} was cut") from None
        except ConnectionClosed as error:
            if self._left:
                raise ClientLeft from error
            if not inner.trouble:
                raise ClusterLost(self._component, f"the connection to {self._spot} was cut: {error}") from error


def _reset(client: socket.socket) -> None:
    """Let it see a reset once it is closed here."""
    with suppress(OSError):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def meaning(component: str, trouble: str, spot: Spot) -> ClientError:
    """What the kubelet or the container runtime says of a forward that failed."""
    said = f"{spot}: {' '.join(trouble.split())[:400]}"
    for words, kind, text in (
        ("connection refused", Refused, f"nothing listens on {spot}"),
        ("connection reset|broken pipe", Refused, f"the server on {spot} cut the connection"),
        ("not found|not running|no such|does not exist|is closed", Gone, said),
    ):
        if re.search(words, trouble, re.IGNORECASE):
            return kind(component, text)
    return ClusterLost(component, said)


def _reply(error: ClientError | ConfigError) -> socks.Reply:
    kinds: dict[type[Exception], socks.Reply] = {
        Refused: socks.Reply.REFUSED,
        Gone: socks.Reply.UNREACHABLE,
        ClusterLost: socks.Reply.FAILED,
    }
    return kinds.get(type(error), socks.Reply.FORBIDDEN)
