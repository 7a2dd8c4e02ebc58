"""A platform that is there is attached to: reached, asked with its own Secrets, and blamed for what is really wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster.attached import MANIFEST, PASSWORD, attached, content, target, told
from cluster.live import Cluster

from gonogo.catalog.registry import Registry
from gonogo.core.errors import ConfigError
from gonogo.core.outcomes import Mode, Outcome
from gonogo.core.waiting import until
from gonogo.run.platform import Platform

Apply = Callable[[str], list[dict[str, Any]]]
CLAIM = """
          volumeMounts: [{name: disk, mountPath: /disk}]
      volumes: [{name: disk, persistentVolumeClaim: {claimName: disk}}]
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: disk}
spec:
  storageClassName: no-such-class
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Mi}}
"""
READY = "status.readyReplicas == `1`"


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """The content of these tests."""
    return content(tmp_path)


@pytest.fixture
def web(cluster: Cluster, apply: Apply, namespace: str) -> str:
    """The web server's namespace, when it is ready."""
    apply(MANIFEST)
    cluster.wait("Deployment", READY, name="web", namespace=namespace)
    cluster.behind("web", namespace)
    return namespace


@pytest.fixture
def platform(web: str, registry: Registry, kubeconfig: Path, tmp_path: Path) -> Iterator[Platform]:
    """Attached to it."""
    with attached(tmp_path, registry, target(tmp_path, registry, web, kubeconfig)) as platform:
        yield platform


def test_a_service_is_reached_through_a_forward_with_the_password_of_a_secret(platform: Platform) -> None:
    standing = platform.standing("web")

    assert standing.endpoints is not None
    assert (standing.outcome, standing.endpoints.transport) == ("passed", "port-forward")
    assert standing.endpoints["password"] == PASSWORD
    assert platform.standing("health").outcome is Outcome.PASSED


def test_its_pods_are_its_servers(platform: Platform) -> None:
    assert platform.standing("web").up

    (server,) = platform.provider.servers()

    assert (server.component, server.state) == ("web", "ready")
    assert server.node.startswith("web-")


@pytest.mark.parametrize(
    ("change", "signature", "said"),
    [
        ({"selector": {"app": "wbe"}}, "workload_not_ready", "Service"),
        ({"ports": [{"port": 81, "targetPort": 8080}]}, "object_absent", "has no port 80"),
    ],
    ids=["selector", "port"],
)
def test_a_service_that_leads_nowhere_is_the_cause(
    web: str,
    cluster: Cluster,
    registry: Registry,
    kubeconfig: Path,
    tmp_path: Path,
    change: dict[str, Any],
    signature: str,
    said: str,
) -> None:
    patch = {"spec": change}
    cluster.told("PATCH", f"/api/v1/namespaces/{web}/services/web", patch, kind="application/merge-patch+json")
    cluster.wait("Service", "spec", name="web", namespace=web)
    chosen = target(tmp_path, registry, web, kubeconfig)

    def seen() -> Any:
        with attached(tmp_path, registry, chosen) as platform:
            standing = platform.standing("web")
        return standing if not standing.up else None

    standing = until(seen, awaited="the Service leads nowhere", within=60, every=0.5)

    assert told(standing) == ("failed", f"web.{signature}")
    assert said in standing.message


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        (None, "Secret {namespace}/web-user is not there"),
        ({"stringData": {"pass": "x"}}, "Secret {namespace}/web-user has no key 'password': it holds pass"),
    ],
    ids=["gone", "other key"],
)
def test_a_secret_that_is_not_there_breaks_that_component_alone(
    web: str,
    cluster: Cluster,
    registry: Registry,
    kubeconfig: Path,
    tmp_path: Path,
    secret: dict[str, Any] | None,
    said: str,
) -> None:
    cluster.delete("Secret", "web-user", web)
    if secret is not None:
        cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "web-user"}, **secret}, web)

    with attached(tmp_path, registry, target(tmp_path, registry, web, kubeconfig)) as platform:
        standing, health = platform.standing("web"), platform.standing("health")

    assert told(standing) == ("broken", "web.secret_missing")
    assert said.format(namespace=web) in standing.message
    assert health.up


def test_a_wrong_secret_is_refused_by_the_server(
    web: str, cluster: Cluster, registry: Registry, kubeconfig: Path, tmp_path: Path
) -> None:
    wrong = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "web-user"}, "stringData": {"password": "x"}}
    cluster.apply(wrong, web)

    with attached(tmp_path, registry, target(tmp_path, registry, web, kubeconfig)) as platform:
        standing = platform.standing("web")

    assert told(standing) == ("broken", "web.credentials_refused")


def test_a_pod_that_cannot_start_is_the_cause_and_its_story_the_evidence(
    apply: Apply, cluster: Cluster, namespace: str, registry: Registry, kubeconfig: Path, tmp_path: Path
) -> None:
    apply(MANIFEST.replace("print(", 'raise SystemExit(\\"no, with \\" + os.environ[\\"PASSWORD\\"])\\nprint(', 1))
    cluster.wait("Pod", "status.containerStatuses[0].restartCount >= `1`", namespace=namespace)

    with attached(tmp_path, registry, target(tmp_path, registry, namespace, kubeconfig)) as platform:
        standing = platform.standing("web")
        evidence = platform.provider.evidence("web")

    assert told(standing) == ("failed", "web.workload_not_ready")
    assert f"Pod {namespace}/web-" in standing.message
    assert {"state", "owners", "log"} <= {e.kind for e in evidence}
    text = "\n".join(e.text or "" for e in evidence)
    assert f"Deployment {namespace}/web → ReplicaSet {namespace}/web-" in text
    assert "no, with ***" in text
    assert PASSWORD not in text


def test_a_claim_that_stays_unbound_is_the_cause(
    apply: Apply, cluster: Cluster, namespace: str, registry: Registry, kubeconfig: Path, tmp_path: Path
) -> None:
    mounted = MANIFEST.rstrip() + CLAIM
    apply(mounted)
    cluster.wait("Pod", "status.conditions[?type == 'PodScheduled' && status == 'False']", namespace=namespace)

    with attached(tmp_path, registry, target(tmp_path, registry, namespace, kubeconfig)) as platform:
        standing = platform.standing("web")

    assert told(standing) == ("failed", "web.workload_not_ready")
    assert f"PersistentVolumeClaim {namespace}/disk" in standing.message
    assert "no-such-class" in standing.message + standing.hint


def test_another_cluster_than_the_one_meant_is_not_written_to(
    web: str, registry: Registry, kubeconfig: Path, tmp_path: Path
) -> None:
    chosen = target(tmp_path, registry, web, kubeconfig, identity="another")

    with pytest.raises(ConfigError, match="is 'another', but namespace kube-system"):  # noqa: SIM117
        with attached(tmp_path, registry, chosen, Mode.WRITE):
            pass
