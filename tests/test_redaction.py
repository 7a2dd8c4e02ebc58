"""Secrets leave no trace, and everything else stays readable."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest

from gonogo.redaction import MASK, Redactor, bounded

CANARY = "kT9+x/Q~~?w ?>4&Lm7"


@pytest.mark.parametrize(
    "text",
    [
        CANARY,
        f"connecting with {CANARY} now",
        quote(CANARY, safe=""),
        quote_plus(CANARY),
        json.dumps({"value": CANARY}),
        base64.b64encode(CANARY.encode()).decode(),
        base64.urlsafe_b64encode(CANARY.encode()).decode(),
    ],
)
def test_a_known_secret_is_replaced_in_every_form(text: str) -> None:
    redacted = Redactor([CANARY])(text)
    assert MASK in redacted
    assert not _revealed(redacted)


@pytest.mark.parametrize("user", ["e", "el", "elastic", "a longer user name"])
def test_a_known_secret_is_replaced_within_basic_credentials(user: str) -> None:
    encoded = base64.b64encode(f"{user}:{CANARY}".encode()).decode()
    redacted = Redactor([CANARY])(f"sent {encoded}")
    assert MASK in redacted
    assert len(redacted) < len(f"sent {encoded}") - 12


def test_a_secret_known_later_is_replaced_too() -> None:
    redactor = Redactor()
    assert redactor(f"x {CANARY}") == f"x {CANARY}"
    redactor.add(f"{CANARY}\n")
    assert redactor(f"x {CANARY}") == f"x {MASK}"


def test_a_short_value_is_left_alone() -> None:
    assert Redactor(["admin", ""])("the admin said so") == "the admin said so"


def test_of_two_secrets_the_longer_goes_first() -> None:
    assert Redactor(["secret-1", "secret-1-extended"])("[secret-1-extended]") == f"[{MASK}]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("password=hunter22 next", "password=*** next"),
        ('{"password": "hun ter\\"22", "user": "x"}', '{"password": "***", "user": "x"}'),
        ("{'password': 'abc', 'n': 1}", "{'password': '***', 'n': 1}"),
        ('{\\"password\\": \\"abc\\"}', '{\\"password\\": \\"***\\"}'),
        ("<password>abc</password>", "<password>***</password>"),
        ("--password hunter22 --user x", "--password *** --user x"),
        ("AWS_SECRET_ACCESS_KEY=abc/def+x", "AWS_SECRET_ACCESS_KEY=***"),
        ('required username="u" password="pw";', 'required username="u" password="***";'),
        ("X-Api-Key: 1234", "X-Api-Key: ***"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic ***"),
        ("authorization: Bearer abc.def", "authorization: Bearer ***"),
        ("sent bearer abcdef.ghi", "sent bearer ***"),
        ("postgres://mlflow:pw12@db:5432/mlflow", "postgres://mlflow:***@db:5432/mlflow"),
        ("key AKIAABCDEFGHIJKLMNOP used", "key *** used"),
        ("elastic:{PBKDF2}10000$abc=$def=", "elastic:{PBKDF2}10000$***"),
        ("SCRAM-SHA-256$4096:c2FsdA==$c3Rv:c2Vy", "SCRAM-SHA-256$4096:***"),
        ("salt=a=,stored_key=b=,server_key=c=", "salt=***,stored_key=***,server_key=***"),
        ("got eyJhbGciOiJI.eyJzdWIiOiIx.SflKxw", "got ***"),
        ("a\n-----BEGIN RSA PRIVATE KEY-----\nMII\nx==\n-----END RSA PRIVATE KEY-----\nb", "a\n***\nb"),
    ],
)
def test_an_unknown_secret_is_found_by_what_stands_around_it(text: str, expected: str) -> None:
    redactor = Redactor()
    assert redactor(text) == expected
    assert redactor(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        'FATAL: password authentication failed for user "mlflow"',
        "GET http://127.0.0.1:20110/path?who=a@b HTTP/1.1",
        "INFO broker 2 was fenced at epoch 12",
        "Das Paßwort wurde geändert ✓",
        "",
    ],
)
def test_ordinary_lines_stay_as_they_are(text: str) -> None:
    assert Redactor([CANARY])(text) == text


def test_short_text_is_not_cut() -> None:
    assert bounded("abc", 3) == ("abc", False)


def test_long_text_keeps_its_beginning_and_more_of_its_end() -> None:
    text = "".join(f"line {number}\n" for number in range(1000))
    kept, truncated = bounded(text, 400)
    head, gap, tail = kept.partition("[… ")
    assert truncated
    assert text.startswith(head)
    assert text.endswith(tail.partition("left out …]\n")[2])
    assert gap
    assert head.endswith("\n")
    assert len(head) < len(tail) < 400
    assert len(kept) < 460


def test_one_endless_line_is_cut_as_well() -> None:
    kept, truncated = bounded("x" * 10_000, 100)
    assert truncated
    assert kept.startswith("x" * 25 + "\n[… 9,900 characters left out …]\n")


def _revealed(text: str) -> bool:
    candidates = [text, *text.replace('"', " ").split()]
    for candidate in candidates:
        if CANARY in candidate or quote(CANARY, safe="") in candidate:
            return True
        try:
            decoded = base64.urlsafe_b64decode(candidate.replace("+", "-").replace("/", "_"))
        except ValueError:
            continue
        if CANARY.encode() in decoded:
            return True
    return False
