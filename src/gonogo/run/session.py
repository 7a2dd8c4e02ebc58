"""pytest inside this process, for the verbs that ask the suites."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pytest

from gonogo.catalog.target import Target
from gonogo.providers import Provider
from gonogo.results.model import Results


@dataclass(frozen=True)
class Given:
    """A platform that is up, which the suites are to ask; and where progress goes."""

    provider: Provider
    target: Target
    stream: TextIO


GIVEN = pytest.StashKey[Given]()
"""Where a session of pytest finds it."""

RESULTS = pytest.StashKey[Results]()
UNWRITTEN = pytest.StashKey[str]()
"""Where a session of pytest leaves what came of it."""


class Session:
    """A pytest plugin around one run of the suites below ``root``: what is asked, and what came of it."""

    def __init__(self, root: Path, given: Given | None = None) -> None:
        self.root, self.given = root, given
        self.results: Results | None = None
        self.unwritten = ""
        """Which file of the run could not be written, and why."""
        self._uncollected = False

    def run(self, arguments: Iterable[str]) -> int:
        """The exit code of pytest. Raises ``KeyboardInterrupt`` where somebody ended it."""
        # That gonogo is loaded before pytest is what a verb is.
        quiet = ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"]
        code = pytest.main(["--rootdir", str(self.root), *quiet, *arguments], plugins=[self])
        if code == pytest.ExitCode.INTERRUPTED and not self._uncollected:
            raise KeyboardInterrupt
        return code

    def pytest_configure(self, config: pytest.Config) -> None:
        """Ask all of the suites where the command line names no part of them."""
        if config.args_source is not config.ArgsSource.ARGS:
            config.args = [str(self.root / "suites")]
        if self.given is not None:
            config.stash[GIVEN] = self.given

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """A suite that cannot be collected interrupts pytest as well."""
        self._uncollected = excinfo.type is not KeyboardInterrupt

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Take the results before the session is gone."""
        self.results = config.stash.get(RESULTS, None)
        self.unwritten = config.stash.get(UNWRITTEN, "")
