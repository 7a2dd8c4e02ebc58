"""``GONOGO_HOME``: the folder that all checkouts of one user share: fetched servers, locks, what is up."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from platformdirs import user_cache_path

from gonogo.core import ours
from gonogo.core.errors import ConfigError, Problem

VARIABLE = "GONOGO_HOME"


def home() -> Path:
    """The folder, made where it is missing, with mode 0755: servers that refuse root read below it.

    It is env ``GONOGO_HOME``, else ``/var/cache/gonogo`` for root and the user's cache folder for others.
    Raises ``ConfigError`` where it cannot be made or written, or is not this account's alone: what lies in it says
    which processes are ended and which folders are removed.
    """
    given = os.environ.get(VARIABLE)
    as_root = os.geteuid() == 0
    if given:
        path = Path(os.path.abspath(os.path.expanduser(given)))  # noqa: PTH100, PTH111 - as a shell reads it
    else:
        path = Path("/var/cache/gonogo") if as_root else user_cache_path("gonogo")
    if os.pathsep in str(path):
        raise _unusable(path, f"a class path cannot name a folder with {os.pathsep!r} in it")
    try:
        shared(path)
        if why := ours.fault(path.lstat(), folder=True):
            raise _unusable(path, why)
        if as_root and path.stat().st_mode & 0o055 != 0o055:
            path.chmod(0o755)
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise _unusable(path, "it is not writable for this user")
    return path


def shared(folder: Path) -> Path:
    """The folder, made with its missing parents so that every user may enter it, whatever the umask.

    Raises ``OSError``.
    """
    for missing in reversed([one for one in (folder, *folder.parents) if not os.path.lexists(one)]):
        with contextlib.suppress(FileExistsError):  # somebody made it meanwhile
            missing.mkdir()
            missing.chmod(0o755)
    if not folder.is_dir():
        raise NotADirectoryError(20, "it is not a folder", str(folder))
    return folder


def private(folder: Path) -> Path:
    """The folder, made where it is not there; only its owner can enter it. Raises ``NotOurs``."""
    return ours.folder(folder)


def barrier(path: Path) -> Path | None:
    """The outermost folder on the way to ``path`` that other users may not enter; None where they may."""
    for folder in reversed((path, *path.parents)):
        if folder.is_dir() and not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None


def _unusable(path: Path, why: str) -> ConfigError:
    where = VARIABLE if os.environ.get(VARIABLE) else "the cache folder"
    return ConfigError(
        Problem(where, f"{path} cannot be used: {why}", f"set {VARIABLE} to a folder of yours, on a disk with room")
    )
