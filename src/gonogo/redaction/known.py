"""Values that are known, found wherever they stand, in every form in which programs write them.

A form of 15 bytes or more that stands anywhere in a text covers one whole window of 8 bytes at a multiple of 8, one of
23 or more even one at a multiple of 16. So one look at those windows tells which forms can be there at all, however
many are known.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal
from urllib.parse import quote, quote_plus, unquote

from gonogo.redaction.names import Held, held
from gonogo.redaction.patterns import pattern

SHORTEST = 6
"""Shorter values are left alone: replacing ``test`` everywhere would shred the evidence."""

_PLAIN_WORD = 12
"""Below this length a value of letters alone, or of digits alone, is replaced where it stands as a word of its own."""

_WINDOWS: tuple[tuple[int, int, Literal["Q", "I"]], ...] = ((8, 16, "Q"), (8, 8, "Q"), (4, 4, "I"))
"""Bytes of a window, how far apart they are looked at, and as what; a form that covers several is in the first."""
_USER_INFO = pattern(r"://([^\s/?#]*):([^\s]*)@")

Spans = list[tuple[int, int]]


class Known:
    """Safe for threads: readers see the tables as they were before or after a value was added."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: set[str] = set()
        self._public: frozenset[str] = frozenset()
        self._tables: tuple[dict[int, tuple[bytes, ...]], ...] = tuple({} for _ in _WINDOWS)
        self._short: tuple[bytes, ...] = ()
        self._forms: frozenset[bytes] = frozenset()
        self._words: frozenset[bytes] = frozenset()
        self.longest = 0

    def add(self, value: str) -> None:
        """Know one more value, and what is secret within it: a URL's password, lines, the leaves of a JSON document."""
        with self._lock:
            for part in _parts(value):
                if len(part) >= SHORTEST and part not in self._values and part not in self._public:
                    self._values.add(part)
                    self._enter(part)

    def exempt(self, words: Iterable[str]) -> None:
        """Never replace these by value: the names of components, which a careless password may equal."""
        with self._lock:
            self._public |= {*words}

    def _enter(self, value: str) -> None:
        plain = len(value) < _PLAIN_WORD and (value.isalpha() or value.isdigit())
        tables = tuple(map(dict, self._tables))
        for form in forms(value):
            self._forms |= {form}
            self.longest = max(self.longest, len(form))
            if plain and form == value.encode("utf-8", "surrogatepass"):
                self._words |= {form}
            for (size, step, _), table in zip(_WINDOWS, tables, strict=True):
                if len(form) >= size + step - 1:
                    for begin in range(step):
                        window = int.from_bytes(form[begin : begin + size], sys.byteorder)
                        if form not in table.get(window, ()):
                            table[window] = (*table.get(window, ()), form)
                    break
            else:
                self._short = (*self._short, form)
        self._tables = tables

    def find(self, raw: bytes, found: Spans) -> None:
        """Where known values stand in ``raw``."""
        if not self._forms:
            return
        candidates: set[bytes] = set(self._short)
        view = memoryview(raw)
        for (size, step, kind), table in zip(_WINDOWS, self._tables, strict=True):
            windows = view[: len(raw) // size * size].cast(kind)[:: step // size]
            for window in table.keys() & windows if table else ():
                candidates.update(table[window])
        for form in candidates:
            at = raw.find(form)
            while at >= 0:
                end = at + len(form)
                if form not in self._words or not (_letter(raw, at - 1) or _letter(raw, end)):
                    found.append((at, end))
                at = raw.find(form, end)

    def unfinished(self, raw: bytes) -> int:
        """How many bytes at the end of ``raw`` are the beginning of a known form; the longest such end."""
        most = min(self.longest - 1, len(raw))
        tail = raw[len(raw) - most :]
        for begin in range(most):
            rest = tail[begin:]
            if any(form.startswith(rest) for form in self._forms):
                return len(rest)
        return 0


def _letter(raw: bytes, at: int) -> bool:
    return 0 <= at < len(raw) and (raw[at : at + 1].isalnum() or raw[at] >= 128)


def _parts(value: str) -> Iterator[str]:
    value = value.strip()
    yield value
    if "\n" in value or "\r" in value:
        lines = (line.strip() for line in value.splitlines())
        yield from (line for line in lines if len(line.split()) == 1 and "-----" not in line)
    if found := _USER_INFO.search(value):
        yield found[2]
        yield unquote(found[2])
    if value.startswith(("{", "[")):
        try:
            yield from secrets_in(json.loads(value))
        except (ValueError, RecursionError):
            return


def secrets_in(value: object, secret: bool = False) -> Iterator[str]:
    """The texts in plain data that the names of its members call secret, and passwords in addresses.

    ``secret``: the name of what is handed in says so.
    """
    if isinstance(value, Mapping):
        named = _called_secret(value.get("name")) and "value" in value
        for key, one in value.items():
            yield from secrets_in(one, secret or (named and key == "value") or _called_secret(key))
    elif isinstance(value, list | tuple):
        for before, one in zip([None, *value], value, strict=False):
            option = isinstance(before, str) and before.startswith("-")
            yield from secrets_in(one, secret or (option and _called_secret(before)))
    elif isinstance(value, str) and secret and not value.startswith(("/", "./", "../", "~/")):
        yield value
        with contextlib.suppress(ValueError):
            yield base64.b64decode(value, validate=True).decode()
    elif isinstance(value, str) and (found := _USER_INFO.search(value)):
        yield found[2]


def _called_secret(name: object) -> bool:
    return isinstance(name, str) and (name == "auth" or held(name.encode("utf-8", "replace")) >= Held.SECRET)


def forms(value: str) -> set[bytes]:
    """The value itself, and as it stands in URLs, JSON, XML, shells, hexadecimal and base64."""
    raw = value.encode("utf-8", "surrogatepass")
    found = {raw}
    if len(raw) <= 4096:
        escaped = json.dumps(value)[1:-1]
        texts = {
            *(
                quote(value, safe="", errors="replace"),
                quote_plus(value, errors="replace"),
                quote(value, errors="replace"),
            ),
            *(escaped, json.dumps(value, ensure_ascii=False)[1:-1], json.dumps(escaped)[1:-1], repr(value)[1:-1]),
            *(_in_html(value, quote) for quote in ("'", "&#x27;", "&#39;", "&apos;")),
            *(_in_html(value, "'").replace("&quot;", '"'), value.replace("'", "''"), value.replace("'", "'\"'\"'")),
            *(value.replace("'", "'\\''"), value.replace("\\", "\\\\"), value.replace('"', '""')),
        }
        texts |= {re.sub("%[0-9A-F]{2}", lambda code: code[0].lower(), text) for text in texts if "%" in text}
        found |= {text.encode("utf-8", "surrogatepass") for text in texts}
        found |= {raw.hex().encode(), raw.hex().upper().encode()}
    encoded = {*_base64(raw)}
    if len(raw) <= 4096:
        # once more, as a Secret's value that was base64 already; and as Windows writes text
        whole = base64.b64encode(raw)
        encoded |= {whole, whole.rstrip(b"="), *_base64(whole), *_base64(value.encode("utf-16-le", "surrogatepass"))}
    found |= encoded | {one.replace(b"+", b"-").replace(b"/", b"_") for one in encoded}
    return {form for form in found if len(form) >= SHORTEST}


def _in_html(value: str, quote: str) -> str:
    escaped = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return escaped.replace("'", quote)


def _base64(raw: bytes) -> Iterator[bytes]:
    """As a part of something longer (``user:password``) the value begins at one of three places within a group of
    base64; characters that its neighbours have a share in are left out."""
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + raw)
        yield encoded[(0, 2, 3)[shift] : (shift + len(raw)) * 8 // 6]
