"""What Neo4j's driver raises, as outcome and cause."""

from __future__ import annotations

from typing import Any

import pytest
from neo4j.exceptions import Neo4jError, ServiceUnavailable

from fixtures.neo4j import Row, known, states
from gonogo.core.errors import Denied, Garbled, Refused, Unavailable


def refusal(code: str) -> Neo4jError:
    """The server's refusal with this status code."""
    return Neo4jError._hydrate_neo4j(code=code, message="because")


def caused(error: Exception, cause: Exception) -> Exception:
    """The error as it is raised from another one."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("code", "meaning", "signature"),
    [
        ("Neo.ClientError.Security.Unauthorized", Denied, "neo4j.credentials_refused"),
        ("Neo.ClientError.Security.AuthenticationRateLimit", Denied, "neo4j.account_locked"),
        ("Neo.ClientError.Database.DatabaseNotFound", Unavailable, "neo4j.database_missing"),
        ("Neo.ClientError.Procedure.ProcedureNotFound", Unavailable, "neo4j.procedure_missing"),
        ("Neo.ClientError.Schema.ConstraintValidationFailed", Unavailable, "neo4j.constraint_violated"),
        ("Neo.ClientError.Transaction.LockClientStopped", Unavailable, "neo4j.writes_blocked"),
        ("Neo.TransientError.General.DatabaseUnavailable", Unavailable, "neo4j.unavailable"),
        ("Neo.DatabaseError.General.UnknownError", Unavailable, "neo4j.unavailable"),
    ],
)
def test_a_refusal_of_the_server_has_a_kind(code: str, meaning: type, signature: str) -> None:
    found = known(refusal(code))

    assert type(found) is meaning
    assert found.signature == signature


def test_a_statement_that_is_wrong_is_our_own_error() -> None:
    assert known(refusal("Neo.ClientError.Statement.SyntaxError")) is None


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (caused(ServiceUnavailable("Couldn't connect"), ConnectionRefusedError(111, "refused")), Refused),
        (ServiceUnavailable("the connection was closed in good order"), Refused),
        (ServiceUnavailable("Cannot connect to Bolt service (looks like HTTP)"), Garbled),
    ],
)
def test_a_connection_that_fails_is_told_from_a_wrong_port(error: Exception, meaning: type) -> None:
    assert type(known(error)) is meaning


def test_an_exception_of_nobody_we_know_is_left_alone() -> None:
    assert known(ValueError("mine")) is None


def row(name: str, **changed: Any) -> Row:
    """A row of ``SHOW DATABASES`` in which nothing is wrong, but for what is changed."""
    fine = {"currentStatus": "online", "requestedStatus": "online", "statusMessage": "", "writer": True}
    return {"name": name, **fine, **changed}


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ([row("neo4j")], "online"),
        ([row("neo4j"), row("neo4j", writer=False)], "online"),
        ([row("neo4j", currentStatus="offline", requestedStatus="offline")], "offline, requested offline"),
        (
            [row("neo4j"), row("neo4j", currentStatus="dirty", statusMessage="no space")],
            "dirty, requested online (no space)",
        ),
        ([row("neo4j", writer=False), row("neo4j", writer=False)], "0 writers"),
    ],
)
def test_a_database_is_online_with_one_writer_or_says_why_not(rows: list[Row], state: str) -> None:
    assert states(rows) == {"neo4j": state}
