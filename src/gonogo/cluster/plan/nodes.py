"""Which nodes a pod may be on, whatever runs there: the scheduler's rules that look at a node alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from gonogo.cluster.judge.scheduling import tolerates
from gonogo.cluster.judge.shapes import Object

UNSCHEDULABLE = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


class Obstacle(NamedTuple):
    """Why a node does not take a pod: ``cause`` is a word, ``text`` says it of the node."""

    cause: str
    text: str


def barred(node: Object, spec: Mapping[str, Any]) -> Obstacle | None:
    """Why the node never takes a pod of this ``spec``; None where it may. What it is not meant for is said first.

    kubernetes.io/docs/concepts/scheduling-eviction: NodeUnschedulable, NodeName, TaintToleration, NodeAffinity.
    """
    wanted, name = spec.get("nodeName"), node["metadata"]["name"]
    if wanted and wanted != name:
        return Obstacle("node_name", f"it names node {wanted}")
    labels = node["metadata"].get("labels", {})
    for key, value in spec.get("nodeSelector", {}).items():
        if labels.get(key) != value:
            there = f", it has {labels[key]}" if key in labels else ""
            return Obstacle("node_selector", f"lacks the label {key}={value}{there}")
    rule = spec.get("affinity", {}).get("nodeAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    if rule is not None and not any(meets(node, term) for term in rule.get("nodeSelectorTerms", ())):
        return Obstacle("node_affinity", "does not meet the required node affinity")
    tolerations = spec.get("tolerations", ())
    if node.get("spec", {}).get("unschedulable") and not any(tolerates(one, UNSCHEDULABLE) for one in tolerations):
        return Obstacle("cordoned", "is cordoned")
    for taint in node.get("spec", {}).get("taints", ()):
        hard = taint.get("effect") in ("NoSchedule", "NoExecute")
        if hard and taint.get("key") != UNSCHEDULABLE["key"] and not any(tolerates(t, taint) for t in tolerations):
            value = f"={taint['value']}" if taint.get("value") else ""
            return Obstacle("taint", f"has the taint {taint.get('key', '')}{value}:{taint['effect']}, not tolerated")
    return None


def meets(node: Object, term: Mapping[str, Any]) -> bool:
    """Whether a node meets a term of a node affinity; an empty term means none."""
    expressions, fields = term.get("matchExpressions", ()), term.get("matchFields", ())
    labels, own = node["metadata"].get("labels", {}), {"metadata.name": node["metadata"]["name"]}
    found = [_meets(one, labels) for one in expressions] + [_meets(one, own) for one in fields]
    return bool(found) and all(found)


def within(node: Object, terms: list[Mapping[str, Any]]) -> bool:
    """Whether a node is within the allowed topologies of a StorageClass."""
    labels = node["metadata"].get("labels", {})
    return any(
        all(labels.get(one.get("key", "")) in one.get("values", ()) for one in term.get("matchLabelExpressions", ()))
        for term in terms
    )


def required(spec: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The affinity of a pod that also needs a node with such a label; its own terms are alternatives."""
    affinity = spec.get("affinity", {})
    node = affinity.get("nodeAffinity", {})
    rule = node.get("requiredDuringSchedulingIgnoredDuringExecution", {})
    own: list[Mapping[str, Any]] = rule.get("nodeSelectorTerms") or [{}]
    terms = [{**term, "matchExpressions": [*term.get("matchExpressions", ()), wanted]} for term in own]
    every = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    return {**affinity, "nodeAffinity": {**node, **every}}


def _meets(wanted: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(wanted.get("key", "")), wanted.get("values", ())
    match wanted.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt" as which:
            try:
                number, bound = int(value or ""), int(values[0])
            except (ValueError, IndexError):
                return False
            return number > bound if which == "Gt" else number < bound
    return False
