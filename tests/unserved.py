"""A program: asks a component's client all that it can be asked, of servers that are none.

``python tests/unserved.py kafka FOLDER`` prints as JSON what was imported once the client's libraries were loaded
(``imported``), and what their own code would still import in some function (``later``).
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import itertools
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.machinery import SourceFileLoader
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

from import_spy import spying
from kubeconfigs import kubeconfig

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Kubernetes
from gonogo.checks import clients
from gonogo.checks.journal import Journal, RunScope
from gonogo.core.endpoints import Endpoints, Timeouts
from gonogo.core.outcomes import Mode

ROOT = Path(__file__).parents[1]
REGISTRY = Registry.load(ROOT)
RUN = "pv-20240101000000-0a1b2c"
TIMEOUTS = Timeouts(connect=0.05, check=0.05)
ACCOUNT = {"username": "u", "password": "p"}

ADDRESSES: Mapping[str, Callable[[int, str], dict[str, Any]]] = {
    "elasticsearch": lambda port, s: {"url": f"http{s}://localhost:{port}", **ACCOUNT},
    "kafka": lambda port, s: {
        "bootstrap": f"localhost:{port}",
        "security": {
            "security_protocol": "SASL_SSL" if s else "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": "u",
            "sasl_plain_password": "p",
        },
    },
    "datahub": lambda port, s: {
        "url": f"http{s}://localhost:{port}",
        "frontend": f"http{s}://localhost:{port}",
        "token": "t",
    },
    "doris": lambda port, s: {"host": "localhost", "port": port, "http": f"http{s}://localhost:{port}", **ACCOUNT},
    "mlflow": lambda port, s: {"url": f"http{s}://localhost:{port}", **ACCOUNT},
    "neo4j": lambda port, s: {"uri": f"bolt{'+s' if s else ''}://localhost:{port}", **ACCOUNT},
    "postgresql": lambda port, s: {
        "host": "localhost",
        "port": port,
        "database": "d",
        "sslmode": "require" if s else "disable",
        **ACCOUNT,
    },
    "kfp": lambda port, s: {"url": f"http{s}://localhost:{port}", "token": "t"},
    "ray": lambda port, s: {"dashboard": f"http{s}://localhost:{port}", "token": "t"},
    "superset": lambda port, s: {"url": f"http{s}://localhost:{port}", "database": "d", **ACCOUNT},
    "s3": lambda port, s: {
        "endpoint": f"http{s}://localhost:{port}",
        "bucket": "b",
        "access_key": "a",
        "secret_key": "k",
    },
}
"""The endpoints of each component at a port, with TLS where the second argument is ``s``."""

ANSWERS = (
    b"\x00\x00\x00\x04nope",
    b'HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{"error":"no"}',
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
)
"""What the servers say to whatever they are asked."""


@contextmanager
def servers() -> Iterator[list[int]]:
    """Ports: one that refuses, and one for each of the answers."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ports = [closed.getsockname()[1]]
        for answer in ANSWERS:
            listener = socket.create_server(("127.0.0.1", 0))
            ports.append(listener.getsockname()[1])
            threading.Thread(target=_serve, args=(listener, answer), daemon=True).start()
        yield ports


def _serve(listener: socket.socket, answer: bytes) -> None:
    while True:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.settimeout(1)
            connection.recv(1 << 16)
            connection.sendall(answer)


def endpoints(component: str, port: int, tls: str, folder: Path) -> Endpoints:
    """Where the component would be."""
    scope = RunScope(RUN, Mode.WRITE, component, Journal(folder / "journal.jsonl"), itertools.count(1))
    expect = REGISTRY.components[component].expect
    if component in ADDRESSES:
        return Endpoints(component, ADDRESSES[component](port, tls), expect=expect, timeouts=TIMEOUTS, scope=scope)
    from gonogo.providers.existing.access import ClusterAccess

    file = kubeconfig(folder / "kubeconfig", server=f"http{tls}://localhost:{port}")
    cluster = ClusterAccess(Kubernetes(kubeconfig=str(file), context="one"), TIMEOUTS)
    return Endpoints(component, {}, expect=expect, timeouts=TIMEOUTS, scope=scope, cluster=cluster)


def asked(client: Any) -> None:
    """Every question that takes no argument, and the removal of something; what comes of it is nobody's business."""
    questions = [getattr(client, name) for name in dir(type(client)) if not name.startswith("_") and name != "close"]
    for question in filter(callable, questions):
        needed = [p for p in inspect.signature(question).parameters.values() if p.default is p.empty]
        if any(p.kind is not p.VAR_KEYWORD for p in needed):
            continue
        with suppress(Exception):
            told = question()
            if hasattr(told, "__enter__"):
                with told:
                    pass
            elif inspect.isgenerator(told):
                list(told)
    for kind in ("thing", "bucket", "topic", "graph", "experiment"):
        with suppress(Exception):
            client.remove(kind, "nothing")
    client.close()
    if client.endpoints.cluster is not None:
        client.endpoints.cluster.close()


def later(modules: Mapping[str, Any]) -> set[str]:
    """Other people's modules that functions of these ones import, that are there and not loaded."""
    found, distributions = set(), packages_distributions()
    for name, module in modules.items():
        if not isinstance(getattr(module.__spec__, "loader", None), SourceFileLoader):
            continue
        tree = ast.parse(Path(module.__spec__.origin).read_bytes())
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        inside = [node for function in functions for node in ast.walk(function)]
        found |= {wanted for node in inside for wanted in _imported(node, module.__package__ or name)}
    foreign = {one for one in found if one.partition(".")[0] in distributions}
    return {one for one in foreign if one not in sys.modules and _is_there(one)}


def _imported(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names)


def _is_there(module: str) -> bool:
    """Whether it can be found without an import; where its package is not loaded, that one is found."""
    package = module.rpartition(".")[0]
    try:
        return package in {"", *sys.modules} and importlib.util.find_spec(module) is not None
    except (ImportError, ValueError, AttributeError):
        return False


def main(component: str, folder: Path) -> None:
    """Print what is imported."""
    client_module = clients.module(ROOT, component)
    before = set(sys.modules)
    clients.load(ROOT, component)
    loaded = {name: module for name, module in list(sys.modules.items()) if name not in before}
    with spying() as spy, servers() as ports:
        for port, tls in (*((port, "") for port in ports), (ports[-1], "s")):
            asked(clients.client_class(ROOT, component)(endpoints(component, port, tls, folder)))
        if hasattr(client_module, "known"):
            client_module.known(ValueError("nothing"))
    json.dump({"imported": sorted(set(spy.foreign())), "later": sorted(later(loaded))}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
