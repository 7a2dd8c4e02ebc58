"""Files come once, whole and right, whatever the network, the cache and other runs do."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from gonogo.core.errors import ConfigError
from gonogo.providers.embedded import fetch as fetching
from gonogo.providers.embedded import transfer
from gonogo.providers.embedded.fetch import Fetched, fetch, missing
from gonogo.providers.embedded.maven import Pin
from gonogo.providers.embedded.spec import Added, ClassPath, Command, EmbeddedSpec, Node, ProgramSpec
from gonogo.providers.embedded.transfer import Cancelled
from tests.mirror import Mirror, self_signed, use

SMALL, LARGE = b"small" * 100, b"large" * 100_000


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a user with no settings at all."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("PIP_") or name == "M2_REPO":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setattr(transfer, "PAUSES", (0.0, 0.0))
    return tmp_path / "user"


@pytest.fixture
def mirror(user: Path) -> Iterator[Mirror]:
    """The mirror that the user's settings name."""
    with Mirror() as mirror:
        use(mirror, user)
        yield mirror


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty GONOGO_HOME."""
    return tmp_path / "home"


def component(folder: Path, *pins: Pin, programs: dict[str, ProgramSpec] | None = None) -> EmbeddedSpec:
    """A component with this class path, its list written to the folder."""
    folder.mkdir(exist_ok=True)
    (folder / "maven.txt").write_text("".join(f"{pin.coordinates} {pin.size} {pin.sha256}\n" for pin in pins))
    return EmbeddedSpec(
        version="1",
        memory=1,
        disk=1,
        programs=programs or {},
        classpath=ClassPath(maven="maven.txt"),
        nodes=(Node(name="one", ports=("client",)),),
        command=Command(argv=("true",)),
        endpoints={},
    )


def brought(home: Path, *pins: Pin, programs: dict[str, ProgramSpec] | None = None) -> Fetched:
    """What is fetched for a component of these files."""
    folder = home.parent / "component"
    spec = component(folder, *pins, programs=programs)
    return fetch(spec, folder, home, lambda *_: None, threading.Event())


def problem(home: Path, *pins: Pin) -> str:
    """The sentence of a fetch that cannot succeed."""
    with pytest.raises(ConfigError) as caught:
        brought(home, *pins)
    return str(caught.value)


def zip_of(**files: str) -> bytes:
    """A zip, in which ``__`` in a name stands for a slash."""
    content = io.BytesIO()
    with ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/"), text)
    return content.getvalue()


def zipped(pin: Pin, **more: object) -> ProgramSpec:
    """A program that is the zip."""
    return ProgramSpec(maven=pin.coordinates, size=pin.size, sha256=pin.sha256, **more)  # type: ignore[arg-type]


def test_files_arrive_in_the_order_of_the_list(mirror: Mirror, home: Path) -> None:
    large, small = mirror.holds("org.example:large:1", LARGE), mirror.holds("org.example:small:1:jar:core", SMALL)

    classpath = brought(home, large, small).classpath

    assert classpath == [home / "maven" / large.path, home / "maven" / small.path]
    assert [path.read_bytes() for path in classpath] == [LARGE, SMALL]
    assert classpath[1].name == "small-1-core.jar"


def test_the_smallest_file_is_fetched_first(mirror: Mirror, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "AT_ONCE", 1)

    brought(home, mirror.holds("org.example:large:1", LARGE), mirror.holds("org.example:small:1", SMALL))

    assert list(mirror.counts) == ["small-1.jar", "large-1.jar"]


def test_every_user_may_read_what_was_fetched_and_nobody_else_may_write(mirror: Mirror, home: Path) -> None:
    before = os.umask(0o077)
    try:
        [path] = brought(home, mirror.holds("org.example:small:1", SMALL)).classpath
    finally:
        os.umask(before)

    assert path.stat().st_mode & 0o777 == 0o644
    assert {folder.stat().st_mode & 0o777 for folder in (home, home / "maven", path.parent)} == {0o755}


def test_progress_ends_at_the_total_also_after_a_damaged_file(mirror: Mirror, home: Path) -> None:
    large, small = mirror.holds("org.example:large:1", LARGE), mirror.holds("org.example:small:1", SMALL)
    mirror.faults[str(large.path)] = ["damaged"]
    told: list[tuple[int, int, str]] = []
    folder = home.parent / "component"

    fetch(component(folder, large, small), folder, home, lambda *one: told.append(one), threading.Event())

    assert told[-1][:2] == (len(LARGE) + len(SMALL),) * 2
    assert {what for _, _, what in told} == {"large-1.jar", "small-1.jar"}


def test_a_full_cache_needs_no_repository(mirror: Mirror, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = mirror.holds("org.example:small:1", SMALL)
    first = brought(home, small)
    monkeypatch.setattr(fetching, "Wire", None)
    monkeypatch.setattr(fetching, "perform", None)

    assert brought(home, small) == first
    assert mirror.counts == {"small-1.jar": 1}


@pytest.mark.parametrize("damage", [b"Small" * 100, b"short", b""], ids=["changed", "cut", "empty"])
def test_a_damaged_kept_file_is_fetched_again(mirror: Mirror, home: Path, damage: bytes) -> None:
    small = mirror.holds("org.example:small:1", SMALL)
    [path] = brought(home, small).classpath
    path.write_bytes(damage)

    brought(home, small)

    assert path.read_bytes() == SMALL
    assert mirror.counts == {"small-1.jar": 2}


def test_a_kept_file_with_another_time_is_looked_into_once(mirror: Mirror, home: Path) -> None:
    small = mirror.holds("org.example:small:1", SMALL)
    [path] = brought(home, small).classpath
    os.utime(path)

    brought(home, small)

    assert mirror.counts == {"small-1.jar": 1}
    assert path.stat().st_mtime == small.seal


def test_a_file_that_arrives_damaged_is_fetched_again(mirror: Mirror, home: Path) -> None:
    small = mirror.holds("org.example:small:1", SMALL)
    mirror.faults[str(small.path)] = ["damaged"]

    [path] = brought(home, small).classpath

    assert path.read_bytes() == SMALL
    assert mirror.counts == {"small-1.jar": 2}


def test_a_file_that_stays_damaged_is_named_and_not_kept(mirror: Mirror, home: Path) -> None:
    small = mirror.holds("org.example:small:1", SMALL)
    mirror.faults[str(small.path)] = ["damaged"] * 9

    sentence = problem(home, small)

    assert "small-1.jar arrived damaged twice" in sentence
    assert mirror.counts == {"small-1.jar": 2}
    assert [one for one in (home / "maven").rglob("*") if one.is_file()] == []


@pytest.mark.parametrize("fault", ["cut", 503, 429])
def test_a_passing_fault_of_transport_is_tried_again(mirror: Mirror, home: Path, fault: str | int) -> None:
    small = mirror.holds("org.example:small:1", SMALL)
    mirror.faults[str(small.path)] = [fault, fault]

    [path] = brought(home, small).classpath

    assert path.read_bytes() == SMALL
    assert mirror.counts == {"small-1.jar": 3}


@pytest.mark.parametrize(("status", "advice"), [(404, "must hold"), (401, "credentials"), (403, "credentials")])
def test_a_refused_file_is_one_sentence(mirror: Mirror, home: Path, status: int, advice: str) -> None:
    small = mirror.holds("org.example:small:1", SMALL)
    mirror.faults[str(small.path)] = [status]

    sentence = problem(home, small)

    assert f"answers {status} for small-1.jar" in sentence
    assert advice in sentence
    assert mirror.counts == {"small-1.jar": 1}


def test_no_network_and_an_empty_cache_is_one_sentence(user: Path, home: Path) -> None:
    with Mirror() as gone:
        small = gone.holds("org.example:small:1", SMALL)
        secret = gone.url.replace("//", "//me:hidden@")
    use(gone, user, url=secret)

    sentence = problem(home, small)

    assert sentence.startswith(
        f"mirror ours in {user}/.m2/settings.xml: small-1.jar cannot be fetched, 127.0.0.1 is not"
    )
    assert "HTTPS_PROXY" in sentence
    assert "hidden" not in sentence


def test_a_silent_repository_is_given_up(mirror: Mirror, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = mirror.holds("org.example:small:1", SMALL)
    mirror.held.add(str(small.path))
    monkeypatch.setattr(transfer, "NEXT_BYTE", 0.0)

    sentence = problem(home, small)

    assert "small-1.jar cannot be fetched" in sentence


def test_a_fetch_is_stopped_and_finished_files_stay(mirror: Mirror, home: Path) -> None:
    large, small = mirror.holds("org.example:large:1", LARGE), mirror.holds("org.example:small:1", SMALL)
    mirror.held.add(str(large.path))
    folder, cancelled = home.parent / "component", threading.Event()

    def progress(done: int, _total: int, _what: str) -> None:
        if done > 100_000 and (home / "maven" / small.path).exists():
            cancelled.set()

    with pytest.raises(Cancelled):
        fetch(component(folder, large, small), folder, home, progress, cancelled)
    mirror.go_on.set()
    brought(home, large, small)

    assert mirror.counts["small-1.jar"] == 1


def test_files_of_the_local_maven_repository_are_taken(mirror: Mirror, user: Path, home: Path) -> None:
    small, large = mirror.holds("org.example:small:1", SMALL), mirror.holds("org.example:large:1", LARGE)
    local = user / ".m2" / "repository"
    for pin, content in ((small, SMALL), (large, b"X" * len(LARGE))):
        (local / pin.path).parent.mkdir(parents=True)
        (local / pin.path).write_bytes(content)
    # a file system notes the first read after a write, unless the file was read later than that
    os.utime(local / small.path, (time.time() + 60, time.time()))
    before = (local / small.path).stat()

    classpath = brought(home, small, large).classpath

    assert [path.read_bytes() for path in classpath] == [SMALL, LARGE]
    assert mirror.counts == {"large-1.jar": 1}
    assert (local / small.path).stat() == before


def test_the_users_credentials_are_sent(
    mirror: Mirror, user: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIRROR_PASSWORD", "hidden")
    server = "<server><id>ours</id><username>me</username><password>${env.MIRROR_PASSWORD}</password></server>"
    use(mirror, user, more=f"<servers>{server}</servers>")

    brought(home, mirror.holds("org.example:small:1", SMALL))

    assert mirror.authorization == ["Basic " + b64encode(b"me:hidden").decode()]


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY", "PIP_PROXY"])
def test_the_users_proxy_is_used(
    mirror: Mirror, user: Path, home: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    use(mirror, user, url="http://repository.invalid/maven2")
    monkeypatch.setenv(variable, mirror.url.removeprefix("http://"))

    [path] = brought(home, mirror.holds("org.example:small:1", SMALL)).classpath

    assert path.read_bytes() == SMALL


def test_a_certificate_is_trusted_by_the_users_setting(
    tmp_path: Path, user: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, context = self_signed(tmp_path)
    with Mirror(tls=context) as mirror:
        use(mirror, user)
        small = mirror.holds("org.example:small:1", SMALL)

        sentence = problem(home, small)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
        [path] = brought(home, small).classpath

    assert "CERTIFICATE_VERIFY_FAILED" in sentence
    assert path.read_bytes() == SMALL


def test_a_run_that_was_killed_leaves_nothing_in_the_way(mirror: Mirror, user: Path, home: Path) -> None:
    large, small = mirror.holds("org.example:large:1", LARGE), mirror.holds("org.example:small:1", SMALL)
    mirror.held.add(str(large.path))
    other = another_run(user, home, large, small)
    for line in other.stdout or ():
        if int(line.split()[0]) > 100_000 and (home / "maven" / small.path).exists():
            break
    other.send_signal(signal.SIGKILL)
    other.communicate()
    torn = list((home / "maven").rglob("*.part"))
    mirror.go_on.set()

    classpath = brought(home, large, small).classpath

    assert [path.name for path in torn] == ["large-1.jar.part"]
    assert [path.read_bytes() for path in classpath] == [LARGE, SMALL]
    assert list((home / "maven").rglob("*.part")) == []
    assert mirror.counts == {"large-1.jar": 2, "small-1.jar": 1}


def test_two_runs_at_once_fetch_a_file_once(mirror: Mirror, user: Path, home: Path) -> None:
    large = mirror.holds("org.example:large:1", LARGE)
    mirror.held.add(str(large.path))
    first = another_run(user, home, large)
    mirror.asked_for_held.wait()
    second = another_run(user, home, large)
    waits = second.stdout and second.stdout.readline()
    mirror.go_on.set()

    said = [run.communicate()[0].splitlines()[-1] for run in (first, second)]

    assert waits == f"0 {len(LARGE)} large-1.jar\n"
    assert said == ["done", "done"]
    assert mirror.counts == {"large-1.jar": 1}


def test_a_zip_is_unpacked_for_every_user(mirror: Mirror, home: Path) -> None:
    content = zip_of(**{"server-1__bin__start": "#!/bin/sh", "server-1__lib__a.jar": "a"})
    pin = mirror.holds("org.example:server:1:zip", content)
    program = zipped(pin, strip=1, executable=("bin/*",))

    folder = brought(home, programs={"home": program}).programs["home"]

    assert folder.parent == home / "programs"
    assert folder.name.startswith("server-1-")
    assert (folder / "bin/start").read_text() == "#!/bin/sh"
    assert (folder / "bin/start").stat().st_mode & 0o777 == 0o755
    assert (folder / "lib/a.jar").stat().st_mode & 0o777 == 0o644


def test_a_zip_is_added_to_another_ones_folder(mirror: Mirror, home: Path) -> None:
    pin = mirror.holds("org.example:server:1:zip", zip_of(bin__start="x"))
    plugin = mirror.holds("org.example:plugin:1:zip", zip_of(**{"plugin.properties": "name=lock"}))
    added = Added(maven=plugin.coordinates, size=plugin.size, sha256=plugin.sha256)

    whole = brought(home, programs={"home": zipped(pin, adds={"plugins/lock": added})}).programs["home"]
    bare = brought(home, programs={"home": zipped(pin)}).programs["home"]

    assert (whole / "plugins/lock/plugin.properties").read_text() == "name=lock"
    assert whole != bare
    assert not (bare / "plugins").exists()


def test_another_choice_of_a_zip_is_another_folder(mirror: Mirror, home: Path) -> None:
    pin = mirror.holds("org.example:server:1:zip", zip_of(bin__start="x"))

    one, two = (
        brought(home, programs={"home": zipped(pin, executable=globs)}).programs["home"] for globs in ((), ("bin/*",))
    )

    assert one != two
    assert mirror.counts == {"server-1.zip": 1}


def test_a_damaged_program_is_unpacked_again(mirror: Mirror, home: Path) -> None:
    pin = mirror.holds("org.example:server:1:zip", zip_of(bin__start="right", lib__gone="there"))
    folder = brought(home, programs={"home": zipped(pin)}).programs["home"]
    (folder / "bin/start").write_text("wrong")
    (folder / "lib/gone").unlink()
    (folder.with_name(folder.name + ".part")).mkdir()

    brought(home, programs={"home": zipped(pin)})

    assert (folder / "bin/start").read_text() == "right"
    assert (folder / "lib/gone").read_text() == "there"
    assert [one.name for one in folder.parent.iterdir()] == [folder.name]
    assert mirror.counts == {"server-1.zip": 1}


@pytest.mark.parametrize("name", ["../evil", "/evil", "bin/../../evil"])
def test_a_zip_that_leads_out_of_its_folder_is_refused(mirror: Mirror, home: Path, name: str) -> None:
    pin = mirror.holds("org.example:server:1:zip", zip_of(**{name: "x"}))

    with pytest.raises(ConfigError, match="leads out of it"):
        brought(home, programs={"home": zipped(pin)})

    assert list(home.parent.rglob("evil")) == []


def test_room_is_asked_for_what_is_missing_alone(mirror: Mirror, home: Path) -> None:
    small, large = mirror.holds("org.example:small:1", SMALL), mirror.holds("org.example:large:1", LARGE)
    brought(home, small)
    folder = home.parent / "component"

    assert missing(component(folder, small, large), folder, home) == {home / "maven" / large.path: len(LARGE)}


def test_a_home_without_room_is_one_sentence(mirror: Mirror, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = mirror.holds("org.example:small:1", SMALL)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    assert problem(home, small).startswith(f"GONOGO_HOME: {home} cannot be used: No space left on device")


def another_run(user: Path, home: Path, *pins: Pin) -> subprocess.Popen[str]:
    """A process of its own that fetches these files, tells its progress, then says "done"."""
    folder = home.parent / "component"
    component(folder, *pins)
    script = """
import sys, threading
from pathlib import Path
from tests.test_fetch import component
from gonogo.providers.embedded.fetch import fetch
from gonogo.providers.embedded.maven import read_pins
folder, home = map(Path, sys.argv[1:])
spec = component(folder, *read_pins(folder / "maven.txt"))
fetch(spec, folder, home, lambda *one: print(*one, flush=True), threading.Event())
print("done")
"""
    return subprocess.Popen(
        [sys.executable, "-c", script, str(folder), str(home)],
        env=os.environ | {"HOME": str(user)},
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        text=True,
    )
