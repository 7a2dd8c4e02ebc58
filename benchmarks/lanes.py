"""Checks that wait: side by side in one process, next to pytest-xdist."""

from __future__ import annotations

from collections.abc import Generator, Mapping

from benchmarks.children import PYTEST, run
from benchmarks.content import results, written
from benchmarks.table import Row

CHECKS = 60
SECONDS = 0.5
ROWS: Mapping[str, str] = {"lanes": f"wall of {CHECKS} checks of {SECONDS} s, the whole pytest, best of 3"}
LONG = False

FILES = {
    "pyproject.toml": """
        [tool.pytest]
        strict = true
        addopts = ["--import-mode=importlib"]
    """,
    "reports/criteria.toml": """
        [slow.answers]
        level = "critical"
        claim = "The slow server answers"
    """,
    "deploy/targets/there.toml": """
        [target]
        name = "there"
        provider = "existing"

        [components.slow]
        address = "none"
    """,
    "deploy/slow/component.toml": f"""
        title = "A server that takes its time"
        concurrency = {CHECKS}

        [endpoints]
        required = ["address"]
    """,
    "fixtures/slow.py": f"""
        from gonogo.core.waiting import pause

        class Slow:
            def __init__(self, endpoints):
                self.endpoints = endpoints

            def asked(self):
                pause({SECONDS}, reason="its time to answer")
                return True

            def answers(self):
                return "at once"

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
    """,
    "suites/slow/test_slow.py": f"""
        import pytest

        @pytest.mark.criterion("slow.answers")
        @pytest.mark.parametrize("n", range({CHECKS}))
        def test_slow_answers(slow, n):
            assert slow.asked()
    """,
    "peer/pyproject.toml": """
        [tool.pytest]
        strict = true
        addopts = ["--import-mode=importlib"]
    """,
    "peer/test_peer.py": f"""
        import pytest
        from gonogo.core.waiting import pause

        @pytest.mark.parametrize("n", range({CHECKS}))
        def test_slow(n):
            pause({SECONDS}, reason="its time to answer")
    """,
}


def measure() -> Generator[Row]:
    """Ours three times, the peers once: they are slower by more than any noise."""
    with written(FILES) as root:
        ours = min(run(*PYTEST, "suites/", "--target", "there", "-q", cwd=root).seconds for _ in range(3))
        checks = [check["seconds"] for check in results(root)["checks"]]
        peers = {
            f"pytest-xdist -n {n}": run(*PYTEST, "-q", "-p", "no:gonogo", "-n", str(n), cwd=root / "peer").seconds
            for n in (2, 8)
        }
    yield Row(
        "lanes",
        figure=ours,
        reach=max(checks) + 1,
        beside={
            "slowest check; reach is 1 s more": max(checks),
            **peers,
            "in series: the sum of the checks": sum(checks),
        },
    )
