"""Whose an object is that has the name of one of ours: told with its owner, before anything is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from api_server import Cluster, cluster
from kubeconfigs import api, kubeconfig

from gonogo.catalog.target import Kubernetes
from gonogo.cluster.api import Api
from gonogo.cluster.hub import Hub
from gonogo.providers.helm.objects import Objects
from gonogo.providers.helm.ownership import APPLICATIONS, ATTACH, Ownership, Wanted, made
from gonogo.providers.helm.program import Helm
from gonogo.providers.helm.seen import Seen

OURS = {"meta.helm.sh/release-name": "store", "meta.helm.sh/release-namespace": "data"}
THEIRS = {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "data"}
TRACKED = {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:data/store"}
HOOK = {"helm.sh/hook": "pre-install"}


@pytest.fixture
def held() -> Iterator[Cluster]:
    """A cluster that serves Applications."""
    with cluster(APPLICATIONS, spaces=["data", "argocd"]) as one:
        yield one


@pytest.fixture
def asked(held: Cluster, tmp_path: Path) -> Iterator[Ownership]:
    """Of target t."""
    with closing(api(kubeconfig(tmp_path / "config", server=held.url))) as one:
        yield ownership(one)


def ownership(asked: Api) -> Ownership:
    """Of target t, where nothing is followed."""
    objects = Objects(asked)
    return Ownership(
        asked, objects, Seen(asked, objects, Helm(Kubernetes(), asked), lambda: Hub(asked, follow=False)), "t"
    )


def wanted(kind: str = "Deployment", api_version: str = "apps/v1", release: str = "store", **meta: Any) -> Wanted:
    """An object named store, as a chart renders it."""
    return Wanted({"apiVersion": api_version, "kind": kind, "metadata": {"name": "store", **meta}}, "data", release)


def application(held: Cluster, name: str, *resources: dict[str, str]) -> None:
    """One with this state."""
    held.put(APPLICATIONS, "argocd", name, status={"resources": list(resources)})


def test_what_is_not_there_or_of_the_same_release_is_ours(held: Cluster, asked: Ownership) -> None:
    held.put("Deployment", "data", "store", annotations=OURS)
    held.put("Secret", "data", "gonogo-store", labels={"gonogo/target": "t"})

    assert asked.foreign([wanted(), wanted("Service", "v1"), made("Secret", "gonogo-store", "data")]) == ""


@pytest.mark.parametrize(
    ("there", "whose"),
    [
        ({"annotations": THEIRS}, "of release shop in namespace data"),
        ({}, "of no release"),
        ({"labels": {"gonogo/target": "other"}}, "of target 'other'"),
        ({"annotations": {**OURS, "meta.helm.sh/release-namespace": "else"}}, "of release store in namespace else"),
    ],
)
def test_what_a_chart_would_make_over_is_told_with_its_owner(
    held: Cluster, asked: Ownership, there: dict[str, Any], whose: str
) -> None:
    held.put("Deployment", "data", "store", **there)

    said = asked.foreign([wanted()])

    assert said == f"Deployment data/store is there already and {whose}; it was left as it is"


def test_what_gonogo_makes_itself_is_told_by_its_target(held: Cluster, asked: Ownership) -> None:
    held.put("Secret", "data", "gonogo-store", labels={"gonogo/target": "other"})
    held.put("Deployment", "data", "store", annotations=OURS)

    said = asked.foreign([made("Secret", "gonogo-store", "data"), wanted(release="")])

    assert said == (
        "Secret data/gonogo-store is there already and not of this target; Deployment data/store is there already and "
        "of release store in namespace data; they were left as they are"
    )


def test_a_cluster_wide_object_is_asked_for_by_its_name(held: Cluster, asked: Ownership) -> None:
    kind = "StorageClass", "storage.k8s.io/v1"
    held.put(kind[0], "", "store", annotations=THEIRS)

    said = asked.foreign([wanted(*kind)])

    assert said == "StorageClass store is there already and of release shop in namespace data; it was left as it is"
    assert [one for one in held.asked if "list" in one] == []


def test_of_many_three_are_named(held: Cluster, asked: Ownership) -> None:
    every = [made("Secret", f"s{number}", "data") for number in range(5)]
    for number in range(5):
        held.put("Secret", "data", f"s{number}")

    said = asked.foreign(every)

    assert "s2 is there already and not of this target; and 2 more; they were left" in said
    assert held.asked == ["list secrets data"]


def test_a_hook_that_was_left_is_made_anew_and_what_is_none_is_not(held: Cluster, asked: Ownership) -> None:
    job = wanted("Job", "batch/v1", annotations=HOOK)
    held.put("Job", "data", "store", annotations=HOOK)
    assert asked.foreign([job]) == ""

    held.put("Job", "data", "work")
    other = Wanted({**job.obj, "metadata": {"name": "work", "annotations": HOOK}}, "data", "store")
    fresh = ownership(asked._tracking._api)

    assert fresh.foreign([other]) == "Job data/work is there already and of no release; it was left as it is"


# -- Argo CD


@pytest.mark.parametrize("release", ["store", ""])
def test_what_argo_cd_tracks_is_never_ours_whatever_else_it_says(held: Cluster, asked: Ownership, release: str) -> None:
    held.put("Deployment", "data", "store", annotations={**OURS, **TRACKED}, labels={"gonogo/target": "t"})

    said = asked.foreign([wanted(release=release)])

    assert said == (
        "Deployment data/store is there already and Argo CD tracks it (Application shop); it was left as it is: "
        + ATTACH
    )
    assert "provider existing" in ATTACH
    assert "gonogo endpoints --discover" in ATTACH


@pytest.mark.parametrize(
    "place", ["apps/ReplicaSet:data/store", "apps/Deployment:data/other", "apps/Deployment:b/store"]
)
def test_an_annotation_that_was_copied_from_another_object_tracks_nothing(
    held: Cluster, asked: Ownership, place: str
) -> None:
    held.put("Deployment", "data", "store", annotations={**OURS, "argocd.argoproj.io/tracking-id": f"shop:{place}"})

    assert asked.foreign([wanted()]) == ""


def test_by_its_label_where_the_application_lists_it(held: Cluster, asked: Ownership) -> None:
    held.put("Deployment", "data", "store", annotations=OURS, labels={"app.kubernetes.io/instance": "shop"})
    application(held, "shop", {"group": "apps", "kind": "Deployment", "namespace": "data", "name": "store"})

    assert "Argo CD tracks it (Application shop)" in asked.foreign([wanted()])


def test_the_same_label_of_a_chart_is_none_of_argo_cd(held: Cluster, asked: Ownership) -> None:
    held.put("Deployment", "data", "store", annotations=OURS, labels={"app.kubernetes.io/instance": "store"})
    application(held, "store", {"group": "apps", "kind": "Deployment", "namespace": "else", "name": "store"})
    application(held, "shop", {"group": "apps", "kind": "Deployment", "namespace": "data", "name": "store"})

    assert asked.foreign([wanted()]) == ""


def test_where_applications_may_not_be_listed_the_annotation_tells(held: Cluster, asked: Ownership) -> None:
    held.refused = {"list applications.argoproj.io"}
    held.put("Deployment", "data", "store", annotations=OURS, labels={"app.kubernetes.io/instance": "shop"})
    assert asked.foreign([wanted()]) == ""

    held.put("Service", "data", "store", annotations={"argocd.argoproj.io/tracking-id": "shop:/Service:data/store"})

    assert "Argo CD tracks it (Application shop)" in asked.foreign([wanted("Service", "v1")])


def test_a_definition_that_argo_cd_tracks(held: Cluster, asked: Ownership) -> None:
    name, definition = "queues.mq.example", ("CustomResourceDefinition", "apiextensions.k8s.io/v1")
    said = f"ops:apiextensions.k8s.io/CustomResourceDefinition:mq/{name}"
    held.put(definition[0], "", name, annotations={"argocd.argoproj.io/tracking-id": said})
    obj = {"apiVersion": definition[1], "kind": definition[0], "metadata": {"name": name}}

    assert asked.tracked(obj) == "ops"
    assert asked.tracked({**obj, "metadata": {"name": "others.mq.example"}}) == ""
