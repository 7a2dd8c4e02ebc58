"""Files with objects: what people have in them, and what is said where there is nothing to be had."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from gonogo.cluster.documents import documents
from gonogo.cluster.judge import judge
from gonogo.cluster.judge.shapes import MISSHAPEN
from gonogo.cluster.stored import Stored, read
from gonogo.core.errors import ConfigError

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web-0", "namespace": "data", "creationTimestamp": "2026-11-25T09:00:00Z"},
    "spec": {"containers": [{"name": "app", "image": "web"}]},
    "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
}
KAFKA: dict[str, Any] = {
    "apiVersion": "kafka.strimzi.io/v1",
    "kind": "Kafka",
    "metadata": {"name": "events", "namespace": "data", "creationTimestamp": "2026-11-25T09:00:00Z"},
    "status": {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-25T09:30:00Z"}]},
}


def pod(name: str, **more: Any) -> dict[str, Any]:
    """One more pod."""
    return {**POD, "metadata": {**POD["metadata"], "name": name}, **more}


def untyped(obj: dict[str, Any]) -> dict[str, Any]:
    """As an item of the API's own lists, which leaves its type to the list."""
    return {key: value for key, value in obj.items() if key not in ("apiVersion", "kind")}


def names(stored: Stored) -> list[str]:
    """``Pod/web-0`` of each object, sorted."""
    return sorted(f"{obj.get('kind')}/{obj.get('metadata', {}).get('name')}" for obj in stored.objects)


@pytest.fixture
def put(tmp_path: Path) -> Callable[[str, str | bytes], str]:
    """A file with this text; its path."""

    def file(name: str, text: str | bytes) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return str(path)

    return file


Put = Callable[[str, str | bytes], str]

# -- what there is


FORMS = {
    "one object as JSON": json.dumps(POD),
    "one object as YAML": yaml.safe_dump(POD),
    "a list of kubectl as JSON": json.dumps({"apiVersion": "v1", "kind": "List", "items": [POD], "metadata": {}}),
    "a list of kubectl as YAML": yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [POD]}),
    "a list of the API as JSON": json.dumps({"apiVersion": "v1", "kind": "PodList", "items": [untyped(POD)]}),
    "a list of the API as YAML": yaml.safe_dump({"apiVersion": "v1", "kind": "PodList", "items": [untyped(POD)]}),
    "an array": json.dumps([POD]),
    "an array with other things in it": json.dumps([POD, "x", {"a": 1}, None]),
    "YAML with a byte order mark": "\ufeff" + yaml.safe_dump(POD),
    "documents with nothing between them": "---\n---\n" + yaml.safe_dump(POD) + "---\n# nothing\n",
    "YAML with CRLF": yaml.safe_dump(POD).replace("\n", "\r\n"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_pod_is_read_from(form: str, put: Put) -> None:
    stored = read([put("pod.yaml" if "YAML" in form else "pod.json", FORMS[form])])

    assert names(stored) == ["Pod/web-0"]
    assert stored.objects[0]["status"]["conditions"][0]["status"] == "True"


def test_powershell_writes_utf_16(put: Put) -> None:
    stored = read([put("pod.json", json.dumps(POD).encode("utf-16"))])

    assert names(stored) == ["Pod/web-0"]


def test_several_documents_have_numbers(put: Put) -> None:
    path = put("all.yaml", yaml.safe_dump_all([POD, KAFKA]))

    stored = read([path])

    assert {stored.sources[id(obj)] for obj in stored.objects} == {path, f"{path}#2"}


def test_objects_of_several_files_know_theirs(put: Put) -> None:
    paths = [put("a.json", json.dumps(POD)), put("b.yaml", yaml.safe_dump(KAFKA))]

    world = read(paths).world()

    assert {world.source(obj) for obj in world.objects} == set(paths)


def test_of_an_object_met_twice_the_later_one_counts(put: Put) -> None:
    stored = read([put("a.json", json.dumps(POD)), put("b.json", json.dumps(pod("web-0", status={"phase": "Failed"})))])

    assert [obj["status"] for obj in stored.objects] == [{"phase": "Failed"}]


def test_a_dump_to_standard_output_is_documents_and_logs(put: Put) -> None:
    nodes = {"kind": "NodeList", "apiVersion": "v1", "items": [{"metadata": {"name": "n1"}}]}
    pods = {"kind": "PodList", "apiVersion": "v1", "items": [untyped(POD)]}
    dump = (
        json.dumps(nodes, indent=4)
        + "\n"
        + json.dumps(pods, indent=4)
        + "\n==== START logs for container app of pod data/web-0 ====\n{ not json\nlast words\n"
        + "==== END logs for container app of pod data/web-0 ====\n"
    )

    stored = read([put("dump.txt", dump)])

    assert names(stored) == ["Node/n1", "Pod/web-0"]
    assert stored.logs == {("data", "web-0", "app"): "{ not json\nlast words"}


def test_documents_may_stand_a_line_each(put: Put) -> None:
    stored = read([put("watch.json", f"{json.dumps(POD)}\n{json.dumps(pod('web-1'))}\n")])

    assert names(stored) == ["Pod/web-0", "Pod/web-1"]


def test_a_folder_is_read_to_its_depth(put: Put, tmp_path: Path) -> None:
    put("bundle/cluster-resources/pods/data.json", json.dumps({"kind": "PodList", "apiVersion": "v1", "items": [POD]}))
    put("bundle/cluster-resources/custom-resources/kafkas/data.yaml", yaml.safe_dump([KAFKA]))
    put("bundle/cluster-resources/pods-errors.json", "[]")
    put(
        "bundle/data/web-0/logs.txt",
        "==== START logs for container app of pod data/web-0 ====\nx\n==== END logs for x ====\n",
    )
    put("bundle/version.yaml", "versionNumber: v1\n")
    put("bundle/.git/config.json", "{")
    put("bundle/README.md", "{")

    stored = read([str(tmp_path / "bundle")])

    assert names(stored) == ["Kafka/events", "Pod/web-0"]
    assert stored.logs == {("data", "web-0", "app"): "x"}


def test_an_archive_is_read_like_a_folder(put: Put, tmp_path: Path) -> None:
    path = tmp_path / "bundle.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in {"bundle/pods.json": json.dumps(POD), "bundle/notes.txt": "{"}.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))

    stored = read([str(path)])

    assert names(stored) == ["Pod/web-0"]
    assert list(stored.sources.values()) == [f"{path}:bundle/pods.json"]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(yaml.safe_dump(POD).encode())))

    assert names(read(["-"])) == ["Pod/web-0"]


EMPTY = [
    {"apiVersion": "v1", "items": [], "kind": "List"},
    {"apiVersion": "v1", "items": None, "kind": "PodList", "metadata": {"resourceVersion": "7"}},
    {"apiVersion": "v1", "kind": "PodList"},
]


@pytest.mark.parametrize("form", ["json", "yaml"])
@pytest.mark.parametrize("empty", EMPTY)
def test_an_empty_list_is_a_list(empty: dict[str, Any], form: str, put: Put) -> None:
    text = json.dumps(empty) if form == "json" else yaml.safe_dump(empty)

    stored = read([put(f"none.{form}", text)])

    assert stored.objects == []


def test_yaml_keeps_times_and_signs_as_they_are_written(put: Put) -> None:
    text = "apiVersion: example.com/v1\nkind: Rule\nmetadata: {name: x, creationTimestamp: 2026-11-25T09:00:00Z}\n"

    stored = read([put("rule.yaml", text + "spec: {operator: =, on: 2026-11-25}\n")])

    assert stored.objects[0]["metadata"]["creationTimestamp"] == "2026-11-25T09:00:00Z"
    assert stored.objects[0]["spec"]["operator"] == "="


# -- what is not kept, and what is known


SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "s", "namespace": "data", "annotations": {"last-applied": "cGFzc3dvcmQ="}},
    "data": {"password": "cGFzc3dvcmQ="},
    "stringData": {"password": "cGFzc3dvcmQ="},
}
SECRETS = {
    "object.json": json.dumps(SECRET),
    "object.yaml": yaml.safe_dump(SECRET),
    "list.json": json.dumps({"apiVersion": "v1", "kind": "List", "items": [SECRET]}),
    "secrets.json": json.dumps({"apiVersion": "v1", "kind": "SecretList", "items": [untyped(SECRET)]}),
    "secrets.yaml": yaml.safe_dump({"apiVersion": "v1", "kind": "SecretList", "items": [untyped(SECRET)]}),
    "odd.json": json.dumps({**SECRET, "metadata": {"name": 7}}),
}


@pytest.mark.parametrize("name", SECRETS)
def test_what_a_secret_holds_is_not_kept(name: str, put: Put) -> None:
    stored = read([put(name, SECRETS[name])])

    assert len(stored.objects) == 1
    assert "cGFzc3dvcmQ" not in repr(stored)


def test_only_lists_of_the_api_are_known_wholly(put: Put) -> None:
    nodes = {"kind": "NodeList", "apiVersion": "v1", "items": [{"metadata": {"name": "n1"}}]}
    pods = {"kind": "PodList", "apiVersion": "v1", "items": [untyped(POD)]}
    part = {"kind": "ServiceList", "apiVersion": "v1", "metadata": {"continue": "x"}, "items": []}
    some = {"kind": "List", "apiVersion": "v1", "items": [KAFKA]}

    stored = read([put(f"{number}.json", json.dumps(one)) for number, one in enumerate((nodes, pods, part, some))])

    assert stored.complete == {"Node", "Pod/data"}


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_the_time_of_a_dump_is_the_latest_in_it(form: str, put: Put) -> None:
    told = {**KAFKA, "status": {**KAFKA["status"], "nextScheduleTime": "2026-11-26T00:00:00Z"}}
    told["metadata"] = {
        **KAFKA["metadata"],
        "deletionTimestamp": "2026-11-25T09:40:00Z",
        "note": "2026-11-25T09:50:00Z",
    }
    text = json.dumps(told) if form == "json" else yaml.safe_dump(told)

    stored = read([put(f"kafka.{form}", text)])

    assert stored.now == datetime(2026, 11, 25, 9, 30, tzinfo=UTC)


def test_managers_tell_the_time_too(put: Put) -> None:
    fields = [{"manager": "kubelet", "time": "2026-11-25T09:45:00Z"}]

    stored = read([put("pod.json", json.dumps(pod("web-0", metadata={**POD["metadata"], "managedFields": fields})))])

    assert stored.now == datetime(2026, 11, 25, 9, 45, tzinfo=UTC)


def test_a_dump_without_times_has_none(put: Put) -> None:
    assert read([put("pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n")]).now is None


ODD = {
    "a pod without a name": {**POD, "metadata": {}},
    "a pod whose metadata is a text": {**POD, "metadata": "x"},
    "a pod without metadata": {key: value for key, value in POD.items() if key != "metadata"},
    "a pod with a number for a phase": {**POD, "status": {"phase": 3}},
    "something with a number for a kind": {**POD, "kind": 7},
    "something without a version": {key: value for key, value in POD.items() if key != "apiVersion"},
}


@pytest.mark.parametrize("what", ODD)
@pytest.mark.parametrize("form", ["object", "list", "array", "yaml"])
def test_it_is_kept_as_odd(what: str, form: str, put: Put) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [ODD[what]]}
    text = (
        yaml.safe_dump(ODD[what])
        if form == "yaml"
        else json.dumps({"list": listed, "array": [ODD[what]]}.get(form, ODD[what]))
    )

    stored = read([put("odd.yaml" if form == "yaml" else "odd.json", text)])

    assert [obj for obj in stored.objects if MISSHAPEN not in obj] == []
    assert len(stored.objects) == 1


@pytest.mark.parametrize("item", [None, 3, "x", [], {}, {"kind": "Pod"}])
def test_items_of_the_apis_own_list_may_be_anything(item: object, put: Put) -> None:
    stored = read(
        [put("pods.json", json.dumps({"kind": "PodList", "apiVersion": "v1", "items": [item, untyped(POD)]}))]
    )

    assert "Pod/web-0" in names(stored)


# -- what is wrong


def test_all_files_that_cannot_be_read_are_told_at_once(put: Put, tmp_path: Path) -> None:
    bad = [
        put("cut.json", '{\n "kind": "Pod",\n "meta'),
        put("bad.json", '{\n "kind": "Pod",\n oops}'),
        put("bad.yaml", "kind: Pod\nmetadata:\n  name: [x\n"),
        put("tab.yaml", "kind: Pod\nmetadata:\n\tname: x\n"),
        put("latin.yaml", b"kind: Pod\nname: \xe9\n"),
        put("latin.json", b'{"kind": "Pod",\n"name": "\xe9"}'),
        put("empty.yaml", ""),
        put("values.yaml", "replicas: 3\n"),
        put("kubeconfig.yaml", "apiVersion: v1\nkind: Config\nclusters: []\n"),
        str(tmp_path / "nosuch.yaml"),
        put("bundle.tar.gz", "no archive"),
    ]

    with pytest.raises(ConfigError) as told:
        read([*bad, put("good.json", json.dumps(POD))])

    places = [problem.where.removeprefix(f"{tmp_path}/") for problem in told.value.problems]
    assert places == [
        *("cut.json:3", "bad.json:3", "bad.yaml:4", "tab.yaml:3", "latin.yaml:2", "latin.json:2"),
        *("empty.yaml", "values.yaml", "kubeconfig.yaml", "nosuch.yaml", "bundle.tar.gz"),
    ]
    assert "no object of Kubernetes" in told.value.problems[7].what


def test_the_third_of_several_documents_is_told_by_its_line(put: Put) -> None:
    path = put("dump.json", json.dumps(POD, indent=1) + "\n" + '{\n "kind": oops\n}\n')

    with pytest.raises(ConfigError) as told:
        read([path])

    lines = len(json.dumps(POD, indent=1).splitlines())
    assert [problem.where for problem in told.value.problems] == [f"{path}:{lines + 2}"]


def test_a_folder_without_objects_says_so(put: Put, tmp_path: Path) -> None:
    put("empty/notes.yaml", "a: 1\n")

    with pytest.raises(ConfigError, match="no file in this folder"):
        read([str(tmp_path / "empty")])


@pytest.mark.parametrize("text", ["[" * 100_000, "{" * 100_000, "- " * 100_000])
def test_what_is_nested_without_end_is_a_sentence(text: str, put: Put) -> None:
    with pytest.raises(ConfigError):
        read([put("deep.yaml", text)])


@pytest.mark.parametrize("last", ["a8: &a8 [*a7, *a7]", "self: &me {me: *me}"])
def test_yaml_that_stands_for_more_than_it_is_is_refused(last: str, put: Put) -> None:
    thing = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: x}\na0: &a0 [x, x, x, x, x, x, x, x]\n"
    laughs = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 20)}]\n" for n in range(1, 8))

    with pytest.raises(ConfigError):
        read([put("laughs.yaml", thing + laughs + last + "\n")])


def test_an_alias_is_read(put: Put) -> None:
    stored = read([put("pod.yaml", yaml.safe_dump(POD) + "x: &x {a: 1}\ny: *x\n")])

    assert names(stored) == ["Pod/web-0"]


def test_much_yaml_is_announced(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gonogo.cluster.stored.SLOW", 10)
    told: list[str] = []

    read([put("pod.yaml", yaml.safe_dump(POD))], told.append)

    assert len(told) == 1
    assert "YAML" in told[0]


# -- the same object twice, and two of one name


def again(stored: Stored) -> str:
    return " ".join(stored.notes)


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_an_object_given_twice_is_told(form: str, put: Put) -> None:
    write = json.dumps if form == "json" else yaml.safe_dump
    first, second = put(f"a.{form}", write(POD)), put(f"b.{form}", write(pod("web-0", status={"phase": "Failed"})))

    stored = read([first, second])

    assert again(stored) == f"given more than once, of each the last counts: Pod data/web-0 ({first}, {second})"


def test_much_that_is_given_twice_is_counted(put: Put) -> None:
    path = put("pods.json", json.dumps([pod(f"web-{number}") for number in range(30)]))

    assert "web-19" in again(read([path, path]))
    assert again(read([path, path])).endswith(" and 10 more")


def test_once_is_no_news(put: Put) -> None:
    events = [{"apiVersion": "v1", "kind": "Event", "metadata": {"name": "x", "namespace": "data"}}] * 2

    assert again(read([put("all.json", json.dumps([POD, KAFKA, *events]))])) == ""


def of_uid(uid: str, phase: str = "Running") -> dict[str, Any]:
    return pod("web-0", metadata={**POD["metadata"], "uid": uid}, status={**POD["status"], "phase": phase})


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_two_of_one_name_are_both_judged(form: str, put: Put) -> None:
    write = json.dumps if form == "json" else yaml.safe_dump
    pods = [of_uid("old", "Failed"), of_uid("new")]

    stored = read([put(f"{number}.{form}", write(one)) for number, one in enumerate(pods)])

    assert sorted(row.state for row in judge(stored.world())) == ["failed", "ready"]
    assert again(stored) == ""


def test_one_without_a_uid_is_the_one_of_its_name(put: Put) -> None:
    paths = [put(f"{n}.json", json.dumps(one)) for n, one in enumerate([of_uid("a", "Failed"), POD, of_uid("b")])]

    stored = read(paths)

    assert len(stored.objects) == 1
    assert [row.state for row in judge(stored.world())] == ["ready"]


# -- when it was


LATE = "2026-11-26T12:00:00Z"
TEXTS: dict[str, dict[str, Any]] = {
    "a message": {"status": {"message": f'it said "lastTime": "{LATE}" and startTime: {LATE}'}},
    "an annotation": {"metadata": {"annotations": {"lastAppliedTime": LATE, "x": json.dumps({"time": LATE})}}},
    "a label": {"metadata": {"labels": {"startTime": LATE}}},
    "a specification": {"spec": {"startTime": LATE, "env": [{"name": "time", "value": LATE}]}},
    "the data of a ConfigMap": {"data": {"lastTime": LATE}},
    "what is still to come": {"status": {"nextRunTime": LATE, "expirationTimestamp": LATE}},
    "no time": {"status": {"lastTime": "2026-99-99T99:99:99Z"}},
    "the day of deletion": {"metadata": {"deletionTimestamp": LATE}},
}


@pytest.mark.parametrize("where", TEXTS)
@pytest.mark.parametrize("form", ["object", "list", "API list", "array", "yaml"])
def test_a_time_in_a_text_does_not_move_now(where: str, form: str, put: Put) -> None:
    more = TEXTS[where]
    obj = {**KAFKA, **{key: {**KAFKA.get(key, {}), **value} for key, value in more.items()}}
    texts = {
        "object": json.dumps(obj),
        "list": json.dumps({"apiVersion": "v1", "kind": "List", "items": [obj]}),
        "API list": json.dumps({"apiVersion": obj["apiVersion"], "kind": "KafkaList", "items": [untyped(obj)]}),
        "array": json.dumps([obj]),
        "yaml": yaml.safe_dump(obj),
    }

    stored = read([put("dump.yaml" if form == "yaml" else "dump.json", texts[form])])

    assert stored.now == datetime(2026, 11, 25, 9, 30, tzinfo=UTC)


TIMES: dict[str, dict[str, Any]] = {
    "created": {"metadata": {"name": "x", "creationTimestamp": LATE}},
    "managed": {"metadata": {"name": "x", "managedFields": [{"time": LATE}, {"time": "2026-01-01T00:00:00Z"}]}},
    "a condition": {"status": {"conditions": [{"type": "A", "lastTransitionTime": LATE}]}},
    "deep in a status": {"status": {"a": [{"b": {"lastSuccessfulTime": LATE}}]}},
    "an event": {"lastTimestamp": LATE},
    "a series of events": {"series": {"lastObservedTime": LATE}},
    "a lease": {"kind": "Lease", "spec": {"renewTime": "2026-11-26T12:00:00.000000Z"}},
}


@pytest.mark.parametrize("where", TIMES)
@pytest.mark.parametrize("form", ["list", "yaml", "odd"])
def test_the_clock_is_what_the_cluster_wrote(where: str, form: str, put: Put) -> None:
    obj = {"apiVersion": "x.example/v1", "kind": "Thing", "metadata": {"name": "x"}, **TIMES[where]}
    if form == "odd":
        obj["eventTime"], obj["firstTimestamp"] = 7, {"a": 1}
    listed = {"apiVersion": "v1", "kind": "List", "items": [obj, *([{"kind": 7}] if form == "odd" else [])]}

    stored = read([put("dump.yaml", yaml.safe_dump(listed)) if form == "yaml" else put("d.json", json.dumps(listed))])

    assert stored.now == datetime(2026, 11, 26, 12, tzinfo=UTC)


UNPLACED = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available"}
NODE: dict[str, Any] = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "creationTimestamp": LATE}}


@pytest.mark.parametrize(
    ("beat", "state"),
    [(None, "unknown"), ("2026-11-25T09:00:05Z", "progressing"), ("2026-11-25T09:30:00Z", "failed")],
)
def test_a_dump_that_tells_no_time_of_its_own_cannot_tell_for_how_long(beat: str | None, state: str, put: Put) -> None:
    waits = pod(
        "web-0", status={"phase": "Pending", "conditions": [{**UNPLACED, "lastTransitionTime": "2026-11-25T09:00:00Z"}]}
    )
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}
    node["status"] = {"conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": beat}]}

    stored = read([put("dump.json", json.dumps([waits, *([node] if beat else [])]))])

    row = next(row for row in judge(stored.world()) if row.kind == "Pod")
    assert row.state == state
    assert ("cannot be told" in row.message) == (beat is None)
    assert ("given up after" in row.message) == (state == "progressing")


# -- support bundles


def test_a_support_bundle_has_logs_and_files_of_its_own(put: Put, tmp_path: Path) -> None:
    put("b/cluster-resources/pods/data.json", json.dumps([POD]))
    put("b/cluster-resources/pods/logs/data/web-0/app.log", "first\n" * 50 + "last words\n")
    put("b/cluster-resources/pods/logs/data/web-0/app-previous.log", "before\n")
    put("b/cluster-resources/pods/logs/data/web-0/init-previous.log", "why\n")
    put("b/other.log", "{")
    put("b/version.yaml", "apiVersion: troubleshoot.sh/v1beta2\nkind: SupportBundle\nspec: {versionNumber: v1}\n")

    stored = read([str(tmp_path / "b")])

    assert names(stored) == ["Pod/web-0"]
    assert stored.logs["data", "web-0", "app"].splitlines()[-1] == "last words"
    assert stored.logs["data", "web-0", "init"] == "why"


def test_a_log_without_an_end_is_no_log(put: Put) -> None:
    cut = json.dumps(POD) + "\n==== START logs for container app of pod data/web-0 ====\nwords\n"

    with pytest.raises(ConfigError):
        read([put("dump.txt", cut)])


# -- YAML of others


LAUGHS = {
    "words": "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 20)}]\n" for n in range(1, 8)),
    "dashes": "a0: &-0 [x, x]\n" + "".join(f"a{n}: &-{n} [{', '.join([f'*-{n - 1}'] * 20)}]\n" for n in range(1, 8)),
    "no space before": "".join(
        f'a{n}: &a{n} {{"x":{f"*a{n - 1}" if n else "1"},"y":{f"*a{n - 1}" if n else "1"}}}\n' for n in range(40)
    ),
    "merge keys": "a0: &a0 {x: 1, y: 1}\n"
    + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 20)}]}}\n" for n in range(1, 8)),
    "keys": "a0: &a0 [x, x]\n"
    + "".join(f"a{n}: &a{n}\n  ? [{', '.join([f'*a{n - 1}'] * 20)}]\n  : 1\n" for n in range(1, 8)),
    "in itself": "a: &a {b: {c: *a}}\n",
}


@pytest.mark.parametrize("spelling", LAUGHS)
@pytest.mark.parametrize("times", [1, 50])
def test_aliases_of_any_spelling_are_counted(spelling: str, times: int, put: Put) -> None:
    thing = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: x}\n"

    with pytest.raises(ConfigError, match="aliases stand for more"):
        read([put("laughs.yaml", f"{thing}---\n" * times + thing + LAUGHS[spelling])])


@pytest.mark.parametrize("marked", ["utf-16-le", "utf-16-be"])
def test_aliases_are_counted_whatever_the_encoding(marked: str, put: Put) -> None:
    text = "\ufeffapiVersion: example.com/v1\nkind: Thing\nmetadata: {name: x}\n" + LAUGHS["words"]

    with pytest.raises(ConfigError, match="aliases stand for more"):
        list(documents("laughs.yaml", text.encode(marked)))


def test_prose_with_the_signs_of_aliases_is_text() -> None:
    text = "a: |\n  **bold** and *x*, &y and a pointer &x1\nb: 1\n? [1, 2]\n: c\n"

    with pytest.raises(ConfigError, match="unhashable"):
        list(documents("prose.yaml", text.encode()))
    [told] = documents("prose.yaml", text.partition("?")[0].encode())
    assert told == {"a": "**bold** and *x*, &y and a pointer &x1\n", "b": 1}


def test_whatever_is_no_plain_mapping_is_read_as_before() -> None:
    text = "base: &b {x: 1, y: [true, 0x10, 1.5, ~]}\nmore: {<<: *b, x: 2}\n1: one\ntrue: two\n!!str 3: three\n"

    [told] = documents("odd.yaml", text.encode())

    base = {"x": 1, "y": [True, 16, 1.5, None]}
    assert told == {"base": base, "more": {**base, "x": 2}, 1: "two", "3": "three"}


@pytest.mark.parametrize(
    "value",
    [
        "9" * 5000,
        "0x" + "f" * 5000,
        "1" + ":1" * 500_000,
        "!!int ''",
        "!!bool x",
        "!!float x",
        "!!timestamp x",
        "1e400",
    ],
    ids=["digits", "hex", "base 60", "no int", "no flag", "no float", "no time", "1e400"],
)
def test_a_value_that_is_odd_is_a_sentence_at_most(value: str, put: Put) -> None:
    with contextlib.suppress(ConfigError):
        judge(read([put("odd.yaml", f"{yaml.safe_dump(KAFKA)}spec: {{replicas: {value}}}\n")]).world())


def test_many_mistakes_of_one_file_are_counted(put: Put) -> None:
    with pytest.raises(ConfigError) as told:
        read([put("bad.json", '{"a": oops}\n' * 5000)])

    assert len(told.value.problems) == 21
    assert told.value.problems[-1].what == "4980 more of its documents are not JSON"
