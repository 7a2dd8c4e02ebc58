"""Pods that the API server refused to make: seen on their owner, since there is no pod to see it on."""

from __future__ import annotations

import re

from gonogo.cluster.judge.doom import doom, kubectl, typed
from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.judge.verdict import Judgement
from gonogo.cluster.judge.world import World, condition, instant, reference, said, seen
from gonogo.results.model import Reference

_WORDS = (
    ("QuotaExceeded", re.compile(r"exceeded quota: (?P<name>[^,]{1,300}),")),
    ("QuotaNeedsLimits", re.compile(r"failed quota: (?P<name>[^:]{1,300}): must specify")),
    ("PodSecurityRefused", re.compile(r"violates PodSecurity")),
    ("ServiceAccountMissing", re.compile(r"error looking up service account (?:[^/\s]+/)?(?P<name>[^:\s]+)")),
    ("WebhookDown", re.compile(r"failed calling webhook|failed to call webhook")),
    ("AdmissionRefused", re.compile(r"admission webhook .{0,600} denied|ValidatingAdmissionPolicy .{0,600} denied")),
    ("NamespaceTerminating", re.compile(r"because it is being terminated|namespace .{0,300} is being terminated")),
    ("PriorityClassMissing", re.compile(r"no PriorityClass with name (?P<name>\S+) was found")),
    ("RuntimeClassMissing", re.compile(r"RuntimeClass\S{0,60} \"(?P<name>[^\"]{1,300})\" not found")),
    ("LimitRangeExceeded", re.compile(r"(maximum|minimum) \S+ usage per|limit to request ratio")),
    ("Invalid", re.compile(r"is invalid: ")),
    ("AdmissionRefused", re.compile(r"is forbidden")),
)
"""What admission says (k8s.io/apiserver and plugin/pkg/admission), as a reason of the doom table; the first counts.

Every repetition that something must follow has an end: a hostile message of a megabyte would else take hours."""

_KINDS = {
    "QuotaExceeded": "ResourceQuota",
    "QuotaNeedsLimits": "ResourceQuota",
    "ServiceAccountMissing": "ServiceAccount",
    "PriorityClassMissing": "PriorityClass",
    "RuntimeClassMissing": "RuntimeClass",
}
_OF_NO_NAMESPACE = ("PriorityClass", "RuntimeClass")
_WEBHOOK = re.compile(r"failed calling webhook \"([^\"]+)\"")
_SERVICE = re.compile(r"https://([^./\"]+)\.([^./\"]+)\.svc")
_PREFIX = re.compile(r"^Error creating: |^create Pod \S+ in StatefulSet \S+ failed error: ")


def refused(world: World, owner: Object) -> Judgement | None:
    """The verdict on a controller whose latest pods were refused; None where none were, or some came since."""
    found = condition(owner, "ReplicaFailure")
    if found.get("status") == "True":
        waited = world.since(found.get("lastTransitionTime", ""))
        return _verdict(world, owner, found.get("message", ""), world.age(owner) if waited is None else waited)
    events = world.events(owner, "FailedCreate", "FailedDaemonPod")
    if not events or _came_since(world, owner, events[-1]):
        return None
    waited = world.since(events[0].get("firstTimestamp") or seen(events[0]))
    return _verdict(world, owner, said(events[-1]), waited)


def _came_since(world: World, owner: Object, event: Object) -> bool:
    then = instant(seen(event))
    made = (instant(pod["metadata"].get("creationTimestamp", "")) for pod in world.children(owner, "Pod"))
    return then is not None and any(when > then for when in made if when is not None)


def _verdict(world: World, owner: Object, text: str, waited: float | None) -> Judgement:
    text = _PREFIX.sub("", text)
    space = owner["metadata"].get("namespace", "")
    reason, name = "CreateFailed", ""
    for word, pattern in _WORDS:
        if found := pattern.search(text):
            reason, name = word, found.groupdict().get("name") or ""
            break
    cause, command = reference(owner), kubectl(owner)
    if name and reason in _KINDS:
        kind = _KINDS[reason]
        cause = Reference(kind=kind, namespace="" if kind in _OF_NO_NAMESPACE else space, name=name)
        command = typed(space, "describe", kind.lower(), name) if kind == "ResourceQuota" else command
    elif reason == "WebhookDown":
        cause, command = _webhook(world, text) or (cause, command)
    elif reason in ("PodSecurityRefused", "NamespaceTerminating"):
        cause = Reference(kind="Namespace", name=space)
        command = typed("", "get", "namespace", space, "-o", "yaml")
    elif reason == "LimitRangeExceeded":
        command = typed(space, "describe", "limitrange")
    return doom(reason, text, waited=waited, command=command, cause=cause)


def _webhook(world: World, text: str) -> tuple[Reference, str] | None:
    """The configuration that holds a webhook, else the Service that it calls, and the command that shows it."""
    name = found[1] if (found := _WEBHOOK.search(text)) else ""
    for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"):
        for configuration in world.of_kind(kind):
            if any(hook.get("name") == name for hook in configuration.get("webhooks", ())):
                return reference(configuration), kubectl(configuration)
    if found := _SERVICE.search(text):
        cause = Reference(kind="Service", namespace=found[2], name=found[1])
        return cause, typed(found[2], "get", "pods,endpointslices")
    return None
