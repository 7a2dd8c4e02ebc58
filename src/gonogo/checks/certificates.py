"""What a TLS port shows, seen without a client's library: whose its certificate is, until when it holds, who issued it.

A client's library tells that it does not trust a certificate, one only in words, another after the connection was cut.
So where a connection came to nothing it is made again here, within bounds: what stands in the way is told by the
numbers of OpenSSL, and the certificate itself is read, which nobody needs to trust for that.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from gonogo.checks import expiry
from gonogo.checks.translate import CERTIFICATES, Unadmitted, reaching, untrusted
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import ClientError, Denied, Garbled, NotAskable, Refused, Untrusted

STARTTLS: Mapping[str, tuple[bytes, bytes]] = {"": (b"", b""), "postgres": (bytes.fromhex("0000000804d2162f"), b"S")}
"""What is said before TLS, and answered, by the name that ``openssl s_client -starttls`` has for it."""

UNAUTHORIZED = b"28000"
"""PostgreSQL's SQLSTATE where pg_hba.conf admits nobody so, as without TLS, or without a certificate."""

NO_CHECK_TIME = 0x200000
"""``X509_V_FLAG_NO_CHECK_TIME`` of OpenSSL: a certificate that has expired can be read too."""

ALERT_SECONDS = 1.0
"""How long a server that does not want our certificate has, after the handshake, to say so (TLS 1.3)."""

TOLD = frozenset({*CERTIFICATES.values(), "client_certificate_refused", "tls_not_spoken"})
"""What a second look has to find for a connection that was cut to be one that TLS is the reason of."""

WITHIN = 3.0
"""Seconds for each connection that is made to see why another came to nothing."""


class End(NamedTuple):
    """Where TLS is spoken: to whom, which host its certificate must name, what is said before; and what we show.

    ``checks`` is what our client wants of a certificate: the host's ``name``, an ``authority`` that it trusts alone, or
    nothing. ``first`` is what it says first after the handshake, where the server says then whether it admits us.
    """

    host: str
    port: int
    name: str
    starttls: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""
    checks: Literal["name", "authority", ""] = "name"
    first: bytes = b""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Certificate(NamedTuple):
    """A certificate that is shown. ``names`` are those that it is valid for; empty texts where it does not say."""

    subject: str
    names: tuple[str, ...]
    issuer: str
    begins: datetime | None
    ends: datetime | None

    def __str__(self) -> str:
        valid = f"valid from {_minute(self.begins)} to {_minute(self.ends)}"
        return f"{self.subject or 'no subject'}, for {', '.join(self.names) or 'no name'}, of {self.issuer}, {valid}"

    @property
    def facts(self) -> dict[str, object]:
        """What hints and commands may name of it."""
        said = {"names": ", ".join(self.names), "issuer": self.issuer}
        return {**said, "begins": _minute(self.begins), "ends": _minute(self.ends)}


def ends(endpoints: Endpoints) -> list[End]:
    """Every place where the component may speak TLS, by its addresses."""
    security = endpoints.addresses.get("security") or {}
    ours = {
        ours: str(endpoints.addresses.get(ours) or security.get(theirs) or "")
        for ours, theirs in (("ca", "ssl_cafile"), ("cert", "ssl_certfile"), ("key", "ssl_keyfile"))
    }
    libpq = endpoints.starttls == "postgres"
    first, wanted = (startup(endpoints), libpq_checks(endpoints)) if libpq else (b"", "name")
    found: dict[tuple[str, int], End] = {}
    for key, value in endpoints.addresses.items():
        if key == "port" and (host := endpoints.addresses.get("host")):
            key, value = "host", f"{host}:{value}"
        for one in value.split(",") if isinstance(value, str) and not Path(value).is_absolute() else ():
            with suppress(ValueError):
                parts = urlsplit(one if "//" in one else f"//{one.strip()}")
                host, port = parts.hostname, parts.port or {"https": 443, "bolt": 7687}.get(parts.scheme)
                if host and port and key != "proxy":
                    name = endpoints.tls_server_name(key) or host
                    found[host, port] = End(host, port, name, endpoints.starttls, **ours, checks=wanted, first=first)
    return list(found.values())


def shown(end: End, within: float = WITHIN) -> Certificate | None:
    """The certificate that is shown there, whether or not it is to be trusted; None where nobody speaks TLS.

    Raises ``OSError`` where no connection comes about.
    """
    context = _context(end)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with _spoken(end, context, within) as connection:
            seen = connection.getpeercert(binary_form=True)
    except ssl.SSLError:
        return None
    return None if seen is None else _read(end, seen, within)


class Holds(NamedTuple):
    """A certificate, where it is, and the days until it expires."""

    where: str
    days: float

    def __str__(self) -> str:
        return f"{self.where} expires in {self.days:.1f} days" if self.days >= 0 else f"{self.where} has expired"


def holding(endpoints: Endpoints) -> list[Holds]:
    """Every certificate that the component's ports show, and our own, the first to expire first.

    Raises ``Untrusted`` where a port shows none, ``NotAskable`` where a certificate's end cannot be read, and what a
    connection comes to that fails.
    """
    found: dict[str, datetime | None] = {}
    for end in ends(endpoints):
        with reaching(endpoints.component):
            certificate = shown(end, endpoints.timeouts.connect)
        if certificate is None:
            raise Untrusted(endpoints.component, f"{end} shows no certificate", kind="tls_not_spoken")
        found[f"the certificate of {end} ({certificate.subject})"] = certificate.ends
        found |= {
            f"{what} {path}": expiry.of_file(path) for what, path in (("ca", end.ca), ("ours,", end.cert)) if path
        }
    now = datetime.now(UTC)
    if unread := [where for where, ends_at in found.items() if ends_at is None]:
        raise NotAskable(endpoints.component, f"{', '.join(unread)}: nobody can tell when it expires")
    told = [Holds(where, (until - now).total_seconds() / 86_400) for where, until in found.items() if until]
    return sorted(told, key=lambda one: one.days)


def libpq_checks(endpoints: Endpoints) -> Literal["name", "authority", ""]:
    """What libpq wants of a certificate (PostgreSQL's manual, 32.19.1); given ``ca`` alone it is told verify-full."""
    ca, mode = endpoints.get("ca"), endpoints.get("sslmode")
    if mode == "verify-full" or (ca and not mode):
        return "name"
    return "authority" if ca or mode == "verify-ca" else ""


def startup(endpoints: Endpoints) -> bytes:
    """PostgreSQL's StartupMessage for the role and database of these endpoints (its manual, 55.7)."""
    said = "".join(f"{key}\0{endpoints.get(ours, '')}\0" for key, ours in (("user", "username"), ("database",) * 2))
    return struct.pack(">iI", len(said.encode()) + 9, 3 << 16) + said.encode() + b"\0"


def refused(end: End, within: float = WITHIN) -> ssl.SSLError | None:
    """What a connection fails in that trusts ``ca`` alone, or else the system's authorities, and shows our certificate.

    None where it comes about. Raises ``OSError`` where there is none for another reason than TLS.
    """
    messages: set[str] = set()
    try:
        context = _context(end)
        # What OpenSSL tells of its messages Python hands on for debugging, and nowhere else who was asked for what.
        context._msg_callback = lambda *seen: messages.add(getattr(seen[4], "name", ""))  # type: ignore[attr-defined]
        context.check_hostname = end.checks == "name"
        if not end.checks:
            context.verify_mode = ssl.CERT_NONE
        elif end.ca:
            context.load_verify_locations(end.ca)
        else:
            context.load_default_certs()
        with _spoken(end, context, within) as connection:
            connection.settimeout(ALERT_SECONDS)
            with suppress(TimeoutError):  # it waits for our question, so it has admitted us
                why = _turned_away(connection, end, messages)
                if why:
                    asked = "CERTIFICATE_REQUEST" in messages
                    return Unadmitted(f"it asks for a certificate, and {why}") if asked else ssl.SSLError(f"it {why}")
    except ssl.SSLError as error:
        return error
    return None


def _turned_away(connection: ssl.SSLSocket, end: End, messages: Container[str]) -> str:
    """How a server turns us away after the handshake, where it does not say so in TLS; empty where it admits us."""
    early = connection.version() == "TLSv1.3"
    said = _first_answer(connection, end)
    if not said:
        # To whom it takes for a client it gives a ticket first; Python's own servers end a connection without an alert.
        return "ended the connection at once" if early and "NEWSESSION_TICKET" not in messages else ""
    return "lets nobody in so" if _unauthorized(said) and not end.cert else ""


def _first_answer(connection: socket.socket, end: End) -> bytes:
    """What a server says first; empty where it ends the connection instead."""
    # an alert is heard before we speak: what a server has not read when it closes takes its last words with it
    try:
        if end.first:
            connection.settimeout(ALERT_SECONDS / 4)
            with suppress(TimeoutError):
                return connection.recv(1024)
            connection.settimeout(ALERT_SECONDS)
            connection.sendall(end.first)
        return connection.recv(1024)
    except ConnectionError:
        return b""


def _unauthorized(said: bytes) -> bool:
    """Whether PostgreSQL answers with an ErrorResponse of that SQLSTATE (its manual, 55.8)."""
    return said[:1] == b"E" and b"C" + UNAUTHORIZED in said[5:].split(b"\0")


def _admits_without(end: End, within: float = WITHIN) -> bool:
    """Whether PostgreSQL lets this role and database come without TLS, as far as to ask for a password."""
    with socket.create_connection((end.host, end.port), within) as connection:
        return not _unauthorized(_first_answer(connection, end))


def explained(error: ClientError, endpoints: Endpoints, *, encrypted: bool | None) -> ClientError:
    """The error with the reason and the certificate that is seen in a second look, where TLS may be what went wrong.

    ``encrypted``: whether the component is asked with TLS; None where nobody can tell. Where the second look shows
    nothing, and at the end of a port-forward, it is the error as it was.
    """
    look = _hidden if isinstance(error, Denied) and endpoints.starttls == "postgres" and not encrypted else _looked
    known = look is _hidden or isinstance(error, Untrusted | Refused | Garbled)
    if not known or endpoints.transport == "port-forward":
        return error
    looked = ends(endpoints)
    if isinstance(error, Untrusted) and encrypted is not False and len(looked) > 1:
        looked = [end for end in looked if _refuses(end)] or looked  # of many brokers one may show another certificate
    for end in looked:
        with suppress(OSError, ValueError):
            if (found := look(error, end, encrypted)) is not None:
                return found
    return error


def _hidden(error: ClientError, end: End, encrypted: bool | None) -> ClientError | None:
    """Why PostgreSQL refuses us, where that is for want of TLS, or it fell back to none for want of a certificate."""
    if _admits_without(end):
        return None
    seen = refused(end._replace(checks=""))
    wanted = isinstance(seen, Unadmitted)
    if not wanted and (encrypted is None or seen is not None):
        return None
    certificate = shown(end)
    kind = "tls_expected" if encrypted is False else "client_certificate_refused"
    more = f", and {seen}" if wanted else ""
    return _told(error.component, f"{error}; with TLS {end} shows {certificate}{more}", kind, end, certificate)


def _looked(error: ClientError, end: End, encrypted: bool | None) -> ClientError | None:
    if encrypted is False:
        certificate = shown(end)
        said = f"{error}; {end} speaks TLS, and is asked without; it shows {certificate}"
        return _told(error.component, said, "tls_expected", end, certificate) if certificate else None
    if isinstance(error, Garbled):
        return None
    kind = error.signature.partition(".")[2]
    if kind == Untrusted.kind or isinstance(error, Refused):
        # what a library has told in words alone, or met as a connection that was cut
        seen = refused(end)
        meant = untrusted(error.component, seen) if seen else error
        kind = meant.signature.partition(".")[2]
        if isinstance(seen, ssl.SSLEOFError) and _kept_open(end):
            kind = "tls_not_spoken"
        if isinstance(error, Refused) and kind not in TOLD:
            return None
    certificate = None if kind == "tls_not_spoken" else shown(end)
    asked = f"; asked with ca {end.ca}" if end.ca else ""
    said = f"{error}; {end} shows {certificate}{asked}" if certificate else str(error)
    return _told(error.component, said, kind, end, certificate)


def _refuses(end: End) -> bool:
    try:
        return refused(end) is not None
    except OSError:
        return False


def _kept_open(end: End) -> bool:
    """Whether who says nothing is not cut off: then it is the TLS that nobody there understands."""
    with socket.create_connection((end.host, end.port), WITHIN) as plain:
        plain.settimeout(ALERT_SECONDS)
        try:
            return plain.recv(1) != b""
        except TimeoutError:
            return True


def _told(component: str, said: str, kind: str, end: End, certificate: Certificate | None) -> Untrusted:
    facts = {key: value for key in ("ca", "cert", "key", "starttls") if (value := getattr(end, key))}
    if not _is_address(end.name):  # nobody asks for an address by name (RFC 6066, 3)
        facts["server_name"] = end.name
    about = certificate.facts if certificate else {}
    return Untrusted(component, said, kind=kind).given(**facts, **about)


def _context(end: End) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if end.cert:
        with suppress(OSError):  # a pair that cannot be used is the client's own to tell
            context.load_cert_chain(end.cert, end.key or None)
    return context


@contextmanager
def _spoken(end: End, context: ssl.SSLContext, within: float) -> Iterator[ssl.SSLSocket]:
    asks, agrees = STARTTLS[end.starttls]
    with socket.create_connection((end.host, end.port), within) as plain:
        if asks:
            plain.sendall(asks)
            if plain.recv(1) != agrees:
                answer = ssl.SSLError("TLS was refused before it began")
                answer.reason = "WRONG_VERSION_NUMBER"
                raise answer
        with context.wrap_socket(plain, server_hostname=end.name) as connection:
            yield connection


def _read(end: End, der: bytes, within: float) -> Certificate:
    """A certificate that a server has shown: it shows it again to a connection that trusts this one alone.

    Only of a certificate that it trusts Python tells what it says.
    """
    pem = ssl.DER_cert_to_PEM_cert(der)
    context = _context(end)
    context.check_hostname = False
    context.load_verify_locations(cadata=pem)
    context.verify_flags |= ssl.VerifyFlags(ssl.VERIFY_X509_PARTIAL_CHAIN | NO_CHECK_TIME)
    told: Mapping[str, Any] = {}
    with suppress(OSError), _spoken(end, context, within) as connection:
        told = connection.getpeercert() or {}
    begins, until = _time(told.get("notBefore")), _time(told.get("notAfter")) or expiry.of_certificate(pem)
    names = tuple(_short(str(name)) for _, name in told.get("subjectAltName", ()))
    return Certificate(_name(told.get("subject", ())), names, _name(told.get("issuer", ())), begins, until)


def ending(certificate: bytes, key: bytes, *, days: float) -> bytes:
    """The same certificate, ending so many days from now, by the authority whose key that is; all PEM. For drills."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    signing: Any = serialization.load_pem_private_key(key, None)
    old = x509.load_pem_x509_certificate(certificate)
    made = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(old.issuer)
        .public_key(old.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(old.not_valid_before_utc)
        .not_valid_after(datetime.now(UTC) + timedelta(days=days))
    )
    for one in old.extensions:
        made = made.add_extension(one.value, one.critical)
    return made.sign(signing, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _name(parts: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    """The common name of a subject, else all it says."""
    pairs = [pair for part in parts for pair in part]
    return next((value for key, value in pairs if key == "commonName"), ", ".join(value for _, value in pairs))


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False


def _short(name: str) -> str:
    """An address as people write it: ``::1`` in place of all its digits."""
    return str(ip_address(name)) if _is_address(name) else name


def _time(text: str | None) -> datetime | None:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC) if text else None


def _minute(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC" if time else "an unknown time"
