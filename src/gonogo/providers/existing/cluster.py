"""Attaches to a platform that runs on a cluster, sees what stands behind its Services, and changes nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gonogo.catalog.registry import Component
from gonogo.catalog.target import Kubernetes, Target
from gonogo.checks.inside import Inside
from gonogo.checks.translate import forwarded
from gonogo.cluster.api import KINDS
from gonogo.cluster.kinds import BEHIND
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import ClientError, ConfigError, Forbidden
from gonogo.core.loading import LOADING
from gonogo.core.outlet import redacted
from gonogo.core.servers import Server
from gonogo.core.waiting import Deadline
from gonogo.providers import Reason
from gonogo.providers.existing.access import ClusterAccess, services
from gonogo.providers.existing.addresses import Existing
from gonogo.providers.existing.files import held
from gonogo.redaction import bounded
from gonogo.results.model import Evidence

if TYPE_CHECKING:  # the judge, 60 ms of CPU, is loaded where something is to be explained
    from gonogo.cluster.behind import Behind
    from gonogo.cluster.judge import Object, World

AT_MOST = 2.0
"""Seconds that looking for evidence may take for one component."""

LISTED = 15.0
"""Seconds that the objects behind a component may take to be listed where its cause hangs on them."""

ROOM = 2 << 20
"""Bytes of evidence for one component."""

LINES, LOG = 200, 64 << 10
"""Lines and bytes of one container's log."""


class ExistingCluster(Existing):
    """What is there already, reached through its Services where the target file names them.

    Evidence is redacted as it is read.
    """

    def __init__(self, target: Target, settings: Kubernetes) -> None:
        super().__init__(target)
        self._forwarded: set[str] = set()
        self.cluster = ClusterAccess(settings, target.timeouts, kinds=target.kinds)

    # -- where components are

    def stands(self, component: Component) -> bool:
        """Whether the target file names it, or it is the cluster itself; the cluster is not asked."""
        if component.cluster:
            return self._target.names(component)
        if component.name not in self._target.components:
            return False
        self._target.resolved(component)
        return True

    def attached(self, component: Component) -> Endpoints | None:
        """The addresses of the target file, its Services reached and its Secrets read."""
        if component.cluster:
            api = self.cluster.api
            found = self._target.resolved(component)
            addresses = {**found.addresses, "server": api.server, "context": api.context}
            return replace(found, addresses=addresses, cluster=self.cluster)
        if component.name not in self._target.components:
            return None
        try:
            endpoints = self._target.resolved(component, self.cluster)
        except ClientError as error:
            raise error.about(component.name) from error
        if component.reads:  # some of what it claims shows in the cluster's objects alone
            endpoints = replace(endpoints, cluster=self.cluster)
        endpoints = held(endpoints, component, self._target.name, self.private)
        if component.reads:  # it has an address of its own, and looks at its objects besides
            endpoints = replace(endpoints, cluster=self.cluster)
        if "port-forward" in endpoints.transport:
            given = [value for value in endpoints.addresses.values() if isinstance(value, str)]
            self._forwarded.add(component.name)
            forwarded(component.name, lambda: self._fault(component.name, given))
        return endpoints

    def _fault(self, component: str, addresses: list[str]) -> ClientError | None:
        """Why the latest connection through a forward of this component was cut."""
        fault = self.cluster.fault(self._services(component), addresses)
        return fault.about(component) if fault else None

    def confirm(self) -> str:
        """The cluster's identity; see :meth:`gonogo.providers.existing.access.ClusterAccess.confirm`."""
        return self.cluster.confirm(str(self._target.path))

    def place(self) -> str:
        """The cluster's own id, the uid of namespace kube-system, where we may see it."""
        try:
            return self.cluster.api.identity()
        except (ClientError, ConfigError):
            return ""

    def _services(self, component: str) -> list[str]:
        return list(services(self._target.components, component))

    # -- what stands there

    def servers(self) -> list[Server]:
        """A row per pod behind the Services that the target file names. Raises ``ClientError``."""
        with LOADING:
            from gonogo.cluster.judge import told

        names = [name for name in self._target.components if self._services(name)]
        if not names:
            return []
        world = self._world(self._target.timeouts.check)
        servers = [
            Server(
                component=name,
                node=row.name,
                provider=self.name,
                state=" ".join(filter(None, (row.state, row.reason))),
                since=_started(world, row.namespace, row.name),
            )
            for name in names
            for found in self._found(world, name)
            for row in sorted(told(world, found.pods), key=lambda row: row.name)
        ]
        unseen = set(names) - {server.component for server in servers}
        if unseen and (refusals := self.cluster.hub.refusals):
            raise refusals[0]  # whether there are pods is not known
        return servers

    def inside(self) -> Callable[[str], Inside]:
        """Component to the pods behind its Services, through a shell in each."""
        with LOADING:
            from gonogo.cluster.inside import look

        return look(self.cluster.api, self._services)

    def reason(self, component: Component) -> Reason | None:
        """What the judge says of the pods behind the component's Services, and of what they need."""
        with LOADING:
            from gonogo.cluster import behind

        try:
            world = self._world(LISTED)
        except (ClientError, ConfigError):
            # The client's own error stands; that this could not be seen is told by the evidence.
            return None
        for found in self._found(world, component.name):
            row = behind.reason(found, behind.rows(world, found))
            if row is not None:
                return Reason(redacted(behind.line(row)), redacted(row.hint))
        return None

    def evidence(self, component: str) -> list[Evidence]:
        """What is wrong behind the component's Services: rows, owners, Warning events, last lines of logs."""
        if not self._services(component):
            return []
        gathered = _Gathered()

        def gather() -> None:
            try:
                self._gather(component, gathered)
            except (ClientError, ConfigError) as error:
                gathered.add("note", "what could not be looked at", str(error))

        # A thread, since a question that hangs ends by its own limit, which is longer than ours.
        thread = threading.Thread(target=gather, name=f"evidence-{component}", daemon=True)
        thread.start()
        thread.join(AT_MOST)
        return gathered.taken()

    def close(self) -> None:
        """Close forwards, watches and connections."""
        for name in self._forwarded:
            forwarded(name, None)
        self.cluster.close()

    def _world(self, within: float) -> World:
        """The objects as they are now; kinds that we may not list are left out. Raises ``ClientError``."""
        hub = self.cluster.hub
        hub.ask(KINDS[kind] for kind in BEHIND)
        hub.listed(within, tolerate=(Forbidden,))
        return hub.world()

    def _found(self, world: World, component: str) -> Iterator[Behind]:
        from gonogo.cluster.behind import behind

        return (behind(world, service) for service in self._services(component))

    def _gather(self, component: str, gathered: _Gathered) -> None:
        with LOADING:
            from gonogo.cluster.behind import ancestry, events, line, rows

        deadline = Deadline(AT_MOST)
        world = self._world(AT_MOST)
        for refusal in self.cluster.hub.refusals:
            gathered.add("note", "what could not be looked at", str(refusal))
        for found in self._found(world, component):
            told = rows(world, found)
            gathered.add("state", f"what stands behind {found.reference}", "\n".join(map(line, told)))
            gathered.add("owners", "who owns the pods", "\n".join(ancestry(world, pod) for pod in found.pods))
            gathered.add("events", "Warning events", "\n".join(events(world, found)))
            worse = {row.name: row.state.severity for row in told if row.kind == "Pod"}
            for pod in sorted(
                (*found.pods, *found.ended), key=lambda pod: worse.get(pod["metadata"]["name"], len(worse))
            ):
                for title, query in _logs(pod):
                    if deadline.passed or gathered.full:
                        return
                    gathered.add("log", title, self._log(pod, query))

    def _log(self, pod: Object, query: Mapping[str, str]) -> str:
        meta = pod["metadata"]
        limits = {"tailLines": str(LINES), "limitBytes": str(LOG), "timestamps": "true"}
        try:
            path = KINDS["Pod"].path(meta["namespace"], meta["name"], "log")
            body = self.cluster.api.get(path, **limits, **query)
            # half a line may be half a secret
            whole = body if len(body) < LOG else body[: body.rfind(b"\n") + 1] or body
            return whole.decode(errors="replace")
        except ClientError as error:
            return f"could not be read: {error}"


class _Gathered:
    """Evidence as it comes in, redacted and within its room; safe for the thread that is left behind."""

    def __init__(self) -> None:
        self._room = ROOM
        self._lock = threading.Lock()
        self._evidence: list[Evidence] | None = []

    @property
    def full(self) -> bool:
        """Whether nothing more is wanted."""
        return self._evidence is None or self._room <= 0

    def add(self, kind: str, title: str, text: str) -> None:
        """Keep one piece; an empty one tells nothing."""
        if not text.strip():
            return
        text, cut = bounded(redacted(text), min(LOG, max(self._room, 0)))
        with self._lock:
            if self._evidence is not None and text:
                self._room -= len(text.encode())
                self._evidence.append(Evidence(kind=kind, title=title, text=text, truncated=cut))

    def taken(self) -> list[Evidence]:
        """All that came in time; what comes later is left out."""
        with self._lock:
            evidence, self._evidence = self._evidence or [], None
            return evidence


def _logs(pod: Object) -> Iterator[tuple[str, dict[str, str]]]:
    """Title and query of each log worth reading: of the run before too, where a container was restarted."""
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    statuses: Iterable[Any] = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    for one in statuses:
        container, state = one.get("name", ""), one.get("state") or {}
        if one.get("restartCount") and (one.get("lastState") or {}).get("terminated"):
            yield f"{name}, container {container}, before its restart", {"container": container, "previous": "true"}
        done = (state.get("terminated") or {}).get("exitCode") == 0
        if (state.get("running") or state.get("terminated")) and not done:
            yield f"{name}, container {container}", {"container": container}


def _started(world: World, namespace: str, name: str) -> str:
    pod = world.get("Pod", namespace, name) or {}
    began = (pod.get("status") or {}).get("startTime")
    return str(began or (pod.get("metadata") or {}).get("creationTimestamp", ""))
