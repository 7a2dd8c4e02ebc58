"""Whether what ``[deploy]`` asks for is seen in the objects that a chart or a manifest is rendered to. Pure.

A chart that has no place for a key takes the values and drops it; so the objects are looked at, not the values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gonogo.cluster.api import KINDS
from gonogo.cluster.judge.shapes import Object
from gonogo.providers.helm.contents import HOOK

ENFORCE = "pod-security.kubernetes.io/enforce"
"""A label of a namespace: what pods there have to keep to (kubernetes.io/docs/concepts/security)."""

VOLUMES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
CAPABILITIES = frozenset(
    {"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"}
    | {"NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"}
)
"""What the level ``baseline`` lets containers add."""

TESTS = ("test", "test-success", "test-failure")
"""Hooks that gonogo never has run."""


class Demands(NamedTuple):
    """``[deploy]``, the names of the Secrets that hold its authority, and the keys that are not looked for."""

    deploy: Mapping[str, Any]
    authorities: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()


class Unseen(NamedTuple):
    """A key of ``[deploy]`` of which nothing is seen in ``where``: an object, or all custom resources together."""

    key: str
    where: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.key} of [deploy] is not applied to {self.where}" + (f": {self.why}" if self.why else "")


def unseen(objects: Iterable[Object], given: Demands) -> list[Unseen]:
    """What is given, and of which nothing is seen in these objects of one release or manifest.

    Where none of them makes pods, those are made of its custom resources, which have to say it among them.
    """
    objects = [one for one in objects if not _test(one)]
    found = [Unseen("storage_class", _name(one)) for one in objects if _other_class(one, given.deploy["storage_class"])]
    pods = [(one, spec) for one in objects for spec in _pods(one)]
    for one, spec in pods:
        found += (Unseen(key, _name(one), why) for key, why in _lacks(spec, given, objects))
    custom = [one for one in objects if "/" in one["apiVersion"] and not _builtin(one)]
    if custom and not pods:
        where = ", ".join(map(_name, custom))
        found += (Unseen(key, where) for key in _unsaid(custom, given))
    return [one for one in dict.fromkeys(found) if one.key not in given.without]


# -- a pod as it is rendered


def _lacks(spec: Mapping[str, Any], given: Demands, objects: Sequence[Object]) -> Iterator[tuple[str, str]]:
    """The keys that a pod does not have, and what is wrong."""
    deploy = given.deploy
    if registry := deploy["registry"]:
        others = [one["image"] for one in _containers(spec) if not str(one.get("image", "")).startswith(f"{registry}/")]
        if others:
            yield "registry", f"its image is {', '.join(others)}"
    if deploy["pull_secret"] and deploy["pull_secret"] not in _pulled(spec, objects):
        yield "pull_secret", ""
    if not deploy["node_selector"].items() <= (spec.get("nodeSelector") or {}).items():
        wanted = _words(spec.get("affinity") or {})
        if not {word for pair in deploy["node_selector"].items() for word in pair} <= wanted:
            yield "node_selector", ""
    if any(dict(one) not in (spec.get("tolerations") or []) for one in deploy["tolerations"]):
        yield "tolerations", ""
    if why := ", ".join(beyond(spec, deploy["pod_security"])):
        yield "pod_security", why
    told = [spec, *(one for one in objects if one["kind"] == "ConfigMap")]
    if deploy["proxy"] and deploy["proxy"] not in _words(told):
        yield "proxy", ""
    if deploy["ca"] and not _trusts(told, given):
        yield "ca", ""


def beyond(spec: Mapping[str, Any], level: str) -> Iterator[str]:
    """What of a pod the level ``baseline`` or ``restricted`` does not allow (pod-security-standards); each once."""
    if level in ("baseline", "restricted"):
        yield from dict.fromkeys(_beyond_baseline(spec))
    if level == "restricted":
        yield from dict.fromkeys(_beyond_restricted(spec))


def _beyond_baseline(spec: Mapping[str, Any]) -> Iterator[str]:
    yield from (key for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key))
    yield from (f"volume {one.get('name')} is a hostPath" for one in spec.get("volumes") or () if "hostPath" in one)
    for one in _containers(spec):
        own = one.get("securityContext") or {}
        if own.get("privileged"):
            yield "privileged"
        if more := sorted({*((own.get("capabilities") or {}).get("add") or ())} - CAPABILITIES):
            yield f"capabilities.add {', '.join(more)}"
        if any(port.get("hostPort") for port in one.get("ports") or ()):
            yield "hostPort"


def _beyond_restricted(spec: Mapping[str, Any]) -> Iterator[str]:
    whole = spec.get("securityContext") or {}
    for one in spec.get("volumes") or ():
        if kinds := sorted(one.keys() - {"name", "hostPath"} - VOLUMES):
            yield f"volume {one.get('name')} is a {kinds[0]}"
    for one in _containers(spec):
        own, capabilities = (
            one.get("securityContext") or {},
            (one.get("securityContext") or {}).get("capabilities") or {},
        )
        profile = (own.get("seccompProfile") or whole.get("seccompProfile") or {}).get("type")
        if own.get("allowPrivilegeEscalation") is not False:
            yield "allowPrivilegeEscalation is not false"
        if own.get("runAsNonRoot", whole.get("runAsNonRoot")) is not True:
            yield "runAsNonRoot is not true"
        if own.get("runAsUser", whole.get("runAsUser")) == 0:
            yield "runAsUser is 0"
        if profile not in ("RuntimeDefault", "Localhost"):
            yield "no seccompProfile"
        if "ALL" not in (capabilities.get("drop") or ()):
            yield "capabilities are not dropped"
        if set(capabilities.get("add") or ()) - {"NET_BIND_SERVICE"}:
            yield "capabilities are added"


def _pulled(spec: Mapping[str, Any], objects: Iterable[Object]) -> set[str]:
    """The Secrets that its images are pulled with, those of its account among them."""
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    accounts = [one for one in objects if one["kind"] == "ServiceAccount" and one["metadata"]["name"] == account]
    return {one["name"] for thing in (spec, *accounts) for one in thing.get("imagePullSecrets") or ()}


def _trusts(told: Any, given: Demands) -> bool:
    words = _words(told)
    authority = given.deploy["ca"].strip()
    return bool(words & given.authorities) or any(authority in word for word in words)


def _other_class(one: Object, wanted: str) -> bool:
    """Whether a claim, or what one is made of, is of another StorageClass."""
    spec = one.get("spec") or {}
    claims = spec.get("volumeClaimTemplates") or () if one["kind"] == "StatefulSet" else ()
    claims = [spec] if one["kind"] == "PersistentVolumeClaim" else [claim.get("spec") or {} for claim in claims]
    return bool(wanted) and any(claim.get("storageClassName") != wanted for claim in claims)


# -- what an operator makes pods of


def _unsaid(custom: Sequence[Object], given: Demands) -> Iterator[str]:
    """The keys of which no word is in these objects; how an operator spells a key is its own matter."""
    deploy, words = given.deploy, _words([one.get("spec") for one in custom])
    said: dict[str, Callable[[], bool]] = {
        "registry": lambda: any(one.startswith(f"{deploy['registry']}/") for one in words),
        "pull_secret": lambda: deploy["pull_secret"] in words,
        "storage_class": lambda: deploy["storage_class"] in words,
        "node_selector": lambda: {word for pair in deploy["node_selector"].items() for word in pair} <= words,
        "tolerations": lambda: _words([[*one.values()] for one in deploy["tolerations"]]) <= words,
        "pod_security": lambda: deploy["pod_security"] != "restricted" or "runAsNonRoot" in words,
        "proxy": lambda: deploy["proxy"] in words,
        "ca": lambda: _trusts([one.get("spec") for one in custom], given),
    }
    yield from (key for key, is_said in said.items() if deploy[key] and not is_said())


# -- the shapes of objects


def _pods(one: Object) -> Iterator[Mapping[str, Any]]:
    """The pods' specification of what makes pods."""
    spec = one.get("spec") or {}
    if not _builtin(one):
        return
    if one["kind"] == "Pod":
        yield spec
    if one["kind"] == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    inner = (spec.get("template") or {}).get("spec")
    if isinstance(inner, Mapping) and "containers" in inner:
        yield inner


def _containers(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]


def _builtin(one: Object) -> bool:
    known = KINDS.get(one["kind"])
    return known is not None and known.group == one["apiVersion"].rpartition("/")[0]


def _test(one: Object) -> bool:
    hooks = str((one["metadata"].get("annotations") or {}).get(HOOK, "")).split(",")
    return any(each.strip() in TESTS for each in hooks)


def _name(one: Object) -> str:
    return f"{one['kind']} {one['metadata']['name']}"


def _words(thing: Any) -> set[str]:
    """Every key and every text of it."""
    if isinstance(thing, Mapping):
        return {*map(str, thing), *(word for one in thing.values() for word in _words(one))}
    if isinstance(thing, list | tuple):
        return {word for one in thing for word in _words(one)}
    return {thing} if isinstance(thing, str) else set()
