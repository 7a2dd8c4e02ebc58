"""``gonogo plan`` on a target that deploys by charts: what it prints, how it ends, and that it changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gonogo.cluster.api import Kind
from gonogo.cluster.plan.ground import CAPACITIES, DRIVERS, LISTED
from tests.test_helm_verbs import Scene
from tests.test_helm_verbs import scene as scene

ROOT = Path(__file__).parent.parent

STORE = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: store}
spec:
  replicas: 2
  template: {spec: {containers: [{name: c, resources: {requests: {cpu: 500m, memory: 1Gi}}}]}}
  volumeClaimTemplates: [{metadata: {name: data}, spec: {resources: {requests: {storage: 5Gi}}}}]
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {spec: {containers: [{name: c}]}}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {scaleTargetRef: {kind: Deployment, name: web}, maxReplicas: 3}
"""
KNOWN = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: orders}\n"
DEFAULT = {"storageclass.kubernetes.io/is-default-class": "true"}


@pytest.fixture
def planned(scene: Scene) -> Scene:
    """A cluster of two nodes with a default class, and a store that fits."""
    (scene.root / "deploy/store/chart/templates/all.yaml").write_text(STORE)
    (scene.root / "deploy/queue/queue.yaml").write_text(KNOWN)
    for name in ("a", "b"):
        node(scene, name, "8Gi")
    scene.held.put("StorageClass", "", "disk", annotations=DEFAULT, provisioner="disk.example")
    return scene


def node(scene: Scene, name: str, memory: str) -> None:
    scene.held.put("Node", "", name, status={"allocatable": {"cpu": "2", "memory": memory, "pods": "9"}})


def asked(scene: Scene, *words: str) -> tuple[int, dict[str, Any]]:
    """Exit code and the answer for programs, which keeps its schema."""
    code, out, err = scene.say("plan", *words, "-o", "json")
    told = json.loads(out)
    schema = json.loads((ROOT / "reports/schemas/plan-cluster.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(told)
    assert "Traceback" not in err
    return code, told


def findings(told: dict[str, Any], weight: str) -> list[tuple[str, str]]:
    return [(one["cause"], one["subject"]) for one in told["findings"] if one["weight"] == weight]


def test_it_tells_pods_sums_and_disks_and_changes_nothing(planned: Scene) -> None:
    before = planned.held.there()

    code, told = asked(planned)

    (queue, store) = told["rows"]
    assert (code, told["fits"], planned.held.there()) == (0, True, before)
    assert [one for one in planned.held.asked if not one.startswith(("get ", "list "))] == []
    assert (queue["component"], queue["rest"]["pods"], queue["whole"]) == ("queue", 1, True)
    assert store["rest"] == {"pods": 3, "cpu": 1.0, "memory_mib": 2048, "ephemeral_mib": 0}
    assert store["most"]["pods"] == 5
    assert (store["disk_mib"], store["found"]) == ({"disk": 10240}, 0)
    assert (told["total"]["rest"]["pods"], told["total"]["disk_mib"]) == (4, {"disk": 10240})
    assert findings(told, "problem") == findings(told, "unknown") == []


def test_people_read_a_table_sums_and_the_verdict(planned: Scene) -> None:
    code, out, _ = planned.say("plan")

    lines = out.splitlines()
    assert code == 0
    assert lines[2].split()[:5] == ["2", "store", "3", "to", "5"]
    assert "in all: 4 to 6 pods planned, 0 found; 1 cpu, 2.0 GiB memory, disk disk 10.0 GiB" in lines
    assert lines[-1] == "it fits"


def test_what_does_not_fit_is_a_problem_and_code_1(planned: Scene) -> None:
    for name in ("a", "b"):
        planned.held.remove("Node", "", name)
        node(planned, name, "900Mi")

    code, told = asked(planned)
    _, out, _ = planned.say("plan")

    assert (code, told["fits"]) == (1, False)
    assert findings(told, "problem") == [("memory", "data/store-0")]
    message = "asks memory 1.0 GiB, the roomiest node has 900.0 MiB left of 900.0 MiB (a): 124.0 MiB too little"
    assert f"it does not fit:\n  store: data/store-0: {message} (2 pods of StatefulSet store)" in out


def test_a_kind_that_nobody_knows_is_no_fit_and_code_3(planned: Scene) -> None:
    (planned.root / "deploy/queue/queue.yaml").write_text(
        "apiVersion: mq.example/v1\nkind: Queue\nmetadata: {name: orders}\n"
    )

    code, told = asked(planned)

    assert (code, told["fits"]) == (3, None)
    assert findings(told, "unknown") == [("kind", "Queue.mq.example mq/orders")]
    assert [row["whole"] for row in told["rows"]] == [False, True]


def test_what_is_there_already_is_found_and_takes_no_room_again(planned: Scene) -> None:
    planned.up()
    spec = {"nodeName": "a", "containers": [{"name": "c", "resources": {"requests": {"memory": "7.5Gi"}}}]}
    planned.held.remove("Pod", "data", "store-0")
    planned.held.put("Pod", "data", "store-0", spec=spec)

    code, told = asked(planned, "store")

    assert code == 0
    assert [(row["rest"]["pods"], row["found"]) for row in told["rows"]] == [(3, 1)]


def test_an_operator_that_is_there_is_not_made_again(planned: Scene) -> None:
    planned.held.kinds.append(Kind("mq.example", "v1", "queues", "Queue", True))

    _, told = asked(planned, "queue")

    assert [row["rest"]["pods"] for row in told["rows"]] == [0]


def test_a_cluster_that_does_not_answer_leaves_the_fit_unknown(planned: Scene) -> None:
    target = planned.root / "deploy/targets/cluster.toml"
    config = planned.root / "config"
    config.write_text(config.read_text().replace(planned.held.url, "https://127.0.0.1:1"))

    code, told = asked(planned)

    assert target.exists()
    assert (code, told["fits"]) == (3, None)
    assert [one["cause"] for one in told["findings"]] == ["cluster"]
    assert told["total"]["rest"]["pods"] == 4
    assert told["rows"][1]["disk_mib"] == {"(default class)": 10240}


FULL = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: store}
spec:
  template:
    metadata: {labels: {app: store}}
    spec:
      priorityClassName: high
      containers: [{name: c, resources: {requests: {cpu: 500m, memory: 1Gi}}}]
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - topologyKey: kubernetes.io/hostname
            labelSelector: {matchLabels: {app: other}}
            namespaceSelector: {matchLabels: {team: other}}
  volumeClaimTemplates: [{metadata: {name: data}, spec: {resources: {requests: {storage: 5Gi}}}}]
"""
"""One pod that every kind of the cluster may bear on; that of ``queue`` asks for nothing."""

NAMED = {kind.resource: name for name, kind in LISTED.items()}


@pytest.fixture
def bound(planned: Scene) -> Scene:
    """The same, with a pod that everything bears on, in a cluster that has something of everything, and it fits."""
    held = planned.held
    (planned.root / "deploy/store/chart/templates/all.yaml").write_text(FULL)
    held.kinds += [DRIVERS, CAPACITIES]
    held.put(DRIVERS, "", "disk.example", spec={"storageCapacity": True})
    capacity = {"storageClassName": "disk", "nodeTopology": {}, "capacity": "9Gi"}
    held.put(CAPACITIES, "kube-system", "all", **capacity)
    held.put("PriorityClass", "", "high", value=1)
    held.put("Namespace", "", "data")
    held.put("ResourceQuota", "data", "q", spec={"hard": {"pods": "2"}}, status={"hard": {"pods": "2"}})
    held.put("LimitRange", "data", "l", spec={"limits": [{"type": "Container", "max": {"memory": "2Gi"}}]})
    return planned


def test_with_every_right_it_fits(bound: Scene) -> None:
    assert asked(bound)[0] == 0


@pytest.mark.parametrize("right", NAMED)
def test_without_a_right_to_list_nobody_can_tell_what_rests_on_it(right: str, bound: Scene) -> None:
    bound.held.refused.add(f"list {right}")

    code, told = asked(bound)

    everyone = NAMED[right] in ("nodes", "pods", "limits", "quotas")
    assert (code, told["fits"]) == (3, None)
    (finding,) = [one for one in told["findings"] if one["cause"] == "rights"]
    assert (finding["weight"], finding["subject"], finding["component"]) == (
        "unknown",
        NAMED[right],
        "" if everyone else "store",
    )
    assert f"may not list {right}" in finding["message"]
    assert findings(told, "problem") == []
    assert told["total"]["rest"]["pods"] == 2


@pytest.mark.parametrize("right", NAMED)
def test_a_right_that_nothing_rests_on_is_not_missed(right: str, bound: Scene) -> None:
    bound.held.refused.add(f"list {right}")

    code, told = asked(bound, "queue")

    needed = NAMED[right] in ("nodes", "pods", "limits", "quotas")
    assert (code, told["fits"]) == ((3, None) if needed else (0, True))


@pytest.mark.parametrize("right", ["persistentvolumeclaims", "resourcequotas", "limitranges"])
def test_what_may_be_listed_in_its_own_namespaces_is_enough(right: str, bound: Scene) -> None:
    bound.held.refused.add(f"list {right} *")

    assert asked(bound)[0] == 0
    bound.held.get("ResourceQuota", "data", "q")["status"]["hard"]["pods"] = "0"
    assert asked(bound)[0] == 1


def test_without_what_runs_elsewhere_nobody_can_tell_and_what_is_ones_own_is_found(bound: Scene) -> None:
    spec = {"nodeName": "a", "containers": [{"name": "c"}]}
    bound.held.put("Pod", "data", "store-0", spec=spec)
    bound.held.refused.add("list pods *")

    code, told = asked(bound)

    assert (code, told["fits"]) == (3, None)
    assert [(row["component"], row["found"]) for row in told["rows"]] == [("queue", 0), ("store", 1)]


def test_no_volume_is_missed_where_none_may_be_listed(bound: Scene) -> None:
    bound.held.remove("StorageClass", "", "disk")
    by_hand = {"provisioner": "kubernetes.io/no-provisioner"}
    bound.held.put("StorageClass", "", "disk", annotations=DEFAULT, **by_hand)
    assert ("volume", "data/store-0") in findings(asked(bound)[1], "problem")
    bound.held.refused.add("list persistentvolumes")

    code, told = asked(bound)

    assert (code, findings(told, "problem")) == (3, [])


def test_without_the_right_to_read_definitions_fields_are_not_called_right(planned: Scene) -> None:
    (planned.root / "deploy/queue/queue.yaml").write_text(
        "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata: {name: orders}\n"
    )
    topics = Kind("kafka.strimzi.io", "v1", "kafkatopics", "KafkaTopic", True)
    planned.held.kinds.append(topics)
    planned.held.refused.add("get customresourcedefinitions.apiextensions.k8s.io")

    code, told = asked(planned)

    assert (code, told["fits"]) == (3, None)
    assert findings(told, "unknown") == [("rights", "kafkatopics.kafka.strimzi.io")]


VERSIONED = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: queues.mq.example}
spec:
  group: mq.example
  scope: Namespaced
  names: {kind: Queue, plural: queues}
  versions:
  - {name: v1, served: true, storage: true}
  - {name: v1beta1, served: true, storage: false, deprecated: true, deprecationWarning: "v1beta1 ends with 2.0"}
  - {name: v1alpha1, served: false, storage: false, deprecated: true}
"""


@pytest.mark.parametrize(
    ("version", "weight", "cause", "says"),
    [
        ("v1", "", "", ""),
        ("v1beta1", "warning", "deprecated", "apiVersion mq.example/v1beta1 is deprecated: v1beta1 ends with 2.0"),
        (
            "v1alpha1",
            "problem",
            "values",
            "apiVersion mq.example/v1alpha1 is not served: Queue is there in v1, v1beta1",
        ),
    ],
)
def test_a_version_that_ends_is_a_warning_with_the_one_to_write(
    version: str, weight: str, cause: str, says: str, planned: Scene
) -> None:
    (planned.root / "deploy/queue/chart/templates/all.yaml").write_text(VERSIONED)
    path = planned.root / "deploy/queue/queue.yaml"
    path.write_text(f"apiVersion: mq.example/{version}\nkind: Queue\nmetadata: {{name: orders}}\n")

    _, told = asked(planned, "queue")

    found = [one for one in told["findings"] if one["cause"] != "kind"]
    assert [(one["weight"], one["cause"], one["component"], one["subject"]) for one in found] == (
        [(weight, cause, "queue", str(path))] if weight else []
    )
    assert [one["hint"] for one in found] == (["apiVersion: mq.example/v1"] if weight else [])
    assert all(says in one["message"] and "Queue orders" in one["message"] for one in found)


@pytest.mark.parametrize(
    ("obj", "says", "right"),
    [
        ("policy/v1beta1 PodDisruptionBudget", "PodDisruptionBudget is there in policy/v1", "apiVersion: policy/v1"),
        ("extensions/v1beta1 Ingress", "Ingress is there in networking.k8s.io/v1", "apiVersion: networking.k8s.io/v1"),
        ("policy/v1beta1 PodSecurityPolicy", "PodSecurityPolicy is not there at all", "have the chart not make it"),
        ("policy/v1 PodDisruptionBudget", "", ""),
    ],
)
@pytest.mark.parametrize("made", ["chart", "manifest"])
def test_a_version_that_kubernetes_has_no_more_is_a_problem(
    made: str, obj: str, says: str, right: str, planned: Scene
) -> None:
    planned.held.kinds.append(Kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", True))
    api_version, kind = obj.split()
    text = f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: old}}\n"
    where = "chart/templates/all.yaml" if made == "chart" else "queue.yaml"
    (planned.root / "deploy/queue" / where).write_text(text)

    code, told = asked(planned, "queue")

    (*problems,) = [one for one in told["findings"] if one["weight"] == "problem"]
    assert code == (1 if says else 0)
    assert [one["hint"] for one in problems] == ([right] if says else [])
    assert all(f"{kind} old: apiVersion {api_version} is not served: {says}" in one["message"] for one in problems)


def test_an_operator_that_is_neither_there_nor_to_be_had_leaves_the_fit_unknown(planned: Scene) -> None:
    path = planned.root / "deploy/queue/helm.toml"
    path.write_text(path.read_text().replace('chart = "chart"', 'chart = "no-such-chart"'))

    code, told = asked(planned)

    assert (code, findings(told, "unknown")) == (3, [("not_rendered", "queue")])


def test_a_key_that_the_chart_does_not_declare_is_a_problem(planned: Scene) -> None:
    (planned.root / "deploy/store/chart/values.yaml").write_text("replicas: 1\n")
    (planned.root / "deploy/store/values.yaml").write_text("replica: 2\n")

    code, told = asked(planned)

    assert code == 1
    assert [(one["cause"], one["component"]) for one in told["findings"]] == [("values", "store")]
    assert "replica" in told["findings"][0]["message"]


def test_a_chart_that_cannot_be_rendered_is_said_and_the_others_are_planned(planned: Scene) -> None:
    (planned.root / "deploy/store/chart/templates/all.yaml").write_text("kind: [")

    code, told = asked(planned)

    assert code == 3
    assert findings(told, "unknown") == [("not_rendered", "store")]
    assert [(row["component"], row["whole"], row["rest"]["pods"]) for row in told["rows"]] == [
        ("queue", True, 1),
        ("store", False, 0),
    ]


def test_a_chart_that_refuses_an_address_that_is_not_known_yet_is_planned(planned: Scene) -> None:
    (planned.root / "deploy/store/chart/values.yaml").write_text("host: there\n")
    (planned.root / "deploy/store/values.yaml").write_text('host: "{{ needs.queue.host }}"\n')
    helm = planned.root / "bin/helm"
    strict = 'elif sys.argv[1] == "template":\n    sys.stdin.read() == "host: \'\'\\n" and sys.exit("Error: no host")\n'
    helm.write_text(helm.read_text().replace('elif sys.argv[1] == "template":\n', strict))

    code, told = asked(planned)

    assert (code, told["fits"], told["findings"]) == (0, True, [])
    assert [row["rest"]["pods"] for row in told["rows"]] == [1, 3]


def test_a_definition_is_not_read_for_what_is_made_of_it(planned: Scene) -> None:
    broken = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: x.y}\nspec: {{{\n"
    path = planned.root / "deploy/queue/chart/templates/all.yaml"
    path.write_text(f"{path.read_text()}---\n{broken}")

    code, told = asked(planned)

    assert (code, told["findings"]) == (0, [])
    assert [row["rest"]["pods"] for row in told["rows"]] == [1, 3]


def test_another_cluster_than_the_one_meant_is_wrong_use(planned: Scene) -> None:
    planned.held.get("Namespace", "", "kube-system")["metadata"]["uid"] = "another"

    assert planned.say("plan")[0] == 2


def test_a_quota_is_held_against_the_plan(planned: Scene) -> None:
    planned.held.put("ResourceQuota", "data", "q", spec={"hard": {"pods": "2"}}, status={"hard": {"pods": "2"}})

    code, told = asked(planned)

    assert code == 1
    assert ("quota", "data/web-*-*") in findings(told, "problem")
