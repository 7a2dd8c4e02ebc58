"""Values that follow their bare names: options, SQL, calls, and sentences about secrets."""

from __future__ import annotations

import re

from gonogo.redaction import words
from gonogo.redaction.given import below, element, in_element, last_word
from gonogo.redaction.names import Held
from gonogo.redaction.patterns import pattern
from gonogo.redaction.text import BARE, OPEN, Text, harmless, within

_SETS = words.in_bytes("env arg set setx setenv export set configuration property -d -e --env --set")
"""Words after which a name and its value stand: ``ENV DB_PASS x``."""
_DIRECTIVES = (b"requirepass", b"masterauth", b"rootpw", b"bindpw", b"userpassword")
_IS = pattern(
    rb"[ \t]{1,4}+(?:(?:(?:for|of|to)[ \t][^\n:=]{1,80}?[ \t:])??(?:(?:is|was|are|now|to|from|set|"
    rb"changed|reset|=|:)[ \t:]+){1,4}+|"
    rb"[\w@.-]{1,40}+[ \t]=[ \t]+)"
)
_OPENING, _QUOTES, _ENDS_WORD = (b" ", b"\t", b"=", b"("), (b'"', b"'", b"`", b"\\"), (b" ", b"\t", b"]", b"-", b"|")
_LOGIN = pattern(rb"\b(?:login|machine) \S{1,100} \Z")
_NETRC = pattern(rb"(?:^|\s)(?:login|machine|default) ")
_FOR = pattern(rb"[ \t]{1,4}+(?:for|of|is|to|below)\b[^\n:]{0,160}+:[ \t]*+(?=\n|\r|[^\s])")
_OPTION_NEXT = pattern(rb"""\\{0,8}+["']?[ \t]*+,?[ \t]*+(?:\\?\r?\n)?[ \t]*+(?:- )?(?=[^\s,\]])""")
_META = pattern(rb"[A-Z][A-Z_]*|<[^>]*>?")
"""``PASSWORD`` where an option is explained."""
_FROM_TO = pattern(
    rb"[ \t]+from[ \t]+(?P<old>'[^'\n]{0,200}'|\"[^\"\n]{0,200}\")[ \t]+to[ \t]+(?=['\"])", re.IGNORECASE
)
_AT_THE_END = pattern(rb"[^\n:=]{0,160}+[:=][ \t]+([^\s]{8,200})[ \t]*(?=\r?\n|\Z)")
_CALL = pattern(rb"[ \t]?=?[ \t]?\([ \t]*(?:value[ \t]*=[ \t]*)?\\{0,8}+(?=[\"'])")
_ARGUMENT = pattern(rb"\\{0,8}+[\"'][ \t]*,[ \t]*(?:\w+[ \t]*=[ \t]*)?(?=\\{0,8}+[\"'])")
_ATTRIBUTES = pattern(rb"(?:[ \t\n]+[\w:.-]+[ \t]*=[ \t]*(?:\"[^\"<>]{0,200}+\"|'[^'<>]{0,200}+'))+[ \t]*>")


def after_bare_name(text: Text, begin: int, end: int, kind: Held, at: int, closed: bool) -> int:
    """Options, SQL, sentences: the value follows the bare name."""
    raw = text.raw
    name = raw[begin:end]
    lead = text.lead(begin)
    if name.startswith(b"-") and kind >= Held.RANDOM and lead[-1:] in b" \t\"'`[(,=\\":
        return option_value(text, end, kind, name)
    if raw[end : end + 1] in _OPENING and (call := _CALL.match(raw, end)):
        return _called(text, call, kind)
    if kind < Held.SECRET:
        bare = BARE.match(raw, at) if name == b"AUTH" and at > end else None
        return text.mask(*bare.span()) if bare and words.strong(bare[0]) else end
    if raw[begin - 1] in b"<:" and (attributes := _ATTRIBUTES.match(raw, end)) and in_element(raw, begin):
        return element(text, attributes.end(), kind)
    if closed or at == end:
        return end
    if at < len(raw) and raw[at] in b"\r\n":
        return end
    if raw[at : at + 1] in _QUOTES and (opened := OPEN.match(raw, at)):
        first, last = within(raw, opened)
        value = raw[first:last]
        if b" " in value or not value or words.placeholder(value) or words.word(value):
            return end
        if kind is Held.PASSWORD and not value.startswith((b"for ", b"-")):
            return text.mask(first, last)
        return text.mask(first, last) if words.strong(value) else end
    bare = BARE.match(raw, at)
    if bare is None:
        return end
    value = bare[0]
    spread = at - end >= 2 or raw[end : end + 1] == b"\t"
    env = name.isupper() and (b"_" in name or len(name) > 6)
    sets = lead[-1:] in _ENDS_WORD and (
        last_word(lead) in _SETS
        or lead.endswith((b"configure set ", b"login "))
        or (b"in" in lead and _LOGIN.search(lead) is not None)
    )
    if (sets or name.lower() in _DIRECTIVES) and not (harmless(value, kind) or words.word(value)):
        return text.mask(at, bare.end())
    if spread and env and not value.isupper() and not harmless(value, kind) and not words.word(value):
        tail = text.rest(bare.end())
        if not tail.strip() or tail.startswith((b"  ", b"\t")):
            return text.mask(at, bare.end())
    if kind is Held.PASSWORD:
        changed = _FROM_TO.match(raw, end)
        opened = OPEN.match(raw, changed.end()) if changed else None
        if changed and opened:
            text.mask(changed.start("old") + 1, changed.end("old") - 1)
            return text.mask(*within(raw, opened))
        told_last = _AT_THE_END.match(raw, end)
        if told_last and words.random(told_last[1], 8) and not words.named(told_last[1]):
            return text.mask(*told_last.span(1))
        if (
            not lead.strip()
            and not text.rest(bare.end()).strip()
            and _NETRC.search(text.low, max(0, begin - 120), begin)
        ):
            return text.mask(at, bare.end())
    told = _IS.match(raw, end)
    if kind is Held.PASSWORD and (ahead := _FOR.match(raw, end)):
        if (following := below(text, begin, ahead.end(), kind)) is not None:
            return following
        told = told or ahead
    if told is not None:
        at = told.end()
        opened = OPEN.match(raw, at)
        if opened and raw[at] in b"\"'`\\":
            first, last = within(raw, opened)
            value = raw[first:last]
            if (
                value
                and not words.placeholder(value)
                and not words.word(value)
                and (kind is Held.PASSWORD or words.random(value))
            ):
                return text.mask(first, last)
            return end
        bare = BARE.match(raw, at)
        if bare is None:
            return end
        value = bare[0]
        more = text.rest(bare.end()).strip(b" .,;!\r")
        if words.random(value) and (kind is Held.PASSWORD or words.random(value, 8)):
            return text.mask(at, bare.end())
        if kind is Held.PASSWORD and not more and not words.word(value) and not words.number(value) and len(value) > 3:
            return text.mask(at, bare.end())
        return end
    if kind is Held.PASSWORD and words.random(value) and not words.named(value.rstrip(b".,;:")):
        return text.mask(at, bare.end())
    if kind is Held.SECRET and words.strong(value) and not words.named(value.rstrip(b".,;:")):
        return text.mask(at, bare.end())
    return end


def _called(text: Text, call: re.Match[bytes], kind: Held) -> int:
    """``PASSWORD('x')``, ``SecretStr("x")``, ``HTTPBasicAuth('user', 'x')``."""
    raw = text.raw
    opened = OPEN.match(raw, call.end())
    if opened is None:
        return call.end()
    first, last = within(raw, opened)
    following = _ARGUMENT.match(raw, last)
    if following and (again := OPEN.match(raw, following.end())):
        second = within(raw, again)
        if kind is not Held.SECRET and not harmless(raw[slice(*second)], kind) and b" " not in raw[slice(*second)]:
            return text.mask(*second) if kind is Held.PASSWORD or words.random(raw[slice(*second)]) else last
        return last
    value = raw[first:last]
    sure = words.random(value) if kind is not Held.PASSWORD else not (words.word(value) or b" " in value)
    return text.mask(first, last) if sure and kind >= Held.SECRET and not harmless(value, kind) else last


def option_value(text: Text, end: int, kind: Held, name: bytes) -> int:
    """``--password x``, also as items of a list."""
    raw = text.raw
    gap = _OPTION_NEXT.match(raw, end)
    if gap is None or gap.end() == end:
        return end
    at = gap.end()
    if name == b"--password-stdin":
        return end
    opened = OPEN.match(raw, at)
    if opened and raw[at] in b"\"'`\\":
        first, last = within(raw, opened)
    elif (bare := BARE.match(raw, at)) is not None:
        first, last = bare.span()
    else:
        return end
    value = raw[first:last]
    if value.startswith(b"-") or not value or words.placeholder(value) or words.word(value) or _META.fullmatch(value):
        return end
    if re.match(rb"(?:id|src|source|type|env|name|file)=", value):
        return end
    if kind is Held.RANDOM and not words.strong(value):
        return end
    if name.startswith(b"--") or kind is Held.PASSWORD or words.random(value):
        return text.mask(first, last)
    return end
