"""Pipelines, which nobody can run here: their files are what GitHub and GitLab take, and agree with what they name."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Target, load_target
from tests.nightly import GITHUB, GITLAB, ROOT, github, gitlab, groups

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"


def misfits(schema: str, path: Path) -> str:
    """What check-jsonschema has against a file; empty where it fits."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout + done.stderr if done.returncode else ""


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_fits_the_schema_of_github(path: Path) -> None:
    assert misfits("vendor.github-workflows", path) == ""


def test_the_pipeline_fits_the_schema_of_gitlab() -> None:
    assert misfits("vendor.gitlab-ci", GITLAB) == ""


@pytest.mark.parametrize(
    ("schema", "path", "old", "new"),
    [
        ("vendor.github-workflows", GITHUB, "runs-on:", "run-on:"),
        ("vendor.github-workflows", GITHUB, "timeout-minutes: 10", "timeout: 10"),
        ("vendor.gitlab-ci", GITLAB, "  parallel:\n    matrix:", "  parallel:\n    matrices:"),
        ("vendor.gitlab-ci", GITLAB, "when: always", "when: ever"),
    ],
)
def test_a_mistake_fits_no_schema(schema: str, path: Path, old: str, new: str, tmp_path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text

    (tmp_path / path.name).write_text(text.replace(old, new), encoding="utf-8")

    assert misfits(schema, tmp_path / path.name) != ""


@pytest.fixture(scope="module")
def actionlint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The linter of workflows, which is a program of Go."""
    if found := shutil.which("actionlint"):
        return Path(found)
    if not (go := shutil.which("go")):
        pytest.skip("Go is not here, which actionlint is compiled with")
    folder = tmp_path_factory.mktemp("go")
    environment = {**os.environ, "GOBIN": str(folder)}
    done = subprocess.run([go, "install", ACTIONLINT], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"actionlint cannot be had: {done.stderr.splitlines()[-1]}")
    return folder / "actionlint"


def test_the_linter_has_nothing_against_the_workflows(actionlint: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(GITHUB.read_text(encoding="utf-8").replace("matrix.group", "matrix.grp"), encoding="utf-8")

    said = {
        path: subprocess.run([actionlint, path], cwd=ROOT, capture_output=True, text=True, check=False)
        for path in (*WORKFLOWS, wrong)
    }

    assert [said[path].stdout for path in WORKFLOWS if said[path].returncode] == []
    assert 'property "grp" is not defined' in said[wrong].stdout


def test_the_nightly_takes_actions_by_commit_and_programs_by_version() -> None:
    jobs = github()["jobs"].values()
    uses = [step["uses"] for job in jobs for step in job["steps"] if "uses" in step]
    lines = re.findall(r"uses: (.*)", GITHUB.read_text(encoding="utf-8"))

    assert [one for one in uses if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", one)] == []
    assert [line for line in lines if not re.search(r" # v\d+\.\d+\.\d+$", line)] == []
    assert github()["permissions"] == {"contents": "read"}
    assert {key: gitlab()["nightly"]["variables"][key] for key in ("KIND", "HELM")} == github()["env"]
    assert all(re.fullmatch(r"v\d+\.\d+\.\d+", version) for version in github()["env"].values())


def test_both_pipelines_ask_the_same() -> None:
    asked = {
        "GitHub": [line for job in github()["jobs"].values() for s in job["steps"] for line in lines(s.get("run", ""))],
        "GitLab": [
            line
            for job in ("nightly", "nightly-verdict")
            for part in ("before_script", "script", "after_script")
            for script in gitlab()[job].get(part, ())
            for line in lines(script)
        ],
    }
    matrices = github()["jobs"]["group"]["strategy"]["matrix"]["group"], gitlab()["nightly"]["parallel"]["matrix"]
    verdicts = f"reports/nightly/{{{','.join(groups())}}}/results.json"

    assert asked["GitHub"] == asked["GitLab"]
    assert [line.split()[1] for line in asked["GitHub"]] == ["plan", "check", "down", "health", "report", "gate"]
    assert [line.split()[3] for line in asked["GitHub"][-2:]] == [verdicts] * 2
    assert matrices == (groups(), [{"GROUP": groups()}])


def lines(script: str) -> list[str]:
    """What gonogo is called with, without what a service does with its output and its code."""
    found = re.findall(r"^\s*(gonogo .*)$", script, re.MULTILINE)
    return [re.sub(r" (>> .*|--markdown \S+|\|\| true)(?= |$)", "", one).removesuffix(" || true") for one in found]


# -- the groups


REGISTRY = Registry.load(ROOT)
WHOLE = load_target("kind", ROOT, REGISTRY)
LEFT_OUT = WHOLE.unsupported.keys() & REGISTRY.components.keys()
"""What was never installed, so that no target of ours deploys it."""
DEPLOYED = {name for name, one in REGISTRY.components.items() if "helm" in one.providers} - LEFT_OUT


def parts() -> dict[str, Target]:
    """The targets of the groups by their names."""
    return {group: load_target(f"kind-{group}", ROOT, REGISTRY) for group in groups()}


def held(target: Target) -> set[str]:
    """The components that a target deploys."""
    return DEPLOYED - target.unsupported.keys()


def test_together_the_groups_are_the_target_kind() -> None:
    assert {name for one in parts().values() for name in held(one)} == held(WHOLE) == DEPLOYED
    files = {path.stem for path in (ROOT / "deploy/targets").glob("kind-*.toml")}
    assert files == {f"kind-{group}" for group in groups()}


@pytest.mark.parametrize("group", groups())
def test_a_group_is_the_target_kind_but_for_what_it_leaves_out(group: str) -> None:
    part = parts()[group]
    here = held(part)
    elsewhere = {name: f"kind-{other}" for other, one in parts().items() for name in held(one)}
    ours = {*here, *LEFT_OUT, *(["pipelines"] if {"ray", "mlflow"} <= here else [])}  # paths across both
    unsupported = {key: why for key, why in WHOLE.unsupported.items() if key.partition(".")[0] in ours}

    assert part.name == f"kind-{group}"
    assert {need for name in here for need in REGISTRY.components[name].needs} <= here
    assert {key: why for key, why in part.unsupported.items() if key not in DEPLOYED} == unsupported
    assert all(elsewhere[name] in part.unsupported[name] for name in DEPLOYED - here)
    assert part.components == {name: table for name, table in WHOLE.components.items() if name in here}
    for same in ("provider", "modes", "capabilities", "profile", "timeouts", "deploy", "checklist"):
        assert getattr(part, same) == getattr(WHOLE, same), same
    assert part.kubernetes is not None
    assert WHOLE.kubernetes is not None
    assert part.kubernetes.context == WHOLE.kubernetes.context
    assert {*part.kubernetes.namespaces} == {namespace_of(name) for name in here}


def namespace_of(component: str) -> str:
    """Where its helm.toml puts it."""
    return str(tomllib.loads((ROOT / "deploy" / component / "helm.toml").read_text(encoding="utf-8"))["namespace"])


def test_the_cluster_is_the_one_that_the_targets_name() -> None:
    cluster = yaml.safe_load((ROOT / "deploy/kind/cluster.yaml").read_text(encoding="utf-8"))

    assert (cluster["apiVersion"], cluster["kind"]) == ("kind.x-k8s.io/v1alpha4", "Cluster")
    assert [node["role"] for node in cluster["nodes"]] == ["control-plane"]
    assert WHOLE.kubernetes is not None
    assert WHOLE.kubernetes.context == f"kind-{cluster.get('name', 'kind')}"
