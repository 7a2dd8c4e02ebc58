"""Files of a Maven repository, pinned: coordinates, size and SHA-256; and how a kept one is known to be right.

The layout of a repository: https://maven.apache.org/repository/layout.html
"""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gonogo.core.errors import ConfigError, Problem

COORDINATES = re.compile(r"\w[\w.+-]*(:\w[\w.+-]*){2,4}", re.ASCII)
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Pin:
    """One file: ``group:artifact:version[:type[:classifier]]``, its bytes, its SHA-256 in hex.

    Raises ``ValueError`` where one of them is none.
    """

    coordinates: str
    size: int
    sha256: str

    def __post_init__(self) -> None:
        if not COORDINATES.fullmatch(self.coordinates):
            raise ValueError(f"{self.coordinates!r} is not group:artifact:version[:type[:classifier]]")
        if not SHA256.fullmatch(self.sha256):
            raise ValueError(f"{self.sha256!r} is not a SHA-256 in 64 lower-case hex digits")

    @property
    def path(self) -> PurePosixPath:
        """Where it lies in a repository."""
        group, artifact, version, *rest = self.coordinates.split(":")
        kind = rest[0] if rest else "jar"
        classifier = f"-{rest[1]}" if rest[1:] else ""
        return PurePosixPath(*group.split("."), artifact, version, f"{artifact}-{version}{classifier}.{kind}")

    @property
    def seal(self) -> int:
        """The modification time (seconds since 1970; 2001 to 2018, even) that a verified file is given.

        Whoever writes to the file breaks it. So a kept file costs one ``stat`` to trust, with nothing stored
        beside it, and is hashed again only where size or seal differ.
        """
        return 1_000_000_000 + 2 * int(self.sha256[:7], 16)

    def kept(self, path: Path) -> bool:
        """Whether ``path`` is this very file. Raises ``OSError`` where it cannot be read."""
        try:
            seen = path.stat()
        except FileNotFoundError:
            return False
        if seen.st_size != self.size:
            return False
        if seen.st_mtime_ns == self.seal * 1_000_000_000:
            return True
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != self.sha256:
                return False
        with suppress(PermissionError):  # somebody else's file stays unsealed, and right
            os.utime(path, (self.seal, self.seal))
        return True


def read_pins(path: Path) -> list[Pin]:
    """The pinned list: a line per file, ``coordinates size sha256``; ``#`` begins a comment.

    Raises ``ConfigError`` with all bad lines at once, or where the list cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(Problem(str(path), f"cannot be read: {error}")) from error
    pins, problems = [], []
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        try:
            if words:
                coordinates, size, sha256 = words
                pins.append(Pin(coordinates, int(size), sha256))
        except ValueError as error:
            problems.append(Problem(f"{path}:{number}", str(error), "a line is: group:artifact:version size sha256"))
    if problems:
        raise ConfigError(*problems)
    return pins
