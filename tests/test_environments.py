"""Python environments of servers: made once of what a file pins, and named by it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from zipfile import ZipFile

import pytest

from gonogo.core.errors import ConfigError
from gonogo.core.waiting import until
from gonogo.providers.embedded.environments import environment
from gonogo.providers.embedded.fetch import Fetched, fetch, missing
from gonogo.providers.embedded.spec import Command, EmbeddedSpec, Node, ProgramSpec
from gonogo.providers.embedded.transfer import Cancelled

PROGRAM = {"server": ProgramSpec(requirements="requirements.txt", size=1000)}


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only packages that pip finds: ``some-server`` 1.0, a module of one line."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    information = "some_server-1.0.dist-info"
    with ZipFile(folder / "some_server-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("some_server.py", "WORD = 'served'\n")
        wheel.writestr(f"{information}/METADATA", "Metadata-Version: 2.1\nName: some-server\nVersion: 1.0\n")
        wheel.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{information}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def spec_of(tmp_path: Path, pins: str) -> EmbeddedSpec:
    """A component whose server runs from these packages; its folder is ``tmp_path``."""
    (tmp_path / "requirements.txt").write_text(pins)
    return EmbeddedSpec(
        version="1",
        memory=1,
        disk=1,
        programs=PROGRAM,
        nodes=(Node(name="one", ports=("client",)),),
        command=Command(argv=("true",)),
        endpoints={},
    )


def brought(tmp_path: Path, pins: str, cancelled: threading.Event | None = None) -> Fetched:
    """What is fetched for such a component, to ``tmp_path/home``."""
    told = lambda *_: None  # noqa: E731
    return fetch(spec_of(tmp_path, pins), tmp_path, tmp_path / "home", told, cancelled or threading.Event())


def test_a_server_runs_from_the_packages_that_are_pinned(tmp_path: Path, wheels: Path) -> None:
    made = brought(tmp_path, "# the server\nsome-server==1.0 ; python_version >= '3.9'\n")

    python = made.programs["server"] / "bin" / "python3"
    said = subprocess.run(
        [python, "-c", "import some_server; print(some_server.WORD)"], capture_output=True, check=True
    )
    ours = subprocess.run([python, "-c", "import gonogo"], capture_output=True, check=False)
    assert (said.stdout, ours.returncode) == (b"served\n", 1)


def test_an_environment_is_made_once(tmp_path: Path, wheels: Path) -> None:
    made = brought(tmp_path, "some-server==1.0\n").programs["server"]
    before = made.stat().st_ino

    (made / "kept by the server").write_text("tables")
    again = brought(tmp_path, "some-server==1.0\n").programs["server"]

    assert (again, again.stat().st_ino) == (made, before)
    assert missing(spec_of(tmp_path, "some-server==1.0\n"), tmp_path, tmp_path / "home") == {}


def test_other_pins_are_another_environment(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("some-server==1.0\n")
    (tmp_path / "same.txt").write_text("# said otherwise\nsome-server==1.0\n")
    (tmp_path / "other.txt").write_text("some-server==1.1\n")

    one, same, other = (environment("server", tmp_path / name).folder for name in ("one.txt", "same.txt", "other.txt"))

    assert one == same != other


def test_room_is_asked_for(tmp_path: Path) -> None:
    absent = missing(spec_of(tmp_path, "some-server==1.0\n"), tmp_path, tmp_path / "home")

    assert [*absent.values()] == [1000]


def test_a_line_that_pins_nothing_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        brought(tmp_path, "some-server\n\nother>=1\nright==1.0\n--index-url https://example.invalid\n")

    assert [problem.where.rpartition(":")[2] for problem in raised.value.problems] == ["1", "3", "5"]


def test_what_pip_refuses_is_one_sentence_and_nothing_is_kept(tmp_path: Path, wheels: Path) -> None:
    with pytest.raises(ConfigError, match=r"Python environment server: could not be installed: .*some-server==2\.0"):
        brought(tmp_path, "some-server==2.0\n")

    assert [one.name for one in (tmp_path / "home/programs").iterdir() if not one.name.endswith(".part")] == []


def test_it_stops_within_a_second_where_it_is_no_longer_wanted(tmp_path: Path, wheels: Path) -> None:
    cancelled = threading.Event()
    cancelled.set()
    began = time.monotonic()

    with pytest.raises(Cancelled):
        brought(tmp_path, "some-server==1.0\n", cancelled)

    assert time.monotonic() - began < 5
    assert missing(spec_of(tmp_path, "some-server==1.0\n"), tmp_path, tmp_path / "home") != {}


def test_what_makes_it_ends_with_us(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, os; from gonogo.providers.embedded import environments as e;"
        "p = subprocess.Popen([sys.executable, '-I', '-m', e.__name__, str(os.getpid()), '/bin/sleep', '60']);"
        "print(p.pid, flush=True); p.wait()"
    )
    ours = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert ours.stdout is not None
    child = int(ours.stdout.readline())
    named = Path(f"/proc/{child}/comm")
    until(lambda: named.read_text() == "sleep\n", awaited="the program runs", within=20)

    os.kill(ours.pid, signal.SIGKILL)
    ours.wait()
    ours.stdout.close()

    def ended() -> bool:
        try:
            return (
                named.with_name("stat").read_text().rpartition(")")[2].split()[0] == "Z"
            )  # whoever has it now may not wait
        except FileNotFoundError:
            return True

    until(ended, awaited="the program ended", within=20)
