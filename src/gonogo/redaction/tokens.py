"""Secrets that show by their own shape: tokens with the prefixes that vendors give them, hashes, private keys.

Sources: the vendors' own pages on token formats, and the public rule sets of secret scanners (gitleaks, GitHub's and
GitLab's secret scanning).
"""

from __future__ import annotations

import base64
import re

from gonogo.redaction.patterns import pattern
from gonogo.redaction.words import in_bytes

_PREFIXED = (
    # clouds
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}",
    r"(?:LTAI|AKID)[A-Za-z0-9]{12,40}",
    r"AIza[\w-]{30,}",
    r"ya29\.[\w.-]{15,}",
    r"GOCSPX-[\w-]{16,}",
    r"1//0[\w-]{20,}",
    r"GOOG[\w]{10,60}",
    r"(?:dop|doo|dor)_v1_[a-f0-9]{32,}",
    r"EXO[a-f0-9]{24,}|t1\.[A-Z0-9a-z_-]{20,}",
    r"(?:HRKU-|rnd_|nfp_|FlyV1[ _]|fm\d[a-z]?_|fo1_)[\w+/=,.-]{16,}",
    r"sha256~[\w-]{30,}",
    r"ABSK[\w+/=]{30,}",
    # forges and package registries
    r"(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{16,}",
    r"github_pat_\w{20,}",
    r"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|oas|ffct|wt)-[\w.-]{16,}",
    r"GR1348941[\w-]{16,}",
    r"(?:npm|rubygems|CLOJARS|dckr_pat|dckr_oat|cio|pul|gsk|hf|api_org|r8|nvapi|pplx|xai|ntn|sbp|figd|figu|tfp|lin_api|"
    r"lin_oauth|glc|glsa|sntrys|sntryu|squ|sqp|sqa|bkua|CCIPAT|CCIPRJ|pscale_(?:tkn|pw|oauth)|pnu|rdme|dt0[a-z]\d\d|"
    r"shp(?:at|ss|ca|pa)|PMAK|NRAK|NRII|NRJS|NRBR|NRAA|tskey|ops|phc|phx|lsv2_(?:pt|sk)|ATATT3x\w+|ATCTT3x\w+|ATBB\w+|"
    r"tgp_v1|pcsk|sk|rk|pk_live|whsec|sq0(?:atp|csp|idp)|xkeysib|xsmtpsib|shippo_(?:live|test)|FLWSECK(?:_TEST)?|CFPAT|"
    r"apify_api|dkea|dp\.(?:pt|st|ct|sa|scim|audit)|AGE-SECRET-KEY|essu|napi|pypi|xapp|xwfp|hvs|hvb|hvr|SG|sl|EAAA|"
    r"duffel_(?:live|test)|aio|EZ[AT]K\w+)[-_.](?P<rest>[\w.+/=~-]{16,})",
    r"[sbr]\.(?P<short>[A-Za-z0-9]{24,})",
    r"pat[A-Za-z0-9]{14}\.[a-f0-9]{60,}",
    r"pat-[a-z]{2}\d-[a-f0-9]{8}-[a-f0-9-]{27}",
    r"AKC[a-zA-Z0-9]{10,}|cmVmdGtu[\w]{20,}",
    r"pypi-[\w-]{20,}",
    r"xox[a-z](?:\.xox[a-z])?-[\w-]{10,}",
    r"dapi[a-h0-9]{32}(?:-\d)?",
    r"key-[a-f0-9]{32}|[a-f0-9]{32}-us\d{1,2}",
    r"(?:SK|AC)[a-f0-9]{32}",
    r"oy2[a-z0-9]{43}",
    r"EAACEdEose0cBA\w+|EAA[A-Z]\w{40,}",
    r"AAAAAAAA[\w%]{30,}",
    r"[MNO][A-Za-z\d_-]{22,26}\.[\w-]{6}\.[\w-]{25,}",
    r"\d{8,10}:[\w-]{32,38}",
    r"T[A-Z0-9]{6,12}/B[A-Z0-9]{6,12}/[A-Za-z0-9]{18,}",
    r"eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)*",
    r"eyJhdXRo[\w+/=]{8,}",
    r"[0-9A-F]{40}(?<=\*.{40})",
)
_TOKEN = pattern("|".join(f"(?:{one})" for one in _PREFIXED).encode())
_FIRST = in_bytes(
    "AK AS AB AC LT AI ya GO 1/ do EX t1 HR rn nf Fl fm fo sh gh gi gl GR np ru CL dc ci pu gs hf ap r8 nv pp xa nt sb "
    "fi tf li sn sq bk CC ps pn rd dt PM NR ts op ph ls AT tg pc sk rk pk wh xk xs FL CF dk dp AG es na py xw hv SG sl "
    "EA du ai EZ s. b. r. pa cm xo da ke SK oy AA ey"
)
"""How tokens begin: one look-up spares most runs the expression."""
_SOLID = pattern(rb"(?=[A-Za-z]*\d|[a-z]*[A-Z])[A-Za-z0-9]{16,}")
_BOUNDED = pattern(rb"(?:[a-z][a-z0-9]{1,9}[_-]){1,3}([A-Za-z0-9]{22,})")
_CRYPT = pattern(
    rb"\$(?:1|2[abxy]?|5|6|7|y|gy|apr1|argon2(?:id|i|d)|scrypt|pbkdf2(?:-sha\d+)?|bcrypt-sha256|s0|P|H|B)"
    rb"\$[^\s:\"';<>]{8,}+"
)
_PEM_BEGIN = pattern(rb"-{4,5} ?BEGIN ([A-Z0-9 ]{0,40}+)-{4,5}")
_PEM_END = pattern(rb"-{4,5} ?END [A-Z0-9 ]{0,40}+-{4,5}")
_BASE64_LINE = pattern(rb"[^\n]{0,120}?[A-Za-z0-9+/=]{16,}")
_CERTIFICATE = b"-----BEGIN CERTIFICATE"
_PEM_BASE64 = b"LS0tLS1CRUdJTi"
_BASE64 = pattern(rb"[\w+/-]+={0,2}")

DIGITS = b"0123456789"
_RANDOM = 30
_JOINS = (b".", b"/", b":", b"~", b"*")
_KINDS = bytes(
    ord("d") if 48 <= c < 58 else ord("u") if 65 <= c < 91 else ord("l") if 97 <= c < 123 else ord("o")
    for c in range(256)
)
_PUBLIC = pattern(
    rb"(?:ssh-\w+ |ecdsa-[\w-]+ |sha\d+[-:/=]|md5[-:/=]|integrity\W{1,4}|"
    rb"id[-_\d]*[\"'>: =\[]{1,5}|etag\W{1,5}|fingerprint\W{1,5})$",
    re.IGNORECASE,
)
"""Before a random text that everybody may know: public keys, digests, ids of requests."""

Spans = list[tuple[int, int]]
"""Begin and end of each secret, in bytes."""

_RUN = 20
_WORDS = bytes(ord("x") if (chr(c).isalnum() and c < 128) or c in b"_-" else ord(" ") for c in range(256))
_LONG = pattern(b"x" * _RUN + rb"x*+")


def by_shape(raw: bytes, few: bytes, found: Spans) -> None:
    """Tokens with a known prefix: looked for only where twenty letters and digits stand together, which is rare.

    ``few`` holds each line of the text without its digits, whose order does not matter.
    """
    runs = raw.translate(_WORDS)
    certificate, done = raw.find(_CERTIFICATE), 0
    for run in _LONG.finditer(runs):
        begin, end = run.span()
        while 0 <= certificate < begin:  # everybody may read it
            closed = raw.find(b"-----END ", certificate)
            done = max(done, closed if closed >= 0 else len(raw))
            certificate = raw.find(_CERTIFICATE, done)
        begin = max(begin, done)
        if end - begin >= _RUN:
            done = _run(raw, begin, end, found)
    for mark, shape, back in _WITHIN:
        at = raw.find(mark) if mark.translate(None, DIGITS) in few else -1
        while at >= 0:
            for begin in (at - distance for distance in back if distance <= at):
                if token := shape.match(raw, begin):
                    found.append(token.span())
                    break
            at = raw.find(mark, at + 2)


def _run(raw: bytes, begin: int, end: int, found: Spans) -> int:
    """Judge one run, together with what ``.``, ``/``, ``:`` and ``~`` join to it; where to go on."""
    if end - begin == 36 and raw[begin + 8] == 45 == raw[begin + 13]:
        return end  # a uuid
    part = raw[begin : min(end, begin + 200)]
    if len(part) == 35 and part.startswith(b"md5") and raw[end : end + 1] in (b"'", b'"'):
        found.append((begin + 3, end))  # a role's password, as PostgreSQL kept it
        return end
    first = raw[begin : begin + 2] in _FIRST
    if not first and part.isalpha():
        return end
    joined_to = raw[begin - 1 : begin] in _JOINS and not (len(part) < 40 and part.islower())
    if first or joined_to or raw[end : end + 1] == b"." or raw[begin + 32 : begin + 35] == b"-us":
        for start in _starts(raw, begin) if joined_to else (begin,):
            token = _TOKEN.match(raw, start)
            if token and _sure(token):
                found.append(token.span())
                return token.end()
    if part.islower():
        return end
    joined = _BOUNDED.match(raw, begin)
    if joined and _varied(joined[1]):
        found.append(joined.span())
        return joined.end()
    if raw.startswith(_PEM_BASE64, begin):
        return _pem_in_base64(raw, begin, end, found)
    if end - begin >= _RANDOM and _scrambled(part) and not _PUBLIC.search(raw[max(0, begin - 40) : begin]):
        whole = _BASE64.match(raw, begin)
        end = whole.end() if whole else end
        found.append((begin, end))
        return end
    return end


_WITHIN = (
    (b"Q~", pattern(rb"[\w~.-]{3,5}\dQ~[\w~.-]{30,}"), (4, 5, 6)),
    (b".atlasv1.", pattern(rb"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{30,}"), (14,)),
    (b":::", pattern(rb"[a-f0-9]{32}:[a-f0-9]{32}:::"), (65,)),
)
"""Tokens that are told by what stands within them, and how far in."""


def _starts(raw: bytes, begin: int) -> list[int]:
    """Where a token may begin whose last part begins at ``begin``: ``ya29.``, ``12345678:``, ``T01/B01/``."""
    starts = [begin]
    for mark in b"./:~":
        before = begin
        while before > 0 and raw[before - 1] == mark and begin - before < 80:
            previous = before - 1
            while previous > 0 and raw[previous - 1 : previous].isalnum() and before - previous < 40:
                previous -= 1
            if previous == before - 1:
                break
            before = previous
            starts.append(before)
    return sorted(starts)


def _pem_in_base64(raw: bytes, begin: int, end: int, found: Spans) -> int:
    whole = _BASE64.match(raw, begin)
    end = whole.end() if whole else end
    with_what = raw[begin : min(end, begin + 80)]
    head = base64.b64decode(with_what[: len(with_what) // 4 * 4].replace(b"-", b"+").replace(b"_", b"/"))
    if b"PRIVATE" in head:
        found.append((begin, end))
    return end


def _sure(token: re.Match[bytes]) -> bool:
    """Whether what follows a short prefix is no word or name: ``hf_`` begins the names of functions too."""
    if token["short"]:
        return _varied(token["short"])
    rest = token["rest"]
    return rest is None or _varied(rest) or (_SOLID.match(rest) is not None)


def _scrambled(run: bytes) -> bool:
    """Whether its characters change their kind as often as those of random ones, and not as ``camelCaseNames2`` do."""
    kinds = run.translate(_KINDS)
    if kinds.count(b"d") < 3 or b"u" not in kinds or b"l" not in kinds:
        return False
    return sum(map(kinds.count, (b"du", b"ud", b"dl", b"ld", b"ul", b"lu"))) > 0.45 * len(run)


def _varied(rest: bytes) -> bool:
    return rest.lower() != rest and rest.upper() != rest and any(48 <= c < 58 for c in rest)


def private_keys(raw: bytes, found: Spans) -> None:
    """PEM and the like, from BEGIN to END, or to where its lines end; indented, quoted, escaped, or cut off."""
    at, ended = raw.find(b"BEGIN "), 0
    ends: set[int] = set()
    while at >= 0:
        begin = _PEM_BEGIN.match(raw, max(0, at - 5)) or _PEM_BEGIN.match(raw, max(0, at - 6))
        at = raw.find(b"BEGIN ", at + 6)
        if begin is None or begin.start() < ended or b"PRIVATE" not in begin[1]:
            continue
        end = _PEM_END.search(raw, begin.end(), begin.end() + 20_000)
        nested = raw.find(b"BEGIN ", begin.end(), end.start() if end else begin.end())
        ended = end.end() if end and nested < 0 else _last_line(raw, begin.end())
        found.append((begin.start(), ended))
        ends.add(ended)
    # the end of one whose beginning was cut off, as the last lines of a log are
    for end in _PEM_END.finditer(raw):
        if b"PRIVATE" in end[0] and end.end() not in ends:
            found.append((_first_line(raw, end.start()), end.end()))


def _first_line(raw: bytes, at: int) -> int:
    """The beginning of a key whose BEGIN is missing: its first line of base64."""
    begin = raw.rfind(b"\n", 0, at) + 1
    while begin > 0 and at - begin < 20_000:
        previous = raw.rfind(b"\n", 0, begin - 1) + 1
        if not _BASE64_LINE.fullmatch(raw[previous : begin - 1].rstrip()):
            break
        begin = previous
    return begin


def _last_line(raw: bytes, at: int) -> int:
    """The end of a key whose END is missing: its last line of base64."""
    end = raw.find(b"\n", at)
    if end < 0:
        return len(raw)
    while True:
        following = raw.find(b"\n", end + 1)
        line = raw[end + 1 : following if following >= 0 else len(raw)]
        if not _BASE64_LINE.fullmatch(line.rstrip()) and line.strip():
            return end
        if following < 0:
            return len(raw)
        end = following


def crypts(raw: bytes, found: Spans) -> None:
    """Passwords as ``crypt`` keeps them: ``$6$salt$…``."""
    at = raw.find(b"$")
    while at >= 0:
        crypt = _CRYPT.match(raw, at)
        if crypt:
            found.append(crypt.span())
        at = raw.find(b"$", crypt.end() if crypt else at + 1)


def hashes(low: bytes, names: bytes, found: Spans) -> None:
    """Passwords as products keep them: Elasticsearch, Kafka, PostgreSQL, LDAP, Werkzeug.

    ``low`` is the text and ``names`` the names in it, both in lower case.
    """
    for needle, shape in _HASHES:
        at = low.find(needle) if needle.rstrip(b"=:") in names else -1
        while at >= 0:
            match = shape.match(low, at)
            if match:
                found.append(match.span(match.lastindex or 0))
            at = low.find(needle, match.end() if match else at + len(needle))


_HASHES = tuple(
    (needle, pattern(shape, re.IGNORECASE))
    for needle, shape in (
        (b"pbkdf2", rb"pbkdf2(?:_\w+)?(?::\w+)?\}?[:$]?\d+\$([\w+/=.$-]{6,}+)(?!\*)"),
        (b"scrypt:", rb"scrypt:\d+:\d+:\d+\$(\S{8,})"),
        (b"scram-", rb"scram-sha-\d+\$\d+:([\w+/=]{4,400}\$[\w+/=]{4,400}:[\w+/=]{4,400})"),
        (b"ssha", rb"ssha(?:\d+)?\}([\w+/=]{8,})"),
        (b"salt=", rb"salt=([\w+/]+=*)(?=,stored_key)"),
        (b"stored_key=", rb"stored_key=([\w+/]+=*)"),
        (b"server_key=", rb"server_key=([\w+/]+=*)"),
        (b"saltedpassword=", rb"saltedpassword=([\w+/]+=*)"),
    )
)
HASHED = (b"pbkdf", b"scrypt", b"scram-", b"ssha", b"salt", b"stored_key", b"server_key")
"""Parts of names without which none of these is there."""
