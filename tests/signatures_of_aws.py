"""Checks what a key of AWS signed, by the documents of signature version 4 and not by the SDK."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from urllib.parse import parse_qsl, quote, urlsplit


def verified(address: str, secret: str, now: datetime) -> dict[str, str]:
    """The query of an address whose signature is right and holds at this moment; ``AssertionError`` otherwise."""
    where = urlsplit(address)
    asked = dict(parse_qsl(where.query, strict_parsing=True))
    _, day, region, service, end = asked["X-Amz-Credential"].split("/")
    unsigned = {k: v for k, v in asked.items() if k not in ("X-Amz-Signature", "User-Agent")}
    query = "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in sorted(unsigned.items()))
    empty = hashlib.sha256(b"").hexdigest()
    whole = f"GET\n{where.path or '/'}\n{query}\nhost:{where.netloc}\n\n{asked['X-Amz-SignedHeaders']}\n{empty}"
    hashed = hashlib.sha256(whole.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{asked['X-Amz-Date']}\n{day}/{region}/{service}/{end}\n{hashed}"
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, end):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    assert hmac.new(key, text.encode(), hashlib.sha256).hexdigest() == asked["X-Amz-Signature"]
    begun = datetime.strptime(asked["X-Amz-Date"] + "+0000", "%Y%m%dT%H%M%SZ%z")
    assert 0 <= (now - begun).total_seconds() < float(asked["X-Amz-Expires"])
    return asked
