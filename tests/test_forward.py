"""A reference of a target file is an address on loopback, and what goes wrong on the way has its right name."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest
from streaming import CHANNELS, SPDY, Cluster, through

from gonogo.cluster.forward import Forwards
from gonogo.cluster.forward.choose import Destination
from gonogo.cluster.forward.tunnel import Channels, Spdy
from gonogo.core.errors import (
    Absent,
    ClientError,
    ClusterLost,
    ConfigError,
    Denied,
    Forbidden,
    Gone,
    Refused,
    Unresolved,
)

Serve = Callable[[socket.socket], None]
SERVICES, SLICES = "/api/v1/namespaces/data/services", "/apis/discovery.k8s.io/v1/namespaces/data/endpointslices"


def digest(connection: socket.socket) -> None:
    """Answers only once the client has said all."""
    seen = hashlib.sha256()
    while chunk := connection.recv(65536):
        seen.update(chunk)
    connection.sendall(seen.digest())


def echo(connection: socket.socket) -> None:
    while chunk := connection.recv(65536):
        connection.sendall(chunk)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.fixture
def served() -> Iterator[Callable[[Serve], int]]:
    """A server of these lines on a port of this machine."""
    opened: list[socket.socket] = []

    def serving(serve: Serve) -> int:
        server = socket.create_server(("127.0.0.1", 0), backlog=64)
        opened.append(server)

        def one(connection: socket.socket) -> None:
            with connection:
                serve(connection)

        def accept() -> None:
            while server.fileno() >= 0:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=one, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return int(server.getsockname()[1])

    yield serving
    for server in opened:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


@pytest.fixture(params=[SPDY, CHANNELS])
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A cluster that speaks the one protocol, and one that speaks the other."""
    made = Cluster((request.param,))
    yield made
    made.close()


@pytest.fixture
def forwards(cluster: Cluster) -> Iterator[Forwards]:
    """The ways into it."""
    with closing(Forwards(cluster)) as ways:  # type: ignore[arg-type]
        yield ways


def service(cluster: Cluster, port: int, *pods: str, ready: bool = True, uid: str = "", **spec: Any) -> None:
    """A Service ``web`` with port 80, named ``http``, before these pods; ``port`` is theirs, ``uid`` of each."""
    ports = [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "web"}]
    given = {"ports": ports, "selector": {"app": "web"}, "clusterIP": "10.0.0.1", **spec}
    cluster.objects[f"{SERVICES}/web"] = {"metadata": {"name": "web", "namespace": "data"}, "spec": given}
    cluster.objects[SERVICES] = {"items": [cluster.objects[f"{SERVICES}/web"]]}
    endpoints = [
        {
            "addresses": [f"10.1.0.{number}"],
            "conditions": {"ready": ready},
            "targetRef": {"kind": "Pod", "name": pod, "namespace": "data", "uid": uid and f"{pod}-{uid}"},
            "hostname": pod,
        }
        for number, pod in enumerate(pods, 1)
    ]
    cluster.objects[SLICES] = {"items": [{"endpoints": endpoints, "ports": [{"name": "http", "port": port}]}]}
    cluster.objects[f"{SLICES}?kubernetes.io/service-name=web"] = cluster.objects[SLICES]


def asked(address: tuple[str, int], text: bytes, *, end: bool = False) -> bytes:
    """What comes back for a text, to the end of the connection or as long as the text."""
    with socket.create_connection(address, timeout=20) as client:
        client.sendall(text)
        if end:
            client.shutdown(socket.SHUT_WR)
        answer = b""
        while (end or len(answer) < len(text)) and (chunk := client.recv(65536)):
            answer += chunk
        return answer


def received(address: tuple[str, int]) -> bytes:
    """What the other end says first; a reset may come as early as the connection itself."""
    with socket.create_connection(address, timeout=20) as client:
        return client.recv(1)


def cut(address: tuple[str, int]) -> None:
    """The connection is reset, not ended in good order."""
    with pytest.raises(ConnectionResetError):
        received(address)


# -- data


def test_what_is_sent_comes_back(forwards: Forwards, cluster: Cluster, served: Callable[[Serve], int]) -> None:
    service(cluster, served(echo), "web-0")
    text = bytes(range(256)) * 40_000

    address = forwards.address("data/web:80")

    assert asked(address, text) == text
    assert address == forwards.address("data/web:80")
    assert address[0] == "127.0.0.1"
    assert forwards.protocol == cluster.speaks[0]
    assert forwards.fault(address) is None


def test_fifty_at_once_are_kept_apart(forwards: Forwards, cluster: Cluster, served: Callable[[Serve], int]) -> None:
    service(cluster, served(echo), "web-0")
    address = forwards.address("data/web:http")
    texts = [b"%d," % number * 20_000 for number in range(50)]

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda text: asked(address, text), texts))

    assert answers == texts


def test_who_has_said_all_is_still_answered(served: Callable[[Serve], int]) -> None:
    with closing(Cluster((SPDY,))) as cluster, closing(Forwards(cluster)) as ways:  # type: ignore[arg-type]
        service(cluster, served(digest), "web-0")
        text = b"to the end" * 100_000

        assert asked(ways.address("data/web:80"), text, end=True) == hashlib.sha256(text).digest()


def test_what_was_under_way_arrives_before_the_server_hears_of_the_end(
    forwards: Forwards, cluster: Cluster, served: Callable[[Serve], int]
) -> None:
    service(cluster, served(echo), "web-0")
    text = b"there and back" * 300_000

    assert asked(forwards.address("data/web:80"), text, end=True) == text


def test_a_server_that_speaks_first_is_heard(served: Callable[[Serve], int]) -> None:
    with closing(Cluster((SPDY,))) as cluster, closing(Forwards(cluster)) as ways:  # type: ignore[arg-type]
        cluster.hasty = True
        service(cluster, served(lambda connection: connection.sendall(b"welcome")), "web-0")

        assert asked(ways.address("data/web:80"), b"", end=True) == b"welcome"


def test_the_better_protocol_is_chosen_where_both_are_spoken(served: Callable[[Serve], int]) -> None:
    with closing(Cluster()) as cluster, closing(Forwards(cluster)) as ways:  # type: ignore[arg-type]
        service(cluster, served(echo), "web-0")

        assert asked(ways.address("data/web:80"), b"hello") == b"hello"
        assert ways.protocol == SPDY


# -- which pod


def test_connections_take_turns_among_the_ready_pods(
    forwards: Forwards, cluster: Cluster, served: Callable[[Serve], int]
) -> None:
    service(cluster, served(echo), "web-0", "web-1")

    for _ in range(4):
        assert asked(forwards.address("data/web:80"), b"hello") == b"hello"

    streams = [path.split("/")[-2] for path in cluster.asked if path.endswith("portforward")]
    assert sorted(streams) == ["web-0", "web-0", "web-1", "web-1"]


def test_a_pod_that_was_replaced_is_left_for_its_successor(
    forwards: Forwards, cluster: Cluster, served: Callable[[Serve], int]
) -> None:
    port = served(echo)
    service(cluster, port, "web-old")
    address = forwards.address("data/web:80")
    assert asked(address, b"one") == b"one"
    refused = cluster.refuses
    cluster.refuses = 404, 'pods "web-old" not found'
    service(cluster, port, "web-new")
    look, cluster.get = cluster.get, lambda path: (setattr(cluster, "refuses", refused), look(path))[1]  # type: ignore[assignment,method-assign]

    assert asked(address, b"two") == b"two"
    assert [path for path in cluster.asked if "web-new/portforward" in path]


@pytest.fixture
def kept(served: Callable[[Serve], int]) -> Iterator[tuple[Cluster, Forwards]]:
    """A cluster that says which pod is which, and ways that remember nothing of it but their WebSockets."""
    with closing(Cluster()) as cluster, closing(Forwards(cluster)) as ways:  # type: ignore[arg-type]
        service(cluster, served(echo), "web-0", uid="1")
        yield cluster, ways


def test_a_websocket_serves_one_connection_after_another(kept: tuple[Cluster, Forwards]) -> None:
    cluster, ways = kept
    texts = [b"%d" % number * 1000 for number in range(5)]

    assert [asked(ways.address("data/web:80"), text, end=True) for text in texts] == texts
    assert len(cluster.connections) == 1


def test_a_websocket_that_was_cut_serves_nobody(kept: tuple[Cluster, Forwards]) -> None:
    cluster, ways = kept
    address = ways.address("data/web:80")
    assert asked(address, b"one", end=True) == b"one"

    cluster.connections[-1].socket.shutdown(socket.SHUT_RDWR)

    assert asked(address, b"two", end=True) == b"two"
    assert len(cluster.connections) == 2


def test_a_successor_of_the_same_name_is_another_pod(
    kept: tuple[Cluster, Forwards], served: Callable[[Serve], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gonogo.cluster.forward.forwards.KNOWN_FOR", 0)
    cluster, ways = kept
    address = ways.address("data/web:80")
    assert asked(address, b"one", end=True) == b"one"

    service(cluster, served(echo), "web-0", uid="2")

    assert asked(address, b"two", end=True) == b"two"
    assert len(cluster.connections) == 2


def test_a_pod_may_be_named_itself(forwards: Forwards, cluster: Cluster, served: Callable[[Serve], int]) -> None:
    port = served(echo)
    container = {"ports": [{"name": "web", "containerPort": port}]}
    cluster.objects["/api/v1/namespaces/data/pods/web-0"] = {"metadata": {}, "spec": {"containers": [container]}}

    assert asked(forwards.address(f"data/pod/web-0:{port}"), b"hello") == b"hello"
    assert asked(forwards.address("data/pod/web-0:web"), b"hello") == b"hello"


@pytest.mark.parametrize("text", ["web", "data/web", "data/web:", "data/web/x:80", "data/a/b/c:1", "D/web:80", "x:80"])
def test_what_is_no_reference_is_said_at_once(text: str) -> None:
    with pytest.raises(ConfigError, match="is no port of a Service or pod"):
        Destination.read(text)


def test_a_port_that_the_service_does_not_have_is_said_at_once(forwards: Forwards, cluster: Cluster) -> None:
    service(cluster, 1, "web-0")

    with pytest.raises(ConfigError, match=r"Service data/web has no port 81 \(it has 80 \(http\)\)"):
        forwards.address("data/web:81")


# -- what goes wrong


def nobody(cluster: Cluster) -> None:
    service(cluster, 1)


def unready(cluster: Cluster) -> None:
    service(cluster, 1, "web-0", "web-1", ready=False)


def starting(cluster: Cluster) -> None:
    service(cluster, 1)
    pod = {"metadata": {"name": "web-7"}, "spec": {"containers": []}}
    cluster.objects["/api/v1/namespaces/data/pods?app=web"] = {"items": [pod]}


def outside(cluster: Cluster) -> None:
    service(cluster, 1, "x")
    endpoint = {"addresses": ["192.0.2.7"], "conditions": {}}
    part = {"metadata": {"name": "web-1"}, "endpoints": [endpoint], "ports": None}
    cluster.objects[f"{SLICES}?kubernetes.io/service-name=web"] = {"items": [part]}


def forbidden(cluster: Cluster) -> None:
    cluster.objects[f"{SERVICES}/web"] = Forbidden("store", "may not get services")


def nowhere(cluster: Cluster) -> None:
    """No Service at all."""


@pytest.mark.parametrize(
    ("prepare", "kind", "text"),
    [
        (nobody, Gone, "nothing in the namespace matches its selector app=web"),
        (unready, Gone, "Service data/web has no ready pod: web-0, web-1 not ready"),
        (starting, Gone, "no ready pod: web-7 not ready"),
        (outside, Gone, "leads to 192.0.2.7, which is no pod"),
        (forbidden, Forbidden, "may not get services"),
        (nowhere, Absent, "there is no .*/services/web"),
    ],
)
def test_a_service_that_leads_nowhere_cuts_the_connection_and_says_why(
    forwards: Forwards, cluster: Cluster, prepare: Callable[[Cluster], None], kind: type[ClientError], text: str
) -> None:
    cluster.objects["/api/v1/namespaces/data/pods?app=web"] = {"items": []}
    prepare(cluster)
    address = forwards.address("data/web:80")

    cut(address)

    with pytest.raises(kind, match=text):
        raise forwards.fault(address) or AssertionError("no fault")


def test_a_port_on_which_nothing_listens_is_refused(
    forwards: Forwards, cluster: Cluster, served: Callable[[Serve], int]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    service(cluster, port, "web-0")
    address = forwards.address("data/web:80")

    cut(address)

    with pytest.raises(Refused, match=f"nothing listens on port {port} of pod data/web-0"):
        raise forwards.fault(address) or AssertionError("no fault")


@pytest.mark.parametrize(("status", "kind"), [(403, Forbidden), (401, Denied), (404, Absent), (500, ClusterLost)])
def test_a_refused_websocket_is_told_as_the_api_server_means_it(
    forwards: Forwards, cluster: Cluster, status: int, kind: type[ClientError]
) -> None:
    service(cluster, 1, "web-0")
    cluster.refuses = status, "cannot create resource"
    address = forwards.address("data/web:80")

    cut(address)

    fault = forwards.fault(address)
    assert type(fault) is kind
    assert "POST /api/v1/namespaces/data/pods/web-0/portforward" in str(fault)


def test_a_lost_stream_is_a_lost_cluster_and_the_next_connection_works(
    forwards: Forwards, cluster: Cluster, served: Callable[[Serve], int]
) -> None:
    service(cluster, served(echo), "web-0")
    address = forwards.address("data/web:80")
    with socket.create_connection(address, timeout=20) as client:
        client.sendall(b"hello")
        assert client.recv(5) == b"hello"

        cluster.connections[-1].socket.shutdown(socket.SHUT_RDWR)

        with pytest.raises(ConnectionResetError):
            client.recv(1)
    assert type(forwards.fault(address)) is ClusterLost
    assert asked(address, b"again") == b"again"


def test_an_api_server_that_does_not_answer_is_a_lost_cluster(cluster: Cluster, forwards: Forwards) -> None:
    service(cluster, 1, "web-0")
    address = forwards.address("data/web:80")
    cluster.close()

    cut(address)

    assert type(forwards.fault(address)) is ClusterLost


def test_a_client_that_resets_its_connection_ends_the_servers(
    forwards: Forwards, cluster: Cluster, served: Callable[[Serve], int]
) -> None:
    ended = threading.Event()

    def until_the_end(connection: socket.socket) -> None:
        echo(connection)
        ended.set()

    service(cluster, served(until_the_end), "web-0")
    address = forwards.address("data/web:80")
    with socket.create_connection(address, timeout=20) as client:
        client.sendall(b"hello")
        assert client.recv(5) == b"hello"
        reset(client)

    assert ended.wait(20)
    assert forwards.fault(address) is None


def test_closed_forwards_are_gone(cluster: Cluster, served: Callable[[Serve], int]) -> None:
    service(cluster, served(echo), "web-0")
    ways = Forwards(cluster)  # type: ignore[arg-type]
    address = ways.address("data/web:80")
    with socket.create_connection(address, timeout=20) as client:
        client.sendall(b"hello")
        assert client.recv(5) == b"hello"

        ways.close()
        ways.close()

        assert client.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    assert not [thread for thread in threading.enumerate() if thread.name == "forwards"]


# -- SOCKS5


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("web.data.svc.cluster.local", 80),
        ("web.data.svc", 80),
        ("web-0.web.data.svc.cluster.local.", None),
        ("web-0.web.data.svc.example.org", None),
        ("10.1.0.1", None),
        ("10-1-0-1.data.pod.cluster.local", None),
        ("10.0.0.1", 80),
    ],
)
def test_names_and_addresses_of_the_cluster_are_reached_through_one_proxy(
    forwards: Forwards, cluster: Cluster, served: Callable[[Serve], int], host: str, port: int | None
) -> None:
    own = served(echo)
    service(cluster, own, "web-0")

    with through(forwards.socks(), host, port or own) as client:
        client.sendall(b"hello")
        assert client.recv(5) == b"hello"


def test_the_pods_of_a_headless_service_have_its_name_and_their_own_port(
    forwards: Forwards, cluster: Cluster, served: Callable[[Serve], int]
) -> None:
    own = served(echo)
    service(cluster, own, "web-0", clusterIP="None")

    with through(forwards.socks(), "web.data.svc", own) as client:
        client.sendall(b"hello")
        assert client.recv(5) == b"hello"


@pytest.mark.parametrize(
    ("host", "reply", "kind", "text"),
    [
        ("example.org", "2", Unresolved, "example.org is no name of the cluster"),
        ("localhost", "2", Unresolved, "localhost is no name of the cluster"),
        ("10.9.9.9", "2", Unresolved, "10.9.9.9 is no pod and no Service of namespace data"),
        ("web-9.web.data.svc", "2", Absent, r"no pod 'web-9' behind Service data/web \(there: web-0\)"),
        ("shop.data.svc", "2", Absent, "there is no .*/services/shop"),
    ],
)
def test_what_the_proxy_does_not_reach_is_refused_by_name(
    forwards: Forwards, cluster: Cluster, host: str, reply: str, kind: type[ClientError], text: str
) -> None:
    service(cluster, 1, "web-0")
    url = forwards.socks()

    with pytest.raises(ConnectionError, match=f"^{reply}$"):
        through(url, host, 80)

    with pytest.raises(kind, match=text):
        raise forwards.fault(("127.0.0.1", urlsplit(url).port or 0)) or AssertionError("no fault")


def test_the_proxy_serves_only_who_was_given_its_url(forwards: Forwards) -> None:
    url = forwards.socks()

    assert url == forwards.socks()
    assert url.startswith("socks5h://")
    with pytest.raises(ConnectionError, match="not admitted"):
        through(url.replace("@", "x@"), "web.data.svc", 80)
    with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=20) as client:
        client.sendall(b"\5\1\0")
        assert client.recv(2) == b"\5\xff"


# -- what is on the wire


def test_streams_are_opened_as_the_protocol_wants_it() -> None:
    first = Spdy(5432).opening()

    again = Spdy(5432)
    assert again.again(80) == bytes.fromhex("80030003 00000008 00000003 00000005")
    assert again.opening()[8:12] == bytes.fromhex("00000005")
    assert again.end() == bytes.fromhex("00000007 01000000")
    assert first[:8] == bytes.fromhex("80030001 01") + (int.from_bytes(first[5:8], "big")).to_bytes(3, "big")
    assert first[8:18] == bytes.fromhex("00000001 00000000 0000")
    assert Spdy(1).data(b"abc") == bytes.fromhex("00000003 00000003") + b"abc"
    assert Spdy(1).end() == bytes.fromhex("00000003 01000000")
    assert Channels(1).data(b"abc") == b"\0abc"
    assert Channels(1).end() == b""


@pytest.mark.parametrize("size", [1, 3, 8, 1000])
def test_frames_may_be_cut_anywhere(size: int) -> None:
    tunnel = Spdy(1)
    text = (
        bytes.fromhex("80030002 00000004 00000003")  # the stream is accepted
        + bytes.fromhex("80030004 00000000")  # settings, none
        + bytes.fromhex("80030006 00000004 00000002")  # a ping of theirs
        + bytes.fromhex("80030006 00000004 00000001")  # an answer to ours
        + bytes.fromhex("00000003 00000005")
        + b"hello"
        + bytes.fromhex("00000001 00000004")
        + b"oops"
        + bytes.fromhex("00000003 01000002")
        + b"!!"
    )

    seen = b"".join(bytes(p) for at in range(0, len(text), size) for p in tunnel.receive(text[at : at + size]))

    assert seen == b"hello!!"
    assert tunnel.opened
    assert tunnel.answer() == bytes.fromhex("80030006 00000004 00000002")
    assert (tunnel.finished, tunnel.closed, tunnel.trouble) == (True, False, "oops")
    assert list(tunnel.receive(bytes.fromhex("00000001 01000000"))) == []
    assert tunnel.closed


@pytest.mark.parametrize("text", ["80030003 00000008 00000003 00000005", "80030007 00000008 00000000 00000000"])
def test_a_stream_that_was_reset_and_a_peer_that_leaves_end_the_tunnel(text: str) -> None:
    tunnel = Spdy(1)

    assert list(tunnel.receive(bytes.fromhex(text))) == []
    assert tunnel.finished


def test_the_port_in_front_of_a_channel_is_no_data() -> None:
    tunnel = Channels(5432)

    seen = [bytes(p) for m in (b"\0\x38\x15", b"\1\x38\x15", b"\0abc", b"\1no") for p in tunnel.receive(m)]

    assert seen == [b"abc"]
    assert tunnel.trouble == "no"
