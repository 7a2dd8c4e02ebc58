"""Kubeconfig files for tests, written as kubectl would."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gonogo.catalog.target import Kubernetes
from gonogo.cluster.api import Api
from gonogo.core.endpoints import Timeouts


def kubeconfig(
    path: Path,
    *,
    server: str = "http://127.0.0.1:1",
    contexts: tuple[str, ...] = ("one",),
    current: str = "one",
    user: Mapping[str, Any] | None = None,
    cluster: Mapping[str, Any] | None = None,
) -> Path:
    """A file whose contexts each have a cluster and a user of their own name; JSON is YAML."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": current,
        "contexts": [{"name": n, "context": {"cluster": n, "user": n, "namespace": f"of-{n}"}} for n in contexts],
        "clusters": [{"name": n, "cluster": {"server": server, **(cluster or {})}} for n in contexts],
        "users": [{"name": n, "user": dict(user or {})} for n in contexts],
    }
    path.write_text(json.dumps(content))
    return path


def api(path: Path, *, check: float = 5, context: str = "") -> Api:
    """What asks the cluster of a file."""
    return Api(Kubernetes(kubeconfig=str(path), context=context), "thing", Timeouts(connect=5, check=check))
