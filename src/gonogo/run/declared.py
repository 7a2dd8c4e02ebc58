"""What the files of suites/ say should be asked, read from their text and never from what pytest collected.

Options, hooks, skips of a whole module and errors of collection can leave a check out; its file cannot be talked to.
Criteria therefore stand in the files as plain text: ``@pytest.mark.criterion("kafka.roundtrip")`` on a function, a
class, a parameter, in ``pytestmark``, or by a name that the same module gives to such a mark. A claim that many
components make stands there once, ``criterion("*.account")``: who makes it is read from the components' own files.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from gonogo.core.content import SUITES, Content, alone

MARK = "criterion"


@dataclass(frozen=True)
class Declared:
    """Node id of a test function (without parameters) to the criteria that it is evidence for.

    ``unread`` are files of which nobody can tell what they ask. Paths are relative to the layer that holds them.
    """

    functions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unread: tuple[str, ...] = ()


def declared(place: Content | Path, shared: Mapping[str, Collection[str]] = MappingProxyType({})) -> Declared:
    """What the Python files below ``suites/`` of the content, or of a folder alone, declare.

    ``shared`` maps a claim that many components make to the criteria that it stands for.
    """
    functions: dict[str, frozenset[str]] = {}
    unread: list[str] = []
    content = alone(place)
    for path in content.files(f"{SUITES}/**/*.py"):
        name = content.name(path)
        try:
            source = path.read_bytes()
            # most of the time of a collection would go into syntax trees of files that ask nothing
            tree = ast.parse(source, name) if MARK.encode() in source else ast.Module([], [])
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            unread.append(name)
            continue
        for function, criteria in _Marks(tree.body).functions(tree.body, name):
            meant = frozenset(id for text in criteria for id in shared.get(text, (text,)))
            functions[function] = functions.get(function, frozenset()) | meant
    return Declared(functions, tuple(unread))


class _Marks:
    """The criteria in expressions of one module, whose own names may stand for marks and for texts."""

    def __init__(self, body: Sequence[ast.stmt]) -> None:
        self._named: dict[str, ast.expr] = {}
        for node in body:
            if isinstance(node, ast.Assign) and node.value is not None:
                self._named |= {t.id: node.value for t in node.targets if isinstance(t, ast.Name)}
            elif isinstance(node, ast.AnnAssign) and node.value is not None and isinstance(node.target, ast.Name):
                self._named[node.target.id] = node.value
        self._own = self._criteria(self._named["pytestmark"]) if "pytestmark" in self._named else frozenset()

    def functions(
        self, body: Sequence[ast.stmt], prefix: str, above: frozenset[str] | None = None
    ) -> Iterator[tuple[str, frozenset[str]]]:
        """Node id and criteria of every function in ``body`` that has some; methods have their classes' too."""
        above = self._own if above is None else above
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                criteria = above.union(*map(self._criteria, node.decorator_list))
                # what a class or module marks are its tests, not the helpers beside them
                if criteria != above or (criteria and node.name.startswith("test")):
                    yield f"{prefix}::{node.name}", criteria
            elif isinstance(node, ast.ClassDef):
                marks = [n.value for n in node.body if isinstance(n, ast.Assign) and _is_pytestmark(n)]
                own = above.union(*map(self._criteria, (*node.decorator_list, *marks)))
                yield from self.functions(node.body, f"{prefix}::{node.name}", own)
            else:
                # under `if`, `try`, `with`: whether it runs is known only when it does
                inner = [getattr(node, part, []) for part in ("body", "orelse", "finalbody")]
                inner += [handler.body for handler in getattr(node, "handlers", [])]
                for part in inner:
                    yield from self.functions(part, prefix, above)

    def _criteria(self, expression: ast.expr, met: frozenset[str] = frozenset()) -> frozenset[str]:
        """Every criterion that a mark in the expression names."""
        found: set[str] = set()
        for node in ast.walk(expression):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == MARK:
                found.update(text for argument in node.args if (text := self._text(argument)) is not None)
            elif isinstance(node, ast.Name) and node.id in self._named and node.id not in met:
                found |= self._criteria(self._named[node.id], met | {node.id})
        return frozenset(found)

    def _text(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Name):
            node = self._named.get(node.id, node)
        return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _is_pytestmark(node: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets)
