"""Custom resources, judged by data: JMESPath rules per kind (:mod:`.rules`), a general rule for every other kind.

What cannot be told is ``unknown``. A rule that does not fit strange data is ``unknown`` too, reason ``Malformed``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from shlex import quote
from typing import Any

from gonogo.cluster.judge.doom import RULES as DOOM
from gonogo.cluster.judge.doom import doom, kubectl
from gonogo.cluster.judge.refusals import refused
from gonogo.cluster.judge.rules import KindRule, Makes
from gonogo.cluster.judge.shapes import Object, known_as
from gonogo.cluster.judge.verdict import Judgement, State, short
from gonogo.cluster.judge.workloads import worst
from gonogo.cluster.judge.world import World, named, reference, said, seen

_DEFINITIONS = "CustomResourceDefinition"


class _Malformed(Exception):
    """A field is not what its kind's definition says. The text names it."""


def judge(world: World, obj: Object, above: tuple[Object, ...] = ()) -> Judgement | None:
    """The verdict on a custom resource; None where its kind has no state. ``above`` are its owners."""
    rules = world.rules.of(known_as(obj["apiVersion"], obj["kind"]))
    if rules.stateless:
        return None
    found = state_of(obj, rules)
    if found.state is not State.SUSPENDED:
        found = absent_operator(world, obj) or found
    if found.state is State.READY and rules.makes is not None:
        found = _last(world, obj, rules.makes) or found
    return _explained(world, obj, found, rules, above) if found.state in _UNEXPLAINED and not found.cause else found


def _last(world: World, obj: Object, makes: Makes) -> Judgement | None:
    """The verdict where the newest of what the object makes over time, that is done, failed; else None."""
    meta = obj["metadata"]
    made = [
        one
        for one in world.in_namespace(makes.kind, meta.get("namespace", ""))
        if one["metadata"].get("labels", {}).get(makes.label) == meta["name"]
    ]
    made.sort(key=lambda one: one["metadata"].get("creationTimestamp", ""), reverse=True)
    for one in made:
        told = judge(world, one)
        if told is not None and told.state in (State.READY, State.FAILED):
            if told.state is State.READY:
                return None
            message = short(f"the last that it made, {named(one)}, failed: {told.message}", 600)
            return told._replace(message=message, cause=told.cause or reference(one))
    return None


_SILENT = "its operator, {}, has not touched it; is it running?"
_UNEXPLAINED = (State.PROGRESSING, State.FAILED)


def _explained(world: World, obj: Object, found: Judgement, rules: KindRule, above: tuple[Object, ...]) -> Judgement:
    """The verdict with its root, where that is an object which this one owns: its operator only waits."""
    from gonogo.cluster.judge import verdict

    owners = (*above, obj)
    below = []
    for child in world.children(obj):
        if any(child is owner for owner in owners) or "deletionTimestamp" in child["metadata"]:
            continue
        custom = "." in known_as(child["apiVersion"], child["kind"])
        told = judge(world, child, owners) if custom else verdict(world, child)
        if told is not None and (told.state is State.FAILED or told.reason in DOOM):
            below.append(told._replace(cause=told.cause or reference(child)))
    why = worst(below)
    if why is None:
        return _without_pods(world, obj, found)
    message = short(": ".join(filter(None, [found.message, why.told])), 600)
    if found.state is State.FAILED:
        return found._replace(message=message, hint=why.hint, cause=why.cause)
    state = State.PROGRESSING if rules.batch else why.state
    return Judgement(state, why.reason, message, why.hint, why.cause)


def _without_pods(world: World, obj: Object, found: Judgement) -> Judgement:
    """The verdict where nothing below says why: its operator tells which pod it may not make, or what it waits for."""
    if found.state is State.FAILED:
        why = refused(world, obj) if _may_not_make_pods(obj) else None
        known = why is not None and why.reason != "CreateFailed"
        return (
            found._replace(reason=why.reason, hint=why.hint, cause=why.cause)
            if why and known
            else _worded(world, obj, found)
        )
    begun = any(
        child["kind"] in _WORK or "." in known_as(child["apiVersion"], child["kind"]) for child in world.children(obj)
    )
    return found if begun else _complaint(world, obj, "OperatorWaits") or found


def _worded(world: World, obj: Object, found: Judgement) -> Judgement:
    """The verdict with what its operator last warned of, where its status does not say that."""
    warned = [event for event in world.events(obj) if event.get("type") == "Warning" and said(event)]
    if not warned or said(warned[-1]) in found.message:
        return found
    return found._replace(message=short(f"{found.message}: {warned[-1].get('reason', '')}: {said(warned[-1])}", 600))


def _may_not_make_pods(obj: Object) -> bool:
    """Whether it has the condition that Kubernetes' own controllers have then; its status may be of any shape."""
    status = obj.get("status")
    conditions = status.get("conditions") if isinstance(status, Mapping) else None
    return any(
        isinstance(one, Mapping) and (one.get("type"), one.get("status")) == ("ReplicaFailure", "True")
        for one in (conditions if isinstance(conditions, list) else ())
    )


_WORK = ("Pod", "ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "Job")


def _complaint(world: World, obj: Object, reason: str) -> Judgement | None:
    """What the latest Warning event about an object says, which can be of its operator alone; None without one."""
    events = [event for event in world.events(obj) if event.get("type") == "Warning"]
    if not events:
        return None
    waited = world.since(events[0].get("firstTimestamp") or seen(events[0]))
    message = f"{events[-1].get('reason', '')}: {said(events[-1])}"
    return doom(reason, message, waited=waited, command=kubectl(obj), cause=reference(obj))


def desired(world: World, obj: Object) -> int:
    """How many pods of its own an object asks for, by the rules of its kind or its ``spec.replicas``; 0: not told."""
    from jmespath.exceptions import JMESPathError

    rules = world.rules.of(known_as(obj["apiVersion"], obj["kind"]))
    try:
        told = rules.pods.search(obj) if rules.pods is not None else obj.get("spec", {}).get("replicas")
    except (JMESPathError, TypeError, AttributeError):
        return 0
    return int(told) if isinstance(told, int | float) and not isinstance(told, bool) else 0


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
        if unseen := _unseen(obj, rules):
            return unseen
        decided = (state for state, holds in rules.decides if holds.search(view))
        return _told(rules, view, next(decided, State.UNKNOWN))
    except _Malformed as fault:
        return Judgement(State.UNKNOWN, "Malformed", str(fault))
    except (JMESPathError, TypeError, AttributeError) as fault:
        return Judgement(State.UNKNOWN, "Malformed", short(f"the rules of its kind do not fit it: {fault}"))


def absent_operator(world: World, obj: Object, operators: tuple[str, ...] = ()) -> Judgement | None:
    """Nobody looks after this object: its definition is missing, or its operator is down or has never touched it.

    None where that is not so, or not known. ``operators`` are names of workloads that look after a kind of which no
    table names any.
    """
    if not obj["metadata"].get("creationTimestamp"):
        return None  # a manifest as somebody wrote it; no operator was asked yet
    kind = known_as(obj["apiVersion"], obj["kind"])
    rules = world.rules.of(kind)
    operators = rules.operator or operators
    if not operators:
        return None
    if _undefined(world, obj):
        return doom("DefinitionMissing", f"the cluster does not know {kind} (any more)", waited=world.age(obj))
    if obj.get("status") and not _unseen(obj, rules):
        return None
    # A new specification of an old object: how old it is, is not told; the operator may just be busy.
    waited = None if obj.get("status") else world.age(obj)
    found = _operators(world, operators)
    ready = [one for one in found if one.get("status", {}).get("readyReplicas")]
    if found and not ready:
        message = f"its operator, {named(found[0])}, has no ready pod"
        command, cause = kubectl(found[0]), reference(found[0])
        return doom("OperatorSilent", message, waited=waited, command=command, cause=cause)
    if obj.get("status"):
        return None
    if complaint := _complaint(world, obj, "OperatorRefuses"):
        return complaint
    space = obj["metadata"].get("namespace", "")
    watched = [(one, told) for one in ready if (told := _watched(one)) and space not in told[1]]
    if space and watched and len(watched) == len(ready):
        operator, (where, spaces) = watched[0]
        message = f"its operator, {named(operator)}, watches {', '.join(sorted(spaces))} alone ({where})"
        command, cause = kubectl(operator), reference(operator)
        return doom("OperatorSilent", message, waited=waited, command=command, cause=cause)
    message = _SILENT.format(" or ".join(operators))
    if ready:
        asks = f"; does it watch namespace {space}?" if space else ""
        message = f"its operator, {named(ready[0])}, runs and has not touched it{asks}"
    elif world.knows_all("Deployment") and world.knows_all("StatefulSet"):
        message = f"its operator has not touched it: nothing runs here by the name {' or '.join(operators)}"
    return doom("OperatorSilent", message, waited=waited, command=kubectl(obj))


def _operators(world: World, names: tuple[str, ...]) -> list[Object]:
    """The workloads of such a name."""
    return [
        workload
        for kind in ("Deployment", "StatefulSet")
        for workload in world.of_kind(kind)
        if any(f"-{workload['metadata']['name']}".endswith(f"-{name}") for name in names)
    ]


_WATCH = re.compile(r"(?:--?)?(?:(?:strimzi|watch)[-_]namespaces?|namespaces)", re.IGNORECASE)
"""What operators call the namespaces that they look at (operator-sdk, Strimzi, KubeRay, ECK)."""


def _watched(operator: Object) -> tuple[str, set[str]] | None:
    """The variable or option by which an operator looks at some namespaces alone, and which; None where none says so.

    What stands in a ConfigMap is not seen.
    """
    containers = operator.get("spec", {}).get("template", {}).get("spec", {}).get("containers") or ()
    for one in containers:
        said = [(each.get("name", ""), each.get("value") or "") for each in one.get("env") or ()]
        words = [*one.get("command", ()), *one.get("args", ())]
        said += [word.partition("=")[::2] if "=" in word else (word, after) for word, after in pairwise([*words, ""])]
        for name, value in said:
            spaces = {part.strip() for part in value.split(",")} - {""}
            if spaces and "*" not in spaces and _WATCH.fullmatch(name):
                return name, spaces
    return None


def _undefined(world: World, obj: Object) -> bool:
    if not world.knows_all(_DEFINITIONS):
        return False
    group = obj["apiVersion"].rpartition("/")[0]
    return not any(
        spec.get("group") == group and spec.get("names", {}).get("kind") == obj["kind"]
        for spec in (definition.get("spec", {}) for definition in world.of_kind(_DEFINITIONS))
    )


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


def _unseen(obj: Object, rules: KindRule) -> Judgement | None:
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
    return Judgement(State.PROGRESSING, "OperatorSilent", _SILENT.format(" or ".join(rules.operator)))


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
