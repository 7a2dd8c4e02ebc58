"""What can be done with components: small protocols, of which a provider has those that it can keep.

Every provider says where components are (:class:`Provider`). Whatever else is asked of one is a protocol of its own,
and whoever wants it asks first: ``isinstance(provider, Deploys)``. Where a provider cannot, the caller says so; no
provider holds a method that does nothing. The engine that orders, waits, blocks and draws progress
(:mod:`gonogo.run.platform`) is the same for all.

==============  ================================================  ========  ====================  ====
protocol        what is asked                                     embedded  existing (a cluster)  helm
==============  ================================================  ========  ====================  ====
``Provider``    where components are, as they are                 yes       yes                   yes
``Deploys``     deploy, and remove what was deployed              yes                             yes
``Plans``       say what would be made, and what room there is                                    yes
``Places``      say what of ``[deploy]`` has no place anywhere                                    yes
``Undoes``      say what would be removed, and remove just that   yes                             yes
``Leaves``      know what a run left that was to take it down                                     yes
``Installs``    name the releases of charts                                                       yes
``Replaces``    start anew what is there and is not right         yes
``Reserves``    let one run at a time change the target                                           yes
``Keeps``       leave running what else ends with this process    yes                             yes
``Prepares``    finish what makes later starts faster             yes
``Disturbs``    break a node on purpose                           yes                             yes
``Mends``       let go on what a run stopped and left so                                          yes
``Observes``    servers, what is true inside them, their logs     yes       on a cluster          yes
``Accounts``    what its servers have cost until now              yes
``Explains``    why a component does not answer                             on a cluster          yes
``Identifies``  which cluster this is                                       on a cluster          yes
``Closes``      give back connections                                       on a cluster          yes
==============  ================================================  ========  ====================  ====
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from gonogo.catalog.registry import Component
from gonogo.checks.inside import Inside
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import Problem
from gonogo.core.servers import Report, Server
from gonogo.results.model import Evidence

if TYPE_CHECKING:  # the judge of a cluster is loaded where a cluster is asked
    from gonogo.cluster.plan.findings import PlanFinding
    from gonogo.cluster.plan.fit import Part
    from gonogo.cluster.plan.ground import Ground

Ready = Callable[[Endpoints], None]
"""Returns where the component answers and is settled; raises ``ClientError`` where it does not yet."""


class Reason(NamedTuple):
    """Why a component does not answer, where the provider sees it: what is seen, and the next step."""

    message: str
    hint: str = ""


class Provider(Protocol):
    """Says where components are; the one thing that all providers can."""

    name: str
    capabilities: frozenset[str]

    def stands(self, component: Component) -> bool:
        """Whether the component is up or said to be, without asking it.

        Raises ``ConfigError`` with what the target file lacks.
        """

    def attached(self, component: Component) -> Endpoints | None:
        """Where the component already is, exactly as it is; None where it is not up. Starts nothing.

        Raises ``ConfigError`` with what the target file lacks, ``ClientError`` where the way to it is lost.
        """

    def private(self) -> Path:
        """A folder that only its owner can enter, for references to secrets."""


@runtime_checkable
class Deploys(Protocol):
    """Deploys components, and removes what it deployed.

    ``completes``: where some components are up, a run stands the others up beside them.
    """

    completes: bool

    def version(self, component: Component) -> str:
        """The version that would be deployed."""

    def takes(self, component: Component) -> dict[str, Any]:
        """What the component takes: ``memory_mib``, ``disk_mib``, ``processes``."""

    def fits(self, components: Iterable[Component]) -> list[Problem]:
        """Why there is no room for these components; empty where there is. Starts nothing."""

    def up(self, component: Component, needs: Mapping[str, Endpoints], ready: Ready, report: Report) -> Endpoints:
        """Deploy the component, reuse what is right, repair what is dead; returns once it is ready.

        What answers and is not right is left as it is and described, unless it is to be replaced. Called in a thread
        of its own per component, after everything it needs is up. Raises ``DeployError`` as soon as it cannot come up
        (within 1 s of a server's death, with the last 20 lines of its log), or when its readiness limit has passed.
        """

    def down(self) -> None:
        """Take down what ``up`` made, nothing else; everything is gone when it returns."""

    def down_only(self, components: Iterable[Component]) -> None:
        """Take down these components and nothing else."""


@runtime_checkable
class Plans(Protocol):
    """Knows what it would make of a cluster, before it does."""

    def parts(self, component: Component, asked: Callable[[], bool] = lambda: True) -> list[Part]:
        """What would be made of the component, in its order; ``asked`` tells whether the cluster may be, where needed.

        Raises ``ConfigError`` for what cannot be rendered, ``ClientError``.
        """

    def wrong(self, components: Iterable[Component]) -> list[PlanFinding]:
        """What is wrong with what is written for them, or will be: values, fields, versions of kinds.

        Raises ``ConfigError`` for what cannot be rendered.
        """

    def secrets(self, component: Component) -> list[tuple[str, str]]:
        """Namespace and name of each Secret that is made beside them. Raises ``ConfigError``."""

    def ground(self) -> Ground:
        """The cluster as it is now. Raises ``ClientError``; ``ConfigError`` where it is another one than is meant."""


@runtime_checkable
class Places(Protocol):
    """Asks the same of everything that it deploys, as ``[deploy]`` of a target says it."""

    def unapplied(self, components: Iterable[Component]) -> list[str]:
        """What of it these components have no place for, or no need of, a sentence each; changes nothing."""


class Going(NamedTuple):
    """Something that is removed with a component. ``lost`` says what nobody can bring back."""

    component: str
    kind: str
    name: str
    lost: str = ""


class Staying(NamedTuple):
    """Something that is not removed, and why."""

    kind: str
    name: str
    why: str


class Removing(NamedTuple):
    """What taking components down would remove, disks first, and what of it would stay."""

    goes: tuple[Going, ...] = ()
    stays: tuple[Staying, ...] = ()


@runtime_checkable
class Undoes(Protocol):
    """Says what taking components down removes, before it does so.

    ``definitions``: those of custom resources (CRDs) too, where they are ours and without objects.
    """

    def removing(self, components: Iterable[Component], *, definitions: bool = False) -> Removing:
        """What would go and what would stay; changes nothing. Raises ``ClientError``."""

    def remove(
        self,
        components: Iterable[Component],
        *,
        definitions: bool = False,
        waits: Callable[[str], None] = lambda _: None,
    ) -> Removing:
        """Remove it; what stays. ``waits`` hears for whom and for what it waits.

        Raises ``NotReady`` where something hangs, ``DeployError``, ``ClientError``.
        """


@runtime_checkable
class Leaves(Protocol):
    """Knows what a run left behind that was to take it down again, and could not."""

    def left(self, tell: Callable[[str], None], alone: Callable[[str], None]) -> list[str]:
        """The components, by name; none where a run works there now, which ``alone`` hears. Raises ``ClientError``.

        ``tell`` hears what that is told by.
        """


@runtime_checkable
class Installs(Protocol):
    """Installs charts as releases."""

    def releases(self) -> list[Server]:
        """A row per release that is this target's, its state in helm's word. Raises ``ClientError``."""

    def table(self, component: Component) -> Mapping[str, Any] | None:
        """What a target file that attaches to the component says of it; None where it is not up."""


@runtime_checkable
class Replaces(Protocol):
    """Starts anew what it would otherwise leave as it is."""

    def replacing(self, tell: Callable[[str], None]) -> None:
        """From now on ``up`` starts anew, without its data, what it would leave; ``tell`` hears what is lost."""


@runtime_checkable
class Reserves(Protocol):
    """Lets one run at a time change a target."""

    def reserve(self, components: Iterable[Component], waits: Callable[[str], None]) -> None:
        """Be the one who brings these components up, before it is looked what is there already.

        ``waits`` hears for whom is waited. Nothing that must be removed again is made. Raises ``ClientError``.
        """


@runtime_checkable
class Keeps(Protocol):
    """Has servers that end with this process, unless they are kept."""

    def keep(self) -> None:
        """Leave them running after this process, for ``gonogo down`` from another shell."""


@runtime_checkable
class Prepares(Protocol):
    """Makes something, once, that later starts are faster by."""

    def prepare(self, tell: Callable[[str], None]) -> None:
        """Wait, within bounds, for what is being made before its servers are taken down; Ctrl-C goes on at once.

        ``tell`` hears of it where there is something to wait for.
        """


@runtime_checkable
class Disturbs(Protocol):
    """Breaks nodes on purpose, and puts them right again."""

    def disturb(self, component: Component, how: str, node: str, ready: Ready) -> AbstractContextManager[Server]:
        """Break one node: ``how`` is kill, hang or restart. Leaving restores and waits for ``ready``."""


class Stopped(NamedTuple):
    """A server that a run stopped on purpose, and did not let go on."""

    component: str
    server: str
    run: str


@runtime_checkable
class Mends(Protocol):
    """Breaks what does not come back by itself where the run that broke it is killed in the midst of it."""

    def stopped(self, alone: Callable[[str], None]) -> list[Stopped]:
        """What was left so; none where a run works there now, which ``alone`` hears. Raises ``ClientError``."""

    def mend(self, waits: Callable[[str], None] = lambda _: None) -> None:
        """Let it go on, once no run works there; ``waits`` hears for whom it waits. Raises ``ClientError``."""


@runtime_checkable
class Observes(Protocol):
    """Sees the servers of components, and into them."""

    def servers(self) -> list[Server]:
        """Every server process or pod of what is up, dead ones too. Raises ``ClientError``."""

    def inside(self) -> Callable[[str], Inside]:
        """Component to what is true inside its servers' hosts; raises ``ClientError`` where nobody can look."""

    def evidence(self, component: str) -> list[Evidence]:
        """Logs and the like, bounded, redacted; only asked for what is not green."""


@runtime_checkable
class Accounts(Protocol):
    """Knows what the servers that it started have cost."""

    def used(self, component: Component) -> float | None:
        """Processor seconds, user and system, from the start of its servers until now; None of what was there."""


@runtime_checkable
class Explains(Protocol):
    """Sees more of a component that does not answer than the client does."""

    def reason(self, component: Component) -> Reason | None:
        """Why the component does not answer; None where nothing is seen. Bounded in time."""


@runtime_checkable
class Identifies(Protocol):
    """Stands on a cluster, which has an identity of its own."""

    def confirm(self) -> str:
        """The cluster's identity, once it is sure that the target file means this one; empty where the file gives none.

        Asked before anything is created or changed. Raises ``ConfigError`` where it is another one, ``ClientError``
        where it cannot be asked.
        """

    def place(self) -> str:
        """The cluster's identity, as far as it may be seen; empty where it may not. Never raises."""


@runtime_checkable
class Closes(Protocol):
    """Holds connections open."""

    def close(self) -> None:
        """Give them back; nothing can be asked of it afterwards. Never raises, may be called twice."""


def close(provider: Provider) -> None:
    """Give back what the provider holds open, if it does. Never raises, may be called twice."""
    if isinstance(provider, Closes):
        provider.close()
