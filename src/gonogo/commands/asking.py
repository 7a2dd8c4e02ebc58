"""Who asks a criterion: read from the text of ``suites/``, as :mod:`gonogo.run.declared` reads it, nothing is run.

Of each test function: what it says of itself, the mode and capabilities that it needs, and the causes that it or the
methods of the clients it calls can name.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from gonogo.catalog.registry import SHARED, Registry
from gonogo.catalog.signatures import GENERIC
from gonogo.core.content import FIXTURES
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.files import unreadable
from gonogo.core.outcomes import Mode
from gonogo.run.declared import declared
from gonogo.run.drills import Drill, catalogue

MODES: Mapping[str, Mode] = {"writes": Mode.WRITE, "disrupts": Mode.DISRUPT}
"""The markers that ask for more than reading."""


class Asking(NamedTuple):
    """One test function: its node id, its docstring, what it needs, and the causes that it can name."""

    function: str
    says: str
    mode: Mode
    needs: tuple[str, ...]
    causes: tuple[str, ...]


class Suites:
    """What the suites of a checkout ask, and what their drills show.

    Whatever reads them raises ``ConfigError`` where a client or a file of drills is wrong.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._modules: dict[Path, ast.Module] = {}
        self._bodies: dict[Path, dict[str, list[ast.stmt]]] = {}

    @cached_property
    def drills(self) -> list[Drill]:
        """All drills. Raises ``ConfigError`` where a file of theirs is wrong."""
        return catalogue(self.registry.content, self.registry)

    @cached_property
    def asking(self) -> Mapping[str, tuple[Asking, ...]]:
        """Criterion to the functions that ask it."""
        found: dict[str, list[Asking]] = {}
        for function, criteria in declared(self.registry.content, self.registry.shared).functions.items():
            asking = self._asking(function)
            for criterion in sorted(criteria):
                component = criterion.partition(".")[0]
                causes = tuple(component + one[1:] if one.startswith(SHARED) else one for one in asking.causes)
                found.setdefault(criterion, []).append(asking._replace(causes=causes))
        return {criterion: tuple(functions) for criterion, functions in found.items()}

    @cached_property
    def causes(self) -> Mapping[str, tuple[str, ...]]:
        """Criterion to the likely causes where it is not passed: what drills show, then what its checks can name."""
        found = {}
        for criterion in self.registry.criteria:
            shown = [drill.expected.cause for drill in self.drills if criterion in drill.expected.asks]
            named = [cause for one in self.asking.get(criterion, ()) for cause in one.causes]
            found[criterion] = tuple(dict.fromkeys(shown + named))
        return found

    def criteria(self, cause: str) -> list[str]:
        """The criteria that can show a cause, in the order of the reviewed list; ``cause`` may be a generic one."""
        return [
            criterion
            for criterion, causes in self.causes.items()
            if any(cause in (one, one.partition(".")[2]) for one in causes)
        ]

    def _asking(self, function: str) -> Asking:
        file, *names = function.split("::")
        module = self._module(self.registry.content.file(file))
        path = _path(module, names)
        marks = [mark for node in (module, *path) for mark in _marks(node)]
        aliases = {node.id for mark in marks for node in ast.walk(mark) if isinstance(node, ast.Name)}
        marks += [given for name in aliases for given in _assigned(module.body, name)]
        attributes = {node.attr for mark in marks for node in ast.walk(mark) if isinstance(node, ast.Attribute)}
        modes = [MODES[name] for name in attributes & MODES.keys()]
        needs = {
            argument.value
            for mark in marks
            for node in ast.walk(mark)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "needs"
            for argument in node.args
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
        }
        test = path[-1]
        mode = max(modes, key=[*Mode].index, default=Mode.READ)
        says = inspect.cleandoc(ast.get_docstring(test) or "")
        return Asking(function, " ".join(says.split()), mode, tuple(sorted(needs)), (*self._named(test),))

    def _named(self, test: ast.AST) -> dict[str, None]:
        """The causes in the text of a test, and in that of the client's methods which it calls."""
        assert isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef)
        known = dict.fromkeys(self._causes(test.body))
        for argument in test.args.args:
            path = self.registry.content.file(f"{FIXTURES}/{argument.arg}.py")
            if path.is_file():
                known |= dict.fromkeys(self._beyond(self._functions(path), _called(test.body), set()))
        return known

    def _beyond(self, functions: Mapping[str, list[ast.stmt]], names: set[str], met: set[str]) -> Iterator[str]:
        for name in [name for name in functions if name in names - met]:
            met.add(name)
            yield from self._causes(functions[name])
            yield from self._beyond(functions, _called(functions[name]), met)

    def _functions(self, path: Path) -> Mapping[str, list[ast.stmt]]:
        """The body of every function and method of a file, by its name; those of one name together."""
        if path not in self._bodies:
            found = self._bodies[path] = {}
            for node in ast.walk(self._module(path)):
                if isinstance(node, ast.FunctionDef):
                    found.setdefault(node.name, []).extend(node.body)
        return self._bodies[path]

    def _causes(self, body: Iterable[ast.stmt]) -> Iterator[str]:
        for node in _walked(body):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                component, _, kind = node.value.partition(".")
                own = self.registry.components.get(component)
                if own is not None and (kind in own.signatures or kind in GENERIC):
                    yield node.value
            elif isinstance(node, ast.JoinedStr) and isinstance(node.values[-1], ast.Constant):
                # f"{component}.wrong_account", of a claim that many components make
                kind = str(node.values[-1].value).removeprefix(".")
                if kind in GENERIC or any(kind in one.signatures for one in self.registry.components.values()):
                    yield SHARED + kind

    def _module(self, path: Path) -> ast.Module:
        if path not in self._modules:
            try:
                self._modules[path] = ast.parse(path.read_bytes(), str(path))
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                raise ConfigError(Problem(str(path), f"is no Python that can be read: {error}")) from error
            except OSError as error:
                raise ConfigError(unreadable(path, error)) from error
        return self._modules[path]


def _path(module: ast.Module, names: list[str]) -> list[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """The classes on the way to a function, and the function."""
    found: list[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef] = []
    for name in names:
        inside = _walked([found[-1] if found else module])
        kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        found.append(next(node for node in inside if isinstance(node, kinds) and node.name == name))
    return found


def _marks(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    """The expressions that mark a node: its decorators, and what its ``pytestmark`` is."""
    own = [] if isinstance(node, ast.Module) else node.decorator_list
    return [*own, *(_assigned(node.body, "pytestmark") if not isinstance(node, ast.FunctionDef) else ())]


def _assigned(body: Iterable[ast.stmt], name: str) -> list[ast.expr]:
    return [
        node.value
        for node in body
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == name for to in node.targets)
    ]


def _called(body: Iterable[ast.stmt]) -> set[str]:
    """Names of the functions and methods that are called or handed on."""
    return {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in _walked(body)
        if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load)
    }


def _walked(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    return (node for one in nodes for node in ast.walk(one))
