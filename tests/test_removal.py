"""What a client is told to delete may have been read from a file: it deletes what a run created, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from scripted import Reply, answers, serving

from fixtures.elasticsearch import Elasticsearch
from fixtures.kafka import Kafka
from fixtures.mlflow import Mlflow
from fixtures.neo4j import Neo4j, quoted
from fixtures.postgresql import Postgresql, named
from fixtures.ray import Ray
from fixtures.s3 import S3
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import NotAllowed

ROOT = Path(__file__).parent.parent
RUN = "pv-20240101000000-0a1b2c"
NOWHERE = {
    "url": "http://127.0.0.1:9",
    "dashboard": "http://127.0.0.1:9",
    "endpoint": "http://127.0.0.1:9",
    "bootstrap": "127.0.0.1:9",
    "bucket": "b",
    "uri": "bolt://127.0.0.1:9",
}
CLIENTS = [Elasticsearch, Kafka, Mlflow, Neo4j, Postgresql, Ray, S3]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("kind", ["", "orders", "TABLE orders; --", "table CASCADE", "database", "user\n"])
def test_a_kind_that_is_none_is_refused_before_anybody_is_asked(client: Any, kind: str) -> None:
    with pytest.raises(NotAllowed, match="no kind of object that gonogo creates"):
        client(Endpoints("any", NOWHERE)).remove(kind, f"{RUN}-1")


@pytest.mark.parametrize("client", CLIENTS)
def test_every_kind_that_is_created_is_declared(client: Any) -> None:
    module = ast.parse((ROOT / "fixtures" / f"{client.__name__.lower()}.py").read_text(encoding="utf-8"))
    constants = {
        target.id: ast.literal_eval(node.value)
        for node in module.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value, ast.Constant)
    }
    for node in module.body:  # A, B = "a", "b"
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            names = [ast.unparse(name) for name in node.targets[0].elts]
            constants |= dict(zip(names, ast.literal_eval(node.value), strict=True))
    owned = {
        ast.unparse(node.args[0])
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "owns"
    }

    kinds = {constants.get(word, word.strip("'")) for word in owned} - {"kind"}

    assert kinds
    assert kinds <= set(client.kinds)


@pytest.mark.parametrize("name", ["*", "_all", "orders,logs", "-orders", "<orders-{now/d}>", "..", "orders/_doc", ""])
def test_elasticsearch_deletes_no_list_and_no_pattern(name: str) -> None:
    with pytest.raises(NotAllowed, match="may mean several indices"):
        Elasticsearch(Endpoints("elasticsearch", NOWHERE)).remove("index", name)


@pytest.mark.parametrize("name", ["", "orders\n", "a/b", "a" * 250, "ordérs"])
def test_kafka_is_asked_for_names_of_its_own_only(name: str) -> None:
    with pytest.raises(NotAllowed, match="no name of Kafka's"):
        Kafka(Endpoints("kafka", NOWHERE)).remove("topic", name)


def test_a_table_is_one_identifier(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Any] = []
    client = Postgresql(Endpoints("postgresql", NOWHERE))
    monkeypatch.setattr(client, "do", said.append)

    client.remove("table", 'a"; DROP TABLE orders; --')

    assert said[0].as_string(None) == 'DROP TABLE IF EXISTS "a""; DROP TABLE orders; --"'
    assert named("SELECT {}", "{}").as_string(None) == 'SELECT "{}"'


def test_a_constraint_is_one_identifier_whatever_cypher_unescapes() -> None:
    assert quoted("a` IF EXISTS; x") == "`a`` IF EXISTS; x`"
    with pytest.raises(NotAllowed, match="cannot be quoted"):
        quoted("a\\u0060 IF EXISTS")


def test_a_job_is_one_component_of_the_path() -> None:
    with serving({}) as script, closing(Ray(script.endpoints("ray", dashboard=script.url))) as client:
        client.remove("job", "a/../../b?c#d")

        paths = {line for line, _ in script.asked}

    assert paths == {"GET /api/jobs/a%2F..%2F..%2Fb%3Fc%23d"}


@pytest.mark.parametrize("kind", ["object", "upload"])
def test_an_object_whose_name_only_begins_so_is_another_one(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    mine, other = f"pv/{RUN}-1", f"pv/{RUN}-10"
    asked: list[tuple[str, str]] = []

    def ask(operation: str, **given: Any) -> Any:
        if operation == "list_multipart_uploads":
            return {"Uploads": [{"Key": key, "UploadId": "u"} for key in (mine, other)]}
        if operation == "list_object_versions":
            return {"Versions": [{"Key": key, "VersionId": "v"} for key in (mine, other)]}
        asked.append((operation, given["Key"]))
        return {"VersionId": "v"}

    client = S3(Endpoints("s3", NOWHERE))
    monkeypatch.setattr(client, "_ask", ask)

    client.remove(kind, mine)

    assert {key for _, key in asked} == {mine}
    assert ("delete_object", mine) in asked


@pytest.mark.parametrize(("kind", "name"), [("object", "models/1"), ("upload", ""), ("bucket", "mlflow-artifacts")])
def test_the_store_keeps_what_no_run_has_named(kind: str, name: str) -> None:
    with pytest.raises(NotAllowed):
        S3(Endpoints("s3", NOWHERE)).remove(kind, name)


EXPERIMENTS, ARTIFACTS = "/api/2.0/mlflow/experiments", "/api/2.0/mlflow-artifacts/artifacts"


@pytest.mark.parametrize(
    ("location", "removed"),
    [
        ("mlflow-artifacts:/7", "7"),
        ("mlflow-artifacts:/kept/7", "kept/7"),
        ("mlflow-artifacts:/", None),
        ("mlflow-artifacts:/5", None),
        ("mlflow-artifacts:/7/../5", None),
        ("mlflow-artifacts:/../7", None),
        ("mlflow-artifacts:/kept//7", None),
        ("s3://bucket/7", None),
    ],
)
def test_only_the_experiments_own_artifacts_go_with_it(location: str, removed: str | None) -> None:
    name = f"{RUN}-1"
    experiment = {"experiment_id": "7", "name": name, "artifact_location": location, "lifecycle_stage": "active"}
    replies = {
        f"GET {EXPERIMENTS}/get-by-name": answers({"experiment": experiment}),
        f"POST {EXPERIMENTS}/delete": answers({}),
        f"DELETE {ARTIFACTS}/{removed}": [Reply()],
    }
    with serving(replies) as script, closing(Mlflow(script.endpoints("mlflow", url=script.url))) as client:
        client.remove("experiment", name)

        asked = [line for line, _ in script.asked]

    assert [line for line in asked if line.startswith("DELETE")] == (
        [f"DELETE {ARTIFACTS}/{removed}"] if removed else []
    )
    assert f"POST {EXPERIMENTS}/delete" in asked


@pytest.mark.parametrize("client", [Mlflow, Neo4j])
def test_the_unknown_users_account_is_named_after_the_run(monkeypatch: pytest.MonkeyPatch, client: Any) -> None:
    one, before = client(Endpoints("any", NOWHERE)), client.unknown_user
    steps: list[str] = []

    @contextmanager
    def owns(_: Endpoints, kind: str, owner: Any) -> Iterator[str]:
        steps.append(f"owns a {kind}")
        yield f"{RUN}-1"
        steps.append(f"removes it, and unknown users are called {client.unknown_user}")

    monkeypatch.setattr(Endpoints, "owns", owns)
    for asked in ("_post", "ask"):
        monkeypatch.setattr(one, asked, lambda *_, **__: [], raising=False)

    with one.drill_unknown_user_has_an_account():
        steps.append(f"unknown users are called {client.unknown_user}")

    assert steps == [
        "owns a user",
        f"unknown users are called {RUN}-1",
        f"removes it, and unknown users are called {before}",
    ]
