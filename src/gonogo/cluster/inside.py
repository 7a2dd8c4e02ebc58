"""What is true inside pods: the claims of :mod:`gonogo.checks.inside`, through the API server's ``exec``.

A pod is a host of its own: who else could enter its data folder, or reach its sockets, is decided by the
cluster and not by its files; such claims need the capability ``host``, which no cluster gives. What turns out not to
be there, such as a shell, is ``NotAskable``.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from shlex import quote
from typing import Any, NamedTuple

import msgspec
from testinfra.backend.base import BaseBackend, CommandResult
from testinfra.host import Host
from websockets.exceptions import ConnectionClosed

from gonogo.checks.inside import LISTEN, Inside, address
from gonogo.cluster.api import KINDS, Api, understood
from gonogo.cluster.forward import websocket
from gonogo.cluster.forward.choose import Destination, Spot, endpoints
from gonogo.cluster.judge.shapes import PodSpec
from gonogo.cluster.objects import listed
from gonogo.cluster.paths import Path
from gonogo.core.codec import decode
from gonogo.core.errors import Absent, ClientError, ClusterLost, Forbidden, Garbled, Gone, NotAskable, TimedOut
from gonogo.core.outlet import uncut
from gonogo.core.servers import Server

STDOUT, STDERR, STATUS = 1, 2, 3
"""Channels of ``exec`` (kubernetes, ``apimachinery/pkg/util/remotecommand``)."""

CHANNELS = {bytes([channel]) for channel in (STDOUT, STDERR, STATUS)}

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")

NO_PROGRAM = 127
"""The exit code of a shell that does not find a program (POSIX, 2.8.2)."""

MOST = 1 << 20
"""Bytes that a command may say: whoever runs in a container says what it likes."""

ROOT = "0"


class _Cause(msgspec.Struct):
    reason: str = ""
    message: str = ""


class _Details(msgspec.Struct):
    causes: list[_Cause] = []


class _Status(msgspec.Struct):
    status: str = ""
    message: str = ""
    details: _Details | None = None


class Done(NamedTuple):
    """A command that has ended."""

    code: int
    stdout: bytes
    stderr: bytes


def executed(api: Api, namespace: str, pod: str, container: str, command: str) -> Done:
    """Run a shell's command line in a container, within the limit for one call.

    Raises ``NotAskable`` where the image has no shell, ``Gone`` where pod or container are not there, else
    what :class:`Api` raises: ``Forbidden`` where we may not ``create pods/exec``.
    """
    path = KINDS["Pod"].path(namespace, pod, "exec")
    query = [("container", container), ("stdout", "true"), ("stderr", "true")]
    query += [("command", word) for word in ("/bin/sh", "-c", command)]
    where = f"container {container} of pod {namespace}/{pod}"
    try:
        channels = asyncio.run(_spoken(api, path, query))
    except TimeoutError:
        raise TimedOut(api.component, f"a command in {where} did not end within {api.timeouts.check:g} s") from None
    except Exception as error:
        told = websocket.refusal(api, error, path)
        # of a container that is not there the kubelet has no other word: 500, "container not found"
        gone = isinstance(told, Absent) or b"not found" in websocket.said(error)
        raise Gone(api.component, f"{where} is gone") if gone else told from error
    status = understood(api.component, path, partial(decode, channels[STATUS] or b"{}", _Status))
    if status.status == "Success":
        return Done(0, bytes(channels[STDOUT]), bytes(channels[STDERR]))
    for cause in status.details.causes if status.details else ():
        if cause.reason == "ExitCode" and re.fullmatch("[0-9]{1,3}", cause.message):
            return Done(int(cause.message), bytes(channels[STDOUT]), bytes(channels[STDERR]))
    if "no such file or directory" in status.message or "executable file not found" in status.message:
        raise NotAskable(api.component, f"the image of {where} has no shell")
    raise ClusterLost(api.component, f"a command in {where} was not run: {status.message or 'the connection was cut'}")


async def _spoken(api: Api, path: Path, query: list[tuple[str, str]]) -> dict[int, bytearray]:
    web = await websocket.opened(api.stream_headers_and_tls(path, query), PROTOCOLS, api.timeouts.connect)
    channels = {channel: bytearray() for channel in (STDOUT, STDERR, STATUS)}
    try:
        async with asyncio.timeout(api.timeouts.check):
            while not channels[STATUS]:
                for message in await web.received():
                    if message[:1] not in CHANNELS:
                        raise Garbled(api.component, f"{path}: a message on no channel of a command")
                    channels[message[0]] += message[1:]
                if sum(map(len, channels.values())) > MOST:
                    raise Garbled(api.component, f"{path}: a command said more than {MOST >> 20} MiB")
    except ConnectionClosed:
        return channels
    finally:
        web.transport.abort()
    return channels


class Shell(BaseBackend):  # type: ignore[misc]  # (pytest-testinfra is not looked into)
    """pytest-testinfra's way into a container."""

    NAME = "gonogo-exec"

    def __init__(self, api: Api, namespace: str, pod: str, container: str) -> None:
        super().__init__(pod)
        self._api, self._place = api, (namespace, pod, container)

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        line = self.get_command(command, *args)
        done = executed(self._api, *self._place, line)
        return self.result(done.code, line.encode(), done.stdout, done.stderr)

    def decode(self, data: bytes) -> str:
        return data.decode(errors="replace")  # the container would be asked for its encoding, by a program it may lack


@dataclass(frozen=True)
class Pod(Server):
    """A pod of a component; ``address`` is where it should listen, ``user`` the uid it must run as, if it is known.

    ``exposed`` are sockets that its node opens for it, ``claims`` the folders on volumes of its own.
    """

    container: str = ""
    exposed: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    namespace: str = ""


@dataclass(frozen=True)
class InsidePods(Inside):
    """The pods of one component, each seen through a shell in its first container."""

    servers: tuple[Pod, ...]
    host: Callable[[Server], Any]

    def users(self) -> dict[str, str]:
        """Pod to the uid of its first process, or of that one's first child where it only launches, as root."""
        return {pod.node: self._user(pod) for pod in self.servers}

    def expected_users(self) -> dict[str, str]:
        """Pod to the uid that its manifest names; where it names none, any but root."""
        return {pod.node: pod.user or _unless_root(self._user(pod)) for pod in self.servers}

    def silent(self) -> set[str]:
        """The pods that do not listen on the port that their Service leads to."""
        return {
            pod.node
            for pod in self.servers
            if pod.address.rpartition(":")[2] not in {port for _, port in self._open(pod)}
        }

    def exposed(self) -> set[str]:
        """What the pods open on their node: the network of pods is the cluster's own, and of no other machine."""
        return {f"{pod.node} {socket}" for pod in self.servers for socket in pod.exposed}

    def data_owners(self) -> dict[str, str]:
        """Raises ``NotAskable``."""
        raise NotAskable(
            self.component,
            "who may enter a pod's volume is decided by its claim and the pods that mount it, not by its files",
        )

    data_modes = data_owners

    def fullest(self) -> int:
        """Percent used of the fullest volume. Raises ``NotAskable`` where no pod claims one."""
        claims = [(pod, folder) for pod in self.servers for folder in pod.claims]
        if not claims:
            raise NotAskable(self.component, "none of its pods claims a volume: it keeps its data elsewhere")
        return max(self._used(self._run(f"df -P -- {quote(folder)}", pod), pod) for pod, folder in claims)

    def _used(self, told: str, pod: Pod) -> int:
        found = re.search(r"\s([0-9]{1,3})%\s+/.*\s*\Z", told)
        if found is None:
            raise Garbled(self.component, f"pod {pod.node}: what `df` said there cannot be read")
        return int(found[1])

    def _user(self, pod: Pod) -> str:
        uids = self._run("for p in 1 $(cat /proc/1/task/1/children); do stat -c %u /proc/$p; done", pod).split()
        return next((uid for uid in uids[:2] if uid != ROOT), ROOT)

    def _open(self, pod: Pod) -> Iterable[tuple[str, str]]:
        """Host and port of the sockets that the pod listens on and others can reach."""
        for socket in self._sockets(pod):
            host, _, port = socket.rpartition(":")
            if not ipaddress.ip_address(host).is_loopback:
                yield host, port

    def _sockets(self, server: Server) -> Iterable[str]:
        # a pod has a network of its own, so whatever listens there is its own too
        for row in self._run("cat /proc/net/tcp /proc/net/tcp6 2>/dev/null || cat /proc/net/tcp", server).splitlines():
            fields = row.split()
            if len(fields) > 3 and fields[3] == LISTEN:
                try:
                    yield address(fields[1])
                except ValueError:
                    raise Garbled(self.component, f"pod {server.node}: its table of sockets cannot be read") from None

    def _run(self, command: str, server: Server) -> str:
        try:
            done = self.host(server).run(command)
        except ClientError as error:
            raise error.about(self.component) from error
        if done.rc == NO_PROGRAM:
            what = f"the image of pod {server.node} lacks a program: {uncut(done.stderr.strip(), 200)[:200]}"
            raise NotAskable(self.component, what)
        if done.rc != 0:
            told = f"`{command}` ended with {done.rc}: {uncut(done.stderr.strip(), 200)[:200]}"
            raise Forbidden(self.component, f"pod {server.node}: {told}")
        text: str = done.stdout
        return text


def _unless_root(uid: str) -> str:
    return uid if uid != ROOT else "not root"


# -- which pods


def look(api: Api, services: Callable[[str], Iterable[str]]) -> Callable[[str], Inside]:
    """Component to its pods, seen from inside; ``services`` are the references of a component.

    Raises ``NotAskable`` where the target names no Service of it, ``Gone`` where no pod stands behind.
    """

    def inside(component: str) -> Inside:
        references = [Destination.read(text) for text in services(component)]
        if not references:
            raise NotAskable(component, "the target names no Service of it, so its pods are not known")
        try:
            pods = {(pod.namespace, pod.node): pod for r in references for pod in _pods(api, component, r)}
        except ClientError as error:
            raise error.about(component) from error
        hosts = {key: Host(Shell(api, *key, pod.container)) for key, pod in pods.items()}

        def host(server: Server) -> Any:
            assert isinstance(server, Pod)
            return hosts[server.namespace, server.node]

        return InsidePods(component, tuple(pods.values()), host)

    return inside


def _pods(api: Api, component: str, reference: Destination) -> Iterable[Pod]:
    for spot in endpoints(api, reference):
        spec = _spec(api, spot)
        first = spec["containers"][0]
        volumes = spec.get("volumes", ())
        claimed = {v.get("name") for v in volumes if "persistentVolumeClaim" in v or "ephemeral" in v}
        given = (one.get("securityContext", {}).get("runAsUser") for one in (first, spec))
        user = next((str(uid) for uid in given if uid is not None), "")
        ports = [port for port in first.get("ports", ()) if port.get("hostPort")]
        node = [f"{port.get('hostIP') or '0.0.0.0'}:{port['hostPort']}" for port in ports]
        mounts = [mount for mount in first.get("volumeMounts", ()) if mount.get("name") in claimed]
        yield Pod(
            component,
            spot.pod,
            "existing",
            "up",
            address=f"*:{spot.port}",
            user=user,
            container=first.get("name", ""),
            exposed=tuple(node or [f"0.0.0.0:{spot.port}"] if spec.get("hostNetwork") else node),
            claims=tuple(mount.get("mountPath", "") for mount in mounts),
            namespace=spot.namespace,
        )


def _spec(api: Api, spot: Spot) -> PodSpec:
    # listed, since whoever looks at pods may list them, and need not be allowed to get one
    for pod in listed(api, KINDS["Pod"], spot.namespace, fields=f"metadata.name={spot.pod}"):
        spec: PodSpec = pod.get("spec", {})
        if not spec.get("containers"):
            raise Garbled(api.component, f"pod {spot.namespace}/{spot.pod} has no containers")
        return spec
    raise Gone(api.component, f"pod {spot.namespace}/{spot.pod} is gone")
