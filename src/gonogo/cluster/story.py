"""Rows as people read them: worst first, and a root with what it drags along as one story."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from gonogo.cluster.judge.verdict import Row, State
from gonogo.core.harmless import line
from gonogo.results.model import Health

Paint = Callable[[str, str], str]

SHADES = {
    State.FAILED: "31",
    State.UNKNOWN: "35",
    State.PROGRESSING: "33",
    State.SUSPENDED: "36",
    State.READY: "32",
}

NAMED = 8
"""Objects that a line names; the rest are counted."""

_STATE = 12
_TEXTS = ("kind", "namespace", "name", "reason", "message", "hint", "cause", "source")
_PARTS = ("kind", "namespace", "name", "container", "key")
_QUIET = frozenset({State.READY, State.SUSPENDED})
"""What has no story: it is counted, or shown in one line."""


class Story(NamedTuple):
    """A root, others of its kind that suffer alike, and what cannot come up because of it."""

    root: Row
    alike: tuple[Row, ...]
    dragged: tuple[Row, ...]


class Change(NamedTuple):
    """A row that is new, different or gone; the row before it, and the seconds for which that one stood."""

    row: Row
    before: Row | None = None
    lasted: float | None = None
    gone: bool = False


def stories(rows: Sequence[Row]) -> list[Story]:
    """The rows, worst first, each in one story: as its root, alike to it, or dragged along by it.

    A row belongs to the object that it names as its root; where that has a root too, to that one's.
    """
    troubled = [row for row in rows if row.state is not State.READY or row.root]
    told = {row.title.whole: row for row in reversed(troubled)}

    def root(row: Row) -> Row:
        seen, found = {row.title.whole}, row
        while found.root and (cause := found.root.whole) in told and cause != found.title.whole:
            if cause in seen:
                return row  # they blame each other
            seen.add(cause)
            found = told[cause]
        return found

    dragged: dict[int, list[Row]] = {}
    alike: dict[tuple[object, ...], list[Row]] = {}
    for row in sorted(troubled, key=lambda row: (row.state.severity, row.namespace, row.kind, row.name)):
        first = root(row)
        if first is row:
            alike.setdefault(_likeness(row), []).append(row)
        else:
            dragged.setdefault(id(first), []).append(row)
    found = [
        Story(first, tuple(others), tuple(one for row in (first, *others) for one in dragged.get(id(row), ())))
        for first, *others in alike.values()
    ]
    found.sort(key=lambda story: min(row.state.severity for row in (story.root, *story.dragged)))
    return found + [Story(row, (), ()) for row in rows if row.state is State.READY and not row.root]


def _likeness(row: Row) -> tuple[object, ...]:
    """What rows have in common that tell the same of different objects; no sentence is among it."""
    own = (row.api_version, row.kind, row.namespace, row.state, row.reason)
    elsewhere = None if _is_own(row) else row.root
    return (*own, elsewhere, row.container, row.image, row.exit_code, row.lacks)


def _is_own(row: Row) -> bool:
    """Whether the root lies in a part of the object itself."""
    return row.root is not None and row.root.whole == row.title.whole


def text(rows: Sequence[Row], *, colour: bool, width: int, everything: bool = False) -> str:
    """All stories, then how many are ready; with ``everything`` those too, a line each."""
    paint: Paint = _painted if colour else _unpainted
    rows = [_harmless(row) for row in rows]
    blocks = []
    for story in stories(rows):
        if story.root.state is State.READY and not everything:
            continue
        blocks.append("\n".join(_story(story, paint, width)))
    return "\n".join([*blocks, _counted(rows)])


def _story(story: Story, paint: Paint, width: int) -> list[str]:
    row = story.root
    state = paint(f"{row.state.value:<{_STATE}}", SHADES[row.state])
    own = _is_own(row)
    lines = [" ".join(filter(None, [f"{state}{row.cause if own else row.title}", row.reason]))]
    if story.alike:
        lines += _labelled("alike", _names(story.alike), width)
    lines += _labelled("", row.message, width)
    for one, said in _other_words(story)[:NAMED]:
        lines += _labelled("", f"{one.title}: {said}", width)
    if row.cause and not own:
        lines += _labelled("cause", row.cause, width)
    lines += _labelled("next", row.hint, width)
    if story.dragged:
        lines += _labelled("so", _names(story.dragged), width)
    if row.source and row.state not in _QUIET:
        lines += _labelled("in", row.source, width)
    return lines


def _other_words(story: Story) -> list[tuple[Row, str]]:
    """Those alike whose message is another, their names apart, with that message; each is told once."""
    told = {story.root.message.replace(story.root.name, "")}
    found = []
    for row in story.alike:
        if (said := row.message.replace(row.name, "")) not in told:
            told.add(said)
            found.append((row, row.message))
    return found


def _names(rows: Sequence[Row]) -> str:
    told = ", ".join(str(row.title) for row in rows[:NAMED])
    return told + (f" and {len(rows) - NAMED} more" if len(rows) > NAMED else "")


def _labelled(label: str, told: str, width: int) -> list[str]:
    if not told:
        return []
    first = " " * _STATE + (f"{label}: " if label else "")
    wrapped = []
    for number, one in enumerate(told.splitlines()):
        wrapped += textwrap.wrap(
            line(one),
            max(width, 60),
            initial_indent=first if number == 0 else " " * len(first),
            subsequent_indent=" " * len(first),
            break_long_words=False,
            break_on_hyphens=False,
        )
    return wrapped


def _harmless(row: Row) -> Row:
    """What a cluster or a file says must not move the cursor of a terminal: names and kinds no more than messages."""
    odd: dict[str, object] = {name: line(value) for name in _TEXTS if not (value := getattr(row, name)).isprintable()}
    if row.root is not None:
        parts = {part: line(value) for part in _PARTS if not (value := getattr(row.root, part)).isprintable()}
        odd |= {"root": replace(row.root, **parts)} if parts else {}
    return replace(row, **odd) if odd else row


def _counted(rows: Sequence[Row]) -> str:
    counts = Counter(row.state for row in rows)
    if not counts:
        return "no object with a state"
    told = [f"{counts[state]} {state.value}" for state in State if counts[state] and state is not State.READY]
    ready = f"{counts[State.READY]} ready"
    return f"{', '.join(told)} and {ready}" if told else f"all {ready}"


def health(found: Health, *, width: int) -> str:
    """The health of the platform: strict, literal, the formula, and the pods that explain the difference."""
    if found.strict is None:
        why = "there are no pods" if not found.pods else f"none of {found.pods} pods counts"
        return f"health: cannot be computed, {why}"
    lines = [
        f"health: {found.strict:.2f} % strict, {found.literal or 0:.2f} % literal"
        f" ({found.running} of {found.pods} pods are in phase Running)",
        f"strict = {found.formula}",
    ]
    lines = [one for line in lines for one in textwrap.wrap(line, max(width, 60), subsequent_indent="  ")]
    for odd in found.explain[:NAMED]:
        told = ": ".join(filter(None, [f"{odd.place}, phase {odd.phase or 'none'}", odd.reason]))
        told = line(f"  {odd.namespace}/{odd.name}: {told}")
        lines += textwrap.wrap(told, max(width, 60), subsequent_indent="    ")
    if len(found.explain) > NAMED:
        lines.append(f"  and {len(found.explain) - NAMED} more pods that are not simply healthy")
    for shortfall in found.below[:NAMED]:
        lines.append(line(f"  {shortfall}"))
    if len(found.below) > NAMED:
        lines.append(f"  and {len(found.below) - NAMED} more with fewer ready pods than desired")
    return "\n".join(lines)


def changed(change: Change, at: datetime, *, colour: bool) -> str:
    """One line of ``--watch``: ``10:00:03 Pod data/web-0 progressing → failed after 3.2 s ImageNotFound: …``."""
    paint: Paint = _painted if colour else _unpainted
    row, before, lasted, gone = change._replace(row=_harmless(change.row))
    now = "gone" if gone else paint(row.state.value, SHADES[row.state])
    moved = before is not None and (gone or before.state is not row.state)
    came = f"{before.state.value} → {now}" if before is not None and moved else now
    took = f"after {lasted:.1f} s" if moved and lasted is not None else ""
    told = ": ".join(filter(None, [row.reason, " ".join(row.message.split())])) if not gone else ""
    cause = f"(cause: {row.cause})" if row.cause and not gone else ""
    return " ".join(filter(None, [f"{at:%H:%M:%S}", str(row.title), came, took, told, cause]))


def _painted(told: str, shade: str) -> str:
    return f"\x1b[{shade}m{told}\x1b[0m"


def _unpainted(told: str, _shade: str) -> str:
    return told
