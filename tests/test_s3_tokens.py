"""A real store whose STS takes web identities of a small issuer: keys for a while, and what each refusal is called."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from issuer import CLIENT, CLIENT_SECRET, Issuer, issuing
from layered import ROOT, critical, replaced, up

from fixtures.s3 import S3
from gonogo.catalog.credentials import ClientCredentials
from gonogo.catalog.registry import Registry
from gonogo.checks import aws
from gonogo.core.endpoints import Endpoints, Secret, Timeouts, Value
from gonogo.core.errors import ClientError
from gonogo.core.outlet import redacted
from gonogo.core.waiting import until

ROLE = "arn:aws:iam::000000000000:role/gonogo"
SHORT = 4
"""Seconds of a short session."""

TARGET = """
[target]
name = "tokens"
provider = "existing"
modes = ["read"]

[components.s3]
endpoint = "{endpoint}"
bucket = "mlflow-artifacts"
auth = "oauth"
role_arn = "{role}"

[components.s3.oauth]
url = "{issuer.token_url}"
client_id = "{client}"
client_secret = {{ env = "CLIENT_SECRET" }}

"""


def identities(issuer: Issuer, duration: str) -> dict[str, Any]:
    """The store's settings: who may take on our role, and what that may do."""
    trust = {"Effect": "Allow", "Principal": {"Federated": "tests"}, "Action": ["sts:AssumeRoleWithWebIdentity"]}
    bucket = ["arn:aws:s3:::mlflow-artifacts", "arn:aws:s3:::mlflow-artifacts/*"]
    may = [
        {"Effect": "Allow", "Action": ["s3:*"], "Resource": bucket},
        {"Effect": "Allow", "Action": ["sts:ValidateSession"], "Resource": ["*"]},
    ]
    return {
        "sts": {
            "tokenDuration": duration,
            "maxSessionLength": "12h",
            "issuer": "the-store",
            "signingKey": "bm90IG9mIHRoaXMgd29ybGQsIG5vdCBvZiB0aGlzIHdvcmxk",
        },
        "providers": [
            {
                "name": "tests",
                "type": "oidc",
                "enabled": True,
                "config": {"issuer": issuer.url, "clientId": issuer.audience, "jwksUri": issuer.jwks_url},
            }
        ],
        "policy": {"defaultEffect": "Deny", "storeType": "memory"},
        "roles": [
            {
                "roleName": "gonogo",
                "roleArn": ROLE,
                "trustPolicy": {"Version": "2012-10-17", "Statement": [trust]},
                "attachedPolicies": ["ours"],
            }
        ],
        "policies": [{"name": "ours", "document": {"Version": "2012-10-17", "Statement": may}}],
    }


class Store(NamedTuple):
    """A store of a folder of one's own, and the issuer that its STS believes."""

    folder: Path
    table: dict[str, Any]
    issuer: Issuer


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with deployed(tmp_path_factory.mktemp("tokens"), "1h") as store:
        yield store


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One whose sessions end within seconds."""
    with deployed(tmp_path_factory.mktemp("short"), f"{SHORT}s") as store:
        yield store


@contextmanager
def deployed(folder: Path, duration: str) -> Iterator[Store]:
    with issuing() as issuer:

        def change(deploy: Path) -> None:
            (deploy / "iam.json").write_text(json.dumps(identities(issuer, duration), indent=1))
            recipe = deploy / "embedded.toml"
            replaced(recipe, "[files]\n", '[files]\n"iam.json" = "iam.json"\n')
            replaced(
                recipe, '"-s3.config=identities.json",', '"-s3.config=identities.json", "-s3.iam.config=iam.json",'
            )

        with up(folder, "s3", change) as table:
            yield Store(folder, table, issuer)


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    aws.assumed.cache_clear()
    yield
    aws.assumed.cache_clear()


def asking(store: Store, token: Secret, **more: str) -> S3:
    where = {"endpoint": store.table["endpoint"], "bucket": "mlflow-artifacts", "auth": "oauth", "role_arn": ROLE}
    expect = Registry.load(ROOT).components["s3"].expect
    return S3(Endpoints("s3", {**where, **more}, {"token": token}, expect=expect, timeouts=Timeouts(5, 10)))


def refused(store: Store, token: str, **more: str) -> ClientError:
    with closing(asking(store, Secret(token), **more)) as s3, pytest.raises(ClientError) as caught:
        s3.answers()
    return caught.value


def test_a_web_identity_takes_on_the_role(store: Store) -> None:
    with closing(asking(store, Secret(store.issuer.token()))) as s3:
        assert s3.answers() == "lists bucket mlflow-artifacts"


def test_the_critical_checks_pass_with_keys_for_a_while(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENT_SECRET", CLIENT_SECRET)
    before = store.issuer.given
    text = TARGET.format(endpoint=store.table["endpoint"], role=ROLE, issuer=store.issuer, client=CLIENT)

    done = critical(store.folder, "s3", text)

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert store.issuer.given > before
    assert CLIENT_SECRET not in done.stdout


def test_nobody_else_gets_in(store: Store) -> None:
    with closing(asking(store, Secret(store.issuer.token()))) as s3:
        s3.refuses_unauthenticated_access()


def test_an_object_goes_there_and_back_as_an_application_puts_it(store: Store) -> None:
    with closing(asking(store, Secret(store.issuer.token()))) as s3:
        assert s3.by_default("pv/tokens", b"as it was") == b"as it was"
        s3.delete("pv/tokens")


@pytest.mark.parametrize(
    ("claims", "signature", "told"),
    [
        ({"ends": -60}, "s3.token_expired", "HTTP 400 ExpiredToken"),
        ({"aud": "another"}, "s3.token_refused", "for audience another"),
        ({"iss": "https://another.example"}, "s3.role_refused", "trust policy"),
        ({"key": "another"}, "s3.token_refused", "the token ends at 20"),
    ],
)
def test_a_web_identity_that_is_not_right_is_refused(
    store: Store, claims: dict[str, Any], signature: str, told: str
) -> None:
    if "key" in claims:
        claims = {"key": rsa.generate_private_key(public_exponent=65537, key_size=2048)}

    error = refused(store, store.issuer.token(**claims))

    assert (error.outcome, error.signature) == ("broken", signature), str(error)
    assert told in str(error)


def test_a_role_that_is_not_there_is_told(store: Store) -> None:
    error = refused(store, store.issuer.token(), role_arn=ROLE.replace("gonogo", "nobody"))

    assert (error.outcome, error.signature) == ("broken", "s3.role_refused")


def test_a_session_that_has_expired_is_refused(short: Store) -> None:
    us = aws.web_identity(asking(short, Secret(short.issuer.token())).endpoints, short.table["endpoint"])
    keys = {"access_key": us.access_key, "secret_key": us.secret_key, "session_token": us.token}
    where = {"endpoint": short.table["endpoint"], "bucket": "mlflow-artifacts"}
    s3 = S3(Endpoints("s3", where, {k: Secret(v) for k, v in keys.items()}, timeouts=Timeouts(5, 10)))

    with closing(s3):
        first = s3.answers()
        error = until(lambda: failure(s3), awaited="the session ends", within=30, every=0.5)

    assert first == "lists bucket mlflow-artifacts"
    assert (error.outcome, error.signature) == ("broken", "s3.token_expired"), str(error)
    assert us.token not in redacted(f"it is {us.token}")


def failure(s3: S3) -> ClientError | None:
    try:
        s3.answers()
    except ClientError as error:
        return error
    return None


def test_keys_are_asked_for_again_before_they_expire(short: Store) -> None:
    given = {"n": 0}

    def source() -> Value:
        given["n"] += 1
        return Value(short.issuer.token(ends=60), 0.0)

    began = time.monotonic()
    with closing(asking(short, Secret(source))) as s3:
        until(lambda: s3.answers() and time.monotonic() - began > 2 * SHORT, awaited="two lives of a key", within=60)

    assert given["n"] >= 2


def test_a_source_that_gives_no_identity_is_not_the_stores_fault(store: Store) -> None:
    source = ClientCredentials("s3", {"url": "http://127.0.0.1:1/", "client_id": "x"}, Secret("y"))

    with closing(asking(store, Secret(source))) as s3, pytest.raises(ClientError) as caught:
        s3.answers()

    assert (caught.value.outcome, caught.value.signature) == ("broken", "s3.credential_unavailable")


def test_the_sdk_itself_finds_a_web_identity_as_pods_have_it(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text(store.issuer.token())
    for name, value in {
        "AWS_ROLE_ARN": ROLE,
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(file),
        "AWS_ENDPOINT_URL_STS": store.table["endpoint"],
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
    }.items():
        monkeypatch.setenv(name, value)
    aws.session.cache_clear()
    where = {"endpoint": store.table["endpoint"], "bucket": "mlflow-artifacts", "auth": "aws"}

    with closing(S3(Endpoints("s3", where, timeouts=Timeouts(5, 10)))) as s3:
        first = s3.answers()
    file.write_text(store.issuer.token(ends=-60))
    aws.session.cache_clear()
    with closing(S3(Endpoints("s3", where, timeouts=Timeouts(5, 10)))) as s3:
        error = failure(s3)
    aws.session.cache_clear()

    assert first == "lists bucket mlflow-artifacts"
    assert error is not None
    assert (error.outcome, error.signature) == ("broken", "s3.token_expired"), str(error)
