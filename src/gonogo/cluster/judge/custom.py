"""Custom resources, judged by data: JMESPath rules per kind (:mod:`.rules`), a general rule for every other kind.

What cannot be told is ``unknown``. A rule that does not fit strange data is ``unknown`` too, reason ``Malformed``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

from gonogo.cluster.judge.doom import RULES as DOOM
from gonogo.cluster.judge.doom import doom, kubectl
from gonogo.cluster.judge.network import BALANCER_PENDING
from gonogo.cluster.judge.refusals import refused
from gonogo.cluster.judge.rules import KindRule, Makes
from gonogo.cluster.judge.shapes import Object, known_as
from gonogo.cluster.judge.statuses import SILENT, state_of, unseen
from gonogo.cluster.judge.verdict import Judgement, State, short
from gonogo.cluster.judge.workloads import worst
from gonogo.cluster.judge.world import World, named, reference, said, seen

_DEFINITIONS = "CustomResourceDefinition"


def judge(world: World, obj: Object, above: tuple[Object, ...] = ()) -> Judgement | None:
    """The verdict on a custom resource; None where its kind has no state. ``above`` are its owners."""
    return _judged(world, obj, above)[0]


def _judged(world: World, obj: Object, above: tuple[Object, ...]) -> tuple[Judgement | None, Judgement | None]:
    """The verdict, and where it is ready the worst of what is below."""
    rules = world.rules.of(known_as(obj["apiVersion"], obj["kind"]))
    if rules.stateless:
        return None, None
    found = state_of(obj, rules)
    if rules.attempt and found.state is State.FAILED and _superseded(world, obj, above):
        return None, None
    if found.state is not State.SUSPENDED:
        found = absent_operator(world, obj) or found
    if found.state is State.READY and rules.makes is not None:
        found = _last(world, obj, rules.makes) or found
    if found.state is State.READY:
        why = _below(world, obj, found, above)
        if why is not None and why.state is State.FAILED:
            found = found._replace(message=short(f"it says so itself; below it: {why.told}", 600))
        return found, why
    explained = found.state in _UNEXPLAINED and not found.cause
    return _explained(world, obj, found, rules, above) if explained else found, None


def _superseded(world: World, obj: Object, above: tuple[Object, ...]) -> bool:
    """Whether what it was an attempt of is there all the same: its owner, or the owner of that, is ready."""
    for made_by in obj["metadata"].get("ownerReferences") or ():
        owner = world.by_uid(made_by.get("uid", ""))
        if owner is None or any(owner is one for one in (obj, *above)):
            continue
        rules = world.rules.of(known_as(owner["apiVersion"], owner["kind"]))
        if state_of(owner, rules).state is State.READY or _superseded(world, owner, (*above, obj)):
            return True
    return False


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


_UNEXPLAINED = (State.PROGRESSING, State.FAILED)


def _below(world: World, obj: Object, found: Judgement, above: tuple[Object, ...]) -> Judgement | None:
    """The worst verdict on what the object owns that tells why it is as it is; None where none does."""
    from gonogo.cluster.judge import verdict

    owners = (*above, obj)
    below = []
    for child in world.children(obj):
        if any(child is owner for owner in owners) or "deletionTimestamp" in child["metadata"]:
            continue
        custom = "." in known_as(child["apiVersion"], child["kind"])
        told, under = _judged(world, child, owners) if custom else (verdict(world, child), None)
        if custom and told is not None and told.state is State.READY:
            told = under
        # its operator gives up waiting for an address sooner than anybody else
        address = found.state is State.FAILED and told is not None and told.reason == BALANCER_PENDING
        if told is not None and (told.state is State.FAILED or told.reason in DOOM or address):
            below.append(told._replace(cause=told.cause or reference(child)))
    return worst(below)


def _explained(world: World, obj: Object, found: Judgement, rules: KindRule, above: tuple[Object, ...]) -> Judgement:
    """The verdict with its root, where that is an object which this one owns: its operator only waits."""
    why = _below(world, obj, found, above)
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
    if obj.get("status") and not unseen(obj, rules):
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
    message = SILENT.format(" or ".join(operators))
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
