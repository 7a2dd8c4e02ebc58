"""Secrets out of plain data: lists and tables of texts, as JSON has them."""

from __future__ import annotations

from collections.abc import Iterator
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


def cleaned(value: Any, redact: Redactor) -> Any:
    """The data with every text redacted, and with the members of tables masked whose names say that they are secret."""
    texts = {*_texts(value)}
    shown = {text: redact(text) for text in redact.suspicious(texts)}
    return _walked(value, shown)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, one in value.items():
            if isinstance(key, str):
                yield key
            if key not in IDENTIFIERS or not _is_text(one):
                yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


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
    kind = held(name.encode("utf-8", "replace"))
    return kind >= Held.SECRET and not harmless(value.encode("utf-8", "replace"), kind)
