"""Bundles, folders and pipes of objects: all of it is read, or it is an error; damage is never "all ready"."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import random
import sys
import tarfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from gonogo.cluster import bundles
from gonogo.cluster.judge import State
from gonogo.cluster.survey import Survey, of_files
from gonogo.core.errors import ConfigError

Member = tuple[str, bytes] | tarfile.TarInfo


def pod(name: str, *, ready: bool = False) -> bytes:
    """One pod as JSON, as a cluster holds it."""
    status = {"phase": "Running" if ready else "Failed", "conditions": [{"type": "Ready", "status": str(ready)}]}
    meta = {"name": name, "namespace": "data", "creationTimestamp": "2026-11-25T09:00:00Z"}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": status}).encode()


def entry(name: str, kind: bytes, target: str = "", size: int = 0) -> tarfile.TarInfo:
    """An entry that is no plain file."""
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, target, size
    return made


def tar(members: Iterable[Member], form: int = tarfile.PAX_FORMAT) -> bytes:
    """An archive of these."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            made = tarfile.TarInfo(member[0])
            made.size = len(member[1])
            archive.addfile(made, io.BytesIO(member[1]))
    return packed.getvalue()


READY = ("ok.json", pod("ok", ready=True))
DEEP = "/".join(["a-long-name-of-a-folder"] * 8)
TWENTY = [READY, *((f"{DEEP}/{number}.json", pod(f"bad-{number}")) for number in range(20))]
FORMS = {"pax": tarfile.PAX_FORMAT, "gnu": tarfile.GNU_FORMAT}

Ask = Callable[..., Survey]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """What is said of a file with this content."""

    def asked(data: bytes, name: str = "dump.tar.gz") -> Survey:
        path = tmp_path / name
        path.write_bytes(data)
        return of_files([str(path)])

    return asked


def refused(ask: Ask, data: bytes, name: str = "dump.tar.gz") -> str:
    """The sentence with which it is refused."""
    with pytest.raises(ConfigError) as told:
        ask(data, name)
    return str(told.value)


# -- read to the end


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["dump.tar", "dump.tar.gz", "dump.tgz", "dump.bin"])
def test_an_archive_is_known_by_what_it_holds(name: str, form: str, ask: Ask) -> None:
    data = tar(TWENTY, FORMS[form])

    found = ask(data if name == "dump.tar" else gzip.compress(data), name)

    assert Counter(row.state for row in found.rows) == {State.READY: 1, State.FAILED: 20}
    assert f"{DEEP}/7.json" in " ".join(row.source for row in found.rows)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("packed", [True, False])
def test_a_flipped_bit_is_never_all_ready(packed: bool, form: str, ask: Ask) -> None:
    data = tar(TWENTY, FORMS[form])
    data = gzip.compress(data) if packed else data
    for bit in random.Random(7).sample(range(8 * len(data)), 250):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            found = ask(bytes(damaged), "dump.tar.gz" if packed else "dump.tar")
        except ConfigError:
            continue
        assert found.state is State.FAILED, bit
        if packed:  # tar itself has no checksum of contents: one pod may be of another kind now
            assert sum(row.state is State.FAILED for row in found.rows) == 20, bit


@pytest.mark.parametrize("packed", [True, False])
def test_a_cut_between_two_entries_is_an_error(packed: bool, ask: Ask) -> None:
    data = tar(TWENTY)
    end = len(data.rstrip(b"\0")) // 512 + 1
    for blocks in range(1, end + 1):
        part = data[: 512 * blocks]

        said = refused(ask, gzip.compress(part) if packed else part, "dump.tar.gz" if packed else "dump.tar")

        assert "ends " in said


def test_a_cut_anywhere_in_a_packed_archive_is_an_error(ask: Ask) -> None:
    data = gzip.compress(tar(TWENTY))
    for length in random.Random(7).sample(range(len(data)), 100):
        assert refused(ask, data[:length])


def test_gzip_in_several_members_is_one_stream(ask: Ask) -> None:
    data = tar(TWENTY)
    half = len(data) // 2

    assert len(ask(gzip.compress(data[:half]) + gzip.compress(data[half:])).rows) == 21


@pytest.mark.parametrize("packer", [bytes, gzip.compress])
def test_what_follows_an_archives_end_is_not_passed_over(packer: Callable[[bytes], bytes], ask: Ask) -> None:
    assert "holds more after the end of the archive" in refused(ask, packer(tar([READY])) * 2)


def test_garbage_after_gzip_is_damage(ask: Ask) -> None:
    assert "is damaged" in refused(ask, gzip.compress(tar([READY])) + b"garbage")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (bz2.compress(tar([READY])), "is packed with bzip2, which is not read (unpack it first)"),
        (lzma.compress(tar([READY])), "is packed with xz"),
        (b"\x28\xb5\x2f\xfd" + bytes(100), "is packed with zstd"),
        (b"PK\x03\x04" + bytes(100), "is packed with zip"),
        (b"no archive at all", "ends in the middle"),
        (gzip.compress(b"x" * 2000, mtime=0), "is damaged at entry 1"),
        (gzip.compress(b"", mtime=0), "ends without the mark at an archive's end"),
    ],
)
def test_what_is_no_archive_is_a_sentence(data: bytes, said: str, ask: Ask) -> None:
    assert said in refused(ask, data)


def test_one_packed_file_is_read_as_the_file(ask: Ask) -> None:
    assert [row.name for row in ask(gzip.compress(READY[1]), "pods.json.gz").rows] == ["ok"]


# -- what is in them beside files


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret.json", "loop.json", "gone.json"])
@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_link_that_leads_nowhere_is_told_and_not_followed(kind: bytes, target: str, ask: Ask) -> None:
    found = ask(tar([READY, entry("loop.json", kind, target)]))

    assert [row.name for row in found.rows] == ["ok"]
    assert len(found.unasked) == 1
    assert "dump.tar.gz:loop.json: a link is not followed" in found.unasked[0]
    assert found.state is State.UNKNOWN


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_a_device_is_told_and_not_read(kind: bytes, ask: Ask) -> None:
    found = ask(tar([READY, entry("zero.json", kind), entry("zero", kind)]))

    assert [one.partition(":")[2] for one in found.unasked] == ["zero.json: is no plain file"]


def test_a_link_to_what_is_read_anyway_is_no_news(ask: Ask) -> None:
    links = [entry("again.json", tarfile.SYMTYPE, "ok.json"), entry("d/hard.json", tarfile.LNKTYPE, "ok.json")]

    found = ask(tar([READY, *links]))

    assert (found.state, list(found.unasked)) == (State.READY, [])


def test_what_a_link_alone_would_give_is_missed_and_told(ask: Ask) -> None:
    found = ask(tar([READY, ("data/1", pod("bad")), entry("bad.json", tarfile.SYMTYPE, "data/1")]))

    assert found.state is State.UNKNOWN


@pytest.mark.parametrize("name", ["/etc/x.json", "../../x.json", "./x.json", "a\nb\x1b[2J/x.json"])
def test_a_name_leads_nowhere(name: str, ask: Ask, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))

    found = ask(tar([(name, pod("bad"))]))

    assert [row.state for row in found.rows] == [State.FAILED]
    assert sorted(tmp_path.rglob("*")) == [*before, tmp_path / "dump.tar.gz"]


# -- sizes


def test_an_entry_that_is_too_large_is_not_even_unpacked(ask: Ask) -> None:
    bomb = entry("pods.json", tarfile.REGTYPE, size=40 << 30)

    assert "holds pods.json, which is larger than 512 MiB" in refused(ask, gzip.compress(bomb.tobuf()))


@pytest.mark.parametrize(
    ("limit", "members", "said"),
    [
        ("UNPACKED", [("other.bin", bytes(1 << 20)), READY], "unpacks to more than"),
        ("ENTRIES", [(f"{number}.bin", b"") for number in range(30)], "holds more than"),
        ("LARGEST", [("pods.json", bytes(1 << 20))], "which is larger than"),
        ("_HEADER", [("x" * 3000 + ".json", b"{}")], "holds a header of"),
    ],
)
def test_what_unpacks_to_too_much_is_a_sentence(
    limit: str, members: list[Member], said: str, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundles, limit, {"ENTRIES": 20, "_HEADER": 1000}.get(limit, 1 << 19))

    assert said in refused(ask, gzip.compress(tar(members)))


@pytest.mark.parametrize("name", ["pods.json", "pods.yaml", "pods"])
@pytest.mark.parametrize("packed", [True, False])
def test_a_file_that_is_too_large_is_a_sentence(
    packed: bool, name: str, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundles, "LARGEST", 1 << 20)
    data = READY[1] + b" " * (1 << 20)

    assert "is larger than 1 MiB" in refused(ask, gzip.compress(data) if packed else data, name)


def test_a_pipe_is_bounded_like_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: object) -> int:
            return len(buffer)  # type: ignore[arg-type]

    monkeypatch.setattr(bundles, "LARGEST", 1 << 20)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Endless())))

    with pytest.raises(ConfigError, match="standard input: is larger than 1 MiB"):
        of_files(["-"])


def test_yaml_has_a_bound_of_its_own(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gonogo.cluster.stored.LARGEST_YAML", 1 << 20)

    assert "1 MiB of YAML" in refused(ask, b"a: 1\n" * (1 << 18), "pods.yaml")


# -- pipes


def test_a_bundle_may_come_through_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(tar(TWENTY)))))

    assert len(of_files(["-"]).rows) == 21


@pytest.mark.parametrize("data", [gzip.compress(tar(TWENTY)), tar(TWENTY), TWENTY[1][1]])
def test_a_named_pipe_is_read_like_a_file(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(data,))
    writer.start()

    found = of_files([str(path)])

    writer.join()
    assert found.state is State.FAILED


# -- folders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one pod that is ready, and a pod that is not beside it."""
    (tmp_path / "folder" / "sub").mkdir(parents=True)
    (tmp_path / "folder" / "sub" / "ok.json").write_bytes(READY[1])
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "bad.json").write_bytes(pod("bad"))
    return tmp_path / "folder"


@pytest.mark.parametrize("target", ["../other/bad.json", "../other", "loop.json", "gone.json", "/dev/zero"])
def test_a_link_out_of_a_folder_is_told_and_not_followed(target: str, folder: Path) -> None:
    (folder / "loop.json").symlink_to(target)

    found = of_files([str(folder)])

    assert ([row.name for row in found.rows], found.state) == (["ok"], State.UNKNOWN)
    assert len(found.unasked) == 1


def test_links_within_a_folder_are_followed(folder: Path) -> None:
    # as the kubelet mounts a ConfigMap
    (folder / "..2026").mkdir()
    (folder / "..2026" / "bad.json").write_bytes(pod("bad"))
    (folder / "..data").symlink_to("..2026")
    (folder / "bad.json").symlink_to("..data/bad.json")
    (folder / "sub" / "up").symlink_to("..")

    found = of_files([str(folder)])

    assert sorted(row.name for row in found.rows) == ["bad", "ok"]
    assert list(found.unasked) == []


def test_a_pipe_in_a_folder_is_told_and_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe.json")

    assert "pipe.json: is no file" in of_files([str(folder)]).unasked[0]


def test_a_folder_that_may_not_be_entered_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)

    with pytest.raises(ConfigError, match="sub: permission denied"):
        of_files([str(folder)])


@pytest.mark.parametrize("name", ["~nobody-of-that-name/x.json", "no\0file.json"])
def test_a_name_that_no_file_can_have_is_a_sentence(name: str) -> None:
    with pytest.raises(ConfigError):
        of_files([name])


def test_a_name_that_is_no_utf_8_is_told(folder: Path) -> None:
    (folder / os.fsdecode(b"\xff.json")).write_bytes(pod("bad"))

    assert r"\xff.json" in " ".join(row.source for row in of_files([str(folder)]).rows)
