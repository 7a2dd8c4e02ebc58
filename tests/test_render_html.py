"""The HTML report: complete without script or network, stable ids, and nothing of others' text that runs."""

from __future__ import annotations

import base64
import gzip
import hashlib
import itertools
import random
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec.structs import replace
from samples import HOSTILE, node, sample_results

from gonogo.core.outcomes import Decision, Level, Mode, Outcome
from gonogo.render import html
from gonogo.results.model import CriterionResult, Evidence, Results, RunInfo, TargetInfo, Verdict, Waiver

VOID = {"meta", "link", "input", "br", "img"}


class Page(HTMLParser):
    """A page as its elements, its visible text, and the ids of what lies around each element."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.unclosed: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.unclosed.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed, f"</{tag}> closes nothing"
        assert self.unclosed[-1] == tag, f"</{tag}> closes <{self.unclosed[-1]}>"
        self.unclosed.pop()

    def handle_data(self, data: str) -> None:
        if self.unclosed and self.unclosed[-1] in ("script", "style"):
            self.scripts.append(data)
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def source() -> str:
    return html.render(sample_results())


@pytest.fixture(scope="module")
def page(source: str) -> Page:
    return Page(source)


def test_every_element_is_closed(page: Page) -> None:
    assert page.unclosed == []
    assert page.all("html") == [{"lang": "en"}]


def test_the_verdict_comes_first_then_root_causes_counts_and_criteria(source: str) -> None:
    order = ['id="verdict"', 'id="causes"', 'id="counts"', 'id="criteria"', 'id="not-asked"', 'id="components"']
    places = [source.index(part) for part in [*order, 'id="time"', 'id="run"']]
    assert places == sorted(places)


def test_the_verdict_says_what_was_decided_and_why(page: Page) -> None:
    assert "NO-GO on embedded" in page.text
    assert "postgresql.answers failed: the server process ended with signal 9" in page.text


def test_the_verdict_names_run_target_and_when(source: str) -> None:
    shown = Page(_section(source, "verdict")).text
    assert "Target embedded" in shown
    assert "Run pv-20250604120000-0a1b2c" in shown
    assert "Finished 2025-06-04 12:01:12 UTC" in shown


def test_a_run_that_never_finished_is_not_said_to_have() -> None:
    results = sample_results()
    source = html.render(replace(results, run=replace(results.run, finished="")))
    shown = Page(_section(source, "verdict")).text
    assert "Never finished, started 2025-06-04 12:00:00 UTC" in shown


def test_files_that_nobody_could_read_are_named() -> None:
    results = sample_results()
    source = html.render(replace(results, run=replace(results.run, unread=(f"suites/{HOSTILE}.py",))))
    shown = Page(_section(source, "not-asked")).text
    assert "1 file of the suites could not be read: what they ask is not known." in shown
    assert "suites/<script>" in shown
    assert "<script>alert" not in source


def test_a_root_cause_has_its_signature_hint_and_next_command(source: str) -> None:
    causes = Page(_section(source, "causes"))
    assert "kafka.broker_missing" in causes.text
    assert "look at its log and whether its disk is full" in causes.text
    assert "kafka-broker-api-versions.sh --bootstrap-server 127.0.0.1:20101" in causes.text
    assert {"href": "#kafka.brokers"} in causes.all("a")


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_is_told_by_word_and_by_shape(page: Page, outcome: Outcome) -> None:
    assert f" {outcome} " in page.text
    assert {"href": f"#mark-{outcome}"} in page.all("use")
    assert any(symbol["id"] == f"mark-{outcome}" for symbol in page.all("symbol"))


def test_every_criterion_is_there_under_its_own_id(source: str, page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {criterion.id for criterion in sample_results().criteria} <= set(ids)
    rows = Page(_section(source, "criteria")).all("details")
    rows = [row for row in rows if "criterion" in row.get("class", "")]
    assert len(rows) == len(sample_results().criteria)
    assert [row["data-outcome"] for row in rows if "open" in row] == ["failed", "failed", "broken"]


def test_every_link_within_the_page_leads_somewhere(page: Page) -> None:
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    inner = [link["href"][1:] for link in page.all("a") if link["href"].startswith("#")]
    assert inner
    assert set(inner) <= ids


def test_a_criterion_shows_what_its_check_saw(source: str) -> None:
    text = Page(_section(source, "criteria")).text
    assert "Expected 3 brokers Actual {1, 3}" in text
    assert node("kafka.brokers") in text
    assert "3.2 Data services" in text
    assert "3 attempts" in text
    assert "until 2025-12-31, by streaming team: rebalancing is slow until the upgrade" in text


def test_what_was_not_asked_is_told_with_its_reason(source: str) -> None:
    text = Page(_section(source, "not-asked")).text
    assert "unsupported needs a cluster: no embedded server katib.answers" in text
    assert "skipped needs --mode disrupt kafka.broker_lost" in text
    assert "missing no result: the run was interrupted ray.answers ray.dashboard" in text


def test_components_tell_version_identity_and_topology(source: str) -> None:
    text = Page(_section(source, "components")).text
    assert "kafka 4.2.1 passed" in text
    assert "5L6g3nShT-eMCtK--X86sw" in text
    assert "brokers = 3" in text
    assert "password = ***" in text


def test_a_component_that_helm_installed_tells_how(source: str) -> None:
    results = sample_results()
    kafka = next(one for one in results.components if one.name == "kafka")
    releases = {"operator": "strimzi-kafka-operator-0.49.0", "kafka": "kafka-1.2.0"}
    deployed = replace(kafka, provider="helm", transport="port-forward", releases=releases)

    told = Page(_section(html.render(replace(results, components=(deployed,))), "components")).text

    assert "Provider helm, port-forward" in told
    assert "Release operator chart strimzi-kafka-operator-0.49.0 Release kafka chart kafka-1.2.0" in told
    assert "Release" not in Page(_section(source, "components")).text


def test_the_time_line_has_a_text_alternative_and_marks_the_critical_path(source: str) -> None:
    section = Page(_section(source, "time"))
    assert any(part.get("role") == "img" and "Time line of" in part["aria-label"] for part in section.all("div"))
    assert len([bar for bar in section.all("rect") if bar.get("class") == "critical"]) == 6 + 1
    assert "start postgresql postgresql deploy 0.30 1.40" in section.text


def test_the_run_can_be_reproduced(source: str) -> None:
    text = Page(_section(source, "run")).text
    assert "git checkout 64460f8" in text
    assert "pytest suites/" in text
    assert "gonogo gate results.json" in text


def test_nothing_is_fetched(source: str, page: Page) -> None:
    assets = [
        value
        for tag, attributes in page.elements
        for name, value in attributes.items()
        if name in ("src", "srcset", "data", "poster", "action") or (name == "href" and tag in ("link", "use", "image"))
    ]
    assert all(value.startswith(("data:,", "#")) for value in assets)
    assert not re.search(r"@import|url\(|\bfetch\(|\bimport\b", " ".join(page.scripts))
    assert "https://tracker.example/142" in source


def test_only_the_page_s_own_style_and_script_may_run(page: Page) -> None:
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; ")
    for content in page.scripts[:1] + page.scripts[-1:]:
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert not any(name.startswith("on") or name == "style" for _, a in page.elements for name in a)


def test_without_script_nothing_is_missing(source: str) -> None:
    still = re.sub(r"<script.*?</script>", "", source, flags=re.DOTALL)
    hidden = [attributes for _, attributes in Page(still).elements if "hidden" in attributes]
    assert all("needs-script" in attributes["class"] for attributes in hidden)
    assert Page(still).text == Page(source).text


def test_headings_do_not_skip_a_level(page: Page) -> None:
    levels = [
        int(tag[1]) if tag in ("h1", "h2", "h3") else int(attributes["aria-level"])
        for tag, attributes in page.elements
        if tag in ("h1", "h2", "h3") or attributes.get("role") == "heading"
    ]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_table_headers_have_a_scope(page: Page) -> None:
    assert page.all("th")
    assert all(header.get("scope") in ("col", "row") for header in page.all("th"))


def test_hostile_text_is_shown_and_does_not_run(source: str, page: Page) -> None:
    assert "<script>alert" not in source
    assert "\x1b" not in source
    assert "<script>alert('x')</script> & \"quotes\" red ünïcode ✓" in page.text
    assert [script.get("type", "own") for script in page.all("script")] == ["own"]


def test_hostile_fields_are_harmless_wherever_they_stand() -> None:
    results = _hostile()
    source = html.render(results)
    page = Page(source)
    assert page.unclosed == []
    assert "<script>alert" not in source
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", source)
    source.encode()
    links = [link["href"] for link in page.all("a")]
    assert not any(link.startswith(("javascript:", "//", "data:")) for link in links)
    assert all(link.startswith(("#", "./", "http://", "https://")) for link in links)


def test_evidence_that_is_short_stands_on_the_page() -> None:
    source = html.render(_with_evidence(Evidence(kind="log", title="the log", text="one\ntwo\n")))
    assert "one\ntwo" in source
    assert "blob-" not in source


def test_long_evidence_shows_its_end_and_holds_all_of_it_packed() -> None:
    text = "".join(f"line {number} {HOSTILE}\n" for number in range(5000))
    source = html.render(_with_evidence(Evidence(kind="log", title="the log", text=text, truncated=True)))
    page = Page(source)
    blob = next(script for script in page.all("script") if script.get("type") == "application/gzip")
    packed = re.search(rf'id="{blob["id"]}">([^<]*)<', source)
    assert packed is not None
    unpacked = gzip.decompress(base64.b64decode(packed[1])).decode()
    assert unpacked == text.replace("\x1b[31m", "").replace("\x1b[0m", "")
    assert {"type": "button", "data-blob": blob["id"]} in page.all("button")
    assert "line 4999" in page.text
    assert "line 4000 " not in page.text
    assert "(cut when it was taken)" in page.text
    assert "5,000 lines" in page.text


def test_equal_evidence_is_packed_once() -> None:
    piece = Evidence(kind="log", title="the log", text="the same line\n" * 2000)
    source = html.render(_with_evidence(piece, piece))
    assert len(re.findall('data-blob="', source)) == 2
    assert len(re.findall('type="application/gzip"', source)) == 1


def test_a_piece_above_a_mebibyte_stays_outside() -> None:
    text = "x" * 70 + "\n"
    piece = Evidence(kind="log", title="huge", text=text * 20_000, path="evidence/huge 1.log")
    source = html.render(_with_evidence(piece))
    assert "data-blob" not in Page(source).text
    assert {"href": "./evidence/huge%201.log"} in Page(source).all("a")
    assert len(source) < 200_000


def test_the_file_keeps_its_budget() -> None:
    noise = random.Random(8)
    pieces = [
        Evidence(kind="log", title=f"log {number}", text="\n".join(noise.randbytes(30).hex() for _ in range(16_000)))
        for number in range(15)
    ]
    source = html.render(_with_evidence(*pieces))
    assert len(source.encode()) < 10_000_000
    assert "The rest is in the results file." in Page(source).text


def test_a_canary_that_was_redacted_at_capture_is_not_brought_back() -> None:
    results = sample_results()
    assert "***" in html.render(results)
    assert "hunter22" not in html.render(results)


@pytest.mark.parametrize(
    ("decision", "code", "headline", "reason", "title"),
    [
        (Decision.GO, 0, "GO on embedded: 2 of 2", "2 of 2", "GO on embedded"),
        (Decision.GO, 0, "GO on embedded, read only: 2 of 2", "2 of 2", "GO on embedded, read only"),
        (Decision.NO_GO, 1, "NO-GO: it failed", "it failed", "NO-GO on embedded"),
        (Decision.NO_GO, 3, "NO-GO: could not tell: x", "x", "NO-GO on embedded: could not tell"),
        (Decision.NONE, 3, "no verdict: 4 of 24", "4 of 24", "No verdict"),
    ],
)
def test_each_decision_has_its_title(decision: Decision, code: int, headline: str, reason: str, title: str) -> None:
    verdict = Verdict(decision=decision, code=code, headline=headline, reason=reason)
    results = sample_results()
    run = replace(results.run, mode=Mode.READ if "read only" in title else Mode.WRITE)
    page = Page(html.render(replace(results, run=run, verdict=verdict)))
    assert f"{title} {reason}" in page.text


def test_a_run_of_nothing_is_still_a_page() -> None:
    results = Results(run=RunInfo(id="pv-1", started=""), target=TargetInfo(name="staging", provider="existing"))
    page = Page(html.render(results))
    assert "No verdict" in page.text
    assert "No criterion was selected." in page.text
    assert "No component was reached." in page.text


def test_a_hundred_and_twenty_criteria_are_all_there() -> None:
    criteria = tuple(
        CriterionResult(
            id=f"kafka.criterion_{number}",
            level=list(Level)[number % 3],
            component="kafka",
            claim="A claim " + "that goes on " * number,
            outcome=list(Outcome)[number % 8],
            reason="w" * 5_000,
        )
        for number in range(120)
    )
    page = Page(html.render(replace(sample_results(), criteria=criteria, checks=(), spans=())))
    assert len([row for row in page.all("details") if "criterion" in row.get("class", "")]) == 120
    assert "(4600 characters more)" in page.text
    assert "Where the time went" not in page.text


def test_many_root_causes_are_shortened_to_a_list() -> None:
    results = sample_results()
    assert results.verdict is not None
    causes = results.verdict.first_causes * 5
    source = html.render(replace(results, verdict=replace(results.verdict, first_causes=causes)))
    assert len(re.findall('<li class="root ', source)) == 8
    assert "7 more root causes" in Page(source).text


def test_a_content_repository_may_change_the_page(tmp_path: Path) -> None:
    template = '{% extends "gonogo/report.html.j2" %}{% block time %}<p>Ask the streaming team.</p>{% endblock %}'
    (tmp_path / "report.html.j2").write_text(template)
    text = Page(html.render(sample_results(), templates=tmp_path)).text
    assert "Ask the streaming team." in text
    assert "NO-GO on embedded" in text
    assert "Where the time went" not in text


def test_the_same_results_give_the_same_bytes(source: str) -> None:
    assert html.render(sample_results()) == source


def _section(source: str, name: str) -> str:
    start = source.index(f'id="{name}"')
    start = source.rindex("<section", 0, start)
    depth, at = 0, start
    for found in re.finditer(r"<(/?)section\b", source[start:]):
        depth += -1 if found[1] else 1
        at = start + found.end()
        if depth == 0:
            break
    return source[start : source.index(">", at) + 1]


def _with_evidence(*pieces: Evidence) -> Results:
    results = sample_results()
    checks = tuple(
        replace(check, evidence=pieces) if "kafka.brokers" in check.criteria else replace(check, evidence=())
        for check in results.checks
    )
    return replace(results, checks=checks)


def _hostile() -> Results:
    """The sample with every text replaced by what an attacker would write there."""
    bad = '\x00\x07"><script>alert(1)</script><img src=x onerror=alert(2)>\u202e\ud800\x1b]8;;http://x\x07'
    results = sample_results()
    waiver = Waiver(owner=bad, reason=bad, expires=bad, link="javascript:alert(3)")
    evidence = (
        Evidence(kind=bad, title=bad, text=bad * 1000, path="//evil.example/x"),
        Evidence(kind=bad, title=bad, path="javascript:alert(4)"),
    )
    return replace(
        results,
        run=replace(results.run, id=bad, started=bad, finished=bad, argv=(bad,), git=bad, host={bad: bad}),
        target=replace(results.target, name=bad, profile=bad),
        components=tuple(
            replace(c, name=bad, version=bad, endpoints={bad: bad}, expect={bad: bad}, message=bad, identity=bad)
            for c in results.components[:1]
        ),
        criteria=tuple(
            replace(c, id=c.id + bad, component=bad, claim=bad, plan=bad, reason=bad, blocked_by=bad, waiver=waiver)
            for c in results.criteria
        ),
        checks=tuple(
            replace(
                c,
                criteria=(c.criteria[0] + bad,),
                nodeid=bad,
                expected=bad,
                actual=bad,
                message=bad,
                hint=bad,
                by_hand=bad,
                evidence=evidence,
                transport=bad,
                started=bad,
            )
            for c in results.checks
        ),
        spans=tuple(replace(span, name=bad, kind=bad, component=bad) for span in results.spans),
    )


def test_the_health_of_the_platform_is_told_with_its_formula_and_the_pods_that_explain_it() -> None:
    page = html.render(sample_results())
    without = html.render(replace(sample_results(), health=None))

    assert "66.7 %" in page
    assert "2 healthy / (4 pods − 1 succeeded" in page
    assert "data/kafka-1 is unhealthy, phase Running: CrashLoop: exit code 1" in page
    assert "StatefulSet data/kafka has 2 of 3 pods ready: CrashLoop" in page
    assert 'id="health"' not in without
