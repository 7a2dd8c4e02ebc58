"""How an emulated cluster is reached: MySQL's protocol, and HTTP of a frontend and a backend; all on loopback."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_hex
from typing import Any

from mysql_mimic import IdentityProvider, MysqlServer, NativePasswordAuthPlugin, Session, User
from mysql_mimic.errors import MysqlError
from sqlglot.executor import execute

from emulators.doris.cluster import Cluster, Refusal, a_backend

TABLES = {"sales": [{"word": "a", "n": 2}, {"word": "b", "n": 3}, {"word": "b", "n": 4}]}
"""What is there for whoever only queries, as Superset does."""


class Accounts(IdentityProvider):  # type: ignore[misc]
    """Accounts, which log in as Doris has it: mysql_native_password (docs, Authentication)."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def get_plugins(self) -> list[Any]:
        """How they log in."""
        return [NativePasswordAuthPlugin()]

    async def get_user(self, username: str) -> User | None:
        """The account; one that is not there has a password that nobody knows: the number is the same, 1045."""
        if username not in ("root", "admin", "gonogo", "analyst", *self._cluster.empty):
            return User(
                username, NativePasswordAuthPlugin.create_auth_string(token_hex()), NativePasswordAuthPlugin.name
            )
        if username in self._cluster.empty:
            return User(username, "", NativePasswordAuthPlugin.name)
        secret = NativePasswordAuthPlugin.create_auth_string(self._cluster.password)
        return User(username, secret, NativePasswordAuthPlugin.name)


def sessions(cluster: Cluster) -> type[Session]:
    """Sessions that ask this cluster."""

    class Frontend(Session):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            # Doris says that it is MySQL 5.7.99 (qe/GlobalVariable.java)
            self.variables.set("version", "5.7.99", force=True)
            self.variables.set("version_comment", cluster.comment, force=True)

        async def handle_query(self, sql: str, attrs: dict[str, str]) -> Any:
            try:
                if (found := cluster.run(sql, self.database)) is not None:
                    return found if found[1] else None
            except Refusal as error:
                raise MysqlError(error.text, error.code) from error
            if sql == "SET forward_to_master = true":  # a variable of Doris's own
                return None
            return await super().handle_query(sql, attrs)

        async def query(self, expression: Any, sql: str, attrs: dict[str, str]) -> tuple[list[Any], list[str]]:
            found = execute(expression, tables=TABLES)
            return list(found.rows), list(found.columns)

        async def schema(self) -> dict[str, Any]:
            made = {database: {"t": {"k": "INT", "v": "TEXT"}} for database in cluster.tables}
            return {"platform": {"sales": {"word": "TEXT", "n": "INT"}}, **made}

    return Frontend


@contextmanager
def frontend(password: str = "right", cluster: Cluster | None = None) -> Iterator[int]:
    """MySQL's protocol for the time of the body; the port."""
    cluster = cluster or Cluster(password=password)
    logging.getLogger("mysql_mimic").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    server = MysqlServer(session_factory=sessions(cluster), identity_provider=Accounts(cluster))
    loop.run_until_complete(server.start_server(host="127.0.0.1", port=0))
    port = server._server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield port
    finally:
        asyncio.run_coroutine_threadsafe(_ended(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _ended(server: MysqlServer) -> None:
    """Sessions that clients left open are ended with the server."""
    server.close()
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # asyncio tells of what is cancelled here
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class Answering(BaseHTTPRequestHandler):
    """What a frontend and a backend have in common."""

    cluster: Cluster
    protocol_version = "HTTP/1.1"

    def told(self, body: Any, status: int = 200, **headers: str) -> None:
        """An answer, as JSON."""
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(text))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def account(self) -> tuple[str, str]:
        """User and password of the request."""
        _, _, given = (self.headers.get("Authorization") or "").partition(" ")
        user, _, password = base64.b64decode(given).decode().partition(":")
        return user, password

    def admitted(self) -> bool:
        """Whether they are right."""
        user, password = self.account()
        if user in self.cluster.accounts:
            right, tables = self.cluster.accounts[user]
            return password == right and any(self.path.startswith(f"/api/{table}/") for table in tables)
        return user in ("root", "gonogo") and password == ("" if user in self.cluster.empty else self.cluster.password)

    def body(self) -> str:
        """What was sent."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


class Front(Answering):
    """A frontend's HTTP interface."""

    def do_GET(self) -> None:
        """httpv2/rest/HealthAction.java, in the form of httpv2/entity/ResponseEntityBuilder.java."""
        self.body()
        alive = sum(one["Alive"] == "true" for one in self.cluster.backends)
        counted = {"total_backend_num": len(self.cluster.backends), "online_backend_num": alive}
        self.told({"msg": "success", "code": 0, "data": counted, "count": 0})

    def do_PUT(self) -> None:
        """httpv2/rest/LoadAction.java and RestBaseController.java, redirectTo: the address holds the password."""
        self.body()
        user, password = self.account()
        if not self.admitted():
            self.told({"msg": "Unauthorized", "code": 401, "data": "Access denied", "count": 0})
        elif self.headers.get("Expect") is None:
            self.told({"status": "FAILED", "msg": "There is no 100-continue header"})
        elif not (alive := [one for one in self.cluster.backends if one["Alive"] == "true"]):
            self.told({"status": "FAILED", "msg": "No backend load available"})
        else:
            at = self.cluster.led_to or f"{alive[0]['Host']}:{alive[0]['HttpPort']}"
            self.told(b"", 307, Location=f"http://{user}:{password}@{at}{self.path}?")


class Back(Answering):
    """A backend's HTTP interface."""

    def do_PUT(self) -> None:
        """Docs 3.x, stream-load-manual: the HTTP status is 200 whatever came of it."""
        _, _, database, table, _ = self.path.rstrip("?").split("/")
        rows = [line.split(self.headers["column_separator"]) for line in self.body().splitlines()]
        if not self.admitted():
            self.told({"Status": "Fail", "Message": "no valid Basic authorization"})
        else:
            self.told(self.cluster.load(database, table, self.headers["label"], rows))


@contextmanager
def web(cluster: Cluster, kind: type[Answering]) -> Iterator[int]:
    """An HTTP server of this kind for the time of the body; its port."""
    bound = type(kind.__name__, (kind,), {"cluster": cluster})
    server = ThreadingHTTPServer(("127.0.0.1", 0), bound)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def running(cluster: Cluster) -> Iterator[dict[str, Any]]:
    """A whole cluster, with two backends unless it has some; the endpoint keys of a client."""
    with web(cluster, Back) as back, web(cluster, Front) as front, frontend(cluster=cluster) as port:
        cluster.backends = cluster.backends or [a_backend(n, "127.0.0.1", back) for n in range(2)]
        try:
            yield {"host": "127.0.0.1", "port": port, "http": f"http://127.0.0.1:{front}"}
        finally:
            cluster.close()
