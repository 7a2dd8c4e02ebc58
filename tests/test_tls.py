"""What stands in the way of TLS, as each component's own client meets it: one cause for each, and never a false GO.

The ports here do no more than a handshake; the servers of the target ``embedded-tls`` are asked by the suites.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority, Pair
from tls_front import front

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import load_target
from gonogo.checks.certificates import STARTTLS, explained, holding
from gonogo.checks.clients import client_class, load
from gonogo.checks.journal import Journal
from gonogo.checks.translate import translated
from gonogo.core.endpoints import Endpoints, Secret, Timeouts
from gonogo.core.errors import ClientError, NotAskable, Refused, Untrusted
from gonogo.core.outcomes import Mode, Outcome
from gonogo.providers.choose import provider_for
from gonogo.run.diagnosis import filled, whereabouts
from gonogo.run.platform import Platform

REGISTRY = Registry.load(Path(__file__).parent.parent)
PASSWORD = Secret("not-asked-for")
LIMITS = Timeouts(connect=5, check=5)


@dataclass(frozen=True)
class Way:
    """How a client is told to ask: whether with TLS, whom it trusts, and what it shows."""

    port: int
    encrypted: bool = True
    ca: Path | None = None
    own: Pair | None = None

    @property
    def files(self) -> dict[str, str]:
        """The endpoint keys of these files."""
        given = {"ca": self.ca, "cert": self.own and self.own.certificate, "key": self.own and self.own.key}
        return {key: str(path) for key, path in given.items() if path}


def elasticsearch(way: Way) -> Endpoints:
    url = f"http{'s' * way.encrypted}://127.0.0.1:{way.port}"
    return Endpoints("elasticsearch", {"url": url, "username": "gonogo", **way.files}, {"password": PASSWORD})


def kafka(way: Way) -> Endpoints:
    names = {"ca": "ssl_cafile", "cert": "ssl_certfile", "key": "ssl_keyfile"}
    security: dict[str, Any] = {names[key]: path for key, path in way.files.items()}
    security |= {"security_protocol": f"SASL_{'SSL' if way.encrypted else 'PLAINTEXT'}", "sasl_mechanism": "PLAIN"}
    addresses = {"bootstrap": f"127.0.0.1:{way.port}", "security": {**security, "sasl_plain_username": "gonogo"}}
    return Endpoints("kafka", addresses, {"security.sasl_plain_password": PASSWORD})


def neo4j(way: Way) -> Endpoints:
    uri = f"bolt{'+s' * way.encrypted}://127.0.0.1:{way.port}"
    files = way.files if way.encrypted else {}  # an authority alone already means TLS
    return Endpoints("neo4j", {"uri": uri, "username": "neo4j", **files}, {"password": PASSWORD})


def postgresql(way: Way) -> Endpoints:
    addresses = {"host": "127.0.0.1", "port": way.port, "database": "mlflow", "username": "mlflow"}
    mode = {} if way.encrypted else {"sslmode": "disable"}
    return Endpoints("postgresql", {**addresses, **mode, **way.files}, {"password": PASSWORD})


def s3(way: Way) -> Endpoints:
    url = f"http{'s' * way.encrypted}://127.0.0.1:{way.port}"
    keys = dict.fromkeys(("access_key", "secret_key"), PASSWORD)
    return Endpoints("s3", {"endpoint": url, "bucket": "artifacts", **way.files}, keys)


def mlflow(way: Way) -> Endpoints:
    url = f"http{'s' * way.encrypted}://127.0.0.1:{way.port}"
    return Endpoints("mlflow", {"url": url, "username": "gonogo", **way.files}, {"password": PASSWORD})


def ray(way: Way) -> Endpoints:
    url = f"http{'s' * way.encrypted}://127.0.0.1:{way.port}"
    return Endpoints("ray", {"dashboard": url, **way.files}, {"token": PASSWORD})


CLIENTS: tuple[Callable[[Way], Endpoints], ...] = (elasticsearch, kafka, neo4j, postgresql, s3, mlflow, ray)


class Authorities:
    """Ours, which clients trust and which admits them, and another that calls itself by another name."""

    def __init__(self, folder: Path) -> None:
        for name in ("ours", "another"):
            (folder / name).mkdir()
        self.ours, self.another = Authority(folder / "ours"), Authority(folder / "another")


@pytest.fixture
def authorities(tmp_path: Path) -> Authorities:
    return Authorities(tmp_path)


def met(endpoints: Endpoints) -> ClientError:
    """What the component's client comes to there, with what a second look shows; the next command can be typed."""
    component = REGISTRY.components[endpoints.component]
    endpoints = replace(endpoints, starttls=component.tls.starttls if component.tls else "")
    client = client_class(REGISTRY.content, component.name)(endpoints)
    with closing(client), pytest.raises(Exception) as raised:  # some are the library's own
        client.answers()
    meant = translated(component.name, raised.value)
    assert meant is not None, raised.value
    found = explained(meant, endpoints, encrypted=component.encrypted(endpoints.addresses))
    assert filled(REGISTRY.signature(found.signature).by_hand, {**whereabouts(endpoints), **found.facts})
    return found


@pytest.fixture(params=CLIENTS, ids=lambda one: one.__name__)
def asked(request: pytest.FixtureRequest) -> Callable[[Way], ClientError]:
    """What the component's client comes to on this way, with what a second look shows."""
    component = REGISTRY.components[request.param.__name__]
    load(REGISTRY.content, component.name)

    def ask(way: Way) -> ClientError:
        return met(replace(request.param(way), expect=dict(component.expect), timeouts=LIMITS))

    ask.starttls = STARTTLS[component.tls.starttls if component.tls else ""]  # type: ignore[attr-defined]
    return ask


def greeting(asked: Any) -> dict[str, bytes]:
    """What is said before TLS on this component's port."""
    return dict(zip(("asks", "agrees"), asked.starttls, strict=True))


def blamed(error: ClientError, kind: str) -> None:
    """We could not ask, and this is why."""
    assert (type(error), error.outcome) == (Untrusted, Outcome.BROKEN), error
    assert error.signature == f"{error.component}.{kind}", error


Ask = Callable[[Way], ClientError]


def test_a_certificate_of_another_authority(asked: Ask, authorities: Authorities) -> None:
    with front(authorities.another.issue("127.0.0.1"), **greeting(asked)) as port:
        error = asked(Way(port.port, ca=authorities.ours.file))

    blamed(error, "authority_unknown")
    assert "the authority of another" in str(error)
    assert str(authorities.ours.file) in str(error)


def test_a_certificate_that_has_expired(asked: Ask, authorities: Authorities) -> None:
    ended = datetime.now(UTC) - timedelta(hours=2)
    with front(authorities.ours.issue("127.0.0.1", ends=ended), **greeting(asked)) as port:
        error = asked(Way(port.port, ca=authorities.ours.file))

    blamed(error, "certificate_expired")
    assert error.facts["ends"] == f"{ended:%Y-%m-%d %H:%M} UTC"


def test_a_certificate_that_is_not_valid_yet(asked: Ask, authorities: Authorities) -> None:
    begins = datetime.now(UTC) + timedelta(hours=2)
    with front(authorities.ours.issue("127.0.0.1", begins=begins), **greeting(asked)) as port:
        error = asked(Way(port.port, ca=authorities.ours.file))

    blamed(error, "certificate_not_yet_valid")
    assert error.facts["begins"] == f"{begins:%Y-%m-%d %H:%M} UTC"


def test_a_certificate_for_another_name(asked: Ask, authorities: Authorities) -> None:
    with front(authorities.ours.issue("search.example.org", "10.1.2.3"), **greeting(asked)) as port:
        error = asked(Way(port.port, ca=authorities.ours.file))

    blamed(error, "certificate_wrong_name")
    assert error.facts["names"] == "search.example.org, 10.1.2.3"


def test_a_server_that_wants_a_certificate_and_gets_none(asked: Ask, authorities: Authorities) -> None:
    pair = authorities.ours.issue("127.0.0.1")
    with front(pair, authorities.ours.file, **greeting(asked)) as port:
        error = asked(Way(port.port, ca=authorities.ours.file))

    blamed(error, "client_certificate_refused")


def test_a_client_certificate_of_another_authority(asked: Ask, authorities: Authorities) -> None:
    pair, own = authorities.ours.issue("127.0.0.1"), authorities.another.issue("gonogo")
    with front(pair, authorities.ours.file, **greeting(asked)) as port:
        error = asked(Way(port.port, ca=authorities.ours.file, own=own))

    blamed(error, "client_certificate_refused")
    assert error.facts["cert"] == str(own.certificate)


def test_a_port_with_tls_that_is_asked_without(asked: Ask, authorities: Authorities) -> None:
    with front(authorities.ours.issue("127.0.0.1"), **greeting(asked)) as port:
        error = asked(Way(port.port, encrypted=False))

    blamed(error, "tls_expected")
    assert "the authority of ours" in str(error)


def test_a_port_without_tls_that_is_asked_with(asked: Ask, authorities: Authorities) -> None:
    with front(None) as port:
        error = asked(Way(port.port, ca=authorities.ours.file))

    blamed(error, "tls_not_spoken")


# -- the servers of the target embedded-tls, where they are up


@pytest.fixture(scope="module")
def up() -> dict[str, Endpoints]:
    """The components that are up in this checkout, with TLS or without."""
    target = load_target("embedded-tls", REGISTRY.content, REGISTRY)
    provider = provider_for(target, REGISTRY.root)
    return {
        name: target.completed(one, endpoints)
        for name, one in REGISTRY.components.items()
        if "embedded" in one.providers and (endpoints := provider.attached(one)) is not None
    }


@pytest.fixture(params=CLIENTS, ids=lambda one: one.__name__)
def real(request: pytest.FixtureRequest, up: dict[str, Endpoints]) -> Endpoints:
    """One that is up. Skipped where it is not."""
    name = request.param.__name__
    if name not in up:
        pytest.skip(f"{name} is not up: `gonogo up {name} --target embedded-tls`")
    load(REGISTRY.content, name)
    return up[name]


def spoken(endpoints: Endpoints) -> bool:
    return REGISTRY.components[endpoints.component].encrypted(endpoints.addresses) is True


def other(endpoints: Endpoints, **files: str | None) -> Endpoints:
    """The same with other files; None: without."""
    names = {"ca": "ssl_cafile", "cert": "ssl_certfile", "key": "ssl_keyfile"}
    addresses = dict(endpoints.addresses)
    if "security" in addresses:
        changed = {names[key]: path for key, path in files.items()}
        security = {**addresses["security"], **changed}
        addresses["security"] = {key: value for key, value in security.items() if value is not None}
    else:
        addresses = {key: value for key, value in {**addresses, **files}.items() if value is not None}
    return replace(endpoints, addresses=addresses)


REAL: dict[str, tuple[Callable[[Endpoints, Authorities], Endpoints], str]] = {
    "another authority": (lambda at, two: other(at, ca=str(two.another.file)), "authority_unknown"),
    "no certificate of ours": (lambda at, _: other(at, cert=None, key=None), "client_certificate_refused"),
    "ours of another authority": (
        lambda at, two: other(at, **Way(0, own=two.another.issue("gonogo")).files),
        "client_certificate_refused",
    ),
}


@pytest.mark.parametrize("fault", REAL)
def test_a_real_server_is_blamed_for_what_stands_in_the_way(
    fault: str, real: Endpoints, authorities: Authorities
) -> None:
    if not spoken(real):
        pytest.skip(f"{real.component} is up without TLS")
    change, kind = REAL[fault]

    error = met(change(real, authorities))

    blamed(error, kind)


WEB = ("http:", "https:")
SCHEMES = {
    **dict.fromkeys(("url", "endpoint", "dashboard"), WEB),
    "uri": ("bolt:", "bolt+s:"),
    "security_protocol": ("PLAINTEXT", "SSL"),
    "sslmode": ("disable", "verify-full"),
}


def turned(endpoints: Endpoints, ca: Path) -> Endpoints:
    """The same asked without TLS where it has it, and with it where it has not."""
    to = int(not spoken(endpoints))
    files = {"ca": str(ca)} if to else {"ca": None, "cert": None, "key": None}
    at = other(endpoints, **files)
    addresses = {key: _turned(key, value, to) for key, value in at.addresses.items()}
    return replace(at, addresses=addresses)


def _turned(key: str, value: Any, to: int) -> Any:
    if isinstance(value, dict):
        return {inner: _turned(inner, one, to) for inner, one in value.items()}
    return str(value).replace(SCHEMES[key][1 - to], SCHEMES[key][to]) if key in SCHEMES else value


def test_a_real_server_is_asked_the_other_way(real: Endpoints, authorities: Authorities) -> None:
    error = met(turned(real, authorities.ours.file))

    blamed(error, "tls_expected" if spoken(real) else "tls_not_spoken")


# -- what is shown, and until when


def https(way: Way) -> Endpoints:
    """A component of which nothing more is known than where it speaks TLS."""
    return Endpoints("store", {"url": f"https://127.0.0.1:{way.port}", **way.files}, timeouts=LIMITS)


def days(number: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=number)


def test_what_a_port_shows_and_our_own_certificate_are_told_by_their_end(authorities: Authorities) -> None:
    ours = authorities.ours
    pair, own = ours.issue("127.0.0.1", ends=days(10)), ours.issue("gonogo", ends=days(3))
    with front(pair, ours.file) as port:
        told = holding(https(Way(port.port, ca=ours.file, own=own)))

        assert [round(one.days, 1) for one in told] == [1.0, 3.0, 10.0]
        assert [str(one) for one in told] == [
            f"ca {ours.file} expires in 1.0 days",
            f"ours, {own.certificate} expires in 3.0 days",
            f"the certificate of 127.0.0.1:{port.port} (127.0.0.1) expires in 10.0 days",
        ]


def test_a_certificate_that_has_expired_is_told_as_such(authorities: Authorities) -> None:
    with front(authorities.ours.issue("127.0.0.1", ends=days(-2))) as port:
        (one,) = holding(https(Way(port.port)))

    assert str(one).endswith("has expired")
    assert one.days == pytest.approx(-2, abs=0.1)


def test_a_port_without_tls_passes_for_nothing() -> None:
    with front(None) as port, pytest.raises(Untrusted) as raised:
        holding(https(Way(port.port)))

    assert raised.value.signature == "store.tls_not_spoken"


def test_a_port_where_nobody_listens_passes_for_nothing() -> None:
    with front(None) as port:
        gone = port.port

    with pytest.raises(Refused):
        holding(https(Way(gone)))


def test_a_file_that_tells_no_end_passes_for_nothing(authorities: Authorities, tmp_path: Path) -> None:
    (tmp_path / "empty.crt").write_text("")
    with front(authorities.ours.issue("127.0.0.1")) as port, pytest.raises(NotAskable, match=r"empty\.crt"):
        holding(
            replace(
                https(Way(port.port)),
                addresses={"url": f"https://127.0.0.1:{port.port}", "cert": str(tmp_path / "empty.crt")},
            )
        )


def test_a_healthy_connection_that_is_refused_for_another_reason_stays_what_it_is(authorities: Authorities) -> None:
    refused = Refused("store", "the connection was cut")
    with front(authorities.ours.issue("127.0.0.1")) as port:
        found = explained(refused, https(Way(port.port, ca=authorities.ours.file)), encrypted=True)

    assert found is refused


def test_of_several_ports_the_one_is_told_that_is_not_trusted(authorities: Authorities) -> None:
    ours, another = authorities.ours.issue("127.0.0.1"), authorities.another.issue("127.0.0.1")
    with front(ours) as first, front(another) as second:
        endpoints = kafka(Way(first.port, ca=authorities.ours.file))
        addresses = {**endpoints.addresses, "bootstrap": f"127.0.0.1:{first.port},127.0.0.1:{second.port}"}
        told_in_words = Untrusted("kafka", "Handshake failed: certificate verify failed")

        found = explained(told_in_words, replace(endpoints, addresses=addresses), encrypted=True)

    blamed(found, "authority_unknown")
    assert f"127.0.0.1:{second.port} shows" in str(found)
    assert found.facts["issuer"] == "the authority of another"


@pytest.mark.parametrize("reach", [Platform.attach, Platform.bring_up], ids=["attached", "asked until ready"])
def test_how_a_component_stands_says_which_certificate_is_not_trusted(
    reach: Callable[[Platform, list[str]], None], authorities: Authorities, tmp_path: Path
) -> None:
    ended = days(-1)
    with front(authorities.ours.issue("127.0.0.1", "localhost", ends=ended)) as port:
        (tmp_path / "there.toml").write_text(
            f"""
            [target]
            name = "there"
            provider = "existing"
            [components.elasticsearch]
            url = "https://localhost:{port.port}"
            ca = "ours/ca.crt"
            """
        )
        target = load_target(str(tmp_path / "there.toml"), REGISTRY.content, REGISTRY)
        platform = Platform(REGISTRY, target, mode=Mode.READ, journal=Journal(tmp_path / "journal.jsonl"))
        reach(platform, ["elasticsearch"])

        standing = platform.standing("elasticsearch", 30)

    assert standing.outcome is Outcome.BROKEN
    assert standing.cause is not None
    assert standing.cause.signature == "elasticsearch.certificate_expired"
    assert f"to {ended:%Y-%m-%d %H:%M} UTC" in standing.message
    assert standing.facts["server_name"] == "localhost"
    assert standing.facts["names"] == "127.0.0.1, localhost"


def test_at_the_end_of_a_port_forward_nothing_is_looked_at_twice() -> None:
    error = Untrusted("store", "no")

    assert explained(error, replace(https(Way(1)), transport="port-forward"), encrypted=True) is error
