"""Random values, new for each platform, and what servers keep of them: hashes, keys, certificates."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from gonogo.core.loading import LOADING


def new(kinds: Mapping[str, str]) -> dict[str, str]:
    """A new value for each name, of kind ``password`` or ``id``."""
    makers = {"password": _password, "id": _identifier}
    return {name: makers[kind]() for name, kind in kinds.items()}


def pbkdf2_sha512(password: str, iterations: int = 10000) -> str:
    """The password as Elasticsearch's file realm keeps it: ``{PBKDF2}<iterations>$<salt>$<hash>``.

    The salt comes from the password, which is random already, so that rendering twice gives the same.
    Source: ``Hasher.PBKDF2`` of Elasticsearch's x-pack-core, 32 bytes each.
    """
    salt = hashlib.sha256(b"salt of " + password.encode()).digest()
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations, 32)
    return f"{{PBKDF2}}{iterations}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def salted_sha256(password: str, iterations: int = 1024) -> str:
    """The password as Neo4j keeps it: ``SHA-256,<hash>,<salt>,<iterations>``, in hexadecimal.

    Salted as in :func:`pbkdf2_sha512`. Source: ``SecureHasher`` and ``SystemGraphCredential`` of Neo4j's security.
    """
    salt = hashlib.sha256(b"salt of " + password.encode()).digest()
    digest = hashlib.sha256(salt + password.encode()).digest()
    for _ in range(iterations - 1):
        digest = hashlib.sha256(digest).digest()
    return f"SHA-256,{digest.hex()},{salt.hex()},{iterations}"


def private_key(secret: str) -> str:
    """A key for TLS, PEM, that is made of a secret: every node has the same, and rendering twice gives it again."""
    with LOADING:
        from cryptography.hazmat.primitives import serialization

    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return str(_key(secret).private_bytes(*form).decode()).strip()


def certificate(secret: str) -> str:
    """The certificate, PEM, of that key, ``CN=gonogo``, signed by itself: whoever has the key trusts nobody else."""
    with LOADING:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization

    key, name = _key(secret), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gonogo")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, datetime(2020, 1, 1), datetime(2120, 1, 1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    )
    return str(made.public_bytes(serialization.Encoding.PEM).decode()).strip()


FILTERS: Mapping[str, Callable[..., str]] = {
    "pbkdf2_sha512": pbkdf2_sha512,
    "salted_sha256": salted_sha256,
    "private_key": private_key,
    "certificate": certificate,
}
"""What templates may make of a password."""


def _password() -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return "".join(secrets.choice(letters) for _ in range(24))


def _identifier() -> str:
    """A Kafka uuid: url-safe base64 of 16 bytes; one that begins with a hyphen looks like an option."""
    while (text := base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")).startswith("-"):
        pass
    return text


def _key(secret: str) -> Any:
    with LOADING:
        from cryptography.hazmat.primitives.asymmetric import ec

    # P-256: any number below 2**255 is a key of it
    number = int.from_bytes(hashlib.sha256(b"key of " + secret.encode()).digest(), "big") >> 1
    return ec.derive_private_key(number, ec.SECP256R1())
