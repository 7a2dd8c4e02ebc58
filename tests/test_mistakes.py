"""Wrong values and fields, named before anything is installed, each with what to write instead.

Everything is asked of cut-down definitions and charts, and once more of the real ones where ``GONOGO_TEST_CHARTS``
names a folder with them (tests/cluster/README.md).
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
import sample_definitions
import yaml

from gonogo.cluster.documents import documents
from gonogo.providers.helm.mistakes import Definition, Mistake, definitions, of_objects, of_values
from gonogo.providers.helm.schemas import wrong_fields, wrong_values
from gonogo.providers.helm.values import declared

REAL = os.environ.get("GONOGO_TEST_CHARTS", "")
Define = Callable[[str, str], Definition | Literal[False] | None]


class Measures:
    """Charts in a folder, and definitions of kinds."""

    def __init__(self, charts: Path, known: list[Definition]) -> None:
        self.charts, self._known = charts, {(one.group, one.kind): one for one in known}

    def define(self, group: str, kind: str) -> Definition | Literal[False] | None:
        return self._known.get((group, kind), False)


@pytest.fixture(
    scope="module",
    params=[
        "cut down",
        pytest.param("real", marks=pytest.mark.skipif(not REAL, reason="GONOGO_TEST_CHARTS names no folder")),
    ],
)
def measures(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Measures:
    if request.param == "cut down":
        charts = sample_definitions.charts(tmp_path_factory.mktemp("charts"))
        return Measures(charts, sample_definitions.DEFINITIONS)
    wanted = ("kafkas.", "kafkanodepools.", "dorisclusters.", "rayclusters.")
    files = [one for one in Path(REAL).glob("*/crds/*.yaml") if any(f"name: {w}" in one.read_text() for w in wanted)]
    every = [obj for path in files for obj in documents(str(path), path.read_bytes()) if obj]
    return Measures(Path(REAL), [*definitions(every)])


def mistakes(measures: Measures, what: str, given: Mapping[str, Any]) -> list[Mistake]:
    """Of an object, or of the values of the chart that ``what`` names."""
    if "kind" in given:
        return [*of_objects("c", "manifest.yaml", [given], measures.define)]
    return [*of_values("c", declared(measures.charts / what), [("values.yaml", given)], given)]


def told(found: list[Mistake]) -> dict[str, tuple[str, str]]:
    assert all(one.where in ("values.yaml", "manifest.yaml") and one.component == "c" for one in found)
    return {one.key: (one.fault, one.right) for one in found}


# -- the plan, and the plan put right

PLAN: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {
    "kafka": (
        "{replicaCount: 3, persistence: {size: 20Gi}, zookeeper: {enabled: false}, kraft: {enabled: true}}",
        {
            "replicaCount": ("unknown", "controller.replicaCount or broker.replicaCount"),
            "persistence.size": ("unknown", "controller.persistence.size or broker.persistence.size"),
            "zookeeper.enabled": ("unknown", "no such key: leave it out"),
            "kraft.enabled": ("unknown", "no such key: leave it out"),
        },
    ),
    "neo4j": (
        "{neo4j: {password: p}, core: {standalone: true}, volumes: {data: {mode: defaultStorageClass, size: 30Gi}}}",
        {
            "core.standalone": ("unknown", "no such key: leave it out"),
            "volumes.data.size": ("unknown", "volumes.data.defaultStorageClass.requests.storage"),
        },
    ),
    "datahub": (
        """
        datahub:
          enabled: true
          elasticsearch: {host: elasticsearch-master.data-platform.svc.cluster.local, port: 9200}
          kafka: {bootstrap: {servers: "kafka.data-platform.svc.cluster.local:9092"}}
          neo4j: {uri: "bolt://neo4j.data-platform.svc.cluster.local:7687", password: p}
        """,
        {
            "datahub.enabled": ("unknown", "no such key: leave it out"),
            "datahub.elasticsearch.host": ("unknown", "global.elasticsearch.host"),
            "datahub.elasticsearch.port": ("unknown", "global.elasticsearch.port"),
            "datahub.kafka.bootstrap.servers": ("unknown", "global.kafka.bootstrap.server"),
            "datahub.neo4j.uri": ("unknown", "global.neo4j.uri"),
            "datahub.neo4j.password": ("unknown", "global.neo4j.password: {secretRef, secretKey}"),
        },
    ),
    "mlflow": (
        """
        replicaCount: 1
        backendStore: {postgres: {host: h, port: 5432, database: mlflow, username: mlflow, password: p}}
        artifactStore: {s3: {enabled: true, bucket: b, endpoint: "http://minio", accessKey: a, secretKey: s}}
        """,
        {
            "backendStore.postgres.username": ("unknown", "backendStore.postgres.user"),
            "artifactStore.s3.enabled": ("unknown", "artifactRoot.s3.enabled"),
            "artifactStore.s3.bucket": ("unknown", "artifactRoot.s3.bucket"),
            "artifactStore.s3.endpoint": ("unknown", "no such key: leave it out"),
            "artifactStore.s3.accessKey": ("unknown", "artifactRoot.s3.awsAccessKeyId"),
            "artifactStore.s3.secretKey": ("unknown", "artifactRoot.s3.awsSecretAccessKey"),
        },
    ),
    "DorisCluster": (
        """
        apiVersion: doris.selectdb.com/v1
        kind: DorisCluster
        metadata: {name: doris-cluster, namespace: doris-analytics}
        spec:
          feSpec:
            replicas: 1
            image: apache/doris:fe-3.0.8
            limits: {cpu: 2, memory: 4Gi}
            requests: {cpu: 1, memory: 2Gi}
            persistentVolume: {storageClassName: local-storage-standard, requests: {storage: 30Gi}}
          beSpec:
            replicas: 2
            image: apache/doris:be-3.0.8
            limits: {cpu: 4, memory: 8Gi}
            requests: {cpu: 2, memory: 4Gi}
            persistentVolume: {storageClassName: local-storage-standard, requests: {storage: 100Gi}}
        """,
        {
            "spec.feSpec.persistentVolume": ("unknown", "spec.feSpec.persistentVolumes: a list of {"),
            "spec.beSpec.persistentVolume": ("unknown", "spec.beSpec.persistentVolumes: a list of {"),
        },
    ),
    "RayCluster": (
        """
        apiVersion: ray.io/v1alpha1
        kind: RayCluster
        metadata: {name: ml-cluster, namespace: ml-platform}
        spec:
          rayVersion: '2.9.0'
          headGroupSpec:
            rayStartParams: {dashboard-host: '0.0.0.0'}
            template: {spec: {containers: [{name: ray-head, image: "rayproject/ray:2.9.0", resources: {limits: {cpu: 2, memory: 4Gi}, requests: {cpu: 1, memory: 2Gi}}}]}}
          workerGroupSpecs:
          - replicas: 2
            minReplicas: 1
            maxReplicas: 4
            rayStartParams: {}
            template: {spec: {containers: [{name: ray-worker, image: "rayproject/ray:2.9.0", resources: {limits: {cpu: 4, memory: 8Gi}, requests: {cpu: 2, memory: 4Gi}}}]}}
        """,  # noqa: E501
        {
            "apiVersion": ("deprecated", "apiVersion: ray.io/v1"),
            "spec.workerGroupSpecs[0].groupName": ("missing", "a text"),
        },
    ),
}
"""What the plan of 2025-10-24 gives, and every key and field of it that is wrong."""

RIGHT = {
    "kafka": "{controller: {replicaCount: 3, persistence: {size: 20Gi}}, listeners: {client: {protocol: PLAINTEXT}}}",
    "neo4j": """
        neo4j: {name: neo4j, edition: community, passwordFromSecret: neo4j-auth, resources: {cpu: "1", memory: 4Gi}}
        disableLookups: true
        volumes: {data: {mode: defaultStorageClass, defaultStorageClass: {requests: {storage: 30Gi}}}}
        services: {neo4j: {enabled: false}}
        env: {NEO4J_PLUGINS: '["apoc"]'}
        """,
    "datahub": """
        global:
          datahub_standalone_consumers_enabled: true
          graph_service_impl: neo4j
          elasticsearch: {host: elasticsearch-es-http, port: "9200", useSSL: "false"}
          kafka: {bootstrap: {server: "kafka-kafka-bootstrap:9092"}}
          neo4j: {host: "neo4j:7474", uri: "bolt://neo4j:7687", username: neo4j, password: {secretRef: neo4j-auth, secretKey: neo4j-password}}
          sql: {datasource: {host: "postgresql-rw:5432", port: "5432", username: datahub}}
        datahubSystemUpdate: {sql: {setup: {createDatabase: false}}}
        """,  # noqa: E501
    "mlflow": """
        replicaCount: 1
        backendStore: {postgres: {enabled: true, host: postgresql-rw.data-platform.svc, port: 5432, database: mlflow, user: mlflow}}
        artifactRoot: {proxiedArtifactStorage: true, s3: {enabled: true, bucket: mlflow-artifacts}}
        """,  # noqa: E501
    "Kafka": """
        apiVersion: kafka.strimzi.io/v1
        kind: Kafka
        metadata: {name: kafka, namespace: data-platform, labels: {any: thing}}
        spec:
          kafka:
            version: 4.3.1
            metadataVersion: 4.3-IV0
            listeners: [{name: plain, port: 9092, type: internal, tls: false}]
            config: {offsets.topic.replication.factor: 3, min.insync.replicas: 2}
          entityOperator: {topicOperator: {}}
        """,
    "KafkaNodePool": """
        apiVersion: kafka.strimzi.io/v1
        kind: KafkaNodePool
        metadata: {name: dual, namespace: data-platform, labels: {strimzi.io/cluster: kafka}}
        spec:
          replicas: 3
          roles: [controller, broker]
          resources: {requests: {cpu: 500m, memory: 2Gi}, limits: {memory: 2Gi}}
          storage:
            type: jbod
            volumes: [{id: 0, type: persistent-claim, size: 20Gi, kraftMetadata: shared, deleteClaim: true}]
        """,
    "DorisCluster": """
        apiVersion: doris.selectdb.com/v1
        kind: DorisCluster
        metadata: {name: doris-cluster, namespace: doris-analytics}
        spec:
          feSpec:
            replicas: 1
            electionNumber: 1
            image: apache/doris:fe-3.0.8
            requests: {cpu: 1, memory: 4Gi}
            limits: {cpu: 2, memory: 4Gi}
            configMapInfo: {configMapName: doris-fe-conf, resolveKey: fe.conf}
            persistentVolumes:
            - {name: fe-meta, mountPath: /opt/apache-doris/fe/doris-meta, persistentVolumeClaimSpec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 30Gi}}}}
          beSpec:
            replicas: 2
            image: apache/doris:be-3.0.8
            skipDefaultSystemInit: true
            requests: {cpu: 2, memory: 4Gi}
            limits: {cpu: 4, memory: 8Gi}
            persistentVolumes:
            - {name: be-storage, mountPath: /opt/apache-doris/be/storage, persistentVolumeClaimSpec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 100Gi}}}}
        """,  # noqa: E501
    "RayCluster": """
        apiVersion: ray.io/v1
        kind: RayCluster
        metadata: {name: ml-cluster, namespace: ml-platform}
        spec:
          rayVersion: 2.52.0
          enableInTreeAutoscaling: true
          headGroupSpec:
            rayStartParams: {dashboard-host: 0.0.0.0, num-cpus: "0"}
            template: {spec: {containers: [{name: ray-head, image: "rayproject/ray:2.52.0", resources: {limits: {cpu: 2, memory: 4Gi}}}]}}
          workerGroupSpecs:
          - groupName: workers
            replicas: 2
            minReplicas: 1
            maxReplicas: 4
            rayStartParams: {}
            template: {spec: {containers: [{name: ray-worker, image: "rayproject/ray:2.52.0", resources: {limits: {cpu: 4, memory: 8Gi}}}]}}
        """,  # noqa: E501
}
"""The plan put right (deploy facts of 2026-11-23)."""


@pytest.mark.parametrize("what", PLAN)
def test_every_wrong_key_and_field_of_the_plan_is_named_with_the_right_one(what: str, measures: Measures) -> None:
    text, wanted = PLAN[what]

    found = told(mistakes(measures, what, yaml.safe_load(text)))

    assert found.keys() == wanted.keys()
    for key, (fault, right) in wanted.items():
        assert found[key][0] == fault
        assert found[key][1].startswith(right), (key, found[key])


@pytest.mark.parametrize("what", RIGHT)
def test_the_plan_put_right_has_no_mistake(what: str, measures: Measures) -> None:
    assert mistakes(measures, what, yaml.safe_load(RIGHT[what])) == []


# -- mutations


def changed(given: Any, mutation: Mapping[str, Any]) -> Any:
    """A copy with another value at the path, without it, or with it in another place."""
    new = copy.deepcopy(given)
    place, last = _place(new, mutation["at"])
    if "to" in mutation:
        place[last] = mutation["to"]
        return new
    held = place[last]
    del place[last]
    if "moved" in mutation:
        place, last = _place(new, mutation["moved"])
        place[last] = held
    return new


def _place(given: Any, path: str) -> tuple[Any, Any]:
    *above, last = [int(one) if one.isdigit() else one for one in path.split("/")]
    for step in above:
        given = given[step]
    return given, last


MUTATIONS: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("mutations.yaml").read_text())


@pytest.mark.parametrize("name", MUTATIONS)
def test_one_mistake_is_found_and_no_other(name: str, measures: Measures) -> None:
    mutation = MUTATIONS[name]
    good = yaml.safe_load(RIGHT[mutation["of"]])

    found = told(mistakes(measures, mutation["of"], changed(good, mutation)))

    inside = mutation.get("with", [])  # each value of a block that is lost is named
    assert {*found} == {mutation["key"], *inside}
    fault, right = found[mutation["key"]]
    assert fault == mutation["fault"]
    assert right.startswith(mutation["right"])


# -- what an API server does with fields, and what nobody is told

OBJECT = {"apiVersion": "mq.example/v1", "kind": "Queue", "metadata": {"name": "a", "labels": {"any": "thing"}}}


def faults(schema: str, spec: str) -> dict[str, str]:
    """Key to the fault, in ``spec`` of an object whose schema is that of its spec."""
    whole = {"type": "object", "properties": {"metadata": {"type": "object"}, "spec": yaml.safe_load(schema)}}
    return {one.key: one.fault for one in wrong_fields(whole, {**OBJECT, "spec": yaml.safe_load(spec)})}


@pytest.mark.parametrize(
    ("schema", "spec", "wanted"),
    [
        pytest.param("{type: object}", "{a: 1}", {"spec.a": "unknown"}, id="a mapping without fields keeps none"),
        pytest.param("{type: object, x-kubernetes-preserve-unknown-fields: true}", "{a: {b: 1}}", {}, id="kept"),
        pytest.param("{type: object, additionalProperties: {}}", "{a: 1}", {}, id="any key"),
        pytest.param("{type: object, additionalProperties: true}", "{a: 1}", {}, id="any key and value"),
        pytest.param(
            "{type: object, additionalProperties: {type: string}}", "{a: 1}", {"spec.a": "type"}, id="any key, typed"
        ),
        pytest.param(
            "{type: object, required: [a], properties: {a: {type: string, default: x}}}", "{}", {}, id="has a default"
        ),
        pytest.param(
            "{type: object, required: [a], properties: {a: {type: string, nullable: true}}}", "{a: null}", {}, id="null"
        ),
        pytest.param("{type: object, properties: {a: {type: string}}}", "{a: null}", {}, id="a null is dropped"),
        pytest.param(
            "{type: object, properties: {a: {type: array, items: {type: string}}}}",
            "{a: [x, null]}",
            {"spec.a[1]": "type"},
            id="but not from a list",
        ),
        pytest.param(
            "{type: object, properties: {t: {type: object, x-kubernetes-embedded-resource: true, properties: {spec: {type: object}}}}}",  # noqa: E501
            "{t: {apiVersion: v1, kind: Pod, metadata: {labels: {a: b}}, more: 1}}",
            {"spec.t.more": "unknown"},
            id="an object in an object",
        ),
        pytest.param(
            "{type: object, properties: {port: {x-kubernetes-int-or-string: true}}}", "{port: http}", {}, id="a port"
        ),
        pytest.param(
            "{type: object, properties: {port: {x-kubernetes-int-or-string: true}}}",
            "{port: true}",
            {"spec.port": "type"},
            id="a flag is no port",
        ),
        pytest.param(
            "{type: object, properties: {l: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name], items: {type: object, properties: {name: {type: string}}}}}}",  # noqa: E501
            "{l: [{name: a}, {name: b}, {name: a}]}",
            {"spec.l[2]": "twice"},
            id="a name twice",
        ),
        pytest.param(
            "{type: object, properties: {l: {type: array, x-kubernetes-list-type: set, items: {type: string}}}}",
            "{l: [a, a]}",
            {"spec.l[1]": "twice"},
            id="a word twice",
        ),
        pytest.param(
            "{type: object, properties: {a: {type: string}, b: {type: string}}, oneOf: [{required: [a]}, {required: [b]}]}",  # noqa: E501
            "{}",
            {"spec": "missing"},
            id="one of two",
        ),
        pytest.param(
            "{type: object, properties: {a: {type: object, properties: {x: {type: integer}, y: {type: string}}}}, anyOf: [{properties: {a: {properties: {x: {minimum: 5}}}}}]}",  # noqa: E501
            "{a: {x: 5, y: z}}",
            {},
            id="alternatives drop nothing",
        ),
        pytest.param(
            "{type: object, properties: {a: {type: string, pattern: '^[[:alpha:]]+$'}}}", "{a: b}", {}, id="Go's own"
        ),
        pytest.param(
            "{type: object, properties: {a: {type: string, pattern: '(?P>x)'}}}", "{a: b}", {}, id="no pattern"
        ),
        pytest.param(
            "{type: object, properties: {a: {type: integer}, b: {type: number}}}", "{a: 1.0, b: 2}", {}, id="whole"
        ),
    ],
)
def test_fields_are_measured_as_the_api_server_measures_them(schema: str, spec: str, wanted: dict[str, str]) -> None:
    assert faults(schema, spec) == wanted


def test_what_is_said_of_one_of_several_says_which() -> None:
    schema = {"oneOf": [{"required": ["a"]}, {"required": ["b", "c"]}]}

    [breach] = wrong_values(schema, {})

    assert (breach.fault, breach.right) == ("missing", "one of: a; b, c")


def test_a_part_of_a_schema_that_lies_elsewhere_is_not_fetched() -> None:
    schema = {"properties": {"a": {"$ref": "https://schemas.example/a.json"}, "b": {"type": "string"}}}

    assert [one.key for one in wrong_values(schema, {"a": 1, "b": 1})] == ["b"]


@pytest.mark.parametrize(
    ("kept", "faults"), [(False, ["unknown"]), (True, [])], ids=["dropped", "an old definition keeps them"]
)
def test_a_field_that_nobody_drops_is_no_mistake(kept: bool, faults: list[str]) -> None:
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object"}}}}
    spec = {"group": "mq.example", "names": {"kind": "Queue"}, "preserveUnknownFields": kept}
    versions = [{"name": "v1", "served": True, "schema": schema}]
    [queue] = definitions([{"kind": "CustomResourceDefinition", "spec": {**spec, "versions": versions}}])

    found = of_objects("c", "f", [{**OBJECT, "spec": {"a": 1}}], lambda *_: queue)

    assert [one.fault for one in found] == faults


@pytest.mark.parametrize(
    ("known", "faults"), [(None, []), (False, ["undefined"])], ids=["nobody could be asked", "nothing defines it"]
)
def test_what_defines_a_kind_is_known_or_not(known: Literal[False] | None, faults: list[str]) -> None:
    found = [*of_objects("c", "f", [OBJECT, {**OBJECT, "apiVersion": "apps/v1"}], lambda *_: known)]

    assert [one.fault for one in found] == faults
    assert all("nothing defines Queue of mq.example/v1" in one.problem.what for one in found)


def test_a_mistake_that_a_chart_hands_on_is_found_in_the_file_of_the_value() -> None:
    values = {"nodeSets": [{"name": "a", "volumeClaimTemplate": [1]}]}
    node = {"type": "object", "properties": {"name": {"type": "string"}, "volumeClaimTemplates": {"type": "array"}}}
    spec = {"type": "object", "properties": {"nodeSets": {"type": "array", "items": node}}}
    schema = {"type": "object", "properties": {"spec": spec}}
    versions = {"v1": {"served": True, "schema": {"openAPIV3Schema": schema}}}

    [found] = of_objects(
        "c", "release x", [{**OBJECT, "spec": values}], lambda *_: Definition("mq.example", "Queue", versions),
        [("values.yaml", {"nodeSets": []}), ("values-kind.yaml", values)],
    )  # fmt: skip

    assert (found.where, found.key) == ("values-kind.yaml", "nodeSets[0].volumeClaimTemplate")
    assert found.right.startswith("spec.nodeSets[0].volumeClaimTemplates")
    assert str(found.problem).startswith("values-kind.yaml: Queue a: nodeSets[0].volumeClaimTemplate is unknown")


def test_the_last_file_that_says_it_is_named_and_no_secret_is_shown(tmp_path: Path) -> None:
    chart = sample_definitions.charts(tmp_path) / "neo4j"
    layers = [
        ("values.yaml", {"services": {"neo4j": {"enabled": "false"}}}),
        ("values-kind.yaml", {"services": {"neo4j": {"enabled": "true"}}, "neo4j": "hunter22hunter22"}),
        ("mine.yaml", {"disableLookups": "yes"}),
    ]
    given = {"services": {"neo4j": {"enabled": "true"}}, "neo4j": {"password": "p"}, "disableLookups": "yes"}

    found = {one.key: one for one in of_values("c", declared(chart), layers, given)}

    assert found.keys() == {"services.neo4j.enabled", "disableLookups"}
    assert found["services.neo4j.enabled"].where == "values-kind.yaml"
    assert found["services.neo4j.enabled"].written == '"true"'
    assert found["disableLookups"].where == "mine.yaml"


def test_a_value_under_a_secret_name_is_not_shown(tmp_path: Path) -> None:
    chart = sample_definitions.charts(tmp_path) / "mlflow"
    given = {"backendStore": {"postgres": {"password": 4711}}}

    [found] = of_values("c", declared(chart), [("values.yaml", given)], given)

    assert (found.key, found.fault) == ("backendStore.postgres.password", "type")
    assert "4711" not in f"{found.written} {found.problem}"


# -- versions


def told_of(version: str, **versions: str) -> list[tuple[str, str]]:
    """Fault and what to write, of an object in this version; the others hold ``served storage deprecated``."""
    known = {
        name: {"name": name, **{word: word in words for word in ("served", "storage", "deprecated")}}
        for name, words in versions.items()
    }
    definition = Definition("mq.example", "Queue", known)
    queue = {"apiVersion": f"mq.example/{version}", "kind": "Queue", "metadata": {"name": "orders"}}
    found = of_objects("c", "manifest.yaml", [queue], lambda *_: definition)
    return [(one.fault, one.right.removeprefix("apiVersion: mq.example/")) for one in found]


@pytest.mark.parametrize(
    ("version", "versions", "found"),
    [
        ("v1", {"v1": "served storage"}, []),
        ("v1beta1", {"v1": "served storage", "v1beta1": "served deprecated"}, [("deprecated", "v1")]),
        # an object is still kept in the old one: that has no future, the other has
        ("v1beta1", {"v1beta1": "served storage deprecated", "v1": "served"}, [("deprecated", "v1")]),
        ("v1beta1", {"v1beta1": "served storage deprecated"}, [("deprecated", "")]),
        ("v1beta1", {"v1beta1": "served deprecated", "v1": "storage", "v2": "served"}, [("deprecated", "v2")]),
        ("v1alpha1", {"v1": "served storage", "v1alpha1": "deprecated"}, [("version", "v1")]),
    ],
)
def test_the_version_to_write_is_the_one_that_is_kept_and_has_a_future(
    version: str, versions: dict[str, str], found: list[tuple[str, str]]
) -> None:
    assert told_of(version, **versions) == found
