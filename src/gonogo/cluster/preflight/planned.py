"""Rules over what would be made: whether the cluster serves it, holds what it refers to, and admits it."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from gonogo.cluster.judge.doom import deleted
from gonogo.cluster.judge.endpoints import matches
from gonogo.cluster.judge.shapes import BUILT_IN, Object
from gonogo.cluster.mesh import injects
from gonogo.cluster.plan.demand import PlannedPod
from gonogo.cluster.plan.fit import Part
from gonogo.cluster.preflight import Line, counted, once

TEMPLATES = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job", "ReplicaSet", "ReplicationController"})

GOING: Mapping[tuple[str, str], str] = {
    ("policy/v1beta1", "PodDisruptionBudget"): "1.25",
    ("policy/v1beta1", "PodSecurityPolicy"): "1.25",
    ("batch/v1beta1", "CronJob"): "1.25",
    ("discovery.k8s.io/v1beta1", "EndpointSlice"): "1.25",
    ("autoscaling/v2beta1", "HorizontalPodAutoscaler"): "1.25",
    ("autoscaling/v2beta2", "HorizontalPodAutoscaler"): "1.26",
    ("flowcontrol.apiserver.k8s.io/v1beta2", "FlowSchema"): "1.29",
    ("flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema"): "1.32",
    ("storage.k8s.io/v1beta1", "CSIStorageCapacity"): "1.27",
    ("networking.k8s.io/v1beta1", "Ingress"): "1.22",
    ("extensions/v1beta1", "Ingress"): "1.22",
    ("rbac.authorization.k8s.io/v1beta1", "Role"): "1.22",
    ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition"): "1.22",
    ("admissionregistration.k8s.io/v1beta1", "ValidatingWebhookConfiguration"): "1.22",
}
"""Versions of Kubernetes' own kinds, and the release that no longer serves them (deprecation guide of Kubernetes)."""

SERVER_FIRST = {21: "FTP", 25: "SMTP", 3306: "MySQL", 9030: "MySQL", 27017: "MongoDB"}
"""Ports on which the server speaks first, so that a mesh cannot tell the protocol (istio.io, protocol selection)."""

ENFORCE = "pod-security.kubernetes.io/enforce"

_HOST = re.compile(
    r"(?<![\w.-])(?:[a-z0-9-]+\.)?([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)\.([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)\.svc\b"
)


def made(parts: Sequence[Part]) -> Iterator[tuple[Part, Object, str]]:
    """Every object that would be made, with its part and namespace."""
    for part in parts:
        for obj in part.objects:
            yield part, obj, obj["metadata"].get("namespace") or part.namespace


def definitions_of(parts: Sequence[Part]) -> Iterator[tuple[Part, Object]]:
    """The CustomResourceDefinitions among it."""
    return ((part, obj) for part, obj, _ in made(parts) if obj["kind"] == "CustomResourceDefinition")


Serves = Callable[[str], Collection[str] | None]
"""``group/version`` to the kinds that the API server serves there; None where it serves no such version."""


def api_versions(parts: Sequence[Part], serves: Serves) -> Line:
    """Everything that would be made is of a kind and version that is served, or that the plan itself defines."""
    own = {
        (f"{obj['spec']['group']}/{version.get('name', '')}", obj["spec"].get("names", {}).get("kind", ""))
        for _, obj in definitions_of(parts)
        for version in obj["spec"].get("versions", ())
        if version.get("served", True)
    }
    asked: dict[tuple[str, str], list[str]] = defaultdict(list)
    for part, obj, space in made(parts):
        asked[obj["apiVersion"], obj["kind"]].append(f"{part.component}: {space}/{obj['metadata']['name']}")
    faults = []
    for (version, kind), users in sorted(asked.items()):
        if (version, kind) in own:
            continue
        kinds = serves(version)
        if kinds is None or kind not in kinds:
            gone = GOING.get((version, kind))
            since = f", not served since Kubernetes {gone}" if gone else ""
            faults.append(f"{version} {kind} is not served{since} ({users[0]}{_more(users)})")
    return Line(
        observed=f"{counted(len(asked), 'kind')} planned, {len(asked) - len(faults)} served or defined by the plan",
        threshold="every planned kind and version is served",
        source="discovery of the API server; what charts and manifests render to",
        faults=tuple(faults),
    )


def going(parts: Sequence[Part], definitions: Iterable[Object], minor: int) -> Line:
    """Nothing that would be made is of a version that will go: marked so in its definition, or by Kubernetes' own list.

    ``minor`` is that of the API server: of Kubernetes' own versions those count that one of the next two drops.
    """
    marked = {
        (f"{one['spec'].get('group', '')}/{version.get('name', '')}", one["spec"].get("names", {}).get("kind", "")): (
            version.get("deprecationWarning") or "its definition says that it is deprecated"
        )
        for one in definitions
        for version in one.get("spec", {}).get("versions", ())
        if version.get("deprecated")
    }
    faults = []
    for part, obj, space in made(parts):
        key, name = (
            (obj["apiVersion"], obj["kind"]),
            f"{part.component}: {obj['kind']} {space}/{obj['metadata']['name']}",
        )
        if key in marked:
            faults.append(f"{name} is {key[0]}: {marked[key]}")
        elif key in GOING and int(GOING[key].partition(".")[2]) <= minor + 2:
            faults.append(f"{name} is {key[0]}, which Kubernetes {GOING[key]} no longer serves")
    return Line(
        observed=f"{counted(len(faults), 'object')} of a version that will go",
        threshold="none",
        source="CustomResourceDefinitions of the cluster; Kubernetes' deprecation guide",
        confidence="medium",
        faults=tuple(faults),
    )


def definitions(parts: Sequence[Part], there: Iterable[Object]) -> Line:
    """A definition that is there already has all versions and fields of the chart's: helm never renews one."""
    known = {one["metadata"]["name"]: one for one in there}
    faults, compared, fresh = [], 0, 0
    for part, wanted in definitions_of(parts):
        name = wanted["metadata"]["name"]
        found = known.get(name)
        if found is None:
            fresh += 1
            continue
        compared += 1
        has = {one.get("name", ""): one for one in found.get("spec", {}).get("versions", ())}
        for version in wanted["spec"].get("versions", ()):
            one = has.get(version.get("name", ""))
            if one is None or (version.get("served", True) and not one.get("served")):
                faults.append(f"{name} does not serve {version.get('name')}, which {part.component}'s chart has")
                continue
            lost = sorted(_fields(_schema(version)) - _fields(_schema(one)))
            if lost and not _open(_schema(one)):
                faults.append(
                    f"{name} {version.get('name')} is older than that of {part.component}'s chart: it lacks "
                    f"{', '.join(lost[:3])}{_more(lost[2:])}"
                )
        for one in found.get("status", {}).get("conditions", ()):
            if one.get("type") == "Established" and one.get("status") != "True":
                faults.append(f"{name} is not established: {one.get('message', '')}")
    return Line(
        observed=f"{counted(compared, 'definition')} there and compared, {fresh} to be made",
        threshold="none older than the chart's",
        source="CustomResourceDefinitions of charts and of the cluster",
        confidence="medium",
        faults=tuple(faults),
    )


def _schema(version: Mapping[str, Any]) -> Mapping[str, Any]:
    return version.get("schema", {}).get("openAPIV3Schema", {}) or {}


def _open(schema: Mapping[str, Any]) -> bool:
    return bool(schema.get("x-kubernetes-preserve-unknown-fields")) or not schema.get("properties")


def _fields(schema: Mapping[str, Any], path: str = "", depth: int = 0) -> set[str]:
    """Dotted names of all properties of a schema, down to twelve levels."""
    found: set[str] = set()
    for name, inner in (schema.get("properties") or {}).items() if depth < 12 else ():
        found.add(f"{path}{name}")
        if isinstance(inner, Mapping):
            found |= _fields(inner, f"{path}{name}.", depth + 1)
            if isinstance(items := inner.get("items"), Mapping):
                found |= _fields(items, f"{path}{name}[].", depth + 1)
    return found


# -- what it refers to


def pod_specs(parts: Sequence[Part]) -> Iterator[tuple[Part, str, str, Mapping[str, Any]]]:
    """Part, namespace, owner and spec of each pod template that charts and manifests write themselves."""
    for part, obj, space in made(parts):
        spec, owner = obj.get("spec", {}), f"{obj['kind']} {space}/{obj['metadata']['name']}"
        if obj["kind"] == "Pod":
            yield part, space, owner, spec
        elif obj["kind"] in TEMPLATES:
            yield part, space, owner, spec.get("template", {}).get("spec", {})
        elif obj["kind"] == "CronJob":
            yield part, space, owner, spec.get("jobTemplate", {}).get("spec", {}).get("template", {}).get("spec", {})


def referred(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Kind and name of what a pod cannot start without."""
    for one in spec.get("imagePullSecrets") or ():
        yield "Secret", one.get("name", "")
    if name := spec.get("serviceAccountName"):
        yield "ServiceAccount", name
    for volume in spec.get("volumes") or ():
        for source in (volume, *(volume.get("projected", {}).get("sources") or ())):
            secret, config = source.get("secret") or {}, source.get("configMap") or {}
            for kind, one, key in (("Secret", secret, "secretName"), ("ConfigMap", config, "name")):
                name = one.get(key) or one.get("name")
                if name and not one.get("optional"):
                    yield kind, name
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        for one in container.get("envFrom") or ():
            for kind, key in (("Secret", "secretRef"), ("ConfigMap", "configMapRef")):
                if (found := one.get(key)) and not found.get("optional"):
                    yield kind, found.get("name", "")
        for variable in container.get("env") or ():
            source = variable.get("valueFrom") or {}
            for kind, key in (("Secret", "secretKeyRef"), ("ConfigMap", "configMapKeyRef")):
                if (found := source.get(key)) and not found.get("optional"):
                    yield kind, found.get("name", "")


GIVEN = frozenset({("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")})
"""What every namespace has."""

ISSUED = frozenset({"cert-manager.io/issuer", "cert-manager.io/cluster-issuer", "kubernetes.io/tls-acme"})
"""Annotations of an Ingress by which cert-manager makes the Secrets of its ``tls`` (cert-manager.io, Ingress)."""

Names = Callable[[str, str], Collection[str]]
"""Kind and namespace to the names of its objects there."""


def references(parts: Sequence[Part], names: Names, beside: Collection[tuple[str, str]]) -> Line:
    """Secrets, ConfigMaps and ServiceAccounts that planned pods and Ingresses name are there, or would be made.

    ``beside`` are Secrets that are made beside charts. What begins with the name of a planned custom resource, its
    operator makes.
    """
    own = {(obj["kind"], space, obj["metadata"]["name"]) for _, obj, space in made(parts)}
    own |= {("Secret", space, name) for space, name in beside}
    own |= {("Secret", space, obj["spec"].get("secretName", "")) for _, obj, space in made(parts) if _certificate(obj)}
    operated = _operated(parts)
    wanted: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for part, space, owner, spec in pod_specs(parts):
        for kind, name in referred(spec):
            if name and (kind, name) not in GIVEN:
                wanted[kind, space, name].append(f"{part.component}: {owner}")
    for part, obj, space in made(parts):
        if obj["kind"] == "Ingress" and not ISSUED & (obj["metadata"].get("annotations") or {}).keys():
            for name in {one.get("secretName") for one in (obj.get("spec") or {}).get("tls") or ()} - {None, ""}:
                wanted["Secret", space, name].append(f"{part.component}: Ingress {space}/{obj['metadata']['name']}")
    faults, trusted = [], 0
    for (kind, space, name), users in sorted(wanted.items()):
        if (kind, space, name) in own or name in names(kind, space):
            continue
        if any(name.startswith(one) for one in operated[space]):
            trusted += 1
            continue
        faults.append(f"{kind} {space}/{name} is not there, and nothing makes it ({users[0]}{_more(users)})")
    told = f", {trusted} of them for an operator to make" if trusted else ""
    return Line(
        observed=f"{len(wanted)} Secrets, ConfigMaps and ServiceAccounts named by planned pods and Ingresses{told}",
        threshold="each is there, or would be made",
        source="pod templates and Ingresses of charts and manifests; names in the namespaces",
        confidence="medium" if trusted else "high",
        faults=tuple(faults),
    )


def _certificate(obj: Object) -> bool:
    """Whether cert-manager makes a Secret of it."""
    return obj["kind"] == "Certificate" and str(obj["apiVersion"]).startswith("cert-manager.io/")


OF_CLASS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("networking.k8s.io", "Ingress"): ("ingressClassName", "IngressClass"),
    ("gateway.networking.k8s.io", "Gateway"): ("gatewayClassName", "GatewayClass"),
    ("snapshot.storage.k8s.io", "VolumeSnapshot"): ("volumeSnapshotClassName", "VolumeSnapshotClass"),
}
"""Kinds that nobody does anything about without the class that they name: by which field, and the class's kind."""

INGRESS_CLASS, INGRESS_DEFAULT = "kubernetes.io/ingress.class", "ingressclass.kubernetes.io/is-default-class"
"""Annotations: the older way to name a class, which needs no object, and the mark of the default one
(kubernetes.io/docs/concepts/services-networking/ingress)."""

Classes = Callable[[str, str], Iterable[Object]]
"""``group/version`` and kind to the classes of the cluster; none where it serves no such kind."""


def classes(parts: Sequence[Part], pods: Iterable[PlannedPod], there: Classes) -> Line:
    """Runtime, ingress, gateway and snapshot classes that the plan names are there, or would be made."""
    own = {(obj["kind"], obj["metadata"]["name"]) for _, obj, _ in made(parts)}
    wanted: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for part, _, owner, spec in pod_specs(parts):
        if name := spec.get("runtimeClassName"):
            wanted["node.k8s.io/v1", "RuntimeClass", name].append(f"{part.component}: {owner}")
    for pod in pods:
        if (name := pod.spec.get("runtimeClassName")) and ("node.k8s.io/v1", "RuntimeClass", name) not in wanted:
            wanted["node.k8s.io/v1", "RuntimeClass", name].append(f"{pod.namespace}/{pod.owner}")
    for part, obj, space in made(parts):
        spec, user = obj.get("spec") or {}, f"{part.component}: {obj['kind']} {space}/{obj['metadata']['name']}"
        field, kind = OF_CLASS.get((obj["apiVersion"].rpartition("/")[0], obj["kind"]), ("", ""))
        if name := spec.get(field):
            wanted[obj["apiVersion"], kind, name].append(user)
    faults = [
        f"{kind} {name} is not there, and nothing makes it ({users[0]}{_more(users)})"
        for (version, kind, name), users in sorted(wanted.items())
        if (kind, name) not in own and name not in {one["metadata"]["name"] for one in there(version, kind)}
    ]
    return Line(
        observed=f"{counted(len(wanted), 'class', 'classes')} named",
        threshold="each is there, or would be made",
        source="pods, Ingresses, Gateways and VolumeSnapshots that would be made; classes of the cluster",
        faults=tuple(faults),
    )


def ingress_class(parts: Sequence[Part], there: Callable[[], Iterable[Object]]) -> Line:
    """Every Ingress that would be made is of a class: it names one, in the older way too, or one is the default."""
    every = [
        (obj["metadata"].get("annotations") or {}, obj.get("spec") or {}, f"{part.component}: Ingress {space}/{name}")
        for part, obj, space in made(parts)
        if obj["kind"] == "Ingress" and (name := obj["metadata"]["name"])
    ]
    unclassed = [user for marks, spec, user in every if not spec.get("ingressClassName") and INGRESS_CLASS not in marks]
    own = [obj for _, obj, _ in made(parts) if obj["kind"] == "IngressClass"]
    classes = [*own, *there()] if unclassed else []
    marked = any((one["metadata"].get("annotations") or {}).get(INGRESS_DEFAULT) == "true" for one in classes)
    return Line(
        observed=f"{counted(len(every), 'Ingress', 'Ingresses')}, {len(unclassed)} without a class",
        threshold="each names a class, or one is the default",
        source="Ingresses that would be made; IngressClasses of the cluster",
        faults=() if marked else tuple(f"{user} names no class, and none is the default" for user in unclassed),
    )


def hosts(parts: Sequence[Part], services: Names) -> Line:
    """Every name of a Service within the cluster that stands in what would be made is one that is there or planned."""
    own = {(obj["metadata"]["name"], space) for _, obj, space in made(parts) if obj["kind"] == "Service"}
    operated = _operated(parts)
    wanted: dict[tuple[str, str], list[str]] = defaultdict(list)
    for part, obj, space in made(parts):
        if obj["kind"] == "CustomResourceDefinition":
            continue
        for name, where in set(_HOST.findall(json.dumps(obj, default=str))):
            wanted[name, where].append(f"{part.component}: {obj['kind']} {space}/{obj['metadata']['name']}")
    faults = []
    for (name, space), users in sorted(wanted.items()):
        if (name, space) in own or any(name.startswith(one) for one in operated[space]):
            continue
        if name not in services("Service", space):
            faults.append(f"no Service {space}/{name}, which is named as a host ({users[0]}{_more(users)})")
    return Line(
        observed=f"{counted(len(wanted), 'Service')} named as hosts",
        threshold="each is there, or would be made",
        source="texts of what charts and manifests render to; Services of the cluster",
        confidence="medium",
        faults=tuple(faults),
    )


def _operated(parts: Sequence[Part]) -> Mapping[str, set[str]]:
    """Names of planned custom resources by namespace: what their operators make begins with them."""
    found: dict[str, set[str]] = defaultdict(set)
    for _, obj, space in made(parts):
        if obj["apiVersion"].rpartition("/")[0] not in BUILT_IN:
            found[space].add(obj["metadata"]["name"])
    return found


def selectors(parts: Sequence[Part], pods: Iterable[PlannedPod], there: Iterable[Object]) -> Line:
    """Selectors of planned Services, budgets and network policies fit a pod that is planned or there."""
    labels: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for pod in pods:
        labels[pod.namespace].append({**pod.labels, "statefulset.kubernetes.io/pod-name": pod.name})
    for one in there:
        labels[one["metadata"].get("namespace", "")].append(one["metadata"].get("labels") or {})
    operated, faults, asked, unsure = _operated(parts), [], 0, 0
    for part, obj, space in made(parts):
        spec = obj.get("spec", {})
        selector: Mapping[str, Any] | None = None
        if obj["kind"] == "Service" and spec.get("selector"):
            selector = {"matchLabels": spec["selector"]}
        elif obj["kind"] == "PodDisruptionBudget":
            selector = spec.get("selector")
        elif obj["kind"] == "NetworkPolicy" and spec.get("podSelector"):
            selector = spec["podSelector"]
        if not selector:
            continue
        asked += 1
        if any(matches(selector, one) for one in labels[space]):
            continue
        if operated[space]:  # its operator's pods have labels that nobody here knows
            unsure += 1
            continue
        faults.append(f"{part.component}: {obj['kind']} {space}/{obj['metadata']['name']} selects no pod")
    told = f", {unsure} beside custom resources, whose pods' labels are not known" if unsure else ""
    return Line(
        observed=f"{counted(asked, 'selector')}{told}",
        threshold="each selects a pod that is planned or there",
        source="Services, PodDisruptionBudgets and NetworkPolicies that would be made; pods planned and there",
        confidence="medium" if unsure else "high",
        faults=tuple(faults),
    )


def images(pods: Iterable[PlannedPod], nodes: Iterable[Object]) -> Line:
    """Images of planned pods are named exactly, and are of no catalogue that is gone; what nodes hold is counted.

    No registry is asked.
    """
    held = {
        name for node in nodes for one in node.get("status", {}).get("images") or () for name in one.get("names") or ()
    }
    users: dict[str, str] = {}
    for pod in pods:
        for container in (*pod.spec.get("initContainers", ()), *pod.spec.get("containers", ())):
            if image := container.get("image"):
                users.setdefault(image, f"{pod.namespace}/{pod.name}")
    faults = []
    for image, user in sorted(users.items()):
        name, _, digest = image.partition("@")
        tag = name.rpartition("/")[2].partition(":")[2]
        there = image in held or any(one.endswith(f"/{image}") for one in held)
        if (gone := deleted(image)) and not there:
            faults.append(f"{image} ({user}): {gone}")
        elif not digest and tag in ("", "latest"):
            faults.append(f"{image} ({user}) names no version: what runs is decided by whoever pulls it")
    ready = sum(image in held or any(one.endswith(f"/{image}") for one in held) for image in users)
    return Line(
        observed=f"{counted(len(users), 'image')}, {ready} of them on a node already",
        threshold="each names its version, none is of a catalogue that is gone",
        source="planned pods; images that nodes report (the largest 50 of each); no registry was asked",
        confidence="low",
        faults=tuple(faults),
    )


# -- what is admitted


def pod_security(pods: Iterable[PlannedPod], namespaces: Mapping[str, Mapping[str, str]], otherwise: str) -> Line:
    """Planned pods keep the level that their namespace enforces; ``otherwise`` is that of one which would be made.

    ``namespaces`` are labels by name. kubernetes.io/docs/concepts/security/pod-security-standards.
    """
    levels: dict[str, int] = defaultdict(int)
    faults = []
    for pod in pods:
        labels = namespaces.get(pod.namespace)
        level = (labels.get(ENFORCE, "") if labels is not None else otherwise) or "privileged"
        levels[level] += 1
        for breach in _breaches(pod.spec, level):
            faults.append(f"{pod.owner} in {pod.namespace} ({level}): {breach}")
    told = ", ".join(f"{count} {level}" for level, count in sorted(levels.items())) or "none"
    return Line(
        observed=f"planned pods by enforced level: {told}",
        threshold="no pod breaks its namespace's level",
        source=f"label {ENFORCE} of the namespaces; pods of the plan",
        faults=once(faults),
    )


_ALLOWED = frozenset(
    {"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP"}
    | {"SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"}
)
_VOLUMES = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
)


def _breaches(spec: Mapping[str, Any], level: str) -> Iterator[str]:
    if level not in ("baseline", "restricted"):
        return
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            yield key
    pod = spec.get("securityContext") or {}
    for volume in spec.get("volumes") or ():
        kinds = set(volume) - {"name"}
        if "hostPath" in kinds or (level == "restricted" and kinds - _VOLUMES):
            yield f"volume {volume.get('name', '')} is a {', '.join(sorted(kinds))}"
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        name, own = f"container {container.get('name', '')}", container.get("securityContext") or {}
        if own.get("privileged"):
            yield f"{name} is privileged"
        if any(port.get("hostPort") for port in container.get("ports") or ()):
            yield f"{name} has a hostPort"
        if added := set((own.get("capabilities") or {}).get("add") or ()) - (
            _ALLOWED if level == "baseline" else {"NET_BIND_SERVICE"}
        ):
            yield f"{name} adds {', '.join(sorted(added))}"
        if level == "restricted":
            yield from (f"{name}: {one}" for one in _loose(own, pod))


def _loose(own: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterator[str]:
    """What a container has that the restricted level does not take."""
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false"
    if "ALL" not in ((own.get("capabilities") or {}).get("drop") or ()):
        yield "capabilities are not all dropped"
    if own.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
        yield "runAsNonRoot is not true"
    if own.get("runAsUser", pod.get("runAsUser")) == 0:
        yield "runAsUser is 0"
    profile = (own.get("seccompProfile") or pod.get("seccompProfile") or {}).get("type")
    if profile not in ("RuntimeDefault", "Localhost"):
        yield "there is no seccompProfile"


def injection(
    parts: Sequence[Part], there: Iterable[tuple[str, Object]], namespaces: Mapping[str, Mapping[str, str]]
) -> Line:
    """In namespaces of a mesh, ports on which the server speaks first say so: by their name, or ``appProtocol``.

    ``there`` are Services of the cluster, with their namespaces.
    """
    meshed = {name for name, labels in namespaces.items() if injects(labels)}
    every = [(space, obj) for _, obj, space in made(parts) if obj["kind"] == "Service"] + [*there]
    faults = []
    for space, one in every:
        for port in one.get("spec", {}).get("ports") or () if space in meshed else ():
            protocol = SERVER_FIRST.get(int(port.get("port", 0)))
            said = port.get("appProtocol") or str(port.get("name", "")).partition("-")[0]
            if protocol and said not in ("mysql", "mongo", "tcp", "tls"):
                faults.append(
                    f"Service {space}/{one['metadata']['name']} port {port['port']} ({protocol}) names no protocol"
                )
    return Line(
        observed=f"{counted(len(meshed), 'namespace')} of a mesh, {counted(len(every), 'Service')}",
        threshold="every port on which the server speaks first names its protocol",
        source="labels of namespaces; Services planned and there",
        confidence="medium",
        faults=once(faults),
    )


def _more(names: Collection[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""
