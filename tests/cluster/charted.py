"""A target that deploys the charts of ``charts/``, and the program on it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from cluster.charts import charts
from cluster.live import Cluster
from cluster.standing import DEPLOYED, ROOT

TARGET = """
[target]
name = "{name}"
provider = "helm"
modes = {modes}
capabilities = ["kubernetes"]
profile = "{profile}"
[target.unsupported]
{without}
[kubernetes]
kubeconfig = {kubeconfig}
identity = "{identity}"
namespaces = {spaces}
[deploy]
namespaces = {namespaces}
{deploy}
[limits]
connect = 15
check = 60
"""


def written(
    folder: Path,
    cluster: Cluster,
    spaces: Mapping[str, str],
    *,
    name: str = "",
    modes: Iterable[str] = ("read", "write", "disrupt"),
    deploy: str = "",
    attached: Mapping[str, str] = {},
    folders: Mapping[str, Path] = {},
    helm: Mapping[str, str] = {},
    profile: str = "default",
    unsupported: Mapping[str, str] = {},
) -> Path:
    """The target file: components to the namespaces that they are deployed in, ``attached`` ones to their tables.

    ``folders`` hold other charts than those of ``charts/``, by component; ``helm`` are tables in place of these;
    ``unsupported`` are criteria, and why. Tables beside a component's own go by their whole name: ``ray.expect``.
    """
    if not (folder / "postgresql").exists():
        charts(folder)
    kube_system = cluster.find("Namespace", "kube-system") or {}
    without = dict.fromkeys(sorted(DEPLOYED - {*spaces, *attached}), "not in this test") | dict(unsupported)
    inner = ", ".join(f'{component} = "{space}"' for component, space in spaces.items())
    text = TARGET.format(
        name=name or next(iter(spaces.values())),
        modes=json.dumps([*modes]),
        without="\n".join(f'"{one}" = {json.dumps(why)}' for one, why in without.items()),
        kubeconfig=json.dumps(str(cluster.kubeconfig)),
        identity=kube_system["metadata"]["uid"],
        spaces=json.dumps(sorted(set(spaces.values()))),
        namespaces=f"{{ {inner} }}",
        deploy=deploy,
        profile=profile,
    )
    tables = {one: helm.get(one, f'folder = "{folders.get(one, one)}"') for one in spaces}
    text += "".join(f"[components.{one}.helm]\n{table}\n" for one, table in tables.items())
    text += "".join(f"[components.{one}]\n{table}\n" for one, table in attached.items())
    path = folder / "target.toml"
    path.write_text(text)
    return path


class Said(NamedTuple):
    """How a verb ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """All that it printed."""
        return self.out + self.err


def gonogo(*words: str, target: Path, within: float = 400) -> Said:
    """A verb on a target."""
    command = [sys.executable, "-m", "gonogo", *words, "--target", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=within)
    return Said(done.returncode, done.stdout, done.stderr)


def well(*words: str, target: Path) -> Said:
    """The same, where it has to end well."""
    said = gonogo(*words, target=target)
    assert said.code == 0, (words, said.text[-4000:])
    return said
