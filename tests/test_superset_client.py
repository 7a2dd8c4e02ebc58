"""What Superset answers, as outcome and cause."""

from __future__ import annotations

import html
import json
import runpy
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from scripted import Reply, Script, answers, serving

from fixtures.superset import ERRORS, Connection, Superset, older
from gonogo.catalog.registry import Registry
from gonogo.core.errors import ClientError, Denied, Forbidden, Garbled, ServerError, Unavailable, Wrong

ROOT = Path(__file__).parent.parent
SUITE = runpy.run_path(str(ROOT / "suites/superset/test_superset.py"))

LOGIN, LIST, TOKEN = "POST /api/v1/security/login", "GET /api/v1/database/", "GET /api/v1/security/csrf_token/"
SCHEMAS, SHOW, AVAILABLE = (
    "GET /api/v1/database/3/schemas/",
    "GET /api/v1/database/3",
    "GET /api/v1/database/available/",
)
STORED, TEST = "GET /api/v1/database/3/connection", "POST /api/v1/database/test_connection/"
VALIDATE, SQL = "POST /api/v1/database/validate_parameters/", "POST /api/v1/sqllab/execute/"
DORIS = Connection(3, "Doris OLAP", "mysql", in_sql_lab=True, asynchronous=False)


def stored(driver: str) -> list[Reply]:
    """A stored connection, its password masked."""
    address = f"mysql+{driver}://u:XXXXXXXXXX@fe:9030/db"
    return answers({"result": {"sqlalchemy_uri": address, "backend": "mysql", "driver": driver, "id": 3}})


def said(status: int, *types: str) -> list[Reply]:
    """Superset's own errors, each with its name."""
    errors = [{"error_type": one, "message": "…", "level": "error"} for one in types]
    return [Reply(status, json.dumps({"errors": errors}))]


def refused(status: int, message: str) -> list[Reply]:
    """What Flask-AppBuilder says, without a name for the error."""
    return [Reply(status, json.dumps({"message": message}))]


OPEN: Mapping[str, list[Reply]] = {
    LOGIN: answers({"access_token": "t"}),
    TOKEN: [Reply(body='{"result": "forgery"}', headers={"Set-Cookie": "session=ours; HttpOnly; Path=/"})],
    LIST: answers(
        {"count": 1, "result": [{"id": 3, "database_name": "Doris OLAP", "backend": "mysql", "expose_in_sqllab": True}]}
    ),
    AVAILABLE: answers({"databases": [{"engine": "mysql", "available_drivers": ["mysqldb"]}]}),
    STORED: stored("pymysql"),
    TEST: answers({"message": "OK"}),
    VALIDATE: answers({"message": "OK"}),
}
"""A Superset with one connection, that lets its account in."""


@contextmanager
def superset(replies: Mapping[str, list[Reply]], **more: Any) -> Iterator[tuple[Superset, Script]]:
    """A client of a server that answers so, and otherwise as :data:`OPEN`."""
    with serving({**OPEN, **replies}) as script:
        given = {"username": "gonogo", "password": "secret", "database": "Doris OLAP", **more}
        with closing(Superset(script.endpoints("superset", expect={}, url=script.url, **given))) as client:
            yield client, script


@pytest.mark.parametrize(
    ("replies", "meaning", "signature"),
    [
        ({LOGIN: refused(401, "Not authorized")}, Denied, "credentials_refused"),
        ({LOGIN: refused(500, "Fatal error")}, Unavailable, "metadata_unreachable"),
        ({LOGIN: said(500, "GENERIC_BACKEND_ERROR")}, Unavailable, "metadata_unreachable"),
        ({LOGIN: [Reply(502, "<html>Bad gateway</html>")]}, Unavailable, "metadata_unreachable"),
        ({LOGIN: answers({"refresh_token": "t"})}, Garbled, "answer_garbled"),
        ({LOGIN: [Reply(302, headers={"Location": "/login/"})]}, Garbled, "answer_garbled"),
        ({LIST: refused(403, "Forbidden")}, Forbidden, "right_missing"),
        ({LIST: answers([])}, Garbled, "answer_garbled"),
        ({LIST: [Reply(404, "<html>default backend</html>")]}, Garbled, "answer_garbled"),
    ],
)
def test_what_a_log_in_means(replies: Mapping[str, list[Reply]], meaning: type[ClientError], signature: str) -> None:
    with superset(replies) as (client, _), pytest.raises(meaning) as raised:
        client.answers()

    assert raised.value.signature == f"superset.{signature}"


def page(bootstrap: Mapping[str, Any]) -> list[Reply]:
    """The page for logging in, which is told this."""
    return [Reply(body=f'<div id="app" data-bootstrap="{html.escape(json.dumps(bootstrap))}"></div>')]


@pytest.mark.parametrize(
    ("kind", "status", "given", "way", "signature"),
    [
        (1, 401, {}, "", "credentials_refused"),
        (1, 400, {}, "", "server_error"),
        (2, 401, {"provider": "ldap"}, "", "credentials_refused"),
        (2, 400, {}, "LDAP", "login_elsewhere"),
        (4, 400, {}, "OAuth", "login_elsewhere"),  # as 6.1.0 says it
        (4, 401, {}, "OAuth", "login_elsewhere"),
        (5, 400, {}, "SAML", "login_elsewhere"),
    ],
)
def test_a_site_that_takes_no_password_is_told_from_a_wrong_one(
    kind: int, status: int, given: dict[str, str], way: str, signature: str
) -> None:
    told = page({"common": {"conf": {"AUTH_TYPE": kind}}})

    replies = {LOGIN: refused(status, "…"), "GET /login/": told}
    with superset(replies, **given) as (client, _), pytest.raises(ClientError) as raised:
        client.answers()

    assert raised.value.signature == f"superset.{signature}"
    assert raised.value.facts.get("way", "") == way


def test_its_version_is_on_the_page_for_logging_in() -> None:
    shown = {"common": {"menu_data": {"navbar_right": {"version_string": "6.1.0"}}}}

    with superset({"GET /login/": page(shown)}) as (client, script):
        assert client.version() == "6.1.0"

    assert [line for line, _ in script.asked] == ["GET /login/"]


@pytest.mark.parametrize("body", ["", "<html></html>", '<div data-bootstrap="{}">', "<div data-bootstrap='no json'>"])
def test_a_page_that_tells_nothing_has_no_version(body: str) -> None:
    with superset({"GET /login/": [Reply(body=body)]}) as (client, _):
        assert client.version() == ""


def test_a_connection_that_is_not_there_is_told_from_those_that_are() -> None:
    with superset({}, database="Doris") as (client, _), pytest.raises(Wrong) as raised:
        client.named()

    assert raised.value.signature == "superset.connection_missing"
    assert "Doris OLAP" in str(raised.value)


def test_passwords_that_nobody_can_read_are_told_from_a_lost_database() -> None:
    narrow, wide = OPEN[LIST][0], refused(500, "Fatal error")[0]

    with superset({LIST: [wide, narrow]}) as (client, _), pytest.raises(ServerError) as raised:
        client.named()
    with superset({LIST: [wide]}) as (client, _), pytest.raises(ServerError) as lost:
        client.named()

    assert raised.value.signature == "superset.secret_key_changed"
    assert lost.value.signature == "superset.server_error"


@pytest.mark.parametrize(
    ("replies", "signature"),
    [
        ({TEST: said(400, "CONNECTION_INVALID_PASSWORD_ERROR")}, "connection_password_refused"),
        ({TEST: said(400, "CONNECTION_ACCESS_DENIED_ERROR")}, "connection_password_refused"),
        ({TEST: said(400, "CONNECTION_UNKNOWN_DATABASE_ERROR")}, "connection_database_missing"),
        ({TEST: said(408, "CONNECTION_DATABASE_TIMEOUT")}, "connection_unreachable"),
        ({TEST: said(422, "GENERIC_COMMAND_ERROR")}, "driver_missing"),
        ({TEST: said(422, "GENERIC_COMMAND_ERROR"), STORED: stored("mysqldb")}, "server_error"),
        ({STORED: refused(500, "Fatal error"), AVAILABLE: answers({"databases": []})}, "driver_missing"),
        ({STORED: refused(500, "Fatal error")}, "server_error"),
        ({TEST: said(400, "A_NEW_ERROR")}, "server_error"),
        (
            {TEST: said(400, "GENERIC_DB_ENGINE_ERROR"), VALIDATE: said(422, "CONNECTION_PORT_CLOSED_ERROR")},
            "connection_unreachable",
        ),
        (
            {TEST: said(400, "GENERIC_DB_ENGINE_ERROR"), VALIDATE: said(422, "CONNECTION_INVALID_HOSTNAME_ERROR")},
            "connection_unreachable",
        ),
        ({TEST: said(400, "GENERIC_DB_ENGINE_ERROR")}, "connection_failed"),
        ({TEST: said(400, "GENERIC_DB_ENGINE_ERROR"), VALIDATE: refused(403, "Forbidden")}, "connection_failed"),
        ({TEST: refused(403, "Forbidden")}, "server_error"),
        ({}, "server_error"),
    ],
)
def test_why_a_connection_fails_is_told_by_superset_itself(replies: Mapping[str, list[Reply]], signature: str) -> None:
    lost = refused(500, "There was an error connecting to the database")

    with superset({SCHEMAS: lost, **replies}) as (client, _), pytest.raises(ServerError) as raised:
        client.schemas(DORIS)

    assert raised.value.signature == f"superset.{signature}"


def test_reading_a_connection_changes_nothing() -> None:
    with superset({SCHEMAS: answers({"result": ["information_schema"]})}) as (client, script):
        seen = client.schemas(client.named())

    assert seen == ["information_schema"]
    assert {line.partition(" ")[0] for line, _ in script.asked if line != LOGIN} == {"GET"}


def test_a_query_shows_its_token_the_session_and_where_it_comes_from() -> None:
    rows = [{"one": 1}]

    with superset({SQL: answers({"status": "success", "data": rows})}) as (client, script):
        found = client.query(DORIS, "SELECT 1 AS one")

    ((_, headers),) = [one for one in script.asked if one[0] == SQL]
    assert found == rows
    assert (headers["X-CSRFToken"], headers["Cookie"]) == ("forgery", "session=ours")
    assert (headers["Authorization"], headers["Referer"]) == ("Bearer t", f"{script.url}/")


@pytest.mark.parametrize(
    ("reply", "meaning", "signature"),
    [
        (refused(403, "Forbidden"), Forbidden, "sql_lab_right_missing"),
        (said(403, "DATABASE_SECURITY_ACCESS_ERROR"), Forbidden, "database_right_missing"),
        (said(400, "CONNECTION_INVALID_PASSWORD_ERROR"), ServerError, "connection_password_refused"),
        (said(500, "GENERIC_DB_ENGINE_ERROR"), ServerError, "connection_failed"),
        (said(500, "RESULTS_BACKEND_NOT_CONFIGURED_ERROR"), ServerError, "results_backend_missing"),
        (said(500, "ASYNC_WORKERS_ERROR"), ServerError, "query_not_taken"),
        (said(408, "SQLLAB_TIMEOUT_ERROR"), ServerError, "query_too_slow"),
        (said(400, "A_NEW_ERROR", "TABLE_DOES_NOT_EXIST_ERROR"), ServerError, "object_missing"),
        (said(400, "A_NEW_ERROR"), ServerError, "server_error"),
        ([Reply(body="<html>")], Garbled, "answer_garbled"),
    ],
)
def test_what_a_query_means(reply: list[Reply], meaning: type[ClientError], signature: str) -> None:
    with superset({SQL: reply}) as (client, _), pytest.raises(meaning) as raised:
        client.query(DORIS, "SELECT 1")

    assert raised.value.signature == f"superset.{signature}"


@pytest.mark.parametrize(
    ("drivers", "signature"), [(["pymysql"], "driver_missing"), (["pymysql", "mysqldb"], "connection_failed")]
)
def test_sql_lab_needs_mysqldb_whatever_the_driver(drivers: list[str], signature: str) -> None:
    # seen in 6.1.0 with pymysql alone: schemas are listed, and each query fails
    available = answers({"databases": [{"engine": "mysql", "available_drivers": drivers}]})
    replies = {SQL: said(500, "GENERIC_DB_ENGINE_ERROR"), AVAILABLE: available}

    with superset(replies) as (client, _), pytest.raises(ServerError) as raised:
        client.query(DORIS, "SELECT 1")

    assert raised.value.signature == f"superset.{signature}"


QUERY = "GET /api/v1/query/9"
TAKEN = [Reply(202, json.dumps({"query": {"queryId": 9, "state": "pending"}}))]


def test_a_worker_takes_the_query() -> None:
    states = [
        Reply(body=json.dumps({"result": one}))
        for one in ({"status": "pending"}, {"status": "success", "results_key": "k"})
    ]
    replies = {SQL: TAKEN, QUERY: states, "GET /api/v1/sqllab/results/": answers({"data": [{"one": 1}]})}

    with superset(replies) as (client, _):
        assert client.query(DORIS._replace(asynchronous=True), "SELECT 1 AS one") == [{"one": 1}]


def test_no_worker_takes_the_query(monkeypatch: pytest.MonkeyPatch) -> None:
    replies = {SQL: TAKEN, QUERY: answers({"result": {"status": "pending"}})}

    monkeypatch.setattr("fixtures.superset.TAKEN_WITHIN", 0.5)

    with superset(replies) as (client, _), pytest.raises(Wrong) as raised:
        client.query(DORIS._replace(asynchronous=True), "SELECT 1 AS one")

    assert (raised.value.signature, raised.value.actual) == ("superset.query_not_taken", "pending")


@pytest.mark.parametrize(("listed", "guides"), [(401, 401), (200, 401), (401, 200)])
def test_who_gets_in_without_credentials(listed: int, guides: int) -> None:
    with superset({LIST: refused(listed, "…"), LOGIN: refused(guides, "…")}) as (client, _):
        seen = client.without_credentials()

    assert seen == {"no credentials": listed, "the account of the guides": guides}


@pytest.mark.parametrize("status", [200, 400])
def test_a_change_without_a_token(status: int) -> None:
    with superset({TEST: refused(status, "…")}) as (client, script):
        assert client.without_csrf_token() == status

    ((_, headers),) = [one for one in script.asked if one[0] == TEST]
    assert "X-CSRFToken" not in headers
    assert headers["Cookie"] == "session=ours"


def test_other_connections_are_asked_one_by_one() -> None:
    named = [{"id": n, "database_name": name, "backend": "mysql"} for n, name in enumerate(["a", "b", "Doris OLAP"])]
    replies = {
        LIST: answers({"count": 3, "result": named}),
        "GET /api/v1/database/0/schemas/": answers({"result": []}),
        "GET /api/v1/database/1/schemas/": refused(500, "There was an error connecting to the database"),
        "GET /api/v1/database/1/connection": OPEN[STORED],
        TEST: said(400, "CONNECTION_UNKNOWN_DATABASE_ERROR"),
    }

    with superset(replies) as (client, _):
        wrong, left = client.unusable()

    assert ([*wrong], left) == (["b"], 0)
    assert "CONNECTION_UNKNOWN_DATABASE_ERROR" in wrong["b"]


DATASETS, USERS = "GET /api/v1/dataset/", "GET /api/v1/security/users/"


def test_only_what_carries_a_run_id_is_left_over() -> None:
    named = [{"id": 1, "table_name": "pv-20261124232200-abcdef-1"}, {"id": 2, "table_name": "pv-of-somebody"}]
    replies = {DATASETS: answers({"result": named}), USERS: refused(403, "Forbidden"), LIST: answers({"result": []})}

    with superset(replies) as (client, _):
        found = [(left.kind, left.name) for left in client.leftovers()]

    assert found == [("dataset", "pv-20261124232200-abcdef-1")]


def test_what_is_gone_already_is_no_error() -> None:
    named = [{"id": 7, "table_name": "pv-20261124232200-abcdef-1"}, {"id": 8, "table_name": "another"}]
    replies = {DATASETS: answers({"result": named}), "DELETE /api/v1/dataset/7": refused(404, "Not found")}

    with superset(replies) as (client, script):
        client.remove("dataset", "pv-20261124232200-abcdef-1")

    assert [line for line, _ in script.asked if line.startswith("DELETE")] == ["DELETE /api/v1/dataset/7"]


@pytest.mark.parametrize(
    ("check", "seen", "cause"),
    [
        ("test_change_without_token_is_refused", {"without_csrf_token": 200}, "csrf_unchecked"),
        ("test_unauthenticated_access_is_refused", {"without_credentials": {"a": 200}}, "unauthenticated_access"),
        ("test_release_is_maintained", {"version": "3.1.0"}, "outdated"),
        ("test_release_is_maintained", {"version": ""}, "version_hidden"),
        ("test_sql_lab_returns_the_right_rows", {"named": DORIS, "query": [{"one": 1, "sum": -1}]}, "rows_wrong"),
        ("test_sql_lab_returns_the_right_rows", {"named": DORIS._replace(in_sql_lab=False)}, "not_in_sql_lab"),
        ("test_chart_shows_what_is_there", {"named": DORIS, "totals": {"a": 2}}, "chart_wrong"),
        ("test_other_connections_are_usable", {"unusable": ({"old": "gone"}, 0)}, "connections_unusable"),
        ("test_no_examples_are_loaded", {"connections": {"examples": DORIS}}, "examples_loaded"),
    ],
)
def test_a_check_is_red_for_what_is_wrong(check: str, seen: Mapping[str, Any], cause: str) -> None:
    told = {name: lambda *_, answer=answer, **__: answer for name, answer in seen.items()}
    client = SimpleNamespace(
        **told, dataset=lambda *_: nullcontext(1), expect={"release": "4.1.0"}, examples="examples"
    )

    with pytest.raises(Wrong) as raised:
        SUITE[check](client)

    assert raised.value.signature == f"superset.{cause}"


def test_a_connection_behind_which_nothing_is_seen_has_failed() -> None:
    client: Any = SimpleNamespace(named=lambda: DORIS, schemas=lambda _: [])

    with pytest.raises(Wrong) as raised:
        Superset.has_its_connection(client)

    assert raised.value.signature == "superset.connection_failed"


def test_every_cause_has_its_hint() -> None:
    known = Registry.load(ROOT).components["superset"].signatures

    assert {kind for _, kind in ERRORS.values()} <= known.keys()


@pytest.mark.parametrize(
    ("one", "other", "least"),
    [
        ("6.1.0", "4.1.0", "4.1.0"),
        ("4.0.2", "4.1.0", "4.0.2"),
        ("10.0.0rc1", "4.1.0", "4.1.0"),
        ("4.1", "4.1.0", "4.1"),
    ],
)
def test_the_older_of_two_versions(one: str, other: str, least: str) -> None:
    assert older(one, other) == least
