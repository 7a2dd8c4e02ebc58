"""Drills of what only a cluster has, seen and blamed right: objects of an API server in memory, and an emulator of
Kubeflow Pipelines. No server of these products was asked.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from api_server import Cluster, cluster
from emulators.kfp import serving
from kubeconfigs import kubeconfig

from gonogo.catalog.registry import Registry
from gonogo.cluster.api import Kind

ROOT = Path(__file__).parent.parent
REGISTRY = Registry.load(ROOT)
KINDS = {
    "katib": Kind("kubeflow.org", "v1beta1", "experiments", "Experiment", True),
    "kfp": Kind("argoproj.io", "v1alpha1", "workflows", "Workflow", True),
    "notebooks": Kind("kubeflow.org", "v1", "notebooks", "Notebook", True),
}
"""Component to a kind that a cluster with it serves."""

TARGET = """
[target]
name = "there"
provider = "existing"
capabilities = ["kubernetes"]
modes = ["disrupt"]
[kubernetes]
identity = "{uid}"
kubeconfig = "{config}"
"""


def deployed(held: Cluster, component: str) -> None:
    """Its servers, ready."""
    label = "katib.kubeflow.org/component" if component == "katib" else "app"
    status = {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1, "updatedReplicas": 1}
    for part in REGISTRY.components[component].expect["parts"]:
        template = {"spec": {"containers": [{"name": part, "image": "registry.example/x:v1.10.0"}]}}
        spec = {"replicas": 1, "template": template}
        held.put("Deployment", "kubeflow", part, labels={label: part}, spec=spec, status=status)


def drilled(component: str, words: list[str], endpoints: str, folder: Path) -> dict[str, tuple[bool, bool]]:
    """Whether each drill was seen, and blamed right."""
    with cluster(KINDS[component], spaces=["kubeflow", "kube-system"]) as held:
        deployed(held, component)
        uid = held.get("Namespace", "", "kube-system")["metadata"]["uid"]
        text = TARGET.format(uid=uid, config=kubeconfig(folder / "config", server=held.url))
        (folder / "there.toml").write_text(f"{text}[components.{component}]\n{endpoints}\n")
        command = [sys.executable, "-m", "gonogo", *words, "--target", str(folder / "there.toml"), "--json"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return {row["name"]: (row["seen"], row["blamed_right"]) for row in json.loads(done.stdout)["rows"]}


@pytest.mark.parametrize("words", [["drill", "katib"], ["drill", "notebooks"]], ids=lambda one: one[1])
def test_servers_that_are_not_in_their_namespace_are_seen(words: list[str], tmp_path: Path) -> None:
    seen = drilled(words[1], words, 'namespace = "kubeflow"', tmp_path)

    assert seen == {f"{words[1]}.another-namespace": (True, True)}


def test_a_kubeflow_pipelines_that_is_elsewhere_is_seen(tmp_path: Path) -> None:
    with serving() as kubeflow:
        more = f'url = "{kubeflow.url}"\nsystem = "kubeflow"'
        seen = drilled("kfp", ["drill", "kfp"], more, tmp_path)

    assert seen == dict.fromkeys(("kfp.another-namespace", "kfp.another-server"), (True, True))
