"""A library is imported without those that it only uses where they are installed, in one thread."""

from __future__ import annotations

import importlib
import subprocess
import sys
import threading
from contextlib import ExitStack
from importlib.machinery import PathFinder
from pathlib import Path

import pytest

from gonogo.core.lean import without

ROOT = Path(__file__).parents[1]


def test_a_package_is_not_found_within_and_found_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "wave", raising=False)
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


def test_its_end_in_the_midst_of_another_import_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ending:
        """The finder whose turn it is when the block ends, as another thread's may."""

        def find_spec(self, *_: object) -> None:
            block.close()

    finders, last = list(sys.meta_path), sys.meta_path.index(PathFinder)
    monkeypatch.setattr(sys, "meta_path", [*finders[:last], Ending(), *finders[last:]])
    monkeypatch.delitem(sys.modules, "tabnanny", raising=False)
    with ExitStack() as block:
        block.enter_context(without("colorsys"))

        assert importlib.import_module("tabnanny").__name__ == "tabnanny"


@pytest.mark.parametrize(
    ("component", "addresses"),
    [
        ("neo4j", {"uri": "bolt://127.0.0.1:9", "username": "u", "password": "p"}),
        ("elasticsearch", {"url": "http://127.0.0.1:9", "username": "u", "password": "p"}),
    ],
)
def test_a_driver_loads_no_pandas(component: str, addresses: dict[str, str]) -> None:
    program = f"""
import sys
from pathlib import Path
from gonogo.checks.clients import opened
from gonogo.core.errors import Refused
from gonogo.core.endpoints import Endpoints
try:
    with opened(Path.cwd(), Endpoints({component!r}, {addresses!r})) as client:
        client.answers()
except Refused:
    print({component!r} in sys.modules, sorted({{"pandas", "numpy", "pyarrow"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.stdout == "True []\n", done.stderr
