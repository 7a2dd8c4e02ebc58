"""Pods of a real cluster, broken on purpose: PostgreSQL by a chart, killed and hung by drills, restarted by a check."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from cluster.charts import charts
from cluster.images import BUILD
from cluster.live import Cluster
from cluster.standing import DEPLOYED, ROOT

from gonogo.core.waiting import until

HUNG = "gonogo/hung"


def said(file: Path, *words: str) -> tuple[int, str]:
    """Exit code of a verb on the target, and what it printed; of JSON only that."""
    command = [sys.executable, "-m", "gonogo", *words, "--target", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return done.returncode, done.stdout if "--json" in words else " ".join(f"{done.stdout} {done.stderr}".split())


@pytest.fixture(scope="module")
def space() -> str:
    """A namespace that gonogo makes and removes."""
    return f"gonogo-test-{token_hex(3)}-disturb"


@pytest.fixture(scope="module")
def target(
    cluster: Cluster, kubeconfig: Path, space: str, images: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A helm target on which PostgreSQL is up."""
    if not os.environ.get(BUILD):
        pytest.skip(f"{BUILD} names no command that builds images")
    folder = tmp_path_factory.mktemp("charts") / "here"
    folder.mkdir()
    charts(folder)
    others = sorted(DEPLOYED - {"postgresql"})
    file = folder / "target.toml"
    file.write_text(
        f"""
[target]
name = "{space}"
provider = "helm"
modes = ["read", "write", "disrupt"]
capabilities = ["kubernetes"]
[target.unsupported]
{"".join(f'{one} = "not in this test"' + chr(10) for one in others)}
[kubernetes]
kubeconfig = {json.dumps(str(kubeconfig))}
identity = "{(cluster.find("Namespace", "kube-system") or {})["metadata"]["uid"]}"
namespaces = ["{space}"]
[deploy]
namespaces = {{ postgresql = "{space}" }}
[limits]
connect = 10
check = 30
[components.postgresql.helm]
folder = "postgresql"
"""
    )
    try:
        code, text = said(file, "up", "postgresql")
        assert code == 0, text
        yield file
    finally:
        code, text = said(file, "down", "--yes")
    assert (code, cluster.find("Namespace", space)) == (0, None), text


def pod(cluster: Cluster, space: str) -> dict[str, Any]:
    """PostgreSQL's."""
    return cluster.find("Pod", "postgresql-0", space) or {}


def test_drills_kill_and_hang_and_put_right_again(cluster: Cluster, target: Path, space: str) -> None:
    before = pod(cluster, space)["metadata"]["uid"]

    code, text = said(target, "drill", "postgresql.killed", "postgresql.hung", "mlflow.killed", "--json")

    rows = {row["name"]: row for row in json.loads(text)["rows"]}
    assert {name: (row["held"], row["blamed_right"], row["why"]) for name, row in rows.items()} == {
        "postgresql.killed": (True, True, ""),
        "postgresql.hung": (True, True, ""),
        "mlflow.killed": (False, False, "not in this test"),
    }
    assert code == 0
    assert pod(cluster, space)["metadata"]["uid"] != before
    assert HUNG not in pod(cluster, space)["metadata"]["labels"]


def test_a_restart_loses_nothing(cluster: Cluster, target: Path, space: str) -> None:
    before = pod(cluster, space)["metadata"]["uid"]

    _, text = said(target, "check", "suites/postgresql", "--criterion", "postgresql.restart", "--mode", "disrupt")

    assert "postgresql.restart" in text
    assert "1 passed" in text
    assert pod(cluster, space)["metadata"]["uid"] != before


@pytest.mark.parametrize("verb", [("up", "postgresql"), ("sweep", "--yes")])
def test_what_a_killed_run_left_hung_goes_on_with_the_next_command(
    verb: tuple[str, ...], cluster: Cluster, target: Path, space: str
) -> None:
    command = [sys.executable, "-m", "gonogo", "drill", "postgresql.hung", "--target", str(target)]
    drill = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
    states = "cat /proc/[0-9]*/stat | grep -c '[)] T '"
    until(lambda: HUNG in pod(cluster, space)["metadata"]["labels"], awaited="it hangs", within=60, every=0.2)
    until(lambda: cluster.run(space, "postgresql-0", "sh", "-c", f"{states} || true") != "0\n", awaited="T", within=10)
    drill.send_signal(signal.SIGKILL)
    drill.wait()

    asked = said(target, "check", "suites/postgresql", "-m", "critical")
    mended = said(target, *verb)
    again = said(target, "check", "suites/postgresql", "-m", "critical", "--mode", "read")

    assert "was stopped on purpose by pv-" in asked[1]
    assert mended[0] == 0, mended[1]
    assert HUNG not in pod(cluster, space)["metadata"]["labels"]
    assert "✓ postgresql.answers" in again[1]
