"""GONOGO_HOME: where it is, who may enter it, and what is said where it cannot be used; a checkout's own folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gonogo.core import ours
from gonogo.core.content import state
from gonogo.core.errors import ConfigError
from gonogo.core.home import barrier, home, shared
from gonogo.core.ours import NotOurs
from gonogo.providers.embedded import platforms


def test_the_variable_names_it_and_it_is_made_for_all_to_enter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONOGO_HOME", str(tmp_path / "a" / "b"))
    before = os.umask(0o077)
    try:
        path = home()
    finally:
        os.umask(before)

    assert path == tmp_path / "a" / "b"
    assert {one.stat().st_mode & 0o777 for one in (path, path.parent)} == {0o755}


def test_a_private_folder_of_root_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONOGO_HOME", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    tmp_path.chmod(0o700)

    assert home().stat().st_mode & 0o777 == 0o755


def test_without_the_variable_it_is_a_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GONOGO_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(ours, "fault", lambda *_, **__: "")

    assert home() == tmp_path / "gonogo"


def linked(path: Path) -> None:
    """A link in place of the folder."""
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (linked, "it is a symbolic link"),
        (lambda path: path.chmod(0o775), "other accounts may write to it"),
        (lambda path: path.chmod(0o1777), "other accounts may write to it"),
        (lambda path: os.chown(path, 65534, 65534), "it belongs to another account"),
    ],
    ids=["a link", "a group's", "everybody's", "another's"],
)
def test_a_folder_that_is_not_ours_alone_is_refused_and_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], None], said: str
) -> None:
    if os.geteuid() != 0 and "another" in said:
        pytest.skip("only root can give a folder away")
    (folder := tmp_path / "home").mkdir(mode=0o755)
    monkeypatch.setenv("GONOGO_HOME", str(folder))
    spoil(folder)
    before = folder.lstat()

    with pytest.raises(ConfigError, match=said):
        home()

    assert (folder.lstat().st_mode, folder.lstat().st_uid) == (before.st_mode, before.st_uid)
    assert list(folder.iterdir()) == []


def test_a_list_of_platforms_that_is_a_link_is_not_entered(tmp_path: Path) -> None:
    (target := tmp_path / "target").mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "home/platforms").symlink_to(target)

    with pytest.raises(NotOurs, match="it is a symbolic link"):
        platforms.listed(tmp_path / "home")

    assert list(target.iterdir()) == []


@pytest.mark.parametrize(
    "spoil",
    [linked, lambda path: path.rmdir() or path.touch(), lambda path: os.chown(path, 65534, 65534)],
    ids=["a link", "a file", "another's"],
)
def test_what_is_not_ours_in_a_checkout_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], None], request: pytest.FixtureRequest
) -> None:
    if os.geteuid() != 0 and "another" in request.node.name:
        pytest.skip("only root can give a folder away")
    monkeypatch.setenv("GONOGO_HOME", str(tmp_path / "home"))
    (own := tmp_path / ".gonogo").mkdir(mode=0o755)
    spoil(own)
    before = own.lstat()

    folder = state(tmp_path)

    assert folder.parent == tmp_path / "home" / "checkouts"
    assert (own.lstat().st_mode, own.lstat().st_uid) == (before.st_mode, before.st_uid)


def test_a_checkouts_own_folder_is_closed_to_others(tmp_path: Path) -> None:
    (own := tmp_path / ".gonogo").mkdir()
    own.chmod(0o777)

    assert state(tmp_path).stat().st_mode & 0o777 == 0o700


def test_a_file_in_its_place_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GONOGO_HOME", str(tmp_path / "file"))

    with pytest.raises(ConfigError) as caught:
        home()

    assert str(caught.value).startswith(f"GONOGO_HOME: {tmp_path}/file cannot be used: it is not a folder (set")


def test_an_unwritable_folder_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONOGO_HOME", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda *_: False)

    with pytest.raises(ConfigError, match="it is not writable for this user"):
        home()


def test_a_folder_that_no_class_path_can_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONOGO_HOME", str(tmp_path / "a:b"))

    with pytest.raises(ConfigError, match="a class path cannot name"):
        home()


def test_the_folder_that_keeps_others_out_is_found(tmp_path: Path) -> None:
    inner = shared(tmp_path / "closed" / "inner")
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(folder.stat().st_mode | 0o005)
    assert barrier(inner) is None

    inner.parent.chmod(0o700)

    assert barrier(inner) == inner.parent


def test_a_checkout_keeps_its_own_in_itself_unless_it_is_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GONOGO_HOME", str(tmp_path / "home"))
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    own = state(first)
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path not in (first, second) and real(path, mode))

    elsewhere = {state(first), state(second), state(first)}

    assert own == first / ".gonogo"
    assert len(elsewhere) == 2
    assert {folder.parent for folder in elsewhere} == {tmp_path / "home" / "checkouts"}
