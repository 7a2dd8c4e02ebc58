"""The nightly pipelines as their files have them, and a runner of jobs: their commands, word for word, in a shell."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parent.parent
GITHUB = ROOT / ".github/workflows/nightly.yml"
GITLAB = ROOT / ".gitlab/nightly.yml"

CHECKOUT = ("deploy", "fixtures", "suites", "reports", "gonogo.toml", "constraints.txt", "pyproject.toml")
"""What of this repository the jobs use."""

Job = Mapping[str, Any]


class Said(NamedTuple):
    """How a job ended: its exit code is that of the command that failed; and all that it printed."""

    code: int
    text: str


def github() -> Job:
    """The workflow."""
    return yaml.safe_load(GITHUB.read_text(encoding="utf-8"))


def gitlab() -> Job:
    """The pipeline."""
    return yaml.safe_load(GITLAB.read_text(encoding="utf-8"))


def groups() -> list[str]:
    """The parts of the target `kind`, as the workflow names them."""
    return [*github()["jobs"]["group"]["strategy"]["matrix"]["group"]]


def programs(folder: Path) -> Path:
    """Stand-ins for what no test may run; each notes how it was called. kind needs its file, and keeps the logs."""
    noted = folder / "called"
    noted.touch()
    made = {
        **dict.fromkeys(("pip", "apt-get", "sudo"), ""),
        "python3": "mkdir -p .venv/bin && touch .venv/bin/activate",
        "go": f'[ "$1" != env ] || echo {folder}',
        "kind": 'case "$1 $3" in "create --config") test -s "$4" && mkdir -p ~/.kube && touch ~/.kube/config;;'
        ' export*) mkdir -p "$3" && echo kept > "$3/kubelet.log";; esac',
    }
    for name, does in made.items():
        path = folder / "programs" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> {noted}\n{does}\n')
        path.chmod(0o755)
    return noted


def checkout(folder: Path) -> Path:
    """What `actions/checkout` and GitLab's runner give a job."""
    for name in CHECKOUT:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("out", "nightly", "__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


class Runner:
    """A machine of its own for each job, in ``folder``: a home, programs, and what earlier jobs have kept."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.folder = folder
        self.kept = folder / "kept"
        self.called = programs(folder)
        self.summary = folder / "summary.md"
        self._path = f"{folder / 'programs'}:{python.parent}:{os.environ['PATH']}"

    def shell(self, place: Path, script: str, env: Mapping[str, str]) -> Said:
        """A script as both services run one: bash, which ends at the first command that fails."""
        (self.folder / "home").mkdir(exist_ok=True)
        given = {**os.environ, "HOME": str(self.folder / "home"), **env}
        command = ["bash", "--noprofile", "--norc", "-e", "-c", script]
        done = subprocess.run(command, cwd=place, env=given, capture_output=True, text=True, check=False, timeout=1500)
        return Said(done.returncode, done.stdout + done.stderr)

    def github(self, name: str, place: Path, matrix: Mapping[str, str] | None = None) -> Said:
        """The steps of a job; those of ``uses`` that move files are done here, the others are there already."""
        workflow, job = github(), github()["jobs"][name]
        paths, failed, said = self.folder / f"{place.name}.path", 0, ""
        paths.touch()
        env = {key: filled(value, matrix or {}) for key, value in {**workflow["env"], **job.get("env", {})}.items()}
        env |= {"GITHUB_PATH": str(paths), "GITHUB_STEP_SUMMARY": str(self.summary)}
        for step in job["steps"]:
            if not {"": not failed, "failure()": failed, "always()": True}[step.get("if", "")]:
                continue
            if "uses" in step:
                self._used(step["uses"].partition("@")[0], step.get("with", {}), place)
                continue
            env["PATH"] = ":".join([self._path, *paths.read_text().split()])
            code, text = self.shell(place, step["run"], env)
            said += text
            if code and not step.get("continue-on-error"):
                failed = failed or code
        return Said(failed, said)

    def gitlab(self, name: str, place: Path, matrix: Mapping[str, str] | None = None) -> Said:
        """The scripts of a job: two make one shell, what comes after has another."""
        job = gitlab()[name]
        env = {"PATH": self._path, **(matrix or {})}
        for key, value in job.get("variables", {}).items():
            env[key] = value.replace("$GROUP", env.get("GROUP", ""))
        code, text = self.shell(place, "\n".join([*job.get("before_script", ()), *job["script"]]), env)
        after = self.shell(
            place,
            "\n".join(job.get("after_script", ())),
            {**env, "CI_JOB_STATUS": "failed" if code else "success"},
        )
        self._keep(place / job["artifacts"]["paths"][0])
        return Said(code, text + after.text)

    def _used(self, action: str, given: Mapping[str, Any], place: Path) -> None:
        if action == "actions/upload-artifact":
            self._keep(place / given["path"])
        elif action == "actions/download-artifact":
            assert given["merge-multiple"] is True  # else one artifact alone would have no folder of its own
            shutil.copytree(self.kept, place / given["path"], dirs_exist_ok=True)
        else:
            assert action in ("actions/checkout", "actions/setup-python")

    def _keep(self, path: Path) -> None:
        if path.is_dir():
            shutil.copytree(path, self.kept, dirs_exist_ok=True)
        elif path.is_file():
            shutil.copy(path, self.kept)


def filled(value: str, matrix: Mapping[str, str]) -> str:
    """The text with what the matrix says in it."""
    for key, one in matrix.items():
        value = value.replace(f"${{{{ matrix.{key} }}}}", one)
    assert "${{" not in value
    return value
