"""Planned workloads beside what is there: how many, and why they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from api_server import Cluster, cluster
from kubeconfigs import kubeconfig

from fixtures.health import Health
from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Kubernetes
from gonogo.core.endpoints import Endpoints, Timeouts
from gonogo.core.errors import ClientError, Forbidden
from gonogo.providers.existing.access import ClusterAccess

COMPONENT = Registry.load(Path(__file__).parent.parent).components["health"]
WORKLOADS = [
    {"kind": "StatefulSet", "name": "data/kafka", "pods": 3},
    {"kind": "Deployment", "name": "data/web"},
]


@pytest.fixture
def held() -> Iterator[Cluster]:
    """A cluster with both workloads."""
    with cluster(spaces=["data"]) as held:
        held.put("StatefulSet", "data", "kafka", spec={"replicas": 3}, status={"replicas": 3, "readyReplicas": 3})
        held.put("Deployment", "data", "web", spec={"replicas": 1}, status={"replicas": 1, "readyReplicas": 1})
        yield held


@pytest.fixture
def ask(held: Cluster, tmp_path: Path) -> Iterator[Callable[..., Health]]:
    """A client of that cluster."""
    config = kubeconfig(tmp_path / "config", server=held.url)
    timeouts = Timeouts(connect=5, check=5)
    access = ClusterAccess(Kubernetes(kubeconfig=str(config)), timeouts)

    def asked(**expect: Any) -> Health:
        told = {**COMPONENT.expect, "workloads": WORKLOADS, **expect}
        return Health(Endpoints("health", {}, expect=told, timeouts=timeouts, cluster=access))

    with closing(access):
        yield asked


def test_what_is_there_as_planned_has_no_difference(ask: Callable[..., Health]) -> None:
    assert str(ask(planned=4).planned()) == "4 planned, 4 ready"


def test_a_workload_that_is_missing_and_one_that_is_short_are_told_with_why(
    held: Cluster, ask: Callable[..., Health]
) -> None:
    held.remove("Deployment", "data", "web")
    held.put("StatefulSet", "data", "kafka", spec={"replicas": 0}, status={"replicas": 0})

    seen = ask().planned()

    assert (seen.planned, seen.ready) == (4, 0)
    kafka, web = seen.differences
    assert kafka.startswith("StatefulSet data/kafka has 0 of 3 pods ready (")
    assert web == "Deployment data/web is not there (1 pods)"


def test_planned_pods_that_no_workload_is_named_for_are_a_difference(ask: Callable[..., Health]) -> None:
    seen = ask(planned=27).planned()

    assert (seen.planned, seen.ready) == (27, 4)
    assert seen.differences == ("23 planned pods are of no workload that the target file names",)


def test_what_cannot_be_told_is_no_pass(held: Cluster, ask: Callable[..., Health]) -> None:
    with pytest.raises(ClientError, match="names no expected workloads"):
        ask(workloads=[]).planned()

    held.refused.add("list statefulsets.apps")
    with pytest.raises(Forbidden):
        ask().planned()
