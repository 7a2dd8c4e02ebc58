"""What `[deploy]` asks for is looked for in the objects that are rendered, and what is not there is told."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import yaml

from gonogo.catalog.target import Deploy
from gonogo.providers.helm.applied import Demands, beyond, unseen
from gonogo.providers.helm.preview import BARE, FULL

POD = """
nodeSelector: {pool: data, zone: "true", more: own}
tolerations: [{key: other}, {key: pool, operator: Equal, value: "1", effect: NoSchedule}]
imagePullSecrets: [{name: pull}]
securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
initContainers:
- name: a
  image: registry.example/mirror/a
  securityContext: &own {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
containers:
- name: b
  image: registry.example/mirror/b:1
  securityContext: *own
  env: [{name: HTTP_PROXY, value: "http://proxy.example:3128"}]
volumes: [{name: ca, secret: {secretName: store-ca}}, {name: tmp, emptyDir: {}}]
"""
"""A pod that has all of it."""

KEYS = ("registry", "pull_secret", "node_selector", "tolerations", "pod_security", "proxy", "ca")


def given(deploy: Deploy = FULL, *without: str) -> Demands:
    """All of it, the authority in a Secret."""
    return Demands(msgspec.to_builtins(deploy), frozenset({"store-ca"}), frozenset(without))


def made(kind: str, pod: dict[str, Any], **annotations: str) -> dict[str, Any]:
    """An object that makes such pods."""
    spec: dict[str, Any] = {"template": {"spec": pod}}
    meta = {"name": "one", "annotations": annotations}
    if kind == "CronJob":
        spec = {"jobTemplate": {"spec": spec}}
    group = {"Pod": "v1", "Job": "batch/v1", "CronJob": "batch/v1"}.get(kind, "apps/v1")
    return {"apiVersion": group, "kind": kind, "metadata": meta, "spec": pod if kind == "Pod" else spec}


def pod(**changed: Any) -> dict[str, Any]:
    """The pod, with some keys in place of its own."""
    found: dict[str, Any] = yaml.safe_load(POD) | changed
    return found


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod"])
def test_all_of_it_is_seen_where_it_is_and_missed_where_it_is_not(kind: str) -> None:
    bare = {"containers": [{"name": "b", "image": "b:1"}]}

    assert unseen([made(kind, pod())], given()) == []
    assert [one.key for one in unseen([made(kind, bare)], given())] == [*KEYS]
    assert {one.where for one in unseen([made(kind, bare)], given())} == {f"{kind} one"}
    assert unseen([made(kind, bare)], given(BARE)) == []


@pytest.mark.parametrize(
    ("key", "changed"),
    [
        ("registry", {"initContainers": [{"name": "a", "image": "other.example/a"}]}),
        ("registry", {"containers": [{"name": "b", "image": "registry.example/mirrored/b"}]}),
        ("pull_secret", {"imagePullSecrets": [{"name": "another"}]}),
        ("node_selector", {"nodeSelector": {"pool": "data"}}),
        ("tolerations", {"tolerations": [{"key": "pool", "operator": "Exists"}]}),
        ("pod_security", {"securityContext": {}}),
        ("pod_security", {"hostNetwork": True}),
        ("pod_security", {"volumes": [{"name": "ca", "secret": {"secretName": "store-ca"}}, {"name": "x", "nfs": {}}]}),
        ("ca", {"volumes": []}),
    ],
)
def test_a_key_that_one_container_or_field_lacks_is_named(key: str, changed: dict[str, Any]) -> None:
    found = [one.key for one in unseen([made("Deployment", pod(**changed))], given())]

    assert key in found
    assert set(found) - {key} <= {"pod_security", "proxy"}  # a container without its context is both


def test_what_is_not_said_says_what_is_there_instead() -> None:
    [found] = unseen(
        [made("Job", pod(initContainers=[{"name": "a", "image": "other.example/a"}]))], given(FULL, *KEYS[1:])
    )

    assert str(found) == "registry of [deploy] is not applied to Job one: its image is other.example/a"


def test_the_pull_secret_of_the_account_counts() -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "own"}}
    objects = [made("Deployment", pod(imagePullSecrets=[], serviceAccountName="own")), account]

    without = [one.key for one in unseen(objects, given())]
    account["imagePullSecrets"] = [{"name": "pull"}]  # type: ignore[assignment]

    assert (without, unseen(objects, given())) == (["pull_secret"], [])


def test_an_affinity_may_stand_for_the_node_selector() -> None:
    terms = [{"matchExpressions": [{"key": k, "operator": "In", "values": [v]} for k, v in FULL.node_selector.items()]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}

    assert unseen([made("Deployment", pod(nodeSelector={}, affinity={"nodeAffinity": required}))], given()) == []


def test_claims_are_of_the_storage_class() -> None:
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {}}
    stateful = made("StatefulSet", pod())
    stateful["spec"]["volumeClaimTemplates"] = [{"spec": {"storageClassName": "slow"}}]

    assert [str(one) for one in unseen([claim, stateful], given())] == [
        "storage_class of [deploy] is not applied to PersistentVolumeClaim data",
        "storage_class of [deploy] is not applied to StatefulSet one",
    ]
    claim["spec"] = {"storageClassName": "fast"}
    stateful["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"] = "fast"
    assert unseen([claim, stateful], given()) == []


def test_custom_resources_have_to_say_it_among_them_where_nothing_else_makes_pods() -> None:
    spec = {"image": "registry.example/mirror/c", "storage": {"class": "fast"}, "pod": pod()}
    first = {"apiVersion": "mq.example/v1", "kind": "Queue", "metadata": {"name": "orders"}, "spec": spec}
    second = {"apiVersion": "mq.example/v1", "kind": "User", "metadata": {"name": "me"}, "spec": {}}
    keys = {*KEYS, "storage_class"}

    assert unseen([first, second], given()) == []
    assert {one.key for one in unseen([second], given())} == keys
    assert unseen([second], given(FULL, *keys)) == []
    assert unseen([second, made("Deployment", pod())], given()) == []


def test_a_hook_is_looked_at_and_a_test_that_nobody_runs_is_not() -> None:
    bare = {"containers": [{"name": "b", "image": "b:1"}]}

    assert unseen([made("Job", bare, **{"helm.sh/hook": "pre-install"})], given())
    assert unseen([made("Pod", bare, **{"helm.sh/hook": "test"})], given()) == []


@pytest.mark.parametrize(
    ("changed", "level", "said"),
    [
        ({}, "restricted", ""),
        ({"hostPID": True}, "baseline", "hostPID"),
        ({"hostPID": True}, "privileged", ""),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, "baseline", "volume v is a hostPath"),
        ({"volumes": [{"name": "v", "nfs": {}}]}, "baseline", ""),
        ({"volumes": [{"name": "v", "nfs": {}}]}, "restricted", "volume v is a nfs"),
        ({"securityContext": {"runAsNonRoot": True}}, "restricted", "no seccompProfile"),
        ({"securityContext": {"seccompProfile": {"type": "Localhost"}}}, "restricted", "runAsNonRoot is not true"),
    ],
)
def test_what_a_level_does_not_allow(changed: dict[str, Any], level: str, said: str) -> None:
    assert ", ".join(beyond(pod(**changed), level)) == said


@pytest.mark.parametrize(
    ("own", "level", "said"),
    [
        ({"privileged": True}, "baseline", ["privileged"]),
        ({"capabilities": {"add": ["NET_ADMIN", "CHOWN"]}}, "baseline", ["capabilities.add NET_ADMIN"]),
        ({"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}, "restricted", []),
        ({"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}, "restricted", ["capabilities are added"]),
        ({"allowPrivilegeEscalation": True}, "restricted", ["allowPrivilegeEscalation is not false"]),
        ({"runAsUser": 0}, "restricted", ["runAsUser is 0"]),
        ({"runAsNonRoot": False}, "restricted", ["runAsNonRoot is not true"]),
        ({"seccompProfile": {"type": "Unconfined"}}, "restricted", ["no seccompProfile"]),
        ({"capabilities": {}}, "restricted", ["capabilities are not dropped"]),
    ],
)
def test_what_a_level_does_not_allow_a_container(own: dict[str, Any], level: str, said: list[str]) -> None:
    found = pod()
    found["containers"][0]["securityContext"] = found["containers"][0]["securityContext"] | own

    assert [*beyond(found, level)] == said
