"""What exists and can be used: what a target excepts, and many faults in a few lines."""

from __future__ import annotations

from gonogo.checks.usable import grouped, listed, unexcepted


def test_an_exception_covers_the_names_that_it_matches() -> None:
    expect = {"exceptions": [{"match": "scratch-*", "reason": "thin on purpose"}, {"match": "old", "reason": "kept"}]}

    assert unexcepted(["orders", "scratch-1", "old", "older"], expect) == ["orders", "older"]


def test_who_excepts_nothing_is_asked_of_everything() -> None:
    assert unexcepted(["orders"], {}) == ["orders"]


def test_a_fault_is_told_once_with_a_few_of_its_names() -> None:
    found = [("closed", f"index-{number}") for number in range(7)] + [("blocked", "orders")]

    assert grouped(found) == ["blocked: orders", "closed: index-0, index-1, index-2, index-3, index-4 and 2 more"]


def test_few_names_are_told_whole() -> None:
    assert listed(["a", "b"]) == "a, b"
