"""Whether planned images come: what the kubelet says of the pods that pull them, and that none of them is left."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from api_server import Cluster, cluster
from kubeconfigs import kubeconfig

from fixtures.checklist import AT_ONCE, Checklist
from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Kubernetes
from gonogo.checks.journal import Journal, RunScope
from gonogo.cluster.plan.demand import PlannedPod
from gonogo.cluster.preflight import Line, planned, pulls
from gonogo.core.endpoints import Endpoints, Timeouts
from gonogo.core.errors import ClientError, NotAllowed
from gonogo.core.outcomes import Mode
from gonogo.providers.existing.access import ClusterAccess

ROOT = Path(__file__).parent.parent
EXPECT = Registry.load(ROOT).components["checklist"].expect
RUN = "pv-20260102030405-abcdef"

Object = dict[str, Any]

COME: Object = {"imageID": "sha256:1", "state": {"terminated": {"reason": "StartError", "exitCode": 128}}}
PULLING: Object = {"state": {"waiting": {"reason": "ContainerCreating"}}}
GONE: Object = {"state": {"waiting": {"reason": "ErrImagePull", "message": "manifest unknown"}}}


def status(container: Object) -> Object:
    return {"status": {"containerStatuses": [container]}}


@pytest.mark.parametrize(
    ("pod", "said"),
    [
        ({}, None),
        (status(PULLING), None),
        (status(COME), ""),
        (status({"imageID": "", "state": {"terminated": {}}}), ""),
        (status({"imageID": "sha256:1", "state": {"waiting": {"reason": "RunContainerError"}}}), ""),
        (status(GONE), "ErrImagePull"),
        (status({"state": {"waiting": {"reason": "ImagePullBackOff"}}}), "ImagePullBackOff"),
        (status({"state": {"waiting": {"reason": "InvalidImageName"}}}), "InvalidImageName"),
    ],
)
def test_the_kubelet_says_whether_an_image_comes(pod: Object, said: str | None) -> None:
    told = pulls.told(pod)

    assert (told.reason if told else None) == said


def pod(image: str, namespace: str = "data", **spec: Any) -> PlannedPod:
    return planned_pod(
        f"{image.partition(':')[0]}-*", {"containers": [{"name": "c", "image": image}], **spec}, namespace
    )


def planned_pod(name: str, spec: Object, namespace: str = "data") -> PlannedPod:
    return PlannedPod(namespace=namespace, name=name, owner="Deployment", spec=spec)


def test_the_pod_that_pulls_runs_nothing_and_is_admitted_at_the_strictest_level() -> None:
    user = pod(
        "web:1",
        serviceAccountName="web",
        imagePullSecrets=[{"name": "pull"}],
        nodeSelector={"disk": "ssd"},
        volumes=[{"name": "v", "hostPath": {"path": "/"}}],
        hostNetwork=True,
    )
    (one,) = pulls.wanted([user, user], ["data"])

    spec = pulls.probe(one, "p", {}, ["web"])["spec"]

    assert [line["image"] for line in spec["containers"]] == ["web:1"]
    assert spec["containers"][0]["command"] == [pulls.NOTHING]
    assert (spec["serviceAccountName"], spec["imagePullSecrets"], spec["nodeSelector"]) == (
        *("web", [{"name": "pull"}], {"disk": "ssd"}),
    )
    assert "volumes" not in spec
    assert "serviceAccountName" not in pulls.probe(one, "p", {}, [])["spec"]
    strict = planned.pod_security([planned_pod("p", spec)], {"data": {planned.ENFORCE: "restricted"}}, "")
    assert strict.faults == ()


def test_an_image_that_is_always_pulled_anew_is_pulled_so() -> None:
    every = pulls.wanted([planned_pod(one, pulled(one)) for one in ("Never", "Always")], ["data"])

    assert [(one.image, one.policy) for one in every] == [("a:1", "Always")]


def pulled(policy: str) -> Object:
    return {"containers": [{"name": "c", "image": "a:1", "imagePullPolicy": policy}]}


# -- on a cluster in memory


class Kubelet(Cluster):
    """A cluster whose kubelet says at once what ``says`` has of an image."""

    says: Mapping[str, Object] = {}

    most = 0
    made: list[Object]

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> tuple[int, Any]:
        code, told = super().answer(method, path, query, body)
        if method == "POST" and path.endswith("/pods") and code == 201:
            image = body["spec"]["containers"][0]["image"]
            told["status"] = {"phase": "Pending"} | self.says.get(image, status(COME)["status"])
            self.made = [*getattr(self, "made", []), told]
            self.most = max(self.most, len(self.there("Pod")))
        if method == "POST" and path.endswith("/namespaces") and code == 201:
            self.put("ServiceAccount", body["metadata"]["name"], "default")
        return code, told


@pytest.fixture
def held() -> Iterator[Kubelet]:
    with cluster(spaces=["data"]) as one:
        one.__class__ = Kubelet
        assert isinstance(one, Kubelet)
        yield one


Ask = Callable[..., Checklist]


@pytest.fixture
def ask(held: Kubelet, tmp_path: Path) -> Iterator[Ask]:
    config = kubeconfig(tmp_path / "config", server=held.url)
    timeouts = Timeouts(connect=5, check=5)
    access = ClusterAccess(Kubernetes(kubeconfig=str(config)), timeouts)
    journal = Journal(tmp_path / "journal.jsonl")

    def asked(*pods: PlannedPod, mode: Mode = Mode.WRITE, seconds: float = 60) -> Checklist:
        fit = SimpleNamespace(demands={"web": SimpleNamespace(pods=pods)})
        platform = SimpleNamespace(has_cluster=True, fit=lambda: fit)
        scope = RunScope(RUN, mode, "checklist", journal, itertools.count(1))
        expect = {**EXPECT, "pull_seconds": seconds}
        return Checklist(
            Endpoints("checklist", {}, expect=expect, timeouts=timeouts, scope=scope, cluster=access, platform=platform)
        )

    with closing(access):
        yield asked
    assert held.there("Pod") == set()
    assert not any(RUN in one for one in held.there("Namespace"))
    assert journal.open_entries() == []


def test_every_image_is_pulled_a_few_at_a_time_and_nothing_is_left(held: Kubelet, ask: Ask) -> None:
    line = ask(*(pod(f"image-{number}:1") for number in range(2 * AT_ONCE + 1))).pulled()

    assert line.observed == f"{2 * AT_ONCE + 1} of {2 * AT_ONCE + 1} images pulled"
    assert (line.faults, line.unknown) == ((), ())
    assert 0 < held.most <= AT_ONCE


def test_an_image_that_does_not_come_is_named(held: Kubelet, ask: Ask) -> None:
    held.says = {"gone:1": status(GONE)["status"]}

    line = ask(pod("gone:1"), pod("there:1")).pulled()

    assert line.faults == ("gone:1 (data/gone-*): ErrImagePull: manifest unknown",)
    assert line.observed == "1 of 2 images pulled"


def test_where_the_namespace_is_not_there_one_of_our_own_is_made_for_the_time(held: Kubelet, ask: Ask) -> None:
    line = ask(pod("web:1", "later")).pulled()

    assert line.observed == "1 of 1 image pulled"
    assert {RUN in one["metadata"]["namespace"] for one in held.made} == {True}


def test_what_may_yet_come_with_a_pull_secret_that_is_made_later_is_not_known(held: Kubelet, ask: Ask) -> None:
    held.says = {"gone:1": status(GONE)["status"]}
    held.put("Secret", "data", "there")
    user = pod("gone:1", imagePullSecrets=[{"name": "there"}, {"name": "later"}])

    assert "(there, later) one is not there yet" in refusal(lambda: ask(user).pulled())
    assert ask(pod("gone:1", imagePullSecrets=[{"name": "there"}])).pulled().faults


UNPLACED = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"conditions": [UNPLACED]}, "no node takes the pod that pulls it: 0/1 nodes are available"),
        ({"reason": "OutOfcpu", "message": "m"}, "the pod that pulls it: OutOfcpu: m"),
        ({}, "no word of it within 0 s"),
    ],
)
def test_what_no_word_comes_of_in_time_is_not_known(held: Kubelet, ask: Ask, said: Object, why: str) -> None:
    held.says = {"web:1": {**said, "containerStatuses": []}}

    assert f"web:1: {why}" in refusal(lambda: ask(pod("web:1"), seconds=0).pulled())


def test_a_pod_that_is_not_admitted_tells_nothing_of_its_image(held: Kubelet, ask: Ask) -> None:
    held.unadmitted["create pods"] = "admission webhook denied the request"

    assert "the pod that pulls it is refused" in refusal(lambda: ask(pod("web:1")).pulled())


def test_in_mode_read_nothing_is_made(held: Kubelet, ask: Ask) -> None:
    with pytest.raises(NotAllowed):
        ask(pod("web:1"), mode=Mode.READ).pulled()

    assert not any(one.startswith("create") for one in held.asked)


def test_what_a_run_left_behind_is_found_and_taken_away(held: Kubelet, ask: Ask) -> None:
    labels = {"gonogo/part": "pulls"}
    held.put("Pod", "data", f"{RUN}-1", labels=labels)
    held.put("Namespace", "", f"{RUN}-2", labels=labels)
    held.put("Pod", "data", "web-1")
    client = ask()

    left = list(client.leftovers())
    for one in left:
        client.remove(one.kind, one.name)
        client.remove(one.kind, one.name)

    assert [(one.kind, one.name, one.run) for one in left] == [
        ("pod", f"{RUN}-1", RUN),
        ("namespace", f"{RUN}-2", RUN),
    ]
    assert held.there("Pod") == {"Pod data/web-1"}
    held.remove("Pod", "data", "web-1")


def refusal(ask: Callable[[], Line]) -> str:
    with pytest.raises(ClientError) as caught:
        ask()
    assert caught.value.kind == "image_untold"
    return str(caught.value)
