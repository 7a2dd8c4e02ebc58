"""Text that somebody else wrote, for whoever reads it on a terminal or in a file: nothing in it acts.

No control character is left (C0, C1, DEL), nothing that turns the direction of a line around or begins a new one
unseen (Unicode's bidirectional controls and separators), and no sequence that a terminal obeys (ECMA-48).
"""

from __future__ import annotations

import re

# Control sequences, and the strings (titles, links) that OSC, DCS, PM, APC and SOS open. What never ends is left to
# _UNPRINTABLE; each repetition has an end, so that a text of many beginnings takes no time that grows with its square.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]|\x1b[\]PX^_][^\x07\x1b\x9c]{0,2000}(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]{0,8}[0-~]"
)
# What XML 1.0 cannot hold and UTF-8 cannot encode is among it; newlines and tabs are not.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ud800-\udfff\ufff9-\ufffb"
    "\ufffe\uffff]"
)
_NEWLINE = re.compile(r"\r\n?")


def plain(text: str) -> str:
    """``text`` without control sequences; what cannot be shown is U+FFFD. Newlines and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return _UNPRINTABLE.sub("\ufffd", _NEWLINE.sub("\n", _ESCAPES.sub("", text)))


def line(text: str) -> str:
    """``text`` as above, on one line."""
    return plain(text).replace("\n", " ").replace("\t", " ")


def as_json(text: str) -> str:
    """JSON with the same meaning in which everything that acts is written as ``\\uXXXX``.

    Where it cannot be shown JSON has it only within texts; of the newlines and tabs there are it makes nothing.
    """
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
