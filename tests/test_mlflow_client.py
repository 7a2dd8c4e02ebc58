"""What MLflow answers, as outcome and cause."""

from __future__ import annotations

import importlib.metadata
import json
import re
from contextlib import closing

import pytest
from scripted import Reply, Script, answers, serving

from fixtures.mlflow import Mlflow, head_revision
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import ClientError, Denied, Forbidden, Garbled, NotAskable, ServerError, Unavailable, Wrong


def said(status: int, code: str, message: str) -> Reply:
    """MLflow's own answer to what it does not do."""
    return Reply(status, json.dumps({"error_code": code, "message": message}))


SEARCH = "POST /api/2.0/mlflow/experiments/search"
LOST = '{"error_code": "TEMPORARILY_UNAVAILABLE", "message": "(psycopg2.OperationalError) connection failed"}'


def mlflow(script: Script) -> Mlflow:
    """A client of the scripted server."""
    given = {"url": script.url, "username": "gonogo", "password": "secret"}
    return Mlflow(script.endpoints("mlflow", expect={"artifact_prefix": "kept/", "schema": ""}, **given))


@pytest.mark.parametrize(
    ("reply", "meaning", "signature"),
    [
        (Reply(403, "Invalid Host header - possible DNS rebinding attack detected"), Wrong, "mlflow.host_refused"),
        (Reply(401, "You are not authenticated."), Denied, "mlflow.credentials_refused"),
        (Reply(503, LOST), Unavailable, "mlflow.database_unreachable"),
        (Reply(500, "Internal Server Error"), Unavailable, "mlflow.unavailable"),
        (said(400, "RESOURCE_ALREADY_EXISTS", "(psycopg2.errors.UniqueViolation) duplicate"), ServerError, "key_taken"),
        (said(500, "INTERNAL_ERROR", "(psycopg2.errors.UndefinedColumn) column"), ServerError, "schema_differs"),
        (said(500, "INTERNAL_ERROR", "(psycopg.errors.ReadOnlySqlTransaction)"), ServerError, "database_read_only"),
        (said(500, "INTERNAL_ERROR", "(psycopg2.errors.LockNotAvailable)"), ServerError, "database_locked"),
        (said(500, "INTERNAL_ERROR", "(psycopg2.errors.NotNullViolation)"), ServerError, "database_error"),
        (said(500, "BAD_REQUEST", "(psycopg2.errors.AdminShutdown)"), Unavailable, "database_unreachable"),
        (said(500, "INTERNAL_ERROR", "an index is out of range"), ServerError, "server_error"),
        (said(400, "INVALID_PARAMETER_VALUE", "max_results"), ServerError, "server_error"),
        (said(404, "ENDPOINT_NOT_FOUND", "/api/2.0/experiments"), ServerError, "endpoint_missing"),
        (said(429, "REQUEST_LIMIT_EXCEEDED", "slow down"), ServerError, "limit_exceeded"),
        (said(403, "PERMISSION_DENIED", "not for you"), Forbidden, "right_missing"),
        (Reply(404, "<html>a proxy</html>"), Garbled, "answer_garbled"),
        (Reply(200, "[]"), Garbled, "mlflow.answer_garbled"),
    ],
)
def test_what_a_search_means(reply: Reply, meaning: type, signature: str) -> None:
    with serving({SEARCH: [reply]}) as script, closing(mlflow(script)) as client, pytest.raises(meaning) as raised:
        client.answers()

    assert raised.value.signature == f"mlflow.{signature.removeprefix('mlflow.')}"


def test_an_error_of_the_servers_has_its_code() -> None:
    script = serving({SEARCH: [said(400, "INVALID_PARAMETER_VALUE", "max_results is 2")]})
    with script as there, closing(mlflow(there)) as client, pytest.raises(ServerError) as raised:
        client.answers()

    assert raised.value.error_code == "INVALID_PARAMETER_VALUE"
    assert "max_results is 2" in str(raised.value)


RUNS, LIST = "POST /api/2.0/mlflow/runs/search", "GET /api/2.0/mlflow/artifacts/list"
STORE = "GET /api/2.0/mlflow-artifacts/artifacts"


def kept(*locations: str) -> list[Reply]:
    """Active experiments whose artifacts lie there."""
    named = [
        {"experiment_id": str(n), "name": f"e{n}", "artifact_location": where} for n, where in enumerate(locations)
    ]
    return answers({"experiments": named})


class Buckets:
    """A store that knows some buckets, and our key some of these."""

    def __init__(self, **says: ClientError) -> None:
        self.says, self.asked = says, list[str]()

    def lists(self, bucket: str) -> None:
        self.asked.append(bucket)
        if bucket in self.says:
            raise self.says[bucket]


def test_a_store_of_artifacts_is_asked_once_for_all_its_experiments() -> None:
    replies = {
        SEARCH: kept("s3://a/1", "s3://a/2", "s3://gone/1", "s3://theirs/1", "mlflow-artifacts:/7", "/srv/artifacts/8"),
        RUNS: answers({}),
        STORE: answers({"files": []}),
    }
    buckets = Buckets(
        gone=Unavailable("s3", "no such bucket", kind="bucket_missing"), theirs=Forbidden("s3", "not for you")
    )

    with serving(replies) as script, closing(mlflow(script)) as client:
        seen = client.artifact_stores(buckets)  # type: ignore[arg-type]

    assert buckets.asked == ["a", "gone", "theirs"]
    assert seen.wrong == {"s3://gone": "1 experiments, such as e2: no such bucket"}
    assert str(seen) == "6 experiments in 5 stores, 2 experiments not asked"


@pytest.mark.parametrize(
    ("reply", "wrong"),
    [
        (answers({"files": []})[0], []),
        (said(500, "INTERNAL_ERROR", "An error occurred (NoSuchBucket) when calling the List operation"), ["s3://a"]),
        (said(403, "PERMISSION_DENIED", "Failed to list artifacts: Access Denied"), ["s3://a"]),
    ],
)
def test_where_there_is_a_run_the_server_itself_lists_its_artifacts(reply: Reply, wrong: list[str]) -> None:
    replies = {
        SEARCH: kept("s3://a/1"),
        RUNS: answers({"runs": [{"info": {"run_id": "r"}}]}),
        "GET /api/2.0/mlflow/runs/get": run("s3://a/1/r/artifacts"),
        LIST: [reply],
    }
    with serving(replies) as script, closing(mlflow(script)) as client:
        seen = client.artifact_stores(Buckets())  # type: ignore[arg-type]

    assert [*seen.wrong] == wrong


def test_a_schema_is_that_of_the_library_where_it_is_of_the_servers_version() -> None:
    here = importlib.metadata.version("mlflow")

    with serving({"GET /version": [Reply(200, here)]}) as script, closing(mlflow(script)) as client:
        found = client.schema()

    assert found == head_revision()
    assert re.fullmatch("[0-9a-f]{12}", found)


def test_a_schema_of_another_version_has_to_be_given() -> None:
    script = serving({"GET /version": [Reply(200, "0.1")]})
    with script as there, closing(mlflow(there)) as client, pytest.raises(NotAskable, match="give `schema`"):
        client.schema()


def run(uri: str) -> list[Reply]:
    """A run whose artifacts are at ``uri``."""
    return answers({"run": {"info": {"run_id": "r", "status": "FINISHED", "artifact_uri": uri}, "data": {}}})


def test_the_store_behind_the_server_is_told_from_the_server() -> None:
    replies = {
        "GET /api/2.0/mlflow/runs/get": run("mlflow-artifacts:/1/r/artifacts"),
        "GET /api/2.0/mlflow-artifacts/artifacts/1/r/artifacts/a/b.bin": [Reply(500, "Internal Server Error")],
    }
    with serving(replies) as script, closing(mlflow(script)) as client, pytest.raises(Unavailable) as raised:
        client.artifact("r", "a/b.bin")

    assert raised.value.signature == "mlflow.artifact_store_refused"


def test_an_artifact_has_its_key_in_the_bucket() -> None:
    with (
        serving({"GET /api/2.0/mlflow/runs/get": run("mlflow-artifacts:/1/r/artifacts")}) as script,
        closing(mlflow(script)) as client,
    ):
        key = client.object_key("r", "a/b.bin")

    assert key == "kept/1/r/artifacts/a/b.bin"


def test_artifacts_that_clients_fetch_themselves_are_wrong() -> None:
    with (
        serving({"GET /api/2.0/mlflow/runs/get": run("s3://bucket/1/r/artifacts")}) as script,
        closing(mlflow(script)) as client,
        pytest.raises(Wrong) as raised,
    ):
        client.object_key("r", "a/b.bin")

    assert raised.value.signature == "mlflow.artifacts_not_proxied"


def test_only_what_carries_a_run_id_is_left_over() -> None:
    replies = {
        SEARCH: answers({"experiments": [{"name": "pv-20261124232200-abcdef-1"}, {"name": "pv-of-somebody"}]}),
        "GET /api/2.0/mlflow/registered-models/search": answers({}),
        "GET /api/2.0/mlflow/users/list": [Reply(403, "Permission denied")],
    }
    with serving(replies) as script, closing(mlflow(script)) as client:
        found = list(client.leftovers())

    assert [(left.kind, left.run) for left in found] == [("experiment", "pv-20261124232200-abcdef")]


def test_the_artifacts_of_an_experiment_go_before_it() -> None:
    experiment = {"experiment_id": "7", "lifecycle_stage": "active", "artifact_location": "mlflow-artifacts:/7"}
    replies = {
        "GET /api/2.0/mlflow/experiments/get-by-name": answers({"experiment": experiment}),
        "DELETE /api/2.0/mlflow-artifacts/artifacts/7": answers({}),
        "POST /api/2.0/mlflow/experiments/delete": answers({}),
    }
    with serving(replies) as script, closing(mlflow(script)) as client:
        client.remove("experiment", "pv-20261124232200-abcdef-1")

    assert [line for line, _ in script.asked] == list(replies)


def test_an_experiment_goes_although_the_store_refuses() -> None:
    experiment = {"experiment_id": "7", "lifecycle_stage": "active", "artifact_location": "mlflow-artifacts:/7"}
    replies = {
        "GET /api/2.0/mlflow/experiments/get-by-name": answers({"experiment": experiment}),
        "DELETE /api/2.0/mlflow-artifacts/artifacts/7": [Reply(500, "Internal Server Error")],
        "POST /api/2.0/mlflow/experiments/delete": answers({}),
    }
    with serving(replies) as script, closing(mlflow(script)) as client, pytest.raises(Unavailable):
        client.remove("experiment", "pv-20261124232200-abcdef-1")

    assert [line for line, _ in script.asked] == list(replies)


def test_an_experiment_that_is_gone_already_is_no_error() -> None:
    with serving({}) as script, closing(mlflow(script)) as client:
        client.remove("experiment", "pv-20261124232200-abcdef-1")

    assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ({}, "tracking.example:5000"),
        ({"host_header": "mlflow.example"}, "mlflow.example"),
    ],
)
def test_the_name_that_clients_use(given: dict[str, str], host: str) -> None:
    client = Mlflow(Endpoints("mlflow", {"url": "http://tracking.example:5000", **given}))

    assert client.real_host() == host
