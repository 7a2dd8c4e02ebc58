"""``suites/platform``, ``suites/istio`` and what is planned, on a running cluster: right where it is right, else red.

URLs are of a pod that serves TLS: from outside at a node port, so that a node has to be this machine, else skipped.
No Istio is there: labels, ages and Services are a cluster's own, its control plane is missing.
"""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
import yaml
from certificates import Authority, Pair
from cluster.accounts import account
from cluster.live import Cluster
from cluster.outside import address
from cluster.standing import ROOT
from kubeconfigs import kubeconfig as written

from gonogo.core.waiting import until

SERVER = """
import http.server, ssl, sys, threading
PAGES = {
    "/": (200, "", "<title>MLflow</title>"),
    "/app": (302, "/", ""),
    "/login": (200, "", '<form><input type="password"></form>'),
    "/plain": (302, "http://web.invalid/", ""),
    "/elsewhere": (302, "https://sso.invalid/?state=1", ""),
}
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status, location, body = PAGES.get(self.path, (404, "", "nobody serves this"))
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *told):
        pass
def serve(port, name):
    server = http.server.ThreadingHTTPServer(("0.0.0.0", port), Handler)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(f"/tls/{name}.crt", f"/tls/{name}.key")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()
for port, name in ((8444, "expired"), (8445, "other")):
    threading.Thread(target=serve, args=(port, name), daemon=True).start()
serve(8443, "right")
"""

MANIFEST = """
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: web
    image: ${image}
    command: [python3, /server/server.py]
    readinessProbe: {tcpSocket: {port: 8443}, periodSeconds: 1}
    volumeMounts: [{name: server, mountPath: /server}, {name: tls, mountPath: /tls}]
  volumes: [{name: server, configMap: {name: server}}, {name: tls, secret: {secretName: tls}}]
---
apiVersion: v1
kind: Pod
metadata: {name: asker, labels: {app: asker}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: main, image: "${image}", command: [sleep, "3600"]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{name: right, port: 8443}, {name: expired, port: 8444}, {name: other, port: 8445}]
---
apiVersion: v1
kind: Service
metadata: {name: empty}
spec: {selector: {app: nobody}, ports: [{name: query-port, port: 9030}]}
---
apiVersion: v1
kind: Service
metadata: {name: deaf}
spec: {selector: {app: web}, ports: [{port: 9999}]}
"""

Outcomes = dict[str, tuple[str, str]]


class Platform:
    """The suites, asked about one namespace."""

    def __init__(self, cluster: Cluster, namespace: str, host: str, ca: Path, folder: Path) -> None:
        self.cluster, self.namespace, self.host, self.ca, self.folder = cluster, namespace, host, ca, folder
        self.config, self.noted = str(cluster.kubeconfig), dict[str, dict[str, Any]]()
        self.said: dict[str, str] = {}
        found = cluster.find("Service", "web", namespace) or {}
        self.ports = {one["name"]: one["nodePort"] for one in found["spec"]["ports"]}

    def url(self, path: str = "/", port: str = "right", **more: str) -> dict[str, str]:
        """From outside."""
        url = f"https://{self.host}:{self.ports[port]}{path}"
        return {"name": path + port, "url": url, "shows": "MLflow", **more}

    def within(self, path: str = "/", port: int = 8443, **more: str) -> dict[str, str]:
        """From inside."""
        url = f"https://web.{self.namespace}.svc:{port}{path}"
        return {"name": f"{path}{port}", "inside": url, "shows": "MLflow", **more}

    def ask(self, suite: str, **expect: Any) -> Outcomes:
        """Criterion to outcome and cause."""
        target = self.folder / "target.toml"
        uid = (self.cluster.find("Namespace", "kube-system") or {})["metadata"]["uid"]
        told = "\n".join(f"{key} = {_toml(value)}" for key, value in expect.items())
        named = {
            "platform": f'inside = "{self.namespace}/app=asker"\nca = "{self.ca}"',
            "istio": 'namespace = "nowhere"',
        }
        target.write_text(
            f"""
[target]
name = "there"
provider = "existing"
capabilities = ["kubernetes", "exec"]
[kubernetes]
kubeconfig = {json.dumps(self.config)}
identity = "{uid}"
namespaces = ["{self.namespace}"]
[limits]
connect = 10
check = 60
[components.{suite}]
{named.get(suite, "")}
[components.{suite}.expect]
{told}
"""
        )
        command = [
            sys.executable,
            "-m",
            "pytest",
            f"suites/{suite}",
            "--target",
            str(target),
            "--out",
            str(self.folder),
        ]
        done = subprocess.run([*command, "-q"], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done.stderr + done.stdout
        results = json.loads((self.folder / "results.json").read_text())
        causes: dict[str, str] = {}
        self.noted, self.said = {}, {}
        for check in results["checks"]:
            for id in check["criteria"]:
                causes[id] = (check["cause"] or {}).get("signature", "")
                self.said[id] = check["message"] or ""
                for one in check["evidence"]:
                    if one["text"].startswith("{"):
                        self.noted[id] = json.loads(one["text"])
        return {
            c["id"]: (c["outcome"], causes.get(c["id"], "").partition(".")[2])
            for c in results["criteria"]
            if c["component"] == suite
        }


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)


@pytest.fixture(scope="module")
def platform(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A namespace with a server of TLS, one who asks, and Services right and wrong."""
    host = address(cluster)
    if not host:
        pytest.skip("no node of this cluster is this machine, so that its node ports are not outside")
    folder = tmp_path_factory.mktemp("platform")
    authority, name = Authority(folder), f"gonogo-test-{token_hex(3)}-itself"
    names, past = (host, f"web.{name}.svc"), datetime.now(UTC) - timedelta(days=1)
    pairs: dict[str, Pair] = {}
    data: dict[str, str] = {}
    for key, issue in (("right", {}), ("expired", {"ends": past}), ("other", {})):
        pairs[key] = authority.issue(*(("other.example",) if key == "other" else names), **issue)
        data |= {f"{key}.crt": _base64(pairs[key].certificate), f"{key}.key": _base64(pairs[key].key)}
    with cluster.namespace(name):
        for kind, obj, content in (("ConfigMap", "server", {"server.py": SERVER}), ("Secret", "tls", data)):
            cluster.apply({"apiVersion": "v1", "kind": kind, "metadata": {"name": obj}, "data": content}, name)
        for one in cluster.objects(MANIFEST, name):
            cluster.apply(one, name)
        for pod in ("web", "asker"):
            cluster.wait("Pod", READY, name=pod, namespace=name, within=120)
        found = Platform(cluster, name, host, authority.file, folder)
        for port in found.ports.values():  # kube-proxy follows the endpoints
            until(lambda port=port: _open(host, port), awaited=f"node port {port}", within=60, every=0.3)
        yield found


READY = "status.conditions[?type == 'Ready' && status == 'True']"


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _open(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 5).close()
    except OSError:
        return False
    return True


def test_what_is_as_it_should_be_passes(platform: Platform) -> None:
    found = platform.ask(
        "platform",
        urls=[platform.url(), platform.url("/app"), platform.within(), platform.within("/app")],
        reach=[{"consumer": f"{platform.namespace}/app=asker", "providers": [f"{platform.namespace}/web:right"]}],
        certificate_days=0.5,
    )

    missing = {"platform.storage": ("missing", "not_configured")}
    assert found == {**dict.fromkeys(found, ("passed", "")), **missing}, platform.said
    assert {"platform.answers", "platform.urls", "platform.urls_inside", "platform.certificates"} <= found.keys()


def test_each_fault_is_told_from_outside_and_inside(platform: Platform) -> None:
    space = platform.namespace
    faults = {
        "/login": "login_of_another",
        "/nobody": "default_backend",
        "/plain": "redirects_to_plain",
        "/elsewhere": "redirects_elsewhere",
    }
    providers = {"nobody:80": "provider_absent", "web:80": "port_wrong", "empty:9030": "provider_empty"}
    providers |= {"deaf:9999": "unreachable_inside"}

    found = platform.ask(
        "platform",
        urls=[
            *map(platform.url, faults),
            *map(platform.within, faults),
            platform.url(port="expired"),
            platform.url(port="other"),
            platform.within(port=8444),
            platform.within(port=8445),
        ],
        reach=[{"consumer": f"{space}/app=asker", "providers": [f"{space}/{one}" for one in providers]}],
        storage_gib=1,
    )

    outside = {**{one + "right": cause for one, cause in faults.items()}, "/expired": "certificate_expired"}
    inside = {**{one + "8443": cause for one, cause in faults.items()}, "/8444": "certificate_expired"}
    outside["/other"] = inside["/8445"] = "certificate_wrong_name"
    told = {"platform.urls": outside, "platform.urls_inside": inside}
    for id, expected in told.items():
        seen = platform.noted[id]
        causes = {key.partition(" ")[0]: cause.partition(".")[2] for key, cause in seen.items()}
        assert causes == expected, seen
        assert found[id][0] == "failed"
    row = platform.noted["platform.reach"][f"{space}/app=asker"]
    assert {key.partition("/")[2]: cause.partition(".")[2] for key, cause in row.items()} == providers, row
    assert found["platform.reach"] == ("failed", "provider_empty")
    assert found["platform.certificates"] == ("failed", "certificate_ends")
    assert found["platform.storage"] == ("broken", "not_askable")


def test_a_planned_workload_that_is_missing_is_told(platform: Platform) -> None:
    workloads = [{"kind": "Deployment", "name": f"{platform.namespace}/doris", "pods": 3}]

    found = platform.ask("health", workloads=workloads, planned=27)

    assert found["health.expected"] == ("failed", "workload_missing")
    said = platform.said["health.expected"]
    assert "27 planned, 0 ready" in said
    assert "24 planned pods are of no workload" in said


def test_an_account_without_the_rights_is_told_which(platform: Platform) -> None:
    user = account(platform.cluster, platform.namespace, "nobody")
    api = yaml.safe_load(platform.cluster.kubeconfig.read_text())["clusters"][0]["cluster"]
    more = {key: value for key, value in api.items() if key != "server"}
    platform.config = str(written(platform.folder / "config", server=api["server"], user=user, cluster=more))
    try:
        found = platform.ask("platform", urls=[platform.url()]) | platform.ask("istio", injected=[platform.namespace])
    finally:
        platform.config = str(platform.cluster.kubeconfig)

    lacking = ("broken", "right_missing")
    assert (found["platform.answers"], found["istio.answers"]) == (lacking, lacking), platform.said
    assert "passed" not in {outcome for outcome, _ in found.values()}


def test_injection_is_told_by_labels_ages_and_services(platform: Platform) -> None:
    space, cluster = platform.namespace, platform.cluster
    unlabelled = platform.ask("istio", injected=[space])
    created = cluster.find("Pod", "asker", space) or {}
    made = datetime.fromisoformat(created["metadata"]["creationTimestamp"])
    # times of the API server are whole seconds
    until(lambda: datetime.now(UTC) - made > timedelta(seconds=2), awaited="a later second", within=30, every=0.2)
    cluster.change("Namespace", space, "", {"metadata": {"labels": {"istio-injection": "enabled"}}})
    try:
        cluster.apply({**cluster.objects(MANIFEST, space)[1], "metadata": {"name": "young"}}, space)

        labelled = platform.ask("istio", injected=[space])
    finally:
        cluster.change("Namespace", space, "", {"metadata": {"labels": {"istio-injection": None}}})

    assert unlabelled["istio.injected"] == ("failed", "label_missing")
    assert unlabelled["istio.server_first"] == ("broken", "not_askable")
    assert labelled["istio.control"] == ("failed", "part_missing")
    assert labelled["istio.injected"] == ("failed", "pod_older")
    assert f"pod {space}/asker was made at" in platform.said["istio.injected"]
    assert f"pod {space}/young has no sidecar" in platform.said["istio.injected"]
    assert labelled["istio.server_first"] == ("failed", "protocol_unnamed")
    assert labelled["istio.clients"] == ("missing", "not_configured")
