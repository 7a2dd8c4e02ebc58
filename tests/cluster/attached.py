"""A small platform in a namespace, and gonogo attached to it: a web server with a password, and the cluster itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

from repositories import STANDS_ALONE

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Target, load_target
from gonogo.checks.journal import Journal, new_run_id
from gonogo.core.outcomes import Mode
from gonogo.providers.choose import provider_for
from gonogo.providers.existing.cluster import ExistingCluster
from gonogo.run.platform import Platform
from gonogo.run.standing import Standing

ROOT = Path(__file__).parents[2]
PASSWORD = "correct-horse"

SERVER = """
import base64, http.server, os
wanted = "Basic " + base64.b64encode(("web:" + os.environ["PASSWORD"]).encode()).decode()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        right = self.headers.get("Authorization") == wanted or self.path == "/alive"
        self.send_response(200 if right else 401)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
print("serving with", os.environ["PASSWORD"], flush=True)
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""

MANIFEST = f"""
apiVersion: v1
kind: Secret
metadata: {{name: web-user}}
stringData: {{password: {PASSWORD}}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  selector: {{app: web}}
  ports: [{{name: http, port: 80, targetPort: 8080}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: web
          image: $image
          command: [python3, -c, {json.dumps(SERVER)}]
          env: [{{name: PASSWORD, valueFrom: {{secretKeyRef: {{name: web-user, key: password}}}}}}]
          readinessProbe: {{httpGet: {{path: /alive, port: 8080}}, periodSeconds: 1}}
"""

COMPONENT = """
    title = "Web"
    [endpoints]
    required = ["url", "password"]
    secret = ["password"]
    service = { url = "{scheme}://{host}:{port}" }
"""

CLIENT = '''
    """A web server that lets in who knows its password."""
    import httpx
    from gonogo.core.errors import Denied
    from gonogo.checks.translate import reaching

    class Web:
        def __init__(self, endpoints):
            self.endpoints = endpoints

        def answers(self):
            with reaching("web"):
                auth, limit = ("web", self.endpoints["password"]), self.endpoints.timeouts.check
                answer = httpx.get(self.endpoints["url"], auth=auth, timeout=limit)
            if answer.status_code == 401:
                raise Denied("web", "the password is wrong")
            return answer.text

        def version(self):
            return "1"

        def identity(self):
            return None

        def close(self):
            pass

        def leftovers(self):
            return []

        def remove(self, kind, name):
            pass
'''

CRITERIA = """
    [web.answers]
    level = "critical"
    claim = "The web server answers"

    [health.answers]
    level = "critical"
    claim = "The cluster answers"
"""


def content(root: Path) -> Registry:
    """A checkout of two components, the web server and the real one of the cluster's health."""
    for name in ("deploy/web", "fixtures", "reports", "suites/web", "suites/health", "deploy/targets"):
        (root / name).mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "deploy" / "health", root / "deploy" / "health", dirs_exist_ok=True)
    shutil.copy(ROOT / "fixtures" / "health.py", root / "fixtures")
    (root / "deploy/web/component.toml").write_text(dedent(COMPONENT))
    (root / "fixtures/web.py").write_text(dedent(CLIENT))
    (root / "reports/criteria.toml").write_text(dedent(CRITERIA))
    (root / "gonogo.toml").write_text(STANDS_ALONE)
    return Registry.load(root)


def target(root: Path, registry: Registry, namespace: str, kubeconfig: Path, **settings: Any) -> Target:
    """The target file of that platform."""
    more = "\n".join(f'{key} = "{value}"' for key, value in settings.items())
    text = f"""
[target]
name = "there"
provider = "existing"
modes = ["read", "write"]
capabilities = ["kubernetes"]
[kubernetes]
kubeconfig = "{kubeconfig}"
namespaces = ["{namespace}"]
{more}
[limits]
connect = 5
check = 5
[components.web]
service = "{namespace}/web:80"
password = {{ secret = "{namespace}/web-user#password" }}
"""
    path = root / "deploy/targets/there.toml"
    path.write_text(text)
    return load_target("there", root, registry)


@contextmanager
def attached(root: Path, registry: Registry, chosen: Target, mode: Mode = Mode.READ) -> Iterator[Platform]:
    """A platform that has been asked whether it answers."""
    provider = provider_for(chosen, root)
    assert isinstance(provider, ExistingCluster)
    with closing(provider):
        journal = Journal(root / "journal.jsonl")
        platform = Platform(registry, chosen, provider, run=new_run_id(), mode=mode, journal=journal)
        platform.attach(["web", "health"])
        yield platform


def told(standing: Standing) -> tuple[str, str]:
    """Outcome and signature."""
    return standing.outcome.value, standing.cause.signature if standing.cause else ""
