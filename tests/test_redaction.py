"""Secrets leave no trace, and everything else stays readable."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from time import process_time
from urllib.parse import quote, quote_plus

import pytest
from ordinary_lines import lines
from planted import Planted, kinds

from benchmarks.redaction import HOSTILE
from gonogo.redaction import MASK, Redactor, bounded
from gonogo.redaction.known import secrets_in
from gonogo.redaction.names import Held, held
from gonogo.redaction.stream import RedactingStream

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


# -- how many are found, and how many others are changed


@pytest.fixture(scope="module")
def planted() -> list[Planted]:
    """All planted kinds."""
    return kinds()


def test_every_planted_kind_is_one_of_its_own(planted: list[Planted]) -> None:
    assert len({one.kind for one in planted}) == len(planted) >= 500
    assert [one for one in planted if one.secret not in one.text] == []


def test_no_planted_secret_is_shown(planted: list[Planted]) -> None:
    redact = Redactor()

    assert [one.kind for one in planted if one.secret in redact(one.text)] == []


def test_no_planted_secret_is_shown_beside_others(planted: list[Planted]) -> None:
    # what one text leaves open, a quote or a block, must not hide the next one's secret
    redact, shown = Redactor(), []
    for before, one, after in zip(planted, planted[1:], planted[2:], strict=False):
        whole = redact(f"{before.text}\n\n{one.text}\n\n{after.text}")
        if one.secret in whole and one.secret not in redact(before.text) + redact(after.text):
            shown.append(one.kind)

    assert shown == []


def test_redacting_twice_changes_nothing_more(planted: list[Planted]) -> None:
    redact = Redactor()
    once = [redact(one.text) for one in planted]

    assert [text for text in once if redact(text) != text] == []


def test_of_two_hundred_ordinary_lines_at_most_one_is_changed() -> None:
    redact, ordinary = Redactor([CANARY]), lines()
    changed = [line for line in ordinary if redact(line) != line]

    assert len({*ordinary}) >= 600
    assert len(changed) * 200 <= len(ordinary), changed


def test_ordinary_lines_are_no_secret_to_each_other() -> None:
    ordinary = lines()
    shown = Redactor()("\n".join(ordinary)).split("\n")

    assert len(shown) == len(ordinary)
    assert sum(a != b for a, b in zip(ordinary, shown, strict=True)) * 200 <= len(ordinary)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("DB_PASS", Held.PASSWORD),
        ("sslKeystorePassword", Held.PASSWORD),
        ("pgpassword", Held.PASSWORD),
        ("apiKey", Held.SECRET),
        ("STRIPE_KEY", Held.SECRET),
        ("clientSecret", Held.SECRET),
        ("access_token", Held.SECRET),
        ("partition_key", Held.NOTHING),
        ("max_tokens", Held.NOTHING),
        ("token_type", Held.NOTHING),
        ("secretName", Held.NOTHING),
        ("DB_PASSWORD_FILE", Held.NOTHING),
        ("password.encoder.iterations", Held.NOTHING),
        ("bypass", Held.NOTHING),
        ("token_loader.cc", Held.NOTHING),
        ("Authorization", Held.HEADER),
        ("Set-Cookie", Held.COOKIE),
    ],
)
def test_a_name_says_what_it_holds(name: str, kind: Held) -> None:
    assert held(name.encode()) is kind


# -- known values


@pytest.mark.parametrize("known", [1, 50, 500])
@pytest.mark.parametrize("length", [6, 7, 8, 14, 15, 16, 40])
def test_a_known_value_is_found_at_every_place(known: int, length: int) -> None:
    values = [f"{n:04d}" + "zQ7~x" * 9 for n in range(known)]
    redact = Redactor(value[:length] for value in values)
    secret = values[-1][:length]

    for before in range(9):
        assert redact("." * before + secret + "!" * 3) == "." * before + MASK + "!" * 3


@pytest.mark.parametrize(
    "form",
    [
        lambda value: value.encode().hex(),
        lambda value: value.replace("&", "&amp;").replace("'", "&#x27;").replace("<", "&lt;").replace(">", "&gt;"),
        lambda value: repr(value)[1:-1],
        lambda value: json.dumps(json.dumps(value)),
        lambda value: base64.b64encode(base64.b64encode(value.encode())).decode(),
        lambda value: base64.b64encode(value.encode("utf-16-le")).decode(),
        lambda value: base64.b64encode(f"{value}\n".encode()).decode(),
        lambda value: re.sub("%..", lambda code: code[0].lower(), quote(value, safe="")),
    ],
    ids=["hex", "XML", "repr", "JSON in JSON", "base64 twice", "UTF-16", "with a newline", "lower case"],
)
def test_a_known_value_is_found_as_programs_write_it(form: Callable[[str], str]) -> None:
    value = "it's <a> & b/c?9~XY"
    written = form(value)
    shown = Redactor([value])(f"before {written} after")

    assert MASK in shown
    assert written[4:-4] not in shown


def test_what_is_secret_within_a_known_value_is_known_too() -> None:
    url, config = "https://me:hunter2hunter2@h.example", json.dumps({"auths": {"r": {"auth": "bWU6aHVudGVyMg=="}}})
    redact = Redactor([url, config, "first-line-9\nsecond-line-9"])

    shown = redact("saw hunter2hunter2 and bWU6aHVudGVyMg== and second-line-9")

    assert shown == "saw *** and *** and ***"


def test_the_secrets_of_a_kubeconfig_are_told_from_the_rest() -> None:
    user = {
        "token": "tok-123456",
        "client-certificate": "/etc/pki/me.crt",
        "client-key": "/etc/pki/me.key",
        "client-key-data": base64.b64encode(b"the key itself").decode(),
        "auth-provider": {"name": "oidc", "config": {"client-id": "me", "client-secret": "abc-123456"}},
        "exec": {"args": ["--token", "arg-123456"], "env": [{"name": "X_PASS", "value": "env-123456"}]},
    }
    found = {*secrets_in({"user": user, "cluster": {"server": "https://h", "proxy-url": "http://me:pw-123456@p"}})}

    wanted = {"tok-123456", "abc-123456", "arg-123456", "env-123456", "pw-123456", "the key itself"}
    assert found == wanted | {user["client-key-data"]}


def test_a_plain_word_is_replaced_where_it_stands_alone() -> None:
    redact = Redactor(["elastic"])

    assert redact("elastic runs elasticsearch as elastic.") == "*** runs elasticsearch as ***."


# -- in pieces


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_a_text_in_pieces_shows_what_the_whole_shows(size: int, planted: list[Planted]) -> None:
    redact = Redactor([CANARY])
    for one in [*planted[::9], Planted("known", CANARY, f"a {CANARY}{CANARY} b\n")]:
        stream, text = RedactingStream(redact), f"before\n{one.text}\nafter\n"
        pieces = [stream.feed(text[begin : begin + size]) for begin in range(0, len(text), size)]
        pieces = [piece + stream.pause() for piece in pieces]
        assert one.secret not in "".join([*pieces, stream.end()]), one.kind


def test_an_unfinished_line_waits_only_where_a_secret_may_have_begun() -> None:
    stream = RedactingStream(Redactor([CANARY]))

    assert (stream.feed("ok .."), stream.pause()) == ("", "ok ..")
    assert (stream.feed(f".{CANARY[:5]}"), stream.pause()) == ("", "")
    assert stream.feed("x\n") == f".{CANARY[:5]}x\n"
    assert (stream.feed("token=a"), stream.pause(), stream.end()) == ("", "", "token=a")


# -- time


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_ten_times_as_much_takes_about_ten_times_as_long(number: int) -> None:
    redact, make = Redactor([CANARY]), HOSTILE[number]
    redact(make(2_000))  # whatever is compiled first

    def took(size: int) -> float:
        text, began = make(size), process_time()
        redact(text)
        return process_time() - began

    # ten times as long, with room for a busy machine; the square would be a hundred times
    longer = min(took(200_000) for _ in range(2))
    assert longer < 40 * max(min(took(20_000) for _ in range(3)), 0.001)


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
