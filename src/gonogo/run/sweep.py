"""Finds and removes what earlier runs left behind: by the journal, by run ids in names, and by process."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from gonogo.checks.journal import Entry, begun, run_of
from gonogo.core.errors import ClientError, ConfigError, NotAllowed, Problem
from gonogo.core.ours import NotOurs
from gonogo.core.outcomes import Mode, Outcome
from gonogo.providers import Leaves, Mends, Undoes
from gonogo.run.diagnosis import diagnosed, fallen
from gonogo.run.platform import Platform
from gonogo.run.progress import Screen

SHOWN = ("component", "kind", "name", "target")
"""What is told of an entry that is left alone."""


@dataclass(frozen=True)
class Found:
    """An object of an earlier run; ``seen`` says whether the server itself still lists it."""

    run: str
    component: str
    kind: str
    name: str
    seen: bool

    def public(self) -> dict[str, Any]:
        """A row of the verb's table."""
        return {"run": self.run, "component": self.component, "kind": self.kind, "name": self.name, "seen": self.seen}


@dataclass
class _Told:
    """What is left alone: for each reason the first of it, and how many there are."""

    first: dict[str, str] = field(default_factory=dict)
    count: dict[str, int] = field(default_factory=dict)

    def add(self, reason: str, what: str) -> None:
        """One thing more."""
        self.first.setdefault(reason, what)
        self.count[reason] = self.count.get(reason, 0) + 1

    def say(self, tell: Callable[[str], None]) -> None:
        """A line per reason."""
        for reason, first in self.first.items():
            others = f" and {self.count[reason] - 1} more" if self.count[reason] > 1 else ""
            tell(f"left alone, {reason}: {first}{others}")


class LeftAlone:
    """Says what is left alone, and knows whether there was any."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell, self.any = tell, False

    def __call__(self, text: str) -> None:
        """A line of it."""
        self.any = True
        self._tell(text)


def orphans(yes: bool, alone: Callable[[str], None]) -> list[dict[str, Any]]:
    """Processes and data of platforms whose keeper was killed, as rows of the verb's table; gone with ``yes``.

    ``alone`` hears what lies in the list of platforms and is not believed.
    """
    from gonogo.core.home import home
    from gonogo.providers.embedded import platforms

    for line in platforms.strange(home()):
        alone(f"left alone, {line}")
    data = [one for one in platforms.abandoned(home()) if one.marked]
    found = platforms.clean(home(), kept=True) if yes else platforms.orphans()
    rows = [(Found("", "", "process", f"pid {one.pid}", True), yes) for one in found]
    rows += [(Found(one.id, "", "data folder", str(one.folder), True), not one.folder.exists()) for one in data]
    return [{**row.public(), "removed": gone} for row, gone in rows]


def allowed(platform: Platform) -> None:
    """Raise ``ConfigError`` where the target file does not allow what this call may do."""
    if not platform.target.allows(platform.mode):
        where, modes = str(platform.target.path), ", ".join(platform.target.modes)
        raise ConfigError(Problem(where, f"modes allows {modes}; deleting needs mode {platform.mode}"))


def deployments(
    platform: Platform, screen: Screen, yes: bool, alone: Callable[[str], None]
) -> tuple[list[dict[str, Any]], list[str]]:
    """What a run deployed and was to take down, as rows of the verb's table, gone with ``yes``; and its components.

    Raises ``ClientError``, ``ConfigError`` where the target means another cluster, ``NotReady`` where something hangs.
    """
    provider = platform.provider
    if not isinstance(provider, Leaves) or not isinstance(provider, Undoes):
        return [], []
    left = provider.left(screen.line, alone)
    if not left:
        return [], []
    components = [platform.registry.components[name] for name in left]
    goes, stays = provider.removing(components)
    if yes:
        platform.confirmed()
        stays = provider.remove(components, waits=screen.line).stays
    for one in stays:
        screen.line(f"stays: {one.kind} {one.name}: {one.why}")
    still = {(one.kind, one.name) for one in stays}  # somebody may have come meanwhile
    rows = [
        Found("", one.component, one.kind, one.name, True).public()
        | {"removed": yes and (one.kind, one.name) not in still}
        for one in goes
    ]
    return rows, left


def mended(platform: Platform, screen: Screen, yes: bool, alone: Callable[[str], None]) -> list[dict[str, Any]]:
    """What a run stopped on purpose and left so, as rows of the verb's table; with ``yes`` it goes on.

    Raises ``ClientError``, ``ConfigError`` where the target means another cluster.
    """
    provider = platform.provider
    left = provider.stopped(alone) if isinstance(provider, Mends) else []
    if left and yes and isinstance(provider, Mends):
        platform.confirmed()
        provider.mend(screen.line)
    return [Found(one.run, one.component, "stopped pod", one.server, True).public() | {"removed": yes} for one in left]


def leftovers(
    platform: Platform,
    screen: Screen,
    hours: float,
    without: Collection[str] = (),
    alone: Callable[[str], None] | None = None,
) -> tuple[list[Found], list[Outcome]]:
    """What was left behind, and what those components came to that could not be asked; not of those ``without``.

    It is what the components list with the id of a run begun ``hours`` ago, and what the journal names besides.

    An entry of the journal counts where a run could have written it, for the server that is asked, of a kind that its
    client declares; all others are left alone, which ``alone`` hears, or the screen. So are components that do not
    answer: nothing found there means nothing. Raises ``ConfigError`` where the platform is to be changed and the target
    file does not allow that, or means another platform.
    """
    allowed(platform)
    names = platform.there(one for one in platform.registry.components if one not in without)
    platform.attach(names)
    if platform.target.provider == "existing" and platform.mode is not Mode.READ:
        platform.verify_identities()
    if not platform.place:
        with suppress(ConfigError, ClientError):
            platform.place = platform.confirmed()
    found: dict[tuple[str, str, str], Found] = {}
    unasked: list[Outcome] = []
    told, kinds = _Told(), dict[str, tuple[str, Collection[str]]]()
    for name in names:
        standing = platform.standing(name)
        if not standing.up:
            screen.line(f"{name} could not be asked: {standing.message}", "red")
            unasked.append(standing.outcome)
            continue
        try:
            with platform.client(name) as client:
                listed = [left for left in client.leftovers() if run_of(left.name) == left.run and old(left.run, hours)]
                declared: Collection[str] = getattr(client, "kinds", ())
        except Exception as error:
            standing = fallen(name, diagnosed(error, name))
            screen.line(f"{name} could not be asked: {standing.message}", "red")
            unasked.append(standing.outcome)
            continue
        assert standing.endpoints is not None
        component = platform.registry.components[name]
        kinds[name] = platform.mark(component, standing.endpoints, standing.identity), declared
        found |= {(name, left.kind, left.name): Found(left.run, name, left.kind, left.name, True) for left in listed}
    for entry in _journalled(platform, told):
        reason = _refusal(entry, platform, kinds)
        if reason is not None:
            told.add(reason, ", ".join(f"{key} {getattr(entry, key)[:60]!r}" for key in SHOWN if getattr(entry, key)))
        elif entry.component in kinds and old(entry.run, hours):
            key = (entry.component, entry.kind, entry.name)
            found.setdefault(key, Found(entry.run, entry.component, entry.kind, entry.name, False))
    told.say(alone or screen.line)
    return sorted(found.values(), key=lambda f: (f.run, f.component, f.kind, f.name)), unasked


def _journalled(platform: Platform, told: _Told) -> list[Entry]:
    journal = platform.journal
    try:
        return journal.open_entries(lambda number: told.add("damaged", f"{journal.path}, line {number}"))
    except NotOurs as error:
        told.add("the journal is not only yours", str(error))
    except OSError as error:
        told.add("the journal cannot be read", f"{journal.path}: {error.strerror}")
    return []


def _refusal(entry: Entry, platform: Platform, kinds: dict[str, tuple[str, Collection[str]]]) -> str | None:
    """Why an entry of the journal is not acted on; None where it is, or its component could not be asked."""
    if not entry.sound:
        return "journalled, but no name that a run gives"
    if entry.target != platform.target.name:
        return "journalled for another target" if entry.target else "journalled for no target"
    if entry.component not in platform.registry.components:
        return "journalled for no component of this checkout"
    if entry.component not in kinds:
        return None
    server, declared = kinds[entry.component]
    if entry.identity != server:
        return "journalled for another server"
    return None if entry.kind in declared else "journalled with a kind that is none"


def removed(platform: Platform, screen: Screen, found: Found) -> Outcome:
    """Passed where one object could be deleted; its journal entry is taken back then. Else what stood in the way."""
    try:
        with platform.client(found.component) as client:
            client.remove(found.kind, found.name)
    except (ClientError, NotAllowed) as error:
        screen.line(f"{found.component}: {found.kind} {found.name} could not be deleted: {error}", "red")
        return error.outcome
    scope = platform.endpoints(found.component).scope
    assert scope is not None
    with suppress(OSError):  # it is gone, whether or not that could be written down
        scope.gone(found.run, found.kind, found.name)
    return Outcome.PASSED


def old(run: str, hours: float, now: datetime | None = None) -> bool:
    """Whether the run with this id began at least ``hours`` ago, by the time in its id."""
    began = begun(run)
    return began is not None and (now or datetime.now(UTC)) - began >= timedelta(hours=hours)
