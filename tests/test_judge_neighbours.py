"""Who stands behind whom: a row names the object where the root lies, found by a walk and never by a request."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import manifests as m
import pytest

from gonogo.cluster.judge import State, World, judge
from gonogo.cluster.judge.endpoints import matches
from gonogo.cluster.judge.quantities import amount, shown
from gonogo.cluster.judge.scheduling import requests
from gonogo.cluster.judge.verdict import Row, short

APP = {"app": "shop"}


def deployment(**status: Any) -> m.Object:
    """A Deployment of which 2 pods are desired."""
    return m.thing(
        "apps/v1", "Deployment", "shop", spec={"replicas": 2, "selector": {"matchLabels": APP}}, status=status
    )


def replica_set(owner: m.Object, revision: int, replicas: int = 2, **status: Any) -> m.Object:
    """One of its ReplicaSets."""
    meta = {"annotations": {"deployment.kubernetes.io/revision": str(revision)}}
    name = f"shop-{revision}"
    return m.thing("apps/v1", "ReplicaSet", name, owner=owner, meta=meta, spec={"replicas": replicas}, status=status)


def broken(name: str, owner: m.Object | None = None, **fields: Any) -> m.Object:
    """A pod in a crash loop."""
    status = m.container(m.waiting("CrashLoopBackOff"), restarts=4, last=m.ended(1))
    return m.pod(name, status, owner=owner, meta={"labels": {**APP}}, **fields)


# -- controllers and their pods


def test_a_deployment_names_the_pod_that_is_doomed_through_its_replica_set() -> None:
    top = deployment(replicas=2, updatedReplicas=2, availableReplicas=1)
    middle = replica_set(top, 1, replicas=2, availableReplicas=1)
    pods = [m.pod("shop-1-a", ready=True, owner=middle), broken("shop-1-b", middle)]

    found = m.rows(top, middle, *pods)

    for row in (found["Deployment/shop"], found["ReplicaSet/shop-1"]):
        assert (row.state, row.reason, row.cause) == (State.FAILED, "CrashLoop", "Pod data/shop-1-b, container app")
        assert row.message.startswith("1 of 2 available: container app ended")
        assert "kubectl -n data logs shop-1-b -c app --previous" in row.hint


def test_the_newest_replica_set_decides_not_what_is_on_its_way_out() -> None:
    top = deployment(replicas=3, updatedReplicas=1, availableReplicas=2)
    old, new = replica_set(top, 9, 1), replica_set(top, 10, 1)
    starting = m.pod("shop-10-a", m.container(m.running(5)), age=8, since=5, owner=new)

    row = m.row(top, old, new, broken("shop-9-a", old), starting)

    assert (row.state, row.reason) == (State.PROGRESSING, "Unavailable")


def test_pods_of_an_older_template_say_nothing_while_the_newest_replica_set_is_not_seen_yet() -> None:
    top = deployment(replicas=2, updatedReplicas=0, availableReplicas=0)
    top["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "2"}
    old = replica_set(top, 1)

    row = m.row(top, old, broken("shop-1-a", old))

    assert (row.state, row.reason, row.cause) == (State.PROGRESSING, "Unavailable", "")


@pytest.mark.parametrize(("newest", "state"), [("2", State.PROGRESSING), ("1", State.FAILED)])
def test_a_pod_of_an_older_template_of_a_daemon_set_is_replaced(newest: str, state: State) -> None:
    meta = {"annotations": {"deprecated.daemonset.template.generation": newest}}
    status = {"desiredNumberScheduled": 1, "updatedNumberScheduled": 0, "numberAvailable": 0}
    top = m.thing("apps/v1", "DaemonSet", "agent", meta=meta, spec={}, status=status)
    pod = broken("agent-a", top)
    pod["metadata"]["labels"]["pod-template-generation"] = "1"

    assert m.row(top, pod).state is state


def test_an_older_replica_set_of_which_no_pod_is_desired_has_no_row() -> None:
    top = deployment(replicas=2, updatedReplicas=2, availableReplicas=2)

    assert m.rows(top, replica_set(top, 1, 0), replica_set(top, 2, availableReplicas=2)).keys() == {
        "Deployment/shop",
        "ReplicaSet/shop-2",
    }


def test_a_deployment_past_its_deadline_has_its_pod_s_reason() -> None:
    late = m.conditions(Progressing=("False", "ProgressDeadlineExceeded", "has timed out progressing"))
    top = deployment(replicas=2, updatedReplicas=2, conditions=late)
    middle = replica_set(top, 1)
    pod = m.pod("shop-1-a", m.container(m.running(100)), age=110, since=100, owner=middle)
    told = m.event(pod, "Unhealthy", "Readiness probe failed: connection refused")

    row = m.row(top, middle, pod, told)

    assert (row.state, row.reason) == (State.FAILED, "ReadinessProbe")
    assert "has timed out progressing" in row.message
    assert "connection refused" in row.message
    assert row.cause == "Pod data/shop-1-a, container app"


def test_a_refusal_of_its_replica_set_is_a_deployment_s_too() -> None:
    top = deployment()
    refusal = ("True", "FailedCreate", 'pods "x" is forbidden: exceeded quota: small, requested: pods=1')
    middle = replica_set(top, 1, replicas=2, conditions=m.conditions(60, ReplicaFailure=refusal))

    row = m.row(top, middle)

    assert (row.state, row.reason, row.cause) == (State.FAILED, "QuotaExceeded", "ResourceQuota data/small")
    assert row.message.startswith("0 of 2 available: ")


def test_a_webhook_that_is_down_is_named_by_its_configuration_where_that_is_known() -> None:
    text = 'failed calling webhook "guard.example.org": Post "https://guard.policy.svc:443/": connection refused'
    owner = m.thing("apps/v1", "StatefulSet", "db", spec={"replicas": 1}, status={})
    told = m.event(owner, "FailedCreate", text, first=90)
    hooks = [{"name": "guard.example.org", "clientConfig": {"url": "https://guard"}}]
    api = "admissionregistration.k8s.io/v1"
    configuration = m.thing(api, "MutatingWebhookConfiguration", "guard", namespace="", webhooks=hooks)

    assert m.row(owner, told).cause == "Service policy/guard"
    assert m.row(owner, told, configuration).cause == "MutatingWebhookConfiguration guard"


def test_pods_on_a_node_that_does_not_answer_do_not_fail_their_owner() -> None:
    owner = m.thing("apps/v1", "StatefulSet", "db", spec={"replicas": 1}, status={"replicas": 1})
    pod = m.pod("db-0", m.container(m.running()), owner=owner)

    row = m.row(owner, pod, m.node(ready="Unknown", since=30))

    assert (row.state, row.reason, row.cause) == (State.PROGRESSING, "NodeNotReady", "Node node-1")


def test_manifests_and_pods_without_uids_find_each_other_by_labels() -> None:
    top = deployment(replicas=2, updatedReplicas=2)
    pod = broken("shop-x")
    del top["metadata"]["uid"], pod["metadata"]["uid"]

    assert m.row(top, pod).cause == "Pod data/shop-x, container app"


def test_a_job_that_gave_up_keeps_its_reason_and_names_its_pod() -> None:
    failed = m.conditions(Failed=("True", "BackoffLimitExceeded", "Job has reached the specified backoff limit"))
    job = m.thing("batch/v1", "Job", "load", spec={}, status={"failed": 1, "conditions": failed})
    pod = m.pod("load-x", m.container(m.ended(3)), phase="Failed", owner=job)

    row = m.row(job, pod, logs={("data", "load-x", "app"): "no such table: users\n"})

    assert (row.state, row.reason, row.cause) == (
        State.FAILED,
        "BackoffLimitExceeded",
        "Pod data/load-x, container app",
    )
    assert row.message.endswith("last lines: no such table: users")


def test_a_job_whose_pod_cannot_start_is_doomed_before_its_limit() -> None:
    job = m.thing("batch/v1", "Job", "load", spec={"backoffLimit": 6}, status={"active": 1})
    pod = m.pod(
        "load-x", m.container(m.waiting("ErrImagePull", "shop/app:1.0: not found")), phase="Pending", owner=job, age=5
    )

    row = m.row(job, pod)

    assert (row.state, row.reason, row.cause) == (State.FAILED, "ImageNotFound", "Pod data/load-x, container app")


def tries(*codes: int, more: tuple[m.Object, ...] = (), **status: Any) -> Row:
    """The row of a Job whose tries ended with these exit codes; each is a pod of its own."""
    job = m.thing(
        "batch/v1", "Job", "load", spec={"backoffLimit": 6}, status={"failed": len(codes), "active": 1, **status}
    )
    pods = [
        m.pod(f"load-{n}", m.container(m.ended(code)), phase="Failed", owner=job, age=100 - n)
        for n, code in enumerate(codes)
    ]
    for one in more:
        one["metadata"]["ownerReferences"] = pods[0]["metadata"]["ownerReferences"]
    return m.row(job, *pods, *more, logs={("data", f"load-{len(codes) - 1}", "app"): "no such table: users\n"})


def test_a_job_that_tries_again_tells_why_from_its_first_failed_try_on() -> None:
    row = tries(3)

    assert (row.state, row.reason, row.cause) == (
        State.PROGRESSING,
        "ContainerFailed",
        "Pod data/load-0, container app",
    )
    assert row.message == (
        "1 tries failed, the limit is 6; 1 at work: container app ended with exit code 3 (Error); "
        "last lines: no such table: users; given up at 3 ends alike"
    )


def test_a_job_is_given_up_when_as_many_tries_ended_alike_as_of_a_crash_loop() -> None:
    row = tries(3, 3, 3)

    assert (row.state, row.reason, row.exit_code, row.cause) == (
        State.FAILED,
        "ContainerFailed",
        3,
        "Pod data/load-2, container app",
    )


@pytest.mark.parametrize(
    ("codes", "status"), [((3, 3), {}), ((3, 1, 3), {}), ((3, 3, 3, 4), {}), ((3, 3, 3), {"succeeded": 1})], ids=str
)
def test_a_job_that_fails_each_time_for_another_reason_or_has_succeeded_once_is_at_work(
    codes: tuple[int, ...], status: dict[str, int]
) -> None:
    assert tries(*codes, **status).state is State.PROGRESSING


@pytest.mark.parametrize(("seconds", "state"), [(5, State.FAILED), (60, State.PROGRESSING)])
def test_a_try_that_runs_for_much_longer_than_those_before_may_be_the_one(seconds: int, state: State) -> None:
    at_work = m.pod("load-9", m.container(m.running(seconds), ready=True), ready=True, age=seconds)

    assert tries(3, 3, 3, more=(at_work,)).state is state


@pytest.mark.parametrize(
    ("succeeded", "state"), [(7200, State.FAILED), (None, State.FAILED), (60, State.READY)], ids=str
)
def test_a_cron_job_is_well_again_when_one_succeeded_though_only_the_failed_one_is_kept(
    succeeded: float | None, state: State
) -> None:
    well = {} if succeeded is None else {"lastSuccessfulTime": m.ago(succeeded)}
    top = m.thing("batch/v1", "CronJob", "nightly", age=9999, spec={"schedule": "0 * * * *"}, status=well)
    failed = m.conditions(Failed=("True", "BackoffLimitExceeded", "Job has reached the specified backoff limit"))
    job = m.thing("batch/v1", "Job", "nightly-1", owner=top, spec={}, status={"failed": 1, "conditions": failed})

    assert m.row(top, job).state is state


def test_an_autoscaler_that_has_just_scaled_is_ready() -> None:
    told = m.conditions(AbleToScale=("False", "BackoffBoth", "too soon"), ScalingActive="True")

    assert (
        m.row(m.thing("autoscaling/v1", "HorizontalPodAutoscaler", "h", status={"conditions": told})).state
        is State.READY
    )


def test_a_container_whose_hook_fails_is_told_by_its_status_too() -> None:
    state = m.waiting("PostStartHookError", "command 'false' exited with 1")
    obj = m.pod("p", m.container(state, restarts=1, last=m.ended(137)))

    row = m.row(obj)

    assert (row.state, row.reason) == (State.PROGRESSING, "HookFailed")
    assert "command 'false' exited with 1" in row.message


# -- Services


def service(**spec: Any) -> m.Object:
    """A Service for the pods of the shop."""
    return m.thing("v1", "Service", "shop", spec={"selector": APP, "ports": [{"port": 80}], **spec}, status={})


def template(replicas: int, kind: str = "Deployment") -> m.Object:
    """A controller whose pods are the shop's."""
    spec = {"replicas": replicas, "template": {"metadata": {"labels": {**APP, "more": "x"}}}}
    return m.thing("apps/v1", kind, "maker", spec=spec, status={})


def test_a_service_of_something_scaled_to_0_is_suspended_with_it() -> None:
    row = m.row(service(), template(0), complete=["Pod"])

    assert (row.state, row.reason, row.cause) == (State.SUSPENDED, "ScaledToZero", "Deployment data/maker")


def test_a_service_whose_pods_are_not_made_yet_waits_for_their_maker() -> None:
    row = m.row(service(), template(2, "StatefulSet"), complete=["Pod"])

    assert (row.state, row.reason, row.cause) == (State.PROGRESSING, "NoPods", "StatefulSet data/maker")


def test_a_service_of_an_operator_may_select_nothing() -> None:
    owner = m.thing("postgresql.cnpg.io/v1", "Cluster", "pg", status={})
    obj = m.thing("v1", "Service", "pg-ro", owner=owner, spec={"selector": {"role": "replica"}}, status={})

    row = m.row(obj, complete=["Pod"])

    assert (row.state, row.reason) == (State.READY, "SelectsNothing")


@pytest.mark.parametrize(
    ("selector", "labels", "near"),
    [
        ({"app": "shop"}, {"app": "shopp"}, "nearest: Pod data/p has app=shopp"),
        ({"app": "shop", "part": "web"}, {"app": "shop"}, "nearest: Pod data/p has no part"),
        ({"app": "shop"}, {"other": "x"}, "no pod has app=shop (given"),
    ],
)
def test_a_selector_that_matches_nothing_names_the_nearest(selector: Any, labels: Any, near: str) -> None:
    row = m.row(
        m.thing("v1", "Service", "s", age=1, spec={"selector": selector}, status={}),
        m.pod("p", ready=True, meta={"labels": labels}),
        complete=["Pod"],
    )

    assert near in row.message


def test_nobody_claims_that_a_selector_matches_nothing_where_not_all_pods_are_known() -> None:
    assert m.row(service()).state is State.UNKNOWN
    assert m.row(service(), complete=["Pod/other"]).state is State.UNKNOWN
    assert m.row(service(), complete=["Pod/data"]).reason == "SelectorMatchesNothing"


def test_pods_that_are_not_ready_may_be_published() -> None:
    pod = m.pod("p", m.container(m.running(9)), age=9, since=9, meta={"labels": APP})

    assert m.row(service(), pod).reason == "NoEndpoints"
    assert m.row(service(publishNotReadyAddresses=True), pod).state is State.READY


def test_ready_pods_that_are_no_endpoints_yet_are_not_blamed() -> None:
    pods = [m.pod("p", ready=True, meta={"labels": APP}), broken("q")]

    row = m.row(service(), *pods, complete=["EndpointSlice"])

    assert (row.state, row.reason) == (State.PROGRESSING, "NoEndpoints")
    assert row.message == "1 of its 2 pods are ready, and none is among its endpoints"


def test_a_service_without_selector_and_without_endpoints_says_so() -> None:
    obj = m.thing("v1", "Service", "s", spec={"clusterIP": "10.0.0.1"}, status={})

    row = m.row(obj, complete=["EndpointSlice"])

    assert (row.state, row.reason) == (State.READY, "NoEndpoints")


def test_an_ingress_has_its_service_s_trouble() -> None:
    backend = {"defaultBackend": {"service": {"name": "shop", "port": {"number": 80}}}}
    obj = m.thing("networking.k8s.io/v1", "Ingress", "i", spec=backend, status={})

    row = m.row(obj, service(), broken("shop-1"))

    assert (row.state, row.reason, row.cause) == (State.FAILED, "CrashLoop", "Pod data/shop-1, container app")
    assert row.message.startswith("Service shop: ")


def test_an_ingress_to_a_port_that_its_service_lacks() -> None:
    backend = {"defaultBackend": {"service": {"name": "shop", "port": {"name": "http"}}}}
    obj = m.thing("networking.k8s.io/v1", "Ingress", "i", spec=backend, status={})

    row = m.row(obj, service())

    assert (row.state, row.reason, row.cause) == (State.FAILED, "BackendMissing", "Service data/shop")
    assert "has no port http, its ports: 80" in row.message


# -- what extends the API


def hooks(*policies: str) -> m.Object:
    """A webhook configuration that calls the shop's Service."""
    client = {"service": {"namespace": "data", "name": "shop"}, "caBundle": "Q0E="}
    told = [{"name": f"{n}.example.org", "failurePolicy": p, "clientConfig": client} for n, p in enumerate(policies)]
    return m.thing(
        "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "guard", namespace="", webhooks=told
    )


def test_a_webhook_whose_failures_are_ignored_refuses_nothing() -> None:
    assert m.row(hooks("Ignore"), complete=["Service"]).state is State.PROGRESSING
    assert m.row(hooks("Ignore", "Fail"), complete=["Service"]).state is State.FAILED
    assert m.row(hooks("Fail")).state is State.READY  # nobody knows all Services


def test_a_webhook_with_a_ready_endpoint_is_ready() -> None:
    pod = m.pod("p", ready=True, meta={"labels": APP})

    assert m.row(hooks("Fail"), service(), pod, complete=["Service"]).state is State.READY


def test_a_definition_stands_on_its_conversion_webhook() -> None:
    client = {"service": {"namespace": "data", "name": "shop"}, "caBundle": "Q0E="}
    spec = {"conversion": {"strategy": "Webhook", "webhook": {"clientConfig": client}}}
    told = {"conditions": m.conditions(NamesAccepted="True", Established="True")}
    api = "apiextensions.k8s.io/v1"
    obj = m.thing(api, "CustomResourceDefinition", "things.example.org", namespace="", spec=spec, status=told)

    row = m.row(obj, service(), complete=["Pod", "EndpointSlice"])

    assert (row.state, row.reason, row.cause) == (State.FAILED, "WebhookUnready", "Service data/shop")
    assert row.message.startswith("its conversion webhook calls")


@pytest.mark.parametrize(
    ("api", "kind", "status"),
    [
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", {"conditions": m.conditions(NamesAccepted="True")}),
        ("apiregistration.k8s.io/v1", "APIService", {}),
        ("autoscaling/v2", "HorizontalPodAutoscaler", {}),
        ("autoscaling/v2", "HorizontalPodAutoscaler", {"observedGeneration": 1}),
        ("policy/v1", "PodDisruptionBudget", {}),
        ("apps/v1", "StatefulSet", {}),
        ("apps/v1", "DaemonSet", {}),
        ("apps/v1", "ReplicaSet", {}),
        ("v1", "PersistentVolume", {}),
        ("v1", "PersistentVolumeClaim", {}),
    ],
)
def test_what_its_controller_has_not_seen_is_progressing(api: str, kind: str, status: Any) -> None:
    row = m.row(m.thing(api, kind, "x", meta={"generation": 2}, age=1, spec={}, status=status))

    assert row.state is State.PROGRESSING


# -- claims


def claim(name: str | None, age: float = 60) -> m.Object:
    """A claim that is not bound."""
    spec = {} if name is None else {"storageClassName": name}
    return m.thing("v1", "PersistentVolumeClaim", "c", age=age, spec=spec, status={"phase": "Pending"})


def kind_of_storage(name: str, **fields: Any) -> m.Object:
    """A storage class."""
    return m.thing("storage.k8s.io/v1", "StorageClass", name, namespace="", provisioner="p", **fields)


def test_a_claim_says_what_it_wants_that_is_not_there() -> None:
    default = {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}
    known = ["StorageClass", "PersistentVolume"]

    assert m.row(claim(None), complete=known).reason == "NoStorageClass"
    assert m.row(claim(None), kind_of_storage("d", meta=default), complete=known).reason == "ClaimPending"
    assert m.row(claim("gone"), complete=known).reason == "StorageClassMissing"
    assert m.row(claim(""), complete=known).reason == "NoVolume"
    assert m.row(claim("gone")).reason == "ClaimPending"


def test_a_class_without_provisioner_has_only_what_somebody_makes() -> None:
    by_hand = {**kind_of_storage("local"), "provisioner": "kubernetes.io/no-provisioner"}

    assert m.row(claim("local"), by_hand).reason == "NoVolume"


def test_a_claim_that_binds_late_names_the_pod_that_it_waits_for() -> None:
    late = kind_of_storage("late", volumeBindingMode="WaitForFirstConsumer")
    lack = ("False", "Unschedulable", "0/1 nodes are available: 1 Insufficient cpu.")
    mounts = {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]}
    pod = m.pod("p", phase="Pending", scheduled=lack, age=60, since=60, spec=mounts)

    found = m.rows(claim("late", 9999), late, pod)

    assert (found["PersistentVolumeClaim/c"].state, found["PersistentVolumeClaim/c"].reason) == (
        State.PROGRESSING,
        "WaitForFirstConsumer",
    )
    assert found["PersistentVolumeClaim/c"].message == "waits until Pod p has a node"
    assert (found["Pod/p"].reason, found["Pod/p"].state) == ("Unschedulable", State.FAILED)


def test_a_pod_that_the_scheduler_says_nothing_of_waits_for_its_claim() -> None:
    late = kind_of_storage("late", volumeBindingMode="WaitForFirstConsumer")
    mounts = {"volumes": [{"name": "c", "ephemeral": {"volumeClaimTemplate": {}}}]}
    pod = m.pod("x", phase="Pending", scheduled=("", "", ""), age=60, spec=mounts)
    wanted = claim("late")
    wanted["metadata"]["name"] = "x-c"
    told = m.event(wanted, "ProvisioningFailed", "only supports ReadWriteOnce access modes")

    row = m.row(pod, wanted, late, told)

    assert (row.state, row.reason, row.cause) == (State.FAILED, "AccessModeRefused", "PersistentVolumeClaim data/x-c")


# -- small parts


@pytest.mark.parametrize(
    ("expression", "meant"),
    [
        ({"key": "tier", "operator": "In", "values": ["web", "api"]}, True),
        ({"key": "tier", "operator": "In", "values": ["db"]}, False),
        ({"key": "tier", "operator": "NotIn", "values": ["db"]}, True),
        ({"key": "tier", "operator": "NotIn", "values": ["web"]}, False),
        ({"key": "tier", "operator": "Exists"}, True),
        ({"key": "gone", "operator": "Exists"}, False),
        ({"key": "gone", "operator": "DoesNotExist"}, True),
        ({"key": "tier", "operator": "DoesNotExist"}, False),
        ({"key": "tier", "operator": "Gt", "values": ["1"]}, False),
    ],
)
def test_expressions_of_a_selector(expression: Any, meant: bool) -> None:
    assert matches({"matchExpressions": [expression]}, {"tier": "web"}) is meant


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", 0.5),
        ("3", 3.0),
        (2, 2.0),
        ("1Gi", 2.0**30),
        ("1.5k", 1500.0),
        ("1e3", 1000.0),
        ("100n", 1e-7),
        ("x", 0.0),
    ],
)
def test_quantities(text: Any, number: float) -> None:
    assert amount(text) == pytest.approx(number)


def test_amounts_are_said_in_units() -> None:
    told = [shown("cpu", 1.5), shown("memory", 3 * 2**30), shown("ephemeral-storage", 5 * 2**20), shown("memory", 12)]

    assert told == ["1.5", "3.0 GiB", "5.0 MiB", "12 bytes"]


def test_a_pod_asks_for_its_containers_with_sidecars_or_for_its_largest_init_container() -> None:
    def asks(cpu: str, **fields: str) -> m.Object:
        return {"resources": {"requests": {"cpu": cpu}}, **fields}

    sidecar = asks("1", restartPolicy="Always")

    assert requests({"containers": [asks("1"), asks("2")], "overhead": {"cpu": "500m"}}) == {"cpu": 3.5}
    assert requests({"initContainers": [sidecar], "containers": [asks("1")]}) == {"cpu": 2.0}
    assert requests({"initContainers": [sidecar, asks("5")], "containers": [asks("1")]}) == {"cpu": 6.0}
    assert requests({"initContainers": [asks("5"), sidecar], "containers": [asks("1")]}) == {"cpu": 5.0}


def test_a_long_text_keeps_both_ends() -> None:
    assert short("a\n  b") == "a b"
    assert short("x" * 50 + "y" * 50, 21) == "xxxxxxxxx … yyyyyyyyy"


def test_of_an_object_given_twice_the_later_counts_and_its_file_is_told() -> None:
    first, second = m.pod("p", phase="Failed"), m.pod("p", ready=True)

    [row] = judge(World.of([first, second], now=m.NOW, sources=["old.yaml", "new.yaml"]))

    assert (row.state, row.source) == (State.READY, "new.yaml")


def test_kinds_without_a_state_have_no_row_and_those_of_other_groups_are_not_taken_for_built_in_ones() -> None:
    objects = [
        m.thing("v1", "ConfigMap", "c", data={}),
        m.thing("rbac.authorization.k8s.io/v1", "Role", "r", rules=[]),
        m.thing("serving.knative.dev/v1", "Service", "s", spec={}, status={"conditions": m.conditions(Ready="True")}),
    ]

    assert {name: row.state for name, row in m.rows(*objects).items()} == {"Service/s": State.READY}


# -- what is easily confused


def test_an_older_or_failed_sibling_replaces_nobody() -> None:
    owner = m.thing("apps/v1", "ReplicaSet", "shop", spec={"replicas": 2}, status={})
    evicted = m.pod("gone", phase="Failed", age=600, owner=owner, status={"reason": "Evicted"})
    older = m.pod("older", ready=True, age=9000, owner=owner)
    failed = m.pod("failed", phase="Failed", age=60, owner=owner)

    assert m.row(evicted, owner, older, failed).state is State.FAILED
    assert m.row(evicted, owner, older, failed, m.pod("newer", ready=True, age=60, owner=owner)).reason == "Replaced"


def test_what_holds_a_pod_is_its_finalizer_else_its_kubelet() -> None:
    late = {"deletionTimestamp": m.ago(600)}

    assert "waits for finalizers shop/keep" in m.row(m.pod("p", meta={**late, "finalizers": ["shop/keep"]})).message
    assert "waits for the kubelet of node node-1" in m.row(m.pod("p", meta=late)).message


def test_a_probe_of_another_container_is_not_this_one_s() -> None:
    obj = m.pod("p", m.container(m.running(20)), age=25, since=20)
    told = m.event(obj, "Unhealthy", "Readiness probe failed: 503", path="spec.containers{other}")

    assert m.row(obj, told).reason == "NotReady"


def test_pods_that_have_ended_take_no_room() -> None:
    asks = {"resources": {"requests": {"cpu": "4"}}}
    lack = ("False", "Unschedulable", "0/1 nodes are available: 1 Insufficient cpu.")
    obj = m.pod("p", phase="Pending", scheduled=lack, age=60, since=60, containers=asks)
    done = m.pod("done", phase="Succeeded", containers=asks)

    assert "lacks" not in m.row(obj, done, m.node(), complete=["Pod"]).message
    assert "lacks 4 cpu" in m.row(obj, m.pod("busy", ready=True, containers=asks), m.node(), complete=["Pod"]).message


def test_who_tolerates_everything_is_kept_off_by_no_taint() -> None:
    tainted = m.node(spec={"taints": [{"key": "a", "effect": "NoSchedule"}]})
    lack = ("False", "Unschedulable", "0/1 nodes are available: 1 node(s) had untolerated taint {b: x}.")

    def message(**spec: Any) -> str:
        return m.row(m.pod("p", phase="Pending", scheduled=lack, age=60, since=60, spec=spec), tainted).message

    assert "has the taint a:NoSchedule" in message()
    assert "has the taint" not in message(tolerations=[{"operator": "Exists"}])


def test_a_bound_claim_is_not_what_a_pod_waits_for() -> None:
    lack = ("False", "Unschedulable", "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.")
    names = ("bound", "pending")
    volumes = {"volumes": [{"name": n, "persistentVolumeClaim": {"claimName": n}} for n in names]}
    pod = m.pod("p", phase="Pending", scheduled=lack, age=5, since=5, spec=volumes)
    bound = m.thing("v1", "PersistentVolumeClaim", "bound", spec={}, status={"phase": "Bound"})
    pending = m.thing("v1", "PersistentVolumeClaim", "pending", age=5, spec={}, status={"phase": "Pending"})

    assert m.row(pod, bound, pending).cause == "PersistentVolumeClaim data/pending"


def test_a_service_with_several_ports_has_each_of_them() -> None:
    obj = service(ports=[{"name": "web", "port": 80}, {"name": "admin", "port": 81}])
    obj["spec"].pop("selector")

    def reason(**port: Any) -> str:
        backend = {"defaultBackend": {"service": {"name": "shop", "port": port}}}
        return m.row(m.thing("networking.k8s.io/v1", "Ingress", "i", spec=backend, status={}), obj).reason

    assert [reason(number=81), reason(name="web"), reason(number=82)] == [
        "AddressPending",
        "AddressPending",
        "BackendMissing",
    ]


def test_a_budget_that_means_no_pod_is_ready() -> None:
    obj = m.thing("policy/v1", "PodDisruptionBudget", "b", status={"expectedPods": 0})

    assert (m.row(obj).state, m.row(obj).reason) == (State.READY, "NoPods")


def test_a_cron_job_s_latest_complaint_is_told() -> None:
    obj = m.thing("batch/v1", "CronJob", "c", spec={"schedule": "x"}, status={})
    told = [m.event(obj, "InvalidSchedule", text, first=since, last=since) for text, since in (("new", 5), ("old", 90))]

    assert m.row(obj, *told).message == "new"


def test_an_empty_slice_is_as_its_service_is() -> None:
    made = {"namespace": "demo", "creationTimestamp": "2026-11-25T09:00:00Z"}
    spec = {"selector": {"app": "x"}}
    objects: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", **made}, "spec": spec},
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}, **made},
        },
    ]
    now = datetime(2026, 11, 25, 10, tzinfo=UTC)

    rows = {row.kind: row for row in judge(World.of(objects, now=now, complete=("Pod",)))}

    assert (rows["EndpointSlice"].state, rows["EndpointSlice"].reason) == (State.FAILED, "SelectorMatchesNothing")
    assert rows["EndpointSlice"].cause == "Service demo/web"


# -- what nobody answers


LAZY = m.thing(
    "storage.k8s.io/v1",
    "StorageClass",
    "fast",
    namespace="",
    provisioner="disk.csi",
    volumeBindingMode="WaitForFirstConsumer",
)


def lazy_claim(*, chosen: bool) -> m.Object:
    """A claim of a class that waits for a pod's node, which is chosen or not."""
    notes = {"volume.kubernetes.io/storage-provisioner": "disk.csi"}
    notes |= {"volume.kubernetes.io/selected-node": "node-1"} if chosen else {}
    meta, spec = {"annotations": notes}, {"storageClassName": "fast"}
    return m.thing("v1", "PersistentVolumeClaim", "c", meta=meta, spec=spec, status={"phase": "Pending"})


@pytest.mark.parametrize(
    ("chosen", "asked", "state", "reason"),
    [
        (True, 2000, State.FAILED, "ProvisionerSilent"),
        (True, 20, State.PROGRESSING, "ProvisionerSilent"),
        (True, None, State.PROGRESSING, "ProvisionerSilent"),  # nobody knows since when
        (False, 2000, State.PROGRESSING, "WaitForFirstConsumer"),
    ],
)
def test_a_claim_whose_node_is_chosen_waits_for_its_provisioner(
    chosen: bool, asked: float | None, state: State, reason: str
) -> None:
    obj = lazy_claim(chosen=chosen)
    told = [m.event(obj, "ExternalProvisioning", "waiting for a volume", first=asked)] if asked else []

    row = m.row(obj, LAZY, *told)

    assert (row.state, row.reason) == (state, reason)
    assert ("disk.csi" in row.message) == chosen


def kafka(**status: Any) -> m.Object:
    """A Kafka of Strimzi."""
    return m.thing("kafka.strimzi.io/v1", "Kafka", "logs", meta={"generation": 1}, spec={}, status=status)


@pytest.mark.parametrize("address", [True, False])
def test_whoever_owns_a_service_without_an_address_names_it(address: bool) -> None:
    told = [{"type": "NotReady", "status": "True", "reason": "TimeoutException", "message": "not addressable"}]
    owner = kafka(observedGeneration=1, conditions=told)
    given = {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}} if address else {}
    spec = {"type": "LoadBalancer", "clusterIP": "10.1.0.1", "selector": APP}
    balancer = m.thing("v1", "Service", "outside", owner=owner, spec=spec, status=given)

    found = m.rows(owner, balancer)

    assert found["Kafka/logs"].state is State.FAILED
    assert found["Kafka/logs"].cause == ("" if address else "Service data/outside")
    assert found["Service/outside"].reason == ("EndpointsUnknown" if address else "LoadBalancerPending")


@pytest.mark.parametrize("others", [0, 1])
def test_a_deployment_tells_what_its_node_said_of_pods_that_it_refused(others: int) -> None:
    top = deployment(replicas=2, updatedReplicas=2, availableReplicas=0)
    middle = replica_set(top, 1, availableReplicas=0)
    told = {"reason": "UnexpectedAdmissionError", "message": "device plugin: a device is lost"}
    refused = [m.pod(f"shop-1-{one}", phase="Failed", owner=middle, status=told) for one in "ab"]
    starting = [m.pod("shop-1-c", m.container(m.waiting("ContainerCreating")), age=3, since=3, owner=middle)] * others

    row = m.row(top, middle, *refused, *starting)

    assert row.state is (State.PROGRESSING if others else State.FAILED)
    assert ("a device is lost" in row.message) == (not others)


@pytest.mark.parametrize("well", [True, False])
def test_what_says_that_it_is_ready_tells_what_failed_below_it(well: bool) -> None:
    ready = [{"type": "Ready", "status": "True"}]
    top = m.thing("example.io/v1", "Model", "m", spec={}, status={"conditions": ready})
    middle = m.thing("example.io/v1", "Revision", "m-1", owner=top, spec={}, status={"conditions": ready})
    pod = m.pod("m-1-a", ready=True, owner=middle) if well else broken("m-1-a", middle)

    row = m.row(top, middle, pod)

    assert row.state is State.READY
    assert ("below it: container app ended" in row.message) != well


@pytest.mark.parametrize(
    ("host", "endpoints", "named"),
    [
        ("store", [], True),
        ("store", [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}], False),
        ("other", [], False),
        ("store", None, False),
    ],
)
def test_an_init_container_that_waits_names_the_service_that_is_not_ready(
    host: str, endpoints: list[m.Object] | None, named: bool
) -> None:
    job = m.thing("batch/v1", "Job", "begin", spec={"completions": 1}, status={"active": 1})
    waits = {"name": "wait", "command": ["sh", "-c", f"until nc -z {host} 5432; do sleep 1; done"]}
    begun = m.container(m.running(60), name="wait")
    pod = m.pod("begin-a", phase="Pending", owner=job, init=[begun], spec={"initContainers": [waits]})
    service = m.thing("v1", "Service", "store", spec={"selector": {"app": "store"}, "ports": [{"port": 5432}]})
    meta = {"labels": {"kubernetes.io/service-name": "store"}}
    slices = (
        []
        if endpoints is None
        else [m.thing("discovery.k8s.io/v1", "EndpointSlice", "store-a", meta=meta, endpoints=endpoints)]
    )

    found = m.rows(job, pod, service, *slices)

    for row in (found["Pod/begin-a"], found["Job/begin"]):
        assert row.state is State.PROGRESSING
        assert (row.reason == "WaitsForService") == ("Service data/store" in row.cause) == named
