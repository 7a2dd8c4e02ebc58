"""The words of a verdict: outcomes, exit codes, levels, modes, and the base of every stored value."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, StrEnum

import msgspec


class Outcome(StrEnum):
    """What became of a check or a criterion, worst first: of several, the earliest member counts."""

    FAILED = "failed"
    BROKEN = "broken"
    BLOCKED = "blocked"
    MISSING = "missing"
    SKIPPED = "skipped"
    UNSUPPORTED = "unsupported"
    WAIVED = "waived"
    PASSED = "passed"

    @property
    def severity(self) -> int:
        """0 for the worst outcome, rising to ``passed``."""
        return _SEVERITY[self]


_SEVERITY = {outcome: place for place, outcome in enumerate(Outcome)}


class Code(IntEnum):
    """How a verb ends: its exit code, which says the same whatever the verb (docs/exit-codes.md)."""

    GO = 0
    FAILED = 1
    WRONG_USE = 2
    COULD_NOT_TELL = 3
    OWN_ERROR = 4
    INTERRUPTED = 130

    @classmethod
    def of(cls, *outcomes: Outcome) -> Code:
        """1 where anything failed, else 3 where anything could not be told, else 0."""
        worst = min(outcomes, key=lambda outcome: outcome.severity, default=Outcome.PASSED)
        if worst is Outcome.FAILED:
            return cls.FAILED
        return cls.COULD_NOT_TELL if worst in (Outcome.BROKEN, Outcome.BLOCKED, Outcome.MISSING) else cls.GO

    @classmethod
    def worst(cls, codes: Iterable[int]) -> Code:
        """Of several verdicts: 1 before 2 before 3, and 0 where all are."""
        return cls(min(filter(None, codes), default=cls.GO))


class Level(StrEnum):
    """How much a criterion weighs, as the plan ranks it; also the names of the pytest markers."""

    CRITICAL = "critical"
    IMPORTANT = "important"
    OPTIONAL = "optional"


class Mode(StrEnum):
    """What a run may do to the platform; each mode includes the ones before it."""

    READ = "read"
    WRITE = "write"
    DISRUPT = "disrupt"

    def allows(self, needed: Mode) -> bool:
        """Whether a run in this mode may do what ``needed`` asks."""
        return list(Mode).index(needed) <= list(Mode).index(self)


class Skip(StrEnum):
    """Why a check was deliberately not asked; decided by the run plan, but for ``check``.

    ``mode``: it needs a mode that the run was not given; ``profile``: the profile leaves it out; ``selection``: a
    path, an option or a hook left it out; ``check``: it or a marker of it said so.
    """

    MODE = "mode"
    PROFILE = "profile"
    SELECTION = "selection"
    CHECK = "check"


class Decision(StrEnum):
    """The verdict in one word."""

    GO = "GO"
    NO_GO = "NO-GO"
    NONE = "no verdict"


class Struct(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False, forbid_unknown_fields=True):
    """The base of every stored value: frozen, keyword-only, and strict about unknown keys."""
