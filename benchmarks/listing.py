"""What it takes to list and judge ten thousand pods, next to other clients that only list them."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.children import run
from benchmarks.cluster import program
from benchmarks.crowd import PODS, crowd
from benchmarks.table import BenchmarkError, Row

ROWS: Mapping[str, str] = {
    "pods": "CPU to list and judge 10,000 pods, over the start of the program, best of 3",
    "pods-memory": "memory at its peak meanwhile, over the start",
}
LONG = True

PEERS = ("kr8s==0.20.15", "lightkube==1.0.1")
"""Installed into an environment of their own: they are nobody's dependency."""

MEASURED = """
import json, resource, time

def used():
    one = resource.getrusage(resource.RUSAGE_SELF)
    # not ru_maxrss, which begins with the memory of the process that forked this one
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
    return one.ru_utime + one.ru_stime, int(peak.split()[1]) / 1024

{start}
before, begun = used(), time.monotonic()
{listing}
after = used()
print(json.dumps({{"pods": pods, "cpu": after[0] - before[0], "mib": after[1] - before[1], "whole": after[0],
                   "whole_mib": after[1], "wall": time.monotonic() - begun}}))
"""

OURS = (
    """
from gonogo.cluster.api import KINDS, Api
from gonogo.cluster.hub import Hub
from gonogo.cluster.judge import judge
from gonogo.catalog.target import Kubernetes

api = Api(Kubernetes())
api.client()
""",
    """
hub = Hub(api, follow=False)
hub.ask([KINDS["Pod"]])
hub.listed(120)
pods = len(judge(hub.world()))
""",
)
OFFICIAL = (
    "from kubernetes import client, config\nconfig.load_kube_config()\napi = client.CoreV1Api()",
    """
found, more = [], None
while more != "":
    page = api.list_pod_for_all_namespaces(limit=500, _continue=more)
    found += page.items
    more = page.metadata._continue or ""
pods = sum(one.status.phase == "Running" for one in found)
""",
)
LIGHTKUBE = (
    "from lightkube import Client\nfrom lightkube.resources.core_v1 import Pod\napi = Client()",
    'pods = sum(one.status.phase == "Running" for one in list(api.list(Pod, namespace="*", chunk_size=500)))',
)
KR8S = (
    "import kr8s\napi = kr8s.api()",
    'pods = sum(one.status.phase == "Running" for one in list(kr8s.get("pods", namespace=kr8s.ALL)))',
)
KUBECTL = """
import json, resource, subprocess, sys, time

begun = time.monotonic()
done = subprocess.run([{kubectl!r}, "get", "pods", "-A", "-o", "json"], stdout=subprocess.PIPE, check=True)
one = resource.getrusage(resource.RUSAGE_CHILDREN)
cpu = one.ru_utime + one.ru_stime
print(json.dumps({{"pods": done.stdout.count(b'"kind": "Pod"'), "cpu": cpu, "mib": one.ru_maxrss / 1024, "whole": cpu,
                   "whole_mib": one.ru_maxrss / 1024, "wall": time.monotonic() - begun}}))
"""


class Taken(NamedTuple):
    """What a client took: seconds of CPU and MiB over its start, and of the whole process; seconds of wall time."""

    pods: int
    cpu: float
    mib: float
    whole: float
    whole_mib: float
    wall: float


def measure() -> Generator[Row]:
    """One process per client, ours between the others."""
    kubectl = program("kubectl")
    with ExitStack() as stack:
        python = _environment(Path(stack.enter_context(TemporaryDirectory())))
        stack.enter_context(crowd())
        ours = [_taken(sys.executable, MEASURED.format(start=OURS[0], listing=OURS[1])) for _ in range(3)]
        peers = {
            "official client, typed, pages of 500": _client(sys.executable, OFFICIAL),
            "lightkube, pages of 500": _client(python, LIGHTKUBE),
            "kr8s": _client(python, KR8S),
            "kubectl get -o json": _taken(sys.executable, KUBECTL.format(kubectl=kubectl)),
        }
    best = min(ours, key=lambda taken: taken.cpu)
    fault = "" if best.pods >= PODS else f"only {best.pods} pods were judged"
    yield Row(
        "pods",
        figure=best.cpu,
        reach=0.3,
        beside={
            "the whole process, imports too": best.whole,
            "wall": best.wall,
            **{name: taken.cpu for name, taken in peers.items()},
        },
        fault=fault,
    )
    yield Row(
        "pods-memory",
        figure=max(taken.mib for taken in ours),
        reach=60.0,
        unit="MiB",
        beside={"the whole process": best.whole_mib, **{name: taken.mib for name, taken in peers.items()}},
        fault=fault,
    )


def _client(python: str, parts: tuple[str, str]) -> Taken:
    return _taken(python, MEASURED.format(start=parts[0], listing=parts[1]))


def _environment(folder: Path) -> str:
    """The interpreter of a fresh environment that holds the peers."""
    run(sys.executable, "-m", "venv", str(folder))
    python = str(folder / "bin/python")
    run(python, "-m", "pip", "install", "-q", *PEERS)
    return python


def _taken(python: str, program: str) -> Taken:
    ended = run(python, "-c", program)
    try:
        return Taken(**json.loads(ended.output.strip().splitlines()[-1]))
    except (ValueError, IndexError, TypeError) as error:
        raise BenchmarkError(f"a client did not tell what it took:\n{ended.tail}") from error
