"""The verbs on a target that deploys by charts: what they list, that they act with --yes alone, and what they leave."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml
from api_server import Cluster, cluster
from checkouts import FILES, checkout
from kubeconfigs import kubeconfig

from gonogo import cli
from gonogo.catalog.registry import Registry
from gonogo.catalog.target import load_target
from gonogo.cluster.api import Kind
from gonogo.commands.rbac import Grant, deploying
from gonogo.core.waiting import pause, until
from gonogo.providers.choose import provider_for
from gonogo.providers.helm import lease, removal
from gonogo.providers.helm.ownership import Ownership, Wanted
from gonogo.providers.helm.provider import HelmPlatform

T = {"gonogo/target": "cluster"}
TARGET = """
    [target]
    name = "cluster"
    provider = "helm"
    modes = ["read", "write"]
    [kubernetes]
    kubeconfig = "{config}"
    identity = "{identity}"
    {more}
"""
HELM = """#!{python}
import json, os, sys, time, urllib.request
def steal():
    # another run takes the target over, where the test says so
    if not os.path.exists("steals"):
        return
    path = "{url}/apis/coordination.k8s.io/v1/namespaces/data/leases/gonogo-cluster"
    lease = json.loads(urllib.request.urlopen(path).read())
    lease["spec"]["holderIdentity"] = "pv-2 elsewhere pid 8"
    del lease["metadata"]["resourceVersion"]
    urllib.request.urlopen(urllib.request.Request(path, json.dumps(lease).encode(), method="PUT")).read()
    time.sleep(0.5)
if sys.argv[1] == "version":
    print("v3.20.2")
elif sys.argv[1] == "upgrade":
    open("upgraded", "w").close()
    sys.exit("this helm installs nothing")
elif sys.argv[1] == "template":
    print(open(sys.argv[3] + "/templates/all.yaml").read())
elif sys.argv[1] == "uninstall":
    steal()
    name, space = sys.argv[2], sys.argv[4]
    for path in ("apis/apps/v1/namespaces/%s/statefulsets/%s", "api/v1/namespaces/%s/secrets/sh.helm.release.v1.%s.v1"):
        request = urllib.request.Request("{url}/" + path % (space, name), method="DELETE")
        urllib.request.urlopen(request).read()
"""
STORE = """
    namespace = "data"
    generated = { password = "password" }
    claims = ["app=store"]
    [endpoints]
    service = "{{ namespace }}/store:80"
    [[releases]]
    name = "store"
    chart = "chart"
    [[workloads]]
    kind = "StatefulSet"
    name = "store"
"""
OPERATOR = """
    namespace = "mq"
    [endpoints]
    service = "{{ namespace }}/queue:9092"
    [[releases]]
    name = "mq-operator"
    chart = "chart"
    namespace = "mq-system"
    shared = true
    serves = ["queues.mq.example/v1"]
    [[manifests]]
    file = "queue.yaml"
"""
RENDERED = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: store}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: store-leader}
rules:
  - {apiGroups: [""], resources: [configmaps, pods/log], verbs: [get, update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: store-view}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: store-nodes}
rules: [{apiGroups: [""], resources: [nodes], verbs: [get]}]
"""
DEFINED = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: queues.mq.example}
spec: {group: mq.example, scope: Namespaced, names: {kind: Queue, plural: queues}, versions: [{name: v1, served: true}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: mq-operator}
"""
QUEUE = "apiVersion: mq.example/v1\nkind: Queue\nmetadata: {name: orders}\n"
WEB = FILES["deploy/store/component.toml"] + '    service = { url = "{scheme}://{host}:{port}" }\n'
UNDONE = '    [[rollback]]\n    says = "helm uninstall store"\n    does = "Leaves its claims."\n'


class Scene:
    """A checkout, its target's cluster, and the program."""

    def __init__(self, held: Cluster, root: Path, capfd: Any, patch: pytest.MonkeyPatch) -> None:
        self.held, self.root, self._capfd, self._patch = held, root, capfd, patch

    def say(self, *words: str) -> tuple[int, str, str]:
        """Exit code, standard output and error of a verb."""
        self._patch.setattr(sys, "argv", ["gonogo", *words])
        code = cli.run()
        return (int(code), *self._capfd.readouterr())

    def up(self, *, kept: bool = True) -> None:
        """What ``up`` has left there, or a check that was killed before it could take it down."""
        held = self.held
        held.put("Namespace", "", "data", labels=T)
        labels = {"owner": "helm", "name": "store", "status": "deployed", "version": "1", "gonogo/component": "store"}
        said = {"gonogo/run": "pv-1", "gonogo/chart": "store-1.0"}
        held.put("Secret", "data", "sh.helm.release.v1.store.v1", labels=labels | T | said)
        held.put("Secret", "data", "gonogo-store", labels={**T, "gonogo/component": "store"})
        helms = {"meta.helm.sh/release-name": "store", "meta.helm.sh/release-namespace": "data"}
        owner = held.put("StatefulSet", "data", "store", annotations=helms)
        held.put("Pod", "data", "store-0", owners=[owner])
        held.put("PersistentVolumeClaim", "data", "data-store-0", spec={"resources": {"requests": {"storage": "1Gi"}}})
        self.lease("", kept="store" if kept else "") if kept else self.lease("pv-1 elsewhere pid 7")

    def lease(self, holder: str, kept: str = "") -> None:
        """As it is left."""
        kind = next(one for one in self.held.kinds if one.kind == "Lease")
        said = {"gonogo/kept": kept} if kept else {}
        spec = {"holderIdentity": holder, "leaseDurationSeconds": 1, "renewTime": "2026-01-02T03:04:05.000000Z"}
        self.held.put(kind, "data", "gonogo-cluster", labels=T, annotations=said, spec=spec)


def made(root: Path, held: Cluster, more: str = "") -> None:
    """The checkout and what stands beside it."""
    config = kubeconfig(root / "config", server=held.url)
    identity = held.get("Namespace", "", "kube-system")["metadata"]["uid"]
    queue = FILES["deploy/queue/component.toml"]
    files = {
        "deploy/store/component.toml": WEB + UNDONE,
        "deploy/store/helm.toml": STORE,
        "deploy/queue/component.toml": queue,
        "deploy/queue/helm.toml": OPERATOR,
        "deploy/targets/cluster.toml": TARGET.format(config=config, identity=identity, more=more),
    }
    checkout(root, files)
    for component, text in (("store", RENDERED), ("queue", DEFINED)):
        templates = root / "deploy" / component / "chart/templates"
        templates.mkdir(parents=True)
        (templates / "all.yaml").write_text(text)
        (templates.parent / "Chart.yaml").write_text(f"apiVersion: v2\nname: {component}\nversion: 1.0.0\n")
    (root / "deploy/queue/queue.yaml").write_text(QUEUE)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Scene]:
    """Nothing is up."""
    monkeypatch.setattr(removal, "REMOVED", 5.0)
    monkeypatch.setattr(lease, "HOLDS", 1)
    with cluster(spaces=["default", "kube-system"]) as held:
        made(tmp_path, held)
        program = tmp_path / "bin/helm"
        program.parent.mkdir()
        program.write_text(HELM.format(python=sys.executable, url=held.url))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:/bin:/usr/bin")
        monkeypatch.setenv("GONOGO_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("GONOGO_TARGET", "cluster")
        monkeypatch.chdir(tmp_path)
        yield Scene(held, tmp_path, capfd, monkeypatch)


# -- down


def test_down_lists_and_removes_nothing_without_yes(scene: Scene) -> None:
    scene.up()
    before = scene.held.there()

    code, out, err = scene.say("down")

    assert (code, scene.held.there()) == (0, before)
    assert out.splitlines()[1].split() == ["PersistentVolumeClaim", "data/data-store-0", "store", "its", "data,", "1Gi"]
    assert "nothing was removed; the same with --yes removes them" in err


def test_down_with_yes_leaves_the_cluster_as_it_was(scene: Scene) -> None:
    before = scene.held.there()
    scene.up()

    code, _, err = scene.say("down", "--yes")
    again, out, told = scene.say("down", "--yes")

    assert (code, again) == (0, 0)
    assert scene.held.there() == before
    assert err.splitlines()[-1] == "taken down"
    assert (out, told) == ("\n", "nothing of it is up\n") or (out, told) == ("", "nothing of it is up\n")


def operator_takes_away(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something of which nobody says whose it is, and which goes with the StatefulSet."""
    scene.held.put("ConfigMap", "data", "defaults")
    ended = scene.held._ended

    def operator(one: dict[str, Any]) -> None:
        ended(one)
        if one["kind"] == "StatefulSet":
            scene.held.remove("ConfigMap", "data", "defaults")

    monkeypatch.setattr(scene.held, "_ended", operator)


def test_down_says_what_was_to_stay_and_went(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.up()
    operator_takes_away(scene, monkeypatch)

    code, out, err = scene.say("down", "--yes")

    assert code == 0
    assert "it holds what does not go: ConfigMap data/defaults" in out
    assert "gone too: Namespace data" in err
    assert "Namespace data" not in scene.held.there()


def test_rollback_tells_what_stayed_and_not_what_was_to_stay(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.up()
    operator_takes_away(scene, monkeypatch)

    _, before, _ = scene.say("rollback", "store", "-o", "json")
    _, after, _ = scene.say("rollback", "store", "--yes", "-o", "json")

    stays = [[row["name"] for row in json.loads(text)["rows"] if row["stays"]] for text in (before, after)]
    assert stays == [["data"], []]


def test_down_waits_for_whoever_works_on_the_target(scene: Scene) -> None:
    scene.up()
    scene.lease("pv-2 elsewhere pid 8", kept="store")

    code, _, err = scene.say("down", "--yes")

    assert code == 0
    assert "another run works on this target: pv-2 elsewhere pid 8; waiting for it" in err


def test_a_lease_that_may_not_be_given_back_is_no_success(scene: Scene) -> None:
    scene.up()
    scene.held.get("Namespace", "", "data")["metadata"]["labels"] = {}  # it stays, and the Lease in it
    scene.held.refused = {"delete leases.coordination.k8s.io"}

    code, _, err = scene.say("down", "--yes")

    assert code == 3
    assert "may not delete leases.coordination.k8s.io" in err
    assert scene.held.there("StatefulSet", "PersistentVolumeClaim") == set()


def test_down_on_another_cluster_than_the_one_meant_removes_nothing(scene: Scene) -> None:
    scene.up()
    scene.held.get("Namespace", "", "kube-system")["metadata"]["uid"] = "another"
    before = scene.held.there()

    code, _, _ = scene.say("down", "--yes")

    assert (code, scene.held.there()) == (2, before)


def test_what_hangs_is_named_with_its_finalizers_and_is_no_success(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "REMOVED", 1.0)
    scene.up()
    scene.held.get("PersistentVolumeClaim", "data", "data-store-0")["metadata"]["finalizers"] = ["snap/hold"]

    code, _, err = scene.say("down", "--yes")

    assert code == 1
    assert "PersistentVolumeClaim data/data-store-0" in err
    assert "snap/hold" in err


def test_down_stops_where_another_run_took_the_target_over(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "EVERY", 0.1)
    scene.up()
    (scene.root / "steals").touch()

    code, _, err = scene.say("down", "--yes")

    assert code == 1
    assert "another run took this target over" in err
    # what the stolen helm had begun is done, and nothing after it
    assert "PersistentVolumeClaim data/data-store-0" in scene.held.there()
    assert {"Secret data/gonogo-store", "Namespace data"} <= scene.held.there()
    assert scene.held.get("Lease", "data", "gonogo-cluster")["spec"]["holderIdentity"] == "pv-2 elsewhere pid 8"


def test_the_lease_that_ends_with_its_namespace_was_taken_by_nobody(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "EVERY", 0.1)
    scene.up()
    space = scene.held.get("Namespace", "", "data")
    space["metadata"]["finalizers"] = ["kubernetes"]

    def controller() -> None:
        until(lambda: "deletionTimestamp" in space["metadata"], awaited="the end to be asked for", within=20)
        scene.held.remove("Lease", "data", "gonogo-cluster")
        pause(0.6, reason="a controller takes its time")
        scene.held.remove("Namespace", "", "data")

    ending = threading.Thread(target=controller)
    ending.start()
    code, _, err = scene.say("down", "--yes")
    ending.join()

    assert (code, err.splitlines()[-1]) == (0, "taken down"), err
    assert "Namespace data" not in scene.held.there()


def test_up_stops_where_another_run_took_the_target_over(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "EVERY", 0.1)
    foreign = Ownership.foreign

    def stolen(ownership: Ownership, wanted: Iterable[Wanted]) -> str:
        scene.lease("pv-2 elsewhere pid 8")
        pause(1, reason="the holder looks at its Lease meanwhile")
        return foreign(ownership, wanted)

    monkeypatch.setattr(Ownership, "foreign", stolen)

    code, _, err = scene.say("up", "store")

    assert code == 1
    assert "another run took this target over" in err
    assert scene.held.there("Secret", "StatefulSet") == set()
    assert not (scene.root / "upgraded").exists()
    assert scene.held.get("Lease", "data", "gonogo-cluster")["spec"]["holderIdentity"] == "pv-2 elsewhere pid 8"


def test_definitions_have_no_place_on_a_target_without_a_cluster(scene: Scene) -> None:
    assert scene.say("down", "--crds", "--target", "embedded")[0] == 2


# -- up


def test_up_on_another_cluster_than_the_one_meant_makes_nothing(scene: Scene) -> None:
    scene.held.get("Namespace", "", "kube-system")["metadata"]["uid"] = "another"
    before = scene.held.there()

    code, _, err = scene.say("up", "store")

    assert (code, scene.held.there()) == (2, before)
    assert "nothing was created; is this the right cluster?" in err


def test_up_looks_at_what_is_there_once_nobody_else_works_on_the_target(scene: Scene) -> None:
    scene.up()
    scene.lease("pv-2 elsewhere pid 8", kept="store")

    scene.say("up", "store")

    asked = scene.held.asked
    ours = next(i for i, one in enumerate(asked) if one.startswith("update leases"))
    assert [one for one in asked[:ours] if one.startswith("list secrets")] == []
    assert asked.count("list secrets data") == 1  # for its releases, and for whose every Secret is


# -- rollback


def test_rollback_says_what_goes_who_loses_it_and_what_the_plan_would_do(scene: Scene) -> None:
    scene.up()

    code, out, err = scene.say("rollback", "store")
    _, text, _ = scene.say("rollback", "store", "-o", "json")

    answer = json.loads(text)
    assert code == 0
    assert "the plan: helm uninstall store\n  Leaves its claims." in out
    assert "nothing was removed; the same with --yes removes them" in err
    assert (answer["component"], answer["removed"], answer["plan"]) == (
        "store",
        False,
        [{"says": "helm uninstall store", "does": "Leaves its claims."}],
    )
    assert answer["rows"][0] == {
        "component": "store",
        "kind": "PersistentVolumeClaim",
        "name": "data/data-store-0",
        "lost": "its data, 1Gi",
        "stays": False,
        "why": "",
    }


def test_rollback_with_yes_removes_the_component(scene: Scene) -> None:
    scene.up()

    code, text, _ = scene.say("rollback", "store", "--yes", "-o", "json")

    assert (code, json.loads(text)["removed"]) == (0, True)
    assert scene.held.there("StatefulSet", "PersistentVolumeClaim") == set()


# -- the pull secret

DOCKER = {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "e30="}}


def pulls(scene: Scene, secret: str) -> None:
    """The target says so."""
    with (scene.root / "deploy/targets/cluster.toml").open("a") as file:
        file.write(f'\n[deploy]\npull_secret = "{secret}"\n')


@pytest.mark.parametrize(
    ("secret", "there", "says"),
    [
        (
            "mirror",
            {},
            "there is no Secret mirror in namespace data: make it there before, or give NAMESPACE/mirror, "
            "which is copied",
        ),
        ("default/mirror", {}, "there is no Secret default/mirror to copy"),
        ("default/mirror", {"type": "Opaque"}, "Secret default/mirror is of type Opaque, no pull secret"),
    ],
)
def test_a_pull_secret_that_cannot_be_had_is_named_before_anything_is_made(
    scene: Scene, secret: str, there: dict[str, Any], says: str
) -> None:
    pulls(scene, secret)
    if there:
        scene.held.put("Secret", "default", "mirror", **there)
    before = scene.held.there("Secret")

    code, _, err = scene.say("up", "store")

    assert code == 1
    assert f"[deploy] pull_secret: {says}" in err
    assert scene.held.there("Secret") == before
    assert not (scene.root / "upgraded").exists()


def test_the_pull_secret_is_copied_and_goes_with_the_component(scene: Scene) -> None:
    pulls(scene, "default/mirror")
    scene.held.put("Secret", "default", "mirror", **DOCKER)

    scene.say("up", "store")  # as far as this helm goes
    copy = scene.held.get("Secret", "data", "mirror")
    code, out, _ = scene.say("down", "--yes")

    assert {key: copy[key] for key in DOCKER} == DOCKER
    assert copy["metadata"]["labels"]["gonogo/target"] == "cluster"
    assert (code, "Secret data/mirror" in out) == (0, True)
    assert scene.held.there("Secret", "Namespace") == {
        "Secret default/mirror",
        "Namespace default",
        "Namespace kube-system",
    }


def test_the_copy_stays_as_long_as_a_component_needs_it(scene: Scene) -> None:
    scene.up()
    scene.held.put("Secret", "data", "mirror", labels=T, **DOCKER)
    scene.held.put("Secret", "data", "gonogo-queue", labels={**T, "gonogo/component": "queue"})

    _, out, _ = scene.say("rollback", "store", "--yes")

    assert "release data/store" in out
    assert {"Secret data/mirror", "Secret data/gonogo-queue"} <= scene.held.there()
    assert "Secret data/store" not in scene.held.there()


def test_a_secret_of_that_name_that_is_there_is_used_as_it_is(scene: Scene) -> None:
    pulls(scene, "default/mirror")
    scene.held.put("Namespace", "", "data")
    scene.held.put("Secret", "default", "mirror", **DOCKER)
    theirs = scene.held.put("Secret", "data", "mirror", type=DOCKER["type"], data={})

    scene.say("up", "store")

    assert scene.held.get("Secret", "data", "mirror") == theirs
    assert (scene.root / "upgraded").exists()


def test_who_deploys_may_read_the_pull_secret_that_is_copied(scene: Scene) -> None:
    pulls(scene, "ci/mirror")

    _, found = deployed(scene)

    assert "get secrets ci/mirror" in found


def test_a_pull_secret_with_no_possible_name_is_a_mistake(scene: Scene) -> None:
    pulls(scene, "Mirror/of/all")

    code, _, err = scene.say("up", "store")

    assert code == 2
    assert "'Mirror/of/all' can be no Secret's name (deploy.pull_secret)" in err


# -- status, endpoints


def test_status_shows_releases_with_chart_run_and_since(scene: Scene) -> None:
    scene.up()

    code, text, _ = scene.say("status", "-o", "json")

    rows = [row for row in json.loads(text)["rows"] if row["node"].startswith("release ")]
    assert code == 0
    assert [
        (r["component"], r["node"], r["provider"], r["state"], r["version"], r["run"], r["since"]) for r in rows
    ] == [("store", "release store", "helm", "deployed", "store-1.0", "pv-1", "2026-01-02T03:04:05Z")]


def test_endpoints_is_a_target_that_attaches_to_what_is_up(scene: Scene) -> None:
    scene.up()

    code, text, _ = scene.say("endpoints")
    (scene.root / "attached.toml").write_text(text)

    target = load_target("./attached.toml", scene.root, Registry.load(scene.root))
    assert code == 0
    assert (target.provider, target.name) == ("existing", "cluster-attached")
    assert target.components == {"store": {"service": "data/store:80"}}


def test_endpoints_of_nothing_is_a_sentence(scene: Scene) -> None:
    code, _, err = scene.say("endpoints")

    assert (code, "nothing is up" in err) == (2, True)


# -- what the target cannot hold


def lacking(scene: Scene, component: str) -> None:
    """The target says that it does not have it; nobody may look where it would be."""
    path = scene.root / "deploy/targets/cluster.toml"
    text = path.read_text()
    unsupported = f'unsupported = {{ {component} = "not here" }}'
    path.write_text(text.replace("[kubernetes]", f"{unsupported}\n    [kubernetes]", 1))
    if component == "queue":
        scene.held.refused = {"list secrets mq", "get namespaces mq", "get namespaces mq-system"}


def test_what_the_target_says_it_cannot_hold_is_neither_looked_for_nor_in_the_way(scene: Scene) -> None:
    before = scene.held.there()
    lacking(scene, "queue")
    scene.up()

    status, text, _ = scene.say("status", "-o", "json")
    down, _, err = scene.say("down", "--yes")
    swept, _, _ = scene.say("sweep", "--yes")
    code, printed, _ = scene.say("rbac", "--for", "deploy")

    assert (status, down, swept, code) == (0, 0, 0, 0)
    assert [row["component"] for row in json.loads(text)["rows"] if row["node"].startswith("release")] == ["store"]
    assert scene.held.there() == before  # the Lease too: all that this target deploys was taken down
    assert "taken down" in err
    assert not [one for one in scene.held.asked if " mq" in one]
    assert "mq" not in printed


def test_what_needs_what_the_target_lacks_is_not_looked_for_either(scene: Scene) -> None:
    component = scene.root / "deploy/queue/component.toml"
    component.write_text(f'needs = ["store"]\n{component.read_text()}')
    lacking(scene, "store")

    code, _, err = scene.say("down", "--yes")

    assert (code, "nothing of it is up" in err) == (0, True)
    assert not [one for one in scene.held.asked if one.endswith((" mq", " data", "/mq"))]


# -- one for all

DEPLOY = """
    [deploy]
    namespaces = {{ store = "{store}", queue = "{queue}" }}
    pod_security = "restricted"
    node_selector = {{ pool = "data" }}
"""


def deploying_on(scene: Scene, **spaces: str) -> HelmPlatform:
    """The provider of the target with a ``[deploy]``."""
    path = scene.root / "deploy/targets/cluster.toml"
    path.write_text(path.read_text() + dedent(DEPLOY.format(**spaces)))
    registry = Registry.load(scene.root)
    found = provider_for(load_target("cluster", scene.root, registry), scene.root)
    assert isinstance(found, HelmPlatform)
    return found


def test_what_charts_have_no_place_for_is_told_without_asking_the_cluster(scene: Scene) -> None:
    text = (scene.root / "deploy/queue/helm.toml").read_text()
    (scene.root / "deploy/queue/helm.toml").write_text(text + dedent('[without]\nca = "no"\npod_security = "why"\n'))
    template = scene.root / "deploy/store/chart/templates/all.yaml"
    pods = "spec: {template: {spec: {containers: [{name: a, image: a}]}}}\n---\n"
    template.write_text(
        template.read_text().replace("metadata: {name: store}\n---\n", "metadata: {name: store}\n" + pods)
    )
    registry = Registry.load(scene.root)

    with closing(deploying_on(scene, store="data", queue="mq")) as provider:
        told = provider.unapplied([registry.components[name] for name in ("store", "queue")])

    assert told == [
        "store: node_selector of [deploy] is not applied to StatefulSet store",
        "store: pod_security of [deploy] is not applied to StatefulSet store: allowPrivilegeEscalation is not false, "
        "runAsNonRoot is not true, no seccompProfile, capabilities are not dropped",
        "queue: pod_security of [deploy]: why",
        "queue: node_selector of [deploy] is not applied to Queue orders",
    ]
    assert scene.held.asked == []


def test_namespaces_that_an_administrator_makes_are_labelled_as_those_of_gonogo(scene: Scene) -> None:
    deploying_on(scene, store="data", queue="mq").close()

    _, text, _ = scene.say("rbac", "--for", "deploy")

    spaces = [one["metadata"] for one in yaml.safe_load_all(text) if one and one["kind"] == "Namespace"]
    assert {one["labels"]["pod-security.kubernetes.io/enforce"] for one in spaces} == {"restricted"}
    assert {one["name"] for one in spaces} == {"data", "mq", "mq-system"}


def test_two_components_that_would_make_one_secret_are_told_before_anything_is_made(scene: Scene) -> None:
    for component in ("store", "queue"):
        path = scene.root / "deploy" / component / "helm.toml"
        path.write_text(f'secrets = {{ shared = {{ key = "v" }} }}\n{dedent(path.read_text())}')
    registry = Registry.load(scene.root)

    with closing(deploying_on(scene, store="data", queue="mq")) as apart:
        assert apart.fits([registry.components["store"]]) == []
    path = scene.root / "deploy/targets/cluster.toml"
    path.write_text(path.read_text().replace('queue = "mq"', 'queue = "data"'))
    code, _, err = scene.say("up")

    assert code == 2
    assert "queue/helm.toml: secrets: data/shared is made by store too (give it another name" in err
    assert not [one for one in scene.held.asked if one.startswith(("create", "patch"))]


# -- sweep


def test_what_up_left_on_purpose_is_left_alone(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.up()
    before = scene.held.there()
    monkeypatch.setattr("gonogo.run.sweep.Platform.attach", lambda *_: None)
    monkeypatch.setattr("gonogo.run.sweep.Platform.there", lambda *_: [])

    code, out, err = scene.say("sweep", "--yes")

    assert (code, scene.held.there()) == (0, before)
    assert (out.strip(), "nothing was left behind" in err) == ("", True)


def test_what_a_killed_run_left_is_listed_and_goes_with_yes(scene: Scene) -> None:
    before = scene.held.there()
    scene.up(kept=False)

    listed, text, _ = scene.say("sweep", "-o", "json")
    still = scene.held.there()
    code, _, _ = scene.say("sweep", "--yes")

    names = {f"{row['kind']} {row['name']}" for row in json.loads(text)["rows"]}
    assert (listed, code) == (0, 0)
    assert {"release data/store", "Namespace data", "Lease data/gonogo-cluster"} <= names
    assert "StatefulSet data/store" in still
    assert scene.held.there() == before


def test_a_run_that_works_there_now_is_left_alone(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.up(kept=False)
    before = scene.held.there()
    monkeypatch.setattr("gonogo.run.sweep.Platform.there", lambda *_: [])
    monkeypatch.setattr("gonogo.providers.helm.lease.Lease.holder", lambda _: "pv-1 elsewhere pid 7")

    code, _, err = scene.say("sweep", "--yes")

    assert (code, scene.held.there()) == (0, before)
    assert "left alone, pv-1 elsewhere pid 7 works on it now" in err
    assert err.splitlines()[-1] == "nothing else was left behind"


# -- rbac --for deploy


def deployed(scene: Scene) -> tuple[list[str], set[str]]:
    """What is said, and ``verb resource namespace/name``."""
    registry = Registry.load(scene.root)
    said, found = deploying(registry, load_target("cluster", scene.root, registry), scene.root)
    return said, {_told(one) for one in found}


def _told(one: Grant) -> str:
    return f"{one.verb} {one.resource} {one.namespace or '*'}" + (f"/{one.name}" if one.name else "")


def test_what_is_rendered_may_be_made_where_it_is_made_and_nowhere_else(scene: Scene) -> None:
    _, found = deployed(scene)

    for verb in ("get", "create", "patch", "delete"):
        assert f"{verb} statefulsets.apps data" in found
        assert f"{verb} queues.mq.example mq" in found
    assert {one for one in found if "statefulsets" in one and one.split()[-1] not in ("data", "*")} == set()
    assert not {one for one in found if one.split()[0] in ("create", "patch", "delete", "update") and one.endswith("*")}
    assert {"create secrets data", "update secrets data", "create leases.coordination.k8s.io data"} & found
    assert not {
        one for one in found if "mq-system" in one and one.split()[1] not in ("secrets", "pods", "pods/log")
    } - {
        "get namespaces */mq-system",
        *(f"{verb} persistentvolumeclaims mq-system" for verb in ("get", "patch", "delete", "list", "watch")),
        *(f"list {kind} mq-system" for kind in ("limitranges", "resourcequotas")),
    }


def test_what_plan_asks_may_be_listed_and_no_more(scene: Scene) -> None:
    said, found = deployed(scene)

    for kind in ("nodes", "pods", "persistentvolumeclaims", "persistentvolumes", "namespaces"):
        assert f"list {kind} *" in found
    for kind in ("storageclasses", "csidrivers", "csistoragecapacities"):
        assert f"list {kind}.storage.k8s.io *" in found
    assert "list priorityclasses.scheduling.k8s.io *" in found
    assert {"list resourcequotas data", "list limitranges data", "list limitranges mq-system"} <= found
    assert "get customresourcedefinitions.apiextensions.k8s.io *" in found
    assert [line for line in said if "only for plan" in line and "exit code 3" in line]


def test_what_a_role_grants_must_be_had_by_who_makes_it(scene: Scene) -> None:
    _, found = deployed(scene)

    assert {"get configmaps data", "update configmaps data", "update pods/log data"} <= found
    assert "bind clusterroles.rbac.authorization.k8s.io data/view" in found


def test_what_only_an_administrator_can_install_is_said_and_not_granted(scene: Scene) -> None:
    said, found = deployed(scene)

    told = "\n".join(said)
    assert "ONLY AN ADMINISTRATOR" in told
    assert "- ClusterRole store-nodes, of release store of store" in told
    assert "- operator mq-system/mq-operator; gonogo uses it as it is where queues.mq.example/v1 is served" in told
    assert "CustomResourceDefinition queues.mq.example" in told
    assert "- look at it: RoleBinding data/store-view gives what ClusterRole view grants" in told
    assert {one for one in found if "customresourcedefinitions" in one or "create clusterroles" in one} == {
        "get customresourcedefinitions.apiextensions.k8s.io *"
    }


def test_the_verb_prints_namespaces_accounts_and_roles(scene: Scene) -> None:
    code, text, _ = scene.say("rbac", "--for", "deploy", "--account", "data/robot")

    documents: list[Mapping[str, Any]] = [one for one in yaml.safe_load_all(text) if one]
    kinds = [one["kind"] for one in documents]
    assert code == 0
    assert {one["metadata"]["name"] for one in documents if one["kind"] == "Namespace"} == {"data", "mq", "mq-system"}
    assert kinds.index("Namespace") < kinds.index("ServiceAccount") < kinds.index("Role")
    assert text.startswith("# ")
    assert scene.held.asked == []


def test_a_target_that_deploys_nothing_on_a_cluster_is_told_so(scene: Scene) -> None:
    code, _, err = scene.say("rbac", "--for", "deploy", "--target", "embedded")

    assert code == 2
    assert "deploys nothing on a cluster" in err


# -- up: what is wrong before anything is installed

DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: queues.mq.example, labels: {gonogo/target: %s}}
spec:
  group: mq.example
  scope: Namespaced
  names: {kind: Queue, plural: queues}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties: {spec: {type: object, properties: {%s: {type: integer}}}}
"""
"""Of whose target, and with which field."""


def wrong(scene: Scene) -> list[tuple[str, str, str, str]]:
    """File, key, fault and what to write, of each mistake of the component ``queue``."""
    registry = Registry.load(scene.root)
    provider = provider_for(load_target("cluster", scene.root, registry), scene.root)
    assert isinstance(provider, HelmPlatform)
    try:
        found = provider.mistakes([registry.components["queue"]])
        assert [str(one.problem) for one in found if one.stops] == [
            *map(str, provider.fits([registry.components["queue"]]))
        ]
        return [(Path(one.where).name, one.key, one.fault, one.right) for one in found]
    finally:
        provider.close()


def defined(scene: Scene, *, chart: str = "", there: str = "", whose: str = "another") -> None:
    """Queues have this field by the operator's chart, and that one by what the cluster has."""
    text = DEFINITION % ("x", chart) if chart else "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: empty}\n"
    (scene.root / "deploy/queue/chart/templates/all.yaml").write_text(text)
    if there:
        told = yaml.safe_load(DEFINITION % (whose, there))
        labels = told["metadata"]["labels"]
        scene.held.put("CustomResourceDefinition", "", "queues.mq.example", labels=labels, spec=told["spec"])
        scene.held.kinds = [*scene.held.kinds, Kind("mq.example", "v1", "queues", "Queue", True)]


def given(scene: Scene, spec: str) -> None:
    (scene.root / "deploy/queue/queue.yaml").write_text(f"{QUEUE}spec: {spec}\n")


def test_a_field_that_the_operators_chart_does_not_define_is_named(scene: Scene) -> None:
    defined(scene, chart="replicas")
    given(scene, "{replica: 3}")

    assert wrong(scene) == [("queue.yaml", "spec.replica", "unknown", "spec.replicas: a whole number")]

    given(scene, "{replicas: 3}")
    assert wrong(scene) == []


@pytest.mark.parametrize(
    ("whose", "right"), [("another", "spec.count"), ("cluster", "spec.replicas")], ids=["somebody else's", "our own"]
)
def test_an_operator_that_is_there_measures_unless_it_is_ours_to_change(whose: str, right: str, scene: Scene) -> None:
    defined(scene, chart="replicas", there="count", whose=whose)
    given(scene, "{nothing: 3}")

    [(_, key, fault, told)] = wrong(scene)

    assert (key, fault) == ("spec.nothing", "unknown")
    assert told == f"known there: {right.partition('.')[2]}"


def test_a_kind_that_nothing_defines_is_a_mistake_and_one_that_the_cluster_has_is_none(scene: Scene) -> None:
    defined(scene)
    given(scene, "{count: 3}")

    assert [one[1:3] for one in wrong(scene)] == [("kind", "undefined")]

    defined(scene, there="count")
    assert wrong(scene) == []


def test_a_cluster_that_is_not_there_leaves_it_open(scene: Scene) -> None:
    defined(scene)
    given(scene, "{count: 3}")
    kubeconfig(scene.root / "config", server="http://127.0.0.1:9")

    assert wrong(scene) == []


def test_a_chart_that_helm_refuses_is_a_mistake_of_its_values(scene: Scene) -> None:
    (scene.root / "deploy/queue/chart/templates/all.yaml").unlink()

    [(file, key, fault, _)] = wrong(scene)

    assert (file, key, fault) == ("values.yaml", "", "refused")


def test_what_depends_on_an_address_that_is_not_known_yet_is_not_judged(scene: Scene) -> None:
    defined(scene, chart="replicas")
    given(scene, "{replicas: '{{ needs.store.number }}'}")

    assert wrong(scene) == []

    given(scene, "{replicas: '3'}")
    assert [one[1:] for one in wrong(scene)] == [("spec.replicas", "type", "3")]


def test_up_installs_nothing_where_a_value_is_wrong(scene: Scene) -> None:
    defined(scene, chart="replicas")
    given(scene, "{replica: 3}")
    before = scene.held.there()

    code, _, err = scene.say("up", "queue")

    assert (code, scene.held.there()) == (2, before)
    assert "queue.yaml: Queue orders: spec.replica is unknown" in err
    assert "(spec.replicas: a whole number)" in err


REAL, WITH_HELM = os.environ.get("GONOGO_TEST_CHARTS", ""), shutil.which("helm")


@pytest.mark.skipif(not REAL or not WITH_HELM, reason="GONOGO_TEST_CHARTS names no folder, or there is no helm")
@pytest.mark.parametrize(
    ("values", "named"),
    [
        pytest.param(
            "{neo4j: {password: p}, core: {standalone: true}, volumes: {data: {mode: dynamic, size: 30Gi}}}",
            ["core.standalone is unknown", "volumes.data.size is unknown"],
            id="keys",
        ),
        pytest.param(
            "{neo4j: {password: p}, volumes: {data: {mode: defaultStorageClass}}}",
            ["neo4j.name"],
            id="a name",
        ),
        pytest.param("{neo4j: {name: neo4j, password: p}}", ["volumes.data.mode"], id="a mode of its volume"),
        pytest.param(
            "{neo4j: {name: neo4j, password: p}, volumes: {data: {mode: defaultStorageClass}}}", [], id="right"
        ),
    ],
)
def test_the_plans_neo4j_is_stopped_by_what_its_chart_wants(
    values: str, named: list[str], scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{Path(str(WITH_HELM)).parent}:/bin:/usr/bin")
    (scene.root / "deploy/store/helm.toml").write_text(STORE.replace('"chart"', f'"{Path(REAL).absolute()}/neo4j"'))
    (scene.root / "deploy/store/values.yaml").write_text(values)
    registry = Registry.load(scene.root)
    provider = provider_for(load_target("cluster", scene.root, registry), scene.root)
    assert isinstance(provider, HelmPlatform)

    said = [f"{one}" for one in provider.fits([registry.components["store"]])]
    provider.close()

    assert len(said) == len(named)
    assert all(word in one for word, one in zip(named, said, strict=True)), said


def test_what_a_killed_run_stopped_is_listed_and_goes_on_with_yes(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered: list[str] = []
    scene.up()
    pod = scene.held.get("Pod", "data", "store-0")
    pod["metadata"]["labels"], pod["spec"] = {"gonogo/hung": "pv-dead"}, {"containers": [{"name": "server"}]}
    monkeypatch.setattr("gonogo.run.sweep.Platform.attach", lambda *_: None)
    monkeypatch.setattr("gonogo.run.sweep.Platform.there", lambda *_: [])
    monkeypatch.setattr("gonogo.cluster.inside.executed", lambda api, space, pod, *_: entered.append(f"{space}/{pod}"))

    listed, entered_by_then = scene.say("sweep", "-o", "json"), list(entered)
    mended = scene.say("sweep", "--yes", "-o", "json")

    row = {"run": "pv-dead", "component": "store", "kind": "stopped pod", "name": "data/store-0", "seen": True}
    assert (listed[0], json.loads(listed[1])["rows"]) == (0, [row | {"removed": False}])
    assert entered_by_then == []
    assert (mended[0], json.loads(mended[1])["rows"]) == (0, [row | {"removed": True}])
    assert entered == ["data/store-0"]
    assert scene.held.get("Pod", "data", "store-0")["metadata"]["labels"] == {}
