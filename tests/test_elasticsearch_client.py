"""What the Elasticsearch client raises, as outcome and cause; and what a watermark asks for."""

from __future__ import annotations

from typing import Any

import elasticsearch
import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig

from fixtures.elasticsearch import Disk, known, room
from gonogo.core.errors import Denied, Forbidden, Garbled, TimedOut, Unavailable

GIB = 1024**3


def refusal(status: int, body: Any) -> elasticsearch.ApiError:
    """An answer of the server that the client raises."""
    meta = ApiResponseMeta(status, "1.1", HttpHeaders(), 0.1, NodeConfig("http", "localhost", 9200))
    return elasticsearch.ApiError("refused", meta, body)


def reason(kind: str, text: str = "") -> dict[str, Any]:
    """The body of a refusal as Elasticsearch writes it."""
    return {"error": {"type": kind, "reason": text, "root_cause": [{"type": kind, "reason": text}]}}


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
        (503, reason("search_phase_execution_exception", "all shards failed"), Unavailable, "unavailable"),
        (429, reason("circuit_breaking_exception", "too large"), Unavailable, "unavailable"),
        (400, reason("illegal_argument_exception", "of maximum normal shards open"), Unavailable, "shards_full"),
        (404, reason("index_not_found_exception"), Unavailable, "index_missing"),
        (502, "<html>bad gateway</html>", Unavailable, "unavailable"),
        (404, "<html>not here</html>", Garbled, "answer_garbled"),
    ],
)
def test_a_refusal_of_the_server_has_a_kind(status: int, body: Any, meaning: type, signature: str) -> None:
    found = known(refusal(status, body))

    assert type(found) is meaning
    assert found.signature == f"elasticsearch.{signature}"


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
