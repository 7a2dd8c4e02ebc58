"""Whether a namespace is in a mesh, as Istio documents it; and that all three who ask it hear the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pytest

from fixtures.istio import Namespace
from fixtures.look import Meta
from gonogo.catalog.rules import KnownRules, PlanRule
from gonogo.cluster.mesh import injects
from gonogo.cluster.preflight.planned import injection
from gonogo.cluster.written.findings import findings
from gonogo.cluster.written.plans import PlannedThing, Written, completed, told

CASES = [
    ({}, False),
    ({"istio-injection": "enabled"}, True),
    ({"istio-injection": "disabled"}, False),
    ({"istio.io/rev": "1-29"}, True),
    ({"istio.io/rev": "default"}, True),
    ({"istio.io/rev": ""}, False),
    ({"istio-injection": "disabled", "istio.io/rev": "1-29"}, False),
    ({"istio-injection": "enabled", "istio.io/rev": "1-29"}, True),
    ({"istio-injection": "Enabled"}, False),
    ({"istio-injection": "", "istio.io/rev": "1-29"}, False),
    ({"istio.io/dataplane-mode": "ambient"}, False),
    ({"linkerd.io/inject": "enabled"}, False),  # Linkerd reads an annotation of that name
]


@pytest.mark.parametrize(("labels", "meshed"), CASES, ids=str)
def test_a_namespace_is_in_the_mesh_as_istio_documents_it(labels: Mapping[str, str], meshed: bool) -> None:
    assert injects(labels) is meshed
    assert Namespace(Meta("data", labels=dict(labels))).injects is meshed
    assert of_the_checklist(labels) is meshed
    assert of_a_plan(Written(namespaces={"data": labels}, things=(CLUSTER,))) is meshed


@pytest.mark.parametrize(
    ("commands", "meshed"),
    [
        (["kubectl label namespace data istio.io/rev=1-29"], True),
        (["kubectl label namespace data istio-injection=enabled", "kubectl label ns data istio-injection-"], False),
        (["kubectl label ns data istio-injection=disabled istio.io/rev=stable"], False),
    ],
)
def test_commands_of_a_plan_put_a_namespace_into_the_mesh_and_take_it_out(commands: list[str], meshed: bool) -> None:
    plan = completed(Written(commands=tuple(map(told, commands)), things=(CLUSTER,)))

    assert of_a_plan(plan) is meshed


CLUSTER = PlannedThing(
    "a.yaml", {"apiVersion": "example.org/v1", "kind": "Store", "metadata": {"name": "store", "namespace": "data"}}
)

RULES = KnownRules(
    rules={
        "store.meshed": PlanRule(
            kind="Store.example.org", injected=True, says="s", right="r", source="here", date=date(2026, 12, 1)
        )
    }
)


def of_a_plan(plan: Written) -> bool:
    return any(one.rule == "store.meshed" for one in findings(plan, RULES, "2026-12-01"))


def of_the_checklist(labels: Mapping[str, str]) -> bool:
    service = {"metadata": {"name": "fe"}, "spec": {"ports": [{"port": 9030, "name": "query"}]}}
    return bool(injection([], [("data", service)], {"data": labels}).faults)
