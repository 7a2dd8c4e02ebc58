"""DataHub: people and programs get in, and what is written is found in SQL, search and graph."""

from __future__ import annotations

import pytest

from fixtures.datahub import EDGE, Datahub, older
from fixtures.neo4j import Neo4j
from gonogo import above, at_least, at_most, expect, nothing, something
from gonogo import each as every
from gonogo.checks.usable import each, first


@pytest.mark.criterion("datahub.answers")
def test_metadata_service_answers(datahub: Datahub) -> None:
    """DataHub's metadata service is there, and knows whose token it is shown."""
    expect(datahub.answers(), something(), cause="datahub.answer_garbled")


@pytest.mark.criterion("datahub.search")
def test_search_engine_is_there(datahub: Datahub) -> None:
    """DataHub's own check of its search engine is true, and a search through it succeeds."""
    expect(datahub.has_its_search(), at_least(0, "datasets"), cause="datahub.search_failed")


@pytest.mark.criterion("datahub.frontend")
def test_frontend_serves_its_application(datahub: Datahub) -> None:
    """DataHub's frontend serves its own application, with the script that fills its page."""
    page = datahub.serves_its_application()

    expect(page.script, something(), cause="datahub.frontend_incomplete", message="script of the page")


@pytest.mark.criterion("datahub.authentication")
def test_unauthenticated_access_is_refused(datahub: Datahub) -> None:
    """DataHub refuses requests without credentials, and the account that every guide begins with."""
    asked = datahub.refuses_unauthenticated_access()

    expect(asked, every(at_least(300)), cause="datahub.unauthenticated_access", message="HTTP status")


@pytest.mark.criterion("datahub.dataset")
@pytest.mark.writes
def test_written_datasets_are_kept_and_found(datahub: Datahub) -> None:
    """Datasets that are written are in DataHub's SQL database as they were, and a search finds them in time."""
    with datahub.chain() as urns:
        datahub.is_kept(urns)

        datahub.is_found(urns)


@pytest.mark.criterion("datahub.lineage")
@pytest.mark.writes
def test_lineage_of_three_hops_is_found(datahub: Datahub) -> None:
    """Lineage of one, two and three hops is shown as it was written, each dataset at its distance."""
    with datahub.chain() as urns:
        datahub.is_kept(urns)
        datahub.is_found(urns)

        datahub.is_linked(urns)


@pytest.mark.criterion("datahub.consumers")
def test_no_consumer_stalls(datahub: Datahub) -> None:
    """Every consumer of DataHub's topics has taken all there is, or is seen to take more."""
    stalled = datahub.stalled()

    expect(
        stalled, nothing(), cause="datahub.consumer_stalled", message="records behind", facts=first(stalled, "group")
    )


@pytest.mark.criterion("datahub.ingestion")
def test_metadata_was_ingested_lately(datahub: Datahub) -> None:
    """The newest run of every ingestion source succeeded, and something was ingested lately."""
    ingested = datahub.ingested()

    failed = datahub.failed(ingested)
    expect(each(failed), nothing(), cause="datahub.ingestion_failed", facts=first(failed, "source"))
    hours = datahub.expect["ingestion_hours"]
    expect(ingested.hours, at_most(hours, "h"), cause="datahub.ingestion_old", message="since the newest")


@pytest.mark.criterion("datahub.neo4j")
def test_neo4j_holds_the_lineage(datahub: Datahub, neo4j: Neo4j) -> None:
    """Neo4j, which is deployed for DataHub, holds the lineage that DataHub shows."""
    edge = datahub.an_edge()

    found = neo4j.ask(EDGE, source=edge.source, destination=edge.destination)

    expect(found[0]["edges"], above(0, "edges"), cause="datahub.neo4j_unused", message=f"{edge.source} in Neo4j")


@pytest.mark.criterion("datahub.setup")
@pytest.mark.needs("kubernetes")
def test_setup_is_done(datahub: Datahub) -> None:
    """Every Job of DataHub's chart, which makes tables, topics and indices or updates them, has completed."""
    found = datahub.unset()

    expect(found.wrong, nothing(), cause=found.cause, facts=found.facts)


@pytest.mark.criterion("datahub.release")
def test_release_is_maintained(datahub: Datahub) -> None:
    """DataHub is of a release that is not older than expected."""
    seen, least = datahub.version(), datahub.expect["release"]

    expect(seen, something(), cause="datahub.version_hidden")
    expect(older(seen, least), least, cause="datahub.outdated", message=f"it is {seen}; the older of both")
