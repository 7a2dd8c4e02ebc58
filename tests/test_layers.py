"""One's own folder before what is built in: what it adds, what it cannot quietly replace, what pytest makes of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import msgspec
import pytest
from repositories import CLIENT, COMPONENT, Content

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import load_target
from gonogo.checks import clients
from gonogo.commands.new import run as new_component
from gonogo.core import content
from gonogo.core.errors import ConfigError
from gonogo.results.model import Results
from gonogo.run.declared import declared
from gonogo.run.drills import catalogue

PLANTED = """
    import os
    from pathlib import Path
    from gonogo.core import content

    content.built_in = lambda: Path(os.environ["PLANTED"])
"""
"""A plugin for pytest by which a run in another process has the same built-in content as the test."""

BAR_CRITERIA = """
    [bar.answers]
    level = "critical"
    claim = "The bar answers"

    [store.ours]
    level = "critical"
    claim = "The store is where we expect it"
"""

BAR_SUITE = '''
    import pytest
    from fixtures.bar import Bar
    from gonogo import expect, something

    @pytest.mark.criterion("bar.answers")
    def test_bar_answers(bar: Bar) -> None:
        """The bar answers."""
        expect(bar.answers(), something(), cause="bar.silent")
'''

OUR_SUITE = '''
    import pytest
    from fixtures.store import Store
    from gonogo import expect, something

    @pytest.mark.criterion("store.ours")
    def test_ours(store: Store) -> None:
        """The store is where we expect it."""
        expect(store.mood(), something(), cause="store.silent")
'''


class Layers:
    """A folder of one's own in the working folder, with a component `bar`; built in are `store` and `shop`."""

    def __init__(self, own: Path, ours: Content) -> None:
        self.own, self.ours = own, ours

    def write(self, path: str, text: str) -> Path:
        """A file of one's own, its text dedented."""
        file = self.own / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text))
        return file

    def bar(self) -> None:
        """The component of one's own, and a check of one's own for a built-in one."""
        self.write("deploy/bar/component.toml", COMPONENT.format(title="Bar", needs='["store"]'))
        self.write("fixtures/bar.py", CLIENT.format(name="bar", title="Bar"))
        self.write("suites/bar/test_bar.py", BAR_SUITE)
        self.write("suites/store/test_ours.py", OUR_SUITE)
        self.write("reports/criteria.toml", BAR_CRITERIA)
        self.write("bar/mood", "happy")
        there = (self.ours.root / "deploy/targets/there.toml").read_text()
        self.write("mine.toml", f'{there}\n[components.bar]\nfolder = "{self.own}/bar"\n')

    def registry(self) -> Registry:
        """What both declare."""
        return Registry.load(content.find(self.own))

    def outcomes(self) -> dict[str, str]:
        """Criterion to outcome, as the last run stored it."""
        stored = (self.own / "reports/out/results.json").read_bytes()
        return {c.id: c.outcome.value for c in msgspec.json.decode(stored, type=Results).criteria}

    def wrong(self) -> str:
        """What is said of what both declare."""
        with pytest.raises(ConfigError) as refused:
            self.registry()
        return str(refused.value)


@pytest.fixture
def empty(
    pytester: pytest.Pytester, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Layers:
    """Nothing in the working folder, and built-in content elsewhere."""
    ours = Content(tmp_path_factory.mktemp("installed"))
    plugins = tmp_path_factory.mktemp("plugins")
    (plugins / "planted.py").write_text(dedent(PLANTED))
    monkeypatch.setenv("PYTHONPATH", str(plugins))
    monkeypatch.setenv("PYTEST_PLUGINS", "planted")
    monkeypatch.setenv("PLANTED", str(ours.root))
    monkeypatch.setenv("GONOGO_TARGET", "there")
    monkeypatch.setattr(content, "built_in", lambda: ours.root)
    return Layers(pytester.path, ours)


@pytest.fixture
def layers(empty: Layers) -> Layers:
    """A repository of one's own in the working folder."""
    empty.write("gonogo.toml", "")
    return empty


def ran(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess(*arguments)


def listed(pytester: pytest.Pytester, *arguments: str) -> list[str]:
    """The checks that would be asked, collected in this process."""
    done = pytester.runpytest_inprocess(*arguments, "--collect-only", "-q")
    assert done.ret == 0, done.stderr.str() + done.stdout.str()
    return ids(done)


def ids(done: pytest.RunResult) -> list[str]:
    """The checks that ``--collect-only -q`` lists."""
    return [line for line in done.outlines if "::" in line]


# -- what is declared


def test_a_folder_of_one_s_own_adds_components_criteria_checks_and_clients(layers: Layers) -> None:
    layers.bar()

    registry = layers.registry()

    assert list(registry.components) == ["bar", "shop", "store"]
    assert {"bar.answers", "store.ours", "store.answers", "shop.sells"} <= registry.criteria.keys()
    assert registry.ordered(["bar"]) == ["store", "bar"]
    assert registry.root == layers.own
    assert "suites/store/test_ours.py::test_ours" in declared(registry.content).functions
    assert "suites/store/test_store.py::test_store_keeps" in declared(registry.content).functions
    assert clients.module(registry.content, "bar").__file__ == str(layers.own / "fixtures/bar.py")
    assert clients.module(registry.content, "store").__file__ == str(layers.ours.root / "fixtures/store.py")
    assert sys.modules["fixtures"].__path__ == [str(layers.own / "fixtures"), str(layers.ours.root / "fixtures")]


def test_a_built_in_target_is_found_by_its_name(layers: Layers) -> None:
    registry = layers.registry()

    assert load_target(None, registry.content, registry).path == layers.ours.root / "deploy/targets/there.toml"
    with pytest.raises(ConfigError, match="nearest known: 'there'"):
        load_target("their", registry.content, registry)


@pytest.mark.parametrize(
    ("path", "text", "theirs"),
    [
        ("deploy/store/component.toml", 'title = "Store"', "deploy/store"),
        ("deploy/store/embedded.toml", "", "deploy/store"),
        ("fixtures/store.py", "", "fixtures/store.py"),
        ("suites/store/test_store.py", "", "suites/store/test_store.py"),
        ("suites/store/drills.toml", "", "suites/store/drills.toml"),
        ("reports/criteria.toml", '[store.keeps]\nlevel = "optional"\nclaim = "x"', "reports/criteria.toml"),
        ("reports/criteria.toml", '["*.account"]\nlevel = "optional"\nclaim = "x"', "reports/criteria.toml"),
        ("reports/criteria.toml", '[profiles.default]\ninclude = ["store.mood"]', "reports/criteria.toml"),
    ],
)
def test_the_same_name_is_a_mistake_that_names_both_and_the_way_out(
    layers: Layers, path: str, text: str, theirs: str
) -> None:
    layers.ours.write("suites/store/drills.toml", "")
    with (layers.ours.root / "reports/criteria.toml").open("a") as criteria:
        criteria.write('["*.account"]\nlevel = "critical"\nclaim = "{title} has an account"\n')
    component = layers.ours.root / "deploy/store/component.toml"
    component.write_text(component.read_text() + '[claims]\naccount = "1"\n')
    mine = layers.write(path, text)

    said = layers.wrong()

    assert str(mine.parent if path.startswith("deploy") else mine) in said
    assert str(layers.ours.root / theirs) in said
    assert "`override = true` in" in said


def test_a_file_that_no_component_owns_cannot_be_replaced(layers: Layers) -> None:
    layers.ours.write("fixtures/words.py", "")
    layers.write("fixtures/words.py", "")

    said = layers.wrong()

    assert f"is built in too: {layers.ours.root}/fixtures/words.py (another name)" in said


def test_a_target_of_the_same_name_has_to_say_that_it_overrides(layers: Layers) -> None:
    registry = layers.registry()
    text = '[target]\nname = "there"\nprovider = "existing"\n'
    mine = layers.write("deploy/targets/there.toml", text)

    with pytest.raises(ConfigError, match=r"is built in too: .*; or `override = true` in .target."):
        load_target("there", registry.content, registry)
    mine.write_text(text + "override = true\n")

    assert load_target("there", registry.content, registry).components == {}


def test_a_component_that_overrides_counts_file_by_file(layers: Layers) -> None:
    layers.ours.write("deploy/store/embedded.toml", "")
    theirs = (layers.ours.root / "deploy/store/component.toml").read_text()
    layers.write("deploy/store/component.toml", "override = true\n" + theirs.replace("things = 3", "things = 5"))
    layers.write("suites/store/test_store.py", "")

    registry = layers.registry()

    store = registry.components["store"]
    assert store.expect == {"things": 5}
    assert store.providers == ("embedded",)
    assert store.folder / "component.toml" == layers.own / "deploy/store/component.toml"
    assert store.folder / "embedded.toml" == layers.ours.root / "deploy/store/embedded.toml"
    assert clients.module(registry.content, "store").__file__ == str(layers.ours.root / "fixtures/store.py")
    assert not [name for name in declared(registry.content).functions if "test_store.py" in name]
    assert "store.keeps" in registry.criteria, "nobody asks it now, and so it is missing, not gone"


def test_a_criterion_and_a_profile_that_override_count(layers: Layers) -> None:
    text = '[profiles.default]\noverride = true\ninclude = ["store.*"]\n'
    text += '[store.mood]\noverride = true\nlevel = "critical"\nclaim = "Ours"\n'
    layers.write("reports/criteria.toml", text)

    registry = layers.registry()

    assert (registry.criteria["store.mood"].level, registry.criteria["store.mood"].claim) == ("critical", "Ours")
    assert {c.component for c in registry.profile("default")} == {"store"}


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        (
            "deploy/stor/component.toml",
            'title = "S"\noverride = true',
            "there is no built-in component of this name (nearest known: 'store')",
        ),
        (
            "reports/criteria.toml",
            '[store.keep]\nlevel = "critical"\nclaim = "x"\noverride = true',
            "(nearest known: 'store.keeps')",
        ),
        (
            "reports/criteria.toml",
            "[profiles.quick]\noverride = true",
            "profiles.quick: override: there is no built-in one",
        ),
    ],
)
def test_an_override_of_nothing_is_a_mistake(layers: Layers, path: str, text: str, said: str) -> None:
    layers.write(path, text)

    assert said in layers.wrong()


def test_an_override_keeps_the_claims_of_the_component_that_it_replaces(layers: Layers) -> None:
    with (layers.ours.root / "reports/criteria.toml").open("a") as criteria:
        criteria.write('["*.account"]\nlevel = "critical"\nclaim = "{title} has an account"\n')
    component = layers.ours.root / "deploy/store/component.toml"
    layers.write("deploy/store/component.toml", "override = true\n" + component.read_text())
    component.write_text(component.read_text() + '[claims]\naccount = "1"\n')

    assert "also makes the claim 'account'" in layers.wrong()


@pytest.mark.parametrize(
    ("settings", "components"),
    [
        ("", ["shop", "store"]),
        ("[content]\nbuiltin = true", ["shop", "store"]),
        ('[content]\nbuiltin = ["store"]', ["store"]),
        ('[content]\nbuiltin = ["shop"]', ["shop", "store"]),
        ("[content]\nbuiltin = []", []),
    ],
)
def test_one_s_own_folder_says_what_it_takes(layers: Layers, settings: str, components: list[str]) -> None:
    layers.write("gonogo.toml", settings)

    registry = layers.registry()

    assert list(registry.components) == components
    assert {c.component for c in registry.criteria.values()} == set(components)
    assert {name.split("/")[1] for name in declared(registry.content).functions} == set(components)


def test_one_s_own_folder_may_stand_alone(layers: Layers) -> None:
    layers.write("gonogo.toml", "[content]\nbuiltin = false")
    layers.write("deploy/store/component.toml", 'title = "Another store"')

    registry = layers.registry()

    assert [c.title for c in registry.components.values()] == ["Another store"]
    assert registry.criteria == {}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("[contents]", "unknown key 'contents' (nearest known: 'content')"),
        ("[content]\nbuildin = true", "unknown key 'content.buildin' (nearest known: 'builtin')"),
        ('[content]\nbuiltin = ["stor"]', "content.builtin: no built-in component 'stor' (nearest known: 'store')"),
        ("[content]\nbuiltin = 1", "content.builtin must be"),
    ],
)
def test_a_mistake_in_the_settings_is_named(layers: Layers, settings: str, said: str) -> None:
    layers.write("gonogo.toml", settings)

    found = layers.wrong()

    assert said in found
    assert str(layers.own / "gonogo.toml") in found


def test_waivers_are_one_s_own_alone(layers: Layers) -> None:
    waiver = '[[waiver]]\ncriterion = "store.mood"\nowner = "{}"\nreason = "x"\nexpires = 2999-01-01\n'
    layers.ours.write("reports/waivers.toml", waiver.format("theirs"))
    assert layers.registry().waivers == {}

    layers.write("reports/waivers.toml", waiver.format("mine"))

    assert layers.registry().waivers["store.mood"].owner == "mine"


def test_drills_of_one_s_own_stand_beside_those_that_are_built_in(layers: Layers) -> None:
    drill = '[{}]\nfault = {{ call = "full" }}\nasks = ["store.answers"]\noutcome = "failed"\ncause = "store.silent"\n'
    layers.ours.write("suites/store/drills.toml", drill.format("full"))
    layers.write("suites/store/our-drills.toml", drill.format("ours"))
    registry = layers.registry()

    assert [one.name for one in catalogue(registry.content, registry)] == ["store.full", "store.ours"]
    layers.write("suites/store/our-drills.toml", drill.format("full"))

    with pytest.raises(ConfigError, match="full: there is a drill of this name"):
        catalogue(registry.content, registry)


def test_a_folder_that_is_nobody_s_holds_nothing_of_its_own_and_stays_empty(empty: Layers) -> None:
    # what other tools call their folders is no content
    empty.write("deploy/store/component.toml", "titel = 1")
    empty.write("fixtures/store.py", "1 / 0")
    before = sorted(empty.own.rglob("*"))

    registry = empty.registry()

    assert list(registry.components) == ["shop", "store"]
    assert registry.root == empty.own
    assert sorted(empty.own.rglob("*")) == before


def test_a_new_component_makes_the_claims_that_there_are(layers: Layers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(layers.own)
    layers.write("gonogo.toml", "[content]\nbuiltin = false\n")

    new_component("ice_box", "", servers=True)

    assert layers.registry().components["ice_box"].claims == {}
    layers.write("reports/criteria.toml", '["*.listens"]\nlevel = "critical"\nclaim = "{title} listens"\n')
    layers.write("deploy/ice_box/component.toml", 'title = "Ice box"\n[claims]\nlistens = "1"\n')
    new_component("ice_cream", "", servers=True)
    assert layers.registry().components["ice_cream"].claims == {"listens": ""}


def test_a_new_component_of_one_s_own_in_an_empty_folder(
    empty: Layers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(empty.own)

    assert new_component("ice_box", "", servers=False) == 0

    assert "gonogo lint" in capsys.readouterr().err
    assert list(empty.registry().components) == ["ice_box", "shop", "store"]
    with pytest.raises(ConfigError, match="deploy/store: is there already"):
        new_component("store", "", servers=False)


# -- what pytest makes of it


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_the_suites_are_those_of_all_layers(
    pytester: pytest.Pytester, layers: Layers, workers: tuple[str, ...]
) -> None:
    layers.bar()

    done = ran(pytester, "suites/", "--mode", "write", "--target", "mine.toml", *workers)

    done.assert_outcomes(passed=7)
    assert done.ret == 0
    assert "one after another" not in done.stderr.str(), "where a check stands is no reason not to run beside others"
    assert set(layers.outcomes().values()) == {"passed"}
    assert "GO on there: 6 of 6 critical criteria" in done.stdout.str()
    assert (layers.own / ".gonogo/journal.jsonl").exists()
    assert not (layers.ours.root / ".gonogo").exists()


@pytest.mark.parametrize(
    ("arguments", "checks"),
    [
        (("suites",), 7),
        (("suites", "-m", "critical"), 6),
        ((".",), 7),
        ((), 7),
        (("suites/shop",), 2),
        (("suites/store",), 4),
        (("suites/store/test_store.py::test_store_keeps",), 1),
        (("suites", "-k", "keeps or ours"), 2),
        (("suites", "--ignore", "suites/shop"), 5),
        (("suites", "--deselect", "suites/store/test_store.py"), 4),
        (("gonogo.suites",), 7),
        (("--pyargs", "gonogo.suites.store"), 4),
        (("--pyargs", "gonogo.suites.store.test_store::test_store_keeps"), 1),
        (("--criterion", "store.keeps"), 1),
    ],
    ids=str,
)
def test_a_part_of_them_is_found_in_whichever_layer_it_is(
    pytester: pytest.Pytester, layers: Layers, arguments: tuple[str, ...], checks: int
) -> None:
    layers.bar()

    found = listed(pytester, *arguments)

    assert len(found) == checks
    assert all(id.startswith("suites/") for id in found)


def test_what_failed_last_is_asked_again_in_whichever_layer_it_is(pytester: pytest.Pytester, layers: Layers) -> None:
    layers.bar()
    layers.ours.mood("store", "sad")
    (layers.own / "bar/mood").unlink()
    ran(pytester, "suites", "--target", "mine.toml").assert_outcomes(failed=2, passed=4, skipped=1)

    found = listed(pytester, "suites", "--target", "mine.toml", "--lf")

    assert found == ["suites/bar/test_bar.py::test_bar_answers", "suites/store/test_store.py::test_store_is_happy"]


@pytest.mark.parametrize("name", ["suites/nothing", "gonogo.suites.nothing", "suites/store/test_nothing.py"])
def test_a_part_that_is_in_no_layer_is_not_found(pytester: pytest.Pytester, layers: Layers, name: str) -> None:
    done = pytester.runpytest_inprocess(name, "--collect-only")

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "not found" in done.stderr.str()


def test_an_emptied_suite_of_one_s_own_earns_no_go(pytester: pytest.Pytester, layers: Layers) -> None:
    layers.write("suites/store/test_store.py", "")
    assert pytester.runpytest_inprocess("suites").ret == pytest.ExitCode.USAGE_ERROR
    theirs = (layers.ours.root / "deploy/store/component.toml").read_text()
    layers.write("deploy/store/component.toml", "override = true\n" + theirs)

    done = ran(pytester, "suites", "--mode", "write")

    assert done.ret != 0
    done.stdout.fnmatch_lines(["NO-GO: could not tell*"])


def test_in_a_folder_that_is_nobody_s_all_built_in_suites_run(pytester: pytest.Pytester, empty: Layers) -> None:
    # neither its settings nor its conftest.py are for suites that it has not written
    empty.write("pytest.ini", "[pytest]\npython_files = check_*.py\npython_functions = should_*\n")

    done = ran(pytester, "--pyargs", "gonogo.suites", "--mode", "write")

    done.assert_outcomes(passed=5)
    assert set(empty.outcomes().values()) == {"passed"}
    assert "GO on there: 4 of 4 critical criteria" in done.stdout.str()


@pytest.mark.parametrize("arguments", [("--pyargs", "gonogo.suites"), ("suites",), (".",)], ids=str)
def test_a_virtual_environment_in_one_s_own_folder_is_no_obstacle(
    pytester: pytest.Pytester, layers: Layers, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    layers.bar()
    package = layers.own / ".venv/lib/python3/site-packages/gonogo"
    package.parent.mkdir(parents=True)
    layers.write(".venv/pyvenv.cfg", "")
    layers.write(".venv/lib/python3/site-packages/test_of_somebody.py", "1 / 0")
    layers.ours.root.rename(package)
    monkeypatch.setattr(content, "built_in", lambda: package)

    found = listed(pytester, *arguments)

    assert len(found) == 7
    assert all(id.startswith("suites/") for id in found)


def test_a_project_that_is_not_ours_stays_untouched(pytester: pytest.Pytester, empty: Layers) -> None:
    empty.write("pytest.ini", "[pytest]\naddopts = --strict-markers\n")
    # options, fixtures and folders of our names
    empty.write("conftest.py", "def pytest_addoption(parser):\n    parser.addoption('--target', default='x')\n")
    empty.write("fixtures/store.py", "1 / 0")
    empty.write(
        "suites/test_mine.py",
        """
        import sys
        import pytest

        @pytest.fixture
        def store():
            return 1

        def test_mine(store, request):
            loaded = [name for name in sys.modules if name.split(".")[0] in ("gonogo", "msgspec", "jinja2")]
            assert sorted(loaded) == [
                "gonogo", "gonogo.core", "gonogo.core.content",
                "gonogo.pytest_plugin", "gonogo.run", "gonogo.run.session",
            ]
            assert request.config.getoption("target") == "y"
            assert not any("criterion" in line for line in request.config.getini("markers"))
        """,
    )

    done = ran(pytester, "--target", "y")

    done.assert_outcomes(passed=1)


def test_a_checkout_stands_alone_whichever_gonogo_is_run_in_it(layers: Layers) -> None:
    checkout = Path(__file__).parents[1]

    assert content.find(checkout / "suites").layers == (checkout,)


def test_a_verb_in_an_empty_folder_writes_nothing(tmp_path: Path) -> None:
    for verb in (
        "components",
        "plan",
        "explain kafka.roundtrip",
        "check suites/kafka --collect-only -q -p no:cacheprovider",
    ):
        done = subprocess.run(
            [sys.executable, "-m", "gonogo", *verb.split()], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert "kafka" in done.stdout, done.stderr

    assert [*tmp_path.iterdir()] == []
