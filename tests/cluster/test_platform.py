"""The main job's real servers on a cluster, deployed by others: attached to, asked, and blamed for what is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

import msgspec
import pytest
import yaml
from cluster.accounts import token
from cluster.images import BUILD, COMPONENTS
from cluster.live import Cluster
from cluster.standing import ROOT, deployed, manifest, ready, target, values
from kubernetes.client.exceptions import ApiException
from relay import Relay, relaying

from gonogo.core.waiting import pause, until
from gonogo.results.model import Results

pytestmark = pytest.mark.skipif(not os.environ.get(BUILD), reason=f"{BUILD} names no command that builds images")

FORWARDS = 8
"""Port-forwards after which a run is in its midst."""

Run = Callable[..., Results]


@pytest.fixture(scope="module")
def filled() -> Mapping[str, str]:
    """Images, and passwords of this platform alone."""
    return values()


@pytest.fixture(scope="module")
def platform(cluster: Cluster, filled: Mapping[str, str], images: None) -> Iterator[str]:
    """Its namespace, when everything in it is ready."""
    with cluster.namespace(f"gonogo-test-{token_hex(3)}-platform") as name:
        deployed(cluster, name, filled)
        yield name


@pytest.fixture
def relay(kubeconfig: Path, tmp_path: Path) -> Iterator[Relay]:
    """Between gonogo and the API server: counts."""
    with relaying(kubeconfig, tmp_path) as running:
        yield running


@pytest.fixture
def run(cluster: Cluster, platform: str, filled: Mapping[str, str], relay: Relay, tmp_path: Path) -> Run:
    """Runs the suites under an account that has what ``gonogo rbac`` prints for the mode, and nothing else."""

    def run(mode: str, *arguments: str) -> Results:
        kube_system = cluster.find("Namespace", "kube-system") or {}
        known = {"identity": kube_system["metadata"]["uid"]}
        file = target(tmp_path, platform, filled, kubeconfig=str(relay.kubeconfig()), **known)
        printed = gonogo("rbac", "--for", mode, "--account", f"{platform}/{mode}", "--target", str(file))
        for one in yaml.safe_load_all(printed):
            cluster.apply(renamed(one, platform), platform)
        user = {"token": token(cluster, platform, mode)}
        target(tmp_path, platform, filled, kubeconfig=str(relay.kubeconfig(user=user)), **known)
        out = tmp_path / "out"
        command = [sys.executable, "-m", "pytest", "suites", "-q", "--target", str(file), "--mode", mode]
        command += ["--out", str(out), *arguments]
        # its exit code is the verdict's business
        done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
        assert (out / "results.json").exists(), done.stdout[-3000:] + done.stderr[-3000:]
        return msgspec.json.decode((out / "results.json").read_bytes(), type=Results)

    return run


def gonogo(*arguments: str) -> str:
    """What the command prints."""
    command = [sys.executable, "-m", "gonogo", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def renamed(one: dict[str, Any], platform: str) -> dict[str, Any]:
    """An object as it was printed; a ClusterRole under a name that nobody else has."""
    if one["kind"].startswith("ClusterRole"):
        one["metadata"]["name"] = f"{platform}-{one['metadata']['name']}"
    if one["kind"] == "ClusterRoleBinding":
        one["roleRef"]["name"] = f"{platform}-{one['roleRef']['name']}"
    return one


def outcomes(results: Results) -> dict[str, str]:
    """Criterion to outcome, without what this run was not to ask."""
    return {c.id: c.outcome.value for c in results.criteria if c.outcome not in ("skipped", "unsupported")}


def said(results: Results) -> str:
    """What went wrong, for who reads a failed test."""
    lines = [f"{c.id} {c.outcome.value}: {c.reason}" for c in results.criteria if c.outcome in ("failed", "broken")]
    return "\n".join(lines)


def test_read_rights_are_enough_for_a_go_and_nothing_is_written(run: Run, relay: Relay) -> None:
    results = run("read")

    assert results.verdict is not None
    assert (results.verdict.decision.value, set(outcomes(results).values())) == ("GO", {"passed"}), said(results)
    assert "--mode write" in results.verdict.headline
    assert {c.transport for c in results.components if c.name != "health"} == {"port-forward"}
    assert results.health is not None
    assert results.health.strict == 100
    # a port-forward is opened by GET
    assert {a.method for a in relay.requests} == {"GET"}


def test_write_rights_are_enough_for_every_round_trip(run: Run) -> None:
    results = run("write")

    assert results.verdict is not None
    assert (results.verdict.decision.value, set(outcomes(results).values())) == ("GO", {"passed"}), said(results)
    short = [c for c in results.criteria if c.level == "critical" and c.outcome != "passed"]
    assert [c.id for c in short if c.outcome != "unsupported" or c.component in {*COMPONENTS, "health"}] == []


# -- an API server that is lost is no fault of the platform


def away(relay: Relay) -> None:
    """Gone for a moment, with every connection; then there again."""
    relay.refuse()
    relay.cut()
    pause(1, reason="an API server that restarts is away for a while")
    relay.accept()


def stopped(relay: Relay) -> None:
    """Gone, and it stays so until the run has ended."""
    relay.refuse()
    relay.cut()


@contextmanager
def amid(relay: Relay, happens: Callable[[], None]) -> Iterator[threading.Event]:
    """Let something happen once while a run has its forwards open; set when it has."""
    done, over = threading.Event(), threading.Event()

    def wait() -> None:
        until(
            lambda: over.is_set() or sum("portforward" in asked.path for asked in list(relay.requests)) > FORWARDS,
            awaited="forwards",
            within=300,
        )
        if not over.is_set():
            happens()
            done.set()

    thread = threading.Thread(target=wait, name="amid")
    thread.start()
    try:
        yield done
    finally:
        over.set()
        thread.join()


LONG = (Relay.half_open, Relay.stall, Relay.outdate, stopped)


@pytest.mark.parametrize("loss", [Relay.cut, away, *(pytest.param(one, marks=pytest.mark.slow) for one in LONG)])
def test_an_api_server_lost_in_the_midst_of_a_run_is_never_a_failure(
    loss: Callable[[Relay], None], run: Run, relay: Relay
) -> None:
    with amid(relay, lambda: loss(relay)) as happened:
        results = run("read")

    assert happened.is_set()
    assert results.verdict is not None
    assert "failed" not in outcomes(results).values(), said(results)
    assert results.verdict.code in (0, 3), said(results)


def test_an_account_that_is_taken_away_in_the_midst_of_a_run_is_never_a_failure(
    cluster: Cluster, platform: str, run: Run, relay: Relay
) -> None:
    with amid(relay, lambda: cluster.delete("ServiceAccount", "read", platform)) as happened:
        results = run("read")

    assert happened.is_set()
    assert "failed" not in outcomes(results).values(), said(results)


# -- what is wrong is blamed, what needs it is blocked, and the rest is green

KILL = ("pkill", "-KILL", "-f", "org.elasticsearch.bootstrap.Elasticsearch")
STOP, CONTINUE = (("pkill", signal, "-f", "org.neo4j.server.CommunityEntryPoint") for signal in ("-STOP", "-CONT"))
SLICE = "metadata.labels.\"kubernetes.io/service-name\" == '{}' && {}"


@contextmanager
def killed(cluster: Cluster, platform: str, filled: Mapping[str, str]) -> Iterator[None]:
    """Elasticsearch's server is killed whenever its container has started it again, as where memory stays short."""
    over = threading.Event()

    def kill() -> None:
        while not over.wait(1):
            with suppress(ApiException):  # its container is not running
                cluster.run(platform, "elasticsearch-0", *KILL)

    killing = threading.Thread(target=kill)
    killing.start()
    try:
        cluster.wait("Pod", "status.containerStatuses[?!ready]", name="elasticsearch-0", namespace=platform)
        yield
    finally:
        over.set()
        killing.join()
    ready(cluster, platform, "elasticsearch")


@contextmanager
def hung(cluster: Cluster, platform: str, filled: Mapping[str, str]) -> Iterator[None]:
    """Neo4j's server accepts and does not answer."""
    cluster.run(platform, "neo4j-0", *STOP)
    yield
    cluster.run(platform, "neo4j-0", *CONTINUE)


@contextmanager
def secret_wrong(cluster: Cluster, platform: str, filled: Mapping[str, str]) -> Iterator[None]:
    """The Secret holds another password than the one that PostgreSQL was made with."""
    cluster.change("Secret", "postgresql", platform, {"stringData": {"password": "of-last-year"}})
    yield
    cluster.change("Secret", "postgresql", platform, {"stringData": {"password": filled["postgresql_password"]}})


@contextmanager
def selector_wrong(cluster: Cluster, platform: str, filled: Mapping[str, str]) -> Iterator[None]:
    """The Service of the S3 store means pods that there are none of."""
    cluster.change("Service", "s3", platform, {"spec": {"selector": {"app": "minio"}}})
    cluster.wait("EndpointSlice", SLICE.format("s3", "!endpoints"), namespace=platform)
    yield
    cluster.change("Service", "s3", platform, {"spec": {"selector": {"app": "s3"}}})
    cluster.wait("EndpointSlice", SLICE.format("s3", "endpoints"), namespace=platform)


@contextmanager
def claim_pending(cluster: Cluster, platform: str, filled: Mapping[str, str]) -> Iterator[None]:
    """Neo4j was deployed anew, with a storage class that this cluster does not have."""
    made = [one for one in manifest(cluster, "neo4j", platform, filled) if one["kind"] == "StatefulSet"]
    bad = msgspec.json.decode(msgspec.json.encode(made[0]))
    bad["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"] = "gonogo-test-absent"
    for one in (bad, made[0]):
        cluster.delete("StatefulSet", "neo4j", platform)
        cluster.delete("PersistentVolumeClaim", "data-neo4j-0", platform)
        cluster.gone("PersistentVolumeClaim", "data-neo4j-0", platform)
        cluster.apply(one, platform)
        if one is bad:
            cluster.wait("Pod", "status.conditions[?reason=='Unschedulable']", name="neo4j-0", namespace=platform)
            yield
    ready(cluster, platform, "neo4j")


Fault = Callable[[Cluster, str, Mapping[str, str]], AbstractContextManager[None]]


@pytest.mark.parametrize(
    ("fault", "component", "signatures", "word", "blocked"),
    [
        # on a busy machine the pods may not be listed in time: then it is told that nobody is behind the Service
        (killed, "elasticsearch", ("workload_not_ready", "process_gone"), "elasticsearch", set()),
        (hung, "neo4j", ("timed_out",), "", set()),
        (secret_wrong, "postgresql", ("credentials_refused",), "", {"mlflow"}),
        (selector_wrong, "s3", ("workload_not_ready",), "selector", {"mlflow"}),
        (claim_pending, "neo4j", ("workload_not_ready",), "gonogo-test-absent", set()),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_fault_is_laid_to_its_cause(
    fault: Fault,
    component: str,
    signatures: tuple[str, ...],
    word: str,
    blocked: set[str],
    cluster: Cluster,
    platform: str,
    filled: Mapping[str, str],
    run: Run,
) -> None:
    with fault(cluster, platform, filled):
        results = run("read")

    assert results.verdict is not None
    first = results.verdict.first_causes[0]
    assert first.component == component, said(results)
    assert first.signature in {f"{component}.{one}" for one in signatures}, said(results)
    assert word in first.message
    held_up = {c.component for c in results.criteria if c.outcome == "blocked" and c.component != component}
    assert held_up == blocked
    rest = {c.id: c.outcome.value for c in results.criteria if c.component not in {component, "health", *blocked}}
    assert set(rest.values()) <= {"passed", "skipped", "unsupported"}
