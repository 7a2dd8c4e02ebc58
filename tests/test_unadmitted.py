"""A server that lets a client in by TLS and turns it away after that, or says nothing: what is made of it."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority, Pair

from gonogo.catalog.registry import Registry
from gonogo.checks.certificates import explained
from gonogo.checks.clients import opened
from gonogo.checks.translate import translated
from gonogo.core.endpoints import Endpoints, Secret, Timeouts
from gonogo.core.errors import ClientError
from gonogo.core.outcomes import Outcome

REGISTRY = Registry.load(Path(__file__).parent.parent)
NOBODY = Secret("of-nobody")
WEB = {"s3": "endpoint", "mlflow": "url", "ray": "dashboard"}
"""Components that are asked over HTTP, and the key of their address."""

SSL_REQUEST = struct.pack(">iI", 8, 80877103)
WITHOUT_TLS = b'SFATAL\0VFATAL\0C28000\0Mno pg_hba.conf entry for host "127.0.0.1", no encryption\0\0'
WITHOUT_CERTIFICATE = b"SFATAL\0VFATAL\0C28000\0Mconnection requires a valid client certificate\0\0"
WITHOUT_PASSWORD = b'SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user "mlflow"\0\0'


@contextmanager
def serving(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port where each connection is served so, for the time of the body."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def served(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                connection.settimeout(5)
                serve(connection)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=served, args=(listening.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]


def context(pair: Pair, clients: Path | None, wanted: ssl.VerifyMode) -> ssl.SSLContext:
    """A server's, with this certificate, which asks for one of ``clients``."""
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=clients)
    made.load_cert_chain(pair.certificate, pair.key)
    made.verify_mode = wanted if clients else ssl.CERT_NONE
    return made


@dataclass
class Silent:
    """Wants a certificate, and ends the connection without an alert, as servers on Python's asyncio do."""

    tls: ssl.SSLContext

    def __call__(self, connection: socket.socket) -> None:
        coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
        spoken = self.tls.wrap_bio(coming, going, server_side=True)
        while True:
            try:
                spoken.do_handshake()  # what it fails in ends the connection, the alert left where it is
                break
            except ssl.SSLWantReadError:
                connection.sendall(going.read())
                coming.write(connection.recv(4096))
        connection.sendall(going.read())


@dataclass
class Database:
    """PostgreSQL whose pg_hba.conf says hostssl, and clientcert where it asks for one; without TLS only host."""

    tls: ssl.SSLContext | None

    def __call__(self, connection: socket.socket) -> None:
        said = WITHOUT_TLS if self.tls else WITHOUT_PASSWORD
        if connection.recv(4096) == SSL_REQUEST:
            connection.sendall(b"S" if self.tls else b"N")
            if self.tls is None:
                return
            connection = spoken = self.tls.wrap_socket(connection, server_side=True)
            shown = spoken.getpeercert(binary_form=True)
            connection.recv(4096)
            said = WITHOUT_PASSWORD if shown or self.tls.verify_mode is ssl.CERT_NONE else WITHOUT_CERTIFICATE
        connection.sendall(b"E" + struct.pack(">i", len(said) + 4) + said)


def met(component: str, port: int, **given: object) -> ClientError:
    """What the component's client comes to there, as a run tells it."""
    said: dict[str, Any] = {"bucket": "artifacts", **given}
    if component == "postgresql":
        said |= {"host": "127.0.0.1", "port": port, "database": "mlflow", "username": "mlflow"}
    else:
        said[WEB[component]] = f"https://127.0.0.1:{port}"
    one = REGISTRY.components[component]
    secrets = dict.fromkeys(("password", "access_key", "secret_key"), NOBODY)
    ends = Endpoints(component, said, secrets, one.expect, Timeouts(connect=5, check=5))
    ends = replace(ends, starttls=one.tls.starttls if one.tls else "")
    with pytest.raises(Exception) as raised, opened(REGISTRY.content, ends) as client:
        client.answers()
    error = raised.value if isinstance(raised.value, ClientError) else translated(component, raised.value)
    assert error is not None, raised.value
    return explained(error, ends, encrypted=one.encrypted(ends.addresses))


def shown(pair: Pair) -> dict[str, str]:
    """The endpoint keys of a client's certificate."""
    return {"cert": str(pair.certificate), "key": str(pair.key)}


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.mark.parametrize("component", WEB)
@pytest.mark.parametrize("whose", ["nobody's", "another authority's"])
def test_a_certificate_that_is_missed_is_told_where_no_alert_says_so(
    ours: Authority, tmp_path: Path, component: str, whose: str
) -> None:
    (tmp_path / "others").mkdir()
    given = shown(Authority(tmp_path / "others").issue("client")) if whose == "another authority's" else {}

    with serving(Silent(context(ours.issue("127.0.0.1"), ours.file, ssl.CERT_REQUIRED))) as port:
        found = met(component, port, ca=str(ours.file), **given)

    assert (found.outcome, found.signature) == (Outcome.BROKEN, f"{component}.client_certificate_refused")


@pytest.mark.parametrize("component", WEB)
def test_a_server_that_admits_us_and_ends_the_connection_is_not_taken_for_one_that_does_not(
    ours: Authority, component: str
) -> None:
    given = shown(ours.issue("client"))

    with serving(Silent(context(ours.issue("127.0.0.1"), ours.file, ssl.CERT_REQUIRED))) as port:
        found = met(component, port, ca=str(ours.file), **given)

    assert (found.outcome, found.signature) == (Outcome.FAILED, f"{component}.connection_refused")


@pytest.mark.parametrize(
    ("given", "mutual", "kind"),
    [
        ({"sslmode": "disable"}, False, "tls_expected"),
        ({"sslmode": "disable"}, True, "tls_expected"),
        ({"sslmode": "prefer"}, True, "client_certificate_refused"),
        ({"sslmode": "prefer"}, False, "credentials_refused"),
        ({"sslmode": "require"}, True, "client_certificate_refused"),
        ({"sslmode": "require"}, False, "credentials_refused"),
    ],
    ids=str,
)
def test_postgresql_says_by_its_sqlstate_what_it_misses(
    ours: Authority, given: dict[str, str], mutual: bool, kind: str
) -> None:
    tls = context(ours.issue("127.0.0.1"), ours.file if mutual else None, ssl.CERT_OPTIONAL)

    with serving(Database(tls)) as port:
        found = met("postgresql", port, **given)

    assert (found.outcome, found.signature) == (Outcome.BROKEN, f"postgresql.{kind}")


def test_a_wrong_password_without_tls_stays_one() -> None:
    with serving(Database(None)) as port:
        found = met("postgresql", port, sslmode="disable")

    assert found.signature == "postgresql.credentials_refused"
