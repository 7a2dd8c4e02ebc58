"""What earlier runs left behind: found by journal and by name, deleted only where that is allowed."""

from __future__ import annotations

import io
import json
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from repositories import Content

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import load_target
from gonogo.checks.journal import Journal
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import ConfigError
from gonogo.core.outcomes import Mode, Outcome
from gonogo.providers.embedded import keeper, platforms
from gonogo.providers.existing.addresses import Existing
from gonogo.run.platform import Platform
from gonogo.run.progress import Screen
from gonogo.run.sweep import leftovers, old, orphans, removed

RUN, FRESH = "pv-20240101000000-0a1b2c", "pv-29990101000000-0a1b2c"
Make = Callable[..., Platform]


@pytest.fixture
def make(content: Content) -> Make:
    """A platform on the content repository."""

    def made(mode: Mode = Mode.READ) -> Platform:
        registry = Registry.load(content.root)
        target = load_target("there", content.root, registry)
        return Platform(registry, target, Existing(target), run=RUN, mode=mode, journal=journal(content))

    return made


def journal(content: Content) -> Journal:
    """The journal of the checkout."""
    return Journal(content.root / ".gonogo/journal.jsonl")


def record(content: Content, name: str, component: str = "store", *, removed: bool = False, **other: str) -> None:
    """A line as a run of this target writes it before it creates a thing."""
    line = {"run": RUN, "kind": "thing", "target": "there", "identity": f"id-of-{component}", **other}
    journal(content).record(component=component, name=name, removed=removed, **line)


@pytest.mark.parametrize(
    ("run", "hours", "is_old"),
    [
        ("pv-20240101000000-0a1b2c", 24, True),
        ("pv_20240101000000_0a1b2c_7", 24, True),
        ("pv-20240102120000-0a1b2c", 24, False),
        ("pv-20240102120000-0a1b2c", 0, True),
        ("orders", 0, False),
    ],
)
def test_the_age_of_a_run_stands_in_its_id(run: str, hours: float, is_old: bool) -> None:
    assert old(run, hours, now=datetime(2024, 1, 2, 13, tzinfo=UTC)) is is_old


def test_objects_are_found_by_their_name_and_by_the_journal_each_once(make: Make, content: Content) -> None:
    content.write(f"servers/store/{RUN}-1", "")
    content.write(f"servers/store/{FRESH}-1", "")
    record(content, f"{RUN}-1")
    record(content, f"{RUN}-2", "shop")
    record(content, f"{RUN}-3", "shop")
    record(content, f"{RUN}-3", "shop", removed=True)

    found, _ = leftovers(make(), Screen(io.StringIO()), 24)

    assert [(f.component, f.name, f.seen) for f in found] == [("shop", f"{RUN}-2", False), ("store", f"{RUN}-1", True)]


def test_a_component_that_does_not_answer_is_told_not_passed_over(make: Make, content: Content) -> None:
    content.mood("store", None)
    told = io.StringIO()

    assert leftovers(make(), Screen(told), 24) == ([], [Outcome.BLOCKED, Outcome.FAILED])
    assert "store could not be asked" in told.getvalue()


def test_what_is_removed_is_gone_from_the_journal_too(make: Make, content: Content) -> None:
    left = content.write(f"servers/store/{RUN}-1", "")
    record(content, left.name)
    platform, screen = make(Mode.WRITE), Screen(io.StringIO())

    ((found,), _) = leftovers(platform, screen, 24)

    assert removed(platform, screen, found) is Outcome.PASSED
    assert not left.exists()
    assert journal(content).open_entries() == []


def test_what_cannot_be_removed_stays_in_the_journal(make: Make, content: Content) -> None:
    left = content.write(f"servers/store/{RUN}-1", "")
    record(content, left.name)
    client = content.root / "fixtures/store.py"
    client.write_text(client.read_text().replace("(self.folder / name).unlink(missing_ok=True)", "self.mood()"))
    told = io.StringIO()
    platform, screen = make(Mode.WRITE), Screen(told)
    ((found,), _) = leftovers(platform, screen, 24)
    content.mood("store", None)

    assert removed(platform, screen, found) is Outcome.FAILED
    assert f"store: thing {RUN}-1 could not be deleted: connection refused" in told.getvalue()
    assert [entry.name for entry in journal(content).open_entries()] == [left.name]


FORGED: dict[str, tuple[str | dict[str, str], str]] = {
    "a name without a run": ({"name": "orders"}, "no name that a run gives"),
    "a name of another run": ({"name": f"{FRESH}-1"}, "no name that a run gives"),
    "a name that is a path": ({"name": f"../{RUN}/../orders"}, "no name that a run gives"),
    "a name with more in it": ({"name": f"{RUN}-1 orders"}, "no name that a run gives"),
    "a name with SQL": ({"name": f'{RUN}"; DROP TABLE orders; --'}, "no name that a run gives"),
    "a name without end": ({"name": f"{RUN}-" + "1" * 3000}, "no name that a run gives"),
    "a run that is none": ({"run": "pv-20249999999999-0a1b2c", "name": "pv-20249999999999-0a1b2c-1"}, "no name"),
    "an empty run": ({"run": "", "name": ""}, "no name that a run gives"),
    "a kind with SQL": ({"kind": "thing; DROP TABLE orders; --"}, "a kind that is none"),
    "a kind of another component": ({"kind": "topic"}, "a kind that is none"),
    "no kind": ({"kind": ""}, "a kind that is none"),
    "another target": ({"target": "production"}, "another target"),
    "no target": ({"target": ""}, "no target"),
    "another server": ({"identity": "id-of-production"}, "another server"),
    "no server": ({"identity": ""}, "another server"),
    "a component that is none": ({"component": "../store"}, "no component"),
    "no JSON": ('{"run":', "damaged"),
    "no object": ("[1, 2]", "damaged"),
    "wrong types": ('{"run": 1, "kind": ["thing"], "component": {}, "name": null, "created": 0}', "damaged"),
    "nothing": ("{}", "damaged"),
    "no text": ("\udcff\udcfe", "damaged"),
    "deep": ("[" * 3000, "damaged"),
    "huge": ('{"run": "' + "x" * 100_000 + '"}', "damaged"),
}


@pytest.mark.parametrize("how", FORGED)
def test_a_line_that_no_run_wrote_for_this_server_is_told_and_acted_on_by_nobody(
    make: Make, content: Content, how: str
) -> None:
    change, said = FORGED[how]
    precious = [content.write(f"servers/store/{name}", "theirs") for name in ("orders", "table")]
    record(content, f"{RUN}-7")
    if isinstance(change, dict):
        line = {"run": RUN, "kind": "thing", "component": "store", "name": f"{RUN}-1", "created": "", "target": "there"}
        text = json.dumps({**line, "identity": "id-of-store", **change})
    else:
        text = change
    with journal(content).path.open("a", encoding="utf-8", errors="surrogateescape") as file:
        file.write(f"{text}\n")
    record(content, f"{RUN}-8")
    told = io.StringIO()
    platform, screen = make(Mode.WRITE), Screen(told)

    found, _ = leftovers(platform, screen, 24)
    gone = [removed(platform, screen, one) for one in found]

    assert [one.name for one in found] == [f"{RUN}-7", f"{RUN}-8"]
    assert gone == [Outcome.PASSED, Outcome.PASSED]
    (line,) = [line for line in told.getvalue().splitlines() if line.startswith("left alone")]
    assert said in line
    assert len(line) < 400
    assert all(path.exists() for path in precious)


def test_many_strange_lines_are_told_in_one(make: Make, content: Content) -> None:
    for number in range(20):
        record(content, f"{RUN}-{number}", target=f"elsewhere-{number}")
    told = io.StringIO()

    assert leftovers(make(), Screen(told), 24)[0] == []
    assert told.getvalue().count("left alone") == 1
    assert "and 19 more" in told.getvalue()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.chmod(0o666), "other accounts may write to it"),
        (lambda path: path.chmod(0o620), "other accounts may write to it"),
        (lambda path: path.rename(path.with_name("real")) and path.symlink_to("real"), "it is a symbolic link"),
        (lambda path: path.with_name("second").hardlink_to(path), "hard link"),
        (lambda path: path.unlink() or path.mkdir(), "it is no plain file"),
        (lambda path: path.unlink() or os.mkfifo(path), "it is no plain file"),
        (lambda path: os.chown(path, 65534, 65534), "it belongs to another account"),
    ],
    ids=["everybody's", "a group's", "a link", "two names", "a folder", "a pipe", "another's"],
)
def test_a_journal_that_others_may_have_written_is_told_and_not_believed(
    make: Make, content: Content, spoil: Callable[[Path], object], said: str
) -> None:
    if os.geteuid() != 0 and "another" in said:
        pytest.skip("only root can give a file away")
    left = content.write(f"servers/store/{RUN}-1", "")
    record(content, f"{RUN}-2", "shop")
    spoil(journal(content).path)
    told = io.StringIO()
    platform, screen = make(Mode.WRITE), Screen(told)

    ((found,), _) = leftovers(platform, screen, 24)

    assert (found.name, found.seen) == (left.name, True)
    assert said in told.getvalue()
    assert removed(platform, screen, found) is Outcome.PASSED


def test_a_client_that_declares_no_kinds_is_handed_nothing_from_the_journal(make: Make, content: Content) -> None:
    client = content.root / "fixtures/store.py"
    client.write_text(client.read_text().replace('kinds = ("thing",)', ""))
    record(content, f"{RUN}-1")
    told = io.StringIO()

    assert leftovers(make(Mode.WRITE), Screen(told), 24)[0] == []
    assert "a kind that is none" in told.getvalue()


def test_an_object_of_another_owner_with_a_time_that_is_none_is_no_leftover(make: Make, content: Content) -> None:
    content.write("servers/store/pv-20249999999999-0a1b2c-1", "theirs")

    assert leftovers(make(), Screen(io.StringIO()), 24)[0] == []


def test_what_a_check_creates_is_journalled_with_the_server_it_is_on(make: Make, content: Content) -> None:
    platform = make(Mode.WRITE)
    platform.attach(["store"])
    seen = []

    with platform.client("store") as client, client.endpoints.owns("thing", client):
        seen += journal(content).open_entries()

    assert [(one.target, one.identity) for one in seen] == [("there", "id-of-store")]
    assert journal(content).open_entries() == []


def test_a_component_without_an_id_is_known_by_its_place_and_its_addresses(make: Make) -> None:
    platform = make()
    component = platform.registry.components["store"]
    near = Endpoints("store", {"folder": "/near", "mood": "x"}, internal={"folder": "/within"})

    marks = [platform.mark(component, near, "its id"), platform.mark(component, near, "")]
    platform.place = "uid-of-a-cluster"

    assert [*marks, platform.mark(component, near, "")] == [
        "its id",
        "folder=/within",
        "uid-of-a-cluster folder=/within",
    ]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('modes = ["read", "write"]', 'modes = ["read"]', "modes allows read; deleting needs mode write"),
        ("id-of-store", "id-of-production", "but the server says 'id-of-store'"),
    ],
)
def test_nothing_is_deleted_where_the_target_file_does_not_mean_it(
    make: Make, content: Content, before: str, after: str, said: str
) -> None:
    target = content.target()
    target.write_text(target.read_text().replace(before, after))

    assert leftovers(make(), Screen(io.StringIO()), 24)[0] == []
    with pytest.raises(ConfigError, match=said):
        leftovers(make(Mode.WRITE), Screen(io.StringIO()), 24)


def test_data_of_a_platform_whose_keeper_was_killed_is_listed_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GONOGO_HOME", str(tmp_path / "home"))
    data = tmp_path / "data"
    for folder in (tmp_path / "home", data):
        folder.mkdir()
    platform, process = platforms.create(tmp_path / "home", tmp_path, data)
    strange = tmp_path / "home/platforms/pv-20240101000000-0a1b2c.json"
    strange.write_text("{}")
    keeper.send(platform.record.keeper, platform.record.keeper_start, signal.SIGKILL)
    with process:
        process.wait(10)

    lines: list[str] = []
    told = [orphans(yes=yes, alone=lines.append) for yes in (False, True, False)]

    # processes of other runs on this machine may be listed too
    folders = [[(row["name"], row["removed"]) for row in rows if row["kind"] == "data folder"] for rows in told]
    assert folders == [[(str(data), False)], [(str(data), True)], []]
    assert not data.exists()
    assert lines == [f"left alone, {strange}: it is no record of this version of gonogo"] * 3
