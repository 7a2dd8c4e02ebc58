"""Objects as an API server holds them, made of what a test cares about, and the instant they are looked at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gonogo.cluster.judge import Row, World, judge

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)

Object = dict[str, Any]


def ago(seconds: float) -> str:
    """A time of the API, ``seconds`` before :data:`NOW`."""
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def thing(
    api: str,
    kind: str,
    name: str,
    *,
    age: float = 3600,
    namespace: str = "data",
    owner: Object | None = None,
    meta: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Object:
    """Any object, ``age`` seconds old."""
    metadata = {"name": name, "uid": f"{kind}-{namespace}-{name}", "creationTimestamp": ago(age), **(meta or {})}
    if namespace:
        metadata["namespace"] = namespace
    if owner is not None:
        told = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"]}
        metadata["ownerReferences"] = [{**told, "uid": owner["metadata"]["uid"], "controller": True}]
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **fields}


def conditions(since: float = 3600, **states: str | tuple[str, str, str]) -> list[Object]:
    """Conditions by type: a status, or status, reason and message."""
    told = {kind: state if isinstance(state, tuple) else (state, "", "") for kind, state in states.items()}
    return [
        {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": ago(since)}
        for kind, (status, reason, message) in told.items()
    ]


def running(age: float = 3000) -> Object:
    """The state of a container that has run for ``age`` seconds."""
    return {"running": {"startedAt": ago(age)}}


def waiting(reason: str, message: str = "") -> Object:
    """The state of a container that waits."""
    return {"waiting": {"reason": reason, "message": message}}


def ended(code: int, reason: str = "Error", *, since: float = 5, lasted: float = 2, message: str = "") -> Object:
    """The state of a container that ended ``since`` seconds ago, ``lasted`` seconds after its start."""
    end = {"exitCode": code, "reason": reason, "startedAt": ago(since + lasted), "finishedAt": ago(since)}
    return {"terminated": {**end, **({"message": message} if message else {})}}


def container(
    state: Object,
    *,
    name: str = "app",
    ready: bool = False,
    started: bool | None = None,
    restarts: int = 0,
    last: Object | None = None,
) -> Object:
    """The status of a container."""
    told = {"name": name, "image": "shop/app:1.0", "ready": ready, "restartCount": restarts, "state": state}
    told["lastState"] = last or {}
    told["started"] = ("running" in state) if started is None else started
    return told


def pod(
    name: str = "app-1",
    *statuses: Object,
    phase: str = "Running",
    ready: bool = False,
    since: float = 3600,
    scheduled: bool | tuple[str, str, str] = True,
    age: float = 3600,
    init: list[Object] | None = None,
    spec: Mapping[str, Any] | None = None,
    status: Mapping[str, Any] | None = None,
    owner: Object | None = None,
    meta: Mapping[str, Any] | None = None,
    containers: Mapping[str, Any] | None = None,
) -> Object:
    """A pod; ``since`` is how long its conditions stand, ``containers`` what its container ``app`` is defined with."""
    placed: Any = ("True" if scheduled else "False") if isinstance(scheduled, bool) else scheduled
    told = conditions(since, Ready="True" if ready else "False", PodScheduled=placed)
    definition = {"containers": [{"name": "app", "image": "shop/app:1.0", **(containers or {})}], **(spec or {})}
    if placed == "True":
        definition.setdefault("nodeName", "node-1")
    state = {"phase": phase, "conditions": told, "startTime": ago(age), **(status or {})}
    if statuses or (ready and phase == "Running"):
        state["containerStatuses"] = list(statuses) or [container(running(), ready=True)]
    if init:
        state["initContainerStatuses"] = init
    return thing("v1", "Pod", name, age=age, owner=owner, meta=meta, spec=definition, status=state)


def event(about: Object, reason: str, message: str, *, first: float = 30, last: float = 5, path: str = "") -> Object:
    """A Warning event about an object, first and last seen so many seconds ago."""
    meta = about["metadata"]
    subject = {"kind": about["kind"], "name": meta["name"], "namespace": meta.get("namespace", ""), "uid": meta["uid"]}
    if path:
        subject["fieldPath"] = path
    times = {"firstTimestamp": ago(first), "lastTimestamp": ago(last)}
    name = re.sub(r"\W+", "-", f"{meta['name']}-{reason}-{first}-{last}").lower()
    fields = {"type": "Warning", "reason": reason, "message": message, "involvedObject": subject, **times}
    return thing("v1", "Event", name, namespace=meta.get("namespace", ""), **fields)


def node(name: str = "node-1", *, ready: str = "True", since: float = 3600, **fields: Any) -> Object:
    """A node with 4 cores and 8 GiB."""
    state = {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}, "conditions": conditions(since, Ready=ready)}
    return thing("v1", "Node", name, namespace="", spec=fields.pop("spec", {}), status=state, **fields)


def rows(*objects: Object, **world: Any) -> dict[str, Row]:
    """The rows of these objects by ``Kind/name``, seen at :data:`NOW`."""
    return {f"{row.kind}/{row.name}": row for row in judge(World.of(objects, now=NOW, **world))}


def row(obj: Object, *others: Object, **world: Any) -> Row:
    """The row of the first object, the others being there too."""
    return rows(obj, *others, **world)[f"{obj['kind']}/{obj['metadata']['name']}"]
