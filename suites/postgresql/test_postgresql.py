"""PostgreSQL, which MLflow keeps its runs in."""

from __future__ import annotations

import pytest

from fixtures.postgresql import Postgresql
from gonogo import saw, wrong
from gonogo.checks.disturb import Disturb

ROWS = [(1, "plain"), (2, "ünïcode 統計"), (3, "quote ' and \\ and %")]


@pytest.mark.criterion("postgresql.answers")
def test_answers(postgresql: Postgresql) -> None:
    """PostgreSQL lets the application's role into the application's database."""
    answer = postgresql.answers()

    database = postgresql.endpoints["database"]
    saw(answer, expected=database)
    assert answer.endswith(database), wrong("postgresql.database_missing")


@pytest.mark.criterion("postgresql.roundtrip")
@pytest.mark.writes
def test_rows_are_read_as_written(postgresql: Postgresql) -> None:
    """Rows that the application's role writes over one connection are read over another."""
    with postgresql.table() as table:
        table.write(ROWS)

        seen = table.rows()

        saw(seen, expected=ROWS)
        assert seen == ROWS, wrong("postgresql.rows_altered")


@pytest.mark.criterion("postgresql.connections")
def test_connections_are_left(postgresql: Postgresql) -> None:
    """Enough connections are left for an ordinary role."""
    allowed = postgresql.expect["connections_used_percent"]

    connections = postgresql.connections()

    saw(f"{connections.used} of {connections.allowed}", expected=f"at most {allowed} % used")
    assert connections.percent <= allowed, wrong("postgresql.connections_nearly_used")


@pytest.mark.criterion("postgresql.primary")
def test_is_not_in_recovery(postgresql: Postgresql) -> None:
    """PostgreSQL is a primary: it is not in recovery."""
    in_recovery = postgresql.in_recovery()

    saw(f"in recovery: {in_recovery}", expected="a primary")
    assert not in_recovery, wrong("postgresql.in_recovery")


@pytest.mark.criterion("postgresql.transaction_ids")
def test_transaction_ids_are_left(postgresql: Postgresql) -> None:
    """Vacuum keeps up, so that transaction ids do not run out."""
    allowed = postgresql.expect["oldest_transaction_age"]

    age = postgresql.oldest_transaction_age()

    saw(age, expected=f"at most {allowed}")
    assert age <= allowed, wrong("postgresql.vacuum_behind")


@pytest.mark.criterion("postgresql.strangers_refused")
def test_a_wrong_password_is_refused(postgresql: Postgresql) -> None:
    """The application's role is refused with a wrong password."""
    admitted = postgresql.admits_a_wrong_password()

    saw(f"a wrong password is admitted: {admitted}", expected="refused")
    assert not admitted, wrong("postgresql.stranger_admitted")


@pytest.mark.criterion("postgresql.ordinary_role")
def test_the_role_is_ordinary(postgresql: Postgresql) -> None:
    """The application's role has no administrator's rights."""
    extra = postgresql.extra_rights()

    saw(extra, expected=set())
    assert extra == set(), wrong("postgresql.role_too_mighty")


@pytest.mark.criterion("postgresql.restart")
@pytest.mark.disrupts
def test_a_restart_loses_nothing(postgresql: Postgresql, disturb: Disturb) -> None:
    """Rows committed before a restart of the server are there after it."""
    with postgresql.table() as table:
        table.write(ROWS)

        with disturb.restart("postgresql", "postgresql"):
            pass
        seen = table.rows()

        saw(seen, expected=ROWS)
        assert seen == ROWS, wrong("postgresql.rows_lost")
