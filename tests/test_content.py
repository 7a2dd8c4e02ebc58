"""The content, held by tests: a component is complete, a criterion is asked, a check is prose and was seen red.

The rules are those of ``gonogo lint``, which holds one's own components to them too; what is only this project's
style stands here.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from test_architecture import COMPONENTS, FIXTURES, ROOT, SUITES, shown, tree

from gonogo.catalog.registry import Registry
from gonogo.catalog.signatures import GENERIC
from gonogo.commands.lint import Check, Lint
from gonogo.run.drills import Drill

REGISTRY = Registry.load(ROOT)
LINT = Lint(REGISTRY)
DRILLED = [name for name in COMPONENTS if "embedded" in REGISTRY.components[name].providers]
"""Components with real servers on the embedded target; the others are seen red on a running cluster."""
EMULATED = [name for name in COMPONENTS if (ROOT / "tests/emulators" / name).is_dir()]
"""Components whose servers no registry has: they are seen red before an emulator alone."""

each_check = pytest.mark.parametrize(
    "check", LINT.checks, ids=[f"{check.subject}/{check.path.stem}/{check.node.name}" for check in LINT.checks]
)
each_component = pytest.mark.parametrize("component", COMPONENTS)
each_drilled = pytest.mark.parametrize("component", DRILLED)


# -- a component is whole


@each_component
def test_a_component_has_a_client_and_a_suite_and_where_it_is_deployed_drills(component: str) -> None:
    assert [*LINT.parts(component)] == []


@each_drilled
def test_a_component_with_server_processes_makes_every_claim_of_them(component: str) -> None:
    assert len(REGISTRY.shared) > 3
    assert [*LINT.claims(component)] == []


def test_nothing_stands_in_the_folders_without_a_component() -> None:
    shared = {path.parent.name for path in SUITES} - set(COMPONENTS)

    assert LINT.components == COMPONENTS
    assert shared <= {"pipelines", "checklist", "inside"}
    assert {c.component for c in REGISTRY.criteria.values()} == {path.parent.name for path in SUITES} - {"inside"}
    known = {path.parent.name for path in ROOT.glob("deploy/*/rules.toml") if len([*path.parent.iterdir()]) == 1}
    assert {path.name for path in ROOT.glob("deploy/*/")} == {*COMPONENTS, *known, "targets", "kind"}


@each_component
def test_a_module_of_fixtures_has_one_client_and_hands_out_nothing_itself(component: str) -> None:
    assert [*LINT.one_client(component)] == []


@each_component
def test_whether_a_component_answers_is_critical(component: str) -> None:
    assert [*LINT.answers(component)] == []


# -- criteria and checks


def test_every_criterion_has_a_check_and_every_check_a_criterion() -> None:
    assert len(LINT.checks) > 60
    assert [problem for problem in LINT.criteria() if "is empty" not in problem.what] == []


def test_every_criterion_says_where_it_comes_from() -> None:
    assert REGISTRY.criteria
    assert [problem for id in REGISTRY.criteria for problem in LINT.told(id)] == []


@each_check
def test_a_check_stands_in_the_suite_of_what_it_claims(check: Check) -> None:
    assert [*LINT.subject(check)] == []


@each_check
def test_a_docstring_is_a_sentence_that_the_report_can_show(check: Check) -> None:
    assert [*LINT.sentence(check)] == []


@each_check
def test_a_body_is_given_when_then(check: Check) -> None:
    turns = (ast.For, ast.While, ast.If, ast.IfExp, ast.Try, ast.Match, ast.Raise)
    found = [shown(check.path, node.lineno) for node in ast.walk(check.node) if isinstance(node, turns)]

    assert found == [], "a method of the client is missing"


@each_check
def test_a_check_claims_something_by_expect_and_names_causes_that_have_a_hint(check: Check) -> None:
    assert [*LINT.claiming(check)] == []


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_a_claim_of_a_client_names_a_cause_that_has_a_hint(path: Path) -> None:
    assert [*LINT.blamed(path, tree(path))] == []


# -- signatures


@each_component
def test_every_signature_of_the_catalogue_is_named_somewhere(component: str) -> None:
    assert [*LINT.signatures(component)] == []


def test_every_generic_signature_is_named_somewhere() -> None:
    sources = [p for p in ROOT.glob("src/gonogo/**/*.py") if p.name != "signatures.py"] + [*FIXTURES, *SUITES]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)

    assert [kind for kind in GENERIC if not re.search(rf"\b{kind}\b", text)] == []


@each_component
def test_every_signature_that_a_client_raises_is_in_the_catalogue(component: str) -> None:
    assert [*LINT.raised(component)] == []


# -- drills


@each_drilled
def test_a_component_is_killed_hung_and_broken_in_a_way_of_its_own(component: str) -> None:
    assert [*LINT.faults(component)] == []


def test_every_critical_criterion_is_turned_red_by_a_drill() -> None:
    assert [*LINT.drilled()] == []


def test_every_criterion_has_a_drill_or_a_reason_and_a_test_that_shows_it_red() -> None:
    assert [*LINT.unseen()] == []
    assert [*LINT.seen_red()] == []


def test_every_critical_criterion_of_other_components_is_turned_red_on_a_running_cluster() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/cluster/*.py"))
    others = {*COMPONENTS} - {*DRILLED, *EMULATED}
    critical = [c.id for c in REGISTRY.criteria.values() if c.level == "critical" and c.component in others]

    assert [id for id in critical if f'"{id}"' not in text] == []


@pytest.mark.parametrize("component", EMULATED)
def test_every_criterion_of_a_component_that_no_registry_has_is_turned_red_before_its_emulator(component: str) -> None:
    text = (ROOT / f"tests/test_{component}_client.py").read_text(encoding="utf-8")
    own = {id.partition(".")[2] for id in REGISTRY.criteria if id.startswith(f"{component}.")}
    own -= {"certificates"}  # of every server alike: suites/inside

    assert [id for id in sorted(own) if f'"{id}"' not in text and f'"{component}.{id}"' not in text] == []


@pytest.mark.parametrize("drill", LINT.drills, ids=lambda drill: drill.name)
def test_a_drill_expects_what_can_be_seen(drill: Drill) -> None:
    assert [*LINT.expected(drill)] == []
