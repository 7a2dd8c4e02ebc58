"""Everything that goes wrong, as one tree; each class says what it comes to, and so which exit code a verb ends with.

::

    GonogoError
    ├── ConfigError        a person's file or option is wrong; all problems at once      broken, 2
    ├── DeployError        a component cannot be deployed;  carries its log's last lines  failed
    ├── NotReady           a wait ended at its deadline; says what was awaited           of what was seen last
    ├── NotAllowed         a write was asked of a client that this run may only read with broken
    ├── Unclaimed          a check's body returned something, or was never called        broken
    └── ClientError        a component could not be asked, or said that it cannot serve
        ├── Refused          connection refused or reset                                 failed
        │   └── Cut          accepted, and cut before we could log in                    failed
        ├── Gone             a process or pod that should be there is gone               failed
        ├── Absent           an object of the cluster that should be there is not        failed
        ├── Unavailable      the server itself says that it cannot serve                 failed
        ├── ServerError      the server answered with an error code of its own           failed
        ├── Unsettled        it answers, and a claim that only reads is not so           failed
        ├── TimedOut         no answer within the limit                                  broken
        ├── Unresolved       the name does not resolve                                   broken
        ├── Untrusted        TLS: certificate, protocol                                  broken
        ├── Denied           our credentials were refused                                broken
        ├── Forbidden        our credentials lack a right                                broken
        ├── CredentialUnavailable  a program or an issuer gives us no credential         broken
        ├── ProxyRefused     the proxy on the way answers that it does not lead there    broken
        ├── ProxyUnreachable the proxy on the way cannot be reached                      broken
        ├── SecretMissing    the cluster does not hold what the target file refers to    broken
        ├── ClusterLost      the API server cannot be asked, so neither can the platform broken
        ├── NotAskable       what the claim is about is not there to be asked            broken
        └── Garbled          something answered that does not parse: not this component  broken
    Wrong(AssertionError)  a claim was asked and is not true                             failed

Where nothing is said besides, a verb ends with 1 after failed and with 3 after broken (``Code.of``). ``ending`` knows
what is no class of ours; docs/exit-codes.md is the whole table, held by a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Self

from gonogo.core.harmless import line
from gonogo.core.outcomes import Code, Outcome
from gonogo.core.seen import shown


class GonogoError(Exception):
    """The root of what gonogo itself raises. ``outcome`` is its class's, or an instance's own."""

    outcome: Outcome = Outcome.BROKEN

    @property
    def code(self) -> Code:
        """The exit code of a verb that it ends."""
        return Code.of(self.outcome)


class Problem(NamedTuple):
    """One mistake in a file or option: where (``path:line`` or key), what, and the next step."""

    where: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        return line(f"{self.where}: {self.what}" + (f" ({self.hint})" if self.hint else ""))


class ConfigError(GonogoError):
    """What a person wrote cannot be used. Exit code 2; never a traceback."""

    def __init__(self, *problems: Problem | str) -> None:
        self.problems = [p if isinstance(p, Problem) else Problem("", p) for p in problems]
        super().__init__("\n".join(str(p).removeprefix(": ") for p in self.problems))

    @property
    def code(self) -> Code:
        """That of wrong use."""
        return Code.WRONG_USE


class DeployError(GonogoError):
    """A component cannot come up, or came down again."""

    outcome = Outcome.FAILED
    kind = "not_started"

    def __init__(self, component: str, message: str, *, node: str = "", log_tail: str = "", log: str = "") -> None:
        self.component, self.node, self.log_tail, self.log = component, node, log_tail, log
        super().__init__(message)


class NotReady(GonogoError):
    """The deadline passed. ``last`` is the last answer, which was seen and wrong, or the last error, which counts."""

    outcome = Outcome.FAILED

    def __init__(self, awaited: str, seconds: float, attempts: int, last: object) -> None:
        self.awaited, self.seconds, self.attempts, self.last = awaited, seconds, attempts, last
        if isinstance(last, BaseException):
            self.outcome = ending(last).outcome
        said = f"; last seen: {last}" if last is not None else ""
        super().__init__(f"{awaited}: not within {seconds:g} s, asked {attempts} times{said}")


class NotAllowed(GonogoError):
    """A client opened for reading was asked to write."""


class Unclaimed(GonogoError):
    """A check's body made no claim: it returned a coroutine, a generator, a truth, or was never called."""


class ClientError(GonogoError):
    """A component could not be asked. ``outcome`` and ``signature`` are fixed by the subclass.

    ``silent`` says that it tells no more than that the component does not answer; so it is not where ``kind`` names
    a cause of its own. ``reason`` is the more exact cause that a server told while what the error is about was there.
    """

    kind: str = "own_error"
    silence: bool = False
    reason: ClientError | Wrong | None = None

    def __init__(self, component: str, message: str, *, asked: str = "", kind: str = "") -> None:
        self.component, self.asked = component, asked
        self.facts: Mapping[str, object] = {}
        self.silent = self.silence and kind in ("", self.kind)
        self.kind = kind or self.kind
        self.signature = f"{component}.{self.kind}"
        super().__init__(message)

    def about(self, component: str, what: str = "") -> Self:
        """The same error where it is this component that could not be asked; ``what`` came to nothing by it."""
        said = f"{what}: {self}" if what else str(self)
        return type(self)(component, said, asked=self.asked, kind=self.kind).given(**self.facts)

    def given(self, **facts: object) -> Self:
        """The same error, with facts of the case: hint and command of its signature may name them (``{pid}``)."""
        self.facts = {**self.facts, **facts}
        return self


class Refused(ClientError):
    """Nothing listens there any more, or the connection was cut."""

    outcome = Outcome.FAILED
    kind = "connection_refused"
    silence = True


class Cut(Refused):
    """Something accepted the connection and closed it before we could log in."""

    kind = "connection_cut"


class Gone(ClientError):
    """A server process (or pod) that should be there is not."""

    outcome = Outcome.FAILED
    kind = "process_gone"
    silence = True


class Absent(ClientError):
    """The API server says that there is no such object, or no such kind."""

    outcome = Outcome.FAILED
    kind = "object_absent"
    silence = True


class Unavailable(ClientError):
    """The server answered that it cannot serve (HTTP 5xx, no master, no leader, recovery)."""

    outcome = Outcome.FAILED
    kind = "unavailable"
    silence = True


class ServerError(ClientError):
    """The server answered with an error of its own; ``code`` is its name for it: ``42883``, ``INTERNAL_ERROR``."""

    outcome = Outcome.FAILED
    kind = "server_error"

    def __init__(self, component: str, message: str, *, asked: str = "", kind: str = "", code: str = "") -> None:
        super().__init__(component, message, asked=asked, kind=kind)
        self.facts = {"code": code} if code else {}

    @property
    def error_code(self) -> str:
        """The server's name for what went wrong; empty where it gave none."""
        return str(self.facts.get("code", ""))


class Unsettled(ClientError):
    """The component answers, and what it must be is not so; the message says what."""

    outcome = Outcome.FAILED
    kind = "not_settled"


class TimedOut(ClientError):
    """No answer within the limit: it hangs, or packets are dropped on the way."""

    kind = "timed_out"
    silence = True


class Unresolved(ClientError):
    """The host name does not resolve from here."""

    kind = "name_unresolved"


class Untrusted(ClientError):
    """TLS did not come about; which certificate is why, ``kind`` says where OpenSSL or the server tell."""

    kind = "tls_untrusted"


class Denied(ClientError):
    """The server does not know our credentials."""

    kind = "credentials_refused"


class Forbidden(ClientError):
    """The server knows us, and our account lacks a right."""

    kind = "right_missing"


class ClusterLost(ClientError):
    """The API server refuses, is cut off, silent, not trusted or overloaded: nobody was asked."""

    kind = "cluster_unreachable"


class CredentialUnavailable(ClientError):
    """The program, or the issuer, that a target file names for a credential gives none."""

    kind = "credential_unavailable"


class ProxyRefused(ClientError):
    """The proxy that the environment names answers, and does not lead to the component: 407, 502, 503."""

    kind = "proxy_refused"


class ProxyUnreachable(ClientError):
    """The proxy that the environment names cannot be reached; the component was not asked."""

    kind = "proxy_unreachable"


class SecretMissing(ClientError):
    """A Secret of the cluster that the target file refers to, or its key, is not there."""

    kind = "secret_missing"


class NotAskable(ClientError):
    """What the claim is about is not there to be asked, as a check found out; the message says why.

    Unsupported is only what target and components declare before anything is asked.
    """

    kind = "not_askable"


class NotConfigured(ClientError):
    """The target file does not say what a check is to ask: it was selected, and there is nothing to report."""

    outcome = Outcome.MISSING
    kind = "not_configured"


class Garbled(ClientError):
    """What answered does not parse as an answer of what we came for."""

    kind = "answer_garbled"


class Wrong(AssertionError):
    """A claim is not true: what was expected, what was seen, and the signature of the likely cause.

    ``facts`` are those of the case that the signature's hint and command name.
    """

    def __init__(
        self,
        signature: str,
        expected: object,
        actual: object,
        message: str = "",
        facts: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        self.signature, self.facts = signature, facts
        self.component = signature.partition(".")[0]
        self.expected, self.actual = shown(expected), shown(actual)
        seen = f"expected {self.expected}, saw {self.actual}"
        self.message = f"{message}: {seen}" if message else seen
        super().__init__(f"{signature}: {self.message}")


def worded(error: BaseException) -> str:
    """What an exception says, without Python's signs where it was given several parts: ``aborted: reset``."""
    parts = error.args
    if len(parts) < 2 or isinstance(error, OSError) or str(error) != str(parts):
        return str(error)
    return ": ".join(worded(part) if isinstance(part, BaseException) else str(part).rstrip(".") for part in parts)


class Ending(NamedTuple):
    """What an error that nobody caught comes to: its outcome, and the exit code of the verb that it ended."""

    outcome: Outcome
    code: Code


def ending(error: BaseException) -> Ending:
    """The one answer to one fault, whichever verb or check met it.

    What is no class of ours: a false claim failed; of an ``OSError`` this machine is the cause (a full disk, a missing
    right), not the platform; ``KeyboardInterrupt`` is somebody's decision; anything else is our own error.
    """
    if isinstance(error, GonogoError):
        return Ending(error.outcome, error.code)
    if isinstance(error, Wrong):
        return Ending(Outcome.FAILED, Code.FAILED)
    if isinstance(error, OSError):
        return Ending(Outcome.BROKEN, Code.COULD_NOT_TELL)
    if isinstance(error, KeyboardInterrupt):
        return Ending(Outcome.BROKEN, Code.INTERRUPTED)
    return Ending(Outcome.BROKEN, Code.OWN_ERROR)
