"""The path that DataHub depends on: Kafka carries metadata, Elasticsearch finds it, Neo4j connects it."""

from __future__ import annotations

import pytest

from fixtures import paths
from fixtures.elasticsearch import Elasticsearch
from fixtures.kafka import Kafka
from fixtures.neo4j import Neo4j
from gonogo import expect


@pytest.mark.criterion("pipelines.datahub_path")
@pytest.mark.writes
def test_lineage_arrives(kafka: Kafka, elasticsearch: Elasticsearch, neo4j: Neo4j) -> None:
    """Lineage events produced to Kafka arrive as documents in Elasticsearch and as edges in Neo4j, each once."""
    path = paths.carry(kafka, elasticsearch, neo4j, paths.chain(10))

    expect(path.walked, [*paths.LINEAGE], cause="kafka.records_lost", message=path.latency)
