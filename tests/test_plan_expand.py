"""Objects to pods and claims: a golden table per kind, written down from the controllers' sources, not the code's."""

from __future__ import annotations

from string import Template
from typing import Any

import pytest
import yaml

from gonogo.cluster.plan.demand import Demand
from gonogo.cluster.plan.expand import EXPANDERS, PODLESS, expand

NODES = [
    {"metadata": {"name": "a", "labels": {"disk": "ssd"}}},
    {"metadata": {"name": "b", "labels": {"disk": "ssd"}}, "spec": {"unschedulable": True}},
    {"metadata": {"name": "c", "labels": {"disk": "hdd"}}},
    {
        "metadata": {"name": "d", "labels": {"disk": "ssd"}},
        "spec": {"taints": [{"key": "gpu", "effect": "NoSchedule"}]},
    },
]
GI = 1024**3


TEMPLATE = "template: {spec: {containers: [{name: c, resources: {requests: {cpu: 500m, memory: 1Gi}}}]}}"
BATCH = "apiVersion: batch/v1"
DEPLOYMENT = "apiVersion: apps/v1, kind: Deployment, metadata: {name: web}"


def made(text: str, nodes: Any = None, **values: str) -> Demand:
    selecting = TEMPLATE.replace("spec: {", "spec: {nodeSelector: {disk: ssd}, ")
    filled = Template(text).safe_substitute(
        values, template=TEMPLATE, selecting=selecting, deployment=DEPLOYMENT, batch=BATCH
    )
    return expand([one for one in yaml.safe_load_all(filled) if one], "ns", nodes)


def rows(demand: Demand) -> list[str]:
    """``when name cpu memory claims``, a row for each run of equal pods."""
    found: list[str] = []
    for pod in demand.pods:
        asked = f"{pod.requests.get('cpu', 0):g}/{pod.requests.get('memory', 0) / GI:g}"
        claims = ",".join(
            f"{c.name}={c.size / GI:g}{'@' + c.storage_class if c.storage_class else ''}" for c in pod.claims
        )
        step = f" [{pod.step}]" if pod.step else ""
        node = f" on {pod.node}" if pod.node else ""
        found.append(f"{pod.when} {pod.name} {asked} {claims}".rstrip() + step + node)
    return [f"{row} x{found.count(row)}" if found.count(row) > 1 else row for row in dict.fromkeys(found)]


WORKLOADS = {
    "Deployment": (
        "{$deployment, spec: {replicas: 3, $template}}",
        ["rest web-*-* 0.5/1 x3", "update web-*-* 0.5/1"],
    ),
    "Deployment, one replica by default": (
        "{$deployment, spec: {$template}}",
        ["rest web-*-* 0.5/1", "update web-*-* 0.5/1"],
    ),
    "Deployment, replaced": (
        "{$deployment, spec: {strategy: {type: Recreate}, $template}}",
        ["rest web-*-* 0.5/1"],
    ),
    "Deployment, surge in per cent is rounded up": (
        "{$deployment, spec: {replicas: 5, strategy: {rollingUpdate: {maxSurge: 30%}}, $template}}",
        ["rest web-*-* 0.5/1 x5", "update web-*-* 0.5/1 x2"],
    ),
    "Deployment, scaled": (
        "{$deployment, spec: {strategy: {type: Recreate}, $template}}\n---\n"
        "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: web},"
        " spec: {scaleTargetRef: {kind: Deployment, name: web}, minReplicas: 2, maxReplicas: 6}}",
        ["rest web-*-* 0.5/1 x2", "most web-*-* 0.5/1 x4"],
    ),
    "ReplicaSet": (
        "{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web}, spec: {replicas: 2, $template}}",
        ["rest web-* 0.5/1 x2"],
    ),
    "ReplicationController": (
        "{apiVersion: v1, kind: ReplicationController, metadata: {name: web}, spec: {$template}}",
        ["rest web-* 0.5/1"],
    ),
    "StatefulSet": (
        "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db}, spec: {replicas: 2,"
        " ordinals: {start: 5}, $template, volumeClaimTemplates: [{metadata: {name: data},"
        " spec: {storageClassName: fast, resources: {requests: {storage: 10Gi}}}}]}}",
        ["rest db-5 0.5/1 data-db-5=10@fast", "rest db-6 0.5/1 data-db-6=10@fast"],
    ),
    "DaemonSet": (
        "{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: log}, spec: {$selecting}}",
        ["rest log-* 0.5/1 on a", "rest log-* 0.5/1 on b"],
    ),
    "Job": (
        "{$batch, kind: Job, metadata: {name: load}, spec: {parallelism: 4, completions: 3, $template}}",
        ["passing load-* 0.5/1 [jobs] x3"],
    ),
    "Job, indexed": (
        "{$batch, kind: Job, metadata: {name: load},"
        " spec: {parallelism: 2, completions: 2, completionMode: Indexed, $template}}",
        ["passing load-0-* 0.5/1 [jobs]", "passing load-1-* 0.5/1 [jobs]"],
    ),
    "Job, a hook": (
        '{$batch, kind: Job, metadata: {name: up, annotations: {helm.sh/hook: "pre-install,pre-upgrade"}},'
        " spec: {$template}}",
        ["passing up-* 0.5/1 [pre-install up]"],
    ),
    "Job, a hook of another occasion": (
        "{$batch, kind: Job, metadata: {name: up, annotations: {helm.sh/hook: test}}, spec: {$template}}",
        [],
    ),
    "CronJob": (
        "{$batch, kind: CronJob, metadata: {name: nightly}, spec: {jobTemplate: {spec: {$template}}}}",
        ["passing nightly-*-* 0.5/1 [jobs]"],
    ),
    "CronJob, suspended": (
        "{$batch, kind: CronJob, metadata: {name: n}, spec: {suspend: true, jobTemplate: {spec: {$template}}}}",
        [],
    ),
    "Pod": (
        "{apiVersion: v1, kind: Pod, metadata: {name: one}, spec: {overhead: {cpu: 250m}, containers: [{name: c,"
        " resources: {limits: {cpu: 1}}}], initContainers: [{name: i, resources: {requests: {memory: 4Gi}}}],"
        " volumes: [{name: tmp, ephemeral: {volumeClaimTemplate: {spec: {resources: {requests: {storage: 2Gi}}}}}}]}}",
        ["rest one 1.25/4 one-tmp=2"],
    ),
}


@pytest.mark.parametrize("name", WORKLOADS)
def test_kubernetes_own_kinds(name: str) -> None:
    text, expected = WORKLOADS[name]

    demand = made(text, NODES)

    assert rows(demand) == expected
    assert demand.untold == ()


RAY = """
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: ml}
spec:
  enableInTreeAutoscaling: $scales
  headGroupSpec:
    template: {spec: {containers: [{name: head, resources: {requests: {cpu: 1, memory: 2Gi}, limits: {memory: 2Gi}}}]}}
  workerGroupSpecs:
  - groupName: small
    replicas: 1
    minReplicas: 2
    maxReplicas: 4
    template: {spec: {containers: [{name: w, resources: {limits: {cpu: 100m, memory: 128Mi}}}]}}
  - groupName: wide
    replicas: 1
    numOfHosts: 2
    maxReplicas: 2
    template: {spec: {containers: [{name: w, resources: {requests: {cpu: 2, memory: 4Gi}}}]}}
  - groupName: off
    suspend: true
    replicas: 3
    template: {spec: {containers: [{name: w}]}}
"""


def test_a_ray_cluster_scales_and_its_workers_wait_in_an_init_container() -> None:
    demand = made(RAY, scales="true")

    # the autoscaler asks 500m and 512Mi beside the head; a small worker's init container asks more than itself
    assert rows(demand) == [
        "rest ml-head-* 1.5/2.5",
        "rest ml-small-worker-* 0.2/0.25 x2",
        "most ml-small-worker-* 0.2/0.25 x2",
        "rest ml-wide-worker-* 2/4 x2",
        "most ml-wide-worker-* 2/4 x2",
    ]
    assert demand.pods[1].labels["ray.io/group"] == "small"


def test_a_ray_cluster_without_autoscaler_has_no_most() -> None:
    assert rows(made(RAY, scales="false")) == [
        "rest ml-head-* 1/2",
        "rest ml-small-worker-* 0.2/0.25 x2",
        "rest ml-wide-worker-* 2/4 x2",
    ]


def test_a_worker_group_without_end_is_told() -> None:
    demand = made(RAY.replace("    maxReplicas: 2\n", ""), scales="true")

    assert [one.why for one in demand.untold] == ["worker group wide may grow without end: it has no maxReplicas"]


def test_ray_jobs_and_services_make_clusters_of_their_own() -> None:
    group = "headGroupSpec: {template: {spec: {containers: [{name: h, resources: {requests: {cpu: 1}}}]}}}"
    job, quiet, service = (
        made(f"{{apiVersion: ray.io/v1, kind: {kind}, metadata: {{name: j}}, spec: {{{spec}: {{{group}}}}}}}")
        for kind, spec in (
            ("RayJob", "rayClusterSpec"),
            ("RayJob", "submissionMode: HTTPMode, rayClusterSpec"),
            ("RayService", "rayClusterConfig"),
        )
    )

    assert rows(job) == ["rest j-*-head-* 1/0", "passing j-* 0.5/0.195312 [jobs]"]
    assert rows(quiet) == ["rest j-*-head-* 1/0"]
    assert rows(service) == ["rest j-*-head-* 1/0", "update j-*-head-* 1/0"]


CNPG = """
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: {name: pg}
spec:
  instances: 2
  resources: {requests: {cpu: 100m, memory: 256Mi}, limits: {memory: 512Mi}}
  storage: {size: 10Gi, storageClass: fast, pvcTemplate: {resources: {requests: {storage: 1Gi}}}}
  walStorage: {size: 2Gi}
  tablespaces: [{name: archive, storage: {size: 20Gi}}]
  affinity: {podAntiAffinityType: required, nodeSelector: {pool: db}}
---
apiVersion: postgresql.cnpg.io/v1
kind: Pooler
metadata: {name: pool}
spec: {instances: 3, template: {spec: {containers: [{name: pgbouncer, resources: {requests: {cpu: 50m}}}]}}}
---
{apiVersion: postgresql.cnpg.io/v1, kind: Database, metadata: {name: app}}
"""


def test_a_postgresql_cluster_has_instances_from_one_on_with_their_claims() -> None:
    demand = made(CNPG)

    assert rows(demand) == [
        "rest pg-1 0.1/0.25 pg-1=10@fast,pg-1-wal=2,pg-1-tbs-archive=20",
        "rest pg-2 0.1/0.25 pg-2=10@fast,pg-2-wal=2,pg-2-tbs-archive=20",
        "rest pool-*-* 0.05/0 x3",
        "update pool-*-* 0.05/0",
    ]
    spec = demand.pods[0].spec
    assert spec["nodeSelector"] == {"pool": "db"}
    (term,) = spec["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["topologyKey"] == "kubernetes.io/hostname"
    assert term["labelSelector"]["matchLabels"].items() <= demand.pods[1].labels.items()
    assert demand.untold == ()


def test_a_postgresql_cluster_that_sleeps_has_no_pods() -> None:
    asleep = CNPG.replace("metadata: {name: pg}", "metadata: {name: pg, annotations: {cnpg.io/hibernation: 'on'}}")

    assert [pod.name for pod in made(asleep).pods if pod.name.startswith("pg")] == []


ELASTIC = """
apiVersion: elasticsearch.k8s.elastic.co/v1
kind: Elasticsearch
metadata: {name: es}
spec:
  version: 8.19.14
  nodeSets:
  - {name: bare, count: 2}
  - name: sized
    count: 1
    podTemplate: {spec: {containers: [{name: elasticsearch, resources: {requests: {cpu: 200m, memory: 1Gi}}}]}}
    volumeClaimTemplates:
    - {metadata: {name: elasticsearch-data}, spec: {storageClassName: fast, resources: {requests: {storage: 50Gi}}}}
  - name: short
    count: 1
    resources: {limits: {memory: 4Gi}}
    podTemplate: {spec: {volumes: [{name: elasticsearch-data, emptyDir: {}}]}}
---
apiVersion: kibana.k8s.elastic.co/v1
kind: Kibana
metadata: {name: kb}
spec:
  count: 1
  podTemplate: {spec: {containers: [{name: sidecar, resources: {requests: {cpu: 1}}}]}}
"""


def test_elasticsearch_asks_two_gibibytes_and_a_claim_of_one_unless_told() -> None:
    demand = made(ELASTIC)

    # 0.1 cores are of the init container that prepares the file system
    assert rows(demand) == [
        "rest es-es-bare-0 0.1/2 elasticsearch-data-es-es-bare-0=1",
        "rest es-es-bare-1 0.1/2 elasticsearch-data-es-es-bare-1=1",
        "rest es-es-sized-0 0.2/1 elasticsearch-data-es-es-sized-0=50@fast",
        "rest es-es-short-0 0.1/4",
        "rest kb-kb-*-* 1/2",
        "update kb-kb-*-* 1/2",
    ]
    assert demand.pods[0].owner == "StatefulSet es-es-bare"


def test_elasticsearch_that_knows_zones_is_spread_and_kept_on_nodes_that_have_one() -> None:
    zoned = ELASTIC.replace("{name: bare, count: 2}", "{name: bare, count: 2, zoneAwareness: {zones: [a, b]}}")

    aware, other = (pod.spec for pod in made(zoned).pods[:3:2])

    (spread,) = aware["topologySpreadConstraints"]
    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("topology.kubernetes.io/zone", "DoNotSchedule")
    rule = "requiredDuringSchedulingIgnoredDuringExecution"
    terms = [one["affinity"]["nodeAffinity"][rule]["nodeSelectorTerms"] for one in (aware, other)]
    expressions = [one[0]["matchExpressions"] for one in terms]
    assert expressions[0] == [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a", "b"]}]
    assert expressions[1] == [{"key": "topology.kubernetes.io/zone", "operator": "Exists"}]
    assert other["topologySpreadConstraints"] == []


STRIMZI = """
apiVersion: kafka.strimzi.io/v1
kind: KafkaNodePool
metadata: {name: dual, labels: {strimzi.io/cluster: kafka}}
spec:
  replicas: 2
  roles: [controller, broker]
  resources: {requests: {cpu: 500m, memory: 2Gi}}
  storage:
    type: jbod
    volumes:
    - {id: 0, type: persistent-claim, size: 20Gi, class: fast}
    - {id: 1, type: persistent-claim, size: 5Gi}
    - {id: 2, type: ephemeral}
---
apiVersion: kafka.strimzi.io/v1
kind: Kafka
metadata: {name: kafka}
spec:
  kafka: {rack: {topologyKey: zone}, template: {pod: {tolerations: [{key: kafka}]}}}
  entityOperator: {topicOperator: {resources: {requests: {cpu: 100m}}}, userOperator: {}}
  kafkaExporter: {}
---
{apiVersion: kafka.strimzi.io/v1, kind: KafkaTopic, metadata: {name: t}}
"""


def test_kafka_has_the_brokers_of_its_pools_with_a_claim_per_disk_and_one_entity_operator() -> None:
    demand = made(STRIMZI)

    assert rows(demand) == [
        "rest kafka-dual-0 0.5/2 data-0-kafka-dual-0=20@fast,data-1-kafka-dual-0=5",
        "rest kafka-dual-1 0.5/2 data-0-kafka-dual-1=20@fast,data-1-kafka-dual-1=5",
        "rest kafka-entity-operator-*-* 0.1/0",
        "rest kafka-kafka-exporter-*-* 0/0",
        "update kafka-kafka-exporter-*-* 0/0",
    ]
    broker = demand.pods[0].spec
    assert broker["tolerations"] == [{"key": "kafka"}]
    assert "'key': 'zone', 'operator': 'Exists'" in str(broker["affinity"])
    assert demand.untold == ()


def test_node_ids_of_several_pools_are_not_foretold_and_one_disk_has_no_number() -> None:
    pool = (
        "{apiVersion: kafka.strimzi.io/v1, kind: KafkaNodePool, metadata: {name: $name,"
        " labels: {strimzi.io/cluster: k}}, spec: {replicas: 1, storage: {type: persistent-claim, size: 1Gi}}}"
    )

    demand = made("\n---\n".join(pool.replace("$name", name) for name in ("one", "two")))

    assert rows(demand) == ["rest k-one-* 0/0 data-k-one-*=1", "rest k-two-* 0/0 data-k-two-*=1"]
    assert demand.pods[0].named("k-one-17")


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("KafkaConnect", ["c-connect-0", "c-connect-1", "c-connect-2"]),
        ("KafkaMirrorMaker2", ["c-mirrormaker2-0", "c-mirrormaker2-1", "c-mirrormaker2-2"]),
        ("KafkaBridge", ["c-bridge-*-*"]),
    ],
)
def test_what_stands_beside_kafka(kind: str, names: list[str]) -> None:
    demand = made("{apiVersion: kafka.strimzi.io/v1, kind: $kind, metadata: {name: c}, spec: {}}", kind=kind)

    assert [pod.name for pod in demand.pods if pod.when == "rest"] == names


def test_a_pod_set_has_the_pods_that_it_holds() -> None:
    demand = made(
        "{apiVersion: core.strimzi.io/v1, kind: StrimziPodSet, metadata: {name: k},"
        " spec: {pods: [{metadata: {name: k-0}, spec: {containers: [{name: k, resources: {requests: {cpu: 1}}}]}}]}}"
    )

    assert rows(demand) == ["rest k-0 1/0"]


DORIS = """
apiVersion: doris.selectdb.com/v1
kind: DorisCluster
metadata: {name: doris-cluster}
spec:
  feSpec:
    replicas: 1
    requests: {cpu: 1, memory: 4Gi}
    limits: {cpu: 2, memory: 4Gi}
    persistentVolumes:
    - {name: fe-meta, mountPath: /m, persistentVolumeClaimSpec: {resources: {requests: {storage: 30Gi}}}}
  beSpec:
    replicas: 2
    requests: {cpu: 2, memory: 4Gi}
    systemInitialization: {requests: {memory: 5Gi}}
    persistentVolumes: [{name: be-storage, persistentVolumeClaimSpec: {resources: {requests: {storage: 100Gi}}}}]
"""


def test_doris_has_a_stateful_set_per_component() -> None:
    demand = made(DORIS)

    assert rows(demand) == [
        "rest doris-cluster-fe-0 1/4 fe-meta-doris-cluster-fe-0=30",
        "rest doris-cluster-be-0 2/5 be-storage-doris-cluster-be-0=100",
        "rest doris-cluster-be-1 2/5 be-storage-doris-cluster-be-1=100",
    ]


def test_doris_that_keeps_its_data_elsewhere_is_told_but_for_its_disks() -> None:
    demand = made(
        """
        apiVersion: disaggregated.cluster.doris.com/v1
        kind: DorisDisaggregatedCluster
        metadata: {name: d}
        spec:
          metaService: {requests: {cpu: 1}}
          feSpec: {replicas: 1, electionNumber: 3, requests: {cpu: 2}}
          computeGroups: [{uniqueId: g_1, replicas: 2, requests: {memory: 4Gi}}, {uniqueId: g_2}]
        """
    )

    names = [pod.name for pod in demand.pods]
    assert names == ["d-ms-0", "d-ms-1", "d-fe-0", "d-fe-1", "d-fe-2", "d-g-1-0", "d-g-1-1", "d-g-2-0"]
    assert rows(demand)[5] == "rest d-g-1-0 0/4"
    assert "configuration files" in demand.untold[0].why


def test_superset_has_a_deployment_per_component_that_is_named() -> None:
    demand = made(
        """
        apiVersion: superset.apache.org/v1alpha1
        kind: Superset
        metadata: {name: s}
        spec:
          replicas: 2
          podTemplate: {nodeSelector: {pool: web}, container: {resources: {requests: {cpu: 100m, memory: 1Gi}}}}
          webServer: {podTemplate: {sidecars: [{name: proxy, resources: {requests: {cpu: 50m}}}]}}
          celeryBeat: {podTemplate: {container: {resources: {requests: {cpu: 10m}}}}}
          celeryWorker:
            autoscaling: {minReplicas: 1, maxReplicas: 3}
            deploymentTemplate: {strategy: {type: Recreate}}
        """
    )

    assert rows(demand) == [
        "rest s-web-server-*-* 0.15/1 x2",
        "update s-web-server-*-* 0.15/1",
        "rest s-celery-worker-*-* 0.1/1",
        "most s-celery-worker-*-* 0.1/1 x2",
        "rest s-celery-beat-*-* 0.01/0",
        "update s-celery-beat-*-* 0.01/0",
        "passing s-migrate-* 0.1/1 [jobs]",
    ]
    assert demand.pods[0].spec["nodeSelector"] == {"pool": "web"}


def test_the_plan_of_the_field_sums_up() -> None:
    """The disks of three of its components (docs/plan.md): 230 of Doris."""
    assert sum(one.size for one in made(DORIS).every_claim) / GI == 230


@pytest.mark.parametrize("kind", ["Application.argoproj.io", "Experiment.kubeflow.org", "Thing.example.com"])
def test_a_kind_that_nobody_knows_is_untold(kind: str) -> None:
    name, _, group = kind.partition(".")

    demand = made("{apiVersion: $group/v1, kind: $kind, metadata: {name: x}}", group=group, kind=name)

    assert [(one.kind, one.name) for one in demand.untold] == [(kind, "x")]
    assert demand.pods == ()


def test_kinds_that_make_no_pods_are_no_question() -> None:
    demand = made(
        "{apiVersion: v1, kind: Service, metadata: {name: s}}\n---\n"
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: r}}\n---\n"
        "{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {name: c}}"
    )

    assert demand == Demand()
    assert not EXPANDERS.keys() & PODLESS


def test_what_does_not_fit_its_kind_is_untold() -> None:
    demand = made("{$deployment, spec: {replicas: many}}")

    assert "does not fit its kind" in demand.untold[0].why


def test_every_custom_kind_has_its_source() -> None:
    assert [kind for kind, one in EXPANDERS.items() if not one.__doc__] == []


def test_names_that_the_cluster_makes_up() -> None:
    (pod, _) = made("{$deployment, spec: {}}").pods

    assert pod.named("web-6c7f9d6597-pjb4d")
    assert not pod.named("web-api-6c7f9d6597-pjb4d")
    assert not pod.named("web-0")
