"""JUnit XML, as CI servers read it: one test case per criterion, one suite per component.

Of equal names GitLab keeps only the first, and it refuses files above 30 MB; so names are unique and
texts are trimmed. What failed is a failure; what could not be asked is an error; what was deliberately
not asked is skipped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from xml.etree import ElementTree as ET

from gonogo.core.harmless import plain
from gonogo.core.outcomes import Outcome
from gonogo.render import wording
from gonogo.results.model import CheckResult, Results

LONGEST = 10_000
"""Characters of one text."""

_ERRORS = (Outcome.BROKEN, Outcome.BLOCKED, Outcome.MISSING)
_SKIPS = (Outcome.SKIPPED, Outcome.UNSUPPORTED, Outcome.WAIVED)


@dataclass(frozen=True)
class _Case:
    """A criterion, or a check that is evidence for none of the criteria."""

    name: str
    component: str
    outcome: Outcome
    message: str
    properties: dict[str, str]
    checks: list[CheckResult]

    @property
    def seconds(self) -> float:
        return sum(check.seconds for check in self.checks)


def render(results: Results) -> str:
    """The XML document, valid whatever characters the servers answered with."""
    cases = _uniquely_named(_cases(results))
    root = ET.Element("testsuites", {"name": "gonogo", **_totals(cases)})
    components: dict[str, list[_Case]] = {}
    for case in cases:
        components.setdefault(case.component, []).append(case)
    for component, own in components.items():
        suite = ET.SubElement(
            root,
            "testsuite",
            {"name": plain(component), **_totals(own), "timestamp": plain(results.run.started), "id": plain(component)},
        )
        suite.append(_properties(_facts(results)))
        for case in own:
            suite.append(_element(case))
    ET.indent(root, space=" ")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _cases(results: Results) -> Iterable[_Case]:
    checks = wording.checks_of(results)
    criteria = {criterion.id for criterion in results.criteria}
    for criterion in wording.ranked(results.criteria):
        yield _Case(
            name=criterion.id,
            component=criterion.component,
            outcome=criterion.outcome,
            message=criterion.reason,
            properties={"level": criterion.level, "claim": criterion.claim, "plan": criterion.plan},
            checks=checks.get(criterion.id, []),
        )
    for check in results.checks:
        if criteria.isdisjoint(check.criteria):
            yield _Case(check.nodeid, check.component, check.outcome, check.message, {}, [check])


def _facts(results: Results) -> dict[str, str]:
    """Which run this is, and when."""
    run = results.run
    when = {"started": run.started, "finished": run.finished}
    return {"run": run.id, "target": results.target.name, **when, "verdict": wording.headline(results)}


def _properties(values: Mapping[str, str]) -> ET.Element:
    element = ET.Element("properties")
    for name, value in values.items():
        ET.SubElement(element, "property", {"name": name, "value": _text(value)})
    return element


def _uniquely_named(cases: Iterable[_Case]) -> list[_Case]:
    met: Counter[str] = Counter()
    named = []
    for case in cases:
        name = _text(case.name)
        met[name] += 1
        named.append(replace(case, name=name if met[name] == 1 else f"{name} ({met[name]})"))
    return named


def _totals(cases: list[_Case]) -> dict[str, str]:
    return {
        "tests": str(len(cases)),
        "failures": str(sum(case.outcome is Outcome.FAILED for case in cases)),
        "errors": str(sum(case.outcome in _ERRORS for case in cases)),
        "skipped": str(sum(case.outcome in _SKIPS for case in cases)),
        "time": f"{sum(case.seconds for case in cases):.3f}",
    }


def _element(case: _Case) -> ET.Element:
    element = ET.Element(
        "testcase", {"classname": _text(case.component), "name": case.name, "time": f"{case.seconds:.3f}"}
    )
    element.append(_properties(case.properties | {"outcome": case.outcome}))
    message = _text(case.message or case.outcome)
    if case.outcome is Outcome.FAILED:
        ET.SubElement(element, "failure", {"message": message, "type": _signature(case)}).text = _told(case.checks)
    elif case.outcome in _ERRORS:
        ET.SubElement(element, "error", {"message": message, "type": _signature(case)}).text = _told(case.checks)
    elif case.outcome in _SKIPS:
        ET.SubElement(element, "skipped", {"message": f"{case.outcome}: {message}"})
    if case.checks:
        ET.SubElement(element, "system-out").text = _text("\n".join(f"{c.nodeid} {c.outcome}" for c in case.checks))
    return element


def _signature(case: _Case) -> str:
    return _text(next((check.cause.signature for check in case.checks if check.cause), case.outcome))


def _told(checks: list[CheckResult]) -> str:
    lines = []
    for check in checks:
        fields = {
            "check": check.nodeid,
            "expected": check.expected,
            "actual": check.actual,
            "message": check.message,
            "likely cause": check.hint,
            "by hand": check.by_hand,
        }
        lines += [f"{name}: {wording.cut(plain(value), 2000)}" for name, value in fields.items() if value]
    return _text("\n".join(lines))


def _text(text: str) -> str:
    return wording.cut(plain(text), LONGEST)
