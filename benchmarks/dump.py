"""How long the judgement of a stored dump takes, next to Python's own tool that only prints it anew."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Iterator, Mapping
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.children import GONOGO, run
from benchmarks.crowd import pods_of
from benchmarks.table import Row

ROWS: Mapping[str, str] = {"dump": "wall of `gonogo health -f` on a dump of 70 MB, as kubectl prints it, best of 5"}
LONG = False

SIZE = 70_000_000
"""Bytes."""

SINCE = "2026-01-01T00:00:00Z"


def measure() -> Generator[Row]:
    """Wall time: somebody sits there and waits."""
    with TemporaryDirectory() as folder:
        dump = Path(folder, "pods.json")
        pods = _write(dump)
        ours = [run(*GONOGO, "health", "-f", str(dump), good=(1,)) for _ in range(5)]
        peer = min(run(sys.executable, "-m", "json.tool", str(dump), "/dev/null").seconds for _ in range(3))
    best = min(ours, key=lambda ended: ended.seconds)
    read = "app-0-00000" in best.output and f"{pods - 1} of {pods}" in best.output
    yield Row(
        "dump",
        figure=best.seconds,
        reach=1.0,
        beside={
            "CPU of it": best.cpu,
            "`gonogo --help`": min(run(*GONOGO, "--help").seconds for _ in range(3)),
            "python -m json.tool": peer,
        },
        fault="" if read else f"it did not tell of all {pods} pods:\n{best.tail}",
    )


def _write(dump: Path) -> int:
    """Write a list of that size, whose first pod has no image; how many pods it holds."""
    with dump.open("w") as file:
        file.write('{\n    "apiVersion": "v1",\n    "items": [\n')
        for number, pod in enumerate(_pods()):
            if not number:
                waiting = {"reason": "ErrImageNeverPull", "message": "it is not there"}
                pod["status"]["containerStatuses"][0] |= {"ready": False, "state": {"waiting": waiting}}
                pod["status"] |= {"phase": "Pending", "conditions": pod["status"]["conditions"][:2]}
            file.write((",\n" if number else "") + json.dumps(pod, indent=4))
            if file.tell() > SIZE:
                break
        file.write('\n    ],\n    "kind": "List",\n    "metadata": {\n        "resourceVersion": ""\n    }\n}\n')
    return number + 1


def _pods() -> Iterator[dict[str, Any]]:
    """Running pods without end, as an API server hands them out."""
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": SINCE}
        for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    ]
    for space in count():
        for pod in pods_of("dump", space):
            name = pod["metadata"]["name"]
            meta = {"namespace": f"dump-{space}", "uid": f"{space}-{name}", "creationTimestamp": SINCE}
            containers = [
                {
                    "name": one["name"],
                    "image": one["image"],
                    "imageID": f"{one['image']}@sha256:{'0' * 64}",
                    "ready": True,
                    "started": True,
                    "restartCount": 0,
                    "state": {"running": {"startedAt": SINCE}},
                }
                for one in pod["spec"]["containers"]
            ]
            status = {"phase": "Running", "conditions": conditions, "containerStatuses": containers}
            whole = {"apiVersion": "v1", "kind": "Pod", **pod, "status": status}
            yield {**whole, "metadata": {**pod["metadata"], **meta}}
