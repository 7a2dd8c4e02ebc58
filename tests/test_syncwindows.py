"""When Argo CD syncs by the windows of its projects: what its code and robfig/cron make of each, and cannot read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fixtures.syncwindows import Schedule, Window, Windows

NOW = datetime(2026, 12, 2, 14, 30, 20, tzinfo=UTC)
"""A Wednesday."""


def window(kind: str, schedule: str, duration: str = "1h", **more: object) -> Window:
    """A window about every application."""
    return Window(kind=kind, schedule=schedule, duration=duration, applications=("*",), **more)  # type: ignore[arg-type]


def held(*windows: Window) -> tuple[bool, bool]:
    """Whether they hold an application now, and whether somebody may sync it by hand."""
    found = Windows(windows, NOW, 0).held()
    return found is not None, found is None or found.manual


@pytest.mark.parametrize(
    ("schedule", "duration", "active"),
    [
        ("0 14 * * *", "1h", True),
        ("0 14 * * *", "30m", False),
        ("0 14 * * *", "30m20s", False),  # it ends at this instant
        ("0 14 * * *", "30m21s", True),
        ("0 20 * * *", "19h", True),  # since yesterday
        ("31 14 * * *", "1h", False),
        ("*/15 * * * *", "1m", True),
        ("5/20 * * * *", "6m", True),  # at 5, 25 and 45
        ("5/20 * * * *", "5m", False),
        ("0 8-16/2 * * wed", "1h", True),
        ("0 8-16/2 * * THU", "1h", False),
        ("0 14 * * 1-5", "1h", True),
        ("0 14 * dec,jan *", "1h", True),
        ("0 14 * 1-11 *", "1h", False),
        ("0 14 2 * 0", "1h", True),  # by its date or by its day
        ("0 14 3 * 3", "1h", True),
        ("0 14 3 * *", "1h", False),
        ("0 14 3 * */2", "1h", False),  # a step is no star: by its date, or sun, tue, thu, sat
        ("0 14 ? * 3", "1h", True),
        ("0 0 1 1 *", "9000h", True),
        ("0 14 * * *", "0.51h", True),
        ("0 14 * * *", "30m30000ms", True),
        ("CRON_TZ=Europe/Berlin 0 15 * * *", "1h", True),
        ("TZ=UTC 0 15 * * *", "1h", False),
    ],
)
def test_a_window_is_open_from_its_schedule_on(schedule: str, duration: str, active: bool) -> None:
    assert held(window("deny", schedule, duration))[0] is active


@pytest.mark.parametrize(
    ("zone", "active"), [("", False), ("UTC", False), ("Europe/Berlin", True), ("No/Such", False), ("../etc", False)]
)
def test_a_schedule_is_of_its_time_zone(zone: str, active: bool) -> None:
    assert held(window("deny", "0 15 * * *", time_zone=zone))[0] is active


OPEN, SHUT = "0 14 * * *", "0 3 * * *"


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ([], (False, True)),
        ([window("deny", OPEN)], (True, False)),
        ([window("deny", OPEN, manual_sync=True)], (True, True)),
        ([window("deny", OPEN, manual_sync=True), window("deny", OPEN)], (True, False)),
        ([window("deny", OPEN), window("allow", OPEN)], (True, False)),
        ([window("deny", SHUT)], (False, True)),
        ([window("allow", SHUT)], (True, False)),
        ([window("allow", SHUT, manual_sync=True)], (True, True)),
        ([window("allow", SHUT), window("allow", OPEN)], (False, True)),
        ([window("deny", SHUT), window("allow", SHUT)], (True, False)),
    ],
)
def test_denial_counts_before_permission_and_no_open_window_is_denial(
    windows: list[Window], expected: tuple[bool, bool]
) -> None:
    assert held(*windows) == expected


@pytest.mark.parametrize(
    ("windows", "days", "always"),
    [
        ([window("deny", "* * * * *")], 7, True),
        ([window("deny", "0 * * * *", "1h")], 7, True),  # one ends as the next begins
        ([window("deny", "0 * * * *", "59m")], 7, False),
        ([window("allow", "0 3 * * sun")], 7, False),
        ([window("allow", "0 3 * * sun")], 2, True),
        ([window("allow", "0 3 * * *"), window("deny", "0 2 * * *", "4h")], 7, True),
        ([window("allow", "0 3 * * *", "5h"), window("deny", "0 2 * * *", "4h")], 7, False),
        ([], 7, False),
    ],
)
def test_what_is_never_let_be_synced_is_seen(windows: list[Window], days: float, always: bool) -> None:
    assert (Windows(windows, NOW, days).always() is not None) is always


@pytest.mark.parametrize(
    ("lists", "about"),
    [
        ({}, False),
        ({"applications": ("we*",)}, True),
        ({"applications": ("other",), "namespaces": ("data",)}, True),
        ({"applications": ("other",), "namespaces": ("data",), "and_operator": True}, False),
        ({"applications": ("web",), "namespaces": ("data",), "and_operator": True}, True),
        ({"clusters": ("in-*",)}, True),
        ({"clusters": ("https://*",)}, True),
        ({"clusters": ("other",)}, False),
    ],
)
def test_a_window_is_about_what_its_lists_name(lists: dict[str, object], about: bool) -> None:
    one = Window(kind="deny", schedule=OPEN, duration="1h", **lists)  # type: ignore[arg-type]

    assert one.about("web", "data", ("in-cluster", "https://kubernetes.default.svc")) is about


@pytest.mark.parametrize(
    "schedule",
    [
        *(
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 7",
            "a * * * *",
        ),
        *("5-1 * * * *", "*/0 * * * *", "1,,2 * * * *", "@daily", "-1 * * * *", "*-5 * * * *"),
    ],
)
def test_a_schedule_that_argo_cd_cannot_read_is_no_schedule(schedule: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Schedule.of(schedule)


@pytest.mark.parametrize("duration", ["", "1", "1 hour", "1d", "h", "-1h"])
def test_a_duration_that_argo_cd_cannot_read_is_none(duration: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        Windows([window("deny", OPEN, duration)], NOW, 1)


def test_windows_that_follow_each_other_are_one() -> None:
    one = window("deny", "* * * * *", "1m")

    spans = one.open(NOW, NOW + timedelta(days=7))

    assert len(spans) == 1
