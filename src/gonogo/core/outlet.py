"""The one way out: whatever this process prints, writes or stores for somebody to read goes through here, redacted.

There is one redactor for the process. What is read or made that is secret is told to it at once (``learn``; every
:class:`~gonogo.core.endpoints.Secret` does so itself). Text goes out by ``say`` and ``tell``, values by ``say_json``,
files by ``keep_rendered`` and its like. ``guarded`` stands behind all of them: it takes the place of standard output
and error, for what libraries, warnings and tracebacks print. A test over the syntax of all modules holds that nobody
else prints or writes.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO, TypeVar

import msgspec

from gonogo.core.atomic import write_atomically
from gonogo.core.codec import convert
from gonogo.core.harmless import as_json, line
from gonogo.core.manner import manner
from gonogo.redaction import Redacted, Redactor
from gonogo.redaction.known import secrets_in
from gonogo.redaction.stream import RedactingStream
from gonogo.redaction.structure import cleaned

T = TypeVar("T")

_redactor = Redactor()


def learn(*values: str) -> None:
    """Know these secret values from now on, in whatever form they are met; at the moment they are read or made."""
    for value in values:
        _redactor.add(value)


def learn_from(data: object) -> None:
    """Know what is secret in plain data, by the names of its members: a kubeconfig, what a credential plugin says."""
    learn(*secrets_in(data))


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
    if shown is plain or shown == plain:
        return value
    return convert(shown, type(value)) if isinstance(value, msgspec.Struct) else shown


def uncut(text: str, limit: int) -> str:
    """The text, redacted where somebody is about to cut it at ``limit``, or to set its lines on one.

    Half a secret is not known for one, nor is one that stood on the line below its name.
    """
    return text if len(text) <= limit and "\n" not in text else redacted(text)


def with_texts(
    values: Iterable[T], texts: Callable[[T], Iterable[str]], changed: Callable[[T, Callable[[str], str]], T]
) -> list[T]:
    """The values, those with a secret among their ``texts`` as ``changed`` makes them; quick where there are many."""
    values = [*values]
    suspicious = {*_redactor.suspicious({text for value in values for text in texts(value) if text})}
    if not suspicious:
        return values
    return [changed(value, redacted) if suspicious.intersection(texts(value)) else value for value in values]


# -- standard output and error


def say(*lines: str, end: str = "\n", flush: bool = False) -> None:
    """Results, to standard output; without lines nothing."""
    if lines:
        _print(sys.stdout, redacted("\n".join(lines)), end)
    if flush:
        sys.stdout.flush()


def tell(*lines: str, end: str = "\n") -> None:
    """News and errors, to standard error; without lines nothing."""
    if lines:
        _print(sys.stderr, redacted("\n".join(lines)), end)


def news(*lines: str) -> None:
    """What is no result and no error, to standard error; nothing with ``--quiet``."""
    if not manner().quiet:
        tell(*lines)


def detail(text: str) -> None:
    """What is asked of whom, on one line of standard error, with ``--verbose``."""
    if manner().verbose:
        tell(line(text))


def say_json(value: object, *, indent: int = 0, flush: bool = False) -> None:
    """A value as JSON, on one line without ``indent``; what JSON does not know is its ``str``."""
    told = as_json(_json(value, indent).decode())
    if not _takes_all(sys.stdout):
        told = re.sub("[^\0-\x7f]", lambda found: json.dumps(found[0])[1:-1], told)
    _print(sys.stdout, Redacted(told), "\n")
    if flush:
        sys.stdout.flush()


def say_yaml(value: object, *, another: bool = False, flush: bool = False) -> None:
    """A value as a YAML document that says what :func:`say_json` would; ``another``: of several, so with a ``---``."""
    import yaml

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
        """Texts with what acts in double quotes, where it can be written as ``\\uXXXX``; no anchors."""

        def ignore_aliases(self, data: object) -> bool:
            return True

    def text(dumper: Any, value: str) -> Any:
        quoted = None if as_json(value) == value else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=quoted)

    Dumper.add_representer(str, text)
    plain = msgspec.json.decode(_json(value, 0))
    told = yaml.dump(
        plain,
        Dumper=Dumper,
        sort_keys=False,
        allow_unicode=_takes_all(sys.stdout),
        width=4096,
        explicit_start=another,
    )
    _print(sys.stdout, Redacted(as_json(told)), "")
    if flush:
        sys.stdout.flush()


def is_terminal() -> bool:
    """Whether somebody sees standard output as it is printed."""
    return sys.stdout.isatty()


def finish() -> None:
    """Hand on all that waits, before this process leaves without a word."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, Gate):
            stream.release()
        else:
            stream.flush()


def is_read() -> bool:
    """Whether standard output still has a reader, as far as was seen: `head` leaves when it has seen enough."""
    return not getattr(sys.stdout, "unread", False)


def _takes_all(stream: TextIO) -> bool:
    """Whether a stream can write every letter: not so in many a locale."""
    return (stream.encoding or "utf-8").lower().replace("-", "").startswith(("utf8", "utf16", "utf32"))


def _print(stream: TextIO, text: Redacted, end: str) -> None:
    if isinstance(stream, Gate):
        stream.past(text, end)
    else:
        stream.write(text + end)


@contextmanager
def guarded() -> Iterator[None]:
    """Standard output and error lead through the redactor for the time of the body, whoever writes to them."""
    before = sys.stdout, sys.stderr
    for stream in before:
        if isinstance(stream, io.TextIOWrapper) and not _takes_all(stream):
            stream.reconfigure(errors="replace")  # a letter that the locale lacks is no reason to say nothing
    gates = Gate(sys.stdout), Gate(sys.stderr)
    sys.stdout, sys.stderr = gates
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for gate in gates:
            try:
                gate.release()
            except (OSError, ValueError):  # a full disk has been told by now, and is not to be met again at the exit
                gate.abandon()


class Gate(io.TextIOBase):
    """A text stream before another one: lines come through redacted, the last unfinished one as soon as it is safe.

    Whoever reads a pipe may leave: the rest is for nobody then, and no error, as what is asked has its own answer.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._passing = stream, RedactingStream(_redactor)
        self.unread = False

    def write(self, text: str) -> int:
        """Redact and hand on what is complete."""
        if not isinstance(text, str):
            raise TypeError(f"text is wanted, not {type(text).__name__}")
        self._hand_on(self._passing.feed(text))
        return len(text)

    def past(self, text: Redacted, end: str) -> None:
        """Hand on what has been redacted already, after what was waiting."""
        self._hand_on(self._passing.end() + text + end)

    def flush(self) -> None:
        """Hand on the unfinished line too, where nothing in it may be the beginning of a secret."""
        self._hand_on(self._passing.pause(), flush=True)

    def release(self) -> None:
        """The end: hand on everything."""
        self._hand_on(self._passing.end(), flush=True)

    def abandon(self) -> None:
        """Write nothing more to where it went, not what is waiting either."""
        self.unread = True
        with suppress(OSError, ValueError):  # it is no file, or closed
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    def _hand_on(self, text: str, flush: bool = False) -> None:
        try:
            self._stream.write(text)
            if flush:
                self._stream.flush()
        except BrokenPipeError:
            self.abandon()

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


def keep_rendered(value: T, render: Callable[[T], str | bytes], *paths: Path) -> None:
    """Write to each path what ``render`` makes of the value as it may be shown, whole or not at all.

    Raises ``OSError``.
    """
    made = render(clean(value))
    for path in paths:
        write_atomically(path, made.encode() if isinstance(made, str) else made)


def append_rendered(value: T, render: Callable[[T], bytes], path: Path) -> None:
    """Add what ``render`` makes of the value as it may be shown, as a line that the system has before we return.

    Raises ``OSError``.
    """
    with path.open("ab") as file:
        file.write(render(clean(value)) + b"\n")


def _json(value: object, indent: int) -> bytes:
    encoded = msgspec.json.encode(clean(value), enc_hook=str)
    return msgspec.json.format(encoded, indent=indent) if indent else encoded


def traceback_of(error: BaseException) -> Redacted:
    """The traceback of an error, as it may be shown."""
    import traceback

    return redacted("".join(traceback.format_exception(error)).rstrip("\n"))
