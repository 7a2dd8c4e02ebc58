"""What the cluster says of the platform's pods, workloads, claims and nodes."""

from __future__ import annotations

import pytest

from fixtures.health import Health
from gonogo import saw, wrong


@pytest.mark.criterion("health.answers")
@pytest.mark.needs("kubernetes")
def test_the_cluster_answers(health: Health) -> None:
    """The cluster answers, and shows the platform's pods, their owners and their Warning events."""
    seen = health.answers()

    saw(seen, expected="an answer to each list")


@pytest.mark.criterion("health.pods")
@pytest.mark.needs("kubernetes")
def test_enough_pods_are_healthy(health: Health) -> None:
    """The expected share of the platform's pods is healthy, strictly counted."""
    seen = health.pods()

    saw(str(seen), expected=f"{health.expect['health']} % or more")
    assert seen.strict >= health.expect["health"], wrong("health.pods_unhealthy")


@pytest.mark.criterion("health.workloads")
@pytest.mark.needs("kubernetes")
def test_every_workload_has_the_pods_it_wishes(health: Health) -> None:
    """Every Deployment, StatefulSet and DaemonSet has as many ready pods as it wishes, and wishes at least one."""
    seen = health.short()

    saw("; ".join(seen) or "all have", expected="no workload short of pods")
    assert seen == [], wrong("health.workload_short")


@pytest.mark.criterion("health.expected")
@pytest.mark.needs("kubernetes")
def test_every_planned_workload_is_there(health: Health) -> None:
    """Every workload that the platform plans is there, with as many ready pods as planned."""
    seen = health.planned()

    saw(str(seen), expected=f"{seen.planned} pods")
    assert seen.differences == (), wrong("health.workload_missing")


@pytest.mark.criterion("health.claims")
@pytest.mark.needs("kubernetes")
def test_every_claim_is_bound(health: Health) -> None:
    """Every claim of the platform is bound to a volume."""
    seen = health.unbound()

    saw("; ".join(seen) or "all are bound", expected="no claim without a volume")
    assert seen == [], wrong("health.claim_unbound")


@pytest.mark.criterion("health.nodes")
@pytest.mark.needs("kubernetes")
def test_the_nodes_are_fit(health: Health) -> None:
    """As many nodes as expected are ready, and none is short of memory, disk or process numbers."""
    seen = health.nodes()

    saw(seen, expected=f"{health.expect['nodes']} or more, each ready")
    assert set(seen.values()) <= {"ready"}, wrong("health.node_unfit")
    assert len(seen) >= health.expect["nodes"], wrong("health.node_unfit")
