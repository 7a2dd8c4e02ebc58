"""Puts the results of an earlier run away, so that nobody can take them for those of a run that had none."""

from __future__ import annotations

from pathlib import Path

from gonogo.core.holders import held

FILES = ("results.json", "report.html", "junit.xml", "summary.md")
"""What a run leaves in its folder for results."""

PREVIOUS = "previous"
"""Where the files of the run before lie, beside those of the last one."""


def put_away(out: Path) -> None:
    """Move the files of an earlier run to ``out``/previous, over those that lay there. Raises ``OSError``."""
    found = [out / name for name in FILES if (out / name).is_file()]
    if not found:
        return
    from filelock import FileLock

    with held(FileLock(out / ".lock"), f"the reports in {out}"):
        folder = out / PREVIOUS
        folder.mkdir(exist_ok=True)
        for old in FILES:
            (folder / old).unlink(missing_ok=True)
        for path in found:
            if path.is_file():
                path.replace(folder / path.name)
