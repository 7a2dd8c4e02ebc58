"""Keys of values that a chart does not declare: helm ignores them, so gonogo names them before anything is installed.

The charts are cut down to the keys that matter, with the names that the real ones have (each says of which version).
"""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
import yaml

from gonogo.core.errors import ConfigError
from gonogo.providers.helm.values import declared, undeclared

KAFKA = """
controller: {replicaCount: 3, controllerOnly: false, persistence: {enabled: true, size: 8Gi}, extraEnvVars: []}
broker: {replicaCount: 0, persistence: {enabled: true, size: 8Gi}}
listeners: {client: {protocol: SASL_PLAINTEXT}}
sasl: {client: {users: [user1], passwords: ""}}
"""  # bitnami/kafka 32.4.4
NEO4J = """
neo4j: {name: "", password: "", passwordFromSecret: "", edition: community, resources: {cpu: "1000m"}}
volumes:
  data: {mode: "", defaultStorageClass: {accessModes: [ReadWriteOnce], requests: {storage: 10Gi}}}
services: {neo4j: {enabled: true}}
env: {}
"""  # neo4j/neo4j 5.26.21
DATAHUB = """
global: {graph_service_impl: elasticsearch, kafka: {bootstrap: {server: "kafka:9092"}}}
datahubSystemUpdate: {enabled: true, sql: {setup: {createDatabase: true}}}
"""  # datahub/datahub 1.1.0
GMS = "replicaCount: 1\nservice: {type: LoadBalancer}\nresources: {}\n"


def chart(folder: Path, values: str, *, schema: object = None, dependencies: str = "", **parts: str) -> Path:
    """A chart in a folder, with those that it depends on."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Chart.yaml").write_text(f"apiVersion: v2\nname: {folder.name}\nversion: 1.0.0\n{dependencies}")
    (folder / "values.yaml").write_text(values)
    if schema is not None:
        (folder / "values.schema.json").write_text(json.dumps(schema))
    for name, inner in parts.items():
        chart(folder / "charts" / name.replace("_", "-"), inner)
    return folder


def packed(folder: Path) -> Path:
    """The same chart as `helm package` leaves it."""
    path = folder.with_name(f"{folder.name}-1.0.0.tgz")
    with tarfile.open(path, "w:gz") as file:
        file.add(folder, folder.name)
    return path


def lost(place: Path, given: str, *documented: str) -> dict[str, str]:
    """Unknown keys and what is said beside each."""
    return dict(declared(place).unknown(yaml.safe_load(given), documented))


@pytest.mark.parametrize(
    ("values", "given", "unknown"),
    [
        pytest.param(
            KAFKA,
            "{replicaCount: 3, persistence: {size: 20Gi}, zookeeper: {enabled: false}, kraft: {enabled: true}}",
            {"replicaCount", "persistence.size", "zookeeper.enabled", "kraft.enabled"},
            id="the plan's Kafka",
        ),
        pytest.param(
            NEO4J,
            "{neo4j: {password: x}, core: {standalone: true}, volumes: {data: {mode: dynamic, size: 30Gi}}}",
            {"core.standalone", "volumes.data.size"},
            id="the plan's Neo4j",
        ),
        pytest.param(
            DATAHUB,
            "{datahub: {elasticsearch: {host: es}, kafka: {bootstrap: {server: k}}, neo4j: {host: n}}}",
            {"datahub.elasticsearch.host", "datahub.kafka.bootstrap.server", "datahub.neo4j.host"},
            id="the plan's DataHub",
        ),
        pytest.param(KAFKA, "{controller: {replicaCount: 1, persistence: {size: 1Gi}}}", set(), id="declared"),
        pytest.param(KAFKA, "{controler: {replicaCount: 1}}", {"controler"}, id="misspelt"),
        pytest.param(KAFKA, "{controller: {persistence: {sizes: 1Gi}}}", {"controller.persistence.sizes"}, id="deep"),
        pytest.param(NEO4J, "{env: {NEO4J_PLUGINS: apoc}}", set(), id="an empty mapping takes any key"),
        pytest.param(KAFKA, "{controller: {extraEnvVars: [{name: A}]}}", set(), id="a list is the templates' business"),
        pytest.param(
            "resources: {requests: {memory: 16Gi}}\npodSecurityContext: {fsGroup: 1}\n",
            "{resources: {requests: {cpu: 1}, limit: {}}, podSecurityContext: {runAsUser: 1, runAsuser: 1}}",
            {"resources.limit", "podSecurityContext.runAsuser"},
            id="Kubernetes' own fields are handed on",
        ),
        pytest.param(
            "global: {kafka: {server: k}}\n",
            "{global: {kafka: {servers: k}, imageRegistry: r}}",
            {"global.kafka.servers"},
            id="what is declared for every chart has its keys",
        ),
        pytest.param(KAFKA, "{global: {imageRegistry: mirror.example}}", set(), id="global is for every chart"),
    ],
)
def test_what_a_chart_would_ignore_is_named(values: str, given: str, unknown: set[str], tmp_path: Path) -> None:
    assert lost(chart(tmp_path / "c", values), given).keys() == unknown
    assert lost(packed(tmp_path / "c"), given).keys() == unknown


def test_the_nearest_key_is_where_the_key_has_moved_to(tmp_path: Path) -> None:
    place = chart(tmp_path / "kafka", KAFKA)

    assert "controller.replicaCount" in lost(place, "{replicaCount: 3}")["replicaCount"]
    assert "broker.replicaCount" in lost(place, "{replicaCount: 3}")["replicaCount"]
    assert "controller" in lost(place, "{controler: {}}")["controler"]


def test_keys_that_only_comments_mention_are_known_where_they_are_listed(tmp_path: Path) -> None:
    place = chart(tmp_path / "ray", "head: {image: ray}\n")

    assert lost(place, "{head: {enableInTreeAutoscaling: true}}").keys() == {"head.enableInTreeAutoscaling"}
    assert lost(place, "{head: {enableInTreeAutoscaling: true}}", "head.enableInTreeAutoscaling") == {}
    assert lost(place, "{head: {options: {idle: 5}}}", "head.options") == {}
    assert lost(place, "{head: {options: {idle: 5}}}", "head.options.busy").keys() == {"head.options.idle"}


def test_what_a_chart_depends_on_declares_its_own_keys(tmp_path: Path) -> None:
    dependencies = "dependencies: [{name: gms, alias: datahub-gms, condition: datahub-gms.enabled}]\n"
    place = chart(tmp_path / "datahub", DATAHUB, dependencies=dependencies, gms=GMS)

    known = "{datahub-gms: {enabled: true, service: {type: ClusterIP}, resources: {limits: {memory: 1Gi}}}}"
    assert lost(place, known) == {}
    assert lost(place, "{datahub-gms: {servce: {type: ClusterIP}}}").keys() == {"datahub-gms.servce"}
    assert lost(place, "{datahub_gms: {}}") == {"datahub_gms": "datahub-gms"}


def test_a_packed_dependency_is_looked_into(tmp_path: Path) -> None:
    place = chart(tmp_path / "outer", "a: 1\n")
    inner = packed(chart(tmp_path / "inner", "size: 1\n"))
    (place / "charts").mkdir()
    inner.rename(place / "charts" / inner.name)

    assert lost(packed(place), "{inner: {size: 2}}") == {}
    assert lost(packed(place), "{inner: {sizes: 2}}").keys() == {"inner.sizes"}


def test_what_a_schema_names_is_declared_too(tmp_path: Path) -> None:
    schema = {"properties": {"ingress": {"properties": {"host": {"type": "string"}}}, "labels": {"type": "object"}}}
    place = chart(tmp_path / "c", "image: x\n", schema=schema)

    assert lost(place, "{ingress: {host: a}, labels: {any: thing}}") == {}
    assert lost(place, "{ingress: {hots: a}}").keys() == {"ingress.hots"}


def test_each_is_a_sentence_with_the_nearest(tmp_path: Path) -> None:
    found = undeclared(chart(tmp_path / "kafka", KAFKA), {"kraft": {"enabled": True}}, (), "deploy/kafka/values.yaml")

    assert [(one.where, one.what) for one in found] == [
        ("deploy/kafka/values.yaml", "the chart declares no key 'kraft.enabled' and would ignore it")
    ]


@pytest.mark.parametrize(
    "data",
    [b"", b"no chart at all", b"\x1f\x8b\x08\x00" + b"\0" * 20],
    ids=["empty", "text", "cut gzip"],
)
def test_what_is_no_chart_is_a_sentence(data: bytes, tmp_path: Path) -> None:
    (path := tmp_path / "c.tgz").write_bytes(data)

    with pytest.raises(ConfigError, match="is no packed chart"):
        declared(path)


def test_a_chart_that_unpacks_to_more_than_it_may_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gonogo.providers.helm.values.MOST", 10_000)
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as file:
        info = tarfile.TarInfo("c/values.yaml")
        info.size = 20_000
        file.addfile(info, io.BytesIO(b"a" * 20_000))
    (path := tmp_path / "c.tgz").write_bytes(data.getvalue())

    with pytest.raises(ConfigError, match="holds more than"):
        declared(path)
