"""What a plan finds, a finding each."""

from __future__ import annotations

from enum import StrEnum

from gonogo.core.outcomes import Struct


class Weight(StrEnum):
    """How much a finding weighs: it will not work, it may not, or nobody can tell."""

    PROBLEM = "problem"
    WARNING = "warning"
    UNKNOWN = "unknown"


class PlanFinding(Struct, frozen=True, kw_only=True):
    """One thing that a plan finds. ``cause`` is a word, ``subject`` the pod, claim or key that it is about.

    ``stage`` says when it is so: ``rest``, ``most``, ``passing``, ``update``, ``lost``; empty: at any time.
    """

    weight: Weight
    cause: str
    subject: str
    message: str
    component: str = ""
    stage: str = ""
    hint: str = ""
