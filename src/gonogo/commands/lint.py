"""``gonogo lint``: what a component lacks, read from its files; nothing is asked and nothing is run.

Each rule is a method that yields a problem with its place. tests/test_content.py holds the built-in components to them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from gonogo.catalog import rules
from gonogo.catalog.kinds import kinds
from gonogo.catalog.registry import SHARED, Component, Registry
from gonogo.checks.clients import VERBS
from gonogo.core.content import CRITERIA, FIXTURES, SUITES, WAIVERS, find
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.files import content as read
from gonogo.core.outcomes import Code, Level, Outcome
from gonogo.core.outlet import say, tell
from gonogo.run.declared import declared
from gonogo.run.drills import FILE, Drill, catalogue
from gonogo.run.undrilled import FILE as UNDRILLED
from gonogo.run.undrilled import Reasoned, undrilled

ALLOWED = (Outcome.FAILED, Outcome.BROKEN, Outcome.BLOCKED)
"""What a drill may expect."""

SENTENCE = re.compile(r"[A-Z0-9][^\n]+[.]")
LONGEST = 160
"""Characters of a docstring: a line of the report."""


def run(names: list[str] | None) -> Code:
    """1 where something is lacking. Raises ``ConfigError`` for what cannot be read at all."""
    registry = Registry.load(find(Path.cwd()))
    kinds(registry.content)
    rules.known(registry.content)
    lint = Lint(registry, registry.known(names) if names else None)
    problems = [*lint.problems()]
    for problem in problems:
        say(str(problem))
    told = ", ".join(lint.components) or "no component of your own"
    tell(f"{told}: {len(problems) or 'nothing'} lacking")
    return Code.FAILED if problems else Code.GO


class Check(NamedTuple):
    """One check of a suite, by its text, and what it is evidence for."""

    path: Path
    node: ast.FunctionDef
    criteria: frozenset[str]

    @property
    def subject(self) -> str:
        """The component or shared suite that it stands in."""
        return self.path.parent.name


CERTIFICATES = "certificates"
"""The claim that is made of a component which may be asked with TLS, and of no other."""


class Lint:
    """The rules, for the named components; without names for all of one's own, of a checkout all that it holds."""

    def __init__(self, registry: Registry, names: Iterable[str] | None = None) -> None:
        self.registry, self._content = registry, registry.content
        own = [n for n in registry.components if self._content.is_own(self._content.file(f"deploy/{n}/component.toml"))]
        self.components = own if names is None else [*names]
        self._trees: dict[Path, ast.Module] = {}

    def problems(self) -> Iterator[Problem]:
        """All of them, each rule in its turn."""
        for name in self.components:
            yield from self.parts(name)
            yield from self.one_client(name)
            yield from self.answers(name)
            yield from self.claims(name)
            yield from self.signatures(name)
            yield from self.raised(name)
            yield from self.faults(name)
            yield from self.charts(name)
        yield from self.criteria()
        yield from (Problem(WAIVERS, str(one)) for one in self.registry.void)
        yield from self.drilled()
        yield from self.seen_red()
        for check in self.own_checks:
            yield from self.sentence(check)
            yield from self.subject(check)
            yield from self.claiming(check)
        for drill in self.drills:
            if drill.component in self.components:
                yield from self.expected(drill)

    # -- what is there

    @cached_property
    def checks(self) -> list[Check]:
        """Every check of the suites of all layers."""
        asked: dict[tuple[str, str], frozenset[str]] = {}
        for function, criteria in declared(self._content).functions.items():
            key = function.partition("::")[0], function.rpartition("::")[2]
            asked[key] = asked.get(key, criteria) | criteria
        paths = self._content.files(f"{SUITES}/*/test_*.py")
        functions = [(path, node) for path in paths for node in ast.walk(self.tree(path))]
        return [
            Check(path, node, asked.get((self._content.name(path), node.name), frozenset()))
            for path, node in functions
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        ]

    @cached_property
    def own_checks(self) -> list[Check]:
        """Those of one's own files, or of the components that were named."""
        return [c for c in self.checks if self._content.is_own(c.path) or c.subject in self.components]

    @cached_property
    def drills(self) -> list[Drill]:
        """All drills. Raises ``ConfigError``."""
        return catalogue(self._content, self.registry)

    @cached_property
    def undrilled(self) -> dict[str, Reasoned]:
        """What is said of criteria without a drill. Raises ``ConfigError``."""
        return undrilled(self.registry)

    def client(self, name: str) -> Path:
        """The file with the client of a component."""
        return self._content.file(f"{FIXTURES}/{name}.py")

    def tree(self, path: Path) -> ast.Module:
        """The syntax of a file; that of an empty one where there is none. Raises ``ConfigError``."""
        if path not in self._trees:
            try:
                self._trees[path] = ast.parse(read(path) if path.is_file() else b"", str(path))
            except (SyntaxError, ValueError, RecursionError) as error:
                raise ConfigError(Problem(str(path), f"is no Python that can be read: {error}")) from error
        return self._trees[path]

    def catalogued(self, signature: str) -> bool:
        """Whether the catalogue has a hint for a cause."""
        return self.registry.signature(signature).hint != ""

    # -- a component is whole

    def parts(self, name: str) -> Iterator[Problem]:
        """It has a client, a suite, and where gonogo deploys it drills."""
        if not self.client(name).is_file():
            yield Problem(f"{FIXTURES}/{name}.py", "there is no client")
        if not self._content.files(f"{SUITES}/{name}/test_*.py"):
            yield Problem(f"{SUITES}/{name}/", "there is no test_*.py")
        if self._deployed(name) and not self._content.file(f"{SUITES}/{name}/{FILE}").is_file():
            yield Problem(f"{SUITES}/{name}/{FILE}", "there are no drills: nobody has seen its checks red")

    def one_client(self, name: str) -> Iterator[Problem]:
        """The module of its client has one class with all verbs of a client, and makes no fixture itself."""
        body = self.tree(self.client(name)).body
        classes = [node for node in body if isinstance(node, ast.ClassDef)]
        methods = {one.name: {part.name for part in one.body if isinstance(part, ast.FunctionDef)} for one in classes}
        clients = [one for one, own in methods.items() if {*VERBS} <= own]
        if len(clients) != 1:
            what = f"{len(clients)} classes have the verbs {', '.join(VERBS)}; exactly one must"
            yield Problem(str(self.client(name)), what, ", ".join(clients))
        for node in ast.walk(self.tree(self.client(name))):
            if isinstance(node, ast.FunctionDef) and any("fixture" in ast.unparse(d) for d in node.decorator_list):
                what = f"{node.name} is a fixture: the one that gonogo makes of the client is the component's"
                yield Problem(f"{self.client(name)}:{node.lineno}", what)

    def answers(self, name: str) -> Iterator[Problem]:
        """Whether it answers is a critical criterion."""
        criterion = self.registry.criteria.get(f"{name}.answers")
        if criterion is None or criterion.level is not Level.CRITICAL:
            yield Problem(CRITERIA, f"[{name}.answers] with level critical is missing")

    def claims(self, name: str) -> Iterator[Problem]:
        """Where it has server processes, it makes every claim that is made of them."""
        file = self.registry.components[name]
        if not self._deployed(name):
            return
        where = str(file.folder / "component.toml")
        for claim in (one.removeprefix(SHARED) for one in self.registry.shared):
            asked = file.tls is not None or claim != CERTIFICATES
            if asked and claim not in file.claims and f"{name}.{claim}" not in self.registry.criteria:
                yield Problem(where, f"[claims] lacks {claim!r}", "its line of the plan")
        bound = file.bounds.get("disk_used_percent")
        if "disk_used_percent" not in file.expect or bound is None or bound.most is None:
            yield Problem(where, "[expect] or [bounds] lacks disk_used_percent, with `most`")

    def _deployed(self, name: str) -> bool:
        return "embedded" in self.registry.components[name].providers

    # -- criteria and checks

    def criteria(self) -> Iterator[Problem]:
        """Every criterion has a check, a claim and the line of the plan; every check has a criterion."""
        asked = {text for check in self.checks for text in check.criteria}
        meant = {id for text in asked for id in self.registry.shared.get(text, (text,))}
        for criterion in self.registry.criteria.values():
            if not self._judged(criterion.component):
                continue
            if criterion.id not in meant:
                yield Problem(CRITERIA, f"{criterion.id}: no check asks it")
            yield from self.told(criterion.id)
        for check in self.own_checks:
            if not check.criteria:
                yield Problem(_place(check.path, check.node), "carries no criterion")

    def told(self, id: str) -> Iterator[Problem]:
        """A criterion says what is claimed, and where it comes from."""
        criterion = self.registry.criteria[id]
        for key in ("claim", "plan"):
            if not getattr(criterion, key):
                yield Problem(CRITERIA, f"{id}: {key} is empty", "what is claimed, and the line it comes from")

    def _judged(self, subject: str) -> bool:
        """Whether a component, or a suite without one, is to be whole."""
        if subject in self.registry.components:
            return subject in self.components
        return any(check.subject == subject for check in self.own_checks)

    def subject(self, check: Check) -> Iterator[Problem]:
        """A check stands in the suite of what it claims."""
        for criterion in sorted(check.criteria):
            of, shared = criterion.partition(".")[0], criterion.startswith(SHARED)
            if of != check.subject and not (shared and check.subject not in self.registry.components):
                yield Problem(_place(check.path, check.node), f"claims {criterion} in the suite of {check.subject}")

    def sentence(self, check: Check) -> Iterator[Problem]:
        """Its docstring is a sentence that the report can show."""
        claim = ast.get_docstring(check.node) or ""
        if not SENTENCE.fullmatch(claim) or len(claim) > LONGEST:
            what = f"its docstring is no sentence of at most {LONGEST} characters on one line: {claim!r}"
            yield Problem(_place(check.path, check.node), what, "the report shows it")

    def claiming(self, check: Check) -> Iterator[Problem]:
        """It claims something by ``expect``, itself or by a method of a client, and names causes that have a hint."""
        called = {
            n.func.attr for n in ast.walk(check.node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)
        }
        if not _claims(check.node) and not called & self._claiming_methods:
            yield Problem(_place(check.path, check.node), "claims nothing", "expect(actual, expected, cause=…)")
        for node in ast.walk(check.node):
            if isinstance(node, ast.Assert):
                yield Problem(_place(check.path, node), "asserts", "expect(…) reports what it decides")
        yield from self.blamed(check.path, check.node)

    def blamed(self, path: Path, node: ast.AST) -> Iterator[Problem]:
        """Causes of claims have a hint."""
        for claim in _claims(node):
            for cause in self.causes(claim):
                if not self.catalogued(cause):
                    yield Problem(
                        _place(path, claim), f"the cause {cause!r} has no hint", "[signatures] of component.toml"
                    )

    @cached_property
    def _claiming_methods(self) -> set[str]:
        nodes = [n for path in self._content.files(f"{FIXTURES}/*.py") for n in ast.walk(self.tree(path))]
        return {n.name for n in nodes if isinstance(n, ast.FunctionDef) and _claims(n)}

    def causes(self, claim: ast.Call) -> list[str]:
        """The signatures that a claim may blame; of one that many components make, one for each of them."""
        for keyword in claim.keywords:
            if keyword.arg != "cause":
                continue
            if isinstance(keyword.value, ast.Constant):
                return [str(keyword.value.value)]
            if isinstance(keyword.value, ast.JoinedStr) and isinstance(kind := keyword.value.values[-1], ast.Constant):
                return [f"{name}{kind.value!s}" for name in self.registry.components]
        return []

    # -- signatures

    def signatures(self, name: str) -> Iterator[Problem]:
        """Every signature of its catalogue is named by its client, a suite or a drill."""
        known = self.named(name)
        component: Component = self.registry.components[name]
        for kind in component.signatures:
            if not {kind, f"{name}.{kind}"} & known:
                yield Problem(str(component.folder / "component.toml"), f"signatures.{kind}: nobody names it")

    def named(self, name: str) -> set[str]:
        """Every text of its client, of what no component owns and of the suites; causes; what drills expect."""
        several = [p for p in self._content.files(f"{FIXTURES}/*.py") if p.stem not in self.registry.components]
        files = [*self._content.files(f"{SUITES}/*/test_*.py"), self.client(name), *self._beside(name), *several]
        nodes = [node for path in files for node in ast.walk(self.tree(path))]
        texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        blamed = {cause for path in files for claim in _claims(self.tree(path)) for cause in self.causes(claim)}
        return texts | blamed | {drill.expected.cause for drill in self.drills}

    def _beside(self, name: str) -> Iterator[Path]:
        """The files of the same folder that its client imports."""
        for node in ast.walk(self.tree(self.client(name))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{FIXTURES}."):
                yield self.client(str(node.module).removeprefix(f"{FIXTURES}."))

    def raised(self, name: str) -> Iterator[Problem]:
        """Every signature that its client raises has a hint."""
        for node in ast.walk(self.tree(self.client(name))):
            found = []
            if isinstance(node, ast.keyword) and node.arg == "kind" and isinstance(node.value, ast.Constant):
                found = [f"{name}.{node.value.value!s}"]
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Wrong":
                found = [str(one.value) for one in node.args[:1] if isinstance(one, ast.Constant)]
            for signature in found:
                if not self.catalogued(signature):
                    yield Problem(str(self.client(name)), f"raises {signature!r}, which has no hint")

    # -- drills

    def charts(self, name: str) -> Iterator[Problem]:
        """Its ``helm.toml`` can be read, and all that it names rendered, with any ``[deploy]``, in every profile."""
        component = self.registry.components.get(name)
        if component is not None and "helm" in component.providers:
            from gonogo.providers.helm.preview import wrong

            yield from wrong(component, self.registry)

    def faults(self, name: str) -> Iterator[Problem]:
        """Where gonogo deploys it, it is killed, hung, and broken in a way of its own."""
        faults = [drill.expected.fault for drill in self.drills if drill.component == name]
        if not self._deployed(name) or not faults:
            return  # that there are none is a missing part
        where = f"{SUITES}/{name}/{FILE}"
        if not any(fault.kill for fault in faults):
            yield Problem(where, "no drill kills a node")
        if not any(fault.hang for fault in faults):
            yield Problem(where, "no drill hangs a node")
        if not any(fault.call or fault.endpoints for fault in faults):
            yield Problem(where, "no drill breaks it in a way of its own: `call` or `endpoints`")

    def drilled(self) -> Iterator[Problem]:
        """Every critical criterion of a component that gonogo deploys is turned red by a drill."""
        red = {criterion for drill in self.drills for criterion in drill.expected.asks}
        for criterion in self.registry.criteria.values():
            known = criterion.component in self.components and self._deployed(criterion.component)
            if known and criterion.level is Level.CRITICAL and criterion.id not in red:
                yield Problem(f"{SUITES}/{criterion.component}/{FILE}", f"no drill turns {criterion.id} red")

    def seen_red(self) -> Iterator[Problem]:
        """Where a criterion of one's own files has no drill, the test that is named instead is there."""
        for path, entry in dict.fromkeys(one for one in self.undrilled.values() if self._content.is_own(one.path)):
            file, function = entry.test
            nodes = self.tree(self._content.own / file).body
            if not any(isinstance(node, ast.FunctionDef) and node.name == function for node in nodes):
                yield Problem(str(path), f"there is no test {entry.seen_red}")

    def unseen(self) -> Iterator[Problem]:
        """Every criterion, of any level, has a drill, or a reason and a test that shows it red."""
        red = {criterion for drill in self.drills for criterion in drill.expected.asks} | self.undrilled.keys()
        for id, criterion in self.registry.criteria.items():
            if id not in red:
                where = f"{SUITES}/{criterion.component}/"
                yield Problem(where, f"nobody has seen {id} red", f"a drill, or {UNDRILLED}: its reason and its test")

    def expected(self, drill: Drill) -> Iterator[Problem]:
        """A drill injects a fault that can be, and expects what can be seen."""
        expected, component = drill.expected, self.registry.components[drill.component]
        where, fault = f"{SUITES}/{drill.component}/{FILE}: {drill.name}", expected.fault
        if not self.catalogued(expected.cause):
            yield Problem(where, f"the cause {expected.cause!r} has no hint")
        if expected.outcome not in ALLOWED:
            yield Problem(where, f"outcome {expected.outcome} is not red")
        if both := sorted({*expected.asks} & {*expected.green}):
            yield Problem(where, f"{', '.join(both)} cannot be red and green")
        for key in fault.endpoints or {}:
            if key.partition(".")[0] not in component.endpoints.all:
                yield Problem(where, f"unknown endpoint key {key!r}")
        node, path = fault.kill or fault.hang, component.folder / "embedded.toml"
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        nodes, children = (re.findall(rf'^{key} = "([\w-]+)"', text, re.MULTILINE) for key in ("name", "node"))
        if node is not None and node not in nodes and not any(node.startswith(f"{child}-") for child in children):
            yield Problem(where, f"{node!r} is no node of {path}")
        methods = {n.name for n in ast.walk(self.tree(self.client(drill.component))) if isinstance(n, ast.FunctionDef)}
        if fault.call is not None and f"drill_{fault.call}" not in methods:
            yield Problem(where, f"the client has no context manager drill_{fault.call}()")


def _claims(node: ast.AST) -> list[ast.Call]:
    """Every call of ``expect``."""
    return [n for n in ast.walk(node) if isinstance(n, ast.Call) and ast.unparse(n.func) == "expect"]


def _place(path: Path, node: ast.FunctionDef | ast.Assert | ast.Call) -> str:
    return f"{path}:{node.lineno}"
