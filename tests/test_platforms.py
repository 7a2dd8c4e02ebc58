"""The list of platforms names what is up, and nothing of somebody else's is ever ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from gonogo.core.waiting import until
from gonogo.providers.embedded import keeper, platforms
from gonogo.providers.embedded.control import KeeperLost
from gonogo.providers.embedded.platforms import KnownPlatform, Record
from gonogo.providers.embedded.recipe import NodeRecipe, Program, Recipe

Create = Callable[..., KnownPlatform]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty GONOGO_HOME."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def create(home: Path, tmp_path: Path) -> Iterator[Create]:
    """Makes platforms, all ended afterwards."""
    made = []

    def one(root: Path = tmp_path / "checkout", *, kept: bool = False) -> KnownPlatform:
        folder = tmp_path / f"data-{len(made)}"
        folder.mkdir()
        platform, process = platforms.create(home, root, folder)
        made.append((platform, process))
        if kept:
            platform.keep()
        return platform

    yield one
    for platform, process in made:
        with process:
            platform.end()


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is none of ours."""
    with subprocess.Popen(["/bin/sleep", "1000"]) as process:
        yield process
        process.kill()


def record(**changes: object) -> Record:
    """A record of a platform that is no more."""
    blank = Record(
        id="pv-20250101000000-000000", keeper=1, keeper_start=1, root="/", folder="/none", owner=os.geteuid(), since=""
    )
    return replace(blank, **changes)


def written(home: Path, one: Record) -> Path:
    """The record as a file of the list."""
    (home / "platforms").mkdir(exist_ok=True)
    path = home / "platforms" / f"{one.id}.json"
    path.write_bytes(msgspec.json.encode(one))
    path.chmod(0o600)
    return path


def marked(data: Path, platform: str = "pv-20250101000000-000000") -> Path:
    """The folder as one that this platform has made."""
    data.mkdir(exist_ok=True)
    (data / platforms.MARK).write_text(f"{platform}\n")
    return data


def test_a_platform_is_found_by_its_checkout_once_it_is_kept(create: Create, home: Path, tmp_path: Path) -> None:
    platform = create()
    assert platforms.find(home, tmp_path / "checkout") is None
    platform.keep()
    found = platforms.find(home, tmp_path / "checkout")
    assert found
    assert found.id == platform.id
    assert platforms.find(home, tmp_path / "another") is None


def test_of_two_the_latest_is_found(create: Create, home: Path, tmp_path: Path) -> None:
    first, second = create(kept=True), create(kept=True)
    assert [one.id for one in platforms.of(home, tmp_path / "checkout")] == [second.id, first.id]


def test_an_ended_platform_leaves_nothing(create: Create, home: Path) -> None:
    platform = create(kept=True)
    platform.end()
    assert platforms.listed(home) == []
    assert not platform.folder.exists()
    assert list((home / "platforms").glob("*.json")) == []
    with pytest.raises(KeeperLost):
        platform.change(lambda now: now)


def test_all_platforms_end_wherever_their_checkout_is(create: Create, home: Path) -> None:
    made = [create(kept=True), create(Path("/gone"), kept=True), create()]
    assert set(platforms.end_all(home)) == {one.id for one in made}
    assert not any(one.alive for one in made)


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_a_platform_whose_keeper_hangs_or_is_gone_ends_all_the_same(create: Create, home: Path, number: int) -> None:
    platform = create()
    keeper.send(platform.record.keeper, platform.record.keeper_start, number)
    platform.end()
    assert not platform.alive
    assert not platform.folder.exists()
    assert platforms.listed(home) == []


def test_only_the_owner_may_read_the_list(create: Create, home: Path) -> None:
    platform = create()
    assert (home / "platforms").stat().st_mode & 0o777 == 0o700
    assert platform.path.stat().st_mode & 0o777 == 0o600


def test_a_torn_record_and_one_of_another_version_are_left_alone(create: Create, home: Path) -> None:
    platform = create()
    torn = written(home, record(id="pv-20250101000000-000001"))
    torn.write_bytes(torn.read_bytes()[:40])
    newer = written(home, record(id="pv-20250101000000-000002"))
    newer.write_text(newer.read_text().replace('"kept"', '"kept_by"'))
    platforms.clean(home)
    assert [one.id for one in platforms.listed(home)] == [platform.id]
    assert torn.exists()
    assert newer.exists()


def test_a_record_whose_pid_was_given_to_somebody_else_is_removed_and_nobody_killed(
    home: Path, tmp_path: Path, other: subprocess.Popen[bytes]
) -> None:
    data, seen = marked(tmp_path / "data"), keeper.process(other.pid)
    assert seen
    path = written(home, record(keeper=other.pid, keeper_start=seen.start - 1, folder=str(data), kept=True))
    assert platforms.listed(home) == []
    KnownPlatform(path, record(keeper=other.pid, keeper_start=seen.start - 1, folder=str(data))).end()
    assert not path.exists()
    assert not data.exists()
    assert other.poll() is None


def recipe(folder: str, node: str = "one") -> Recipe:
    """The recipe of a component ``echo`` whose data folder is this one."""
    program = Program(argv=("/bin/true",), env={})
    one = NodeRecipe(
        name=node,
        folder=f"{folder}/{node}",
        ports={"main": 1},
        after=(),
        files={},
        prepare=(),
        command=program,
        stop=15,
        grace=1,
    )
    return Recipe(
        component="echo",
        version="1",
        folder=folder,
        uid=None,
        ready=1,
        repair="node",
        generated={},
        nodes=(one,),
        finish=(),
        children=(),
        addresses={},
        secrets={},
    )


Forge = Callable[[Path, Path, "subprocess.Popen[bytes]"], object]


def forged(**changes: object) -> Forge:
    """A record with these changes, written as ours is."""
    return lambda home, data, _: written(home, record(folder=str(data), **changes))


def names_a_living_process(home: Path, data: Path, other: subprocess.Popen[bytes]) -> None:
    """A record that says of somebody's process that it is our keeper."""
    seen = keeper.process(other.pid)
    assert seen
    written(home, record(keeper=other.pid, keeper_start=seen.start, folder=str(data), kept=True))


def a_path_as_id(home: Path, data: Path, _: object) -> None:
    """A record whose id leads out of the list."""
    path = written(home, record(folder=str(marked(data))))
    path.write_bytes(msgspec.json.encode(record(id="../../evil", folder=str(data))))


def under_another_name(home: Path, data: Path, _: object) -> None:
    """A record in a file that is called otherwise."""
    written(home, record(folder=str(marked(data)))).rename(home / "platforms" / "pv-20250101000000-ffffff.json")


def open_to_all(home: Path, data: Path, _: object) -> None:
    """A record that anybody may have written."""
    written(home, record(folder=str(marked(data)))).chmod(0o666)


def a_link(home: Path, data: Path, _: object) -> None:
    """A record that lies elsewhere."""
    path = written(home, record(folder=str(marked(data))))
    path.rename(home / "elsewhere")
    path.symlink_to(home / "elsewhere")


def a_link_as_data(home: Path, data: Path, _: object) -> None:
    """A data folder that is a link to one with our mark."""
    data.rename(data.with_name("theirs"))
    marked(data.with_name("theirs"))
    data.symlink_to(data.with_name("theirs"))
    written(home, record(folder=str(data)))


def another_mark(home: Path, data: Path, _: object) -> None:
    """A data folder with the mark of another platform."""
    marked(data, "pv-20250101000000-ffffff")
    written(home, record(folder=str(data)))


def huge(home: Path, data: Path, _: object) -> None:
    """A record of more bytes than any platform needs."""
    path = written(home, record(folder=str(marked(data))))
    path.write_bytes(path.read_bytes() + b" " * (platforms.LARGEST + 1))


FORGED: dict[str, tuple[Forge, str]] = {
    "no mark in the folder": (forged(), "holds no mark of this platform"),
    "the mark of another": (another_mark, "holds no mark of this platform"),
    "a link as its folder": (a_link_as_data, "holds no mark of this platform"),
    "somebody's process": (names_a_living_process, "is no keeper of this platform"),
    "an id that is none": (a_path_as_id, "no record of a platform"),
    "the id of another": (under_another_name, "no record of a platform"),
    "another owner": (forged(owner=4711), "no record of a platform"),
    "written by others": (open_to_all, "other accounts may write"),
    "a link": (a_link, "symbolic link"),
    "huge": (huge, "bytes"),
    "the root as its folder": (lambda home, *_: written(home, record(folder="/")), "is no data folder"),
    "a folder above": (lambda home, data, _: written(home, record(folder=f"{data}/../home")), "is no data folder"),
    "a relative folder": (lambda home, *_: written(home, record(folder="home")), "is no data folder"),
    "a component elsewhere": (forged(components={"echo": recipe("/home")}), "leads out of its data folder"),
    "a component above": (
        lambda home, data, _: written(home, record(folder=str(data), components={"..": recipe(f"{data}/..")})),
        "leads out of its data folder",
    ),
    "a node above": (
        lambda home, data, _: written(
            home, record(folder=str(data), components={"echo": recipe(f"{data}/echo", "..")})
        ),
        "leads out of its data folder",
    ),
}


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_record_is_told_and_acted_on_by_nobody(
    home: Path, tmp_path: Path, other: subprocess.Popen[bytes], how: str
) -> None:
    forge, said = FORGED[how]
    (data := tmp_path / "data").mkdir()
    (data / "precious").write_text("theirs")
    forge(home, data, other)

    told = platforms.strange(home)
    ended = platforms.end_all(home)
    platforms.clean(home, kept=True)

    assert len(told) == 1
    assert said in told[0]
    assert ended == []
    assert (data / "precious").read_text() == "theirs"
    assert other.poll() is None
    assert platforms.find(home, Path("/")) is None


def test_a_component_is_only_removed_below_a_folder_with_our_mark(create: Create) -> None:
    platform = create()
    (platform.folder / "echo").mkdir()
    (platform.folder / platforms.MARK).write_text("pv-20250101000000-ffffff\n")

    platform.remove("echo")
    platform.remove("..")

    assert (platform.folder / "echo").exists()


def test_what_was_kept_and_lost_its_keeper_keeps_its_data_until_that_is_asked_for(create: Create, home: Path) -> None:
    kept, own = create(kept=True), create()
    for platform in (kept, own):
        keeper.send(platform.record.keeper, platform.record.keeper_start, signal.SIGKILL)
        until(lambda one=platform: not one.alive, awaited="its end", within=5)

    create()
    after_another = kept.folder.exists(), own.folder.exists()
    platforms.clean(home, kept=True)

    assert after_another == (True, False)
    assert not kept.folder.exists()


def test_what_a_killed_keeper_left_is_ended_and_what_has_a_keeper_is_not(home: Path) -> None:
    own = keeper.process(os.getpid())
    assert own
    marks = [f"{own.pid}:{own.start - 1}", f"{own.pid}:{own.start}", "nonsense"]
    started = [subprocess.Popen(["/bin/sleep", "1000"], env={"GONOGO_KEEPER": mark}) for mark in marks]
    try:
        until(
            lambda: all("GONOGO_KEEPER" in keeper.environment(p.pid) for p in started), awaited="their start", within=5
        )
        found = platforms.clean(home)
        assert [one.pid for one in found if one.pid in {p.pid for p in started}] == [started[0].pid]
        assert started[0].wait(5) == -signal.SIGKILL
        assert [p.poll() for p in started[1:]] == [None, None]
    finally:
        for process in started:
            with process:
                process.kill()


def test_changes_from_many_hands_are_all_kept(create: Create) -> None:
    platform = create()
    names = [f"component{n}" for n in range(12)]
    held = []

    def reserve(name: str) -> None:
        held.append(platform.reserve(name, {"node": ("one", "two")}))

    threads = [threading.Thread(target=reserve, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    now = platform.record
    assert set(now.ports) == set(names)
    assert len(now.reserved()) == 2 * len(names)
    for one in held:
        for reserved in one["node"].values():
            reserved.close()


def test_a_reserved_port_is_no_other_platforms_until_it_is_dropped(
    create: Create, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = create(), create()
    held = first.reserve("component", {"node": ("one",)})
    port = held["node"]["one"].getsockname()[1]
    held["node"]["one"].close()
    taken: list[set[int]] = []
    monkeypatch.setattr(platforms.ports, "choose", lambda count, others: taken.append(set(others)) or [])
    second.reserve("other", {})
    first.drop("component")
    second.reserve("other", {})
    assert [port in one for one in taken] == [True, False]


def test_where_there_is_no_proc_there_are_no_orphans(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_: str) -> list[str]:
        raise FileNotFoundError

    monkeypatch.setattr(os, "listdir", absent)

    assert platforms.orphans() == []


def test_sockets_of_killed_servers_are_removed_and_those_in_use_are_not(tmp_path: Path) -> None:
    names = ["server-grpc-23456.sock", "server-grpc-23457.sock", "other-99999.sock", "used-23456.sock"]
    sockets = [socket.socket(socket.AF_UNIX) for _ in names]
    for one, name in zip(sockets, names, strict=True):
        one.bind(str(tmp_path / name))
    for one in sockets[:3]:
        one.close()
    (tmp_path / "file-23456.sock").touch()

    platforms.unlink_sockets(record(ports={"store": {"one": {"main": 23456, "spare": 23457}}}), tmp_path)

    sockets[3].close()
    assert {path.name for path in tmp_path.iterdir()} == {"other-99999.sock", "used-23456.sock", "file-23456.sock"}
