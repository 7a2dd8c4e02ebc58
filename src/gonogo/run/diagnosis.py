"""From an exception to its outcome, cause and message; whoever raised it, a check or a component on its way up.

Each exception is diagnosed once: what is decided on is the :class:`Diagnosis`, and never its words.
"""

from __future__ import annotations

import re
import shlex
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from msgspec.structs import replace

from gonogo.catalog.registry import Registry
from gonogo.catalog.signatures import ADDRESS_KEY
from gonogo.checks.translate import translated
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import (
    ClientError,
    DeployError,
    GonogoError,
    NotAllowed,
    NotReady,
    Unclaimed,
    Unsettled,
    Wrong,
)
from gonogo.core.outcomes import Outcome
from gonogo.core.seen import shown
from gonogo.results.model import Cause, CheckResult, Evidence
from gonogo.run.standing import NotAsked, Standing


@dataclass(frozen=True)
class Diagnosis:
    """What an exception means.

    ``silent``: no more than that a component did not answer; others may know why. ``own``: an error of ours, or an
    ``assert`` that names no cause. ``told`` is the message for a component's standing where that differs.
    """

    outcome: Outcome
    cause: Cause | None
    message: str
    told: str = ""
    silent: bool = False
    own: bool = False
    expected: str = "an answer"
    actual: str = ""
    hint: str = ""
    evidence: tuple[Evidence, ...] = ()


def diagnosed(error: BaseException, component: str) -> Diagnosis:
    """Outcome, cause and message of what a check of the component, or the component itself, raised."""
    failed, broken = Outcome.FAILED, Outcome.BROKEN
    if isinstance(error, NotAsked):
        standing = error.standing
        return Diagnosis(error.outcome, standing.cause, standing.message, hint=standing.hint)
    if isinstance(error, Wrong):
        cause = Cause(component=error.component, signature=error.signature)
        return Diagnosis(failed, cause, error.message, expected=error.expected, actual=error.actual)
    if isinstance(error, AssertionError):
        return Diagnosis(failed, _cause(component, "claim_false"), str(error), own=True)
    if isinstance(error, NotReady):
        if not isinstance(error.last, BaseException):
            return Diagnosis(failed, _cause(component, "not_settled"), str(error))
        last = diagnosed(error.last, component)
        return Diagnosis(last.outcome, last.cause, str(error), silent=last.silent, own=last.own)
    if isinstance(error, DeployError):
        return _not_deployed(error)
    meant = error if isinstance(error, ClientError) else translated(component, error)
    if meant is not None:
        cause = Cause(component=meant.component, signature=meant.signature)
        told = f"{component} {meant}" if isinstance(meant, Unsettled) else f"{component} does not answer: {meant}"
        return Diagnosis(meant.outcome, cause, str(meant), told, silent=meant.silent)
    if isinstance(error, NotAllowed):
        return Diagnosis(broken, _cause(component, "not_allowed"), str(error), own=True)
    if isinstance(error, Unclaimed):
        return Diagnosis(broken, _cause(component, "nothing_claimed"), str(error), own=True)
    where = traceback.extract_tb(error.__traceback__)[-1:]
    at = f" (at {where[0].name}, line {where[0].lineno})" if where else ""
    said = f"{type(error).__name__}: {error}"
    return Diagnosis(broken, _cause(component, "own_error"), f"{said}{at}", said, own=True)


def _not_deployed(error: DeployError) -> Diagnosis:
    title = f"last lines of {error.node or error.component}"
    tail = (Evidence(kind="log", title=title, text=error.log_tail),) if error.log_tail else ()
    cause = _cause(error.component, error.kind)
    return Diagnosis(Outcome.FAILED, cause, str(error), evidence=tail)


def _cause(component: str, kind: str) -> Cause:
    return Cause(component=component, signature=f"{component}.{kind}")


def fallen(component: str, found: Diagnosis, endpoints: Endpoints | None = None) -> Standing:
    """The standing of a component that did not come up, or does not answer."""
    message = found.told or found.message
    return Standing(component, found.outcome, endpoints, found.cause, message, evidence=found.evidence)


def unsettled(component: str, error: Exception) -> Unsettled:
    """That a component answers and is not what it must be, and why."""
    found = diagnosed(error, component)
    kind = found.cause.signature.partition(".")[2] if found.cause and not found.own else ""
    why = str(error) if isinstance(error, GonogoError | Wrong) else f"{type(error).__name__}: {error}"
    return Unsettled(component, f"answers, and is not right: {why}", kind=kind)


def result_of(
    found: Diagnosis | None, planned: CheckResult, registry: Registry, standings: Mapping[str, Standing]
) -> CheckResult:
    """``planned`` (identity and times of the check) completed by what it came to; without a diagnosis it passed.

    One that met silence gets the reason that is known for it by now.
    """
    reached = {name: standing.endpoints for name, standing in standings.items() if standing.endpoints is not None}
    transport = reached[planned.component].transport if planned.component in reached else ""
    if found is None:
        return replace(planned, outcome=Outcome.PASSED, transport=transport)
    signature = registry.signature(found.cause) if found.cause else None
    address = dict(reached[found.cause.component].addresses) if found.cause and found.cause.component in reached else {}
    result = replace(
        planned,
        outcome=found.outcome,
        expected=found.expected,
        actual=found.actual or shown(found.message),
        message=found.message,
        cause=found.cause,
        hint=found.hint or (signature.hint if signature else ""),
        by_hand=filled(signature.by_hand, address) if signature else "",
        evidence=found.evidence,
        transport=transport,
    )
    standing = standings.get(found.cause.component) if found.cause and found.silent else None
    if standing is None or not standing.explained:
        return result
    return replace(
        result,
        outcome=standing.outcome,
        cause=standing.cause,
        message=f"{result.message}; {standing.message}",
        hint=standing.hint or result.hint,
    )


def filled(command: str, addresses: Mapping[str, object]) -> str:
    """The command with its ``{address}`` keys filled in as a shell takes them; unknown ones stay readable."""
    quoted = False
    parts = command.split("'")
    for number, part in enumerate(parts):
        parts[number] = ADDRESS_KEY.sub(partial(_value, addresses, quoted), part)
        quoted = not quoted
    return "'".join(parts)


def _value(addresses: Mapping[str, object], quoted: bool, found: re.Match[str]) -> str:
    if found[1] not in addresses:
        return found[0]
    value = str(addresses[found[1]])
    # Within quotes of the command's own they end before a quote of the value, and begin again after it.
    return value.replace("'", "'\"'\"'") if quoted else shlex.quote(value)
