"""The tables of docs/drills.md: each drill and where it runs, and each criterion that has none.

``python tests/test_docs_drills.py`` writes them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Target, load_target
from gonogo.run.drills import TLS, Drill, catalogue
from gonogo.run.undrilled import Undrilled, undrilled

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/drills.md"
TARGETS = ("embedded", "embedded-tls", "embedded-superset")


class Places:
    """Where drills run, by what targets hold and by what tests run."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._targets = [load_target(name, ROOT, registry) for name in TARGETS]
        self._run = [(path, one) for path in sorted(ROOT.glob("tests/**/test_*.py")) for one in _drilled(path)]

    def of(self, drill: Drill) -> list[str]:
        """The places, in the words of the page."""
        held = next((one.name for one in self._targets if self._holds(one, drill)), "")
        by_tests = [_place(path, drill) for path, one in self._run if one in (drill.name, drill.component)]
        return list(dict.fromkeys(filter(None, [held, *by_tests])))

    def _holds(self, target: Target, drill: Drill) -> bool:
        asked = {drill.component, *drill.expected.asks, *(id.partition(".")[0] for id in drill.expected.asks)}
        known = "embedded" in self._registry.components[drill.component].providers
        tls = drill.expected.needs != TLS or target.tls is not None
        return known and tls and not asked & target.unsupported.keys()


def _place(path: Path, drill: Drill) -> str:
    """Where a test runs a drill: before an emulator where it imports that of the component."""
    if path.parent.name == "cluster":
        return "cluster"
    return "emulator" if f"emulators.{drill.component} " in path.read_text(encoding="utf-8") else "stand-in"


def _drilled(path: Path) -> Iterator[str]:
    """The drills and components whose drills a test runs: the words of a command after ``drill``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        parts = node.elts if isinstance(node, ast.List) else node.args if isinstance(node, ast.Call) else []
        words = [one.value if isinstance(one, ast.Constant) else None for one in parts]
        if "drill" in words:
            for word in words[words.index("drill") + 1 :]:
                if not isinstance(word, str) or word.startswith("-"):
                    break
                yield word


def tables(registry: Registry) -> str:
    """All of the page that is written."""
    drills, without, places = catalogue(registry.content, registry), undrilled(registry), Places(registry)
    parts = []
    for subject in dict.fromkeys(criterion.component for criterion in registry.criteria.values()):
        rows = [_row(drill, places) for drill in drills if drill.component == subject]
        table = "\n".join(["| drill | fault | expected | runs on |", "|---|---|---|---|", *rows]) if rows else ""
        reasons: dict[Undrilled, list[str]] = {}
        for id, told in without.items():
            if id.startswith(f"{subject}.") and not told.path.match("suites/inside/*"):
                reasons.setdefault(told.entry, []).append(id)
        if rows or reasons:
            parts.append("\n\n".join(filter(None, [f"## {subject}", table, _reasons(reasons)])))
    shared: dict[Undrilled, list[str]] = {}
    for told in dict.fromkeys(without.values()):
        if told.path.match("suites/inside/*"):
            shared[told.entry] = list(told.entry.asks)
    return "\n\n".join([*parts, "## What many components claim", _reasons(shared)])


def _row(drill: Drill, places: Places) -> str:
    one = drill.listed()
    return f"| {drill.name.partition('.')[2]} | {one.fault} | {one.expected} | {', '.join(places.of(drill))} |"


def _reasons(reasons: dict[Undrilled, list[str]]) -> str:
    rows = [
        f"| {' '.join(f'`{id}`' for id in ids)} | {one.reason} | `{one.seen_red}` |" for one, ids in reasons.items()
    ]
    return "\n".join(["| without a drill | since | seen red by |", "|---|---|---|", *rows]) if rows else ""


def filled(text: str, registry: Registry) -> str:
    """The page, with its tables as they should be."""
    made = f"<!-- drills -->\n\n{tables(registry)}\n\n<!-- end of drills -->"
    return re.sub(r"<!-- drills -->.*<!-- end of drills -->", lambda _: made, text, flags=re.DOTALL)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.load(ROOT)


def test_the_page_is_what_the_files_say(registry: Registry) -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert tables(registry) in text
    assert filled(text, registry) == text


def test_every_drill_runs_somewhere(registry: Registry) -> None:
    places = Places(registry)

    assert [drill.name for drill in catalogue(registry.content, registry) if not places.of(drill)] == []


def test_the_page_names_every_criterion_or_its_drill(registry: Registry) -> None:
    drills = catalogue(registry.content, registry)
    text = tables(registry)

    drilled = {id for drill in drills for id in drill.expected.asks}
    shared = {id for claim, ids in registry.shared.items() if f"`{claim}`" in text for id in ids}
    assert [id for id in registry.criteria if id not in drilled | shared and f"`{id}`" not in text] == []
    assert text.count("\n| ") == text.count("\n| without") + text.count("\n| drill ") + len(drills) + len(
        {told.entry for told in undrilled(registry).values()}
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kafka.broker-killed", ["embedded"]),
        ("kafka.our-certificate-expires", ["embedded-tls"]),
        ("superset.killed", ["embedded-superset"]),
        ("postgresql.killed", ["embedded", "cluster"]),
        ("doris.no-http", ["emulator"]),
        ("kfp.another-server", ["emulator"]),
        ("argocd.another-namespace", ["stand-in"]),
        ("notebooks.another-namespace", ["stand-in"]),
    ],
)
def test_where_a_drill_runs_is_read_of_the_tree(registry: Registry, name: str, expected: list[str]) -> None:
    [drill] = catalogue(registry.content, registry, [name])

    assert Places(registry).of(drill) == expected


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), Registry.load(ROOT)), encoding="utf-8")
