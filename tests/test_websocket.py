"""A WebSocket goes where it was told to go, and takes no more than a forward or a command can need."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path as File

import pytest
from kubeconfigs import api, kubeconfig
from saying import Say, flood, saying
from streaming import Cluster
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from gonogo.cluster.api import KINDS, Api, Stream
from gonogo.cluster.forward import Forwards, tunnel, websocket
from gonogo.cluster.forward.tunnel import Channels, Garbage, Spdy
from gonogo.cluster.inside import MOST, executed
from gonogo.core.errors import ClientError, ClusterLost, Garbled, TimedOut

EXEC, FORWARD = (KINDS["Pod"].path("data", "web-0", sub) for sub in ("exec", "portforward"))
BINARY, CONTINUED, CLOSE, PING, PONG = 2, 0, 8, 9, 10
PROTOCOL = "v4.channel.k8s.io"


def frame(kind: int, body: bytes = b"", *, fin: bool = True, size: int | None = None) -> bytes:
    """A frame of a server; ``size`` is what it claims to hold."""
    size = len(body) if size is None else size
    head = bytes([fin << 7 | kind])
    if size < 126:
        return head + bytes([size]) + body
    return head + (b"\x7e" + struct.pack("!H", size) if size < 1 << 16 else b"\x7f" + struct.pack("!Q", size)) + body


def accepted(request: bytes, protocol: str = PROTOCOL) -> bytes:
    """The answer that opens a WebSocket."""
    key = next(line[19:] for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key: "))
    sign = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Accept: {sign}", *([f"Sec-WebSocket-Protocol: {protocol}"] if protocol else [])]
    return "\r\n".join([*lines, "", ""]).encode()


@contextmanager
def asking(folder: File, url: str, *, check: float = 5) -> Iterator[Api]:
    user = {"token": "of the cluster", "as": "jane"}
    with closing(api(kubeconfig(folder / "config", server=url, user=user), check=check)) as asked:
        yield asked


async def opened(asked: Api) -> websocket.WebSocket:
    return await websocket.opened(asked.stream_headers_and_tls(FORWARD), [PROTOCOL], 5)


# -- where it goes


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
@pytest.mark.parametrize("near", [False, True])
def test_no_redirect_is_followed(tmp_path: File, status: int, near: bool) -> None:
    with saying(accepted) as (elsewhere, stolen):
        where = "/api/v1/namespaces/data/pods/other/exec?command=rm" if near else f"{elsewhere}/x".replace("http", "ws")
        answer = f"HTTP/1.1 {status} Moved\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n".encode()
        with (
            saying(lambda _: answer) as (url, requests),
            asking(tmp_path, url) as asked,
            pytest.raises(InvalidStatus),
        ):
            asyncio.run(opened(asked))

    assert (len(requests), stolen) == (1, [])
    assert b"Impersonate-User: jane" in requests[0]


@pytest.mark.parametrize("protocol", ["v9.channel.k8s.io", "SPDY/3.1", "v4.channel.k8s.io.evil"])
def test_a_protocol_that_nobody_offered_is_not_spoken(tmp_path: File, protocol: str) -> None:
    with (
        saying(lambda head: accepted(head, protocol)) as (url, _),
        asking(tmp_path, url) as asked,
        pytest.raises(InvalidHandshake, match="which nobody offered"),
    ):
        asyncio.run(opened(asked))


# -- how much it takes


@pytest.mark.parametrize(
    "say",
    [
        lambda c: c.sendall(frame(BINARY, b"\0", size=1 << 62)),
        lambda c: c.sendall(frame(BINARY, b"\0", size=websocket.LARGEST + 1)),
        lambda c: (c.sendall(frame(BINARY, b"\0", fin=False)), flood(frame(CONTINUED, bytes(1 << 15), fin=False))(c)),
        flood(frame(BINARY) * 1000),
        lambda c: (c.sendall(frame(BINARY, fin=False)), flood(frame(CONTINUED, fin=False) * 1000)(c)),
        flood(frame(PING, b"x" * 125) * 1000),
        flood(frame(PONG, b"x") * 1000),
        lambda c: c.sendall(frame(BINARY | 0x40, b"x")),  # a bit of an extension
        lambda c: c.sendall(frame(3, b"x")),  # a kind that there is not
        lambda c: c.sendall(frame(CONTINUED, b"x")),
        lambda c: c.sendall(frame(PING, b"x" * 126)),
        lambda c: c.sendall(b"\x82\x81abcdx"),  # masked, as only a client's
        lambda c: c.sendall(frame(CLOSE, b"\x03")),
        lambda c: c.sendall(frame(CLOSE, b"\x03\xe8\xff\xfe")),
        lambda c: c.sendall(frame(CLOSE, struct.pack("!H", 1000))),
        lambda c: c.sendall(b"HTTP/1.1 200 OK\r\n" + b"x" * 200),
        lambda c: (c.sendall(frame(CLOSE)), flood(bytes(1 << 16))(c)),
    ],
    ids=[
        *("claims-exabytes", "claims-too-much", "fragments", "empty", "empty-fragments", "pings", "pongs", "extension"),
        *("unknown", "continued", "long-ping", "masked", "half-a-close", "garbled-close", "close", "http", "goes-on"),
    ],
)
def test_whatever_is_sent_in_place_of_data_ends_the_connection(
    tmp_path: File, monkeypatch: pytest.MonkeyPatch, say: Say
) -> None:
    monkeypatch.setattr(websocket, "LAST_WORDS", 0.2)
    taken = 0

    async def listen(asked: Api) -> None:
        nonlocal taken
        web = await opened(asked)
        with suppress(ConnectionClosed):
            async with asyncio.timeout(20):
                while True:
                    taken += sum(map(len, await web.received()))

    with saying(accepted, say) as (url, _), asking(tmp_path, url) as asked:
        asyncio.run(listen(asked))

    assert taken <= websocket.LARGEST


def test_messages_without_a_byte_are_not_piled_up_for_who_is_slow(tmp_path: File) -> None:
    async def wait(asked: Api) -> int:
        web = await opened(asked)
        with suppress(TimeoutError):  # it is cut off, or has to wait
            await asyncio.wait_for(asyncio.shield(web.connection_lost_waiter), 0.5)
        return len(web._messages)

    with saying(accepted, flood(frame(BINARY) * 1000)) as (url, _), asking(tmp_path, url) as asked:
        assert asyncio.run(wait(asked)) <= websocket.EMPTY


# -- commands


def told(status: bytes = b'{"status":"Success"}', out: bytes = b"hello") -> Say:
    return lambda c: c.sendall(frame(BINARY, b"\1" + out) + frame(BINARY, b"\3" + status))


def test_a_command_says_what_it_says(tmp_path: File) -> None:
    with saying(accepted, told()) as (url, requests), asking(tmp_path, url) as asked:
        done = executed(asked, "data", "web-0", "app&container=other", "echo 'a b'")

    assert (done.code, done.stdout) == (0, b"hello")
    assert requests[0].startswith(
        b"GET /api/v1/namespaces/data/pods/web-0/exec?container=app%26container%3Dother&stdout=true&stderr=true"
        b"&command=%2Fbin%2Fsh&command=-c&command=echo+%27a+b%27 HTTP/1.1\r\n"
    )


LONG_CODE = b'{"details": {"causes": [{"reason": "ExitCode", "message": "' + b"9" * 5000 + b'"}]}}'


@pytest.mark.parametrize(
    ("say", "kind", "text"),
    [
        (lambda c: c.sendall(frame(BINARY)), Garbled, "on no channel"),
        (lambda c: c.sendall(frame(BINARY, b"\x09what")), Garbled, "on no channel"),
        (flood(frame(BINARY, b"\1" + bytes(1 << 15))), Garbled, "said more than 1 MiB"),
        (told(b"no json"), Garbled, "no answer of an API server"),
        (told(b"[" * 100_000), Garbled, "no answer of an API server"),
        (told(b'{"status": {"x": 1}}'), Garbled, "no answer of an API server"),
        (told(b'{"details": {"causes": [{"reason": "ExitCode", "message": "one"}]}}'), ClusterLost, "was not run"),
        (told(LONG_CODE), ClusterLost, "was not run"),
        (lambda c: c.sendall(frame(CLOSE)), ClusterLost, "the connection was cut"),
        (lambda c: None, TimedOut, "did not end within"),
        (flood(frame(PING) * 1000), ClusterLost, "the connection was cut"),
    ],
    ids=[
        *("empty", "no-channel", "endless", "no-json", "nested", "another-type", "no-code", "long-code"),
        *("closed", "silent", "pings"),
    ],
)
def test_garbage_is_no_answer_of_a_command(
    tmp_path: File, monkeypatch: pytest.MonkeyPatch, say: Say, kind: type[ClientError], text: str
) -> None:
    monkeypatch.setattr(websocket, "LAST_WORDS", 0.2)
    check = 1 if kind is TimedOut else 30
    with (
        saying(accepted, say) as (url, _),
        asking(tmp_path, url, check=check) as asked,
        pytest.raises(kind, match=text),
    ):
        executed(asked, "data", "web-0", "app", "true")

    assert MOST == 1 << 20


# -- what is on the wire of a forward


@pytest.mark.parametrize(
    "text",
    [
        "80020002 00000004 00000003",  # another version
        "80030002 00ffffff",  # 16 MiB to accept a stream
        "00000001 00ffffff",  # 16 MiB of what went wrong
        "00000004 00000001 00",  # a stream of the server's own
        "00000005 00000001 00",  # one that nobody opened
        "80030002 00000000",
        "80030003 00000002 0000",
        "ffffffff ffffffff",
        "48545450 2f312e31",
    ],
)
def test_a_frame_that_cannot_be_is_garbage(text: str) -> None:
    with pytest.raises(Garbage):
        list(Spdy(1).receive(bytes.fromhex(text)))


@pytest.mark.parametrize("one", ["80030004 00000000", "80030006 00000004 00000002", "00000003 00000000"])
def test_frames_without_data_have_an_end(one: str) -> None:
    spoken = Spdy(1)

    with pytest.raises(Garbage, match="frames without data"):
        list(spoken.receive(bytes.fromhex(one) * 100_000))
    assert len(spoken.answer()) <= 12 * Spdy.WITHOUT_DATA


@pytest.mark.parametrize("message", [b"", b"\2x", b"\xffx"])
def test_a_message_on_no_channel_is_garbage(message: bytes) -> None:
    with pytest.raises(Garbage, match="on no channel"):
        list(Channels(1).receive(message))


def test_what_a_pod_says_went_wrong_is_kept_in_part() -> None:
    channels, spdy = Channels(1), Spdy(1)
    for _ in range(100):
        list(channels.receive(b"\1" + b"x" * 10_000))
        list(spdy.receive(bytes.fromhex("00000001 00002710") + b"x" * 10_000))

    assert len(channels.trouble) == len(spdy.trouble) == tunnel.TOLD


def test_late_data_of_a_connection_that_is_over_is_dropped() -> None:
    spoken = Spdy(1)
    spoken.again(2)

    assert list(spoken.receive(bytes.fromhex("00000003 00000005") + b"late!")) == []
    assert bytes(spoken._body) == b""


DATA = bytes.fromhex("00000003 00010000") + bytes(1 << 16)
ACCEPTED = bytes.fromhex("80030002 00000004 00000003")


@pytest.mark.parametrize(
    ("say", "text"),
    [
        (flood(frame(BINARY, DATA)), "before the connection was accepted"),
        (flood(frame(BINARY, bytes.fromhex("80030004 00000000") * 1000)), "frames without data"),
        (lambda c: c.sendall(frame(BINARY, b"no frame at all")), "no frame of this connection"),
        (lambda c: (c.sendall(frame(BINARY, ACCEPTED)), c.sendall(frame(BINARY, b"no frame"))), "no frame of this"),
        (
            lambda c: (c.sendall(frame(BINARY, ACCEPTED)), c.sendall(frame(CLOSE))),
            "1005|was cut",
        ),  # as it is accepted, or just after
        (lambda c: c.close(), "could not be asked"),
    ],
    ids=["early", "settings", "garbage", "garbage-later", "closed", "gone"],
)
def test_garbage_in_a_forward_is_a_lost_cluster(monkeypatch: pytest.MonkeyPatch, say: Say, text: str) -> None:
    monkeypatch.setattr(websocket, "LAST_WORDS", 0.2)
    with (
        saying(lambda head: accepted(head, tunnel.SPDY), say) as (url, _),
        closing(Cluster()) as cluster,
        closing(Forwards(cluster)) as ways,  # type: ignore[arg-type]
    ):
        monkeypatch.setattr(cluster, "stream_headers_and_tls", lambda *_: Stream(f"ws{url[4:]}/", [], None, "", ""))
        address = ways.address("data/pod/web-0:80")

        with socket.create_connection(address, timeout=20) as client, pytest.raises(ConnectionResetError):
            client.recv(1)

        with pytest.raises(ClusterLost, match=text):
            raise ways.fault(address) or AssertionError("no fault")
