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
    passed = [disk for disk in disks if disk.passed]
    expect(passed, nothing(), cause="elasticsearch.disk_above_watermark", message="past a watermark")


@pytest.mark.criterion("elasticsearch.blocks")
def test_no_index_is_read_only(elasticsearch: Elasticsearch) -> None:
    """No index is read-only, neither by a full disk nor by hand."""
    expect(elasticsearch.read_only(), nothing(), cause="elasticsearch.index_read_only", message="read-only")


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
