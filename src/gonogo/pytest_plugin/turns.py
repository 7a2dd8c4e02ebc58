"""The turn of each check, from the beginning of the run to its end."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from gonogo.checks.disturb import Disturb
from gonogo.checks.inside import Inside
from gonogo.checks.journal import checked_run_id
from gonogo.core.codec import convert
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import ConfigError, GonogoError, Wrong
from gonogo.core.holders import told_by
from gonogo.core.interrupts import ENDS, Interrupts
from gonogo.core.outcomes import Decision, Outcome
from gonogo.core.outlet import guarded, redacted
from gonogo.pytest_plugin.clients import CODE, code
from gonogo.pytest_plugin.collection import Collection
from gonogo.pytest_plugin.layers import COLLECTORS
from gonogo.pytest_plugin.reports import say_verdict, summary
from gonogo.results.model import CheckResult, Results
from gonogo.results.timeline import Timeline
from gonogo.run import ahead
from gonogo.run.session import ATTACHES, BEFORE, GIVEN, RESULTS, UNWRITTEN, Given

if TYPE_CHECKING:
    from gonogo.run.execution import Run  # for a collection, which asks nobody, it would be the costliest import
    from gonogo.run.progress import Screen


class Turns:
    """What one session of pytest does for the checks of its collection."""

    def __init__(self, config: pytest.Config, collection: Collection) -> None:
        self._config, self._collection = config, collection
        self._timeline = Timeline()
        self._session: pytest.Session | None = None
        self._run: Run | None = None
        self._results: Results | None = None

    # -- the run

    @cached_property
    def _given(self) -> Given | None:
        return self._config.stash.get(GIVEN, None)

    @cached_property
    def _screen(self) -> Screen:
        """Where progress goes; first asked for between two captures, so that standard error is the real one."""
        from gonogo.run.progress import Screen, original_stderr

        screen = Screen(self._given.stream if self._given else original_stderr())
        told_by(screen.line)
        return screen

    @property
    def _out(self) -> Path:
        """Where results and reports go: as the shell sees it where it was given, else in the checkout."""
        given = self._config.getoption("out")
        return self._config.invocation_params.dir / given if given else self._collection.content.out

    @cached_property
    def _interrupts(self) -> Interrupts:
        """The signals that end a run; Ctrl-C is the debugger's where there is one."""
        words = "Left at once; what was started here is being ended without us."
        own = [number for number in ENDS if number is not signal.SIGINT or not self._has("usepdb")]
        return Interrupts(lambda: self._screen.last_words(words), own)

    def _has(self, option: str) -> bool:
        """Whether an option of the runner was given; it may have been started without the plugin that knows it."""
        return bool(self._config.getoption(option, False))

    def _made(self, id: str, first: int) -> Run:
        from gonogo.run.execution import Options, Run
        from gonogo.run.machine import command_line

        assert self._collection.plan is not None
        options = Options(
            out=self._out,
            keep=self._config.getoption("keep"),
            deadline=self._config.getoption("deadline"),
            argv=command_line(),
            impatient=bool(self._config.getoption("maxfail")),
            id=id,
            first=first,
            before=self._config.stash.get(BEFORE, None),
            attaches=self._config.stash.get(ATTACHES, False),
        )
        return Run(
            self._collection.registry,
            self._collection.target,
            self._collection.plan,
            options,
            self._screen,
            timeline=self._timeline,
            provider=self._given.provider if self._given else None,
        )

    def _begin(self, bodies: dict[str, ahead.Body]) -> None:
        if self._config.pluginmanager.hasplugin("terminalreporter"):
            self._config.get_terminal_writer().flush()  # in a pipe or a file, its lines would come after ours
        self._interrupts.catch()
        self._config.add_cleanup(self._interrupts.release)
        shared = self._config.getoption("run") or os.environ.get("GONOGO_RUN")
        try:
            self._run = self._made(checked_run_id(shared), first_of_a_shard()) if shared else self._made("", 1)
            # what checks print that run side by side is captured by nobody
            with self._deprecations_ignored(), guarded():
                self._run.begin(bodies)
        except ConfigError as error:
            self._run = None
            raise pytest.UsageError(redacted(str(error))) from None

    @contextmanager
    def _deprecations_ignored(self) -> Iterator[None]:
        """Deprecations inside client libraries are for their authors, unless somebody asks for warnings.

        In its turn a check has filters of its own, which pytest makes of its settings. All that run ahead of it share
        the process's, where pytest shows every deprecation: those are other ones while they run, and restored.
        """
        self._config.addinivalue_line("filterwarnings", "ignore::DeprecationWarning")
        with warnings.catch_warnings():
            if not sys.warnoptions and not self._config.getoption("pythonwarnings", None):
                warnings.simplefilter("ignore", DeprecationWarning)
            yield

    def _ahead(self, items: list[pytest.Item]) -> dict[str, ahead.Body]:
        """The checks that may run ahead of their turn; where many may not, why."""
        plan, of = self._collection.plan, self._collection.id
        assert plan is not None
        own = [item for item in items if self._collection.is_check(item) and of(item) in plan.runnable]
        why = ahead.serial(self._config)
        known = {CODE, code(Turns.endpoints), code(Turns.inside)}
        reasons = {
            item: why or ahead.alone(item, known, COLLECTORS) for item in own if not item.get_closest_marker("disrupts")
        }
        for reason, number in Counter(filter(None, reasons.values())).items():
            if number > 1 and not reason.own:
                self._screen.line(f"{number} checks one after another: {reason.text}")
        return {of(item): ahead.Body(item) for item, reason in reasons.items() if not reason}  # type: ignore[arg-type]

    # -- pytest-xdist: the controller deploys the platform and judges, its workers only ask

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self._session = session

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        # before the first worker, when the runner's own session has started
        if self._session is not None:
            session, self._session = self._session, None
            session.perform_collect()
            if self._collection.plan is not None:
                self._begin({})
        if self._run is not None:
            node.workerinput["gonogo"] = self._run.shared()

    def _join(self, shared: dict[str, Any]) -> None:
        worker = int(self._config.workerinput["workerid"].removeprefix("gw")) + 1  # type: ignore[attr-defined]
        self._run = self._made(shared["run"], shared["first"] + worker * 100_000)
        self._run.join(shared["standings"])

    # -- one check after another

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        planning = self._has("collectonly") or self._has("setupplan")
        # The runner asks nothing either where a suite could not be collected.
        uncollected = session.testsfailed and not session.config.option.continue_on_collection_errors
        if self._collection.plan is not None and self._run is None and not planning:
            shared = getattr(self._config, "workerinput", {}).get("gonogo")
            if shared is not None:
                self._join(shared)
            elif not uncollected:
                self._begin(self._ahead(session.items))
        try:
            return (yield)
        finally:
            if self._run is not None:
                self._run.close()

    def _asked(self, item: pytest.Item) -> tuple[Run, str] | None:
        """The run and the id of a check of it; None for any other test."""
        if self._run is None or not self._collection.is_check(item):
            return None
        id = self._collection.id(item)
        return (self._run, id) if id in self._run.plan.items else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if (asked := self._asked(item)) is None:
            return
        run, id = asked
        if id in run.plan.unasked:
            unasked = run.plan.unasked[id]
            pytest.skip(f"{unasked.outcome}: {unasked.reason}")
        ran = run.ran(id)
        if ran is not None:
            assert isinstance(item, pytest.Function)
            ahead.Delivery(item, ran)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        if (asked := self._asked(pyfuncitem)) is None:
            return (yield)
        run, id = asked
        with run.asking(id), ahead.claiming(pyfuncitem):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        error = call.excinfo.value if call.excinfo else None
        asked = self._asked(item)
        if asked is not None and isinstance(error, GonogoError | Wrong):
            # pytest would read and parse every file of the traceback, for a text that the summary replaces
            item.repr_failure = lambda *_: ""  # type: ignore[method-assign]
        else:
            vars(item).pop("repr_failure", None)  # an attempt before this one may have ended otherwise
        report = yield
        if asked is None:
            return report
        run, id = asked
        report.gonogo_id = id  # type: ignore[attr-defined]
        if report.skipped and call.when == "setup" and id in run.plan.unasked:
            result = run.checks.skipped(id)
        elif report.skipped or (report.passed and hasattr(report, "wasxfail")):
            said = str(error or "") or getattr(report, "wasxfail", "") or "marked as expected to fail, and passed"
            result = run.checks.left(id, said)
        elif call.when == "call" or error is not None:
            result = run.checks.judged(id, error)
            if error is not None and isinstance(error, GonogoError | Wrong):
                report.longrepr = summary(result)
            if waived := run.checks.waived(result):
                # A failure that waivers cover is an expected one to pytest too; judging stays the judge's.
                report.outcome, report.wasxfail = "skipped", waived
            # Not the time that the runner waited for a result which was there already.
            report.duration = result.seconds
        else:
            return report
        # as pytest-rerunfailures counts
        result = msgspec.structs.replace(result, attempts=getattr(item, "execution_count", 1))
        report.gonogo = msgspec.to_builtins(result)  # type: ignore[attr-defined]
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """What becomes of a check is known when all its phases were reported, by whichever process."""
        if self._run is None or str(report.outcome) == "rerun":
            return
        id, checks = getattr(report, "gonogo_id", "") or self._ids.get(report.nodeid, ""), self._run.checks
        if id not in self._run.plan.items:
            return
        said = getattr(report, "gonogo", None)
        result = convert(said, CheckResult) if said is not None else None
        if report.failed and (result is None or result.outcome is Outcome.PASSED):
            result = checks.refused(id, str(report.longrepr or "the process that ran it has ended"))
        elif report.skipped and result is not None and result.outcome is Outcome.PASSED:
            result = checks.left(id, str(report.longrepr or ""))
        if result is not None:
            checks.record(result)
        if report.when == "teardown" and report.passed:
            checks.ended(id)

    @cached_property
    def _ids(self) -> dict[str, str]:
        """For reports that come from nobody who knows our ids: of a worker that has died."""
        return self._collection.ids()

    # -- what checks may ask for besides clients

    @pytest.fixture
    def endpoints(self) -> Callable[[str], Endpoints]:
        """Component to where it is, for whoever constructs a client."""
        assert self._run is not None
        return self._run.platform.endpoints

    @pytest.fixture
    def disturb(self) -> Disturb:
        """Breaks one server on purpose; restores it, and waits for it, on leaving."""
        assert self._run is not None
        return Disturb(self._run.platform.disturbed)

    @pytest.fixture
    def inside(self) -> Callable[[str], Inside]:
        """Component to what is true inside its host, through pytest-testinfra."""
        assert self._run is not None
        return self._run.platform.inside()

    # -- the end

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        run = self._run
        if run is None or hasattr(self._config, "workerinput"):
            yield
            return
        self._interrupts.held = True
        results = run.finish(interrupted=session.exitstatus == pytest.ExitCode.INTERRUPTED)
        self._config.stash[RESULTS], self._config.stash[UNWRITTEN] = results, run.checks.unwritten
        self._settle_exit(session, results, run.checks.unwritten)
        yield
        self._settle_exit(session, results, run.checks.unwritten)  # what others made of it meanwhile
        say_verdict(self._config, results, self._out, run.checks.unwritten)

    def _settle_exit(self, session: pytest.Session, results: Results, unwritten: str) -> None:
        """A NO-GO never ends in 0, whatever the checks that were asked came to."""
        if self._interrupts.count:
            session.exitstatus = pytest.ExitCode.INTERRUPTED
        verdict = results.verdict
        if verdict is not None and verdict.decision is Decision.NO_GO and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if unwritten and session.exitstatus != pytest.ExitCode.INTERRUPTED:
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR


def first_of_a_shard() -> int:
    """The number of the first object's name: shards of one run share its id, and may not know of each other."""
    return 10_000_000 * (1 + secrets.randbelow(1_000_000))
