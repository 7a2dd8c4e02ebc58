"""An emulator of DataHub: its metadata service (GMS) and its frontend, as far as gonogo and the official client ask.

It is NOT DataHub, and shows nothing of the real one: only that gonogo asks as documented, and what it makes of each
answer. The official client (``acryl-datahub``) accepts these answers: ``tests/test_datahub_official.py``.

Where each answer is from: read in github.com/datahub-project/datahub, or in acryl-datahub 1.7.0.17 (here "client").

``GET /config``
    smoke-test and ``server_config`` tests; client, ``rest_emitter.fetch_server_config``.
401 without a token, but at ``/health`` and ``/config``
    ``AuthenticationEnforcementFilter``: ``sendError(401, …)``; ``application.yaml``, ``authentication.excludedPaths``.
the log-in of its own servers
    ``DataHubSystemAuthenticator``: Basic, and name and secret as they are.
``/check/ready``
    ``HealthCheckController``: ``true``, or 503 and ``false``. ``/health`` is of the bootstrap alone.
``/openapi/operations/messaging/…``, ``…/kafka/…``
    ``MessagingOperationsController``, ``MessagingLagEnvelope``, ``KafkaController``, ``KafkaOffsetResponse``: no
    partitions unless ``detailed``. The older form: client, ``check_cli``.
``POST /openapi/v3/entity/dataset``, ``POST /aspects?action=ingestProposal``
    client, ``request_helper.OpenApiRequest``, ``rest_emitter.emit_mcp``.
``GET /aspects/<urn>``, ``POST /entities?action=delete``
    client, ``graph.client.get_aspect``, ``hard_delete_entity``; its id, as ``test_connection`` reads it.
``GET /openapi/v3/relationship/<type>``, ``GET /openapi/relationships/v1/``
    ``GenericRelationshipController``; client, ``graph.openapi.get_related_entities``.
GraphQL
    ``search.graphql``, ``ingestion.graphql``; errors: ``DataHubGraphQLError``, ``DataHubGraphQLErrorCode``.
the frontend
    ``conf/routes``, ``Application``, ``Authenticator``, ``AuthenticationController``, ``index.html``.

What differs by release is a parameter (:class:`Release`). Which release has its own check below which prefix is
not established: all three are tried.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from gonogo.core.waiting import pause

TOKEN = "a-personal-access-token-of-the-emulator"
SYSTEM = "a-secret-that-the-servers-of-the-emulator-share"
MAE, MCE = "generic-mae-consumer-job-client", "generic-mce-consumer-job-client"
CHANGES, PROPOSALS = "MetadataChangeLog_Versioned_v1", "MetadataChangeProposal_v1"
SERIES = "MetadataChangeLog_Timeseries_v1"
RECORD = {
    "upstreamLineage": "com.linkedin.dataset.UpstreamLineage",
    "datasetProperties": "com.linkedin.dataset.DatasetProperties",
    "telemetryClientId": "com.linkedin.telemetry.TelemetryClientId",
}


INGESTED = 1764550000000


@dataclass(frozen=True)
class Release:
    """What one release does otherwise than another: its names, where its own check is, the form of its lags."""

    version: str = "v1.7.0"
    key: str = "acryldata/datahub"
    ready: str = "/openapi/check/ready"
    lags: str = "messaging"  # map, object
    openapi: bool = True


RELEASES = {
    "1.7": Release(),
    "1.3": Release("v1.3.0.1", lags="map", ready="/check/ready"),
    "0.12": Release("v0.12.1", lags="object", ready="/health/check/ready", openapi=False),
    "0.10": Release("v0.10.2", key="linkedin/datahub", lags="object", openapi=False),
}


class Answer(NamedTuple):
    """A status and a body: JSON, or text as it stands; nothing at all where it is ``cut``."""

    status: int
    body: Any = ""
    type: str = "application/json"
    headers: Mapping[str, str] = {}
    cut: bool = False
    drips: float = 0.0  # seconds between its bytes

    @property
    def content(self) -> bytes:
        """As it is sent."""
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


PAGE = (
    '<!DOCTYPE html><html lang="en"><head><base href="/" /><title>DataHub</title></head><body>'
    '<noscript>You need to enable JavaScript to run this app.</noscript><div id="root"></div>'
    '<script type="module" src="assets/index-1a2b3c.js"></script></body></html>'
)


@dataclass
class Datahub:
    """State and faults of one DataHub. A fault is an attribute; ``instead`` answers ``METHOD /path`` otherwise."""

    release: Release = Release()
    authentication: bool = True
    guides: bool = False  # whether the account of the guides still has its password
    operator: bool = True  # whether the token may ask for lags
    search: bool = True  # whether the search engine is there
    keeps: bool = True  # whether the SQL database keeps what it is given
    consumer: str = "takes"  # stalls, missing; slow: takes one change at each look at its lag
    graph: str = "elasticsearch"  # neo4j; lost: it fails to write edges; refuses: it fails to read them
    doubled: bool = False  # whether the graph has an edge from the first to the last
    instead: dict[str, Answer] = field(default_factory=dict)
    sources: list[dict[str, Any]] = field(default_factory=list)
    aspects: dict[str, dict[str, Any]] = field(default_factory=dict)
    queue: list[tuple[str, str]] = field(default_factory=list)
    identity: str = "2ad62580-6d67-4f8b-b4a3-5e12ae978fc5"  # empty: telemetry is off
    indexed: dict[str, int] = field(default_factory=dict)
    edges: set[tuple[str, str]] = field(default_factory=set)
    taken: int = 24532
    now: float = 1764550000 + 3600  # by its own clock: an hour after everything of it was ingested
    asked: list[str] = field(default_factory=list)
    sent: list[tuple[str, Any]] = field(default_factory=list)  # path with its query, and body, of what was posted
    url: str = ""
    frontend: str = ""

    # -- what it does

    def write(self, urn: str, name: str, value: Any) -> None:
        """An aspect into SQL, and a change into the log."""
        if self.keeps:
            self.aspects.setdefault(urn, {})[name] = value
        self.queue.append((urn, name))
        if self.consumer == "takes":
            self.consume()

    def consume(self, most: int = 1 << 30) -> None:
        """Take changes into search and graph."""
        for urn, name in self.queue[:most]:
            self.taken += 1
            if (held := self.aspects.get(urn)) is None:
                self.indexed.pop(urn, None)
                self.edges = {edge for edge in self.edges if urn not in edge}
                continue
            self.indexed[urn] = INGESTED
            if name == "upstreamLineage" and self.graph != "lost":
                self.edges = {edge for edge in self.edges if edge[0] != urn}
                self.edges |= {(urn, one["dataset"]) for one in held[name]["upstreams"]}
        del self.queue[:most]

    def downstream(self, urn: str) -> dict[str, int]:
        """Dataset to its distance."""
        found, near = {urn: 0}, [urn]
        while near:
            further = [down for down, up in sorted(self.edges) if up in near and down not in found]
            found |= dict.fromkeys(further, found[near[0]] + 1)
            near = further
        del found[urn]
        if self.doubled and found:
            found[max(found, key=found.__getitem__)] = 1
        return found

    # -- the metadata service

    def gms(self, method: str, path: str, query: Mapping[str, str], body: Any, token: str) -> Answer:
        """Its answer."""
        if path == "/health":
            return Answer(200)
        if path == "/config":
            return Answer(200, self.config())
        if self.authentication and token not in (f"Bearer {TOKEN}", f"Basic __datahub_system:{SYSTEM}"):
            page = "<html><head><title>Error 401 Unauthorized to perform this action.</title></head></html>"
            return Answer(401, page, "text/html")
        for begins, answer in self.routes(method, query, body):
            if path == begins or (begins.endswith("/") and path.startswith(begins)):
                return answer(path.removeprefix(begins))
        return Answer(404, {"timestamp": "…", "status": 404, "error": "Not Found", "path": path})

    def routes(self, method: str, query: Mapping[str, str], body: Any) -> Iterator[tuple[str, Callable[[str], Answer]]]:
        """Path, or its beginning, to what is answered there."""
        if method == "GET":
            yield self.release.ready, lambda _: Answer(200 if self.search else 503, self.search)
            yield "/aspects/", lambda urn: self.aspect(unquote(urn), query["aspect"])
            yield "/openapi/v3/relationship/", lambda kind: self.relationships(kind, int(query.get("count", 10)))
            yield "/openapi/relationships/v1/", lambda _: self.related(query)
            kind = "messaging" if self.release.lags == "messaging" else "kafka"
            yield f"/openapi/operations/{kind}/", lambda rest: self.lag(rest, query.get("detailed") == "true")
        elif method == "POST":
            yield "/api/graphql", lambda _: self.graphql(body)
            yield "/entities", lambda _: self.delete(query["action"], body)
            yield "/aspects", lambda _: self.propose(query["action"], body)
            if self.release.openapi:
                yield "/openapi/v3/entity/dataset", lambda _: self.upsert(body)

    def config(self) -> dict[str, Any]:
        """Of a real one, but for the release's own name."""
        return {
            "models": {},
            "patchCapable": True,
            "versions": {self.release.key: {"version": self.release.version, "commit": "0e3940b"}},
            "managedIngestion": {"defaultCliVersion": "1.0.0.2", "enabled": True},
            "statefulIngestionCapable": True,
            "supportsImpactAnalysis": True,
            "telemetry": {"enabledCli": False, "enabledIngestion": False},
            "retention": "true",
            "datahub": {"serverType": "prod"},
            "noCode": "true",
        }

    def aspect(self, urn: str, name: str) -> Answer:
        """The newest version of an aspect, as Rest.li has it."""
        if name == "telemetryClientId" and self.identity:
            return Answer(200, {"version": 0, "aspect": {RECORD[name]: {"clientId": self.identity}}})
        if (value := self.aspects.get(urn, {}).get(name)) is None:
            return Answer(404, {"exceptionClass": "com.linkedin.restli.server.RestLiServiceException", "status": 404})
        return Answer(200, {"version": 0, "aspect": {RECORD.get(name, name): value}})

    def upsert(self, body: Any) -> Answer:
        """What OpenAPI v3 makes of a list of entities, each with its aspects."""
        for entity in body:
            for name, one in entity.items():
                if name != "urn":
                    self.write(entity["urn"], name, one["value"])
        return Answer(200, [{"urn": one["urn"]} for one in body])

    def propose(self, action: str, body: Any) -> Answer:
        """One proposal, or many; the aspect is JSON in JSON."""
        for one in body["proposals"] if action == "ingestProposalBatch" else [body["proposal"]]:
            self.write(one["entityUrn"], one["aspectName"], json.loads(one["aspect"]["value"]))
        return Answer(200, {"value": "ok"})

    def delete(self, action: str, body: Any) -> Answer:
        """Delete an entity for good."""
        if action != "delete":
            return Answer(200, {"value": {"total": 0, "relatedAspects": []}})
        rows = len(self.aspects.pop(body["urn"], {}))
        self.queue.append((body["urn"], "datasetKey"))
        if self.consumer == "takes":
            self.consume()
        return Answer(200, {"value": {"urn": body["urn"], "rows": rows, "timeseriesRows": 0}})

    def lag(self, rest: str, detailed: bool) -> Answer:
        """What consumers took, in the form of the release."""
        if not self.operator:
            return Answer(403, {"error": "urn:li:corpuser:gonogo is not authorized for messaging operations"})
        log = rest.partition("/")[0]
        group, topic = {"mcp": (MCE, PROPOSALS), "mcl": (MAE, CHANGES)}.get(log, (MAE, SERIES))
        if self.consumer == "slow":
            self.consume(1)
        behind = len(self.queue) if log == "mcl" else 0
        metrics = {"maxLag": behind, "medianLag": behind, "totalLag": behind, "avgLag": behind}
        partitions = {"0": {"offset": self.taken, "lag": behind}} if detailed else None
        found = {} if self.consumer == "missing" else {group: {topic: {"partitions": partitions, "metrics": metrics}}}
        if self.release.lags == "messaging":
            return Answer(200, {"transport": "kafka", "consumerGroups": found})
        if self.release.lags == "object" and found:
            return Answer(200, {"consumerGroupId": group, "topics": found[group]})
        return Answer(200, found)

    def relationships(self, kind: str, count: int) -> Answer:
        """Edges of a type."""
        found = [
            {
                "relationshipType": kind,
                "source": {"urn": down, "entityType": "dataset"},
                "destination": {"urn": up, "entityType": "dataset"},
            }
            for down, up in sorted(self.edges)
        ]
        return Answer(200, {"results": found[:count]})

    def related(self, query: Mapping[str, str]) -> Answer:
        """The neighbours of an entity."""
        ends = (1, 0) if query["direction"] == "INCOMING" else (0, 1)
        near = [edge[ends[1]] for edge in sorted(self.edges) if edge[ends[0]] == query["urn"]]
        page = near[int(query.get("start", 0)) :]
        found = [{"urn": one, "relationshipType": "DownstreamOf", "via": None} for one in page]
        return Answer(200, {"start": 0, "count": len(found), "total": len(near), "entities": found})

    def graphql(self, body: Any) -> Answer:
        """By the field that is asked for; what it does not know is refused as a schema does it."""
        given = (body.get("variables") or {}).get("input") or {}
        query = body["query"]
        if "searchAcrossLineage" in query:
            if self.graph == "refuses":
                return complaint("There is no procedure with the name `apoc.path.spanningTree`", 500, "SERVER_ERROR")
            found = [{"degree": hop, "entity": {"urn": urn}} for urn, hop in self.downstream(given["urn"]).items()]
            return data(searchAcrossLineage={"total": len(found), "searchResults": found})
        if "searchAcrossEntities" in query:
            if not self.search:
                return complaint("An unknown error occurred.", 500, "SERVER_ERROR")
            return data(searchAcrossEntities=self.searched(given))
        if "scrollAcrossEntities" in query:
            found = self.searched({"query": body["variables"]["query"], "count": body["variables"]["batchSize"]})
            found["searchResults"] = [{**one, "extraProperties": None} for one in found["searchResults"]]
            return data(scrollAcrossEntities={**found, "nextScrollId": None})
        if "listIngestionSources" in query:
            return data(listIngestionSources={"total": len(self.sources), "ingestionSources": self.sources})
        if "me" in query:
            return data(me={"corpUser": {"urn": "urn:li:corpuser:gonogo"}})
        wrong = {"message": "Validation error (FieldUndefined)", "extensions": {"classification": "ValidationError"}}
        return Answer(200, {"errors": [wrong]})

    def searched(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Datasets of the index."""
        begins = given["query"].rstrip("*")
        filters = [one for some in given.get("orFilters") or [] for one in some["and"] if one["field"] == "urn"]
        found = [urn for urn in sorted(self.indexed) if begins in urn and all(fits(urn, one) for one in filters)]
        shown = [{"entity": {"urn": urn, "lastIngested": self.indexed[urn]}} for urn in found[: given.get("count", 10)]]
        return {"total": len(found), "searchResults": shown}

    # -- the frontend

    def web(self, method: str, path: str, body: Any, token: str) -> Answer:
        """Its answer; whatever it has no route for is the application's page."""
        if path == "/config":
            told = {"application": "datahub-frontend", "appVersion": self.release.version, "basePath": ""}
            return Answer(200, {"status": "ok", "config": told})
        if path == "/admin":
            return Answer(200, "GOOD", "text/plain")
        if path.startswith("/api/"):
            return Answer(200 if token or not self.authentication else 401, "", "text/plain")
        if path == "/logIn" and method == "POST":
            known = (body["username"], body["password"]) == ("datahub", "datahub") and self.guides
            return Answer(200) if known else Answer(400, {"message": "Invalid Credentials"})
        if path.startswith("/assets/"):
            return Answer(200, "export{}", "text/javascript")
        return Answer(200, PAGE, "text/html")


def fits(urn: str, filter: Mapping[str, Any]) -> bool:
    """Whether a filter lets a dataset through."""
    if filter["condition"] == "CONTAIN":
        return any(value in urn for value in filter["values"])
    return urn in filter["values"]


def data(**found: Any) -> Answer:
    """What GraphQL found."""
    return Answer(200, {"data": found})


def complaint(message: str, code: int, type: str) -> Answer:
    """What GraphQL says of a fault, with HTTP 200."""
    error = {"message": message, "path": ["x"], "extensions": {"code": code, "type": type}}
    return Answer(200, {"data": None, "errors": [error]})


@contextmanager
def emulated(**given: Any) -> Iterator[Datahub]:
    """A DataHub on two ports of loopback, for the time of the body."""
    one = Datahub(**given)
    with ExitStack() as stack:
        one.url = stack.enter_context(_serving(one, "gms"))
        one.frontend = stack.enter_context(_serving(one, "web"))
        yield one


@contextmanager
def _serving(one: Datahub, which: str) -> Iterator[str]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            there = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(raw) if raw else None
            token = self.headers.get("Authorization") or ""
            query = {key: values[-1] for key, values in parse_qs(there.query).items()}
            line = f"{self.command} {there.path}"
            with lock:
                one.asked.append(f"{which} {line}")
                one.sent += [(self.path, body)] if body is not None else []
                given = one.instead.get(f"{which} {line}") or (
                    one.gms(self.command, there.path, query, body, token)
                    if which == "gms"
                    else one.web(self.command, there.path, body, token)
                )
            if given.cut:
                return
            self.send_response(given.status)
            sent = {"Content-Type": given.type, "Content-Length": str(len(given.content)), **given.headers}
            for name, value in sent.items():
                self.send_header(name, value)
            self.end_headers()
            for part in [bytes([one]) for one in given.content] if given.drips else [given.content]:
                self.wfile.write(part)
                if given.drips:
                    pause(given.drips, reason="the server is slow on purpose")

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - as http.server calls them

        def date_time_string(self, timestamp: float | None = None) -> str:
            """By the emulator's clock."""
            return formatdate(one.now, usegmt=True)

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
