"""The words of a judgement: what state an object is in, why, and what to do next."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from msgspec import field

from gonogo.core.outcomes import Struct
from gonogo.core.outlet import uncut
from gonogo.results.model import Reference


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


class Judgement(NamedTuple):
    """What one judge says of one object.

    ``reason`` is a CamelCase word of ours or the controller's (``ImageNotFound``), empty where there is
    nothing to say; ``message`` what is seen, with the object's own words; ``hint`` the next step, with a
    command where there is one; ``cause`` the object where the root lies and what part of it, None where it is
    the judged object itself. Of a fact that is given up as soon as it has stood for its ``grace``, that is the grace in
    seconds, and ``waited`` are the seconds that count so far. ``container``, its ``image`` and ``exit_code``, and the
    resources that nodes have too little of (``lacks``) are what the message tells of them.
    """

    state: State
    reason: str = ""
    message: str = ""
    hint: str = ""
    cause: Reference | None = None
    grace: float | None = None
    waited: float | None = None
    container: str = ""
    image: str = ""
    exit_code: int | None = None
    lacks: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """The message as people read it: with when the fact is given up, where time alone decides."""
        return self.message if self.grace is None else f"{self.message} (given up after {self.grace:.0f} s)"


READY = Judgement(State.READY)


class Row(Struct, frozen=True, kw_only=True):
    """One line of ``gonogo health``: an object and the verdict on it. ``source`` is the file it was read from.

    Message, hint and ``cause`` are for people. For programs: ``root`` is the object that ``cause`` names; a fact that
    time alone makes a failure is given up when it has stood for ``grace`` seconds from ``since`` on (RFC 3339, empty
    where nobody knows); ``container``, ``image``, ``exitCode`` and ``lacks`` (resources) as in :class:`Judgement`.
    """

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
    root: Reference | None = None
    grace: float | None = None
    since: str = ""
    container: str = ""
    image: str = ""
    exit_code: int | None = field(name="exitCode", default=None)
    lacks: tuple[str, ...] = ()

    @property
    def title(self) -> Reference:
        """The object itself."""
        return Reference(kind=self.kind, namespace=self.namespace, name=self.name)


def short(text: str, limit: int = 300) -> str:
    """The text on one line, cut in its middle where it is longer than ``limit`` characters: both ends tell."""
    text = " ".join(uncut(text, limit).split())
    if len(text) <= limit:
        return text
    half = (limit - 3) // 2
    return f"{text[:half]} … {text[-half:]}"
