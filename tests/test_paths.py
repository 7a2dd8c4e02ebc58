"""A path across components is told hop by hop: the first that breaks is named, and those behind it are blocked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from test_architecture import ROOT

from fixtures import paths
from fixtures.mlflow import Experiment, Guest
from fixtures.ray import End
from gonogo.catalog.registry import Registry
from gonogo.core.errors import ClientError, NotAskable, ServerError, Wrong
from gonogo.core.outcomes import Outcome
from gonogo.core.seen import seeing

ID, RUN, URI = "pv-20261201000000-abcdef-1", "r1", "mlflow-artifacts:/1/r1/artifacts"
MODEL = {"correlation": ID, "slope": 2, "height": 1}
LINE = paths.Line(slope=3.0, height=0.5, asked=(0.0, 2.0))
GOOD_TRAINING = {"seconds": {"MLflow": 0.2, "S3": 0.1}}
GOOD_SERVING = {
    "seconds": {"MLflow": 0.2, "S3": 0.1, "Ray Serve": 1.0},
    "found": {"correlation": ID, "predicted": [0.5, 6.5]},
}


class Platform:
    """Stands in for Ray, MLflow, S3 and PostgreSQL: all is well but what a test says otherwise."""

    def __init__(self, said: Mapping[str, Any], **changed: Any) -> None:
        self.said, self.changed = said, changed
        self.expect = {"job_seconds": 90}
        self.alive: list[str] = []
        self.removed: list[str] = []
        self.stored: dict[str, bytes] = {}

    def what(self, name: str, usual: Any) -> Any:
        given = self.changed.get(name, usual)
        if isinstance(given, Exception):
            raise given
        return given

    @contextmanager
    def made(self, name: str, value: Any) -> Iterator[Any]:
        self.what(name, None)
        try:
            yield value
        finally:
            self.removed.append(name)

    # MLflow

    def guest(self) -> Any:
        return self.made("guest", Guest(Experiment("1", ID), {"MLFLOW_HOST": "mlflow"}))

    def registered_model(self) -> Any:
        return self.made("model", "pv-model")

    def begun(self, guest: Guest) -> tuple[str, str]:
        return RUN, URI

    def store(self, guest: Guest, uri: str, files: Mapping[str, bytes]) -> None:
        self.what("store", None)
        self.stored = dict(files)

    def register(self, guest: Guest, model: str, run: str, uri: str) -> None:
        self.what("register", None)

    def found(self, experiment: Experiment, tag: str, value: str) -> list[str]:
        return list(self.what("found", [RUN]))

    def logged(self, run: str) -> Any:
        return type("Logged", (), {"status": self.what("status", "FINISHED")})

    def artifact(self, run: str, path: str) -> bytes:
        return json.dumps(self.what("artifact", MODEL)).encode()

    def object_key(self, run: str, path: str) -> str:
        return f"1/{run}/artifacts/{path}"

    # S3

    def keys(self, prefix: str) -> list[str]:
        return list(self.what("keys", [prefix]))

    def object_sha256(self, key: str) -> str:
        content = self.stored.get(paths.DATA) or json.dumps(MODEL).encode()
        return str(self.what("sha256", hashlib.sha256(content).hexdigest()))

    # PostgreSQL

    def rows(self, query: str, parameters: Any = ()) -> list[Any]:
        usual = {paths.RUN: [("FINISHED",)], paths.TAG: [(ID,)], paths.VERSION: [(RUN,)]}[query]
        return list(self.what("rows", usual))

    # Ray

    def application(self) -> Any:
        return self.made("application", "pv-application")

    def job(self, program: str, environment: Mapping[str, str]) -> Any:
        return self.made("job", "pv-job")

    def end(self, job: str) -> End:
        status = self.what("end", "SUCCEEDED")
        return End(status, "as a test says", 0, f"loading\ncorrelation {ID}\n" + json.dumps({"path": self.said}))


def trained(platform: Any) -> paths.Path:
    return paths.workflow(platform, platform, platform, platform, "program")


def served(platform: Any) -> paths.Path:
    return paths.serving(platform, platform, platform, platform, "program", LINE)


def refused(said: Mapping[str, Any], hop: str) -> dict[str, Any]:
    """What the program says that got no further than ``hop``."""
    got = {name: spent for name, spent in said["seconds"].items() if name != hop}
    return {"seconds": {**got, hop: 0.1}, "hop": hop, "refused": "no"}


LATER = ServerError("mlflow", "HTTP 500", kind="database_read_only")
STORE = ServerError("mlflow", "HTTP 500", kind="artifact_store_refused")


@pytest.mark.parametrize(
    ("walked", "said", "changed", "hop", "cause", "blocked"),
    [
        (trained, GOOD_TRAINING, {"guest": LATER}, "MLflow", "mlflow.database_read_only", ["Ray", "S3", "PostgreSQL"]),
        (trained, GOOD_TRAINING, {"end": "RUNNING"}, "Ray", "ray.job_unfinished", ["S3", "PostgreSQL"]),
        (trained, GOOD_TRAINING, {"end": "FAILED"}, "Ray", "ray.job_failed", ["S3", "PostgreSQL"]),
        (trained, refused(GOOD_TRAINING, "MLflow"), {"end": "FAILED"}, "MLflow", "mlflow.job_refused", ["PostgreSQL"]),
        (
            trained,
            refused(GOOD_TRAINING, "S3"),
            {"end": "FAILED"},
            "S3",
            "mlflow.artifact_store_refused",
            ["PostgreSQL"],
        ),
        (trained, GOOD_TRAINING, {"found": []}, "MLflow", "mlflow.run_missing", ["S3", "PostgreSQL"]),
        (trained, GOOD_TRAINING, {"status": "RUNNING"}, "MLflow", "mlflow.run_altered", ["S3", "PostgreSQL"]),
        (trained, GOOD_TRAINING, {"keys": []}, "S3", "mlflow.object_missing", ["PostgreSQL"]),
        (trained, GOOD_TRAINING, {"sha256": "0"}, "S3", "mlflow.object_altered", ["PostgreSQL"]),
        (trained, GOOD_TRAINING, {"rows": []}, "PostgreSQL", "postgresql.run_missing", []),
        (served, GOOD_SERVING, {"guest": LATER}, "MLflow", "mlflow.database_read_only", ["S3", "PostgreSQL", "Ray"]),
        (served, GOOD_SERVING, {"store": STORE}, "S3", "mlflow.artifact_store_refused", ["PostgreSQL", "Ray"]),
        (served, GOOD_SERVING, {"keys": []}, "S3", "mlflow.object_missing", ["PostgreSQL", "Ray"]),
        (served, GOOD_SERVING, {"register": LATER}, "MLflow", "mlflow.database_read_only", ["PostgreSQL", "Ray"]),
        (served, GOOD_SERVING, {"rows": [("r2",)]}, "PostgreSQL", "postgresql.run_missing", ["Ray", "Ray Serve"]),
        (served, GOOD_SERVING, {"end": "PENDING"}, "Ray", "ray.job_unfinished", ["Ray Serve"]),
        (served, refused(GOOD_SERVING, "MLflow"), {"end": "FAILED"}, "MLflow", "mlflow.job_refused", []),
        (served, refused(GOOD_SERVING, "S3"), {"end": "FAILED"}, "S3", "mlflow.artifact_store_refused", []),
        (served, refused(GOOD_SERVING, "Ray Serve"), {"end": "FAILED"}, "Ray Serve", "ray.serve_refused", []),
        (
            served,
            {**GOOD_SERVING, "found": {"correlation": "other", "predicted": [0.5, 6.5]}},
            {},
            "Ray Serve",
            "ray.serve_model_wrong",
            [],
        ),
        (
            served,
            {**GOOD_SERVING, "found": {"correlation": ID, "predicted": [0.5, 6.6]}},
            {},
            "Ray Serve",
            "ray.serve_prediction_wrong",
            [],
        ),
        (served, {**GOOD_SERVING, "found": {"correlation": ID}}, {}, "Ray Serve", "ray.serve_prediction_wrong", []),
    ],
)
def test_the_first_broken_hop_is_named_and_those_behind_it_are_blocked(
    walked: Any, said: Mapping[str, Any], changed: Mapping[str, Any], hop: str, cause: str, blocked: list[str]
) -> None:
    platform = Platform(said, **changed)

    with seeing() as seen, pytest.raises((Wrong, ClientError)) as raised:
        walked(platform)

    [(title, picture)] = seen.notes
    assert raised.value.signature == cause
    assert title.startswith("path: ")
    assert f"; first broken hop: {hop}\n" in picture
    assert {name for name in blocked if f"· {name:<18} blocked" in picture} == set(blocked)
    assert picture.count("✗") == 1


@pytest.mark.parametrize(
    ("walked", "said", "removed"),
    [
        (trained, GOOD_TRAINING, ["job", "guest"]),
        (served, GOOD_SERVING, ["job", "application", "model", "guest"]),
    ],
)
def test_a_path_is_walked_to_its_end_and_cleaned_up_backwards(
    walked: Any, said: Mapping[str, Any], removed: list[str]
) -> None:
    platform = Platform(said)

    with seeing() as seen:
        path = walked(platform)

    assert path.broken == ""
    assert all(hop.outcome in (Outcome.PASSED, Outcome.UNSUPPORTED) for hop in path.hops)
    assert seen.notes[0][1].startswith(f"correlation id {ID}\n")
    assert platform.removed == removed


def test_without_kubeflow_pipelines_the_rest_is_walked() -> None:
    path = trained(Platform(GOOD_TRAINING))

    assert path.hops[0].outcome is Outcome.UNSUPPORTED
    assert path.walked == ["Ray", "MLflow", "S3", "PostgreSQL"]


def test_what_a_program_is_refused_has_a_cause_with_a_hint() -> None:
    registry = Registry.load(ROOT)

    assert all(registry.signature(cause).hint for cause in paths.REFUSED.values())


def test_a_cluster_without_mlflows_library_cannot_be_asked() -> None:
    with seeing() as seen, pytest.raises(NotAskable, match="no package mlflow"):
        served(Platform({"missing": "mlflow"}, end="FAILED"))

    assert "first broken hop: Ray\n" in seen.notes[0][1]


def test_what_a_program_was_refused_stands_at_its_hop_with_the_seconds_of_each() -> None:
    path = trained(Platform({"seconds": {"MLflow": 500.0, "S3": 250.0}}))

    seconds = {hop.name: hop.seconds for hop in path.hops}
    assert seconds["MLflow"] >= 500
    assert seconds["S3"] >= 250
    assert seconds["Ray"] == 0


@pytest.mark.parametrize(
    ("logs", "said"),
    [
        ("loading\n" + '{"path": {"hop": "S3", "refused": "PUT /a"}}\n', paths.Said(hop="S3", refused="PUT /a")),
        ('{"path": {"hop": "S3"}}\nTraceback\n', paths.Said(hop="S3")),
        ('say(json.dumps({"path": said}))\ndone\n', paths.Said()),
        ('[1]\n{"other": 1}\n"path"\n{"path": 3}\n', paths.Said()),
        ("", paths.Said()),
    ],
)
def test_what_a_program_says_is_its_own_line_of_json(logs: str, said: paths.Said) -> None:
    assert paths.told(logs) == said
