"""Every failure of an HTTP call is one outcome and cause."""

from __future__ import annotations

import base64
import socket
import ssl
from contextlib import closing
from pathlib import Path

import pytest
from certificates import Authority
from cryptography.hazmat.primitives import serialization
from saying import saying
from scripted import Reply, Script, answers, serving

from gonogo.checks.rest import Rest, bearer, trusting
from gonogo.checks.translate import chain
from gonogo.core.endpoints import Endpoints, Timeouts
from gonogo.core.errors import (
    ClientError,
    Denied,
    Forbidden,
    Garbled,
    Refused,
    ServerError,
    TimedOut,
    Unavailable,
    Untrusted,
)
from gonogo.core.waiting import pause


def rest(script: Script, **given: object) -> Rest:
    """A way to the scripted server."""
    return Rest(script.endpoints("thing"), script.url, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reply", "meaning"),
    [
        (Reply(401, "who are you"), Denied),
        (Reply(403, "not for you"), Forbidden),
        (Reply(404, "what"), Garbled),
        (Reply(404, '{"error": "no such thing"}'), ServerError),
        (Reply(409, '{"error": "in use"}'), ServerError),
        (Reply(409, '"in use"'), Garbled),
        (Reply(500, '{"error": "ouch"}'), ServerError),
        (Reply(503, '{"error": "later"}'), Unavailable),
        (Reply(500, "ouch"), Unavailable),
        (Reply(503, "later"), Unavailable),
        (Reply(200, "<html>a login page</html>"), Garbled),
        (Reply(cut=True), Refused),
    ],
)
def test_what_an_answer_means(reply: Reply, meaning: type[ClientError]) -> None:
    with serving({"GET /x": [reply]}) as script, closing(rest(script)) as asked, pytest.raises(meaning) as raised:
        asked.json("GET", "/x")

    assert raised.value.component == "thing"


def test_nobody_listens() -> None:
    with serving({}) as script:
        gone = script.url

    with closing(Rest(Endpoints("thing", {}), gone)) as asked, pytest.raises(Refused):
        asked.ask("GET", "/x")


def test_a_server_that_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        endpoints = Endpoints("thing", {}, timeouts=Timeouts(connect=5, check=0.05))

        with closing(Rest(endpoints, url)) as asked, pytest.raises(TimedOut) as raised:
            asked.ask("GET", "/x")

    assert raised.value.signature == "thing.timed_out"


def drips(connection: socket.socket) -> None:
    """A byte now and then, so that it is never silent."""
    while True:
        connection.sendall(b" ")
        pause(0.02, reason="the server is slow on purpose")


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Slow:"])
@pytest.mark.parametrize("encrypted", [False, True])
def test_an_answer_that_drips_ends_in_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encrypted: bool, head: bytes
) -> None:
    monkeypatch.setattr("gonogo.checks.rest.GRACE", 0)
    authority = Authority(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    pair = authority.issue("127.0.0.1")
    tls.load_cert_chain(pair.certificate, pair.key)

    with saying(lambda _: head, drips, tls if encrypted else None) as (url, _):
        endpoints = Endpoints("thing", {"ca": str(authority.file)}, timeouts=Timeouts(connect=0.3, check=0.1))
        with closing(Rest(endpoints, url)) as asked, pytest.raises(TimedOut) as raised:
            asked.ask("GET", "/x")

    assert raised.value.signature == "thing.timed_out"


def test_an_expected_refusal_is_an_answer() -> None:
    with serving({"GET /x": [Reply(404, "gone")]}) as script, closing(rest(script)) as asked:
        answer = asked.ask("GET", "/x", accept=(404,))

    assert answer.status_code == 404


def test_the_component_knows_better() -> None:
    with (
        serving({"GET /x": [Reply(403, "bad token")]}) as script,
        closing(rest(script, judge=lambda answer: Denied("thing", answer.text))) as asked,
        pytest.raises(Denied, match="bad token"),
    ):
        asked.ask("GET", "/x")


def test_credentials_go_along_unless_the_call_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    with serving({"GET /x": answers({})}) as script, closing(rest(script, auth=bearer("secret"))) as asked:
        asked.ask("GET", "/x")
        asked.ask("GET", "/x", auth=None)

    assert [headers.get("Authorization") for _, headers in script.asked] == ["Bearer secret", None]


@pytest.mark.parametrize(
    ("exp", "signature"), [(1, "thing.token_expired"), (32_503_680_000, "thing.credentials_refused")]
)
def test_a_refused_token_that_has_expired_is_why(exp: int, signature: str) -> None:
    token = ".".join(
        base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b"{}", b'{"exp": %d}' % exp, b"s")
    )

    with (
        serving({"GET /x": [Reply(401, "who are you")]}) as script,
        closing(rest(script, auth=bearer(token))) as asked,
        pytest.raises(Denied) as raised,
    ):
        asked.ask("GET", "/x")

    assert (raised.value.outcome, raised.value.signature) == ("broken", signature)


@pytest.mark.parametrize("token", ["hunter2\n", "hun\r\nX-Other: ter2", "hünter2", "hunter2\x00"])
def test_a_token_that_no_header_can_hold_is_not_shown(token: str) -> None:
    with (
        serving({"GET /x": answers({})}) as script,
        closing(rest(script, auth=bearer(token))) as asked,
        pytest.raises(Denied, match="the token holds a line break, or is not ASCII") as raised,
    ):
        asked.ask("GET", "/x")

    texts = [str(one) + repr(one) for one in chain(raised.value)]
    assert [text for text in texts if "ter2" in text] == []
    assert script.asked == []


def test_a_client_that_was_never_used_is_closed_twice() -> None:
    asked = Rest(Endpoints("thing", {"ca": "/no/such/file"}), "https://nowhere.invalid")

    asked.close()
    asked.close()

    assert asked.component == "thing"


def test_a_failed_call_does_not_spoil_the_next() -> None:
    with serving({"PUT /x": [Reply(500, "ouch")], "GET /x": answers({})}) as script, closing(rest(script)) as asked:
        with pytest.raises(Unavailable):
            asked.ask("PUT", "/x", content=b"1")
        asked.json("GET", "/x")

    assert [headers["Connection"] for _, headers in script.asked] == ["close", "close"]


@pytest.mark.parametrize(
    ("internal", "answered"), [("https://thing.data.svc", True), ("https://other.data.svc", False)]
)
def test_behind_a_port_forward_the_certificate_is_that_of_the_name_in_the_cluster(
    tmp_path: Path, internal: str, answered: bool
) -> None:
    authority = Authority(tmp_path)
    pair, tls = authority.issue("thing.data.svc"), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pair.certificate, pair.key)

    with serving({"GET /x": answers({})}, tls) as script:
        addresses = {"url": script.url, "ca": str(authority.file)}
        endpoints = Endpoints("thing", addresses, transport="port-forward", internal={"url": internal})
        with closing(Rest(endpoints, script.url, name=endpoints.tls_server_name("url"))) as asked:
            if answered:
                assert asked.json("GET", "/x") == {}
            else:
                with pytest.raises(Untrusted):
                    asked.ask("GET", "/x")


def test_a_server_that_asks_for_a_certificate_is_shown_ours(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server, ours = authority.issue("127.0.0.1"), authority.issue("client")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.file))
    tls.load_cert_chain(server.certificate, server.key)
    tls.verify_mode = ssl.CERT_REQUIRED
    addresses = {"ca": str(authority.file), "cert": str(ours.certificate), "key": str(ours.key)}

    with serving({"GET /x": answers({})}, tls) as script:
        with closing(Rest(Endpoints("thing", addresses), script.url)) as asked:
            assert asked.json("GET", "/x") == {}
        with (
            closing(Rest(Endpoints("thing", {"ca": addresses["ca"]}), script.url)) as asked,
            pytest.raises(ClientError),
        ):
            asked.json("GET", "/x")


def test_a_certificate_is_not_shown_with_a_key_of_another_or_one_with_a_pass_phrase(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    ours, other = authority.issue("client"), authority.issue("other")
    locked = tmp_path / "locked.key"
    key = serialization.load_pem_private_key(ours.key.read_bytes(), None)
    form, closed = serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"open sesame")
    locked.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, closed))

    for wrong in (other.key, locked):
        addresses = {"ca": str(authority.file), "cert": str(ours.certificate), "key": str(wrong)}
        with pytest.raises(Untrusted, match=r"is not of the key .*, or that has a pass phrase"):
            trusting(Endpoints("thing", addresses))


@pytest.mark.parametrize(
    ("transport", "internal", "name"),
    [
        ("port-forward", {"url": "https://thing.data.svc:9200"}, "thing.data.svc"),
        ("port-forward", {"url": "thing.data.svc"}, "thing.data.svc"),
        ("port-forward", {}, None),
        ("ingress", {"url": "https://thing.data.svc:9200"}, None),
        ("service", {"url": "https://thing.data.svc:9200"}, None),
    ],
)
def test_only_behind_a_port_forward_is_a_certificate_for_another_name(
    transport: str, internal: dict[str, str], name: str | None
) -> None:
    endpoints = Endpoints("thing", {"url": "https://127.0.0.1:31000"}, transport=transport, internal=internal)

    assert endpoints.tls_server_name("url") == name
