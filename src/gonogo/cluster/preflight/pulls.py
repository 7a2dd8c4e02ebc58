"""Whether the cluster can pull what is planned: one short pod for each image, of which nothing ever runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gonogo.cluster.judge.images import REASONS
from gonogo.cluster.plan.demand import PlannedPod
from gonogo.cluster.preflight import Line, counted

CONTAINER = "pulled"

NOTHING = "/gonogo/runs/nothing"
"""What the container is told to run, and what no image has: it ends as soon as its image is there."""

UID = 65534

_PLACED = ("nodeSelector", "tolerations", "imagePullSecrets", "serviceAccountName", "runtimeClassName")


@dataclass(frozen=True)
class Pull:
    """An image to be pulled, and the pod of the plan that needs it; ``namespace`` is empty where that is not there."""

    image: str
    namespace: str
    user: PlannedPod
    policy: str = ""

    @property
    def secrets(self) -> list[str]:
        """The pull secrets that its pod names."""
        return [str(one.get("name", "")) for one in self.user.spec.get("imagePullSecrets") or ()]


@dataclass(frozen=True)
class Told:
    """What became of a pull. ``reason`` is the kubelet's word where the image did not come; empty: it did."""

    reason: str = ""
    message: str = ""


def wanted(pods: Iterable[PlannedPod], there: Collection[str]) -> list[Pull]:
    """Each image once, for the first pod that needs it; one that is always to be pulled anew is pulled so."""
    found: dict[str, Pull] = {}
    for pod in pods:
        for container in (*(pod.spec.get("initContainers") or ()), *(pod.spec.get("containers") or ())):
            image, policy = container.get("image"), str(container.get("imagePullPolicy") or "")
            if image and (image not in found or (policy == "Always" and found[image].policy != "Always")):
                found[image] = Pull(image, pod.namespace if pod.namespace in there else "", pod, policy)
    return [found[image] for image in sorted(found)]


def probe(pull: Pull, name: str, labels: Mapping[str, str], accounts: Collection[str]) -> dict[str, Any]:
    """The pod: where its user would run, with its user's pull secrets, and within every Pod Security level.

    ``accounts`` are the ServiceAccounts that are there.
    """
    spec = {key: value for key in _PLACED if (value := pull.user.spec.get(key))}
    if spec.get("serviceAccountName") not in accounts:
        spec.pop("serviceAccountName", None)
    if affinity := (pull.user.spec.get("affinity") or {}).get("nodeAffinity"):
        spec["affinity"] = {"nodeAffinity": affinity}
    container = {
        "name": CONTAINER,
        "image": pull.image,
        "command": [NOTHING],
        "resources": {"requests": {"cpu": "1m", "memory": "16Mi"}, "limits": {"cpu": "50m", "memory": "16Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        **({"imagePullPolicy": pull.policy} if pull.policy else {}),
    }
    safe = {"runAsNonRoot": True, "runAsUser": UID, "seccompProfile": {"type": "RuntimeDefault"}}
    spec |= {
        "containers": [container],
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": safe,
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": dict(labels)}, "spec": spec}


def told(pod: Mapping[str, Any]) -> Told | None:
    """What the kubelet says of the image; None as long as it says nothing."""
    status = pod.get("status") or {}
    for one in status.get("containerStatuses") or ():
        state = one.get("state") or {}
        waiting = state.get("waiting") or {}
        if waiting.get("reason") in REASONS:
            return Told(waiting["reason"], str(waiting.get("message", "")))
        if one.get("imageID") or "terminated" in state or "running" in state:
            return Told()
    return None


def unplaced(pod: Mapping[str, Any] | None) -> str:
    """Why nobody can say yet whether the image comes."""
    status = (pod or {}).get("status") or {}
    for one in status.get("conditions") or ():
        if one.get("type") == "PodScheduled" and one.get("status") == "False":
            return f"no node takes the pod that pulls it: {one.get('message', '')}".rstrip(": ")
    if status.get("reason"):
        return f"the pod that pulls it: {status['reason']}: {status.get('message', '')}".rstrip(": ")
    return ""


def line(every: Sequence[Pull], found: Mapping[str, Told], untold: Mapping[str, str], lacking: Collection[str]) -> Line:
    """Every image was pulled. ``untold`` says why nothing is known of one.

    One that is refused may yet come with the pull secret that is made later: ``lacking`` are images of which one is not
    there.
    """
    faults, unknown = [], [f"{image}: {why}" for image, why in untold.items()]
    for one in every:
        if (said := found.get(one.image)) is None or not said.reason:
            continue
        text = f"{one.image} ({one.user.shown}): {said.reason}: {said.message}".rstrip(": ")
        if one.image in lacking:
            unknown.append(f"{text}; of its pull secrets ({', '.join(one.secrets)}) one is not there yet")
        else:
            faults.append(text)
    came = sum(not one.reason for one in found.values())
    return Line(
        observed=f"{came} of {counted(len(every), 'image')} pulled",
        threshold="each comes, to a node where a pod that needs it would run",
        source="one pod for each image, of which nothing is run; the kubelet's word on it",
        faults=tuple(faults),
        unknown=tuple(unknown),
    )
