"""A port that speaks TLS, or does not, and whose certificates are what a test wants: all that a handshake needs."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from certificates import Pair

LIMIT = 5.0


class Front:
    """One port. ``pair`` is what it shows, without one it is plain; ``clients`` is the authority of those it admits.

    ``asks`` and ``agrees`` are said before TLS begins. What is said after the handshake closes the connection.
    """

    def __init__(self, pair: Pair | None, clients: Path | None, asks: bytes, agrees: bytes) -> None:
        self._tls: ssl.SSLContext | None = None
        self._asks, self._agrees = asks, agrees
        if pair is not None:
            self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._tls.load_cert_chain(pair.certificate, pair.key)
            if clients is not None:
                self._tls.verify_mode = ssl.CERT_REQUIRED
                self._tls.load_verify_locations(clients)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Listen no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(LIMIT)
        with connection, suppress(OSError):
            if self._asks and self._tls is not None:
                connection.recv(len(self._asks), socket.MSG_WAITALL)
                connection.sendall(self._agrees)
            if self._tls is None:
                connection.recv(1 << 16)
                return
            try:
                with self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as spoken:
                    connection = spoken
                    spoken.do_handshake()
                    spoken.recv(1 << 16)
            except ssl.SSLError:
                # what is not read would reset the connection, and the alert with it
                with suppress(OSError):
                    while connection.recv(1 << 16):
                        pass


@contextmanager
def front(pair: Pair | None, clients: Path | None = None, *, asks: bytes = b"", agrees: bytes = b"") -> Iterator[Front]:
    """Such a port for the time of a body."""
    one = Front(pair, clients, asks, agrees)
    try:
        yield one
    finally:
        one.close()
