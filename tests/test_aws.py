"""What services of AWS are shown in place of a password, held against its documents by another hand than the SDK's."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from proxy import proxying
from scripted import Reply, serving
from signatures_of_aws import verified

from fixtures.kafka import signed_token
from gonogo.catalog.credentials import ends
from gonogo.checks import aws, bearer
from gonogo.core.endpoints import Endpoints, Secret, Timeouts
from gonogo.core.errors import ClientError, CredentialUnavailable, Denied
from gonogo.core.outlet import redacted

KEY, SECRET, SESSION = "AKIDTEST0000EXAMPLE", "the-s3cret-of-the-key", "the-s3ssion/tok+n=="
TIMES = Timeouts(connect=2, check=2)


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No account of this machine is known, and there is no instance that could tell one."""
    for name in ("PROFILE", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "REGION", "DEFAULT_REGION"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    aws.session.cache_clear()
    aws.assumed.cache_clear()
    yield
    aws.session.cache_clear()


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", SESSION)


def kafka(**more: str) -> Endpoints:
    return Endpoints("kafka", {"bootstrap": "b-1:9098", "region": "eu-central-1", **more}, timeouts=TIMES)


def database(**more: str) -> Endpoints:
    where = {"host": "db.example", "port": 5432, "username": "me", "region": "eu-central-1"}
    return Endpoints("postgresql", {**where, **more}, timeouts=TIMES)


@pytest.mark.usefixtures("known")
def test_the_token_for_brokers_is_an_address_that_our_key_signed() -> None:
    token = signed_token(kafka())

    address = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    asked = verified(address, SECRET, datetime.now(UTC))
    assert address.startswith("https://kafka.eu-central-1.amazonaws.com/?Action=kafka-cluster%3AConnect&")
    assert (asked["Action"], asked["X-Amz-Expires"]) == ("kafka-cluster:Connect", "900")
    assert asked["X-Amz-Credential"].startswith(f"{KEY}/")
    assert asked["X-Amz-Credential"].endswith("/eu-central-1/kafka-cluster/aws4_request")
    assert asked["X-Amz-Security-Token"] == SESSION
    assert "=" not in token


@pytest.mark.usefixtures("known")
def test_another_key_did_not_sign_it() -> None:
    token = signed_token(kafka())

    address = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    with pytest.raises(AssertionError):
        verified(address, "another secret", datetime.now(UTC))
    with pytest.raises(AssertionError):
        verified(address, SECRET, datetime.now(UTC) + timedelta(seconds=901))


@pytest.mark.usefixtures("known")
def test_the_token_for_a_database_is_the_one_of_the_sdk() -> None:
    from botocore.signers import generate_db_auth_token

    ours = aws.database_token(database())

    client = aws.session_of(database()).create_client("rds", region_name="eu-central-1")
    theirs = generate_db_auth_token(client, "db.example", 5432, "me")
    asked = verified(f"https://{ours}", SECRET, datetime.now(UTC))
    assert ours.startswith("db.example:5432/?Action=connect&DBUser=me&X-Amz-Algorithm=AWS4-HMAC-SHA256&")
    varying = ("X-Amz-Date", "X-Amz-Signature")
    same = verified(f"https://{theirs}", SECRET, datetime.now(UTC))
    assert {k: v for k, v in asked.items() if k not in varying} == {k: v for k, v in same.items() if k not in varying}


@pytest.mark.usefixtures("known")
def test_tokens_say_until_when_they_hold_and_are_shown_nowhere() -> None:
    tokens = [signed_token(kafka()), aws.database_token(database())]

    for token in tokens:
        end = ends(token)
        assert end is not None
        assert 890 < end.timestamp() - time.time() <= 901
        assert token not in redacted(f"it is {token}")
    assert SESSION not in redacted(f"it is {SESSION}")
    assert SECRET not in redacted(f"it is {SECRET}")


@pytest.mark.usefixtures("known")
def test_the_region_is_told_by_the_target_file_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CredentialUnavailable, match="no region is told"):
        signed_token(kafka(region=""))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    aws.session.cache_clear()

    assert b"kafka.eu-west-1." in base64.urlsafe_b64decode(signed_token(kafka(region="")) + "===")


def test_nobody_is_known_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    # documentation addresses of RFC 5737 lead nowhere
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://192.0.2.1/")
    began = time.monotonic()

    with pytest.raises(CredentialUnavailable) as caught:
        aws.database_token(database())

    assert (caught.value.outcome, caught.value.signature) == ("broken", "postgresql.credential_unavailable")
    assert time.monotonic() - began < 8


def test_a_profile_that_is_not_there_is_told() -> None:
    with pytest.raises(CredentialUnavailable, match="nobody-has-this"):
        aws.database_token(database(profile="nobody-has-this"))


REFUSED = "<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
CODES = [
    (400, "ExpiredTokenException", "s3.token_expired", "broken"),
    (400, "InvalidIdentityToken", "s3.token_refused", "broken"),
    (403, "AccessDenied", "s3.role_refused", "broken"),
    (400, "IDPCommunicationError", "s3.issuer_unreachable", "failed"),
    (400, "PackedPolicyTooLarge", "s3.issuer_refused", "broken"),
]


def identity(url: str, token: str = "a-w3b-identity") -> Endpoints:
    where = {"endpoint": url, "role_arn": "arn:aws:iam::000000000000:role/gonogo"}
    return Endpoints("s3", where, {"token": Secret(token)}, timeouts=TIMES)


@pytest.mark.parametrize(("status", "code", "signature", "outcome"), CODES)
def test_what_an_sts_refuses_is_known_by_its_code(status: int, code: str, signature: str, outcome: str) -> None:
    with (
        serving({"POST /": [Reply(status, REFUSED.format(code=code))]}) as sts,
        pytest.raises(ClientError) as caught,
    ):
        aws.web_identity(identity(sts.url), sts.url)

    assert (caught.value.signature, caught.value.outcome) == (signature, outcome)


def test_an_sts_that_is_not_there_gives_no_credentials() -> None:
    with pytest.raises(CredentialUnavailable, match=r"the STS at http://127\.0\.0\.1:1 cannot be asked"):
        aws.web_identity(identity("http://127.0.0.1:1"), "http://127.0.0.1:1")


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(("refuses", "signature"), [(407, "s3.proxy_refused"), (None, "s3.proxy_unreachable")])
def test_a_proxy_before_an_sts_is_told_apart(
    monkeypatch: pytest.MonkeyPatch, scheme: str, refuses: int | None, signature: str
) -> None:
    url = f"{scheme}://sts.invalid"
    with proxying({}, refuses=refuses or 0) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url if refuses else "http://127.0.0.1:1")

        with pytest.raises(ClientError) as caught:
            aws.web_identity(identity(url), url)

    assert (caught.value.outcome, caught.value.signature) == ("broken", signature)


def part(data: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("token", "kind", "told"),
    [
        (
            f"{part({})}.{part({'exp': 1, 'iss': 'https://i', 'aud': ['a', 'b']})}.c2ln",
            "token_expired",
            "of issuer https://i",
        ),
        (f"{part({})}.{part({'exp': 1e10})}.c2ln", "token_refused", "the token ends at 2286-"),
        ("h:1/?X-Amz-Date=20200101T000000Z&X-Amz-Expires=900&X-Amz-Signature=ab", "token_expired", "expired at 2020"),
        ("opaque", "token_refused", "no entry"),
    ],
)
def test_a_refused_token_tells_why_itself(token: str, kind: str, told: str) -> None:
    error = bearer.refused(Denied("store", "no entry"), token)

    assert (type(error), error.signature, error.outcome) == (Denied, f"store.{kind}", "broken")
    assert told in str(error)
