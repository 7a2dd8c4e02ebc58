"""The check for room: one sentence with numbers for each thing that is short."""

from __future__ import annotations

import os
import platform
import resource
import shutil
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from gonogo.core.errors import ConfigError
from gonogo.providers.embedded import room
from gonogo.providers.embedded.room import Need, room_for

GIB = 1 << 30
Usage = namedtuple("Usage", "total used free")


class Machine:
    """A machine with plenty of everything, until a test takes some away."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tmp, self.var_tmp, self.home = (tmp_path / name for name in ("tmp", "var-tmp", "home"))
        self.free = dict.fromkeys((self.tmp, self.var_tmp, self.home), 100 * GIB)
        self.in_memory: set[Path] = set()
        self.memory, self.files = 100 * GIB, (1024, 1 << 20)
        for folder in self.free:
            folder.mkdir()
        monkeypatch.setattr(room, "TEMPORARY", (str(self.tmp), str(self.var_tmp)))
        monkeypatch.delenv("TMPDIR", raising=False)
        monkeypatch.setattr(room, "in_memory", self.in_memory.__contains__)
        monkeypatch.setattr(room, "barrier", lambda _: None)
        monkeypatch.setattr(room, "CGROUP", tmp_path / "cgroup")
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(0, 0, self.free[Path(folder)]))
        monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=self.memory))
        monkeypatch.setattr(resource, "getrlimit", lambda _: self.files)
        monkeypatch.setattr(resource, "setrlimit", lambda _, limits: setattr(self, "files", limits))

    def asked(self, *, memory: int = 1, data: int = 1, home: int = 1, other_users: bool = False) -> Path:
        """Where the data goes; the needs are in GiB."""
        return room_for(Need(memory * GIB, data * GIB, home * GIB, other_users), self.home)

    def refusal(self, **needs: int) -> str:
        """The sentence, where there is no room."""
        with pytest.raises(ConfigError) as caught:
            self.asked(**needs)
        return str(caught.value)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine with plenty of everything."""
    return Machine(tmp_path, monkeypatch)


def test_data_goes_to_the_temporary_folder(machine: Machine) -> None:
    assert machine.asked() == machine.tmp


def test_a_disk_comes_before_memory(machine: Machine) -> None:
    machine.in_memory.add(machine.tmp)

    assert machine.asked() == machine.var_tmp


def test_memory_serves_where_no_disk_has_room_and_counts(machine: Machine) -> None:
    machine.in_memory.add(machine.tmp)
    machine.free[machine.var_tmp] = machine.free[machine.home] = 2 * GIB
    machine.memory = 10 * GIB

    assert machine.asked(memory=4, data=5) == machine.tmp
    assert "memory: needs 12.0 GiB, 10.0 GiB available" in machine.refusal(memory=7, data=5)


def test_the_folder_that_the_user_names_comes_first(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.free[tmp_path] = 100 * GIB
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    assert machine.asked() == tmp_path


def test_a_folder_too_long_for_sockets_comes_last(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.free[tmp_path / "jobs"] = 100 * GIB
    (tmp_path / "jobs").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "jobs"))
    monkeypatch.setattr(room, "LONGEST", len(str(machine.tmp)))

    assert machine.asked() == machine.tmp


def test_everything_that_is_short_is_said_at_once_with_numbers(machine: Machine) -> None:
    machine.free |= {machine.tmp: GIB // 2, machine.var_tmp: 0, machine.home: GIB // 4}
    machine.memory, machine.files = GIB // 2, (512, 1024)

    lines = machine.refusal(memory=4, data=2, home=1).splitlines()

    assert [line.partition(":")[0] for line in lines] == ["GONOGO_HOME", "data", "memory", "open files"]
    assert f"needs 1.0 GiB below {machine.home}, 0.2 GiB free" in lines[0]
    assert f"needs 3.0 GiB below {machine.tmp}, 0.5 GiB free" in lines[1]
    assert "needs 4.0 GiB, 0.5 GiB available" in lines[2]
    assert "needs 4096, the hard limit is 1024" in lines[3]


def test_a_home_that_is_full_is_short_also_where_everything_is_there(machine: Machine) -> None:
    machine.free[machine.home] = 4096

    assert f"GONOGO_HOME: needs 1.0 MiB below {machine.home}, 0.0 MiB free" in machine.refusal(home=0)


@pytest.mark.parametrize("files", [(1024, 1 << 20), (1024, 4096), (1024, resource.RLIM_INFINITY)])
def test_asking_for_room_changes_no_limit(machine: Machine, files: tuple[int, int]) -> None:
    machine.files = files

    machine.asked()

    assert machine.files == files


def test_a_container_may_hold_less_memory_than_the_machine(machine: Machine, tmp_path: Path) -> None:
    group = tmp_path / "cgroup"
    group.mkdir()
    (group / "memory.max").write_text(f"{3 * GIB}\n")
    (group / "memory.current").write_text(f"{2 * GIB}\n")
    (group / "memory.stat").write_text(f"anon 1\ninactive_file {GIB}\n")

    assert "memory: needs 4.0 GiB, 2.0 GiB available" in machine.refusal(memory=4)


def test_a_folder_that_servers_cannot_enter_is_passed_over(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "barrier", {machine.tmp: machine.tmp}.get)

    assert machine.asked(other_users=True) == machine.var_tmp
    assert machine.asked(other_users=False) == machine.tmp


def test_a_home_that_servers_cannot_enter_is_named(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "barrier", {machine.home: machine.home.parent}.get)

    assert f"other users may not enter {machine.home.parent}" in machine.refusal(other_users=True)


def test_another_machine_gets_one_sentence(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")

    assert machine.refusal().startswith("this machine: is Linux on aarch64; the embedded servers run on Linux x86-64")


def test_needs_add_up_and_only_root_starts_servers_as_other_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = SimpleNamespace(memory=10, disk=20, user="unprivileged")
    monkeypatch.setattr(room, "missing", lambda *_: {tmp_path / "shared": 7})
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    as_root = Need.of([(spec, tmp_path), (spec, tmp_path)], tmp_path)  # type: ignore[list-item]
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert as_root == Need(20 << 20, 40 << 20, 7, other_users=True)
    assert not Need.of([(spec, tmp_path)], tmp_path).other_users  # type: ignore[list-item]


def test_shared_memory_is_memory() -> None:
    assert room.in_memory(Path("/dev/shm"))
    assert not room.in_memory(Path("/proc"))
