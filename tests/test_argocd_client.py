"""What the client of Argo CD makes of its objects: each fault is seen, and blamed on what it is.

The objects are as argo-cd's own types have them (pkg/apis/application/v1alpha1/types.go), with what real ones said
(versions 3.2 and 3.5); tests/cluster/test_argocd.py asks a real one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from api_server import Cluster, cluster
from kubeconfigs import kubeconfig

from fixtures.argocd import Argocd, seconds
from fixtures.checklist import unwell
from fixtures.look import Seen
from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Kubernetes, load_target
from gonogo.cluster.api import Kind
from gonogo.commands.rbac import rights
from gonogo.core.endpoints import Endpoints, Timeouts
from gonogo.core.errors import ClientError
from gonogo.core.outcomes import Mode, Outcome
from gonogo.providers.existing.access import ClusterAccess
from gonogo.run.plan import lacking

ROOT = Path(__file__).parent.parent
REGISTRY = Registry.load(ROOT)
COMPONENT = REGISTRY.components["argocd"]

APPLICATION = Kind("argoproj.io", "v1alpha1", "applications", "Application", True)
PROJECT = Kind("argoproj.io", "v1alpha1", "appprojects", "AppProject", True)
SET = Kind("argoproj.io", "v1alpha1", "applicationsets", "ApplicationSet", True)
RAY = Kind("ray.io", "v1", "rayclusters", "RayCluster", True)

EVERYTHING = [{"group": "*", "kind": "*"}]
ANYWHERE = [{"server": "*", "namespace": "*"}]

Object = dict[str, Any]


def ago(seconds: float) -> str:
    """A time as the API has it."""
    return f"{datetime.now(UTC) - timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


class Ago(float):
    """So many seconds before the object that it is in is made; a module's own time may be long past by then."""


def dated(value: Any) -> Any:
    """The same with times in place of :class:`Ago`."""
    if isinstance(value, dict):
        return {key: dated(one) for key, one in value.items()}
    if isinstance(value, list):
        return [dated(one) for one in value]
    return ago(value) if isinstance(value, Ago) else value


def merged(one: Object, other: Object) -> Object:
    """One object with the fields of another on top; None takes a field away."""
    inner = {
        k: merged(one[k], v) if isinstance(v, dict) and isinstance(one.get(k), dict) else v for k, v in other.items()
    }
    return {k: v for k, v in {**one, **inner}.items() if v is not None}


def healthy() -> Object:
    """What a real application says that is as it should be."""
    return {
        "spec": {
            "project": "default",
            "source": {"repoURL": "git://git.git.svc/repo", "path": "plain", "targetRevision": "main"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "data"},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
        },
        "status": {
            "health": {"status": "Healthy", "lastTransitionTime": ago(3600)},
            "sync": {"status": "Synced", "revision": "5f1c"},
            "reconciledAt": ago(30),
            "operationState": {
                "phase": "Succeeded",
                "message": "successfully synced (all tasks run)",
                "startedAt": ago(3601),
                "finishedAt": ago(3600),
                "syncResult": {"revision": "5f1c", "resources": []},
            },
            "resources": [
                {
                    "group": "apps",
                    "version": "v1",
                    "kind": "Deployment",
                    "namespace": "data",
                    "name": "web",
                    "status": "Synced",
                }
            ],
        },
    }


def workload(held: Cluster, kind: str, part: str, *, replicas: int = 1, ready: int = 1) -> None:
    """A server of Argo CD, labelled as its own manifests label it."""
    labels = {"app.kubernetes.io/part-of": "argocd", "app.kubernetes.io/component": part}
    template = {"spec": {"containers": [{"name": part, "image": "registry.example/argoproj/argocd:v3.2.6"}]}}
    status = {"replicas": replicas, "readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": replicas}
    held.put(
        kind,
        "argocd",
        f"argocd-{part}",
        labels=labels,
        spec={"replicas": replicas, "template": template},
        status=status,
    )


def deployment(held: Cluster, ready: int = 1) -> None:
    """What the application deploys."""
    counts = {"replicas": 1, "readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": 1}
    available = {"type": "Available", "status": "True" if ready else "False", "reason": "MinimumReplicas"}
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
    told = [available] if ready else [available, late]
    held.put("Deployment", "data", "web", spec={"replicas": 1}, status={**counts, "conditions": told})


@pytest.fixture
def held() -> Iterator[Cluster]:
    """A cluster where Argo CD runs, and has one application, that is as it should be."""
    with cluster(APPLICATION, PROJECT, SET, RAY, spaces=["argocd", "data", "kube-system"]) as held:
        workload(held, "StatefulSet", "application-controller")
        for part in ("repo-server", "server", "redis", "applicationset-controller"):
            workload(held, "Deployment", part)
        spec = {"sourceRepos": ["*"], "destinations": ANYWHERE, "clusterResourceWhitelist": EVERYTHING}
        held.put(PROJECT, "argocd", "default", spec=spec)
        held.put(APPLICATION, "argocd", "web", **healthy())
        deployment(held)
        yield held


Ask = Callable[..., Argocd]


@pytest.fixture
def ask(held: Cluster, tmp_path: Path) -> Iterator[Ask]:
    """A client of that cluster, with what is expected on top of what the component expects."""
    config = kubeconfig(tmp_path / "config", server=held.url)
    timeouts = Timeouts(connect=5, check=5)
    access = ClusterAccess(Kubernetes(kubeconfig=str(config)), timeouts, kinds=REGISTRY.kinds)

    def asked(namespace: str = "argocd", **expect: Any) -> Argocd:
        told = {**COMPONENT.expect, **expect}
        return Argocd(Endpoints("argocd", {"namespace": namespace}, expect=told, timeouts=timeouts, cluster=access))

    with closing(access):
        yield asked


QUESTIONS = (
    "parts",
    "missing",
    "erring",
    "unsynced",
    "held",
    "failures",
    "unhealthy",
    "stale",
    "objects",
    "broken_sets",
)


def faults(client: Argocd, *questions: str) -> dict[str, str]:
    """The cause of each question that is not answered well, by its name."""
    found = {}
    for question in questions or QUESTIONS:
        try:
            seen: Seen = getattr(client, question)()
        except ClientError as error:
            found[question] = error.signature
        else:
            found |= {question: seen.cause} if seen.wrong else {}
    return found


def change(held: Cluster, **fields: Any) -> None:
    """The application, changed so."""
    held.put(APPLICATION, "argocd", "web", **dated(merged(healthy(), fields)))


def test_what_is_as_it_should_be_has_no_fault(ask: Ask) -> None:
    assert faults(ask(applications=["web", "argocd/web"])) == {}
    assert ask().answers() == "shows 1 applications"
    assert ask().version() == "3.2.6"


def operation(phase: str, *resources: Object, started: float = 5) -> Object:
    """The state of a last operation."""
    listed = {"revision": "5f1c", "resources": [{"status": "SyncFailed", **one} for one in resources]}
    return {"phase": phase, "message": "told", "startedAt": Ago(started), "syncResult": listed}


def condition(type: str) -> list[Object]:
    return [{"type": type, "message": "rpc error: code = Unknown", "lastTransitionTime": Ago(60)}]


UNREAD = {"sync": {"status": "Unknown"}, "conditions": condition("ComparisonError")}
NEVER = {"health": None, "sync": None, "reconciledAt": None, "operationState": None, "resources": None}
WEB = {"group": "apps", "kind": "Deployment", "namespace": "data", "name": "web"}
ROLE = {"group": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "all"}

FAULTS: dict[str, tuple[Object, dict[str, str]]] = {
    "its source cannot be read, and its health stays Healthy": (
        {"status": UNREAD},
        {"erring": "argocd.source_unreadable", "unsynced": "argocd.source_unreadable"},
    ),
    "another cluster does not answer, or its source": (
        {"status": {**UNREAD, "resources": None}, "spec": {"destination": {"server": "https://other:6443"}}},
        {
            "erring": "argocd.comparison_failed",
            "unsynced": "argocd.comparison_failed",
            "objects": "argocd.not_askable",
        },
    ),
    "its project does not exist": (
        {
            "spec": {"project": "nobody"},
            "status": {"conditions": condition("InvalidSpecError"), "sync": {"status": "Unknown"}},
        },
        {"erring": "argocd.project_missing", "unsynced": "argocd.project_missing"},
    ),
    "no cluster has the address of its destination": (
        {
            "spec": {"destination": {"server": "https://nowhere:6443"}},
            "status": {
                **UNREAD,
                "conditions": condition("InvalidSpecError"),
                "health": {"status": "Unknown"},
                "resources": None,
            },
        },
        {
            "erring": "argocd.destination_unknown",
            "unsynced": "argocd.destination_unknown",
            "unhealthy": "argocd.destination_unknown",
            "objects": "argocd.not_askable",
        },
    ),
    "its specification is not accepted": (
        {"status": {**UNREAD, "conditions": condition("InvalidSpecError")}},
        {"erring": "argocd.spec_invalid", "unsynced": "argocd.spec_invalid"},
    ),
    "its sync is not tried again": (
        {"status": {"conditions": condition("SyncError")}},
        {"erring": "argocd.sync_failed"},
    ),
    "an error of a kind that we do not know": (
        {"status": {"conditions": condition("DeletionError")}},
        {"erring": "argocd.error_told"},
    ),
    "a warning is no error": ({"status": {"conditions": condition("SharedResourceWarning")}}, {}),
    "out of sync, and no policy": (
        {"spec": {"syncPolicy": None}, "status": {"sync": {"status": "OutOfSync"}}},
        {"unsynced": "argocd.nobody_syncs"},
    ),
    "out of sync, and the policy is switched off": (
        {"spec": {"syncPolicy": {"automated": {"enabled": False}}}, "status": {"sync": {"status": "OutOfSync"}}},
        {"unsynced": "argocd.nobody_syncs"},
    ),
    "drifted from the revision that was synced, and drift is not healed": (
        {"spec": {"syncPolicy": {"automated": {"selfHeal": None}}}, "status": {"sync": {"status": "OutOfSync"}}},
        {"unsynced": "argocd.nobody_syncs"},
    ),
    "a new revision, not healed but synced": (
        {
            "spec": {"syncPolicy": {"automated": {"selfHeal": None}}},
            "status": {"sync": {"status": "OutOfSync", "revision": "77aa"}},
        },
        {"unsynced": "argocd.out_of_sync"},
    ),
    "out of sync, and healed": ({"status": {"sync": {"status": "OutOfSync"}}}, {"unsynced": "argocd.out_of_sync"}),
    "being synced": (
        {"status": {"sync": {"status": "OutOfSync"}, "operationState": operation("Running")}},
        {"unsynced": "argocd.not_settled"},
    ),
    "its sync does not end": (
        {"status": {"sync": {"status": "OutOfSync"}, "operationState": operation("Running", started=901)}},
        {"unsynced": "argocd.out_of_sync", "failures": "argocd.operation_stuck"},
    ),
    "its sync failed, and is tried again": (
        {"status": {"sync": {"status": "OutOfSync"}, "operationState": operation("Running", WEB)}},
        {"unsynced": "argocd.sync_failed", "failures": "argocd.sync_failed"},
    ),
    "its sync failed": (
        {"status": {"sync": {"status": "OutOfSync"}, "operationState": operation("Failed", WEB)}},
        {"unsynced": "argocd.sync_failed", "failures": "argocd.sync_failed"},
    ),
    "its sync failed, and was in sync before": (
        {"status": {"operationState": operation("Error")}},
        {"failures": "argocd.sync_failed"},
    ),
    "an object is there for nobody": (
        {"status": {"health": {"status": "Missing"}, "sync": {"status": "OutOfSync"}}, "spec": {"syncPolicy": None}},
        {"unsynced": "argocd.nobody_syncs", "unhealthy": "argocd.resources_missing"},
    ),
    "suspended": ({"status": {"health": {"status": "Suspended"}}}, {"unhealthy": "argocd.suspended"}),
    "of unknown health": ({"status": {"health": {"status": "Unknown"}}}, {"unhealthy": "argocd.health_unknown"}),
    "of a health that nobody knows": (
        {"status": {"health": {"status": "Odd"}}},
        {"unhealthy": "argocd.never_compared"},
    ),
    "degraded": ({"status": {"health": {"status": "Degraded"}}}, {"unhealthy": "argocd.degraded"}),
    "progressing since a moment ago": (
        {"status": {"health": {"status": "Progressing", "lastTransitionTime": Ago(20)}}},
        {"unhealthy": "argocd.not_settled"},
    ),
    "progressing for too long": (
        {"status": {"health": {"status": "Progressing"}}},
        {"unhealthy": "argocd.progressing_too_long"},
    ),
    "progressing, and nobody says since when": (
        {"status": {"health": {"status": "Progressing", "lastTransitionTime": None}}},
        {"unhealthy": "argocd.progressing_too_long"},
    ),
    "reconciled too long ago": ({"status": {"reconciledAt": Ago(400)}}, {"stale": "argocd.reconcile_stale"}),
    "not accepted, and so not compared any more": (
        {"status": {"reconciledAt": Ago(999), "conditions": condition("InvalidSpecError")}},
        {"erring": "argocd.spec_invalid", "stale": "argocd.spec_invalid"},
    ),
    "reconciled just in time": ({"status": {"reconciledAt": Ago(300)}}, {}),
    "never taken up by its controller": (
        {"status": NEVER},
        {
            "unsynced": "argocd.never_compared",
            "unhealthy": "argocd.never_compared",
            "stale": "argocd.never_compared",
            "objects": "argocd.not_askable",
        },
    ),
}


@pytest.mark.parametrize("what", FAULTS)
def test_each_fault_of_an_application_is_seen_and_blamed(held: Cluster, ask: Ask, what: str) -> None:
    fields, expected = FAULTS[what]
    change(held, **fields)

    seen = faults(ask())

    assert seen == expected


@pytest.mark.parametrize("what", FAULTS)
def test_the_checklist_judges_as_the_component_does(held: Cluster, ask: Ask, what: str) -> None:
    fields, expected = FAULTS[what]
    change(held, **fields)
    untold = {cause for cause in expected.values() if cause == "argocd.not_settled"}

    found, unknown, every = unwell(ask().about(["web"]))

    assert {one.cause for one in found} == {*expected.values()} - untold - {"argocd.not_askable"}
    assert bool(unknown) is bool(untold)
    assert [str(one) for one in every] == ["web"]


def test_of_the_others_nothing_is_said(held: Cluster, ask: Ask) -> None:
    held.put(APPLICATION, "argocd", "other", **dated(merged(healthy(), {"status": {"health": {"status": "Degraded"}}})))

    assert unwell(ask().about(["argocd/web"]))[:2] == ([], [])
    assert [one.cause for one in unwell(ask().about([]))[0]] == ["argocd.degraded"]
    assert [one.text for one in unwell(ask().about(["nobody"]))[0]] == ["argocd/nobody is not there"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"status": {"reconciledAt": Ago(-300)}}, {"stale": "argocd.reconcile_stale"}),
        ({"metadata": {"deletionTimestamp": Ago(5)}}, {"missing": "argocd.application_missing"}),
    ],
)
def test_an_application_that_goes_or_was_seen_in_the_future_is_not_well(
    held: Cluster, ask: Ask, fields: Object, expected: dict[str, str]
) -> None:
    change(held, **{key: value for key, value in fields.items() if key != "metadata"})
    held.get("Application", "argocd", "web")["metadata"] |= dated(fields.get("metadata", {}))

    assert faults(ask()) == expected


@pytest.mark.parametrize(
    ("project", "resource"),
    [
        ({"clusterResourceWhitelist": []}, ROLE),
        ({"clusterResourceBlacklist": [{"group": "rbac.*", "kind": "*"}]}, ROLE),
        ({"namespaceResourceBlacklist": [{"group": "apps", "kind": "Deployment"}]}, WEB),
        ({"namespaceResourceWhitelist": [{"group": "", "kind": "ConfigMap"}]}, WEB),
        ({"destinations": [{"server": "*", "namespace": "other"}]}, WEB),
        ({"destinations": [*ANYWHERE, {"server": "*", "namespace": "!data"}]}, WEB),
    ],
)
def test_a_sync_that_the_project_refuses_is_blamed_on_it(
    held: Cluster, ask: Ask, project: Object, resource: Object
) -> None:
    spec = {"sourceRepos": ["*"], "destinations": ANYWHERE, "clusterResourceWhitelist": EVERYTHING, **project}
    held.put(PROJECT, "argocd", "default", spec=spec)
    change(held, status={"sync": {"status": "OutOfSync"}, "operationState": operation("Failed", resource)})

    seen = faults(ask(), "unsynced", "failures")

    assert seen == dict.fromkeys(("unsynced", "failures"), "argocd.project_refuses")


@pytest.mark.parametrize(
    "project",
    [
        {"sourceRepos": ["https://elsewhere/*"]},
        {"sourceRepos": ["*", "!git://git.git.svc/*"]},
        {"destinations": [{"server": "https://other", "namespace": "*"}]},
        {"destinations": []},
    ],
)
def test_a_specification_that_the_project_refuses_is_blamed_on_it(held: Cluster, ask: Ask, project: Object) -> None:
    held.put(PROJECT, "argocd", "default", spec={"sourceRepos": ["*"], "destinations": ANYWHERE, **project})
    change(held, status={**UNREAD, "conditions": condition("InvalidSpecError")})

    assert faults(ask(), "erring") == {"erring": "argocd.project_refuses"}


ALWAYS = {"schedule": "* * * * *", "duration": "1h", "applications": ["*"]}
NEVER_OPEN = {"kind": "allow", "schedule": "0 0 30 2 *", "duration": "1h", "namespaces": ["data"]}
DRIFTED = {"sync": {"status": "OutOfSync"}}


def windows(held: Cluster, *every: Object) -> None:
    """Sync windows of the application's project."""
    spec = {"sourceRepos": ["*"], "destinations": ANYWHERE, "clusterResourceWhitelist": EVERYTHING}
    held.put(PROJECT, "argocd", "default", spec={**spec, "syncWindows": list(every)})


@pytest.mark.parametrize(
    ("window", "fields", "expected"),
    [
        ({"kind": "deny", **ALWAYS}, {}, {"held": "argocd.window_closed"}),
        (NEVER_OPEN, {}, {"held": "argocd.window_closed"}),
        ({"kind": "deny", **ALWAYS}, {"spec": {"syncPolicy": None}}, {}),
        ({"kind": "allow", **ALWAYS}, {}, {}),
        ({"kind": "deny", **ALWAYS, "applications": ["other"]}, {}, {}),
        ({"kind": "deny", **ALWAYS, "schedule": "every night"}, {}, {"held": "argocd.window_invalid"}),
        ({"kind": "deny", **ALWAYS, "duration": "1 hour"}, {}, {"held": "argocd.window_invalid"}),
        (
            {"kind": "deny", **ALWAYS},
            {"status": DRIFTED},
            {"held": "argocd.window_closed", "unsynced": "argocd.window_closed"},
        ),
        (
            {"kind": "deny", **ALWAYS},
            {"status": DRIFTED, "spec": {"syncPolicy": None}},
            {"unsynced": "argocd.nobody_syncs"},
        ),
        ({"kind": "allow", **ALWAYS}, {"status": DRIFTED}, {"unsynced": "argocd.out_of_sync"}),
        (
            {"kind": "deny", **ALWAYS},
            {"status": {**DRIFTED, "operationState": operation("Running", started=901)}},
            {
                "held": "argocd.window_closed",
                "unsynced": "argocd.window_closed",
                "failures": "argocd.window_closed",
            },
        ),
        (
            {"kind": "deny", **ALWAYS, "manualSync": True},
            {"status": {**DRIFTED, "operationState": operation("Running")}},
            {"held": "argocd.window_closed", "unsynced": "argocd.not_settled"},
        ),
    ],
)
def test_what_sync_windows_hold_is_blamed_on_them(
    held: Cluster, ask: Ask, window: Object, fields: Object, expected: dict[str, str]
) -> None:
    windows(held, window)
    change(held, **fields)

    seen = faults(ask())

    assert seen == expected


@pytest.mark.parametrize(
    ("manual", "policy", "told"),
    [
        (True, {}, "may not sync it now: deny window '* * * * *' for 1h; somebody may sync it by hand"),
        (False, {}, "may not sync it now: deny window '* * * * *' for 1h; nor may anybody by hand"),
        (False, {"spec": {"syncPolicy": None}}, "a sync by hand is not let either now: deny window"),
    ],
)
def test_who_may_sync_while_a_window_holds_is_told(
    held: Cluster, ask: Ask, manual: bool, policy: Object, told: str
) -> None:
    windows(held, {"kind": "deny", **ALWAYS, "manualSync": manual})
    change(held, status=DRIFTED, **policy)

    [text] = ask().unsynced().wrong

    assert told in text


# -- Argo CD itself


@pytest.mark.parametrize(
    ("part", "kind", "fields", "expected"),
    [
        ("application-controller", "StatefulSet", UNREAD, {"erring": "argocd.source_unreadable"}),
        ("application-controller", "StatefulSet", {"reconciledAt": Ago(999)}, {"stale": "argocd.part_down"}),
        ("application-controller", "StatefulSet", NEVER, {"unsynced": "argocd.part_down"}),
        ("repo-server", "Deployment", UNREAD, {"erring": "argocd.part_down"}),
        ("redis", "Deployment", UNREAD, {"erring": "argocd.part_down"}),
        ("server", "Deployment", {}, {}),
    ],
)
def test_a_server_that_is_not_ready_is_the_root(
    held: Cluster, ask: Ask, part: str, kind: str, fields: Object, expected: dict[str, str]
) -> None:
    workload(held, kind, part, ready=0)
    change(held, status=fields)

    seen = faults(ask())

    assert seen["parts"] == "argocd.part_down"
    assert {key: seen[key] for key in expected} == expected


def test_what_is_scaled_to_0_is_down_only_where_it_is_expected(held: Cluster, ask: Ask) -> None:
    workload(held, "Deployment", "applicationset-controller", replicas=0, ready=0)
    workload(held, "Deployment", "server", replicas=0, ready=0)

    seen, without = ask().parts(), ask(parts=["application-controller", "repo-server", "redis"]).parts()

    assert seen.wrong == ["server: Deployment argocd-server is scaled to 0"]
    assert without.wrong == []


def test_a_server_that_is_not_there_is_missing(held: Cluster, ask: Ask) -> None:
    held.remove("Deployment", "argocd", "argocd-redis")
    change(held, status=UNREAD)

    assert faults(ask(), "parts", "erring") == dict.fromkeys(("parts", "erring"), "argocd.part_missing")


def test_no_application_at_all_is_never_a_pass(held: Cluster, ask: Ask) -> None:
    held.remove("Application", "argocd", "web")

    seen = faults(ask())

    of_applications = set(QUESTIONS) - {"parts", "broken_sets"}
    assert seen == dict.fromkeys(of_applications, "argocd.no_applications")


def test_a_namespace_without_argo_cd_is_no_pass(ask: Ask) -> None:
    seen = faults(ask(namespace="data"), "parts", "missing", "unsynced", "unhealthy")

    assert seen["parts"] == "argocd.part_missing"
    assert {seen[one] for one in ("missing", "unsynced", "unhealthy")} == {"argocd.no_applications"}


def test_a_cluster_without_its_kinds_is_another_thing_than_none(held: Cluster, ask: Ask) -> None:
    held.kinds = [one for one in held.kinds if one.group != "argoproj.io"]

    with pytest.raises(ClientError) as raised:
        ask().answers()

    assert (raised.value.signature, raised.value.outcome) == ("argocd.not_installed", Outcome.FAILED)


@pytest.mark.parametrize("resource", ["applications.argoproj.io", "configmaps"])
def test_a_right_that_is_missing_is_no_pass(held: Cluster, ask: Ask, resource: str) -> None:
    held.refused.add(f"list {resource}")

    with pytest.raises(ClientError) as raised:
        ask().answers()

    assert (raised.value.signature, raised.value.outcome) == ("argocd.right_missing", Outcome.BROKEN)


def test_an_expected_application_that_is_not_there_is_named(ask: Ask) -> None:
    seen = ask(applications=["web", "kafka", "teams/ray"]).missing()

    assert seen.wrong == ["argocd/kafka is not there", "teams/ray is not there"]
    assert seen.cause == "argocd.application_missing"


def test_applications_of_other_namespaces_count_where_argo_cd_looks_after_them(held: Cluster, ask: Ask) -> None:
    for space in ("team-a", "else"):
        held.put("Namespace", "", space)
        fields = merged(healthy(), {"status": {"health": {"status": "Degraded"}}})
        held.put(APPLICATION, space, f"of-{space}", **fields)
    before = ask().unhealthy()

    held.put("ConfigMap", "argocd", "argocd-cmd-params-cm", data={"application.namespaces": "team-*, other"})

    assert before.wrong == []
    assert [text.partition(" ")[0] for text in ask().unhealthy().wrong] == ["of-team-a"]


# -- how old is too old


@pytest.mark.parametrize(
    ("settings", "age", "cause"),
    [
        ({"timeout.reconciliation": "10m"}, 1000, ""),
        ({"timeout.reconciliation": "10m", "timeout.reconciliation.jitter": "0"}, 1300, "argocd.reconcile_stale"),
        ({"timeout.reconciliation": "20s", "timeout.reconciliation.jitter": "0s"}, 20, ""),
        ({"timeout.reconciliation": "20s", "timeout.reconciliation.jitter": "0s"}, 90, "argocd.reconcile_stale"),
        ({"timeout.reconciliation": "0s"}, 1, "argocd.reconciliation_off"),
    ],
)
def test_the_interval_that_is_configured_says_what_is_too_old(
    held: Cluster, ask: Ask, settings: Object, age: float, cause: str
) -> None:
    held.put("ConfigMap", "argocd", "argocd-cm", data=settings)
    change(held, status={"reconciledAt": ago(age)})

    assert faults(ask(), "stale") == ({"stale": cause} if cause else {})
    assert faults(ask(reconciled=2000), "stale") == {}


@pytest.mark.parametrize(("asked", "expected"), [(20, {}), (300, {"stale": "argocd.refresh_pending"})])
def test_a_refresh_that_nobody_makes_is_told(held: Cluster, ask: Ask, asked: float, expected: Object) -> None:
    change(held)
    owned = {"f:metadata": {"f:annotations": {"f:argocd.argoproj.io/refresh": {}}}}
    app = held.get("Application", "argocd", "web")
    app["metadata"]["annotations"] = {"argocd.argoproj.io/refresh": "hard"}
    app["metadata"]["managedFields"] = [{"manager": "kubectl-annotate", "time": ago(asked), "fieldsV1": owned}]

    assert faults(ask(), "stale") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3m0s", 180), ("1h30m", 5400), ("90", 90), ("0s", 0), ("", 7), ("1.5m", 90), ("soon", 7), ("5x", 7)],
)
def test_durations_are_read_as_go_writes_them(text: str, expected: float) -> None:
    assert seconds(text, 7) == expected


# -- what applications deploy


def test_a_kind_without_a_health_script_is_judged_by_its_own_object(held: Cluster, ask: Ask) -> None:
    ray = {
        "group": "ray.io",
        "version": "v1",
        "kind": "RayCluster",
        "namespace": "data",
        "name": "ml",
        "status": "Synced",
    }
    change(held, status={"resources": [ray]})
    held.put(RAY, "data", "ml", spec={}, status={"state": "failed", "reason": "no room"})

    seen = faults(ask())

    assert seen == {"objects": "argocd.object_unhealthy"}
    assert "RayCluster data/ml is failed" in ask().objects().wrong[0]


def test_what_may_not_be_listed_is_not_well(held: Cluster, ask: Ask) -> None:
    held.refused.add("list deployments.apps")

    assert faults(ask(), "objects") == {"objects": "argocd.right_missing"}


def test_a_degraded_application_names_the_object_that_is_why(held: Cluster, ask: Ask) -> None:
    change(held, status={"health": {"status": "Degraded"}})
    deployment(held, ready=0)

    seen = ask().unhealthy()

    assert seen.cause == "argocd.degraded"
    assert "web is Degraded (Deployment data/web: " in seen.wrong[0]


def test_an_application_that_waits_for_what_cannot_come_up_is_not_waited_for(held: Cluster, ask: Ask) -> None:
    change(held, status={"health": {"status": "Progressing", "lastTransitionTime": ago(5)}})
    deployment(held, ready=0)

    assert faults(ask(), "unhealthy") == {"unhealthy": "argocd.degraded"}


@pytest.mark.parametrize("parent", ["Healthy", "Progressing", "Degraded"])
def test_of_an_application_of_applications_the_child_is_the_root(held: Cluster, ask: Ask, parent: str) -> None:
    child = {"group": "argoproj.io", "version": "v1alpha1", "kind": "Application", "namespace": "argocd", "name": "web"}
    fields = {"health": {"status": parent}, "resources": [{**child, "status": "Synced"}]}
    held.put(APPLICATION, "argocd", "all", **merged(healthy(), {"status": fields}))
    change(held, status={"health": {"status": "Degraded"}})

    wrong = ask().unhealthy().wrong

    assert wrong[0] == "web is Degraded"
    assert [*wrong[1:]] == ([] if parent == "Healthy" else [f"all is {parent} (its application web is Degraded)"])


def test_of_several_faults_the_root_comes_first(held: Cluster, ask: Ask) -> None:
    change(held, status={"health": {"status": "Degraded"}, **UNREAD})
    lone = {"spec": {"syncPolicy": None}, "status": {"sync": {"status": "OutOfSync"}}}
    held.put(APPLICATION, "argocd", "another", **merged(healthy(), lone))

    seen = ask().unsynced()

    assert seen.cause == "argocd.source_unreadable"
    assert [text.partition(" ")[0].rstrip(":") for text in seen.wrong] == ["web", "another"]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([{"type": "ErrorOccurred", "status": "True", "reason": "RenderTemplateParamsError"}], "argocd.sets_failed"),
        ([{"type": "ErrorOccurred", "status": "False"}, {"type": "ResourcesUpToDate", "status": "True"}], ""),
    ],
)
def test_a_set_that_makes_no_applications_is_told(
    held: Cluster, ask: Ask, conditions: list[Object], expected: str
) -> None:
    held.put(SET, "argocd", "teams", spec={}, status={"conditions": conditions})

    assert faults(ask(), "broken_sets") == ({"broken_sets": expected} if expected else {})


def test_a_set_without_its_controller_makes_nothing(held: Cluster, ask: Ask) -> None:
    held.put(SET, "argocd", "teams", spec={}, status={"conditions": [{"type": "ResourcesUpToDate", "status": "True"}]})
    workload(held, "Deployment", "applicationset-controller", replicas=0, ready=0)

    assert faults(ask(), "broken_sets") == {"broken_sets": "argocd.part_down"}


# -- a run


def test_a_run_asks_argo_cd_through_the_cluster_of_its_target(held: Cluster, tmp_path: Path) -> None:
    config = kubeconfig(tmp_path / "config", server=held.url)
    file = tmp_path / "target.toml"
    file.write_text(f'{TARGET}kubeconfig = "{config}"\n[components.argocd]\nnamespace = "argocd"\n')
    change(held, status={"health": {"status": "Degraded"}})
    # by the rules that the component brings
    held.put(SET, "argocd", "teams", spec={}, status={"conditions": [{"type": "ResourcesUpToDate", "status": "True"}]})
    command = [sys.executable, "-m", "pytest", "suites/argocd", "--target", str(file), "--out", str(tmp_path), "-q"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    results = json.loads((tmp_path / "results.json").read_text())
    found = {c["id"]: c["outcome"] for c in results["criteria"] if c["component"] == "argocd"}
    assert {id for id, outcome in found.items() if outcome != "passed"} == {"argocd.healthy"}, done.stdout
    assert len(found) == len(QUESTIONS) + 1
    [component] = [one for one in results["components"] if one["name"] == "argocd"]
    assert (component["version"], component["endpoints"]["namespace"]) == ("3.2.6", "argocd")
    assert results["health"] is None
    [check] = [one for one in results["checks"] if one["criteria"] == ["argocd.healthy"]]
    assert check["cause"] == {"component": "argocd", "signature": "argocd.degraded"}
    assert check["hint"]
    assert check["by_hand"] == "gonogo health -A"


def test_its_drills_turn_it_red(held: Cluster, tmp_path: Path) -> None:
    config = kubeconfig(tmp_path / "config", server=held.url)
    file, uid = tmp_path / "target.toml", held.get("Namespace", "", "kube-system")["metadata"]["uid"]
    head = TARGET.replace("[kubernetes]", f'modes = ["disrupt"]\n[kubernetes]\nidentity = "{uid}"')
    file.write_text(f'{head}kubeconfig = "{config}"\n[components.argocd]\nnamespace = "argocd"\n')
    command = [sys.executable, "-m", "gonogo", "drill", "argocd", "--target", str(file), "--json"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    rows = json.loads(done.stdout)["rows"]
    assert done.returncode == 0, done.stderr
    assert [(row["seen"], row["blamed_right"]) for row in rows] == [(True, True)] * 2


# -- targets


TARGET = """
[target]
name = "there"
provider = "existing"
capabilities = ["kubernetes"]
[kubernetes]
"""


def target(tmp_path: Path, more: str = "", head: str = TARGET) -> Any:
    (tmp_path / "target.toml").write_text(head + more)
    return load_target(str(tmp_path / "target.toml"), ROOT, REGISTRY)


def test_only_a_target_that_names_its_namespace_has_argo_cd(tmp_path: Path) -> None:
    without = lacking(REGISTRY, target(tmp_path))
    named = lacking(REGISTRY, target(tmp_path, '[components.argocd]\nnamespace = "argocd"\n'))
    embedded = lacking(REGISTRY, load_target("embedded", ROOT, REGISTRY))
    kind = lacking(REGISTRY, load_target("kind", ROOT, REGISTRY))

    assert "argocd" not in named
    assert without["argocd"].reason == "not in target file 'there'"
    assert kind["argocd"].reason == "not in target file 'kind'"
    assert embedded["argocd"].lacks == "kubernetes"


def test_the_applications_of_the_checklist_are_expected(tmp_path: Path) -> None:
    checklist = '[checklist]\nargocd = { namespace = "cd", applications = ["data-platform"] }\n'

    alone = target(tmp_path, checklist)
    beside = target(tmp_path, checklist + '[components.argocd.expect]\napplications = ["ml"]\nsettle = 5\n')

    assert alone.components["argocd"]["namespace"] == "cd"
    assert alone.expected(COMPONENT)["applications"] == ["data-platform"]
    assert beside.expected(COMPONENT)["applications"] == ["ml", "data-platform"]
    assert beside.expected(COMPONENT)["settle"] == 5


def test_the_least_rights_are_those_of_its_namespace(tmp_path: Path) -> None:
    named = target(tmp_path, 'namespaces = ["data"]\n[components.argocd]\nnamespace = "cd"\n')

    found = rights(REGISTRY, named, Mode.READ)

    own = {(one.resource, one.verb) for one in found if one.namespace == "cd"}
    customs = {"applications.argoproj.io", "appprojects.argoproj.io", "applicationsets.argoproj.io"}
    assert {resource for resource, _ in own} >= {
        *customs,
        "configmaps",
        "deployments.apps",
        "statefulsets.apps",
        "pods",
    }
    assert {verb for _, verb in own} == {"list", "watch"}
    assert not {one.resource for one in found if one.namespace != "cd"} & {*customs, "configmaps"}


def test_what_the_api_server_says_is_garbled_is_no_pass(held: Cluster, ask: Ask) -> None:
    change(held, status={"reconciledAt": "yesterday"})

    with pytest.raises(ClientError) as raised:
        ask().answers()

    assert raised.value.signature == "argocd.answer_garbled"
    assert json.dumps("yesterday") not in str(raised.value)
