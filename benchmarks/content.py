"""Content repositories to measure on: a copy of this one, and one of a single stand-in component."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CONTENT = ("gonogo.toml", "pyproject.toml", "conftest.py", "deploy", "fixtures", "suites", "reports/criteria.toml")


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="gonogo-benchmark-") as path:
        yield Path(path)


@contextmanager
def copied() -> Iterator[Path]:
    """A copy of this checkout's content: its platform is its own, whatever is up here."""
    with folder() as root:
        for name in CONTENT:
            (root / name).parent.mkdir(exist_ok=True)
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, root / name)
            else:
                shutil.copy2(ROOT / name, root / name)
        yield root


@contextmanager
def written(files: Mapping[str, str]) -> Iterator[Path]:
    """A folder with these files, their texts dedented, that nothing built in is added to."""
    with folder() as root:
        for name, text in {"gonogo.toml": "[content]\nbuiltin = false\n", **files}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text).lstrip(), encoding="utf-8")
        yield root


def results(root: Path) -> dict[str, Any]:
    """The stored results of the last run there."""
    stored: dict[str, Any] = json.loads((root / "reports" / "out" / "results.json").read_bytes())
    return stored
