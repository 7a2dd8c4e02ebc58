"""Stands for a database of AWS where none can be had: it takes a log-in over TLS, and verifies the token by itself.

An emulator: it speaks as much of PostgreSQL's protocol as a log-in takes, and answers no query.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from signatures_of_aws import verified

SSL_REQUEST = 80877103
GSS_REQUEST = 80877104


@dataclass
class Database:
    """Where it listens, whose key it knows, and by how much its clock is ahead; ``tokens`` are those it was shown."""

    port: int
    secret: str
    ahead: timedelta = timedelta()
    tokens: list[str] = field(default_factory=list)

    def lets_in(self, user: str, token: str) -> bool:
        """Whether the token is one of this user's for a connection, and has not expired."""
        self.tokens.append(token)
        with suppress(AssertionError, KeyError, ValueError):
            asked = verified(f"https://{token}", self.secret, datetime.now(UTC) + self.ahead)
            return (asked["Action"], asked["DBUser"]) == ("connect", user)
        return False


@contextmanager
def listening(secret: str, tls: ssl.SSLContext) -> Iterator[Database]:
    """The database, on loopback, for the time of the body."""
    server = socket.create_server(("127.0.0.1", 0))
    database = Database(server.getsockname()[1], secret)

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection, suppress(OSError, struct.error):
                    log_in(connection, tls, database)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield database
    finally:
        server.close()


def log_in(connection: socket.socket, tls: ssl.SSLContext, database: Database) -> None:
    """One connection, until it is admitted or refused."""
    connection.settimeout(10)
    code, _ = startup(connection)
    if code == GSS_REQUEST:
        connection.sendall(b"N")
        code, _ = startup(connection)
    if code != SSL_REQUEST:
        refuse(connection, "no pg_hba.conf entry for host, no encryption", "28000")
        return
    connection.sendall(b"S")
    with tls.wrap_socket(connection, server_side=True) as secure:
        _, rest = startup(secure)
        words = rest.split(b"\0")
        user = words[words.index(b"user") + 1].decode()
        secure.sendall(b"R" + struct.pack("!ii", 8, 3))  # AuthenticationCleartextPassword
        (length,) = struct.unpack("!xi", exactly(secure, 5))
        token = exactly(secure, length - 4).rstrip(b"\0").decode()
        if not database.lets_in(user, token):
            refuse(secure, f'PAM authentication failed for user "{user}"', "28000")
            return
        secure.sendall(b"R" + struct.pack("!ii", 8, 0) + b"Z" + struct.pack("!i", 5) + b"I")
        secure.recv(1)


def startup(connection: socket.socket) -> tuple[int, bytes]:
    length, code = struct.unpack("!ii", exactly(connection, 8))
    return code, exactly(connection, length - 8)


def exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        if not (more := connection.recv(count - len(data))):
            raise OSError("cut")
        data += more
    return data


def refuse(connection: socket.socket, said: str, state: str) -> None:
    fields = b"".join(k + v.encode() + b"\0" for k, v in ((b"S", "FATAL"), (b"C", state), (b"M", said))) + b"\0"
    connection.sendall(b"E" + struct.pack("!i", len(fields) + 4) + fields)
