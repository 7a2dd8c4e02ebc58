"""What every report says in the same words: outcomes, root causes, counts, times; and text made harmless."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from gonogo.core.harmless import line, plain
from gonogo.core.outcomes import Decision, Level, Outcome
from gonogo.core.times import moment, spoken
from gonogo.results.before import comparable
from gonogo.results.model import CheckResult, CriterionResult, FirstCause, Odd, Results, Shortfall, VoidWaiver, Waiver
from gonogo.results.verdict import go_on, in_force

MEANINGS: Mapping[Outcome, str] = {
    Outcome.PASSED: "seen, and right",
    Outcome.FAILED: "seen, and wrong",
    Outcome.BROKEN: "we could not ask",
    Outcome.BLOCKED: "something it needs does not work",
    Outcome.MISSING: "nothing was reported",
    Outcome.SKIPPED: "deliberately not asked",
    Outcome.UNSUPPORTED: "the target cannot hold it",
    Outcome.WAIVED: "failed, and a waiver covers it",
}
"""Each outcome in a few words, in the order in which people read them."""

UNSETTLED = (Outcome.FAILED, Outcome.BROKEN, Outcome.BLOCKED, Outcome.MISSING)
"""The outcomes that somebody has to look at."""

NOT_ASKED = (Outcome.MISSING, Outcome.UNSUPPORTED, Outcome.SKIPPED)
"""The outcomes of what was never put to the platform."""


@dataclass(frozen=True)
class System:
    """A component with how many of its criteria came to each outcome; every outcome is a key."""

    name: str
    row: Mapping[Outcome, int]

    @property
    def passed(self) -> str:
        """``12 of 14 passed``."""
        return f"{self.row[Outcome.PASSED]} of {sum(self.row.values())} passed"

    @property
    def others(self) -> str:
        """What did not pass: ``1 failed, 1 skipped``."""
        return ", ".join(f"{count} {one}" for one, count in self.row.items() if count and one is not Outcome.PASSED)

    @property
    def wrong(self) -> int:
        """How many of its criteria somebody has to look at."""
        return sum(self.row[outcome] for outcome in UNSETTLED)


@dataclass(frozen=True)
class Root:
    """A root cause with the check that saw it, and how many criteria wait for it."""

    cause: FirstCause
    outcome: Outcome
    check: CheckResult | None
    blocks: int

    @property
    def hint(self) -> str:
        """One likely cause and what to do, or nothing."""
        return self.check.hint if self.check else ""

    @property
    def by_hand(self) -> str:
        """The next command to type, or nothing."""
        return self.check.by_hand if self.check else ""


def percent(share: float | None) -> str:
    """A percentage, or a word where there was nothing to count."""
    return "nothing to count" if share is None else f"{share:.1f} %"


def odd(pod: Odd) -> str:
    """``data/web-1 is unhealthy, phase Running: CrashLoop: exit code 1``."""
    why = ": ".join(part for part in (pod.reason, first_line(pod.message)) if part)
    return f"{pod.namespace}/{pod.name} is {pod.place}, phase {pod.phase or 'unknown'}" + (f": {why}" if why else "")


def short(shortfall: Shortfall) -> str:
    """``StatefulSet data/kafka has 2 of 3 pods ready: CrashLoop: exit code 1``."""
    why = ": ".join(part for part in (shortfall.reason, first_line(shortfall.message)) if part)
    return str(shortfall) + (f": {why}" if why else "")


def roots(results: Results) -> list[Root]:
    """The verdict's root causes, in its order."""
    outcomes = {c.name: c.answers for c in results.components} | {c.id: c.outcome for c in results.criteria}
    blocked = Counter(criterion.blocked_by for criterion in results.criteria)
    witness = _witnesses(results)
    found = []
    for cause in results.verdict.first_causes if results.verdict else ():
        root = cause.criterion or cause.component
        outcome = outcomes.get(root, Outcome.FAILED)
        found.append(Root(cause=cause, outcome=outcome, check=witness(cause), blocks=blocked[root]))
    return found


def checks_of(results: Results) -> dict[str, list[CheckResult]]:
    """The checks of each criterion that has any, the worst first."""
    found: dict[str, list[CheckResult]] = {}
    for check in sorted(results.checks, key=lambda c: c.outcome.severity):
        for criterion in check.criteria:
            found.setdefault(criterion, []).append(check)
    return found


def counts(results: Results) -> dict[Level, dict[Outcome, int]]:
    """How many criteria of each level came to each outcome; every outcome is a key."""
    table = {level: dict.fromkeys(MEANINGS, 0) for level in Level}
    for criterion in results.criteria:
        table[criterion.level][criterion.outcome] += 1
    return {level: row for level, row in table.items() if any(row.values())}


def systems(results: Results) -> list[System]:
    """Every component with criteria, the worst outcome first, of equal ones that with more of it."""
    table: dict[str, dict[Outcome, int]] = {}
    for criterion in results.criteria:
        table.setdefault(criterion.component, dict.fromkeys(MEANINGS, 0))[criterion.outcome] += 1
    worst = sorted(MEANINGS, key=lambda outcome: outcome.severity)
    return sorted((System(name, row) for name, row in table.items()), key=lambda one: [-one.row[o] for o in worst[:-1]])


def ended(results: Results) -> dict[str, Waiver]:
    """The waivers that had ended when the run did, by criterion."""
    when = results.run.finished or results.run.started
    waivers = {one.id: one.waiver for one in results.criteria if one.waiver is not None}
    return {id: waiver for id, waiver in waivers.items() if not in_force(waiver, when)}


def void_waivers(results: Results) -> list[str]:
    """The waivers that count as none, and why: of no criterion, of several, or ended when the run did."""
    past = (
        VoidWaiver(criterion=id, waiver=waiver, reason=f"expired on {waiver.expires}")
        for id, waiver in ended(results).items()
    )
    return [plain(f"waiver {one}") for one in (*results.void, *past)]


def ranked(criteria: tuple[CriterionResult, ...]) -> list[CriterionResult]:
    """By level, then what needs attention before what passed; otherwise in the order given."""
    levels = list(Level)
    return sorted(criteria, key=lambda c: (levels.index(c.level), c.outcome.severity))


def decided(results: Results) -> tuple[str, str]:
    """The decision as a title (``NO-GO on embedded``) and the sentence that goes with it."""
    verdict = results.verdict
    if verdict is None:
        return "No verdict", "These results were not judged."
    title = {
        Decision.GO: go_on(results),
        Decision.NO_GO: f"NO-GO on {results.target.name}" + (": could not tell" if verdict.code == 3 else ""),
        Decision.NONE: "No verdict",
    }[verdict.decision]
    return plain(title), plain(verdict.reason)


def headline(results: Results) -> str:
    """The whole verdict in one line, with what was not asked."""
    return line(results.verdict.headline) if results.verdict else "no verdict: these results were not judged"


def cut(text: str, limit: int) -> str:
    """``text`` of at most ``limit`` characters; what is left out is said."""
    return text if len(text) <= limit else f"{text[:limit].rstrip()}… ({len(text) - limit} characters more)"


def first_line(text: str) -> str:
    """The first line that says something."""
    return next((line.strip() for line in plain(text).splitlines() if line.strip()), "")


def duration(seconds: float) -> str:
    """Seconds as people say them: ``0.31 s``, ``12.4 s``, ``2 min 5 s``, ``1 h 2 min``."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(count: int) -> str:
    """Bytes as people say them."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.0f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def number(count: int, one: str, many: str = "") -> str:
    """``1 criterion``, ``1,200 lines``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def instant(stamp: str) -> str:
    """An RFC 3339 time to the second, in UTC; what is none stays as it is."""
    when = moment(stamp)
    return f"{when:%Y-%m-%d %H:%M:%S} UTC" if when is not None else stamp


def ran(results: Results, now: datetime | None = None) -> str:
    """Which run this is, and when: ``run pv-… on staging, finished 2026-11-30 03:00:00 UTC, 3 hours ago``.

    Without ``now`` nothing is said of its age.
    """
    run = results.run
    ended = "interrupted" if run.interrupted else "finished"
    told = f"{ended} {instant(run.finished)}" if run.finished else f"never finished, started {instant(run.started)}"
    when = moment(run.finished or run.started)
    if now is not None and when is not None:
        ahead = when > now
        told += f", {'in ' if ahead else ''}{spoken(now - when)}{' by the clock of this machine' if ahead else ' ago'}"
    return plain(f"run {run.id} on {results.target.name}, {told}")


def held_against(results: Results) -> str:
    """Which earlier run the table of before and after is of, or why there is none."""
    before = results.before
    if before is None:
        return ""
    told = plain(f"run {before.run} on {before.target}, {instant(before.finished) or 'never finished'}")
    return f"Before and after {told}" if comparable(results) else f"Not comparable with {told}: another platform"


def share(results: Results) -> str:
    """What gonogo itself cost, as a sentence; nothing where it was not measured."""
    run = results.run
    if run.overhead is None:
        return ""
    own = min(run.overhead, run.seconds)  # stored results may be of a version that measured the two apart
    percent = f" ({100 * own / run.seconds:.1f} %)" if run.seconds > 0 else ""
    of = f"{duration(own)} of {duration(run.seconds)}{percent}"
    return f"{of} spent in gonogo itself, not in servers or checks"


def _witnesses(results: Results) -> Callable[[FirstCause], CheckResult | None]:
    """From a cause to the check that saw it: the first of its criterion, else the first with its signature."""
    of_criterion: dict[tuple[str, str], CheckResult] = {}
    of_signature: dict[str, CheckResult] = {}
    for check in results.checks:
        if check.cause:
            of_signature.setdefault(check.cause.signature, check)
            for criterion in check.criteria:
                of_criterion.setdefault((check.cause.signature, criterion), check)

    def witness(cause: FirstCause) -> CheckResult | None:
        return of_criterion.get((cause.signature, cause.criterion)) or of_signature.get(cause.signature)

    return witness
