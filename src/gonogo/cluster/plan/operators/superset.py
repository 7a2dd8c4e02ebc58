"""Apache Superset's operator. Source: github.com/apache/superset-kubernetes-operator, commit 86d2b4d."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.plan.demand import Beside, Found, When, pod_of
from gonogo.cluster.plan.workloads import as_kind, deployment

PARTS = {
    "webServer": "web-server",
    "celeryWorker": "celery-worker",
    "celeryBeat": "celery-beat",
    "celeryFlower": "celery-flower",
    "websocketServer": "websocket-server",
    "mcpServer": "mcp-server",
}
"""internal/common/types.go."""

_WINS = ("affinity", "priorityClassName", "resources")
_JOINED = ("tolerations", "topologySpreadConstraints", "volumes", "sidecars", "initContainers")


def superset(obj: Object, beside: Beside) -> Iterator[Found]:
    """A Deployment of ``replicas`` (1) per component that is named, and a task that migrates before.

    internal/resolution/resolver.go and merge.go: what a component says wins, or is joined to what all say; of the
    scheduler of tasks there is one.
    """
    spec, name = obj.get("spec", {}), obj["metadata"]["name"]
    for key, short in PARTS.items():
        one = spec.get(key)
        if one is None:
            continue
        template = _template(spec.get("podTemplate", {}), one.get("podTemplate", {}), short)
        scaling = one.get("autoscaling", spec.get("autoscaling"))
        rest = 1 if key == "celeryBeat" else one.get("replicas", spec.get("replicas", 1))
        most = rest
        if scaling and key != "celeryBeat":
            rest, most = scaling.get("minReplicas", 1), scaling["maxReplicas"]
        strategy = {**spec.get("deploymentTemplate", {}), **one.get("deploymentTemplate", {})}.get("strategy", {})
        made = {"replicas": rest, "strategy": strategy, "template": template}
        called = f"{name}-{short}"
        yield from deployment(as_kind(obj, "Deployment", called, made), beside)
        for _ in range(most - rest):
            yield pod_of(as_kind(obj, "Deployment", called, made), f"{called}-*-*", template, beside, when=When.MOST)
    cycle = spec.get("lifecycle", {})
    if not cycle.get("disabled"):
        template = _template(spec.get("podTemplate", {}), cycle.get("podTemplate", {}), "migrate")
        yield pod_of(obj, f"{name}-migrate-*", template, beside, when=When.PASSING, step="jobs")


def _template(all_: Mapping[str, Any], own: Mapping[str, Any], container: str) -> dict[str, Any]:
    """internal/resolution/merge.go, MergePodTemplate."""
    found: dict[str, Any] = {key: own.get(key, all_.get(key)) for key in _WINS if key in own or key in all_}
    found |= {key: [*all_.get(key, ()), *own.get(key, ())] for key in _JOINED if key in own or key in all_}
    labels = {**all_.get("labels", {}), **own.get("labels", {})}
    inner, above = own.get("container", {}), all_.get("container", {})
    main = {"name": container, "resources": inner.get("resources", above.get("resources", {}))}
    containers = [main, *found.pop("sidecars", ())]
    selector = {**all_.get("nodeSelector", {}), **own.get("nodeSelector", {})}
    return {"metadata": {"labels": labels}, "spec": {**found, "nodeSelector": selector, "containers": containers}}


KINDS = {"Superset.superset.apache.org": superset}
