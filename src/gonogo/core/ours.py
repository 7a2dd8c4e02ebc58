"""What is ours on this machine's disk: owner and mode are looked at, and no symbolic link is followed.

Whoever can write into a file of ours can tell us what to delete, and whoever can put a link in place of a folder of
ours can have us delete another one. So whatever decides what is ended or removed is read and written through here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from gonogo.core.errors import ConfigError, Problem

if TYPE_CHECKING:
    from filelock import FileLock

MOST = 64 << 20
"""Bytes of a file of ours that is read whole."""

LONGEST_NAME = 100
"""Characters of a name that becomes part of a path, which other parts stand beside: 255 bytes are the most."""

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class NotOurs(ConfigError):
    """What lies there is not this account's alone, and is neither followed, nor believed, nor changed."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(Problem(str(path), why, "it is left alone; look at who made it, then move it away"))


def fault(seen: os.stat_result, *, folder: bool = False) -> str:
    """Why what ``lstat`` or ``fstat`` saw is not ours alone; empty where it is."""
    if stat.S_ISLNK(seen.st_mode):
        return "it is a symbolic link"
    if folder and not stat.S_ISDIR(seen.st_mode):
        return "it is not a folder"
    if not folder and not stat.S_ISREG(seen.st_mode):
        return "it is no plain file"
    if seen.st_uid != os.geteuid():
        return f"it belongs to another account, {account(seen.st_uid)}"
    if seen.st_mode & OTHERS_WRITE:
        return f"other accounts may write to it (mode {stat.S_IMODE(seen.st_mode):03o}; `chmod go-w` ends that)"
    return ""


def account(uid: int) -> str:
    """The account's name, or its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def folder(path: Path, mode: int = 0o700) -> Path:
    """A folder that is ours by its name, made where it is missing, with this mode whatever the umask.

    Its missing parents are made likewise. One that others may write to is closed to them. Raises ``NotOurs``, and
    ``OSError`` where it cannot be made.
    """
    for missing in reversed([one for one in (path, *path.parents) if not os.path.lexists(one)]):
        with contextlib.suppress(FileExistsError):  # somebody made it meanwhile: it is looked at below
            missing.mkdir()
            missing.chmod(mode)
    seen = path.lstat()
    why = fault(seen, folder=True)
    if why and (stat.S_ISLNK(seen.st_mode) or not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid()):
        raise NotOurs(path, why)
    if stat.S_IMODE(seen.st_mode) != mode:
        path.chmod(mode)
    return path


def reading(path: Path) -> BinaryIO:
    """The file, open. Raises ``NotOurs`` and ``OSError``."""
    return os.fdopen(_opened(path, os.O_RDONLY), "rb")


def read(path: Path, limit: int = MOST) -> bytes:
    """The whole file. Raises as :func:`reading`, ``NotOurs`` also for one of more than ``limit`` bytes."""
    with reading(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise NotOurs(path, f"it has more than {limit} bytes")
    return data


def append(path: Path, data: bytes) -> None:
    """Add to a file for its owner alone, made where it is missing; on disk on return. Raises as :func:`read`."""
    with os.fdopen(_opened(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab") as file:
        os.fchmod(file.fileno(), 0o600)  # whatever the umask, and whatever an earlier version made of it
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write(path: Path, data: bytes) -> None:
    """The file for its owner alone, whole or not at all; what stood there is replaced, a link too. Raises ``OSError``.

    No fsync: what is written so is worth nothing after a crash of the machine.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, 0o600)
            file.write(data)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def lock(path: Path, every: float = 0.05) -> FileLock:
    """A lock on a file for its owner alone, asked for again every ``every`` seconds. Raises ``NotOurs``."""
    from filelock import FileLock

    with contextlib.suppress(FileNotFoundError):
        seen = path.lstat()
        if stat.S_ISREG(seen.st_mode) and seen.st_uid == os.geteuid():
            path.chmod(0o600)  # an earlier version left it to the umask; there is nothing in it to believe
        elif why := fault(seen):
            raise NotOurs(path, why)
    return FileLock(path, mode=0o600, poll_interval=every)


def unnameable(name: str) -> str:
    """Why a name cannot become one component of a path; empty where it can."""
    if name in ("", ".", ".."):
        return "is no name"
    if len(name) > LONGEST_NAME:
        return f"has more than {LONGEST_NAME} characters"
    if any(one in "/\\" or not one.isprintable() for one in name):
        return "holds a slash or a character that cannot be printed"
    return "begins with a hyphen or ends in a space" if name[0] in "- " or name[-1] == " " else ""


def _opened(path: Path, flags: int) -> int:
    try:
        # not to wait for the other end of a pipe that somebody has put there
        handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        kinds = {errno.ELOOP: "it is a symbolic link", errno.ENXIO: "it is no plain file"}
        if error.errno in kinds:
            raise NotOurs(path, kinds[error.errno]) from error
        raise
    seen = os.fstat(handle)
    why = fault(seen) or ("it has another name elsewhere (a hard link)" if seen.st_nlink > 1 else "")
    if why:
        os.close(handle)
        raise NotOurs(path, why)
    return handle
