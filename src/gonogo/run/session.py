"""pytest inside this process, for the verbs that ask the suites."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from gonogo.results.model import Results


class Session:
    """A pytest plugin around one run of the suites below ``root``: what is asked, and what came of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
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

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """A suite that cannot be collected interrupts pytest as well."""
        self._uncollected = excinfo.type is not KeyboardInterrupt

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Take the results before the session is gone."""
        suites: Any = config.pluginmanager.get_plugin("gonogo-suites")
        self.results = getattr(suites, "results", None)
        self.unwritten = getattr(getattr(suites, "run", None), "unwritten", "")
