"""Spans, the critical path, and what nobody waited for."""

from __future__ import annotations

from clocks import Counting

from gonogo.results.model import Span
from gonogo.results.timeline import Timeline, covered, marked


def span(name: str, started: float, seconds: float) -> Span:
    return Span(name=name, kind="deploy", started=started, seconds=seconds)


def test_covered_counts_overlapping_time_once() -> None:
    assert covered([span("a", 0, 4), span("b", 2, 4), span("c", 10, 1)]) == 7
    assert covered([]) == 0


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

    assert timeline.overhead() == 3
    assert timeline.now == 8
