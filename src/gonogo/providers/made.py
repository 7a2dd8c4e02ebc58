"""Random values, new for each platform, and how servers keep passwords."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping


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


FILTERS: Mapping[str, Callable[..., str]] = {"pbkdf2_sha512": pbkdf2_sha512, "salted_sha256": salted_sha256}
"""What templates may make of a password."""


def _password() -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return "".join(secrets.choice(letters) for _ in range(24))


def _identifier() -> str:
    """A Kafka uuid: url-safe base64 of 16 bytes; one that begins with a hyphen looks like an option."""
    while (text := base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")).startswith("-"):
        pass
    return text
