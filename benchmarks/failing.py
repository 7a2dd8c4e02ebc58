"""How soon ``gonogo up`` says of a chart that will not come up that and why, next to the tool that waits for it."""

from __future__ import annotations

import re
import statistics
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.children import GONOGO, run
from benchmarks.cluster import Lines, fresh, kubeconfig, program
from benchmarks.table import BenchmarkError, Row

if TYPE_CHECKING:
    from cluster.live import Cluster, Facts

ROWS: Mapping[str, str] = {
    "helm-doom": "from the fact at the API server until `gonogo up` named what is doomed, worst of ten charts",
}
LONG = True

PATIENCE = 60
"""Seconds that the peer is given; by itself it waits for 300."""

AT_ONCE = 2
"""Processes side by side: more are a measurement of the machine."""

UNPULLED = "(status.containerStatuses || `[]`)[?state.waiting.reason=='{}'] | [0]"
UNMADE = "status.conditions[?type=='ReplicaFailure' && status=='True'] | [0]"
UNPLACED = "status.conditions[?type=='PodScheduled' && status=='False' && reason=='Unschedulable'] | [0]"

FACTS: Mapping[str, tuple[str, str]] = {
    "a hook fails": ("Pod", "status.phase=='Failed'"),
    "a hook's image is missing": ("Pod", UNPULLED.format("ErrImagePull")),
    "an image is missing": ("Pod", UNPULLED.format("ErrImagePull")),
    "an image of a subchart is missing": ("Pod", UNPULLED.format("ErrImagePull")),
    "a quota of pods": ("ReplicaSet", UNMADE),
    "a limit range": ("ReplicaSet", UNMADE),
    "a node that nobody has": ("Pod", UNPLACED),
    "a class that is not there": ("Pod", UNPLACED),
    "a Secret that is not there": ("Pod", UNPULLED.format("CreateContainerConfigError")),
    "a container that ends": ("Pod", UNPULLED.format("CrashLoopBackOff")),
}
"""When it can first be read that a case of ``tests/cluster/test_helm_broken.py`` is doomed: kind and JMESPath."""


def measure() -> Generator[Row]:
    """Each case is a target of its own, and an ``up`` of its own."""
    from cluster.live import Cluster, Facts

    cluster = Cluster(kubeconfig())
    facts = Facts(cluster)
    with ThreadPoolExecutor(AT_ONCE + 1) as pool, closing(facts):
        peer = pool.submit(_installed, cluster, program("helm"))
        asked = pool.map(partial(_named, cluster, facts), FACTS)
        took = dict(zip(FACTS, asked, strict=True))
        waited = peer.result()
    slowest = max(took, key=lambda name: took[name])
    yield Row(
        "helm-doom",
        figure=took[slowest],
        reach=5.0,
        beside={
            f"that is {slowest}": took[slowest],
            f"median of {len(took)}": statistics.median(took.values()),
            f"helm install --wait --timeout={PATIENCE}s of a missing image": waited,
        },
    )


def _named(cluster: Cluster, facts: Facts, name: str) -> float:
    """Seconds from the fact until it was said. Raises ``BenchmarkError`` where the cause is not said."""
    from cluster.test_helm_broken import CASES, written

    case = CASES[name]
    kind, when = FACTS[name]
    uid = (cluster.find("Namespace", "kube-system") or {})["metadata"]["uid"]
    with cluster.namespace(fresh("doomed")) as namespace, TemporaryDirectory() as folder:
        for one in cluster.objects(case.beside, namespace) if case.beside else ():
            cluster.apply(one, namespace)
        facts.expect(name, kind, when, namespace=namespace)
        target = written(Path(folder), case, namespace, kubeconfig(), uid)
        with closing(Lines(*GONOGO, "up", "postgresql", "--target", str(target))) as lines:
            said = lines.all(120)
        text = "".join(line for _, line in said)
        named = next((instant for instant, line in said if re.search(r"postgresql +failed", line)), None)
        if named is None or not all(word.lower() in text.lower() for word in case.says):
            raise BenchmarkError(f"{name} was not named:\n{text[-2000:]}")
        if name not in facts.seen:
            raise BenchmarkError(f"{name}: the fact was never seen")
    # a watch of ours may be ahead of the one that the fact is read by
    return max(0.0, named - facts.seen[name])


def _installed(cluster: Cluster, helm: str) -> float:
    """Seconds until helm says that it did not come up: whenever its patience ends."""
    from cluster.test_helm_broken import CASES, written

    with cluster.namespace(fresh("release")) as namespace, TemporaryDirectory() as folder:
        written(Path(folder), CASES["an image is missing"], namespace, kubeconfig(), "")
        chart = str(Path(folder, "postgresql", "chart"))
        asked = ("install", "app", chart, "-n", namespace, "--wait", f"--timeout={PATIENCE}s")
        return run(helm, *asked, good=(1,)).seconds
