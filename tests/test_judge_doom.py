"""The table of doom: each fact is named at once, given up when its grace is over, and says where its root lies."""

from __future__ import annotations

from collections.abc import Callable

import manifests as m
import pytest

from gonogo.cluster.judge import State
from gonogo.cluster.judge.doom import AT_ONCE, RULES, deleted

Scene = list[m.Object]
"""Objects; the row of the first is looked at."""


def waits(word: str, text: str = "") -> Callable[[float], Scene]:
    """A pod whose container has waited so long for that reason."""
    return lambda age: [m.pod("p", m.container(m.waiting(word, text)), phase="Pending", age=age, since=age)]


def crashes(code: int, word: str = "Error", text: str = "") -> Callable[[float], Scene]:
    """A pod whose container has ended five times."""

    def scene(age: float) -> Scene:
        last = m.ended(code, word, message=text)
        return [m.pod("p", m.container(m.waiting("CrashLoopBackOff"), restarts=4, last=last), age=age, since=age)]

    return scene


def probed(words: str, *, restarts: int = 0) -> Callable[[float], Scene]:
    """A pod whose container has run so long and fails a probe."""

    def scene(age: float) -> Scene:
        started = not words.startswith("Startup")
        last = m.ended(137, since=age + 1, lasted=1000) if restarts else None
        status = m.container(m.running(age), started=started, restarts=restarts, last=last)
        obj = m.pod("p", status, age=age, since=age, containers={"startupProbe": {"failureThreshold": 1}})
        return [obj, m.event(obj, "Unhealthy", words, path="spec.containers{app}")]

    return scene


def unscheduled(text: str, *others: m.Object, **fields: object) -> Callable[[float], Scene]:
    """A pod that no node takes."""

    def scene(age: float) -> Scene:
        told = ("False", "Unschedulable", f"0/1 nodes are available: {text}. preemption: none.")
        return [m.pod("p", phase="Pending", scheduled=told, age=age, since=age, **fields), *others]

    return scene


def mounts(reason: str, text: str) -> Callable[[float], Scene]:
    """A pod whose node complains."""

    def scene(age: float) -> Scene:
        obj = m.pod("p", m.container(m.waiting("ContainerCreating")), phase="Pending", age=age, since=age)
        return [obj, m.event(obj, reason, text, first=age, last=1)]

    return scene


def claim(text: str = "", *, name: str | None = "fast", others: tuple[m.Object, ...] = ()) -> Callable[[float], Scene]:
    """A claim that is not bound."""

    def scene(age: float) -> Scene:
        spec = {} if name is None else {"storageClassName": name}
        obj = m.thing("v1", "PersistentVolumeClaim", "c", age=age, spec=spec, status={"phase": "Pending"})
        return [obj, *others, *([m.event(obj, "ProvisioningFailed", text, first=age)] if text else [])]

    return scene


def refused(text: str, kind: str = "StatefulSet") -> Callable[[float], Scene]:
    """A controller whose pods are refused, which an event tells."""

    def scene(age: float) -> Scene:
        obj = m.thing("apps/v1", kind, "db", age=age, spec={"replicas": 1}, status={})
        return [obj, m.event(obj, "FailedCreate", f"create Pod db-0 in {kind} db failed error: {text}", first=age)]

    return scene


def ended(reason: str, **fields: object) -> Callable[[float], Scene]:
    """A pod of phase Failed."""
    status = {"reason": reason, "message": "why"}
    return lambda age: [m.pod("p", phase="Failed", age=age, since=age, status=status, **fields)]


def conditioned(
    api: str,
    kind: str,
    fields: dict[str, object] | None = None,
    namespace: str = "data",
    **states: tuple[str, str, str],
) -> Callable[[float], Scene]:
    """An object whose conditions have stood so long."""

    def scene(age: float) -> Scene:
        told = {**(fields or {}), "status": {"conditions": m.conditions(age, **states)}}
        return [m.thing(api, kind, "x", namespace=namespace, **told)]

    return scene


def service(spec: dict[str, object], *others: m.Object) -> Callable[[float], Scene]:
    """A Service of so long."""
    return lambda age: [m.thing("v1", "Service", "s", age=age, spec=spec, status={}), *others]


def ingress(spec: dict[str, object]) -> Callable[[float], Scene]:
    """An Ingress of so long."""
    return lambda age: [m.thing("networking.k8s.io/v1", "Ingress", "i", age=age, spec=spec, status={})]


def webhook(config: dict[str, object], *others: m.Object) -> Callable[[float], Scene]:
    """A webhook configuration of so long."""
    hook = {"name": "guard.example.org", "clientConfig": config}
    api = "admissionregistration.k8s.io/v1"
    return lambda age: [
        m.thing(api, "ValidatingWebhookConfiguration", "g", namespace="", age=age, webhooks=[hook]),
        *others,
    ]


def balancer(age: float) -> Scene:
    """A load balancer that its controller cannot make."""
    obj = m.thing("v1", "Service", "s", spec={"type": "LoadBalancer"}, status={})
    return [obj, m.event(obj, "SyncLoadBalancerFailed", "Error syncing load balancer: no quota", first=age)]


def schedule(age: float) -> Scene:
    """A CronJob whose schedule cannot be read."""
    obj = m.thing("batch/v1", "CronJob", "c", age=age, spec={"schedule": "x"}, status={})
    return [obj, m.event(obj, "UnparseableSchedule", "unparseable schedule: x", first=age)]


def gated(age: float) -> Scene:
    """A pod whose readiness gate is closed."""
    gate = {"readinessGates": [{"conditionType": "shop/ready"}]}
    obj = m.pod("p", m.container(m.running(age), ready=True), age=age, since=age, spec=gate)
    obj["status"]["conditions"] += m.conditions(age, ContainersReady="True")
    return [obj]


def hooked(age: float) -> Scene:
    """A pod whose container is killed each time since its hook after the start fails."""
    obj, *_ = crashes(137)(age)
    return [obj, m.event(obj, "FailedPostStartHook", "PostStartHook failed: command 'false' exited with 1")]


def late(age: float) -> Scene:
    """A Deployment beyond its deadline."""
    told = m.conditions(age, Progressing=("False", "ProgressDeadlineExceeded", "has timed out progressing"))
    return [m.thing("apps/v1", "Deployment", "d", spec={"replicas": 1}, status={"replicas": 1, "conditions": told})]


def budget(age: float) -> Scene:
    """A disruption budget that its controller cannot work out."""
    told = m.conditions(age, DisruptionAllowed=("False", "SyncFailed", "found no controller ref"))
    return [m.thing("policy/v1", "PodDisruptionBudget", "b", status={"conditions": told})]


def terminating(kind: str, api: str, **fields: object) -> Callable[[float], Scene]:
    """An object that should have been gone so long."""
    space = "" if kind == "Namespace" else "data"
    return lambda age: [m.thing(api, kind, "x", namespace=space, meta={"deletionTimestamp": m.ago(age)}, **fields)]


def untouched(age: float) -> Scene:
    """A custom resource that its operator has never touched, or whose definition is gone."""
    return [m.thing("kafka.strimzi.io/v1", "Kafka", "k", age=age, spec={})]


def complained(**fields: object) -> Callable[[float], Scene]:
    """A custom resource that its operator complains of, and has made nothing of."""

    def scene(age: float) -> Scene:
        obj = m.thing("kafka.strimzi.io/v1", "Kafka", "k", age=age, spec={}, **fields)
        return [obj, m.event(obj, "InvalidSpec", "no listeners", first=age)]

    return scene


FAST = m.thing(
    "storage.k8s.io/v1", "StorageClass", "fast", namespace="", provisioner="p", volumeBindingMode="Immediate"
)
NO_ENDPOINT = m.thing("v1", "Service", "hook", spec={"selector": {"app": "hook"}}, status={})
A_POD = m.pod("hook-1", ready=True, meta={"labels": {"app": "hook"}}, containers={"ports": [{"name": "web"}]})
HOOK = {"service": {"namespace": "data", "name": "hook"}}
FAILED_JOB = ("True", "BackoffLimitExceeded", "Job has reached the specified backoff limit")


def for_good(age: float) -> Scene:
    """Of a pod that is never started again one container has failed, another runs on."""
    spec = {"restartPolicy": "Never", "containers": [{"name": "app"}, {"name": "proxy"}]}
    return [
        m.pod("p", m.container(m.ended(3, since=age)), m.container(m.running(), name="proxy", ready=True), spec=spec)
    ]


def held(age: float) -> Scene:
    """A Job's own container is done, one that was added to the pod runs on."""
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "app"}]}}
    job = m.thing("batch/v1", "Job", "load", spec={"template": template}, status={"active": 1})
    done = m.container(m.ended(0, "Completed", since=age))
    spec = {"restartPolicy": "Never", "containers": [{"name": "app"}, {"name": "proxy"}]}
    return [m.pod("p", done, m.container(m.running(), name="proxy", ready=True), spec=spec, owner=job), job]


SCENES: dict[str, Callable[[float], Scene]] = {
    "ImageNotFound": waits("ErrImagePull", 'failed to resolve reference "shop/app:1.0": shop/app:1.0: not found'),
    "ImageRefused": waits("ErrImagePull", "pull access denied, repository does not exist or may require authorization"),
    "ImageNameInvalid": waits("InvalidImageName", "couldn't parse image name: invalid reference format"),
    "ImageNeverPulled": waits("ErrImageNeverPull", "Container image is not present with pull policy of Never"),
    "ImageUnreachable": waits("ErrImagePull", "dial tcp: lookup registry.example.org: no such host"),
    "ImagePullFailed": waits("ErrImagePull", "the runtime was in a mood"),
    "CrashLoop": crashes(1),
    "OOMKilled": crashes(137, "OOMKilled"),
    "CommandNotFound": crashes(128, "StartError", 'exec: "serve": executable file not found in $PATH: unknown'),
    "ContainerFailed": lambda age: [m.pod("p", m.container(m.ended(3)), phase="Failed", age=age)],
    "NeverRestarted": for_good,
    "HeldBySidecar": held,
    "SecretMissing": waits("CreateContainerConfigError", 'secret "login" not found'),
    "ConfigMapMissing": waits("CreateContainerConfigError", 'configmap "settings" not found'),
    "KeyMissing": waits("CreateContainerConfigError", "couldn't find key password in Secret data/login"),
    "RunsAsRoot": waits("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
    "ContainerConfigInvalid": waits("CreateContainerConfigError", "invalid something"),
    "ContainerNotCreated": waits("CreateContainerError", 'the container name "x" is already in use'),
    "HookFailed": hooked,
    "StartupProbe": probed("Startup probe failed: HTTP probe failed with statuscode: 503", restarts=1),
    "LivenessProbe": probed("Liveness probe failed: Get: context deadline exceeded", restarts=4),
    "ReadinessProbe": probed("Readiness probe failed: HTTP probe failed with statuscode: 503"),
    "ReadinessGate": gated,
    "Unschedulable": unscheduled("1 Insufficient cpu"),
    "HostPortTaken": unscheduled("1 node(s) didn't have free ports for the requested pod ports"),
    "VolumeElsewhere": unscheduled("1 node(s) had volume node affinity conflict"),
    "ClaimMissing": lambda age: [
        m.pod(
            "p",
            phase="Pending",
            age=age,
            since=age,
            scheduled=("False", "Unschedulable", 'persistentvolumeclaim "files" not found'),
        )
    ],
    "ClaimPending": claim(name="unknown"),
    "ClaimLost": lambda age: [m.thing("v1", "PersistentVolumeClaim", "c", age=age, spec={}, status={"phase": "Lost"})],
    "StorageClassMissing": claim('storageclass.storage.k8s.io "fast" not found'),
    "NoStorageClass": claim("no persistent volumes available for this claim and no storage class is set", name=None),
    "NoCapacity": claim("rpc error: code = ResourceExhausted desc = not enough free space"),
    "AccessModeRefused": claim("NodePath only supports ReadWriteOnce access modes"),
    "NoVolume": claim("no persistent volumes available for this claim and no storage class is set", name=""),
    "ProvisioningFailed": claim("rpc error: code = Internal desc = back end is down", others=(FAST,)),
    "ProvisionerSilent": claim(others=(FAST,)),
    "MountFailed": mounts("FailedMount", 'MountVolume.SetUp failed for volume "v": exit status 32'),
    "AttachFailed": mounts("FailedAttachVolume", 'Multi-Attach error for volume "v"'),
    "SandboxFailed": mounts("FailedCreatePodSandBox", "cni plugin not initialized"),
    "RuntimeClassMissing": mounts("FailedCreatePodSandBox", 'no runtime for "gvisor" is configured'),
    "PriorityClassMissing": refused('pods "db-0" is forbidden: no PriorityClass with name high was found'),
    "QuotaExceeded": refused('pods "db-0" is forbidden: exceeded quota: small, requested: pods=1, limited: pods=0'),
    "QuotaNeedsLimits": refused('pods "db-0" is forbidden: failed quota: small: must specify limits.cpu for: app'),
    "LimitRangeExceeded": refused('pods "db-0" is forbidden: maximum cpu usage per Container is 1, but limit is 2'),
    "PodSecurityRefused": refused('pods "db-0" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot'),
    "ServiceAccountMissing": refused(
        'pods "db-0" is forbidden: error looking up service account data/db: serviceaccount "db" not found'
    ),
    "WebhookDown": refused(
        'Internal error occurred: failed calling webhook "g.example.org": failed to call webhook: '
        'Post "https://hook.data.svc:443/check": no endpoints available for service "hook"'
    ),
    "AdmissionRefused": refused('admission webhook "g.example.org" denied the request: no owner label'),
    "NamespaceTerminating": refused(
        'pods "db-0" is forbidden: unable to create new content because it is being terminated'
    ),
    "Invalid": refused('Pod "db-0" is invalid: spec.containers[0].image: Required value'),
    "CreateFailed": refused("etcdserver: request timed out"),
    "Evicted": ended("Evicted"),
    "PodFailed": ended(""),
    "NodeNotReady": lambda age: [m.node(ready="Unknown", since=age)],
    "NodePressure": lambda age: [
        {**m.node(), "status": {"conditions": m.conditions(Ready="True") + m.conditions(age, DiskPressure="True")}}
    ],
    "TerminatingStuck": terminating("Pod", "v1"),
    "ProgressDeadlineExceeded": late,
    "BackoffLimitExceeded": conditioned("batch/v1", "Job", Failed=FAILED_JOB),
    "DeadlineExceeded": conditioned("batch/v1", "Job", Failed=("True", "DeadlineExceeded", "active too long")),
    "JobFailed": conditioned("batch/v1", "Job", Failed=("True", "", "for no reason")),
    "ScheduleInvalid": schedule,
    "SelectorMatchesNothing": service({"selector": {"app": "shop"}}, A_POD),
    "TargetPortMissing": service({"selector": {"app": "hook"}, "ports": [{"port": 80, "targetPort": "http"}]}, A_POD),
    "LoadBalancerFailed": balancer,
    "BackendMissing": ingress({"defaultBackend": {"service": {"name": "gone"}}}),
    "IngressClassMissing": ingress({"ingressClassName": "gone"}),
    "WebhookUnready": webhook(HOOK, NO_ENDPOINT),
    "CABundleMissing": webhook(HOOK, NO_ENDPOINT, A_POD),
    "NamesTaken": conditioned(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        NamesAccepted=("False", "PluralConflict", "things is taken"),
    ),
    "APIUnavailable": conditioned(
        "apiregistration.k8s.io/v1", "APIService", Available=("False", "MissingEndpoints", "no endpoints")
    ),
    "NamespaceStuck": terminating("Namespace", "v1", spec={"finalizers": ["kubernetes"]}),
    "MetricsMissing": conditioned(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        AbleToScale=("True", "", ""),
        ScalingActive=("False", "FailedGetResourceMetric", "no metrics known"),
    ),
    "TargetMissing": conditioned(
        "autoscaling/v2", "HorizontalPodAutoscaler", AbleToScale=("False", "FailedGetScale", "not found")
    ),
    "BudgetUnsound": budget,
    "DefinitionMissing": untouched,
    "OperatorSilent": untouched,
    "OperatorRefuses": complained(),
    "OperatorWaits": complained(status={"conditions": [{"type": "Ready", "status": "Unknown"}]}),
}

OWN_WORD = {
    "PodFailed": "PodFailed",
    "JobFailed": "JobFailed",
    "NodePressure": "DiskPressure",
    "TerminatingStuck": "TerminatingStuck",
}
"""What the row says where the object's own word is closer than the table's."""

ALL = [
    "Pod",
    "Service",
    "IngressClass",
    "EndpointSlice",
    "CustomResourceDefinition",
]
"""What is known wholly: only then is it a fact that something is not there."""


def looked_at(reason: str, age: float) -> m.Row:
    """The row of a scene whose fact has stood so long."""
    scene = SCENES[reason](age)
    known = [kind for kind in ALL if kind != "CustomResourceDefinition" or reason == "DefinitionMissing"]
    known = [kind for kind in known if kind != "EndpointSlice" or reason == "WebhookUnready"]
    return m.row(*scene, complete=known)


def test_every_rule_has_a_scene() -> None:
    assert set(SCENES) == set(RULES)


@pytest.mark.parametrize("reason", RULES)
def test_given_up_when_its_grace_is_over(reason: str) -> None:
    grace = RULES[reason].grace
    assert grace is not None

    row = looked_at(reason, grace + 1)

    assert (row.state, row.reason) == (State.FAILED, OWN_WORD.get(reason, reason))
    assert row.message
    assert "(given up" not in row.message
    assert row.hint.startswith(RULES[reason].hint)


@pytest.mark.parametrize("reason", [reason for reason, rule in RULES.items() if rule.grace])
def test_named_before_and_not_given_up(reason: str) -> None:
    row = looked_at(reason, 1)

    assert row.state is State.PROGRESSING
    assert row.reason in (reason, OWN_WORD.get(reason), "Terminating")
    assert row.message.endswith(f"(given up after {RULES[reason].grace:.0f} s)")


@pytest.mark.parametrize("reason", [reason for reason, rule in RULES.items() if rule.grace == AT_ONCE])
def test_what_only_a_person_can_change_is_given_up_at_once(reason: str) -> None:
    assert looked_at(reason, 0.5).state is State.FAILED


# -- where the root lies


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("ImageNotFound", "Pod data/p, container app"),
        ("CrashLoop", "Pod data/p, container app"),
        ("SecretMissing", "Secret data/login"),
        ("ConfigMapMissing", "ConfigMap data/settings"),
        ("KeyMissing", "Secret data/login, key password"),
        ("ClaimMissing", "PersistentVolumeClaim data/files"),
        ("QuotaExceeded", "ResourceQuota data/small"),
        ("ServiceAccountMissing", "ServiceAccount data/db"),
        ("PriorityClassMissing", "PriorityClass high"),
        ("WebhookDown", "Service data/hook"),
        ("PodSecurityRefused", "Namespace data"),
        ("WebhookUnready", "Service data/hook"),
        ("BackendMissing", "Service data/gone"),
        ("Unschedulable", ""),
        ("AdmissionRefused", ""),
    ],
)
def test_the_cause_is_the_object_where_the_root_lies(reason: str, cause: str) -> None:
    assert looked_at(reason, 3600).cause == cause


# -- claims


@pytest.mark.parametrize(("phase", "reason"), [("Bound", "Pending"), ("Pending", "ClaimPending")])
def test_a_claim_that_is_there_by_now_is_not_missing_whatever_the_scheduler_said(phase: str, reason: str) -> None:
    text = '0/1 nodes are available: persistentvolumeclaim "files" not found. not found'
    pod = m.pod("p", phase="Pending", age=20, since=20, scheduled=("False", "Unschedulable", text))
    claim = m.thing("v1", "PersistentVolumeClaim", "files", age=20, spec={}, status={"phase": phase})
    pod["spec"]["volumes"] = [{"name": "files", "persistentVolumeClaim": {"claimName": "files"}}]

    row = m.row(pod, claim)

    assert (row.state, row.reason) == (State.PROGRESSING, reason)


# -- images


def test_what_the_registry_said_first_is_remembered_by_its_event() -> None:
    obj = m.pod("p", m.container(m.waiting("ImagePullBackOff", 'Back-off pulling image "shop/app:1.0"')), age=90)
    told = m.event(obj, "Failed", 'Failed to pull image "shop/app:1.0": rpc error: code = NotFound desc = not found')
    back = m.event(obj, "Failed", "Error: ImagePullBackOff", first=20, last=1)

    assert m.row(obj).reason == "ImagePullFailed"
    assert m.row(obj, told, back).reason == "ImageNotFound"


def test_the_image_s_own_name_is_no_answer() -> None:
    text = "shop/dial-tcp-timeout-denied:1.0: not found"
    obj = m.pod(
        "p",
        m.container(m.waiting("ErrImagePull", text)),
        age=1,
        containers={"image": "shop/dial-tcp-timeout-denied:1.0"},
    )

    assert m.row(obj).reason == "ImageNotFound"


HUB = "docker" + ".io"


@pytest.mark.parametrize(
    ("image", "word"),
    [
        ("bitnami/postgres:16", "bitnamilegacy/"),
        (f"{HUB}/bitnami/postgres:16.1", "bitnamilegacy/"),
        (f"index.{HUB}/bitnami/postgres:16.1@sha256:0", "bitnamilegacy/"),
        ("minio/minio:RELEASE.2025", "mirror"),
        (f"{HUB}/minio/minio", "mirror"),
        ("bitnami/postgres:latest", ""),
        ("bitnami/postgres", ""),
        ("registry.example.org/bitnami/postgres:16", ""),
        ("minio/mc:1", ""),
        ("shop/app:1", ""),
    ],
)
def test_images_of_deleted_catalogues_are_known(image: str, word: str) -> None:
    assert bool(deleted(image)) == bool(word)
    assert word in deleted(image)


# -- crash loops


def crash(code: int = 1, **fields: object) -> m.Object:
    """A pod in a crash loop."""
    last = m.ended(code)
    return m.pod("p", m.container(m.waiting("CrashLoopBackOff"), restarts=4, last=last), age=120, since=120, **fields)


def test_a_crash_loop_tells_code_count_and_last_lines() -> None:
    log = "\n".join(["first", "second", "FATAL: no database", "bye", "really"])

    row = m.row(crash(), logs={("data", "p", "app"): log})

    assert "exit code 1 (Error), 5 times" in row.message
    assert "last lines: FATAL: no database / bye / really" in row.message
    assert row.hint.endswith("kubectl -n data logs p -c app --previous")


def test_a_crash_loop_waits_for_the_service_that_it_names() -> None:
    needs = {"env": [{"name": "DB", "value": "tcp://db.stores.svc.cluster.local:5432/x"}]}
    obj = crash(containers=needs)
    service = m.thing("v1", "Service", "db", namespace="stores", spec={"selector": {"app": "db"}}, status={})
    ready = m.pod("db-0", ready=True, meta={"labels": {"app": "db"}})
    ready["metadata"]["namespace"] = "stores"

    waiting = m.row(obj, service, complete=["Pod", "EndpointSlice/other"])
    serving = m.row(obj, service, ready, complete=["Pod"])

    assert (waiting.state, waiting.cause) == (State.PROGRESSING, "Service stores/db")
    assert "Service stores/db, which it names, has no ready endpoint" in waiting.message
    assert (serving.state, serving.cause) == (State.FAILED, "Pod data/p, container app")


def test_a_crash_loop_is_not_excused_by_its_own_service_nor_for_ever() -> None:
    own = crash(containers={"args": ["--advertise=me:80"]}, meta={"labels": {"app": "me"}})
    service = m.thing("v1", "Service", "me", spec={"selector": {"app": "me"}}, status={})
    late = m.pod(
        "q",
        m.container(m.waiting("CrashLoopBackOff"), restarts=20, last=m.ended(1)),
        age=4000,
        containers={"args": ["--advertise=me:80"]},
    )

    found = m.rows(own, late, service, complete=["Pod"])

    assert found["Pod/p"].state is State.FAILED
    assert found["Pod/q"].state is State.FAILED


def test_what_it_waits_for_is_named_from_its_first_end_on() -> None:
    last = m.ended(1)
    once = m.pod(
        "p", m.container(m.waiting("CrashLoopBackOff"), last=last), age=9, since=9, containers={"args": ["--db=db:1"]}
    )
    service = m.thing("v1", "Service", "db", spec={"selector": {"app": "db"}}, status={})

    assert m.row(once, service, complete=["Pod"]).cause == "Service data/db"


def test_ends_that_are_not_alike_and_long_runs_are_no_loop() -> None:
    unlike = m.container(m.ended(2), restarts=4, last=m.ended(1, since=60))
    long_run = m.container(m.waiting("CrashLoopBackOff"), restarts=4, last=m.ended(1, lasted=7200))

    assert m.row(m.pod("p", unlike)).state is State.PROGRESSING
    assert m.row(m.pod("p", long_run)).state is State.PROGRESSING


def test_a_liveness_probe_that_kills_is_the_reason_of_the_loop() -> None:
    last = m.ended(137)
    obj = m.pod("p", m.container(m.waiting("CrashLoopBackOff"), restarts=4, last=last))
    told = m.event(obj, "Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500")

    row = m.row(obj, told)

    assert (row.state, row.reason) == (State.FAILED, "LivenessProbe")
    assert "statuscode: 500" in row.message


# -- the scheduler


def test_a_node_that_has_room_is_not_said_to_lack_it() -> None:
    used = m.pod("used", ready=True, containers={"resources": {"requests": {"cpu": "3500m"}}})
    [obj] = unscheduled("2 Insufficient cpu", containers={"resources": {"requests": {"cpu": "2"}}})(60)

    row = m.row(obj, used, m.node("node-1"), m.node("node-2"), complete=["Pod", "Node"])

    assert "Insufficient cpu" in row.message
    assert "lacks" not in row.message  # the scheduler's word is older than what is seen


def test_what_every_node_lacks_is_told() -> None:
    used = m.pod("used", ready=True, containers={"resources": {"requests": {"cpu": "3500m", "memory": "1Gi"}}})
    [obj] = unscheduled(
        "1 Insufficient cpu, 1 Insufficient memory",
        containers={"resources": {"requests": {"cpu": "2", "memory": "12Gi"}}},
    )(60)

    row = m.row(obj, used, m.node(), complete=["Pod", "Node"])

    assert "node-1, which has most, lacks 1.5 cpu: 2 asked for, 0.5 free of 4" in row.message
    assert "lacks 5.0 GiB memory: 12.0 GiB asked for, 7.0 GiB free of 8.0 GiB" in row.message


def test_a_node_that_could_never_hold_it_is_told_without_knowing_the_pods() -> None:
    [obj] = unscheduled("1 Insufficient cpu", containers={"resources": {"limits": {"cpu": "16"}}})(60)

    assert "node-1, the largest, has 4 cpu in all, 16 asked for" in m.row(obj, m.node()).message


def test_taints_and_labels_are_named() -> None:
    tainted = m.node(spec={"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]})
    tainted["metadata"]["labels"] = {"disk": "slow"}
    text = "1 node(s) had untolerated taint {gpu: yes}, 1 node(s) didn't match Pod's node affinity/selector"
    [obj] = unscheduled(text, spec={"nodeSelector": {"disk": "fast"}})(60)

    row = m.row(obj, tainted)

    assert "node-1 has the taint gpu=yes:NoSchedule" in row.message
    assert "no node has the label disk=fast, they have slow" in row.message


def test_a_taint_that_is_tolerated_is_not_blamed() -> None:
    spec = {"taints": [{"key": "a", "effect": "NoSchedule"}, {"key": "b", "value": "x", "effect": "NoSchedule"}]}
    tolerations = [{"key": "a", "operator": "Exists"}]
    [obj] = unscheduled("1 node(s) had untolerated taint {b: x}", spec={"tolerations": tolerations})(60)

    message = m.row(obj, m.node(spec=spec)).message

    assert "has the taint b=x:NoSchedule" in message
    assert "has the taint a" not in message


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([("TriggeredScaleUp", 20)], State.PROGRESSING),
        ([("Nominated", 20)], State.PROGRESSING),
        ([("NotTriggerScaleUp", 20)], State.FAILED),
        ([("TriggeredScaleUp", 50), ("NotTriggerScaleUp", 20)], State.FAILED),
        ([("NotTriggerScaleUp", 50), ("TriggeredScaleUp", 20)], State.PROGRESSING),
        ([("TriggeredScaleUp", 1200)], State.FAILED),
    ],
)
def test_an_autoscaler_that_adds_a_node_is_waited_for(events: list[tuple[str, float]], state: State) -> None:
    [obj] = unscheduled("1 Insufficient cpu")(1500)
    told = [m.event(obj, reason, f"pod {reason}", first=since, last=since) for reason, since in events]

    assert m.row(obj, *told).state is state


def test_what_is_not_given_up_names_no_grace() -> None:
    [obj] = unscheduled("1 Insufficient cpu")(5)

    message = m.row(obj, m.event(obj, "TriggeredScaleUp", "pool 3->4", first=2, last=2)).message

    assert message.endswith("Insufficient cpu; a node is being added: pool 3->4")


def test_a_pod_s_claim_is_what_it_waits_for() -> None:
    volumes = {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]}
    [obj] = unscheduled("pod has unbound immediate PersistentVolumeClaims", spec=volumes)(60)
    pending = m.thing(
        "v1", "PersistentVolumeClaim", "c", spec={"storageClassName": "gone"}, status={"phase": "Pending"}
    )

    row = m.row(obj, pending, complete=["StorageClass"])

    assert (row.state, row.reason, row.cause) == (
        State.FAILED,
        "StorageClassMissing",
        "PersistentVolumeClaim data/c",
    )


# -- what only an event tells


@pytest.mark.parametrize(
    ("text", "reason", "cause"),
    [
        ('MountVolume.SetUp failed for volume "v" : secret "tls" not found', "SecretMissing", "Secret data/tls"),
        ('MountVolume.SetUp failed for volume "v" : configmap "c" not found', "ConfigMapMissing", "ConfigMap data/c"),
        ('volume "v" : references non-existent secret key: ca.pem', "KeyMissing", "Secret data/tls, key ca.pem"),
        ('volume "w" : references non-existent config key: x', "KeyMissing", "ConfigMap data/w, key x"),
    ],
)
def test_a_volume_s_missing_source_is_told_by_an_event(text: str, reason: str, cause: str) -> None:
    obj, told = mounts("FailedMount", text)(60)
    obj["spec"]["volumes"] = [{"name": "v", "projected": {"sources": [{"secret": {"name": "tls"}}]}}]

    row = m.row(obj, told)

    assert (row.state, row.reason, row.cause) == (State.FAILED, reason, cause)
    assert m.row(obj).state is State.PROGRESSING


def test_a_mount_that_failed_before_the_container_ran_says_nothing_now() -> None:
    obj = m.pod("p", m.container(m.running(5)), age=30, since=25)

    assert m.row(obj, m.event(obj, "FailedMount", "exit status 32")).reason == "NotReady"


def test_a_mount_that_failed_until_the_sandbox_was_made_says_nothing_now() -> None:
    obj, told = mounts("FailedMount", "failed to sync configmap cache: timed out waiting for the condition")(90)
    given = m.row(obj, told)
    obj["status"]["conditions"].append({"type": "PodReadyToStartContainers", "status": "True"})

    row = m.row(obj, told)

    assert (given.state, given.reason) == (State.FAILED, "MountFailed")
    assert (row.state, row.reason) == (State.PROGRESSING, "ContainerCreating")


def test_events_about_an_earlier_object_of_the_same_name_are_not_about_this_one() -> None:
    obj = m.pod("p", m.container(m.waiting("ContainerCreating")), phase="Pending", age=90, since=90)
    told = m.event(obj, "FailedMount", 'secret "tls" not found')
    told["involvedObject"]["uid"] = "of-the-earlier-one"

    assert m.row(obj, told).reason == "ContainerCreating"


def test_a_refusal_is_over_when_a_pod_was_made_since() -> None:
    owner, told = refused("exceeded quota: small, requested: pods=1")(600)
    told["lastTimestamp"] = m.ago(300)

    assert m.row(owner, told).state is State.FAILED
    assert m.row(owner, told, m.pod("db-0", phase="Pending", age=10, since=10, owner=owner)).reason != "QuotaExceeded"
