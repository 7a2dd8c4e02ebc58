"""Objects as their controllers write them, and what is said of each: a file per kind and state.

A file holds YAML documents. The first is ``source`` (the documentation, or "seen on a running cluster, …"),
``now`` (the time they are judged at) and ``expect``: a row per object that the file is about, or an empty list
where no object has a state. The others are the objects.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import jmespath
import pytest
import yaml

from gonogo.catalog.kinds import kinds
from gonogo.cluster.judge import JUDGES, Row, World, judge, rules
from gonogo.cluster.judge.shapes import known_as

ROOT = Path(__file__).parent.parent
FILES = sorted((Path(__file__).parent / "golden").glob("*/*.yaml"))
OF_COMPONENTS = {k: t for path in ROOT.glob("deploy/*/kinds.toml") for k, t in tomllib.loads(path.read_text()).items()}
TABLES = {kind: table for kind, table in rules.tables().items() if kind != rules.EVERY_OTHER} | OF_COMPONENTS
RULES = rules.Rules(kinds(ROOT))


@cache
def documents(path: Path) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    """What the file expects, and its objects."""
    head, *objects = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    return head, objects


def judged(path: Path) -> list[Row]:
    """The rows of the file's objects at its time."""
    head, objects = documents(path)
    now = head["now"] if isinstance(head["now"], datetime) else datetime.fromisoformat(head["now"])
    return judge(World.of(objects, now=now, rules=RULES))


def expected_states() -> Iterator[tuple[str, str]]:
    """Each kind with a state that some file expects of it."""
    for path in FILES:
        head, objects = documents(path)
        versions = {obj["kind"]: obj["apiVersion"] for obj in objects if "kind" in obj and "apiVersion" in obj}
        for row in head["expect"]:
            yield known_as(versions.get(row["kind"], ""), row["kind"]), row["state"]


STATES = set(expected_states())


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_is_said_of(path: Path) -> None:
    expected = documents(path)[0]["expect"]

    rows = judged(path)

    about = {(row["kind"], row["name"]) for row in expected}
    seen = [
        {"kind": row.kind, "name": row.name, "state": row.state.value, "reason": row.reason}
        for row in rows
        if not about or (row.kind, row.name) in about
    ]
    assert in_order(seen) == in_order({"reason": "", **row} for row in expected), rows


def in_order(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows as sets are compared."""
    return sorted(rows, key=lambda row: (row["kind"], row["name"], row["state"]))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_file_names_its_source_and_expects_whole_rows(path: Path) -> None:
    head, objects = documents(path)

    assert head.keys() == {"source", "now", "expect"}
    assert len(head["source"]) > 10
    assert objects
    assert all({"kind", "name", "state"} <= row.keys() for row in head["expect"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_whoever_is_not_well_says_why(path: Path) -> None:
    rows = [row for row in judged(path) if row.state.value in ("failed", "unknown")]

    assert [row for row in rows if not row.reason or not row.message] == []


def test_there_are_a_hundred_files() -> None:
    assert len(FILES) >= 100


@pytest.mark.parametrize("kind", [kind for kind, table in TABLES.items() if not table.get("stateless")])
def test_every_custom_kind_is_seen_in_each_of_its_states(kind: str) -> None:
    table = TABLES[kind]
    wanted = {"ready"} | {state for state in ("failed", "suspended") if state in table}

    states = {state for known, state in STATES if known == kind}

    assert wanted <= states
    assert states & {"progressing", "unknown"}


@pytest.mark.parametrize("kind", TABLES)
def test_the_rules_of_a_kind_are_whole(kind: str) -> None:
    table = TABLES[kind]
    known = {
        "suspended",
        "failed",
        "ready",
        "progressing",
        "reason",
        "message",
        "hint",
        "operator",
        "attempt",
        "spares",
        "batch",
        "source",
        "pods",
        "plural",
        "uncounted",
        "makes",
    }

    assert kind not in JUDGES
    if table.get("stateless"):
        assert table.keys() <= {"stateless", "source"}
    else:
        assert table.keys() <= known
        assert {"source", "operator", "ready", "reason", "message", "hint"} <= table.keys()
        assert table["hint"].format(namespace="x", name="y")


@pytest.mark.parametrize("kind", [*TABLES, rules.EVERY_OTHER])
@pytest.mark.parametrize(
    "status", [{"phase": 7}, {"conditions": [3]}, {"conditions": {}}, [], "x", {"observedGeneration": "1"}]
)
def test_strange_data_is_no_traceback(kind: str, status: object) -> None:
    name, _, group = kind.partition(".") if kind != rules.EVERY_OTHER else ("Thing", "", "example.com")
    meta = {"name": "x", "namespace": "y", "generation": 2, "creationTimestamp": "2026-11-25T09:59:59Z"}
    strange = {"apiVersion": f"{group}/v1", "kind": name, "metadata": meta, "spec": status, "status": status}

    rows = judge(World.of([strange], now=datetime.fromisoformat("2026-11-25T10:00:00Z"), rules=RULES))

    assert [row.state.value for row in rows if row.state.value == "ready"] == []


def test_a_rule_binds_its_negation_to_the_whole_path() -> None:
    expressions = [one for table in [*rules.tables().values(), *OF_COMPONENTS.values()] for one in _expressions(table)]

    loose = [one for one in expressions if _negates_a_part(jmespath.compile(one).parsed)]

    assert len(expressions) > 150
    assert loose == []


def _expressions(table: Mapping[str, Any]) -> Iterator[str]:
    for key in ("suspended", "failed", "ready", "progressing", "reason", "message"):
        told = table.get(key, [])
        yield from [told] if isinstance(told, str) else told


def _negates_a_part(node: Any) -> bool:
    """Whether somewhere ``!a.b`` stands, which is ``(!a).b``."""
    if not isinstance(node, dict):
        return False
    parts = node.get("children", [])
    loose = node["type"] in ("subexpression", "filter_projection", "index_expression") and parts
    return bool(loose and parts[0].get("type") == "not_expression") or any(map(_negates_a_part, parts))


# -- docs/kinds.md


def example(language: str) -> str:
    """The first fenced block of this language in docs/kinds.md."""
    text = (Path(__file__).parent.parent / "docs/kinds.md").read_text(encoding="utf-8")
    return text.partition(f"```{language}\n")[2].partition("```\n")[0]


def test_the_documentation_shows_how_to_add_a_kind(tmp_path: Path) -> None:
    (tmp_path / "deploy/mail").mkdir(parents=True)
    (tmp_path / "deploy/mail/kinds.toml").write_text(example("toml"))
    head, *objects = yaml.safe_load_all(example("yaml"))

    rows = judge(World.of(objects, now=head["now"], rules=rules.Rules(kinds(tmp_path))))

    seen = [{"kind": row.kind, "name": row.name, "state": row.state.value, "reason": row.reason} for row in rows]
    assert seen == head["expect"]
    assert rows[0].message == "2 of 3 workers ready"
    assert rows[0].hint == "kubectl -n data describe queue mail"


def test_the_documentation_tells_every_key() -> None:
    text = (Path(__file__).parent.parent / "docs/kinds.md").read_text(encoding="utf-8")
    keys = {key for table in rules.tables().values() for key in table}

    assert {key for key in keys if f"`{key}`" not in text} == set()
