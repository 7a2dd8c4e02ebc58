"""Facts are fields, sentences are for people: said in other words, they change no decision.

Texts of other software (the kubelet, the scheduler, a driver) are what is judged, and stay as they are; :data:`READERS`
names each place that reads one.
"""

from __future__ import annotations

import ast
import dataclasses
import random
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import manifests as m
import msgspec
import pytest
from msgspec.structs import replace

from gonogo.cluster import story, survey
from gonogo.cluster.judge import Judgement, State, World, judge, tally
from gonogo.cluster.judge.doom import doom, recovering
from gonogo.core import errors
from gonogo.core.errors import ClientError, DeployError, Forbidden, GonogoError, NotReady, Wrong
from gonogo.core.outcomes import Decision, Level
from gonogo.render import html, junit, markdown, terminal, wording
from gonogo.results import verdict as verdicts
from gonogo.results.gate import aged, exit_code
from gonogo.results.merge import merge
from gonogo.results.model import FOR_PEOPLE, CheckResult, Reference, Results
from gonogo.run import plan
from gonogo.run.diagnosis import diagnosed, fallen
from gonogo.run.standing import NotAsked, blocked
from tests.samples import sample_results
from tests.test_gate import shards_of
from tests.test_golden import FILES, documents
from tests.test_judge import random_run
from tests.test_judge_pods import crashing, everything
from tests.test_plan import CHECKS, Here

ROOT = Path(__file__).parent.parent

TRAPS = (
    *("blocked by store.answers: no", "needs a cluster", "needs --mode write", "Pod data/p, container x", "GO on here"),
    *("read only", "may not list pods", "(given up after 60 s)", "the run was interrupted", "container db ended"),
    *("is decorated", "takes kafka", "nothing critical passed on store", "without store: no room", "no result"),
)
"""What some decision could once be taken for."""


def otherwise(text: str, chance: random.Random) -> str:
    """Other words in its place; nothing stays nothing."""
    if not text:
        return text
    words = [f"{chance.getrandbits(32):x}", *chance.sample(TRAPS, chance.randint(0, 2))]
    return " ".join(chance.sample(words, len(words)))


# -- stored results


def reworded(results: Results, said: Callable[[str], str]) -> Results:
    """The results with every text for people said otherwise."""
    return msgspec.convert(_reworded(msgspec.to_builtins(results), said), Results)


def _reworded(plain: Any, said: Callable[[str], str], people: bool = False) -> Any:
    if isinstance(plain, dict):
        # of what is unsupported, and of evidence, the keys are facts
        return {key: _reworded(one, said, people or key in FOR_PEOPLE) for key, one in plain.items()}
    if isinstance(plain, list | tuple):
        return [_reworded(one, said, people) for one in plain]
    return said(plain) if people and isinstance(plain, str) else plain


def at_random(seed: int) -> Callable[[str], str]:
    """Other words at each place."""
    chance = random.Random(seed)
    return lambda text: otherwise(text, chance)


def alike(seed: int) -> Callable[[str], str]:
    """Other words, the same for the same text: parts of one run quote one target file."""
    return lambda text: otherwise(text, random.Random(f"{seed} {text}"))


def decided(results: Results) -> Any:
    """All that the judge decided, without what it says of it."""
    assert results.verdict is not None
    return _factual(msgspec.to_builtins(replace(results, digest=""))), exit_code(results.verdict), headline(results)


def _factual(plain: Any, people: frozenset[str] = FOR_PEOPLE) -> Any:
    if isinstance(plain, dict):
        told = {key: sorted(one) for key, one in plain.items() if key == "unsupported" and isinstance(one, dict)}
        return {k: _factual(one, people) for k, one in plain.items() if k not in people or isinstance(one, int)} | told
    return [_factual(one, people) for one in plain] if isinstance(plain, list | tuple) else plain


def headline(results: Results) -> str:
    """The headline, of a NO-GO with each text that it quotes struck out."""
    verdict = results.verdict
    assert verdict is not None
    if verdict.decision is not Decision.NO_GO:
        return verdict.headline
    quoted = {c.reason for c in results.criteria} | {c.message for c in results.components}
    told = verdict.headline
    for text in sorted(filter(None, quoted), key=len, reverse=True):
        told = told.replace(text, "…")
    return re.sub(r"blocked by [\w.]+: …", "…", told)


@pytest.mark.parametrize("seed", range(200))
def test_judging_reads_no_sentence(seed: int) -> None:
    results = random_run(random.Random(seed)).results()

    for strict in Level:
        assert decided(verdicts.judge(reworded(results, at_random(seed)), strict)) == decided(
            verdicts.judge(results, strict)
        )


@pytest.mark.parametrize("seed", range(50))
def test_judging_again_reads_no_sentence_of_the_verdict_before(seed: int) -> None:
    once = verdicts.judge(random_run(random.Random(seed)).results())

    assert decided(verdicts.judge(reworded(once, at_random(seed)))) == decided(once)


@pytest.mark.parametrize("seed", range(100))
def test_merging_and_ageing_read_no_sentence(seed: int) -> None:
    shards = shards_of(random.Random(seed))
    others = [reworded(shard, alike(seed)) for shard in shards]
    now = datetime(2025, 6, 5, tzinfo=UTC)

    plain, told = merge(shards), merge(others)

    assert decided(told) == decided(plain)
    old, older = (aged(one, parts, now, timedelta(hours=1)) for one, parts in ((plain, shards), (told, others)))
    assert old.verdict is not None
    assert older.verdict is not None
    assert (older.verdict.decision, older.verdict.code) == (old.verdict.decision, old.verdict.code)


class Shape(HTMLParser):
    """The elements of a page: their names, classes, ids and links within it."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, str, str, str]] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        told = {key: value or "" for key, value in attrs}
        link = told.get("href", "")
        if told.get("class") != "message":  # left out where it would repeat the reason above it
            self.seen.append((tag, told.get("class", ""), told.get("id", ""), link if link.startswith("#") else ""))


def shown(results: Results) -> Any:
    """What the reports make of results, without the texts in it."""
    cases = [
        (case.tag, {k: v for k, v in case.attrib.items() if k != "message" and not _told(case)})
        for case in ET.fromstring(junit.render(results)).iter()
    ]
    # left out where the message says it
    lines = [line for line in markdown.render(results).splitlines() if not line.lstrip().startswith("- expected ")]
    spoken = terminal.verdict(results, colour=True, width=10**6, report="")
    return (
        wording.decided(results)[0],
        [
            (root.cause.criterion, root.outcome, root.blocks, root.check and root.check.nodeid)
            for root in wording.roots(results)
        ],
        cases,
        [line for line in lines if line.startswith("#")],
        len(lines),
        len(spoken.splitlines()),
        re.findall(r"\x1b\[[\d;]*m", spoken),
        Shape(html.render(results)).seen,
    )


def _told(case: ET.Element) -> bool:
    return case.tag == "property" and case.get("name") in ("claim", "plan", "verdict")


@pytest.mark.parametrize("seed", range(40))
def test_reports_group_and_title_by_fields(seed: int) -> None:
    results = verdicts.judge(random_run(random.Random(seed)).results())

    assert shown(reworded(results, at_random(seed))) == shown(results)


@pytest.mark.parametrize("decision", list(Decision))
def test_the_sample_looks_the_same_in_other_words(decision: Decision) -> None:
    results = sample_results()
    assert results.verdict is not None
    results = replace(results, verdict=replace(results.verdict, decision=decision))

    assert shown(reworded(results, at_random(7))) == shown(results)


# -- the run plan, and what checks raise


def test_what_a_target_lacks_is_a_field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = {
        "deploy__cache__component": 'title = "Cache"\n',
        "deploy__shelf__component": 'title = "Shelf"\nneeds = ["cache"]\n',
    }
    here = Here(tmp_path, **fresh)  # type: ignore[arg-type]
    checks = [replace(CHECKS[0], needs=("kubernetes",)), *CHECKS[1:]]

    plain = here.plan(*checks)
    monkeypatch.setattr(plan.Lacking, "__new__", _worded(plan.Lacking, "reason"))
    told = here.plan(*checks)

    assert plain.target.lacks == told.target.lacks == {"cache": "kubernetes", "shelf": "kubernetes"}
    assert plain.target.unsupported != told.target.unsupported
    assert {n: u._replace(reason="") for n, u in told.unasked.items()} == {
        n: u._replace(reason="") for n, u in plain.unasked.items()
    }


def test_a_reason_that_begins_like_ours_is_a_person_s_all_the_same(tmp_path: Path) -> None:
    target = '[target]\nname = "embedded"\nprovider = "embedded"\nunsupported = { store = "needs a larger room" }\n'
    here = Here(tmp_path, deploy__targets__embedded=target)

    found = plan.lacking(here.registry, here.target)

    assert found["models"] == plan.Lacking("without store: needs a larger room", "")


KINDS = [
    one
    for one in vars(errors).values()
    if isinstance(one, type) and issubclass(one, ClientError) and one is not ClientError
]


@pytest.mark.parametrize("text", TRAPS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_is_classified_by_what_it_is(kind: type[ClientError], text: str) -> None:
    plain, told = kind("store", "no"), kind("store", text)

    for one, other in ((told, plain), (NotReady("it", 1, 1, told), NotReady("it", 1, 1, plain))):
        assert _decided(one) == _decided(other)


@pytest.mark.parametrize("text", TRAPS)
@pytest.mark.parametrize(
    "made",
    [
        lambda text: Wrong("store.broker_missing", 3, 2, text),
        lambda text: DeployError("store", text),
        GonogoError,
        AssertionError,
        RuntimeError,
    ],
    ids=["wrong", "deploy", "own", "assertion", "any"],
)
def test_what_a_check_or_a_deployment_says_decides_nothing(made: Callable[[str], BaseException], text: str) -> None:
    assert _decided(made(text)) == _decided(made("no"))


def _decided(error: BaseException) -> Any:
    """What is decided on: of a check that raises this, and of the component where it does."""
    found = diagnosed(error, "store")
    standing = fallen("store", found)
    return found.outcome, found.cause, found.silent, found.own, standing.outcome, standing.cause, standing.root


@pytest.mark.parametrize("text", ["blocked by queue: it is full", "it is full"])
def test_a_blocked_check_says_what_its_root_says_and_nothing_is_cut_off(text: str) -> None:
    down = dataclasses.replace(fallen("store", diagnosed(errors.Refused("store", "x"), "store")), message=text)
    found = diagnosed(NotAsked(blocked("models", down), blocked=True), "models")
    one = random_run(random.Random(1)).results()
    check = CheckResult(
        nodeid="models",
        criteria=("models.answers",),
        component="models",
        outcome=found.outcome,
        cause=found.cause,
        message=found.message,
    )

    judged = verdicts.judge(replace(one, checks=(check,), components=()))

    [criterion] = [c for c in judged.criteria if c.id == "models.answers"]
    assert (criterion.blocked_by, criterion.reason) == ("store", f"blocked by store: {text}")


def test_which_kind_may_not_be_listed_is_a_field_of_the_refusal() -> None:
    hub: Any = SimpleNamespace(
        refusals=[
            Forbidden("health", "nobody shows you any", asked="list pods"),
            Forbidden("health", "may not list pods", asked="list nodes"),
        ],
        errors=[],
        notes=[],
        namespaces=(),
    )
    logs: Any = SimpleNamespace(world=lambda _: World.of([], now=m.NOW), notes=[])

    found = survey._asked(hub, logs, [SimpleNamespace(resource="pods")], [])  # type: ignore[list-item]

    assert list(found.unasked) == ["nobody shows you any"]
    assert list(found.notes) == ["less can be said of why: may not list nodes"]


# -- the judge of a cluster


def _worded(kind: Any, *texts: str) -> Any:
    """A constructor of a named tuple that says each of these fields in other words."""
    chance, original, fields = random.Random(5), kind.__new__, kind._fields

    def made(cls: Any, *given: Any, **named: Any) -> Any:
        told = {**dict(zip(fields, given, strict=False)), **named}
        return original(cls, **{k: otherwise(v, chance) if k in texts else v for k, v in told.items()})

    return made


@pytest.fixture
def other_words(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From when it is called, every verdict, and every object that one names, is spoken of in other words."""
    chance, changed = random.Random(11), Judgement._replace

    def replaced(verdict: Judgement, **changes: Any) -> Judgement:
        told = {k: otherwise(v, chance) if k in ("message", "hint") else v for k, v in changes.items()}
        return changed(verdict, **told)

    def speak() -> None:
        monkeypatch.setattr(Judgement, "__new__", _worded(Judgement, "message", "hint"))
        monkeypatch.setattr(Judgement, "_replace", replaced)
        monkeypatch.setattr(Reference, "__str__", lambda _: otherwise("object", chance))

    return speak


def judged(objects: Sequence[Any], now: datetime, lagging: bool = False) -> Any:
    """Everything that is decided about objects: rows, health and stories, without what is said of it."""
    world = World.of(objects, now=now)
    world.lagging = lagging
    rows, words = judge(world), frozenset({"message", "hint", "cause"})
    plain = _factual(msgspec.to_builtins(rows), words)
    told = [
        [(one.kind, one.namespace, one.name) for one in (each.root, *each.alike, *each.dragged)]
        + [len(each.alike), len(each.dragged)]
        for each in story.stories(rows)
    ]
    return plain, _factual(msgspec.to_builtins(tally(world)), words), told


@pytest.mark.parametrize("lagging", [False, True], ids=["now", "of a dump"])
def test_no_judgement_reads_a_sentence_of_another(other_words: Callable[[], None], lagging: bool) -> None:
    given = []
    for path in FILES:
        head, objects = documents(path)
        now = head["now"] if isinstance(head["now"], datetime) else datetime.fromisoformat(head["now"])
        given.append((path.stem, objects, now))
    given.append(("everything", everything(), m.NOW))
    plain = [(name, judged(objects, now, lagging)) for name, objects, now in given]

    other_words()

    assert len(given) > 300
    for (name, before), (_, objects, now) in zip(plain, given, strict=True):
        assert (name, judged(objects, now, lagging)) == (name, before)


def test_pods_that_suffer_alike_are_one_story_in_any_words(other_words: Callable[[], None]) -> None:
    objects = [
        dict(crashing(), metadata={**crashing()["metadata"], "name": f"web-{n}", "uid": f"{n}"}) for n in range(3)
    ]
    other_words()

    rows = judge(World.of(objects, now=m.NOW))

    assert len({row.message for row in rows}) == 3
    assert [(len(one.alike), one.root.reason) for one in story.stories(rows)] == [(2, "CrashLoop")]


def test_pods_that_suffer_from_other_things_are_stories_of_their_own() -> None:
    ends = [crashing(code) for code in (1, 2)]
    objects = [dict(pod, metadata={**pod["metadata"], "name": f"web-{n}", "uid": f"{n}"}) for n, pod in enumerate(ends)]

    found = story.stories(judge(World.of(objects, now=m.NOW)))

    assert [one.root.exit_code for one in found] == [1, 2]


def test_the_container_of_an_ended_pod_is_its_own_field() -> None:
    told = {"reason": "OOMKilled", "message": "its node ran out of memory"}
    pod = m.pod("p", phase="Failed", status=told)
    own = m.pod("p", m.container(m.ended(3), name="db"), phase="Failed")

    assert (m.row(pod).reason, m.row(pod).container, m.row(pod).cause) == ("OOMKilled", "", "")
    assert (m.row(own).container, m.row(own).exit_code, m.row(own).cause) == ("db", 3, "Pod data/p, container db")
    assert m.row(own).root == Reference(kind="Pod", namespace="data", name="p", container="db")


def test_what_a_server_says_is_not_taken_for_our_grace() -> None:
    text = "the volume was detached (given up after 9 s)"
    failed = doom("ClaimLost", text, waited=None)
    waits = doom("MountFailed", text, waited=20.0)

    assert (failed.state, failed.told, failed.grace) == (State.FAILED, text, None)
    assert (waits.told, waits.grace) == (f"{text} (given up after 60 s)", 60.0)
    assert recovering(waits, "it comes").told == f"{text}; it comes"
    assert recovering(failed, "it comes").told == f"{text}; it comes"


def test_since_when_a_fact_stands_and_how_long_it_is_given_are_fields() -> None:
    text = "0/3 nodes are available: 1 Insufficient cpu, 2 Insufficient memory. preemption: none"
    pod = m.pod("p", phase="Pending", scheduled=("False", "Unschedulable", text), since=10, spec={})

    row = m.row(pod)

    assert (row.state, row.grace, row.since) == (State.PROGRESSING, 15.0, m.ago(10))
    assert row.lacks == ("cpu", "memory")
    assert row.message.endswith("(given up after 15 s)")


# -- who may read

SPOKEN = {"message", "hint", "claim", "headline", "detail", "text", "reason", "cause"}
"""Fields and variables that hold a sentence."""

READING = {"startswith", "endswith", "split", "rsplit", "partition", "rpartition", "splitlines"} | {
    *("removesuffix", "removeprefix", "find", "rfind", "count", "lower")
}
LOOKING = {"search", "match", "fullmatch", "findall", "finditer", "sub", "split"}

READERS = {
    # words of other software, for which it has no field
    "src/gonogo/cluster/judge/kubelet.py": "kubelet and container runtime: messages of statuses and events",
    "src/gonogo/cluster/judge/images.py": "registries, as the kubelet quotes them",
    "src/gonogo/cluster/judge/scheduling.py": "kube-scheduler: the message of PodScheduled (FitError)",
    "src/gonogo/cluster/judge/refusals.py": "admission, as controllers quote it in FailedCreate and ReplicaFailure",
    "src/gonogo/cluster/judge/storage.py::_told": "volume controller and provisioners: events of a claim",
    "src/gonogo/cluster/judge/statuses.py::word": "operators whose reason is a sentence",
    "src/gonogo/cluster/judge/custom.py::_worded": "whether a status holds an event's words; for the message alone",
    "src/gonogo/cluster/judge/needs.py::_hosts": "a pod's own environment and arguments",
    "src/gonogo/cluster/judge/shapes.py::shaped": "msgspec: which field does not fit; for the message alone",
    "src/gonogo/cluster/inside.py::executed": "the kubelet's Status of a command that was not run; its exit code",
    "fixtures/syncwindows.py": "no sentence: schedules and durations of a project, in robfig/cron's and Go's form",
    "fixtures/argocd.py::seconds": "no sentence: durations as Go writes them, in a ConfigMap",
    "src/gonogo/cluster/stored.py::_no_json": "msgspec: the byte at which JSON ends; for the message alone",
    "src/gonogo/cluster/plan/workloads.py::_share": "no sentence: a number of pods, or a part of them in percent",
    "src/gonogo/providers/helm/inspection.py::_defined": "no sentence: YAML that helm has rendered, before it is read",
    "src/gonogo/core/files.py::parse_toml": "tomllib: the line that is wrong; for the message alone",
    "src/gonogo/core/files.py::unreadable": "the operating system; for the message alone",
    "src/gonogo/catalog/credentials.py::_value": "an issuer's body that is no token; for the message alone",
    "src/gonogo/cluster/bundles.py::_below": "the operating system; for the message alone",
    "src/gonogo/providers/embedded/platforms.py::_believed": "the operating system; for the message alone",
    "src/gonogo/results/gate.py::_check_schema": "msgspec: whether JSON ends early; for the message alone",
    "src/gonogo/cluster/kubeconfig.py::_plugin": "a plugin's installHint on one line; for the message alone",
    "fixtures/elasticsearch.py::_signature": "Elasticsearch says a block's number, or which limit, in the reason alone",
    "fixtures/kafka.py::known": "kafka-python has one error for a broker it cannot reach and one that throttles it",
    "fixtures/kafka.py::_cut": "kafka-python keeps no errno of a connection that failed",
    "fixtures/kafka.py::_not_served": "kafka-python has one error for all that goes wrong with a connection",
    "fixtures/mlflow.py::refusal": "MLflow answers 403 and 500 without a code that tells why",
    "fixtures/neo4j.py::known": "the driver has one error for all that goes wrong with a connection",
    "fixtures/postgresql.py::known": "libpq gives no SQLSTATE before a connection stands",
    "fixtures/ray.py": "Ray's own word for a node that ended unexpectedly; a job's output",
    # no sentence: a text that was given to be parsed
    "src/gonogo/cluster/forward/choose.py::read": "a reference to a Service",
    "fixtures/datahub.py::serves_its_application": "the tags of a page",
    "fixtures/doris.py::percent": "no sentence: a number and its unit, as a column of Doris has it",
    "fixtures/doris.py::size": "no sentence: a number and its unit, as a column of Doris has it",
    "fixtures/superset.py::_told": "the JSON in a page",
    "src/gonogo/cluster/written/shell.py": "a command, as somebody would type it",
    "src/gonogo/cluster/written/findings.py::_hosts": "a host, and commands that name one",
    "src/gonogo/core/names.py": "a name",
    "src/gonogo/core/content.py::_hidden": "the imports of a suite",
    "src/gonogo/commands/new.py::_claimed": "a template that gets lines",
    "src/gonogo/commands/lint.py": "ids of claims, names in a source, and whether a claim has the form of a sentence",
    "src/gonogo/providers/embedded/archives.py::wanted": "a list of classes",
    "src/gonogo/core/times.py::stretch": "a length of time",
    # how a text is shown
    "src/gonogo/core/harmless.py": "what is not printable",
    "src/gonogo/core/outlet.py::uncut": "how long it is",
    "src/gonogo/cluster/story.py::changed": "on one line",
    "src/gonogo/render/html.py": "how many lines, and the last ones",
    "src/gonogo/checks/rest.py::said": "on one line",
    "src/gonogo/render/wording.py::first_line": "its first line",
    "src/gonogo/results/model.py::compared": "what it says need not be said twice",
    "src/gonogo/results/verdict.py::_line": "on one line",
    "src/gonogo/run/progress.py": "its first line",
    "src/gonogo/providers/embedded/deployment.py": "the last lines of a log",
}
"""Who reads a text by what it holds, and whose words they are; secrets are looked for in every text (``redaction``)."""


def sentence(node: ast.AST) -> bool:
    """Whether this is a text for people: a field or variable of such a name, or what an error says."""
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name) | ast.Subscript(slice=ast.Constant(value=name)):
            return name in SPOKEN
        case ast.Call(func=ast.Name(id="str"), args=[ast.Name(id="error" | "problem" | "refusal" | "told" | "fault")]):
            return True
        case ast.Call(func=ast.Name(id="said" | "plain" | "printable")):
            return True
        case ast.Call(func=ast.Attribute(value=value, attr=name)):
            return name in READING | {"strip", "rstrip", "replace"} and sentence(value)
        case ast.BoolOp(values=values):
            return any(map(sentence, values))
    return False


def reads(node: ast.AST) -> bool:
    """Whether something is told of a sentence by its words."""
    match node:
        case ast.Call(func=ast.Attribute(value=value, attr=name), args=args):
            return (name in READING and sentence(value)) or (name in LOOKING and any(map(sentence, args)))
        case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[where]):
            return sentence(where)
    return False


def readers(source: str) -> Iterator[tuple[str, int]]:
    """The functions that read a sentence, and in which line."""

    def walk(node: ast.AST, within: str) -> Iterator[tuple[str, int]]:
        for child in ast.iter_child_nodes(node):
            inner = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else within
            if reads(child):
                yield inner, child.lineno  # type: ignore[attr-defined]
            yield from walk(child, inner)

    return walk(ast.parse(source), "")


def test_no_sentence_of_ours_is_read_back() -> None:
    files = [path for room in ("src/gonogo", "fixtures", "suites") for path in sorted((ROOT / room).rglob("*.py"))]
    found = {
        (name, function, line)
        for path in files
        if "redaction" not in path.parts
        for name in [path.relative_to(ROOT).as_posix()]
        for function, line in readers(path.read_text(encoding="utf-8"))
    }
    allowed = {one for one in READERS if "::" not in one}

    odd = {one for one in found if one[0] not in allowed and f"{one[0]}::{one[1]}" not in READERS}
    idle = READERS.keys() - {name for name, _, _ in found} - {f"{name}::{function}" for name, function, _ in found}

    assert len(files) > 100
    assert odd == set()
    assert idle == set()


@pytest.mark.parametrize(
    "line",
    [
        'name = text.split()[1] if text else ""',
        'message = _GRACE.sub("", verdict.message)',
        'return reason if reason.startswith("needs ") else ""',
        'cause = found.cause.partition(",")[0]',
        'told = re.sub("^blocked by [^:]*: ", "", criterion.message)',
        'resource = str(refusal).removeprefix("may not list ").split(" ", 1)[0]',
        'title = plain(verdict.headline).partition(":")[0]',
        'gone = "not found" in str(told)',
    ],
)
def test_what_once_read_a_sentence_would_be_seen(line: str) -> None:
    assert len([*readers(f"def f():\n    {line}" if line.startswith("return") else line)]) >= 1
