"""What a notebook controller makes of a Notebook, as objects and as a status. It is a stand-in, and none of Kubeflow's.

**Seen** of a real controller v1 (177b098) on Kubernetes 1.35: the status of one that is ready, of one whose image is
missing, and of one that is stopped (only once its pod is gone); its Service's port 80 goes to 8888; ``NB_PREFIX``; the
annotation that stops it. **Documented**: names and labels of StatefulSet and Service (notebook_controller.go).
"""

from __future__ import annotations

from typing import Any

STOPPED = "kubeflow-resource-stopped"

Object = dict[str, Any]

DEFINITION: Object = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "notebooks.kubeflow.org"},
    "spec": {
        "group": "kubeflow.org",
        "names": {"kind": "Notebook", "listKind": "NotebookList", "plural": "notebooks", "singular": "notebook"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
            }
        ],
    },
}
"""The kind alone: the real definition has the whole schema of a pod."""


def stopped(notebook: Object) -> bool:
    """Whether it is to have no pod."""
    return STOPPED in (notebook["metadata"].get("annotations") or {})


def stateful_set(notebook: Object) -> Object:
    """One pod, or none where it is stopped."""
    meta, spec = notebook["metadata"], notebook["spec"]["template"]["spec"]
    name, space = meta["name"], meta["namespace"]
    labels = {"statefulset": name, "notebook-name": name}
    (first, *others) = spec["containers"]
    prefix = {"name": "NB_PREFIX", "value": f"/notebook/{space}/{name}"}
    first = {**first, "env": [*first.get("env", ()), prefix], "ports": [{"containerPort": 8888}]}
    pod = {**spec, "containers": [first, *others]}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name},
        "spec": {
            "replicas": 0 if stopped(notebook) else 1,
            "serviceName": name,
            "selector": {"matchLabels": {"statefulset": name}},
            "template": {"metadata": {"labels": {**labels, **(meta.get("labels") or {})}}, "spec": pod},
        },
    }


def service(notebook: Object) -> Object:
    """Port 80 leads to 8888."""
    name = notebook["metadata"]["name"]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {
            "selector": {"statefulset": name},
            "ports": [{"name": f"http-{name}", "port": 80, "targetPort": 8888, "protocol": "TCP"}],
        },
    }


def status(notebook: Object, pod: Object | None) -> Object:
    """What is told of it, by its pod."""
    if pod is None:
        return {"conditions": [], "containerState": {}, "readyReplicas": 0}
    told = pod.get("status") or {}
    name = notebook["metadata"]["name"]
    state = next((c.get("state", {}) for c in told.get("containerStatuses", ()) if c["name"] == name), {})
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in told.get("conditions", ()))
    return {"conditions": told.get("conditions", []), "containerState": state, "readyReplicas": int(ready)}
