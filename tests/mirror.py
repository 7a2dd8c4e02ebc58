"""A Maven repository on the loopback that can damage, cut, refuse and hold back what it serves."""

from __future__ import annotations

import hashlib
import ipaddress
import ssl
import threading
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

from gonogo.providers.embedded.maven import Pin


class Mirror:
    """``files`` by path; ``faults`` are used up one per request of a path: "damaged", "cut", or a status.

    A path in ``held`` is served half, and the rest once ``go_on`` is set; ``asked_for_held`` tells that it was.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[str | int]] = defaultdict(list)
        self.held: set[str] = set()
        self.go_on, self.asked_for_held = threading.Event(), threading.Event()
        self.asked: list[str] = []
        self.authorization: list[str | None] = []
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.serve(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on.set()
        self.server.shutdown()
        self.server.server_close()

    def holds(self, coordinates: str, content: bytes) -> Pin:
        """Offer a file, and pin it."""
        pin = Pin(coordinates, len(content), hashlib.sha256(content).hexdigest())
        self.files[str(pin.path)] = content
        return pin

    @property
    def counts(self) -> Counter[str]:
        """How often each file was asked for, by name."""
        return Counter(path.rpartition("/")[2] for path in self.asked)

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one GET; as a proxy, where the request line is a whole address."""
        path = request.path.partition("/maven2/")[2] or request.path.lstrip("/")
        self.asked.append(path)
        self.authorization.append(request.headers["Authorization"])
        fault = self.faults[path].pop(0) if self.faults[path] else None
        content = self.files.get(path)
        if content is None or isinstance(fault, int):
            request.send_error(fault if isinstance(fault, int) else 404)
            return
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        half = len(content) // 2
        sent = content if fault != "damaged" else content[:-1] + bytes([content[-1] ^ 1])
        request.wfile.write(sent[:half])
        request.wfile.flush()
        if path in self.held:
            self.asked_for_held.set()
            self.go_on.wait()
        if fault != "cut":
            request.wfile.write(sent[half:])


def use(mirror: Mirror, home: Path, more: str = "", url: str = "") -> None:
    """Write the ``settings.xml`` of a user whose home is ``home`` and who uses this mirror."""
    (home / ".m2").mkdir(parents=True, exist_ok=True)
    (home / ".m2" / "settings.xml").write_text(
        f"""<settings xmlns="http://maven.apache.org/SETTINGS/1.2.0">
        <mirrors><mirror><id>ours</id><mirrorOf>*</mirrorOf><url>{url or mirror.url}</url></mirror></mirrors>{more}
        </settings>"""
    )


def self_signed(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that nobody trusts, and a server's context with it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a mirror of our own")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "authority.pem", folder / "server.pem"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context
