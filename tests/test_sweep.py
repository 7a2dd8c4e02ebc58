"""What earlier runs left behind: found by journal and by name, deleted only where that is allowed."""

from __future__ import annotations

import io
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from repositories import Content

from gonogo.errors import ConfigError
from gonogo.journal import Journal
from gonogo.model import Mode
from gonogo.platform import Platform
from gonogo.progress import Screen
from gonogo.providers.embedded import keeper, platforms
from gonogo.providers.existing import Existing
from gonogo.registry import Registry
from gonogo.sweep import leftovers, old, orphans, removed
from gonogo.target import load_target

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
    journal(content).record(RUN, "thing", "store", f"{RUN}-1")
    journal(content).record(RUN, "thing", "shop", f"{RUN}-2")
    journal(content).record(RUN, "thing", "shop", f"{RUN}-3")
    journal(content).record(RUN, "thing", "shop", f"{RUN}-3", removed=True)

    found = leftovers(make(), Screen(io.StringIO()), 24)

    assert [(f.component, f.name, f.seen) for f in found] == [("shop", f"{RUN}-2", False), ("store", f"{RUN}-1", True)]


def test_a_component_that_does_not_answer_is_told_not_passed_over(make: Make, content: Content) -> None:
    content.mood("store", None)
    told = io.StringIO()

    assert leftovers(make(), Screen(told), 24) == []
    assert "store could not be asked" in told.getvalue()


def test_what_is_removed_is_gone_from_the_journal_too(make: Make, content: Content) -> None:
    left = content.write(f"servers/store/{RUN}-1", "")
    journal(content).record(RUN, "thing", "store", left.name)
    platform, screen = make(Mode.WRITE), Screen(io.StringIO())

    (found,) = leftovers(platform, screen, 24)

    assert removed(platform, screen, found)
    assert not left.exists()
    assert journal(content).open_entries() == []


def test_what_cannot_be_removed_stays_in_the_journal(make: Make, content: Content) -> None:
    left = content.write(f"servers/store/{RUN}-1", "")
    journal(content).record(RUN, "thing", "store", left.name)
    client = content.root / "fixtures/store.py"
    client.write_text(client.read_text().replace("(self.folder / name).unlink(missing_ok=True)", "self.mood()"))
    told = io.StringIO()
    platform, screen = make(Mode.WRITE), Screen(told)
    (found,) = leftovers(platform, screen, 24)
    content.mood("store", None)

    assert not removed(platform, screen, found)
    assert f"store: thing {RUN}-1 could not be deleted: connection refused" in told.getvalue()
    assert [entry.name for entry in journal(content).open_entries()] == [left.name]


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

    assert leftovers(make(), Screen(io.StringIO()), 24) == []
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
    keeper.send(platform.record.keeper, platform.record.keeper_start, signal.SIGKILL)
    with process:
        process.wait(10)

    told = [orphans(yes=yes) for yes in (False, True, False)]

    # processes of other runs on this machine may be listed too
    folders = [[(row["name"], row["removed"]) for row in rows if row["kind"] == "data folder"] for rows in told]
    assert folders == [[(str(data), False)], [(str(data), True)], []]
    assert not data.exists()
