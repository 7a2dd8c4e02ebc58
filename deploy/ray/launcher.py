"""The ``ray`` command, for a cluster of several nodes on the loopback interface alone.

Ray's own command replaces 127.0.0.1 by the host's address, on which its servers then listen for everybody,
and refuses a second node on one host where ``RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0`` keeps it on loopback.
Both are undone here, and a node has longer than Ray's own 30 s to come up: on two cores, beside a dozen
other servers, it needs them. This is private API: the project pins the Ray version.
"""

from __future__ import annotations

import sys
from typing import Any

from ray._private import ray_constants, services

from gonogo.waiting import until

REGISTERED = 90.0
"""Seconds until a node must have registered with the head."""


def main() -> None:
    """Run ``ray`` with this process's arguments."""
    services.resolve_ip_for_localhost = lambda host: host
    ray_constants.ENABLE_RAY_CLUSTER = True
    once = services.get_node

    def get_node(*address: Any) -> Any:
        awaited = "the node's registration"
        return until(lambda: once(*address), awaited=awaited, within=REGISTERED, every=0.2, retry=(RuntimeError,))

    services.get_node = get_node

    from ray.scripts.scripts import main as ray

    sys.argv[0] = "ray"
    ray()


if __name__ == "__main__":
    main()
