"""The content, held by tests: a component is complete, a criterion is asked, a check is prose and was seen red."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from test_architecture import COMPONENTS, FIXTURES, ROOT, SUITES, shown, tree

from gonogo.catalog.registry import Registry
from gonogo.catalog.signatures import GENERIC
from gonogo.checks.clients import VERBS
from gonogo.run.drills import Drill, catalogue

REGISTRY = Registry.load(ROOT)
DRILLS = catalogue(ROOT, REGISTRY)
CLAIMS = {claim.removeprefix("*.") for claim in REGISTRY.shared}
"""What several components claim, each by naming it in its own file."""
DRILLED = [name for name in COMPONENTS if "embedded" in REGISTRY.components[name].providers]
"""Components with real servers on the embedded target; the others are seen red on a running cluster."""
Function = ast.FunctionDef


def checks() -> Iterator[tuple[Path, Function]]:
    """Every check of the suites."""
    for path in SUITES:
        for node in ast.walk(tree(path)):
            if isinstance(node, Function) and node.name.startswith("test_"):
                yield path, node


CHECKS = list(checks())
each_check = pytest.mark.parametrize(
    ("path", "check"), CHECKS, ids=[f"{path.parent.name}/{path.stem}/{check.name}" for path, check in CHECKS]
)
each_component = pytest.mark.parametrize("component", COMPONENTS)
each_drilled = pytest.mark.parametrize("component", DRILLED)


def marked(check: Function, marker: str) -> list[str]:
    """The texts that the check's markers of this name carry."""
    calls = [node for node in check.decorator_list if isinstance(node, ast.Call)]
    return [ast.literal_eval(a) for c in calls if ast.unparse(c.func) == f"pytest.mark.{marker}" for a in c.args]


# -- a component is whole


@each_component
def test_a_component_has_a_client_and_a_suite(component: str) -> None:
    assert (ROOT / "fixtures" / f"{component}.py").is_file()
    assert list((ROOT / "suites" / component).glob("test_*.py"))


@each_drilled
def test_a_component_with_embedded_servers_has_drills(component: str) -> None:
    assert (ROOT / "suites" / component / "drills.toml").is_file()


@each_drilled
def test_a_component_with_server_processes_makes_every_claim_of_them(component: str) -> None:
    file = REGISTRY.components[component]

    assert set(file.claims) == CLAIMS
    assert "disk_used_percent" in file.expect
    assert file.bounds["disk_used_percent"].most is not None


def test_nothing_stands_in_the_folders_without_a_component() -> None:
    shared = {path.parent.name for path in SUITES} - set(COMPONENTS)

    assert shared <= {"pipelines", "checklist", "inside"}
    assert {c.component for c in REGISTRY.criteria.values()} == {path.parent.name for path in SUITES} - {"inside"}
    assert {path.name for path in ROOT.glob("deploy/*/")} == {*COMPONENTS, "targets"}


@each_component
def test_a_module_of_fixtures_has_one_client(component: str) -> None:
    body = tree(ROOT / "fixtures" / f"{component}.py").body
    classes = [node for node in body if isinstance(node, ast.ClassDef)]
    clients = [node.name for node in classes if {*VERBS} <= {method.name for method in methods(node)}]

    assert len(clients) == 1


def methods(node: ast.ClassDef) -> list[Function]:
    """The functions of a class."""
    return [one for one in node.body if isinstance(one, Function)]


def is_fixture(node: Function) -> bool:
    """Whether pytest hands it out."""
    return any("fixture" in ast.unparse(decorator) for decorator in node.decorator_list)


def test_a_module_of_fixtures_hands_out_nothing_itself() -> None:
    # the plugin makes the fixture of each client; one that a component's file makes would count, and run in its turn
    assert [p.name for p in FIXTURES for n in ast.walk(tree(p)) if isinstance(n, Function) and is_fixture(n)] == []


@each_component
def test_whether_a_component_answers_is_critical(component: str) -> None:
    assert REGISTRY.criteria[f"{component}.answers"].level == "critical"


# -- criteria and checks


def test_every_criterion_has_a_check_and_every_check_a_criterion() -> None:
    asked = {criterion for _, check in CHECKS for criterion in marked(check, "criterion")}
    meant = {id for criterion in asked for id in REGISTRY.shared.get(criterion, (criterion,))}

    assert meant == set(REGISTRY.criteria)
    assert [check.name for _, check in CHECKS if not marked(check, "criterion")] == []


def test_every_criterion_says_where_it_comes_from() -> None:
    assert REGISTRY.criteria
    assert [c.id for c in REGISTRY.criteria.values() if not c.plan or not c.claim] == []


@each_check
def test_a_check_stands_in_the_suite_of_what_it_claims(path: Path, check: Function) -> None:
    subjects = {criterion.partition(".")[0] for criterion in marked(check, "criterion")}

    assert subjects == ({"*"} if path.parent.name == "inside" else {path.parent.name})


@each_check
def test_a_docstring_is_a_sentence_that_the_report_can_show(path: Path, check: Function) -> None:
    claim = ast.get_docstring(check) or ""

    assert re.fullmatch(r"[A-Z0-9][^\n]+[.]", claim), f"{shown(path, check.lineno)}: {claim!r}"
    assert len(claim) <= 160


@each_check
def test_a_body_is_given_when_then(path: Path, check: Function) -> None:
    turns = (ast.For, ast.While, ast.If, ast.IfExp, ast.Try, ast.Match, ast.Raise)
    found = [shown(path, node.lineno) for node in ast.walk(check) if isinstance(node, turns)]

    assert found == [], "a method of the client is missing"


def claims(node: ast.AST) -> list[ast.Call]:
    """Every call of ``expect``."""
    return [n for n in ast.walk(node) if isinstance(n, ast.Call) and ast.unparse(n.func) == "expect"]


def causes(claim: ast.Call) -> list[str]:
    """The signatures that a claim may blame; of one that many components make, one for each of them."""
    cause = next(keyword.value for keyword in claim.keywords if keyword.arg == "cause")
    if isinstance(cause, ast.JoinedStr):
        component, kind = cause.values
        assert isinstance(component, ast.FormattedValue)
        assert ast.unparse(component.value) == "component"
        assert isinstance(kind, ast.Constant)
        return [name + str(kind.value) for name in COMPONENTS]
    assert isinstance(cause, ast.Constant), f"line {claim.lineno}: the signature must be a text"
    return [cause.value]


@each_check
def test_a_check_claims_something(path: Path, check: Function) -> None:
    # a method of a client that claims is a claim as well
    methods_ = {n.name for p in FIXTURES for n in ast.walk(tree(p)) if isinstance(n, Function) and claims(n)}
    called = {n.func.attr for n in ast.walk(check) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)}

    assert claims(check) or called & methods_, f"{shown(path, check.lineno)}: claims nothing"


def test_a_claim_is_said_by_expect_and_names_a_cause_that_has_a_hint() -> None:
    files = [*SUITES, *FIXTURES]
    said = [(path, claim) for path in files for claim in claims(tree(path))]
    asserts = [shown(p, n.lineno) for p in SUITES for n in ast.walk(tree(p)) if isinstance(n, ast.Assert)]

    assert len(said) > 100
    assert asserts == [], "expect(actual, expected, cause=...) reports what it decides"
    assert [f"{shown(p, c.lineno)}: {one}" for p, c in said for one in causes(c) if not catalogued(one)] == []


# -- signatures


def catalogued(signature: str) -> bool:
    """Whether the catalogue has a hint for it."""
    return REGISTRY.signature(signature).hint != ""


@cache
def named(component: str) -> frozenset[str]:
    """Every text in the client of a component, in the suites and in the drills, and every cause of a claim."""
    files = [*SUITES, ROOT / "fixtures" / f"{component}.py"]
    texts = {n.value for path in files for n in ast.walk(tree(path)) if isinstance(n, ast.Constant)}
    blamed = {cause for path in files for claim in claims(tree(path)) for cause in causes(claim)}
    return frozenset({str(text) for text in texts} | blamed | {drill.expected.cause for drill in DRILLS})


@each_component
def test_every_signature_of_the_catalogue_is_named_somewhere(component: str) -> None:
    unused = [n for n in REGISTRY.components[component].signatures if not {n, f"{component}.{n}"} & named(component)]

    assert unused == []


def test_every_generic_signature_is_named_somewhere() -> None:
    sources = [p for p in ROOT.glob("src/gonogo/**/*.py") if p.name != "signatures.py"] + [*FIXTURES, *SUITES]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)

    assert [kind for kind in GENERIC if not re.search(rf"\b{kind}\b", text)] == []


@each_component
def test_every_signature_that_a_client_raises_is_in_the_catalogue(component: str) -> None:
    path = ROOT / "fixtures" / f"{component}.py"
    raised = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.keyword) and node.arg == "kind" and isinstance(node.value, ast.Constant):
            raised.add(f"{component}.{node.value.value}")
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Wrong":
            raised |= {str(one.value) for one in node.args[:1] if isinstance(one, ast.Constant)}

    assert [signature for signature in sorted(raised) if not catalogued(signature)] == []


# -- drills


@each_drilled
def test_a_component_is_killed_hung_and_broken_in_a_way_of_its_own(component: str) -> None:
    faults = [drill.expected.fault for drill in DRILLS if drill.component == component]

    assert any(fault.kill for fault in faults)
    assert any(fault.hang for fault in faults)
    assert any(fault.call or fault.endpoints for fault in faults)


def test_every_critical_criterion_is_turned_red_by_a_drill() -> None:
    red = {criterion for drill in DRILLS for criterion in drill.expected.asks}
    critical = [c for c in REGISTRY.criteria.values() if c.level == "critical" and c.component in DRILLED]

    assert [c.id for c in critical if c.id not in red] == []


def test_every_critical_criterion_of_other_components_is_turned_red_on_a_running_cluster() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/cluster/*.py"))
    critical = [c.id for c in REGISTRY.criteria.values() if c.level == "critical" and c.component not in DRILLED]

    assert [id for id in critical if f'"{id}"' not in text] == []


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.name)
def test_a_drill_expects_what_can_be_seen(drill: Drill) -> None:
    expected, component = drill.expected, REGISTRY.components[drill.component]
    node = expected.fault.kill or expected.fault.hang
    nodes = re.findall(r'^name = "([\w-]+)"', (component.folder / "embedded.toml").read_text(), re.MULTILINE)
    children = re.findall(r'^node = "([\w-]+)"', (component.folder / "embedded.toml").read_text(), re.MULTILINE)

    assert catalogued(expected.cause)
    assert expected.outcome in ("failed", "broken", "blocked")
    assert not set(expected.asks) & set(expected.green)
    assert node is None or node in nodes or any(node.startswith(f"{child}-") for child in children)
    assert {key.partition(".")[0] for key in expected.fault.endpoints or {}} <= set(component.endpoints.all)
    client = (ROOT / "fixtures" / f"{drill.component}.py").read_text(encoding="utf-8")
    assert expected.fault.call is None or f"def drill_{expected.fault.call}(" in client
