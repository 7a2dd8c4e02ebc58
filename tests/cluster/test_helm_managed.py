"""PostgreSQL and an S3 store outside of the cluster, given by their addresses: attached to, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from cluster.charted import gonogo, well, written
from cluster.live import Cluster
from cluster.outside import address, managed

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("images")]

Tables = Mapping[str, Mapping[str, Any]]

Platform = Callable[..., Path]

SECRETS = {
    "postgresql": {"password": "password"},
    "s3": {"access_key": "access", "secret_key": "secret"},
}
"""What of the servers' credentials the target refers to, and the keys of the Secret that an administrator made."""


@pytest.fixture(scope="module")
def outside(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tables]:
    """Where they are."""
    host = address(cluster)
    if not host:
        pytest.skip("no address of a node is this machine's, so that no server here is outside of the cluster")
    with managed(tmp_path_factory.mktemp("outside") / "platform", host) as tables:
        yield tables


@pytest.fixture
def space() -> str:
    """A namespace that gonogo makes and removes."""
    return f"gonogo-test-{token_hex(3)}-managed"


@pytest.fixture
def given(cluster: Cluster, outside: Tables) -> Iterator[str]:
    """The namespace in which an administrator keeps their credentials."""
    with cluster.namespace(f"gonogo-test-{token_hex(3)}-given") as name:
        for component, keys in SECRETS.items():
            values = {to: Path(outside[component][key]["file"]).read_text() for key, to in keys.items()}
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": component}, "stringData": values}
            cluster.apply(secret, name)
        yield name


@pytest.fixture
def platform(cluster: Cluster, space: str, given: str, outside: Tables, tmp_path: Path) -> Iterator[Platform]:
    """Writes a target that deploys MLflow alone, on both; takes down what is left."""
    files: list[Path] = []

    def target(changed: Mapping[str, Mapping[str, str]] = {}) -> Path:
        attached = {}
        for component, keys in SECRETS.items():
            known = ("host", "port", "database", "username", "sslmode", "endpoint", "bucket", "region")
            table = {key: value for key, value in outside[component].items() if key in known}
            lines = [f"{key} = {json.dumps(value)}" for key, value in {**table, **changed.get(component, {})}.items()]
            lines += [f'{key} = {{ secret = "{given}/{component}#{to}" }}' for key, to in keys.items()]
            attached[component] = "\n".join(lines)
        files.append(written(tmp_path / "charts", cluster, {"mlflow": space}, attached=attached))
        return files[-1]

    yield target
    for file in files:
        gonogo("down", "--yes", target=file)


def test_mlflow_stands_on_managed_servers_that_are_never_touched(
    cluster: Cluster, space: str, given: str, outside: Tables, platform: Platform
) -> None:
    target = platform()
    before = cluster.every("Secret", given)

    up = well("up", target=target)
    checked = well("check", "-m", "critical", target=target).out
    rows = json.loads(well("status", "-o", "json", target=target).out)["rows"]
    pods, stored = cluster.every("Pod", space), cluster.find("Secret", "mlflow", space) or {}
    made = {one["metadata"]["name"] for one in cluster.every("Secret", space)}
    listed = well("down", target=target).out
    well("down", "--crds", "--yes", target=target)
    after = well("up", "postgresql", "s3", target=target)

    assert "4 of 4 components are up" in up.err
    assert "GO on" in checked
    assert "NO-GO" not in checked
    assert {row["component"] for row in rows} == {"mlflow"}
    [container] = [one for pod in pods for one in pod["spec"]["containers"]]
    told = {one["name"]: one.get("value", "") for one in container["env"]}
    assert told["MLFLOW_S3_ENDPOINT_URL"] == outside["s3"]["endpoint"]
    assert stored["metadata"]["labels"]["gonogo/component"] == "mlflow"
    assert made == {"gonogo-mlflow", "mlflow", "mlflow-s3", "sh.helm.release.v1.mlflow.v1"}
    assert "mlflow" in listed
    assert not [word for word in ("postgresql", "mlflow-artifacts", given) if word in listed]
    assert cluster.find("Namespace", space) is None
    assert cluster.every("Secret", given) == before  # neither changed nor labelled
    assert "2 of 2 components are up" in after.err  # they answer still, and nothing is made for them
    assert cluster.find("Namespace", space) is None


@pytest.mark.parametrize(
    ("component", "changed", "said"),
    [
        ("postgresql", {"database": "nowhere"}, 'database "nowhere" does not exist'),
        ("postgresql", {"username": "nobody"}, "nobody"),
        ("s3", {"bucket": "mlflow-artifacts-lost"}, "mlflow-artifacts-lost"),
    ],
)
def test_what_is_missing_there_is_theirs_to_make(
    component: str, changed: dict[str, str], said: str, cluster: Cluster, space: str, platform: Platform
) -> None:
    target = platform({component: changed})

    up = gonogo("up", target=target)

    assert up.code in (1, 3)
    assert said in up.err, up.err
    assert f"blocked  by {component}" in up.err or "2 of 4 components are up" in up.err, up.err
    assert "Traceback" not in up.text
    assert cluster.every("Pod", space) == []
