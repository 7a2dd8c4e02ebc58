"""An emulator of Kubeflow Pipelines' REST interface v2beta1. It is not Kubeflow Pipelines, and proves nothing about it.

Where an answer comes from:

- **seen**: from a real API server 2.17.0 (7b70c7b) on Kubernetes 1.35: the shapes of health, uploads, runs and their
  task details, cached, failing and terminated runs, recurring runs, empty lists, the table of errors.
- **documented**: ``backend/api/v2beta1/*.proto`` of kubeflow/pipelines, and what its official SDK, kfp 2.17.3, asks for
  and takes (``contract.py``): filters, paging, multi-user mode, versions of a pipeline.
- **own**: a run takes a step each time that somebody asks for it, so that tests wait for no clock. A task is really
  run, as a process here with its placeholders filled in; a command with ``sleep`` runs until it is terminated.

What it needs is Python's own library, and PyYAML for what is uploaded.
"""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import yaml

API = "/apis/v2beta1"
EPOCH = "1970-01-01T00:00:00Z"
"""What ``finished_at`` is until a run has ended (seen)."""
TERMINAL = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")

Object = dict[str, Any]


class Refusal(Exception):
    """An answer that is an error: HTTP status, gRPC code, message; ``bare`` has no details (seen)."""

    def __init__(self, status: int, code: int, message: str, *, bare: bool = False) -> None:
        super().__init__(message)
        detail = {"@type": "type.googleapis.com/google.rpc.Status", "code": code, "message": message}
        self.status = status
        self.body: Object = {"code": code, "message": message, "details": [] if bare else [detail]}


class UploadRefusal(Refusal):
    """Uploads have another shape (seen)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, 0, message)
        self.body = {"error_message": message, "error_details": f"{message}\n\ngithub.com/kubeflow/pipelines/backend"}


@dataclass
class Kubeflow:
    """What it holds, and how it misbehaves; a test changes the flags.

    ``agent``: its persistence agent tells the API of what became of workflows. ``scheduler``: recurring runs are made.
    ``keeps``: what a task wrote reaches the next one. ``caches``: results are taken from the cache; None: where the
    pipeline says so. ``terminates``: a terminated run ends. ``runs``: workflows are taken up at all. ``fails``: a task
    whose command fails is told. ``tokens``: namespaces of each token, in multi-user mode.
    """

    multi_user: bool = False
    tag: str = "2.17.0"
    url: str = ""
    agent: bool = True
    scheduler: bool = True
    keeps: bool = True
    caches: bool | None = None
    terminates: bool = True
    runs: bool = True
    fails: bool = True
    tokens: dict[str, list[str]] = field(default_factory=dict)
    instead: Callable[[str, str], Any] = lambda method, path: None
    kept: dict[str, dict[str, Object]] = field(
        default_factory=lambda: {k: {} for k in ("pipelines", "versions", "experiments", "runs", "recurringruns")}
    )
    asked: list[str] = field(default_factory=list)
    cache: set[str] = field(default_factory=set)
    clock: Iterator[int] = field(default_factory=itertools.count)
    began: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def now(self) -> str:
        """A second later than before."""
        return f"{self.began + timedelta(seconds=next(self.clock)):%Y-%m-%dT%H:%M:%SZ}"

    # -- one request

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any, token: str) -> Any:
        """The JSON of an answer. Raises ``Refusal``."""
        if not path.startswith(API):
            raise Refusal(404, 5, "Not Found", bare=True)
        parts = [part for part in re.split(r"[/:]", path.removeprefix(API)) if part]
        if parts == ["healthz"]:
            store = {"pipeline_store": "database"}
            return {"commit_sha": "unknown", "tag_name": self.tag, "multi_user": self.multi_user, **store}
        if self.multi_user and token not in self.tokens:  # documented
            raise Refusal(401, 16, "Request header error: there is no user identity header.")
        spaces = self.tokens.get(token, [])
        match method, *parts:
            case "POST", "pipelines", "upload":
                return self._uploaded(query, body)
            case "GET", "pipelines", id, "versions":
                found = [v for v in self.kept["versions"].values() if v["pipeline_id"] == id]
                return self._page("pipeline_versions", found, query)
            case "GET", "pipelines", id, "versions", version:
                return self._one("versions", version)
            case "DELETE", "pipelines", id, "versions", version:
                return self._gone("versions", version)
            case "DELETE", "pipelines", id:
                versions = [k for k, v in self.kept["versions"].items() if v["pipeline_id"] == id]
                if versions and query.get("cascade") != "true":
                    raise Refusal(400, 3, "Failed to delete pipeline as it has existing pipeline versions. "
                                          "Set cascade=true to also delete them.")  # fmt: skip
                self._gone("pipelines", id)
                for one in versions:
                    del self.kept["versions"][one]
                return {}
            case "POST", "experiments":
                return self._experiment(body, spaces)
            case "POST", "runs":
                return self._shown(self._run(body))
            case "POST", "recurringruns":
                return self._recurring(body)
            case "GET", ("pipelines" | "experiments" | "runs" | "recurringruns") as kind:
                return self._listed(kind, query, spaces)
            case "GET", "runs", id:
                return self._step(self._one("runs", id))
            case "GET", ("pipelines" | "experiments" | "recurringruns") as kind, id:
                return self._one(kind, id)
            case "DELETE", ("experiments" | "runs" | "recurringruns") as kind, id:
                return self._gone(kind, id)
            case "POST", "runs", id, "terminate":
                return self._terminated(self._one("runs", id))
            case "POST", "runs", id, "retry":
                if self._one("runs", id)["state"] == "SUCCEEDED":
                    raise Refusal(409, 10, "Run cannot be retried: it succeeded")
                return self._again(self._one("runs", id))
            case "POST", "recurringruns", id, ("enable" | "disable") as verb:
                self._one("recurringruns", id)["status"] = f"{verb.upper()}D"
                return {}
            case _:
                raise Refusal(404, 5, "Not Found", bare=True)

    # -- what is kept

    def _one(self, kind: str, id: str) -> Object:
        if id not in self.kept[kind]:
            raise Refusal(404, 5, f"Failed to get {kind} {id}: ResourceNotFoundError")
        return self.kept[kind][id]

    def _gone(self, kind: str, id: str) -> Object:
        self._one(kind, id)
        del self.kept[kind][id]
        return {}

    def _listed(self, kind: str, query: Mapping[str, str], spaces: list[str]) -> Object:
        space, experiment = query.get("namespace", ""), query.get("experiment_id", "")
        if self.multi_user and kind != "pipelines" and not experiment:  # documented
            if not space:
                raise Refusal(400, 3, "Invalid input error: a namespace is needed in multi-user mode")
            if space not in spaces:
                raise Refusal(403, 7, f"User is not authorized to list {kind} in namespace {space}")
        if space and not self.multi_user and kind != "pipelines":  # documented
            raise Refusal(400, 3, "In single-user mode, a list cannot filter by namespace.")
        if kind == "runs":
            self._fire()
        found = [*self.kept[kind].values()]
        if kind != "pipelines" and space:
            found = [one for one in found if self._space(one) == space]
        if experiment:
            found = [one for one in found if one.get("experiment_id") == experiment]
        return self._page({"recurringruns": "recurringRuns"}.get(kind, kind), found, query)

    def _space(self, one: Object) -> str:
        experiment = self.kept["experiments"].get(one.get("experiment_id", ""), {})
        return str(one.get("namespace") or experiment.get("namespace", ""))

    def _page(self, called: str, found: list[Object], query: Mapping[str, str]) -> Object:
        """A page of a list; an empty one is ``{}`` (seen)."""
        try:
            size, start = int(query.get("page_size") or 20), int(query.get("page_token") or 0)
        except ValueError:
            raise Refusal(400, 3, "Invalid input error: invalid page token") from None
        if size < 0:
            raise Refusal(400, 3, "Invalid input error: the page size should be positive")
        try:
            predicates = json.loads(query.get("filter") or "{}").get("predicates", [])
        except ValueError:
            raise Refusal(400, 3, "Invalid input error: failed to parse filter") from None
        for one in predicates:
            value = one.get("stringValue", one.get("string_value"))
            if one.get("operation") in ("EQUALS", 1):
                found = [o for o in found if o.get(one["key"]) == value]
            elif one.get("operation") in ("IS_SUBSTRING", 9):
                found = [o for o in found if value in o.get(one["key"], "")]
            else:
                raise Refusal(400, 3, f"Invalid input error: unknown operation {one.get('operation')}")
        by, _, order = query.get("sort_by", "").partition(" ")
        if by and by not in ("created_at", "display_name", "name", "id"):
            raise Refusal(400, 3, f"Invalid input error: invalid sorting field {by}")
        if by:
            found = sorted(found, key=lambda one: str(one.get(by, "")), reverse=order == "desc")
        if not found:
            return {}
        page = found[start : start + size]
        shown = [self._shown(one) for one in page]
        more = {"next_page_token": str(start + size)} if start + size < len(found) else {}
        return {called: shown, "total_size": len(found), **more}

    def _shown(self, one: Object) -> Object:
        return {key: value for key, value in one.items() if not key.startswith("_")}

    # -- what is made

    def _uploaded(self, query: Mapping[str, str], body: Any) -> Object:
        name = query.get("name") or query.get("display_name") or ""
        if any(one["display_name"] == name for one in self.kept["pipelines"].values()):
            raise UploadRefusal(409, f"Failed to create a pipeline and a pipeline version: {name} already exists")
        try:
            spec = next(d for d in yaml.safe_load_all(body) if isinstance(d, dict) and "pipelineInfo" in d)
        except (yaml.YAMLError, StopIteration):
            raise UploadRefusal(400, "Failed to create a pipeline: unknown template format") from None
        id, version, made = str(uuid4()), str(uuid4()), self.now()
        told = {"display_name": name, "name": name, "description": query.get("description", ""), "created_at": made}
        self.kept["pipelines"][id] = {"pipeline_id": id, **told}
        self.kept["versions"][version] = {
            "pipeline_id": id, "pipeline_version_id": version, **told, "pipeline_spec": spec,
        }  # fmt: skip
        return self.kept["pipelines"][id]

    def _experiment(self, body: Any, spaces: list[str]) -> Object:
        name, space = body["display_name"], body.get("namespace", "")
        if self.multi_user and space not in spaces:
            raise Refusal(403, 7, f"User is not authorized to create experiments in namespace {space}")
        known = self.kept["experiments"].values()
        if any((one["display_name"], one.get("namespace", "")) == (name, space) for one in known):
            raise Refusal(409, 6, f"Already exist error: experiment {name}")
        id, made = str(uuid4()), self.now()
        self.kept["experiments"][id] = one = {
            "experiment_id": id, "display_name": name, "created_at": made, "namespace": space,
            "storage_state": "AVAILABLE", "last_run_created_at": EPOCH,
        }  # fmt: skip
        return one

    def _run(self, body: Any, **more: Any) -> Object:
        known = {"display_name", "experiment_id", "pipeline_version_reference", "pipeline_spec", "runtime_config"}
        known |= {"description", "service_account", "recurring_run_id"}
        if unknown := body.keys() - known:
            raise Refusal(400, 3, f"unknown field {sorted(unknown)[0]!r}", bare=True)
        spec = body.get("pipeline_spec") or self._spec(body.get("pipeline_version_reference") or {})
        given = (body.get("runtime_config") or {}).get("parameters") or {}
        declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
        if extra := [name for name in given if name not in declared]:
            raise Refusal(400, 3, f"parameter(s) provided are not required by pipeline: {', '.join(extra)}")
        id, made = str(uuid4()), self.now()
        self.kept["runs"][id] = one = {
            "experiment_id": body.get("experiment_id", ""), "run_id": id, "display_name": body["display_name"],
            "storage_state": "AVAILABLE", "pipeline_version_reference": body.get("pipeline_version_reference"),
            "runtime_config": {"parameters": given}, "service_account": "pipeline-runner", "created_at": made,
            "scheduled_at": made, "finished_at": EPOCH, "state": "PENDING",
            "state_history": [{"update_time": made, "state": "PENDING"}], "_spec": spec, **more,
        }  # fmt: skip
        return one

    def _spec(self, reference: Mapping[str, str]) -> Object:
        """The pipeline's own; a run without one, or of an unknown one, is an internal error (seen)."""
        versions = [v for v in self.kept["versions"].values() if v["pipeline_id"] == reference.get("pipeline_id")]
        asked = reference.get("pipeline_version_id")
        found = [v for v in versions if asked in (None, "", v["pipeline_version_id"])]
        if not found:
            raise Refusal(500, 13, "InternalServerError: Failed to create a new run: failed to fetch a template")
        spec: Object = found[-1]["pipeline_spec"]
        return spec

    def _recurring(self, body: Any) -> Object:
        self._spec(body.get("pipeline_version_reference") or {})
        id, made = str(uuid4()), self.now()
        enabled = body.get("mode", "ENABLE") in ("ENABLE", 1)
        self.kept["recurringruns"][id] = one = {
            **body, "recurring_run_id": id, "created_at": made, "updated_at": made,
            "mode": "ENABLE" if enabled else "DISABLE", "status": "ENABLED" if enabled else "DISABLED",
            "namespace": self._space(body) or "kubeflow",
        }  # fmt: skip
        return one

    def _fire(self) -> None:
        """Each enabled recurring run makes one run; only the first is of interest."""
        made = {run.get("recurring_run_id") for run in self.kept["runs"].values()}
        for id, one in self.kept["recurringruns"].items():
            if self.scheduler and one["status"] == "ENABLED" and id not in made:
                asked = {k: one[k] for k in ("display_name", "experiment_id", "pipeline_version_reference") if k in one}
                self._run({**asked, "runtime_config": one.get("runtime_config")}, recurring_run_id=id)

    # -- a run

    def _to(self, run: Object, state: str) -> None:
        at = self.now()
        run["state"] = state
        run["state_history"].append({"update_time": at, "state": state})
        if state in TERMINAL:
            run["finished_at"] = at

    def _step(self, run: Object) -> Object:
        """What is told of a run; the next one who asks sees what follows."""
        shown = json.loads(json.dumps(self._shown(run)))
        if run["state"] == "PENDING" and self.runs:
            self._to(run, "RUNNING")
            run["_states"] = self._work(run)
            run["run_details"] = {"task_details": self._details(run, dict.fromkeys(run["_states"], "RUNNING"))}
        elif run["state"] == "RUNNING" and self.agent and "RUNNING" not in run["_states"].values():
            told = ["FAILED" if state == "FAILED" else "SUCCEEDED" for state in run["_states"].values()]
            run["run_details"] = {"task_details": self._details(run, run["_states"])}
            self._to(run, "FAILED" if "FAILED" in told else "SUCCEEDED")
        elif run["state"] == "CANCELING" and self.terminates and self.agent:
            run["run_details"] = {"task_details": self._details(run, dict.fromkeys(run["_states"], ""))}
            self._to(run, "FAILED")  # never CANCELED (seen, 2 of 2)
        return shown  # type: ignore[no-any-return]

    def _terminated(self, run: Object) -> Object:
        if run["state"] in TERMINAL:
            raise Refusal(400, 3, "Failed to terminate a run: Row not found")
        run.setdefault("_states", {})
        self._to(run, "CANCELING")
        return {}

    def _again(self, run: Object) -> Object:
        self._to(run, "RUNNING")
        run["finished_at"] = EPOCH
        return {}

    def _work(self, run: Object) -> dict[str, str]:
        """The state that each task comes to: of those behind one that failed none (seen: they carry no state)."""
        spec = run["_spec"]
        tasks: Object = spec["root"]["dag"]["tasks"]
        done: dict[str, str] = {}
        with TemporaryDirectory() as folder:
            waiting = dict(tasks)
            while waiting:
                ready = [n for n, t in waiting.items() if all(d in done for d in t.get("dependentTasks", ()))]
                for name in ready:
                    task = waiting.pop(name)
                    before = [done[one] for one in task.get("dependentTasks", ())]
                    done[name] = self._task(run, task, Path(folder)) if {*before} <= {"SUCCEEDED", "SKIPPED"} else ""
        return done

    def _task(self, run: Object, task: Object, folder: Path) -> str:
        spec, given = run["_spec"], run["runtime_config"]["parameters"]
        executor = spec["components"][task["componentRef"]["name"]]["executorLabel"]
        container = spec["deploymentSpec"]["executors"][executor]["container"]
        parameters = {
            name: given.get(one.get("componentInputParameter", ""), one.get("runtimeValue", {}).get("constant", ""))
            for name, one in task.get("inputs", {}).get("parameters", {}).items()
        }
        asks = bool(task.get("cachingOptions", {}).get("enableCache")) if self.caches is None else self.caches
        key = json.dumps([container, parameters], sort_keys=True)
        if asks and key in self.cache:
            return "SKIPPED"
        came = {
            name: f"{one['taskOutputArtifact']['producerTask']}-{one['taskOutputArtifact']['outputArtifactKey']}"
            for name, one in task.get("inputs", {}).get("artifacts", {}).items()
        }

        def filled(text: str) -> str:
            if found := re.fullmatch(r"\{\{\$\.inputs\.parameters\['(.+)'\]\}\}", text):
                return str(parameters[found[1]])
            if found := re.fullmatch(r"\{\{\$\.inputs\.artifacts\['(.+)'\]\.path\}\}", text):
                return str(folder / came[found[1]])
            if found := re.fullmatch(r"\{\{\$\.outputs\.artifacts\['(.+)'\]\.path\}\}", text):
                return str(folder / f"{task['taskInfo']['name']}-{found[1]}")
            return text

        command = [filled(part) for part in (*container.get("command", ()), *container.get("args", ()))]
        if any("sleep" in part for part in command):
            return "RUNNING"
        code = subprocess.run(command, capture_output=True, check=False, timeout=20).returncode
        if not self.keeps:
            for one in folder.iterdir():
                one.write_text("")
        if code == 0:
            self.cache.add(key)
        return "SUCCEEDED" if code == 0 or not self.fails else "FAILED"

    def _details(self, run: Object, states: Mapping[str, str]) -> list[Object]:
        """As seen: each node of the workflow and its twin of the retry, and one without a name for each execution."""
        failed = "FAILED" in states.values()
        whole = "" if "" in states.values() and not failed else "FAILED" if failed else "SUCCEEDED"
        whole = "RUNNING" if "RUNNING" in states.values() else whole
        names = [(f"{run['display_name'][:20]}-x7k2p", whole), ("root", whole), ("root-driver", whole and "SUCCEEDED")]
        for name, state in states.items():
            told = "SUCCEEDED" if state == "SKIPPED" else state
            names += [(name, told), (f"{name}-driver", state and "SUCCEEDED"), ("executor", state)]
        nodes = [node for name, state in names for node in ((name, state), (f"{name}(0)", state))]
        details = []
        for number, (name, state) in enumerate(nodes):
            one = {"run_id": run["run_id"], "task_id": f"task-{number}", "display_name": name, "create_time": EPOCH}
            one |= {"start_time": EPOCH, "end_time": EPOCH, "child_tasks": [{"pod_name": f"pod-{number}"}]}
            details.append({**one, **({"state": state} if state else {})})
        unnamed = [{"run_id": run["run_id"], "execution_id": str(n), "create_time": EPOCH} for n in range(len(states))]
        return [*details, *unnamed]


@contextmanager
def serving(kubeflow: Kubeflow | None = None) -> Iterator[Kubeflow]:
    """The server, on a free port of loopback, for the time of the body."""
    held, lock = kubeflow or Kubeflow(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            asked = urlsplit(self.path)
            body: Any = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            query = {key: values[-1] for key, values in parse_qs(asked.query).items()}
            with lock:
                held.asked.append(f"{self.command} {asked.path}")
                instead = held.instead(self.command, asked.path)
                if instead is not None:
                    return self._raw(instead)
                try:
                    status, told = 200, held.answer(self.command, asked.path, query, self._parsed(body), token)
                except Refusal as error:
                    status, told = error.status, error.body
            self._raw((status, {"Content-Type": "application/json"}, json.dumps(told).encode()))
            return None

        def _parsed(self, body: bytes) -> Any:
            kind = self.headers.get("Content-Type", "")
            if kind.startswith("multipart/"):
                whole = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
                parts = [p for p in whole.get_payload() if p.get_param("name", header="content-disposition")]  # type: ignore[union-attr]
                field_ = [p for p in parts if p.get_param("name", header="content-disposition") == "uploadfile"]  # type: ignore[union-attr]
                if not field_:
                    raise UploadRefusal(400, "Failed to form file: http: no such file")
                return field_[0].get_payload(decode=True)  # type: ignore[union-attr]
            if not body:
                return {}
            try:
                return json.loads(body)
            except ValueError:
                raise Refusal(400, 3, "invalid character", bare=True) from None

        def _raw(self, told: tuple[int, Mapping[str, str], bytes]) -> None:
            status, headers, body = told
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = respond  # noqa: N815 - as http.server calls them

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield held
    finally:
        server.shutdown()
        server.server_close()
