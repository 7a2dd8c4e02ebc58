"""What KubeRay, CloudNativePG and ECK make of resources that cannot be, and what `gonogo health` says of these.

The operators run as they are; what is wrong stands in the resource. Each is skipped where its operator is not there.
Healthy ones are brought up, and judged on the way, in ``test_operated.py``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from secrets import token_hex

import pytest
from cluster.live import Cluster
from cluster.standing import ROOT

from gonogo.core.errors import NotReady
from gonogo.core.waiting import until

NO_IMAGE = "not there: its image"
IMAGES = {"ImageNotFound", "ImageRefused", "ImageUnreachable", "ImagePullFailed", "ImageNeverPulled"}
"""What a node may say of a registry that it does not know."""

HEAD = """
    headGroupSpec:
      rayStartParams: {}
      template: {spec: {containers: [{name: head, image: "no.invalid/ray:1"}]}}
"""
RAY = f"""
apiVersion: ray.io/v1
kind: RayCluster
metadata: {{name: image}}
spec:{HEAD}
---
apiVersion: ray.io/v1
kind: RayCluster
metadata: {{name: wide}}
spec:
  headGroupSpec:
    rayStartParams: {{}}
    template:
      spec: {{containers: [{{name: head, image: "no.invalid/ray:1", resources: {{requests: {{cpu: "9000"}}}}}}]}}
---
apiVersion: ray.io/v1
kind: RayCluster
metadata: {{name: account}}
spec:
  headGroupSpec:
    rayStartParams: {{}}
    template: {{spec: {{serviceAccountName: nobody, containers: [{{name: head, image: "no.invalid/ray:1"}}]}}}}
---
apiVersion: ray.io/v1
kind: RayService
metadata: {{name: serve}}
spec:
  serveConfigV2: "applications: []"
  rayClusterConfig:{HEAD}
---
apiVersion: ray.io/v1
kind: RayJob
metadata: {{name: made}}
spec:
  entrypoint: python -c 1
  rayClusterSpec:{HEAD}
---
apiVersion: ray.io/v1
kind: RayJob
metadata: {{name: chosen}}
spec: {{entrypoint: python -c 1, clusterSelector: {{ray.io/cluster: nowhere}}}}
"""
POSTGRESQL = """
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: {name: image}
spec: {instances: 1, imageName: "no.invalid/postgresql:16", storage: {size: 64Mi}}
---
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: {name: class}
spec: {instances: 1, imageName: "no.invalid/postgresql:16", storage: {size: 64Mi, storageClass: nowhere}}
---
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: {name: recovery}
spec:
  instances: 1
  imageName: no.invalid/postgresql:16
  storage: {size: 64Mi}
  bootstrap: {recovery: {backup: {name: nowhere}}}
---
apiVersion: postgresql.cnpg.io/v1
kind: Backup
metadata: {name: lost}
spec: {cluster: {name: nowhere}, method: barmanObjectStore}
---
apiVersion: postgresql.cnpg.io/v1
kind: Backup
metadata: {name: nowhere-to}
spec: {cluster: {name: image}, method: barmanObjectStore}
---
apiVersion: postgresql.cnpg.io/v1
kind: ScheduledBackup
metadata: {name: daily}
spec: {schedule: "0 0 0 * * *", cluster: {name: image}}
"""
ELASTIC = """
apiVersion: elasticsearch.k8s.elastic.co/v1
kind: Elasticsearch
metadata: {name: image}
spec: {version: 9.0.0, image: "no.invalid/es:9", nodeSets: [{name: all, count: 1}]}
---
apiVersion: elasticsearch.k8s.elastic.co/v1
kind: Elasticsearch
metadata: {name: class}
spec:
  version: 9.0.0
  image: no.invalid/es:9
  nodeSets:
  - name: all
    count: 1
    volumeClaimTemplates:
    - metadata: {name: elasticsearch-data}
      spec: {accessModes: [ReadWriteOnce], storageClassName: nowhere, resources: {requests: {storage: 64Mi}}}
---
apiVersion: elasticsearch.k8s.elastic.co/v1
kind: Elasticsearch
metadata: {name: wide}
spec:
  version: 9.0.0
  image: no.invalid/es:9
  nodeSets:
  - name: all
    count: 1
    podTemplate:
      spec: {containers: [{name: elasticsearch, resources: {requests: {cpu: "9000"}, limits: {cpu: "9000"}}}]}
---
apiVersion: kibana.k8s.elastic.co/v1
kind: Kibana
metadata: {name: image}
spec: {version: 9.0.0, count: 1, image: "no.invalid/kibana:9"}
---
apiVersion: kibana.k8s.elastic.co/v1
kind: Kibana
metadata: {name: wide}
spec:
  version: 9.0.0
  count: 1
  image: no.invalid/kibana:9
  podTemplate: {spec: {containers: [{name: kibana, resources: {requests: {cpu: "9000"}, limits: {cpu: "9000"}}}]}}
---
apiVersion: kibana.k8s.elastic.co/v1
kind: Kibana
metadata: {name: lost}
spec: {version: 9.0.0, count: 1, image: "no.invalid/kibana:9", elasticsearchRef: {name: nowhere}}
"""

Named = tuple[str, str]


@pytest.fixture
def space(cluster: Cluster) -> Iterator[str]:
    """A namespace that ends."""
    with cluster.namespace(f"gonogo-test-{token_hex(3)}-operators") as name:
        yield name


def said(cluster: Cluster, space: str) -> dict[Named, tuple[str, str, str]]:
    """Kind and name to state, reason and cause, as `gonogo health` has them."""
    command = [sys.executable, "-m", "gonogo", "health", "-n", space, "--kubeconfig", str(cluster.kubeconfig), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode in (0, 1, 3), done.stderr[-3000:]
    rows = json.loads(done.stdout)["rows"]
    return {
        (row["kind"], row["name"]): (row["state"], row["reason"], row["cause"] if isinstance(row["cause"], str) else "")
        for row in rows
    }


def judged(cluster: Cluster, space: str, definition: str, manifest: str, expected: Mapping[Named, Named]) -> None:
    """All of the manifest is said to be, in the end, of the state ("": any) and reason that is expected of it."""
    if cluster.find("CustomResourceDefinition", definition) is None:
        pytest.skip(f"the cluster has no {definition}: its operator is not installed")
    for one in cluster.objects(manifest, space):
        cluster.apply(one, space)
    last: dict[Named, tuple[str, str, str]] = {}
    differs: dict[Named, object] = {}

    def as_expected() -> bool:
        last.clear()
        last.update(said(cluster, space))
        differs.clear()
        for one, (wanted, why) in expected.items():
            state, reason, _ = last.get(one, ("", "", ""))
            if wanted not in ("", state) or why != (NO_IMAGE if reason in IMAGES else reason):
                differs[one] = last.get(one)
        return not differs

    with suppress(NotReady):
        until(as_expected, awaited="what is said of each", within=480, every=2)
    assert differs == {}
    below = {one: last[one][2] for one in expected if expected[one][1] in (NO_IMAGE, "StorageClassMissing")}
    assert [one for one, cause in below.items() if not cause.startswith(("Pod ", "PersistentVolumeClaim "))] == []


def test_kuberay(cluster: Cluster, space: str) -> None:
    expected = {
        ("RayCluster", "image"): ("failed", NO_IMAGE),
        ("RayCluster", "wide"): ("failed", "Unschedulable"),
        ("RayCluster", "account"): ("failed", "ServiceAccountMissing"),
        ("RayService", "serve"): ("failed", NO_IMAGE),
        ("RayJob", "made"): ("progressing", NO_IMAGE),  # it may be tried again
        ("RayJob", "chosen"): ("", "OperatorWaits"),
    }

    judged(cluster, space, "rayclusters.ray.io", RAY, expected)


def test_cloudnativepg(cluster: Cluster, space: str) -> None:
    expected = {
        ("Cluster", "image"): ("failed", NO_IMAGE),
        ("Cluster", "class"): ("failed", "StorageClassMissing"),
        ("Cluster", "recovery"): ("", "OperatorWaits"),
        ("Backup", "lost"): ("", "OperatorRefuses"),
        ("Backup", "nowhere-to"): ("failed", "BackupFailed"),
        ("ScheduledBackup", "daily"): ("ready", ""),
    }

    judged(cluster, space, "clusters.postgresql.cnpg.io", POSTGRESQL, expected)


def test_eck(cluster: Cluster, space: str) -> None:
    expected = {
        ("Elasticsearch", "image"): ("failed", NO_IMAGE),
        ("Elasticsearch", "class"): ("failed", "StorageClassMissing"),
        ("Elasticsearch", "wide"): ("failed", "Unschedulable"),
        ("Kibana", "image"): ("failed", NO_IMAGE),
        ("Kibana", "wide"): ("failed", "Unschedulable"),
        ("Kibana", "lost"): ("", "OperatorWaits"),
    }

    judged(cluster, space, "kibanas.kibana.k8s.elastic.co", ELASTIC, expected)


REFUSED = """
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: range}
spec:
  enableInTreeAutoscaling: true
  headGroupSpec:
    rayStartParams: {}
    template: {spec: {containers: [{name: head, image: "no.invalid/ray:1"}]}}
  workerGroupSpecs:
  - groupName: workers
    replicas: 1
    minReplicas: 3
    maxReplicas: 1
    rayStartParams: {}
    template: {spec: {containers: [{name: worker, image: "no.invalid/ray:1"}]}}
"""


@pytest.mark.slow
def test_what_an_operator_refuses_is_given_up_after_a_minute(cluster: Cluster, space: str) -> None:
    judged(cluster, space, "rayclusters.ray.io", REFUSED, {("RayCluster", "range"): ("failed", "OperatorRefuses")})


@pytest.mark.slow
def test_what_an_operator_waits_for_is_given_up_after_five_minutes(cluster: Cluster, space: str) -> None:
    expected = {("Cluster", "recovery"): ("failed", "OperatorWaits"), ("Backup", "lost"): ("failed", "OperatorRefuses")}

    judged(cluster, space, "clusters.postgresql.cnpg.io", POSTGRESQL, expected)


@pytest.mark.slow
def test_a_kibana_whose_elasticsearch_is_not_there_is_given_up_after_five_minutes(cluster: Cluster, space: str) -> None:
    judged(cluster, space, "kibanas.kibana.k8s.elastic.co", ELASTIC, {("Kibana", "lost"): ("failed", "OperatorWaits")})
