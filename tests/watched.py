"""An API server in this process: lists, and watches that go on from a version, of any kind in any namespace."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from gonogo.cluster.api import KINDS


class Watched:
    """What the server holds, and what it was asked for. ``forbidden`` are paths that nobody may list."""

    def __init__(self, forbidden: Collection[str] = (), namespaces: Collection[str] = ()) -> None:
        self.forbidden, self.namespaces = set(forbidden), list(namespaces)
        self.lists, self.watches = Counter[str](), Counter[str]()
        self.outdated: set[str] = set()
        self.open = self.most_open = self.most_threads = 0
        self.changed = threading.Condition()
        self.ended = False
        self.url = ""
        self._version = 1
        self._told: dict[str, list[tuple[int, dict[str, Any]]]] = {}

    def put(self, kind: str, namespace: str, name: str) -> None:
        """An object that was not there before."""
        with self.changed:
            self._version += 1
            meta = {"name": name, "namespace": namespace, "resourceVersion": str(self._version)}
            obj = {"apiVersion": KINDS[kind].api_version, "kind": kind, "metadata": meta}
            for path in (KINDS[kind].path(namespace), KINDS[kind].path()):
                self._told.setdefault(path, []).append((self._version, obj))
            self.changed.notify_all()

    def listed(self, path: str) -> dict[str, Any]:
        """All that is there."""
        with self.changed:
            self.lists[path] += 1
            threads = [one for one in threading.enumerate() if one.name.startswith("gonogo-hub-")]
            self.most_threads = max(self.most_threads, len(threads))
            items = [obj for _, obj in self._told.get(path, ())]
            if path == KINDS["Namespace"].path():
                items = [{"metadata": {"name": name}} for name in self.namespaces]
            meta = {"resourceVersion": str(self._version)}
            return {"kind": "List", "apiVersion": "v1", "metadata": meta, "items": items}

    def events(self, path: str, version: int, seconds: float) -> Iterator[Mapping[str, Any]]:
        """What happens after a version, for so many seconds, and a bookmark; or that the version is too old."""
        with self.changed:
            self.watches[path] += 1
            self.open += 1
            self.most_open = max(self.most_open, self.open)
        try:
            if path in self.outdated:
                self.outdated.remove(path)
                yield {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}}
                return
            left = True
            while left and not self.ended:
                with self.changed:
                    left = self.changed.wait_for(partial(self._moved, path, version), seconds)
                    new = self._after(path, version)
                for number, obj in new:
                    version = number
                    yield {"type": "ADDED", "object": obj}
            meta = {"resourceVersion": str(max(version, self._version))}
            yield {"type": "BOOKMARK", "object": {"kind": "Any", "apiVersion": "v1", "metadata": meta}}
        finally:
            with self.changed:
                self.open -= 1

    def _moved(self, path: str, version: int) -> bool:
        return bool(self._after(path, version)) or self.ended

    def _after(self, path: str, version: int) -> list[tuple[int, dict[str, Any]]]:
        return [(number, obj) for number, obj in self._told.get(path, ()) if number > version]


@contextmanager
def serving(watched: Watched) -> Iterator[Watched]:
    """The server, on loopback, for the time of the body."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path in watched.forbidden:
                self.answer(403, {"kind": "Status", "code": 403})
            elif "watch" not in query:
                self.answer(200, watched.listed(parts.path))
            else:
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                told = watched.events(parts.path, int(query["resourceVersion"]), float(query["timeoutSeconds"]))
                for event in told:
                    self.chunk(json.dumps(event).encode() + b"\n")
                self.chunk(b"")

        def answer(self, status: int, value: object) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def chunk(self, data: bytes) -> None:
            try:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            except OSError:  # the client has gone
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

    server = Server(("127.0.0.1", 0), Handler)
    watched.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield watched
    finally:
        with watched.changed:
            watched.ended = True
            watched.changed.notify_all()
        server.shutdown()
        server.server_close()
