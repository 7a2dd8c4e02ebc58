"""Tables: no wider than the terminal, what a row is called is cut last, and nothing is cut on its way into a pipe."""

from __future__ import annotations

import pytest

from gonogo.commands.tables import room, table
from gonogo.core.outcomes import Struct


class Row(Struct, frozen=True, kw_only=True):
    """A row of a table."""

    name: str
    says: str
    count: int = 3


ROWS = [Row(name="elasticsearch", says="a sentence that is rather long, as sentences are"), Row(name="s3", says="")]


def test_without_a_width_nothing_is_cut() -> None:
    assert table(ROWS) == [
        "name           says                                              count",
        "elasticsearch  a sentence that is rather long, as sentences are  3",
        "s3             -                                                 3",
    ]


def test_the_widest_cells_are_cut_first() -> None:
    assert table(ROWS, width=40) == [
        "name           says                count",
        "elasticsearch  a sentence that i…  3",
        "s3             -                   3",
    ]


@pytest.mark.parametrize("width", range(1, 90))
def test_no_line_is_wider(width: int) -> None:
    assert max(map(len, table(ROWS, width=width))) <= width


def test_where_cutting_is_not_enough_the_last_columns_are_left_out() -> None:
    assert table(ROWS, width=13) == ["name", "elasticsearch", "s3"]


def test_letters_that_take_two_columns_count_as_two() -> None:
    lines = table([Row(name="データ基盤", says="x"), Row(name="s3", says="y")], width=9)

    assert lines == ["name", "データ基…", "s3"]


def test_columns_that_only_wide_shows_are_left_out() -> None:
    assert table(ROWS[1:], ("says",)) == ["name  count", "s3    3"]


@pytest.mark.parametrize(("terminal", "columns", "expected"), [(False, "", None), (True, "50", 50), (False, "50", 50)])
def test_a_pipe_has_room_for_all(
    terminal: bool, columns: str, expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gonogo.commands.tables.is_terminal", lambda: terminal)
    monkeypatch.setenv("COLUMNS", columns)

    assert room() == expected
