"""What KubeRay, CloudNativePG and ECK make of resources that cannot be, and what `gonogo health` says of these.

The operators run as they are. What is wrong stands in the resource, or in its namespace: in one a webhook that nobody
answers for is asked of every pod, in one a policy refuses every pod. All are made at once, and one look is about all of
them. Each is skipped where its operator is not there. Healthy ones are brought up, and judged on the way, in
``test_operated.py``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from secrets import token_hex

import pytest
from cluster.live import Cluster, kind_of
from cluster.standing import ROOT

from fixtures import raycluster
from gonogo.catalog.target import Kubernetes
from gonogo.core.endpoints import Endpoints, Timeouts
from gonogo.core.errors import NotReady
from gonogo.core.waiting import until
from gonogo.providers.existing.access import ClusterAccess

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
---
apiVersion: ray.io/v1
kind: RayService
metadata: {{name: wide}}
spec:
  serveConfigV2: "applications: []"
  rayClusterConfig:
    headGroupSpec:
      rayStartParams: {{}}
      template:
        spec: {{containers: [{{name: head, image: "no.invalid/ray:1", resources: {{requests: {{cpu: "9000"}}}}}}]}}
---
apiVersion: ray.io/v1
kind: RayService
metadata: {{name: sideways}}
spec:
  serveConfigV2: "applications: []"
  upgradeStrategy: {{type: Sideways}}
  rayClusterConfig:{HEAD}
---
apiVersion: ray.io/v1
kind: RayJob
metadata: {{name: kept}}
spec:
  entrypoint: python -c 1
  ttlSecondsAfterFinished: 10
  rayClusterSpec:{HEAD}
---
apiVersion: ray.io/v1
kind: RayJob
metadata: {{name: environment}}
spec:
  entrypoint: python -c 1
  runtimeEnvYAML: "pip: ["
  rayClusterSpec:{HEAD}
---
apiVersion: ray.io/v1
kind: RayJob
metadata: {{name: late}}
spec:
  entrypoint: python -c 1
  activeDeadlineSeconds: 5
  rayClusterSpec:{HEAD}
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
---
apiVersion: postgresql.cnpg.io/v1
kind: Backup
metadata: {name: plugin}
spec: {cluster: {name: image}, method: plugin, pluginConfiguration: {name: nowhere.example.com}}
---
apiVersion: postgresql.cnpg.io/v1
kind: ScheduledBackup
metadata: {name: nowhere-to}
spec: {schedule: "0 0 0 * * *", immediate: true, cluster: {name: image}, method: barmanObjectStore}
---
apiVersion: postgresql.cnpg.io/v1
kind: ScheduledBackup
metadata: {name: plugin}
spec:
  schedule: "0 0 0 * * *"
  immediate: true
  cluster: {name: image}
  method: plugin
  pluginConfiguration: {name: nowhere.example.com}
---
apiVersion: postgresql.cnpg.io/v1
kind: ScheduledBackup
metadata: {name: lost}
spec: {schedule: "0 0 0 * * *", immediate: true, cluster: {name: nowhere}, method: barmanObjectStore}
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

UNASKED = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: "gonogo-${namespace}"}
webhooks:
- name: nobody.example.com
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  clientConfig: {service: {namespace: "${namespace}", name: nobody}}
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: "${namespace}"}}
  sideEffects: None
  admissionReviewVersions: [v1]
"""
REFUSING = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: "gonogo-${namespace}"}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  validations: [{expression: "false", message: no pods here}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: "gonogo-${namespace}"}
spec:
  policyName: "gonogo-${namespace}"
  validationActions: [Deny]
  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: "${namespace}"}}}
"""
OF_RAY = f"""
apiVersion: ray.io/v1
kind: RayCluster
metadata: {{name: ray}}
spec:{HEAD}
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
metadata: {{name: job}}
spec:
  entrypoint: python -c 1
  rayClusterSpec:{HEAD}
"""
OF_POSTGRESQL = """
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: {name: postgresql}
spec: {instances: 1, imageName: "no.invalid/postgresql:16", storage: {size: 64Mi}}
"""
OF_ELASTIC = """
apiVersion: elasticsearch.k8s.elastic.co/v1
kind: Elasticsearch
metadata: {name: elastic}
spec: {version: 9.0.0, image: "no.invalid/es:9", nodeSets: [{name: all, count: 1}]}
---
apiVersion: kibana.k8s.elastic.co/v1
kind: Kibana
metadata: {name: elastic}
spec: {version: 9.0.0, count: 1, image: "no.invalid/kibana:9"}
"""


def ranged(name: str, *, asks: str = "cpu: 10m", switched: bool = True, idle: int = 60) -> str:
    """A RayCluster of one group with a range; it takes no room that other tests need."""
    return f"""
apiVersion: ray.io/v1
kind: RayCluster
metadata: {{name: {name}}}
spec:
  enableInTreeAutoscaling: {json.dumps(switched)}
  autoscalerOptions:
    idleTimeoutSeconds: {idle}
    resources: {{requests: {{cpu: 1m, memory: 8Mi}}, limits: {{cpu: 1m, memory: 8Mi}}}}
  headGroupSpec:
    rayStartParams: {{num-cpus: "0"}}
    template: {{spec: {{containers: [{{name: head, image: "no.invalid/ray:1"}}]}}}}
  workerGroupSpecs:
  - groupName: workers
    replicas: 1
    minReplicas: 1
    maxReplicas: 3
    rayStartParams: {{}}
    template:
      spec: {{containers: [{{name: worker, image: "no.invalid/ray:1", resources: {{requests: {{{asks}}}}}}}]}}
"""


SCALING = {
    "scales": ranged("scales"),
    "rightless": ranged("rightless"),
    "fixed": ranged("fixed", switched=False),
    "late": ranged("late", switched=False),
    "idle": ranged("idle", idle=900),
    "untold": ranged("untold", asks="memory: 64Mi"),
}
"""RayClusters with a range by name."""
OPERATED = {
    "rayclusters.ray.io": ("---".join((RAY, *SCALING.values())), OF_RAY),
    "clusters.postgresql.cnpg.io": (POSTGRESQL, OF_POSTGRESQL),
    "kibanas.kibana.k8s.elastic.co": (ELASTIC, OF_ELASTIC),
}
"""A definition that tells whether its operator is there, what cannot be of it, and what is right but for its pods."""

Named = tuple[str, str]


@dataclass(frozen=True)
class Scenes:
    """Three namespaces: of resources that cannot be, of pods that a webhook cannot be asked of, and refused ones."""

    cluster: Cluster
    wrong: str
    unasked: str
    refusing: str
    operated: frozenset[str]
    said: dict[str, dict[Named, tuple[str, str, str]]] = field(default_factory=dict)

    def look(self) -> None:
        """Kind and name, by namespace, to state, reason and cause, as `gonogo health` has them now."""
        command = [sys.executable, "-m", "gonogo", "health", "--json", "--kubeconfig", str(self.cluster.kubeconfig)]
        command += [word for space in (self.wrong, self.unasked, self.refusing) for word in ("-n", space)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        assert done.returncode in (0, 1, 3), done.stderr[-3000:]
        self.said.clear()
        for row in json.loads(done.stdout)["rows"]:
            cause = row["cause"] if isinstance(row["cause"], str) else ""
            space = self.said.setdefault(row["namespace"], {})
            space[row["kind"], row["name"]] = (row["state"], row["reason"], cause)

    def judged(
        self, space: str, definition: str, expected: Mapping[Named, Named], within: float = 480
    ) -> dict[Named, str]:
        """Each of these is said to be, in the end, of the state ("": any) and reason that is expected; their causes."""
        if definition not in self.operated:
            pytest.skip(f"the cluster has no {definition}: its operator is not installed")

        def differing() -> dict[Named, object]:
            found: dict[Named, object] = {}
            for one, (wanted, why) in expected.items():
                state, reason, _ = self.said.get(space, {}).get(one, ("", "", ""))
                if wanted not in ("", state) or why != (NO_IMAGE if reason in IMAGES else reason):
                    found[one] = (state, reason)
            return found

        def as_expected() -> bool:
            self.look()
            return not differing()

        if differing():  # by the look of a test before
            with suppress(NotReady):
                until(as_expected, awaited="what is said of each", within=within, every=2)
        assert differing() == {}
        return {one: self.said[space][one][2] for one in expected}


@pytest.fixture(scope="module")
def scenes(cluster: Cluster) -> Iterator[Scenes]:
    """All that is wrong, made at once, in namespaces that end."""
    name = f"gonogo-test-{token_hex(3)}-operators"
    with (
        cluster.namespace(name) as wrong,
        cluster.namespace(f"{name}-unasked") as unasked,
        cluster.namespace(f"{name}-refusing") as refusing,
    ):
        there = {one for one in OPERATED if cluster.find("CustomResourceDefinition", one) is not None}
        for space, manifest in ((unasked, UNASKED), (refusing, REFUSING)):
            for one in cluster.objects(manifest, space):
                cluster.apply(one, space)
        until(lambda: refused(cluster, unasked) and refused(cluster, refusing), awaited="refusals of pods", within=60)
        for definition in sorted(there):
            faults, healthy = OPERATED[definition]
            for space, manifest in ((wrong, faults), (unasked, healthy), (refusing, healthy)):
                for one in cluster.objects(manifest, space):
                    cluster.apply(one, space)
        yield Scenes(cluster, wrong, unasked, refusing, frozenset(there))


def refused(cluster: Cluster, space: str) -> bool:
    """Whether the API server takes no pod there by now."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "none"},
        "spec": {"containers": [{"name": "none", "image": "no.invalid/none:1"}]},
    }
    try:
        cluster.told("POST", kind_of("Pod").path(space), pod, query="?dryRun=All")
    except RuntimeError:
        return True
    return False


def below(causes: Mapping[Named, str], expected: Mapping[Named, Named]) -> list[Named]:
    """Those whose image or class is not there, and whose cause is no object below them."""
    of_pods = [one for one in expected if expected[one][1] in (NO_IMAGE, "StorageClassMissing")]
    return [one for one in of_pods if not causes[one].startswith(("Pod ", "PersistentVolumeClaim "))]


def test_kuberay(scenes: Scenes) -> None:
    expected = {
        ("RayCluster", "image"): ("failed", NO_IMAGE),
        ("RayCluster", "wide"): ("failed", "Unschedulable"),
        ("RayCluster", "account"): ("failed", "ServiceAccountMissing"),
        ("RayService", "serve"): ("failed", NO_IMAGE),
        ("RayService", "wide"): ("failed", "Unschedulable"),
        ("RayService", "sideways"): ("failed", "ValidationFailed"),
        ("RayJob", "made"): ("progressing", NO_IMAGE),  # it may be tried again
        ("RayJob", "chosen"): ("", "OperatorWaits"),
        ("RayJob", "kept"): ("failed", "ValidationFailed"),
        ("RayJob", "environment"): ("failed", "ValidationFailed"),
        ("RayJob", "late"): ("failed", "DeadlineExceeded"),
    }

    causes = scenes.judged(scenes.wrong, "rayclusters.ray.io", expected)

    assert below(causes, expected) == []
    assert causes["RayJob", "late"].startswith("Pod ")


def test_cloudnativepg(scenes: Scenes) -> None:
    expected = {
        ("Cluster", "image"): ("failed", NO_IMAGE),
        ("Cluster", "class"): ("failed", "StorageClassMissing"),
        ("Cluster", "recovery"): ("", "OperatorWaits"),
        ("Backup", "lost"): ("", "OperatorRefuses"),
        ("Backup", "nowhere-to"): ("failed", "BackupFailed"),
        ("Backup", "plugin"): ("failed", "BackupFailed"),
        ("ScheduledBackup", "daily"): ("ready", ""),
        ("ScheduledBackup", "nowhere-to"): ("failed", "BackupFailed"),
        ("ScheduledBackup", "plugin"): ("failed", "BackupFailed"),
    }

    causes = scenes.judged(scenes.wrong, "clusters.postgresql.cnpg.io", expected)

    assert below(causes, expected) == []
    assert causes["ScheduledBackup", "plugin"].startswith(f"Backup {scenes.wrong}/plugin-")


def test_eck(scenes: Scenes) -> None:
    expected = {
        ("Elasticsearch", "image"): ("failed", NO_IMAGE),
        ("Elasticsearch", "class"): ("failed", "StorageClassMissing"),
        ("Elasticsearch", "wide"): ("failed", "Unschedulable"),
        ("Kibana", "image"): ("failed", NO_IMAGE),
        ("Kibana", "wide"): ("failed", "Unschedulable"),
        ("Kibana", "lost"): ("", "OperatorWaits"),
    }

    causes = scenes.judged(scenes.wrong, "kibanas.kibana.k8s.elastic.co", expected)

    assert below(causes, expected) == []


def test_what_keeps_a_ray_cluster_from_scaling_is_told(scenes: Scenes) -> None:
    if "rayclusters.ray.io" not in scenes.operated:
        pytest.skip("the cluster has no rayclusters.ray.io: its operator is not installed")
    cluster, space = scenes.cluster, scenes.wrong
    for name in SCALING:
        head = f"metadata.labels.\"ray.io/cluster\" == '{name}' && metadata.labels.\"ray.io/node-type\" == 'head'"
        cluster.wait("Pod", head, namespace=space, within=120)
    cluster.change("RayCluster", "late", space, {"spec": {"enableInTreeAutoscaling": True}})
    cluster.change("Role", "rightless", space, {"rules": []})
    cluster.wait("Role", "metadata.uid", name="late", namespace=space, within=120)

    found = unable(cluster, space)

    down = "ray.autoscaler_down"  # none of these has an image
    assert found == {
        "scales": {down},
        "rightless": {down, "ray.autoscaler_rights"},
        "fixed": {"ray.autoscaling_off"},
        "late": {"ray.autoscaler_absent"},
        "idle": {down, "ray.idle_too_long"},
        "untold": {down, "ray.worker_cpus_untold"},
    }


def unable(cluster: Cluster, space: str) -> dict[str, set[str]]:
    """The causes that are told of each RayCluster with a range."""
    settings = Kubernetes(kubeconfig=str(cluster.kubeconfig), namespaces=(space,))
    timeouts = Timeouts(connect=15, check=60)
    access = ClusterAccess(settings, timeouts)
    try:
        world, every = raycluster.sight(Endpoints("ray", {}, timeouts=timeouts, cluster=access))
    finally:
        access.close()
    expect = {"workers": 1, "max_workers": 3, "scale_down_seconds": 120}
    return {
        one.metadata.name: {found.cause for found in raycluster.unable(world, [one], expect)}
        for one in every
        if one.metadata.name in SCALING
    }


WITH_PODS = {
    "rayclusters.ray.io": [("RayCluster", "ray"), ("RayService", "serve"), ("RayJob", "job")],
    "clusters.postgresql.cnpg.io": [("Cluster", "postgresql")],
    "kibanas.kibana.k8s.elastic.co": [("Elasticsearch", "elastic"), ("Kibana", "elastic")],
}


@pytest.mark.parametrize("definition", WITH_PODS)
def test_a_webhook_that_nobody_answers_for_is_the_cause(scenes: Scenes, definition: str) -> None:
    expected = dict.fromkeys(WITH_PODS[definition], ("", "WebhookDown"))

    causes = scenes.judged(scenes.unasked, definition, expected)

    assert {*causes.values()} == {f"Service {scenes.unasked}/nobody"}


@pytest.mark.parametrize("definition", WITH_PODS)
def test_a_policy_that_refuses_pods_is_the_cause(scenes: Scenes, definition: str) -> None:
    expected = dict.fromkeys(WITH_PODS[definition], ("failed", "AdmissionRefused"))
    if ("RayJob", "job") in expected:
        expected["RayJob", "job"] = ("progressing", "AdmissionRefused")  # it may be tried again
    if ("Elasticsearch", "elastic") in expected:
        expected["Elasticsearch", "elastic"] = ("failed", "Invalid")  # ECK asks before it makes anything

    scenes.judged(scenes.refusing, definition, expected)


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
def test_what_an_operator_refuses_is_given_up_after_a_minute(scenes: Scenes) -> None:
    for one in scenes.cluster.objects(REFUSED, scenes.wrong) if "rayclusters.ray.io" in scenes.operated else ():
        scenes.cluster.apply(one, scenes.wrong)

    scenes.judged(scenes.wrong, "rayclusters.ray.io", {("RayCluster", "range"): ("failed", "OperatorRefuses")})


@pytest.mark.slow
def test_a_webhook_that_nobody_answers_for_is_given_up_after_a_minute(scenes: Scenes) -> None:
    expected = {
        ("Elasticsearch", "elastic"): ("failed", "WebhookDown"),
        ("Kibana", "elastic"): ("failed", "WebhookDown"),
    }

    scenes.judged(scenes.unasked, "kibanas.kibana.k8s.elastic.co", expected)


@pytest.mark.slow
def test_what_an_operator_waits_for_is_given_up_after_five_minutes(scenes: Scenes) -> None:
    expected = {
        ("Cluster", "recovery"): ("failed", "OperatorWaits"),
        ("Backup", "lost"): ("failed", "OperatorRefuses"),
        ("ScheduledBackup", "lost"): ("failed", "OperatorRefuses"),
    }

    scenes.judged(scenes.wrong, "clusters.postgresql.cnpg.io", expected)


@pytest.mark.slow
def test_a_kibana_whose_elasticsearch_is_not_there_is_given_up_after_five_minutes(scenes: Scenes) -> None:
    expected = {("Kibana", "lost"): ("failed", "OperatorWaits")}

    scenes.judged(scenes.wrong, "kibanas.kibana.k8s.elastic.co", expected)
