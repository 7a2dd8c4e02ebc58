"""How soon it is said of what will not come up that and why, next to the tool that waits for it."""

from __future__ import annotations

import statistics
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from benchmarks.children import run
from benchmarks.cluster import fresh, kubeconfig, program
from benchmarks.table import BenchmarkError, Row

if TYPE_CHECKING:
    from cluster.live import Cluster
    from cluster.recording import Record

ROWS: Mapping[str, str] = {
    "doom": "from the fact at the API server until what is broken was named with its cause, worst of 25 or more kinds",
}
LONG = True

PATIENCE = 60
"""Seconds that `kubectl rollout status` is given; without a limit it waits for the Deployment's own, 600 s."""


MISSING = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "app", "image": "shop/absent:1.0"}]},
        },
    },
}


def measure() -> Generator[Row]:
    """The broken deployments of ``tests/cluster/broken`` that have a fact, all at once."""
    from cluster.cases import cases
    from cluster.live import Cluster
    from cluster.recording import record

    cluster = Cluster(kubeconfig())
    chosen = [case for case in cases("broken") if "fact" in case.said]
    kubectl = program("kubectl")
    with ThreadPoolExecutor(1) as pool:
        peer = pool.submit(_waited, kubectl, cluster)
        records = record(cluster, chosen)
        waited = peer.result()
    named = {name: one.named - one.fact for name, one in records.items() if one.named and one.fact}
    missed = sorted(records.keys() - named.keys())
    if not named:
        raise BenchmarkError("nothing was named at all")
    ordered = sorted(named, key=lambda name: named[name])
    yield Row(
        "doom",
        # a watch of ours may be ahead of the one that the fact is read by
        figure=max(0.0, named[ordered[-1]]),
        reach=5.0,
        beside={
            f"the slowest, {ordered[-1]}": named[ordered[-1]],
            f"median of {len(named)}": statistics.median(named.values()),
            "from making the object until it was named, median": statistics.median(_lasted(records)),
            f"kubectl rollout status --timeout={PATIENCE}s of a missing image": waited,
        },
        fault=f"never named: {', '.join(missed)}" if missed else "" if len(named) >= 25 else f"only {len(named)} kinds",
    )


def _lasted(records: Mapping[str, Record]) -> list[float]:
    return [one.named - one.begun for one in records.values() if one.named]


def _waited(kubectl: str, cluster: Cluster) -> float:
    """Seconds until the tool that scripts wait with says that it did not come up: whenever its patience ends."""
    with cluster.namespace(fresh("rollout")) as namespace:
        cluster.apply(MISSING, namespace)
        asked = ("rollout", "status", "deployment/web", "-n", namespace, f"--timeout={PATIENCE}s")
        return run(kubectl, *asked, good=(1,)).seconds
