"""Components are recognised on a cluster by what operators and charts make, and drafted into a file that loads."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from kubeconfigs import api, kubeconfig
from scripted import Reply, answers, serving
from test_architecture import ROOT

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Kubernetes, load_target
from gonogo.commands.discover import ClusterContents, look
from gonogo.commands.draft import drafted
from gonogo.commands.recognise import recognised
from gonogo.core.errors import Garbled

REGISTRY = Registry.load(ROOT)
COMPONENTS = list(REGISTRY.components.values())
TODAY = date(2026, 11, 30)


def service(name: str, *ports: int | tuple[int, str], headless: bool = False, **labels: str) -> dict[str, Any]:
    numbered = [(port, port) if isinstance(port, int) else port for port in ports]
    return {
        "metadata": {"name": name, "namespace": "data"},
        "spec": {
            "selector": labels or {"app": name},
            "clusterIP": "None" if headless else "10.0.0.1",
            "ports": [{"port": port, "targetPort": target} for port, target in numbered],
        },
    }


def pod(app: str, image: str, *, secret: str = "", **env: str) -> dict[str, Any]:
    """``env`` as NAME="value", or NAME="secret#key" for a reference."""

    def variable(name: str, value: str) -> dict[str, Any]:
        held, hash, key = value.partition("#")
        reference = {"valueFrom": {"secretKeyRef": {"name": held, "key": key}}}
        return {"name": name, **(reference if hash else {"value": value})}

    return {
        "metadata": {"name": f"{app}-0", "namespace": "data", "labels": {"app": app}},
        "spec": {
            "containers": [{"name": "main", "image": image, "env": [variable(*one) for one in env.items()]}],
            "volumes": [{"name": "secret", "secret": {"secretName": secret}}] if secret else [],
        },
    }


def custom(name: str, **rest: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "data"}, **rest}


def written(seen: ClusterContents, context: str = "staging") -> str:
    """The draft of a cluster."""
    return drafted(REGISTRY, COMPONENTS, seen, Kubernetes(), context, "uid-1", TODAY).text


def tables(
    services: list[dict[str, Any]] | None = None,
    pods: list[dict[str, Any]] | None = None,
    resources: Mapping[str, list[dict[str, Any]]] | None = None,
) -> dict[str, Any]:
    """The tables of the components that were recognised, also of those that were left out."""
    seen = ClusterContents(
        tuple(services or ()), tuple(pods or ()), {k: tuple(v) for k, v in (resources or {}).items()}
    )
    text = re.sub(r"^# (?=\[components|[a-z_]+ = (?!.*# (required|if it is needed)))", "", written(seen), flags=re.M)
    found: dict[str, Any] = tomllib.loads(text).get("components", {})
    return found


@pytest.mark.parametrize(
    ("resource", "one", "component", "table"),
    [
        (
            "elasticsearches.elasticsearch.k8s.elastic.co/v1",
            custom("es", spec={"http": {"tls": {"selfSignedCertificate": {"disabled": True}}}}),
            "elasticsearch",
            {
                "service": "data/es-es-http:9200",
                "username": "elastic",
                "password": {"secret": "data/es-es-elastic-user#elastic"},
            },
        ),
        (
            "elasticsearches.elasticsearch.k8s.elastic.co/v1",
            custom("es", spec={}),
            "elasticsearch",
            {
                "service": "data/es-es-http:9200",
                "url": "https://{host}:{port}",
                "username": "elastic",
                "password": {"secret": "data/es-es-elastic-user#elastic"},
                "ca": {"secret": "data/es-es-http-certs-public#ca.crt"},
            },
        ),
        (
            "opensearchclusters.opensearch.opster.io/v1",
            custom("search", spec={"general": {"serviceName": "search-svc"}, "nodePools": []}),
            "elasticsearch",
            {"service": "data/search-svc:9200", "product": "opensearch", "url": "https://{host}:{port}"},
        ),
        (
            "opensearchclusters.opensearch.opster.io/v1",
            custom(
                "search",
                spec={
                    "general": {"serviceName": "search", "httpPort": 9201},
                    "security": {
                        "config": {"adminCredentialsSecret": {"name": "search-admin"}},
                        "tls": {"http": {"generate": True}},
                    },
                    "nodePools": [
                        {"component": "masters", "replicas": 3, "roles": ["cluster_manager"]},
                        {"component": "nodes", "replicas": 4, "roles": ["data", "ingest"]},
                    ],
                },
            ),
            "elasticsearch",
            {
                "service": "data/search:9201",
                "product": "opensearch",
                "url": "https://{host}:{port}",
                "username": {"secret": "data/search-admin#username"},
                "password": {"secret": "data/search-admin#password"},
                "ca": {"secret": "data/search-ca#ca.crt"},
                "expect": {"data_nodes": 4, "masters": 3},
            },
        ),
        (
            "kafkas.kafka.strimzi.io/v1",
            custom(
                "kafka",
                spec={
                    "kafka": {
                        "listeners": [
                            {"name": "tls", "port": 9093, "type": "internal", "tls": True},
                            {"name": "plain", "port": 9092, "type": "internal", "tls": False},
                        ]
                    }
                },
            ),
            "kafka",
            {"service": "data/kafka-kafka-bootstrap:9092"},
        ),
        (
            "clusters.postgresql.cnpg.io/v1",
            custom("pg", spec={"bootstrap": {"initdb": {"database": "mlflow", "secret": {"name": "mlflow-db"}}}}),
            "postgresql",
            {
                "service": "data/pg-rw:5432",
                "database": "mlflow",
                "username": {"secret": "data/mlflow-db#username"},
                "password": {"secret": "data/mlflow-db#password"},
            },
        ),
        (
            "clusters.postgresql.cnpg.io/v1",
            custom("pg", spec={}),
            "postgresql",
            {
                "service": "data/pg-rw:5432",
                "database": "app",
                "username": {"secret": "data/pg-app#username"},
                "password": {"secret": "data/pg-app#password"},
            },
        ),
        (
            "rayclusters.ray.io/v1",
            custom("ml", status={"head": {"serviceName": "ml-head-svc"}}),
            "ray",
            {"service": "data/ml-head-svc:8265"},
        ),
    ],
    ids=[
        "eck",
        "eck with TLS",
        "opensearch",
        "opensearch with its own CA",
        "strimzi",
        "cnpg",
        "cnpg by default",
        "kuberay",
    ],
)
def test_an_operators_resource_is_recognised(
    resource: str, one: dict[str, Any], component: str, table: dict[str, Any]
) -> None:
    assert tables(resources={resource: [one]}) == {component: table}


def test_a_listener_that_needs_credentials_is_left_to_a_person() -> None:
    closed = {"name": "tls", "port": 9093, "type": "internal", "tls": True}
    one = custom("kafka", spec={"kafka": {"listeners": [closed]}})

    assert tables(resources={"kafkas.kafka.strimzi.io/v1": [one]}) == {}


@pytest.mark.parametrize(
    ("made", "run", "component", "table"),
    [
        (
            service("db", 5432),
            pod("db", "postgres:17", POSTGRES_PASSWORD="db#pw", POSTGRES_USER="me", POSTGRES_DB="mlflow"),
            "postgresql",
            {
                "service": "data/db:5432",
                "username": "me",
                "password": {"secret": "data/db#pw"},
                "database": "mlflow",
            },
        ),
        (
            service("minio", 9000),
            pod("minio", "minio/minio:1", MINIO_ROOT_USER="root#rootUser", MINIO_ROOT_PASSWORD="root#rootPassword"),
            "s3",
            {
                "service": "data/minio:9000",
                "access_key": {"secret": "data/root#rootUser"},
                "secret_key": {"secret": "data/root#rootPassword"},
            },
        ),
        (service("mlflow", (80, "5000")), pod("mlflow", "burakince/mlflow:3"), "mlflow", {"service": "data/mlflow:80"}),
        (
            service("search", 9200),
            pod("search", "opensearchproject/opensearch:2.19.4", OPENSEARCH_INITIAL_ADMIN_PASSWORD="os#pw"),
            "elasticsearch",
            {
                "service": "data/search:9200",
                "product": "opensearch",
                "username": "admin",
                "password": {"secret": "data/os#pw"},
            },
        ),
        (service("board", 9200), pod("board", "opensearchproject/opensearch-dashboards:2.19.4"), "", {}),
        (service("q", 9092), pod("kafka", "other:1"), "", {}),
        (service("q", 9092, app="kafka"), pod("kafka", "other:1"), "kafka", {"service": "data/q:9092"}),
        (service("kafka", 9092, app="none"), pod("x", "x"), "kafka", {"service": "data/kafka:9092"}),
        (service("kafka", 1234), pod("kafka", "kafka:1"), "", {}),
        (
            service("neo4j", 7687),
            pod("neo4j", "neo4j:5"),
            "neo4j",
            {"service": "data/neo4j:7687", "username": "neo4j"},
        ),
    ],
    ids=[
        "postgresql",
        "minio",
        "mlflow",
        "opensearch",
        "its dashboards",
        "another app",
        "label",
        "name",
        "another port",
        "neo4j",
    ],
)
def test_a_plain_service_is_recognised_by_port_and_by_image_label_or_name(
    made: dict[str, Any], run: dict[str, Any], component: str, table: dict[str, Any]
) -> None:
    assert tables([made], [run]) == ({component: table} if component else {})


def test_a_headless_service_comes_after_another() -> None:
    services = (service("kafka-brokers", 9092, headless=True, app="kafka"), service("kafka", 9092))

    found = recognised(ClusterContents(services, (pod("kafka", "kafka:1"),), {}), COMPONENTS)["kafka"].draft

    assert found is not None
    assert (found.service, found.same) == ("data/kafka:9092", ["data/kafka-brokers:9092"])


def test_what_a_person_has_to_add_is_said_where_it_belongs() -> None:
    clear = pod("db", "postgres:17", secret="db-tls", POSTGRES_PASSWORD="hunter2")
    store = pod("minio", "minio:1")
    store["spec"]["containers"][0]["envFrom"] = [{"prefix": "MINIO_", "secretRef": {"name": "keys"}}]
    services = (service("db", 5432), service("neo4j", 7687), service("minio", 9000))
    seen = ClusterContents(services, (clear, pod("neo4j", "neo4j:5", secret="graph"), store), {})

    text = written(seen)

    assert "hunter2" not in text
    assert '# # password = { env = "POSTGRESQL_PASSWORD" } # required; stands in clear in its pods' in text
    assert '# # password = { secret = "data/graph#key" } # required; its pods mount data/graph' in text
    assert '# # access_key = { secret = "data/keys#ROOT_USER" } # required; its pods take variables from' in text
    assert '# # bucket = "…" # required; not told by the cluster' in text
    assert 'postgresql = "found as data/db:5432: password is not told by the cluster"' in text
    assert 'kafka = "not found by --discover on 2026-11-30"' in text


def test_the_draft_is_a_target_file(tmp_path: Path) -> None:
    services = (service("kafka", 9092), service("ray-head", 8265))
    pods = (pod("kafka", "kafka:1"), pod("ray-head", "ray:2", RAY_AUTH_TOKEN="ray#token"))

    text = written(ClusterContents(services, pods, {}), "EKS:eu/staging")
    (tmp_path / "draft.toml").write_text(text)
    target = load_target(str(tmp_path / "draft.toml"), ROOT, REGISTRY)

    assert target.kubernetes == Kubernetes(context="EKS:eu/staging", identity="uid-1", namespaces=("data",))
    assert (target.name, target.modes, sorted(target.components)) == ("eks-eu-staging", ("read",), ["kafka", "ray"])
    assert target.components["ray"]["token"] == {"secret": "data/ray#token"}


def test_what_may_not_be_listed_everywhere_is_listed_where_the_context_is(tmp_path: Path) -> None:
    found = json.dumps({"kind": "ServiceList", "metadata": {}, "items": [service("kafka", 9092)]})
    replies = {
        "GET /api/v1/services": [Reply(403, "{}")],
        "GET /api/v1/namespaces/of-one/services": [Reply(body=found)],
        "GET /api/v1/pods": answers({"kind": "PodList", "metadata": {}, "items": []}),
    }

    with serving(replies) as script, closing(api(kubeconfig(tmp_path / "config", server=script.url))) as asked:
        seen = look(asked, COMPONENTS, ())

    assert [s["metadata"]["name"] for s in seen.services] == ["kafka"]
    assert seen.refused[0].startswith("may not list services in any namespace")
    assert not any("secrets" in line for line, _ in script.asked)
    assert set(seen.resources.values()) == {()}


@pytest.mark.parametrize("odd", ["\n[components.queue]\nurl = 'x'", "\r", "\x1b[2J", "\u2028", "\x85", "\x00"])
def test_what_a_cluster_says_is_a_comment_and_nothing_else(odd: str) -> None:
    pods = [pod("kafka", f"kafka:1{odd}", secret=f"x{odd}"), pod("db", "postgres:17", POSTGRES_USER=f"me{odd}")]
    refused = (f"may not list pods{odd}",)
    seen = ClusterContents((service("kafka", 9092), service("db", 5432)), tuple(pods), {}, refused)

    text = written(seen, f"staging{odd}")

    found = tomllib.loads(text)
    assert found["components"] == {"kafka": {"service": "data/kafka:9092"}}
    assert found["target"]["unsupported"].keys() == {c.name for c in COMPONENTS if c.discover} - {"kafka"}
    assert found["kubernetes"]["context"] in (f"staging{odd}", "staging�")
    assert all(line.isprintable() for line in text.splitlines())


@pytest.mark.parametrize("name", ["../x", "a b", 'x"\ny = "z', "x:1/y", "x" * 64, ""])
def test_what_is_no_name_is_not_drafted_as_a_service(name: str) -> None:
    kafka = {"spec": {"kafka": {"listeners": [{"port": 9092, "type": "internal"}]}}}
    odd = {"metadata": {"name": name, "namespace": "data"}, **kafka}

    found = tables([service(name, 9092)], [pod(name, "kafka:1")], {"kafkas.kafka.strimzi.io/v1": [odd]})

    assert found == {}


def test_what_is_no_name_is_not_drafted_as_a_secret() -> None:
    odd = custom("pg", spec={"bootstrap": {"initdb": {"database": "x", "secret": {"name": "../y"}}}})

    (table,) = tables(resources={"clusters.postgresql.cnpg.io/v1": [odd]}).values()

    assert table == {"service": "data/pg-rw:5432", "database": "x"}


@pytest.mark.parametrize(
    "one",
    [
        {},
        {"metadata": {"name": "x"}},
        {"metadata": {"name": 7, "namespace": "data"}},
        custom("x", spec=7, status=[]),
        custom("x", spec={"kafka": {"listeners": {"a": 1}}, "http": [], "bootstrap": "no"}, status={"head": "x"}),
    ],
    ids=["empty", "nowhere", "number", "flat", "other-shapes"],
)
def test_a_resource_of_another_shape_is_no_error(tmp_path: Path, one: dict[str, Any]) -> None:
    rules = {rule.resource for component in COMPONENTS for rule in component.discover if rule.resource}
    listed = answers({"items": [one]})
    paths = {f"GET /apis/{r.partition('.')[2]}/{r.partition('.')[0]}" for r in rules}
    nothing = {f"GET /api/v1/{kind}": answers({"items": []}) for kind in ("services", "pods")}

    with (
        serving({**dict.fromkeys(paths, listed), **nothing}) as script,
        closing(api(kubeconfig(tmp_path / "config", server=script.url))) as asked,
    ):
        seen = look(asked, COMPONENTS, ())
        text = written(seen, "one")

    assert {line for line, _ in script.asked} >= paths
    assert not any("secrets" in line for line, _ in script.asked)
    assert tomllib.loads(text)["target"]["name"] == "one"


@pytest.mark.parametrize("kind", ["services", "pods"])
@pytest.mark.parametrize("one", [{}, {"metadata": {"name": "x", "namespace": "data"}}, {"metadata": [], "spec": {}}, 7])
def test_a_service_or_pod_that_is_none_is_garbage(tmp_path: Path, kind: str, one: Any) -> None:
    replies = dict.fromkeys(("GET /api/v1/services", "GET /api/v1/pods"), answers({"items": []}))
    replies[f"GET /api/v1/{kind}"] = answers({"items": [one]})

    with (
        serving(replies) as script,
        closing(api(kubeconfig(tmp_path / "config", server=script.url))) as asked,
        pytest.raises(Garbled, match="no answer of an API server"),
    ):
        look(asked, COMPONENTS, ())
