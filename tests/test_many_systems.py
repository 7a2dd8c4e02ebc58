"""A run of fourteen systems and 250 criteria is taken in at a glance, in every report."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from many_systems import BROKEN, CRITERIA, SYSTEMS, many_results
from samples import sample_results

from gonogo.render import html, markdown, terminal, wording
from gonogo.results.merge import merge

RENDERED = {
    "html": html.render,
    "markdown": markdown.render,
    "terminal": lambda results: terminal.verdict(results, colour=False, width=100, report=""),
}
VOID = ("expired on 2025-06-01: it counts as none", "too broad, as it names more than one criterion: it counts as none")


class Page(HTMLParser):
    """The classes of a page's elements, and what is open in the list of systems."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.classes: list[str] = []
        self.feed(text)

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.classes += (dict(attrs).get("class") or "").split()


def test_systems_with_something_wrong_come_first() -> None:
    systems = wording.systems(many_results())

    assert len(systems) == len(SYSTEMS)
    assert {one.name for one in systems[: len(BROKEN)]} == BROKEN.keys()
    assert [bool(one.wrong) for one in systems] == [n < len(BROKEN) for n in range(len(SYSTEMS))]
    assert sum(sum(one.row.values()) for one in systems) == CRITERIA
    assert (systems[0].passed, systems[0].others) == ("14 of 18 passed", "3 failed, 1 unsupported")


def test_the_page_counts_all_and_stays_small() -> None:
    page = html.render(many_results())

    assert len(page.encode()) < 600_000
    assert Page(page).classes.count("criterion") == CRITERIA
    section = page[page.index('id="systems"') : page.index('id="causes"')]
    assert section.count("<li") == len(SYSTEMS)
    assert section.count('class="wrong"') == len(BROKEN)
    assert "14 of 18 passed, <strong>3 failed, 1 unsupported</strong>" in section


def test_nothing_that_people_read_can_overflow() -> None:
    page = html.render(many_results())

    style = page[page.index("<style>") : page.index("</style>")]
    assert "<table" not in page[page.index('id="systems"') : page.index('id="causes"')]
    assert re.search(r"\.systems > li \{[^}]*minmax\(0, 1fr\)[^}]*overflow-wrap: anywhere", style)


def test_the_terminal_names_what_is_not_right() -> None:
    assert "systems    3 of 14 not right: doris, katib, mlflow" in RENDERED["terminal"](many_results())


@pytest.mark.parametrize("form", ["html", "markdown", "terminal"])
def test_waivers_that_count_as_none_are_in_the_report(form: str) -> None:
    text = " ".join(RENDERED[form](many_results()).split())

    assert all(one in text for one in VOID)
    assert all(one not in RENDERED[form](sample_results()) for one in VOID)


def test_parts_of_a_run_tell_a_void_waiver_once() -> None:
    results = many_results()

    assert merge([results, results]).void == results.void
