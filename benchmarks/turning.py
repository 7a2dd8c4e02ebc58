"""How soon what stands on a cluster is seen to be ready, next to the tools that wait for it."""

from __future__ import annotations

import json
import os
import random
import re
import statistics
import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchmarks.children import GONOGO, run
from benchmarks.cluster import Lines, fresh, kubeconfig, program, scratch
from benchmarks.content import written
from benchmarks.table import BenchmarkError, Row
from gonogo.cluster.api import KINDS
from gonogo.core.waiting import pause

if TYPE_CHECKING:
    from cluster.live import Cluster

ROWS: Mapping[str, str] = {
    "helm-ready": "from a pod's readiness, told to the API server, until `gonogo up` says that it is ready, p99 of 120",
}
LONG = True

AT_ONCE, TIMES = 20, 6
"""Components of one ``up``, and how many of them: a component turns ready once."""

WAITS = 10
"""A program for each pod, so fewer of them."""

APART = 0.3
"""Seconds between two pods that turn ready."""

HELM4 = "GONOGO_TEST_HELM4"
"""Names a helm 4, which waits by watches; without it that peer is left out."""

READY = {
    "phase": "Running",
    "conditions": [{"type": kind, "status": "True"} for kind in ("PodScheduled", "Initialized", "ContainersReady")]
    + [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
    "containerStatuses": [
        {
            "name": "app",
            "ready": True,
            "started": True,
            "restartCount": 0,
            "image": "none",
            "imageID": "none",
            "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
        }
    ],
}

FIXTURE = """
    class {title}:
        \"\"\"Answers always: what is waited for is the pod.\"\"\"

        def __init__(self, endpoints):
            self.endpoints = endpoints

        def answers(self):
            return "yes"

        def version(self):
            return "1"

        def identity(self):
            return None

        def close(self):
            pass

        def leftovers(self):
            return []

        def remove(self, kind, name):
            pass
"""


def measure() -> Generator[Row]:
    """Pods on a node without machine: nobody has a hand in their status but who measures."""
    kubectl, helm = program("kubectl"), program("helm")
    with scratch("ready") as (cluster, namespace):
        node = namespace
        cluster.apply(_node(node), namespace)
        ours = [seconds for _ in range(TIMES) for seconds in _seen(cluster, node)]
        waited = [_waited(cluster, namespace, node, kubectl) for _ in range(WAITS)]
        installed = [_installed(cluster, namespace, node, helm) for _ in range(WAITS // 2)]
        helm4 = os.environ.get(HELM4, "")
        watched = [_installed(cluster, namespace, node, helm4) for _ in range(WAITS)] if helm4 else []
    beside = {
        "median of ours": statistics.median(ours),
        "worst of ours": max(ours),
        f"kubectl wait, worst of {WAITS}": max(waited),
        "kubectl wait, median": statistics.median(waited),
        f"helm install --wait, worst of {len(installed)}": max(installed),
        "helm install --wait, median": statistics.median(installed),
    }
    if watched:
        beside |= {
            f"helm 4 install --wait=watcher, worst of {WAITS}": max(watched),
            "helm 4 install --wait=watcher, median": statistics.median(watched),
        }
    yield Row("helm-ready", figure=sorted(ours)[-(len(ours) // 100) - 1], reach=0.1, beside=beside)


def _node(name: str) -> dict[str, Any]:
    labels = {"gonogo-benchmark": "node"}
    spec = {"taints": [{"key": "gonogo-benchmark", "effect": "NoSchedule"}]}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "spec": spec}


def _pod(name: str, node: str) -> dict[str, Any]:
    spec = {
        "nodeName": node,
        "terminationGracePeriodSeconds": 0,
        "tolerations": [{"operator": "Exists"}],
        "containers": [{"name": "app", "image": "none"}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def _turn(cluster: Cluster, namespace: str, name: str) -> float:
    """Make a pod ready; the instant at which that was sent."""
    path = KINDS["Pod"].path(namespace, name, "status")
    begun = time.monotonic()
    cluster.told("PATCH", path, {"status": READY}, kind="application/merge-patch+json")
    return begun


def _seen(cluster: Cluster, node: str) -> list[float]:
    """Seconds until each of the components was said to be ready by one ``gonogo up``."""
    namespace = fresh("up")
    names = [f"c{number:02}" for number in range(AT_ONCE)]
    uid = (cluster.find("Namespace", "kube-system") or {})["metadata"]["uid"]
    files = {
        "reports/criteria.toml": "".join(
            f'[{name}.answers]\nlevel = "critical"\nclaim = "Component {name} answers"\n' for name in names
        ),
        "deploy/targets/bench.toml": f"""
            [target]
            name = "{namespace}"
            provider = "helm"
            capabilities = ["kubernetes"]
            [kubernetes]
            kubeconfig = {json.dumps(str(kubeconfig()))}
            identity = "{uid}"
            namespaces = ["{namespace}"]
        """,
    }
    for name in names:
        files[f"deploy/{name}/component.toml"] = f'title = "{name}"\n[endpoints]\nrequired = ["host"]\n'
        files[f"deploy/{name}/helm.toml"] = (
            f'namespace = "{namespace}"\nready = 120\n[[manifests]]\nfile = "pod.yaml"\n[endpoints]\nhost = "none"\n'
        )
        files[f"deploy/{name}/pod.yaml"] = json.dumps(_pod(name, node))
        files[f"fixtures/{name}.py"] = FIXTURE.format(title=name.title())
    with written(files) as root, ExitStack() as undone:
        undone.callback(run, *GONOGO, "down", "--yes", "--target", "bench", cwd=root)
        with closing(Lines(*GONOGO, "up", "--target", "bench", cwd=root)) as lines:
            waiting = dict.fromkeys(names, False)
            while not all(waiting.values()):
                lines.until(lambda line: _waits(line, waiting), within=60)
            begun, found = dict[str, float](), dict[str, float]()
            pause(1, reason="the components that were last look at their pod")
            for name in names:
                begun[name] = _turn(cluster, namespace, name)
                found[name] = lines.until(lambda line, it=name: bool(re.search(rf"\b{it} +ready", line)))
                pause(APART, reason="one after the other")
            lines.ended()
    return [found[name] - begun[name] for name in names]


def _waits(line: str, waiting: dict[str, bool]) -> bool:
    said = re.search(r"\b(c\d\d) +(\w+)", line)
    if said and said[2] in ("failed", "broken", "blocked"):
        raise BenchmarkError(f"`gonogo up` says: {line.strip()}")
    if said and said[2] == "waiting":
        waiting[said[1]] = True
    return bool(said)


def _waited(cluster: Cluster, namespace: str, node: str, kubectl: str) -> float:
    name = fresh("pod")
    cluster.apply(_pod(name, node), namespace)
    asked = (kubectl, "wait", "--for=condition=Ready", f"pod/{name}", "-n", namespace, "--timeout=30s", "-v=8")
    with closing(Lines(*asked)) as lines:
        # its log tells when the watch stands
        lines.until(lambda line: "watch=true" in line and "GET" in line)
        lines.until(lambda line: "Response Status: 200" in line or 'status="200 OK"' in line)
        begun = _turn(cluster, namespace, name)
        return lines.until(lambda line: "condition met" in line) - begun


def _installed(cluster: Cluster, namespace: str, node: str, helm: str) -> float:
    """Seconds until a helm that waits has ended; the pod turns ready at another moment of its interval each time."""
    name = fresh("pod")
    with TemporaryDirectory() as chart:
        Path(chart, "templates").mkdir()
        Path(chart, "Chart.yaml").write_text("apiVersion: v2\nname: pod\nversion: 0.1.0\n")
        Path(chart, "templates", "pod.yaml").write_text(json.dumps(_pod(name, node)))
        asked = (helm, "install", name, chart, "-n", namespace, "--wait", "--timeout=60s")
        with closing(Lines(*asked)) as lines:
            cluster.wait("Pod", "metadata.uid", name=name, namespace=namespace, within=30)
            pause(random.uniform(2, 4), reason="its interval is 2 s")
            begun = _turn(cluster, namespace, name)
            took = lines.ended(60) - begun
        subprocess.run((helm, "uninstall", name, "-n", namespace), check=False, capture_output=True)
        return took
