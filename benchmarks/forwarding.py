"""How fast data goes through a port-forward, and how soon a connection through one is there."""

from __future__ import annotations

import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager

from benchmarks.cluster import kubeconfig, program, scratch
from benchmarks.table import BenchmarkError, Row
from gonogo.catalog.target import Kubernetes
from gonogo.cluster.api import Api
from gonogo.cluster.forward import Forwards

ROWS: Mapping[str, str] = {"forward": "200 MB out of a pod and 200 MB into it through a forward, best of 4"}
LONG = True

SIZE = 200_000_000
ROUNDS = 4
CONNECTIONS = 20
PORTS = {"out": 7000, "in": 7001}

SERVER = """
import socket, threading
def out(c):
    n, block = int(c.makefile().readline()), bytes(1 << 16)
    while n > 0: c.sendall(block[:n]); n -= len(block)
def into(c):
    n = int(c.makefile("rb", 0).readline())
    while n > 0 and (d := c.recv(1 << 18)): n -= len(d)
    c.sendall(b"!")
def serve(port, f):
    s = socket.create_server(("0.0.0.0", port), backlog=64)
    while True: threading.Thread(target=one, args=(f, s.accept()[0]), daemon=True).start()
def one(f, c):
    with c: f(c)
threading.Thread(target=serve, args=(7000, out)).start()
serve(7001, into)
"""

MANIFEST = """
apiVersion: v1
kind: Pod
metadata: {name: server, labels: {app: server}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: server
    image: "${image}"
    command: [python3, -c, %s]
    readinessProbe: {tcpSocket: {port: 7001}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: server}
spec:
  selector: {app: server}
  ports: [{name: out, port: 7000}, {name: in, port: 7001}]
"""

Ways = Mapping[str, tuple[str, int]]


def measure() -> Generator[Row]:
    """Ours and kubectl's in turn, through the same API server to the same pod."""
    kubectl = program("kubectl")
    with scratch("forward") as (cluster, namespace):
        text = '"' + SERVER.replace('"', '\\"').replace("\n", "\\n") + '"'
        for one in cluster.objects(MANIFEST % text, namespace):
            cluster.apply(one, namespace)
        ready = "status.conditions[?type=='Ready'] | [0].status == 'True'"
        cluster.wait("Pod", ready, name="server", namespace=namespace)
        with (
            closing(Api(Kubernetes(kubeconfig=str(kubeconfig())))) as api,
            closing(Forwards(api)) as forwards,
            _kubectl(kubectl, namespace) as theirs,
        ):
            ours = {name: forwards.address(f"{namespace}/server:{name}") for name in PORTS}
            seen = [(_out(ours), _into(ours), _out(theirs), _into(theirs)) for _ in range(ROUNDS)]
            out, into, their_out, their_into = (min(column) for column in zip(*seen, strict=True))
            yield Row(
                "forward",
                figure=out + into,
                reach=their_out + their_into,
                beside={
                    "out of the pod": out,
                    "into the pod": into,
                    "kubectl port-forward, out of the pod": their_out,
                    "kubectl port-forward, into the pod": their_into,
                    "a connection until its first byte, median": _first(ours),
                    "kubectl port-forward, the same": _first(theirs),
                },
            )


@contextmanager
def _kubectl(program: str, namespace: str) -> Iterator[Ways]:
    """The ways that ``kubectl port-forward`` opens, each at a free port."""
    argv = [program, "port-forward", "-n", namespace, "service/server", *(f":{port}" for port in PORTS.values())]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
        try:
            assert child.stdout is not None
            told: dict[int, int] = {}
            while len(told) < len(PORTS):
                line = child.stdout.readline()
                if not line:
                    raise BenchmarkError("kubectl port-forward has ended")
                words = line.split()
                if line.startswith("Forwarding from 127."):
                    told[int(words[-1])] = int(words[2].rpartition(":")[2])
            # what it says of each connection has to be read, or it stops
            _drained(child)
            yield {name: ("127.0.0.1", told[port]) for name, port in PORTS.items()}
        finally:
            child.kill()


def _drained(child: subprocess.Popen[str]) -> None:
    threading.Thread(target=child.communicate, daemon=True).start()


def _out(ways: Ways) -> float:
    with socket.create_connection(ways["out"], timeout=120) as client:
        client.sendall(b"%d\n" % SIZE)
        return _timed(lambda: sum(len(chunk) for chunk in iter(lambda: client.recv(1 << 20), b"")), SIZE)


def _into(ways: Ways) -> float:
    block = bytes(1 << 16)
    with socket.create_connection(ways["in"], timeout=120) as client:
        client.sendall(b"%d\n" % SIZE)

        def send() -> int:
            for _ in range(SIZE // len(block)):
                client.sendall(block)
            client.sendall(block[: SIZE % len(block)])
            return len(client.recv(1))

        return _timed(send, 1)


def _first(ways: Ways) -> float:
    """Seconds from connecting to the first byte back."""

    def ask() -> int:
        with socket.create_connection(ways["out"], timeout=120) as client:
            client.sendall(b"1\n")
            return len(client.recv(1))

    return statistics.median(_timed(ask, 1) for _ in range(CONNECTIONS))


def _timed(ask: Callable[[], int], wanted: int) -> float:
    begun = time.monotonic()
    seen = ask()
    if seen != wanted:
        raise BenchmarkError(f"{seen} of {wanted} bytes came through")
    return time.monotonic() - begun
