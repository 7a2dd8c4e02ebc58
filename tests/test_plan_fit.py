"""Whether a plan fits: each reason why it does not, with the pod and by how much; and no alarm where it does."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import pytest
import yaml

from gonogo.cluster.plan.board import Load
from gonogo.cluster.plan.findings import PlanFinding, Weight
from gonogo.cluster.plan.fit import Fit, Part, fit
from gonogo.cluster.plan.ground import Ground

GI = 1024**3
BIG = {"cpu": "8", "memory": "16Gi", "pods": "110", "ephemeral-storage": "100Gi"}
CLASS = {
    "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "disk.example",
}


def node(name: str, labels: str = "{}", **more: Any) -> dict[str, Any]:
    whole = {**BIG, **more.pop("has", {})}
    given = {"kubernetes.io/hostname": name, **yaml.safe_load(labels)}
    return {"metadata": {"name": name, "labels": given}, "spec": more, "status": {"allocatable": whole}}


def running(name: str, on: str, labels: str = "{}", spec: str = "{}", owner: str = "", **asks: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": "others", "labels": yaml.safe_load(labels)}
    if owner:
        kind, _, called = owner.partition(" ")
        meta["ownerReferences"] = [{"kind": kind, "name": called, "controller": True}]
    containers = [{"name": "c", "resources": {"requests": asks}}]
    return {"metadata": meta, "spec": {"nodeName": on, "containers": containers, **yaml.safe_load(spec)}}


def pod(asks: str = "{cpu: 1}", more: str = "{}", labels: str = "{app: web}") -> dict[str, Any]:
    """A pod's template."""
    spec = {"containers": [{"name": "c", "resources": {"requests": yaml.safe_load(asks)}}], **yaml.safe_load(more)}
    return {"metadata": {"labels": yaml.safe_load(labels)}, "spec": spec}


def workload(kind: str = "Deployment", name: str = "web", replicas: int = 1, **more: Any) -> dict[str, Any]:
    template = more.pop("template", None) or pod()
    spec = {"replicas": replicas, "strategy": {"type": "Recreate"}, "template": template, **more}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def stateful(size: str = "10Gi", storage: str = "", replicas: int = 1, name: str = "db") -> dict[str, Any]:
    named = {"storageClassName": storage} if storage else {}
    claim = {"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": size}}, **named}}
    return workload("StatefulSet", name, replicas, volumeClaimTemplates=[claim])


def job(asks: str, **notes: str) -> dict[str, Any]:
    template = pod(asks)
    meta = {"name": "load", "annotations": {key.replace("_", "/"): value for key, value in notes.items()}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {"template": template}}


def volume(name: str, size: str, where: str = "", kind: str = "local", **more: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {"capacity": {"storage": size}, "storageClassName": kind, "accessModes": ["ReadWriteOnce"]}
    if where:
        key, value = where.split("=")
        terms = [{"matchExpressions": [{"key": key, "operator": "In", "values": [value]}]}]
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": terms}}
    return {"metadata": {"name": name}, "spec": {**spec, **more}, "status": {"phase": "Available"}}


def limits(kind: str, **rules: Any) -> dict[str, Any]:
    return {"metadata": {"name": "range", "namespace": "ns"}, "spec": {"limits": [{"type": kind, **rules}]}}


def quota(used: str = "{}", more: str = "{}", **hard: str) -> dict[str, Any]:
    told = {key.replace("__", "/").replace("_", "."): value for key, value in hard.items()}
    status = {"hard": told, "used": {key.replace("__", "/"): value for key, value in yaml.safe_load(used).items()}}
    return {
        "metadata": {"name": "q", "namespace": "ns"},
        "spec": {"hard": told, **yaml.safe_load(more)},
        "status": status,
    }


def planned(*objects: Any, **ground: Any) -> Fit:
    """A plan of one component in namespace ``ns``; two large nodes and a default class unless told."""
    told = {"nodes": (node("a"), node("b")), "classes": (CLASS,), **ground}
    return fit([Part(component="shop", what="release shop", namespace="ns", objects=objects)], Ground(**told))


def serious(found: Fit) -> list[PlanFinding]:
    """The findings, but that of a cluster of one node."""
    return [one for one in found.findings if one.cause != "node_lost"]


RULE = "requiredDuringSchedulingIgnoredDuringExecution"
MEANT = "{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: %s}}}"
APART = f"affinity: {{podAntiAffinity: {{{RULE}: [{MEANT}]}}}}"
NEAR = APART.replace("podAntiAffinity", "podAffinity")
LOCAL = {"metadata": {"name": "local"}, "provisioner": "kubernetes.io/no-provisioner"}
SPREAD = "topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, labelSelector: {matchLabels: {app: web}}}]"
SCALER = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "web"},
    "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 40},
}


class Why(NamedTuple):
    """What is planned and found, and the one finding: its cause, its subject, and the amount by which it is so."""

    objects: tuple[Any, ...]
    ground: dict[str, Any]
    cause: str
    subject: str
    says: str
    stage: str = "rest"
    weight: Weight = Weight.PROBLEM


ONE = (node("a"),)
REASONS: dict[str, Why] = {
    "cpu": Why(
        (workload(template=pod("{cpu: 6}")),),
        {"nodes": ONE, "pods": (running("x", "a", cpu="3"),)},
        "cpu",
        "ns/web-*-*",
        "asks cpu 6, the node has 5 left of 8 (a): 1 too little",
    ),
    "memory": Why(
        (workload(template=pod("{memory: 64Gi}")),),
        {"pods": (running("x", "a", memory="3.9Gi"), running("y", "b", memory="8Gi"))},
        "memory",
        "ns/web-*-*",
        "asks memory 64.0 GiB, the roomiest node has 12.1 GiB left of 16.0 GiB (a): 51.9 GiB too little",
    ),
    "memory of an init container": Why(
        (
            workload(
                template=pod("{memory: 1Gi}", "initContainers: [{name: i, resources: {requests: {memory: 20Gi}}}]")
            ),
        ),
        {},
        "memory",
        "ns/web-*-*",
        "4.0 GiB too little",
    ),
    "memory of a limit alone": Why(
        (workload(template=pod("{}", "containers: [{name: c, resources: {limits: {memory: 17Gi}}}]")),),
        {},
        "memory",
        "ns/web-*-*",
        "1.0 GiB too little",
    ),
    "overhead": Why(
        (workload(template=pod("{cpu: 8}", "overhead: {cpu: 250m}")),), {}, "cpu", "ns/web-*-*", "0.25 too little"
    ),
    "ephemeral storage": Why(
        (workload(template=pod("{ephemeral-storage: 120Gi}")),),
        {},
        "ephemeral-storage",
        "ns/web-*-*",
        "20.0 GiB too little",
    ),
    "a resource that no node has": Why(
        (workload(template=pod("{nvidia.com/gpu: 1}")),),
        {},
        "nvidia.com/gpu",
        "ns/web-*-*",
        "has 0 left of 0 (a): 1 too little",
    ),
    "pods per node": Why(
        (workload(),),
        {"nodes": (node("a", has={"pods": "1"}),), "pods": (running("x", "a"),)},
        "pods",
        "ns/web-*-*",
        "node a has 1 pods, and no more may be there",
    ),
    "pods per node, all of them": Why(
        (workload(replicas=7, template=pod("{}")),),
        {"nodes": (node("a", has={"pods": "3"}), node("b", has={"pods": "3"}))},
        "pods",
        "ns/web-*-*",
        "7 pods are planned, the 2 nodes have room for 6: 1 too many",
    ),
    "no node large enough, though all have enough together": Why(
        (workload(replicas=3, template=pod("{cpu: 3}")),),
        {"nodes": (node("a", has={"cpu": "5"}), node("b", has={"cpu": "5"}))},
        "cpu",
        "ns/web-*-*",
        "3 pods of cpu 3 and more are planned, the 2 nodes have room for 2: 1 too many",
    ),
    "too much in all": Why(
        (
            workload(name="one", replicas=2, template=pod("{memory: 9Gi}")),
            workload(name="two", replicas=2, template=pod("{memory: 7.5Gi}")),
        ),
        {},
        "memory",
        "ns/one-*-*",
        "4 pods ask memory 33.0 GiB, the 2 nodes have 32.0 GiB left: 1.0 GiB too little",
    ),
    "taint": Why(
        (workload(),),
        {"nodes": (node("a", taints=[{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]),)},
        "taint",
        "ns/web-*-*",
        "node a: has the taint gpu=yes:NoSchedule, not tolerated",
    ),
    "taint of a node that is not ready": Why(
        (workload(),),
        {"nodes": (node("a", taints=[{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]),)},
        "taint",
        "ns/web-*-*",
        "node.kubernetes.io/not-ready:NoSchedule",
    ),
    "cordoned": Why(
        (workload(),), {"nodes": (node("a", unschedulable=True),)}, "cordoned", "ns/web-*-*", "is cordoned"
    ),
    "selector": Why(
        (workload(template=pod(more="nodeSelector: {pool: data}")),),
        {"nodes": (node("a", "{pool: web}"),)},
        "node_selector",
        "ns/web-*-*",
        "node a: lacks the label pool=data, it has web",
    ),
    "node affinity": Why(
        (
            workload(
                template=pod(
                    more=f"affinity: {{nodeAffinity: {{{RULE}: {{nodeSelectorTerms:"
                    " [{matchExpressions: [{key: cores, operator: Gt, values: ['16']}]}]}}}"
                )
            ),
        ),
        {"nodes": (node("a", "{cores: '8'}"),)},
        "node_affinity",
        "ns/web-*-*",
        "does not meet the required node affinity",
    ),
    "apart from one another": Why(
        (workload(replicas=3, template=pod(more=APART % "web")),),
        {},
        "anti_affinity",
        "ns/web-*-*",
        "3 pods must be on different kubernetes.io/hostname, the nodes that take them have 2: 1 too many",
    ),
    "apart from what runs there": Why(
        (workload(template=pod(more=(APART % "noisy").replace("topologyKey", "namespaces: [others], topologyKey"))),),
        {"nodes": ONE, "pods": (running("x", "a", "{app: noisy}"),)},
        "anti_affinity",
        "ns/web-*-*",
        "a pod that it must be apart from is within the same kubernetes.io/hostname",
    ),
    "what runs there wants to be apart": Why(
        (workload(),),
        {
            "nodes": ONE,
            "pods": (
                running("x", "a", spec=(APART % "web").replace("topologyKey", "namespaceSelector: {}, topologyKey")),
            ),
        },
        "anti_affinity",
        "ns/web-*-*",
        "a pod that runs there wants none like it within its kubernetes.io/hostname",
    ),
    "near to what is not there": Why(
        (workload(template=pod(more=NEAR % "cache")),),
        {"nodes": ONE},
        "pod_affinity",
        "ns/web-*-*",
        "no pod that it must be near is within the same kubernetes.io/hostname",
    ),
    "spread": Why(
        (workload(replicas=5, template=pod("{cpu: 1}", SPREAD)),),
        {"nodes": (node("a", "{zone: one}", has={"cpu": "1"}), node("b", "{zone: two}"))},
        "spread",
        "ns/web-*-*",
        "there is room for 3 that way, as one has room for 1: 2 too many",
    ),
    "host port": Why(
        (workload(template=pod(more="containers: [{name: c, ports: [{containerPort: 80, hostPort: 8080}]}]")),),
        {"nodes": ONE, "pods": (running("x", "a", spec="containers: [{name: c, ports: [{hostPort: 8080}]}]"),)},
        "port",
        "ns/web-*-*",
        "host port 8080/TCP is taken",
    ),
    "zone of a volume": Why(
        (stateful(),),
        {
            "nodes": (node("a", "{zone: one}", unschedulable=True), node("b", "{zone: two}")),
            "claims": ({"metadata": {"name": "data-db-0", "namespace": "ns"}, "spec": {"volumeName": "v"}},),
            "volumes": (volume("v", "10Gi", "zone=one"),),
        },
        "volume",
        "ns/db-0",
        "node b: volume of claim data-db-0 is elsewhere (of the other nodes: 1 cordoned)",
    ),
    "local volumes are too small": Why(
        (stateful("100Gi", "local"),),
        {
            "nodes": ONE,
            "classes": (LOCAL,),
            "volumes": (
                volume("v", "30Gi", "kubernetes.io/hostname=a"),
                volume("w", "90Gi", "kubernetes.io/hostname=a"),
            ),
        },
        "volume",
        "ns/db-0",
        "claim data-db-0 asks 100.0 GiB of class local, the largest free volume has 90.0 GiB",
    ),
    "local volumes are too few": Why(
        (stateful("10Gi", "local", replicas=3),),
        {"classes": (LOCAL,), "volumes": (volume("v", "30Gi"), volume("w", "90Gi"))},
        "volume",
        "ns/db-2",
        "3 claims ask 10.0 GiB and more of class local, 2 free volumes are large enough: 1 too few",
    ),
    "class that makes no volumes there": Why(
        (stateful(storage="zoned"),),
        {
            "nodes": (node("a", "{zone: one}"),),
            "classes": (
                {
                    "metadata": {"name": "zoned"},
                    "provisioner": "disk.example",
                    "allowedTopologies": [{"matchLabelExpressions": [{"key": "zone", "values": ["two"]}]}],
                },
            ),
        },
        "volume",
        "ns/db-0",
        "class zoned makes no volumes there",
    ),
    "capacity of a storage": Why(
        (stateful("100Gi"),),
        {
            "nodes": ONE,
            "drivers": ({"metadata": {"name": "disk.example"}, "spec": {"storageCapacity": True}},),
            "capacities": ({"storageClassName": "standard", "nodeTopology": {}, "capacity": "80Gi"},),
        },
        "volume",
        "ns/db-0",
        "claim data-db-0 asks 100.0 GiB, 80.0 GiB is left of class standard, 20.0 GiB too little",
    ),
    "class missing": Why(
        (stateful(storage="fast"),), {}, "class_missing", "ns/data-db-0", "there is no storage class fast", ""
    ),
    "no default class": Why(
        (stateful(),),
        {"classes": (LOCAL,)},
        "class_missing",
        "ns/data-db-0",
        "none is the default; there are: local",
        "",
    ),
    "claim missing": Why(
        (workload(template=pod(more="volumes: [{name: d, persistentVolumeClaim: {claimName: old}}]")),),
        {},
        "claim_missing",
        "ns/web-*-*",
        "it mounts claim old, which is not there and nobody makes",
        "",
    ),
    "priority missing": Why(
        (workload(template=pod(more="priorityClassName: high")),),
        {},
        "priority_missing",
        "ns/web-*-*",
        "there is no priority class high",
        "",
    ),
    "quota of cpu": Why(
        (workload(replicas=3),),
        {"quotas": (quota("{requests.cpu: '2'}", requests_cpu="4"),)},
        "quota",
        "ns/web-*-*",
        "quota ns/q: 3 more requests.cpu is asked for, 2 of 4 is left: 1 too much",
    ),
    "quota of memory limits": Why(
        (workload(template=pod(more="containers: [{name: c, resources: {limits: {memory: 3Gi}}}]")),),
        {"quotas": (quota(limits_memory="2Gi"),)},
        "quota",
        "ns/web-*-*",
        "1.0 GiB too much",
    ),
    "quota of pods": Why(
        (workload(replicas=3),),
        {"quotas": (quota(pods="2"),)},
        "quota",
        "ns/web-*-*",
        "3 more pods is asked for, 2 of 2",
    ),
    "quota of storage": Why(
        (stateful("10Gi", replicas=2),),
        {"quotas": (quota(requests_storage="15Gi"),)},
        "quota",
        "ns/data-db-1",
        "20.0 GiB more requests.storage is asked for, 15.0 GiB of 15.0 GiB is left: 5.0 GiB too much",
    ),
    "quota of a class": Why(
        (stateful("10Gi"),),
        {"quotas": (quota(standard_storageclass_storage_k8s_io__requests_storage="4Gi"),)},
        "quota",
        "ns/data-db-0",
        "6.0 GiB too much",
    ),
    "quota of objects": Why(
        (workload(), workload(name="web2")),
        {"quotas": (quota(count__deployments_apps="1"),)},
        "quota",
        "ns/deployments.apps",
        "1 too much",
    ),
    "quota that wants limits of everyone": Why(
        (workload(),),
        {"quotas": (quota(limits_cpu="100"),)},
        "quota",
        "ns/web-*-*",
        "container c says no limits.cpu, quota q wants it of every container",
    ),
    "LimitRange, most of a container": Why(
        (workload(template=pod("{memory: 4Gi}")),),
        {"limits": (limits("Container", max={"memory": "2Gi"}),)},
        "limit_range",
        "ns/web-*-*",
        "container c may take 4.0 GiB memory, the LimitRange allows 2Gi: 2.0 GiB too much",
        "",
    ),
    "LimitRange, least of a container": Why(
        (workload(template=pod("{cpu: 10m}")),),
        {"limits": (limits("Container", min={"cpu": "100m"}),)},
        "limit_range",
        "ns/web-*-*",
        "container c asks 0.01 cpu, the LimitRange wants at least 100m",
        "",
    ),
    "LimitRange, most of a pod": Why(
        (workload(template=pod("{cpu: 3}")),),
        {"limits": (limits("Pod", max={"cpu": "2"}),)},
        "limit_range",
        "ns/web-*-*",
        "the pod may take 3 cpu, the LimitRange allows 2: 1 too much",
        "",
    ),
    "LimitRange, size of a claim": Why(
        (stateful("10Gi"),),
        {"limits": (limits("PersistentVolumeClaim", max={"storage": "5Gi"}),)},
        "limit_range",
        "ns/data-db-0",
        "asks 10.0 GiB, the LimitRange allows at most 5Gi: 5.0 GiB too much",
        "",
    ),
    "LimitRange, a default that is too much": Why(
        (workload(template=pod("{}")),),
        {"nodes": ONE, "limits": (limits("Container", default={"memory": "20Gi"}, defaultRequest={"memory": "20Gi"}),)},
        "memory",
        "ns/web-*-*",
        "4.0 GiB too little",
    ),
    "LimitRange, a limit by default below the request": Why(
        (workload(template=pod("{cpu: 2}")),),
        {"limits": (limits("Container", default={"cpu": "1"}),)},
        "limit_range",
        "ns/web-*-*",
        "container c asks 2 cpu, more than its limit, 1",
        "",
    ),
    "autoscaler's maximum": Why(
        (workload(), SCALER),
        {},
        "cpu",
        "ns/web-*-*",
        "40 pods of cpu 1 and more are planned, the 2 nodes have room for 16: 24 too many, at the autoscaler's maximum",
        "most",
    ),
    "a Job's peak": Why(
        (workload(replicas=2, template=pod("{cpu: 5}")), job("{cpu: 4}")),
        {},
        "cpu",
        "ns/load-*",
        "3 left of 8 (a): 1 too little, with the others in their places (every way to place all was tried)",
        "passing",
    ),
    "a hook's peak": Why(
        (workload(replicas=2, template=pod("{cpu: 5}")), job("{cpu: 4}", **{"helm.sh_hook": "post-install"})),
        {},
        "cpu",
        "ns/load-*",
        "3 left of 8 (a): 1 too little, with the others in their places (every way to place all was tried)",
        "passing",
    ),
    "a DaemonSet on a full node": Why(
        (workload("DaemonSet", "log"),),
        {"pods": (running("x", "b", cpu="7.5"),)},
        "cpu",
        "ns/log-*",
        "asks cpu 1, the node has 0.5 left of 8 (b): 0.5 too little",
    ),
    "surge of an update": Why(
        (workload(replicas=2, template=pod("{cpu: 8}"), strategy={"rollingUpdate": {"maxSurge": 1}}),),
        {},
        "cpu",
        "ns/web-*-*",
        "1 too many, more in an update",
        "update",
        Weight.WARNING,
    ),
    "one node lost": Why(
        (workload(replicas=2, template=pod("{cpu: 5}")),),
        {},
        "cpu",
        "ns/web-*-*",
        "1 too many, once node a is lost",
        "lost",
        Weight.WARNING,
    ),
    "one node lost, with what runs there": Why(
        (workload(template=pod("{cpu: 5}")),),
        {"pods": (running("x", "a", owner="ReplicaSet x", cpu="4"), running("log", "b", owner="DaemonSet l"))},
        "cpu",
        "ns/web-*-*",
        "2 pods ask cpu 9, node b has 8 left: 1 too little, once node a is lost",
        "lost",
        Weight.WARNING,
    ),
    "a kind that nobody knows": Why(
        ({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t"}},),
        {},
        "kind",
        "Thing.example.com ns/t",
        "nobody here knows what pods its operator makes of it",
        "",
        Weight.UNKNOWN,
    ),
    "nodes that may not be listed": Why(
        (workload(),),
        {"nodes": (), "unseen": {"nodes": "may not list nodes"}},
        "rights",
        "nodes",
        "whether there is room is not known: may not list nodes",
        "",
        Weight.UNKNOWN,
    ),
}


@pytest.mark.parametrize("name", REASONS)
def test_each_reason_is_found_with_the_pod_and_by_how_much(name: str) -> None:
    why = REASONS[name]

    found = planned(*why.objects, **why.ground)

    told = [(one.weight, one.cause, one.subject, one.stage) for one in serious(found)]
    assert (why.weight, why.cause, why.subject, why.stage) in told
    (finding,) = [one for one in serious(found) if (one.cause, one.stage) == (why.cause, why.stage)]
    assert why.says in finding.message
    assert finding.component == ("shop" if why.cause != "rights" else "")
    assert found.fits is {Weight.PROBLEM: False, Weight.UNKNOWN: None, Weight.WARNING: True}[why.weight]


@pytest.mark.parametrize("name", REASONS)
def test_nothing_else_is_found_beside_the_reason(name: str) -> None:
    why = REASONS[name]

    found = [one for one in serious(planned(*why.objects, **why.ground)) if one.stage != "lost" or why.stage == "lost"]

    assert [one for one in found if one.cause != why.cause] == []


FITS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "exactly": ((workload(replicas=16),), {}),
    "a taint that is tolerated": (
        (workload(template=pod(more="tolerations: [{key: gpu, operator: Exists}]")),),
        {"nodes": (node("a", taints=[{"key": "gpu", "effect": "NoSchedule"}]),)},
    ),
    "a taint that is only preferred": (
        (workload(),),
        {"nodes": (node("a", taints=[{"key": "gpu", "effect": "PreferNoSchedule"}]),)},
    ),
    "nothing asked for on a node that is full": (
        (workload(template=pod("{}")),),
        {"nodes": ONE, "pods": (running("x", "a", cpu="9", memory="20Gi"),)},
    ),
    "pods that have ended take nothing": (
        (workload(template=pod("{cpu: 8}")),),
        {"nodes": ONE, "pods": ({**running("x", "a", cpu="8"), "status": {"phase": "Succeeded"}},)},
    ),
    "near to what is planned too": (
        (workload(template=pod(more=NEAR % "cache")), workload(name="cache", template=pod(labels="{app: cache}"))),
        {},
    ),
    "near to itself, the first of its kind": ((workload(replicas=2, template=pod(more=NEAR % "web")),), {}),
    "spread evenly": (
        (workload(replicas=5, template=pod("{cpu: 1}", SPREAD)),),
        {"nodes": (node("a", "{zone: one}", has={"cpu": "2"}), node("b", "{zone: two}"))},
    ),
    "local volumes, each for one": (
        (stateful("20Gi", "local", replicas=2),),
        {"classes": (LOCAL,), "volumes": (volume("v", "30Gi"), volume("w", "90Gi"))},
    ),
    "a volume of a class that is not there": (
        (stateful("20Gi", "gone"),),
        {"volumes": (volume("v", "30Gi", kind="gone"),)},
    ),
    "a quota of other pods": (
        (workload(),),
        {"quotas": (quota(more="scopes: [Terminating]", requests_cpu="0"),)},
    ),
    "a quota of a namespace of others": (
        (workload(),),
        {"quotas": ({**quota(pods="0"), "metadata": {"name": "q", "namespace": "others"}},)},
    ),
    "a LimitRange that gives what a quota wants": (
        (workload(),),
        {"quotas": (quota(limits_cpu="100"),), "limits": (limits("Container", default={"cpu": "2"}),)},
    ),
    "a hook before the others are there": (
        (workload(replicas=2, template=pod("{cpu: 7}")), job("{cpu: 8}", **{"helm.sh_hook": "pre-install"})),
        {},
    ),
    "a class of the plan's own": (
        (
            stateful(storage="own"),
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {"name": "own"},
                "provisioner": "disk.example",
            },
        ),
        {},
    ),
    "what is there already": (
        (stateful("10Gi", replicas=2),),
        {
            "nodes": ONE,
            "pods": (
                *({**running("", "a", cpu="1"), "metadata": {"name": f"db-{n}", "namespace": "ns"}} for n in range(2)),
                running("x", "a", cpu="6"),
            ),
            "quotas": (quota("{pods: '2'}", pods="2"),),
        },
    ),
}


@pytest.mark.parametrize("name", FITS)
def test_what_fits_gives_no_alarm(name: str) -> None:
    objects, ground = FITS[name]

    found = planned(*objects, **ground)

    assert [one for one in found.findings if one.weight is not Weight.WARNING] == []
    assert found.fits is True


def test_what_is_there_is_counted() -> None:
    objects, ground = FITS["what is there already"]

    (share,) = planned(*objects, **ground).shares

    assert (share.rest.pods, share.found) == (2, 2)


def test_a_hook_of_a_later_release_runs_beside_the_earlier_ones() -> None:
    first = Part(component="one", what="", namespace="ns", objects=[workload(replicas=2, template=pod("{cpu: 7}"))])
    hook = job("{cpu: 8}", **{"helm.sh_hook": "pre-install"})
    later = Part(component="two", what="", namespace="ns", objects=[hook])
    ground = Ground(nodes=(node("a"), node("b")))

    found = {order: fit(parts, ground) for order, parts in (("after", (first, later)), ("before", (later, first)))}

    assert [(one.component, one.stage) for one in serious(found["after"]) if one.stage == "passing"] == [
        ("two", "passing")
    ]
    assert [one.stage for one in serious(found["before"]) if one.stage == "passing"] == []


def test_sums_are_told_at_rest_and_at_most_and_disks_by_class() -> None:
    scaler = {**SCALER, "spec": {**SCALER["spec"], "maxReplicas": 3}}  # type: ignore[dict-item]

    (share,) = planned(
        workload(template=pod("{cpu: 500m, memory: 1Gi}")), scaler, stateful("10Gi"), stateful("1Gi", "fast", 2, "x")
    ).shares

    assert share.rest == (4, 3.5, GI, 0)
    assert share.most == (6, 4.5, 3 * GI, 0)
    assert share.disk == {"standard": 10 * GI, "fast": 2 * GI}


def test_without_a_cluster_it_is_told_what_would_be_there_and_that_nobody_knows_whether_it_fits() -> None:
    found = fit([Part(component="shop", what="", namespace="ns", objects=[workload(replicas=3)])], None)

    assert (found.fits, found.shares[0].rest.pods) == (None, 3)
    assert [one.cause for one in found.findings] == ["cluster"]


def test_a_plan_that_fits_in_a_clever_order_alone_is_a_warning() -> None:
    """First the small ones, spread: then no node is left for the large one, as the scheduler may find out."""
    small = workload(name="small", replicas=2, template=pod("{cpu: 2}"))
    large = workload(name="large", template=pod("{cpu: 8}"))

    found = planned(small, large)

    assert found.fits is True
    assert [(one.weight, one.cause) for one in found.findings if one.stage == "rest"] == [(Weight.WARNING, "tight")]


def test_where_nothing_is_proved_nothing_is_claimed() -> None:
    """More pods than are tried in all ways, which no count rules out, and for which no order is found."""
    sizes = ("5", "4", "4", "3", "3", "3", "2", "2")
    objects = [
        workload(name=f"w{n}", replicas=2, template=pod(f"{{cpu: {size}, memory: 1Gi}}"))
        for n, size in enumerate(sizes)
    ]
    nodes = (*(node(f"n{n}", has={"cpu": "7"}) for n in range(7)), node("o", has={"cpu": "3"}))

    found = planned(*objects, nodes=nodes)

    weights = {one.weight for one in found.findings if one.stage == "rest"}
    assert Weight.PROBLEM not in weights


@pytest.mark.parametrize("seed", range(60))
def test_small_clusters_are_judged_as_trying_every_way_does(seed: int) -> None:
    """Random small plans: what is said to fit has a way, what is said not to fit has none."""
    chance = random.Random(seed)
    nodes = tuple(
        node(f"n{n}", f"{{zone: z{n % 2}}}", has={"cpu": str(chance.randint(2, 6)), "pods": str(chance.randint(2, 4))})
        for n in range(3)
    )
    sizes = [chance.randint(1, 4) for _ in range(chance.randint(2, 5))]
    apart = chance.random() < 0.3
    objects = [
        workload(name=f"w{n}", template=pod(f"{{cpu: {size}}}", APART % "web" if apart else "{}"))
        for n, size in enumerate(sizes)
    ]

    found = planned(*objects, nodes=nodes)

    rest = [one for one in found.findings if one.stage == "rest" and one.weight is not Weight.WARNING]
    assert (rest == []) is _any_way(sizes, [one["status"]["allocatable"] for one in nodes], apart=apart)


def _any_way(sizes: list[int], nodes: list[Any], *, apart: bool) -> bool:
    from itertools import product

    for way in product(range(len(nodes)), repeat=len(sizes)):
        cpu = [sum(size for size, at in zip(sizes, way, strict=True) if at == n) for n in range(len(nodes))]
        if any(used > int(one["cpu"]) for used, one in zip(cpu, nodes, strict=True)):
            continue
        counts = [way.count(n) for n in range(len(nodes))]
        if all(
            count <= int(one["pods"]) and (count < 2 or not apart) for count, one in zip(counts, nodes, strict=True)
        ):
            return True
    return False


@pytest.mark.parametrize("seed", range(40))
def test_pods_alike_are_judged_as_one_by_one(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random plans of several pods a workload, with an autoscaler: to ask once for all alike changes no answer."""
    chance = random.Random(seed)
    nodes = tuple(
        node(f"n{n}", f"{{zone: z{n % 2}}}", has={"cpu": str(chance.randint(1, 6)), "pods": str(chance.randint(2, 9))})
        for n in range(chance.randint(1, 4))
    )
    objects = [
        workload(
            name="web" if not n else f"w{n}",
            replicas=chance.randint(1, 6),
            template=pod(f"{{cpu: {chance.randint(1, 7)}}}", APART % "web" if chance.random() < 0.2 else "{}"),
        )
        for n in range(chance.randint(1, 4))
    ]
    scaler = {**SCALER, "spec": {**SCALER["spec"], "maxReplicas": chance.randint(1, 30)}}  # type: ignore[dict-item]
    together = planned(*objects, scaler, nodes=nodes)

    monkeypatch.setattr(
        Load, "__setattr__", lambda self, key, value: object.__setattr__(self, key, None if key == "alike" else value)
    )

    assert planned(*objects, scaler, nodes=nodes) == together


def test_a_maximum_beyond_all_bounds_is_told_as_any_other() -> None:
    scaler = {**SCALER, "spec": {**SCALER["spec"], "maxReplicas": 20_000}}  # type: ignore[dict-item]

    found = planned(workload(), scaler)

    told = [one.message for one in found.findings if one.stage == "most"]
    assert told == [
        "20000 pods of cpu 1 and more are planned, the 2 nodes have room for 16: 19984 too many, "
        "at the autoscaler's maximum"
    ]
