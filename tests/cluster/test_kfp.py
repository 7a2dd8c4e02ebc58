"""``suites/kfp`` as a run asks it, on a cluster: its servers are pods that only sleep, its API an emulator here.

No registry has Kubeflow Pipelines. What this shows is how gonogo looks at such servers, and nothing of the real ones.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest
from cluster.live import IMAGE, Cluster
from cluster.standing import ROOT
from emulators.kfp import Kubeflow, serving

PARTS = ("ml-pipeline", "ml-pipeline-persistenceagent")
CRITICAL = {"kfp.answers", "kfp.parts"}
NONE_LISTENS = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[str]:
    """Two stand-ins for servers, which are ready."""
    with cluster.namespace(f"gonogo-test-{token_hex(3)}-kfp") as namespace:
        for part in PARTS:
            container = {"name": "main", "image": os.environ.get(IMAGE, "busybox"), "command": ["sleep", "infinity"]}
            labels = {"app": part, "application-crd-id": "kubeflow-pipelines"}
            template = {
                "metadata": {"labels": labels},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
            }
            spec = {"replicas": 1, "selector": {"matchLabels": {"app": part}}, "template": template}
            meta = {"name": part, "labels": labels}
            cluster.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}, namespace)
            cluster.wait("Deployment", "status.readyReplicas == `1`", name=part, namespace=namespace)
        yield namespace


@pytest.fixture(scope="module")
def kubeflow() -> Iterator[Kubeflow]:
    with serving() as held:
        yield held


def asked(cluster: Cluster, folder: Path, namespace: str, url: str) -> dict[str, tuple[str, str]]:
    """Criterion of a critical level to outcome and cause, as a run of the suite stores it."""
    target = folder / "target.toml"
    target.write_text(
        f"""
[target]
name = "there"
provider = "existing"
capabilities = ["kubernetes"]
[kubernetes]
kubeconfig = {json.dumps(str(cluster.kubeconfig))}
namespaces = ["{namespace}"]
[components.kfp]
url = "{url}"
namespace = "{namespace}"
[components.kfp.expect]
parts = {json.dumps(PARTS)}
"""
    )
    command = [sys.executable, "-m", "pytest", "suites/kfp", "-m", "critical", "--target", str(target)]
    done = subprocess.run([*command, "--out", str(folder), "-q"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr + done.stdout
    results = json.loads((folder / "results.json").read_text())
    causes = {id: (c["cause"] or {}).get("signature", "") for c in results["checks"] for id in c["criteria"]}
    return {c["id"]: (c["outcome"], causes.get(c["id"], "")) for c in results["criteria"] if c["id"] in CRITICAL}


def test_what_is_as_it_should_be_is_green(cluster: Cluster, namespace: str, kubeflow: Kubeflow, tmp_path: Path) -> None:
    found = asked(cluster, tmp_path, namespace, kubeflow.url)

    assert found == dict.fromkeys(CRITICAL, ("passed", ""))
    assert {line.partition(" ")[0] for line in kubeflow.asked} == {"GET"}


def test_a_server_that_is_down_is_told_beside_an_api_that_answers(
    cluster: Cluster, namespace: str, kubeflow: Kubeflow, tmp_path: Path
) -> None:
    cluster.change("Deployment", PARTS[1], namespace, {"spec": {"replicas": 0}})
    cluster.wait("Deployment", "!(status.replicas)", name=PARTS[1], namespace=namespace)

    found = asked(cluster, tmp_path, namespace, kubeflow.url)

    assert found == {"kfp.answers": ("passed", ""), "kfp.parts": ("failed", "kfp.part_down")}


def test_an_api_that_does_not_answer_is_a_failed_platform(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    found = asked(cluster, tmp_path, namespace, NONE_LISTENS)

    assert found["kfp.answers"] == ("failed", "kfp.connection_refused")
