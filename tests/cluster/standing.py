"""The platform of ``platform/``: deployed in a namespace by its manifests, and the target file that attaches to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template

import yaml
from cluster.images import COMPONENTS, PLATFORM, image
from cluster.live import Cluster, Object

from gonogo.providers.embedded.recipe import generate
from gonogo.providers.embedded.spec import load
from gonogo.providers.made import pbkdf2_sha512, salted_sha256

ROOT = Path(__file__).parents[2]

DEPLOYED = {path.parent.name for path in ROOT.glob("deploy/*/helm.toml")}
"""What a target of provider helm deploys where its file does not say otherwise."""

READY = "status.readyReplicas == spec.replicas"

PATIENCE = 300.0
"""Seconds until a server must be ready, where all start at once on few cores."""


def values() -> dict[str, str]:
    """What the manifests are filled with: images, and new passwords of the kinds that the embedded target has."""
    filled = {f"{component}_image": image(component) for component in COMPONENTS}
    for component in COMPONENTS:
        made = generate(load(ROOT / "deploy" / component))
        filled |= {f"{component}_{name}": value for name, value in made.items()}
    filled["neo4j_auth"] = salted_sha256(filled["neo4j_password"])
    filled["elasticsearch_users"] = pbkdf2_sha512(filled["elasticsearch_password"])
    return filled


def deployed(
    cluster: Cluster, namespace: str, filled: Mapping[str, str], components: Iterable[str] = COMPONENTS
) -> None:
    """Apply the manifests of these components, and wait until every workload is ready."""
    chosen = list(components)
    for component in chosen:
        for one in manifest(cluster, component, namespace, filled):
            cluster.apply(one, namespace)
    for component in chosen:
        ready(cluster, namespace, component)


def manifest(cluster: Cluster, component: str, namespace: str, filled: Mapping[str, str]) -> list[Object]:
    """A component's objects."""
    text = (PLATFORM / f"{component}.yaml").read_text(encoding="utf-8")
    return cluster.objects(text, namespace, **filled)


def workloads(component: str) -> list[tuple[str, str, int]]:
    """Kind, name and pods of what runs a component, as its manifest has it."""
    found = yaml.safe_load_all((PLATFORM / f"{component}.yaml").read_text(encoding="utf-8"))
    return [
        (one["kind"], one["metadata"]["name"], one["spec"].get("replicas", 1))
        for one in found
        if one["kind"] in ("StatefulSet", "Deployment")
    ]


def ready(cluster: Cluster, namespace: str, component: str) -> None:
    """Wait until a component's workloads are ready."""
    for kind, name, _ in workloads(component):
        cluster.wait(kind, READY, name=name, namespace=namespace, within=PATIENCE)


def target(folder: Path, namespace: str, filled: Mapping[str, str], **more: str) -> Path:
    """The target file, for who has the kubeconfig ``kubeconfig`` in ``more``."""
    text = (PLATFORM / "target.toml").read_text(encoding="utf-8")
    text = Template(text).substitute(filled, namespace=namespace, **more)
    planned = [
        f'  {{ kind = "{kind}", name = "{namespace}/{name}", pods = {pods} }},'
        for component in COMPONENTS
        for kind, name, pods in workloads(component)
    ]
    path = folder / "target.toml"
    expected = "\n".join(["[components.health.expect]", "workloads = [", *planned, "]", ""])
    path.write_text(f"{text}\n{expected}", encoding="utf-8")
    return path
