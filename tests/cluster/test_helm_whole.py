"""Seven components by helm, Ray by KubeRay's operator: up, judged, disturbed, one taken back, all taken down.

Once as the administrator, once as an account with what ``gonogo rbac --for deploy`` prints. All objects of the cluster
are compared, so that nothing else may work on it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import msgspec
import pytest
from cluster.accounts import deployer
from cluster.charted import gonogo, well, written
from cluster.inventory import everything
from cluster.live import Cluster
from cluster.operators import operator, ray_values

from gonogo.core.errors import NotReady
from gonogo.core.waiting import until
from gonogo.results.model import Results

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.usefixtures("images")]

SEVEN = ("postgresql", "s3", "mlflow", "kafka", "neo4j", "elasticsearch", "ray")

EXPECT = {
    "kafka.expect": "voter_lag_seconds = 40",  # on two cores, beside six others that start
    "elasticsearch.expect": "data_nodes = 1",
    "ray.expect": "workers = 1\nmax_workers = 3",
}

UNSUPPORTED = {
    "elasticsearch.lifecycles": "this distribution has neither lifecycle nor snapshot policies",
    "ray.autoscaler": "its version 2 keeps its report where `ray status` alone reads it",
    "pipelines.model_serving": "the image of Ray has no MLflow library to load a model with",
}

RAY = Path(__file__).parent / "operated" / "ray-cluster"

SETTLED = 90.0
"""Seconds in which what is being deleted must be gone, volumes last."""


@pytest.fixture
def target(cluster: Cluster, tmp_path: Path, who: str) -> Iterator[Path]:
    """The seven in a namespace that gonogo makes, or in one of the administrator's under a lesser account."""
    operator(cluster, "rayclusters.ray.io")
    space = f"gonogo-test-{token_hex(3)}-whole"
    (tmp_path / "ray.yaml").write_text(json.dumps(ray_values()))
    ray = f"chart = {json.dumps(str(RAY))}\nvalues = {json.dumps(str(tmp_path / 'ray.yaml'))}"
    spaces, more = dict.fromkeys(SEVEN, space), {"helm": {"ray": ray}, "attached": EXPECT, "unsupported": UNSUPPORTED}
    file = written(tmp_path / "charts", cluster, spaces, profile="kind", **more)
    if who == "administrator":
        yield file
        gonogo("down", "--crds", "--yes", target=file)
        return
    with cluster.namespace(space), deployer(cluster, space, tmp_path) as account:
        yield account(file)
        gonogo("down", "--crds", "--yes", target=file)


@pytest.mark.parametrize("who", ["administrator", "account"])
def test_seven_stand_are_judged_and_leave_the_cluster_as_it_was(who: str, cluster: Cluster, target: Path) -> None:
    before = everything(cluster)
    out = str(target.parent / "out")

    up = well("up", target=target)
    checked = well("check", "-m", "critical", "--out", out, target=target)
    told = msgspec.json.decode((target.parent / "out/results.json").read_bytes(), type=Results)
    disturbed = well("check", "--mode", "disrupt", "--out", out, target=target)
    undone = well("rollback", "mlflow", "--yes", target=target)
    down = well("down", "--crds", "--yes", target=target)

    assert "components are up" in up.err
    assert [said.out.count("NO-GO") for said in (checked, disturbed)] == [0, 0]
    assert told.verdict is not None
    assert told.verdict.decision == "GO"
    standing = {one.name: one for one in told.components if one.name in SEVEN}
    assert {name for name, one in standing.items() if one.provider == "helm" and one.releases and one.transport} == {
        *SEVEN
    }
    assert "mlflow is taken down" in undone.err
    assert "taken down" in down.err
    assert compared(cluster, before) == (set(), set())


def compared(cluster: Cluster, before: set[str]) -> tuple[set[str], set[str]]:
    """What is there that was not, and what is not there that was, once nothing differs or the time has passed."""

    def differs() -> tuple[set[str], set[str]]:
        now = everything(cluster)
        return now - before, before - now

    try:
        return until(differs, awaited="it", within=SETTLED, every=2, enough=lambda found: found == (set(), set()))
    except NotReady:
        return differs()
