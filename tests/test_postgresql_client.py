"""What psycopg raises, as outcome and cause."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from fixtures import postgresql
from fixtures.postgresql import Connections, Postgresql, known, secured
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import (
    Cut,
    Denied,
    Forbidden,
    Refused,
    ServerError,
    TimedOut,
    Unavailable,
    Unresolved,
    Untrusted,
)

AT = 'connection failed: connection to server at "127.0.0.1", port 5432 failed: '


@pytest.mark.parametrize(
    ("text", "meaning", "signature"),
    [
        (AT + "Connection refused\n\tIs the server running?", Refused, "connection_refused"),
        ("server closed the connection unexpectedly\n\tThis probably means", Cut, "connection_cut"),
        (AT + "SSL connection has been closed unexpectedly", Cut, "connection_cut"),
        (AT + 'FATAL:  password authentication failed for user "mlflow"', Denied, "credentials_refused"),
        (AT + 'FATAL:  role "mlflow" does not exist', Denied, "credentials_refused"),
        (AT + 'FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "mlflow", no encryption', Denied, "host_refused"),
        (AT + 'FATAL:  permission denied for database "mlflow"', Forbidden, "right_missing"),
        (AT + "FATAL:  sorry, too many clients already", Unavailable, "connections_exhausted"),
        (AT + "FATAL:  remaining connection slots are reserved for roles with …", Unavailable, "connections_exhausted"),
        (AT + 'FATAL:  database "mlflow" does not exist', Unavailable, "database_missing"),
        (AT + "FATAL:  the database system is starting up", Unavailable, "starting"),
        (AT + "FATAL:  the database system is shutting down", Unavailable, "shutting_down"),
        (AT + 'FATAL:  database "mlflow" is not currently accepting connections', Unavailable, "database_closed"),
        (AT + "FATAL:  a sentence of PostgreSQL 99", ServerError, "server_error"),
        (AT + "SSL error: certificate verify failed", Untrusted, "tls_untrusted"),
        ("failed to resolve host 'nowhere': [Errno -2] Name or service not known", Unresolved, "name_unresolved"),
        (AT + "timeout expired", TimedOut, "timed_out"),
        ("a connection that ends without a word", Cut, "connection_cut"),
    ],
)
def test_a_failed_connection_is_known_by_its_text(text: str, meaning: type, signature: str) -> None:
    found = known(psycopg.OperationalError(text))

    assert type(found) is meaning
    assert found.signature == f"postgresql.{signature}"


@pytest.mark.parametrize(
    ("given", "mode"),
    [
        ({}, None),
        ({"ca": "ca.crt"}, "verify-full"),
        ({"ca": "ca.crt", "sslmode": "verify-ca"}, "verify-ca"),
        ({"cert": "client.crt"}, "require"),
        ({"sslmode": "disable"}, "disable"),
    ],
)
def test_who_gives_an_authority_never_gets_a_connection_without_it(given: dict[str, str], mode: str | None) -> None:
    told = secured(Endpoints("postgresql", given))

    assert (told["sslmode"], told["sslrootcert"], told["sslcert"]) == (mode, given.get("ca"), given.get("cert"))


@pytest.mark.parametrize(("mode", "refused"), [(0o600, False), (0o400, False), (0o604, True), (0o660, True)])
def test_a_key_that_libpq_would_take_for_none_is_named_with_the_way_out(
    tmp_path: Path, mode: int, refused: bool
) -> None:
    key = tmp_path / "client.key"
    key.touch()
    key.chmod(mode)

    if not refused:
        assert secured(Endpoints("postgresql", {"key": str(key)}))["sslkey"] == str(key)
        return
    with pytest.raises(Denied, match=f"others may read the key .*, and libpq refuses it then: chmod 600 {key}"):
        secured(Endpoints("postgresql", {"key": str(key)}))


@pytest.mark.parametrize(
    ("error", "meaning", "signature"),
    [
        (psycopg.errors.ReadOnlySqlTransaction, Unavailable, "read_only"),
        (psycopg.errors.InsufficientPrivilege, Forbidden, "right_missing"),
        (psycopg.errors.UndefinedTable, Unavailable, "table_missing"),
        (psycopg.errors.DiskFull, Unavailable, "disk_full"),
        (psycopg.errors.OutOfMemory, Unavailable, "memory_exhausted"),
        (psycopg.errors.InvalidSchemaName, ServerError, "search_path"),
        (psycopg.errors.LockNotAvailable, ServerError, "lock_timeout"),
        (psycopg.errors.AdminShutdown, Unavailable, "shutting_down"),
        (psycopg.errors.QueryCanceled, ServerError, "statement_cancelled"),
        (psycopg.errors.UndefinedFunction, ServerError, "server_error"),
        (psycopg.errors.DataCorrupted, Unavailable, "corrupted"),
    ],
)
def test_a_refused_statement_is_known_by_its_sqlstate(
    error: type[psycopg.Error], meaning: type, signature: str
) -> None:
    found = known(error("text"))

    assert type(found) is meaning
    assert (str(found), found.facts) == (f"text (SQLSTATE {error.sqlstate})", {"code": error.sqlstate})
    assert found.signature == f"postgresql.{signature}"


@pytest.mark.parametrize("error", [psycopg.ProgrammingError("mine"), ValueError()])
def test_what_is_our_own_error_is_left_alone(error: Exception) -> None:
    assert known(error) is None


def test_connections_are_counted_in_percent() -> None:
    assert Connections(used=78, allowed=97).percent == 80


IDLE = (7, "mlflow", "notebook", "idle in transaction", 41.0, "ClientRead", 40.0)
MIGRATION = (8, "mlflow", "migration", "active", 30.0, "relation", 30.0)
READER = (9, "mlflow", "mlflow", "active", 20.0, "relation", 20.0)
HIDDEN = (7, "theirs", None, None, None, "", None)


class Asked(Postgresql):
    """A client whose server answers what it is told, by the query."""

    def __init__(self, **says: object) -> None:
        super().__init__(Endpoints("postgresql", {}, expect={"idle_transaction_seconds": 300}))
        self.says = {getattr(postgresql, name): rows for name, rows in says.items()}

    def rows(self, query: object, parameters: object = (), **connection: object) -> list[tuple[object, ...]]:
        return list(self.says.get(query, []))  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("waits", "sessions", "said"),
    [
        ([], [IDLE], []),
        (
            [(8, "runs", [7], 30.2), (9, "runs", [8], 20.0)],
            [IDLE, MIGRATION, READER],
            [
                "2 sessions wait for a lock on runs, the first for 30 s, behind pid 7 of role mlflow (notebook), "
                "idle in transaction for 40 s"
            ],
        ),
        (
            [(9, "runs", [8], 20.0)],
            [MIGRATION, READER],
            [
                "1 session waits for a lock on runs, the first for 20 s, behind pid 8 of role mlflow (migration), "
                "active in a transaction of 30 s"
            ],
        ),
        (
            [(9, "runs", [7], 20.0)],
            [HIDDEN, READER],
            ["1 session waits for a lock on runs, the first for 20 s, behind pid 7 of role theirs"],
        ),
        (
            [(9, "runs", [0], 20.0)],
            [READER],
            ["1 session waits for a lock on runs, the first for 20 s, behind a prepared transaction"],
        ),
        # two that wait for each other: the server ends one of them by itself
        ([(8, "runs", [9], 0.1), (9, "runs", [8], 0.1)], [MIGRATION, READER], []),
    ],
    ids=["nobody waits", "behind one that waits", "behind a migration", "of another role", "prepared", "a deadlock"],
)
def test_who_keeps_others_waiting_is_at_the_head_of_the_queue(
    waits: list[tuple[object, ...]], sessions: list[tuple[object, ...]], said: list[str]
) -> None:
    assert [*map(str, Asked(WAITS=waits, SESSIONS=sessions).convoys())] == said


@pytest.mark.parametrize(
    ("says", "signature"),
    [
        ({}, None),
        ({"WAITS": [(9, "runs", [7], 20.0)], "SESSIONS": [IDLE, READER]}, "lock_convoy"),
        ({"WAITS": [(9, "runs", [7], 0.2)], "SESSIONS": [IDLE, READER]}, None),
        ({"STANDBYS": [("replica", "on", 0, 0)]}, "synchronous_standby_missing"),
        ({"STANDBYS": [("replica", "on", 2, 0)]}, "synchronous_standby_missing"),
        ({"STANDBYS": [("replica", "on", 1, 1)]}, None),
        ({"STANDBYS": [("replica", "local", 0, 0)]}, None),
        ({"STANDBYS": [("", "on", 0, 0)]}, None),
        ({"HOLDERS": [(7, "runs", 41.0)], "SESSIONS": [IDLE]}, "lock_convoy"),
    ],
)
def test_why_something_hangs(says: dict[str, object], signature: str | None) -> None:
    given = {"STANDBYS": [("", "on", 0, 0)], **says}

    found = Asked(**given).why(TimedOut("mlflow", "no answer within 20 s"))

    assert (found and found.signature) == (signature and f"postgresql.{signature}")


def test_nobody_is_blamed_for_what_was_answered() -> None:
    says = {"WAITS": [(9, "runs", [7], 20.0)], "SESSIONS": [IDLE, READER]}

    assert Asked(**says).why(ServerError("mlflow", "a row is there already")) is None


@pytest.mark.parametrize(
    ("slot", "said"),
    [
        (("replica", True, "reserved", None, 5 << 20), None),
        (("replica", False, "reserved", None, None), None),
        (("replica", False, "extended", None, 700 << 20), "inactive: keeps 700 MB of log and more with every write"),
        (("cdc", False, "reserved", 90 << 20, 10 << 20), "inactive: keeps 10 MB of log, lost after 90 MB more"),
        (("cdc", False, "lost", None, None), "lost: the log that its reader needs was removed"),
    ],
)
def test_a_slot_that_nobody_reads(slot: tuple[object, ...], said: str | None) -> None:
    found = Asked(SLOTS=[slot]).inactive_slots()

    assert found == ({slot[0]: said} if said else {})


@pytest.mark.parametrize(
    ("safe", "said"),
    [
        (3 << 30, "inactive: keeps 16 MB of log, lost after 3072 MB more, in 3.0 hours at this rate"),
        (None, "inactive: keeps 16 MB of log, 1024 MB more an hour"),
    ],
)
def test_a_slot_says_how_long_there_is(safe: int | None, said: str) -> None:
    slot = ("replica", False, "reserved", safe, 16 << 20)

    found = Asked(SLOTS=[slot], WAL_RATE=[((1 << 30) / 3600,)]).inactive_slots()

    assert found == {"replica": said}


HALF_DAY = 12 * 3600.0
LAST, NOW = "000000010000000000000003", "000000010000000100000007"


@pytest.mark.parametrize(
    ("row", "failed", "waiting", "said"),
    [
        (("on", 4, LAST, LAST, False, 60.0, "000000010000000000000004", 16 << 20), "", 0, "0 MB of log wait; nothing"),
        (
            ("on", 4, "", LAST, False, HALF_DAY, NOW, 16 << 20),
            "",
            259 << 24,
            "4144 MB of log wait, 345 MB more an hour",
        ),
        (
            ("on", 4, LAST, "", True, 60.0, NOW, 16 << 20),
            LAST,
            None,
            f"{LAST} fails, as archiving has 4 times; the log",
        ),
        (("always", 0, "", f"{LAST}.00000028.backup", False, 1.0, "", 16 << 20), "", None, "the log waits"),
    ],
    ids=["it keeps up", "it is behind", "it fails", "a standby"],
)
def test_archiving_says_what_waits(
    monkeypatch: pytest.MonkeyPatch, row: tuple[object, ...], failed: str, waiting: int | None, said: str
) -> None:
    monkeypatch.setattr(postgresql, "RETRIED", 0.01)

    found = Asked(ARCHIVER=[row]).archive()

    assert (found.failed, found.waiting) == (failed, waiting)
    assert str(found).startswith(said)


def test_a_server_that_archives_nothing_is_asked_no_further() -> None:
    found = Asked(ARCHIVER=[("off", 0, "", "", False, None, NOW, 16 << 20)]).archive()

    assert (found.failed, found.megabytes, str(found)) == ("", 0, "archive_mode is off")


def test_of_idle_transactions_only_long_ones_count() -> None:
    assert [*Asked(SESSIONS=[IDLE, MIGRATION, HIDDEN]).idle_transactions(50)] == []
    assert Asked(SESSIONS=[IDLE, MIGRATION]).idle_transactions(30) == {
        7: "pid 7 of role mlflow (notebook), idle in transaction for 40 s"
    }
