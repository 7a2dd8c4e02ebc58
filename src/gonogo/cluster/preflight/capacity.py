"""Whether storage has room for what is planned: a ladder of what can be known of a StorageClass, the rung named.

1. no provisioner: volumes that are there, each claim one of its own, on a node that takes pods;
2. a CSI driver that tells capacity: each claim within one segment of the topology;
3. what a person has looked up and written into the target file;
4. a class that binds anything: nobody can tell.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gonogo.cluster.judge.endpoints import matches
from gonogo.cluster.judge.quantities import amount, shown
from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.judge.storage import BY_HAND
from gonogo.cluster.plan.admission import class_of, exceeds
from gonogo.cluster.plan.board import reaches
from gonogo.cluster.plan.demand import PlannedClaim
from gonogo.cluster.plan.ground import Ground
from gonogo.cluster.preflight import Confidence, Line, counted, once

SURE: Mapping[str, Confidence] = {
    "volumes made by hand": "high",
    "CSIStorageCapacity": "high",
    "the target file": "low",
    "none": "low",
}
"""How sure each rung is."""

GIB = 1 << 30


@dataclass(frozen=True)
class Supply:
    """What is known of one class: the rung, what there is in words, and what does not fit or cannot be told."""

    rung: str
    told: str
    faults: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def storage(
    claims: Iterable[PlannedClaim], ground: Ground, said: Mapping[str, float], untold: Iterable[str] = ()
) -> Line:
    """What the claims that are not there yet ask of each class, held against its supply.

    ``said`` is what the target file says is free, in GiB by class; ``untold`` what may ask for more.
    """
    every = list({one.shown: one for one in claims}.values())
    fresh = [one for one in every if (one.namespace, one.name) not in ground.claim_by_name]
    by_class: dict[str, list[PlannedClaim]] = defaultdict(list)
    for one in fresh:
        by_class[class_of(one, ground) or ""].append(one)
    supplies = {name: _supply(name, by_class[name], ground, said) for name in sorted(by_class)}
    whole = sum(one.size for one in every)
    told = [
        f"{name or 'no class'}: {_size(sum(one.size for one in by_class[name]))} "
        f"in {counted(len(by_class[name]), 'claim')}; {supply.rung}: {supply.told}"
        for name, supply in supplies.items()
    ]
    there = len(every) - len(fresh)
    observed = f"{_size(whole)} planned in {counted(len(every), 'claim')}, {there} of them there already"
    sure: list[Confidence] = [SURE[one.rung] for one in supplies.values()]
    return Line(
        observed="; ".join([observed, *told]),
        threshold=f"room for {_size(sum(one.size for one in fresh))} in {counted(len(fresh), 'claim')}",
        source="; ".join(once(f"class {name or '(none)'}: {one.rung}" for name, one in supplies.items()))
        or "PersistentVolumeClaims of the plan and of the cluster",
        confidence="low" if "low" in sure else "high",
        faults=once(fault for one in supplies.values() for fault in one.faults),
        unknown=once([*(why for one in supplies.values() for why in one.unknown), *untold]),
    )


def _supply(name: str, claims: list[PlannedClaim], ground: Ground, said: Mapping[str, float]) -> Supply:
    if "classes" in ground.unseen:
        return Supply("none", "unknown", unknown=(f"classes may not be listed: {ground.unseen['classes']}",))
    kind = ground.class_by_name.get(name)
    if name and kind is None and not _by_hand(name, ground):
        return Supply("none", "it is not there", faults=(f"there is no StorageClass {name}",))
    if not name and any(one.storage_class is None for one in claims):
        return Supply("none", "no default", faults=("there is no default StorageClass for claims that name none",))
    if kind is None or kind.get("provisioner") == BY_HAND:
        return _volumes(name, claims, ground)
    told = [one for one in ground.drivers if one["metadata"]["name"] == kind.get("provisioner")]
    if any(one.get("spec", {}).get("storageCapacity") for one in told):
        return _segments(name, claims, ground)
    asked = sum(one.size for one in claims)
    if name in said:
        free = said[name] * GIB
        short = f"class {name}: {_size(asked)} asked, the target file says that {_size(free)} are free"
        return Supply("the target file", f"{_size(free)} free", (short,) if exceeds(asked, free) else ())
    why = (
        f"class {name} ({kind.get('provisioner', '')}) binds whatever is asked and tells no capacity: "
        f"whether it has {_size(asked)} is not known"
    )
    return Supply("none", "it tells no capacity", unknown=(why,))


def _by_hand(name: str, ground: Ground) -> bool:
    """Whether volumes name a class for which there is no object: that is allowed."""
    return any(one.get("spec", {}).get("storageClassName") == name for one in ground.volumes)


def _volumes(name: str, claims: list[PlannedClaim], ground: Ground) -> Supply:
    rung = "volumes made by hand"
    for key in ("volumes", "nodes"):
        if key in ground.unseen:
            return Supply(rung, "unknown", unknown=(f"{key} may not be listed: {ground.unseen[key]}",))
    usable = [one for one in ground.nodes if not one.get("spec", {}).get("unschedulable")]
    free = [
        one
        for one in ground.volumes
        if one.get("status", {}).get("phase") == "Available"
        and not one.get("spec", {}).get("claimRef")
        and one.get("spec", {}).get("storageClassName", "") == name
        and any(reaches(one, node) for node in usable)
    ]
    total = sum(map(_volume_size, free))
    lacking = []
    for claim in sorted(claims, key=lambda one: -one.size):
        fitting = [one for one in free if _serves(one, claim)]
        if not fitting:
            largest = max(map(_volume_size, free), default=0.0)
            lacking.append(
                f"claim {claim.shown} asks {_size(claim.size)}, the largest volume left has {_size(largest)}"
            )
            continue
        free.remove(min(fitting, key=_volume_size))
    return Supply(rung, f"{_size(total)} in volumes that are free on nodes that take pods", tuple(lacking))


def _serves(volume: Object, claim: PlannedClaim) -> bool:
    spec = volume.get("spec", {})
    return (
        not exceeds(claim.size, _volume_size(volume))
        and set(claim.modes) <= set(spec.get("accessModes", ()))
        and (not claim.selector or matches(claim.selector, volume["metadata"].get("labels", {})))
        and claim.volume in ("", volume["metadata"]["name"])
    )


def _segments(name: str, claims: list[PlannedClaim], ground: Ground) -> Supply:
    """storage.k8s.io CSIStorageCapacity: no object, or one without a size, is no capacity; they are not added up."""
    rung = "CSIStorageCapacity"
    if "capacities" in ground.unseen:
        return Supply(rung, "unknown", unknown=(f"capacities may not be listed: {ground.unseen['capacities']}",))
    own = [one for one in ground.capacities if one.get("storageClassName") == name and one.get("nodeTopology")]
    segments = {str(one["metadata"]["name"]): one for one in own}
    left = {key: amount(one.get("capacity", 0)) for key, one in segments.items()}
    most = {key: amount(one.get("maximumVolumeSize", one.get("capacity", 0))) for key, one in segments.items()}
    shared = _overlapping(segments, ground)
    lacking: list[str] = []
    doubtful: list[str] = []
    for claim in sorted(claims, key=lambda one: -one.size):
        able = [key for key in segments if not exceeds(claim.size, min(left[key], most[key]))]
        if able:
            chosen = max(able, key=lambda key: left[key])
            for key in {chosen, *shared[chosen]}:  # what is taken of a disk is taken in every segment that has it
                left[key] -= claim.size
            continue
        largest = max((min(left[key], most[key]) for key in segments), default=0.0)
        text = (
            f"claim {claim.shown} asks {_size(claim.size)}, the roomiest segment of class {name} has {_size(largest)}"
        )
        alone = any(not exceeds(claim.size, most[key]) for key in segments)
        (doubtful if alone and any(shared.values()) else lacking).append(text)
    told = ", ".join(f"{_size(amount(one.get('capacity', 0)))}" for one in segments.values()) or "no segment"
    return Supply(rung, f"{told} in {counted(len(segments), 'segment')}", tuple(lacking), tuple(doubtful))


def _overlapping(segments: Mapping[str, Object], ground: Ground) -> Mapping[str, set[str]]:
    """Segments that have a node in common with each."""
    nodes = {
        key: {
            node["metadata"]["name"]
            for node in ground.nodes
            if matches(one["nodeTopology"], node["metadata"].get("labels", {}))
        }
        for key, one in segments.items()
    }
    return {key: {other for other in segments if other != key and nodes[key] & nodes[other]} for key in segments}


def default_class(classes: Iterable[Mapping[str, Any]], marked: str, claims: Iterable[PlannedClaim]) -> Line:
    """Exactly one StorageClass is the default one; ``marked`` is the annotation that says so."""
    every = list(classes)
    default = [one for one in every if one["metadata"].get("annotations", {}).get(marked) == "true"]
    asking = sum(one.storage_class is None for one in claims)
    told = [
        f"{one['metadata']['name']} ({one.get('provisioner', '')}, {one.get('volumeBindingMode', 'Immediate')}, "
        f"{one.get('reclaimPolicy', 'Delete')})"
        for one in default
    ]
    fault: tuple[str, ...] = ()
    if not default:
        fault = (f"none of {len(every)} StorageClasses is the default one",)
    elif len(default) > 1:
        fault = (f"{len(default)} StorageClasses are the default one: of them the newest counts",)
    return Line(
        observed=f"default: {', '.join(told) or 'none'}; {counted(asking, 'planned claim')} without a class",
        threshold="exactly 1 default StorageClass",
        source="StorageClasses of the cluster",
        faults=fault,
    )


def room(findings: Iterable[Any], stages: Iterable[str], sums: str, source: str, *, warnings: bool = False) -> Line:
    """What a plan finds of these stages; ``warnings``: they count as well."""
    stages, every = set(stages), list(findings)
    heavy = {"problem", "warning"} if warnings else {"problem"}
    faults = [_told(one) for one in every if one.weight in heavy and one.stage in stages]
    unknown = [_told(one) for one in every if one.weight == "unknown"]
    beyond = not stages & {"rest", "passing"} and any(
        one.weight == "problem" and one.stage in ("rest", "passing") for one in every
    )
    if beyond:
        unknown.append("what is planned does not fit at rest, so that nothing beyond it was tried")
    return Line(
        observed=sums,
        threshold="a place for every planned pod",
        source=source,
        confidence="medium" if any(one.cause == "tight" for one in every) else "high",
        faults=once(faults),
        unknown=once(unknown),
    )


def admitted(findings: Iterable[Any], unseen: Mapping[str, str]) -> Line:
    """What quotas and LimitRanges say of what is planned; ``unseen`` are kinds that may not be listed, and why."""
    every = list(findings)
    own = [one for one in every if one.cause in ("quota", "limit_range")]
    blind = [f"{kind} may not be listed: {unseen[kind]}" for kind in ("quotas", "limits") if kind in unseen]
    return Line(
        observed=f"{counted(len(own), 'refusal')} by quotas and LimitRanges",
        threshold="no planned pod or claim is refused",
        source="ResourceQuotas and LimitRanges of the namespaces, and the plan",
        faults=once(_told(one) for one in own if one.weight != "unknown"),
        unknown=once([_told(one) for one in own if one.weight == "unknown"] + blind),
    )


def taken(demands: Iterable[Any]) -> Iterator[PlannedClaim]:
    """All claims of demands."""
    for demand in demands:
        yield from demand.every_claim


def asked_for(shares: Iterable[Any], which: str) -> str:
    """``27 pods, 20.5 cores and 58.0 GiB``: the sum of shares ``at rest`` or ``at most``."""
    every = [getattr(one, which) for one in shares]
    total: Counter[str] = Counter()
    for one in every:
        total.update({"pods": one.pods, "cpu": one.cpu, "memory": one.memory})
    return f"{counted(total['pods'], 'pod')}, {shown('cpu', total['cpu'])} cores and {_size(total['memory'])} of memory"


def _told(one: Any) -> str:
    where = " ".join(filter(None, (one.component, one.subject)))
    return f"{where}: {one.message}" if where else str(one.message)


def _volume_size(volume: Object) -> float:
    return amount(volume.get("spec", {}).get("capacity", {}).get("storage", 0))


def _size(size: float) -> str:
    return shown("storage", size) if size else "0 GiB"
