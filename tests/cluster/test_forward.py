"""Forwards to the pods of a running cluster, and commands in them."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from secrets import token_hex

import psutil
import pytest
from cluster.accounts import account, rule
from cluster.live import Cluster
from kubeconfigs import kubeconfig as written
from relay import Relay, relaying
from streaming import through

from gonogo.catalog.target import Kubernetes
from gonogo.cluster.api import Api
from gonogo.cluster.forward import Forwards, tunnel
from gonogo.cluster.inside import InsidePods, executed, look
from gonogo.core.errors import ClientError, ClusterLost, Forbidden, Gone, NotAskable, Refused
from gonogo.core.waiting import pause, until

SIZE = 200_000_000
STOP, START = "GONOGO_TEST_APISERVER_STOP", "GONOGO_TEST_APISERVER_START"

SERVERS = """
import hashlib, os, socket, struct, sys, threading, time

def echo(c):
    while d := c.recv(1 << 18): c.sendall(d)
def source(c):
    n, block = int(c.makefile().readline()), bytes(range(256)) * 256
    while n > 0:
        c.sendall(block[:n]); n -= len(block)
def sink(c):
    f, h = c.makefile("rb", 1 << 18), hashlib.sha256()
    n = int(f.readline())
    while n > 0 and (d := f.read1(min(n, 1 << 18))):
        h.update(d); n -= len(d)
    c.sendall(h.digest())
def late(c):
    for i in range(30):
        c.sendall(b"%03d" % i * 1000); time.sleep(0.1)
def reset(c):
    c.recv(10); c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
def name(c):
    c.sendall(socket.gethostname().encode())
def one(f, c):
    with c:
        try: f(c)
        except OSError: pass
def serve(port, f):
    s = socket.create_server(("0.0.0.0", port), backlog=128)
    while True: threading.Thread(target=one, args=(f, s.accept()[0]), daemon=True).start()
if os.environ.get("BARE"):
    for shell in ("/bin/sh", "/usr/bin/sh"):
        if os.path.lexists(shell): os.unlink(shell)
for n, f in enumerate((name, echo, source, sink, late, reset)):
    threading.Thread(target=serve, args=(7000 + n, f)).start()
"""

MANIFEST = """
apiVersion: v1
kind: ConfigMap
metadata: {name: servers}
data: {servers.py: ${servers}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  clusterIP: None
  selector: {app: web}
  ports: [{name: name, port: 7000, targetPort: name}]
---
apiVersion: v1
kind: Service
metadata: {name: front}
spec:
  selector: {app: web}
  ports:
  - {name: name, port: 80, targetPort: name}
  - {name: echo, port: 81, targetPort: 7001}
  - {name: source, port: 82, targetPort: 7002}
  - {name: sink, port: 83, targetPort: 7003}
  - {name: late, port: 84, targetPort: 7004}
  - {name: reset, port: 85, targetPort: 7005}
  - {name: nothing, port: 99, targetPort: 7999}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  serviceName: web
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      securityContext: {runAsUser: 1234}
      terminationGracePeriodSeconds: 0
      containers:
      - name: app
        image: "${image}"
        command: [python3, /srv/servers.py]
        ports: [{name: name, containerPort: 7000}]
        readinessProbe: {tcpSocket: {port: 7000}, periodSeconds: 1}
        volumeMounts: [{name: servers, mountPath: /srv}, {name: data, mountPath: /data}]
      volumes: [{name: servers, configMap: {name: servers}}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: v1
kind: Service
metadata: {name: bare}
spec: {selector: {app: bare}, ports: [{port: 80, targetPort: 7000}]}
---
apiVersion: v1
kind: Pod
metadata: {name: bare, labels: {app: bare}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: app
    image: "${image}"
    env: [{name: BARE, value: "yes"}]
    command: [python3, /srv/servers.py]
    readinessProbe: {tcpSocket: {port: 7000}, periodSeconds: 1}
    volumeMounts: [{name: servers, mountPath: /srv}]
  volumes: [{name: servers, configMap: {name: servers}}]
---
apiVersion: v1
kind: Service
metadata: {name: astray}
spec: {selector: {app: nobody}, ports: [{port: 80}]}
"""


@pytest.fixture(scope="module")
def home(cluster: Cluster) -> Iterator[str]:
    """A namespace with one pod of servers, and one whose image has no shell."""
    with cluster.namespace(f"gonogo-test-{token_hex(3)}") as name:
        quoted = '"' + SERVERS.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
        for one in cluster.objects(MANIFEST.replace("${servers}", quoted), name):
            cluster.apply(one, name)
        for pod in ("web-0", "bare"):
            cluster.wait("Pod", "status.conditions[?type=='Ready'] | [0].status == 'True'", name=pod, namespace=name)
        for service in ("web", "front", "bare"):
            cluster.behind(service, name)
        yield name


@pytest.fixture
def api(kubeconfig: Path) -> Iterator[Api]:
    """The API server, as its administrator asks it."""
    with closing(Api(Kubernetes(kubeconfig=str(kubeconfig)))) as asked:
        yield asked


@pytest.fixture
def forwards(api: Api, home: str) -> Iterator[Forwards]:
    """Ways into the cluster."""
    with closing(Forwards(api, [home])) as ways:
        yield ways


@pytest.fixture
def relay(kubeconfig: Path, tmp_path: Path) -> Iterator[Relay]:
    """A relay to the API server."""
    with relaying(kubeconfig, tmp_path) as running:
        yield running


@pytest.fixture
def relayed(relay: Relay, home: str) -> Iterator[Forwards]:
    """Ways into the cluster through the relay."""
    with closing(Api(Kubernetes(kubeconfig=str(relay.kubeconfig())))) as api, closing(Forwards(api)) as ways:
        yield ways


def connected(forwards: Forwards, home: str, port: str) -> socket.socket:
    return socket.create_connection(forwards.address(f"{home}/front:{port}"), timeout=60)


def all_of(client: socket.socket) -> bytes:
    chunks = []
    while chunk := client.recv(1 << 20):
        chunks.append(chunk)
    return b"".join(chunks)


def said(forwards: Forwards, reference: str) -> str:
    with socket.create_connection(forwards.address(reference), timeout=60) as client:
        return all_of(client).decode()


def cut(forwards: Forwards, reference: str) -> ClientError | None:
    """Why the connection is reset."""

    def ask() -> bytes:
        with socket.create_connection(address, timeout=60) as client:
            client.sendall(b"hello")
            return client.recv(1)

    address = forwards.address(reference)
    with pytest.raises(ConnectionError):
        ask()
    return forwards.fault(address)


@pytest.mark.parametrize("protocol", tunnel.OFFERED)
def test_200_mb_arrive_whole_both_ways(
    forwards: Forwards, home: str, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnel, "OFFERED", (protocol,))
    block = bytes(range(256)) * 256
    sent, seen, left = hashlib.sha256(), hashlib.sha256(), SIZE

    with connected(forwards, home, "sink") as client:
        client.sendall(b"%d\n" % SIZE)
        while left:
            part = block[:left]
            client.sendall(part)
            sent.update(part)
            left -= len(part)
        digest = client.recv(100)
    with connected(forwards, home, "source") as client:
        client.sendall(b"%d\n" % SIZE)
        while chunk := client.recv(1 << 20):
            seen.update(chunk)

    assert digest == sent.digest() == seen.digest()
    assert forwards.protocol == protocol


def test_who_has_said_all_still_hears_all(forwards: Forwards, home: str) -> None:
    with connected(forwards, home, "late") as client:
        client.shutdown(socket.SHUT_WR)
        late = all_of(client)
    with connected(forwards, home, "echo") as client:
        client.sendall(b"there and back" * 20_000)
        client.shutdown(socket.SHUT_WR)
        echoed = all_of(client)

    assert late == b"".join(b"%03d" % i * 1000 for i in range(30))
    assert echoed == b"there and back" * 20_000


def test_fifty_connections_at_once_are_kept_apart(forwards: Forwards, home: str) -> None:
    def ask(number: int) -> bytes:
        text = b"%02d" % number * 50_000
        with connected(forwards, home, "echo") as client:
            client.sendall(text)
            answer = b""
            while len(answer) < len(text):
                answer += client.recv(1 << 20)
        return answer

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(ask, range(50)))

    assert answers == [b"%02d" % number * 50_000 for number in range(50)]


def test_a_reader_that_stops_holds_the_server_back_and_no_memory(forwards: Forwards, home: str) -> None:
    with connected(forwards, home, "source") as client:
        client.sendall(b"%d\n" % SIZE)
        assert client.recv(1)
        before = psutil.Process().memory_info().rss

        pause(2, reason="all that anything on the way can hold has come")

        grown = psutil.Process().memory_info().rss - before
        rest = sum(len(chunk) for chunk in iter(lambda: client.recv(1 << 20), b""))
    assert grown < 8 << 20
    assert rest == SIZE - 1


def test_a_pod_that_is_replaced_is_followed(cluster: Cluster, forwards: Forwards, home: str) -> None:
    pod = cluster.find("Pod", "web-0", home)
    assert pod is not None
    with connected(forwards, home, "echo") as client:
        client.sendall(b"hello")
        assert client.recv(5) == b"hello"

        cluster.delete("Pod", "web-0", home, grace=0)

        with suppress(ConnectionResetError):  # by its end, or by its server's
            assert client.recv(1) == b""
    fresh = f"metadata.uid != '{pod['metadata']['uid']}' && status.conditions[?type=='Ready'] | [0].status == 'True'"
    cluster.wait("Pod", fresh, name="web-0", namespace=home)
    until(
        lambda: said(forwards, f"{home}/front:name") == "web-0",
        awaited="the new pod behind the Service",
        within=60,
        retry=(ConnectionResetError,),
    )
    assert forwards.fault(forwards.address(f"{home}/front:echo")) is None


def test_what_goes_wrong_in_the_pod_or_behind_the_service_has_its_name(forwards: Forwards, home: str) -> None:
    refused = cut(forwards, f"{home}/front:nothing")
    reset = cut(forwards, f"{home}/front:reset")
    astray = cut(forwards, f"{home}/astray:80")
    gone = cut(forwards, f"{home}/pod/web-7:7000")

    assert (type(refused), str(refused)) == (Refused, f"nothing listens on port 7999 of pod {home}/web-0")
    assert (type(reset), str(reset)) == (Refused, f"the server on port 7005 of pod {home}/web-0 cut the connection")
    assert type(astray) is Gone
    assert "nothing in the namespace matches its selector app=nobody" in str(astray)
    assert gone is not None
    assert gone.outcome == "failed"
    assert "web-7" in str(gone)


def test_a_lost_way_to_the_api_server_is_a_lost_cluster(relay: Relay, relayed: Forwards, home: str) -> None:
    reference = f"{home}/front:echo"
    address = relayed.address(reference)
    with socket.create_connection(address, timeout=60) as client:
        client.sendall(b"hello")
        assert client.recv(5) == b"hello"
        relay.refuse()
        relay.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    lost = relayed.fault(address)

    down = cut(relayed, reference)
    relay.accept()

    assert type(lost) is type(down) is ClusterLost
    assert said(relayed, f"{home}/front:name") == "web-0"


@pytest.mark.alone
@pytest.mark.skipif(STOP not in os.environ, reason=f"{STOP} is not set")
def test_an_api_server_that_restarts_is_a_lost_cluster_for_as_long(forwards: Forwards, home: str) -> None:
    reference = f"{home}/front:name"
    address = forwards.address(reference)
    assert said(forwards, reference) == "web-0"
    try:
        subprocess.run(os.environ[STOP], shell=True, check=True)  # noqa: S602  (a command line by its purpose)
        down = cut(forwards, reference)
    finally:
        subprocess.run(os.environ[START], shell=True, check=True)  # noqa: S602

    assert type(down) is ClusterLost
    until(
        lambda: said(forwards, reference) == "web-0",
        awaited="an API server that serves again",
        within=60,
        retry=(ConnectionResetError,),
    )
    assert forwards.address(reference) == address


def test_a_missing_right_is_named(cluster: Cluster, api: Api, home: str, tmp_path: Path) -> None:
    seeing = [rule("services pods", "get list"), rule("endpointslices", "list", "discovery.k8s.io")]
    user = account(cluster, home, f"seeing-{token_hex(2)}", *seeing)
    authority = Path(str(api.client().configuration.ssl_ca_cert))
    file = written(tmp_path / "seeing", server=api.server, user=user, cluster={"certificate-authority": str(authority)})

    with closing(Api(Kubernetes(kubeconfig=str(file)))) as ours, closing(Forwards(ours)) as ways:
        fault = cut(ways, f"{home}/front:name")
        with pytest.raises(Forbidden, match=rf"may not (get|create) pods/exec .* in namespace .*{home}"):
            executed(ours, home, "web-0", "app", "true")

    assert isinstance(fault, Forbidden)
    assert re.search(rf"may not (get|create) pods/portforward .* in namespace .*{home}", str(fault))


def test_names_and_addresses_of_the_cluster_lead_to_its_pods(cluster: Cluster, forwards: Forwards, home: str) -> None:
    pod, front = cluster.find("Pod", "web-0", home), cluster.find("Service", "front", home)
    assert pod is not None
    assert front is not None
    places = [
        (f"web-0.web.{home}.svc.cluster.local", 7000),
        (f"web.{home}.svc.cluster.local", 7000),
        (f"front.{home}.svc", 80),
        (pod["status"]["podIP"], 7000),
        (front["spec"]["clusterIP"], 80),
    ]

    told = []
    for host, port in places:
        with through(forwards.socks(), host, port) as client:
            told.append(all_of(client).decode())

    assert told == ["web-0"] * len(places)


# -- inside


def inside(api: Api, home: str, service: str) -> InsidePods:
    found = look(api, lambda _: [f"{home}/{service}"])("store")
    assert isinstance(found, InsidePods)
    return found


def test_a_command_in_a_pod_ends_with_its_code_and_what_it_said(api: Api, home: str) -> None:
    done = executed(api, home, "web-0", "app", "echo out; echo err >&2; exit 7")

    assert done == (7, b"out\n", b"err\n")
    with pytest.raises(Gone, match=r"container app of pod .*/web-7 is gone"):
        executed(api, home, "web-7", "app", "true")


def test_the_claims_about_a_servers_inside_are_asked_of_its_pod(api: Api, home: str) -> None:
    web = inside(api, home, "front:80")

    assert web.users() == web.expected_users() == {"web-0": "1234"}
    assert "0.0.0.0:7000" in web.listening()["web-0"]
    assert web.silent() == set()
    assert web.exposed() == set()
    assert 0 <= web.fullest() <= 100
    assert inside(api, home, "front:99").silent() == {"web-0"}
    with pytest.raises(NotAskable, match="decided by its claim"):
        web.data_owners()


def test_an_image_without_a_shell_says_so(api: Api, home: str) -> None:
    bare = inside(api, home, "bare:80")

    with pytest.raises(NotAskable, match=f"the image of container app of pod {home}/bare has no shell") as caught:
        bare.users()

    assert caught.value.outcome == "broken"
    assert caught.value.component == "store"
