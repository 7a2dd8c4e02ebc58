"""``gonogo report``: renders stored results."""

from __future__ import annotations

from pathlib import Path

from gonogo.commands.stored import stored
from gonogo.core.errors import ConfigError
from gonogo.core.files import unreadable
from gonogo.core.outcomes import Code
from gonogo.core.outlet import clean, keep_rendered, news, say
from gonogo.render import html as html_report
from gonogo.render import junit as junit_report
from gonogo.render import markdown as markdown_report
from gonogo.results.gate import judged


def run(results: list[Path] | None, html: Path | None, junit: Path | None, markdown: Path | None) -> Code:
    """Raises ``ConfigError`` for what are no results, and for a file that cannot be written."""
    merged = judged(stored(results), None)
    asked = [(html, html_report.render), (junit, junit_report.render), (markdown, markdown_report.render)]
    for path, render in asked:
        if path is None:
            continue
        try:
            keep_rendered(merged, render, path)
        except OSError as error:
            raise ConfigError(unreadable(path, error)) from error
        news(f"{path} written")
    if not any(path for path, _ in asked):
        say(markdown_report.render(clean(merged)))
    return Code.GO
