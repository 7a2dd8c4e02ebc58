"""Deployments that cannot come up: each is named for its reason within seconds, and nothing of it needs a second run.

One component is deployed by a chart that lacks something; what it needs of the cluster (a quota, a webhook) is made
beside it. The server never answers, so what is waited for is the chart alone.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from secrets import token_hex
from statistics import median

import pytest
from cluster.charts import charts
from cluster.live import IMAGE, Cluster, Facts
from cluster.standing import ROOT

from gonogo.core.waiting import REAL, until

OUT = Path(__file__).parent / "out"

SOON = 5.0
"""Seconds from when what is wrong can first be read at the API server until it must be named."""

BASE = os.environ.get(IMAGE, "busybox")
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  selector: {matchLabels: {app: LABEL}}
  template:
    metadata: {labels: {app: LABEL}}
    spec:
      terminationGracePeriodSeconds: 0
      PODSPEC
      containers: [{name: app, image: "IMAGE", command: [sh, -c, "COMMAND"], MORE}]
"""
HOOK = """
apiVersion: batch/v1
kind: Job
metadata: {name: before, annotations: {helm.sh/hook: pre-install}}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers: [{name: before, image: "IMAGE", command: [sh, -c, "COMMAND"]}]
"""
CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], storageClassName: "CLASS", resources: {requests: {storage: 1Gi}}}
"""
HELM = """
namespace = "{namespace}"
ready = {within}
[generated]
password = "password"
[[releases]]
name = "app"
chart = "chart"
{more}
[endpoints]
host = "127.0.0.1"
port = "9"
database = "none"
username = "none"
password = {{ secret = "{namespace}/app#password" }}
"""


def deployment(
    image: str = BASE, command: str = "sleep 600", more: str = "", label: str = "app", podspec: str = ""
) -> str:
    """A workload that would come up, but for what is given."""
    found = DEPLOYMENT.replace("IMAGE", image).replace("COMMAND", command).replace("LABEL", label)
    return found.replace(", MORE", f", {more}" if more else "").replace("PODSPEC", podspec)


def hook(image: str = BASE, command: str = "exit 3") -> str:
    """A Job that is run before the rest."""
    return HOOK.replace("IMAGE", image).replace("COMMAND", command)


@dataclass(frozen=True)
class Broken:
    """A chart that cannot come up, and what must be said of it. ``beside`` is made in the namespace before.

    ``fact`` is a kind and when an object of it shows first what is wrong, ``named`` the word that then must be said;
    without it helm is refused, and what it says is said. ``within`` are seconds that the component is given.
    """

    says: tuple[str, ...]
    templates: str = ""
    values: str = "{}"
    chart_values: str = "{secret: ''}"
    schema: str = ""
    beside: str = ""
    part: str = ""
    helm: str = ""
    code: int = 1
    fact: tuple[str, str] = ("", "")
    named: str = ""
    within: int = 60
    labels: dict[str, str] = field(default_factory=dict)


QUOTA = "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: few}\nspec: {hard: {%s}}\n"
RANGE = """
apiVersion: v1
kind: LimitRange
metadata: {name: small}
spec: {limits: [{type: Container, max: {memory: 1Mi}}]}
"""
ENDED = "status.containerStatuses[?state.terminated.exitCode==`{0}` || lastState.terminated.exitCode==`{0}`]"
REFUSED = "ReplicaSet", "status.conditions[?type=='ReplicaFailure' && status=='True']"
NO_IMAGE = "Pod", "status.containerStatuses[?state.waiting.reason=='ErrImagePull']"
UNPLACED = "Pod", "status.conditions[?type=='PodScheduled' && reason=='Unschedulable']"
STRIMZI = "strimzi-cluster-operator"
KAFKA = "apiVersion: kafka.strimzi.io/v1\nkind: Kafka\nmetadata: {name: events}\nspec: {kafka: {listeners: []}}\n"
MEMORY = "resources: {limits: {memory: 32Mi}}"
DEFINITION = (Path(__file__).parent / "definition.yaml").read_text()
WIDGETS = DEFINITION.replace("kafka.strimzi.io", "gonogo.test").replace("Kafka", "Widget").replace("kafka", "widget")
WIDGET = "apiVersion: gonogo.test/v1\nkind: Widget\nmetadata: {name: small}\nspec: {size: 1}\n"
CASES = {
    "a hook fails": Broken(
        ("Job", "before", "exit code 3", "last lines: no table"),
        hook(command="echo no table; exit 3") + "---" + deployment(),
        fact=("Pod", ENDED.format(3)),
        named="exit code 3",
    ),
    "a hook that tries again and again": Broken(
        ("before", "3 tries failed, the limit is 6", "exit code 3", "last lines: no table"),
        hook(command="echo no table; exit 3").replace("backoffLimit: 0", "backoffLimit: 6") + "---" + deployment(),
        fact=("Pod", ENDED.format(3)),
        named="exit code 3",
    ),
    "a hook's image is missing": Broken(
        ("before", "ImageNotFound"),
        hook(image="no/such:1") + "---" + deployment(),
        fact=NO_IMAGE,
        named="ImageNotFound",
    ),
    "an image is missing": Broken(
        ("app", "ImageNotFound"), deployment(image="no/such:1"), fact=NO_IMAGE, named="ImageNotFound"
    ),
    "an image of a subchart is missing": Broken(
        ("inner", "ImageNotFound"), deployment(), part="no/such:2", fact=NO_IMAGE, named="ImageNotFound"
    ),
    "values refused by a schema": Broken(
        ("replicas",),
        deployment(),
        values="{replicas: many}",
        chart_values="{secret: '', replicas: 1}",
        schema='{"properties": {"replicas": {"type": "integer"}}}',
        code=2,
    ),
    "a key that the chart does not declare": Broken(
        ("replicaCount",), deployment(), values="{replicaCount: 3}", code=2
    ),
    "a kind that is not served": Broken(
        ("Cluster", "no.such.group/v1"), "apiVersion: no.such.group/v1\nkind: Cluster\nmetadata: {name: a}\n"
    ),
    "a quota of pods": Broken(
        ("quota", "few"), deployment(), beside=QUOTA % "pods: '0'", fact=REFUSED, named="QuotaExceeded"
    ),
    "a quota of storage": Broken(
        ("quota", "few"),
        CLAIM.replace("CLASS", "standard") + "---" + deployment(),
        beside=QUOTA % "requests.storage: 1Mi",
    ),
    "a limit range": Broken(
        ("memory",),
        deployment(more="resources: {requests: {memory: 64Mi}, limits: {memory: 64Mi}}"),
        beside=RANGE,
        fact=REFUSED,
        named="LimitRangeExceeded",
    ),
    "a node that nobody has": Broken(
        ("Unschedulable",), deployment(podspec="nodeSelector: {no: such}"), fact=UNPLACED, named="Unschedulable"
    ),
    "a class that is not there": Broken(
        ("no-such-class",),
        CLAIM.replace("CLASS", "no-such-class")
        + "---"
        + deployment(
            more="volumeMounts: [{name: data, mountPath: /data}]",
            podspec="volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]",
        ),
        fact=("PersistentVolumeClaim", "status.phase=='Pending'"),
        named="StorageClassMissing",
    ),
    "a Secret that is not there": Broken(
        ("no-such-secret",),
        deployment(more="envFrom: [{secretRef: {name: no-such-secret}}]"),
        fact=("Pod", "status.containerStatuses[?state.waiting.reason=='CreateContainerConfigError']"),
        named="SecretMissing",
    ),
    "a container that ends": Broken(
        ("exit code 7",), deployment(command="exit 7"), fact=("Pod", ENDED.format(7)), named="exit code 7"
    ),
    "a container that takes too much memory": Broken(
        ("OOMKilled", "32Mi"),
        deployment(command="python3 -c 'x = bytearray(256 << 20); print(len(x))'", more=MEMORY),
        fact=("Pod", ENDED.format(137)),
        named="OOMKilled",
    ),
    "an init container that fails": Broken(
        ("init container first", "exit code 9"),
        deployment(podspec=f'initContainers: [{{name: first, image: "{BASE}", command: [sh, -c, exit 9]}}]'),
        fact=("Pod", ENDED.format(9).replace("containerStatuses", "initContainerStatuses")),
        named="exit code 9",
    ),
    "a container that is never ready": Broken(
        ("not ready within", "ReadinessProbe"),
        deployment(more="readinessProbe: {tcpSocket: {port: 9}, periodSeconds: 1}"),
        fact=("Event", "reason=='Unhealthy'"),
        named="ReadinessProbe",
        within=40,
    ),
    "pods that are not restricted": Broken(
        ("PodSecurityRefused", "restricted"),
        deployment(),
        labels={"pod-security.kubernetes.io/enforce": "restricted"},
        fact=REFUSED,
        named="PodSecurityRefused",
    ),
    "a service account that is not there": Broken(
        ("ServiceAccountMissing", "deployer"),
        deployment(podspec="serviceAccountName: deployer"),
        fact=REFUSED,
        named="ServiceAccountMissing",
    ),
    "a priority class that is not there": Broken(
        ("PriorityClassMissing", "no-such-class"),
        deployment(podspec="priorityClassName: no-such-class"),
        fact=REFUSED,
        named="PriorityClassMissing",
    ),
    "an operator that does not run": Broken(
        ("Kafka.kafka.strimzi.io", "OperatorSilent", "strimzi"),
        KAFKA,
        beside=DEFINITION,
        fact=("Kafka", "metadata.uid"),
        named="OperatorSilent",
        within=15,
    ),
    "an operator that is down": Broken(
        ("OperatorSilent", "strimzi-cluster-operator, has no ready pod"),
        KAFKA,
        beside=DEFINITION + "---" + deployment(image="no/such:1").replace("name: app}\n", f"name: {STRIMZI}}}\n", 1),
        fact=("Kafka", "metadata.uid"),
        named="has no ready pod",
        within=15,
    ),
    "an operator that watches other namespaces": Broken(
        ("OperatorSilent", "strimzi-cluster-operator, watches shop alone (STRIMZI_NAMESPACE)"),
        KAFKA,
        beside=DEFINITION
        + "---"
        + deployment(more="env: [{name: STRIMZI_NAMESPACE, value: shop}]").replace(
            "name: app}\n", f"name: {STRIMZI}}}\n", 1
        ),
        fact=("Kafka", "metadata.uid"),
        named="OperatorSilent",
        within=15,
    ),
    "a custom resource that nobody knows": Broken(
        ("Widget.gonogo.test", "OperatorSilent", "nothing tells which operator looks after Widget.gonogo.test"),
        WIDGET,
        beside=WIDGETS,
        fact=("Widget", "metadata.uid"),
        named="OperatorSilent",
        within=15,
    ),
    "a template that cannot be rendered": Broken(("helm",), "{{ .Values.no.such }}", code=2),
    "an object that is not valid": Broken(
        ("helm", "spec"), "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: []}\n"
    ),
    "no chart": Broken(("is no chart",), helm='chart = "nowhere"'),
    "a repository that nobody reaches": Broken(
        ("cannot be fetched",), helm='chart = "oci://127.0.0.1:9/none"\nversion = "1.0.0"'
    ),
}


@pytest.fixture
def space(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test."""
    with cluster.namespace(f"gonogo-test-{token_hex(3)}") as name:
        yield name


def written(folder: Path, case: Broken, namespace: str, kubeconfig: Path, identity: str) -> Path:
    """The target file, with the chart beside it."""
    place = folder / "postgresql"
    for part, templates, image in (
        ("chart", case.templates, ""),
        *((("chart/charts/inner", "", case.part),) if case.part else ()),
    ):
        (place / part / "templates").mkdir(parents=True)
        (place / part / "Chart.yaml").write_text(f"apiVersion: v2\nname: {Path(part).name}\nversion: 1.0.0\n")
        (place / part / "values.yaml").write_text(case.chart_values)
        text = templates or deployment(image=image).replace("{name: app}\nspec", "{name: inner}\nspec")
        (place / part / "templates" / "all.yaml").write_text(text)
    if case.schema:
        (place / "chart" / "values.schema.json").write_text(case.schema)
    (place / "values.yaml").write_text(case.values)
    text = HELM.format(namespace=namespace, within=case.within, more="")
    (place / "helm.toml").write_text(text.replace('chart = "chart"\n', f"{case.helm}\n") if case.helm else text)
    target = folder / "there.toml"
    target.write_text(
        f"""
[target]
name = "broken-{namespace}"
provider = "helm"
modes = ["read", "write"]
capabilities = ["kubernetes"]
[kubernetes]
kubeconfig = {json.dumps(str(kubeconfig))}
identity = "{identity}"
namespaces = ["{namespace}"]
[limits]
ready = {case.within}
[components.postgresql.helm]
folder = "postgresql"
"""
    )
    return target


Said = tuple[int, str, list[tuple[float, str]]]
"""Exit code, what was said, and each line of it with its instant."""


def run(*words: str, said: list[tuple[float, str]] | None = None) -> Said:
    """A verb, whose lines are read as they come."""
    lines = [] if said is None else said
    command = [sys.executable, "-m", "gonogo", *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        ender = threading.Timer(180, process.kill)
        ender.start()
        lines += ((REAL.now(), line) for line in process.stdout)
        ender.cancel()
    return process.returncode, "".join(line for _, line in lines), lines


@pytest.fixture
def up() -> Callable[[Path], tuple[int, str, float]]:
    """Runs `gonogo up postgresql` on a target: exit code, what it said, seconds."""

    def called(target: Path) -> tuple[int, str, float]:
        began = REAL.now()
        code, said, _ = run("up", "postgresql", "--target", str(target))
        return code, said, REAL.now() - began

    return called


@pytest.fixture(scope="module")
def facts(cluster: Cluster) -> Iterator[Facts]:
    """Watches of the test's own."""
    seen = Facts(cluster)
    yield seen
    seen.close()


@pytest.fixture(scope="module")
def figures() -> Iterator[dict[str, tuple[float, float]]]:
    """Seconds from the fact until it was named, and until `up` had ended, of each case; written to ``out/``."""
    found: dict[str, tuple[float, float]] = {}
    yield found
    if found:
        OUT.mkdir(exist_ok=True)
        rows = [f"| {name} | {named:.1f} | {ended:.1f} |" for name, (named, ended) in found.items()]
        named = [one for one, _ in found.values()]
        summary = f"{len(named)} named, median {median(named):.2f} s, most {max(named):.2f} s after the fact"
        head = ["| deployment | named after, s | given up after, s |", "|---|---|---|"]
        (OUT / "helm_broken.md").write_text("\n".join([*head, *rows, "", summary, ""]))


def gonogo(verb: str, target: Path) -> tuple[int, str, str]:
    """Exit code, standard output and error of a verb that acts."""
    command = [sys.executable, "-m", "gonogo", verb, "--yes", "--target", str(target)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=420, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def identity(cluster: Cluster) -> str:
    """The cluster's own id."""
    found = cluster.find("Namespace", "kube-system")
    assert found is not None
    return str(found["metadata"]["uid"])


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_come_up_is_named_for_its_reason(
    name: str,
    space: str,
    cluster: Cluster,
    kubeconfig: Path,
    identity: str,
    facts: Facts,
    figures: dict[str, tuple[float, float]],
    tmp_path: Path,
) -> None:
    case = CASES[name]
    if case.labels:
        cluster.change("Namespace", space, "", {"metadata": {"labels": case.labels}})
    for one in cluster.objects(case.beside, space):
        cluster.apply(one, space)
    target = written(tmp_path, case, space, kubeconfig, identity)
    if case.fact[0]:
        facts.expect(space, *case.fact, namespace=space)

    code, said, lines = run("up", "postgresql", "--target", str(target))

    ended = REAL.now()
    assert code == case.code, said
    for word in case.says:
        assert word.lower() in said.lower(), said
    if case.fact[0]:
        named = next((when for when, line in lines if case.named in line), None)
        assert space in facts.seen, f"nothing was broken: {said}"
        assert named is not None, said
        figures[name] = max(0.0, named - facts.seen[space]), ended - facts.seen[space]
        assert figures[name][0] <= SOON, said


@pytest.mark.slow  # for as long as an operator is given
@pytest.mark.parametrize("name", ["an operator that does not run", "a custom resource that nobody knows"])
def test_a_custom_resource_that_nobody_touches_is_given_up_long_before_its_component_is(
    name: str, space: str, cluster: Cluster, kubeconfig: Path, identity: str, up: Callable, tmp_path: Path
) -> None:
    case = replace(CASES[name], within=300)
    for one in cluster.objects(case.beside, space):
        cluster.apply(one, space)
    target = written(tmp_path, case, space, kubeconfig, identity)

    code, said, seconds = up(target)

    assert code == 1
    assert "will not come up: OperatorSilent" in said
    assert seconds < 120, said


@pytest.mark.usefixtures("images")
def test_what_needs_it_is_blocked_and_the_rest_is_up(
    space: str, cluster: Cluster, kubeconfig: Path, identity: str, tmp_path: Path
) -> None:
    target = written(tmp_path, Broken((), deployment(image="no/such:1")), space, kubeconfig, identity)
    charts(tmp_path / "real")
    spaces = ", ".join(f'{one} = "{space}"' for one in ("s3", "mlflow"))
    others = "".join(f'[components.{one}.helm]\nfolder = "real/{one}"\n' for one in ("s3", "mlflow"))
    target.write_text(f"{target.read_text()}{others}[deploy]\nnamespaces = {{ {spaces} }}\n")

    code, said, lines = run("up", "postgresql", "s3", "mlflow", "--target", str(target))
    down, _, _ = gonogo("down", target)

    last = {one: [line for _, line in lines if f" {one} " in line][-1] for one in ("postgresql", "s3", "mlflow")}
    assert code == 1, said
    assert "ImageNotFound" in last["postgresql"]
    assert "blocked" in last["mlflow"], said
    assert "postgresql" in last["mlflow"]
    assert " up " in last["s3"] or "ready" in last["s3"], said
    assert down == 0
    assert cluster.every("Pod", space) == []


# -- another run


def lease(space: str, name: str = "") -> str:
    """The path of the target's Lease, or of all that are there."""
    return f"/apis/coordination.k8s.io/v1/namespaces/{space}/leases/{name}"


def test_whoever_works_on_the_target_is_named_and_waited_for(
    space: str, cluster: Cluster, kubeconfig: Path, identity: str, tmp_path: Path
) -> None:
    target = written(tmp_path, Broken((), deployment(image="no/such:1")), space, kubeconfig, identity)
    name, lines = f"gonogo-broken-{space}", list[tuple[float, str]]()
    spec = {"holderIdentity": "pv-9 elsewhere pid 7", "leaseDurationSeconds": 60}
    held = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}, "spec": spec}
    cluster.told("POST", lease(space).rstrip("/"), held)
    working = threading.Thread(target=run, args=("up", "postgresql", "--target", str(target)), kwargs={"said": lines})
    working.start()

    until(lambda: lines and "waiting for it" in lines[-1][1], awaited="it to say for whom it waits", within=60)
    untouched = cluster.every("Secret", space)
    cluster.told("DELETE", lease(space, name))
    working.join(120)

    assert "another run works on this target: pv-9 elsewhere pid 7; waiting for it" in lines[-1][1] + str(lines)
    assert untouched == []
    assert "ImageNotFound" in str(lines)


def test_up_stops_when_another_run_takes_the_target_over(
    space: str, cluster: Cluster, kubeconfig: Path, identity: str, tmp_path: Path
) -> None:
    slow = deployment(more="readinessProbe: {tcpSocket: {port: 9}}")
    target = written(tmp_path, Broken((), slow), space, kubeconfig, identity)
    name, lines = f"gonogo-broken-{space}", list[tuple[float, str]]()
    working = threading.Thread(target=run, args=("up", "postgresql", "--target", str(target)), kwargs={"said": lines})
    working.start()
    until(lambda: cluster.every("Deployment", space), awaited="what is made", within=60)

    taken_by = {"spec": {"holderIdentity": "pv-9"}}
    cluster.told("PATCH", lease(space, name), taken_by, kind="application/merge-patch+json")
    taken = REAL.now()
    working.join(120)

    said = next(when for when, line in lines if "another run took this target over" in line)
    assert said - taken < 8  # it renews every 5 s
    assert ((cluster.told("GET", lease(space, name)) or {})["spec"])["holderIdentity"] == "pv-9"


def test_a_run_that_was_killed_leaves_no_helm_and_is_repaired(
    space: str, cluster: Cluster, kubeconfig: Path, identity: str, up: Callable, tmp_path: Path
) -> None:
    target = written(
        tmp_path, Broken((), hook(command="sleep 300") + "---" + deployment()), space, kubeconfig, identity
    )
    command = [sys.executable, "-m", "gonogo", "up", "postgresql", "--target", str(target)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as killed:
        until(lambda: cluster.every("Job", space), awaited="the hook", within=60)
        killed.send_signal(signal.SIGKILL)
    [stored] = [one for one in cluster.every("Secret", space) if one.get("type") == "helm.sh/release.v1"]
    again = hook(command="exit 5") + "---" + deployment()
    (tmp_path / "postgresql/chart/templates/all.yaml").write_text(again)

    code, said, _ = up(target)

    assert stored["metadata"]["labels"]["status"] == "pending-install"
    assert code == 1
    assert "another run works on this target" in said  # until its Lease has expired
    assert "exit code 5" in said


def test_a_release_that_is_not_ours_is_left_alone(
    space: str, cluster: Cluster, kubeconfig: Path, identity: str, up: Callable, tmp_path: Path
) -> None:
    target = written(tmp_path, Broken((), deployment()), space, kubeconfig, identity)
    chart = tmp_path / "postgresql" / "chart"
    command = ["helm", "install", "app", str(chart), "--namespace", space, "--kubeconfig", str(kubeconfig)]
    subprocess.run(command, check=True, capture_output=True)

    code, said, _ = up(target)

    assert code == 1
    assert f"release app in namespace {space} is there already and not gonogo's" in said


@pytest.mark.parametrize(
    ("annotations", "whose"),
    [
        ({}, "of no release"),
        (
            {"meta.helm.sh/release-name": "other", "meta.helm.sh/release-namespace": "SPACE"},
            "of release other in namespace SPACE",
        ),
        (
            {"argocd.argoproj.io/tracking-id": "shop:/ConfigMap:SPACE/settings"},
            "Argo CD tracks it (Application shop); it was left as it is: attach with provider existing, "
            "`gonogo endpoints --discover` drafts the target",
        ),
    ],
)
def test_an_object_that_is_not_ours_is_named_before_anything_is_installed(
    annotations: dict[str, str],
    whose: str,
    space: str,
    cluster: Cluster,
    kubeconfig: Path,
    identity: str,
    up: Callable,
    tmp_path: Path,
) -> None:
    settings = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {of: chart}\n"
    target = written(tmp_path, Broken((), settings + "---" + deployment()), space, kubeconfig, identity)
    said_there = {key: value.replace("SPACE", space) for key, value in annotations.items()}
    there = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "annotations": said_there}}
    cluster.apply({**there, "data": {"of": "theirs"}}, space)

    code, said, _ = up(target)

    assert code == 1
    assert f"ConfigMap {space}/settings is there already and {whose.replace('SPACE', space)}" in said
    assert cluster.every("Secret", space) == []
    assert cluster.every("Deployment", space) == []
    assert (cluster.find("ConfigMap", "settings", space) or {})["data"] == {"of": "theirs"}


def test_what_argo_cd_took_over_is_neither_upgraded_nor_adopted_nor_removed(
    space: str, cluster: Cluster, kubeconfig: Path, identity: str, up: Callable, tmp_path: Path
) -> None:
    target = written(tmp_path, Broken((), deployment(command="exit 7")), space, kubeconfig, identity)
    assert up(target)[0] == 1
    tracking = {"argocd.argoproj.io/tracking-id": f"shop:apps/Deployment:{space}/app"}
    cluster.change("Deployment", "app", space, {"metadata": {"annotations": tracking}})
    before = cluster.find("Deployment", "app", space) or {}

    adopted, said, _ = up(target)
    (tmp_path / "postgresql/chart/templates/all.yaml").write_text(deployment())
    upgraded, told, _ = up(target)
    _, out, _ = gonogo("down", target)

    after = cluster.find("Deployment", "app", space) or {}
    assert (adopted, upgraded) == (1, 1)
    for one in (said, told):
        assert f"Deployment {space}/app is there already and Argo CD tracks it (Application shop)" in one
    assert f"Argo CD tracks Deployment {space}/app" in out  # cut to the width of a page
    assert (after["metadata"]["uid"], after["metadata"]["generation"]) == (
        before["metadata"]["uid"],
        before["metadata"]["generation"],
    )


def test_a_secret_that_is_not_ours_is_left_alone(
    space: str, cluster: Cluster, kubeconfig: Path, identity: str, up: Callable, tmp_path: Path
) -> None:
    target = written(tmp_path, Broken((), deployment()), space, kubeconfig, identity)
    cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "gonogo-postgresql"}}, space)

    code, said, _ = up(target)

    assert code == 1
    assert f"Secret {space}/gonogo-postgresql is there already" in said


def test_a_hook_that_failed_says_nothing_of_the_one_that_is_made_anew(
    space: str, cluster: Cluster, kubeconfig: Path, identity: str, up: Callable, tmp_path: Path
) -> None:
    target = written(tmp_path, Broken((), hook() + "---" + deployment()), space, kubeconfig, identity)
    _, doomed, _ = up(target)
    again = hook(command="exit 4").replace("pre-install", '"pre-install,pre-upgrade"')
    (tmp_path / "postgresql/chart/templates/all.yaml").write_text(again + "---" + deployment())

    code, said, _ = up(target)

    assert "exit code 3" in doomed
    assert (code, "exit code 4" in said, "exit code 3" in said) == (1, True, False)


STATEFUL = "kind: StatefulSet\nmetadata: {name: app}\nspec:\n  serviceName: app"
DAEMON = "kind: DaemonSet\nmetadata: {name: app}\nspec:"


@pytest.mark.parametrize("kind", ["kind: Deployment\nmetadata: {name: app}\nspec:", STATEFUL, DAEMON])
def test_what_was_doomed_comes_up_when_it_is_corrected(
    kind: str, space: str, cluster: Cluster, kubeconfig: Path, identity: str, up: Callable, tmp_path: Path
) -> None:
    def of_kind(image: str) -> str:
        return deployment(image=image).replace("kind: Deployment\nmetadata: {name: app}\nspec:", kind)

    target = written(tmp_path, Broken((), of_kind("no/such:1"), within=120), space, kubeconfig, identity)
    _, doomed, _ = up(target)
    (tmp_path / "postgresql/chart/templates/all.yaml").write_text(of_kind(BASE))
    for limits in (target, tmp_path / "postgresql/helm.toml"):
        limits.write_text(limits.read_text().replace("ready = 120", "ready = 20"))

    _, said, _ = up(target)  # no server is in it: it is not up when its time has passed, and stands then or soon

    assert "ImageNotFound" in doomed
    assert "will not come up" not in said

    def ready() -> list[str]:
        pods = [one for one in cluster.every("Pod", space) if not one["metadata"].get("deletionTimestamp")]
        started = [one["status"].get("containerStatuses", [{"ready": False}])[0]["ready"] for one in pods]
        return [one["spec"]["containers"][0]["image"] if up else "" for one, up in zip(pods, started, strict=True)]

    until(ready, awaited="the corrected pod alone", within=90, every=0.3, enough=lambda seen: seen == [BASE])


RAY = """
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: ml, annotations: {ray.io/overwrite-container-cmd: "true"}}
spec:
  rayVersion: 2.52.0
  headGroupSpec:
    rayStartParams: {}
    template:
      spec:
        terminationGracePeriodSeconds: 10
        containers: [{name: ray-head, image: "IMAGE", command: [sh, -c, "trap : TERM; while :; do sleep 1; done"]}]
"""


def test_down_waits_for_pods_that_an_operator_owns_and_says_so(
    space: str, cluster: Cluster, kubeconfig: Path, identity: str, up: Callable, tmp_path: Path
) -> None:
    if cluster.find("CustomResourceDefinition", "rayclusters.ray.io") is None:
        pytest.skip("the cluster has no rayclusters.ray.io: its operator is not installed")
    target = written(tmp_path, Broken((), RAY.replace("IMAGE", BASE), within=15), space, kubeconfig, identity)
    up(target)  # nothing answers there
    before = [one["metadata"]["name"] for one in cluster.every("Pod", space)]

    code, _, said = gonogo("down", target)

    assert (len(before), code) == (1, 0)
    assert cluster.every("Pod", space) == []
    assert f"waiting for the end of the pods of postgresql: {before[0]}" in said


def test_an_immutable_field_is_told(
    space: str, cluster: Cluster, kubeconfig: Path, identity: str, up: Callable, tmp_path: Path
) -> None:
    target = written(tmp_path, Broken((), deployment(command="exit 7")), space, kubeconfig, identity)
    up(target)
    (tmp_path / "postgresql/chart/templates/all.yaml").write_text(deployment(label="other"))

    code, said, _ = up(target)

    assert code == 1
    assert "field is immutable" in said


def test_a_release_whose_helm_was_killed_is_repaired(
    space: str, cluster: Cluster, kubeconfig: Path, identity: str, up: Callable, tmp_path: Path
) -> None:
    target = written(tmp_path, Broken((), deployment(command="exit 7")), space, kubeconfig, identity)
    up(target)
    [stored] = [one for one in cluster.every("Secret", space) if one.get("type") == "helm.sh/release.v1"]
    body = {"metadata": {"labels": {"status": "pending-install"}}}
    cluster.change("Secret", stored["metadata"]["name"], space, body)

    code, said, _ = up(target)

    assert code == 1
    assert "exit code 7" in said  # it was installed anew, and fails for its own reason


def test_a_namespace_that_ends_is_told(
    cluster: Cluster, kubeconfig: Path, identity: str, up: Callable, tmp_path: Path
) -> None:
    with cluster.namespace(f"gonogo-test-{token_hex(3)}") as space:
        held = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "held", "finalizers": ["example.com/held"]},
        }
        cluster.apply(held, space)
        cluster.delete("Namespace", space)
        target = written(tmp_path, Broken((), deployment()), space, kubeconfig, identity)

        try:
            code, said, seconds = up(target)
        finally:
            cluster.release("ConfigMap", "held", space)

    assert code == 1
    assert "is being deleted" in said
    assert "example.com/held" in said
    assert seconds < 60, said


def test_a_webhook_without_a_backend_is_told(
    space: str, cluster: Cluster, kubeconfig: Path, identity: str, up: Callable, tmp_path: Path
) -> None:
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"]}
    webhook = {
        "name": "refuses.example.com",
        "rules": [rule],
        "clientConfig": {
            "service": {"namespace": space, "name": "nobody"},
            "caBundle": base64.b64encode(b"-").decode(),
        },
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": space}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    webhook["clientConfig"].pop("caBundle")
    cluster.apply(
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": f"gonogo-{space}"},
            "webhooks": [webhook],
        },
        space,
    )
    target = written(tmp_path, Broken((), deployment()), space, kubeconfig, identity)

    code, said, _ = up(target)

    assert code == 1
    assert "refuses.example.com" in said
