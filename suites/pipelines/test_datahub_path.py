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

    ids, edges = [e.downstream for e in events], [(e.downstream, e.upstream) for e in events]
    assert set(carried.consumed) == set(events), wrong("kafka.records_lost", expected=events, actual=carried.consumed)
    assert carried.consumed == events, wrong("kafka.records_doubled", expected=events, actual=carried.consumed)
    assert carried.documents == ids, wrong("elasticsearch.search_wrong", expected=ids, actual=carried.documents)
    assert carried.edges == edges, wrong("neo4j.graph_altered", expected=edges, actual=carried.edges)
    saw(
        ", ".join(f"{hop} {seconds:.2f} s" for hop, seconds in carried.seconds.items()),
        expected=f"{len(events)} events through each hop, none lost and none doubled",
    )
