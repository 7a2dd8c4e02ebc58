"""How a kind of the cluster is judged, read from where it is written down and nowhere else.

For the built-in kinds that is the text of their judges (:mod:`gonogo.cluster.judge`): the docstring, and every reason
that a judge can give with what it says then; for custom resources their table in ``custom.toml``; for what a reason
means the table of doom. So what is explained is what is done.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from gonogo.cluster import judge
from gonogo.cluster.api import KINDS
from gonogo.cluster.judge import JUDGES, custom, rules
from gonogo.cluster.judge.doom import RULES
from gonogo.cluster.judge.verdict import State

EVERY_OTHER = rules.EVERY_OTHER

UNTIL = " What fails it is progressing until it is given up."

NO_STATE = "It has no state of its own: `gonogo health` gives it no row."

SHORT: Mapping[str, str] = {
    **{"cj": "CronJob", "crd": "CustomResourceDefinition", "deploy": "Deployment", "ds": "DaemonSet"},
    **{"hpa": "HorizontalPodAutoscaler", "ing": "Ingress", "no": "Node", "ns": "Namespace", "po": "Pod"},
    **{"pdb": "PodDisruptionBudget", "pv": "PersistentVolume", "pvc": "PersistentVolumeClaim", "rs": "ReplicaSet"},
    **{"rc": "ReplicationController", "sts": "StatefulSet", "svc": "Service"},
}
"""What ``kubectl api-resources`` (1.25 and later) calls SHORTNAMES, of the kinds that are judged."""

PASSED_ON: Mapping[str, Mapping[State, tuple[str, ...]]] = {
    "Job": {
        State.FAILED: (
            *("BackoffLimitExceeded", "DeadlineExceeded", "FailedIndexes", "MaxFailedIndexesExceeded"),
            "PodFailurePolicy",
        )
    },
    "Namespace": {State.PROGRESSING: ("Terminating",)},
    "Node": {State.FAILED: ("DiskPressure", "MemoryPressure", "NetworkUnavailable", "PIDPressure")},
    "PersistentVolumeClaim": {
        State.READY: ("ControllerResizeError", "FileSystemResizePending", "NodeResizeError", "Resizing")
    },
    "Pod": {
        State.FAILED: ("ConfigMapMissing", "Evicted", "SecretMissing"),
        State.PROGRESSING: ("ContainerCreating", "PodInitializing"),
    },
}
"""Reasons that stand in no judge's text, since a controller's or the kubelet's own word is passed on.

Sources: API reference of Job, Node and PersistentVolumeClaim conditions; kubelet, why a container waits.
"""

_PACKAGE = "gonogo.cluster.judge"
_WHEN = {State.PROGRESSING: "all else"}


class Means(NamedTuple):
    """A reason of a verdict, and what is seen or what to do where it is given."""

    reason: str
    means: str


@dataclass(frozen=True)
class Judged:
    """How objects of one kind are judged. ``kind`` is ``Deployment``, or ``Kafka.kafka.strimzi.io``.

    ``when`` are conditions by state, sentences or JMESPath; ``reasons`` those that it can show, by state; ``also``
    the kinds whose reasons it takes over where they are its root. ``facts`` is what else is known, by name.
    """

    kind: str
    api_version: str
    how: str
    when: Mapping[State, str] = field(default_factory=dict)
    reasons: Mapping[State, tuple[Means, ...]] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


Tables = Mapping[str, Mapping[str, Any]]
"""Rules of custom resources by ``Kind.group``."""


def kinds(own: Tables = MappingProxyType({})) -> list[str]:
    """Every kind that is judged, built-in ones first; the last is ``*``, every other custom resource.

    ``own`` are the tables of components (``deploy/<c>/kinds.toml``).
    """
    return [*sorted(JUDGES), *sorted({*rules.tables(), *own} - {EVERY_OTHER}), EVERY_OTHER]


def named(word: str, own: Tables = MappingProxyType({})) -> list[str]:
    """The kinds that a person may mean by a word: ``Deployment``, ``pvc``, ``kafkas``, ``backup.velero.io``.

    As it is written before any other spelling.
    """
    known = [*kinds(own), *(kind for kind in KINDS if kind not in JUDGES)]
    spelt: tuple[Callable[[str], Iterable[str]], ...] = (
        lambda kind: (kind,),
        lambda kind: (kind.partition(".")[0],),
        lambda kind: (kind.lower(), *_resources(kind)),
        lambda kind: (kind.partition(".")[0].lower(), f"{kind.partition('.')[0].lower()}s"),
    )
    for spellings in spelt:
        wanted = word if spellings in spelt[:2] else word.lower()
        if found := [kind for kind in known if wanted in spellings(kind)]:
            return found
    return [SHORT[word.lower()]] if word.lower() in SHORT else []


def _resources(kind: str) -> tuple[str, ...]:
    """Its names in the API's paths and for RBAC; of a custom kind the plural is not known, but nearly always this."""
    if kind in KINDS:
        return KINDS[kind].plural, KINDS[kind].resource
    name, _, group = kind.lower().partition(".")
    return (f"{name}s.{group}",)


def judged(kind: str, own: Tables = MappingProxyType({})) -> Judged:
    """How a kind of :func:`kinds`, or one without a state, is judged."""
    return _custom(kind, own[kind]) if kind in own else _ours(kind)


@cache
def _ours(kind: str) -> Judged:
    if kind in JUDGES:
        return _built_in(kind)
    if kind in rules.tables():
        return _custom(kind, rules.tables()[kind])
    return Judged(kind, KINDS[kind].api_version, NO_STATE)


def _built_in(kind: str) -> Judged:
    own = JUDGES[kind]
    others = {function: name for name, function in JUDGES.items() if function is not own}
    found = _Found()
    _text_of(own).walk(own.__name__, found, {_place(one) for one in others})
    also = [name for function, name in others.items() if _place(function) in found.stopped]
    # what every object can come to, before the judge of its kind is asked
    _text_of(judge.verdict).walk(judge.verdict.__name__, found, {*map(_place, JUDGES.values()), _place(custom.judge)})
    for state, reasons in PASSED_ON.get(kind, {}).items():
        found.doomed |= RULES.keys() & set(reasons)
        found.told |= {(state, reason): [] for reason in reasons if reason not in RULES}
    return Judged(
        kind,
        KINDS[kind].api_version,
        " ".join((own.__doc__ or "").replace("``", "`").split()) + UNTIL,
        reasons=_by_state(found),
        also=tuple(sorted(also)),
    )


def _below(table: Mapping[str, Any]) -> str:
    """What counts of what it owns, or of what owns it."""
    if table.get("attempt"):
        return "Its owner makes one after another: below one that is ready a failed one gives no row."
    return "What it owns may fail on the way and be tried again." if table.get("batch") else _makes(table)


def _makes(table: Mapping[str, Any]) -> str:
    made = table.get("makes")
    return (
        f"Ready, it is judged by the newest {made['kind']} with its label {made['label']} that is done." if made else ""
    )


def _custom(kind: str, table: Mapping[str, Any]) -> Judged:
    group = kind.partition(".")[2]
    if table.get("stateless"):
        return Judged(kind, group, NO_STATE)
    found = _Found()
    _text_of(custom.judge).walk(custom.judge.__name__, found, set())
    states = (State.SUSPENDED, State.FAILED, State.READY, State.PROGRESSING)
    when = {state: _one_line(table[state]) if state in table else _WHEN.get(state, "") for state in states}
    facts = {
        "operator": " or ".join(filter(None, table.get("operator", "").split("|"))),
        "reason_from": _one_line(table.get("reason", "")),
        "next": table.get("hint", ""),
        "source": table.get("source", ""),
        "below": _below(table),
    }
    how = (
        "By its table of rules (docs/kinds.md), JMESPath over the object, asked in this order; the first to hold "
        "decides, and where none does the state is unknown. A doomed object that it owns is its root."
    )
    return Judged(
        kind if kind != EVERY_OTHER else "*",
        group or "every other group",
        how,
        {state: rule for state, rule in when.items() if rule},
        _by_state(found),
        facts={name: told for name, told in facts.items() if told},
    )


def _one_line(expression: str | list[str]) -> str:
    return "; else ".join(
        " ".join(one.split()) for one in ([expression] if isinstance(expression, str) else expression)
    )


def doomed(reason: str) -> Means:
    """What a reason of the table of doom means: how long it is given, and the next step."""
    rule = RULES[reason]
    given = "may always recover"
    if rule.grace is not None:
        given = f"given up after {rule.grace:.0f} s" if rule.grace else "given up at once"
    return Means(reason, f"{given}; {rule.hint[:1].lower()}{rule.hint[1:]}" if rule.hint else given)


@cache
def shown_by() -> Mapping[str, tuple[str, ...]]:
    """Each reason that some kind can show by itself, to these kinds."""
    found: dict[str, list[str]] = {}
    for kind in kinds():
        for means in judged(kind).reasons.values():
            for one in means:
                found.setdefault(one.reason, []).append(kind)
    return {reason: tuple(dict.fromkeys(known)) for reason, known in found.items()}


# -- the text of the judges


class _Found:
    """What a walk through the judges' text has met."""

    def __init__(self) -> None:
        self.told: dict[tuple[State, str], list[str]] = {}
        self.doomed: set[str] = set()
        self.stopped: set[tuple[str, str]] = set()
        self.walked: set[tuple[str, str]] = set()


def _by_state(found: _Found) -> dict[State, tuple[Means, ...]]:
    rows: dict[State, dict[str, Means]] = {}
    for reason in sorted(found.doomed):
        state = State.FAILED if RULES[reason].grace is not None else State.PROGRESSING
        rows.setdefault(state, {})[reason] = doomed(reason)
    for (state, reason), messages in sorted(found.told.items()):
        # a reason of the table keeps the table's words
        said = RULES[reason].hint if reason in RULES else "the object's own message tells"
        told = Means(reason, " / ".join(dict.fromkeys(messages)) or said)
        rows.setdefault(state, {}).setdefault(reason, told)
    return {state: tuple(rows[state].values()) for state in State if state in rows}


class _Text:
    """The syntax of one module of the judges: its functions, its tables, and what it takes from its neighbours."""

    def __init__(self, module: str, tree: ast.Module) -> None:
        self.module = module
        self.functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        self.tables: dict[str, ast.expr] = {}
        self.taken: dict[str, tuple[str, str]] = {}
        for node in tree.body:
            if isinstance(node, ast.ImportFrom):
                self.taken |= {one.asname or one.name: (node.module or "", one.name) for one in node.names}
            elif isinstance(node, ast.Assign):
                self.tables |= {name: value for to in node.targets for name, value in _pairs(to, node.value)}

    def walk(self, function: str, found: _Found, stops: set[tuple[str, str]]) -> None:
        """Everything that the function can come to, but for what it hands on to a function of ``stops``."""
        if (self.module, function) in found.walked:
            return
        found.walked.add((self.module, function))
        body = self.functions[function]
        own = {node.id for node in _nodes(body) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        own |= {node.arg for node in ast.walk(body) if isinstance(node, ast.arg)}
        texts = [node.value for node in _nodes(body) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        for node in _nodes(body):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Judgement":
                self._verdict(node, body, found)
            elif isinstance(node, ast.Name) and node.id not in own:
                texts += self._follow(node.id, found, stops)
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                self._beyond((*self.taken.get(node.value.id, ("", "")), node.attr), found, stops)
        found.doomed |= RULES.keys() & set(texts)

    def _follow(self, name: str, found: _Found, stops: set[tuple[str, str]]) -> list[str]:
        """Go on where a name leads: into a function; the texts of it where it is a table."""
        module, own = self.taken.get(name, (self.module, name))
        if not module.startswith(_PACKAGE) or (module, own) == (f"{_PACKAGE}.doom", "RULES"):
            return []
        there = _texts().get(module)
        if there is None:
            return []
        if (module, own) in stops:
            found.stopped.add((module, own))
        elif own in there.functions:
            if module != f"{_PACKAGE}.doom":
                there.walk(own, found, stops)
        elif own in there.tables:
            return [one.value for one in ast.walk(there.tables[own]) if _is_text(one)]  # type: ignore[attr-defined]
        return []

    def _beyond(self, path: tuple[str, str, str], found: _Found, stops: set[tuple[str, str]]) -> None:
        """Go on where ``module.function`` leads, the module taken by its name."""
        module, name, function = path
        there = _texts().get(f"{module}.{name}")
        if there is not None and function in there.functions:
            if (there.module, function) in stops:
                found.stopped.add((there.module, function))
            else:
                there.walk(function, found, stops)

    def _verdict(self, call: ast.Call, body: ast.FunctionDef, found: _Found) -> None:
        """``Judgement(State.FAILED, "Paused", "its rollout is paused")``."""
        if len(call.args) < 2 or not ast.unparse(call.args[0]).startswith("State."):
            return
        state = State[ast.unparse(call.args[0]).removeprefix("State.")]
        reason = self._word(call.args[1])
        if reason:
            messages = _told(call.args[2], body) if len(call.args) > 2 else []
            found.told.setdefault((state, reason), []).extend(messages)

    def _word(self, node: ast.expr) -> str:
        """A reason as it is written, or by the name that a module gives to it; empty where it is somebody else's."""
        if isinstance(node, ast.Name):
            module, own = self.taken.get(node.id, (self.module, node.id))
            node = _texts()[module].tables.get(own, node) if module in _texts() else node
        return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _pairs(to: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(to, ast.Name):
        yield to.id, value
    elif isinstance(to, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, its in zip(to.elts, value.elts, strict=True):
            yield from _pairs(one, its)


def _nodes(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """All of its body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (node for statement in body for node in ast.walk(statement))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _told(node: ast.expr, body: ast.FunctionDef) -> list[str]:
    """The messages that an expression can be, each with ``…`` for what only an object tells."""
    match node:
        case ast.Constant(value=str(text)):
            return [text] if text else []
        case ast.JoinedStr(values=values):
            parts = [one.value if isinstance(one, ast.Constant) else _shown(one) for one in values]
            return ["".join(map(str, parts))]
        case ast.IfExp(body=one, orelse=other):
            return [*_told(one, body), *_told(other, body)]
        case ast.BoolOp(values=values):
            return [text for one in values for text in _told(one, body)]
        case ast.Call(func=ast.Name(id="short"), args=[inner, *_]):
            return _told(inner, body)
        case ast.Name(id=name):
            values = _given(name, body.body, node)
            return [text for value in values for text in _told(value, body) if text.strip(" …;,")]
    return []


def _given(name: str, block: Sequence[ast.stmt], used: ast.expr, before: Sequence[ast.expr] = ()) -> list[ast.expr]:
    """What a local name can have been given when it is used: by the last statement before that gives it something."""
    last = list(before)
    for statement in block:
        inside = [*ast.walk(statement)]
        if any(node is used for node in inside):
            parts = [getattr(statement, part, []) for part in ("body", "orelse", "finalbody")]
            parts += [case.body for case in getattr(statement, "cases", [])]
            within = [part for part in parts if any(node is used for one in part for node in ast.walk(one))]
            return _given(name, within[0], used, last) if within else last
        given = [one for one in inside if isinstance(one, ast.Assign)]
        last = [
            value for one in given for to in one.targets for key, value in _pairs(to, one.value) if key == name
        ] or last
    return last


def _shown(node: ast.AST) -> str:
    inner = node.value if isinstance(node, ast.FormattedValue) else node
    return f"{{{inner.id}}}" if isinstance(inner, ast.Name) else "…"


def _place(function: Callable[..., Any]) -> tuple[str, str]:
    return function.__module__, function.__name__


def _text_of(function: Callable[..., Any]) -> _Text:
    return _texts()[function.__module__]


@cache
def _texts() -> Mapping[str, _Text]:
    """The modules of the judges by name."""
    folder = Path(judge.__file__).parent
    names = {path: f"{_PACKAGE}.{path.stem}".removesuffix(".__init__") for path in sorted(folder.glob("*.py"))}
    return {name: _Text(name, ast.parse(path.read_text(encoding="utf-8"))) for path, name in names.items()}
