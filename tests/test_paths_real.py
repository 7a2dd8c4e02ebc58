"""The paths that lead through Doris, with real servers on both sides of an emulator of it: where those are up.

What only an emulator showed is not called working on Doris.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mysql_mimic")

from emulators.doris import Cluster, Refusal, running
from test_superset_mysql import NAME, connected

from fixtures.doris import PROPERTIES

ROOT = Path(__file__).parent.parent
DORIS = """
[components.doris]
host = "{host}"
port = "{port}"
http = "{http}"
username = "gonogo"
password = {{ env = "DORIS_PASSWORD" }}
identity = "1143012034"
"""
SCORING = "suites/pipelines/test_ml_workflow.py::test_scored_rows_arrive_in_doris"
STREAMING = "suites/pipelines/test_streaming.py::test_records_reach_a_dashboard"


def gonogo(*words: str) -> subprocess.CompletedProcess[str]:
    """The command line."""
    command = [sys.executable, "-m", "gonogo", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def attached(*components: str, target: str = "embedded") -> str:
    """A target file for what is up. Skipped where one of them is not."""
    done = gonogo("endpoints", *components, "--target", target)
    if done.returncode != 0 or not all(f"[components.{one}]" in done.stdout for one in components):
        pytest.skip(f"not up: `gonogo up {' '.join(components)} --target {target}`")
    return done.stdout


class Topics(dict[str, list[str]]):
    """Records as the emulated backends read them: from the brokers, and as whom, that the routine load was told."""

    def __init__(self, statements: list[str]) -> None:
        super().__init__()
        self._statements = statements

    def get(self, topic: str, default: Any = None) -> Any:
        from kafka import KafkaConsumer

        (made,) = (one for one in self._statements if one.startswith("CREATE ROUTINE LOAD") and topic in one)
        told = dict(re.findall(r'"(?:property\.)?([\w.]+)" = "([^"]*)"', made))
        security = {ours: told[theirs] for ours, theirs in PROPERTIES.items() if theirs in told}
        servers = told["kafka_broker_list"].split(",")
        reading = KafkaConsumer(
            topic, bootstrap_servers=servers, auto_offset_reset="earliest", consumer_timeout_ms=3000, **security
        )
        with closing(reading):
            return [one.value.decode() for one in reading]


@pytest.fixture
def cluster() -> Cluster:
    """An emulated cluster that is well, whose backends read real topics."""
    cluster = Cluster()
    cluster.topics = Topics(cluster.asked)
    return cluster


@pytest.fixture
def at(cluster: Cluster) -> Iterator[dict[str, Any]]:
    """Where the emulated cluster is."""
    with running(cluster) as at:
        yield at


@pytest.fixture
def ask(at: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], dict[str, Any]]:
    """Asks one check of a platform, in a target file, and of the emulated Doris: what became of it."""
    monkeypatch.setenv("DORIS_PASSWORD", "right")

    def ask(check: str, platform: str) -> dict[str, Any]:
        file, out = tmp_path / "target.toml", tmp_path / "out"
        file.write_text(platform + DORIS.format(**at))
        gonogo("check", check, "--mode", "write", "--target", str(file), "--out", str(out))
        told = json.loads((out / "results.json").read_text())
        (one,) = (one for one in told["checks"] if one["nodeid"] == check)
        return dict(one)

    return ask


@pytest.mark.parametrize(
    ("loads", "outcome", "cause"),
    [({}, "passed", ""), ({"Status": "Fail", "Message": "too many filtered rows"}, "failed", "doris.job_refused")],
)
def test_a_real_job_of_ray_scores_with_a_real_registry(
    ask: Callable[[str, str], dict[str, Any]], cluster: Cluster, loads: dict[str, str], outcome: str, cause: str
) -> None:
    cluster.loads = loads

    found = ask(SCORING, attached("mlflow", "ray", "s3"))

    assert (found["outcome"], (found["cause"] or {}).get("signature", "")) == (outcome, cause), found
    assert (cluster.accounts, [one for one in cluster.databases if one.startswith("pv_")]) == ({}, [])


@pytest.mark.parametrize(
    ("refusals", "outcome", "cause"),
    [
        ({}, "passed", ""),
        # Superset writes a query of several lines; nobody else does
        ({"SELECT\n": Refusal(1142, "SELECT command denied")}, "failed", "superset.connection_failed"),
    ],
)
def test_records_of_a_real_kafka_are_shown_by_a_real_superset(
    ask: Callable[[str, str], dict[str, Any]],
    at: dict[str, Any],
    cluster: Cluster,
    refusals: dict[str, Refusal],
    outcome: str,
    cause: str,
) -> None:
    cluster.refusals = refusals
    platform = attached("kafka", "superset", target="embedded-superset")
    superset = tomllib.loads(platform)["components"]["superset"]
    platform = platform.replace(json.dumps(superset["database"]), json.dumps(NAME))

    with connected(superset, at["port"]):
        found = ask(STREAMING, platform)

    assert (found["outcome"], (found["cause"] or {}).get("signature", "")) == (outcome, cause), found
    assert [one for one in cluster.databases if one.startswith("pv_")] == []
