"""From an exception to its outcome, cause and message; whoever raised it, a check or a component on its way up.

Each exception is diagnosed once: what is decided on is the :class:`Diagnosis`, and never its words.
"""

from __future__ import annotations

import re
import shlex
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from urllib.parse import urlsplit

from msgspec import structs

from gonogo.catalog.registry import Registry
from gonogo.catalog.signatures import ADDRESS_KEY, OPTIONAL, Signature
from gonogo.checks.translate import translated
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import (
    ClientError,
    DeployError,
    GonogoError,
    NotAllowed,
    NotReady,
    TimedOut,
    Unclaimed,
    Unsettled,
    Wrong,
    worded,
)
from gonogo.core.outcomes import Outcome
from gonogo.results.model import Cause, CheckResult, Evidence
from gonogo.run.standing import NotAsked, Standing


@dataclass(frozen=True)
class Diagnosis:
    """What an exception means.

    ``silent``: no more than that a component did not answer; others may know why. ``own``: an error of ours, or an
    ``assert`` that names no cause; ``late``: there was no answer within the limit. ``told`` is the message for a
    component's standing where that differs, ``facts`` what hint and command of the cause name of the case.
    """

    outcome: Outcome
    cause: Cause | None
    message: str
    told: str = ""
    silent: bool = False
    own: bool = False
    late: bool = False
    expected: str = ""
    actual: str = ""
    hint: str = ""
    evidence: tuple[Evidence, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)

    def because(self, reason: Diagnosis) -> Diagnosis:
        """This, with the more exact cause that somebody else saw; what was seen first stays in the message."""
        message, told = f"{self.message}; {reason.message}", f"{self.told or self.message}; {reason.message}"
        return replace(reason, message=message, told=told, silent=False, late=self.late)


@dataclass(frozen=True)
class Place:
    """Where a result is typed at: the target as ``--target`` takes it, and whether gonogo deployed what is there."""

    target: str = ""
    deployed: bool = True


def diagnosed(error: BaseException, component: str) -> Diagnosis:
    """Outcome, cause and message of what a check of the component, or the component itself, raised."""
    failed, broken = Outcome.FAILED, Outcome.BROKEN
    if isinstance(error, NotAsked):
        standing = error.standing
        return Diagnosis(error.outcome, standing.cause, standing.message, hint=standing.hint, facts=standing.facts)
    if isinstance(error, Wrong):
        cause = Cause(component=error.component, signature=error.signature)
        return Diagnosis(failed, cause, error.message, expected=error.expected, actual=error.actual, facts=error.facts)
    if isinstance(error, AssertionError):
        return Diagnosis(failed, _cause(component, "claim_false"), str(error), own=True)
    if isinstance(error, NotReady):
        if not isinstance(error.last, BaseException):
            return Diagnosis(failed, _cause(component, "not_settled"), str(error))
        last = diagnosed(error.last, component)
        return replace(last, message=str(error), told="", expected="", actual="")
    if isinstance(error, DeployError):
        return _not_deployed(error)
    meant = error if isinstance(error, ClientError) else translated(component, error)
    if meant is not None:
        cause = Cause(component=meant.component, signature=meant.signature)
        told = f"{component} {meant}" if isinstance(meant, Unsettled) else f"{component} does not answer: {meant}"
        late = isinstance(meant, TimedOut)
        return Diagnosis(meant.outcome, cause, str(meant), told, silent=meant.silent, late=late, facts=meant.facts)
    if isinstance(error, NotAllowed):
        return Diagnosis(broken, _cause(component, "not_allowed"), str(error), own=True)
    if isinstance(error, Unclaimed):
        return Diagnosis(broken, _cause(component, "nothing_claimed"), str(error), own=True)
    where = traceback.extract_tb(error.__traceback__)[-1:]
    at = f" (at {where[0].name}, line {where[0].lineno})" if where else ""
    said = f"{type(error).__name__}: {worded(error)}"
    return Diagnosis(broken, _cause(component, "own_error"), f"{said}{at}", said, own=True)


def _not_deployed(error: DeployError) -> Diagnosis:
    title = f"last lines of {error.node or error.component}"
    tail = (Evidence(kind="log", title=title, text=error.log_tail),) if error.log_tail else ()
    cause = _cause(error.component, error.kind)
    return Diagnosis(error.outcome, cause, str(error), evidence=tail)


def _cause(component: str, kind: str) -> Cause:
    return Cause(component=component, signature=f"{component}.{kind}")


def fallen(component: str, found: Diagnosis, endpoints: Endpoints | None = None) -> Standing:
    """The standing of a component that did not come up, or does not answer."""
    message = found.told or found.message
    return Standing(
        component, found.outcome, endpoints, found.cause, message, evidence=found.evidence, facts=found.facts
    )


def unsettled(component: str, error: Exception) -> Unsettled:
    """That a component answers and is not what it must be, and why."""
    found = diagnosed(error, component)
    kind = found.cause.signature.partition(".")[2] if found.cause and not found.own else ""
    why = str(error) if isinstance(error, GonogoError | Wrong) else f"{type(error).__name__}: {error}"
    return Unsettled(component, f"answers, and is not right: {why}", kind=kind)


def result_of(
    found: Diagnosis | None,
    planned: CheckResult,
    registry: Registry,
    standings: Mapping[str, Standing],
    place: Place = Place(),
) -> CheckResult:
    """``planned`` (identity and times of the check) completed by what it came to; without a diagnosis it passed.

    One that met silence gets the reason that is known for it by now.
    """
    reached = {name: standing.endpoints for name, standing in standings.items() if standing.endpoints is not None}
    transport = reached[planned.component].transport if planned.component in reached else ""
    if found is None:
        return structs.replace(planned, outcome=Outcome.PASSED, transport=transport)
    standing = standings.get(found.cause.component) if found.cause and found.silent else None
    if standing is not None and standing.explained:
        known = Diagnosis(standing.outcome, standing.cause, standing.message, hint=standing.hint, facts=standing.facts)
        found = replace(found.because(known), hint=standing.hint)
    signature = registry.signature(found.cause) if found.cause else Signature(hint="")
    at = reached.get(found.cause.component) if found.cause else None
    values = {**(whereabouts(at) if at else {}), **({"target": place.target} if place.target else {}), **found.facts}
    return structs.replace(
        planned,
        outcome=found.outcome,
        expected=found.expected,
        actual=found.actual,
        message=found.message,
        cause=found.cause,
        hint=found.hint or filled(signature.hint, values, quote=False),
        by_hand=filled(signature.by_hand if place.deployed else signature.attached or signature.by_hand, values),
        evidence=(*planned.evidence, *found.evidence),
        transport=transport,
    )


def whereabouts(at: Endpoints) -> dict[str, object]:
    """What a command may name of where a component is: its endpoint keys, and ``at_host``, ``at_port``, ``at_url``.

    The last three are of whatever address there is, as generic commands need them; not where a port-forward of ours
    leads there, which is gone when somebody types.
    """
    found: dict[str, object] = {k: v for k, v in at.addresses.items() if v is not None}
    if at.transport == "port-forward":
        return found
    addresses = [str(value) for value in found.values() if isinstance(value, str)]
    if {"host", "port"} <= found.keys():
        addresses.insert(0, f"//{found['host']}:{found['port']}")
    for address in addresses:
        first = address if "//" in address else f"//{address.partition(',')[0]}"
        try:
            parts = urlsplit(first)
            host, port = parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)
        except ValueError:
            continue
        if host and port:
            web = {"at_url": address} if parts.scheme in ("http", "https") else {}
            return {**found, "at_host": host, "at_port": port, **web}
    return found


def filled(template: str, values: Mapping[str, object], *, quote: bool = True) -> str:
    """The template with its ``{keys}`` filled in, in a command as a shell takes them; empty where one is not known.

    A part in ``[[…]]`` is left out where it is not known what stands in it.
    """
    template = OPTIONAL.sub(lambda part: part[1] if values.keys() >= {*ADDRESS_KEY.findall(part[1])} else "", template)
    if not values.keys() >= {*ADDRESS_KEY.findall(template)}:
        return ""
    if not quote:
        return ADDRESS_KEY.sub(lambda key: str(values[key[1]]), template)
    quoted = False
    parts = template.split("'")
    for number, part in enumerate(parts):
        parts[number] = ADDRESS_KEY.sub(partial(_value, values, quoted), part)
        quoted = not quoted
    return "'".join(parts)


def _value(values: Mapping[str, object], quoted: bool, found: re.Match[str]) -> str:
    value = str(values[found[1]])
    # Within quotes of the command's own they end before a quote of the value, and begin again after it.
    return value.replace("'", "'\"'\"'") if quoted else shlex.quote(value)
