"""Libraries are loaded in one place, one at a time, and whole."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest
from repositories import Content

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import load_target
from gonogo.checks import clients
from gonogo.checks.journal import Journal
from gonogo.core.loading import LOADING, also, need, once
from gonogo.core.outcomes import Mode, Outcome
from gonogo.providers.existing.addresses import Existing
from gonogo.run.platform import Platform

ROOT = Path(__file__).parent.parent
COMPONENTS = sorted(path.parent.name for path in ROOT.glob("deploy/*/component.toml"))
RUN = "pv-20240101000000-0a1b2c"
SOON = 5.0
"""Seconds in which a thread that nobody holds up has ended."""

PACKAGE = """
    import gonogo_meeting
    gonogo_meeting.wait()
    import {other}.part
"""
"""Its import is met in the midst by that of the other; a barrier that nobody else comes to opens after a moment."""

MEETING = """
    import threading
    from contextlib import suppress

    barrier = threading.Barrier(2)

    def wait():
        with suppress(threading.BrokenBarrierError):
            barrier.wait(0.3)
"""

LOADS = """
    def load():
        from gonogo.core.loading import need

        need("{library}")
"""


def asking(library: str) -> Callable[[str], str]:
    """The client of a made-up component that imports ``library`` as it is asked."""
    loads, answers = dedent(LOADS).format(library=library), "        return self.mood()\n"
    return lambda text: text.replace(answers, f"        import {library}\n{answers}", 1) + loads


def change(content: Content, path: str, how: Callable[[str], str]) -> None:
    """A file of the content, as ``how`` makes it."""
    file = content.root / path
    before = file.read_text()
    file.write_text(how(before))
    assert file.read_text() != before


@pytest.fixture
def platform(content: Content) -> Callable[[], Platform]:
    """A platform on the content repository."""

    def made() -> Platform:
        registry = Registry.load(content.root)
        target = load_target("there", content.root, registry)
        journal = Journal(content.root / "journal.jsonl")
        return Platform(registry, target, Existing(target), run=RUN, mode=Mode.READ, journal=journal)

    return made


@pytest.fixture
def threads() -> Iterator[Callable[[Callable[[], Any]], threading.Thread]]:
    """Starts a thread; what it raised fails the test at its end."""
    errors: list[BaseException] = []
    started: list[threading.Thread] = []

    def start(what: Callable[[], Any]) -> threading.Thread:
        def run() -> None:
            try:
                what()
            except BaseException as error:
                errors.append(error)

        started.append(threading.Thread(target=run, daemon=True))
        started[-1].start()
        return started[-1]

    yield start
    for one in started:
        one.join(SOON)
    assert [one for one in started if one.is_alive()] == []
    assert errors == []


# -- one at a time


def test_two_components_whose_libraries_need_each_other_both_answer(
    content: Content, platform: Callable[[], Platform], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two threads, each in the midst of an import that the other one waits for: Python tells one of them of a deadlock.
    content.write("lib/gonogo_meeting.py", MEETING)
    for component, own, other in (("store", "gonogo_left", "gonogo_right"), ("shop", "gonogo_right", "gonogo_left")):
        content.write(f"lib/{own}/__init__.py", PACKAGE.format(other=other))
        content.write(f"lib/{own}/part.py", "")
        change(content, f"fixtures/{component}.py", asking(f"{own}.part"))
    change(content, "deploy/shop/component.toml", lambda text: text.replace('needs = ["store"]', "needs = []"))
    monkeypatch.syspath_prepend(content.root / "lib")
    need("gonogo_meeting")
    both = platform()

    both.attach(["store", "shop"])

    standings = [both.standing(name, SOON) for name in ("store", "shop")]
    assert [(s.outcome, s.message) for s in standings] == [(Outcome.PASSED, "")] * 2


def client(platform: Platform) -> None:
    """One of the store, opened and closed."""
    with platform.client("store"):
        pass


def test_what_is_loaded_waits_for_nobody_who_loads(content: Content, platform: Callable[[], Platform]) -> None:
    there = platform()
    there.attach(["store"])
    there.standing("store", SOON)
    asked = threading.Event()

    with LOADING:
        asker = threading.Thread(target=lambda: (client(there), asked.set()), daemon=True)
        asker.start()

        assert asked.wait(SOON)
    asker.join()


def test_whoever_builds_a_client_itself_finds_its_libraries_loaded(
    content: Content, platform: Callable[[], Platform], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A process of its own, as a worker of pytest-xdist's, is told the standings and has asked nobody yet.
    content.write("lib/gonogo_library.py", "")
    monkeypatch.syspath_prepend(content.root / "lib")
    change(content, "fixtures/store.py", asking("gonogo_library"))
    first, worker = platform(), platform()
    first.attach(["store"])
    first.standing("store", SOON)
    del sys.modules["gonogo_library"], sys.modules["fixtures.store"]
    worker.adopt(first.exported())

    worker.endpoints("store")

    assert "gonogo_library" in sys.modules


def test_a_client_that_another_thread_is_loading_is_waited_for(
    content: Content, threads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go = threading.Event(), threading.Event()
    hook = ModuleType("gonogo_hook")
    hook.pause = lambda: (begun.set(), go.wait(SOON))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, hook.__name__, hook)
    change(content, "fixtures/store.py", lambda text: f"import gonogo_hook\ngonogo_hook.pause()\n{text}")
    found: list[str] = []

    def ask() -> None:
        found.append(clients.client_class(content.root, "store").__name__)

    first = threads(ask)
    assert begun.wait(SOON)
    second = threads(ask)
    second.join(0.2)
    go.set()

    first.join(SOON)
    second.join(SOON)
    assert found == ["Store", "Store"]


def test_a_client_that_cannot_be_loaded_is_not_half_there(content: Content) -> None:
    change(content, "fixtures/store.py", lambda text: text + "\nraise ValueError('half')\n")

    for _ in range(2):
        with pytest.raises(ValueError, match="half"):
            clients.client_class(content.root, "store")


def test_libraries_are_loaded_once_by_however_many_threads(threads: Any) -> None:
    loads: list[str] = []
    start = threading.Barrier(8)
    load = once(lambda: loads.append(threading.current_thread().name))

    several = [threads(lambda: (start.wait(SOON), load())) for _ in range(8)]

    for one in several:
        one.join(SOON)
    assert len(loads) == 1


def test_what_could_not_be_loaded_is_tried_again() -> None:
    answers = iter([ImportError("not yet"), None])

    @once
    def load() -> None:
        if (error := next(answers)) is not None:
            raise error

    with pytest.raises(ImportError, match="not yet"):
        load()
    load()
    load()  # by now there is no third answer to ask for


def test_what_a_library_may_lack_is_left_to_the_call_that_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # gssapi is like that where its C library is missing
    (tmp_path / "gonogo_broken.py").write_text("raise OSError('no such library')")
    monkeypatch.syspath_prepend(tmp_path)

    also("gonogo.no_such_module", "gonogo_broken", "wave")

    assert "wave" in sys.modules
    with pytest.raises(ModuleNotFoundError, match=r"gonogo\.no_such_module"):
        need("gonogo.no_such_module")


def test_a_library_that_is_not_installed_breaks_its_component_and_blocks_what_needs_it(
    content: Content, pytester: pytest.Pytester, outcomes: Callable[[], dict[str, str]]
) -> None:
    change(content, "fixtures/store.py", asking("gonogo_absent"))

    done = pytester.runpytest("suites")

    assert outcomes() == {
        "store.answers": "broken",
        **dict.fromkeys(("store.mood", "shop.answers", "shop.sells"), "blocked"),
        "store.keeps": "skipped",
    }
    done.stdout.fnmatch_lines(["*ModuleNotFoundError: No module named 'gonogo_absent'*"])


# -- whole

NEVER_CALLED = {
    "click": "httpx's command line",
    "cryptography": "certificates that drills make (gonogo.checks.certificates.ending)",
    "pygments": "likewise",
    "rich": "likewise",
    "pydantic": "models that the kubernetes package only declares",
    "numpy": "rows and documents of a caller's who has it",
    "pandas": "likewise",
    "pyarrow": "likewise",
    "requests.auth": "a way to log in that is not ours",
    "botocore.session": "Kafka on AWS; loaded where a target says so",
    "opentelemetry.util._importlib_metadata": "another context than the usual one",
    "urllib3.http2": "asked for by nobody",
    "urllib3.contrib.socks": "loaded where PySocks is there",
    "httpcore._async": "we call the blocking one",
    "httpcore._backends.trio": "likewise",
    "httpcore._sync.http2": "asked for by nobody",
    "httpcore._sync.socks_proxy": "no proxy is used",
    "idna.uts46data": "a leaf, which imports nothing",
    "dateutil.rrule": "calendars",
    "dateutil.zoneinfo": "time zones of a machine that has none",
    "kubernetes.client.api.custom_objects_api": "metrics of the package's own",
    "neo4j._async.io._http": "servers that speak HTTP instead of Bolt",
    "neo4j._sync": "we call the other one",
    "neo4j._async_compat.network._http_query_api": "servers that speak HTTP instead of Bolt",
    "pkg_resources": "time zones that pytz has no file of",
    "psycopg.pq.pq_ctypes": "where its C library is missing",
}
"""What the code of client libraries would import at calls that no client of ours makes, and which those are."""


# the checklist asks by other components' clients, and by the planner, which is loaded where it is asked
@pytest.mark.parametrize("component", [one for one in COMPONENTS if one != "checklist"])
def test_once_its_libraries_are_loaded_no_call_of_a_client_imports_any_more(component: str, tmp_path: Path) -> None:
    program = [sys.executable, str(ROOT / "tests/unserved.py"), component, str(tmp_path)]

    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["imported"] == []
    assert [name for name in told["later"] if not f"{name}.".startswith(tuple(f"{n}." for n in NEVER_CALLED))] == []
