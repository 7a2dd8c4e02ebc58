"""Paths and rights of the API server, and what its answers mean.

The answers are those that the Kubernetes documentation shows (reference/using-api/api-concepts, concepts/
cluster-administration/flow-control, reference/access-authn-authz), replayed; the real server is asked in
``tests/cluster``.
"""

from __future__ import annotations

import base64
import gzip
import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kubeconfigs import api, kubeconfig
from scripted import Reply, Script, serving

from gonogo.checks import expiry
from gonogo.cluster.api import KINDS, Api, Kind, Outdated, position, right
from gonogo.core.errors import Absent, ClientError, ClusterLost, Denied, Forbidden, Garbled
from gonogo.core.outcomes import Outcome

PODS = KINDS["Pod"].path()
KAFKA = Kind("kafka.strimzi.io", "v1", "kafkas", "Kafka", True)


@contextmanager
def asking(folder: Path, *replies: Reply, user: Mapping[str, Any] | None = None) -> Iterator[tuple[Api, Script]]:
    """What asks a server that replies so, one after the other, to whoever lists pods."""
    with serving({f"GET {PODS}": list(replies)}) as script:
        path = kubeconfig(folder / "config", server=script.url, user=user)
        with closing(api(path)) as asked:
            yield asked, script


def status(code: int, reason: str, message: str) -> str:
    """A ``Status`` as the API server sends it with every refusal."""
    return json.dumps(
        {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": code,
        }
    )


@pytest.mark.parametrize(
    ("kind", "namespace", "name", "path"),
    [
        (KINDS["Pod"], None, None, "/api/v1/pods"),
        (KINDS["Pod"], "data", None, "/api/v1/namespaces/data/pods"),
        (KINDS["Deployment"], "data", "web", "/apis/apps/v1/namespaces/data/deployments/web"),
        (KINDS["Node"], "data", None, "/api/v1/nodes"),
        (KINDS["Namespace"], None, "kube-system", "/api/v1/namespaces/kube-system"),
        (KAFKA, "data", None, "/apis/kafka.strimzi.io/v1/namespaces/data/kafkas"),
    ],
)
def test_where_a_kind_is_found(kind: Kind, namespace: str | None, name: str | None, path: str) -> None:
    assert kind.path(namespace, name) == path


@pytest.mark.parametrize(
    ("method", "path", "query", "text"),
    [
        ("GET", "/api/v1/pods", {}, "may not list pods in any namespace (verb list, resource pods, all namespaces)"),
        (
            "GET",
            "/api/v1/namespaces/x/pods",
            {"watch": "1"},
            'may not watch pods in namespace "x" (verb watch, resource pods, namespace x)',
        ),
        (
            "GET",
            "/apis/apps/v1/namespaces/x/deployments/web",
            {},
            "may not get deployments.apps 'web' in namespace \"x\" (verb get, resource deployments.apps, namespace x)",
        ),
        (
            "POST",
            "/api/v1/namespaces/x/pods/web/portforward",
            {},
            "may not create pods/portforward 'web' in namespace \"x\""
            " (verb create, resource pods/portforward, namespace x)",
        ),
        (
            "GET",
            "/api/v1/namespaces/x",
            {},
            "may not get namespaces 'x' in any namespace (verb get, resource namespaces, all namespaces)",
        ),
        ("GET", "/livez", {}, "may not get /livez in any namespace (verb get, resource /livez, all namespaces)"),
    ],
)
def test_the_right_that_a_request_needs(method: str, path: str, query: Mapping[str, str], text: str) -> None:
    assert str(right(method, path, query)) == text


def test_the_place_in_a_list_is_read_from_its_head_or_wherever_it_stands() -> None:
    metadata = {"resourceVersion": "7", "continue": "next", "remainingItemCount": 3}
    head = {"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": []}
    tail = {"apiVersion": "kafka.strimzi.io/v1", "items": [{"metadata": {}}], "kind": "KafkaList", "metadata": metadata}

    assert position(json.dumps(head, separators=(",", ":")).encode()) == ("7", "next")
    assert position(json.dumps(tail).encode()) == ("7", "next")


@pytest.mark.parametrize(
    ("reply", "meaning", "outcome", "said"),
    [
        (
            Reply(403, status(403, "Forbidden", 'pods is forbidden: User "jane" cannot list resource "pods"')),
            Forbidden,
            Outcome.BROKEN,
            "may not list pods in any namespace (verb list, resource pods, all namespaces)",
        ),
        (
            Reply(404, status(404, "NotFound", "the server could not find the requested resource")),
            Absent,
            Outcome.FAILED,
            "does not serve pods",
        ),
        (
            Reply(404, "404 page not found"),
            Garbled,
            Outcome.BROKEN,
            "is no API server: it does not serve pods",
        ),
        (
            Reply(410, status(410, "Expired", "too old resource version: 1 (2)")),
            Outdated,
            Outcome.BROKEN,
            "too old resource version: 1 (2)",
        ),
        (
            Reply(503, status(503, "ServiceUnavailable", "etcd is away")),
            ClusterLost,
            Outcome.BROKEN,
            "HTTP 503 etcd is away",
        ),
        (Reply(400, "what?"), Garbled, Outcome.BROKEN, "HTTP 400 what?"),
        (Reply(302, "", headers={"Location": "/login"}), Garbled, Outcome.BROKEN, "HTTP 302"),
        (Reply(cut=True), ClusterLost, Outcome.BROKEN, "cut the connection"),
    ],
)
def test_what_a_refusal_means(
    tmp_path: Path, reply: Reply, meaning: type[ClientError], outcome: Outcome, said: str
) -> None:
    with asking(tmp_path, reply) as (asked, _), pytest.raises(meaning) as raised:
        asked.get(PODS)

    assert said in str(raised.value)
    assert (raised.value.component, raised.value.outcome) == ("thing", outcome)


def test_nobody_listens(tmp_path: Path) -> None:
    with serving({}) as script:
        path = kubeconfig(tmp_path / "config", server=script.url)

    with closing(api(path)) as asked, pytest.raises(ClusterLost) as raised:
        asked.get(PODS)

    assert "of context 'one' refused the connection; is it running, and is this its address?" in str(raised.value)


def test_a_name_that_does_not_resolve(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", server="http://no-such-host.invalid:6443")

    with closing(api(path)) as asked, pytest.raises(ClusterLost) as raised:
        asked.get(PODS)

    assert "http://no-such-host.invalid:6443 of context 'one' could not be asked" in str(raised.value)


def test_an_api_server_that_never_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        path = kubeconfig(tmp_path / "config", server=f"http://127.0.0.1:{silent.getsockname()[1]}")

        with closing(api(path, check=0.05)) as asked, pytest.raises(ClusterLost) as raised:
            asked.get(PODS)

    assert "did not answer within the limit" in str(raised.value)


def test_whoever_asks_too_much_waits_as_told(tmp_path: Path) -> None:
    later = Reply(429, status(429, "TooManyRequests", "too many requests"), headers={"Retry-After": "0"})
    with asking(tmp_path, later, later, Reply(body='{"kind":"PodList"}')) as (asked, script):
        answer = asked.get(PODS)

    assert answer == b'{"kind":"PodList"}'
    assert len(script.asked) == 3


def test_whoever_would_wait_beyond_the_limit_is_told(tmp_path: Path) -> None:
    later = Reply(429, status(429, "TooManyRequests", "too many requests"), headers={"Retry-After": "60"})
    with asking(tmp_path, later) as (asked, _), pytest.raises(ClusterLost) as raised:
        asked.get(PODS)

    assert "cannot serve (list pods): HTTP 429 too many requests" in str(raised.value)


def test_pages_are_followed(tmp_path: Path) -> None:
    pages = [
        Reply(body=json.dumps({"kind": "PodList", "metadata": {"resourceVersion": "5", "continue": more}, "items": []}))
        for more in ("next", "")
    ]
    with asking(tmp_path, *pages) as (asked, _):
        found = list(asked.pages(KINDS["Pod"]))

    assert [position(page) for page in found] == [("5", "next"), ("5", "")]


EMPTY = b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"5"},"items":[]}'


def packed(body: bytes) -> Reply:
    """As an API server packs a list of more than 128 KiB (feature APIResponseCompression) for whoever takes it."""
    return Reply(body=body, headers={"Content-Encoding": "gzip"})


def test_a_list_may_come_packed(tmp_path: Path) -> None:
    with asking(tmp_path, packed(gzip.compress(EMPTY))) as (asked, script):
        found = list(asked.pages(KINDS["Pod"]))

    assert found == [EMPTY]
    assert [headers.get("Accept-Encoding") for _, headers in script.asked] == ["gzip"]


@pytest.mark.parametrize("body", [EMPTY, gzip.compress(EMPTY)[:40]], ids=["not-packed", "half"])
def test_a_packed_list_that_cannot_be_unpacked_is_no_list(tmp_path: Path, body: bytes) -> None:
    with asking(tmp_path, packed(body)) as (asked, _), pytest.raises(ClientError) as raised:
        list(asked.pages(KINDS["Pod"]))

    assert raised.value.outcome is Outcome.BROKEN


def test_a_login_page_is_no_list(tmp_path: Path) -> None:
    with asking(tmp_path, Reply(body="<html>log in</html>")) as (asked, _), pytest.raises(Garbled) as raised:
        list(asked.pages(KINDS["Pod"]))

    assert "no answer of an API server" in str(raised.value)


def jwt(claims: Mapping[str, Any]) -> str:
    """An unsigned token."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, claims)]
    return ".".join([*parts, "signature"])


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ({"token": jwt({"exp": 1600000000})}, "its token has expired since 2020-09-13 12:26 UTC; log in again"),
        ({"token": jwt({"exp": 32503680000})}, "its token is expired or revoked; log in again"),
        ({"token": "opaque"}, "its token is expired or revoked; log in again"),
        ({}, "the kubeconfig holds no credentials for it"),
    ],
)
def test_why_we_are_not_known(tmp_path: Path, user: Mapping[str, Any], said: str) -> None:
    unknown = Reply(401, status(401, "Unauthorized", "Unauthorized"))
    with asking(tmp_path, unknown, user=user) as (asked, _), pytest.raises(Denied) as raised:
        asked.get(PODS)

    assert str(raised.value).endswith(said)
    assert "does not know the user of context 'one'" in str(raised.value)


def test_a_cluster_is_known_by_a_uid(tmp_path: Path) -> None:
    found = Reply(body='{"kind": "Namespace", "metadata": {"name": "kube-system", "uid": "5b0c"}}')
    with serving({"GET /api/v1/namespaces/kube-system": [found]}) as script:
        asked = api(kubeconfig(tmp_path / "config", server=script.url))

        assert asked.identity() == "5b0c"


def test_a_certificate_of_nothing_ends_never(tmp_path: Path) -> None:
    assert expiry.of_certificate("no certificate") is None
    assert expiry.of_file(str(tmp_path / "none")) is None
    assert expiry.since(None) == ""


@pytest.mark.parametrize(
    ("times", "ends"),
    [
        (b"\x30\x1e\x17\x0d200101000000Z\x17\x0d210102030405Z", datetime(2021, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (b"\x30\x20\x17\x0d490101000000Z\x18\x0f20500102030405Z", datetime(2050, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (b"\x30\x1e\x17\x0d500101000000Z\x17\x0d990102030405Z", datetime(1999, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ],
)
def test_when_a_certificate_ends(times: bytes, ends: datetime) -> None:
    body = base64.encodebytes(b"\x30\x82\x01\x45" + b"issuer" * 8 + times + b"subject" * 8).decode()

    assert expiry.of_certificate(f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n") == ends


def test_nothing_is_loaded_for_a_cluster_before_it_is_asked() -> None:
    program = "import sys, gonogo.cluster.hub, gonogo.cluster.judge; print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    heavy = {"kubernetes", "urllib3", "yaml", "httpx", "websockets", "cryptography"}
    assert heavy & {name.partition(".")[0] for name in done.stdout.split()} == set()


def test_the_library_of_a_provider_that_kubectl_dropped_is_not_loaded(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config")
    program = f"""
import sys
from gonogo.cluster.api import Api
from gonogo.catalog.target import Kubernetes
Api(Kubernetes(kubeconfig={str(path)!r})).client()
print(*sys.modules)
"""

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "kubernetes.config.kube_config" in done.stdout.split()
    assert "google.auth" not in done.stdout.split()
