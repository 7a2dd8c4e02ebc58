"""PostgreSQL, which MLflow keeps its runs in."""

from __future__ import annotations

import pytest

from fixtures.postgresql import Postgresql
from gonogo import at_most, expect, nothing, something
from gonogo.checks.disturb import Disturb
from gonogo.checks.usable import each, first, remaining

ROWS = {1: "plain", 2: "ünïcode 統計", 3: "quote ' and \\ and %"}


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

    told = f"{connections.used} of {connections.allowed} connections of {connections.whose}"
    expect(connections.percent, at_most(allowed, "%"), cause="postgresql.connections_nearly_used", message=told)


@pytest.mark.criterion("postgresql.primary")
def test_is_not_in_recovery(postgresql: Postgresql) -> None:
    """PostgreSQL is a primary: it is not in recovery."""
    expect(postgresql.in_recovery(), False, cause="postgresql.in_recovery", message="in recovery")


@pytest.mark.criterion("postgresql.transaction_ids")
def test_transaction_ids_are_left(postgresql: Postgresql) -> None:
    """Vacuum keeps up, so that transaction ids do not run out."""
    allowed = postgresql.age_allowed()

    age = postgresql.oldest_transaction_age()

    left = f"{2**31 - age} transactions are left until writes stop"
    expect(age, at_most(allowed, "transactions"), cause="postgresql.vacuum_behind", message=left)


@pytest.mark.criterion("postgresql.databases")
def test_databases_can_be_used(postgresql: Postgresql) -> None:
    """Every database lets sessions in, and none of them, nor our role, only reads by default."""
    closed = remaining(postgresql.closed_databases(), postgresql.expect)

    expect(each(closed), nothing(), cause="postgresql.database_closed", message="databases")


@pytest.mark.criterion("postgresql.indexes")
def test_indexes_are_valid(postgresql: Postgresql) -> None:
    """Every index of the application's database is valid, or somebody builds it now."""
    invalid = remaining(postgresql.invalid_indexes(), postgresql.expect)

    facts = first(invalid, "index")
    expect(each(invalid), nothing(), cause="postgresql.index_invalid", message="invalid indexes", facts=facts)


@pytest.mark.criterion("postgresql.sequences")
def test_sequences_give_free_values(postgresql: Postgresql) -> None:
    """The sequences of the application's keys give values that no row has, and have enough of them left."""
    seen = postgresql.sequences(postgresql.expect["sequence_used_percent"])

    behind, ending = remaining(seen.behind, postgresql.expect), remaining(seen.ending, postgresql.expect)
    facts = first(behind, "sequence")
    expect(each(behind), nothing(), cause="postgresql.sequence_behind", message=f"of {seen}", facts=facts)
    facts = first(ending, "sequence")
    expect(each(ending), nothing(), cause="postgresql.sequence_ends", message=f"of {seen}", facts=facts)


@pytest.mark.criterion("postgresql.locks")
def test_nobody_waits_long_for_a_lock(postgresql: Postgresql) -> None:
    """No session waits long for a lock that another one holds."""
    limit = postgresql.expect["lock_wait_seconds"]

    long = postgresql.long_waits(limit)

    told = f"waits of more than {limit} s"
    expect("; ".join(long.values()), nothing(), cause="postgresql.lock_convoy", message=told, facts=first(long, "pid"))


@pytest.mark.criterion("postgresql.transactions")
def test_no_transaction_is_idle_for_long(postgresql: Postgresql) -> None:
    """No transaction of the application's role stays open and does nothing, and no prepared one is forgotten."""
    limit = postgresql.idle_seconds()

    idle = postgresql.idle_transactions(limit)

    told, facts = f"idle for more than {limit:g} s", first(idle, "pid")
    expect("; ".join(idle.values()), nothing(), cause="postgresql.transaction_idle", message=told, facts=facts)


@pytest.mark.criterion("postgresql.replication")
def test_replication_has_its_readers(postgresql: Postgresql) -> None:
    """Every replication slot is read, and the synchronous standby that commits wait for is there."""
    missing = postgresql.missing_standby()
    inactive = remaining(postgresql.inactive_slots(), postgresql.expect)

    expect(missing, nothing(), cause="postgresql.synchronous_standby_missing")
    facts = first(inactive, "slot")
    expect(each(inactive), nothing(), cause="postgresql.slot_inactive", message="replication slots", facts=facts)


@pytest.mark.criterion("postgresql.archiving")
def test_the_log_is_archived(postgresql: Postgresql) -> None:
    """Where the log is archived, no segment fails, and what waits for it is little."""
    allowed = postgresql.waits_allowed()

    seen = postgresql.archive()

    expect(seen.failed, nothing(), cause="postgresql.archiving_fails", message=str(seen))
    expect(seen.megabytes, at_most(allowed, "MB"), cause="postgresql.archiving_behind", message=str(seen))


@pytest.mark.criterion("postgresql.password")
def test_the_password_stays_valid(postgresql: Postgresql) -> None:
    """The password of the application's role does not end soon."""
    days = postgresql.expect["password_days"]

    ends = postgresql.password_ends(days)

    expect(ends, nothing(), cause="postgresql.password_ends", message=f"passwords that end within {days} days")


@pytest.mark.criterion("postgresql.authentication")
def test_unauthenticated_access_is_refused(postgresql: Postgresql) -> None:
    """The application's role is refused with a wrong password."""
    expect(postgresql.without_credentials(), "refused", cause="postgresql.unauthenticated_access")


@pytest.mark.criterion("postgresql.least_privilege")
def test_the_role_has_no_excessive_privileges(postgresql: Postgresql) -> None:
    """The application's role has no administrator's rights."""
    expect(postgresql.extra_rights(), nothing(), cause="postgresql.excessive_privileges")


@pytest.mark.criterion("postgresql.restart")
@pytest.mark.disrupts("restart", "postgresql", "postgresql")
def test_a_restart_loses_nothing(postgresql: Postgresql, disturb: Disturb) -> None:
    """Rows committed before a restart of the server are there after it."""
    with postgresql.table() as table:
        table.write(ROWS)

        with disturb.restart("postgresql", "postgresql"):
            pass
        seen = table.rows()

    expect(seen, ROWS, cause="postgresql.rows_lost")
