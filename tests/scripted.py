"""An HTTP server whose answers are written down beforehand."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from gonogo.core.endpoints import Endpoints, Secret, Timeouts


@dataclass(frozen=True)
class Reply:
    """What is answered: a status and a body, or nothing at all and a closed connection."""

    status: int = 200
    body: str | bytes = ""
    cut: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Script:
    """``METHOD /path`` (without its query) to replies; the last of several is given again and again."""

    url: str
    replies: Mapping[str, list[Reply]]
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    def endpoints(self, component: str, *, expect: Mapping[str, Any] | None = None, **more: str) -> Endpoints:
        """The way to this server; what is called ``password`` or ``token`` is secret."""
        secrets = {k: Secret(v) for k, v in more.items() if k in ("password", "token")}
        addresses = {k: v for k, v in more.items() if k not in secrets}
        return Endpoints(component, addresses, secrets, expect or {}, Timeouts(connect=5, check=5))


def answers(value: object) -> list[Reply]:
    """One reply with this value as JSON."""
    return [Reply(body=json.dumps(value))]


@contextmanager
def serving(replies: Mapping[str, list[Reply]], tls: ssl.SSLContext | None = None) -> Iterator[Script]:
    """The server, on loopback, for the time of the body; it speaks TLS where it is given how."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            line = f"{self.command} {self.path.partition('?')[0]}"
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            times = sum(line == asked for asked, _ in script.asked)
            script.asked.append((line, dict(self.headers)))
            planned = replies.get(line, [Reply(404, "no such path")])
            reply = planned[min(times, len(planned) - 1)]
            if reply.cut:
                return
            body = reply.body.encode() if isinstance(reply.body, str) else reply.body
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - as http.server calls them

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    script = Script(f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}", replies)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
