"""What is no answer of Doris, or half of one: the right outcome and cause of each, and no password in any."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from scripted import Reply, serving

pytest.importorskip("mysql_mimic")

from emulators.doris import Cluster
from test_doris_client import BROKEN, CHECKS, FAILED, doris, met

from fixtures.doris import Doris
from gonogo.core.endpoints import Endpoints, Secret, Timeouts
from gonogo.core.errors import ClientError, Wrong, ending
from gonogo.core.outcomes import Outcome

PASSWORD = "planted-0f-Doris"


def patience(cause: str) -> Timeouts:
    """Short where nothing is to come; else no machine is too slow for it."""
    return Timeouts(connect=0.3, check=0.3) if cause == "timed_out" else Timeouts(connect=20, check=20)


HTML = "<html><body>Please log in</body></html>"
PAGE = [Reply(body=HTML)]


def packet(number: int, body: bytes) -> bytes:
    """A packet of MySQL's protocol: its length in three bytes, its number, its body."""
    return struct.pack("<I", len(body))[:3] + bytes([number]) + body


def error(code: int, number: int = 0) -> bytes:
    """An error packet."""
    return packet(number, b"\xff" + struct.pack("<H", code) + b"#HY000" + b"no")


# -- before anybody is logged in


@contextmanager
def saying(chunks: list[bytes], *, cut: bool, every: float = 0.0) -> Iterator[int]:
    """A port where whoever connects is told this, in pieces; then it is closed, or kept open in silence."""
    over = threading.Event()

    def serve(listener: socket.socket) -> None:
        held = []
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                break
            held.append(connection)
            with suppress(OSError):
                for chunk in chunks:
                    connection.sendall(chunk)
                    if over.wait(every):
                        break
            if cut:
                connection.close()
        for one in held:
            one.close()

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve, args=(listener,), daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


GREETING = packet(0, b"\x0a5.7.99\x00" + struct.pack("<I", 7) + b"12345678\x00" + struct.pack("<H", 0xF7FF))
"""Only its beginning: version, connection, salt, and half of the capabilities."""
UNKNOWN = packet(
    0,
    b"\x0a5.7.99\x00"
    + struct.pack("<I", 7)
    + b"12345678\x00"
    + struct.pack("<HBHHB10x", 0xF7FF, 33, 2, 0x0008, 21)
    + b"123456789012\x00"
    + b"authentication_kerberos_client\x00",
)
"""Log-in by what PyMySQL does not know."""

GREETINGS: dict[str, tuple[list[bytes], bool, float, Outcome, str]] = {
    "a web server's refusal": ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], True, 0, BROKEN, "answer_garbled"),
    "another protocol": ([b"SSH-2.0-OpenSSH_9.6\r\n"], True, 0, BROKEN, "answer_garbled"),
    "closed at once": ([], True, 0, FAILED, "connection_cut"),
    "half a greeting": ([GREETING[:20]], True, 0, FAILED, "connection_cut"),
    "a greeting that ends too soon": ([packet(0, b"\x0a5.7.99")], True, 0, BROKEN, "answer_garbled"),
    "an empty packet": ([packet(0, b"")], True, 0, BROKEN, "answer_garbled"),
    "silence": ([], False, 0, BROKEN, "timed_out"),
    "dripping": ([bytes([one]) for one in GREETING], False, 0.1, BROKEN, "timed_out"),
    "too many connections": ([error(1040)], True, 0, FAILED, "connections_exhausted"),
    "refused before the log-in": ([error(1045)], True, 0, BROKEN, "credentials_refused"),
    "cut after the greeting": ([UNKNOWN], True, 0, FAILED, "connection_cut"),
}


def apart(port: int, cause: str = "") -> Doris:
    """A client of what listens there, which waits as long as for this cause."""
    addresses = {"host": "127.0.0.1", "port": port, "username": "gonogo"}
    return Doris(Endpoints("doris", addresses, {"password": Secret(PASSWORD)}, {}, patience(cause)))


@pytest.mark.parametrize(("chunks", "cut", "every", "outcome", "cause"), GREETINGS.values(), ids=GREETINGS)
def test_what_greets_us(chunks: list[bytes], cut: bool, every: float, outcome: Outcome, cause: str) -> None:
    with saying(chunks, cut=cut, every=every) as port, closing(apart(port, cause)) as client:
        assert met("doris.answers", client) == (outcome, f"doris.{cause}")


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with closing(apart(taken.getsockname()[1])) as client:
            assert met("doris.answers", client) == (FAILED, "doris.connection_refused")


# -- in the midst of an answer


@contextmanager
def tampering(port: int, marker: bytes, chunks: list[bytes], *, cut: bool, every: float) -> Iterator[int]:
    """A port that leads to another, until a statement with the marker comes: that is answered so."""
    over = threading.Event()
    threads: list[threading.Thread] = []

    def pump(one: socket.socket, other: socket.socket, watched: bool) -> None:
        with suppress(OSError):
            while data := one.recv(1 << 16):
                if watched and marker in data:
                    for chunk in chunks:
                        one.sendall(chunk)
                        if over.wait(every):
                            return
                    if not cut:
                        over.wait()
                    break
                other.sendall(data)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def begin(target: Callable[..., None], *given: Any) -> None:
        thread = threading.Thread(target=target, args=given, daemon=True)
        threads.append(thread)
        thread.start()

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", port))
            begin(pump, near, far, True)
            begin(pump, far, near, False)

    listener = socket.create_server(("127.0.0.1", 0))
    begin(serve, listener)
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


OK = packet(1, b"\x00\x00\x00\x02\x00\x00\x00")
MIDST: dict[str, tuple[list[bytes], bool, float, Outcome, str]] = {
    "no rows where some must be": ([OK], False, 0, BROKEN, "version_unknown"),
    "cut before an answer": ([], True, 0, FAILED, "connection_refused"),
    "half an answer": ([packet(1, b"\x13")], True, 0, FAILED, "connection_refused"),
    "half a packet": ([packet(1, b"\x13")[:3]], True, 0, FAILED, "connection_refused"),
    "a page": ([HTML.encode()], True, 0, BROKEN, "answer_garbled"),
    "a column that ends too soon": ([packet(1, b"\x01"), packet(2, b"\x03de")], True, 0, BROKEN, "answer_garbled"),
    "silence": ([], False, 0, BROKEN, "timed_out"),
    "dripping": ([b"\x01"] * 60, False, 0.1, BROKEN, "timed_out"),
    "half an error": ([packet(1, b"\xff\x48\x04")], False, 0, BROKEN, "answer_garbled"),
    "a right that is missing": ([error(1227, 1)], False, 0, BROKEN, "right_missing"),
}


@pytest.mark.parametrize(("chunks", "cut", "every", "outcome", "cause"), MIDST.values(), ids=MIDST)
def test_what_is_no_answer(
    chunks: list[bytes], cut: bool, every: float, outcome: Outcome, cause: str, tmp_path: Path
) -> None:
    cluster = Cluster()
    with doris(cluster, tmp_path, timeouts=patience(cause)) as there:
        port = int(there.endpoints["port"])
        with tampering(port, b"SHOW FRONTENDS", chunks, cut=cut, every=every) as between:
            there.endpoints.addresses["port"] = between  # type: ignore[index]

            assert met("doris.frontends", there) == (outcome, f"doris.{cause}")


# -- by HTTP


def told(body: object, status: int = 200) -> list[Reply]:
    """An answer in JSON."""
    return [Reply(status, json.dumps(body))]


def led(location: str, status: int = 307) -> list[Reply]:
    """An answer that leads elsewhere."""
    return [Reply(status, HTML, headers={"Location": location})]


NO_HEALTH: dict[str, tuple[list[Reply], Outcome, str]] = {
    "a page": (PAGE, BROKEN, "answer_garbled"),
    "an error with status 200": (told({"msg": "Error", "code": 1, "data": "no"}), FAILED, "server_error"),
    "refused with status 200": (told({"msg": "Unauthorized", "code": 401, "data": ""}), BROKEN, "credentials_refused"),
    "forbidden with status 200": (told({"msg": "Forbidden", "code": 403, "data": ""}), BROKEN, "right_missing"),
    "a log-in page": (led("https://login.example/", 302), BROKEN, "answer_garbled"),
    "led to HTTPS": (led("https://fe:8050/api/health"), BROKEN, "answer_garbled"),
    "not ready": (told({"msg": "Service Unavailable", "code": 503}, 503), FAILED, "unavailable"),
    "a proxy's page": ([Reply(502, HTML)], FAILED, "unavailable"),
    "an ingress that knows nothing": ([Reply(404, "default backend - 404")], BROKEN, "answer_garbled"),
    "half a body": ([Reply(body='{"msg": "suc', headers={"Connection": "close"})], BROKEN, "answer_garbled"),
    "cut": ([Reply(cut=True)], FAILED, "connection_refused"),
    "a list": (told([1, 2]), BROKEN, "answer_garbled"),
    "numbers that are none": (
        told({"msg": "success", "code": 0, "data": {"online_backend_num": "all"}}),
        BROKEN,
        "answer_garbled",
    ),
    "nothing": ([Reply()], BROKEN, "answer_garbled"),
}


@pytest.mark.parametrize(("replies", "outcome", "cause"), NO_HEALTH.values(), ids=NO_HEALTH)
def test_what_is_no_health(replies: list[Reply], outcome: Outcome, cause: str) -> None:
    with serving({"GET /api/health": replies}) as script:
        given = {"host": "127.0.0.1", "port": "1", "http": script.url, "username": "gonogo", "password": PASSWORD}
        with closing(Doris(script.endpoints("doris", **given))) as client:
            assert met("doris.http", client) == (outcome, f"doris.{cause}")


NOT_LED: dict[str, tuple[list[Reply], Outcome, str]] = {
    "a page": (PAGE, BROKEN, "answer_garbled"),
    "a failure with status 200": (
        told({"status": "FAILED", "msg": "No backend load available"}),
        FAILED,
        "load_failed",
    ),
    "refused with status 200": (told({"msg": "Unauthorized", "code": 401, "data": ""}), BROKEN, "credentials_refused"),
    "refused": ([Reply(401, HTML)], BROKEN, "credentials_refused"),
    "a log-in page": (led("https://login.example/?next=load", 302), BROKEN, "answer_garbled"),
    "led nowhere": ([Reply(307)], BROKEN, "load_led_elsewhere"),
    "led to who is no backend": (
        led(f"http://gonogo:{PASSWORD}@evil.example:8040/api/x"),
        BROKEN,
        "load_led_elsewhere",
    ),
    "led to what is no address": (led("http://127.0.0.1:99999/"), BROKEN, "answer_garbled"),
    "a body of another service": (told({"ok": True}), BROKEN, "answer_garbled"),
}


@pytest.mark.parametrize(("replies", "outcome", "cause"), NOT_LED.values(), ids=NOT_LED)
def test_what_leads_no_load(replies: list[Reply], outcome: Outcome, cause: str, tmp_path: Path) -> None:
    with serving({LOAD: replies}) as script:
        seen = load_by(tmp_path, http=script.url)

    assert seen == (outcome, f"doris.{cause}")
    assert all(not line.startswith("PUT") or line == LOAD for line, _ in script.asked)


NOT_TAKEN: dict[str, tuple[list[Reply], Outcome, str]] = {
    "a page": (PAGE, BROKEN, "answer_garbled"),
    "no status": (told({"TxnId": 3}), BROKEN, "answer_garbled"),
    "refused with status 200": (told({"msg": "Unauthorized", "code": 401, "data": ""}), BROKEN, "credentials_refused"),
    "numbers that are none": (
        told({"Status": "Success", "NumberLoadedRows": "all", "NumberFilteredRows": 0}),
        BROKEN,
        "version_unknown",
    ),
    "rows left out": (
        told({"Status": "Success", "NumberLoadedRows": 2, "NumberFilteredRows": 1}),
        FAILED,
        "load_incomplete",
    ),
    "a failure with status 200": (
        told({"Status": "Fail", "Message": "no", "NumberLoadedRows": 0, "NumberFilteredRows": 3}),
        FAILED,
        "load_failed",
    ),
    "said and not done": (
        told({"Status": "Success", "NumberLoadedRows": 3, "NumberFilteredRows": 0}),
        FAILED,
        "rows_lost",
    ),
    "an error of its own": (told({"msg": "out of memory"}, 500), FAILED, "server_error"),
    "cut": ([Reply(cut=True)], FAILED, "connection_refused"),
}


@pytest.mark.parametrize(("replies", "outcome", "cause"), NOT_TAKEN.values(), ids=NOT_TAKEN)
def test_what_takes_no_load(replies: list[Reply], outcome: Outcome, cause: str, tmp_path: Path) -> None:
    with serving({LOAD: replies}) as script:
        assert load_by(tmp_path, backend=script.url) == (outcome, f"doris.{cause}")


LOAD = "PUT /api/pv_20261123093010_0a1b2c_1/t/_stream_load"


def load_by(tmp_path: Path, **addresses: str) -> tuple[Outcome, str]:
    """Outcome and cause of a stream load by these addresses; what it says holds no password."""
    cluster = Cluster(password=PASSWORD)
    asking = doris(cluster, tmp_path, password=PASSWORD, **addresses)
    with asking as client, pytest.raises((ClientError, Wrong)) as raised:
        CHECKS["doris.stream_load"](client)

    assert PASSWORD not in str(raised.value)
    return ending(raised.value).outcome, raised.value.signature
