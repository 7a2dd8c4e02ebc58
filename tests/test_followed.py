"""The way to a server, found by what is followed anyway, and by the API server where that is not sure."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

import pytest
from streaming import SPDY, Cluster

from gonogo.cluster.api import KINDS, Kind
from gonogo.cluster.forward import Forwards
from gonogo.cluster.forward.choose import Destination, Spot, advertised, behind

WEB = "/api/v1/namespaces/data/services/web"
BEHIND_WEB = "/apis/discovery.k8s.io/v1/namespaces/data/endpointslices?kubernetes.io/service-name=web"


def slices(pod: str = "web-0") -> dict[str, Any]:
    """The slice of a Service ``web``, with one pod that is ready."""
    endpoint = {"addresses": ["10.1.0.1"], "conditions": {"ready": True}, "targetRef": {"kind": "Pod", "name": pod}}
    return {"items": [{"endpoints": [endpoint], "ports": [{"name": "http", "port": 5432}]}]}


def service(**spec: Any) -> dict[str, Any]:
    given = {"ports": [{"name": "http", "port": 80}], "selector": {"app": "web"}, **spec}
    return {"metadata": {"name": "web", "namespace": "data"}, "spec": given}


def followed(part: dict[str, Any], service: dict[str, Any]) -> Callable[[Kind, str], list[Any]]:
    """What somebody follows: the Service, and one slice of it."""
    meta = {"name": "web-1", "namespace": "data", "labels": {"kubernetes.io/service-name": "web"}}
    other = {**part, "metadata": {**meta, "labels": {"kubernetes.io/service-name": "other"}}}
    held = {KINDS["Service"]: [service], KINDS["EndpointSlice"]: [other, {**part, "metadata": meta}]}
    return lambda kind, _: held[kind]


def test_the_way_to_a_server_is_found_by_what_is_followed_anyway() -> None:
    with closing(Cluster((SPDY,))) as cluster:
        cluster.known = followed(slices()["items"][0], service())  # type: ignore[method-assign]

        found = behind(cluster, Destination.read("data/web:80"))  # type: ignore[arg-type]
        told = advertised(cluster, "web.data.svc", 80, ["data"])  # type: ignore[arg-type]

        assert (found, told, cluster.asked) == ([Spot("data", "web-0", 5432)], found, [])


@pytest.mark.parametrize("reference", ["data/web:80", "data/web:http"])
def test_where_what_is_followed_leads_nowhere_the_api_server_is_asked(reference: str) -> None:
    with closing(Cluster((SPDY,))) as cluster:
        late = {"endpoints": [], "ports": []}
        cluster.known = followed(late, service(ports=[]))  # type: ignore[method-assign]
        cluster.objects |= {WEB: service(), BEHIND_WEB: slices()}

        found = behind(cluster, Destination.read(reference))  # type: ignore[arg-type]

        assert (found, cluster.asked) == ([Spot("data", "web-0", 5432)], [WEB, BEHIND_WEB])


def test_who_is_in_doubt_asks_the_api_server_whatever_is_followed() -> None:
    with closing(Cluster((SPDY,))) as cluster:
        cluster.known = followed(slices("web-old")["items"][0], service())  # type: ignore[method-assign]
        cluster.objects |= {WEB: service(), BEHIND_WEB: slices()}

        found = behind(cluster, Destination.read("data/web:80"), sure=True)  # type: ignore[arg-type]

        assert found == [Spot("data", "web-0", 5432)]


def test_a_forward_to_a_pod_that_is_gone_is_not_tried_by_what_is_followed_again() -> None:
    with closing(Cluster((SPDY,))) as cluster, closing(Forwards(cluster)) as ways:  # type: ignore[arg-type]
        cluster.known = followed(slices("web-old")["items"][0], service())  # type: ignore[method-assign]
        cluster.objects |= {WEB: service(), BEHIND_WEB: slices("web-new")}
        cluster.refuses = 404, 'pods "web-old" not found'
        address = ways.address("data/web:80")
        with socket.create_connection(address, timeout=20) as client, suppress(ConnectionResetError):
            client.recv(1)

        tried = [path.split("/")[6] for path in cluster.asked if path.endswith("/portforward")]
        assert tried == ["web-old", "web-new"]
