"""Why a container does not run or does not serve: what its status says, and the events about its probes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gonogo.cluster.judge import needs
from gonogo.cluster.judge.doom import NEEDS, TERMINATIONS, UNSTABLE, doom, kubectl, recovering
from gonogo.cluster.judge.images import REASONS, missing_image
from gonogo.cluster.judge.missing import missing
from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.judge.verdict import State, Verdict
from gonogo.cluster.judge.world import World, condition, instant, named, said

NOT_BEGUN = ("", "ContainerCreating", "PodInitializing")
"""Why a container waits before its kubelet has anything to say about it."""

_NO_PROGRAM = re.compile(
    r"executable file not found|no such file or directory|permission denied|is a directory|exec format"
)
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


def container(world: World, pod: Object, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Verdict | None:
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
        return Verdict(State.PROGRESSING, word, f"container {name}: {waiting.get('message') or word}", kubectl(pod))
    return None


def placed(world: World, pod: Object) -> float | None:
    """Seconds since the pod was given a node."""
    status = pod.get("status", {})
    when = condition(pod, "PodScheduled").get("lastTransitionTime") or status.get("startTime", "")
    since = world.since(when)
    return world.age(pod) if since is None else since


def part(pod: Object, name: str) -> str:
    """``Pod data/web-0, container app``, ``Pod data/web-0, init container migrate``."""
    return f"{named(pod)}, {called(pod, name)}"


def called(pod: Object, name: str) -> str:
    """``container app``, ``init container migrate``."""
    first = any(spec.get("name") == name for spec in pod.get("spec", {}).get("initContainers", ()))
    return f"{'init ' if first else ''}container {name}"


# -- it cannot be started

_WAITS = {
    "CreateContainerConfigError": "ContainerConfigInvalid",
    "CreateContainerError": "ContainerNotCreated",
    "RunContainerError": "ContainerNotCreated",
    "PreCreateHookError": "ContainerNotCreated",
    "PreStartHookError": "ContainerNotCreated",
}
"""Why a container waits (kubelet), as a reason of the doom table where the message says nothing closer."""


def _not_started(world: World, pod: Object, status: Mapping[str, Any], text: str) -> Verdict:
    name, word = status.get("name", ""), status["state"]["waiting"]["reason"]
    reason, cause = _WAITS[word], part(pod, name)
    if absent := missing(text, pod):
        reason, cause = absent
    elif "runAsNonRoot" in text or "run as root" in text:
        reason = "RunsAsRoot"
    elif _NO_PROGRAM.search(text) or "no command specified" in text:
        reason = "CommandNotFound"
    text = f"{called(pod, name)}: {text or word}"
    verdict = doom(reason, text, waited=placed(world, pod), command=kubectl(pod), cause=cause)
    if word == "RunContainerError" and reason == "CommandNotFound" and terminations(status) < TERMINATIONS:
        return recovering(verdict, f"given up at {TERMINATIONS} ends alike")
    return verdict


# -- it ends


def crash(world: World, pod: Object, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Verdict:
    """The verdict on a container that has ended though it should run, or is about to be started again."""
    state, last = status.get("state", {}), status.get("lastState", {}).get("terminated", {})
    end = state.get("terminated") or last
    name, ends = status.get("name", ""), terminations(status)
    code, word = end.get("exitCode", 0), end.get("reason", "")
    alike = not last or end is last or last.get("exitCode") == end.get("exitCode")
    probe = _probe_said(world, pod, name, "Liveness", "Startup")
    hook = _hook_said(world, pod, state.get("waiting", {}))
    text = ""
    if word in ("StartError", "ContainerCannotRun"):
        reason = "CommandNotFound" if _NO_PROGRAM.search(end.get("message", "")) else "ContainerNotCreated"
        text = f"{called(pod, name)}: {end.get('message') or word}"
    elif word == "OOMKilled":
        reason = "OOMKilled"
    elif hook:
        reason, probe = "HookFailed", hook
    elif probe and code in (137, 143, 0):
        reason = "StartupProbe" if probe.startswith("Startup") else "LivenessProbe"
    else:
        reason = "CrashLoop"
    verdict = doom(
        reason,
        text or _told(world, pod, spec, status, end, ends, probe),
        waited=placed(world, pod),
        command=kubectl(pod) if text else kubectl(pod, "logs", "-c", name, "--previous"),
        cause=part(pod, name),
    )
    if reason == "StartupProbe":
        return verdict
    need = needs.unready(world, pod) if (placed(world, pod) or 0.0) < NEEDS else None
    if need is not None:
        waits = recovering(verdict, f"{named(need)}, which it names, has no ready endpoint")
        return waits._replace(cause=named(need))
    if ends < TERMINATIONS or not alike:
        return recovering(verdict, f"given up at {TERMINATIONS} ends alike")
    if (ran := _lasted(end)) is not None and ran > UNSTABLE:
        return recovering(verdict, f"it ran {ran / 60:.0f} minutes before")
    return verdict


def terminations(status: Mapping[str, Any]) -> int:
    """How often a container has ended: its restarts, and the end that has not been answered yet."""
    return int(status.get("restartCount", 0)) + ("running" not in status.get("state", {}))


def crashing(world: World, status: Mapping[str, Any]) -> bool:
    """Whether a running container has crashed alike before and has not yet run twice as long as the last time."""
    last = status.get("lastState", {}).get("terminated", {})
    started = status.get("state", {}).get("running", {}).get("startedAt", "")
    ran, lasted = world.since(started), _lasted(last)
    if ran is None or lasted is None or status.get("restartCount", 0) < TERMINATIONS:
        return False
    return lasted <= UNSTABLE and ran < 2 * lasted + 10


def _lasted(end: Mapping[str, Any]) -> float | None:
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
    if (ran := _lasted(end)) is not None:
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


def _unserving(world: World, pod: Object, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Verdict | None:
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
            return Verdict(State.PROGRESSING, "Starting", text, kubectl(pod), cause)
        text = f"container {name}: {told}; its startup probe allows {allowed:.0f} s"
        verdict = doom("StartupProbe", text, waited=0.0, command=kubectl(pod, "logs", "-c", name), cause=cause)
        spent = ran >= allowed or status.get("restartCount", 0) > 0
        return verdict if spent else recovering(verdict, f"{ran:.0f} s have passed")
    if liveness := _probe_said(world, pod, name, "Liveness"):
        ends = terminations(status)
        text = f"container {name}: {liveness}; ended {ends} times so far"
        verdict = doom("LivenessProbe", text, waited=0.0, command=kubectl(pod, "logs", "-c", name), cause=cause)
        return verdict if ends >= TERMINATIONS else recovering(verdict, f"given up at {TERMINATIONS} ends alike")
    if readiness := _probe_said(world, pod, name, "Readiness"):
        unready = world.since(condition(pod, "Ready").get("lastTransitionTime", ""))
        return doom(
            "ReadinessProbe",
            f"container {name}: {readiness}",
            waited=ran if unready is None else min(ran, unready),
            command=kubectl(pod, "logs", "-c", name),
            cause=cause,
        )
    return None


def _hook_said(world: World, pod: Object, waiting: Mapping[str, Any]) -> str:
    """What the kubelet says of a lifecycle hook that failed."""
    if waiting.get("reason") == "PostStartHookError":
        return str(waiting.get("message") or "its hook after the start failed")
    events = world.events(pod, "FailedPostStartHook")
    return said(events[-1]) if events else ""


def _probe_said(world: World, pod: Object, name: str, *kinds: str) -> str:
    """The latest words of one of the container's probes."""
    for event in reversed(world.events(pod, "Unhealthy", "ProbeWarning")):
        subject = (event.get("involvedObject") or event.get("regarding") or {}).get("fieldPath", "")
        if said(event).startswith(kinds) and (not subject or f"{{{name}}}" in subject):
            return said(event)
    return ""
