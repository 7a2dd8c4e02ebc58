"""Times and dates as results hold them, read strictly, and stretches of time as people type and say them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from gonogo.core.errors import ConfigError, Problem

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LENGTH = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhd]?)")


def stamp() -> str:
    """Now, in UTC, as results hold it: the one clock of a run."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def moment(text: str) -> datetime | None:
    """A time of RFC 3339 with its offset, in UTC; None for what is none."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def day(text: str) -> date | None:
    """A date ``YYYY-MM-DD``; None for what is none."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    # Python also reads 20260131 and 2026-W05-6, which nobody else does
    return found if found.isoformat() == text else None


def stretch(text: str, where: str, *, bare: str = "", least: timedelta = timedelta.resolution) -> timedelta:
    """``90s``, ``30m``, ``24h`` or ``7d``; a bare number is in the unit ``bare`` (``hours``), where there is one.

    Raises ``ConfigError`` naming ``where`` for anything else, and for less than ``least``.
    """
    found = _LENGTH.fullmatch(text)
    unit = (_UNITS.get(found[2]) or bare) if found else ""
    try:
        length = timedelta(**{unit: float(found[1])}) if found and unit else None
    except (OverflowError, ValueError):
        length = None
    if length is None or length < least:
        raise ConfigError(Problem(where, f"{text!r:.60} is no length of time", "like 90s, 30m, 24h or 7d"))
    return length


def spoken(length: timedelta) -> str:
    """``1 second``, ``3 hours``, ``2 days``: in the largest unit of which there are two, rounded down."""
    seconds = int(abs(length).total_seconds())
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}s"
    return f"{seconds} second" + ("" if seconds == 1 else "s")
