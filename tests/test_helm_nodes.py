"""Pods of a helm target broken on purpose: which are touched, what the body sees, what is put right, and by whom."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from api_server import Cluster, cluster
from checkouts import FILES, checkout
from kubeconfigs import api, kubeconfig

from gonogo.catalog.registry import Component, Registry
from gonogo.catalog.target import load_target
from gonogo.cluster import inside
from gonogo.cluster.inside import Done
from gonogo.cluster.judge import World
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import ConfigError, Forbidden, Gone, NotAllowed, NotAskable, NotReady, TimedOut
from gonogo.core.waiting import until
from gonogo.providers.choose import unbreakable
from gonogo.providers.helm import lease, nodes, provider
from gonogo.providers.helm.provider import HelmPlatform
from gonogo.providers.helm.spec import load

T = {"gonogo/target": "cluster"}
TARGET = """
    [target]
    name = "cluster"
    provider = "helm"
    modes = [{modes}]
    [kubernetes]
    kubeconfig = "{config}"
    namespaces = ["data"]
    [components.models]
    url = "http://models.example"
"""
STORE = """
    namespace = "data"
    ready = 10
    hang = {hang}
    generated = {{ password = "password" }}
    [endpoints]
    url = "http://store.{{{{ namespace }}}}"
    [[releases]]
    name = "store"
    chart = "chart"
    [[nodes]]
    name = "store-1"
    pod = "store-0"
    [[nodes]]
    name = "leader"
    labels = "role=leader"
    [[nodes]]
    profile = "quick"
    name = "only"
    pod = "store-0"
"""
READY = {"conditions": [{"type": "Ready", "status": "True"}]}
SPEC = {"containers": [{"name": "server", "image": "store:1"}, {"name": "beside", "image": "log:1"}]}


class Controller:
    """Makes a pod anew as soon as it is deleted, as that of a StatefulSet does; writes down what was asked for."""

    def __init__(self, held: Cluster, owner: Any) -> None:
        self.held, self.owner, self.deleted = held, owner, list[dict[str, Any]]()
        self.works = True
        self._answer, held.answer = held.answer, self.answer  # type: ignore[method-assign]

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> tuple[int, Any]:
        said = self._answer(method, path, query, body)
        if method == "DELETE" and "/pods/" in path and said[0] == 200:
            name = path.rpartition("/")[2]
            self.deleted.append({"name": name, "uid": said[1]["metadata"]["uid"], **(body or {})})
            if self.works:
                self.make(name, labels=said[1]["metadata"].get("labels") or {})
        return said

    def make(self, name: str, **more: Any) -> str:
        made = self.held.put("Pod", "data", name, owners=[self.owner], spec=SPEC, status=READY, **more)
        return str(made["metadata"]["uid"])


class Shells:
    """In place of a shell in a container: what was run where, and what it says."""

    def __init__(self, held: Cluster) -> None:
        self.held, self.ran, self.labelled = held, list[tuple[str, str, str]](), list[str]()
        self.says: Callable[[str], Done] = lambda command: Done(0, b"3\n" if "STOP" in command else b"", b"")

    def __call__(self, api: Any, namespace: str, pod: str, container: str, command: str) -> Done:
        word = "stop" if command == nodes.STOP else "continue" if command == nodes.CONTINUE else command
        self.ran.append((pod, container, word))
        self.labelled.append((self.held.get("Pod", namespace, pod)["metadata"].get("labels") or {}).get(nodes.HUNG, ""))
        return self.says(command)


class Platform(HelmPlatform):
    """On a cluster in memory, with two pods of a StatefulSet that its release made."""

    def __init__(self, root: Path, held: Cluster, modes: str, hang: str) -> None:
        config = kubeconfig(root / "config", server=held.url)
        files = {
            "deploy/store/helm.toml": STORE.format(hang=hang),
            "deploy/store/values.yaml": "size: 3\n",
            "deploy/targets/cluster.toml": TARGET.format(config=config, modes=modes),
        }
        registry = Registry.load(
            checkout(root, {"deploy/store/component.toml": FILES["deploy/store/component.toml"]} | files)
        )
        self.component: Component = registry.components["store"]
        self.models: Component = registry.components["models"]
        target = load_target("cluster", root, registry)
        asks = api(config)

        def world() -> World:
            return World.of(list(held.objects.values()), now=datetime.now(UTC))

        hub = SimpleNamespace(
            ask=lambda kinds: None, listed=lambda *a, **k: None, world=world, news=lambda: threading.Event().wait
        )
        there = SimpleNamespace(
            cluster=SimpleNamespace(api=asks, hub=hub),
            attached=lambda component: Endpoints(component.name, {"url": "http://store.data"}),
            confirm=lambda: "",
            place=lambda: "",
            reason=lambda component: None,
            evidence=lambda component: [],
            close=lambda: None,
        )
        super().__init__(target, lambda filled: there, lambda: [self.component], "pv-1")  # type: ignore[arg-type,return-value]
        self.answered = 0

    def ready(self, endpoints: Endpoints) -> None:
        self.answered += 1


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setattr(nodes, "LOOK", 0.02)
    monkeypatch.setattr(lease, "HOLDS", 1)
    with cluster(spaces=["data"]) as one:
        release = {"owner": "helm", "name": "store", "gonogo/component": "store", "gonogo/run": "pv-0", **T}
        for revision, status in (("1", "superseded"), ("2", "deployed")):
            said = {**release, "version": revision, "status": status, "gonogo/chart": f"store-1.{revision}"}
            one.put("Secret", "data", f"sh.helm.release.v1.store.v{revision}", labels=said)
        one.put("Secret", "data", "gonogo-store", labels={**T, "gonogo/component": "store"})
        yield one


@pytest.fixture
def controller(held: Cluster) -> Controller:
    helms = {"meta.helm.sh/release-name": "store", "meta.helm.sh/release-namespace": "data"}
    made = Controller(held, held.put("StatefulSet", "data", "store", annotations=helms))
    made.make("store-0", labels={"role": "leader"})
    made.make("store-1", labels={"role": "follower"})
    return made


@pytest.fixture
def shells(held: Cluster, monkeypatch: pytest.MonkeyPatch) -> Shells:
    made = Shells(held)
    monkeypatch.setattr(inside, "executed", made)
    return made


@pytest.fixture
def platform(held: Cluster, controller: Controller, tmp_path: Path) -> Platform:
    return Platform(tmp_path, held, '"read", "write", "disrupt"', "true")


def uid(held: Cluster, name: str = "store-0") -> str:
    return str(held.get("Pod", "data", name)["metadata"]["uid"])


def holder(held: Cluster) -> str:
    """Who holds the target's Lease; empty where there is none."""
    there = held.objects.get(("leases.coordination.k8s.io", "data", "gonogo-cluster"))
    return str(there["spec"]["holderIdentity"]) if there else ""


# -- kill


def test_a_killed_node_stays_killed_for_the_body_and_is_there_again_after_it(
    platform: Platform, held: Cluster, controller: Controller
) -> None:
    before, other = uid(held), uid(held, "store-1")

    with platform.disturb(platform.component, "kill", "store-1", platform.ready) as server:
        until(lambda: len(controller.deleted) > 2, awaited="its successors are killed", within=5)
        seen = {one["uid"] for one in controller.deleted}
        assert (server.address, holder(held).split()[0]) == ("data/store-0", "pv-1")
    after = len(controller.deleted)

    assert before in seen
    assert {one["name"] for one in controller.deleted} == {"store-0"}
    assert uid(held, "store-1") == other
    assert uid(held) not in {one["uid"] for one in controller.deleted}
    assert {one["gracePeriodSeconds"] for one in controller.deleted} == {nodes.AT_ONCE}
    assert len(controller.deleted) == after
    assert platform.answered == 1
    assert holder(held) == ""


def test_a_node_is_found_by_what_only_it_is_labelled_with(platform: Platform, controller: Controller) -> None:
    with platform.disturb(platform.component, "kill", "leader", platform.ready):
        pass

    assert {one["name"] for one in controller.deleted} == {"store-0"}


def test_the_pod_that_takes_over_is_not_killed_in_its_turn(
    platform: Platform, held: Cluster, controller: Controller
) -> None:
    other = uid(held, "store-1")

    with platform.disturb(platform.component, "kill", "leader", platform.ready):
        held.get("Pod", "data", "store-1")["metadata"]["labels"] = {"role": "leader"}
        until(lambda: len(controller.deleted) > 2, awaited="its successors are killed", within=5)

    assert uid(held, "store-1") == other
    assert {one["name"] for one in controller.deleted} == {"store-0"}


def test_who_waits_for_ready_again_waits_for_as_many_pods_as_there_were(
    platform: Platform, held: Cluster, controller: Controller
) -> None:
    late: list[threading.Timer] = []

    with platform.disturb(platform.component, "kill", "store-1", platform.ready):
        controller.works = False
        until(lambda: ("pods", "data", "store-0") not in held.objects, awaited="it is gone", within=5)
        late.append(threading.Timer(0.5, controller.make, ["store-0"]))
        late[0].start()

    assert late[0].finished.is_set()
    assert ("pods", "data", "store-0") in held.objects


def test_a_pod_that_does_not_come_back_is_told(platform: Platform, held: Cluster, controller: Controller) -> None:
    file = platform.component.folder / "helm.toml"
    Path(str(file)).write_text(file.read_text().replace("ready = 10", "ready = 0.5"))
    platform._target = replace(platform._target, timeouts=replace(platform._target.timeouts, ready=0.5))

    with (  # noqa: PT012 - what the body sees is given, and the error is that of leaving it
        pytest.raises(NotReady, match="2 ready pods where store-0 was broken"),
        platform.disturb(platform.component, "kill", "store-1", platform.ready),
    ):
        controller.works = False
        until(lambda: ("pods", "data", "store-0") not in held.objects, awaited="it is gone", within=5)


# -- restart


def test_a_restarted_node_has_its_own_grace_and_is_ready_inside(
    platform: Platform, held: Cluster, controller: Controller
) -> None:
    before = uid(held)

    with platform.disturb(platform.component, "restart", "store-1", platform.ready):
        inside_uid, asked = uid(held), platform.answered

    [deleted] = controller.deleted
    assert (deleted["uid"], deleted["preconditions"]) == (before, {"uid": before})
    assert "gracePeriodSeconds" not in deleted
    assert (inside_uid, asked) == (uid(held), 1)
    assert inside_uid != before


# -- hang


def test_a_hung_node_is_marked_before_it_is_stopped_and_goes_on_after_it(
    platform: Platform, held: Cluster, shells: Shells, controller: Controller
) -> None:
    with platform.disturb(platform.component, "hang", "store-1", platform.ready):
        during = list(shells.ran)
        said = platform.reason(platform.component)  # the fault is to be seen without being told

    assert during == [("store-0", "server", "stop")]
    assert shells.ran == [("store-0", "server", "stop"), ("store-0", "server", "continue")]
    assert shells.labelled == ["pv-1", "pv-1"]
    assert nodes.HUNG not in held.get("Pod", "data", "store-0")["metadata"]["labels"]
    assert said is None
    assert controller.deleted == []
    assert platform.answered == 1


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        (b"0\n", NotAskable, "nothing runs there but its first process"),
        (b"2 17 18\n", Forbidden, "its processes 17 18 could not be stopped"),
        (b"", NotAskable, "could not be stopped"),
    ],
)
def test_what_cannot_be_stopped_is_told_and_left_as_it_was(
    said: bytes, error: type[Exception], words: str, platform: Platform, held: Cluster, shells: Shells
) -> None:
    shells.says = lambda command: Done(0, said if command == nodes.STOP else b"", b"")

    with (
        pytest.raises(error, match=words),
        platform.disturb(platform.component, "hang", "store-1", platform.ready),
    ):
        pytest.fail("the body began")

    assert shells.ran[-1] == ("store-0", "server", "continue")
    assert nodes.HUNG not in held.get("Pod", "data", "store-0")["metadata"]["labels"]


def test_a_stopped_pod_that_nobody_can_enter_any_more_is_killed(
    platform: Platform, held: Cluster, shells: Shells, controller: Controller
) -> None:
    def lost(command: str) -> Done:
        if command == nodes.CONTINUE:
            raise TimedOut("store", "no answer")
        return Done(0, b"1", b"")

    shells.says = lost
    before = uid(held)

    with platform.disturb(platform.component, "hang", "store-1", platform.ready):
        pass

    assert [one["uid"] for one in controller.deleted] == [before]
    assert uid(held) != before


# -- what is not broken


def test_a_pod_of_somebody_else_is_left_alone(platform: Platform, held: Cluster, controller: Controller) -> None:
    foreign = held.put("StatefulSet", "data", "foreign")
    held.remove("Pod", "data", "store-0")
    held.put("Pod", "data", "store-0", owners=[foreign], spec=SPEC, status=READY)

    with (
        pytest.raises(NotAllowed, match="pod data/store-0 is of no release or manifest of target cluster"),
        platform.disturb(platform.component, "kill", "store-1", platform.ready),
    ):
        pytest.fail("the body began")

    assert controller.deleted == []


def test_a_release_of_another_target_is_left_alone(platform: Platform, held: Cluster, controller: Controller) -> None:
    for revision in (1, 2):
        held.get("Secret", "data", f"sh.helm.release.v1.store.v{revision}")["metadata"]["labels"]["gonogo/target"] = "b"

    with (
        pytest.raises(NotAllowed),
        platform.disturb(platform.component, "kill", "store-1", platform.ready),
    ):
        pytest.fail("the body began")

    assert controller.deleted == []


def test_a_node_without_a_pod_is_told(platform: Platform, held: Cluster) -> None:
    held.remove("Pod", "data", "store-0")

    with (
        pytest.raises(Gone, match="store has no pod for node store-1"),
        platform.disturb(platform.component, "kill", "store-1", platform.ready),
    ):
        pytest.fail("the body began")


def test_a_target_that_does_not_allow_it_is_left_alone(held: Cluster, controller: Controller, tmp_path: Path) -> None:
    platform = Platform(tmp_path, held, '"read", "write"', "true")

    with (
        pytest.raises(NotAllowed, match="does not allow mode disrupt"),
        platform.disturb(platform.component, "kill", "store-1", platform.ready),
    ):
        pytest.fail("the body began")

    assert controller.deleted == []


def test_what_cannot_be_broken_is_known_beforehand(held: Cluster, controller: Controller, tmp_path: Path) -> None:
    platform = Platform(tmp_path, held, '"read", "write", "disrupt"', "false")

    def why(how: str, node: str, component: Component = platform.component) -> str:
        return unbreakable(platform._target, component, how, node)

    assert why("kill", "store-1") == ""
    assert why("kill", "store-9") == "helm.toml names no pod for node store-9, only for store-1, leader"
    assert "hang = false" in why("hang", "store-1")
    assert why("kill", "one", platform.models) == "gonogo did not deploy models, so that it is not broken on purpose"
    with (
        pytest.raises(NotAllowed, match="hang = false"),
        platform.disturb(platform.component, "hang", "store-1", platform.ready),
    ):
        pytest.fail("the body began")


# -- one at a time


def test_who_breaks_waits_for_another_run_that_does(
    platform: Platform, held: Cluster, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "HOLDS", 15)
    other = lease.Lease(platform._there.cluster.api, "data", "cluster", "pv-2", print)
    other.take()
    threading.Timer(0.3, other.release).start()

    with platform.disturb(platform.component, "kill", "store-1", platform.ready):
        during = holder(held)

    assert during.startswith("pv-1 ")
    assert "another run works on this target: pv-2" in capsys.readouterr().err


def test_a_run_that_holds_the_target_keeps_it(platform: Platform, held: Cluster) -> None:
    platform._hold(lambda _: None)

    with platform.disturb(platform.component, "kill", "store-1", platform.ready):
        pass

    assert holder(held).startswith("pv-1 ")
    platform.close()


def test_a_worker_of_the_run_that_holds_the_target_does_not_wait_for_it(
    platform: Platform, held: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = lease.Lease(platform._there.cluster.api, "data", "cluster", "pv-2", print)
    other.take()
    monkeypatch.setattr(os, "getppid", os.getpid)

    with platform.disturb(platform.component, "kill", "store-1", platform.ready):
        during = holder(held)

    assert during.startswith("pv-2 ")
    other.release()


# -- a run that was killed in the midst of it


@pytest.fixture
def left(held: Cluster, platform: Platform) -> Platform:
    """A run has stopped store-0 and is no more."""
    held.get("Pod", "data", "store-0")["metadata"]["labels"][nodes.HUNG] = "pv-dead"
    return platform


def test_what_was_left_stopped_is_why_nobody_answers(left: Platform) -> None:
    said = left.reason(left.component)

    assert said is not None
    assert said.message == "pod data/store-0 was stopped on purpose by pv-dead, which did not come to its end"
    assert said.hint == "`gonogo up store --target cluster` lets it go on"


def test_what_was_left_stopped_is_found_and_goes_on(left: Platform, held: Cluster, shells: Shells) -> None:
    found = left.stopped(print)
    left.mend()

    assert found == [("store", "data/store-0", "pv-dead")]
    assert shells.ran == [("store-0", "server", "continue")]
    assert left.stopped(print) == []
    assert holder(held) == ""


def test_what_a_living_run_stopped_is_left_alone(left: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "EVERY", 0.1)
    other = lease.Lease(left._there.cluster.api, "data", "cluster", "pv-2", print)
    other.take()
    told: list[str] = []

    found = left.stopped(told.append)

    other.release()
    assert found == []
    assert "pv-2" in told[0]
    assert "data/store-0" in told[0]


def test_whoever_breaks_next_lets_it_go_on_first(left: Platform, shells: Shells, controller: Controller) -> None:
    with left.disturb(left.component, "restart", "leader", left.ready):
        pass

    assert shells.ran == [("store-0", "server", "continue")]
    assert len(controller.deleted) == 1


# -- evidence


def test_evidence_holds_status_history_and_values(platform: Platform) -> None:
    release, values = platform.evidence("store")

    assert (release.kind, release.title) == ("release", "release data/store is deployed; its history")
    assert [line.split()[:3] for line in release.text.splitlines()] == [
        ["1", "superseded", "store-1.1"],
        ["2", "deployed", "store-1.2"],
    ]
    assert (values.kind, values.title, values.text) == ("values", "values of release data/store", "size: 3\n")


def test_evidence_that_may_not_be_seen_says_so(platform: Platform, held: Cluster) -> None:
    held.refused.add("list secrets")

    [note] = platform.evidence("store")

    assert (note.kind, note.title) == ("note", "release data/store could not be looked at")


def test_evidence_that_does_not_come_is_not_waited_for(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    monkeypatch.setattr(provider, "AT_MOST", 0.1)
    monkeypatch.setattr(provider, "installed", lambda *_: [None] * (not never.wait()))

    assert platform.evidence("store") == []
    never.set()


# -- the file


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('name = ""\npod = "a"', "nodes: one has no name"),
        ('name = "a"', "node a: give its pod, or labels that it has"),
        ('name = "a"\npod = "b"\nlabels = "c=d"', "node a: give its pod, or labels that it has"),
        ('name = "a"\npod = "Not A Name"', "node a: 'Not A Name' is no name of a pod"),
        ('name = "a"\nlabels = "c=(d"', "node a: "),
        ('name = "a"\npod = "b"\n[[nodes]]\nname = "a"\npod = "c"', "node a is there twice"),
    ],
)
def test_a_node_that_means_no_pod_is_refused(text: str, words: str, tmp_path: Path) -> None:
    more = f'namespace = "data"\n[endpoints]\n[[releases]]\nname = "a"\nchart = "c"\n[[nodes]]\n{text}\n'
    (tmp_path / "helm.toml").write_text(more)

    with pytest.raises(ConfigError) as caught:
        load(tmp_path)

    assert words in str(caught.value)


def test_the_nodes_of_a_profile_take_the_place_of_all_others(platform: Platform) -> None:
    spec = load(platform.component.folder)

    assert [one.name for one in spec.of("quick").nodes] == ["only"]
    assert [one.name for one in spec.of("default").nodes] == ["store-1", "leader"]
