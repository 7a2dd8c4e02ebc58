"""How a component gets up and down, gives evidence, and is disturbed on purpose.

One protocol for local processes, clusters and what is there already; the engine that orders, waits,
blocks and draws progress (:mod:`gonogo.run.platform`) is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from gonogo.catalog.registry import Component
from gonogo.checks.inside import Inside
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import Problem
from gonogo.core.servers import Report, Server
from gonogo.results.model import Evidence

Ready = Callable[[Endpoints], None]
"""Returns where the component answers and is settled; raises ``ClientError`` where it does not yet."""


class Reason(NamedTuple):
    """Why a component does not answer, where the provider sees it: what is seen, and the next step."""

    message: str
    hint: str = ""


class Provider(Protocol):
    """Four verbs: ``up``, ``down``, ``evidence``, ``disturb``; and some questions."""

    name: str
    capabilities: frozenset[str]

    def version(self, component: Component) -> str:
        """The version that would be stood up; empty where nobody knows before asking."""

    def takes(self, component: Component) -> dict[str, Any]:
        """What the component takes: ``memory_mib``, ``disk_mib``, ``processes``."""

    def fits(self, components: Iterable[Component]) -> list[Problem]:
        """Why there is no room for these components; empty where there is. Starts nothing."""

    def up(self, component: Component, needs: Mapping[str, Endpoints], ready: Ready, report: Report) -> Endpoints:
        """Stand the component up, reuse what is right, repair what is dead; returns once it is ready.

        What answers and is not right is left as it is and described, unless it is to be replaced. Called in a thread
        of its own per component, after everything it needs is up. Raises ``DeployError`` as soon as it cannot come up
        (within 1 s of a server's death, with the last 20 lines of its log), or when its readiness limit has passed.
        """

    def replacing(self, tell: Callable[[str], None]) -> None:
        """From now on ``up`` starts anew, without its data, what it would otherwise leave; ``tell`` hears what is lost.

        Raises ``ConfigError`` where gonogo did not start what is there.
        """

    def stands(self, component: Component) -> bool:
        """Whether the component is up or said to be, without asking it.

        Raises ``ConfigError`` with what the target file lacks.
        """

    def attached(self, component: Component) -> Endpoints | None:
        """Where the component already is, exactly as it is; None where it is not up. Starts nothing.

        Raises ``ConfigError`` with what the target file lacks, ``ClientError`` where the way to it is lost.
        """

    def confirm(self) -> str:
        """The identity of the place as a whole, once it is sure that this is the one the target file means.

        Asked before anything is created or changed; empty where there is no such place. Raises ``ConfigError`` where it
        is another one, ``ClientError`` where it cannot be asked.
        """

    def place(self) -> str:
        """The identity of the place, as far as it may be seen; empty where there is none. Never raises."""

    def servers(self) -> list[Server]:
        """Every server process (later: pod) of what is up, dead ones too."""

    def inside(self) -> Callable[[str], Inside]:
        """Component to what is true inside its servers' hosts; raises ``ClientError`` where nobody can look."""

    def reason(self, component: Component) -> Reason | None:
        """Why the component does not answer, where more is seen than that; asked only then, bounded in time."""

    def evidence(self, component: str) -> list[Evidence]:
        """Logs and the like, bounded, redacted; only asked for what is not green."""

    def disturb(self, component: Component, how: str, node: str, ready: Ready) -> AbstractContextManager[Server]:
        """Break one node: ``how`` is kill, hang or restart. Leaving restores and waits for ``ready``."""

    def down(self) -> None:
        """Take down what ``up`` made, nothing else; everything is gone when it returns."""

    def down_only(self, components: Iterable[Component]) -> None:
        """Take down these components and nothing else."""

    def keep(self) -> None:
        """Leave it running after this process, for ``gonogo down`` from another shell."""

    def close(self) -> None:
        """Give back what it holds open; nothing can be asked of it afterwards. Never raises, may be called twice."""

    def private(self) -> Path:
        """A folder that only its owner can enter, for references to secrets."""
