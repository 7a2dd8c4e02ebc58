"""A component on its way up: what is waited for, what is named, and what is given up, by what the cluster says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from api_server import Cluster, cluster
from kubeconfigs import api, kubeconfig

from gonogo.cluster.api import Kind
from gonogo.cluster.judge import World
from gonogo.cluster.judge.doom import RULES, Rule
from gonogo.core.errors import DeployError, NotReady
from gonogo.core.servers import Progress
from gonogo.core.waiting import REAL, Deadline, pause
from gonogo.providers.helm import deployment, silence
from gonogo.providers.helm.deployment import HelmDeployment
from gonogo.providers.helm.objects import Objects
from gonogo.providers.helm.recipe import HelmPlace, HelmRecipe
from gonogo.providers.helm.spec import load

QUEUE = Kind("mq.example", "v1", "queues", "Queue", True)
KAFKA = Kind("kafka.strimzi.io", "v1", "kafkas", "Kafka", True)
FILE = """
    namespace = "data"
    endpoints = {}
    [[releases]]
    name = "mq"
    chart = "chart"
    namespace = "mq-system"
    shared = true
    serves = ["queues.mq.example/v1"]
    [[workloads]]
    kind = "KIND"
    name = "orders"
"""
STATUS = {"subresources": {"status": {}}}


class Hub:
    """What a test's cluster holds in one namespace, without watches; ``news`` ends with the next change."""

    def __init__(self, held: Cluster) -> None:
        self.held, self.moved, self.looks = held, threading.Event(), 0

    def ask(self, kinds: Any) -> None:
        """All is followed."""

    def listed(self, within: float, **how: Any) -> None:
        """All is listed."""

    def world(self, now: datetime | None = None, logs: Any = None) -> World:
        self.looks += 1
        here = (one for (_, space, _), one in list(self.held.objects.items()) if space == "data")
        return World.of(here, now=now or datetime.now(UTC), logs=logs)

    def news(self) -> Callable[[float], bool]:
        def wait(seconds: float) -> bool:
            moved = self.moved.wait(seconds)
            self.moved.clear()
            return moved

        return wait


class Scene:
    """A cluster, and a component in it."""

    def __init__(self, held: Cluster, folder: Path) -> None:
        self.held, self.folder, self.hub = held, folder, Hub(held)
        self.api = api(kubeconfig(folder / "config", server=held.url))
        self.said: list[tuple[float, Progress]] = []

    def deployment(self, kind: str = "Queue.mq.example", within: float = 6.0) -> HelmDeployment:
        """Of one workload of this kind."""
        (self.folder / "helm.toml").write_text(dedent(FILE).replace("KIND", kind))
        spec: Any = load(self.folder)
        nothing: Any = None
        return HelmDeployment(
            HelmRecipe(spec, "queue", self.folder, HelmPlace("t", "default")),
            helm=nothing,
            api=self.api,
            objects=Objects(self.api),
            seen=nothing,
            ownership=nothing,
            hub=lambda: self.hub,  # type: ignore[arg-type, return-value]
            run="pv-1",
            report=lambda progress: self.said.append((REAL.now(), progress)),
            deadline=Deadline(within),
            cancelled=lambda: "",
        )

    def defined(self, kind: Kind = QUEUE, **version: Any) -> None:
        """The definition of a kind, with this in its version."""
        named = {"name": "v1", "served": True, **version}
        self.held.put("CustomResourceDefinition", "", f"{kind.plural}.{kind.group}", spec={"versions": [named]})

    def operator(self, ready: int = 1, name: str = "mq-controller", **spec: Any) -> dict[str, Any]:
        """The operator's Deployment, of its release."""
        said = {"meta.helm.sh/release-name": "mq", "meta.helm.sh/release-namespace": "mq-system"}
        return self.held.put(
            "Deployment", "mq-system", name, annotations=said, spec=spec, status={"readyReplicas": ready}
        )

    def named(self, reason: str) -> list[str]:
        """What was said of a reason."""
        return [one.detail for _, one in self.said if one.reason == reason]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """A custom resource of ours that nobody has looked at, given up after a second."""
    monkeypatch.setattr(deployment, "HEARD", 0.2)
    monkeypatch.setattr(silence, "AGAIN", 0.2)
    monkeypatch.setattr(deployment, "RULES", {**RULES, "OperatorSilent": Rule(0.8, "look")})
    with cluster(QUEUE, KAFKA, spaces=["data", "mq-system", "strimzi"]) as held:
        held.put(QUEUE, "data", "orders")
        held.put(KAFKA, "data", "orders")
        made = Scene(held, tmp_path)
        with closing(made.api):
            yield made


@pytest.mark.parametrize(
    ("kind", "operator", "said"),
    [
        ("Queue.mq.example", {"ready": 0}, "its operator, Deployment mq-system/mq-controller, has no ready pod"),
        (
            "Queue.mq.example",
            {"template": {"spec": {"containers": [{"env": [{"name": "WATCH_NAMESPACE", "value": "shop"}]}]}}},
            "its operator, Deployment mq-system/mq-controller, watches shop alone (WATCH_NAMESPACE)",
        ),
        ("Queue.mq.example", {}, "runs and has not touched it; does it watch namespace data?"),
        ("Queue.mq.example", None, "nothing tells which operator looks after Queue.mq.example"),
        ("Kafka.kafka.strimzi.io", None, "nothing runs here by the name strimzi-cluster-operator"),
    ],
)
def test_a_custom_resource_that_nobody_touches_is_named_at_once_and_given_up_after_the_judges_grace(
    kind: str, operator: Mapping[str, Any] | None, said: str, scene: Scene
) -> None:
    scene.defined(QUEUE, **STATUS)
    if operator is not None:
        scene.operator(**operator)
    began = REAL.now()

    with pytest.raises(DeployError, match="will not come up: OperatorSilent") as raised:
        scene.deployment(kind).stand()

    first = next(when for when, one in scene.said if one.reason == "OperatorSilent")
    assert said in scene.named("OperatorSilent")[0]
    assert said in str(raised.value)
    assert first - began < 1.5
    assert 1.0 < REAL.now() - began < 4.0


def test_an_operator_that_is_only_just_looking_is_not_called_silent(scene: Scene) -> None:
    scene.defined(QUEUE, **STATUS)
    scene.operator()
    told = {"phase": "Ready"}
    threading.Timer(0.05, lambda: scene.held.get("Queue", "data", "orders").update(status=told)).start()

    scene.deployment().stand()

    assert scene.named("OperatorSilent") == []
    assert [one for one in scene.held.asked if "deployments" in one] == []


@pytest.mark.parametrize(
    "version",
    [{"schema": {"openAPIV3Schema": {"properties": {"spec": {}}}}}, {"schema": {"openAPIV3Schema": {"a": 1}}}],
)
def test_a_kind_whose_definition_has_no_status_has_no_state_to_wait_for(version: dict[str, Any], scene: Scene) -> None:
    scene.defined(QUEUE, **version)

    scene.deployment().stand()

    assert scene.named("OperatorSilent") == []


@pytest.mark.parametrize(
    "version",
    [
        STATUS,
        {"schema": {"openAPIV3Schema": {"properties": {"status": {}}}}},
        {"schema": {"openAPIV3Schema": {"x-kubernetes-preserve-unknown-fields": True}}},
        {},
        None,
    ],
)
def test_a_kind_that_may_have_a_status_is_waited_for(version: dict[str, Any] | None, scene: Scene) -> None:
    if version is not None:
        scene.defined(QUEUE, **version)

    with pytest.raises(DeployError, match="OperatorSilent"):
        scene.deployment().stand()


def test_where_only_our_namespaces_may_be_seen_the_operator_is_looked_for_there(scene: Scene) -> None:
    scene.defined(QUEUE, **STATUS)
    scene.operator(ready=0)
    answer = scene.held.answer

    def refusing(method: str, path: str, query: Any, body: Any) -> tuple[int, Any]:
        everywhere = path in ("/apis/apps/v1/deployments", "/apis/apps/v1/statefulsets")
        return (403, {"kind": "Status", "code": 403}) if everywhere else answer(method, path, query, body)

    scene.held.answer = refusing  # type: ignore[method-assign]

    with pytest.raises(DeployError, match="Deployment mq-system/mq-controller, has no ready pod"):
        scene.deployment().stand()


def test_a_change_that_an_operator_which_is_down_does_not_see_is_given_up(scene: Scene) -> None:
    orders = scene.held.get("Queue", "data", "orders")
    orders["metadata"]["generation"] = 2
    orders["status"] = {"observedGeneration": 1, "phase": "Ready"}
    scene.operator(ready=0)

    with pytest.raises(DeployError, match="OperatorSilent: its operator, Deployment mq-system/mq-controller"):
        scene.deployment().stand()


def test_a_change_that_a_running_operator_has_not_seen_yet_is_waited_for(scene: Scene) -> None:
    orders = scene.held.get("Queue", "data", "orders")
    orders["metadata"]["generation"] = 2
    orders["status"] = {"observedGeneration": 1, "phase": "Ready"}
    scene.operator()

    with pytest.raises(DeployError, match="not ready within"):
        scene.deployment(within=2.0).stand()


# -- what ends once it was ready


def crashing(restarts: int) -> dict[str, Any]:
    """The status of a pod whose container has ended alike."""
    end = {"terminated": {"exitCode": 7, "reason": "Error"}}
    waits = {"waiting": {"reason": "CrashLoopBackOff"}}
    return {
        "phase": "Running",
        "containerStatuses": [{"name": "app", "restartCount": restarts, "state": waits, "lastState": end}],
    }


def workload(held: Cluster, available: int, pod: dict[str, Any]) -> None:
    """A Deployment with its one pod."""
    state = {"availableReplicas": available, "updatedReplicas": 1, "replicas": 1}
    owner = held.put("Deployment", "data", "orders", spec={"replicas": 1}, status=state)
    middle = held.put("ReplicaSet", "data", "orders-1", owners=[owner], spec={"replicas": 1})
    spec = {"nodeName": "node-1", "containers": [{"name": "app"}]}
    held.put("Pod", "data", "orders-1-a", owners=[middle], spec=spec, status=pod)


def test_what_ends_after_it_was_ready_for_an_instant_is_named_before_it_is_given_up(scene: Scene) -> None:
    workload(scene.held, 1, {"containerStatuses": [{"name": "app", "state": {"running": {}}, "ready": True}]})
    standing = scene.deployment("Deployment")
    standing.stand()
    standing.still()
    before = scene.said[-1][1].detail

    workload(scene.held, 0, crashing(1))
    standing.still()

    assert before == "until it answers"
    assert "exit code 7" in scene.named("CrashLoop")[0]
    workload(scene.held, 0, crashing(3))
    with pytest.raises(DeployError, match="exit code 7"):
        standing.still()


# -- what is being deleted


def test_the_end_of_what_is_being_deleted_is_seen_by_its_news_and_not_by_looking(scene: Scene) -> None:
    ending = scene.held.put("ConfigMap", "data", "settings")
    ending["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:06Z"
    gone: list[float] = []

    def end() -> None:
        pause(0.5, reason="it is looked at meanwhile")
        scene.held.remove("ConfigMap", "data", "settings")
        gone.append(REAL.now())
        scene.hub.moved.set()

    thread = threading.Thread(target=end)
    thread.start()
    scene.deployment()._until_ended([("ConfigMap", "data", "settings")])
    seen = REAL.now()
    thread.join()

    assert scene.hub.looks == 2
    assert seen - gone[0] < 0.2


def test_what_does_not_end_is_waited_for_as_long_as_the_component_is_given(scene: Scene) -> None:
    scene.held.put("ConfigMap", "data", "settings")["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:06Z"

    with pytest.raises(NotReady, match="ConfigMap settings"):
        scene.deployment(within=0.5)._until_ended([("ConfigMap", "data", "settings")])
