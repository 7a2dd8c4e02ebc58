"""One text while it is looked at, and how values stand in it: in quotes, bare, to the end of their line."""

from __future__ import annotations

import re

from gonogo.redaction import words
from gonogo.redaction.names import Held
from gonogo.redaction.patterns import pattern

Spans = list[tuple[int, int]]
OPEN = pattern(rb"""(?:[bBuUrRfF@]?+)(?P<quote>\\{0,8}+(?:\"\"\"|'''|["'`]))""")
BARE = pattern(
    rb"""(?:[^\s"'`<>,;&|)}\]\\\x00\x1b]|\\(?![nrt"'\\])"""
    rb"""|[,;&|)}\]"'`<>](?![\s,;:&|)}\]"'`<>\\\x00\x1b]|\Z|[\w.-]{1,40}+\\?["']?[ ]?[=:])|\\\\(?![nrt"']))++"""
)
TO_TAG = pattern(rb"[^<]{1,4000}+")
QUOTED = {
    b'"': pattern(rb'(?:[^"\\\n\x00]|\\[^\x00])*+'),
    b"'": pattern(rb"(?:[^'\\\n\x00]|\\[^\x00])*+"),
    b"`": pattern(rb"[^`\n\x00]*+"),
    b'"""': pattern(rb'(?:[^"]|"(?!""))*+'),
    b"'''": pattern(rb"(?:[^']|'(?!''))*+"),
}
_ESCAPED: dict[bytes, re.Pattern[bytes]] = {}
NEXT = pattern(
    rb"[ \t]*+(?:[|>][-+0-9]{0,3}+|\\)?[ \t]*+(?:#[^\n]*+)?\r?\n(?:[ \t]*+\r?\n){0,3}+(?P<indent>[ \t]*+)(?P<item>- )?"
)
_URL_TOKEN = pattern(rb"[^\s\"'`<>\x00\x1b]*+")
_REFERENCE = pattern(rb"[a-z0-9-]+/[a-z0-9.-]+#[\w.-]+")


class Text:
    """One text while it is looked at: as it is, in lower case, and what has been found."""

    def __init__(self, raw: bytes) -> None:
        self.raw, self.low = raw, raw.lower()
        self.found: Spans = []
        self._token = (0, 0)

    def token(self, at: int) -> int:
        """The end of what stands together from ``at`` on, without space or quotes; looked for once."""
        begin, end = self._token
        if not begin <= at < end:
            whole = _URL_TOKEN.match(self.raw, at)
            end = whole.end() if whole else at
            self._token = (at, end)
        return end

    def lead(self, at: int) -> bytes:
        """What stands on the line before ``at``, in lower case; 200 bytes of it at most."""
        begin = max(0, at - 200)
        newline = self.low.rfind(b"\n", begin, at)
        return self.low[newline + 1 if newline >= 0 else begin : at]

    def rest(self, at: int, most: int = 120) -> bytes:
        """What stands on the line from ``at`` on."""
        end = self.raw.find(b"\n", at, at + most)
        return self.raw[at : end if end >= 0 else at + most]

    def mask(self, begin: int, end: int) -> int:
        """Take it as secret; returns its end."""
        if end > begin:
            self.found.append((begin, end))
        return end


def harmless(value: bytes, kind: Held) -> bool:
    """Whether a value that was given in a program's form is none: a placeholder, a flag, a small number."""
    value = value.strip()
    if words.placeholder(value) or value.startswith(words.MASK):
        return True
    if kind is Held.PASSWORD:
        return value.isdigit() and len(value) < 4
    if words.number(value) and (len(value) <= 6 or not value.isdigit()):
        return True
    return _REFERENCE.fullmatch(value) is not None or value.lower() in words.COMMON


def within(raw: bytes, opened: re.Match[bytes]) -> tuple[int, int]:
    """Begin and end of what stands within quotes; without a closing quote it ends with the line."""
    quote = opened["quote"]
    if not quote.startswith(b"\\"):
        inside = QUOTED[quote].match(raw, opened.end())
    else:
        pattern = _ESCAPED.get(quote)
        if pattern is None:
            escapes = len(quote) - 1
            mark = re.escape(quote[-1:])
            # the same number of backslashes and the mark; more of them are quotes within
            pattern = _ESCAPED[quote] = re.compile(
                rb"(?:[^\\\n%b]|\\{%d,}+%b|\\{1,%d}(?![\\%b])|\\{%d,}+(?![\\%b]))*+"
                % (mark, escapes + 1, mark, max(escapes - 1, 1), mark, escapes, mark)
            )
        inside = pattern.match(raw, opened.end())
    assert inside is not None
    return opened.end(), inside.end()
