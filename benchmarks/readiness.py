"""How long after a server is ready that is noticed."""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from benchmarks.content import written
from benchmarks.table import Row
from gonogo.catalog.registry import Registry
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import Refused, Unavailable
from gonogo.core.waiting import until
from gonogo.providers.embedded.provider import Embedded

ROWS: Mapping[str, str] = {"readiness": "from a server's readiness until the provider returns, worst of 7"}
LONG = False

FILES = {
    "reports/criteria.toml": """
        [late.answers]
        level = "critical"
        claim = "The late server answers"
    """,
    "deploy/late/component.toml": """
        title = "A server that turns ready at an instant it tells"

        [endpoints]
        required = ["address"]
    """,
    "deploy/late/embedded.toml": """
        version = "1"
        memory = 20
        disk = 1
        ready = 30

        [[nodes]]
        name = "server"
        ports = ["main"]

        [files]
        "server.py" = "server.py"

        [command]
        argv = ["{{ python }}", "-I", "-S", "server.py", "{{ node.ports.main }}"]
        grace = 1

        [endpoints]
        address = "127.0.0.1:{{ nodes[0].ports.main }}"
    """,
    "deploy/late/server.py": """
        import socket, sys, time

        server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
        ready = time.monotonic() + AFTER
        while True:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"not yet" if time.monotonic() < ready else b"%.6f" % ready)
    """,
}


def measure() -> Generator[Row]:
    """Seven instants, spread over the second of the peer and over the interval of ours."""
    pairs = [_noticed(1 + n / 7) for n in range(7)]
    ours, peers = zip(*pairs, strict=True)
    yield Row(
        "readiness",
        figure=max(ours),
        reach=0.1,
        beside={
            "median of ours": statistics.median(ours),
            "asking each second: worst": max(peers),
            "asking each second: median": statistics.median(peers),
        },
    )


def _noticed(after: float) -> tuple[float, float]:
    """Seconds from the instant until the provider, and a peer that asks each second, know it.

    The server is ready ``after`` seconds from its start, and answers with the instant itself: the monotonic clock is
    one for all processes of a machine (clock_gettime(2), Linux).
    """
    files = {**FILES, "deploy/late/server.py": FILES["deploy/late/server.py"].replace("AFTER", str(after))}
    with written(files) as root, ThreadPoolExecutor(1) as pool:
        (root / "home").mkdir()
        provider = Embedded(root, home=root / "home")
        peer: list[Future[float]] = []
        instants: list[float] = []

        def ready(endpoints: Endpoints) -> None:
            if not peer:
                peer.append(pool.submit(_polled, endpoints))
            instants.append(_instant(endpoints))

        try:
            provider.up(Registry.load(root).components["late"], {}, ready, lambda _: None)
            ours = time.monotonic() - instants[-1]
            return ours, peer[0].result()
        finally:
            provider.down()


def _polled(endpoints: Endpoints) -> float:
    # A refused connection is no "not yet": the server is being taken down, so an interrupt need not wait for this.
    instant = until(lambda: _instant(endpoints), awaited="the instant", within=30, every=1.0, retry=(Unavailable,))
    return time.monotonic() - instant


def _instant(endpoints: Endpoints) -> float:
    """When the server turned ready. Raises ``ClientError`` where it is not."""
    host, _, port = endpoints["address"].partition(":")
    try:
        with socket.create_connection((host, int(port)), 5) as connection:
            answer = connection.recv(100)
    except OSError as error:
        raise Refused(endpoints.component, str(error)) from error
    if answer == b"not yet":
        raise Unavailable(endpoints.component, "not yet")
    return float(answer)
