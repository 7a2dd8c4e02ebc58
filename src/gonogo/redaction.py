"""Secrets out of text, once, at capture: before a log or an answer is stored, printed or rendered.

Values that the run knows are replaced wherever they stand, also in base64 and URL encoding. Values that
only servers know are found by what stands around them; these expressions are slow (2 MB/s together), so
each sees only the lines that hold one of its keywords.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

MASK = "***"
SHORTEST = 6
"""Shorter values are left alone: replacing ``test`` everywhere would shred the evidence."""

_WORDS = r"passwd|password|pwd|token|secret|authorization|api[_-]?key|access[_-]?key|credential"
_SCHEMES = r"basic|bearer|digest|apikey|aws4-hmac-sha256"
# In quotes, in escaped quotes (JSON within JSON), or bare. Every repetition that something must follow has
# an end: a hostile line of a megabyte would else take hours.
_VALUE = r"""(?:(["'])(?:[^"'\\\n]|\\.|(?!\2)["']){0,4000}\2|(\\["'])[^"'\n]{0,4000}?\3|[^\s"',;&<>{}\[\]()\\]+)"""


def _masked(found: re.Match[str]) -> str:
    around = found[2] or found[3] or ""
    return f"{found[1]}{around}{MASK}{around}"


@dataclass(frozen=True)
class _Rule:
    """What to replace in lines that hold one of ``keywords`` (lower case)."""

    keywords: tuple[str, ...]
    pattern: re.Pattern[str]
    replacement: str | Callable[[re.Match[str]], str]


_RULES = (
    # --password value; name = value, "name": "value", <name>value, where an Authorization's scheme stays readable
    _Rule(
        ("passw", "pwd", "token", "secret", "authorization", "api", "access", "credential"),
        re.compile(
            rf"""(--[\w-]{{0,40}}(?:{_WORDS})[\w-]{{0,40}}\s{{1,8}}|"""
            rf"""(?:{_WORDS})[\w.-]{{0,40}}\\?["']?\s{{0,8}}(?:=>|[=:>])\s{{0,8}}(?:b(?=["']))?(?:(?:{_SCHEMES})\s{{1,8}})?){_VALUE}""",
            re.IGNORECASE,
        ),
        _masked,
    ),
    # scheme://user:password@host
    _Rule(("://",), re.compile(r"(://[^\s/:@]{0,400}:)[^\s/@]{1,4000}@"), rf"\1{MASK}@"),
    _Rule(("bearer",), re.compile(r"(bearer\s+)[\w.~+/-]{6,}=*", re.IGNORECASE), rf"\1{MASK}"),
    # access key ids of AWS, https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    _Rule(("akia", "asia"), re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), MASK),
    # hashes as Elasticsearch, PostgreSQL and Kafka write them
    _Rule(("pbkdf2",), re.compile(r"(\{?PBKDF2(?:_STRETCH)?\}?\d+\$)[\w+/=.$-]+", re.IGNORECASE), rf"\1{MASK}"),
    _Rule(("scram-",), re.compile(r"(SCRAM-SHA-\d+\$\d+:)[\w+/=]{1,400}\$[\w+/=]{1,400}:[\w+/=]{1,400}"), rf"\1{MASK}"),
    _Rule(
        ("stored_key", "saltedpassword"),
        re.compile(r"\b((?:salt|stored_key|server_key|saltedpassword)=)[\w+/]+=*", re.IGNORECASE),
        rf"\1{MASK}",
    ),
    # JSON web tokens
    _Rule(("eyj",), re.compile(r"\beyJ[\w-]{8,4000}\.[\w-]{8,8000}\.[\w-]*"), MASK),
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:.{0,16000}?-----END [A-Z ]*PRIVATE KEY-----|[A-Za-z0-9+/=\s\\]*)", re.DOTALL
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
        rules = [(rule, found) for rule in _RULES if (found := [k for k in rule.keywords if k in lowered])]
        if not rules:
            return text
        lines = text.split("\n")
        for number, line in enumerate(lines):
            low = line.lower()
            for rule, keywords in rules:
                if any(keyword in low for keyword in keywords):
                    line = lines[number] = rule.pattern.sub(rule.replacement, line)
        return "\n".join(lines)


def bounded(text: str, limit: int) -> tuple[str, bool]:
    """About ``limit`` characters of ``text``, and whether any were left out.

    A quarter of what is kept comes from the beginning, the rest from the end, cut at line ends where
    there are any. Redact first: a cut through a secret would hide it from the redactor.
    """
    if len(text) <= limit:
        return text, False
    head, tail = text[: limit // 4], text[len(text) - (limit - limit // 4) :]
    head = head[: head.rfind("\n") + 1] or head
    tail = tail[tail.find("\n") + 1 :] or tail
    gap = "" if head.endswith("\n") or not head else "\n"
    left_out = len(text) - len(head) - len(tail)
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
    forms |= {form.replace("+", "-").replace("/", "_") for form in forms if form != secret}
    return {form for form in forms if len(form) >= SHORTEST}
