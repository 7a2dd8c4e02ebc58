"""Relays that read what a client sends, in its server's protocol, and count what reads and what changes anything.

They see the bytes on the wire, so no client's library and no suite is believed. What a relay does not know to read
counts as a write: somebody looks at a new request before it counts as reading.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

CHUNK = 1 << 16

UNREAD = "what no relay could read"
"""In a system's place: bytes that are not of its protocol."""


class Asked(NamedTuple):
    """One request: of whom, what (one line), and whether it changes anything."""

    system: str
    what: str
    writes: bool


class Counter:
    """All that was asked, through any relay."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    def note(self, system: str, what: str, *, writes: bool) -> None:
        """Count one request."""
        self.asked.append(Asked(system, what, writes))

    def reads(self, system: str) -> list[str]:
        """What only read, of one system."""
        return [one.what for one in self.asked if one.system == system and not one.writes]

    def writes(self, system: str) -> list[str]:
        """What changed something, or is not known not to."""
        return [one.what for one in self.asked if one.system == system and one.writes]


class Wire:
    """A connection of a client, carried on to its server as it is read. Raises ``EOFError`` at its end."""

    def __init__(self, client: socket.socket, server: socket.socket, note: Callable[..., None]) -> None:
        self.note, self._server = note, server
        self._file = client.makefile("rb")

    def read(self, size: int) -> bytes:
        """Exactly so many bytes."""
        return self._sent(self._file.read(size), size)

    def line(self, host: str = "") -> bytes:
        """Up to a line's end; a ``Host`` header names this host, where there is one."""
        line = self._file.readline()
        return self._sent(f"Host: {host}\r\n".encode() if host and line.lower().startswith(b"host:") else line, 1)

    def rest(self) -> None:
        """Carry on what nobody reads, to its end."""
        while data := self._file.read1(CHUNK):
            self._server.sendall(data)

    def _sent(self, data: bytes, least: int) -> bytes:
        self._server.sendall(data)
        if len(data) < least:
            raise EOFError
        return data


Protocol = Callable[[Wire], None]


# -- HTTP


READING = {
    "elasticsearch": r"POST /(\S+/)?_(search|count|msearch|mget|analyze|validate/query|search/scroll|pit)",
    "mlflow": r"POST /api/2\.0/mlflow/(experiments|runs|registered-models|model-versions)/search",
    # Whoever logs in, or has a form checked, or a stored connection tried, changes nothing that is kept.
    "superset": r"POST /api/v1/(security/login|database/(test_connection|validate_parameters)/)",
    # GraphQL asks by POST; a document that holds the word mutation is none of these.
    "datahub": r"POST /(api/graphql|api/v2/graphql|logIn)",
    # Who may do what is asked by making an object that is never kept; nor is what is tried with dryRun.
    "kubernetes": r"POST /apis/authorization\.k8s\.io/v1/self\S+|(POST|PUT|PATCH|DELETE) \S+[?&]dryRun=All(&\S*)?",
}
"""What only reads, though its method could change something: method and path, and whether it is a mutation."""

CONNECTS = re.compile(r"/(exec|attach|portforward|proxy)(?=$|[?/])")
"""Of the API server: paths that lead into a pod, whatever the method."""

SHELL_WRITES = re.compile(
    r">(?!\s*(/dev/null|&\d))"
    r"|\b(rm|mv|cp|tee|touch|mkdir|rmdir|ln|dd|kill|pkill|chmod|chown|truncate|sed -i|install)\b"
)
"""What of a command in a pod changes something there."""

SAFE = ("GET", "HEAD", "OPTIONS")
"""RFC 9110, 9.2.1."""

CLUSTER = ("kubernetes", "checklist")
"""What is counted of the API server: what a run asks, and what ``gonogo preflight`` does."""


def http(system: str, host: str = "") -> Protocol:
    """HTTP/1.1; its methods tell, but for what :data:`READING` knows. ``host``: what the server is called by."""

    def read(wire: Wire) -> None:
        while True:
            method, target, _ = wire.line().decode("latin-1").split(" ", 2)
            headers = {}
            while line := wire.line(host=host).strip():
                name, _, value = line.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            body = _body(wire, headers)
            wire.note(system, f"{method} {target}", writes=changes(system, method, target, body))
            if "upgrade" in headers:
                wire.rest()
                return

    return read


def changes(system: str, method: str, target: str, body: bytes) -> bool:
    """Whether a request of HTTP changes anything that its server keeps."""
    if into := CONNECTS.search(target) if system in CLUSTER else None:
        command = " ".join(parse_qs(urlsplit(target).query).get("command", ()))
        return into[1] != "exec" or not command or SHELL_WRITES.search(command) is not None
    if method in SAFE:
        return False
    known = READING.get("kubernetes" if system in CLUSTER else system, "(?!)")
    path = target if system in CLUSTER else unquote(target.partition("?")[0])
    said = f"{method} {path}{' mutation' if b'mutation' in body else ''}"
    return re.fullmatch(known, said) is None


def _body(wire: Wire, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return wire.read(int(headers.get("content-length") or 0))
    parts = []
    while size := int(wire.line().partition(b";")[0], 16):
        parts.append(wire.read(size))
        wire.line()
    while wire.line().strip():
        pass
    return b"".join(parts)


# -- Kafka


KEYS = {
    1: "Fetch",
    2: "ListOffsets",
    3: "Metadata",
    9: "OffsetFetch",
    10: "FindCoordinator",
    15: "DescribeGroups",
    16: "ListGroups",
    17: "SaslHandshake",
    18: "ApiVersions",
    23: "OffsetForLeaderEpoch",
    29: "DescribeAcls",
    32: "DescribeConfigs",
    35: "DescribeLogDirs",
    36: "SaslAuthenticate",
    46: "ListPartitionReassignments",
    48: "DescribeClientQuotas",
    50: "DescribeUserScramCredentials",
    55: "DescribeQuorum",
    60: "DescribeCluster",
    61: "DescribeProducers",
    65: "DescribeTransactions",
    66: "ListTransactions",
    69: "ConsumerGroupDescribe",
    75: "DescribeTopicPartitions",
}
"""API keys of requests that only read (kafka.apache.org/protocol); any other changes something."""


def kafka(wire: Wire) -> None:
    """Behind the greeting of SOCKS5, so that every broker that is advertised is asked through it too."""
    while True:
        (size,) = struct.unpack(">i", wire.read(4))
        key, _ = struct.unpack(">hh", wire.read(size)[:4])
        wire.note("kafka", KEYS.get(key, f"API key {key}"), writes=key not in KEYS)


def socks(client: socket.socket) -> socket.socket:
    """Where a client of SOCKS5 (RFC 1928) wants to be connected to."""
    file = client.makefile("rb", buffering=0)
    _, methods = file.read(2)
    file.read(methods)
    client.sendall(b"\x05\x00")
    _, _, _, kind = file.read(4)
    host = socket.inet_ntoa(file.read(4)) if kind == 1 else file.read(file.read(1)[0]).decode()
    there = socket.create_connection((host, struct.unpack(">H", file.read(2))[0]), 10)
    client.sendall(b"\x05\x00\x00\x01" + bytes(6))
    return there


# -- what is asked in a language


SQL = re.compile(
    r"\s*(SELECT|SHOW|WITH|VALUES|TABLE|EXPLAIN|DESC|DESCRIBE|BEGIN|START TRANSACTION|COMMIT|ROLLBACK|USE|FETCH"
    r"|CLOSE|DECLARE|DISCARD|DEALLOCATE|SET(?! +(GLOBAL|PASSWORD|PERSIST)\b))\b",
    re.I,
)
"""How a statement begins that may be one that reads; what SET sets is its own session's."""

SQL_WRITES = re.compile(
    r"\b(INSERT|UPDATE|DELETE|MERGE|TRUNCATE|CREATE|ALTER|DROP|GRANT|REVOKE|INTO|COPY|CALL|DO|ANALYZE|VACUUM|LOCK"
    r"|(?:nextval|setval|pg_notify|pg_switch_wal|pg_reload_conf|pg_terminate_backend|pg_cancel_backend"
    r"|pg_create_\w+|pg_drop_\w+|pg_\w*advisory\w*|lo_\w+|dblink\w*|set_config)(?=\s*\())\b",
    re.I,
)
"""What of a statement changes something wherever it stands: its words, and functions of PostgreSQL."""

CYPHER_WRITES = re.compile(
    r"\b(CREATE|MERGE|SET|DELETE|REMOVE|DROP|ALTER|GRANT|DENY|REVOKE|FOREACH|LOAD|START|STOP|TERMINATE|RENAME|ENABLE)\b"
    r"|\bapoc\.(?!meta\.|version|help)|\bdb\.(create|index\.\w+\.create|clear|prepare|resample)|\bdbms\.(set|kill|upgrade)",
    re.I,
)
"""Clauses and commands of Cypher that change something, and procedures that do."""

QUOTED = re.compile(r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`|--[^\n]*|/\*.*?\*/|//[^\n]*", re.S)
"""Texts, names in quotes, comments: words in there do nothing."""


def sql_writes(statement: str) -> bool:
    """Whether SQL changes anything: a statement begins as none that reads, or holds a word that changes something."""
    bare = QUOTED.sub("''", statement)
    parts = [part for part in bare.split(";") if part.strip()]
    return any(SQL.match(part) is None or SQL_WRITES.search(part) is not None for part in parts)


def cypher_writes(query: str) -> bool:
    """Whether Cypher changes anything."""
    return CYPHER_WRITES.search(QUOTED.sub("''", query)) is not None


def one_line(text: str) -> str:
    """For whoever reads why a test is red."""
    return " ".join(text.split())[:160]


def postgresql(wire: Wire) -> None:
    """Its protocol, version 3, without TLS: simple queries, and those that are parsed first."""
    while True:
        (size,) = struct.unpack(">i", wire.read(4))
        if wire.read(size - 4)[:4] == b"\x00\x03\x00\x00":  # else it asks whether there is TLS
            break
    while True:
        kind = wire.read(1)
        (size,) = struct.unpack(">i", wire.read(4))
        body = wire.read(size - 4)
        if kind in b"QP":
            text = body.split(b"\0")[0 if kind == b"Q" else 1].decode()
            wire.note("postgresql", one_line(text), writes=sql_writes(text))
        elif kind in b"Fd":  # a function by its number; data to be copied
            wire.note("postgresql", f"message {kind!r}", writes=True)


COMMANDS = (1, 2, 14, 23, 25, 31)
"""MySQL's commands that change nothing: quit, use, ping, reset; to execute or close what was prepared, and counted."""


def doris(wire: Wire) -> None:
    """MySQL's protocol, without TLS: statements as text, and those that are prepared first."""
    number = 1
    while True:
        head = wire.read(4)
        number, body = head[3], wire.read(int.from_bytes(head[:3], "little"))
        if number == 0 and body[:1] in (b"\x03", b"\x16"):
            text = body[1:].decode(errors="replace")
            wire.note("doris", one_line(text), writes=sql_writes(text))
        elif number == 0 and body[0] not in COMMANDS:
            wire.note("doris", f"command {body[0]}", writes=True)


def bolt(wire: Wire) -> None:
    """Neo4j's, from version 4 on: each RUN has its query as text."""
    wire.read(20)
    size = wire.read(2)
    if size == b"\0\0":  # the client chooses a version of a manifest, and capabilities
        wire.read(2)
        while wire.read(1)[0] & 0x80:
            pass
        size = wire.read(2)
    while True:
        message = b""
        while size != b"\0\0":
            message += wire.read(int.from_bytes(size, "big"))
            size = wire.read(2)
        if message[1:2] == b"\x10":
            query = _text(message[2:])
            wire.note("neo4j", one_line(query), writes=cypher_writes(query))
        size = wire.read(2)


def _text(packed: bytes) -> str:
    """The text that PackStream begins with."""
    if packed[0] & 0xF0 == 0x80:
        return packed[1 : 1 + (packed[0] & 0x0F)].decode()
    width = {0xD0: 1, 0xD1: 2, 0xD2: 4}[packed[0]]
    length = int.from_bytes(packed[1 : 1 + width], "big")
    return packed[1 + width : 1 + width + length].decode()


# -- the relay


@contextmanager
def relayed(counter: Counter, protocol: Protocol, host: str = "", port: int = 0) -> Iterator[int]:
    """A port of loopback that leads to this server, for the time of the body; without one, wherever SOCKS5 asks for."""
    listener = socket.create_server(("127.0.0.1", 0))
    number = count()
    open_: set[socket.socket] = set()

    def carry(client: socket.socket) -> None:
        with suppress(OSError, ValueError), client:
            server = socket.create_connection((host, port), 10) if port else socks(client)
            server.settimeout(None)
            open_.add(server)
            with server:
                back = threading.Thread(target=answers, args=(server, client), daemon=True)
                back.start()
                try:
                    protocol(Wire(client, server, counter.note))
                except (EOFError, OSError):
                    pass
                except Exception as error:  # whatever it was, it was sent
                    counter.note(UNREAD, repr(error), writes=True)
                server.shutdown(socket.SHUT_WR)
                back.join(10)

    def answers(server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(CHUNK):
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                open_.add(client)
                threading.Thread(target=carry, args=(client,), name=f"relay-{next(number)}", daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for one in list(open_):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
