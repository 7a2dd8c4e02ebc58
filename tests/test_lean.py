"""A library is imported without those that it only uses where they are installed, in one thread."""

from __future__ import annotations

import importlib
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gonogo.lean import without

ROOT = Path(__file__).parents[1]


def test_a_package_is_not_found_within_and_found_after() -> None:
    with without("wave"), pytest.raises(ModuleNotFoundError, match="No module named 'wave'"):
        importlib.import_module("wave")

    assert importlib.import_module("wave").__name__ == "wave"


def test_another_thread_finds_it_all_the_same() -> None:
    found: list[str] = []
    with without("colorsys"):
        thread = threading.Thread(target=lambda: found.append(importlib.import_module("colorsys").__name__))
        thread.start()
        thread.join()

    assert found == ["colorsys"]


@pytest.mark.parametrize(
    ("component", "name", "addresses"),
    [
        ("neo4j", "Neo4j", {"uri": "bolt://127.0.0.1:9", "username": "u", "password": "p"}),
        ("elasticsearch", "Elasticsearch", {"url": "http://127.0.0.1:9", "username": "u", "password": "p"}),
    ],
)
def test_a_driver_loads_no_pandas(component: str, name: str, addresses: dict[str, str]) -> None:
    program = f"""
import sys
from gonogo.errors import Refused
from gonogo.model import Endpoints
from fixtures.{component} import {name}
try:
    {name}(Endpoints({component!r}, {addresses!r})).answers()
except Refused:
    print({component!r} in sys.modules, sorted({{"pandas", "numpy", "pyarrow"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.stdout == "True []\n", done.stderr
