"""What runs ahead of its turn cannot be told from what pytest runs itself.

Random suites are run three times: as they are, without anything running ahead, and by pytest without gonogo. What each
check came to, what it did, and the order of set-up, body and tear-down within it are the same.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from textwrap import dedent, indent
from typing import NamedTuple

import pytest
from repositories import Content

SUITES = int(os.environ.get("GONOGO_TEST_SUITES", "12"))
"""How many random suites are tried; each of them in three ways."""

CHECKS = 14
"""Test functions of one suite."""

# Says what is done, in order; a line is written at once, whoever writes.
DIARY = """
    import json, os, pathlib

    FILE = pathlib.Path(os.environ["DIARY"])

    def note(**what):
        with FILE.open("a") as file:
            file.write(json.dumps(what) + "\\n")
"""

RECORDER = """
    import os
    import diary

    def pytest_runtest_logreport(report):
        if "PYTEST_XDIST_WORKER" in os.environ:
            return  # who distributes says it too
        expected = hasattr(report, "wasxfail")
        diary.note(report=report.nodeid, when=report.when, outcome=report.outcome, expected=expected)
"""

SLOW = '''
    def pytest_runtest_setup(item):
        """Could do something to every item, so that none runs ahead."""
'''

# The fixtures of gonogo, by hand.
PLAIN = """
    import importlib.util, pathlib, sys
    import pytest
    from gonogo.core.endpoints import Endpoints

    def load(name):
        spec = importlib.util.spec_from_file_location(f"fixtures.{name}", pathlib.Path("fixtures", f"{name}.py"))
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module

    Store, Shop = load("store").Store, load("shop").Shop

    @pytest.fixture
    def store(endpoints):
        client = Store(endpoints("store"))
        yield client
        client.close()

    @pytest.fixture
    def shop(endpoints):
        client = Shop(endpoints("shop"))
        yield client
        client.close()

    def pytest_configure(config):
        for marker in ("criterion(id)", "writes", "critical", "important", "optional"):
            config.addinivalue_line("markers", marker)

    @pytest.fixture
    def endpoints():
        return lambda name: Endpoints(name, {"folder": str(pathlib.Path("servers", name).absolute())})
"""

CLIENT = """
    import uuid
    from pathlib import Path
    import diary
    from gonogo.core.endpoints import Endpoints

    class {title}:
        def __init__(self, endpoints: Endpoints) -> None:
            self.endpoints, self.folder, self.id = endpoints, Path(endpoints["folder"]), uuid.uuid4().hex
            diary.note(client=self.id, event="{name} opened")

        def answers(self) -> str:
            diary.note(client=self.id, asked=True)
            return (self.folder / "mood").read_text()

        def version(self) -> str:
            diary.note(client=self.id, asked=True)
            return "1"

        def identity(self) -> str:
            return "id-of-{name}"

        def close(self) -> None:
            diary.note(client=self.id, event="{name} closed")

        def leftovers(self) -> list:
            return []

        def remove(self, kind: str, name: str) -> None:
            pass
"""

HEAD = """
    import pytest
    import diary

    @pytest.fixture
    def local(request):
        diary.note(item=request.node.nodeid, event="local in")
        yield 1
        diary.note(item=request.node.nodeid, event="local out")

    @pytest.fixture
    def bad_end(request):
        yield
        diary.note(item=request.node.nodeid, event="bad end")
        raise OSError("no")

    @pytest.fixture
    def bad_begin(request):
        diary.note(item=request.node.nodeid, event="bad begin")
        raise OSError("no")

    @pytest.fixture
    def given(request):
        diary.note(item=request.node.nodeid, event=f"given {request.param}")
        return request.param
"""

BODIES = {
    "assert True": 8,
    "assert False": 2,
    "raise ValueError('no')": 1,
    "pytest.skip('not today')": 1,
    "pytest.xfail('known')": 1,
    "raise SystemExit(0)": 1,
}

MARKS = {
    "": 10,
    "@pytest.mark.skip": 1,
    "@pytest.mark.skipif(True, reason='x')": 1,
    "@pytest.mark.skipif(False, reason='x')": 1,
    "@pytest.mark.xfail": 1,
    "@pytest.mark.xfail(run=False)": 1,
    "@pytest.mark.xfail(strict=True)": 1,
    "@pytest.mark.usefixtures('local')": 1,
    "@pytest.mark.usefixtures('store')": 1,
    "@pytest.mark.filterwarnings('error')": 1,
}

PARAMETERS = {
    "": 8,
    "@pytest.mark.parametrize('n', [1, 2])": 1,
    "@pytest.mark.parametrize('given', [1, 2], indirect=True)": 1,
    "@pytest.mark.parametrize('n', [])": 1,
    "@pytest.mark.parametrize('shop', ['no client'])": 1,
}

FIXTURES = {"": 5, "local": 1, "bad_end": 1, "bad_begin": 1, "tmp_path": 1, "request": 1}

AROUND = {
    "": 6,
    "def setup_module(): diary.note(module=__name__, event='setup')": 1,
    "def teardown_module(): diary.note(module=__name__, event='teardown')": 1,
    "def setup_function(function): diary.note(event='setup', function=function.__name__)": 1,
    "@pytest.fixture(autouse=True)\\ndef always(request): diary.note(item=request.node.nodeid, event='always')": 1,
    "@pytest.fixture(autouse=True, scope='module')\\ndef once(): diary.note(event='once')": 1,
    "pytestmark = pytest.mark.skipif(False, reason='x')": 1,
}

HOOKS = {
    "": 6,
    "def pytest_runtest_setup(item): diary.note(item=item.nodeid, event='hook')": 1,
    "def pytest_runtest_call(item): diary.note(item=item.nodeid, event='called')": 1,
    "def pytest_runtest_teardown(item): diary.note(item=item.nodeid, event='torn down')": 1,
    "def pytest_runtest_logfinish(nodeid): diary.note(finished=nodeid)": 1,
    "def pytest_fixture_setup(fixturedef): diary.note(fixture=fixturedef.argname == 'shop')": 1,
    "def pytest_collection_modifyitems(items): items.reverse()": 1,
    "def pytest_collection_modifyitems(items): items[0].add_marker(pytest.mark.skip)": 1,
    "def pytest_collection_modifyitems(items): items[0].add_marker(pytest.mark.xfail)": 1,
}

OPTIONS: dict[tuple[str, ...], int] = {
    (): 6,
    ("-x",): 1,
    ("--maxfail", "2"): 1,
    ("-n", "2"): 2,
    ("--reruns", "1"): 1,
    ("--timeout", "50"): 1,
    ("--lf",): 1,
    ("-W", "error", "-W", "ignore::pytest.PytestAssertRewriteWarning"): 1,
    ("-k", "not test_3"): 1,
    ("-p", "no:randomly"): 1,
}


def drawn(chance: random.Random, weighed: dict[object, int]) -> object:
    """One of the keys, as often as its weight says."""
    return chance.choices(list(weighed), list(weighed.values()))[0]


class Suite(NamedTuple):
    """The text of two modules and of a conftest.py, and how pytest is called."""

    modules: tuple[str, str]
    conftest: str
    options: tuple[str, ...]


def suite(seed: int) -> Suite:
    """A random one, of functions with and without classes around them."""
    chance = random.Random(seed)
    modules = []
    for name in ("store", "shop"):
        parts = [dedent(HEAD), str(drawn(chance, AROUND)).replace("\\n", "\n")]  # type: ignore[arg-type]
        for number in range(CHECKS // 2):
            parts.append(check(chance, number, name))
        modules.append("\n\n".join(parts))
    hook = str(drawn(chance, HOOKS)).replace("\\n", "\n")  # type: ignore[arg-type]
    options = drawn(chance, OPTIONS)  # type: ignore[arg-type]
    return Suite((modules[0], modules[1]), f"import pytest, diary\n{hook}\n", options)  # type: ignore[arg-type]


def check(chance: random.Random, number: int, component: str) -> str:
    """One test function, or a class with one."""
    parameters = str(drawn(chance, PARAMETERS))  # type: ignore[arg-type]
    fixture = str(drawn(chance, FIXTURES))  # type: ignore[arg-type]
    clients = chance.sample(["store", "shop"], chance.randint(0, 2)) if "'shop'" not in parameters else ["shop"]
    names = [name for name in ("n", "given") if f"'{name}'" in parameters]
    arguments = [*clients, *names, *filter(None, [fixture])]
    chance.shuffle(arguments)
    in_class = chance.random() < 0.2
    kind = "async def" if chance.random() < 0.05 else "def"
    used = ", ".join(f"getattr({client}, 'id', '')" for client in clients)
    lines = [
        f'@pytest.mark.criterion("{component}.answers")',
        str(drawn(chance, MARKS)),  # type: ignore[arg-type]
        parameters,
        f"{kind} test_{number}({', '.join((['self'] if in_class else []) + arguments)}):",
        f"    me = f'{component} {number} {{{names[0] if names else 0}}}'",
        f"    diary.note(body=me, clients=[{used}])",
        f"    {drawn(chance, BODIES)}",  # type: ignore[arg-type]
    ]
    text = "\n".join(filter(None, lines))
    if not in_class:
        return text
    around = chance.choice(["", "def setup_method(self): diary.note(event='method')\n"])
    return f"class Test{number}:\n" + indent(around + text, "    ")


class Told(NamedTuple):
    """What a run left in its diary, made comparable."""

    code: int
    outcomes: dict[str, list[str]]
    within: dict[str, list[list[str]]]
    done: list[str]


def read(path: Path, code: int) -> Told:
    """The diary: reports by item; by body the events of its clients around it; and all that was done, without order."""
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    platform = {line["client"] for line in lines if "asked" in line}  # which no check does
    lines = [line for line in lines if line.get("client") not in platform]
    outcomes: dict[str, list[str]] = {}
    owner = {client: line["body"] for line in lines for client in line.get("clients", ()) if client}
    within: dict[str, list[list[str]]] = {}
    done: list[str] = []
    by_client: dict[str, list[str]] = {}
    for line in lines:
        if "report" in line:
            said = f"{line['when']} {line['outcome']}" + (" as expected" if line["expected"] else "")
            outcomes.setdefault(line["report"], []).append(said)
            continue
        if "client" in line:
            by_client.setdefault(line["client"], []).append(line["event"])
        if "body" in line:
            for client in filter(None, line["clients"]):
                by_client.setdefault(client, []).append("body")
        if "item" in line:
            within.setdefault(line["item"], [[]])[0].append(line["event"])
        done.append(json.dumps({k: v for k, v in line.items() if k not in ("client", "clients")}, sort_keys=True))
    for client, events in by_client.items():
        within.setdefault(owner.get(client, ""), []).append(events)
    return Told(code, outcomes, {k: sorted(v) for k, v in within.items()}, sorted(done))


def told(root: Path, options: Iterable[str], *plugins: str) -> Told:
    """The suite, run in a process of its own with these plugins more."""
    diary = root / "diary.jsonl"
    diary.unlink(missing_ok=True)
    environment = {**os.environ, "DIARY": str(diary), "PYTHONPATH": str(root), "GONOGO_TARGET": "there"}
    environment.pop("PYTEST_XDIST_WORKER", None)
    loaded = [word for plugin in ("recorder", *plugins) for word in ("-p", plugin)]
    command = [sys.executable, "-m", "pytest", "-q", "suites/", *loaded, *options]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert "INTERNALERROR" not in done.stdout, done.stdout
    return read(diary, done.returncode)


@pytest.fixture
def written(content: Content) -> Content:
    """A content whose clients keep a diary."""
    for name, text in {"diary": DIARY, "recorder": RECORDER, "slow": SLOW, "plain": PLAIN}.items():
        content.write(f"{name}.py", text)
    for name in ("store", "shop"):
        content.write(f"fixtures/{name}.py", dedent(CLIENT).format(name=name, title=name.title()))
    return content


@pytest.mark.parametrize("seed", range(SUITES))
def test_nobody_can_tell_what_ran_ahead(written: Content, tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    drawn = suite(seed)
    for name, module in zip(("store", "shop"), drawn.modules, strict=True):
        written.write(f"suites/{name}/test_{name}.py", module)
    written.write("conftest.py", drawn.conftest)
    copies = [tmp_path_factory.mktemp(name) / "content" for name in ("ahead", "slow", "plain")]
    for copy in copies:
        shutil.copytree(written.root, copy)
        target = copy / "deploy/targets/there.toml"
        target.write_text(target.read_text().replace(str(written.root), str(copy)))
    extra = ((), ("slow",), ("no:gonogo", "plain"))
    if "--lf" in drawn.options:
        for copy, plugins in zip(copies, extra, strict=True):
            told(copy, (), *plugins)

    ahead, slow, plain = (told(copy, drawn.options, *plugins) for copy, plugins in zip(copies, extra, strict=True))

    assert ahead.outcomes == slow.outcomes == plain.outcomes
    assert ahead.within == slow.within == plain.within
    assert ahead.done == slow.done == plain.done
    assert (ahead.code != 0) >= (plain.code != 0)


def test_the_suites_are_worth_it() -> None:
    options = [suite(seed).options for seed in range(60)]

    assert set(options) == set(OPTIONS)


# -- which ones do, and which guests leave them alone


WHERE = """
    import threading
    import pytest
    {above}

    {marks}
    @pytest.mark.criterion("store.answers")
    def test_where({arguments}):
        with open("where", "a") as file:
            file.write(threading.current_thread().name + "\\n")
        assert store.answers()
"""


REWRITE = "ignore::pytest.PytestAssertRewriteWarning"
"""A warning that pytest itself gives as it starts, of an editable installation."""

CLIENT_OF_ITS_OWN = """from fixtures.store import Store
    @pytest.fixture
    def store(endpoints): return Store(endpoints('store'))"""


class Case(NamedTuple):
    """What is different from a plain check of one client, and what pytest is told."""

    ahead: bool
    arguments: tuple[str, ...] = ()
    marks: str = ""
    above: str = ""
    takes: str = "store"
    conftest: str = ""
    environment: tuple[str, str] = ("", "")
    ini: str = ""


CASES = {
    "a plain check": Case(True),
    "the inside of a host": Case(True, takes="store, inside"),
    "two clients": Case(True, takes="shop, store"),
    "a parameter": Case(True, marks="@pytest.mark.parametrize('n', [1])", takes="n, store"),
    "a client by name": Case(False, marks="@pytest.mark.usefixtures('shop')"),
    "marked as skipped for a reason that does not hold": Case(False, marks="@pytest.mark.skipif(False, reason='x')"),
    "a mark for warnings": Case(False, marks="@pytest.mark.filterwarnings('ignore')"),
    "a parameter that goes through a fixture": Case(
        False,
        marks="@pytest.mark.parametrize('n', [1], indirect=True)",
        above="@pytest.fixture\n    def n(request): return 1",
        takes="n, store",
    ),
    "the request": Case(False, takes="store, request"),
    "a folder": Case(False, takes="store, tmp_path"),
    "an autouse fixture": Case(False, above="@pytest.fixture(autouse=True)\n    def always(): pass"),
    "a module that is set up": Case(False, above="def setup_module(): pass"),
    "a function that is set up": Case(False, above="def setup_function(f): pass"),
    "a client of its own": Case(
        False,
        above=CLIENT_OF_ITS_OWN,
    ),
    "a client of the conftest": Case(
        False,
        conftest=CLIENT_OF_ITS_OWN.replace("    @", "@").replace("    def", "def"),
    ),
    "a decorated function": Case(
        False,
        above="import functools\n    def kept(f): return functools.wraps(f)(lambda store: f(store))",
        marks="@kept",
    ),
    "-x": Case(False, ("-x",)),
    "--maxfail": Case(False, ("--maxfail", "3")),
    "--stepwise": Case(False, ("--stepwise",)),
    "--setup-show": Case(False, ("--setup-show",)),
    "-k, --durations, -v": Case(True, ("-k", "where", "--durations", "1", "-v")),
    "warnings are errors": Case(False, ("-W", "error", "-W", REWRITE)),
    "one warning is an error": Case(False, ("-W", "e::UserWarning", "-W", REWRITE)),
    "warnings are errors by a file": Case(False, ini=f'filterwarnings = ["error", "{REWRITE}"]'),
    "warnings are errors by the environment": Case(False, environment=("PYTHONWARNINGS", "error::UserWarning")),
    "warnings are ignored": Case(True, ("-W", "ignore")),
    "anyio: loaded, and not asked for": Case(True, ("-p", "anyio")),
    "anyio: a backend": Case(False, takes="store, anyio_backend"),
    "testinfra: loaded, and not asked for": Case(True, ("--hosts", "local://")),
    "testinfra: a host": Case(False, takes="store, host"),
    "timeout: loaded, and none set": Case(True),
    "timeout: --timeout": Case(False, ("--timeout", "60")),
    "timeout: --timeout 0": Case(True, ("--timeout", "0")),
    "timeout: of the session": Case(False, ("--session-timeout", "60")),
    "timeout: by the environment": Case(False, environment=("PYTEST_TIMEOUT", "60")),
    "timeout: by a file": Case(False, ini='timeout = "60"'),
    "timeout: not loaded": Case(True, ("-p", "no:timeout")),
    "rerunfailures: --reruns": Case(False, ("--reruns", "1")),
    "rerunfailures: by a file": Case(False, ini='reruns = "1"'),
    "rerunfailures: not loaded": Case(True, ("-p", "no:rerunfailures")),
    "xdist: loaded, and no workers": Case(True, ("-n", "0")),
    "xdist: one worker": Case(False, ("-n", "1")),
    "a hook that is only told": Case(True, conftest="def pytest_runtest_logreport(report): pass"),
    "a hook of another folder": Case(True),
    "a hook before the set-up": Case(False, conftest="def pytest_runtest_setup(item): pass"),
    "a hook around the call": Case(
        False, conftest="@pytest.hookimpl(wrapper=True)\ndef pytest_runtest_call(item): return (yield)"
    ),
    "a hook after the tear-down": Case(False, conftest="def pytest_runtest_teardown(item): pass"),
    "a hook for fixtures": Case(False, conftest="def pytest_fixture_setup(fixturedef): pass"),
    "a hook for the end of fixtures": Case(False, conftest="def pytest_fixture_post_finalizer(fixturedef): pass"),
    "a hook for reports": Case(False, conftest="def pytest_runtest_makereport(item): pass"),
    "a hook around all": Case(False, conftest="def pytest_runtest_protocol(item): pass"),
    "a hook around the loop": Case(
        False, conftest="@pytest.hookimpl(wrapper=True)\ndef pytest_runtestloop(session): return (yield)"
    ),
    "an item that was changed": Case(
        False, conftest="def pytest_collection_modifyitems(items): items[0].setup = items[0].setup"
    ),
    "a mark that a hook adds": Case(
        False,
        conftest="def pytest_collection_modifyitems(items): items[0].add_marker(pytest.mark.xfail(False, reason='x'))",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_only_what_is_proven_runs_ahead(
    pytester: pytest.Pytester, content: Content, monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    text = WHERE.format(above=case.above, marks=case.marks, arguments=case.takes)
    content.write("suites/store/test_store.py", text)
    content.write("conftest.py", f"import pytest\n{case.conftest}\n")
    content.write("suites/shop/conftest.py", "def pytest_runtest_setup(item): pass")
    content.write("pyproject.toml", f"[tool.pytest]\naddopts = ['--import-mode=importlib']\n{case.ini}\n")
    if case.environment[0]:
        monkeypatch.setenv(*case.environment)

    done = pytester.runpytest_subprocess("suites/store", *case.arguments, timeout=60)

    threads = (content.root / "where").read_text().split()
    assert done.ret == 0
    assert [thread != "MainThread" for thread in threads] == [case.ahead]


def test_a_component_may_make_its_client_in_a_way_of_its_own_in_its_turn(
    pytester: pytest.Pytester, content: Content
) -> None:
    content.write("suites/store/test_store.py", WHERE.format(above="", marks="", arguments="store"))
    own = "    client = Store(endpoints('store'))\n    client.answers = lambda: open('own', 'w').write('x')\n"
    file = content.root / "fixtures/store.py"
    file.write_text(
        f"{file.read_text()}\nimport pytest\n\n@pytest.fixture\ndef store(endpoints):\n{own}    return client\n"
    )

    done = pytester.runpytest_subprocess("suites/store", timeout=60)

    assert done.ret == 0
    assert (content.root / "own").exists()
    assert (content.root / "where").read_text().split() == ["MainThread"]
