"""Ten thousand pods on five hundred nodes that kwok keeps up: real objects of a real API server, and no machines."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from benchmarks.cluster import fresh, kubeconfig, program
from benchmarks.table import BenchmarkError
from gonogo.catalog.target import Kubernetes
from gonogo.cluster.api import KINDS, Api
from gonogo.cluster.hub import Hub
from gonogo.core.errors import NotReady
from gonogo.core.waiting import until

NODES, SPACES, APPS, COPIES = 500, 20, 25, 20
"""500 nodes; 20 namespaces of 25 applications with 20 pods each."""

PODS = SPACES * APPS * COPIES

AT_ONCE = 16
"""Requests that make or remove objects."""

MARK = "kwok.x-k8s.io/node"
"""The annotation that kwok's own documentation gives to its nodes; the value is ours."""

STAGES = Path(__file__).with_name("kwok.yaml")

POD, NODE, NAMESPACE = KINDS["Pod"], KINDS["Node"], KINDS["Namespace"]


@contextmanager
def crowd() -> Iterator[None]:
    """The pods, running, for the time of the body; then they, their nodes and namespaces are removed.

    Raises ``BenchmarkError`` where kwok is neither in PATH nor named by ``GONOGO_TEST_KWOK``.
    """
    from cluster.live import Cluster

    argv = [program("kwok", "GONOGO_TEST_KWOK"), "--kubeconfig", str(kubeconfig()), "--manage-all-nodes=false"]
    cluster, mark = Cluster(kubeconfig()), fresh("crowd")
    argv += [f"--manage-nodes-with-annotation-selector={MARK}={mark}", f"--config={STAGES}"]
    argv += ["--node-lease-duration-seconds=40"]
    with TemporaryFile() as said, ThreadPoolExecutor(AT_ONCE) as pool:
        kwok = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
        try:
            _all(pool, cluster.told, (("POST", NODE.path(), node(mark, n)) for n in range(NODES)))
            spaces = [f"{mark}-{n}" for n in range(SPACES)]
            _all(pool, cluster.told, (("POST", NAMESPACE.path(), {"metadata": {"name": s}}) for s in spaces))
            # admission refuses pods until the namespace's own account is there
            accounts = [KINDS["ServiceAccount"].path(space, "default") for space in spaces]
            until(lambda: all(cluster.told("GET", path) for path in accounts), awaited="the accounts", within=60)
            pods = (("POST", POD.path(space), one) for n, space in enumerate(spaces) for one in pods_of(mark, n))
            _all(pool, cluster.told, pods)
            try:
                _run(mark, kwok)
            except NotReady as error:
                said.seek(0)
                tail = said.read().decode(errors="replace").strip().splitlines()[-5:]
                raise BenchmarkError("\n".join([str(error), "kwok says:", *tail])) from error
            yield
        finally:
            _remove(pool, cluster.told, mark)
            kwok.terminate()
            kwok.wait()


def node(mark: str, number: int) -> dict[str, Any]:
    """A node that no scheduler uses for anybody else's pods."""
    room = {"cpu": "64", "memory": "256Gi", "pods": "110"}
    return {
        "metadata": {"name": f"{mark}-{number}", "annotations": {MARK: mark}, "labels": {"gonogo-bench": mark}},
        "spec": {"taints": [{"key": MARK, "value": mark, "effect": "NoSchedule"}]},
        "status": {"allocatable": room, "capacity": room},
    }


def pods_of(mark: str, space: int) -> Iterator[dict[str, Any]]:
    """The pods of a namespace, each of about 7 kB, as real ones are: environment, probes, volumes."""
    for app in range(APPS):
        for copy in range(COPIES):
            number = app * COPIES + copy
            labels = {"app.kubernetes.io/name": f"app-{app}", "app.kubernetes.io/part-of": mark, "gonogo-bench": mark}
            yield {
                "metadata": {
                    "name": f"app-{app}-{number:05d}",
                    "labels": labels,
                    "annotations": {"checksum": "c" * 64},
                },
                "spec": {
                    "nodeName": f"{mark}-{(number + space) % NODES}",
                    "containers": [
                        container(f"app-{app}"),
                        {"name": "sidecar", "image": "registry.example/sidecar:1.0"},
                    ],
                    "volumes": [
                        {"name": "config", "configMap": {"name": f"app-{app}"}},
                        {"name": "scratch", "emptyDir": {}},
                    ],
                    "tolerations": [{"key": MARK, "operator": "Exists"}],
                },
            }


def container(name: str) -> dict[str, Any]:
    """The application of a pod."""
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 10, "failureThreshold": 3}
    size = {"cpu": "100m", "memory": "128Mi"}
    return {
        "name": name,
        "image": f"registry.example/{name}:1.0",
        "args": ["--verbose", "--listen=:8080"],
        "env": [{"name": f"{name.upper()}_SETTING_{n}".replace("-", "_"), "value": f"value {n}"} for n in range(6)],
        "ports": [{"containerPort": 8080, "name": "http"}],
        "resources": {"requests": size, "limits": size},
        "livenessProbe": probe,
        "readinessProbe": probe,
        "volumeMounts": [{"name": "config", "mountPath": "/etc/app"}, {"name": "scratch", "mountPath": "/tmp/app"}],
    }


def _all(pool: ThreadPoolExecutor, told: Callable[..., object], calls: Iterable[tuple[Any, ...]]) -> None:
    for done in pool.map(lambda call: told(*call), calls):
        assert done is not None


def _run(mark: str, kwok: subprocess.Popen[bytes]) -> None:
    """Wait until all pods run. Raises ``BenchmarkError`` where kwok ends before."""
    with closing(Api(Kubernetes(kubeconfig=str(kubeconfig())))) as api, closing(Hub(api)) as hub:
        hub.ask([POD])
        hub.listed(60)

        def running() -> int:
            hub.changed(1)
            pods = hub.world().of_kind("Pod")
            mine = [pod for pod in pods if pod["metadata"].get("labels", {}).get("gonogo-bench") == mark]
            return sum(pod.get("status", {}).get("phase") == "Running" for pod in mine)

        def still() -> None:
            if kwok.poll() is not None:
                raise NotReady(f"kwok, which ended with code {kwok.returncode}", 0, 1, None)

        until(running, awaited="the pods", within=900, every=1, enough=lambda count: count == PODS, running=still)


def _remove(pool: ThreadPoolExecutor, told: Callable[..., object], mark: str) -> None:
    mine = f"?labelSelector=gonogo-bench={mark}"
    spaces = [f"{mark}-{n}" for n in range(SPACES)]
    ended = [pool.submit(told, "DELETE", POD.path(s), None, query=f"{mine}&gracePeriodSeconds=0") for s in spaces]
    ended.append(pool.submit(told, "DELETE", NODE.path(), None, query=mine))
    for one in ended:
        one.result()
    for space in spaces:
        told("DELETE", NAMESPACE.path(name=space))
