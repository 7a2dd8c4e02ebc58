"""The least rights for a target: what its references, its components and its mode need, and nothing else."""

from __future__ import annotations

import ast
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml
from checkouts import FILES, checkout
from test_architecture import ROOT, tree, words_of_code

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Target, load_target
from gonogo.cluster.api import KINDS
from gonogo.cluster.judge import JUDGES
from gonogo.cluster.judge.rules import tables
from gonogo.cluster.kinds import BEHIND, CAUSES, HEALTH, WORKLOADS
from gonogo.commands.rbac import EXPLAINS, Grant, before_deploying, home_of, manifests, rights
from gonogo.core.errors import ConfigError
from gonogo.core.outcomes import Mode

ASKS = {"of_kind", "get", "in_namespace", "absent", "knows_all", "children", "children_of"}
"""How a judge asks a world for the objects of a kind."""

WATCHED = """
    title = "Watched"
    cluster = true
    reads = ["Pod", "Node"]
"""
CRITERION = """
    [watched.answers]
    level = "critical"
    claim = "The cluster answers"
"""
HEAD = """
    [target]
    name = "staging"
    provider = "existing"
    modes = ["read", "write"]
    capabilities = {capabilities}
    [kubernetes]
    {kubernetes}
"""
QUEUE = """
    [components.queue]
    service = "data/queue:9092"
    password = { secret = "data/queue-user#password" }
    security = { pin = { secret = "other/pins#pin" } }
"""
STORE = """
    [components.store]
    service = "data/store:80"
"""
WEB = FILES["deploy/store/component.toml"] + '    service = { url = "{scheme}://{host}:{port}" }\n'


def found(
    root: Path,
    components: str,
    mode: Mode = Mode.READ,
    kubernetes: str = 'namespaces = ["data"]',
    capabilities: str = "[]",
    watched: str = WATCHED,
) -> tuple[Target, list[Grant]]:
    """The rights of a target with these tables, on a checkout with a component that is asked through the cluster."""
    head = dedent(HEAD).format(capabilities=capabilities, kubernetes=kubernetes)
    files = {
        "deploy/targets/staging.toml": head + dedent(components),
        "deploy/watched/component.toml": watched,
        "deploy/store/component.toml": WEB,
        "suites/watched/.keep": "",
        "reports/criteria.toml": dedent(FILES["reports/criteria.toml"]) + dedent(CRITERION),
    }
    registry = Registry.load(checkout(root, files))
    target = load_target("staging", root, registry)
    return target, rights(registry, target, mode)


def needed(found: list[Grant]) -> set[str]:
    """``verb resource namespace/name`` of the rights that checks need."""
    return {
        f"{r.verb} {r.resource} {r.namespace or '*'}" + (f"/{r.name}" if r.name else "")
        for r in found
        if r.purpose != EXPLAINS
    }


def test_a_service_is_reached_and_its_secrets_are_read_by_name(tmp_path: Path) -> None:
    _, seen = found(tmp_path, QUEUE)

    assert needed(seen) == {
        "get services data",
        "list endpointslices.discovery.k8s.io data",
        "get pods/portforward data",
        "create pods/portforward data",
        "get secrets data/queue-user",
        "get secrets other/pins",
    }


def test_a_service_that_is_reached_alone_is_read_alone(tmp_path: Path) -> None:
    _, seen = found(tmp_path, STORE)

    assert "get services data/store" in needed(seen)


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ('transport = "service"', set()),
        ('transport = "ingress"', {"list ingresses.networking.k8s.io data"}),
        ("", set()),
    ],
)
def test_another_way_needs_other_rights(tmp_path: Path, settings: str, wanted: set[str]) -> None:
    _, seen = found(tmp_path, STORE, kubernetes=f'namespaces = ["data"]\n{settings}')

    forwarded = {"create pods/portforward data", "get pods/portforward data"}
    assert wanted <= needed(seen)
    assert (forwarded <= needed(seen)) == ("service" not in settings)


def test_what_is_asked_through_the_cluster_is_listed_in_the_targets_namespaces(tmp_path: Path) -> None:
    _, here = found(tmp_path / "a", "", kubernetes='namespaces = ["data", "ml"]', capabilities='["kubernetes"]')
    _, everywhere = found(tmp_path / "b", "", kubernetes="", capabilities='["kubernetes"]')

    nodes = {"list nodes *", "watch nodes *"}
    assert needed(here) == nodes | {"list pods data", "watch pods data", "list pods ml", "watch pods ml"}
    assert needed(everywhere) == nodes | {"list pods *", "watch pods *"}


def test_a_right_in_the_whole_cluster_is_not_asked_for_again(tmp_path: Path) -> None:
    _, seen = found(tmp_path, QUEUE, kubernetes="", capabilities='["kubernetes"]')

    assert [r.namespace for r in seen if r.resource == "pods"] == ["", ""]


def test_what_only_explains_is_marked(tmp_path: Path) -> None:
    _, seen = found(tmp_path, QUEUE)

    explaining = {f"{r.verb} {r.resource}" for r in seen if r.purpose == EXPLAINS}
    assert {"list pods", "list events", "get pods/log", "list statefulsets.apps"} <= explaining
    assert not any("secrets" in one for one in explaining)


def test_only_a_target_that_declares_exec_may_look_inside(tmp_path: Path) -> None:
    _, without = found(tmp_path / "a", QUEUE)
    _, within = found(tmp_path / "b", QUEUE, capabilities='["exec"]')

    added = needed(within) - needed(without)
    assert added == {"list pods data", "get pods/exec data", "create pods/exec data"}


def test_writing_needs_no_more_than_to_know_where(tmp_path: Path) -> None:
    settings = 'namespaces = ["data"]\nidentity = "uid-1"'
    _, reading = found(tmp_path / "a", QUEUE, Mode.READ, settings)
    _, writing = found(tmp_path / "b", QUEUE, Mode.WRITE, settings)

    assert needed(writing) - needed(reading) == {"get namespaces */kube-system"}


def test_a_target_without_a_cluster_needs_nothing_of_one(tmp_path: Path) -> None:
    registry = Registry.load(checkout(tmp_path))

    with pytest.raises(ConfigError, match=r"has no table \[kubernetes\]"):
        rights(registry, load_target("embedded", tmp_path, registry), Mode.READ)


def test_what_is_printed_is_what_was_found(tmp_path: Path) -> None:
    target, seen = found(tmp_path, QUEUE, capabilities='["kubernetes"]')

    documents = list(yaml.safe_load_all(manifests(seen, "gonogo-read", ("data", "gonogo"))))

    assert home_of(target, seen) == "data"
    assert documents[0]["kind"] == "ServiceAccount"
    printed = {
        (document["metadata"].get("namespace", ""), group, resource, name, verb)
        for document in documents
        for rule in document.get("rules", ())
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
        for verb in rule["verbs"]
    }
    assert printed == {(r.namespace, r.group, r.plural, r.name, r.verb) for r in seen}
    assert bindings(documents) == {
        ("RoleBinding", "data", "Role"),
        ("RoleBinding", "other", "Role"),
        ("ClusterRoleBinding", None, "ClusterRole"),
    }


def bindings(documents: list[dict[str, Any]]) -> set[tuple[str, str | None, str]]:
    """Kind, namespace and kind of role of every binding, each of which is for the account alone."""
    account = [{"kind": "ServiceAccount", "name": "gonogo", "namespace": "data"}]
    bound = [d for d in documents if "roleRef" in d]
    assert all(d["subjects"] == account and d["roleRef"]["name"] == "gonogo-read" for d in bound)
    return {(d["kind"], d["metadata"].get("namespace"), d["roleRef"]["kind"]) for d in bound}


def test_a_component_may_list_what_its_client_names() -> None:
    health = Registry.load(ROOT).components["health"]
    words = {text for text, _ in words_of_code(ROOT / "fixtures" / "health.py")} - {"Endpoints"}

    assert {"HEALTH", "WORKLOADS"} <= words
    owning = {kind for kind, table in tables().items() if table.get("pods")}
    assert {*health.reads, *health.explains} == (words & KINDS.keys()) | {*HEALTH, *WORKLOADS} | owning
    assert all(tables()[kind]["plural"] for kind in owning)


def test_whoever_asks_for_rights_is_granted_what_is_looked_at_behind_services(tmp_path: Path) -> None:
    _, seen = found(tmp_path, QUEUE)

    explaining = {r.resource for r in seen if r.verb == "watch"}
    assert explaining == {KINDS[kind].resource for kind in BEHIND}


def test_every_kind_that_a_judge_reads_is_looked_at() -> None:
    judges = sorted((ROOT / "src" / "gonogo" / "cluster" / "judge").glob("*.py"))
    asked = {
        (text.value, call.func.attr)
        for path in judges
        for call in ast.walk(tree(path))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in ASKS
        for text in ast.walk(call)
        if isinstance(text, ast.Constant) and text.value in KINDS
    }

    assert {way for _, way in asked} == ASKS
    assert {kind for kind, _ in asked} <= {*JUDGES, *CAUSES}
    assert {*HEALTH, *BEHIND, *WORKLOADS} - {"Event"} <= {*JUDGES}


def test_a_kind_that_nobody_knows_is_a_sentence(tmp_path: Path) -> None:
    watched = WATCHED.replace('"Node"', '"Cluster.postgresql.cnpg.com"')

    with pytest.raises(ConfigError, match=r"no kind 'Cluster.postgresql.cnpg.com' is known"):
        found(tmp_path, "", kubernetes="", capabilities='["kubernetes"]', watched=watched)


# -- before a deployment


def before(tmp_path: Path, checklist: str) -> set[tuple[str, str, str]]:
    """Namespace, resource and verb of what the checklist of such a target needs."""
    parts = dict(FILES)
    parts["deploy/gate/component.toml"] = 'title = "Gate"\ncluster = true\nanywhere = true\nreads = ["Node", "Pod"]\n'
    head = HEAD.format(capabilities='["kubernetes"]', kubernetes='namespaces = ["data"]')
    parts["deploy/targets/staging.toml"] = head + dedent(checklist)
    registry = Registry.load(checkout(tmp_path, parts))
    target = load_target("staging", tmp_path, registry)
    return {(one.namespace, one.resource, one.verb) for one in before_deploying(registry, target)}


def test_the_checklist_reads_what_its_target_asks_for_and_no_secret(tmp_path: Path) -> None:
    asked = """
        [checklist]
        backup = { velero = "velero/daily" }
        argocd = { namespace = "argocd", applications = ["web", "team/other"] }
    """

    plain, found = before(tmp_path / "plain", ""), before(tmp_path / "asked", asked)

    lists = {
        *(("velero.io", space) for space in ("",)),
        *(("argoproj.io", space) for space in ("argocd", "team")),
    }
    more = {(resource.partition(".")[2], space) for space, resource, _ in found - plain}
    assert more == lists
    assert ("kube-node-lease", "leases.coordination.k8s.io", "list") in plain
    assert ("", "nodes", "list") in plain
    assert ("", "pods", "list") in plain
    assert {verb for _, _, verb in found} <= {"get", "list", "watch"}
    assert not [one for one in found if one[1] == "secrets"]
