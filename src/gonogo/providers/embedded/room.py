"""Whether this machine has room for servers: asked before the first one starts, all problems at once."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from gonogo.core.content import Folder
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.home import barrier
from gonogo.providers.embedded.fetch import missing
from gonogo.providers.embedded.spec import EmbeddedSpec
from gonogo.providers.machine import ELSEWHERE, unfit

MIB = 1 << 20
OPEN_FILES = 4096
"""What a server needs; its keeper raises its soft limit as it starts it."""
IN_MEMORY = ("tmpfs", "ramfs")
RECORDS = MIB
"""What GONOGO_HOME needs in any case, for the list of what is up."""
TEMPORARY = ("/tmp", "/var/tmp")
CGROUP = Path("/sys/fs/cgroup")
LONGEST = 19
"""Characters of a folder below which servers can put sockets: those of Ray add 88, and 107 bytes are all
that the path of a socket may have (unix(7))."""


@dataclass(frozen=True)
class Need:
    """What servers ask for, in bytes: memory, room for their data, room in ``GONOGO_HOME``.

    ``other_users``: some of them run as another user, who must be able to enter both folders.
    """

    memory: int
    data: int
    home: int
    other_users: bool

    @classmethod
    def of(cls, components: Iterable[tuple[EmbeddedSpec, Folder]], home: Path) -> Need:
        """The sum over components, each with its folder; what they share counts once.

        Raises ``ConfigError`` where one cannot be fetched.
        """
        known = list(components)
        absent = {path: room for spec, folder in known for path, room in missing(spec, folder, home).items()}
        return cls(
            memory=sum(spec.memory for spec, _ in known) * MIB,
            data=sum(spec.disk for spec, _ in known) * MIB,
            home=sum(absent.values()),
            other_users=os.geteuid() == 0 and any(spec.user == "unprivileged" for spec, _ in known),
        )


def room_for(need: Need, home: Path) -> Path:
    """The folder in which the servers' data folder belongs: a short path before a long one, disk before memory.

    Changes nothing. Raises ``ConfigError`` where the machine is of the wrong kind or too small, with numbers.
    """
    if why := unfit():
        raise ConfigError(Problem("this machine", f"is {why}", ELSEWHERE))
    problems = []
    if blocked := _obstacle(home, need.home + RECORDS, need.other_users):
        problems.append(Problem("GONOGO_HOME", blocked, "set it to a folder on a disk with room"))
    parent, obstacles = _data_parent(need, home)
    if parent is None:
        problems.append(Problem("data", "; ".join(obstacles), "set TMPDIR to a folder on a disk with room"))
    memory = need.memory + (need.data if parent and in_memory(parent) else 0)
    if (free := available_memory()) < memory:
        problems.append(Problem("memory", f"needs {gib(memory)}, {gib(free)} available", "ask for fewer components"))
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if limit != resource.RLIM_INFINITY and limit < OPEN_FILES:
        what = f"needs {OPEN_FILES}, the hard limit is {limit}"
        problems.append(Problem("open files", what, f"raise it: `ulimit -n {OPEN_FILES}`, as root"))
    if problems or parent is None:
        raise ConfigError(*problems)
    return parent


def available_memory() -> int:
    """Bytes that may still be used: of the machine, and of the container around this process.

    Source of the files: https://docs.kernel.org/admin-guide/cgroup-v2.html
    """
    free = int(psutil.virtual_memory().available)
    try:
        limit = int((CGROUP / "memory.max").read_text())
        used = int((CGROUP / "memory.current").read_text())
        statistics = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):  # no such group, or "max"
        return free
    return min(free, limit - used + int(statistics.get("inactive_file", 0)))


def in_memory(folder: Path) -> bool:
    """Whether what lies in the folder lies in memory."""
    mounts = {Path(mount.mountpoint): mount.fstype for mount in psutil.disk_partitions(all=True)}
    return next((mounts[one] for one in (folder, *folder.parents) if one in mounts), "") in IN_MEMORY


def gib(count: int) -> str:
    """Bytes, as people read them."""
    return f"{count / (1 << 30):.1f} GiB" if count >= 100 * MIB or count == 0 else f"{count / MIB:.1f} MiB"


def _data_parent(need: Need, home: Path) -> tuple[Path | None, list[str]]:
    named = [os.environ.get("TMPDIR") or TEMPORARY[0], *TEMPORARY, str(home)]
    folders = [Path(one).resolve() for one in dict.fromkeys(named)]
    obstacles: list[str] = []
    for folder in sorted(folders, key=lambda one: (len(os.fsencode(one)) > LONGEST, in_memory(one))):
        bytes_needed = need.data + (need.home if _device(folder) == _device(home) else 0)
        obstacle = _obstacle(folder, bytes_needed, need.other_users)
        if obstacle is None:
            return folder, obstacles
        obstacles.append(obstacle)
    return None, obstacles


def _obstacle(folder: Path, needed: int, other_users: bool) -> str | None:
    if not folder.is_dir():
        return f"{folder} is no folder"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"{folder} is not writable"
    if os.statvfs(folder).f_flag & os.ST_NOEXEC:
        return f"{folder} is on a file system that lets no program run (noexec)"
    if other_users and (closed := barrier(folder)):
        return f"{folder} cannot be read by servers that refuse root: other users may not enter {closed}"
    free = shutil.disk_usage(folder).free
    return f"needs {gib(needed)} below {folder}, {gib(free)} free" if free < needed else None


def _device(folder: Path) -> int | None:
    return folder.stat().st_dev if folder.exists() else None
