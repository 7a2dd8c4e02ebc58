"""Mode ``read`` is counted on the wire: every system is asked, and is sent nothing that changes anything.

Between gonogo and each system stands a relay (``tests/counted.py``) that reads the system's protocol. Each count is
seen red: in mode ``write`` the same relay counts what changes something. Real servers are asked where they are up. The
other systems are emulators and an API server in memory: they show what gonogo sends, and nothing of the real ones.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

pytest.importorskip("mysql_mimic")

import test_argocd_client as argocd
import test_istio_client as istio
import test_katib_client as katib
import test_kfp_client as kfp
import test_notebooks_client as notebooks
import test_platform_client as platform
import test_preflight as preflight
from api_server import LEASES, Cluster, cluster
from counted import (
    SHELL_WRITES,
    UNREAD,
    Counter,
    Protocol,
    bolt,
    changes,
    cypher_writes,
    doris,
    http,
    kafka,
    postgresql,
    relayed,
    sql_writes,
)
from emulators.datahub import TOKEN, emulated
from emulators.doris import Cluster as Doris
from emulators.doris import running
from emulators.kfp import serving
from kubeconfigs import kubeconfig
from test_inside_pods import POD

from gonogo.checks.inside import Inside
from gonogo.cluster.inside import InsidePods

ROOT = Path(__file__).parent.parent


class Ran(NamedTuple):
    """A run in this mode: each criterion's outcome, what was counted, and what was printed."""

    mode: str
    outcomes: Mapping[str, str]
    counter: Counter
    printed: str


class Between:
    """Relays, as long as the stack is open."""

    def __init__(self, stack: ExitStack) -> None:
        self.counter, self._stack = Counter(), stack

    def port(self, protocol: Protocol, host: str = "", port: int = 0) -> int:
        """A port that leads there."""
        return self._stack.enter_context(relayed(self.counter, protocol, host, port))

    def url(self, url: str, protocol: Protocol) -> str:
        """An address that leads there."""
        there = urlsplit(url)
        return f"{there.scheme}://127.0.0.1:{self.port(protocol, str(there.hostname), int(there.port or 0))}"


def gonogo(*words: str) -> subprocess.CompletedProcess[str]:
    """As anybody runs it."""
    return subprocess.run(
        [sys.executable, "-m", "gonogo", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )


def checked(target: Path, mode: str, counter: Counter, changing: Mapping[str, str]) -> Ran:
    """``gonogo check``: all suites in mode read, the criteria that change something in mode write."""
    words = [word for id in changing.values() for word in ("--criterion", id)] if mode == "write" else []
    done = gonogo("check", "--target", str(target), "--out", str(target.parent), "--mode", mode, *words)
    results = target.parent / "results.json"
    assert results.is_file(), done.stdout + done.stderr
    told = json.loads(results.read_text(encoding="utf-8"))
    outcomes = {id: check["outcome"] for check in told["checks"] for id in check["criteria"]}
    return Ran(mode, outcomes, counter, done.stdout + done.stderr)


def asked_in_truth(ran: Ran, component: str) -> None:
    """No check was kept from asking, and every request was read: the count is of all that the mode asks."""
    assert ran.counter.writes(UNREAD) == []
    of_it = {id: outcome for id, outcome in ran.outcomes.items() if id.partition(".")[0] == component}
    assert "passed" in of_it.values(), ran.printed
    assert "blocked" not in of_it.values(), ran.printed


# -- real servers, where they are up


REAL = {
    "elasticsearch": "elasticsearch.roundtrip",
    "kafka": "kafka.roundtrip",
    "neo4j": "neo4j.roundtrip",
    "postgresql": "postgresql.roundtrip",
    "s3": "s3.roundtrip",
    "mlflow": "mlflow.run",
    "ray": "ray.job",
    "superset": "superset.dataset",
}
"""Systems that stand on one machine, and a criterion of each that only mode write asks."""


@pytest.fixture(scope="module")
def up() -> str:
    """A target file that attaches to what is up. Skipped where nothing is."""
    done = gonogo("endpoints", "--target", "embedded-superset")
    if "[components." not in done.stdout:
        pytest.skip("no server is up: `gonogo up`, then `gonogo up superset --target embedded-superset`")
    return done.stdout


def through(text: str, between: Between) -> str:
    """The same file, with a relay before every system."""
    told = tomllib.loads(text)["components"]
    protocols = {name: http(name) for name in ("elasticsearch", "s3", "ray", "superset")} | {"neo4j": bolt}
    keys = {
        "elasticsearch": "url",
        "s3": "endpoint",
        "mlflow": "url",
        "ray": "dashboard",
        "superset": "url",
        "neo4j": "uri",
    }
    for name, key in keys.items():
        if name in told:
            url = told[name][key]
            known = protocols.get(name) or http(name, host=urlsplit(url).netloc)  # MLflow answers to a name it knows
            text = text.replace(f'"{url}"', f'"{between.url(url, known)}"')
    if there := told.get("postgresql"):
        port = between.port(postgresql, there["host"], int(there["port"]))
        text = text.replace(f'port = "{there["port"]}"', f'port = "{port}"')
    # so every broker that is advertised is asked through the relay
    return text.replace("[components.kafka]", f'[components.kafka]\nproxy = "socks5://127.0.0.1:{between.port(kafka)}"')


@pytest.fixture(scope="module", params=["read", "write"])
def of_real_ones(request: pytest.FixtureRequest, up: str, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """What real servers were asked."""
    target = tmp_path_factory.mktemp("real") / "target.toml"
    with ExitStack() as stack:
        between = Between(stack)
        target.write_text(through(up, between), encoding="utf-8")
        return checked(target, request.param, between.counter, REAL)


@pytest.mark.parametrize("system", REAL)
def test_a_real_server_is_only_read(of_real_ones: Ran, system: str, up: str) -> None:
    if f"[components.{system}]" not in up:
        pytest.skip(f"{system} is not up")
    counted = of_real_ones.counter

    asked_in_truth(of_real_ones, system)
    assert counted.reads(system), "a count of nothing proves nothing"
    assert bool(counted.writes(system)) == (of_real_ones.mode == "write"), counted.writes(system)


# -- emulators, and an API server in memory


KINDS = (
    *(argocd.APPLICATION, argocd.PROJECT, argocd.SET, argocd.RAY, istio.AUTHENTICATION, notebooks.NOTEBOOK, LEASES),
    *(katib.EXPERIMENT, katib.TRIAL, katib.SUGGESTION, kfp.WORKFLOW, preflight.VELERO, preflight.PLACES),
)


def filled(held: Cluster) -> None:
    """A cluster on which everything runs that gonogo asks about."""
    preflight.filled(held)
    for space in ("argocd", "istio-system", "kubeflow"):
        held.put("Namespace", "", space)
    argocd.workload(held, "StatefulSet", "application-controller")
    for part in ("repo-server", "server", "redis", "applicationset-controller"):
        argocd.workload(held, "Deployment", part)
    held.put(argocd.APPLICATION, "argocd", "web", **argocd.healthy())
    argocd.deployment(held)
    istio.namespace(held, "doris", **{"istio-injection": "enabled"})
    istio.pod(held, "fe-0", minutes=5)
    hook = {"name": "sidecar", "clientConfig": {"service": {"namespace": "istio-system", "name": "istiod"}}}
    held.put("MutatingWebhookConfiguration", "", "istio-sidecar-injector", webhooks=[hook])
    istio.istiod(held)
    held.put("Namespace", "", "team", labels={katib.INJECTION: "enabled"})
    for part in ("controller", "db-manager", "mysql"):
        katib.workload(held, part)
    katib.experiment(held, **katib.SUCCEEDED)
    katib.Webhooks(held)
    for part in kfp.PARTS:
        kfp.workload(held, part)
    notebooks.controller_ready(held, 1)
    held.put("Pod", "data", "asker", labels={"app": "asker"}, **platform.POD)


TARGET = """
[target]
name = "counted"
provider = "existing"
modes = ["read", "write"]
capabilities = ["kubernetes", "exec"]
[kubernetes]
kubeconfig = "{kubeconfig}"
identity = "{identity}"
namespaces = ["data", "doris", "team", "kubeflow"]
[limits]
check = 20
[checklist]
health = 80
[components.argocd]
namespace = "argocd"
[components.istio]
namespace = "istio-system"
[components.istio.expect]
injected = ["doris"]
[components.katib]
namespace = "kubeflow"
experiments = "team"
[components.katib.expect]
tuning = 1
[components.notebooks]
namespace = "kubeflow"
notebooks = "team"
[components.notebooks.expect]
starting = 1
[components.platform]
inside = "data/app=asker"
[components.platform.expect]
urls = [{{ name = "web", url = "{web}", inside = "{web}", shows = "<title>DataHub</title>" }}]
reach = [{{ consumer = "data/app=asker", providers = ["data/db:5432"] }}]
storage_gib = 1
[components.kfp]
url = "{kfp}"
system = "kubeflow"
[components.doris]
host = "127.0.0.1"
port = {doris}
http = "{doris_http}"
username = "gonogo"
password = {{ file = "right" }}
[components.datahub]
url = "{gms}"
frontend = "{frontend}"
token = {{ file = "token" }}
"""

ELSEWHERE = {
    "argocd": ("kubernetes", "/namespaces/argocd/applications"),
    "istio": ("kubernetes", "/namespaces/istio-system/deployments"),
    "katib": ("kubernetes", "/experiments"),
    "notebooks": ("kubernetes", "/notebooks"),
    "health": ("kubernetes", "/namespaces/data/pods"),
    "checklist": ("checklist", "/storageclasses"),
    "platform": ("platform", "/"),
    "datahub": ("datahub", "/api/graphql"),
    "doris": ("doris", "SHOW BACKENDS"),
    "kfp": ("kfp", "/apis/v2beta1/healthz"),
}
"""Systems that no registry has, or that are a cluster's: what counts what each is asked, and a word of that."""

CHANGING = {
    "katib": "katib.tuning",
    "notebooks": "notebooks.serves",
    "datahub": "datahub.dataset",
    "doris": "doris.roundtrip",
    "kfp": "kfp.upload",
}
"""A criterion of each that only mode write asks. Of the others there is none that asks without a plan."""


@pytest.fixture(scope="module", params=["read", "write"])
def of_the_others(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """What emulators and an API server in memory were asked."""
    folder = tmp_path_factory.mktemp("emulated")
    (folder / "right").write_text("right")
    (folder / "token").write_text(TOKEN)
    target = folder / "target.toml"
    with ExitStack() as stack:
        between = Between(stack)
        held = stack.enter_context(cluster(*KINDS))
        filled(held)
        fe = stack.enter_context(running(Doris()))
        gms = stack.enter_context(emulated())
        places = {
            "identity": held.get("Namespace", "", "kube-system")["metadata"]["uid"],
            "kubeconfig": kubeconfig(folder / "config", server=between.url(held.url, http("kubernetes"))),
            "web": between.url(gms.frontend, http("platform")),
            "kfp": between.url(stack.enter_context(serving()).url, http("kfp")),
            "doris": between.port(doris, fe["host"], fe["port"]),
            "doris_http": between.url(fe["http"], http("doris")),
            "gms": between.url(gms.url, http("datahub")),
            "frontend": between.url(gms.frontend, http("datahub")),
        }
        target.write_text(TARGET.format(**places), encoding="utf-8")
        ran = checked(target, request.param, between.counter, CHANGING)
        if ran.mode == "write":
            return ran
        config = kubeconfig(folder / "other", server=between.url(held.url, http("checklist")))
        words = ("--target", str(target), "--kubeconfig", str(config), "--out", str(folder / "preflight"), "-o", "json")
        lines = json.loads(gonogo("preflight", *words).stdout)["rows"]
        return ran._replace(outcomes={**ran.outcomes, **{row["line"]: row["outcome"] for row in lines}})


@pytest.mark.parametrize("component", ELSEWHERE)
def test_a_system_is_only_read(of_the_others: Ran, component: str) -> None:
    system, word = ELSEWHERE[component]
    counted = of_the_others.counter

    if component == "platform":  # what it asks pods goes through the API server
        assert [one for one in counted.reads("kubernetes") if "/exec?" in one] or of_the_others.mode == "write"
    if of_the_others.mode == "read":
        asked_in_truth(of_the_others, component)
        assert [one for one in counted.reads(system) if word in one], "a count of nothing proves nothing"
        assert counted.writes(system) == []
    elif component in CHANGING:
        assert counted.writes(system)


# -- inside servers


TABLES = "sl local\n0: 00000000:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000 70 0 11\n"


@pytest.mark.parametrize("kind", [Inside, InsidePods])
def test_commands_in_a_server_only_read(kind: type[Inside]) -> None:
    said = {"ls": "socket:[11]", "cat": TABLES, "df": "Use% Mounted\n1% /data\n", "for": "70\n"}
    commands: list[str] = []

    def run(command: str) -> SimpleNamespace:
        commands.append(command)
        return SimpleNamespace(rc=0, stdout=said[command.split()[0]], stderr="")

    host = SimpleNamespace(run=run)
    server = replace(POD, pid=1, data="/data", claims=("/data",))
    inside = kind("store", (server,), host if kind is Inside else lambda _: host)
    for ask in (inside.listening, inside.silent, inside.exposed, inside.fullest):
        ask()
    if kind is InsidePods:
        inside.users()

    assert {command.split()[0] for command in commands} > {"cat", "df"}
    assert [command for command in commands if SHELL_WRITES.search(command)] == []


# -- what counts as what


@pytest.mark.parametrize(
    ("system", "method", "target", "body", "expected"),
    [
        ("elasticsearch", "GET", "/_cluster/health", b"", False),
        ("elasticsearch", "POST", "/a,b/_search?preference=_local", b"{}", False),
        ("elasticsearch", "POST", "/a/_doc", b"{}", True),
        ("elasticsearch", "POST", "/_bulk", b"", True),
        ("elasticsearch", "PUT", "/a", b"", True),
        ("elasticsearch", "POST", "/a/_delete_by_query?_search", b"", True),
        ("mlflow", "POST", "/api/2.0/mlflow/experiments/search", b"{}", False),
        ("mlflow", "POST", "/api/2.0/mlflow/experiments/create", b"{}", True),
        ("s3", "PUT", "/bucket/key?uploadId=none&partNumber=1", b"", True),
        ("s3", "POST", "/bucket/key?uploads", b"", True),
        ("ray", "POST", "/api/jobs/", b"{}", True),
        ("superset", "POST", "/api/v1/security/login", b"{}", False),
        ("superset", "POST", "/api/v1/database/test_connection/", b"{}", False),
        ("superset", "POST", "/api/v1/database/", b"{}", True),
        ("superset", "POST", "/api/v1/sqllab/execute/", b"{}", True),  # it leaves a line in the history
        ("datahub", "POST", "/api/graphql", b'{"query": "query { me { corpUser { urn } } }"}', False),
        ("datahub", "POST", "/api/graphql", b'{"query": "mutation { deletePost }"}', True),
        ("datahub", "POST", "/aspects?action=ingestProposal", b"{}", True),
        ("kfp", "POST", "/apis/v2beta1/runs/1:terminate", b"", True),
        ("kubernetes", "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", b"{}", False),
        ("kubernetes", "POST", "/api/v1/namespaces/a/pods?dryRun=All", b"{}", False),
        ("kubernetes", "POST", "/api/v1/namespaces/a/pods", b"{}", True),
        ("kubernetes", "DELETE", "/api/v1/namespaces/a/pods/b", b"", True),
        (
            "kubernetes",
            "GET",
            "/api/v1/namespaces/a/pods/b/exec?command=sh&command=-c&command=cat+%2Fproc%2F1",
            b"",
            False,
        ),
        ("kubernetes", "GET", "/api/v1/namespaces/a/pods/b/exec?command=ls&command=2%3E%2Fdev%2Fnull", b"", False),
        (
            "kubernetes",
            "GET",
            "/api/v1/namespaces/a/pods/b/exec?command=sh&command=-c&command=echo+%3E+%2Fa",
            b"",
            True,
        ),
        ("kubernetes", "GET", "/api/v1/namespaces/a/pods/b/exec?command=rm&command=%2Fa", b"", True),
        ("kubernetes", "GET", "/api/v1/namespaces/a/pods/b/attach", b"", True),
        ("checklist", "PATCH", "/apis/apps/v1/namespaces/a/deployments/b", b"{}", True),
        ("nobody knows", "POST", "/_search", b"", True),
    ],
)
def test_a_request_of_http_is_told(system: str, method: str, target: str, body: bytes, expected: bool) -> None:
    assert changes(system, method, target, body) is expected


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT 'INSERT INTO a' FROM \"update\" -- DELETE", False),
        ("SET statement_timeout = '5s'; SHOW server_version", False),
        ("SHOW FRONTENDS", False),
        ("WITH gone AS (DELETE FROM a RETURNING 1) SELECT * FROM gone", True),
        ("SELECT * INTO b FROM a", True),
        ("SELECT nextval('a')", True),
        ("SELECT 1 FROM a FOR UPDATE", True),  # it locks rows, and writes that down in them
        ("SELECT 1; DROP TABLE a", True),
        ("SET GLOBAL a = 1", True),
        ("ADMIN SET FRONTEND CONFIG ('a' = '1')", True),
        ("EXPLAIN ANALYZE DELETE FROM a", True),
    ],
)
def test_sql_is_told(statement: str, expected: bool) -> None:
    assert sql_writes(statement) is expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("MATCH (n:`SET`) WHERE n.a = 'CREATE' RETURN n // DELETE", False),
        ("SHOW TRANSACTIONS YIELD transactionId", False),
        ("CALL dbms.components() YIELD versions", False),
        ("MATCH (n) SET n.a = 1", True),
        ("MERGE (n)", True),
        ("CALL apoc.create.node(['A'], {})", True),
        ("TERMINATE TRANSACTIONS 'a'", True),
    ],
)
def test_cypher_is_told(query: str, expected: bool) -> None:
    assert cypher_writes(query) is expected
