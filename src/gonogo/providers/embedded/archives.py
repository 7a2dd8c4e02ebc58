"""Archives of a Java server's classes in ``GONOGO_HOME``: what loading and verifying them costs is paid once.

Java maps such an archive (application class-data sharing) in place of parsing, verifying and linking the same classes
at each start. It is code: only one that is ours, that nobody else can write and that nobody has touched since it was
made is named to a server. All that it depends on (Java, class path, flags) is in the name of its folder, and Java
itself leaves one that does not fit alone.

The first start of a component tells which classes it loads; once it is ready, a program of its own makes the archive
(``python -m gonogo.providers.embedded.archives LIST FOLDER JAVA…``), whenever the processors have nothing else to do.
It ends with the platform, and what it made by then is none.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from gonogo.core import ours
from gonogo.core.home import shared
from gonogo.core.outcomes import Struct
from gonogo.providers.embedded.programs import STAMPS, intact, settle

MAKERS = "class-data/"
"""What the names of the programs that make archives begin with, towards the keeper."""

ARCHIVE = "classes.jsa"
LIST = "classes.txt"
REFUSED = "refused.txt"
"""In place of an archive: what Java said as it made none."""

LARGEST_LIST = 32 << 20
LONGEST_LINE = 4000
"""Bytes of a line of it that Java reads (4096, with its own end)."""

ROOM = 512 << 20
"""Bytes that are left free, and without which no failure is Java's."""

PATIENCE = 1800.0
"""Seconds until Java must have made an archive: long, since it runs when nothing else does."""

AT_THE_END = 20.0
"""Seconds that the end of a run waits for archives that are being made."""

UNUSED = 30 * 86400
"""Seconds after which an archive that no server was started with goes."""

LINE = re.compile(r"@lambda-[a-z-]+ .+|[^\s@#]+( id: \d+)?( super: \d+)?( interfaces:( \d+)+)?(?P<source> source: .+)?")


class Archive(Struct, frozen=True, kw_only=True):
    """One component's archive: the folder it has to itself, how it is made, and whose classes are in it."""

    root: str
    argv: tuple[str, ...]
    node: str

    @classmethod
    def of(cls, component: str, node: str, argv: tuple[str, ...], home: Path) -> Archive:
        """The archive that ``argv`` makes."""
        digest = hashlib.sha256("\0".join(argv).encode()).hexdigest()[:8]
        return cls(root=str(home / "programs" / f"{component}-classes-{digest}"), argv=argv, node=node)

    @property
    def option(self) -> str:
        """The argument that names it to Java, which goes on without it where it is not there or does not fit."""
        return f"-XX:SharedArchiveFile={self.root}/{ARCHIVE}"

    def started(self, argv: Sequence[str], node: str, folder: Path) -> list[str]:
        """A node's arguments for a start now: it uses the archive, or else tells its classes in its folder."""
        root = Path(self.root)
        if usable(root):
            with suppress(OSError):
                os.utime(root)
            return list(argv)
        tells = node == self.node and not settled(root)
        instead = [f"-XX:DumpLoadedClassList={folder / LIST}"] if tells else []
        return [part for one in argv for part in (instead if one == self.option else [one])]

    def made(self, folder: Path) -> list[str]:
        """The program that makes it from what the node told in ``folder``; none where there is nothing to do."""
        if settled(Path(self.root)) or not (folder / LIST).exists():
            return []
        return [sys.executable, "-I", "-m", __name__, str(folder / LIST), self.root, *self.argv]


def usable(root: Path) -> bool:
    """Whether a server may be started with what is there."""
    return settled(root) and _own(root / ARCHIVE)


def settled(root: Path) -> bool:
    """Whether an archive, or why there is none, lies there as it was made, and is ours alone."""
    return _own(root.parent, folder=True) and _own(root, folder=True) and _own(root / STAMPS) and intact(root)


def make(listing: Path, root: Path, argv: Sequence[str]) -> None:
    """Make the archive, unless it is there or somebody else makes it. Raises ``OSError``."""
    from filelock import Timeout

    home = root.parent.parent
    lock = ours.lock(shared(home / "locks") / f"{root.name}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return
    try:
        if not settled(root):
            settle(root, lambda part: _fill(part, "".join(wanted(listing, root.parent)), argv))
        for other in root.parent.glob(f"{root.name.rpartition('-')[0]}-*"):
            if _own(other, folder=True) and time.time() - other.stat().st_mtime > UNUSED:
                shutil.rmtree(other, ignore_errors=True)
    finally:
        lock.release()


def wanted(listing: Path, programs: Path) -> Iterator[str]:
    """The lines of a class list, as far as they are whole and name no code but that of ``programs``.

    A server wrote it, with an account of its own: no link is followed, and nothing in it is believed.
    """
    handle = os.open(listing, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(f"{listing} is no plain file")
        text = file.read(LARGEST_LIST).decode(errors="replace")
    for line in text.splitlines(keepends=True):
        found = LINE.fullmatch(line.rstrip("\n"))
        source = found["source"] if found else None
        inside = source is None or (source.startswith(f" source: {programs}/") and "/../" not in source)
        if found and line.endswith("\n") and inside and len(line.encode()) <= LONGEST_LINE:
            yield line


def _fill(part: Path, classes: str, argv: Sequence[str]) -> None:
    ours.write(part / LIST, classes.encode())
    java, *rest = argv
    files = [f"-XX:SharedClassListFile={part / LIST}", f"-XX:SharedArchiveFile={part / ARCHIVE}"]
    environment = {"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": str(part), "TMPDIR": str(part)}
    ended = subprocess.run(
        [java, "-Xshare:dump", "-XX:-UsePerfData", *files, *rest],
        cwd=part,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PATIENCE,
        check=False,
    )
    (part / LIST).unlink()
    if ended.returncode == 0 and (part / ARCHIVE).exists():
        (part / ARCHIVE).chmod(0o644)
        return
    if ended.returncode < 0 or shutil.disk_usage(part).free < ROOM:
        raise OSError(f"Java made no archive: it ended with code {ended.returncode}")
    (part / ARCHIVE).unlink(missing_ok=True)
    (part / REFUSED).write_bytes(ended.stdout[-4096:])


def _own(path: Path, *, folder: bool = False) -> bool:
    try:
        return not ours.fault(path.lstat(), folder=folder)
    except OSError:
        return False


def weigh(pid: int, *, idle: bool) -> None:
    """Have a process run only when no other one wants to, or, as far as we may, as every other one again."""
    with suppress(OSError):
        os.sched_setscheduler(pid, os.SCHED_IDLE if idle else os.SCHED_OTHER, os.sched_param(0))
    with suppress(OSError):  # where a session is weighed as a whole, what its processes say counts inside it alone
        Path(f"/proc/{pid}/autogroup").write_text("19" if idle else "0")


if __name__ == "__main__":
    weigh(os.getpid(), idle=True)
    with suppress(OSError):  # the first to go where memory is short
        Path("/proc/self/oom_score_adj").write_text("1000")
    make(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
