"""What comes from an API server or a file is part of a path only where it is a name, and only by one way."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from pathlib import Path as File
from typing import Any

import pytest
from kubeconfigs import api, kubeconfig
from scripted import Reply, answers, serving
from streaming import SPDY, Cluster

from gonogo.catalog.target import SECRET, SERVICE, Kubernetes
from gonogo.cluster import survey
from gonogo.cluster.api import KINDS, Kind
from gonogo.cluster.forward import Forwards
from gonogo.cluster.forward.choose import Destination, advertised, behind
from gonogo.cluster.hub import Hub
from gonogo.cluster.inside import executed
from gonogo.cluster.judge import World
from gonogo.cluster.kubeconfig import chosen
from gonogo.cluster.paths import Path, selector
from gonogo.core.errors import ClientError, ConfigError, Garbled, Unresolved
from gonogo.core.names import fits_a_header, is_label, is_selector, is_subdomain

COMMAND = "web-0/exec?command=rm&command=-rf&command=/data&stdout=true&x="
NO_NAMES = [
    *("", ".", "..", "../../../../api/v1/namespaces/data/secrets/queue", "a/b", "a%2fb", "a?b", "a#b", "a b", "a\n"),
    *("-a", "a-", "a.", ".a", "a..b", "a.-b", "a_b", "a:b", "é", "A", "a" * 254, COMMAND, "a\x00", "a\\b", "a;b"),
]


@pytest.mark.parametrize("text", NO_NAMES)
def test_what_is_no_name_is_no_part_of_a_path(text: str) -> None:
    for make in (
        lambda: Path("api", "v1", "namespaces", text),
        lambda: KINDS["Pod"].path("data", text),
        lambda: KINDS["Pod"].path("data", text, "log"),
        lambda: KINDS["Pod"].path("data", "web-0", text or " "),
        lambda: KINDS["Pod"].path(text, "web-0"),
        lambda: Kind(text or " ", "v1", "kafkas", "Kafka", True).path(),
        lambda: Kind("kafka.strimzi.io", text, "kafkas", "Kafka", True).path(),
        lambda: Kind("kafka.strimzi.io", "v1", text, "Kafka", True).path(),
    ):
        with pytest.raises(Garbled, match="which is no name; nothing was asked of it"):
            make()
    assert not SERVICE.fullmatch(f"{text}/web:80")
    assert not SERVICE.fullmatch(f"data/{text}:80")
    assert not SECRET.fullmatch(f"{text}/queue#password")
    assert not SECRET.fullmatch(f"data/{text}#password")


@pytest.mark.parametrize("what", [None, 7, ["web-0"], {"name": "web-0"}, b"web-0"])
def test_what_is_no_text_is_no_name(what: Any) -> None:
    with pytest.raises(Garbled, match="which is no name"):
        Path("api", what)


def test_names_are_as_long_as_kubernetes_lets_them_be() -> None:
    assert (is_label("a" * 63), is_label("a" * 64), is_label("a.b")) == (True, False, False)
    assert (is_subdomain("a" * 253), is_subdomain("a" * 254), is_subdomain("0.a-1.b")) == (True, False, True)


@pytest.mark.parametrize("port", ["0", "00080", "65536", "99999", "-1", "8 0", "٣", "1e3", "80\n"])
def test_a_port_is_one_that_a_server_can_have(port: str) -> None:
    assert not SERVICE.fullmatch(f"data/web:{port}")
    assert SERVICE.fullmatch("data/web:65535")


@pytest.mark.parametrize("text", ["d/web:80/x", "d/pod/web:99999", "d/pod/../x:80", "d/web:http/x", "d/w:-"])
def test_a_reference_is_made_of_names(text: str) -> None:
    with pytest.raises(ConfigError, match="is no port of a Service or pod"):
        Destination.read(text)


@pytest.mark.parametrize("label", [{"a": "web,tier"}, {"a": "web)"}, {"a=b,c": "d"}, {"a ": "web"}, {"a/b/c": "d"}])
def test_a_label_selects_nothing_else(label: dict[str, str]) -> None:
    with pytest.raises(Garbled, match="which is no label"):
        selector(label)


def test_labels_are_joined_as_the_api_server_reads_them() -> None:
    assert selector({"b": "", "app.kubernetes.io/name": "Web_1"}) == "app.kubernetes.io/name=Web_1,b="
    assert is_selector("a", "b")
    assert not is_selector("a", "b=c")


@pytest.mark.parametrize(("text", "fits"), [("Bearer abc", True), ("a\nb", False), ("a\rb", False), ("é", False)])
def test_what_fits_a_header(text: str, fits: bool) -> None:
    assert fits_a_header(text) is fits


# -- from an answer to a request


def slices(name: Any = "web-0", port: Any = 5432) -> dict[str, Any]:
    endpoint = {"addresses": ["10.1.0.1"], "conditions": {"ready": True}, "targetRef": {"kind": "Pod", "name": name}}
    return {"items": [{"endpoints": [endpoint], "ports": [{"name": "http", "port": port}]}]}


def service(**spec: Any) -> dict[str, Any]:
    given = {"ports": [{"name": "http", "port": 80}], "selector": {"app": "web"}, **spec}
    return {"metadata": {"name": "web", "namespace": "data"}, "spec": given}


SLICES = "/apis/discovery.k8s.io/v1/namespaces/data/endpointslices"
BEHIND_WEB = f"{SLICES}?kubernetes.io/service-name=web"
WEB = "/api/v1/namespaces/data/services/web"


def test_the_target_of_a_slice_is_no_request_of_another_kind() -> None:
    with closing(Cluster((SPDY,))) as cluster, closing(Forwards(cluster)) as ways:  # type: ignore[arg-type]
        cluster.objects |= {WEB: service(), BEHIND_WEB: slices(COMMAND)}
        address = ways.address("data/web:80")

        with socket.create_connection(address, timeout=20) as client, pytest.raises(ConnectionResetError):
            client.recv(1)

        assert [path for path in cluster.asked if "exec" in path or "portforward" in path] == []
        assert isinstance(ways.fault(address), Garbled)


@pytest.mark.parametrize("port", [-1, 65536, 10**30])
def test_a_pod_is_no_port_that_cannot_be(port: int) -> None:
    with closing(Cluster((SPDY,))) as cluster:
        cluster.objects |= {WEB: service(), BEHIND_WEB: slices(port=port)}

        with pytest.raises(Garbled):
            behind(cluster, Destination.read("data/web:80"))  # type: ignore[arg-type]


def test_a_selector_of_a_service_is_no_other_question() -> None:
    with closing(Cluster((SPDY,))) as cluster:
        cluster.objects |= {WEB: service(selector={"app": "web,tier notin (x)"}), BEHIND_WEB: {"items": []}}

        with pytest.raises(Garbled, match="no label"):
            behind(cluster, Destination.read("data/web:80"))  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["a/b.data.svc", "web.data/../x.svc", "web?x.data.svc", "..svc", "web.d%61ta.svc"])
def test_an_advertised_name_that_is_none_is_not_of_the_cluster(host: str) -> None:
    with closing(Cluster((SPDY,))) as cluster:
        with pytest.raises(Unresolved):
            advertised(cluster, host, 80, ["data"])  # type: ignore[arg-type]

        assert cluster.asked == []


@pytest.mark.parametrize("name", ["..", "kafkas?x", "kafkas%2fx"])
def test_a_discovered_kind_is_listed_by_a_name_alone(tmp_path: File, name: str) -> None:
    group = {"name": "kafka.strimzi.io", "preferredVersion": {"version": "v1"}}
    resource = {"name": name, "kind": "Kafka", "namespaced": True}
    replies = {
        "GET /apis": answers({"groups": [group]}),
        "GET /apis/kafka.strimzi.io/v1": answers({"resources": [resource]}),
    }
    with serving(replies) as script, closing(api(kubeconfig(tmp_path / "config", server=script.url))) as asked:
        kinds, _ = survey.custom_kinds(asked)
        with closing(Hub(asked, ["data"], follow=False)) as hub:
            hub.ask(kinds)
            hub.listed(10, tolerate=(ClientError,))
            errors = hub.errors

    assert {line.partition("?")[0] for line, _ in script.asked} == set(replies)
    assert [type(error) for error in errors] == [Garbled]


def test_the_log_of_what_is_no_pod_is_not_asked_for(tmp_path: File) -> None:
    ended = {"name": "app", "ready": False, "state": {"terminated": {"exitCode": 1}}, "restartCount": 1}
    pod = {"metadata": {"name": COMMAND, "namespace": "data"}, "status": {"containerStatuses": [ended]}}

    class Seen:
        def world(self, *_: object, **__: object) -> World:
            return World.of(shaped_objects=[{"kind": "Pod", "apiVersion": "v1", **pod}], now=None, complete=())  # type: ignore[arg-type]

    with serving({}) as script, closing(api(kubeconfig(tmp_path / "config", server=script.url))) as asked:
        logs = survey.Logs(asked)
        logs.world(Seen())  # type: ignore[arg-type]

    assert script.asked == []


def test_a_command_is_run_in_what_is_a_pod_or_nowhere(tmp_path: File) -> None:
    with serving({}) as script, closing(api(kubeconfig(tmp_path / "config", server=script.url))) as asked:
        with pytest.raises(Garbled):
            executed(asked, "data", "web-0/log", "app", "true")

        assert script.asked == []


def test_a_context_lies_in_what_can_be_a_namespace(tmp_path: File) -> None:
    path = kubeconfig(tmp_path / "config")
    content = json.loads(path.read_text())
    content["contexts"][0]["context"]["namespace"] = "../x"
    path.write_text(json.dumps(content))

    with pytest.raises(ConfigError, match=r"context 'one' names what can be no namespace: '\.\./x'"):
        chosen(Kubernetes(kubeconfig=str(path)), {})


def test_a_text_is_no_path(tmp_path: File) -> None:
    with serving({"GET /api/v1/pods": [Reply(body="{}")]}) as script:
        with closing(api(kubeconfig(tmp_path / "config", server=script.url))) as asked:
            for ask in (asked.get, asked.stream_headers_and_tls):
                with pytest.raises(TypeError, match="was not made of names"):
                    ask("/api/v1/pods")  # type: ignore[operator]

        assert script.asked == []
