"""A server that sends bytes of a test's choice, whatever the protocol makes of them."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Say = Callable[[socket.socket], None]


@contextmanager
def saying(
    answer: Callable[[bytes], bytes], say: Say = lambda _: None, tls: ssl.SSLContext | None = None
) -> Iterator[tuple[str, list[bytes]]]:
    """The address of a server that answers the first request so, and goes on so; and the requests."""
    requests: list[bytes] = []

    def serve(plain: socket.socket) -> None:
        with suppress(OSError), tls.wrap_socket(plain, server_side=True) if tls else plain as connection:
            head = b""
            while b"\r\n\r\n" not in head and (part := connection.recv(65536)):
                head += part
            requests.append(head)
            connection.sendall(answer(head))
            say(connection)
            while connection.recv(65536):
                pass

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.getsockname()[1]}", requests
        server.shutdown(socket.SHUT_RDWR)


def flood(what: bytes) -> Say:
    """The same again and again, as long as somebody takes it."""

    def say(connection: socket.socket) -> None:
        while True:
            connection.sendall(what)

    return say
