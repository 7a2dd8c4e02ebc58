"""What the API server refuses before anything is scheduled: LimitRanges, quotas, classes that are not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gonogo.cluster.judge.quantities import amount, shown
from gonogo.cluster.judge.scheduling import requests
from gonogo.cluster.judge.storage import BY_HAND
from gonogo.cluster.plan.demand import PlannedClaim, PlannedPod
from gonogo.cluster.plan.findings import PlanFinding, Weight
from gonogo.cluster.plan.ground import BUILT_IN_PRIORITIES, Ground

STORAGE_CLASS = ".storageclass.storage.k8s.io/"

_SIDES = {"requests.": "requests", "limits.": "limits"}
_BARE = ("cpu", "memory", "ephemeral-storage")

_DEMANDED = ("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")
"""A quota on one of these makes every container say it (kubernetes pkg/quota/v1/evaluator/core/pods.go)."""

_EASE = 1e-6
"""What two sums of the same amounts may differ by, as a share."""


def exceeds(wanted: float, there: float) -> bool:
    """Whether more is wanted than there is, whatever floating point makes of sums."""
    return wanted - there > _EASE * max(1.0, abs(there))


def problem(cause: str, subject: str, message: str, hint: str = "") -> PlanFinding:
    """A finding that it will not work."""
    return PlanFinding(weight=Weight.PROBLEM, cause=cause, subject=subject, message=message, hint=hint)


# -- LimitRanges


def defaulted(pod: PlannedPod, ground: Ground) -> PlannedPod:
    """The pod with the requests and limits that the API server and the LimitRanges of its namespace give it.

    kubernetes.io/docs/concepts/policy/limit-range: a limit alone is the request too; then come the defaults.
    """
    ranges = [one for limits in _of(ground.limits, pod.namespace) for one in limits if one.get("type") == "Container"]

    def filled(container: Mapping[str, Any]) -> dict[str, Any]:
        resources = container.get("resources", {})
        limits = dict(resources.get("limits", {}))
        asked = {**limits, **resources.get("requests", {})}
        for one in ranges:
            asked = {**one.get("defaultRequest", one.get("default", {})), **asked}
            limits = {**one.get("default", {}), **limits}
        return {**container, "resources": {"requests": asked, "limits": limits}}

    spec = dict(pod.spec)
    for key in ("containers", "initContainers"):
        spec[key] = [filled(one) for one in pod.spec.get(key, ())]
    return replace(pod, spec=spec)


def outside(pod: PlannedPod, ground: Ground) -> Iterator[PlanFinding]:
    """Least and most of the LimitRanges of its namespace that the pod, defaulted, does not keep."""
    containers = [*pod.spec.get("initContainers", ()), *pod.spec.get("containers", ())]
    for one in (one for limits in _of(ground.limits, pod.namespace) for one in limits):
        if one.get("type") == "Container":
            for container in containers:
                resources = container.get("resources", {})
                whose = f"container {container.get('name', '')}"
                asked, most = resources.get("requests", {}), resources.get("limits", {})
                found = list(_bounds(pod, one, whose, asked, most))
                yield from found or _above(pod, whose, asked, most)
        elif one.get("type") == "Pod":
            yield from _bounds(pod, one, "the pod", pod.requests, limits_of(pod))


def _bounds(
    pod: PlannedPod, one: Mapping[str, Any], whose: str, asked: Mapping[str, Any], limits: Mapping[str, Any]
) -> Iterator[PlanFinding]:
    """The plugin's own rules: least is held against requests, most against limits and requests."""
    for resource, least in one.get("min", {}).items():
        has = amount(asked.get(resource, 0))
        if exceeds(amount(least), has):
            text = f"{whose} asks {shown(resource, has)} {resource}, the LimitRange wants at least {least}"
            yield problem("limit_range", pod.shown, text, "raise the request, or change the LimitRange")
    for resource, most in one.get("max", {}).items():
        has = max(amount(limits.get(resource, 0)), amount(asked.get(resource, 0)))
        if exceeds(has, amount(most)):
            over = shown(resource, has - amount(most))
            text = f"{whose} may take {shown(resource, has)} {resource}, the LimitRange allows {most}: {over} too much"
            yield problem("limit_range", pod.shown, text, "lower the limit, or change the LimitRange")
    for resource, ratio in one.get("maxLimitRequestRatio", {}).items():
        has, least = amount(limits.get(resource, 0)), amount(asked.get(resource, 0))
        if least and exceeds(has / least, amount(ratio)):
            text = (
                f"the limit of {whose} is {has / least:.1f} times its request of {resource}, at most {ratio} is allowed"
            )
            yield problem("limit_range", pod.shown, text, "raise the request")


def _above(pod: PlannedPod, whose: str, asked: Mapping[str, Any], limits: Mapping[str, Any]) -> Iterator[PlanFinding]:
    """A request above the limit that it is given by default: the API server refuses it."""
    for resource in asked.keys() & limits.keys():
        if exceeds(amount(asked[resource]), amount(limits[resource])):
            text = f"{whose} asks {asked[resource]} {resource}, more than its limit, {limits[resource]}"
            yield problem("limit_range", pod.shown, text, f"set resources.limits.{resource}")


def claim_bounds(claim: PlannedClaim, ground: Ground) -> Iterator[PlanFinding]:
    """Sizes that the LimitRanges of a claim's namespace do not allow."""
    for one in (one for limits in _of(ground.limits, claim.namespace) for one in limits):
        if one.get("type") != "PersistentVolumeClaim":
            continue
        for key, off in (("max", claim.size), ("min", -claim.size)):
            bound = one.get(key, {}).get("storage")
            if bound is not None and exceeds(off, amount(bound) if key == "max" else -amount(bound)):
                by = shown("storage", abs(claim.size - amount(bound)))
                word = ("at most", "too much") if key == "max" else ("at least", "too little")
                text = f"asks {shown('storage', claim.size)}, the LimitRange allows {word[0]} {bound}: {by} {word[1]}"
                yield problem("limit_range", claim.shown, text, "change its size")


def _of(objects: Iterable[Any], namespace: str) -> Iterator[list[Mapping[str, Any]]]:
    for one in objects:
        if one["metadata"].get("namespace") == namespace:
            yield one.get("spec", {}).get("limits", [])


def limits_of(pod: PlannedPod) -> Mapping[str, float]:
    """What the pod may take, by the rule by which requests are added up."""

    def bare(container: Mapping[str, Any]) -> dict[str, Any]:
        return {**container, "resources": {"requests": container.get("resources", {}).get("limits", {})}}

    keys = ("containers", "initContainers")
    return requests({**pod.spec, **{key: [bare(one) for one in pod.spec.get(key, ())] for key in keys}})


# -- quotas


def quotas(
    pods: Iterable[PlannedPod], claims: Iterable[PlannedClaim], counted: Mapping[tuple[str, str], int], ground: Ground
) -> Iterator[PlanFinding]:
    """What new pods and claims do not get of the ResourceQuotas, and by how much; the last pod that goes over is named.

    ``counted`` is how many new objects there are by namespace and resource (``deployments.apps``).
    """
    pods, claims = list(pods), list(claims)
    for quota in ground.quotas:
        space, name = quota["metadata"].get("namespace", ""), quota["metadata"]["name"]
        hard = quota.get("status", {}).get("hard") or quota.get("spec", {}).get("hard", {})
        used = quota.get("status", {}).get("used", {})
        meant = _scope(quota)
        if meant is None:
            continue
        own = [pod for pod in pods if pod.namespace == space and meant(pod)]
        kept = [one for one in claims if one.namespace == space] if not _scopes(quota) else []
        yield from _undemanded(name, hard, own)
        for resource, limit in hard.items():
            have, left = (
                _shares(resource, own, kept, counted, ground, space),
                amount(limit) - amount(used.get(resource, 0)),
            )
            total = sum(size for _, size in have)
            if total and exceeds(total, left):
                subject, sofar = "", 0.0
                for subject, size in have:  # noqa: B007 - the one that goes over is meant
                    sofar += size
                    if exceeds(sofar, left):
                        break
                plain = resource.rpartition("/")[2].removeprefix("requests.").removeprefix("limits.")
                text = (
                    f"quota {space}/{name}: {shown(plain, total)} more {resource} is asked for, "
                    f"{shown(plain, max(left, 0.0))} of {shown(plain, amount(limit))} is left: "
                    f"{shown(plain, total - max(left, 0.0))} too much"
                )
                yield problem("quota", subject, text, f"kubectl -n {space} describe quota {name}")


def _undemanded(name: str, hard: Mapping[str, Any], pods: Iterable[PlannedPod]) -> Iterator[PlanFinding]:
    told: set[tuple[str, str, str]] = set()
    for resource in (one for one in hard if one in _DEMANDED):
        side = "limits" if resource.startswith("limits.") else "requests"
        bare = "memory" if resource.endswith("memory") else "cpu"
        for pod in pods:
            for container in (*pod.spec.get("initContainers", ()), *pod.spec.get("containers", ())):
                key = (pod.owner, container.get("name", ""), resource)
                if bare not in container.get("resources", {}).get(side, {}) and key not in told:
                    told.add(key)
                    text = f"container {key[1]} says no {side}.{bare}, quota {name} wants it of every container"
                    yield problem("quota", pod.shown, text, f"set resources.{side}.{bare}")


def _shares(
    resource: str,
    pods: list[PlannedPod],
    claims: list[PlannedClaim],
    counted: Mapping[tuple[str, str], int],
    ground: Ground,
    space: str,
) -> list[tuple[str, float]]:
    """Who takes how much of a quota's resource."""
    if resource in ("pods", "count/pods"):
        return [(pod.shown, 1.0) for pod in pods]
    if resource in ("persistentvolumeclaims", "count/persistentvolumeclaims"):
        return [(one.shown, 1.0) for one in claims]
    if STORAGE_CLASS in resource:
        name, _, what = resource.partition(STORAGE_CLASS)
        meant = [one for one in claims if class_of(one, ground) == name]
        return [(one.shown, one.size if what == "requests.storage" else 1.0) for one in meant]
    if resource == "requests.storage":
        return [(one.shown, one.size) for one in claims]
    if resource.startswith("count/"):
        kind = resource[6:]
        return [(f"{space}/{kind}", float(counted.get((space, kind), 0)))]
    for prefix, side in _SIDES.items():
        if resource.startswith(prefix):
            return [(pod.shown, _sum(pod, side).get(resource[len(prefix) :], 0.0)) for pod in pods]
    if resource in _BARE or resource.startswith("hugepages-"):
        return [(pod.shown, pod.requests.get(resource, 0.0)) for pod in pods]
    return [(f"{space}/{resource}", float(counted.get((space, resource), 0)))]


def _sum(pod: PlannedPod, side: str) -> Mapping[str, float]:
    return pod.requests if side == "requests" else limits_of(pod)


def _scopes(quota: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    spec = quota.get("spec", {})
    plain = [{"scopeName": one, "operator": "Exists"} for one in spec.get("scopes", ())]
    return [*plain, *spec.get("scopeSelector", {}).get("matchExpressions", ())]


def _scope(quota: Mapping[str, Any]) -> Callable[[PlannedPod], bool] | None:
    """Which pods a quota means; None where it has a scope that is not known here (nothing is said of that quota)."""
    rules = _scopes(quota)
    if any(one.get("scopeName") not in _SCOPES for one in rules):
        return None
    return lambda pod: all(_SCOPES[one["scopeName"]](pod, one) for one in rules)


def _ends(pod: PlannedPod) -> bool:
    return "activeDeadlineSeconds" in pod.spec


def _says(pod: PlannedPod) -> bool:
    every = (*pod.spec.get("initContainers", ()), *pod.spec.get("containers", ()))
    return any(one.get("resources", {}).get(side) for one in every for side in ("requests", "limits"))


def _priority(pod: PlannedPod, rule: Mapping[str, Any]) -> bool:
    named, values = pod.spec.get("priorityClassName", ""), rule.get("values", ())
    match rule.get("operator"):
        case "In":
            return named in values
        case "NotIn":
            return named not in values
        case "DoesNotExist":
            return not named
    return bool(named)


_SCOPES: Mapping[str, Callable[[PlannedPod, Mapping[str, Any]], bool]] = {
    "Terminating": lambda pod, _: _ends(pod),
    "NotTerminating": lambda pod, _: not _ends(pod),
    "BestEffort": lambda pod, _: not _says(pod),
    "NotBestEffort": lambda pod, _: _says(pod),
    "PriorityClass": _priority,
}


# -- what is named and must be there


def class_of(claim: PlannedClaim, ground: Ground) -> str | None:
    """The claim's class; None where it names none and none is the default."""
    return ground.default_class if claim.storage_class is None else claim.storage_class


def classless(claim: PlannedClaim, ground: Ground) -> PlanFinding | None:
    """Why no volume will be made for a claim: no class, or one that is not there and has no volumes either."""
    if "classes" in ground.unseen or claim.volume:
        return None
    name = class_of(claim, ground)
    there = ", ".join(sorted(ground.class_by_name)) or "none"
    if name is None:
        text = f"it names no storage class, and none is the default; there are: {there}"
        return problem("class_missing", claim.shown, text, "name a class: [deploy] storage_class of the target")
    if name in ground.class_by_name or not name or _volumes_of(name, ground):
        return None
    text = f"there is no storage class {name}; there are: {there}"
    return problem("class_missing", claim.shown, text, "name one that is there: [deploy] storage_class of the target")


def by_hand(claim: PlannedClaim, ground: Ground) -> bool:
    """Whether only a volume that is there already serves it."""
    name = class_of(claim, ground)
    if name is None:
        return False
    kind = ground.class_by_name.get(name)
    if kind is None:  # a class that is not there and has no volumes is said by itself
        return not name or _volumes_of(name, ground)
    return bool(kind.get("provisioner") == BY_HAND)


def _volumes_of(name: str, ground: Ground) -> bool:
    return any(one.get("spec", {}).get("storageClassName", "") == name for one in ground.volumes)


def unranked(pod: PlannedPod, ground: Ground) -> PlanFinding | None:
    """A priority class that is not there: the API server refuses such a pod."""
    name = pod.spec.get("priorityClassName")
    if not name or "priorities" in ground.unseen or name in BUILT_IN_PRIORITIES:
        return None
    if any(one["metadata"]["name"] == name for one in ground.priorities):
        return None
    return problem("priority_missing", pod.shown, f"there is no priority class {name}", "kubectl get priorityclass")
