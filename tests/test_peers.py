"""Other accounts of this machine may connect to loopback, and are not let into a cluster."""

from __future__ import annotations

import ctypes
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from ipaddress import ip_address
from pathlib import Path

import pytest
from streaming import SPDY, Cluster, through

from gonogo.cluster.forward import Forwards, peers
from gonogo.cluster.forward.peers import by_question, by_table

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="no other system tells whose a connection is")

NOBODY = 65534
TELLERS = pytest.mark.parametrize("tell", [by_question, by_table], ids=["question", "table"])


@contextmanager
def owned_by(uid: int) -> Iterator[None]:
    """Sockets that this thread makes belong to that account (setfsuid(2)); only root may do that."""
    libc = ctypes.CDLL(None)
    "a".encode("idna")  # a connection loads this codec from where another account may not read
    before = libc.setfsuid(uid)
    try:
        yield
    finally:
        libc.setfsuid(before)


@pytest.fixture
def other_account(monkeypatch: pytest.MonkeyPatch) -> Callable[[], AbstractContextManager[None]]:
    """Whoever connects in its body is of another account than ours; for anybody but root, we are."""
    if os.geteuid() == 0:
        return lambda: owned_by(NOBODY)
    other = os.geteuid() + 1
    peers.teller()
    monkeypatch.setattr(peers.os, "geteuid", lambda: other)
    return nullcontext


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """One pod that says hello to whoever connects, behind Service ``web``."""
    with closing(Cluster((SPDY,))) as made, socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"hello")

        threading.Thread(target=serve, daemon=True).start()
        ports = [{"name": "http", "port": 80}]
        spec = {"ports": ports, "selector": {"app": "web"}, "clusterIP": "10.0.0.1"}
        target = {"kind": "Pod", "name": "web-0"}
        endpoint = {"addresses": ["10.1.0.1"], "conditions": {"ready": True}, "targetRef": target}
        listed = {"items": [{"endpoints": [endpoint], "ports": [{"name": "http", "port": server.getsockname()[1]}]}]}
        made.objects["/api/v1/namespaces/data/services/web"] = {"metadata": {"name": "web"}, "spec": spec}
        slices = "/apis/discovery.k8s.io/v1/namespaces/data/endpointslices?kubernetes.io/service-name=web"
        made.objects[slices] = listed
        yield made
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def ways(cluster: Cluster) -> Iterator[Forwards]:
    with closing(Forwards(cluster)) as made:  # type: ignore[arg-type]
        yield made


def heard(address: tuple[str, int]) -> bytes:
    with socket.create_connection(address, timeout=20) as client:
        return client.recv(5)


def streams(cluster: Cluster) -> list[str]:
    return [path for path in cluster.asked if path.endswith("portforward")]


def test_another_account_is_cut_off_before_a_byte_is_forwarded(
    ways: Forwards, cluster: Cluster, other_account: Callable[[], AbstractContextManager[None]]
) -> None:
    address = ways.address("data/web:80")

    with other_account(), pytest.raises(ConnectionResetError):
        heard(address)

    assert streams(cluster) == []
    assert ways.fault(address) is None


def test_another_account_is_not_even_asked_who_it_is(
    ways: Forwards, cluster: Cluster, other_account: Callable[[], AbstractContextManager[None]]
) -> None:
    url = ways.socks()

    with other_account(), pytest.raises((ConnectionError, AssertionError)):
        through(url, "web.data.svc", 80)

    assert streams(cluster) == []


def test_we_are_admitted_beside_another_account(
    ways: Forwards, cluster: Cluster, other_account: Callable[[], AbstractContextManager[None]]
) -> None:
    address = ways.address("data/web:80")
    if os.geteuid() == 0:
        with other_account(), pytest.raises(ConnectionResetError):
            heard(address)

        assert heard(address) == b"hello"
        with through(ways.socks(), "web.data.svc", 80) as client:
            assert client.recv(5) == b"hello"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may own a socket of another account")
def test_root_and_our_own_account_are_admitted(
    ways: Forwards, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    peers.teller()
    monkeypatch.setattr(peers.os, "geteuid", lambda: NOBODY)
    address = ways.address("data/web:80")

    assert heard(address) == b"hello"  # root
    with owned_by(NOBODY):
        assert heard(address) == b"hello"
    with owned_by(NOBODY - 1), pytest.raises(ConnectionResetError):
        heard(address)


def test_who_cannot_be_told_any_more_is_not_admitted(
    ways: Forwards, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    # as when so many connections are open that no further file is
    def fails(_: object) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(peers, "teller", lambda: fails)
    address = ways.address("data/web:80")

    with pytest.raises(ConnectionResetError):
        heard(address)
    assert streams(cluster) == []


def test_where_no_machine_tells_everybody_is_admitted(
    ways: Forwards, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "teller", lambda: None)

    assert heard(ways.address("data/web:80")) == b"hello"


# -- whose a connection is


@contextmanager
def connected(
    listens: str, connects: str, family: socket.AddressFamily | None = None
) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client, and its connection as the server has it."""
    of = socket.AF_INET6 if ":" in listens else socket.AF_INET
    dual = listens == "::"
    with socket.create_server((listens, 0), family=of, dualstack_ipv6=dual) as server:
        client = socket.socket(family or (socket.AF_INET6 if ":" in connects else socket.AF_INET))
        with client:
            client.connect((connects, server.getsockname()[1]))
            connection, _ = server.accept()
            with connection:
                yield client, connection


def ends(connection: socket.socket) -> peers.Ends:
    return connection.getpeername(), connection.getsockname()


HERE, MAPPED = "127.0.0.1", "::ffff:127.0.0.1"
WAYS = [(HERE, HERE), (HERE, MAPPED), ("::1", "::1"), ("::", HERE), ("::", "::1")]


@TELLERS
@pytest.mark.parametrize(("listens", "connects"), WAYS)
def test_the_owner_is_told_for_both_families(tell: peers.Teller, listens: str, connects: str) -> None:
    if ":" in listens + connects and not Path("/proc/net/tcp6").exists():
        pytest.skip("this machine has no IPv6")

    with connected(listens, connects) as (client, connection):
        assert tell(ends(connection)) == os.geteuid()
        client.shutdown(socket.SHUT_WR)
        assert tell(ends(connection)) == os.geteuid()  # it has said all, and listens
        client.close()
        assert tell(ends(connection)) is None  # Linux tells such a socket as root's


@TELLERS
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may own a socket of another account")
@pytest.mark.parametrize(("listens", "connects"), WAYS)
def test_the_owner_may_be_another(tell: peers.Teller, listens: str, connects: str) -> None:
    with owned_by(NOBODY):
        opened = connected(listens, connects)
        _, connection = opened.__enter__()
    try:
        assert tell(ends(connection)) == NOBODY
    finally:
        opened.__exit__(None, None, None)


@TELLERS
def test_a_listener_on_the_clients_port_is_not_the_client(tell: peers.Teller) -> None:
    with connected("127.0.0.1", "127.0.0.1") as (client, connection):
        known, port = ends(connection), client.getsockname()[1]
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        with socket.create_server(("127.0.0.1", port)):
            assert tell(known) is None


def test_a_table_is_read_in_the_machines_own_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def field(address: str) -> str:
        raw = ip_address(address).packed
        return "".join(f"{int.from_bytes(raw[i : i + 4], sys.byteorder):08X}" for i in range(0, len(raw), 4))

    v4, mapped, v6 = map(field, (HERE, MAPPED, "::1"))
    row = "   0: {0}:1F90 {0}:0050 {1} 00000000:00000000 00:00000000 00000000 {2:>5} 0 {3}\n"
    (tmp_path / "tcp").write_text("head\n" + row.format(v4, "06", 0, 0))
    (tmp_path / "tcp6").write_text("head\n" + row.format(mapped, "01", 7, 11) + row.format(v6, "01", 8, 12))
    monkeypatch.setattr(peers, "TABLES", tmp_path)

    assert by_table(((HERE, 8080), (HERE, 80))) == 7
    assert by_table((("::1", 8080, 0, 0), ("::1", 80, 0, 0))) == 8
    assert by_table(((HERE, 80), (HERE, 8080))) is None
