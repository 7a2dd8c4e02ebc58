"""The states of pods: where each stands in the sum of the platform's health, and what its row says."""

from __future__ import annotations

from typing import NamedTuple

import manifests as m
import pytest

from gonogo.cluster import judge
from gonogo.cluster.judge import PodHealth, State, World, tally
from gonogo.cluster.judge.health import place
from gonogo.cluster.judge.shapes import MISSHAPEN, shaped

READY, PROGRESSING, FAILED = State.READY, State.PROGRESSING, State.FAILED
SUSPENDED, UNKNOWN = State.SUSPENDED, State.UNKNOWN


class Case(NamedTuple):
    """A pod with what surrounds it, and what is to be said of it."""

    name: str
    pod: m.Object
    place: PodHealth
    state: State
    reason: str = ""
    around: tuple[m.Object, ...] = ()


def crashing(code: int = 1, restarts: int = 4, lasted: float = 2, word: str = "Error", **fields: object) -> m.Object:
    """A pod whose container ended and waits to be started again."""
    last = m.ended(code, word, lasted=lasted)
    return m.pod(
        "p", m.container(m.waiting("CrashLoopBackOff", "back-off 40s"), restarts=restarts, last=last), **fields
    )


def image(word: str, text: str = "", age: float = 10) -> m.Object:
    """A pod that waits for its image."""
    return m.pod("p", m.container(m.waiting(word, text)), phase="Pending", age=age, since=age)


def unscheduled(text: str, since: float, **fields: object) -> m.Object:
    """A pod without a node."""
    told = ("False", "Unschedulable", text)
    return m.pod("p", phase="Pending", scheduled=told, age=since, since=since, **fields)


def creating(age: float = 20, **fields: object) -> m.Object:
    """A pod whose container is being made."""
    state = m.container(m.waiting("ContainerCreating"))
    return m.pod("p", state, phase="Pending", age=age, since=age, **fields)


def over(reason: str = "", *, code: int = 1, **fields: object) -> m.Object:
    """A pod of phase Failed."""
    return m.pod("p", m.container(m.ended(code)), phase="Failed", status={"reason": reason}, **fields)


REPLICAS = m.thing("apps/v1", "ReplicaSet", "app", spec={"replicas": 1}, status={})
NONE_DESIRED = m.thing("apps/v1", "ReplicaSet", "app", spec={"replicas": 0}, status={})
TRYING = m.thing("batch/v1", "Job", "load", spec={}, status={"failed": 1, "active": 1})
LOST_JOB = m.thing(
    "batch/v1", "Job", "load", spec={}, status={"conditions": m.conditions(Failed=("True", "BackoffLimitExceeded", ""))}
)
DONE_JOB = m.thing("batch/v1", "Job", "load", spec={}, status={"conditions": m.conditions(Complete="True")})
NEWER = m.pod("p2", ready=True, age=60, owner=REPLICAS)

PROBED = {"startupProbe": {"failureThreshold": 10, "periodSeconds": 10}}
SIDE = {"initContainers": [{"name": "side", "restartPolicy": "Always"}]}
FIRST = {"initContainers": [{"name": "first"}]}
LACK = (
    "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found."
)

starting = m.pod(
    "p",
    m.container(m.running(20), started=False),
    age=25,
    since=20,
    containers=PROBED,
)
spent = m.pod("p", m.container(m.running(120), started=False), age=130, since=120, containers=PROBED)
unready = m.pod("p", m.container(m.running(100)), age=120, since=100)
unready_long = m.pod("p", m.container(m.running(900)), age=920, since=900)
unready_lately = m.pod("p", m.container(m.running(9000)), age=9999, since=60)
restarted = m.container(m.running(600), ready=True, restarts=3, last=m.ended(1, since=601))
restarted_long_ago = m.container(m.running(3000), ready=True, restarts=30, last=m.ended(1, since=3001))
restarted_once = m.container(m.running(60), ready=True, restarts=1, last=m.ended(1, since=61))
just_back = m.container(m.running(3), ready=True, restarts=5, last=m.ended(1, since=4, lasted=5))

CASES = [
    # serving, and what looks odd but serves
    Case("running and ready", m.pod("p", ready=True), PodHealth.HEALTHY, READY),
    Case(
        "ready with a native sidecar",
        m.pod("p", ready=True, init=[m.container(m.running(), name="side")], spec=SIDE),
        PodHealth.HEALTHY,
        READY,
    ),
    Case(
        "ready after its init container",
        m.pod("p", ready=True, init=[m.container(m.ended(0, "Completed"), name="first")], spec=FIRST),
        PodHealth.HEALTHY,
        READY,
    ),
    Case("ready, restarted long ago", m.pod("p", restarted_long_ago, ready=True), PodHealth.HEALTHY, READY),
    Case("ready, restarted once just now", m.pod("p", restarted_once, ready=True), PodHealth.HEALTHY, READY),
    Case(
        "ready on a cordoned node",
        m.pod("p", ready=True),
        PodHealth.HEALTHY,
        READY,
        around=(m.node(spec={"unschedulable": True}),),
    ),
    Case("ready and a Job's", m.pod("p", ready=True, owner=TRYING), PodHealth.HEALTHY, READY, around=(TRYING,)),
    Case(
        "ready without an owner",
        m.pod("p", ready=True, meta={"annotations": {"kubernetes.io/config.mirror": "x"}}),
        PodHealth.HEALTHY,
        READY,
    ),
    # not to be counted
    Case(
        "succeeded",
        m.pod("p", m.container(m.ended(0, "Completed")), phase="Succeeded"),
        PodHealth.SUCCEEDED,
        READY,
        "Completed",
    ),
    Case(
        "being deleted, in time",
        m.pod("p", ready=True, meta={"deletionTimestamp": m.ago(-20)}),
        PodHealth.TERMINATING,
        PROGRESSING,
        "Terminating",
    ),
    Case(
        "being deleted, a little late",
        m.pod("p", ready=True, meta={"deletionTimestamp": m.ago(200)}),
        PodHealth.TERMINATING,
        PROGRESSING,
        "TerminatingStuck",
    ),
    Case(
        "a crash loop that is being deleted",
        crashing(meta={"deletionTimestamp": m.ago(10)}),
        PodHealth.TERMINATING,
        PROGRESSING,
        "TerminatingStuck",
    ),
    Case(
        "evicted and replaced",
        over("Evicted", owner=REPLICAS),
        PodHealth.REPLACED,
        READY,
        "Replaced",
        (REPLICAS, NEWER),
    ),
    Case(
        "shut down with its node and replaced",
        over("Terminated", owner=REPLICAS),
        PodHealth.REPLACED,
        READY,
        "Replaced",
        (REPLICAS, NEWER),
    ),
    Case(
        "refused by its node's affinity and replaced",
        over("NodeAffinity", owner=REPLICAS),
        PodHealth.REPLACED,
        READY,
        "Replaced",
        (REPLICAS, NEWER),
    ),
    Case(
        "refused by its node and replaced",
        over("UnexpectedAdmissionError", owner=REPLICAS),
        PodHealth.REPLACED,
        READY,
        "Replaced",
        (REPLICAS, NEWER),
    ),
    Case(
        "preempted, nothing desired any more",
        over("Preempting", owner=NONE_DESIRED),
        PodHealth.REPLACED,
        READY,
        "Replaced",
        (NONE_DESIRED,),
    ),
    Case("a Job's failed try", over(owner=TRYING), PodHealth.REPLACED, READY, "Replaced", (TRYING,)),
    Case(
        "a failed try of a Job that is complete",
        over(owner=DONE_JOB),
        PodHealth.REPLACED,
        READY,
        "Replaced",
        (DONE_JOB,),
    ),
    # settling
    Case(
        "waits for the scheduler",
        m.pod("p", phase="Pending", scheduled=False, age=2, since=2),
        PodHealth.SETTLING,
        PROGRESSING,
        "Pending",
    ),
    Case("its container is being made", creating(), PodHealth.SETTLING, PROGRESSING, "ContainerCreating"),
    Case(
        "no status of its kubelet yet",
        m.pod("p", phase="Pending", age=5, since=5),
        PodHealth.SETTLING,
        PROGRESSING,
        "Starting",
    ),
    Case(
        "its init container runs",
        m.pod(
            "p",
            m.container(m.waiting("PodInitializing")),
            phase="Pending",
            age=30,
            since=30,
            init=[m.container(m.running(20), name="first")],
            spec=FIRST,
        ),
        PodHealth.SETTLING,
        PROGRESSING,
        "Initializing",
    ),
    Case("runs, not ready yet", unready, PodHealth.SETTLING, PROGRESSING, "NotReady"),
    Case("was ready until a minute ago", unready_lately, PodHealth.SETTLING, PROGRESSING, "NotReady"),
    Case("within its startup budget", starting, PodHealth.SETTLING, PROGRESSING, "Starting"),
    Case(
        "within its startup budget, failing",
        starting,
        PodHealth.SETTLING,
        PROGRESSING,
        "StartupProbe",
        (m.event(starting, "Unhealthy", "Startup probe failed: connection refused"),),
    ),
    Case(
        "its readiness probe fails, young",
        unready,
        PodHealth.SETTLING,
        PROGRESSING,
        "ReadinessProbe",
        (m.event(unready, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"),),
    ),
    Case("crashed once", crashing(restarts=0, age=20, since=20), PodHealth.SETTLING, PROGRESSING, "CrashLoop"),
    Case("crashed twice", crashing(restarts=1, age=40, since=40), PodHealth.SETTLING, PROGRESSING, "CrashLoop"),
    Case(
        "killed for memory once",
        crashing(137, 0, word="OOMKilled", age=20, since=20),
        PodHealth.SETTLING,
        PROGRESSING,
        "OOMKilled",
    ),
    Case(
        "registry not reached, for 10 s",
        image("ErrImagePull", "dial tcp: i/o timeout"),
        PodHealth.SETTLING,
        PROGRESSING,
        "ImageUnreachable",
    ),
    Case("unschedulable for 5 s", unscheduled(LACK, 5), PodHealth.SETTLING, PROGRESSING, "Unschedulable"),
    Case(
        "a Secret is missing for 5 s",
        m.pod(
            "p",
            m.container(m.waiting("CreateContainerConfigError", 'secret "s" not found')),
            phase="Pending",
            age=5,
            since=5,
        ),
        PodHealth.SETTLING,
        PROGRESSING,
        "SecretMissing",
    ),
    Case(
        "a Job's pod at work for an hour",
        m.pod("p", m.container(m.running()), owner=TRYING),
        PodHealth.SETTLING,
        PROGRESSING,
        "NotReady",
        (TRYING,),
    ),
    Case(
        "behind a scheduling gate",
        m.pod(
            "p",
            phase="Pending",
            scheduled=("False", "SchedulingGated", ""),
            spec={"schedulingGates": [{"name": "queue"}]},
        ),
        PodHealth.SETTLING,
        SUSPENDED,
        "SchedulingGated",
    ),
    # unhealthy
    Case("not ready for 15 minutes", unready_long, PodHealth.UNHEALTHY, PROGRESSING, "NotReady"),
    Case(
        "its container is being made for 10 minutes",
        creating(600),
        PodHealth.UNHEALTHY,
        PROGRESSING,
        "ContainerCreating",
    ),
    Case(
        "its readiness probe fails for 15 minutes",
        unready_long,
        PodHealth.UNHEALTHY,
        FAILED,
        "ReadinessProbe",
        (m.event(unready_long, "Unhealthy", "Readiness probe failed: 503"),),
    ),
    Case("crash loop", crashing(), PodHealth.UNHEALTHY, FAILED, "CrashLoop"),
    Case("crash loop, young", crashing(restarts=2, age=50, since=50), PodHealth.UNHEALTHY, FAILED, "CrashLoop"),
    Case(
        "crash loop of a program that ends well",
        crashing(0, word="Completed"),
        PodHealth.UNHEALTHY,
        FAILED,
        "CrashLoop",
    ),
    Case(
        "crash loop between two runs",
        m.pod("p", m.container(m.running(3), restarts=5, last=m.ended(1, since=4))),
        PodHealth.UNHEALTHY,
        FAILED,
        "CrashLoop",
    ),
    Case(
        "crash loop that looks ready for a moment",
        m.pod("p", just_back, ready=True),
        PodHealth.UNHEALTHY,
        FAILED,
        "CrashLoop",
    ),
    Case(
        "killed for memory again and again", crashing(137, word="OOMKilled"), PodHealth.UNHEALTHY, FAILED, "OOMKilled"
    ),
    Case(
        "flapping: ready, the third restart 10 minutes ago",
        m.pod("p", restarted, ready=True),
        PodHealth.UNHEALTHY,
        PROGRESSING,
        "Flapping",
    ),
    Case(
        "its init container crashes",
        m.pod(
            "p",
            m.container(m.waiting("PodInitializing")),
            phase="Pending",
            init=[m.container(m.waiting("CrashLoopBackOff"), name="first", restarts=4, last=m.ended(1))],
            spec=FIRST,
        ),
        PodHealth.UNHEALTHY,
        FAILED,
        "CrashLoop",
    ),
    Case(
        "its sidecar crashes",
        m.pod(
            "p",
            m.container(m.running(), ready=True),
            init=[m.container(m.waiting("CrashLoopBackOff"), name="side", restarts=4, last=m.ended(1))],
            spec=SIDE,
        ),
        PodHealth.UNHEALTHY,
        FAILED,
        "CrashLoop",
    ),
    Case(
        "image not found",
        image("ErrImagePull", "shop/app:1.0: not found"),
        PodHealth.UNHEALTHY,
        FAILED,
        "ImageNotFound",
    ),
    Case(
        "image refused",
        image("ImagePullBackOff", "failed: 401 Unauthorized"),
        PodHealth.UNHEALTHY,
        FAILED,
        "ImageRefused",
    ),
    Case(
        "image misnamed",
        image("InvalidImageName", "couldn't parse image name"),
        PodHealth.UNHEALTHY,
        FAILED,
        "ImageNameInvalid",
    ),
    Case("image never pulled", image("ErrImageNeverPull"), PodHealth.UNHEALTHY, FAILED, "ImageNeverPulled"),
    Case(
        "registry not reached for two minutes",
        image("ErrImagePull", "dial tcp: i/o timeout", 120),
        PodHealth.UNHEALTHY,
        FAILED,
        "ImageUnreachable",
    ),
    Case("unschedulable for a minute", unscheduled(LACK, 60), PodHealth.UNHEALTHY, FAILED, "Unschedulable"),
    Case(
        "a key of a ConfigMap is missing",
        m.pod(
            "p",
            m.container(m.waiting("CreateContainerConfigError", "couldn't find key k in ConfigMap data/c")),
            phase="Pending",
        ),
        PodHealth.UNHEALTHY,
        FAILED,
        "KeyMissing",
    ),
    Case(
        "no such command",
        m.pod(
            "p",
            m.container(m.waiting("RunContainerError", 'exec: "serve": executable file not found'), restarts=2),
        ),
        PodHealth.UNHEALTHY,
        FAILED,
        "CommandNotFound",
    ),
    Case(
        "its startup budget is spent",
        spent,
        PodHealth.UNHEALTHY,
        FAILED,
        "StartupProbe",
        (m.event(spent, "Unhealthy", "Startup probe failed: 503"),),
    ),
    Case("evicted, nobody replaces it", over("Evicted"), PodHealth.UNHEALTHY, FAILED, "Evicted"),
    Case("failed by itself", over(), PodHealth.UNHEALTHY, FAILED, "ContainerFailed"),
    Case("failed as its Job did", over(owner=LOST_JOB), PodHealth.UNHEALTHY, FAILED, "ContainerFailed", (LOST_JOB,)),
    Case(
        "failed, its controller has made none since",
        over("Evicted", owner=REPLICAS),
        PodHealth.UNHEALTHY,
        FAILED,
        "Evicted",
        (REPLICAS,),
    ),
    Case("ended by its deadline", over("DeadlineExceeded"), PodHealth.UNHEALTHY, FAILED, "DeadlineExceeded"),
    Case(
        "should have been gone 10 minutes ago",
        m.pod("p", ready=True, meta={"deletionTimestamp": m.ago(600)}),
        PodHealth.UNHEALTHY,
        FAILED,
        "TerminatingStuck",
    ),
    Case(
        "held by a finalizer for 10 minutes",
        m.pod("p", ready=True, meta={"deletionTimestamp": m.ago(600), "finalizers": ["shop/keep"]}),
        PodHealth.UNHEALTHY,
        FAILED,
        "TerminatingStuck",
    ),
    # unknown
    Case("phase Unknown", m.pod("p", phase="Unknown"), PodHealth.UNKNOWN, UNKNOWN, "NodeNotReady"),
    Case(
        "its node is lost",
        m.pod("p", m.container(m.running()), status={"reason": "NodeLost"}),
        PodHealth.UNKNOWN,
        UNKNOWN,
        "NodeNotReady",
    ),
    Case(
        "its node does not answer",
        m.pod("p", m.container(m.running())),
        PodHealth.UNKNOWN,
        UNKNOWN,
        "NodeNotReady",
        (m.node(ready="Unknown"),),
    ),
    Case("a phase that nobody knows", m.pod("p", phase="Dreaming"), PodHealth.UNKNOWN, UNKNOWN, "PhaseUnknown"),
    Case(
        "a field of another type",
        m.pod("p", status={"containerStatuses": "none"}),
        PodHealth.UNKNOWN,
        UNKNOWN,
        "Malformed",
    ),
]


def test_the_table_holds_sixty_states_of_every_place() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60
    assert {case.place for case in CASES} == set(PodHealth)
    assert {case.state for case in CASES} == set(State)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_pod_in_the_sum(case: Case) -> None:
    world = World.of([case.pod, *case.around], now=m.NOW)
    [pod] = [obj for obj in world.objects if obj.get("kind") == "Pod" and obj["metadata"]["name"] == "p"]

    assert place(world, pod)[0] is case.place


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_row_of_a_pod(case: Case) -> None:
    row = m.row(case.pod, *case.around)

    assert (row.state, row.reason) == (case.state, case.reason)
    assert bool(row.message) == (row.state is not READY or row.reason == "Replaced")
    if row.state in (PROGRESSING, FAILED):
        assert "kubectl " in row.hint


# -- the sum


def everything() -> list[m.Object]:
    """All pods of the table, each under its own name."""
    made = []
    for number, case in enumerate(CASES):
        # owners and events would hang on the name: their pods are left out
        if not case.around:
            obj = dict(case.pod)
            obj["metadata"] = {**case.pod["metadata"], "name": f"p-{number}", "uid": f"u-{number}"}
            made.append(obj)
    return made


def test_strict_and_literal_of_all_pods_without_neighbours() -> None:
    expected = {where: sum(case.place is where for case in CASES if not case.around) for where in PodHealth}

    health = tally(World.of(everything(), now=m.NOW))

    out = expected[PodHealth.SUCCEEDED] + expected[PodHealth.TERMINATING] + expected[PodHealth.REPLACED]
    assert health.healthy == expected[PodHealth.HEALTHY]
    assert (health.unhealthy, health.settling) == (expected[PodHealth.UNHEALTHY], expected[PodHealth.SETTLING])
    assert (health.unknown, health.excluded, health.pods) == (expected[PodHealth.UNKNOWN], out, len(everything()))
    assert health.strict == round(100 * health.healthy / (health.pods - out), 2)
    assert health.literal == round(100 * health.running / health.pods, 2)
    assert len(health.explain) == health.pods - health.healthy
    assert health.formula.startswith(f"{health.healthy} healthy / ({health.pods} pods − ")


def pods(healthy: int = 0, settling: int = 0, unhealthy: int = 0, done: int = 0, unknown: int = 0) -> World:
    """So many pods of each place."""
    kinds = {"h": healthy, "s": settling, "u": unhealthy, "d": done, "n": unknown}
    made = {
        "h": lambda name: m.pod(name, ready=True),
        "s": lambda name: m.pod(name, m.container(m.running(9)), age=10, since=9),
        "u": lambda name: m.pod(name, m.container(m.running(900)), age=910, since=900),
        "d": lambda name: m.pod(name, phase="Succeeded"),
        "n": lambda name: m.pod(name, phase="Unknown"),
    }
    return World.of([made[kind](f"{kind}-{n}") for kind, count in kinds.items() for n in range(count)], now=m.NOW)


@pytest.mark.parametrize(
    ("world", "strict", "literal", "verdict"),
    [
        (pods(healthy=9, unhealthy=1), 90.0, 100.0, "passed"),
        (pods(healthy=8, unhealthy=2), 80.0, 100.0, "failed"),
        (pods(healthy=8, unhealthy=1, settling=1), 80.0, 100.0, "unsettled"),
        (pods(healthy=8, settling=2), 80.0, 100.0, "unsettled"),
        (pods(healthy=9, settling=1), 90.0, 100.0, "passed"),
        (pods(healthy=8, unknown=2), 80.0, 80.0, "failed"),
        (pods(healthy=8, unknown=1, settling=1), 80.0, 90.0, "unsettled"),
        (pods(healthy=9, unhealthy=1, done=10), 90.0, 50.0, "passed"),
        (pods(settling=3), 0.0, 100.0, "unsettled"),
        (pods(done=3), None, 0.0, "empty"),
        (pods(), None, None, "empty"),
    ],
)
def test_ninety_percent(world: World, strict: float | None, literal: float | None, verdict: str) -> None:
    health = tally(world)

    assert (health.strict, health.literal, health.verdict(90)) == (strict, literal, verdict)


def test_a_pod_has_as_long_as_it_is_given() -> None:
    slow = m.pod("slow", m.container(m.running(400)), age=410, since=400)

    assert tally(World.of([slow], now=m.NOW)).settling == 0
    assert tally(World.of([slow], now=m.NOW), settle=600).settling == 1


def test_only_the_namespaces_that_are_named_count() -> None:
    here, there = m.pod("here", ready=True), m.pod("there", ready=True, meta={"namespace": "other"})
    there["metadata"]["namespace"] = "other"
    claims = [
        m.thing("v1", "PersistentVolumeClaim", name, namespace=space, spec={}, status={"phase": "Bound"})
        for name, space in (("a", "data"), ("b", "other"))
    ]

    health = tally(World.of([here, there, *claims], now=m.NOW), namespaces=["data"])

    assert (health.pods, health.storage.claims) == (1, 1)


def test_a_stand_in_is_counted_and_explained() -> None:
    odd = shaped({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "odd", "namespace": "data"}, "spec": 5})

    health = tally(World.of(shaped_objects=[odd], now=m.NOW))

    assert MISSHAPEN in odd
    assert (health.unknown, health.explain[0].name, health.explain[0].reason) == (1, "odd", "Malformed")


# -- what has fewer ready pods than desired, and what is stored


def workload(kind: str, name: str, desired: int, ready: int, **status: int) -> m.Object:
    """A controller with so many ready pods."""
    told = {"replicas": ready, "readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": ready, **status}
    return m.thing("apps/v1", kind, name, spec={"replicas": desired}, status=told)


def test_workloads_with_fewer_ready_pods_than_desired_are_listed_and_so_is_one_scaled_to_0() -> None:
    agents = m.thing("apps/v1", "DaemonSet", "agents", spec={}, status={"desiredNumberScheduled": 3, "numberReady": 2})
    objects = [
        workload("Deployment", "right", 2, 2),
        workload("Deployment", "short", 2, 1),
        workload("StatefulSet", "asleep", 0, 0),
        agents,
    ]

    health = tally(World.of(objects, now=m.NOW))

    assert [(w.kind, w.name, w.ready, w.desired, w.reason) for w in health.below] == [
        ("Deployment", "short", 1, 2, "Unavailable"),
        ("StatefulSet", "asleep", 0, 0, "ScaledToZero"),
        ("DaemonSet", "agents", 2, 3, "Unavailable"),
    ]


def pods_of(owner: m.Object, ready: int, broken: int = 0) -> list[m.Object]:
    """Pods that an operator owns itself."""
    serving = [m.pod(f"serving-{n}", ready=True, owner=owner) for n in range(ready)]
    return serving + [crashing(owner=owner, meta={"name": f"broken-{n}"}) for n in range(broken)]


POD_SET = m.thing(
    "core.strimzi.io/v1", "StrimziPodSet", "kafka", spec={"pods": [{}, {}]}, status={"readyPods": 2, "currentPods": 2}
)
POSTGRES = m.thing(
    "postgresql.cnpg.io/v1",
    "Cluster",
    "pg",
    spec={"instances": 2},
    status={"phase": "Cluster in healthy state", "readyInstances": 2, "conditions": m.conditions(Ready="True")},
)
RAY = m.thing(
    "ray.io/v1",
    "RayCluster",
    "ray",
    spec={},
    status={
        "desiredWorkerReplicas": 1,
        "readyWorkerReplicas": 1,
        "conditions": m.conditions(HeadPodReady="True", RayClusterProvisioned="True"),
    },
)
CLONES = m.thing(
    "apps.kruise.io/v1alpha1",
    "CloneSet",
    "web",
    spec={"replicas": 2},
    status={"conditions": m.conditions(Ready="True")},
)


@pytest.mark.parametrize("owner", [POD_SET, POSTGRES, RAY, CLONES], ids=lambda one: one["kind"])
@pytest.mark.parametrize(
    ("ready", "broken", "below"),
    [(2, 0, []), (1, 0, [(1, 2, "PodsMissing")]), (1, 1, [(1, 2, "CrashLoop")])],
    ids=["all there", "one missing", "one crashing"],
)
def test_what_an_operator_owns_itself_counts(
    owner: m.Object, ready: int, broken: int, below: list[tuple[int, int, str]]
) -> None:
    health = tally(World.of([owner, *pods_of(owner, ready, broken)], now=m.NOW))

    found = [(w.kind, w.name, w.ready, w.desired, w.reason) for w in health.below]
    assert found == [(owner["kind"], owner["metadata"]["name"], *one) for one in below]


def test_an_owner_that_says_it_is_not_ready_is_short_though_its_pods_are() -> None:
    status = {**POSTGRES["status"], "phase": "Failing over", "readyInstances": 2}
    owner = {**POSTGRES, "status": status}

    health = tally(World.of([owner, *pods_of(owner, 2)], now=m.NOW))

    assert [(w.kind, w.ready, w.desired, w.reason) for w in health.below] == [("Cluster", 2, 2, "FailingOver")]


def test_a_ray_cluster_whose_status_is_of_an_older_generation_is_what_its_counts_say() -> None:
    changed = {**RAY["metadata"], "generation": 2}

    old = {**RAY["status"], "observedGeneration": 1}

    def told(status: m.Object) -> tuple[State, str]:
        found = judge.verdict(World.of([], now=m.NOW), {**RAY, "metadata": changed, "status": status})
        assert found is not None
        return found.state, found.reason

    assert told(old) == (READY, "")
    assert told({**old, "readyWorkerReplicas": 0}) == (PROGRESSING, "WorkersNotReady")


def test_an_owner_of_replica_sets_counts_as_a_deployment_does() -> None:
    rollout = m.thing("argoproj.io/v1alpha1", "Rollout", "web", spec={"replicas": 2}, status={"phase": "Healthy"})
    between = m.thing("apps/v1", "ReplicaSet", "web-1", spec={"replicas": 2}, status={}, owner=rollout)

    right = tally(World.of([rollout, between, *pods_of(between, 2)], now=m.NOW))
    short = tally(World.of([rollout, between, *pods_of(between, 1)], now=m.NOW))

    assert right.below == ()
    assert [(w.kind, w.ready, w.desired) for w in short.below] == [("Rollout", 1, 2)]


def test_an_owner_that_nobody_showed_counts_with_its_pods() -> None:
    health = tally(World.of(pods_of(POD_SET, 1, 1), now=m.NOW))

    assert [(w.kind, w.name, w.ready, w.desired, w.reason) for w in health.below] == [
        ("StrimziPodSet", "kafka", 1, 2, "CrashLoop")
    ]


def test_pods_of_a_batch_kind_end_and_are_short_of_nothing() -> None:
    workflow = m.thing("argoproj.io/v1alpha1", "Workflow", "w", spec={}, status={"phase": "Running"})

    assert tally(World.of([workflow, *pods_of(workflow, 1, 1)], now=m.NOW)).below == ()


def test_claims_are_counted_with_their_sizes() -> None:
    asked = {"resources": {"requests": {"storage": "1Gi"}}}
    bound = m.thing(
        "v1",
        "PersistentVolumeClaim",
        "bound",
        spec=asked,
        status={"phase": "Bound", "capacity": {"storage": "2Gi"}},
    )
    pending = m.thing("v1", "PersistentVolumeClaim", "pending", spec=asked, status={"phase": "Pending"})

    storage = tally(World.of([bound, pending], now=m.NOW)).storage

    assert (storage.claims, storage.bound) == (2, 1)
    assert (storage.requested_bytes, storage.bound_bytes) == (2 << 30, 2 << 30)


def job(*names: str) -> m.Object:
    """A Job whose pods have these containers."""
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": name} for name in names]}}
    return m.thing("batch/v1", "Job", "load", spec={"template": template}, status={"active": 1})


def of_job(owner: m.Object, *statuses: m.Object, policy: str = "Never") -> m.Row:
    """What is said of a Job's pod with these containers."""
    spec = {"restartPolicy": policy, "containers": [{"name": one["name"]} for one in statuses]}
    return m.row(m.pod("p", *statuses, spec=spec, owner=owner), owner)


RUNS = m.container(m.running(), name="proxy", ready=True)
DONE = m.container(m.ended(0, "Completed", since=4000))
BROKEN = m.container(m.ended(1, since=4000, message="no such table"))


def test_what_is_never_started_again_has_failed_while_a_sidecar_runs() -> None:
    row = of_job(job("app"), BROKEN, RUNS)

    assert (row.state.value, row.reason, row.container) == ("failed", "NeverRestarted", "app")
    assert "exit code 1 (Error): no such table; proxy still runs" in row.message
    assert "--previous" not in row.hint


def test_an_init_container_that_is_never_started_again_has_failed() -> None:
    native = {"name": "proxy", "restartPolicy": "Always"}
    spec = {"restartPolicy": "Never", "initContainers": [native, {"name": "migrate"}], "containers": [{"name": "app"}]}
    failed = m.container(m.ended(2, since=400), name="migrate")

    row = m.row(m.pod("p", m.container(m.waiting("PodInitializing")), init=[RUNS, failed], spec=spec, phase="Pending"))

    assert (row.state.value, row.reason, row.container) == ("failed", "NeverRestarted", "migrate")
    assert "--previous" not in row.hint


def test_a_container_may_have_a_policy_of_its_own() -> None:
    spec = {"restartPolicy": "Always", "containers": [{"name": "app", "restartPolicy": "Never"}, {"name": "proxy"}]}

    row = m.row(m.pod("p", BROKEN, RUNS, spec=spec))

    assert (row.state.value, row.reason) == ("failed", "NeverRestarted")


def test_what_is_started_again_is_in_a_crash_loop() -> None:
    row = of_job(job("app"), BROKEN, RUNS, policy="OnFailure")

    assert (row.state.value, row.reason) == ("progressing", "CrashLoop")


@pytest.mark.parametrize("policy", ["Never", "OnFailure"])
def test_what_was_added_to_a_pod_holds_it(policy: str) -> None:
    row = of_job(job("app"), DONE, RUNS, policy=policy)

    assert (row.state.value, row.reason) == ("failed", "HeldBySidecar")
    assert "proxy, which the Job does not name, runs on" in row.message


@pytest.mark.parametrize(
    ("owner", "statuses"),
    [
        (job("app", "proxy"), [DONE, RUNS]),
        (job("app", "other"), [DONE, m.container(m.running(), name="other", ready=True), RUNS]),
        (job("app"), [m.container(m.running(), ready=True), RUNS]),
        (m.thing("argoproj.io/v1alpha1", "Workflow", "w", spec={}, status={"phase": "Running"}), [DONE, RUNS]),
    ],
    ids=["the Job's own runs", "another of the Job's runs", "nothing has ended", "nobody knows what was added"],
)
def test_what_still_works_is_not_held(owner: m.Object, statuses: list[m.Object]) -> None:
    row = of_job(owner, *statuses)

    assert row.state.value == "progressing"
    assert row.reason != "HeldBySidecar"


@pytest.mark.parametrize(
    ("serves", "kind", "state"),
    [("True", "worker", "unknown"), ("False", "worker", "failed"), ("True", "head", "failed")],
)
def test_nobody_can_tell_of_an_unready_worker_where_its_service_serves(serves: str, kind: str, state: str) -> None:
    service = m.thing("ray.io/v1", "RayService", "s", spec={}, status={"conditions": m.conditions(Ready=serves)})
    cluster = m.thing("ray.io/v1", "RayCluster", "c", spec={}, status={}, owner=service)
    told = m.container(m.running(), started=True)
    pod = m.pod(
        "p", told, owner=cluster, meta={"labels": {"ray.io/node-type": kind}}, containers={"readinessProbe": {}}
    )

    row = m.row(
        pod,
        cluster,
        service,
        m.event(pod, "Unhealthy", "Readiness probe failed: success", first=3000, path="spec.containers{app}"),
    )

    assert row.state.value == state
    assert row.reason == ("Spare" if state == "unknown" else "ReadinessProbe")
