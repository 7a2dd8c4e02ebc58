"""What is up is asked of the cluster: who comes from another machine sees, asks and takes down the same.

Another machine is another home, another GONOGO_HOME and a folder that is no checkout, with the target file, its charts
and a kubeconfig.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import msgspec
import pytest
from cluster.inventory import settled
from cluster.killed import Shell, platform
from cluster.live import Cluster

from gonogo.results.model import Results


class Machine:
    """Where somebody works: nothing of it is another's."""

    def __init__(self, folder: Path, kubeconfig: Path) -> None:
        self.folder, self.count = folder, 0
        for name in ("home/.kube", "cache", "work"):
            (folder / name).mkdir(parents=True)
        shutil.copy(kubeconfig, folder / "home/.kube/config")
        env = {"HOME": str(folder / "home"), "GONOGO_HOME": str(folder / "cache"), "KUBECONFIG": ""}
        self.shell = Shell(folder / "work", env)

    def says(self, *words: str, code: int = 0, target: str = "platform/t.toml") -> str:
        """What gonogo prints, its news among it, once it ended with this code."""
        self.count += 1
        log = self.folder / f"{self.count}.log"
        seen, said = self.shell.gonogo(*words, "--target", str(self.folder / target), log=log)
        assert seen == code, f"gonogo {' '.join(words)} ended with {seen}\n{said[-4000:]}"
        return said

    def rows(self) -> list[dict[str, object]]:
        """Of `status`, but how long ago something was seen."""
        said = self.says("status", "-o", "json")
        return list(json.loads(said)["rows"])


@pytest.fixture
def name(cluster: Cluster, kubeconfig: Path, tmp_path: Path) -> Iterator[str]:
    """Of the target; what is left after a failure is taken down."""
    found = f"gonogo-test-{token_hex(3)}-elsewhere"
    yield found
    if settled(cluster, found, set(), 1):
        file = tmp_path / "one/platform/t.toml"
        down = ["down", "--yes", "--crds", "--target", str(file)]
        Shell(env={"HOME": str(tmp_path / "one/home")}).gonogo(*down, log=tmp_path / "down.log")


@pytest.mark.usefixtures("images")
def test_another_machine_sees_asks_and_takes_down_the_same(
    name: str, cluster: Cluster, kubeconfig: Path, tmp_path: Path
) -> None:
    one, other = (Machine(tmp_path / which, kubeconfig) for which in ("one", "other"))
    identity = (cluster.find("Namespace", "kube-system") or {})["metadata"]["uid"]
    for machine in (one, other):
        platform(machine.folder / "platform", name, identity, "~/.kube/config", ["postgresql", "s3"])
    one.says("up")

    here, there = one.rows(), other.rows()
    attached = other.says("endpoints")
    (other.folder / "attached.toml").write_text(attached)
    (one.folder / "attached.toml").write_text(one.says("endpoints"))
    asked = other.says("check", "-m", "critical", "--out", str(other.folder / "out"))
    by_endpoints = other.says("check", "-m", "critical", target="attached.toml")
    left = other.says("sweep", "--yes")
    again = other.says("up")
    gone = other.says("down", "--yes", "--crds")
    nothing = one.says("status")

    assert {row["node"] for row in here} >= {"release postgresql", "release s3", "release operator", "postgresql-0"}
    assert here == there
    assert attached == (one.folder / "attached.toml").read_text()
    assert "secret" in attached
    assert " passed, " in asked
    results = msgspec.json.decode((other.folder / "out/results.json").read_bytes(), type=Results)
    told = {one.name: (one.provider, one.transport, one.releases) for one in results.components}
    assert told["s3"] == ("helm", "port-forward", {"s3": "s3-1.0.0"})
    assert told["postgresql"][2]["postgresql"] == "postgresql-1.0.0"
    assert " passed, " in by_endpoints
    assert "was left behind" in left
    assert "starting  release" not in again
    assert "taken down" in gone
    assert "nothing is up" in nothing
    assert settled(cluster, name, set()) == set()
