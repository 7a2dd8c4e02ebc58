"""Secrets that a mark tells rather than a name: URLs, bearer tokens, one-letter options, files of passwords."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

from gonogo.redaction import words
from gonogo.redaction.objects import secret_objects
from gonogo.redaction.patterns import pattern
from gonogo.redaction.text import BARE, OPEN, QUOTED, Text, within

_TO_SPACE = pattern(rb"[^\s\x00\x1b]++")
_BEARER = pattern(rb"bearer(?:[ \t]+|[ \t]*[:=][ \t]*|%20|\+)\\{0,8}+[\"'`]?([^\s\"'`,;<>)\]}&\\]++)", re.IGNORECASE)
_JWT = pattern(rb"eyJ[\w-]{6,}+\.[\w-]{6,}+(?:\.[\w-]*+)*+")
_BASIC = pattern(rb"basic[ \t]+([\w+/-]{8,}+={0,2})", re.IGNORECASE)
_TOOLS = pattern(
    rb"(?:^|[\s;|&(\"'`/\[,])(mysql\w*|mariadb[\w-]*|sshpass|mongo\w*|docker|podman|nerdctl|helm|oc|az|crane|cypher-shell|"
    rb"cqlsh|sqlcmd|isql|tsql|bteq|redis-cli|7za?|zip|unzip|ldap\w+|smbclient|lftp|ncftp\w*|snowsql|beeline|sqoop|openssl|"
    rb"impala-shell|presto|trino|clickhouse-client|influx|kinit|svn|xfreerdp|curl|wget|http|https|ab|siege|mc|git|pip|"
    rb"rclone|skopeo|net|htpasswd|keytool|gpg|ipmitool|expect|vncviewer|dbeaver|arangosh|couchbase-cli|rabbitmqctl|"
    rb"rabbitmqadmin|nats|airflow)\b"
)
_TAKES = {
    b"-p": rb"snowsql|mysql|mariadb|sshpass|mongo|docker|podman|nerdctl|helm|oc|az|crane|cypher-shell|cqlsh|zip|"
    rb"unzip|7z|"
    rb"beeline|sqoop|net|presto|trino|rabbit|airflow|arango|couchbase|ipmitool",
    b"-P": rb"sqlcmd|isql|tsql|zip|unzip|bteq|ipmitool",
    b"-w": rb"ldap",
    b"-a": rb"redis-cli",
    b"-u": rb"curl|wget|http|ab|siege|lftp|ncftp|git|rclone|mc|nats|smbclient",
    b"-U": rb"smbclient|curl|ldap|ncftp|lftp",
    b"-k": rb"openssl",
}
_FLAG = pattern(rb"""(-[pPwauUk])(?:[ \t=]{1,4}+|["'],[ \t]*+(?:\n[ \t]*+)?|(?=[^\s,"']))\\{0,8}+(["']?)""")
_USER_PASS = pattern(rb"""[^\s:%"'\\/]{1,100}+[:%]([^\s"'\\]{2,}+)""")
_USER_OPTION = pattern(
    rb"""--(?:proxy-)?user(?:[ \t=]+|["'],[ \t]*)\\{0,8}+["']?([^\s:"'\\/]{1,100}+):([^\s"'\\]{2,}+)"""
)
_NOT_USERS = pattern(
    rb"(?:^|[\s;|&/\"'])(?:docker|podman|nerdctl|kubectl|chown|install|runuser|setpriv|chroot|systemd-run)[\s\"']"
)
_PIPED = pattern(
    rb"""(?:echo|printf|print)[ \t]+(?:-\w+[ \t]+)?(?:["']?%s(?:\\n)?["']?[ \t]+)?"""
    rb"""(?P<quote>["']?)(?P<value>[^\n|]{1,200}?)"""
    rb"""(?P=quote)[ \t]*\|[^|\n]{0,100}$"""
)
_HERE = pattern(rb"""<<<[ \t]*["']?(?:[\w.-]+:)?([^\s"']+)""")
_LITERAL = pattern(rb"""--from-literal[ =]\\{0,8}+["']?[\w.-]{1,100}+=(?P<quote>["']?)""")
_PORT = pattern(rb"\d{1,5}+(?:[/?#,]|\Z)")
_DSN_HOST = pattern(
    rb"(?:(?:tcp|unix|udp)\(|(?://)?(?!sha\d)[\w.-]{1,200}+(?P<port>:\d{2,5}\b)|[\w.-]{1,200}+/(?![\w.-]*\Z))"
)
_ALIAS = pattern(rb"alias set \S+ \S+ \S+ (\S+)")
_PGPASS = pattern(rb"(?:^|(?<=[\s\"']))[\w.*-]{1,200}+:(?:\d{2,5}|\*):[\w*.-]{1,100}+:[\w*.@-]{1,100}+:([^\s\"']{3,}+)")
_BY = pattern(
    rb"identified[ \t]+(?:with[ \t]+\w+[ \t]+)?(?:by|as)[ \t]+(?:password[ \t]+)?\\{0,8}+(?=[\"'\w])", re.IGNORECASE
)
_NEW_VALUE = pattern(rb"value:[ \t]*(\S+)", re.IGNORECASE)


def _literal(text: Text, begin: int) -> int:
    if b"secret" not in text.lead(begin):
        return begin
    literal = _LITERAL.match(text.raw, begin)
    if literal is None:
        return begin
    bare = (QUOTED[literal["quote"]] if literal["quote"] else BARE).match(text.raw, literal.end())
    return text.mask(*bare.span()) if bare and not words.placeholder(bare[0]) else literal.end()


def _url(text: Text, at: int) -> int:
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
            last = last if b"/" in token[colon:first_at] else first_at
        value = token[colon + 1 : last]
        if value and not words.placeholder(value):
            return text.mask(begin + colon + 1, begin + last)
        return begin
    if slash < 0 and words.random(token[:last], 12):
        return text.mask(begin, begin + last)
    return begin


def _dsn(text: Text, at: int) -> int:
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


def _bearer(text: Text, at: int) -> int:
    found = _BEARER.match(text.raw, at)
    if found is None or len(found[1]) < 6 or words.word(found[1]) or words.placeholder(found[1]):
        return at
    if found[1].startswith((b"realm=", b"error=", b"scope=", b"auth")):
        return at
    if found[1].isalpha() and found[1].islower() and len(found[1]) < 12 and b":" not in found[0]:
        return at
    return text.mask(*found.span(1))


def _jwt(text: Text, at: int) -> int:
    found = _JWT.match(text.raw, at)
    return text.mask(*found.span()) if found else at


def _basic(text: Text, at: int) -> int:
    found = _BASIC.match(text.raw, at)
    if found is None:
        return at
    try:
        given = found[1].rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
        told = base64.b64decode(given + b"=" * (-len(given) % 4), validate=True)
    except ValueError:
        return at
    return text.mask(*found.span(1)) if b":" in told and told.isascii() else at


def _flag(text: Text, at: int) -> int:
    """One-letter options of programs that take a secret so: ``mysql -px``, ``curl -u user:x``."""
    raw = text.raw
    flag = _FLAG.match(raw, at + 1)
    if flag is None:
        return at
    value = (QUOTED[flag[2]] if flag[2] else _TO_SPACE).match(raw, flag.end())
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


def _user_option(text: Text, at: int) -> int:
    found = _USER_OPTION.match(text.raw, at)
    if found is None or found[2].isdigit() or _NOT_USERS.search(b" " + text.lead(at)) or words.placeholder(found[2]):
        return at
    return text.mask(*found.span(2))


def _stdin(text: Text, at: int) -> int:
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


def _alias(text: Text, at: int) -> int:
    found = _ALIAS.match(text.raw, at)
    return text.mask(*found.span(1)) if found else at


def _pgpass(text: Text, at: int) -> int:
    begin = text.raw.rfind(b"\n", max(0, at - 200), at) + 1 or max(0, at - 200)
    space = text.raw.rfind(b" ", begin, at)
    found = _PGPASS.match(text.raw, max(begin, space + 1))
    return text.mask(*found.span(1)) if found else at


def _identified(text: Text, at: int) -> int:
    by = _BY.match(text.raw, at)
    opened = OPEN.match(text.raw, by.end()) if by else None
    if by is None:
        return at
    if opened is not None:
        return text.mask(*within(text.raw, opened))
    bare = BARE.match(text.raw, by.end())
    return text.mask(*bare.span()) if bare and not words.word(bare[0]) else at


def _new_value(text: Text, at: int) -> int:
    """What ``elasticsearch-reset-password`` prints."""
    if text.low[at - 4 : at] != b"new ":
        return at
    found = _NEW_VALUE.match(text.raw, at)
    return text.mask(*found.span(1)) if found and words.random(found[1], 12) else at


def _putty(text: Text, at: int) -> int:
    end = text.low.find(b"private-mac", at, at + 20_000)
    newline = text.raw.find(b"\n", at, at + 40)
    if newline < 0:
        return at
    return text.mask(newline + 1, end if end >= 0 else min(len(text.raw), newline + 4000))


_Look = Callable[[Text, int], int]
MARKED: tuple[tuple[re.Pattern[bytes], _Look, bytes], ...] = (
    (pattern(rb"://"), _url, b"://"),
    (pattern(rb":\\/\\/"), lambda text, at: _url(text, at + 2), b":\\/\\/"),
    (pattern(rb"@"), _dsn, b"@"),
    (pattern(rb"-[pPwauUk](?<=[ \"']-.)"), lambda text, at: _flag(text, at - 1), b"-"),
    (pattern(rb":5432:"), _pgpass, b"::"),
    (pattern(rb":\*:"), _pgpass, b":*:"),
)
"""Looked for in the whole text, where the last is in its lines without digits."""
WORDY: tuple[tuple[bytes, _Look], ...] = (
    (b"bearer", _bearer),
    (b"basic", _basic),
    (b"eyj", _jwt),
    (b"--from-literal", _literal),
    (b"--user", _user_option),
    (b"--proxy-user", _user_option),
    (b"password-stdin", _stdin),
    (b"chpasswd", _stdin),
    (b"kind", secret_objects),
    (b"identified", _identified),
    (b"alias", _alias),
    (b"sudo", _stdin),
    (b"value", _new_value),
    (b"private-lines", _putty),
)
"""Looked for only where such a name is in the text at all."""
