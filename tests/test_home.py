"""GONOGO_HOME: where it is, who may enter it, and what is said where it cannot be used; a checkout's own folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gonogo.content import state
from gonogo.errors import ConfigError
from gonogo.home import barrier, home, shared


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

    assert home() == tmp_path / "gonogo"


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
