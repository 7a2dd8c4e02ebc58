"""``gonogo report``: renders stored results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from gonogo.commands.stored import each_stored, stored
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.files import unreadable
from gonogo.core.outcomes import Code
from gonogo.core.outlet import clean, keep_rendered, news, say
from gonogo.render import html as html_report
from gonogo.render import junit as junit_report
from gonogo.render import markdown as markdown_report
from gonogo.results.gate import judged

T = TypeVar("T")


def run(
    results: list[Path] | None, html: Path | None, junit: Path | None, markdown: Path | None, *, each: bool = False
) -> Code:
    """Raises ``ConfigError`` for what are no results, and for a file that cannot be written."""
    if each:
        return _each(results, markdown, [("--html", html), ("--junit", junit)])
    merged = judged(stored(results), None)
    _keep(merged, html_report.render, html)
    _keep(merged, junit_report.render, junit)
    _keep(merged, markdown_report.render, markdown)
    if not (html or junit or markdown):
        say(markdown_report.render(clean(merged)))
    return Code.GO


def _each(results: list[Path] | None, markdown: Path | None, others: list[tuple[str, Path | None]]) -> Code:
    """One summary of all; what are no results is named in it, and raised afterwards."""
    if problems := [Problem(option, "a file of one run; --each has several") for option, path in others if path]:
        raise ConfigError(*problems)
    found = each_stored(results)
    shown = {
        name: str(one) if isinstance(one, ConfigError) else clean(judged({name: one}, None))
        for name, one in found.items()
    }
    _keep(shown, markdown_report.render_each, markdown)
    if not markdown:
        say(markdown_report.render_each(shown))
    if lacking := [problem for one in found.values() if isinstance(one, ConfigError) for problem in one.problems]:
        raise ConfigError(*lacking)
    return Code.GO


def _keep(value: T, render: Callable[[T], str | bytes], path: Path | None) -> None:
    if path is None:
        return
    try:
        keep_rendered(value, render, path)
    except OSError as error:
        raise ConfigError(unreadable(path, error)) from error
    news(f"{path} written")
