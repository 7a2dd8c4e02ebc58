"""Finds and removes what earlier runs left behind: by the journal, by run ids in names, and by process."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gonogo.content import state
from gonogo.errors import ClientError, ConfigError, Problem
from gonogo.journal import RUN_ID, Journal
from gonogo.model import Mode
from gonogo.platform import Platform
from gonogo.progress import Screen


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


def orphans(yes: bool) -> list[dict[str, Any]]:
    """Processes and data of platforms whose keeper was killed, as rows of the verb's table; gone with ``yes``."""
    from gonogo.home import home
    from gonogo.providers.embedded import platforms

    data = [Found(one.id, "", "data folder", str(one.folder), True) for one in platforms.abandoned(home())]
    found = platforms.clean(home()) if yes else platforms.orphans()
    rows = [*(Found("", "", "process", f"pid {one.pid}", True) for one in found), *data]
    return [{**row.public(), "removed": yes} for row in rows]


def leftovers(platform: Platform, screen: Screen, hours: float) -> list[Found]:
    """What the components list with the id of a run begun ``hours`` ago, and what the journal names besides.

    Components that do not answer are told on the screen: nothing found there means nothing. Raises ``ConfigError``
    where the platform is to be changed and the target file does not allow that, or means another platform.
    """
    if not platform.target.allows(platform.mode):
        where, allowed = str(platform.target.path), ", ".join(platform.target.modes)
        raise ConfigError(Problem(where, f"modes allows {allowed}; deleting needs mode {platform.mode}"))
    names = platform.there(platform.registry.components)
    platform.attach(names)
    if platform.target.provider == "existing" and platform.mode is not Mode.READ:
        platform.verify_identities()
    found: dict[tuple[str, str, str], Found] = {}
    for name in names:
        standing = platform.standing(name)
        if not standing.up:
            screen.line(f"{name} could not be asked: {standing.message}", "red")
            continue
        try:
            with closing(platform.client(name)) as client:
                listed = [left for left in client.leftovers() if old(left.run, hours)]
        except ClientError as error:
            screen.line(f"{name} could not be asked: {error}", "red")
            continue
        found |= {(name, left.kind, left.name): Found(left.run, name, left.kind, left.name, True) for left in listed}
    for entry in Journal(state(platform.registry.root) / "journal.jsonl").open_entries():
        if entry.component in names and old(entry.run, hours):
            key = (entry.component, entry.kind, entry.name)
            found.setdefault(key, Found(entry.run, entry.component, entry.kind, entry.name, False))
    return sorted(found.values(), key=lambda f: (f.run, f.component, f.kind, f.name))


def removed(platform: Platform, screen: Screen, found: Found) -> bool:
    """Whether one object could be deleted; its journal entry is taken back then."""
    try:
        with closing(platform.client(found.component)) as client:
            client.remove(found.kind, found.name)
    except ClientError as error:
        screen.line(f"{found.component}: {found.kind} {found.name} could not be deleted: {error}", "red")
        return False
    journal = Journal(state(platform.registry.root) / "journal.jsonl")
    journal.record(found.run, found.kind, found.component, found.name, removed=True)
    return True


def old(run: str, hours: float, now: datetime | None = None) -> bool:
    """Whether the run with this id began at least ``hours`` ago, by the time in its id."""
    stamp = RUN_ID.search(run)
    if stamp is None:
        return False
    began = datetime.strptime(stamp[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return (now or datetime.now(UTC)) - began >= timedelta(hours=hours)
