"""The suite of the cluster's health on a running cluster: green where all is well, red for the reason where not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster.live import Cluster

from gonogo.catalog.registry import Registry

ROOT = Path(__file__).parents[2]
Ask = Callable[..., dict[str, tuple[str, str, str]]]

SERVING = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: app, image: "${image}", command: [sleep, infinity]}]
"""
CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], storageClassName: no-such-class, resources: {requests: {storage: 1Gi}}}
"""


@pytest.fixture
def ask(kubeconfig: Path, namespace: str, tmp_path: Path) -> Ask:
    """Runs ``suites/health`` on the namespace; criterion to outcome, cause and reason."""

    def asked(config: Path = kubeconfig, expect: str = "") -> dict[str, tuple[str, str, str]]:
        target = tmp_path / "target.toml"
        target.write_text(
            f"""
[target]
name = "there"
provider = "existing"
capabilities = ["kubernetes"]
[kubernetes]
kubeconfig = {json.dumps(str(config))}
namespaces = ["{namespace}"]
[components.health.expect]
{expect}
"""
        )
        command = [sys.executable, "-m", "pytest", "suites/health", "--target", str(target), "--out", str(tmp_path)]
        done = subprocess.run([*command, "-q"], cwd=ROOT, capture_output=True, text=True, check=False)
        results = json.loads((tmp_path / "results.json").read_text())
        assert done.returncode in (0, 1), done.stderr
        causes = {id: (c["cause"] or {}).get("signature", "") for c in results["checks"] for id in c["criteria"]}
        criteria = [c for c in results["criteria"] if c["component"] == "health"]
        found = {c["id"]: (c["outcome"], causes.get(c["id"], ""), c["reason"]) for c in criteria}
        asked.health = results["health"]  # type: ignore[attr-defined]
        return found

    return asked


def outcomes(found: dict[str, tuple[str, str, str]]) -> dict[str, tuple[str, str]]:
    """Without the reasons."""
    return {id: (outcome, cause) for id, (outcome, cause, _) in found.items()}


def test_a_platform_whose_pods_serve_is_healthy(cluster: Cluster, namespace: str, apply: Any, ask: Any) -> None:
    apply(SERVING)
    cluster.wait("Deployment", "status.readyReplicas == `2`", name="web", namespace=namespace)

    found = ask(expect=f'workloads = [{{ kind = "Deployment", name = "{namespace}/web", pods = 2 }}]')

    assert outcomes(found) == dict.fromkeys(found, ("passed", "")), found
    assert found.keys() == {c.id for c in Registry.load(ROOT).criteria.values() if c.component == "health"}
    assert (ask.health["strict"], ask.health["pods"]) == (100.0, 2)


def test_an_image_that_is_not_there_makes_the_platform_unhealthy(
    cluster: Cluster, namespace: str, apply: Any, ask: Any
) -> None:
    apply(SERVING.replace("${image}", "no.such.host.invalid/web:1").replace("no.such.host.invalid/", ""))
    cluster.wait("Pod", "status.containerStatuses[0].state.waiting.reason == 'ImagePullBackOff'", namespace=namespace)

    found = ask(expect=f'workloads = [{{ kind = "StatefulSet", name = "{namespace}/web", pods = 3 }}]')

    assert outcomes(found)["health.answers"] == ("passed", "")
    assert outcomes(found)["health.pods"] == ("failed", "health.pods_unhealthy")
    assert outcomes(found)["health.workloads"] == ("failed", "health.workload_short")
    assert outcomes(found)["health.expected"] == ("failed", "health.workload_missing")
    assert "ImageNotFound" in found["health.workloads"][2]
    assert ask.health["strict"] == 0.0


def test_no_pods_at_all_are_no_health(namespace: str, apply: Any, ask: Any) -> None:
    apply(CLAIM)

    found = ask()

    assert outcomes(found)["health.pods"] == ("broken", "health.no_pods")
    assert outcomes(found)["health.workloads"] == ("broken", "health.no_pods")
    assert outcomes(found)["health.expected"] == ("broken", "health.nothing_expected")
    assert outcomes(found)["health.claims"] == ("failed", "health.claim_unbound")
    assert "no-such-class" in found["health.claims"][2]


def test_a_workload_scaled_to_zero_is_no_health(cluster: Cluster, namespace: str, apply: Any, ask: Any) -> None:
    apply(SERVING + "---" + SERVING.replace("name: web", "name: idle").replace("replicas: 2", "replicas: 0"))
    cluster.wait("Deployment", "status.readyReplicas == `2`", name="web", namespace=namespace)

    found = ask()

    assert outcomes(found)["health.pods"] == ("passed", "")
    assert outcomes(found)["health.workloads"] == ("failed", "health.workload_short")
    assert "idle" in found["health.workloads"][2]


def test_more_nodes_than_there_are_fail(apply: Any, ask: Any) -> None:
    apply(SERVING)

    found = ask(expect="nodes = 5000")

    assert outcomes(found)["health.nodes"] == ("failed", "health.node_unfit")


def test_a_pod_that_is_just_starting_decides_nothing(namespace: str, apply: Any, ask: Any) -> None:
    slow = "readinessProbe: {exec: {command: ['false']}, periodSeconds: 1}, command"
    apply(SERVING.replace("command", slow))

    found = ask()

    assert outcomes(found)["health.pods"] == ("broken", "health.not_settled")


def test_who_may_see_nothing_is_told_so(
    cluster: Cluster, namespace: str, apply: Any, ask: Any, kubeconfig: Path, tmp_path: Path
) -> None:
    apply(SERVING + "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: other}\n")
    config = yaml.safe_load(kubeconfig.read_text())
    config["users"][0]["user"]["as"] = f"system:serviceaccount:{namespace}:other"
    (other := tmp_path / "other.config").write_text(yaml.safe_dump(config))

    found = ask(other)

    assert outcomes(found)["health.answers"] == ("broken", "health.right_missing")
    assert f'in namespace "{namespace}" (verb list, resource ' in found["health.answers"][2]


POSTGRES = """
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: {name: pg}
spec: {instances: 1, storage: {size: 1Gi}}
"""


def test_pods_that_an_operator_owns_itself_are_a_workload(
    cluster: Cluster, namespace: str, apply: Any, ask: Any
) -> None:
    if cluster.find("CustomResourceDefinition", "clusters.postgresql.cnpg.io") is None:
        pytest.skip("CloudNativePG is not installed in this cluster")
    apply(POSTGRES)
    cluster.wait("Cluster", "status.phase == 'Cluster in healthy state'", name="pg", namespace=namespace, within=180)
    expect = f'workloads = [{{ kind = "Cluster.postgresql.cnpg.io", name = "{namespace}/pg", pods = 1 }}]'

    right = ask(expect=expect)
    pod = cluster.every("Pod", namespace)[0]["metadata"]["name"]
    cluster.change("Cluster", "pg", namespace, {"spec": {"instances": 2, "affinity": {"nodeSelector": {"no": "such"}}}})
    cluster.wait("Pod", "status.phase == 'Pending'", namespace=namespace, within=120)
    short = ask(expect=expect.replace("pods = 1", "pods = 2"))

    assert outcomes(right) == dict.fromkeys(right, ("passed", "")), (right, pod)
    assert outcomes(short)["health.workloads"] == ("failed", "health.workload_short")
    assert "Cluster" in short["health.workloads"][2]
    assert outcomes(short)["health.expected"] == ("failed", "health.workload_missing")
    assert "has 1 of 2 pods ready" in short["health.expected"][2]
