"""Components whose servers are thirty lines of Python, for tests of the processes around them."""

from __future__ import annotations

import socket
from pathlib import Path

from gonogo.catalog.registry import Component, EndpointKeys
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import Denied, Refused
from gonogo.providers.embedded import keeper

SERVER = """
import os, signal, socket, sys, time

port, password, options = int(sys.argv[1]), os.environ["PASSWORD"], sys.argv[2:]
print("begin", os.getpid(), flush=True)

def told(role):
    print("process", role, os.getpid(), flush=True)

if "launched" in options and (server := os.fork()):   # a launcher that waits for the real server
    told("launcher")
    os.waitpid(server, 0)
    sys.exit(1)
if "family" in options:
    if os.fork() == 0:                                # a child in a session of its own
        os.setsid()
        told("session")
        signal.pause()
    if os.fork() == 0:                                # a daemon: doubly forked, deaf to SIGTERM
        if os.fork() == 0:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.chdir("/")
            told("daemon")
            signal.pause()
        os._exit(0)
    if os.fork() == 0:                                # one that forgot its environment
        told("nameless")
        os.execve("/bin/sleep", ["sleep", "1000"], {})
if "deaf" in options:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "dies" in options:
    print("\\n".join(f"line {n}" for n in range(40)), "\\nthe disk is full", flush=True)
    sys.exit(7)
if "taken-once" in options and not os.path.exists(os.environ["SEEN"]):
    open(os.environ["SEEN"], "w").close()
    sys.exit("OSError: [Errno 98] Address already in use")
if "silent" in options:
    told("silent")
    signal.pause()

server = socket.create_server(("127.0.0.1", port))
told("serving")
while True:
    connection, _ = server.accept()
    with connection:
        connection.settimeout(5)
        try:
            asked = connection.recv(100).decode()
            if asked == "die":
                sys.exit(3)
            if asked == "hush":                       # lives on, and listens no more
                server.close()
                signal.pause()
            connection.sendall(b"welcome" if asked == password else b"denied")
        except OSError:
            pass
"""


def component(
    root: Path,
    name: str = "echo",
    *,
    nodes: tuple[str, ...] = ("one",),
    options: str = "",
    toml: str = "",
    more: str = "",
) -> Component:
    """A component below ``root/deploy`` with a server per node; ``toml`` are more keys, ``more`` more tables."""
    folder = root / "deploy" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "server.py").write_text(SERVER)
    arguments = "".join(f', "{option}"' for option in options.split())
    tables = "".join(f'[[nodes]]\nname = "{node}"\nports = ["main", "spare"]\n' for node in nodes)
    (folder / "embedded.toml").write_text(
        f"""
version = "1.0"
memory = 20
disk = 1
ready = 20
{toml}
[generated]
password = "password"
{tables}
[files]
"server.py" = "server.py"
[command]
argv = ["{{{{ python }}}}", "-I", "-S", "server.py", "{{{{ node.ports.main }}}}"{arguments}]
env = {{ PASSWORD = "{{{{ secrets.password }}}}", SEEN = "{root}/seen" }}
grace = 1
[endpoints]
address = "127.0.0.1:{{{{ nodes[0].ports.main }}}}"
password = "{{{{ secrets.password }}}}"
{more}
"""
    )
    keys = EndpointKeys(required=("address", "password"), secret=("password",))
    return Component(name=name, title=name, folder=folder, endpoints=keys, providers=("embedded",))


def ready(endpoints: Endpoints) -> None:
    """The first node of a small component answers our password."""
    host, _, port = endpoints["address"].partition(":")
    try:
        with socket.create_connection((host, int(port)), 1) as connection:
            connection.sendall(endpoints["password"].encode())
            answer = connection.recv(100)
    except OSError as error:
        raise Refused(endpoints.component, str(error)) from error
    if answer != b"welcome":
        raise Denied(endpoints.component, answer.decode() or "hung up")


def pids(log: str) -> dict[str, int]:
    """The processes that a small server said it has become, by role."""
    lines = [line.split() for line in log.splitlines() if line.startswith("process ")]
    return {role: int(pid) for _, role, pid in lines}


def marked(platform: str) -> set[int]:
    """Every living process of this machine that carries the platform's id."""
    table = keeper.processes()
    return {pid for pid in table if keeper.environment(pid).get("GONOGO_PLATFORM") == platform and not table[pid].ended}


def runs(process: keeper.Process | None) -> bool:
    """Whether exactly this process still runs."""
    return process is not None and keeper.alive(process.pid, process.start)
