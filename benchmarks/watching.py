"""How soon a change is printed, and what following a cluster asks of its API server."""

from __future__ import annotations

import json
import statistics
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.children import GONOGO
from benchmarks.cluster import Lines, kubeconfig, program, scratch
from benchmarks.table import BenchmarkError, Row
from gonogo.cluster.api import Kind

ROWS: Mapping[str, str] = {
    "watch": "from a change sent to the API server until `gonogo health --watch` printed it, p99 of 200",
    "requests": "lists and watches per kind and scope of `gonogo health --watch`, at most",
}
LONG = True

CHANGES = 200
WAITS = 20
"""A program for each change, so fewer of them."""

JOB = Kind("batch", "v1", "cronjobs", "CronJob", True)

Change = Callable[[bool], float]


def measure() -> Generator[Row]:
    """A CronJob is suspended and resumed: no controller has a hand in that, and no kubelet."""
    kubectl = program("kubectl")
    with scratch("watch") as (cluster, namespace):
        cluster.apply(_job(suspended=False), namespace)
        path = JOB.path(namespace, "clock")

        def change(suspended: bool) -> float:
            begun = time.monotonic()
            how = {"kind": "application/merge-patch+json"}
            cluster.told("PATCH", path, {"spec": {"suspend": suspended}}, **how)
            return begun

        ours = _followed((*GONOGO, "health", "--watch", "-n", namespace), "suspended", change, first="health:")
        columns = "-o=custom-columns=S:.spec.suspend"
        listed = _followed((kubectl, "get", "cronjob", "clock", "-n", namespace, "-w", columns), "true", change)
        waited = [_waited(kubectl, namespace, change) for _ in range(WAITS)]
        yield Row(
            "watch",
            figure=_p99(ours),
            reach=100.0,
            unit="ms",
            beside={
                "median of ours": statistics.median(ours),
                "worst of ours": max(ours),
                "kubectl get -w, p99 of 200": _p99(listed),
                "kubectl get -w, median": statistics.median(listed),
                f"kubectl wait, worst of {WAITS}": max(waited),
                "kubectl wait, median": statistics.median(waited),
            },
        )
        yield _requests(namespace, change)


def _job(*, suspended: bool) -> dict[str, Any]:
    pod = {"restartPolicy": "Never", "containers": [{"name": "app", "image": "none"}]}
    spec = {"schedule": "0 0 1 1 *", "suspend": suspended, "jobTemplate": {"spec": {"template": {"spec": pod}}}}
    return {"apiVersion": JOB.api_version, "kind": JOB.kind, "metadata": {"name": "clock"}, "spec": spec}


def _followed(argv: tuple[str, ...], word: str, change: Change, first: str = "") -> list[float]:
    """Milliseconds from each change until the program printed it: the word is there where it is suspended."""
    milliseconds = []
    with closing(Lines(*argv)) as lines:
        lines.until(lambda line: first in line, within=60)
        for number in range(CHANGES):
            suspended = number % 2 == 0
            begun = change(suspended)
            # `suspended → ready` names both: what is printed last is what it is now
            seen = lines.until(lambda line, it=suspended: _says(line, word) == it)
            milliseconds.append(1000 * (seen - begun))
    return milliseconds


def _says(line: str, word: str) -> bool | None:
    """Whether the line tells the state that the word stands for; None where it tells of nothing of the kind."""
    if "→" in line:
        line = line.rpartition("→")[2]
    elif not any(other in line for other in ("true", "false")):
        return None
    return word in line


def _waited(kubectl: str, namespace: str, change: Change) -> float:
    change(False)
    wanted = "--for=jsonpath={.spec.suspend}=true"
    argv = (kubectl, "wait", wanted, "cronjob/clock", "-n", namespace, "--timeout=30s", "-v=8")
    with closing(Lines(*argv)) as lines:
        # its log tells when the watch stands
        lines.until(lambda line: "watch=true" in line and "GET" in line)
        lines.until(lambda line: "Response Status: 200" in line or 'status="200 OK"' in line)
        begun = change(True)
        return 1000 * (lines.until(lambda line: "condition met" in line) - begun)


def _p99(values: list[float]) -> float:
    return sorted(values)[-(len(values) // 100) - 1]


def _requests(namespace: str, change: Change) -> Row:
    from relay import relaying

    with TemporaryDirectory() as folder, relaying(kubeconfig(), Path(folder)) as relay:
        target = Path(folder, "target.toml")
        settings = f"[kubernetes]\nkubeconfig = {json.dumps(str(relay.kubeconfig()))}\n"
        target.write_text(f'[target]\nname = "relayed"\nprovider = "existing"\n{settings}')
        argv = (*GONOGO, "health", "--watch", "--target", str(target), "-n", namespace)
        with closing(Lines(*argv)) as lines:
            lines.until(lambda line: "health:" in line, within=60)
            change(False)
            lines.until(lambda line: "→" in line)
        asked = relay.counted()
    if not asked:
        raise BenchmarkError("nothing went through the relay")
    verbs = Counter[str]()
    for words, times in asked.items():
        verbs[words.partition(" ")[0]] += times
    others = {f"of them with verb {verb}": float(times) for verb, times in verbs.items()}
    return Row(
        "requests",
        figure=float(max(asked.values())),
        reach=1.0,
        unit="",
        beside={"all requests together": float(sum(asked.values())), **others},
        fault="something was written" if verbs.keys() - {"list", "watch", "get"} else "",
    )
