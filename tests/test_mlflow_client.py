"""What MLflow answers, as outcome and cause."""

from __future__ import annotations

from contextlib import closing

import pytest
from scripted import Reply, Script, answers, serving

from fixtures.mlflow import Mlflow
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import Denied, Garbled, Unavailable, Wrong

SEARCH = "POST /api/2.0/mlflow/experiments/search"
LOST = '{"error_code": "TEMPORARILY_UNAVAILABLE", "message": "(psycopg2.OperationalError) connection failed"}'


def mlflow(script: Script) -> Mlflow:
    """A client of the scripted server."""
    given = {"url": script.url, "username": "gonogo", "password": "secret"}
    return Mlflow(script.endpoints("mlflow", expect={"artifact_prefix": "kept/"}, **given))


@pytest.mark.parametrize(
    ("reply", "meaning", "signature"),
    [
        (Reply(403, "Invalid Host header - possible DNS rebinding attack detected"), Wrong, "mlflow.host_refused"),
        (Reply(401, "You are not authenticated."), Denied, "mlflow.credentials_refused"),
        (Reply(503, LOST), Unavailable, "mlflow.database_unreachable"),
        (Reply(500, "Internal Server Error"), Unavailable, "mlflow.unavailable"),
        (Reply(200, "[]"), Garbled, "mlflow.answer_garbled"),
    ],
)
def test_what_a_search_means(reply: Reply, meaning: type, signature: str) -> None:
    with serving({SEARCH: [reply]}) as script, closing(mlflow(script)) as client, pytest.raises(meaning) as raised:
        client.answers()

    assert raised.value.signature == signature


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
