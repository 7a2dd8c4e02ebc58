"""Many things asked one by one: within a number, within a time."""

from __future__ import annotations

import threading

import pytest

from gonogo.checks.many import MOST, asked_each


@pytest.mark.parametrize("at_once", [1, 8])
def test_each_is_asked_and_answers_for_itself(at_once: int) -> None:
    answers, left = asked_each(["a", "bb", "ccc"], len, at_once=at_once)

    assert answers == {"a": 1, "bb": 2, "ccc": 3}
    assert left == 0


@pytest.mark.parametrize("at_once", [1, 8])
def test_what_is_behind_the_first_two_hundred_is_counted(at_once: int) -> None:
    names = [str(number) for number in range(MOST + 50)]

    answers, left = asked_each(names, int, at_once=at_once)

    assert list(answers) == names[:MOST]
    assert left == 50


@pytest.mark.parametrize("at_once", [1, 8])
def test_what_the_time_does_not_reach_is_counted_and_not_asked(at_once: int) -> None:
    asked: list[str] = []

    answers, left = asked_each(["a", "b"], asked.append, at_once=at_once, within=0)

    assert (answers, left, asked) == ({}, 2, [])


def test_those_that_may_are_asked_side_by_side() -> None:
    together = threading.Barrier(3)  # nobody gets past it alone

    answers, _ = asked_each(["a", "b", "c"], lambda name: together.wait(timeout=10), at_once=3)

    assert sorted(answers.values()) == [0, 1, 2]


@pytest.mark.parametrize("at_once", [1, 8])
def test_an_error_of_one_is_the_error_of_all(at_once: int) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        asked_each(["1", "x"], int, at_once=at_once)
