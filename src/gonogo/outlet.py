"""The one way out: whatever this process prints, writes or stores for somebody to read goes through here, redacted.

There is one redactor for the process. What is read or made that is secret is told to it at once (``learn``; every
:class:`~gonogo.model.Secret` does so itself). Text goes out by ``say`` and ``tell``, values by ``say_json``, files by
``keep`` and its like. ``guarded`` stands behind all of them: it takes the place of standard output and error, for what
libraries, warnings and tracebacks print. A test over the syntax of all modules holds that nobody else prints or writes.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO, TypeVar

import msgspec

from gonogo.redaction import Redacted, Redactor
from gonogo.redaction.stream import Stream
from gonogo.redaction.structure import cleaned

T = TypeVar("T")

_redactor = Redactor()


def learn(*values: str) -> None:
    """Know these secret values from now on, in whatever form they are met; at the moment they are read or made."""
    for value in values:
        _redactor.add(value)


def public(words: Iterable[str]) -> None:
    """Never replace these by value: names of components, which a careless password may equal."""
    _redactor.known.exempt(words)


def redacted(text: str) -> Redacted:
    """The text as it may be shown."""
    return _redactor(text)


def clean(value: T) -> T:
    """A struct, or plain data, with every text in it as it may be shown; the same value where nothing is to hide.

    Identifiers of our own (``nodeid``, ``signature``) stay what they are.
    """
    plain = msgspec.to_builtins(value)
    shown = cleaned(plain, _redactor)
    if shown == plain:
        return value
    return msgspec.convert(shown, type(value)) if isinstance(value, msgspec.Struct) else shown  # type: ignore[no-any-return]


# -- standard output and error


def say(*lines: str, end: str = "\n", flush: bool = False) -> None:
    """Results, to standard output."""
    _print(sys.stdout, redacted("\n".join(lines)), end, flush)


def tell(*lines: str, end: str = "\n") -> None:
    """News and errors, to standard error."""
    _print(sys.stderr, redacted("\n".join(lines)), end, False)


def say_json(value: object, *, indent: int | None = None, flush: bool = False) -> None:
    """A value as JSON, on one line without ``indent``; what JSON does not know is its ``str``."""
    _print(sys.stdout, Redacted(_json(value, indent).decode()), "\n", flush)


def is_terminal() -> bool:
    """Whether somebody sees standard output as it is printed."""
    return sys.stdout.isatty()


def abandon() -> None:
    """Whoever read our standard output has seen enough: nothing more is written there, at the end neither."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print(stream: TextIO, text: Redacted, end: str, flush: bool) -> None:
    write = stream.past if isinstance(stream, Gate) else stream.write
    write(text + end)
    if flush:
        stream.flush()


@contextmanager
def guarded() -> Iterator[None]:
    """Standard output and error lead through the redactor for the time of the body, whoever writes to them."""
    before = sys.stdout, sys.stderr
    gates = Gate(sys.stdout), Gate(sys.stderr)
    sys.stdout, sys.stderr = gates
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for gate in gates:
            with suppress(OSError, ValueError):  # the reader of a pipe may be gone
                gate.release()


class Gate(io.TextIOBase):
    """A text stream before another one: lines come through redacted, the last unfinished one as soon as it is safe."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._passing = stream, Stream(_redactor)

    def write(self, text: str) -> int:
        """Redact and hand on what is complete."""
        if not isinstance(text, str):
            raise TypeError(f"text is wanted, not {type(text).__name__}")
        self._stream.write(self._passing.feed(text))
        return len(text)

    def past(self, text: Redacted) -> int:
        """Hand on what has been redacted already, after what was waiting."""
        return self._stream.write(self._passing.end() + text)

    def flush(self) -> None:
        """Hand on the unfinished line too, where nothing in it may be the beginning of a secret."""
        self._stream.write(self._passing.pause())
        self._stream.flush()

    def release(self) -> None:
        """The end: hand on everything."""
        self._stream.write(self._passing.end())
        self._stream.flush()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self._stream.errors


# -- files


def keep(path: Path, text: str) -> None:
    """Write a text for people, whole or not at all. Raises ``OSError``."""
    _write(path, redacted(text).encode("utf-8", "surrogatepass"))


def keep_json(path: Path, value: object) -> None:
    """Write a value as JSON, indented for people, whole or not at all. Raises ``OSError``."""
    _write(path, _json(value, 1))


def keep_rendered(path: Path, value: T, render: Callable[[T], str]) -> None:
    """Write what ``render`` makes of the value as it may be shown. Raises ``OSError``."""
    _write(path, render(clean(value)).encode())


def append_json(path: Path, value: object) -> None:
    """Add a value as one line, and hand it to the system before returning. Raises ``OSError``."""
    with path.open("ab") as file:
        file.write(_json(value, None) + b"\n")


def _json(value: object, indent: int | None) -> bytes:
    encoded = msgspec.json.encode(clean(value), enc_hook=str)
    return msgspec.json.format(encoded, indent=indent) if indent else encoded


def _write(path: Path, data: bytes) -> None:
    from gonogo.files import write_atomically  # it knows errors, and those know our values

    write_atomically(path, data)


def traceback_of(error: BaseException) -> Redacted:
    """The traceback of an error, as it may be shown."""
    import traceback

    return redacted("".join(traceback.format_exception(error)).rstrip("\n"))


def lines_of(values: Any) -> str:
    """Several lines as one text."""
    return "\n".join(map(str, values))
