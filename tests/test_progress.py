"""Progress: a line per change where nobody watches, a table where somebody does."""

from __future__ import annotations

import io
import re
import sys

import pytest
from clocks import Counting

from gonogo.core.outcomes import Outcome
from gonogo.core.servers import Phase, Progress
from gonogo.run.progress import Screen, original_stderr


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the surrounding terminal."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_each_phase_is_a_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    clock, stream = Counting(), io.StringIO()
    screen = Screen(stream, clock)

    with screen:
        screen.tell(Progress("store", Phase.FETCHING, "1.0 of 9.0 MiB, store.jar"))
        screen.tell(Progress("store", Phase.FETCHING, "2.0 of 9.0 MiB, store.jar"))
        clock.sleep(2.5)
        screen.tell(Progress("store", Phase.READY))

    assert stream.getvalue().splitlines() == [
        "   0.0 s  store          fetching  1.0 of 9.0 MiB, store.jar",
        "   2.5 s  store          ready",
    ]
    assert capsys.readouterr().out == ""


def test_what_is_to_be_known_afterwards_is_a_line_of_its_own_each_time() -> None:
    stream = Terminal()
    screen = Screen(stream)

    with screen:
        for key in ("proxy", "ca"):
            screen.tell(Progress("store", Phase.FETCHING, f"{key} is not applied", stays=True))

    said = re.sub("\x1b[^a-zA-Z]*[a-zA-Z]", "", stream.getvalue())
    assert [line.strip() for line in said.splitlines() if "store" in line] == [
        "store: proxy is not applied",
        "store: ca is not applied",
    ]


def test_a_phase_that_goes_on_is_told_again_now_and_then() -> None:
    clock, stream = Counting(), io.StringIO()
    screen = Screen(stream, clock)

    for done in range(7):
        screen.tell(Progress("store", Phase.FETCHING, f"{done} of 9 MiB"))
        clock.sleep(5)

    assert stream.getvalue().splitlines() == [
        "   0.0 s  store          fetching  0 of 9 MiB",
        "  15.0 s  store          fetching  3 of 9 MiB",
        "  30.0 s  store          fetching  6 of 9 MiB",
    ]


def test_what_newly_stands_in_the_way_is_told_at_once() -> None:
    clock, stream = Counting(), io.StringIO()
    screen = Screen(stream, clock)

    for reason in ("", "", "CrashLoop", "CrashLoop", "OOMKilled", "CrashLoop"):
        screen.tell(Progress("store", Phase.WAITING, f"for {reason or 'its pods'}", reason=reason))
        clock.sleep(1)

    assert stream.getvalue().splitlines() == [
        "   0.0 s  store          waiting  for its pods",
        "   2.0 s  store          waiting  for CrashLoop",
        "   4.0 s  store          waiting  for OOMKilled",
    ]


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("FORCE_COLOR", "1")])
def test_a_table_moves_only_on_a_terminal_that_can_move_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    stream = Terminal() if name == "TERM" else io.StringIO()

    with Screen(stream, Counting()) as screen:
        screen.tell(Progress("store", Phase.STARTING))
        screen.tell(Progress("store", Phase.READY))

    assert re.findall(r"\x1b\[[\d?]*[A-KhlH]", stream.getvalue()) == []
    assert [line.split() for line in stream.getvalue().splitlines()] == [
        ["0.0", "s", "store", "starting"],
        ["0.0", "s", "store", "ready"],
    ]


def test_only_the_first_line_of_a_detail_is_shown() -> None:
    stream = io.StringIO()

    Screen(stream, Counting()).tell(Progress("store", Phase.FAILED, "it ended with 1\nTraceback: long"))

    assert stream.getvalue() == "   0.0 s  store          failed  it ended with 1\n"


def test_a_check_is_a_line_with_its_outcome() -> None:
    stream = io.StringIO()

    Screen(stream).checked("store.keeps", Outcome.FAILED, 0.25, "lost a thing")

    assert stream.getvalue().split() == ["✗", "store.keeps", "failed", "0.25", "s", "lost", "a", "thing"]


def test_a_long_line_is_not_broken_in_a_log() -> None:
    stream = io.StringIO()

    Screen(stream).line("x" * 500)

    assert stream.getvalue() == "x" * 500 + "\n"


def test_a_terminal_keeps_the_table_with_the_seconds_of_each_component() -> None:
    clock, stream = Counting(), Terminal()
    screen = Screen(stream, clock)

    with screen:
        screen.tell(Progress("store", Phase.STARTING))
        screen.tell(Progress("shop", Phase.WAITING, "for store"))
        clock.sleep(3)
        screen.tell(Progress("store", Phase.READY))
        clock.sleep(4)

    text = re.sub(r"\x1b\[[\d;?]*\w", "", stream.getvalue())
    table = [line.split() for line in text.splitlines()[-2:]]
    assert table == [["store", "ready", "3.0"], ["shop", "waiting", "7.0", "for", "store"]]


@pytest.mark.parametrize(("no_color", "coloured"), [(None, True), ("1", False)])
def test_a_terminal_without_colours_gets_none(
    monkeypatch: pytest.MonkeyPatch, no_color: str | None, coloured: bool
) -> None:
    if no_color:
        monkeypatch.setenv("NO_COLOR", no_color)
    stream = Terminal()

    Screen(stream).checked("store.keeps", Outcome.FAILED, 0.25)

    assert ("\x1b[3" in stream.getvalue()) is coloured


def test_progress_goes_to_the_process_and_not_to_what_stands_in_for_its_standard_error(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    instead = io.StringIO()
    monkeypatch.setattr(sys, "stderr", instead)

    with original_stderr() as stream:
        Screen(stream).line("here I am")

    assert (capfd.readouterr().err, instead.getvalue()) == ("here I am\n", "")
