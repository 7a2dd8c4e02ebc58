"""Whether a value looks like a secret, or like a word of a sentence, a placeholder, a name. Works on bytes."""

from __future__ import annotations

import re
from itertools import pairwise

from gonogo.redaction.patterns import pattern

MASK = b"***"


def in_bytes(text: str) -> frozenset[bytes]:
    """The words of a text, as a set."""
    return frozenset(text.encode().split())


COMMON = in_bytes(
    "a an the this that these those it its he she they we you your our their his her my me i and or but nor so "
    "yet if then else than as at by for from in into of off on onto out over per to up upon with within without "
    "via after before during since until while when where which who whom whose what why how because due about "
    "against between through is are was were be been being am do does did done has have had having can could may "
    "might must shall should will would cannot isn't wasn't doesn't don't didn't can't won't couldn't no not none "
    "never any all some each every both either neither other another more most less least only also already again "
    "still just too very such same own here there now today yes ok okay please unexpected expected invalid valid "
    "expired expires missing required optional incorrect correct wrong bad good unknown known unsupported "
    "supported denied refused rejected accepted allowed forbidden unauthorized unauthenticated authenticated "
    "authorized failed failure fails fail success successful succeeded error errors exception timeout timed empty "
    "blank null nil undefined unset set found exists exist absent present provided given specified configured "
    "created deleted updated changed rotated renewed refreshed refreshing refresh revoked disabled enabled loaded "
    "loading generated generating stored saved received sent read written got used using unused reused cached "
    "skipped ignored ignoring masked hidden redacted encrypted decrypted malformed mismatch mismatched match "
    "matched matches matching unable able could't authentication authorization authenticating authorizing access "
    "request response user users account server client service end end-of-file eof start begin begins string "
    "number integer bool boolean text bytes object array list map value values type name field key keys token "
    "tokens password passwords secret secrets credential credentials certificate identifier literal keyword "
    "operator symbol character characters char line column position index length size long short weak strong "
    "policy enter retype confirm try trying retry retrying attempt attempts check checking verify verifying "
    "verified waiting wait pending ready running started starting stopped stopping completed complete finished "
    "new old current previous next last first default exceeded exceeds reached limit maximum minimum too-short "
    "many few lookup resolved unresolved initialized initializing registered registering issued issuing acquired "
    "acquiring obtained obtaining fetched fetching requested requesting validated validating validation signature "
    "signed signing parsed parsing parse syntax near reason cause message code status state info warning warn "
    "debug trace fatal critical note see use run set-up usage help example warning: login logged logging logout "
    "cancelled canceled aborted interrupted duplicate duplicated conflict violates violated constraint table row "
    "rows partition topic offset unrecognized unresolvable unreachable unavailable unreadable ambiguous "
    "deprecated removed added replaced inherited scope audience issuer claims subject header cookie session "
    "cluster namespace node pod container volume mount file files path directory reset recover recovery rotation "
    "expiry expiration failed. policy. scheduled propagated synced unchanged modified immutable managed owned "
    "consumed produced evicted compacted ignored. lost closed opened open close shared private public internal "
    "external unsafe safe insecure secure plaintext plain hashed salted sealed include omit unsealed locked "
    "unlocked blocked throttled prompt interactive bearer basic digest kerberos"
)
"""What stands in sentences about secrets, and is no secret."""

_ENDS = (b"ed", b"ing", b"able", b"ible", b"tion", b"sion", b"ment", b"ence", b"ity", b"ly", b"ously")

_TECH = pattern(
    rb"(?:[a-z]+[-_]?)?(?:sha|md|rs|hs|es|ps|aes|rsa|des|base|utf|v|ipv|http|https|tls|tlsv|ssl|oauth|oauth2|krb|x|p|h|k|s|ec|"
    rb"ed|argon|pkcs|scram-sha|pbkdf|bcrypt|crc|jdk|java|python|log4j|md5|sha512crypt|level|attempt|step|phase|part|"
    rb"line|column|broker|node|user|worker|pod|server|shard|partition|replica|role|test|gpt|llama)[-_./]?v?\d+(?:[-_.:/]\w+)*+",
    re.IGNORECASE,
)
"""``SHA-256``, ``oauth2``, ``TLSv1.3``, ``broker-2``."""

_NUMBER = pattern(
    rb"[-+]?[\d.,:/_-]+(?:%|ms|us|ns|s|sec|m|min|h|d|x|kb|mb|gb|kib|mib|gib|b)?|0x[0-9a-f]{1,16}", re.IGNORECASE
)
_NAMED = pattern(rb"[A-Za-z]+(?:[-_./:#][A-Za-z0-9]+)++")
_SEGMENT = pattern(rb"[-_./:#]+")
_PATHS = (
    b"/",
    b"./",
    b"~/",
    b"../",
    b"http:",
    b"https:",
    b"file:",
    b"class ",
    b"org.",
    b"com.",
    b"io.",
    b"java.",
    b"arn:",
)

_PLACEHOLDER = pattern(
    rb"""(?:true|false|yes|no|on|off|none|null|nil|undefined|unset|empty|n/?a|required|optional|disabled|enabled|"""
    rb"""string|str|text|bytes|bool|boolean|int|integer|unknown|missing|present|provided|configured|await|new|async|lambda|yield|redacted|masked|"""
    rb"""hidden|omitted|protected|sensitive|prompt|function|object|any|optional\[.*|-+|\.+|\xe2\x80\xa6|\*.*|x{3,}|"""
    rb"""[\[<({]?\*{3,}.*|\[(?:hidden|redacted|masked|filtered|secret|omitted|protected|sensitive)[^\]]*+\]?|"""
    rb"""<[a-z_ -]*+>?|\$\{.*|\$\(.*|\{\{.*|\$[A-Z_][A-Z0-9_]*|%[A-Z_]+%|%\(\w*\)?s?|%[sdvrq]|\{\w*\}?|:\w+_?|\?|"""
    rb"""[a-z_][a-z_.]*\(.*|(?:self|this|os|cfg|config|args|settings|env|environ|request|opts|options|params|props)\.[\w.\[\]"']+)""",
    re.IGNORECASE | re.DOTALL,
)
_DEFAULT = pattern(rb"\$\{[^}]*?:-?")


def placeholder(value: bytes) -> bool:
    """Whether it stands for a value, or for there being none: ``${DB_PASS}``, ``null``, ``<none>``, ``***``."""
    if not value:
        return True
    if len(value) > 200 or not _PLACEHOLDER.fullmatch(value):
        return False
    return not (value.startswith(b"${") and _DEFAULT.match(value))


def number(value: bytes) -> bool:
    """Whether it is a number, a time, an address, a version."""
    return len(value) < 40 and _NUMBER.fullmatch(value) is not None


def named(value: bytes) -> bool:
    """Whether it is words that are joined, as names are: ``data/pg-app``, ``web-0``."""
    return _NAMED.fullmatch(value) is not None


def random(value: bytes, least: int = 6) -> bool:
    """Whether nobody would write it in a sentence: letters and digits mixed, marks, capitals within."""
    value = value.rstrip(b".,;:!?)]}'\"")
    if len(value) < least or number(value) or value.lower().startswith(_PATHS) or placeholder(value):
        return False
    letters = sum(map(_LETTERS.__contains__, value))
    digits = sum(map(_DIGITS.__contains__, value))
    marks = len(value) - letters - digits
    if not letters or _TECH.fullmatch(value):
        return False
    if _NAMED.fullmatch(value):
        # words that are joined are a name, as long as no part of it is random
        return any(_mixed(part) for part in _SEGMENT.split(value))
    if digits and letters:
        return marks == 0 or digits >= 2 or bool(_MARKS.search(value))
    return bool(_MARKS.search(value)) if marks else len(value) >= 16 and _scrambled(value)


def strong(value: bytes) -> bool:
    """Whether it looks random beyond doubt: long, and of several kinds of characters."""
    return len(value) >= 16 and random(value)


def sentence(words: bytes) -> bool:
    """Whether the beginning of ``words`` is one: among its first words is one that sentences about secrets have."""
    return any(word.strip(b".,;:!?()[]'\"`").lower() in COMMON for word in words.split(None, 6)[:6])


def word(value: bytes) -> bool:
    """Whether it is one word, as it ends a sentence: ``expired``, ``unsupported``."""
    plain = value.strip(b".,;:!?()[]'\"`").lower()
    return plain in COMMON or (plain.isalpha() and plain.endswith(_ENDS) and len(plain) > 4)


def _mixed(part: bytes) -> bool:
    """``x7Kd92Lm`` and not ``web2`` or ``7bcfc5d944``: at least 8 characters that change their kind often."""
    if len(part) < 8:
        return False
    kinds = [1 if c in _DIGITS else 2 if c in _UPPER else 3 for c in part]
    turns = sum(a != b for a, b in pairwise(kinds))
    return turns >= 4 and ((2 in kinds and 3 in kinds) or len(part) >= 16) and 1 in kinds


def _scrambled(value: bytes) -> bool:
    kinds = [c in _UPPER for c in value]
    return sum(a != b for a, b in pairwise(kinds)) >= 6


_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") | frozenset(range(128, 256))
_UPPER = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_DIGITS = frozenset(b"0123456789")
_MARKS = pattern(rb"[!@#$%^&*+~?|]")
