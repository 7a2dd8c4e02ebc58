"""What goes with a component on a cluster, what stays and why, and that a second call finishes what a first began."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from api_server import Cluster, cluster
from kubeconfigs import api, kubeconfig

from gonogo.cluster.api import Kind
from gonogo.core.errors import DeployError, Forbidden, NotReady
from gonogo.core.waiting import pause, until
from gonogo.providers.helm import removal
from gonogo.providers.helm.program import Helm, HelmFailed, HelmRelease
from gonogo.providers.helm.recipe import HelmPlace, HelmRecipe
from gonogo.providers.helm.removal import Removal
from gonogo.providers.helm.spec import load

T = {"gonogo/target": "t"}
QUEUE = Kind("mq.example", "v1", "queues", "Queue", True)
FILES = {
    "store": """
        namespace = "data"
        endpoints = {}
        generated = { password = "password" }
        secrets = { store = { password = "{{ generated.password }}" } }
        claims = ["app=store"]
        [[releases]]
        name = "store"
        chart = "chart"
    """,
    "queue": """
        namespace = "data"
        endpoints = {}
        [[releases]]
        name = "mq-operator"
        chart = "chart"
        namespace = "mq-system"
        shared = true
        serves = ["queues.mq.example/v1"]
        [[manifests]]
        file = "queue.yaml"
        [[workloads]]
        kind = "Queue.mq.example"
        name = "orders"
    """,
    "models": """
        namespace = "ml"
        endpoints = {}
        [[releases]]
        name = "models"
        chart = "chart"
    """,
}


class FakeHelm(Helm):
    """Lists what the cluster's Secrets say, as helm's own; uninstalls what a release's annotations name."""

    def __init__(self, held: Cluster, api: Any) -> None:
        self._api, self.held, self.ended = api, held, list[str]()
        self.kills = False

    def uninstall(self, name: str, namespace: str, within: float, running: Callable[[], None] = lambda: None) -> None:
        self.ended.append(name)
        wanted = {"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace}
        for (_, space, called), one in list(self.held.objects.items()):
            said = one["metadata"].get("annotations") or {}
            if wanted.items() <= said.items() and said.get("helm.sh/resource-policy") != "keep":
                self._api.change("DELETE", kind_of(self.held, one).path(space or None, called))
        if self.kills:
            raise KeyboardInterrupt
        for (resource, space, called), one in list(self.held.objects.items()):
            labels = one["metadata"].get("labels") or {}
            if resource == "secrets" and space == namespace and labels.get("name") == name:
                self.held.remove("Secret", space, called)


class Refusing(FakeHelm):
    """Ends as helm does that lacks a right: after some of its work, with a sentence."""

    def uninstall(self, name: str, namespace: str, within: float, running: Callable[[], None] = lambda: None) -> None:
        self.ended.append(name)
        raise HelmFailed(f"failed to delete release: {name}")


def kind_of(held: Cluster, one: dict[str, Any]) -> Kind:
    return next(kind for kind in held.kinds if kind.kind == one["kind"])


class World:
    """A cluster with the target's namespaces, and the removal of its components."""

    def __init__(self, held: Cluster, folder: Path) -> None:
        self.held = held
        self.api = api(kubeconfig(folder / "config", server=held.url))
        self.helm = FakeHelm(held, self.api)
        self.recipes: dict[str, HelmRecipe] = {}
        self.said: list[str] = []
        for name, text in FILES.items():
            (folder / name).mkdir()
            (folder / name / "helm.toml").write_text(dedent(text))
            spec: Any = load(folder / name)
            self.recipes[name] = HelmRecipe(spec, name, folder / name, HelmPlace("t", "default"))
        manifest = "apiVersion: mq.example/v1\nkind: Queue\nmetadata: {name: orders}\n"
        (folder / "queue" / "queue.yaml").write_text(manifest)

    def release(self, component: str, name: str, space: str, target: str = "t", **more: Any) -> None:
        labels = {"owner": "helm", "name": name, "status": "deployed", "version": "1", "gonogo/component": component}
        self.held.put(
            "Secret", space, f"sh.helm.release.v1.{name}.v1", labels={**labels, "gonogo/target": target}, **more
        )

    def of_release(self, kind: str | Kind, space: str, name: str, release: str, **more: Any) -> dict[str, Any]:
        said = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": space}
        return self.held.put(kind, space, name, annotations={**said, **more.pop("annotations", {})}, **more)

    def store(self) -> None:
        """PostgreSQL-like: a StatefulSet, its pod and its claim."""
        self.held.put("Namespace", "", "data", labels=T)
        self.held.put("ConfigMap", "data", "kube-root-ca.crt")
        self.release("store", "store", "data")
        mine = {**T, "gonogo/component": "store"}
        self.held.put("Secret", "data", "gonogo-store", labels=mine)
        self.held.put("Secret", "data", "store", labels=mine)
        owner = self.of_release("StatefulSet", "data", "store", "store")
        self.held.put("Pod", "data", "store-0", owners=[owner])
        size = {"spec": {"resources": {"requests": {"storage": "10Gi"}}, "volumeName": "pv-1"}}
        self.held.put("PersistentVolumeClaim", "data", "data-store-0", **size)
        self.held.put("PersistentVolume", "", "pv-1", spec={"persistentVolumeReclaimPolicy": "Delete"})

    def queue(self, *, finalizers: tuple[str, ...] = ()) -> None:
        """A custom resource and the operator that serves it."""
        self.held.put("Namespace", "", "data", labels=T)
        self.held.put("Namespace", "", "mq-system", labels=T)
        self.release("queue", "mq-operator", "mq-system")
        self.of_release("Deployment", "mq-system", "mq-operator", "mq-operator")
        mine = {**T, "gonogo/component": "queue"}
        names = {"spec": {"versions": [{"name": "v1", "served": True}]}}
        self.held.put("CustomResourceDefinition", "", "queues.mq.example", labels=mine, **names)
        orders = self.held.put(QUEUE, "data", "orders", labels=mine, finalizers=list(finalizers))
        self.held.put("Pod", "data", "orders-0", owners=[orders])

    def removal(self, *names: str, running: Callable[[], None] = lambda: None) -> Removal:
        """Of these components, or all of them; ``said`` is what is waited for."""
        wanted = {name: one for name, one in self.recipes.items() if not names or name in names}
        others = {name: one for name, one in self.recipes.items() if name not in wanted}
        return Removal("t", wanted, others, self.helm, self.api, last="data", tell=self.said.append, running=running)

    def told(self, *names: str, definitions: bool = False) -> tuple[list[str], dict[str, str]]:
        """What goes, in its order, and what stays and why."""
        found = self.removal(*names).removing(definitions=definitions)
        stays = {f"{one.kind} {one.name}": one.why for one in found.stays}
        return [f"{one.kind} {one.name}" + f" ({one.lost})" * bool(one.lost) for one in found.goes], stays


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Nothing but the cluster's own."""
    monkeypatch.setattr(removal, "REMOVED", 1.0)
    monkeypatch.setattr(removal, "NAMESPACE", 1.0)
    monkeypatch.setattr(removal, "QUIET", 0.3)
    with cluster(QUEUE, spaces=["default", "kube-system"]) as held:
        made = World(held, tmp_path)
        with closing(made.api):
            yield made


def test_disks_come_first_and_what_is_lost_is_said(world: World) -> None:
    world.store()

    goes, stays = world.told()

    assert goes == [
        "PersistentVolumeClaim data/data-store-0 (its data, 10Gi)",
        "release data/store",
        "Secret data/gonogo-store (its generated passwords)",
        "Secret data/store",
        "Namespace data",
    ]
    assert stays == {}


def test_what_is_told_is_what_goes_and_nothing_else_does(world: World) -> None:
    before = world.held.there()
    world.store()
    world.queue()

    world.removal().remove(definitions=True)

    # the volume is for its provisioner to remove, which this cluster has not
    assert world.held.there() == before | {"PersistentVolume pv-1"}
    assert world.helm.ended == ["store", "mq-operator"]


def test_a_claim_of_another_name_is_not_taken_for_that_of_a_set(world: World) -> None:
    world.store()
    world.held.put("PersistentVolumeClaim", "data", "notes")

    goes, stays = world.told()

    assert "PersistentVolumeClaim data/notes (its data, ?)" not in goes
    assert stays == {"Namespace data": "it holds what does not go: PersistentVolumeClaim data/notes"}


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret", "Deployment", "Pod", "ServiceAccount"])
def test_a_namespace_with_something_of_somebody_else_stays_with_it(world: World, kind: str) -> None:
    world.store()
    world.held.put(kind, "data", "theirs")

    stays = world.removal().remove().stays

    assert [(one.name, one.why) for one in stays] == [("data", f"it holds what does not go: {kind} data/theirs")]
    assert {"Namespace data", f"{kind} data/theirs"} <= world.held.there()
    assert "StatefulSet data/store" not in world.held.there()


OPERATOR = {"manager": "manager", "operation": "Update"}
MADE_BY_OPERATOR = {
    "labels": {"mq.example/reload": "true", "app.kubernetes.io/managed-by": "mq"},
    "managedFields": [OPERATOR],
}


def left_by_operator(world: World, kind: str = "ConfigMap", **changed: Any) -> dict[str, Any]:
    """What the operator of the queue, which has told of its state, made beside it and named no owner of."""
    status = [OPERATOR | {"subresource": "status"}, {"manager": "gonogo", "operation": "Apply"}]
    world.held.get("Queue", "data", "orders")["metadata"]["managedFields"] = status
    made = world.held.put(kind, "data", "mq-defaults")
    made["metadata"] |= MADE_BY_OPERATOR | changed
    return made


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret", "Service", "Role"])
def test_what_an_operator_made_for_a_custom_resource_of_ours_keeps_no_namespace(world: World, kind: str) -> None:
    world.queue()
    left_by_operator(world, kind)

    goes, stays = world.told(definitions=True)
    stayed = world.removal().remove(definitions=True).stays

    assert "Namespace data" in goes
    assert (stays, stayed) == ({}, ())
    assert "Namespace data" not in world.held.there()


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("ConfigMap", {"managedFields": [{"manager": "kubectl-create", "operation": "Update"}]}),
        ("ConfigMap", {"managedFields": [OPERATOR, {"manager": "kubectl-edit", "operation": "Update"}]}),
        ("ConfigMap", {"managedFields": []}),
        ("ConfigMap", {"labels": {"app.kubernetes.io/managed-by": "mq"}}),
        ("ConfigMap", {"labels": {"example/reload": "true", "mq.example.com/reload": "true", "example": "a"}}),
        ("PersistentVolumeClaim", {}),
    ],
)
def test_what_a_colleague_put_there_keeps_it_and_is_named(world: World, kind: str, changed: dict[str, Any]) -> None:
    world.queue()
    left_by_operator(world, kind, **changed)

    _, stays = world.told()
    [stayed] = [one for one in world.removal().remove().stays if one.kind == "Namespace"]

    assert stayed.why == stays["Namespace data"] == f"it holds what does not go: {kind} data/mq-defaults"
    assert f"{kind} data/mq-defaults" in world.held.there()


def test_what_an_operator_made_for_a_colleagues_custom_resource_is_not_gone_without_it(world: World) -> None:
    world.queue()
    left_by_operator(world)
    del world.held.get("Queue", "data", "orders")["metadata"]["labels"]

    _, stays = world.told("store", "models")
    world.removal("store", "models").remove()

    assert "ConfigMap data/mq-defaults" in stays["Namespace data"]
    assert {"ConfigMap data/mq-defaults", "Queue data/orders"} <= world.held.there()


def test_a_namespace_is_decided_on_again_once_the_custom_resources_are_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.queue()
    world.held.put("ConfigMap", "data", "mq-defaults")  # nothing tells whose it is
    ended = world.held._ended

    def operator(one: dict[str, Any]) -> None:
        ended(one)
        if one["kind"] == "Queue":
            world.held.remove("ConfigMap", "data", "mq-defaults")

    monkeypatch.setattr(world.held, "_ended", operator)

    _, stays = world.told(definitions=True)
    stayed = world.removal().remove(definitions=True).stays

    assert stays == {"Namespace data": "it holds what does not go: ConfigMap data/mq-defaults"}
    assert stayed == ()
    assert "Namespace data" not in world.held.there()


def test_a_namespace_of_which_other_components_hold_something_is_not_looked_into_again(world: World) -> None:
    world.store()
    world.queue()

    world.removal("queue").remove()
    asked = [one for one in world.held.asked if one == "list configmaps data"]

    assert len(asked) == 1
    assert "Namespace data" in world.held.there()


def test_a_custom_resource_of_somebody_else_keeps_namespace_and_operator(world: World) -> None:
    world.store()
    world.queue()
    world.held.put("Namespace", "", "theirs")
    world.held.put(QUEUE, "theirs", "mail")

    goes, stays = world.told()

    assert "operator mq-system/mq-operator" not in goes
    assert stays["operator mq-system/mq-operator"] == "others need it: queues theirs/mail"
    assert stays["Namespace mq-system"].startswith("it holds what does not go: Deployment mq-system/mq-operator")


def test_a_namespace_that_was_there_is_never_touched(world: World) -> None:
    world.store()
    del world.held.get("Namespace", "", "data")["metadata"]["labels"]

    goes, stays = world.told()
    world.removal().remove()

    assert "Namespace data" not in goes
    assert world.held.there("Namespace", "ConfigMap") >= {"Namespace data", "ConfigMap data/kube-root-ca.crt"}
    assert "release data/store" in goes
    assert stays == {}


@pytest.mark.parametrize("target", ["other", ""])
def test_a_release_of_somebody_else_is_left_alone(world: World, target: str) -> None:
    world.held.put("Namespace", "", "data")
    world.release("store", "store", "data", target=target)
    world.of_release("StatefulSet", "data", "store", "store")
    before = world.held.there()

    world.removal().remove()

    assert world.held.there() == before
    assert world.helm.ended == []


def test_a_component_of_which_argo_cd_tracks_something_stays_as_a_whole(world: World) -> None:
    world.store()
    world.queue()
    said = {"argocd.argoproj.io/tracking-id": "shop:apps/StatefulSet:data/store"}
    world.held.get("StatefulSet", "data", "store")["metadata"]["annotations"].update(said)
    before = {one for one in world.held.there() if "store" in one}

    goes, stays = world.told()
    world.removal().remove()

    assert stays["component store"].startswith("Argo CD tracks StatefulSet data/store (Application shop)")
    assert not [one for one in goes if "store" in one]
    assert "operator mq-system/mq-operator" in goes
    assert {one for one in world.held.there() if "store" in one} == before
    assert world.helm.ended == ["mq-operator"]


def test_a_custom_resource_of_ours_that_argo_cd_tracks_stays_with_its_operator(world: World) -> None:
    world.queue()
    orders = world.held.get("Queue", "data", "orders")["metadata"]
    orders["annotations"] = {"argocd.argoproj.io/tracking-id": "shop:mq.example/Queue:data/orders"}
    before = world.held.there()

    stays = {one.kind: one.why for one in world.removal().remove(definitions=True).stays}

    assert world.held.there() == before
    assert world.helm.ended == []
    assert stays["component"].startswith("Argo CD tracks Queue data/orders")


def test_a_retained_volume_and_what_says_keep_are_named(world: World) -> None:
    world.store()
    world.held.get("PersistentVolume", "", "pv-1")["spec"]["persistentVolumeReclaimPolicy"] = "Retain"
    kept = {"helm.sh/resource-policy": "keep"}
    world.of_release("PersistentVolumeClaim", "data", "backups", "store", annotations=kept)

    goes, stays = world.told()

    assert stays["PersistentVolume pv-1"].startswith("its reclaim policy is Retain: the data of data/data-store-0")
    assert stays["PersistentVolumeClaim data/backups"] == "annotated helm.sh/resource-policy: keep"
    assert stays["Namespace data"] == "it holds what does not go: PersistentVolumeClaim data/backups"
    assert not [one for one in goes if "backups" in one]


def test_definitions_stay_and_are_named(world: World) -> None:
    world.queue()

    _, stays = world.told()
    world.removal().remove()

    assert stays == {
        "CustomResourceDefinition queues.mq.example": "definitions stay; --crds removes those without objects"
    }
    assert world.held.there("CustomResourceDefinition") == {"CustomResourceDefinition queues.mq.example"}
    assert world.told(definitions=True)[0] == ["CustomResourceDefinition queues.mq.example"]


def test_definitions_with_objects_of_somebody_else_stay_even_where_they_are_to_go(world: World) -> None:
    world.queue()
    world.held.put("Namespace", "", "theirs")
    world.held.put(QUEUE, "theirs", "mail")

    stays = world.removal().remove(definitions=True).stays

    assert {one.kind for one in stays} == {"operator", "CustomResourceDefinition", "Namespace"}
    assert {"CustomResourceDefinition queues.mq.example", "Queue theirs/mail"} <= world.held.there()
    assert "Deployment mq-system/mq-operator" in world.held.there()


def test_a_definition_that_was_there_before_is_not_ours(world: World) -> None:
    world.queue()
    del world.held.get("CustomResourceDefinition", "", "queues.mq.example")["metadata"]["labels"]

    world.removal().remove(definitions=True)

    assert world.held.there("CustomResourceDefinition") == {"CustomResourceDefinition queues.mq.example"}


def test_an_operator_that_another_component_of_the_target_needs_stays(world: World, tmp_path: Path) -> None:
    world.queue()
    again = world.recipes["queue"]
    world.recipes["models"] = HelmRecipe(again.spec, "models", again.folder, again.place)
    world.held.put("Secret", "data", "gonogo-models", labels={**T, "gonogo/component": "models"})

    goes, stays = world.told("queue")

    assert "operator mq-system/mq-operator" not in goes
    assert stays["operator mq-system/mq-operator"] == "models of this target needs it"


def test_one_component_goes_and_the_others_stay(world: World) -> None:
    world.store()
    world.queue()

    world.removal("store").remove()

    assert world.helm.ended == ["store"]
    assert {"Queue data/orders", "Pod data/orders-0", "Namespace data", "Namespace mq-system"} <= world.held.there()
    assert "PersistentVolumeClaim data/data-store-0" not in world.held.there()


def test_finalizers_that_nobody_sees_to_are_named_before_and_after(world: World) -> None:
    world.queue(finalizers=("mq.example/drain",))
    world.held.remove("Secret", "mq-system", "sh.helm.release.v1.mq-operator.v1")

    _, stays = world.told()
    with pytest.raises(NotReady, match=r"mq\.example/drain"):
        world.removal().remove()
    _, later = world.told()

    assert (
        stays["Queue data/orders"]
        == "would wait for mq.example/drain, and its operator mq-system/mq-operator does not run"
    )
    assert later["Queue data/orders"].startswith(
        "is being deleted since 2026-01-02T03:04:06Z and waits for mq.example/drain"
    )


def test_what_hangs_in_one_component_keeps_the_others_from_nothing(world: World) -> None:
    world.store()
    world.queue(finalizers=("mq.example/drain",))

    with pytest.raises(NotReady, match="the end of Queue data/orders"):
        world.removal().remove()

    assert "StatefulSet data/store" not in world.held.there()
    # what has to see to the finalizer is left running
    assert "Deployment mq-system/mq-operator" in world.held.there()
    assert "Namespace data" in world.held.there()


def test_a_custom_resource_of_a_release_ends_before_its_operator(world: World) -> None:
    world.store()
    world.queue()
    world.of_release(QUEUE, "data", "mail", "store", finalizers=["mq.example/drain"])

    with pytest.raises(NotReady, match=r"the end of Queue data/mail.*mq\.example/drain"):
        world.removal().remove()

    assert world.helm.ended == ["store"]
    assert "Deployment mq-system/mq-operator" in world.held.there()
    assert "waiting for the end of Queue data/mail: mq.example/drain" in world.said


def test_a_pod_that_does_not_end_is_named_with_what_it_waits_for(world: World) -> None:
    world.queue()
    world.held.get("Pod", "data", "orders-0")["metadata"]["finalizers"] = ["example/hold"]

    with pytest.raises(NotReady, match="orders-0, which waits for example/hold"):
        world.removal().remove()

    assert "waiting for the end of the pods of queue: orders-0, which waits for example/hold" in world.said
    assert world.helm.ended == []


def test_pods_that_end_yet_are_waited_for_though_their_owner_is_gone(world: World) -> None:
    world.queue()
    pod = world.held.get("Pod", "data", "orders-0")
    pod["metadata"]["finalizers"] = ["example/hold"]
    world.held.remove("Queue", "data", "orders")

    goes, _ = world.told()
    with pytest.raises(NotReady, match="orders-0, which waits for example/hold"):
        world.removal().remove()

    assert "Pod data/orders-0" in goes
    assert "Deployment mq-system/mq-operator" in world.held.there()


def test_an_operator_is_gone_with_its_last_pod_whatever_that_is_labelled(world: World) -> None:
    world.queue()
    owner = world.held.get("Deployment", "mq-system", "mq-operator")
    world.held.put("Pod", "mq-system", "mq-operator-0", owners=[owner], finalizers=["example/hold"])

    with pytest.raises(NotReady, match=r"the end of the pods of mq-operator.*mq-operator-0, which waits"):
        world.removal().remove()

    assert "Namespace mq-system" in world.held.there()


def test_what_a_namespace_holds_is_told_while_its_end_is_waited_for(world: World) -> None:
    world.store()
    space = world.held.get("Namespace", "", "data")
    space["metadata"]["finalizers"] = ["kubernetes"]
    space["status"]["conditions"] = [{"type": "NamespaceContentRemaining", "status": "True", "message": "has 1 queue"}]

    with pytest.raises(NotReady, match=r"the end of Namespace data.*has 1 queue"):
        world.removal().remove()

    assert "waiting for the end of Namespace data: has 1 queue" in world.said


def test_a_second_call_finishes_what_a_killed_one_began(world: World) -> None:
    before = world.held.there()
    world.store()
    world.helm.kills = True
    with pytest.raises(KeyboardInterrupt):
        world.removal().remove()
    world.held.remove("Secret", "data", "sh.helm.release.v1.store.v1")  # helm had come that far

    world.helm.kills = False
    goes, _ = world.told()
    world.removal().remove()

    assert "PersistentVolumeClaim data/data-store-0 (its data, 10Gi)" in goes
    assert world.held.there() == before | {"PersistentVolume pv-1"}


def test_its_lease_goes_with_its_namespace_and_is_not_taken_over_by_that(world: World) -> None:
    world.store()
    space = world.held.put("Namespace", "", "data", labels=T, finalizers=["kubernetes"])

    def ends() -> bool:
        return "deletionTimestamp" in space["metadata"]

    def running() -> None:
        assert not ends(), "asked for a Lease that has gone with its namespace"

    def end() -> None:
        until(ends, awaited="a namespace to be deleted", within=10)
        pause(0.3, reason="its content goes first")
        world.held.remove("Namespace", "", "data")

    cluster = threading.Thread(target=end, daemon=True)
    cluster.start()
    world.removal(running=running).remove()
    cluster.join(10)

    assert "Namespace data" not in world.held.there()


def test_a_group_whose_last_definition_has_just_gone_keeps_no_namespace(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.store()
    served = world.held._discovery

    def discovery(path: str) -> tuple[int, Any] | None:
        found = served(path)
        if found is not None and path == "/apis":
            found[1]["groups"].append({"name": "gone.example", "preferredVersion": {"version": "v1"}})
        return found

    monkeypatch.setattr(world.held, "_discovery", discovery)

    goes, _ = world.told()

    assert "Namespace data" in goes


def test_what_may_not_be_listed_is_told_and_its_namespace_stays(world: World) -> None:
    world.store()
    world.held.refused = {"list configmaps"}

    goes, stays = world.told()

    assert "Namespace data" not in goes
    assert stays["Namespace data"].endswith("could not be asked: configmaps may not be listed")


def test_where_namespaces_may_not_be_listed_those_of_the_components_are_asked_for(world: World) -> None:
    world.store()
    world.held.refused = {"list namespaces", "list customresourcedefinitions", "get persistentvolumes"}

    goes, stays = world.told()

    assert "Namespace data" in goes
    assert "could not be asked" in stays["PersistentVolume pv-1"]


def test_a_hook_that_helm_left_goes_with_its_release(world: World) -> None:
    world.store()
    world.held.put("Job", "data", "store-setup", annotations={"helm.sh/hook": "pre-install"})

    goes, stays = world.told()

    assert "Job data/store-setup" in goes
    assert stays == {}


def test_nothing_is_asked_of_what_is_not_there(world: World) -> None:
    goes, stays = world.told()

    assert not [one for one in world.held.asked if one.startswith("list pods")]

    assert (goes, stays) == ([], {})
    assert world.removal().remove().goes == ()


def test_releases_are_read_from_labels_alone(world: World) -> None:
    world.release("store", "store", "kube-system")

    found = world.helm.list("kube-system")

    assert found == [
        HelmRelease("store", "kube-system", 1, "deployed", target="t", component="store", since=found[0].since)
    ]
    assert found[0].since == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize(
    ("refused", "kind", "said"),
    [
        ({"delete statefulsets.apps"}, Forbidden, r"may not delete statefulsets\.apps in namespace .data."),
        ({"delete replicasets.apps"}, DeployError, "helm could not remove it: failed to delete release: store"),
        (set(), DeployError, "helm could not remove it: failed to delete release: store"),
    ],
)
def test_the_right_for_want_of_which_helm_fails_is_named(
    refused: set[str], kind: type[Exception], said: str, world: World
) -> None:
    world.store()
    world.helm = Refusing(world.held, world.api)
    world.held.refused = refused

    with pytest.raises(kind, match=said):
        world.removal().remove()


def test_an_operator_that_helm_cannot_remove_is_a_sentence(world: World) -> None:
    world.queue()
    world.helm = Refusing(world.held, world.api)

    with pytest.raises(DeployError, match="helm could not remove mq-operator: failed to delete release"):
        world.removal().remove()
