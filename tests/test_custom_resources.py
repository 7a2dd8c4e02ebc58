"""Custom resources and who looks after them: what only the objects around one can tell."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from gonogo.cluster.judge import Row, World, custom, judge, statuses

NOW = datetime.fromisoformat("2026-11-25T10:00:00Z")
KAFKA: dict[str, Any] = {
    "apiVersion": "kafka.strimzi.io/v1",
    "kind": "Kafka",
    "metadata": {"name": "events", "namespace": "data", "generation": 2, "creationTimestamp": "2026-11-25T09:00:00Z"},
    "spec": {},
}
READY = {"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "True"}]}
KNOWN = ("Deployment", "StatefulSet")


def operator(ready: int, name: str = "strimzi-cluster-operator") -> dict[str, Any]:
    """The operator's Deployment with so many ready pods."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "strimzi", "creationTimestamp": "2026-11-25T08:00:00Z"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"name": name}}},
        "status": {"replicas": 1, "readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": 1},
    }


def definition(group: str, kind: str) -> dict[str, Any]:
    """A definition of a kind, in use."""
    names = {"kind": kind, "plural": f"{kind.lower()}s"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names['plural']}.{group}", "creationTimestamp": "2026-11-25T08:00:00Z"},
        "spec": {"group": group, "names": names, "scope": "Namespaced", "versions": [{"name": "v1", "served": True}]},
        "status": {"acceptedNames": names, "conditions": [{"type": "Established", "status": "True"}]},
    }


def said(*objects: dict[str, Any], complete: tuple[str, ...] = ()) -> Row:
    """What is said of the first of these objects."""
    rows = judge(World.of(objects, now=NOW, complete=complete))
    return next(row for row in rows if row.kind == objects[0]["kind"])


def test_an_operator_without_a_ready_pod_is_the_cause() -> None:
    row = said(KAFKA, operator(0))

    assert (row.state.value, row.reason) == ("failed", "OperatorSilent")
    assert row.cause == "Deployment strimzi/strimzi-cluster-operator"
    assert "has no ready pod" in row.message


def test_an_operator_that_runs_and_says_nothing_is_silent() -> None:
    row = said(KAFKA, operator(1), complete=KNOWN)

    assert (row.state.value, row.reason, row.cause) == ("failed", "OperatorSilent", "")
    runs = "its operator, Deployment strimzi/strimzi-cluster-operator, runs and has not touched it"
    assert row.message == f"{runs}; does it watch namespace data?"


@pytest.mark.parametrize(
    ("container", "said"),
    [
        (
            {"env": [{"name": "STRIMZI_NAMESPACE", "value": "shop, mail"}]},
            "watches mail, shop alone (STRIMZI_NAMESPACE)",
        ),
        ({"env": [{"name": "WATCH_NAMESPACE", "value": "shop"}]}, "watches shop alone (WATCH_NAMESPACE)"),
        ({"args": ["--leader-elect", "--watch-namespace", "shop"]}, "watches shop alone (--watch-namespace)"),
        ({"command": ["manager", "--namespaces=shop"]}, "watches shop alone (--namespaces)"),
        ({"env": [{"name": "WATCH_NAMESPACE", "value": "shop,data"}]}, "does it watch namespace data?"),
        ({"env": [{"name": "WATCH_NAMESPACE", "value": "*"}]}, "does it watch namespace data?"),
        ({"env": [{"name": "POD_NAMESPACE", "value": "shop"}]}, "does it watch namespace data?"),
        ({"args": ["--watch-namespace"]}, "does it watch namespace data?"),
    ],
)
def test_an_operator_that_watches_other_namespaces_is_told_by_its_own_settings(
    container: dict[str, Any], said: str
) -> None:
    one = operator(1)
    one["spec"]["template"] = {"spec": {"containers": [{"name": "operator", **container}]}}

    rows = judge(World.of([KAFKA, one], now=NOW, complete=KNOWN))

    assert said in rows[0].message


def test_one_of_two_operators_that_watches_its_namespace_is_enough() -> None:
    other = operator(1, "other-strimzi-cluster-operator")
    other["spec"]["template"] = {"spec": {"containers": [{"env": [{"name": "WATCH_NAMESPACE", "value": "shop"}]}]}}

    row = said(KAFKA, other, operator(1), complete=KNOWN)

    assert "alone" not in row.message


def test_who_looks_after_a_kind_without_a_table_may_be_told() -> None:
    thing = {**KAFKA, "apiVersion": "mq.example/v1", "kind": "Queue"}

    found = custom.absent_operator(World.of([thing, operator(0, "mq-operator")], now=NOW), thing, ("mq-operator",))
    unknown = custom.absent_operator(World.of([thing], now=NOW), thing)

    assert found is not None
    assert (found.state.value, found.reason) == ("failed", "OperatorSilent")
    assert "Deployment strimzi/mq-operator, has no ready pod" in found.message
    assert unknown is None


def test_where_all_workloads_are_known_a_missing_operator_is_a_fact() -> None:
    row = said(KAFKA, operator(1, "another"), complete=KNOWN)

    assert "nothing runs here by the name strimzi-cluster-operator" in row.message


def test_one_of_two_operators_is_enough() -> None:
    row = said(KAFKA, operator(0, "old-strimzi-cluster-operator"), operator(1))

    assert row.cause == ""


def test_a_dead_operator_leaves_what_it_has_seen_as_it_is() -> None:
    assert said({**KAFKA, "status": READY}, operator(0)).state.value == "ready"


def test_a_dead_operator_is_why_a_change_is_not_seen() -> None:
    row = said({**KAFKA, "status": {**READY, "observedGeneration": 1}}, operator(0))

    assert (row.state.value, row.reason) == ("progressing", "OperatorSilent")
    assert row.cause == "Deployment strimzi/strimzi-cluster-operator"


@pytest.mark.parametrize("status", [{}, {"status": READY}])
def test_a_kind_that_the_cluster_does_not_know(status: dict[str, Any]) -> None:
    row = said({**KAFKA, **status}, definition("example.com", "Kafka"), complete=("CustomResourceDefinition",))

    assert (row.state.value, row.reason) == ("failed", "DefinitionMissing")


@pytest.mark.parametrize(
    ("definitions", "complete"),
    [
        ([definition("kafka.strimzi.io", "Kafka")], ("CustomResourceDefinition",)),
        ([definition("example.com", "Kafka")], ()),
    ],
)
def test_a_kind_that_it_knows_or_may_know(definitions: list[dict[str, Any]], complete: tuple[str, ...]) -> None:
    assert said({**KAFKA, "status": READY}, *definitions, complete=complete).state.value == "ready"


def test_an_aggregated_api_has_no_definition_and_is_not_missing() -> None:
    metrics = {
        "apiVersion": "metrics.k8s.io/v1beta1",
        "kind": "PodMetrics",
        "metadata": {"name": "x", "namespace": "y"},
    }

    row = said({**metrics, "status": {"phase": "Ready"}}, complete=("CustomResourceDefinition",))

    assert row.state.value == "ready"


def test_owners_in_a_circle_end() -> None:
    def owned(name: str, owner: str) -> dict[str, Any]:
        reference = {"apiVersion": "example.com/v1", "kind": "Thing", "name": owner, "uid": owner, "controller": True}
        meta = {**KAFKA["metadata"], "name": name, "uid": name, "ownerReferences": [reference]}
        return {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": meta, "status": {"phase": "Pending"}}

    rows = judge(World.of([owned("a", "b"), owned("b", "a"), owned("c", "c")], now=NOW))

    assert [row.state.value for row in rows] == ["progressing"] * 3


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("TrialFailed. Job reason: BackoffLimitExceeded", "TrialFailed"),
        ("Cluster in healthy state", "ClusterInHealthyState"),
        ("haveMemberFailed", "HaveMemberFailed"),
        ("", ""),
    ],
)
def test_a_reason_is_one_word(said: str, word: str) -> None:
    assert statuses.word(said) == word


def complaint(about: dict[str, Any], reason: str, kind: str = "Warning", first: str = "09:00:30") -> dict[str, Any]:
    """An event of an operator about an object of its own."""
    involved = {"apiVersion": about["apiVersion"], "kind": about["kind"], "namespace": "data", "name": "events"}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"events.{reason}", "namespace": "data", "creationTimestamp": f"2026-11-25T{first}Z"},
        "involvedObject": involved,
        "type": kind,
        "reason": reason,
        "message": "no listeners",
        "firstTimestamp": f"2026-11-25T{first}Z",
        "lastTimestamp": "2026-11-25T09:59:50Z",
    }


WAITS = {"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "Unknown", "reason": "Creating"}]}


def test_an_operator_that_complains_of_an_object_has_seen_it() -> None:
    row = said(KAFKA, operator(1), complaint(KAFKA, "InvalidSpec"), complete=(*KNOWN, "Event"))

    assert (row.state.value, row.reason, row.cause) == ("failed", "OperatorRefuses", "")
    assert row.message == "InvalidSpec: no listeners"
    assert "correct what is named" in row.hint


def test_a_complaint_is_given_its_time() -> None:
    row = said(KAFKA, operator(1), complaint(KAFKA, "InvalidSpec", first="09:59:40"), complete=KNOWN)

    assert (row.state.value, row.reason) == ("progressing", "OperatorRefuses")


def test_an_operator_that_is_down_is_told_before_what_it_once_said() -> None:
    row = said(KAFKA, operator(0), complaint(KAFKA, "InvalidSpec"))

    assert (row.reason, row.cause) == ("OperatorSilent", "Deployment strimzi/strimzi-cluster-operator")


def test_what_an_operator_waits_for_is_told_until_it_has_begun() -> None:
    waiting, child = {**KAFKA, "metadata": {**KAFKA["metadata"], "uid": "k"}, "status": WAITS}, operator(1, "events")
    child["metadata"] |= {"ownerReferences": [{"kind": "Kafka", "name": "events", "uid": "k", "controller": True}]}

    row = said(waiting, complaint(KAFKA, "SecretNotFound"))
    begun = said(waiting, complaint(KAFKA, "SecretNotFound"), child)

    assert (row.state.value, row.reason) == ("failed", "OperatorWaits")
    assert row.message == "SecretNotFound: no listeners"
    assert (begun.state.value, begun.reason) == ("progressing", "Progressing")


@pytest.mark.parametrize(("status", "kind"), [(READY, "Warning"), (WAITS, "Normal")])
def test_no_complaint_is_made_of_what_is_ready_or_of_news(status: dict[str, Any], kind: str) -> None:
    row = said({**KAFKA, "status": status}, complaint(KAFKA, "SecretNotFound", kind))

    assert row.reason not in ("OperatorWaits", "OperatorRefuses")
    assert row.state.value != "failed"


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ({"phase": "Invalid"}, "phase Invalid, health unknown, 0 of 0 nodes: Validation: no listeners"),
        ({"phase": "Invalid", "health": "no listeners"}, "phase Invalid, health no listeners, 0 of 0 nodes"),
    ],
)
def test_what_failed_is_told_in_its_operators_words_where_its_status_lacks_them(
    status: dict[str, Any], message: str
) -> None:
    elastic = {**KAFKA, "apiVersion": "elasticsearch.k8s.elastic.co/v1", "kind": "Elasticsearch", "status": status}

    row = said(elastic, complaint(elastic, "Validation"))

    assert (row.state.value, row.reason, row.message) == ("failed", "Invalid", message)
