"""The fixture ``disturb``: servers broken on purpose for the time of a body, and restored."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from gonogo.core.servers import Server


@dataclass(frozen=True)
class Disturb:
    """``with disturb.kill("kafka", "broker-2"):``; leaving waits until the component is settled again."""

    broken: Callable[[str, str, str], AbstractContextManager[Server]]

    def kill(self, component: str, node: str) -> AbstractContextManager[Server]:
        """SIGKILL the node's serving process; started again on leaving."""
        return self.broken(component, "kill", node)

    def hang(self, component: str, node: str) -> AbstractContextManager[Server]:
        """Stop the node's process so that it accepts and never answers; continued on leaving."""
        return self.broken(component, "hang", node)

    def restart(self, component: str, node: str) -> AbstractContextManager[Server]:
        """End the node as its product wants it and start it on the same data; up again inside the body."""
        return self.broken(component, "restart", node)
