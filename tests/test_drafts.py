"""A draft of any cluster loads and is asked as it is, and takes no other product's server for the platform's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from test_architecture import ROOT

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Kubernetes, Target, load_target
from gonogo.commands.discover import ClusterContents
from gonogo.commands.draft import drafted
from gonogo.commands.endpoints import summary
from gonogo.run.plan import unsupported

REGISTRY = Registry.load(ROOT)
COMPONENTS = list(REGISTRY.components.values())
RECOGNISED = {c.name for c in COMPONENTS if c.discover}
TODAY = date(2026, 11, 30)
SECRET = {"POSTGRES_PASSWORD": "db#password", "POSTGRES_USER": "mlflow", "POSTGRES_DB": "mlflow"}

Object = dict[str, Any]


def of(
    name: str,
    image: str,
    *ports: int,
    space: str = "data",
    kind: str = "StatefulSet",
    replicas: int = 1,
    labels: Mapping[str, str] = {},
    owner: str = "",
    args: Iterable[str] = (),
    env: Mapping[str, str] = {},
) -> list[Object]:
    """A workload with a pod, and a Service where it has ports; ``owner`` is ``Kind.group/name``.

    ``env`` is plain, or ``secret#key``; ``labels`` are added to ``app``, or replace it.
    """
    labels = {"app": name, **labels}
    meta: Object = {"name": name, "namespace": space, "labels": labels}
    if owner:
        api, _, called = owner.partition("/")
        kind_of, _, group = api.partition(".")
        meta["ownerReferences"] = [{"apiVersion": f"{group}/v1", "kind": kind_of, "name": called}]
    reference = {k: dict(zip(("name", "key"), v.split("#"), strict=True)) for k, v in env.items() if "#" in v}
    variables = [
        {"name": k, "valueFrom": {"secretKeyRef": reference[k]}} if k in reference else {"name": k, "value": v}
        for k, v in env.items()
    ]
    container = {"image": image, "args": list(args), "env": variables}
    spec = {"replicas": replicas, "template": {"metadata": {"labels": labels}}}
    made: list[Object] = [
        {"kind": kind, "metadata": meta, "spec": spec},
        {"kind": "Pod", "metadata": {**meta, "name": f"{name}-0"}, "spec": {"containers": [container]}},
    ]
    if ports:
        numbered = [{"port": port, "targetPort": port} for port in ports]
        made.append({"kind": "Service", "metadata": meta, "spec": {"selector": labels, "ports": numbered}})
    return made


def custom(resource: str, name: str, *, space: str = "data", labels: Mapping[str, str] = {}, **rest: Any) -> Object:
    """A custom resource of ``plural.group/version``."""
    return {"resource": resource, "metadata": {"name": name, "namespace": space, "labels": dict(labels)}, **rest}


def holding(*objects: Object | list[Object]) -> ClusterContents:
    """A cluster with these objects."""
    flat = [one for some in objects for one in (some if isinstance(some, list) else [some])]
    resources: dict[str, tuple[Object, ...]] = {}
    for one in flat:
        if "resource" in one:
            resources[one["resource"]] = (*resources.get(one["resource"], ()), one)
    kinds: dict[str, list[Object]] = {}
    for one in flat:
        kinds.setdefault(one.get("kind", ""), []).append(one)
    return ClusterContents(
        services=tuple(kinds.get("Service", ())),
        pods=tuple(kinds.get("Pod", ())),
        resources=resources,
        workloads=tuple(kinds.get("StatefulSet", []) + kinds.get("Deployment", []) + kinds.get("DaemonSet", [])),
        scalers=tuple(kinds.get("HorizontalPodAutoscaler", ())),
    )


def instance(release: str, product: str) -> dict[str, str]:
    """Labels of a chart's objects."""
    return {"app": product, "app.kubernetes.io/name": product, "app.kubernetes.io/instance": release}


KAFKA = of("kafka", "apache/kafka:4", 9092, replicas=3, env={"KAFKA_PROCESS_ROLES": "broker,controller"})
POSTGRESQL = of("pg", "postgres:17", 5432, env=SECRET)
SUPERSET = of(
    "superset", "apache/superset:5", 8088, labels={"app": "superset", "release": "superset"}, kind="Deployment"
)
SUPERSETS = of("superset-postgresql", "postgres:14", 5432, labels=instance("superset", "postgresql"), env=SECRET)
AIRFLOW = of("bi", "apache/airflow:3", labels={"app": "airflow", "release": "bi"}, kind="Deployment")
AIRFLOWS = of("bi-postgresql", "postgres:16", 5432, labels=instance("bi", "postgresql"), env=SECRET)
KEYCLOAK = of("keycloak", "keycloak:26", 8080, space="keycloak")
KEYCLOAKS = of("postgres", "postgres:17", 5432, space="keycloak", env=SECRET)
GRAYLOG = of("graylog", "graylog/graylog:6", 9000, space="logs", labels=instance("graylog", "graylog"))
GRAYLOGS = of("es", "elasticsearch:8", 9200, space="logs", labels=instance("graylog", "elasticsearch"))
OWNED = of("harbor-db", "postgres:15", 5432, env=SECRET, owner="HarborCluster.goharbor.io/hub")
BESIDE_IT = of(
    "mlflow", "mlflow:3", 5000, labels=instance("ml", "mlflow"), args=["--artifacts-destination=s3://models/a"]
)
STORE = of("minio", "minio:1", 9000, env={"MINIO_ROOT_USER": "keys#user", "MINIO_ROOT_PASSWORD": "keys#password"})
MLFLOWS = of("ml-postgresql", "postgres:16", 5432, labels=instance("ml", "postgresql"), env=SECRET)
STRIMZI = [
    custom(
        "kafkas.kafka.strimzi.io/v1",
        "events",
        spec={
            "kafka": {
                "listeners": [{"port": 9092, "type": "internal", "tls": False}],
                "config": {"offsets.topic.replication.factor": "2"},
            }
        },
    ),
    *(
        custom(
            "kafkanodepools.kafka.strimzi.io/v1",
            name,
            labels={"strimzi.io/cluster": "events"},
            spec={"replicas": number, "roles": roles},
        )
        for name, number, roles in (("brokers", 4, ["broker"]), ("controllers", 3, ["controller"]))
    ),
]
ECK = custom(
    "elasticsearches.elasticsearch.k8s.elastic.co/v1",
    "search",
    spec={
        "nodeSets": [
            {"count": 3, "config": {"node.roles": ["master"]}},
            {"count": 5, "config": {"node.roles": ["data", "ingest"]}},
            {"count": 2, "config": {"node.roles": []}},
            {"count": 1},
        ]
    },
)
RAY = custom(
    "rayclusters.ray.io/v1",
    "ml",
    spec={
        "enableInTreeAutoscaling": True,
        "workerGroupSpecs": [
            {"minReplicas": 1, "maxReplicas": 6, "replicas": 2, "rayStartParams": {"num-cpus": "4"}},
            {"minReplicas": 0, "maxReplicas": 2, "replicas": 0, "rayStartParams": {"num-cpus": "2"}},
        ],
    },
)
ARGOCD = [  # labelled by its manifests, as they have it
    *of(
        "argocd-repo-server", "argocd:v3", 8081, space="argocd", labels={"app.kubernetes.io/name": "argocd-repo-server"}
    ),
    *of("argocd-server", "argocd:v3", 8080, space="argocd", labels={"app.kubernetes.io/name": "argocd-server"}),
    *of("argocd-redis", "redis:8", 6379, space="argocd", labels={"app.kubernetes.io/name": "argocd-redis"}),
]
KATIB = [
    *of("katib-controller", "katib-controller:v0.19", 8443, space="kubeflow", labels={"app": "katib"}),
    *of("katib-postgres", "postgres:15", 5432, space="kubeflow", labels={"app": "katib"}, env=SECRET),
]
ODD = 'x"\n[components.queue]\nurl = "\u2028\x1b'
HOSTILE = [
    *of(ODD, f"postgres:{ODD}", 5432, env={**SECRET, "POSTGRES_USER": "a://b:c@d", "POSTGRES_DB": ODD}),
    *of("pg", f"postgres:{ODD}", 5432, env={**SECRET, "POSTGRES_USER": "postgres://me:hunter2@db/x"}),
    *of("kafka", "kafka:4", 9092, replicas=-7, labels={ODD: ODD}, owner=f"{ODD}.{ODD}/{ODD}"),
    *of("neo4j", "neo4j:5", 7687, env={"NEO4J_PASSWORD": f"{ODD}#../k"}),
    custom("rayclusters.ray.io/v1", "ml", spec={"workerGroupSpecs": [{"replicas": 10**30, "x": ODD}]}),
    custom("elasticsearches.elasticsearch.k8s.elastic.co/v1", "es", spec={"nodeSets": [{"count": -3}]}),
    custom("kafkas.kafka.strimzi.io/v1", ODD, spec=7),
]

CLUSTERS = {
    "empty": holding(),
    "nothing of the platform": holding(SUPERSET, SUPERSETS),
    "complete": holding(KAFKA, POSTGRESQL, STORE, BESIDE_IT, STRIMZI, ECK, RAY),
    "other products": holding(KAFKA, SUPERSET, SUPERSETS, AIRFLOW, AIRFLOWS, KEYCLOAK, KEYCLOAKS, GRAYLOG, GRAYLOGS),
    "asked through the cluster": holding(ARGOCD, KATIB, KAFKA),
    "two of one": holding(POSTGRESQL, of("other", "postgres:17", 5432, env=SECRET)),
    "keys missing": holding(of("pg", "postgres:17", 5432), of("neo4j", "neo4j:5", 7687), STORE),
    "hostile": holding(HOSTILE),
}


@pytest.fixture
def attached(tmp_path: Path) -> Any:
    """Drafts a cluster, and loads the draft."""

    def load(seen: ClusterContents, context: str = "staging") -> Target:
        text = drafted(REGISTRY, COMPONENTS, seen, Kubernetes(), context, "uid-1", TODAY).text
        (tmp_path / "draft.toml").write_text(text)
        assert all(line.isprintable() for line in text.splitlines())
        return load_target(str(tmp_path / "draft.toml"), ROOT, REGISTRY)

    return load


@pytest.mark.parametrize("context", ["staging", ODD, "", "x" * 300, "-", "arn:aws:eks:eu-west-1:1:cluster/a"])
@pytest.mark.parametrize("seen", CLUSTERS.values(), ids=CLUSTERS)
def test_a_draft_loads_and_all_that_it_asks_is_told_up_to_its_secrets(
    attached: Any, seen: ClusterContents, context: str
) -> None:
    target = attached(seen, context)

    left_out = unsupported(REGISTRY, target)
    asked = RECOGNISED - target.unsupported.keys()
    assert asked == {name for name in target.components if name in RECOGNISED}
    assert asked.isdisjoint(left_out)
    for name in asked:
        endpoints = target.resolved(REGISTRY.components[name])
        assert {*REGISTRY.components[name].endpoints.required} <= {
            *endpoints.addresses,
            *endpoints.secrets,
            *REGISTRY.components[name].endpoints.service,
        }


def test_where_nothing_of_the_platform_is_found_nothing_else_passes_for_it(attached: Any) -> None:
    target = attached(CLUSTERS["nothing of the platform"])

    assert unsupported(REGISTRY, target).keys() == REGISTRY.components.keys()


@pytest.mark.parametrize(
    ("objects", "whose"),
    [
        ([SUPERSET, SUPERSETS], "named after superset"),
        ([AIRFLOW, AIRFLOWS], "release bi is also airflow"),
        ([KEYCLOAK, KEYCLOAKS], "in the namespace of keycloak"),
        ([OWNED], "HarborCluster hub owns it"),
        (
            [SUPERSET, of("db", "postgres:1", 5432, labels={"app": "superset", "tier": "db"})],
            "as others of that product",
        ),
        (
            [SUPERSET, of("db", "postgres:1", 5432, labels={"app.kubernetes.io/part-of": "superset"})],
            "labelled as a part of superset",
        ),
        ([of("hub", "hub:1", space="a"), of("db-hub", "postgres:17", 5432, space="b")], "named after hub"),
    ],
    ids=["name", "release", "namespace", "owner", "label", "part-of", "another namespace"],
)
def test_a_database_inside_another_product_is_not_the_platforms(
    attached: Any, objects: list[list[Object]], whose: str
) -> None:
    target = attached(holding(KAFKA, *objects))

    assert "postgresql" not in target.components
    assert "a part of another product" in target.unsupported["postgresql"]
    assert whose in target.unsupported["postgresql"]


def test_what_is_asked_through_the_cluster_is_found_and_its_database_is_its_own(attached: Any) -> None:
    target = attached(holding(KAFKA, ARGOCD, KATIB))

    assert target.components["argocd"] == {"namespace": "argocd"}
    assert target.components["katib"] == {"namespace": "kubeflow"}
    assert target.kubernetes is not None
    assert target.kubernetes.namespaces == ("data",)
    assert "another product (kubeflow/katib-postgres:5432" in target.unsupported["postgresql"]


def test_superset_is_found_by_its_service_and_left_to_a_person_for_its_credentials() -> None:
    draft = drafted(REGISTRY, COMPONENTS, holding(KAFKA, SUPERSET, SUPERSETS), Kubernetes(), "one", "", TODAY)

    assert '# service = "data/superset:8088"' in draft.text
    lacking = "found as data/superset:8088: username, password, database are not told by the cluster"
    assert draft.left_out["superset"] == lacking


def test_an_elasticsearch_inside_another_product_is_not_the_platforms(attached: Any) -> None:
    target = attached(holding(KAFKA, GRAYLOG, GRAYLOGS))

    assert "release graylog is also graylog" in target.unsupported["elasticsearch"]


@pytest.mark.parametrize(
    ("objects", "service"),
    [
        ([POSTGRESQL, SUPERSET, SUPERSETS], "data/pg:5432"),
        ([BESIDE_IT, MLFLOWS, of("alone", "postgres:17", 5432, env=SECRET)], "data/ml-postgresql:5432"),
        (
            [
                of("mlflow", "mlflow:3", 5000, args=["--backend-store-uri", "postgresql://alone.data.svc/mlflow"]),
                of("alone", "postgres:17", 5432, env=SECRET),
                of("another", "postgres:17", 5432, env=SECRET),
            ],
            "data/alone:5432",
        ),
        (
            [
                of("mlflow", "mlflow:3", 5000, env={"DB_HOST": "superset-postgresql"}),
                *(SUPERSET, SUPERSETS, of("other", "postgres:17", 5432, env=SECRET)),
            ],
            "data/superset-postgresql:5432",
        ),
        ([KAFKA, POSTGRESQL, of("db", "postgres:17", 5432, space="shop", env=SECRET)], "data/pg:5432"),
        (
            [of("pg", "postgres:17", 5432, labels=instance("pg", "postgresql"), env=SECRET),
             of("pg-exporter", "prom/postgres-exporter:1", labels=instance("pg", "exporter"))],
            "data/pg:5432",
        ),
    ],
    ids=["beside another product's", "release", "address", "its own by address", "namespace", "with an exporter"],
)  # fmt: skip
def test_facts_choose_the_platforms_own(attached: Any, objects: list[list[Object]], service: str) -> None:
    target = attached(holding(*objects))

    assert target.components["postgresql"]["service"] == service
    assert "postgresql" not in target.unsupported


def test_a_chart_of_many_components_is_the_platforms(attached: Any) -> None:
    products = {"kafka": ("kafka:4", 9092), "elasticsearch": ("elasticsearch:8", 9200), "ray": ("ray:2", 8265)}
    parts = [of(f"all-{n}", i, p, labels=instance("all", n)) for n, (i, p) in products.items()]
    beside = [
        of("all-gms", "gms:1", labels=instance("all", "gms")),
        of("all-db", "mysql:8", labels=instance("all", "mysql")),
    ]

    target = attached(holding(*parts, *beside))

    assert {*products} <= target.components.keys()


def test_where_nothing_tells_which_is_meant_nobody_guesses(attached: Any) -> None:
    target = attached(CLUSTERS["two of one"])

    assert target.unsupported["postgresql"] == "nothing tells which is meant of data/pg:5432, data/other:5432"


def test_topology_is_what_resources_and_workloads_say(attached: Any) -> None:
    by_operators = attached(holding(STRIMZI, ECK, RAY)).components
    plain = attached(holding(KAFKA, of("es", "elasticsearch:8", 9200, replicas=4))).components

    assert by_operators["kafka"]["expect"] == {"brokers": 4, "voters": 3, "replication": 2}
    assert by_operators["elasticsearch"]["expect"] == {"data_nodes": 6, "masters": 4}
    assert by_operators["ray"]["expect"] == {"workers": 1, "max_workers": 8, "worker_cpus": 2}
    assert plain["kafka"]["expect"] == {"brokers": 3, "voters": 3}
    assert plain["elasticsearch"]["expect"] == {"data_nodes": 4, "masters": 4}


def test_topology_that_is_not_told_is_left_to_the_component(attached: Any) -> None:
    roles = of("es", "elasticsearch:8", 9200, replicas=4, env={"node.roles": "data"})
    none = of("kafka", "kafka:4", 9092, replicas=0)

    components = attached(holding(roles, none)).components

    assert ["expect" in components[name] for name in ("elasticsearch", "kafka")] == [False, False]


def test_workloads_are_expected_as_they_are_desired(attached: Any) -> None:
    scaled = of("web", "web:1", kind="Deployment", replicas=9)
    scaler = {
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "data"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": 2},
    }
    everywhere = of("agent", "agent:1", kind="DaemonSet")
    everywhere[0] |= {"status": {"desiredNumberScheduled": 5}}
    off, elsewhere = of("off", "off:1", replicas=0), of("shop", "shop:1", space="shop")

    target = attached(holding(KAFKA, scaled, scaler, everywhere, off, elsewhere))

    assert target.components["health"]["expect"]["workloads"] == [
        {"kind": "DaemonSet", "name": "data/agent", "pods": 5},
        {"kind": "StatefulSet", "name": "data/kafka", "pods": 3},
        {"kind": "Deployment", "name": "data/web", "pods": 2},
    ]
    assert "# expected by nobody, since no pod of it is: StatefulSet data/off" in target.path.read_text()


def test_the_bucket_is_the_one_that_what_needs_it_is_started_with(attached: Any) -> None:
    told = attached(holding(STORE, BESIDE_IT)).components["s3"]
    two = attached(holding(STORE, BESIDE_IT, of("mlflow-b", "mlflow:3", env={"ROOT": "s3://other"})))

    assert told["bucket"] == "models"
    assert "bucket is not told" in two.unsupported["s3"]


def test_a_value_that_no_target_file_may_hold_is_left_out_and_not_shown(attached: Any) -> None:
    target = attached(holding(KAFKA, HOSTILE))

    assert "postgresql" not in target.components
    assert "hunter2" not in target.unsupported["postgresql"]


def test_what_may_not_be_listed_is_not_said_to_be_missing(attached: Any) -> None:
    target = attached(ClusterContents((), (), {}, refused=("may not list services",), unasked=("Service",)))

    assert target.unsupported["kafka"].startswith("not looked for on 2026-11-30: the right")


def test_the_summary_says_what_is_asked_and_what_not() -> None:
    draft = drafted(REGISTRY, COMPONENTS, holding(KAFKA, SUPERSET, SUPERSETS), Kubernetes(), "one", "", TODAY)

    first, *others = summary(draft)

    assert first == "asked: kafka"
    assert len(others) == len(RECOGNISED) - 1
    assert "not asked: neo4j: not found by --discover on 2026-11-30" in others


def test_two_servers_of_one_platform_are_two(attached: Any) -> None:
    part = {"app": "postgres", "app.kubernetes.io/part-of": "platform"}
    both = [of(name, "postgres:17", 5432, labels={**part, "tier": name}, env=SECRET) for name in ("orders", "users")]

    target = attached(holding(*both))

    assert "nothing tells which is meant" in target.unsupported["postgresql"]


def test_services_of_one_release_are_one_server(attached: Any) -> None:
    labels = instance("pg", "postgresql")
    reading = of("pg-read", "postgres:17", 5432, labels={**labels, "role": "read"}, env=SECRET)
    primary = of("pg-primary", "postgres:17", 5432, labels={**labels, "role": "primary"}, env=SECRET)

    target = attached(holding(reading, primary))

    assert target.components["postgresql"]["service"] == "data/pg-primary:5432"
    assert "# the same servers: data/pg-read:5432" in target.path.read_text()
