"""What ``[deploy]`` of a target says is so of what is made: of workloads, of hooks, of claims and of namespaces."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from certificates import Authority
from cluster.charted import gonogo, well, written
from cluster.images import BUILD, build
from cluster.live import Cluster

PLACED = Path(__file__).parent / "placed"

REGISTRY = "registry.gonogo.test/mirror"
"""A name that nobody answers to: what comes from there was built here."""

ENFORCE = "pod-security.kubernetes.io/enforce"

DEPLOY = """
registry = "{registry}"
pull_secret = "{given}/pull"
storage_class = "{storage_class}"
node_selector = {{ "kubernetes.io/os" = "linux" }}
tolerations = [{{ key = "gonogo-test", operator = "Equal", value = "here", effect = "NoSchedule" }}]
pod_security = "{level}"
proxy = "http://proxy.gonogo.test:3128"
ca = "{authority}"
"""

Target = Callable[..., Path]


@pytest.fixture
def space() -> str:
    """A namespace that gonogo makes and removes."""
    return f"gonogo-test-{token_hex(3)}-placed"


@pytest.fixture
def storage_class(cluster: Cluster) -> str:
    """One that is not the default one, where there is such a one."""
    default = "storageclass.kubernetes.io/is-default-class"
    every = sorted(cluster.every("StorageClass"), key=lambda one: default in (one["metadata"].get("annotations") or {}))
    return str(every[0]["metadata"]["name"])


@pytest.fixture
def given(cluster: Cluster) -> Iterator[str]:
    """The namespace in which an administrator keeps what images are pulled with."""
    with cluster.namespace(f"gonogo-test-{token_hex(3)}-given") as name:
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pull"}}
        kind = "kubernetes.io/dockerconfigjson"
        cluster.apply(secret | {"type": kind, "stringData": {".dockerconfigjson": '{"auths": {}}'}}, name)
        yield name


@pytest.fixture
def target(cluster: Cluster, storage_class: str, given: str, tmp_path: Path) -> Iterator[Target]:
    """Writes a target with a full ``[deploy]``; takes down what is left of it."""
    files: list[Path] = []

    def made(spaces: dict[str, str], level: str = "", registry: str = "") -> Path:
        authority = Authority(tmp_path).file
        known = {"given": given, "storage_class": storage_class, "authority": authority}
        deploy = DEPLOY.format(registry=registry, level=level, **known)
        folders = {one: PLACED / one for one in spaces if (PLACED / one).exists()}
        files.append(written(tmp_path / "charts", cluster, spaces, deploy=deploy, folders=folders))
        return files[-1]

    yield made
    for file in files:
        gonogo("down", "--yes", target=file)


@pytest.mark.skipif(not os.environ.get(BUILD), reason=f"{BUILD} names no command that builds images")
def test_every_key_is_so_of_workloads_and_hooks_in_a_restricted_namespace(
    cluster: Cluster, space: str, target: Target, storage_class: str
) -> None:
    build(["postgresql"], registry=REGISTRY)
    file = target({"postgresql": space}, level="restricted", registry=REGISTRY)

    up = well("up", "postgresql", target=file)
    again = well("up", "postgresql", target=file)
    checked = gonogo("check", "-m", "critical", target=file)
    pods = {pod_of(one): one["spec"] for one in cluster.every("Pod", space)}
    [claim] = cluster.every("PersistentVolumeClaim", space)
    namespace = cluster.find("Namespace", space) or {}
    authority = cluster.find("Secret", "postgresql-ca", space) or {}
    with pytest.raises(RuntimeError, match=r"violates PodSecurity .*restricted"):
        cluster.apply(UNADMITTED, space)
    well("down", "--yes", target=file)

    assert "of [deploy] is not applied" not in up.err + again.err
    assert checked.code == 0, checked.text
    assert set(pods) == {"postgresql", "postgresql-before"}
    for spec in pods.values():
        every = spec["containers"]
        assert [one["image"] for one in every] == [f"{REGISTRY}/gonogo-test/postgresql:1"]
        assert spec["imagePullSecrets"] == [{"name": "pull"}]
        assert spec["nodeSelector"] == {"kubernetes.io/os": "linux"}
        toleration = {"key": "gonogo-test", "operator": "Equal", "value": "here", "effect": "NoSchedule"}
        assert toleration in spec["tolerations"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert [one["securityContext"]["capabilities"] for one in every] == [{"drop": ["ALL"]}]
        environment = {one["name"]: one["value"] for one in every[0]["env"]}
        assert environment == {"HTTPS_PROXY": "http://proxy.gonogo.test:3128", "SSL_CERT_FILE": "/ca/ca.crt"}
        assert "postgresql-ca" in {one.get("secret", {}).get("secretName") for one in spec["volumes"]}
    assert claim["spec"]["storageClassName"] == storage_class
    assert namespace["metadata"]["labels"][ENFORCE] == "restricted"
    assert authority["data"]["ca.crt"]
    assert cluster.find("Namespace", space) is None


UNADMITTED = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "other"},
    "spec": {"hostNetwork": True, "containers": [{"name": "one", "image": "busybox"}]},
}


def pod_of(one: dict[str, Any]) -> str:
    """The workload or Job that a pod is of."""
    owner = one["metadata"]["ownerReferences"][0]
    return str(owner["name"])


def test_components_have_namespaces_of_their_own_and_what_a_chart_has_no_place_for_is_told(
    cluster: Cluster, space: str, target: Target
) -> None:
    file = target({"postgresql": space, "s3": f"{space}-s3"})

    up = well("up", "postgresql", "s3", target=file)
    found = {name: cluster.every("StatefulSet", name) for name in (space, f"{space}-s3")}
    labels = (cluster.find("Namespace", space) or {})["metadata"]["labels"]
    well("down", "--yes", target=file)

    told = {line for line in up.err.splitlines() if "of [deploy]" in line}
    keys = ("storage_class", "pull_secret", "node_selector", "tolerations", "proxy", "ca")
    assert told == {f"s3: {key} of [deploy] is not applied to StatefulSet s3" for key in keys}
    assert {name: [one["metadata"]["name"] for one in sets] for name, sets in found.items()} == {
        space: ["postgresql"],
        f"{space}-s3": ["s3"],
    }
    assert ENFORCE not in labels
    assert cluster.find("Namespace", f"{space}-s3") is None


def test_a_chart_that_knows_nothing_of_restricted_is_told_and_refused(space: str, target: Target) -> None:
    file = target({"s3": space}, level="restricted")

    up = gonogo("up", "s3", target=file)

    assert up.code == 1
    assert "s3: pod_security of [deploy] is not applied to StatefulSet s3: allowPrivilegeEscalation is not" in up.err
    assert "violates PodSecurity" in up.err
    assert "0 of 1 components are up" in up.err
