"""Secrets out of text, once, at capture: before a log or an answer is stored, printed or rendered.

Values that the run knows are replaced wherever they stand, also in base64 and URL encoding. Values that
only servers know are found by what stands around them; the expressions are slow, so they see only lines
that hold one of the :data:`KEYWORDS` (eight of them on every line: 2 MB/s, this way: tens).
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterable
from urllib.parse import quote, quote_plus

MASK = "***"
SHORTEST = 6
"""Shorter values are left alone: replacing ``test`` everywhere would shred the evidence."""

KEYWORDS = (
    "passw",
    "pwd",
    "token",
    "secret",
    "authorization",
    "api_key",
    "api-key",
    "apikey",
    "access_key",
    "access-key",
    "accesskey",
    "credential",
    "://",
    "bearer",
    "akia",
    "asia",
    "pbkdf2",
    "scram-",
    "stored_key",
    "eyj",
)
"""Lower case; a line without any of them is passed on as it is."""

_NAME = r"(?:passw(?:or)?d|passwd|pwd|token|secret|authorization|api[_-]?key|access[_-]?key|credentials?)"
# quoted, quoted within a quoted text, or bare
_VALUE = r"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\\"[^"\n]*\\"|[^\s"',;&<>{}\[\]()\\]+)"""


def _masked(found: re.Match[str]) -> str:
    before, value = found.groups()
    quote_ = re.match(r"""\\?["']?""", value)
    around = quote_[0] if quote_ else ""
    return f"{before}{around}{MASK}{around}"


_PATTERNS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    # name = value, "name": "value", <name>value, with the scheme of an Authorization header left standing
    (
        re.compile(
            rf"({_NAME}[\w.-]*\\?[\"']?\s*(?:=>|[=:>])\s*b?(?:(?:basic|bearer|digest|apikey|aws4-hmac-sha256)\s+)?)"
            rf"{_VALUE}",
            re.IGNORECASE,
        ),
        _masked,
    ),
    # --password value
    (re.compile(rf"(--?[\w-]*{_NAME}[\w-]*\s+){_VALUE}", re.IGNORECASE), _masked),
    # scheme://user:password@host
    (re.compile(r"(://[^\s/:@]*:)[^\s/@]+@"), rf"\1{MASK}@"),
    (re.compile(r"(bearer\s+)[\w.~+/-]{6,}=*", re.IGNORECASE), rf"\1{MASK}"),
    # access keys of AWS and what speaks like it
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), MASK),
    # hashes: Elasticsearch, PostgreSQL, Kafka
    (re.compile(r"(\{?PBKDF2(?:_STRETCH)?\}?\d+\$)[\w+/=.$-]+", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"(SCRAM-SHA-\d+\$\d+:)[\w+/=]+\$[\w+/=]+:[\w+/=]+", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"\b((?:salt|stored_key|server_key|saltedpassword)=)[\w+/]+=*", re.IGNORECASE), rf"\1{MASK}"),
    # JSON web tokens
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), MASK),
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:.*?-----END [A-Z ]*PRIVATE KEY-----|[A-Za-z0-9+/=\s\\]*)", re.DOTALL
)


class Redactor:
    """Callable from text to text. Applying it twice changes nothing more. Safe for threads."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._forms: tuple[str, ...] = ()
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Know one more value, in every form in which it may be met; one below 6 characters is ignored."""
        secret = secret.strip()
        if len(secret) < SHORTEST:
            return
        with self._lock:
            # the longest first: no form may be left half standing by a shorter one inside it
            self._forms = tuple(sorted({*self._forms, *_forms(secret)}, key=lambda form: (-len(form), form)))

    def __call__(self, text: str) -> str:
        """``text`` with every secret replaced by ``***``."""
        for form in self._forms:
            text = text.replace(form, MASK)
        lowered = text.lower()
        if "private key-----" in lowered:
            text = _PRIVATE_KEY.sub(MASK, text)
            lowered = text.lower()
        present = [keyword for keyword in KEYWORDS if keyword in lowered]
        if not present:
            return text
        lines = text.split("\n")
        for number, line in enumerate(lines):
            low = line.lower()
            if any(keyword in low for keyword in present):
                for pattern, replacement in _PATTERNS:
                    line = pattern.sub(replacement, line)
                lines[number] = line
        return "\n".join(lines)


def bounded(text: str, limit: int) -> tuple[str, bool]:
    """At most about ``limit`` characters of ``text``, and whether any were left out.

    A quarter of what is kept comes from the beginning, the rest from the end, cut at line ends where
    there are any. Redact first: a cut through a secret would hide it from the redactor.
    """
    if len(text) <= limit:
        return text, False
    head, tail = text[: limit // 4], text[len(text) - (limit - limit // 4) :]
    head = head[: head.rfind("\n") + 1] or head
    tail = tail[tail.find("\n") + 1 :] or tail
    left_out = len(text) - len(head) - len(tail)
    gap = "" if head.endswith("\n") else "\n"
    return f"{head}{gap}[… {left_out:,} characters left out …]\n{tail}", True


def _forms(secret: str) -> set[str]:
    raw = secret.encode()
    whole = base64.b64encode(raw).decode()
    forms = {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], whole, whole.rstrip("=")}
    for shift in range(3):
        # As a part of something longer ("user:password") the value begins at one of three places within
        # a group of base64; characters that its neighbours have a share in are left out.
        encoded = base64.b64encode(bytes(shift) + raw).decode()
        forms.add(encoded[(0, 2, 3)[shift] : (shift + len(raw)) * 8 // 6])
    forms |= {form.translate(str.maketrans("+/", "-_")) for form in forms if form != secret}
    return {form for form in forms if len(form) >= SHORTEST}
