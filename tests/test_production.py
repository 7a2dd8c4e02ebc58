"""A target marked ``production``: nothing is disrupted, and nothing is written but what a component's table names."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from fixtures.doris import Doris, Table
from fixtures.elasticsearch import Elasticsearch
from fixtures.kafka import Kafka, Record
from fixtures.mlflow import Mlflow
from fixtures.neo4j import Neo4j
from fixtures.postgresql import Postgresql
from fixtures.s3 import S3
from gonogo.checks.journal import Budget, Journal, RunScope
from gonogo.core.endpoints import Endpoints, Timeouts
from gonogo.core.errors import ClientError, NotAllowed
from gonogo.core.outcomes import Mode
from tests.repositories import Content
from tests.test_cli import Gonogo
from tests.test_cli import gonogo_alone as gonogo_alone

NAMED = 'identity = "id-of-store"\nwrite = { thing = "pv-*" }'
OTHER = 'identity = "id-of-store"\nwrite = { thing = ["shop-*", "pv-2025*"], shelf = "pv-*" }'
NOTHING = 'identity = "id-of-store"'

Outcomes = Callable[[], dict[str, str]]


def journalled(content: Content) -> bool:
    return (content.root / ".gonogo/journal.jsonl").exists()


def test_what_no_table_names_is_not_written(gonogo_alone: Gonogo, content: Content, outcomes: Outcomes) -> None:
    content.target("production = true", NOTHING)

    said = gonogo_alone("check", "--mode", "write")

    assert said.code == 0
    assert outcomes()["store.keeps"] == "unsupported"
    assert "1 needs what may be written to be named" in said.out
    told = (content.root / "reports/out/results.json").read_text()
    assert "[components.store] of the target file names nothing that may be written" in told
    assert not journalled(content)


def test_what_a_table_names_is_written(gonogo_alone: Gonogo, content: Content, outcomes: Outcomes) -> None:
    content.target("production = true", NAMED)

    said = gonogo_alone("check", "--mode", "write")

    assert said.code == 0
    assert outcomes()["store.keeps"] == "passed"
    assert journalled(content)


@pytest.mark.parametrize("production", ["true", "false"])
def test_the_client_makes_nothing_that_is_called_otherwise(
    gonogo_alone: Gonogo, content: Content, outcomes: Outcomes, production: str
) -> None:
    content.target(f"production = {production}", OTHER)

    said = gonogo_alone("check", "--mode", "write")

    assert said.code == 3
    assert outcomes()["store.keeps"] == "broken"
    assert "[components.store] write of the target file names no thing like 'pv-" in (said.out + said.err)
    assert not journalled(content)


def test_reading_is_what_a_run_does_without_a_mode(gonogo_alone: Gonogo, content: Content, outcomes: Outcomes) -> None:
    content.target("production = true", NAMED)

    said = gonogo_alone("check")

    assert said.code == 0
    assert outcomes()["store.keeps"] == "skipped"


def test_a_run_makes_no_more_than_its_budget(gonogo_alone: Gonogo, content: Content, outcomes: Outcomes) -> None:
    suite = content.root / "suites/store/test_store.py"
    twice = 'expect([store.put("a"), store.put("a")], ["a", "a"]'
    suite.write_text(suite.read_text().replace('expect(store.put("a"), "a"', twice))
    codes = []
    for objects in (1, 2):
        path = content.target()
        path.write_text(path.read_text() + f"\n[limits]\nobjects = {objects}\n")
        said = gonogo_alone("check", "--mode", "write")
        codes.append((said.code, outcomes()["store.keeps"]))

    assert codes == [(3, "broken"), (0, "passed")]


def test_a_run_sends_no_more_than_its_budget(gonogo_alone: Gonogo, content: Content, outcomes: Outcomes) -> None:
    suite = content.root / "suites/store/test_store.py"
    suite.write_text(suite.read_text().replace('expect(store.put("a"), "a"', 'expect(store.put("a" * 9), "a" * 9'))
    codes = []
    for size in (8, 9):
        path = content.target()
        path.write_text(path.read_text() + f"\n[limits]\nbytes = {size}\n")
        said = gonogo_alone("check", "--mode", "write")
        codes.append((said.code, outcomes()["store.keeps"], "9 bytes more are above the 8" in said.out + said.err))

    assert codes == [(3, "broken", True), (0, "passed", False)]


@pytest.mark.parametrize("limit", ["objects", "bytes"])
def test_a_budget_of_nothing_is_a_mistake(gonogo_alone: Gonogo, content: Content, limit: str) -> None:
    path = content.target()
    path.write_text(path.read_text() + f"\n[limits]\n{limit} = 0\n")

    said = gonogo_alone("check")

    assert said.code == 2
    assert f"limits.{limit} must be at least 1" in said.err


@pytest.mark.parametrize("words", [("check", "--mode", "disrupt"), ("drill",)])
def test_nothing_is_disrupted(gonogo_alone: Gonogo, content: Content, words: tuple[str, ...]) -> None:
    content.target("production = true", NAMED)

    said = gonogo_alone(*words)

    assert said.code == 2
    assert "read, write" in said.err


def test_a_file_that_would_have_it_disrupted_is_refused(gonogo_alone: Gonogo, content: Content) -> None:
    path = content.target("production = true", NAMED)
    path.write_text(path.read_text().replace('"write"]', '"write", "disrupt"]'))

    said = gonogo_alone("check")

    assert said.code == 2
    assert "target.modes: nothing is disrupted in production" in said.err


@pytest.mark.parametrize(
    "write", ["true", '"*"', "{ thing = '*' }", "{ thing = [] }", "{ thing = 3 }", "{ thing = '?v-*' }"]
)
def test_what_names_everything_or_nothing_is_a_mistake(gonogo_alone: Gonogo, content: Content, write: str) -> None:
    content.target("production = true", f"write = {write}")

    said = gonogo_alone("check")

    assert said.code == 2
    assert "components.store.write" in said.err


def test_the_page_names_all_that_clients_make() -> None:
    root = Path(__file__).parent.parent
    page = " ".join((root / "docs/targets.md").read_text(encoding="utf-8").partition("Kinds: ")[2].split())
    told = {one.partition(" ")[0]: one.count("`") // 2 for one in page.partition(". `up`")[0].split("; ")}

    made = {
        name: len(client.kinds)
        for name in sorted(path.parent.name for path in root.glob("deploy/*/component.toml"))
        for client in vars(import_module(f"fixtures.{name}")).values()
        if getattr(client, "kinds", ()) and getattr(client, "__module__", "") == f"fixtures.{name}"
    }

    assert told == made


def test_a_scope_makes_what_fits_its_kind_alone(tmp_path: Path) -> None:
    class Shelf:
        def remove(self, kind: str, name: str) -> None: ...

    writable = {"topic": ("pv-*",), "group": ("mine-*",)}
    journal = Journal(tmp_path / "journal.jsonl")
    scope = RunScope("pv-20261124120000-abcdef", Mode.WRITE, "queue", journal, itertools.count(1), writable=writable)

    with scope.owns("topic", Shelf()) as made:
        pass
    for kind in ("group", "acl"):
        with pytest.raises(NotAllowed, match=f"names no {kind} like"), scope.owns(kind, Shelf()):
            pytest.fail("the body must not run")

    assert made.startswith("pv-")


SENT: dict[type[Any], Callable[[Any], object]] = {
    Elasticsearch: lambda client: client.add("index", {"1": {"text": "a"}}),
    Kafka: lambda client: client.produce("topic", [Record(b"a value")]),
    Neo4j: lambda client: client.ask("CREATE (:Node {name: $name})", name="a name"),
    Postgresql: lambda client: client.do("INSERT INTO a VALUES (%s)", [("a note",)]),
    S3: lambda client: client.put("key", b"a body"),
    Doris: lambda client: Table(client, "database", "table").insert([(1, "a")]),
    Mlflow: lambda client: client._rest.ask("POST", "/", json={"name": "a"}),
}
"""How a client sends what it is given, by its library; those that are asked over HTTP alone do it as MLflow's."""


@pytest.mark.parametrize("size", [1, 10_000])
@pytest.mark.parametrize("client", SENT)
def test_the_client_sends_nothing_above_the_budget(client: type[Any], size: int, tmp_path: Path) -> None:
    addresses = {"bootstrap": "127.0.0.1:1", "uri": "bolt://127.0.0.1:1", "host": "127.0.0.1", "port": 1}
    urls = dict.fromkeys(("url", "endpoint", "http"), "http://127.0.0.1:1")
    names = dict.fromkeys(("username", "password", "database", "bucket", "access_key", "secret_key", "region"), "any")
    name, journal, budget = client.__name__.lower(), Journal(tmp_path / "journal.jsonl"), Budget(1, size)
    scope = RunScope("pv-20261124120000-abcdef", Mode.WRITE, name, journal, itertools.count(1), budget=budget)
    ends = Endpoints(name, addresses | urls | names, timeouts=Timeouts(connect=0.2, check=0.2), scope=scope)

    with closing(client(ends)) as ours, pytest.raises(NotAllowed if size == 1 else ClientError) as raised:
        SENT[client](ours)

    assert ("[limits] bytes of the target file" in str(raised.value)) == (size == 1)
