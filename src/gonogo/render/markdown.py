"""The summary for merge requests and job pages, within a budget of bytes.

GitHub throws a job summary above 1 MiB away whole, so what matters most comes first, and what does not
fit is counted instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from gonogo.core.harmless import plain
from gonogo.core.outcomes import Decision, Outcome
from gonogo.render import wording
from gonogo.render.wording import Root, System
from gonogo.results.before import compared
from gonogo.results.model import CheckResult, CriterionResult, Health, Results

_RESERVE = 400
_ODD = 50
_SPECIAL = re.compile(r"([\\`*_\[\]#|~$])")

# What makes a block of a line where it begins one: lists, headings by the line below, the rule below a table's heading.
_BEGINS = re.compile(r"^(?:(\d{1,9})([.)])|([-+=:]))")

# Readers make links of these in the finished text, whatever stood there in the source: addresses, people, issues of
# GitHub and GitLab. A space without width keeps what is read the same.
_LINKS = re.compile(r"(?<=@)|(?<=:)(?=//)|(?<=\bw)(?=ww\.)|(?<=[#!~%$])(?=[\w\"])|(?<=\bGH)(?=-\d)", re.IGNORECASE)
_APART = "&#8203;"
_SIGNS = {Decision.GO: "✅", Decision.NO_GO: "❌", Decision.NONE: "❔"}


def render(results: Results, budget: int = 900_000) -> str:
    """GitHub-flavoured Markdown of at most ``budget`` bytes in UTF-8; a budget is at least 4,000."""
    kept, left, left_out = [], budget - _RESERVE, 0
    for block in _blocks(results):
        left -= len(block.encode())
        # the first block that does not fit ends the page: nothing behind it may look like all there is
        if left < 0:
            left_out += 1
        else:
            kept.append(block)
    if left_out:
        kept.append(
            f"\n{wording.number(left_out, 'more entry', 'more entries')} did not fit into this summary; "
            "report.html and results.json hold everything.\n"
        )
    return "".join(kept)


def render_each(runs: Mapping[str, Results | str], budget: int = 900_000) -> str:
    """One page of several runs, by the names of their files: a line each, then each run's own summary.

    What could not be read is a sentence, and counts as no GO. Every run has the same share of the ``budget``.
    """
    seen = [one for one in runs.values() if not isinstance(one, str)]
    going = sum(one.verdict is not None and one.verdict.decision is Decision.GO for one in seen)
    sign = _SIGNS[Decision.GO if going == len(runs) else Decision.NO_GO]
    lines = [f"# {sign} GO on {going} of {len(runs)}", "", "| | Verdict | Root cause |", "|:--|:--|:--|"]
    for name, one in runs.items():
        if isinstance(one, str):
            lines.append(f"| {_text(name, 200)} | {_SIGNS[Decision.NONE]} {_text(f'no verdict: {one}', 300)} | |")
        else:
            sign = _SIGNS[one.verdict.decision if one.verdict else Decision.NONE]
            causes = ", ".join(
                _text(cause.signature) for cause in (one.verdict.first_causes if one.verdict else ())[:5]
            )
            lines.append(f"| {_text(one.target.name)} | {sign} {_text(wording.headline(one), 500)} | {causes} |")
    page = "\n".join(lines) + "\n"
    share = (budget - len(page.encode())) // max(1, len(seen))
    return "\n".join([page, *(render(one, share) for one in seen)])


def _blocks(results: Results) -> Iterator[str]:
    """The page in pieces, the most important first."""
    yield _title(results)
    yield _counts(results)
    if void := wording.void_waivers(results):
        yield "\n" + "".join(f"- {_text(one)}\n" for one in void)
    if len(systems := wording.systems(results)) > 1:
        yield _systems(systems)
    if results.health:
        yield _health(results.health)
    if results.before is not None:
        yield _before(results)
    roots = wording.roots(results)
    if roots:
        yield "\n## Root causes\n\n"
        yield from map(_root, roots)
    criteria = wording.ranked(results.criteria)
    checks = wording.checks_of(results)
    unsettled = [c for c in criteria if c.outcome in wording.UNSETTLED]
    if unsettled:
        yield "\n## Not right\n"
        for criterion in unsettled:
            yield _criterion(criterion, checks.get(criterion.id, []))
    quiet = [c for c in criteria if c.outcome in (Outcome.WAIVED, Outcome.UNSUPPORTED, Outcome.SKIPPED)]
    yield from _table("Waived, unsupported, skipped", "Why", ((c, c.reason) for c in quiet))
    yield from _table("Passed", "Claim", ((c, c.claim) for c in criteria if c.outcome is Outcome.PASSED))


def _title(results: Results) -> str:
    title, sentence = wording.decided(results)
    run = results.run
    facts = [
        wording.ran(results),
        f"mode {run.mode}",
        f"profile {results.target.profile}",
        wording.duration(run.seconds),
        f"gonogo {run.gonogo}",
    ]
    sign = _SIGNS[results.verdict.decision if results.verdict else Decision.NONE]
    lines = [f"# {sign} {_text(title)}", "", _text(sentence, 1500), "", _text(" · ".join(filter(None, facts)), 500)]
    if run.interrupted:
        lines += ["", "**The run was interrupted.** What it had not asked by then is missing."]
    return "\n".join(lines) + "\n"


def _counts(results: Results) -> str:
    table = wording.counts(results)
    outcomes = [o for o in wording.MEANINGS if o is Outcome.PASSED or any(row[o] for row in table.values())]
    lines = [f"| | {' | '.join(outcomes)} | all |", "|:--" + "|--:" * (len(outcomes) + 1) + "|"]
    for level, row in table.items():
        lines.append(f"| {level} | {' | '.join(str(row[outcome]) for outcome in outcomes)} | {sum(row.values())} |")
    return "\n" + "\n".join(lines) + "\n"


def _systems(systems: list[System]) -> str:
    rows = [f"| {_text(one.name)} | {one.passed} | {one.others} |" for one in systems]
    return "\n".join(["", "## Systems", "", "| | | |", "|:--|:--|:--|", *rows]) + "\n"


def _health(health: Health) -> str:
    storage = health.storage
    lines = [
        "",
        "## Platform health",
        "",
        "| | |",
        "|:--|--:|",
        f"| strict: {_text(health.formula)} | {wording.percent(health.strict)} |",
        f"| literal: {health.running} running / {health.pods} pods | {wording.percent(health.literal)} |",
        f"| claims bound | {storage.bound} of {storage.claims} |",
        "",
    ]
    told = [*map(wording.odd, health.explain), *map(wording.short, health.below)]
    lines += [f"- {_text(one)}" for one in told[:_ODD]]
    if told[_ODD:]:
        lines.append(f"- {wording.number(len(told) - _ODD, 'more', 'more')}")
    return "\n".join(lines) + "\n"


def _before(results: Results) -> str:
    lines = ["", "## Before and after", "", f"{_text(wording.held_against(results))}.", ""]
    rows = compared(results)
    if rows:
        lines += ["| | before | after | change |", "|:--|--:|--:|--:|"]
        lines += [f"| {' | '.join(_text(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _root(root: Root) -> str:
    blocks = f", blocks {wording.number(root.blocks, 'criterion', 'criteria')}" if root.blocks else ""
    cause = root.cause
    lines = [
        f"1. **{_text(cause.component)}**: {_text(wording.first_line(cause.message))}",
        f"   {_code(cause.signature)} {root.outcome}{blocks}",
    ]
    if root.check:
        lines += (f"   - {line}" for line in _told(root.check))
    return "\n".join(lines) + "\n"


def _criterion(criterion: CriterionResult, checks: list[CheckResult]) -> str:
    lines = [
        "",
        f"### {_code(criterion.id)} {criterion.outcome} ({criterion.level})",
        "",
        f"{_text(criterion.claim)}  ",
        f"{_text(criterion.reason) or 'No reason was given.'}",
        "",
    ]
    for check in checks:
        lines.append(f"- {_code(check.nodeid)} {check.outcome}, {wording.duration(check.seconds)}")
        lines += (f"  - {line}" for line in _told(check))
    return "\n".join(lines) + "\n"


def _told(check: CheckResult) -> Iterator[str]:
    expected, saw = check.compared
    if expected or saw:
        yield f"expected {_text(expected) or 'not stated'}, saw {_text(saw) or 'nothing'}"
    if check.hint:
        yield f"likely cause: {_text(check.hint)}"
    if check.by_hand:
        yield f"by hand: {_code(check.by_hand)}"


def _table(title: str, column: str, rows: Iterable[tuple[CriterionResult, str]]) -> Iterator[str]:
    """A block per row; the heading comes with the first one."""
    heading = f"\n## {title}\n\n| Criterion | Level | Outcome | {column} |\n|:--|:--|:--|:--|\n"
    for criterion, told in rows:
        # within a table's row a bar ends the cell also in code, and a backslash before it does not help for sure
        id = _text(criterion.id) if set(criterion.id) & set("|\\") else _code(criterion.id)
        yield f"{heading}| {id} | {criterion.level} | {criterion.outcome} | {_text(told, 300)} |\n"
        heading = ""


def _text(text: str, limit: int = 600) -> str:
    """One line of text that Markdown shows as it is: no markup, no HTML, nobody mentioned."""
    line = " ".join(wording.cut(plain(text), limit).split())
    parts = [_SPECIAL.sub(r"\\\1", part.replace("&", "&amp;")) for part in _LINKS.split(line)]
    escaped = _APART.join(parts).replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")
    return _BEGINS.sub(lambda found: f"{found[1]}\\{found[2]}" if found[1] else f"\\{found[3]}", escaped)


def _code(text: str) -> str:
    """One line as code, between more backticks than it has itself."""
    line = " ".join(wording.cut(plain(text), 1000).split())
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    return f"{fence}{line}{fence}" if fence == "`" else f"{fence} {line} {fence}"
