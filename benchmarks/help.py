"""How long one waits for help."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping

from benchmarks.children import GONOGO, run
from benchmarks.table import Row

ROWS: Mapping[str, str] = {"help": "CPU of `gonogo --help`, best of 5"}
LONG = False


def measure() -> Generator[Row]:
    """CPU seconds: what an idle machine would take as wall time."""
    run(*GONOGO, "--help")  # compiles
    yield Row(
        "help",
        figure=min(run(*GONOGO, "--help").cpu for _ in range(5)),
        reach=0.25,
        beside={"a bare interpreter": min(run(sys.executable, "-c", "pass").cpu for _ in range(5))},
    )
