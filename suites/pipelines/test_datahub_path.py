"""The path that DataHub depends on: Kafka carries metadata, Elasticsearch finds it, Neo4j connects it."""

from __future__ import annotations

import pytest

from fixtures import paths
from fixtures.elasticsearch import Elasticsearch
from fixtures.kafka import Kafka
from fixtures.neo4j import Neo4j
from gonogo import saw, wrong


@pytest.mark.criterion("pipelines.datahub_path")
@pytest.mark.writes
def test_lineage_arrives(kafka: Kafka, elasticsearch: Elasticsearch, neo4j: Neo4j) -> None:
    """Lineage events produced to Kafka arrive as documents in Elasticsearch and as edges in Neo4j, each once."""
    events = paths.chain(10)

    carried = paths.carry(kafka, elasticsearch, neo4j, events)

    datasets = [e.downstream for e in events]
    saw(carried.consumed, expected=datasets)
    assert set(carried.consumed) >= set(datasets), wrong("kafka.records_lost")
    assert carried.consumed == datasets, wrong("kafka.records_doubled")
    saw(carried.documents, expected=datasets)
    assert carried.documents == datasets, wrong("elasticsearch.search_wrong")
    saw(carried.edges, expected=datasets)
    assert carried.edges == datasets, wrong("neo4j.graph_altered")
    saw(carried.latency, expected="all of them at each place")
