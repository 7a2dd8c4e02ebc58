"""Puts the files of a run where people look for them: together, under a lock."""

from __future__ import annotations

from pathlib import Path

import msgspec
from filelock import FileLock

from gonogo.files import write_atomically
from gonogo.model import Results
from gonogo.render import html, junit, markdown
from gonogo.seal import sealed


def publish(results: Results, folder: Path, out: Path) -> None:
    """Write results, sealed, and reports to ``out``, where runs may compete, and below the run's ``folder``.

    Raises ``OSError`` where one of them cannot be written.
    """
    files = {
        "results.json": msgspec.json.format(msgspec.json.encode(sealed(results)), indent=1),
        "report.html": html.render(results).encode(),
        "junit.xml": junit.render(results).encode(),
        "summary.md": markdown.render(results).encode(),
    }
    out.mkdir(parents=True, exist_ok=True)
    with FileLock(out / ".lock"):
        for name, content in files.items():
            write_atomically(out / name, content)
    for name, content in files.items():
        write_atomically(folder / name, content)
