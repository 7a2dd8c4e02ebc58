"""pytest inside this process, for the verbs that ask the suites."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

import pytest

from gonogo.core.content import Content

if TYPE_CHECKING:
    # pytest loads this module in every project of an environment that gonogo is installed in
    from gonogo.catalog.target import Target
    from gonogo.providers import Provider
    from gonogo.results.model import Earlier, Results

ALL_SUITES = "gonogo.suites"
"""The argument that stands for the suites of all layers; ``gonogo.suites.kafka`` for a part of them."""

CONTENT = pytest.StashKey[Content]()
"""Where a session of pytest finds what it is about; it has none where it is about no suites of ours."""


@dataclass(frozen=True)
class Given:
    """A platform that is up, which the suites are to ask; and where progress goes."""

    provider: Provider
    target: Target
    stream: TextIO


GIVEN = pytest.StashKey[Given]()
"""Where a session of pytest finds it."""

BEFORE: pytest.StashKey[Earlier] = pytest.StashKey()
"""An earlier run that this one is held against."""

ATTACHES = pytest.StashKey[bool]()
"""That nothing is deployed: what is not up is not up."""

AS = pytest.StashKey[Callable[["Target"], "Target"]]()
"""What a verb makes of the target before it is asked, as another profile; the file stays as it is."""

RESULTS: pytest.StashKey[Results] = pytest.StashKey()
UNWRITTEN = pytest.StashKey[str]()
"""Where a session of pytest leaves what came of it."""


class Session:
    """A pytest plugin around one run of the suites of ``content``: what is asked, and what came of it."""

    def __init__(
        self,
        content: Content,
        given: Given | None = None,
        target: Callable[[Target], Target] | None = None,
        before: Earlier | None = None,
        *,
        attaches: bool = False,
    ) -> None:
        """``target``: what is made of the target before it is asked; ``before``: what the run is held against.

        ``attaches``: nothing is deployed.
        """
        self._attaches = attaches
        self.content, self.given, self._target, self._before = content, given, target, before
        self.results: Results | None = None
        self.unwritten = ""
        """Which file of the run could not be written, and why."""
        self._uncollected = False

    def run(self, arguments: Iterable[str]) -> int:
        """The exit code of pytest. Raises ``KeyboardInterrupt`` where somebody ended it."""
        # That gonogo is loaded before pytest is what a verb is.
        quiet = [
            "-p",
            "no:unraisableexception",
            "-W",
            "ignore:Module already imported:pytest.PytestAssertRewriteWarning",
        ]
        # A project that is no repository of ours may set what it likes for tests of its own.
        elsewhere = [] if self.content.own in self.content.layers else ["-c", os.devnull, "--noconftest"]
        folder = ["--rootdir", str(self.content.own)]
        code = pytest.main([*folder, *elsewhere, *quiet, *arguments], plugins=[self])
        if code == pytest.ExitCode.INTERRUPTED and not self._uncollected:
            raise KeyboardInterrupt
        return code

    @pytest.hookimpl(wrapper=True)
    def pytest_load_initial_conftests(self, early_config: pytest.Config) -> Generator[None, None, None]:
        """Say what the session is about, before anybody looks for it."""
        early_config.stash[CONTENT] = self.content
        if self._target is not None:
            early_config.stash[AS] = self._target
        early_config.stash[ATTACHES] = self._attaches
        if self._before is not None:
            early_config.stash[BEFORE] = self._before
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Ask all of the suites where the command line names no part of them."""
        if config.args_source is not config.ArgsSource.ARGS:
            config.args = [ALL_SUITES]
        if self.given is not None:
            config.stash[GIVEN] = self.given

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """A suite that cannot be collected interrupts pytest as well."""
        self._uncollected = excinfo.type is not KeyboardInterrupt

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Take the results before the session is gone."""
        self.results = config.stash.get(RESULTS, None)
        self.unwritten = config.stash.get(UNWRITTEN, "")
