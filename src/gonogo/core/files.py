"""Files that people write, as structs: every problem of a file at once, each with the nearest known word.

msgspec decodes; only where it refuses is the data walked once more against the struct, to collect what
else is wrong.
"""

from __future__ import annotations

import difflib
import itertools
import re
import tomllib
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import inspect

from gonogo.core.codec import convert, decode
from gonogo.core.errors import ConfigError, Problem

S = TypeVar("S", bound=msgspec.Struct)

SECRET_KEY = re.compile(r"password|secret|token|(^|_)key$")
"""Names of keys whose values are secret, wherever they stand."""

MOST_PROBLEMS = 50
"""Of one file; a machine's file with a wrong key in each of its thousand rows is said in as many lines."""

LARGEST = 16 << 20
"""Bytes of a file that a person wrote."""

_KEY = re.compile(r"""\s*((?:[\w.-]+|"[\w.-]+")\s*=|\[{1,2}[\w."'-]+(?:\]{1,2})?)""")
_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def load_toml(path: Path, kind: type[S]) -> S:
    """The file as ``kind``. Raises ``ConfigError`` with all its problems, or with the line that is no TOML."""
    return converted(parse_toml(path), kind, str(path))


def salvaged_toml(path: Path, kind: type[S], problems: list[Problem]) -> S | None:
    """The file as ``kind`` without what is wrong in it, which goes to ``problems``; None where nothing is left.

    So what the rest means can be checked as well, and all mistakes are told at once.
    """
    try:
        data = parse_toml(path)
    except ConfigError as error:
        problems += error.problems
        return None
    try:
        return converted(data, kind, str(path))
    except ConfigError as error:
        problems += error.problems
    try:
        return convert(_right(data, _type_info(kind)), kind)
    except msgspec.ValidationError:
        return None


def parse_toml(path: Path) -> dict[str, Any]:
    """The file as plain data. Raises ``ConfigError`` naming path and line where it is no TOML."""
    try:
        text = content(path).decode("utf-8-sig")
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(Problem(f"{path}:{line}", "is not UTF-8")) from error
    except tomllib.TOMLDecodeError as error:
        place, lines = _TOML_PLACE.search(str(error)), text.splitlines()
        number = int(place[1]) if place and place[1] else len(lines)
        # Whatever the key, a person may have written a secret beside it; what is shown ends up in logs.
        key = _KEY.match(lines[number - 1]) if 0 < number <= len(lines) else None
        shown = f": {key[1]} …" if key else ""
        raise ConfigError(Problem(f"{path}:{number}", f"not TOML: {_TOML_PLACE.sub('', str(error))}{shown}")) from error
    except RecursionError as error:
        raise ConfigError(Problem(str(path), "not TOML: nested too deeply")) from error
    except ValueError as error:  # a number of thousands of digits, a day that no month has
        raise ConfigError(Problem(str(path), f"not TOML: {error}")) from error


def load_json(source: Path | bytes, kind: type[S], where: str = "") -> S:
    """JSON as ``kind``; ``where`` names the source in problems, by default its path.

    Raises ``ConfigError`` with all problems, or with the byte at which it is no JSON.
    """
    where = where or (str(source) if isinstance(source, Path) else "JSON")
    data = content(source) if isinstance(source, Path) else source
    try:
        return decode(data, kind)
    except msgspec.ValidationError as error:
        try:
            plain = msgspec.json.decode(data)
        except msgspec.DecodeError:  # a number beyond all numbers is none, of whatever kind
            raise ConfigError(Problem(where, str(error))) from error
        return converted(plain, kind, where)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ConfigError(Problem(where, f"not JSON: {error}")) from error


def converted(data: object, kind: type[S], where: str, prefix: str = "") -> S:
    """Plain data as ``kind``; ``prefix`` is the dotted key under which the data stands in the file ``where``.

    Raises ``ConfigError`` with every problem found, up to ``MOST_PROBLEMS``.
    """
    try:
        return convert(data, kind)
    except msgspec.ValidationError as error:
        faults = itertools.islice(_faults(data, _type_info(kind), prefix), MOST_PROBLEMS)
        problems = [Problem(where, fault.what, fault.hint) for fault in faults]
        raise ConfigError(*(problems or [Problem(where, str(error))])) from error


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that ``word`` was probably meant to be, or an empty string."""
    folded = {k.lower(): k for k in known}
    found = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=0.55)
    return folded[found[0]] if found else ""


def suggestion(word: str, known: Iterable[str]) -> str:
    """A hint: the nearest known word, else those there are, as far as they fit into a line."""
    words = sorted(known)
    if near := nearest(word, words):
        return f"nearest known: {near!r}"
    return f"known: {', '.join(words[:12])}{', …' if len(words) > 12 else ''}" if words else "none is known"


def unreadable(path: Path, error: OSError | ValueError) -> Problem:
    """The problem of a file that the system does not hand out, or that no file can be called (NUL in its name)."""
    return Problem(str(path), (getattr(error, "strerror", None) or str(error)).lower())


def content(path: Path, most: int = LARGEST) -> bytes:
    """All of a file or a pipe. Raises ``ConfigError`` where it cannot be read, or holds more than ``most`` bytes."""
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except (OSError, ValueError) as error:
        raise ConfigError(unreadable(path, error)) from error
    if len(data) > most:
        raise ConfigError(Problem(str(path), f"is larger than {most >> 20} MiB, which is not read"))
    return data


def expanded(name: str) -> Path:
    """The path, with a leading ``~`` or ``~user`` as the home it stands for.

    Raises ``ConfigError`` where there is no such user, or where no path can be called that.
    """
    try:
        if "\0" in name:
            raise ConfigError(Problem(name, "no file can have NUL in its name"))
        return Path(name).expanduser()
    except RuntimeError as error:
        raise ConfigError(Problem(name, f"there is no home {name.partition('/')[0]}")) from error


@cache
def _type_info(kind: Any) -> inspect.Type:
    return inspect.type_info(kind)


class _Fault(NamedTuple):
    what: str
    hint: str = ""


_PLAIN: dict[type[inspect.Type], tuple[str, tuple[type, ...]]] = {
    inspect.StrType: ("text", (str,)),
    inspect.BoolType: ("true or false", (bool,)),
    inspect.IntType: ("a whole number", (int,)),
    inspect.FloatType: ("a number", (int, float)),
    inspect.NoneType: ("nothing", (type(None),)),
    inspect.StructType: ("a table", (dict,)),
    inspect.DictType: ("a table", (dict,)),
    inspect.ListType: ("a list", (list,)),
    inspect.VarTupleType: ("a list", (list,)),
    inspect.DateType: ("a date like 2026-01-31", (date, str)),
}


def _faults(data: Any, wanted: inspect.Type, key: str) -> Iterator[_Fault]:
    """Everything in ``data`` that ``wanted`` does not allow; ``key`` is its dotted key."""
    match wanted:
        case inspect.UnionType(types=types):
            each = [list(_faults(data, t, key)) for t in types]
            # The alternative of the same shape says best what is wrong inside of it.
            alike = [f for t, f in zip(types, each, strict=True) if _alike(data, t)]
            if all(each):
                yield from alike[0] if alike else [_mismatch(data, key, " or ".join(map(_word, types)))]
        case inspect.EnumType(cls=cls) if data not in (known := [m.value for m in cls]):
            yield _choice(data, key, known)
        case inspect.LiteralType(values=values) if data not in values:
            yield _choice(data, key, list(values))
        case _ if type(wanted) in _PLAIN and not _alike(data, wanted):
            yield _mismatch(data, key, _word(wanted))
        case inspect.StructType(fields=fields):
            yield from _struct_faults(data, fields, key)
        case inspect.DictType(value_type=value_type):
            for name, value in data.items():
                yield from _faults(value, value_type, _dotted(key, name))
        case inspect.ListType(item_type=item_type) | inspect.VarTupleType(item_type=item_type):
            for index, item in enumerate(data):
                yield from _faults(item, item_type, f"{key}[{index}]")
        case inspect.DateType() if isinstance(data, str):
            try:
                date.fromisoformat(data)
            except ValueError:
                yield _mismatch(data, key, _word(wanted))


def _struct_faults(data: dict[str, Any], fields: tuple[inspect.Field, ...], key: str) -> Iterator[_Fault]:
    known = {f.encode_name: f for f in fields}
    for name, value in data.items():
        if name not in known:
            yield _Fault(f"unknown key {_dotted(key, name)!r}", suggestion(name, known))
        else:
            yield from _faults(value, known[name].type, _dotted(key, name))
    for name, field in known.items():
        if field.required and name not in data:
            yield _Fault(f"missing key {_dotted(key, name)!r}", f"expected {_word(field.type)}")


def _right(data: Any, wanted: inspect.Type) -> Any:
    """``data`` without the keys and items that ``wanted`` does not allow."""
    match wanted:
        case inspect.StructType(fields=fields) if isinstance(data, dict):
            types = {f.encode_name: f.type for f in fields}
            kept = {name: _right(value, types[name]) for name, value in data.items() if name in types}
            return {name: value for name, value in kept.items() if not any(_faults(value, types[name], ""))}
        case inspect.VarTupleType(item_type=item_type) if isinstance(data, list):
            return [item for item in data if not any(_faults(item, item_type, ""))]
    return data


def _alike(data: object, wanted: inspect.Type) -> bool:
    types = _PLAIN.get(type(wanted), ("", (object,)))[1]
    # To Python, true is a number and a moment is a date; to a person neither is.
    odd = (isinstance(data, bool) and bool not in types) or isinstance(data, datetime)
    return isinstance(data, types) and (object in types or not odd)


def _word(wanted: inspect.Type) -> str:
    if isinstance(wanted, inspect.EnumType):
        return " or ".join(repr(m.value) for m in wanted.cls)
    if isinstance(wanted, inspect.LiteralType):
        return " or ".join(map(repr, wanted.values))
    return _PLAIN.get(type(wanted), ("another kind of value", ()))[0]


def _mismatch(data: object, key: str, wanted: str) -> _Fault:
    shown = "" if SECRET_KEY.search(key) or isinstance(data, dict | list) else f", is {data!r:.60}"
    return _Fault(f"{key or 'the whole file'} must be {wanted}{shown}")


def _choice(data: object, key: str, known: list[Any]) -> _Fault:
    return _Fault(f"{key}: unknown value {data!r:.60}", suggestion(str(data), map(str, known)))


def _dotted(key: str, name: object) -> str:
    return f"{key}.{name}" if key else str(name)
