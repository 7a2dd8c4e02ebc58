"""What is said inside the WebSocket of a port-forward: two protocols, bytes in and bytes out, no I/O.

One WebSocket carries one connection: the pods' servers are then held back by TCP alone, and a reader that
is slow stops nobody else. Both protocols end at the kubelet's and the container runtime's streaming servers
(kubernetes, ``staging/src/k8s.io/kubelet/pkg/cri/streaming/portforward``).

How a connection ends towards the pod is up to the container runtime: containerd (1.6 to 2.x, its
``sandbox_portforward_linux.go``) takes the end of either direction as the end of both, a second later.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Protocol

SPDY = "SPDY/3.1+portforward.k8s.io"
CHANNELS = "v4.channel.k8s.io"
OFFERED = (SPDY, CHANNELS)
"""Sub-protocols, the better one first: an API server before 1.30 hands both on to the kubelet, which knows the second.

KEP-4006; ``apiserver/pkg/util/proxy/streamtunnel.go``."""


TOLD = 4096
"""Bytes that are kept of what a pod says went wrong."""


class Garbage(ValueError):
    """What came is not what the protocol allows, or too much of what nobody needs."""


class Tunnel(Protocol):
    """One connection to one port of a pod. ``whole``: it has to be handed whole messages, not parts of them.

    ``opened``: data may be sent. ``finished``: the pod has sent all. ``closed``: nothing more can come, also
    no word about what went wrong, which then stands in ``trouble``. ``reply`` is to be sent as soon as it is
    not empty, and is taken by :meth:`answer`.
    """

    whole: bool
    opened: bool
    finished: bool
    closed: bool
    trouble: str

    def opening(self) -> bytes:
        """The first message to send; empty where there is none."""

    def receive(self, message: bytes) -> Iterator[bytes | memoryview]:
        """The pod's data in a message that has come. Raises :class:`Garbage`."""

    def answer(self) -> bytes:
        """What the other end waits for, mostly empty."""

    def data(self, chunk: bytes) -> bytes:
        """The message for a piece of data."""

    def end(self) -> bytes:
        """The message that says that no more data will follow; empty where the protocol has no such word."""


class Channels:
    """``v4.channel.k8s.io``: the first byte of a message is its channel, data (0) or error (1).

    Each channel's first message from there is only the port, two bytes in little-endian order. Either end
    says that it has no more by closing the WebSocket.
    """

    DATA, ERROR = 0, 1
    whole = True

    def __init__(self, port: int) -> None:
        self.opened = True
        self.finished = self.closed = False
        self.trouble = ""
        self._port = struct.pack("<H", port)
        self._begun: set[int] = set()

    def opening(self) -> bytes:
        return b""

    def receive(self, message: bytes) -> Iterator[bytes | memoryview]:
        if message[:1] not in (b"\0", b"\1"):
            raise Garbage(f"a message on no channel: {message[:8].hex(' ')}")
        channel, rest = message[0], memoryview(message)[1:]
        if channel not in self._begun:
            self._begun.add(channel)
            rest = rest[len(self._port) :]
        if channel == self.DATA and rest:
            yield rest
        elif channel == self.ERROR:
            self.trouble = (self.trouble + str(rest[:TOLD], "utf-8", "replace"))[:TOLD]

    def answer(self) -> bytes:
        return b""

    def data(self, chunk: bytes) -> bytes:
        return b"\0" + chunk

    def end(self) -> bytes:
        return b""


class Spdy:
    """SPDY/3.1 as far as the kubelet's library (moby/spdystream) speaks it; a message may hold any part of a frame.

    A pair of streams is one connection: ``error``, on which only the pod speaks, and ``data``. There is no flow
    control of its own: that library ignores windows. Once a pair has ended, another one may follow: :meth:`again`.

    A frame without our data has ``LARGEST`` bytes at most, and no more than ``WITHOUT_DATA`` of them follow each other.
    """

    FIN, CANCEL = 0x01, 5
    LARGEST, WITHOUT_DATA = 1 << 16, 10_000
    whole = False
    SYN_STREAM, SYN_REPLY, RST_STREAM, PING, GOAWAY = 1, 2, 3, 6, 7

    def __init__(self, port: int) -> None:
        self._error, self._data = 1, 3
        self._begin(port)
        self._headers = zlib.compressobj()
        self._answer = b""
        self._head = bytearray()  # of the frame that is coming
        self._body = bytearray()  # of a frame that is no data
        self._stream = self._kind = self._flags = self._left = self._without_data = 0

    def again(self, port: int) -> bytes:
        """Begin another connection, to any port of the same pod; what has to be sent before its opening."""
        over = self._control(self.RST_STREAM, struct.pack("!II", self._data, self.CANCEL))
        self._error, self._data = self._error + 4, self._data + 4
        self._begin(port)
        return over

    def _begin(self, port: int) -> None:
        self.opened = self.finished = self.closed = False
        self.trouble = ""
        self._port = port
        self._ended: set[int] = set()

    # -- to there

    def opening(self) -> bytes:
        # the error stream has its FIN at once: nothing is ever said on it from here
        return self._syn(self._error, "error", self.FIN) + self._syn(self._data, "data", 0)

    def _syn(self, stream: int, kind: str, flags: int) -> bytes:
        pairs = {"streamtype": kind, "port": str(self._port), "requestid": str(self._error)}
        block = struct.pack("!I", len(pairs))
        for name, value in pairs.items():
            block += struct.pack("!I", len(name)) + name.encode() + struct.pack("!I", len(value)) + value.encode()
        # Without SPDY's dictionary of 2012: a zlib stream says itself whether it needs one.
        packed = self._headers.compress(block) + self._headers.flush(zlib.Z_SYNC_FLUSH)
        return self._control(self.SYN_STREAM, struct.pack("!IIH", stream, 0, 0) + packed, flags)

    def _control(self, kind: int, payload: bytes, flags: int = 0) -> bytes:
        return struct.pack("!II", 0x80030000 | kind, flags << 24 | len(payload)) + payload

    def data(self, chunk: bytes) -> bytes:
        return struct.pack("!II", self._data, len(chunk)) + chunk

    def end(self) -> bytes:
        return struct.pack("!II", self._data, self.FIN << 24)

    def answer(self) -> bytes:
        taken, self._answer = self._answer, b""
        return taken

    # -- from there

    def receive(self, message: bytes) -> Iterator[bytes | memoryview]:
        view = memoryview(message)
        while view:
            if not self._left:
                wanted = 8 - len(self._head)
                self._head += view[:wanted]
                view = view[wanted:]
                if len(self._head) < 8:
                    return
                first, second = struct.unpack("!II", self._head)
                self._head.clear()
                self._flags, self._left = second >> 24, second & 0xFFFFFF
                self._kind, self._stream = (first & 0xFFFF, 0) if first >> 31 else (0, first)
                self._allowed(first)
                if not self._left:
                    self._complete()
                continue
            part, view = view[: self._left], view[self._left :]
            self._left -= len(part)
            if self._stream == self._data:
                self._without_data = 0
                yield part
            elif self._stream in (0, self._error):  # else of a connection that is over
                self._body += part
            if not self._left:
                self._complete()

    def _allowed(self, first: int) -> None:
        """Whether a frame may be so. Raises :class:`Garbage`."""
        self._without_data += 1
        control = first >> 31
        if (control and first >> 16 != 0x8003) or (not control and not (first % 2 and first <= self._data)):
            raise Garbage(f"no frame of this connection begins with {first:08x}")
        if self._stream in (0, self._error) and self._left > self.LARGEST:
            raise Garbage(f"a frame of {self._left} bytes that holds no data")
        if self._without_data > self.WITHOUT_DATA:
            raise Garbage(f"{self.WITHOUT_DATA} frames without data")

    def _complete(self) -> None:
        """A frame has come whole; what is in it for a person or for the state of the streams is taken out."""
        body = bytes(self._body)
        self._body.clear()
        if self._stream:
            if self._stream == self._error:
                self.trouble = (self.trouble + body.decode(errors="replace"))[:TOLD]
            if self._flags & self.FIN:
                self._end(self._stream)
        elif self._kind == self.PING and not int.from_bytes(body, "big") % 2:
            self._answer += self._control(self.PING, body)
        elif self._kind in (self.SYN_REPLY, self.RST_STREAM):
            if len(body) < 4:
                raise Garbage(f"a frame of kind {self._kind} without a stream")
            stream = int.from_bytes(body[:4], "big")
            if self._kind == self.RST_STREAM and stream in (self._error, self._data):
                self.trouble = self.trouble or "the stream was reset"
                self._end(stream)
            elif self._kind == self.SYN_REPLY and stream == self._data:
                self.opened = True
            if self._flags & self.FIN:
                self._end(stream)
        elif self._kind == self.GOAWAY:
            self.finished = self.closed = True

    def _end(self, stream: int) -> None:
        self._ended.add(stream)
        self.finished = self._data in self._ended
        self.closed = self._ended >= {self._data, self._error}


def spoken(protocol: str | None, port: int) -> Tunnel:
    """The tunnel for the sub-protocol that the other end chose; a kubelet before 1.5 names none and means channels."""
    return Spdy(port) if protocol == SPDY else Channels(port)
