"""Neo4j, the graph that DataHub keeps lineage in."""

from __future__ import annotations

import pytest

from fixtures.neo4j import Neo4j
from gonogo import expect, something


@pytest.mark.criterion("neo4j.answers")
def test_answers(neo4j: Neo4j) -> None:
    """Neo4j answers an authenticated client from its database."""
    expect(neo4j.answers(), something(), cause="neo4j.database_missing")


@pytest.mark.criterion("neo4j.roundtrip")
@pytest.mark.writes
def test_another_session_reads_what_one_wrote(neo4j: Neo4j) -> None:
    """What Cypher writes in one session is read in another."""
    with neo4j.graph() as graph:
        graph.add("raw", "staged", "mart")

        seen = graph.names()

    expect(seen, ["mart", "raw", "staged"], cause="neo4j.graph_altered")


@pytest.mark.criterion("neo4j.authentication")
def test_unauthenticated_access_is_refused(neo4j: Neo4j) -> None:
    """A user that does not exist is refused."""
    neo4j.refuses_unauthenticated_access()


@pytest.mark.criterion("neo4j.databases_online")
def test_databases_are_online(neo4j: Neo4j) -> None:
    """Every database is online as requested, with one writer, and ours is among them."""
    neo4j.has_its_databases()


@pytest.mark.criterion("neo4j.usable")
def test_what_exists_can_be_used(neo4j: Neo4j) -> None:
    """Every database takes writes; every index, and so every constraint, is online, or is built and gets further."""
    neo4j.can_be_used()


@pytest.mark.criterion("neo4j.transactions")
def test_no_transaction_is_stuck(neo4j: Neo4j) -> None:
    """No transaction waits for a lock for long, and none is open for longer than any should be."""
    neo4j.has_no_old_transactions()


@pytest.mark.criterion("neo4j.memory")
def test_transactions_have_memory_left(neo4j: Neo4j) -> None:
    """Open transactions hold little of the memory that all of them may use."""
    neo4j.has_room_for_transactions()


@pytest.mark.criterion("neo4j.defaults")
@pytest.mark.writes
def test_an_application_with_defaults_is_served(neo4j: Neo4j) -> None:
    """What an application writes with the driver's and the server's own defaults is read likewise."""
    with neo4j.graph() as graph:
        graph.add_by_default("raw", "staged")

        seen = graph.names_by_default()

    expect(seen, ["raw", "staged"], cause="neo4j.graph_altered")


@pytest.mark.criterion("neo4j.rollback")
@pytest.mark.writes
def test_a_rollback_leaves_nothing(neo4j: Neo4j) -> None:
    """A transaction that is rolled back leaves nothing behind."""
    with neo4j.graph() as graph:
        inside = graph.add_and_roll_back("one", "two")

        after = graph.names()

    expect(inside, ["one", "two"], cause="neo4j.graph_altered", message="within the transaction")
    expect(after, [], cause="neo4j.rollback_left_nodes", message="after it was rolled back")


@pytest.mark.criterion("neo4j.constraint")
@pytest.mark.writes
def test_a_constraint_holds(neo4j: Neo4j) -> None:
    """A uniqueness constraint refuses a second node with the same key."""
    with neo4j.graph() as graph, neo4j.unique_keys():
        graph.add_unique(graph.name)

        refused = graph.refuses(graph.name)

    expect(refused, True, cause="neo4j.constraint_not_held", message="the second node is refused")


@pytest.mark.criterion("neo4j.lineage")
@pytest.mark.writes
def test_apoc_walks_a_lineage(neo4j: Neo4j) -> None:
    """APOC's spanning tree reaches each upstream dataset once, at its shortest distance, and no further than asked."""
    with neo4j.graph() as graph:
        graph.add("mart", "left", "right", "raw", "source", "report")
        graph.derive("report", "mart")
        graph.derive("mart", "left", "right")
        graph.derive("left", "raw")
        graph.derive("right", "raw")
        graph.derive("raw", "source")

        upstream = graph.upstream("mart", hops=2)

    expect(upstream, {"left": 1, "right": 1, "raw": 2}, cause="neo4j.lineage_wrong")
