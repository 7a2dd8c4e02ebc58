"""What exists and can be used: what a target excepts, and many faults in a few lines."""

from __future__ import annotations

from gonogo.checks.usable import each, first, grouped, listed, remaining, unexcepted


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


FOUND = {"public.old_orders": "invalid", "public.orders": "invalid"}


def test_what_was_found_is_left_as_it_was_but_for_exceptions() -> None:
    expect = {"exceptions": [{"match": "public.old_*", "reason": "dropped in May"}]}

    assert remaining(FOUND, expect) == {"public.orders": "invalid"}
    assert remaining(FOUND, {}) == FOUND


def test_the_first_few_are_told_each_and_the_rest_is_counted() -> None:
    many = {f"i{n}": "invalid" for n in range(8)}

    assert each({}) == ""
    assert each(FOUND) == "public.old_orders: invalid; public.orders: invalid"
    assert each(many) == "i0: invalid; i1: invalid; i2: invalid; i3: invalid; i4: invalid; and 3 more"


def test_the_first_is_a_fact_of_the_case() -> None:
    assert first({}, "index") == {}
    assert first(FOUND, "index") == {"index": "public.old_orders"}
