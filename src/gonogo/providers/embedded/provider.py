"""The provider ``embedded``: real servers as local processes, without cluster, container or root."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import wait
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from gonogo.catalog.registry import Component
from gonogo.checks.inside import Inside, look
from gonogo.core import ours
from gonogo.core.content import state
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import ConfigError, DeployError, Gone, Problem
from gonogo.core.files import nearest
from gonogo.core.home import home as shared_home
from gonogo.core.home import private
from gonogo.core.loading import LOADING
from gonogo.core.outlet import redacted
from gonogo.core.servers import Phase, Progress, Report, Server
from gonogo.core.waiting import until
from gonogo.providers import Going, Ready, Removing
from gonogo.providers.embedded import archives, keeper, platforms, serving
from gonogo.providers.embedded.control import KeeperError, KeeperLost
from gonogo.providers.embedded.deployment import Deployment, NotRight, PortTaken, read
from gonogo.providers.embedded.fetch import Fetched, fetch
from gonogo.providers.embedded.platforms import KnownPlatform
from gonogo.providers.embedded.recipe import Recipe, Rendering, account, generate, learned, render
from gonogo.providers.embedded.room import MIB, Need, gib, room_for
from gonogo.providers.embedded.spec import EmbeddedSpec as Spec
from gonogo.providers.embedded.spec import load
from gonogo.providers.embedded.tls import FOLDER, OFF, Kind, Tls, issued
from gonogo.redaction import bounded
from gonogo.results.model import Evidence

EVIDENCE = 64 << 10
"""Characters of each node's log."""

PORT_ATTEMPTS = 3

UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES}
"""What is wrong with a disk, and with no component."""


class Embedded:
    """The platform of one checkout: the one that ``up`` or ``--keep`` left, else one of its own."""

    name = "embedded"
    completes = False
    capabilities = frozenset({"host", "disturb"})

    def __init__(
        self,
        root: Path,
        *,
        home: Path | None = None,
        patience: float = 0,
        variant: Callable[[Component], Component] = lambda component: component,
        tls: Kind | None = None,
    ) -> None:
        """``patience``: seconds until a component must be ready, where its own file gives it less.

        ``variant``: the component as the product that the target names. ``tls``: what servers speak it to whom; None:
        they speak none.
        """
        self._variant, self._tls = variant, tls
        self._root, self._home, self._patience = root, home or shared_home(), patience
        self._platform = platforms.find(self._home, root)
        self._found = self._platform is not None
        self._made: set[str] = set()
        self._loses: Callable[[str], None] | None = None
        self._building = False
        self._keeper: subprocess.Popen[bytes] | None = None
        self._parent: Path | None = None
        self._lock = threading.Lock()
        self._cancelled = threading.Event()

    # -- before

    def version(self, component: Component) -> str:
        """The version that would be started."""
        return self._spec(component).version

    def takes(self, component: Component) -> dict[str, Any]:
        """What the component takes of this machine: MiB of memory and disk, processes."""
        spec = self._spec(component)
        return {"memory_mib": spec.memory, "disk_mib": spec.disk, "processes": len(spec.nodes)}

    def fits(self, components: Iterable[Component]) -> list[Problem]:
        """Why this machine has no room for these components; empty where it has. What is up has its room."""
        self._building = True
        missing = [component for component in components if self._recipe(component.name) is None]
        try:
            self._parent = room_for(self._need(missing), self._home)
        except ConfigError as error:
            return error.problems
        return []

    def _need(self, components: Iterable[Component]) -> Need:
        return Need.of(((self._spec(one), self._variant(one).folder) for one in components), self._home)

    def _spec(self, component: Component) -> Spec:
        """The component's file, as it counts on this target."""
        spec = load(self._variant(component).folder)
        return spec.securing() if self._tls else spec

    # -- up

    def replacing(self, tell: Callable[[str], None]) -> None:
        """See :meth:`gonogo.providers.Replaces.replacing`."""
        self._loses = tell

    def up(self, component: Component, needs: Mapping[str, Endpoints], ready: Ready, report: Report) -> Endpoints:
        """See :meth:`gonogo.providers.Deploys.up`."""
        self._building = True
        spec, component = self._spec(component), self._variant(component)
        try:
            platform = self._begun(component)
            with platform.exclusively(component.name):
                fetched = self._fetched(spec, component, report)
                secured = self._secured(platform, spec, component)
                return self._deployed(platform, spec, component, needs, fetched, secured, ready, report).endpoints()
        except KeeperError as error:
            raise DeployError(component.name, str(error)) from error
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            what = f"cannot be written: {error.strerror or error}"
            raise ConfigError(Problem(str(error.filename or self._home), what, "look at room with `df`")) from error
        except DeployError:
            self._retain(component.name)
            raise

    def _begun(self, component: Component) -> KnownPlatform:
        """The platform, begun with the first component."""
        with self._lock:
            if self._cancelled.is_set():
                raise DeployError(component.name, "everything is being taken down")
            if self._platform is None:
                parent = self._parent or room_for(self._need([component]), self._home)
                folder = Path(tempfile.mkdtemp(prefix="gg-", dir=parent))
                folder.chmod(0o711)
                self._platform, self._keeper = platforms.create(self._home, self._root, folder)
            return self._platform

    def _fetched(self, spec: Spec, component: Component, report: Report) -> Fetched:
        def progress(done: int, size: int, what: str) -> None:
            report(Progress(component.name, Phase.FETCHING, f"{done / MIB:.1f} of {size / MIB:.1f} MiB, {what}"))

        return fetch(spec, component.folder, self._home, progress, self._cancelled)

    def _secured(self, platform: KnownPlatform, spec: Spec, component: Component) -> Tls:
        """The component's certificates, where it is to have some."""
        if self._tls is None:
            return OFF
        with platform.exclusively(FOLDER):
            return issued(platform.folder, component.name, self._tls, account(spec))

    def _deployed(
        self,
        platform: KnownPlatform,
        spec: Spec,
        component: Component,
        needs: Mapping[str, Endpoints],
        fetched: Fetched,
        secured: Tls,
        ready: Ready,
        report: Report,
    ) -> Recipe:
        """The component as it should be, reused or repaired where it is; anew where it is not, or is to be replaced."""

        def rendered(ports: platforms.Ports, generated: Mapping[str, str]) -> Recipe:
            place = Rendering(platform.id, platform.folder / component.name, ports, generated, needs, secured)
            return render(spec, component, place, fetched)

        there = platform.record.components.get(component.name)
        if there is not None:
            if self._touched(platform, there):
                try:
                    return self._repaired(platform, there, spec, rendered, ready, report)
                except DeployError as error:
                    lost = losses(there)
                    if self._loses is None:
                        raise _left(error, lost) from error
                    self._loses("\n".join([f"{component.name} is replaced: {error}; lost with it:", *lost]))
            self._deployment(there, report).remove()
        self._made.add(component.name)
        for attempt in range(1, PORT_ATTEMPTS + 1):
            held = platform.reserve(component.name, {node.name: node.ports for node in spec.nodes})
            recipe = rendered(platforms.numbers(held), generate(spec))
            platform.put(recipe, complete=False)
            deployment = self._deployment(recipe, report)
            try:
                deployment.start(held, ready)
                platform.put(recipe, complete=True)
                deployment.make_class_data()
                return recipe
            except PortTaken:
                if attempt == PORT_ATTEMPTS:
                    raise
                deployment.remove()
            finally:
                for ports in held.values():
                    for one in ports.values():
                        one.close()
        raise AssertionError("the last attempt returns or raises")

    def _touched(self, platform: KnownPlatform, recipe: Recipe) -> bool:
        """Whether a server of it was ever started: then there may be data in it that somebody wants."""
        record, name = platform.record, recipe.component
        rows = platform.control.rows()
        known = any(serving.name_of(recipe, node) in rows for node in recipe.nodes)
        return known or name in record.begun or name in record.complete

    def _repaired(
        self,
        platform: KnownPlatform,
        there: Recipe,
        spec: Spec,
        rendered: Callable[[platforms.Ports, Mapping[str, str]], Recipe],
        ready: Ready,
        report: Report,
    ) -> Recipe:
        """The component that is there, once it is right; what lives of it is only asked. Raises ``DeployError``."""
        complete = there.component in platform.record.complete
        current = replace(there, ready=spec.ready)
        self._deployment(current, report).repair(ready, finish=not complete)
        if others := _differences(current, spec, rendered):
            said = f"answers, and is not what would be started now: {', '.join(others)}"
            raise NotRight(there.component, said, "configured_otherwise")
        if not complete or there != current:
            platform.put(current, complete=True)
        return current

    # -- as it is

    def stands(self, component: Component) -> bool:
        """Whether it was deployed, its servers alive or dead."""
        return self.attached(component) is not None

    def attached(self, component: Component) -> Endpoints | None:
        """See :meth:`gonogo.providers.Provider.attached`."""
        if component.anywhere:
            return Endpoints(component.name, {})
        recipe = self._recipe(component.name)
        if recipe is not None:
            learned(load(self._variant(component).folder), recipe.generated)
        return recipe.endpoints() if recipe else None

    def servers(self) -> list[Server]:
        """See :meth:`gonogo.providers.Observes.servers`."""
        return serving.servers(self._platform) if self._platform else []

    def inside(self) -> Callable[[str], Inside]:
        """Component to what is true on this machine."""
        return look(self.servers, self._host)

    @cached_property
    def _host(self) -> Any:
        """This machine, as pytest-testinfra sees it; which of its parts that takes, it finds out only then."""
        with LOADING:
            import testinfra

            return testinfra.get_host("local://")

    def used(self, component: Component) -> float | None:
        """See :meth:`gonogo.providers.Accounts.used`."""
        if self._platform is None or component.name not in self._made:
            return None
        try:
            return self._platform.control.used(component.name)
        except KeeperError:
            return None

    def evidence(self, component: str) -> list[Evidence]:
        """The beginning and the end of each node's log. They are kept when the platform ends."""
        recipe = self._recipe(component)
        if recipe is None or self._platform is None:
            return []
        self._retain(component)
        found = []
        for node in recipe.nodes:
            log = redacted(read(self._platform.logs(component) / f"{node.name}.log"))
            text, truncated = bounded(log, EVIDENCE)
            found.append(Evidence(kind="log", title=f"log of {node.name}", text=text, truncated=truncated))
        return found

    # -- disturbing

    @contextmanager
    def disturb(self, component: Component, how: str, node: str, ready: Ready) -> Iterator[Server]:
        """See :meth:`gonogo.providers.Disturbs.disturb`. A restarted node is ready inside already."""
        recipe, platform = self._recipe(component.name), self._platform
        if recipe is None or platform is None:
            raise Gone(component.name, f"{component.name} is not up")
        server = self._server(component.name, node)
        with platform.exclusively(component.name):
            try:
                if how == "kill":
                    self._kill(server)
                elif how == "hang":
                    self._hang(server)
                elif how == "restart":
                    self._restart(recipe, node, ready)
                else:
                    raise ConfigError(Problem(how, "no way to disturb a node", "kill, hang or restart"))
                yield server
            finally:
                self._restore(recipe, ready, lost=how == "kill")

    def _kill(self, server: Server) -> None:
        process = self._process(server)
        keeper.send(process.pid, process.start, signal.SIGKILL)
        gone = f"the end of {server.node}"
        until(lambda: not keeper.alive(process.pid, process.start), awaited=gone, within=5, every=0.01)

    def _hang(self, server: Server) -> None:
        process = self._process(server)
        for one in (process, *keeper.descendants(keeper.processes(), process.pid)):
            keeper.send(one.pid, one.start, signal.SIGSTOP)

    def _restart(self, recipe: Recipe, name: str, ready: Ready) -> None:
        node = next((node for node in recipe.nodes if node.name == name), None)
        if node is None:
            raise ConfigError(Problem(f"{recipe.component}.{name}", "is started by a server, not by gonogo", "kill it"))
        deployment = self._deployment(recipe)
        deployment.restart(node)
        deployment.settle(ready)

    def _restore(self, recipe: Recipe, ready: Ready, *, lost: bool) -> None:
        """As before, on its own data, with its addresses, which others hold. Raises ``DeployError``."""
        deployment, together = self._deployment(recipe), recipe.repair == "component"
        if not (lost and together):
            try:
                deployment.repair(ready)
                return
            except DeployError:
                if not together:
                    raise
        deployment.restart_all(ready)

    def _server(self, component: str, node: str) -> Server:
        rows = {server.node: server for server in self.servers() if server.component == component}
        if node not in rows:
            raise ConfigError(Problem(f"{component}.{node}", "no such node", nearest(node, rows)))
        return rows[node]

    def _process(self, server: Server) -> keeper.Process:
        process = keeper.process(server.pid) if server.pid else None
        if process is None:
            raise Gone(server.component, f"{server.node}: its process is gone")
        return process

    # -- the end

    def prepare(self, tell: Callable[[str], None]) -> None:
        """See :meth:`gonogo.providers.Prepares.prepare`."""
        platform = self._platform
        if platform is None:
            return
        with suppress(KeeperError, KeyboardInterrupt):
            rows = platform.control.rows()
            makers = [row for name, row in rows.items() if name.startswith(archives.MAKERS) and row.code is None]
            if not makers:
                return
            tell(f"once, for faster starts: archives of the servers' classes, {archives.AT_THE_END:.0f} s at most")
            table, own = keeper.processes(), platform.record.keeper
            for row in makers:
                for one in keeper.members(table, own, row.pid, row.name, ""):
                    archives.weigh(one.pid, idle=False)
            wait([platform.control.exited(row) for row in makers], archives.AT_THE_END)

    def down(self) -> None:
        """Take down what this object's ``up`` made: the platform, or what it added to the one it found.

        An object that never deployed anything takes down every platform that was left in this checkout, and removes
        the data of those whose keeper was killed.
        """
        with self._lock:  # after which no platform begins any more
            self._cancelled.set()
        if not self._building:
            for left in platforms.abandoned(self._home):
                record = left.record
                if record.root == str(self._root.resolve()):
                    left.discard(record)
        platform = self._platform
        if platform is None:
            return
        if self._found and self._building:
            self._remove(platform, self._made)
            return
        for one in platforms.of(self._home, self._root) if self._found else [platform]:
            one.end()
        if self._keeper:
            with self._keeper:  # closes its pipe and reaps it
                pass
        self._platform = None

    def down_only(self, components: Iterable[Component]) -> None:
        """Take down these components of the platform that is up, and leave the others."""
        if self._platform:
            self._remove(self._platform, {component.name for component in components})

    def removing(self, components: Iterable[Component], *, definitions: bool = False) -> Removing:
        """The components' data, and their servers; see :meth:`gonogo.providers.Undoes.removing`."""
        names = {component.name for component in components}
        servers = [server for server in self.servers() if server.component in names]
        folders = dict.fromkeys((server.component, server.data) for server in servers if server.data)
        goes = [Going(component, "data folder", data, "its data") for component, data in folders]
        return Removing((*goes, *(Going(one.component, "server", one.node) for one in servers)))

    def remove(
        self,
        components: Iterable[Component],
        *,
        definitions: bool = False,
        waits: Callable[[str], None] = lambda _: None,
    ) -> Removing:
        """See :meth:`gonogo.providers.Undoes.remove`."""
        self.down_only(components)
        return Removing()

    def _remove(self, platform: KnownPlatform, names: Iterable[str]) -> None:
        for name in names:
            with platform.exclusively(name):
                recipe = platform.record.components.get(name)
                if recipe:
                    self._deployment(recipe).remove()
                platform.drop(name)

    def keep(self) -> None:
        """See :meth:`gonogo.providers.Keeps.keep`. Raises ``KeeperLost`` where somebody took it down meanwhile."""
        if self._platform and self._found and not self._platform.alive:
            raise KeeperLost(f"platform {self._platform.id} has been taken down")
        if self._platform and not self._found:
            self._platform.keep()

    # -- shared

    def private(self) -> Path:
        """See :meth:`gonogo.providers.Provider.private`. It ends with the platform."""
        parent = self._platform.folder if self._platform else self._home
        return private(parent / "secrets")

    def _deployment(self, recipe: Recipe, report: Report = lambda _: None) -> Deployment:
        assert self._platform, "a recipe is one of a platform"
        return Deployment(self._platform, recipe, report, self._patience)

    def _recipe(self, component: str) -> Recipe | None:
        return self._platform.record.components.get(component) if self._platform else None

    def _retain(self, component: str) -> None:
        """Have the component's logs copied to the checkout when the platform ends."""
        recipe, platform = self._recipe(component), self._platform
        if recipe and platform:
            to = state(self._root) / "logs" / platform.id
            with suppress(KeeperError):  # it is being taken down already
                ours.folder(to.parent)
                platform.control.retain([serving.name_of(recipe, node) for node in recipe.nodes], to)


def losses(recipe: Recipe) -> list[str]:
    """A line for each node: its data folder and how much is in it."""
    return [f"  {node.name}: {node.folder} ({size(Path(node.folder))})" for node in recipe.nodes]


def size(folder: Path) -> str:
    """How much is in all files below the folder; links are not followed."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # servers write and remove files meanwhile
                total += Path(where, name).lstat().st_size
    return gib(total) if total >= MIB else f"{total >> 10} KiB"


def _spoken(recipe: Recipe) -> str:
    return {"": "no TLS", "server": "TLS", "mutual": "mutual TLS"}[recipe.tls]


def _left(error: DeployError, lost: list[str]) -> DeployError:
    """The error as it is told where nothing was replaced: what to do, and what that would cost."""
    name = error.component
    how = f"it was left as it is; `gonogo up {name} --replace` starts it anew, and loses:"
    said = "\n".join([f"{error}", how, *lost])
    return NotRight(name, said, getattr(error, "kind", "not_started"), error)


def _differences(
    there: Recipe, spec: Spec, rendered: Callable[[platforms.Ports, Mapping[str, str]], Recipe]
) -> list[str]:
    """In what the component differs from what would be started now; names only, since values may be secret."""
    nodes, wanted = {node.name for node in there.nodes}, {node.name for node in spec.nodes}
    if nodes != wanted:
        return [f"nodes {', '.join(sorted(nodes))} in place of {', '.join(sorted(wanted))}"]
    if there.generated.keys() != spec.generated.keys():
        return ["its generated values"]
    new = rendered({node.name: node.ports for node in there.nodes}, there.generated)
    if there.version != new.version:
        return [f"version {there.version} in place of {new.version}"]
    if there.tls != new.tls:
        return [f"{_spoken(there)} in place of {_spoken(new)}"]
    parts = ("uid", "repair", "finish", "children", "addresses", "secrets")
    others = [part for part in parts if getattr(there, part) != getattr(new, part)]
    for old, now in zip(there.nodes, new.nodes, strict=True):
        changed = [name for name in sorted({*old.files, *now.files}) if old.files.get(name) != now.files.get(name)]
        settings = ("ports", "after", "prepare", "command", "stop", "grace")
        changed += [part for part in settings if getattr(old, part) != getattr(now, part)]
        others += [f"{name} of {old.name}" for name in changed]
    return others or ([] if there == replace(new, ready=there.ready) else ["its recipe"])
