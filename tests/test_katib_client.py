"""What the client of Katib makes of its objects: each fault is seen, and blamed on what it is.

The objects are as Katib's own types have them, with what real ones said (0.19). tests/cluster/test_katib.py asks one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from api_server import Cluster, cluster
from kubeconfigs import kubeconfig

from fixtures.katib import COLLECTOR, INJECTION, Katib
from fixtures.look import Seen
from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Kubernetes, load_target
from gonogo.cluster.api import Kind
from gonogo.commands.rbac import rights
from gonogo.core.endpoints import Endpoints, Timeouts
from gonogo.core.errors import ClientError, Wrong
from gonogo.core.outcomes import Mode, Outcome
from gonogo.providers.existing.access import ClusterAccess

ROOT = Path(__file__).parent.parent
REGISTRY = Registry.load(ROOT)
COMPONENT = REGISTRY.components["katib"]

EXPERIMENT = Kind("kubeflow.org", "v1beta1", "experiments", "Experiment", True)
TRIAL = Kind("kubeflow.org", "v1beta1", "trials", "Trial", True)
SUGGESTION = Kind("kubeflow.org", "v1beta1", "suggestions", "Suggestion", True)
RUN = "pv-20261130221500-abc123"

Object = dict[str, Any]
Answer = tuple[int, Any]


def condition(type: str, status: str = "True", reason: str = "") -> Object:
    return {"type": type, "status": status, "reason": reason or f"Experiment{type}", "message": "told"}


def workload(held: Cluster, part: str, *, replicas: int = 1, ready: int = 1) -> None:
    """A server of Katib, labelled as its own manifests label it."""
    labels = {"katib.kubeflow.org/component": part}
    template = {"spec": {"containers": [{"name": part, "image": "registry.example/katib/x:v0.19.0"}]}}
    status = {"replicas": replicas, "readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": replicas}
    held.put(
        "Deployment",
        "kubeflow",
        f"katib-{part}",
        labels=labels,
        spec={"replicas": replicas, "template": template},
        status=status,
    )


class Webhooks:
    """What Katib's webhooks do to what is created; ``up``, ``asked`` and ``algorithms`` are for a test to change."""

    def __init__(self, held: Cluster) -> None:
        self.up, self.asked, self.algorithms = True, True, ["random"]
        self.made: Callable[[Object], None] = lambda body: None
        self._answer = held.answer
        held.answer = self.answer  # type: ignore[method-assign]

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Answer:
        if method != "POST" or not path.endswith("/experiments"):
            return self._answer(method, path, query, body)
        if not self.up:
            return 500, {"kind": "Status", "code": 500, "message": 'failed calling webhook "validator": no endpoints'}
        spec = body["spec"]
        valid = (
            spec["parallelTrialCount"] <= spec["maxTrialCount"]
            and spec["algorithm"]["algorithmName"] in self.algorithms
        )
        if self.asked and not valid:
            return 400, {"kind": "Status", "code": 400, "message": "admission webhook denied the request"}
        if query.get("dryRun"):
            return 201, body
        answer = self._answer(method, path, query, body)
        self.made(answer[1])
        return answer


@pytest.fixture
def held() -> Iterator[Cluster]:
    """A cluster where Katib runs, and a namespace for experiments."""
    with cluster(EXPERIMENT, TRIAL, SUGGESTION, spaces=["kubeflow", "kube-system"]) as held:
        held.put("Namespace", "", "team", labels={INJECTION: "enabled"})
        for part in ("controller", "db-manager", "mysql"):
            workload(held, part)
        yield held


@pytest.fixture
def webhooks(held: Cluster) -> Webhooks:
    return Webhooks(held)


class Scope:
    """A run that may write, and removes what it made."""

    run, mode = RUN, Mode.WRITE

    def name(self, form: str = "{run}-{n}") -> str:
        return form.format(run=self.run, n=1)

    @contextmanager
    def owns(self, kind: str, owner: Any, form: str = "{run}-{n}") -> Iterator[str]:
        try:
            yield self.name(form)
        finally:
            owner.remove(kind, self.name(form))

    def gone(self, run: str, kind: str, name: str) -> None:
        """Nothing is kept."""

    def sends(self, size: int) -> None:
        """As many as it likes."""


Ask = Callable[..., Katib]


@pytest.fixture
def ask(held: Cluster, webhooks: Webhooks, tmp_path: Path) -> Iterator[Ask]:
    """A client of that cluster."""
    config = kubeconfig(tmp_path / "config", server=held.url)
    timeouts = Timeouts(connect=5, check=5)
    access = ClusterAccess(Kubernetes(kubeconfig=str(config)), timeouts)

    def asked(experiments: str = "", **expect: Any) -> Katib:
        told = {**COMPONENT.expect, **expect}
        addresses = {"namespace": "kubeflow", **({"experiments": experiments} if experiments else {})}
        scope: Any = Scope()
        return Katib(Endpoints("katib", addresses, expect=told, timeouts=timeouts, cluster=access, scope=scope))

    with closing(access):
        yield asked


QUESTIONS = ("parts", "refusing_valid", "admitting_invalid", "uninjected", "stuck")


def faults(client: Katib, *questions: str) -> dict[str, str]:
    """The cause of each question that is not answered well, by its name."""
    found = {}
    for question in questions or QUESTIONS:
        try:
            seen: Seen = getattr(client, question)()
        except ClientError as error:
            found[question] = error.signature
        else:
            found |= {question: seen.cause} if seen.wrong else {}
    return found


def experiment(held: Cluster, space: str = "team", *, age: float = 3600, name: str = "lr", **status: Any) -> None:
    """An experiment, of that age."""
    held.put(EXPERIMENT, space, name, spec={"maxTrialCount": 2}, **({"status": status} if status else {}))
    made = f"{datetime.now(UTC) - timedelta(seconds=age):%Y-%m-%dT%H:%M:%SZ}"
    held.get("Experiment", space, name)["metadata"]["creationTimestamp"] = made


SUCCEEDED = {
    "conditions": [condition("Created"), condition("Running", "False"), condition("Succeeded")],
    "trialsSucceeded": 2,
}


def test_what_is_as_it_should_be_has_no_fault(held: Cluster, ask: Ask) -> None:
    experiment(held, **SUCCEEDED)

    assert faults(ask()) == {}
    assert ask().answers() == "shows 0 experiments"
    assert ask().version() == "0.19.0"
    assert held.there("Experiment") == {"Experiment team/lr"}


# -- admission


def test_a_valid_experiment_that_is_refused_is_told(ask: Ask, webhooks: Webhooks) -> None:
    webhooks.algorithms = ["tpe"]

    assert faults(ask(), "refusing_valid") == {"refusing_valid": "katib.valid_refused"}


def test_an_invalid_experiment_that_is_admitted_is_told(ask: Ask, webhooks: Webhooks) -> None:
    webhooks.asked = False

    assert faults(ask(), "refusing_valid", "admitting_invalid") == {"admitting_invalid": "katib.webhook_absent"}


@pytest.mark.parametrize(("ready", "cause"), [(1, "katib.webhook_unreachable"), (0, "katib.part_down")])
def test_a_webhook_that_does_not_answer_is_told(
    held: Cluster, ask: Ask, webhooks: Webhooks, ready: int, cause: str
) -> None:
    webhooks.up = False
    workload(held, "controller", ready=ready)

    seen = faults(ask(), "refusing_valid", "admitting_invalid")

    assert seen == dict.fromkeys(("refusing_valid", "admitting_invalid"), cause)


def test_where_no_namespace_has_the_label_nothing_is_proven(held: Cluster, ask: Ask) -> None:
    held.put("Namespace", "", "team")

    seen = faults(ask(), "refusing_valid", "admitting_invalid")

    assert seen == dict.fromkeys(("refusing_valid", "admitting_invalid"), "katib.injection_off")


def test_a_right_that_is_missing_is_no_refusal(held: Cluster, ask: Ask) -> None:
    held.refused.add("create experiments.kubeflow.org")
    held.answer = Cluster.answer.__get__(held)  # type: ignore[method-assign]

    seen = faults(ask(), "refusing_valid", "admitting_invalid")

    assert seen == dict.fromkeys(("refusing_valid", "admitting_invalid"), "katib.right_missing")


# -- servers, label, experiments


@pytest.mark.parametrize(("replicas", "ready"), [(1, 0), (0, 0)])
def test_a_server_that_is_not_ready_is_told(held: Cluster, ask: Ask, replicas: int, ready: int) -> None:
    workload(held, "db-manager", replicas=replicas, ready=ready)

    assert faults(ask(), "parts") == {"parts": "katib.part_down"}


def test_a_server_that_is_not_there_is_told(held: Cluster, ask: Ask) -> None:
    held.remove("Deployment", "kubeflow", "katib-controller")

    assert faults(ask(), "parts") == {"parts": "katib.part_missing"}


def test_a_cluster_without_its_kinds_is_another_thing_than_none(held: Cluster, ask: Ask) -> None:
    held.kinds = [one for one in held.kinds if one.group != "kubeflow.org"]

    with pytest.raises(ClientError) as raised:
        ask().answers()

    assert (raised.value.signature, raised.value.outcome) == ("katib.not_installed", Outcome.FAILED)


def test_no_experiment_at_all_is_never_a_pass(ask: Ask) -> None:
    assert faults(ask(), "stuck") == {"stuck": "katib.not_askable"}


@pytest.mark.parametrize("where", ["named", "of an experiment", "nowhere"])
def test_a_namespace_without_the_label_is_told(held: Cluster, ask: Ask, where: str) -> None:
    held.put("Namespace", "", "other")
    if where == "of an experiment":
        experiment(held, "other", **SUCCEEDED)
    if where == "nowhere":
        held.put("Namespace", "", "team", labels={INJECTION: "disabled"})

    seen = faults(ask("other" if where == "named" else ""), "uninjected")

    assert seen == {"uninjected": "katib.injection_off"}


RUNNING = {"conditions": [condition("Created"), condition("Running")]}
UNMEASURED = {"conditions": [condition("Failed")], "trialMetricsUnavailable": 1}


@pytest.mark.parametrize(
    ("status", "age", "cause"),
    [
        ({}, 30, ""),
        ({}, 90, "katib.experiment_stuck"),
        (RUNNING, 30, ""),
        (RUNNING, 3600, ""),
        ({"conditions": [condition("Failed")], "trialsFailed": 2}, 3600, ""),
        (UNMEASURED, 3600, "katib.metrics_unavailable"),
    ],
)
def test_an_experiment_that_does_not_go_on_is_told(
    held: Cluster, ask: Ask, status: Object, age: float, cause: str
) -> None:
    experiment(held, age=age, **status)

    assert faults(ask(), "stuck") == ({"stuck": cause} if cause else {})


def test_a_controller_that_is_gone_is_the_root(held: Cluster, ask: Ask) -> None:
    experiment(held)
    workload(held, "controller", replicas=0, ready=0)

    assert faults(ask(), "stuck") == {"stuck": "katib.part_down"}


def test_a_suggestion_that_does_not_come_up_is_told(held: Cluster, ask: Ask) -> None:
    experiment(held, **RUNNING)
    held.put(
        SUGGESTION,
        "team",
        "lr",
        spec={},
        status={"conditions": [condition("Created"), condition("DeploymentReady", "False")]},
    )

    assert faults(ask(), "stuck") == {"stuck": "katib.suggestion_down"}


@pytest.mark.parametrize(
    ("containers", "labelled", "ready", "cause"),
    [
        (["train", COLLECTOR], True, 1, "katib.metrics_unavailable"),
        (["train"], True, 1, "katib.collector_missing"),
        (["train"], False, 1, "katib.injection_off"),
        (["train", COLLECTOR], True, 0, "katib.part_down"),
    ],
)
def test_why_there_are_no_metrics_is_told(
    held: Cluster, ask: Ask, containers: list[str], labelled: bool, ready: int, cause: str
) -> None:
    experiment(held, **UNMEASURED)
    held.put("Namespace", "", "team", labels={INJECTION: "enabled"} if labelled else {})
    spec = {"containers": [{"name": one, "image": "busybox:1"} for one in containers]}
    held.put(
        "Pod", "team", "lr-1", labels={"katib.kubeflow.org/experiment": "lr"}, spec=spec, status={"phase": "Succeeded"}
    )
    workload(held, "db-manager", ready=ready)

    assert faults(ask(), "stuck") == {"stuck": cause}


# -- an experiment of our own


def controller(held: Cluster, losses: Mapping[str, str], best: str, **status: Any) -> Callable[[Object], None]:
    """Ends what is made at once: a trial for each loss, of which one is the best."""

    def end(made: Object) -> None:
        space, name = made["metadata"]["namespace"], made["metadata"]["name"]
        for trial, loss in losses.items():
            observation = {"metrics": [{"name": "loss", "latest": loss, "min": loss, "max": loss}]}
            told = {"conditions": [condition("Succeeded")], "observation": observation}
            held.put(
                TRIAL, space, f"{name}-{trial}", labels={"katib.kubeflow.org/experiment": name}, spec={}, status=told
            )
        loss = losses.get(best, "")
        optimal = {
            "bestTrialName": best,
            "observation": {"metrics": [{"name": "loss", "latest": loss}] if loss else []},
        }
        made["status"] = {**SUCCEEDED, "trialsSucceeded": len(losses), "currentOptimalTrial": optimal, **status}

    return end


def test_an_experiment_of_our_own_is_made_asked_and_taken_away(held: Cluster, ask: Ask, webhooks: Webhooks) -> None:
    webhooks.made = controller(held, {"a": "0.17", "b": "0.13"}, "b")
    client = ask()

    with client.experiment() as made:
        there = held.get("Namespace", "", f"{RUN}-1")["metadata"]["labels"]
        left = client.leftovers()
        seen = client.tuned(made)

    assert seen == (2, "b", 0.13, 0.13)
    assert there == {INJECTION: "enabled", "gonogo/run": RUN}
    assert left == [("namespace", f"{RUN}-1", RUN)]
    assert held.there("Experiment", "Namespace") == {"Namespace kube-system", "Namespace kubeflow", "Namespace team"}


def test_in_a_namespace_that_is_named_only_the_experiment_is_ours(held: Cluster, ask: Ask, webhooks: Webhooks) -> None:
    webhooks.made = controller(held, {"a": "0.17", "b": "0.13"}, "a")
    client = ask("team")

    with client.experiment() as made:
        left = client.leftovers()
        seen = client.tuned(made)

    assert seen == (2, "a", 0.17, 0.13)
    assert left == [("experiment", f"{RUN}-1", RUN)]
    assert "Namespace team" in held.there("Namespace")
    assert held.there("Experiment") == set()


FAILED = {"conditions": [condition("Failed")]}


@pytest.mark.parametrize(
    ("trial", "cause"),
    [
        ({"conditions": [condition("Failed")]}, "katib.trial_failed"),
        ({"conditions": [condition("MetricsUnavailable")]}, "katib.metrics_unavailable"),
    ],
)
def test_a_trial_that_fails_ends_the_wait(
    held: Cluster, ask: Ask, webhooks: Webhooks, trial: Object, cause: str
) -> None:
    def end(made: Object) -> None:
        space, name = made["metadata"]["namespace"], made["metadata"]["name"]
        held.put(TRIAL, space, f"{name}-a", labels={"katib.kubeflow.org/experiment": name}, spec={}, status=trial)

    webhooks.made = end
    client = ask()

    with pytest.raises(Wrong) as raised, client.experiment() as made:
        client.tuned(made)

    assert raised.value.signature == cause
    assert not {one for one in held.there("Namespace") if "pv-" in one}


def test_an_experiment_that_nobody_takes_up_is_blamed_on_the_controller(held: Cluster, ask: Ask) -> None:
    workload(held, "controller", ready=0)
    client = ask(tuning=0.1)

    with pytest.raises(Wrong) as raised, client.experiment() as made:
        client.tuned(made)

    assert raised.value.signature == "katib.part_down"


def test_an_experiment_that_does_not_end_is_told(ask: Ask) -> None:
    client = ask(tuning=0.1)

    with pytest.raises(Wrong) as raised, client.experiment() as made:
        client.tuned(made)

    assert raised.value.signature == "katib.experiment_stuck"


# -- a run, and its rights


TARGET = """
[target]
name = "there"
provider = "existing"
capabilities = ["kubernetes"]
modes = ["read", "write"]
[kubernetes]
namespaces = ["team"]
"""


def test_a_run_asks_katib_through_the_cluster_of_its_target(held: Cluster, webhooks: Webhooks, tmp_path: Path) -> None:
    experiment(held, **SUCCEEDED)
    webhooks.made = controller(held, {"a": "0.17", "b": "0.13"}, "a")  # which is not the best
    config = kubeconfig(tmp_path / "config", server=held.url)
    file = tmp_path / "target.toml"
    file.write_text(
        f'{TARGET}kubeconfig = "{config}"\nidentity = "{_uid(held)}"\n[components.katib]\nnamespace = "kubeflow"\n'
    )
    command = [sys.executable, "-m", "pytest", "suites/katib", "--target", str(file), "--out", str(tmp_path), "-q"]

    done = subprocess.run([*command, "--mode", "write"], cwd=ROOT, capture_output=True, text=True, check=False)

    results = json.loads((tmp_path / "results.json").read_text())
    found = {c["id"]: c["outcome"] for c in results["criteria"] if c["component"] == "katib"}
    causes = {
        c["criteria"][0]: (c["cause"] or {}).get("signature") for c in results["checks"] if c["outcome"] == "failed"
    }
    assert {id for id, outcome in found.items() if outcome != "passed"} == {"katib.tuning"}, done.stdout
    assert causes == {"katib.tuning": "katib.no_optimum"}
    assert not {one for one in held.there("Namespace") if "pv-" in one}


def _uid(held: Cluster) -> str:
    return str(held.get("Namespace", "", "kube-system")["metadata"]["uid"])


def test_only_whoever_writes_may_make_more_than_a_dry_run(tmp_path: Path) -> None:
    (tmp_path / "target.toml").write_text(TARGET + '[components.katib]\nnamespace = "kubeflow"\n')
    target = load_target(str(tmp_path / "target.toml"), ROOT, REGISTRY)

    read, write = (
        {(g.namespace, g.resource, g.verb) for g in rights(REGISTRY, target, m)} for m in (Mode.READ, Mode.WRITE)
    )

    creating = {one for one in read if one[2] not in ("list", "watch", "get")}
    assert creating == {(space, "experiments.kubeflow.org", "create") for space in ("kubeflow", "team")}
    assert {("", "namespaces", "create"), ("", "experiments.kubeflow.org", "delete")} <= write - read
