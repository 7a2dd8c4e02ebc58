"""Elasticsearch's cluster: its nodes, shards, disks and doors."""

from __future__ import annotations

import pytest

from fixtures.elasticsearch import Elasticsearch
from gonogo import saw, wrong


@pytest.mark.criterion("elasticsearch.answers")
def test_answers(elasticsearch: Elasticsearch) -> None:
    """Elasticsearch serves an authenticated search."""
    answer = elasticsearch.answers()

    saw(answer, expected="a search served")
    assert "searched" in answer, wrong("elasticsearch.answer_garbled")


@pytest.mark.criterion("elasticsearch.health")
def test_every_shard_has_its_place(elasticsearch: Elasticsearch) -> None:
    """Every shard is assigned, as far as the expected data nodes can hold it."""
    health = elasticsearch.has_its_shards()

    saw(health.status, expected="green, or yellow for want of expected data nodes")


@pytest.mark.criterion("elasticsearch.nodes")
def test_every_node_is_there(elasticsearch: Elasticsearch) -> None:
    """The expected master-eligible and data nodes are there, and run one version."""
    nodes = elasticsearch.has_its_nodes()

    masters, data_nodes = elasticsearch.expect["masters"], elasticsearch.expect["data_nodes"]
    saw(nodes, expected=f"{masters} master-eligible and {data_nodes} data nodes")


@pytest.mark.criterion("elasticsearch.watermarks")
def test_disks_are_below_their_watermarks(elasticsearch: Elasticsearch) -> None:
    """Elasticsearch minds its disks, and no data node's disk has passed a watermark."""
    minds, disks = elasticsearch.disks()

    saw(f"minds its disks: {minds}", expected="the disk threshold on")
    assert minds, wrong("elasticsearch.disk_threshold_off")
    saw(disks, expected="data nodes with disks")
    assert disks, wrong("elasticsearch.node_missing")
    saw(disks, expected="more room than the low watermark asks for")
    assert not any(disk.passed for disk in disks), wrong("elasticsearch.disk_above_watermark")


@pytest.mark.criterion("elasticsearch.blocks")
def test_no_index_is_read_only(elasticsearch: Elasticsearch) -> None:
    """No index is read-only, neither by a full disk nor by hand."""
    closed = elasticsearch.read_only()

    saw(closed, expected="none")
    assert not closed, wrong("elasticsearch.index_read_only")


@pytest.mark.criterion("elasticsearch.pending_tasks")
def test_the_master_keeps_up(elasticsearch: Elasticsearch) -> None:
    """No change of the cluster's state has waited for the master for longer than allowed."""
    allowed = elasticsearch.expect["pending_task_seconds"]

    oldest = elasticsearch.health().oldest_task_seconds

    saw(f"{oldest} s", expected=f"at most {allowed} s")
    assert oldest <= allowed, wrong("elasticsearch.tasks_pending")


@pytest.mark.criterion("elasticsearch.authentication")
def test_strangers_are_refused(elasticsearch: Elasticsearch) -> None:
    """A client that shows no credentials is refused."""
    served = elasticsearch.open_to_strangers()

    saw(f"a stranger is served: {served}", expected="a stranger refused")
    assert not served, wrong("elasticsearch.authentication_off")
