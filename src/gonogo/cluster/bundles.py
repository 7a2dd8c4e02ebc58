"""Files as they come from elsewhere: one alone, a folder, a pipe, a ``.tar.gz`` bundle; all of it, or an error.

Nothing is unpacked to disk. A bundle is read to its end: gzip's checksum, that of each entry's header, and the end
that the archive itself marks; tar libraries stop in silence at the first header that is damaged or missing. What
would be read and is a link out of the folder, a device or a pipe is left alone and told.
"""

from __future__ import annotations

import gzip
import io
import os
import posixpath
import stat
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import IO, NamedTuple, cast

from gonogo.core.errors import ConfigError, Problem
from gonogo.core.files import expanded, unreadable

STANDARD_INPUT = "-"

ARCHIVES = (".tar.gz", ".tgz", ".tar")

LARGEST = 512 << 20
"""Bytes of one file, one entry of a bundle, or what a pipe gives."""

UNPACKED = 2 << 30
"""Bytes of a bundle unpacked, or of all files of a folder that are read."""

ENTRIES = 200_000
"""Of one bundle or folder."""

_HEADER = 1 << 16
"""Bytes of an extended header: a name is a few hundred long."""

_BLOCK = tarfile.BLOCKSIZE
_PART = 16 << 20

_OTHERS = {
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
    b"PK\x03\x04": "zip",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
}
"""How files begin that are packed in another way."""


class File(NamedTuple):
    """One file: what people know it by (``dump.tar.gz:pods.json``), and all of its content."""

    source: str
    data: bytes


class _Damaged(Exception):
    """The text says what of an archive is wrong."""


def files(name: str, wanted: Callable[[str], bool], unread: Callable[[str], None]) -> Iterator[File]:
    """What ``name`` stands for: a file, a folder with all below it, a bundle, standard input (``-``).

    Of folders and bundles only what is ``wanted`` by its name. ``unread`` gets a sentence for what would be wanted and
    cannot be looked into. Raises ``ConfigError`` where something cannot be read, is damaged or is too large.
    """
    try:
        path = expanded(name)
        if name == STANDARD_INPUT:
            yield from _opened("standard input", cast("IO[bytes]", sys.stdin.buffer), wanted, unread)
        elif path.is_dir():
            yield from _folder(path, wanted, unread)
        else:
            with path.open("rb") as file:
                yield from _opened(printable(name), file, wanted, unread)
    except OSError as error:
        raise ConfigError(unreadable(Path(printable(str(error.filename or name))), error)) from error


def printable(name: str) -> str:
    """A file's name as text; bytes of it that are no UTF-8 are ``\\xNN``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def several(name: str) -> str:
    """``folder`` or ``archive`` where a name stands for more than one file, else nothing."""
    return "archive" if name.endswith(ARCHIVES) else "folder" if expanded(name).is_dir() else ""


# -- folders


def _folder(folder: Path, wanted: Callable[[str], bool], unread: Callable[[str], None]) -> Iterator[File]:
    real, left = os.path.realpath(folder), UNPACKED
    for path in sorted(_below(folder, wanted, unread, real)):
        source = printable(str(path))
        with path.open("rb") as file:
            data = _whole(file, source)
        left -= len(data)
        if left < 0:
            raise ConfigError(Problem(printable(str(folder)), f"its files are larger than {_size(UNPACKED)} in all"))
        yield File(source, data)


def _below(folder: Path, wanted: Callable[[str], bool], unread: Callable[[str], None], real: str) -> Iterator[Path]:
    """Every file that is wanted. Links are followed to files and folders of the same folder."""

    def refused(error: OSError) -> None:
        raise error

    count = 0
    for at, folders, names in os.walk(folder, onerror=refused):
        folders[:] = [one for one in folders if not one.startswith(".")]
        count += len(folders) + len(names)
        if count > ENTRIES:
            raise ConfigError(Problem(printable(str(folder)), f"holds more than {ENTRIES:,} files"))
        linked = [one for one in folders if os.path.islink(os.path.join(at, one))]  # noqa: PTH114, PTH118
        for name in [*linked, *(one for one in names if wanted(f"{at}/{one}") and not one.startswith("."))]:
            path = Path(at, name)
            try:
                target = os.path.realpath(path, strict=True)
                mode = os.stat(target).st_mode  # noqa: PTH116
            except OSError as error:
                unread(f"{printable(str(path))}: {(error.strerror or str(error)).lower()}")
                continue
            if not (target + os.sep).startswith(real.rstrip(os.sep) + os.sep):
                unread(f"{printable(str(path))}: a link out of the folder is not followed, to {printable(target)}")
            elif stat.S_ISREG(mode):
                yield path
            elif not stat.S_ISDIR(mode):
                unread(f"{printable(str(path))}: is no file")


# -- streams


class _Counted(io.RawIOBase):
    """A stream that is read once, forward, and ends in an error where it gives too much."""

    def __init__(self, head: bytes, rest: IO[bytes], most: int, what: str) -> None:
        self._head, self._rest, self._left, self._what = head, rest, most, what

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        data = self._head[: len(view)] or self._rest.read(len(view)) or b""
        self._head = self._head[len(data) :] if self._head else b""
        self._left -= len(data)
        if self._left < 0:
            raise _Damaged(self._what)
        view[: len(data)] = data
        return len(data)


def _opened(
    source: str, file: IO[bytes], wanted: Callable[[str], bool], unread: Callable[[str], None]
) -> Iterator[File]:
    """A file or what a pipe gives: packed with gzip or not, an archive or not; its first bytes tell."""
    try:
        head = _read(file, 6)
        for magic, packer in _OTHERS.items():
            if head.startswith(magic):
                raise ConfigError(Problem(source, f"is packed with {packer}, which is not read", "unpack it first"))
        packed = head.startswith(b"\x1f\x8b")
        if not packed and not source.endswith(ARCHIVES):
            start = head + _read(file, _BLOCK - len(head))
            if start[257:262] != b"ustar":
                yield File(source, _whole(file, source, start))
                return
            head = start
        unpacked: IO[bytes] = _counted(head, file, LARGEST, f"is larger than {_size(LARGEST)}")
        if packed:
            stream = gzip.GzipFile(fileobj=unpacked, mode="rb")
            unpacked = _counted(b"", cast("IO[bytes]", stream), UNPACKED, f"unpacks to more than {_size(UNPACKED)}")
        first = _read(unpacked, _BLOCK)
        if first[257:262] == b"ustar" or source.endswith(ARCHIVES):
            most = f"unpacks to more than {_size(UNPACKED)}"
            yield from _entries(source, _counted(first, unpacked, UNPACKED, most), wanted, unread)
        else:
            yield File(source, _whole(unpacked, source, first))
    except _Damaged as error:
        raise ConfigError(Problem(source, str(error))) from error
    except EOFError as error:
        raise ConfigError(Problem(source, "ends in the middle", "get the whole of it")) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise ConfigError(Problem(source, f"is damaged: {error}", "get it again")) from error


def _counted(head: bytes, rest: IO[bytes], most: int, what: str) -> IO[bytes]:
    return cast("IO[bytes]", io.BufferedReader(_Counted(head, rest, most, what), 1 << 20))


def _read(file: IO[bytes], count: int, start: bytes = b"") -> bytes:
    """``start`` and so many bytes, fewer only at the end; a pipe gives what it has."""
    parts = [start] if start else []
    while count and (part := file.read(min(count, _PART))):
        parts.append(part)
        count -= len(part)
    return b"".join(parts) if len(parts) != 1 else parts[0]


def _whole(file: IO[bytes], source: str, start: bytes = b"") -> bytes:
    data = _read(file, LARGEST + 1, start)
    if len(data) > LARGEST:
        raise ConfigError(Problem(source, f"is larger than {_size(LARGEST)}", "give it in parts"))
    return data


def _size(count: int) -> str:
    return f"{count >> 30} GiB" if count >= 1 << 30 else f"{count >> 20} MiB"


# -- archives


def _entries(
    source: str, file: IO[bytes], wanted: Callable[[str], bool], unread: Callable[[str], None]
) -> Iterator[File]:
    """The files of a tar archive. Names are only told: what leads out of the archive leads nowhere."""
    there: set[str] = set()
    links: list[tuple[str, str]] = []
    for entry in _headers(file):
        name = entry.name.removeprefix("./")
        if entry.issym() or entry.islnk():
            near = posixpath.dirname(name) if entry.issym() else ""
            links.append((name, posixpath.normpath(posixpath.join(near, entry.linkname))))
            continue
        there.add(posixpath.normpath(name))
        if not entry.isreg() or entry.issparse():
            if wanted(name) and not entry.isdir():
                unread(f"{source}:{name}: is no plain file")
            if entry.isreg() or entry.type not in tarfile.SUPPORTED_TYPES:
                _skip(file, entry.size)
        elif not wanted(name):
            _skip(file, entry.size)
        elif entry.size > LARGEST:
            raise _Damaged(f"holds {name}, which is larger than {_size(LARGEST)}")
        else:
            yield File(f"{source}:{name}", _content(file, entry.size))
    while rest := file.read(1 << 20):
        if rest.strip(b"\0"):
            raise _Damaged("holds more after the end of the archive, as where one is appended to another")
    for name, target in links:
        meant = wanted(name) or not posixpath.splitext(name)[1]  # without a suffix it may stand for a folder
        if meant and (target not in there or (wanted(name) and not wanted(target))):
            unread(f"{source}:{name}: a link is not followed, to {target}")


def _headers(file: IO[bytes]) -> Iterator[tarfile.TarInfo]:
    """The header of each entry, its content still to be read; as GNU tar, pax and Go write them.

    Python's ``tarfile`` reads single headers here and not the archive: it takes a damaged header, and a cut between
    two entries, for the end (``TarFile.next``), and its expression for pax headers is quadratic before 3.11.10.
    """
    more: dict[str, str] = {}
    for number in count(1):
        block = _read(file, _BLOCK)
        if not block:
            raise _Damaged("ends without the mark at an archive's end: it was cut")
        try:
            entry = tarfile.TarInfo.frombuf(_filled(block), "utf-8", "replace")
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            return
        except (tarfile.TarError, ValueError) as error:
            raise _Damaged(f"is damaged at entry {number}: {error}") from error
        if number > ENTRIES:
            raise _Damaged(f"holds more than {ENTRIES:,} entries")
        if entry.size < 0:
            raise _Damaged(f"is damaged at entry {number}: negative size")
        if entry.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
            more |= _pax(_extended(file, entry), number)
        elif entry.type == tarfile.XGLTYPE:
            _extended(file, entry)
        elif entry.type in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
            key = "path" if entry.type == tarfile.GNUTYPE_LONGNAME else "linkpath"
            more[key] = _extended(file, entry).rstrip(b"\0").decode("utf-8", "replace")
        else:
            entry.name = more.get("GNU.sparse.name") or more.get("path") or entry.name
            entry.linkname = more.get("linkpath") or entry.linkname
            if (size := more.get("size", "")).isdecimal() and len(size) < 20:
                entry.size = int(size)
            if any(key.startswith("GNU.sparse") for key in more):
                entry.type = tarfile.GNUTYPE_SPARSE
            elif entry.type == tarfile.GNUTYPE_SPARSE:
                _past_sparse(file, block)
            more = {}
            yield entry


def _pax(data: bytes, number: int) -> dict[str, str]:
    """The records of an extended header, ``length key=value`` (POSIX, pax)."""
    found = {}
    place, end = 0, len(data.rstrip(b"\0"))
    while place < end:
        length, _, _ = data[place : place + 21].partition(b" ")
        size = int(length) if length.isdigit() else 0
        key, sign, value = data[place + len(length) + 1 : place + size].partition(b"=")
        if not sign or place + size > len(data):
            raise _Damaged(f"is damaged at entry {number}: its extended header")
        found[key.decode("utf-8", "replace")] = value.removesuffix(b"\n").decode("utf-8", "replace")
        place += size
    return found


def _past_sparse(file: IO[bytes], block: bytes) -> None:
    """Past the further maps of a sparse file in GNU's old form."""
    more = block[482]
    while more:
        more = _filled(_read(file, _BLOCK))[504]


def _extended(file: IO[bytes], entry: tarfile.TarInfo) -> bytes:
    if entry.size > _HEADER:
        raise _Damaged(f"holds a header of {entry.size:,} bytes")
    return _content(file, entry.size)


def _content(file: IO[bytes], size: int) -> bytes:
    """What an entry holds; it fills whole blocks."""
    data = _read(file, _blocks(size))
    if len(data) < _blocks(size):
        raise EOFError
    return data[:size]


def _skip(file: IO[bytes], size: int) -> None:
    left = _blocks(size)
    while left:
        part = file.read(min(left, 1 << 20))
        if not part:
            raise EOFError
        left -= len(part)


def _blocks(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _filled(block: bytes) -> bytes:
    if len(block) < _BLOCK:
        raise EOFError
    return block
