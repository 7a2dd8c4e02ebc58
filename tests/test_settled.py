"""Settled is what the critical criteria that only read say: by the same calls, and each of them can keep it back."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from scripted import Reply, answers, serving

from fixtures.elasticsearch import Elasticsearch
from fixtures.kafka import Broker, Health, Kafka, Quorum
from fixtures.mlflow import Mlflow
from fixtures.neo4j import Neo4j
from fixtures.postgresql import Postgresql
from fixtures.ray import Ray
from fixtures.s3 import S3
from gonogo.catalog.registry import Registry
from gonogo.checks.clients import client_class
from gonogo.core.endpoints import Endpoints, Timeouts
from gonogo.core.errors import ClientError, Refused, Unavailable, Wrong
from gonogo.core.outcomes import Level

ROOT = Path(__file__).parent.parent
REGISTRY = Registry.load(ROOT)
COMPONENTS = [name for name, one in REGISTRY.components.items() if "embedded" in one.providers]


# -- one place each


def claims(component: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    """The critical checks of a component that neither write nor disrupt."""
    for path in sorted((ROOT / "suites" / component).glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef):
                continue
            marks = [ast.unparse(mark) for mark in node.decorator_list]
            ids = [mark.split("'")[1] for mark in marks if "criterion(" in mark]
            if any(REGISTRY.criteria[one].level is Level.CRITICAL for one in ids) and not any(
                mark.endswith((".writes", ".disrupts")) for mark in marks
            ):
                yield ids[0], node


def calls(source: str, on: str) -> set[str]:
    """The methods that the source calls on this name."""
    called = (node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return {f.attr for f in called if isinstance(f, ast.Attribute) and ast.unparse(f.value) == on}


@pytest.mark.parametrize("component", COMPONENTS)
def test_settled_asks_what_the_critical_checks_that_only_read_ask(component: str) -> None:
    asked = {name for _, node in claims(component) for name in calls(ast.unparse(node), component)} - {"answers"}

    settled = getattr(client_class(ROOT, component), "settled", None)

    source = textwrap.dedent(inspect.getsource(settled)) if settled else ""
    public = {name for name in calls(source, "self") if not name.startswith("_")}
    assert public == asked


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_critical_check_that_only_reads_decides_nothing_itself(component: str) -> None:
    own = [
        name
        for name, node in claims(component)
        if not name.endswith(".answers")
        and any(isinstance(one, ast.Call) and ast.unparse(one.func) == "expect" for one in ast.walk(node))
    ]

    assert own == []


# -- and each reason


def reason(client: Any) -> str:
    """The signature of why a client is not settled; empty where it is."""
    try:
        client.settled()
    except (Wrong, ClientError) as error:
        return error.signature
    return ""


def endpoints(component: str, **addresses: Any) -> Endpoints:
    """Endpoints with the component's own expectations, and limits that tests can wait for."""
    return Endpoints(component, addresses, expect=REGISTRY.components[component].expect, timeouts=Timeouts(0.2, 0.2, 1))


BROKERS = [Broker(number, f"127.0.0.1:{number}", False) for number in (1, 2, 3)]
QUORUM = Quorum(1, frozenset({1, 2, 3}), frozenset())
KAFKA: dict[str, tuple[dict[str, Any], str]] = {
    "right": ({}, ""),
    "a broker is fenced": ({"listed": [*BROKERS[:2], BROKERS[2]._replace(fenced=True)]}, "kafka.broker_missing"),
    "a broker too many": ({"listed": [*BROKERS, Broker(4, "127.0.0.1:4", False)]}, "kafka.broker_missing"),
    "an address is advertised wrongly": ({"deaf": ["127.0.0.1:3"]}, "kafka.advertised_unreachable"),
    "no leader": ({"quorum": QUORUM._replace(leader=-1)}, "kafka.quorum_without_leader"),
    "a voter is missing": ({"quorum": QUORUM._replace(voters=frozenset({1, 2}))}, "kafka.voter_missing"),
    "a voter is behind": ({"quorum": QUORUM._replace(behind=frozenset({2}))}, "kafka.voter_behind"),
    "a partition is offline": ({"health": Health(["t-0"], [], [])}, "kafka.partition_offline"),
    "a partition is thin": ({"health": Health([], ["t-0"], [])}, "kafka.partition_under_min_isr"),
    "a replica is out of sync": ({"health": Health([], [], ["t-0"])}, "kafka.partition_under_replicated"),
}


@pytest.mark.parametrize("how", KAFKA)
def test_kafka_settles_once_all_its_claims_are_so(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    seen, signature = KAFKA[how]
    client = Kafka(endpoints("kafka", bootstrap="127.0.0.1:1"))
    deaf = seen.get("deaf", ())
    monkeypatch.setattr(client, "answers", lambda: "a broker serves")
    monkeypatch.setattr(client, "listed", lambda: seen.get("listed", BROKERS))
    monkeypatch.setattr(client, "_ask_each", lambda asked, **_: {a: Refused("kafka", a) for a in asked if a in deaf})
    monkeypatch.setattr(client, "quorum", lambda: seen.get("quorum", QUORUM))
    monkeypatch.setattr(client, "partitions", lambda: seen.get("health", Health([], [], [])))
    monkeypatch.setitem(vars(client), "_admin", SimpleNamespace(describe_groups=lambda _: {"gonogo": {}}))

    assert reason(client) == signature


def test_a_kafka_without_a_coordinator_of_groups_is_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    from kafka.errors import CoordinatorNotAvailableError

    def absent(_: object) -> None:
        raise CoordinatorNotAvailableError

    client = Kafka(endpoints("kafka", bootstrap="127.0.0.1:1"))
    monkeypatch.setattr(client, "brokers", lambda: BROKERS)
    monkeypatch.setattr(client, "quorum", lambda: QUORUM)
    monkeypatch.setattr(client, "partitions", lambda: Health([], [], []))
    monkeypatch.setitem(vars(client), "_admin", SimpleNamespace(describe_groups=absent))

    assert reason(client) == ""


def es_node(name: str, *roles: str, version: str = "8.17.4") -> dict[str, Any]:
    """A node as ``_nodes`` tells it."""
    return {"name": name, "roles": roles, "version": version}


NODES = [es_node("m", "master"), es_node("d1", "data"), es_node("d2", "data")]
GREEN = {
    "status": "green",
    "number_of_data_nodes": 2,
    "task_max_waiting_in_queue_millis": 0,
    "indices": {},
}


def index(status: str, replicas: int) -> dict[str, Any]:
    """The health of a cluster with one index that is not whole."""
    return {
        **GREEN,
        "status": status,
        "indices": {"orders": {"status": status, "number_of_replicas": replicas, "unassigned_shards": 1}},
    }


ELASTICSEARCH: dict[str, tuple[list[dict[str, Any]], dict[str, Any], str]] = {
    "right": (NODES, GREEN, ""),
    "yellow for want of nodes that nobody expects": (NODES, index("yellow", 3), ""),
    "yellow, and two nodes could hold it": (NODES, index("yellow", 1), "elasticsearch.shard_unassigned"),
    "red": (NODES, index("red", 1), "elasticsearch.shard_unassigned"),
    "red, and no index says why": (NODES, {**GREEN, "status": "red"}, "elasticsearch.shard_unassigned"),
    "no master": (NODES[1:], GREEN, "elasticsearch.node_missing"),
    "a data node is missing": (NODES[:2], GREEN, "elasticsearch.node_missing"),
    "a data node too many": ([*NODES, es_node("d3", "data")], GREEN, "elasticsearch.node_missing"),
    "versions are mixed": (
        [*NODES[:2], es_node("d2", "data", version="8.18.0")],
        GREEN,
        "elasticsearch.versions_mixed",
    ),
}


@pytest.mark.parametrize("how", ELASTICSEARCH)
def test_elasticsearch_settles_once_all_its_claims_are_so(how: str) -> None:
    nodes, health, signature = ELASTICSEARCH[how]
    product = {"X-Elastic-Product": "Elasticsearch", "Content-Type": "application/json"}

    def said(value: object) -> list[Reply]:
        return [Reply(body=json.dumps(value), headers=product)]

    replies = {
        "GET /_nodes/http": said({"nodes": dict(enumerate(nodes))}),
        "GET /_cluster/health": said(health),
        "POST /_cluster/allocation/explain": said({"allocate_explanation": "no node"}),
    }
    with serving(replies) as script:
        client = Elasticsearch(
            script.endpoints("elasticsearch", expect=REGISTRY.components["elasticsearch"].expect, url=script.url)
        )
        with closing(client):
            assert reason(client) == signature


ONLINE = {"neo4j": "online", "system": "online"}
NEO4J: dict[str, tuple[dict[str, str], bool, str]] = {
    "right": (ONLINE, False, ""),
    "ours is not there": ({"system": "online"}, False, "neo4j.database_missing"),
    "one is offline": ({**ONLINE, "other": "offline, requested online"}, False, "neo4j.database_not_online"),
    "an unknown user is served": (ONLINE, True, "neo4j.unauthenticated_access"),
}


@pytest.mark.parametrize("how", NEO4J)
def test_neo4j_settles_once_all_its_claims_are_so(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    databases, admitted, signature = NEO4J[how]
    client = Neo4j(endpoints("neo4j", database="neo4j"))
    monkeypatch.setattr(client, "databases", lambda: databases)
    monkeypatch.setattr(client, "without_credentials", lambda: "served" if admitted else "refused")

    assert reason(client) == signature


@pytest.mark.parametrize(
    ("nobody", "wrong_key", "signature"),
    [
        ([], set(), ""),
        (["read"], set(), "s3.unauthenticated_access"),
        (["write"], set(), "s3.unauthenticated_access"),
        ([], {"list"}, "s3.wrong_credentials_served"),
    ],
    ids=["right", "the bucket is public", "anybody may put", "any key is taken"],
)
def test_s3_settles_once_all_its_claims_are_so(
    monkeypatch: pytest.MonkeyPatch, nobody: list[str], wrong_key: set[str], signature: str
) -> None:
    client = S3(endpoints("s3", bucket="b"))
    monkeypatch.setattr(client, "without_credentials", lambda: nobody)
    monkeypatch.setattr(client, "with_wrong_credentials", lambda: {"a wrong key": wrong_key, "a wrong secret": set()})

    assert reason(client) == signature


def ray_node(name: str, *, head: bool = False, cpus: float = 1, ended: str = "") -> dict[str, Any]:
    """A row of Ray's state interface, ended just now where it has."""
    return {
        "node_id": name,
        "is_head_node": head,
        "state": "DEAD" if ended else "ALIVE",
        "state_message": ended or None,
        "resources_total": {"CPU": cpus},
        "end_time_ms": time.time() * 1000 if ended else 0,
    }


HEAD, WORKERS = ray_node("h", head=True), [ray_node("w1"), ray_node("w2")]
RAY: dict[str, tuple[list[dict[str, Any]], str | None, str]] = {
    "right": ([HEAD, *WORKERS], None, ""),
    "a worker is missing": ([HEAD, WORKERS[0]], None, "ray.worker_missing"),
    "too many workers": ([HEAD, *(ray_node(f"w{n}") for n in range(5))], None, "ray.worker_unexpected"),
    "a worker is small": ([HEAD, WORKERS[0], ray_node("w2", cpus=0.5)], None, "ray.worker_small"),
    "a node was killed": ([HEAD, *WORKERS, ray_node("w3", ended="Unexpected termination: x")], None, "ray.node_lost"),
    "a node does not answer": ([HEAD, *WORKERS], "1 raylet failed to reply", "ray.node_silent"),
}


@pytest.mark.parametrize("how", RAY)
def test_ray_settles_once_all_its_claims_are_so(how: str) -> None:
    nodes, warning, signature = RAY[how]
    replies = {
        "GET /api/v0/nodes": answers({"data": {"result": {"result": nodes}}}),
        "GET /api/v0/objects": answers({"data": {"result": {"result": [], "partial_failure_warning": warning}}}),
        "GET /api/v0/logs": answers({}),
    }
    with serving(replies) as script:
        expect = REGISTRY.components["ray"].expect
        with closing(Ray(script.endpoints("ray", expect=expect, dashboard=script.url, token="t"))) as client:
            assert reason(client) == signature


@pytest.mark.parametrize("client", [Postgresql, Mlflow])
def test_where_answering_is_all_that_reading_can_tell_nothing_more_is_asked(client: type) -> None:
    assert not hasattr(client, "settled")


# -- how the engine takes it


class Fake:
    """A client that answers and is settled as it is told."""

    def __init__(self, answers: Callable[[], str], settled: Callable[[], None]) -> None:
        self.answers, self.settled = answers, settled

    def close(self) -> None:
        """Nothing is open."""


def fall(error: Exception) -> Callable[[], Any]:
    """What raises the error."""

    def raising() -> Any:
        raise error

    return raising


@pytest.mark.parametrize(
    ("answering", "settling", "meaning", "signature"),
    [
        (str, fall(Wrong("kafka.broker_missing", "3 brokers", 2)), "Unsettled", "kafka.broker_missing"),
        (str, fall(Unavailable("kafka", "x", kind="topic_missing")), "Unsettled", "kafka.topic_missing"),
        (str, fall(TimeoutError("late")), "Unsettled", "kafka.timed_out"),
        (str, fall(ValueError("ours")), "Unsettled", "kafka.not_settled"),
        (fall(Wrong("kafka.host_refused", 1, 2)), str, "Unsettled", "kafka.host_refused"),
        (fall(Refused("kafka", "x")), str, "Refused", "kafka.connection_refused"),
        (fall(TimeoutError("late")), str, "TimedOut", "kafka.timed_out"),
    ],
)
def test_what_answers_and_is_not_right_is_told_from_what_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, answering: Any, settling: Any, meaning: str, signature: str
) -> None:
    from gonogo.run.platform import Platform

    platform = object.__new__(Platform)
    monkeypatch.setattr(platform, "client", lambda *_: closing(Fake(answering, settling)), raising=False)
    monkeypatch.setattr(platform, "_dressed", lambda _, given: given, raising=False)

    with pytest.raises(ClientError) as raised:
        platform.ready(REGISTRY.components["kafka"])(endpoints("kafka"))

    assert (type(raised.value).__name__, raised.value.signature) == (meaning, signature)
