"""Pods by the thousand: most of them plainly serve, and of those only what others need of them is decoded.

A pod is plain where its phase is Running, its condition Ready is True, nothing of it was ever restarted and nobody
deletes it. Such a pod is ready, whatever else it holds; its labels, owner, node, ports, requests and claims tell why
*others* are not. All others are decoded as :mod:`~gonogo.cluster.judge.shapes` has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import msgspec

from gonogo.cluster.judge.shapes import ClaimSource, ListMeta, Meta, Page, Port, Quantity, Resources, joined
from gonogo.cluster.judge.shapes import page as shaped_page
from gonogo.core.codec import decoder


class _Volume(TypedDict, total=False):
    name: str
    persistentVolumeClaim: ClaimSource
    ephemeral: dict[str, Any]


class _Container(TypedDict, total=False):
    name: str
    ports: list[Port]
    resources: Resources
    restartPolicy: str


class _Spec(TypedDict, total=False):
    nodeName: str
    serviceAccountName: str
    containers: list[_Container]
    initContainers: list[_Container]
    volumes: list[_Volume]
    overhead: dict[str, Quantity]


class _Condition(msgspec.Struct, gc=False):
    type: str = ""
    status: str = ""


class _ContainerStatus(msgspec.Struct, gc=False, rename="camel"):
    name: str = ""
    ready: bool = False
    restart_count: int = 0


class _Status(msgspec.Struct, gc=False, rename="camel"):
    phase: str = ""
    conditions: list[_Condition] = []
    container_statuses: list[_ContainerStatus] = []
    init_container_statuses: list[_ContainerStatus] = []


class _Pod(TypedDict, total=False):
    metadata: Meta
    spec: _Spec
    status: _Status


class _List(msgspec.Struct):
    items: list[_Pod]
    metadata: ListMeta = msgspec.field(default_factory=ListMeta)


class _Raw(msgspec.Struct):
    items: list[msgspec.Raw]


_LIST, _RAW = decoder(_List), decoder(_Raw)

Key = tuple[Any, ...]


def page(api_version: str, kind: str, raw: bytes, known: dict[Key, Mapping[str, Any]]) -> Page:
    """One page of a list of a kind, of pods as told above.

    ``known`` holds the statuses of plain pods, which many have in common. Raises ``msgspec.DecodeError`` where it
    is no JSON or no list.
    """
    if (api_version, kind) != ("v1", "Pod"):
        return shaped_page(api_version, kind, raw)
    try:
        found = _LIST.decode(raw)
    except msgspec.ValidationError:
        return shaped_page("v1", "Pod", raw)
    items: list[Any] = list(found.items)
    odd = [number for number, pod in enumerate(items) if not _plain(pod, known)]
    if odd:
        whole = _RAW.decode(raw).items
        part = joined(whole[number] for number in odd)
        for number, pod in zip(odd, shaped_page("v1", "Pod", part).items, strict=True):
            items[number] = pod
    return Page(items, found.metadata.resource_version, found.metadata.more, found.metadata.remaining)


def _plain(pod: dict[str, Any], known: dict[Key, Mapping[str, Any]]) -> bool:
    """Whether the pod is plain; then it is made an object as the others are."""
    meta, spec, status = pod.get("metadata", {}), pod.get("spec"), pod.get("status")
    if spec is None or status is None or status.phase != "Running":
        return False
    if not meta.get("name") or "deletionTimestamp" in meta:
        return False
    containers = [*status.container_statuses, *status.init_container_statuses]
    if any(one.restart_count for one in containers):
        return False
    conditions = tuple([(one.type, one.status) for one in status.conditions])
    if ("Ready", "True") not in conditions:
        return False
    key = (conditions, tuple([(one.name, one.ready) for one in status.container_statuses]))
    if key not in known:
        known[key] = {
            "phase": "Running",
            "conditions": [{"type": kind, "status": value} for kind, value in key[0]],
            "containerStatuses": [{"name": name, "ready": ready, "restartCount": 0} for name, ready in key[1]],
        }
    pod.update(apiVersion="v1", kind="Pod", status=known[key])
    # what is left of a volume besides its name is a claim
    if claims := [one for one in spec.pop("volumes", ()) if len(one) > 1]:
        spec["volumes"] = claims
    return True
