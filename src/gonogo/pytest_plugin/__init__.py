"""Hooks of pytest; nothing but wiring: options, collection, the turn of each check, the end.

Inert where the root folder holds no content, and for tests outside ``suites/``.
"""

from __future__ import annotations

import os
import re
import secrets
import signal
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gonogo.catalog.registry import Registry
from gonogo.checks import clients
from gonogo.checks.journal import checked_run_id
from gonogo.core.codec import convert
from gonogo.core.content import is_root
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import ConfigError, GonogoError, Problem, Wrong
from gonogo.core.files import suggestion
from gonogo.core.harmless import line
from gonogo.core.holders import told_by
from gonogo.core.interrupts import ENDS, Interrupts
from gonogo.core.outcomes import Decision, Mode, Outcome
from gonogo.core.outlet import guarded, public, redacted, tell
from gonogo.results.model import CheckResult, Results
from gonogo.results.timeline import Timeline
from gonogo.run import ahead
from gonogo.run.declared import declared
from gonogo.run.outdated import put_away
from gonogo.run.plan import Planned, RunPlan, plan

MARKERS = (
    "criterion(id): the criterion of reports/criteria.toml that this check is evidence for",
    "needs(capability): what the target must declare for this check to be asked",
    "writes: creates objects of its own on the platform (mode write)",
    "disrupts: breaks something on purpose and restores it (mode disrupt)",
    "critical: of a critical criterion (set by gonogo)",
    "important: of an important criterion (set by gonogo)",
    "optional: of an optional criterion (set by gonogo)",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gonogo", "gonogo: is the platform fit?")
    group.addoption("--target", metavar="NAME|FILE", help="where the platform is (GONOGO_TARGET, else embedded)")
    group.addoption("--mode", metavar="MODE", help="read, write or disrupt; what the checks may do to the platform")
    group.addoption("--run", metavar="ID", help="the id that all shards of one run share (GONOGO_RUN, else a new one)")
    group.addoption("--out", metavar="DIR", help="where results and reports go (reports/out of the checkout)")
    group.addoption("--keep", action="store_true", help="leave the platform running; `gonogo down` ends it")
    group.addoption("--deadline", metavar="SECONDS", type=float, help="of the whole run")
    group.addoption("--criterion", metavar="ID", action="append", default=[], help="only the checks of this criterion")


COMPONENT = "component"
"""The parameter of a check whose claim many components make: the one that it is about."""

ASKS_NOTHING = ("collectonly", "help", "version", "showfixtures", "show_fixtures_per_test", "markers", "setupplan")
"""Options of pytest under which no check is asked."""


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Put the results of an earlier run away before anything can go wrong with this one, a misspelt option too."""
    options = early_config.known_args_namespace
    if any(getattr(options, name, False) for name in ASKS_NOTHING):
        return
    here = early_config.invocation_params.dir
    root = _root(early_config, getattr(options, "target", None))
    if root is None:
        return
    given = options.file_or_dir or (early_config.getini("testpaths") if here == early_config.rootpath else ()) or [""]
    paths = [Path(here, name.partition("::")[0]) for name in given]
    suites = root / "suites"
    if any(not p.exists() or suites.is_relative_to(p.resolve()) or p.resolve().is_relative_to(suites) for p in paths):
        out = getattr(options, "out", None)
        told_by(partial(_past_capture, early_config.pluginmanager))
        try:
            put_away(here / out if out else root / "reports" / "out")
        except OSError as error:
            where = str(error.filename or out or root)
            what = f"the results of an earlier run cannot be put away: {error.strerror or error}"
            raise pytest.UsageError(redacted(str(Problem(where, what, "name a folder of yours: --out DIR")))) from None


def _past_capture(plugins: pytest.PytestPluginManager, text: str) -> None:
    capture: Any = plugins.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        tell(text)


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    root = content_of(config)
    if root is None:
        return
    try:
        registry = Registry.load(root)
        for name in registry.components:
            config.pluginmanager.register(clients.module(root, name), f"{clients.PACKAGE}.{name}")
    except ConfigError as error:
        raise pytest.UsageError(redacted(str(error))) from None
    public(registry.components)
    config.pluginmanager.register(Suites(config, registry, root), "gonogo-suites")
    config.pluginmanager.register(Reports(root), "gonogo-reports")


def content_of(config: pytest.Config) -> Path | None:
    """The content that the session is about, or None.

    pytest takes every existing path among its arguments for something to collect, the value of
    ``--target FILE`` too, and then looks for its root folder above them all, without our settings.
    """
    root = _root(config, config.getoption("target"))
    if root is not None and config.inipath is None:
        config.option.importmode = "importlib"
    return root


def _root(config: pytest.Config, target: str | None) -> Path | None:
    for folder in (config.rootpath, config.inipath.parent if config.inipath else config.rootpath):
        if is_root(folder):
            return folder
    here = config.invocation_params.dir
    return here if target and is_root(here) and here.is_relative_to(config.rootpath) else None


class Suites:
    """What one pytest session does for the checks below ``suites/``."""

    def __init__(self, config: pytest.Config, registry: Registry, root: Path) -> None:
        self.config, self.registry, self.root = config, registry, root
        self.timeline = Timeline()
        self.found: dict[pytest.Item, None] = {}
        self.collected: dict[str, Planned] = {}
        self.plan: RunPlan | None = None
        self.run: Any = None
        self.results: Results | None = None
        self.given: Any = next((p for p in config.pluginmanager.get_plugins() if type(p).__name__ == "Given"), None)

    @cached_property
    def screen(self) -> Any:
        """Where progress goes; first asked for between two captures, so that standard error is the real one."""
        from gonogo.run.progress import Screen, original_stderr

        screen = Screen(self.given.stream if self.given else original_stderr())
        told_by(screen.line)
        return screen

    @property
    def out(self) -> Path:
        """Where results and reports go: as the shell sees it where it was given, else in the checkout."""
        given = self.config.getoption("out")
        return self.config.invocation_params.dir / given if given else self.root / "reports" / "out"

    @cached_property
    def interrupts(self) -> Interrupts:
        """The signals that end a run; Ctrl-C is the debugger's where there is one."""
        words = "Left at once; what was started here is being ended without us."
        own = [number for number in ENDS if number is not signal.SIGINT or not self._has("usepdb")]
        return Interrupts(lambda: self.screen.last_words(words), own)

    # -- collection: what may run is decided here, once

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A check of a claim that many components make (``*.account``) becomes a check for each of them."""
        if COMPONENT not in metafunc.fixturenames:
            return
        texts = [str(arg) for mark in metafunc.definition.iter_markers("criterion") for arg in mark.args]
        makers = {id.partition(".")[0]: None for text in texts for id in self.registry.shared.get(text, ())}
        if makers:
            metafunc.parametrize(COMPONENT, list(makers))

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Every check as it is found, before any hook can drop it."""
        if self._is_check(item):
            self.found[item] = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        wanted = set(config.getoption("criterion"))
        unknown = wanted - self.registry.criteria.keys()
        if unknown:
            problems = [str(self.registry.unknown_criterion(one)) for one in sorted(unknown)]
            raise pytest.UsageError(redacted("\n".join(problems)))
        self._check_marker_expression(config)
        for item in dict.fromkeys((*self.found, *filter(self._is_check, items))):
            planned = self._planned(item)
            self.collected[planned.nodeid] = planned
            for criterion in planned.criteria:
                if criterion in self.registry.criteria:
                    item.add_marker(self.registry.criteria[criterion].level.value)
        if wanted:
            kept = [i for i in items if wanted & set(self._criteria(i))]
            config.hook.pytest_deselected(items=[i for i in items if i not in kept])
            items[:] = kept
        items.sort(key=lambda item: item.get_closest_marker("disrupts") is not None)

    def _check_marker_expression(self, config: pytest.Config) -> None:
        """pytest refuses unknown markers of ``-m`` as well, but does not say which one was meant."""
        known = {re.split(r"\W", line)[0] for line in config.getini("markers")}
        # without a marker's arguments: criterion(id='x')
        words = set(re.findall(r"\w+", re.sub(r"\(\w+=.*?\)", "", config.option.markexpr)))
        problems = [
            Problem(f"-m {word}", "no such marker", suggestion(word, known))
            for word in sorted(words - known - {"and", "or", "not"})
        ]
        if problems:
            raise pytest.UsageError(redacted("\n".join(map(str, problems))))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if not self.collected:
            return
        selected = {self.id(item) for item in session.items if self._is_check(item)}
        planned = [msgspec.structs.replace(p, selected=p.nodeid in selected) for p in self.collected.values()]
        try:
            files = declared(self.root, self.registry.shared)
            self.plan = plan(planned, self.registry, self._target(), self._mode(), files=files)
        except ConfigError as error:
            raise pytest.UsageError(redacted(str(error))) from None

    def id(self, item: pytest.Item) -> str:
        """The check's id: pytest's, its path relative to the content's root, wherever pytest's own root is."""
        return f"{item.path.relative_to(self.root).as_posix()}::{item.nodeid.partition('::')[2]}"

    def _is_check(self, item: pytest.Item) -> bool:
        return isinstance(item, pytest.Function) and item.path.is_relative_to(self.root / "suites")

    def _criteria(self, item: pytest.Item) -> tuple[str, ...]:
        texts = (str(arg) for mark in item.iter_markers("criterion") for arg in mark.args)
        callspec = getattr(item, "callspec", None)
        component = callspec.params.get(COMPONENT) if callspec else None
        return tuple(
            f"{component}.{text[2:]}" if text in self.registry.shared and component else text for text in texts
        )

    def _planned(self, item: pytest.Item) -> Planned:
        criteria = self._criteria(item)
        component = criteria[0].partition(".")[0] if criteria else item.path.parent.name
        fixtures: list[str] = item.fixturenames  # type: ignore[attr-defined]
        used = {name for name in (component, *fixtures) if name in self.registry.components}
        mode = Mode.READ
        if item.get_closest_marker("writes"):
            mode = Mode.WRITE
        if item.get_closest_marker("disrupts"):
            mode = Mode.DISRUPT
        return Planned(
            nodeid=self.id(item),
            criteria=criteria,
            component=component,
            components_used=tuple(sorted(used)),
            mode=mode,
            needs=tuple(str(arg) for mark in item.iter_markers("needs") for arg in mark.args),
            markers=tuple(dict.fromkeys(mark.name for mark in item.iter_markers())),
        )

    def _target(self) -> Any:
        from gonogo.catalog.target import load_target

        if self.given is not None:
            return self.given.target
        if not hasattr(self, "_loaded"):
            self._loaded = load_target(self.config.getoption("target"), self.root, self.registry)
        return self._loaded

    def _mode(self) -> Mode | None:
        asked = self.config.getoption("mode")
        if asked is None:
            return None
        if asked not in list(Mode):
            raise pytest.UsageError(redacted(f"--mode {asked}: is one of {', '.join(Mode)}"))
        return Mode(asked)

    # -- pytest-xdist: the controller stands the platform up and judges, its workers only ask

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self.session: pytest.Session | None = session

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        # before the first worker, when the runner's own session has started
        if self.session is not None:
            session, self.session = self.session, None
            session.perform_collect()
            if self.plan is not None:
                self._begin({})
        if self.run is not None:
            shared = {"run": self.run.id, "first": self.run.first, "standings": self.run.platform.exported()}
            node.workerinput["gonogo"] = shared

    # -- the turn of each check

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        planning = self._has("collectonly") or self._has("setupplan")
        # The runner asks nothing either where a suite could not be collected.
        uncollected = session.testsfailed and not session.config.option.continue_on_collection_errors
        if self.plan is not None and self.run is None and not planning:
            shared = getattr(self.config, "workerinput", {}).get("gonogo")
            if shared is not None:
                self._join(shared)
            elif not uncollected:
                self._begin(self._ahead(session.items))
        try:
            return (yield)
        finally:
            if self.run is not None:
                self.run.lanes.close()

    def _ahead(self, items: list[pytest.Item]) -> dict[str, ahead.Body]:
        """The checks that may run ahead of their turn; where many may not, why."""
        assert self.plan is not None
        own = [item for item in items if self._is_check(item) and self.id(item) in self.plan.runnable]
        why = ahead.serial(self.config)
        files = {name: self.root / clients.PACKAGE / f"{name}.py" for name in self.registry.components}
        reasons = {item: why or ahead.alone(item, files) for item in own if not item.get_closest_marker("disrupts")}
        for reason, number in Counter(filter(None, reasons.values())).items():
            if number > 1 and not reason.own:
                self.screen.line(f"{number} checks one after another: {reason.text}")
        return {self.id(item): ahead.Body(item) for item, reason in reasons.items() if not reason}  # type: ignore[arg-type]

    def _begin(self, bodies: dict[str, ahead.Body]) -> None:
        # Deprecations inside client libraries are for their authors; -W still says otherwise.
        self.config.addinivalue_line("filterwarnings", "ignore::DeprecationWarning")
        warnings.simplefilter("ignore", DeprecationWarning)
        if self.config.pluginmanager.hasplugin("terminalreporter"):
            self.config.get_terminal_writer().flush()  # in a pipe or a file, its lines would come after ours
        self.interrupts.catch()
        self.config.add_cleanup(self.interrupts.release)
        try:
            self.run = self._made()
            with guarded():  # what checks print that run side by side is captured by nobody
                self.run.begin(bodies)
        except ConfigError as error:
            self.run = None
            raise pytest.UsageError(redacted(str(error))) from None

    def _join(self, shared: dict[str, Any]) -> None:
        worker = int(self.config.workerinput["workerid"].removeprefix("gw")) + 1  # type: ignore[attr-defined]
        self.run = self._made(id=shared["run"], first=shared["first"] + worker * 100_000)
        self.run.join(shared["standings"])

    def _made(self, **given: Any) -> Any:
        from gonogo.run.execution import Options, Run, command_line

        assert self.plan is not None
        options = Options(
            out=self.out,
            keep=self.config.getoption("keep"),
            deadline=self.config.getoption("deadline"),
            argv=command_line(),
            impatient=bool(self.config.getoption("maxfail")),
        )
        if "id" not in given and (shared := self.config.getoption("run") or os.environ.get("GONOGO_RUN")):
            given = {"id": checked_run_id(shared), "first": first_of_a_shard()}
        given |= {"given": self.given.provider if self.given else None, "timeline": self.timeline}
        return Run(self.root, self.registry, self._target(), self.plan, options, self.screen, **given)

    def _has(self, option: str) -> bool:
        """Whether an option of the runner was given; it may have been started without the plugin that knows it."""
        return bool(self.config.getoption(option, False))

    def _asked(self, item: pytest.Item) -> str:
        """The id of a check of this run; empty for any other test."""
        id = self.id(item) if self.run is not None and self._is_check(item) else ""
        return id if id and id in self.run.plan.items else ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        id = self._asked(item)
        if not id:
            return
        if id in self.run.plan.unasked:
            unasked = self.run.plan.unasked[id]
            pytest.skip(f"{unasked.outcome}: {unasked.reason}")
        ran = self.run.ran(id)
        if ran is not None:
            assert isinstance(item, pytest.Function)
            ahead.Delivery(item, ran)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        id = self._asked(pyfuncitem)
        if not id:
            return (yield)
        self.run.require(id)
        with self.run.measuring(id), ahead.claiming(pyfuncitem):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        id = self._asked(item)
        if not id:
            return report
        report.gonogo_id = id  # type: ignore[attr-defined]
        error = call.excinfo.value if call.excinfo else None
        if report.skipped and call.when == "setup" and id in self.run.plan.unasked:
            result = self.run.skipped(id)
        elif report.skipped or (report.passed and hasattr(report, "wasxfail")):
            said = str(error or "") or getattr(report, "wasxfail", "") or "marked as expected to fail, and passed"
            result = self.run.left(id, said)
        elif call.when == "call" or error is not None:
            result = self.run.judged(id, error)
            if error is not None and isinstance(error, GonogoError | Wrong):
                report.longrepr = summary(result)
            self._waive(result, report)
            # Not the time that the runner waited for a result which was there already.
            report.duration = result.seconds
        else:
            return report
        # as pytest-rerunfailures counts
        result = msgspec.structs.replace(result, attempts=getattr(item, "execution_count", 1))
        report.gonogo = msgspec.to_builtins(result)  # type: ignore[attr-defined]
        return report

    def _waive(self, result: CheckResult, report: pytest.TestReport) -> None:
        """A failure that waivers cover is an expected one to pytest too; judging stays the judge's."""
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        waivers = [self.registry.waivers.get(c) for c in result.criteria]
        if result.outcome is Outcome.FAILED and all(w is not None and w.expires >= today for w in waivers):
            report.outcome = "skipped"
            report.wasxfail = "waived: " + "; ".join(w.reason for w in waivers if w)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """What becomes of a check is known when all its phases were reported, by whichever process."""
        if self.run is None or str(report.outcome) == "rerun":
            return
        id = getattr(report, "gonogo_id", "") or self._ids.get(report.nodeid, "")
        if id not in self.run.plan.items:
            return
        said = getattr(report, "gonogo", None)
        result = convert(said, CheckResult) if said is not None else None
        if report.failed and (result is None or result.outcome is Outcome.PASSED):
            result = self.run.refused(id, str(report.longrepr or "the process that ran it has ended"))
        elif report.skipped and result is not None and result.outcome is Outcome.PASSED:
            result = self.run.left(id, str(report.longrepr or ""))
        if result is not None:
            self.run.record(result)
        if report.when == "teardown" and report.passed:
            self.run.ended(id)

    @cached_property
    def _ids(self) -> dict[str, str]:
        """pytest's node id to ours, for reports that come from nobody who knows ours: of a worker that has died."""
        return {item.nodeid: self.id(item) for item in self.found}

    # -- what checks may ask for besides clients

    @pytest.fixture
    def endpoints(self) -> Callable[[str], Endpoints]:
        """Component to where it is, for the fixtures that construct clients."""
        endpoints: Callable[[str], Endpoints] = self.run.platform.endpoints
        return endpoints

    @pytest.fixture
    def disturb(self) -> Disturb:
        """Breaks one server on purpose; restores it, and waits for it, on leaving."""
        return Disturb(self.run)

    @pytest.fixture
    def inside(self) -> Any:
        """Component to what is true inside its host, through pytest-testinfra."""
        return self.run.inside()

    # -- the end

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        if self.run is not None and not hasattr(self.config, "workerinput"):
            self.interrupts.held = True
            self.results = self.run.finish(interrupted=session.exitstatus == pytest.ExitCode.INTERRUPTED)
            self._settle_exit(session)
        yield
        if self.results is not None:
            self._settle_exit(session)  # what others made of it meanwhile
            self._say_verdict(self.results)

    def _settle_exit(self, session: pytest.Session) -> None:
        """A NO-GO never ends in 0, whatever the checks that were asked came to."""
        assert self.results is not None
        if self.interrupts.count:
            session.exitstatus = pytest.ExitCode.INTERRUPTED
        verdict = self.results.verdict
        if verdict is not None and verdict.decision is Decision.NO_GO and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self.run.unwritten and session.exitstatus != pytest.ExitCode.INTERRUPTED:
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR

    def _say_verdict(self, results: Results) -> None:
        from gonogo.render import terminal

        reporter: Any = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None:
            return
        here = self.config.invocation_params.dir
        out = self.out.relative_to(here) if self.out.is_relative_to(here) else self.out
        report = "" if self.run.unwritten else str(out / "report.html")
        told = terminal.verdict(results, colour=reporter.hasmarkup, width=reporter._tw.fullwidth, report=report)
        reporter.write_line(redacted(told))
        if self.run.unwritten:
            reporter.write_line(redacted(f"ERROR: {self.run.unwritten}"), red=True)


class Reports:
    """What pytest shows of the suites, and hands to other reporters: tracebacks, captured output; without secrets."""

    def __init__(self, root: Path) -> None:
        self._suites = root / "suites"

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if item.path.is_relative_to(self._suites):
            _without_secrets(report)
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        if collector.path.is_relative_to(self._suites):
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


class Disturb:
    """The fixture's value: ``with disturb.kill("kafka", "broker-2"):``."""

    def __init__(self, run: Any) -> None:
        self._run = run

    def kill(self, component: str, node: str) -> Any:
        """SIGKILL the node's serving process; started again on leaving."""
        return self._run.disturb(component, "kill", node)

    def hang(self, component: str, node: str) -> Any:
        """Stop the node's process so that it accepts and never answers; continued on leaving."""
        return self._run.disturb(component, "hang", node)

    def restart(self, component: str, node: str) -> Any:
        """End the node as its product wants it and start it on the same data; up again inside the body."""
        return self._run.disturb(component, "restart", node)


def summary(result: CheckResult) -> str:
    """What pytest shows of a check that is not green: no traceback, but what to do."""
    cause = result.cause.signature if result.cause else ""
    lines = [f"{result.outcome}: {cause}: {result.message}"]
    if result.expected and result.outcome is Outcome.FAILED:
        lines += [f"  expected  {result.expected}", f"  actual    {result.actual}"]
    lines += [f"  hint      {result.hint}"] if result.hint else []
    lines += [f"  by hand   {result.by_hand}"] if result.by_hand else []
    return "\n".join(map(line, lines))


def first_of_a_shard() -> int:
    """The number of the first object's name: shards of one run share its id, and may not know of each other."""
    return 10_000_000 * (1 + secrets.randbelow(1_000_000))
