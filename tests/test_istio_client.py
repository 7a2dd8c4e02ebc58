"""What the client of Istio makes of its objects: each fault is seen, and blamed on what it is.

The objects are as Kubernetes' and Istio's own types have them (istio.io/api, security/v1); no real Istio was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from api_server import Cluster, cluster
from kubeconfigs import kubeconfig

from fixtures.istio import Istio
from fixtures.look import Seen
from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Kubernetes
from gonogo.cluster.api import Kind
from gonogo.core.endpoints import Endpoints, Timeouts
from gonogo.core.errors import ClientError
from gonogo.providers.existing.access import ClusterAccess

COMPONENT = Registry.load(Path(__file__).parent.parent).components["istio"]

AUTHENTICATION = Kind("security.istio.io", "v1", "peerauthentications", "PeerAuthentication", True)

LABELLED = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


def namespace(held: Cluster, name: str, **labels: str) -> None:
    """A namespace whose labels were written an hour ago."""
    held.put("Namespace", "", name, labels=labels)
    fields = {"f:metadata": {"f:labels": {f"f:{label}": {} for label in labels}}}
    told = {"manager": "kubectl-label", "time": f"{LABELLED:%Y-%m-%dT%H:%M:%SZ}", "fieldsV1": fields}
    held.get("Namespace", "", name)["metadata"]["managedFields"] = [told]


def pod(
    held: Cluster, name: str, *, space: str = "doris", sidecar: str = "native", ready: bool = True, minutes: int = 0,
    **more: Any,
) -> None:  # fmt: skip
    """A pod made so many minutes after the label."""
    proxy = {"name": "istio-proxy", "restartPolicy": "Always"}
    spec = {
        "containers": [{"name": "main"}, *([{"name": "istio-proxy"}] if sidecar == "beside" else [])],
        "initContainers": [proxy] if sidecar == "native" else [],
    }
    shown = "initContainerStatuses" if sidecar == "native" else "containerStatuses"
    status = {"phase": "Running", shown: [{"name": "istio-proxy", "ready": ready}] if sidecar else []}
    held.put("Pod", space, name, spec=spec, status=status, **more)
    made = f"{LABELLED + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"
    held.get("Pod", space, name)["metadata"]["creationTimestamp"] = made


@pytest.fixture
def held() -> Iterator[Cluster]:
    """A cluster with a namespace in the mesh, and istiod."""
    with cluster(AUTHENTICATION, spaces=["istio-system", "data", "kube-system"]) as held:
        namespace(held, "doris", **{"istio-injection": "enabled"})
        pod(held, "fe-0", minutes=5)
        hook = {"name": "sidecar", "clientConfig": {"service": {"namespace": "istio-system", "name": "istiod"}}}
        held.put("MutatingWebhookConfiguration", "", "istio-sidecar-injector", webhooks=[hook])
        istiod(held)
        yield held


def istiod(held: Cluster, ready: int = 1) -> None:
    held.put(
        "Deployment",
        "istio-system",
        "istiod",
        labels={"app": "istiod"},
        spec={"replicas": 1, "template": {"spec": {"containers": [{"name": "discovery", "image": "x/pilot:1.27.0"}]}}},
        status={"replicas": 1, "readyReplicas": ready},
    )


Ask = Callable[..., Istio]


@pytest.fixture
def ask(held: Cluster, tmp_path: Path) -> Iterator[Ask]:
    """A client of that cluster."""
    config = kubeconfig(tmp_path / "config", server=held.url)
    timeouts = Timeouts(connect=5, check=5)
    access = ClusterAccess(Kubernetes(kubeconfig=str(config)), timeouts)

    def asked(**expect: Any) -> Istio:
        told = {**COMPONENT.expect, "injected": ["doris"], **expect}
        return Istio(Endpoints("istio", {"namespace": "istio-system"}, expect=told, timeouts=timeouts, cluster=access))

    with closing(access):
        yield asked


def cause(question: Callable[[], Seen]) -> tuple[str, str]:
    """Outcome and cause of a question; a pass has none."""
    try:
        seen = question()
    except ClientError as error:
        return str(error.outcome), error.signature
    return ("failed", seen.cause) if seen.wrong else ("passed", "")


PASSED = ("passed", "")
CLIENTS = [{"client": "data", "server": "doris"}]


def test_what_is_as_it_should_be_has_no_fault(held: Cluster, ask: Ask) -> None:
    pod(held, "superset", space="data", sidecar="")
    client = ask(clients=CLIENTS)

    for question in (client.control, client.uninjected, client.unnamed, client.held, client.shut_out):
        assert cause(question) == PASSED
    assert client.answers() == "shows 1 of 4 namespaces in the mesh"
    assert client.version() == "1.27.0"


# -- the control plane


def test_a_control_plane_that_is_not_ready_is_told(held: Cluster, ask: Ask) -> None:
    istiod(held, ready=0)

    assert cause(ask().control) == ("failed", "istio.part_down")


def test_a_label_without_a_control_plane_is_told(held: Cluster, ask: Ask) -> None:
    held.remove("Deployment", "istio-system", "istiod")

    assert cause(ask().control) == ("failed", "istio.part_missing")


def test_a_webhook_that_is_not_there_is_told(held: Cluster, ask: Ask) -> None:
    held.remove("MutatingWebhookConfiguration", "", "istio-sidecar-injector")

    assert cause(ask().control) == ("failed", "istio.webhook_missing")


# -- injection: wanted, there


@pytest.mark.parametrize(
    "labels", [{}, {"istio-injection": "disabled"}, {"istio-injection": "disabled", "istio.io/rev": "stable"}]
)
def test_a_namespace_without_the_label_is_told(held: Cluster, ask: Ask, labels: dict[str, str]) -> None:
    namespace(held, "doris", **labels)

    assert cause(ask().uninjected) == ("failed", "istio.label_missing")


def test_a_namespace_that_is_not_there_is_told(ask: Ask) -> None:
    assert cause(ask(injected=["nowhere"]).uninjected)[1] == "istio.label_missing"


def test_a_namespace_that_is_in_the_mesh_unasked_is_told(held: Cluster, ask: Ask) -> None:
    namespace(held, "data", **{"istio.io/rev": "stable"})

    assert cause(ask().uninjected) == ("failed", "istio.label_unwanted")


@pytest.mark.parametrize(("minutes", "expected"), [(-5, "istio.pod_older"), (5, "istio.pod_uninjected")])
def test_a_pod_without_a_sidecar_is_told_by_its_age(held: Cluster, ask: Ask, minutes: int, expected: str) -> None:
    pod(held, "be-0", sidecar="", minutes=minutes)

    assert cause(ask().uninjected) == ("failed", expected)


def test_where_nobody_kept_when_the_label_was_written_no_age_is_told(held: Cluster, ask: Ask) -> None:
    pod(held, "be-0", sidecar="", minutes=-5)
    held.get("Namespace", "", "doris")["metadata"]["managedFields"] = []

    assert cause(ask().uninjected) == ("failed", "istio.pod_uninjected")


def test_a_sidecar_that_is_not_ready_is_told(held: Cluster, ask: Ask) -> None:
    pod(held, "be-0", ready=False, minutes=5)

    assert cause(ask().uninjected) == ("failed", "istio.sidecar_down")


def test_a_pod_that_is_left_out_is_none_that_lacks_it(held: Cluster, ask: Ask) -> None:
    pod(held, "be-0", sidecar="", minutes=5, labels={"sidecar.istio.io/inject": "false"})

    assert cause(ask().uninjected) == PASSED


def test_a_namespace_without_pods_proves_nothing(held: Cluster, ask: Ask) -> None:
    held.remove("Pod", "doris", "fe-0")

    assert cause(ask().uninjected) == ("broken", "istio.not_askable")


# -- injection: harmful


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        ({"port": 9030, "name": "query-port"}, ("failed", "istio.protocol_unnamed")),
        ({"port": 3306}, ("failed", "istio.protocol_unnamed")),
        ({"port": 9030, "name": "query-port", "appProtocol": "mysql"}, PASSED),
        ({"port": 9030, "name": "tcp-query"}, PASSED),
        ({"port": 5432, "name": "sql"}, PASSED),  # the clients of PostgreSQL and Kafka speak first
        ({"port": 9092, "name": "clients"}, PASSED),
    ],
)
def test_a_port_on_which_the_server_speaks_first_is_told(
    held: Cluster, ask: Ask, port: dict[str, Any], expected: tuple[str, str]
) -> None:
    held.put("Service", "doris", "fe", spec={"ports": [port]})

    assert cause(ask().unnamed) == expected


@pytest.mark.parametrize(("sidecar", "expected"), [("beside", ("failed", "istio.job_held")), ("native", PASSED)])
def test_a_job_that_its_sidecar_holds_is_told(held: Cluster, ask: Ask, sidecar: str, expected: tuple[str, str]) -> None:
    job = held.put("Job", "doris", "load", spec={})
    pod(held, "load-1", sidecar=sidecar, minutes=5, owners=[job])

    assert cause(ask().held) == expected


STRICT = {"mtls": {"mode": "STRICT"}}


@pytest.mark.parametrize(
    ("space", "spec", "expected"),
    [
        ("doris", STRICT, "istio.client_outside"),
        ("istio-system", STRICT, "istio.client_outside"),
        ("doris", {"mtls": {"mode": "PERMISSIVE"}}, ""),
        ("doris", {"selector": {}, "portLevelMtls": {"9030": {"mode": "STRICT"}}}, "istio.client_outside"),
        ("data", STRICT, ""),
    ],
)
def test_a_client_outside_of_a_mesh_that_takes_no_other_is_told(
    held: Cluster, ask: Ask, space: str, spec: dict[str, Any], expected: str
) -> None:
    held.put(AUTHENTICATION, space, "default", spec=spec)
    pod(held, "superset", space="data", sidecar="")

    assert cause(ask(clients=CLIENTS).shut_out) == (("failed", expected) if expected else PASSED)


def test_its_own_namespace_counts_before_the_mesh(held: Cluster, ask: Ask) -> None:
    held.put(AUTHENTICATION, "istio-system", "default", spec=STRICT)
    held.put(AUTHENTICATION, "doris", "default", spec={"mtls": {"mode": "PERMISSIVE"}})
    pod(held, "superset", space="data", sidecar="")

    assert cause(ask(clients=CLIENTS).shut_out) == PASSED


# -- what cannot be told


def test_what_is_not_named_is_missing(ask: Ask) -> None:
    client = ask(injected=[])

    assert cause(client.uninjected) == cause(client.shut_out) == ("missing", "istio.not_configured")


def test_without_a_mesh_nothing_is_proven(held: Cluster, ask: Ask) -> None:
    namespace(held, "doris")

    assert cause(ask().unnamed) == cause(ask().held) == ("broken", "istio.not_askable")


def test_without_clients_or_kinds_nothing_is_proven(held: Cluster, ask: Ask) -> None:
    assert cause(ask(clients=CLIENTS).shut_out) == ("broken", "istio.not_askable")

    held.kinds = [one for one in held.kinds if one.group != "security.istio.io"]
    assert cause(ask(clients=CLIENTS).shut_out) == ("failed", "istio.not_installed")


def test_a_right_that_is_missing_is_no_empty_list(held: Cluster, ask: Ask) -> None:
    held.refused |= {"list pods", "list services"}

    for question in (ask().uninjected, ask().unnamed, ask().held):
        assert cause(question) == ("broken", "istio.right_missing")
