"""One component of one platform: its nodes laid out, started in order, watched until ready, repaired."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from gonogo.core.errors import ClientError, DeployError, NotReady, Refused, Unsettled
from gonogo.core.outlet import redacted
from gonogo.core.servers import Phase, Progress, Report
from gonogo.core.waiting import Deadline, until
from gonogo.providers import Ready
from gonogo.providers.embedded import archives, ports
from gonogo.providers.embedded.control import KeeperError, ProcessRow
from gonogo.providers.embedded.platforms import KnownPlatform
from gonogo.providers.embedded.recipe import NodeRecipe, Program, Recipe
from gonogo.providers.embedded.serving import name_of, serving, stopped, trees

UNTOUCHED = 30.0
"""Seconds in which a component whose servers all run must be right, before it is told that it is not: long, since on
a busy machine one question may take ten."""

OVERTIME = 5.0
"""Seconds that the last question may take after its deadline; a client should end it itself."""

LINES = 20
"""Of a server's log, with the news that it has died."""

Held = Mapping[str, Mapping[str, socket.socket]]


class PortTaken(DeployError):
    """A port was taken by somebody else between our choosing it and the server's binding it."""


class NotRight(DeployError):
    """A component that is there, is not right, and was left as it is; ``kind`` is that of its signature."""

    def __init__(self, component: str, message: str, kind: str, before: DeployError | None = None) -> None:
        log = {"node": before.node, "log_tail": before.log_tail, "log": before.log} if before else {}
        super().__init__(component, message, **log)
        self.kind = kind


class Deployment:
    """What a recipe becomes on a platform."""

    def __init__(
        self, platform: KnownPlatform, recipe: Recipe, report: Report = lambda _: None, patience: float = 0
    ) -> None:
        """``patience``: seconds until the component must be ready, where its recipe gives it less."""
        self.recipe = recipe
        self._limit = max(recipe.ready, patience)
        self._platform, self._control = platform, platform.control
        self._report = report
        self._began: dict[str, int] = {}
        self._exits: dict[str, Future[int]] = {}
        self._told = ""
        self._last: ClientError | None = None

    # -- anew

    def start(self, held: Held, ready: Ready) -> None:
        """Lay out every node, prepare it, start it, and return once the component is ready.

        ``held`` are the sockets that keep its ports free until now. Raises ``DeployError``.
        """
        deadline = Deadline(self._limit)
        self._tell(Phase.PREPARING, "configuration")
        self._platform.logs(self.recipe.component).mkdir(mode=0o700, exist_ok=True)
        Path(self.recipe.folder).mkdir()
        Path(self.recipe.folder).chmod(0o711)
        for node in self.recipe.nodes:
            self._lay_out(node)
        with ThreadPoolExecutor(len(self.recipe.nodes)) as pool:
            list(pool.map(lambda node: self._prepare(node, deadline), self.recipe.nodes))
        self._platform.begin(self.recipe.component)
        self._start_all(self.recipe.nodes, deadline, held)
        self._await_ready(ready, deadline, finish=True)

    def make_class_data(self) -> None:
        """Begin to make the archive of classes that later starts use, where there is none; see :mod:`archives`."""
        archive, name = self.recipe.class_data, self.recipe.component
        node = next(one for one in self.recipe.nodes if archive is None or one.name == archive.node)
        if archive is None or not (argv := archive.made(Path(node.folder))):
            return
        how = {"env": {"PATH": os.defpath}, "cwd": str(self._platform.folder), "stop": signal.SIGKILL, "grace": 0.0}
        log = str(self._platform.logs(name) / "class-data.log")
        with suppress(KeeperError):  # one is being made, or the platform is being taken down
            self._control.start(name=f"{archives.MAKERS}{name}", argv=argv, log=log, **how)

    def remove(self) -> None:
        """End every node and remove its data; logs stay. Raises ``DeployError`` where it cannot be removed."""
        known = [name for name in self._control.rows() if name in map(self._name, self.recipe.nodes)]
        with ThreadPoolExecutor(len(self.recipe.nodes)) as pool:
            list(pool.map(self._control.stop, known))
        for name in known:
            self._control.forget(name)
        self._platform.remove(self.recipe.component)
        if os.path.lexists(self.recipe.folder):
            left = f"{self.recipe.folder} is left: it could not be removed, or is not ours by what it holds"
            raise DeployError(self.recipe.component, left)

    # -- as it is

    def repair(self, ready: Ready, *, finish: bool = False) -> None:
        """Make it right on its own data: continue what was stopped, start again what is dead; ``finish`` its steps.

        What lives is only asked, and never ended. Raises ``DeployError`` where it is not right then: ``NotRight``
        where what is wrong is not that a server of it is dead.
        """
        rows = self._control.rows()
        found = trees(self._platform.record, [self.recipe], rows)
        dead = [node for node in self.recipe.nodes if not found[self._name(node)]]
        hung = [node for node in self.recipe.nodes if stopped(found[self._name(node)])]
        self._clear(dead, rows)
        for node in hung:
            self._tell(Phase.STARTING, f"{node.name} goes on")
            self._control.signal(self._name(node), signal.SIGCONT)
        self._follow(rows, (node for node in self.recipe.nodes if node not in dead))
        self._start_all(dead, Deadline(self._limit))
        try:
            self._await_ready(ready, Deadline(self._limit if dead or hung else UNTOUCHED), finish=finish)
        except DeployError as error:
            deaf = self._deaf(dead)
            if not deaf:
                raise self._not_right(error) from error
            self._clear(deaf, rows)
            self._start_all(deaf, Deadline(self._limit))
            self._await_ready(ready, Deadline(self._limit), finish=finish)

    def _deaf(self, restarted: Sequence[NodeRecipe]) -> list[NodeRecipe]:
        """The nodes whose processes live and do not listen: to everybody but the kernel they are dead."""
        found = trees(self._platform.record, [self.recipe], self._control.rows())
        return [
            node
            for node in self.recipe.nodes
            if node not in restarted and found[self._name(node)] and serving(found[self._name(node)], node.port) is None
        ]

    def _clear(self, nodes: Sequence[NodeRecipe], rows: Mapping[str, ProcessRow]) -> None:
        """End what is left of these nodes. Raises ``NotRight`` where starting them again would touch what lives."""
        if nodes and len(nodes) < len(self.recipe.nodes) and self.recipe.repair == "component":
            names = ", ".join(node.name for node in nodes)
            said = f"{names} is dead, and cannot be started again while the other servers live"
            raise NotRight(self.recipe.component, said, "process_gone")
        for node in nodes:
            if self._name(node) in rows:
                self._control.stop(self._name(node))
            if taken := [port for port in node.ports.values() if ports.listens(port)]:
                said = f"{node.name} is dead, and another process, none of ours, listens on its port {taken[0]}"
                raise NotRight(self.recipe.component, said, "process_gone")

    def _not_right(self, error: DeployError) -> DeployError:
        """The error as it is told of a component whose servers all live."""
        if any(one.done() for one in self._exits.values()):
            return error
        last = self._last
        said = str(last) if isinstance(last, Unsettled) else f"does not answer: {last}" if last else str(error)
        kind = last.signature.partition(".")[2] if last else "not_settled"
        before = None if isinstance(last, Unsettled) else error
        return NotRight(self.recipe.component, said, kind, before)

    def restart(self, node: NodeRecipe) -> None:
        """End the node and start it again with its data and ports. Raises ``DeployError``."""
        self._control.stop(self._name(node))
        self._launch(node)

    def restart_all(self, ready: Ready) -> None:
        """End every node, and start all again with their data and ports. Raises ``DeployError``."""
        known = [name for name in self._control.rows() if name in map(self._name, self.recipe.nodes)]
        with ThreadPoolExecutor(len(self.recipe.nodes)) as pool:
            list(pool.map(self._control.stop, known))
        self._exits.clear()
        self._start_all(self.recipe.nodes, Deadline(self._limit))
        self._await_ready(ready, Deadline(self._limit))

    def settle(self, ready: Ready) -> None:
        """Return once it is ready. Raises ``DeployError``."""
        self._follow(self._control.rows(), (n for n in self.recipe.nodes if n.name not in self._exits))
        self._await_ready(ready, Deadline(self._limit))

    # -- steps

    def _lay_out(self, node: NodeRecipe) -> None:
        folder = Path(node.folder)
        self._owned(folder)
        for name, content in node.files.items():
            path = folder / name
            for parent in reversed(path.relative_to(folder).parents[:-1]):
                if not (folder / parent).exists():
                    self._owned(folder / parent)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(content)
                if self.recipe.uid is not None:
                    os.fchown(handle, self.recipe.uid, self.recipe.uid)

    def _owned(self, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        if self.recipe.uid is not None:
            os.chown(folder, self.recipe.uid, self.recipe.uid)

    def _prepare(self, node: NodeRecipe, deadline: Deadline) -> None:
        for number, step in enumerate(node.prepare, 1):
            self._tell(Phase.PREPARING, f"{node.name}: {Path(step.argv[0]).name}")
            code = self._run(node, f"prepare-{number}", step, deadline)
            if code != 0:
                raise self._failed(node, f"{node.name}: {Path(step.argv[0]).name} ended with code {code}")

    def _finish(self, deadline: Deadline) -> None:
        node = self.recipe.nodes[0]
        for number, step in enumerate(self.recipe.finish, 1):
            program = Path(step.argv[0]).name
            self._await_listening([node], deadline)
            self._tell(Phase.STARTING, f"{node.name}: {program}")
            until(
                partial(self._succeeds, node, f"finish-{number}", step, deadline),
                awaited=f"{self.recipe.component}: {program} to succeed",
                within=deadline.left,
                every=0.2,
                running=self._check,
            )

    def _succeeds(self, node: NodeRecipe, name: str, step: Program, deadline: Deadline) -> bool:
        return self._run(node, name, step, deadline) == 0

    def _run(self, node: NodeRecipe, name: str, step: Program, deadline: Deadline) -> int:
        """The exit code of a program that is run to its end, in the node's folder."""
        name = f"{self._name(node)}:{name}"
        how = {"stop": signal.SIGKILL, "grace": 0.0}
        row = self._begin(node, {"name": name, **self._program(node, step), **how})
        try:
            return self._control.exited(row).result(deadline.left)
        except FutureTimeout:
            raise self._failed(node, f"{name}: not done within {deadline.seconds:g} s") from None
        finally:
            self._control.stop(name)
            self._control.forget(name)

    def _program(self, node: NodeRecipe, program: Program) -> dict[str, Any]:
        return {
            "argv": program.argv,
            "env": program.env,
            "stdin": program.stdin,
            "fed": program.fed,
            "cwd": node.folder,
            "log": str(self._log(node)),
            "uid": self.recipe.uid,
            "gid": self.recipe.uid,
        }

    def _start_all(self, nodes: Sequence[NodeRecipe], deadline: Deadline, held: Held | None = None) -> None:
        """Start these nodes, each once those before it listen."""
        for node in nodes:
            self._await_listening([n for n in self.recipe.nodes if n.name in node.after], deadline)
            self._tell(Phase.STARTING, node.name)
            for one in (held or {}).get(node.name, {}).values():
                one.close()
            self._launch(node)

    def _launch(self, node: NodeRecipe) -> None:
        how = {"stop": node.stop, "grace": node.grace, "folder": node.folder}
        request = {"name": self._name(node), **self._program(node, node.command), **how}
        if self.recipe.class_data:
            request["argv"] = self.recipe.class_data.started(node.command.argv, node.name, Path(node.folder))
        row = self._begin(node, request)
        self._exits[node.name] = self._control.exited(row)

    def _begin(self, node: NodeRecipe, request: dict[str, Any]) -> ProcessRow:
        log = self._log(node)
        self._began.setdefault(node.name, log.stat().st_size if log.exists() else 0)
        try:
            return self._control.start(**request)
        except KeeperError as error:
            raise self._failed(node, f"{node.name} could not be started: {error}") from error

    def _follow(self, rows: Mapping[str, ProcessRow], nodes: Iterable[NodeRecipe]) -> None:
        for node in nodes:
            if row := rows.get(self._name(node)):
                self._exits[node.name] = self._control.exited(row)

    # -- waiting

    def _await_listening(self, nodes: Iterable[NodeRecipe], deadline: Deadline) -> None:
        for node in nodes:
            self._tell(Phase.STARTING, f"waits for {node.name} to listen")
            try:
                until(
                    partial(ports.listens, node.port),
                    awaited=f"{self.recipe.component}: {node.name} listens on port {node.port}",
                    within=deadline.left,
                    running=self._check,
                )
            except NotReady as error:
                raise self._failed(node, str(error)) from error

    def _await_ready(self, ready: Ready, deadline: Deadline, *, finish: bool = False) -> None:
        """Ask in a thread of its own, so that a server's death is news even while a question hangs."""
        endpoints = self.recipe.endpoints()
        answered: Future[None] = Future()

        def ask() -> bool:
            for node in self.recipe.nodes:
                if not ports.listens(node.port):
                    raise Refused(self.recipe.component, f"{node.name} does not listen on port {node.port} yet")
            ready(endpoints)
            return True

        def asked() -> None:
            try:
                if finish:
                    self._finish(deadline)
                until(
                    lambda: self._telling(ask),
                    awaited=f"{self.recipe.component} is ready",
                    within=deadline.left,
                    retry=(ClientError,),
                    running=self._check,
                )
                answered.set_result(None)
            except BaseException as error:
                answered.set_exception(error)

        threading.Thread(target=asked, name=f"ready-{self.recipe.component}", daemon=True).start()
        awaited: list[Future[Any]] = [answered, *self._exits.values()]
        wait(awaited, deadline.left + OVERTIME, FIRST_COMPLETED)
        self._check()
        try:
            answered.result(0)
        except (NotReady, FutureTimeout) as error:
            node = next((n for n in self.recipe.nodes if not ports.listens(n.port)), self.recipe.nodes[0])
            last = error.last if isinstance(error, NotReady) else f"a question hangs, and before it: {self._told}"
            raise self._failed(node, f"not ready within {deadline.seconds:g} s: {last}") from error

    def _telling(self, ask: Callable[[], bool]) -> bool:
        try:
            return ask()
        except ClientError as error:
            self._last = error
            self._tell(Phase.STARTING, str(error))
            raise

    def _check(self) -> None:
        """Raise ``DeployError`` where a server has died."""
        for node in self.recipe.nodes:
            future = self._exits.get(node.name)
            if future is None or not future.done():
                continue
            if error := future.exception():
                raise DeployError(self.recipe.component, str(error), node=node.name)
            raise self._failed(node, f"{node.name} {_ended(future.result())}")

    # -- telling

    def _tell(self, phase: Phase, detail: str) -> None:
        if detail != self._told:
            self._told = detail
            self._report(Progress(self.recipe.component, phase, redacted(detail)))

    def _failed(self, node: NodeRecipe, message: str) -> DeployError:
        log = self._log(node)
        text = redacted(read(log, self._began.get(node.name, 0)))
        kind = PortTaken if ports.bind_failed(text) else DeployError
        tail = "\n".join(text.splitlines()[-LINES:])
        return kind(self.recipe.component, message, node=node.name, log_tail=tail, log=str(log))

    def _name(self, node: NodeRecipe) -> str:
        return name_of(self.recipe, node)

    def _log(self, node: NodeRecipe) -> Path:
        return self._platform.logs(self.recipe.component) / f"{node.name}.log"


def read(log: Path, begin: int = 0, limit: int = 1 << 20) -> str:
    """The log from ``begin`` on, its last ``limit`` bytes at most; empty where there is none."""
    try:
        with log.open("rb") as file:
            cut = file.seek(0, os.SEEK_END) - limit
            file.seek(max(begin, cut))
            text = file.read().decode(errors="replace")
            # half a line may be half a secret
            return text.partition("\n")[2] or text if cut > begin else text
    except FileNotFoundError:
        return ""


def _ended(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    return f"was ended by {signal.Signals(-code).name if -code in list(signal.Signals) else f'signal {-code}'}"
