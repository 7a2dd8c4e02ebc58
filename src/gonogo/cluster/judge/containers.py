"""Why a container does not run or does not serve: what its status says, and the events about its probes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace

from gonogo.cluster.judge import kubelet, needs
from gonogo.cluster.judge.doom import NEEDS, TERMINATIONS, UNSTABLE, doom, kubectl, recovering
from gonogo.cluster.judge.images import REASONS, missing_image
from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.judge.verdict import Judgement, State
from gonogo.cluster.judge.world import World, condition, instant, named, reference, said, subject
from gonogo.results.model import Reference

NOT_BEGUN = ("", "ContainerCreating", "PodInitializing")
"""Why a container waits before its kubelet has anything to say about it."""

_EXITS = {
    126: "the command cannot be executed",
    127: "no such command",
    132: "illegal instruction",
    134: "aborted",
    137: "killed",
    139: "segmentation fault",
    143: "asked to stop",
}
"""What shells and the kernel mean by an exit code."""


def container(world: World, pod: Object, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Judgement | None:
    """The verdict on one container that is not as it should be; None where there is nothing to say of it yet."""
    state = status.get("state", {})
    waiting = state.get("waiting", {})
    word = waiting.get("reason", "")
    name = status.get("name", "")
    if word in REASONS:
        return missing_image(
            world, pod, name, spec.get("image") or status.get("image", ""), waiting, placed(world, pod)
        )
    if word in _WAITS:
        return _not_started(world, pod, status, waiting.get("message", ""))
    if word in ("CrashLoopBackOff", "PostStartHookError") or "terminated" in state:
        return crash(world, pod, spec, status)
    if "running" in state and not (status.get("ready") and status.get("started", True)):
        return _unserving(world, pod, spec, status)
    if word not in NOT_BEGUN:
        text = f"container {name}: {waiting.get('message') or word}"
        return Judgement(State.PROGRESSING, word, text, kubectl(pod), container=name)
    return None


def placed(world: World, pod: Object) -> float | None:
    """Seconds since the pod was given a node."""
    status = pod.get("status", {})
    when = condition(pod, "PodScheduled").get("lastTransitionTime") or status.get("startTime", "")
    since = world.since(when)
    return world.age(pod) if since is None else since


def part(pod: Object, name: str) -> Reference:
    """``Pod data/web-0, container app``, ``Pod data/web-0, init container migrate``."""
    return replace(reference(pod), container=name, init=_is_init(pod, name))


def called(pod: Object, name: str) -> str:
    """``container app``, ``init container migrate``."""
    return f"{'init ' if _is_init(pod, name) else ''}container {name}"


def _is_init(pod: Object, name: str) -> bool:
    return any(spec.get("name") == name for spec in pod.get("spec", {}).get("initContainers", ()))


# -- it cannot be started

_WAITS = {
    "CreateContainerConfigError": "ContainerConfigInvalid",
    "CreateContainerError": "ContainerNotCreated",
    "RunContainerError": "ContainerNotCreated",
    "PreCreateHookError": "ContainerNotCreated",
    "PreStartHookError": "ContainerNotCreated",
}
"""Why a container waits (kubelet), as a reason of the doom table where the message says nothing closer."""


def _not_started(world: World, pod: Object, status: Mapping[str, Any], text: str) -> Judgement:
    name, word = status.get("name", ""), status["state"]["waiting"]["reason"]
    reason, cause = _WAITS[word], part(pod, name)
    if absent := kubelet.missing(text, pod):
        reason, cause = absent
    elif kubelet.runs_as_root(text):
        reason = "RunsAsRoot"
    elif kubelet.no_program(text) or kubelet.no_command(text):
        reason = "CommandNotFound"
    text = f"{called(pod, name)}: {text or word}"
    verdict = doom(reason, text, waited=placed(world, pod), command=kubectl(pod), cause=cause)._replace(container=name)
    if word == "RunContainerError" and reason == "CommandNotFound" and terminations(status) < TERMINATIONS:
        return recovering(verdict, f"given up at {TERMINATIONS} ends alike")
    return verdict


# -- it ends


def crash(world: World, pod: Object, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Judgement:
    """The verdict on a container that has ended though it should run, or is about to be started again."""
    state, last = status.get("state", {}), status.get("lastState", {}).get("terminated", {})
    end = state.get("terminated") or last
    name, ends = status.get("name", ""), terminations(status)
    code, word = end.get("exitCode", 0), end.get("reason", "")
    alike = not last or end is last or last.get("exitCode") == end.get("exitCode")
    probe = _probe_said(world, pod, name, "Liveness", "Startup")
    hook = _hook_said(world, pod, state.get("waiting", {}))
    text, beside = "", probe.text if probe else ""
    if word in ("StartError", "ContainerCannotRun"):
        reason = "CommandNotFound" if kubelet.no_program(end.get("message", "")) else "ContainerNotCreated"
        text = f"{called(pod, name)}: {end.get('message') or word}"
    elif word == "OOMKilled":
        reason = "OOMKilled"
    elif hook:
        reason, beside = "HookFailed", hook
    elif probe and code in (137, 143, 0):
        reason = f"{probe.kind}Probe"
    else:
        reason = "CrashLoop"
    verdict = doom(
        reason,
        text or _told(world, pod, spec, status, end, ends, beside),
        waited=placed(world, pod),
        command=kubectl(pod) if text else kubectl(pod, "logs", "-c", name, "--previous"),
        cause=part(pod, name),
    )._replace(container=name, exit_code=code)
    if reason == "StartupProbe":
        return verdict
    need = needs.unready(world, pod) if (placed(world, pod) or 0.0) < NEEDS else None
    if need is not None:
        waits = recovering(verdict, f"{named(need)}, which it names, has no ready endpoint")
        return waits._replace(cause=reference(need))
    if ends < TERMINATIONS or not alike:
        return recovering(verdict, f"given up at {TERMINATIONS} ends alike")
    if (ran := lasted(end)) is not None and ran > UNSTABLE:
        return recovering(verdict, f"it ran {ran / 60:.0f} minutes before")
    return verdict


def terminations(status: Mapping[str, Any]) -> int:
    """How often a container has ended: its restarts, and the end that has not been answered yet."""
    return int(status.get("restartCount", 0)) + ("running" not in status.get("state", {}))


def crashing(world: World, status: Mapping[str, Any]) -> bool:
    """Whether a running container has crashed alike before and has not yet run twice as long as the last time."""
    last = status.get("lastState", {}).get("terminated", {})
    started = status.get("state", {}).get("running", {}).get("startedAt", "")
    ran, before = world.since(started), lasted(last)
    if ran is None or before is None or status.get("restartCount", 0) < TERMINATIONS:
        return False
    return before <= UNSTABLE and not outlived(ran, before)


def outlived(ran: float, before: float) -> bool:
    """Whether a run is so much longer than the one before that it may be the one that succeeds."""
    return ran >= 2 * before + 10


def lasted(end: Mapping[str, Any]) -> float | None:
    """Seconds that a container ran which has ended."""
    began, ended = instant(end.get("startedAt", "")), instant(end.get("finishedAt", ""))
    if began is None or ended is None:
        return None
    # One that never began has begun in 1970.
    return (ended - began).total_seconds() if began.timestamp() > 0 else 0.0


def _told(
    world: World,
    pod: Object,
    spec: Mapping[str, Any],
    status: Mapping[str, Any],
    end: Mapping[str, Any],
    ends: int,
    probe: str,
) -> str:
    name, code, word = status.get("name", ""), end.get("exitCode", 0), end.get("reason", "")
    meaning = "" if word == "OOMKilled" else _EXITS.get(code, "")
    if code == 0 and word != "OOMKilled":
        meaning = "a server was expected to stay"
    words = [
        f"{called(pod, name)} ended with exit code {code} ({word or 'no reason'}{', ' + meaning if meaning else ''})"
    ]
    words.append(f"{ends} times" if ends > 1 else "once")
    if word == "OOMKilled":
        limit = spec.get("resources", {}).get("limits", {}).get("memory")
        words.append(f"at its memory limit of {limit}" if limit else "as its node ran out of memory")
    if (ran := lasted(end)) is not None:
        words.append(f"the last run took {ran:.0f} s")
    meta = pod["metadata"]
    log = world.log(meta.get("namespace", ""), meta["name"], name).strip().splitlines()[-3:]
    text = ", ".join(words)
    if probe:
        text += f"; {probe}"
    if end.get("message"):
        text += f"; it left the message: {end['message']}"
    return text + (f"; last lines: {' / '.join(line.strip() for line in log)}" if log else "")


# -- it runs and does not serve


def budget(probe: Mapping[str, Any]) -> float:
    """Seconds that a probe may fail before it counts (defaults of the API: 3 times, every 10 s)."""
    return float(
        probe.get("initialDelaySeconds", 0) + probe.get("failureThreshold", 3) * probe.get("periodSeconds", 10)
    )


def _unserving(world: World, pod: Object, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Judgement | None:
    if crashing(world, status):
        return crash(world, pod, spec, status)
    name = status.get("name", "")
    ran = world.since(status.get("state", {}).get("running", {}).get("startedAt", "")) or 0.0
    cause = part(pod, name)
    if not status.get("started", True) and "startupProbe" in spec:
        allowed = budget(spec["startupProbe"])
        told = _probe_said(world, pod, name, "Startup")
        if not told:
            text = f"container {name} starts: {ran:.0f} s of the {allowed:.0f} s that its startup probe allows"
            return Judgement(State.PROGRESSING, "Starting", text, kubectl(pod), cause, container=name)
        text = f"container {name}: {told.text}; its startup probe allows {allowed:.0f} s"
        verdict = _probe_failed("StartupProbe", text, pod, name)
        spent = ran >= allowed or status.get("restartCount", 0) > 0
        return verdict if spent else recovering(verdict, f"{ran:.0f} s have passed")
    if liveness := _probe_said(world, pod, name, "Liveness"):
        ends = terminations(status)
        text = f"container {name}: {liveness.text}; ended {ends} times so far"
        verdict = _probe_failed("LivenessProbe", text, pod, name)
        return verdict if ends >= TERMINATIONS else recovering(verdict, f"given up at {TERMINATIONS} ends alike")
    if readiness := _probe_said(world, pod, name, "Readiness"):
        unready = world.since(condition(pod, "Ready").get("lastTransitionTime", ""))
        waited = ran if unready is None else min(ran, unready)
        return _probe_failed("ReadinessProbe", f"container {name}: {readiness.text}", pod, name, waited)
    return None


def _probe_failed(reason: str, text: str, pod: Object, name: str, waited: float | None = None) -> Judgement:
    command = kubectl(pod, "logs", "-c", name)
    return doom(reason, text, waited=waited, command=command, cause=part(pod, name))._replace(container=name)


def _hook_said(world: World, pod: Object, waiting: Mapping[str, Any]) -> str:
    """What the kubelet says of a lifecycle hook that failed."""
    if waiting.get("reason") == "PostStartHookError":
        return str(waiting.get("message") or "its hook after the start failed")
    events = world.events(pod, "FailedPostStartHook")
    return said(events[-1]) if events else ""


class _Probe(NamedTuple):
    """Liveness, Readiness or Startup, and what the kubelet says of it."""

    kind: str
    text: str


def _probe_said(world: World, pod: Object, name: str, *kinds: str) -> _Probe | None:
    """The latest of these probes of the container that failed."""
    for event in reversed(world.events(pod, "Unhealthy", "ProbeWarning")):
        where = subject(event).get("fieldPath", "")  # spec.containers{app}
        found = _Probe(kubelet.probe(said(event)), said(event))
        if found.kind in kinds and (not where or f"{{{name}}}" in where):
            return found
    return None
