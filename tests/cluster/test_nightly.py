"""The nightly pipelines' own commands on a running cluster: kind is a stand-in, and so are the public charts.

Each job has a folder of its own with what a checkout has; there the group's target file is made to mean this cluster
and the charts of ``charts/``. All else is as the files have it: order, conditions, what is kept, what the verdict sees.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from secrets import token_hex

import msgspec
import pytest
from cluster.charts import charts
from cluster.images import BUILD
from cluster.live import Cluster
from nightly import Runner, checkout, groups

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import load_target
from gonogo.results.model import Results

pytestmark = [
    pytest.mark.skipif(not os.environ.get(BUILD), reason=f"{BUILD} names no command that builds images"),
    pytest.mark.slow,
    pytest.mark.usefixtures("images"),
]

EXPECT = {
    "kafka": "voter_lag_seconds = 40",
    "elasticsearch": "data_nodes = 1",
    "ray": "workers = 1\nmax_workers = 1",
}
"""What the servers of ``platform/`` are, in place of what the public charts make."""

LACKS = '"elasticsearch.lifecycles" = "this distribution has neither lifecycle nor snapshot policies"\n'

Machine = Callable[..., Path]


@pytest.fixture
def spaces(cluster: Cluster) -> Iterator[str]:
    """How every namespace of the test begins; those that a job could not take down are removed."""
    prefix = f"gonogo-test-{token_hex(3)}-nightly"
    yield prefix
    gone(cluster, prefix)


def gone(cluster: Cluster, prefix: str) -> None:
    """Remove what a job left, which on kind goes with its machine."""
    for name in namespaces(cluster, prefix):
        cluster.told("DELETE", f"/api/v1/namespaces/{name}")


def namespaces(cluster: Cluster, prefix: str) -> list[str]:
    """Those of the test that are there."""
    every = (cluster.told("GET", "/api/v1/namespaces") or {})["items"]
    return [name for one in every if (name := one["metadata"]["name"]).startswith(prefix)]


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """What runs the jobs."""
    return Runner(tmp_path, Path(sys.executable))


@pytest.fixture
def machine(tmp_path: Path, cluster: Cluster, spaces: str) -> Machine:
    """A checkout for a group's job, in which its target means this cluster; components in ``without`` are left out."""
    kube_system = cluster.find("Namespace", "kube-system") or {}
    charts(tmp_path / "charts")

    def made(group: str, without: Mapping[str, str] = {}) -> Path:
        place = checkout(tmp_path / group)
        path = place / f"deploy/targets/kind-{group}.toml"
        known = load_target(f"kind-{group}", place, registry := Registry.load(place))
        here = [
            name
            for name, one in registry.components.items()
            if "helm" in one.providers and name not in {*known.unsupported, *without}
        ]
        text = path.read_text().partition("\n[components.")[0]
        for old, new in {
            r'^name = ".*"': f'name = "{spaces}-{group}"',
            r'^context = ".*"': f'kubeconfig = "{cluster.kubeconfig}"\nidentity = "{kube_system["metadata"]["uid"]}"',
            r"^namespaces = \[.*\]": f'namespaces = ["{spaces}-{group}"]',
            r"^\[target\.unsupported\]\n": "".join(
                ["[target.unsupported]\n", *(f'{name} = "{why}"\n' for name, why in without.items())]
                + ([LACKS] if "elasticsearch" in here else [])
            ),
        }.items():
            text, found = re.subn(old, lambda _, new=new: new, text, flags=re.MULTILINE)
            assert found == 1, old
        inside = ", ".join(f'{name} = "{spaces}-{group}"' for name in here)
        text += f"\n[deploy]\nnamespaces = {{ {inside} }}\n"
        for name in here:
            text += f'[components.{name}.helm]\nfolder = "{tmp_path / "charts" / name}"\n'
            text += f"[components.{name}.expect]\n{EXPECT[name]}\n" if name in EXPECT else ""
        path.write_text(text)
        return place

    return made


def spoilt(charts: Path, component: str) -> None:
    """From now on the chart wants an image that nobody has."""
    values = charts / component / "values.yaml"
    values.write_text(re.sub(r"image: \S+", "image: gonogo-test/no-such:1", values.read_text()))


def results(runner: Runner, group: str) -> Results:
    """What is kept of a group."""
    return msgspec.json.decode((runner.kept / group / "results.json").read_bytes(), type=Results)


def test_two_light_groups_and_one_that_never_came(
    runner: Runner, machine: Machine, cluster: Cluster, spaces: str, tmp_path: Path
) -> None:
    without = {"ray": "left out of this test, as the largest of the group"}

    said = {
        "ml": runner.github("group", machine("ml", without), {"group": "ml"}),
        "olap": runner.github("group", machine("olap"), {"group": "olap"}),
    }
    verdict = runner.github("verdict", checkout(tmp_path / "verdict"))

    assert {group: one.code for group, one in said.items()} == {"ml": 0, "olap": 0}, said["ml"].text[-3000:]
    asked = {one.name for one in results(runner, "ml").components if one.answers == "passed"}
    assert asked >= {"postgresql", "s3", "mlflow"}
    assert {path.name for path in (runner.kept / "ml").iterdir()} >= {"results.json", "report.html", "junit.xml"}
    assert namespaces(cluster, spaces) == []
    called = runner.called.read_text()
    assert called.count("kind create cluster --config deploy/kind/cluster.yaml --wait 5m\n") == 2
    assert "kind export" not in called
    # a group without results is no GO, and the others are told all the same
    assert verdict.code == 2
    summary = runner.summary.read_text().splitlines()
    assert summary[0] == "# ❌ GO on 2 of 3"
    assert "core/results.json: no such file or directory" in summary[4]
    assert [line[:4] for line in summary if line.startswith("# ")][1:] == ["# ✅ "] * 2


@pytest.mark.parametrize("service", ["github", "gitlab"])
def test_a_group_that_fails_is_kept_with_its_logs(
    service: str, runner: Runner, machine: Machine, spaces: str, tmp_path: Path
) -> None:
    place = machine("olap")
    spoilt(tmp_path / "charts", "postgresql")

    if service == "github":
        said = runner.github("group", place, {"group": "olap"})
        verdict = runner.github("verdict", checkout(tmp_path / "verdict"))
        summary = runner.summary.read_text()
    else:
        said = runner.gitlab("nightly", place, {"GROUP": "olap"})
        verdict = runner.gitlab("nightly-verdict", place)
        summary = (runner.kept / "summary.md").read_text()

    assert (said.code, verdict.code) == (1, 1), said.text[-3000:]
    kept = runner.kept / "olap"
    assert (kept / "logs/kubelet.log").read_text() == "kept\n"
    assert "gonogo-test/no-such:1" in (kept / "health.txt").read_text()
    assert (kept / "report.html").exists()
    assert [one.cause.signature for one in results(runner, "olap").components if one.cause] != []
    assert f"❌ NO-GO on {spaces}-olap" in summary
    assert "# ❌ GO on 0 of 3" in summary


def test_the_pipeline_of_gitlab_deploys_asks_and_takes_down(
    runner: Runner, machine: Machine, cluster: Cluster, spaces: str
) -> None:
    said = runner.gitlab("nightly", machine("olap"), {"GROUP": "olap"})

    assert said.code == 0, said.text[-3000:]
    verdict = results(runner, "olap").verdict
    assert verdict is not None
    assert verdict.decision == "GO"
    assert namespaces(cluster, spaces) == []
    assert "kind create cluster --config cluster.yaml --wait 5m\n" in runner.called.read_text()


@pytest.mark.slow
def test_all_groups_one_after_the_other(
    runner: Runner, machine: Machine, cluster: Cluster, spaces: str, tmp_path: Path
) -> None:
    said = {}
    for group in groups():
        said[group] = runner.github("group", machine(group), {"group": group})
        gone(cluster, spaces)
    verdict = runner.github("verdict", checkout(tmp_path / "verdict"))

    assert {group: one.code for group, one in said.items()} == dict.fromkeys(groups(), 0), verdict.text
    assert verdict.code == 0, verdict.text
    assert runner.summary.read_text().startswith("# ✅ GO on 3 of 3\n")
