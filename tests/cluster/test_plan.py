"""What a plan says, held against a running cluster: what does not fit stays without a node for that reason, what fits
gets one; what a kind is said to make is what its controller makes.

Shapes that the cluster lacks are nodes without a kubelet, which only the pods of these tests tolerate and select.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any, NamedTuple

import pytest
import yaml
from cluster.live import Cluster
from cluster.operators import operator
from cluster.test_operated import RAY_CLUSTERS, image

from gonogo.catalog.target import Kubernetes
from gonogo.cluster.api import Api, Kind
from gonogo.cluster.judge.quantities import amount
from gonogo.cluster.judge.scheduling import requests
from gonogo.cluster.plan.demand import Demand, When
from gonogo.cluster.plan.expand import expand
from gonogo.cluster.plan.fit import Fit, Part, fit
from gonogo.cluster.plan.ground import read
from gonogo.core.waiting import until

Object = dict[str, Any]

IMAGE = os.environ.get("GONOGO_TEST_IMAGE", "busybox")
OWN = "gonogo-test/plan"
"""The taint and the label of nodes that are made here."""


@pytest.fixture
def api(kubeconfig: Path) -> Iterator[Api]:
    found = Api(Kubernetes(kubeconfig=str(kubeconfig)))
    yield found
    found.close()


@pytest.fixture
def own(cluster: Cluster, namespace: str) -> Iterator[str]:
    """Two small nodes of this test, in two zones; ``OWN`` is their label. Their pods end before they do."""
    mark = token_hex(3)
    for zone in ("one", "two"):
        name = f"{mark}-{zone}"
        node = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": {OWN: mark, "zone": zone, "kubernetes.io/hostname": name}},
            "spec": {"taints": [{"key": OWN, "value": mark, "effect": "NoSchedule"}]},
        }
        cluster.apply(node, namespace)
        whole = {"cpu": "4", "memory": "8Gi", "ephemeral-storage": "10Gi", "pods": "4"}
        ready = [{"type": "Ready", "status": "True", "reason": "Test", "message": "", "lastHeartbeatTime": None}]
        body = {"status": {"capacity": whole, "allocatable": whole, "conditions": ready}}
        cluster.told("PATCH", f"/api/v1/nodes/{name}/status", body, kind="application/merge-patch+json")
    yield mark
    for pod in cluster.every("Pod", namespace):
        cluster.delete("Pod", pod["metadata"]["name"], namespace, grace=0)


def pods(mark: str, asks: str, more: str = "{}", labels: str = "{app: web}") -> Object:
    """A template for the nodes that are made here."""
    keys = (OWN, "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
    spec = {
        "nodeSelector": {OWN: mark},
        "tolerations": [{"key": key, "operator": "Exists"} for key in keys],
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "c", "image": IMAGE, "resources": {"requests": yaml.safe_load(asks)}}],
        **yaml.safe_load(more),
    }
    return {"metadata": {"labels": yaml.safe_load(labels)}, "spec": spec}


def workload(kind: str, template: Object, replicas: int = 1, **more: Any) -> Object:
    labels = template["metadata"]["labels"]
    scaled = {} if kind == "DaemonSet" else {"replicas": replicas}
    spec = {**scaled, "selector": {"matchLabels": labels}, "template": template, **more}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": labels["app"]}, "spec": spec}


RULE = "requiredDuringSchedulingIgnoredDuringExecution"
APART = (
    f"affinity: {{podAntiAffinity: {{{RULE}: [{{topologyKey: kubernetes.io/hostname,"
    " labelSelector: {matchLabels: {app: web}}}]}}"
)
SPREAD = (
    "topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule,"
    " labelSelector: {matchLabels: {app: web}}}]"
)


class Case(NamedTuple):
    """A template for the nodes here, how many, and what is said of it: by the plan, and by the scheduler."""

    asks: str
    replicas: int = 1
    more: str = "{}"
    cause: str = ""
    says: str = ""
    scheduler: str = ""
    scheduled: int = 0
    select: str = ""


CASES = {
    "fits": Case("{cpu: 1500m, memory: 3Gi}", 4, scheduled=4),
    "fits to the last core": Case("{cpu: 4}", 2, scheduled=2),
    "cpu": Case("{cpu: 5}", cause="cpu", says="1 too little", scheduler="Insufficient cpu"),
    "memory": Case("{memory: 12Gi}", cause="memory", says="4.0 GiB too little", scheduler="Insufficient memory"),
    "ephemeral storage": Case(
        "{ephemeral-storage: 11Gi}",
        cause="ephemeral-storage",
        says="1.0 GiB too",
        scheduler="Insufficient ephemeral-storage",
    ),
    "no node large enough for the third": Case(
        "{cpu: 3}", 3, cause="cpu", says="1 too many", scheduler="Insufficient cpu", scheduled=2
    ),
    "pods per node": Case("{}", 9, cause="pods", says="1 too many", scheduler="Too many pods", scheduled=8),
    "a resource that no node has": Case(
        "{}",
        more="{containers: [{name: c, image: x, resources: {limits: {example.com/gpu: 1}}}]}",
        cause="example.com/gpu",
        says="1 too little",
        scheduler="Insufficient example.com/gpu",
    ),
    "taint": Case(
        "{}", more="{tolerations: []}", cause="taint", says=f"has the taint {OWN}", scheduler="untolerated taint"
    ),
    "apart": Case("{}", 3, APART, "anti_affinity", "1 too many", "anti-affinity", 2),
    "node affinity": Case(
        "{}",
        more=f"{{affinity: {{nodeAffinity: {{{RULE}: {{nodeSelectorTerms:"
        " [{matchExpressions: [{key: zone, operator: NotIn, values: [one, two]}]}]}}}}",
        cause="node_affinity",
        says="does not meet the required node affinity",
        scheduler="node affinity/selector",
    ),
    "near to what is not there": Case(
        "{}",
        more=APART.replace("podAntiAffinity", "podAffinity").replace("app: web", "app: cache"),
        cause="pod_affinity",
        says="no pod that it must be near",
        scheduler="pod affinity rules",
    ),
    "selector": Case(
        "{}", select="three", cause="node_selector", says="zone=three", scheduler="node affinity/selector"
    ),
    "host port": Case(
        "{}",
        3,
        "{containers: [{name: c, image: x, ports: [{containerPort: 80, hostPort: 8080}]}]}",
        "port",
        "host port 8080/TCP is taken",
        "free ports",
        2,
    ),
    "spread evenly": Case("{cpu: 1}", 4, SPREAD, scheduled=4),
}


@pytest.mark.parametrize("name", CASES)
def test_what_does_not_fit_stays_without_a_node_and_what_fits_gets_one(
    cluster: Cluster, api: Api, namespace: str, own: str, name: str
) -> None:
    case = CASES[name]
    template = pods(own, case.asks, case.more)
    if case.select:
        template["spec"]["nodeSelector"]["zone"] = case.select
    obj = workload("Deployment", template, case.replicas, strategy={"type": "Recreate"})

    said = told(api, namespace, obj)
    cluster.apply(obj, namespace)
    there = settled(cluster, namespace, case.replicas)

    found = [one for one in said.findings if one.stage == "rest" and one.weight == "problem"]
    assert (said.fits is True) is (not case.cause)
    assert [one.cause for one in found] == ([case.cause] if case.cause else [])
    assert all(case.says in one.message for one in found)
    assert sum(bool(pod["spec"].get("nodeName")) for pod in there) == case.scheduled
    waiting = [why(pod) for pod in there if not pod["spec"].get("nodeName")]
    assert len(waiting) == case.replicas - case.scheduled
    assert all(case.scheduler in one for one in waiting)


def told(api: Api, namespace: str, *objects: Object) -> Fit:
    """What the plan says of objects on the cluster as it is."""
    return fit([Part(component="web", what="", namespace=namespace, objects=objects)], read(api))


def why(pod: Object) -> str:
    conditions = pod.get("status", {}).get("conditions", [])
    return next((one["message"] for one in conditions if one["type"] == "PodScheduled"), "")


def settled(cluster: Cluster, namespace: str, count: int) -> list[Object]:
    """The pods, once each has a node or the scheduler has said why not."""

    def done() -> list[Object]:
        every = cluster.every("Pod", namespace)
        return every if len(every) >= count and all(p["spec"].get("nodeName") or why(p) for p in every) else []

    return until(done, awaited=f"{count} pods judged by the scheduler", within=60, every=0.3, enough=bool)


def test_a_daemon_set_on_a_full_node_is_named_with_it(cluster: Cluster, api: Api, namespace: str, own: str) -> None:
    full = pods(own, "{cpu: 3500m}", labels="{app: full}")
    full["spec"]["nodeSelector"]["zone"] = "one"
    cluster.apply(workload("Deployment", full), namespace)
    settled(cluster, namespace, 1)
    obj = workload("DaemonSet", pods(own, "{cpu: 1}"))

    said = told(api, namespace, obj)
    cluster.apply(obj, namespace)
    there = settled(cluster, namespace, 3)

    (finding,) = [one for one in said.findings if one.weight == "problem"]
    assert finding.message == f"asks cpu 1, the node has 0.5 left of 4 ({own}-one): 0.5 too little"
    (waiting,) = [pod for pod in there if not pod["spec"].get("nodeName")]
    assert "Insufficient cpu" in why(waiting)
    assert f"{own}-one" in str(waiting["spec"]["affinity"])


def test_a_cordoned_node_takes_nothing(cluster: Cluster, api: Api, namespace: str, own: str) -> None:
    for zone in ("one", "two"):
        cluster.change("Node", f"{own}-{zone}", "", {"spec": {"unschedulable": True}})
    obj = workload("Deployment", pods(own, "{}"))

    said = told(api, namespace, obj)
    cluster.apply(obj, namespace)
    (pod,) = settled(cluster, namespace, 1)

    assert problems(said) == [("cordoned", "rest")]
    assert "were unschedulable" in why(pod)


def test_a_volume_keeps_its_pod_in_its_zone(cluster: Cluster, api: Api, namespace: str, own: str) -> None:
    terms = [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["one"]}]}]
    sized = {"accessModes": ["ReadWriteOnce"], "storageClassName": ""}
    volume = {
        **sized,
        "capacity": {"storage": "1Gi"},
        "hostPath": {"path": "/tmp"},
        "claimRef": {"namespace": namespace, "name": "data"},
        "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
    }
    claim = {**sized, "volumeName": f"{own}-v", "resources": {"requests": {"storage": "1Gi"}}}
    cluster.apply(
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"{own}-v"}, "spec": volume}, namespace
    )
    cluster.apply(
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": claim}, namespace
    )
    cluster.wait("PersistentVolumeClaim", "status.phase == 'Bound'", name="data", namespace=namespace)
    template = pods(own, "{}", "{volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]}")
    template["spec"]["nodeSelector"]["zone"] = "two"
    obj = workload("Deployment", template)

    said = told(api, namespace, obj)
    cluster.apply(obj, namespace)
    (pod,) = settled(cluster, namespace, 1)

    (finding,) = [one for one in said.findings if one.weight == "problem"]
    assert (finding.cause, f"node {own}-two: volume of claim data is elsewhere" in finding.message) == ("volume", True)
    assert "volume node affinity conflict" in why(pod) or "match PersistentVolume's node affinity" in why(pod)


def problems(said: Fit) -> list[tuple[str, str]]:
    return [(one.cause, one.stage) for one in said.findings if one.weight == "problem"]


def test_a_job_beside_the_others_waits(cluster: Cluster, api: Api, namespace: str, own: str) -> None:
    obj = workload("Deployment", pods(own, "{cpu: 3}"), 2, strategy={"type": "Recreate"})
    template = pods(own, "{cpu: 2}", "{restartPolicy: Never}", "{app: load}")
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "load"}, "spec": {"template": template}}

    said = told(api, namespace, obj, job)
    cluster.apply(obj, namespace)
    settled(cluster, namespace, 2)
    cluster.apply(job, namespace)
    there = settled(cluster, namespace, 3)

    assert problems(said) == [("cpu", "passing")]
    assert [pod["metadata"]["labels"]["app"] for pod in there if not pod["spec"].get("nodeName")] == ["load"]


def test_an_autoscaler_at_its_maximum_leaves_pods_waiting(cluster: Cluster, api: Api, namespace: str, own: str) -> None:
    obj = workload("Deployment", pods(own, "{cpu: 3}"), strategy={"type": "Recreate"})
    meant = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": meant, "maxReplicas": 3}
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": spec,
    }

    said = told(api, namespace, obj, scaler)
    cluster.apply({**obj, "spec": {**obj["spec"], "replicas": 3}}, namespace)
    there = settled(cluster, namespace, 3)

    assert problems(said) == [("cpu", "most")]
    assert sum(not pod["spec"].get("nodeName") for pod in there) == 1


def test_a_node_lost_leaves_its_pod_waiting(cluster: Cluster, api: Api, namespace: str, own: str) -> None:
    obj = workload("Deployment", pods(own, "{cpu: 3}"), 2, strategy={"type": "Recreate"})

    said = told(api, namespace, obj)
    cluster.apply(obj, namespace)
    (pod,) = [one for one in settled(cluster, namespace, 2) if one["spec"]["nodeName"] == f"{own}-two"]
    cluster.change("Node", f"{own}-two", "", {"spec": {"unschedulable": True}})
    cluster.delete("Pod", pod["metadata"]["name"], namespace, grace=0)
    cluster.gone("Pod", pod["metadata"]["name"], namespace)
    there = settled(cluster, namespace, 2)

    assert (said.fits, problems(said)) == (True, [])
    (finding,) = [one for one in said.findings if one.stage == "lost"]
    assert "1 too many, once node" in finding.message
    (waiting,) = [one for one in there if not one["spec"].get("nodeName")]
    assert "Insufficient cpu" in why(waiting)


# -- refused before anything is scheduled


REFUSED: dict[str, tuple[str, str, str]] = {
    "quota of cpu": (
        "{kind: ResourceQuota, spec: {hard: {requests.cpu: '2'}}}",
        "3 more requests.cpu is asked for, 2 of 2 is left: 1 too much",
        "exceeded quota",
    ),
    "quota of pods": (
        "{kind: ResourceQuota, spec: {hard: {pods: '2'}}}",
        "3 more pods is asked for, 2 of 2",
        "exceeded quota",
    ),
    "quota that wants limits": (
        "{kind: ResourceQuota, spec: {hard: {limits.cpu: '20'}}}",
        "says no limits.cpu",
        "must specify limits.cpu",
    ),
    "LimitRange": (
        "{kind: LimitRange, spec: {limits: [{type: Container, max: {cpu: 500m}}]}}",
        "the LimitRange allows 500m: 0.5 too much",
        "500m",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_api_server_refuses_is_known_before(
    cluster: Cluster, api: Api, namespace: str, own: str, name: str
) -> None:
    rule, says, refusal = REFUSED[name]
    cluster.apply({"apiVersion": "v1", "metadata": {"name": "rule"}, **yaml.safe_load(rule)}, namespace)
    obj = workload("Deployment", pods(own, "{cpu: 1}"), 3)

    said = told(api, namespace, obj)
    cluster.apply(obj, namespace)

    found = [one for one in said.findings if one.weight == "problem"]
    assert any(says in one.message for one in found)
    cluster.wait("Event", f"reason == 'FailedCreate' && contains(message, '{refusal}')", namespace=namespace)


CLAIMED: dict[str, tuple[str, str, str]] = {
    "quota of storage": (
        "{kind: ResourceQuota, spec: {hard: {requests.storage: 1Gi}}}",
        "2.0 GiB more requests.storage is asked for, 1.0 GiB of 1.0 GiB is left: 1.0 GiB too much",
        "exceeded quota",
    ),
    "quota of a class": (
        "{kind: ResourceQuota, spec: {hard: {$class.storageclass.storage.k8s.io/requests.storage: 1Gi}}}",
        "1.0 GiB too much",
        "exceeded quota",
    ),
    "LimitRange of claims": (
        "{kind: LimitRange, spec: {limits: [{type: PersistentVolumeClaim, max: {storage: 1Gi}}]}}",
        "asks 2.0 GiB, the LimitRange allows at most 1Gi: 1.0 GiB too much",
        "maximum storage usage per PersistentVolumeClaim is 1Gi",
    ),
}


@pytest.mark.parametrize("name", CLAIMED)
def test_a_claim_that_the_api_server_refuses_is_known_before(
    cluster: Cluster, api: Api, namespace: str, own: str, name: str
) -> None:
    rule, says, refusal = CLAIMED[name]
    filled = rule.replace("$class", read(api).default_class or "")
    cluster.apply({"apiVersion": "v1", "metadata": {"name": "rule"}, **yaml.safe_load(filled)}, namespace)
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
    claim = {"metadata": {"name": "data"}, "spec": spec}
    obj = workload("StatefulSet", pods(own, "{}"), serviceName="x", volumeClaimTemplates=[claim])

    said = told(api, namespace, obj)
    cluster.apply(obj, namespace)

    (finding,) = [one for one in said.findings if one.weight == "problem"]
    assert (finding.subject, says in finding.message) == (f"{namespace}/data-web-0", True)
    cluster.wait("Event", f"reason == 'FailedCreate' && contains(message, '{refusal}')", namespace=namespace)


def test_a_priority_class_that_is_not_there_is_known_before(
    cluster: Cluster, api: Api, namespace: str, own: str
) -> None:
    obj = workload("Deployment", pods(own, "{}", f"{{priorityClassName: gone-{own}}}"))

    said = told(api, namespace, obj)
    cluster.apply(obj, namespace)

    assert problems(said) == [("priority_missing", "")]
    cluster.wait("Event", "reason == 'FailedCreate' && contains(message, 'no PriorityClass')", namespace=namespace)


def test_a_class_that_is_not_there_is_known_before(cluster: Cluster, api: Api, namespace: str, own: str) -> None:
    claim = {
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": f"gone-{own}",
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    obj = workload("StatefulSet", pods(own, "{}"), serviceName="x", volumeClaimTemplates=[claim])

    said = told(api, namespace, obj)
    cluster.apply(obj, namespace)
    (pod,) = settled(cluster, namespace, 1)

    (finding,) = [one for one in said.findings if one.weight == "problem"]
    assert (finding.cause, finding.subject) == ("class_missing", f"{namespace}/data-web-0")
    assert "nodeName" not in pod["spec"]


# -- what controllers make


def made_of(demand: Demand) -> list[tuple[str, dict[str, float]]]:
    """Names and requests of the pods at rest."""
    return sorted((pod.name, dict(pod.requests)) for pod in demand.pods if pod.when is When.REST)


def there_of(cluster: Cluster, namespace: str, demand: Demand) -> list[tuple[str, dict[str, float]]]:
    """The same of the pods that are there, each under the name that was foretold."""
    found = []
    for pod in cluster.every("Pod", namespace):
        name = pod["metadata"]["name"]
        foretold = next((one.name for one in demand.pods if one.named(name)), name)
        found.append((foretold, requests(pod["spec"])))
    return sorted(found)


def claims_there(cluster: Cluster, namespace: str) -> dict[str, tuple[float, str]]:
    return {
        one["metadata"]["name"]: (
            amount(one["spec"]["resources"]["requests"]["storage"]),
            one["spec"]["storageClassName"],
        )
        for one in cluster.every("PersistentVolumeClaim", namespace)
    }


def claims_planned(demand: Demand, api: Api) -> dict[str, tuple[float, str | None]]:
    ground = read(api)
    return {one.name: (one.size, one.storage_class or ground.default_class) for one in demand.every_claim}


def test_kubernetes_makes_what_is_planned(cluster: Cluster, api: Api, namespace: str, own: str) -> None:
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    sidecar = "initContainers: [{name: i, image: x, resources: {requests: {cpu: 700m}}}]"
    objects = [
        workload("Deployment", pods(own, "{cpu: 500m}", labels="{app: deployed}"), 2),
        workload(
            "StatefulSet",
            pods(own, "{cpu: 100m, memory: 1Gi}", f"{{{sidecar}}}", "{app: stateful}"),
            serviceName="x",
            podManagementPolicy="Parallel",
            volumeClaimTemplates=[claim],
        ),
        workload("DaemonSet", pods(own, "{memory: 64Mi}", labels="{app: everywhere}")),
    ]
    demand = expand(objects, namespace, read(api).nodes)

    for obj in objects:
        cluster.apply(obj, namespace)
    settled(cluster, namespace, 5)

    assert there_of(cluster, namespace, demand) == made_of(demand)
    assert claims_there(cluster, namespace) == claims_planned(demand, api)


def template(asks: str) -> Object:
    return {"spec": {"containers": [{"name": "ray", "image": IMAGE, "resources": yaml.safe_load(asks)}]}}


@pytest.mark.parametrize("scales", [True, False])
def test_kuberay_makes_what_is_planned(cluster: Cluster, api: Api, namespace: str, scales: bool) -> None:
    operator(cluster, "rayclusters.ray.io")
    group = {"groupName": "small", "replicas": 1, "minReplicas": 2, "maxReplicas": 4, "rayStartParams": {}}
    obj = {
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": {"name": "ml"},
        "spec": {
            "rayVersion": "2.52.0",
            "enableInTreeAutoscaling": scales,
            "headGroupSpec": {"rayStartParams": {}, "template": template("{requests: {cpu: 10m, memory: 20Mi}}")},
            "workerGroupSpecs": [{**group, "template": template("{limits: {cpu: 20m, memory: 30Mi}}")}],
        },
    }
    demand = expand([obj], namespace)

    cluster.told("POST", RAY_CLUSTERS.path(namespace), obj)
    until(lambda: len(cluster.every("Pod", namespace)) >= 3, awaited="three pods of Ray", within=90, every=0.5)
    there = there_of(cluster, namespace, demand)
    cluster.told("DELETE", RAY_CLUSTERS.path(namespace, "ml"))

    assert there == made_of(demand)
    assert sum(pod.when is When.MOST for pod in demand.pods) == (2 if scales else 0)


def test_cloudnativepg_makes_what_is_planned(
    cluster: Cluster, api: Api, namespace: str, apply: Callable[[str], list[Object]]
) -> None:
    operator(cluster, "clusters.postgresql.cnpg.io")
    spec = {
        "instances": 2,
        **image(cluster),
        "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}},
        "storage": {"size": "128Mi"},
        "walStorage": {"size": "96Mi", "storageClass": "standard"},
    }
    meta = {"name": "pg"}
    obj = {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": meta, "spec": spec}
    demand = expand([obj], namespace)

    cluster.apply(obj, namespace)
    cluster.wait("Cluster", "status.readyInstances == `2`", name="pg", namespace=namespace, within=240)
    jobs = {one["metadata"]["name"] for one in cluster.every("Pod", namespace) if one["status"]["phase"] == "Succeeded"}
    there = [one for one in there_of(cluster, namespace, demand) if one[0] not in jobs]

    assert there == made_of(demand)
    assert claims_there(cluster, namespace) == claims_planned(demand, api)


ELASTIC = (
    Kind("elasticsearch.k8s.elastic.co", "v1", "elasticsearches", "Elasticsearch", True),
    Kind("kibana.k8s.elastic.co", "v1", "kibanas", "Kibana", True),
)
CONTAINED = "{spec: {containers: [{name: %s, resources: %s}]}}"


@pytest.mark.parametrize("keystore", [False, True])
def test_eck_makes_what_is_planned(cluster: Cluster, api: Api, namespace: str, keystore: bool) -> None:
    operator(cluster, "elasticsearches.elasticsearch.k8s.elastic.co")
    claim = {
        "metadata": {"name": "elasticsearch-data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "96Mi"}}},
    }
    small = yaml.safe_load(CONTAINED % ("elasticsearch", "{requests: {cpu: 20m, memory: 30Mi}, limits: {cpu: 90m}}"))
    small["spec"]["initContainers"] = [{"name": "own", "image": IMAGE, "command": ["true"]}]
    settings = {"secureSettings": [{"secretName": "kept"}]} if keystore else {}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "kept"}, "stringData": {"a.b": "c"}}
    cluster.apply(secret, namespace)
    sets = [
        {"name": "plain", "count": 1},
        {"name": "small", "count": 2, "podTemplate": small, "volumeClaimTemplates": [claim]},
    ]
    limited = yaml.safe_load(CONTAINED % ("kibana", "{limits: {cpu: 30m, memory: 50Mi}}"))
    specs = (
        {"version": "8.17.0", "nodeSets": sets, **settings},
        {"version": "8.17.0", "count": 2, "podTemplate": limited, **settings},
    )
    objects = [
        {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": "there"}, "spec": spec}
        for kind, spec in zip(ELASTIC, specs, strict=True)
    ]
    demand = expand(objects, namespace)
    planned = made_of(demand)

    for kind, obj in zip(ELASTIC, objects, strict=True):
        cluster.told("POST", kind.path(namespace), obj)
    until(lambda: len(cluster.every("Pod", namespace)) >= len(planned), awaited="all pods", within=90, every=0.5)
    there, inside = there_of(cluster, namespace, demand), inside_of(cluster.every("Pod", namespace))
    claims = claims_there(cluster, namespace)
    for kind in ELASTIC:
        cluster.told("DELETE", kind.path(namespace, "there"))

    assert there == planned
    assert len(planned) == 5
    assert claims == claims_planned(demand, api)
    assert inside == inside_of([{"spec": pod.spec} for pod in demand.pods if pod.when is When.REST])


Asked = tuple[str, list[tuple[str, float]], list[tuple[str, float]]]


def inside_of(made: list[Object]) -> list[list[Asked]]:
    """Of each pod its containers, init containers first, with requests (a limit alone is one) and limits."""

    def asked(container: Object) -> Asked:
        sides = container.get("resources", {})
        limits = {key: amount(value) for key, value in sides.get("limits", {}).items()}
        requests = {**limits, **{key: amount(value) for key, value in sides.get("requests", {}).items()}}
        return container["name"], sorted(requests.items()), sorted(limits.items())

    return sorted(
        [asked(c) for key in ("initContainers", "containers") for c in pod["spec"].get(key, ())] for pod in made
    )


def test_argo_cd_has_the_pods_that_are_planned_of_its_workloads(cluster: Cluster) -> None:
    kinds = ("Deployment", "StatefulSet", "DaemonSet")
    space = "argocd"
    if not (own := [one for kind in kinds for one in cluster.every(kind, space)]):
        pytest.skip("the cluster has no Argo CD")

    demand = expand([one | {"status": {}} for one in own], space)

    assert there_of(cluster, space, demand) == made_of(demand)
    assert len(demand.pods) >= 4
    assert claims_there(cluster, space) == {}
