"""Nothing leaves the process but through the gate: by syntax, by stream, by file, whoever writes."""

from __future__ import annotations

import ast
import io
import json
import logging
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from samples import sample_results as results

from gonogo.core import outlet
from gonogo.core.endpoints import Secret
from gonogo.core.outlet import Gate, clean, guarded, learn, redacted, say, say_json, tell, uncut, with_texts
from gonogo.results.events import Event, Events, recovered
from gonogo.results.seal import whole
from gonogo.run.publish import publish

ROOT = Path(__file__).parent.parent
CANARY = "kT9xQw7mZp4LsV2cB8"
KEY = ["-----BEGIN PRIVATE KEY-----", *[CANARY * 2] * 30, "-----END PRIVATE KEY-----"]
KEY = ["-----BEGIN PRIVATE KEY-----", *[CANARY * 2] * 30, "-----END PRIVATE KEY-----"]

# -- who may print and write, by the syntax of all modules

WRITERS: dict[str, str] = {
    "core.outlet": "the gate itself",
    "core.atomic": "what the gate and the two below write through",
    "core.ours": "what keeps gonogo's own records writes through",
    "providers.existing.files.held": "certificates and keys that clients read, for their owner alone",
    "providers.embedded.tls._write": "certificates and keys of a platform, each for its server's account alone",
    "commands.attach._kept": "a secret's own file, for its owner alone: what `gonogo endpoints` refers to",
    "commands.new.run": "files of a component that nobody has filled in yet, from templates of ours",
    "providers.embedded.deployment.Deployment._lay_out": "configuration of servers, for their account alone",
    "providers.embedded.archives": "names of classes, why Java refused an archive, and its own place in /proc",
    "commands.init.run": "files of a person's own: references to secrets, as `endpoints --discover` prints them",
    "providers.embedded.platforms": "what servers are started again from, for its owner alone",
    "providers.embedded.programs": "downloads and what they are unpacked to",
    "providers.embedded.transfer": "downloads",
    "providers.helm.charts.fetch": "charts as they were published, and their digests",
    "providers.helm.kept.defined": "schemas of kinds that charts define, for their owner alone",
    "providers.embedded.control": "the keeper's own log and pipes, inside the platform's folder",
    "providers.embedded.keeper": "a program of its own, which imports nothing: server logs as servers write them",
    "commands.options": "help, of words that stand in the code",
    "commands.schemas": "our own schemas, of what verbs print",
    "run.progress._console": "makes the terminal that the screen below writes to",
    "run.progress.original_stderr": "opens the stream that the screen writes to",
    "run.progress.Screen": "writes to a terminal of its own; every text is redacted as it comes in",
    "results.schema": "a program that prints our own schema",
    "run.child._worked": "tells the parent process one word",
    "run.drills._ending": "a drill's certificate, whose key stays where it is",
    "run.drills.asked_under": "opens the null device",
    "checks.journal.Journal.record": "names of objects that gonogo made itself, by which they are deleted",
}
"""Modules and functions that write and are no part of the gate, each with what it writes."""

CALLS = frozenset(
    {
        *("print", "write_atomically", "ours.write", "ours.append", "Console", "os.write", "warnings.warn"),
        *("traceback.print_exc", "traceback.print_exception", "traceback.print_stack"),
        *("logging.basicConfig", "logging.StreamHandler", "logging.FileHandler"),
        *("typer.echo", "click.echo", "typer.secho", "os.dup2", "os.sendfile", "faulthandler.enable", "sys.excepthook"),
        *("shutil.copyfileobj", "shutil.copyfile", "shutil.copy", "shutil.copy2", "pprint", "pprint.pprint"),
    }
)
METHODS = frozenset({"write_text", "write_bytes", "writelines", "write_line", "section", "write_sep", "last_words_to"})
STREAMS = frozenset({"sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__"})
WRAPPED = frozenset({"write_line", "UsageError"})
"""Whose text is pytest's to print: it must be redacted where it is handed over."""


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the engine by its dotted name below ``gonogo``."""
    source = ROOT / "src" / "gonogo"
    paths = {path.relative_to(source).with_suffix(""): path for path in source.rglob("*.py")}
    return {".".join(name.parts): ast.parse(path.read_text(encoding="utf-8")) for name, path in paths.items()}


def sinks(tree: ast.AST, place: str) -> Iterator[tuple[str, str]]:
    """Where in a module something is printed or written, and how: its functions by their dotted names."""
    for node in ast.iter_child_nodes(tree):
        inner = place
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            inner = f"{place}.{node.name}"
        elif isinstance(node, ast.Call) and (how := written(node)):
            yield place, f"{how} in line {node.lineno}"
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in STREAMS:
            yield place, f"{ast.unparse(node)} in line {node.lineno}"
        yield from sinks(node, inner)


def written(call: ast.Call) -> str:
    """How the call prints or writes, or an empty text."""
    function = ast.unparse(call.func)
    method = call.func.attr if isinstance(call.func, ast.Attribute) else function
    if method in WRAPPED:
        first = call.args[0] if call.args else None
        safe = isinstance(first, ast.Call) and ast.unparse(first.func) == "redacted"
        return "" if safe or constant(first) else function
    if function in CALLS or method in METHODS:
        return function
    if method in ("open", "fdopen") and opens_to_write(call):
        return function
    return ""


def constant(value: ast.expr | None) -> bool:
    """Whether it is a text of ours, with names of options and words in it at most."""
    return isinstance(value, ast.Constant)


def opens_to_write(call: ast.Call) -> bool:
    """Whether the mode, or the flags, of an ``open`` let it write."""
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    modes = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    flags = " ".join(map(ast.unparse, given))
    short = [mode for mode in modes if len(mode) <= 3 and set(mode) <= set("rwaxbt+")]
    opened = any(set(mode) & set("wax+") for mode in short)
    return opened or any(flag in flags for flag in ("O_WRONLY", "O_RDWR", "flags"))


def allowed(place: str) -> bool:
    """Whether a place is named, or within one that is."""
    return any(place == one or place.startswith(f"{one}.") for one in WRITERS)


def test_no_module_but_the_gate_prints_or_writes() -> None:
    found = {name: [*sinks(tree, name)] for name, tree in modules().items()}

    unexpected = [f"{place}: {how}" for places in found.values() for place, how in places if not allowed(place)]

    assert sum(map(len, found.values())) > 20
    assert unexpected == []


def test_every_exception_to_the_gate_is_one() -> None:
    places = {place for name, tree in modules().items() for place, _ in sinks(tree, name)}

    assert [one for one in WRITERS if not any(p == one or p.startswith(f"{one}.") for p in places)] == []


@pytest.mark.parametrize(
    "source",
    [
        "print(1)",
        "def f():\n    print(1)",
        "import sys\nsys.stderr.write('x')",
        "from pathlib import Path\nPath('x').write_text('y')",
        "open('x', 'w')",
        "path.open('ab')",
        "os.open(path, os.O_WRONLY | os.O_CREAT)",
        "os.fdopen(handle, mode='w')",
        "os.write(1, b'x')",
        "traceback.print_exc()",
        "reporter.write_line(text)",
        "raise pytest.UsageError(str(error))",
        "Console(file=stream)",
        "warnings.warn('x')",
    ],
)
def test_the_search_sees_every_way_to_write(source: str) -> None:
    assert [*sinks(ast.parse(source), "m")]


@pytest.mark.parametrize(
    "source", ["open('name')", "path.open('rb')", "reporter.write_line(redacted(text))", "say('x')"]
)
def test_the_search_sees_no_way_where_there_is_none(source: str) -> None:
    assert [*sinks(ast.parse(source), "m")] == []


def test_every_verb_is_run_behind_the_gate() -> None:
    (main,) = [node for node in modules()["cli"].body if isinstance(node, ast.FunctionDef) and node.name == "main"]
    (guard,) = [node for node in main.body if isinstance(node, ast.With)]

    assert ast.unparse(guard.items[0].context_expr) == "guarded()"
    assert ast.unparse(guard.body[0]) == "code = ended()"


# -- streams


@contextmanager
def streams() -> Iterator[tuple[io.StringIO, io.StringIO]]:
    """Standard output and error, as texts, for the time of the body."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        yield out, err


def test_what_a_secret_holds_is_shown_by_nothing_that_prints() -> None:
    secret = Secret(CANARY)

    with streams() as (out, err):
        say(f"the value {CANARY}", f"and {CANARY} again")
        tell(f"error with {secret.reveal()}")
        say_json({"rows": [{"message": f"seen {CANARY}", "n": 1}]})

    *lines, last = out.getvalue().splitlines()
    assert lines == ["the value ***", "and *** again"]
    assert json.loads(last) == {"rows": [{"message": "seen ***", "n": 1}]}
    assert err.getvalue() == "error with ***\n"


@pytest.mark.parametrize(
    "write",
    [
        lambda: print("from a library:", CANARY),
        lambda: sys.stderr.write(f"{CANARY}\n"),
        lambda: logging.lastResort.handle(logging.makeLogRecord({"levelno": logging.ERROR, "msg": f"with {CANARY}"})),
        lambda: traceback.print_exception(ValueError(f"Invalid header value b'Bearer {CANARY}'")),
        lambda: [sys.stdout.write(letter) for letter in f"said {CANARY}\n"],
        lambda: [(sys.stdout.write(letter), sys.stdout.flush()) for letter in f"said {CANARY}\n"],
        lambda: print("password:", "\n  hunter2hunter2", sep=""),
        lambda: [print("password:"), print("  " + CANARY)],
        lambda: [print(line) for line in KEY],
        lambda: print("pass", end="") or print(f"word={CANARY[::-1]}"),
    ],
    ids=["print", "stderr", "logging", "traceback", "letters", "flushed", "below", "in turn", "key", "halves"],
)
def test_what_others_print_passes_the_gate(write: Any) -> None:
    learn(CANARY)

    with streams() as printed, guarded():
        write()

    shown = "".join(stream.getvalue() for stream in printed)
    assert shown
    for secret in (CANARY, CANARY[::-1], "hunter2hunter2"):
        assert secret not in shown


def test_a_line_that_is_not_finished_is_shown_where_nothing_in_it_may_be_secret() -> None:
    plain = io.StringIO()
    gate = Gate(plain)
    learn(CANARY)

    gate.write("suites/test_a.py ..")
    gate.flush()
    shown = plain.getvalue()
    gate.write(f". {CANARY[:7]}")
    gate.flush()
    held = plain.getvalue()
    gate.write("zzz\n")

    assert shown == "suites/test_a.py .."
    assert held == "suites/test_a.py .."
    assert plain.getvalue() == f"suites/test_a.py ... {CANARY[:7]}zzz\n"


def test_the_gate_is_a_text_stream_like_the_one_behind_it() -> None:
    gate = Gate(sys.__stdout__)  # type: ignore[arg-type]

    assert (gate.fileno(), gate.encoding, gate.isatty()) == (1, sys.__stdout__.encoding, sys.__stdout__.isatty())  # type: ignore[union-attr]
    with pytest.raises(TypeError, match="text is wanted"):
        gate.write(b"x")  # type: ignore[arg-type]


def test_json_that_was_cleaned_is_not_changed_again_by_the_gate_it_passes() -> None:
    rows = [{"name": "token", "state": "ready", "message": 'a "quoted" password=hunter2hunter2, and more'}]

    with streams() as (out, _), guarded():
        say_json({"rows": rows})

    (row,) = json.loads(out.getvalue())["rows"]
    assert row == {"name": "token", "state": "ready", "message": 'a "quoted" password=***, and more'}


# -- values


def test_a_table_is_cleaned_by_the_names_of_its_members() -> None:
    found = clean(
        {
            "password": "hunter2",
            "nested": [{"apiKey": "abc"}, {"name": "DB_PASS", "value": "swordfish"}],
            "args": ["run", "--token", "swordfish", "--verbose"],
            "object": {"kind": "Secret", "data": {"anything": "aHVudGVyMg=="}},
            "max_tokens": "4096",
            "token_type": "Bearer",
            "secretName": "pg-app",
            "count": 3,
        }
    )

    assert found == {
        "password": "***",
        "nested": [{"apiKey": "***"}, {"name": "DB_PASS", "value": "***"}],
        "args": ["run", "--token", "***", "--verbose"],
        "object": {"kind": "Secret", "data": {"anything": "***"}},
        "max_tokens": "4096",
        "token_type": "Bearer",
        "secretName": "pg-app",
        "count": 3,
    }


def test_what_holds_no_secret_comes_back_as_it_is() -> None:
    given = results()

    assert clean(given) is given


def test_results_keep_the_words_by_which_they_refer_to_each_other() -> None:
    given = results()
    criterion = given.criteria[0]
    for word in (criterion.id, *criterion.checks, criterion.component):
        learn(word)
    learn(CANARY)
    told = msgspec.structs.replace(criterion, reason=f"seen {CANARY}")
    shown = clean(msgspec.structs.replace(given, criteria=(told, *given.criteria[1:])))

    assert [c.id for c in shown.criteria] == [c.id for c in given.criteria]
    assert [c.nodeid for c in shown.checks] == [c.nodeid for c in given.checks]
    assert shown.criteria[0].reason == "seen ***"


def test_a_component_is_called_by_its_name_whatever_its_password_is() -> None:
    outlet.public(["mlflow"])
    learn("mlflow", CANARY)

    assert redacted(f"mlflow does not answer: {CANARY}") == "mlflow does not answer: ***"


def test_many_texts_are_looked_through_at_once_and_none_is_missed() -> None:
    learn(CANARY)
    texts = [f"object {n} is well" for n in range(1000)]
    texts[3], texts[500], texts[501] = f"a {CANARY}", 'open "', 'password="hunter2hunter2'
    texts[999] = "password:"

    shown = with_texts(texts, lambda text: [text], lambda text, redact: redact(text))

    assert [n for n in range(1000) if shown[n] != texts[n]] == [3, 501]
    assert (shown[3], shown[501]) == ("a ***", 'password="***')


def test_a_text_that_is_cut_is_redacted_before() -> None:
    learn(CANARY)
    text = "x" * 90 + CANARY

    assert CANARY[:10] not in uncut(text, 100)[:100]
    assert uncut("short", 100) == "short"


# -- files


def test_no_file_of_a_run_holds_a_secret_and_results_are_whole(tmp_path: Path) -> None:
    learn(CANARY)
    given = results()
    odd = f'<b>{CANARY}</b> & "token": "swordfish" at postgres://u:hunter2hunter2@h/d'
    checks = tuple(msgspec.structs.replace(c, message=odd, actual=odd, by_hand=odd) for c in given.checks)
    run = msgspec.structs.replace(given.run, argv=("gonogo", "check", "--password", "swordfish"))
    told = msgspec.structs.replace(given, checks=checks, run=run)
    events = Events(tmp_path / "run")

    events.add(Event(planned=told))
    events.add(Event(check=told.checks[0]))
    events.add(Event(finished=told))
    publish(told, tmp_path / "run", tmp_path / "out")

    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".lock"]
    assert len(files) == 9
    for path in files:
        for secret in (CANARY, "swordfish", "hunter2hunter2"):
            assert secret not in path.read_text(encoding="utf-8"), path
    stored = msgspec.json.decode((tmp_path / "out" / "results.json").read_bytes(), type=type(given))
    assert whole(stored)
    assert whole(recovered(tmp_path / "run"))


def test_a_process_shows_no_secret_in_its_last_words(tmp_path: Path) -> None:
    program = f"""
import sys
from gonogo import cli
from gonogo.core import outlet
outlet.learn({CANARY!r})

def fail():
    raise ValueError("Invalid header value b'Bearer {CANARY}\\\\nx'")

cli.app = lambda **given: fail()
sys.argv = ["gonogo", "status"]
cli.main()
"""
    environment = {**os.environ, "GONOGO_DEBUG": "1"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)

    assert done.returncode == 4
    assert "gonogo itself failed: ValueError" in done.stderr
    assert "Traceback" in done.stderr
    assert CANARY not in done.stdout + done.stderr
