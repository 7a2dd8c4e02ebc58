"""Secrets out of plain data: lists and tables of texts, as JSON has them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from gonogo.redaction import MASK, Redactor
from gonogo.redaction.names import Held, held
from gonogo.redaction.text import harmless

IDENTIFIERS = frozenset(
    {
        *("schema", "id", "nodeid", "component", "criteria", "criterion", "checks", "uses", "needs", "signature"),
        *(
            "blocked_by",
            "deselected",
            "level",
            "outcome",
            "decision",
            "mode",
            "answers",
            "started",
            "finished",
            "expires",
        ),
        *("waived", "provider"),
    }
)
"""Keys whose texts are words of our own, by which results refer to each other: they stay what they are."""

_PAIRS = (("name", "value"), ("key", "value"), ("Name", "Value"), ("ParameterKey", "ParameterValue"))
_VALUES = frozenset(value for _, value in _PAIRS)
_PLAIN = frozenset((int, float, bool, type(None)))


def cleaned(value: Any, redact: Redactor) -> Any:
    """The data with every text redacted, and with the members of tables masked whose names say that they are secret.

    The same object where there is nothing to hide.
    """
    texts: set[str] = set()
    named = _collected(value, texts)
    shown = {text: redact(text) for text in redact.suspicious(texts)}
    return _walked(value, shown) if named or shown else value


def _collected(whole: Any, texts: set[str]) -> bool:
    """Add every text of the data to ``texts``; whether the name of a member may say that it is secret."""
    keys: set[Any] = set()
    named, left = False, [whole]
    while left:
        value = left.pop()
        if isinstance(value, str):
            texts.add(value)
        elif isinstance(value, dict):
            named = named or value.get("kind") == "Secret" or not _VALUES.isdisjoint(value)
            keys.update(value)
            for key, one in value.items():
                if one.__class__ is str:
                    if key not in IDENTIFIERS:
                        texts.add(one)
                elif one.__class__ not in _PLAIN and not (key in IDENTIFIERS and _is_text(one)):
                    left.append(one)
        elif isinstance(value, list | tuple):
            left += value
            named = named or any(isinstance(one, str) and one[:1] == "-" for one in value)
    names = {key for key in keys if isinstance(key, str)}
    texts |= names
    return named or any(_kind(name) >= Held.SECRET for name in names)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list | tuple) and all(isinstance(one, str) for one in value))


def _walked(value: Any, shown: dict[str, Any]) -> Any:
    if isinstance(value, str):
        return shown.get(value, value)
    if isinstance(value, dict):
        pair = next((v for n, v in _PAIRS if _secret(value.get(n), value.get(v))), None)
        whole = value.get("kind") == "Secret"
        found = {}
        for key, one in value.items():
            if key in IDENTIFIERS and _is_text(one):
                found[key] = one
            elif key == pair or _secret(key, one):
                found[key] = MASK
            elif whole and key in ("data", "stringData") and isinstance(one, dict):
                found[key] = dict.fromkeys(one, MASK)
            else:
                found[shown.get(key, key) if isinstance(key, str) else key] = _walked(one, shown)
        return found
    if isinstance(value, list | tuple):
        items = [_walked(one, shown) for one in value]
        for number, one in enumerate(value[1:], 1):
            option = value[number - 1]
            if isinstance(option, str) and option.startswith("-") and "=" not in option and _secret(option, one):
                items[number] = MASK
        return type(value)(items)
    return value


def _secret(name: Any, value: Any) -> bool:
    """Whether the name says of a text that it is secret, and it is no placeholder."""
    if not isinstance(name, str) or not isinstance(value, str) or len(name) > 100:
        return False
    kind = _kind(name)
    return kind >= Held.SECRET and not harmless(value.encode("utf-8", "replace"), kind)


@lru_cache(4096)
def _kind(name: str) -> Held:
    return held(name.encode("utf-8", "replace")) if len(name) <= 100 else Held.NOTHING
