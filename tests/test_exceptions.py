"""What a site lives with is left out of what was found wrong, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from gonogo.checks.exceptions import first, listed, unexcepted
from gonogo.core.errors import ConfigError

FOUND = {"public.old_orders": "invalid", "public.orders": "invalid"}


@pytest.mark.parametrize(
    ("exceptions", "left"),
    [
        ([], ["public.old_orders", "public.orders"]),
        ([{"match": "public.old_*", "reason": "dropped in May"}], ["public.orders"]),
        ([{"match": "old_*", "reason": "dropped in May"}], ["public.old_orders", "public.orders"]),
        ([{"match": "*", "reason": "a test database"}], []),
    ],
)
def test_only_what_fits_by_name_is_excepted(exceptions: list[dict[str, str]], left: list[str]) -> None:
    assert [*unexcepted(FOUND, {"exceptions": exceptions})] == left


@pytest.mark.parametrize(
    "wrong",
    [
        "public.*",
        {"match": "public.*"},
        {"match": "public.*", "reason": " "},
        {"match": "", "reason": "because"},
        {"match": "public.*", "reason": "because", "until": "May"},
        {"match": 3, "reason": "because"},
    ],
)
def test_an_exception_says_what_and_why(wrong: Any) -> None:
    with pytest.raises(ConfigError, match=r"expect.exceptions\[0\]: must be \{ match, reason \}"):
        unexcepted(FOUND, {"exceptions": [wrong]})


def test_the_first_few_are_named_and_the_rest_is_counted() -> None:
    many = {f"i{n}": "invalid" for n in range(8)}

    assert listed({}) == ""
    assert listed(FOUND) == "public.old_orders: invalid; public.orders: invalid"
    assert listed(many) == "i0: invalid; i1: invalid; i2: invalid; i3: invalid; i4: invalid; and 3 more"


def test_the_first_is_a_fact_of_the_case() -> None:
    assert first({}, "index") == {}
    assert first(FOUND, "index") == {"index": "public.old_orders"}
