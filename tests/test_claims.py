"""A claim is said once: what is decided is what is reported, of the check that said it and of no other."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import gonogo
from gonogo import (
    about,
    above,
    at_least,
    at_most,
    containing,
    count,
    each,
    expect,
    nothing,
    one_of,
    something,
)
from gonogo.core.errors import Wrong
from gonogo.core.seen import Observed, seeing, shown

CLAIMS: dict[str, tuple[Any, list[Any], list[Any], str]] = {
    "a plain value": (3, [3, 3.0], [2, "3", None], "3"),
    "a text": ("refused", ["refused"], ["served", "refused "], "refused"),
    "at most": (at_most(90, "%"), [90, -1], [90.5, 91, float("nan")], "at most 90 %"),
    "at least": (at_least(2), [2, 3], [1, float("nan")], "at least 2"),
    "above": (above(2, "workers"), [3], [2, 1], "more than 2 workers"),
    "about one": (about(2, within=0.01), [2, 2.01, 1.995], [2.1, float("nan")], "2, each to 0.01"),
    "about many": (about([21, -1], within=0.1), [[21, -1], (21.05, -1)], [[21, 1]], "21, -1, each to 0.1"),
    "nothing": (nothing(), [[], "", set(), {}], [["a"], "a"], "nothing"),
    "something": (something(), [["a"], "a"], [[], ""], "something"),
    "count": (count(3, "brokers"), [[1, 2, 3], {1: 0, 2: 0, 3: 0}], [[1, 2], [1, 2, 3, 4]], "3 brokers"),
    "containing a text": (containing("runs"), ["it runs"], ["it ran"], "containing 'runs'"),
    "containing several": (containing(1, 2), [[2, 1, 3], {1, 2}], [[1], []], "containing 1 and 2"),
    "one of": (one_of("green", "yellow"), ["green"], ["red", ""], "one of green, yellow"),
    "each": (each("online"), [["online"], {"a": "online"}], [["online", "off"], {"a": "off"}, [], {}], "each online"),
    "each of a kind": (each(at_least(400)), [{"a": 401}], [{"a": 401, "b": 200}, {}], "each at least 400"),
}


def decided(actual: Any, expected: Any) -> tuple[bool, Observed]:
    """Whether the claim is true, and what its check reports."""
    with seeing() as seen:
        try:
            expect(actual, expected, cause="store.lossy")
        except Wrong:
            return False, seen
        return True, seen


@pytest.mark.parametrize("how", CLAIMS)
def test_a_claim_is_true_or_false_and_says_what_it_asks(how: str) -> None:
    expected, right, wrong, text = CLAIMS[how]

    assert {decided(actual, expected)[0] for actual in right} == {True}
    assert {decided(actual, expected)[0] for actual in wrong} == {False}
    assert {decided(actual, expected)[1].expected for actual in (*right, *wrong)} == {text}


def test_every_expectation_there_is_is_tried() -> None:
    words = {word for word in gonogo.__all__ if not word.startswith("_")} - {"expect"}
    tried = " ".join(CLAIMS).replace(" ", "_")

    assert [word for word in words if word not in tried] == []


@pytest.mark.parametrize(
    ("actual", "expected"),
    [(None, nothing()), ("three", at_most(3)), (3, containing("a")), (7, each(7)), ("abc", count(3, "letters"))],
)
def test_what_cannot_be_compared_is_neither_true_nor_false(actual: Any, expected: Any) -> None:
    with pytest.raises(TypeError):
        expect(actual, expected, cause="store.lossy")


def test_a_claim_of_nothing_is_refused() -> None:
    with pytest.raises(TypeError, match="is always so"):
        containing()


def test_a_false_claim_carries_both_sides_and_its_cause() -> None:
    with pytest.raises(Wrong) as caught:
        expect(91, at_most(90, "%"), cause="store.disk_filling", message="of the largest disk")

    error = caught.value
    assert (error.signature, error.component) == ("store.disk_filling", "store")
    assert (error.expected, error.actual) == ("at most 90 %", "91 %")
    assert error.message == "of the largest disk: expected at most 90 %, saw 91 %"


def test_everything_a_check_claimed_is_shown_each_once() -> None:
    with seeing() as seen:
        expect(3, at_least(2, "hops"), cause="store.lossy")
        expect(3, at_least(2, "hops"), cause="store.lossy")
        expect([], nothing(), cause="store.lossy", message="lost")

    assert seen.expected == "at least 2 hops; lost: nothing"
    assert seen.actual == "3 hops; lost: nothing"


def test_nobody_listens_outside_a_check() -> None:
    with seeing() as seen:
        pass

    expect(1, 1, cause="store.lossy")

    assert seen == Observed()


def test_checks_side_by_side_do_not_hear_each_other() -> None:
    with seeing() as seen:
        expect("ours", "ours", cause="store.lossy")
        thread = threading.Thread(target=expect, args=("theirs", "theirs"), kwargs={"cause": "store.lossy"})
        thread.start()
        thread.join()

    assert seen.actual == "ours"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("text, as it is", "text, as it is"),
        ([], "nothing"),
        ({}, "nothing"),
        (None, "none"),
        (True, "yes"),
        (["b-1", "Job a: told (why)"], "b-1, Job a: told (why)"),
        ({3, 1}, "1, 3"),
        ({"a": 1, "b": [1, 2]}, "a: 1, b: (1, 2)"),
        ({"alive": ["b-0"], "dead": [{"node": "b-1"}]}, "alive: b-0, dead: (node: b-1)"),
        ([(1, "a"), (2, "b")], "(1, a), (2, b)"),
        (["", "a, b", "1", "no", " a"], "'', 'a, b', '1', 'no', ' a'"),
    ],
)
def test_what_was_seen_is_told_in_plain_words(value: object, words: str) -> None:
    assert shown(value) == words
