"""What is ours on disk: nobody else's file is believed, no link followed, and the umask does not matter."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gonogo.core import ours
from gonogo.core.ours import NotOurs

Spoil = Callable[[Path], object]


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=lambda umask: f"umask {umask:03o}")
def any_umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each umask that people have, and the two that people forget."""
    before = os.umask(request.param)
    yield
    os.umask(before)


def linked(path: Path) -> None:
    """A symbolic link in place of the file."""
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def replaced(make: Spoil) -> Spoil:
    """Something else in place of the file."""

    def spoil(path: Path) -> None:
        path.unlink()
        make(path)

    return spoil


def bound(path: Path) -> None:
    """A socket."""
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


SPOILT: dict[str, tuple[Spoil, str]] = {
    "a link": (linked, "symbolic link"),
    "a dangling link": (replaced(lambda path: path.symlink_to("nowhere")), "symbolic link"),
    "a pipe": (replaced(os.mkfifo), "no plain file"),
    "a folder": (replaced(Path.mkdir), "no plain file|directory"),
    "a socket": (replaced(bound), "no plain file|No such device"),
    "written by the group": (lambda path: path.chmod(0o620), "other accounts may write"),
    "written by all": (lambda path: path.chmod(0o602), "other accounts may write"),
    "two names": (lambda path: path.with_name("second").hardlink_to(path), "hard link"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_what_is_not_ours_alone_is_neither_read_nor_added_to(tmp_path: Path, how: str) -> None:
    spoil, said = SPOILT[how]
    path = tmp_path / "ours"
    path.write_text("before")
    path.chmod(0o600)
    spoil(path)

    for ask in (lambda: ours.read(path), lambda: ours.append(path, b"more")):
        with pytest.raises((NotOurs, OSError), match=said):
            ask()

    kept = [one.read_text() for one in tmp_path.iterdir() if one.is_file()]
    assert set(kept) <= {"before"}
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_and_a_folder_of_another_account_are_left_alone(tmp_path: Path) -> None:
    (path := tmp_path / "file").write_text("forged")
    (folder := tmp_path / "folder").mkdir(mode=0o755)
    os.chown(path, 65534, 65534)
    os.chown(folder, 65534, 65534)

    with pytest.raises(NotOurs, match="belongs to another account, nobody"):
        ours.read(path)
    with pytest.raises(NotOurs, match="belongs to another account, nobody"):
        ours.folder(folder)

    assert folder.stat().st_mode & 0o777 == 0o755


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    ours.append(tmp_path / "file", b"x" * 101)

    with pytest.raises(NotOurs, match="more than 100 bytes"):
        ours.read(tmp_path / "file", 100)


def test_modes_are_the_same_under_every_umask(tmp_path: Path, any_umask: None) -> None:
    folder = ours.folder(tmp_path / "a" / "b")
    ours.append(folder / "appended", b"x")
    ours.write(folder / "written", b"y")
    with ours.lock(folder / "lock"):
        pass

    modes = {path.name: path.stat().st_mode & 0o777 for path in (folder.parent, folder, *folder.iterdir())}
    assert modes == {"a": 0o700, "b": 0o700, "appended": 0o600, "written": 0o600, "lock": 0o600}


def test_a_folder_of_ours_is_closed_and_a_link_in_its_place_is_not_entered(tmp_path: Path) -> None:
    (open_to_all := tmp_path / "open").mkdir()
    open_to_all.chmod(0o777)
    (target := tmp_path / "target").mkdir()
    target.chmod(0o755)
    (link := tmp_path / "link").symlink_to(target)

    ours.folder(open_to_all)
    with pytest.raises(NotOurs, match="symbolic link"):
        ours.folder(link)

    assert open_to_all.stat().st_mode & 0o777 == 0o700
    assert target.stat().st_mode & 0o777 == 0o755


def test_writing_replaces_a_link_and_leaves_what_it_led_to(tmp_path: Path) -> None:
    (precious := tmp_path / "precious").write_text("theirs")
    (path := tmp_path / "path").symlink_to(precious)

    ours.write(path, b"ours")

    assert (precious.read_text(), path.read_text(), path.is_symlink()) == ("theirs", "ours", False)


def test_a_lock_that_is_a_link_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "made")

    with pytest.raises(NotOurs, match="symbolic link"):
        ours.lock(tmp_path / "lock")

    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("name", ["staging", "Prod (EU)", "ein Ziel ü", "a.b", "..a", "x" * 100])
def test_a_name_that_is_one_component_is_one(name: str) -> None:
    assert ours.unnameable(name) == ""


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "/etc", "a/b", "a\\b", "a\0b", "a\nb", "a\x1b[2J", "-rf", " a", "a ", "x" * 101]
)
def test_a_name_that_leads_elsewhere_is_none(name: str) -> None:
    assert ours.unnameable(name) != ""
