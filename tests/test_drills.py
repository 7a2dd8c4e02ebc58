"""Drills: what a file of them may say, and that a fault unseen or blamed on another cause is told."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from repositories import Content

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import load_target
from gonogo.core.endpoints import Secret
from gonogo.core.errors import ConfigError
from gonogo.core.files import load_toml
from gonogo.core.outcomes import Outcome, Struct
from gonogo.providers.existing.addresses import Existing
from gonogo.run.drills import Altered, Drill, Expectation, Fault, ListedDrill, Showed, _blamed, catalogue, run_drills

STORE = """
    [moved]
    fault = { endpoints = { folder = "nowhere" } }
    asks = ["store.answers", "store.mood"]
    outcome = "failed"
    cause = "store.connection_refused"

    [sad]
    fault = { call = "bad_mood" }
    asks = ["store.mood"]
    outcome = "failed"
    cause = "store.unhappy"
    green = ["store.answers", "store.keeps"]
"""
SHOP = """
    [unseen]
    fault = { call = "nothing_at_all" }
    asks = ["shop.sells"]
    outcome = "failed"
    cause = "shop.silent"

    [misjudged]
    fault = { endpoints = { folder = "nowhere" } }
    asks = ["shop.sells"]
    outcome = "failed"
    cause = "shop.silent"
"""
FAULTS = """
    @contextmanager
    def drill_bad_mood(self) -> Iterator[None]:
        (self.folder / "mood").write_text("sad")
        try:
            yield
        finally:
            (self.folder / "mood").write_text("happy")

    @contextmanager
    def drill_nothing_at_all(self) -> Iterator[None]:
        yield
"""


@pytest.fixture
def drilled(content: Content) -> Content:
    """The content repository with drills, on a target where they are allowed."""
    content.write("suites/store/drills.toml", STORE)
    content.write("suites/shop/drills.toml", SHOP)
    for name in ("store", "shop"):
        client = content.root / f"fixtures/{name}.py"
        text = client.read_text().replace("from pathlib", "from contextlib import contextmanager\nfrom pathlib")
        client.write_text(text.replace("    def put(", f"{FAULTS}\n    def put("))
    target = content.target()
    target.write_text(target.read_text().replace('"write"]', '"write", "disrupt"]'))
    return content


def drills(content: Content, *names: str) -> list[Drill]:
    """The drills of the repository."""
    return catalogue(content.root, Registry.load(content.root), names)


def test_every_fault_is_seen_or_told_not_to_be(pytester: pytest.Pytester, drilled: Content) -> None:
    done = pytester.run(sys.executable, "-m", "gonogo", "drill", "--json")

    rows = {row["name"]: row for row in json.loads(done.stdout.str())["rows"]}
    seen = {name: (row["outcome"], row["cause"], row["seen"], row["blamed_right"]) for name, row in rows.items()}
    assert seen == {
        "store.moved": ("failed", "store.connection_refused", True, True),
        "store.sad": ("failed", "store.unhappy", True, True),
        "shop.unseen": ("passed", "", False, False),
        "shop.misjudged": ("failed", "shop.connection_refused", True, False),
    }
    assert done.ret == 1
    assert (drilled.root / "servers/store/mood").read_text() == "happy"
    assert "✗ 1/4 shop." in done.stderr.str()


def test_a_fault_that_the_target_cannot_be_asked_about_is_not_injected_and_told(
    pytester: pytest.Pytester, drilled: Content
) -> None:
    target = drilled.root / "deploy/targets/there.toml"
    target.write_text(target.read_text() + '\n[target.unsupported]\n"store.mood" = "it has none"\n')

    alone = pytester.run(sys.executable, "-m", "gonogo", "drill", "store.sad", "--json")
    drilled.write("suites/store/drills.toml", STORE.replace('"store.answers", "store.mood"', '"store.answers"'))
    both = pytester.run(sys.executable, "-m", "gonogo", "drill", "store", "--json")

    [row] = json.loads(alone.stdout.str())["rows"]
    assert (row["outcome"], row["held"], row["seen"], row["why"]) == ("unsupported", False, False, "it has none")
    assert alone.ret == 1  # nothing was proved
    assert [one["held"] for one in json.loads(both.stdout.str())["rows"]] == [True, False]
    assert both.ret == 0
    assert (drilled.root / "servers/store/mood").read_text() == "happy"


def test_a_fault_of_tls_is_left_out_where_there_is_none(pytester: pytest.Pytester, drilled: Content) -> None:
    drilled.write("suites/store/drills.toml", STORE + '    needs = "tls"\n')

    beside = pytester.run(sys.executable, "-m", "gonogo", "drill", "store", "--json")
    alone = pytester.run(sys.executable, "-m", "gonogo", "drill", "store.sad")

    assert {row["name"]: row["held"] for row in json.loads(beside.stdout.str())["rows"]} == {
        "store.moved": True,
        "store.sad": False,
    }
    assert "store is asked without TLS, and the fault is one of TLS" in beside.stderr.str()
    assert (beside.ret, alone.ret) == (0, 1)  # alone, nothing was proved


def test_a_drill_is_chosen_by_its_name_or_its_component(drilled: Content) -> None:
    chosen = [drill.name for drill in drills(drilled, "store.sad", "shop")]

    assert len(drills(drilled)) == 4
    assert chosen == ["shop.unseen", "shop.misjudged", "store.sad"]
    assert drills(drilled, "store.sad")[0].listed() == ListedDrill(
        name="store.sad",
        component="store",
        fault="bad mood",
        asks=("store.mood",),
        expected="failed store.unhappy",
        green=("store.answers", "store.keeps"),
    )


def test_every_mistake_of_every_file_is_told_at_once(drilled: Content) -> None:
    drilled.write("suites/shop/drills.toml", SHOP.replace("shop.sells", "shop.sels"))

    with pytest.raises(ConfigError) as caught:
        drills(drilled, "stor")

    told = str(caught.value)
    assert told.count("unknown criterion 'shop.sels' (nearest known: 'shop.sells')") == 2
    assert "stor: no such drill or component (nearest known: 'store')" in told


class OneFault(Struct, frozen=True):
    """A file with one fault."""

    fault: Fault


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ('{ kill = "one", hang = "two" }', "exactly one of kill, hang, endpoints, call"),
        ("{}", "exactly one of kill, hang, endpoints, call"),
        ('{ kil = "one" }', "unknown key 'fault.kil' (nearest known: 'kill')"),
        ("{ kill = 1 }", "fault.kill must be text"),
    ],
)
def test_a_fault_is_exactly_one_thing(tmp_path: Path, fault: str, said: str) -> None:
    path = tmp_path / "drills.toml"
    path.write_text(f"fault = {fault}\n")

    with pytest.raises(ConfigError) as caught:
        load_toml(path, OneFault)

    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        (Fault(kill="one"), "kill one"),
        (Fault(hang="one"), "hang one"),
        (Fault(endpoints={"password": "no", "user": "x"}), "other password, user"),
        (Fault(call="read_only"), "read only"),
    ],
)
def test_a_fault_is_told_in_words(fault: Fault, shown: str) -> None:
    assert str(fault) == shown


def test_an_altered_secret_stays_one(content: Content, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "s3cret!")
    content.target(identity='password = { env = "SECRET" }')
    registry = Registry.load(content.root)
    provider = Existing(load_target("there", content.root, registry))

    altered = Altered(provider, "store", {"password": "wrong", "folder": "elsewhere"})

    endpoints, other = altered.attached(registry.components["store"]), altered.attached(registry.components["shop"])
    assert endpoints is not None
    assert other is not None
    assert (endpoints.secrets["password"], endpoints["folder"]) == (Secret("wrong"), "elsewhere")
    assert other["folder"].endswith("servers/shop")
    assert altered.name == "existing"


def test_nothing_is_broken_where_the_target_does_not_allow_it(content: Content) -> None:
    content.write("suites/store/drills.toml", STORE)
    registry = Registry.load(content.root)

    with pytest.raises(ConfigError, match="drills need mode disrupt"):
        run_drills(registry, load_target("there", content.root, registry), drills(content))


def test_a_drill_that_is_interrupted_restores_what_it_broke(pytester: pytest.Pytester, drilled: Content) -> None:
    suite = drilled.root / "suites/store/test_store.py"
    suite.write_text(suite.read_text().replace("mood = store.mood()", "__import__('signal').raise_signal(15)"))

    done = pytester.run(sys.executable, "-m", "gonogo", "drill", "store.sad", "--json")

    assert (done.ret, done.stdout.str().strip()) == (130, "")
    assert (drilled.root / "servers/store/mood").read_text() == "happy"


def test_drills_need_a_platform_that_is_up(pytester: pytest.Pytester, drilled: Content) -> None:
    drilled.mood("store", None)

    done = pytester.run(sys.executable, "-m", "gonogo", "drill", "store.sad")

    assert done.ret == 1
    done.stderr.fnmatch_lines(["*store: store does not answer: connection refused*"])


def test_a_fault_on_the_servers_own_machine_is_left_out_where_nobody_may_go_there(
    pytester: pytest.Pytester, drilled: Content
) -> None:
    drilled.write("suites/store/drills.toml", STORE + '    needs = "host"\n')

    done = pytester.run(sys.executable, "-m", "gonogo", "drill", "store", "--json")

    rows = {row["name"]: row for row in json.loads(done.stdout.str())["rows"]}
    assert (rows["store.sad"]["outcome"], rows["store.moved"]["held"]) == ("unsupported", True)
    assert "lacks capability 'host'" in rows["store.sad"]["why"]


def test_a_node_of_servers_that_gonogo_did_not_start_is_left_out(pytester: pytest.Pytester, drilled: Content) -> None:
    drilled.write("suites/store/drills.toml", STORE.replace('{ call = "bad_mood" }', '{ kill = "store" }'))

    done = pytester.run(sys.executable, "-m", "gonogo", "drill", "store", "--json")

    rows = {row["name"]: row for row in json.loads(done.stdout.str())["rows"]}
    assert rows["store.sad"]["outcome"] == "unsupported"
    assert rows["store.sad"]["why"] == "gonogo did not start store: it cannot kill store"


def test_what_a_target_does_not_have_is_neither_asked_nor_has_to_stay_green(
    pytester: pytest.Pytester, drilled: Content
) -> None:
    drilled.write("suites/store/drills.toml", STORE.replace('"store.keeps"]', '"store.keeps", "shop.sells"]'))
    target = drilled.root / "deploy/targets/there.toml"
    target.write_text(target.read_text() + '\n[target.unsupported]\nshop = "it is closed"\n')

    done = pytester.run(sys.executable, "-m", "gonogo", "drill", "--json")

    rows = {row["name"]: row for row in json.loads(done.stdout.str())["rows"]}
    assert (rows["store.sad"]["seen"], rows["store.sad"]["blamed_right"]) == (True, True)
    assert (rows["shop.unseen"]["outcome"], rows["shop.unseen"]["why"]) == ("unsupported", "it is closed")
    assert done.ret == 0


def test_a_fault_that_could_not_be_restored_is_not_blamed_right(pytester: pytest.Pytester, drilled: Content) -> None:
    client = drilled.root / "fixtures/store.py"
    client.write_text(
        client.read_text().replace(
            'write_text("happy")', 'write_text("happy")\n            raise OSError("it stays so")', 1
        )
    )

    done = pytester.run(sys.executable, "-m", "gonogo", "drill", "store.sad", "--json")

    [row] = json.loads(done.stdout.str())["rows"]
    assert (row["seen"], row["blamed_right"], row["why"]) == (True, False, "OSError: it stays so")
    assert done.ret == 1


@pytest.mark.parametrize(
    ("fault", "cause", "showed", "explains", "blamed"),
    [
        ({"kill": "a"}, "store.connection_refused", ("failed", "store.workload_not_ready"), True, True),
        ({"hang": "a"}, "store.timed_out", ("failed", "store.workload_not_ready"), True, True),
        ({"hang": "a"}, "store.timed_out", ("broken", "store.timed_out"), True, True),
        ({"kill": "a"}, "store.connection_refused", ("failed", "store.workload_not_ready"), False, False),
        ({"kill": "a"}, "store.broker_missing", ("failed", "store.workload_not_ready"), True, False),
        ({"kill": "a"}, "store.connection_refused", ("failed", "shop.workload_not_ready"), True, False),
        ({"kill": "a"}, "store.connection_refused", ("broken", "store.workload_not_ready"), True, False),
        ({"call": "a"}, "store.connection_refused", ("failed", "store.workload_not_ready"), True, False),
    ],
)
def test_a_silence_may_be_blamed_on_what_the_provider_sees_of_it(
    fault: dict[str, str], cause: str, showed: tuple[str, str], explains: bool, blamed: bool
) -> None:
    outcome = Outcome.BROKEN if cause.endswith("timed_out") else Outcome.FAILED
    drill = Drill(
        "store.x", "store", Expectation(fault=Fault(**fault), asks=("store.answers",), outcome=outcome, cause=cause)
    )
    provider = SimpleNamespace(reason=print) if explains else SimpleNamespace()

    seen = _blamed(SimpleNamespace(provider=provider), drill, Showed(Outcome(showed[0]), (showed[1],)))  # type: ignore[arg-type]

    assert seen is blamed
