"""Pairs, whose one member is a name and whose other is its value: ``{name: DB_PASS, value: x}`` in any order."""

from __future__ import annotations

import re

from gonogo.redaction import words
from gonogo.redaction.given import below, element, in_element
from gonogo.redaction.names import Held
from gonogo.redaction.patterns import pattern
from gonogo.redaction.text import BARE, OPEN, TO_TAG, Text, harmless, within

_FILL = b" \t\r\n\"'\\<%"
_CALLED = tuple(b"name key variable var property setting field option header attribute param id title env. x-".split())
"""What a member is called that holds a name."""
_NAME_BEFORE = pattern(
    rb"""(?:^|[\s{,\[("'\\<-])(?P<what>name|key|parameterkey|parametername|paramname|variable|var|property|setting|"""
    rb"""field|option|header|attribute|param|id|title|envname)\\{0,8}+["']?"""
    rb"""\s*+(?:[:=]|=>)\s*+\\{0,8}+["']?(?:%env[.]|env[.]|x-|)$|<name>\s*+$"""
)
_VALUE_AFTER = pattern(
    rb"""\\{0,8}+["']?(?:</\w{1,20}+>)?"""
    rb"""(?:(?!(?:\bname\b|\bkey\b|\n\s*+- )(?!\\?["']?\s*[:=]\s*\\?["']?\s*valuefrom))[^{}\[\]]){0,300}?"""
    rb"""(?<![\w.-])(?:value|val|parametervalue|paramvalue|content|data)\\{0,8}+["']?\s{0,4}+(?::|=>?|>)[ \t]*+"""
)
_VALUE_WORD = pattern(rb"""(?<![\w.-])(?:value|val|parametervalue)\\{0,8}+["']?\s{0,4}+(?::|=>?|>)[ \t]*+""")
_BETWEEN = pattern(
    rb"""\\{0,8}+["']?[\s,;]{0,40}+(?:</\w+>\s*)?\\{0,8}+["'<]?\w*\\{0,8}+["']?\s*[:=>]+\s*\\{0,8}+["']?"""
)


def is_value(low: bytes, begin: int) -> bool:
    """Whether the name may be a value itself, ``name: "DB_PASS"``: then what follows it tells nothing."""
    before = low[max(0, begin - 32) : begin].rstrip(_FILL)
    return before[-1:] in (b":", b"=", b">") and before.rstrip(b":=> \"'\\").endswith(_CALLED)


def paired(text: Text, begin: int, end: int, kind: Held) -> int | None:
    """``{name: DB_PASS, value: x}`` in any order and spelling: the name is itself a value. None where it is not."""
    low, raw = text.low, text.raw
    if not is_value(low, begin):
        return None
    window = low[max(0, begin - 48) : begin]
    what = _NAME_BEFORE.search(window)
    common = raw[begin:end].lower() in (b"key", b"name", b"token", b"id")
    if what is None or (common and what["what"] not in (b"name", None)):
        return None
    closing = end + len(re.compile(rb"""\\{0,8}+["']?""").match(raw, end)[0])  # type: ignore[index]
    tag = re.compile(rb"\s*/?>\s*").match(raw, closing)
    if tag and what["what"] and in_element(raw, begin - 2):
        inside = TO_TAG.match(raw, tag.end())
        if inside and inside[0].strip() and not harmless(inside[0].strip(), kind) and b"/" not in tag[0]:
            return text.mask(*inside.span())
    form = re.compile(rb"\r?\n\r?\n([^\r\n]+)").match(raw, closing)
    if form and what["what"] == b"name":
        return text.mask(*form.span(1))
    after = _VALUE_AFTER.match(low, end)
    if after:
        at = after.end()
        if low[at - 1 : at] == b">":
            return element(text, at, kind)
        if at >= len(raw) or raw[at] in b"\r\n|>":
            following = below(text, begin, at, Held.PASSWORD)
            return following if following is not None else end
        return _plain(text, at, kind)
    start = max(0, begin - 400)
    values = [*_VALUE_WORD.finditer(low, start, begin)]
    if values:
        at = values[-1].end()
        size = len(text.found)
        last = _plain(text, at, kind)
        if last < begin and len(text.found) > size:
            between = _BETWEEN.fullmatch(raw, last, begin)
            if between is None or re.search(rb"\n[ \t]*- ", between[0]):
                del text.found[size:]
    return end


def _plain(text: Text, at: int, kind: Held) -> int:
    """The value of a pair, quoted or bare."""
    raw = text.raw
    opened = OPEN.match(raw, at)
    if opened and raw[at] in b"\"'`\\bu":
        first, last = within(raw, opened)
    elif raw[at : at + 1] in (b"{", b"[", b"("):
        return at
    else:
        bare = BARE.match(raw, at)
        if bare is None:
            return at
        first, last = bare.span()
        newline = raw.rfind(b"\n", max(0, at - 60), at)
        if not raw[newline + 1 : at].strip(b" -\"'valuecontdVALUECONTD:=\t") and (newline >= 0 or at < 60):
            told = text.rest(at, 4000).rstrip()
            if b", " not in told and b"}" not in told and b'"' not in told:
                last = at + len(told)
    value = raw[first:last]
    if harmless(value, kind) or (kind is Held.RANDOM and not words.strong(value)):
        return last
    return text.mask(first, last)
