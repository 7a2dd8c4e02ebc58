"""What ``gonogo health`` does: asks a cluster, or reads files, and judges; or follows a cluster."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from gonogo.cluster.judge import JUDGES, Health, Object, Row, State, World, tally
from gonogo.cluster.judge import told as judged_of
from gonogo.cluster.judge.rules import Rules
from gonogo.cluster.kinds import CAUSES
from gonogo.cluster.labels import Selector
from gonogo.cluster.story import Change
from gonogo.core.collector import UNCOLLECTED
from gonogo.core.outlet import redacted, tell, with_texts

if TYPE_CHECKING:  # 50 ms of CPU that whoever judges files need not pay
    from gonogo.cluster.api import Api, Kind
    from gonogo.cluster.hub import Hub

LISTED = 60.0
"""Seconds for the first lists of all kinds."""

LOGS = 20
"""Containers whose last lines are read."""

LINES, LOG = 20, 64 << 10
"""Lines and bytes of each run of a container."""

CALM = 1.0
"""Seconds after which time alone may have changed a state (a grace is over), where something is in progress."""


LARGE = 0.05
"""Seconds of one judgement from which on there is a pause after it."""


class Survey(NamedTuple):
    """Rows, the platform's health, what could not be asked or read (a sentence each), and other notes."""

    rows: list[Row]
    health: Health
    unasked: Sequence[str] = ()
    notes: Sequence[str] = ()

    @property
    def state(self) -> State:
        """Failed where anything has; unknown where anything could not be told; else ready."""
        states = {row.state for row in self.rows}
        if State.FAILED in states:
            return State.FAILED
        pods = any(row.kind == "Pod" for row in self.rows)
        if not states or State.UNKNOWN in states or self.unasked or (pods and self.health.strict is None):
            return State.UNKNOWN
        return State.READY


def of_files(
    paths: Iterable[str],
    namespaces: Collection[str] = (),
    news: Callable[[str], None] = tell,
    rules: Rules | None = None,
    labels: Selector = Selector(),  # noqa: B008 - a tuple
) -> Survey:
    """Judge what files hold, at the time of the dump. Raises ``ConfigError`` with all that cannot be read."""
    from gonogo.cluster.stored import read

    with UNCOLLECTED:  # a million new objects and no garbage: to look for it would take longer than to read them
        found = read(paths, news)
        world = found.world(rules)
        survey = _survey(world, namespaces, labels)
    at = f"{world.now:%Y-%m-%d %H:%M:%S} UTC"
    note = f"judged at {at}, the latest time in the files" if found.now else f"judged at {at}, now: the files tell none"
    return survey._replace(unasked=found.unread, notes=[*found.notes, *survey.notes, note])


def of_cluster(
    api: Api,
    namespaces: Sequence[str] = (),
    rules: Rules | None = None,
    labels: Selector = Selector(),  # noqa: B008 - a tuple
) -> Survey:
    """Ask a cluster once. Raises ``ClientError`` where it cannot be asked at all."""
    from gonogo.cluster.hub import Hub

    hub = Hub(api, namespaces, follow=False, rules=rules)
    try:
        return _asked(hub, Logs(api), *_begun(api, hub), labels)
    finally:
        hub.close()


def followed(
    api: Api,
    namespaces: Sequence[str] = (),
    rules: Rules | None = None,
    labels: Selector = Selector(),  # noqa: B008 - a tuple
) -> Generator[Survey | list[Change] | str]:
    """First a survey, then what changes, as it changes, until it is closed; a text where something is amiss with us.

    Raises ``ClientError`` where the cluster cannot be asked at first; what is lost later is followed again.
    """
    from gonogo.cluster.hub import Hub
    from gonogo.core.errors import ClientError
    from gonogo.core.waiting import pause

    hub = Hub(api, namespaces, rules=rules)
    try:
        logs = Logs(api)
        survey = _asked(hub, logs, *_begun(api, hub), labels)
        yield survey
        since = dict.fromkeys(map(_key, survey.rows), monotonic())
        before = {_key(row): row for row in survey.rows}
        calm = CALM
        told = set(survey.notes)
        while True:
            hub.changed(calm)
            for error in hub.errors:
                if not isinstance(error, ClientError):
                    raise error
            yield from (note for note in hub.notes if note not in told)
            told = {*hub.notes}
            began = monotonic()
            rows = {_key(row): row for row in _rows(logs.world(hub), hub.namespaces, labels)}
            moved = [*changes(before, rows, since, began)]
            if moved:
                yield moved
            before = rows
            working = any(row.state is State.PROGRESSING for row in rows.values())
            took = monotonic() - began
            # A large cluster is judged half of the time at most, and more seldom where only time has passed.
            calm = max(CALM if working else 10 * CALM, 10 * took)
            if took > LARGE:
                pause(took, reason="the cluster changes faster than it can be judged")
    finally:
        hub.close()


def changes(
    before: Mapping[tuple[str, ...], Row],
    rows: Mapping[tuple[str, ...], Row],
    since: dict[tuple[str, ...], float],
    now: float,
) -> Iterator[Change]:
    for key, row in rows.items():
        old = before.get(key)
        if old is None:
            since[key] = now
            yield Change(row, None, None)
        elif (old.state, old.reason, old.root) != (row.state, row.reason, row.root):
            yield Change(row, old, now - since[key])
            if old.state is not row.state:
                since[key] = now
    for key in before.keys() - rows.keys():
        yield Change(before[key], before[key], now - since.pop(key), gone=True)


def _key(row: Row) -> tuple[str, ...]:
    return row.api_version, row.kind, row.namespace, row.name


def _begun(api: Api, hub: Hub) -> tuple[list[Kind], list[str]]:
    """The kinds that are judged, all that is needed asked for and listed once; and what could not be discovered."""
    from gonogo.cluster.api import KINDS
    from gonogo.core.errors import ClientError

    judged = [KINDS[name] for name in JUDGES if name in KINDS and (KINDS[name].namespaced or not hub.namespaces)]
    more, unknown = custom_kinds(api, hub.rules)
    judged += [kind for kind in more if kind.namespaced or not hub.namespaces]
    hub.ask(dict.fromkeys([*judged, *(KINDS[name] for name in CAUSES)]))
    # The server has just answered: where one kind cannot be listed, as with its conversion webhook down, the rest can.
    hub.listed(LISTED, tolerate=(ClientError,))
    return judged, unknown


def _asked(
    hub: Hub,
    logs: Logs,
    judged: Sequence[Kind],
    unasked: list[str],
    labels: Selector = Selector(),  # noqa: B008 - a tuple
) -> Survey:
    world = logs.world(hub)
    less: list[str] = []
    needed = {kind.resource for kind in judged}
    for refusal in hub.refusals:
        resource = refusal.asked.partition(" ")[2]  # "list pods"
        (unasked if resource in needed else less).append(str(refusal) if resource in needed else resource)
    unasked += dict.fromkeys(map(str, hub.errors))
    found = _survey(world, hub.namespaces, labels)
    notes = [*found.notes, *logs.notes, *hub.notes]
    notes += [f"less can be said of why: may not list {', '.join(less)}"] if less else []
    return found._replace(unasked=unasked, notes=notes)


def _survey(world: World, namespaces: Collection[str], labels: Selector) -> Survey:
    rows = _rows(world, namespaces, labels)
    notes = (
        [f"nothing fits the selector {labels.written!r}: no object was judged"]
        if labels.requirements and not rows
        else []
    )
    return Survey(rows, tally(world, namespaces=tuple(namespaces), fits=labels.fits), notes=notes)


def _rows(world: World, namespaces: Collection[str], labels: Selector) -> list[Row]:
    # all objects are there to say why, those that are meant are judged
    objects = filter(labels.fits, world.objects) if labels.requirements else world.objects
    rows = (row for row in judged_of(world, objects) if not namespaces or row.namespace in namespaces)
    # before anybody wraps or cuts what they say
    return with_texts(rows, lambda row: (row.reason, row.message, row.hint), _without_secrets)


def _without_secrets(row: Row, redact: Callable[[str], str]) -> Row:
    return replace(row, reason=redact(row.reason), message=redact(row.message), hint=redact(row.hint))


def custom_kinds(api: Api, rules: Rules | None = None) -> tuple[list[Kind], list[str]]:
    """The kinds with a table that the cluster serves, each in the version that it prefers; and what is unknown.

    By discovery, which every account may use (ClusterRole ``system:discovery``). Raises ``ClusterLost`` and ``Denied``.
    """
    from gonogo.cluster.api import Discovered, Kind, read
    from gonogo.cluster.paths import Path
    from gonogo.core.errors import ClientError, ClusterLost, Denied

    wanted = {kind.partition(".")[::2] for kind in (rules or Rules()).stateful}
    unknown: list[str] = []

    def found(what: str, *parts: str) -> Discovered:
        try:
            return read(api, Path("apis", *parts), Discovered)
        except (ClusterLost, Denied):
            raise
        except ClientError as error:
            unknown.append(f"custom resources{what}: {error}")
            return Discovered()

    kinds = []
    for group in found("").groups:
        name, version = group.name, group.preferred_version.version
        if not any(name == one for _, one in wanted):
            continue
        for one in found(f" of {name}", name, version).resources:
            if "/" not in one.name and (one.kind, name) in wanted:
                kinds.append(Kind(name, version, one.name, one.kind, one.namespaced))
    return kinds, unknown


def served(api: Api, api_version: str, kind: str) -> Kind | None:
    """A custom kind as the cluster serves it; None where it does not. Raises ``ClientError`` where it cannot tell."""
    from gonogo.cluster.api import Discovered, Kind, read
    from gonogo.cluster.paths import Path
    from gonogo.core.errors import Absent

    group, _, version = api_version.partition("/")
    try:
        resources = read(api, Path("apis", group, version), Discovered).resources
    except Absent:
        return None
    return next(
        (Kind(group, version, r.name, kind, r.namespaced) for r in resources if r.kind == kind and "/" not in r.name),
        None,
    )


def preferred(api: Api, group: str) -> str:
    """``group/version`` that the cluster prefers; empty where it serves no such group."""
    from gonogo.cluster.api import Discovered, read
    from gonogo.cluster.paths import Path

    groups = read(api, Path("apis"), Discovered).groups
    return next((f"{group}/{one.preferred_version.version}" for one in groups if one.name == group), "")


class Logs:
    """The last lines of containers that ended badly, of this run and the one before; read once per restart."""

    def __init__(self, api: Api) -> None:
        self.lines: dict[tuple[str, str, str], str] = {}
        self.notes: list[str] = []
        self._api = api
        self._read: dict[tuple[str, str, str], int] = {}

    def world(self, hub: Hub) -> World:
        """What the hub knows, with these lines."""
        world = hub.world()
        ended = {place: count for pod in world.of_kind("Pod") for place, count in _ended_badly(pod)}
        new = [place for place, count in ended.items() if self._read.get(place) != count][:LOGS]
        for place in new:
            self._read[place] = ended[place]
            self.lines[place] = self._last_lines(*place)
        return hub.world(logs=self.lines) if new else hub.world(world.now, self.lines) if self.lines else world

    def _last_lines(self, namespace: str, pod: str, container: str) -> str:
        from gonogo.cluster.api import KINDS
        from gonogo.core.errors import Absent, ClientError, Garbled

        runs = []
        for previous in ("true", "false"):
            limits = {"tailLines": str(LINES), "limitBytes": str(LOG)}
            try:
                path = KINDS["Pod"].path(namespace, pod, "log")
                raw = self._api.get(path, container=container, previous=previous, **limits)
            except (Absent, Garbled):  # that run left no log (HTTP 400), or the pod is gone meanwhile
                continue
            except ClientError as error:
                self.notes = [f"without last lines: {error}"]
                break
            runs.append(redacted(raw.decode("utf-8", "replace")).rstrip())
        return "\n".join(filter(None, runs))


def _ended_badly(pod: Object) -> Iterator[tuple[tuple[str, str, str], int]]:
    """Containers of a pod that ended with an error, now or before, and are not ready; with their restarts."""
    meta, status = pod["metadata"], pod.get("status", {})
    for one in [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]:
        ends = (one.get(state, {}).get("terminated", {}) for state in ("state", "lastState"))
        if not one.get("ready") and any(end.get("exitCode") for end in ends):
            yield (meta.get("namespace", ""), meta["name"], one.get("name", "")), one.get("restartCount", 0)
