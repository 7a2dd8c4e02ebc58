"""The hub on a running cluster: what a kind costs, and everything that happens to a long watch."""

from __future__ import annotations

import os
import shlex
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from http.client import HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cluster.accounts import account, rule, token
from cluster.live import Cluster
from kubeconfigs import api
from relay import Relay, relaying

from gonogo.cluster import hub as module
from gonogo.cluster.api import KINDS, Kind, Outdated, position
from gonogo.cluster.hub import Hub
from gonogo.core.errors import Absent, ClusterLost, Denied, Forbidden
from gonogo.core.waiting import until

MAPS, ACCOUNTS, NODES = KINDS["ConfigMap"], KINDS["ServiceAccount"], KINDS["Node"]

SILENCE = 1.0
"""Seconds after which a silent watch counts as lost here, so that a test need not wait for a bookmark."""

PATIENCE = 60.0


@pytest.fixture
def relay(kubeconfig: Path, tmp_path: Path) -> Iterator[Relay]:
    """A relay to the cluster, which the hub asks through it."""
    with relaying(kubeconfig, tmp_path) as running:
        yield running


@pytest.fixture
def put(cluster: Cluster, namespace: str) -> Callable[[str], None]:
    """Makes a ConfigMap of a name in the test's namespace."""

    def put(name: str) -> None:
        cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}, namespace)

    return put


@contextmanager
def following(path: Path, *namespaces: str, silence: float = module.SILENCE, context: str = "") -> Iterator[Hub]:
    """A hub that has listed ConfigMaps, and its end."""
    with closing(api(path, context=context)) as asked, closing(Hub(asked, namespaces, silence=silence)) as hub:
        hub.ask([MAPS])
        yield hub


def has(hub: Hub, name: str, namespace: str) -> bool:
    """Whether a ConfigMap is in the hub's world."""
    return hub.world().get("ConfigMap", namespace, name) is not None


def sees(hub: Hub, name: str, namespace: str) -> None:
    """Wait until a ConfigMap is in the hub's world."""
    until(lambda: has(hub, name, namespace), awaited=f"{name} in the world", within=PATIENCE)


def listed(relay: Relay, namespace: str) -> tuple[int, int]:
    """How often the ConfigMaps of a namespace were listed, and how often watched."""
    counted, path = relay.counted(), MAPS.path(namespace)
    return counted[f"list {path}"], counted[f"watch {path}"]


def test_a_kind_costs_one_list_and_one_watch(relay: Relay, namespace: str, put: Callable[[str], None]) -> None:
    with closing(api(relay.kubeconfig())) as asked, closing(Hub(asked, (namespace,))) as hub:
        hub.ask([MAPS, ACCOUNTS, NODES])
        hub.ask([MAPS])
        hub.listed(PATIENCE)
        put("later")
        sees(hub, "later", namespace)

        assert relay.counted() == {
            f"{verb} {kind.path(namespace)}": 1 for kind in (MAPS, ACCOUNTS, NODES) for verb in ("list", "watch")
        }


def test_a_world_does_not_change(relay: Relay, namespace: str, put: Callable[[str], None]) -> None:
    with following(relay.kubeconfig(), namespace) as hub:
        hub.listed(PATIENCE)
        before = hub.world()
        put("later")
        sees(hub, "later", namespace)

        assert before.get("ConfigMap", namespace, "later") is None
        assert hub.world().absent("ConfigMap", namespace, "never")


def test_what_is_deleted_leaves_the_world(
    relay: Relay, cluster: Cluster, namespace: str, put: Callable[[str], None]
) -> None:
    put("short-lived")
    with following(relay.kubeconfig(), namespace) as hub:
        hub.listed(PATIENCE)
        there = has(hub, "short-lived", namespace)
        cluster.delete("ConfigMap", "short-lived", namespace)

        until(lambda: not has(hub, "short-lived", namespace), awaited="its end", within=PATIENCE)
        assert there


def test_a_list_comes_in_pages_of_one_version(relay: Relay, namespace: str, put: Callable[[str], None]) -> None:
    for number in range(5):
        put(f"map-{number}")

    with closing(api(relay.kubeconfig())) as asked:
        places = [position(page) for page in asked.pages(MAPS, namespace, limit=2)]

    assert len(places) == 3
    assert len({version for version, _ in places}) == 1
    assert places[-1][1] == ""


def test_events_are_kept_but_for_the_routine(kubeconfig: Path, cluster: Cluster, namespace: str) -> None:
    about = {"apiVersion": "v1", "kind": "Pod", "name": "none", "namespace": namespace}
    for kind, reason in (("Normal", "Pulled"), ("Normal", "TriggeredScaleUp"), ("Warning", "Failed")):
        event = {"type": kind, "reason": reason, "involvedObject": about, "metadata": {"name": reason.lower()}}
        cluster.apply({"apiVersion": "v1", "kind": "Event", **event}, namespace)

    with closing(api(kubeconfig)) as asked, closing(Hub(asked, (namespace,))) as hub:
        hub.ask([KINDS["Event"]])
        hub.listed(PATIENCE)

        assert {event["reason"] for event in hub.world().of_kind("Event")} == {"TriggeredScaleUp", "Failed"}


# -- what happens to a watch


@pytest.fixture
def widgets(cluster: Cluster, namespace: str) -> Kind:
    """A kind that was not there before, so that the API server remembers nothing of the time before it."""
    group = f"{namespace}.example.com"
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    spec = {"group": group, "scope": "Namespaced", "names": names}
    versions = [{"name": "v1", "served": True, "storage": True, "schema": schema}]
    definition = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    meta = {"name": f"widgets.{group}"}
    cluster.apply({**definition, "metadata": meta, "spec": {**spec, "versions": versions}}, namespace)
    kind = Kind(group, "v1", "widgets", "Widget", True)
    with closing(api(cluster.kubeconfig)) as asked:
        until(lambda: asked.get(kind.path(namespace)), awaited="the kind", within=PATIENCE, retry=(Absent,))
    return kind


def test_an_old_version_is_refused_by_name(kubeconfig: Path, namespace: str, widgets: Kind) -> None:
    with closing(api(kubeconfig)) as asked:
        try:
            said = next(asked.watch(widgets, namespace, "1")).decode()
        except Outdated as error:
            said = str(error)

    assert "too old resource version" in said


def test_a_version_that_is_too_old_means_another_list(relay: Relay, namespace: str, widgets: Kind) -> None:
    relay.outdate()
    with closing(api(relay.kubeconfig())) as asked, closing(Hub(asked, (namespace,))) as hub:
        hub.ask([widgets])
        hub.listed(PATIENCE)
        path = widgets.path(namespace)
        twice = {f"list {path}": 2, f"watch {path}": 2}
        until(lambda: relay.counted() == twice and hub.stale is None, awaited="another list", within=PATIENCE)

        assert (hub.errors, hub.notes) == ([], [])


def test_a_kind_that_is_not_served_is_asked_for_until_it_is(
    relay: Relay, namespace: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(module, "POLL", 0.2)
    group = f"{namespace}.example.com"
    with closing(api(relay.kubeconfig())) as asked, closing(Hub(asked, (namespace,))) as hub:
        hub.ask([Kind(group, "v1", "widgets", "Widget", True)])
        hub.listed(PATIENCE)
        before = hub.notes
        request.getfixturevalue("widgets")
        until(lambda: not hub.notes, awaited="the kind", within=PATIENCE)

        assert before == [f"the cluster does not serve widgets.{group} in namespace {namespace}"]


@pytest.mark.parametrize("fault", ["cut", "stall", "half_open"])
def test_a_watch_that_is_lost_goes_on_where_it_was(
    relay: Relay, namespace: str, put: Callable[[str], None], fault: str
) -> None:
    with following(relay.kubeconfig(), namespace, silence=SILENCE) as hub:
        hub.listed(PATIENCE)
        until(lambda: listed(relay, namespace) == (1, 1), awaited="the watch", within=PATIENCE)
        put("first")
        sees(hub, "first", namespace)
        getattr(relay, fault)()
        put("second")
        sees(hub, "second", namespace)
        until(lambda: hub.stale is None, awaited="fresh again", within=PATIENCE)
        lists, watches = listed(relay, namespace)

        assert lists == 1
        assert watches >= 2


def test_a_server_that_is_away_leaves_the_last_world_marked_as_old(
    relay: Relay, namespace: str, put: Callable[[str], None]
) -> None:
    with following(relay.kubeconfig(), namespace) as hub:
        hub.listed(PATIENCE)
        put("first")
        sees(hub, "first", namespace)
        relay.refuse()
        relay.cut()
        until(lambda: "refused the connection" in " ".join(hub.notes), awaited="the refusal", within=PATIENCE)
        kept, notes, stale = has(hub, "first", namespace), hub.notes, hub.stale
        put("second")
        relay.accept()
        sees(hub, "second", namespace)
        until(lambda: hub.stale is None, awaited="fresh again", within=PATIENCE)

        assert kept
        assert stale is not None
        assert notes[0].startswith(f"configmaps in namespace {namespace}: as it was at {stale:%H:%M:%S} UTC; ")
        assert (hub.notes, hub.errors) == ([], [])


@pytest.mark.alone
def test_an_api_server_that_restarts(relay: Relay, namespace: str, put: Callable[[str], None]) -> None:
    stop, start = (os.environ.get(f"GONOGO_TEST_APISERVER_{word}") for word in ("STOP", "START"))
    if not stop or not start:
        pytest.skip("GONOGO_TEST_APISERVER_STOP and _START do not name the commands")
    put("first")
    with following(relay.kubeconfig(), namespace) as hub:
        hub.listed(PATIENCE)
        subprocess.run(shlex.split(stop), check=True)
        try:
            until(lambda: hub.stale is not None, awaited="stale", within=PATIENCE)
            kept = has(hub, "first", namespace)
        finally:
            subprocess.run(shlex.split(start), check=True)
        until(lambda: hub.stale is None, awaited="fresh again", within=PATIENCE)
        put("second")
        sees(hub, "second", namespace)

        assert kept
        assert (hub.errors, hub.refusals) == ([], [])


FLOW = "flowcontrol.apiserver.k8s.io"
LEVELS = Kind(FLOW, "v1", "prioritylevelconfigurations", "PriorityLevelConfiguration", False)
SCHEMAS = Kind(FLOW, "v1", "flowschemas", "FlowSchema", False)


@contextmanager
def held_back(cluster: Cluster, namespace: str, name: str, path: Path) -> Iterator[None]:
    """An account whose every request is answered by 429, for the time of the body.

    Its priority level has no seat. An API server lets one request through even then, if no other is at work:
    here that is one whose body never comes.
    """
    nothing = {"nominalConcurrencyShares": 0, "borrowingLimitPercent": 0, "limitResponse": {"type": "Reject"}}
    subject = {"kind": "ServiceAccount", "serviceAccount": {"name": name, "namespace": namespace}}
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": True, "namespaces": ["*"]}
    specs = {
        LEVELS: {"type": "Limited", "limited": nothing},
        SCHEMAS: {
            "matchingPrecedence": 3,
            "priorityLevelConfiguration": {"name": namespace},
            "rules": [{"subjects": [subject], "resourceRules": [everything]}],
        },
    }
    try:
        for kind, spec in specs.items():
            meta = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": namespace}}
            cluster.told("POST", kind.path(), {**meta, "spec": spec})
        schema = SCHEMAS.path(name=namespace)
        until(lambda: (cluster.told("GET", schema) or {})["status"], awaited="the limit", within=PATIENCE)
        with closing(api(path)) as asked:
            way = asked.stream_headers_and_tls(MAPS.path(namespace))
        parts = urlsplit(way.url)
        with closing(HTTPSConnection(parts.hostname or "", parts.port, context=way.tls)) as waiting:
            waiting.putrequest("POST", parts.path)
            for header, value in [*way.headers, ("Content-Type", "application/json"), ("Content-Length", "9")]:
                waiting.putheader(header, value)
            waiting.endheaders()
            yield
    finally:
        for kind in reversed(specs):
            cluster.told("DELETE", kind.path(name=namespace))


def test_whoever_is_held_back_waits_and_is_served(relay: Relay, cluster: Cluster, namespace: str) -> None:
    user = account(cluster, namespace, "reader", rule("configmaps", "list watch create"))
    path = relay.kubeconfig("held", user)

    def limited() -> bool:
        with closing(api(path, check=0.5)) as asked:
            try:
                asked.get(MAPS.path(namespace))
            except ClusterLost as error:
                return "HTTP 429" in str(error)
        return False

    with ExitStack() as limits:
        limits.enter_context(held_back(cluster, namespace, "reader", path))
        until(limited, awaited="the limit at work", within=PATIENCE, every=0.5)
        relay.requests.clear()
        with following(path, namespace) as hub:
            until(lambda: len(relay.requests) >= 2, awaited="a second attempt", within=PATIENCE)
            with pytest.raises(ClusterLost) as raised:
                hub.listed(0.1)
            limits.close()
            until(lambda: hub.world().knows_all("ConfigMap", namespace), awaited="the list", within=PATIENCE)

            # it waits as told, which is no failure
            assert "not listed within 0.1 s: configmaps" in str(raised.value)
            assert hub.errors == []


# -- who may what


def test_an_account_that_is_gone_is_denied_and_another_token_helps(
    relay: Relay, cluster: Cluster, namespace: str, put: Callable[[str], None], tmp_path: Path
) -> None:
    for name in ("one", "two"):
        account(cluster, namespace, name, rule("configmaps", "list watch"))
    file = tmp_path / "token"
    file.write_text(token(cluster, namespace, "one"))
    path = relay.kubeconfig("account", {"tokenFile": str(file)})
    with following(path, namespace) as hub:
        put("first")
        sees(hub, "first", namespace)
        cluster.delete("ServiceAccount", "one", namespace)

        def denied() -> bool:
            relay.cut()
            return any(isinstance(error, Denied) for error in hub.errors)

        until(denied, awaited="the end of the account", within=PATIENCE, every=1)
        kept, stale = has(hub, "first", namespace), hub.stale
        file.write_text(token(cluster, namespace, "two"))
        put("second")
        sees(hub, "second", namespace)

        assert kept
        assert stale is not None
        assert hub.errors == []


def test_a_missing_right_to_list_is_named(kubeconfig: Path, relay: Relay, cluster: Cluster, namespace: str) -> None:
    user = account(cluster, namespace, "reader", rule("configmaps", "watch get"))

    with following(relay.kubeconfig("account", user), namespace) as hub:
        with pytest.raises(Forbidden) as raised:
            hub.listed(PATIENCE)
        hub.listed(PATIENCE, tolerate=(Forbidden,))

        assert str(raised.value) == (
            f'may not list configmaps in namespace "{namespace}"'
            f" (verb list, resource configmaps, namespace {namespace})"
        )
        assert hub.refusals == [raised.value]
        assert not hub.world().knows_all("ConfigMap", namespace)


def test_without_the_right_to_watch_it_asks_again_and_says_so(
    relay: Relay,
    cluster: Cluster,
    namespace: str,
    put: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "POLL", 0.2)
    user = account(cluster, namespace, "reader", rule("configmaps", "list"))

    with following(relay.kubeconfig("account", user), namespace) as hub:
        hub.listed(PATIENCE)
        until(lambda: hub.notes, awaited="the refusal", within=PATIENCE)
        put("later")
        sees(hub, "later", namespace)
        asked = len(relay.requests)
        hub.changed(0)
        until(lambda: len(relay.requests) > asked + 2, awaited="more lists", within=PATIENCE)

        assert not hub.changed(0)
        assert hub.notes == [f"may not watch configmaps in namespace {namespace}: asked again every 0.2 s instead"]
        assert (hub.refusals, hub.stale) == ([], None)


def test_whoever_may_not_see_all_sees_the_namespaces_he_may(
    relay: Relay, cluster: Cluster, namespace: str, put: Callable[[str], None]
) -> None:
    put("mine")
    user = account(
        cluster, namespace, "reader", rule("configmaps", "list watch"), everywhere=[rule("namespaces", "list")]
    )

    with following(relay.kubeconfig("account", user)) as hub:
        hub.ask([ACCOUNTS])
        hub.listed(PATIENCE, tolerate=(Forbidden,))
        (refusal,) = hub.refusals

        assert has(hub, "mine", namespace)
        assert any(note.startswith("configmaps may be listed in 1 of ") for note in hub.notes)
        assert "may not list serviceaccounts in any namespace" in str(refusal)


def test_whoever_sees_no_namespaces_sees_that_of_the_context(
    relay: Relay, cluster: Cluster, namespace: str, put: Callable[[str], None]
) -> None:
    put("mine")
    user = account(cluster, namespace, "reader", rule("configmaps", "list watch"))
    path = relay.kubeconfig("account", user)
    path.write_text(path.read_text().replace('"of-one"', f'"{namespace}"'))

    with following(path) as hub:
        hub.listed(PATIENCE)

        assert has(hub, "mine", namespace)
        assert hub.notes == [f"only namespace {namespace} was looked at: our rights end there"]


def test_a_group_that_we_pretend_to_belong_to_has_its_rights(relay: Relay, cluster: Cluster, namespace: str) -> None:
    account(cluster, namespace, "reader", rule("configmaps", "list"))
    group = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": f"{namespace}-ops"}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    binding = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "ops"}}
    cluster.apply({**binding, "roleRef": reference, "subjects": [group]}, namespace)

    def may(*groups: str) -> bool:
        with closing(api(relay.kubeconfig("pretending", {"as": "jane", "as-groups": ["other", *groups]}))) as asked:
            with suppress(Forbidden):
                return bool(asked.get(MAPS.path(namespace)))
            return False

    assert (may(), may(group["name"])) == (False, True)


# -- the end


def test_a_namespace_that_vanishes_leaves_an_empty_world(
    relay: Relay, cluster: Cluster, namespace: str, put: Callable[[str], None]
) -> None:
    put("mine")
    with following(relay.kubeconfig(), namespace) as hub:
        sees(hub, "mine", namespace)
        cluster.delete("Namespace", namespace)
        until(lambda: not hub.world().of_kind("ConfigMap"), awaited="the end of the namespace", within=PATIENCE)

        assert (hub.errors, hub.stale) == ([], None)


def test_closing_ends_all_threads(relay: Relay, namespace: str) -> None:
    def threads() -> set[str]:
        return {thread.name for thread in threading.enumerate() if thread.name.startswith("gonogo-")}

    with following(relay.kubeconfig(), namespace) as hub:
        hub.ask([ACCOUNTS, NODES])
        hub.listed(PATIENCE)
        running = threads()

    assert len(running) == 3
    assert threads() == set()


def test_a_cluster_is_known_by_its_own_id(kubeconfig: Path, cluster: Cluster) -> None:
    system = cluster.find("Namespace", "kube-system")

    with closing(api(kubeconfig)) as asked:
        assert system is not None
        assert asked.identity() == system["metadata"]["uid"]
