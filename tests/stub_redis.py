"""A stub, no Redis: as much of its protocol (RESP) as the client of the recipe speaks, for tests without its package.

``python stub_redis.py redis.conf`` serves on the ``port`` of that file whoever knows its ``requirepass``.
"""

from __future__ import annotations

import fnmatch
import socketserver
import sys
from pathlib import Path

KEPT: dict[bytes, bytes] = {}


class Session(socketserver.StreamRequestHandler):
    """One connection: commands are arrays of texts, and so are answers, or ``+``, ``-`` and ``:`` lines."""

    def handle(self) -> None:
        """Answer until the client closes."""
        known = False
        while head := self.rfile.readline():
            command, *words = [self._text() for _ in range(int(head[1:]))]
            name = command.upper()
            if b"AUTH" in (name, *map(bytes.upper, words[:2])):
                known = words[-1 if name == b"AUTH" else words.index(b"AUTH") + 2] == PASSWORD
                if not known:
                    self.wfile.write(b"-WRONGPASS invalid username-password pair or user is disabled.\r\n")
                    continue
            self.wfile.write(answer(name, words) if known else b"-NOAUTH Authentication required.\r\n")

    def _text(self) -> bytes:
        length = int(self.rfile.readline()[1:])
        return self.rfile.read(length + 2)[:-2]


def answer(name: bytes, words: list[bytes]) -> bytes:
    """What a command comes to."""
    if name == b"HELLO":
        return array([b"server", b"stub", b"proto", b"3"]).replace(b"*4", b"%2")
    if name == b"DBSIZE":
        return b":%d\r\n" % len(KEPT)
    if name == b"INFO":
        return text(b"redis_version:0.0.0-stub\r\n")
    if name == b"KEYS":
        return array([key for key in KEPT if fnmatch.fnmatchcase(key.decode(), words[0].decode())])
    if name == b"SET":
        KEPT[words[0]] = words[1]
    elif name == b"GET":
        return text(KEPT[words[0]]) if words[0] in KEPT else b"$-1\r\n"
    elif name == b"DEL":
        return b":%d\r\n" % (KEPT.pop(words[0], None) is not None)
    return b"+OK\r\n"


def text(value: bytes) -> bytes:
    """A text as RESP has it."""
    return b"$%d\r\n%s\r\n" % (len(value), value)


def array(values: list[bytes]) -> bytes:
    """Several texts."""
    return b"*%d\r\n" % len(values) + b"".join(map(text, values))


class Server(socketserver.ThreadingTCPServer):
    """A thread for each client."""

    allow_reuse_address = daemon_threads = True


if __name__ == "__main__":
    settings = dict(line.split(maxsplit=1) for line in Path(sys.argv[1]).read_text().splitlines() if line)
    PASSWORD = settings["requirepass"].encode()
    Server((settings["bind"], int(settings["port"])), Session).serve_forever()
