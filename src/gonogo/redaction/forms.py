"""Secrets that nobody told us of, found by what stands around them.

A line is looked at only where it holds one of a few dozen needles, found by ``bytes.find``; from there on every
expression is anchored, possessive or bounded, and what was masked is not looked at again. So the time grows with the
text, whatever the text is.

How much it takes to be masked depends on how a value is given. ``name=value``, quotes, options, headers and pairs are
the forms of programs: all but a placeholder is secret. After ``name: `` within a sentence, or after the bare name, it
must look like a secret.
"""

from __future__ import annotations

import base64
import bisect
import re
from collections.abc import Callable

from gonogo.redaction import tokens, words
from gonogo.redaction.names import Held, held
from gonogo.redaction.patterns import pattern

Spans = list[tuple[int, int]]

_NAME = bytes(c if (chr(c).isalnum() and c < 128) or c in b"_.-" else 32 for c in range(256))
_LONGEST_NAME = 96
_FEW = 12
"""Names that are looked for one by one; of more, their needles are."""

NEEDLES = (
    *(b"pass", b"pw", b"secret", b"token", b"key", b"cred", b"auth", b"cookie", b"sig", b"otp", b"psk", b"jwt", b"sid"),
    *(b"kenn", b"motdepasse", b"contrasena", b"senha", b"sessi", b"mnemonic", b"srf", b"pin", b"dockerc", b"accessid"),
    *(b"sas", b"id_", b"connectionstring"),
)
"""Parts of the names that may hold a secret; lower case."""

_WORDS_ON = (
    rb"[.,;!?)\]]{0,3}+[ \t]++(?!is\b|was\b|are\b|now\b|to\b|for\b|of\b|set\b|changed\b|reset\b|from\b|below\b|string\b|"
    rb"password\b|passwd\b)[a-z]{1,20}+(?:[-/.][a-z]{1,20}+){0,6}+(?:[-.]\d{1,4}+)?+(?:[\s,.;)\]\"'\\]|\Z|:\s)"
)
_ENDS = rb"[.,;)\]!?]{0,2}+[ \t]*+(?:\r?\n|\Z)|[.;!?]{1,2}+\s|,[ \t]++(?![\"'bu\\])|[\"'`]{1,2}+(?:[.;)\]}]?(?:[ \t]|\r?\n|\Z)(?![=:]))"
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
_QUICK = {
    Held.RANDOM: pattern(
        rb"(?!\\{0,8}+[\"'`\])]?+[ \t]{0,8}+(?::?=|:|->|>|,[ \t]*+\\{0,8}+[\"'`]|\([ \t]*+[\"']))|"
        rb"\\{0,8}+[\"']?+[ \t]{0,4}+[=:][ \t]{0,4}+\\{0,8}+[\"'`]?+(?:[A-Za-z_/.:-]{0,40}+|[^\s\"',;(){}\]\\]{0,15}+)(?:[\s\"',;)}\]\\]|\Z)(?!-)"
    ),
    Held.SECRET: pattern(b"|".join((_WORDS_ON, _ENDS, _NO_VALUE, _NOTHING_ODD, _QUOTED_NAME))),
    Held.PASSWORD: pattern(rb"(?:%b|%b)(?![^\n]{0,160}[:=])|%b" % (_WORDS_ON, _ENDS, _NO_VALUE)),
    Held.HEADER: pattern(rb"[ \t]"),
    Held.COOKIE: pattern(rb"[ \t]"),
}
"""By kind, what tells at once that no value follows; most of what logs say of secrets is of this sort."""
_UPPER = pattern(rb"[A-Z0-9_]{2,}+\Z")
_AFTER = pattern(
    rb"""(?P<close>\\{0,8}+["'`]\]?|\]|\))?(?P<gap>[ \t\x00]{0,8}+)"""
    rb"""(?P<sep>:=|=>|->|={1,2}+|::?+|>|,(?=[ \t]*+\\{0,8}+["'`])|\|(?=[ \t])|%3[dDaA]|[|;,](?=[^\s"'`|;,]))?(?P<space>(?:[ \t\x00]|\\{1,4}[nrt](?![A-Za-z]{3})|\\{1,4}[nrt](?=[ ])){0,40}+)"""
)
_OPEN = pattern(rb"""(?:[bBuUrRfF@]?+)(?P<quote>\\{0,8}+(?:\"\"\"|'''|["'`]))""")
_BARE = pattern(
    rb"""(?:[^\s"'`<>,;&|)}\]\\\x00\x1b]|\\(?![nrt"'\\])"""
    rb"""|[,;&|)}\]"'`<>](?![\s,;:&|)}\]"'`<>\\\x00\x1b]|\Z|[\w.-]{1,40}+\\?["']?[ ]?[=:])|\\\\(?![nrt"']))++"""
)
_CELL = pattern(rb"[^\s|;,\"'`]{4,200}+")
"""Of a table whose columns a mark parts."""
_TO_SPACE = pattern(rb"[^\s\x00\x1b]++")
_TO_TAG = pattern(rb"[^<]{1,4000}+")
_LINE = pattern(rb"[^\n\r\x00\x1b]*+")
_QUOTED = {
    b'"': pattern(rb'(?:[^"\\\n\x00]|\\[^\x00])*+'),
    b"'": pattern(rb"(?:[^'\\\n\x00]|\\[^\x00])*+"),
    b"`": pattern(rb"[^`\n\x00]*+"),
    b'"""': pattern(rb'(?:[^"]|"(?!""))*+'),
    b"'''": pattern(rb"(?:[^']|'(?!''))*+"),
}
_ESCAPED: dict[bytes, re.Pattern[bytes]] = {}

_LEVELS = words.in_bytes("trace debug info notice warn warning error err fatal severe critical")
_SETS = words.in_bytes("env arg set setx setenv export set configuration property -d -e --env --set")
"""Words after which a name and its value stand: ``ENV DB_PASS x``."""
_KIND_OF_KEY = pattern(
    rb"\b(?:api|access|secret|private|encryption|signing|master|account|shared|auth|session|license|storage)[ \t]\Z"
)
_DIRECTIVES = (b"requirepass", b"masterauth", b"rootpw", b"bindpw", b"userpassword")
_IS = pattern(
    rb"[ \t]{1,4}+(?:(?:(?:for|of|to)[ \t][^\n:=]{1,80}?[ \t:])??(?:(?:is|was|are|now|to|from|set|changed|reset|=|:)[ \t:]+){1,4}+|"
    rb"[\w@.-]{1,40}+[ \t]=[ \t]+)"
)
_LOGIN = pattern(rb"\b(?:login|machine) \S{1,100} \Z")
_NETRC = pattern(rb"(?:^|\s)(?:login|machine|default) ")
_FOR = pattern(rb"[ \t]{1,4}+(?:for|of|is|to|below)\b[^\n:]{0,160}+:[ \t]*+(?=\n|\r|[^\s])")
_NEXT = pattern(
    rb"[ \t]*+(?:[|>][-+0-9]{0,3}+|\\)?[ \t]*+(?:#[^\n]*+)?\r?\n(?:[ \t]*+\r?\n){0,3}+(?P<indent>[ \t]*+)(?P<item>- )?"
)
_MAPPING = pattern(rb"""["']?[\w./$-]{1,80}+["']?[ \t]*+(?::(?:\s|\Z)|=|\{)""")
_OPTION_NEXT = pattern(rb"""\\{0,8}+["']?[ \t]*+,?[ \t]*+(?:\\?\r?\n)?[ \t]*+(?:- )?(?=[^\s,\]])""")
_META = pattern(rb"[A-Z][A-Z_]*|<[^>]*>?")
"""``PASSWORD`` where an option is explained."""
_FROM_TO = pattern(
    rb"[ \t]+from[ \t]+(?P<old>'[^'\n]{0,200}'|\"[^\"\n]{0,200}\")[ \t]+to[ \t]+(?=['\"])", re.IGNORECASE
)
_AT_THE_END = pattern(rb"[^\n:=]{0,160}+[:=][ \t]+([^\s]{8,200})[ \t]*(?=\r?\n|\Z)")
_FILL = b" \t\r\n\"'\\<%"
_CALLED = tuple(
    b"name key variable var property setting field option header attribute param id title env. x-".split()
)
"""What a member is called that holds a name."""
_NAME_BEFORE = pattern(
    rb"""(?:^|[\s{,\[("'\\<-])(?P<what>name|key|parameterkey|parametername|paramname|variable|var|property|setting|"""
    rb"""field|option|header|attribute|param|id|title|envname)\\{0,8}+["']?\s*+(?:[:=]|=>)\s*+\\{0,8}+["']?(?:%env[.]|env[.]|x-|)$|<name>\s*+$"""
)
_VALUE_AFTER = pattern(
    rb"""\\{0,8}+["']?(?:</\w{1,20}+>)?(?:(?!(?:\bname\b|\bkey\b|\n\s*+- )(?!\\?["']?\s*[:=]\s*\\?["']?\s*valuefrom))[^{}\[\]]){0,300}?"""
    rb"""(?<![\w.-])(?:value|val|parametervalue|paramvalue|content|data)\\{0,8}+["']?\s{0,4}+(?::|=>?|>)[ \t]*+"""
)
_VALUE_WORD = pattern(rb"""(?<![\w.-])(?:value|val|parametervalue)\\{0,8}+["']?\s{0,4}+(?::|=>?|>)[ \t]*+""")
_BETWEEN = pattern(
    rb"""\\{0,8}+["']?[\s,;]{0,40}+(?:</\w+>\s*)?\\{0,8}+["'<]?\w*\\{0,8}+["']?\s*[:=>]+\s*\\{0,8}+["']?"""
)
_SCHEME = pattern(
    rb"(?:basic|bearer|digest|apikey|api-key|token|negotiate|ntlm|aws4-hmac-sha256|aws|splunk|ssws|hawk|sharedkey|"
    rb"sharedkeylite|sharedaccesssignature|hmac|oauth|mac|jwt|key|genie ?key|discogs|snowflake)(?:[ \t]+|(?=:))",
    re.IGNORECASE,
)
_HEADER_VALUE = pattern(rb"""[^\s"'`,;)\]}\\]++""")
_WHOLE_LINE_SCHEMES = (b"digest", b"aws4", b"hawk", b"oauth", b"shareda", b"mac")
_PAIR_IN_COOKIE = pattern(rb"[^\n\r\"'`=]{1,200}+=")
_ATTRIBUTE = pattern(rb"(?:samesite|path|domain|max-age|expires|secure|httponly)\b", re.IGNORECASE)
_BEARER = pattern(rb"bearer(?:[ \t]+|[ \t]*[:=][ \t]*|%20|\+)\\{0,8}+[\"'`]?([^\s\"'`,;<>)\]}&\\]++)", re.IGNORECASE)
_JWT = pattern(rb"eyJ[\w-]{6,}+\.[\w-]{6,}+(?:\.[\w-]*+)*+")
_BASIC = pattern(rb"basic[ \t]+([\w+/-]{8,}+={0,2})", re.IGNORECASE)
_BARE_ITEM = pattern(rb"([^\s\[\](){},\"'`=:]{1,400}+)(?:,[ \t]*+|(?=[\])]))")
_EXPANDED = pattern(rb"[\[({]{1,2}+\\{0,8}+[\"'`]?")
_ITEM = pattern(rb"""\\{0,8}+(["'])((?:[^"'\\\n]|\\.)*+)""")
_TOOLS = pattern(
    rb"(?:^|[\s;|&(\"'`/\[,])(mysql\w*|mariadb[\w-]*|sshpass|mongo\w*|docker|podman|nerdctl|helm|oc|az|crane|cypher-shell|"
    rb"cqlsh|sqlcmd|isql|tsql|bteq|redis-cli|7za?|zip|unzip|ldap\w+|smbclient|lftp|ncftp\w*|snowsql|beeline|sqoop|openssl|"
    rb"impala-shell|presto|trino|clickhouse-client|influx|kinit|svn|xfreerdp|curl|wget|http|https|ab|siege|mc|git|pip|"
    rb"rclone|skopeo|net|htpasswd|keytool|gpg|ipmitool|expect|vncviewer|dbeaver|arangosh|couchbase-cli|rabbitmqctl|"
    rb"rabbitmqadmin|nats|airflow)\b"
)
_TAKES = {
    b"-p": rb"snowsql|mysql|mariadb|sshpass|mongo|docker|podman|nerdctl|helm|oc|az|crane|cypher-shell|cqlsh|zip|unzip|7z|beeline|sqoop|net|presto|trino|rabbit|airflow|arango|couchbase|ipmitool",
    b"-P": rb"sqlcmd|isql|tsql|zip|unzip|bteq|ipmitool",
    b"-w": rb"ldap",
    b"-a": rb"redis-cli",
    b"-u": rb"curl|wget|http|ab|siege|lftp|ncftp|git|rclone|mc|nats|smbclient",
    b"-U": rb"smbclient|curl|ldap|ncftp|lftp",
    b"-k": rb"openssl",
}
_LETTERS = (b"p", b"P", b"w", b"a", b"u", b"U", b"k")
_FLAG = pattern(rb"""(-[pPwauUk])(?:[ \t=]{1,4}+|["'],[ \t]*+(?:\n[ \t]*+)?|(?=[^\s,"']))\\{0,8}+(["']?)""")
_USER_PASS = pattern(rb"""[^\s:%"'\\/]{1,100}+[:%]([^\s"'\\]{2,}+)""")
_USER_OPTION = pattern(
    rb"""--(?:proxy-)?user(?:[ \t=]+|["'],[ \t]*)\\{0,8}+["']?([^\s:"'\\/]{1,100}+):([^\s"'\\]{2,}+)"""
)
_NOT_USERS = pattern(
    rb"(?:^|[\s;|&/\"'])(?:docker|podman|nerdctl|kubectl|chown|install|runuser|setpriv|chroot|systemd-run)[\s\"']"
)
_PIPED = pattern(
    rb"""(?:echo|printf|print)[ \t]+(?:-\w+[ \t]+)?(?:["']?%s(?:\\n)?["']?[ \t]+)?(?P<quote>["']?)(?P<value>[^\n|]{1,200}?)(?P=quote)[ \t]*\|[^|\n]{0,100}$"""
)
_HERE = pattern(rb"""<<<[ \t]*["']?(?:[\w.-]+:)?([^\s"']+)""")
_LITERAL = pattern(rb"""--from-literal[ =]\\{0,8}+["']?[\w.-]{1,100}+=(?P<quote>["']?)""")
_URL_TOKEN = pattern(rb"[^\s\"'`<>\x00\x1b]*+")
_PORT = pattern(rb"\d{1,5}+(?:[/?#,]|\Z)")
_DSN_HOST = pattern(
    rb"(?:(?:tcp|unix|udp)\(|(?://)?(?!sha\d)[\w.-]{1,200}+(?P<port>:\d{2,5}\b)|[\w.-]{1,200}+/(?![\w.-]*\Z))"
)
_ALIAS = pattern(rb"alias set \S+ \S+ \S+ (\S+)")
_PGPASS = pattern(
    rb"(?:^|(?<=[\s\"']))[\w.*-]{1,200}+:(?:\d{2,5}|\*):[\w*.-]{1,100}+:[\w*.@-]{1,100}+:([^\s\"']{3,}+)"
)
_BY = pattern(
    rb"identified[ \t]+(?:with[ \t]+\w+[ \t]+)?(?:by|as)[ \t]+(?:password[ \t]+)?\\{0,8}+(?=[\"'\w])", re.IGNORECASE
)
_CALL = pattern(rb"[ \t]?=?[ \t]?\([ \t]*(?:value[ \t]*=[ \t]*)?\\{0,8}+(?=[\"'])")
_ARGUMENT = pattern(rb"\\{0,8}+[\"'][ \t]*,[ \t]*(?:\w+[ \t]*=[ \t]*)?(?=\\{0,8}+[\"'])")
_ATTRIBUTES = pattern(rb"(?:[ \t\n]+[\w:.-]+[ \t]*=[ \t]*(?:\"[^\"<>]{0,200}+\"|'[^'<>]{0,200}+'))+[ \t]*>")
_NEW_VALUE = pattern(rb"value:[ \t]*(\S+)", re.IGNORECASE)
_SECRET_KIND = pattern(rb"""kind\\{0,8}+["']?\s*+:\s*+\\{0,8}+["']?secret\b(?![\w-])""")
_KIND = pattern(rb"""(?<![\w-])kind\\{0,8}+["']?[ \t]*+:""")
_DOCUMENT = pattern(rb"\n---")
_DATA = pattern(
    rb"""(?P<lead>(?:^|\n)(?P<indent>[ \t]*+(?:- )?)|[{,\s])\\{0,8}+["']?(?:stringdata|data)\\{0,8}+["']?[ \t]*+:[ \t]*+(?P<open>\{|\r?\n)"""
)
_OBJECT = 100_000
"""Bytes of one object, at most."""
_ENTRY = pattern(rb"""(?P<key>\\{0,8}+["']?[\w./-]{1,253}+\\{0,8}+["']?[ \t]*+:[ \t]*+)""")
_REFERENCE = pattern(rb"[a-z0-9-]+/[a-z0-9.-]+#[\w.-]+")


_Name = tuple[Held, int, Callable[[bytes, int], object] | None]
"""What a name holds, how many marks at its end are the sentence's, and what tells at once that it gives no value."""
_PLAINLY = (Held.SECRET, Held.PASSWORD)
_GIVEN = pattern(rb"=([A-Za-z0-9_+/.~-]{4,}+)(?=[ \t]|\r?\n|\Z)")
_BEFORE_VALUES = b" \"'\\>=:<\n"


class _Text:
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


def find(raw: bytes, found: Spans) -> None:
    """Where secrets stand in ``raw``, by all forms."""
    text = _Text(raw)
    spaced = b" %b " % raw.translate(_NAME)
    # What a text is made of is far less than the text: its names are looked through once each.
    names = b"\n%b\n" % b"\n".join({*spaced.split()})
    low = names.lower()
    _names(text, spaced, names, low)
    for needle, look in _WORDY:
        if needle in low:
            _each(text, needle, look)
    for needle, look in _MARKED:
        _each(text, needle, look)
    tokens.by_shape(raw, text.found)
    tokens.hashes(raw, text.low, low, text.found)
    if b"PRIVATE" in names and b"BEGIN" in names:
        tokens.private_keys(raw, text.found)
    found += text.found


def _each(text: _Text, needle: bytes, look: Callable[[_Text, int], int]) -> None:
    at = text.low.find(needle)
    while at >= 0:
        at = text.low.find(needle, max(look(text, at), at + len(needle)))


# -- names


def _names(text: _Text, spaced: bytes, names: bytes, low: bytes) -> None:
    """Every place of every name that may hold a secret, in their order; what is masked already is left out."""
    holding, needles = _holding(names, low)
    raw, get = text.raw, holding.get
    hits: list[tuple[int, int, Held]] = []

    def met(begin: int, end: int, name: _Name) -> None:
        kind, cut, quick = name
        size = end - cut
        if kind is Held.RANDOM and size - begin < 5 and _KIND_OF_KEY.search(text.low, max(0, begin - 16), begin):
            kind, quick = Held.SECRET, _QUICK[Held.SECRET].match
        if quick is None or not quick(raw, size) or (raw[begin - 1] in _BEFORE_VALUES and _valued(text.low, begin)):
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
        if begin >= done:
            if kind in _PLAINLY and raw[begin - 1] not in b"\"'`-&" and (given := _GIVEN.match(raw, end)):
                # by far the most frequent form, in short
                if raw[begin] != 45 and not raw[begin:end].isupper() and not harmless(given[1], kind):
                    text.found.append(given.span(1))
                    done = given.end()
                    continue
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


def _valued(low: bytes, begin: int) -> bool:
    """Whether the name may be a value itself, ``name: "DB_PASS"``: then what follows it tells nothing."""
    before = low[max(0, begin - 32) : begin].rstrip(_FILL)
    return before[-1:] in (b":", b"=", b">") and before.rstrip(b":=> \"'\\").endswith(_CALLED)


def _named(text: _Text, begin: int, end: int, kind: Held) -> int:
    """Mask the value of the name that stands from ``begin`` to ``end``; where to go on."""
    raw = text.raw
    before = raw[begin - 1] if begin else 10
    after = _AFTER.match(raw, end)
    assert after is not None
    sep, close = after["sep"], after["close"]
    at = after.end()
    if sep == b">" and not _tagged(raw, begin):
        sep = None
    if close and raw[begin] == 45 and before in b"\"'`\\" and sep in (None, b","):
        return _option(text, end, kind, raw[begin:end])
    if close and (pair := _pair(text, begin, end, kind)) is not None:
        return pair
    if kind is Held.COOKIE:
        return _cookies(text, at) if sep and sep != b"," else end
    if kind is Held.HEADER:
        return _header(text, at) if sep or (close and before in b"\"'`") else end
    if sep is None:
        if close is None and (pair := _pair(text, begin, end, kind)) is not None:
            return pair
        return _unseparated(text, begin, end, kind, at, bool(close))
    if sep == b">":
        return _tag(text, at, kind)
    if sep in (b"|", b";", b",") and not after["space"] and raw[at : at + 1] not in (b'"', b"'", b"`", b"\\"):
        if (pair := _pair(text, begin, end, kind)) is not None:
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
    if sep == b":" and not tight and (pair := _pair(text, begin, end, kind)) is not None:
        return pair
    if at >= len(raw) or raw[at] in b"\r\n|>\\" or (raw[at] == 35 and after["space"]):
        following = _following(text, begin, at, kind)
        if following is not None:
            return following
        if at >= len(raw) or raw[at] in b"\r\n" or _NEXT.match(raw, at):
            return at
    return _given(text, begin, end, at, kind, tight, sep)


def _tagged(raw: bytes, begin: int) -> bool:
    """Whether the name is that of an element, ``<password>`` or ``<db:password>``, or of one of its attributes."""
    tag = raw.rfind(b"<", max(0, begin - 60), begin)
    return tag >= 0 and b">" not in raw[tag:begin] and raw[tag + 1 : tag + 2] != b"/"


def _is_name(value: bytes) -> bool:
    """Whether it names a Secret, ``data/pg-app``, rather than be one."""
    return words.named(value) and value.islower() and not words.random(value)


def _last(lead: bytes) -> bytes:
    """The last word of what stands before, where a space follows it."""
    return lead.rstrip(b" \t-|").rpartition(b" ")[2] if lead[-1:] in (b" ", b"\t", b"]", b"-", b"|") else b""


def _given(text: _Text, begin: int, end: int, at: int, kind: Held, tight: bool, sep: bytes) -> int:
    """The value that stands at ``at`` on the name's own line."""
    raw = text.raw
    opened = _OPEN.match(raw, at)
    if opened:
        first, last = _inside(raw, opened)
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
    bare = _BARE.match(raw, at)
    if bare is None:
        return at
    value, last = bare[0], bare.end()
    whole = lead.strip() in (b"", b"-", b"export", b"env", b"set", b"arg", b"+")
    if whole:
        line = _LINE.match(raw, at)
        assert line is not None
        told = line[0].rstrip()
        if (b" " not in told or (
            raw[begin:at].isupper() and kind is Held.PASSWORD and not re.search(rb"\s[\w.-]+=", told)
        )) and told[-1:] not in (b"\\", b";"):
            value, last = told, at + len(told)
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


def _colon(text: _Text, begin: int, at: int, kind: Held, lead: bytes) -> int:
    """``name: value`` without quotes: of a document, or of a sentence."""
    raw = text.raw
    bare = _BARE.match(raw, at)
    if bare is None:
        return at
    value, rest = bare[0], text.rest(at)
    more = rest[len(value) :].strip()
    stripped = lead.rstrip()
    alone = not stripped.strip(b"-*#>+$ \t")
    start = alone or stripped[-1:] in b"{[(,;|&?>/\"'`:=" or _last(lead).strip(b"[]():|-") in _LEVELS or stripped[-1:] in b"])"
    if kind is Held.RANDOM:
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


def _inside(raw: bytes, opened: re.Match[bytes]) -> tuple[int, int]:
    """Begin and end of what stands within quotes; without a closing quote it ends with the line."""
    quote = opened["quote"]
    if not quote.startswith(b"\\"):
        inside = _QUOTED[quote].match(raw, opened.end())
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


def _list(text: _Text, at: int, kind: Held) -> int:
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
        quote = _OPEN.match(raw, at)
        if quote is None:
            break
        first, last = _inside(raw, quote)
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


def _tag(text: _Text, at: int, kind: Held) -> int:
    """The text of an element."""
    raw = text.raw
    inside = _TO_TAG.match(raw, at)
    if inside is None or raw[inside.end() : inside.end() + 2] != b"</":
        if raw.startswith(b"<![CDATA[", at) and (end := raw.find(b"]]>", at, at + 4000)) >= 0:
            return text.mask(at + 9, end)
        return at
    value = inside[0].strip()
    if not value or harmless(value, kind) or (kind is Held.RANDOM and not words.strong(value)):
        return inside.end()
    first = at + inside[0].index(value)
    return text.mask(first, first + len(value))


def _header(text: _Text, at: int) -> int:
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


def _cookies(text: _Text, at: int) -> int:
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


# -- without a mark between


def _unseparated(text: _Text, begin: int, end: int, kind: Held, at: int, closed: bool) -> int:
    """Options, SQL, sentences: the value follows the bare name."""
    raw = text.raw
    name = raw[begin:end]
    lead = text.lead(begin)
    if name.startswith(b"-") and kind >= Held.RANDOM and lead[-1:] in b" \t\"'`[(,=\\":
        return _option(text, end, kind, name)
    call = _CALL.match(raw, end)
    if call:
        return _called(text, call, kind)
    if kind < Held.SECRET:
        bare = _BARE.match(raw, at) if name == b"AUTH" and at > end else None
        return text.mask(*bare.span()) if bare and words.strong(bare[0]) else end
    if (attributes := _ATTRIBUTES.match(raw, end)) and raw[begin - 1] in b"<:" and _tagged(raw, begin):
        return _tag(text, attributes.end(), kind)
    if closed or at == end:
        return end
    if at < len(raw) and raw[at] in b"\r\n":
        return end
    opened = _OPEN.match(raw, at)
    if opened and raw[at] in b"\"'`\\":
        first, last = _inside(raw, opened)
        value = raw[first:last]
        if b" " in value or not value or words.placeholder(value) or words.word(value):
            return end
        if kind is Held.PASSWORD and not value.startswith((b"for ", b"-")):
            return text.mask(first, last)
        return text.mask(first, last) if words.strong(value) else end
    bare = _BARE.match(raw, at)
    if bare is None:
        return end
    value = bare[0]
    spread = at - end >= 2 or raw[end : end + 1] == b"\t"
    env = name.isupper() and (b"_" in name or len(name) > 6)
    sets = _last(lead) in _SETS or lead.endswith((b"configure set ", b"login ")) or _LOGIN.search(lead) is not None
    if (sets or name.lower() in _DIRECTIVES) and not (harmless(value, kind) or words.word(value)):
        return text.mask(at, bare.end())
    if spread and env and not value.isupper() and not harmless(value, kind) and not words.word(value):
        tail = text.rest(bare.end())
        if not tail.strip() or tail.startswith((b"  ", b"\t")):
            return text.mask(at, bare.end())
    if kind is Held.PASSWORD:
        changed = _FROM_TO.match(raw, end)
        opened = _OPEN.match(raw, changed.end()) if changed else None
        if changed and opened:
            text.mask(changed.start("old") + 1, changed.end("old") - 1)
            return text.mask(*_inside(raw, opened))
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
        if (following := _following(text, begin, ahead.end(), kind)) is not None:
            return following
        told = told or ahead
    if told is not None:
        at = told.end()
        opened = _OPEN.match(raw, at)
        if opened and raw[at] in b"\"'`\\":
            first, last = _inside(raw, opened)
            value = raw[first:last]
            if (
                value
                and not words.placeholder(value)
                and not words.word(value)
                and (kind is Held.PASSWORD or words.random(value))
            ):
                return text.mask(first, last)
            return end
        bare = _BARE.match(raw, at)
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


def _called(text: _Text, call: re.Match[bytes], kind: Held) -> int:
    """``PASSWORD('x')``, ``SecretStr("x")``, ``HTTPBasicAuth('user', 'x')``."""
    raw = text.raw
    opened = _OPEN.match(raw, call.end())
    if opened is None:
        return call.end()
    first, last = _inside(raw, opened)
    following = _ARGUMENT.match(raw, last)
    if following and (again := _OPEN.match(raw, following.end())):
        second = _inside(raw, again)
        if kind is not Held.SECRET and not harmless(raw[slice(*second)], kind) and b" " not in raw[slice(*second)]:
            return text.mask(*second) if kind is Held.PASSWORD or words.random(raw[slice(*second)]) else last
        return last
    value = raw[first:last]
    sure = words.random(value) if kind is not Held.PASSWORD else not (words.word(value) or b" " in value)
    return text.mask(first, last) if sure and kind >= Held.SECRET and not harmless(value, kind) else last


def _option(text: _Text, end: int, kind: Held, name: bytes) -> int:
    """``--password x``, also as items of a list."""
    raw = text.raw
    gap = _OPTION_NEXT.match(raw, end)
    if gap is None or gap.end() == end:
        return end
    at = gap.end()
    if name == b"--password-stdin":
        return end
    opened = _OPEN.match(raw, at)
    if opened and raw[at] in b"\"'`\\":
        first, last = _inside(raw, opened)
    elif (bare := _BARE.match(raw, at)) is not None:
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


def _following(text: _Text, begin: int, at: int, kind: Held) -> int | None:
    """The value on the lines below: a YAML block, a folded value, a line of its own. None where there is none."""
    raw = text.raw
    ahead = _NEXT.match(raw, at)
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
    opened = _OPEN.match(raw, first)
    if opened and raw[first] in b"\"'`":
        inner = _inside(raw, opened)
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


# -- pairs, and objects of Kubernetes


def _pair(text: _Text, begin: int, end: int, kind: Held) -> int | None:
    """``{name: DB_PASS, value: x}`` in any order and spelling: the name is itself a value. None where it is not."""
    low, raw = text.low, text.raw
    if not _valued(low, begin):
        return None
    window = low[max(0, begin - 48) : begin]
    what = _NAME_BEFORE.search(window)
    if what is None or raw[begin:end].lower() in (b"key", b"name", b"token", b"id"):
        if what is None or (what["what"] != b"name" and what["what"] is not None):
            return None
    closing = end + len(re.compile(rb"""\\{0,8}+["']?""").match(raw, end)[0])  # type: ignore[index]
    tag = re.compile(rb"\s*/?>\s*").match(raw, closing)
    if tag and what["what"] and _tagged(raw, begin - 2):
        inside = _TO_TAG.match(raw, tag.end())
        if inside and inside[0].strip() and not harmless(inside[0].strip(), kind) and b"/" not in tag[0]:
            return text.mask(*inside.span())
    form = re.compile(rb"\r?\n\r?\n([^\r\n]+)").match(raw, closing)
    if form and what["what"] == b"name":
        return text.mask(*form.span(1))
    after = _VALUE_AFTER.match(low, end)
    if after:
        at = after.end()
        if low[at - 1 : at] == b">":
            return _tag(text, at, kind)
        if at >= len(raw) or raw[at] in b"\r\n|>":
            following = _following(text, begin, at, Held.PASSWORD)
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


def _plain(text: _Text, at: int, kind: Held) -> int:
    """The value of a pair, quoted or bare."""
    raw = text.raw
    opened = _OPEN.match(raw, at)
    if opened and raw[at] in b"\"'`\\bu":
        first, last = _inside(raw, opened)
    elif raw[at : at + 1] in (b"{", b"[", b"("):
        return at
    else:
        bare = _BARE.match(raw, at)
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


def _literal(text: _Text, begin: int) -> int:
    if b"secret" not in text.lead(begin):
        return begin
    literal = _LITERAL.match(text.raw, begin)
    if literal is None:
        return begin
    bare = (_QUOTED[literal["quote"]] if literal["quote"] else _BARE).match(text.raw, literal.end())
    return text.mask(*bare.span()) if bare and not words.placeholder(bare[0]) else literal.end()


def _secret_objects(text: _Text, at: int) -> int:
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
            near = after < len(kinds) and bisect.bisect_left(any_kind, end) == bisect.bisect_left(any_kind, kinds[after])
            ours = near and _together(documents, end, kinds[after])
            ours = ours or (before >= 0 and _together(documents, kinds[before], block.start()))
            if not ours:
                del text.found[size:]
    return len(text.raw)


def _together(documents: list[int], first: int, last: int) -> bool:
    """Whether both places are of one document, and near enough to be of one object."""
    return last - first < _OBJECT and bisect.bisect(documents, first) == bisect.bisect(documents, last)


def _contents(text: _Text, block: re.Match[bytes]) -> int:
    """Mask the values of a block of data; its end."""
    stop = min(len(text.raw), block.end() + _OBJECT)
    if block["open"] != b"{":
        return _block(text, block.end(), len(block["indent"] or b""), stop)
    closed = text.raw.find(b"}", block.end(), stop)
    return _entries(text, block.end(), closed if closed >= 0 else stop)


def _entries(text: _Text, at: int, end: int) -> int:
    """``"key": "value", …`` in one pair of braces."""
    while (entry := _ENTRY.search(text.raw, at, end)) is not None:
        at = entry.end()
        opened = _OPEN.match(text.raw, at)
        if opened:
            first, last = _inside(text.raw, opened)
            if last > end:
                break
            at = text.mask(first, last) + len(opened["quote"])
        elif (bare := re.compile(rb"[^\s,}]+").match(text.raw, at, end)) is not None:
            at = text.mask(*bare.span())
    return end


def _block(text: _Text, at: int, indent: int, stop: int) -> int:
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


# -- other forms


def _url(text: _Text, at: int) -> int:
    """``scheme://user:password@host``, whatever the password holds."""
    raw = text.raw
    begin = at + 3
    end = text.token(begin)
    following = raw.find(b"://", begin, end)
    token = raw[begin : min(end, following) if following >= 0 else end]
    if following >= 0:  # of several URLs in one token each has its own password
        token = token[: max(token.rfind(b","), token.rfind(b";"), token.rfind(b"|"))]
    last = token.rfind(b"@")
    if last <= 0:
        return begin
    query = token.find(b"?")
    colon = token.find(b":", 0, last)
    slash = token.find(b"/", 0, last)
    if 0 <= query < last and (colon < 0 or colon > query or _PORT.match(token, colon + 1)):
        return begin
    if colon >= 0 and (slash < 0 or colon < slash):
        if _PORT.match(token, colon + 1, last) and not re.match(rb"\d*$", token[colon + 1 : last]):
            return begin
        first_at = token.find(b"@", colon, last)
        # an "@" of a path, as in "user:pw@host/x@y": the host ends before it
        if first_at >= 0 and re.fullmatch(rb"[\w.-]+(?::\d+)?[/?#].*", token[first_at + 1 : last], re.DOTALL):
            if b"/" not in token[colon:first_at]:
                last = first_at
        value = token[colon + 1 : last]
        if value and not words.placeholder(value):
            return text.mask(begin + colon + 1, begin + last)
        return begin
    if slash < 0 and words.random(token[:last], 12):
        return text.mask(begin, begin + last)
    return begin


def _dsn(text: _Text, at: int) -> int:
    """``user:password@tcp(host)``, ``user/password@host:1521``: without a scheme."""
    raw = text.raw
    host = _DSN_HOST.match(raw, at + 1)
    if host is None:
        return at
    begin = at
    while begin > 0 and at - begin < 270 and raw[begin - 1] not in b" \t\n\"'`=,(<>[{":
        begin -= 1
    segment = raw[begin:at]
    if b"://" in segment:
        return at
    colon, slash = segment.rfind(b":"), segment.rfind(b"/")
    cut = colon if colon > slash else slash
    user, secret = segment[:cut].rpartition(b":")[2], segment[cut + 1 :]
    if (
        cut < 1
        or len(secret) < 3
        or secret.isdigit()
        or not re.fullmatch(rb"[\w.%+-]+", user)
        or words.placeholder(secret)
    ):
        return at
    if (cut == slash and not host["port"]) or user in (b"mailto", b"sip", b"xmpp", b"acct", b"npm", b"urn"):
        return at
    return text.mask(begin + cut + 1, at)


def _bearer(text: _Text, at: int) -> int:
    found = _BEARER.match(text.raw, at)
    if found is None or len(found[1]) < 6 or words.word(found[1]) or words.placeholder(found[1]):
        return at
    if found[1].startswith((b"realm=", b"error=", b"scope=", b"auth")):
        return at
    if found[1].isalpha() and found[1].islower() and len(found[1]) < 12 and b":" not in found[0]:
        return at
    return text.mask(*found.span(1))


def _jwt(text: _Text, at: int) -> int:
    found = _JWT.match(text.raw, at)
    return text.mask(*found.span()) if found else at


def _basic(text: _Text, at: int) -> int:
    found = _BASIC.match(text.raw, at)
    if found is None:
        return at
    try:
        given = found[1].rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
        told = base64.b64decode(given + b"=" * (-len(given) % 4), validate=True)
    except ValueError:
        return at
    return text.mask(*found.span(1)) if b":" in told and told.isascii() else at


def _flag(text: _Text, at: int) -> int:
    """One-letter options of programs that take a secret so: ``mysql -px``, ``curl -u user:x``."""
    raw = text.raw
    if raw[at + 2 : at + 3] not in _LETTERS:
        return at
    flag = _FLAG.match(raw, at + 1)
    if flag is None:
        return at
    value = (_QUOTED[flag[2]] if flag[2] else _TO_SPACE).match(raw, flag.end())
    if value is None or not value[0] or value[0].startswith((b"-", b"$", b"<")):
        return at
    first, last = value.span()
    while last > first and raw[last - 1] in b"\"'`,;:)]" and not flag[2]:
        last -= 1
    given = raw[first : min(last, first + 400)]
    both = _USER_PASS.match(raw, first, last) if flag[1] in (b"-u", b"-U") else None
    if flag[1] in (b"-u", b"-U") and (both is None or both[1].isdigit()):
        return at
    lead = text.lead(at + 1)
    quoted = raw[at : at + 1] in b"\"'"
    tools = [*(_TOOLS.finditer(text.low, max(0, at - 200), at + 1) if quoted else _TOOLS.finditer(lead))]
    tool = tools[-1][1] if tools else b""
    known = re.match(rb"(?:%b)" % _TAKES[flag[1]], tool) is not None
    if both is not None:
        if _NOT_USERS.search(b" " + lead) or not (known or words.random(both[1])):
            return at
        return text.mask(*both.span(1))
    if not known or words.placeholder(given) or b":" in given or b"=" in given:
        return at
    glued = raw[flag.start() + 2 : flag.start() + 3] not in (b" ", b"\t", b"=", b'"', b"'", b",")
    if tool.startswith((b"mysql", b"mariadb", b"7z")) and not glued:
        return at
    if tool in (b"docker", b"podman", b"nerdctl", b"helm", b"oc", b"az", b"crane", b"net") and b"login" not in lead:
        return at
    if tool not in (b"sshpass", b"redis-cli") and given.isdigit() and len(given) < 6:
        return at
    return text.mask(first, last)


def _user_option(text: _Text, at: int) -> int:
    found = _USER_OPTION.match(text.raw, at)
    if found is None or found[2].isdigit() or _NOT_USERS.search(b" " + text.lead(at)) or words.placeholder(found[2]):
        return at
    return text.mask(*found.span(2))


def _stdin(text: _Text, at: int) -> int:
    """``echo x | docker login --password-stdin``, ``chpasswd <<< user:x``."""
    window = max(0, at - 300)
    newline = text.raw.rfind(b"\n", window, at)
    piped = _PIPED.search(text.raw, newline + 1 if newline >= 0 else window, at)
    if piped and not words.placeholder(piped["value"]):
        first, last = piped.span("value")
        colon = piped["value"].find(b":")
        return max(at, text.mask(first + colon + 1, last))
    if text.low.startswith(b"sudo", at):
        return at
    here = _HERE.search(text.raw, at, at + 60)
    return text.mask(*here.span(1)) if here else at


def _alias(text: _Text, at: int) -> int:
    found = _ALIAS.match(text.raw, at)
    return text.mask(*found.span(1)) if found else at


def _pgpass(text: _Text, at: int) -> int:
    begin = text.raw.rfind(b"\n", max(0, at - 200), at) + 1 or max(0, at - 200)
    space = text.raw.rfind(b" ", begin, at)
    found = _PGPASS.match(text.raw, max(begin, space + 1))
    return text.mask(*found.span(1)) if found else at


def _identified(text: _Text, at: int) -> int:
    by = _BY.match(text.raw, at)
    opened = _OPEN.match(text.raw, by.end()) if by else None
    if by is None:
        return at
    if opened is not None:
        return text.mask(*_inside(text.raw, opened))
    bare = _BARE.match(text.raw, by.end())
    return text.mask(*bare.span()) if bare and not words.word(bare[0]) else at


def _new_value(text: _Text, at: int) -> int:
    """What ``elasticsearch-reset-password`` prints."""
    if text.low[at - 4 : at] != b"new ":
        return at
    found = _NEW_VALUE.match(text.raw, at)
    return text.mask(*found.span(1)) if found and words.random(found[1], 12) else at


def _putty(text: _Text, at: int) -> int:
    end = text.low.find(b"private-mac", at, at + 20_000)
    newline = text.raw.find(b"\n", at, at + 40)
    if newline < 0:
        return at
    return text.mask(newline + 1, end if end >= 0 else min(len(text.raw), newline + 4000))


_Look = Callable[[_Text, int], int]
_MARKED: tuple[tuple[bytes, _Look], ...] = (
    (b"://", _url),
    (b":\\/\\/", lambda text, at: _url(text, at + 2)),
    (b"@", _dsn),
    (b" -", _flag),
    (b'"-', _flag),
    (b"'-", _flag),
    (b":5432:", _pgpass),
    (b":*:", _pgpass),
)
"""Looked for in the whole text."""
_WORDY: tuple[tuple[bytes, _Look], ...] = (
    (b"bearer", _bearer),
    (b"basic", _basic),
    (b"eyj", _jwt),
    (b"--from-literal", _literal),
    (b"--user", _user_option),
    (b"--proxy-user", _user_option),
    (b"password-stdin", _stdin),
    (b"chpasswd", _stdin),
    (b"kind", _secret_objects),
    (b"identified", _identified),
    (b"alias", _alias),
    (b"sudo", _stdin),
    (b"value", _new_value),
    (b"private-lines", _putty),
)
"""Looked for only where such a name is in the text at all."""
