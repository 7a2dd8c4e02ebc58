"""What the terminal shows: a line per criterion while it is checked, and the verdict at the end."""

from __future__ import annotations

import textwrap
from datetime import datetime

from gonogo.core.harmless import line, plain
from gonogo.core.outcomes import Decision, Outcome
from gonogo.render import wording
from gonogo.render.wording import Root
from gonogo.results.before import Difference, compared
from gonogo.results.model import Results

MARKS = {
    Outcome.PASSED: "✓",
    Outcome.FAILED: "✗",
    Outcome.BROKEN: "!",
    Outcome.BLOCKED: "⊘",
    Outcome.MISSING: "?",
    Outcome.SKIPPED: "-",
    Outcome.UNSUPPORTED: "-",
    Outcome.WAIVED: "~",
}

_BOLD, _DIM, _RED, _GREEN, _YELLOW = "1", "2", "31", "32", "33"
_LABEL = 11
_LONGEST = 300


def criterion_line(name: str, outcome: Outcome, seconds: float, message: str = "") -> str:
    """One check that has come to its outcome: ``✗ kafka.brokers   failed   0.31 s  a broker is gone``."""
    told = wording.first_line(message)
    return f"{MARKS[outcome]} {line(name):<44} {outcome:<11} {seconds:6.2f} s" + (f"  {told}" if told else "")


def verdict(results: Results, colour: bool, width: int, report: str, now: datetime | None = None) -> str:
    """Decision, which run, counts by level, the first root cause, what gonogo itself cost, and where the report is.

    Lines are wrapped at ``width``, except for the headline, which scripts look for, and commands, which
    somebody will copy. ``report`` may be empty. ``now`` is for results that were stored: it tells their age.
    """
    paint = _painted if colour else _unpainted
    which = [paint(line, _DIM) for line in _wrapped(wording.ran(results, now), width)]
    blocks = [[paint(wording.headline(results), _BOLD, _shade(results)), *which], _counts(results, width)]
    systems = wording.systems(results)
    if wrong := [one.name for one in systems if one.wrong]:
        blocks[-1] += _labelled(
            "systems", f"{len(wrong)} of {len(systems)} not right: {', '.join(wrong)}", width, indent=""
        )
    if results.health:
        blocks.append(_labelled("platform", str(results.health), width, indent=""))
    if results.before is not None:
        blocks.append(_before(results, width))
    roots = wording.roots(results)
    if roots:
        told, *others = roots
        blocks.append([paint(f"Root cause: {line(told.cause.signature)}", _BOLD), *_root(told, others, width)])
    blocks.append([line(one) for one in wording.void_waivers(results)])
    closing = [paint(one, _DIM) for one in _wrapped(wording.share(results), width)]
    if report:
        closing.append(f"Report: {report}")
    blocks.append(closing)
    return "\n\n".join("\n".join(lines) for lines in blocks if lines)


def _counts(results: Results, width: int) -> list[str]:
    lines = []
    for level, row in wording.counts(results).items():
        others = [f"{count} {outcome}" for outcome, count in row.items() if count and outcome is not Outcome.PASSED]
        passed = f"{row[Outcome.PASSED]} of {sum(row.values())} passed"
        lines += _labelled(level, ", ".join([passed, *others]), width, indent="")
    return lines


def _before(results: Results, width: int) -> list[str]:
    """The table of before and after; or why there is none."""
    rows = compared(results)
    head = _wrapped(wording.held_against(results), width)
    if not rows:
        return head
    cells = [Difference("", "before", "after", "change"), *rows]
    widths = [max(len(line(row[n])) for row in cells) for n in range(3)]
    return head + [
        "  "
        + "  ".join([line(row.what).ljust(widths[0]), row.before.rjust(widths[1]), row.after.rjust(widths[2])])
        + (f"  {row.change}" if row.change else "")
        for row in cells
    ]


def _root(root: Root, others: list[Root], width: int) -> list[str]:
    lines = _wrapped(wording.cut(plain(root.cause.message), _LONGEST), width, indent="  ")
    if root.check:
        expected, saw = root.check.compared
        lines += _labelled("expected", expected, width)
        lines += _labelled("saw", saw, width)
    lines += _labelled("hint", root.hint, width)
    if root.by_hand:
        lines.append(f"  {'by hand':<{_LABEL}}{line(root.by_hand)}")
    if root.cause.criterion:
        lines += _labelled("seen by", root.cause.criterion, width)
    if root.blocks:
        lines += _labelled("blocks", wording.number(root.blocks, "criterion", "criteria"), width)
    if others:
        named = ", ".join(dict.fromkeys(other.cause.signature for other in others[:5]))
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""
        lines += _labelled("also", named + more, width)
    return lines


def _labelled(label: str, text: str, width: int, indent: str = "  ") -> list[str]:
    if not text:
        return []
    first = f"{indent}{label:<{_LABEL}}"
    shown = " ".join(wording.cut(plain(text), _LONGEST).split())
    return _wrapped(shown, width, indent=first, after=" " * len(first))


def _wrapped(text: str, width: int, indent: str = "", after: str | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, 40),
        initial_indent=indent,
        subsequent_indent=indent if after is None else after,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _shade(results: Results) -> str:
    decided = results.verdict.decision if results.verdict else Decision.NONE
    return {Decision.GO: _GREEN, Decision.NO_GO: _RED, Decision.NONE: _YELLOW}[decided]


def _painted(text: str, *codes: str) -> str:
    return f"\x1b[{';'.join(codes)}m{text}\x1b[0m"


def _unpainted(text: str, *_codes: str) -> str:
    return text
