"""Whether a cluster has room for what is planned: at rest, at most, while hooks run, in an update, one node lost."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import msgspec

from gonogo.cluster.api import KINDS
from gonogo.cluster.judge.shapes import Object, plain
from gonogo.cluster.judge.storage import claims_of
from gonogo.cluster.judge.world import controller
from gonogo.cluster.plan.admission import (
    claim_bounds,
    class_of,
    classless,
    defaulted,
    outside,
    problem,
    quotas,
    unranked,
)
from gonogo.cluster.plan.board import Board, Census, Misfit, Packing, shown_of
from gonogo.cluster.plan.demand import Demand, PlannedPod, When
from gonogo.cluster.plan.expand import expand
from gonogo.cluster.plan.findings import PlanFinding, Weight
from gonogo.cluster.plan.ground import BUILT_IN_PRIORITIES, Ground
from gonogo.cluster.plan.packing import pack

NODES = 10
"""Nodes that are taken away one by one, the fullest first."""

LEFT_OPEN: Mapping[str, str] = {
    "nodes": "whether there is room is not known",
    "pods": "what room other pods leave is not known",
    "claims": "which claims and volumes are there is not known",
    "volumes": "where volumes are, and which are free, is not known",
    "classes": "whether its storage class is there is not known",
    "quotas": "whether quotas allow it is not known",
    "limits": "whether LimitRanges allow it is not known",
    "priorities": "whether its priority class is there is not known",
    "namespaces": "which namespaces an affinity to other pods means is not known",
    "drivers": "whether there is room for its volumes is not known",
    "capacities": "whether there is room for its volumes is not known",
}
"""What nobody can tell of a component where a kind may not be listed."""

RESTS_ON: Mapping[str, tuple[str, ...]] = {
    "class_missing": ("classes", "volumes"),
    "pod_affinity": ("pods", "namespaces"),
    "quota": ("pods", "claims"),
    "spread": ("pods",),
    "volume": ("claims", "volumes", "classes"),
}
"""Causes that may be none, by the kinds that may show it: without these it is not known that something is wrong."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Objects that are made together: those of a release or of a manifest."""

    component: str
    what: str
    namespace: str
    objects: Sequence[Object]


class Sums(NamedTuple):
    """What pods ask for: cores, bytes."""

    pods: int
    cpu: float
    memory: float
    ephemeral: float


@dataclass(frozen=True, kw_only=True)
class Share:
    """What one component takes: its pods, and its claims' bytes by class; ``found`` are pods that are there already."""

    component: str
    rest: Sums
    most: Sums
    disk: Mapping[str, float]
    found: int = 0
    whole: bool = True


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What was found. ``fits`` is None where nobody can tell."""

    shares: tuple[Share, ...]
    findings: tuple[PlanFinding, ...]
    demands: Mapping[str, Demand] = field(default_factory=dict)

    @property
    def fits(self) -> bool | None:
        """Whether there is room for all of it."""
        weights = {one.weight for one in self.findings}
        return False if Weight.PROBLEM in weights else None if Weight.UNKNOWN in weights else True


def fit(parts: Iterable[Part], ground: Ground | None) -> Fit:
    """Hold what is planned, in the order in which it would be made, against a cluster; None: it does not answer."""
    return _Plan(list(parts), ground).told()


class _Plan:
    """One plan and one cluster."""

    def __init__(self, parts: Sequence[Part], ground: Ground | None) -> None:
        self.parts, self.known = parts, ground
        self.ground = _with_own(ground or Ground(), parts)
        nodes = None if ground is None or "nodes" in ground.unseen else ground.nodes
        self.demands = [expand(one.objects, one.namespace, nodes) for one in parts]
        self.findings: dict[PlanFinding, None] = {}
        self._places: dict[int, str] = {}
        self._shaped: dict[int, tuple[object, PlannedPod]] = {}
        self.pods = [(at, self._defaulted(pod)) for at, demand in enumerate(self.demands) for pod in demand.pods]
        every = (one for demand in self.demands for one in demand.every_claim)
        self.claims = {(one.namespace, one.name): one for one in every}
        self.found = self._matched()

    def _defaulted(self, pod: PlannedPod) -> PlannedPod:
        """Pods of one template stay pods of one template."""
        key = hash((id(pod.spec), pod.namespace))
        if key not in self._shaped:
            self._shaped[key] = pod.spec, defaulted(pod, self.ground)
        return replace(pod, spec=self._shaped[key][1].spec)

    def _matched(self) -> dict[int, Object]:
        """Which planned pods, by their place, are there already with a node."""
        there: dict[str, list[Object]] = defaultdict(list)
        for pod in self.ground.pods:
            if pod.get("spec", {}).get("nodeName") and "deletionTimestamp" not in pod["metadata"]:
                there[pod["metadata"].get("namespace", "")].append(pod)
        matched: dict[int, Object] = {}
        for number, (_, planned) in enumerate(self.pods):
            if planned.when not in (When.REST, When.MOST):
                continue
            for candidate in there[planned.namespace]:
                on = candidate["spec"]["nodeName"]
                if planned.named(candidate["metadata"]["name"]) and planned.node in ("", on):
                    there[planned.namespace].remove(candidate)
                    matched[number] = candidate
                    break
        return matched

    # -- what is said

    def told(self) -> Fit:
        """Everything."""
        self._untold()
        if self.known is None:
            self._say(_unknown("cluster", "", "the cluster was not asked: whether it has room is not known"))
            return self._fit()
        for name, why in self.known.unseen.items():
            self._unseen(name, f"{LEFT_OPEN[name]}: {why}")
        self._refused()
        self._quotas()
        if "nodes" not in self.known.unseen:
            self._rooms()
        return self._fit()

    def _fit(self) -> Fit:
        demands: dict[str, Demand] = {}
        for part, demand in zip(self.parts, self.demands, strict=True):
            old = demands.get(part.component, Demand())
            demands[part.component] = Demand(
                pods=(*old.pods, *demand.pods),
                claims=(*old.claims, *demand.claims),
                untold=(*old.untold, *demand.untold),
            )
        shares = tuple(self._share(name, demand) for name, demand in demands.items())
        return Fit(shares=shares, findings=tuple(self.findings), demands=demands)

    def _share(self, component: str, demand: Demand) -> Share:
        own = [(n, pod) for n, (at, pod) in enumerate(self.pods) if self.parts[at].component == component]
        rest = [pod for _, pod in own if pod.when is When.REST]
        most = [pod for _, pod in own if pod.when in (When.REST, When.MOST)]
        disk: Counter[str] = Counter()
        for one in demand.every_claim:
            disk[class_of(one, self.ground) or "(default class)"] += int(one.size)
        found = sum(number in self.found for number, pod in own if pod.when is When.REST)
        whole = not demand.untold
        return Share(component=component, rest=_sum(rest), most=_sum(most), disk=disk, found=found, whole=whole)

    def _unseen(self, name: str, message: str) -> None:
        """Say it of each component that it matters for; of all of them once."""
        every = dict.fromkeys(part.component for part in self.parts)
        own: dict[str, None] = {}
        for part, demand in zip(self.parts, self.demands, strict=True):
            if self._matters(name, demand, part.objects):
                own.setdefault(part.component)
        for component in [""] if len(own) == len(every) else own:
            self._say(_unknown("rights", name, message), component)

    def _matters(self, name: str, demand: Demand, objects: Sequence[Object]) -> bool:
        """Whether what is planned may depend on objects of a kind."""
        pods, claims = demand.pods, demand.every_claim
        match name:
            case "nodes" | "pods":
                return bool(pods)
            case "limits":
                return bool(pods or claims)
            case "quotas":
                return bool(objects)
            case "priorities":
                named = {pod.spec.get("priorityClassName") for pod in pods}
                return bool(named - {None, "", *BUILT_IN_PRIORITIES})
            case "namespaces":
                return any(_selects_spaces(pod.spec) for pod in (*pods, *self._there()))
            case "capacities":
                asked = {one["metadata"]["name"] for one in self.ground.drivers if one["spec"].get("storageCapacity")}
                kinds = (self.ground.class_by_name.get(class_of(one, self.ground) or "", {}) for one in claims)
                return any(one.get("provisioner") in asked for one in kinds)
            case "classes" | "drivers":
                return bool(claims)
        return bool(claims) or any(claims_of({"metadata": {"name": pod.name}, "spec": pod.spec}) for pod in pods)

    def _there(self) -> Iterator[PlannedPod]:
        return map(_as_planned, self.ground.pods)

    def _say(self, finding: PlanFinding, component: str = "", stage: str = "") -> None:
        rests = RESTS_ON.get(finding.cause, ()) if finding.weight is Weight.PROBLEM else ()
        if self.known is not None and not self.known.unseen.keys().isdisjoint(rests):
            finding = msgspec.structs.replace(finding, weight=Weight.UNKNOWN)
        named = msgspec.structs.replace(finding, component=component or finding.component, stage=stage)
        self.findings.setdefault(named)

    def _untold(self) -> None:
        for part, demand in zip(self.parts, self.demands, strict=True):
            for one in demand.untold:
                self._say(_unknown("kind", f"{one.kind} {part.namespace}/{one.name}", one.why), part.component)

    def _new(self, *whens: When) -> list[tuple[int, PlannedPod]]:
        """Place and pod of those that are not there yet."""
        return [(n, pod) for n, (_, pod) in enumerate(self.pods) if pod.when in whens and n not in self.found]

    def _component(self, number: int) -> str:
        return self.parts[self.pods[number][0]].component

    def _refused(self) -> None:
        """What the API server does not take, or what nobody makes a volume for: once for every owner."""
        seen: set[tuple[str, str]] = set()
        for number, (_, pod) in enumerate(self.pods):
            if (pod.namespace, pod.owner) in seen or number in self.found:
                continue
            seen.add((pod.namespace, pod.owner))
            for finding in outside(pod, self.ground):
                self._say(finding, self._component(number))
            if (missing := unranked(pod, self.ground)) is not None:
                self._say(missing, self._component(number))
            for name in claims_of({"metadata": {"name": pod.name}, "spec": pod.spec}):
                key = pod.namespace, name
                made = key in self.claims or key in self.ground.claim_by_name
                if not made and "claims" not in self.ground.unseen:
                    text = f"it mounts claim {name}, which is not there and nobody makes"
                    untold = any(demand.untold for demand in self.demands)  # who knows what they make
                    say = _unknown if untold else problem
                    self._say(say("claim_missing", pod.shown, text), self._component(number))
        for part, demand in zip(self.parts, self.demands, strict=True):
            for claim in demand.every_claim:
                if (claim.namespace, claim.name) in self.ground.claim_by_name:
                    continue
                for refused in (*claim_bounds(claim, self.ground), classless(claim, self.ground)):
                    if refused is not None:
                        self._say(refused, part.component)

    def _quotas(self) -> None:
        """At rest with the passing ones that are there at once, and at most."""
        fresh = [one for key, one in self.claims.items() if key not in self.ground.claim_by_name]
        early = {claim.shown for _, pod in self._new(When.MOST) for claim in pod.claims}
        rest = [one for one in fresh if one.shown not in early]
        steps = self._steps()
        largest = max(steps.values(), key=len, default=[])
        stages = (
            ("rest", [pod for _, pod in self._new(When.REST)], rest),
            ("passing", [pod for _, pod in (*self._new(When.REST), *largest)], rest),
            ("most", [pod for _, pod in self._new(When.REST, When.MOST)], fresh),
        )
        told: set[tuple[str, str]] = set()
        for stage, pods, claims in stages:
            for finding in quotas(pods, claims, self._counted(), self.ground):
                key = finding.cause, finding.hint
                if key not in told:
                    self._say(finding, self._owner_of(finding.subject), stage)
            told |= {(one.cause, one.hint) for one in self.findings if one.cause == "quota"}

    def _owner_of(self, subject: str) -> str:
        for number, (_, pod) in enumerate(self.pods):
            if subject in (pod.shown, *(one.shown for one in pod.claims)):
                return self._component(number)
        for part, own in zip(self.parts, self.demands, strict=True):
            if any(one.shown == subject for one in own.claims):
                return part.component
        space = subject.partition("/")[0]
        names = {part.component for part in self.parts if part.namespace == space}
        return names.pop() if len(names) == 1 else ""

    def _counted(self) -> dict[tuple[str, str], int]:
        """Objects by namespace and resource, of parts of which nothing is there yet."""
        counts: Counter[tuple[str, str]] = Counter()
        there = {self.pods[number][0] for number in self.found}
        for at, part in enumerate(self.parts):
            for obj in part.objects if at not in there else ():
                kind = KINDS.get(obj["kind"])
                if kind is not None and kind.api_version == obj["apiVersion"] and kind.namespaced:
                    counts[obj["metadata"].get("namespace") or part.namespace, kind.resource] += 1
        return counts

    def _steps(self) -> dict[str, list[tuple[int, PlannedPod]]]:
        """Passing pods that are there at once: each hook by itself, all other Jobs together."""
        steps: dict[str, list[tuple[int, PlannedPod]]] = defaultdict(list)
        for number, pod in self._new(When.PASSING):
            hook = pod.step.partition(" ")[0] != "jobs"
            steps[f"{self.pods[number][0]} {pod.step}" if hook else "jobs"].append((number, pod))
        return steps

    # -- room

    def _rooms(self) -> None:
        census = Census(self.ground)
        board = Board(census)
        rest = self._new(When.REST)
        packed = self._pack(board, rest)
        self._places = {rest[at][0]: seat for at, seat in packed.seats.items()}
        self._misfits(packed, rest, "rest")
        for misfit in () if packed.fits else packed.misfits:
            if not misfit.proved:
                return  # what comes on top is no question
        bad = {misfit.pod.owner for misfit in packed.misfits}
        placed = [(n, pod) for n, pod in rest if pod.owner not in bad]
        if packed.tight and packed.fits:
            text = "there is a place for every pod, not in every order: the scheduler, which does not plan, may miss it"
            self._say(_warning("tight", "", text), stage="rest")
        most = [(n, pod) for n, pod in self._new(When.MOST) if pod.owner not in bad]
        if most:
            self._misfits(self._pack(board, [*placed, *most]), [*placed, *most], "most")
        for group in self._steps().values():
            before = self._before(group, placed)
            self._misfits(self._pack(board, [*before, *group]), [*before, *group], "passing")
        if packed.fits:
            self._updates(board, placed)
            self._lost(census, placed)

    def _before(
        self, group: Sequence[tuple[int, PlannedPod]], placed: list[tuple[int, PlannedPod]]
    ) -> list[tuple[int, PlannedPod]]:
        """What is there beside passing pods: before its own release a hook has only what was made before that."""
        if not group[0][1].step.startswith("pre-install"):
            return placed
        at = self.pods[group[0][0]][0]
        return [(n, pod) for n, pod in placed if self.pods[n][0] < at]

    def _pack(self, board: Board, pods: Sequence[tuple[int, PlannedPod]]) -> Packing:
        begun = {at: self._places[number] for at, (number, _) in enumerate(pods) if number in self._places}
        return pack(board, [pod for _, pod in pods], self.claims, begun)

    def _misfits(self, packed: Packing, pods: Sequence[tuple[int, PlannedPod]], stage: str) -> None:
        told: Counter[str] = Counter()
        firsts: dict[str, Misfit] = {}
        for misfit in packed.misfits:
            key = f"{misfit.pod.namespace} {misfit.pod.owner} {misfit.message}"
            firsts.setdefault(key, misfit)
            told[key] += 1
        for key, misfit in firsts.items():
            number = next(n for n, pod in pods if pod is misfit.pod)
            alike = f" ({told[key]} pods of {misfit.pod.owner})" if told[key] > 1 else ""
            weight = _WEIGHTS.get(stage, Weight.PROBLEM) if misfit.proved else Weight.UNKNOWN
            finding = PlanFinding(
                weight=weight,
                cause=misfit.cause,
                subject=misfit.pod.shown,
                message=f"{misfit.message}{alike}{_STAGES.get(stage, '')}",
            )
            self._say(finding, self._component(number), stage)

    def _updates(self, board: Board, placed: Sequence[tuple[int, PlannedPod]]) -> None:
        """Deployments are rolled one by one, each with what it may have more."""
        surges: dict[tuple[str, str], list[tuple[int, PlannedPod]]] = defaultdict(list)
        for number, pod in self._new(When.UPDATE):
            surges[pod.namespace, pod.owner].append((number, pod))
        for group in surges.values():
            every = [*placed, *group]
            self._misfits(self._pack(board, every), every, "update")

    def _lost(self, census: Census, placed: Sequence[tuple[int, PlannedPod]]) -> None:
        """The worst of the nodes that may be lost, where what it held has no place on the others."""
        ours = {shown_of(pod): number for number, pod in self.found.items()}
        busy: dict[str, list[Object]] = defaultdict(list)
        for pod in self.ground.pods:
            busy[pod.get("spec", {}).get("nodeName", "")].append(pod)
        usable = [node for node in self.ground.nodes if not node.get("spec", {}).get("unschedulable")]
        if not placed and not ours:
            return
        if len(usable) < 2:
            name = usable[0]["metadata"]["name"] if usable else "none"
            text = "it is the only node: nothing runs once it is lost"
            self._say(_warning("node_lost", f"node {name}", text), stage="lost")
            return
        for node in sorted(usable, key=lambda one: -len(busy[one["metadata"]["name"]]))[:NODES]:
            name = node["metadata"]["name"]
            moving = [pod for pod in busy[name] if _moves(pod)]
            board = Board(census, name)
            others = [_as_planned(pod) for pod in moving]
            there = {id(new): ours.get(shown_of(old), -1) for new, old in zip(others, moving, strict=True)}
            keeping = [(number, pod) for number, pod in placed if pod.node != name]
            kept = [pod for _, pod in keeping]
            begun = {at + len(others): self._places.get(number, "") for at, (number, _) in enumerate(keeping)}
            packed = pack(board, [*others, *kept], self.claims, begun)
            for misfit in packed.misfits:
                number = there.get(id(misfit.pod), -2)
                if number == -1 or not misfit.proved:
                    continue
                at = number if number >= 0 else next(n for n, pod in placed if pod is misfit.pod)
                text = f"{misfit.message}, once node {name} is lost"
                finding = _warning(misfit.cause, misfit.pod.shown, text)
                self._say(finding, self._component(at), "lost")
                return


_WEIGHTS = {"update": Weight.WARNING}

_STAGES = {
    "most": ", at the autoscaler's maximum",
    "passing": ", while it runs beside the others",
    "update": ", more in an update",
}


def _selects_spaces(spec: Mapping[str, Any]) -> bool:
    """Whether a required affinity of a pod's to others names their namespaces by labels."""
    terms = (
        one
        for which in ("podAffinity", "podAntiAffinity")
        for one in spec.get("affinity", {}).get(which, {}).get("requiredDuringSchedulingIgnoredDuringExecution", ())
    )
    return any(one.get("namespaceSelector") for one in terms)


def _moves(pod: Object) -> bool:
    """Whether somebody makes a pod anew on another node."""
    owner = controller(pod)
    return owner is not None and owner.get("kind") not in ("DaemonSet", "Node")


def _as_planned(pod: Object) -> PlannedPod:
    meta = pod["metadata"]
    spec = {**pod["spec"]}
    spec.pop("nodeName", None)
    owner = controller(pod) or {}
    return PlannedPod(
        namespace=meta.get("namespace", ""),
        name=meta["name"],
        owner=f"{owner.get('kind', '')} {owner.get('name', '')}",
        spec=spec,
        labels=meta.get("labels", {}),
    )


def _with_own(ground: Ground, parts: Iterable[Part]) -> Ground:
    """The cluster with the rules that the plan itself brings: they bind it as those that are there do."""
    added: dict[str, list[Object]] = defaultdict(list)
    keys = {"StorageClass": "classes", "PriorityClass": "priorities", "LimitRange": "limits", "ResourceQuota": "quotas"}
    for part in parts:
        for obj in part.objects:
            if obj["kind"] in keys:
                meta = {"namespace": part.namespace, **plain(obj["metadata"])}
                added[keys[obj["kind"]]].append({**plain(obj), "metadata": meta})
    news: dict[str, Any] = {}
    for key, objects in added.items():
        there = {(o["metadata"].get("namespace"), o["metadata"]["name"]) for o in getattr(ground, key)}
        fresh = [o for o in objects if (o["metadata"]["namespace"], o["metadata"]["name"]) not in there]
        news[key] = (*getattr(ground, key), *fresh)
    return replace(ground, **news) if news else ground


def _sum(pods: Iterable[PlannedPod]) -> Sums:
    total: Counter[str] = Counter()
    count = 0
    for pod in pods:
        count += 1
        for name, number in pod.requests.items():
            total[name] += number  # type: ignore[assignment]
    return Sums(count, float(total["cpu"]), float(total["memory"]), float(total["ephemeral-storage"]))


def _unknown(cause: str, subject: str, message: str) -> PlanFinding:
    return PlanFinding(weight=Weight.UNKNOWN, cause=cause, subject=subject, message=message)


def _warning(cause: str, subject: str, message: str) -> PlanFinding:
    return PlanFinding(weight=Weight.WARNING, cause=cause, subject=subject, message=message)
