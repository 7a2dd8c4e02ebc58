"""Where one component is and what a run may do there: all that a client is built from."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, final
from urllib.parse import urlsplit

from gonogo.core.outcomes import Mode
from gonogo.core.outlet import learn


class Value(NamedTuple):
    """One value of a short-lived secret, and the instant of ``time.monotonic`` at which it is asked for again."""

    value: str
    until: float


@final
class Secret:
    """A value that never shows itself; ``reveal`` is for the call that needs it.

    No output shows it from now on, wherever it comes from; unless it is a ``word`` that many things are called by, as
    a user may be. Instead of a value there may be what gives one: then it is asked where the value is first needed,
    and again where that is about to expire.
    """

    __slots__ = ("_asked", "_lock", "_value", "source")

    def __init__(self, value: str | Callable[[], Value], *, word: bool = False) -> None:
        self._asked, self._lock = Value("", 0.0), threading.Lock()
        self.source = None if isinstance(value, str) else value
        self._value = value if isinstance(value, str) else ""
        if self._value and not word:
            learn(self._value)

    def reveal(self) -> str:
        """The value, to be handed to a server and to nothing else. Raises as its source does."""
        if self.source is None:
            return self._value
        with self._lock:
            if time.monotonic() >= self._asked.until:
                self._asked = self.source()
                learn(self._asked.value)
            return self._asked.value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (other._value, other.source) == (self._value, self.source)

    def __hash__(self) -> int:
        return hash((self._value, self.source))


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

    def sends(self, size: int) -> None:
        """Count bytes that are about to be sent. Raises ``NotAllowed`` where a run may not send that many."""

    def gone(self, run: str, kind: str, name: str) -> None:
        """What this or another run journalled here is no more."""


@dataclass(frozen=True)
class Endpoints:
    """All that a client is built from: where one component is, and what this run may do there.

    ``addresses`` holds the endpoint keys (docs/targets.md) that are no secret (``bootstrap``, ``url``),
    ``secrets`` the others. ``expect`` is the component's ``[expect]`` with the target's overrides.
    ``transport`` is how we get there: direct, service, ingress, port-forward; ``internal`` holds the addresses
    that programs of the platform itself use, where those differ from ours. ``product`` is which of several servers with
    the component's API it is, empty for the one that it is called by. ``starttls`` is what is said before TLS.
    ``cluster`` is what the run shares of the cluster, for a component that is asked through it; ``platform`` is the
    whole platform as the run sees it, for one that is about all of it.
    """

    component: str
    addresses: Mapping[str, Any]
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    expect: Mapping[str, Any] = field(default_factory=dict)
    timeouts: Timeouts = field(default_factory=Timeouts)
    transport: str = "direct"
    internal: Mapping[str, Any] = field(default_factory=dict)
    product: str = ""
    starttls: str = ""
    scope: Scope | None = field(default=None, repr=False, compare=False)
    cluster: Any = field(default=None, repr=False, compare=False)
    platform: Any = field(default=None, repr=False, compare=False)

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

    def sends(self, size: int) -> None:
        """:meth:`Scope.sends` of the run that these endpoints were made for; outside a run nothing is counted."""
        if self.scope is not None:
            self.scope.sends(size)
