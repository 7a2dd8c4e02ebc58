"""What only the kubelet's words tell: its messages in a container's status and in events have no field for it.

Secrets, ConfigMaps and keys that a pod names and that are not there (no judgement reads a Secret; kubelet,
pkg/kubelet/kuberuntime and pkg/volume/{secret,configmap,projected}), why a runtime cannot start a container
(runc and containerd, which the kubelet quotes), and which probe failed (pkg/kubelet/prober/prober.go).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gonogo.cluster.judge.shapes import Object
from gonogo.results.model import Reference

_OBJECT = re.compile(r"\b(secret|configmap)s? \"([^\"]{1,300})\" not found", re.IGNORECASE)
_KEY = re.compile(r"couldn't find key (\S{1,300}) in (Secret|ConfigMap) (\S{1,600})")
_ITEM = re.compile(r"volume \"([^\"]{1,300})\" : references non-existent (secret|config) key: (\S{1,300})")

_NO_PROGRAM = re.compile(
    r"executable file not found|no such file or directory|permission denied|is a directory|exec format"
)
_PROBE = re.compile(r"Liveness|Readiness|Startup")

_KINDS = {"secret": "Secret", "configmap": "ConfigMap", "config": "ConfigMap"}


class Missing(NamedTuple):
    """What is missing: a reason of the doom table, and the object."""

    reason: str
    cause: Reference


def missing(text: str, pod: Object) -> Missing | None:
    """What a message of the kubelet says that a pod misses; None where it says something else."""
    namespace = pod["metadata"].get("namespace", "")
    if found := _KEY.search(text):
        space, _, name = found[3].rpartition("/")
        return Missing("KeyMissing", Reference(kind=found[2], namespace=space, name=name, key=found[1]))
    if found := _ITEM.search(text):
        kind = _KINDS[found[2]]
        name = _source(pod, found[1], kind)
        return Missing("KeyMissing", Reference(kind=kind, namespace=namespace, name=name, key=found[3]))
    if found := _OBJECT.search(text):
        kind = _KINDS[found[1].lower()]
        return Missing(f"{kind}Missing", Reference(kind=kind, namespace=namespace, name=found[2]))
    return None


def runs_as_root(text: str) -> bool:
    """Whether a container was not started because it would run as root."""
    return "runAsNonRoot" in text or "run as root" in text


def no_program(text: str) -> bool:
    """Whether the image lacks what the container was to run, or it cannot be run."""
    return _NO_PROGRAM.search(text) is not None


def no_command(text: str) -> bool:
    """Whether neither image nor container names what to run."""
    return "no command specified" in text


def no_runtime_class(text: str) -> bool:
    """Whether the node does not know the pod's runtime class."""
    return "no runtime for" in text or "runtime handler" in text


def probe(text: str) -> str:
    """Which probe an event tells of: Liveness, Readiness or Startup; empty where it tells of none."""
    return found[0] if (found := _PROBE.match(text)) else ""


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
