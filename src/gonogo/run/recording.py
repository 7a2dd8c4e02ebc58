"""What becomes of each check of a run: kept as it comes, and written down for whoever recovers a killed run."""

from __future__ import annotations

import dataclasses
import itertools
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from gonogo.core.content import state
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.outcomes import Outcome, Skip
from gonogo.core.outlet import clean, uncut
from gonogo.core.times import stamp
from gonogo.providers import Observes
from gonogo.results.events import Event, Events, unreported
from gonogo.results.model import Cause, CheckResult, Evidence
from gonogo.results.verdict import in_force
from gonogo.run.diagnosis import Diagnosis, diagnosed, result_of
from gonogo.run.plan import Planned, RunPlan
from gonogo.run.platform import Platform
from gonogo.run.standing import NotAsked


@dataclass(frozen=True)
class Measured:
    """How the body of a check went: times and what it saw, what it raised, and what that means."""

    check: CheckResult
    error: BaseException | None
    found: Diagnosis | None


class Recorder:
    """The results of the checks in ``plan``, which are asked of ``platform``; by node id."""

    def __init__(self, plan: RunPlan, platform: Platform) -> None:
        self._plan, self._platform = plan, platform
        self.events: Events | None = None
        self.unwritten = ""
        """Which file of the run could not be written, and why."""
        self._kept: dict[str, CheckResult] = {}
        self._passed: dict[str, CheckResult] = {}
        """What passed its call, until its teardown has passed too."""
        self._measured: dict[str, Measured] = {}
        self._evidence: dict[str, tuple[Evidence, ...]] = {}
        self._evidence_lock = threading.Lock()

    # -- one check

    def blank(self, nodeid: str) -> CheckResult:
        """The result of a check of which nothing is known but what the plan says."""
        return replace(self._unreported(self._plan.items[nodeid]), message="")

    def measured(self, nodeid: str, how: Measured) -> None:
        """The body of the check has ended."""
        self._measured[nodeid] = how

    def forgotten(self, nodeid: str) -> None:
        """The check is asked anew; how its body went before says nothing."""
        self._measured.pop(nodeid, None)

    def judged(self, nodeid: str, error: BaseException | None) -> CheckResult:
        """The result of one check from what it raised, with evidence where it is not green."""
        how = self._measured.get(nodeid)
        if how is None and error is None:
            return self.refused(nodeid, "its body was never called: a plugin or conftest.py took its place")
        blank = how.check if how is not None else self.blank(nodeid)
        found = how.found if how is not None and how.error is error else None
        if found is None and error is not None:
            found = diagnosed(error, blank.component)
        if found is not None and isinstance(error, NotAsked) and error.standing.claim not in blank.criteria:
            found = dataclasses.replace(found, outcome=Outcome.BLOCKED)  # only that it answers was asked
        result = result_of(found, blank, self._platform.registry, self._platform.known(), self._platform.typed)
        if result.outcome in (Outcome.FAILED, Outcome.BROKEN):
            blamed = result.cause.component if result.cause else result.component
            result = replace(result, evidence=(*result.evidence, *self._seen(blamed)))
        return clean(result)

    def skipped(self, nodeid: str) -> CheckResult:
        """The result of a check that the plan left out."""
        unasked = self._plan.unasked[nodeid]
        return replace(
            self.blank(nodeid),
            outcome=unasked.outcome,
            message=unasked.reason,
            skip=unasked.skip,
            wants=unasked.wants,
            lacks=unasked.lacks,
        )

    def left(self, nodeid: str, why: str) -> CheckResult:
        """The result of a check that itself, or a marker of it, said that it is not to be asked."""
        blank = self._measured[nodeid].check if nodeid in self._measured else self.blank(nodeid)
        return clean(replace(blank, outcome=Outcome.SKIPPED, message=why, skip=Skip.CHECK))

    def refused(self, nodeid: str, why: str) -> CheckResult:
        """The result of a check that the runner does not call passed, whatever it saw."""
        component = self._plan.items[nodeid].component
        cause = Cause(component=component, signature=f"{component}.own_error")
        message = " ".join(uncut(why, 600).split())[:600]
        return clean(replace(self.blank(nodeid), outcome=Outcome.BROKEN, cause=cause, message=message))

    def waived(self, result: CheckResult) -> str:
        """Why the failure of a check is one that is lived with for now; empty where it is not."""
        waivers = [self._platform.registry.waivers.get(criterion) for criterion in result.criteria]
        now = stamp()
        if result.outcome is not Outcome.FAILED or not all(w is not None and in_force(w, now) for w in waivers):
            return ""
        return "waived: " + "; ".join(waiver.reason for waiver in waivers if waiver is not None)

    def _seen(self, component: str) -> tuple[Evidence, ...]:
        """The component's evidence, asked for once: the first result that blames it carries it."""
        with self._evidence_lock:
            if component in self._evidence:
                return ()
            standing, provider = self._platform.known().get(component), self._platform.provider
            known = component in self._platform.registry.components
            self._evidence[component] = (
                *(standing.evidence if standing else ()),
                *(provider.evidence(component) if known and isinstance(provider, Observes) else ()),
            )
            return self._evidence[component]

    # -- all of them

    def record(self, result: CheckResult) -> None:
        """Keep the result of a check; of two for one node (call, teardown) the worse counts.

        What passed counts when :meth:`ended` says that all of its phases have.
        """
        if result.outcome is Outcome.PASSED:
            self._passed[result.nodeid] = result
        else:
            self.keep(result)

    def ended(self, nodeid: str) -> None:
        """All phases of the check have passed; what its call showed stands."""
        if nodeid in self._passed:
            self.keep(self._passed.pop(nodeid))

    def keep(self, result: CheckResult) -> None:
        """Keep the result of a check that has ended, unless a worse one is known."""
        before = self._kept.get(result.nodeid)
        if before is None or result.outcome.severity < before.outcome.severity:
            self._kept[result.nodeid] = result
            self.note(Event(check=result))

    def results(self) -> tuple[CheckResult, ...]:
        """A result for every check that was selected; missing where nothing was reported."""
        return tuple(self._result(planned) for planned in self._plan.items.values() if planned.selected)

    def _result(self, planned: Planned) -> CheckResult:
        if planned.nodeid in self._kept:
            return self._kept[planned.nodeid]
        return self.skipped(planned.nodeid) if planned.nodeid in self._plan.unasked else self._unreported(planned)

    def _unreported(self, planned: Planned) -> CheckResult:
        return replace(unreported(planned.nodeid, planned.criteria, planned.component), uses=planned.components_used)

    # -- for whoever recovers a killed run

    def open(self, run: str, first: Event) -> None:
        """Begin to write down what happens. Raises ``ConfigError`` where that cannot be."""
        folder = state(self._platform.registry.root) / "runs"
        try:
            self.events = Events(own_folder(folder, run))
            self.events.add(first)
        except OSError as error:
            raise ConfigError(unwritable(folder, error)) from error

    def note(self, event: Event) -> None:
        """Write down what happened. A disk that fills up stops no check."""
        if self.events is None or self.unwritten:
            return
        try:
            self.events.add(event)
        except OSError as error:
            self.unwritten = str(unwritable(self.events.path, error))


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


def unwritable(path: Path, error: OSError) -> Problem:
    """What to say of a file that could not be written."""
    why = f"cannot be written: {error.strerror or error}"
    return Problem(str(error.filename or path), why, "look at room with `df`")
