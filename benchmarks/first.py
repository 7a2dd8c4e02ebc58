"""The README's first command, on a platform that it deploys and removes itself."""

from __future__ import annotations

from collections.abc import Generator, Mapping

from benchmarks.children import PYTEST, run
from benchmarks.content import copied, results
from benchmarks.table import Row

ROWS: Mapping[str, str] = {
    "first": "wall of `pytest suites/ -m critical`, nothing up, downloads cached",
    "cpu": "of that run, processor time of all servers until each was ready",
    "overhead": "of that run, in no server and waiting for none (run.overhead)",
    "teardown": "of that run, taking everything down",
}
LONG = True


def measure() -> Generator[Row]:
    """One run, four rows."""
    with copied() as root:
        ended = run(*PYTEST, "suites/", "-m", "critical", "--target", "embedded", cwd=root, good=(0, 1))
        seen = results(root)
    fault = "" if ended.code == 0 else f"{seen['verdict']['headline']}\n{ended.tail}"
    spans, seconds = seen["spans"], seen["run"]["seconds"]
    in_servers = seconds - seen["run"]["overhead"]
    took = {kind: sum(s["seconds"] for s in spans if s["kind"] == kind) for kind in ("fetch", "teardown")}
    yield Row(
        "first",
        figure=ended.seconds,
        reach=45,
        beside={
            "the critical path": sum(s["seconds"] for s in spans if s.get("critical_path")),
            "until the last component was ready": max(c.get("ready_seconds") or 0 for c in seen["components"]),
            "fetching, summed over components": took["fetch"],
        },
        fault=fault,
    )
    used = {c["name"]: c["cpu_seconds"] for c in seen["components"] if c.get("cpu_seconds") is not None}
    dearest = sorted(used.items(), key=lambda one: -one[1])
    yield Row("cpu", figure=sum(used.values()), reach=60, beside=dict(dearest), fault=fault)
    whole = 100 * (1 - in_servers / ended.seconds)
    yield Row(
        "overhead",
        figure=100 * (1 - in_servers / seconds),
        reach=2,
        unit="%",
        beside={"of the whole process, with its start, its collection and the reports": whole},
        fault=fault,
    )
    yield Row("teardown", figure=took["teardown"], reach=8, fault=fault)
