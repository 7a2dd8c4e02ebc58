"""The ``ray`` command, for a cluster of several nodes on the loopback interface alone.

Ray's own command replaces 127.0.0.1 by the host's address, on which its servers then listen for everybody,
and refuses a second node on one host where ``RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0`` keeps it on loopback.
Both are undone here, and a head has longer than Ray's own 30 s to come up: on two cores, beside a dozen
other servers, it needs them. There a raylet may also end by itself, since its agent was not loaded within
Ray's fixed 15 s; then everything is started once more. This is private API: the project pins the Ray version.
"""

from __future__ import annotations

import os
import subprocess
import sys
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

    from ray.scripts.scripts import main as ray

    sys.argv[0] = "ray"
    ray()


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
