"""From an exception of a check to its result: what was expected, what was seen, whose fault it is."""

from __future__ import annotations

import re
import shlex
import traceback
from collections.abc import Mapping
from functools import partial

from msgspec.structs import replace

from gonogo.catalog.registry import Registry
from gonogo.catalog.signatures import ADDRESS_KEY
from gonogo.checks.translate import translated
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import ClientError, NotAllowed, NotReady, Unclaimed, Wrong
from gonogo.core.outcomes import Outcome
from gonogo.core.seen import shown
from gonogo.results.model import Cause, CheckResult, Evidence
from gonogo.run.platform import SEEN, NotAsked, Standing, unreached


def outcome_of(error: BaseException, component: str) -> tuple[Outcome, Cause | None, str]:
    """Outcome, cause and message of what a check raised, by part 2 of the contract."""
    if isinstance(error, NotAsked):
        return error.outcome, error.standing.cause, error.standing.message
    if isinstance(error, Wrong):
        return Outcome.FAILED, Cause(component=error.component, signature=error.signature), error.message
    if isinstance(error, AssertionError):
        return Outcome.FAILED, Cause(component=component, signature=f"{component}.claim_false"), str(error)
    if isinstance(error, NotReady):
        last = error.last
        if not isinstance(last, BaseException):
            return Outcome.FAILED, Cause(component=component, signature=f"{component}.not_settled"), str(error)
        outcome, cause, _ = outcome_of(last, component)
        return outcome, cause, str(error)
    meant = error if isinstance(error, ClientError) else translated(component, error)
    if meant is not None:
        return meant.outcome, Cause(component=meant.component, signature=meant.signature), str(meant)
    if isinstance(error, NotAllowed):
        return Outcome.BROKEN, Cause(component=component, signature=f"{component}.not_allowed"), str(error)
    if isinstance(error, Unclaimed):
        return Outcome.BROKEN, Cause(component=component, signature=f"{component}.nothing_claimed"), str(error)
    where = traceback.extract_tb(error.__traceback__)[-1:]
    at = f" (at {where[0].name}, line {where[0].lineno})" if where else ""
    return (
        Outcome.BROKEN,
        Cause(component=component, signature=f"{component}.own_error"),
        f"{type(error).__name__}: {error}{at}",
    )


def result_of(
    error: BaseException | None,
    planned: CheckResult,
    registry: Registry,
    endpoints: Mapping[str, Endpoints],
    evidence: tuple[Evidence, ...] = (),
) -> CheckResult:
    """``planned`` (identity and times of the check) completed by what the check raised, or did not."""
    transport = endpoints[planned.component].transport if planned.component in endpoints else ""
    if error is None:
        return replace(planned, outcome=Outcome.PASSED, transport=transport)
    outcome, cause, message = outcome_of(error, planned.component)
    signature = registry.signature(cause) if cause else None
    address = dict(endpoints[cause.component].addresses) if cause and cause.component in endpoints else {}
    return replace(
        planned,
        outcome=outcome,
        expected=error.expected if isinstance(error, Wrong) else "an answer",
        actual=error.actual if isinstance(error, Wrong) else shown(message),
        message=message,
        cause=cause,
        hint=(error.standing.hint if isinstance(error, NotAsked) else "") or (signature.hint if signature else ""),
        by_hand=filled(signature.by_hand, address) if signature else "",
        evidence=evidence,
        transport=transport,
    )


def explained(result: CheckResult, standing: Standing | None) -> CheckResult:
    """The result of a check that met silence, with the reason that is known for it by now."""
    cause = standing.cause if standing is not None else None
    if standing is None or cause is None or not cause.signature.endswith(f".{SEEN}") or not unreached(result.cause):
        return result
    return replace(
        result,
        outcome=standing.outcome,
        cause=cause,
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
