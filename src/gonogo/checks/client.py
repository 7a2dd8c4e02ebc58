"""What every client of a component can do; the rest is its component's own."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple, Protocol, runtime_checkable

from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import NotAllowed


class Leftover(NamedTuple):
    """An object of an earlier run, found by the run id in its name or label."""

    kind: str
    name: str
    run: str


@runtime_checkable
class Client(Protocol):
    """Built from :class:`~gonogo.core.endpoints.Endpoints` alone: ``Kafka(endpoints)``.

    Construction does not connect and never fails. A client belongs to one thread. Every call carries a
    deadline of its own (``endpoints.timeouts``).

    Three more may be there. ``why(error)`` returns the more exact cause of a ``ClientError`` of this component, or of a
    ``TimedOut`` of one that needs it, as the server itself says (who holds the lock, which limit was met): a
    ``ClientError`` or ``Wrong`` whose outcome is failed, or None. A fresh client is asked, with five seconds a call,
    while the object that the error is about is still there; which one it is the error's ``facts`` say.
    ``settled()`` raises what is not so of the claims of its critical criteria that only read, by the very calls with
    which the suites ask them: whoever deploys the component waits for it. ``kinds`` are the
    kinds of objects that it may create, the only ones that a sweep hands to ``remove``.
    """

    endpoints: Endpoints

    def answers(self) -> str:
        """Readiness and health in one: one cheap authenticated call through the data path.

        Returns what answered, in a few words. Raises ``ClientError`` (or an error of the client
        library that :mod:`gonogo.checks.translate` knows) where it does not.
        """

    def version(self) -> str:
        """The version that the server itself tells."""

    def identity(self) -> str | None:
        """The server's own id (``cluster_id``, ``cluster_uuid``), or None where it has none."""

    def close(self) -> None:
        """Give back connections; never raises, may be called twice."""

    def leftovers(self) -> Iterable[Leftover]:
        """What runs left behind, recognised by the run id (see :mod:`gonogo.checks.journal`)."""

    def remove(self, kind: str, name: str) -> None:
        """Delete one object this client's component created; already gone is no error.

        Raises ``NotAllowed`` for a kind that is none of its ``kinds``.
        """


def kind_of(kinds: Collection[str], kind: str) -> str:
    """The kind, where it is one of these. Raises ``NotAllowed``: it may have been read from a file."""
    if kind not in kinds:
        raise NotAllowed(f"{kind!r} is no kind of object that gonogo creates there")
    return kind
