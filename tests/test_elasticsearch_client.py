"""What the Elasticsearch client raises, as outcome and cause; and what a watermark asks for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import elasticsearch
import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from scripted import Reply, Script, serving

from fixtures.elasticsearch import ASSIGNED, Blocked, Disk, Elasticsearch, Unassigned, known, room
from gonogo.core.endpoints import Endpoints, Timeouts
from gonogo.core.errors import (
    ClientError,
    Denied,
    Forbidden,
    Garbled,
    NotAskable,
    ServerError,
    TimedOut,
    Unavailable,
    Wrong,
)
from gonogo.core.outcomes import Outcome

GIB = 1024**3


def refusal(status: int, body: Any) -> elasticsearch.ApiError:
    """An answer of the server that the client raises."""
    meta = ApiResponseMeta(status, "1.1", HttpHeaders(), 0.1, NodeConfig("http", "localhost", 9200))
    return elasticsearch.ApiError("refused", meta, body)


def reason(kind: str, text: str = "") -> dict[str, Any]:
    """The body of a refusal as Elasticsearch writes it."""
    return {"error": {"type": kind, "reason": text, "root_cause": [{"type": kind, "reason": text}]}}


def wrapped(kind: str, text: str = "") -> dict[str, Any]:
    """The body of a refusal in which one shard's own is wrapped, as searches write it."""
    inner = {"type": kind, "reason": text}
    failed = [{"shard": 0, "index": "orders", "reason": inner}]
    outer = {"type": "search_phase_execution_exception", "reason": "all shards failed"}
    return {"error": {**outer, "root_cause": [inner], "failed_shards": failed, "caused_by": inner}}


@pytest.mark.parametrize(
    ("status", "body", "meaning", "signature"),
    [
        (401, reason("security_exception", "unable to authenticate"), Denied, "credentials_refused"),
        (403, reason("security_exception", "action is unauthorized"), Forbidden, "right_missing"),
        (
            403,
            reason("cluster_block_exception", "[FORBIDDEN/6/cluster read-only (api)]"),
            Unavailable,
            "cluster_read_only",
        ),
        (403, reason("cluster_block_exception", "[FORBIDDEN/5/index read-only (api)]"), Unavailable, "index_read_only"),
        (
            429,
            reason("cluster_block_exception", "[12/disk usage exceeded flood-stage]"),
            Unavailable,
            "index_read_only",
        ),
        (503, reason("cluster_block_exception", "[2/no master]"), Unavailable, "master_not_discovered"),
        (503, reason("master_not_discovered_exception"), Unavailable, "master_not_discovered"),
        (503, reason("unavailable_shards_exception", "primary is not active"), Unavailable, "shard_unassigned"),
        (503, reason("search_phase_execution_exception", "all shards failed"), ServerError, "server_error"),
        (429, wrapped("circuit_breaking_exception", "Data too large"), Unavailable, "circuit_breaker"),
        (503, wrapped("no_shard_available_action_exception"), Unavailable, "shard_unassigned"),
        (429, wrapped("es_rejected_execution_exception", "queue capacity = 1000"), Unavailable, "queue_full"),
        (429, reason("circuit_breaking_exception", "too large"), Unavailable, "circuit_breaker"),
        (429, reason("es_rejected_execution_exception"), Unavailable, "queue_full"),
        (429, reason("rejected_execution_exception"), Unavailable, "queue_full"),
        (503, reason("cluster_manager_not_discovered_exception"), Unavailable, "master_not_discovered"),
        (403, reason("cluster_block_exception", "[FORBIDDEN/10/…]"), Unavailable, "cluster_read_only"),
        (503, reason("process_cluster_event_timeout_exception"), Unavailable, "tasks_pending"),
        (400, reason("index_closed_exception"), Unavailable, "index_closed"),
        (403, reason("cluster_block_exception", "[FORBIDDEN/4/index closed];"), Unavailable, "index_closed"),
        (403, reason("cluster_block_exception", "[FORBIDDEN/8/index write (api)];"), Unavailable, "index_read_only"),
        (403, reason("cluster_block_exception", "[FORBIDDEN/13/…]"), Unavailable, "cluster_read_only"),
        (400, reason("illegal_argument_exception", "of maximum normal shards open"), Unavailable, "shards_full"),
        (400, reason("validation_exception", "[2]/[2] maximum normal shards open"), Unavailable, "shards_full"),
        (
            400,
            reason("illegal_argument_exception", "pipeline with id [x] does not exist"),
            Unavailable,
            "template_wrong",
        ),
        (400, reason("illegal_argument_exception", "unknown setting"), ServerError, "server_error"),
        (500, reason("never_seen_exception", "no table knows it"), ServerError, "server_error"),
        (
            403,
            {"error": {"type": "security_exception", "license.expired.feature": "ccr"}},
            Unavailable,
            "licence_expired",
        ),
        (404, {"found": False}, Unavailable, "search_wrong"),
        (405, {"error": "Incorrect HTTP method for uri [/_ilm/status]", "status": 405}, NotAskable, "not_askable"),
        (400, {"error": "no handler found for uri [/_ilm/explain]"}, NotAskable, "not_askable"),
        (404, reason("index_not_found_exception"), Unavailable, "index_missing"),
        (500, "<html>no</html>", Unavailable, "unavailable"),
        (499, "<html>no</html>", Garbled, "answer_garbled"),
        (502, "<html>bad gateway</html>", Unavailable, "unavailable"),
        (404, "<html>not here</html>", Garbled, "answer_garbled"),
    ],
)
def test_a_refusal_of_the_server_has_a_kind(status: int, body: Any, meaning: type, signature: str) -> None:
    found = known(refusal(status, body))

    assert type(found) is meaning
    assert found.signature == f"elasticsearch.{signature}"


def test_a_type_that_no_table_knows_is_told_with_its_reason() -> None:
    found = known(refusal(500, reason("never_seen_exception", "the moon")))

    assert found is not None
    assert found.outcome is Outcome.FAILED
    assert "HTTP 500, never_seen_exception" in str(found)


def test_a_server_without_the_products_header_is_something_else() -> None:
    meta = refusal(200, {}).meta

    found = known(elasticsearch.UnsupportedProductError("unknown product", meta, {}))

    assert type(found) is Garbled
    assert found.signature == "elasticsearch.not_elasticsearch"


def test_a_time_out_of_the_client_is_one() -> None:
    assert type(known(elasticsearch.ConnectionTimeout("Connection timed out"))) is TimedOut


def test_an_error_of_ours_is_none_of_the_clients() -> None:
    assert known(ValueError("ours")) is None


@pytest.mark.parametrize(
    ("value", "headroom", "needed"),
    [
        ("2gb", "-1", 2 * GIB),
        ("500mb", "20gb", 500 * 1024**2),
        ("7b", "-1", 7),
        ("7kb", "-1", 7 * 1024),
        ("7tb", "-1", 7 * 1024**4),
        ("7pb", "-1", 7 * 1024**5),
        ("85%", "-1", 15 * GIB),
        ("0.85", "-1", 15 * GIB),
        ("85%", "10gb", 10 * GIB),
        ("95%", "20gb", 5 * GIB),
    ],
)
def test_a_watermark_is_absolute_or_a_share_with_a_cap(value: str, headroom: str, needed: int) -> None:
    key = "cluster.routing.allocation.disk.watermark.low"

    found = room({key: value, f"{key}.max_headroom": headroom}, "low", 100 * GIB)

    assert found == pytest.approx(needed, abs=1)


def test_a_disk_names_the_watermarks_that_it_has_passed() -> None:
    disk = Disk("data-1", free=GIB, watermarks={"low": 2 * GIB, "high": GIB, "flood_stage": GIB // 2})

    assert disk.passed == ["low"]


class Server:
    """Elasticsearch's client, which answers by the name of the call: ``{"cluster.state": …}``, or raises.

    A function is asked with what the call was given.
    """

    def __init__(self, answers: dict[str, Any], name: str = "") -> None:
        self._answers, self._name = answers, name

    def __getattr__(self, name: str) -> Server:
        return Server(self._answers, f"{self._name}.{name}".removeprefix("."))

    def __call__(self, **given: Any) -> Any:
        if self._name == "options":
            return Server(self._answers)
        answer = self._answers.get(self._name, NOT_OFFERED)
        if callable(answer):
            answer = answer(**given)
        if isinstance(answer, Exception):
            raise answer
        return answer


NOT_OFFERED = refusal(400, {"error": "no handler found for uri"})
NOT_SHOWN = refusal(403, reason("security_exception", "action is unauthorized"))
CLOSED = {"4": {"description": "index closed", "retryable": False, "levels": ["read", "write"]}}
WRITE = {"8": {"description": "index write (api)", "retryable": False, "levels": ["write"]}}
NOBODY = "http://127.0.0.1:9"


def asked(answers: dict[str, Any], **expect: Any) -> Elasticsearch:
    """A client of a server that answers so."""
    there = Endpoints("elasticsearch", {"url": NOBODY}, expect=expect, timeouts=Timeouts(connect=0.05, check=0.05))
    client = Elasticsearch(there)
    client._client = Server(answers)
    return client


def blocks(**indices: Any) -> dict[str, Any]:
    """What a server says whose indices have these blocks."""
    return {
        "cluster.state": {"blocks": {"indices": indices}},
        "indices.get_settings": {},
        "indices.resolve_index": NONE,
    }


NONE: dict[str, Any] = {"indices": [], "aliases": [], "data_streams": []}


def test_what_is_blocked_is_told_by_its_block() -> None:
    client = asked(blocks(orders=WRITE, payments=WRITE, old=CLOSED))

    assert client.blocked() == Blocked([], ["closed: old"], ["index.blocks.write: orders, payments"])


def test_many_that_are_blocked_are_counted() -> None:
    client = asked(blocks(**{f"index-{number:03}": CLOSED for number in range(300)}))

    assert client.blocked().closed == ["closed: index-000, index-001, index-002, index-003, index-004 and 295 more"]


def test_a_blocked_cluster_and_a_block_of_a_later_version_are_told() -> None:
    strange = {"77": {"description": "project frozen", "retryable": False, "levels": ["write"]}}
    answers = blocks(orders=strange)
    answers["cluster.state"]["blocks"]["global"] = {
        "6": {"description": "cluster read-only (api)", "levels": ["write"]}
    }

    assert asked(answers).blocked() == Blocked(["cluster.blocks.read_only"], [], ["project frozen: orders"])


def test_what_a_target_excepts_may_be_blocked() -> None:
    client = asked(blocks(orders=WRITE, **{"archive-1": CLOSED}), exceptions=[{"match": "archive-*", "reason": "kept"}])

    assert client.blocked() == Blocked([], [], ["index.blocks.write: orders"])


@pytest.mark.parametrize(
    ("settings", "resolved"),
    [
        ({"logs-1": {"settings": {"index.lifecycle.indexing_complete": "true"}}}, NONE),
        ({"logs-1": {"settings": {"index.verified_read_only": "true"}}}, NONE),
        ({"logs-1": {"settings": {"index.store.type": "snapshot"}}}, NONE),
        ({}, {**NONE, "data_streams": [{"name": "logs", "backing_indices": ["logs-1", "logs-2"]}]}),
        ({}, {**NONE, "indices": [{"name": "logs-1"}, {"name": "logs-2", "aliases": ["logs"]}]}),
    ],
)
def test_what_is_not_written_any_more_may_be_blocked_for_writes(settings: Any, resolved: Any) -> None:
    answers = {**blocks(**{"logs-1": WRITE}), "indices.get_settings": settings, "indices.resolve_index": resolved}

    assert asked(answers).blocked() == Blocked([], [], [])


@pytest.mark.parametrize(
    ("settings", "resolved"),
    [
        ({"logs-1": {"settings": {"index.lifecycle.indexing_complete": "false"}}}, NONE),
        ({"logs-1": {"settings": {"index.store.type": "hybridfs"}}}, NONE),
        ({}, {**NONE, "indices": [{"name": "logs-1"}]}),
        ({}, {**NONE, "indices": [{"name": "logs-1"}, {"name": "logs-2"}]}),
        ({}, {**NONE, "indices": [{"name": "logs-1"}, {"name": "other-2", "aliases": ["other"]}]}),
        ({}, {**NONE, "indices": [{"name": "logs-1", "aliases": ["logs"]}, {"name": "logs-2", "aliases": ["logs"]}]}),
    ],
)
def test_what_is_still_written_may_not_be_blocked_for_writes(settings: Any, resolved: Any) -> None:
    answers = {**blocks(**{"logs-1": WRITE}), "indices.get_settings": settings, "indices.resolve_index": resolved}

    assert asked(answers).blocked().indices == ["index.blocks.write: logs-1"]


def test_the_name_of_what_is_aliased_is_no_generation_of_it() -> None:
    indices = [{"name": "logs"}, {"name": "logs-2", "aliases": ["current"]}]
    answers = {**blocks(logs=WRITE), "indices.resolve_index": {**NONE, "indices": indices}}

    assert asked(answers).blocked().indices == ["index.blocks.write: logs"]


def test_the_generation_that_is_written_may_not_be_blocked() -> None:
    stream = {"name": "logs", "backing_indices": ["logs-1", "logs-2"]}
    answers = {**blocks(**{"logs-2": WRITE}), "indices.resolve_index": {**NONE, "data_streams": [stream]}}

    assert asked(answers).blocked().indices == ["index.blocks.write: logs-2"]


def test_an_account_that_may_see_little_is_told_what_it_sees() -> None:
    answers = {**blocks(orders=WRITE), "indices.get_settings": NOT_SHOWN, "indices.resolve_index": NOT_SHOWN}

    assert asked(answers).blocked().indices == ["index.blocks.write: orders"]


def test_its_own_report_is_believed() -> None:
    capacity = {
        "status": "yellow",
        "symptom": "Cluster is close to reaching the configured maximum number of shards for data nodes.",
        "diagnosis": [{"cause": "Elasticsearch is about to reach the maximum.", "action": "Increase the value."}],
    }
    indicators = {
        "shards_capacity": capacity,
        "shards_availability": {"status": "yellow", "symptom": "1 replica is unassigned"},
        "slm": {"status": "red", "symptom": "1 policy fails"},
        "disk": {"status": "green", "symptom": "room"},
        "of_a_later_version": {"status": "red", "symptom": "new trouble"},
    }

    found = asked({"health_report": {"status": "red", "indicators": indicators}}).its_own_verdict()

    assert found == [
        "shards_capacity is yellow: Cluster is close to reaching the configured maximum number of shards for data "
        "nodes. Elasticsearch is about to reach the maximum. Increase the value.",
        "slm is red: 1 policy fails",
        "of_a_later_version is red: new trouble",
    ]


@pytest.mark.parametrize(("answer", "error"), [(NOT_SHOWN, Forbidden), (NOT_OFFERED, NotAskable)])
def test_who_is_shown_nothing_at_all_claims_nothing(answer: Exception, error: type[Exception]) -> None:
    calls = ("health_report", "ilm.get_status", "slm.get_status", "ilm.explain_lifecycle", "ssl.certificates")
    client = asked(dict.fromkeys(calls, answer))

    for ask in (client.its_own_verdict, client.stuck, lambda: client.expiring(14)):
        with pytest.raises(error):
            ask()


def test_a_part_that_is_not_shown_or_not_offered_gates_nothing() -> None:
    client = asked(
        {
            "ilm.get_status": {"operation_mode": "RUNNING"},
            "slm.get_status": NOT_OFFERED,
            "ilm.explain_lifecycle": NOT_SHOWN,
            "ssl.certificates": [],
            "security.authenticate": NOT_SHOWN,
        }
    )

    assert (client.stuck(), client.expiring(14)) == ([], [])


def test_lifecycles_that_are_stopped_or_stuck_are_told() -> None:
    error = {"policy": "logs", "step": "ERROR", "failed_step": "check-rollover-ready"}
    client = asked(
        {
            "ilm.get_status": {"operation_mode": "STOPPED"},
            "slm.get_status": {"operation_mode": "RUNNING"},
            "ilm.explain_lifecycle": {"indices": {"logs-1": error, "logs-2": error, "excepted": error}},
        },
        exceptions=[{"match": "excepted", "reason": "known"}],
    )

    assert client.stuck() == ["ILM is STOPPED", "logs, check-rollover-ready: logs-1, logs-2"]


def test_certificates_and_our_own_key_are_told_by_their_end() -> None:
    def days(number: float) -> datetime:
        return datetime.now(UTC) + timedelta(days=number)

    ours = {"path": "http.crt", "subject_dn": "CN=es", "has_private_key": True, "expiry": days(3).isoformat()}
    authority = {"path": "ca.crt", "subject_dn": "CN=ca", "has_private_key": False, "expiry": days(-1).isoformat()}
    client = asked(
        {
            "ssl.certificates": [ours, authority],
            "security.authenticate": {"api_key": {"id": "1", "name": "gonogo"}},
            "security.get_api_key": {"api_keys": [{"name": "gonogo", "expiration": days(1).timestamp() * 1000}]},
        }
    )

    assert client.expiring(14) == ["API key gonogo expires in 1.0 days", "http.crt (CN=es) expires in 3.0 days"]
    assert client.expiring(2) == ["API key gonogo expires in 1.0 days"]


def test_a_breaker_that_tripped_long_ago_is_no_trouble_and_one_that_trips_now_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = asked({})
    counts = iter([{"data-1: request": 7}, {"data-1: request": 7}, {"data-1: request": 7}, {"data-1: request": 8}])
    monkeypatch.setattr(client, "refusals", lambda: next(counts))

    calm, pressed = client.refuses(0.001), client.refuses(0.001)

    assert calm == []
    assert pressed == ["data-1: request refused 1 within 0.001 s"]


def test_growth_that_is_foretold_passes_a_watermark() -> None:
    disk = Disk("data-1", free=4 * GIB, watermarks={"low": 2 * GIB, "high": GIB}, growth=3 * GIB)

    assert (disk.passed, disk.coming) == ([], ["low"])
    assert str(disk) == (
        "data-1: 4.0 GB free; from the watermarks: low +2.0 GB, high +3.0 GB, 3.0 GB more are foretold"
    )


@pytest.mark.parametrize(
    ("health", "explained", "text", "signature"),
    [
        (
            {"primary_active": False, "unassigned_shards": 2},
            {
                "node_allocation_decisions": [
                    {"deciders": [{"decider": "enable", "decision": "NO", "explanation": "[…allocation.enable=none]"}]},
                    {"deciders": [{"decider": "enable", "decision": "NO", "explanation": "[…allocation.enable=none]"}]},
                ]
            },
            "orders: enable: […allocation.enable=none]",
            "allocation_disabled",
        ),
        (
            {"primary_active": True, "unassigned_shards": 1},
            {
                "node_allocation_decisions": [
                    {"deciders": [{"decider": "same_shard", "decision": "NO", "explanation": "a copy is there"}]},
                    {"deciders": [{"decider": "disk_threshold", "decision": "NO", "explanation": "above the low"}]},
                ]
            },
            "orders: disk_threshold: above the low",
            "disk_above_watermark",
        ),
        (
            {"primary_active": False, "unassigned_shards": 1},
            {"allocate_explanation": "cannot allocate because a previous copy is gone", "unassigned_info": {}},
            "orders: cannot allocate because a previous copy is gone",
            "shard_unassigned",
        ),
        ({"primary_active": True, "unassigned_shards": 0}, {}, "assigned by now", "shard_unassigned"),
    ],
)
def test_a_shard_without_a_node_is_explained_by_its_decider(
    health: Any, explained: Any, text: str, signature: str
) -> None:
    indices = {"indices": {"orders": {"shards": {"0": health}}}}
    client = asked({"cluster.health": indices, "cluster.allocation_explain": explained})

    assert client._explained("orders") == (text, signature)


TASK = {"source": "create-index [a]", "time_in_queue": "9s"}


@pytest.mark.parametrize(
    ("shard", "tasks", "settings", "refused", "signature", "told"),
    [
        (Unassigned("orders: a node is gone", "shard_unassigned"), [TASK], [], [], "shard_unassigned", "node is gone"),
        (None, [TASK], ["enable is none"], ["write refused 3"], "queue_full", "write refused 3"),
        (None, [TASK], ["enable is none"], [], "tasks_pending", "create-index [a] waits for the master since 9s"),
        (None, [], ["enable is none"], [], "allocation_disabled", "enable is none"),
        (None, [], [], [], "operation_hangs", "knows of nothing"),
    ],
)
def test_what_hangs_is_told_with_what_stands_in_its_way(
    monkeypatch: pytest.MonkeyPatch,
    shard: Unassigned | None,
    tasks: list[dict[str, str]],
    settings: list[str],
    refused: list[str],
    signature: str,
    told: str,
) -> None:
    client = asked({"search": elasticsearch.ConnectionTimeout("timed out"), "cluster.pending_tasks": {"tasks": tasks}})
    indices: list[str] = []
    assigned = Unassigned(ASSIGNED, "shard_unassigned")
    monkeypatch.setattr(Elasticsearch, "_explained", lambda _, index: indices.append(index) or shard or assigned)
    monkeypatch.setattr(Elasticsearch, "allocation", lambda _: settings)
    monkeypatch.setattr(Elasticsearch, "refuses", lambda *_: refused)

    with pytest.raises(TimedOut) as hung:
        client.ids("orders", {"match_all": {}})
    reason = client.why(hung.value)

    assert indices == ["orders"]
    assert reason is not None
    assert reason.signature == f"elasticsearch.{signature}"
    assert told in str(reason)


# -- what must be true, each limit to the unit


def in_place(**said: Any) -> dict[str, Any]:
    """An index whose copies are all in place, as the cluster's health tells it, but for what is said."""
    return {"status": "green", "unassigned_shards": 0, "number_of_replicas": 1, **said}


def healthy(status: str = "green", waited: int = 0, **indices: dict[str, Any]) -> dict[str, Any]:
    """The cluster's health."""
    told = {"status": status, "number_of_data_nodes": 2, "task_max_waiting_in_queue_millis": waited}
    return {**told, "indices": indices}


def cause_of(claim: Callable[[], object]) -> str:
    """The cause of a claim that is not so; empty where it is."""
    try:
        claim()
    except Wrong as wrong:
        return wrong.signature
    return ""


LONE = in_place(status="yellow", unassigned_shards=1)


@pytest.mark.parametrize(
    ("health", "red"),
    [
        (healthy(), False),
        (healthy("yellow", orders=in_place(status="yellow")), False),  # a copy is on its way
        (healthy("yellow", orders=LONE), True),
        (healthy("yellow", orders={**LONE, "number_of_replicas": 2}), False),  # two nodes cannot hold three copies
        (healthy("red", orders=in_place(status="red", number_of_replicas=2)), True),
        (healthy("red"), True),
    ],
)
def test_a_shard_that_the_expected_nodes_could_hold_has_a_node(health: dict[str, Any], red: bool) -> None:
    client = asked({"cluster.health": health}, data_nodes=2)

    assert cause_of(client.has_its_shards) == ("elasticsearch.shard_unassigned" if red else "")


@pytest.mark.parametrize(("name", "times"), [("pv-20261123093010-abcdef-1", 2), ("orders", 1)])
def test_a_copy_of_what_a_check_has_just_made_is_waited_for_once_more(name: str, times: int) -> None:
    waits = []

    def health(level: str, **given: Any) -> dict[str, Any]:
        if level == "indices":
            waits.append(given["timeout"])
        return healthy("yellow", **{name: LONE}) if len(waits) < 2 else healthy()

    found = asked({"cluster.health": health}, data_nodes=2).health()

    assert (len(waits), bool(found.unassigned)) == (times, times == 1)


def test_nothing_is_asked_again_where_all_is_in_place() -> None:
    waits = []

    asked({"cluster.health": lambda **_: waits.append(1) or healthy(waited=1500)}, data_nodes=2).health()

    assert waits == [1]


def test_the_oldest_task_is_told_in_seconds() -> None:
    client = asked({"cluster.health": healthy(waited=1500)}, data_nodes=2)

    assert client.health().oldest_task_seconds == 1.5


@pytest.mark.parametrize("active", [True, False])
def test_the_first_shard_without_a_node_is_asked_about(active: bool) -> None:
    shards = {"0": {"primary_active": True, "unassigned_shards": 0}}
    shards |= {"3": {"primary_active": active, "unassigned_shards": 1}}
    shards |= {"4": {"primary_active": not active, "unassigned_shards": 1}}
    wanted = []
    asked(
        {
            "cluster.health": {"indices": {"orders": {"shards": shards}}},
            "cluster.allocation_explain": lambda **given: wanted.append(given) or {},
        }
    )._explained("orders")

    assert wanted == [{"index": "orders", "shard": 3, "primary": not active}]


def test_a_decider_that_says_yes_explains_nothing() -> None:
    deciders = [{"decider": "awareness", "decision": "YES", "explanation": "fine"}] * 3
    deciders += [{"decider": "throttling", "decision": "THROTTLE", "explanation": "busy"}]
    health = {"indices": {"orders": {"shards": {"0": {"primary_active": True, "unassigned_shards": 1}}}}}
    explained = {"node_allocation_decisions": [{"deciders": deciders}]}

    found = asked({"cluster.health": health, "cluster.allocation_explain": explained})._explained("orders")

    assert found.text == "orders: throttling: busy"


def a_node(name: str, *roles: str, version: str = "8.17.0") -> dict[str, Any]:
    """A node, as it is told of."""
    return {"name": name, "roles": list(roles), "version": version, "ip": f"10.0.0.{name[-1]}", "host": name}


@pytest.mark.parametrize(
    ("nodes", "cause"),
    [
        ([a_node("n1", "master", "data"), a_node("n2", "data")], ""),
        ([a_node("n1", "cluster_manager", "data"), a_node("n2", "data")], ""),
        ([a_node("n1", "master", "data")], "node_missing"),
        ([a_node("n1", "master", "data"), a_node("n2", "ingest")], "node_missing"),
        ([a_node("n1", "data"), a_node("n2", "data")], "node_missing"),
        ([a_node("n1", "master", "data"), a_node("n2", "master", "data")], "node_missing"),
        ([a_node("n1", "master", "data"), a_node("n2", "data", version="8.16.0")], "versions_mixed"),
    ],
)
def test_expected_nodes_are_there_and_of_one_version(nodes: list[dict[str, Any]], cause: str) -> None:
    client = asked({"nodes.info": {"nodes": {one["name"]: one for one in nodes}}}, masters=1, data_nodes=2)

    assert cause_of(client.has_its_nodes).removeprefix("elasticsearch.") == cause


ENABLE, EXCLUDE = "cluster.routing.allocation.enable", "cluster.routing.allocation.exclude."


def settings(defaults: Any = None, persistent: Any = None, transient: Any = None) -> dict[str, Any]:
    """The cluster's settings, by where they are set."""
    return {"defaults": defaults or {}, "persistent": persistent or {}, "transient": transient or {}}


@pytest.mark.parametrize(
    ("live", "indices", "found"),
    [
        (settings(), {}, []),
        (settings({ENABLE: "all"}, {f"{EXCLUDE}_name": ""}), {}, []),
        (settings({ENABLE: "all"}, {ENABLE: "primaries"}), {}, [f"{ENABLE} is primaries"]),
        (settings({ENABLE: "all"}, {ENABLE: "none"}, {ENABLE: "all"}), {}, []),
        (settings({ENABLE: "NONE"}), {}, [f"{ENABLE} is none"]),
        (settings(), {"a": "all", "b": "none", "kept": "none"}, ["index.routing.allocation.enable is none: b"]),
        (settings(None, {f"{EXCLUDE}_ip": "10.0.0.2, 10.0.0.9"}), {}, [f"{EXCLUDE}_ip excludes n2"]),
        (settings(None, {f"{EXCLUDE}_name": "n*"}), {}, [f"{EXCLUDE}_name excludes n1, n2"]),
        (settings(None, {f"{EXCLUDE}_name": "left-*"}), {}, []),
        (settings(None, {"cluster.routing.allocation.include._name": "n1"}), {}, []),
    ],
)
def test_what_keeps_shards_from_nodes_is_told(live: dict[str, Any], indices: dict[str, str], found: list[str]) -> None:
    answers = {
        "cluster.get_settings": live,
        "nodes.info": {"nodes": {one: a_node(one, "data") for one in ("n1", "n2")}},
    }
    set_so = {name: {"settings": {"index.routing.allocation.enable": value}} for name, value in indices.items()}
    client = asked({**answers, "indices.get_settings": set_so}, exceptions=[{"match": "kept", "reason": "archive"}])

    assert client.allocation() == found


@pytest.mark.parametrize(("nodes", "used"), [(2, 50.0), (3, 33.3), (1, 100.0), (0, 100.0)])
def test_every_shard_counts_against_what_nodes_may_hold(nodes: int, used: float) -> None:
    held = {"active_shards": 90, "initializing_shards": 6, "unassigned_shards": 4, "number_of_data_nodes": nodes}
    client = asked({"cluster.health": held, "cluster.get_settings": settings({"cluster.max_shards_per_node": "100"})})

    assert client.shards_used() == used


@pytest.mark.parametrize("enabled", [True, False])
def test_disks_are_held_against_the_live_watermarks(enabled: bool) -> None:
    disk = "cluster.routing.allocation.disk."
    live = {f"{disk}watermark.{name}": f"{n}gb" for name, n in (("low", 3), ("high", 2), ("flood_stage", 1))}
    live[f"{disk}threshold_enabled"] = str(enabled).lower()
    total = {"total_in_bytes": 9 * GIB, "available_in_bytes": 4 * GIB}
    rows = [{"node": "n1", "disk.indices.forecast": str(2 * GIB), "disk.indices": str(GIB)}]
    rows += [{"node": "n2", "disk.indices.forecast": str(GIB), "disk.indices": str(2 * GIB)}]
    rows += [{"node": "n3", "disk.indices.forecast": None, "disk.indices": str(2 * GIB)}]
    nodes = {one: {"name": one, "fs": {"total": total}} for one in ("n1", "n2", "n3")}
    answers = {"cluster.get_settings": settings(live), "nodes.stats": {"nodes": nodes}, "cat.allocation": rows}

    minds, disks = asked(answers).disks()

    marks = {"low": 3 * GIB, "high": 2 * GIB, "flood_stage": GIB}
    assert minds is enabled
    assert disks == [Disk("n1", 4 * GIB, marks, GIB), Disk("n2", 4 * GIB, marks, 0), Disk("n3", 4 * GIB, marks, 0)]


@pytest.mark.parametrize(
    ("free", "growth", "passed", "coming"),
    [(10, 0, [], []), (10, 1, [], ["low"]), (9, 1, ["low"], []), (12, 2, [], []), (12, 3, [], ["low"])],
)
def test_a_watermark_is_passed_below_it(free: int, growth: int, passed: list[str], coming: list[str]) -> None:
    disk = Disk("n1", free, {"low": 10}, growth)

    assert (disk.passed, disk.coming) == (passed, coming)


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        *((n, "master_not_discovered") for n in (1, 2)),
        *((n, "index_read_only") for n in (3, 5, 7, 8, 9, 11, 12, 14)),
        *((n, "cluster_read_only") for n in (6, 10, 13)),
        (4, "index_closed"),
    ],
)
def test_each_number_of_a_block_has_its_cause(number: int, cause: str) -> None:
    found = known(refusal(403, reason("cluster_block_exception", f"[FORBIDDEN/{number}/…];")))

    assert found is not None
    assert found.signature == f"elasticsearch.{cause}"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        *((1, "state not recovered"), (2, "no master"), (3, "…"), (5, "index.blocks.read_only"), (11, "…")),
        *((6, "cluster.blocks.read_only"), (7, "index.blocks.read"), (8, "index.blocks.write")),
        *((9, "index.blocks.metadata"), (10, "cluster.blocks.create_index (OpenSearch: every disk is above its")),
        *((12, "index.blocks.read_only_allow_delete"), (13, "cluster.blocks.read_only_allow_delete"), (14, "…")),
    ],
)
def test_each_block_is_told_as_a_person_sets_it(number: int, said: str) -> None:
    told = asked(blocks(orders={str(number): {"description": "…"}})).blocked()

    assert told.indices[0].startswith(said)


@pytest.mark.parametrize(
    ("call", "ask", "given"),
    [
        ("search", Elasticsearch.answers, {"size": 0, "terminate_after": 1, "preference": "_local"}),
        ("search", lambda client: client.ids("orders", {}), {"allow_partial_search_results": False, "size": 100}),
        ("cluster.get_settings", Elasticsearch.allocation, {"include_defaults": True, "flat_settings": True}),
        ("health_report", Elasticsearch.its_own_verdict, {"verbose": True}),
        ("ilm.explain_lifecycle", Elasticsearch.stuck, {"only_errors": True}),
    ],
)
def test_what_an_answer_depends_on_is_asked_for(
    call: str, ask: Callable[[Elasticsearch], object], given: dict[str, Any]
) -> None:
    asks: list[dict[str, Any]] = []
    running = {"operation_mode": "RUNNING"}
    client = asked(
        {"ilm.get_status": running, "slm.get_status": running, call: lambda **told: asks.append(told) or 1 / 0}
    )

    with pytest.raises(ZeroDivisionError):
        ask(client)

    assert asks[0].items() >= given.items()


@pytest.mark.parametrize("error", [TimedOut("kafka", "another's"), Denied("elasticsearch", "it says so itself")])
def test_what_says_its_own_cause_or_is_another_component_s_is_asked_nothing(error: ClientError) -> None:
    assert asked({}).why(error) is None


# -- which product answers: small servers, each with answers as the real one of its name gave them

NODES = {"nodes": {"n1": {"name": "data-1", "roles": ["cluster_manager", "data"], "version": "2.19.4"}}}
ROOT = {"name": "data-1", "version": {"distribution": "opensearch", "number": "2.19.4"}}
REFUSED = {"error": "Content-Type header [application/vnd.elasticsearch+json; compatible-with=8] is not supported"}
FOUND = {"_shards": {"total": 2, "successful": 2}}
SEARCH = "POST /*,-pv-*/_search"


JSON = {"Content-Type": "application/json"}
OF_ELASTIC = {**JSON, "X-Elastic-Product": "Elasticsearch"}


def given(said: dict[str, Any], headers: dict[str, str] = JSON) -> dict[str, list[Reply]]:
    """What a small server answers."""
    return {line: [Reply(body=json.dumps(body), headers=headers)] for line, body in said.items()}


@pytest.fixture
def opensearch() -> Iterator[Script]:
    """OpenSearch 2.19 as it answers Elastic's own media types: the search's body is refused."""
    refused = {SEARCH: [Reply(406, json.dumps(REFUSED), headers=JSON)]}
    with serving({**given({"GET /": ROOT, "GET /_nodes/http": NODES}), **refused}) as script:
        yield script


def reached(script: Script, product: str = "") -> Elasticsearch:
    """A client of the server, as a target that names this product has it."""
    endpoints = script.endpoints("elasticsearch", url=script.url, username="gonogo", password="sesame-sesame")
    return Elasticsearch(replace(endpoints, product=product))


@pytest.mark.parametrize("asked", ["answers", "version"])
def test_opensearch_that_no_target_calls_so_is_named_with_the_fix(opensearch: Script, asked: str) -> None:
    with closing(reached(opensearch)) as client, pytest.raises(Garbled) as caught:
        getattr(client, asked)()

    assert caught.value.signature == "elasticsearch.is_opensearch"
    assert caught.value.outcome is Outcome.BROKEN
    assert opensearch.asked[-1][0] == "GET /"
    assert HttpHeaders(opensearch.asked[-1][1])["authorization"].startswith("Basic ")


def test_elasticsearch_that_a_target_calls_opensearch_is_named_with_the_fix() -> None:
    with serving(given({SEARCH: FOUND}, OF_ELASTIC)) as script:
        client = reached(script, "opensearch")
        with closing(client), pytest.raises(Garbled) as caught:
            client.answers()

    assert caught.value.signature == "elasticsearch.not_opensearch"
    assert caught.value.outcome is Outcome.BROKEN


def test_opensearch_is_asked_in_plain_json_and_by_the_names_that_it_has() -> None:
    old = {**JSON, "Warning": '299 OpenSearch "Deprecated parameter [master_timeout] used"'}
    with serving(given({SEARCH: FOUND, "GET /_nodes/http": NODES}, old)) as script:
        client = reached(script, "opensearch")
        with closing(client):
            answered, nodes = client.answers(), client.nodes()

    sent = " ".join(value for _, headers in script.asked for value in headers.values())
    assert answered == "searched 2 of 2 shards"
    assert [(node.name, node.roles) for node in nodes] == [("data-1", ("master", "data"))]
    assert "vnd.elasticsearch" not in sent
    assert "application/json" in sent


@pytest.mark.parametrize("root", [{"tagline": "You Know, for Search"}, {"version": "1"}, []], ids=repr)
def test_what_is_neither_is_told_as_before(root: Any) -> None:
    with serving(given({SEARCH: FOUND, "GET /": root})) as script:
        client = reached(script)
        with closing(client), pytest.raises(Garbled) as caught:
            client.answers()

    assert caught.value.signature == "elasticsearch.not_elasticsearch"


@pytest.mark.parametrize("product", ["", "opensearch"])
def test_a_refused_password_is_one_whatever_the_target_calls_the_server(product: str) -> None:
    with serving({SEARCH: [Reply(401, "Unauthorized", headers={"Content-Type": "text/plain"})]}) as script:
        client = reached(script, product)
        with closing(client), pytest.raises(Denied):
            client.answers()


def test_a_wait_for_green_that_ends_is_an_answer() -> None:
    late = [Reply(408, json.dumps(healthy("yellow", orders=LONE)), headers=OF_ELASTIC)]
    with serving({"GET /_cluster/health": late}) as script, closing(reached(script)) as client:
        client.expect = {"data_nodes": 2}

        assert cause_of(client.has_its_shards) == "elasticsearch.shard_unassigned"


@pytest.mark.parametrize(("status", "told"), [(200, "orders: busy"), (408, "orders: busy"), (404, ASSIGNED)])
def test_an_index_that_is_gone_by_now_lacks_no_shard(status: int, told: str) -> None:
    lone = {"indices": {"orders": {"shards": {"0": {"primary_active": True, "unassigned_shards": 1}}}}}
    health = Reply(status, json.dumps({} if status == 404 else lone), headers=OF_ELASTIC)
    explained = Reply(200, json.dumps({"allocate_explanation": "busy"}), headers=OF_ELASTIC)
    replies = {"GET /_cluster/health/orders": [health], "POST /_cluster/allocation/explain": [explained]}
    with serving(replies) as script, closing(reached(script)) as client:
        assert client._explained("orders").text == told


def test_what_failed_shards_say_is_followed_though_nothing_else_says_it() -> None:
    failed = [{"shard": 0}, {"shard": 1, "reason": {"type": "circuit_breaking_exception", "reason": "too large"}}]
    body = {"error": {"type": "search_phase_execution_exception", "reason": "all failed", "failed_shards": failed}}

    found = known(refusal(503, body))

    assert found is not None
    assert found.signature == "elasticsearch.circuit_breaker"
