"""Operators that a cluster may have, and values for charts of what they make; a test is skipped without them."""

from __future__ import annotations

import os
from typing import Any

import pytest
from cluster.live import Cluster

RAY_IMAGE = "GONOGO_TEST_RAY_IMAGE"
"""Names an image with Ray in the version of its tag."""


def operator(cluster: Cluster, definition: str) -> None:
    """Skips where nobody serves such a kind."""
    if cluster.find("CustomResourceDefinition", definition) is None:
        pytest.skip(f"the cluster has no {definition}: its operator is not installed")


def ray_values() -> dict[str, Any]:
    """A small RayCluster of that image. Skips where there is none."""
    if not os.environ.get(RAY_IMAGE):
        pytest.skip(f"{RAY_IMAGE} names no image with Ray")
    repository, _, tag = os.environ[RAY_IMAGE].rpartition(":")
    return {
        "image": {"repository": repository, "tag": tag},
        "head": {
            "rayVersion": tag,
            "resources": {"requests": {"cpu": "100m", "memory": "700Mi"}, "limits": {"cpu": "2", "memory": "2Gi"}},
            "autoscalerOptions": {"resources": {"requests": {"cpu": "50m", "memory": "128Mi"}}},
        },
        "worker": {"resources": {"requests": {"cpu": "100m", "memory": "600Mi"}}},
    }
