"""Real brokers that take tokens (OAUTHBEARER) of a small issuer: what lets us in, and what each refusal is called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from issuer import CLIENT, CLIENT_SECRET, Issuer, issuing
from layered import ROOT, critical, replaced, up

from fixtures.kafka import Kafka
from gonogo.catalog.credentials import ClientCredentials
from gonogo.catalog.registry import Registry
from gonogo.checks import aws
from gonogo.core.endpoints import Endpoints, Secret, Timeouts, Value
from gonogo.core.errors import ClientError
from gonogo.core.outlet import redacted
from gonogo.core.waiting import until

HANDLER = "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler"
LOGIN = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"
SETTINGS = """
listener.name.client.sasl.enabled.mechanisms=PLAIN,OAUTHBEARER
listener.name.client.oauthbearer.sasl.server.callback.handler.class={handler}
listener.name.client.oauthbearer.sasl.jaas.config={login} required ;
listener.name.client.oauthbearer.sasl.oauthbearer.jwks.endpoint.url={issuer.jwks_url}
listener.name.client.oauthbearer.sasl.oauthbearer.expected.issuer={issuer.url}
listener.name.client.oauthbearer.sasl.oauthbearer.expected.audience={issuer.audience}
listener.name.client.oauthbearer.connections.max.reauth.ms=600000
listener.name.client.oauthbearer.sasl.oauthbearer.clock.skew.seconds=0
"""

TARGET = """
[target]
name = "tokens"
provider = "existing"
modes = ["read", "write"]

[components.kafka]
bootstrap = "{bootstrap}"
identity = "{identity}"
auth = "oauth"
security = {{ security_protocol = "SASL_PLAINTEXT" }}

[components.kafka.oauth]
url = "{issuer.token_url}"
client_id = "{client}"
client_secret = {{ env = "CLIENT_SECRET" }}
"""


class Brokers(NamedTuple):
    """Brokers of a folder of one's own, and the issuer that they believe."""

    folder: Path
    table: dict[str, Any]
    issuer: Issuer


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    """Kafka as it is deployed here, with OAUTHBEARER added to the clients' listener."""
    folder = tmp_path_factory.mktemp("tokens")
    with issuing() as issuer:

        def change(deploy: Path) -> None:
            settings = deploy / "server.properties"
            settings.write_text(settings.read_text() + SETTINGS.format(handler=HANDLER, login=LOGIN, issuer=issuer))
            classpath = '"-cp", "{{ classpath }}", "kafka.Kafka"'
            allowed = f'"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={issuer.jwks_url}"'
            replaced(deploy / "embedded.toml", classpath, f"{allowed}, {classpath}")

        with up(folder, "kafka", change) as table:
            yield Brokers(folder, table, issuer)


def asking(brokers: Brokers, token: Secret) -> Kafka:
    """A client that shows this token."""
    where = {
        "bootstrap": brokers.table["bootstrap"],
        "auth": "oauth",
        "security": {"security_protocol": "SASL_PLAINTEXT"},
    }
    expect = Registry.load(ROOT).components["kafka"].expect
    times = Timeouts(connect=10, check=20)
    return Kafka(Endpoints("kafka", where, {"token": token}, expect=expect, timeouts=times))


def refused(brokers: Brokers, token: Secret | str) -> ClientError:
    secret = token if isinstance(token, Secret) else Secret(token)
    with closing(asking(brokers, secret)) as kafka, pytest.raises(ClientError) as caught:
        kafka.answers()
    return caught.value


def test_the_critical_checks_pass_with_tokens_of_the_issuer(brokers: Brokers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENT_SECRET", CLIENT_SECRET)
    text = TARGET.format(
        bootstrap=brokers.table["bootstrap"], identity=identity(brokers), issuer=brokers.issuer, client=CLIENT
    )

    done = critical(brokers.folder, "kafka", text)

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
    assert brokers.issuer.given
    assert CLIENT_SECRET not in done.stdout


def identity(brokers: Brokers) -> str:
    with closing(asking(brokers, Secret(brokers.issuer.token()))) as kafka:
        return str(kafka.identity())


def test_a_token_that_has_expired_is_told_by_its_own_word(brokers: Brokers) -> None:
    error = refused(brokers, brokers.issuer.token(ends=-60))

    assert (error.outcome, error.signature) == ("broken", "kafka.token_expired"), str(error)
    assert '"status":"invalid_token"' in str(error)
    assert "the token expired at 20" in str(error)


def test_a_token_for_another_audience_is_refused(brokers: Brokers) -> None:
    error = refused(brokers, brokers.issuer.token(aud="another"))

    assert (error.outcome, error.signature) == ("broken", "kafka.token_refused"), str(error)
    assert "for audience another" in str(error)


def test_a_token_of_an_unknown_key_is_refused(brokers: Brokers) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    error = refused(brokers, brokers.issuer.token(key=key))

    assert (error.outcome, error.signature) == ("broken", "kafka.token_refused"), str(error)


def test_what_is_no_token_is_refused_and_not_shown(brokers: Brokers) -> None:
    error = refused(brokers, "not-a-t0ken-at-all")

    assert (error.outcome, error.signature) == ("broken", "kafka.token_refused"), str(error)
    assert "not-a-t0ken-at-all" not in redacted(str(error))


@pytest.mark.parametrize(
    ("url", "secret", "signature"),
    [
        ("{issuer.token_url}", "another", "kafka.issuer_refused"),
        ("{issuer.url}/nothing-there", CLIENT_SECRET, "kafka.credential_unavailable"),
        ("http://127.0.0.1:1/token", CLIENT_SECRET, "kafka.credential_unavailable"),
    ],
)
def test_an_issuer_that_gives_none_is_not_the_brokers_fault(
    brokers: Brokers, url: str, secret: str, signature: str
) -> None:
    table = {"url": url.format(issuer=brokers.issuer), "client_id": CLIENT}

    error = refused(brokers, Secret(ClientCredentials("kafka", table, Secret(secret))))

    assert (error.outcome, error.signature) == ("broken", signature)


def test_a_token_is_asked_for_again_before_it_expires(brokers: Brokers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brokers.issuer, "lifetime", 4.0)
    table = {"url": brokers.issuer.token_url, "client_id": CLIENT}
    source = ClientCredentials("kafka", table, Secret(CLIENT_SECRET))
    secret, before = Secret(source), brokers.issuer.given

    with closing(asking(brokers, secret)) as kafka:
        renewed = until(lambda: anew(kafka) and brokers.issuer.given >= before + 3, awaited="a third token", within=20)

    assert renewed


def anew(kafka: Kafka) -> bool:
    """Whether a broker lets in a client that connects anew."""
    kafka.close()
    vars(kafka).pop("_entrance", None)
    return bool(kafka.answers() and kafka.listed())


def test_a_source_that_fails_later_is_not_the_brokers_fault_either(brokers: Brokers) -> None:
    sources = [lambda: Value(brokers.issuer.token(), 0.0)]

    def source() -> Value:
        return sources[-1]()

    with closing(asking(brokers, Secret(source))) as kafka:
        assert anew(kafka)
        sources.append(ClientCredentials("kafka", {"url": "http://127.0.0.1:1/", "client_id": "x"}, Secret("y")))
        with pytest.raises(ClientError) as caught:
            anew(kafka)

    assert (caught.value.outcome, caught.value.signature) == ("broken", "kafka.credential_unavailable")


def test_an_address_that_a_key_of_aws_signed_is_shown_to_the_broker(
    brokers: Brokers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """These brokers are none of AWS's, so that they do not take it: that it is shown is what can be seen here."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDTEST0000EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-s3cret-of-the-key")
    aws.session.cache_clear()
    where = {"auth": "aws", "region": "eu-central-1", "security": {"security_protocol": "SASL_PLAINTEXT"}}
    there = {"bootstrap": brokers.table["bootstrap"], **where}

    kafka = Kafka(Endpoints("kafka", there, timeouts=Timeouts(10, 20)))
    with closing(kafka), pytest.raises(ClientError) as caught:
        kafka.answers()
    aws.session.cache_clear()

    assert (caught.value.outcome, caught.value.signature) == ("broken", "kafka.token_refused")
    assert '"status":"invalid_token"' in str(caught.value)
    assert "the token ends at 20" in str(caught.value)
