"""Secrets, ConfigMaps and keys that a pod names and that are not there, read from the kubelet's words.

No judgement reads a Secret, so that the kubelet's word is the only source (kubelet, pkg/kubelet/kuberuntime and
pkg/volume/{secret,configmap,projected}).
"""

from __future__ import annotations

import re
from typing import NamedTuple

_OBJECT = re.compile(r"\b(secret|configmap)s? \"([^\"]+)\" not found", re.IGNORECASE)
_KEY = re.compile(r"couldn't find key (\S+) in (Secret|ConfigMap) (\S+)")
_ITEM = re.compile(r"references non-existent (secret|config) key: (\S+)")

_KINDS = {"secret": "Secret", "configmap": "ConfigMap", "config": "ConfigMap"}


class Missing(NamedTuple):
    """What is missing: a reason of the doom table, and the object as causes name it."""

    reason: str
    cause: str


def missing(text: str, namespace: str) -> Missing | None:
    """What a message of the kubelet says is missing; None where it says something else."""
    if found := _KEY.search(text):
        return Missing("KeyMissing", f"{found[2]} {found[3]}, key {found[1]}")
    if found := _ITEM.search(text):
        return Missing("KeyMissing", f"{_KINDS[found[1]]} of a volume in {namespace}, key {found[2]}")
    if found := _OBJECT.search(text):
        kind = _KINDS[found[1].lower()]
        return Missing(f"{kind}Missing", f"{kind} {namespace}/{found[2]}")
    return None
