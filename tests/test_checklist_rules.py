"""Each rule of the pre-deployment checklist, green on what is right and red, by name, on the one thing that is not."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from gonogo.cluster.plan.demand import PlannedClaim, PlannedPod
from gonogo.cluster.plan.findings import PlanFinding, Weight
from gonogo.cluster.plan.fit import Part
from gonogo.cluster.plan.ground import Ground
from gonogo.cluster.preflight import Line, backups, capacity, listed, planned, present
from tests.certificates import Authority

Object = dict[str, Any]
GIB = 1 << 30
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def named(name: str, space: str = "", **more: Any) -> Object:
    meta = {"name": name, **({"namespace": space} if space else {}), **more.pop("meta", {})}
    return {"metadata": meta, **more}


def stamp(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"


def part(*objects: Object, space: str = "data") -> Part:
    return Part(component="store", what="release store", namespace=space, objects=objects)


def made(kind: str, name: str, version: str = "v1", space: str = "", **more: Any) -> Object:
    return {"apiVersion": version, "kind": kind, **named(name, space, **more)}


def right(line: Line) -> bool:
    return not line.faults and not line.unknown


# -- storage: the ladder


def claim(name: str, gib: float, of: str | None = "fast") -> PlannedClaim:
    return PlannedClaim(namespace="data", name=name, size=gib * GIB, storage_class=of)


def volume(name: str, gib: float, node: str = "", phase: str = "Available") -> Object:
    on = {"required": {"nodeSelectorTerms": [{"matchFields": [_field(node)]}]}} if node else {}
    spec = {"capacity": {"storage": f"{gib}Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "fast"}
    return named(name, spec={**spec, "nodeAffinity": on}, status={"phase": phase})


def _field(node: str) -> Object:
    return {"key": "metadata.name", "operator": "In", "values": [node]}


def kind(name: str, provisioner: str, *, default: bool = False) -> Object:
    marks = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    return named(name, provisioner=provisioner, meta={"annotations": marks})


def node(name: str, *, cordoned: bool = False, **labels: str) -> Object:
    return named(name, spec={"unschedulable": True} if cordoned else {}, meta={"labels": labels})


BY_HAND = "kubernetes.io/no-provisioner"


def by_hand(*volumes: Object, nodes: Sequence[Object] = (node("a"),)) -> Ground:
    return Ground(classes=(kind("fast", BY_HAND),), volumes=volumes, nodes=tuple(nodes))


def test_volumes_made_by_hand_are_matched_one_by_one() -> None:
    line = capacity.storage([claim("a", 30), claim("b", 100)], by_hand(volume("x", 30), volume("y", 100)), {})

    assert right(line)
    assert line.confidence == "high"
    assert line.source == "class fast: volumes made by hand"
    assert line.observed.startswith("130.0 GiB planned in 2 claims")


@pytest.mark.parametrize(
    ("volumes", "nodes"),
    [
        (
            [volume("x", 30), volume("y", 30), volume("z", 30), volume("v", 30)],
            [node("a")],
        ),  # 120 in all, and none holds 100
        ([volume("x", 100, phase="Bound"), volume("y", 30)], [node("a")]),
        ([volume("x", 100, "a"), volume("y", 30)], [node("a", cordoned=True), node("b")]),
        ([], [node("a")]),
    ],
    ids=["bytes do not add up", "bound", "on a cordoned node", "none"],
)
def test_a_volume_that_serves_no_claim_is_no_supply(volumes: list[Object], nodes: list[Object]) -> None:
    line = capacity.storage([claim("a", 30), claim("b", 100)], by_hand(*volumes, nodes=nodes), {})

    assert "claim data/b asks 100.0 GiB" in listed(line.faults)
    assert not line.unknown


def told_capacity(*sizes: tuple[str, float, str]) -> Ground:
    segments = tuple(
        named(
            f"segment-{zone}", "sys", storageClassName="fast", capacity=f"{gib}Gi",
            nodeTopology={"matchLabels": labels(of)},
        )
        for zone, gib, of in sizes
    )  # fmt: skip
    driver = named("csi", spec={"storageCapacity": True})
    nodes = (node("a", zone="one"), node("b", zone="two"))
    return Ground(classes=(kind("fast", "csi"),), drivers=(driver,), capacities=segments, nodes=nodes)


def labels(of: str) -> dict[str, str]:
    return {"zone": of} if of else {}


def test_segments_of_a_driver_are_not_added_up() -> None:
    whole = [claim("a", 60), claim("b", 60)]

    assert right(capacity.storage(whole, told_capacity(("1", 70, "one"), ("2", 70, "two")), {}))
    short = capacity.storage([claim("a", 100)], told_capacity(("1", 70, "one"), ("2", 70, "two")), {})
    assert short.faults == ("claim data/a asks 100.0 GiB, the roomiest segment of class fast has 70.0 GiB",)
    assert capacity.storage([claim("a", 1)], told_capacity(), {}).faults


def test_a_disk_that_two_segments_share_is_not_counted_twice() -> None:
    line = capacity.storage([claim("a", 60), claim("b", 60)], told_capacity(("1", 70, ""), ("2", 70, "")), {})

    assert not right(line)
    assert line.faults == ()
    assert "claim data/" in line.unknown[0]


@pytest.mark.parametrize("provisioner", ["rancher.io/local-path", "ebs.csi.aws.com", "anything"])
def test_a_class_that_binds_anything_is_no_capacity(provisioner: str) -> None:
    ground = Ground(classes=(kind("fast", provisioner),))

    line = capacity.storage([claim("a", 1)], ground, {})

    assert line.faults == ()
    (why,) = line.unknown
    assert why.startswith(f"class fast ({provisioner}) binds whatever is asked and tells no capacity")


def test_what_a_person_looked_up_is_a_rung_of_low_confidence() -> None:
    ground = Ground(classes=(kind("fast", "anything"),))

    assert right(line := capacity.storage([claim("a", 10)], ground, {"fast": 10}))
    assert line.confidence == "low"
    assert capacity.storage([claim("a", 10)], ground, {"fast": 9}).faults


def test_a_class_that_is_not_there_and_no_default_are_told() -> None:
    assert capacity.storage([claim("a", 1, "gone")], Ground(), {}).faults == ("there is no StorageClass gone",)
    assert "no default StorageClass" in capacity.storage([claim("a", 1, None)], Ground(), {}).faults[0]


def test_a_right_that_is_missing_is_not_known() -> None:
    for key in ("classes", "volumes", "nodes"):
        ground = Ground(classes=(kind("fast", BY_HAND),), unseen={key: "may not"})
        line = capacity.storage([claim("a", 1)], ground, {})
        assert line.unknown or line.faults, key
    assert capacity.storage([], Ground(), {}, ["kind Odd"]).unknown == ("kind Odd",)


def test_a_claim_that_is_there_already_asks_nothing_more() -> None:
    ground = Ground(classes=(kind("fast", BY_HAND),), claims=(named("a", "data"),))

    assert right(line := capacity.storage([claim("a", 30)], ground, {}))
    assert "30.0 GiB planned in 1 claim, 1 of them there already" in line.observed


@pytest.mark.parametrize(("default", "fine"), [((True,), True), ((), False), ((True, True), False), ((False,), False)])
def test_exactly_one_class_is_the_default(default: tuple[bool, ...], fine: bool) -> None:
    classes = [kind(f"c{n}", "p", default=one) for n, one in enumerate(default)]

    line = capacity.default_class(classes, "storageclass.kubernetes.io/is-default-class", [claim("a", 1, None)])

    assert right(line) is fine
    assert "Immediate" in line.observed or not any(default)


# -- room


def finding(weight: Weight, stage: str, cause: str = "cpu") -> PlanFinding:
    return PlanFinding(weight=weight, cause=cause, subject="data/a", message="too little", stage=stage)


PROBLEM, WARNING, UNKNOWN = Weight.PROBLEM, Weight.WARNING, Weight.UNKNOWN


@pytest.mark.parametrize(
    ("found", "stages", "warnings", "faults", "unknown"),
    [
        ([], ("rest",), False, 0, 0),
        ([finding(PROBLEM, "rest")], ("rest", "passing"), False, 1, 0),
        ([finding(PROBLEM, "most")], ("rest", "passing"), False, 0, 0),
        ([finding(PROBLEM, "most")], ("most",), False, 1, 0),
        ([finding(PROBLEM, "rest")], ("most",), False, 0, 1),  # it was not tried
        ([finding(WARNING, "lost")], ("lost",), True, 1, 0),
        ([finding(UNKNOWN, "")], ("rest",), False, 0, 1),
    ],
)
def test_each_line_of_room_has_its_own_stage(
    found: list[PlanFinding], stages: tuple[str, ...], warnings: bool, faults: int, unknown: int
) -> None:
    line = capacity.room(found, stages, "", "", warnings=warnings)

    assert (len(line.faults), len(line.unknown)) == (faults, unknown)


def test_quotas_are_a_line_of_their_own_and_unseen_ones_are_not_known() -> None:
    assert capacity.admitted([finding(PROBLEM, "rest", "quota")], {}).faults
    assert capacity.admitted([finding(PROBLEM, "rest", "cpu")], {}).faults == ()
    assert capacity.admitted([], {"quotas": "may not"}).unknown == ("quotas may not be listed: may not",)


# -- what would be made


def definition(*fields: str, version: str = "v1", served: bool = True, **more: Any) -> Object:
    schema = {"properties": {"spec": {"properties": {name: {"type": "string"} for name in fields}}}}
    one = {"name": version, "served": served, "schema": {"openAPIV3Schema": schema}, **more}
    spec = {"group": "example.io", "names": {"kind": "Odd"}, "versions": [one]}
    return made("CustomResourceDefinition", "odds.example.io", "apiextensions.k8s.io/v1", spec=spec)


def serves(*kinds: str) -> Callable[[str], set[str] | None]:
    return lambda version: set(kinds) if version in ("v1", "apps/v1", "apiextensions.k8s.io/v1") else None


def test_a_kind_that_nobody_serves_is_named() -> None:
    odd = made("Odd", "one", "example.io/v1")

    assert right(planned.api_versions([part(made("Service", "a"))], serves("Service")))
    assert right(planned.api_versions([part(definition(), odd)], serves("CustomResourceDefinition")))
    line = planned.api_versions([part(odd)], serves())
    assert line.faults == ("example.io/v1 Odd is not served (store: data/one)",)
    gone = planned.api_versions([part(made("CronJob", "a", "batch/v1beta1"))], serves())
    assert "not served since Kubernetes 1.25" in gone.faults[0]


def test_a_version_that_will_go_is_named() -> None:
    odd = made("Odd", "one", "example.io/v1")
    marked = definition(deprecated=True, deprecationWarning="use v2")

    assert right(planned.going([part(odd)], [definition()], 31))
    assert planned.going([part(odd)], [marked], 31).faults == ("store: Odd data/one is example.io/v1: use v2",)
    flow = made("FlowSchema", "a", "flowcontrol.apiserver.k8s.io/v1beta3")
    assert planned.going([part(flow)], [], 30).faults
    assert right(planned.going([part(flow)], [], 29))


def test_a_definition_that_is_older_than_the_charts_is_named() -> None:
    new = part(definition("size", "color"))

    assert right(planned.definitions([new], [definition("size", "color")]))
    assert right(planned.definitions([new], []))
    assert "it lacks spec.color" in planned.definitions([new], [definition("size")]).faults[0]
    assert "does not serve v1" in planned.definitions([new], [definition("size", version="v1alpha1")]).faults[0]
    assert planned.definitions([new], [definition("size", "color", served=False)]).faults


def deployment(name: str = "web", **spec: Any) -> Object:
    return made("Deployment", name, "apps/v1", spec={"template": {"spec": {"containers": [], **spec}}})


def env(kind: str, key: str, name: str, *, optional: bool = False) -> Object:
    return {"name": "c", "env": [{"name": "A", "valueFrom": {key: {"name": name, "key": "k", "optional": optional}}}]}


@pytest.mark.parametrize(
    ("spec", "missing"),
    [
        ({"containers": [env("Secret", "secretKeyRef", "password")]}, "Secret data/password"),
        ({"containers": [env("ConfigMap", "configMapKeyRef", "settings")]}, "ConfigMap data/settings"),
        ({"containers": [{"name": "c", "envFrom": [{"secretRef": {"name": "all"}}]}]}, "Secret data/all"),
        ({"volumes": [{"name": "v", "secret": {"secretName": "tls"}}]}, "Secret data/tls"),
        ({"volumes": [{"name": "v", "projected": {"sources": [{"configMap": {"name": "ca"}}]}}]}, "ConfigMap data/ca"),
        ({"imagePullSecrets": [{"name": "pull"}]}, "Secret data/pull"),
        ({"serviceAccountName": "robot"}, "ServiceAccount data/robot"),
        ({"initContainers": [env("Secret", "secretKeyRef", "early")]}, "Secret data/early"),
    ],
)
def test_what_a_pod_names_and_nobody_makes_is_named(spec: Object, missing: str) -> None:
    line = planned.references([part(deployment(**spec))], lambda kind, space: set(), set())

    assert [fault.partition(" is not")[0] for fault in line.faults] == [missing]
    which, _, name = missing.partition(" data/")
    assert right(planned.references([part(deployment(**spec))], lambda kind, space: {name}, set()))
    assert right(planned.references([part(deployment(**spec), made(which, name))], lambda kind, space: set(), set()))


def test_what_is_optional_or_an_operators_is_no_fault() -> None:
    spec = {"containers": [env("Secret", "secretKeyRef", "password", optional=True)]}
    of_operator = deployment(containers=[env("Secret", "secretKeyRef", "search-es-elastic-user")])

    assert right(planned.references([part(deployment(**spec))], lambda kind, space: set(), set()))
    odd = made("Odd", "search", "example.io/v1")
    assert (
        line := planned.references([part(of_operator, odd)], lambda kind, space: set(), set())
    ).confidence == "medium"
    assert right(line)
    assert right(planned.references([part(of_operator)], lambda k, s: set(), {("data", "search-es-elastic-user")}))


NETWORK = "networking.k8s.io/v1"


def test_the_certificate_of_an_ingress_is_there_or_issued() -> None:
    def line(*more: Object, there: str = "", **marks: str) -> Line:
        spec = {"tls": [{"hosts": ["a.example"], "secretName": "tls"}]}
        ingress = made("Ingress", "web", NETWORK, meta={"annotations": marks}, spec=spec)
        return planned.references([part(ingress, *more)], lambda kind, space: {there}, set())

    assert line().faults == ("Secret data/tls is not there, and nothing makes it (store: Ingress data/web)",)
    assert right(line(there="tls"))
    assert right(line(**{"cert-manager.io/issuer": "ours"}))
    assert right(line(made("Certificate", "c", "cert-manager.io/v1", spec={"secretName": "tls"})))


CLASSED = {
    "RuntimeClass": deployment(runtimeClassName="fast"),
    "IngressClass": made("Ingress", "web", NETWORK, spec={"ingressClassName": "fast"}),
    "GatewayClass": made("Gateway", "web", "gateway.networking.k8s.io/v1", spec={"gatewayClassName": "fast"}),
    "VolumeSnapshotClass": made(
        "VolumeSnapshot", "web", "snapshot.storage.k8s.io/v1", spec={"volumeSnapshotClassName": "fast"}
    ),
}
"""Whatever names a class ``fast``, by that class's kind."""


@pytest.mark.parametrize("which", CLASSED)
def test_a_class_that_is_named_and_not_there_is_named(which: str) -> None:
    user = CLASSED[which]

    line = planned.classes([part(user)], [], lambda version, kind: [named("slow")])

    told = f"store: {user['kind']} data/web"
    assert line.faults == (f"{which} fast is not there, and nothing makes it ({told})",)
    assert right(planned.classes([part(user)], [], lambda version, kind: [named("fast")] if kind == which else []))
    assert right(planned.classes([part(user, made(which, "fast"))], [], lambda version, kind: []))


def test_a_pod_that_an_operator_makes_names_its_class_too() -> None:
    line = planned.classes([], [pod({"runtimeClassName": "fast"})], lambda version, kind: [])

    assert line.faults == ("RuntimeClass fast is not there, and nothing makes it (data/Deployment web)",)


def test_what_names_no_class_asks_for_none() -> None:
    def nobody(*asked: str) -> list[Object]:
        pytest.fail("nothing was to be asked")

    other = made("Gateway", "web", "networking.istio.io/v1", spec={"gatewayClassName": "fast"})

    assert right(planned.classes([part(deployment(), made("Ingress", "web", NETWORK, spec={}), other)], [], nobody))


@pytest.mark.parametrize(
    ("meta", "spec", "fine"),
    [
        ({}, {}, False),
        ({"annotations": {"kubernetes.io/ingress.class": "nginx"}}, {}, True),
        ({}, {"ingressClassName": "nginx"}, True),
    ],
)
def test_an_ingress_without_a_class_needs_a_default_one(meta: Object, spec: Object, fine: bool) -> None:
    ingress = made("Ingress", "web", NETWORK, meta=meta, spec=spec)
    default = {"annotations": {"ingressclass.kubernetes.io/is-default-class": "true"}}

    line = planned.ingress_class([part(ingress)], lambda: [named("nginx")])

    assert line.faults == (() if fine else ("store: Ingress data/web names no class, and none is the default",))
    assert right(planned.ingress_class([part(ingress)], lambda: [named("nginx", meta=default)]))
    assert right(planned.ingress_class([part(ingress, made("IngressClass", "own", meta=default))], lambda: []))


def test_a_host_that_is_no_service_is_named() -> None:
    web = deployment(containers=[{"name": "c", "args": ["--db=db-0.db.data.svc.cluster.local:5432"]}])

    assert right(planned.hosts([part(web)], lambda kind, space: {"db"}))
    assert right(planned.hosts([part(web, made("Service", "db"))], lambda kind, space: set()))
    line = planned.hosts([part(web)], lambda kind, space: {"other"})
    assert line.faults == ("no Service data/db, which is named as a host (store: Deployment data/web)",)


def pod(spec: Mapping[str, Any] | None = None, **labels: str) -> PlannedPod:
    return PlannedPod(namespace="data", name="web-0", owner="Deployment web", spec=spec or {}, labels=labels)


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("Service", {"selector": {"app": "db"}}),
        ("PodDisruptionBudget", {"selector": {"matchLabels": {"app": "db"}}}),
        ("NetworkPolicy", {"podSelector": {"matchLabels": {"app": "db"}}}),
    ],
)
def test_a_selector_that_fits_nothing_is_named(kind: str, spec: Object) -> None:
    one = made(kind, "db", spec=spec)

    assert right(planned.selectors([part(one)], [pod(app="db")], []))
    assert right(planned.selectors([part(one)], [], [named("x", "data", meta={"labels": {"app": "db"}})]))
    line = planned.selectors([part(one)], [pod(app="web")], [])
    assert line.faults == (f"store: {kind} data/db selects no pod",)


@pytest.mark.parametrize(
    ("image", "fault"),
    [
        ("registry.example/a/b:1.2", ""),
        ("registry.example/a/b@sha256:00", ""),
        ("registry.example/a/b", "names no version"),
        ("registry.example:5000/b", "names no version"),
        ("a/b:latest", "names no version"),
        ("bitnami/kafka:3.9", "bitnami/kafka:3.9"),
    ],
)
def test_an_image_that_may_not_come_is_named(image: str, fault: str) -> None:
    line = planned.images([pod({"containers": [{"name": "c", "image": image}]})], [])

    assert bool(line.faults) is bool(fault)
    assert fault in listed(line.faults)
    assert line.confidence == "low"


def test_an_image_of_a_catalogue_that_is_gone_is_no_fault_where_a_node_holds_it() -> None:
    held = named("a", status={"images": [{"names": ["bitnami/kafka:3.9"]}]})

    assert right(planned.images([pod({"containers": [{"image": "bitnami/kafka:3.9"}]})], [held]))


SAFE = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {"name": "c", "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}
    ],
}


@pytest.mark.parametrize(
    ("level", "spec", "fault"),
    [
        ("restricted", SAFE, ""),
        ("privileged", {"hostNetwork": True}, ""),
        ("baseline", {"hostNetwork": True}, "hostNetwork"),
        ("baseline", {"volumes": [{"name": "v", "hostPath": {"path": "/x"}}]}, "volume v is a hostPath"),
        ("baseline", {"containers": [{"name": "c", "securityContext": {"privileged": True}}]}, "is privileged"),
        ("baseline", {"containers": [{"name": "c", "ports": [{"hostPort": 80}]}]}, "has a hostPort"),
        (
            "baseline",
            {"containers": [{"name": "c", "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}]},
            "adds",
        ),
        ("restricted", {**SAFE, "securityContext": {"runAsNonRoot": True}}, "no seccompProfile"),
        ("restricted", {"containers": [{"name": "c"}]}, "allowPrivilegeEscalation is not false"),
        ("restricted", {**SAFE, "securityContext": {**SAFE["securityContext"], "runAsUser": 0}}, "runAsUser is 0"),  # type: ignore[dict-item]
    ],
)
def test_a_pod_that_its_namespace_refuses_is_named(level: str, spec: Object, fault: str) -> None:
    there = planned.pod_security([pod(spec)], {"data": {planned.ENFORCE: level}}, "")
    fresh = planned.pod_security([pod(spec)], {}, level)

    assert bool(there.faults) is bool(fault)
    assert fault in listed(there.faults)
    assert there.faults == fresh.faults


def test_a_port_in_a_mesh_on_which_the_server_speaks_first_is_named() -> None:
    plain, said = ({"ports": [{"port": 9030, "name": name}]} for name in ("query", "mysql-query"))
    mesh = {"data": {"istio-injection": "enabled"}}

    assert planned.injection([part(made("Service", "fe", spec=plain))], [], mesh).faults
    assert planned.injection([], [("data", named("fe", spec=plain))], mesh).faults
    assert right(planned.injection([part(made("Service", "fe", spec=said))], [], mesh))
    assert right(planned.injection([part(made("Service", "fe", spec=plain))], [], {"data": {}}))


# -- what is there


def status(**conditions: str) -> Object:
    return {"conditions": [{"type": kind, "status": state} for kind, state in conditions.items()]}


@pytest.mark.parametrize(
    ("one", "fault"),
    [
        (named("a", status=status(Ready="True", MemoryPressure="False")), ""),
        (named("a", status=status(Ready="False")), "is not ready"),
        (named("a", status={}), "is not ready"),
        (named("a", status=status(Ready="Unknown")), "is not ready"),
        (named("a", status=status(Ready="True", DiskPressure="True")), "has DiskPressure"),
        (named("a", spec={"unschedulable": True}, status=status(Ready="True")), "is cordoned"),
    ],
)
def test_a_node_that_is_not_fit_is_named(one: Object, fault: str) -> None:
    line = present.nodes([one])

    assert line.faults == ((f"node a {fault}",) if fault else ())


def test_no_node_at_all_is_not_known() -> None:
    assert present.nodes([]).unknown


@pytest.mark.parametrize(
    ("seconds", "fault"),
    [(-3, ""), (0, ""), (14, ""), (16, "16 s ago by its own clock"), (-7, "7 s ahead"), (600, "600 s")],
)
def test_a_clock_that_is_off_is_named(seconds: int, fault: str) -> None:
    lease = named("a", spec={"renewTime": stamp(NOW - timedelta(seconds=seconds))})

    line = present.clocks([lease], [node("a")], NOW, 5)

    assert bool(line.faults) is bool(fault)
    assert fault in listed(line.faults)


@pytest.mark.parametrize("leases", [[], [named("a", spec={})], [named("a", spec={"renewTime": "yesterday"})]])
def test_a_node_that_renews_no_lease_is_not_known(leases: list[Object]) -> None:
    assert present.clocks(leases, [node("a")], NOW, 5).unknown


@pytest.mark.parametrize(
    ("kubelet", "fine"),
    [("v1.31.2", True), ("v1.28.9", True), ("v1.27.1", False), ("v1.32.0", False), ("v2.31.0", False)],
)
def test_a_kubelet_too_far_from_its_server_is_named(kubelet: str, fine: bool) -> None:
    line = present.skew([named("a", status={"nodeInfo": {"kubeletVersion": kubelet}})], "v1.31.0")

    assert right(line) is fine


def test_a_version_that_is_none_is_not_known() -> None:
    assert present.skew([named("a")], "v1.31.0").unknown


def bundle(*days: int) -> str:
    return base64.b64encode("".join(certificate(n) for n in days).encode()).decode()


def certificate(days: int) -> str:
    """In PEM, its own authority, as a caBundle is."""
    ends = datetime.now(UTC) + timedelta(days=days)
    with TemporaryDirectory() as folder:
        return Authority(Path(folder)).issue("hook", ends=ends).certificate.read_text()


def hooks(bundle: str = "", policy: str = "Fail", service: str = "hook") -> Object:
    config = {"caBundle": bundle, "service": {"namespace": "data", "name": service}}
    one = {"name": "a.b", "failurePolicy": policy, "clientConfig": config}
    return {**named("hooks"), "kind": "ValidatingWebhookConfiguration", "webhooks": [one]}


@pytest.mark.parametrize(
    ("days", "fault"), [((30,), ""), ((13,), "expires in"), ((3, 30), ""), ((-2,), "expired"), ((), "unknown")]
)
def test_a_bundle_that_expires_soon_is_named(days: tuple[int, ...], fault: str) -> None:
    text = bundle(*days) if days else base64.b64encode(b"no certificate").decode()

    line = present.certificates(present.bundles([hooks(text)]), [], datetime.now(UTC), 14)

    assert bool(line.faults) is (fault not in ("", "unknown"))
    assert bool(line.unknown) is (fault == "unknown")
    assert fault in (listed(line.faults) or fault)


def test_what_others_tell_of_certificates_counts_too() -> None:
    soon = [("Certificate data/web", NOW + timedelta(days=3))]

    assert present.certificates([], soon, NOW, 14).faults == ("Certificate data/web expires in 3.0 days",)
    assert present.certificates([], [("API server", None)], NOW, 14).unknown


def endpoint_slice(ready: bool | None) -> Object:
    meta = {"labels": {"kubernetes.io/service-name": "hook"}}
    return named("hook-1", "data", meta=meta, endpoints=[{"conditions": {"ready": ready}}])


def test_a_webhook_without_anybody_behind_it_is_named() -> None:
    service = named("hook", "data")

    assert right(present.webhooks([hooks()], [service], [endpoint_slice(True)]))
    assert right(present.webhooks([hooks()], [service], [endpoint_slice(None)]))
    assert "has no ready endpoint" in present.webhooks([hooks()], [service], [endpoint_slice(False)]).faults[0]
    assert "does not exist" in present.webhooks([hooks()], [], []).faults[0]
    assert right(present.webhooks([hooks(policy="Ignore")], [], []))


def test_an_api_and_a_conversion_are_called_too() -> None:
    api = {**named("v1.x"), "kind": "APIService", "spec": {"service": {"namespace": "data", "name": "gone"}}}
    conversion = {"webhook": {"clientConfig": {"service": {"namespace": "data", "name": "gone"}}}}
    odd = {**named("odds"), "kind": "CustomResourceDefinition", "spec": {"conversion": conversion}}

    assert len(present.webhooks([api, odd], [], []).faults) == 2


def test_a_namespace_on_its_way_out_is_named() -> None:
    active, ending = ({"a": named("a", status={"phase": phase})} for phase in ("Active", "Terminating"))

    assert right(present.namespaces(["a"], active, made=True))
    assert right(present.namespaces(["a"], {}, made=True))
    assert present.namespaces(["a"], {}, made=False).faults == ("there is no namespace a",)
    assert present.namespaces(["a"], ending, made=True).faults == ("namespace a is Terminating",)
    assert present.namespaces([], {}, made=True).unknown


@pytest.mark.parametrize(
    ("states", "fine"),
    [
        ([("1", "deployed")], True),
        ([("1", "pending-install")], False),
        ([("1", "pending-install"), ("2", "deployed")], True),
        ([("9", "deployed"), ("10", "pending-upgrade")], False),
        ([("1", "uninstalling")], False),
        ([("1", "failed")], True),
    ],
)
def test_a_release_in_the_midst_of_a_change_is_named(states: list[tuple[str, str]], fine: bool) -> None:
    secrets = [("data", {"labels": {"name": "store", "version": n, "status": state}}) for n, state in states]

    assert right(present.releases(secrets)) is fine


def test_a_budget_that_lets_nobody_go_is_named() -> None:
    tight = named("b", "data", status={"expectedPods": 1, "disruptionsAllowed": 0})

    assert present.drains([tight]).faults
    assert right(present.drains([named("b", "data", status={"expectedPods": 0, "disruptionsAllowed": 0})]))
    assert right(present.drains([named("b", "data", status={"expectedPods": 3, "disruptionsAllowed": 1})]))


# -- backups


def velero(name: str, hours: float, phase: str = "Completed", **status: Any) -> Object:
    when = stamp(NOW - timedelta(hours=hours))
    told = {"phase": phase, "startTimestamp": when, "completionTimestamp": when, **status}
    return named(name, "velero", meta={"labels": {"velero.io/schedule-name": "daily"}}, status=told)


PLACE = named("default", "velero", status={"phase": "Available"})


def said(*found: backups.Backup) -> Line:
    return backups.line(found, NOW, 24)


@pytest.mark.parametrize(
    ("objects", "fault"),
    [
        ([velero("daily-1", 3)], ""),
        ([velero("daily-1", 30), velero("daily-2", 3)], ""),
        ([velero("daily-1", 30)], "is 30 hours old"),
        ([], "no Backup is Completed"),
        ([velero("daily-1", 3, "PartiallyFailed")], "no Backup is Completed; there are 1: PartiallyFailed"),
        ([velero("daily-1", 3, errors=2)], "2 errors"),
        ([velero("daily-1", 3, expiration=stamp(NOW - timedelta(hours=1)))], "it expired"),
        ([velero("daily-1", 8), velero("daily-2", 2, "Failed")], "a later one, daily-2, is Failed"),
        ([velero("daily-1", -2)], "in the future"),
    ],
)
def test_the_newest_backup_of_velero_counts(objects: list[Object], fault: str) -> None:
    line = said(backups.velero("velero/daily", objects, [PLACE], NOW))

    assert bool(line.faults) is bool(fault)
    assert fault in listed(line.faults)


@pytest.mark.parametrize("places", [[], [named("default", "velero", status={"phase": "Unavailable"})]])
def test_a_backup_whose_place_is_gone_cannot_be_restored(places: list[Object]) -> None:
    assert "its storage location default is" in said(
        backups.velero("velero/daily", [velero("daily-1", 3)], places, NOW)
    ).faults[0]  # fmt: skip


def snapshot(hours: float, *, ready: bool = True, content: str = "c", **labels: str) -> Object:
    when = stamp(NOW - timedelta(hours=hours))
    told = {"creationTime": when, "readyToUse": ready, "boundVolumeSnapshotContentName": content}
    return named("snap", "data", meta={"labels": labels}, status=told)


@pytest.mark.parametrize(
    ("objects", "fault"),
    [
        ([snapshot(3, app="db")], ""),
        ([snapshot(30, app="db")], "is 30 hours old"),
        ([snapshot(3, app="web")], "none of 0 is ready"),
        ([snapshot(3, ready=False, app="db")], "none of 1 is ready"),
        ([snapshot(3, content="", app="db")], "no content is bound"),
    ],
)
def test_the_newest_snapshot_that_is_selected_counts(objects: list[Object], fault: str) -> None:
    line = said(backups.snapshot("data/app=db", objects))

    assert bool(line.faults) is bool(fault)
    assert fault in listed(line.faults)


@pytest.mark.parametrize(
    ("phase", "hours", "fine"), [("completed", 3, True), ("completed", 30, False), ("failed", 3, False)]
)
def test_the_newest_backup_of_cloudnativepg_counts(phase: str, hours: float, fine: bool) -> None:
    told = {"phase": phase, "stoppedAt": stamp(NOW - timedelta(hours=hours))}
    one = named("b", "data", spec={"cluster": {"name": "db"}}, status=told)

    assert right(said(backups.cnpg("data/db", [one]))) is fine
    assert not right(said(backups.cnpg("data/other", [one])))


@pytest.mark.parametrize(
    ("answer", "fine"),
    [
        ({"snapshots": [{"snapshot": "s", "state": "SUCCESS", "end_time": stamp(NOW - timedelta(hours=1))}]}, True),
        ({"snapshots": [{"snapshot": "s", "state": "PARTIAL", "end_time": stamp(NOW)}]}, False),
        ({"snapshots": [{"state": "SUCCESS", "end_time": stamp(NOW), "shards": {"failed": 1}}]}, False),
        ({"snapshots": []}, False),
        ({}, False),
        ([], False),
    ],
)
def test_the_newest_snapshot_of_a_search_engine_counts(answer: Any, fine: bool) -> None:
    assert right(said(backups.repository("nightly", answer))) is fine


def test_a_file_and_a_command_are_evidence_of_low_confidence() -> None:
    assert right(line := said(backups.file("a/dump", NOW, 5)))
    assert line.confidence == "low"
    assert said(backups.file("a/dump", NOW, 0)).faults == ("file a/dump: dump: it is empty",)
    assert said(backups.file("a/dump", None, 0)).faults == ("file a/dump: it is not there",)
    told = backups.told("age", f"looked at it\n{stamp(NOW)}\n\n")
    assert told is not None
    assert right(said(told))
    assert backups.told("age", "yes") is None


# -- Argo CD


def ago(minutes: int) -> str:
    return stamp(NOW - timedelta(minutes=minutes))


APP, PROJECT = (
    {"kind": kind, "metadata": {"name": name}} for kind, name in (("Application", "web"), ("AppProject", "default"))
)


@pytest.mark.parametrize(
    ("held", "fault"),
    [
        ([PROJECT, None, APP], ""),
        (None, "it is no YAML, or was cut off"),
        ([], "it holds no AppProject"),
        ([PROJECT], "it holds no Application"),
        ([APP], "it holds no AppProject"),
        ([PROJECT, {**APP, "metadata": {"name": "other"}}], "it lacks Application web"),
        ([PROJECT, {**APP, "metadata": None}], "it lacks Application web"),
    ],
)
def test_an_export_of_argo_cd_holds_what_it_should(held: list[Any] | None, fault: str) -> None:
    line = said(backups.export("a/export.yaml", NOW, held, ["web"]))

    assert fault in " ".join(line.faults)
    assert right(line) is not bool(fault)
    assert not right(said(backups.export("a/export.yaml", None, None, ["web"])))


def test_a_line_says_what_was_seen_and_what_is_wrong() -> None:
    line = Line(
        observed="2 nodes", threshold="each ready", source="nodes", faults=tuple(f"node {n}" for n in range(10))
    )

    assert repr(line).startswith("2 nodes: node 0; node 1")
    assert repr(line).endswith("and 2 more")
