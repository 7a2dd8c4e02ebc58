"""Results, targets, criteria, waivers and objects with odd values at every place: a sentence, never a traceback."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from odd_values import mutants
from samples import sample_results

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import load_target
from gonogo.cluster import story
from gonogo.cluster.stored import read
from gonogo.cluster.survey import of_files
from gonogo.commands.attach import toml
from gonogo.core.errors import ConfigError
from gonogo.core.files import content, parse_toml
from gonogo.render import html, junit, markdown, terminal
from gonogo.results import events, gate
from gonogo.results.events import recovered
from gonogo.results.gate import judged, load_results
from gonogo.results.model import Results
from gonogo.results.seal import sealed

ROOT = Path(__file__).parent.parent
LATER = "2026-11-25T10:00:00Z"
SAMPLE = msgspec.to_builtins(sample_results())


def all_of(results: Results, *, page: bool = True) -> Iterator[str]:
    """Everything that is made of results; the page for browsers takes longest."""
    merged = judged({"results.json": results})
    yield terminal.verdict(merged, colour=False, width=100, report="")
    renderers = (junit.render, markdown.render, html.render) if page else (junit.render, markdown.render)
    yield from (render(merged) for render in renderers)


# -- results


def as_sealed(plain: Any) -> bytes:
    """Plain data as a run would have written it, with its digest, where it is of the shape of results at all."""
    try:
        return msgspec.json.encode(sealed(msgspec.convert(plain, Results)))
    except (msgspec.ValidationError, OverflowError, RecursionError, UnicodeEncodeError):
        return json.dumps(plain).encode()


def small() -> dict[str, Any]:
    """The sample with the first of everything, so that it can be changed at each place."""
    cut = {key: value[:1] if isinstance(value, list) else value for key, value in SAMPLE.items()}
    return json.loads(json.dumps(cut))  # type: ignore[no-any-return]


def test_an_odd_value_anywhere_in_results_is_a_sentence_or_a_report(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    refused = rendered = 0
    for number, (what, odd) in enumerate(mutants(small(), 2)):
        path.write_bytes(as_sealed(odd))
        try:
            results = load_results(path)
            reports = [*all_of(results, page=number % 4 == 0)]
        except ConfigError:
            refused += 1
            continue
        except Exception as raised:
            pytest.fail(f"{what}: {raised!r}")
        rendered += 1
        assert not any("\x1b" in report or "\u202e" in report for report in reports), what
    assert refused > 200
    assert rendered > 50


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.replace(b'"seconds":72.4', b'"seconds":1e400'),
        lambda data: data.replace(b'"seconds":72.4', b'"seconds":' + b"9" * 5000),
        lambda data: data.replace(b'"attempts":1', b'"attempts":' + b"9" * 5000),
        lambda data: data.replace(b"kafka", b"k\xff\xfe"),
        lambda data: data.replace(b"kafka", b"k\x00"),
        lambda data: data.replace(b'"expect":{', b'"expect":{"x":' + b"[" * 3000 + b"]" * 3000 + b","),
        lambda data: data.replace(b'"host":{', b'"host":{"x":' + b'{"a":' * 900 + b"1" + b"}" * 900 + b","),
    ],
    ids=["1e400", "digits", "digits of a whole number", "no UTF-8", "NUL", "deep", "deep and whole"],
)
def test_damage_of_a_results_file_is_a_sentence(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    data = msgspec.json.encode(sealed(sample_results()))
    path.write_bytes(damage(data))
    assert path.read_bytes() != data

    told = str(path)
    try:
        assert [*all_of(load_results(path))]
    except ConfigError as error:
        told = str(error)
    assert told.startswith(str(path))


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "", "soon", "1e400"])
def test_a_time_may_be_any_text(when: str) -> None:
    run = msgspec.structs.replace(sample_results().run, started=when, finished=when)

    assert [*all_of(msgspec.structs.replace(sample_results(), run=run))]


def test_a_span_may_be_without_end() -> None:
    span = msgspec.structs.replace(sample_results().spans[0], started=1.7e308, seconds=1.7e308)

    assert [*all_of(msgspec.structs.replace(sample_results(), spans=(span,)))]


# -- pipes, and what has no size before it is read


def piped(path: Path, data: bytes) -> threading.Thread:
    """A named pipe through which this comes."""

    def write() -> None:
        with contextlib.suppress(BrokenPipeError):  # whoever reads has seen enough
            path.write_bytes(data)

    os.mkfifo(path)
    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    return thread


def test_results_may_come_through_a_pipe(tmp_path: Path) -> None:
    sample = sealed(sample_results())
    piped(tmp_path / "pipe", msgspec.json.encode(sample))

    assert load_results(tmp_path / "pipe") == sample


def test_results_through_a_pipe_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "LARGEST", 1 << 20)
    piped(tmp_path / "pipe", b" " * (2 << 20))

    with pytest.raises(ConfigError, match="is larger than 1 MiB, which is not read"):
        load_results(tmp_path / "pipe")


def test_events_of_a_run_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LARGEST", 1 << 20)
    (tmp_path / events.FILE).write_bytes(b" " * (2 << 20))

    with pytest.raises(ConfigError, match="is larger than"):
        recovered(tmp_path)


def test_an_event_that_is_too_deep_is_passed_over_like_a_torn_one(tmp_path: Path) -> None:
    planned = msgspec.json.encode({"planned": SAMPLE})
    (tmp_path / events.FILE).write_bytes(planned + b'\n{"finished":' + b"[" * 100_000 + b"\n\xff\n")

    assert recovered(tmp_path).run.id == sample_results().run.id


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/full"])
def test_a_device_has_an_end(name: str) -> None:
    with pytest.raises(ConfigError, match="is larger than"):
        content(Path(name), 1 << 20)


# -- TOML: targets, criteria, waivers


BAD_TOML = {
    "no UTF-8": b"a = '\xff'\n",
    "NUL": b"a = '\0'\n",
    "digits": b"a = " + b"9" * 5000 + b"\n",
    "deep lists": b"a = " + b"[" * 50_000,
    "deep tables": b"a = " + b"{b = " * 50_000,
    "no day": b"a = 2026-02-31\n",
    "no time": b"a = 2026-02-01T99:00:00Z\n",
    "a key twice": b"a = 1\na = 2\n",
}


@pytest.mark.parametrize("what", BAD_TOML)
def test_what_is_no_toml_is_a_sentence(what: str, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(BAD_TOML[what])

    with pytest.raises(ConfigError) as told:
        parse_toml(path)

    assert str(told.value).startswith(str(path))


TARGET: dict[str, Any] = {
    "target": {
        "name": "staging",
        "provider": "existing",
        "modes": ["read", "write"],
        "capabilities": ["kubernetes"],
        "profile": "default",
        "unsupported": {"mlflow": "not there"},
    },
    "kubernetes": {"kubeconfig": "~/x", "context": "c", "namespaces": ["data"], "transport": "auto"},
    "limits": {"connect": 5, "check": 20.5, "ready": 120},
    "checklist": {"health": 80, "services": ["kafka"], "backup": {"velero": "a/b", "max_age_hours": 24}},
    "components": {
        "elasticsearch": {"url": "https://x", "username": "u", "password": {"env": "P"}, "expect": {"data_nodes": 3}},
        "kafka": {"bootstrap": "x:9092", "security": {"sasl_plain_password": {"file": "p"}}},
        "postgresql": {
            "service": "data/pg:5432",
            "database": "d",
            "username": "u",
            "password": {"secret": "data/pg#password"},
        },
    },
}


def written(table: dict[str, Any]) -> str:
    """TOML, each table inline."""
    return "".join(f"{toml({key: value})[2:-2]}\n" for key, value in table.items())


def test_an_odd_value_anywhere_in_a_target_is_a_sentence(tmp_path: Path) -> None:
    registry, path = Registry.load(ROOT), tmp_path / "staging.toml"
    path.write_text(written(TARGET))
    load_target(str(path), ROOT, registry)
    refused = 0
    for what, odd in mutants(TARGET, 5):
        if "None" in what or not isinstance(odd, dict):
            continue
        path.write_text(written(odd))
        try:
            target = load_target(str(path), ROOT, registry)
            for name in target.components:
                target.resolved(registry.components[name])
        except ConfigError:
            refused += 1
        except Exception as raised:
            pytest.fail(f"{what}: {raised!r}")
    assert refused > 200


@pytest.mark.parametrize("limit", ["inf", "nan", "1e300", "-1", "0"])
def test_a_limit_is_a_number_that_can_be_waited_for(limit: str, tmp_path: Path) -> None:
    path = tmp_path / "staging.toml"
    path.write_text(f'[target]\nname = "x"\nprovider = "existing"\n[limits]\ncheck = {limit}\n')

    with pytest.raises(ConfigError, match=r"limits\.check must be"):
        load_target(str(path), ROOT, Registry.load(ROOT))


@pytest.mark.parametrize("file", ["/dev/zero", "~nobody-of-that-name/x", "a\\u0000b", "."])
@pytest.mark.parametrize("key", ['password = { file = "%s" }', 'ca = "%s"'])
def test_a_file_that_a_target_names_may_be_any(key: str, file: str, tmp_path: Path) -> None:
    path, registry = tmp_path / "staging.toml", Registry.load(ROOT)
    head = '[target]\nname = "x"\nprovider = "existing"\n[components.elasticsearch]\nurl = "http://x"\n'
    path.write_text(head + key % file + "\n")
    target = load_target(str(path), ROOT, registry)

    if file == "/dev/zero" and "ca" in key:
        pytest.skip("a certificate is for the client library to read")
    with pytest.raises(ConfigError):
        target.resolved(registry.components["elasticsearch"])


CRITERIA: dict[str, Any] = {
    "kafka": {"answers": {"level": "critical", "claim": "it answers", "plan": "1"}},
    "profiles": {"default": {"include": ["*"], "exclude": ["kafka.x"]}},
}
WAIVERS: dict[str, Any] = {
    "waiver": [{"criterion": "kafka.answers", "owner": "o", "reason": "r", "expires": "2026-01-31", "link": "x"}]
}


@pytest.mark.parametrize(("name", "whole"), [("criteria", CRITERIA), ("waivers", WAIVERS)])
def test_an_odd_value_anywhere_in_the_reviewed_lists_is_a_sentence(
    name: str, whole: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "deploy").mkdir()
    shutil.copytree(ROOT / "deploy" / "kafka", tmp_path / "deploy" / "kafka")
    component = tmp_path / "deploy" / "kafka" / "component.toml"
    alone = re.sub(r"\[claims\].*?(?=\n\[)", "", component.read_text(), flags=re.DOTALL)  # what it shares is not here
    component.write_text(alone.replace("needs = [", "needs = [] #"))
    (tmp_path / "reports").mkdir()
    for file, table in (("criteria", CRITERIA), ("waivers", WAIVERS)):
        (tmp_path / "reports" / f"{file}.toml").write_text(written(table))
    Registry.load(tmp_path)
    refused = 0
    for what, odd in mutants(whole, 5):
        if "None" in what:
            continue
        (tmp_path / "reports" / f"{name}.toml").write_text(written(odd))
        try:
            Registry.load(tmp_path)
        except ConfigError:
            refused += 1
        except Exception as raised:
            pytest.fail(f"{what}: {raised!r}")
    assert refused > 20


def test_criteria_that_are_nested_without_end_are_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "criteria.toml").write_text(".".join("a" * 2_000) + " = 1\n")

    with pytest.raises(ConfigError, match="nested too deeply"):
        Registry.load(tmp_path)


# -- objects


def objects() -> list[dict[str, Any]]:
    """A pod that crashes, its claim, its Service, an event, and a custom resource."""
    meta = {"namespace": "data", "uid": "u", "creationTimestamp": "2026-11-25T09:00:00Z", "labels": {"app": "web"}}
    owner = {"ownerReferences": [{"kind": "ReplicaSet", "name": "web", "uid": "r", "controller": True}]}
    end = {"exitCode": 1, "reason": "Error", "startedAt": "2026-11-25T09:01:00Z", "finishedAt": "2026-11-25T09:02:00Z"}
    status = {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": "2026-11-25T09:00:00Z"}],
        "containerStatuses": [
            {
                "name": "app",
                "ready": False,
                "restartCount": 7,
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                "lastState": {"terminated": end},
            }
        ],
    }
    container = {"name": "app", "image": "web:1", "resources": {"requests": {"cpu": "1e3", "memory": "1Gi"}}}
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "web-0", **meta, **owner},
            "spec": {
                "containers": [container],
                "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "d"}}],
            },
            "status": status,
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "d", **meta},
            "spec": {"resources": {"requests": {"storage": "1Gi"}}},
            "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}},
        },
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "e", **meta},
            "involvedObject": {"kind": "Pod", "namespace": "data", "name": "web-0", "uid": "u"},
            "reason": "Unhealthy",
            "message": "Liveness probe failed",
            "lastTimestamp": "2026-11-25T09:05:00Z",
        },
        {
            "apiVersion": "kafka.strimzi.io/v1",
            "kind": "Kafka",
            "metadata": {"name": "k", "generation": 2, **meta},
            "status": {"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "False", "reason": "X"}]},
        },
    ]


@pytest.mark.parametrize("number", range(4))
def test_an_odd_value_anywhere_in_an_object_is_judged(number: int, tmp_path: Path) -> None:
    whole, path = objects(), tmp_path / "dump.json"
    for what, odd in mutants(whole[number], 4):
        others = [one for at, one in enumerate(whole) if at != number]
        path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [odd, *others]}))
        try:
            found = of_files([str(path)])
            shown = story.text(found.rows, colour=False, width=100, everything=True)
            shown += story.health(found.health, width=100)
        except Exception as raised:
            pytest.fail(f"{what}: {raised!r}")
        assert not set(shown) & {"\x1b", "\0", "\u202e"}, what


@pytest.mark.parametrize("size", ["1e400", "9" * 5000 + "Gi", "-1Ei", "1e308Ei", ".", "1e-400"])
def test_a_quantity_may_be_any_text(size: str, tmp_path: Path) -> None:
    whole = objects()
    whole[1]["spec"]["resources"]["requests"]["storage"] = size
    whole[1]["status"]["capacity"]["storage"] = size
    whole[0]["spec"]["containers"][0]["resources"]["requests"] = {"cpu": size, "memory": size}
    whole[0]["status"] = {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False"}]}
    (tmp_path / "dump.json").write_text(json.dumps(whole))

    assert len(of_files([str(tmp_path / "dump.json")]).rows) == 3


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_an_object_may_be_deep(form: str, tmp_path: Path) -> None:
    deep = '{"a":' * 400 + "1" + "}" * 400
    path = tmp_path / f"dump.{form}"
    custom = '{"apiVersion": "x.example/v1", "kind": "Deep", "metadata": {"name": "x"}, "status": %s}'
    path.write_text(custom % deep)

    assert len(read([str(path)]).objects) == 1


# -- texts of a megabyte

BEGINS = [
    "storageclass",
    'storageclass "x',
    "exceeded quota: ",
    "failed quota: ",
    "admission webhook ",
    "ValidatingAdmissionPolicy ",
    "namespace x ",
    "RuntimeClass",
    'RuntimeClass "',
    "no PriorityClass with name ",
    "error looking up service account ",
    'failed calling webhook "',
    "https://a.b.",
    "couldn't find key ",
    "couldn't find key x in Secret ",
    'volume "x" : references non-existent secret key: ',
    'secret "',
    'persistentvolumeclaim "',
    "Insufficient x",
    "Insufficient y ",
    "Error creating: create Pod x in StatefulSet ",
    " (given up after 1",
    "imeTime",
    "\x1b[",
    "\x1b]",
    "a-",
    ".",
    "x" * 100 + " ",
]
"""How what is looked for begins; without its end, a megabyte of it is looked through once for each beginning."""


@pytest.mark.parametrize("begin", BEGINS)
def test_a_message_of_a_megabyte_is_looked_through_once(begin: str, tmp_path: Path) -> None:
    # where it is not, this does not end within minutes; what it takes is measured by `python -m benchmarks message`
    text = begin * (1_000_000 // len(begin))
    meta = {"namespace": "data", "creationTimestamp": "2026-11-25T09:00:00Z"}
    event = {"kind": "Event", "metadata": {"name": "e", **meta}, "message": text, "lastTimestamp": LATER}
    waiting = {"name": "app", "ready": False, "image": "x", "state": {"waiting": {"message": text}}}
    told = [{"type": "Ready", "status": "False", "reason": text, "message": text, "lastTransitionTime": LATER}]

    def pod(name: str, reason: str) -> dict[str, Any]:
        status = {**waiting, "state": {"waiting": {"reason": reason, "message": text}}}
        return {
            "kind": "Pod",
            "metadata": {"name": name, **meta},
            "spec": {"nodeName": "n"},
            "status": {"phase": "Pending", "conditions": told, "containerStatuses": [status]},
        }

    def about(kind: str, name: str, reason: str) -> dict[str, Any]:
        return {**event, "involvedObject": {"kind": kind, "namespace": "data", "name": name}, "reason": reason}

    unplaced = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": text}
    objects: list[dict[str, Any]] = [
        pod("image", "ErrImagePull"),
        pod("config", "CreateContainerConfigError"),
        {
            "kind": "Pod",
            "metadata": {"name": "place", **meta},
            "status": {"phase": "Pending", "conditions": [unplaced]},
        },
        {"kind": "Pod", "metadata": {"name": "ended", **meta}, "status": {"phase": "Failed", "message": text}},
        {"kind": "Node", "metadata": {"name": "n"}, "status": {"conditions": told}},
        {"kind": "PersistentVolumeClaim", "metadata": {"name": "c", **meta}, "status": {"phase": "Pending"}},
        about("PersistentVolumeClaim", "c", "ProvisioningFailed"),
        {"kind": "ReplicaSet", "apiVersion": "apps/v1", "metadata": {"name": "r", **meta}, "spec": {"replicas": 1}},
        {**about("ReplicaSet", "r", "FailedCreate"), "metadata": {"name": "f", **meta}},
        {
            "kind": "Kafka",
            "apiVersion": "kafka.strimzi.io/v1",
            "metadata": {"name": "k", **meta},
            "status": {"conditions": told},
        },
    ]
    objects[7]["status"] = {"conditions": [{"type": "ReplicaFailure", "status": "True", "message": text}]}
    path = tmp_path / "dump.json"
    path.write_text(json.dumps([{"apiVersion": "v1", **obj} for obj in objects]))

    found = of_files([str(path)])

    assert len(found.rows) == 8
    assert all(len(row.message) < 1000 for row in found.rows)
