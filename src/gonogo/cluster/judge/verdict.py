"""The words of a judgement: what state an object is in, why, and what to do next."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from msgspec import field

from gonogo.core.outcomes import Struct
from gonogo.core.outlet import uncut


class State(StrEnum):
    """What an object is, worst first: of several, the earliest member counts."""

    FAILED = "failed"
    UNKNOWN = "unknown"
    PROGRESSING = "progressing"
    SUSPENDED = "suspended"
    READY = "ready"

    @property
    def severity(self) -> int:
        """0 for the worst state, rising to ``ready``."""
        return _SEVERITY[self]


_SEVERITY = {state: place for place, state in enumerate(State)}


class Verdict(NamedTuple):
    """What one judge says of one object.

    ``reason`` is a CamelCase word of ours or the controller's (``ImageNotFound``), empty where there is
    nothing to say; ``message`` what is seen, with the object's own words; ``hint`` the next step, with a
    command where there is one; ``cause`` the object where the root lies and what part of it
    (``Pod data/web-0, container app``), empty where it is the judged object itself. ``early``: it is given up
    as soon as it has stood for its grace.
    """

    state: State
    reason: str = ""
    message: str = ""
    hint: str = ""
    cause: str = ""
    early: bool = False


READY = Verdict(State.READY)


class Row(Struct, frozen=True, kw_only=True):
    """One line of ``gonogo health``: an object and the verdict on it. ``source`` is the file it was read from."""

    kind: str
    api_version: str = field(name="apiVersion", default="")
    namespace: str = ""
    name: str = ""
    state: State
    reason: str = ""
    message: str = ""
    hint: str = ""
    cause: str = ""
    source: str = ""


def short(text: str, limit: int = 300) -> str:
    """The text on one line, cut in its middle where it is longer than ``limit`` characters: both ends tell."""
    text = " ".join(uncut(text, limit).split())
    if len(text) <= limit:
        return text
    half = (limit - 3) // 2
    return f"{text[:half]} … {text[-half:]}"
