"""How soon it is said of what will not come up that and why, next to the tool that waits for it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
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
"""Seconds that the peers are given; by themselves they wait for 600 (the Deployment's own) and 300 s."""


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
    peers = {
        f"kubectl rollout status --timeout={PATIENCE}s of a missing image": partial(_rolled_out, program("kubectl")),
        f"helm install --wait --timeout={PATIENCE}s of the same": partial(_installed, program("helm")),
    }
    with ThreadPoolExecutor(len(peers)) as pool:
        asked = {name: pool.submit(peer, cluster) for name, peer in peers.items()}
        records = record(cluster, chosen)
        waited = {name: peer.result() for name, peer in asked.items()}
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
            **waited,
        },
        fault=f"never named: {', '.join(missed)}" if missed else "" if len(named) >= 25 else f"only {len(named)} kinds",
    )


def _lasted(records: Mapping[str, Record]) -> list[float]:
    return [one.named - one.begun for one in records.values() if one.named]


def _rolled_out(kubectl: str, cluster: Cluster) -> float:
    """Seconds until the tool that scripts wait with says that it did not come up: whenever its patience ends."""
    with cluster.namespace(fresh("rollout")) as namespace:
        cluster.apply(MISSING, namespace)
        asked = ("rollout", "status", "deployment/web", "-n", namespace, f"--timeout={PATIENCE}s")
        return run(kubectl, *asked, good=(1,)).seconds


def _installed(helm: str, cluster: Cluster) -> float:
    """The same of the tool that deploys with."""
    with cluster.namespace(fresh("release")) as namespace, TemporaryDirectory() as chart:
        Path(chart, "templates").mkdir()
        Path(chart, "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 0.1.0\n")
        Path(chart, "templates", "web.yaml").write_text(json.dumps(MISSING))
        asked = ("install", "web", chart, "-n", namespace, "--wait", f"--timeout={PATIENCE}s")
        return run(helm, *asked, good=(1,)).seconds
