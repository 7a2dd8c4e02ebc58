"""What a passing check saw reaches its own result, and no other's."""

from __future__ import annotations

import threading

from gonogo.seen import Seen, saw, seeing


def test_the_last_word_of_the_body_counts() -> None:
    with seeing() as seen:
        saw("a first look", expected="3 hops")
        saw({"kafka": 0.1}, expected="3 hops")

    assert seen == Seen(expected="3 hops", actual="{'kafka': 0.1}")


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
