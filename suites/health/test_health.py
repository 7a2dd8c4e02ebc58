"""What the cluster says of the platform's pods, workloads, claims and nodes."""

from __future__ import annotations

import pytest

from fixtures.health import Health
from gonogo import at_least, each, expect, nothing, something


@pytest.mark.criterion("health.answers")
@pytest.mark.needs("kubernetes")
def test_the_cluster_answers(health: Health) -> None:
    """The cluster answers, and shows the platform's pods, their owners and their Warning events."""
    expect(health.answers(), something(), cause="health.answer_garbled")


@pytest.mark.criterion("health.pods")
@pytest.mark.needs("kubernetes")
def test_enough_pods_are_healthy(health: Health) -> None:
    """The expected share of the platform's pods is healthy, strictly counted."""
    seen = health.pods()

    expect(seen.strict, at_least(health.expect["health"], "%"), cause="health.pods_unhealthy", message=str(seen))


@pytest.mark.criterion("health.workloads")
@pytest.mark.needs("kubernetes")
def test_every_workload_has_its_desired_pods(health: Health) -> None:
    """Whatever owns pods has as many ready ones as desired: workloads, and what operators own pods by."""
    expect(health.short(), nothing(), cause="health.workload_short", message="short of pods")


@pytest.mark.criterion("health.expected")
@pytest.mark.needs("kubernetes")
def test_every_planned_workload_is_there(health: Health) -> None:
    """Every workload that the platform plans is there, with as many ready pods as planned."""
    seen = health.planned()

    expect(seen.differences, nothing(), cause="health.workload_missing", message=str(seen))


@pytest.mark.criterion("health.claims")
@pytest.mark.needs("kubernetes")
def test_every_claim_is_bound(health: Health) -> None:
    """Every claim of the platform is bound to a volume."""
    expect(health.unbound(), nothing(), cause="health.claim_unbound", message="without a volume")


@pytest.mark.criterion("health.nodes")
@pytest.mark.needs("kubernetes")
def test_the_nodes_are_fit(health: Health) -> None:
    """As many nodes as expected are ready, and none is short of memory, disk or process numbers."""
    seen = health.nodes()

    expect(seen, each("ready"), cause="health.node_unfit")
    expect(len(seen), at_least(health.expect["nodes"], "nodes"), cause="health.node_unfit")
