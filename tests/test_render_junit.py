"""JUnit XML: valid whatever comes in, one uniquely named case per criterion."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace
from samples import HOSTILE, node, sample_results

from gonogo.core.outcomes import Outcome
from gonogo.render import junit
from gonogo.results.model import CheckResult, Results, RunInfo, TargetInfo

ELEMENTS = {
    Outcome.FAILED: "failure",
    Outcome.BROKEN: "error",
    Outcome.BLOCKED: "error",
    Outcome.MISSING: "error",
    Outcome.SKIPPED: "skipped",
    Outcome.UNSUPPORTED: "skipped",
    Outcome.WAIVED: "skipped",
}
CONTROL = "".join(map(chr, range(32))) + "\x7f\x9b\ud800\udfff\ufffe\uffff ]]> <&\"'"


def parsed(results: Results) -> ET.Element:
    return ET.fromstring(junit.render(results).encode())


def cases(results: Results) -> dict[str, ET.Element]:
    return {case.attrib["name"]: case for case in parsed(results).iter("testcase")}


def test_each_criterion_is_one_case_of_its_component() -> None:
    results = sample_results()
    found = cases(results)
    assert set(found) == {criterion.id for criterion in results.criteria}
    assert {(c.id, c.component) for c in results.criteria} == {
        (name, case.attrib["classname"]) for name, case in found.items()
    }


@pytest.mark.parametrize("outcome", list(Outcome))
def test_each_outcome_has_its_element(outcome: Outcome) -> None:
    results = sample_results()
    found = cases(results)
    for criterion in (c for c in results.criteria if c.outcome is outcome):
        verdicts = {child.tag for child in found[criterion.id]} & {"failure", "error", "skipped"}
        assert verdicts == ({ELEMENTS[outcome]} if outcome in ELEMENTS else set())


def test_totals_are_those_of_the_cases() -> None:
    root = parsed(sample_results())
    counted = {
        "tests": len(list(root.iter("testcase"))),
        "failures": len(list(root.iter("failure"))),
        "errors": len(list(root.iter("error"))),
        "skipped": len(list(root.iter("skipped"))),
    }
    assert counted == {"tests": 13, "failures": 2, "errors": 5, "skipped": 3}
    assert {name: int(root.attrib[name]) for name in counted} == counted
    for name, count in counted.items():
        assert sum(int(suite.attrib[name]) for suite in root.iter("testsuite")) == count


def test_a_case_carries_level_claim_and_outcome() -> None:
    properties = {p.attrib["name"]: p.attrib["value"] for p in cases(sample_results())["kafka.groups"].iter("property")}
    assert properties["level"] == "important"
    assert properties["outcome"] == "waived"
    assert properties["claim"].startswith("Two consumers of a group")


def test_a_suite_carries_run_target_and_when() -> None:
    results = sample_results()
    for suite in parsed(results).iter("testsuite"):
        properties = {p.attrib["name"]: p.attrib["value"] for p in suite.findall("properties/property")}
        assert properties["run"] == results.run.id
        assert properties["target"] == "embedded"
        assert properties["started"] == "2025-06-04T12:00:00Z"
        assert properties["finished"] == "2025-06-04T12:01:12Z"
        assert properties["verdict"].startswith("NO-GO: postgresql.answers failed")


def test_a_failure_tells_what_the_report_tells() -> None:
    failure = cases(sample_results())["kafka.brokers"].find("failure")
    assert failure is not None
    assert failure.attrib["type"] == "kafka.broker_missing"
    assert failure.attrib["message"] == "a broker is gone: expected 3 brokers, saw {1, 3}"
    told = failure.text or ""
    assert node("kafka.brokers") in told
    assert "actual: {1, 3}" in told
    assert "by hand: kafka-broker-api-versions.sh" in told


def test_a_skip_says_why() -> None:
    skipped = cases(sample_results())["katib.answers"].find("skipped")
    assert skipped is not None
    assert skipped.attrib["message"] == "unsupported: needs a cluster: no embedded server"


@pytest.mark.parametrize("text", [HOSTILE, CONTROL], ids=["hostile", "control"])
def test_the_document_is_valid_whatever_the_servers_said(text: str) -> None:
    results = sample_results()
    results = replace(
        results,
        run=replace(results.run, started=text),
        criteria=tuple(replace(c, id=c.id + text, component=text, claim=text, reason=text) for c in results.criteria),
        checks=tuple(
            replace(
                c,
                criteria=(c.criteria[0] + text,),
                nodeid=text,
                message=text,
                expected=text,
                actual=text,
                hint=text,
                by_hand=text,
                component=text,
            )
            for c in results.checks
        ),
    )
    root = parsed(results)
    assert len(list(root.iter("testcase"))) == 13
    assert "\x1b" not in junit.render(results)


def test_equal_names_are_told_apart() -> None:
    results = sample_results()
    names = [case.attrib["name"] for case in parsed(replace(results, criteria=results.criteria * 2)).iter("testcase")]
    assert len(names) == len(set(names)) == 26
    assert "kafka.brokers (2)" in names


def test_a_check_without_a_criterion_is_not_lost() -> None:
    results = sample_results()
    stray = CheckResult(nodeid="suites/x.py::test_x", criteria=(), component="x", outcome=Outcome.FAILED, message="no")
    found = cases(replace(results, checks=(*results.checks, stray)))
    assert found["suites/x.py::test_x"].find("failure") is not None


def test_long_texts_are_trimmed() -> None:
    results = sample_results()
    long = "x" * 1_000_000
    checks = tuple(replace(c, message=long, expected=long, actual=long) for c in results.checks)
    criteria = tuple(replace(c, reason=long) for c in results.criteria)
    assert len(junit.render(replace(results, checks=checks, criteria=criteria))) < 400_000


def test_a_run_of_nothing_is_a_document() -> None:
    root = parsed(Results(run=RunInfo(id="pv-1", started=""), target=TargetInfo(name="x", provider="existing")))
    assert root.attrib["tests"] == "0"
