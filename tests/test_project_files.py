"""Workflows, hooks and issue forms are well formed, and every command and file that they name is there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from test_architecture import ROOT
from typer.main import get_command

from gonogo import __version__, cli
from gonogo.commands import init
from gonogo.results.model import Results
from gonogo.results.seal import whole

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
VERBS = get_command(cli.app).commands  # type: ignore[attr-defined]
MADE = ("reports/out", "reports/nightly")
"""What a run makes."""

OF_PIP = {"install", "--constraint", "--editable", ".", ".[platform]", ".[dev]", "constraints.txt"}


def loaded(path: Path) -> Any:
    """A YAML file; ``on`` is a word there, as GitHub reads it."""
    return yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)


def commands(workflow: Any) -> Iterator[list[str]]:
    """The words of each command of its steps."""
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            for line in step.get("run", "").splitlines():
                for part in re.split(r"\|\||&&|;|>>?", line):
                    if words := shlex.split(part.strip(" ()"), comments=True):
                        yield words


def written_workflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    init.run(tmp_path, "")
    return tmp_path / ".github/workflows/gonogo.yml"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_names_only_commands_and_files_that_are_there(path: Path) -> None:
    found = [*commands(loaded(path))]

    assert found
    for first, *words in found:
        names = [word for word in words if re.fullmatch(r"[\w.-]+(/[\w.-]*)+|\w+\.(txt|toml)", word)]
        assert [name for name in names if not name.startswith(MADE) and not (ROOT / name).exists()] == []
        if first == "gonogo":
            assert words[0] in {*VERBS, "--help"}, words
        elif first == "pip":
            assert set(words) <= OF_PIP, words
        else:
            installed, there = {"ruff", "mypy", "pytest", "kind"}, {"python", "go", "sudo", "cat", "echo", "mkdir"}
            assert first in installed | there | {"test", "true"} or "$" in first, first


def test_the_workflow_of_a_new_repository_does_so_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written_workflow(tmp_path, monkeypatch)

    verbs = [words[1:] for words in commands(loaded(path)) if words[0] == "gonogo"]
    assert [words[0] for words in verbs] == ["check", "gate"]
    assert verbs[1] == ["gate", "reports/out/results.json", "--max-age", "24h"]


@pytest.mark.parametrize("own", [True, False], ids=["ours", "of a new repository"])
def test_a_workflow_is_one(own: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in WORKFLOWS if own else [written_workflow(tmp_path, monkeypatch)]:
        workflow = loaded(path)
        assert {"name", "on", "jobs", "permissions"} <= workflow.keys()
        assert workflow["permissions"] == {"contents": "read"}
        for job in workflow["jobs"].values():
            assert {"runs-on", "steps"} <= job.keys()
            needs = job.get("needs", [])
            assert {needs} if isinstance(needs, str) else set(needs) <= workflow["jobs"].keys()
            for step in job["steps"]:
                assert ("run" in step) != ("uses" in step), step
                assert re.fullmatch(r"actions/[a-z-]+@(v\d+|[0-9a-f]{40})", step.get("uses", "actions/x@v1"))


def test_the_tests_of_the_project_are_those_of_its_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = [" ".join(words) for words in commands(loaded(ROOT / ".github/workflows/test.yml"))]

    for block in re.findall(r"^```sh\n(python3 -m venv .*?)```$", readme, re.MULTILINE | re.DOTALL):
        assert block.rpartition(".venv/bin/")[2].strip() in found
    pythons = loaded(ROOT / ".github/workflows/test.yml")["jobs"]["servers"]["strategy"]["matrix"]["python"]
    floor = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert floor.startswith(f">={pythons[0]},<3.")
    assert int(pythons[-1].partition(".")[2]) == int(floor.rpartition(".")[2]) - 1


def test_the_stored_run_of_the_workflow_is_whole_and_no_go(tmp_path: Path) -> None:
    path = tmp_path / "results.json"

    subprocess.run([sys.executable, ROOT / "tests/stored_run.py", path], check=True)

    assert whole(msgspec.json.decode(path.read_bytes(), type=Results))
    command = [sys.executable, "-m", "gonogo", "gate", str(path)]
    assert subprocess.run(command, capture_output=True, check=False, cwd=tmp_path).returncode == 1


@pytest.mark.parametrize("path", [p for p in FORMS if p.name != "config.yml"], ids=lambda path: path.name)
def test_an_issue_form_asks_each_thing_once(path: Path) -> None:
    form = loaded(path)

    assert {"name", "description", "body"} <= form.keys()
    fields = [one for one in form["body"] if one["type"] != "markdown"]
    assert {one["type"] for one in fields} <= {"input", "textarea", "dropdown", "checkboxes"}
    assert all(one["attributes"]["label"] for one in fields)
    assert len({one["id"] for one in fields}) == len(fields) > 3
    texts = path.read_text(encoding="utf-8")
    assert [name for name in re.findall(r"[\w/]+\.md\b", texts) if not (ROOT / name).exists()] == []
    assert set(re.findall(r"`gonogo (\w+)", texts)) <= VERBS.keys()


def test_the_hooks_run_programs_that_the_project_installs() -> None:
    (repository,) = loaded(ROOT / ".pre-commit-config.yaml")["repos"]

    assert repository["repo"] == "local"
    programs = [shlex.split(hook["entry"])[0] for hook in repository["hooks"]]
    assert programs == ["ruff", "ruff", "mypy"]
    folder = Path(sys.executable).parent
    assert [name for name in programs if not (folder / name).exists() and shutil.which(name) is None] == []


def test_the_changelog_is_ready_for_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)

    version, _, when = headings[0].partition(" - ")
    assert version == __version__
    assert when == "unreleased" or date.fromisoformat(when)
