"""Whether our tests notice that a check was changed: one comparison, number or selector of a file at a time.

As a program, ``python tests/mutations.py fixtures/doris.py suites/doris/test_doris.py`` counts the changes of each
file, and ends with 1 where one is noticed by no test and has no reason in ``docs/mutations.md``. cosmic-ray makes the
changes. Its own runner writes each into the tree and starts pytest anew with all tests; here pytest is forked once it
has collected, the fork has the changed function in memory alone, and runs the tests that reach the changed statement.
"""

from __future__ import annotations

import ast
import copy
import gc
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic
from types import CodeType, FunctionType
from typing import Any, NamedTuple

import coverage
import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.operators.boolean_replacer import AddNot
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator

ROOT = Path(__file__).parents[1]
REASONS = "docs/mutations.md"

MORE = ("test_codes", "test_settled")
"""Tests of several clients, in memory; those of one are called ``test_<name>_*``."""

COMPARED = {"Eq": ["NotEq"], "NotEq": ["Eq"], "Lt": ["LtE", "GtE"], "LtE": ["Lt", "Gt"], "Gt": ["GtE", "LtE"]}
COMPARED |= {"GtE": ["Gt", "Lt"], "Is": ["IsNot"], "IsNot": ["Is"]}
"""Each comparison, what says the contrary, and what differs at the threshold alone; the other pairs say no more."""

OPERATORS = [
    *(f"core/ReplaceComparisonOperator_{one}_{other}" for one, others in COMPARED.items() for other in others),
    *("core/ReplaceTrueWithFalse", "core/ReplaceFalseWithTrue", "core/ReplaceAndWithOr", "core/ReplaceOrWithAnd"),
    *("core/ReplaceUnaryOperator_Delete_Not", "core/NumberReplacer"),
]

SLOW = 5
"""How often a change may take the time of its tests before it counts as late, besides ``ANYWAY`` seconds."""
ANYWAY = 30.0


UNMADE = 70
"""How a fork ends that could not make its change: no test has noticed anything then."""


class Contrary(AddNot):  # type: ignore[misc]
    """``not`` before a whole condition, also ``a or b`` and ``a := b``; a comparison has its contrary already."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        for place in super().mutation_positions(node):
            if self.condition(node).type not in ("comparison", "not_test"):
                yield place

    def mutate(self, node: Any, index: int) -> Any:
        node.children[self.at(node)] = get_ast(f" not ({self.condition(node).get_code().strip()})")
        return node

    def at(self, node: Any) -> int:
        return 2 if node.type == "test" else 1

    def condition(self, node: Any) -> Any:
        return node.children[self.at(node)]


class Membership(Operator):  # type: ignore[misc]
    """``in`` for ``not in`` and the other way, which cosmic-ray leaves alone."""

    WORDS = ("in", "not in")

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        if node.type == "comparison":
            for one in node.children[1::2]:
                if " ".join(one.get_code().split()) in self.WORDS:
                    yield one.start_pos, one.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        places = [n for n, one in enumerate(node.children) if n % 2 and " ".join(one.get_code().split()) in self.WORDS]
        at = places[index]
        word = " not in" if node.children[at].get_code().split() == ["in"] else " in"
        node.children[at] = get_ast(word)
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


class Selector(Operator):  # type: ignore[misc]
    """The ``if`` of a comprehension that lets everything through."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        if node.type == "comp_if":
            yield node.children[1].start_pos, node.children[1].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        node.children[1] = get_ast(" True")
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


class Mutant(NamedTuple):
    """A file with one change: the first line of it before and after, and the outermost statement that holds it."""

    code: str
    before: str
    after: str
    line: int
    of: ast.stmt
    name: str
    """Of the function, with its class; of what is assigned, where no function is around it."""

    @property
    def row(self) -> str:
        """How the row of it begins in ``docs/mutations.md``."""
        return "| " + " | ".join(f"`{one.strip()}`".replace("|", "\\|") for one in (self.before, self.after)) + " |"


def mutants(source: str) -> Iterator[Mutant]:
    """Every change of a file, from its top; two that read the same are one."""
    tree, seen, held = get_ast(source), {source}, [*holders(ast.parse(source))]
    operators = [*(get_operator(name)() for name in OPERATORS), Contrary(), Membership(), Selector()]
    for node in ast_nodes(tree):
        if node.search_ancestor("fstring"):
            continue  # a text, which decides nothing
        for operator in operators:
            for index, (start, _) in enumerate(operator.mutation_positions(node)):
                holder = next((one for one in held if start[0] in lines(one[1])), None)
                code = changed(source, node, operator, index)
                if holder is None or code in seen:
                    continue
                seen.add(code)
                pairs = zip(source.splitlines(), code.splitlines(), strict=False)
                before, after = next((one, other) for one, other in pairs if one != other)
                yield Mutant(code, before, after, start[0], holder[1], holder[0])


def holders(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """What a change is made in, by its name: functions, methods, and names that the module assigns."""
    for one in tree.body:
        if isinstance(one, ast.ClassDef):
            inner = [each for each in one.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
            yield from ((f"{one.name}.{each.name}", each) for each in inner)
        elif isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
            yield one.name, one
        elif isinstance(one, ast.Assign | ast.AnnAssign):
            yield ast.unparse(one.targets[0] if isinstance(one, ast.Assign) else one.target), one


def lines(one: ast.stmt) -> range:
    """The lines of a statement; of a function those of its body, since its defaults are made once."""
    first = one.body[0] if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) else one
    return range(first.lineno, (one.end_lineno or one.lineno) + 1)


def statement(source: str, line: int) -> range:
    """The lines of the innermost statement at a line; of one with a body, those of its head."""
    spans = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            spans.append(range(node.lineno, (body[0].lineno if body else (node.end_lineno or node.lineno) + 1)))
    return min((one for one in spans if line in one), key=len, default=range(line, line + 1))


def changed(source: str, node: Any, operator: Any, index: int) -> str:
    """The source with one node of it changed."""
    parent, node.parent = node.parent, None  # else the copy is one of the whole tree
    twin = copy.deepcopy(node)
    node.parent = parent
    line, column = node.start_pos
    start = sum(map(len, source.splitlines(keepends=True)[: line - 1])) + column
    length = len(node.get_code(include_prefix=False))
    return source[:start] + operator.mutate(twin, index).get_code().lstrip() + source[start + length :]


class Trial:
    """A plugin of pytest: once all tests are collected, each change has a fork of its own, where they are run."""

    def __init__(self, path: str, told: Path) -> None:
        self.path, self.file, self.told = path, ROOT / path, told
        self.source = self.file.read_text(encoding="utf-8")
        self.known = (ROOT / REASONS).read_text(encoding="utf-8")
        self.unknown, self.forked = 0, False
        self.measured: coverage.Coverage | None = None

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if self.measured is not None:
            self.measured.switch_context(item.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        if self.forked:
            return None  # pytest's own loop
        every, took = list(session.items), monotonic()
        if self.fork(session, every, self.measure, 3600) != "survived":
            pytest.exit(f"{self.path}: its tests are not green without a change", 2)
        took = monotonic() - took
        reached = {int(line): set(tests) for line, tests in json.loads(self.told.read_text()).items()}
        counts, unreached, began = Counter[str](), Counter[str](), monotonic()
        for one in sorted(mutants(self.source), key=lambda one: isinstance(one.of, ast.Assign | ast.AnnAssign)):
            names = set().union(*(reached.get(line, set()) for line in self.asking(one)))
            if not (chosen := [test for test in every if test.nodeid in names]):
                unreached[one.name] += 1
                continue
            end = self.fork(session, chosen, partial(self.change, one), ANYWAY + SLOW * took)
            counts[end] += 1
            if end == "survived":
                self.unknown += one.row not in self.known
                print(f"{self.path}:{one.line}", one.row, flush=True)
        each = (monotonic() - began) / max(counts.total(), 1)
        print(f"{self.path}: {counts.total()} changes, {dict(counts)}, {each:.1f} s each", flush=True)
        print(f"{self.path}: {unreached.total()} not reached: {dict(unreached)}", flush=True)
        return True

    def asking(self, one: Mutant) -> Iterable[int]:
        """The lines of which a test must run one to notice: the statement's, or of functions that use the name."""
        if isinstance(one.of, ast.FunctionDef | ast.AsyncFunctionDef):
            return statement(self.source, one.line)
        told = [each for _, each in holders(ast.parse(self.source)) if not isinstance(each, ast.Assign | ast.AnnAssign)]
        users = [each for each in told if any(isinstance(n, ast.Name) and n.id in one.name for n in ast.walk(each))]
        return [line for each in users for line in lines(each)]

    def measure(self) -> Callable[[], None]:
        """Note which tests run each line; what it returns writes that down."""
        measured = self.measured = coverage.Coverage(data_file=None, include=[str(self.file)])
        measured.start()

        def write() -> None:
            measured.stop()
            self.told.write_text(json.dumps(measured.get_data().contexts_by_lineno(str(self.file))))

        return write

    def change(self, one: Mutant) -> Callable[[], None]:
        """Give each function of this name the changed code, or assign the name anew."""
        mine = [f for f in gc.get_objects() if isinstance(f, FunctionType) and self.is_here(f.__code__)]
        if isinstance(one.of, ast.FunctionDef | ast.AsyncFunctionDef):
            (code,) = [each for each in codes(compile(one.code, str(self.file), "exec")) if same(each, one)]
            for function in mine:
                if same(function.__code__, one):
                    function.__code__ = code
        else:
            (new,) = [each for name, each in holders(ast.parse(one.code)) if name == one.name]
            for names in {id(f.__globals__): f.__globals__ for f in mine}.values():
                exec(compile(ast.Module([new], []), str(self.file), "exec"), names)
        return lambda: None

    def is_here(self, code: CodeType) -> bool:
        return code.co_filename == str(self.file)

    def fork(
        self, session: pytest.Session, items: list[pytest.Item], before: Callable[[], Callable[[], None]], within: float
    ) -> str:
        """Whether tests notice what is done before them: ``killed``, ``late`` or ``survived``."""
        if (pid := os.fork()) == 0:
            code = UNMADE
            try:
                self.forked = True
                os.setsid()
                null = os.open(os.devnull, os.O_RDWR)
                for stream in (0, 1, 2):
                    os.dup2(null, stream)
                after = before()
                code = 1
                session.items, session.config.option.maxfail = items, 1
                session.config.hook.pytest_runtestloop(session=session)
                after()
                code = int(session.testsfailed > 0)
            finally:
                os._exit(code)
        watched = os.pidfd_open(pid)
        try:
            over, _, _ = select.select([watched], [], [], within)
        finally:
            os.close(watched)
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if over and os.waitstatus_to_exitcode(status) == UNMADE:
            pytest.exit(f"{self.path}: a change could not be made", 2)
        return "late" if not over else "killed" if status else "survived"


def codes(code: CodeType) -> Iterator[CodeType]:
    """A code and all inside it."""
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from codes(one)


def same(code: CodeType, one: Mutant) -> bool:
    """Whether a code is that of the function that was changed; a property has its name from several."""
    assert isinstance(one.of, ast.FunctionDef | ast.AsyncFunctionDef)
    first = min([one.of.lineno, *(each.lineno for each in one.of.decorator_list)])
    return (code.co_qualname, code.co_firstlineno) == (one.name, first)


def tests(path: str) -> list[str]:
    """The files of tests that ask a client in memory, of the component that a file is about."""
    client = path.startswith("fixtures/")
    name = Path(path).stem if client else Path(path).parent.name
    own = [one for one in sorted(ROOT.glob(f"tests/test_{name}*.py")) if one.stem != f"test_{name}_official"]
    more = [ROOT / f"tests/{one}.py" for one in MORE if client]
    return [str(one) for one in [*own, *(one for one in more if f"fixtures.{name}" in one.read_text())]]


def main(paths: Sequence[str]) -> int:
    """Count the changes of each file that are noticed, and print the rest as rows. 1 where one has no reason."""
    if len(paths) > 1:
        return max(subprocess.run([sys.executable, __file__, path], check=False).returncode for path in paths)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the folder goes then too
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        trial = Trial(paths[0], Path(folder) / "told.json")
        options = ["-q", "-s", "-p", "no:cacheprovider", f"--basetemp={folder}/t"]
        code = int(pytest.main([*options, f"--rootdir={ROOT}", *tests(paths[0])], plugins=[trial]))
    return code or min(trial.unknown, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
