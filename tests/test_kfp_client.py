"""What the suite of Kubeflow Pipelines makes of its answers: each fault is seen, and blamed on what it is.

An emulator answers (``tests/emulators/kfp``, which says where each answer is from): no registry has the real server.
Its cluster is in memory, with workflows and pods as Argo's own types have them.
"""

from __future__ import annotations

import json
import os
import runpy
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from api_server import Cluster, cluster
from clocks import Counting
from emulators.kfp import API, Kubeflow, serving
from kubeconfigs import kubeconfig
from saying import saying

from fixtures.kfp import Kfp
from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Kubernetes
from gonogo.cluster.api import Kind
from gonogo.core.endpoints import Endpoints, Secret, Timeouts
from gonogo.core.errors import ClientError, NotAskable, Wrong, ending
from gonogo.core.outcomes import Mode, Outcome
from gonogo.core.waiting import pause
from gonogo.providers.existing.access import ClusterAccess

ROOT = Path(__file__).parent.parent
COMPONENT = Registry.load(ROOT).components["kfp"]
SUITE = {
    mark.args: test
    for test in runpy.run_path(str(ROOT / "suites/kfp/test_kfp.py")).values()
    for mark in getattr(test, "pytestmark", ())
    if mark.name == "criterion"
}
CHECKS = {id: test for ids, test in SUITE.items() for id in ids}
"""Each criterion's check."""

SDK = Path(os.environ.get("GONOGO_KFP_SDK") or ROOT / ".tox/emulator-kfp/bin/python")
WORKFLOW = Kind("argoproj.io", "v1alpha1", "workflows", "Workflow", True)
RUN = "pv-20261201050000-abc123"
PARTS = COMPONENT.expect["parts"]


class Scope:
    """A run that may write, and removes what it made."""

    run, mode = RUN, Mode.WRITE

    def __init__(self) -> None:
        self.number = 0

    def name(self, form: str = "{run}-{n}") -> str:
        self.number += 1
        return form.format(run=self.run, n=self.number)

    @contextmanager
    def owns(self, kind: str, owner: Any, form: str = "{run}-{n}") -> Iterator[str]:
        name = self.name(form)
        try:
            yield name
        finally:
            owner.remove(kind, name)

    def gone(self, run: str, kind: str, name: str) -> None:
        """Nothing is kept."""

    def sends(self, size: int) -> None:
        """As many as it likes."""


@pytest.fixture
def kubeflow() -> Iterator[Kubeflow]:
    with serving() as held:
        yield held


@pytest.fixture
def held() -> Iterator[Cluster]:
    """A cluster in which Kubeflow Pipelines runs."""
    with cluster(WORKFLOW, spaces=["kubeflow", "kube-system"]) as held:
        for part in PARTS:
            workload(held, part)
        yield held


def workload(held: Cluster, part: str, *, ready: int = 1) -> None:
    template = {"spec": {"containers": [{"name": part, "image": f"registry.example/kfp-{part}:2.17.0"}]}}
    status = {"replicas": 1, "readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": 1}
    labels = {"app": part, "application-crd-id": "kubeflow-pipelines"}
    held.put("Deployment", "kubeflow", part, labels=labels, spec={"replicas": 1, "template": template}, status=status)


@contextmanager
def asking(
    url: str, held: Cluster | None = None, folder: Path | None = None, *, limit: float = 5, **more: Any
) -> Iterator[Kfp]:
    """A client of what answers there; ``expect`` is in place of the component's own."""
    expect = {**COMPONENT.expect, "run": 30, "settle": 60, **more.pop("expect", {})}
    secrets = {"token": Secret(more.pop("token"))} if "token" in more else {}
    timeouts = Timeouts(connect=limit, check=limit)
    scope: Any = Scope()
    endpoints = Endpoints("kfp", {"url": url, **more}, secrets, expect=expect, timeouts=timeouts, scope=scope)
    with ExitStack() as open_:
        if held is not None and folder is not None:
            config = kubeconfig(folder / "config", server=held.url)
            access = open_.enter_context(closing(ClusterAccess(Kubernetes(kubeconfig=str(config)), timeouts)))
            endpoints = replace(endpoints, cluster=access)
        yield open_.enter_context(closing(Kfp(endpoints)))


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kfp, "clock", Counting())


def told(client: Kfp, *ids: str) -> dict[str, tuple[str, str]]:
    """Outcome and cause of each criterion's check that does not pass."""
    found = {}
    for id in ids or CHECKS:
        try:
            CHECKS[id](client)
        except (ClientError, Wrong) as error:
            found[id] = (str(ending(error).outcome), error.signature)
    return found


def workflow(held: Cluster, run: str, phase: str = "Succeeded", *, ended: float = 3600) -> None:
    at = f"{datetime.now(UTC) - timedelta(seconds=ended):%Y-%m-%dT%H:%M:%SZ}"
    status = {"phase": phase, **({"finishedAt": at} if phase != "Running" else {})}
    held.put(WORKFLOW, "kubeflow", f"hello-{run[:5]}", labels={"pipeline/runid": run}, status=status)


def pod(held: Cluster, run: str, state: dict[str, Any]) -> None:
    status = {"phase": "Pending", "containerStatuses": [{"name": "main", "state": state}]}
    held.put("Pod", "kubeflow", f"pod-{run[:5]}", labels={"pipeline/runid": run}, status=status)


def follow(kubeflow: Kubeflow, held: Cluster, state: dict[str, Any]) -> None:
    """A pod in this state for each run that is made, as its workflow would have one."""
    answer = kubeflow.answer

    def answered(method: str, path: str, *more: Any) -> Any:
        found = answer(method, path, *more)
        if (method, path) == ("POST", f"{API}/runs"):
            pod(held, found["run_id"], state)
        return found

    kubeflow.answer = answered  # type: ignore[method-assign]


NEEDS_CLUSTER = {"kfp.parts", "kfp.persistence", "kfp.reason"}
NEVER_THERE = {
    "kfp.authentication": ("broken", "kfp.not_askable"),
    "kfp.recurring": ("broken", "kfp.not_askable"),
}
"""What a fresh installation in single-user mode cannot be asked."""

WRITES = sorted(id for id, check in CHECKS.items() if any(m.name == "writes" for m in check.pytestmark))
READS = sorted(CHECKS.keys() - {*WRITES} - NEEDS_CLUSTER)


def test_what_is_as_it_should_be_is_green_and_leaves_nothing(kubeflow: Kubeflow, held: Cluster, tmp_path: Path) -> None:
    follow(kubeflow, held, {"terminated": {"exitCode": 1, "reason": "Error"}})
    workflow(held, "11111", "Running")

    with asking(kubeflow.url, held, tmp_path) as client:
        run = kubeflow._run({"display_name": "of-others", "pipeline_spec": client.two_tasks()})
        run["state"] = "SUCCEEDED"
        workflow(held, run["run_id"])
        found = told(client)

    assert found == NEVER_THERE
    assert {kind: len(kept) for kind, kept in kubeflow.kept.items() if kept} == {"runs": 1}
    assert len(CHECKS) == 16


def test_what_only_reads_writes_nothing(kubeflow: Kubeflow) -> None:
    with asking(kubeflow.url) as client:
        told(client, *READS)
        client.leftovers()

    assert {line.partition(" ")[0] for line in kubeflow.asked} == {"GET"}


def test_multi_user_mode_is_green_where_it_is_expected() -> None:
    with serving(Kubeflow(multi_user=True, tokens={"of-ours": ["team"]})) as kubeflow:
        given: dict[str, Any] = {"token": "of-ours", "namespace": "team", "expect": {"multi_user": True}}
        with asking(kubeflow.url, **given) as client:
            found = told(client, *READS, "kfp.run", "kfp.namespace", "kfp.schedule")
        with asking(kubeflow.url, **{**given, "token": "of-others"}) as client:
            unknown = told(client, "kfp.answers")
        with asking(kubeflow.url, **{**given, "namespace": "others"}) as client:
            elsewhere = told(client, "kfp.namespace")

    assert found == {"kfp.recurring": ("broken", "kfp.not_askable")}
    assert unknown == {"kfp.answers": ("broken", "kfp.credentials_refused")}
    assert elsewhere == {"kfp.namespace": ("broken", "kfp.right_missing")}


# -- each criterion, red


def flag(**flags: Any) -> Callable[[Kubeflow], None]:
    return lambda kubeflow: [setattr(kubeflow, name, value) for name, value in flags.items()] and None


def answering(line: str, change: Callable[[Any], Any]) -> Callable[[Kubeflow], None]:
    """One of its answers is changed."""

    def fault(kubeflow: Kubeflow) -> None:
        answer = kubeflow.answer

        def answered(method: str, path: str, *more: Any) -> Any:
            found = answer(method, path, *more)
            return change(found) if f"{method} {path}".startswith(line) else found

        kubeflow.answer = answered  # type: ignore[method-assign]

    return fault


def unnamed(run: Any) -> Any:
    """A run whose tasks have no names."""
    for one in run.get("run_details", {}).get("task_details", ()):
        one.pop("display_name", None)
    return run


def half(run: Any) -> Any:
    """A run whose first task is still told as running."""
    for one in run.get("run_details", {}).get("task_details", ()):
        one |= {"state": "RUNNING"} if one.get("display_name") == "write" else {}
    return run


def without(told: Any) -> Any:
    """A version that has lost its tasks."""
    return {**told, "pipeline_spec": {}} if "pipeline_spec" in told else told


def unlisted(told: Any) -> Any:
    """A list that is empty."""
    return {} if "total_size" in told else told


def lost(method: str, path: str) -> Any:
    """The API server without its database."""
    body = b'{"code": 13, "message": "InternalServerError: dial tcp: connection refused"}'
    return (500, {}, body) if path.endswith("/pipelines") else None


HIDDEN = answering(f"GET {API}/experiments", unlisted)

FAULTS: dict[str, tuple[Callable[[Kubeflow], None], str, str]] = {
    "another mode": (flag(multi_user=True, tokens={"": [""]}), "mode", "mode_differs"),
    "an old release": (flag(tag="1.8.5"), "release", "outdated"),
    "a version without tasks": (answering(f"GET {API}/pipelines/", without), "upload", "upload_lost"),
    "no version": (answering(f"GET {API}/pipelines/", lambda told: {}), "upload", "upload_lost"),
    "no workflow is taken up": (flag(runs=False), "run", "run_stuck"),
    "no end is told": (flag(agent=False), "run", "run_stuck"),
    "the store keeps nothing": (flag(keeps=False), "artifact", "artifact_lost"),
    "tasks have no names": (answering(f"GET {API}/runs/", unnamed), "run", "run_failed"),
    "a failed task is hidden": (flag(fails=False), "failure", "failure_hidden"),
    "what failed is not told": (answering(f"GET {API}/runs/", unnamed), "failure", "task_states_wrong"),
    "a terminated run goes on": (flag(terminates=False), "terminate", "not_terminated"),
    "what is to be terminated never began": (flag(runs=False), "terminate", "run_stuck"),
    "nothing is cached": (flag(caches=False), "cache", "cache_unused"),
    "no schedule runs": (flag(scheduler=False), "schedule", "schedule_silent"),
    "what a schedule runs fails": (flag(keeps=False), "schedule", "run_failed"),
    "an experiment is not listed": (HIDDEN, "namespace", "namespace_wrong"),
    "the database is gone": (flag(instead=lost), "answers", "database_failed"),
    "a run is told as done and a task as not": (answering(f"GET {API}/runs/", half), "run", "run_failed"),
    "a run is told as failed whose tasks are done": (
        answering(f"GET {API}/runs/", lambda told: told | {"state": told["state"].replace("SUCCEEDED", "FAILED")}),
        "run",
        "task_states_wrong",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_seen_and_blamed_on_what_it_is(kubeflow: Kubeflow, fault: str) -> None:
    inject, criterion, cause = FAULTS[fault]
    inject(kubeflow)

    with asking(kubeflow.url) as client:
        assert told(client, f"kfp.{criterion}") == {f"kfp.{criterion}": ("failed", f"kfp.{cause}")}

    left = {kind for kind, kept in kubeflow.kept.items() if kept}
    assert left <= ({"experiments"} if inject is HIDDEN else set()), "it removes what it finds by name"


def test_a_success_from_the_cache_is_none(kubeflow: Kubeflow) -> None:
    with asking(kubeflow.url) as client, client.experiment() as experiment, client.pipeline(client.two_tasks()) as made:
        with client.run(made, experiment, text="same") as run:
            client.done(run)
        kubeflow.caches = True
        with client.run(made, experiment, text="same") as run:
            cached = client.done(run)

    assert (cached.state, cached.executors) == ("SUCCEEDED", ["SKIPPED"])


def test_the_cache_that_answers_a_run_that_wants_none_is_told(
    kubeflow: Kubeflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubeflow.caches = True
    monkeypatch.setattr("secrets.token_hex", lambda _: "same")
    with asking(kubeflow.url) as client:
        first, again = told(client, "kfp.run"), told(client, "kfp.run")

    assert (first, again) == ({}, {"kfp.run": ("failed", "kfp.cached")})


def test_whoever_is_served_without_credentials_in_multi_user_mode_is_told() -> None:
    open_ = Kubeflow(multi_user=True, tokens={"of-ours": ["team"], "": ["team"]})
    with serving(open_) as kubeflow, asking(kubeflow.url, token="of-ours", namespace="team") as client:
        assert told(client, "kfp.authentication") == {"kfp.authentication": ("failed", "kfp.unauthenticated_access")}


def test_an_experiment_in_another_namespace_is_told() -> None:
    moved = answering(f"GET {API}/experiments/", lambda one: {**one, "namespace": "others"})
    with serving(Kubeflow(multi_user=True, tokens={"of-ours": ["team"]})) as kubeflow:
        moved(kubeflow)
        with asking(kubeflow.url, token="of-ours", namespace="team") as client:
            found = told(client, "kfp.namespace")

    assert found == {"kfp.namespace": ("failed", "kfp.namespace_wrong")}


def test_a_version_that_nobody_tells_is_no_verdict(kubeflow: Kubeflow, held: Cluster, tmp_path: Path) -> None:
    kubeflow.tag = "unknown"

    with asking(kubeflow.url) as client:
        assert told(client, "kfp.release") == {"kfp.release": ("broken", "kfp.not_askable")}
    with asking(kubeflow.url, held, tmp_path) as client:
        assert client.release() == "2.17.0"


# -- what its cluster tells


@pytest.mark.parametrize(("ready", "cause"), [(0, "part_down"), (None, "part_missing")])
def test_a_server_that_is_not_there_or_not_ready_is_told(
    kubeflow: Kubeflow, held: Cluster, tmp_path: Path, ready: int | None, cause: str
) -> None:
    if ready is None:
        held.remove("Deployment", "kubeflow", PARTS[1])
    else:
        workload(held, PARTS[1], ready=ready)

    with asking(kubeflow.url, held, tmp_path) as client:
        assert told(client, "kfp.parts") == {"kfp.parts": ("failed", f"kfp.{cause}")}


@pytest.mark.parametrize(("ready", "cause"), [(1, "not_persisted"), (0, "part_down")])
def test_a_run_that_is_not_told_to_have_ended_is_the_agent_s_fault(
    kubeflow: Kubeflow, held: Cluster, tmp_path: Path, ready: int, cause: str
) -> None:
    workload(held, "ml-pipeline-persistenceagent", ready=ready)

    with asking(kubeflow.url, held, tmp_path) as client:
        run = kubeflow._run({"display_name": "of-others", "pipeline_spec": client.two_tasks()})
        workflow(held, run["run_id"])
        found = told(client, "kfp.persistence")

    assert found == {"kfp.persistence": ("failed", f"kfp.{cause}")}


@pytest.mark.parametrize(("phase", "ended"), [("Running", 0.0), ("Succeeded", 5.0)])
def test_a_workflow_that_only_just_ended_has_its_time(
    kubeflow: Kubeflow, held: Cluster, tmp_path: Path, phase: str, ended: float
) -> None:
    workflow(held, "22222", phase, ended=ended)

    with asking(kubeflow.url, held, tmp_path) as client, pytest.raises(NotAskable):
        client.unpersisted()


def test_the_workflow_of_a_run_that_was_deleted_is_no_fault(kubeflow: Kubeflow, held: Cluster, tmp_path: Path) -> None:
    workflow(held, "33333")

    with asking(kubeflow.url, held, tmp_path) as client:
        assert client.unpersisted().wrong == []


def test_a_pod_that_cannot_start_is_the_reason(kubeflow: Kubeflow, held: Cluster, tmp_path: Path) -> None:
    kubeflow.agent = False
    follow(kubeflow, held, {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}})

    with asking(kubeflow.url, held, tmp_path) as client:
        assert told(client, "kfp.run") == {"kfp.run": ("failed", "kfp.pod_not_starting")}


@pytest.mark.parametrize(
    ("part", "ready", "phase", "cause"),
    [
        ("workflow-controller", 0, "", "part_down"),
        ("workflow-controller", 1, "", "run_stuck"),
        ("ml-pipeline-persistenceagent", 0, "Succeeded", "part_down"),
        ("ml-pipeline-persistenceagent", 1, "Succeeded", "not_persisted"),
    ],
)
def test_a_run_without_an_end_is_blamed_on_who_does_not_end_it(
    kubeflow: Kubeflow, held: Cluster, tmp_path: Path, part: str, ready: int, phase: str, cause: str
) -> None:
    kubeflow.agent = False
    workload(held, part, ready=ready)
    made = kubeflow._run

    def run(body: Any, **more: Any) -> Any:
        one = made(body, **more)
        if phase:
            workflow(held, one["run_id"], phase)
        return one

    kubeflow._run = run  # type: ignore[method-assign]
    with asking(kubeflow.url, held, tmp_path) as client:
        assert told(client, "kfp.run") == {"kfp.run": ("failed", f"kfp.{cause}")}


def test_a_failure_without_a_reason_is_told(kubeflow: Kubeflow, held: Cluster, tmp_path: Path) -> None:
    with asking(kubeflow.url, held, tmp_path) as client:
        assert told(client, "kfp.reason") == {"kfp.reason": ("failed", "kfp.reason_missing")}


# -- recurring runs of others


@pytest.mark.parametrize(
    ("age", "more", "found"),
    [
        (3600, {}, {"kfp.recurring": ("failed", "kfp.overdue")}),
        (30, {}, {}),
        (3600, {"status": "DISABLED"}, {"kfp.recurring": ("broken", "kfp.not_askable")}),
        (3600, {"trigger": {"cron_schedule": {}}}, {"kfp.recurring": ("broken", "kfp.not_askable")}),
        (3600, {"trigger": {"periodic_schedule": {"interval_second": "7200"}}}, {}),
    ],
)  # fmt: skip
def test_a_recurring_run_that_makes_none_is_told(
    kubeflow: Kubeflow, age: float, more: dict[str, Any], found: dict[str, tuple[str, str]]
) -> None:
    kubeflow.scheduler = False
    at = f"{datetime.now(UTC) - timedelta(seconds=age):%Y-%m-%dT%H:%M:%SZ}"
    kubeflow.kept["recurringruns"]["often"] = {
        "recurring_run_id": "often", "display_name": "often", "created_at": at, "updated_at": at, "status": "ENABLED",
        "trigger": {"periodic_schedule": {"interval_second": "60"}}, "max_concurrency": "1", **more,
    }  # fmt: skip

    with asking(kubeflow.url) as client:
        assert told(client, "kfp.recurring") == found


# -- answers that are none


def page(status: int, body: str, **headers: str) -> Callable[[str, str], Any]:
    return lambda method, path: (status, headers, body.encode())


def only(path: str, answer: Callable[[str, str], Any]) -> Callable[[str, str], Any]:
    return lambda method, asked: answer(method, asked) if asked.endswith(path) else None


def status(code: int, message: str = "told") -> str:
    return json.dumps({"code": code, "message": message, "details": []})


LOGIN = {"Location": "https://dex.example/auth?client_id=kubeflow"}
HTML = "<!doctype html><html><title>Log in to Your Account</title></html>"
HEALTHY = '{"multi_user": false, "tag_name": "2.17.0"}'


@pytest.mark.parametrize(
    ("instead", "outcome", "cause"),
    [
        (page(200, HTML), "broken", "answer_garbled"),
        (page(200, ""), "broken", "answer_garbled"),
        (page(200, '{"multi_user": fal'), "broken", "answer_garbled"),
        (page(200, "[]"), "broken", "answer_garbled"),
        (page(200, "null"), "broken", "answer_garbled"),
        (page(200, '{"status": "OK"}'), "broken", "answer_garbled"),
        (page(200, '{"multi_user": "no"}'), "broken", "answer_garbled"),
        (page(200, status(13)), "failed", "error_in_answer"),
        (page(302, "", **LOGIN), "broken", "login_elsewhere"),
        (page(303, HTML, **LOGIN), "broken", "login_elsewhere"),
        (page(404, status(5, "Not Found")), "broken", "api_missing"),
        (page(404, "404 page not found"), "broken", "api_missing"),
        (page(401, status(16)), "broken", "credentials_refused"),
        (page(401, HTML), "broken", "credentials_refused"),
        (page(403, status(7)), "broken", "right_missing"),
        (page(403, "RBAC: access denied"), "broken", "right_missing"),
        (page(503, "upstream connect error"), "failed", "unavailable"),
        (page(502, HTML), "failed", "unavailable"),
        (page(200, HEALTHY, **{"Content-Length": "999"}), "failed", "connection_refused"),
        (only("pipelines", page(500, status(13, "InternalServerError"))), "failed", "database_failed"),
        (only("pipelines", page(503, status(14))), "failed", "unavailable"),
        (only("pipelines", page(404, status(5, "Not Found"))), "broken", "api_missing"),
        (only("pipelines", page(200, '{"pipelines": "none"}')), "broken", "answer_garbled"),
        (only("pipelines", page(200, '{"pipelines": [], "total_size": "many"}')), "broken", "answer_garbled"),
        (only("pipelines", page(200, '{"items": []}')), "broken", "answer_garbled"),
    ],
    ids=map(str, range(25)),
)
def test_an_answer_that_is_none_has_its_outcome_and_cause(
    kubeflow: Kubeflow, instead: Callable[[str, str], Any], outcome: str, cause: str
) -> None:
    kubeflow.instead = instead

    with asking(kubeflow.url) as client:
        assert told(client, "kfp.answers") == {"kfp.answers": (outcome, f"kfp.{cause}")}


def drips(connection: socket.socket) -> None:
    """A byte now and then, so that it is never silent."""
    while True:
        connection.sendall(b" ")
        pause(0.05, reason="the server is slow on purpose")


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Slow:"])
def test_an_answer_that_drips_has_its_time(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gonogo.checks.rest.GRACE", 0)
    with saying(lambda _: head, drips) as (url, _), asking(url, limit=0.2) as client:
        assert told(client, "kfp.answers") == {"kfp.answers": ("broken", "kfp.timed_out")}


def test_nobody_there_is_a_failed_platform() -> None:
    with serving() as kubeflow:
        url = kubeflow.url
    with asking(url) as client:
        assert told(client, "kfp.answers") == {"kfp.answers": ("failed", "kfp.connection_refused")}


def test_a_token_is_in_no_error(kubeflow: Kubeflow) -> None:
    kubeflow.instead = page(500, '{"code": 13, "message": "Bearer planted-secret-of-ours"}')
    with asking(kubeflow.url, token="planted-secret-of-ours") as client, pytest.raises(ClientError) as raised:
        client.answers()

    assert raised.value.outcome is Outcome.FAILED
    assert "planted-secret" not in json.dumps(str(raised.value.asked))


# -- what is left behind


def test_what_a_killed_run_left_is_found_and_removed(kubeflow: Kubeflow) -> None:
    with asking(kubeflow.url) as client:
        made = kubeflow._uploaded({"name": f"{RUN}-1"}, json.dumps({**client.endless(), "pipelineInfo": {}}))
        one = kubeflow._experiment({"display_name": f"{RUN}-2"}, [])
        reference = {"pipeline_id": made["pipeline_id"]}
        asked = {"experiment_id": one["experiment_id"], "pipeline_version_reference": reference}
        run = kubeflow._run({**asked, "display_name": f"{RUN}-3"})
        kubeflow._run({**asked, "display_name": "made by a schedule"})
        kubeflow._recurring({**asked, "display_name": f"{RUN}-4"})
        kubeflow._step(run)

        left = client.leftovers()
        for each in left:
            client.remove(each.kind, each.name)
        client.remove("run", f"{RUN}-3")

    assert {(each.kind, each.run) for each in left} == {(kind, RUN) for kind in Kfp.kinds}
    assert not {kind for kind, kept in kubeflow.kept.items() if kept}


# -- the emulator


@pytest.mark.skipif(not SDK.is_file(), reason="the official SDK is not there: tox -e emulator-kfp, or GONOGO_KFP_SDK")
def test_the_official_sdk_takes_the_emulator_s_answers() -> None:
    done = subprocess.run(
        [SDK, "tests/emulators/kfp/contract.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
