"""What a custom resource says of itself, by the rules of its kind; nothing around it is looked at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from shlex import quote
from typing import Any

from gonogo.cluster.judge.rules import KindRule
from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.judge.verdict import Judgement, State, short

SILENT = "its operator, {}, has not touched it; is it running?"


class _Malformed(Exception):
    """A field is not what its kind's definition says. The text names it."""


def state_of(obj: Object, rules: KindRule) -> Judgement:
    """What the object says of itself, by the rules of its kind. Never raises for what an object holds."""
    from jmespath.exceptions import JMESPathError

    if not obj["metadata"].get("creationTimestamp") and not obj.get("status"):
        message = "no status: this is a manifest as it is written, not an object as a cluster holds it"
        return Judgement(State.UNKNOWN, "NoStatus", message)
    try:
        view = _view(obj)
        if rules.suspended.search(view):
            return _told(rules, view, State.SUSPENDED)
        if not obj.get("status"):
            return _silent(rules)
        if old := unseen(obj, rules):
            return old
        decided = (state for state, holds in rules.decides if holds.search(view))
        return _told(rules, view, next(decided, State.UNKNOWN))
    except _Malformed as fault:
        return Judgement(State.UNKNOWN, "Malformed", str(fault))
    except (JMESPathError, TypeError, AttributeError) as fault:
        return Judgement(State.UNKNOWN, "Malformed", short(f"the rules of its kind do not fit it: {fault}"))


def _view(obj: Object) -> Mapping[str, Any]:
    """The object with its conditions by type. A condition on an older generation says nothing of this one."""
    status = obj.get("status", {})
    if not isinstance(status, Mapping):
        raise _Malformed(f"status: Expected `object`, got `{type(status).__name__}`")
    conditions = status.get("conditions") or []
    if not isinstance(conditions, list):
        raise _Malformed(f"status.conditions: Expected `array`, got `{type(conditions).__name__}`")
    generation = _number(obj["metadata"].get("generation"), "metadata.generation")
    by_type: dict[str, Mapping[str, Any]] = {}
    for place, one in enumerate(conditions):
        if not isinstance(one, Mapping) or not isinstance(one.get("type"), str):
            raise _Malformed(f"status.conditions[{place}]: Expected `object` with a type")
        seen = _number(one.get("observedGeneration"), f"status.conditions[{place}].observedGeneration")
        # hand-written YAML has true where the API has "True"
        told = {**one, "status": str(one.get("status", ""))}
        if seen and seen < generation:
            told |= {
                "status": "Unknown",
                "reason": "NotObserved",
                "message": f"is of generation {seen} of {generation}",
            }
        by_type[one["type"]] = told
    _number(status.get("observedGeneration"), "status.observedGeneration")
    return {**obj, "conditions": by_type}


def _number(value: object, field: str) -> int:
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Malformed(f"{field}: Expected `int`, got `{type(value).__name__}`")
    return value


def unseen(obj: Object, rules: KindRule) -> Judgement | None:
    """The verdict where the controller has not seen the newest specification; its status is of an older one."""
    status = obj.get("status")
    seen = status.get("observedGeneration") if isinstance(status, Mapping) else None
    newest = obj["metadata"].get("generation", 0)
    # Some controllers write 0 where they do not count.
    if rules.uncounted or not isinstance(seen, int) or seen == 0 or seen >= newest:
        return None
    message = f"generation {newest} is not observed yet, its status is of {seen}; where that lasts, is its operator up?"
    return Judgement(State.PROGRESSING, "NotObserved", message)


def _silent(rules: KindRule) -> Judgement:
    if not rules.operator:
        message = "no status: its operator has not touched it, or objects of this kind have none"
        return Judgement(State.UNKNOWN, "NoStatus", message)
    return Judgement(State.PROGRESSING, "OperatorSilent", SILENT.format(" or ".join(rules.operator)))


def _told(rules: KindRule, view: Mapping[str, Any], state: State) -> Judgement:
    message = short(_first(rules.message, view), 600)
    if state is State.READY:
        return Judgement(state, "", message)
    reason = word(_first(rules.reason, view)) or state.value.capitalize()
    if state is State.UNKNOWN:
        message = message or "its status is none that the rules of its kind know"
    elif state is State.FAILED:
        message = message or f"its status says no more than {reason}"
    meta = view["metadata"]
    hint = rules.hint.format(namespace=quote(meta.get("namespace", "default")), name=quote(meta["name"]))
    return Judgement(state, reason, message, "" if state is State.SUSPENDED else hint)


def _first(expressions: Iterable[Any], view: Mapping[str, Any]) -> str:
    """The first of the expressions' results that is a text and not empty."""
    found = (expression.search(view) for expression in expressions)
    return next((text for text in found if isinstance(text, str) and text.strip()), "")


def word(text: str) -> str:
    """A reason in one CamelCase word: ``TrialFailed. Job reason: X`` is ``TrialFailed``."""
    sentence = re.split(r"[.:;,]", text, maxsplit=1)[0]
    return "".join(part[:1].upper() + part[1:] for part in re.findall(r"[A-Za-z0-9]+", sentence))
