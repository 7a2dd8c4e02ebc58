"""The tables of docs/plan.md: each line of the platform's plan, what answers it, and where that was shown.

``python tests/test_docs_plan.py`` writes them.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from gonogo.catalog.registry import Registry

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/plan.md"


class Line(NamedTuple):
    """A line of the plan: ``fits`` is an expression for the `plan` of criteria, ``sentence`` what else answers it."""

    says: str
    fits: str = ""
    sentence: str = ""
    undoes: tuple[str, ...] = ()
    """Components whose `rollback` the line is."""


CHECKED = "Services of the platform before; the components after."
SUPERSET = "The Superset is real; the database that it was connected to is no Doris."

PLAN = {
    "Pre-deployment checklist": (
        Line("Verify platform health ≥80% before starting", "platform health ≥80"),
        Line("Check available storage capacity (need 400Gi+)", "storage capacity|checklist: storage|verify storage"),
        Line("Verify all Phase 2 critical services running", "all (phase 2 )?critical services", CHECKED),
        Line("Backup current platform state", "backup current"),
        Line("Ensure Git repository is clean", "git repository"),
        Line("Verify ArgoCD applications healthy", "argocd applications"),
        Line("Check node resources (CPU, memory available)", "node resources"),
    ),
    "Component health checks": (
        Line("Elasticsearch: `_cluster/health`", "health checks: elasticsearch"),
        Line("Kafka: `kafka-topics.sh --list`", "health checks: kafka"),
        Line("Neo4j: `RETURN 1`", "health checks, neo4j"),
        Line("DataHub: `curl -I`", "health checks: datahub"),
        Line("Doris: `SHOW FRONTENDS`", "health checks: doris"),
        Line("Ray: `kubectl get raycluster`", "ray cluster operational"),
        Line("MLflow: `curl -I`", "service urls: mlflow|mlflow tracking server"),
        Line("Kubeflow: `curl -I`", "service urls: kubeflow"),
    ),
    "Integration tests": (
        Line("1 DataHub: create test dataset and verify lineage", "integration test 1"),
        Line("2 Doris: create table and run simple query", "integration test 2"),
        Line("3 Ray: submit test job", "integration test 3"),
        Line("4 MLflow: log test experiment", "integration test 4"),
        Line("5 Kubeflow: create test pipeline", "integration test 5"),
    ),
    "Success criteria: must have": (
        Line("All 27 new pods running", "all 27 new pods"),
        Line("DataHub UI accessible", "datahub ui"),
        Line("Doris FE responding to queries", "doris fe responding"),
        Line("Ray cluster operational", "ray cluster operational"),
        Line("MLflow tracking server responding", "mlflow tracking server"),
        Line("Platform health ≥90%", "platform health ≥90"),
    ),
    "Success criteria: should have": (
        Line("Kubeflow pipelines functional", "kubeflow pipelines functional"),
        Line("DataHub ingesting metadata", "datahub ingesting"),
        Line("Doris connected to Superset", "doris connected to superset", SUPERSET),
        Line("Ray workers auto-scaling", "ray workers auto-scaling"),
        Line(
            "MLflow connected to MinIO", "mlflow connected to minio", "The store that it was shown with is SeaweedFS."
        ),
    ),
    "Success criteria: nice to have": (
        Line("DataHub lineage visualization working", "lineage visualization"),
        Line("Doris performance optimized", "doris performance"),
        Line("Ray dashboard accessible externally", "ray dashboard accessible"),
        Line("Kubeflow notebooks deployed", "kubeflow notebooks"),
        Line("Complete ML workflow tested", "complete ml workflow"),
    ),
    "Success metrics": (
        Line("Platform health 83% → 90%+", "platform health ≥90", "`--before` of an earlier run shows both."),
        Line(
            "Running pods 108 → 120+", "", "No threshold of its own: `--before` shows both; the share is `health.pods`."
        ),
        Line(
            "Advanced services 0/3 → 3/3",
            "datahub ui|doris fe responding|ray cluster operational|mlflow tracking server",
        ),
        Line("ML capabilities partial → complete", "complete ml workflow|end-to-end ml"),
        Line("Data catalog none → operational", "datahub ui|datahub ingesting|integration test 1"),
    ),
    "Risks": (
        Line("High 1, storage capacity", "storage capacity|storage ~690gi"),
        Line(
            "High 2, resource constraints",
            "resource constraints",
            "`gonogo plan` holds the charts' pods against the nodes.",
        ),
        Line("High 3, network complexity", "network c"),
        Line(
            "Medium 1, Elasticsearch startup time",
            "",
            "No criterion, as slow is not wrong: `gonogo up` waits and names what never comes up; a run's report says "
            "after how many seconds it was ready.",
        ),
        Line("Medium 2, Kafka initialization", "kafka initialization"),
        Line("Medium 3, Neo4j authentication", "neo4j authentication"),
    ),
    "Rollbacks": (
        Line("If Elasticsearch fails", undoes=("elasticsearch",)),
        Line("If Kafka fails", undoes=("kafka",)),
        Line("If DataHub fails", undoes=("datahub",)),
        Line("If Doris fails", undoes=("doris",)),
        Line("If ML Platform fails", undoes=("mlflow", "ray")),
    ),
    "What is to be deployed, and the steps": (
        Line("1.1 Elasticsearch cluster", r"\b1\.1 elasticsearch"),
        Line("1.2 Kafka cluster", r"\b1\.2 "),
        Line("1.3 Neo4j", r"\b1\.3 "),
        Line("1.4 Enable DataHub services", r"\b1\.4\b"),
        Line("2.1 Create Doris namespace", r"\b2\.1 "),
        Line("2.2 Install Doris operator", r"\b2\.2 install"),
        Line("2.3 Deploy DorisCluster", r"\b2\.3 "),
        Line("2.4 Configure Superset connection", r"\b2\.4 "),
        Line("3.1 Deploy Ray cluster", r"\b3\.1 "),
        Line("3.2 Deploy MLflow", r"\b3\.2 "),
        Line("3.3 Deploy Kubeflow Pipelines", r"\b3\.3 "),
        Line("Sync ArgoCD", "sync argocd"),
        Line("Implementation sequence", "step 1:|implementation sequence|rollback plan: helm"),
        Line("Service URLs", "service urls"),
        Line("Phase 3 objectives", "primary goal|^phase 3: production-grade|^pre-deployment checklist$"),
    ),
}
"""The plan's lines: those of checklist, validation, criteria, metrics, risks and rollbacks one by one."""

COUNTS = (7, 8, 5, 6, 5, 5, 5, 6, 5)
"""How many lines each part has, without what is to be deployed."""

OWN_TESTS = {"checklist": "preflight"}
"""Components whose test on a cluster has another name than theirs."""


def answering(registry: Registry, line: Line) -> list[str]:
    """The criteria whose `plan` names the line."""
    return [c.id for c in registry.criteria.values() if line.fits and re.search(line.fits, c.plan, re.IGNORECASE)]


def unanswered(registry: Registry, lines: Iterable[Line]) -> list[str]:
    """The lines with neither criterion, nor sentence, nor a rollback of every component that they name."""
    return [one.says for one in lines if not (answering(registry, one) or one.sentence or _undone(registry, one))]


def unplanned(registry: Registry) -> list[str]:
    """The criteria that name no line."""
    found = {id for lines in PLAN.values() for line in lines for id in answering(registry, line)}
    return [id for id in registry.criteria if id not in found]


def _undone(registry: Registry, line: Line) -> bool:
    return bool(line.undoes) and all(registry.components[name].rollback for name in line.undoes)


class Shown:
    """Where criteria were shown, by what the tree holds."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        targets = [tomllib.loads(path.read_text("utf-8")) for path in ROOT.glob("deploy/targets/embedded*.toml")]
        self._lacks = [frozenset(one["target"].get("unsupported", {})) for one in targets]
        self._on_cluster, self._uses = _declared()

    def of(self, criterion: str) -> Iterator[str]:
        """The places, in the words of the page."""
        component = criterion.partition(".")[0]
        asked = self._uses.get(criterion, frozenset()) & self._registry.components.keys() or {component}
        if criterion not in self._on_cluster and all(self._embedded(one, criterion) for one in asked):
            yield "embedded"
        if criterion.partition(".")[2] not in ON_HOST:
            if any(_chart(component)) and f'"{criterion}" = ' not in OPERATED:
                yield "operator"
            if (ROOT / f"tests/cluster/platform/{component}.yaml").exists():
                yield "cluster"
        if any((ROOT / f"tests/emulators/{one}").is_dir() for one in asked):
            yield "emulator"
        elif (
            component not in self._registry.components
            or "embedded" not in self._registry.components[component].providers
        ):
            own = OWN_TESTS.get(component, component)
            if (ROOT / f"tests/cluster/test_{own}.py").exists():
                yield "cluster"

    def _embedded(self, component: str, criterion: str) -> bool:
        known = self._registry.components.get(component)
        has = known is not None and "embedded" in known.providers
        return has and any(not {component, criterion} & lacks for lacks in self._lacks)


ON_HOST = frozenset({"account", "listens", "data_private", "data_room"})
"""Claims that are asked inside the host of a server."""


OPERATED = (ROOT / "tests/cluster/test_operated.py").read_text("utf-8")
"""Names in its target what it leaves out."""


def _chart(component: str) -> Iterator[Path]:
    """The charts of ``tests/cluster/operated`` that deploy it."""
    file = ROOT / f"deploy/{component}/helm.toml"
    text = file.read_text("utf-8") if file.exists() else ""
    for chart in re.findall(r'^chart = "([a-z-]+)"', text, re.MULTILINE):
        if (ROOT / f"tests/cluster/operated/{chart}").is_dir():
            yield ROOT / f"tests/cluster/operated/{chart}"


def _declared() -> tuple[frozenset[str], dict[str, frozenset[str]]]:
    """The criteria whose checks need Kubernetes, and the arguments of each criterion's checks."""
    needing: set[str] = set()
    uses: dict[str, frozenset[str]] = {}
    for path in ROOT.glob("suites/*/test_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef):
                continue
            marks = [(ast.unparse(mark.func), mark.args) for mark in node.decorator_list if isinstance(mark, ast.Call)]
            said = {
                kind: {arg.value for name, args in marks if name.endswith(f".{kind}") for arg in args if _text(arg)}
                for kind in ("criterion", "needs")
            }
            for criterion in said["criterion"]:
                uses[criterion] = uses.get(criterion, frozenset()) | {arg.arg for arg in node.args.args}
            if "kubernetes" in said["needs"]:
                needing |= said["criterion"]
    return frozenset(needing), uses


def _text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def table(registry: Registry, lines: Iterable[Line], shown: Shown) -> str:
    """A row for each line: its criteria by where they were shown, and what else answers it."""
    rows = ["| line | answered by | shown |", "|---|---|---|"]
    for line in lines:
        groups: dict[str, list[str]] = {}
        for id in answering(registry, line):
            groups.setdefault(", ".join(dict.fromkeys(shown.of(id))) or "stand-in", []).append(f"`{id}`")
        told = [(" ".join(ids), where) for where, ids in groups.items()]
        if line.sentence:
            told.append((line.sentence, ""))
        for name in line.undoes:
            told.append((f"`gonogo rollback {name}`; what the plan says does:", ""))
            told += [(f"`{one.says}`: {one.does}", "") for one in registry.components[name].rollback]
        rows += [f"| {line.says if not n else ''} | {what} | {where} |" for n, (what, where) in enumerate(told)]
    return "\n".join(rows)


def tables(registry: Registry) -> str:
    """All tables of the page."""
    shown = Shown(registry)
    return "\n\n".join(f"### {title}\n\n{table(registry, lines, shown)}" for title, lines in PLAN.items())


def filled(text: str, registry: Registry) -> str:
    """The page, with its tables as they should be."""
    made = f"<!-- lines -->\n\n{tables(registry)}\n\n<!-- end of lines -->"
    return re.sub(r"<!-- lines -->.*<!-- end of lines -->", lambda _: made, text, flags=re.DOTALL)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.load(ROOT)


def test_the_plan_has_as_many_lines() -> None:
    assert tuple(map(len, PLAN.values()))[:-1] == COUNTS


def test_each_line_is_answered(registry: Registry) -> None:
    assert [one for lines in PLAN.values() for one in unanswered(registry, lines)] == []


def test_each_criterion_names_a_line(registry: Registry) -> None:
    assert unplanned(registry) == []


def test_the_page_is_what_the_files_say(registry: Registry) -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert tables(registry) in text
    assert filled(text, registry) == text


def test_a_line_that_nothing_answers_is_named(registry: Registry) -> None:
    lines = [Line("Backup", "backup of everything"), Line("Undo", undoes=("istio",)), Line("Slow", sentence="Waits.")]

    assert unanswered(registry, lines) == ["Backup", "Undo"]


def test_a_criterion_that_names_no_line_is_named(registry: Registry) -> None:
    criteria = dict(registry.criteria)
    criteria["doris.query"] = replace(criteria["doris.query"], plan="somewhere")

    changed = Registry(registry.content, registry.components, criteria, registry.profiles, registry.waivers)

    assert unplanned(changed) == ["doris.query"]


def test_a_line_that_changed_is_not_on_the_page(registry: Registry) -> None:
    text = PAGE.read_text(encoding="utf-8").replace("`doris.query`", "`doris.speed`")

    assert filled(text, registry) != text


def test_where_a_criterion_was_shown_is_read_of_the_tree(registry: Registry) -> None:
    shown = Shown(registry)

    assert [*shown.of("kafka.answers")] == ["embedded", "cluster"]
    assert [*shown.of("elasticsearch.answers")] == ["embedded", "operator", "cluster"]
    assert [*shown.of("datahub.lineage")] == ["emulator"]
    assert [*shown.of("doris.answers")] == ["emulator"]
    assert [*shown.of("katib.answers")] == ["cluster"]
    assert [*shown.of("istio.answers")] == []
    assert [*shown.of("pipelines.datahub_path")] == ["embedded"]
    assert "operator" not in shown.of("ray.autoscaler")
    assert "embedded" not in shown.of("ray.scalable")


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), Registry.load(ROOT)), encoding="utf-8")
