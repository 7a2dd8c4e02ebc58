"""One answer to one fault: each verb meets each kind of fault, and ends as the table in docs/exit-codes.md says.

The world of these tests is whole: an API server that answers, two components that do, a platform that a drill may
break, results of a run that came to GO. There every verb ends with 0; then one thing goes wrong.
"""

from __future__ import annotations

import importlib
import json
import re
import ssl
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from certificates import Authority
from deploying import Deploying
from kubeconfigs import kubeconfig
from repositories import CLIENT, Content

from gonogo import cli
from gonogo.commands import doctor
from gonogo.core import content as content_of
from gonogo.core import errors
from gonogo.core.errors import DeployError, GonogoError, NotReady, TimedOut, Wrong, ending
from gonogo.core.outcomes import Code, Outcome
from gonogo.providers.existing.cluster import ExistingCluster
from gonogo.results.seal import sealed
from gonogo.results.verdict import judge
from gonogo.run.diagnosis import diagnosed
from tests.test_judge import CRITICALS, Given

# pytester unloads what a test was the first to load, and half of a library is no use; and every error has to be known
for name in (
    *("kubernetes.client", "rich.live", "gonogo.cluster.hub", "gonogo.providers.embedded.provider"),
    *("gonogo.run.child", "gonogo.run.execution"),
):
    importlib.import_module(name)

DOCS = Path(__file__).parent.parent / "docs" / "exit-codes.md"


def table(heading: str) -> list[dict[str, str]]:
    """The rows of the first table below a heading, by the words of its head."""
    text = DOCS.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2]
    lines = [line for line in text.partition("\n## ")[0].splitlines() if line.startswith("|")]
    rows = [[re.sub(r"[`*]", "", cell).strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


# -- errors


def classes(root: type[BaseException] = GonogoError) -> Iterator[type[BaseException]]:
    """A class and all below it, as far as they are loaded."""
    yield root
    for below in root.__subclasses__():
        yield from classes(below)


def made(kind: type[BaseException]) -> BaseException:
    """An error of this class, whatever its constructor wants."""
    error = kind.__new__(kind)
    return error if isinstance(error, GonogoError) else kind()


OWN = {kind.__name__: kind for kind in classes() if kind.__module__.startswith("gonogo.")}
OTHERS: dict[str, type[BaseException]] = {
    "Wrong": Wrong,
    "OSError": OSError,
    "KeyboardInterrupt": KeyboardInterrupt,
    "Exception": Exception,
}
ITS_OWN = {"NotAsked", "Fallen", "NotReady"}
"""Errors whose outcome is that of what they are about."""


def test_the_docs_hold_every_class_of_error_and_what_it_comes_to() -> None:
    told = {row["error"]: (row["outcome"], row["code"]) for row in table("Errors")}

    known = {**OWN, **OTHERS}
    ends = {
        name: ending(made(kind)) if kind is not Wrong else ending(Wrong("a.b", 1, 2)) for name, kind in known.items()
    }
    found = {n: (str(end.outcome), str(int(end.code))) for n, end in ends.items() if n not in ITS_OWN}
    assert found | dict.fromkeys(ITS_OWN, ("its own", "1 or 3")) == told


@pytest.mark.parametrize(
    ("last", "end"),
    [
        (3, (Outcome.FAILED, Code.FAILED)),
        (TimedOut("store", "silent"), (Outcome.BROKEN, Code.COULD_NOT_TELL)),
        (errors.Refused("store", "refused"), (Outcome.FAILED, Code.FAILED)),
        (ZeroDivisionError(), (Outcome.BROKEN, Code.COULD_NOT_TELL)),
    ],
)
def test_a_wait_that_ended_is_what_was_seen_last(last: object, end: tuple[Outcome, Code]) -> None:
    assert ending(NotReady("the store", 1, 2, last)) == end


@pytest.mark.parametrize("kind", list(classes(errors.ClientError)), ids=lambda kind: kind.__name__)
def test_a_check_a_component_and_a_verb_make_the_same_of_an_error(kind: Callable[..., errors.ClientError]) -> None:
    error = kind("store", "is not well")

    outcome = ending(error).outcome
    assert diagnosed(error, "store").outcome is outcome


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ((), 0),
        ((Outcome.PASSED, Outcome.SKIPPED, Outcome.WAIVED, Outcome.UNSUPPORTED), 0),
        ((Outcome.PASSED, Outcome.BLOCKED), 3),
        ((Outcome.MISSING,), 3),
        ((Outcome.BROKEN, Outcome.BLOCKED, Outcome.FAILED), 1),
    ],
)
def test_of_several_outcomes_what_failed_counts_first(outcomes: tuple[Outcome, ...], code: int) -> None:
    assert Code.of(*outcomes) == code


# -- the world


@dataclass
class ApiServer:
    """An API server, on loopback. ``answer`` takes a path to status and body, or to None: no answer."""

    answer: Callable[[str], tuple[int, str] | None]
    tls: ssl.SSLContext | None = None
    over: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def __enter__(self) -> ApiServer:
        world = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path, _, query = self.path.partition("?")
                said = world.answer(path)
                if said is not None and said[0] == 200 and "watch=1" in query:
                    self.send_response(200)
                    self.end_headers()
                    said = None
                if said is None:
                    world.over.wait(30)
                    return
                self.send_response(said[0])
                self.send_header("Content-Length", str(len(said[1].encode())))
                self.end_headers()
                self.wfile.write(said[1].encode())

            def log_message(self, format: str, *args: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' if self.tls else ''}://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()


META = {"namespace": "data", "creationTimestamp": "2026-01-01T00:00:00Z"}
POD = {
    "metadata": {**META, "name": "store-0", "uid": "1", "labels": {"app": "store"}},
    "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "store:1"}]},
    "status": {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:01:00Z"}],
        "containerStatuses": [{"name": "app", "ready": True, "restartCount": 0, "state": {"running": {}}}],
    },
}
SERVICE = {
    "metadata": {**META, "name": "store", "uid": "2"},
    "spec": {"clusterIP": "10.0.0.1", "selector": {"app": "store"}, "ports": [{"port": 80}]},
}

SLICE = {
    "metadata": {**META, "name": "store-x", "uid": "3", "labels": {"kubernetes.io/service-name": "store"}},
    "addressType": "IPv4",
    "endpoints": [{"addresses": ["10.1.0.1"], "conditions": {"ready": True}}],
    "ports": [{"port": 80}],
}


def well(path: str) -> tuple[int, str]:
    """What a cluster answers in which all is well."""
    found: dict[str, Any] = {"kind": "List", "metadata": {"resourceVersion": "7"}, "items": []}
    if path == "/version":
        found = {"gitVersion": "v1.34.0"}
    elif path == "/apis":
        found = {"groups": []}
    elif path.endswith("/namespaces/kube-system"):
        found = {"metadata": {"uid": "uid-1"}}
    elif path.endswith("/secrets/store"):
        found = {"kind": "Secret", "data": {"password": b64encode(b"hunter2-of-the-store").decode()}}
    elif path.endswith("/pods"):
        found["items"] = [POD]
    elif path.endswith("/services"):
        found["items"] = [SERVICE]
    elif path.endswith("/endpointslices"):
        found["items"] = [SLICE]
    return 200, json.dumps(found)


CLUSTER = """
[target]
name = "there"
provider = "existing"
modes = ["read", "write", "disrupt"]
capabilities = ["kubernetes"]

[kubernetes]
kubeconfig = "{config}"
context = "one"
identity = "uid-1"
namespaces = ["data"]
transport = "service"

[limits]
check = 10

[components.store]
folder = "{root}/servers/store"
identity = "id-of-store"
service = "data/store:80"
password = {{ secret = "data/store#password" }}

[components.shop]
folder = "{root}/servers/shop"
"""

PLAIN = """
[target]
name = "plain"
provider = "existing"

[components.store]
folder = "{root}/servers/store"
password = {{ env = "STORE_PASSWORD" }}
"""

DRILLS = """
[moved]
fault = { endpoints = { folder = "nowhere" } }
asks = ["store.answers"]
outcome = "failed"
cause = "store.connection_refused"
"""

MOOD = """
        if path.read_text() in vars(errors):
            raise getattr(errors, path.read_text())("{name}", "so it was said")
        if path.read_text() == "bug":
            raise ZeroDivisionError("in a client")
        if path.read_text() == "hung":"""


WARD = '''
    import pytest
    from fixtures.ward import Ward
    from gonogo import expect, something

    @pytest.mark.criterion("ward.answers")
    def test_answers(ward: Ward) -> None:
        """The ward answers."""
        expect(ward.answers(), something(), cause="ward.timed_out")
'''
"""The suite of a component that lacks nothing, and that the target does not hold."""


class Scene:
    """A world in which every verb ends with 0. One thing in it goes wrong before a verb is run."""

    def __init__(self, content: Content, patch: pytest.MonkeyPatch, tmp: Path, stack: ExitStack) -> None:
        self.content, self.root, self.patch, self.tmp, self.stack = content, content.root, patch, tmp, stack
        self.target, self.results, self.dump = self.root / "deploy/targets/there.toml", tmp / "run.json", tmp / "d.json"
        self.config = tmp / "kubeconfig"
        patch.setenv("GONOGO_HOME", str(tmp / "home"))
        patch.setenv("STORE_PASSWORD", "hunter2-of-the-store")
        for name in ("store", "shop"):
            client = self.root / f"fixtures/{name}.py"
            self.edit(client, "import Path\n", "import Path\nfrom gonogo.core import errors\n")
            self.edit(client, '\n        if path.read_text() == "hung":', MOOD.format(name=name))
            self.edit(client, "def identity(self) -> str:\n", "def identity(self) -> str:\n        self.mood()\n")
        component = self.root / "deploy/store/component.toml"
        self.edit(component, '["password"]\nsecret', '["password", "address"]\nservice = {address = "{host}"}\nsecret')
        content.write("suites/store/drills.toml", DRILLS)
        content.write("deploy/ward/component.toml", 'title = "Ward"')
        content.write("fixtures/ward.py", CLIENT.format(name="ward", title="Ward"))
        content.write("suites/ward/test_ward.py", WARD)
        with (self.root / "reports/criteria.toml").open("a") as criteria:
            criteria.write('[ward.answers]\nlevel = "critical"\nclaim = "The ward answers"\nplan = "1"\n')
            criteria.write('[profiles.preflight]\ninclude = ["store.answers"]\n')
        content.write("deploy/targets/plain.toml", PLAIN.format(root=self.root))
        self.results.write_bytes(msgspec.json.encode(sealed(judge(Given(CRITICALS).results()))))
        self.dump.write_text(json.dumps({"apiVersion": "v1", "kind": "Pod", **POD}))
        # that needs a network; tests/test_doctor.py asks it
        patch.setattr(doctor.Index, "__init__", lambda index: setattr(index, "_process", None))
        self.serve(well)

    def serve(self, answer: Callable[[str], tuple[int, str] | None], tls: ssl.SSLContext | None = None) -> None:
        """Let the target's cluster answer so."""
        self.at(self.stack.enter_context(ApiServer(answer, tls)).url)

    def at(self, url: str) -> None:
        """Let the target's API server be at this address."""
        kubeconfig(self.config, server=url, user={"token": "t0ken-of-nobody"})
        self.target.write_text(CLUSTER.format(config=self.config, root=self.root))

    def edit(self, path: Path, old: str, new: str) -> None:
        """Change what a file says."""
        assert old in path.read_text(), old
        path.write_text(path.read_text().replace(old, new))

    def run(self, verb: str) -> int:
        """The exit code of a verb, as a shell sees it."""
        self.patch.setattr(sys, "argv", ["gonogo", *VERBS[verb](self)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0)


VERBS: dict[str, Callable[[Scene], list[str]]] = {
    "components": lambda _: ["components"],
    "plan": lambda _: ["plan"],
    "status": lambda _: ["status"],
    "endpoints": lambda _: ["endpoints", "--target", "plain"],
    "endpoints --discover": lambda _: ["endpoints", "--discover"],
    "explain": lambda _: ["explain", "store.answers"],
    "doctor": lambda _: ["doctor"],
    "lint": lambda _: ["lint", "ward"],
    "up": lambda _: ["up"],
    "down": lambda _: ["down"],
    "rollback": lambda _: ["rollback", "store"],
    "rbac": lambda _: ["rbac", "--for", "read"],
    "check": lambda _: ["check", "-m", "critical"],
    "check --mode write": lambda _: ["check", "-m", "critical", "--mode", "write"],
    "preflight": lambda _: ["preflight"],
    "gate": lambda scene: ["gate", str(scene.results)],
    "gate --each": lambda scene: ["gate", "--each", str(scene.results)],
    "report": lambda scene: ["report", str(scene.results), "--markdown", str(scene.root / "reports/out/summary.md")],
    "sweep": lambda _: ["sweep"],
    "sweep --yes": lambda _: ["sweep", "--yes"],
    "drill": lambda _: ["drill"],
    "health": lambda _: ["health"],
    "health -f": lambda scene: ["health", "-f", str(scene.dump)],
    "completion": lambda _: ["completion", "bash"],
    "init": lambda scene: ["init", str(scene.tmp / "made")],
    "new component": lambda _: ["new", "component", "gadget"],  # last: from now on it is there
}
"""Each verb, and those of its ways that meet other faults, with its arguments."""


@pytest.fixture
def scene(
    content: Content, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """The world."""
    with ExitStack() as stack:
        yield Scene(content, monkeypatch, tmp_path_factory.mktemp("scene"), stack)


# -- what goes wrong


def silent(scene: Scene) -> None:
    scene.serve(lambda _: None)
    scene.edit(scene.target, "check = 10", "check = 0.2")
    scene.patch.setattr(doctor, "PATIENCE", 0.2)


def unpacked(scene: Scene) -> None:
    """In a folder without content of its own, and what should be built in is not there."""
    scene.patch.chdir(scene.tmp)
    scene.patch.setattr(content_of, "built_in", lambda: None)


def untrusted(scene: Scene) -> None:
    pair = Authority(scene.tmp).issue("127.0.0.1")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pair.certificate, pair.key)
    scene.serve(well, tls)


def unmade(error: BaseException) -> Callable[[Scene], None]:
    """Nothing of the target's platform stands, and nothing can be deployed."""

    def up(*_: object) -> None:
        raise error

    def spoil(scene: Scene) -> None:
        for name in ("version", "takes", "fits", "down", "down_only"):
            scene.patch.setattr(ExistingCluster, name, getattr(Deploying, name), raising=False)
        scene.patch.setattr(ExistingCluster, "completes", False, raising=False)
        scene.patch.setattr(ExistingCluster, "room", (), raising=False)
        scene.patch.setattr(ExistingCluster, "ended", [], raising=False)
        scene.patch.setattr(ExistingCluster, "stands", lambda *_: False)
        scene.patch.setattr(ExistingCluster, "up", up, raising=False)

    return spoil


def met(error: BaseException) -> Callable[[Scene], None]:
    """Whatever the verb does, it comes to this."""

    def run(*_: object, **__: object) -> None:
        raise error

    def spoil(scene: Scene) -> None:
        for verb in {name.split()[0] for name in VERBS}:
            scene.patch.setattr(importlib.import_module(f"gonogo.commands.{verb}"), "run", run)

    return spoil


def unusable(scene: Scene) -> None:
    scene.patch.setenv("GONOGO_HOME", str(scene.content.write("a-file", "")))
    scene.content.write(".gonogo", "")


def says(kind: str) -> Callable[[Scene], None]:
    return lambda scene: scene.content.mood("store", kind)


FAULTS: dict[str, Callable[[Scene], object]] = {
    "nothing": lambda _: None,
    "API server: refuses the connection": lambda scene: scene.at("http://127.0.0.1:1"),
    "API server: does not answer": silent,
    "API server: certificate not trusted": untrusted,
    "API server: HTTP 401": lambda scene: scene.serve(lambda _: (401, "{}")),
    "API server: HTTP 403": lambda scene: scene.serve(lambda _: (403, "{}")),
    "API server: HTTP 500": lambda scene: scene.serve(lambda _: (500, "{}")),
    "API server: another server answers": lambda scene: scene.serve(lambda _: (200, "<html>")),
    "API server: another server says 404": lambda scene: scene.serve(lambda _: (404, "<html>")),
    "cluster: a Secret is missing": lambda scene: scene.edit(scene.target, "#password", "#passwort"),
    "cluster: another one than the target means": lambda scene: scene.edit(scene.target, "uid-1", "uid-2"),
    "kubeconfig: missing": lambda scene: scene.config.unlink(),
    "kubeconfig: malformed": lambda scene: scene.config.write_text("a: ["),
    "kubeconfig: unknown context": lambda scene: scene.edit(scene.target, 'context = "one"', 'context = "two"'),
    "target: missing": lambda scene: scene.target.unlink(),
    "target: malformed": lambda scene: scene.edit(scene.target, "[limits]", "[limts]"),
    "target: a variable is not set": lambda scene: scene.patch.delenv("STORE_PASSWORD"),
    "content: none": unpacked,
    "content: criteria malformed": lambda scene: scene.content.write("reports/criteria.toml", "[more"),
    "gonogo.toml: malformed": lambda scene: scene.content.write("gonogo.toml", "[contents]"),
    "results: missing": lambda scene: scene.results.unlink(),
    "results: malformed": lambda scene: scene.results.write_text("{"),
    "results: changed by hand": lambda scene: scene.edit(scene.results, '"passed"', '"failed"'),
    "results: cannot be written": lambda scene: scene.content.write("reports/out", ""),
    "stored objects: malformed": lambda scene: scene.dump.write_text("{"),
    "state folder: unusable": unusable,
    "component: refuses the connection": says("Refused"),
    "component: does not answer": says("TimedOut"),
    "component: refuses our credentials": says("Denied"),
    "component: an error of its client": says("bug"),
    "component: cannot be deployed": unmade(DeployError("store", "line 3 of its configuration")),
    "component: not ready in time": unmade(NotReady("the store", 1, 2, None)),
    "this machine: no room, no right to it": met(OSError(28, "No space left on device", "/data")),
    "gonogo: an error of its own": met(ZeroDivisionError("nobody divides here")),
    "somebody: Ctrl-C": met(KeyboardInterrupt()),
}


def test_the_docs_hold_every_fault_and_every_verb() -> None:
    rows = table("Faults")

    registered = {command.callback.__name__ for command in cli.app.registered_commands if command.callback}
    registered |= {str(group.name) for group in cli.app.registered_groups}
    assert [row["fault"] for row in rows] == list(FAULTS)
    assert {verb.split()[0] for verb in VERBS} == registered
    assert {verb for row in rows for verb in met_by(row)} <= VERBS.keys()


def met_by(row: dict[str, str]) -> dict[str, int]:
    """The verbs that meet the fault of a row, and the code of each: the row's, or its own in brackets."""
    told = ", ".join(VERBS) if row["met by"] == "every verb" else row["met by"]
    found = re.findall(r"([^,()]+?)(?: \((\d+)\))?(?:, |$)", told)
    return {verb: int(own or row["code"]) for verb, own in found}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_has_one_code_whichever_verb_meets_it(scene: Scene, fault: str) -> None:
    (row,) = [row for row in table("Faults") if row["fault"] == fault]
    FAULTS[fault](scene)

    codes = {verb: scene.run(verb) for verb in VERBS}

    assert codes == dict.fromkeys(VERBS, 0) | met_by(row)
