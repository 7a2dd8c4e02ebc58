"""Elasticsearch's cluster: its nodes, shards, disks and doors."""

from __future__ import annotations

import pytest

from fixtures.elasticsearch import Elasticsearch
from gonogo import at_most, expect, nothing, something


@pytest.mark.criterion("elasticsearch.answers")
def test_answers(elasticsearch: Elasticsearch) -> None:
    """Elasticsearch serves an authenticated search."""
    expect(elasticsearch.answers(), something(), cause="elasticsearch.answer_garbled")


@pytest.mark.criterion("elasticsearch.health")
def test_every_shard_is_assigned(elasticsearch: Elasticsearch) -> None:
    """Every shard is assigned, as far as the expected data nodes can hold it."""
    elasticsearch.has_its_shards()


@pytest.mark.criterion("elasticsearch.nodes")
def test_every_node_is_there(elasticsearch: Elasticsearch) -> None:
    """The expected master-eligible and data nodes are there, and run one version."""
    elasticsearch.has_its_nodes()


@pytest.mark.criterion("elasticsearch.watermarks")
def test_disks_are_below_their_watermarks(elasticsearch: Elasticsearch) -> None:
    """Elasticsearch minds its disks, and no data node's disk has passed a watermark."""
    minds, disks = elasticsearch.disks()

    expect(minds, True, cause="elasticsearch.disk_threshold_off", message="disk threshold enabled")
    expect(disks, something(), cause="elasticsearch.node_missing", message="data nodes with disks")
    passed = [f"{', '.join(disk.passed)}: {disk}" for disk in disks if disk.passed]
    expect(passed, nothing(), cause="elasticsearch.disk_above_watermark", message="past a watermark")
    coming = [f"{', '.join(disk.coming)}: {disk}" for disk in disks if disk.coming]
    expect(
        coming,
        nothing(),
        cause="elasticsearch.disk_above_watermark",
        message="past a watermark by what will be written",
    )


@pytest.mark.criterion("elasticsearch.blocks")
def test_no_index_is_blocked(elasticsearch: Elasticsearch) -> None:
    """No index that is still used is closed or blocked, neither by a full disk nor by hand, and nor is the cluster."""
    cluster, closed, indices = elasticsearch.blocked()

    expect(cluster, nothing(), cause="elasticsearch.cluster_read_only", message="blocks of the cluster")
    expect(indices, nothing(), cause="elasticsearch.index_read_only", message="blocked")
    expect(closed, nothing(), cause="elasticsearch.index_closed", message="closed")


@pytest.mark.criterion("elasticsearch.allocation")
def test_shards_may_be_allocated(elasticsearch: Elasticsearch) -> None:
    """No setting keeps new shards from the data nodes."""
    expect(elasticsearch.allocation(), nothing(), cause="elasticsearch.allocation_disabled", message="in the way")


@pytest.mark.criterion("elasticsearch.health_report")
def test_its_own_health_report_is_good(elasticsearch: Elasticsearch) -> None:
    """Elasticsearch's own health report finds nothing wrong."""
    expect(elasticsearch.its_own_verdict(), nothing(), cause="elasticsearch.trouble_reported", message="its own report")


@pytest.mark.criterion("elasticsearch.shards_room")
def test_there_is_room_for_more_shards(elasticsearch: Elasticsearch) -> None:
    """The data nodes may hold more shards than they do."""
    allowed = elasticsearch.expect["shards_used_percent"]

    expect(elasticsearch.shards_used(), at_most(allowed, "%"), cause="elasticsearch.shards_nearly_full")


@pytest.mark.criterion("elasticsearch.lifecycles")
def test_lifecycles_go_on(elasticsearch: Elasticsearch) -> None:
    """Lifecycle and snapshot policies run, and no index is stuck in a step that failed."""
    expect(elasticsearch.stuck(), nothing(), cause="elasticsearch.lifecycle_stuck", message="stuck")


@pytest.mark.criterion("elasticsearch.certificates")
def test_no_certificate_expires_soon(elasticsearch: Elasticsearch) -> None:
    """No certificate that Elasticsearch shows, nor what it is asked with, a certificate or API key, expires soon."""
    days = elasticsearch.expect["certificate_days"]

    soon = elasticsearch.expiring(days)

    expect(soon, nothing(), cause="elasticsearch.certificate_expires", message=f"within {days} days")


@pytest.mark.criterion("elasticsearch.pressure")
def test_nothing_is_refused_under_pressure(elasticsearch: Elasticsearch) -> None:
    """While it is watched no circuit breaker trips, and no queue turns a request away."""
    expect(elasticsearch.refuses(), nothing(), cause="elasticsearch.circuit_breaker", message="refused")


@pytest.mark.criterion("elasticsearch.pending_tasks")
def test_the_master_keeps_up(elasticsearch: Elasticsearch) -> None:
    """No change of the cluster's state has waited for the master for longer than allowed."""
    allowed = elasticsearch.expect["pending_task_seconds"]

    oldest = elasticsearch.health().oldest_task_seconds

    expect(oldest, at_most(allowed, "s"), cause="elasticsearch.tasks_pending")


@pytest.mark.criterion("elasticsearch.authentication")
def test_unauthenticated_access_is_refused(elasticsearch: Elasticsearch) -> None:
    """A client that shows no credentials is refused."""
    expect(elasticsearch.without_credentials(), "refused", cause="elasticsearch.unauthenticated_access")
