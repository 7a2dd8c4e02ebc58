"""Secrets of Kubernetes, as manifests and answers of an API server hold them: all of their data."""

from __future__ import annotations

import bisect
import re

from gonogo.redaction.patterns import pattern
from gonogo.redaction.text import OPEN, Text, within

_SECRET_KIND = pattern(rb"""kind\\{0,8}+["']?\s*+:\s*+\\{0,8}+["']?secret\b(?![\w-])""")
_KIND = pattern(rb"""(?<![\w-])kind\\{0,8}+["']?[ \t]*+:""")
_DOCUMENT = pattern(rb"\n---")
_DATA = pattern(
    rb"""(?P<lead>(?:^|\n)(?P<indent>[ \t]*+(?:- )?)|[{,\s])\\{0,8}+["']?"""
    rb"""(?:stringdata|data)\\{0,8}+["']?[ \t]*+:[ \t]*+(?P<open>\{|\r?\n)"""
)
_OBJECT = 100_000
"""Bytes of one object, at most."""
_ENTRY = pattern(rb"""(?P<key>\\{0,8}+["']?[\w./-]{1,253}+\\{0,8}+["']?[ \t]*+:[ \t]*+)""")


def secret_objects(text: Text, _at: int) -> int:
    """All values of Secrets: ``data`` and ``stringData``, before the kind of their object or after it."""
    low = text.low
    kinds = [found.start() for found in _SECRET_KIND.finditer(low)]
    if kinds:
        any_kind = [found.start() for found in _KIND.finditer(low)]
        documents = [found.start() for found in _DOCUMENT.finditer(low)]
        end = 0
        for block in _DATA.finditer(low):
            if block.start() < end:
                continue
            size, end = len(text.found), _contents(text, block)
            before, after = bisect.bisect(kinds, block.start()) - 1, bisect.bisect_left(kinds, end)
            near = after < len(kinds) and bisect.bisect_left(any_kind, end) == bisect.bisect_left(
                any_kind, kinds[after]
            )
            ours = near and _together(documents, end, kinds[after])
            ours = ours or (before >= 0 and _together(documents, kinds[before], block.start()))
            if not ours:
                del text.found[size:]
    return len(text.raw)


def _together(documents: list[int], first: int, last: int) -> bool:
    """Whether both places are of one document, and near enough to be of one object."""
    return last - first < _OBJECT and bisect.bisect(documents, first) == bisect.bisect(documents, last)


def _contents(text: Text, block: re.Match[bytes]) -> int:
    """Mask the values of a block of data; its end."""
    stop = min(len(text.raw), block.end() + _OBJECT)
    if block["open"] != b"{":
        return _block(text, block.end(), len(block["indent"] or b""), stop)
    closed = text.raw.find(b"}", block.end(), stop)
    return _entries(text, block.end(), closed if closed >= 0 else stop)


def _entries(text: Text, at: int, end: int) -> int:
    """``"key": "value", …`` in one pair of braces."""
    while (entry := _ENTRY.search(text.raw, at, end)) is not None:
        at = entry.end()
        opened = OPEN.match(text.raw, at)
        if opened:
            first, last = within(text.raw, opened)
            if last > end:
                break
            at = text.mask(first, last) + len(opened["quote"])
        elif (bare := re.compile(rb"[^\s,}]+").match(text.raw, at, end)) is not None:
            at = text.mask(*bare.span())
    return end


def _block(text: Text, at: int, indent: int, stop: int) -> int:
    """``key: value`` on lines of their own, deeper than ``indent``."""
    raw = text.raw
    while at < stop:
        end = raw.find(b"\n", at, stop)
        end = end if end >= 0 else stop
        line = raw[at:end]
        deep = len(line) - len(line.lstrip(b" \t"))
        if line.strip() and deep <= indent - (2 if raw[at : at + 2] == b"- " else 0):
            break
        entry = _ENTRY.match(raw, at + deep, end)
        begin = entry.end() if entry else at + deep
        value = raw[begin:end].strip()
        if value and value not in (b"|", b">", b"|-", b">-", b"{}", b'""'):
            first = raw.index(value, begin)
            text.mask(first, first + len(value))
        at = end + 1
    return at
