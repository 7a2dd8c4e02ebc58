"""What the suite of notebooks makes of their objects: each fault is seen, and blamed on what it is.

A stand-in writes the status that a real controller was seen to write (``tests/emulators/notebooks``): no registry has
the real one. ``tests/cluster/test_notebooks.py`` asks the same with pods.
"""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from api_server import Cluster, cluster
from clocks import Counting
from emulators.notebooks import STOPPED, status, stopped
from kubeconfigs import kubeconfig
from scripted import Reply, serving

from fixtures.notebooks import Notebooks
from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Kubernetes, Reached
from gonogo.cluster.api import Kind
from gonogo.core.endpoints import Endpoints, Timeouts
from gonogo.core.errors import ClientError, Wrong, ending
from gonogo.core.outcomes import Mode
from gonogo.providers.existing.access import ClusterAccess

ROOT = Path(__file__).parent.parent
COMPONENT = Registry.load(ROOT).components["notebooks"]
CHECKS = {
    mark.args[0]: test
    for test in runpy.run_path(str(ROOT / "suites/notebooks/test_notebooks.py")).values()
    for mark in getattr(test, "pytestmark", ())
    if mark.name == "criterion"
}
NOTEBOOK = Kind("kubeflow.org", "v1", "notebooks", "Notebook", True)
RUN = "pv-20261201050000-abc123"
OURS = f"{RUN}-1"
API = f"GET /notebook/{OURS}/{OURS}/api"

Object = dict[str, Any]


def ago(seconds: float) -> str:
    """The moment so many seconds ago."""
    return f"{datetime.now(UTC) - timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


class Scope:
    """A run that may write, and removes what it made."""

    run, mode = RUN, Mode.WRITE

    @contextmanager
    def owns(self, kind: str, owner: Any, form: str = "{run}-{n}") -> Iterator[str]:
        try:
            yield OURS
        finally:
            owner.remove(kind, OURS)

    def sends(self, size: int) -> None:
        """As many as it likes."""


class Controller:
    """Reconciles whatever is made or changed, at once; the flags are for a test to change."""

    def __init__(self, held: Cluster) -> None:
        self.held, self.runs, self.stops, self.keeps = held, True, True, True
        self.state: Object = {"running": {"startedAt": "2026-12-01T05:00:00Z"}}
        self._answer = held.answer
        held.answer = self.answer  # type: ignore[method-assign]

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> tuple[int, Any]:
        found = self._answer(method, path, query, body)
        if method in ("POST", "PATCH") and "/notebooks" in path and found[0] < 300 and self.runs:
            self.reconcile(found[1])
        return found

    def reconcile(self, one: Object) -> None:
        meta = one["metadata"]
        name, space = meta["name"], meta["namespace"]
        pods = ("pods", space, f"{name}-0")
        if stopped(one) and self.stops:
            self.held.objects.pop(pods, None)
            if not self.keeps:
                self.held.objects.pop(("persistentvolumeclaims", space, name), None)
        else:
            claim = self.held.objects.get(("persistentvolumeclaims", space, name))
            if claim is not None:
                claim["spec"]["volumeName"], claim["status"] = "pvc-1", {"phase": "Bound"}
            ready = {"type": "Ready", "status": "True" if "running" in self.state else "False"}
            told = {"conditions": [ready], "containerStatuses": [{"name": name, "state": self.state}]}
            self.held.put("Pod", space, f"{name}-0", labels={"notebook-name": name}, status=told)
        self.held.get("Notebook", space, name)["status"] = status(one, self.held.objects.get(pods))


def controller_ready(held: Cluster, ready: int) -> None:
    status = {"replicas": 1, "readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": 1}
    template = {"spec": {"containers": [{"name": "manager", "image": "registry.example/notebook-controller:v1.10.0"}]}}
    held.put(
        "Deployment",
        "kubeflow",
        "notebook-controller-deployment",
        labels={"app": "notebook-controller"},
        spec={"replicas": 1, "template": template},
        status=status,
    )


@pytest.fixture
def held() -> Iterator[Cluster]:
    with cluster(NOTEBOOK, spaces=["kubeflow", "kube-system", "team"]) as held:
        controller_ready(held, 1)
        yield held


@pytest.fixture
def controller(held: Cluster) -> Controller:
    return Controller(held)


@pytest.fixture
def ask(held: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Notebooks]]:
    """A client; the server of a notebook answers so."""
    monkeypatch.setattr(Notebooks, "clock", Counting())
    timeouts = Timeouts(connect=5, check=5)
    access = ClusterAccess(Kubernetes(kubeconfig=str(kubeconfig(tmp_path / "config", server=held.url))), timeouts)
    replies: dict[str, list[Reply]] = {}
    scope: Any = Scope()

    def asked(reply: Reply = Reply(body='{"version": "2.14.0"}'), **addresses: str) -> Notebooks:  # noqa: B008
        replies[API] = [reply]
        there = {"namespace": "kubeflow", **addresses}
        ends = Endpoints("notebooks", there, expect=COMPONENT.expect, timeouts=timeouts, cluster=access, scope=scope)
        return Notebooks(ends)

    with serving(replies) as script, closing(access):
        port = int(script.url.rpartition(":")[2])
        monkeypatch.setattr(access, "reached", lambda service, web: Reached("127.0.0.1", port, "port-forward"))
        yield asked


def told(client: Notebooks, *ids: str) -> dict[str, tuple[str, str]]:
    """Outcome and cause of each criterion's check that does not pass."""
    found = {}
    for id in ids or CHECKS:
        try:
            CHECKS[id](client)
        except (ClientError, Wrong) as error:
            found[id.partition(".")[2]] = (str(ending(error).outcome), error.signature.partition(".")[2])
    return found


def notebook(
    held: Cluster, name: str = "lab", *, claim: str = "", age: float = 3600, stop: bool = False, **status: Any
) -> None:
    """One of others, with this status; none: nobody has taken it up."""
    volumes = [{"name": "work", "persistentVolumeClaim": {"claimName": claim}}] if claim else []
    spec = {"template": {"spec": {"containers": [{"name": name, "image": "lab"}], "volumes": volumes}}}
    more = {"annotations": {STOPPED: "2026-12-01T05:00:00Z"}} if stop else {}
    held.put(NOTEBOOK, "team", name, spec=spec, **more, **({"status": status} if status else {}))
    held.get("Notebook", "team", name)["metadata"]["creationTimestamp"] = ago(age)


READY: Object = {
    "readyReplicas": 1,
    "containerState": {"running": {}},
    "conditions": [{"type": "Ready", "status": "True"}],
}
NO_IMAGE: Object = {
    "readyReplicas": 0,
    "containerState": {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}},
    "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady"}],
}
AT_REST: Object = {"readyReplicas": 0, "containerState": {}, "conditions": []}


def test_what_is_as_it_should_be_is_green_and_leaves_nothing(
    held: Cluster, controller: Controller, ask: Callable[..., Notebooks]
) -> None:
    held.put("PersistentVolumeClaim", "team", "work", spec={"volumeName": "pvc-0"}, status={"phase": "Bound"})
    notebook(held, claim="work", **READY)
    notebook(held, "rests", claim="work", stop=True, **AT_REST)
    before = held.there("Notebook", "Namespace", "PersistentVolumeClaim")

    found = told(ask())

    assert (found, ask().version()) == ({}, "1.10.0")
    assert held.there("Notebook", "Namespace", "PersistentVolumeClaim") == before


def test_what_only_reads_writes_nothing(held: Cluster, ask: Callable[..., Notebooks]) -> None:
    notebook(held, **READY)
    told(ask(), *(id for id, check in CHECKS.items() if not any(m.name == "writes" for m in check.pytestmark)))

    assert {line.partition(" ")[0] for line in held.asked} <= {"get", "list"}


def test_nothing_in_sight_is_no_verdict(ask: Callable[..., Notebooks]) -> None:
    found = told(ask(), "notebooks.ready", "notebooks.claims")

    assert found == {"ready": ("broken", "not_askable"), "claims": ("broken", "not_askable")}


def test_a_cluster_without_the_kind_is_told(tmp_path: Path) -> None:
    with cluster(spaces=["kubeflow", "kube-system"]) as bare:
        config = kubeconfig(tmp_path / "config", server=bare.url)
        timeouts = Timeouts(connect=5, check=5)
        with closing(ClusterAccess(Kubernetes(kubeconfig=str(config)), timeouts)) as access:
            ends = Endpoints("notebooks", {"namespace": "kubeflow"}, expect=COMPONENT.expect, cluster=access)
            found = told(Notebooks(ends), "notebooks.answers")

    assert found == {"answers": ("failed", "not_installed")}


LONG, NOW = 3600.0, 0.0

OTHERS: dict[str, tuple[Object, float, str]] = {
    "its image is missing": (NO_IMAGE, LONG, "not_ready"),
    "its image has no valid name": (
        {"readyReplicas": 0, "containerState": {"waiting": {"reason": "InvalidImageName"}}}, NOW, "not_ready"),
    "it still has its time": (NO_IMAGE, NOW, ""),
    "nobody has taken it up": ({}, LONG, "not_taken_up"),
    "nobody has taken it up yet": ({}, NOW, ""),
}  # fmt: skip


@pytest.mark.parametrize("what", OTHERS)
def test_a_notebook_of_others_that_is_not_ready_is_told(
    held: Cluster, ask: Callable[..., Notebooks], what: str
) -> None:
    status, age, cause = OTHERS[what]
    notebook(held, age=age, **status)

    assert told(ask(), "notebooks.ready") == ({"ready": ("failed", cause)} if cause else {})


@pytest.mark.parametrize("phase", ["", "Lost"])
def test_a_claim_that_is_gone_is_told_of_a_stopped_notebook_too(
    held: Cluster, ask: Callable[..., Notebooks], phase: str
) -> None:
    notebook(held, claim="work", stop=True, **AT_REST)
    if phase:
        held.put("PersistentVolumeClaim", "team", "work", spec={}, status={"phase": phase})

    found = told(ask(), "notebooks.ready", "notebooks.claims")

    assert found == {"claims": ("failed", "claim_missing")}


@pytest.mark.parametrize(("ready", "cause"), [(0, "part_down"), (None, "part_missing")])
def test_a_controller_that_is_not_there_is_told(
    held: Cluster, ask: Callable[..., Notebooks], ready: int | None, cause: str
) -> None:
    if ready is None:
        held.remove("Deployment", "kubeflow", "notebook-controller-deployment")
    else:
        controller_ready(held, ready)
        notebook(held)

    found = told(ask(), "notebooks.parts")

    assert found == {"parts": ("failed", cause)}
    assert ready is None or told(ask(), "notebooks.ready") == {"ready": ("failed", "part_down")}


def fault(**flags: Any) -> Callable[[Controller], None]:
    return lambda controller: [setattr(controller, name, value) for name, value in flags.items()] and None


def down(controller: Controller) -> None:
    controller.runs = False
    controller_ready(controller.held, 0)


def refused(controller: Controller) -> None:
    controller.held.unadmitted["create notebooks.kubeflow.org"] = "exceeded quota"


OURS_FAIL: dict[str, tuple[Callable[[Controller], None], str, str]] = {
    "nobody takes it up": (fault(runs=False), "serves", "not_taken_up"),
    "the controller is down": (down, "serves", "part_down"),
    "its image is missing": (fault(state={"waiting": {"reason": "ImagePullBackOff"}}), "serves", "pod_not_starting"),
    "it never gets ready": (fault(state={"waiting": {"reason": "ContainerCreating"}}), "serves", "not_ready"),
    "it is not admitted": (refused, "serves", "refused"),
    "it cannot be stopped": (fault(stops=False), "stopped", "not_stopped"),
    "its claim goes with its pod": (fault(keeps=False), "stopped", "claim_lost"),
}


@pytest.mark.parametrize("what", OURS_FAIL)
def test_a_notebook_of_ours_that_does_not_follow_is_blamed_on_what_it_is(
    held: Cluster, controller: Controller, ask: Callable[..., Notebooks], what: str
) -> None:
    inject, criterion, cause = OURS_FAIL[what]
    inject(controller)

    found = told(ask(), f"notebooks.{criterion}")

    assert found == {criterion: ("failed", cause)}
    assert not {one for one in held.there("Notebook", "Namespace", "PersistentVolumeClaim") if RUN in one}


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404, "404 page not found"),
        Reply(502, "<html>"),
        Reply(cut=True),
        Reply(body="<html>Log in</html>"),
        Reply(body="{}"),
        Reply(body='["version"]'),
    ],
    ids=map(str, range(6)),
)
def test_a_ready_notebook_that_does_not_answer_is_told(
    controller: Controller, ask: Callable[..., Notebooks], reply: Reply
) -> None:
    assert told(ask(reply), "notebooks.serves") == {"serves": ("failed", "not_reachable")}


def test_what_a_killed_run_left_is_found_and_removed(held: Cluster, ask: Callable[..., Notebooks]) -> None:
    held.put("Namespace", "", OURS)
    held.put(NOTEBOOK, "team", OURS, spec={})
    held.put("PersistentVolumeClaim", "team", OURS, spec={})
    client = ask(notebooks="team")

    left = client.leftovers()
    for one in left:
        client.remove(one.kind, one.name)

    assert {(one.kind, one.run) for one in left} == {("namespace", RUN), ("notebook", RUN)}
    assert not [one for one in held.there() if RUN in one]
    assert json.dumps([one.name for one in client.leftovers()]) == "[]"
