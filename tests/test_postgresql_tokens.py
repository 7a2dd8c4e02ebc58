"""A token in place of a password: a real PostgreSQL whose role has one, and an emulator of a database of AWS."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from certificates import Authority
from database_of_aws import Database, listening
from issuer import Issuer, issuing
from layered import ROOT, critical, up
from psycopg import sql

from fixtures.postgresql import Postgresql
from gonogo.catalog.credentials import ClientCredentials
from gonogo.catalog.registry import Registry
from gonogo.checks import aws
from gonogo.core.endpoints import Endpoints, Secret, Timeouts, Value
from gonogo.core.errors import ClientError
from gonogo.core.outlet import redacted
from gonogo.core.waiting import pause

KEY, SECRET = "AKIDTEST0000EXAMPLE", "the-s3cret-of-the-database"
TARGET = """
[target]
name = "tokens"
provider = "existing"
modes = ["read"]

[components.postgresql]
host = "127.0.0.1"
port = {port}
database = "mlflow"
username = "mlflow"
sslmode = "disable"
auth = "oauth"
token = {{ file = "token" }}

"""


class Server:
    """A real server; ``folder`` is where it was started from."""

    def __init__(self, folder: Path, table: dict[str, Any]) -> None:
        self.folder, self.port = folder, int(table["port"])
        self._administrator = Path(table["administrator_password"]["file"]).read_text().strip()

    def takes(self, token: str) -> None:
        """From now on the application's role logs in with this token."""
        where = f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres sslmode=disable"
        with psycopg.connect(where, password=self._administrator, autocommit=True) as session:
            session.execute(sql.SQL("ALTER ROLE mlflow PASSWORD {}").format(sql.Literal(token)))

    def asking(self, token: Secret) -> Postgresql:
        where = {"host": "127.0.0.1", "port": self.port, "database": "mlflow", "username": "mlflow"}
        login = {**where, "sslmode": "disable", "auth": "oauth"}
        expect = Registry.load(ROOT).components["postgresql"].expect
        return Postgresql(Endpoints("postgresql", login, {"token": token}, expect=expect, timeouts=Timeouts(5, 10)))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("tokens")
    with up(folder, "postgresql", lambda _: None) as table:
        yield Server(folder, table)


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


def failure(client: Postgresql) -> ClientError:
    with closing(client) as postgresql, pytest.raises(ClientError) as caught:
        postgresql.answers()
    return caught.value


def test_the_critical_checks_pass_with_a_token(server: Server, issuer: Issuer) -> None:
    token = issuer.token()
    server.takes(token)
    (server.folder / "token").write_text(token + "\n")

    done = critical(server.folder, "postgresql", TARGET.format(port=server.port))

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert token not in done.stdout


def test_a_token_that_has_expired_is_told_by_its_own_word(server: Server, issuer: Issuer) -> None:
    server.takes(issuer.token())

    error = failure(server.asking(Secret(issuer.token(ends=-60))))

    assert (error.outcome, error.signature) == ("broken", "postgresql.token_expired")
    assert "the token expired at 20" in str(error)


def test_a_token_that_the_server_does_not_know_is_refused(server: Server, issuer: Issuer) -> None:
    server.takes(issuer.token())

    error = failure(server.asking(Secret(issuer.token(aud="another"))))

    assert (error.outcome, error.signature) == ("broken", "postgresql.token_refused")
    assert "for audience another" in str(error)


def test_an_issuer_that_gives_none_is_not_the_servers_fault(server: Server) -> None:
    source = ClientCredentials("postgresql", {"url": "http://127.0.0.1:1/", "client_id": "x"}, Secret("y"))

    error = failure(server.asking(Secret(source)))

    assert (error.outcome, error.signature) == ("broken", "postgresql.credential_unavailable")


def test_a_new_token_is_asked_for_before_the_old_one_expires(server: Server, issuer: Issuer) -> None:
    given: list[str] = []

    def source() -> Value:
        given.append(issuer.token(ends=3))
        server.takes(given[-1])
        return Value(given[-1], time.monotonic() + 1)

    secret = Secret(source)
    with closing(server.asking(secret)) as postgresql:
        began = time.monotonic()
        while time.monotonic() - began < 4:
            postgresql.answers()

    assert len(given) >= 3


# -- an emulator of a database of AWS


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    pair = Authority(tmp_path).issue("127.0.0.1")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pair.certificate, pair.key)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    aws.session.cache_clear()
    with listening(SECRET, tls) as database:
        yield database
    aws.session.cache_clear()


def at(database: Database, **more: Any) -> Postgresql:
    where = {"host": "127.0.0.1", "port": database.port, "database": "mlflow", "username": "mlflow"}
    login = {**where, "region": "eu-central-1", "auth": "aws", **more}
    return Postgresql(Endpoints("postgresql", login, timeouts=Timeouts(5, 5)))


def logged_in(client: Postgresql) -> None:
    """Raises ``ClientError`` where it is refused; the emulator takes no query."""

    async def nothing(_: Any) -> None:
        return

    with closing(client) as postgresql:
        postgresql._within(nothing)


def test_a_signed_token_lets_us_in_over_tls_and_each_connection_has_its_own(database: Database) -> None:
    logged_in(at(database))
    pause(1.1, reason="a signature says its second")
    logged_in(at(database))

    assert len(set(database.tokens)) == 2
    assert database.tokens[0] not in redacted(f"it is {database.tokens[0]}")


def test_a_token_that_is_older_than_its_quarter_of_an_hour_is_refused(database: Database) -> None:
    database.ahead = timedelta(seconds=901)

    with pytest.raises(ClientError) as caught:
        logged_in(at(database))

    assert (caught.value.outcome, caught.value.signature) == ("broken", "postgresql.token_refused")


def test_a_token_of_another_user_is_refused(database: Database) -> None:
    database.secret = "of another key"

    with pytest.raises(ClientError) as caught:
        logged_in(at(database))

    assert (caught.value.outcome, caught.value.signature) == ("broken", "postgresql.token_refused")
    assert "the token ends at 20" in str(caught.value)


def test_a_token_is_not_sent_without_tls(database: Database) -> None:
    with pytest.raises(ClientError) as caught:
        logged_in(at(database, sslmode="disable"))

    assert caught.value.signature == "postgresql.host_refused"
    assert database.tokens == []
