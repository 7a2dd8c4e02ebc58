"""A proxy for HTTP in a thread: forwards what it is asked in plain, and is a tunnel for the rest."""

from __future__ import annotations

import http.client
import select
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Proxy:
    """Where it listens, and what it was asked for. ``refuses`` is a status that it answers everything with.

    Names that begin with one of ``places`` lead to that address: nothing on loopback is asked through a proxy.
    """

    url: str
    places: Mapping[str, str] = field(default_factory=dict)
    refuses: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    logins: list[str | None] = field(default_factory=list)

    def at(self, host: str) -> str:
        """Where a host that somebody asks for is in truth."""
        name, _, port = host.partition(":")
        return f"{self.places[name]}:{port}" if name in self.places else host


@contextmanager
def proxying(places: Mapping[str, str], **given: object) -> Iterator[Proxy]:
    """The proxy, for the time of the body."""

    class Handler(BaseHTTPRequestHandler):
        def refused(self) -> bool:
            proxy.asked.append(f"{self.command} {self.path}")
            proxy.logins.append(self.headers.get("Proxy-Authorization"))
            if not proxy.refuses:
                return False
            self.send_response(proxy.refuses)
            for name, value in {"Content-Type": "text/html", **proxy.headers, "Content-Length": "4"}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"nope")
            return True

        def do_CONNECT(self) -> None:
            if self.refused():
                return
            host, _, port = proxy.at(self.path).rpartition(":")
            try:
                there = socket.create_connection((host, int(port)), 5)
            except OSError:
                self.send_error(502)
                return
            self.send_response(200)
            self.end_headers()
            with there:
                ways = {self.connection: there, there: self.connection}
                while True:
                    for one in select.select([*ways], [], [], 30)[0]:
                        if not (data := one.recv(1 << 16)):
                            return
                        ways[one].sendall(data)

        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.refused():
                return
            where = urlsplit(self.path)
            there = http.client.HTTPConnection(proxy.at(where.netloc), timeout=10)
            headers = {k: v for k, v in self.headers.items() if not k.lower().startswith(("proxy-", "connection"))}
            try:
                there.request(self.command, self.path.partition(where.netloc)[2], body, headers)
                answer = there.getresponse()
            except OSError:
                self.send_error(502)
                return
            data = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            there.close()

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = forward  # noqa: N815 - likewise

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy = Proxy(f"http://127.0.0.1:{server.server_port}", places, **given)  # type: ignore[arg-type]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
