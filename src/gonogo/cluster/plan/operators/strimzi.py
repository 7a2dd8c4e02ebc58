"""Strimzi: what its operator makes of its kinds. Source: github.com/strimzi/strimzi-kafka-operator 1.2.0."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.plan.demand import Beside, Found, PlannedClaim, claim_of, pod_of
from gonogo.cluster.plan.nodes import required
from gonogo.cluster.plan.workloads import as_kind, deployment

_GROUP = "kafka.strimzi.io"
_OF = "strimzi.io/cluster"


def kafka(obj: Object, beside: Beside) -> Iterator[Found]:
    """Its helpers, each a Deployment of one pod; the brokers are its node pools'.

    model/EntityOperator.java (replaced, not rolled), CruiseControl.java, KafkaExporter.java: nobody asks for resources
    that the resource does not name.
    """
    spec, name = obj.get("spec", {}), obj["metadata"]["name"]
    entity = spec.get("entityOperator", {})
    operators = [one for one in ("topicOperator", "userOperator") if one in entity]
    if operators:
        containers = [{"name": one, "resources": entity[one].get("resources", {})} for one in operators]
        yield from _helper(obj, f"{name}-entity-operator", entity, containers, beside, {"type": "Recreate"})
    for key, called in (("cruiseControl", "cruise-control"), ("kafkaExporter", "kafka-exporter")):
        if key in spec:
            containers = [{"name": called, "resources": spec[key].get("resources", {})}]
            yield from _helper(obj, f"{name}-{called}", spec[key], containers, beside, {})


def _helper(
    obj: Object,
    name: str,
    spec: Mapping[str, Any],
    containers: list[dict[str, Any]],
    beside: Beside,
    strategy: Mapping[str, Any],
) -> Iterator[Found]:
    labels = {_OF: obj["metadata"]["name"], "strimzi.io/name": name}
    template = {"metadata": {"labels": labels}, "spec": {**_pod(spec.get("template", {})), "containers": containers}}
    made = {"replicas": spec.get("replicas", 1), "strategy": strategy, "template": template}
    yield from deployment(as_kind(obj, "Deployment", name, made), beside)


def node_pool(obj: Object, beside: Beside) -> Iterator[Found]:
    """``replicas`` brokers or controllers, with a claim per persistent volume of theirs.

    model/KafkaPool.java: what a pool's template says wins over that of its Kafka. nodepools/NodeIdAssignor.java numbers
    the nodes of all pools of a Kafka together. model/PersistentVolumeClaimUtils.java: the names of claims.
    """
    spec, name = obj.get("spec", {}), obj["metadata"]["name"]
    owner = obj["metadata"].get("labels", {}).get(_OF, "")
    above = next((one for one in beside.of("Kafka", _GROUP) if one["metadata"]["name"] == owner), {})
    whole = above.get("spec", {}).get("kafka", {})
    alone = len([one for one in beside.of("KafkaNodePool", _GROUP) if _owner(one) == owner]) < 2
    pod = _pod({**whole.get("template", {}), **spec.get("template", {})})
    if "broker" in spec.get("roles", ()) and whole.get("rack", {}).get("topologyKey"):
        pod["affinity"] = required(pod, {"key": whole["rack"]["topologyKey"], "operator": "Exists"})
    container = {"name": "kafka", "resources": spec.get("resources", whole.get("resources", {}))}
    labels = {_OF: owner, "strimzi.io/name": f"{owner}-kafka", "strimzi.io/pool-name": name}
    space = obj["metadata"].get("namespace") or beside.namespace
    for number in range(int(spec.get("replicas", 0))):
        called = f"{owner}-{name}-{number if alone else '*'}"
        claims = list(_claims(space, called, spec.get("storage", {})))
        yield pod_of(obj, called, {"spec": {**pod, "containers": [container]}}, beside, claims=claims, labels=labels)


def _owner(pool: Object) -> str:
    return str(pool["metadata"].get("labels", {}).get(_OF, ""))


def _claims(space: str, pod: str, storage: Mapping[str, Any], prefix: str = "data") -> Iterator[PlannedClaim]:
    if storage.get("type") == "jbod":
        for one in storage.get("volumes", ()):
            yield from _claims(space, pod, one, f"data-{one.get('id', 0)}")
    elif storage.get("type") == "persistent-claim":
        sized = {"resources": {"requests": {"storage": storage.get("size", 0)}}}
        chosen = {"matchLabels": storage["selector"]} if storage.get("selector") else {}
        yield claim_of(
            space,
            f"{prefix}-{pod}",
            {**sized, "selector": chosen, **({"storageClassName": storage["class"]} if storage.get("class") else {})},
        )


def connect(obj: Object, beside: Beside) -> Iterator[Found]:
    """``replicas`` (3) workers, numbered (model/KafkaConnectCluster.java, KafkaMirrorMaker2Cluster.java)."""
    spec = obj.get("spec", {})
    kind = "connect" if obj["kind"] == "KafkaConnect" else "mirrormaker2"
    name = f"{obj['metadata']['name']}-{kind}"
    container = {"name": name, "resources": spec.get("resources", {})}
    template = {"spec": {**_pod(spec.get("template", {})), "containers": [container]}}
    labels = {_OF: obj["metadata"]["name"], "strimzi.io/name": name}
    for number in range(int(spec.get("replicas", 3))):
        yield pod_of(obj, f"{name}-{number}", template, beside, labels=labels)


def bridge(obj: Object, beside: Beside) -> Iterator[Found]:
    """A Deployment of ``replicas`` (1) (api KafkaBridgeSpec.java)."""
    spec, name = obj.get("spec", {}), f"{obj['metadata']['name']}-bridge"
    yield from _helper(obj, name, spec, [{"name": name, "resources": spec.get("resources", {})}], beside, {})


def pod_set(obj: Object, beside: Beside) -> Iterator[Found]:
    """The pods that it holds."""
    for one in obj.get("spec", {}).get("pods", ()):
        yield pod_of(obj, one["metadata"]["name"], one, beside)


def _pod(template: Mapping[str, Any]) -> dict[str, Any]:
    """What of a resource's ``template.pod`` decides where its pods may be."""
    keys = ("affinity", "tolerations", "topologySpreadConstraints", "priorityClassName", "hostUsers")
    return {key: template.get("pod", {})[key] for key in keys if key in template.get("pod", {})}


KINDS = {
    f"Kafka.{_GROUP}": kafka,
    f"KafkaBridge.{_GROUP}": bridge,
    f"KafkaConnect.{_GROUP}": connect,
    f"KafkaMirrorMaker2.{_GROUP}": connect,
    f"KafkaNodePool.{_GROUP}": node_pool,
    "StrimziPodSet.core.strimzi.io": pod_set,
}

PODLESS = frozenset(f"{kind}.{_GROUP}" for kind in ("KafkaConnector", "KafkaRebalance", "KafkaTopic", "KafkaUser"))
