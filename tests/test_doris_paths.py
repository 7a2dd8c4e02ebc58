"""Paths that lead through Doris: whole, and each hop broken in its turn, before an emulator of Doris.

Kafka, Superset, MLflow and S3 are stand-ins; so is Ray, whose job runs the program as it is, in a process of its own.
What only an emulator showed is not called working on Doris.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mysql_mimic")

from emulators.doris import Cluster, Refusal
from test_architecture import ROOT
from test_doris_client import doris
from test_paths import ID, LATER, LINE, STORE, Platform

from fixtures import paths
from fixtures.doris import Doris
from fixtures.kafka import Record
from fixtures.ray import End
from fixtures.superset import Connection
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import ClientError, Refused, ServerError, Wrong, ending
from gonogo.core.outcomes import Outcome
from gonogo.core.seen import seeing

TOPIC = "pv-20261201000000-abcdef-1"
RECORDS = 3


class Others:
    """Stands in for Kafka and Superset beside an emulated Doris; all is well but what a test says otherwise.

    What it deletes stands among the cluster's statements, so that a test sees the order of both.
    """

    def __init__(self, cluster: Cluster, client: Doris, **changed: Any) -> None:
        self.cluster, self.client, self.changed = cluster, client, changed
        self.endpoints = Endpoints("kafka", {"bootstrap": "kafka:9092"})

    def what(self, name: str, usual: Any) -> Any:
        given = self.changed.get(name, usual)
        if isinstance(given, Exception):
            raise given
        return given

    # Kafka

    @contextmanager
    def topic(self) -> Iterator[str]:
        yield str(self.what("topic", TOPIC))
        self.cluster.asked.append("DELETE TOPIC")

    def produce(self, topic: str, records: Sequence[Record]) -> None:
        self.what("produce", None)
        self.cluster.topics[topic] = [one.value.decode() for one in records]

    # Superset

    def named(self) -> Connection:
        usual = Connection(3, "Doris OLAP", "mysql", in_sql_lab=True, asynchronous=False)
        found: Connection = self.what("named", usual)
        return found

    def schemas(self, connection: Connection) -> list[str]:
        return list(self.what("schemas", [str(row[0]) for row in self.client.rows("SHOW DATABASES")]))

    def query(self, connection: Connection, sql: str) -> list[dict[str, Any]]:
        rows = [{"k": k, "v": v} for k, v in self.client.rows(sql)]
        return list(self.what("query", rows))


def streamed(cluster: Cluster, tmp_path: Path, **changed: Any) -> paths.Path:
    with doris(cluster, tmp_path, expect={"routine_seconds": 0.01}) as client:
        others: Any = Others(cluster, client, **changed)
        return paths.dashboard(others, client, others, RECORDS)


def refuses(begin: str, number: int = 1105) -> Callable[[Cluster], None]:
    """Doris refuses statements that begin so."""
    return lambda cluster: cluster.refusals.update({begin: Refusal(number, "no")})


def unlike(**changes: Any) -> Callable[[Cluster], None]:
    """A cluster that is otherwise."""
    return lambda cluster: [setattr(cluster, name, value) for name, value in changes.items()] and None


def well(cluster: Cluster) -> None:
    """All is well with Doris."""


DOWN = Refused("kafka", "127.0.0.1:9092")
NONE = Wrong("superset.connection_missing", "Doris OLAP", [])
OTHER = Connection(3, "Sales", "postgresql", in_sql_lab=True, asynchronous=False)
HIDDEN = Connection(3, "Doris OLAP", "doris", in_sql_lab=False, asynchronous=False)
ROWS = [{"k": n, "v": TOPIC} for n in range(1, RECORDS + 1)]
PAUSED = {"State": "PAUSED", "ReasonOfStateChanged": "ErrorReason{code=errCode = 104, msg='be 10003 broker down'}"}


@pytest.mark.parametrize(
    ("fault", "changed", "hop", "outcome", "cause", "blocked"),
    [
        (well, {"topic": DOWN}, "Kafka", "failed", "kafka.connection_refused", ["Doris", "Superset"]),
        (well, {"produce": DOWN}, "Kafka", "failed", "kafka.connection_refused", ["Doris", "Superset"]),
        (refuses("CREATE DATABASE", 1044), {}, "Doris", "broken", "doris.right_missing", ["Superset"]),
        (refuses("CREATE ROUTINE LOAD"), {}, "Doris", "failed", "doris.server_error", ["Superset"]),
        (unlike(routine_says=PAUSED), {}, "Doris", "failed", "doris.routine_load_paused", ["Superset"]),
        (
            unlike(routine_says={"Statistic": '{"loadedRows": 2}'}),
            {},
            "Doris",
            "failed",
            "doris.routine_load_stuck",
            ["Superset"],
        ),
        (unlike(kept=False), {}, "Doris", "failed", "doris.rows_lost", ["Superset"]),
        (well, {"named": NONE}, "Superset", "failed", "superset.connection_missing", []),
        (well, {"named": OTHER}, "Superset", "missing", "superset.not_configured", []),
        (well, {"named": HIDDEN}, "Superset", "failed", "superset.not_in_sql_lab", []),
        (well, {"schemas": ["information_schema"]}, "Superset", "failed", "superset.database_hidden", []),
        (
            well,
            {"query": ServerError("superset", "no", kind="connection_unreachable")},
            "Superset",
            "failed",
            "superset.connection_unreachable",
            [],
        ),
        (well, {"query": ROWS[:2]}, "Superset", "failed", "superset.rows_wrong", []),
        (well, {"query": [*ROWS, ROWS[0]]}, "Superset", "failed", "superset.rows_wrong", []),
    ],
)
def test_the_first_broken_hop_to_a_dashboard_is_named_and_those_behind_it_are_blocked(
    fault: Callable[[Cluster], None],
    changed: dict[str, Any],
    hop: str,
    outcome: str,
    cause: str,
    blocked: list[str],
    tmp_path: Path,
) -> None:
    cluster = Cluster()
    fault(cluster)

    with seeing() as seen, pytest.raises((Wrong, ClientError)) as raised:
        streamed(cluster, tmp_path, **changed)

    [(title, picture)] = seen.notes
    assert title == "path: from a topic to a dashboard"
    assert (ending(raised.value).outcome, raised.value.signature) == (Outcome(outcome), cause)
    assert f"; first broken hop: {hop}\n" in picture
    assert [name for name in paths.STREAMING if f"· {name:<18} blocked" in picture] == blocked
    assert left_of(cluster) == []


def left_of(cluster: Cluster) -> list[str]:
    """What of ours is still in Doris."""
    return [*(one for one in cluster.databases if one.startswith("pv_")), *(one["Name"] for one in cluster.routine)]


def test_records_reach_the_dashboard_and_the_routine_load_is_stopped_before_its_table_and_topic_go(
    tmp_path: Path,
) -> None:
    cluster = Cluster()

    with seeing() as seen:
        path = streamed(cluster, tmp_path)

    assert path.walked == [*paths.STREAMING]
    assert path.correlation == TOPIC
    assert all(hop.seen for hop in path.hops)
    assert seen.notes[0][1].startswith(f"correlation id {TOPIC}\n")
    gone = [one.split()[0:2] for one in cluster.asked if one.startswith(("STOP", "DROP", "DELETE TOPIC"))]
    assert gone == [["STOP", "ROUTINE"], ["DROP", "DATABASE"], ["DELETE", "TOPIC"]]
    assert left_of(cluster) == []


# -- scored rows

SCORE = (ROOT / "suites/pipelines/score.py").read_text()
LIBRARIES = {
    "ray.py": """
def init(**_): pass
def get(found): return found
def remote(**_):
    def made(task):
        task.remote = task
        return task
    return made
""",
    "mlflow/__init__.py": "import json, os\nSTORED = json.loads(os.environ['MLFLOW_STORED'])",
    "mlflow/tracking.py": """
from mlflow import STORED
class MlflowClient:
    def get_model_version_download_uri(self, name, version):
        if "MLflow" in STORED: raise PermissionError(STORED["MLflow"])
        return f"models:/{name}/{version}"
""",
    "mlflow/artifacts.py": """
from mlflow import STORED
def download_artifacts(artifact_uri, dst_path):
    if "S3" in STORED: raise OSError(STORED["S3"])
    return dst_path
""",
    "mlflow/pyfunc.py": """
from mlflow import STORED
class Model:
    def predict(self, asked): return [STORED["slope"] * x + STORED["height"] for x in asked]
def load_model(path): return Model()
""",
}
"""Stand-ins for what the program imports: a task runs where it is called, and the registry is what a test says."""


class Scoring(Platform):
    """As :class:`Platform`, with a Ray that runs the job; ``without`` is a package that its Python lacks."""

    def __init__(self, cluster: Cluster, folder: Path, *, without: str = "", **changed: Any) -> None:
        super().__init__({}, **changed)
        self.removed = cluster.asked
        self.folder, self.stored_as = folder, self.what("stored_as", LINE._asdict())
        for path, text in LIBRARIES.items():
            if not without or not path.startswith(without):
                folder.joinpath(path).parent.mkdir(exist_ok=True)
                folder.joinpath(path).write_text(text)

    @contextmanager
    def job(self, program: str, environment: Mapping[str, str]) -> Iterator[Any]:
        env = {**environment, "MLFLOW_STORED": json.dumps(self.stored_as), "PYTHONPATH": str(self.folder)}
        # -S: its Python has the packages of a test alone
        words = [sys.executable, "-S", "-c", program]
        done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
        with self.made("job", done):
            yield done

    def end(self, job: Any) -> End:
        status = self.what("end", "FAILED" if job.returncode else "SUCCEEDED")
        return End(status, "as a test says", job.returncode, job.stdout + job.stderr)


def scored(cluster: Cluster, tmp_path: Path, **changed: Any) -> paths.Path:
    with doris(cluster, tmp_path) as client:
        platform: Any = Scoring(cluster, tmp_path, **changed)
        return paths.scoring(platform, platform, platform, client, SCORE, LINE)


def unable(hop: str) -> dict[str, Any]:
    """What the job meets that is refused at this hop."""
    return {"stored_as": {**LINE._asdict(), hop: "no"}}


def answers(begin: str, rows: list[Any], columns: list[str]) -> Callable[[Cluster], None]:
    """Doris answers statements that begin so with these rows."""
    return lambda cluster: cluster.answers.update({begin: (rows, columns)})


@pytest.mark.parametrize(
    ("fault", "changed", "hop", "outcome", "cause", "blocked"),
    [
        (well, {"guest": LATER}, "MLflow", "failed", "mlflow.database_read_only", ["S3", "Ray", "Doris"]),
        (well, {"store": STORE}, "S3", "failed", "mlflow.artifact_store_refused", ["Ray", "Doris"]),
        (well, {"register": LATER}, "MLflow", "failed", "mlflow.database_read_only", ["Ray", "Doris"]),
        (refuses("CREATE TABLE"), {}, "Doris", "failed", "doris.server_error", ["Ray"]),
        (refuses("CREATE USER", 1227), {}, "Doris", "broken", "doris.right_missing", ["Ray"]),
        (well, {"job": Refused("ray", "127.0.0.1:8265")}, "Ray", "failed", "ray.connection_refused", ["Doris"]),
        (well, {"end": "RUNNING"}, "Ray", "failed", "ray.job_unfinished", ["Doris"]),
        (well, {"without": "mlflow"}, "Ray", "broken", "ray.not_askable", ["Doris"]),
        (well, {"without": "mlflow/pyfunc"}, "Ray", "failed", "ray.job_failed", ["Doris"]),
        (well, unable("MLflow"), "MLflow", "failed", "mlflow.job_refused", ["Doris"]),
        (well, unable("S3"), "S3", "failed", "mlflow.artifact_store_refused", ["Doris"]),
        (
            well,
            {"stored_as": {**LINE._asdict(), "slope": 3.1}},
            "Ray",
            "failed",
            "ray.job_result_wrong",
            ["Doris"],
        ),
        (answers("GRANT", [], []), {}, "Doris", "failed", "doris.job_refused", []),
        (unlike(loads={"Status": "Fail"}), {}, "Doris", "failed", "doris.job_refused", []),
        (unlike(loads={"NumberLoadedRows": 1}), {}, "Doris", "failed", "doris.job_refused", []),
        (unlike(led_to="login.example:443"), {}, "Doris", "failed", "doris.job_refused", []),
        (unlike(kept=False), {}, "Doris", "failed", "doris.rows_lost", []),
        (
            answers("SELECT `k`", [[1, "other 0.5"], [2, "other 6.5"]], ["k", "v"]),
            {},
            "Doris",
            "failed",
            "doris.rows_lost",
            [],
        ),
    ],
)
def test_the_first_broken_hop_to_scored_rows_is_named_and_those_behind_it_are_blocked(
    fault: Callable[[Cluster], None],
    changed: dict[str, Any],
    hop: str,
    outcome: str,
    cause: str,
    blocked: list[str],
    tmp_path: Path,
) -> None:
    cluster = Cluster()
    fault(cluster)

    with seeing() as seen, pytest.raises((Wrong, ClientError)) as raised:
        scored(cluster, tmp_path, **changed)

    [(title, picture)] = seen.notes
    assert title == "path: from the registry to scored rows"
    assert (ending(raised.value).outcome, raised.value.signature) == (Outcome(outcome), cause)
    assert f"; first broken hop: {hop}\n" in picture
    assert [name for name in paths.SCORING if f"· {name:<18} blocked" in picture] == blocked
    assert picture.count("✗") == 1
    assert (left_of(cluster), cluster.accounts) == ([], {})


def test_scored_rows_are_the_models_own_and_what_was_made_goes_backwards(tmp_path: Path) -> None:
    cluster = Cluster()

    with seeing() as seen:
        path = scored(cluster, tmp_path)

    assert path.walked == [*paths.SCORING]
    assert all(hop.seen and hop.seconds for hop in path.hops)
    assert seen.notes[0][1].startswith(f"correlation id {ID}\n")
    gone = [one.split(" IF")[0] for one in cluster.asked if one.startswith(("DROP", "job", "model", "guest"))]
    assert gone == ["job", "DROP USER", "DROP DATABASE", "model", "guest"]
    assert (left_of(cluster), cluster.accounts) == ([], {})


def test_a_job_is_told_the_addresses_that_programs_of_the_platform_know(tmp_path: Path) -> None:
    cluster = Cluster()
    with doris(cluster, tmp_path) as client, client.table() as table:
        sql = {"host": "fe", "port": 9030}
        client.endpoints = replace(client.endpoints, internal={**sql, "http": "http://fe:8030"})
        with client.guest(table) as by_frontend:
            pass
        client.endpoints = replace(
            client.endpoints, internal={**sql, "http": "http://fe:9030", "backend": "http://be:8040"}
        )
        with client.guest(table) as by_backend:
            pass

    assert by_frontend["DORIS_URL"] == "http://fe:8030"
    assert by_backend["DORIS_URL"] == "http://be:8040"
    assert f"GRANT LOAD_PRIV ON {table} TO '{by_backend['DORIS_USERNAME']}'" in cluster.asked
    assert cluster.accounts == {}
