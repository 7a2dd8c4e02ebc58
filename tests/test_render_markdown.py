"""The Markdown summary: what matters first, within a budget of bytes, and nothing that renders as markup."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace
from samples import HOSTILE, sample_results

from gonogo.core.outcomes import Level, Outcome
from gonogo.render import markdown
from gonogo.results.model import CriterionResult, Results, RunInfo, TargetInfo


def test_verdict_counts_causes_failures_and_passed_come_in_this_order() -> None:
    text = markdown.render(sample_results())
    parts = ["# ❌ NO-GO on embedded", "| critical | 2 | 2 |", "## Root causes", "## Not right", "## Passed"]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_the_run_is_named_below_the_verdict() -> None:
    run = "run pv-20250604120000-0a1b2c on embedded, interrupted 2025-06-04 12:01:12 UTC"
    assert run in markdown.render(sample_results()).partition("| critical")[0]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_is_named(outcome: Outcome) -> None:
    assert re.search(rf"\b{outcome}\b", markdown.render(sample_results()).partition("## Root causes")[2])


def test_every_criterion_is_named() -> None:
    text = markdown.render(sample_results())
    assert all(f"`{criterion.id}`" in text for criterion in sample_results().criteria)


def test_a_root_cause_has_hint_and_command() -> None:
    causes = markdown.render(sample_results()).partition("## Root causes")[2].partition("## Not right")[0]
    assert "likely cause: A broker is fenced or gone" in causes
    assert "by hand: `kafka-broker-api-versions.sh --bootstrap-server 127.0.0.1:20101`" in causes
    assert "blocks 2 criteria" in causes


@pytest.mark.parametrize("budget", [4_000, 20_000, 100_000, 900_000])
def test_the_budget_is_kept_in_bytes(budget: int) -> None:
    results = _long(5_000)
    text = markdown.render(results, budget)
    assert len(text.encode()) <= budget
    assert len(text.encode()) > budget - 2_000
    assert text.startswith("# ❌ NO-GO on embedded")
    assert re.search(r"[\d,]+ more entries did not fit into this summary", text)


def test_several_runs_share_the_budget() -> None:
    long = _long(5_000)

    text = markdown.render_each({"one.json": long, "two.json": long, "none.json": "none.json: *is* empty"}, 100_000)

    assert 95_000 < len(text.encode()) <= 100_000
    assert text.startswith("# ❌ GO on 0 of 3\n")
    assert text.count("\n# ❌ NO-GO on embedded") == text.count("did not fit into this summary") == 2
    assert "| none.json | ❔ no verdict: none.json: \\*is\\* empty | |" in text


def test_nothing_is_left_out_where_it_fits() -> None:
    assert "did not fit" not in markdown.render(_long(50))


def test_others_text_is_no_markup() -> None:
    results = sample_results()
    bad = f"{HOSTILE} | a\nb `code` *bold* [link](http://x) @somebody ```\n# title"
    criteria = tuple(replace(c, claim=bad, reason=bad) for c in results.criteria)
    checks = tuple(replace(c, expected=bad, actual=bad, hint=bad, by_hand=bad) for c in results.checks)
    text = markdown.render(replace(results, criteria=criteria, checks=checks))
    prose = re.sub(r"(`+) .*? \1", "", text)
    assert "<script>" not in prose
    assert "\x1b" not in text
    assert "@somebody" not in prose
    assert not re.search(r"^# title", text, re.MULTILINE)
    assert "[link]" not in prose
    rows = [line for line in text.partition("## Passed")[2].splitlines() if line.startswith("| `")]
    assert rows
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 5 for row in rows)


def test_a_run_of_nothing_is_a_summary() -> None:
    results = Results(run=RunInfo(id="pv-1", started=""), target=TargetInfo(name="x", provider="existing"))
    assert markdown.render(results).startswith("# ❔ No verdict")


def _long(count: int) -> Results:
    criteria = tuple(
        CriterionResult(
            id=f"kafka.criterion_{number}",
            level=list(Level)[number % 3],
            component="kafka",
            claim="ünïcode claim " * 20,
            outcome=list(Outcome)[number % 8],
            reason="✓" * 250,
        )
        for number in range(count)
    )
    return replace(sample_results(), criteria=criteria, checks=())


def test_the_health_of_the_platform_is_a_part_of_its_own() -> None:
    page = markdown.render(sample_results())

    assert "## Platform health" in page
    assert "| strict: 2 healthy / (4 pods − 1 succeeded − 0 terminating − 0 replaced) | 66.7 % |" in page
    assert "- data/kafka-1 is unhealthy, phase Running: CrashLoop" in page
