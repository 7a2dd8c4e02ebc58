"""What the client of the whole platform makes of URLs, Services and claims: each fault is seen and blamed right.

Servers are local, with certificates of a test's own authority; commands of pods run in this machine's shell.
"""

from __future__ import annotations

import http.server
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from api_server import Cluster, cluster
from certificates import Authority, Pair
from kubeconfigs import kubeconfig

from fixtures.look import Seen
from fixtures.platform import Platform
from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Kubernetes, load_target
from gonogo.cluster import inside
from gonogo.commands.rbac import rights
from gonogo.core.endpoints import Endpoints, Timeouts
from gonogo.core.errors import ClientError, ConfigError
from gonogo.core.outcomes import Mode, Outcome
from gonogo.providers.existing.access import ClusterAccess

ROOT = Path(__file__).parent.parent
REGISTRY = Registry.load(ROOT)
COMPONENT = REGISTRY.components["platform"]

APP = b"<html><title>MLflow</title></html>"
LOGIN = b'<form><input name="u"><input type="password" name="p"></form>'

Answer = tuple[int, dict[str, str], bytes]


class Web:
    """A server of one port; ``answers`` are by path, ``otherwise`` is what any other host name is answered."""

    def __init__(self, pair: Pair | None) -> None:
        self.answers: dict[str, Answer] = {"/": (200, {}, APP)}
        self.otherwise: Answer = (404, {}, b"nobody")
        self.heads: list[dict[str, str]] = []
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.heads.append({key.lower(): value for key, value in self.headers.items()})
                known = self.headers["Host"].partition(":")[0] in ("localhost", "127.0.0.1")
                status, head, body = web.answers.get(self.path, (404, {}, b"none")) if known else web.otherwise
                self.send_response(status)
                for key, value in {**head, "Content-Length": str(len(body))}.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing is printed."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        scheme = "http"
        if pair is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(pair.certificate, pair.key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            scheme = "https"
        self.server.handle_error = lambda request, address: None  # type: ignore[method-assign]
        self.url = f"{scheme}://localhost:{self.server.server_address[1]}"


@contextmanager
def serving(pair: Pair | None = None) -> Iterator[Web]:
    web = Web(pair)
    thread = threading.Thread(target=web.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield web
    finally:
        web.server.shutdown()
        web.server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


POD: dict[str, Any] = {
    "spec": {"containers": [{"name": "istio-proxy"}, {"name": "server"}]},
    "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
}


@pytest.fixture
def held() -> Iterator[Cluster]:
    """A cluster with a pod that asks, and a consumer."""
    with cluster(spaces=["data", "ml", "kube-system"]) as held:
        held.put("Pod", "ml", "asker", labels={"app": "asker"}, **POD)
        held.put("Pod", "ml", "mlflow", labels={"app": "mlflow"}, **{**POD, "spec": {"containers": [{"name": "main"}]}})
        yield held


Ask = Callable[..., Platform]


@pytest.fixture
def ask(held: Cluster, tmp_path: Path) -> Iterator[Ask]:
    """A client of that cluster."""
    config = kubeconfig(tmp_path / "config", server=held.url)
    timeouts = Timeouts(connect=2, check=10)
    access = ClusterAccess(Kubernetes(kubeconfig=str(config), namespaces=("data", "ml")), timeouts)

    def asked(*urls: dict[str, str], ca: Path | None = None, **expect: Any) -> Platform:
        told = {**COMPONENT.expect, "urls": [{"name": "mlflow", **one} for one in urls], **expect}
        addresses = {"inside": "ml/app=asker", **({"ca": str(ca)} if ca else {})}
        return Platform(Endpoints("platform", addresses, expect=told, timeouts=timeouts, cluster=access))

    with closing(access):
        yield asked


@pytest.fixture(params=["curl", "python3"])
def tool(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Commands in pods run in this machine's shell, which finds this program and no other."""
    return in_pods(monkeypatch, tmp_path, request.param)


def in_pods(monkeypatch: pytest.MonkeyPatch, folder: Path, *programs: str) -> str:
    bin = folder / "bin"
    bin.mkdir()
    for name in programs:
        found = shutil.which(name, path="/usr/bin:/bin:/usr/local/bin") or shutil.which(name)
        if found is None:
            pytest.skip(f"{name} is not installed")
        (bin / name).symlink_to(found)

    def executed(api: Any, namespace: str, pod: str, container: str, command: str) -> inside.Done:
        assert container != "istio-proxy"
        env = {"PATH": str(bin)}
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, env=env, check=False)
        return inside.Done(done.returncode, done.stdout, done.stderr)

    monkeypatch.setattr(inside, "executed", executed)
    return programs[0] if programs else ""


def cause(question: Callable[[], Seen]) -> tuple[str, str]:
    """Outcome and cause of a question; a pass has none."""
    try:
        seen = question()
    except ClientError as error:
        return str(error.outcome), error.signature
    return ("failed", seen.cause) if seen.wrong else ("passed", "")


# -- what answers


PAGES: dict[str, tuple[dict[str, Answer], str]] = {
    "right": ({}, ""),
    "a default backend": ({"/": (404, {}, b"nobody")}, "default_backend"),
    "a backend without servers": ({"/": (503, {}, b"no server")}, "unavailable"),
    "a path that is not": ({"/": (404, {}, b"MLflow: no such page")}, "page_missing"),
    "another application": ({"/": (200, {}, b"<title>Grafana</title>")}, "other_application"),
    "a login of another": ({"/": (200, {}, LOGIN)}, "login_of_another"),
    "nothing without credentials": ({"/": (401, {}, APP)}, "credentials_wanted"),
    "a redirect within": ({"/": (302, {"Location": "/app"}, b""), "/app": (200, {}, APP)}, ""),
    "a redirect elsewhere": ({"/": (302, {"Location": "https://evil.example/?token=x"}, b"")}, "redirects_elsewhere"),
    "a ring": ({"/": (302, {"Location": "/"}, b"")}, "redirects_without_end"),
}


@pytest.mark.parametrize("case", PAGES)
def test_what_answers_a_url_is_told_from_its_application(ask: Ask, case: str) -> None:
    pages, expected = PAGES[case]
    with serving() as web:
        web.answers |= pages

        found = cause(ask({"url": web.url, "shows": "<title>MLflow</title>"}).outside)

    assert found == (("failed", f"platform.{expected}") if expected else ("passed", ""))


@pytest.mark.parametrize("case", PAGES)
def test_the_same_is_told_from_inside(ask: Ask, tool: str, case: str) -> None:
    pages, expected = PAGES[case]
    with serving() as web:
        web.answers |= pages

        found = cause(ask({"inside": web.url, "shows": "<title>MLflow</title>"}).inside)

    assert found == (("failed", f"platform.{expected}") if expected else ("passed", ""))


def test_a_login_elsewhere_is_right_where_it_is_named_and_nothing_is_sent_there(ask: Ask) -> None:
    with serving() as web:
        web.answers["/"] = 302, {"Location": "https://sso.invalid/login?state=1"}, b""

        assert cause(ask({"url": web.url, "login": "sso.invalid"}).outside) == ("passed", "")
        assert cause(ask({"url": web.url, "login": "other.invalid"}).outside)[1] == "platform.redirects_elsewhere"

        web.answers["/"] = 200, {}, APP
        assert cause(ask({"url": web.url, "login": "sso.invalid"}).outside)[1] == "platform.login_missing"
    assert not any({"authorization", "cookie"} & head.keys() for head in web.heads)


# -- TLS


def issued(authority: Authority, case: str, tmp_path: Path) -> Pair:
    now = datetime.now(UTC)
    if case == "expired":
        return authority.issue("localhost", ends=now - timedelta(days=1))
    if case == "wrong name":
        return authority.issue("other.example")
    if case == "unknown authority":
        (tmp_path / "other").mkdir()
        return Authority(tmp_path / "other").issue("localhost")
    return authority.issue("localhost")


TLS = {
    "right": "",
    "expired": "certificate_expired",
    "wrong name": "certificate_wrong_name",
    "unknown authority": "authority_unknown",
}


@pytest.mark.parametrize("case", TLS)
def test_a_certificate_that_users_cannot_trust_is_told(
    ask: Ask, authority: Authority, tmp_path: Path, case: str
) -> None:
    with serving(issued(authority, case, tmp_path)) as web:
        found = cause(ask({"url": web.url, "shows": "MLflow"}, ca=authority.file).outside)

    assert found == (("failed", f"platform.{TLS[case]}") if TLS[case] else ("passed", ""))


@pytest.mark.parametrize("case", TLS)
def test_a_certificate_that_programs_cannot_trust_is_told(
    ask: Ask, authority: Authority, tmp_path: Path, tool: str, case: str
) -> None:
    with serving(issued(authority, case, tmp_path)) as web:
        found = cause(ask({"inside": web.url, "shows": "MLflow"}, ca=authority.file).inside)

    expected = "tls_untrusted" if (tool, case) == ("curl", "wrong name") else TLS[case]  # curl tells no more
    assert found == (("failed", f"platform.{expected}") if expected else ("passed", ""))


def test_a_redirect_from_https_to_http_is_told(ask: Ask, authority: Authority) -> None:
    with serving(authority.issue("localhost")) as web:
        web.answers["/"] = 301, {"Location": web.url.replace("https", "http")}, b""

        found = cause(ask({"url": web.url, "shows": "MLflow"}, ca=authority.file).outside)

    assert found == ("failed", "platform.redirects_to_plain")


def test_https_to_a_port_that_speaks_none_is_told(ask: Ask, tool: str) -> None:
    with serving() as web:
        url = web.url.replace("http", "https")
        client = ask({"url": url, "inside": url, "shows": "MLflow"})

        assert cause(client.outside) == ("failed", "platform.tls_not_spoken")
        assert cause(client.inside) == ("failed", "platform.tls_not_spoken")


@pytest.mark.parametrize(("days", "faults"), [(1, 1), (60, 0)])
def test_a_certificate_that_ends_soon_is_told(ask: Ask, authority: Authority, days: int, faults: int) -> None:
    with serving(authority.issue("localhost", ends=datetime.now(UTC) + timedelta(days=days, minutes=1))) as web:
        line = ask({"url": web.url, "shows": "MLflow"}, ca=authority.file).ending()

    assert len(line.faults) == faults


# -- what does not answer, or is not asked for


def closed() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def test_who_does_not_answer_is_never_right(ask: Ask, tool: str) -> None:
    port = closed()

    for url, expected in (
        (f"http://localhost:{port}", ("failed", "platform.connection_refused")),
        ("http://nobody.invalid", ("failed", "platform.name_unresolved")),
    ):
        client = ask({"url": url, "inside": url, "shows": "MLflow"})
        assert cause(client.outside) == expected
        assert cause(client.inside) == expected


def test_silence_is_not_known(ask: Ask, tool: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://localhost:{silent.getsockname()[1]}"
        client = ask({"inside": url, "shows": "MLflow"})

        assert cause(client.inside) == ("broken", "platform.timed_out")


def test_what_is_not_named_is_missing(ask: Ask) -> None:
    client = ask()

    for question in (client.outside, client.inside, client.ending, client.unreached, client.storage):
        assert cause(question) == ("missing", "platform.not_configured")
    assert cause(ask({"url": "http://localhost"}).outside) == ("missing", "platform.not_configured")
    with pytest.raises(ConfigError, match="urls"):
        ask({"ulr": "http://localhost"}).outside()


def test_without_a_program_in_the_pod_nothing_is_known(
    ask: Ask, held: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    in_pods(monkeypatch, tmp_path)
    service(held)
    reach = [{"consumer": "ml/app=mlflow", "providers": ["data/db:5432"]}]
    client = ask({"inside": "http://localhost", "shows": "MLflow"}, reach=reach)

    assert cause(client.inside) == cause(client.unreached) == ("broken", "platform.not_askable")


def test_without_a_pod_that_asks_nothing_is_known(ask: Ask, held: Cluster) -> None:
    held.remove("Pod", "ml", "asker")

    with pytest.raises(ClientError) as raised:
        ask().answers()

    assert raised.value.outcome is Outcome.BROKEN


# -- who reaches whom


def service(held: Cluster, *, ready: bool = True, port: int = 5432) -> None:
    held.put("Service", "data", "db", spec={"selector": {"app": "db"}, "ports": [{"name": "sql", "port": port}]})
    endpoints = [{"addresses": ["10.0.0.1"], "conditions": {"ready": ready}}]
    held.put("EndpointSlice", "data", "db-1", labels={"kubernetes.io/service-name": "db"}, endpoints=endpoints)


def answering(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    monkeypatch.setattr(inside, "executed", lambda *told: inside.Done(code, b"", b""))


def pair(provider: str = "data/db:5432") -> list[dict[str, Any]]:
    return [{"consumer": "ml/app=mlflow", "providers": [provider]}]


@pytest.mark.parametrize(
    ("provider", "ready", "policy", "code", "expected"),
    [
        ("data/db:5432", True, "", 0, ""),
        ("data/db:sql", True, "", 0, ""),
        ("data/nobody:5432", True, "", 6, "provider_absent"),
        ("data/db:5433", True, "", 7, "port_wrong"),
        ("data/db:5432", False, "", 7, "provider_empty"),
        ("data/db:5432", True, "", 6, "name_unknown_inside"),
        ("data/db:5432", True, "data", 28, "policy_in_the_way"),
        ("data/db:5432", True, "ml", 28, "policy_in_the_way"),
        ("data/db:5432", True, "", 7, "unreachable_inside"),
    ],
)
def test_a_pair_without_a_connection_is_blamed_on_what_it_is(
    ask: Ask, held: Cluster, monkeypatch: pytest.MonkeyPatch,
    provider: str, ready: bool, policy: str, code: int, expected: str,
) -> None:  # fmt: skip
    service(held, ready=ready)
    other = {"podSelector": {"matchLabels": {"app": "other"}}, "policyTypes": ["Ingress", "Egress"]}
    held.put("NetworkPolicy", "data", "other", spec=other)
    if policy:
        way = "Ingress" if policy == "data" else "Egress"
        held.put("NetworkPolicy", policy, "deny", spec={"podSelector": {}, "policyTypes": [way]})
    answering(monkeypatch, code)

    found = cause(ask(reach=pair(provider)).unreached)

    assert found == (("failed", f"platform.{expected}") if expected else ("passed", ""))


def test_a_consumer_in_a_mesh_proves_nothing(ask: Ask, held: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    service(held)
    answering(monkeypatch, 0)
    reach = [{"consumer": "ml/app=asker", "providers": ["data/db:5432"]}]

    assert cause(ask(reach=reach).unreached) == ("broken", "platform.not_askable")


def test_a_consumer_that_is_not_there_proves_nothing(ask: Ask, held: Cluster) -> None:
    held.remove("Pod", "ml", "mlflow")

    assert cause(ask(reach=pair()).unreached) == ("broken", "platform.not_askable")


@pytest.mark.parametrize("programs", [("python3",), ("bash", "timeout", "getent")])
def test_a_connection_is_tried_by_what_the_pod_has(
    ask: Ask, held: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, programs: tuple[str, ...]
) -> None:
    in_pods(monkeypatch, tmp_path, *programs)
    client = ask()
    pod = held.get("Pod", "ml", "mlflow")

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        codes = [client.connected(pod, host, port) for host in ("localhost", "nobody.invalid")]

    assert [*codes, client.connected(pod, "localhost", str(closed()))] == [0, 6, 7]


# -- storage, rights


def claim(held: Cluster, name: str, size: str, of: str = "standard") -> None:
    held.put(
        "PersistentVolumeClaim", "data", name, spec={"storageClassName": of}, status={"capacity": {"storage": size}}
    )


def test_claims_are_held_against_the_plan(ask: Ask, held: Cluster) -> None:
    assert cause(ask(storage_gib=10).storage) == ("broken", "platform.not_askable")

    claim(held, "a", "8Gi")
    claim(held, "b", "2Gi", of="slow")

    assert cause(ask(storage_gib=10).storage) == ("passed", "")
    assert cause(ask(storage_gib=11).storage) == ("failed", "platform.storage_less")
    assert cause(ask(storage_class="standard").storage) == ("failed", "platform.class_differs")


def test_a_right_that_is_missing_is_no_empty_list(ask: Ask, held: Cluster) -> None:
    held.refused |= {"list pods", "list persistentvolumeclaims"}

    assert cause(ask(storage_gib=10).storage) == ("broken", "platform.right_missing")
    assert cause(ask(reach=pair()).unreached) == ("broken", "platform.right_missing")


def test_rights_say_that_commands_run_in_pods(tmp_path: Path) -> None:
    file = tmp_path / "there.toml"
    file.write_text(
        '[target]\nname = "there"\nprovider = "existing"\ncapabilities = ["kubernetes", "exec"]\n'
        '[kubernetes]\ncontext = "c"\nnamespaces = ["ml"]\n[components.platform]\ninside = "ml/app=asker"\n'
    )

    found = rights(REGISTRY, load_target(str(file), ROOT, REGISTRY), Mode.READ)

    assert {(g.namespace, g.verb) for g in found if g.resource == "pods/exec"} == {("ml", "get"), ("ml", "create")}
