"""Commands as somebody typed them: what they call, with which options; nothing is run."""

from __future__ import annotations

import re
import shlex
from typing import Any, NamedTuple

_ENDS = frozenset({"|", "||", "&&", ";", "&"})

_VALUED = frozenset(
    {
        *("-n", "--namespace", "-l", "--selector", "-f", "--filename", "--for", "--timeout", "-o", "--output", "-k"),
        *("-c", "--container", "--context", "--kubeconfig", "--set", "--set-string", "--set-file", "--set-json"),
        *("--version", "--repo", "--values", "--field-selector", "--grace-period", "-p", "--patch", "--type"),
    }
)
"""Options of kubectl and helm whose value may be a word of its own."""

_PART = re.compile(r"(?:[^.\[\]\\]|\\.)+|\[\d+\]")


class Call(NamedTuple):
    """One program that is called: its words, its options in their order, and what stands after ``--``."""

    words: tuple[str, ...]
    options: tuple[tuple[str, str], ...]
    after: tuple[str, ...] = ()

    def option(self, *names: str) -> str:
        """The last value that is given; empty where none is."""
        return next((value for name, value in reversed(self.options) if name in names), "")

    @property
    def namespace(self) -> str:
        """Where it acts."""
        return self.option("-n", "--namespace") or "default"


def calls(text: str) -> tuple[Call, ...]:
    """What a line calls; nothing where no shell could read it."""
    try:
        words = shlex.split(text.replace("\\\n", " "), comments=True)
    except ValueError:
        return ()
    found: list[list[str]] = [[]]
    for word in words:
        if word in _ENDS or word.endswith(";"):
            found[-1] += [word.removesuffix(";")] if word.endswith(";") and word != ";" else []
            found.append([])
        else:
            found[-1].append(word)
    return tuple(_call(one) for one in found if one)


def _call(words: list[str]) -> Call:
    plain: list[str] = []
    options: list[tuple[str, str]] = []
    at = 0
    while at < len(words):
        word = words[at]
        if word == "--":
            return Call(tuple(plain), tuple(options), tuple(words[at + 1 :]))
        if word.startswith("-") and len(word) > 1:
            name, sign, value = word.partition("=")
            if not sign and name in _VALUED and at + 1 < len(words):
                at += 1
                value = words[at]
            options.append((name, value))
        else:
            plain.append(word)
        at += 1
    return Call(tuple(plain), tuple(options))


def assigned(values: dict[str, Any], text: str, *, typed: bool) -> None:
    """Put what ``--set`` says into values: ``a.b=1,c[0]=x,d={x,y}``. Raises ``ValueError`` where it says nothing."""
    for one in re.split(r"(?<!\\),(?![^{}]*\})", text):
        key, sign, value = one.partition("=")
        parts = _PART.findall(key)
        if not sign or not parts or parts[0].startswith("["):
            raise ValueError(f"{one!r} assigns nothing")
        _put(values, [_step(part) for part in parts], _value(value, typed=typed))


def _step(part: str) -> str | int:
    return int(part[1:-1]) if part.startswith("[") else re.sub(r"\\(.)", r"\1", part)


def _put(place: Any, path: list[str | int], value: Any) -> None:
    for step, following in zip(path, [*path[1:], None], strict=True):
        fresh: Any = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(step, int):
            place += [None] * (step + 1 - len(place))
            if following is None or not isinstance(place[step], type(fresh)):
                place[step] = fresh
        elif following is None or not isinstance(place.get(step), type(fresh)):
            place[step] = fresh
        place = place[step]


def _value(text: str, *, typed: bool) -> Any:
    if text.startswith("{") and text.endswith("}"):
        return [_value(one, typed=typed) for one in text[1:-1].split(",")] if text[1:-1] else []
    text = re.sub(r"\\(.)", r"\1", text)
    if not typed:
        return text
    if text in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[text]
    return int(text) if re.fullmatch(r"-?(0|[1-9]\d{0,17})", text) else text
