"""``suites/katib`` on a real Katib: right where it is right, red and blamed right where something is broken.

Skipped where Katib is not there, in namespace ``kubeflow``, or has experiments of others.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
import yaml
from cluster.accounts import account
from cluster.live import IMAGE, OPERATED, Cluster
from cluster.standing import ROOT
from kubeconfigs import kubeconfig as written

from gonogo.core.waiting import until

SPACE = "kubeflow"
INJECTION = "katib.kubeflow.org/metrics-collector-injection"
CRITERIA = {
    "katib.answers",
    "katib.parts",
    "katib.admission",
    "katib.injection",
    "katib.experiments",
    "katib.tuning",
}

Outcomes = dict[str, tuple[str, str]]


class Platform:
    """The suite, asked about Katib and the experiments of one namespace."""

    def __init__(self, cluster: Cluster, namespace: str, folder: Path) -> None:
        self.cluster, self.namespace, self.folder = cluster, namespace, folder
        self.config, self.said = str(cluster.kubeconfig), dict[str, str]()

    def ask(self, *more: str, expect: str = "", experiments: str = "", image: str = "") -> Outcomes:
        """Criterion to outcome and cause; ``more`` are options of pytest."""
        target = self.folder / "target.toml"
        uid = (self.cluster.find("Namespace", "kube-system") or {})["metadata"]["uid"]
        target.write_text(
            f"""
[target]
name = "there"
provider = "existing"
modes = ["read", "write"]
capabilities = ["kubernetes"]
[kubernetes]
kubeconfig = {json.dumps(self.config)}
identity = "{uid}"
namespaces = ["{self.namespace}"]
[components.katib]
namespace = "{SPACE}"
{f'experiments = "{experiments}"' if experiments else ""}
[components.katib.expect]
image = "{image or os.environ.get(IMAGE, "busybox")}"
{expect}
"""
        )
        command = [sys.executable, "-m", "pytest", "suites/katib", "--target", str(target), "--out", str(self.folder)]
        done = subprocess.run([*command, "-q", *more], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done.stderr + done.stdout
        results = json.loads((self.folder / "results.json").read_text())
        causes: dict[str, str] = {}
        for check in results["checks"]:
            for id in check["criteria"]:
                causes[id] = causes.get(id) or (check["cause"] or {}).get("signature", "")
        criteria = [c for c in results["criteria"] if c["component"] == "katib"]
        self.said = {c["id"]: c["reason"] for c in criteria}
        return {c["id"]: (c["outcome"], causes.get(c["id"], "")) for c in criteria}

    @contextmanager
    def experiment(self, script: str) -> Iterator[str]:
        """An experiment of one trial in the namespace, until the body ends."""
        kind, name = OPERATED["Experiment"], f"lr-{token_hex(3)}"
        container = {
            "name": "train",
            "image": os.environ.get(IMAGE, "busybox"),
            "command": ["sh", "-c", script],
        }
        rate = {"name": "rate", "parameterType": "double", "feasibleSpace": {"min": "0.1", "max": "0.2"}}
        job = {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}, "backoffLimit": 0}
        spec = {
            "objective": {"type": "minimize", "objectiveMetricName": "loss"},
            "algorithm": {"algorithmName": "random"},
            "maxTrialCount": 1,
            "parallelTrialCount": 1,
            "maxFailedTrialCount": 0,
            "parameters": [rate],
            "trialTemplate": {
                "primaryContainerName": "train",
                "trialParameters": [{"name": "rate", "reference": "rate", "description": ""}],
                "trialSpec": {"apiVersion": "batch/v1", "kind": "Job", "spec": job},
            },
        }
        body: dict[str, Any] = {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {"name": name},
            "spec": spec,
        }
        until(
            lambda: self.cluster.told("POST", kind.path(self.namespace), body),
            awaited=name,
            within=60,
            every=1,
            retry=(RuntimeError,),
        )
        try:
            yield name
        finally:
            self.cluster.delete("Experiment", name, self.namespace)
            self.cluster.gone("Experiment", name, self.namespace)

    def labelled(self, value: str | None) -> None:
        """The label of the namespace."""
        self.cluster.change("Namespace", self.namespace, "", {"metadata": {"labels": {INJECTION: value}}})


@pytest.fixture(scope="module")
def platform(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A Katib, and a namespace whose trials have collectors."""
    if cluster.told("GET", OPERATED["Experiment"].path(SPACE)) is None:
        pytest.skip("Katib is not on this cluster: it serves no Experiment of kubeflow.org")
    if cluster.find("Deployment", "katib-controller", SPACE) is None:
        pytest.skip(f"Katib does not run in namespace {SPACE}")
    with cluster.namespace(f"gonogo-test-{token_hex(3)}-katib", {INJECTION: "enabled"}) as namespace:
        yield Platform(cluster, namespace, tmp_path_factory.mktemp("katib"))


def red(found: Outcomes) -> Outcomes:
    """What did not pass."""
    return {id: told for id, told in found.items() if told[0] != "passed"}


GOOD = "sleep 8; echo loss=${trialParameters.rate}"


@pytest.mark.slow
def test_what_is_as_it_should_be_passes(platform: Platform) -> None:
    with platform.experiment(GOOD) as name:
        done = "status.conditions[?type == 'Succeeded' && status == 'True']"
        platform.cluster.wait("Experiment", done, name=name, namespace=platform.namespace, within=180)

        found = platform.ask("--mode", "write")

    assert red(found) == {}, platform.said
    assert found.keys() == CRITERIA
    left = [one["metadata"]["name"] for one in platform.cluster.every("Namespace")]
    deleting = [
        one["metadata"]["name"] for one in platform.cluster.every("Namespace") if "deletionTimestamp" in one["metadata"]
    ]
    assert [one for one in left if one.startswith("pv-") and one not in deleting] == []


def test_without_an_experiment_the_rest_is_asked_by_reading_alone(platform: Platform) -> None:
    before = {one["metadata"]["name"] for one in platform.cluster.every("Experiment", SPACE)}

    found = platform.ask()

    assert red(found) == {"katib.experiments": ("broken", "katib.not_askable"), "katib.tuning": ("skipped", "")}
    assert {one["metadata"]["name"] for one in platform.cluster.every("Experiment", SPACE)} == before


def test_an_algorithm_that_katib_has_not_is_told(platform: Platform) -> None:
    found = platform.ask(expect='algorithm = "nosuch"')

    assert found["katib.admission"] == ("failed", "katib.valid_refused"), platform.said


@pytest.mark.slow
def test_a_metric_of_another_name_is_told(platform: Platform) -> None:
    with platform.experiment("sleep 8; echo accuracy=${trialParameters.rate}") as name:
        done = "status.trialMetricsUnavailable"
        platform.cluster.wait("Experiment", done, name=name, namespace=platform.namespace, within=180)

        found = platform.ask()

    assert found["katib.experiments"] == ("failed", "katib.metrics_unavailable"), platform.said


@pytest.mark.slow
def test_a_namespace_without_the_label_is_blamed_for_what_it_lacks(platform: Platform) -> None:
    platform.labelled(None)
    try:
        found = platform.ask("--mode", "write", experiments=platform.namespace)
    finally:
        platform.labelled("enabled")

    assert found["katib.injection"] == ("failed", "katib.injection_off"), platform.said
    assert found["katib.tuning"] == ("failed", "katib.injection_off"), platform.said


@pytest.mark.slow
def test_an_image_that_is_not_there_ends_the_wait(platform: Platform) -> None:
    found = platform.ask("--mode", "write", image="no/such-image:1")

    assert found["katib.tuning"] == ("failed", "katib.trial_failed"), platform.said
    assert "no/such-image:1" in platform.said["katib.tuning"]


@contextmanager
def scaled(cluster: Cluster, name: str) -> Iterator[None]:
    """A server of Katib without a pod, until the body ends."""
    cluster.change("Deployment", name, SPACE, {"spec": {"replicas": 0}})
    try:
        cluster.wait("Deployment", "!(status.readyReplicas)", name=name, namespace=SPACE)
        yield
    finally:
        cluster.change("Deployment", name, SPACE, {"spec": {"replicas": 1}})
        cluster.wait("Deployment", "status.readyReplicas == `1`", name=name, namespace=SPACE, within=120)


def test_a_controller_that_is_gone_is_the_root(platform: Platform) -> None:
    with scaled(platform.cluster, "katib-controller"):
        found = platform.ask()

    gone = ("failed", "katib.part_down")
    assert found["katib.parts"] == found["katib.admission"] == gone, platform.said


def test_a_db_manager_that_is_gone_is_told(platform: Platform) -> None:
    with scaled(platform.cluster, "katib-db-manager"):
        found = platform.ask()

    assert red(found)["katib.parts"] == ("failed", "katib.part_down"), platform.said


def test_a_webhook_that_is_not_asked_is_told(platform: Platform) -> None:
    path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/katib.kubeflow.org"
    before = platform.cluster.told("GET", path) or {}
    never = {"matchLabels": {"nobody": "has-it"}}
    without = [{**one, "namespaceSelector": never} for one in before["webhooks"]]
    platform.cluster.told("PATCH", path, {"webhooks": without}, kind="application/merge-patch+json")
    try:
        until(
            lambda: platform.ask()["katib.admission"][0] == "failed", awaited="the API server knows", within=60, every=1
        )
        found = platform.ask()
    finally:
        platform.cluster.told("PATCH", path, {"webhooks": before["webhooks"]}, kind="application/merge-patch+json")

    assert found["katib.admission"] == ("failed", "katib.webhook_absent"), platform.said


def test_an_account_without_the_right_is_told_which(platform: Platform) -> None:
    user = account(platform.cluster, platform.namespace, "nobody")
    api = yaml.safe_load(platform.cluster.kubeconfig.read_text())["clusters"][0]["cluster"]
    more = {key: value for key, value in api.items() if key != "server"}
    path = written(platform.folder / "config", server=api["server"], user=user, cluster=more)
    platform.config = str(path)
    try:
        found = platform.ask()
    finally:
        platform.config = str(platform.cluster.kubeconfig)

    assert found["katib.answers"] == ("broken", "katib.right_missing"), platform.said
