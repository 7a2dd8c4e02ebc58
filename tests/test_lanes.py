"""Checks side by side: order, width, failure, and an early end."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, Future

import pytest

from gonogo.core.waiting import pause
from gonogo.run.lanes import Job, Lanes

SOON = 10
"""Seconds that no test takes: a limit against hanging, never waited out."""


STANDS: tuple[Future[None], ...] = ()
"""What waits for nothing: the components stand already."""


def test_jobs_run_at_the_same_time() -> None:
    meeting = threading.Barrier(3)
    lanes: Lanes[int] = Lanes({})

    lanes.start(Job(str(n), ("store",), STANDS, lambda: meeting.wait(SOON)) for n in range(3))

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

    lanes.start(Job(str(n), ("store",), STANDS, body) for n in range(20))
    for n in range(20):
        lanes.future(str(n)).result(SOON)  # type: ignore[union-attr]

    assert max(most) == 1


def test_two_checks_that_share_two_components_do_not_wait_for_each_other_for_ever() -> None:
    lanes: Lanes[str] = Lanes({"a": 1, "b": 1})

    lanes.start([Job("1", ("a", "b"), STANDS, lambda: "x"), Job("2", ("b", "a"), STANDS, lambda: "y")])

    assert lanes.future("1").result(SOON) + lanes.future("2").result(SOON) == "xy"  # type: ignore[union-attr]


def test_what_a_body_raises_rises_where_its_result_is_asked_for() -> None:
    lanes: Lanes[None] = Lanes({})

    def body() -> None:
        raise ValueError("no")

    lanes.start([Job("1", (), STANDS, body)])

    with pytest.raises(ValueError, match="no"):
        lanes.future("1").result(SOON)  # type: ignore[union-attr]


def test_a_job_begins_when_it_is_known_how_all_that_it_uses_stands() -> None:
    store, shop = Future[None](), Future[None]()
    begun: list[str] = []
    lanes: Lanes[None] = Lanes({})

    lanes.start(
        [
            Job("waits", ("shop", "store"), (shop, store), lambda: begun.append("waits")),
            Job("does not", ("other",), STANDS, lambda: begun.append("does not")),
        ]
    )
    lanes.future("does not").result(SOON)  # type: ignore[union-attr]
    shop.set_result(None)
    before = [*begun]
    store.set_exception(LookupError("it is known that nobody can reach it"))
    lanes.future("waits").result(SOON)  # type: ignore[union-attr]

    assert before == ["does not"]
    assert begun == ["does not", "waits"]


def test_no_more_than_so_many_run_at_once_and_each_in_its_order() -> None:
    inside, most, order = [], [], []
    lock = threading.Lock()
    lanes: Lanes[None] = Lanes({}, at_once=2)

    def body(number: int) -> None:
        with lock:
            order.append(number)
            inside.append(1)
            most.append(len(inside))
        pause(0.001, reason="others may come")
        with lock:
            inside.pop()

    jobs = [Job(str(n), (str(n % 3),), STANDS, lambda n=n: body(n)) for n in range(30)]  # type: ignore[misc]
    lanes.start(jobs)
    lanes.wait(SOON)

    assert max(most) == 2
    # of two that begin one after the other, the later may be the first to say so
    assert all(abs(place - number) <= 2 for place, number in enumerate(order))


def test_a_job_of_a_busy_component_holds_up_nobody_else() -> None:
    go = threading.Event()
    lanes: Lanes[bool] = Lanes({"store": 1})

    busy = [Job(str(n), ("store",), STANDS, lambda: go.wait(SOON)) for n in range(3)]
    lanes.start([*busy, Job("shop", ("shop",), STANDS, lambda: True)])

    assert lanes.future("shop").result(SOON)  # type: ignore[union-attr]
    assert lanes.ended() == {"shop": True}
    go.set()
    lanes.wait(SOON)
    assert len(lanes.ended()) == 4


def test_a_job_that_fails_frees_its_lane() -> None:
    lanes: Lanes[None] = Lanes({"store": 1}, at_once=1)

    def body() -> None:
        raise ValueError("no")

    lanes.start(Job(str(n), ("store",), STANDS, body) for n in range(3))

    for n in range(3):
        with pytest.raises(ValueError, match="no"):
            lanes.future(str(n)).result(SOON)  # type: ignore[union-attr]


def test_where_no_thread_can_be_had_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    class Few(threading.Thread):
        def start(self) -> None:
            if self.name != "lanes":
                raise RuntimeError("can't start new thread")
            super().start()

    monkeypatch.setattr(threading, "Thread", Few)
    lanes: Lanes[None] = Lanes({"store": 1}, at_once=1)

    lanes.start(Job(str(n), ("store",), STANDS, lambda: None) for n in range(2))

    for n in range(2):
        with pytest.raises(RuntimeError, match="new thread"):
            lanes.future(str(n)).result(SOON)  # type: ignore[union-attr]


def test_closed_lanes_begin_nothing_any_more_and_nobody_waits_for_what_was_to_begin() -> None:
    asked: list[str] = []
    lanes: Lanes[None] = Lanes({})

    lanes.start([Job("1", ("store",), (Future(),), lambda: asked.append("1"))])
    lanes.close()

    with pytest.raises(CancelledError):
        lanes.future("1").result(SOON)  # type: ignore[union-attr]
    assert asked == []
    assert lanes.ended() == {}


def test_a_check_without_a_job_has_no_future() -> None:
    assert Lanes({}).future("other") is None
