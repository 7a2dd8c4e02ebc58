"""Deployments that cannot come up: each is named for its reason within seconds, and nothing of it needs a second run.

One component is deployed by a chart that lacks something; what it needs of the cluster (a quota, a webhook) is made
beside it. The server never answers, so what is waited for is the chart alone.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

import pytest
from cluster.live import IMAGE, Cluster

ROOT = Path(__file__).parents[2]
BASE = os.environ.get(IMAGE, "busybox")
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  selector: {matchLabels: {app: LABEL}}
  template:
    metadata: {labels: {app: LABEL}}
    spec:
      terminationGracePeriodSeconds: 0
      PODSPEC
      containers: [{name: app, image: "IMAGE", command: [sh, -c, "COMMAND"], MORE}]
"""
HOOK = """
apiVersion: batch/v1
kind: Job
metadata: {name: before, annotations: {helm.sh/hook: pre-install}}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers: [{name: before, image: "IMAGE", command: [sh, -c, "COMMAND"]}]
"""
CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], storageClassName: "CLASS", resources: {requests: {storage: 1Gi}}}
"""
HELM = """
namespace = "{namespace}"
ready = 60
[generated]
password = "password"
[[releases]]
name = "app"
chart = "chart"
{more}
[endpoints]
host = "127.0.0.1"
port = "9"
database = "none"
username = "none"
password = {{ secret = "{namespace}/app#password" }}
"""


def deployment(
    image: str = BASE, command: str = "sleep 600", more: str = "", label: str = "app", podspec: str = ""
) -> str:
    """A workload that would come up, but for what is given."""
    found = DEPLOYMENT.replace("IMAGE", image).replace("COMMAND", command).replace("LABEL", label)
    return found.replace(", MORE", f", {more}" if more else "").replace("PODSPEC", podspec)


def hook(image: str = BASE, command: str = "exit 3") -> str:
    """A Job that is run before the rest."""
    return HOOK.replace("IMAGE", image).replace("COMMAND", command)


@dataclass(frozen=True)
class Broken:
    """A chart that cannot come up, and what must be said of it. ``beside`` is made in the namespace before."""

    says: tuple[str, ...]
    templates: str = ""
    values: str = "{}"
    chart_values: str = "{secret: ''}"
    schema: str = ""
    beside: str = ""
    part: str = ""
    helm: str = ""
    code: int = 1
    files: dict[str, str] = field(default_factory=dict)


QUOTA = "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: few}\nspec: {hard: {%s}}\n"
RANGE = """
apiVersion: v1
kind: LimitRange
metadata: {name: small}
spec: {limits: [{type: Container, max: {memory: 1Mi}}]}
"""
CASES = {
    "a hook fails": Broken(("Job", "before", "exit code 3"), hook() + "---" + deployment()),
    "a hook's image is missing": Broken(("before", "ImageNotFound"), hook(image="no/such:1") + "---" + deployment()),
    "an image is missing": Broken(("app", "ImageNotFound"), deployment(image="no/such:1")),
    "an image of a subchart is missing": Broken(("inner", "ImageNotFound"), deployment(), part="no/such:2"),
    "values refused by a schema": Broken(
        ("replicas",),
        deployment(),
        values="{replicas: many}",
        chart_values="{secret: '', replicas: 1}",
        schema='{"properties": {"replicas": {"type": "integer"}}}',
        code=2,
    ),
    "a key that the chart does not declare": Broken(
        ("replicaCount",), deployment(), values="{replicaCount: 3}", code=2
    ),
    "a kind that is not served": Broken(
        ("Cluster", "no.such.group/v1"), "apiVersion: no.such.group/v1\nkind: Cluster\nmetadata: {name: a}\n", code=2
    ),
    "a quota of pods": Broken(("quota", "few"), deployment(), beside=QUOTA % "pods: '0'"),
    "a quota of storage": Broken(
        ("quota", "few"),
        CLAIM.replace("CLASS", "standard") + "---" + deployment(),
        beside=QUOTA % "requests.storage: 1Mi",
    ),
    "a limit range": Broken(
        ("memory",), deployment(more="resources: {requests: {memory: 64Mi}, limits: {memory: 64Mi}}"), beside=RANGE
    ),
    "a node that nobody has": Broken(("Unschedulable",), deployment(podspec="nodeSelector: {no: such}")),
    "a class that is not there": Broken(
        ("no-such-class",),
        CLAIM.replace("CLASS", "no-such-class")
        + "---"
        + deployment(
            more="volumeMounts: [{name: data, mountPath: /data}]",
            podspec="volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]",
        ),
    ),
    "a Secret that is not there": Broken(
        ("no-such-secret",), deployment(more="envFrom: [{secretRef: {name: no-such-secret}}]")
    ),
    "a container that ends": Broken(("exit code 7",), deployment(command="exit 7")),
    "a template that cannot be rendered": Broken(("helm",), "{{ .Values.no.such }}", code=2),
    "an object that is not valid": Broken(
        ("helm", "spec"), "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: []}\n"
    ),
    "no chart": Broken(("is no chart",), helm='chart = "nowhere"'),
    "a repository that nobody reaches": Broken(
        ("cannot be fetched",), helm='chart = "oci://127.0.0.1:9/none"\nversion = "1.0.0"'
    ),
}


@pytest.fixture
def space(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test."""
    with cluster.namespace(f"gonogo-test-{token_hex(3)}") as name:
        yield name


def written(folder: Path, case: Broken, namespace: str, kubeconfig: Path, identity: str) -> Path:
    """The target file, with the chart beside it."""
    place = folder / "postgresql"
    for part, templates, image in (
        ("chart", case.templates, ""),
        *((("chart/charts/inner", "", case.part),) if case.part else ()),
    ):
        (place / part / "templates").mkdir(parents=True)
        (place / part / "Chart.yaml").write_text(f"apiVersion: v2\nname: {Path(part).name}\nversion: 1.0.0\n")
        (place / part / "values.yaml").write_text(case.chart_values)
        text = templates or deployment(image=image).replace("{name: app}\nspec", "{name: inner}\nspec")
        (place / part / "templates" / "all.yaml").write_text(text)
    if case.schema:
        (place / "chart" / "values.schema.json").write_text(case.schema)
    (place / "values.yaml").write_text(case.values)
    text = HELM.format(namespace=namespace, more="")
    (place / "helm.toml").write_text(text.replace('chart = "chart"\n', f"{case.helm}\n") if case.helm else text)
    target = folder / "there.toml"
    target.write_text(
        f"""
[target]
name = "broken-{namespace}"
provider = "helm"
modes = ["read", "write"]
capabilities = ["kubernetes"]
[kubernetes]
kubeconfig = {json.dumps(str(kubeconfig))}
identity = "{identity}"
namespaces = ["{namespace}"]
[components.postgresql.helm]
folder = "postgresql"
"""
    )
    return target


@pytest.fixture
def up(kubeconfig: Path, cluster: Cluster) -> Callable[[Path], tuple[int, str, float]]:
    """Runs `gonogo up postgresql` on a target: exit code, what it said, seconds."""

    def run(target: Path) -> tuple[int, str, float]:
        began = time.monotonic()
        command = [sys.executable, "-m", "gonogo", "up", "postgresql", "--target", str(target)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stdout + done.stderr, time.monotonic() - began

    return run


@pytest.fixture
def identity(cluster: Cluster) -> str:
    """The cluster's own id."""
    found = cluster.find("Namespace", "kube-system")
    assert found is not None
    return str(found["metadata"]["uid"])


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_come_up_is_named_for_its_reason(
    name: str, space: str, cluster: Cluster, kubeconfig: Path, identity: str, up: Callable, tmp_path: Path
) -> None:
    case = CASES[name]
    if case.beside:
        for one in cluster.objects(case.beside, space):
            cluster.apply(one, space)
    target = written(tmp_path, case, space, kubeconfig, identity)

    code, said, seconds = up(target)

    assert code == case.code, said
    for word in case.says:
        assert word.lower() in said.lower(), said
    assert seconds < 40, said  # some 15 of them are Kubernetes' own time before a container is started again


def test_a_release_that_is_not_ours_is_left_alone(
    space: str, cluster: Cluster, kubeconfig: Path, identity: str, up: Callable, tmp_path: Path
) -> None:
    target = written(tmp_path, Broken((), deployment()), space, kubeconfig, identity)
    chart = tmp_path / "postgresql" / "chart"
    command = ["helm", "install", "app", str(chart), "--namespace", space, "--kubeconfig", str(kubeconfig)]
    subprocess.run(command, check=True, capture_output=True)

    code, said, _ = up(target)

    assert code == 1
    assert f"release app in namespace {space} is there already and not gonogo's" in said


def test_a_secret_that_is_not_ours_is_left_alone(
    space: str, cluster: Cluster, kubeconfig: Path, identity: str, up: Callable, tmp_path: Path
) -> None:
    target = written(tmp_path, Broken((), deployment()), space, kubeconfig, identity)
    cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "gonogo-postgresql"}}, space)

    code, said, _ = up(target)

    assert code == 1
    assert f"Secret {space}/gonogo-postgresql is there already" in said


def test_an_immutable_field_is_told(
    space: str, cluster: Cluster, kubeconfig: Path, identity: str, up: Callable, tmp_path: Path
) -> None:
    target = written(tmp_path, Broken((), deployment(command="exit 7")), space, kubeconfig, identity)
    up(target)
    (tmp_path / "postgresql/chart/templates/all.yaml").write_text(deployment(label="other"))

    code, said, _ = up(target)

    assert code == 1
    assert "field is immutable" in said


def test_a_release_whose_helm_was_killed_is_repaired(
    space: str, cluster: Cluster, kubeconfig: Path, identity: str, up: Callable, tmp_path: Path
) -> None:
    target = written(tmp_path, Broken((), deployment(command="exit 7")), space, kubeconfig, identity)
    up(target)
    [stored] = [one for one in cluster.every("Secret", space) if one.get("type") == "helm.sh/release.v1"]
    body = {"metadata": {"labels": {"status": "pending-install"}}}
    cluster.change("Secret", stored["metadata"]["name"], space, body)

    code, said, _ = up(target)

    assert code == 1
    assert "exit code 7" in said  # it was installed anew, and fails for its own reason


def test_a_namespace_that_ends_is_told(
    cluster: Cluster, kubeconfig: Path, identity: str, up: Callable, tmp_path: Path
) -> None:
    with cluster.namespace(f"gonogo-test-{token_hex(3)}") as space:
        held = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "held", "finalizers": ["example.com/held"]},
        }
        cluster.apply(held, space)
        cluster.delete("Namespace", space)
        target = written(tmp_path, Broken((), deployment()), space, kubeconfig, identity)

        try:
            code, said, seconds = up(target)
        finally:
            cluster.release("ConfigMap", "held", space)

    assert code == 1
    assert "is being deleted" in said
    assert "example.com/held" in said
    assert seconds < 60, said


def test_a_webhook_without_a_backend_is_told(
    space: str, cluster: Cluster, kubeconfig: Path, identity: str, up: Callable, tmp_path: Path
) -> None:
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"]}
    webhook = {
        "name": "refuses.example.com",
        "rules": [rule],
        "clientConfig": {
            "service": {"namespace": space, "name": "nobody"},
            "caBundle": base64.b64encode(b"-").decode(),
        },
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": space}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    webhook["clientConfig"].pop("caBundle")
    cluster.apply(
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": f"gonogo-{space}"},
            "webhooks": [webhook],
        },
        space,
    )
    target = written(tmp_path, Broken((), deployment()), space, kubeconfig, identity)

    code, said, _ = up(target)

    assert code == 1
    assert "refuses.example.com" in said
