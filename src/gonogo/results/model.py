"""The words of gonogo as values: what was asked, what was seen, what it counts for.

Everything here is frozen and does no I/O. The structs are also the file format: codec, validation and
the published JSON Schema of ``results.json`` derive from them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

import msgspec

from gonogo.core.outcomes import Decision, Level, Mode, Outcome, Skip, Struct

SCHEMA = "gonogo/results/1"

FOR_PEOPLE = frozenset(
    {"claim", "plan", "reason", "message", "hint", "by_hand", "expected", "actual", "evidence", "headline", "title"}
    | {"text", "formula", "unsupported"}
)
"""The fields that people read, by name: words of ours, of servers or of whoever wrote a file. Nothing is decided by
them. Two are facts elsewhere: the keys of ``unsupported``, and ``reason`` of a pod or workload, one word."""


class Reference(Struct, frozen=True, kw_only=True):
    """An object of a cluster, and what part of it is meant, if any: a container, or a key of a Secret or ConfigMap."""

    kind: str
    namespace: str = ""
    name: str
    container: str = ""
    init: bool = False
    key: str = ""

    @property
    def whole(self) -> tuple[str, str, str]:
        """Kind, namespace and name of the object."""
        return self.kind, self.namespace, self.name

    def __str__(self) -> str:
        """``Pod data/web-0, init container migrate``."""
        told = f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"
        told += f", {'init ' if self.init else ''}container {self.container}" if self.container else ""
        return f"{told}, key {self.key}" if self.key else told


class Cause(Struct, frozen=True, kw_only=True):
    """Whose fault it is, as one signature of the catalogue (``kafka.broker_missing``)."""

    component: str
    signature: str


class Evidence(Struct, frozen=True, kw_only=True):
    """One piece of proof, redacted: inline text, or a path relative to the results file."""

    kind: str
    title: str
    text: str | None = None
    path: str | None = None
    truncated: bool = False


class CheckResult(Struct, frozen=True, kw_only=True):
    """What one check (a pytest node) saw.

    ``uses`` are all components that it talked to; ``seconds`` is the time the check itself took,
    ``attempts`` how often it was run: more than once only where the runner was told to repeat what fails.
    Of one that was not asked, ``skip`` says why, ``wants`` the mode and ``lacks`` the capability that it needs.
    """

    nodeid: str
    criteria: tuple[str, ...]
    component: str
    uses: tuple[str, ...] = ()
    outcome: Outcome
    expected: str = ""
    actual: str = ""
    message: str = ""
    cause: Cause | None = None
    hint: str = ""
    by_hand: str = ""
    evidence: tuple[Evidence, ...] = ()
    started: str = ""
    seconds: float = 0.0
    attempts: int = 1
    transport: str = ""
    skip: Skip | None = None
    wants: Mode | None = None
    lacks: str = ""

    @property
    def compared(self) -> tuple[str, str]:
        """What was expected and what was seen, where the message does not say both already; else nothing twice."""
        if f"expected {self.expected}, saw {self.actual}" in self.message:
            return "", ""
        return self.expected, self.actual


class Waiver(Struct, frozen=True, kw_only=True):
    """A person's promise to live with a failed criterion until a date (``YYYY-MM-DD``, inclusive)."""

    owner: str
    reason: str
    expires: str
    link: str = ""


class VoidWaiver(Struct, frozen=True, kw_only=True):
    """A waiver that counts as none: what it names, and ``reason``, why that is nothing to waive or not any more."""

    criterion: str
    waiver: Waiver
    reason: str

    def __str__(self) -> str:
        told = f"{self.waiver.owner} until {self.waiver.expires}: {self.waiver.reason}"
        return f"{self.criterion}: {told}, {self.reason}: it counts as none"


class CriterionResult(Struct, frozen=True, kw_only=True):
    """One line of the verdict. ``checks`` are node ids; a waiver stands here whether or not it is used.

    ``checks`` are all that the files declare and pytest collected, asked or not; ``skip``, ``wants`` and ``lacks``
    are those of the check that decided.
    """

    id: str
    level: Level
    component: str
    claim: str
    plan: str = ""
    outcome: Outcome = Outcome.MISSING
    reason: str = ""
    blocked_by: str | None = None
    waiver: Waiver | None = None
    checks: tuple[str, ...] = ()
    skip: Skip | None = None
    wants: Mode | None = None
    lacks: str = ""


class ComponentResult(Struct, frozen=True, kw_only=True):
    """One component as it was met; ``version`` and ``identity`` were asked of the server itself.

    ``answers`` is what its data path said when the run reached it, ``answers_at_end`` what it said when all checks
    had ended (``missing`` where it was not asked any more); ``needs`` are direct dependencies. ``cpu_seconds`` are of
    all its processes, user and system, until it was ready; None where this run did not start it. ``releases`` are
    what helm installed for it, as far as this target did: each release with the chart and version that it holds.
    """

    name: str
    version: str = ""
    provider: str = ""
    transport: str = ""
    releases: dict[str, str] = msgspec.field(default_factory=dict)
    endpoints: dict[str, str] = msgspec.field(default_factory=dict)
    identity: str = ""
    expect: dict[str, Any] = msgspec.field(default_factory=dict)
    needs: tuple[str, ...] = ()
    answers: Outcome = Outcome.MISSING
    answers_at_end: Outcome = Outcome.MISSING
    cause: Cause | None = None
    message: str = ""
    ready_seconds: float | None = None
    cpu_seconds: float | None = None
    pods: int | None = None


class Span(Struct, frozen=True, kw_only=True):
    """A stretch of time of the run; ``kind`` is fetch, deploy, wait, check or teardown.

    ``started`` is seconds since the run started, by the monotonic clock.
    """

    name: str
    kind: str
    component: str = ""
    started: float
    seconds: float
    critical_path: bool = False


class FirstCause(Struct, frozen=True, kw_only=True):
    """A root cause, with the criterion that showed it."""

    component: str
    signature: str
    criterion: str
    message: str


class Verdict(Struct, frozen=True, kw_only=True):
    """The decision, its reason in one sentence, and the counts behind it.

    ``counts`` maps level to outcome to number. ``code`` is the exit code of the gate.
    """

    decision: Decision
    reason: str
    headline: str = ""
    code: int = 3
    counts: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
    first_causes: tuple[FirstCause, ...] = ()
    unsupported: dict[str, str] = msgspec.field(default_factory=dict)
    waived: tuple[str, ...] = ()


class RunInfo(Struct, frozen=True, kw_only=True):
    """One execution. Times are RFC 3339 UTC, ``seconds`` by the monotonic clock.

    ``deselected`` are node ids that this run left out, by a path, an option or a hook: what was collected and not
    run, and what the files declare and was not collected. ``unread`` are files of the suites that nobody could read,
    so that what they ask is not known.
    """

    id: str
    started: str
    finished: str = ""
    seconds: float = 0.0
    argv: tuple[str, ...] = ()
    mode: Mode = Mode.READ
    gonogo: str = ""
    python: str = ""
    host: dict[str, Any] = msgspec.field(default_factory=dict)
    git: str = ""
    deselected: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    interrupted: bool = False
    overhead: float | None = None


class TargetInfo(Struct, frozen=True, kw_only=True):
    """The target as the run used it; ``unsupported`` maps component or criterion to the reason.

    ``lacks`` maps a component to the capability for want of which it is unsupported; ``cluster`` is the identity of
    the cluster (the uid of namespace kube-system), empty where there is none or nobody may see it.
    """

    name: str
    provider: str
    cluster: str = ""
    modes: tuple[Mode, ...] = (Mode.READ,)
    capabilities: tuple[str, ...] = ()
    profile: str = "default"
    components: tuple[str, ...] = ()
    unsupported: dict[str, str] = msgspec.field(default_factory=dict)
    lacks: dict[str, str] = msgspec.field(default_factory=dict)


class PodHealth(StrEnum):
    """Where a pod stands in the sum. The last three are out of the denominator."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    SETTLING = "settling"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    TERMINATING = "terminating"
    REPLACED = "replaced"


class Odd(Struct, frozen=True, kw_only=True):
    """A pod that explains why strict and literal are not both 100 %, and why it stands where it does.

    ``root`` is the object where the reason lies, ``since`` from when on its grace counts.
    """

    namespace: str
    name: str
    place: PodHealth
    phase: str
    reason: str = ""
    message: str = ""
    node: str = ""
    root: Reference | None = None
    since: str = ""


class Shortfall(Struct, frozen=True, kw_only=True):
    """A controller that has fewer ready pods than desired, or of which none is desired; why, as of an :class:`Odd`."""

    kind: str
    namespace: str
    name: str
    desired: int
    ready: int
    reason: str = ""
    message: str = ""
    root: Reference | None = None
    since: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name} has {self.ready} of {self.desired} pods ready"


class Storage(Struct, frozen=True, kw_only=True):
    """The volume claims: how many, how many of them bound, and bytes asked for and bound."""

    claims: int = 0
    bound: int = 0
    requested_bytes: int = 0
    bound_bytes: int = 0


class Health(Struct, frozen=True, kw_only=True):
    """How healthy the pods are; ``strict`` and ``literal`` in percent, None where there is nothing to count.

    strict = healthy / (pods − succeeded − terminating within their time − replaced by their controller);
    literal = pods of phase Running / pods. Settling and unknown pods are in the denominator and not healthy.
    """

    strict: float | None
    literal: float | None
    healthy: int = 0
    unhealthy: int = 0
    settling: int = 0
    unknown: int = 0
    excluded: int = 0
    succeeded: int = 0
    terminating: int = 0
    replaced: int = 0
    pods: int = 0
    running: int = 0
    formula: str = ""
    storage: Storage = Storage()
    explain: tuple[Odd, ...] = ()
    below: tuple[Shortfall, ...] = ()

    @property
    def counted(self) -> int:
        """The denominator of ``strict``."""
        return self.pods - self.excluded

    def __str__(self) -> str:
        if self.strict is None or self.literal is None:
            return f"no pod counts: {self.formula}"
        return f"{self.strict:.1f} % strictly ({self.formula}), {self.literal:.1f} % literally"

    def verdict(self, threshold: float) -> Literal["passed", "failed", "unsettled", "empty"]:
        """Whether ``strict`` reaches ``threshold`` percent.

        ``unsettled`` where it would if all settling pods became healthy, ``empty`` where no pod counts: neither
        is an answer, so both are broken.
        """
        if self.counted == 0:
            return "empty"
        if 100 * self.healthy >= threshold * self.counted:
            return "passed"
        return "unsettled" if 100 * (self.healthy + self.settling) >= threshold * self.counted else "failed"


class Earlier(Struct, frozen=True, kw_only=True):
    """What an earlier run saw of the same platform, for the table of before and after.

    ``services`` are the outcomes of components, and of services that a checklist named, when each was asked whether it
    answers.
    """

    run: str
    target: str
    cluster: str = ""
    finished: str = ""
    health: Health | None = None
    services: dict[str, Outcome] = msgspec.field(default_factory=dict)


class Results(Struct, frozen=True, kw_only=True):
    """The one source of every report: ``results.json``. ``before`` is an earlier run that this one is held against.

    ``void`` are the waivers of no criterion, or of several; those that ended stand with their criterion.
    ``digest`` is the SHA-256 of all the rest (:func:`gonogo.results.seal.sealed`): it tells files that were changed by
    hand, and keeps no secret.
    """

    schema: str = SCHEMA
    digest: str = ""
    run: RunInfo
    target: TargetInfo
    components: tuple[ComponentResult, ...] = ()
    criteria: tuple[CriterionResult, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    health: Health | None = None
    before: Earlier | None = None
    spans: tuple[Span, ...] = ()
    void: tuple[VoidWaiver, ...] = ()
    verdict: Verdict | None = None


def function_of(nodeid: str) -> str:
    """The node id of a check without its parameters."""
    path, _, name = nodeid.partition("::")
    return f"{path}::{name.partition('[')[0]}"
