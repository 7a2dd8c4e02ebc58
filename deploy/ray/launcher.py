"""The ``ray`` command, for a cluster of several nodes on the loopback interface alone.

Ray's own command replaces 127.0.0.1 by the host's address, on which its servers then listen for everybody,
and refuses a second node on one host where ``RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0`` keeps it on loopback.
Both are undone here, and a head has longer than Ray's own 30 s to come up: on two cores, beside a dozen
other servers, it needs them. There a raylet may also end by itself, since its agent was not loaded within
Ray's fixed 15 s; then everything is started once more. This is private API: the project pins the Ray version.

Ray's dashboard speaks no TLS, and its own processes know it by http alone. Where ``DASHBOARD_TLS`` names two ports,
a front leads from the first, with TLS, to the second, as an ingress does on a cluster.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import subprocess
import sys
from contextlib import suppress
from threading import Thread
from typing import Any

import psutil
from ray._private import ray_constants, services

from gonogo.core.waiting import until

REGISTERED = 90.0
"""Seconds until a node must have registered with the head."""

ATTEMPT = "LAUNCHER_ATTEMPT"
ATTEMPTS = 4


def main() -> None:
    """Run ``ray`` with this process's arguments."""
    services.resolve_ip_for_localhost = lambda host: host
    ray_constants.ENABLE_RAY_CLUSTER = True
    get_node, start_raylet = services.get_node, services.start_raylet
    raylets: list[subprocess.Popen[bytes]] = []

    def started(*given: Any, **named: Any) -> Any:
        info = start_raylet(*given, **named)
        raylets.append(info.process)
        return info

    def alive() -> None:
        if any(raylet.poll() is not None for raylet in raylets):
            again()

    def registered(*address: Any) -> Any:
        awaited = "the node's registration"
        return until(
            lambda: get_node(*address),
            awaited=awaited,
            within=REGISTERED,
            every=0.2,
            retry=(RuntimeError,),
            running=alive,
        )

    services.start_raylet, services.get_node = started, registered
    if told := os.environ.get("DASHBOARD_TLS"):
        port, behind, kind = told.split()
        front(int(port), int(behind), mutual=kind == "mutual")

    from ray.scripts.scripts import main as ray

    sys.argv[0] = "ray"
    ray()


def front(port: int, behind: int, *, mutual: bool) -> None:
    """Listen with TLS on ``port`` of 127.0.0.1, for as long as this process lives, for what answers on ``behind``."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=os.environ["RAY_TLS_CA_CERT"])
    context.load_cert_chain(os.environ["RAY_TLS_SERVER_CERT"], os.environ["RAY_TLS_SERVER_KEY"])
    context.verify_mode = ssl.CERT_REQUIRED if mutual else ssl.CERT_NONE
    listening = socket.create_server(("127.0.0.1", port))

    def accept() -> None:
        while True:
            Thread(target=lead, args=(listening.accept()[0], context, behind), daemon=True).start()

    Thread(target=accept, daemon=True).start()


def lead(accepted: socket.socket, context: ssl.SSLContext, behind: int) -> None:
    """Lead one connection, until one side ends it."""
    with accepted, suppress(OSError):
        try:
            outer = context.wrap_socket(accepted, server_side=True)
        except ssl.SSLError:
            # what is left unread would have the kernel reset the connection, and the alert lost with it
            accepted.shutdown(socket.SHUT_WR)
            accepted.settimeout(2)
            while accepted.recv(65536):
                pass
            return
        with outer, socket.create_connection(("127.0.0.1", behind)) as inner:
            while True:
                for one in [outer] if outer.pending() else select.select([outer, inner], [], [])[0]:
                    data = one.recv(65536)
                    if not data:
                        return
                    (inner if one is outer else outer).sendall(data)


def again() -> None:
    """Be this program anew, without what it has started; the process stays the same."""
    attempt = int(os.environ.get(ATTEMPT, "1"))
    if attempt == ATTEMPTS:
        sys.exit(f"the raylet ended by itself {attempt} times; see its log")
    print(f"the raylet ended by itself: starting once more, attempt {attempt + 1}", flush=True)  # noqa: T201
    children = psutil.Process().children(recursive=True)
    for child in children:
        child.kill()
    psutil.wait_procs(children, timeout=5)
    os.environ[ATTEMPT] = str(attempt + 1)
    os.execv(sys.executable, [sys.executable, __file__, *sys.argv[1:]])


if __name__ == "__main__":
    main()
