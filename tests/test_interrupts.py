"""Ctrl-C and its kin: once is an interrupt, twice leaves at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from gonogo.core.interrupts import ENDS, Interrupts


class Left(BaseException):
    """This process would have ended here."""


@pytest.fixture
def said() -> list[str]:
    """The last words."""
    return []


@pytest.fixture
def heard() -> Iterator[None]:
    """The signals do what they do by default, also where these tests run below nohup or in the background."""
    handlers = signal.default_int_handler, signal.SIG_DFL, signal.SIG_DFL
    before = {number: signal.signal(number, handler) for number, handler in zip(ENDS, handlers, strict=True)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def interrupts(heard: None, said: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Interrupts]:
    """Caught, in a process that cannot leave."""

    def leave(code: int) -> None:
        raise Left(code)

    monkeypatch.setattr(os, "_exit", leave)
    one = Interrupts(lambda: said.append("goodbye"))
    one.catch()
    yield one
    one.release()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_interrupts(interrupts: Interrupts, said: list[str], number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt, match=number.name):
        signal.raise_signal(number)

    assert said == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_second_leaves_at_once(interrupts: Interrupts, said: list[str], number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGHUP)

    with pytest.raises(Left, match="130"):
        signal.raise_signal(number)

    assert said == ["goodbye"]


def test_a_terminal_that_tells_twice_that_it_is_closed_is_told_once(interrupts: Interrupts, said: list[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGHUP)

    signal.raise_signal(signal.SIGHUP)

    assert said == []
    assert interrupts.count == 2


def test_taking_down_is_not_interrupted(interrupts: Interrupts) -> None:
    interrupts.held = True

    signal.raise_signal(signal.SIGINT)

    assert interrupts.count == 1
    with pytest.raises(Left):
        signal.raise_signal(signal.SIGINT)


def test_what_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    one = Interrupts(lambda: None)
    try:
        one.catch()

        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        one.release()
        signal.signal(signal.SIGHUP, before)


def test_signals_go_back_to_whom_they_belonged() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    one = Interrupts(lambda: None)

    one.catch()
    one.catch()
    one.release()

    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_a_thread_that_may_handle_no_signals_changes_nothing() -> None:
    before, one = signal.getsignal(signal.SIGINT), Interrupts(lambda: None)
    thread = threading.Thread(target=one.catch)

    thread.start()
    thread.join()

    assert signal.getsignal(signal.SIGINT) is before
