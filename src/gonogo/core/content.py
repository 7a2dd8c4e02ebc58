"""Where the content is: the folder with deploy/, fixtures/, suites/ and reports/."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from gonogo.core import ours
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.ours import NotOurs

STATE = ".gonogo"
"""Git-ignored folder of a checkout: the journal, the runs, logs."""


def is_root(folder: Path) -> bool:
    """Whether the folder holds content for gonogo."""
    return (folder / "deploy").is_dir() and (folder / "reports" / "criteria.toml").is_file()


def find_root(start: Path) -> Path:
    """The nearest folder upwards that holds content. Raises ``ConfigError`` where none does."""
    for folder in (start, *start.parents):
        if is_root(folder):
            return folder
    raise ConfigError(
        Problem(str(start), "no deploy/ and reports/criteria.toml here or above", "run gonogo in a checkout")
    )


def state(root: Path) -> Path:
    """Where journal, runs and logs of a checkout belong: in it, or in ``GONOGO_HOME`` where it is read-only.

    What stands in it and is a link or another account's is left alone: then it is ``GONOGO_HOME`` too. Only its owner
    can enter it. Raises ``ConfigError`` where neither may be written.
    """
    folder = root / STATE
    if os.path.lexists(folder):
        with suppress(NotOurs):
            return ours.folder(folder)
    elif os.access(root, os.W_OK | os.X_OK):
        return folder
    from gonogo.core.home import home

    folder = home() / "checkouts" / hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:12]
    return ours.folder(folder) if os.path.lexists(folder) else folder
