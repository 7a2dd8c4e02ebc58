"""CloudNativePG: what its operator makes of its kinds. Source: github.com/cloudnative-pg/cloudnative-pg 1.27.1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.plan.demand import Beside, Found, PlannedClaim, claim_of, pod_of
from gonogo.cluster.plan.workloads import as_kind, deployment


def cluster(obj: Object, beside: Beside) -> Iterator[Found]:
    """``instances`` (1) pods, each with a claim for its data, one for its log and one per tablespace where asked for.

    pkg/specs/pods.go, createClusterPodSpec: the bootstrap container, and the Job that makes an instance, ask for as
    much as the instance, and come before it. pkg/reconciler/persistentvolumeclaim/calculator.go: the names of claims.
    """
    spec, name = obj.get("spec", {}), obj["metadata"]["name"]
    if obj["metadata"].get("annotations", {}).get("cnpg.io/hibernation") == "on":
        return
    space, affinity = obj["metadata"].get("namespace") or beside.namespace, spec.get("affinity", {})
    resources = spec.get("resources", {})
    template = {
        "spec": {
            "initContainers": [{"name": "bootstrap-controller", "resources": resources}],
            "containers": [{"name": "postgres", "resources": resources}],
            "nodeSelector": affinity.get("nodeSelector", {}),
            "tolerations": affinity.get("tolerations", []),
            "topologySpreadConstraints": spec.get("topologySpreadConstraints", []),
            "affinity": _affinity(name, affinity),
            "priorityClassName": spec.get("priorityClassName", ""),
        }
    }
    for number in range(1, int(spec.get("instances", 1)) + 1):
        pod = f"{name}-{number}"
        claims = [_claim(space, pod, spec.get("storage", {}))]
        if "walStorage" in spec:
            claims.append(_claim(space, f"{pod}-wal", spec["walStorage"]))
        claims += [_claim(space, f"{pod}-tbs-{one['name']}", one["storage"]) for one in spec.get("tablespaces", ())]
        labels = {"cnpg.io/cluster": name, "cnpg.io/instanceName": pod, "cnpg.io/podRole": "instance"}
        yield pod_of(obj, pod, template, beside, claims=claims, labels=labels)


def _claim(space: str, name: str, storage: Mapping[str, Any]) -> PlannedClaim:
    """pkg/reconciler/persistentvolumeclaim/build.go: size and class win over ``pvcTemplate``."""
    spec = dict(storage.get("pvcTemplate", {}))
    if storage.get("storageClass") is not None:
        spec["storageClassName"] = storage["storageClass"]
    if storage.get("size"):
        spec["resources"] = {"requests": {"storage": storage["size"]}}
    return claim_of(space, name, spec)


def _affinity(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """pkg/specs/pods.go, CreateAffinitySection; what is only preferred decides nothing and is left out."""
    apart = list(given.get("additionalPodAntiAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution", ()))
    if given.get("enablePodAntiAffinity", True) and given.get("podAntiAffinityType") == "required":
        own = {"cnpg.io/cluster": name, "cnpg.io/podRole": "instance"}
        key = given.get("topologyKey") or "kubernetes.io/hostname"
        apart.insert(0, {"labelSelector": {"matchLabels": own}, "topologyKey": key})
    found = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": apart}} if apart else {}
    for key, ours in (("nodeAffinity", "nodeAffinity"), ("additionalPodAffinity", "podAffinity")):
        if given.get(key):
            found[ours] = given[key]
    return found


def pooler(obj: Object, beside: Beside) -> Iterator[Found]:
    """A Deployment of ``instances`` (1) PgBouncers.

    pkg/specs/pgbouncer/deployments.go: the init container asks for as much as the PgBouncer of its template.
    """
    spec = obj.get("spec", {})
    template = spec.get("template", {})
    inner = template.get("spec", {})
    containers = list(inner.get("containers", ()))
    if not any(one.get("name") == "pgbouncer" for one in containers):
        containers.append({"name": "pgbouncer"})
    told = next(one.get("resources", {}) for one in containers if one.get("name") == "pgbouncer")
    inits = [{"name": "bootstrap-controller", "resources": told}, *inner.get("initContainers", ())]
    made = {**template, "spec": {**inner, "containers": containers, "initContainers": inits}}
    same = {"replicas": spec.get("instances", 1), "strategy": spec.get("deploymentStrategy", {}), "template": made}
    yield from deployment(as_kind(obj, "Deployment", obj["metadata"]["name"], same), beside)


KINDS = {"Cluster.postgresql.cnpg.io": cluster, "Pooler.postgresql.cnpg.io": pooler}

_PODLESS = "Backup ClusterImageCatalog Database ImageCatalog Publication ScheduledBackup Subscription"

PODLESS = frozenset(f"{kind}.postgresql.cnpg.io" for kind in _PODLESS.split())
"""Backups run inside the instances (docs, "Backup")."""
