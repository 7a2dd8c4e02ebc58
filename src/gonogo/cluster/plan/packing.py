"""Pods onto nodes: the scheduler's rules, and a search for a place for each.

That there is a place for all is shown by finding it. That there is none is said only where it is proved: a pod that no
node takes even now (:func:`alone`), more asked of some nodes than they have left (:func:`bounds`), or, of few pods, all
ways tried (:func:`exact`). Else nobody knows, and that is what is said.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

from gonogo.cluster.judge.quantities import shown
from gonogo.cluster.plan.board import Board, Load, Misfit, Packing, Seat
from gonogo.cluster.plan.demand import PlannedClaim, PlannedPod
from gonogo.cluster.plan.nodes import Obstacle
from gonogo.cluster.plan.proofs import bounds

ORDERS = 8
"""Shuffled orders that are tried besides the sorted ones; the same ones every time."""

FEW, STEPS = 14, 50_000
"""Pods of which all ways are tried, and places that are tried at most."""

_DYNAMIC = ("spread", "pod_affinity", "anti_affinity", "volume", "port")
"""Causes that depend on what else is there, the nearest to a fit first; then come resources, then the node's own."""

_STATIC = ("cordoned", "taint", "node_affinity", "node_selector", "node_name")


def pack(
    board: Board,
    pods: Sequence[PlannedPod],
    claims: Mapping[tuple[str, str], PlannedClaim] | None = None,
    begun: Mapping[int, str] | None = None,
) -> Packing:
    """A place for each of the pods; the board is left as it was.

    ``begun`` are nodes on which pods, by their place in the list, are tried first: where the others find one beside
    them, nothing else is tried.
    """
    loads = board.loads(pods, claims or {})
    order = {load: number for number, load in enumerate(loads)}
    if begun and (placed := _continued(board, loads, begun)) is not None:
        return Packing({order[load]: seat.name for load, seat in placed.items()})
    hopeless = list(alone(board, loads))
    found = [misfit for _, misfit in hopeless]
    lost = {load for load, _ in hopeless}
    rest = [load for load in loads if load not in lost]
    best: dict[Load, Seat] = {}
    tight = False
    for number, (queue, roomiest) in enumerate(_orders(rest)):
        placed = _greedy(board, queue, roomiest=roomiest)
        _clear(board, placed)
        if len(placed) > len(best) or not number:
            best = placed
        if len(placed) == len(rest):
            break
        tight = True
    seats = {order[load]: seat.name for load, seat in best.items()}
    if len(best) == len(rest):
        return Packing(seats, tuple(found), tight=tight)
    missing = [load for load in rest if load not in best]
    proofs = list(bounds(board, rest, missing))
    if proofs:
        return Packing(seats, (*found, *proofs))
    if len(rest) <= FEW and not any(load.ordered for load in rest):
        answer = exact(board, rest)
        if answer is not None:
            if len(answer) == len(rest):
                return Packing({order[p]: s.name for p, s in answer.items()}, tuple(found), tight=True)
            return Packing(seats, (*found, *_left(board, best, missing, proved=True)))
    return Packing(seats, (*found, *_left(board, best, missing, proved=False)))


def _continued(board: Board, loads: Sequence[Load], begun: Mapping[int, str]) -> dict[Load, Seat] | None:
    """Everything placed, those that are begun where they are; None where that is not so."""
    placed: dict[Load, Seat] = {}
    late = []
    for number, load in enumerate(loads):
        seat = board.by_name.get(begun.get(number, ""))
        if seat is None or board.refuses(load, seat) is not None:
            late.append(load)
            continue
        board.put(load, seat)
        placed[load] = seat
    placed |= _greedy(board, late, roomiest=True)
    _clear(board, placed)
    return placed if len(placed) == len(loads) else None


def alone(board: Board, loads: Iterable[Load]) -> Iterator[tuple[Load, Misfit]]:
    """The pods that no node takes as it is now, each with why: no order helps them."""
    loads = list(loads)
    meant = {term for load in loads for term in load.meant}
    known: dict[Hashable, tuple[str, str] | None] = {}
    for load in loads:
        if load.alike in known:
            if same := known[load.alike]:
                yield load, Misfit(load.pod, *same)
            continue
        whys = {}
        for seat in board.seats:
            why = board.refuses(load, seat, others=False)
            if why is None and any(term not in meant for term in load.near):
                why = board.far(load, seat)  # nobody that is planned changes it
            if why is None:
                break
            whys[seat.name] = why
        said = told(board, load, whys) if len(whys) == len(board.seats) else None
        if load.alike is not None:
            known[load.alike] = said
        if said is not None:
            yield load, Misfit(load.pod, *said)


def told(board: Board, load: Load, whys: Mapping[str, Obstacle]) -> tuple[str, str]:
    """Of all the nodes that refuse a pod, the reason that is nearest to a fit, by how much, and the others in short."""
    if not whys:
        return "no_node", "there is no node"
    if load.pod.node in whys:  # the others are no question
        whys = {load.pod.node: whys[load.pod.node]}
    by_cause: dict[str, list[str]] = defaultdict(list)
    for name, why in whys.items():
        by_cause[why.cause].append(name)
    dynamic = [cause for cause in _DYNAMIC if cause in by_cause]
    resources = [cause for cause in by_cause if cause not in (*_DYNAMIC, *_STATIC)]
    static = [cause for cause in _STATIC if cause in by_cause]
    cause = (dynamic or resources or static)[0]
    if not dynamic and resources:
        cause, message = _short(board, load, [name for one in resources for name in by_cause[one]])
        rest = len(whys) - sum(len(by_cause[one]) for one in resources)
    else:
        names = by_cause[cause]
        texts = Counter(whys[name].text for name in names)
        text, _ = texts.most_common(1)[0]
        first = next(name for name in names if whys[name].text == text)
        message = f"node {first}: {text}" if len(board.seats) > 1 or cause in _STATIC else text
        alike = len(names) - 1
        message += f", and {alike} more nodes alike" if alike > 1 else ", and 1 more node alike" if alike else ""
        rest = len(whys) - len(names)
    others = [one for one in by_cause if one != cause and (dynamic or one not in resources)]
    if rest and others:
        said = ", ".join(f"{len(by_cause[one])} {_WORDS.get(one, one)}" for one in others)
        message += f" (of the other nodes: {said})"
    return cause, message


_WORDS = {
    "anti_affinity": "have a pod that it must be apart from",
    "cordoned": "cordoned",
    "node_affinity": "do not meet its node affinity",
    "node_name": "not the one that it names",
    "node_selector": "lack the label that it selects",
    "pod_affinity": "have no pod that it must be near",
    "port": "have its port taken",
    "spread": "would be too full of its pods",
    "taint": "tainted",
    "volume": "not reached by its volume",
}


def _short(board: Board, load: Load, names: Sequence[str]) -> tuple[str, str]:
    """The resource that the best of these nodes lacks most of, and by how much."""

    def worst(seat: Seat) -> tuple[float, str]:
        lack = board.lacks(load, seat)
        return max(((short / max(load.needs[name], 1e-9), name) for name, short in lack.items()), default=(0.0, ""))

    seat = min((board.by_name[name] for name in names), key=lambda one: (len(board.lacks(load, one)), worst(one)))
    _, resource = worst(seat)
    has, asked = max(seat.free.get(resource, 0.0), 0.0), load.needs[resource]
    if resource == "pods":
        return "pods", f"node {seat.name} has {seat.whole.get('pods', 0):.0f} pods, and no more may be there"
    of = shown(resource, seat.whole.get(resource, 0.0))
    also = sorted(set(board.lacks(load, seat)) - {resource})
    more = f"; it lacks {' and '.join(also)} too" if also else ""
    largest = "the roomiest node" if len(names) > 1 else "the node"
    return resource, (
        f"asks {resource} {shown(resource, asked)}, {largest} has {shown(resource, has)} left of {of} "
        f"({seat.name}): {shown(resource, asked - has)} too little{more}"
    )


def _orders(loads: Sequence[Load]) -> Iterator[tuple[list[Load], bool]]:
    """As the scheduler may meet them, roomiest node first; then the largest first, packed close; then shuffled."""
    loads = list(loads)
    yield loads, True
    names = {name for one in loads for name in one.needs}
    total = {name: sum(one.needs.get(name, 0.0) for one in loads) or 1.0 for name in names}
    for together in (max, sum):
        weight = {one: together([number / total[name] for name, number in one.needs.items()]) for one in loads}
        narrow = sorted(loads, key=lambda one: (len(one.near) > 0, -len(one.barred), -weight[one]))
        yield narrow, False
        yield sorted(loads, key=lambda one: (len(one.near) > 0, -weight[one])), False
        yield narrow, True
    chance = random.Random(0)  # the same tries every time
    for _ in range(ORDERS):
        queue = loads[:]
        chance.shuffle(queue)
        yield queue, bool(chance.getrandbits(1))


def _greedy(board: Board, queue: Iterable[Load], *, roomiest: bool) -> dict[Load, Seat]:
    """Each to the roomiest node that takes it, or to the fullest; those left are tried again while it helps."""
    placed: dict[Load, Seat] = {}
    waiting = list(queue)
    full: set[Hashable] = set()  # of what: nodes only fill, so that what none took is not asked about again
    while waiting:
        later = []
        for load in waiting:
            if load.alike in full:
                later.append(load)
                continue
            open_ = [seat for seat in board.seats if board.refuses(load, seat) is None]
            if not open_:
                later.append(load)
                full |= {load.alike} - {None}
                continue
            choose = max if roomiest else min
            seat = choose(open_, key=lambda one: _room(one, load))
            board.put(load, seat)
            placed[load] = seat
        if len(later) == len(waiting) or not any(load.ordered for load in later):
            break
        waiting = later
    return placed


def _room(seat: Seat, load: Load) -> float:
    """The share that would be left (NodeResourcesFit, LeastAllocated)."""
    names = [name for name in ("cpu", "memory") if seat.whole.get(name)]
    shares = [(seat.free.get(name, 0.0) - load.needs.get(name, 0.0)) / seat.whole[name] for name in names]
    return sum(shares) / len(shares) if shares else 0.0


def _clear(board: Board, placed: Mapping[Load, Seat]) -> None:
    for load, seat in reversed(list(placed.items())):
        board.take(load, seat)


def exact(board: Board, loads: Sequence[Load]) -> dict[Load, Seat] | None:
    """A place for each, or an empty table where all ways were tried; None where they are too many to try."""
    queue = sorted(loads, key=lambda one: (-len(one.barred), -max(one.needs.values(), default=0.0)))
    placed: dict[Load, Seat] = {}
    steps = [0]

    def search(number: int) -> bool | None:
        if number == len(queue):
            return True
        load, seen = queue[number], set()
        for seat in board.seats:
            steps[0] += 1
            if steps[0] > STEPS:
                return None
            if board.refuses(load, seat) is not None:
                continue
            alike = _alike(seat)
            plain = not (load.anti or load.claims or load.ports or load.forbidden or load.meant)
            if plain and (alike, _bars(loads, seat)) in seen:
                continue
            seen.add((alike, _bars(loads, seat)))
            board.put(load, seat)
            placed[load] = seat
            answer = search(number + 1)
            board.take(load, seat)
            if answer is None or answer:
                return answer
            del placed[load]
        return False

    answer = search(0)
    return None if answer is None else placed if answer else {}


def _alike(seat: Seat) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(seat.free.items()))


def _bars(loads: Sequence[Load], seat: Seat) -> tuple[bool, ...]:
    return tuple(seat.name in load.barred for load in loads)


def _left(board: Board, best: Mapping[Load, Seat], missing: Sequence[Load], *, proved: bool) -> Iterator[Misfit]:
    """Why the pods that are left over have no place once the others have theirs."""
    for load, seat in best.items():
        board.put(load, seat)
    told_of: set[str] = set()
    for load in missing:
        if load.pod.owner in told_of:
            continue
        told_of.add(load.pod.owner)
        whys = {seat.name: why for seat in board.seats if (why := board.refuses(load, seat)) is not None}
        cause, message = told(board, load, whys)
        tried = "every way to place all was tried" if proved else "no way to place all was found, not all were tried"
        yield Misfit(load.pod, cause, f"{message}, with the others in their places ({tried})", proved)
    _clear(board, best)
