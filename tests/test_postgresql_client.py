"""What psycopg raises, as outcome and cause."""

from __future__ import annotations

import psycopg
import pytest

from fixtures.postgresql import Connections, known
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
