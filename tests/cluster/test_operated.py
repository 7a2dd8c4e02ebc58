"""Components that operators make, with the values of ``deploy/``: up, asked by their suites, down again.

Each is skipped where its operator is not there. Charts stand in ``operated/`` unless ``GONOGO_TEST_CHARTS`` names a
folder with the real ones.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any

import msgspec
import pytest
import yaml
from cluster.charts import charts
from cluster.live import IMAGE, Cluster
from cluster.operators import operator, ray_values
from cluster.standing import DEPLOYED, ROOT

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import load_target
from gonogo.cluster.api import Kind
from gonogo.core.errors import ClientError
from gonogo.core.outcomes import Mode
from gonogo.core.waiting import until
from gonogo.providers import close
from gonogo.results.model import Results
from gonogo.run.platform import Platform

CHARTS = "GONOGO_TEST_CHARTS"
"""Names a folder with the public charts, each in a folder of its name."""

RAY_CLUSTERS = Kind("ray.io", "v1", "rayclusters", "RayCluster", True)

Target = Callable[..., Path]


@pytest.fixture
def space() -> str:
    """A namespace that gonogo makes and removes."""
    return f"gonogo-test-{token_hex(3)}-operated"


@pytest.fixture
def target(cluster: Cluster, kubeconfig: Path, space: str, tmp_path: Path) -> Iterator[Target]:
    """Writes a helm target with one component, its chart from here, and some values on top; takes down what is left."""
    file = tmp_path / "target.toml"

    def written(component: str, chart: str, values: Mapping[str, Any], expect: str = "") -> Path:
        charts = Path(os.environ.get(CHARTS) or Path(__file__).parent / "operated")
        (tmp_path / "values.yaml").write_text(yaml.safe_dump(dict(values)))
        kube_system = cluster.find("Namespace", "kube-system") or {}
        others = sorted(DEPLOYED - {component})
        file.write_text(
            f"""
[target]
name = "{space}"
provider = "helm"
modes = ["read", "write", "disrupt"]
capabilities = ["kubernetes"]
profile = "kind"
[target.unsupported]
"ray.autoscaler" = "its version 2 keeps its report where `ray status` alone reads it"
{"".join(f'{one} = "not in this test"' + chr(10) for one in others)}
[kubernetes]
kubeconfig = {json.dumps(str(kubeconfig))}
identity = "{kube_system["metadata"]["uid"]}"
namespaces = ["{space}"]
[deploy]
namespaces = {{ {component} = "{space}" }}
[limits]
connect = 15
check = 60
ready = 600
[components.{component}.helm]
chart = {json.dumps(str(charts / chart))}
values = "values.yaml"
{expect}
"""
        )
        return file

    yield written
    if file.exists() and cluster.find("Namespace", space) is not None:
        gonogo("down", "--yes", "--target", str(file))


def gonogo(*words: str) -> str:
    """What it printed, once it ended well."""
    done = subprocess.run(
        [sys.executable, "-m", "gonogo", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},  # nothing is cut
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def failed(*words: str) -> str:
    """What it said, once it ended with what failed."""
    command = [sys.executable, "-m", "gonogo", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stderr


def asked(file: Path, mode: str, *words: str) -> Counter[str]:
    """How many criteria of a suite have which outcome, those that nobody asked left out; none is bad."""
    found = outcomes(file, mode, *words)
    assert [(one, *what) for one, what in found.items() if what[0] in ("failed", "broken")] == []
    return Counter(outcome for outcome, _ in found.values())


def outcomes(file: Path, mode: str, *words: str) -> dict[str, tuple[str, str]]:
    """What became of each criterion of a suite that was asked, and why."""
    out = file.parent / "out"
    command = [sys.executable, "-m", "pytest", *words, "-q", "--target", str(file), "--mode", mode, "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (out / "results.json").exists(), done.stdout[-3000:] + done.stderr[-3000:]
    results = msgspec.json.decode((out / "results.json").read_bytes(), type=Results)
    return {one.id: (str(one.outcome), one.reason) for one in results.criteria if one.checks}


def test_postgresql_by_cloudnativepg(cluster: Cluster, target: Target, space: str) -> None:
    operator(cluster, "clusters.postgresql.cnpg.io")
    file = target("postgresql", "cluster", {"cluster": image(cluster)})

    gonogo("up", "postgresql", "--target", str(file))
    first = cluster.find("Cluster", "postgresql", space) or {}
    outcomes = asked(file, "write", "suites/postgresql")
    gonogo("up", "postgresql", "--target", str(file))
    again = cluster.find("Cluster", "postgresql", space) or {}
    pods = [one["metadata"]["name"] for one in cluster.every("Pod", space)]
    gonogo("down", "--yes", "--target", str(file))

    assert outcomes["passed"] >= 14
    assert (first["metadata"]["uid"], first["metadata"]["generation"]) == (
        again["metadata"]["uid"],
        again["metadata"]["generation"],
    )
    assert pods == ["postgresql-1"]
    assert cluster.find("Namespace", space) is None
    assert cluster.find("CustomResourceDefinition", "clusters.postgresql.cnpg.io") is not None


def test_what_cloudnativepgs_webhook_refuses_is_told_and_that_nobody_answers_for_one(
    cluster: Cluster, target: Target, space: str
) -> None:
    operator(cluster, "clusters.postgresql.cnpg.io")
    file = target("postgresql", "cluster", {"cluster": {"storage": {"size": "nothing"}, **image(cluster)}})
    hook: dict[str, Any] = {
        "name": "nobody.example.com",
        "rules": [
            {
                "apiGroups": ["postgresql.cnpg.io"],
                "apiVersions": ["v1"],
                "operations": ["CREATE"],
                "resources": ["clusters"],
            }
        ],
        "clientConfig": {"service": {"namespace": space, "name": "nobody"}},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": space}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    kind = "ValidatingWebhookConfiguration"
    about = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": f"gonogo-{space}"}}

    refused = failed("up", "postgresql", "--target", str(file))
    cluster.apply({**about, "webhooks": [hook]}, space)
    (file.parent / "values.yaml").write_text(yaml.safe_dump({"cluster": image(cluster)}))
    unasked = failed("up", "postgresql", "--target", str(file))
    made = cluster.every("Cluster", space)
    cluster.delete(kind, f"gonogo-{space}")

    assert 'admission webhook "vcluster.cnpg.io" denied the request' in refused
    assert "spec.storage.size" in refused
    assert 'failed calling webhook "nobody.example.com"' in unasked
    assert 'service "nobody" not found' in unasked
    assert made == []


@pytest.mark.slow  # two instances, one after the other: minutes on a busy machine
def test_the_other_instance_takes_over_from_a_killed_primary(cluster: Cluster, target: Target, space: str) -> None:
    operator(cluster, "clusters.postgresql.cnpg.io")
    file = target("postgresql", "cluster", {"cluster": {"instances": 2, **image(cluster)}})
    gonogo("up", "postgresql", "--target", str(file))
    restarted = asked(file, "disrupt", "suites/postgresql/test_postgresql.py::test_a_restart_loses_nothing")
    registry = Registry.load(ROOT)
    platform = Platform(registry, load_target(str(file), ROOT, registry), mode=Mode.DISRUPT)
    platform.attach(["postgresql"])

    def primary() -> str:
        return str((cluster.find("Cluster", "postgresql", space) or {})["status"]["currentPrimary"])

    def pods() -> dict[str, str]:
        return {one["metadata"]["name"]: one["metadata"]["uid"] for one in cluster.every("Pod", space)}

    with platform.client("postgresql") as client, client.table() as table:  # type: ignore[attr-defined]
        table.write({1: "before"})
        killed, before = primary(), pods()
        with platform.disturbed("postgresql", "kill", "postgresql"):
            until(lambda: primary() not in ("", "pending", killed), awaited="another primary", within=120)
            rows = until(table.rows, awaited="the rows", within=60, every=1, retry=(ClientError,))
        after = pods()
    close(platform.provider)
    gonogo("down", "--yes", "--target", str(file))

    assert restarted["passed"] == 1
    assert rows == {1: "before"}
    assert after.keys() == before.keys() == {"postgresql-1", "postgresql-2"}
    assert [name for name in before if before[name] != after[name]] == [killed]
    assert cluster.find("Namespace", space) is None


def image(cluster: Cluster) -> dict[str, str]:
    """The image that the operator there gives clusters that name none; the stand-in names none."""
    config = cluster.find("ConfigMap", "cnpg-controller-manager-config", "cnpg-system") or {}
    name = config.get("data", {}).get("POSTGRES_IMAGE_NAME", "")
    return {"imageName": name} if name else {}


def test_ray_by_kuberay_whose_autoscaler_follows_the_demand(cluster: Cluster, target: Target, space: str) -> None:
    operator(cluster, "rayclusters.ray.io")
    small = ray_values()
    file = target("ray", "ray-cluster", small, "[components.ray.expect]\nmax_workers = 3\n")

    gonogo("up", "ray", "--target", str(file))
    written = asked(file, "write", "suites/ray")
    scaled = asked(file, "disrupt", "suites/ray/test_ray.py::test_workers_follow_the_demand")
    # KubeRay leaves the generation of its status behind where nothing but the specification changes
    (file.parent / "values.yaml").write_text(yaml.safe_dump({**small, "worker": {**small["worker"], "maxReplicas": 4}}))
    gonogo("up", "ray", "--target", str(file))
    changed = cluster.told("GET", RAY_CLUSTERS.path(space, "ml-cluster")) or {}
    cluster.change("RayCluster", "ml-cluster", space, {"spec": {"enableInTreeAutoscaling": False}})
    fixed = outcomes(file, "read", "suites/ray/test_ray.py::test_what_is_to_scale_can")
    gonogo("down", "--yes", "--target", str(file))

    assert written["passed"] >= 11
    assert scaled["passed"] >= 1
    assert fixed["ray.scalable"][0] == "failed"
    assert "enableInTreeAutoscaling is not set" in fixed["ray.scalable"][1]
    assert changed["spec"]["workerGroupSpecs"][0]["maxReplicas"] == 4
    assert cluster.find("Namespace", space) is None


def test_elasticsearch_by_elastics_operator_is_named_for_the_image_that_is_not_there(
    cluster: Cluster, target: Target, space: str
) -> None:
    operator(cluster, "elasticsearches.elasticsearch.k8s.elastic.co")
    file = target("elasticsearch", "eck-elasticsearch", {"image": "rig.local/no-such/elasticsearch:8.19.14"})

    begun = time.monotonic()
    words = [sys.executable, "-m", "gonogo", "up", "elasticsearch", "--target", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)
    took = time.monotonic() - begun
    made = cluster.find("StatefulSet", "elasticsearch-es-default", space) or {}
    claims = [one["status"]["phase"] for one in cluster.every("PersistentVolumeClaim", space)]
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs"}, "data": {"of": "a colleague"}}
    cluster.apply(theirs, space)
    listed = gonogo("down", "--target", str(file))
    gonogo("down", "--yes", "--target", str(file))
    left = [one["metadata"]["name"] for one in cluster.every("ConfigMap", space)]
    cluster.delete("ConfigMap", "theirs", space)
    gonogo("down", "--yes", "--target", str(file))

    assert done.returncode == 1
    assert "no-such/elasticsearch:8.19.14" in done.stderr
    assert "image" in done.stderr.lower()
    assert took < 60
    assert made["metadata"]["ownerReferences"][0]["kind"] == "Elasticsearch"
    assert claims == ["Bound"]
    assert f"it holds what does not go: ConfigMap {space}/theirs" in listed
    assert "theirs" in left
    assert cluster.find("Namespace", space) is None
    assert cluster.find("CustomResourceDefinition", "elasticsearches.elasticsearch.k8s.elastic.co") is not None


SCALED = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: busy}
spec:
  selector: {matchLabels: {app: busy}}
  template:
    metadata: {labels: {app: busy}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: busy
        image: "IMAGE"
        command: [sh, -c, "while :; do i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 0.3; done"]
        resources: {requests: {cpu: 10m}, limits: {cpu: 200m}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: busy}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: busy}
  minReplicas: 1
  maxReplicas: 2
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]
"""


@pytest.mark.usefixtures("images")
def test_an_autoscaler_that_scales_by_real_metrics_is_left_its_replicas(
    cluster: Cluster, target: Target, space: str, tmp_path: Path
) -> None:
    if cluster.find("APIService", "v1beta1.metrics.k8s.io") is None:
        pytest.skip("the cluster serves no metrics: metrics-server is not installed")
    charts(tmp_path / "charts")
    chart = tmp_path / "charts" / "postgresql"
    (chart / "chart" / "templates" / "scaled.yaml").write_text(SCALED.replace("IMAGE", os.environ[IMAGE]))
    file = target("postgresql", "none", {})
    text = re.sub(r"chart = .*\nvalues = .*\n", f"folder = {json.dumps(str(chart))}\n", file.read_text())
    file.write_text(text.replace('profile = "kind"\n', ""))

    gonogo("up", "postgresql", "--target", str(file))
    cluster.wait("HorizontalPodAutoscaler", "status.currentReplicas == `2`", name="busy", namespace=space, within=180)
    cluster.wait("Deployment", "status.readyReplicas == `2`", name="busy", namespace=space)
    outcomes = asked(file, "read", "suites/health/")
    gonogo("up", "postgresql", "--target", str(file))
    scaled = cluster.find("Deployment", "busy", space) or {}
    gonogo("down", "--yes", "--target", str(file))

    assert outcomes["passed"] >= 3
    assert scaled["spec"]["replicas"] == 2
