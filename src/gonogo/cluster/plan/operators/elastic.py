"""Elastic Cloud on Kubernetes: what its operator makes of its kinds. Source: github.com/elastic/cloud-on-k8s v3.5.0."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.plan.demand import Beside, Found
from gonogo.cluster.plan.nodes import required
from gonogo.cluster.plan.workloads import as_kind, deployment, stateful_set, with_containers

MEMORY = {"requests": {"memory": "2Gi"}, "limits": {"memory": "2Gi"}}
"""pkg/controller/elasticsearch/nodespec/defaults.go and pkg/controller/kibana/pod.go, DefaultResources."""


def _same(cpu: str, memory: str) -> dict[str, Any]:
    """As much as request and as limit: initcontainer/keystore.go of either."""
    asked = {"cpu": cpu, "memory": memory}
    return {"requests": asked, "limits": asked}


PREPARE = _same("0.1", "50Mi")
"""initcontainer/prepare_fs.go of either."""

DATA = "elasticsearch-data"

CLAIM = {
    "metadata": {"name": DATA},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
"""pkg/controller/elasticsearch/volume/defaults.go."""

_ZONE = "topology.kubernetes.io/zone"
_GROUP = "elasticsearch.k8s.elastic.co"


def elasticsearch(obj: Object, beside: Beside) -> Iterator[Found]:
    """A StatefulSet per node set; 2 GiB a pod and 1 GiB a claim where nothing else is said."""
    spec, name = obj.get("spec", {}), obj["metadata"]["name"]
    sets = spec.get("nodeSets", ())
    aware = next((one["zoneAwareness"] for one in sets if "zoneAwareness" in one), None)
    keystore = _same("500m", "196Mi") if spec.get("secureSettings") else None
    for one in sets:
        called = f"{name}-es-{one['name']}"
        template = _sized(one, "elasticsearch", keystore)
        own = {f"{_GROUP}/cluster-name": name, f"{_GROUP}/statefulset-name": called}
        template = _zoned(_labelled(template, own), one, aware, own)
        claims = list(one.get("volumeClaimTemplates", ()))
        named = {claim["metadata"]["name"] for claim in claims}
        if DATA not in named | {volume["name"] for volume in template["spec"].get("volumes", ())}:
            claims.append(CLAIM)
        made = {"replicas": one.get("count", 0), "template": template, "volumeClaimTemplates": claims}
        yield from stateful_set(as_kind(obj, "StatefulSet", called, made), beside)


def kibana(obj: Object, beside: Beside) -> Iterator[Found]:
    """A Deployment of ``count`` (0) pods of 2 GiB where nothing else is said."""
    spec, name = obj.get("spec", {}), obj["metadata"]["name"]
    keystore = _same("100m", "128Mi") if spec.get("secureSettings") else None
    template = _labelled(_sized(spec, "kibana", keystore), {"kibana.k8s.elastic.co/name": name})
    made = {"replicas": spec.get("count", 0), "template": template}
    yield from deployment(as_kind(obj, "Deployment", f"{name}-kb", made), beside)


def _sized(one: Mapping[str, Any], main: str, keystore: Mapping[str, Any] | None) -> dict[str, Any]:
    """The template with its main container's resources, and the operator's init containers before its own.

    pkg/controller/common/defaults/pod_template.go, WithResourcesAndOverrides and WithInitContainerDefaults: init
    containers that say nothing ask for as much as the main one.
    """
    template = one.get("podTemplate", {})
    spec = template.get("spec", {})
    containers = [*spec.get("containers", ())]
    if not any(container.get("name") == main for container in containers):
        containers.insert(0, {"name": main})
    given = next(container for container in containers if container["name"] == main)
    resources, over = dict(given.get("resources", {})), one.get("resources", {})
    if "requests" not in resources and "limits" not in resources and not any(over.values()):
        resources |= MEMORY
    for side in ("requests", "limits"):
        if over.get(side):
            resources[side] = {**resources.get(side, {}), **over[side]}
    kept = [{"name": "elastic-internal-init-keystore", "resources": keystore}] if keystore else []
    inits: list[dict[str, Any]] = [*kept, {"name": "elastic-internal-init", "resources": PREPARE}]
    if main == "elasticsearch":
        first = {"name": "elastic-internal-init-filesystem", "resources": PREPARE}
        inits = [first, *kept, {"name": "elastic-internal-suspend"}]
    own = [{**init, "resources": init.get("resources") or resources} for init in spec.get("initContainers", ())]
    others = [{**container, "resources": resources} if container is given else container for container in containers]
    bare = {**template, "spec": {**spec, "containers": others, "initContainers": own}}
    return with_containers(bare, [], [{**init, "resources": init.get("resources", resources)} for init in inits])


def _labelled(template: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    meta = template.get("metadata", {})
    return {**template, "metadata": {**meta, "labels": {**meta.get("labels", {}), **labels}}}


def _zoned(
    template: Mapping[str, Any], one: Mapping[str, Any], aware: Mapping[str, Any] | None, labels: Mapping[str, str]
) -> dict[str, Any]:
    """pkg/controller/elasticsearch/nodespec/podspec.go, zoneAwarenessSchedulingDirectives."""
    own = one.get("zoneAwareness")
    told = own if own is not None else aware
    if told is None:
        return dict(template)
    spec, key = template["spec"], (told or {}).get("topologyKey") or _ZONE
    zones = (own or {}).get("zones", ())
    wanted = {"key": key, "operator": "In", "values": list(zones)} if zones else {"key": key, "operator": "Exists"}
    spreads = [*spec.get("topologySpreadConstraints", ())]
    if own is not None:
        selector = {"labelSelector": {"matchLabels": dict(labels)}}
        spreads.append({"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule", **selector})
    return {**template, "spec": {**spec, "topologySpreadConstraints": spreads, "affinity": required(spec, wanted)}}


KINDS = {f"Elasticsearch.{_GROUP}": elasticsearch, "Kibana.kibana.k8s.elastic.co": kibana}

PODLESS = frozenset({"StackConfigPolicy.stackconfigpolicy.k8s.elastic.co"})
