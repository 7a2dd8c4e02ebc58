"""The verbs as a person or a pipeline meets them: words, exit codes, and nothing started by a mistake."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from deploying import Deploying, Replacing
from kubeconfigs import kubeconfig
from msgspec.structs import replace
from repositories import Content
from samples import sample_results
from test_judge import CRITICALS, Given

from gonogo import cli
from gonogo.catalog.registry import Component, Registry
from gonogo.catalog.target import load_target
from gonogo.checks.journal import Journal
from gonogo.commands.tables import coloured
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import ConfigError, DeployError, Problem
from gonogo.results.model import Results
from gonogo.results.seal import sealed
from gonogo.results.verdict import judge
from gonogo.run.platform import Platform

VERBS = [command.callback.__name__ for command in cli.app.registered_commands if command.callback]
EMBEDDED = '[target]\nname = "embedded"\nprovider = "embedded"\nmodes = ["read", "write", "disrupt"]\n'


@dataclass(frozen=True)
class Said:
    """What one command came to."""

    code: int
    out: str
    err: str


Gonogo = Callable[..., Said]


@pytest.fixture
def gonogo(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Gonogo:
    """The program, in this process."""

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["gonogo", *arguments])
        return Said(cli.run(), *capfd.readouterr())

    return run


@pytest.fixture
def gonogo_alone(pytester: pytest.Pytester) -> Gonogo:
    """The program, in a process of its own: for `check`, which is a whole pytest."""

    def run(*arguments: str) -> Said:
        done = pytester.run(sys.executable, "-m", "gonogo", *arguments)
        return Said(int(done.ret), done.stdout.str(), done.stderr.str())

    return run


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """Results of a run with every outcome: NO-GO."""
    path = tmp_path / "results.json"
    path.write_bytes(msgspec.json.encode(sealed(sample_results())))
    return path


# -- help


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_ends_with_an_example(gonogo: Gonogo, verb: str) -> None:
    said = gonogo(verb, "--help")

    assert said.code == 0
    assert said.out.rstrip().splitlines()[-1].startswith(f"  Example: gonogo {verb}")
    assert "<list" not in said.out


def test_the_help_of_the_program_names_every_verb_in_one_whole_line(gonogo: Gonogo) -> None:
    said = gonogo("--help")

    lines = [line.split() for line in said.out.splitlines()]
    assert [line[0] for line in lines if line and line[0] in VERBS] == VERBS
    assert "..." not in said.out.partition("First steps:")[2]


def test_the_verbs_are_those_of_the_contract() -> None:
    verbs = "components plan up down status endpoints rbac check health gate report sweep drill explain doctor"
    verbs += " init lint completion rollback preflight"

    assert sorted(VERBS) == sorted(verbs.split())


def test_each_verb_is_a_module_of_its_own() -> None:
    folder = Path(cli.__file__).parent / "commands"
    shared = {"__init__", "asking", "attach", "checkout", "judging", "kinds", "stored", "tables"}
    shared |= {"belonging", "discover", "draft", "recognise"}  # how `endpoints --discover` drafts
    shared |= {"completing", "options", "planning", "schemas", "written"}

    modules = {path.stem for path in folder.glob("*.py")} - shared
    assert modules == {*VERBS, *(group.name for group in cli.app.registered_groups)}
    assert [name for name in modules if "\ndef run(" not in (folder / f"{name}.py").read_text()] == []


def test_help_loads_nothing_that_only_a_run_needs() -> None:
    program = "import sys, gonogo.cli; print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert {"pytest", "httpx", "rich", "jinja2", "psutil", "testinfra"} & loaded == set()


# -- wrong use


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["gat"], "Did you mean 'gate'?"),
        (["gate"], "reports/out/results.json: no such file (`gonogo check` writes it; or name a results.json)"),
        (["report"], "reports/out/results.json: no such file (`gonogo check` writes it; or name a results.json)"),
        (["gate", "--max-age", "24", "x.json"], "--max-age: '24' is no length of time (like 90s, 30m, 24h or 7d)"),
        (["gate", "--max-age", "", "x.json"], "--max-age: '' is no length of time (like 90s, 30m, 24h or 7d)"),
        (["gate", "--strct", "important", "x.json"], "--strict"),
        (["gate", "--strict", "importent", "x.json"], "--strict: 'importent' is no level (nearest known: 'important')"),
        (["gate", "none.json", "empty"], "none.json: no such file or directory"),
        (["gate", "."], "holds no events.jsonl (give a results.json or a folder of .gonogo/runs)"),
        (["report", "none.json"], "none.json: no such file or directory"),
        (["report", "none.json", "--html"], "requires an argument"),
        (["plan", "stor"], "stor: no such component (nearest known: 'store')"),
        (["up", "shpo", "stor"], "shpo: no such component (nearest known: 'shop')\nstor: no such component"),
        (["down", "stor"], "stor: no such component (nearest known: 'store')"),
        (["endpoints", "stor"], "stor: no such component (nearest known: 'store')"),
        (["drill", "stor"], "stor: no such drill or component"),
        (["drill"], "modes allows read, write; drills need mode disrupt"),
        (["sweep", "--older-than", "soon"], "--older-than"),
        (["rbac", "--for", "deploy"], "target 'there' deploys nothing on a cluster (a target of provider 'helm' does)"),
        (["rbac", "--for", "raed"], "'raed' is no mode (nearest known: 'read')"),
        (["rbac", "--for", "read"], "has no table [kubernetes]"),
        (["plan", "--target", "their"], "(nearest known: 'there')"),
        (["up", "--target", "./their.toml"], "their.toml: no such file or directory"),
        (["check", "--target", "their"], "(nearest known: 'there')"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "said",
)
def test_wrong_use_is_a_sentence_and_starts_nothing(
    gonogo: Gonogo, content: Content, arguments: list[str], sentence: str
) -> None:
    said = gonogo(*arguments)

    assert said.code == 2
    assert sentence in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    assert not (content.root / ".gonogo").exists()


@pytest.mark.parametrize("file", ["deploy/targets/there.toml", "deploy/shop/component.toml", "reports/criteria.toml"])
def test_a_file_that_is_no_toml_is_named_with_the_line(gonogo: Gonogo, content: Content, file: str) -> None:
    path = content.root / file
    path.write_text(path.read_text() + "\n[more\n")

    said = gonogo("plan")

    assert said.code == 2
    assert f"{path}:{len(path.read_text().splitlines())}: not TOML" in said.err
    assert "[more" in said.err


def test_every_mistake_of_every_file_is_told_at_once(gonogo: Gonogo, content: Content) -> None:
    shop = 'title = "Shop"\nneed = []\nneeds = ["stor"]\n[endpoints]\nrequired = "folder"\n'
    content.write("deploy/shop/component.toml", shop)
    content.write("reports/criteria.toml", '[store.answers]\nlevel = "critcal"\n')

    said = gonogo("components")

    assert said.code == 2
    words = ["'need'", "'needs'", "'stor'", "endpoints.required must be a list", "'critcal'", "'store.answers.claim'"]
    assert [word for word in words if word not in said.err] == []


def test_every_reference_that_leads_nowhere_is_told_at_once(
    gonogo: Gonogo, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOT_SET_ANYWHERE", raising=False)
    target = content.target(identity='password = { env = "NOT_SET_ANYWHERE" }')
    target.write_text(target.read_text() + 'password = { file = "not/there" }\n')

    said = gonogo("up")

    assert said.code == 2
    assert "components.store.password = { env = 'NOT_SET_ANYWHERE' }: the environment variable is not set" in said.err
    assert "components.shop.password = { file = 'not/there' }" in said.err
    assert "not/there: no such file or directory" in said.err


def test_outside_a_checkout_a_verb_has_what_is_built_in(
    gonogo: Gonogo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GONOGO_TARGET", raising=False)

    said = gonogo("components")

    assert (said.code, said.err) == (0, "")
    assert {"kafka", "postgresql"} <= {line.split()[0] for line in said.out.splitlines()}


@pytest.mark.parametrize("verb", ["status", "up", "down", "plan"])
def test_an_unusable_gonogo_home_is_a_sentence(
    gonogo: Gonogo, content: Content, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    content.write("deploy/targets/embedded.toml", EMBEDDED)
    monkeypatch.setenv("GONOGO_HOME", str(content.write("a-file", "")))

    said = gonogo(verb, "--target", "embedded")

    assert said.code == 2
    assert "GONOGO_HOME" in said.err
    assert "cannot be used" in said.err


# -- what there is


def test_components_plan_and_status_know_a_target_that_was_there_before(gonogo: Gonogo, content: Content) -> None:
    rows = json.loads(gonogo("components", "--json").out)["rows"]
    assert [row["component"] for row in rows] == ["store", "shop"]
    assert gonogo("plan").code == 0
    assert "sees no processes" in gonogo("status").err


def test_a_component_that_the_target_cannot_hold_is_named_with_the_reason(gonogo: Gonogo, content: Content) -> None:
    content.write("deploy/targets/embedded.toml", EMBEDDED)

    rows = json.loads(gonogo("components", "--target", "embedded", "--json").out)["rows"]

    assert [(row["held"], row["why_not"]) for row in rows] == [(False, "needs a cluster: no embedded server")] * 2


def test_a_plan_says_what_of_its_components_the_target_is_not_asked(gonogo: Gonogo, content: Content) -> None:
    target = content.target()
    target.write_text(target.read_text() + '\n[target.unsupported]\n"store.mood" = "it has none"\n')

    said, whole, other = gonogo("plan"), gonogo("plan", "--json"), gonogo("plan", "shop", "--json")

    assert "not asked:\n  store.mood: it has none\n" in said.out
    assert json.loads(whole.out)["unsupported"] == {"store.mood": "it has none"}
    assert (said.code, other.code) == (0, 0)


@pytest.mark.parametrize("verb", ["components", "plan", "status", "sweep"])
def test_json_is_all_that_standard_output_holds(gonogo: Gonogo, content: Content, verb: str) -> None:
    said = gonogo(verb, "--json")

    assert json.loads(said.out) is not None
    assert said.code == 0


@pytest.mark.parametrize("arguments", [[], ["--all"]], ids=["this checkout", "all"])
def test_taking_down_what_is_not_up_is_no_mistake(
    gonogo: Gonogo, content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    content.write("deploy/targets/embedded.toml", EMBEDDED)
    monkeypatch.setenv("GONOGO_HOME", str(tmp_path / "home"))

    said = gonogo("down", "--target", "embedded", *arguments)

    assert (said.code, said.err) == (0, "nothing was up\n")


def test_nobody_ends_servers_that_gonogo_did_not_start(gonogo: Gonogo, content: Content) -> None:
    said = gonogo("down")

    assert said.code == 0
    assert "ends none of them" in said.err


@pytest.mark.parametrize(("mood", "code", "told"), [("happy", 0, "2 of 2"), (None, 1, "0 of 2"), ("hung", 3, "0 of 2")])
def test_up_tells_how_many_stand(gonogo: Gonogo, content: Content, mood: str | None, code: int, told: str) -> None:
    content.mood("store", mood)

    said = gonogo("up")

    assert said.code == code
    assert f"{told} components are up" in said.err
    assert said.out == ""


def test_up_also_asks_what_stands_on_what_was_asked_for(gonogo: Gonogo, content: Content) -> None:
    said = gonogo("up", "store")

    assert "2 of 2 components are up" in said.err


def test_up_says_why_something_was_left_and_goes_on_with_the_rest(
    gonogo: Gonogo, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Thin(Deploying):
        def up(self, component: Component, *rest: object) -> Endpoints:
            if component.name == "store":
                raise DeployError("store", "answers, and is not right\nit was left as it is")
            return super().up(component, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("gonogo.providers.choose.provider_for", lambda target, *_: Thin(target))

    said = gonogo("up")

    assert said.code == 1
    assert "store: answers, and is not right\nit was left as it is\n" in said.err
    assert "shop: answers, and is not right" in said.err
    assert "0 of 2 components are up" in said.err


def test_what_gonogo_did_not_start_is_never_replaced(gonogo: Gonogo, content: Content) -> None:
    said = gonogo("up", "--replace")

    assert said.code == 2
    assert "--replace: gonogo did not start the servers of 'there'" in said.err


def test_replacing_is_told_to_the_provider_before_anything_is_deployed(
    gonogo: Gonogo, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gonogo.providers.choose.provider_for", lambda target, *_: Replacing(target))

    said = gonogo("up", "store", "--replace")

    assert said.code == 0
    assert "store is replaced; lost with it: everything\n" in said.err


@pytest.mark.parametrize("verb", [["status"], ["down"], ["down", "--all"], ["sweep", "--yes"]])
def test_a_forged_record_is_acted_on_by_no_verb(
    gonogo: Gonogo, content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: list[str]
) -> None:
    content.write("deploy/targets/embedded.toml", EMBEDDED)
    home, precious = tmp_path / "home", tmp_path / "data" / "precious"
    (home / "platforms").mkdir(parents=True)
    precious.parent.mkdir()
    precious.touch()
    started = Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(")")[2].split()[19]
    forged = {
        "id": "pv-20250101000000-000000",
        "keeper": os.getpid(),
        "keeper_start": int(started),
        "root": str(content.root),
        "folder": str(precious.parent),
        "owner": os.geteuid(),
        "since": "",
        "kept": True,
    }
    record = home / "platforms" / f"{forged['id']}.json"
    record.write_text(json.dumps(forged))
    record.chmod(0o600)
    monkeypatch.setenv("GONOGO_HOME", str(home))
    monkeypatch.setenv("GONOGO_TARGET", "embedded")

    said = gonogo(*verb)

    assert said.code == 0
    assert precious.exists()
    assert record.exists()
    if verb[0] == "sweep" or "--all" in verb:
        assert f"left alone, {record}: process {os.getpid()} is no keeper of this platform" in said.err


@pytest.mark.parametrize("verb", [["status"], ["down"], ["down", "--all"], ["sweep", "--yes"], ["up"]])
def test_a_list_of_platforms_that_is_a_link_is_a_sentence(
    gonogo: Gonogo, content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: list[str]
) -> None:
    content.write("deploy/targets/embedded.toml", EMBEDDED)
    listed = tmp_path / "own" / "platforms"
    listed.parent.mkdir()
    (tmp_path / "theirs").mkdir()
    listed.symlink_to(tmp_path / "theirs")
    monkeypatch.setenv("GONOGO_HOME", str(listed.parent))
    monkeypatch.setenv("GONOGO_TARGET", "embedded")

    said = gonogo(*verb)

    assert said.code == 2
    assert f"{listed}: it is a symbolic link (it is left alone" in said.err
    assert list((tmp_path / "theirs").iterdir()) == []


@pytest.mark.parametrize("arguments", [["up", "store"], ["check", "suites/store"]], ids=["up", "check"])
def test_what_cannot_be_fetched_is_a_sentence_and_nothing_stays(
    gonogo: Gonogo, content: Content, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    made: list[Deploying] = []

    class Unreachable(Deploying):
        def __init__(self, target: Any) -> None:
            super().__init__(target)
            made.append(self)

        def attached(self, component: Component) -> None:
            return None

        def up(self, *_: object) -> Endpoints:
            raise ConfigError(Problem("proxy", "no answer for 10 s"))

    monkeypatch.setattr("gonogo.providers.choose.provider_for", lambda target, *_: Unreachable(target))

    said = gonogo(*arguments)

    assert said.code == 2
    assert "proxy: no answer for 10 s" in said.err.splitlines()[-1] + said.err.splitlines()[-2]
    assert [one.ended for one in made] == [[["everything"]]]


def test_an_interrupted_up_leaves_alone_what_was_there(
    gonogo: Gonogo, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Deploying] = []

    class ShopIsThere(Deploying):
        def __init__(self, target: Any) -> None:
            super().__init__(target)
            made.append(self)

        def attached(self, component: Component) -> Endpoints | None:
            return super().attached(component) if component.name == "shop" else None

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gonogo.providers.choose.provider_for", lambda target, *_: ShopIsThere(target))
    monkeypatch.setattr(Platform, "bring_up", interrupted)

    said = gonogo("up", "store")

    assert said.code == 130
    assert [one.ended for one in made] == [[["store"]]]


def test_the_printed_target_file_is_one(
    gonogo: Gonogo, content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GONOGO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SECRET", "s3cret!")
    content.target(identity='password = { env = "SECRET" }')

    said = gonogo("endpoints", "store")

    kept = Path(tomllib.loads(said.out)["components"]["store"]["password"]["file"])
    copy = content.write("copy.toml", said.out)
    assert said.code == 0
    assert "s3cret!" not in said.out
    assert kept.read_text() == "s3cret!"
    assert [path.stat().st_mode & 0o777 for path in (kept, kept.parent)] == [0o600, 0o700]
    registry = Registry.load(content.root)
    attached = load_target(str(copy), content.root, registry)
    assert attached.resolved(registry.components["store"])["password"] == "s3cret!"
    assert attached.components["store"]["identity"] == "id-of-store"


def test_another_repository_with_four_folders_of_its_own_works(gonogo_alone: Gonogo, content: Content) -> None:
    folders = sorted(path.name for path in content.root.iterdir() if path.is_dir())
    assert folders == ["deploy", "fixtures", "reports", "servers", "suites"]

    said = gonogo_alone("check", "-m", "critical", "--mode", "write")

    assert said.code == 0
    assert "GO on there: 4 of 4 critical criteria" in said.out
    assert "warning" not in said.out


# -- check


@pytest.mark.parametrize(
    ("mood", "code"), [("happy", 0), (None, 1), ("hung", 3)], ids=["go", "no-go", "could not tell"]
)
def test_check_ends_with_the_code_of_the_gate(
    gonogo_alone: Gonogo, content: Content, mood: str | None, code: int
) -> None:
    content.mood("store", mood)

    said = gonogo_alone("check", "-m", "critical", "--target", "there")

    assert said.code == code


def test_check_asks_all_suites_unless_a_path_is_given(
    gonogo_alone: Gonogo, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    content.write("tests/test_ours.py", "def test_that_is_none_of_the_suites(): raise ValueError")
    (content.root / "report").mkdir()

    monkeypatch.chdir(content.root / "deploy")
    whole = gonogo_alone("check", "--out", "../report")
    monkeypatch.chdir(content.root)
    part = gonogo_alone("check", "suites/store")

    assert whole.code == 0
    assert "GO on there, read only" in whole.out
    assert (content.root / "report/results.json").is_file()
    assert part.code == 3
    assert "no verdict" in part.out


def test_a_mistyped_option_of_check_is_answered_with_the_nearest(gonogo_alone: Gonogo, content: Content) -> None:
    said = gonogo_alone("check", "--mod=write")

    assert said.code == 2
    assert "--mod: nearest known: --mode" in said.err


@pytest.mark.parametrize(
    ("file", "text", "code"),
    [
        ("suites/shop/test_broken.py", "def test_shop(:", 2),
        ("suites/shop/test_ctrl_c.py", "import signal\nsignal.raise_signal(signal.SIGINT)", 130),
        ("conftest.py", "def pytest_runtestloop(session): raise RuntimeError('a bug')", 4),
    ],
    ids=["a suite that is no Python", "Ctrl-C", "a bug of ours"],
)
def test_check_tells_mistakes_interruptions_and_bugs_apart(
    gonogo_alone: Gonogo, content: Content, file: str, text: str, code: int
) -> None:
    content.write(file, text)

    assert gonogo_alone("check").code == code


def test_ctrl_c_while_a_check_runs_leaves_the_results_so_far(gonogo_alone: Gonogo, content: Content) -> None:
    suite = content.root / "suites/shop/test_shop.py"
    ctrl_c = "__import__('signal').raise_signal(2); expect(shop.mood()"
    suite.write_text(suite.read_text().replace("expect(shop.mood()", ctrl_c))

    said = gonogo_alone("check", "--mode", "write")

    results = msgspec.json.decode((content.root / "reports/out/results.json").read_bytes(), type=Results)
    assert said.code == 130
    assert results.run.interrupted


def test_nothing_asked_is_no_verdict(gonogo_alone: Gonogo, content: Content) -> None:
    said = gonogo_alone("check", "--collect-only", "-q")

    assert said.code == 3
    assert "no verdict: no check was asked" in said.err


# -- gate and report


def test_gate_and_report_need_no_checkout_and_no_home(
    gonogo: Gonogo, stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GONOGO_TARGET", "gone")
    monkeypatch.setenv("GONOGO_HOME", "/dev/null/no")

    judged = gonogo("gate", str(stored))
    rendered = gonogo("report", str(stored), "--html", "r.html", "--junit", "r.xml", "--markdown", "r.md")

    assert (judged.code, judged.err) == (1, "")
    assert judged.out.startswith("NO-GO")
    assert (rendered.code, rendered.out) == (0, "")
    assert [(tmp_path / name).stat().st_size > 1000 for name in ("r.html", "r.xml", "r.md")] == [True] * 3


def test_report_prints_the_summary_where_no_file_is_named(gonogo: Gonogo, stored: Path) -> None:
    said = gonogo("report", str(stored))

    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("# ")


def test_the_gate_tells_machines_the_same_verdict(gonogo: Gonogo, stored: Path) -> None:
    said = gonogo("gate", str(stored), "--json", "--strict", "optional")

    told = json.loads(said.out)
    assert told["decision"] == "NO-GO"
    assert said.code == told["code"] == 1
    assert told["run"] == "pv-20250604120000-0a1b2c"
    assert (told["target"], told["finished"]) == ("embedded", "2025-06-04T12:01:12Z")
    assert told["age_seconds"] > 1e6


@pytest.mark.parametrize("where", ["in a checkout", "below its root", "outside"])
def test_gate_and_report_take_the_latest_results(
    gonogo: Gonogo, content: Content, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str
) -> None:
    root = content.root if where != "outside" else tmp_path
    monkeypatch.chdir(root / "suites" if where == "below its root" else root)
    (root / "reports/out").mkdir(parents=True)
    (root / "reports/out/results.json").write_bytes(msgspec.json.encode(sealed(sample_results())))

    judged, rendered = gonogo("gate"), gonogo("report")

    assert judged.code == 1
    line = judged.out.splitlines()[1]
    assert line.startswith("run pv-20250604120000-0a1b2c on embedded, interrupted 2025-06-04 12:01:12 UTC, ")
    assert line.endswith(" days ago")
    assert rendered.code == 0
    assert "run pv-20250604120000-0a1b2c on embedded" in rendered.out


def test_results_that_are_too_old_tell_nothing(gonogo: Gonogo, stored: Path) -> None:
    said = gonogo("gate", str(stored), "--max-age", "24h")
    told = json.loads(gonogo("gate", str(stored), "--max-age", "24h", "--json").out)

    assert said.code == told["code"] == 3
    assert said.out.startswith("NO-GO: could not tell: the run finished ")
    assert said.out.splitlines()[0] == told["headline"]
    assert "days ago, --max-age allows 24 hours; the run came to NO-GO: postgresql.answers failed" in told["reason"]


def test_results_of_two_runs_are_named_with_their_files(gonogo: Gonogo, stored: Path, tmp_path: Path) -> None:
    other = replace(sample_results(), run=replace(sample_results().run, id="pv-2"))
    (tmp_path / "other.json").write_bytes(msgspec.json.encode(sealed(other)))

    for verb in ("gate", "report"):
        said = gonogo(verb, str(stored), str(tmp_path / "other.json"))

        assert (said.code, said.out) == (2, "")
        assert f'run.id: differs: "pv-20250604120000-0a1b2c" in {stored}; "pv-2" in {tmp_path}/other.json' in said.err


@pytest.fixture
def going(tmp_path: Path) -> Path:
    """Results of another run, on another target: GO, with a secret in what it says."""
    run = Given(CRITICALS).results()
    told = tuple(replace(one, claim="password=hunter2hunter2") for one in run.criteria)
    run = judge(replace(run, criteria=told, target=replace(run.target, name="other")))
    path = tmp_path / "going.json"
    path.write_bytes(msgspec.json.encode(sealed(run)))
    return path


def test_each_of_several_runs_has_a_verdict_of_its_own_and_the_worst_counts(
    gonogo: Gonogo, stored: Path, going: Path, tmp_path: Path
) -> None:
    none = tmp_path / "none.json"

    three = gonogo("gate", "--each", str(going), str(stored), str(none))
    codes = {
        files: gonogo("gate", "--each", *map(str, files)).code
        for files in [(going,), (going, none), (none,), (none, stored)]
    }
    old = gonogo("gate", "--each", str(going), str(none), "--max-age", "24h", "--json")
    named = gonogo("gate", "--each", str(going), str(stored), str(none), "-o", "name")

    assert (three.code, three.err) == (1, "")
    assert [line.split()[:3] for line in three.out.splitlines()] == [
        ["results", "decision", "code"],
        [str(going), "GO", "0"],
        [str(stored), "NO-GO", "1"],
        [str(none), "no", "verdict"],
    ]
    assert "postgresql.process_gone, kafka.broker_missing" in three.out
    assert three.out.rstrip().endswith(f"{none}: no such file or directory")
    assert codes == {(going,): 0, (going, none): 2, (none,): 2, (none, stored): 1}
    told = json.loads(old.out)
    assert (old.code, told["code"], [row["code"] for row in told["rows"]]) == (2, 2, [3, 2])
    assert "days ago, --max-age allows 24 hours" in told["rows"][0]["headline"]
    assert named.out.splitlines() == [str(stored), str(none)]


def test_a_summary_of_several_runs_merges_nothing(gonogo: Gonogo, stored: Path, going: Path, tmp_path: Path) -> None:
    none, page = tmp_path / "none.json", tmp_path / "page.md"

    both = gonogo("report", "--each", str(going), str(stored))
    lacking = gonogo("report", "--each", str(going), str(none), "--markdown", str(page))
    other = gonogo("report", "--each", str(going), str(stored), "--html", "r.html", "--junit", "r.xml")

    assert (both.code, both.err) == (0, "")
    lines = both.out.splitlines()
    assert lines[0] == "# ❌ GO on 1 of 2"
    assert lines[4].startswith("| other | ✅ GO on other")
    assert lines[5].startswith("| embedded | ❌ NO-GO: postgresql.answers failed")
    assert [line for line in lines if line.startswith("# ")][1:] == [
        "# ✅ GO on other",
        "# ❌ NO-GO on embedded",
    ]
    assert "hunter2" not in both.out
    assert lacking.code == 2
    assert f"{none}: no such file or directory" in lacking.err
    assert "| ❔ no verdict: " in page.read_text()
    assert page.read_text().startswith("# ❌ GO on 1 of 2")
    assert (other.code, other.out) == (2, "")
    assert "--html: a file of one run; --each has several" in other.err
    assert "--junit: a file of one run; --each has several" in other.err


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda data: b"", "is empty"),
        (lambda data: data[: len(data) // 2], "ends in the middle"),
        (lambda data: data.replace(b"gonogo/results/1", b"gonogo/results/9"), "gonogo/results/9"),
        (lambda data: data.replace(b'"outcome":"failed"', b'"outcome":"fialed"'), "unknown value 'fialed'"),
        (lambda data: data.replace(b'"outcome":"failed"', b'"outcome":"passed"'), "changed since a run wrote it"),
        (lambda data: b"<html>", "not JSON"),
    ],
    ids=["empty", "truncated", "other schema", "a value that is none", "edited", "no JSON"],
)
def test_results_that_are_none_are_refused(
    gonogo: Gonogo, stored: Path, damage: Callable[[bytes], bytes], sentence: str
) -> None:
    stored.write_bytes(damage(stored.read_bytes()))

    for verb in ("gate", "report"):
        said = gonogo(verb, str(stored), "also-not-there.json")

        assert said.code == 2
        assert said.out == ""
        assert f"{stored}: " in said.err
        assert sentence in said.err
        assert "also-not-there.json" in said.err


def test_results_of_100_mb_are_refused_without_reading_them(gonogo: Gonogo, tmp_path: Path) -> None:
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(100 << 20)

    said = gonogo("gate", str(large))

    assert said.code == 2
    assert "is 100 MiB large" in said.err


def test_a_report_that_cannot_be_written_is_a_sentence(gonogo: Gonogo, stored: Path, tmp_path: Path) -> None:
    said = gonogo("report", str(stored), "--html", str(stored / "below-a-file.html"))

    assert said.code == 2
    assert "below-a-file.html: " in said.err
    assert "gonogo itself" not in said.err


# -- what the verbs share


@pytest.mark.parametrize(
    ("terminal", "no_color", "wanted"), [(True, None, True), (True, "1", False), (True, "", True), (False, None, False)]
)
def test_colours_are_for_terminals_that_want_them(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, no_color: str | None, wanted: bool
) -> None:
    output = io.StringIO()
    monkeypatch.setattr(output, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)

    assert coloured() is wanted


def test_a_bug_of_ours_is_a_sentence_with_a_code_of_its_own(gonogo: Gonogo, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: str | None) -> None:
        raise ZeroDivisionError("nobody divides here")

    monkeypatch.setattr("gonogo.commands.components.loaded", broken)
    said = gonogo("components")
    monkeypatch.setenv("GONOGO_DEBUG", "1")
    loud = gonogo("components")

    assert said.code == loud.code == 4
    assert said.err == "gonogo itself failed: ZeroDivisionError: nobody divides here (GONOGO_DEBUG=1 shows where)\n"
    assert "Traceback" in loud.err


def test_ctrl_c_has_a_code_of_its_own(gonogo: Gonogo, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: str | None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gonogo.commands.components.loaded", interrupted)

    assert gonogo("components").code == 130


def test_a_reader_that_has_seen_enough_changes_no_code(content: Content, stored: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)

    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    codes = {}
    for verb in (["components"], ["gate", str(stored)], ["gate", str(stored), "--json"]):
        command = [sys.executable, "-m", "gonogo", *verb]
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=buffered, check=False)
        codes[" ".join(verb[::2])] = (done.returncode, done.stderr)
    os.close(writer)

    assert codes == {"components": (0, b""), "gate": (1, b""), "gate --json": (1, b"")}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("verb", ["components", "gate"])
def test_what_could_not_be_written_is_not_done(content: Content, stored: Path, verb: str) -> None:
    arguments = [str(stored)] if verb == "gate" else []

    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        command = [sys.executable, "-m", "gonogo", verb, *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)

    assert done.returncode == 3
    assert done.stderr == b"could not go on: [Errno 28] No space left on device\n"


def test_a_run_whose_files_cannot_be_written_could_not_tell(
    gonogo_alone: Gonogo, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    content.write(
        "conftest.py",
        """
        from gonogo.run import publish

        def publish_nothing(*_):
            raise OSError(28, "No space left on device")

        publish.publish = publish_nothing
    """,
    )

    said = gonogo_alone("check", "-m", "critical")

    assert said.code == 3
    assert "cannot be written: No space left on device" in said.out


def test_sweep_lists_and_deletes_what_a_killed_run_left(
    gonogo: Gonogo, content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GONOGO_HOME", str(tmp_path / "home"))
    run = "pv-20240101000000-0a1b2c"
    place = {"target": "there", "identity": "id-of-store"}
    Journal(content.root / ".gonogo/journal.jsonl").record(run, "thing", "store", f"{run}-1", **place)
    left = content.write(f"servers/store/{run}-1", "")

    listed = gonogo("sweep")
    assert left.exists()
    swept = gonogo("sweep", "--yes", "--json")
    again = gonogo("sweep")

    assert f"{run}-1" in listed.out
    assert "`gonogo sweep --yes` deletes them" in listed.err
    assert [(row["name"], row["removed"]) for row in json.loads(swept.out)["rows"]] == [(f"{run}-1", True)]
    assert not left.exists()
    assert (again.code, again.out) == (0, "")


@pytest.mark.parametrize(
    ("age", "listed", "note"),
    [
        ("7d", True, ""),
        ("40000d", False, ""),
        ("0", True, ""),
        ("960000", False, "40000 days: a number alone counts hours"),
    ],
)
def test_what_is_swept_is_as_old_as_asked(
    gonogo: Gonogo, content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age: str, listed: bool, note: str
) -> None:
    monkeypatch.setenv("GONOGO_HOME", str(tmp_path / "home"))
    content.write("servers/store/pv-20240101000000-0a1b2c-1", "")

    said = gonogo("sweep", "--older-than", age)

    assert said.code == 0
    assert ("pv-20240101000000-0a1b2c-1" in said.out) is listed
    assert note in said.err
    assert ("counts hours" in said.err) is bool(note)


def test_a_target_file_elsewhere_does_not_hide_how_suites_are_imported(
    gonogo_alone: Gonogo, content: Content, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "there.toml").write_text(content.target().read_text())
    content.write("suites/shop/test_same.py", "")
    content.write("suites/store/test_same.py", "")

    said = gonogo_alone("check", "--target", str(folder / "there.toml"), "--out", str(folder), "--mode", "write")

    assert said.code == 0
    assert "GO on there" in said.out


# -- a cluster


@pytest.fixture
def on_cluster(content: Content, tmp_path: Path) -> Path:
    """The target file of a platform on a cluster that does not answer."""
    head = f'capabilities = ["kubernetes"]\n[kubernetes]\nkubeconfig = "{kubeconfig(tmp_path / "config")}"'
    return content.target(head + '\nnamespaces = ["data"]')


def test_rights_are_printed_as_manifests(gonogo: Gonogo, on_cluster: Path) -> None:
    text = on_cluster.read_text().replace("[components.shop]", 'password = { secret = "data/store#password" }\n[x]')
    on_cluster.write_text(text.partition("[x]")[0])

    said = gonogo("rbac", "--for", "read", "--account", "ops/checker")

    documents = list(yaml.safe_load_all(said.out))
    assert said.code == 0
    assert documents[0]["metadata"] == {"name": "checker", "namespace": "ops"}
    assert [d["kind"] for d in documents] == ["ServiceAccount", "Role", "RoleBinding"]
    assert documents[1]["metadata"] == {"name": "gonogo-read-there", "namespace": "data"}
    assert documents[1]["rules"][0]["resourceNames"] == ["store"]


def test_a_target_on_a_cluster_is_its_own_attachment(gonogo: Gonogo, on_cluster: Path) -> None:
    said = gonogo("endpoints")

    assert (said.code, said.out) == (0, on_cluster.read_text())


def test_a_cluster_that_does_not_answer_is_a_sentence(gonogo: Gonogo, on_cluster: Path) -> None:
    said = gonogo("endpoints", "--discover")

    assert said.code == 3
    assert "the API server http://127.0.0.1:1 of context 'one' refused the connection" in said.err
    assert said.out == ""
