"""Secrets, ConfigMaps and keys that a pod names and that are not there, read from the kubelet's words.

No judgement reads a Secret, so that the kubelet's word is the only source (kubelet, pkg/kubelet/kuberuntime and
pkg/volume/{secret,configmap,projected}).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gonogo.cluster.judge.shapes import Object

_OBJECT = re.compile(r"\b(secret|configmap)s? \"([^\"]{1,300})\" not found", re.IGNORECASE)
_KEY = re.compile(r"couldn't find key (\S{1,300}) in (Secret|ConfigMap) (\S{1,600})")
_ITEM = re.compile(r"volume \"([^\"]{1,300})\" : references non-existent (secret|config) key: (\S{1,300})")

_KINDS = {"secret": "Secret", "configmap": "ConfigMap", "config": "ConfigMap"}


class Missing(NamedTuple):
    """What is missing: a reason of the doom table, and the object as causes name it."""

    reason: str
    cause: str


def missing(text: str, pod: Object) -> Missing | None:
    """What a message of the kubelet says that a pod misses; None where it says something else."""
    namespace = pod["metadata"].get("namespace", "")
    if found := _KEY.search(text):
        return Missing("KeyMissing", f"{found[2]} {found[3]}, key {found[1]}")
    if found := _ITEM.search(text):
        kind = _KINDS[found[2]]
        return Missing("KeyMissing", f"{kind} {namespace}/{_source(pod, found[1], kind)}, key {found[3]}")
    if found := _OBJECT.search(text):
        kind = _KINDS[found[1].lower()]
        return Missing(f"{kind}Missing", f"{kind} {namespace}/{found[2]}")
    return None


def _source(pod: Object, name: str, kind: str) -> str:
    """The Secret or ConfigMap that a volume is made of; the volume's own name where it is made of several."""
    for volume in pod.get("spec", {}).get("volumes", ()):
        if volume.get("name") == name:
            parts = [volume, *volume.get("projected", {}).get("sources", ())]
            if kind == "Secret":
                names = [
                    part["secret"].get("secretName") or part["secret"].get("name") for part in parts if "secret" in part
                ]
            else:
                names = [part["configMap"].get("name") for part in parts if "configMap" in part]
            if len(names) == 1 and names[0]:
                return str(names[0])
    return name
