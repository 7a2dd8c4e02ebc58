"""Checks side by side: order, width, failure, and an early end."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError

import pytest

from gonogo.run.lanes import Job, Lanes

SOON = 10
"""Seconds that no test takes: a limit against hanging, never waited out."""


def ready() -> None:
    """The components stand already."""


def test_jobs_run_at_the_same_time() -> None:
    meeting = threading.Barrier(3)
    lanes: Lanes[int] = Lanes({})

    lanes.start(Job(str(n), ("store",), ready, lambda: meeting.wait(SOON)) for n in range(3))

    assert sorted(lanes.future(str(n)).result(SOON) for n in range(3)) == [0, 1, 2]  # type: ignore[union-attr]


def test_a_narrow_component_is_asked_by_one_at_a_time() -> None:
    inside, most = [], []
    lock = threading.Lock()
    lanes: Lanes[None] = Lanes({"store": 1})

    def body() -> None:
        with lock:
            inside.append(1)
            most.append(len(inside))
        inside.pop()

    lanes.start(Job(str(n), ("store",), ready, body) for n in range(20))
    for n in range(20):
        lanes.future(str(n)).result(SOON)  # type: ignore[union-attr]

    assert max(most) == 1


def test_two_checks_that_share_two_components_do_not_wait_for_each_other_for_ever() -> None:
    lanes: Lanes[str] = Lanes({"a": 1, "b": 1})

    lanes.start([Job("1", ("a", "b"), ready, lambda: "x"), Job("2", ("b", "a"), ready, lambda: "y")])

    assert lanes.future("1").result(SOON) + lanes.future("2").result(SOON) == "xy"  # type: ignore[union-attr]


def test_what_a_body_raises_rises_where_its_result_is_asked_for() -> None:
    lanes: Lanes[None] = Lanes({})

    def body() -> None:
        raise ValueError("no")

    lanes.start([Job("1", (), ready, body)])

    with pytest.raises(ValueError, match="no"):
        lanes.future("1").result(SOON)  # type: ignore[union-attr]


def test_what_keeps_a_job_from_beginning_is_its_result() -> None:
    asked: list[str] = []
    lanes: Lanes[None] = Lanes({})

    def down() -> None:
        raise LookupError("the store is down")

    lanes.start([Job("1", ("store",), down, lambda: asked.append("store"))])

    with pytest.raises(LookupError):
        lanes.future("1").result(SOON)  # type: ignore[union-attr]
    assert asked == []


def test_closed_lanes_begin_nothing_any_more() -> None:
    begin = threading.Event()
    asked: list[str] = []
    lanes: Lanes[None] = Lanes({})

    def later() -> None:
        begin.wait(SOON)

    lanes.start([Job("1", (), later, lambda: asked.append("1"))])

    lanes.close()
    begin.set()

    with pytest.raises(CancelledError):
        lanes.future("1").result(SOON)  # type: ignore[union-attr]
    assert asked == []


def test_a_check_without_a_job_has_no_future() -> None:
    assert Lanes({}).future("other") is None
