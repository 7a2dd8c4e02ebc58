"""A lock that another process holds: whoever waits is told who it is, and goes on when it is free."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock
from samples import sample_results

from gonogo.core import holders
from gonogo.core.holders import held, holder, told_by
from gonogo.core.outlet import tell
from gonogo.providers.embedded.platforms import KnownPlatform, Record
from gonogo.providers.embedded.transfer import locked
from gonogo.run.outdated import put_away
from gonogo.run.publish import publish

HOLDS = """
import sys
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("", flush=True)
sys.stdin.read()
"""

pytestmark = pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux tells who holds a lock")


@contextmanager
def another(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock, until its standard input ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-c", HOLDS, str(path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is told, after a tenth of a second instead of one."""
    lines: list[str] = []
    monkeypatch.setattr(holders, "TOLD_AFTER", 0.1)
    told_by(lines.append)
    yield lines
    told_by(tell)


def platform(folder: Path) -> KnownPlatform:
    """One that nobody started, in a folder of its own."""
    record = Record(
        id="pv-20261130000000-abcdef",
        keeper=os.getpid(),
        keeper_start=1,
        root="/x",
        folder=str(folder),
        owner=os.geteuid(),
        since="2026-11-30T00:00:00Z",
    )
    return KnownPlatform(folder / "record.json", record)


def exclusively(folder: Path) -> None:
    with platform(folder).exclusively("kafka"):
        pass


def fetched(folder: Path) -> None:
    with locked(folder / "kafka.jar", folder, lambda _: None):
        pass


def put(folder: Path) -> None:
    (folder / "results.json").touch()
    put_away(folder)


PLACES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "the reports in": (".lock", lambda folder: publish(sample_results(), folder / "run", folder)),
    "the reports": (".lock", put),
    "kafka of platform pv-20261130000000-abcdef": ("kafka.lock", exclusively),
    "kafka.jar": ("locks/kafka.jar.lock", fetched),
}


@pytest.mark.parametrize("what", PLACES)
def test_who_holds_a_lock_is_told_wherever_one_is_taken(what: str, told: list[str], tmp_path: Path) -> None:
    name, take = PLACES[what]
    (tmp_path / "run").mkdir()
    with another(tmp_path / name) as process:
        taking = threading.Thread(target=take, args=(tmp_path,))
        taking.start()
        while taking.is_alive() and not told:
            taking.join(0.05)

        assert taking.is_alive()
    taking.join()

    assert len(told) == 1
    assert told[0].startswith(f"waiting for {what}")
    assert f"pid {process.pid} (python" in told[0] or f"pid {process.pid} (-c" in told[0]


def test_a_lock_that_is_free_is_no_news(told: list[str], tmp_path: Path) -> None:
    with held(FileLock(tmp_path / "x.lock"), "x"):
        pass

    assert told == []


def test_another_thread_of_ours_is_this_process(told: list[str], tmp_path: Path) -> None:
    with held(FileLock(tmp_path / "x.lock"), "x"):
        waiting = threading.Thread(target=lambda: held(FileLock(tmp_path / "x.lock"), "x").__enter__(), daemon=True)
        waiting.start()
        while not told:
            waiting.join(0.05)
    waiting.join()

    assert f"pid {os.getpid()}, this process itself," in told[0]


def test_who_only_waits_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with another(path) as process:
        assert str(process.pid) in holder(path)
        assert holder(path).count("pid") == 1

    assert holder(path) == "another process"
    assert holder(tmp_path / "gone") == "another process"


def test_a_secret_of_a_command_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    argv = [sys.executable, "-c", HOLDS, str(path), "--password", "hunter2hunter2"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        said = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys; from pathlib import Path; from gonogo.core.outlet import tell;"
                "from gonogo.core.holders import holder; tell(holder(Path(sys.argv[1])))",
                str(path),
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stderr
        process.stdin.close()

    assert str(process.pid) in said
    assert "hunter2" not in said
