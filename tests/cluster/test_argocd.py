"""``suites/argocd`` on a real Argo CD: right where it is right, red and blamed right where something is broken.

Skipped where Argo CD is not there, in namespace ``argocd``, or has applications of others. Its repository is one that
``git daemon`` serves from a pod, of the image that Argo CD's repo-server runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
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

from gonogo.cluster.api import KINDS
from gonogo.core.waiting import until

SPACE = "argocd"
HERE = "https://kubernetes.default.svc"
REFRESH = "argocd.argoproj.io/refresh"
CRITERIA = {
    "argocd.answers",
    "argocd.parts",
    "argocd.applications",
    "argocd.conditions",
    "argocd.synced",
    "argocd.windows",
    "argocd.operations",
    "argocd.healthy",
    "argocd.reconciled",
    "argocd.objects",
    "argocd.sets",
}

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: web, image: "IMAGE", command: [sleep, "3600"]}]
"""
RAY = """
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: ml}
spec:
  headGroupSpec:
    rayStartParams: {}
    template: {spec: {containers: [{name: head, image: "no/such-ray:1"}]}}
"""
GIT = """
apiVersion: v1
kind: ConfigMap
metadata: {name: seed}
data: ${data}
---
apiVersion: v1
kind: Pod
metadata: {name: git, labels: {app: git}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: git
    image: ${git}
    env: [{name: HOME, value: /tmp}]
    command:
    - bash
    - -ec
    - |
      git config --global user.name test; git config --global user.email test@test.local
      git init -q /tmp/repo; cd /tmp/repo; git checkout -q -b main
      for file in /seed/*.yaml; do name=$$(basename $$file .yaml); mkdir $$name; cp $$file $$name/; done
      git add .; git commit -qm first
      exec git daemon --base-path=/tmp --export-all --reuseaddr
    readinessProbe: {tcpSocket: {port: 9418}, periodSeconds: 1}
    volumeMounts: [{name: seed, mountPath: /seed}]
  volumes: [{name: seed, configMap: {name: seed}}]
---
apiVersion: v1
kind: Service
metadata: {name: git}
spec: {selector: {app: git}, ports: [{port: 9418}]}
"""

Outcomes = dict[str, tuple[str, str]]


class Platform:
    """Applications of one namespace, made and removed, and the suite asked about all that there are."""

    def __init__(self, cluster: Cluster, namespace: str, folder: Path) -> None:
        self.cluster, self.namespace, self.folder = cluster, namespace, folder
        self.config, self.said, self.causes = str(cluster.kubeconfig), dict[str, str](), dict[str, str]()

    def spec(self, path: str, **fields: Any) -> dict[str, Any]:
        """The specification of an application that is made of one folder of the repository, and synced."""
        return {
            "project": "default",
            "source": {"repoURL": f"git://git.{self.namespace}.svc/repo", "path": path, "targetRevision": "main"},
            "destination": {"server": HERE, "namespace": self.namespace},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
            **fields,
        }

    @contextmanager
    def application(self, path: str, name: str = "", **fields: Any) -> Iterator[str]:
        """An application, until the body ends."""
        name = name or f"{self.namespace}-{path}"
        kind, spec = OPERATED["Application"], self.spec(path)
        for key, value in fields.items():
            spec[key] = {**spec[key], **value} if isinstance(value, dict) and key in spec else value
        meta = {"name": name, "namespace": SPACE}
        self.cluster.told(
            "POST",
            kind.path(SPACE),
            {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, "spec": spec},
        )
        try:
            yield name
        finally:
            self.cluster.delete("Application", name, SPACE)
            self.cluster.gone("Application", name, SPACE)
            # without the finalizer of Argo CD what it deployed stays, and would be the next one's
            for one in ("web", "imageless"):
                self.cluster.delete("Deployment", one, self.namespace)
                self.cluster.gone("Deployment", one, self.namespace)

    @contextmanager
    def project(self, name: str, **spec: Any) -> Iterator[str]:
        """A project that lets applications into the namespace, until the body ends."""
        kind, name = OPERATED["AppProject"], f"{self.namespace}-{name}"
        to = [{"server": HERE, "namespace": self.namespace}]
        body = {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {"name": name, "namespace": SPACE},
            "spec": {"sourceRepos": ["*"], "destinations": to, **spec},
        }
        self.cluster.told("POST", kind.path(SPACE), body)
        try:
            yield name
        finally:
            self.cluster.delete("AppProject", name, SPACE)

    def until(self, name: str, when: str, within: float = 90) -> None:
        """Wait until the application fits the expression."""
        self.cluster.wait("Application", when, name=name, namespace=SPACE, within=within)

    def unread(self, name: str) -> None:
        """Wait until it is told that its source cannot be read; a refresh that is asked for is told at once."""
        self.cluster.change("Application", name, SPACE, {"metadata": {"annotations": {REFRESH: "hard"}}})
        self.until(name, "status.conditions[?type == 'ComparisonError']", within=120)

    def settled(self, name: str) -> None:
        """Wait until it is synced and healthy."""
        self.until(name, "status.sync.status == 'Synced' && status.health.status == 'Healthy'")

    def ask(self, expect: str = "", namespace: str = SPACE) -> Outcomes:
        """Criterion to outcome and cause."""
        target = self.folder / "target.toml"
        target.write_text(
            f"""
[target]
name = "there"
provider = "existing"
capabilities = ["kubernetes"]
[kubernetes]
kubeconfig = {json.dumps(self.config)}
namespaces = ["{self.namespace}"]
[components.argocd]
namespace = "{namespace}"
[components.argocd.expect]
{expect}
"""
        )
        command = [sys.executable, "-m", "pytest", "suites/argocd", "--target", str(target), "--out", str(self.folder)]
        done = subprocess.run([*command, "-q"], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done.stderr + done.stdout
        results = json.loads((self.folder / "results.json").read_text())
        causes = {id: (c["cause"] or {}).get("signature", "") for c in results["checks"] for id in c["criteria"]}
        criteria = [c for c in results["criteria"] if c["component"] == "argocd"]
        self.said = {c["id"]: c["reason"] for c in criteria}
        return {c["id"]: (c["outcome"], causes.get(c["id"], "")) for c in criteria}


@pytest.fixture(scope="module")
def platform(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """An Argo CD without applications of others, and a repository that it reaches."""
    if cluster.told("GET", OPERATED["Application"].path(SPACE)) is None:
        pytest.skip("Argo CD is not on this cluster: it serves no Application of argoproj.io")
    server = cluster.find("Deployment", "argocd-repo-server", SPACE)
    if server is None:
        pytest.skip(f"Argo CD does not run in namespace {SPACE}")
    if others := [one["metadata"]["name"] for one in cluster.every("Application", SPACE)]:
        pytest.skip(f"Argo CD has applications of others: {', '.join(others)}")
    image = os.environ.get(IMAGE, "busybox")
    seed = {
        "web.yaml": WEB.replace("NAME", "web").replace("IMAGE", image),
        "imageless.yaml": WEB.replace("NAME", "imageless").replace("IMAGE", "no/such-image:1"),
        "ray.yaml": RAY,
    }
    with cluster.namespace(f"gonogo-test-{token_hex(3)}-argocd") as namespace:
        platform = Platform(cluster, namespace, tmp_path_factory.mktemp("argocd"))
        child = {"name": f"{namespace}-child", "namespace": SPACE}
        of_child = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": child,
            "spec": platform.spec("imageless"),
        }
        seed["apps.yaml"] = yaml.safe_dump(of_child)
        data = json.dumps(seed)
        git = server["spec"]["template"]["spec"]["containers"][0]["image"]
        for one in cluster.objects(GIT, namespace, git=git, data=data):
            cluster.apply(one, namespace)
        cluster.wait("Pod", "status.containerStatuses[0].ready", name="git", namespace=namespace)
        named = f"git ls-remote git://git.{namespace}.svc/repo"
        until(
            lambda: "refs/heads/main" in cluster.run(namespace, "git", "sh", "-c", named),
            awaited=named,
            within=60,
            every=1,
        )
        yield platform


def red(found: Outcomes) -> Outcomes:
    """What did not pass."""
    return {id: told for id, told in found.items() if told[0] != "passed"}


def test_what_is_as_it_should_be_passes(platform: Platform) -> None:
    with platform.application("web") as name:
        platform.settled(name)

        found = platform.ask(f'applications = ["{name}"]')

    assert red(found) == {}, platform.said
    assert found.keys() == CRITERIA


@pytest.mark.parametrize("lacks", ["repository", "path", "revision"])
def test_a_source_that_cannot_be_read_is_blamed(platform: Platform, lacks: str) -> None:
    where = {
        "repository": {"repoURL": f"git://git.{platform.namespace}.svc/gone"},
        "path": {"path": "gone"},
        "revision": {"targetRevision": "gone"},
    }[lacks]
    with platform.application("web", source=where) as name:
        platform.unread(name)

        found = platform.ask()

    unread = ("failed", "argocd.source_unreadable")
    assert found["argocd.conditions"] == found["argocd.synced"] == unread, platform.said
    assert found["argocd.parts"] == found["argocd.reconciled"] == ("passed", "")
    assert "gone" in platform.said["argocd.conditions"]


def test_a_repository_that_goes_away_later_is_blamed(platform: Platform) -> None:
    with platform.application("web") as name:
        platform.settled(name)
        repository = {"repoURL": f"git://nobody.{platform.namespace}.svc/repo"}
        platform.cluster.change("Application", name, SPACE, {"spec": {"source": repository}})
        platform.unread(name)

        found = platform.ask()

    # Argo CD goes on to call it Healthy
    assert found["argocd.healthy"] == ("passed", "")
    assert found["argocd.conditions"] == ("failed", "argocd.source_unreadable"), platform.said


def test_an_image_that_is_not_there_is_named_before_argo_cd_gives_up(platform: Platform) -> None:
    with platform.application("imageless") as name:
        platform.until(name, "status.health.status == 'Progressing' && status.operationState.phase == 'Succeeded'")
        waiting = "status.containerStatuses[0].state.waiting.reason == 'ImagePullBackOff'"
        platform.cluster.wait("Pod", waiting, namespace=platform.namespace)

        found = platform.ask()

    assert found["argocd.synced"] == ("passed", "")
    assert found["argocd.healthy"] == ("failed", "argocd.degraded"), platform.said
    assert found["argocd.objects"] == ("failed", "argocd.object_unhealthy")
    assert "Deployment" in platform.said["argocd.healthy"]
    assert "no/such-image:1" in platform.said["argocd.healthy"]


def test_of_an_application_of_applications_the_child_is_blamed(platform: Platform) -> None:
    child = f"{platform.namespace}-child"
    with platform.application("apps", destination={"namespace": SPACE}) as name:
        try:
            platform.until(name, "status.sync.status == 'Synced' && status.health.status == 'Healthy'")
            platform.until(child, "status.health.status == 'Progressing' && status.operationState.phase == 'Succeeded'")
            waiting = "status.containerStatuses[0].state.waiting.reason == 'ImagePullBackOff'"
            platform.cluster.wait("Pod", waiting, namespace=platform.namespace)

            found = platform.ask(f'applications = ["{name}", "{child}"]')
        finally:
            platform.cluster.change("Application", name, SPACE, {"spec": {"syncPolicy": None}})
            platform.cluster.delete("Application", child, SPACE)

    assert found["argocd.applications"] == ("passed", "")
    assert found["argocd.healthy"] == ("failed", "argocd.degraded"), platform.said
    assert child in platform.said["argocd.healthy"]


def test_a_kind_that_argo_cd_knows_no_health_of_is_judged_by_its_own_object(platform: Platform) -> None:
    if platform.cluster.told("GET", OPERATED["RayCluster"].path(platform.namespace)) is None:
        pytest.skip("the cluster serves no RayCluster: its operator is not there")
    with platform.application("ray") as name:
        platform.settled(name)
        waiting = "status.containerStatuses[0].state.waiting.reason == 'ImagePullBackOff'"
        platform.cluster.wait("Pod", waiting, namespace=platform.namespace)

        found = platform.ask()

    assert found["argocd.healthy"] == ("passed", ""), platform.said
    assert found["argocd.objects"] == ("failed", "argocd.object_unhealthy"), platform.said
    assert "RayCluster" in platform.said["argocd.objects"]


def test_who_would_sync_what_is_out_of_sync_is_told(platform: Platform) -> None:
    with platform.application("web", syncPolicy={"automated": None}) as name:
        platform.until(name, "status.sync.status == 'OutOfSync'")
        # a refresh is no sync
        platform.cluster.change(
            "Application", name, SPACE, {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "hard"}}}
        )
        platform.until(name, '!(metadata.annotations."argocd.argoproj.io/refresh")')

        found = platform.ask()

    assert found["argocd.synced"] == ("failed", "argocd.nobody_syncs"), platform.said
    assert found["argocd.healthy"] == ("failed", "argocd.resources_missing")


def test_what_a_sync_window_holds_is_told_until_the_window_lets_it(platform: Platform) -> None:
    window = {"kind": "deny", "schedule": "* * * * *", "duration": "1h", "applications": ["*"]}
    by_hand = {"operation": {"initiatedBy": {"username": "somebody"}, "sync": {"revision": "main"}}}
    with (
        platform.project("held", syncWindows=[window]) as project,
        platform.application("web", project=project) as name,
    ):
        platform.until(name, "status.sync.status == 'OutOfSync'")
        before = platform.ask()
        told = platform.said["argocd.synced"]
        platform.cluster.change("Application", name, SPACE, by_hand)
        platform.until(name, "status.operationState.phase == 'Running'")
        running = platform.ask()
        open_ = {"spec": {"syncWindows": [{**window, "kind": "allow"}]}}
        platform.cluster.change("AppProject", project, SPACE, open_)
        platform.cluster.change("Application", name, SPACE, {"metadata": {"annotations": {REFRESH: "normal"}}})
        platform.settled(name)

        after = platform.ask()

    held = ("failed", "argocd.window_closed")
    assert before["argocd.synced"] == before["argocd.windows"] == held, platform.said
    assert "may not sync it now: deny window '* * * * *' for 1h; nor may anybody by hand" in told
    assert running["argocd.synced"] == held, platform.said
    assert red(after) == {}, platform.said


def test_a_sync_that_the_project_refuses_is_blamed_on_the_project(platform: Platform) -> None:
    denied = [{"group": "apps", "kind": "Deployment"}]
    with (
        platform.project("narrow", namespaceResourceBlacklist=denied) as project,
        platform.application("web", project=project) as name,
    ):
        platform.until(name, "status.operationState.syncResult.resources[?status == 'SyncFailed']")

        found = platform.ask()

    assert found["argocd.operations"] == ("failed", "argocd.project_refuses"), platform.said
    assert project in json.dumps(platform.said)


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"project": "nobody"}, "argocd.project_missing"),
        ({"destination": {"server": "https://nowhere.invalid:6443"}}, "argocd.destination_unknown"),
    ],
)
def test_a_specification_that_leads_nowhere_is_blamed(platform: Platform, fields: dict[str, Any], cause: str) -> None:
    with platform.application("web", **fields) as name:
        platform.until(name, "status.conditions[?type == 'InvalidSpecError']")

        found = platform.ask()

    assert found["argocd.conditions"] == ("failed", cause), platform.said
    assert found["argocd.synced"] == ("failed", cause), platform.said


@contextmanager
def scaled(cluster: Cluster, kind: str, name: str) -> Iterator[None]:
    """A server of Argo CD without a pod, until the body ends."""
    cluster.change(kind, name, SPACE, {"spec": {"replicas": 0}})
    try:
        cluster.wait(kind, "!(status.readyReplicas)", name=name, namespace=SPACE)
        yield
    finally:
        cluster.change(kind, name, SPACE, {"spec": {"replicas": 1}})
        cluster.wait(kind, "status.readyReplicas == `1`", name=name, namespace=SPACE, within=180)


def refreshed(platform: Platform, name: str) -> None:
    """Have the controller look at an application now."""
    asked = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
    platform.cluster.change("Application", name, SPACE, asked)
    platform.until(name, '!(metadata.annotations."argocd.argoproj.io/refresh")')


@pytest.mark.slow
def test_a_controller_that_is_gone_makes_what_is_said_old(platform: Platform) -> None:
    cluster = platform.cluster
    with platform.application("web") as name:
        platform.settled(name)
        refreshed(platform, name)
        before = platform.ask("reconciled = 30")
        with scaled(cluster, "StatefulSet", "argocd-application-controller"):
            at = (cluster.find("Application", name, SPACE) or {})["status"]["reconciledAt"]
            until(lambda: old(at) > 31, awaited="an old status", within=60, every=1)

            found = platform.ask("reconciled = 30")

    assert red(before) == {}, before
    # nothing else tells: the statuses stay as they were
    assert found["argocd.synced"] == found["argocd.healthy"] == ("passed", "")
    assert found["argocd.parts"] == found["argocd.reconciled"] == ("failed", "argocd.part_down"), platform.said
    assert "scaled to 0" in platform.said["argocd.reconciled"]


def old(at: str) -> float:
    """How many seconds ago that was."""
    from datetime import UTC, datetime

    return (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds()


@pytest.mark.slow
def test_a_repo_server_that_is_gone_is_the_root_of_what_cannot_be_compared(platform: Platform) -> None:
    with platform.application("web") as name:
        platform.settled(name)
        with scaled(platform.cluster, "Deployment", "argocd-repo-server"):
            platform.unread(name)

            found = platform.ask()

    assert found["argocd.parts"] == found["argocd.conditions"] == ("failed", "argocd.part_down"), platform.said


def test_none_at_all_and_one_that_is_expected_are_no_pass(platform: Platform) -> None:
    none = platform.ask()
    with platform.application("web") as name:
        platform.settled(name)
        missing = platform.ask('applications = ["data-platform"]')
    elsewhere = platform.ask(namespace=platform.namespace)

    empty = {"argocd.answers", "argocd.parts", "argocd.sets"}
    assert red(none) == dict.fromkeys(CRITERIA - empty, ("failed", "argocd.no_applications"))
    assert red(missing) == {"argocd.applications": ("failed", "argocd.application_missing")}
    assert elsewhere["argocd.parts"] == ("failed", "argocd.part_missing")


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

    assert found["argocd.answers"] == ("broken", "argocd.right_missing"), platform.said


def test_a_draft_of_the_cluster_finds_it(platform: Platform) -> None:
    command = [sys.executable, "-m", "gonogo", "endpoints", "--discover", "argocd", "katib"]
    config = {**os.environ, "KUBECONFIG": platform.config}

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=config)

    drafted = tomllib.loads(done.stdout)
    katib = platform.cluster.find("Deployment", "katib-controller", "kubeflow") is not None
    assert done.returncode == 0, done.stderr
    assert drafted["components"]["argocd"] == {"namespace": SPACE}
    assert drafted["components"].get("katib") == ({"namespace": "kubeflow"} if katib else None)


def test_the_rights_that_are_printed_are_enough(platform: Platform) -> None:
    # the check of what applications deploy may list what the target's namespaces hold
    target = platform.folder / "target.toml"
    with platform.application("web") as name:
        platform.settled(name)
        platform.ask()
        command = [sys.executable, "-m", "gonogo", "rbac", "--for", "read", "--target", str(target)]
        printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        rules = [one for one in yaml.safe_load_all(printed) if one["kind"].endswith("Role")]

    granted = {(r["metadata"].get("namespace"), p) for r in rules for rule in r["rules"] for p in rule["resources"]}
    assert {
        (SPACE, "applications"),
        (SPACE, "appprojects"),
        (SPACE, "applicationsets"),
        (SPACE, "configmaps"),
    } <= granted
    assert KINDS["Pod"].plural in {plural for space, plural in granted if space == platform.namespace}
