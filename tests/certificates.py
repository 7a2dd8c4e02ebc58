"""Certificates for servers of tests: an authority of our own, and what it vouches for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


class Authority:
    """Issues certificates into one folder; ``file`` is its own."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = _name(f"the authority of {folder.name}")
        issued = _builder(self._name, self._name, self._key, datetime.now(UTC) + timedelta(days=1))
        issued = issued.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.file = folder / "ca.crt"
        self.file.write_bytes(issued.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(self, *names: str, begins: datetime | None = None, ends: datetime | None = None) -> Pair:
        """For a server of these names or addresses; valid for a day, or from ``begins``, until ``ends``."""
        key = ec.generate_private_key(ec.SECP256R1())
        ends = ends or (begins or datetime.now(UTC)) + timedelta(days=1)
        issued = _builder(_name(names[0]), self._name, key, ends, begins)
        issued = issued.add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), False)
        pair = Pair(self._folder / f"{names[0]}.crt", self._folder / f"{names[0]}.key")
        signed = issued.sign(self._key, hashes.SHA256())
        pair.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        form = serialization.PrivateFormat.PKCS8
        pair.key.touch(mode=0o600)
        pair.key.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()),
        )
        return pair


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    return x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    ends: datetime,
    begins: datetime | None = None,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins or min(ends, datetime.now(UTC)) - timedelta(days=1))
        .not_valid_after(ends)
    )
