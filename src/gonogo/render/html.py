"""The report for people: one HTML file without network, complete without JavaScript.

Everything is text that somebody else wrote: the template engine escapes it, strips control sequences,
and the page's own Content-Security-Policy lets nothing run but the script that is part of it.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
import shlex
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup

from gonogo.core.harmless import plain
from gonogo.core.outcomes import Decision, Level, Outcome
from gonogo.render import wording
from gonogo.render.chart import chart
from gonogo.results.before import compared
from gonogo.results.model import CheckResult, CriterionResult, Evidence, Results, TargetInfo

BUDGET = 8_000_000
"""Bytes of evidence in one file. What comes after, the least important, is only named: browsers stall on
reports of tens of megabytes."""

LARGEST = 1_048_576
"""Bytes of a single piece of evidence that the file still holds in full."""

_TAIL_LINES, _TAIL_CHARACTERS = 30, 6_000


@dataclass(frozen=True)
class Piece:
    """One piece of evidence on the page: its end as text, all of it as a blob or beside the file."""

    title: str
    kind: str
    tail: str = ""
    lines: int = 0
    size: int = 0
    blob: str = ""
    href: str = ""
    omitted: str = ""


@dataclass(frozen=True)
class CheckView:
    """A check and its evidence."""

    check: CheckResult
    evidence: tuple[Piece, ...]
    again: str


@dataclass(frozen=True)
class Card:
    """A criterion with what its checks saw, the worst first."""

    criterion: CriterionResult
    checks: tuple[CheckView, ...]

    @property
    def seconds(self) -> float:
        """Time that its checks took."""
        return sum(seen.check.seconds for seen in self.checks)


@dataclass
class _Store:
    """Evidence within the budget; equal texts are stored once."""

    left: int = BUDGET
    blobs: dict[str, str] = field(default_factory=dict)

    def piece(self, evidence: Evidence) -> Piece:
        href = _beside(evidence.path) if evidence.path else ""
        if not evidence.text:
            lost = f"It names {evidence.path!r}: no file beside this one." if evidence.path and not href else ""
            return Piece(title=evidence.title, kind=evidence.kind, href=href, omitted=lost)
        text = plain(evidence.text)
        raw = text.encode()
        tail = _tail(text)
        if len(tail) > self.left:
            tail = ""
        self.left -= len(tail)
        blob = self._blob(raw) if tail != text and len(raw) <= LARGEST else ""
        omitted = "" if tail == text or blob or href else "The rest is in the results file."
        return Piece(
            title=evidence.title + (" (cut when it was taken)" if evidence.truncated else ""),
            kind=evidence.kind,
            tail=tail,
            lines=text.count("\n") + (not text.endswith("\n")),
            size=len(raw),
            blob=blob,
            href=href,
            omitted=omitted,
        )

    def _blob(self, raw: bytes) -> str:
        name = "blob-" + hashlib.sha256(raw).hexdigest()[:16]
        if name not in self.blobs:
            packed = base64.b64encode(gzip.compress(raw, mtime=0)).decode()
            if len(packed) > self.left:
                return ""
            self.left -= len(packed)
            self.blobs[name] = packed
        return name


def render(results: Results, templates: Path | None = None) -> str:
    """The whole file. ``templates`` is a folder whose ``report.html.j2`` goes before the one of this package.

    Such a template may extend ``gonogo/report.html.j2`` and replace its blocks. Raises
    ``jinja2.TemplateError`` where it is wrong.
    """
    environment = _environment(templates)
    style, script = (_source(environment, f"report.{kind}") for kind in ("css", "js"))
    store = _Store()
    levels = _levels(results, store)
    counts = wording.counts(results)
    title, sentence = wording.decided(results)
    return environment.get_template("report.html.j2").render(
        results=results,
        run=results.run,
        verdict=results.verdict,
        title=title,
        sentence=sentence,
        state=_state(results),
        roots=wording.roots(results),
        counts=counts,
        occurring=[
            outcome
            for outcome in wording.MEANINGS
            if outcome in (Outcome.PASSED, Outcome.FAILED) or any(row[outcome] for row in counts.values())
        ],
        void=wording.void_waivers(results),
        systems=wording.systems(results),
        levels=levels,
        ids={criterion.id for criterion in results.criteria},
        names={component.name for component in results.components},
        not_asked=_not_asked(results),
        chart=chart(results),
        changes=compared(results),
        held_against=wording.held_against(results),
        commands=_commands(results),
        blobs=store.blobs,
        style=style,
        script=script,
        policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; img-src data:; "
        "base-uri 'none'; form-action 'none'",
    )


@cache
def _environment(templates: Path | None) -> Environment:
    package = PackageLoader("gonogo.render", "templates")
    own = [FileSystemLoader(templates)] if templates else []
    environment = Environment(
        loader=ChoiceLoader([*own, package, PrefixLoader({"gonogo": package})]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters |= {
        "cut": lambda text, limit=2000: wording.cut(plain(text), limit),
        "duration": wording.duration,
        "first_line": wording.first_line,
        "instant": wording.instant,
        "number": wording.number,
        "odd": wording.odd,
        "percent": wording.percent,
        "short": wording.short,
        "size": wording.size,
        "target": lambda id: "#" + quote(plain(id), safe=""),
        "value": lambda value: value if isinstance(value, str) else repr(value),
    }
    environment.globals |= {
        "Outcome": Outcome,
        "meanings": wording.MEANINGS,
        "share": wording.share,
        "word": _word,
    }
    return environment


def _shown(value: Any) -> Any:
    """What an expression puts on the page: markup of the template itself stays, text of others is cleaned."""
    if type(value) is str:  # as nearly all are
        return plain(value)
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _word(outcome: Outcome) -> Markup:
    """An outcome with its mark; there are thousands on a page, of eight kinds."""
    mark = '<svg class="mark" width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" focusable="false">'
    # trusted: an outcome is a word of ours
    word = f'<span class="outcome is-{outcome}">{mark}<use href="#mark-{outcome}"/></svg><span>{outcome}</span></span>'
    return Markup(word)


def _source(environment: Environment, name: str) -> Markup:
    loader = environment.loader
    assert loader is not None
    # trusted: it is a file of the package or of the content repository, and goes into <style> or <script> as it is
    return Markup(loader.get_source(environment, name)[0])


def _hash(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


def _state(results: Results) -> str:
    verdict = results.verdict
    if verdict is None or verdict.decision is Decision.NONE:
        return "none"
    if verdict.decision is Decision.GO:
        return "go"
    return "unsure" if verdict.code == 3 else "no-go"


def _levels(results: Results, store: _Store) -> dict[Level, list[Card]]:
    checks = wording.checks_of(results)
    levels: dict[Level, list[Card]] = {}
    for criterion in wording.ranked(results.criteria):
        seen = tuple(
            CheckView(check, tuple(store.piece(piece) for piece in check.evidence), _again(results, check.nodeid))
            for check in checks.get(criterion.id, ())
        )
        levels.setdefault(criterion.level, []).append(Card(criterion, seen))
    return levels


def _not_asked(results: Results) -> list[tuple[Outcome, str, list[CriterionResult]]]:
    """What was not asked, by what kept it from being asked: outcome, the reasons that were given, the criteria."""
    groups: dict[tuple[object, ...], list[CriterionResult]] = {}
    for outcome in wording.NOT_ASKED:
        for criterion in results.criteria:
            if criterion.outcome is outcome:
                groups.setdefault((outcome, *_kept_by(criterion, results.target)), []).append(criterion)
    return [(group[0].outcome, _reasons(group) or "no reason was given", group) for group in groups.values()]


def _reasons(criteria: list[CriterionResult]) -> str:
    return "; ".join(dict.fromkeys(criterion.reason for criterion in criteria if criterion.reason))


def _kept_by(criterion: CriterionResult, target: TargetInfo) -> tuple[object, ...]:
    """What a criterion was not asked for want of, as fields; where the target declares it, for whom."""
    declared = next((name for name in (criterion.id, criterion.component) if name in target.unsupported), "")
    named = declared if criterion.outcome is Outcome.UNSUPPORTED and not criterion.lacks else ""
    return criterion.skip, criterion.wants, criterion.lacks, named, bool(criterion.checks)


def _again(results: Results, nodeid: str) -> str:
    return shlex.join(["pytest", nodeid, "--target", results.target.name, "--mode", results.run.mode])


def _commands(results: Results) -> list[tuple[str, str]]:
    run = results.run
    revision = re.match(r"[0-9a-f]{7,40}", run.git)
    lines = [("The same files", f"git checkout {revision[0]}")] if revision else []
    if run.argv:
        lines.append(("The same run", shlex.join(run.argv)))
    return [
        *lines,
        ("The same verdict, from the stored results", "gonogo gate results.json"),
        ("This page, from the stored results", "gonogo report results.json --html report.html"),
    ]


def _tail(text: str) -> str:
    lines = text.rstrip("\n").split("\n")
    end = "\n".join(lines[-_TAIL_LINES:])
    if len(lines) <= _TAIL_LINES and len(end) <= _TAIL_CHARACTERS:
        return text
    return end[-_TAIL_CHARACTERS:]


def _beside(path: str) -> str:
    """A link to a file beside the report or below its folder; nothing for a path that leads anywhere else."""
    parts = path.split("/")
    if not path or not path.isprintable() or "\\" in path or {"", ".."} & set(parts):
        return ""
    # "./" and the quoted colon leave no way to name another scheme or host
    return "./" + quote(path)
