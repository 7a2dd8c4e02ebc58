"""Each client of a server that TLS does not come about with, in each way: the outcome and the cause."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from certificates import Authority, Pair

from gonogo.catalog.registry import Registry
from gonogo.checks import certificates
from gonogo.checks.clients import opened
from gonogo.checks.translate import translated
from gonogo.core.endpoints import Endpoints, Secret, Timeouts
from gonogo.core.errors import ClientError
from gonogo.core.outcomes import Outcome

ROOT = Path(__file__).parent.parent
REGISTRY = Registry.load(ROOT)

WEB = {"s3": "endpoint", "mlflow": "url", "ray": "dashboard"}
"""Components that are asked over HTTP, and the key of their address."""

SSL_REQUEST = struct.pack(">iI", 8, 80877103)
NOBODY = b'SFATAL\0VFATAL\0C28000\0Mno pg_hba.conf entry for host "127.0.0.1", no encryption\0\0'
NO_CERTIFICATE = b"SFATAL\0VFATAL\0C28000\0Mconnection requires a valid client certificate\0\0"
NO_PASSWORD = b'SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user "mlflow"\0\0'


class Server(NamedTuple):
    """Speaks TLS with this certificate, or none; ``clients`` says whose it wants to see.

    ``alerts`` false: it ends the connection of others without a word, as servers on Python's asyncio do.
    """

    pair: Pair | None
    clients: Path | None = None
    alerts: bool = True

    @contextmanager
    def listening(self, component: str) -> Iterator[int]:
        """The port, for the time of the body."""
        serve = self.as_postgresql if component == "postgresql" else self.as_web
        with socket.create_server(("127.0.0.1", 0)) as listening:

            def accept() -> None:
                with suppress(OSError):
                    while True:
                        threading.Thread(target=serving, args=(listening.accept()[0],), daemon=True).start()

            def serving(connection: socket.socket) -> None:
                with connection, suppress(OSError):
                    connection.settimeout(5)
                    serve(connection)

            threading.Thread(target=accept, daemon=True).start()
            yield listening.getsockname()[1]

    def as_web(self, connection: socket.socket) -> None:
        """Answers nothing but to whom speaks plainly to one that does too."""
        if self.pair is None:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        else:
            self.spoken(connection).recv(4096)

    def as_postgresql(self, connection: socket.socket) -> None:
        """As PostgreSQL with ``hostssl`` does, which knows no password; or as one without OpenSSL."""
        said = connection.recv(4096)
        if said == SSL_REQUEST:
            connection.sendall(b"S" if self.pair else b"N")
            if self.pair is None:
                return
            connection = spoken = self.spoken(connection, required=False)
            shown = spoken.getpeercert(binary_form=True)
            connection.recv(4096)
            said = NO_PASSWORD if shown or not self.clients else NO_CERTIFICATE
        else:
            said = NOBODY if self.pair else NO_PASSWORD
        connection.sendall(b"E" + struct.pack(">i", len(said) + 4) + said)

    def spoken(self, connection: socket.socket, *, required: bool = True) -> ssl.SSLSocket:
        """The connection with TLS."""
        assert self.pair is not None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.clients)
        context.load_cert_chain(self.pair.certificate, self.pair.key)
        if self.clients:
            context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
        if self.alerts:
            return self._handed(context, connection)
        coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
        spoken = context.wrap_bio(coming, going, server_side=True)
        while True:
            try:
                spoken.do_handshake()
            except ssl.SSLWantReadError:
                connection.sendall(going.read())
                coming.write(connection.recv(4096))
            # and any other ends it, the alert left in `going`

    def _handed(self, context: ssl.SSLContext, connection: socket.socket) -> ssl.SSLSocket:
        try:
            return context.wrap_socket(connection, server_side=True)
        except ssl.SSLError:
            # what was not read would have the kernel reset the connection, and the alert lost with it
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
            raise


class Case(NamedTuple):
    """A server, what a client is given for it, and the kind of cause that it must come to."""

    server: Server
    given: dict[str, str]
    kind: str
    plainly: bool = False


def cases(folder: Path) -> dict[str, Case]:
    for name in ("ours", "others"):
        (folder / name).mkdir()
    ours, others = Authority(folder / "ours"), Authority(folder / "others")
    now, ca = datetime.now(UTC), {"ca": str(ours.file)}
    right, client, stranger = ours.issue("127.0.0.1"), ours.issue("client"), others.issue("stranger")
    expired = ours.issue("expired", "127.0.0.1", ends=now - timedelta(hours=1))
    early = ours.issue("early", "127.0.0.1", begins=now + timedelta(hours=1))
    mutual, silent = Server(right, ours.file), Server(right, ours.file, alerts=False)

    def pair(one: Pair) -> dict[str, str]:
        return {**ca, "cert": str(one.certificate), "key": str(one.key)}

    return {
        "another authority": Case(Server(others.issue("127.0.0.1")), ca, "authority_unknown"),
        "expired": Case(Server(expired), ca, "certificate_expired"),
        "not yet valid": Case(Server(early), ca, "certificate_not_yet_valid"),
        "another name": Case(Server(ours.issue("db.example")), ca, "certificate_wrong_name"),
        "no client certificate": Case(mutual, ca, "client_certificate_refused"),
        "a stranger's client certificate": Case(mutual, pair(stranger), "client_certificate_refused"),
        "no client certificate, no alert": Case(silent, ca, "client_certificate_refused"),
        "a stranger's client certificate, no alert": Case(silent, pair(stranger), "client_certificate_refused"),
        "asked plainly": Case(Server(right), {}, "tls_expected", plainly=True),
        "asked plainly, and wants a client certificate": Case(mutual, {}, "tls_expected", plainly=True),
        "speaks no TLS": Case(Server(None), pair(client), "tls_not_spoken"),
    }


NAMES = (
    *("another authority", "expired", "not yet valid", "another name"),
    *("no client certificate", "a stranger's client certificate"),
    *("no client certificate, no alert", "a stranger's client certificate, no alert"),
    *("asked plainly", "asked plainly, and wants a client certificate", "speaks no TLS"),
)


def endpoints(component: str, port: int, given: dict[str, str], *, plainly: bool = False) -> Endpoints:
    said: dict[str, Any] = dict(given)
    secrets = {"password": Secret("pass-of-nobody")}
    if component == "postgresql":
        said |= {"host": "127.0.0.1", "port": port, "database": "mlflow", "username": "mlflow"}
        said |= {"sslmode": "disable"} if plainly else {}
    else:
        said[WEB[component]] = f"{'http' if plainly else 'https'}://127.0.0.1:{port}"
    if component == "s3":
        said["bucket"] = "artifacts"
        secrets = {"access_key": Secret("key-of-nobody"), "secret_key": Secret("secret-of-nobody")}
    one = REGISTRY.components[component]
    ends = Endpoints(component, said, secrets, one.expect, Timeouts(connect=5, check=5))
    return replace(ends, starttls=one.tls.starttls if one.tls else "")


def met(ends: Endpoints) -> ClientError:
    """What asking comes to, as a run tells it."""
    with pytest.raises(Exception) as raised, opened(REGISTRY.content, ends) as client:
        client.answers()
    error = raised.value if isinstance(raised.value, ClientError) else translated(ends.component, raised.value)
    assert error is not None, raised.value
    encrypted = REGISTRY.components[ends.component].encrypted(ends.addresses)
    return certificates.explained(error, ends, encrypted=encrypted)


@pytest.mark.parametrize(
    ("component", "name"),
    [
        (component, name)
        for component in ("postgresql", *WEB)
        for name in NAMES
        if component != "postgresql" or "no alert" not in name  # OpenSSL's own servers send one
    ],
)
def test_a_connection_that_tls_does_not_come_about_with_says_why(tmp_path: Path, component: str, name: str) -> None:
    server, given, kind, plainly = cases(tmp_path)[name]

    with server.listening(component) as port:
        found = met(endpoints(component, port, given, plainly=plainly))

    assert (found.outcome, found.signature) == (Outcome.BROKEN, f"{component}.{kind}"), str(found)


@pytest.mark.parametrize("component", ["postgresql", *WEB])
def test_a_server_that_trusts_us_and_then_ends_the_connection_is_not_taken_for_one_that_does_not(
    tmp_path: Path, component: str
) -> None:
    authority = Authority(tmp_path)
    server, client = authority.issue("127.0.0.1"), authority.issue("client")
    given = {"ca": str(authority.file), "cert": str(client.certificate), "key": str(client.key)}

    with Server(server, authority.file).listening(component) as port:
        found = met(endpoints(component, port, given))

    wanted = "credentials_refused" if component == "postgresql" else "connection_refused"
    assert found.signature == f"{component}.{wanted}"


def test_a_wrong_password_without_tls_stays_one(tmp_path: Path) -> None:
    with Server(None).listening("postgresql") as port:
        found = met(endpoints("postgresql", port, {}, plainly=True))

    assert found.signature == "postgresql.credentials_refused"


@pytest.mark.parametrize("mutual", [True, False])
def test_libpqs_way_back_to_no_tls_does_not_hide_that_a_certificate_was_missing(tmp_path: Path, mutual: bool) -> None:
    authority = Authority(tmp_path)
    server = Server(authority.issue("127.0.0.1"), authority.file if mutual else None)

    with server.listening("postgresql") as port:
        found = met(endpoints("postgresql", port, {"sslmode": "prefer"}))

    wanted = "client_certificate_refused" if mutual else "credentials_refused"
    assert found.signature == f"postgresql.{wanted}"
