"""Whether a component answers, decided once and asked for by everybody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import GonogoError
from gonogo.core.outcomes import Outcome
from gonogo.results.model import Cause, Evidence


@dataclass(frozen=True)
class Standing:
    """Whether a component answers: ``outcome`` is passed, failed, broken or blocked (by ``root``).

    ``explained`` says that the provider saw why it does not answer: cause and message tell it. ``hint`` is the next
    step where it is more precise than that of the cause; ``facts`` are those that the cause's own names.
    """

    component: str
    outcome: Outcome
    endpoints: Endpoints | None = None
    cause: Cause | None = None
    message: str = ""
    root: str = ""
    version: str = ""
    identity: str = ""
    ready_seconds: float | None = None
    cpu_seconds: float | None = None
    explained: bool = False
    hint: str = ""
    evidence: tuple[Evidence, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def up(self) -> bool:
        """Whether it answers."""
        return self.outcome is Outcome.PASSED

    @property
    def claim(self) -> str:
        """The one criterion that reaching the component asks."""
        return f"{self.component}.answers"


class NotAsked(GonogoError):
    """A check that was not run, since the component it is about, or one it needs, does not answer.

    Not ``blocked`` is the one check that claims that the component answers: it was asked as the component was reached.
    """

    def __init__(self, standing: Standing, *, blocked: bool) -> None:
        self.standing, self.outcome = standing, Outcome.BLOCKED if blocked else standing.outcome
        self.root = standing.root or standing.component
        super().__init__(f"blocked by {self.root}: {standing.message}" if blocked else standing.message)


class Fallen(GonogoError):
    """Components that do not answer where a verb cannot do without them; the worst of their outcomes counts."""

    def __init__(self, *standings: Standing) -> None:
        self.outcome = min((one.outcome for one in standings), key=lambda outcome: outcome.severity)
        super().__init__("\n".join(f"{one.component}: {one.message}" for one in standings))


def blocked(name: str, by: Standing) -> Standing:
    """The standing of a component that needs one which does not answer."""
    root = by.root or by.component
    return Standing(name, Outcome.BLOCKED, cause=by.cause, message=by.message, root=root, facts=by.facts)
