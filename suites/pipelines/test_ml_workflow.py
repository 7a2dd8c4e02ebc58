"""The ML workflow: what Ray computes, MLflow records, S3 and PostgreSQL keep, and Ray Serve answers with."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from fixtures import paths
from fixtures.mlflow import Mlflow
from fixtures.postgresql import Postgresql
from fixtures.ray import Ray
from fixtures.s3 import S3
from gonogo import expect

TRAIN, SERVE = (Path(__file__).with_name(name).read_text() for name in ("train.py", "serve.py"))


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
