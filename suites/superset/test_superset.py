"""Superset: people and programs get in, and what it is connected to answers through it."""

from __future__ import annotations

import secrets

import pytest

from fixtures.superset import Superset, older
from gonogo import at_least, expect, nothing, something
from gonogo import each as every
from gonogo.checks.usable import each, remaining

ROWS = "SELECT 'a' AS word, 2 AS n UNION ALL SELECT 'b', 3 UNION ALL SELECT 'b', 4"


@pytest.mark.criterion("superset.answers")
def test_server_answers(superset: Superset) -> None:
    """Superset lets its account log in, and knows its connections: its metadata database answers."""
    expect(superset.answers(), something(), cause="superset.answer_garbled")


@pytest.mark.criterion("superset.connection")
def test_stored_connection_is_usable(superset: Superset) -> None:
    """The connection that the target names is stored, and its database answers to the password stored with it."""
    superset.has_its_connection()


@pytest.mark.criterion("superset.sql_lab")
@pytest.mark.writes
def test_sql_lab_returns_the_right_rows(superset: Superset) -> None:
    """A query in SQL Lab on the stored connection gives the right rows; it stays in the history of queries."""
    connection = superset.named()
    expect(connection.in_sql_lab, True, cause="superset.not_in_sql_lab", message="offered in SQL Lab")
    one, two = (secrets.randbelow(10**6) for _ in range(2))

    rows = superset.query(connection, f"SELECT {one} AS one, {one} + {two} AS sum")

    expect(rows, [{"one": one, "sum": one + two}], cause="superset.rows_wrong")


@pytest.mark.criterion("superset.dataset")
@pytest.mark.writes
def test_chart_shows_what_is_there(superset: Superset) -> None:
    """A chart on a dataset of its own shows what the dataset's rows add up to."""
    with superset.dataset(superset.named(), ROWS) as dataset:
        totals = superset.totals(dataset, by="word", of="n")

    expect(totals, {"a": 2, "b": 7}, cause="superset.chart_wrong")


@pytest.mark.criterion("superset.connections")
def test_other_connections_are_usable(superset: Superset) -> None:
    """Every other connection that is stored can be used."""
    wrong, left = superset.unusable()

    wrong = remaining(wrong, superset.expect)
    expect(each(wrong), nothing(), cause="superset.connections_unusable", message=f"{left} not asked")


@pytest.mark.criterion("superset.authentication")
def test_unauthenticated_access_is_refused(superset: Superset) -> None:
    """Superset refuses a request without credentials, and the account that every guide begins with."""
    asked = superset.without_credentials()

    expect(asked, every(at_least(400)), cause="superset.unauthenticated_access", message="HTTP status")


@pytest.mark.criterion("superset.csrf")
def test_change_without_token_is_refused(superset: Superset) -> None:
    """Superset refuses a change that shows a session and no token against forged requests."""
    expect(superset.without_csrf_token(), 400, cause="superset.csrf_unchecked", message="HTTP status")


@pytest.mark.criterion("superset.release")
def test_release_is_maintained(superset: Superset) -> None:
    """Superset is of a release that is maintained."""
    seen, least = superset.version(), superset.expect["release"]

    expect(seen, something(), cause="superset.version_hidden")
    expect(older(seen, least), least, cause="superset.outdated", message=f"it is {seen}; the older of both")


@pytest.mark.criterion("superset.examples")
def test_no_examples_are_loaded(superset: Superset) -> None:
    """No examples are loaded, as they are for a first look."""
    found = [name for name in superset.connections() if name == superset.examples]

    expect(found, nothing(), cause="superset.examples_loaded")
