"""A real Superset before an emulator of MySQL's protocol, as it stands before Doris: where ``embedded-superset`` is up.

What only an emulator showed is not called working on Doris.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from fixtures.superset import DATABASES, Superset
from gonogo.core.endpoints import Endpoints, Secret, Timeouts
from gonogo.core.errors import ServerError

ROOT = Path(__file__).parent.parent
NAME = "pv-emulator"

emulator = pytest.importorskip("emulators.doris")


@pytest.fixture(scope="module")
def asked() -> dict[str, Any]:
    """How Superset is asked. Skipped where it is not up."""
    words = [sys.executable, "-m", "gonogo", "endpoints", "superset", "--target", "embedded-superset"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)
    found = tomllib.loads(done.stdout).get("components", {}) if done.returncode == 0 else {}
    if "superset" not in found:
        pytest.skip("no Superset is up: `gonogo up superset --target embedded-superset`")
    return dict(found["superset"])


@contextmanager
def connected(
    asked: dict[str, Any], port: int, *, stored: str = "right", driver: str = "pymysql"
) -> Iterator[Superset]:
    """A client that is to ask a connection of its own to the emulator, stored with this password."""
    secrets = {"password": Secret(Path(asked["password"]["file"]).read_text().strip())}
    addresses = {"url": asked["url"], "username": asked["username"], "database": NAME}
    with closing(Superset(Endpoints("superset", addresses, secrets, {}, Timeouts(connect=5, check=15)))) as client:
        address = f"mysql+pymysql://analyst:{{}}@127.0.0.1:{port}/platform"
        client.remove("connection", NAME)
        made = client._post(DATABASES, {"database_name": NAME, "sqlalchemy_uri": address.format("right")})
        try:
            if stored != "right":
                client._sent("PUT", f"{DATABASES}{made['id']}", json={"sqlalchemy_uri": address.format(stored)})
            yield client
        finally:
            client.remove("connection", NAME)


def test_a_connection_by_mysqls_dialect_gives_the_right_rows(asked: dict[str, Any]) -> None:
    with emulator.frontend("right") as port, connected(asked, port) as client:
        connection = client.named()

        schemas = client.schemas(connection)
        rows = client.query(connection, "SELECT word, SUM(n) AS total FROM sales GROUP BY word ORDER BY word")

    assert connection.backend == "mysql"
    assert "platform" in schemas
    assert rows == [{"word": "a", "total": 2}, {"word": "b", "total": 7}]


def test_a_server_that_is_gone_is_told(asked: dict[str, Any]) -> None:
    with emulator.frontend("right") as port:
        there = connected(asked, port)
        client = there.__enter__()
    try:
        with pytest.raises(ServerError) as raised:
            client.schemas(client.named())
    finally:
        there.__exit__(None, None, None)

    assert raised.value.signature == "superset.connection_unreachable"
