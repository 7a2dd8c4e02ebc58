"""The shape of the code, held by tests: who may import whom, who may sleep, and what no file may hold."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ENGINE = sorted(ROOT.glob("src/gonogo/**/*.py"))
FIXTURES = sorted(ROOT.glob("fixtures/*.py"))
SUITES = sorted(ROOT.glob("suites/*/test_*.py"))
COMPONENTS = sorted(path.parent.name for path in ROOT.glob("deploy/*/component.toml"))

ROOMS = (
    "redaction",
    "core",
    "results",
    "render",
    "catalog",
    "checks",
    "cluster",
    "providers",
    "run",
    "pytest_plugin",
    "commands",
    "cli",
    "__main__",
)
"""The rooms of ``src/gonogo/``, lowest first: a room imports only rooms below it. docs/architecture.md draws them."""

LIGHT = {"pytest", "gonogo", "fixtures", "msgspec"} | sys.stdlib_module_names
"""What the modules that a collection imports may import as they are loaded; the engine itself is made of msgspec."""

FOR_SUITES = {
    "gonogo": None,
    "gonogo.results.model": None,
    "gonogo.checks.disturb": {"Disturb"},
    "gonogo.checks.inside": {"Inside"},
    "gonogo.core.endpoints": {"Endpoints"},
    "gonogo.checks.certificates": {"holding"},
    "gonogo.checks.usable": {"each", "first", "remaining"},
}
"""What a suite may take from the engine: types of fixtures, and what is said of many. None: anything."""


@cache
def tree(path: Path) -> ast.Module:
    """The file's syntax, parsed once."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(path: Path, *, lazy: bool = True) -> Iterator[tuple[str, set[str], int]]:
    """Module, names taken from it, and line of every import; without ``lazy`` those of the module itself only."""
    for node in ast.walk(tree(path)) if lazy else loaded(tree(path).body):
        if isinstance(node, ast.Import):
            yield from ((alias.name, set(), node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield node.module or "", {alias.name for alias in node.names}, node.lineno


def loaded(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run as a module is imported; what only a type checker reads does not."""
    for node in body:
        yield node
        if isinstance(node, ast.If) and ast.unparse(node.test) != "TYPE_CHECKING":
            yield from loaded(node.body + node.orelse)
        elif isinstance(node, ast.Try | ast.With):
            yield from loaded(node.body)


def shown(path: Path, line: int) -> str:
    """``path:line`` below the root, as an editor opens it."""
    return f"{path.relative_to(ROOT)}:{line}"


@cache
def tracked() -> tuple[Path, ...]:
    """Every file of the repository. Without git, as in an archive of it, there is nothing to look at."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("this is no checkout")
    return tuple(path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file())


# -- who imports whom


@cache
def graph() -> dict[str, set[str]]:
    """Every module of the engine, and the modules of it that it imports, lazily or for its types alike."""
    names = {".".join(p.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__"): p for p in ENGINE}
    found: dict[str, set[str]] = {}
    for name, path in names.items():
        taken = {f"{m}.{n}" if f"{m}.{n}" in names else m for m, ns, _ in imports(path) for n in ns or {""}}
        found[name] = (taken & names.keys()) - {name}
    return found


def room(name: str) -> str:
    """``results`` for ``gonogo.results.verdict``; empty for the package itself, which stands in none."""
    return name.split(".")[1] if "." in name else ""


def test_a_room_imports_only_rooms_below_it() -> None:
    above = [
        f"{name} imports {taken}"
        for name, all_taken in graph().items()
        for taken in all_taken
        if room(taken) and room(name) not in {"", room(taken)} and ROOMS.index(room(taken)) > ROOMS.index(room(name))
    ]

    assert {room(name) for name in graph()} - {""} == set(ROOMS)
    assert above == []


def test_docs_name_only_what_is_there() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in ROOT.glob("**/*.md") if path in tracked()}
    rooms = {path.name for path in ROOT.glob("src/gonogo/*") if path.is_dir()}
    content = {"deploy", "fixtures", "suites", "tests", "benchmarks"}
    pattern = re.compile(rf"(?<![\w/.<])(?:src/gonogo/)?(({'|'.join(rooms | content)})(?:/\w+)+[.]py)\b")
    named = {
        (shown(doc, 0), found[1], ROOT if found[2] in content else ROOT / "src/gonogo")
        for doc, text in texts.items()
        for found in pattern.finditer(text)
    }

    assert len(named) > 40
    missing = [(doc, name) for doc, name, folder in sorted(named) if not (folder / name).is_file()]
    # the recipe's own files, which tests/test_recipe.py makes
    assert [found for found in missing if "redis" not in found[1]] == []


def test_the_flows_of_the_architecture_name_what_their_files_define() -> None:
    drawn = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    steps = re.findall(r"^ *(?:[├└]─ )?((?:\w+/)+\w+[.]py) +([\w.]+)", drawn, re.MULTILINE)

    assert len(steps) > 35
    assert [step for step in steps if not defines(ROOT / "src/gonogo" / step[0], step[1])] == []


def defines(path: Path, name: str) -> bool:
    """Whether the file holds this function or class, or this method of a class."""
    body: list[ast.stmt] = tree(path).body
    for part in name.split("."):
        found = [n for n in body if isinstance(n, ast.FunctionDef | ast.ClassDef) and n.name == part]
        if not found:
            return False
        body = found[0].body
    return True


def test_clients_are_made_in_one_place() -> None:
    calls = {
        path.relative_to(ROOT / "src/gonogo").as_posix()
        for path in ENGINE
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {"client_class", "opened", "built"}
    }

    # `opened` of a fetched file and of a socket are others of that name
    assert {c for c in calls if c.split("/")[0] in {"run", "commands", "pytest_plugin", "checks"}} == {
        "checks/clients.py",
        "commands/attach.py",
        "pytest_plugin/clients.py",
        "run/platform.py",
    }


def test_no_modules_import_each_other_in_a_circle() -> None:
    sorter = TopologicalSorter(graph())

    try:
        sorter.prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_providers_know_nothing_of_each_other() -> None:
    parts = {name: name.split(".")[2] for name in graph() if name.count(".") > 2 and room(name) == "providers"}
    across = [
        (name, taken) for name in parts for taken in graph()[name] if parts.get(taken, parts[name]) != parts[name]
    ]

    assert set(parts.values()) >= {"embedded", "existing"}
    assert across == []


def test_judging_and_rendering_work_where_no_pytest_and_no_client_is_installed() -> None:
    program = "import sys, gonogo.results.gate, gonogo.run.publish, gonogo.render.terminal; print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    heavy = {"pytest", "_pytest", "httpx", "testinfra", "psutil", "rich", "typer"}
    assert heavy & {name.partition(".")[0] for name in done.stdout.split()} == set()
    assert not [name for name in done.stdout.split() if name.startswith(("gonogo.providers", "gonogo.checks.client"))]


@pytest.mark.parametrize("program", ["embedded/keeper.py", "helm/bound.py"])
def test_what_is_a_program_of_its_own_takes_nothing_of_ours(program: str) -> None:
    path = ROOT / "src/gonogo/providers" / program

    assert {name.partition(".")[0] for name, _, _ in imports(path)} <= sys.stdlib_module_names


@pytest.mark.parametrize("path", SUITES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_a_suite_takes_only_clients_and_words(path: Path) -> None:
    for name, taken, line in imports(path):
        first = name.partition(".")[0]
        assert first not in {"subprocess", "time", "socket", "threading"}, f"{shown(path, line)}: a client's work"
        if first == "gonogo":
            allowed = FOR_SUITES.get(name, set())
            assert allowed is None or taken <= allowed, f"{shown(path, line)}: {name} is not for suites"
        else:
            assert first in LIGHT, f"{shown(path, line)}: {name} belongs into fixtures/"


def test_nobody_imports_a_suite_or_a_conftest() -> None:
    files = [*ENGINE, *FIXTURES, *SUITES, *ROOT.glob("tests/*.py"), *ROOT.glob("benchmarks/*.py")]
    named = [(shown(p, line), name) for p in files for name, _, line in imports(p)]

    assert len(named) > 100
    assert [found for found in named if found[1].split(".")[0] in {"suites", "conftest"}] == []


@pytest.mark.parametrize("path", [*FIXTURES, *SUITES], ids=lambda p: f"{p.parent.name}/{p.name}")
def test_a_heavy_client_is_imported_by_the_call_that_needs_it(path: Path) -> None:
    heavy = [shown(path, line) for name, _, line in imports(path, lazy=False) if name.partition(".")[0] not in LIGHT]

    # a program that a server or a job runs is no module of this process
    assert heavy == [] or is_program(path)


def test_collecting_the_suites_loads_no_client_and_no_screen() -> None:
    program = "import sys, pytest; pytest.main(['--collect-only', '-qq', 'suites']); print('loaded', *sys.modules)"

    given = {**os.environ, "GONOGO_TARGET": "embedded"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=given, capture_output=True, text=True, check=True
    )

    collected, _, loaded = done.stdout.partition("\nloaded ")
    heavy = {"httpx", "rich", "jinja2", "kafka", "elasticsearch", "neo4j", "psycopg", "boto3", "mlflow", "ray"}
    assert "suites/" in collected
    assert heavy & {name.partition(".")[0] for name in loaded.split()} == set()


@pytest.mark.parametrize("path", [p for p in FIXTURES if p.stem in COMPONENTS], ids=lambda p: p.name)
def test_what_a_client_imports_is_loaded_before_it_is_used(path: Path) -> None:
    loads = [node for node in tree(path).body if isinstance(node, ast.FunctionDef) and node.name == "load"]
    named = {name for node in loads for name in named_in(node)}

    assert loads
    assert [f"{shown(path, line)}: {name}" for name, line in imported_in(tree(path)) if name not in named] == []


FIRST_THREAD = {"cli", "child", "pytest_plugin", "commands", "content", "choose", "sweep", "survey", "stored"}
"""Modules whose functions are called by the first thread alone."""

LOADED_BEFORE = {"msgspec", "filelock", "gonogo.core", "gonogo.cluster.judge", "jmespath.exceptions"}
"""What is loaded before a function that imports it is called: by its own module, or by all."""


def test_the_engine_imports_one_thing_at_a_time() -> None:
    places = [path for path in ENGINE if FIRST_THREAD.isdisjoint({path.stem, path.parent.name})]
    alone = {name for path in ENGINE for node in ast.walk(tree(path)) if is_alone(node) for name in named_in(node)}

    assert {"httpx", "kubernetes.client", "testinfra", "gonogo.cluster.hub"} <= alone
    known = alone | LOADED_BEFORE | sys.stdlib_module_names
    beside = [f"{shown(p, line)}: {name}" for p in places for name, line in imported_in(tree(p)) if name not in known]
    assert beside == []


def is_alone(node: ast.AST) -> bool:
    """Whether no other thread imports while this is done (:mod:`gonogo.core.loading`)."""
    if isinstance(node, ast.FunctionDef):
        return "once" in map(ast.unparse, node.decorator_list)
    return isinstance(node, ast.With) and "LOADING" in {ast.unparse(item.context_expr) for item in node.items}


def imported_in(whole: ast.AST) -> Iterator[tuple[str, int]]:
    """Module and line of every import in its functions."""
    functions = [node for node in ast.walk(whole) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for node in {id(node): node for function in functions for node in ast.walk(function)}.values():
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.lineno


def named_in(node: ast.AST) -> Iterator[str]:
    """The modules that are imported, or named as texts, in it."""
    for one in ast.walk(node):
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield one.value
        elif isinstance(one, ast.Import):
            yield from (alias.name for alias in one.names)
        elif isinstance(one, ast.ImportFrom):
            yield one.module or ""


def is_program(path: Path) -> bool:
    """Whether the file is run, not imported."""
    return any(isinstance(node, ast.If) and "__main__" in ast.unparse(node.test) for node in tree(path).body)


def test_private_parts_of_pytest_are_left_alone() -> None:
    named = {name for path in [*ENGINE, *FIXTURES, *SUITES] for name, _, _ in imports(path)}

    assert "pytest" in named
    assert [name for name in named if name.startswith("_pytest")] == []


def test_judging_a_cluster_takes_no_client_and_no_clock() -> None:
    judges = [path for path in ENGINE if path.parent.name == "judge"]
    taken = {name.partition(".")[0] for path in judges for name, _, _ in imports(path)}
    clocks = [shown(path, node.lineno) for path in judges for node in ast.walk(tree(path)) if is_clock(node)]

    assert len(judges) > 10
    assert taken - {"gonogo", "msgspec", "jmespath"} <= sys.stdlib_module_names - {"time", "socket", "subprocess"}
    assert clocks == []


def is_clock(node: ast.AST) -> bool:
    """Whether the time of day is asked for."""
    return (
        isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"} and "datetime" in ast.unparse(node)
    )


# -- who may do what


def test_what_is_asked_of_an_api_server_has_a_path_that_one_module_made_of_names() -> None:
    # what is no `Path` is refused where an address is made (tests/test_names.py); here: that there is no other place
    asks = {"_url", "urlencode", "pool.request", "Stream", "ApiClient", "_Straight", "super().__new__", "str.__new__"}
    files = [path for path in [*ENGINE, *FIXTURES, *SUITES] if "gonogo.cluster" in path.read_text(encoding="utf-8")]
    found = {
        (path.stem, function.name, name)
        for path in [*files, ROOT / "src/gonogo/cluster/paths.py"]
        for function in ast.walk(tree(path))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and (name := ast.unparse(node.func)) in asks
    }

    assert found == {
        ("paths", "__new__", "super().__new__"),
        ("api", "_url", "urlencode"),
        ("api", "_request", "_url"),
        ("api", "_request", "pool.request"),
        ("api", "stream_headers_and_tls", "_url"),
        ("api", "stream_headers_and_tls", "Stream"),
        ("api", "_connected", "ApiClient"),
        ("websocket", "opened", "_Straight"),
    }


def test_one_module_sleeps() -> None:
    files = [*ENGINE, *FIXTURES, *SUITES, *ROOT.glob("deploy/**/*.py"), *ROOT.glob("tests/**/*.py")]
    calls = {
        path.relative_to(ROOT)
        for path in files
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"time.sleep", "sleep", "asyncio.sleep"}
    }

    assert calls == {Path("src/gonogo/core/waiting.py")}


OPERATORS = ROOT / "src/gonogo/cluster/plan/operators"
"""What operators make of their own kinds, which are no components: the code beside ``cluster/judge/custom.toml``."""


def test_the_engine_knows_no_component() -> None:
    # what is asked through the cluster itself is the engine's own word
    others = {n for n in COMPONENTS if "\ncluster = true" not in (ROOT / "deploy" / n / "component.toml").read_text()}
    named = [
        f"{shown(path, line)}: {text}"
        for path in ENGINE
        if path.parent != OPERATORS
        for text, line in words_of_code(path)
        if {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+", text)} & others
    ]

    assert others
    assert named == []


def words_of_code(path: Path) -> Iterator[tuple[str, int]]:
    """Names and texts of a file with their lines, without docstrings and the examples of ``--help``."""
    prose = {id(node.value) for node in ast.walk(tree(path)) if isinstance(node, ast.Expr)}
    prose |= {
        id(argument)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "example"
        for argument in node.args
    }
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value, node.lineno
        for field in ("id", "attr", "name", "arg", "module"):
            text = getattr(node, field, None)
            if isinstance(text, str):
                yield text, getattr(node, "lineno", 0)


def test_no_module_is_named_for_nothing() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "constants", "base"}

    assert [str(p) for p in tracked() if p.suffix == ".py" and p.stem in vague] == []


def test_conftests_only_name_things() -> None:
    sizes = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in tracked() if p.name == "conftest.py"}

    assert sizes.keys() == {"conftest.py", "tests/conftest.py", "tests/cluster/conftest.py"}
    assert sizes["conftest.py"] <= 10
    assert sizes["tests/conftest.py"] <= 60
    assert sizes["tests/cluster/conftest.py"] <= 70


# -- what no file may hold


def test_no_file_is_larger_than_a_mebibyte() -> None:
    assert [str(path) for path in tracked() if path.stat().st_size > 1 << 20] == []


FORBIDDEN = {
    "a registry's host": r"\b(pypi[.]org|pythonhosted[.]org|repo1?[.]maven|npmjs[.]org|crates[.]io|proxy[.]golang)",
    "an image registry's host": r"\b(docker[.]io|ghcr[.]io|quay[.]io|gcr[.]io|registry[.]k8s)",
    "a download address": r"https?://[^\s\"'<>)]+[.](jar|zip|tar|gz|tgz|whl|xz|bz2|deb|rpm)\b|releases/[d]ownload|artifacts[.]elastic",
    "a path of one machine": r"(?<![\w.~-])/(root|home/[a-z]\w*|Users/[a-z]\w*|work/(main|shared)|tmp/dev)\b",
    "a note to oneself": r"\b(TO[D]O|FIX[M]E|XX[X])\b",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = [
        f"{shown(path, number)}: {line.strip()[:100]}"
        for path in tracked()
        if path.suffix not in {".png", ".jpg", ".woff2"}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]

    assert found == []


RELIED_ON = "s3.strangers_refused"
"""A criterion's id that platforms' files name: it stays, whatever word is ours by now."""


def test_no_file_says_what_the_glossary_bans() -> None:
    glossary = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    banned = [
        word for row in glossary.splitlines() if row.startswith("| ") for word in re.findall(r"`([a-z ]+)` ?[,|]", row)
    ]
    pattern = re.compile(rf"(?<![a-z])({'|'.join(banned).replace(' ', '[ _-]')})(?![a-z])", re.IGNORECASE)
    texts = [p for p in tracked() if p.suffix in {".py", ".md", ".toml", ".j2", ".tmpl", ".yaml", ".json"}]
    # golden files hold what clusters said; the changelog names what was renamed
    ours = [p for p in texts if "golden" not in p.parts and p.name not in {"CONTRIBUTING.md", "CHANGELOG.md"}]

    assert len(banned) > 5
    assert len(ours) > 300
    assert [
        f"{shown(path, number)}: {line.strip()[:100]}"
        for path in ours
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line.replace(RELIED_ON, ""))
    ] == []


def test_a_class_has_a_name_of_its_own() -> None:
    # the shapes of Kubernetes' own objects are named as Kubernetes names them
    paths = [path for path in ENGINE if path.name != "shapes.py"]
    names = [(n.name, shown(p, n.lineno)) for p in paths for n in tree(p).body if isinstance(n, ast.ClassDef)]
    places = {name: [place for other, place in names if other == name] for name, _ in names if name[0] != "_"}

    assert len(places) > 150
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_the_readme_starts_with_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    start = re.search(r"^## Start\n(.*?)(?=^## |\Z)", readme, re.MULTILINE | re.DOTALL)

    assert start is not None
    blocks = re.findall(r"^```sh\n(.*?)^```$", start[1], re.MULTILINE | re.DOTALL)
    assert [len(block.splitlines()) for block in blocks] == [1, 1]
    assert all(block.startswith("python3 -m venv") for block in blocks)
