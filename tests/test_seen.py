"""What a passing check saw reaches its own result, and no other's."""

from __future__ import annotations

import threading

import pytest

from gonogo.core.errors import Wrong, wrong
from gonogo.core.seen import Seen, saw, seeing


def test_everything_a_check_saw_is_shown_each_once() -> None:
    with seeing() as seen:
        saw("a first look", expected="3 hops")
        saw({"kafka": 0.1}, expected="3 hops")

    assert seen.expected == "3 hops"
    assert seen.actual == "a first look; {'kafka': 0.1}"


def test_a_false_claim_blames_what_was_seen_last() -> None:
    with seeing():
        saw(3, expected=3)
        saw(2, expected=3)
        with pytest.raises(Wrong) as caught:
            wrong("store.thing_missing")

    assert (caught.value.expected, caught.value.actual) == ("3", "2")


def test_nobody_listens_outside_a_check() -> None:
    with seeing() as seen:
        pass

    saw("late", expected="nothing")

    assert seen == Seen()


def test_checks_side_by_side_do_not_hear_each_other() -> None:
    def other() -> None:
        saw("theirs", expected="theirs")

    with seeing() as seen:
        saw("ours", expected="ours")
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    assert seen.actual == "ours"
