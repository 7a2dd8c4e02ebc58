"""What the plugin and the suites add to collecting."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Generator, Mapping

from benchmarks.children import PYTEST, run
from benchmarks.content import ROOT, written
from benchmarks.table import Row

ROWS: Mapping[str, str] = {"collect": "CPU of `pytest --collect-only suites/`, best of 5"}
LONG = False
COLLECT = (*PYTEST, "--collect-only", "-q", "suites/")


def measure() -> Generator[Row]:
    """Both in turn, so that a change of the machine's load meets both; the peer has as many tests in as many files."""
    listed = run(*COLLECT, cwd=ROOT).output.splitlines()
    tests = Counter(line.partition("::")[0] for line in listed if line.startswith("suites/") and "::" in line)
    empty = {path: "".join(f"def test_{n}() -> None: ...\n" for n in range(many)) for path, many in tests.items()}
    config = {"pyproject.toml": '[tool.pytest]\nstrict = true\naddopts = ["--import-mode=importlib"]\n'}
    with written({**empty, **config}) as root:
        bare = (*COLLECT, "-p", "no:gonogo")
        run(*bare, cwd=root)  # compiles, as ours are compiled
        pairs = [(run(*COLLECT, cwd=ROOT).cpu, run(*bare, cwd=root).cpu) for _ in range(5)]
    ours, peer = (min(seconds) for seconds in zip(*pairs, strict=True))
    name = f"bare pytest on {sum(tests.values())} empty tests in {len(tests)} files; reach is 1.5 ×"
    yield Row(
        "collect",
        figure=ours,
        reach=1.5 * peer,
        beside={name: peer, "a bare interpreter": run(sys.executable, "-c", "pass").cpu},
    )
