"""Objects that no chart makes: definitions and whose they are, namespaces, and what is waited for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from api_server import Cluster, cluster
from kubeconfigs import api, kubeconfig

from gonogo.cluster.api import KINDS, Declined, Kind
from gonogo.core.errors import Forbidden, NotReady
from gonogo.core.outcomes import Outcome
from gonogo.providers.helm.objects import Objects

LABELS = {"gonogo/run": "pv-1", "gonogo/target": "t", "gonogo/component": "queue"}
QUEUE = Kind("mq.example", "v1", "queues", "Queue", True)
NAME = "queues.mq.example"


def definition(**labels: str) -> dict[str, Any]:
    """A CRD as a chart's ``crds/`` has it."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": NAME, "labels": labels},
        "spec": {
            "group": "mq.example",
            "names": {"kind": "Queue", "plural": "queues"},
            "versions": [{"name": "v1", "served": True}, {"name": "v0", "served": False}],
        },
    }


@pytest.fixture
def held() -> Iterator[Cluster]:
    """A cluster that serves queues."""
    with cluster(QUEUE, spaces=["data"]) as one:
        yield one


@pytest.fixture
def objects(held: Cluster, tmp_path: Path) -> Iterator[Objects]:
    """Its objects."""
    with closing(api(kubeconfig(tmp_path / "config", server=held.url))) as asked:
        yield Objects(asked)


def labels(held: Cluster) -> dict[str, str]:
    """Of the definition that is there."""
    return dict(held.get("CustomResourceDefinition", "", NAME)["metadata"].get("labels") or {})


def test_a_definition_that_is_made_now_is_ours(held: Cluster, objects: Objects) -> None:
    objects.define(definition(app="mq"), LABELS)

    assert labels(held) == {"app": "mq", **LABELS}


def test_a_definition_that_was_there_is_changed_and_not_ours(held: Cluster, objects: Objects) -> None:
    held.put("CustomResourceDefinition", "", NAME, labels={"theirs": "yes"}, spec={})

    objects.define(definition(app="mq"), LABELS)

    assert labels(held) == {"theirs": "yes", "app": "mq"}
    assert held.get("CustomResourceDefinition", "", NAME)["spec"]["group"] == "mq.example"


def test_a_definition_of_another_target_stays_that_ones(held: Cluster, objects: Objects) -> None:
    held.put("CustomResourceDefinition", "", NAME, labels={"gonogo/target": "other"}, spec={})

    objects.define(definition(), LABELS)

    assert labels(held) == {"gonogo/target": "other"}


@pytest.mark.parametrize("refused", ["get customresourcedefinitions.apiextensions.k8s.io", "patch"])
def test_where_definitions_may_not_be_changed_what_is_served_is_used(
    held: Cluster, objects: Objects, refused: str
) -> None:
    held.put("CustomResourceDefinition", "", NAME, labels={"theirs": "yes"}, spec={})
    held.refused = {refused if " " in refused else f"{refused} customresourcedefinitions.apiextensions.k8s.io"}

    objects.define(definition(), LABELS)

    assert labels(held) == {"theirs": "yes"}


def test_where_they_may_not_be_changed_and_nothing_is_served_it_is_told(held: Cluster, objects: Objects) -> None:
    held.kinds.remove(QUEUE)
    held.refused = {"patch customresourcedefinitions.apiextensions.k8s.io"}

    with pytest.raises(Forbidden):
        objects.define(definition(), LABELS)


def test_a_namespace_that_is_there_is_not_labelled(held: Cluster, objects: Objects) -> None:
    objects.namespace("data", LABELS)
    objects.namespace("new", LABELS)

    assert "labels" not in held.get("Namespace", "", "data")["metadata"]
    assert held.get("Namespace", "", "new")["metadata"]["labels"] == LABELS


def test_a_mark_changes_labels_alone_and_one_that_is_gone_is_no_fault(held: Cluster, objects: Objects) -> None:
    held.put("PersistentVolumeClaim", "data", "disk", labels={"app": "store"}, spec={"volumeName": "pv-1"})

    objects.mark(KINDS["PersistentVolumeClaim"], "data", "disk", {"gonogo/target": "t"})
    objects.mark(KINDS["PersistentVolumeClaim"], "data", "gone", {"gonogo/target": "t"})

    disk = held.get("PersistentVolumeClaim", "data", "disk")
    assert disk["metadata"]["labels"] == {"app": "store", "gonogo/target": "t"}
    assert disk["spec"] == {"volumeName": "pv-1"}


def test_what_does_not_end_is_named_with_its_finalizers(held: Cluster, objects: Objects) -> None:
    held.put("ConfigMap", "data", "held", finalizers=["example/hold"])

    assert objects.remove(KINDS["ConfigMap"], "data", "held")
    assert not objects.remove(KINDS["ConfigMap"], "data", "nobody")

    with pytest.raises(NotReady, match=r"the end of ConfigMap data/held.*example/hold"):
        objects.gone(KINDS["ConfigMap"], "data", "held", 0.3)


def test_another_one_of_its_name_does_not_keep_it(held: Cluster, objects: Objects) -> None:
    uid = held.put("ConfigMap", "data", "held")["metadata"]["uid"]
    held.remove("ConfigMap", "data", "held")
    held.put("ConfigMap", "data", "held")

    objects.gone(KINDS["ConfigMap"], "data", "held", 0.3, uid)

    with pytest.raises(NotReady):
        objects.gone(KINDS["ConfigMap"], "data", "held", 0.3)


# -- what 403 means


def pod(kind: str = "Pod", api_version: str = "v1") -> dict[str, Any]:
    """An object of ours."""
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "one"}}


@pytest.mark.parametrize("verb", ["patch", "create"])
def test_a_right_that_applying_needs_is_named(verb: str, held: Cluster, objects: Objects) -> None:
    held.refused = {f"{verb} pods"}
    held.unadmitted = {"patch pods": "pods is forbidden"}  # the API server says the same of both

    with pytest.raises(Forbidden, match=f'may not {verb} pods .*in namespace "data"'):
        objects.apply(pod(), "data", {})


def test_what_we_may_and_is_not_admitted_is_no_matter_of_rights(held: Cluster, objects: Objects) -> None:
    held.unadmitted = {"patch pods": 'pods "one" is forbidden: exceeded quota: few'}

    with pytest.raises(Declined, match="exceeded quota: few") as raised:
        objects.apply(pod(), "data", {})

    assert (raised.value.status, raised.value.outcome) == (403, Outcome.FAILED)


def test_who_cannot_grant_what_he_lacks_lacks_a_right(held: Cluster, objects: Objects) -> None:
    held.unadmitted = {"patch roles.rbac.authorization.k8s.io": "is attempting to grant permissions not currently held"}

    with pytest.raises(Forbidden, match="attempting to grant"):
        objects.apply(pod("Role", "rbac.authorization.k8s.io/v1"), "data", {})


def test_the_first_right_that_is_missing_is_named(held: Cluster, objects: Objects) -> None:
    wanted = [(KINDS["Pod"], "data"), (KINDS["StatefulSet"], "data"), (KINDS["Service"], "data")]
    objects.permitted(wanted, "get", "create")
    held.refused = {"create statefulsets.apps", "create services"}

    with pytest.raises(Forbidden, match=r'may not create statefulsets\.apps in namespace "data"'):
        objects.permitted(wanted, "get", "create")
