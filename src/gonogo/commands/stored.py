"""The results that ``gate`` and ``report`` are given, or find."""

from __future__ import annotations

from pathlib import Path

from gonogo.core.content import find
from gonogo.core.errors import ConfigError, Problem
from gonogo.results.events import recovered
from gonogo.results.gate import load_results
from gonogo.results.model import Results


def stored(paths: list[Path] | None) -> dict[str, Results]:
    """Results of files and run folders by their names, by default the latest of this checkout.

    Raises ``ConfigError`` for what is none.
    """
    found, problems = {}, []
    for name, one in each_stored(paths).items():
        if isinstance(one, ConfigError):
            problems += one.problems
        else:
            found[name] = one
    if problems:
        raise ConfigError(*problems)
    return found


def each_stored(paths: list[Path] | None) -> dict[str, Results | ConfigError]:
    """The same, with the error in place of those that are none. Raises it only where nothing is named."""
    found: dict[str, Results | ConfigError] = {}
    for path in paths or [latest()]:
        try:
            found[str(path)] = recovered(path) if path.is_dir() else load_results(path)
        except ConfigError as error:
            found[str(path)] = error
    return found


def latest() -> Path:
    """Where a run leaves its results: in the checkout, outside of one in the working folder.

    Raises ``ConfigError`` where there are none.
    """
    path = find(Path.cwd()).out / "results.json"
    if not path.exists():
        raise ConfigError(Problem(str(path), "no such file", "`gonogo check` writes it; or name a results.json"))
    return path
