"""Certificates for the servers of one platform, by an authority that is made for it and ends with it.

Everything lies in ``.tls`` of the platform's folder: the authority's certificate for everybody; its key (mode 0600),
for whoever deploys further components; a certificate for those who ask; and one for each component, which its own
account reads.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gonogo.core import ours
from gonogo.core.loading import need, once
from gonogo.core.outcomes import Struct

if TYPE_CHECKING:  # a run without TLS does not import it
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

FOLDER = ".tls"

DAYS = 365
"""A platform that is kept up is used for weeks; its certificates are worth nothing elsewhere."""

EARLIER = timedelta(hours=1)
"""By how much a certificate holds before it was made: clocks differ."""

Kind = Literal["server", "mutual"]


class Tls(Struct, frozen=True, kw_only=True):
    """What templates know as ``tls``; false, and its paths nothing, where it is off.

    ``mutual``: servers ask for a certificate of whoever connects. ``cert`` and ``key`` are the component's own, for
    servers and, among themselves, as clients; ``client_cert`` and ``client_key`` are gonogo's. All are PEM files.
    """

    mutual: bool = False
    ca: str = ""
    cert: str = ""
    key: str = ""
    client_cert: str = ""
    client_key: str = ""

    def __bool__(self) -> bool:
        return bool(self.ca)

    def __str__(self) -> str:
        return ("mutual" if self.mutual else "server") if self else ""


OFF = Tls()


@once
def load() -> None:
    """The library that makes certificates."""
    need("cryptography.x509", "cryptography.x509.oid", "cryptography.hazmat.primitives", "cryptography")
    need("cryptography.hazmat.primitives.asymmetric", "cryptography.hazmat.primitives.serialization")


def issued(platform: Path, component: str, kind: Kind, uid: int | None) -> Tls:
    """The component's certificates on a platform, made where there are none yet; ``uid``: whose its servers are.

    Nobody else may issue at the same time. Raises ``OSError``.
    """
    load()
    folder = platform / FOLDER
    made = Tls(
        mutual=kind == "mutual",
        ca=str(folder / "ca.crt"),
        cert=str(folder / component / "server.crt"),
        key=str(folder / component / "server.key"),
        client_cert=str(folder / "client.crt"),
        client_key=str(folder / "client.key"),
    )
    if not Path(made.client_cert).exists():
        folder.mkdir(mode=0o711, exist_ok=True)
        folder.chmod(0o711)
        authority = _Authority.new(folder)
        authority.issue("gonogo", Path(made.client_cert), Path(made.client_key), (), None)
    if not Path(made.cert).exists():
        own = folder / component
        own.mkdir(mode=0o711, exist_ok=True)
        own.chmod(0o711)
        names = ("127.0.0.1", "::1", "localhost", component.replace("_", "-"))
        _Authority.read(folder).issue(component, Path(made.cert), Path(made.key), names, uid)
    return made


class _Authority:
    def __init__(self, name: x509.Name, key: ec.EllipticCurvePrivateKey) -> None:
        self._name, self._key = name, key

    @classmethod
    def new(cls, folder: Path) -> _Authority:
        """One that is known by ``ca.crt`` of the folder; its key is beside it."""
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec

        authority = cls(_named(f"gonogo {folder.parent.name}"), ec.generate_private_key(ec.SECP256R1()))
        key = authority._key.public_key()
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (usage, True),
            (x509.SubjectKeyIdentifier.from_public_key(key), False),
        ]
        _write(folder / "ca.key", _private(authority._key), 0o600)
        _write(folder / "ca.crt", authority._signed(authority._name, key, extensions), 0o644)
        return authority

    @classmethod
    def read(cls, folder: Path) -> _Authority:
        """The one of the folder."""
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        certificate = x509.load_pem_x509_certificate(ours.read(folder / "ca.crt", 1 << 16))
        key = serialization.load_pem_private_key(ours.read(folder / "ca.key", 1 << 16), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey), "what new() made"
        return cls(certificate.subject, key)

    def issue(self, subject: str, cert: Path, key: Path, names: tuple[str, ...], uid: int | None) -> None:
        """A certificate and its key; with ``names`` for a server. The certificate is written last."""
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID as Usage

        own = ec.generate_private_key(ec.SECP256R1())
        usages = [Usage.SERVER_AUTH, Usage.CLIENT_AUTH] if names else [Usage.CLIENT_AUTH]
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (x509.ExtendedKeyUsage(usages), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False),
            (x509.SubjectKeyIdentifier.from_public_key(own.public_key()), False),
        ]
        if names:
            extensions.append((x509.SubjectAlternativeName([_alternative(name) for name in names]), False))
        _write(key, _private(own), 0o600, uid)
        _write(cert, self._signed(_named(subject), own.public_key(), extensions), 0o644)

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, extensions: list[tuple[x509.ExtensionType, bool]]
    ) -> bytes:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization

        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - EARLIER)
            .not_valid_after(now + timedelta(days=DAYS))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _named(text: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    form = serialization.PrivateFormat.PKCS8  # the one that Java reads
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _write(path: Path, content: bytes, mode: int, uid: int | None = None) -> None:
    """The file, whole or not at all: it is given its name once it is complete, and is of the account ``uid``."""
    fresh = path.with_name(f"{path.name}.new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        os.fchmod(handle, mode)
        if uid is not None:
            os.fchown(handle, uid, uid)
    fresh.replace(path)
