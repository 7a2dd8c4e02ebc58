"""Doom: what will not come up by itself, and how long each such fact is given before it counts.

A fact is *named* (reason, message, hint) as soon as it can be read, and *given up* (``failed``) once it has stood
for its grace; until then the object is progressing. :data:`RULES` is the one table of both.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import NamedTuple

from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.judge.verdict import Judgement, State, short
from gonogo.results.model import Reference


class Rule(NamedTuple):
    """``grace`` in seconds from when the fact is first seen; and the next step."""

    grace: float
    hint: str = ""


AT_ONCE = 0.0
"""Only a person can change it: the object itself is wrong."""
SOMEBODY = 15.0
"""Somebody may be about to make what is missing: an installation applies its objects in any order."""
NETWORK = 60.0
"""The far side may come back."""
SLOW = 300.0
"""What healthy objects are known to take."""

RULES: Mapping[str, Rule] = {
    # images
    "ImageNotFound": Rule(AT_ONCE, "The registry has no such image: correct its name or tag, or push it"),
    "ImageRefused": Rule(
        AT_ONCE,
        "The registry wants other credentials, or hides that it has no such image: look at imagePullSecrets and name",
    ),
    "ImageNameInvalid": Rule(AT_ONCE, "Correct the image's name"),
    "ImageNeverPulled": Rule(AT_ONCE, "imagePullPolicy is Never: load the image onto the node or allow pulling"),
    "ImageUnreachable": Rule(NETWORK, "The node cannot reach the registry: look at its name, network, proxy and TLS"),
    "ImagePullFailed": Rule(NETWORK, "Look at what the node's runtime says"),
    # containers
    "CrashLoop": Rule(AT_ONCE, "Read what it wrote before it ended"),
    "OOMKilled": Rule(AT_ONCE, "Raise the memory limit, or lower what the program takes (its heap)"),
    "CommandNotFound": Rule(AT_ONCE, "Correct command or args: the image has no such program"),
    "ContainerFailed": Rule(AT_ONCE, "Read what it wrote before it ended"),
    "NeverRestarted": Rule(
        NETWORK,
        "It is not started again (restartPolicy Never), and what runs beside it keeps the pod: read what it wrote",
    ),
    "HeldBySidecar": Rule(
        SLOW, "Have no sidecar injected into pods that end, or a native one (an init container, restartPolicy Always)"
    ),
    "SecretMissing": Rule(SOMEBODY, "Create the Secret, or correct the reference"),
    "ConfigMapMissing": Rule(SOMEBODY, "Create the ConfigMap, or correct the reference"),
    "KeyMissing": Rule(SOMEBODY, "Add the key, or correct the reference"),
    "RunsAsRoot": Rule(AT_ONCE, "runAsNonRoot is set and the image runs as root: set runAsUser or change the image"),
    "ContainerConfigInvalid": Rule(SOMEBODY, "Correct the container's definition"),
    "ContainerNotCreated": Rule(NETWORK, "Look at what the node's runtime says"),
    "HookFailed": Rule(AT_ONCE, "Look at the container's lifecycle hook"),
    # probes
    "StartupProbe": Rule(AT_ONCE, "Read its log; where it is only slow, raise startupProbe.failureThreshold"),
    "LivenessProbe": Rule(AT_ONCE, "Read its log; where it is only slow, add a startupProbe"),
    "ReadinessProbe": Rule(SLOW, "Read its log, and ask the probe's address yourself"),
    "ReadinessGate": Rule(SLOW, "Look at the controller that sets this condition"),
    # placing
    "Unschedulable": Rule(SOMEBODY, "Make room, add a node, or ask for less"),
    "HostPortTaken": Rule(SOMEBODY, "Another pod on the node holds the port: drop hostPort or run fewer of them"),
    "VolumeElsewhere": Rule(SOMEBODY, "The volume is tied to another node or zone than those that may run the pod"),
    # volumes
    "ClaimMissing": Rule(SOMEBODY, "Create the claim, or correct its name in the pod"),
    "ClaimPending": Rule(SLOW, "Look at the claim"),
    "ClaimLost": Rule(AT_ONCE, "Its volume is gone: restore the data, make the claim anew"),
    "StorageClassMissing": Rule(SOMEBODY, "Use a class that exists, or create this one"),
    "NoStorageClass": Rule(SOMEBODY, "Name a class in the claim, or mark one as the default"),
    "NoCapacity": Rule(NETWORK, "Free space or ask for less"),
    "AccessModeRefused": Rule(SOMEBODY, "The class cannot do this access mode: use another mode or class"),
    "NoVolume": Rule(SOMEBODY, "No free volume has this class, size and access mode: create one"),
    "ProvisioningFailed": Rule(NETWORK, "Look at the provisioner's log"),
    "ProvisionerSilent": Rule(SLOW, "Look whether the provisioner of this class runs"),
    "MountFailed": Rule(NETWORK, "Look at the volume and at the node"),
    "AttachFailed": Rule(SLOW, "Another node may still hold the volume: look where its last pod ran"),
    "SandboxFailed": Rule(NETWORK, "Look at the node's network plugin and container runtime"),
    "RuntimeClassMissing": Rule(SOMEBODY, "Install the runtime class, or take another"),
    "PriorityClassMissing": Rule(SOMEBODY, "Create the priority class, or take another"),
    # refused by the API server, seen on the owner
    "QuotaExceeded": Rule(SOMEBODY, "Raise the quota, or ask for less"),
    "QuotaNeedsLimits": Rule(SOMEBODY, "A quota counts these resources: set them in every container"),
    "LimitRangeExceeded": Rule(SOMEBODY, "Change requests or limits to fit the LimitRange"),
    "PodSecurityRefused": Rule(SOMEBODY, "Set what the namespace's Pod Security level asks for, or lower the level"),
    "ServiceAccountMissing": Rule(SOMEBODY, "Create the service account, or correct its name"),
    "WebhookDown": Rule(NETWORK, "Bring the webhook's own pods up, or remove its configuration"),
    "AdmissionRefused": Rule(SOMEBODY, "Change the object so that the policy accepts it"),
    "NamespaceTerminating": Rule(SOMEBODY, "The namespace is being deleted: nothing new can be made in it"),
    "Invalid": Rule(SOMEBODY, "Correct the field that is named"),
    "CreateFailed": Rule(NETWORK, "Look at the controller's events"),
    # nodes and endings
    "Evicted": Rule(SOMEBODY, "Look at the node's disk and memory, and at the pod's requests"),
    "PodFailed": Rule(AT_ONCE, "Look at why its node ended it"),
    "NodeNotReady": Rule(NETWORK, "Look at the node's kubelet"),
    "NodePressure": Rule(SOMEBODY, "Free what the node runs out of"),
    "TerminatingStuck": Rule(SLOW, "Look at who should remove the finalizer, or whether the node is still there"),
    # controllers
    "ProgressDeadlineExceeded": Rule(AT_ONCE, "Look at its pods"),
    "BackoffLimitExceeded": Rule(AT_ONCE, "Read the log of its last pod"),
    "DeadlineExceeded": Rule(AT_ONCE, "Give it more time, or find why it is slow"),
    "JobFailed": Rule(AT_ONCE, "Read the log of its last pod"),
    "ScheduleInvalid": Rule(AT_ONCE, "Correct the schedule"),
    # networks and extensions
    "SelectorMatchesNothing": Rule(SOMEBODY, "Make the selector and the pods' labels the same"),
    "TargetPortMissing": Rule(SOMEBODY, "Name a port that the container declares"),
    "LoadBalancerFailed": Rule(NETWORK, "Look at the cloud's load balancer controller"),
    "BackendMissing": Rule(SOMEBODY, "Create the Service, or correct the backend's name"),
    "IngressClassMissing": Rule(SOMEBODY, "Use a class that exists, or install its controller"),
    "WebhookUnready": Rule(NETWORK, "Until its Service has a ready endpoint, what it guards is refused"),
    "CABundleMissing": Rule(NETWORK, "Nobody has put the certificate authority in: look at the injector"),
    "NamesTaken": Rule(SOMEBODY, "Another definition has these names: remove one of the two"),
    "APIUnavailable": Rule(NETWORK, "Look at the Service behind this API"),
    "NamespaceStuck": Rule(SLOW, "Look at who should remove what is named"),
    "MetricsMissing": Rule(SLOW, "Look whether the metrics server answers"),
    "TargetMissing": Rule(SOMEBODY, "Create what it scales, or correct the name"),
    "BudgetUnsound": Rule(SOMEBODY, "Correct the budget's selector"),
    # custom resources
    "DefinitionMissing": Rule(SOMEBODY, "Install the definition of this kind, and its operator"),
    "OperatorSilent": Rule(NETWORK, "No status was ever written: look whether the operator of this kind runs"),
    "OperatorRefuses": Rule(NETWORK, "Its operator runs and does not take it as it is written: correct what is named"),
    "OperatorWaits": Rule(SLOW, "Its operator has made nothing of it yet: make what it waits for, or correct the name"),
}

TERMINATIONS = 3
"""A crash loop is given up at this many ends alike."""

UNSTABLE = 600.0
"""Seconds after which the kubelet forgives: a container that ran longer starts its back-off anew."""

NEEDS = 600.0
"""Seconds that a crash loop is excused for by a Service that it names and that has no ready endpoint."""

SCALING = 900.0
"""Seconds that an autoscaler may take after it said that it adds a node (its own limit, max-node-provision-time)."""


def doom(
    reason: str,
    message: str,
    *,
    waited: float | None,
    command: str = "",
    cause: Reference | None = None,
    hint: str = "",
) -> Judgement:
    """The verdict on a fact of the table that has stood for ``waited`` seconds.

    ``command`` is what to type next. ``hint`` replaces the table's. Where nobody knows how long it has stood,
    or that does not matter (None), it has only just been seen.
    """
    rule = RULES[reason]
    given_up = (waited or 0.0) >= rule.grace
    advice = hint or rule.hint
    return Judgement(
        State.FAILED if given_up else State.PROGRESSING,
        reason,
        short(message, 600),
        f"{advice}: {command}" if advice and command else advice or command,
        cause,
        grace=None if given_up else rule.grace,
        waited=waited if rule.grace else None,
    )


def untold(verdict: Judgement) -> Judgement:
    """The same fact where nobody can tell for how long it has stood: it may be given up by now."""
    message = f"{verdict.message}; for how long cannot be told: nothing in the files is later"
    return verdict._replace(state=State.UNKNOWN, message=short(message, 600), grace=None)


def recovering(verdict: Judgement, why: str) -> Judgement:
    """The same fact, named, and not given up because of ``why``."""
    return verdict._replace(state=State.PROGRESSING, message=short(f"{verdict.message}; {why}", 600), grace=None)


def kubectl(obj: Object, verb: str = "describe", *words: str) -> str:
    """The command that shows an object: ``kubectl -n data describe pod web-0``."""
    meta, kind, name = obj["metadata"], obj["kind"].lower(), obj["metadata"]["name"]
    what = [name] if verb == "logs" else [kind, name]
    if any(one.startswith("-") for one in what):  # it would be an option
        return typed(meta.get("namespace", ""), verb, *words, "--", *what)
    return typed(meta.get("namespace", ""), verb, *what, *words)


def typed(namespace: str, *words: str) -> str:
    """A command of kubectl as a shell takes it; ``namespace`` may be empty. Names are whatever somebody called it."""
    return shlex.join(["kubectl", *(["-n", namespace] if namespace else []), *words])


# -- image catalogues that are no more

_CATALOGUES = (
    (
        re.compile(r"bitnami/[^:@]+:(?!latest$)"),
        "Versioned images of bitnami/ left the free catalogue on 2025-08-28: take bitnamilegacy/ or another source",
    ),
    (
        re.compile(r"minio/minio\b"),
        "minio/minio was deleted from its public registry on 2026-09-12: take another source or a mirror",
    ),
)
"""Image names without the default registry, and what became of them (vendors' notices)."""


def deleted(image: str) -> str:
    """What is known of an image whose whole catalogue was deleted; empty where nothing is."""
    first, _, rest = image.partition("/")
    if first.split(".")[-2:-1] == ["docker"]:
        image = rest
    return next((what for pattern, what in _CATALOGUES if pattern.match(image)), "")
