"""The verbs before an emulator of Doris: a whole run with its verdict, and every drill of it seen and blamed right."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mysql_mimic")

from emulators.doris import Cluster, running

ROOT = Path(__file__).parent.parent
TARGET = """
[target]
name = "emulated"
provider = "existing"
modes = ["read", "write", "disrupt"]

[components.doris]
host = "{host}"
port = "{port}"
http = "{http}"
username = "gonogo"
password = {{ env = "DORIS_PASSWORD" }}
identity = "1143012034"

[components.doris.expect]
tablets_seconds = 1
"""


@pytest.fixture
def cluster() -> Cluster:
    """A cluster that is well."""
    return Cluster()


@pytest.fixture
def gonogo(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The command line, with a target file for the emulated cluster."""
    monkeypatch.setenv("DORIS_PASSWORD", "right")
    file = tmp_path / "emulated.toml"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gonogo", *words, "--target", str(file)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)

    with running(cluster) as at:
        file.write_text(TARGET.format(**at))
        yield run


def test_every_drill_is_seen_and_blamed_right(gonogo: Any) -> None:
    done = gonogo("drill", "doris", "--json")

    rows = json.loads(done.stdout)["rows"]
    assert {row["name"]: row["seen"] and row["blamed_right"] for row in rows} == dict.fromkeys(
        (row["name"] for row in rows), True
    )
    assert len(rows) == 7
    assert done.returncode == 0


def test_a_run_in_mode_write_passes_and_leaves_nothing(gonogo: Any, cluster: Cluster, tmp_path: Path) -> None:
    done = gonogo("check", "suites/doris", "--mode", "write", "--out", str(tmp_path / "out"))

    results = json.loads((tmp_path / "out/results.json").read_text())
    outcomes = {one["id"]: one["outcome"] for one in results["criteria"] if one["id"].startswith("doris.")}
    for one in ("doris.storage", "doris.routine_load"):  # without a cluster, without Kafka
        assert outcomes.pop(one) == "unsupported"
    assert outcomes == dict.fromkeys(outcomes, "passed")
    assert len(outcomes) == 14
    assert done.returncode == 3  # of a part of the criteria there is no verdict
    assert not any(one.startswith("pv_") for one in cluster.databases)
