"""``gonogo preflight``, whole, on a cluster in memory.

GO where all is well, red for each thing that is not, and never GO where something that it needs is taken away.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from api_server import LEASES, Cluster, cluster
from kubeconfigs import kubeconfig
from repositories import CLIENT

from gonogo import cli
from gonogo.cluster.api import Kind

for name in ("kubernetes.client", "rich.live", "gonogo.cluster.hub", "gonogo.run.child", "gonogo.run.execution"):
    importlib.import_module(name)

APPLICATIONS = Kind("argoproj.io", "v1alpha1", "applications", "Application", True)
PROJECTS = Kind("argoproj.io", "v1alpha1", "appprojects", "AppProject", True)
VELERO = Kind("velero.io", "v1", "backups", "Backup", True)
PLACES = Kind("velero.io", "v1", "backupstoragelocations", "BackupStorageLocation", True)

PLANNED = (
    *("storage", "room", "room_at_most", "room_node_lost", "quotas", "api_versions", "going_versions", "definitions"),
    *(
        "values",
        "references",
        "classes",
        "ingress_class",
        "hosts",
        "selectors",
        "images",
        "images_pulled",
        "pod_security",
        "injection",
    ),
)
"""Lines about what would be made: a target that attaches deploys nothing."""

OWN = {
    "gonogo.toml": '[content]\nbuiltin = ["checklist", "health", "argocd"]\n',
    "deploy/store/component.toml": 'title = "Store"\n[endpoints]\nrequired = ["folder"]\n',
    "reports/criteria.toml": '[store.answers]\nlevel = "critical"\nclaim = "The store answers"\n',
    "suites/store/.keep": "",
    "fixtures/store.py": dedent(CLIENT).format(name="store", title="Store"),
}
"""A repository of one's own beside what is built in: one service, whose server is a file."""

TARGET = """
[target]
name = "staging"
provider = "existing"
capabilities = ["kubernetes"]
[target.unsupported]
{unsupported}
[kubernetes]
kubeconfig = "{kubeconfig}"
identity = "{identity}"
namespaces = ["data"]
[limits]
check = 30
[checklist]
health = 80
services = ["store"]
backup = {{ velero = "velero/daily" }}
git = {{ path = "checkout" }}
argocd = {{ applications = ["web"] }}
[components.checklist.expect]
clock_seconds = 120
[components.store]
folder = "{store}"
"""


def stamp(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"


def ago(**length: float) -> str:
    return stamp(datetime.now(UTC) - timedelta(**length))


@dataclass
class Scene:
    """A cluster, a checkout with its remote, and a target file; ``go`` is the good state of them."""

    folder: Path
    cluster: Cluster
    ask: Callable[..., tuple[int, dict[str, str], str]]
    target: Path = field(default_factory=Path)

    @property
    def checkout(self) -> Path:
        return self.folder / "checkout"

    def git(self, *words: str, at: Path | None = None) -> str:
        """What git prints in the checkout."""
        given = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        who = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
        command = ["git", *who, "-C", str(at or self.checkout), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=given).stdout.strip()

    def write(self) -> None:
        """The target file."""
        text = TARGET.format(
            unsupported="\n".join(f'"checklist.{one}" = "nothing is deployed here"' for one in PLANNED),
            kubeconfig=self.folder / "config",
            identity=self.cluster.get("Namespace", "", "kube-system")["metadata"]["uid"],
            store=self.folder / "store",
        )
        self.target.write_text(text)

    def edit(self, old: str, new: str) -> None:
        """One text of the target file in place of another."""
        text = self.target.read_text()
        assert text.count(old) == 1, old
        self.target.write_text(text.replace(old, new))


def pod(held: Cluster, name: str, *, ready: bool = True) -> None:
    """One that runs since yesterday, of a StatefulSet."""
    told = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": ago(days=1)}
    container = {"name": "c", "ready": ready, "restartCount": 0, "state": {"running": {"startedAt": ago(days=1)}}}
    status = {"phase": "Running", "startTime": ago(days=1), "conditions": [told], "containerStatuses": [container]}
    owner = held.get("StatefulSet", "data", "db")
    made = held.put("Pod", "data", name, owners=[owner], spec={"nodeName": "a", "containers": [{"name": "c"}]})
    made["status"] = status


def filled(held: Cluster) -> None:
    """A cluster on which everything is well."""
    for space in ("kube-system", "data", "argocd", "velero", "kube-node-lease"):
        held.put("Namespace", "", space)
    ready = [{"type": "Ready", "status": "True"}, {"type": "MemoryPressure", "status": "False"}]
    held.put("Node", "", "a", status={"conditions": ready, "nodeInfo": {"kubeletVersion": "v1.31.2"}})
    held.put(LEASES, "kube-node-lease", "a", spec={"renewTime": ago(seconds=3)})
    marks = {"storageclass.kubernetes.io/is-default-class": "true"}
    held.put("StorageClass", "", "standard", annotations=marks, provisioner="p")
    held.put("StatefulSet", "data", "db", spec={"replicas": 5}, status={"replicas": 5, "readyReplicas": 5})
    for number in range(5):
        pod(held, f"db-{number}")
    told = {"phase": "Completed", "startTimestamp": ago(hours=3), "completionTimestamp": ago(hours=2)}
    held.put(VELERO, "velero", "daily-1", labels={"velero.io/schedule-name": "daily"}, status=told)
    held.put(PLACES, "velero", "default", status={"phase": "Available"})
    held.put(PROJECTS, "argocd", "default", spec={"sourceRepos": ["*"], "destinations": [{"namespace": "*"}]})


def application(scene: Scene, **change: Any) -> None:
    """Argo CD's, of the checkout's repository, as its controller last wrote it."""
    told = {
        "health": {"status": "Healthy"},
        "sync": {"status": "Synced", "revision": scene.git("rev-parse", "HEAD")},
        "operationState": {"phase": "Succeeded"},
        "reconciledAt": ago(minutes=1),
        **change,
    }
    spec = {"source": {"repoURL": str(scene.folder / "remote.git")}}
    scene.cluster.put(APPLICATIONS, "argocd", "web", spec=spec, status=told)


@pytest.fixture
def scene(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """Where preflight comes to GO."""
    monkeypatch.setenv("GONOGO_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GONOGO_TARGET", raising=False)
    own = tmp_path / "own"
    for name, text in OWN.items():
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_text(text)
    monkeypatch.chdir(own)
    with cluster(APPLICATIONS, PROJECTS, VELERO, PLACES) as held:

        def ask(*options: str) -> tuple[int, dict[str, str], str]:
            monkeypatch.setattr(
                sys, "argv", ["gonogo", "preflight", "--target", str(made.target), "-o", "json", *options]
            )
            with pytest.raises(SystemExit) as ended:
                cli.main()
            out, err = capfd.readouterr()
            rows = json.loads(out)["rows"] if out.startswith("{") else []
            return int(ended.value.code or 0), {row["line"].partition(".")[2]: row["outcome"] for row in rows}, err

        made = Scene(tmp_path, held, ask, tmp_path / "staging.toml")
        filled(held)
        (tmp_path / "store").mkdir()
        (tmp_path / "store" / "mood").write_text("fine")
        kubeconfig(tmp_path / "config", server=held.url)
        made.git("init", "--quiet", "--bare", "-b", "main", "remote.git", at=tmp_path)
        made.git("clone", "--quiet", "remote.git", "checkout", at=tmp_path)
        made.git("switch", "--quiet", "-c", "main")
        made.git("commit", "--quiet", "--allow-empty", "-m", "one")
        made.git("push", "--quiet", "-u", "origin", "main")
        application(made)
        made.write()
        yield made


def red(lines: dict[str, str]) -> dict[str, str]:
    return {name: outcome for name, outcome in lines.items() if outcome not in ("passed", "unsupported")}


def test_where_all_is_well_it_is_go(scene: Scene) -> None:
    code, lines, err = scene.ask()

    assert red(lines) == {}, err
    assert {name for name, outcome in lines.items() if outcome == "unsupported"} == set(PLANNED)
    assert code == 0


# -- red for each thing that is wrong


def unhealthy(scene: Scene) -> None:
    for number in range(3):
        scene.cluster.get("Pod", "data", f"db-{number}")["status"]["conditions"][0]["status"] = "False"


def silent(scene: Scene) -> None:
    (scene.folder / "store" / "mood").unlink()


def old_backup(scene: Scene) -> None:
    scene.cluster.get("Backup", "velero", "daily-1")["status"]["completionTimestamp"] = ago(hours=30)


def no_backup(scene: Scene) -> None:
    scene.cluster.remove("Backup", "velero", "daily-1")


def changed(scene: Scene) -> None:
    (scene.checkout / "values.yaml").write_text("a: 1")


def unpushed(scene: Scene) -> None:
    scene.git("commit", "--quiet", "--allow-empty", "-m", "two")
    application(scene)


def behind(scene: Scene) -> None:
    scene.git("commit", "--quiet", "--allow-empty", "-m", "two")
    scene.git("push", "--quiet")
    scene.git("reset", "--quiet", "--hard", "HEAD~1")


def another_branch(scene: Scene) -> None:
    scene.edit('git = { path = "checkout" }', 'git = { path = "checkout", branch = "release" }')


def other_revision(scene: Scene) -> None:
    application(scene, sync={"status": "Synced", "revision": "b" * 40})


def out_of_sync(scene: Scene) -> None:
    head = scene.git("rev-parse", "HEAD")
    application(scene, sync={"status": "OutOfSync", "revision": head})


def unreadable_source(scene: Scene) -> None:
    """Its health stays Healthy, and its sync what it was."""
    application(scene, conditions=[{"type": "ComparisonError", "message": "repository not found"}])


def no_project(scene: Scene) -> None:
    scene.cluster.remove("AppProject", "argocd", "default")


def no_application(scene: Scene) -> None:
    scene.edit('["web"]', '["web", "other"]')


def cordoned(scene: Scene) -> None:
    scene.cluster.get("Node", "", "a")["spec"] = {"unschedulable": True}


def pressed(scene: Scene) -> None:
    scene.cluster.get("Node", "", "a")["status"]["conditions"][1]["status"] = "True"


def slow_clock(scene: Scene) -> None:
    scene.cluster.get("Lease", "kube-node-lease", "a")["spec"]["renewTime"] = ago(minutes=10)


def new_kubelet(scene: Scene) -> None:
    scene.cluster.get("Node", "", "a")["status"]["nodeInfo"]["kubeletVersion"] = "v1.33.0"


def two_defaults(scene: Scene) -> None:
    marks = {"storageclass.kubernetes.io/is-default-class": "true"}
    scene.cluster.put("StorageClass", "", "other", annotations=marks, provisioner="p")


def no_default(scene: Scene) -> None:
    scene.cluster.get("StorageClass", "", "standard")["metadata"]["annotations"] = {}


def dead_webhook(scene: Scene) -> None:
    config = {"service": {"namespace": "data", "name": "hook"}}
    scene.cluster.put("ValidatingWebhookConfiguration", "", "h", webhooks=[{"name": "a.b", "clientConfig": config}])


def ending_namespace(scene: Scene) -> None:
    scene.cluster.get("Namespace", "", "data")["status"]["phase"] = "Terminating"


def gone_namespace(scene: Scene) -> None:
    scene.edit('namespaces = ["data"]', 'namespaces = ["data", "other"]')


def pending_release(scene: Scene) -> None:
    labels = {"owner": "helm", "name": "store", "version": "2", "status": "pending-upgrade"}
    scene.cluster.put("Secret", "data", "sh.helm.release.v1.store.v2", labels=labels)


def tight_budget(scene: Scene) -> None:
    scene.cluster.put("PodDisruptionBudget", "data", "b", status={"expectedPods": 1, "disruptionsAllowed": 0})


FAULTS = {
    unhealthy: ("health",),
    silent: ("services",),
    old_backup: ("backup",),
    no_backup: ("backup",),
    changed: ("git",),
    unpushed: ("git",),
    behind: ("git", "revision"),
    another_branch: ("git",),
    other_revision: ("revision",),
    out_of_sync: ("applications",),
    unreadable_source: ("applications",),
    no_project: ("applications",),
    no_application: ("applications", "revision"),
    cordoned: ("nodes",),
    pressed: ("nodes",),
    slow_clock: ("clocks",),
    new_kubelet: ("version_skew",),
    two_defaults: ("default_class",),
    no_default: ("default_class",),
    dead_webhook: ("webhooks",),
    ending_namespace: ("namespaces",),
    gone_namespace: ("namespaces",),
    pending_release: ("releases",),
    tight_budget: ("drains",),
}
"""What is made wrong, and the lines that turn red by it."""

NOT_GATING = {"clocks", "version_skew", "drains"}


@pytest.mark.parametrize("wrong", FAULTS, ids=lambda one: one.__name__)
def test_what_is_wrong_turns_its_own_line_red(scene: Scene, wrong: Callable[[Scene], None]) -> None:
    wrong(scene)

    code, lines, err = scene.ask()

    found = red(lines)
    assert set(found) <= set(FAULTS[wrong]), err
    assert found[FAULTS[wrong][0]] == "failed"
    assert code == (0 if set(found) <= NOT_GATING else 1)


# -- a gate that cannot tell never opens


def refused(*rights: str) -> Callable[[Scene], None]:
    def take(scene: Scene) -> None:
        scene.cluster.refused |= set(rights)

    take.__name__ = f"may not {', '.join(rights)}"
    return take


def edited(old: str, new: str, name: str) -> Callable[[Scene], None]:
    def take(scene: Scene) -> None:
        scene.edit(old, new)

    take.__name__ = name
    return take


def other_cluster(scene: Scene) -> None:
    uid = scene.cluster.get("Namespace", "", "kube-system")["metadata"]["uid"]
    scene.edit(f'identity = "{uid}"', 'identity = "another"')


def nobody_listens(scene: Scene) -> None:
    kubeconfig(scene.folder / "config")


def no_kubeconfig(scene: Scene) -> None:
    (scene.folder / "config").unlink()


def garbage(scene: Scene) -> None:
    scene.cluster.answer = lambda *_: (200, ["what"])  # type: ignore[method-assign]


def failing(scene: Scene) -> None:
    scene.cluster.answer = lambda *_: (500, {"kind": "Status", "message": "etcd"})  # type: ignore[method-assign]


def denied(scene: Scene) -> None:
    scene.cluster.answer = lambda *_: (401, {"kind": "Status", "message": "who"})  # type: ignore[method-assign]


def no_repository(scene: Scene) -> None:
    shutil.rmtree(scene.checkout / ".git")


def no_folder(scene: Scene) -> None:
    shutil.rmtree(scene.checkout)


def no_remote(scene: Scene) -> None:
    shutil.rmtree(scene.folder / "remote.git")


def no_such_remote(scene: Scene) -> None:
    scene.git("remote", "remove", "origin")


def no_git(scene: Scene) -> None:
    (scene.folder / "bin").mkdir()
    os.environ["PATH"] = str(scene.folder / "bin")


def broken_repository(scene: Scene) -> None:
    (scene.checkout / ".git" / "HEAD").write_text("nothing")


def hung_service(scene: Scene) -> None:
    (scene.folder / "store" / "mood").write_text("hung")


def stale_application(scene: Scene) -> None:
    application(scene, reconciledAt=ago(hours=3))


def never_compared(scene: Scene) -> None:
    application(scene, reconciledAt=None)


def no_applications(scene: Scene) -> None:
    scene.edit('{ applications = ["web"] }', "{}")
    scene.cluster.remove("Application", "argocd", "web")


def no_pods(scene: Scene) -> None:
    for number in range(5):
        scene.cluster.remove("Pod", "data", f"db-{number}")


def settling(scene: Scene) -> None:
    for number in range(5):
        told = scene.cluster.get("Pod", "data", f"db-{number}")["status"]
        told["startTime"] = told["conditions"][0]["lastTransitionTime"] = ago(seconds=5)
        told["conditions"][0]["status"] = "False"
        told["containerStatuses"][0]["ready"] = False


def no_nodes(scene: Scene) -> None:
    scene.cluster.remove("Node", "", "a")


def bad_command(scene: Scene) -> None:
    scene.edit('velero = "velero/daily"', 'command = ["false"]')


def told_nothing(scene: Scene) -> None:
    scene.edit('velero = "velero/daily"', 'command = ["echo", "all is well"]')


def no_program(scene: Scene) -> None:
    scene.edit('velero = "velero/daily"', 'command = ["no-such-program"]')


def waived_but_broken(scene: Scene) -> None:
    waiver(scene, "checklist.git")
    no_remote(scene)


def expired_waiver(scene: Scene) -> None:
    waiver(scene, "checklist.git", "2026-01-01")
    changed(scene)


def waiver_without_owner(scene: Scene) -> None:
    waiver(scene, "checklist.git", owner=" ")


def waiver_without_an_end(scene: Scene) -> None:
    waiver(scene, "checklist.git", '"never"')


def waiver(scene: Scene, criterion: str, expires: str = "2999-01-01", owner: str = "me") -> None:
    text = f'[[waiver]]\ncriterion = "{criterion}"\nowner = "{owner}"\nreason = "r"\nexpires = {expires}\n'
    (scene.folder / "own" / "reports" / "waivers.toml").write_text(text)


def everything_unsupported(scene: Scene) -> None:
    scene.edit("[target.unsupported]", '[target.unsupported]\nchecklist = "not here"')


def forged_profile(scene: Scene) -> None:
    text = '[profiles.preflight]\noverride = true\ninclude = ["checklist.drains"]\n'
    path = scene.folder / "own" / "reports" / "criteria.toml"
    path.write_text(path.read_text() + text)


TAKEN: tuple[Callable[[Scene], None], ...] = (
    refused("list nodes"),
    refused("list pods"),
    refused("list namespaces"),
    refused("list storageclasses.storage.k8s.io"),
    refused("list secrets"),
    refused("list validatingwebhookconfigurations.admissionregistration.k8s.io"),
    refused("list applications.argoproj.io"),
    refused("list backups.velero.io"),
    refused("list backupstoragelocations.velero.io"),
    refused("get namespaces"),
    edited('services = ["store"]\n', "", "no services"),
    edited('backup = { velero = "velero/daily" }\n', "", "no backup asked"),
    edited('git = { path = "checkout" }\n', "", "no git asked"),
    edited('argocd = { applications = ["web"] }\n', "", "no argocd asked"),
    edited('backup = { velero = "velero/daily" }', "backup = {}", "backup without a place"),
    edited('velero = "velero/daily"', 'velero = "daily"', "backup without a namespace"),
    edited('velero = "velero/daily"', 'snapshot = "data/app=db"', "snapshots are not served"),
    edited('velero = "velero/daily"', 'velro = "velero/daily"', "unknown key"),
    edited('services = ["store"]', 'services = ["other"]', "unknown service"),
    edited('path = "checkout"', 'path = "checkout", remote = "--upload-pack=x"', "remote is an option"),
    edited("health = 80", "health = 0", "any health will do"),
    edited('namespaces = ["data"]', 'namespaces = ["data"]\ncontext = "two"', "another context"),
    *(other_cluster, nobody_listens, no_kubeconfig, garbage, failing, denied),
    *(no_repository, no_folder, no_remote, no_such_remote, no_git, broken_repository, hung_service),
    *(stale_application, never_compared, no_applications, no_pods, settling, no_nodes),
    *(bad_command, told_nothing, no_program),
    *(waived_but_broken, waiver_without_owner, waiver_without_an_end),
    *(everything_unsupported, forged_profile),
)


@pytest.mark.parametrize("take", TAKEN, ids=lambda one: one.__name__)
def test_a_gate_that_cannot_tell_never_opens(
    scene: Scene, take: Callable[[Scene], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.environ["PATH"])
    take(scene)

    code, lines, err = scene.ask()

    assert code in (2, 3), (code, red(lines), err)
    assert "Traceback" not in err
    assert "failed" not in {outcome for name, outcome in lines.items() if name not in NOT_GATING} or code == 2


def test_without_a_capability_the_lines_of_a_cluster_are_asked_all_the_same(scene: Scene) -> None:
    scene.edit('capabilities = ["kubernetes"]', "capabilities = []")
    no_default(scene)

    code, lines, _ = scene.ask()

    assert (code, red(lines)) == (1, {"default_class": "failed"})


# -- an export of Argo CD

EXPORT = "kind: AppProject\nmetadata: {name: default}\n---\nkind: Application\nmetadata: {name: web}\n"


def test_an_export_of_argo_cd_is_a_backup_as_long_as_it_is_whole(scene: Scene) -> None:
    scene.edit('velero = "velero/daily"', 'export = "export.yaml"')
    place = scene.target.parent / "export.yaml"
    found = []

    for text in (EXPORT, EXPORT.replace("web", "other"), EXPORT[:-4], ""):
        place.write_text(text)
        code, lines, _ = scene.ask()
        found.append((code, lines["backup"]))

    assert found == [(0, "passed"), *[(1, "failed")] * 3]


# -- waivers


def test_a_waiver_covers_what_failed_until_it_expires_and_is_shown(
    scene: Scene, capfd: pytest.CaptureFixture[str]
) -> None:
    waiver(scene, "checklist.git")
    changed(scene)

    code, lines, _ = scene.ask()
    expired_waiver(scene)
    late, after, _ = scene.ask()

    assert (code, lines["git"]) == (0, "waived")
    assert (late, after["git"]) == (1, "failed")
    assert "waiver checklist.git: me until 2026-01-01: r, expired on 2026-01-01: it counts as none" in "\n".join(
        shown(scene, capfd)
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("checklist.gitt", "no such criterion (nearest known: 'checklist.git')"),
        ("checklist.*", "too broad, as it names more than one criterion"),
        ("checklist", "too broad, as it names more than one criterion"),
        ("*", "too broad, as it names more than one criterion"),
    ],
)
def test_a_waiver_of_no_criterion_or_of_many_counts_as_none_and_is_shown(
    scene: Scene, capfd: pytest.CaptureFixture[str], name: str, why: str
) -> None:
    changed(scene)
    waiver(scene, name)

    code, lines, _ = scene.ask()

    assert (code, lines["git"]) == (1, "failed")
    assert f"waiver {name}: me until 2999-01-01: r, {why}: it counts as none" in shown(scene, capfd)


def shown(scene: Scene, capfd: pytest.CaptureFixture[str]) -> list[str]:
    """The lines that people see."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["gonogo", "preflight", "--target", str(scene.target)])
        with pytest.raises(SystemExit):
            cli.main()
    return capfd.readouterr().out.splitlines()


# -- how old, and before and after


def test_what_others_wrote_down_too_long_ago_tells_nothing(scene: Scene) -> None:
    application(scene, reconciledAt=ago(minutes=5))

    assert scene.ask("--max-age", "10m")[0] == 0
    code, lines, _ = scene.ask("--max-age", "1m")

    assert (code, red(lines)) == (3, {"applications": "broken", "revision": "broken"})


def test_before_and_after_stand_side_by_side_in_every_report(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    scene.ask("--out", str(scene.folder / "first"))
    unhealthy(scene)
    silent(scene)

    before = str(scene.folder / "first" / "results.json")
    code, _, _ = scene.ask("--before", before, "--out", str(scene.folder / "second"))

    told = json.loads((scene.folder / "second" / "results.json").read_text())
    assert code == 1
    assert (told["before"]["health"]["strict"], told["health"]["strict"]) == (100.0, 40.0)
    page = (scene.folder / "second" / "summary.md").read_text()
    assert "## Before and after" in page
    assert "| healthy, strictly | 100.0 % | 40.0 % | -60.0 % |" in page.replace("\\", "")
    assert "| store | answers | failed | changed |" in page
    assert "Before and after" in (scene.folder / "second" / "report.html").read_text()


def another_target(scene: Scene, results: Path) -> None:
    scene.edit('name = "staging"', 'name = "other"')


def edited_results(scene: Scene, results: Path) -> None:
    results.write_text(results.read_text().replace('"healthy": 5', '"healthy": 4'))


def cut_results(scene: Scene, results: Path) -> None:
    results.write_text(results.read_text()[:1000])


def no_results(scene: Scene, results: Path) -> None:
    results.unlink()


@pytest.mark.parametrize("spoil", [another_target, edited_results, cut_results, no_results])
def test_results_that_are_none_of_this_target_are_not_compared(
    scene: Scene, spoil: Callable[[Scene, Path], None]
) -> None:
    scene.ask("--out", str(scene.folder / "first"))
    results = scene.folder / "first" / "results.json"
    spoil(scene, results)

    assert scene.ask("--before", str(results))[0] == 2


def test_results_of_another_cluster_are_not_compared(scene: Scene) -> None:
    scene.ask("--out", str(scene.folder / "first"))
    there = scene.cluster.get("Namespace", "", "kube-system")["metadata"]
    scene.edit(f'identity = "{there["uid"]}"', 'identity = "moved"')
    there["uid"] = "moved"

    code, lines, err = scene.ask("--before", str(scene.folder / "first" / "results.json"))

    assert (code, red(lines)) == (3, {})
    assert "another platform" in err


# -- what it leaves, and what it says


def test_each_line_keeps_what_it_saw_in_fields(scene: Scene) -> None:
    scene.ask("--out", str(scene.folder / "out"))

    told = json.loads((scene.folder / "out" / "results.json").read_text())
    kept = {
        check["criteria"][0]: json.loads(piece["text"])
        for check in told["checks"]
        for piece in check["evidence"]
        if piece["kind"] == "observation"
    }
    asked = {one["id"] for one in told["criteria"] if one["outcome"] == "passed"} - {"checklist.answers"}
    assert set(kept) == asked
    for fields in kept.values():
        assert {"observed", "threshold", "source", "confidence", "at", "faults", "unknown"} <= fields.keys()
        assert fields["confidence"] in ("high", "medium", "low")
    assert kept["checklist.git"]["observed"].startswith(scene.git("rev-parse", "HEAD")[:12])
    assert {path.name for path in (scene.folder / "out").iterdir() if path.name[0] != "."} == {
        *("results.json", "report.html", "junit.xml", "summary.md")
    }


def test_nothing_is_changed(scene: Scene) -> None:
    before = json.dumps(sorted(map(str, scene.cluster.objects.items())))

    scene.ask()

    assert json.dumps(sorted(map(str, scene.cluster.objects.items()))) == before
    assert {word.split()[0] for word in scene.cluster.asked} == {"get", "list"}
    assert scene.git("status", "--porcelain") == ""
