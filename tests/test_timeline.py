"""Spans, the critical path, and what nobody waited for."""

from __future__ import annotations

from random import Random

import pytest
from clocks import Counting

from gonogo.results.model import Span
from gonogo.results.timeline import Timeline, marked, overhead


def span(name: str, started: float, seconds: float) -> Span:
    return Span(name=name, kind="deploy", started=started, seconds=seconds)


def test_overlapping_time_counts_once() -> None:
    assert overhead([span("a", 0, 4), span("b", 2, 4), span("c", 10, 1)], 12) == 5


@pytest.mark.parametrize("seconds", [0.0, 0.33])
def test_where_nothing_was_asked_all_of_the_run_is_our_own(seconds: float) -> None:
    assert overhead([], seconds) == seconds


def test_a_span_that_reaches_beyond_the_run_counts_for_what_lies_in_it() -> None:
    assert overhead([span("a", -1, 2), span("b", 3, 5)], 4) == 2


@pytest.mark.parametrize("seed", range(50))
def test_our_share_is_the_time_that_no_span_covers(seed: int) -> None:
    dice = Random(seed)
    seconds = dice.choice([0, 1, 7, 40])
    spans = [span("any", dice.randrange(-5, 45), dice.randrange(12)) for _ in range(dice.randrange(12))]

    share = overhead(spans, seconds)

    # second by second, which is exact where all are whole
    own = [s for s in range(seconds) if not any(one.started <= s < one.started + one.seconds for one in spans)]
    assert share == len(own)
    assert 0 <= share <= seconds


@pytest.mark.parametrize("seed", range(20))
def test_our_share_is_never_below_nothing_nor_above_all(seed: int) -> None:
    dice = Random(seed)
    seconds = dice.uniform(0, 2)
    spans = [span("any", dice.uniform(-1, 3), dice.uniform(0, 0.4)) for _ in range(dice.randrange(30))]

    assert 0 <= overhead(spans, seconds) <= seconds


def test_the_critical_path_is_the_chain_that_ends_last() -> None:
    spans = marked([span("postgresql", 0, 2), span("s3", 0, 4), span("mlflow", 4, 5), span("kafka", 0, 6)])

    assert [s.name for s in spans if s.critical_path] == ["s3", "mlflow"]


def test_overhead_is_the_time_in_which_no_span_was_open() -> None:
    clock = Counting()
    timeline = Timeline(clock)
    clock.sleep(1)
    with timeline.span("kafka starts", "deploy", "kafka"):
        clock.sleep(5)
    clock.sleep(2)

    assert timeline.cost() == (8, 3)
