"""Labels with what they say beside them: text for people in which no line is wider than it may be."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from gonogo.core.harmless import line

NARROW, NARROWEST = 60, 20
"""Columns below which a text stands under its label; and those that it takes in any case."""

BELOW = 4
"""Columns that a text is set in where it stands under its label."""


def block(
    label: str, paragraphs: Iterable[str], *, colour: bool, width: int, beside: int = 16, shade: str = "36"
) -> list[str]:
    """The lines of a label and its paragraphs, which begin at column ``beside`` where there is room.

    A paragraph that begins with spaces is set in by as many. What stands there is harmless to a terminal.
    """
    indent = " " * (beside if width >= NARROW else BELOW)
    wrapped = []
    for told in paragraphs:
        deeper = indent + " " * (len(told) - len(told.lstrip()) + 2)
        wrapped += textwrap.wrap(
            line(told), max(width, NARROWEST), initial_indent=indent, subsequent_indent=deeper, break_on_hyphens=False
        )
    shown = painted(label, shade, colour)
    if width >= NARROW and wrapped and len(label) < beside:
        return [shown + wrapped[0][len(label) :], *wrapped[1:]]
    return [shown, *wrapped]


def painted(told: str, shade: str, colour: bool) -> str:
    """The text in a colour or weight of ECMA-48 (Select Graphic Rendition), or as it is."""
    return f"\x1b[{shade}m{told}\x1b[0m" if colour else told
