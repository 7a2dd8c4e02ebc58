"""The ML workflow: what Ray computes, MLflow records, and S3 keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures import paths
from fixtures.mlflow import Mlflow
from fixtures.ray import Ray
from fixtures.s3 import S3
from gonogo import saw, wrong

TRAIN = Path(__file__).with_name("train.py").read_text()


@pytest.mark.criterion("pipelines.ml_workflow")
@pytest.mark.writes
def test_one_id_leads_from_job_to_object(ray: Ray, mlflow: Mlflow, s3: S3) -> None:
    """A model trained by a Ray job is a run of MLflow and an object of the bucket, all under one correlation id."""
    trained = paths.train(ray, mlflow, s3, TRAIN)

    id, end, model = trained.correlation, trained.end, trained.model
    saw(trained.refused or str(end), expected=f"job SUCCEEDED under {id}")
    assert end.ended, wrong("ray.job_unfinished")
    assert not trained.refused, wrong("mlflow.job_refused")
    assert end.status == "SUCCEEDED", wrong("ray.job_failed")
    assert f"correlation {id}" in end.logs, wrong("ray.job_result_wrong")
    saw(f"runs {trained.runs} {trained.status}", expected="one run, FINISHED")
    assert len(trained.runs) == 1, wrong("mlflow.run_missing")
    assert trained.status == "FINISHED", wrong("mlflow.run_altered")
    saw(f"objects {trained.keys}", expected="one object")
    assert len(trained.keys) == 1, wrong("mlflow.object_missing")
    saw(f"SHA-256 {trained.object_sha256}", expected=f"SHA-256 {trained.artifact_sha256}")
    assert trained.object_sha256 == trained.artifact_sha256, wrong("mlflow.object_altered")
    saw(f"model {model}", expected=f"slope 2, height 1, under {id}")
    assert model["correlation"] == id, wrong("mlflow.artifact_altered")
    assert [model["slope"], model["height"]] == pytest.approx([2, 1], abs=0.01), wrong("ray.job_result_wrong")
