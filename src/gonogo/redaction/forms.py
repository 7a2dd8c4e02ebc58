"""Secrets that nobody told us of, found by what stands around them.

A line is looked at only where it holds one of a few dozen needles, found by ``bytes.find``; from there on every
expression is anchored, possessive or bounded, and what was masked is not looked at again. So the time grows with the
text, whatever the text is.

How much it takes to be masked depends on how a value is given. ``name=value``, quotes, options, headers and pairs are
the forms of programs: all but a placeholder is secret. After ``name: `` within a sentence, or after the bare name, it
must look like a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from gonogo.redaction import tokens, words
from gonogo.redaction.given import below, cookies, element, given_value, header, in_element
from gonogo.redaction.marks import MARKED, WORDY
from gonogo.redaction.names import Held, held
from gonogo.redaction.pairs import is_value, paired
from gonogo.redaction.patterns import pattern
from gonogo.redaction.sentences import after_bare_name, option_value
from gonogo.redaction.text import NEXT, Spans, Text, harmless

_NAME = bytes(c if (chr(c).isalnum() and c < 128) or c in b"_.-" else 32 for c in range(256))
_LONGEST_NAME = 96
_SHORT = 4096
"""Bytes below which it is not worth while to look whether to look."""
_FEW = 12
"""Names that are looked for one by one; of more, their needles are."""
NEEDLES = (
    *(b"pass", b"pw", b"secret", b"token", b"key", b"cred", b"auth", b"cookie", b"sig", b"otp", b"psk", b"jwt", b"sid"),
    *(b"kenn", b"motdepasse", b"contrasena", b"senha", b"sessi", b"mnemonic", b"srf", b"pin", b"dockerc", b"accessid"),
    *(b"sas", b"id_", b"connectionstring"),
)
"""Parts of the names that may hold a secret; lower case."""
_SPOKEN = (*(needle for needle, _ in WORDY if needle != b"kind"), *tokens.HASHED, b"private")
"""Besides names that hold a secret; ``kind`` matters beside one, ``Secret``."""
_WORDS_ON = (
    rb"[.,;!?)\]]{0,3}+[ \t]++(?!is\b|was\b|are\b|now\b|to\b|for\b|of\b|set\b|changed\b|reset\b|from\b|below\b|"
    rb"string\b|"
    rb"password\b|passwd\b)[a-z]{1,20}+(?:[-/.][a-z]{1,20}+){0,6}+(?:[-.]\d{1,4}+)?+(?:[\s,.;)\]\"'\\]|\Z|:\s)"
)
_ENDS = (
    rb"[.,;)\]!?]{0,2}+[ \t]*+(?:\r?\n|\Z)|[.;!?]{1,2}+\s|,[ \t]++(?![\"'bu\\])|"
    rb"[\"'`]{1,2}+(?:[.;)\]}]?(?:[ \t]|\r?\n|\Z)(?![=:]))"
)
_NO_VALUE = (
    rb"[\"']?+[ \t]{0,4}+[=:][ \t]{0,4}+(?:null|None|none|true|false|True|False|nil|undefined|\"\"|''|\d{1,3}+|\*\*\*)"
    rb"(?:[\s,;)}\]]|\Z)"
)
_NOTHING_ODD = rb"[ \t]++[A-Za-z][^\n\d=:\"'`!@#$%^&*+~?|<>]{0,300}+(?:\n|\Z)"
"""The rest of a line without digits and marks: no part of it looks random."""
_QUOTED_NAME = (
    rb"[ \t]++\\{0,8}+[\"'`][a-z]{1,20}+(?:[-/.][a-z]{1,20}+){0,6}+(?:[-.]?\d{1,4}+)?+\\{0,8}+[\"'`](?:[\s.,;)]|\Z)"
)
"""``secret "data/pg-app"``: what it is called, and not what it is."""
_SHORT_WORDS = (
    rb"[ \t](?:of|for|has|had|was|with|in|by|on|at|and|or|\d{1,6}+)"
    rb"(?:[ \t]++(?:[a-z]{1,20}+|[\w.-]{1,7}+)(?=[\s,;.]|\Z))*+[,;.]?[ \t]*+(?:\r?\n|\Z)"
)
"""The rest of a line in words, of which none with digits is as long as a secret, nor stands where one would."""
_QUICK = {
    Held.RANDOM: pattern(
        rb"(?!\\{0,8}+[\"'`\])]?+[ \t]{0,8}+(?::?=|:|->|>|,[ \t]*+\\{0,8}+[\"'`]|\([ \t]*+[\"']))|"
        rb"\\{0,8}+[\"']?+[ \t]{0,4}+[=:][ \t]{0,4}+\\{0,8}+[\"'`]?+"
        rb"(?:[A-Za-z_/.:-]{0,40}+|[^\s\"',;(){}\]\\]{0,15}+)(?:[\s\"',;)}\]\\]|\Z)(?!-)"
    ),
    Held.SECRET: pattern(b"|".join((_WORDS_ON, _ENDS, _NO_VALUE, _NOTHING_ODD, _QUOTED_NAME, _SHORT_WORDS))),
    Held.PASSWORD: pattern(rb"(?:%b|%b)(?![^\n]{0,160}[:=])|%b" % (_WORDS_ON, _ENDS, _NO_VALUE)),
    Held.HEADER: pattern(rb"[ \t]"),
    Held.COOKIE: pattern(rb"[ \t]"),
}
"""By kind, what tells at once that no value follows; most of what logs say of secrets is of this sort."""
_UPPER = pattern(rb"[A-Z0-9_]{2,}+\Z")
_AFTER = pattern(
    rb"""(?P<close>\\{0,8}+["'`]\]?|\]|\))?(?P<gap>[ \t\x00]{0,8}+)"""
    rb"""(?P<sep>:=|=>|->|={1,2}+|::?+|>|,(?=[ \t]*+\\{0,8}+["'`])|\|(?=[ \t])|%3[dDaA]|[|;,](?=[^\s"'`|;,]))?"""
    rb"""(?P<space>(?:[ \t\x00]|\\{1,4}[nrt]){0,40}+)"""
)
_CELL = pattern(rb"[^\s|;,\"'`]{4,200}+")
"""Of a table whose columns a mark parts."""
_KIND_OF_KEY = pattern(
    rb"\b(?:api|access|secret|private|encryption|signing|master|account|shared|auth|session|license|storage)[ \t]\Z"
)
_Name = tuple[Held, int, Callable[[bytes, int], object] | None]
"""What a name holds, how many marks at its end are the sentence's, and what tells at once that it gives no value."""
_PLAINLY = (Held.SECRET, Held.PASSWORD)
_GIVEN = pattern(rb"=([A-Za-z0-9_+/.~-]{4,}+)(?=[ \t]|\r?\n|\Z)")
_BEFORE_VALUES = b" \"'\\>=:<\n"
_BEFORE_SPACE = _BEFORE_VALUES + b"\t\r%"


def find(raw: bytes, found: Spans) -> None:
    """Where secrets stand in ``raw``, by all forms."""
    text = Text(raw)
    # lines of a log that differ in numbers only are looked through once
    few = raw.translate(None, tokens.DIGITS)
    if len(raw) >= _SHORT:
        few = b"\n".join({*few.split(b"\n")})
    tokens.by_shape(raw, few, text.found)
    tokens.crypts(raw, text.found)
    for mark, look, rare in MARKED:
        if rare in few:
            _marked(text, mark, look)
    # where the lines are nearly all of the text, to look would cost as much as it may spare
    if 2 * len(few) > len(raw) or _speaks(few):
        _by_names(text)
    found += text.found


def _speaks(lines: bytes) -> bool:
    """Whether the lines of a text speak of secrets at all."""
    names = b"\n%b\n" % b"\n".join({*lines.translate(_NAME).split()})
    low = names.lower()
    return any(needle in low for needle in _SPOKEN) or bool(_holding(names, low)[0])


def _by_names(text: Text) -> None:
    raw = text.raw
    spaced = b" %b " % raw.translate(_NAME)
    # What a text is made of is far less than the text: its names are looked through once each.
    names = b"\n%b\n" % b"\n".join({*spaced.split()})
    low = names.lower()
    _names(text, spaced, names, low)
    for needle, look in WORDY:
        if needle in low:
            _each(text, needle, look)
    tokens.hashes(text.low, low, text.found)
    if b"PRIVATE" in names:
        tokens.private_keys(raw, text.found)


def _marked(text: Text, mark: re.Pattern[bytes], look: Callable[[Text, int], int]) -> None:
    found = mark.search(text.raw)
    while found:
        found = mark.search(text.raw, max(look(text, found.start()), found.end()))


def _each(text: Text, needle: bytes, look: Callable[[Text, int], int]) -> None:
    at = text.low.find(needle)
    while at >= 0:
        at = text.low.find(needle, max(look(text, at), at + len(needle)))


def _names(text: Text, spaced: bytes, names: bytes, low: bytes) -> None:
    """Every place of every name that may hold a secret, in their order; what is masked already is left out."""
    holding, needles = _holding(names, low)
    raw, get = text.raw, holding.get
    hits: list[tuple[int, int, Held]] = []

    def met(begin: int, end: int, name: _Name) -> None:
        kind, cut, quick = name
        size = end - cut
        if kind is Held.RANDOM and size - begin < 5 and _KIND_OF_KEY.search(text.low, max(0, begin - 16), begin):
            kind, quick = Held.SECRET, _QUICK[Held.SECRET].match
        before = raw[begin - 1]
        # by far the most are words of a sentence: a letter stands before the space
        value = before in _BEFORE_VALUES and (before != 32 or raw[begin - 2] in _BEFORE_SPACE)
        if quick is None or not quick(raw, size) or (value and is_value(text.low, begin)):
            hits.append((begin, size, kind))

    # the text has a space in front in ``spaced``: what is at ``at`` there is at ``at - 1``
    if len(holding) <= _FEW:
        for word, name in holding.items():
            wanted, size = b" %b " % word, len(word)
            at = spaced.find(wanted)
            while at >= 0:
                met(at, at + size, name)
                at = spaced.find(wanted, at + size)
        needles = []
    for needle in needles:
        at = text.low.find(needle)
        while at >= 0:
            begin = spaced.rfind(b" ", at - _LONGEST_NAME if at > _LONGEST_NAME else 0, at + 1)
            end = spaced.find(b" ", at + 1) - 1
            found = get(spaced[begin + 1 : end + 1])
            if found is not None:
                met(begin, end, found)
            at = text.low.find(needle, end)
    hits.sort()
    done = 0
    for begin, end, kind in hits:
        if begin < done:
            continue
        given = _GIVEN.match(raw, end) if kind in _PLAINLY and raw[begin - 1] not in b"\"'`-&" else None
        if given and raw[begin] != 45 and not raw[begin:end].isupper() and not harmless(given[1], kind):
            done = text.mask(*given.span(1))  # by far the most frequent form, in short
        else:
            done = max(end, _named(text, begin, end, kind))


def _holding(names: bytes, low: bytes) -> tuple[dict[bytes, _Name], list[bytes]]:
    """Which of the names (a line each) may hold a secret, and the needles by which all of them are found."""
    found: dict[bytes, _Name] = {}
    needles = []
    for needle in NEEDLES:
        at, size = low.find(needle), len(found)
        while at >= 0:
            begin, end = low.rfind(b"\n", 0, at) + 1, low.find(b"\n", at)
            end = len(low) if end < 0 else end
            name = names[begin:end]
            if len(name) <= _LONGEST_NAME and name not in found:
                kind = held(name)
                if kind is not Held.NOTHING:
                    # an option's value, and that of a variable, may be any word
                    slow = name.startswith(b"-") or (len(name) > 1 and _UPPER.match(name) is not None)
                    slow |= kind is Held.PASSWORD and b"\nlogin\n" in low  # of a .netrc
                    cut = len(name) - len(name.rstrip(b".-"))
                    found[name] = (kind, cut, None if slow else _QUICK[kind].match)
            at = low.find(needle, end)
        if len(found) > size:
            needles.append(needle)
    return found, needles


def _named(text: Text, begin: int, end: int, kind: Held) -> int:
    """Mask the value of the name that stands from ``begin`` to ``end``; where to go on."""
    raw = text.raw
    before = raw[begin - 1] if begin else 10
    after = _AFTER.match(raw, end)
    assert after is not None
    sep, close = after["sep"], after["close"]
    at = after.end()
    if sep == b">" and not in_element(raw, begin):
        sep = None
    if close and raw[begin] == 45 and before in b"\"'`\\" and sep in (None, b","):
        return option_value(text, end, kind, raw[begin:end])
    if close and (pair := paired(text, begin, end, kind)) is not None:
        return pair
    if kind is Held.COOKIE:
        return cookies(text, at) if sep and sep != b"," else end
    if kind is Held.HEADER:
        return header(text, at) if sep or (close and before in b"\"'`") else end
    if sep is None:
        if close is None and (pair := paired(text, begin, end, kind)) is not None:
            return pair
        return after_bare_name(text, begin, end, kind, at, bool(close))
    if sep == b">":
        return element(text, at, kind)
    if sep in (b"|", b";", b",") and not after["space"] and raw[at : at + 1] not in (b'"', b"'", b"`", b"\\"):
        if (pair := paired(text, begin, end, kind)) is not None:
            return pair
        cell = _CELL.match(raw, at)
        sure = cell and (words.random(cell[0]) if kind is Held.PASSWORD else words.strong(cell[0]))
        return text.mask(*cell.span()) if cell and sure and not words.named(cell[0]) else end
    quoted = bool(close) and before in b"\"'`\\[" and close[-1:] in b"\"'`]"
    tight = sep not in (b":", b"|") or quoted
    if sep == b"," and not (
        quoted and raw[max(0, begin - 12) : begin].rstrip(b"\\\"'`b")[-1:] in (b"(", b"[", b",", b"")
    ):
        return end
    if sep == b"," and (not quoted or b"]" in close):
        return end
    if sep == b":" and not tight and (pair := paired(text, begin, end, kind)) is not None:
        return pair
    if at >= len(raw) or raw[at] in b"\r\n|>\\" or (raw[at] == 35 and after["space"]):
        following = below(text, begin, at, kind)
        if following is not None:
            return following
        if at >= len(raw) or raw[at] in b"\r\n" or NEXT.match(raw, at):
            return at
    return given_value(text, begin, end, at, kind, tight, sep)
