"""The pre-deployment checklist on a running cluster: GO where all is well, and each line red by a real change.

A service that runs, a checkout with its remote, a file as the backup, and an Application that no controller looks at.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path
from secrets import token_hex
from typing import Any, NamedTuple

import pytest
import yaml
from certificates import Authority
from cluster.charted import well, written
from cluster.live import Cluster, kind_of
from cluster.standing import ROOT

from gonogo.core.waiting import until

Object = dict[str, Any]

DEFAULT = "storageclass.kubernetes.io/is-default-class"

MORE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: more}
data: {}
"""
"""A manifest beside the chart; each test writes its own."""

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: registry.example/web:1
"""

DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: GROUP}
spec:
  group: NAME.gonogo-test.example
  names: {plural: odds, singular: odd, kind: Odd, listKind: OddList}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: string}}}}}}
"""


ARGO = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: PLURAL.argoproj.io, annotations: {api-approved.kubernetes.io: unapproved}}
spec:
  group: argoproj.io
  names: {plural: PLURAL, singular: SINGULAR, kind: KIND, listKind: KINDList}
  scope: Namespaced
  versions:
    - name: v1alpha1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
"""Where no Argo CD is: Applications that nobody looks at are all that is needed."""


class Told(NamedTuple):
    """How preflight ended: its code, its lines by name, and what it said on the way."""

    code: int
    lines: dict[str, Object]
    err: str

    def red(self) -> set[str]:
        return {name for name, one in self.lines.items() if one["outcome"] not in ("passed", "unsupported", "skipped")}


@dataclass
class Scene:
    cluster: Cluster
    space: str
    folder: Path
    target: Path

    def ask(self, *options: str) -> Told:
        command = [sys.executable, "-m", "gonogo", "preflight", "--target", str(self.target), "-o", "json", *options]
        out = ["--out", str(self.folder / "out")]
        done = subprocess.run([*command, *out], capture_output=True, text=True, check=False, cwd=ROOT, timeout=300)
        rows = json.loads(done.stdout)["rows"] if done.stdout.startswith("{") else []
        return Told(done.returncode, {one["line"]: one for one in rows}, done.stderr)

    def git(self, *words: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
        command = ["git", *who, "-C", str(self.folder / "checkout"), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    @contextmanager
    def edited(self, old: str, new: str) -> Iterator[None]:
        """The target file with one text of it replaced."""
        before = self.target.read_text()
        assert before.count(old) == 1, old
        self.target.write_text(before.replace(old, new))
        try:
            yield
        finally:
            self.target.write_text(before)

    @contextmanager
    def more(self, manifest: str) -> Iterator[None]:
        """Another manifest to be deployed beside the chart."""
        path = self.folder / "postgresql" / "more.yaml"
        path.write_text(manifest)
        try:
            yield
        finally:
            path.write_text(MORE)

    @contextmanager
    def made(self, kind: str, name: str, **body: Any) -> Iterator[Object]:
        """An object for the time of the body."""
        found = kind_of(kind)
        meta = {"name": name, **({"namespace": self.space} if found.namespaced else {}), **body.pop("meta", {})}
        obj = {"apiVersion": found.api_version, "kind": kind, "metadata": meta, **body}
        try:
            yield self.cluster.apply(obj, self.space)
        finally:
            with suppress(Exception):
                self.cluster.delete(kind, name, self.space, grace=0)
                self.cluster.gone(kind, name, self.space)


CHECKLIST = """
[checklist]
health = 80
services = ["postgresql"]
backup = {{ file = "dump" }}
git = {{ path = "checkout" }}
argocd = {{ namespace = "{space}", applications = ["web"] }}
[components.argocd.expect]
reconciled = 36000
[components.checklist.expect]
storage_gib = {{ {classes} }}
"""

HERE = ("room_node_lost", "drains", "clocks", "certificates", "images", "version_skew")
"""Lines that say something of the cluster that these tests run on, and gate nothing."""


@pytest.fixture(scope="module")
def scene(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("preflight")
    with cluster.namespace(f"gonogo-test-{token_hex(3)}") as space:
        for kind in ("Application", "AppProject"):
            if cluster.find("CustomResourceDefinition", f"{kind.lower()}s.argoproj.io") is None:
                names = (("PLURAL", f"{kind.lower()}s"), ("SINGULAR", kind.lower()), ("KIND", kind))
                cluster.apply(yaml.safe_load(reduce(lambda text, one: text.replace(*one), names, ARGO)), space)
        target = written(folder, cluster, {"postgresql": space})
        with (folder / "postgresql" / "helm.toml").open("a") as file:
            file.write('\n[[manifests]]\nfile = "more.yaml"\n')
        (folder / "postgresql" / "more.yaml").write_text(MORE)
        classes = ", ".join(f'"{one["metadata"]["name"]}" = 1000' for one in cluster.every("StorageClass"))
        target.write_text(target.read_text() + CHECKLIST.format(space=space, classes=classes))
        (folder / "dump").write_text("everything")
        made = Scene(cluster, space, folder, target)
        for words in (["init", "-q", "--bare", "-b", "main", "remote.git"], ["clone", "-q", "remote.git", "checkout"]):
            subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
        made.git("switch", "-q", "-c", "main")
        made.git("commit", "-q", "--allow-empty", "-m", "one")
        made.git("push", "-q", "-u", "origin", "main")
        try:
            well("up", target=target)
            until(lambda: applied(made), awaited="the kind Application", within=60, every=0.5)
            yield made
        finally:
            subprocess.run(
                [sys.executable, "-m", "gonogo", "down", "--yes", "--target", str(target)], cwd=ROOT, check=False
            )


def applied(scene: Scene) -> bool:
    """Whether the kind is served by now, and the Application written."""
    with suppress(Exception):
        application(scene)
        return True
    return False


def application(scene: Scene, **change: Any) -> None:
    """One of a project of its own namespace, as a controller would write it."""
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    head = scene.git("rev-parse", "HEAD")
    remote = str(scene.folder / "remote.git")
    status = {"health": {"status": "Healthy"}, "reconciledAt": now, "operationState": {"phase": "Succeeded"}}
    # the controller's own required fields (github.com/argoproj/argo-cd, manifests/crds)
    compared = {"source": {"repoURL": remote}, "destination": {"namespace": scene.space}}
    status |= {"sync": {"status": "Synced", "revision": head, "comparedTo": compared}, **change}
    status["operationState"] = {
        "phase": "Succeeded", "startedAt": now, "operation": {}, **status["operationState"]
    }  # fmt: skip
    if "status" in status["sync"] and "comparedTo" not in status["sync"]:
        status["sync"]["comparedTo"] = compared
    spec = {"project": "default", "source": {"repoURL": remote, "path": "."}, "destination": {"namespace": scene.space}}
    allowed = {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}]}
    _applied(scene, "AppProject", "default", spec=allowed)
    _applied(scene, "Application", "web", spec=spec, status=status)


def _applied(scene: Scene, kind: str, name: str, **fields: Object) -> None:
    path = f"/apis/argoproj.io/v1alpha1/namespaces/{scene.space}/{kind.lower()}s/{name}"
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": {"name": name}, **fields}
    how = {"kind": "application/apply-patch+yaml", "query": "?fieldManager=gonogo-test&force=true"}
    scene.cluster.told("PATCH", path, body, **how)


@pytest.mark.alone  # another test's webhook is a fault of this cluster
def test_on_a_good_state_it_is_go(scene: Scene) -> None:
    told = scene.ask()

    assert told.red() <= {f"checklist.{one}" for one in HERE}, told.err
    assert told.lines["checklist.images_pulled"]["outcome"] == "skipped"  # for want of mode write
    assert told.code == 0


# -- each line, red by a real change


@contextmanager
def another_cluster(scene: Scene) -> Iterator[None]:
    identity = (scene.cluster.find("Namespace", "kube-system") or {})["metadata"]["uid"]
    with scene.edited(f'identity = "{identity}"', 'identity = "another"'):
        yield


@contextmanager
def pods_that_cannot_start(scene: Scene) -> Iterator[None]:
    with ExitStack() as stack:
        for number in range(4):
            containers = [{"name": "c", "image": "No Image"}]
            stack.enter_context(scene.made("Pod", f"bad-{number}", spec={"containers": containers}))
        yield until(lambda: _doomed(scene), awaited="pods that wait for an image", within=60, every=0.5)


def _doomed(scene: Scene) -> bool:
    pods = [one for one in scene.cluster.every("Pod", scene.space) if one["metadata"]["name"].startswith("bad-")]
    waiting = [
        status.get("state", {}).get("waiting", {}).get("reason")
        for one in pods
        for status in one.get("status", {}).get("containerStatuses", ())
    ]
    return len(waiting) == 4 and all(reason == "InvalidImageName" for reason in waiting)


@contextmanager
def a_class_without_volumes(scene: Scene) -> Iterator[None]:
    name = f"{scene.space}-hand"
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "big"}}
    asked = {"accessModes": ["ReadWriteOnce"], "storageClassName": name, "resources": {"requests": {"storage": "10Gi"}}}
    binding = "WaitForFirstConsumer"
    with (
        scene.made("StorageClass", name, provisioner="kubernetes.io/no-provisioner", volumeBindingMode=binding),
        scene.more(yaml.safe_dump({**claim, "spec": asked})),
    ):
        yield


@contextmanager
def too_many_cores(scene: Scene) -> Iterator[None]:
    with scene.more(WEB.replace("image:", "resources: {requests: {cpu: 1000}}\n          image:")):
        yield


@contextmanager
def a_service_without_pods(scene: Scene) -> Iterator[None]:
    scene.cluster.change("StatefulSet", "postgresql", scene.space, {"spec": {"replicas": 0}})
    scene.cluster.gone("Pod", "postgresql-0", scene.space)
    try:
        yield
    finally:
        scene.cluster.change("StatefulSet", "postgresql", scene.space, {"spec": {"replicas": 1}})
        scene.cluster.wait("StatefulSet", "status.readyReplicas == `1`", name="postgresql", namespace=scene.space)


@contextmanager
def an_old_backup(scene: Scene) -> Iterator[None]:
    path, old = scene.folder / "dump", (datetime.now(UTC) - timedelta(hours=30)).timestamp()
    os.utime(path, (old, old))
    try:
        yield
    finally:
        path.touch()


@contextmanager
def a_change_that_is_not_committed(scene: Scene) -> Iterator[None]:
    path = scene.folder / "checkout" / "values.yaml"
    path.write_text("a: 1")
    try:
        yield
    finally:
        path.unlink()


@contextmanager
def another_revision(scene: Scene) -> Iterator[None]:
    application(scene, sync={"status": "Synced", "revision": "b" * 40})
    try:
        yield
    finally:
        application(scene)


@contextmanager
def a_degraded_application(scene: Scene) -> Iterator[None]:
    application(scene, health={"status": "Degraded"})
    try:
        yield
    finally:
        application(scene)


@contextmanager
def a_kind_that_nobody_serves(scene: Scene) -> Iterator[None]:
    with scene.more("apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: odd}\nspec: {}\n"):
        yield


def _definition(scene: Scene, *, field: str = "") -> Object:
    name = scene.space
    found: Object = yaml.safe_load(
        DEFINITION.replace("GROUP", f"odds.{name}.gonogo-test.example").replace("NAME", name)
    )
    if field:
        schema = found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        schema["properties"]["spec"]["properties"][field] = {"type": "string"}
    return found


@contextmanager
def an_older_definition(scene: Scene) -> Iterator[None]:
    old = _definition(scene)
    with (
        scene.made("CustomResourceDefinition", old["metadata"]["name"], spec=old["spec"]),
        scene.more(yaml.safe_dump(_definition(scene, field="color"))),
    ):
        name = old["metadata"]["name"]
        scene.cluster.wait("CustomResourceDefinition", "status.acceptedNames.kind == 'Odd'", name=name)
        yield


@contextmanager
def a_value_that_the_chart_does_not_know(scene: Scene) -> Iterator[None]:
    path = scene.folder / "postgresql" / "values.yaml"
    before = path.read_text()
    path.write_text(f"{before}imagge: x\n")
    try:
        yield
    finally:
        path.write_text(before)


@contextmanager
def a_secret_that_is_not_there(scene: Scene) -> Iterator[None]:
    with scene.more(WEB.replace("image:", "envFrom: [{secretRef: {name: nobody-makes-it}}]\n          image:")):
        yield


@contextmanager
def a_runtime_that_is_not_there(scene: Scene) -> Iterator[None]:
    with scene.more(WEB.replace("containers:", "runtimeClassName: absent\n      containers:")):
        yield


@contextmanager
def a_pod_that_its_namespace_refuses(scene: Scene) -> Iterator[None]:
    label = "pod-security.kubernetes.io/enforce"
    scene.cluster.change("Namespace", scene.space, "", {"metadata": {"labels": {label: "baseline"}}})
    try:
        with scene.more(WEB.replace("image:", "securityContext: {privileged: true}\n          image:")):
            yield
    finally:
        scene.cluster.change("Namespace", scene.space, "", {"metadata": {"labels": {label: None}}})


@contextmanager
def a_quota_that_is_too_small(scene: Scene) -> Iterator[None]:
    with scene.made("ResourceQuota", "few", spec={"hard": {"pods": "1"}}), scene.more(WEB):
        yield


@contextmanager
def two_default_classes(scene: Scene) -> Iterator[None]:
    """The second one is the first by another name, so that nobody who makes a claim meanwhile notices."""
    every = scene.cluster.every("StorageClass")
    first = next(one for one in every if one["metadata"].get("annotations", {}).get(DEFAULT) == "true")
    same = {key: value for key, value in first.items() if key not in ("apiVersion", "kind", "metadata")}
    meta = {"annotations": {DEFAULT: "true"}}
    with scene.made("StorageClass", f"{scene.space}-same", meta=meta, **same):
        yield


@contextmanager
def a_node_that_is_cordoned(scene: Scene) -> Iterator[None]:
    taint = {"key": "gonogo-test/preflight", "value": scene.space, "effect": "NoSchedule"}
    with scene.made("Node", scene.space, spec={"unschedulable": True, "taints": [taint]}):
        yield


@contextmanager
def a_webhook_without_anybody(scene: Scene) -> Iterator[None]:
    rule = {
        "apiGroups": ["gonogo-test.example"],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["odds"],
    }
    hook = {
        "name": "hook.gonogo-test.example",
        "clientConfig": {"service": {"namespace": scene.space, "name": "nobody"}},
        "rules": [rule],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    with scene.made("ValidatingWebhookConfiguration", scene.space, webhooks=[hook]):
        yield


@contextmanager
def a_namespace_that_ends(scene: Scene) -> Iterator[None]:
    with scene.cluster.namespace(f"{scene.space}-ends") as name:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "finalizers": ["a.example/held"]}}
        scene.cluster.apply(body, name)
        scene.cluster.delete("Namespace", name)
        scene.cluster.wait("Namespace", "status.phase == 'Terminating'", name=name)
        with scene.edited(f'namespaces = ["{scene.space}"]', f'namespaces = ["{scene.space}", "{name}"]'):
            yield


@contextmanager
def a_release_in_the_midst_of_a_change(scene: Scene) -> Iterator[None]:
    labels = {"owner": "helm", "name": "odd", "version": "1", "status": "pending-install"}
    with scene.made("Secret", "sh.helm.release.v1.odd.v1", meta={"labels": labels}, type="helm.sh/release.v1"):
        yield


Change = Callable[[Scene], Any]

CHANGES: tuple[tuple[Change, str, str], ...] = (
    (another_cluster, "checklist.answers", "broken"),
    (pods_that_cannot_start, "checklist.health", "failed"),
    (a_class_without_volumes, "checklist.storage", "failed"),
    (a_service_without_pods, "checklist.services", "failed"),
    (an_old_backup, "checklist.backup", "failed"),
    (a_change_that_is_not_committed, "checklist.git", "failed"),
    (another_revision, "checklist.revision", "failed"),
    (a_degraded_application, "checklist.applications", "failed"),
    (too_many_cores, "checklist.room", "failed"),
    (a_kind_that_nobody_serves, "checklist.api_versions", "failed"),
    (an_older_definition, "checklist.definitions", "failed"),
    (a_value_that_the_chart_does_not_know, "checklist.values", "failed"),
    (a_secret_that_is_not_there, "checklist.references", "failed"),
    (a_runtime_that_is_not_there, "checklist.classes", "failed"),
    (a_pod_that_its_namespace_refuses, "checklist.pod_security", "failed"),
    (a_quota_that_is_too_small, "checklist.quotas", "failed"),
    (two_default_classes, "checklist.default_class", "failed"),
    (a_node_that_is_cordoned, "checklist.nodes", "failed"),
    (a_webhook_without_anybody, "checklist.webhooks", "failed"),
    (a_namespace_that_ends, "checklist.namespaces", "failed"),
    (a_release_in_the_midst_of_a_change, "checklist.releases", "failed"),
)


@pytest.mark.parametrize(("change", "line", "outcome"), CHANGES, ids=lambda one: getattr(one, "__name__", ""))
def test_a_real_change_turns_its_line_red(scene: Scene, change: Change, line: str, outcome: str) -> None:
    with change(scene):
        told = scene.ask()

    assert told.lines[line]["outcome"] == outcome, (told.lines[line], told.err)
    assert told.code == (1 if outcome == "failed" else 3)


# -- more changes, all at once: each is named on its own line


def web(name: str, container: Object | None = None, **spec: Any) -> Object:
    """A Deployment of one pod."""
    containers = [{"name": "web", "image": "registry.example/web:1", **(container or {})}]
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": containers, **spec}}
    return _object("Deployment", name, selector={"matchLabels": {"app": name}}, template=template)


def _object(kind: str, name: str, version: str = "", **spec: Any) -> Object:
    found = {"apiVersion": version or kind_of(kind).api_version, "kind": kind, "metadata": {"name": name}}
    return {**found, "spec": spec} if spec else found


BACKEND = {"service": {"name": "first", "port": {"number": 3306}}}


def planned_wrongly(space: str) -> list[Object]:
    """What would be deployed beside the chart, each thing with its own fault."""
    nobody = {"matchLabels": {"app": "nobody"}}
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "grows"}
    return [
        web("untagged", {"image": "registry.example/web"}),
        web("gone", {"image": "bitnami/kafka:3.9.0"}),
        web("config", {"envFrom": [{"configMapRef": {"name": "no-config"}}]}),
        web("variable", {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "no-key", "key": "a"}}}]}),
        web("volume", volumes=[{"name": "v", "secret": {"secretName": "no-volume"}}]),
        web("account", serviceAccountName="no-account"),
        web("private", imagePullSecrets=[{"name": "no-pull"}]),
        web("path", volumes=[{"name": "host", "hostPath": {"path": "/"}}]),
        web("port", {"ports": [{"containerPort": 80, "hostPort": 80}]}),
        web("able", {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}),
        web("network", hostNetwork=True),
        web("large", {"resources": {"limits": {"memory": "64Gi"}, "requests": {"memory": "1Mi"}}}),
        web("grows", {"resources": {"requests": {"cpu": "500m"}}}),
        _object("HorizontalPodAutoscaler", "grows", scaleTargetRef=reference, minReplicas=1, maxReplicas=500),
        {**_object("ConfigMap", "asks"), "data": {"url": f"http://nowhere.{space}.svc:80/"}},
        web("sandboxed", runtimeClassName="no-runtime"),
        _object("Ingress", "named", "networking.k8s.io/v1", ingressClassName="no-ingress", defaultBackend=BACKEND),
        _object("Ingress", "unnamed", "networking.k8s.io/v1", defaultBackend=BACKEND),
        _object("Service", "selects", selector={"app": "nobody"}, ports=[{"port": 80}]),
        _object("PodDisruptionBudget", "budget", selector=nobody, maxUnavailable=1),
        _object("NetworkPolicy", "policy", "networking.k8s.io/v1", podSelector=nobody),
        _object("Service", "first", selector={"app": "grows"}, ports=[{"port": 3306, "name": "query"}]),
        # elsewhere: beside a custom resource nobody knows which pods a selector fits
        {
            **_object("Odd", "old", f"{space}.gonogo-test.example/v1", size="1"),
            "metadata": {"name": "old", "namespace": "default"},
        },
    ]


@contextmanager
def a_node_of_another_time(scene: Scene) -> Iterator[None]:
    """One that no pod goes to: newer than the API server, under pressure, and silent for an hour."""
    name, lease = f"{scene.space}-odd", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
    hour = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%S.000000Z}"
    held = {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": hour}
    body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}, "spec": held}
    taint = {"key": "gonogo-test/preflight", "value": scene.space, "effect": "NoSchedule"}
    conditions = [{"type": "Ready", "status": "True"}, {"type": "MemoryPressure", "status": "True"}]
    status = {"conditions": conditions, "nodeInfo": _node_info("v1.99.0")}
    with scene.made("Node", name, spec={"taints": [taint]}):
        scene.cluster.told("POST", lease, body)
        try:
            patch = "application/merge-patch+json"
            scene.cluster.told("PATCH", f"/api/v1/nodes/{name}/status", {"status": status}, kind=patch)
            yield
        finally:
            scene.cluster.told("DELETE", f"{lease}/{name}")


def _node_info(kubelet: str) -> Object:
    named = ("machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "containerRuntimeVersion")
    return {**dict.fromkeys((*named, "kubeProxyVersion"), "-"), "kubeletVersion": kubelet,
            "operatingSystem": "linux", "architecture": "amd64"}  # fmt: skip


@contextmanager
def a_deprecated_version(scene: Scene) -> Iterator[None]:
    old = _definition(scene)
    old["spec"]["versions"][0]["deprecated"] = True
    with scene.made("CustomResourceDefinition", name := old["metadata"]["name"], spec=old["spec"]):
        scene.cluster.wait("CustomResourceDefinition", "status.acceptedNames.kind == 'Odd'", name=name)
        yield


@contextmanager
def webhooks_that_end(scene: Scene) -> Iterator[None]:
    """One whose authority's certificate ends tomorrow, and one behind a Service without pods."""
    bundle = b64encode(Authority(scene.folder).file.read_bytes()).decode()
    rule = {
        "apiGroups": ["gonogo-test.example"],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["odds"],
    }
    hook = {"rules": [rule], "sideEffects": "None", "admissionReviewVersions": ["v1"]}
    ends = {**hook, "name": "ends.example.org", "failurePolicy": "Ignore"}
    ends["clientConfig"] = {"url": "https://127.0.0.1:1/", "caBundle": bundle}
    behind = {"namespace": scene.space, "name": "empty"}
    empty = {**hook, "name": "empty.example.org", "clientConfig": {"service": behind}}
    with (
        scene.made("Service", "empty", spec={"selector": {"app": "nobody"}, "ports": [{"port": 443}]}),
        scene.made("MutatingWebhookConfiguration", f"{scene.space}-more", webhooks=[ends, empty]),
    ):
        yield


@contextmanager
def a_budget_that_lets_nobody_go(scene: Scene) -> Iterator[None]:
    pods = scene.cluster.every("Pod", scene.space)
    labels = next(one["metadata"]["labels"] for one in pods if one["metadata"]["name"] == "postgresql-0")
    selector = {"matchLabels": {"statefulset.kubernetes.io/pod-name": labels["statefulset.kubernetes.io/pod-name"]}}
    with scene.made("PodDisruptionBudget", "tight", spec={"maxUnavailable": 0, "selector": selector}):
        when = "status.expectedPods == `1`"
        scene.cluster.wait("PodDisruptionBudget", when, name="tight", namespace=scene.space)
        yield


@contextmanager
def labels_of_the_namespace(scene: Scene) -> Iterator[None]:
    labels = {"pod-security.kubernetes.io/enforce": "baseline", "istio.io/rev": "gonogo-test"}
    scene.cluster.change("Namespace", scene.space, "", {"metadata": {"labels": labels}})
    try:
        yield
    finally:
        gone = {"metadata": {"labels": dict.fromkeys(labels)}}
        scene.cluster.change("Namespace", scene.space, "", gone)


@contextmanager
def an_application_with_an_error(scene: Scene) -> Iterator[None]:
    told = [{"type": "ComparisonError", "message": "repository not found"}]
    failed = {"phase": "Failed", "message": "one or more objects failed to apply"}
    application(scene, conditions=told, operationState=failed, sync={"status": "OutOfSync", "revision": "c" * 40})
    try:
        with scene.edited('applications = ["web"]', 'applications = ["web", "nobody"]'):
            yield
    finally:
        application(scene)


@contextmanager
def commits_that_are_not_pushed(scene: Scene) -> Iterator[None]:
    scene.git("commit", "-q", "--allow-empty", "-m", "two")
    try:
        yield
    finally:
        scene.git("reset", "-q", "--hard", "origin/main")


@contextmanager
def an_empty_backup(scene: Scene) -> Iterator[None]:
    path = scene.folder / "dump"
    path.write_text("")
    try:
        yield
    finally:
        path.write_text("everything")


MESSES: tuple[Change, ...] = (
    *(a_node_of_another_time, a_deprecated_version, webhooks_that_end, a_budget_that_lets_nobody_go),
    *(labels_of_the_namespace, an_application_with_an_error, commits_that_are_not_pushed, an_empty_backup),
)


@pytest.fixture(scope="module")
def mess(scene: Scene) -> Told:
    """What is said with all these changes at once; they are undone by then."""
    labels = {"owner": "helm", "name": "odd", "version": "3", "status": "pending-rollback"}
    limits = [{"type": "Container", "max": {"memory": "1Gi"}}]
    with ExitStack() as stack:
        for change in MESSES:
            stack.enter_context(change(scene))
        stack.enter_context(scene.made("Secret", "sh.helm.release.v1.odd.v3", meta={"labels": labels}))
        stack.enter_context(scene.made("LimitRange", "small", spec={"limits": limits}))
        stack.enter_context(scene.more(yaml.safe_dump_all(planned_wrongly(scene.space))))
        return scene.ask()


MORE_CHANGES = (
    ("images", "registry.example/web ("),
    ("images", "bitnami/kafka:3.9.0 ("),
    ("references", "ConfigMap {space}/no-config is not there"),
    ("references", "Secret {space}/no-key is not there"),
    ("references", "Secret {space}/no-volume is not there"),
    ("references", "ServiceAccount {space}/no-account is not there"),
    ("references", "Secret {space}/no-pull is not there"),
    ("pod_security", "volume host is a hostPath"),
    ("pod_security", "container web has a hostPort"),
    ("pod_security", "container web adds SYS_ADMIN"),
    ("pod_security", "hostNetwork"),
    ("quotas", "the LimitRange allows"),
    ("room_at_most", "grows"),
    ("classes", "RuntimeClass no-runtime is not there"),
    ("classes", "IngressClass no-ingress is not there"),
    ("ingress_class", "Ingress {space}/unnamed names no class"),
    ("hosts", "no Service {space}/nowhere"),
    ("selectors", "Service {space}/selects selects no pod"),
    ("selectors", "PodDisruptionBudget {space}/budget selects no pod"),
    ("selectors", "NetworkPolicy {space}/policy selects no pod"),
    ("injection", "Service {space}/first port 3306 (MySQL) names no protocol"),
    ("going_versions", "Odd default/old is {space}.gonogo-test.example/v1"),
    ("nodes", "node {space}-odd has MemoryPressure"),
    ("version_skew", "the kubelet of node {space}-odd (v1.99.0) is newer"),
    ("clocks", "node {space}-odd renewed its Lease"),
    ("certificates", "MutatingWebhookConfiguration {space}-more, webhook ends.example.org expires in"),
    ("webhooks", "webhook empty.example.org, calls Service {space}/empty, which has no ready"),
    ("drains", "budget {space}/tight allows no disruption"),
    ("releases", "release {space}/odd is pending-rollback"),
    ("applications", "web: ComparisonError: repository not found"),
    ("applications", "web: the last operation is Failed"),
    ("applications", "{space}/nobody is not there"),
    ("revision", "{space}/web runs cccccccccccc"),
    ("git", "1 commit not pushed to origin/main"),
    ("backup", "file dump: dump: it is empty"),
)


@pytest.mark.alone  # a node and webhooks are everybody's
@pytest.mark.parametrize(("line", "said"), MORE_CHANGES)
def test_another_real_change_is_named_on_its_line(scene: Scene, mess: Told, line: str, said: str) -> None:
    told = mess.lines[f"checklist.{line}"]

    assert told["outcome"] == "failed", told
    assert any(said.format(space=scene.space) in one for one in told["wrong"]), told["wrong"]
    assert mess.code == 1


def test_in_mode_write_an_image_that_does_not_come_is_named_and_nothing_is_left(scene: Scene) -> None:
    with scene.more(WEB):
        told = scene.ask("--mode", "write").lines["checklist.images_pulled"]

    (fault,) = told["wrong"]
    assert (told["outcome"], told["observed"]) == ("failed", "1 of 2 images pulled")
    assert fault.startswith(f"registry.example/web:1 ({scene.space}/web-*-*): ErrImagePull: ")
    until(lambda: not _pulling(scene), awaited="pods that pull are gone", within=60, every=0.5)


def _pulling(scene: Scene) -> list[Object]:
    pods = scene.cluster.every("Pod", scene.space)
    return [one for one in pods if "gonogo/part" in one["metadata"].get("labels", {})]


def test_before_and_after_a_deployment_stand_side_by_side(scene: Scene) -> None:
    scene.ask()
    first = scene.folder / "first.json"
    first.write_bytes((scene.folder / "out" / "results.json").read_bytes())
    containers = [{"name": "c", "image": os.environ.get("GONOGO_TEST_IMAGE", "busybox"), "command": ["sleep", "300"]}]
    with scene.made("Pod", "more", spec={"containers": containers, "terminationGracePeriodSeconds": 0}):
        scene.cluster.wait("Pod", "status.phase == 'Running'", name="more", namespace=scene.space)

        scene.ask("--before", str(first))

    told = json.loads((scene.folder / "out" / "results.json").read_text())
    assert told["health"]["running"] == told["before"]["health"]["running"] + 1
    assert "## Before and after" in (scene.folder / "out" / "summary.md").read_text()
