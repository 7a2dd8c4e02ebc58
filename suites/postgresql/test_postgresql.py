"""PostgreSQL, which MLflow keeps its runs in."""

from __future__ import annotations

import pytest

from fixtures.postgresql import Postgresql
from gonogo import at_most, expect, nothing, something
from gonogo.checks.disturb import Disturb

ROWS = [(1, "plain"), (2, "ünïcode 統計"), (3, "quote ' and \\ and %")]


@pytest.mark.criterion("postgresql.answers")
def test_answers(postgresql: Postgresql) -> None:
    """PostgreSQL lets the application's role into the application's database."""
    expect(postgresql.answers(), something(), cause="postgresql.answer_garbled")


@pytest.mark.criterion("postgresql.roundtrip")
@pytest.mark.writes
def test_rows_are_read_as_written(postgresql: Postgresql) -> None:
    """Rows that the application's role writes over one connection are read over another."""
    with postgresql.table() as table:
        table.write(ROWS)

        seen = table.rows()

    expect(seen, ROWS, cause="postgresql.rows_altered")


@pytest.mark.criterion("postgresql.connections")
def test_connections_are_left(postgresql: Postgresql) -> None:
    """Enough connections are left for an ordinary role."""
    allowed = postgresql.expect["connections_used_percent"]

    connections = postgresql.connections()

    told = f"{connections.used} of {connections.allowed} connections"
    expect(connections.percent, at_most(allowed, "%"), cause="postgresql.connections_nearly_used", message=told)


@pytest.mark.criterion("postgresql.primary")
def test_is_not_in_recovery(postgresql: Postgresql) -> None:
    """PostgreSQL is a primary: it is not in recovery."""
    expect(postgresql.in_recovery(), False, cause="postgresql.in_recovery", message="in recovery")


@pytest.mark.criterion("postgresql.transaction_ids")
def test_transaction_ids_are_left(postgresql: Postgresql) -> None:
    """Vacuum keeps up, so that transaction ids do not run out."""
    allowed = postgresql.expect["oldest_transaction_age"]

    age = postgresql.oldest_transaction_age()

    expect(age, at_most(allowed, "transactions"), cause="postgresql.vacuum_behind")


@pytest.mark.criterion("postgresql.authentication")
def test_unauthenticated_access_is_refused(postgresql: Postgresql) -> None:
    """The application's role is refused with a wrong password."""
    expect(postgresql.without_credentials(), "refused", cause="postgresql.unauthenticated_access")


@pytest.mark.criterion("postgresql.least_privilege")
def test_the_role_has_no_excessive_privileges(postgresql: Postgresql) -> None:
    """The application's role has no administrator's rights."""
    expect(postgresql.extra_rights(), nothing(), cause="postgresql.excessive_privileges")


@pytest.mark.criterion("postgresql.restart")
@pytest.mark.disrupts
def test_a_restart_loses_nothing(postgresql: Postgresql, disturb: Disturb) -> None:
    """Rows committed before a restart of the server are there after it."""
    with postgresql.table() as table:
        table.write(ROWS)

        with disturb.restart("postgresql", "postgresql"):
            pass
        seen = table.rows()

    expect(seen, ROWS, cause="postgresql.rows_lost")
