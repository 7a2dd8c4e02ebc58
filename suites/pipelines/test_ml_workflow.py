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
    assert end.ended, wrong("ray.job_unfinished", expected="an end", actual=str(end))
    assert not trained.refused, wrong("mlflow.job_refused", expected="a run logged", actual=trained.refused)
    assert end.status == "SUCCEEDED", wrong("ray.job_failed", expected="SUCCEEDED", actual=str(end))
    assert f"correlation {id}" in end.logs, wrong("ray.job_result_wrong", expected=id, actual=end.logs)
    assert len(trained.runs) == 1, wrong("mlflow.run_missing", expected=f"a run tagged {id}", actual=trained.runs)
    assert trained.status == "FINISHED", wrong("mlflow.run_altered", expected="FINISHED", actual=trained.status)
    assert len(trained.keys) == 1, wrong("mlflow.object_missing", expected=f"{id}/model.json", actual=trained.keys)
    assert trained.object_sha256 == trained.artifact_sha256, wrong(
        "mlflow.object_altered", expected=trained.artifact_sha256, actual=trained.object_sha256
    )
    assert model["correlation"] == id, wrong("mlflow.artifact_altered", expected=id, actual=model)
    assert [model["slope"], model["height"]] == pytest.approx([2, 1], abs=0.01), wrong(
        "ray.job_result_wrong", expected="slope 2, height 1", actual=model
    )
    saw(
        f"{id}: job {end.status}, run {trained.runs[0]} {trained.status}, object {trained.keys[0]}, model {model}",
        expected="one id from the job to the run to the object, and a line of slope 2 through height 1",
    )
