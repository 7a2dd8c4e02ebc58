"""TLS to an API server, as a kubeconfig asks for it, and a sentence for what is not trusted."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority, Pair
from kubeconfigs import api, kubeconfig
from scripted import Reply, serving

from gonogo.cluster.api import VERSION, Api
from gonogo.core.errors import ClusterLost, Denied

LONG_AGO = datetime(2021, 1, 2, 3, 4, tzinfo=UTC)


@contextmanager
def asking(
    folder: Path,
    pair: Pair,
    *,
    reply: Reply = Reply(body="{}"),  # noqa: B008
    cluster: Mapping[str, Any] | None = None,
    user: Mapping[str, Any] | None = None,
    clients: Authority | None = None,
) -> Iterator[Api]:
    """What asks a server with this certificate; with ``clients`` the server wants one of theirs."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pair.certificate, pair.key)
    if clients is not None:
        tls.load_verify_locations(clients.file)
        tls.verify_mode = ssl.CERT_REQUIRED
    with serving({f"GET {VERSION}": [reply]}, tls) as script:
        path = kubeconfig(folder / "config", server=script.url, cluster=cluster, user=user)
        with closing(api(path)) as asked:
            yield asked


def test_the_authority_of_the_kubeconfig_is_trusted(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    with asking(tmp_path, authority.issue("127.0.0.1"), cluster={"certificate-authority": "ca.crt"}) as asked:
        assert asked.get(VERSION) == b"{}"


def test_another_authority_is_not_trusted(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue("127.0.0.1")
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")

    with (
        asking(tmp_path, pair, cluster={"certificate-authority": str(other.file)}) as asked,
        pytest.raises(ClusterLost) as raised,
    ):
        asked.get(VERSION)

    assert "of context 'one' is not trusted: unable to get local issuer certificate" in str(raised.value)


def test_a_server_of_another_name_needs_to_be_told(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair, cluster = authority.issue("kubernetes.example"), {"certificate-authority": "ca.crt"}

    with asking(tmp_path, pair, cluster=cluster) as asked, pytest.raises(ClusterLost) as raised:
        asked.get(VERSION)
    with asking(tmp_path, pair, cluster={**cluster, "tls-server-name": "kubernetes.example"}) as told:
        answer = told.get(VERSION)
        stream = told.stream_headers_and_tls(VERSION)

    assert "is not trusted: IP address mismatch" in str(raised.value)
    assert (answer, stream.server_name) == (b"{}", "kubernetes.example")


def test_whoever_insists_verifies_nothing(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue("kubernetes.example")

    unverified = {"insecure-skip-tls-verify": True}

    with warnings.catch_warnings(record=True) as warned, asking(tmp_path, pair, cluster=unverified) as asked:
        warnings.simplefilter("always")
        given = list(warnings.filters)
        answer, tls = asked.get(VERSION), asked.stream_headers_and_tls(VERSION).tls
        kept = list(warnings.filters) == given

    assert answer == b"{}"
    assert kept
    assert [one.category for one in warned if one.category is not ResourceWarning] == []
    assert tls is not None
    assert tls.verify_mode == ssl.CERT_NONE


def test_a_server_whose_certificate_has_expired_says_since_when(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    with (
        asking(
            tmp_path, authority.issue("127.0.0.1", ends=LONG_AGO), cluster={"certificate-authority": "ca.crt"}
        ) as asked,
        pytest.raises(ClusterLost) as raised,
    ):
        asked.get(VERSION)

    assert "its certificate has expired since 2021-01-02 03:04 UTC" in str(raised.value)


def test_a_client_shows_its_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server, client = authority.issue("127.0.0.1"), authority.issue("jane")
    user = {"client-certificate": client.certificate.name, "client-key": client.key.name}

    with asking(tmp_path, server, cluster={"certificate-authority": "ca.crt"}, user=user, clients=authority) as asked:
        assert asked.get(VERSION) == b"{}"


def test_a_client_whose_certificate_has_expired_learns_since_when(tmp_path: Path) -> None:
    # an API server takes any client certificate and answers 401 where it is no good
    authority = Authority(tmp_path)
    server, client = authority.issue("127.0.0.1"), authority.issue("jane", ends=LONG_AGO)
    user = {"client-certificate": client.certificate.name, "client-key": client.key.name}

    with (
        asking(tmp_path, server, reply=Reply(401), cluster={"certificate-authority": "ca.crt"}, user=user) as asked,
        pytest.raises(Denied) as raised,
    ):
        asked.get(VERSION)

    assert "its certificate has expired since 2021-01-02 03:04 UTC; log in again" in str(raised.value)
