"""One execution of the suites: the platform under it, the checks in their lanes, the results at its end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Target
from gonogo.core.errors import ConfigError, Problem, TimedOut
from gonogo.core.loading import LOADING
from gonogo.core.outcomes import Mode, Outcome
from gonogo.core.outlet import clean, redacted
from gonogo.core.seen import seeing
from gonogo.core.times import stamp
from gonogo.core.waiting import Deadline
from gonogo.providers import Deploys, Keeps, Prepares, Provider, close
from gonogo.results.events import Event
from gonogo.results.model import Earlier, Evidence, Results
from gonogo.results.timeline import Timeline
from gonogo.results.verdict import judge
from gonogo.run.account import Account, health, pods, releases
from gonogo.run.ahead import Body, Ran
from gonogo.run.diagnosis import diagnosed
from gonogo.run.lanes import Job, Lanes
from gonogo.run.plan import RunPlan
from gonogo.run.platform import Platform
from gonogo.run.progress import Screen
from gonogo.run.recording import Measured, Recorder, unwritable

CLEAN_UP = 10.0
"""Seconds that checks have to remove what they made, where the run ends in their midst."""


@dataclass(frozen=True)
class Options:
    """How a run was asked for. ``id`` is empty for a run of its own, ``first`` as in ``Platform``.

    ``before`` is an earlier run that this one is held against; ``attaches``: nothing is deployed.
    """

    out: Path
    keep: bool = False
    deadline: float | None = None
    argv: tuple[str, ...] = ()
    impatient: bool = False
    id: str = ""
    first: int = 1
    before: Earlier | None = None
    attaches: bool = False


class Run:
    """From the run plan to ``results.json``. ``begin``, then each check once, then ``finish``.

    What becomes of the checks is told to ``checks``; ``platform`` is what they ask.
    """

    def __init__(
        self,
        registry: Registry,
        target: Target,
        plan: RunPlan,
        options: Options,
        screen: Screen,
        *,
        timeline: Timeline | None = None,
        provider: Provider | None = None,
    ) -> None:
        self.plan, self.options, self._screen = plan, options, screen
        self.platform = Platform(
            registry,
            target,
            mode=plan.mode,
            report=screen.tell,
            run=options.id,
            provider=provider,
            timeline=timeline,
            first=options.first,
        )
        self.checks = Recorder(plan, self.platform)
        self._account = Account(plan, self.platform, self.checks, options.argv)
        self._lanes: Lanes[Ran] = Lanes({name: c.concurrency for name, c in registry.components.items()})
        self._deadline = Deadline(options.deadline) if options.deadline else None
        self._given = provider is not None
        self._begun: list[str] = []
        """The components that this run deploys, and takes down again."""
        self._met: set[str] = set()

    # -- the platform

    def begin(self, bodies: Mapping[str, Body]) -> None:
        """Reach the platform, and start every check in ``bodies`` as soon as what it uses stands.

        Returns when all of them have ended, so that the runner's own lines do not mix with theirs; with
        ``impatient``, when the standing of every component is known. Raises ``ConfigError`` where this is
        not the platform that the target file means, or it cannot be reached for want of room, network or rights;
        then what had been started is gone.
        """
        names = self.plan.components
        self._begun = self._beginning(names)
        refuse_unwritable(self.options.out)
        self.checks.open(self.platform.run, Event(planned=self._account.so_far({})))
        try:
            with self._screen:
                self._reach(names, bodies)
        except ConfigError:
            self.close()
            self._screen.close()
            try:
                self._taken_down(interrupted=True)
            finally:
                self._leave()
            raise

    def _beginning(self, names: tuple[str, ...]) -> list[str]:
        """What is not up and is ours to deploy. Where processes of this machine are up, they are the platform."""
        if self.options.attaches:
            return []
        components, provider = self.platform.registry.components, self.platform.provider
        deployed = [name for name in names if not components[name].cluster]
        there = self.platform.there(deployed or names)
        if there and not (isinstance(provider, Deploys) and provider.completes):
            return []
        return [name for name in self.platform.registry.ordered(deployed) if name not in there]

    @property
    def _own(self) -> bool:
        return bool(self._begun)

    def _reach(self, names: tuple[str, ...], bodies: Mapping[str, Body]) -> None:
        if self._own:
            self.platform.bring_up(names)
        elif names:
            self.platform.attach(names)
        if names and self.platform.target.provider == "existing" and self.plan.mode is not Mode.READ:
            self._await_standings(names)
            self.platform.verify_identities()
        self._lanes.start(self._job(nodeid, body) for nodeid, body in bodies.items())
        self._await_standings(names)
        self._account.cluster = self.platform.cluster()
        if not self.options.impatient:
            self._lanes.wait(self._left())

    def _await_standings(self, names: tuple[str, ...]) -> None:
        """Wait until each component is up or known not to be, or the run's deadline has passed."""
        with suppress(FutureTimeout):
            for standing in self.platform.standings(names, self._left()):
                self.checks.note(Event(component=self._account.component(standing.component, standing)))

    def _left(self) -> float | None:
        return self._deadline.left if self._deadline else None

    def shared(self) -> dict[str, Any]:
        """What a worker process needs to ``join``, as plain data."""
        return {
            "run": self.platform.run,
            "first": self.options.first,
            "standings": self.platform.exported(),
        }

    def join(self, standings: list[dict[str, Any]]) -> None:
        """Work on the platform of another process's run, which records and finishes for all."""
        self.platform.adopt(standings)

    # -- the checks

    def _job(self, nodeid: str, body: Body) -> Job[Ran]:
        uses = self.plan.items[nodeid].components_used

        def calling(call: Callable[[], None]) -> None:
            with self.asking(nodeid):
                call()

        return Job(nodeid, uses, self.platform.awaited(uses), lambda: body.run(calling))

    @contextmanager
    def asking(self, nodeid: str) -> Iterator[None]:
        """Around the body of a check: its start, seconds and span are kept, and what it raises is diagnosed.

        Raises ``NotAsked`` where what it uses does not answer, ``TimedOut`` where the run's deadline has passed; then
        the body does not begin.
        """
        if self._deadline is not None and self._deadline.passed:
            raise self._late(nodeid)
        planned, timeline = self.plan.items[nodeid], self.platform.timeline
        self.platform.require(planned.components_used, planned.criteria)
        name = ", ".join(planned.criteria)
        began, started = timeline.now, stamp()
        error: BaseException | None = None
        with seeing() as seen:
            try:
                yield
            except BaseException as raised:
                error = raised
                raise
            finally:
                found = diagnosed(error, planned.component) if isinstance(error, Exception) else None
                if found is not None and isinstance(error, Exception):
                    found = self.platform.accounted(error, found, planned.components_used)
                span = timeline.add(name, "check", planned.component, began)
                check = replace(self.checks.blank(nodeid), started=started, seconds=span.seconds)
                notes = tuple(Evidence(kind="observation", title=title, text=text) for title, text in seen.notes)
                check = replace(check, expected=seen.expected, actual=seen.actual, evidence=notes)
                self.checks.measured(nodeid, Measured(check, error, found))
                if found is not None:
                    self._screen.checked(name, found.outcome, span.seconds, redacted(found.message))
                elif error is None:
                    self._screen.checked(name, Outcome.PASSED, span.seconds)

    def ran(self, nodeid: str) -> Ran | None:
        """How a check went that runs in its lane, waited for; None for one that runs in its turn.

        Also None when asked once more: a check that the runner repeats runs in its turn.
        """
        future = self._lanes.future(nodeid)
        if future is None or nodeid in self._met:
            self.checks.forgotten(nodeid)  # of an attempt before this one
            return None
        self._met.add(nodeid)
        try:
            return future.result(self._left())
        except FutureTimeout:
            return Ran(call=self._late(nodeid))
        except Exception as error:
            return Ran(call=error)

    def _late(self, nodeid: str) -> TimedOut:
        seconds = self.options.deadline or 0
        return TimedOut(self.plan.items[nodeid].component, f"the deadline of the whole run, {seconds:g} s, has passed")

    def close(self) -> None:
        """No check begins any more."""
        self._lanes.close()

    # -- the end

    def finish(self, *, interrupted: bool = False) -> Results:
        """Remove what this run deployed, judge, and write the files.

        An interrupted run also reports the checks that had ended before their turn came.
        """
        self.close()
        self._screen.close()
        stays = self.options.keep or not self._own
        if interrupted:
            what = "checks clean up what they made" if stays else "everything is taken down"
            self._screen.line(f"Interrupted: {what}; once more leaves at once.")
        if stays:
            self._lanes.wait(CLEAN_UP)
        for nodeid, ran in self._lanes.ended().items() if interrupted else ():
            if ran.error is None or isinstance(ran.error, Exception):
                self.checks.keep(self.checks.judged(nodeid, ran.error))
        platform, timeline = self.platform, self.platform.timeline
        standings = platform.known()
        if not interrupted:
            with timeline.span("asking once more whether all answer", "wait"):
                platform.ask_again()
        summed, counted, installed = health(platform, standings), pods(platform, standings), releases(platform)
        with timeline.span("everything taken down" if self._own else "leaving", "teardown"):
            if not self.options.keep:
                self._taken_down(interrupted=interrupted)
            elif self._own and isinstance(platform.provider, Keeps):
                platform.provider.keep()
            self._leave()
        # Renderers are not needed, nor paid for, before the end.
        with LOADING:
            from gonogo.run.publish import publish

        met = self._account.at_end(standings, counted, installed, summed, interrupted=interrupted)
        results = clean(judge(replace(met, before=self.options.before)))
        self.checks.note(Event(finished=results))
        if self.checks.events is not None:
            try:
                publish(results, self.checks.events.path.parent, self.options.out)
            except OSError as error:
                self.checks.unwritten = str(unwritable(self.options.out, error))
        return results

    def _taken_down(self, *, interrupted: bool) -> None:
        provider = self.platform.provider
        if self._own and not interrupted and isinstance(provider, Prepares):
            provider.prepare(self._screen.line)
        if self._own and isinstance(provider, Deploys):
            names, components = self.platform.registry.ordered(self.plan.components), self.platform.registry.components
            every = [name for name in names if not components[name].cluster]
            if set(every) <= set(self._begun):
                provider.down()
            else:
                provider.down_only([components[name] for name in self._begun])

    def _leave(self) -> None:
        if not self._given:
            close(self.platform.provider)


def refuse_unwritable(out: Path) -> None:
    """Raise ``ConfigError`` where reports could not be written in the end."""
    nearest = next(folder for folder in (out, *out.parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        why = "may not be written" if nearest.is_dir() else "is no folder"
        raise ConfigError(Problem("--out", f"{nearest} {why}", "name a folder of yours: --out DIR"))
