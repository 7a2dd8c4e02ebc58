"""What Neo4j's driver raises, as outcome and cause."""

from __future__ import annotations

from typing import Any

import pytest
from neo4j.exceptions import Neo4jError, ServiceUnavailable

from fixtures.neo4j import Neo4j, Row, Transaction, known, states
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import (
    ClientError,
    Denied,
    Forbidden,
    Garbled,
    NotAskable,
    Refused,
    ServerError,
    TimedOut,
    Unavailable,
    Wrong,
)


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
        ("Neo.TransientError.General.DatabaseUnavailable", Unavailable, "neo4j.database_not_online"),
        ("Neo.TransientError.General.MemoryPoolOutOfMemoryError", Unavailable, "neo4j.memory_limit"),
        ("Neo.ClientError.General.TransactionOutOfMemoryError", Unavailable, "neo4j.memory_limit"),
        ("Neo.TransientError.General.OutOfMemoryError", Unavailable, "neo4j.heap_exhausted"),
        ("Neo.TransientError.Request.NoThreadsAvailable", Unavailable, "neo4j.threads_exhausted"),
        ("Neo.TransientError.Transaction.MaximumTransactionLimitReached", Unavailable, "neo4j.transactions_exhausted"),
        ("Neo.DatabaseError.Transaction.TransactionLogError", Unavailable, "neo4j.log_unwritable"),
        ("Neo.DatabaseError.General.IndexCorruptionDetected", Unavailable, "neo4j.index_failed"),
        ("Neo.ClientError.Statement.SyntaxError", NotAskable, "neo4j.statement_unknown"),
        ("Neo.DatabaseError.General.UnknownError", ServerError, "neo4j.server_error"),
        ("Neo.ClientError.Statement.TypeError", ServerError, "neo4j.server_error"),
        ("Neo.NewClass.General.OfNeo4j99", ServerError, "neo4j.server_error"),
    ],
)
def test_a_refusal_of_the_server_has_a_kind(code: str, meaning: type, signature: str) -> None:
    found = known(refusal(code))

    assert type(found) is meaning
    assert found.signature == signature


def test_a_code_that_no_table_knows_is_told_with_its_text() -> None:
    assert str(known(refusal("Neo.NewClass.General.OfNeo4j99"))) == "Neo.NewClass.General.OfNeo4j99: because"


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
        ([row("neo4j", writer=False, type="composite", access="read-only")], "online"),
    ],
)
def test_a_database_is_online_with_one_writer_or_says_why_not(rows: list[Row], state: str) -> None:
    assert states(rows) == {"neo4j": state}


EXPECT = {"index_seconds": 0, "blocked_seconds": 15, "transaction_minutes": 60, "exceptions": ()}


SHOWN = ("SHOW DATABASES", "SHOW SETTINGS", "SHOW TRANSACTIONS")


class Told(Neo4j):
    """A client whose server answers each statement with the rows, or the errors, that are given, one after another."""

    def __init__(self, answers: dict[str, list[Any]], **expect: Any) -> None:
        super().__init__(Endpoints("neo4j", {"uri": "bolt://nowhere"}, expect={**EXPECT, **expect}))
        self.answers_of = answers

    def ask(self, query: str, *, database: str | None = None, **parameters: Any) -> list[Row]:
        told = self.answers_of[next((one for one in SHOWN if query.strip().startswith(one)), str(database))]
        answer = told.pop(0) if len(told) > 1 else told[0]
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    def transactions(self) -> list[Transaction]:
        told = self.answers_of["transactions"]
        if isinstance(told, Exception):
            raise told
        return list(told)


def base(name: str, **changed: Any) -> Row:
    """A row of ``SHOW DATABASES`` of a database that takes writes, but for what is changed."""
    return row(name, **{"type": "standard", "access": "read-write", **changed})


def index(name: str, state: str = "ONLINE", percent: float = 100.0, why: str = "") -> Row:
    """A row of ``SHOW INDEXES``."""
    return {"name": name, "state": state, "populationPercent": percent, "failureMessage": why, "owningConstraint": None}


OURS = [index("labels")]
TOO_LARGE = "Property value is too large to index"


@pytest.mark.parametrize(
    ("answers", "signature", "told"),
    [
        ({"SHOW DATABASES": [[base("neo4j")]], "neo4j": [OURS]}, "", ""),
        (
            {"SHOW DATABASES": [[base("neo4j")]], "neo4j": [[index("urn", "FAILED", 0, TOO_LARGE)]]},
            "neo4j.index_failed",
            f"FAILED, {TOO_LARGE}: neo4j/urn",
        ),
        (
            {"SHOW DATABASES": [[base("neo4j"), base("tags")]], "neo4j": [OURS], "tags": [[index("t", "FAILED")]]},
            "neo4j.index_failed",
            "FAILED: tags/t",
        ),
        (
            {"SHOW DATABASES": [[base("neo4j"), base("old", access="read-only")]], "neo4j": [OURS], "old": [OURS]},
            "neo4j.read_only",
            "old",
        ),
        (
            {"SHOW DATABASES": [[base("neo4j")]], "neo4j": [[index("urn", "POPULATING", 12.0)]]},
            "neo4j.index_stuck",
            "neo4j/urn: 12.0 %",
        ),
        (
            {
                "SHOW DATABASES": [[base("neo4j")]],
                "neo4j": [[index("urn", "POPULATING", 12.0)], [index("urn", "POPULATING", 12.5)]],
            },
            "",
            "",
        ),
        # what is off is another criterion's; what we may not see, and what only brings others together, is nobody's
        ({"SHOW DATABASES": [[base("neo4j"), base("x", currentStatus="offline")]], "neo4j": [OURS]}, "", ""),
        ({"SHOW DATABASES": [[base("neo4j")]], "neo4j": [Forbidden("neo4j", "no SHOW INDEX")]}, "", ""),
        (
            {"SHOW DATABASES": [[base("neo4j")]], "neo4j": [Unavailable("neo4j", "lies elsewhere", kind="no_leader")]},
            "",
            "",
        ),
        ({"SHOW DATABASES": [[base("all", type="composite", access="read-only")]]}, "", ""),
        ({"SHOW DATABASES": [[base("neo4j")]], "neo4j": [[index("pv-20261130115212-8f09fe-1", "FAILED")]]}, "", ""),
    ],
)
def test_what_exists_is_online_or_says_why_not(answers: dict[str, list[Any]], signature: str, told: str) -> None:
    seen, actual = "", ""
    try:
        Told(answers).can_be_used()
    except Wrong as wrong:
        seen, actual = wrong.signature, wrong.actual

    assert seen == signature
    assert told in actual


@pytest.mark.parametrize(("pattern", "left"), [("neo4j/urn", "neo4j/tag"), ("*/t*", "neo4j/urn"), ("urn", "neo4j/urn")])
def test_an_exception_covers_the_indexes_that_it_names(pattern: str, left: str) -> None:
    answers = {"SHOW DATABASES": [[base("neo4j")]], "neo4j": [[index("urn", "FAILED"), index("tag", "FAILED")]]}
    excepted = [{"match": pattern, "reason": "is dropped on Monday"}]

    with pytest.raises(Wrong) as raised:
        Told(answers, exceptions=excepted).can_be_used()

    assert left in raised.value.actual
    assert ("neo4j/urn" in raised.value.actual) == (pattern != "neo4j/urn")


def test_a_database_that_is_off_on_purpose_may_be() -> None:
    answers = {"SHOW DATABASES": [[base("neo4j"), base("old", currentStatus="offline", requestedStatus="offline")]]}
    excepted = [{"match": "old", "reason": "kept for the auditors"}]

    found = Told(answers, exceptions=excepted).has_its_databases()

    assert found["old"] == "offline, requested offline"
    with pytest.raises(Wrong) as raised:
        Told(answers).has_its_databases()
    assert raised.value.signature == "neo4j.database_not_online"


def transaction(id: str, **changed: Any) -> Transaction:
    """An open transaction of an application, in which nothing is wrong, but for what is changed."""
    fine = {"username": "datahub", "database": "neo4j", "query": "", "status": "Running", "locks": 1}
    return Transaction(id=id, **{**fine, "seconds": 1.0, "waited": 0.0, **changed})


@pytest.mark.parametrize(
    ("opened", "signature"),
    [
        ([], ""),
        ([transaction("t-1")], ""),
        ([transaction("t-1"), transaction("t-2", status="Blocked by: [t-1]")], ""),
        (
            [transaction("t-1"), transaction("t-2", status="Blocked by: [t-1]", waited=16)],
            "neo4j.transactions_blocked",
        ),
        ([transaction("t-2", status="Blocked by: [t-1]", seconds=60, waited=1)], ""),
        ([transaction("t-2", seconds=60, waited=16)], ""),  # it has what it waited for
        ([transaction("t-1", seconds=3599)], ""),
        ([transaction("t-1", seconds=3601)], "neo4j.transaction_open"),
        ([transaction("t-1", seconds=9000, username="backup")], ""),
    ],
)
def test_a_transaction_is_stuck_once_it_waits_or_lasts_too_long(opened: list[Transaction], signature: str) -> None:
    excepted = [{"match": "backup", "reason": "copies the whole graph at night"}]
    seen = ""
    try:
        Told({"transactions": opened}, exceptions=excepted).has_no_old_transactions()
    except Wrong as wrong:
        seen = wrong.signature

    assert seen == signature


MIB = 1 << 20
HOLDS = {"id": "t-7", "username": "datahub", "database": "neo4j", "used": 90 * MIB, "query": "MATCH (n)\nRETURN n"}


@pytest.mark.parametrize(
    ("every", "each_database", "told"),
    [
        ("200.00MiB", "0B", ""),
        ("100.00MiB", "0B", "all databases: 92 % of 100 MiB; most by t-7 of datahub, 90 MiB: MATCH (n) RETURN n"),
        ("1.00GiB", "100.00MiB", "database neo4j: 90 % of 100 MiB; most by t-7"),
    ],
)
def test_a_pool_that_is_nearly_used_is_told_with_its_largest_transaction(
    every: str, each_database: str, told: str
) -> None:
    limits = {"dbms.memory.transaction.total.max": every, "db.memory.transaction.total.max": each_database}
    answers = {
        "SHOW SETTINGS": [[{"name": name, "value": value} for name, value in limits.items()]],
        "SHOW TRANSACTIONS": [[HOLDS, {**HOLDS, "id": "t-8", "database": "system", "used": 2 * MIB}]],
    }
    seen = ("", "")
    try:
        Told(answers, transaction_memory_percent=80).has_room_for_transactions()
    except Wrong as wrong:
        seen = (wrong.signature, wrong.actual)

    assert seen[0] == ("neo4j.memory_nearly_used" if told else "")
    assert told in seen[1]


@pytest.mark.parametrize("limits", [[], [{"name": "dbms.memory.transaction.total.max", "value": "0B"}]])
def test_where_no_limit_is_told_nothing_is_claimed(limits: list[Row]) -> None:
    with pytest.raises(NotAskable):
        Told({"SHOW SETTINGS": [limits]}).has_room_for_transactions()


LIMIT = TimedOut("neo4j", "no answer within 20 s")
LOCKED = Unavailable("neo4j", "Neo.ClientError.Transaction.LockClientStopped: because", kind="writes_blocked")
SCHEMA = transaction("t-7", query="CREATE CONSTRAINT x FOR (n:N) REQUIRE n.k IS UNIQUE", seconds=65, locks=3)


@pytest.mark.parametrize(
    ("error", "opened", "signature", "told"),
    [
        (LIMIT, [SCHEMA], "neo4j.writes_blocked", "t-7 of datahub for 65 s, Running, 3 locks: CREATE CONSTRAINT"),
        (LOCKED, [SCHEMA], "neo4j.writes_blocked", "t-7 of datahub for 65 s"),
        (
            LIMIT,
            [transaction("t-8", status="Blocked by: [t-7]"), SCHEMA],
            "neo4j.writes_blocked",
            "open meanwhile: t-7",
        ),
        (LIMIT, [], "neo4j.operation_hangs", "Neo4j answers, and shows nobody who holds a lock"),
        (LIMIT, [transaction("t-9", locks=0)], "neo4j.operation_hangs", "nobody"),
        (LOCKED, [], "", ""),
        (Unavailable("neo4j", "full", kind="memory_limit"), [SCHEMA], "", ""),
    ],
)
def test_what_hangs_is_told_with_who_holds_the_lock(
    error: ClientError, opened: list[Transaction], signature: str, told: str
) -> None:
    reason = Told({"transactions": opened}).why(error)

    assert (reason.signature if reason else "") == signature
    assert told in str(reason)


@pytest.mark.parametrize("answer", [Refused("neo4j", "gone"), TimedOut("neo4j", "silent")])
def test_a_server_that_does_not_answer_tells_no_reason(answer: ClientError) -> None:
    with pytest.raises(type(answer)):
        Told({"transactions": answer}).why(LIMIT)  # type: ignore[dict-item]


def test_a_silent_server_is_no_failure_of_its_operation() -> None:
    client = Told({})
    client._transacted = lambda *_, **__: (_ for _ in ()).throw(LIMIT)  # type: ignore[method-assign]

    with pytest.raises(TimedOut):
        client.answers()
