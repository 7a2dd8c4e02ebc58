"""Claims and volumes: bound, waiting on purpose, or waiting for what will not come."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from gonogo.cluster.judge.doom import doom, kubectl, typed
from gonogo.cluster.judge.quantities import amount
from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.judge.verdict import READY, Judgement, State, short
from gonogo.cluster.judge.world import World, condition, reference, said, seen
from gonogo.results.model import Storage

LAZY = "WaitForFirstConsumer"
BY_HAND = "kubernetes.io/no-provisioner"
SELECTED = "volume.kubernetes.io/selected-node"
"""What the scheduler writes once it has a node for the pod: from then on the provisioner is waited for."""
PROVISIONER = ("volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner")
"""Who is to make the volume (kubernetes.io/docs/reference/labels-annotations-taints)."""
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"

_SAID = (
    ("StorageClassMissing", re.compile(r"storageclass\S{0,60} \"[^\"]{0,300}\" not found")),
    ("NoStorageClass", re.compile(r"no storage class is set")),
    ("AccessModeRefused", re.compile(r"access ?mode")),
    (
        "NoCapacity",
        re.compile(r"no space|resourceexhausted|insufficient|not enough|quota|outofrange|out of range|capacity|exceed"),
    ),
    ("NoVolume", re.compile(r"no persistent volumes available|already bound to a different claim|no-provisioner")),
)
"""What controllers and provisioners say (pv_controller.go, external-provisioner; storage back ends choose their own
words), as a reason of the doom table."""


def measure(world: World, meant: Callable[[Object], bool]) -> Storage:
    """All claims that are meant."""
    claims = bound = requested = held = 0
    for obj in world.of_kind("PersistentVolumeClaim"):
        if not meant(obj):
            continue
        status = obj.get("status", {})
        claims += 1
        requested += int(amount(obj.get("spec", {}).get("resources", {}).get("requests", {}).get("storage", 0)))
        if status.get("phase") == "Bound":
            bound += 1
            held += int(amount(status.get("capacity", {}).get("storage", 0)))
    return Storage(claims=claims, bound=bound, requested_bytes=requested, bound_bytes=held)


def claim(world: World, obj: Object) -> Judgement:
    """A PersistentVolumeClaim: ready where it is Bound; an unbound ``WaitForFirstConsumer`` waits on purpose."""
    phase = obj.get("status", {}).get("phase", "")
    if phase == "Bound":
        return _resizing(obj)
    if phase == "Lost":
        text = f"its volume {obj.get('spec', {}).get('volumeName', '')} is gone"
        return doom("ClaimLost", text, waited=world.age(obj), command=kubectl(obj))
    if phase not in ("", "Pending"):
        return Judgement(State.UNKNOWN, "PhaseUnknown", f"phase {phase}", kubectl(obj))
    return _unbound(world, obj)


def _resizing(obj: Object) -> Judgement:
    for kind in ("ControllerResizeError", "NodeResizeError", "FileSystemResizePending", "Resizing"):
        if condition(obj, kind).get("status") == "True":
            return Judgement(State.READY, kind, short(condition(obj, kind).get("message", "") or "is being resized"))
    return READY


def _unbound(world: World, obj: Object) -> Judgement:
    wanted = obj.get("spec", {}).get("storageClassName")
    reason, text = _told(world, obj)
    kind = world.get("StorageClass", "", wanted) if wanted else None
    if reason == "NoStorageClass" and wanted == "":
        reason = "NoVolume"
    if not reason and wanted and world.absent("StorageClass", "", wanted) and not _volumes(world, wanted):
        reason, text = "StorageClassMissing", f"there is no storage class {wanted}"
    if not reason and wanted is None and _no_default(world):
        reason, text = "NoStorageClass", "it names no storage class, and none is the default"
    if not reason and wanted == "" and world.knows_all("PersistentVolume") and not _volumes(world, ""):
        reason, text = "NoVolume", "it wants a volume without a class, and there is none"
    if reason:
        return doom(reason, text, waited=world.age(obj), command=_command(obj, reason, wanted))
    notes = obj["metadata"].get("annotations", {})
    if node := notes.get(SELECTED):
        provisioner = next((notes[key] for key in PROVISIONER if key in notes), (kind or {}).get("provisioner", ""))
        asked = world.events(obj, "ExternalProvisioning")
        # without the event nobody knows since when: the claim may have waited long for its pod
        waited = world.since(asked[0].get("firstTimestamp") or seen(asked[0])) if asked else None
        text = f"no answer of {provisioner or 'its provisioner'}, which is to make the volume for node {node}"
        return doom("ProvisionerSilent", text, waited=waited, command=kubectl(obj), cause=reference(obj))
    if (kind or {}).get("volumeBindingMode") == LAZY or world.events(obj, LAZY, "WaitForPodScheduled"):
        users = world.index(_users).get((obj["metadata"].get("namespace", ""), obj["metadata"]["name"]))
        waits = f"waits until Pod {users[0]} has a node" if users else "waits for the first pod that uses it"
        return Judgement(State.PROGRESSING, LAZY, waits, kubectl(obj))
    if kind is not None and kind.get("provisioner") == BY_HAND:
        text = f"class {wanted} has no provisioner, and no free volume of it fits"
        return doom("NoVolume", text, waited=world.age(obj), command="kubectl get pv")
    if kind is not None:
        text = f"no answer of {kind.get('provisioner', '')}, the provisioner of class {wanted}"
        return doom("ProvisionerSilent", text, waited=world.age(obj), command=kubectl(obj))
    return doom("ClaimPending", "no volume is bound to it yet", waited=world.age(obj), command=kubectl(obj))


def _told(world: World, obj: Object) -> tuple[str, str]:
    """The latest complaint about a claim, as a reason of the doom table."""
    events = world.events(obj, "ProvisioningFailed", "FailedBinding", "VolumeMismatch", "ProvisioningCleanupFailed")
    if not events:
        return "", ""
    text = said(events[-1])
    low = text.lower()
    return next((reason for reason, pattern in _SAID if pattern.search(low)), "ProvisioningFailed"), text


def _volumes(world: World, kind: str) -> list[Object]:
    return [pv for pv in world.of_kind("PersistentVolume") if pv.get("spec", {}).get("storageClassName", "") == kind]


def _no_default(world: World) -> bool:
    return world.knows_all("StorageClass") and not any(
        kind["metadata"].get("annotations", {}).get(DEFAULT_CLASS) == "true" for kind in world.of_kind("StorageClass")
    )


def _users(world: World) -> Mapping[tuple[str, str], list[str]]:
    """The names of the pods that mount each claim, by namespace and name of the claim."""
    found: dict[tuple[str, str], list[str]] = {}
    for pod in world.of_kind("Pod"):
        for name in claims_of(pod):
            found.setdefault((pod["metadata"].get("namespace", ""), name), []).append(pod["metadata"]["name"])
    return found


def claims_of(pod: Object) -> list[str]:
    """The names of the claims that a pod mounts; a generic ephemeral volume's is made of the pod's and its own."""
    volumes = pod.get("spec", {}).get("volumes", ())
    found = [volume.get("persistentVolumeClaim", {}).get("claimName", "") for volume in volumes]
    found += [f"{pod['metadata']['name']}-{volume.get('name', '')}" for volume in volumes if "ephemeral" in volume]
    return [name for name in found if name]


def _command(obj: Object, reason: str, wanted: str | None) -> str:
    if reason in ("StorageClassMissing", "NoStorageClass"):
        return "kubectl get storageclass"
    if reason == "AccessModeRefused" and wanted:
        return typed("", "describe", "storageclass", wanted)
    return "kubectl get pv" if reason == "NoVolume" else kubectl(obj)


def volume(_world: World, obj: Object) -> Judgement:
    """A PersistentVolume: ready where it is bound or free; a released one keeps the data of a claim that is gone."""
    status = obj.get("status", {})
    match status.get("phase", ""):
        case "Bound" | "Available":
            return READY
        case "Released":
            owner = obj.get("spec", {}).get("claimRef", {})
            text = f"claim {owner.get('namespace', '')}/{owner.get('name', '')} is gone, its data is kept"
            return Judgement(State.READY, "Released", text, kubectl(obj))
        case "Failed":
            text = status.get("message") or status.get("reason") or "it could not be reclaimed"
            return Judgement(State.FAILED, "ReclaimFailed", short(text), kubectl(obj), reference(obj))
        case "Pending" | "":
            return Judgement(State.PROGRESSING, "Pending", "is being made ready", kubectl(obj))
        case other:
            return Judgement(State.UNKNOWN, "PhaseUnknown", f"phase {other}", kubectl(obj))
