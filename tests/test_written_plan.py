"""A plan is judged as it is written, without a cluster: the platform's own with its errors, and the same put right."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import sample_definitions
import yaml
from checkouts import checkout

from gonogo.catalog.rules import holds, known
from gonogo.cluster.plan.findings import Weight
from gonogo.cluster.written.findings import WrittenFinding
from gonogo.commands import lint, written
from gonogo.commands.tables import Form
from gonogo.core.errors import ConfigError

ROOT = Path(__file__).parent.parent
PLANS = Path(__file__).with_name("plans")

CHARTS = {
    **sample_definitions.VALUES,
    "datahub": sample_definitions.VALUES["datahub"] + "acryl-datahub-actions: {enabled: true}\n",
    "mlflow": sample_definitions.VALUES["mlflow"] + "extraEnvVars: {}\n",
    "elasticsearch": """
master: {replicaCount: 2, persistence: {size: 8Gi}}
data: {replicaCount: 2, persistence: {size: 8Gi}}
coordinating: {replicaCount: 2}
ingest: {enabled: true, replicaCount: 2}
""",
}
"""Values of charts, cut down to the keys that the plans write."""


def placed(name: str, folder: Path) -> Path:
    """The plan in a folder, with its charts, and with definitions of custom resources where it is put right."""
    plan = shutil.copytree(PLANS / name, folder / "plan")
    for chart, values in CHARTS.items():
        place = plan / "charts" / chart
        place.mkdir(parents=True)
        (place / "Chart.yaml").write_text(f"apiVersion: v2\nname: {chart}\nversion: 1.0.0\n")
        (place / "values.yaml").write_text(values)
    if (plan / "definitions.yaml").exists():
        more = {"kind": "List", "items": [*map(_defined, sample_definitions.DEFINITIONS)]}
        (plan / "more.json").write_text(json.dumps(more))
    return plan


def _defined(one: Any) -> dict[str, Any]:
    spec = {"group": one.group, "names": {"kind": one.kind}, "versions": [*one.versions.values()]}
    name = f"{one.kind.lower()}s.{one.group}"
    head = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": name}}
    return {**head, "spec": spec}


def _toml(whole: dict[str, Any]) -> str:
    """As TOML: every value in one line."""
    return "".join(f"{key} = {_inline(value)}\n" for key, value in whole.items())


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_inline(one)}" for key, one in value.items()) + "}"
    return f"[{', '.join(map(_inline, value))}]" if isinstance(value, list) else json.dumps(value)


def told(plan: Path) -> list[WrittenFinding]:
    """All findings of a plan."""
    return written.judged(*written.read(str(plan)))


def short(found: list[WrittenFinding]) -> list[tuple[str, str]]:
    """Rule and key of each, or rule and subject where no key is at fault."""
    return sorted((one.rule, one.key or one.subject) for one in found)


# -- the platform's own plan, and the same put right

ERRORS: dict[int, list[tuple[str, str]]] = {
    1: [("elasticsearch.images_gone", "release elasticsearch")],
    2: [("plan.sum", "sum 1.1, Elasticsearch")],
    3: [
        ("plan.sum", "sum 1.1, Elasticsearch"),
        ("plan.sum", "sum 1, storage"),
        ("plan.sum", "sum Expected Final State, storage"),
    ],
    4: [("plan.service", "host elasticsearch-master.data-platform")],
    5: [("kafka.replicas_moved", "replicaCount"), ("kafka.disk_moved", "persistence.size")],
    6: [("kafka.zookeeper_removed", "zookeeper.enabled"), ("kafka.kraft_removed", "kraft.enabled")],
    7: [("kafka.images_gone", "release kafka")],
    8: [("plan.pod", "pod kafka-0 in data-platform"), ("kafka.client_without_login", "kubectl exec kafka-0")],
    9: [("neo4j.name_missing", "neo4j.name")],
    10: [("neo4j.standalone", "core.standalone"), ("neo4j.disk", "volumes.data.size")],
    11: [("neo4j.mode_missing", "volumes.data.mode")],
    12: [("neo4j.load_balancer_waits", "services.neo4j.enabled")],
    13: [("plan.pod", "selector app.kubernetes.io/name=neo4j in data-platform")],
    14: [
        ("datahub.elasticsearch_moved", "datahub.elasticsearch"),
        ("datahub.kafka_moved", "datahub.kafka"),
        ("datahub.neo4j_moved", "datahub.neo4j"),
    ],
    15: [("datahub.graph_unused", "global.graph_service_impl")],
    16: [
        ("datahub.consumers_off", "global.datahub_standalone_consumers_enabled"),
        ("plan.sum", "sum 1.4, DataHub"),
    ],
    17: [("datahub.without_sql", "global.sql.datasource")],
    18: [("plan.pod", "selector app=datahub-gms in data-platform")],
    19: [("doris.branch", "kubectl apply"), ("doris.namespace_fixed", "kubectl apply")],
    20: [("doris.definition_missing", "kubectl apply")],
    21: [("doris.operator_selector", "selector app.kubernetes.io/name=doris-operator")],
    22: [("doris.front_disk", "spec.feSpec.persistentVolume"), ("doris.back_disk", "spec.beSpec.persistentVolume")],
    23: [("doris.heap", "spec.feSpec.configMapInfo")],
    24: [("doris.election", "spec.feSpec.electionNumber")],
    25: [
        ("plan.pod", "selector app=doris-fe in doris-analytics"),
        ("plan.pod", "pod doris-fe-0 in doris-analytics"),
        ("plan.service", "host doris-fe-service.doris-analytics"),
    ],
    26: [("doris.nobody_of_that_name", "kubectl exec deploy/superset-web")],
    27: [("doris.injected", "DorisCluster doris-cluster")],
    28: [
        ("superset.workload", "kubectl exec deploy/superset-web"),
        ("superset.create_db", "kubectl exec deploy/superset-web"),
    ],
    29: [("superset.driver", "kubectl exec deploy/superset-web")],
    30: [("ray.old_api", "apiVersion")],
    31: [("ray.version", "spec.rayVersion"), ("ray.image", "image rayproject/ray:2.9.0")],
    32: [("ray.never_scales", "spec.enableInTreeAutoscaling")],
    33: [("ray.group_unnamed", "spec.workerGroupSpecs.groupName")],
    34: [
        ("mlflow.artifacts_within", "mlflow.artifactStore"),
        ("mlflow.user_within", "mlflow.backendStore.postgres.username"),
        ("mlflow.within", "mlflow"),
    ],
    35: [("s3.old_service", "host minio-service.data-platform")],
    36: [("plan.sum", "sum 3.3, Kubeflow")],
    37: [("kubeflow.no_chart", "release kubeflow")],
    38: [("argocd.refresh_is_no_sync", "kubectl annotate application")],
    39: [("argocd.prune_disables_nothing", "kubectl annotate application")],
    40: [("doris.left_behind", "kubectl delete namespace")],
    41: [("checklist.asks_the_front_door", "curl https://")],
    42: [("plan.sum", "sum Expected Final State, pods")],
}
"""Each error of the plan, as the deploy facts number them, and what is found of it; docs/preflight.md has the others.
"""

BESIDE = {("datahub.enabled", "datahub.enabled")}
"""What is wrong with the plan too, and in no line of those 43."""

UNTOLD = {
    ("plan.service", "host postgresql.kong"),
    ("plan.chart", "release kubeflow"),
    ("plan.definition", "DorisCluster doris-cluster"),
    ("plan.definition", "RayCluster ml-cluster"),
}
"""What only the cluster, or what is not beside the plan, could tell."""


@pytest.fixture(scope="module")
def of_the_plan(tmp_path_factory: pytest.TempPathFactory) -> list[WrittenFinding]:
    return told(placed("written", tmp_path_factory.mktemp("written")))


@pytest.mark.parametrize("number", ERRORS)
def test_an_error_of_the_plan_is_found(number: int, of_the_plan: list[WrittenFinding]) -> None:
    for rule, what in ERRORS[number]:
        found = [one for one in of_the_plan if one.rule == rule and (one.key or one.subject).startswith(what)]

        assert found, (rule, what)
        assert {one.weight for one in found} == {Weight.PROBLEM}
        assert all(one.right and one.source and re.fullmatch(r"\d{4}-\d\d-\d\d", one.date) for one in found)


def test_nothing_else_is_found_of_the_plan_and_what_cannot_be_told_is_said(of_the_plan: list[WrittenFinding]) -> None:
    wanted = {*(pair for pairs in ERRORS.values() for pair in pairs), *BESIDE, *UNTOLD}

    unmeant = [one for one in short(of_the_plan) if not any(one[0] == r and one[1].startswith(w) for r, w in wanted)]

    unknown = {(one.rule, one.subject.partition(" (")[0]) for one in of_the_plan if one.weight is Weight.UNKNOWN}
    assert (unmeant, len(ERRORS)) == ([], 42)
    assert unknown == UNTOLD


def test_a_list_of_what_cannot_be_data_is_whole() -> None:
    text = (ROOT / "docs/preflight.md").read_text(encoding="utf-8")

    assert {*map(int, re.findall(r"^\| (\d+) \|", text, re.MULTILINE))} == {*range(1, 44)} - ERRORS.keys()


def test_the_plan_put_right_has_no_finding(tmp_path: Path) -> None:
    assert told(placed("right", tmp_path)) == []


# -- mutations

MUTATIONS: dict[str, dict[str, Any]] = yaml.safe_load((PLANS / "mutations.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", MUTATIONS)
def test_one_change_is_found_and_nothing_else(name: str, tmp_path: Path) -> None:
    plan = placed("right", tmp_path)
    changed(plan, MUTATIONS[name])

    found = told(plan)

    assert short(found) == sorted(map(tuple, MUTATIONS[name]["found"]))
    assert all(one.right and one.source and one.date for one in found)


def test_there_are_enough_of_them() -> None:
    assert len(MUTATIONS) >= 30


def changed(plan: Path, mutation: dict[str, Any]) -> None:
    """The one change, where the plan lies."""
    first, *steps = mutation["at"]
    if first == "plan":
        whole = tomllib.loads((plan / "plan.toml").read_text(encoding="utf-8"))
        if steps[0] == "releases" and len(steps) > 1:
            steps[1] = [one["name"] for one in whole["releases"]].index(steps[1])
        _put(whole, steps, mutation)
        (plan / "plan.toml").write_text(_toml(whole), encoding="utf-8")
        return
    path = plan / (first if first.startswith("values/") else "objects.yaml")
    documents = [*yaml.safe_load_all(path.read_text(encoding="utf-8"))]
    named = {f"{one.get('kind')}/{(one.get('metadata') or {}).get('name')}": one for one in documents}
    _put(named.get(first, documents[0]), steps, mutation)
    path.write_text(yaml.safe_dump_all(documents), encoding="utf-8")


def _put(place: Any, steps: list[Any], mutation: dict[str, Any]) -> None:
    *above, last = steps
    for step in above:
        place = place[step]
    if "add" in mutation:
        place[last].append(mutation["add"])
    elif "to" in mutation:
        place[last] = mutation["to"]
    else:
        del place[last]


WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: a}
spec: {replicas: 1, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: "web:1"}]}}}
"""

MALFORMED = {
    "a namespace": (["RayCluster/ml-cluster", "metadata", "namespace"], [1]),
    "labels": (["KafkaNodePool/dual", "metadata", "labels"], "strimzi"),
    "a specification": (["DorisCluster/doris-cluster", "spec"], [1]),
    "a list": (["RayCluster/ml-cluster", "spec", "workerGroupSpecs"], 7),
    "a number": (["Kafka/kafka", "spec", "kafka"], True),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_what_fits_no_kind_is_no_error_of_ours_and_never_fine(what: str, tmp_path: Path) -> None:
    path, value = MALFORMED[what]
    plan = placed("right", tmp_path)
    changed(plan, {"at": path, "to": value})

    assert told(plan)


FINE = {
    "a workload of the plan": "kubectl exec -n a deploy/web -- true",
    "a pod of it": "kubectl logs -n a web-6f7-x2",
}


@pytest.mark.parametrize("command", FINE.values(), ids=FINE)
def test_names_of_the_plan_are_known(command: str, tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(WEB)
    (tmp_path / "plan.toml").write_text(_toml({"commands": [command], "namespaces": {"a": {}}}))

    assert told(tmp_path) == []


@pytest.mark.parametrize(
    ("host", "weight"), [("web-api.a", Weight.UNKNOWN), ("web-api.b", Weight.PROBLEM), ("web.b", None)]
)
def test_what_the_cluster_may_have_is_not_known_and_what_it_cannot_is_wrong(
    host: str, weight: Weight | None, tmp_path: Path
) -> None:
    service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: b}\n"
    (tmp_path / "web.yaml").write_text(WEB + service)
    (tmp_path / "plan.toml").write_text(_toml({"hosts": [f"{host}:80"], "namespaces": {"b": {}}}))

    assert [one.weight for one in told(tmp_path)] == ([] if weight is None else [weight])


# -- where a plan is read from

KAFKA = {"name": "kafka", "namespace": "data", "chart": "bitnami/kafka", "version": "32.4.3"}
MOVED = [
    ("kafka.images_gone", "release kafka"),
    ("kafka.replicas_moved", "replicaCount"),
    ("plan.chart", "release kafka"),
]


def application(**source: Any) -> dict[str, Any]:
    """An Application of Argo CD."""
    spec = {
        "source": {"repoURL": "https://charts.bitnami.example/bitnami", **source},
        "destination": {"namespace": "data"},
    }
    head = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "kafka"}}
    return {**head, "spec": spec}


HELM: dict[str, dict[str, Any]] = {
    "values as a text": {"values": "replicaCount: 3\n"},
    "values as an object": {"valuesObject": {"replicaCount": 3}},
    "parameters": {"parameters": [{"name": "replicaCount", "value": "3"}]},
}


@pytest.mark.parametrize("how", HELM)
def test_an_application_is_a_release(how: str, tmp_path: Path) -> None:
    app = application(chart="kafka", targetRevision="32.x", helm=HELM[how])
    (tmp_path / "apps.yaml").write_text(yaml.safe_dump(app))

    found = told(tmp_path)

    at = " (Application kafka)"
    assert short(found) == [(rule, what + at if what.startswith("release") else what) for rule, what in MOVED]


def test_what_a_git_repository_or_a_generator_holds_is_not_known(tmp_path: Path) -> None:
    generated = {**application(), "kind": "ApplicationSet"}
    objects = [application(path="charts/kafka"), generated, application(chart="kafka", helm={"valueFiles": ["a.yaml"]})]
    (tmp_path / "apps.yaml").write_text(yaml.safe_dump_all(objects))

    found = [one for one in told(tmp_path) if one.weight is Weight.UNKNOWN]

    assert {(one.rule, one.subject) for one in found} == {
        ("plan.unread", "Application kafka"),
        ("plan.unread", "ApplicationSet kafka"),
        ("plan.definition", "ApplicationSet kafka"),
    }


def test_the_state_of_a_helmfile_is_read(tmp_path: Path) -> None:
    (tmp_path / "common.yaml").write_text("replicaCount: 3\n")
    left_out = {**KAFKA, "name": "none", "installed": False}
    state = {
        "repositories": [{"name": "b", "url": "https://charts.bitnami.example/bitnami"}],
        "releases": [{**KAFKA, "chart": "b/kafka", "values": ["common.yaml"]}, left_out],
    }
    (tmp_path / "helmfile.yaml").write_text(yaml.safe_dump(state))

    found = told(tmp_path)

    assert [pair for pair in short(found) if pair[0] != "plan.chart"] == MOVED[:2]


def test_a_command_of_helm_is_a_release(tmp_path: Path) -> None:
    command = (
        "helm repo update && helm upgrade --install kafka bitnami/kafka --version 32.4.3 -n data --set replicaCount=3"
    )
    (tmp_path / "plan.toml").write_text(_toml({"commands": [command, f"{command} -f more.yaml"]}))

    found = told(tmp_path)

    assert short([one for one in found if one.weight is Weight.PROBLEM]) == MOVED[:2]
    assert [one.message for one in found if one.rule == "plan.unread"] == [
        "-f more.yaml is not read: write it as values of a release"
    ]


def test_rendered_manifests_are_parted_as_helm_parts_them(tmp_path: Path) -> None:
    rendered = "---# Source: a\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\n  \n  # b\n---\n"
    workload = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: a}\nspec:\n  template:\n    spec:\n"
    )
    (tmp_path / "all.yaml").write_text(
        f"{rendered}{workload}      containers: [{{name: c, image: 'bitnami/redis:7.2'}}]\n"
    )

    found = told(tmp_path)

    assert short(found) == [("checklist.bitnami_image", "image bitnami/redis:7.2 (Deployment d)")]


NO_PLAN = {
    "nothing": ({}, "holds no plan"),
    "no YAML": ({"a.yaml": "a: [1\n"}, "not YAML"),
    "no TOML": ({"plan.toml": "a = \n"}, "is no TOML"),
    "an unknown key": ({"plan.toml": "release = []\n"}, "release"),
    "no such charts": ({"plan.toml": 'charts = "charts"\n'}, "no folder 'charts'"),
    "no such values": ({"plan.toml": _toml({"releases": [{**KAFKA, "values": ["v.yaml"]}]})}, "no such file"),
    "no state of a helmfile": ({"h.yaml": "releases: [{name: a}]\n"}, "no state of a helmfile"),
}


@pytest.mark.parametrize("what", NO_PLAN)
def test_what_is_no_plan_is_an_error_of_whoever_asks(what: str, tmp_path: Path) -> None:
    files, said = NO_PLAN[what]
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    with pytest.raises(ConfigError) as caught:
        told(tmp_path)

    assert said in str(caught.value)


SUM = {"what": "all of it", "of": ["nobody"], "pods": 1}
UNTELLING = {
    "a document that is no object": ({"a.yaml": "a: 1\n"}, "plan.unread"),
    "an object without a name": ({"a.yaml": "apiVersion: v1\nkind: Service\n"}, "plan.unread"),
    "a command that no shell reads": ({"plan.toml": _toml({"commands": ["echo 'a"]})}, "plan.unread"),
    "a chart that nobody knows": ({"plan.toml": _toml({"releases": [{"name": "a", "chart": "b/c"}]})}, "plan.chart"),
    "a sum of what nobody knows": ({"plan.toml": _toml({"commands": ["true"], "expects": [SUM]})}, "plan.sum"),
}


@pytest.mark.parametrize("what", UNTELLING)
def test_what_nobody_can_tell_is_said_and_never_fine(
    what: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files, rule = UNTELLING[what]
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    code = written.run(str(tmp_path), Form.JSON)

    told_so = json.loads(capfd.readouterr().out)
    assert (code, told_so["decision"], [row["rule"] for row in told_so["rows"]]) == (3, "NO-GO", [rule])


# -- the verb

CODES = {"right": 0, "written": 1}


@pytest.mark.parametrize("name", CODES)
def test_the_verb_ends_with_the_code_and_says_what_its_schema_has(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plan = str(placed(name, tmp_path))
    validator = jsonschema.Draft202012Validator(
        json.loads((ROOT / "reports/schemas/preflight-plan.schema.json").read_text(encoding="utf-8"))
    )

    said = {form: (written.run(plan, form), capfd.readouterr().out) for form in Form}

    assert {code for code, _ in said.values()} == {CODES[name]}
    answer = json.loads(said[Form.JSON][1])
    validator.validate(answer)
    assert yaml.safe_load(said[Form.YAML][1]) == answer
    assert said[Form.NAME][1].split() == [row["rule"] for row in answer["rows"]]
    assert answer["code"] == CODES[name]
    assert "p4ssw0rd" not in "".join(text for _, text in said.values())
    assert all(row["right"] in said[Form.TABLE][1] for row in answer["rows"])


def test_a_plan_comes_from_standard_input_too(tmp_path: Path) -> None:
    plan = _toml({"commands": ["curl -I https://mlflow.example.com"]})
    command = [sys.executable, "-m", "gonogo", "preflight", "--plan", "-", "-o", "name"]

    ended = subprocess.run(command, input=plan, capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False)

    assert (ended.returncode, ended.stdout.split()) == (1, ["checklist.asks_the_front_door"])


def test_a_plan_is_of_no_target(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gonogo", "preflight", "--plan", str(tmp_path), "--before", "results.json"]

    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert "--before: --plan asks no cluster" in ended.stderr


# -- the rules


@pytest.mark.parametrize(
    ("version", "wanted", "held"),
    [
        ("32.4.3", ">=24", True),
        ("23.0.9", ">=24", False),
        ("24", ">=24.0.0, <32", True),
        ("32.0.0", ">=24, <32", False),
        ("v1.7.0", "=1.7", True),
        ("2.9.0-py310", "<2.38", True),
        ("2.38.0", "<=2.38", True),
        ("2.38.1", ">2.38", True),
        ("", ">=24", True),
        ("", "<2", False),
        ("latest", "<2", False),
        ("1", "", True),
    ],
)
def test_a_version_is_in_a_range_and_none_is_the_newest(version: str, wanted: str, held: bool) -> None:
    assert holds(version, wanted) is held


GOOD = """
[rules.old]
chart = "queue"
key = "size"
says = "moved"
right = "disk.size: {value}"
source = "queue, README"
date = 2026-11-23
"""


def test_a_folder_of_ones_own_brings_its_rules_and_nothing_else_is_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = checkout(tmp_path / "own", {"deploy/queue/rules.toml": GOOD})
    monkeypatch.chdir(own)
    plan = {"releases": [{"name": "q", "chart": "x/queue", "values": {"size": "2Gi"}}]}
    (tmp_path / "plan.toml").write_text(_toml(plan))

    [found, _] = told(tmp_path / "plan.toml")

    assert (found.rule, found.key, found.right) == ("queue.old", "size", "disk.size: 2Gi")
    assert (found.source, found.date) == ("queue, README", "2026-11-23")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('chart = ""', "names none of"),
        ('source = " "', "source is empty"),
        ('versions = "24"', "is no range"),
        ('lacks = "("', "lacks is no regular expression"),
        ('right = "{version}"', "not {version}"),
        ('when = [{ path = "a[" }]', "is no JMESPath"),
        ('colour = "red"', "colour"),
        ("date = 3", "date"),
    ],
)
def test_a_rule_that_can_mean_nothing_is_named(line: str, said: str, tmp_path: Path) -> None:
    key = line.partition(" ")[0]
    text = re.sub(rf"^{key} = .*$", "", GOOD, flags=re.MULTILINE) + line
    own = checkout(tmp_path, {"deploy/queue/rules.toml": text})

    with pytest.raises(ConfigError) as caught:
        known(own)

    assert said in str(caught.value)
    assert "deploy/queue/rules.toml" in str(caught.value)


def test_lint_names_a_rule_that_can_mean_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkout(tmp_path, {"deploy/queue/rules.toml": GOOD.replace("{value}", "{version}")}))

    with pytest.raises(ConfigError, match="old: a text may hold"):
        lint.run(None)


def test_no_rule_names_the_plan_and_each_has_its_source() -> None:
    every = known(ROOT)

    for name, one in {**every.made, **every.rules}.items():
        texts = " ".join(str(getattr(one, field)) for field in one.__struct_fields__)
        assert not re.search(r"\bthe plan\b|254carbon|plan\.md", texts), name
        assert one.date.year >= 2025, name
