"""The verdict on a terminal: decision, counts, the first root cause, where the report is."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from msgspec.structs import replace
from samples import HOSTILE, sample_results

from gonogo.core.outcomes import Decision, Outcome
from gonogo.render import terminal
from gonogo.results.model import Results, RunInfo, TargetInfo, Verdict


def test_the_whole_verdict() -> None:
    results = sample_results()
    assert results.verdict is not None
    results = replace(results, verdict=replace(results.verdict, headline="NO-GO: the process ended"))
    assert (
        terminal.verdict(results, colour=False, width=100, report="reports/out/report.html")
        == """\
NO-GO: the process ended
run pv-20250604120000-0a1b2c on embedded, interrupted 2025-06-04 12:01:12 UTC

critical   2 of 8 passed, 2 failed, 1 broken, 1 blocked, 1 missing, 1 unsupported
important  1 of 3 passed, 1 skipped, 1 waived
optional   0 of 2 passed, 1 blocked, 1 missing
systems    6 of 8 not right: kafka, postgresql, elasticsearch, mlflow, pipelines, ray

platform   66.7 % strictly (2 healthy / (4 pods − 1 succeeded − 0 terminating − 0 replaced)), 75.0 %
           literally

Root cause: postgresql.process_gone
  the server process ended with signal 9
  expected   an answer
  hint       The process was killed; look for the kernel's out-of-memory message.
  by hand    dmesg | tail
  seen by    postgresql.answers
  blocks     2 criteria
  also       kafka.broker_missing, elasticsearch.timed_out

0.01 s of 1 min 12 s (0.0 %) spent in gonogo itself, not in servers or checks
Report: reports/out/report.html"""
    )


def test_colour_changes_nothing_but_colour() -> None:
    coloured = terminal.verdict(sample_results(), colour=True, width=80, report="x")
    assert coloured.startswith("\x1b[1;31mNO-GO: postgresql.answers failed")
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured) == terminal.verdict(
        sample_results(), colour=False, width=80, report="x"
    )


@pytest.mark.parametrize("width", [0, 40, 60, 80, 200])
def test_lines_keep_the_width_except_headline_and_commands(width: int) -> None:
    headline, *lines = terminal.verdict(sample_results(), colour=False, width=width, report="r").splitlines()
    assert len(headline) > 100
    assert max(len(line) for line in lines) <= max(width, 40)


def test_a_command_is_never_wrapped() -> None:
    command = "kubectl " + "--flag value " * 30 + "end"
    results = sample_results()
    checks = tuple(replace(check, by_hand=command) for check in results.checks)
    assert f"  by hand    {command}" in terminal.verdict(
        replace(results, checks=checks), colour=False, width=80, report=""
    )


def test_a_go_is_short() -> None:
    verdict = Verdict(decision=Decision.GO, code=0, headline="GO on embedded: 22 of 31", reason="22 of 31")
    text = terminal.verdict(replace(sample_results(), verdict=verdict), colour=True, width=80, report="")
    assert text.startswith("\x1b[1;32mGO on embedded: 22 of 31\x1b[0m\n")
    assert "Root cause" not in text
    assert "Report" not in text


def test_a_run_of_nothing_is_told() -> None:
    run = RunInfo(id="pv-1", started="2026-01-31T12:00:00Z")
    results = Results(run=run, target=TargetInfo(name="x", provider="existing"))
    assert terminal.verdict(results, colour=False, width=80, report="") == (
        "no verdict: these results were not judged\nrun pv-1 on x, never finished, started 2026-01-31 12:00:00 UTC"
    )


@pytest.mark.parametrize(
    ("now", "age"),
    [
        (None, ""),
        ("2025-06-04T12:01:13Z", ", 1 second ago"),
        ("2025-06-04T12:03:11Z", ", 119 seconds ago"),
        ("2025-06-04T12:03:12Z", ", 2 minutes ago"),
        ("2025-06-04T15:01:12+01:00", ", 2 hours ago"),
        ("2025-06-06T12:01:11Z", ", 47 hours ago"),
        ("2026-06-04T12:01:12Z", ", 365 days ago"),
        ("2025-06-04T12:00:12Z", ", in 60 seconds by the clock of this machine"),
    ],
)
def test_the_run_and_its_age_are_told(now: str | None, age: str) -> None:
    at = datetime.fromisoformat(now) if now else None
    line = terminal.verdict(sample_results(), colour=False, width=200, report="", now=at).splitlines()[1]
    assert line == f"run pv-20250604120000-0a1b2c on embedded, interrupted 2025-06-04 12:01:12 UTC{age}"


def test_a_server_cannot_write_to_the_terminal() -> None:
    results = sample_results()
    bad = f"{HOSTILE}\x1b]0;title\x07\x9b2J"
    checks = tuple(replace(c, expected=bad, actual=bad, hint=bad, by_hand=bad) for c in results.checks)
    text = terminal.verdict(replace(results, checks=checks), colour=False, width=80, report="")
    assert not re.search("[\x1b\x07\x9b]", text)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_line_per_criterion_says_the_outcome(outcome: Outcome) -> None:
    line = terminal.criterion_line("kafka.brokers", outcome, 0.314, "a broker is gone\nand more")
    assert line.split()[1:] == ["kafka.brokers", outcome, "0.31", "s", "a", "broker", "is", "gone"]


def test_the_health_of_the_platform_is_one_line() -> None:
    shown = terminal.verdict(sample_results(), colour=False, width=200, report="")

    formula = "2 healthy / (4 pods − 1 succeeded − 0 terminating − 0 replaced)"
    assert f"platform   66.7 % strictly ({formula}), 75.0 % literally" in shown
