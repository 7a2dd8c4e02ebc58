"""Plain data and JSON to structs, from as many threads as like.

msgspec describes a type when it is first used, and lets other threads see the description half made: that ends
the whole process with SIGSEGV (seen with 0.22.0 and eight threads). So types are described here, one at a time;
what is described already is decoded side by side.
"""

from __future__ import annotations

import threading
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_describing = threading.Lock()
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """The one decoder of JSON for this type."""
    known = _decoders.get(kind)
    if known is None:
        with _describing:
            known = _decoders[kind] = _decoders.get(kind) or msgspec.json.Decoder(kind)
    return known


def decode(data: bytes | bytearray | str, kind: type[T]) -> T:
    """JSON as this type. Raises ``msgspec.DecodeError``, ``msgspec.ValidationError``."""
    return decoder(kind).decode(data)


def decode_evenly(data: bytes, kind: type[T]) -> T:
    """JSON as this type, where a number of no declared type is an integer if it is whole, however it is written."""
    decoder(kind)  # describes it
    return msgspec.json.Decoder(kind, float_hook=_number).decode(data)


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() else value


def convert(data: object, kind: type[T]) -> T:
    """Plain data as this type. Raises ``msgspec.ValidationError``."""
    decoder(kind)
    return msgspec.convert(data, kind)
