"""The ML workflow: what Ray computes, MLflow records, and S3 keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures import paths
from fixtures.mlflow import Mlflow
from fixtures.ray import ENDED, Ray
from fixtures.s3 import S3
from gonogo import about, containing, count, expect, nothing, one_of

TRAIN = Path(__file__).with_name("train.py").read_text()


@pytest.mark.criterion("pipelines.ml_workflow")
@pytest.mark.writes
def test_one_id_leads_from_job_to_object(ray: Ray, mlflow: Mlflow, s3: S3) -> None:
    """A model trained by a Ray job is a run of MLflow and an object of the bucket, all under one correlation id."""
    trained = paths.train(ray, mlflow, s3, TRAIN)

    id, end, model = trained.correlation, trained.end, trained.model
    expect(end.status, one_of(*ENDED), cause="ray.job_unfinished", message=end.message)
    expect(trained.refused, nothing(), cause="mlflow.job_refused", message="what MLflow refused the job")
    expect(end.status, "SUCCEEDED", cause="ray.job_failed", message=str(end))
    expect(end.logs, containing(f"correlation {id}"), cause="ray.job_result_wrong")
    expect(trained.runs, count(1, "run"), cause="mlflow.run_missing")
    expect(trained.status, "FINISHED", cause="mlflow.run_altered")
    expect(trained.keys, count(1, "object"), cause="mlflow.object_missing")
    expect(trained.object_sha256, trained.artifact_sha256, cause="mlflow.object_altered")
    expect(model["correlation"], id, cause="mlflow.artifact_altered")
    expect([model["slope"], model["height"]], about([2, 1], within=0.01), cause="ray.job_result_wrong")
