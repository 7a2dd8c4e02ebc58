"""MLflow: the tracking server keeps what is logged, where the platform says it keeps it."""

from __future__ import annotations

import hashlib

import pytest

from fixtures.mlflow import Mlflow
from fixtures.postgresql import Postgresql
from fixtures.s3 import S3
from gonogo import about, at_least, expect, nothing, something
from gonogo.checks.usable import each, remaining

PARAMS = {"depth": "3", "eta": "0.1"}
METRICS = {"loss": 0.25, "accuracy": 0.9375}
NOTE = b"not only ASCII: \xc3\xa4\x00\xff, and no line end"


@pytest.mark.criterion("mlflow.answers")
def test_server_answers(mlflow: Mlflow) -> None:
    """MLflow answers a search of experiments that passes its host check, its credentials and its database."""
    expect(mlflow.answers(), something(), cause="mlflow.answer_garbled")


@pytest.mark.criterion("mlflow.run")
@pytest.mark.writes
def test_run_is_kept(mlflow: Mlflow) -> None:
    """An experiment's run comes back with the parameters, metrics and artifact that were logged to it."""
    with mlflow.experiment() as experiment:
        run = mlflow.log(experiment, params=PARAMS, metrics=METRICS, artifacts={"notes/note.bin": NOTE})

        logged = mlflow.logged(run)
        found = mlflow.found(experiment, "run", experiment.run)
        listed = mlflow.artifacts(run, "notes")
        note = mlflow.artifact(run, "notes/note.bin")

    expect(logged.status, "FINISHED", cause="mlflow.run_altered")
    expect(logged.params, PARAMS, cause="mlflow.run_altered")
    expect(logged.metrics, METRICS, cause="mlflow.run_altered")
    expect(found, [run], cause="mlflow.run_altered", message="search by tag")
    expect(listed, {"notes/note.bin": len(NOTE)}, cause="mlflow.artifact_altered")
    expect(note, NOTE, cause="mlflow.artifact_altered")


@pytest.mark.criterion("mlflow.artifact_store")
@pytest.mark.writes
def test_artifact_is_an_object_of_the_bucket(mlflow: Mlflow, s3: S3) -> None:
    """An artifact logged to MLflow is an object of the platform's bucket with the same SHA-256, as S3 itself says."""
    with mlflow.experiment() as experiment:
        run = mlflow.log(experiment, params={}, metrics={}, artifacts={"model/weights.bin": NOTE})
        key = mlflow.object_key(run, "model/weights.bin")

        expect(s3.keys(key), [key], cause="mlflow.object_missing")
        digest = s3.object_sha256(key)

    expect(digest, hashlib.sha256(NOTE).hexdigest(), cause="mlflow.object_altered")


@pytest.mark.criterion("mlflow.backend_store")
@pytest.mark.writes
def test_run_is_a_row_of_the_database(mlflow: Mlflow, postgresql: Postgresql) -> None:
    """A run logged to MLflow is a row of the platform's database, as PostgreSQL itself says."""
    with mlflow.experiment() as experiment:
        run = mlflow.log(experiment, params={}, metrics=METRICS, artifacts={})

        rows = postgresql.rows("SELECT status, experiment_id FROM runs WHERE run_uuid = %s", (run,))
        seen = [f"{status} in experiment {number}" for status, number in rows]
        metrics = postgresql.rows("SELECT key, value FROM latest_metrics WHERE run_uuid = %s", (run,))

    expect(seen, [f"FINISHED in experiment {experiment.id}"], cause="mlflow.row_missing")
    expect(dict(metrics), METRICS, cause="mlflow.row_missing")


@pytest.mark.criterion("mlflow.schema")
def test_schema_is_the_servers(mlflow: Mlflow, postgresql: Postgresql) -> None:
    """The schema of MLflow's database has the revision that the server expects."""
    wanted = mlflow.schema()

    rows = postgresql.rows("SELECT version_num FROM alembic_version")

    expect(", ".join(row[0] for row in rows), wanted, cause="mlflow.schema_differs", message="alembic_version")


@pytest.mark.criterion("mlflow.artifact_locations")
def test_artifact_locations_can_be_read(mlflow: Mlflow, s3: S3) -> None:
    """The store of every active experiment's artifacts can be read."""
    seen = mlflow.artifact_stores(s3)

    wrong = remaining(seen.wrong, mlflow.expect)
    expect(each(wrong), nothing(), cause="mlflow.artifacts_unreachable", message=f"of {seen}")


@pytest.mark.criterion("mlflow.host")
def test_server_knows_its_name(mlflow: Mlflow) -> None:
    """MLflow accepts the Host header that the platform's clients send, and refuses one that nobody uses."""
    real = mlflow.real_host()

    accepted = mlflow.status_for_host(real)
    strange = mlflow.status_for_host("strange.example")

    expect(accepted, 200, cause="mlflow.host_refused", message=f"HTTP status for {real}")
    expect(strange, at_least(400), cause="mlflow.host_unchecked", message="HTTP status for strange.example")


@pytest.mark.criterion("mlflow.authentication")
def test_unauthenticated_access_is_refused(mlflow: Mlflow) -> None:
    """MLflow refuses a request without credentials, and one of a user that does not exist."""
    refused = {"no credentials": 401, "an unknown user": 401}

    expect(mlflow.without_credentials(), refused, cause="mlflow.unauthenticated_access")


@pytest.mark.criterion("mlflow.model")
@pytest.mark.writes
def test_registered_model_answers(mlflow: Mlflow) -> None:
    """A model registered with MLflow's library is loaded again by its name and predicts what it was trained to."""
    with mlflow.experiment() as experiment, mlflow.registered_model() as model:
        heights = mlflow.line_through(experiment, model, x=[0, 1, 2], y=[1, 3, 5], asked=[10, -1])

    expect(heights, about([21, -1], within=2e-5), cause="mlflow.model_wrong")
