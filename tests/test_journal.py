"""The journal: on disk before, taken back after, readable after a kill."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gonogo.checks.journal import Journal, RunScope, new_run_id, run_of
from gonogo.core.errors import NotAllowed
from gonogo.core.outcomes import Mode


class Shelf:
    """Keeps what a check creates, and can look into the journal while it does."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.journalled: list[str] = []
        self.removed: list[str] = []

    def remove(self, kind: str, name: str) -> None:
        self.removed.append(f"{kind} {name}")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl")


def scope(journal: Journal, mode: Mode = Mode.WRITE) -> RunScope:
    return RunScope("pv-20261124120000-abcdef", mode, "store", journal, itertools.count(1))


def test_a_run_id_tells_when_the_run_began() -> None:
    made = new_run_id(datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC))

    assert made.startswith("pv-20261124120000-")
    assert run_of(f"topic-{made}-3") == made


def test_a_run_id_is_found_where_a_product_allows_no_hyphen() -> None:
    assert run_of("db_pv_20261124120000_abcdef_1") == "pv-20261124120000-abcdef"
    assert run_of("orders") is None


def test_an_object_is_journalled_before_it_exists_and_taken_back_when_it_is_gone(journal: Journal) -> None:
    shelf = Shelf(journal)

    with scope(journal).owns("thing", shelf) as name:
        assert [e.name for e in journal.open_entries()] == [name]

    assert shelf.removed == [f"thing {name}"]
    assert journal.open_entries() == []


def test_an_object_is_removed_also_when_the_check_failed(journal: Journal) -> None:
    shelf = Shelf(journal)

    with pytest.raises(AssertionError, match="wrong"), scope(journal).owns("thing", shelf):
        raise AssertionError("wrong")

    assert len(shelf.removed) == 1
    assert journal.open_entries() == []


def test_what_could_not_be_removed_stays_in_the_journal(journal: Journal) -> None:
    class Stuck(Shelf):
        def remove(self, kind: str, name: str) -> None:
            raise OSError("the server is gone")

    with pytest.raises(OSError, match="gone"), scope(journal).owns("thing", Stuck(journal)):
        assert len(journal.open_entries()) == 1

    assert len(journal.open_entries()) == 1


def test_a_run_that_may_only_read_creates_nothing(journal: Journal) -> None:
    with pytest.raises(NotAllowed, match="may only read"), scope(journal, Mode.READ).owns("thing", Shelf(journal)):
        pytest.fail("the body must not run")

    assert not journal.path.exists()


def test_a_torn_last_line_is_passed_over(journal: Journal) -> None:
    journal.record("pv-20261124120000-abcdef", "thing", "store", "a")
    with journal.path.open("ab") as file:
        file.write(b'{"run":"pv-2026')

    assert [e.name for e in journal.open_entries()] == ["a"]


@pytest.mark.parametrize("how", ["open to all", "a link"])
def test_a_journal_that_is_not_believed_is_put_aside_for_a_new_one(journal: Journal, how: str) -> None:
    forged = journal.path.with_name("forged")
    forged.write_text("forged\n")
    if how == "a link":
        journal.path.symlink_to(forged)
    else:
        forged.rename(journal.path)
        journal.path.chmod(0o666)

    with scope(journal).owns("thing", Shelf(journal)) as name:
        assert [e.name for e in journal.open_entries()] == [name]

    aside = journal.path.with_name("journal.jsonl.not-believed")
    assert aside.read_text() == "forged\n"
    assert journal.path.lstat().st_mode & 0o777 == 0o600


def test_a_time_that_is_none_is_no_run() -> None:
    assert run_of("pv-20249999999999-0a1b2c-1") is None
    assert run_of("pv-٢٠٢٤٠١٠١٠٠٠٠٠٠-0a1b2c-1") is None


def test_only_declared_kinds_with_a_run_in_their_name_are_created(journal: Journal) -> None:
    class Declared(Shelf):
        kinds = ("thing",)

    for kind, form in (("other", "{run}-{n}"), ("thing", "fixed")):
        with pytest.raises(AssertionError), scope(journal).owns(kind, Declared(journal), form):
            pytest.fail("the body must not run")

    assert journal.open_entries() == []
