"""A platform that is up: how fast it is asked, what it takes of the memory, how fast it is gone."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.children import GONOGO, PYTEST, run
from benchmarks.content import copied, results
from benchmarks.table import BenchmarkError, Row
from gonogo.core.waiting import pause

ROWS: Mapping[str, str] = {
    "up-again": "wall of a second `gonogo up`, with nothing to do",
    "memory": "PSS of all processes of the platform, idle, summed",
    "attached": "wall of `pytest suites/ -m critical` on the platform that is up",
    "down": "wall of `gonogo down`",
}
LONG = True
IDLE = 10.0
"""Seconds for servers to settle after their start."""


def measure() -> Generator[Row]:
    """`gonogo up`, twice, the checks, `gonogo down`."""
    with copied() as root:
        gone = False
        try:
            run(*GONOGO, "up", "--target", "embedded", cwd=root)
            pause(IDLE, reason="servers settle after their start")
            again = run(*GONOGO, "up", "--target", "embedded", cwd=root)
            yield Row("up-again", figure=again.seconds, reach=2, beside={"processor time": again.cpu})
            idle = memory(root)
            asked = run(*PYTEST, "suites/", "-m", "critical", "--target", "embedded", cwd=root, good=(0, 1))
            yield Row("memory", figure=idle, reach=6, unit="GiB", beside={"after the checks": memory(root)})
            seen = results(root)
            yield Row(
                "attached",
                figure=asked.seconds,
                reach=30,
                beside={"slowest check": max(check["seconds"] for check in seen["checks"])},
                fault="" if asked.code == 0 else f"{seen['verdict']['headline']}\n{asked.tail}",
            )
            ended = run(*GONOGO, "down", "--target", "embedded", cwd=root)
            gone = True
            yield Row("down", figure=ended.seconds, reach=8)
        finally:
            if not gone:
                run(*GONOGO, "down", "--target", "embedded", cwd=root)


def memory(root: Path) -> float:
    """GiB: the proportional set size of everything below the keeper that started the servers.

    Shared pages count once, divided among those that map them (proc_pid_smaps(5)). The keeper is found by the
    environment of any server (``GONOGO_KEEPER``, pid and start time).
    """
    servers = json.loads(run(*GONOGO, "status", "--json", "--target", "embedded", cwd=root).output)["rows"]
    pids = [server["pid"] for server in servers if server["pid"]]
    if not pids:
        raise BenchmarkError("`gonogo status` shows no server")
    keeper = int(psutil.Process(pids[0]).environ()["GONOGO_KEEPER"].partition(":")[0])
    processes = psutil.Process(keeper).children(recursive=True)
    if missing := set(pids) - {process.pid for process in processes}:
        raise BenchmarkError(f"servers that are not below the keeper {keeper}: {missing}")
    total = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # short-lived ones
            total += process.memory_full_info().pss
    return float(total / 2**30)
