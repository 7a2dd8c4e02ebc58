"""Doris: its frontends and backends serve, its tablets are whole, and it keeps and returns rows by every way in."""

from __future__ import annotations

import pytest

from fixtures.doris import NUMBERS, ROWS, Doris, lines
from fixtures.kafka import Kafka, Record
from gonogo import at_most, count, expect, nothing, something
from gonogo import each as every
from gonogo.checks.usable import each, remaining


@pytest.mark.criterion("doris.answers")
def test_frontend_answers(doris: Doris) -> None:
    """Doris lets its account log in, and answers a query."""
    expect(doris.answers(), something(), cause="doris.answer_garbled")


@pytest.mark.criterion("doris.frontends")
def test_one_master_leads_live_frontends(doris: Doris) -> None:
    """One frontend is the master, every registered one is alive, and as many are there as expected."""
    found = doris.frontends()

    expect(found.wrong, nothing(), cause=found.cause, facts=found.facts)


@pytest.mark.criterion("doris.backends")
def test_backends_serve(doris: Doris) -> None:
    """Every registered backend is alive, has a disk and reports its tablets, and as many serve as expected."""
    found = doris.backends()

    expect(found.wrong, nothing(), cause=found.cause, facts=found.facts)


@pytest.mark.criterion("doris.tablets")
def test_every_tablet_is_whole(doris: Doris) -> None:
    """Every tablet has all its replicas, and no replica is behind or wrong."""
    found = doris.tablets()

    expect(found.wrong, nothing(), cause=found.cause)


@pytest.mark.criterion("doris.roundtrip")
@pytest.mark.writes
def test_rows_are_kept(doris: Doris) -> None:
    """Rows inserted into a table of its own are read back, each replica has them, and nothing is left behind."""
    with doris.table() as table:
        table.insert()
        rows, replicas = table.rows(len(ROWS)), table.replicas()

    expect(rows, list(ROWS), cause="doris.rows_lost")
    expect(replicas, every("OK"), cause="doris.replica_bad")
    expect(table.gone(), nothing(), cause="doris.left_behind")


@pytest.mark.criterion("doris.versions")
def test_all_are_of_one_version(doris: Doris) -> None:
    """All frontends and backends are of one version."""
    expect(doris.versions(), count(1, "versions"), cause="doris.versions_differ")


@pytest.mark.criterion("doris.disks")
def test_disks_have_room(doris: Doris) -> None:
    """Every backend's fullest disk has room."""
    most = doris.expect["disk_used_percent"]

    expect(doris.disks(), every(at_most(most, "%")), cause="doris.disk_full")


@pytest.mark.criterion("doris.http")
def test_http_interface_counts_every_backend(doris: Doris) -> None:
    """The frontend's HTTP interface answers, and counts every backend as online."""
    counted = doris.online()

    expect(counted["online"], counted["registered"], cause="doris.backends_offline", message="backends online")


@pytest.mark.criterion("doris.authentication")
def test_empty_passwords_are_refused(doris: Doris) -> None:
    """Doris refuses root and admin, which every cluster has, with an empty password."""
    expect(doris.without_password(), every("refused"), cause="doris.password_empty")


@pytest.mark.criterion("doris.query")
def test_backend_computes_in_time(doris: Doris) -> None:
    """A query that a backend computes gives the right result, within the time that the target expects."""
    answered, within = doris.computed(), doris.expect["query_seconds"]

    expect(answered.rows, [(NUMBERS, NUMBERS * (NUMBERS - 1) // 2)], cause="doris.wrong_sum")
    expect(answered.seconds, at_most(within, "s"), cause="doris.query_slow")


@pytest.mark.criterion("doris.compaction")
def test_compaction_keeps_up(doris: Doris) -> None:
    """No tablet has so many versions that compaction is behind."""
    expect(doris.compaction(), 0, cause="doris.compaction_behind", message="tablets")


@pytest.mark.criterion("doris.routine_loads")
def test_no_routine_load_is_paused(doris: Doris) -> None:
    """No routine load is paused."""
    paused, left = doris.paused_loads()

    paused = remaining(paused, doris.expect)
    expect(each(paused), nothing(), cause="doris.routine_load_paused", message=f"{left} databases not asked")


@pytest.mark.criterion("doris.storage")
@pytest.mark.needs("kubernetes")
def test_storage_outlives_pods(doris: Doris) -> None:
    """Metadata of every frontend and data of every backend are on claims, and outlive their pods."""
    found = doris.unkept()

    expect(found.wrong, nothing(), cause=found.cause)


@pytest.mark.criterion("doris.stream_load")
@pytest.mark.writes
def test_stream_load_is_committed(doris: Doris) -> None:
    """A stream load is led to a backend with our credentials, committed by its body, and its rows are read back."""
    with doris.table() as table:
        load = table.load()
        rows = table.rows(len(ROWS))

    expect(load.loaded, len(ROWS), cause="doris.load_incomplete", message=str(load))
    expect(rows, list(ROWS), cause="doris.rows_lost")


@pytest.mark.criterion("doris.routine_load")
@pytest.mark.writes
def test_routine_load_reads_a_topic(kafka: Kafka, doris: Doris) -> None:
    """A routine load takes the records of a topic into a table, by the backends' own way to Kafka."""
    with kafka.topic() as topic, doris.table() as table, doris.routine(table, topic, kafka.endpoints) as waited:
        kafka.produce(topic, [Record(row.encode()) for row in lines(ROWS)])
        found = waited(len(ROWS))
        expect(found.ended, False, cause="doris.routine_load_paused", message=str(found))
        expect(found.loaded, len(ROWS), cause="doris.routine_load_stuck", message=str(found))
        rows = table.rows(len(ROWS))

    expect(rows, list(ROWS), cause="doris.rows_lost")


@pytest.mark.criterion("doris.delete")
@pytest.mark.writes
def test_deleted_rows_are_gone(doris: Doris) -> None:
    """A row that is deleted is read no more, and the others stay."""
    with doris.table() as table:
        table.insert()
        table.delete(2)
        rows = table.rows(len(ROWS) - 1)

    expect(rows, [ROWS[0], ROWS[2]], cause="doris.not_deleted")
