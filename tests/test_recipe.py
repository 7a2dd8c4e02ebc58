"""Whoever follows deploy/README.md word for word has a component that is asked, complete, and seen red."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import recipe
from recipe import ROOT

from gonogo.catalog.registry import Registry

pytest.importorskip("redis", reason="the library of the example's client is a package of the extra dev")

STUB = 'argv = ["{{ python }}", "{{ deploy }}/stub_redis.py", "redis.conf"]'
"""The server's command, where a stub stands in for the package that holds the real one."""


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scratch repository: the content and its tests, and the example's files."""
    root = tmp_path_factory.mktemp("scratch") / "checkout"
    for name in ("deploy", "fixtures", "suites", "reports", "tests", "src"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "out"))
    for name in ("pyproject.toml", "conftest.py", "gonogo.toml"):
        shutil.copy(ROOT / name, root)
    recipe.follow(root)
    return root


@pytest.fixture(scope="module")
def stubbed(followed: Path) -> Path:
    """The same with a stub in place of the real server."""
    text = (followed / "deploy/redis/embedded.toml").read_text()
    before, _, rest = text.partition("[programs]")
    _, _, behind = rest.partition("[generated]")
    argv = next(line for line in behind.splitlines() if line.startswith("argv"))
    (followed / "deploy/redis/embedded.toml").write_text(f"{before}[generated]{behind.replace(argv, STUB)}")
    shutil.copy(ROOT / "tests/stub_redis.py", followed / "deploy/redis")
    with (followed / "deploy/targets/embedded.toml").open("a") as target:
        target.write("\n[limits]\ncheck = 2\n")
    return followed


def ran(root: Path, *command: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A command in the scratch repository."""
    given = {name: value for name, value in os.environ.items() if not name.startswith(("GONOGO_", "PYTEST_"))}
    if home is not None:
        given["GONOGO_HOME"] = str(home)
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=root, env=given, capture_output=True, text=True, check=False
    )


def test_every_block_of_the_example_is_a_file() -> None:
    assert set(recipe.files()) == {
        "deploy/redis/component.toml",
        "deploy/redis/embedded.toml",
        "deploy/redis/redis.conf",
        "fixtures/redis.py",
        "suites/redis/test_redis.py",
        "suites/redis/drills.toml",
        "reports/criteria.toml",
    }


def test_the_component_is_known_with_its_own_criteria_and_those_it_shares(followed: Path) -> None:
    registry = Registry.load(followed)

    own = [c.id for c in registry.criteria.values() if c.component == "redis"]
    assert own == [f"redis.{c}" for c in ("answers", "roundtrip", "account", "listens", "data_private", "data_room")]
    assert registry.components["redis"].providers == ("embedded",)


def test_its_checks_are_collected(followed: Path) -> None:
    done = ran(followed, "pytest", "suites", "--collect-only", "-q", "-k", "redis", "--target", "embedded")

    assert "6/" in done.stdout.splitlines()[-1], done.stdout
    assert "suites/inside/test_inside.py::test_runs_as_its_account[redis]" in done.stdout


def test_it_is_complete_by_the_tests_of_the_real_components(followed: Path) -> None:
    tests = ("tests/test_content.py", "tests/test_architecture.py", "tests/test_settled.py")

    whole = ran(followed, "pytest", "tests/test_content.py", "-q")
    own = ran(followed, "pytest", *tests, "-q", "-k", "redis")

    assert whole.returncode == 0, whole.stdout[-3000:]
    assert own.returncode == 0, own.stdout[-3000:]


def test_a_part_that_is_forgotten_is_named(followed: Path, tmp_path: Path) -> None:
    forgetful = tmp_path / "checkout"
    shutil.copytree(followed, forgetful)
    (forgetful / "suites/redis/drills.toml").unlink()

    done = ran(forgetful, "pytest", "tests/test_content.py", "-q", "-k", "redis or drill")

    assert done.returncode == 1
    assert "test_a_component_has_a_client_and_a_suite_and_where_it_is_deployed_drills[redis]" in done.stdout


def test_its_drills_see_their_faults_on_a_stub(stubbed: Path, tmp_path: Path) -> None:
    done = ran(stubbed, "gonogo", "drill", "redis", "--json", home=tmp_path)

    rows = json.loads(done.stdout)["rows"]
    assert {row["name"]: (row["outcome"], row["cause"]) for row in rows} == {
        "redis.killed": ("failed", "redis.connection_refused"),
        "redis.hung": ("broken", "redis.timed_out"),
        "redis.wrong-password": ("broken", "redis.credentials_refused"),
    }, done.stderr[-3000:]
    assert done.returncode == 0


def test_a_lossy_server_is_found(stubbed: Path, tmp_path: Path) -> None:
    lossy = stubbed / "deploy/redis/stub_redis.py"
    right = lossy.read_text()
    lossy.write_text(right.replace("KEPT[words[0]] = words[1]", 'KEPT[words[0]] = words[1] + b"?"'))
    try:
        done = ran(stubbed, "gonogo", "check", "suites/redis", "-q", home=tmp_path)
    finally:
        lossy.write_text(right)

    assert done.returncode == 1, done.stdout[-3000:]
    assert "redis.value_lost" in done.stdout
