"""HTTP goes through the proxy that the environment names, and what that one does wrong is never the server's fault."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import pytest
from certificates import Authority
from proxy import Proxy, proxying
from scripted import Reply, Script, serving

from fixtures import mlflow, ray, s3
from fixtures.elasticsearch import Elasticsearch
from gonogo.core.endpoints import Endpoints, Secret, Timeouts
from gonogo.core.errors import ClientError, ConfigError
from gonogo.core.outlet import redacted
from gonogo.core.proxies import proxy_for

HOST = "platform.example"
TIMES = Timeouts(connect=5, check=5)


class Asked(Protocol):
    """A client, as far as it is asked here."""

    def answers(self) -> str:
        """What it says."""

    def close(self) -> None:
        """Give back its connections."""


JSON = {"X-Elastic-Product": "Elasticsearch", "Content-Type": "application/json"}
HEAD = '{"node_id": "a", "state": "ALIVE", "is_head_node": true}'
REPLIES = {
    "POST /*,-pv-*/_search": [Reply(body='{"_shards": {"successful": 1, "total": 1}}', headers=JSON)],
    "POST /api/2.0/mlflow/experiments/search": [Reply(body='{"experiments": []}')],
    "GET /api/v0/nodes": [Reply(body=f'{{"data": {{"result": {{"result": [{HEAD}]}}}}}}')],
    "GET /artifacts": [Reply(body="<ListBucketResult><Name>artifacts</Name></ListBucketResult>")],
}


def elasticsearch_at(url: str, ca: str) -> Asked:
    where = {"url": url, "username": "u", **({"ca": ca} if ca else {})}
    return Elasticsearch(Endpoints("elasticsearch", where, {"password": Secret("a-pass-word")}, timeouts=TIMES))


def mlflow_at(url: str, ca: str) -> Asked:
    return mlflow.Mlflow(Endpoints("mlflow", {"url": url, "ca": ca}, timeouts=TIMES))


def ray_at(url: str, ca: str) -> Asked:
    return ray.Ray(Endpoints("ray", {"dashboard": url, "ca": ca}, timeouts=TIMES))


def s3_at(url: str, ca: str) -> Asked:
    keys = {"access_key": Secret("an-access-key"), "secret_key": Secret("a-secret-key")}
    return s3.S3(Endpoints("s3", {"endpoint": url, "bucket": "artifacts", "ca": ca or None}, keys, timeouts=TIMES))


CLIENTS = [elasticsearch_at, mlflow_at, ray_at, s3_at]
Client = Callable[[str, str], Asked]


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("gonogo.checks.translate._proxies", {})  # other tests' clients are asked directly


@pytest.fixture(params=["http", "https"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Script, str]]:
    authority = Authority(tmp_path)
    tls = None
    if request.param == "https":
        pair = authority.issue(HOST)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(pair.certificate, pair.key)
    with serving(REPLIES, tls) as script:
        yield script, str(authority.file) if tls else ""


def named(url: str) -> str:
    """The same server by a name that only the proxy knows."""
    return url.replace("127.0.0.1", HOST)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_component_is_asked_through_the_proxy(
    client: Client, server: tuple[Script, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    script, ca = server
    with proxying({HOST: "127.0.0.1"}) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("//", "//me:pr0xy-pass-word@"))
        monkeypatch.setenv("https_proxy", proxy.url.replace("//", "//me:pr0xy-pass-word@"))

        with closing(client(named(script.url), ca)) as asked:
            asked.answers()

    assert script.asked
    assert proxy.asked[0].startswith("CONNECT" if script.url.startswith("https") else ("GET", "POST"))
    assert proxy.logins[0] == "Basic bWU6cHIweHktcGFzcy13b3Jk"
    assert "pr0xy-pass-word" not in redacted("it is pr0xy-pass-word")


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("way", ["loopback", "NO_PROXY"])
def test_what_the_environment_exempts_is_asked_directly(
    client: Client, way: str, server: tuple[Script, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    script, _ = server
    if script.url.startswith("https"):
        pytest.skip("the certificate is of another name")
    with proxying({}, refuses=502) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        if way == "NO_PROXY":
            monkeypatch.setenv("NO_PROXY", "other.example,127.0.0.0/8")
            monkeypatch.setattr("gonogo.core.proxies.is_loopback", lambda _: False)

        with closing(client(script.url, "")) as asked:
            asked.answers()

    assert (bool(script.asked), proxy.asked) == (True, [])


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("refuses", "headers"), [(407, {}), (502, {}), (503, {"Proxy-Status": "squid; error=dns_error"}), (504, {})]
)
def test_what_the_proxy_refuses_is_not_held_against_the_server(
    client: Client, refuses: int, headers: dict[str, str], server: tuple[Script, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    script, ca = server
    with proxying({HOST: "127.0.0.1"}, refuses=refuses, headers=headers) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url.replace("//", "//me:pr0xy-pass-word@"))

        error = raised(client, named(script.url), ca)

    assert (error.outcome, error.signature) == ("broken", f"{error.component}.proxy_refused")
    assert "pr0xy-pass-word" not in str(error)
    assert script.asked == []


@pytest.mark.parametrize("client", CLIENTS)
def test_a_proxy_that_reaches_nobody_says_so(
    client: Client, server: tuple[Script, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    script, ca = server
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with proxying({HOST: "127.0.0.1"}) as proxy:
            monkeypatch.setenv("all_proxy", proxy.url)
            scheme = script.url.partition(":")[0]

            error = raised(client, f"{scheme}://{HOST}:{port}", ca)

    assert (error.outcome, error.signature) == ("broken", f"{error.component}.proxy_refused")


@pytest.mark.parametrize("client", CLIENTS)
def test_a_proxy_that_is_not_there_is_told_from_a_server_that_is_not(
    client: Client, server: tuple[Script, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    script, ca = server
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("ALL_PROXY", f"127.0.0.1:{taken.getsockname()[1]}")

        error = raised(client, named(script.url), ca)

    assert (error.outcome, error.signature) == ("broken", f"{error.component}.proxy_unreachable")


def test_a_server_that_says_503_through_a_proxy_says_it_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    path = "POST /api/2.0/mlflow/experiments/search"
    with (
        serving({path: [Reply(503, '{"error_code": "TEMPORARILY_UNAVAILABLE"}')]}) as script,
        proxying({HOST: "127.0.0.1"}) as proxy,
    ):
        monkeypatch.setenv("HTTP_PROXY", proxy.url)

        error = raised(mlflow_at, named(script.url), "")

    assert error.outcome == "failed"


def raised(client: Client, url: str, ca: str) -> ClientError:
    with closing(client(url, ca)) as asked, pytest.raises(ClientError) as caught:
        asked.answers()
    return caught.value


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        ("https://a.example", {}, None),
        ("https://a.example", {"HTTPS_PROXY": "http://p:3128"}, "http://p:3128"),
        ("https://a.example", {"https_proxy": "p:3128"}, "http://p:3128"),
        ("https://a.example", {"HTTP_PROXY": "http://p:3128"}, None),
        ("http://a.example", {"ALL_PROXY": "http://p:3128"}, "http://p:3128"),
        ("http://a.example", {"HTTP_PROXY": "http://p:3128", "http_proxy": ""}, None),
        ("http://a.example", {"HTTP_PROXY": "http://p:3128", "NO_PROXY": "example"}, None),
        ("http://a.example:99", {"HTTP_PROXY": "http://p:3128", "NO_PROXY": "a.example:99"}, None),
        ("http://a.example", {"HTTP_PROXY": "http://p:3128", "NO_PROXY": "*"}, None),
        ("http://10.1.2.3", {"HTTP_PROXY": "http://p:3128", "no_proxy": "10.0.0.0/8, b"}, None),
        ("http://11.1.2.3", {"HTTP_PROXY": "http://p:3128", "no_proxy": "10.0.0.0/8, b"}, "http://p:3128"),
        ("http://127.0.0.9:1", {"HTTP_PROXY": "http://p:3128"}, None),
        ("http://[::1]:1", {"HTTP_PROXY": "http://p:3128"}, None),
        ("http://localhost:1", {"HTTP_PROXY": "http://p:3128"}, None),
        ("http://a.example", {"ALL_PROXY": "socks5h://p:1080"}, None),
    ],
)
def test_the_environment_names_the_proxy_of_an_address(
    url: str, environment: dict[str, str], proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert proxy_for(url) == proxy


@pytest.mark.parametrize("named", ["http://p:port", "http://", "http://me:pr0xy-pass-word@p:99999"])
def test_what_is_no_address_of_a_proxy_is_a_mistake(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", named)

    with pytest.raises(ConfigError) as caught:
        proxy_for("https://a.example")

    assert str(caught.value) == "HTTPS_PROXY: is no address of a proxy (http://host:port)"


def test_a_password_with_signs_is_known_in_both_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:pr0xy%2Fp%40ss-word@p:3128")

    proxy_for("https://a.example")

    assert "pr0xy/p@ss-word" not in redacted("it is pr0xy/p@ss-word")
    assert "pr0xy%2Fp%40ss-word" not in redacted("it is pr0xy%2Fp%40ss-word")


def test_the_library_of_mlflow_asks_what_is_local_directly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NO_PROXY", "intern.example")
    client: Any = mlflow.Mlflow(Endpoints("mlflow", {"url": "http://127.0.0.1:1"}))

    environment = client._library_environment(tmp_path)

    assert environment["no_proxy"] == environment["NO_PROXY"] == "localhost,127.0.0.1,::1,intern.example"


def test_the_helper_speaks_as_a_proxy() -> None:
    assert Proxy("http://p", {"a": "b"}).at("a:1") == "b:1"
