"""What pytest shows of the suites: without secrets, with the next step, and the verdict below."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from gonogo.core.content import Content
from gonogo.core.harmless import line
from gonogo.core.outcomes import Outcome
from gonogo.core.outlet import redacted
from gonogo.results.model import CheckResult, Results


class Reports:
    """What pytest shows of the suites, and hands to other reporters: tracebacks, captured output; without secrets."""

    def __init__(self, content: Content) -> None:
        self._content = content

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if self._content.is_suite(item.path):
            _without_secrets(report)
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        if self._content.is_suite(collector.path):
            _without_secrets(report)
        return report


def _without_secrets(report: pytest.TestReport | pytest.CollectReport) -> None:
    """A traceback that shows a secret becomes its own text without it."""
    report.sections = [(title, redacted(text)) for title, text in report.sections]
    if isinstance(report.longrepr, tuple):
        path, line, why = report.longrepr
        report.longrepr = (path, line, redacted(why))
    elif report.longrepr is not None and (shown := redacted(told := str(report.longrepr))) != told:
        report.longrepr = shown


def summary(result: CheckResult) -> str:
    """What pytest shows of a check that is not green: no traceback, but what to do."""
    cause = result.cause.signature if result.cause else ""
    lines = [f"{result.outcome}: {cause}: {result.message}"]
    expected, actual = result.compared
    if expected and result.outcome is Outcome.FAILED:
        lines += [f"  expected  {expected}", f"  actual    {actual}"]
    lines += [f"  hint      {result.hint}"] if result.hint else []
    lines += [f"  by hand   {result.by_hand}"] if result.by_hand else []
    return "\n".join(map(line, lines))


def say_verdict(config: pytest.Config, results: Results, out: Path, unwritten: str) -> None:
    """The last lines: the verdict and where the report is, or which file could not be written."""
    from gonogo.render import terminal

    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    here = config.invocation_params.dir
    shown = out.relative_to(here) if out.is_relative_to(here) else out
    report = "" if unwritten else str(shown / "report.html")
    told = terminal.verdict(results, colour=reporter.hasmarkup, width=reporter._tw.fullwidth, report=report)
    reporter.write_line(redacted(told))
    if unwritten:
        reporter.write_line(redacted(f"ERROR: {unwritten}"), red=True)
