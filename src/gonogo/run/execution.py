"""One execution of the suites: the platform under it, the checks in their lanes, the results at its end."""

from __future__ import annotations

import itertools
import os
import platform as host_facts
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from msgspec.structs import replace

from gonogo import __version__
from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Target
from gonogo.checks.inside import Inside
from gonogo.checks.journal import Journal, new_run_id
from gonogo.core.content import state
from gonogo.core.errors import ClientError, ConfigError, NotAskable, Problem, TimedOut
from gonogo.core.loading import LOADING
from gonogo.core.outcomes import Mode, Outcome, Skip
from gonogo.core.outlet import clean, redacted, uncut
from gonogo.core.seen import seeing
from gonogo.core.servers import Server
from gonogo.core.waiting import Deadline
from gonogo.providers import Deploys, Identifies, Keeps, Observes, Provider, close
from gonogo.providers.choose import provider_for
from gonogo.results.events import Event, Events, unreported
from gonogo.results.model import Cause, CheckResult, ComponentResult, Evidence, Health, Results, RunInfo
from gonogo.results.timeline import Timeline
from gonogo.results.verdict import judge
from gonogo.run.ahead import Body, Ran
from gonogo.run.diagnosis import explained, outcome_of, result_of
from gonogo.run.lanes import Job, Lanes
from gonogo.run.plan import Planned, RunPlan
from gonogo.run.platform import NotAsked, Platform, Standing
from gonogo.run.progress import Screen

CLEAN_UP = 10.0
"""Seconds that checks have to remove what they made, where the run ends in their midst."""


@dataclass(frozen=True)
class Options:
    """How a run was asked for."""

    out: Path
    keep: bool = False
    deadline: float | None = None
    argv: tuple[str, ...] = ()
    impatient: bool = False


@dataclass
class Run:
    """From the run plan to ``results.json``. ``begin``, then each check once, then ``finish``."""

    root: Path
    registry: Registry
    target: Target
    plan: RunPlan
    options: Options
    screen: Screen
    given: Provider | None = None
    timeline: Timeline = field(default_factory=Timeline)
    id: str = field(default_factory=new_run_id)
    first: int = 1

    def __post_init__(self) -> None:
        self.started = rfc3339()
        self.events: Events | None = None
        self.provider: Provider = self.given or provider_for(self.target, self.root)
        self.platform = Platform(
            self.registry,
            self.target,
            self.provider,
            run=self.id,
            mode=self.plan.mode,
            journal=Journal(state(self.root) / "journal.jsonl"),
            timeline=self.timeline,
            report=self.screen.tell,
            first=self.first,
        )
        widths = {name: c.concurrency for name, c in self.registry.components.items()}
        self.lanes: Lanes[Ran] = Lanes(widths)
        self.deadline = Deadline(self.options.deadline) if self.options.deadline else None
        self.own = False
        self.cluster = ""
        self.unwritten = ""
        """Which file of this run could not be written, and why."""
        self._checks: dict[str, CheckResult] = {}
        self._passed: dict[str, CheckResult] = {}
        """What passed its call, until its teardown has passed too."""
        self._measured: dict[str, CheckResult] = {}
        self._met: set[str] = set()
        self._evidence: dict[str, tuple[Evidence, ...]] = {}
        self._evidence_lock = threading.Lock()

    # -- the platform

    def begin(self, bodies: dict[str, Body]) -> None:
        """Reach the platform, and start every check in ``bodies`` as soon as what it uses stands.

        Returns when all of them have ended, so that the runner's own lines do not mix with theirs; with
        ``impatient``, when the standing of every component is known. Raises ``ConfigError`` where this is
        not the platform that the target file means, or it cannot be reached for want of room, network or rights;
        then what had been started is gone.
        """
        names = self.plan.components
        self.own = bool(names) and not self.platform.there(names)
        refuse_unwritable(self.options.out)
        folder = state(self.root) / "runs"
        try:
            self.events = Events(own_folder(folder, self.id))
            self.events.add(Event(planned=self._results()))
        except OSError as error:
            raise ConfigError(unwritable(folder, error)) from error
        try:
            with self.screen:
                self._reach(names, bodies)
        except ConfigError:
            self.lanes.close()
            self.screen.close()
            if self.own and isinstance(self.provider, Deploys):
                self.provider.down()
            self._close()
            raise

    def _reach(self, names: tuple[str, ...], bodies: dict[str, Body]) -> None:
        if self.own:
            self.platform.bring_up(names)
        elif names:
            self.platform.attach(names)
        if names and self.target.provider == "existing" and self.plan.mode is not Mode.READ:
            self.await_standings(names)
            self.platform.verify_identities()
        self.lanes.start(self._job(nodeid, body) for nodeid, body in bodies.items())
        self.await_standings(names)
        self.cluster = self.provider.place() if isinstance(self.provider, Identifies) else ""
        if not self.options.impatient:
            self.lanes.wait(self.deadline.left if self.deadline else None)

    def join(self, standings: list[dict[str, Any]]) -> None:
        """Work on the platform of another process's run, which records and finishes for all."""
        self.platform.adopt(standings)

    def await_standings(self, names: Iterable[str]) -> None:
        """Wait until each component is up or known not to be, or the run's deadline has passed."""
        with suppress(FutureTimeout):
            for standing in self.platform.standings(names, self.deadline.left if self.deadline else None):
                self._note(Event(component=self._component(standing.component, standing)))

    def disturb(self, name: str, how: str, node: str) -> AbstractContextManager[Server]:
        """See :meth:`gonogo.run.platform.Platform.disturbed`."""
        return self.platform.disturbed(name, how, node)

    def inside(self) -> Callable[[str], Inside]:
        """Component to what is true inside its servers' hosts; raises ``NotAskable`` where only addresses are known."""
        if isinstance(self.provider, Observes):
            return self.provider.inside()

        def nowhere(component: str) -> Inside:
            raise NotAskable(component, "the target has no [kubernetes]: only the server's address is known")

        return nowhere

    # -- the checks

    def _job(self, nodeid: str, body: Body) -> Job[Ran]:
        planned = self.plan.items[nodeid]

        def calling(call: Callable[[], None]) -> None:
            self.require(nodeid)
            with self.measuring(nodeid):
                call()

        return Job(
            nodeid,
            planned.components_used,
            lambda: self.platform.settled(planned.components_used),
            lambda: body.run(calling),
        )

    def require(self, nodeid: str) -> None:
        """Return where what the check uses answers. Raises ``NotAsked`` where not, ``TimedOut`` where it is late."""
        if self.deadline is not None and self.deadline.passed:
            raise self._late(nodeid)
        planned = self.plan.items[nodeid]
        self.platform.require(planned.components_used, planned.component)

    @contextmanager
    def measuring(self, nodeid: str) -> Iterator[None]:
        """Around the body of a check: its start, seconds and span are kept whatever it raises."""
        planned = self.plan.items[nodeid]
        name = ", ".join(planned.criteria)
        began, started = self.timeline.now, rfc3339()
        error: BaseException | None = None
        with seeing() as seen:
            try:
                yield
            except BaseException as raised:
                error = raised
                self._doubt(planned, raised)
                raise
            finally:
                span = self.timeline.add(name, "check", planned.component, began)
                measured = replace(self._blank(nodeid), started=started, seconds=span.seconds)
                self._measured[nodeid] = replace(measured, expected=seen.expected, actual=seen.actual)
                outcome, _, message = outcome_of(error, planned.component) if error else (Outcome.PASSED, None, "")
                if error is None or isinstance(error, Exception):
                    self.screen.checked(name, outcome, span.seconds, redacted(message))

    def _doubt(self, planned: Planned, error: BaseException) -> None:
        """A check that could not reach a component casts doubt on what it uses; asked once for all."""
        outcome, cause, _ = outcome_of(error, planned.component)
        transport = cause is not None and cause.signature.rpartition(".")[2] in {
            "timed_out",
            "connection_refused",
            "unavailable",
        }
        if isinstance(error, NotAsked) or not transport or outcome is Outcome.PASSED:
            return
        for name in planned.components_used:
            self.platform.doubt(name)

    def ran(self, nodeid: str) -> Ran | None:
        """How a check went that runs in its lane, waited for; None for one that runs in its turn.

        Also None when asked once more: a check that the runner repeats runs in its turn.
        """
        future = self.lanes.future(nodeid)
        if future is None or nodeid in self._met:
            self._measured.pop(nodeid, None)  # of an attempt before this one
            return None
        self._met.add(nodeid)
        try:
            return future.result(self.deadline.left if self.deadline else None)
        except FutureTimeout:
            return Ran(call=self._late(nodeid))
        except Exception as error:
            return Ran(call=error)

    def _late(self, nodeid: str) -> TimedOut:
        seconds = self.options.deadline or 0
        return TimedOut(self.plan.items[nodeid].component, f"the deadline of the whole run, {seconds:g} s, has passed")

    def judged(self, nodeid: str, error: BaseException | None) -> CheckResult:
        """The result of one check from what it raised, with evidence where it is not green."""
        if error is None and nodeid not in self._measured:
            return self.refused(nodeid, "its body was never called: a plugin or conftest.py took its place")
        measured = self._measured.get(nodeid) or self._blank(nodeid)
        endpoints = {n: s.endpoints for n, s in self.platform.known().items() if s.endpoints is not None}
        result = result_of(error, measured, self.registry, endpoints)
        if result.cause is not None:
            result = explained(result, self.platform.known().get(result.cause.component))
        if result.outcome in (Outcome.FAILED, Outcome.BROKEN):
            blamed = result.cause.component if result.cause else result.component
            result = replace(result, evidence=self._seen(blamed))
        return clean(result)

    def skipped(self, nodeid: str) -> CheckResult:
        """The result of a check that the plan left out."""
        unasked = self.plan.unasked[nodeid]
        return replace(
            self._blank(nodeid),
            outcome=unasked.outcome,
            message=unasked.reason,
            skip=unasked.skip,
            wants=unasked.wants,
            lacks=unasked.lacks,
        )

    def left(self, nodeid: str, why: str) -> CheckResult:
        """The result of a check that itself, or a marker of it, said that it is not to be asked."""
        blank = self._measured.get(nodeid) or self._blank(nodeid)
        return clean(replace(blank, outcome=Outcome.SKIPPED, message=why, skip=Skip.CHECK))

    def refused(self, nodeid: str, why: str) -> CheckResult:
        """The result of a check that the runner does not call passed, whatever it saw."""
        component = self.plan.items[nodeid].component
        cause = Cause(component=component, signature=f"{component}.own_error")
        message = " ".join(uncut(why, 600).split())[:600]
        return clean(replace(self._blank(nodeid), outcome=Outcome.BROKEN, cause=cause, message=message))

    def record(self, result: CheckResult) -> None:
        """Keep the result of a check; of two for one node (call, teardown) the worse counts.

        What passed counts when :meth:`ended` says that all of its phases have.
        """
        if result.outcome is Outcome.PASSED:
            self._passed[result.nodeid] = result
        else:
            self._keep(result)

    def ended(self, nodeid: str) -> None:
        """All phases of the check have passed; what its call showed stands."""
        if nodeid in self._passed:
            self._keep(self._passed.pop(nodeid))

    def _keep(self, result: CheckResult) -> None:
        before = self._checks.get(result.nodeid)
        if before is None or result.outcome.severity < before.outcome.severity:
            self._checks[result.nodeid] = result
            self._note(Event(check=result))

    def _note(self, event: Event) -> None:
        """Keep what happened for whoever recovers a killed run. A disk that fills up stops no check."""
        if self.events is None or self.unwritten:
            return
        try:
            self.events.add(event)
        except OSError as error:
            self.unwritten = str(unwritable(self.events.path, error))

    def _blank(self, nodeid: str) -> CheckResult:
        planned = self.plan.items[nodeid]
        blank = unreported(nodeid, planned.criteria, planned.component)
        return replace(blank, uses=planned.components_used, message="")

    def _unreported(self, planned: Planned) -> CheckResult:
        if planned.nodeid in self.plan.unasked:
            return self.skipped(planned.nodeid)
        return replace(unreported(planned.nodeid, planned.criteria, planned.component), uses=planned.components_used)

    def _seen(self, component: str) -> tuple[Evidence, ...]:
        """The component's evidence, asked for once: the first result that blames it carries it."""
        with self._evidence_lock:
            if component in self._evidence:
                return ()
            standing = self.platform.known().get(component)
            known = component in self.registry.components
            self._evidence[component] = (
                *(standing.evidence if standing else ()),
                *(self.provider.evidence(component) if isinstance(self.provider, Observes) and known else ()),
            )
            return self._evidence[component]

    # -- the end

    def finish(self, *, interrupted: bool = False) -> Results:
        """Take down what this run stood up, judge, and write the files.

        An interrupted run also reports the checks that had ended before their turn came.
        """
        self.lanes.close()
        self.screen.close()
        stays = self.options.keep or not self.own
        if interrupted:
            what = "checks clean up what they made" if stays else "everything is taken down"
            self.screen.line(f"Interrupted: {what}; once more leaves at once.")
        if stays:
            self.lanes.wait(CLEAN_UP)
        for nodeid, ran in self.lanes.ended().items() if interrupted else ():
            if ran.error is None or isinstance(ran.error, Exception):
                self._keep(self.judged(nodeid, ran.error))
        standings = self.platform.known()
        if not interrupted:
            with self.timeline.span("asking once more whether all answer", "wait"):
                self.platform.ask_again()
        health, pods = self._health(standings), self._pods(standings)
        with self.timeline.span("everything taken down" if self.own else "leaving", "teardown"):
            if self.own and self.options.keep:
                if isinstance(self.provider, Keeps):
                    self.provider.keep()
            elif self.own and isinstance(self.provider, Deploys):
                self.provider.down()
            self._close()
        # Renderers are not needed, nor paid for, before the end.
        with LOADING:
            from gonogo.run.publish import publish

        met = self._results(standings, interrupted=interrupted)
        components = tuple(replace(c, pods=pods.get(c.name)) for c in met.components)
        results = clean(judge(replace(met, components=components, health=health)))
        self._note(Event(finished=results))
        if self.events is not None:
            try:
                publish(results, self.events.path.parent, self.options.out)
            except OSError as error:
                self.unwritten = str(unwritable(self.options.out, error))
        return results

    def _pods(self, standings: Mapping[str, Standing]) -> dict[str, int]:
        """How many pods stand behind each component, where that can be seen."""
        up = any(standing.up for standing in standings.values())
        if self.target.kubernetes is None or not up or not isinstance(self.provider, Observes):
            return {}
        try:
            return dict(Counter(server.component for server in self.provider.servers()))
        except ClientError:
            return {}

    def _close(self) -> None:
        if self.given is None:
            close(self.provider)

    def _health(self, standings: Mapping[str, Standing]) -> Health | None:
        """What a cluster that was asked shows of all its pods, as its client sums it up."""
        clusters = [n for n, standing in standings.items() if standing.up and self.registry.components[n].cluster]
        for name in clusters:
            client: Any = self.platform.client(name)
            with suppress(ClientError), closing(client):
                summed: Health = client.tally()
                return summed
        return None

    def _results(self, standings: Mapping[str, Standing] | None = None, *, interrupted: bool = False) -> Results:
        """All that is known; ``standings`` are the components' at the end, before anything was taken down."""
        final = standings is not None
        selected = [p for p in self.plan.items.values() if p.selected]
        checks = [self._checks.get(p.nodeid) or self._unreported(p) for p in selected]
        return Results(
            run=RunInfo(
                id=self.id,
                started=self.started,
                finished=rfc3339() if final else "",
                seconds=round(self.timeline.now, 3),
                argv=self.options.argv,
                mode=self.plan.mode,
                gonogo=__version__,
                python=host_facts.python_version(),
                host=facts(),
                git=revision(self.root),
                deselected=self.plan.deselected,
                unread=self.plan.unread,
                interrupted=interrupted,
                overhead=round(self.timeline.overhead(), 3) if final else None,
            ),
            target=replace(self.plan.target, cluster=self.cluster),
            components=tuple(
                self._component(name, (standings or {}).get(name))
                for name in self.registry.ordered(self.plan.target.components)
            ),
            criteria=self.plan.criteria,
            checks=tuple(checks),
            spans=self.timeline.spans() if final else (),
        )

    def _component(self, name: str, standing: Standing | None) -> ComponentResult:
        component = self.registry.components[name]
        blank = ComponentResult(name=name, provider=self.target.provider, needs=component.needs)
        if standing is None:
            return blank
        endpoints = standing.endpoints
        shown: dict[str, str] = {k: redacted(str(v)) for k, v in endpoints.addresses.items()} if endpoints else {}
        if endpoints:
            shown |= dict.fromkeys(endpoints.secrets, "***")
        return replace(
            blank,
            version=standing.version,
            identity=standing.identity,
            transport=endpoints.transport if endpoints else "",
            endpoints=shown,
            expect=dict(endpoints.expect) if endpoints else dict(component.expect),
            answers=self.platform.first(name).outcome,
            answers_at_end=self.platform.last(name),
            cause=standing.cause,
            message=redacted(standing.message),
            ready_seconds=round(standing.ready_seconds, 3) if standing.ready_seconds is not None else None,
        )


def own_folder(runs: Path, id: str) -> Path:
    """A folder that is this process's alone: shards of one run that share a checkout have one each.

    Raises ``OSError``.
    """
    runs.mkdir(parents=True, exist_ok=True)
    for folder in itertools.chain([runs / id], (runs / f"{id}.{n}" for n in itertools.count(2))):
        with suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise AssertionError("unreachable")


def refuse_unwritable(out: Path) -> None:
    """Raise ``ConfigError`` where reports could not be written in the end."""
    nearest = next(folder for folder in (out, *out.parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        why = "may not be written" if nearest.is_dir() else "is no folder"
        raise ConfigError(Problem("--out", f"{nearest} {why}", "name a folder of yours: --out DIR"))


def unwritable(path: Path, error: OSError) -> Problem:
    """What to say of a file that could not be written."""
    why = f"cannot be written: {error.strerror or error}"
    return Problem(str(error.filename or path), why, "look at room with `df`")


def rfc3339() -> str:
    """Now, UTC, for display only."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def facts() -> dict[str, Any]:
    """What the machine is: system, cores, memory in MiB."""
    return {
        "system": f"{host_facts.system()} {host_facts.release()}",
        "machine": host_facts.machine(),
        "cores": psutil.cpu_count() or 0,
        "memory_mib": psutil.virtual_memory().total >> 20,
    }


def revision(root: Path) -> str:
    """The content's git revision, with ``+`` where it has uncommitted changes; empty outside git."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def command_line() -> tuple[str, ...]:
    """The command as typed, the program without its folder."""
    program = Path(sys.argv[0])
    name = program.name if program.name != "__main__.py" else f"python -m {program.parent.name}"
    return (name, *sys.argv[1:])
