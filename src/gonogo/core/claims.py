"""A claim of a check, said once: ``expect(brokers, count(3, "brokers"), cause="kafka.broker_missing")``.

What is decided is what is reported: an expectation is a plain value, which has to be equal, or one of the few
below, whose text says what it asks. Where it is not so, :class:`Wrong` carries both, and the likely cause.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sized
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from gonogo.core.errors import Wrong
from gonogo.core.seen import saw, shown


@dataclass(frozen=True)
class Expected:
    """What is expected where that is no plain value: ``text`` says what ``fits`` decides. ``unit`` is of both sides.

    ``fits`` raises ``TypeError`` for what cannot be compared, so that the check is broken, and neither true nor false.
    """

    text: str
    fits: Callable[[Any], bool]
    unit: str = ""

    def __str__(self) -> str:
        return self.text + self.unit


def expect(
    actual: object,
    expected: object,
    *,
    cause: str,
    message: str = "",
    facts: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """Claim that ``actual`` equals ``expected``, or fits it. Raises ``Wrong`` where it does not.

    ``cause`` is a signature of the catalogue (``kafka.records_lost``), ``message`` says what was looked at where the
    values do not, ``facts`` what the cause's hint and command name of the case. The report shows both sides, whether it
    is so or not.
    """
    told = f"{message}: " if message else ""
    if isinstance(expected, Expected):
        wanted, found, so = str(expected), shown(actual) + expected.unit, expected.fits(actual)
    else:
        wanted, found, so = shown(expected), shown(actual), actual == expected
    saw(told + found, told + wanted)
    if not so:
        raise Wrong(cause, wanted, found, message, facts)


def at_most(number: float, unit: str = "") -> Expected:
    """A number that is not larger; ``unit``: ``%``, ``s``."""
    return Expected(f"at most {number}", lambda actual: actual <= number, _behind(unit))


def at_least(number: float, unit: str = "") -> Expected:
    """A number that is not smaller."""
    return Expected(f"at least {number}", lambda actual: actual >= number, _behind(unit))


def above(number: float, unit: str = "") -> Expected:
    """A number that is larger."""
    return Expected(f"more than {number}", lambda actual: actual > number, _behind(unit))


def about(numbers: float | Collection[float], within: float) -> Expected:
    """A number, or a sequence of as many, of which none is further off."""

    def fits(actual: Any) -> bool:
        pairs = [(actual, numbers)] if isinstance(numbers, int | float) else zip(actual, numbers, strict=True)
        return all(abs(one - wanted) <= within for one, wanted in pairs)

    return Expected(f"{shown(numbers)}, each to {within:g}", fits)


def nothing() -> Expected:
    """A collection or text that is empty."""
    return Expected("nothing", lambda actual: len(actual) == 0)


def something() -> Expected:
    """A collection or text that is not empty."""
    return Expected("something", lambda actual: len(actual) > 0)


def count(number: int, of: str) -> Expected:
    """A collection of exactly so many: ``count(3, "brokers")``."""
    return Expected(f"{number} {of}", lambda actual: len(_sized(actual)) == number)


def containing(*parts: object) -> Expected:
    """A text or collection that holds all of them."""
    if not parts:
        raise TypeError("containing nothing is always so")
    told = " and ".join(map(repr, parts))
    return Expected(f"containing {told}", lambda actual: all(part in actual for part in parts))


def one_of(*values: object) -> Expected:
    """One of these values."""
    return Expected(f"one of {', '.join(map(shown, values))}", lambda actual: actual in values)


def each(expected: object) -> Expected:
    """A collection, not empty, of which every member is equal to this or fits it; of a mapping, every value."""

    def fits(actual: Iterable[Any]) -> bool:
        members = [*(actual.values() if isinstance(actual, Mapping) else actual)]
        one = expected.fits if isinstance(expected, Expected) else lambda member: bool(member == expected)
        return bool(members) and all(map(one, members))

    return Expected(f"each {expected if isinstance(expected, Expected) else shown(expected)}", fits)


def _sized(actual: Any) -> Sized:
    if isinstance(actual, str | bytes):
        raise TypeError(f"the characters of {actual!r} are no collection to count")
    sized: Sized = actual
    return sized


def _behind(unit: str) -> str:
    return f" {unit}" if unit else ""
