"""Keeps the servers of one platform, and lets none of them outlive it.

A program of its own, standard library only: ``python -I -S keeper.py PLATFORM FOLDER RECORD OWNER``. It
knows argument lists, environments, users and order, nothing of components. OWNER is ``pid:start`` of the process
the platform belongs to, and standard input a pipe whose other end only that process holds; when either
says that the owner is gone, everything ends, until ``keep`` makes the platform its own owner.

Orphans of its servers, also doubly forked ones in sessions of their own, become its children
(``PR_SET_CHILD_SUBREAPER``, prctl(2)), so the whole platform is one tree. Servers die with it
(``PR_SET_PDEATHSIG``, which fires when the parent *thread* ends: hence no threads here) and carry
``GONOGO_KEEPER`` in their environment, by which :mod:`gonogo.providers.embedded.platforms` finds what a
killed keeper could not take along. None of the marks is called as what users set: ``GONOGO_RUN`` is theirs.

It answers one JSON object per line on ``FOLDER/keeper.sock`` (mode 0600), see ``Keeper.do_*``. The first
half of this file, the table of processes, is also what the provider looks at processes with.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import shutil
import signal
import socket
import stat
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

SOCKET = "keeper.sock"
GRACE_AT_END = 3.0
"""Seconds a server has at most when everything ends: enough to give back what lies outside its data folder,
which is thrown away."""
GIVE_UP = 9.0
"""Seconds after which the end is an end, whatever the kernel still holds (uninterruptible sleep)."""
LOOK_AROUND = 5000
"""Milliseconds after which a keeper that nothing happens to looks whether its record is still there."""
OPEN_FILES = 65536
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
IPC_RMID = 0  # linux/ipc.h


class Process(NamedTuple):
    """One line of the table. ``start`` is field 22 of ``/proc/PID/stat`` (clock ticks since boot): with
    the pid it names a process for good, whatever pid is used again and wherever the wall clock jumps."""

    pid: int
    parent: int
    session: int
    state: str
    start: int
    ticks: int
    """Processor time, user and system, of the process and of the children that it has waited for (clock ticks)."""

    @property
    def ended(self) -> bool:
        """Whether only its exit status is left."""
        return self.state in "ZX"


def process(pid: int) -> Process | None:
    """The process with this pid now, or None."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - this program imports little
            # The name in parentheses may itself hold spaces and parentheses (proc(5)).
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError, PermissionError):  # ended meanwhile, or hidden from us
        return None
    ticks = sum(map(int, fields[11:15]))
    return Process(pid, int(fields[1]), int(fields[3]), fields[0].decode(), int(fields[19]), ticks)


def processes() -> dict[int, Process]:
    """Every process of this machine by pid; none where there is no ``/proc``, and so nothing of ours."""
    try:
        names = os.listdir("/proc")  # noqa: PTH208
    except FileNotFoundError:
        return {}
    found = (process(int(name)) for name in names if name.isdigit())
    return {one.pid: one for one in found if one}


def alive(pid: int, start: int) -> bool:
    """Whether exactly this process still runs, not another one that was given its pid."""
    now = process(pid)
    return now is not None and now.start == start and not now.ended


def send(pid: int, start: int, number: int) -> bool:
    """Signal exactly this process, never one that was given its pid later; whether it was there."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if not alive(pid, start):
            return False
        signal.pidfd_send_signal(handle, number)
    except (ProcessLookupError, PermissionError):  # ended meanwhile, or become somebody else (setuid)
        return False
    finally:
        os.close(handle)
    return True


def environment(pid: int) -> dict[str, str]:
    """What the process was started with; empty where that may not be read or was overwritten."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123
            lines = file.read().decode(errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return {}
    return {key: value for key, _, value in (line.partition("=") for line in lines)}


def descendants(table: dict[int, Process], root: int) -> list[Process]:
    """The processes below ``root``, parents before children, without those that have ended."""
    children: dict[int, list[Process]] = {}
    for one in table.values():
        children.setdefault(one.parent, []).append(one)
    found, queue = [], list(children.get(root, ()))
    while queue:
        one = queue.pop(0)
        found.append(one)
        queue += children.get(one.pid, ())
    return [one for one in found if not one.ended]


def keeps(pid: int, platform: str, folder: str) -> bool:
    """Whether the process is one of this account's keepers, and of just this platform.

    A pid that stands in a file proves nothing: that file may be forged, and the process anybody's.
    """
    try:
        owner = os.stat(f"/proc/{pid}").st_uid  # noqa: PTH116
        with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123
            arguments = os.fsdecode(file.read()).split("\0")[:-1]
    except OSError:
        return False
    program, *named = arguments[-5:-2] or [""]
    return owner == os.geteuid() and program.endswith("/keeper.py") and named == [platform, folder]


def works_in(pid: int, folder: str) -> bool:
    """Whether the process has its working directory in ``folder`` or below."""
    try:
        return folder != "" and f"{os.readlink(f'/proc/{pid}/cwd')}/".startswith(f"{folder}/")  # noqa: PTH115
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


def members(table: dict[int, Process], keeper: int, server: int, name: str, folder: str) -> list[Process]:
    """The tree of one server, itself first, then parents before children.

    Below the keeper that is its session, what carries its name in the environment, what works in its folder
    (PostgreSQL's processes overwrite their environment and have sessions of their own), and what all these
    started.
    """
    own: dict[int, Process] = {}
    for one in descendants(table, keeper):
        mark = environment(one.pid).get("GONOGO_SERVER")
        if (
            server in (one.pid, one.session, one.parent)
            or one.parent in own
            or mark == name
            or (mark is None and works_in(one.pid, folder))
        ):
            own[one.pid] = one
    return sorted(own.values(), key=lambda one: one.pid != server)


def unix_sockets() -> dict[str, str]:
    """Every Unix socket that some process holds under a path: inode to path (proc_net_unix: both stand last)."""
    with open("/proc/net/unix", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
        lines = [line.rstrip("\n").split(maxsplit=7) for line in file]
    return {line[6]: line[7] for line in lines if len(line) == 8 and line[7].startswith("/")}


def bound(pids: Iterable[int]) -> set[str]:
    """The paths of the Unix sockets that these processes hold."""
    held: set[str] = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            held |= {os.readlink(entry.path) for entry in os.scandir(f"/proc/{pid}/fd")}  # noqa: PTH115
    return {path for inode, path in unix_sockets().items() if f"socket:[{inode}]" in held}


def unused_memory(creators: set[int]) -> list[int]:
    """The ids of System V shared memory that these processes created and nobody uses (sysvipc(7))."""
    with open("/proc/sysvipc/shm", encoding="ascii") as file:  # noqa: PTH123
        rows = [line.split() for line in file][1:]
    return [int(row[1]) for row in rows if int(row[4]) in creators and row[6] == "0"]


class Child:
    """One started program; ``code`` is None while its first process lives, ``clear`` once its tree is gone."""

    def __init__(self, name: str, program: dict[str, Any]) -> None:
        self.name, self.program = name, program
        self.pid, self.feed = spawn(program)
        pid = self.pid
        started = process(pid)
        self.start = started.start if started else 0
        self.since = time.time()
        self.code: int | None = None
        self.clear = False
        self.kill_at = float("inf")
        self.waiting: list[socket.socket] = []

    def ended(self, code: int) -> None:
        """Its first process has ended."""
        self.code = code
        if self.feed is not None:
            os.close(self.feed)
            self.feed = None

    def row(self) -> dict[str, Any]:
        """The server as ``list`` tells it."""
        return {"name": self.name, "pid": self.pid, "start": self.start, "code": self.code, "since": self.since}


class Keeper:
    """One loop, one thread: requests, exits, signals, the owner's end."""

    def __init__(self, platform: str, folder: str, record: str) -> None:
        self.platform, self.folder, self.record = platform, folder, record
        own = process(os.getpid())
        assert own, "a process sees itself"
        self.mark = f"{own.pid}:{own.start}"
        self.servers: dict[str, Child] = {}
        self.used: dict[str, float] = {}
        self.retained: dict[str, str] = {}
        self.sockets: set[str] = set()
        self.pids: set[int] = set()
        self.watchers: list[socket.socket] = []
        self.ending: float | None = None
        self.waiting: list[socket.socket] = []
        self.asking: socket.socket
        self.poll = select.poll()
        self.readers: dict[int, Callable[[], None]] = {}
        self.owner: list[int] = []

    # -- what it may be asked: a line {"do": "stop", "name": "kafka/broker-1"}; None is answered later

    def do_start(self, name: str, **program: Any) -> dict[str, Any] | None:
        """Start argv, env, cwd, log, stop, grace; with the name alone the same once more.

        Optional: ``uid`` and ``gid`` to run as, ``stdin`` (``fed``: bytes in hexadecimal, and no end of file as long as
        the keeper lives), and the ``folder`` in which nobody else works.
        """
        if self.ending is not None:
            raise RuntimeError("the platform is being taken down")
        known = self.servers.get(name)
        if known and not known.clear:
            raise RuntimeError("it is running")
        if not program:
            if known is None:
                raise RuntimeError("it was never started")
            program = known.program
        marks = {"GONOGO_PLATFORM": self.platform, "GONOGO_SERVER": name, "GONOGO_KEEPER": self.mark}
        server = Child(name, {**program, "env": {**program["env"], **marks}})
        self.servers[name] = server
        self.pids.add(server.pid)
        return server.row()

    def do_signal(self, name: str, number: int) -> dict[str, Any] | None:
        """Send the signal to the whole tree of a server."""
        for one in self.tree(self.servers[name], processes()):
            send(one.pid, one.start, number)
        return {}

    def do_stop(self, name: str) -> dict[str, Any] | None:
        """End a server and its tree by its own stop signal; answered when all of it is gone."""
        server = self.servers[name]
        if server.clear:
            return server.row()
        server.waiting.append(self.asking)
        if server.kill_at == float("inf"):
            self.stop(server, server.program["grace"], processes())
        return None

    def do_forget(self, name: str) -> dict[str, Any] | None:
        """Drop a server, which must have ended, from the list."""
        if not self.servers[name].clear:
            raise RuntimeError("it is running")
        del self.servers[name]
        return {}

    def do_list(self) -> dict[str, Any] | None:
        """Every server: name, pid, start time, exit code (None: alive), since (wall clock, for display)."""
        return {"servers": [server.row() for server in self.servers.values()]}

    def do_used(self, name: str) -> dict[str, Any] | None:
        """Processor time in seconds, user and system, of all servers and steps of a component until now."""
        table, own = processes(), f"{name}/"
        servers = [server for server in self.servers.values() if server.name.startswith(own) and not server.clear]
        living = {one.pid: one.ticks for server in servers for one in self.tree(server, table)}
        return {"seconds": self.used.get(name, 0.0) + sum(living.values()) / os.sysconf("SC_CLK_TCK")}

    def do_watch(self) -> dict[str, Any] | None:
        """The same as ``list``; and from now on this connection is told every exit, as such a row."""
        self.watchers.append(self.asking)
        return self.do_list()

    def do_keep(self) -> dict[str, Any] | None:
        """The owner's end no longer ends the platform."""
        self.release()
        return {}

    def do_retain(self, names: list[str], to: str) -> dict[str, Any] | None:
        """At the end, copy the logs of these servers into a folder before the data is removed."""
        self.retained.update(dict.fromkeys(names, to))
        return {}

    def do_end(self) -> dict[str, Any] | None:
        """End everything; answered when nothing is left."""
        self.waiting.append(self.asking)
        if self.ending is None:
            self.end()
        return None

    # -- ending

    def tree(self, server: Child, table: dict[int, Process]) -> list[Process]:
        return members(table, os.getpid(), server.pid, server.name, server.program.get("folder", ""))

    def stop(self, server: Child, grace: float, table: dict[int, Process]) -> None:
        server.kill_at = time.monotonic() + grace
        if server.code is None:
            tree = self.tree(server, table)
            self.sockets |= bound(one.pid for one in tree)
            send(server.pid, server.start, server.program["stop"])
            for one in tree:
                send(one.pid, one.start, signal.SIGCONT)

    def end(self) -> None:
        """Begin to end; told a second time, do it at once."""
        if self.ending is not None:
            for server in self.servers.values():
                server.kill_at = 0.0
            return
        self.ending, table = time.monotonic(), processes()
        for server in self.servers.values():
            if not server.clear:
                self.stop(server, min(server.program["grace"], GRACE_AT_END), table)

    def advance(self) -> None:
        """Kill what has had its time, and what is left of a server whose first process has ended."""
        now = time.monotonic()
        due = [s for s in self.servers.values() if not s.clear and (s.code is not None or s.kill_at <= now)]
        table = processes() if due else {}
        for server in due:
            left = self.tree(server, table)
            for one in left:
                send(one.pid, one.start, signal.SIGKILL)
            if server.code is not None and not left:
                server.clear = True
                for connection in server.waiting:
                    self.tell(connection, server.row())
                if self.ending is not None and self.holds(server.program.get("folder", "")):
                    discard(server.program["folder"])

    def holds(self, folder: str) -> bool:
        """Whether the folder lies in the platform's own."""
        return folder.startswith(f"{self.folder}/") and ".." not in folder.split("/")

    def done(self) -> bool:
        """Whether everything has ended; kills what belongs to no server any more."""
        if self.ending is None:
            return False
        if time.monotonic() > self.ending + GIVE_UP:
            return True
        if not all(server.clear for server in self.servers.values()):
            return False
        left = descendants(processes(), os.getpid())
        for one in left:
            send(one.pid, one.start, signal.SIGKILL)
        return not left

    def close(self) -> None:
        """Keep the logs that were asked for, remove everything else, and say so.

        Everything else is the data folder, and the sockets and memory that killed servers left elsewhere.
        """
        for name, to in self.retained.items():
            if name in self.servers:
                with contextlib.suppress(OSError):
                    os.mkdir(to, 0o700)  # noqa: PTH102 - without its parents: a checkout that is gone is not made again
                with contextlib.suppress(OSError):
                    shutil.copyfile(self.servers[name].program["log"], f"{to}/{name.replace('/', '-')}.log")
        shutil.rmtree(self.folder, ignore_errors=True)
        for path in self.sockets:
            with contextlib.suppress(OSError):
                if stat.S_ISSOCK(os.lstat(path).st_mode):
                    os.unlink(path)  # noqa: PTH108
        with contextlib.suppress(OSError):  # a kernel without System V memory
            for segment in unused_memory(self.pids):
                ctypes.CDLL(None).shmctl(segment, IPC_RMID, None)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.record)  # noqa: PTH108
        for connection in self.waiting:
            self.tell(connection, {})

    # -- the loop

    def serve(self, owner: Process | None, wakeup: int) -> None:
        """Until the end."""
        os.chdir(self.folder)
        listener = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(FileNotFoundError):  # of a keeper before this one, that was killed
            os.unlink(SOCKET)  # noqa: PTH108
        before = os.umask(0o177)
        listener.bind(SOCKET)  # relative: a path longer than 107 bytes cannot be bound
        os.umask(before)
        listener.listen(64)
        self.reader(listener.fileno(), lambda: self.accept(listener))
        self.reader(wakeup, lambda: self.signalled(os.read(wakeup, 512)))
        self.own(0)
        if owner is None:
            self.end()
        else:
            self.own(os.pidfd_open(owner.pid))
        os.write(1, b"ready\n")
        os.dup2(2, 1)
        while not self.done():
            for fd, _ in self.poll.poll(20 if self.busy() else LOOK_AROUND):
                if fd in self.readers:
                    self.readers[fd]()
            if self.ending is None and self.forgotten():
                self.end()
            self.reap()
            self.advance()

    def busy(self) -> bool:
        """Whether something is on its way out, which no event will announce."""
        return self.ending is not None or any(
            not server.clear and (server.code is not None or server.kill_at < float("inf"))
            for server in self.servers.values()
        )

    def forgotten(self) -> bool:
        """Whether the platform has neither an owner nor a record any more, by which somebody could take it down."""
        try:
            os.stat(self.record)  # noqa: PTH116
        except FileNotFoundError:
            return not self.owner
        except OSError:
            return False
        return False

    def reader(self, fd: int, ready: Callable[[], None]) -> None:
        self.readers[fd] = ready
        self.poll.register(fd, select.POLLIN)

    def forget_reader(self, fd: int) -> None:
        if self.readers.pop(fd, None):
            self.poll.unregister(fd)

    def own(self, fd: int) -> None:
        """End as soon as ``fd`` is readable: nobody writes to the pipe, so that is its end of file."""

        def gone() -> None:
            self.release()
            self.end()

        self.owner.append(fd)
        self.reader(fd, gone)

    def release(self) -> None:
        for fd in self.owner:
            self.forget_reader(fd)
        self.owner.clear()

    def signalled(self, numbers: bytes) -> None:
        if set(numbers) & {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}:
            self.end()

    def reap(self) -> None:
        by_pid = {server.pid: server for server in self.servers.values() if server.code is None}
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in by_pid:
                server = by_pid[pid]
                server.ended(os.waitstatus_to_exitcode(status))
                component = server.name.partition("/")[0]
                self.used[component] = self.used.get(component, 0.0) + usage.ru_utime + usage.ru_stime
                for watcher in list(self.watchers):
                    self.tell(watcher, server.row())

    def accept(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.setblocking(False)
        pending = bytearray()

        def read() -> None:
            try:
                data = connection.recv(1 << 20)
            except BlockingIOError:
                return
            except ConnectionError:
                data = b""
            if not data:
                self.hang_up(connection)
                return
            pending.extend(data)
            while b"\n" in pending:
                line, _, rest = bytes(pending).partition(b"\n")
                pending[:] = rest
                self.answer(connection, line)

        self.reader(connection.fileno(), read)

    def answer(self, connection: socket.socket, line: bytes) -> None:
        try:
            request = json.loads(line)
            self.asking = connection
            reply = getattr(self, f"do_{request.pop('do')}")(**request)
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        if reply is not None:
            self.tell(connection, reply)

    def tell(self, connection: socket.socket, message: dict[str, Any]) -> None:
        """One line; who does not read is hung up on, so that nobody can hold the keeper up."""
        line = json.dumps(message).encode() + b"\n"
        try:
            if connection.send(line) == len(line):
                return
        except OSError:
            pass
        self.hang_up(connection)

    def hang_up(self, connection: socket.socket) -> None:
        if connection.fileno() >= 0:
            self.forget_reader(connection.fileno())
            connection.close()
        if connection in self.watchers:
            self.watchers.remove(connection)


def spawn(program: dict[str, Any]) -> tuple[int, int | None]:
    """The pid of the program, once it has been executed, and the open end of a standard input that has none.

    Raises ``OSError`` where it cannot be executed.
    """
    keeper = os.getpid()
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    log = os.open(program["log"], flags, 0o600)
    given, feed = standard_input(program.get("stdin", ""), fed=program.get("fed", False))
    told, failed = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            for source, target in ((given, 0), (log, 1), (log, 2)):
                os.dup2(source, target)
            for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, servers expect the default
                signal.signal(number, signal.SIG_DFL)
            most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            most = OPEN_FILES if most == resource.RLIM_INFINITY else min(most, OPEN_FILES)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.umask(0o077)
            os.chdir(program["cwd"])
            if program.get("uid") is not None:
                os.setgroups([])
                os.setgid(program["gid"])
                os.setuid(program["uid"])
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != keeper:
                os._exit(1)
            os.execvpe(program["argv"][0], program["argv"], program["env"])
        except BaseException as error:
            os.write(failed, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(127)
    for fd in (log, given, failed):
        os.close(fd)
    with os.fdopen(told, "rb") as answer:
        wrong = answer.read()
    if wrong:
        os.waitpid(pid, 0)
        if feed is not None:
            os.close(feed)
        raise OSError(wrong.decode(errors="replace"))
    return pid, feed


def standard_input(text: str, *, fed: bool) -> tuple[int, int | None]:
    """A file with the text; ``fed``: the ends of a pipe with the bytes, of which the second is to be kept open.

    Raises ``OSError`` for more than a pipe holds.
    """
    if not fed:
        given = os.memfd_create("stdin")
        os.write(given, text.encode())
        os.lseek(given, 0, os.SEEK_SET)
        return given, None
    data = bytes.fromhex(text)
    given, feed = os.pipe()
    os.set_blocking(feed, False)
    if os.write(feed, data) < len(data):
        for end in (given, feed):
            os.close(end)
        raise OSError(f"standard input of {len(data)} bytes is more than a pipe holds")
    return given, feed


def discard(folder: str) -> None:
    """Begin to remove a folder while others still end; what is left of it at the end goes with everything."""
    if folder and os.fork() == 0:
        try:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os._exit(0)


def prctl(option: int, value: int) -> None:
    """prctl(2). Raises ``OSError`` where the kernel does not know the option."""
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def catch(numbers: Iterable[int]) -> int:
    """The read end of a pipe that gets a byte for each of these signals."""
    readable, writable = os.pipe()
    for fd in (readable, writable):
        os.set_blocking(fd, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    return readable


def main(platform: str, folder: str, record: str, owner: str) -> int:
    """Serve until the end; whatever goes wrong, nothing is left behind."""
    if os.getsid(0) != os.getpid():
        os.setsid()
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    wakeup = catch((signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
    pid, start = (int(part) for part in owner.split(":"))
    keeper = Keeper(platform, folder, record)
    try:
        keeper.serve(process(pid) if alive(pid, start) else None, wakeup)
        return 0
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        for one in descendants(processes(), os.getpid()):
            send(one.pid, one.start, signal.SIGKILL)
        keeper.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
