"""Why a pod has no node: the scheduler's message, and what the nodes in the world add to it.

The message is ``0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {key: value}.
preemption: …`` (kube-scheduler, pkg/scheduler/framework/types.go, FitError).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from gonogo.cluster.judge.doom import RULES, SCALING, doom, kubectl, recovering, typed
from gonogo.cluster.judge.quantities import amount, shown
from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.judge.storage import LAZY, claim, claims_of
from gonogo.cluster.judge.verdict import Judgement, State
from gonogo.cluster.judge.world import World, condition, ended, reference, said
from gonogo.results.model import Reference

_ADDS = ("TriggeredScaleUp", "Nominated")
"""Events by which an autoscaler says that it adds a node: cluster-autoscaler, Karpenter."""

_PORTS = "free ports"
_ELSEWHERE = "volume node affinity conflict"
_NO_CLAIM = re.compile(r'persistentvolumeclaim "([^"]{1,300})" not found')
_VOLUMES = {
    "unbound immediate": "ClaimPending",
    "persistent volumes to bind": "NoVolume",
    "free storage": "NoCapacity",
}
"""What the scheduler says of volumes, as a reason of the doom table."""
_LACK = re.compile(r"Insufficient (\S{1,300})")
_LACKS = 10
"""Resources that are looked into of those that a message says are short."""


def unscheduled(world: World, pod: Object) -> Judgement:
    """The verdict on a pod whose condition PodScheduled is not True."""
    found = condition(pod, "PodScheduled")
    if found.get("reason") == "SchedulingGated" or pod.get("spec", {}).get("schedulingGates"):
        gates = ", ".join(gate.get("name", "") for gate in pod.get("spec", {}).get("schedulingGates", ()))
        return Judgement(State.SUSPENDED, "SchedulingGated", f"waits for its scheduling gates: {gates}", kubectl(pod))
    text = found.get("message", "") or _event_said(world, pod)
    if (by_claim := _claims(world, pod, text)) is not None:
        return by_claim
    if not text:
        return Judgement(State.PROGRESSING, "Pending", "waits for the scheduler", kubectl(pod))
    reason = "HostPortTaken" if _PORTS in text else "VolumeElsewhere" if _ELSEWHERE in text else "Unschedulable"
    since = world.since(found.get("lastTransitionTime", ""))
    verdict = doom(
        reason,
        "; ".join([_heading(text), *_details(world, pod, text)]),
        waited=world.age(pod) if since is None else since,
        command=kubectl(pod),
        cause=reference(pod),
    )._replace(lacks=_lacks(text))
    adds = _adds_a_node(world, pod)
    return recovering(verdict, f"a node is being added: {adds}") if adds else verdict


def _event_said(world: World, pod: Object) -> str:
    events = world.events(pod, "FailedScheduling")
    return said(events[-1]) if events else ""


def _heading(text: str) -> str:
    """The message without what it says of preemption."""
    return text.partition(" preemption:")[0].rstrip(". ")


def _adds_a_node(world: World, pod: Object) -> str:
    events = world.events(pod, *_ADDS, "NotTriggerScaleUp", "FailedScaleUp")
    if not events or events[-1].get("reason") not in _ADDS:
        return ""
    since = world.since(events[-1].get("lastTimestamp") or events[-1].get("eventTime") or "")
    return said(events[-1]) if since is None or since < SCALING else ""


# -- volumes


def _claims(world: World, pod: Object, text: str) -> Judgement | None:
    """The verdict of the claim that the pod waits for, where the scheduler names claims."""
    space = pod["metadata"].get("namespace", "")
    found = _NO_CLAIM.search(text)
    if found and world.get("PersistentVolumeClaim", space, found[1]) is not None:  # made since: it will look again
        waiting = Judgement(State.PROGRESSING, "Pending", f"waits for the scheduler, which said: {text}", kubectl(pod))
        return next(_unbound(world, pod), waiting)
    if found:
        waited = world.age(pod)
        cause = Reference(kind="PersistentVolumeClaim", namespace=space, name=found[1])
        return doom("ClaimMissing", _heading(text), waited=waited, command=typed(space, "get", "pvc"), cause=cause)
    verdicts = sorted(_unbound(world, pod), key=lambda verdict: (verdict.state.severity, verdict.reason == LAZY))
    doomed = next((verdict for verdict in verdicts if verdict.reason in RULES), None)
    binding = not text or "VolumeBinding" in text or "binding volumes" in text
    if doomed and (binding or "unbound immediate" in text):
        return doomed
    if "unbound immediate" in text and verdicts:
        return verdicts[0]
    reason = next((reason for words, reason in _VOLUMES.items() if words in text), "")
    if not reason:
        return None
    blamed = verdicts[0].cause if verdicts else reference(pod)
    return doom(reason, _heading(text), waited=world.age(pod), command=kubectl(pod), cause=blamed)


def _unbound(world: World, pod: Object) -> Iterator[Judgement]:
    """The verdicts on the pod's claims that are not bound."""
    for name in claims_of(pod):
        obj = world.get("PersistentVolumeClaim", pod["metadata"].get("namespace", ""), name)
        if obj is not None and obj.get("status", {}).get("phase") != "Bound":
            yield claim(world, obj)._replace(cause=reference(obj))


# -- what the nodes add


def _lacks(text: str) -> tuple[str, ...]:
    """The resources that nodes have too little of."""
    found = _LACK.finditer(_heading(text))
    return tuple(dict.fromkeys(one[1].rstrip(".,") for one in islice(found, _LACKS)))


def _details(world: World, pod: Object, text: str) -> Iterator[str]:
    nodes = world.of_kind("Node")
    if not nodes:
        return
    wanted = requests(pod.get("spec", {}))
    for resource in _lacks(text):
        yield from _lacking(world, nodes, resource, wanted.get(resource, 0.0))
    if "untolerated taint" in text:
        yield from _tainted(nodes, pod)
    if "affinity/selector" in text or "node selector" in text:
        yield from _unlabelled(nodes, pod)
    if "unschedulable" in text:
        cordoned = [node["metadata"]["name"] for node in nodes if node.get("spec", {}).get("unschedulable")]
        if cordoned:
            yield f"cordoned: {_few(cordoned)}"


def _lacking(world: World, nodes: Any, resource: str, wanted: float) -> Iterator[str]:
    if resource == "pods" or resource.startswith("Too"):
        return
    rooms, taken = [], world.index(_taken)
    for node in nodes:
        name = node["metadata"]["name"]
        has = amount(node.get("status", {}).get("allocatable", {}).get(resource, 0))
        rooms.append((has - taken.get(name, {}).get(resource, 0.0), has, name))
    free, has, best = max(rooms)
    if world.knows_all("Pod") and wanted > free:
        yield (
            f"{best}, which has most, lacks {shown(resource, wanted - free)} {resource}: "
            f"{shown(resource, wanted)} asked for, {shown(resource, free)} free of {shown(resource, has)}"
        )
    elif wanted > has:
        yield f"{best}, the largest, has {shown(resource, has)} {resource} in all, {shown(resource, wanted)} asked for"


def _taken(world: World) -> Mapping[str, Mapping[str, float]]:
    """What the pods on each node ask for."""
    found: dict[str, dict[str, float]] = {}
    for pod in world.of_kind("Pod"):
        place = pod.get("spec", {}).get("nodeName")
        if place and not ended(pod):
            _add(found.setdefault(place, {}), requests(pod["spec"]))
    return found


def requests(spec: Mapping[str, Any]) -> dict[str, float]:
    """What a pod asks a node for: the larger of its containers with its sidecars, and any init container with the
    sidecars started before it; plus overhead (Kubernetes "Sidecar containers", resource sharing)."""
    total: dict[str, float] = {}
    peak: dict[str, float] = {}
    sidecars: dict[str, float] = {}
    for container in spec.get("initContainers", ()):
        asked = _asked(container)
        if container.get("restartPolicy") == "Always":
            _add(sidecars, asked)
            _add(total, asked)
        for resource in asked:
            extra = 0.0 if container.get("restartPolicy") == "Always" else asked[resource]
            peak[resource] = max(peak.get(resource, 0.0), sidecars.get(resource, 0.0) + extra)
    for container in spec.get("containers", ()):
        _add(total, _asked(container))
    for resource, most in peak.items():
        total[resource] = max(total.get(resource, 0.0), most)
    _add(total, {name: amount(quantity) for name, quantity in spec.get("overhead", {}).items()})
    return total


def _asked(container: Mapping[str, Any]) -> dict[str, float]:
    resources = container.get("resources", {})
    asked = {**resources.get("limits", {}), **resources.get("requests", {})}
    return {name: amount(quantity) for name, quantity in asked.items()}


def _add(total: dict[str, float], more: Mapping[str, float]) -> None:
    for resource, number in more.items():
        total[resource] = total.get(resource, 0.0) + number


def _tainted(nodes: Any, pod: Object) -> Iterator[str]:
    tolerations = pod.get("spec", {}).get("tolerations", ())
    for node in nodes:
        for taint in node.get("spec", {}).get("taints", ()):
            if taint.get("effect") != "PreferNoSchedule" and not any(tolerates(t, taint) for t in tolerations):
                value = f"={taint['value']}" if taint.get("value") else ""
                taint_shown = f"{taint.get('key', '')}{value}:{taint.get('effect', '')}"
                yield f"{node['metadata']['name']} has the taint {taint_shown}"


def tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    """Whether a pod with this toleration may be on a node with this taint (Kubernetes "Taints and Tolerations")."""
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if not toleration.get("key"):
        return bool(toleration.get("operator") == "Exists")
    if toleration["key"] != taint.get("key"):
        return False
    return bool(toleration.get("operator") == "Exists" or toleration.get("value", "") == taint.get("value", ""))


def _unlabelled(nodes: Any, pod: Object) -> Iterator[str]:
    for name, value in pod.get("spec", {}).get("nodeSelector", {}).items():
        if not any(node["metadata"].get("labels", {}).get(name) == value for node in nodes):
            has = sorted({node["metadata"].get("labels", {}).get(name) for node in nodes} - {None})
            yield f"no node has the label {name}={value}" + (f", they have {_few(has)}" if has else "")


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
