"""Text of others on terminals, in files, in commands: it says what it says, and does nothing."""

from __future__ import annotations

import json
import re
import shlex
import sys
import unicodedata
from html import unescape
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from manifests import NOW
from msgspec.structs import replace
from samples import sample_results

from gonogo import cli
from gonogo.cluster import story
from gonogo.cluster.judge import Row, State
from gonogo.cluster.judge.doom import kubectl, typed
from gonogo.cluster.story import Change
from gonogo.commands.attach import text as toml_text
from gonogo.commands.plan import PlannedRow
from gonogo.commands.tables import table
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.harmless import as_json, line, plain
from gonogo.core.outcomes import Outcome
from gonogo.core.servers import Phase, Progress
from gonogo.pytest_plugin.reports import summary
from gonogo.render import html, markdown, terminal
from gonogo.results.model import Reference, Results
from gonogo.run.diagnosis import filled
from gonogo.run.progress import Screen

ACTS = [
    *(chr(code) for code in range(0x20) if chr(code) not in "\n\t"),
    *(chr(code) for code in range(0x7F, 0xA0)),
    *"\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
]
HOSTILE = "a\x1b[2J\x1b]0;title\x07\x9b31m\x7f\u202eb\r\nfailed 0\u2028x\x85y\x00\x08z" + "\ud800"
KEPT = "Käse  日本 — 👩‍🚀 \u00a0x"


def harmful(text: str) -> set[str]:
    """What of a text acts."""
    return {letter for letter in text if letter in ACTS or unicodedata.category(letter) in ("Cc", "Cs")} - {"\n", "\t"}


def test_nothing_that_acts_is_left() -> None:
    assert harmful(plain("".join(ACTS))) == set()
    assert harmful(plain(HOSTILE)) == set()
    assert "\n" not in line(HOSTILE)
    assert plain(KEPT) == KEPT
    assert plain("a\r\nb\tc") == "a\nb\tc"


@pytest.mark.parametrize("letter", ACTS, ids=lambda one: f"{ord(one):04x}")
def test_json_says_the_same_and_does_nothing(letter: str) -> None:
    value = {"x": f"a{letter}b", letter: 1}

    for told in (msgspec.json.encode(value).decode(), json.dumps(value, ensure_ascii=False)):
        assert json.loads(as_json(told)) == value
        assert harmful(as_json(told)) == set()


@pytest.mark.parametrize("text", ["\x1b" * 200_000, "\x1b]" * 100_000, "\x1b[0;" * 50_000, "\x9b" + "1" * 200_000])
def test_a_sequence_that_never_ends_is_over_soon(text: str) -> None:
    assert harmful(plain(text)) == set()


def test_what_follows_a_title_that_never_ends_is_still_said() -> None:
    assert "the disk is full" in plain("\x1b]0;the disk is full")


# -- what a person reads


ROW = Row(
    kind=HOSTILE,
    api_version=HOSTILE,
    namespace=HOSTILE,
    name=HOSTILE,
    state=State.FAILED,
    reason=HOSTILE,
    message=HOSTILE,
    hint=HOSTILE,
    cause=HOSTILE,
    source=HOSTILE,
    root=Reference(kind=HOSTILE, namespace=HOSTILE, name=HOSTILE, container=HOSTILE, key=HOSTILE),
)


@pytest.mark.parametrize("state", list(State))
def test_rows_of_health_are_lines_of_ours(state: State) -> None:
    told = story.text([replace(ROW, state=state)], colour=False, width=100, everything=True)

    assert harmful(told) == set()
    assert not re.search(r"^failed 0", told, re.MULTILINE)


def test_a_change_is_one_line() -> None:
    told = story.changed(Change(ROW, replace(ROW, state=State.READY), 1.0), NOW, colour=False)

    assert harmful(told) == set()
    assert "\n" not in told


def hostile(value: Any) -> Any:
    """The same results with every text made hostile, where any text may stand."""
    kept = {"schema", "outcome", "level", "decision", "mode", "modes", "answers", "place", "started", "finished"}
    if isinstance(value, dict):
        return {key: one if key in kept else hostile(one) for key, one in value.items()}
    if isinstance(value, list):
        return [hostile(one) for one in value]
    return f"{value}{HOSTILE[:-1]}" if isinstance(value, str) else value


def all_hostile() -> Results:
    return msgspec.convert(hostile(msgspec.to_builtins(sample_results())), Results)


def test_the_verdict_has_the_lines_that_it_has() -> None:
    shown = terminal.verdict(all_hostile(), colour=False, width=100, report="")

    assert harmful(shown) == set()
    assert not re.search(r"^failed 0", shown, re.MULTILINE)
    assert "\n" not in terminal.criterion_line(HOSTILE, Outcome.FAILED, 1.0, HOSTILE)


def test_what_pytest_shows_is_harmless() -> None:
    for check in all_hostile().checks:
        assert harmful(summary(check)) == set()


@pytest.mark.parametrize("text", [HOSTILE, "[/]", "[red]x[/red]", "[link=file:///etc/passwd]x[/link]", "[bold"])
def test_progress_is_text_and_no_markup(text: str) -> None:
    stream = StringIO()
    screen = Screen(stream)

    screen.tell(Progress(text, Phase.STARTING, text))
    screen.line(text)
    screen.console.print(screen._table())

    assert harmful(stream.getvalue()) == set()
    if text is not HOSTILE:
        assert stream.getvalue().count(text) >= 3


def test_a_problem_is_one_line() -> None:
    told = str(ConfigError(Problem(HOSTILE, HOSTILE, HOSTILE), Problem("x", "y")))

    assert harmful(told) == set()
    assert len(told.splitlines()) == 2


def test_toml_that_is_printed_acts_on_nothing() -> None:
    assert harmful(toml_text("a\x9b2J\u202e\x7f")) == set()


@pytest.mark.parametrize("options", [[], ["-v"], ["--json"], ["-o", "yaml"], ["-o", "wide", "-v"], ["-o", "name"]])
def test_the_verb_prints_nothing_that_acts(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = HOSTILE[:-1]
    meta = {"name": bad, "namespace": bad, "uid": "1", "creationTimestamp": "2026-11-24T10:00:00Z"}
    objects = [
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": {"phase": bad, "reason": bad, "message": bad}},
        {"apiVersion": f"x.example/{bad}", "kind": bad, "metadata": meta, "status": {"phase": bad}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {**meta, "labels": bad}},
    ]
    path = tmp_path / "dump\x1b[2J.json"
    path.write_text(json.dumps([*objects, *objects]))
    monkeypatch.setattr(sys, "argv", ["gonogo", "health", "-f", str(path), *options])

    with pytest.raises(SystemExit):
        cli.main()

    said = capfd.readouterr()
    assert harmful(said.out + said.err) == set()
    if "--json" in options:
        assert bad in {row["name"] for row in json.loads(said.out)["rows"]}
    if "yaml" in options:
        assert bad in {row["name"] for row in yaml.safe_load(said.out)["rows"]}


def test_a_file_that_is_not_there_is_named_harmlessly(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["gonogo", "gate", "no\x1b[2Jfile\u202e.json"])

    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == 2
    assert harmful(capfd.readouterr().err) == set()


def test_a_table_has_a_line_for_each_row() -> None:
    row = PlannedRow(order=1, component=HOSTILE[:-1], needs=(HOSTILE[:-1],), memory_mib=1, disk_mib=1, processes=1)

    lines = table([row])

    assert harmful("".join(lines)) == set()
    assert [len(line.splitlines()) for line in lines] == [1, 1]


# -- commands that somebody will type


NAMES = ["x; rm -rf ~", "$(id)", "`id`", "a b", "a'b", 'a"b', "a\nb", "-x", "--kubeconfig=y", "*", "~", "", "web-0"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("verb", ["describe", "logs"])
def test_a_name_in_a_command_stays_a_name(verb: str, name: str) -> None:
    obj = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": name or "data"}}

    words = shlex.split(kubectl(obj, verb, "-c", name))

    assert words[:4] == ["kubectl", "-n", name or "data", verb]
    assert words.count(name) >= 2
    if name.startswith("-"):
        assert words[-1] == name
        assert "--" in words


def test_plain_names_need_no_quotes() -> None:
    obj = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-0", "namespace": "data"}}

    assert kubectl(obj) == "kubectl -n data describe pod web-0"
    assert typed("", "get", "pv") == "kubectl get pv"


def kinds(name: str) -> list[dict[str, Any]]:
    """Objects of many kinds, each of which comes to a hint with its name."""
    meta = {"name": name, "namespace": name, "creationTimestamp": "2026-11-24T10:00:00Z"}
    lost = {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}
    made = [
        ("v1", "Pod", {"spec": {"nodeName": name}, "status": lost}),
        ("v1", "Pod", {"status": {"phase": "Failed", "reason": "Evicted"}}),
        (
            "v1",
            "Node",
            {"spec": {"unschedulable": True}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}},
        ),
        ("apps/v1", "Deployment", {"spec": {"paused": True}, "status": {"replicas": 1}}),
        ("apps/v1", "StatefulSet", {"spec": {"replicas": 0}, "status": {"replicas": 0}}),
        ("v1", "PersistentVolumeClaim", {"spec": {"storageClassName": name}, "status": {"phase": "Pending"}}),
        ("v1", "Service", {"spec": {"selector": {"a": name}}, "status": {"loadBalancer": {}}}),
        ("batch/v1", "Job", {"status": {"conditions": [{"type": "Failed", "status": "True", "reason": "X"}]}}),
        ("argoproj.io/v1alpha1", "Application", {"status": {"health": {"status": "Degraded"}}}),
        ("kafka.strimzi.io/v1", "KafkaTopic", {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}),
    ]
    return [{"apiVersion": api, "kind": kind, "metadata": meta, **fields} for api, kind, fields in made]


@pytest.mark.parametrize("name", ["x; touch pwned; #", "$(touch pwned)", "`touch pwned`", "a' ; touch pwned ; '"])
def test_no_hint_runs_what_a_name_says(name: str, tmp_path: Path) -> None:
    from gonogo.cluster.survey import of_files

    path = tmp_path / "dump.yaml"
    path.write_text(yaml.safe_dump_all(kinds(name)))

    hints = [row.hint for row in of_files([str(path)]).rows if "kubectl" in row.hint or "argocd" in row.hint]

    assert len(hints) >= 6
    for hint in hints:
        # with all that is quoted taken out, nothing of the name is left that a shell would act on
        left = re.sub(r"'[^']*'|\"[^\"]*\"", "", hint)
        assert "touch" not in left, hint


@pytest.mark.parametrize("value", ["x; touch pwned", "$(touch pwned)", "a'b", "x' ; touch pwned '", "{username}"])
@pytest.mark.parametrize(
    "form", ["curl {url}/_cat", "psql 'host={url} user={username}' -c '\\l'", "a 'b' {url} 'c {url}'"]
)
def test_an_address_in_a_command_stays_an_address(form: str, value: str) -> None:
    command = filled(form, {"url": value, "username": "jane"})

    wanted = [word.replace("{url}", value).replace("{username}", "jane") for word in shlex.split(form)]
    if value == "{username}":  # what came in is not looked at again
        wanted = [word.replace("{url}", value) for word in shlex.split(form.replace("{username}", "jane"))]
    assert shlex.split(command) == wanted


def test_a_command_with_an_unknown_key_is_not_shown() -> None:
    assert filled("curl {url}/{other}", {"url": "http://x:1"}) == ""


# -- files for people


TRICKS = [
    "# heading",
    "- item",
    "+ item",
    "1. item",
    "12) item",
    "===",
    "---",
    ":--",
    "| a | b |",
    "> quote",
    "```\ncode\n```",
    "~~~",
    "<img src=x onerror=alert(1)>",
    "<!-- hidden",
    "![image](https://evil.example/x.png)",
    "[link](javascript:alert(1))",
    "[ref]: https://evil.example",
    "https://evil.example",
    "ftp://evil.example",
    "www.evil.example",
    "mail@evil.example",
    "@somebody",
    "team/repo#12",
    "!12",
    "GH-12",
    "$x^2$",
    "*bold* _it_ ~~gone~~",
    "a  \nb",
    "\\",
    "&#35; heading",
    "    code",
    "[^1]",
    "- [ ] task",
]


def told(trick: str) -> str:
    """The summary of results in which everything says this."""
    sample = sample_results()
    criteria = tuple(
        replace(one, id=f"kafka.c{number}", claim=trick, reason=trick) for number, one in enumerate(sample.criteria)
    )
    checks = tuple(replace(one, expected=trick, actual=trick, hint=trick, by_hand=trick) for one in sample.checks)
    assert sample.verdict is not None
    causes = tuple(replace(one, message=trick, component=trick) for one in sample.verdict.first_causes)
    verdict = replace(sample.verdict, reason=trick, headline=trick, first_causes=causes)
    target = replace(sample.target, name=trick, profile=trick)
    return markdown.render(replace(sample, criteria=criteria, checks=checks, verdict=verdict, target=target))


@pytest.mark.parametrize("trick", TRICKS)
def test_the_summary_keeps_its_structure(trick: str) -> None:
    harmless, page = told("words"), told(trick)
    prose = re.sub(r"(`+) .*? \1|`[^`\n]*`", "", page)

    def structure(text: str) -> list[str]:
        begins = re.compile(r"^(#+ |\s*[-+*] |\s*\d+[.)] |\||>|```|~~~|[-=:]+$|    )")
        return [found[1] for one in text.splitlines() if (found := begins.match(one))]

    assert structure(page) == structure(harmless)
    assert not re.search(r"<[a-z!/]", prose)
    assert not re.search(r"\]\(|!\[|(?<!\\)\[[^\]\\]*\]:", prose.replace("\\]", ""))
    # readers look for these in the finished text
    assert not re.search(r"\w://|\bwww\.|@\w|#\d|!\d|GH-\d", unescape(re.sub(r"\\(\W)", r"\1", prose)))
    for row in (one for one in page.splitlines() if one.startswith("| ")):
        assert len(re.findall(r"(?<!\\)\|", row)) in (3, 5, len(re.findall(r"\|", row)))


@pytest.mark.parametrize("id", ["a|b", "a\\|b", "a`b", "a\nb"])
def test_an_id_ends_no_cell(id: str) -> None:
    sample = sample_results()
    page = markdown.render(replace(sample, criteria=tuple(replace(one, id=id) for one in sample.criteria)))

    rows = [
        one for one in page.partition("## Passed")[2].splitlines() if one.startswith("| ") and "Criterion" not in one
    ]
    assert rows
    for row in rows:
        # as a reader of tables takes it: a backslash and what follows are one, then bars divide
        assert re.sub(r"\\.", "", row).count("|") == 5


PATHS: dict[str, str] = {
    "evidence/log.txt": "./evidence/log.txt",
    "a b?.txt": "./a%20b%3F.txt",
    "javascript:alert(1)": "./javascript%3Aalert%281%29",
    "../secret": "",
    "a/../../secret": "",
    "/etc/passwd": "",
    "//evil.example/x": "",
    "a\\..\\b": "",
    "\\\\evil.example\\x": "",
    "a\n../b": "",
    "%2e%2e/secret": "./%252e%252e/secret",
    "https://evil.example": "",
    "..": "",
}


@pytest.mark.parametrize("path", PATHS)
def test_a_link_of_the_report_stays_in_its_folder(path: str) -> None:
    sample = sample_results()
    checks = tuple(
        replace(one, evidence=tuple(replace(piece, text=None, path=path) for piece in one.evidence))
        for one in sample.checks
    )
    links = re.findall(r'href="([^"]*)"', html.render(replace(sample, checks=checks)))
    files = {one for one in links if not one.startswith(("#", "data:,", "http"))}

    assert files == ({PATHS[path]} if PATHS[path] else set())
