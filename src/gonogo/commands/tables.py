"""Rows on standard output: as a table for people, as JSON, YAML or names for programs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

from gonogo.core import manner
from gonogo.core.harmless import line
from gonogo.core.outlet import is_terminal, say, say_json, say_yaml

GAP = "  "
NARROWEST = 6
"""Columns of a terminal below which no column of a table is shortened before others are left out."""


class Form(StrEnum):
    """What the rows of a verb are printed as. ``table``: the columns that matter; ``wide``: all of them."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


class Answer(Protocol):
    """What a verb prints for programs: one object; see :mod:`gonogo.commands.answers`."""

    @property
    def rows(self) -> Sequence[Any]:
        """What the table shows, a row each."""


def coloured() -> bool:
    """Whether standard output wants colours: a terminal without ``NO_COLOR``, or what ``--color`` says."""
    return manner.coloured(terminal=is_terminal())


def columns() -> int:
    """How wide a line of text may be: the terminal, up to what is still easy to read."""
    return min(shutil.get_terminal_size((120, 40)).columns, 160)


def room() -> int | None:
    """How wide a table may be: the terminal, or ``COLUMNS``. None for a pipe or a file, where nothing is shortened."""
    return shutil.get_terminal_size().columns if is_terminal() or os.environ.get("COLUMNS", "").isdigit() else None


def for_programs(answer: Answer | Mapping[str, Any], form: Form, names: Iterable[str]) -> bool:
    """Print the answer where it is for programs; whether it was. ``names`` are those of the rows, in ``-o name``."""
    if form is Form.JSON:
        say_json(answer, indent=1)
    elif form is Form.YAML:
        say_yaml(answer)
    elif form is Form.NAME:
        say(*map(line, names))
    return form in (Form.JSON, Form.YAML, Form.NAME)


def show(answer: Answer, form: Form, name: Callable[[Any], str], *, wide: Iterable[str] = ()) -> None:
    """Print the answer. ``name`` is what a row is called, ``wide`` are the columns that only ``-o wide`` shows."""
    if not for_programs(answer, form, map(name, answer.rows)):
        say(*table(answer.rows, () if form is Form.WIDE else tuple(wide), room()))


def table(rows: Sequence[Any], without: Sequence[str] = (), width: int | None = None) -> list[str]:
    """The lines of a table of structs of one class, its heading first; none where there are no rows.

    No line is wider than ``width``: the widest cells are shortened, with ``…`` at their ends; where that is not
    enough, columns are left out, the last ones first. The first column is the last to go.
    """
    if not rows:
        return []
    names = [name for name in rows[0].__struct_fields__ if name not in without]
    cells = [[*names], *([_cell(getattr(row, name)) for name in names] for row in rows)]
    widths = _fitted([max(_width(row[n]) for row in cells) for n in range(len(names))], width)
    lines = []
    for row in cells:
        shown = [_padded(_cut(text, place), place) for text, place in zip(row, widths, strict=False)]
        lines.append(GAP.join(shown).rstrip())
    return lines


def _fitted(widths: list[int], width: int | None) -> list[int]:
    """The widths of the columns that are shown, cut so that they fit."""
    if width is None:
        return widths
    least = [min(one, NARROWEST) for one in widths]
    while len(least) > 1 and sum(least) + len(GAP) * (len(least) - 1) > width:
        least.pop()
    widths, spare = widths[: len(least)], width - len(GAP) * (len(least) - 1)
    if (rest := spare - widths[0]) >= sum(least[1:]):  # what a row is called is cut last
        return [widths[0], *_capped(widths[1:], rest)]
    return _capped(widths, spare)


def _capped(widths: list[int], spare: int) -> list[int]:
    """The widths, the widest cut until they sum up to what there is."""
    cap = max(widths, default=0)
    while cap > 1 and sum(min(one, cap) for one in widths) > spare:
        cap -= 1
    fitted = [min(one, cap) for one in widths]
    for n, one in enumerate(widths):  # what the last step took too much
        fitted[n] += max(0, min(one - fitted[n], spare - sum(fitted)))
    return fitted


def _width(text: str) -> int:
    """Columns of a terminal: letters of East Asia take two, marks that combine none."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text
    )


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _cut(text: str, width: int) -> str:
    if _width(text) <= width:
        return text
    while text and _width(text) > width - 1:
        text = text[:-1]
    return f"{text.rstrip()}…"


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return line(", ".join(map(str, value))) or "-"
    return f"{value:.1f}" if isinstance(value, float) else line(str(value))
