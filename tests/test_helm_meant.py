"""What a target means to deploy is known before any cluster is asked: where it will be, and which pods."""

from __future__ import annotations

from pathlib import Path

import pytest

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Target, load_target
from gonogo.core.outcomes import Outcome
from gonogo.providers.choose import described
from gonogo.run.plan import Planned, plan

ROOT = Path(__file__).parents[1]

TARGET = """
[target]
name = "cluster"
provider = "helm"
modes = ["read", "write"]
capabilities = ["kubernetes", "exec"]
profile = "kind"
[target.unsupported]
s3 = "there is none"
[kubernetes]
context = "nowhere"
[deploy]
namespaces = {{ postgresql = "sql" }}
[components.kafka]
bootstrap = "kafka.example:9092"
{more}
"""


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.load(ROOT)


def of(tmp_path: Path, registry: Registry, more: str = "") -> Target:
    path = tmp_path / "target.toml"
    path.write_text(TARGET.format(more=more))
    return described(load_target(str(path), ROOT, registry), registry)


def test_what_is_deployed_is_what_is_expected(tmp_path: Path, registry: Registry) -> None:
    target = of(tmp_path, registry)

    expected = {(one["kind"], one["name"]) for one in target.expected(registry.components["health"])["workloads"]}

    assert ("Cluster.postgresql.cnpg.io", "sql/postgresql") in expected
    assert ("StatefulSet", "data-platform/elasticsearch-es-default") in expected
    assert ("StatefulSet", "data-platform/elasticsearch-es-master") not in expected  # of another profile
    assert target.charted.keys() & {"s3", "mlflow", "kafka"} == set()  # not there, needs what is not there, attached to


def test_what_the_target_file_expects_comes_first(tmp_path: Path, registry: Registry) -> None:
    own = '{ kind = "Deployment", name = "ml/web", pods = 2 }'

    target = of(tmp_path, registry, f"[components.health.expect]\nworkloads = [{own}]")

    assert [one["name"] for one in target.expected(registry.components["health"])["workloads"]] == ["ml/web"]


def test_a_claim_about_tls_is_not_made_of_what_is_deployed_without(tmp_path: Path, registry: Registry) -> None:
    target = of(tmp_path, registry)
    checks = [
        Planned(nodeid=name, criteria=(f"{name}.certificates",), component=name, needs=("tls",))
        for name in ("postgresql", "elasticsearch")
    ]

    unasked = plan(checks, registry, target).unasked

    assert unasked["elasticsearch"].outcome is Outcome.UNSUPPORTED
    assert "postgresql" not in unasked  # sslmode = "require"


def test_the_pods_of_what_is_deployed_are_known_to_be_looked_into(tmp_path: Path, registry: Registry) -> None:
    target = of(tmp_path, registry)
    checks = [
        Planned(nodeid=name, criteria=(f"{name}.listens",), component=name, needs=("exec",))
        for name in ("postgresql", "kafka")
    ]

    unasked = plan(checks, registry, target).unasked

    assert "postgresql" not in unasked
    assert "no Service" in unasked["kafka"].reason


def test_another_provider_s_target_stays_as_it_is(registry: Registry) -> None:
    target = load_target("embedded", ROOT, registry)

    assert described(target, registry) is target
