"""No object makes a judge raise, whatever it holds; what does not fit its kind is unknown, its field named."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import manifests as m
import msgspec
import pytest

from gonogo.cluster.judge import State, World, judge, shapes, tally
from gonogo.cluster.judge.shapes import SHAPES

WRONG: tuple[Any, ...] = (None, "", "text", 0, -1, 2.5, True, [], ["text"], {}, {"text": "text"})

APP = {"app": "shop"}
TEMPLATE = {"metadata": {"labels": APP}, "spec": {"containers": [{"name": "app", "image": "shop/app:1.0"}]}}
PROBE = {"initialDelaySeconds": 1, "periodSeconds": 5, "failureThreshold": 3, "timeoutSeconds": 1}
CLIENT = {"service": {"namespace": "data", "name": "shop"}, "caBundle": "Q0E="}


def samples() -> list[m.Object]:
    """One object of each kind with every field that is judged, none of them well."""
    workload = {"replicas": 2, "selector": {"matchLabels": APP}, "template": TEMPLATE}
    deployment = m.thing(
        "apps/v1",
        "Deployment",
        "shop",
        meta={"generation": 2},
        spec={**workload, "paused": False, "strategy": {"type": "RollingUpdate"}},
        status={
            "observedGeneration": 2,
            "replicas": 2,
            "updatedReplicas": 1,
            "availableReplicas": 0,
            "conditions": m.conditions(Progressing=("False", "ProgressDeadlineExceeded", "too late")),
        },
    )
    owned = m.thing("apps/v1", "ReplicaSet", "shop-a", owner=deployment, spec=workload, status={"replicas": 1})
    stuck = m.pod(
        "app-1",
        m.container(m.waiting("CrashLoopBackOff", "back-off"), restarts=4, last=m.ended(1)),
        m.container(m.running(20), name="slow", started=False),
        owner=owned,
        meta={"labels": APP},
        init=[m.container(m.ended(0, "Completed"), name="first"), m.container(m.running(), name="side")],
        spec={
            "restartPolicy": "Always",
            "readinessGates": [{"conditionType": "shop/ready"}],
            "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "files"}}],
            "initContainers": [{"name": "first"}, {"name": "side", "restartPolicy": "Always"}],
            "containers": [
                {"name": "app", "image": "shop/app:1.0", "env": [{"name": "DB", "value": "db:5432"}], "args": ["db"]},
                {"name": "slow", "startupProbe": PROBE, "readinessProbe": PROBE, "livenessProbe": PROBE},
            ],
        },
    )
    lack = "0/1 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {a: b}, affinity/selector."
    homeless = m.pod(
        "app-2",
        phase="Pending",
        scheduled=("False", "Unschedulable", lack),
        spec={
            "nodeSelector": {"disk": "fast"},
            "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoSchedule"}],
            "overhead": {"cpu": "1"},
            "initContainers": [{"name": "i", "resources": {"requests": {"cpu": "1"}}}],
            "containers": [{"name": "app", "resources": {"requests": {"cpu": "9"}, "limits": {"memory": "1Gi"}}}],
        },
    )
    job = m.thing(
        "batch/v1",
        "Job",
        "load",
        spec={"backoffLimit": 2, "completions": 3, "parallelism": 1, "suspend": False},
        status={"failed": 1, "active": 1, "succeeded": 1, "conditions": m.conditions(Failed="False")},
    )
    dead = m.pod("load-1", m.container(m.ended(1)), phase="Failed", owner=job, status={"reason": "", "message": ""})
    rule = {"host": "h", "http": {"paths": [{"path": "/", "backend": {"service": {"name": "shop"}}}]}}
    return [
        deployment,
        owned,
        stuck,
        homeless,
        job,
        dead,
        m.pod("gone", meta={"deletionTimestamp": m.ago(400), "finalizers": ["a/b"]}),
        m.event(stuck, "Unhealthy", "Startup probe failed: 503", path="spec.containers{slow}"),
        m.event(stuck, "FailedMount", 'secret "x" not found'),
        m.thing("apps/v1", "DaemonSet", "agent", spec=workload, status={"desiredNumberScheduled": 2, "numberReady": 1}),
        m.thing(
            "apps/v1",
            "StatefulSet",
            "db",
            spec={**workload, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}},
            status={"readyReplicas": 2, "replicas": 2, "currentRevision": "a", "updateRevision": "b"},
        ),
        m.thing("v1", "ReplicationController", "old", spec={"replicas": 1, "selector": APP}, status={"replicas": 0}),
        m.thing("batch/v1", "CronJob", "nightly", spec={"schedule": "0 0 * * *", "suspend": False}, status={}),
        m.thing(
            "v1",
            "PersistentVolumeClaim",
            "files",
            spec={"storageClassName": "fast", "resources": {"requests": {"storage": "1Gi"}}, "accessModes": ["RWO"]},
            status={"phase": "Pending", "capacity": {"storage": "1Gi"}, "conditions": m.conditions(Resizing="True")},
        ),
        m.thing(
            "v1",
            "PersistentVolume",
            "pv",
            namespace="",
            spec={"storageClassName": "slow", "claimRef": {"namespace": "data", "name": "files"}},
            status={"phase": "Released"},
        ),
        m.thing(
            "storage.k8s.io/v1",
            "StorageClass",
            "fast",
            namespace="",
            provisioner="p",
            volumeBindingMode="Immediate",
        ),
        m.thing(
            "v1",
            "Service",
            "shop",
            spec={"selector": APP, "type": "LoadBalancer", "ports": [{"port": 80, "targetPort": "http"}]},
            status={"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}},
        ),
        m.thing(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            "shop-x",
            meta={"labels": {"kubernetes.io/service-name": "shop"}},
            endpoints=[{"addresses": ["10.0.0.2"], "conditions": {"ready": False}}],
            ports=[{"name": "http", "port": 80}],
        ),
        m.thing(
            "networking.k8s.io/v1",
            "Ingress",
            "shop",
            spec={"ingressClassName": "c", "rules": [rule], "defaultBackend": {"service": {"name": "shop"}}},
            status={"loadBalancer": {}},
        ),
        m.thing(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            "things.example.org",
            namespace="",
            spec={
                "group": "example.org",
                "names": {"kind": "Thing", "plural": "things"},
                "conversion": {"strategy": "Webhook", "webhook": {"clientConfig": CLIENT}},
            },
            status={"conditions": m.conditions(NamesAccepted="True", Established="True")},
        ),
        m.thing(
            "apiregistration.k8s.io/v1",
            "APIService",
            "v1.example.org",
            namespace="",
            spec={"service": {"namespace": "data", "name": "shop"}},
            status={"conditions": m.conditions(Available=("False", "MissingEndpoints", "no endpoints"))},
        ),
        m.thing(
            "admissionregistration.k8s.io/v1",
            "ValidatingWebhookConfiguration",
            "guard",
            namespace="",
            webhooks=[{"name": "guard.example.org", "failurePolicy": "Fail", "clientConfig": CLIENT}],
        ),
        m.thing(
            "admissionregistration.k8s.io/v1",
            "MutatingWebhookConfiguration",
            "filler",
            namespace="",
            webhooks=[{"name": "filler.example.org", "failurePolicy": "Ignore", "clientConfig": CLIENT}],
        ),
        m.thing(
            "v1",
            "Namespace",
            "data",
            namespace="",
            meta={"deletionTimestamp": m.ago(400)},
            spec={"finalizers": ["kubernetes"]},
            status={"phase": "Terminating", "conditions": m.conditions(NamespaceContentRemaining="True")},
        ),
        m.node("node-1", labels=APP, spec={"unschedulable": True, "taints": [{"key": "k", "effect": "NoSchedule"}]}),
        m.thing(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "shop",
            spec={"scaleTargetRef": {"kind": "Deployment", "name": "shop"}, "minReplicas": 1},
            status={"observedGeneration": 1, "conditions": m.conditions(AbleToScale="True", ScalingActive="False")},
        ),
        m.thing(
            "policy/v1",
            "PodDisruptionBudget",
            "shop",
            meta={"generation": 1},
            status={"observedGeneration": 1, "currentHealthy": 1, "desiredHealthy": 2, "disruptionsAllowed": 0},
        ),
        m.thing("example.org/v1", "Thing", "one", spec={}, status={"conditions": m.conditions(Ready="False")}),
    ]


SAMPLES = samples()
NAMES = [f"{obj['kind']}/{obj['metadata']['name']}" for obj in SAMPLES]
ALL = sorted({*SHAPES, "IngressClass"})


def test_every_kind_with_a_shape_has_a_sample() -> None:
    assert set(SHAPES) <= {obj["kind"] for obj in SAMPLES}


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a value, itself first."""
    yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, found in inner:
        yield from paths(found, (*at, key))


def changed(obj: Any, at: tuple[Any, ...], value: Any) -> Any:
    """A copy that holds ``value`` there."""
    if not at:
        return value
    made = copy.deepcopy(obj)
    place = made
    for key in at[:-1]:
        place = place[key]
    place[at[-1]] = value
    return made


@pytest.mark.parametrize("number", range(len(SAMPLES)), ids=NAMES)
def test_no_value_in_any_place_makes_a_judge_raise(number: int) -> None:
    others = [obj for place, obj in enumerate(SAMPLES) if place != number]
    fitted = [shapes.shaped(obj) for obj in others]
    states = set()

    for at in paths(SAMPLES[number]):
        for value in WRONG:
            world = World.of([changed(SAMPLES[number], at, value)], shaped_objects=fitted, now=m.NOW, complete=ALL)
            states |= {row.state for row in judge(world)}
            assert tally(world).pods <= len(SAMPLES)

    assert State.UNKNOWN in states


@pytest.mark.parametrize("number", range(len(SAMPLES)), ids=NAMES)
def test_no_missing_field_makes_a_judge_raise(number: int) -> None:
    others = [shapes.shaped(obj) for place, obj in enumerate(SAMPLES) if place != number]
    judged = 0

    for at in paths(SAMPLES[number]):
        if at and isinstance(at[-1], str):
            obj = copy.deepcopy(SAMPLES[number])
            place = obj
            for key in at[:-1]:
                place = place[key]
            del place[at[-1]]
            judged += len(judge(World.of([obj], shaped_objects=others, now=m.NOW, complete=ALL)))

    assert judged > 0


@pytest.mark.parametrize(
    ("kind", "at", "value", "field"),
    [
        ("Deployment", ("spec", "replicas"), "two", "spec.replicas"),
        ("Deployment", ("status", "conditions"), {}, "status.conditions"),
        ("Pod", ("status",), "Running", "status"),
        ("Pod", ("status", "containerStatuses", 0, "restartCount"), "many", "status.containerStatuses[0].restartCount"),
        ("Pod", ("metadata", "labels"), ["app"], "metadata.labels"),
        ("Job", ("spec", "backoffLimit"), [], "spec.backoffLimit"),
        ("Service", ("spec", "selector"), "app=shop", "spec.selector"),
        ("Node", ("spec", "taints"), "none", "spec.taints"),
        ("Thing", ("metadata",), [], "metadata"),
        ("Pod", ("metadata", "name"), None, "metadata.name"),
        ("Pod", ("apiVersion",), None, "apiVersion"),
    ],
)
def test_the_field_that_does_not_fit_is_named(kind: str, at: tuple[Any, ...], value: Any, field: str) -> None:
    obj = changed(next(o for o in SAMPLES if o["kind"] == kind), at, value)

    [row] = judge(World.of([obj], now=m.NOW))

    assert (row.state, row.reason) == (State.UNKNOWN, "Malformed")
    assert row.message.startswith(f"{field}: ")
    assert row.kind == kind


@pytest.mark.parametrize("odd", [None, 5, "text", [], {}, {"kind": "Pod"}, {"kind": 1, "apiVersion": {}}], ids=repr)
def test_what_is_no_object_has_a_row_too(odd: Any) -> None:
    [row] = judge(World.of([odd], now=m.NOW))

    assert (row.state, row.reason) == (State.UNKNOWN, "Malformed")


def test_null_is_absent_and_a_time_may_be_one_that_a_reader_understood() -> None:
    obj = m.pod(ready=True, meta={"annotations": None, "creationTimestamp": m.NOW, "ownerReferences": None})

    assert m.row(obj).state is State.READY


# -- pages of lists, and objects of watches


def test_a_page_of_a_list_is_shaped_as_it_is_decoded() -> None:
    items = [{key: value for key, value in m.pod(ready=True).items() if key not in ("apiVersion", "kind")}]
    items[0]["metadata"]["managedFields"] = [{"manager": "kubelet"}]
    raw = msgspec.json.encode(
        {"metadata": {"resourceVersion": "7", "continue": "more", "remainingItemCount": 3}, "items": items}
    )

    page = shapes.page("v1", "Pod", raw)

    assert page[1:] == ("7", "more", 3)
    assert "managedFields" not in page.items[0]["metadata"]
    assert [row.state for row in judge(World.of(shaped_objects=page.items, now=m.NOW))] == [State.READY]


def test_one_object_that_does_not_fit_spoils_no_page() -> None:
    wrong = changed(m.pod("wrong"), ("spec", "nodeName"), 5)
    raw = msgspec.json.encode({"metadata": {}, "items": [m.pod("right", ready=True), wrong, 5]})

    found = judge(World.of(shaped_objects=shapes.page("v1", "Pod", raw).items, now=m.NOW))

    assert [(row.name, row.state, row.message.partition(":")[0]) for row in found] == [
        ("right", State.READY, ""),
        ("wrong", State.UNKNOWN, "spec.nodeName"),
        ("", State.UNKNOWN, "Expected an object, got int"),
    ]


def test_a_page_without_items_and_one_of_a_custom_kind() -> None:
    thing = {"metadata": {"name": "one"}, "spec": {"any": 1}}

    assert shapes.page("v1", "Pod", b'{"metadata":{},"items":null}').items == []
    [item] = shapes.page("example.org/v1", "Thing", msgspec.json.encode({"items": [thing]})).items
    assert item == {"apiVersion": "example.org/v1", "kind": "Thing", **thing}


@pytest.mark.parametrize("obj", SAMPLES, ids=NAMES)
def test_an_object_means_the_same_as_json_and_as_a_plain_dict(obj: m.Object) -> None:
    loaded = shapes.load(msgspec.json.encode(obj))

    assert loaded == shapes.shaped(obj)


def test_what_is_no_json_is_an_error() -> None:
    with pytest.raises(msgspec.DecodeError):
        shapes.load(b"{")
