"""Values that are given with their names: ``name=value``, ``name: value``, elements, headers, the lines below."""

from __future__ import annotations

import re

from gonogo.redaction import words
from gonogo.redaction.names import Held, held
from gonogo.redaction.patterns import pattern
from gonogo.redaction.text import BARE, NEXT, OPEN, TO_TAG, Text, harmless, within

_LINE = pattern(rb"[^\n\r\x00\x1b]*+")
_LEVELS = words.in_bytes("trace debug info notice warn warning error err fatal severe critical")
_MAPPING = pattern(rb"""["']?[\w./$-]{1,80}+["']?[ \t]*+(?::(?:\s|\Z)|=|\{)""")
_SCHEME = pattern(
    rb"(?:basic|bearer|digest|apikey|api-key|token|negotiate|ntlm|aws4-hmac-sha256|aws|splunk|ssws|hawk|sharedkey|"
    rb"sharedkeylite|sharedaccesssignature|hmac|oauth|mac|jwt|key|genie ?key|discogs|snowflake)(?:[ \t]+|(?=:))",
    re.IGNORECASE,
)
_HEADER_VALUE = pattern(rb"""[^\s"'`,;)\]}\\]++""")
_WHOLE_LINE_SCHEMES = (b"digest", b"aws4", b"hawk", b"oauth", b"shareda", b"mac")
_PAIR_IN_COOKIE = pattern(rb"[^\n\r\"'`=]{1,200}+=")
_ATTRIBUTE = pattern(rb"(?:samesite|path|domain|max-age|expires|secure|httponly)\b", re.IGNORECASE)
_BARE_ITEM = pattern(rb"([^\s\[\](){},\"'`=:]{1,400}+)(?:,[ \t]*+|(?=[\])]))")
_EXPANDED = pattern(rb"[\[({]{1,2}+\\{0,8}+[\"'`]?")


def in_element(raw: bytes, begin: int) -> bool:
    """Whether the name is that of an element, ``<password>`` or ``<db:password>``, or of one of its attributes."""
    tag = raw.rfind(b"<", max(0, begin - 60), begin)
    return tag >= 0 and b">" not in raw[tag:begin] and raw[tag + 1 : tag + 2] != b"/"


def _is_name(value: bytes) -> bool:
    """Whether it names a Secret, ``data/pg-app``, rather than be one."""
    return words.named(value) and value.islower() and not words.random(value)


def last_word(lead: bytes) -> bytes:
    """The last word of what stands before, where a space follows it."""
    return lead.rstrip(b" \t-|").rpartition(b" ")[2] if lead[-1:] in (b" ", b"\t", b"]", b"-", b"|") else b""


def given_value(text: Text, begin: int, end: int, at: int, kind: Held, tight: bool, sep: bytes) -> int:
    """The value that stands at ``at`` on the name's own line."""
    raw = text.raw
    opened = OPEN.match(raw, at)
    if opened:
        first, last = within(raw, opened)
        value = raw[first : min(last, first + 4000)]
        if kind is Held.RANDOM and not words.strong(value):
            return at
        if harmless(value, kind) or (not tight and words.sentence(value) and b" " in value):
            return at
        if raw[begin:end] in (b"secret", b"secrets", b"credential", b"credentials") and _is_name(value):
            return at
        if raw[begin:end] == b"token" and b"start_offset" in text.rest(last):
            return last  # of a text that was split into words
        if value.count(b"=") and held_inside(value):
            return at  # a connection string: its own names say what is secret in it
        return text.mask(first, last)
    if raw[at : at + 1] in (b"{", b"[", b"("):
        return _list(text, at, kind)
    if raw[at : at + 1] == b"<" and b">" in raw[at : at + 40]:
        return at + 1
    lead = text.lead(begin)
    if sep == b":" and not tight:
        return _colon(text, begin, at, kind, lead)
    bare = BARE.match(raw, at)
    if bare is None:
        return at
    value, last = bare[0], bare.end()
    whole = lead.strip() in (b"", b"-", b"export", b"env", b"set", b"arg", b"+")
    if whole:
        line = _LINE.match(raw, at)
        assert line is not None
        told = line[0].rstrip()
        if b" " not in told or (
            raw[begin:at].isupper() and kind is Held.PASSWORD and not re.search(rb"\s[\w.-]+=", told)
        ):
            value, last = (value, last) if told[-1:] in (b"\\", b";") else (told, at + len(told))
    elif raw[begin - 1 : begin] in (b"&", b"?") and (amp := raw.find(b"&", at, last)) >= 0:
        value, last = raw[at:amp], amp
    elif raw[begin - 1 : begin] == b";" and (semi := raw.find(b";", at, last)) >= 0:
        value, last = raw[at:semi], semi
    if kind is Held.RANDOM and not words.strong(value):
        return at
    if harmless(value, kind) or (raw[begin:end] in (b"secret", b"credentials") and _is_name(value)):
        return last
    return text.mask(at, last)


def held_inside(value: bytes) -> bool:
    """Whether names of its own stand in the value: ``AccountName=x;AccountKey=y``, ``user=x password=y``."""
    named = [held(name) for name in re.findall(rb"(?:^|[;\s,&?])([\w. -]{2,40}?)=", value)]
    return len(named) > 1 and max(named) >= Held.SECRET


def _colon(text: Text, begin: int, at: int, kind: Held, lead: bytes) -> int:
    """``name: value`` without quotes: of a document, or of a sentence."""
    raw = text.raw
    bare = BARE.match(raw, at)
    if bare is None:
        return at
    value, rest = bare[0], text.rest(at)
    more = rest[len(value) :].strip()
    stripped = lead.rstrip()
    alone = not stripped.strip(b"-*#>+$ \t")
    start = (
        alone
        or stripped[-1:] in b"{[(,;|&?>/\"'`:="
        or last_word(lead).strip(b"[]():|-") in _LEVELS
        or stripped[-1:] in b"])"
    )
    if kind is Held.RANDOM:
        user = value.find(b":")
        if user > 0 and b"auth" in text.low[begin:at] and words.random(value[user + 1 :]):
            return text.mask(at + user + 1, bare.end())
        return text.mask(at, bare.end()) if words.strong(value) and start else bare.end()
    if harmless(value, kind):
        return bare.end()
    spaced = at > begin and raw[at - 1] in b" \t"
    if start or not spaced:
        if words.random(value) and not (kind is not Held.PASSWORD and _is_name(value)):
            last = bare.end()
            if alone and more and not more.startswith(b"#") and not lead.strip() and not _mapped(more):
                last = at + len(rest.rstrip()) if len(rest) < 120 else last
            return text.mask(at, last)
        phrase = b"phrase" in text.low[begin:at] or b"mnemonic" in text.low[begin:at]
        if (words.word(value) and not (phrase and more)) or words.sentence(more if phrase else rest):
            return bare.end()
        if words.number(value) and kind is not Held.PASSWORD:
            return bare.end()
        if (
            more
            and alone
            and kind is Held.PASSWORD
            and not _mapped(more)
            and not more.startswith((b"#", b",", b"}", b")"))
        ):
            return text.mask(at, at + len(rest.rstrip()))
        if more and not alone and more[:1].isalpha() and not _mapped(more) and kind is not Held.PASSWORD:
            return bare.end()
        if kind is not Held.PASSWORD and not alone and words.named(value):
            return bare.end()
        return text.mask(at, bare.end())
    if kind is Held.PASSWORD:
        sure = words.random(value) or not (words.word(value) or words.sentence(rest) or (more and more[:1].isalpha()))
    else:
        odd = words.word(stripped.split()[-1]) if stripped.split() else False
        sure = words.strong(value) if odd else words.random(value, 8)
    return text.mask(at, bare.end()) if sure else bare.end()


def _mapped(more: bytes) -> bool:
    """Whether another name follows on the line: ``user: x password: y host: z``."""
    return re.search(rb"(?:^|[\s,;])[\w.-]{1,40}[=:]", more) is not None


def _list(text: Text, at: int, kind: Held) -> int:
    """``["a", "b"]`` and ``[a]``: each text in it, not what is a table again."""
    raw = text.raw
    if raw.startswith((b"{{", b"[]", b"{}", b"()"), at) or raw[at] == 123:
        return at + 1
    opened = _EXPANDED.match(raw, at)
    assert opened is not None
    at += 1
    for _ in range(100):
        while raw[at : at + 1] in (b" ", b",", b"\n", b"\t", b"\r"):
            at += 1
        quote = OPEN.match(raw, at)
        if quote is None:
            break
        first, last = within(raw, quote)
        closed = last + len(quote["quote"])
        following = raw[closed : closed + 1]
        if following not in (b",", b"]", b")", b" ", b"\n", b""):
            return last
        value = raw[first:last]
        if not harmless(value, kind) and (kind is Held.PASSWORD or words.random(value)):
            text.mask(first, last)
        at = closed
    else:
        return at
    while kind is not Held.RANDOM and (bare := _BARE_ITEM.match(raw, at)) is not None:
        closed = bare.end(1)
        sure = words.random(bare[1]) or (kind is Held.PASSWORD and not words.word(bare[1]))
        if sure and not harmless(bare[1], kind):
            text.mask(*bare.span(1))
        at = bare.end()
        if raw[closed : closed + 1] != b",":
            break
    return at


def element(text: Text, at: int, kind: Held) -> int:
    """The text of an element."""
    raw = text.raw
    inside = TO_TAG.match(raw, at)
    if inside is None or raw[inside.end() : inside.end() + 2] != b"</":
        if raw.startswith(b"<![CDATA[", at) and (end := raw.find(b"]]>", at, at + 4000)) >= 0:
            return text.mask(at + 9, end)
        return at
    value = inside[0].strip()
    if not value or harmless(value, kind) or (kind is Held.RANDOM and not words.strong(value)):
        return inside.end()
    first = at + inside[0].index(value)
    return text.mask(first, first + len(value))


def header(text: Text, at: int) -> int:
    """``Authorization``: its scheme stays readable."""
    raw = text.raw
    opening = re.compile(rb"""(?:\[|\()?[ \t]*\\{0,8}+[bu]?["'`]?(?:\[)?\\{0,8}+["'`]?""").match(raw, at)
    assert opening is not None
    at = opening.end()
    scheme = _SCHEME.match(raw, at)
    begin = scheme.end() if scheme else at
    whole = scheme is not None and scheme[0].lower().startswith(_WHOLE_LINE_SCHEMES)
    mark = opening[0].strip(b" \t[(\\bu")[-1:]
    value = _HEADER_VALUE.match(raw, begin)
    if value is None or (scheme is None and not words.random(value[0][:200], 8)):
        return begin
    if scheme and (words.word(value[0][:200]) or words.placeholder(value[0])):
        return begin
    if scheme and whole and b"=" in raw[begin : begin + 100]:
        value = re.compile(rb"[^\n\r\x00\x1b%b]*+" % re.escape(mark)).match(raw, begin) or value
    end = value.end()
    while end > begin and raw[end - 1] in b" \t\\":
        end -= 1
    return text.mask(begin, end)


def cookies(text: Text, at: int) -> int:
    """All pairs of a ``Cookie``, to the end of its line or its quotes."""
    raw = text.raw
    opening = re.compile(rb"""[\[({]{0,2}+\\{0,8}+[bu]?["'`]?""").match(raw, at)
    assert opening is not None
    mark = opening[0][-1:] if opening[0][-1:] in (b'"', b"'", b"`") else b""
    if b"{" in opening[0]:
        end = raw.find(b"}", at, at + 4000)
        return text.mask(at + 1, end if end >= 0 else min(len(raw), at + 4000))
    if not _PAIR_IN_COOKIE.match(raw, opening.end()):
        return at
    value = re.compile(rb"[^\n\r\x00\x1b%b]*+" % (re.escape(mark) or rb"\"'")).match(raw, opening.end())
    assert value is not None
    if b"=" not in value[0] or _ATTRIBUTE.match(value[0]):
        return at
    end = value.end()
    while end > opening.end() and raw[end - 1] in b" \t\\":
        end -= 1
    return text.mask(opening.end(), end)


def below(text: Text, begin: int, at: int, kind: Held) -> int | None:
    """The value on the lines below: a YAML block, a folded value, a line of its own. None where there is none."""
    raw = text.raw
    ahead = NEXT.match(raw, at)
    if ahead is None or kind < Held.RANDOM:
        return None
    lead = text.lead(begin)
    own = len(lead) - len(lead.lstrip(b" \t-"))
    indent = len(ahead["indent"]) + len(ahead["item"] or b"")
    block = raw[at : at + 1] in (b"|", b">")
    first = ahead.end()
    line = text.rest(first, 4000)
    value = line.strip()
    if not value or words.placeholder(value.strip(b"\"'")):
        return None
    if block and indent > own:
        last = first + len(line)
        while True:
            newline = last + 1
            more = text.rest(newline, 4000)
            if newline >= len(raw) or (more.strip() and len(more) - len(more.lstrip(b" \t")) <= own):
                break
            if not more.strip() and newline + len(more) >= len(raw):
                break
            last = newline + len(more)
        return text.mask(first, last)
    if _MAPPING.match(value) and not (opened := re.match(rb"[\"']", value)):
        return None
    opened = OPEN.match(raw, first)
    if opened and raw[first] in b"\"'`":
        inner = within(raw, opened)
        following = raw[inner[1] + 1 : inner[1] + 3].lstrip()
        if following.startswith(b":") or kind is Held.RANDOM:
            return None
        return text.mask(*inner)
    single = len(value.split()) == 1
    if (
        not single
        or kind is Held.RANDOM
        or value.startswith((b"-----", b"{", b"[", b"<", b"#", b"//", b"at ", b"}", b"]"))
    ):
        return None
    if ahead["item"] and kind is not Held.PASSWORD:
        return None
    sure = (
        words.random(value)
        or (kind is Held.PASSWORD and not words.word(value))
        or (indent > own and not words.word(value))
    )
    if not sure:
        return None
    stripped = first + len(line) - len(line.lstrip())
    end = text.mask(stripped, stripped + len(value))
    while ahead["item"]:
        again = re.compile(rb"\r?\n[ \t]*+- (?![\w-]+:)([^\s]+)[ \t]*(?=\r?\n|\Z)").match(raw, end)
        if again is None:
            break
        end = text.mask(*again.span(1))
    return end
