"""``deploy/<c>/helm.toml``: what charts are given, and that a mistake in it is found before a cluster is asked."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
import yaml
from recipe import ROOT

from gonogo.catalog.registry import Component, Registry
from gonogo.catalog.target import Deploy, OtherChart, load_target
from gonogo.core.endpoints import Endpoints, Secret
from gonogo.core.errors import ConfigError
from gonogo.core.outlet import redacted
from gonogo.providers.helm.applied import unseen
from gonogo.providers.helm.mistakes import Definition, definitions, of_objects
from gonogo.providers.helm.objects import objects
from gonogo.providers.helm.preview import BARE, FULL, wrong
from gonogo.providers.helm.recipe import HelmPlace, HelmRecipe, exchanged, generate
from gonogo.providers.helm.spec import load
from gonogo.providers.helm.values import declared
from gonogo.run.plan import holds

REGISTRY = Registry.load(ROOT)
CHARTED = [name for name, one in REGISTRY.components.items() if "helm" in one.providers]

NEEDS = {
    "datahub": {
        "elasticsearch": Endpoints(
            "elasticsearch",
            {"url": "http://127.0.0.1:4713", "username": "elastic"},
            {"password": Secret("the-password-of-elasticsearch")},
            internal={"url": "http://elasticsearch-es-http.data.svc:9200"},
        ),
        "kafka": Endpoints(
            "kafka",
            {"bootstrap": "127.0.0.1:4714", "security": {"sasl_plain_username": "gonogo"}},
            {"security.sasl_plain_password": Secret("the-password-of-kafka")},
            internal={"bootstrap": "kafka-kafka-bootstrap.data.svc:9092"},
        ),
        "neo4j": Endpoints(
            "neo4j",
            {"uri": "bolt://127.0.0.1:4715", "username": "neo4j", "database": "neo4j"},
            {"password": Secret("the-password-of-neo4j")},
            internal={"uri": "bolt://neo4j.data.svc:7687"},
        ),
        "postgresql": Endpoints(
            "postgresql",
            {"host": "127.0.0.1", "port": "4711", "database": "mlflow", "username": "postgres", "sslmode": "require"},
            {"password": Secret("the-password-of-postgresql")},
            internal={"host": "postgresql-rw.data.svc", "port": "5432"},
        ),
    },
    "mlflow": {
        "postgresql": Endpoints(
            "postgresql",
            {"host": "127.0.0.1", "port": "4711", "database": "mlflow", "username": "postgres", "sslmode": "require"},
            {"password": Secret("the-password-of-postgresql")},
            internal={"host": "postgresql-rw.data.svc", "port": "5432"},
        ),
        "s3": Endpoints(
            "s3",
            {"endpoint": "http://127.0.0.1:4712", "bucket": "artifacts", "region": "eu-central-1"},
            {"access_key": Secret("the-key-of-s3"), "secret_key": Secret("the-secret-of-s3")},
            internal={"endpoint": "http://s3.data.svc:8333"},
        ),
    },
}


def recipe(name: str, deploy: Deploy = BARE, profile: str = "default") -> HelmRecipe:
    """As a target with this ``[deploy]`` and profile renders it, with what it needs up."""
    folder = REGISTRY.components[name].folder
    spec = load(folder).of(profile)
    place = HelmPlace("t", profile, msgspec.to_builtins(deploy), NEEDS.get(name, {}), generate(spec, {}))
    return HelmRecipe(spec, name, folder, place)


def made(one: HelmRecipe) -> Iterator[Any]:
    """Everything that helm and the cluster are given, but for Secrets."""
    yield from (one.values(release) for release in one.spec.releases)
    yield from (obj for manifest in one.spec.manifests for obj in one.manifest(manifest))


def found(thing: Any, key: str) -> Iterator[Any]:
    """Every value below a key of that name."""
    if isinstance(thing, dict):
        yield from (value for name, value in thing.items() if name == key)
    for inner in thing.values() if isinstance(thing, dict) else thing if isinstance(thing, list) else ():
        yield from found(inner, key)


def test_the_components_that_are_judged_are_deployed_by_charts() -> None:
    assert set(CHARTED) == {"datahub", "elasticsearch", "kafka", "mlflow", "neo4j", "postgresql", "ray", "s3"}


@pytest.mark.parametrize(
    ("product", "helm", "why"),
    [
        ("elasticsearch", "", None),
        ("opensearch", "", "no helm.toml"),
        ("opensearch", 'helm = { folder = "own" }', None),
    ],
)
def test_another_product_is_not_deployed_by_the_charts_of_the_one_it_is_like(
    tmp_path: Path, product: str, helm: str, why: str | None
) -> None:
    file = tmp_path / "there.toml"
    table = f'[components.elasticsearch]\nproduct = "{product}"\n{helm}\n'
    file.write_text(f'[target]\nname = "there"\nprovider = "helm"\n[kubernetes]\ncontext = "one"\n{table}')
    target = load_target(str(file), ROOT, REGISTRY)

    lacking = holds(REGISTRY.components["elasticsearch"], target)

    assert (lacking.reason if lacking else None) == why


@pytest.mark.parametrize("profile", ["default", "kind"])
@pytest.mark.parametrize("name", CHARTED)
def test_what_a_chart_is_given_holds_no_secret(name: str, profile: str) -> None:
    one = recipe(name, FULL, profile)

    hidden = {
        *one.place.generated.values(),
        *(v for e in one.place.needs.values() for s in e.secrets.values() for v in [s.reveal()]),
    }
    assert not [value for value in hidden if value in repr([*made(one)])]
    assert all(value for value in hidden)


@pytest.mark.parametrize("profile", ["default", "kind"])
@pytest.mark.parametrize("name", CHARTED)
def test_deploy_reaches_every_chart(name: str, profile: str) -> None:
    every = [*made(recipe(name, FULL, profile))]

    for one in every:
        if one.get("kind") == "KafkaUser":  # nothing runs of it
            continue
        told = repr(one)
        assert all(word in told for word in ("NoSchedule", "pool", "pull"))
    assert "registry.example/mirror" in repr(every)


@pytest.mark.parametrize("name", ["elasticsearch", "kafka", "neo4j", "postgresql", "s3"])
@pytest.mark.parametrize("profile", ["default", "kind"])
def test_what_keeps_data_takes_the_storage_class(name: str, profile: str) -> None:
    keys = ("storageClassName", "storageClass", "class")

    given = [value for key in keys for one in made(recipe(name, FULL, profile)) for value in found(one, key)]
    absent = [value for key in keys for one in made(recipe(name, BARE, profile)) for value in found(one, key)]

    assert set(given) == {"fast"}
    assert set(absent) <= {""}


@pytest.mark.parametrize("name", ["elasticsearch", "postgresql", "kafka"])
def test_custom_resources_name_no_place_where_none_is_asked_for(name: str) -> None:
    # CloudNativePG makes a pod anew for ever whose cluster has an empty list of tolerations
    own = [one for one in made(recipe(name)) if name in repr(one.get("fullnameOverride")) or "spec" in one]

    assert own
    assert [key for key in ("tolerations", "nodeSelector", "affinity") for one in own for _ in found(one, key)] == []


def test_mlflow_is_told_where_things_are_inside_the_cluster() -> None:
    [values] = made(recipe("mlflow"))

    assert values["backendStore"]["postgres"] == {
        "enabled": True, "host": "postgresql-rw.data.svc", "port": 5432, "database": "mlflow", "driver": "psycopg2",
    }  # fmt: skip
    assert values["extraEnvVars"]["MLFLOW_S3_ENDPOINT_URL"] == "http://s3.data.svc:8333"
    assert values["artifactRoot"]["s3"]["bucket"] == "artifacts"


def test_secrets_are_hidden_from_then_on_and_names_are_not() -> None:
    secrets = recipe("mlflow").secrets()

    assert secrets["mlflow-db"] == {"username": "postgres", "password": "the-password-of-postgresql"}
    assert redacted("postgres has the-password-of-postgresql").startswith("postgres has ")
    assert "the-password" not in redacted("postgres has the-password-of-postgresql")


def test_a_profile_has_its_own_workloads() -> None:
    spec = load(REGISTRY.components["elasticsearch"].folder)

    assert [(one.name, one.pods) for one in spec.of("kind").workloads] == [("elasticsearch-es-default", 1)]
    assert sum(one.pods for one in spec.of("default").workloads) == 4
    assert spec.of("another").workloads == spec.of("default").workloads


def test_an_operator_alone_is_exchanged_where_there_is_no_other_chart(tmp_path: Path) -> None:
    spec = load(REGISTRY.components["kafka"].folder)

    [other] = exchanged(spec, OtherChart(chart="oci://mirror.example/strimzi", version="1.2.0"), tmp_path).releases

    assert (other.chart, other.shared, other.serves) == ("oci://mirror.example/strimzi", True, spec.releases[0].serves)


def test_the_target_kind_expects_what_its_values_deploy() -> None:
    target = load_target("kind", ROOT, REGISTRY)

    [pool, kafka, _user] = made_of_manifests("kafka", target.profile)
    expected = target.expected(REGISTRY.components["kafka"])
    assert pool["spec"]["replicas"] == expected["brokers"] == expected["voters"]
    assert kafka["spec"]["kafka"]["config"]["default.replication.factor"] == expected["replication"]
    assert kafka["spec"]["kafka"]["config"]["min.insync.replicas"] == expected["min_insync_replicas"]
    ray, workers = target.expected(REGISTRY.components["ray"]), recipe("ray", profile="kind").values
    given = workers(load(REGISTRY.components["ray"].folder).releases[-1])["worker"]
    assert (given["minReplicas"], given["maxReplicas"]) == (ray["workers"], ray["max_workers"])


def made_of_manifests(name: str, profile: str) -> list[Any]:
    one = recipe(name, profile=profile)
    return [obj for manifest in one.spec.manifests for obj in one.manifest(manifest)]


# -- with the charts themselves

CHARTS = os.environ.get("GONOGO_TEST_CHARTS", "")
"""A folder with the public charts, each in a folder of its name."""


@pytest.mark.skipif(not CHARTS, reason="GONOGO_TEST_CHARTS names no folder with the public charts")
@pytest.mark.parametrize("deploy", [BARE, FULL], ids=["bare", "full"])
@pytest.mark.parametrize("profile", ["default", "kind"])
@pytest.mark.parametrize("name", CHARTED)
def test_the_chart_declares_all_that_it_is_given_and_takes_it(name: str, profile: str, deploy: Deploy) -> None:
    one = recipe(name, deploy, profile)
    known: dict[tuple[str, str], Definition] = {}

    def define(group: str, kind: str) -> Definition | Literal[False]:
        return known.get((group, kind), False)

    manifests = [obj for manifest in one.spec.manifests for obj in one.manifest(manifest)]
    for release in one.spec.releases:
        chart, values = Path(CHARTS, release.chart.rpartition("/")[2]), one.values(release)
        assert [*declared(chart).wrong(values, release.documented)] == []
        command = ["helm", "template", release.name, str(chart), "--namespace", "n", "--include-crds", "--values", "-"]
        done = subprocess.run(command, input=yaml.safe_dump(values), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        every = objects(name, done.stdout)
        known |= {(found.group, found.kind): found for found in definitions(every)}
        assert [*of_objects(name, "", every, define)] == []
        if release.shared:
            continue
        made = {(obj["kind"], obj["metadata"]["name"]) for obj in every}
        wanted = {(w.kind.partition(".")[0], w.name) for w in one.spec.workloads}
        assert wanted <= made or name == "elasticsearch", made  # its operator makes the StatefulSets
    assert [*of_objects(name, "", manifests, define)] == []


@pytest.mark.skipif(not CHARTS, reason="GONOGO_TEST_CHARTS names no folder with the public charts")
@pytest.mark.parametrize("profile", ["default", "kind"])
@pytest.mark.parametrize("name", CHARTED)
def test_all_of_deploy_is_seen_in_what_the_chart_makes_or_known_to_be_missing(name: str, profile: str) -> None:
    one, found = recipe(name, FULL, profile), set()

    for release in one.spec.releases:
        chart, values = Path(CHARTS, release.chart.rpartition("/")[2]), one.values(release)
        command = ["helm", "template", release.name, str(chart), "--namespace", "n", "--values", "-"]
        done = subprocess.run(command, input=yaml.safe_dump(values), capture_output=True, text=True, check=True)
        found |= {(u.key, u.where) for u in unseen(objects(name, done.stdout), one.given(shared=release.shared))}
    for manifest in one.spec.manifests:
        found |= {(u.key, u.where) for u in unseen(one.manifest(manifest), one.given())}

    assert found == UNSEEN.get(name, set())


UNSEEN = {"s3": {("node_selector", "Job s3-bucket-hook"), ("tolerations", "Job s3-bucket-hook")}}
"""What charts have no place for: `plan` and `up` say so."""


# -- mistakes in it


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        pytest.param("helm.toml", 'version = "1.2.0"', "", "needs its exact version", id="no version"),
        pytest.param("helm.toml", '"kafka.yaml"', '"kafka.yml"', "no such file", id="a file that is not there"),
        pytest.param("helm.toml", "gonogo#", "gonogo", "password", id="a reference that is none"),
        pytest.param("helm.toml", "[endpoints]\n", '[endpoints]\nurl = "x"\n', "endpoints.url", id="strange key"),
        pytest.param("helm.toml", 'profile = "kind"', 'profile = "kin"', "no profile 'kin'", id="a strange profile"),
        pytest.param("values.yaml", "deploy.registry", "deploy.registy", "registy", id="a misspelled name"),
        pytest.param("values.yaml", "{% endif %}", "", "unclosed|end of template|endif", id="a template that is none"),
        pytest.param("kafka.yaml", "  name: kafka\n", "", "without a name", id="an object without a name"),
        pytest.param("kafka.yaml", "spec:\n", "spec: [\n", "kafka.yaml", id="no YAML"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_file(file: str, old: str, new: str, said: str, tmp_path: Path) -> None:
    component = changed("kafka", file, old, new, tmp_path)

    problems = [f"{one}" for one in wrong(component, REGISTRY)]

    assert problems
    assert any(word in problem for word in said.split("|") for problem in problems), problems


def test_values_of_a_profile_that_does_not_exist_are_named(tmp_path: Path) -> None:
    component = changed("kafka", "helm.toml", "", "", tmp_path)
    (tmp_path / "kafka/values-knid.yaml").write_text("")

    assert [f"{one}" for one in wrong(component, REGISTRY)] == [
        f"{tmp_path / 'kafka/values-knid.yaml'}: there is no profile 'knid'"
    ]


def test_a_file_that_is_missing_on_the_way_up_is_a_sentence(tmp_path: Path) -> None:
    component = changed("kafka", "helm.toml", '"kafka.yaml"', '"kafka.yml"', tmp_path)
    spec = load(component.folder)
    one = HelmRecipe(spec, "kafka", component.folder, HelmPlace("t", "default", msgspec.to_builtins(BARE)))

    with pytest.raises(ConfigError, match=r"names kafka\.yml"):
        one.manifest(spec.manifests[0])


def changed(name: str, file: str, old: str, new: str, folder: Path) -> Component:
    """A component with one text of its files in place of another."""
    component = REGISTRY.components[name]
    place = shutil.copytree(str(component.folder), folder / name)
    text = (place / file).read_text()
    assert old in text
    (place / file).write_text(text.replace(old, new, 1))
    return msgspec.structs.replace(component, folder=place)
