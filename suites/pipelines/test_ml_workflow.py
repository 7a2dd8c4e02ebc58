"""The ML workflow: what Ray computes, MLflow records, S3 and PostgreSQL keep, Ray Serve answers with and Doris gets."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from fixtures import paths
from fixtures.doris import Doris
from fixtures.mlflow import Mlflow
from fixtures.postgresql import Postgresql
from fixtures.ray import Ray
from fixtures.s3 import S3
from gonogo import expect

TRAIN, SERVE, SCORE = (Path(__file__).with_name(name).read_text() for name in ("train.py", "serve.py", "score.py"))


@pytest.mark.criterion("pipelines.ml_workflow")
@pytest.mark.writes
def test_one_id_leads_from_job_to_object(ray: Ray, mlflow: Mlflow, s3: S3, postgresql: Postgresql) -> None:
    """A model trained by a Ray job is a run of MLflow, an object of the bucket and a row, all under one id."""
    path = paths.workflow(ray, mlflow, s3, postgresql, TRAIN)

    expect(path.walked, ["Ray", "MLflow", "S3", "PostgreSQL"], cause="ray.job_failed", message=path.latency)


@pytest.mark.criterion("pipelines.model_serving")
@pytest.mark.writes
def test_serve_answers_with_the_registered_model(ray: Ray, mlflow: Mlflow, s3: S3, postgresql: Postgresql) -> None:
    """Ray Serve loads a model by its name of the registry, and answers over HTTP with that model's own predictions."""
    line = paths.Line(slope=random.uniform(1, 9), height=random.uniform(1, 9), asked=(-1.5, 0.0, 40.0))

    path = paths.serving(ray, mlflow, s3, postgresql, SERVE, line)

    expect(path.walked, [*paths.SERVING], cause="ray.serve_refused", message=path.latency)


@pytest.mark.criterion("pipelines.batch_scoring")
@pytest.mark.writes
def test_scored_rows_arrive_in_doris(ray: Ray, mlflow: Mlflow, s3: S3, doris: Doris) -> None:
    """A Ray job scores a batch with a registered model, and the rows of Doris are that model's own predictions."""
    asked = tuple(random.uniform(-99, 99) for _ in range(10))
    line = paths.Line(slope=random.uniform(1, 9), height=random.uniform(1, 9), asked=asked)

    path = paths.scoring(ray, mlflow, s3, doris, SCORE, line)

    expect(path.walked, [*paths.SCORING], cause="doris.rows_lost", message=path.latency)
