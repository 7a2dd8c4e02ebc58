"""What a cluster holds, kept up to date: one store per kind and scope, each a list, then a watch.

A store survives whatever a long watch meets: it resumes from the last version that it saw, lists again where
that has become too old (410), and keeps the last state, marked as stale, while the API server cannot be asked.

A watch takes a thread and a connection, and there are at most :data:`WATCHES` of them. Where there are more stores,
as with forty kinds in fifty namespaces, each has its turn: a list, then watches of :data:`TURN` seconds, each from the
version that the one before has come to, so that nothing is missed and all of it is seen later.
"""

from __future__ import annotations

import itertools
import math
import random
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

from gonogo.cluster.api import (
    KINDS,
    LARGEST_LIST,
    SILENCE,
    UNREADABLE,
    WATCHED,
    Api,
    Kind,
    Outdated,
    items,
    understood,
)
from gonogo.cluster.judge import plain
from gonogo.cluster.judge.rules import Rules
from gonogo.cluster.judge.shapes import Page, known_as, load
from gonogo.cluster.judge.world import World
from gonogo.core.codec import decoder
from gonogo.core.errors import Absent, ClientError, ClusterLost, ConfigError, Forbidden
from gonogo.core.waiting import Deadline

if TYPE_CHECKING:
    import urllib3

ROUTINE = (
    *("Scheduled", "Pulling", "Pulled", "Created", "Started", "Killing", "Completed", "SuccessfulCreate"),
    *("SuccessfulDelete", "ScalingReplicaSet", "SawCompletedJob", "LeaderElection"),
)
"""Reasons of events that only tell that work is done: most of them all.

Warnings are what is wanted, and a few others: an autoscaler says by a normal event that it adds a node. A field
selector knows "not" and no "or", so that one list holds both where the routine is left out.
"""

FIELDS: Mapping[Kind, str] = {KINDS["Event"]: ",".join(f"reason!={reason}" for reason in ROUTINE)}
"""What is not kept whole."""

POLL = 5.0
"""Seconds between two lists where we may not watch, or where the kind is not served (yet)."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 3.0
"""Seconds before a store asks again: doubled by each failure, and shortened at random, lest all ask at once."""

RESUMES = 3
"""A watch that fails so often in a row does not resume any more, it lists: its version may be the reason."""

AT_ONCE = 8
"""Lists that run at the same time, so that an API server is not flooded by the first question."""

JUST_NOW = timedelta(seconds=1)
"""What was listed so long ago is as good as a list of one's own, though its watch is not open yet."""

WATCHES = 128
"""Watches that are open at the same time, each with a thread and a connection of its own."""

TURN = 5.0
"""Seconds that a watch is asked to last where others wait for their turn. The API server sends a bookmark 2 s before
the end (kubernetes, ``cacher/cache_watcher.go``), so that the version of a quiet store does not become too old."""

SHORTEST, LOOKING = 0.02, 0.1
"""Seconds between two looks of one who waits for news, and the part of his time that he looks."""

NAMESPACES = 1000
"""Namespaces that are looked at one by one."""

ObjectName = tuple[str, str]
"""Namespace (empty: none) and name."""


_CONTAINERS = (dict, list)


def thrifty(objects: Iterable[Mapping[str, Any]]) -> None:
    """Let an object share with the one before it what both have alike.

    A list is sorted by name, so that neighbours are copies of one template: ten thousand pods take a fifth of
    the memory.
    """
    before: Mapping[str, Any] = {}
    for one in objects:
        for part in ("metadata", "spec", "status"):
            mine, other = one.get(part), before.get(part)
            if isinstance(mine, dict) and isinstance(other, dict):
                for key, value in mine.items():
                    if type(value) in _CONTAINERS and value == other.get(key):
                        mine[key] = other[key]
        before = one


class _Names(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""


class _Object(msgspec.Struct):
    metadata: _Names = msgspec.field(default_factory=_Names)
    code: int = 0
    message: str = ""


class _Line(msgspec.Struct):
    type: str
    object: msgspec.Raw


_LINE = decoder(_Line)
_OBJECT = decoder(_Object)


class Store:
    """The objects of one kind in one namespace, or in all; one thread at a time follows it.

    Only that thread writes; whatever others read changes under the hub's lock.
    """

    def __init__(self, hub: Hub, kind: Kind, namespace: str | None, *, found: bool = False) -> None:
        self.hub, self.kind, self.namespace, self.found = hub, kind, namespace, found
        self.objects: dict[ObjectName, Mapping[str, Any]] = {}
        self.listed = False
        self.polled = self.unserved = self.split = False
        self.error: Exception | None = None
        self.stale: datetime | None = None
        self._version = ""
        self._watched = self._lasting = self._cut = False
        self._heard = hub.clock()
        self._failures = self._grown = 0
        self._answer: urllib3.BaseHTTPResponse | None = None

    @property
    def what(self) -> str:
        """``pods in namespace data``, ``nodes``."""
        return self.kind.resource + (f" in namespace {self.namespace}" if self.namespace else "")

    @property
    def followed_now(self) -> bool:
        """Whether a change is seen as soon as it happens, or all of it was heard just now."""
        if not self.listed or self.stale is not None or self.error is not None:
            return False
        return (self._lasting and self._watched) or self.hub.clock() - self._heard < JUST_NOW

    def give_way(self) -> None:
        """Cut a watch that was opened when there were few; the store goes on in its turn."""
        if self._lasting:
            self._cut = True
            self.stop()

    def stop(self) -> None:
        """Cut the watch; the thread sees that the hub is closed."""
        answer = self._answer
        if answer is not None:
            with suppress(RuntimeError, ValueError, OSError):  # it has come to its end by itself meanwhile
                answer.shutdown()

    # -- the thread

    def followed(self) -> bool:
        """Follow for one turn, which has no end where there are few stores; whether it is to have another."""
        while not self.hub.closing.is_set():
            try:
                if not self._version:
                    self._list()
                    if self.hub.follow and self.hub.crowded:
                        return True
                if not self.hub.follow or self.hub.closing.is_set():
                    return False
                if self.polled or self.unserved:
                    self._version = ""
                    self.hub.closing.wait(POLL)
                else:
                    self._watch()
            except Outdated:
                self._version = ""
                self._pause()
            except (ClientError, ConfigError) as error:
                if self.hub.closing.is_set() or not (self._cut or self._survives(error)):
                    return False
            except Exception as error:  # it must reach those who wait, and not end with this thread
                with self.hub.moved:
                    self.error, self.listed = error, False
                    self.hub.moved.notify_all()
                return False
            finally:
                self._answer, self._lasting, self._cut = None, False, False
            if self.hub.crowded:
                return True
        return False

    def _survives(self, error: ClientError | ConfigError) -> bool:
        """Note what went wrong, and pause; whether it makes sense to ask again."""
        if isinstance(error, Forbidden) and not self._watched:
            # After a restart an API server refuses for a moment what it allows: where a question was answered
            # before, its refusal may pass.
            if self._version:
                with self.hub.moved:
                    self.polled = True
                    self.hub.moved.notify_all()
                return True
            if not self.listed:
                try:
                    self.hub.refused(self, error)
                    return False
                except (ClientError, ConfigError) as other:
                    error = other
        with self.hub.moved:
            self.error = error
            self.stale = self.stale or self._heard
            self.hub.moved.notify_all()
        if not self.hub.follow:
            return False
        if self._failures >= RESUMES:
            self._version = ""
        self._pause()
        return True

    def _pause(self) -> None:
        seconds = min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE)
        self._failures += 1
        self.hub.closing.wait(seconds * random.uniform(0.5, 1.0))

    def _opened(self, answer: urllib3.BaseHTTPResponse) -> None:
        self._answer = answer
        if self.hub.closing.is_set():
            self.stop()

    def _list(self) -> None:
        objects: dict[ObjectName, Mapping[str, Any]] = {}
        known: dict[plain.Key, Mapping[str, Any]] = {}
        version, unserved = "", False
        with self.hub.listing:
            try:
                pages = self.hub.api.pages(
                    self.kind, self.namespace, fields=FIELDS.get(self.kind, ""), opened=self._opened
                )
                for raw in pages:
                    found = self._page(raw, known)
                    version = version or found.resource_version
                    for one in found.items:
                        meta = one.get("metadata", {})
                        objects[meta.get("namespace", ""), meta.get("name", "")] = one
            except Absent:
                unserved = True
        with self.hub.moved:
            moved = not self.listed or (objects, unserved) != (self.objects, self.unserved)
            self.objects, self._version, self.unserved, self._grown = objects, version, unserved, 0
            self.listed, self.error, self._heard = True, None, self.hub.clock()
            if not self.hub.follow or self.polled or unserved:
                self.stale = None
            if moved:
                self.hub.move()

    def _page(self, raw: bytes, known: dict[plain.Key, Mapping[str, Any]]) -> Page:
        def decoded() -> Page:
            found = plain.page(self.kind.api_version, self.kind.kind, raw, known)
            thrifty(found.items)
            return found

        return understood(self.hub.api.component, self.kind.path(self.namespace), decoded)

    def _watch(self) -> None:
        self._lasting = not self.hub.crowded
        half = Deadline(TURN / 2)

        def opened(answer: urllib3.BaseHTTPResponse) -> None:
            self._opened(answer)
            if self._cut or self.hub.crowded:  # by now
                self.give_way()
            self._watched, self._heard = True, self.hub.clock()
            with self.hub.moved:
                self.error = self.stale = None
                self.hub.moved.notify_all()

        lines = self.hub.api.watch(
            self.kind,
            self.namespace,
            self._version,
            fields=FIELDS.get(self.kind, ""),
            seconds=WATCHED if self._lasting else TURN,
            # a turn that the API server does not end is lost, and others wait
            silence=self.hub.silence if self._lasting else min(self.hub.silence, TURN + self.hub.api.timeouts.check),
            opened=opened,
        )
        for line in lines:
            self._grown += len(line)
            if self._grown > LARGEST_LIST:
                raise Outdated(self.hub.api.component, f"the watch of {self.what} has told more than a list may hold")
            self._take(line)
            self._heard, self._failures = self.hub.clock(), 0
        # A watch ends in good order after its time. One that ends at once must not be opened at once again.
        if self._lasting or not half.passed:
            self._pause()

    def _take(self, line: bytes) -> None:
        try:
            event = _LINE.decode(line)
            seen = _OBJECT.decode(event.object)
            if event.type == "ERROR":
                raise self._ended(seen)
            if event.type != "BOOKMARK":
                place = seen.metadata.namespace, seen.metadata.name
                changed = None if event.type == "DELETED" else load(event.object)
                with self.hub.moved:
                    if changed is None:
                        self.objects.pop(place, None)
                    else:
                        self.objects[place] = changed
                    self.hub.move()
        except UNREADABLE as error:
            # half a line is what a cut connection leaves behind
            raise ClusterLost(self.hub.api.component, f"the watch of {self.what} cannot be read: {error}") from error
        self._version = seen.metadata.resource_version or self._version

    def _ended(self, said: _Object) -> ClientError:
        component = self.hub.api.component
        if said.code == 410:
            return Outdated(component, said.message)
        return ClusterLost(component, f"the watch of {self.what} ended: {said.code} {said.message}")


class Hub:
    """The stores that were asked for, and the world that they hold together.

    ``namespaces`` are those to look at; none: the whole cluster where our rights allow that, else every
    namespace in which they do, else the context's. Without ``follow`` each kind is listed once and not watched.
    ``clock`` tells the time, ``silence`` is how many seconds a watch may be silent.
    """

    def __init__(
        self,
        api: Api,
        namespaces: Sequence[str] = (),
        *,
        follow: bool = True,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        silence: float = SILENCE,
        rules: Rules | None = None,
    ) -> None:
        self.api, self.namespaces, self.follow, self.clock, self.silence = (
            api,
            tuple(namespaces),
            follow,
            clock,
            silence,
        )
        self.rules = rules or Rules()
        self.closing = threading.Event()
        self.moved = threading.Condition()
        self.listing = threading.Semaphore(AT_ONCE)
        self._most = WATCHES if follow else AT_ONCE
        self._due: deque[Store] = deque()
        self._at_work: dict[threading.Thread, Store] = {}
        self._numbers = itertools.count(1)
        self._stores: dict[tuple[Kind, str | None], Store] = {}
        self._refusals: dict[Store, Forbidden] = {}
        self._visible: tuple[str, ...] | None = None
        self._only = ""
        self._visible_lock = threading.Lock()
        self._revision = self._seen = 0

    # -- for those who ask

    def ask(self, kinds: Iterable[Kind]) -> None:
        """Keep these kinds from now on; those that are kept already are left alone. Does not wait."""
        with self.moved:
            new = []
            for kind in kinds:
                for namespace in self.namespaces if kind.namespaced and self.namespaces else (None,):
                    if (kind, namespace) not in self._stores:
                        new.append(self._stores.setdefault((kind, namespace), Store(self, kind, namespace)))
            self._begin(new)

    def listed(
        self, within: float, *, kinds: Iterable[Kind] | None = None, tolerate: tuple[type[Exception], ...] = ()
    ) -> None:
        """Wait until every store, or every one of these ``kinds``, has been listed once.

        Raises the first error that stands in the way, ``ClusterLost`` after ``within`` seconds. What is
        tolerated is left to :attr:`refusals` and :attr:`errors`.
        """
        deadline = Deadline(within)
        wanted = None if kinds is None else frozenset(kinds)
        with self.moved:
            while True:
                stores = [s for s in self._stores.values() if wanted is None or s.kind in wanted]
                raised = [*self._errors(stores), *self._missing_rights(stores)]
                for error in raised:
                    if not isinstance(error, tolerate):
                        raise error
                waiting = [store for store in stores if not self._settled(store)]
                if not waiting:
                    return
                if not self.moved.wait(deadline.left) and deadline.passed:
                    text = f"not listed within {within:g} s: {', '.join(store.what for store in waiting)}"
                    raise ClusterLost(self.api.component, f"the API server {self.api.server}: {text}")

    def world(self, now: datetime | None = None, logs: Mapping[tuple[str, str, str], str] | None = None) -> World:
        """What is known at this instant; later changes do not reach it."""
        with self.moved:
            objects = [one for store in self._stores.values() for one in store.objects.values()]
            complete = [
                known_as(store.kind.api_version, store.kind.kind) + (f"/{store.namespace}" if store.namespace else "")
                for store in self._stores.values()
                if store.listed and store.kind not in FIELDS
            ]
        return World.of(shaped_objects=objects, now=now or self.clock(), complete=complete, logs=logs, rules=self.rules)

    def known(self, kind: Kind, namespace: str) -> list[Mapping[str, Any]] | None:
        """The objects of a kind in a namespace, all of them and as of now; None where they are not followed."""
        with self.moved:
            for scope in (namespace, None):
                store = self._stores.get((kind, scope))
                if store is not None and store.followed_now:
                    return [one for (space, _), one in store.objects.items() if scope or space == namespace]
        return None

    def changed(self, timeout: float) -> bool:
        """Whether anything has changed since the last call; waits up to ``timeout`` seconds for it."""
        with self.moved:
            moved = self.moved.wait_for(lambda: self._revision != self._seen or self.closing.is_set(), timeout)
            self._seen = self._revision
            return moved and not self.closing.is_set()

    def news(self) -> Callable[[float], bool]:
        """What waits, each time it is called, until something has changed since the call before, or seconds passed.

        Whoever looks at the world over and over has one of his own; what changed while he looked is not missed. He
        looks :data:`LOOKING` of the time at most, however fast the cluster changes.
        """
        seen, since = self._revision, monotonic()

        def wait(seconds: float) -> bool:
            nonlocal seen, since
            deadline = Deadline(seconds)
            self.closing.wait(min(max(SHORTEST, (monotonic() - since) / LOOKING), seconds))
            with self.moved:
                moved = self.moved.wait_for(lambda: self._revision != seen or self.closing.is_set(), deadline.left)
                seen, since = self._revision, monotonic()
                return moved

        return wait

    @property
    def refusals(self) -> list[Forbidden]:
        """The rights that are missing: what they would show is not in the world."""
        with self.moved:
            return self._missing_rights(self._stores.values())

    @property
    def errors(self) -> list[Exception]:
        """Why stores cannot be listed or followed at the moment."""
        with self.moved:
            return [store.error for store in self._stores.values() if store.error is not None]

    @property
    def stale(self) -> datetime | None:
        """Since when part of the world is no longer followed, so that it may have changed unseen; None: all is."""
        with self.moved:
            return min((store.stale for store in self._stores.values() if store.stale), default=None)

    @property
    def notes(self) -> list[str]:
        """What is less than it should be, a sentence each."""
        with self.moved:
            stores = [store for store in self._stores.values() if not store.split]
            notes = [
                f"may not watch {store.what}: asked again every {POLL:g} s instead" for store in stores if store.polled
            ]
            if self.follow and self.crowded:
                waiting = len(self._due) + len(self._at_work)
                seconds = TURN * math.ceil(waiting / self._most)
                told = f"{waiting} watches are too many at once: each has its turn"
                notes.append(f"{told}, and a change is seen within {seconds:g} s or so")
            notes += [f"the cluster does not serve {store.what}" for store in stores if store.unserved]
            notes += [
                f"{store.what}: as it was at {store.stale:%H:%M:%S} UTC; {store.error or 'the watch was lost'}"
                for store in stores
                if store.stale and store.listed
            ]
            if self._visible and len(self._visible) > NAMESPACES:
                notes.append(f"{len(self._visible)} namespaces are too many to be looked at one by one: name some (-n)")
            if self._only:
                notes.append(f"only namespace {self._only} was looked at: our rights end there")
            for kind in dict.fromkeys(store.kind for store in stores if store.found):
                found = [store for store in stores if store.kind == kind and store.found]
                seen = [store for store in found if store not in self._refusals]
                if seen and len(seen) < len(found):
                    notes.append(f"{kind.resource} may be listed in {len(seen)} of {len(found)} namespaces")
            return notes

    def close(self, within: float = 5.0) -> None:
        """End all threads; those in the middle of a question end with it. May be called twice."""
        self.closing.set()
        with self.moved:
            self.moved.notify_all()
            at_work = dict(self._at_work)
        for store in at_work.values():
            store.stop()
        deadline = Deadline(within)
        for thread in at_work:
            thread.join(deadline.left)

    # -- for the stores

    @property
    def crowded(self) -> bool:
        """Whether there are more stores to follow than threads may follow at once."""
        with self.moved:
            return bool(self._due) and len(self._at_work) >= self._most

    def _begin(self, stores: Iterable[Store]) -> None:
        """Follow each of them by a thread of its own, as long as there may be more, else in its turn.

        Called under the lock.
        """
        for store in stores:
            if len(self._at_work) >= self._most:
                self._due.append(store)
            else:
                name = f"gonogo-hub-{next(self._numbers)}"
                thread = threading.Thread(target=self._work, args=(store,), name=name, daemon=True)
                self._at_work[thread] = store
                thread.start()
        for store in self._at_work.values() if self.crowded else ():
            store.give_way()

    def _work(self, store: Store) -> None:
        """What a thread does: follow a store, for a turn or for good; then the next that is due."""
        while True:
            again = store.followed()
            with self.moved:
                if again:
                    self._due.append(store)
                if not self._due or self.closing.is_set():
                    del self._at_work[threading.current_thread()]
                    return
                store = self._at_work[threading.current_thread()] = self._due.popleft()

    def move(self) -> None:
        """The world has changed; called under the lock."""
        self._revision += 1
        self.moved.notify_all()

    def refused(self, store: Store, error: Forbidden) -> None:
        """A kind may not be listed: look into each namespace where that was for all of them, else remember it."""
        apart = store.kind.namespaced and store.namespace is None and not self.namespaces
        visible = self._visible_namespaces() if apart else ()
        apart = apart and len(visible) <= NAMESPACES
        with self.moved:
            self._refusals[store] = error
            store.split = apart
            parts = [Store(self, store.kind, namespace, found=True) for namespace in visible if apart]
            self._stores |= {(one.kind, one.namespace): one for one in parts}
            self._begin(parts)
            self.move()

    def _visible_namespaces(self) -> tuple[str, ...]:
        with self._visible_lock:
            if self._visible is None:
                names: list[str] = []
                try:
                    names = [one.metadata.name for one in items(self.api, KINDS["Namespace"], _Object)]
                except Forbidden:
                    # whoever may not even list namespaces was given one
                    names, self._only = [self.api.namespace], self.api.namespace
                self._visible = tuple(names)
            return self._visible

    def _errors(self, stores: Iterable[Store]) -> list[Exception]:
        return [store.error for store in stores if store.error is not None and not store.listed]

    def _settled(self, store: Store) -> bool:
        return store.listed or store in self._refusals or store.error is not None

    def _missing_rights(self, stores: Iterable[Store]) -> list[Forbidden]:
        """Without those for a namespace that nobody named, as long as another one of its kind may be listed."""
        found = []
        for store in stores:
            refusal = self._refusals.get(store)
            if refusal is None:
                continue
            if store.split:
                parts = [one for one in self._stores.values() if one.kind == store.kind and one.found]
                if all(one in self._refusals for one in parts):
                    found.append(refusal)
            elif not store.found:
                found.append(refusal)
        return found
