"""``gonogo health``: what a person reads, what a pipeline reads, and the code it ends with."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import yaml
from planted import kinds
from repositories import Content

from gonogo import cli
from gonogo.cluster import story, survey
from gonogo.cluster.judge import Row, State, World, judge
from gonogo.core.errors import Forbidden, Garbled, Unavailable
from gonogo.results.model import Reference

NOW = "2026-11-25T10:00:00Z"
FIELDS = ["kind", "apiVersion", "namespace", "name", "state", "reason", "message", "hint", "cause", "source"]
FACTS = ["root", "grace", "since", "container", "image", "exitCode", "lacks"]
"""What the message of a row tells, for programs."""


def pod(name: str, ready: bool = True, **status: Any) -> dict[str, Any]:
    """A pod that runs since yesterday."""
    told = "True" if ready else "False"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "data", "uid": name, "creationTimestamp": "2026-11-24T10:00:00Z"},
        "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "web:1"}]},
        "status": {
            "phase": "Running",
            "startTime": "2026-11-24T10:00:00Z",
            "conditions": [{"type": "Ready", "status": told, "lastTransitionTime": "2026-11-24T10:00:00Z"}],
            "containerStatuses": [{"name": "app", "ready": ready, "restartCount": 0, "state": {"running": {}}}],
            **status,
        },
    }


def kafka(name: str, kind: str, **condition: str) -> dict[str, Any]:
    """A custom resource with one condition."""
    meta = {"name": name, "namespace": "data", "uid": name, "creationTimestamp": "2026-11-24T10:00:00Z"}
    told = {"type": kind, "status": "True", "lastTransitionTime": NOW, **condition}
    return {"apiVersion": "kafka.strimzi.io/v1", "kind": "Kafka", "metadata": meta, "status": {"conditions": [told]}}


FAILED = kafka("events", "NotReady", reason="TimeoutException", message="kafka-0 is not ready")
UNKNOWN = {**FAILED, "metadata": {**FAILED["metadata"], "name": "odd"}, "status": {"conditions": 3}}
PROGRESSING = kafka("new", "NotReady", reason="Creating", message="being deployed")


@dataclass(frozen=True)
class Said:
    """What one command came to."""

    code: int
    out: str
    err: str


Health = Callable[..., Said]


@pytest.fixture
def health(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Health:
    """The verb, on objects that are put into a file, or with arguments as they are."""
    for name in ("GONOGO_TARGET", "KUBECONFIG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*given: Any) -> Said:
        arguments = [one for one in given if isinstance(one, str)]
        objects = [one for one in given if not isinstance(one, str)]
        if objects:
            Path("dump.yaml").write_text(yaml.safe_dump_all(objects), encoding="utf-8")
            arguments = ["-f", "dump.yaml", *arguments]
        monkeypatch.setattr(sys, "argv", ["gonogo", "health", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return Said(int(ended.value.code or 0), *capfd.readouterr())

    return run


# -- secrets


@pytest.mark.parametrize("options", [(), ("--json",), ("-v",)], ids=["text", "JSON", "everything"])
def test_no_secret_of_a_message_an_event_or_a_condition_is_shown(options: tuple[str, ...], health: Health) -> None:
    planted = [one for one in kinds()[::11] if "\x1b" not in one.text and len(one.secret) > 8]
    objects = []
    for number, one in enumerate(planted):
        ended = {"exitCode": 1, "reason": "Error", "message": one.text, "finishedAt": NOW}
        state = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": ended}}
        status = {"name": "app", "ready": False, "restartCount": 3, **state}
        objects.append(pod(f"web-{number}", False, containerStatuses=[status]))
        objects.append(kafka(f"events-{number}", "NotReady", reason="Broken", message=one.text))

    said = health(*objects, *options)

    assert said.code == 1
    assert len(planted) > 60
    # what is cut or set out on lines of its own shows no part of it either
    shown = " ".join((said.out + said.err).split())
    assert [one.kind for one in planted if one.secret in shown or one.secret[:20] in shown] == []


# -- the code


@pytest.mark.parametrize(
    ("objects", "code"),
    [
        ([pod("web-0")], 0),
        ([pod("web-0"), PROGRESSING], 0),
        ([kafka("events", "Ready")], 0),
        ([pod("web-0"), FAILED], 1),
        ([pod("web-0"), FAILED, UNKNOWN], 1),
        ([pod("web-0"), UNKNOWN], 3),
        ([pod("job", phase="Succeeded", containerStatuses=[])], 3),
        ([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}], 3),
        ([{"apiVersion": "v1", "kind": "List", "items": []}], 3),
    ],
)
def test_the_code_tells(objects: list[dict[str, Any]], code: int, health: Health) -> None:
    assert health(*objects).code == code


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-f", "nosuch.yaml"], "nosuch.yaml: no such file or directory"),
        (["-f", "empty.yaml"], "empty.yaml: is empty"),
        (["-f", "bad.json"], "bad.json:1: not JSON"),
        (["-f", "bad.yaml"], "bad.yaml:3: not YAML"),
        (["-f", "values.yaml"], "values.yaml: holds no object of Kubernetes"),
        (["-f", "ok.yaml", "--watch"], "--watch: files do not change"),
        (["-A", "-n", "data"], "-A: means all namespaces"),
        (["-n", "data/../x"], "-n: 'data/../x' can be no namespace (names are lower-case letters"),
        (["ok.yaml"], "ok.yaml: is no option (files are named after -f)"),
        (["-f"], "requires an argument"),
    ],
)
def test_wrong_use_is_a_sentence(arguments: list[str], sentence: str, health: Health) -> None:
    texts = {"empty.yaml": "", "bad.json": "{oops", "bad.yaml": "a:\n- [\n", "values.yaml": "a: 1\n"}
    for name, text in {**texts, "ok.yaml": yaml.safe_dump(pod("x"))}.items():
        Path(name).write_text(text, encoding="utf-8")

    said = health(*arguments)

    assert (said.code, said.out) == (2, "")
    assert sentence in said.err
    assert "Traceback" not in said.err


def test_all_bad_files_are_told_at_once(health: Health) -> None:
    Path("a.yaml").write_text("[", encoding="utf-8")
    Path("b.json").write_text("{", encoding="utf-8")

    said = health("-f", "a.yaml", "b.json", "c.yaml")

    assert [line.split(":")[0] for line in said.err.splitlines()] == ["a.yaml", "b.json", "c.yaml"]


# -- what a pipeline reads


def test_a_row_has_the_fields_of_the_contract(health: Health) -> None:
    said = health(pod("web-0"), FAILED, "--json")

    rows = json.loads(said.out)["rows"]
    assert [list(row) for row in rows] == [FIELDS + FACTS, FIELDS + FACTS]
    assert {row["name"]: row["state"] for row in rows} == {"web-0": "ready", "events": "failed"}
    assert rows[1]["apiVersion"] == "kafka.strimzi.io/v1"
    assert rows[1]["source"] == "dump.yaml#2"


def test_json_is_all_that_goes_to_standard_output(health: Health) -> None:
    said = health(pod("web-0"), "--json")

    assert isinstance(json.loads(said.out), dict)
    assert "judged at 2026-11-24 10:00:00 UTC, the latest time in the files" in said.err


def test_no_rows_are_an_empty_list(health: Health) -> None:
    assert json.loads(health({"apiVersion": "v1", "kind": "List", "items": []}, "--json").out)["rows"] == []


def test_the_states_are_those_of_the_contract() -> None:
    schema = msgspec.json.schema(Row)

    assert sorted(schema["$defs"]["State"]["enum"]) == ["failed", "progressing", "ready", "suspended", "unknown"]
    assert list(schema["$defs"]["Row"]["properties"]) == FIELDS + FACTS


def test_objects_may_come_through_a_pipe(health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(FAILED).encode())))

    said = health("-f", "-", "--json")

    assert said.code == 1
    assert json.loads(said.out)["rows"][0]["source"] == "standard input"


@pytest.mark.parametrize("given", [["-n", "data"], ["-n", "x,data"], ["-n", "x", "-n", "data"]])
def test_a_namespace_narrows(given: list[str], health: Health) -> None:
    other = {**FAILED, "metadata": {**FAILED["metadata"], "namespace": "other"}}

    said = health(pod("web-0"), other, *given, "--json")

    assert said.code == 0
    assert [row["namespace"] for row in json.loads(said.out)["rows"]] == ["data"]


# -- what a person reads


def test_the_worst_comes_first_and_the_ready_are_counted(health: Health) -> None:
    said = health(pod("web-0"), pod("web-1"), PROGRESSING, UNKNOWN, FAILED)

    lines = said.out.splitlines()
    assert [line.split()[0] for line in lines if line[:1].islower()][:3] == ["failed", "unknown", "progressing"]
    assert "1 failed, 1 unknown, 1 progressing and 2 ready" in lines
    assert "web-0" not in said.out


def test_all_rows_show_the_ready_too(health: Health) -> None:
    assert "ready       Pod data/web-0" in health(pod("web-0"), "--all-rows").out
    assert "ready       Pod data/web-0" in health(pod("web-0"), "-v").out


def test_health_stands_under_the_rows(health: Health) -> None:
    said = health(pod("web-0"), pod("web-1", ready=False), FAILED)

    assert "health: 50.00 % strict, 100.00 % literal (2 of 2 pods are in phase Running)" in said.out
    assert "strict = 1 healthy / (2 pods − 0 succeeded − 0 terminating − 0 replaced)" in said.out
    assert "  data/web-1: unhealthy, phase Running" in said.out


def test_without_pods_health_is_not_a_number(health: Health) -> None:
    assert "health: cannot be computed, there are no pods" in health(FAILED).out


def test_colours_are_for_terminals(health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" not in health(FAILED).out

    monkeypatch.setattr("gonogo.commands.health.coloured", lambda: True)

    assert "\x1b[31mfailed" in health(FAILED).out


def test_what_a_cluster_says_does_not_move_the_cursor(health: Health) -> None:
    said = health(kafka("events", "NotReady", reason="X", message="a\x1b[2Jb"))

    assert "\x1b" not in said.out


# -- stories


def row(name: str, state: State, root: Reference | None = None, *, reason: str = "CrashLoop", **more: Any) -> Row:
    """One row of a namespace."""
    told: dict[str, Any] = {"kind": "Pod", "cause": str(root or ""), "root": root, "reason": reason, **more}
    return Row(namespace="x", name=name, state=state, **told)


def pod_at(name: str, container: str = "") -> Reference:
    """A pod of that namespace."""
    return Reference(kind="Pod", namespace="x", name=name, container=container)


def test_a_doomed_pod_and_its_owners_are_one_story_root_first() -> None:
    found = story.stories(
        [
            row("web", State.FAILED, pod_at("web-1", "app"), kind="Deployment"),
            row("web-1", State.FAILED, pod_at("web-1", "app")),
            row("db", State.READY, kind="Service"),
        ]
    )

    assert [(one.root.name, [row.name for row in one.dragged]) for one in found] == [("web-1", ["web"]), ("db", [])]


def test_a_chain_of_causes_ends_at_its_root() -> None:
    found = story.stories(
        [
            row("web", State.PROGRESSING, pod_at("web-1"), kind="Deployment"),
            row("web-1", State.PROGRESSING, Reference(kind="PersistentVolumeClaim", namespace="x", name="disk")),
            row("disk", State.FAILED, kind="PersistentVolumeClaim"),
        ]
    )

    assert [one.root.name for one in found] == ["disk"]
    assert {row.name for row in found[0].dragged} == {"web", "web-1"}


def test_pods_that_suffer_alike_are_told_once() -> None:
    found = story.stories([row(f"web-{n}", State.FAILED, message=f"web-{n} ended with 1") for n in range(3)])

    assert [(one.root.name, len(one.alike)) for one in found] == [("web-0", 2)]


def test_of_pods_that_suffer_alike_no_other_words_are_lost() -> None:
    rows = [row(f"web-{n}", State.FAILED, message=f"web-{n} took {n // 2} s") for n in range(4)]

    told = story.text(rows, colour=False, width=100)

    assert [line.strip() for line in told.splitlines()[1:4]] == [
        "alike: Pod x/web-1, Pod x/web-2, Pod x/web-3",
        "web-0 took 0 s",
        "Pod x/web-2: web-2 took 1 s",
    ]


def test_causes_in_a_circle_lose_no_row() -> None:
    gone = Reference(kind="Node", name="gone")
    rows = [row("a", State.FAILED, pod_at("b")), row("b", State.FAILED, pod_at("a")), row("c", State.FAILED, gone)]

    told = [one for each in story.stories(rows) for one in (each.root, *each.alike, *each.dragged)]

    assert {one.name for one in told} >= {"c"}
    assert len(told) == len(rows)


@pytest.mark.parametrize("names", [["a", "a"], ["", ""]])
def test_objects_of_one_title_are_all_kept(names: list[str]) -> None:
    rows = [row(name, State.FAILED, message=str(number)) for number, name in enumerate(names)]

    assert sum(1 + len(one.alike) + len(one.dragged) for one in story.stories(rows)) == 2


# -- a cluster


@pytest.fixture
def kubeconfig(health: Health, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kubeconfig with one context, whose API server nobody runs."""
    server = {"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "one",
        "clusters": [server],
        "users": [{"name": "u", "user": {"token": "x"}}],
        "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", str(path))


@pytest.mark.usefixtures("kubeconfig")
def test_a_cluster_that_cannot_be_asked_is_not_healthy(health: Health) -> None:
    said = health()

    assert (said.code, said.out) == (3, "")
    assert "127.0.0.1:9" in said.err
    assert "Traceback" not in said.err


def test_without_a_kubeconfig_it_is_wrong_use(health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nosuch/kubeconfig")

    said = health()

    assert said.code == 2
    assert said.err.strip()


def test_files_are_judged_without_the_libraries_of_a_cluster(health: Health) -> None:
    import subprocess

    Path("pod.json").write_text(json.dumps(pod("web-0")), encoding="utf-8")
    program = (
        "import sys; sys.argv = ['gonogo', 'health', '-f', 'pod.json']\n"
        "from gonogo import cli\n"
        "try: cli.main()\nexcept SystemExit: print('loaded', *sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    loaded = {name.partition(".")[0] for name in done.stdout.partition("loaded ")[2].split()}
    assert "gonogo" in loaded
    assert {"kubernetes", "httpx", "urllib3", "yaml", "websockets", "rich", "pytest"} & loaded == set()


def survey_of(rows: list[Row], **more: Any) -> survey.Survey:
    """A survey whose pods are healthy."""
    return survey.Survey(rows, SimpleNamespace(strict=100.0, pods=1), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (survey_of([row("a", State.READY)]), State.READY),
        (survey_of([row("a", State.READY), row("b", State.PROGRESSING)]), State.READY),
        (survey_of([row("a", State.READY)], unasked=["may not list nodes"]), State.UNKNOWN),
        (survey_of([row("a", State.FAILED)], unasked=["may not list nodes"]), State.FAILED),
        (survey_of([]), State.UNKNOWN),
    ],
)
def test_what_could_not_be_asked_is_not_healthy(found: survey.Survey, state: State) -> None:
    assert found.state is state


class Discovery:
    """The discovery documents of a cluster, and a group whose API is down."""

    component = "health"

    def get(self, path: str, **query: str) -> bytes:
        """One of them."""
        groups = [("kafka.strimzi.io", "v1"), ("example.com", "v1"), ("velero.io", "v1"), ("ray.io", "v1")]
        if path == "/apis":
            listed = [{"name": g, "preferredVersion": {"groupVersion": f"{g}/{v}", "version": v}} for g, v in groups]
            return json.dumps({"groups": listed}).encode()
        if "velero" in path:
            raise Unavailable("health", "the API of velero.io is down")
        if "ray" in path:
            raise Forbidden("health", "may not get /apis/ray.io/v1")
        served = [("kafkas", "Kafka"), ("kafkas/status", "Kafka"), ("kafkabridges", "KafkaBridge")]
        return json.dumps({"resources": [{"name": n, "kind": k, "namespaced": True} for n, k in served]}).encode()


def test_custom_kinds_are_those_that_have_rules_and_are_served() -> None:
    kinds, unknown = survey.custom_kinds(Discovery())  # type: ignore[arg-type]

    assert [kind.resource for kind in kinds] == ["kafkas.kafka.strimzi.io"]
    assert unknown == [
        "custom resources of velero.io: the API of velero.io is down",
        "custom resources of ray.io: may not get /apis/ray.io/v1",
    ]


# -- following


def test_a_change_is_a_line_with_its_time_and_how_long_the_state_before_stood() -> None:
    before = {("", "Pod", "x", "a"): row("a", State.PROGRESSING, reason="Creating")}
    since = {("", "Pod", "x", "a"): 10.0}

    changes = list(survey.changes(before, {("", "Pod", "x", "a"): row("a", State.FAILED)}, since, 13.25))

    at = datetime.fromisoformat(NOW)
    assert [story.changed(one, at, colour=False) for one in changes] == [
        "10:00:00 Pod x/a progressing → failed after 3.2 s CrashLoop"
    ]


def test_what_appears_stays_and_goes() -> None:
    key = ("", "Pod", "x", "a")
    since: dict[tuple[str, ...], float] = {}
    ready = row("a", State.READY, reason="")

    new = list(survey.changes({}, {key: ready}, since, 1.0))
    same = list(survey.changes({key: ready}, {key: ready}, since, 2.0))
    gone = list(survey.changes({key: ready}, {}, since, 5.5))

    at = datetime.fromisoformat(NOW)
    assert [story.changed(one, at, colour=False) for one in new] == ["10:00:00 Pod x/a ready"]
    assert same == []
    assert [story.changed(one, at, colour=False) for one in gone] == ["10:00:00 Pod x/a ready → gone after 4.5 s"]


def test_following_ends_with_its_reader(health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    def steps(*_: object) -> Generator[Any]:
        yield survey_of([row("a", State.READY)])
        pytest.fail("nobody reads this")

    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr("gonogo.cluster.survey.followed", steps)
    monkeypatch.setattr("gonogo.cluster.api.Api", lambda *_, **__: None)

    with os.fdopen(writer, "w") as unread:
        monkeypatch.setattr(sys, "stdout", unread)
        said = health("--watch", "--json")

    assert (said.code, said.err) == (130, "")


# -- which cluster


def test_a_target_without_a_cluster_is_wrong_use(
    content: Content, health: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(content.root)

    said = health("--target", "there")

    assert said.code == 2
    assert "has no [kubernetes]" in said.err


@pytest.mark.parametrize(("given", "asked"), [([], ["data"]), (["-A"], []), (["-n", "x"], ["x"])])
def test_the_target_says_which_namespaces(
    given: list[str],
    asked: list[str],
    content: Content,
    health: Health,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(content.root)
    target = content.root / "deploy/targets/there.toml"
    target.write_text(target.read_text() + '\n[kubernetes]\ncontext = "one"\nnamespaces = ["data"]\n')
    seen: list[Any] = []
    monkeypatch.setattr("gonogo.cluster.api.Api", lambda settings, timeouts: settings.context)
    monkeypatch.setattr(survey, "of_cluster", lambda api, spaces, *_: seen.append((api, spaces)) or survey_of([]))

    health(*given, "--target", "there", "--json")

    assert seen == [("one", asked)]


# -- last lines


class Pods:
    """An API server's logs: of a run that is over, of the one before, or why there are none."""

    def __init__(self, *answers: bytes | Exception) -> None:
        self.answers, self.asked = list(answers), 0

    def get(self, path: str, **query: str) -> bytes:
        """The next answer."""
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Known:
    """A hub whose world is made of these objects."""

    def __init__(self, *objects: dict[str, Any]) -> None:
        self.objects = objects

    def world(self, now: datetime | None = None, logs: Any = None) -> World:
        """The world at the time of the tests."""
        return World.of(self.objects, now=now or datetime.fromisoformat(NOW), logs=logs)


def crashing(restarts: int) -> dict[str, Any]:
    """A pod whose container ended with an error so often."""
    ended = {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": NOW, "startedAt": NOW}}
    waits = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    told = {"name": "app", "ready": False, "restartCount": restarts, "state": waits, "lastState": ended}
    return pod("web-0", ready=False, containerStatuses=[told])


def test_the_last_lines_of_both_runs_are_read_once_and_without_secrets() -> None:
    api = Pods(b"no route to db\n", b"password=hunter22hunter\n")
    logs = survey.Logs(api)  # type: ignore[arg-type]

    worlds = [logs.world(Known(crashing(3))) for _ in range(2)]  # type: ignore[arg-type]

    assert [world.log("data", "web-0", "app") for world in worlds] == ["no route to db\npassword=***"] * 2
    assert api.asked == 2


def test_after_one_more_restart_they_are_read_again() -> None:
    api = Pods(b"one", b"", b"two", b"")
    logs = survey.Logs(api)  # type: ignore[arg-type]

    told = [logs.world(Known(crashing(n))).log("data", "web-0", "app") for n in (3, 4)]  # type: ignore[arg-type]

    assert told == ["one", "two"]


def test_a_pod_is_judged_without_lines_that_may_not_be_read() -> None:
    logs = survey.Logs(Pods(Forbidden("health", "may not get pods/log")))  # type: ignore[arg-type]

    world = logs.world(Known(crashing(3)))  # type: ignore[arg-type]

    assert judge(world)[0].state is State.FAILED
    assert logs.notes == ["without last lines: may not get pods/log"]


def test_a_run_without_a_log_is_no_error() -> None:
    logs = survey.Logs(Pods(Garbled("health", "HTTP 400"), b"now"))  # type: ignore[arg-type]

    assert logs.world(Known(crashing(1))).log("data", "web-0", "app") == "now"  # type: ignore[arg-type]
    assert logs.notes == []
