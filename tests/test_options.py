"""General options: the same before the verb and after it, and a verb that lacks one says so."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from repositories import Content

from gonogo import __version__, cli
from gonogo.catalog.registry import Registry
from gonogo.catalog.target import asked, load_target
from gonogo.cluster import survey
from gonogo.cluster.judge import Row, State, World, tally
from gonogo.cluster.story import Change
from gonogo.core.manner import Colour, Manner, coloured, manner, settle
from tests.test_cli import EMBEDDED, Gonogo
from tests.test_cli import gonogo as gonogo  # the program, in this process
from tests.test_cli import gonogo_alone as gonogo_alone  # and in one of its own
from tests.test_faults import Scene
from tests.test_faults import scene as scene  # the world in which every verb ends with 0


@pytest.fixture(autouse=True)
def _mannerly() -> Generator[None]:
    """No other test talks as these do."""
    yield
    settle(Manner())


def test_the_version_is_ours_and_pythons(gonogo: Gonogo) -> None:
    said = gonogo("--version")

    assert (said.code, said.out) == (0, f"gonogo {__version__} (Python {platform.python_version()})\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["-o", "json", "plan", "store"],
        ["plan", "store", "-o", "json"],
        ["--json", "plan", "store"],
        ["plan", "--json", "store"],
        ["--output=json", "--color", "never", "-q", "--target", "there", "plan", "store"],
        ["-ojson", "plan", "store"],
        ["plan", "store", "-o=json"],
        ["-o", "name", "plan", "store", "-o", "json"],
    ],
    ids=" ".join,
)
def test_a_general_option_stands_before_the_verb_or_after_it(
    gonogo: Gonogo, content: Content, arguments: list[str]
) -> None:
    said = gonogo(*arguments)

    assert (said.code, said.err) == (0, "")
    assert json.loads(said.out)["schema"] == "gonogo/plan/1"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-o", "json", "up"], "No such option: --output"),
        (["--context", "one", "gate"], "No such option: --context"),
        (["plan", "-o", "jsn"], "'jsn' is none of table, wide, json, yaml, name (nearest known: 'json')"),
        (["--color", "nevr", "plan"], "'nevr' is none of auto, always, never (nearest known: 'never')"),
        (["plan", "--colour", "never"], "(Possible options: --color)"),
        (["--tagret", "there", "plan"], "(Possible options: --target)"),
        (["plna"], "Did you mean 'plan'?"),
        (["new", "-o", "json", "component", "x"], "No such option: --output"),
        (["sweep", "--older-than", "24w"], "--older-than: '24w' is no length of time (like 90s, 30m, 24h or 7d)"),
        (["health", "-l", "a in b"], "-l: 'a in b' is no label selector"),
        (["--context", "one", "status", "--target", "embedded"], "--context: the servers of target 'embedded' run on"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "said",
)
def test_an_option_that_is_none_is_wrong_use(
    gonogo: Gonogo, content: Content, arguments: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content.write("deploy/targets/embedded.toml", EMBEDDED)

    said = gonogo(*arguments)

    assert (said.code, said.out) == (2, "")
    assert sentence in said.err


def test_help_shows_the_options_of_the_verb_first(gonogo: Gonogo) -> None:
    for verb in ("health", "check", "drill"):
        lines = gonogo(verb, "--help").out.splitlines()

        assert lines.index("Options:") < lines.index("Cluster options:") < lines.index("General options:")


def test_check_shows_its_own_options(gonogo: Gonogo) -> None:
    out = gonogo("check", "--help").out

    own = "--target --mode --criterion --run --out --keep --deadline --context --kubeconfig --color"
    assert [name for name in own.split() if f"  {name}" not in out] == []


def test_check_hands_options_of_pytest_on(gonogo_alone: Gonogo, content: Content) -> None:
    said = gonogo_alone(
        *("--color", "always", "check", "-m", "critical", "-q", "-l", "-v", "-o", "console_output_style=count"),
        *("--mode", "write", "--out", "elsewhere", "--deadline", "5m", "--run", "pv-20260101000000-abcdef"),
    )

    told = json.loads((content.root / "elsewhere/results.json").read_text())["run"]
    assert said.code == 0
    assert (told["id"], told["mode"]) == ("pv-20260101000000-abcdef", "write")
    assert "\x1b[" in said.out


@pytest.mark.parametrize("given", ["0.000001", "10ms", "soon"])
def test_a_deadline_is_a_length_of_time(gonogo_alone: Gonogo, content: Content, given: str) -> None:
    said = gonogo_alone("check", "--deadline", given)

    assert said.code == (3 if given == "0.000001" else 2)
    assert ("is no length of time" in said.err) is (given != "0.000001")


@pytest.mark.parametrize(
    ("asked_for", "environment", "terminal", "expected"),
    [
        (Colour.AUTO, {}, True, True),
        (Colour.AUTO, {}, False, False),
        (Colour.AUTO, {"NO_COLOR": "1"}, True, False),
        (Colour.AUTO, {"FORCE_COLOR": "1"}, False, True),
        (Colour.AUTO, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        (Colour.ALWAYS, {"NO_COLOR": "1"}, False, True),
        (Colour.NEVER, {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_the_command_line_says_of_colours_before_the_environment(
    asked_for: Colour,
    environment: dict[str, str],
    terminal: bool,
    expected: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settle(Manner(colour=asked_for))

    assert coloured(terminal=terminal) is expected


def test_progress_is_coloured_or_not_as_asked(gonogo: Gonogo, content: Content) -> None:
    content.mood("store", None)

    assert "\x1b[" in gonogo("up", "--color", "always").err
    assert "\x1b[" not in gonogo("--color", "never", "up").err


def test_quiet_leaves_results_and_errors(gonogo: Gonogo, content: Content) -> None:
    loud, quiet = gonogo("up"), gonogo("up", "-q")
    content.mood("store", None)
    failed = gonogo("-q", "up")

    assert "2 of 2 components are up" in loud.err
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")
    assert failed.code == 1
    assert "store: store does not answer: connection refused" in failed.err
    assert "components are up" not in failed.err


def test_verbose_tells_what_is_asked_and_no_secret(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    scene.patch.setattr(sys, "argv", ["gonogo", "sweep", "-v"])
    with pytest.raises(SystemExit):
        cli.main()

    said = capfd.readouterr()
    assert f"target there, provider existing: {scene.target}" in said.err
    assert "asked context one: GET /api/v1/namespaces/data/secrets/store: HTTP 200" in said.err
    assert "hunter2" not in said.err


# -- which cluster


@pytest.mark.parametrize("verb", ["status", "sweep", "doctor", "health", "endpoints --discover", "check", "up"])
def test_a_context_of_the_command_line_counts_before_the_targets(
    scene: Scene, verb: str, capfd: pytest.CaptureFixture[str]
) -> None:
    scene.patch.setattr(sys, "argv", ["gonogo", "--context", "two", *verb.split()])
    with pytest.raises(SystemExit) as ended:
        cli.main()

    said = capfd.readouterr()
    assert ended.value.code == (1 if verb == "doctor" else 2)
    assert "'two'" in said.out + said.err


def test_another_cluster_than_the_one_that_the_target_pins_is_never_changed(
    scene: Scene, capfd: pytest.CaptureFixture[str]
) -> None:
    other = json.loads(scene.config.read_text())
    for kind in ("contexts", "clusters", "users"):
        other[kind].append({**other[kind][0], "name": "two"})
    (scene.tmp / "other").write_text(json.dumps(other))
    scene.edit(scene.target, "uid-1", "uid-of-another")

    codes = {}
    for verb in ("sweep", "sweep --yes", "drill"):
        given = ["--context", "two", "--kubeconfig", str(scene.tmp / "other"), *verb.split()]
        scene.patch.setattr(sys, "argv", ["gonogo", *given])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        codes[verb] = ended.value.code

    assert codes == {"sweep": 0, "sweep --yes": 2, "drill": 2}
    assert "is this the right cluster?" in capfd.readouterr().err


def test_a_target_without_a_cluster_gets_the_one_that_is_asked_for(content: Content) -> None:
    registry = Registry.load(content.root)
    content.write("deploy/targets/embedded.toml", EMBEDDED)
    settle(Manner(context="two", kubeconfig="/a/config"))

    there, embedded = (load_target(name, content.root, registry) for name in ("there", "embedded"))

    assert there.kubernetes is not None
    assert (there.kubernetes.context, there.kubernetes.kubeconfig) == ("two", "/a/config")
    assert embedded.kubernetes is None
    assert asked(None) == there.kubernetes
    settle(Manner())
    assert asked(None) is None
    assert manner() == Manner()


# -- objects


def pod(name: str, *, ready: bool = True, **labels: str) -> dict[str, Any]:
    condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": "2026-01-01T00:01:00Z"}
    meta = {"name": name, "namespace": "data", "uid": name, "labels": labels}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**meta, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "web:1"}]},
        "status": {
            "phase": "Running" if ready else "Failed",
            "conditions": [condition],
            "containerStatuses": [{"name": "app", "ready": ready, "restartCount": 0, "state": {"running": {}}}],
        },
    }


@pytest.mark.parametrize(
    ("selector", "code", "names", "healthy"),
    [
        ("app=web", 0, ["web-0"], 1),
        ("app!=web", 1, ["job-0"], 0),
        ("app in (web, job)", 1, ["web-0", "job-0"], 1),
        ("!app", 3, [], 0),
    ],
)
def test_a_selector_narrows_what_is_judged(
    gonogo: Gonogo, tmp_path: Path, selector: str, code: int, names: list[str], healthy: int
) -> None:
    dump = tmp_path / "dump.json"
    objects = [pod("web-0", app="web"), pod("job-0", ready=False, app="job")]
    dump.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    said = gonogo("health", "-f", str(dump), "-l", selector, "-o", "json")

    told = json.loads(said.out)
    assert said.code == code
    assert [row["name"] for row in told["rows"]] == names
    assert (told["health"]["healthy"], told["health"]["pods"]) == (healthy, len(names))
    assert any("nothing fits the selector" in note for note in told["notes"]) is (not names)


def test_names_are_those_that_kubectl_takes(gonogo: Gonogo, tmp_path: Path) -> None:
    dump = tmp_path / "dump.json"
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "data"}}
    deployment |= {"spec": {"replicas": 1}, "status": {}}
    objects = [pod("web-0", app="web"), pod("job-0", ready=False), deployment]
    dump.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    few, every = (gonogo("health", "-f", str(dump), "-o", "name", *more).out.split() for more in ([], ["-v"]))

    assert few == ["pod/job-0", "deployment.apps/web"]
    assert every == ["pod/web-0", *few]


def test_what_is_watched_is_an_object_a_line_also_what_goes(gonogo: Gonogo, monkeypatch: pytest.MonkeyPatch) -> None:
    def row(state: State) -> Row:
        return Row(kind="Pod", api_version="v1", namespace="data", name="web-0", state=state)

    def steps(*_: object) -> Generator[Any]:
        yield survey.Survey([row(State.READY)], tally(World([], now=datetime.now(UTC))))
        yield [Change(row(State.FAILED), row(State.READY), 1.0)]
        yield [Change(row(State.FAILED), row(State.FAILED), 2.0, gone=True)]

    monkeypatch.delenv("GONOGO_TARGET", raising=False)
    monkeypatch.setattr("gonogo.cluster.survey.followed", steps)
    monkeypatch.setattr("gonogo.cluster.api.Api", lambda *_, **__: None)

    said = gonogo("health", "--watch", "-o", "json")

    assert said.err == ""
    told = [json.loads(line) for line in said.out.splitlines()]
    assert [(one["state"], one["deleted"]) for one in told] == [("ready", False), ("failed", False), ("failed", True)]
    assert {one["schema"] for one in told} == {"gonogo/health-watch/1"}


# -- whoever reads


@pytest.mark.parametrize("form", ["table", "wide", "json", "yaml", "name"])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_locale_that_lacks_letters_hinders_nothing(content: Content, form: str, encoding: str) -> None:
    text = content.root / "reports/criteria.toml"
    text.write_text(text.read_text(encoding="utf-8").replace('claim = "', 'claim = "Größe ✓ 𝔊 ', 1), encoding="utf-8")
    given = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "COLUMNS": "50"}

    command = [sys.executable, "-m", "gonogo", "explain", "store.answers", "-o", form]
    done = subprocess.run(command, cwd=content.root, env=given, capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (0, b"")
    if form == "json":
        assert json.loads(done.stdout.decode(encoding))["rows"][0]["claim"].startswith("Größe ✓ 𝔊 ")


@pytest.mark.parametrize("form", ["table", "wide", "json", "yaml", "name"])
def test_a_reader_that_leaves_is_no_error(content: Content, form: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)

    command = [sys.executable, "-m", "gonogo", "components", "-o", form]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)

    assert (done.returncode, done.stderr) == (0, b"")
