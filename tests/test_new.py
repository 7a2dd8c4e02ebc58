"""``gonogo new component`` writes files that load, are collected, and are never green before they ask a server."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import recipe
from recipe import ROOT

from gonogo.catalog.registry import Registry
from gonogo.checks.clients import VERBS
from gonogo.commands import new
from gonogo.core.errors import ConfigError
from gonogo.providers.embedded import spec


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scratch repository: the content and its tests."""
    for name in ("deploy", "fixtures", "suites", "reports", "tests", "src"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "out"))
    for name in ("pyproject.toml", "conftest.py", "gonogo.toml"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ran(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command in the scratch repository."""
    return subprocess.run([sys.executable, "-m", *command], cwd=root, capture_output=True, text=True, check=False)


def shape(text: str) -> set[str]:
    """The dotted keys of a TOML file."""

    def keys(value: Any, path: str) -> set[str]:
        inner = (
            value.items() if isinstance(value, dict) else [("", v) for v in value] if isinstance(value, list) else ()
        )
        return {path} | {one for key, part in inner for one in keys(part, f"{path}.{key}")}

    return keys(tomllib.loads(text), "")


def names(text: str) -> set[str]:
    """The functions and methods of a module, and what it imports."""
    nodes = [*ast.walk(ast.parse(text))]
    imported = {f"{n.module}.{a.name}" for n in nodes if isinstance(n, ast.ImportFrom) for a in n.names}
    return imported | {n.name for n in nodes if isinstance(n, ast.FunctionDef)}


def test_the_files_are_those_of_the_recipe_in_the_same_shape(checkout: Path) -> None:
    criteria = checkout / "reports/criteria.toml"
    before = criteria.read_text()
    new.run("redis", "", servers=True)

    for path, filled_in in recipe.files().items():
        written = (checkout / path).read_text().removeprefix(before if path == recipe.CRITERIA else "")
        if path.endswith(".toml"):
            assert shape(written) <= shape(filled_in), path
        elif path.startswith("fixtures"):
            assert names(written) <= names(filled_in) | {"typing.Any"}
    written_paths = {path.format(name="redis") for path in new.FILES.values()}
    assert written_paths == set(recipe.files())


def test_they_load_and_lack_only_the_lines_of_the_plan(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert new.run("ice_box", "Ice box", servers=True) == 0

    registry = Registry.load(checkout)
    told = capsys.readouterr()
    assert told.out.split() == [path.format(name="ice_box") for path in new.FILES.values()]
    assert "fixtures/ice_box.py: the client" in told.err
    assert registry.components["ice_box"].title == "Ice box"
    assert len([c for c in registry.criteria.values() if c.component == "ice_box"]) == 6
    assert spec.load(checkout / "deploy/ice_box").nodes[0].name == "ice_box"
    done = ran(checkout, "pytest", "tests/test_content.py", "-q", "-x")
    assert "1 failed" in ran(checkout, "pytest", "tests/test_content.py", "-q").stdout
    assert "test_every_criterion_says_where_it_comes_from" in done.stdout
    checks = ran(checkout, "ruff", "check", "fixtures/ice_box.py", "suites/ice_box")
    formatted = ran(checkout, "ruff", "format", "--check", "fixtures/ice_box.py", "suites/ice_box")
    assert (checks.returncode, formatted.returncode) == (0, 0), checks.stdout + formatted.stdout


def test_what_is_not_filled_in_is_broken_and_never_green(checkout: Path) -> None:
    new.run("ice_box", "", servers=False)
    (checkout / "deploy/targets/there.toml").write_text(
        '[target]\nname = "there"\nprovider = "existing"\nmodes = ["read", "write"]\n'
        '[components.ice_box]\nhost = "127.0.0.1"\nport = 9\npassword = { env = "PATH" }\n'
    )

    done = ran(checkout, "gonogo", "check", "suites/ice_box", "--target", "there", "--out", "out")

    results = json.loads((checkout / "out/results.json").read_text())
    outcomes = {
        c["id"]: c["outcome"] for c in results["criteria"] if c["id"] in ("ice_box.answers", "ice_box.roundtrip")
    }
    assert done.returncode == 3
    assert outcomes == {"ice_box.answers": "broken", "ice_box.roundtrip": "skipped"}
    assert "cannot ask PING yet" in done.stdout + done.stderr


def test_without_servers_there_is_nothing_to_start(checkout: Path) -> None:
    new.run("ice_box", "", servers=False)

    assert Registry.load(checkout).components["ice_box"].providers == ()
    assert not (checkout / "suites/ice_box/drills.toml").exists()
    done = ran(checkout, "pytest", "tests/test_content.py", "-q")
    assert "3 failed" in done.stdout
    assert "other_components_is_turned_red_on_a_running_cluster" in done.stdout
    assert "test_every_criterion_has_a_drill_or_a_reason" in done.stdout


def test_the_client_has_the_verbs_of_every_client(checkout: Path) -> None:
    new.run("ice_box", "", servers=True)

    assert {*VERBS} <= names((checkout / "fixtures/ice_box.py").read_text())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("kafka", "deploy/kafka: is there already"),
        ("paths", "fixtures/paths.py: is there already"),
        ("pipelines", "suites/pipelines: is there already"),
        ("inside", "it is taken"),
        ("targets", "it is taken"),
        ("class", "it is taken"),
        ("Redis", "is no name of a component"),
        ("my-redis", "is no name of a component"),
        ("../redis", "is no name of a component"),
        ("1redis", "is no name of a component"),
        ("", "is no name of a component"),
    ],
)
def test_a_name_that_cannot_be_is_refused_and_nothing_is_written(checkout: Path, name: str, said: str) -> None:
    before = {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()}

    with pytest.raises(ConfigError) as refused:
        new.run(name, "", servers=True)

    assert said in str(refused.value)
    assert {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()} == before


def test_a_second_time_it_is_refused(checkout: Path) -> None:
    new.run("ice_box", "", servers=True)

    with pytest.raises(ConfigError, match=r"reports/criteria.toml: ice_box.answers: is there already"):
        new.run("ice_box", "", servers=True)


def test_the_verb_teaches(checkout: Path) -> None:
    told = ran(checkout, "gonogo", "new", "component", "--help")
    refused = ran(checkout, "gonogo", "new", "component", "kafka")

    assert "deploy/README.md" in told.stdout
    assert "Example: gonogo new component redis" in told.stdout
    assert (refused.returncode, ran(checkout, "gonogo", "new", "component", "ice_box").returncode) == (2, 0)
