"""Hooks of pytest; nothing but wiring: options, collection, the turn of each check, the end.

Inert where the root folder holds no content, and for tests outside ``suites/``.
"""

from __future__ import annotations

import inspect
import re
import signal
import warnings
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gonogo import clients
from gonogo.codec import convert
from gonogo.content import is_root
from gonogo.errors import ConfigError, GonogoError, Problem, Wrong
from gonogo.files import suggestion
from gonogo.interrupts import ENDS, Interrupts
from gonogo.model import CheckResult, Decision, Endpoints, Mode, Outcome, Results
from gonogo.registry import Registry
from gonogo.runplan import Planned, RunPlan, plan
from gonogo.timeline import Timeline

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
    group.addoption("--out", metavar="DIR", help="where results and reports go (reports/out of the checkout)")
    group.addoption("--keep", action="store_true", help="leave the platform running; `gonogo down` ends it")
    group.addoption("--deadline", metavar="SECONDS", type=float, help="of the whole run")
    group.addoption("--criterion", metavar="ID", action="append", default=[], help="only the checks of this criterion")


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
        raise pytest.UsageError(str(error)) from None
    config.pluginmanager.register(Suites(config, registry, root), "gonogo-suites")


def content_of(config: pytest.Config) -> Path | None:
    """The content that the session is about, or None.

    pytest takes every existing path among its arguments for something to collect, the value of
    ``--target FILE`` too, and then looks for its root folder above them all, without our settings.
    """
    for folder in (config.rootpath, config.inipath.parent if config.inipath else config.rootpath):
        if is_root(folder):
            if config.inipath is None:
                config.option.importmode = "importlib"
            return folder
    here = config.invocation_params.dir
    if not is_root(here) or not here.is_relative_to(config.rootpath) or not config.getoption("target"):
        return None
    config.option.importmode = "importlib"
    return here


class Suites:
    """What one pytest session does for the checks below ``suites/``."""

    def __init__(self, config: pytest.Config, registry: Registry, root: Path) -> None:
        self.config, self.registry, self.root = config, registry, root
        self.timeline = Timeline()
        self.collected: dict[str, Planned] = {}
        self.plan: RunPlan | None = None
        self.run: Any = None
        self.results: Results | None = None
        self.given: Any = next((p for p in config.pluginmanager.get_plugins() if type(p).__name__ == "Given"), None)

    @cached_property
    def screen(self) -> Any:
        """Where progress goes; first asked for between two captures, so that standard error is the real one."""
        from gonogo.progress import Screen, original_stderr

        return Screen(self.given.stream if self.given else original_stderr())

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

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        wanted = set(config.getoption("criterion"))
        unknown = wanted - self.registry.criteria.keys()
        if unknown:
            raise pytest.UsageError("\n".join(str(self.registry.unknown_criterion(one)) for one in sorted(unknown)))
        self._check_marker_expression(config)
        for item in items:
            if not self._is_check(item):
                continue
            planned = self._planned(item)
            self.collected[item.nodeid] = planned
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
            raise pytest.UsageError("\n".join(map(str, problems)))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if not self.collected:
            return
        selected = {item.nodeid for item in session.items}
        planned = [msgspec.structs.replace(p, selected=p.nodeid in selected) for p in self.collected.values()]
        try:
            self.plan = plan(planned, self.registry, self._target(), self._mode(), partial=self._partial())
        except ConfigError as error:
            raise pytest.UsageError(str(error)) from None

    def _partial(self) -> bool:
        """Whether the paths on the command line leave out a part of suites/."""
        given = [Path(self.config.invocation_params.dir, arg.partition("::")[0]) for arg in self.config.args]
        whole = self.root / "suites"
        return not any(whole.is_relative_to(path.resolve()) for path in given if "::" not in path.name)

    def _is_check(self, item: pytest.Item) -> bool:
        return isinstance(item, pytest.Function) and item.path.is_relative_to(self.root / "suites")

    def _criteria(self, item: pytest.Item) -> tuple[str, ...]:
        return tuple(str(arg) for mark in item.iter_markers("criterion") for arg in mark.args)

    def _planned(self, item: pytest.Item) -> Planned:
        criteria = self._criteria(item)
        component = criteria[0].partition(".")[0] if criteria else item.path.parent.name
        parameters = inspect.signature(item.obj).parameters  # type: ignore[attr-defined]
        used = {name for name in (component, *parameters) if name in self.registry.components}
        mode = Mode.READ
        if item.get_closest_marker("writes"):
            mode = Mode.WRITE
        if item.get_closest_marker("disrupts"):
            mode = Mode.DISRUPT
        return Planned(
            nodeid=item.nodeid,
            criteria=criteria,
            component=component,
            components_used=tuple(sorted(used)),
            mode=mode,
            needs=tuple(str(arg) for mark in item.iter_markers("needs") for arg in mark.args),
            markers=tuple(dict.fromkeys(mark.name for mark in item.iter_markers())),
        )

    def _target(self) -> Any:
        from gonogo.target import load_target

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
            raise pytest.UsageError(f"--mode {asked}: is one of {', '.join(Mode)}")
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
            if self.plan is not None and self.plan.components:
                self._begin({})
        if self.run is not None:
            node.workerinput["gonogo"] = {"run": self.run.id, "standings": self.run.platform.exported()}

    # -- the turn of each check

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        planning = self._has("collectonly") or self._has("setupplan")
        asked = self.plan is not None and self.plan.components and not planning
        # The runner asks nothing either where a suite could not be collected.
        uncollected = session.testsfailed and not session.config.option.continue_on_collection_errors
        if asked and self.run is None:
            shared = getattr(self.config, "workerinput", {}).get("gonogo")
            if shared is not None:
                self._join(shared)
            elif not uncollected:
                ahead = [item for item in session.items if self._may_run_ahead(item)]
                self._begin({item.nodeid: self._body(item) for item in ahead})
        try:
            return (yield)
        finally:
            if self.run is not None:
                self.run.lanes.close()

    def _begin(self, bodies: dict[str, Callable[[], None]]) -> None:
        # Deprecations inside client libraries are for their authors; -W still says otherwise.
        self.config.addinivalue_line("filterwarnings", "ignore::DeprecationWarning")
        warnings.simplefilter("ignore", DeprecationWarning)
        if self.config.pluginmanager.hasplugin("terminalreporter"):
            self.config.get_terminal_writer().flush()  # in a pipe or a file, its lines would come after ours
        self.interrupts.catch()
        self.config.add_cleanup(self.interrupts.release)
        try:
            self.run = self._made()
            self.run.begin(bodies)
        except ConfigError as error:
            self.run = None
            raise pytest.UsageError(str(error)) from None

    def _join(self, shared: dict[str, Any]) -> None:
        worker = int(self.config.workerinput["workerid"].removeprefix("gw")) + 1  # type: ignore[attr-defined]
        self.run = self._made(id=shared["run"], first=worker * 100_000)
        self.run.join(shared["standings"])

    def _made(self, first: int = 1, **given: Any) -> Any:
        from gonogo.run import Options, Run, command_line

        assert self.plan is not None
        options = Options(
            out=self.out,
            keep=self.config.getoption("keep"),
            deadline=self.config.getoption("deadline"),
            argv=command_line(),
            first=first,
            impatient=bool(self.config.getoption("maxfail")),
        )
        given |= {"given": self.given.provider if self.given else None, "timeline": self.timeline}
        return Run(self.root, self.registry, self._target(), self.plan, options, self.screen, **given)

    def _has(self, option: str) -> bool:
        """Whether an option of the runner was given; it may have been started without the plugin that knows it."""
        return bool(self.config.getoption(option, False))

    def _may_run_ahead(self, item: pytest.Item) -> bool:
        assert self.plan is not None
        return (
            isinstance(item, pytest.Function)
            and item.nodeid in self.plan.runnable
            and not self._has("usepdb")
            and not self._has("setuponly")
            and not item.get_closest_marker("disrupts")
            and all(name in self._values(item) for name in inspect.signature(item.obj).parameters)
        )

    def _values(self, item: pytest.Function) -> dict[str, Callable[[], Any]]:
        """Every parameter that the plugin can build itself, and how."""
        built: dict[str, Callable[[], Any]] = {name: partial(self._client, name) for name in self.registry.components}
        built["inside"] = lambda: self.run.inside()  # noqa: PLW0108 - there is no run yet at collection
        callspec = getattr(item, "callspec", None)
        for name, value in (callspec.params if callspec else {}).items():
            built[name] = partial(_same, value)
        return built

    def _client(self, name: str) -> Any:
        return self.run.platform.client(name)

    def _body(self, item: pytest.Item) -> Callable[[], None]:
        assert isinstance(item, pytest.Function)

        def body() -> None:
            values = self._values(item)
            opened = {name: values[name]() for name in inspect.signature(item.obj).parameters}
            try:
                item.obj(**opened)
            finally:
                for value in opened.values():
                    if hasattr(value, "answers"):
                        value.close()

        return body

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if self.plan is not None and item.nodeid in self.plan.unasked:
            outcome, reason = self.plan.unasked[item.nodeid]
            pytest.skip(f"{outcome}: {reason}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        if self.run is None or pyfuncitem.nodeid not in self.run.plan.items:
            return None
        if self.run.outcome(pyfuncitem.nodeid):
            return True
        planned = self.run.plan.items[pyfuncitem.nodeid]
        self.run.require(planned)
        arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
        self.run.measured(pyfuncitem.nodeid, lambda: pyfuncitem.obj(**arguments))
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if self.run is None or item.nodeid not in self.run.plan.items:
            return report
        error = call.excinfo.value if call.excinfo else None
        if report.skipped and call.when == "setup" and item.nodeid in self.run.plan.unasked:
            result = self.run.skipped(item.nodeid)
        elif report.skipped:
            result = msgspec.structs.replace(
                self.run.judged(item.nodeid, None), outcome=Outcome.SKIPPED, message=str(error or "")
            )
        elif call.when == "call" or error is not None:
            result = self.run.judged(item.nodeid, error)
            if error is not None and isinstance(error, GonogoError | Wrong):
                report.longrepr = summary(result)
            if result.outcome is Outcome.UNSUPPORTED:
                report.outcome = "skipped"  # as what is known beforehand not to be askable
                report.longrepr = (str(item.path), item.location[1] or 0, f"unsupported: {result.message}")
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

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        result = getattr(report, "gonogo", None)
        if result is not None and self.run is not None and str(report.outcome) != "rerun":
            self.run.record(convert(result, CheckResult))

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
            if self.interrupts.count:
                session.exitstatus = pytest.ExitCode.INTERRUPTED
            verdict = self.results.verdict
            if verdict is not None and verdict.decision is Decision.NO_GO and session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
            if self.run.unwritten and session.exitstatus != pytest.ExitCode.INTERRUPTED:
                session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
        yield
        if self.results is not None:
            self._say_verdict(self.results)

    def _say_verdict(self, results: Results) -> None:
        from gonogo.render import terminal

        reporter: Any = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None:
            return
        here = self.config.invocation_params.dir
        out = self.out.relative_to(here) if self.out.is_relative_to(here) else self.out
        report = "" if self.run.unwritten else str(out / "report.html")
        reporter.write_line(
            terminal.verdict(results, colour=reporter.hasmarkup, width=reporter._tw.fullwidth, report=report)
        )
        if self.run.unwritten:
            reporter.write_line(f"ERROR: {self.run.unwritten}", red=True)


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
    return "\n".join(lines)


def _same(value: Any) -> Any:
    return value
