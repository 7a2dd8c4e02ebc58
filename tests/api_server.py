"""An API server in memory, as far as objects are made, found, listed, changed and removed: what a deployment asks.

Its answers have the shapes of the Kubernetes documentation (reference/using-api/api-concepts): versions, conflicts,
finalizers, owners. The real server is asked in ``tests/cluster``.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

from gonogo.cluster.api import KINDS, Kind

LEASES = Kind("coordination.k8s.io", "v1", "leases", "Lease", True)

_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>[^/]+)(?:/namespaces/(?P<space>[^/]+)(?=/))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?"
)

Key = tuple[str, str, str]
"""Resource as RBAC names it, namespace, name."""


class Cluster:
    """The objects of a cluster, and what was asked. ``refused`` are ``VERB RESOURCE`` that nobody may, and
    ``VERB RESOURCE *`` that nobody may in all namespaces at once.

    ``unadmitted`` are those that everybody may and that an admission plugin refuses, with what it says.
    """

    def __init__(self, *custom: Kind) -> None:
        self.kinds = [*KINDS.values(), LEASES, *custom]
        self.objects: dict[Key, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.refused: set[str] = set()
        self.unadmitted: dict[str, str] = {}
        self.url, self.release = "", "v1.31.0"
        self._versions, self._lock = count(1), threading.RLock()

    # -- what a test says and sees

    def put(self, kind: str | Kind, namespace: str, name: str, **more: Any) -> dict[str, Any]:
        """An object that is there; ``labels``, ``annotations``, ``owners``, ``finalizers`` go to its metadata."""
        known = KINDS[kind] if isinstance(kind, str) else kind
        meta = {key: more.pop(key) for key in ("labels", "annotations", "finalizers") if key in more}
        if owners := more.pop("owners", None):
            told = [{key: one[key] for key in ("apiVersion", "kind")} | one["metadata"] for one in owners]
            keys = "apiVersion", "kind", "name", "uid"
            meta["ownerReferences"] = [{key: one[key] for key in keys} | {"controller": True} for one in told]
        with self._lock:
            return self._kept(known, namespace if known.namespaced else "", name, {"metadata": meta, **more})

    def there(self, *kinds: str) -> set[str]:
        """``Kind namespace/name`` of all objects, or of these kinds."""
        with self._lock:
            return {
                f"{one['kind']} {'/'.join(filter(None, (space, name)))}"
                for (_, space, name), one in self.objects.items()
                if not kinds or one["kind"] in kinds
            }

    def get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """One object."""
        known = KINDS.get(kind) or next(one for one in self.kinds if one.kind == kind)
        return self.objects[known.resource, namespace if known.namespaced else "", name]

    def remove(self, kind: str, namespace: str, name: str) -> None:
        """End an object as a controller would."""
        one = self.get(kind, namespace, name)
        with self._lock:
            one["metadata"]["finalizers"] = []
            self._ended(one)

    # -- the server

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> tuple[int, Any]:
        """Status and body of one request."""
        if path == "/version":
            return 200, {"gitVersion": self.release}
        if method == "GET" and (found := self._discovery(path)) is not None:
            return found
        if path.endswith("/selfsubjectaccessreviews"):
            wanted = body["spec"]["resourceAttributes"]
            resource = ".".join(filter(None, (wanted["resource"], wanted["group"])))
            return 201, {"status": {"allowed": f"{wanted['verb']} {resource}" not in self.refused}}
        match = _PATH.fullmatch(path)
        kind = next((k for k in self.kinds if match and self._means(k, match)), None)
        if match is None or kind is None:
            return _status(404, "the server could not find the requested resource")
        space, name = match["space"] or "", match["name"] or ""
        verb = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}.get(method, "")
        verb = verb or ("get" if name else "list")
        self.asked.append(f"{verb} {kind.resource} {'/'.join(filter(None, (space, name)))}".strip())
        if f"{verb} {kind.resource}" in self.refused or (not space and f"{verb} {kind.resource} *" in self.refused):
            return _status(403, "forbidden")
        if said := self.unadmitted.get(f"{verb} {kind.resource}"):
            return _status(403, said)
        with self._lock:
            return self._served(verb, kind, space, name, query, body)

    def _discovery(self, path: str) -> tuple[int, Any] | None:
        groups = {one.group: one.version for one in self.kinds if one.group}
        if path == "/apis":
            return 200, {"groups": [{"name": g, "preferredVersion": {"version": v}} for g, v in groups.items()]}
        found = re.fullmatch(r"/api/(v1)|/apis/([^/]+)/([^/]+)", path)
        if found is None:
            return None
        group, version = ("", found[1]) if found[1] else (found[2], found[3])
        listed = [
            {"name": k.plural, "kind": k.kind, "namespaced": k.namespaced, "verbs": ["list", "delete", "get"]}
            for k in self.kinds
            if (k.group, k.version) == (group, version)
        ]
        return (200, {"resources": listed}) if listed else _status(404, "no such group")

    def _means(self, kind: Kind, found: re.Match[str]) -> bool:
        return (kind.group, kind.version, kind.plural) == (found["group"] or "", found["version"], found["plural"])

    def _served(
        self, verb: str, kind: Kind, space: str, name: str, query: Mapping[str, str], body: Any
    ) -> tuple[int, Any]:
        key = kind.resource, space if kind.namespaced else "", name
        there = self.objects.get(key)
        if verb == "list":
            wanted = [part.partition("=") for part in query.get("labelSelector", "").split(",") if part]
            name, _, field = query.get("fieldSelector", "").partition("metadata.name=")  # it knows no other field
            field = "" if name else field
            every = [o for (r, s, _), o in self.objects.items() if r == kind.resource and space in ("", s)]
            labels = [(one, one["metadata"].get("labels") or {}) for one in every]
            found = [o for o, said in labels if all(said.get(k) == v if is_ else k in said for k, is_, v in wanted)]
            return 200, {"metadata": {}, "items": [o for o in found if field in ("", o["metadata"]["name"])]}
        if verb == "create":
            name = body["metadata"]["name"]
            if kind.namespaced and ("namespaces", "", space) not in self.objects:
                return _status(404, f'namespaces "{space}" not found')
            if (kind.resource, key[1], name) in self.objects:
                return _status(409, "already exists")
            return 201, self._kept(kind, key[1], name, body)
        if verb == "patch" and there is None and query.get("fieldManager"):
            return 201, self._kept(kind, key[1], name, body)
        if there is None:
            return _status(404, f'{kind.plural} "{name}" not found')
        given = ((body or {}).get("metadata") or {}).get("resourceVersion")
        wanted_version = ((body or {}).get("preconditions") or {}).get("resourceVersion") or given
        if verb in ("update", "delete") and wanted_version not in (None, there["metadata"]["resourceVersion"]):
            return _status(409, "the object has been modified")
        if ((body or {}).get("preconditions") or {}).get("uid") not in (None, there["metadata"]["uid"]):
            return _status(409, "the UID in the precondition does not match")
        if verb == "get":
            return 200, there
        if verb == "delete":
            self._ended(there)
            return 200, there
        return 200, self._kept(kind, key[1], name, _merged(there, body) if verb == "patch" else body, there)

    def _kept(self, kind: Kind, space: str, name: str, body: Mapping[str, Any], before: Any = None) -> dict[str, Any]:
        version = str(next(self._versions))
        old = before["metadata"] if before else {"uid": f"uid-{version}", "creationTimestamp": "2026-01-02T03:04:05Z"}
        meta = {**body.get("metadata", {}), "name": name, "uid": old["uid"], "resourceVersion": version}
        meta["creationTimestamp"] = old["creationTimestamp"]
        if space:
            meta["namespace"] = space
        made = {**body, "apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta}
        if kind.kind == "Namespace":
            made.setdefault("status", {"phase": "Active"})
        if kind.kind == "CustomResourceDefinition":
            made["status"] = {"conditions": [{"type": "Established", "status": "True"}]}
        self.objects[kind.resource, space, name] = made
        return made

    def _ended(self, one: dict[str, Any]) -> None:
        """Gone with all it owns or holds; one with finalizers waits for them."""
        meta = one["metadata"]
        if meta.get("finalizers"):
            meta.setdefault("deletionTimestamp", "2026-01-02T03:04:06Z")
            return
        for key, other in list(self.objects.items()):
            if other is one:
                del self.objects[key]
        for other in list(self.objects.values()):
            owners = [reference["uid"] for reference in other["metadata"].get("ownerReferences", ())]
            inside = one["kind"] == "Namespace" and other["metadata"].get("namespace") == meta["name"]
            if meta["uid"] in owners or inside:
                self._ended(other)


def _merged(there: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict) or not isinstance(there, dict):
        return patch
    found = {**there, **{key: _merged(there.get(key), value) for key, value in patch.items()}}
    return {key: value for key, value in found.items() if value is not None}


def _status(code: int, message: str) -> tuple[int, Any]:
    return code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}


@contextmanager
def cluster(*custom: Kind, spaces: Iterable[str] = ()) -> Iterator[Cluster]:
    """The server, on loopback, for the time of the body, with these namespaces."""
    held = Cluster(*custom)
    for space in spaces:
        held.put("Namespace", "", space)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # head and body in one piece, which nobody has to wait for

        def answer(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = held.answer(self.command, parts.path, query, json.loads(sent) if sent else None)
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - as http.server calls them

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    held.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield held
    finally:
        server.shutdown()
        server.server_close()
