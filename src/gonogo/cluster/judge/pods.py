"""Why a pod does not serve, as its kubelet, the scheduler and the events about it tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gonogo.cluster.judge import kubelet
from gonogo.cluster.judge.containers import NOT_BEGUN, called, container, crash, crashing, part, placed
from gonogo.cluster.judge.doom import doom, kubectl, typed
from gonogo.cluster.judge.needs import WAITS, unready
from gonogo.cluster.judge.scheduling import unscheduled
from gonogo.cluster.judge.shapes import Object, known_as
from gonogo.cluster.judge.statuses import state_of
from gonogo.cluster.judge.verdict import READY, Judgement, State, short
from gonogo.cluster.judge.world import World, condition, controller, instant, named, reference, said
from gonogo.results.model import Reference

FLAPS = 3
"""Restarts from which a pod that is ready now is not trusted, if the last one is younger than ``RECENT``."""

RECENT = 900.0
"""Seconds that a pod is watched after a restart (kubernetes-mixin gives a crash loop 15 minutes too)."""

COMPLETED, REPLACED, FLAPPING = "Completed", "Replaced", "Flapping"
TERMINATING, STUCK = "Terminating", "TerminatingStuck"
"""Reasons that the sum of pods goes by."""


def pod(world: World, obj: Object) -> Judgement:
    """A pod: ready where its phase is Running and its condition Ready is True, or where it has succeeded.

    A failed pod that its controller has replaced is ready, reason ``Replaced``: nothing is missing.
    """
    status = obj.get("status", {})
    if status.get("phase") == "Running" and "deletionTimestamp" not in obj["metadata"]:
        for found in status.get("conditions", ()):
            if found.get("type") == "Ready" and found.get("status") == "True":
                restarted = any(c.get("restartCount", 0) >= FLAPS for c in status.get("containerStatuses", ()))
                return _restarted(world, obj) if restarted else READY
    known = world.remembered.get(id(obj))
    if known is None:
        known = world.remembered[id(obj)] = _unready(world, obj)
    return known


def _restarted(world: World, obj: Object) -> Judgement:
    for spec, status in _containers(obj, "containers", "containerStatuses"):
        end = status.get("lastState", {}).get("terminated", {})
        since = world.since(end.get("finishedAt", ""))
        if status.get("restartCount", 0) < FLAPS or since is None or since >= RECENT:
            continue
        if crashing(world, status):
            return crash(world, obj, spec, status)
        name = status.get("name", "")
        text = (
            f"container {name} is ready now, restarted {status['restartCount']} times, last {since:.0f} s ago "
            f"(exit code {end.get('exitCode', 0)}, {end.get('reason') or 'no reason'})"
        )
        hint = f"Read what it wrote before: {kubectl(obj, 'logs', '-c', name, '--previous')}"
        code = end.get("exitCode", 0)
        return Judgement(State.PROGRESSING, FLAPPING, text, hint, part(obj, name), container=name, exit_code=code)
    return READY


def _unready(world: World, obj: Object) -> Judgement:
    status = obj.get("status", {})
    phase = status.get("phase", "")
    if "deletionTimestamp" in obj["metadata"]:
        return _terminating(world, obj)
    if phase == "Succeeded":
        return Judgement(State.READY, COMPLETED)
    if phase == "Failed":
        return _ended(world, obj)
    if phase not in ("", "Pending", "Running", "Unknown"):
        return Judgement(State.UNKNOWN, "PhaseUnknown", f"phase {phase}", kubectl(obj))
    if (lost := _lost(world, obj)) is not None:
        return lost
    if not obj.get("spec", {}).get("nodeName") and condition(obj, "PodScheduled").get("status") != "True":
        return unscheduled(world, obj)
    return _starting(world, obj)


def _terminating(world: World, obj: Object) -> Judgement:
    # The time of deletion is when the grace period ends (API reference, ObjectMeta).
    due = world.since(obj["metadata"]["deletionTimestamp"])
    if due is None or due <= 0:
        return Judgement(State.PROGRESSING, TERMINATING, "is being deleted", kubectl(obj))
    finalizers, node = obj["metadata"].get("finalizers", ()), obj.get("spec", {}).get("nodeName", "")
    holds = f"finalizers {', '.join(finalizers)}" if finalizers else f"the kubelet of node {node or 'unknown'}"
    text = f"should have been gone {due:.0f} s ago, waits for {holds}"
    return doom(STUCK, text, waited=due, command=kubectl(obj), cause=reference(obj))


def _lost(world: World, obj: Object) -> Judgement | None:
    """The verdict on a pod whose kubelet does not answer: nobody knows what it does."""
    status, name = obj.get("status", {}), obj.get("spec", {}).get("nodeName", "")
    node = world.get("Node", "", name) if name else None
    ready = condition(node, "Ready").get("status") if node else None
    if status.get("phase") == "Unknown" or status.get("reason") == "NodeLost" or ready in ("Unknown", "False"):
        text = f"node {name or 'unknown'} does not answer, so that nobody knows what the pod does"
        cause = Reference(kind="Node", name=name)
        return Judgement(State.UNKNOWN, "NodeNotReady", text, typed("", "describe", "node", name), cause)
    return None


# -- ended


def _ended(world: World, obj: Object) -> Judgement:
    status = obj.get("status", {})
    reason, text, name, code = why_ended(obj)
    if (by := _replaced_by(world, obj)) is not None:
        return Judgement(State.READY, REPLACED, short(f"{text or reason}; {by}"), kubectl(obj))
    if status.get("reason") == "Evicted":
        since = world.since(condition(obj, "Ready").get("lastTransitionTime", ""))
        waited = world.age(obj) if since is None else since
        return doom("Evicted", text, waited=waited, command=kubectl(obj), cause=reference(obj))
    if name and reason in ("OOMKilled", "ContainerFailed", "CommandNotFound"):
        told = text + last_lines(world, obj, name)
        verdict = doom(reason, told, waited=None, command=kubectl(obj, "logs", "-c", name), cause=part(obj, name))
        return verdict._replace(container=name, exit_code=code)
    verdict = doom("PodFailed", text or "its phase is Failed", waited=None, command=kubectl(obj), cause=reference(obj))
    return verdict._replace(reason=reason or "PodFailed")


def last_lines(world: World, pod: Object, name: str) -> str:
    """What a container wrote last, where that was read."""
    log = world.log(pod["metadata"].get("namespace", ""), pod["metadata"]["name"], name).strip().splitlines()[-3:]
    return f"; last lines: {' / '.join(log)}" if log else ""


class PodEnd(NamedTuple):
    """Why a pod has ended: a reason, a text, and the container whose end it was, with its exit code."""

    reason: str
    text: str
    container: str = ""
    code: int | None = None


def why_ended(obj: Object) -> PodEnd:
    """Of a pod whose phase is Failed."""
    status = obj.get("status", {})
    if status.get("reason"):
        node = obj.get("spec", {}).get("nodeName", "")
        where = f" on node {node}" if node else ""
        return PodEnd(status["reason"], f"{status['reason']}{where}: {status.get('message', '')}".rstrip(": "))
    for found in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        end = found.get("state", {}).get("terminated", {})
        if end.get("exitCode", 0) != 0 or end.get("reason") in ("OOMKilled", "StartError"):
            word = end.get("reason") or "Error"
            reason = {"OOMKilled": "OOMKilled", "StartError": "CommandNotFound"}.get(word, "ContainerFailed")
            said_by = f": {end['message']}" if end.get("message") else ""
            name, code = found.get("name", ""), end.get("exitCode", 0)
            return PodEnd(reason, f"container {name} ended with exit code {code} ({word}){said_by}", name, code)
    return PodEnd("", status.get("message", ""))


def _replaced_by(world: World, obj: Object) -> str | None:
    """What stands for a failed pod now: a newer pod of the same controller, or a Job that is not lost by it."""
    reference = controller(obj)
    if reference is None:
        return None
    owner = world.by_uid(reference.get("uid", ""))
    if reference.get("kind") == "Job":
        if owner is None or condition(owner, "Failed").get("status") == "True":
            return None
        done = condition(owner, "Complete").get("status") == "True"
        return f"Job {reference.get('name', '')} " + ("is complete all the same" if done else "tries again")
    if owner is not None and owner.get("spec", {}).get("replicas") == 0:
        return "no pod is desired any more"
    born = instant(obj["metadata"].get("creationTimestamp", ""))
    for other in world.children_of(reference.get("uid", ""), "Pod"):
        made = instant(other["metadata"].get("creationTimestamp", ""))
        if (
            other is not obj
            and other.get("status", {}).get("phase") != "Failed"
            and (not born or not made or made >= born)
        ):
            return f"replaced by Pod {other['metadata']['name']}"
    return None


# -- starting


def _starting(world: World, obj: Object) -> Judgement:
    found = sorted(_named(world, obj), key=lambda verdict: verdict.state.severity)
    if found and found[0].reason == "ReadinessProbe" and (owner := _spared(world, obj, obj)):
        text = (
            f"{named(owner)} is ready without it: unready on purpose, or it has failed; from here that looks the same"
        )
        return Judgement(State.UNKNOWN, "Spare", text, found[0].hint, part(obj, found[0].container))
    return found[0] if found else _on_its_way(world, obj)


def _spared(world: World, obj: Object, below: Object) -> Object | None:
    """What owns the pod, is ready, and says that pods of this label may be unready then; None where nothing is so."""
    owner = world.by_uid((controller(below) or {}).get("uid", ""))
    if owner is None or owner is obj:
        return None
    rules = world.rules.of(known_as(owner["apiVersion"], owner["kind"]))
    label, _, value = rules.spares.partition("=")
    if label and obj["metadata"].get("labels", {}).get(label) == value and state_of(owner, rules).state is State.READY:
        return owner
    return _spared(world, obj, owner)


def _named(world: World, obj: Object) -> Iterator[Judgement]:
    """Everything that is known to stand in the pod's way, what its containers say first."""
    policy = obj.get("spec", {}).get("restartPolicy", "Always")
    for spec, status in _containers(obj, "initContainers", "initContainerStatuses"):
        state, sidecar = status.get("state", {}), spec.get("restartPolicy") == "Always"
        runs = "running" in state and not sidecar
        end = state.get("terminated", {})
        done = end.get("exitCode") == 0 and not sidecar
        if end and not done and policy == "Never" and not sidecar:
            yield _ended_for_good(world, obj, status)
        elif not runs and not done and (verdict := container(world, obj, spec, status)):
            yield verdict
    for spec, status in _containers(obj, "containers", "containerStatuses"):
        end = status.get("state", {}).get("terminated", {})
        own = spec.get("restartPolicy") or policy
        done = end.get("exitCode") == 0 and own != "Always"
        if end and not done and own == "Never":
            yield _ended_for_good(world, obj, status)
        elif not done and (verdict := container(world, obj, spec, status)):
            yield verdict
    if policy != "Always" and (held := _held(world, obj)):
        yield held
    if _waits_for_node(obj):
        yield from _node_says(world, obj)
    if condition(obj, "ContainersReady").get("status") == "True":
        yield from _gates(world, obj)


def _ended_for_good(world: World, obj: Object, status: Mapping[str, Any]) -> Judgement:
    """A container that has failed and is never started again, so that the pod has failed once the others end."""
    end, name = status["state"]["terminated"], status.get("name", "")
    beside = [one.get("name", "") for _, one in _containers(obj, "containers", "containerStatuses") if _runs(one)]
    said_by = f": {end['message']}" if end.get("message") else ""
    text = f"{called(obj, name)} ended with exit code {end.get('exitCode')} ({end.get('reason') or 'Error'}){said_by}"
    text += f"; {', '.join(beside)} still runs" if beside else ""
    verdict = doom(
        "NeverRestarted",
        short(text, 600),
        waited=world.since(end.get("finishedAt", "")),
        command=kubectl(obj, "logs", "-c", name),
        cause=part(obj, name),
    )
    return verdict._replace(container=name, exit_code=end.get("exitCode", 0))


def _held(world: World, obj: Object) -> Judgement | None:
    """What a Job wants run has ended, and what somebody added to the pod runs on, so that it never ends."""
    owner = world.by_uid((controller(obj) or {}).get("uid", ""))
    if owner is None or owner["kind"] != "Job":
        return None
    wanted = {one["name"] for one in owner["spec"].get("template", {}).get("spec", {}).get("containers", ())}
    ends, running = [], []
    for _, status in _containers(obj, "containers", "containerStatuses"):
        if _runs(status):
            running.append(status["name"])
        elif status.get("name") in wanted:
            ends.append(status.get("state", {}).get("terminated", {}))
    done = len(ends) == len(wanted) and all(end.get("exitCode") == 0 for end in ends)
    if not running or wanted & {*running} or not done:
        return None
    since = [waited for end in ends if (waited := world.since(end.get("finishedAt", ""))) is not None]
    text = f"what its Job wants has ended, {', '.join(running)}, which the Job does not name, runs on and keeps the pod"
    command = kubectl(obj, "logs", "-c", running[0])
    return doom("HeldBySidecar", text, waited=min(since, default=None), command=command, cause=part(obj, running[0]))


def _runs(status: Mapping[str, Any]) -> bool:
    return "running" in status.get("state", {})


def _waits_for_node(obj: Object) -> bool:
    """Whether a container has not begun, so that mounts and the sandbox may be what it waits for.

    Kubelet makes the sandbox once all is mounted, and tells when there is one (condition PodReadyToStartContainers,
    on by default since Kubernetes 1.29): what it complained of until then is over.
    """
    status = obj.get("status", {})
    if condition(obj, "PodReadyToStartContainers").get("status") == "True":
        return False
    states = [
        c.get("state", {}) for c in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ()))
    ]
    if any("running" in state for state in states):
        return False
    return not states or any(state.get("waiting", {}).get("reason", "") in NOT_BEGUN for state in states)


_NODE_EVENTS = {
    "FailedMount": "MountFailed",
    "FailedMapVolume": "MountFailed",
    "FailedAttachVolume": "AttachFailed",
    "FailedCreatePodSandBox": "SandboxFailed",
    "NetworkNotReady": "SandboxFailed",
}


def _node_says(world: World, obj: Object) -> Iterator[Judgement]:
    """The latest of each complaint of kubelet and attach controller; only events tell of a volume's missing Secret."""
    told = set()
    for event in reversed(world.events(obj, *_NODE_EVENTS)):
        text, reason, cause = said(event), _NODE_EVENTS[event["reason"]], reference(obj)
        if reason in told:
            continue
        told.add(reason)
        if absent := kubelet.missing(text, obj):
            reason, cause = absent
        elif kubelet.no_runtime_class(text):
            reason = "RuntimeClassMissing"
        yield doom(reason, text, waited=placed(world, obj), command=kubectl(obj), cause=cause)


def _gates(world: World, obj: Object) -> Iterator[Judgement]:
    for gate in obj.get("spec", {}).get("readinessGates", ()):
        name = gate.get("conditionType", "")
        if condition(obj, name).get("status") != "True":
            waited = world.since(condition(obj, "ContainersReady").get("lastTransitionTime", ""))
            text = f"its containers are ready, its readiness gate {name} is not"
            yield doom("ReadinessGate", text, waited=waited, command=kubectl(obj), cause=reference(obj))


def _on_its_way(world: World, obj: Object) -> Judgement:
    for spec, status in _containers(obj, "initContainers", "initContainerStatuses"):
        if "running" in status.get("state", {}) and spec.get("restartPolicy") != "Always":
            name = status.get("name", "")
            command, told = kubectl(obj, "logs", "-c", name), f"init container {name} runs"
            if (need := unready(world, obj, spec)) is not None:
                text, cause = f"{told}, and names {named(need)}, which has no ready endpoint", reference(need)
                return Judgement(State.PROGRESSING, WAITS, text, command, cause, container=name)
            return Judgement(State.PROGRESSING, "Initializing", told, command, container=name)
    for _, status in _containers(obj, "containers", "containerStatuses"):
        state, name = status.get("state", {}), status.get("name", "")
        if "running" in state and not status.get("ready"):
            text = f"container {name} runs and is not ready yet"
            return Judgement(State.PROGRESSING, "NotReady", text, kubectl(obj), part(obj, name), container=name)
        if "running" not in state:
            word = state.get("waiting", {}).get("reason") or "Starting"
            return Judgement(State.PROGRESSING, word, f"container {name}: {word}", kubectl(obj), container=name)
    text = condition(obj, "Ready").get("message") or "its kubelet has not started it yet"
    return Judgement(State.PROGRESSING, "Starting", short(text), kubectl(obj))


def _containers(obj: Object, specs: str, statuses: str) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Definition and status of each container that has a status."""
    by_name = {spec.get("name", ""): spec for spec in obj.get("spec", {}).get(specs, ())}
    for status in obj.get("status", {}).get(statuses, ()):
        yield by_name.get(status.get("name", ""), {}), status
