"""When credentials end: the instant inside a certificate or a token. Nothing is verified here."""

from __future__ import annotations

import base64
import binascii
import re
import ssl
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

_VALIDITY = re.compile(rb"\x30.(?:\x17\x0d\d{12}Z|\x18\x0f\d{14}Z)(?:\x17\x0d(\d{12})Z|\x18\x0f(\d{14})Z)", re.DOTALL)
"""``Validity`` in DER: a sequence of two times, the second is ``notAfter`` (RFC 5280, 4.1.2.5)."""

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.{1,20000}?-----END CERTIFICATE-----", re.DOTALL)


def of_certificate(pem: str) -> datetime | None:
    """``notAfter`` of the first certificate in the text, or None where there is none."""
    found = _PEM.search(pem)
    try:
        times = _VALIDITY.search(ssl.PEM_cert_to_DER_cert(found[0])) if found else None
    except (ValueError, binascii.Error):
        return None
    if times is None:
        return None
    if times[2]:
        return datetime.strptime(times[2].decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    # two digits of a year: below 50 they are of this century (RFC 5280, 4.1.2.5.1)
    century = "20" if times[1] < b"50" else "19"
    return datetime.strptime(century + times[1].decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def of_file(path: str | None) -> datetime | None:
    """``notAfter`` of a certificate's file; None where it cannot be read."""
    try:
        return of_certificate(Path(path).read_text(encoding="ascii")) if path else None
    except (OSError, UnicodeDecodeError):
        return None


def of_server(address: str, within: float = 3.0) -> datetime | None:
    """``notAfter`` of what a server shows to whoever asks; None where it shows nothing."""
    parts = urlsplit(address)
    try:
        return of_certificate(ssl.get_server_certificate((parts.hostname or "", parts.port or 443), timeout=within))
    except (OSError, ValueError):
        return None


def of_token(token: str) -> datetime | None:
    """``exp`` of a JSON Web Token (RFC 7519, 4.1.4); None where it is another kind of token."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return datetime.fromtimestamp(claims["exp"], UTC)
    except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError, msgspec.MsgspecError):
        return None


def since(ends: datetime | None) -> str:
    """`` since 2026-11-25 10:00 UTC``, or nothing where that is not known."""
    return f" since {ends.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if ends else ""
