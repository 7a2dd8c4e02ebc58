"""Rows on standard output: as a table for people, as JSON for programs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from gonogo.core.harmless import line
from gonogo.core.outlet import is_terminal, say, say_json


def coloured() -> bool:
    """Whether standard output wants colours: a terminal, and no ``NO_COLOR``."""
    return is_terminal() and not os.environ.get("NO_COLOR")


def columns() -> int:
    """How wide a line may be: the terminal, up to what is still easy to read."""
    return min(shutil.get_terminal_size((120, 40)).columns, 160)


def show(rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    """Rows of the same columns, or their JSON."""
    if as_json:
        say_json(rows, indent=1)
        return
    if not rows:
        return
    columns = list(rows[0])
    cells = [[_cell(row.get(c)) for c in columns] for row in rows]
    widths = [max(len(c), *(len(r[i]) for r in cells)) for i, c in enumerate(columns)]
    for shown in (columns, *cells):
        say("  ".join(text.ljust(width) for text, width in zip(shown, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return line(", ".join(map(str, value))) or "-"
    return f"{value:.1f}" if isinstance(value, float) else line(str(value))
