"""What stands in for a Doris frontend: an emulator of MySQL's protocol (the package ``mysql-mimic``), one table in it.

It shows that Superset's way over MySQL's dialect is asked and told right, and nothing of Doris itself.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mysql_mimic import IdentityProvider, MysqlServer, NativePasswordAuthPlugin, Session, User
from sqlglot.executor import execute

TABLES = {"sales": [{"word": "a", "n": 2}, {"word": "b", "n": 3}, {"word": "b", "n": 4}]}


class Frontend(Session):
    """A session: queries are run by sqlglot on :data:`TABLES`."""

    async def query(self, expression: Any, sql: str, attrs: dict[str, str]) -> tuple[list[Any], list[str]]:
        """The rows, and the names of the columns."""
        found = execute(expression, tables=TABLES)
        return list(found.rows), list(found.columns)

    async def schema(self) -> dict[str, Any]:
        """What ``information_schema`` shows."""
        return {"platform": {"sales": {"word": "TEXT", "n": "INT"}}}


class Accounts(IdentityProvider):  # type: ignore[misc]
    """One account, ``analyst``."""

    def __init__(self, password: str) -> None:
        self._password = password

    def get_plugins(self) -> list[Any]:
        """How it logs in, as Doris does it."""
        return [NativePasswordAuthPlugin()]

    async def get_user(self, username: str) -> User | None:
        """The account; None for another one."""
        secret = NativePasswordAuthPlugin.create_auth_string(self._password)
        return User(username, secret, NativePasswordAuthPlugin.name) if username == "analyst" else None


@contextmanager
def frontend(password: str) -> Iterator[int]:
    """The emulator, on loopback for the time of the body; its port."""
    loop = asyncio.new_event_loop()
    server = MysqlServer(session_factory=Frontend, identity_provider=Accounts(password))
    loop.run_until_complete(server.start_server(host="127.0.0.1", port=0))
    port = server._server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.close()
