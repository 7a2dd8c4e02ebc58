"""Short-lived credentials: programs, issuers and files are asked where the value is needed, and before it expires."""

from __future__ import annotations

import base64
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from issuer import CLIENT, CLIENT_SECRET, issuing
from proxy import proxying
from repositories import Content
from scripted import Reply, serving

from gonogo.catalog import credentials
from gonogo.catalog.credentials import AGAIN, ClientCredentials, CredentialProgram, Said, ends, read
from gonogo.catalog.registry import Registry
from gonogo.catalog.target import load_target
from gonogo.core.endpoints import Secret
from gonogo.core.errors import ConfigError, CredentialUnavailable, ProxyRefused
from gonogo.core.outlet import redacted

NOW = 1_800_000_000.0


def token(**claims: object) -> str:
    parts = (json.dumps(part).encode() for part in ({"alg": "none"}, claims))
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), "c2ln"])


SIGNED = "db.example:5432/?Action=connect&DBUser=me&X-Amz-Date=20270115T080000Z&X-Amz-Expires=900&X-Amz-Signature=ab"


def at(seconds: float) -> str:
    return datetime.fromtimestamp(NOW + seconds, UTC).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("s3cret!", Said("s3cret!", AGAIN)),
        ("{not json", Said("{not json", AGAIN)),
        ("a.b.c", Said("a.b.c", AGAIN)),
        (token(exp=NOW + 60), Said(token(exp=NOW + 60), 60)),
        (token(exp=NOW - 60), Said(token(exp=NOW - 60), 0)),
        (token(sub="me"), Said(token(sub="me"), AGAIN)),
        (token(exp="soon"), Said(token(exp="soon"), AGAIN)),
        (SIGNED, Said(SIGNED, 900)),
        (SIGNED.replace("20270115T080000Z", "today"), Said(SIGNED.replace("20270115T080000Z", "today"), AGAIN)),
        (json.dumps({"access_token": "t", "expires_in": 3600}), Said("t", 3600)),
        (json.dumps({"status": {"token": "t", "expirationTimestamp": at(120)}}), Said("t", 120)),
        (json.dumps({"Version": 1, "Token": "t", "Expiration": at(-5)}), Said("t", 0)),
        (json.dumps({"status": {"token": "t", "expirationTimestamp": "soon"}}), Said("t", AGAIN)),
        (json.dumps({"status": {"token": token(exp=NOW + 9)}}), Said(token(exp=NOW + 9), 9)),
        (json.dumps({"AccessKeyId": "a", "SecretAccessKey": "b"}), None),
        (json.dumps({"status": ["token"]}), None),
        ("{}", None),
        ("", Said("", AGAIN)),
    ],
)
def test_what_a_program_prints_says_until_when_it_holds(printed: str, said: Said | None) -> None:
    assert read(printed, datetime(2027, 1, 15, 8, tzinfo=UTC).timestamp() if printed == SIGNED else NOW) == said


def program(tmp_path: Path, text: str) -> CredentialProgram:
    """The program ``text`` in Python, which notes each time that it is run."""
    file = tmp_path / "credential.py"
    file.write_text(f"import os, sys, time\nopen('runs', 'a').write('x')\n{text}\n")
    return CredentialProgram("store", (sys.executable, str(file), "--password=arg-s3cret"), tmp_path)


def runs(tmp_path: Path) -> int:
    file = tmp_path / "runs"
    return len(file.read_text()) if file.exists() else 0


def test_it_is_run_where_the_value_is_needed_and_kept_as_long_as_it_holds(tmp_path: Path) -> None:
    secret = Secret(program(tmp_path, "print('a-pass-word-1')"))
    before = runs(tmp_path)

    values = [secret.reveal(), secret.reveal()]

    assert (before, values, runs(tmp_path)) == (0, ["a-pass-word-1"] * 2, 1)
    assert "a-pass-word-1" not in redacted("it is a-pass-word-1")
    assert repr(secret) == "Secret(***)"


def test_it_is_run_again_before_the_value_expires(tmp_path: Path) -> None:
    secret = Secret(program(tmp_path, 'print(\'{"access_token": "t%d", "expires_in": 1}\' % os.getpid())'))

    first = secret.reveal()
    again = secret.reveal()
    time_left(secret, 0.1)
    renewed = secret.reveal()

    assert first == again != renewed
    assert runs(tmp_path) == 2


def time_left(secret: Secret, part: float) -> None:
    """As if only this part of its time were left."""
    value = secret._asked
    secret._asked = value._replace(until=value.until - (1 - part))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sys.exit('no ticket for me')", "ended with code 1: no ticket for me"),
        ("print('token=half-s3cret-x', file=sys.stderr); sys.exit(7)", "ended with code 7: token="),
        ("os.kill(os.getpid(), 9)", "ended with code -9"),
        ("", "prints nothing"),
        ("print('{}')", "no one value is known"),
        ("sys.stdout.buffer.write(bytes([255, 254]))", "not UTF-8"),
        ("print('x' * (2 << 20))", "prints more than 1048576 bytes"),
        ("time.sleep(60)", "did not end within 0.5 s"),
        ("os.system('sleep 60')", "did not end within 0.5 s"),
    ],
)
def test_a_program_that_gives_no_value_could_not_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.setattr(credentials, "PATIENCE", 0.5 if "60" in text else 30)
    began = time.monotonic()

    with pytest.raises(CredentialUnavailable) as caught:
        program(tmp_path, text)()

    assert said in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert (caught.value.outcome, caught.value.signature) == ("broken", "store.credential_unavailable")
    assert time.monotonic() - began < 20


def test_a_program_that_is_not_there_is_a_mistake_in_the_file(content: Content) -> None:
    path = content.target()
    path.write_text(path.read_text() + 'password = { command = ["no-such-program", "s3cret"] }\n')
    content.write(
        "deploy/shop/component.toml",
        'title = "Shop"\n[endpoints]\nrequired = ["folder"]\nsecret = ["password"]\noptional = ["password"]\n',
    )
    registry = Registry.load(content.root)

    with pytest.raises(ConfigError) as caught:
        load_target("there", content.root, registry).resolved(registry.components["shop"])

    assert "no such program: 'no-such-program'" in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(("value", "told"), [("{ command = [] }", "must be one of"), ('{ command = "x" }', "command")])
def test_a_command_is_a_list_of_words(content: Content, value: str, told: str) -> None:
    path = content.target()
    path.write_text(path.read_text() + f"folder_of = {value}\n")
    content.write(
        "deploy/shop/component.toml",
        'title = "Shop"\n[endpoints]\nrequired = ["folder"]\noptional = ["folder_of"]\nsecret = ["folder_of"]\n',
    )

    with pytest.raises(ConfigError) as caught:
        load_target("there", content.root, Registry.load(content.root))

    assert told in str(caught.value)


def test_two_that_run_the_same_program_are_equal(tmp_path: Path) -> None:
    one, other = program(tmp_path, ""), program(tmp_path, "")

    assert Secret(one) == Secret(other) != Secret(CredentialProgram("store", ("x",), tmp_path))
    assert len({Secret(one), Secret(other)}) == 1


# -- an issuer, and files that somebody writes anew


def issued(url: str, secret: str = CLIENT_SECRET, **more: str) -> ClientCredentials:
    return ClientCredentials("store", {"url": url, "client_id": CLIENT, **more}, Secret(secret))


def test_an_issuer_gives_our_client_a_token_and_is_asked_again_before_it_expires() -> None:
    with issuing() as issuer:
        issuer.lifetime = 2
        secret = Secret(issued(issuer.token_url, scope="all of it", audience="store"))

        first, again = secret.reveal(), secret.reveal()
        time_left(secret, -10)
        renewed = secret.reveal()

    assert first == again != renewed
    assert issuer.given == 2
    assert issuer.asked[0] == {"grant_type": "client_credentials", "scope": "all of it", "audience": "store"}
    assert first not in redacted(f"it is {first}")


@pytest.mark.parametrize(
    ("replies", "signature", "told"),
    [
        ([Reply(401, '{"error": "invalid_client"}')], "store.issuer_refused", "HTTP 401 invalid_client"),
        ([Reply(400, '{"error": "invalid_scope", "error_description": "no"}')], "store.issuer_refused", "scope: no"),
        ([Reply(500, "ouch")], "store.credential_unavailable", "HTTP 500, and no token: ouch"),
        ([Reply(200, "<html>a login page</html>")], "store.credential_unavailable", "a login page"),
        ([Reply(200, '{"access_token": 7}')], "store.credential_unavailable", "and no token"),
        ([Reply(cut=True)], "store.credential_unavailable", "cannot be asked"),
    ],
)
def test_an_issuer_that_gives_none_is_told_by_its_code(replies: list[Reply], signature: str, told: str) -> None:
    with serving({"POST /token": replies}) as script, pytest.raises(CredentialUnavailable) as caught:
        issued(f"{script.url}/token")()

    assert (caught.value.outcome, caught.value.signature) == ("broken", signature)
    assert told in str(caught.value)
    assert CLIENT_SECRET not in str(caught.value)


@pytest.mark.parametrize(("refuses", "signature"), [(407, "store.proxy_refused"), (0, "store.proxy_refused")])
def test_a_proxy_before_the_issuer_is_told_apart(monkeypatch: pytest.MonkeyPatch, refuses: int, signature: str) -> None:
    with proxying({}, refuses=refuses) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        for scheme in ("http", "https"):
            with pytest.raises(ProxyRefused) as caught:
                issued(f"{scheme}://issuer.invalid/token")()

            assert (caught.value.outcome, caught.value.signature) == ("broken", signature)


def test_a_file_with_a_token_is_read_again_before_that_expires(content: Content) -> None:
    path = content.target()
    path.write_text(path.read_text() + 'password = { file = "token" }\n')
    content.write(
        "deploy/shop/component.toml",
        'title = "Shop"\n[endpoints]\nrequired = ["folder"]\nsecret = ["password"]\noptional = ["password"]\n',
    )
    file = path.parent / "token"
    file.write_text(token(exp=time.time() + 60) + "\n")
    registry = Registry.load(content.root)
    secret = load_target("there", content.root, registry).resolved(registry.components["shop"]).secrets["password"]

    first = secret.reveal()
    file.write_text(token(exp=time.time() + 90))
    again = secret.reveal()
    time_left(secret, -100)
    renewed = secret.reveal()

    assert (again, renewed) == (first, file.read_text())
    assert renewed != first


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (token(exp=1_800_000_000), datetime.fromtimestamp(1_800_000_000, UTC)),
        (SIGNED, datetime(2027, 1, 15, 8, 15, tzinfo=UTC)),
        (
            base64.urlsafe_b64encode(f"https://{SIGNED}".encode()).decode().rstrip("="),
            datetime(2027, 1, 15, 8, 15, tzinfo=UTC),
        ),
        (token(exp=1e300), None),
        (token(sub="me"), None),
        ("a password", None),
        ("", None),
    ],
)
def test_a_token_says_itself_when_it_ends(value: str, told: datetime | None) -> None:
    end = ends(value)

    assert end is told is None or (end is not None and told is not None and abs((end - told).total_seconds()) < 1)
