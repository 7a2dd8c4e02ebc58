"""Pods that plainly serve are kept by less, and nothing that is said of them or of others is another."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from gonogo.cluster.judge import World, judge, plain, tally
from gonogo.cluster.judge.shapes import joined, page
from gonogo.cluster.judge.shapes import plain as as_sent

GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)


def listed(*pods: Any) -> bytes:
    """Pods as the API server lists them."""
    items = [{key: value for key, value in pod.items() if key not in ("apiVersion", "kind")} for pod in pods]
    metadata = {"resourceVersion": "7", "continue": "next", "remainingItemCount": 3}
    return json.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items}).encode()


def serving(name: str = "web-0", **status: Any) -> dict[str, Any]:
    """A pod that plainly serves, with more than anybody needs of it."""
    times = {"lastTransitionTime": "2026-11-25T09:00:00Z", "lastProbeTime": None}
    container = {"name": "app", "ready": True, "restartCount": 0, "image": "web:1", "state": {"running": {}}}
    return {
        "metadata": {"name": name, "namespace": "data", "labels": {"app": "web"}, "managedFields": [{"manager": "x"}]},
        "spec": {
            "nodeName": "node-1",
            "serviceAccountName": "web",
            "containers": [
                {
                    "name": "app",
                    "env": [{"name": "A", "value": "b"}],
                    "ports": [{"name": "http", "containerPort": 80}],
                    "resources": {"requests": {"cpu": "1"}},
                }
            ],
            "volumes": [
                {"name": "data", "persistentVolumeClaim": {"claimName": "data-web-0"}},
                {"name": "tmp", "emptyDir": {}},
            ],
        },
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True", **times}],
            "containerStatuses": [container],
            **status,
        },
    }


def test_a_pod_that_serves_is_kept_by_what_others_need_of_it() -> None:
    found = plain.page("v1", "Pod", listed(serving()), {})

    assert found.items == [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "web-0", "namespace": "data", "labels": {"app": "web"}},
            "spec": {
                "nodeName": "node-1",
                "serviceAccountName": "web",
                "containers": [
                    {
                        "name": "app",
                        "ports": [{"name": "http", "containerPort": 80}],
                        "resources": {"requests": {"cpu": "1"}},
                    }
                ],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-web-0"}}],
            },
            "status": {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "app", "ready": True, "restartCount": 0}],
            },
        }
    ]
    assert (found.resource_version, found.more, found.remaining) == ("7", "next", 3)


ODD = {
    "pending": serving(phase="Pending"),
    "unready": serving(conditions=[{"type": "Ready", "status": "False", "reason": "ContainersNotReady"}]),
    "restarted": serving(containerStatuses=[{"name": "app", "ready": True, "restartCount": 1, "lastState": {}}]),
    "sidecar restarted": serving(initContainerStatuses=[{"name": "proxy", "ready": True, "restartCount": 4}]),
    "without status": {key: value for key, value in serving().items() if key != "status"},
    "without spec": {key: value for key, value in serving().items() if key != "spec"},
    "deleted": {**serving(), "metadata": {"name": "web-0", "deletionTimestamp": "2026-11-25T09:00:00Z"}},
    "nameless": {**serving(), "metadata": {"namespace": "data"}},
    "misshapen": serving(phase=7),
    "with nulls": serving(containerStatuses=None),
}


@pytest.mark.parametrize("odd", ODD)
def test_any_other_pod_is_kept_whole_at_its_place(odd: str) -> None:
    raw = listed(serving("web-1"), ODD[odd], serving("web-2"))

    found = plain.page("v1", "Pod", raw, {}).items

    assert found[1] == page("v1", "Pod", raw).items[1]
    assert [one["metadata"]["name"] for one in (found[0], found[2])] == ["web-1", "web-2"]


def test_the_pods_of_a_mixed_list_are_plain_too() -> None:
    alone = plain.page("v1", "Pod", listed(serving()), {}).items

    assert plain.page("v1", "Pod", joined([msgspec.Raw(msgspec.json.encode(serving()))]), {}).items == alone


def test_plain_pods_share_one_status() -> None:
    known: dict[plain.Key, Any] = {}

    first, second = (plain.page("v1", "Pod", listed(serving(name)), known).items[0] for name in ("web-1", "web-2"))

    assert first["status"] is second["status"]


def stored() -> list[dict[str, Any]]:
    """Every object of the golden files, as an API server would send it."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    files = [yaml.load_all(path.read_text(), loader) for path in sorted(GOLDEN.rglob("*.yaml"))]
    return [as_sent(one) for _, *objects in files for one in objects if isinstance(one, dict)]


def test_all_that_is_said_of_stored_objects_is_the_same() -> None:
    objects = stored()
    pods = [one for one in objects if one.get("kind") == "Pod" and isinstance(one.get("metadata"), dict)]
    others = [one for one in objects if one.get("kind") != "Pod"]
    raw = listed(*pods)
    worlds = [
        World.of(others, shaped_objects=found.items, now=NOW, complete=["Pod", "Node"])
        for found in (page("v1", "Pod", raw), plain.page("v1", "Pod", raw, {}))
    ]

    rows, health = judge(worlds[1]), tally(worlds[1])

    assert len(pods) > 50
    assert rows == judge(worlds[0])
    assert health == tally(worlds[0])
