"""Puts the files of a run where people look for them: together, under a lock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
from filelock import FileLock

from gonogo.core.holders import held
from gonogo.core.outlet import keep_rendered
from gonogo.render import html, junit, markdown
from gonogo.results.model import Results
from gonogo.results.seal import sealed


def publish(results: Results, folder: Path, out: Path) -> None:
    """Write results, sealed, and reports to ``out``, where runs may compete, and below the run's ``folder``.

    Raises ``OSError`` where one of them cannot be written.
    """
    files: dict[str, Callable[[Results], str | bytes]] = {
        "results.json": lambda shown: msgspec.json.format(msgspec.json.encode(sealed(shown)), indent=1),
        "report.html": html.render,
        "junit.xml": junit.render,
        "summary.md": markdown.render,
    }
    out.mkdir(parents=True, exist_ok=True)
    with held(FileLock(out / ".lock"), f"the reports in {out}"):
        for name, render in files.items():
            keep_rendered(results, render, out / name, folder / name)
