"""A run that was killed is reported from what it had told by then."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from samples import sample_results

from gonogo.core.errors import ConfigError
from gonogo.core.outcomes import Outcome
from gonogo.results.events import FILE, Event, Events, recovered, unreported
from gonogo.results.model import CheckResult, Results
from gonogo.results.seal import sealed

SAMPLE = sample_results()


def planned() -> Results:
    """The sample as its run planned it: everything selected, nothing asked."""
    checks = tuple(unreported(c.nodeid, c.criteria, c.component) for c in SAMPLE.checks)
    return msgspec.structs.replace(SAMPLE, checks=checks, spans=(), verdict=None)


def passed(check: CheckResult) -> CheckResult:
    """A check that came to a good end."""
    return msgspec.structs.replace(check, outcome=Outcome.PASSED, cause=None, message="")


@pytest.fixture
def told(tmp_path: Path) -> Events:
    """The events of a run that has planned, and met one component and one check."""
    events = Events(tmp_path / SAMPLE.run.id)
    events.add(Event(planned=planned()))
    events.add(Event(component=SAMPLE.components[0]))
    events.add(Event(check=passed(SAMPLE.checks[0])))
    return events


def outcomes(results: Results) -> dict[str, Outcome]:
    """Node id to outcome."""
    return {check.nodeid: check.outcome for check in results.checks}


def test_what_was_reported_counts_and_the_rest_is_missing(told: Events) -> None:
    results = recovered(told.path.parent)

    first, *others = SAMPLE.checks
    assert outcomes(results)[first.nodeid] == "passed"
    assert {outcomes(results)[other.nodeid] for other in others} == {"missing"}
    assert results.run.interrupted
    assert results.verdict is not None
    assert results.verdict.decision == "NO-GO"


def test_a_torn_last_line_takes_nothing_else_with_it(told: Events) -> None:
    whole = recovered(told.path.parent)
    line = msgspec.json.encode(Event(check=passed(SAMPLE.checks[1])))

    with told.path.open("ab") as file:
        file.write(line[: len(line) // 2])

    assert recovered(told.path.parent) == whole


def test_a_run_that_ended_is_what_it_said_at_its_end(told: Events) -> None:
    told.add(Event(finished=SAMPLE))

    assert recovered(told.path.parent) == sealed(SAMPLE)


def test_an_end_that_was_changed_is_refused(told: Events) -> None:
    told.add(Event(finished=SAMPLE))
    text = told.path.read_text(encoding="utf-8")

    told.path.write_text(text.replace('"outcome":"broken"', '"outcome":"passed"'), encoding="utf-8")

    with pytest.raises(ConfigError, match=r"changed since a run wrote it \(run again; results cannot be edited\)"):
        recovered(told.path.parent)


@pytest.mark.parametrize(
    "more",
    [
        lambda: [Event(planned=planned())],
        lambda: [Event(finished=SAMPLE), Event(finished=SAMPLE)],
        lambda: [Event(finished=msgspec.structs.replace(SAMPLE, run=msgspec.structs.replace(SAMPLE.run, id="pv-2")))],
    ],
    ids=["two plans", "two ends", "the end of another run"],
)
def test_a_folder_that_holds_more_than_one_run_is_refused(told: Events, more: Callable[[], list[Event]]) -> None:
    for event in more():
        told.add(event)

    with pytest.raises(ConfigError, match="holds more than one run"):
        recovered(told.path.parent)


def test_a_killed_run_whose_times_are_none_is_refused(tmp_path: Path) -> None:
    events = Events(tmp_path)
    run = msgspec.structs.replace(SAMPLE.run, started="this morning")

    events.add(Event(planned=msgspec.structs.replace(planned(), run=run)))

    with pytest.raises(ConfigError, match=r"run\.started: 'this morning' is no time"):
        recovered(tmp_path)


@pytest.mark.parametrize(
    "lines", [b"", b"{}\n", b'{"planned": 1}\n', b"\x00\x00\n"], ids=["empty", "blank", "odd", "zeros"]
)
def test_a_run_that_planned_nothing_cannot_be_reported(tmp_path: Path, lines: bytes) -> None:
    (tmp_path / FILE).write_bytes(lines)

    with pytest.raises(ConfigError, match="before the run had planned anything"):
        recovered(tmp_path)


def test_a_folder_without_events_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"give a results\.json or a folder of \.gonogo/runs"):
        recovered(tmp_path)


def test_threads_do_not_tear_each_other_apart(tmp_path: Path) -> None:
    events = Events(tmp_path)
    checks = [msgspec.structs.replace(SAMPLE.checks[0], nodeid=f"n{i}", message="x" * 5000) for i in range(40)]

    threads = [threading.Thread(target=events.add, args=(Event(check=check),)) for check in checks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    lines = [msgspec.json.decode(line, type=Event) for line in events.path.read_bytes().splitlines()]
    assert {line.check.nodeid for line in lines if line.check} == {check.nodeid for check in checks}
