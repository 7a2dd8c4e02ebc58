"""Waiting, by a clock that only counts."""

from __future__ import annotations

import pytest
from clocks import Counting

from gonogo.core.errors import NotReady, Refused
from gonogo.core.waiting import Deadline, pause, until


def test_the_first_good_answer_ends_the_wait() -> None:
    clock = Counting()
    answers = iter([0, 0, 3])

    assert until(lambda: next(answers), awaited="three", within=10, every=1, clock=clock) == 3
    assert clock.time == 2


def test_a_deadline_tells_what_was_awaited_and_what_was_seen_last() -> None:
    with pytest.raises(NotReady, match=r"three brokers: not within 2 s, asked 3 times; last seen: \[1, 2\]"):
        until(lambda: [1, 2], awaited="three brokers", within=2, every=1, enough=lambda _: False, clock=Counting())


def test_transport_errors_count_as_not_yet_and_others_rise() -> None:
    def refused() -> None:
        raise Refused("store", "refused")

    with pytest.raises(NotReady) as caught:
        until(refused, awaited="it", within=1, retry=(Refused,), clock=Counting())
    assert isinstance(caught.value.__cause__, Refused)
    with pytest.raises(Refused):
        until(refused, awaited="it", within=1, clock=Counting())


def test_waiting_ends_when_it_has_become_pointless() -> None:
    def died() -> None:
        raise RuntimeError("its process ended")

    with pytest.raises(RuntimeError, match="its process ended"):
        until(lambda: False, awaited="it", within=60, running=died, clock=Counting())


def test_news_are_waited_for_in_place_of_the_clock() -> None:
    waited: list[float] = []

    assert until(lambda: len(waited), awaited="two", within=10, every=3, enough=lambda n: n == 2, news=waited.append)
    assert waited == [3, 3]


def test_a_deadline_never_has_negative_time_left() -> None:
    clock = Counting()
    deadline = Deadline(1, clock)
    clock.sleep(5)

    assert deadline.passed
    assert deadline.left == 0


def test_a_pause_takes_its_time_and_needs_a_reason() -> None:
    clock = Counting()

    pause(3, reason="the index refreshes", clock=clock)

    assert clock.time == 3
    with pytest.raises(AssertionError):
        pause(1, reason="")
