"""Nodes with what runs on them, and one pod on one node: the scheduler's rules.

kubernetes.io/docs/concepts/scheduling-eviction. What is only preferred decides nothing.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, NamedTuple

from gonogo.cluster.judge.endpoints import matches
from gonogo.cluster.judge.quantities import amount, shown
from gonogo.cluster.judge.scheduling import requests
from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.judge.storage import claims_of
from gonogo.cluster.judge.world import ended
from gonogo.cluster.plan.admission import by_hand, class_of, exceeds
from gonogo.cluster.plan.demand import PlannedClaim, PlannedPod, claim_of
from gonogo.cluster.plan.ground import Ground
from gonogo.cluster.plan.nodes import Obstacle, barred, meets, within


class Term(NamedTuple):
    """Pods that are meant, and the label by which nodes are one place; ``spaces`` None: of every namespace."""

    key: str
    spaces: frozenset[str] | None
    selector: str

    def means(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether a pod is meant. No selector means none (Kubernetes "LabelSelector", null)."""
        inside = self.spaces is None or namespace in self.spaces
        return inside and self.selector != "null" and matches(_selector(self.selector), labels)


class Spread(NamedTuple):
    """A topology spread that must be kept. ``own``: whether the pod counts itself."""

    term: Term
    skew: int
    own: bool
    least: int
    seats: frozenset[str]


@lru_cache(maxsize=4096)
def _selector(text: str) -> Mapping[str, Any]:
    return json.loads(text)  # type: ignore[no-any-return]


@dataclass(eq=False)
class Seat:
    """A node, and what is left of it."""

    node: Object
    free: dict[str, float]
    whole: Mapping[str, float]
    ports: Counter[tuple[str, str, int]] = field(default_factory=Counter)

    @property
    def name(self) -> str:
        """The node's."""
        return str(self.node["metadata"]["name"])

    def value(self, key: str) -> str | None:
        """Of one of its labels."""
        found = self.node["metadata"].get("labels", {}).get(key)
        return None if found is None else str(found)


@dataclass(eq=False)
class Load:
    """A pod, and all that decides where it can be. ``barred`` are the nodes that never take it, each with why."""

    pod: PlannedPod
    needs: dict[str, float]
    ports: frozenset[tuple[str, str, int]]
    anti: tuple[Term, ...] = ()
    near: tuple[Term, ...] = ()
    spreads: tuple[Spread, ...] = ()
    claims: tuple[PlannedClaim, ...] = ()
    barred: dict[str, Obstacle] = field(default_factory=dict)
    forbidden: frozenset[tuple[str, str]] = frozenset()
    meant: tuple[Term, ...] = ()

    alike: tuple[Hashable, ...] | None = None
    """The same for pods that no rule of the scheduler tells apart, where nothing but room decides; else None."""

    @property
    def ordered(self) -> bool:
        """Whether it matters what is there before it."""
        return bool(self.near or self.spreads)


class Misfit(NamedTuple):
    """A pod that has no place, or of which none was found where not ``proved``."""

    pod: PlannedPod
    cause: str
    message: str
    proved: bool = True


class Packing(NamedTuple):
    """Where each pod can be, by its place in the list of pods; ``tight``: an order that wastes room leaves some out."""

    seats: Mapping[int, str]
    misfits: tuple[Misfit, ...] = ()
    tight: bool = False

    @property
    def fits(self) -> bool:
        """Whether there is a place for all."""
        return not self.misfits


class Census:
    """What runs on the nodes of a cluster, added up once for all boards of it."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.taken: dict[str, Counter[str]] = defaultdict(Counter)
        self.ports: dict[str, Counter[tuple[str, str, int]]] = defaultdict(Counter)
        self.apart: list[tuple[Term, str]] = []
        self.alike: dict[tuple[str, str], tuple[Mapping[str, str], Counter[str]]] = {}
        for pod in ground.pods:
            name = pod.get("spec", {}).get("nodeName")
            if not name or ended(pod):
                continue
            space, labels = pod["metadata"].get("namespace", ""), pod["metadata"].get("labels", {})
            for resource, number in {**requests(pod["spec"]), "pods": 1.0}.items():
                self.taken[name][resource] += number  # type: ignore[assignment]
            self.ports[name].update(host_ports(pod["spec"]))
            self.apart += [(term, name) for term in _terms(space, pod["spec"], "podAntiAffinity", ground)]
            self.alike.setdefault((space, _text(labels)), (labels, Counter()))[1][name] += 1
        self.seats = [self._seat(node) for node in ground.nodes]

    def _seat(self, node: Object) -> Seat:
        whole = {key: amount(told) for key, told in node.get("status", {}).get("allocatable", {}).items()}
        taken = self.taken[node["metadata"]["name"]]
        free = {key: whole.get(key, 0.0) - taken[key] for key in {*whole, *taken}}
        return Seat(node, free, whole, self.ports[node["metadata"]["name"]])

    def counts(self, term: Term) -> Counter[str]:
        """How many pods are meant, by node."""
        found: Counter[str] = Counter()
        for (space, _), (labels, nodes) in self.alike.items():
            if term.means(space, labels):
                found.update(nodes)
        return found


class Board:
    """The nodes of a cluster with what runs there, on which pods are put and taken off again."""

    def __init__(self, census: Census, lost: str = "") -> None:
        """``lost`` is a node that is no more, with all that ran there."""
        self.ground, self._census = census.ground, census
        self.seats = [
            Seat(one.node, dict(one.free), one.whole, Counter(one.ports)) for one in census.seats if one.name != lost
        ]
        self.by_name = {seat.name: seat for seat in self.seats}
        self._apart = {
            (term, value)
            for term, name in census.apart
            if name in self.by_name and (value := self.by_name[name].value(term.key)) is not None
        }
        self.counts: dict[Term, Counter[str]] = {}
        self.owners: dict[Term, Counter[str]] = defaultdict(Counter)
        self.volumes: dict[str, Object] = {
            one["metadata"]["name"]: one
            for one in self.ground.volumes
            if one.get("status", {}).get("phase") == "Available" and not one.get("spec", {}).get("claimRef")
        }
        self.used: dict[Load, tuple[str, ...]] = {}

    # -- pods made ready

    def loads(self, pods: Sequence[PlannedPod], claims: Mapping[tuple[str, str], PlannedClaim]) -> list[Load]:
        """The pods with what decides on them; ``claims`` are those that are planned, by namespace and name."""
        shared: dict[tuple[int, str], tuple[dict[str, Obstacle], Any, Mapping[str, float], frozenset[Any]]] = {}
        made = []
        for pod in pods:
            key = (id(pod.spec), pod.node)
            if key not in shared:
                bars = {s.name: why for s in self.seats if (why := self._barred(s, pod))}
                shared[key] = (bars, pod.spec, pod.requests, frozenset(host_ports(pod.spec)))
            bars, _, requests, ports = shared[key]
            load = Load(pod, {**requests, "pods": 1.0}, ports)
            load.barred = dict(bars)
            self._mount(load, claims)
            load.anti = tuple(_terms(pod.namespace, pod.spec, "podAntiAffinity", self.ground))
            load.near = tuple(_terms(pod.namespace, pod.spec, "podAffinity", self.ground))
            load.spreads = tuple(self._spreads(load))
            load.forbidden = frozenset(
                (term.key, value) for term, value in self._apart if term.means(pod.namespace, pod.labels)
            )
            made.append(load)
        every = {t for p in made for t in (*p.anti, *p.near, *(one.term for one in p.spreads))}
        for term in every:
            self.counts[term] = Counter()
            for name, number in self._census.counts(term).items():
                if name in self.by_name and (value := self.by_name[name].value(term.key)) is not None:
                    self.counts[term][value] += number
        for load in made:
            load.meant = tuple(term for term in every if term.means(load.pod.namespace, load.pod.labels))
            if not (load.ports or load.claims or load.anti or load.ordered or load.forbidden or load.meant):
                load.alike = (id(load.pod.spec), load.pod.node, load.pod.owner, load.pod.namespace)
        return made

    def _barred(self, seat: Seat, pod: PlannedPod) -> Obstacle | None:
        if pod.node and seat.name != pod.node:
            return Obstacle("node_name", f"it is the pod of node {pod.node}")
        return barred(seat.node, pod.spec)

    def _mount(self, load: Load, planned: Mapping[tuple[str, str], PlannedClaim]) -> None:
        """Bar the nodes that the volumes of its claims cannot be used on; one made by hand is chosen with the node."""
        pod, kept = load.pod, []
        names = claims_of({"metadata": {"name": pod.name}, "spec": pod.spec})
        own = {one.name: one for one in pod.claims}
        for name in dict.fromkeys((*own, *names)):
            there = self.ground.claim_by_name.get((pod.namespace, name))
            claim = own.get(name) or planned.get((pod.namespace, name))
            volume = self.ground.volume_by_name.get((there or {}).get("spec", {}).get("volumeName", ""))
            if volume is not None:
                self._bar(load, partial(reaches, volume), f"volume of claim {name} is elsewhere")
                continue
            if there is not None:
                claim = claim_of(pod.namespace, name, there.get("spec", {}))
            if claim is None:
                continue
            if by_hand(claim, self.ground):
                kept.append(claim)
                continue
            kind = self.ground.class_by_name.get(class_of(claim, self.ground) or "", {})
            if kind.get("allowedTopologies"):
                why = f"class {kind['metadata']['name']} makes no volumes there"
                self._bar(load, partial(within, terms=kind["allowedTopologies"]), why)
            self._capacity(load, claim, kind)
        load.claims = tuple(sorted(kept, key=lambda one: -one.size))

    def _bar(self, load: Load, fits: Callable[[Object], bool], why: str) -> None:
        for seat in self.seats:
            if seat.name not in load.barred and not fits(seat.node):
                load.barred[seat.name] = Obstacle("volume", why)

    def _capacity(self, load: Load, claim: PlannedClaim, kind: Mapping[str, Any]) -> None:
        """kubernetes.io/docs/concepts/storage/storage-capacity: no object, or one without a size, is no capacity."""
        drivers = [o for o in self.ground.drivers if o["metadata"]["name"] == kind.get("provisioner")]
        if not any(one.get("spec", {}).get("storageCapacity") for one in drivers):
            return
        if "capacities" in self.ground.unseen:
            return
        name = kind["metadata"]["name"]
        every = [one for one in self.ground.capacities if one.get("storageClassName") == name]
        for seat in self.seats:
            if seat.name in load.barred:
                continue
            labels = seat.node["metadata"].get("labels", {})
            sizes = [
                amount(one.get("maximumVolumeSize", one.get("capacity", 0)))
                for one in every
                if one.get("nodeTopology") is not None and matches(one["nodeTopology"], labels)
            ]
            most = max(sizes, default=0.0)
            if exceeds(claim.size, most):
                short = shown("storage", claim.size - most)
                left = f"{shown('storage', most)} is left of class {name}, {short} too little"
                asked = f"claim {claim.name} asks {shown('storage', claim.size)}"
                load.barred[seat.name] = Obstacle("volume", f"{asked}, {left}")

    def _spreads(self, load: Load) -> Iterator[Spread]:
        """kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints, with its default policies."""
        pod = load.pod
        for one in pod.spec.get("topologySpreadConstraints", ()):
            if one.get("whenUnsatisfiable", "DoNotSchedule") != "DoNotSchedule":
                continue
            term = Term(one.get("topologyKey", ""), frozenset({pod.namespace}), _text(one.get("labelSelector")))
            honours = one.get("nodeAffinityPolicy", "Honor") == "Honor"
            taints = one.get("nodeTaintsPolicy", "Ignore") == "Honor"
            meant = frozenset(
                seat.name
                for seat in self.seats
                if seat.value(term.key) is not None and self._counts(load, seat, honours=honours, taints=taints)
            )
            own = term.means(pod.namespace, pod.labels)
            yield Spread(term, int(one.get("maxSkew", 1)), own, int(one.get("minDomains", 1)), meant)

    def _counts(self, load: Load, seat: Seat, *, honours: bool, taints: bool) -> bool:
        cause = load.barred.get(seat.name, Obstacle("", "")).cause
        if cause in ("node_selector", "node_affinity", "node_name"):
            return not honours
        return not taints or cause != "taint"

    # -- one pod, one node

    def refuses(self, load: Load, seat: Seat, *, room: bool = True, others: bool = True) -> Obstacle | None:
        """Why the pod cannot be put there now. ``others`` off: what other pods that are planned may change is left."""
        if (why := load.barred.get(seat.name)) is not None:
            return why
        if room and (lack := self.lacks(load, seat)):
            resource, short = max(lack.items(), key=lambda one: one[1] / (seat.whole.get(one[0], 0.0) or 1.0))
            return Obstacle(resource, f"lacks {shown(resource, short)} {resource}")
        for port in load.ports:
            if any(_clash(port, other) for other in seat.ports):
                return Obstacle("port", f"host port {port[2]}/{port[0]} is taken")
        if load.claims and self.volumes_for(load, seat) is None:
            return Obstacle("volume", self._unserved(load, seat))
        for key, value in load.forbidden:
            if seat.value(key) == value:
                return Obstacle("anti_affinity", f"a pod that runs there wants none like it within its {key}")
        for term in load.anti:
            if self.counts[term][seat.value(term.key) or ""]:
                return Obstacle("anti_affinity", f"a pod that it must be apart from is within the same {term.key}")
        for term in load.meant:
            if self.owners[term][seat.value(term.key) or ""]:
                return Obstacle("anti_affinity", f"a pod that must be apart from it is within the same {term.key}")
        if not others:
            return None
        return self.far(load, seat) or self._skewed(load, seat)

    def lacks(self, load: Load, seat: Seat) -> dict[str, float]:
        """By how much the node is too small for it, by resource; what is not asked for is not looked at."""
        return {
            name: number - max(seat.free.get(name, 0.0), 0.0)
            for name, number in load.needs.items()
            if number > 0 and exceeds(number, seat.free.get(name, 0.0))
        }

    def far(self, load: Load, seat: Seat) -> Obstacle | None:
        """The first of pods that want to be near one another may be anywhere (InterPodAffinity)."""
        for term in load.near:
            value = seat.value(term.key)
            if value is not None and self.counts[term][value]:
                continue
            first = not sum(self.counts[term].values()) and term in load.meant
            if not first or value is None:
                return Obstacle("pod_affinity", f"no pod that it must be near is within the same {term.key}")
        return None

    def _skewed(self, load: Load, seat: Seat) -> Obstacle | None:
        for one in load.spreads:
            value = seat.value(one.term.key)
            if value is None:
                return Obstacle("spread", f"lacks the label {one.term.key}, by which its pods are spread")
            places = {self.by_name[name].value(one.term.key) or "" for name in one.seats}
            least = min((self.counts[one.term][place] for place in places), default=0)
            if len(places) < one.least:
                least = 0
            skew = self.counts[one.term][value] + one.own - least
            if skew > one.skew:
                where = f"{one.term.key} {value} would have {skew} more of its pods than the emptiest"
                return Obstacle("spread", f"{where}, {one.skew} are allowed")
        return None

    def volumes_for(self, load: Load, seat: Seat) -> tuple[str, ...] | None:
        """The smallest free volumes that serve its claims there, each once; None where there are not enough."""
        chosen: list[str] = []
        for claim in load.claims:
            fitting = [
                one
                for one in self.volumes.values()
                if one["metadata"]["name"] not in chosen and self.serves(one, claim) and reaches(one, seat.node)
            ]
            if not fitting:
                return None
            chosen.append(min(fitting, key=_size)["metadata"]["name"])
        return tuple(chosen)

    def serves(self, volume: Object, claim: PlannedClaim) -> bool:
        """Whether a free volume is one for the claim."""
        spec = volume.get("spec", {})
        return (
            spec.get("storageClassName", "") == (class_of(claim, self.ground) or "")
            and not exceeds(claim.size, _size(volume))
            and set(claim.modes) <= set(spec.get("accessModes", ()))
            and (not claim.selector or matches(claim.selector, volume["metadata"].get("labels", {})))
            and claim.volume in ("", volume["metadata"]["name"])
        )

    def _unserved(self, load: Load, seat: Seat) -> str:
        claim = load.claims[0]
        sizes = [
            _size(one)
            for one in self.volumes.values()
            if one.get("spec", {}).get("storageClassName", "") == (class_of(claim, self.ground) or "")
            and reaches(one, seat.node)
        ]
        asked = f"claim {claim.name} asks {shown('storage', claim.size)} of class {class_of(claim, self.ground)}"
        if not sizes:
            return f"{asked}, no volume of it is free there"
        most = max(sizes)
        if exceeds(claim.size, most):
            return f"{asked}, the largest free volume has {shown('storage', most)}"
        return f"{asked}, and too few volumes of it are free there"

    # -- on and off

    def put(self, load: Load, seat: Seat) -> None:
        """Put the pod there."""
        chosen = self.volumes_for(load, seat) or () if load.claims else ()
        self.used[load] = chosen
        self._count(load, seat, 1)

    def take(self, load: Load, seat: Seat) -> None:
        """Take it off again."""
        self._count(load, seat, -1)
        for name in self.used.pop(load):
            self.volumes[name] = self.ground.volume_by_name[name]

    def _count(self, load: Load, seat: Seat, by: int) -> None:
        for name, number in load.needs.items():
            seat.free[name] = seat.free.get(name, 0.0) - by * number
        for port in load.ports:
            seat.ports[port] += by
        seat.ports = +seat.ports
        for term in load.meant:
            if (value := seat.value(term.key)) is not None:
                self.counts[term][value] += by
        for term in load.anti:
            if (value := seat.value(term.key)) is not None:
                self.owners[term][value] += by
        if by > 0:
            for name in self.used[load]:
                del self.volumes[name]


def shown_of(pod: Object) -> str:
    """``namespace/name`` of a pod that is there."""
    return f"{pod['metadata'].get('namespace', '')}/{pod['metadata']['name']}"


def host_ports(spec: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """Protocol, address and number of each port of the node that a pod takes; on the node's network, all of its own."""
    for container in (*spec.get("containers", ()), *spec.get("initContainers", ())):
        for port in container.get("ports", ()):
            number = port.get("hostPort") or (port.get("containerPort") if spec.get("hostNetwork") else 0)
            if number:
                yield port.get("protocol", "TCP"), port.get("hostIP") or "0.0.0.0", int(number)


def _clash(one: tuple[str, str, int], other: tuple[str, str, int]) -> bool:
    anywhere = "0.0.0.0" in (one[1], other[1]) or one[1] == other[1]
    return one[0] == other[0] and one[2] == other[2] and anywhere


def reaches(volume: Object, node: Object) -> bool:
    """Whether a volume can be used on a node (``spec.nodeAffinity`` of PersistentVolumes)."""
    rule = volume.get("spec", {}).get("nodeAffinity", {}).get("required")
    return rule is None or any(meets(node, term) for term in rule.get("nodeSelectorTerms", ()))


def _size(volume: Object) -> float:
    return amount(volume.get("spec", {}).get("capacity", {}).get("storage", 0))


def _text(selector: Any) -> str:
    return json.dumps(selector, sort_keys=True)


def _terms(namespace: str, spec: Mapping[str, Any], which: str, ground: Ground) -> Iterator[Term]:
    """The required terms of a pod's affinity to others, or anti-affinity."""
    rule = spec.get("affinity", {}).get(which, {})
    for one in rule.get("requiredDuringSchedulingIgnoredDuringExecution", ()):
        named, wanted = frozenset(one.get("namespaces", ())), one.get("namespaceSelector")
        spaces: frozenset[str] | None = named or frozenset({namespace})
        if wanted is not None:
            by_label = {
                space["metadata"]["name"]
                for space in ground.namespaces
                if matches(wanted, space["metadata"].get("labels", {}))
            }
            spaces = None if not wanted else named | by_label
        yield Term(one.get("topologyKey", ""), spaces, _text(one.get("labelSelector")))
