"""A keeper's servers end with it, and it ends with its owner."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gonogo.core.waiting import until
from gonogo.providers.embedded import keeper
from gonogo.providers.embedded.control import Control, KeeperError, KeeperLost, connected, launch
from tests.small_servers import SERVER, marked, pids, runs

RUN = "pv-20260101000000-abcdef"


class Kept:
    """A keeper with its folder, and programs to start there."""

    def __init__(self, folder: Path, record: Path) -> None:
        self.folder, self.record = folder, record
        self.process = launch(RUN, folder, record)
        self.seen = keeper.process(self.process.pid)
        self.control = Control(folder)

    def program(self, script: str, *arguments: str, **more: Any) -> dict[str, Any]:
        """What to start for a Python script."""
        return {
            "argv": [sys.executable, "-I", "-S", "-c", script, *arguments],
            "env": {"PASSWORD": "x"},
            "cwd": str(self.folder),
            "log": str(self.folder / "log"),
            "stop": signal.SIGTERM,
            "grace": 5.0,
            **more,
        }

    def log(self) -> str:
        """What the programs have written."""
        return (self.folder / "log").read_text()

    def family(self) -> list[keeper.Process | None]:
        """A server with a child in its own session, a deaf daemon and a nameless child, all of them running."""
        self.control.start("family", **self.program(SERVER, "0", "family", "deaf", grace=1.0))
        until(lambda: len(pids(self.log())) == 4, awaited="the family", within=10)
        return [keeper.process(pid) for pid in pids(self.log()).values()]

    def states(self, family: list[keeper.Process | None]) -> set[str]:
        """What its processes do now."""
        return {now.state for now in (keeper.process(one.pid) for one in family if one) if now}

    def gone(self, family: list[keeper.Process | None]) -> bool:
        """Whether nothing of it is left."""
        return not any(map(runs, family)) and not marked(RUN) and not runs(self.seen) and not self.folder.exists()


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """A keeper of this process, ended afterwards."""
    folder = tmp_path / "ein Ordner mit Ä und Leerzeichen, länger als der Pfad eines Sockets sein darf" / ("p" * 40)
    folder.mkdir(parents=True)
    (record := tmp_path / "record.json").touch()
    one = Kept(folder, record)
    yield one
    with one.process:
        one.process.kill()
    for pid in marked(RUN):
        os.kill(pid, signal.SIGKILL)


def test_the_end_takes_sessions_daemons_and_nameless_children_along(kept: Kept) -> None:
    family = kept.family()
    kept.control.end()
    kept.process.wait(5)
    assert kept.gone(family)
    assert not kept.record.exists()


def test_the_owner_may_close_its_pipe(kept: Kept) -> None:
    family = kept.family()
    assert kept.process.stdin
    kept.process.stdin.close()
    kept.process.wait(10)
    assert kept.gone(family)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_everything(kept: Kept, number: int) -> None:
    family = kept.family()
    kept.process.send_signal(number)
    kept.process.wait(10)
    assert kept.gone(family)


def test_a_stopped_server_ends_too(kept: Kept) -> None:
    family = kept.family()
    kept.control.signal("family", signal.SIGSTOP)
    until(lambda: kept.states(family) == {"T"}, awaited="its halt", within=5)
    kept.control.end()
    kept.process.wait(5)
    assert kept.gone(family)


def test_once_kept_it_outlives_its_owner(kept: Kept) -> None:
    family = kept.family()
    kept.control.keep()
    assert kept.process.stdin
    kept.process.stdin.close()
    assert kept.control.rows()["family"].code is None
    kept.control.end()
    kept.process.wait(5)
    assert kept.gone(family)


def test_the_death_of_a_server_is_told_and_ends_the_rest_of_its_tree(kept: Kept) -> None:
    family = kept.family()
    row = kept.control.rows()["family"]
    exited = kept.control.exited(row)
    os.kill(row.pid, signal.SIGKILL)
    assert exited.result(5) == -signal.SIGKILL
    # The nameless one stayed in the server's session, so it is known; the keeper itself lives on.
    until(lambda: not any(map(runs, family)), awaited="the end of the tree", within=5)
    assert kept.control.rows()["family"].code == -signal.SIGKILL


def test_another_servers_tree_is_left_alone(kept: Kept) -> None:
    family = kept.family()
    kept.control.start("other", **kept.program("import signal; signal.pause()"))
    kept.control.stop("other")
    assert all(map(runs, family))


def test_an_exit_before_anybody_asked_is_known(kept: Kept) -> None:
    row = kept.control.start("short", **kept.program("import sys; sys.exit(9)"))
    assert kept.control.exited(row).result(5) == 9
    assert Control(kept.folder).exited(row).result(5) == 9


def test_a_server_starts_again_as_it_was(kept: Kept) -> None:
    first = kept.control.start("server", **kept.program("import signal; print('here', flush=True); signal.pause()"))
    with pytest.raises(KeeperError, match="it is running"):
        kept.control.start("server")
    until(lambda: "here" in kept.log(), awaited="the server", within=5)
    assert kept.control.stop("server").code == -signal.SIGTERM
    second = kept.control.start("server")
    until(lambda: kept.log().count("here") == 2, awaited="the second start", within=5)
    assert second.pid != first.pid


def test_the_environment_is_what_was_asked_for(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    row = kept.control.start("env", **kept.program("import os; print(sorted(os.environ))", env={"LANG": "C.UTF-8"}))
    kept.control.exited(row).result(5)
    assert kept.log() == "['GONOGO_KEEPER', 'GONOGO_PLATFORM', 'GONOGO_SERVER', 'LANG']\n"


def test_standard_input_is_what_was_asked_for(kept: Kept) -> None:
    text = "ein Passwort: ü\n" * 10_000
    script = "import sys; print(len(sys.stdin.buffer.read().decode()))"
    row = kept.control.start("reads", **kept.program(script, stdin=text))
    kept.control.exited(row).result(5)
    assert kept.log() == f"{len(text)}\n"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"argv": ["/no/such/program"]}, "No such file"),
        ({"cwd": "/no/such/folder"}, "No such file"),
        ({"log": "/"}, "Is a directory"),
    ],
)
def test_what_cannot_be_started_is_said(kept: Kept, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(KeeperError, match=said):
        kept.control.start("wrong", **{**kept.program("pass"), **wrong})
    assert kept.control.rows() == {}


def test_nonsense_is_answered_and_does_no_harm(kept: Kept) -> None:
    with connected(kept.folder) as connection, connection.makefile("rb") as answers:
        nonsense = b'nonsense\n{"do": "dance"}\n{"do": "stop", "name": "nobody"}\n[]\n'
        for part in (nonsense, b'{"do":', b' "list"}\n'):
            connection.sendall(part)
        replies = [answers.readline() for _ in range(5)]
    assert [b"error" in reply for reply in replies] == [True] * 4 + [False]
    assert kept.control.rows() == {}


def test_only_the_owner_may_ask(kept: Kept) -> None:
    assert (kept.folder / keeper.SOCKET).stat().st_mode & 0o777 == 0o600


def test_logs_are_kept_where_that_was_asked_for(kept: Kept, tmp_path: Path) -> None:
    row = kept.control.start("a/b", **kept.program("print('why it failed')"))
    kept.control.exited(row).result(5)
    kept.control.retain(["a/b", "never/started"], tmp_path / "kept")
    kept.control.end()
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["a-b.log"]
    assert (tmp_path / "kept" / "a-b.log").read_text() == "why it failed\n"


def test_a_kept_platform_ends_with_its_record_without_which_nobody_finds_it(kept: Kept) -> None:
    family = kept.family()
    kept.control.keep()
    assert kept.control.rows().keys() == {"family"}
    kept.record.unlink()
    with suppress(KeeperLost):
        kept.control.rows()  # it looks around whenever something happens, and every few seconds
    until(lambda: kept.gone(family), awaited="the end of everything", within=10)


def test_whoever_waits_learns_that_the_keeper_was_killed(kept: Kept) -> None:
    row = kept.control.start("server", **kept.program("import signal; signal.pause()"))
    exited = kept.control.exited(row)
    kept.process.kill()
    kept.process.wait(5)
    with pytest.raises(KeeperLost):
        exited.result(5)
    with pytest.raises(KeeperLost):
        kept.control.rows()
    until(lambda: not keeper.alive(row.pid, row.start), awaited="the server, which dies with its keeper", within=5)


def test_a_keeper_whose_owner_is_gone_already_ends_at_once(tmp_path: Path) -> None:
    (folder := tmp_path / "platform").mkdir()
    program = [sys.executable, "-I", "-S", keeper.__file__, RUN, str(folder), str(tmp_path / "record"), "1:1"]
    done = subprocess.run(program, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False)
    assert done.returncode == 0
    assert not folder.exists()


def test_a_signal_reaches_only_the_process_it_was_meant_for() -> None:
    other = subprocess.Popen(["/bin/sleep", "1000"])
    seen = keeper.process(other.pid)
    assert seen
    assert not keeper.send(seen.pid, seen.start + 1, signal.SIGKILL)
    assert not keeper.send(2**22 + 1, seen.start, signal.SIGKILL)
    assert other.poll() is None
    assert keeper.send(seen.pid, seen.start, signal.SIGKILL)
    assert other.wait(5) == -signal.SIGKILL


def test_a_name_with_parentheses_does_not_confuse_the_table(tmp_path: Path) -> None:
    (odd := tmp_path / "a) R 1 (b").symlink_to("/bin/sleep")
    with subprocess.Popen([odd, "1000"]) as other:
        until(lambda: Path(f"/proc/{other.pid}/comm").read_text() == "a) R 1 (b\n", awaited="its name", within=5)
        seen = keeper.process(other.pid)
        other.kill()
    assert seen
    assert seen.parent == os.getpid()


def test_a_held_connection_does_not_hold_the_keeper_up(kept: Kept) -> None:
    with connected(kept.folder) as idle, connected(kept.folder) as watching:
        idle.sendall(b'{"do": "li')
        watching.sendall(b'{"do": "watch"}\n')
        watching.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        kept.control.start("server", **kept.program("import signal; signal.pause()"))
        kept.control.end()
    assert not kept.folder.exists()


def test_a_socket_that_a_server_has_put_elsewhere_is_removed(kept: Kept) -> None:
    with tempfile.TemporaryDirectory() as elsewhere:
        there = Path(elsewhere, "a socket")
        script = f"import signal, socket; s = socket.socket(socket.AF_UNIX); s.bind({str(there)!r}); signal.pause()"
        kept.control.start("server", **kept.program(script, stop=signal.SIGKILL))
        until(there.exists, awaited="the socket", within=5)
        kept.control.end()
        assert not there.exists()


def test_memory_that_a_killed_server_left_is_removed(kept: Kept) -> None:
    script = "import ctypes, signal; print(ctypes.CDLL(None).shmget(0, 4096, 0o1600), flush=True); signal.pause()"
    row = kept.control.start("server", **kept.program(script, stop=signal.SIGKILL))
    until(lambda: kept.log().endswith("\n"), awaited="the memory", within=5)
    assert keeper.unused_memory({row.pid}) == [int(kept.log())]
    kept.control.end()
    assert keeper.unused_memory({row.pid}) == []


FED = "import select, sys; print(sys.stdin.buffer.read(3).hex(), select.select([0], [], [], 0.3)[0], flush=True)"


def test_a_server_that_is_fed_reads_bytes_and_no_end(kept: Kept) -> None:
    row = kept.control.start("fed", **kept.program(FED, stdin="00 ff\n16", fed=True))
    assert kept.control.exited(row).result(10) == 0
    assert kept.log() == "00ff16 []\n"
    again = kept.control.start("fed")
    assert kept.control.exited(again).result(10) == 0
    assert kept.log() == "00ff16 []\n" * 2


def test_more_than_a_pipe_holds_is_refused(kept: Kept) -> None:
    with pytest.raises(KeeperError, match="more than a pipe holds"):
        kept.control.start("fed", **kept.program(FED, stdin="00" * (1 << 20), fed=True))


BURN = "import time, sys\nwhile time.process_time() < 0.3: pass\nprint('done', flush=True); sys.stdin.read()"


def test_processor_time_is_known_of_what_runs_and_of_what_has_ended(kept: Kept) -> None:
    kept.control.start("busy/one", **kept.program(BURN, fed=True))
    until(lambda: kept.log() == "done\n", awaited="its work", within=20)
    running = kept.control.used("busy")
    kept.control.stop("busy/one")
    assert 0.25 < running <= kept.control.used("busy") + 0.02
    assert kept.control.used("idle") == 0
