"""``gonogo init`` writes a repository in which the commands that it names work, over nothing that is there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from kubeconfigs import kubeconfig
from scripted import Reply, answers, serving
from test_architecture import ROOT
from test_drafts import KAFKA, SUPERSET, SUPERSETS

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import load_target
from gonogo.commands import init
from gonogo.core import manner
from gonogo.core.errors import ConfigError


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, which is empty."""
    folder = tmp_path / "checks"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("GONOGO_HOME", str(tmp_path / "home"))
    return folder


def ran(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``gonogo`` in a folder."""
    command = [sys.executable, "-m", "gonogo", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def made(folder: Path) -> set[str]:
    """The files that a run wrote beside what was there."""
    return {
        path.format(name="staging") for path in init.FILES.values() if (folder / path.format(name="staging")).exists()
    }


def listing(*objects: object) -> list[Reply]:
    return answers({"metadata": {}, "items": list(objects)})


def cluster(*objects: Mapping[str, object]) -> dict[str, list[Reply]]:
    """The answers of an API server that holds these."""

    def of(kind: str) -> list[Reply]:
        return listing(*({k: v for k, v in one.items() if k != "kind"} for one in objects if one["kind"] == kind))

    return {
        "GET /api/v1/namespaces/kube-system": answers({"metadata": {"uid": "uid-1"}}),
        "GET /api/v1/services": of("Service"),
        "GET /api/v1/pods": of("Pod"),
        "GET /apis/apps/v1/statefulsets": of("StatefulSet"),
        "GET /apis/apps/v1/deployments": of("Deployment"),
        "GET /apis/apps/v1/daemonsets": listing(),
        "GET /apis/autoscaling/v2/horizontalpodautoscalers": listing(),
    }


def test_the_commands_that_it_names_work(repository: Path) -> None:
    done = ran(repository, "init")

    *commands, checked = re.findall(r"^  gonogo (.*)$", done.stderr, re.MULTILINE)
    assert (done.returncode, len(commands)) == (0, 2), done.stderr
    assert "no cluster to draft a target from" in done.stderr
    for command in commands:
        asked = ran(repository, *command.split())
        assert asked.returncode == 0, asked.stdout + asked.stderr
    collected = ran(repository, "check", "--target", "staging", "--collect-only", "-q")
    assert (collected.returncode, "tests collected" in collected.stdout) == (3, True)
    # a target that names no component is no GO
    assert checked == "check --target staging"
    assert ran(repository, *checked.split()).returncode == 3
    assert (repository / "reports/out/report.html").exists()


def test_each_file_says_what_it_is_and_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    init.run(tmp_path / "new" / "folder", "")

    folder = tmp_path / "new/folder"
    assert made(folder) == {path.format(name="staging") for path in init.FILES.values()}
    assert tomllib.loads((folder / "gonogo.toml").read_text()) == {"content": {"builtin": True}}
    assert Registry.load(folder).waivers == {}
    assert load_target("staging", folder, Registry.load(folder)).modes == ("read",)
    workflow = yaml.safe_load((folder / ".github/workflows/gonogo.yml").read_text())
    assert set(workflow["jobs"]) == {"check", "gate"}
    assert workflow["env"]["GONOGO_TARGET"] == "staging"


@pytest.mark.parametrize("template", ["criteria.toml", "waivers.toml", "target.toml"])
def test_what_stands_as_a_comment_loads_without_its_marks(template: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    shutil.copytree(ROOT / "reports", tmp_path / "reports", ignore=shutil.ignore_patterns("out"))
    for suite in ("shop", "pipelines"):
        (tmp_path / "suites" / suite).mkdir(parents=True)
    shown = re.sub(r"^# (?=\[|[a-z]+ = )", "", init._text(template, "staging"), flags=re.MULTILINE)
    shown = re.sub(r"^unsupported = .*", 'unsupported = { ray = "not installed here" }', shown, flags=re.MULTILINE)
    path = tmp_path / init.FILES[template].format(name="staging")
    before = path.read_text() if path.exists() else ""

    path.write_text(before + shown)

    registry = Registry.load(tmp_path)
    assert len(shown.splitlines()) > 5
    assert tomllib.loads(shown)
    target = load_target("staging" if template == "target.toml" else "embedded", tmp_path, registry)
    assert target.name in ("staging", "embedded")


def test_a_target_is_drafted_from_the_cluster(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(cluster(*KAFKA, *SUPERSET, *SUPERSETS)) as script:
        config = kubeconfig(tmp_path / "config", server=script.url, contexts=("one", "eks-two"), current="one")
        monkeypatch.setenv("KUBECONFIG", str(config))
        drafted, named = (
            ran(repository, "init"),
            ran(repository, "init", "--context", "eks-two", "--target-name", "two"),
        )

    assert (drafted.returncode, named.returncode) == (0, 0), drafted.stderr + named.stderr
    assert "asking the cluster of context one" in drafted.stderr
    assert "asked: kafka" in drafted.stderr
    target = tomllib.loads((repository / "deploy/targets/one.toml").read_text())
    assert target["components"]["kafka"]["expect"] == {"brokers": 3, "voters": 3}
    assert "named after superset" in target["target"]["unsupported"]["postgresql"]
    other = tomllib.loads((repository / "deploy/targets/two.toml").read_text())
    assert (other["target"]["name"], other["kubernetes"]["context"]) == ("two", "eks-two")
    assert "left as it is: README.md" in named.stderr
    assert [ran(repository, verb, "--target", "two").returncode for verb in ("components", "plan")] == [0, 0]
    rights = ran(repository, "rbac", "--for", "read", "--target", "one")
    assert (rights.returncode, "kind: Role" in rights.stdout) == (0, True)


def test_a_cluster_that_does_not_answer_is_said_and_a_template_written(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "config")))

    done = ran(repository, "init")

    assert done.returncode == 0
    assert "refused the connection" in done.stderr
    assert "gonogo endpoints --discover > deploy/targets/one.toml" in done.stderr
    assert tomllib.loads((repository / "deploy/targets/one.toml").read_text())["target"]["name"] == "one"


def test_nothing_that_is_there_is_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    folder = tmp_path / "repository"
    (folder / ".git").mkdir(parents=True)
    (folder / "README.md").write_text("mine")
    (folder / ".gitignore").symlink_to("elsewhere")

    init.run(folder, "")
    first = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    told = capsys.readouterr()
    init.run(folder, "")

    assert (folder / "README.md").read_text() == "mine"
    assert not (folder / ".gitignore").exists()
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == first
    assert f"left as it is: {folder / 'README.md'}" in told.err
    assert f"cd {folder}" in told.err
    assert len(told.out.split()) == len(init.FILES) - 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("context", "name", "said"),
    [
        ("three", "", "no such context: 'three'"),
        ("", "a/b", "can be no name of a target"),
        ("", "embedded", "can be no name of a target"),
        ("", "Staging", "can be no name of a target"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, context: str, name: str, said: str
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "config")))

    monkeypatch.setattr(manner, "_settled", [manner.Manner(context=context)])

    with pytest.raises(ConfigError) as refused:
        init.run(tmp_path / "new", name)

    assert said in str(refused.value)
    assert not (tmp_path / "new").exists()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match="is no folder"):
        init.run(tmp_path / "file", "")


def test_the_templates_are_packed() -> None:
    folder = Path(init.__file__).parent / "repository"

    assert {path.name.removesuffix(".tmpl") for path in folder.iterdir()} == set(init.FILES)
    assert os.access(folder / "README.md.tmpl", os.R_OK)
