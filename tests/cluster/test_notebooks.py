"""``suites/notebooks`` on a cluster where a stand-in makes pods of Notebooks, and tells of them as a real one did.

No registry has the real controller. What this shows is how gonogo sees pods, claims and a Service of such an object.
Skipped where the cluster serves Notebooks already.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from cluster.live import IMAGE, Cluster
from cluster.standing import ROOT
from emulators.notebooks import DEFINITION, service, stateful_set, status

from gonogo.cluster.api import Kind
from gonogo.core.waiting import until

NOTEBOOK = Kind("kubeflow.org", "v1", "notebooks", "Notebook", True)
DEFINITIONS = Kind("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False)
CONTROLLER = "notebook-controller-deployment"
SERVER = """
import http.server, json, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        right = self.path == os.environ["NB_PREFIX"] + "/api"
        self.send_response(200 if right else 404)
        self.end_headers()
        self.wfile.write(json.dumps({"version": "2.14.0"}).encode() if right else b"no")
http.server.HTTPServer(("", 8888), Answer).serve_forever()
"""


class Stand:
    """The stand-in for the controller: looks again and again until it is ended; of one namespace alone."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster, self.namespace, self.serves = cluster, namespace, True
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._end.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._end.wait(0.5):
            with suppress(RuntimeError, OSError):
                for one in (self.cluster.told("GET", NOTEBOOK.path(self.namespace)) or {}).get("items", ()):
                    self._reconcile(one)

    def _reconcile(self, one: dict[str, Any]) -> None:
        name = one["metadata"]["name"]
        owner = {"apiVersion": "kubeflow.org/v1", "kind": "Notebook", "name": name, "uid": one["metadata"]["uid"]}
        wanted = stateful_set(one)
        for container in wanted["spec"]["template"]["spec"]["containers"]:
            container["command"] = ["python3", "-c", SERVER if self.serves else "import time; time.sleep(9999)"]
        wanted["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 1
        for made in (wanted, service(one)):
            made["metadata"]["ownerReferences"] = [{**owner, "controller": True}]
            self.cluster.apply(made, self.namespace)
        pod = self.cluster.find("Pod", f"{name}-0", self.namespace)
        told = {"status": status(one, pod)}
        path = f"{NOTEBOOK.path(self.namespace, name)}/status"
        self.cluster.told("PATCH", path, told, kind="application/merge-patch+json")


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace with a Deployment that only sleeps in the controller's place, and the kind Notebook for its time."""
    if cluster.told("GET", NOTEBOOK.path("default")) is not None:
        pytest.skip("this cluster serves Notebooks already: the stand-in would be a second controller")
    cluster.told("POST", DEFINITIONS.path(), DEFINITION)
    try:
        until(
            lambda: cluster.told("GET", NOTEBOOK.path("default")) is not None, awaited="the kind", within=60, every=0.5
        )
        with cluster.namespace(f"gonogo-test-{token_hex(3)}-notebooks") as namespace:
            labels = {"app": "notebook-controller"}
            container = {"name": "manager", "image": os.environ.get(IMAGE, "busybox"), "command": ["sleep", "infinity"]}
            template = {
                "metadata": {"labels": labels},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
            }
            spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
            meta = {"name": CONTROLLER, "labels": labels}
            cluster.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}, namespace)
            cluster.wait("Deployment", "status.readyReplicas == `1`", name=CONTROLLER, namespace=namespace)
            yield namespace
    finally:
        cluster.told("DELETE", DEFINITIONS.path(name="notebooks.kubeflow.org"))


@pytest.fixture
def stand(cluster: Cluster, namespace: str) -> Iterator[Stand]:
    stand = Stand(cluster, namespace)
    yield stand
    stand.close()


def asked(cluster: Cluster, folder: Path, namespace: str, *more: str, expect: str = "") -> dict[str, tuple[str, str]]:
    """Criterion to outcome and cause, as a run of the suite stores it."""
    target = folder / "target.toml"
    uid = (cluster.find("Namespace", "kube-system") or {})["metadata"]["uid"]
    target.write_text(
        f"""
[target]
name = "there"
provider = "existing"
modes = ["read", "write"]
capabilities = ["kubernetes"]
[kubernetes]
kubeconfig = {json.dumps(str(cluster.kubeconfig))}
identity = "{uid}"
namespaces = ["{namespace}"]
[components.notebooks]
namespace = "{namespace}"
notebooks = "{namespace}"
[components.notebooks.expect]
image = "{os.environ.get(IMAGE, "busybox")}"
claim = "1Mi"
{expect}
"""
    )
    command = [sys.executable, "-m", "pytest", "suites/notebooks", "--target", str(target), *more]
    done = subprocess.run([*command, "--out", str(folder), "-q"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr + done.stdout
    results = json.loads((folder / "results.json").read_text())
    causes = {id: (c["cause"] or {}).get("signature", "") for c in results["checks"] for id in c["criteria"]}
    criteria = [c for c in results["criteria"] if c["component"] == "notebooks"]
    return {c["id"]: (c["outcome"], causes.get(c["id"], "")) for c in criteria if c["outcome"] != "skipped"}


@pytest.mark.slow
def test_a_notebook_serves_and_keeps_its_claim_while_it_is_stopped(
    cluster: Cluster, namespace: str, stand: Stand, tmp_path: Path
) -> None:
    found = asked(cluster, tmp_path, namespace, "--mode", "write")

    nothing_else = {"notebooks.ready", "notebooks.claims"}  # nobody else has a notebook; ours may be in sight
    assert {id: told for id, told in found.items() if id not in nothing_else} == dict.fromkeys(
        ["notebooks.answers", "notebooks.parts", "notebooks.serves", "notebooks.stopped"], ("passed", "")
    )
    left = until(lambda: not cluster.every("PersistentVolumeClaim", namespace), awaited="its end", within=60, every=1)
    assert left


@pytest.mark.slow
def test_a_notebook_whose_server_does_not_listen_is_told(
    cluster: Cluster, namespace: str, stand: Stand, tmp_path: Path
) -> None:
    stand.serves = False

    found = asked(cluster, tmp_path, namespace, "--mode", "write", "-k", "answers", expect="starting = 15")

    assert found["notebooks.answers"] == ("passed", "")
    assert found["notebooks.serves"] == ("failed", "notebooks.not_reachable")


def test_a_cluster_that_does_not_serve_the_kind_is_told(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    cluster.told("DELETE", DEFINITIONS.path(name="notebooks.kubeflow.org"))
    until(lambda: cluster.told("GET", NOTEBOOK.path("default")) is None, awaited="it is gone", within=60, every=0.5)

    found = asked(cluster, tmp_path, namespace)

    assert found["notebooks.answers"] == ("failed", "notebooks.not_installed")
