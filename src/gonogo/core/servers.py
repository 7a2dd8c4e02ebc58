"""Servers of a component, and the steps on their way up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """Where a component is on its way up."""

    WAITING = "waiting"
    FETCHING = "fetching"
    PREPARING = "preparing"
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"
    BROKEN = "broken"
    BLOCKED = "blocked"


@dataclass(frozen=True)
class Server:
    """One server process (later: pod) of a component; a row of ``gonogo status``.

    ``address`` is ``host:port``; ``ports`` all ports it was given; ``user`` the account it must run as; ``run`` the run
    that deployed it, where that is known.
    """

    component: str
    node: str
    provider: str
    state: str
    version: str = ""
    address: str = ""
    pid: int | None = None
    log: str = ""
    data: str = ""
    since: str = ""
    user: str = ""
    ports: tuple[int, ...] = ()
    run: str = ""


@dataclass(frozen=True)
class Progress:
    """A step of a component on its way up, told as it happens; ``detail`` says what it waits for.

    ``reason`` is the word for what stands in its way: a new one is shown at once, however often steps are told.
    ``stays``: it is no step, but what is to be known of the component afterwards.
    """

    component: str
    phase: Phase
    detail: str = ""
    node: str = ""
    reason: str = ""
    stays: bool = False


Report = Callable[[Progress], None]
"""Where a provider tells its progress."""
