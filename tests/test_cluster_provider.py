"""A platform on a cluster: its Secrets and ingresses, whether it is the one meant, and why it is silent."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import pytest
from checkouts import checkout
from kubeconfigs import kubeconfig
from scripted import Reply, Script, answers, serving

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Kubernetes, Reached, load_target
from gonogo.checks.translate import translated
from gonogo.cluster import behind
from gonogo.cluster.judge import World
from gonogo.cluster.judge.endpoints import MAKERS, selected
from gonogo.core.endpoints import Timeouts
from gonogo.core.errors import Absent, ClientError, ClusterLost, ConfigError, Forbidden, Problem, Refused, SecretMissing
from gonogo.core.outlet import learn
from gonogo.providers.choose import provider_for
from gonogo.providers.existing.access import ClusterAccess
from gonogo.providers.existing.cluster import ExistingCluster

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
SECRET = "GET /api/v1/namespaces/data/secrets/queue"
INGRESSES = "GET /apis/networking.k8s.io/v1/namespaces/data/ingresses"
SYSTEM = "GET /api/v1/namespaces/kube-system"


@contextmanager
def cluster(
    folder: Path, replies: Mapping[str, list[Reply]], contexts: tuple[str, ...] = ("one",), **settings: Any
) -> Iterator[tuple[ClusterAccess, Script, list[str]]]:
    """A cluster whose API server replies so; what was asked, and the secrets that were learned."""
    learned: list[str] = []
    with serving(replies) as script:
        path = kubeconfig(folder / "config", server=script.url, contexts=contexts)
        one = ClusterAccess(Kubernetes(kubeconfig=str(path), **settings), Timeouts(connect=5, check=5), learned.append)
        with closing(one):
            yield one, script, learned


def secret(**values: bytes) -> list[Reply]:
    return answers({"kind": "Secret", "data": {k: base64.b64encode(v).decode() for k, v in values.items()}})


# -- Secrets


def test_a_value_of_a_secret_is_read_once_and_learned(tmp_path: Path) -> None:
    with cluster(tmp_path, {SECRET: secret(password=b"hunter2\n", user=b"me")}) as (one, script, learned):
        values = [one.secret("data", "queue", key) for key in ("password", "user", "password")]

    assert values == ["hunter2\n", "me", "hunter2\n"]
    assert set(learned) == {"hunter2\n"}  # a user's name is a word like others
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("replies", "said"),
    [
        ({}, "Secret data/queue is not there"),
        ({SECRET: secret(user=b"me", token=b"t")}, "Secret data/queue has no key 'password': it holds token, user"),
        ({SECRET: answers({"kind": "Secret"})}, "Secret data/queue has no key 'password': it is empty"),
        ({SECRET: secret(password=b"\xff\xfe")}, "what is at key 'password' is no text"),
    ],
)
def test_a_secret_that_is_not_there_could_not_be_asked_with(
    tmp_path: Path, replies: dict[str, list[Reply]], said: str
) -> None:
    with cluster(tmp_path, replies) as (one, _, _), pytest.raises(SecretMissing) as caught:
        one.secret("data", "queue", "password")

    assert said in str(caught.value)
    assert caught.value.outcome == "broken"


def test_a_missing_right_to_a_secret_names_it(tmp_path: Path) -> None:
    replies = {SECRET: [Reply(403, "{}")]}

    with cluster(tmp_path, replies) as (one, _, _), pytest.raises(Forbidden, match="may not get secrets 'queue'"):
        one.secret("data", "queue", "password")


# -- ingresses, and Services by their own address


def ingress(host: str, *, port: int = 9092, path: str = "/", tls: list[dict[str, Any]] | None = None) -> list[Reply]:
    backend = {"service": {"name": "queue", "port": {"number": port}}}
    rule = {"host": host, "http": {"paths": [{"path": path, "backend": backend}]}}
    return answers({"kind": "IngressList", "metadata": {}, "items": [{"spec": {"rules": [rule], "tls": tls or []}}]})


@pytest.mark.parametrize(
    ("replies", "web", "found"),
    [
        (ingress("q.example"), True, Reached("q.example", 80, "ingress", "http")),
        (ingress("q.example", tls=[{"hosts": ["q.example"]}]), True, Reached("q.example", 443, "ingress", "https")),
        (ingress("q.example", tls=[{"hosts": ["other"]}]), True, Reached("q.example", 80, "ingress", "http")),
        (ingress("q.example"), False, None),
        (ingress("q.example", port=1), True, None),
        (ingress("q.example", path="/queue"), True, None),
        (ingress(""), True, None),
        *((ingress(host), True, None) for host in ("*.example", "evil.example/x?", "a@evil.example", "a:1", "a b")),
    ],
)
def test_an_ingress_is_used_where_one_leads_to_all_of_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replies: list[Reply], web: bool, found: Reached | None
) -> None:
    forwarded = SimpleNamespace(address=lambda _: ("127.0.0.1", 31001), close=lambda: None)

    with cluster(tmp_path, {INGRESSES: replies}, transport="ingress") as (one, _, _):
        monkeypatch.setattr(one, "_forwards", forwarded)
        seen = one.reached("data/queue:9092", web=web)

    assert seen == (found or Reached("127.0.0.1", 31001, "port-forward"))


def test_where_the_target_says_so_a_service_is_reached_by_its_own_address(tmp_path: Path) -> None:
    with cluster(tmp_path, {}, transport="service") as (one, script, _):
        assert one.reached("data/queue:9092", web=True) == Reached("queue.data.svc", 9092, "service")

    assert script.asked == []


@pytest.mark.parametrize(("where", "raised"), [("data/queue:9092", Absent), ("~/.kube/config", ConfigError)])
def test_a_port_that_a_service_does_not_have_is_no_mistake_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, raised: type[Exception]
) -> None:
    def address(_: str) -> tuple[str, int]:
        raise ConfigError(Problem(where, "is not as it should be"))

    with cluster(tmp_path, {}, transport="forward") as (one, *_):
        monkeypatch.setattr(one, "_forwards", SimpleNamespace(address=address, close=lambda: None))
        with pytest.raises(raised, match="is not as it should be"):
            one.reached("data/queue:9092", web=False)


# -- is this the one?


@pytest.mark.parametrize(
    ("contexts", "settings", "said"),
    [
        (("one",), {}, None),
        (("one", "two"), {"context": "two"}, None),
        (("one", "two"), {"identity": "uid-1"}, None),
        (("one", "two"), {}, "what may change a cluster needs context or identity: one, two are to choose from"),
        (("one",), {"identity": "uid-2"}, "is 'uid-2', but namespace kube-system of context 'one' has uid 'uid-1'"),
    ],
    ids=["only", "named", "identity", "none", "another"],
)
def test_what_may_change_a_cluster_is_sure_which_one(
    tmp_path: Path, contexts: tuple[str, ...], settings: dict[str, str], said: str | None
) -> None:
    replies = {SYSTEM: answers({"metadata": {"uid": "uid-1"}})}

    with cluster(tmp_path, replies, contexts, **settings) as (one, _, _):
        try:
            told = None
            confirmed = one.confirm("staging.toml")
        except ConfigError as error:
            told = str(error)

    assert (told is None) == (said is None)
    assert (said or "") in (told or "")
    assert told is not None or confirmed == settings.get("identity", "")


def test_a_cluster_that_cannot_be_compared_is_not_changed(tmp_path: Path) -> None:
    said = r"kubernetes.identity could not be compared, nothing was created: may not get namespaces"

    with (
        cluster(tmp_path, {SYSTEM: [Reply(403, "{}")]}, identity="uid-1") as (one, *_),
        pytest.raises(Forbidden, match=said),
    ):
        one.confirm("staging.toml")


# -- what stands behind a Service


def obj(kind: str, name: str, *, owner: str = "", labels: dict[str, str] | None = None, **rest: Any) -> dict[str, Any]:
    version = "apps/v1" if kind in MAKERS else "v1"
    meta: dict[str, Any] = {"name": name, "namespace": "data", "uid": name, "labels": labels or {}}
    meta["creationTimestamp"] = "2026-11-25T09:00:00Z"
    if owner:
        meta["ownerReferences"] = [{"kind": "x", "name": owner, "uid": owner, "controller": True}]
    return {"apiVersion": version, "kind": kind, "metadata": meta, **rest}


def pod(name: str, *, waiting: str = "", app: str = "queue", restarts: int = 0, **spec: Any) -> dict[str, Any]:
    ready = "False" if waiting else "True"
    state = {"waiting": {"reason": waiting, "message": "back-off"}} if waiting else {"running": {"startedAt": "x"}}
    ended = {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": "2026-11-25T09:59:00Z"}}
    one = {"name": "app", "image": "queue:1", "ready": not waiting, "restartCount": restarts, "state": state}
    return obj(
        "Pod",
        name,
        owner="queue-rs",
        labels={"app": app},
        spec={"containers": [{"name": "app", "image": "queue:1"}], "nodeName": "n", **spec},
        status={
            "phase": "Running",
            "startTime": "2026-11-25T09:00:00Z",
            "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": "2026-11-25T09:00:00Z"}],
            "containerStatuses": [{**one, "lastState": ended if restarts else {}}],
        },
    )


SERVICE = obj("Service", "queue", spec={"selector": {"app": "queue"}, "ports": [{"port": 9092}]})
DEPLOYMENT = obj("Deployment", "queue", spec={"replicas": 1, "selector": {"matchLabels": {"app": "queue"}}})
REPLICAS = obj("ReplicaSet", "queue-rs", owner="queue", spec={"replicas": 1})
EVENT = {
    "apiVersion": "v1",
    "kind": "Event",
    "metadata": {"name": "e", "namespace": "data"},
    "type": "Warning",
    "reason": "BackOff",
    "message": "Back-off with password=hunter2",
    "count": 3,
    "lastTimestamp": "2026-11-25T09:59:30Z",
    "involvedObject": {"kind": "Pod", "namespace": "data", "name": "queue-a", "uid": "queue-a"},
}


def world(*objects: dict[str, Any]) -> World:
    complete = ("Pod", "Service", "Deployment", "ReplicaSet", "PersistentVolumeClaim")
    return World.of([SERVICE, DEPLOYMENT, REPLICAS, *objects], now=NOW, complete=complete)


def test_behind_a_service_stand_its_pods_their_controllers_and_claims() -> None:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "disk"}}, {"name": "tmp", "ephemeral": {}}]
    claim = obj("PersistentVolumeClaim", "disk", spec={}, status={"phase": "Bound"})
    seen = world(pod("queue-a", volumes=volumes), pod("web-a", app="web"), claim)

    found = behind.behind(seen, "data/queue:9092")

    assert [p["metadata"]["name"] for p in found.pods] == ["queue-a"]
    assert [c["kind"] for c in found.controllers] == ["ReplicaSet", "Deployment"]
    assert [c["metadata"]["name"] for c in found.claims] == ["disk"]
    assert behind.ancestry(seen, found.pods[0]) == (
        "Deployment data/queue → ReplicaSet data/queue-rs → Pod data/queue-a"
    )


def test_where_a_service_has_no_pods_who_should_make_them_is_found() -> None:
    found = behind.behind(world(), "data/queue:9092")

    assert found.pods == ()
    assert [c["metadata"]["name"] for c in found.controllers] == ["queue"]


def test_a_service_that_is_not_there_has_nothing_behind_it() -> None:
    assert list(behind.behind(world(), "data/other:1").objects) == []


DELETED = {"deletionTimestamp": "2026-11-25T09:59:50Z", "deletionGracePeriodSeconds": 30}


@pytest.mark.parametrize(
    ("phase", "deleted", "stands"),
    [("Running", {}, True), ("Running", DELETED, True), ("Succeeded", {}, False), ("Failed", {}, False)],
    ids=["running", "terminating", "succeeded", "failed"],
)
def test_whether_a_pod_stands_behind_a_service_is_the_same_for_judge_and_provider(
    tmp_path: Path, phase: str, deleted: dict[str, Any], stands: bool
) -> None:
    other = pod("queue-old")
    other["metadata"] |= deleted
    other["status"]["phase"] = phase
    seen = world(other, pod("queue-new"))

    judged = [p["metadata"]["name"] for p in selected(seen, "data", {"matchLabels": {"app": "queue"}})]
    found = [p["metadata"]["name"] for p in behind.behind(seen, "data/queue:9092").pods]
    with provider(tmp_path, seen) as (made, _):
        shown = [server.node for server in made.servers()]

    assert sorted(judged) == sorted(found) == sorted(shown) == ["queue-new", *(["queue-old"] if stands else [])]


def test_a_pod_that_has_ended_tells_why_nobody_stands_there(tmp_path: Path) -> None:
    evicted = pod("queue-a")
    evicted["status"] |= {"phase": "Failed", "reason": "Evicted", "message": "low on memory"}
    seen = world(evicted)

    found = behind.behind(seen, "data/queue:9092")
    with provider(tmp_path, seen) as (made, registry):
        reason, shown = made.reason(registry.components["queue"]), made.servers()

    assert (found.pods, [p["metadata"]["name"] for p in found.ended]) == ((), ["queue-a"])
    assert [c["kind"] for c in found.controllers] == ["ReplicaSet", "Deployment"]
    assert reason is not None
    assert reason.message.startswith("Pod data/queue-a is failed: Evicted")
    assert shown == []


def test_events_are_told_with_what_they_are_about() -> None:
    seen = world(pod("queue-a", waiting="CrashLoopBackOff", restarts=4), EVENT)

    (line,) = behind.events(seen, behind.behind(seen, "data/queue:9092"))

    assert line.startswith("2026-11-25T09:59:30Z  Pod data/queue-a  BackOff: Back-off with")
    assert line.endswith("(3 times)")


# -- the provider

TARGET = """
    [target]
    name = "staging"
    provider = "existing"
    [kubernetes]
    kubeconfig = "{config}"
    {settings}
    [components.queue]
    service = "data/queue:9092"
    password = {{ secret = "data/queue#password" }}
    [components.store]
    url = "http://store.example"
"""


class Logs:
    """An API server that knows logs alone, and where we are."""

    in_cluster = False

    def get(self, path: str, **query: str) -> bytes:
        if "web" in path:
            raise Forbidden("health", "may not get pods/log")
        return f"{path} {query.get('previous', 'now')}: password=hunter2".encode()

    def close(self) -> None:
        """Nothing is open."""


@contextmanager
def provider(
    root: Path, seen: World | ClientError | None = None, settings: str = ""
) -> Iterator[tuple[ExistingCluster, Registry]]:
    """The provider of a target on a cluster in which this was seen."""
    config = kubeconfig(root / "config")
    text = dedent(TARGET).format(config=config, settings=settings)
    registry = Registry.load(checkout(root, {"deploy/targets/staging.toml": text}))
    learn("hunter2")
    made = provider_for(load_target("staging", root, registry), root)
    assert isinstance(made, ExistingCluster)

    def listed(within: float, tolerate: Any) -> None:
        if isinstance(seen, ClientError):
            raise seen

    hub = SimpleNamespace(ask=list, listed=listed, world=lambda: seen, refusals=[], close=lambda: None)
    made.cluster._hub, made.cluster._api = hub, Logs()  # type: ignore[assignment]
    with closing(made):
        yield made, registry


def test_where_the_file_has_all_it_needs_a_component_stands_and_nobody_is_asked(tmp_path: Path) -> None:
    with provider(tmp_path, ClusterLost("health", "gone")) as (made, registry):
        stands = {name: made.stands(component) for name, component in registry.components.items()}

    assert stands == {"models": False, "queue": True, "store": True}


def test_what_cannot_be_asked_is_about_the_component_that_was_to_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object, **__: object) -> None:
        raise SecretMissing("health", "Secret data/queue is not there")

    with provider(tmp_path) as (made, registry):
        monkeypatch.setattr(made.cluster, "secret", lost)
        with pytest.raises(SecretMissing) as caught:
            made.attached(registry.components["queue"])

    assert (caught.value.component, caught.value.signature) == ("queue", "queue.secret_missing")


def test_an_authority_that_a_secret_holds_becomes_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONOGO_HOME", str(tmp_path / "home"))
    pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    config = kubeconfig(tmp_path / "config")
    text = dedent(TARGET).format(config=config, settings='transport = "service"')
    text = text.replace("[components.store]", 'ca = { secret = "data/queue#ca.crt" }\n[components.store]')
    registry = Registry.load(checkout(tmp_path, {"deploy/targets/staging.toml": text}))
    made = provider_for(load_target("staging", tmp_path, registry), tmp_path)
    assert isinstance(made, ExistingCluster)
    monkeypatch.setattr(made.cluster, "secret", lambda *_: pem)

    with closing(made):
        endpoints = made.attached(registry.components["queue"])

    assert endpoints is not None
    assert Path(endpoints["ca"]).read_text() == pem
    assert endpoints["address"] == "queue.data.svc:9092"


def test_a_cut_connection_means_what_the_forward_says_of_it_as_long_as_it_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = {("127.0.0.1", 31001): None, ("127.0.0.1", 31000): ClusterLost("health", "the stream was lost")}
    forwards = SimpleNamespace(
        address=lambda _: ("127.0.0.1", 31001),
        socks=lambda: "socks5h://me:secret@127.0.0.1:31000",
        fault=faults.get,
        close=lambda: None,
    )

    with provider(tmp_path) as (made, registry):
        monkeypatch.setattr(made.cluster, "_forwards", forwards)
        monkeypatch.setattr(made.cluster, "secret", lambda *_: "hunter2")
        endpoints = made.attached(registry.components["queue"])
        during = translated("queue", ConnectionResetError())
        other = translated("store", ConnectionResetError())
    after = translated("queue", ConnectionResetError())

    assert endpoints is not None
    assert endpoints["proxy"] == "socks5h://me:secret@127.0.0.1:31000"
    assert during is not None
    assert (during.signature, str(during)) == ("queue.cluster_unreachable", "the stream was lost")
    assert [type(one) for one in (other, after)] == [Refused, Refused]


def test_the_pods_behind_a_service_are_its_servers(tmp_path: Path) -> None:
    with provider(tmp_path, world(pod("queue-b"), pod("queue-a", waiting="CrashLoopBackOff"))) as (made, _):
        servers = made.servers()

    assert [(s.component, s.node, s.provider) for s in servers] == [
        ("queue", "queue-a", "existing"),
        ("queue", "queue-b", "existing"),
    ]
    assert (servers[1].state, servers[1].since) == ("ready", "2026-11-25T09:00:00Z")


def test_where_pods_are_not_ready_that_is_the_reason(tmp_path: Path) -> None:
    seen = world(pod("queue-a", waiting="CrashLoopBackOff", restarts=4), EVENT)

    with provider(tmp_path, seen) as (made, registry):
        reason = made.reason(registry.components["queue"])

    assert reason is not None
    assert reason.message.startswith("Pod data/queue-a is ")
    assert "hunter2" not in str(reason)


@pytest.mark.parametrize("seen", [world(pod("queue-a")), ClusterLost("health", "gone")], ids=["ready", "unseen"])
def test_where_nothing_is_seen_there_is_no_reason(tmp_path: Path, seen: World | ClientError) -> None:
    with provider(tmp_path, seen) as (made, registry):
        assert made.reason(registry.components["queue"]) is None
        assert made.reason(registry.components["store"]) is None


def test_evidence_is_rows_owners_events_and_logs_without_secrets(tmp_path: Path) -> None:
    seen = world(pod("queue-b"), pod("queue-a", waiting="CrashLoopBackOff", restarts=4), EVENT)

    with provider(tmp_path, seen) as (made, _):
        evidence = made.evidence("queue")
        nothing = made.evidence("store")

    assert [e.kind for e in evidence] == ["state", "owners", "events", "log", "log"]
    assert [e.title for e in evidence[3:]] == ["queue-a, container app, before its restart", "queue-b, container app"]
    assert "Pod data/queue-a is " in (evidence[0].text or "").splitlines()[0]
    assert "hunter2" not in json.dumps([e.text for e in evidence])
    assert nothing == []


def test_evidence_says_what_could_not_be_looked_at(tmp_path: Path) -> None:
    with provider(tmp_path, ClusterLost("health", "the API server did not answer")) as (made, _):
        (note,) = made.evidence("queue")

    assert (note.title, note.text) == ("what could not be looked at", "the API server did not answer")
