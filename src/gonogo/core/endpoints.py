"""Where one component is and what a run may do there: all that a client is built from."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, final
from urllib.parse import urlsplit

from gonogo.core.outcomes import Mode
from gonogo.core.outlet import learn


@final
class Secret:
    """A value that never shows itself; ``reveal`` is for the call that needs it.

    No output shows it from now on, wherever it comes from; unless it is a ``word`` that many things are called by, as
    a user may be.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str, *, word: bool = False) -> None:
        if not word:
            learn(value)
        self._value = value

    def reveal(self) -> str:
        """The value, to be handed to a server and to nothing else."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True)
class Timeouts:
    """Seconds: to connect, for one call of a check, and until a component must be ready."""

    connect: float = 5.0
    check: float = 20.0
    ready: float = 120.0


class Removes(Protocol):
    """Whoever can take away what a check created."""

    def remove(self, kind: str, name: str) -> None:
        """Delete the object; one that is already gone is no error."""


class Scope(Protocol):
    """What a run may create, and under which names. Implemented by ``gonogo.checks.journal``."""

    run: str
    mode: Mode

    def name(self, form: str = "{run}-{n}") -> str:
        """A name no other check of any run has; ``form`` may use ``{run}`` and ``{n}``."""

    def owns(self, kind: str, owner: Removes, form: str = "{run}-{n}") -> AbstractContextManager[str]:
        """The name of an object the body may create; journalled before, removed after, also on errors.

        Raises ``NotAllowed`` where the run's mode does not include ``write``.
        """

    def gone(self, run: str, kind: str, name: str) -> None:
        """What this or another run journalled here is no more."""


@dataclass(frozen=True)
class Endpoints:
    """All that a client is built from: where one component is, and what this run may do there.

    ``addresses`` holds the endpoint keys (docs/targets.md) that are no secret (``bootstrap``, ``url``),
    ``secrets`` the others. ``expect`` is the component's ``[expect]`` with the target's overrides.
    ``transport`` is how we get there: direct, service, ingress, port-forward; ``internal`` holds the addresses
    that programs of the platform itself use, where those differ from ours. ``cluster`` is what the run shares of
    the cluster, for a component that is asked through it.
    """

    component: str
    addresses: Mapping[str, Any]
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    expect: Mapping[str, Any] = field(default_factory=dict)
    timeouts: Timeouts = field(default_factory=Timeouts)
    transport: str = "direct"
    internal: Mapping[str, Any] = field(default_factory=dict)
    scope: Scope | None = field(default=None, repr=False, compare=False)
    cluster: Any = field(default=None, repr=False, compare=False)

    def __getitem__(self, key: str) -> Any:
        """An address or a revealed secret that must be there.

        Raises ``KeyError`` naming component and key.
        """
        value = self.get(key)
        if value is None:
            raise KeyError(f"{self.component}.{key}")
        return value

    def get(self, key: str, default: Any = None) -> Any:
        """An address or a revealed secret, or ``default``.

        The secrets of a table (``security.sasl_plain_password``) are put back into it.
        """
        if key in self.secrets:
            return self.secrets[key].reveal()
        value = self.addresses.get(key, default)
        if isinstance(value, Mapping):
            inner = {k.removeprefix(f"{key}."): s.reveal() for k, s in self.secrets.items() if k.startswith(f"{key}.")}
            return {**value, **inner}
        return value

    def internal_address(self, key: str) -> Any:
        """The address for a program that runs on the platform itself, such as a job that we submit."""
        return self.internal[key] if key in self.internal else self[key]

    def tls_server_name(self, key: str) -> str | None:
        """The host that the server's certificate must name, where that is another than the one we connect to.

        At the end of a port-forward a server shows the certificate that it has for the cluster's own programs.
        """
        if self.transport != "port-forward" or key not in self.internal:
            return None
        return urlsplit(self.internal[key]).hostname or str(self.internal[key])

    def owns(self, kind: str, owner: Removes, form: str = "{run}-{n}") -> AbstractContextManager[str]:
        """:meth:`Scope.owns` of the run that these endpoints were made for. Raises ``LookupError`` outside a run."""
        if self.scope is None:
            raise LookupError(f"{self.component}: a {kind} was to be created outside a run")
        return self.scope.owns(kind, owner, form)
