"""What verbs print for programs: one object with a schema, the same in JSON and YAML; and a name a line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from gonogo import cli
from gonogo.commands.schemas import schemas
from tests.test_faults import Scene
from tests.test_faults import scene as scene  # the world in which every verb ends with 0

ROOT = Path(__file__).parent.parent

VERBS: dict[str, Callable[[Scene], list[str]]] = {
    "components": lambda _: ["components"],
    "plan": lambda _: ["plan"],
    "status": lambda _: ["status"],
    "doctor": lambda _: ["doctor"],
    "explain": lambda _: ["explain"],
    "explain ID": lambda _: ["explain", "store.answers"],
    "gate": lambda scene: ["gate", str(scene.results)],
    "gate --each": lambda scene: ["gate", "--each", str(scene.results)],
    "health": lambda _: ["health"],
    "health -f": lambda scene: ["health", "-f", str(scene.dump)],
    "rollback": lambda _: ["rollback", "store"],
    "sweep": lambda _: ["sweep"],
    "drill": lambda _: ["drill"],
    "drill --list": lambda _: ["drill", "--list"],
}
"""Each verb that prints rows, with its arguments."""

SCHEMAS = {"explain ID": "explain", "health -f": "health", "drill --list": "drill-list", "gate --each": "gate-each"}
NONE = {"sweep", "rollback"}
"""In that world nothing was left behind, and nothing of ours is up."""
QUIET = {*NONE, "health", "health -f", "doctor", "gate", "gate --each"}
"""There -o name names what something has to be done about, and all is well."""

Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ask(scene: Scene, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ask:
    """A verb's exit code, standard output and error."""

    def run(verb: str, *options: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gonogo", *VERBS[verb](scene), *options])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), *capfd.readouterr()

    return run


def schema(name: str) -> dict[str, Any]:
    """A published schema."""
    return json.loads((ROOT / f"reports/schemas/{name}.schema.json").read_text(encoding="utf-8"))


def test_the_published_schemas_are_those_of_the_structs() -> None:
    published = {path.name: path.read_bytes() for path in (ROOT / "reports/schemas").iterdir()}

    assert published == schemas()
    for name in published:
        jsonschema.Draft202012Validator.check_schema(schema(name.partition(".")[0]))


@pytest.mark.parametrize("verb", VERBS)
def test_what_a_verb_prints_for_programs_is_what_its_schema_says(ask: Ask, verb: str) -> None:
    name = SCHEMAS.get(verb, verb)
    validator = jsonschema.Draft202012Validator(schema(name))

    said = {form: ask(verb, "-o", form) for form in ("json", "yaml", "name", "table", "wide")}
    short = ask(verb, "--json")

    told, same = json.loads(said["json"][1]), yaml.safe_load(said["yaml"][1])
    assert {code for code, _, _ in (*said.values(), short)} == {0}
    for answer in (told, same, json.loads(short[1])):
        validator.validate(answer)
        assert answer["schema"] == f"gonogo/{name}/1"
    assert told.keys() == same.keys()
    assert len(told["rows"]) == len(same["rows"])
    assert bool(told["rows"]) is (verb not in NONE)
    assert not validator.is_valid({**told, "schema": "gonogo/other/1"})
    names = said["name"][1].splitlines()
    assert bool(names) is (verb not in QUIET)
    assert [name for name in names if not name or " " in name] == []


@pytest.mark.parametrize("verb", ["components", "plan", "drill --list", "explain", "status"])
@pytest.mark.parametrize("width", [40, 80])
def test_no_table_is_wider_than_the_terminal(ask: Ask, verb: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))

    tables = [ask(verb, "-o", form)[1].partition("\n\n")[0] for form in ("table", "wide")]

    assert [line for table in tables for line in table.splitlines() if len(line) > width] == []


def test_a_gate_names_what_is_to_be_done(ask: Ask, scene: Scene) -> None:
    code, out, _ = ask("gate", "-o", "json", "--strict", "important")

    told = json.loads(out)
    assert (code, told["decision"], told["target"]) == (0, "GO", "here")
    assert told["age_seconds"] > 0
    assert {row["gates"] for row in told["rows"] if row["level"] == "critical"} == {True}
    assert told["counts"]["critical"]["passed"] == len(told["rows"])


def test_the_health_is_beside_the_rows(ask: Ask) -> None:
    told = json.loads(ask("health", "-o", "json")[1])

    assert told["state"] == "ready"
    assert (told["health"]["strict"], told["health"]["literal"]) == (100.0, 100.0)
    assert told["health"]["formula"].startswith("1 healthy / ")
    assert told["unasked"] == []
