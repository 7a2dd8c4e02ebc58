"""What asks an API server of public charts: that it would refuse is seen, and nothing of it stays."""

from __future__ import annotations

from secrets import token_hex

from cluster.charts_table import Server
from cluster.live import Cluster

from gonogo.cluster.api import KINDS

SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "of-the-chart"}}


def test_what_a_server_would_refuse_is_said_and_nothing_is_made(cluster: Cluster) -> None:
    with cluster.namespace(f"gonogo-test-{token_hex(3)}") as space:
        server = Server(cluster, space)

        assert server.refusal({**SERVICE, "spec": {"ports": [{"port": 80}]}}) == ""
        assert "port" in server.refusal({**SERVICE, "spec": {"ports": [{"port": 99999}]}})
        assert "spec.port" in server.refusal({**SERVICE, "spec": {"port": 80}})
        assert server.refusal({**SERVICE, "apiVersion": "no.such/v1"}) == "Service of no.such/v1 is not served"
        assert cluster.find("Service", "a", space) is None


def test_a_definition_is_there_for_the_time_of_the_question_alone(cluster: Cluster) -> None:
    group = f"gonogo-test-{token_hex(3)}.test"
    names = {"kind": "Thing", "plural": "things", "singular": "thing", "listKind": "ThingList"}
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"things.{group}"},
        "spec": spec,
    }
    thing = {"apiVersion": f"{group}/v1", "kind": "Thing", "metadata": {"name": "a"}}

    with cluster.namespace(f"gonogo-test-{token_hex(3)}") as space:
        server = Server(cluster, space)
        server.define([crd])
        try:
            assert server.refusal({**thing, "spec": {"size": 1}}) == ""
            assert "spec.size" in server.refusal({**thing, "spec": {"size": "1"}})
        finally:
            server.undefine()

    path = KINDS["CustomResourceDefinition"].path(name=f"things.{group}")
    there = cluster.told("GET", path)
    assert there is None or "deletionTimestamp" in there["metadata"]
