"""That pods have no place together, proved by counting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from math import floor

from gonogo.cluster.judge.quantities import shown
from gonogo.cluster.plan.admission import class_of, exceeds
from gonogo.cluster.plan.board import Board, Load, Misfit


def bounds(board: Board, loads: Sequence[Load], missing: Sequence[Load]) -> Iterator[Misfit]:
    """What is asked of some nodes in all, and cannot be had, whatever the order; one of the pods left over is named."""
    told_of: set[str] = set()
    for load in missing:
        if load.pod.owner in told_of:
            continue
        own = frozenset(seat.name for seat in board.seats if board.refuses(load, seat, others=False) is None)
        bound = (
            _too_many(board, load, loads, own)
            or _too_much(board, load, loads, own)
            or _too_few(board, load, loads, own)
            or _too_near(board, load, loads, own)
            or _too_even(board, load, loads, own)
        )
        if bound:
            told_of.add(load.pod.owner)
            yield Misfit(load.pod, *bound)


def _rivals(board: Board, loads: Iterable[Load], own: frozenset[str]) -> list[Load]:
    """The pods that can be nowhere but on these nodes."""
    known: dict[Hashable, bool] = {}
    rivals = []
    for one in loads:
        nowhere_else = known.get(one.alike) if one.alike is not None else None
        if nowhere_else is None:
            nowhere_else = all(s.name in own or board.refuses(one, s, others=False) for s in board.seats)
            known[one.alike] = nowhere_else
        if nowhere_else:
            rivals.append(one)
    return rivals


def _too_many(board: Board, load: Load, loads: Sequence[Load], own: frozenset[str]) -> tuple[str, str] | None:
    """More pods at least as large as this one than there is room for, node by node."""
    large = [
        other
        for other in _rivals(board, loads, own)
        if all(not exceeds(number, other.needs.get(name, 0.0)) for name, number in load.needs.items())
    ]
    slots: dict[str, tuple[int, str]] = {}
    for name in own:
        seat = board.by_name[name]
        rooms = {r: floor((seat.free.get(r, 0.0) + 1e-6) / number) for r, number in load.needs.items() if number > 0}
        tightest = min(rooms, key=lambda r: (rooms[r], r))
        slots[name] = max(rooms[tightest], 0), tightest
    room = sum(count for count, _ in slots.values())
    if len(large) <= room:
        return None
    cause = Counter(resource for _, resource in slots.values()).most_common(1)[0][0]
    asked = shown(cause, load.needs[cause])
    each = "" if cause == "pods" else f" of {cause} {asked} and more"
    return cause, (
        f"{len(large)} pods{each} are planned, {_nodes(board, own)} {'has' if len(own) == 1 else 'have'} room for "
        f"{room}: {len(large) - room} too many"
    )


def _too_much(board: Board, load: Load, loads: Sequence[Load], own: frozenset[str]) -> tuple[str, str] | None:
    """More of a resource in all than these nodes have left."""
    rivals = _rivals(board, loads, own)
    for resource in load.needs:
        asked = sum(other.needs.get(resource, 0.0) for other in rivals)
        left = sum(max(board.by_name[name].free.get(resource, 0.0), 0.0) for name in own)
        if exceeds(asked, left):
            return resource, (
                f"{len(rivals)} pods ask {resource} {shown(resource, asked)}, {_nodes(board, own)} "
                f"{'has' if len(own) == 1 else 'have'} {shown(resource, left)} left: "
                f"{shown(resource, asked - left)} too little"
            )
    return None


def _too_few(board: Board, load: Load, loads: Sequence[Load], own: frozenset[str]) -> tuple[str, str] | None:
    """More claims of a class without provisioner than there are volumes that are large enough."""
    for claim in load.claims:
        kind = class_of(claim, board.ground)
        alike = [
            one
            for other in _rivals(board, loads, own)
            for one in other.claims
            if class_of(one, board.ground) == kind and not exceeds(claim.size, one.size)
        ]
        there = [one for one in board.volumes.values() if board.serves(one, claim)]
        if len(alike) > len(there):
            return "volume", (
                f"{len(alike)} claims ask {shown('storage', claim.size)} and more of class {kind}, "
                f"{len(there)} free volumes are large enough: {len(alike) - len(there)} too few"
            )
    return None


def _too_near(board: Board, load: Load, loads: Sequence[Load], own: frozenset[str]) -> tuple[str, str] | None:
    """More pods that must be apart than there are places that are apart."""
    for term in load.anti:
        apart = [o for o in _rivals(board, loads, own) if term in o.anti and term in o.meant]
        places = {value for name in own if (value := board.by_name[name].value(term.key)) is not None}
        without = any(board.by_name[name].value(term.key) is None for name in own)
        if term in load.meant and len(apart) > len(places) and not without:
            few = len(places)
            return "anti_affinity", (
                f"{len(apart)} pods must be on different {term.key}, the nodes that take them have "
                f"{few}: {len(apart) - few} too many"
            )
    return None


def _too_even(board: Board, load: Load, loads: Sequence[Load], own: frozenset[str]) -> tuple[str, str] | None:
    """More pods that must be spread evenly than the emptiest place lets the others have."""
    for one in load.spreads:
        alike = [o for o in _rivals(board, loads, own) if o.pod.owner == load.pod.owner and one.term in o.meant]
        if not one.own or any(one.term in o.meant and o.pod.owner != load.pod.owner for o in loads):
            continue
        rooms: dict[str, float] = {board.by_name[name].value(one.term.key) or "": 0.0 for name in one.seats}
        for name in own & one.seats:
            seat = board.by_name[name]
            count = min((seat.free.get(r, 0.0) + 1e-6) // n for r, n in load.needs.items() if n > 0)
            rooms[seat.value(one.term.key) or ""] += max(count, 0.0)
        there = board.counts[one.term]
        least = min((there[place] + room for place, room in rooms.items()), default=0.0)
        if len(rooms) < one.least:
            least = 0.0
        most = sum(max(min(there[p] + room, least + one.skew) - there[p], 0.0) for p, room in rooms.items())
        if len(alike) > most:
            narrow = min(rooms, key=lambda place: there[place] + rooms[place], default="")
            return "spread", (
                f"{len(alike)} pods must be spread over {one.term.key} with a difference of {one.skew} at most, "
                f"there is room for {most:.0f} that way, as {narrow or 'a place'} has room for "
                f"{rooms.get(narrow, 0):.0f}: {len(alike) - most:.0f} too many"
            )
    return None


def _nodes(board: Board, own: frozenset[str]) -> str:
    if len(own) == 1:
        return f"node {next(iter(own))}"
    return f"the {len(own)} nodes that take them" if len(own) < len(board.seats) else f"the {len(own)} nodes"
