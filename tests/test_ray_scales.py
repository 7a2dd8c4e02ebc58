"""Whether a RayCluster can scale, by its objects: each reason why not is seen."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from fixtures.raycluster import EXPLAINS, KIND, read, unable
from gonogo.cluster.judge import World

NOW = datetime.fromisoformat("2026-11-25T10:00:00Z")
EXPECT = {"workers": 1, "max_workers": 4, "scale_down_seconds": 120}
CPU = {"resources": {"requests": {"cpu": "1"}}}
LABELS = {"ray.io/cluster": "ml", "ray.io/node-type": "head"}
RULES = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch", "patch"]},
    {"apiGroups": ["ray.io"], "resources": ["rayclusters"], "verbs": ["get", "patch"]},
]


def group(**more: Any) -> dict[str, Any]:
    """A group of workers with a range."""
    container = {"name": "ray", **more.pop("container", CPU)}
    return {
        "groupName": "workers",
        "replicas": 1,
        "minReplicas": 1,
        "maxReplicas": 4,
        "template": {"spec": {"containers": [container]}},
        **more,
    }


def cluster(*groups: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A RayCluster that is to scale."""
    head = {"rayStartParams": {"num-cpus": "0"}, "template": {"spec": {"containers": [{"name": "head"}]}}}
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": {"name": "ml", "namespace": "data", "uid": "u", "creationTimestamp": "2026-11-25T09:00:00Z"},
        "spec": {
            "enableInTreeAutoscaling": True,
            "headGroupSpec": head,
            "workerGroupSpecs": list(groups) or [group()],
            **spec,
        },
    }


def head(*containers: str, ready: bool = True, account: str = "ml") -> dict[str, Any]:
    """The head's pod."""
    names = containers or ("head", "autoscaler")
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "ml-head", "namespace": "data", "labels": LABELS},
        "spec": {"serviceAccountName": account, "containers": [{"name": one} for one in names]},
        "status": {
            "phase": "Running",
            "containerStatuses": [
                {"name": one, "ready": ready or one == "head", "restartCount": 0, "state": {"running": {}}}
                for one in names
            ],
        },
    }


def bound(rules: list[dict[str, Any]], *, kind: str = "Role", **subject: str) -> list[dict[str, Any]]:
    """A Role of the cluster's name, and who is bound to it."""
    meta, api = {"name": "ml", "namespace": "data"}, "rbac.authorization.k8s.io/v1"
    who = {"kind": "ServiceAccount", "name": "ml", "namespace": "data", **subject}
    of_role = {"name": "ml"} if kind == "ClusterRole" else meta
    return [
        {"apiVersion": api, "kind": kind, "metadata": of_role, "rules": rules},
        {
            "apiVersion": api,
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": {"kind": kind, "name": "ml"},
            "subjects": [who],
        },
    ]


def seen(*objects: dict[str, Any], complete: tuple[str, ...] = EXPLAINS, **expect: int) -> list[tuple[str, str]]:
    """Cause and words of all that is wrong with the clusters of a world."""
    world = World.of(objects, now=NOW, complete=complete)
    found = unable(world, [read(one) for one in world.of_kind(KIND)], {**EXPECT, **expect})
    return [(one.cause, one.text) for one in found]


def test_one_with_all_that_it_needs_can_scale() -> None:
    assert seen(cluster(), head(), *bound(RULES)) == []


@pytest.mark.parametrize(
    ("objects", "cause", "told"),
    [
        ([cluster(enableInTreeAutoscaling=False), head()], "autoscaling_off", "group workers: 1 to 4"),
        ([cluster(enableInTreeAutoscaling=None), head()], "autoscaling_off", "enableInTreeAutoscaling is not set"),
        ([cluster(group(maxReplicas=1)), head()], "autoscaling_off", "no group's maxReplicas is above"),
        ([cluster(group(suspend=True)), head()], "autoscaling_off", "no group's maxReplicas is above"),
        ([cluster(), head("head")], "autoscaler_absent", "Pod data/ml-head, has no container autoscaler"),
        ([cluster(), head(ready=False)], "autoscaler_down", "container autoscaler of Pod data/ml-head is not ready"),
        ([cluster(group(container={})), head()], "worker_cpus_untold", "the CPUs of group workers"),
        ([cluster(headGroupSpec={"template": {}}), head()], "worker_cpus_untold", "the CPUs of group head"),
        ([cluster(autoscalerOptions={"idleTimeoutSeconds": 900}), head()], "idle_too_long", "kept for 900 s"),
        ([cluster(group(idleTimeoutSeconds=600)), head()], "idle_too_long", "kept for 600 s"),
    ],
)
def test_what_keeps_it_from_scaling_is_told(objects: list[dict[str, Any]], cause: str, told: str) -> None:
    [(found, text)] = seen(*objects, *bound(RULES))

    assert found == f"ray.{cause}"
    assert told in text


@pytest.mark.parametrize(
    "rights",
    [
        bound(RULES[:1]),
        bound([{**RULES[1], "verbs": ["get"]}]),
        bound(RULES, name="other"),
        bound(RULES[:1], kind="ClusterRole"),
        [],
    ],
    ids=["pods alone", "no patch", "another account", "a ClusterRole", "none"],
)
def test_an_autoscaler_without_its_rights_is_told(rights: list[dict[str, Any]]) -> None:
    [(cause, text)] = seen(cluster(), head(), *rights)

    assert cause == "ray.autoscaler_rights"
    assert "service account data/ml of its head may not" in text
    assert "patch rayclusters" in text


@pytest.mark.parametrize(
    ("rights", "complete"),
    [
        (bound([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]), EXPLAINS),
        (bound(RULES, kind="ClusterRole"), EXPLAINS),
        (bound(RULES[:1]), ("Pod",)),
        ([], ("Role", "RoleBinding", "ClusterRoleBinding")),
    ],
    ids=["all", "a ClusterRole", "not seen", "a ClusterRole not seen"],
)
def test_rights_that_are_there_or_not_in_sight_are_no_fault(
    rights: list[dict[str, Any]], complete: tuple[str, ...]
) -> None:
    assert seen(cluster(), head(), *rights, complete=complete) == []


def test_rights_by_a_group_count() -> None:
    role, binding = bound(RULES)
    binding["subjects"] = [{"kind": "Group", "name": "system:serviceaccounts:data"}]

    assert seen(cluster(), head(), role, binding) == []


def test_where_nothing_is_to_scale_nothing_is_missing() -> None:
    fixed = cluster(group(maxReplicas=1), enableInTreeAutoscaling=False)

    assert seen(fixed, head("head"), max_workers=1) == []


def test_a_head_that_ends_is_not_looked_at() -> None:
    old = head("head")
    old["metadata"] = {**old["metadata"], "name": "old", "deletionTimestamp": "2026-11-25T09:59:00Z"}

    assert seen(cluster(), old, head(), *bound(RULES)) == []
