"""Definitions (CRDs) of charts are read once: to read a megabyte of YAML takes longer than to render its chart.

They are kept as JSON in ``GONOGO_HOME``, by the digest of their text. What cannot be kept, or read there, is read anew.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress

import msgspec

from gonogo.core import ours
from gonogo.core.codec import decode
from gonogo.core.errors import ConfigError
from gonogo.core.home import home, shared
from gonogo.providers.helm.mistakes import Definition, definitions
from gonogo.providers.helm.objects import objects

FORM = 1
"""Of what is kept, for another gonogo that keeps more of it."""

LEAST = 50_000
"""Characters of a text that is kept; a shorter one is read in milliseconds."""


def defined(source: str, text: str) -> list[Definition]:
    """The definitions in one document. Raises ``ConfigError`` where it is none."""
    if len(text) < LEAST:
        return [*definitions(objects(source, text))]
    digest = hashlib.sha256(f"{FORM}\n{text}".encode()).hexdigest()
    path = home() / "definitions" / f"{digest}.json"
    with suppress(OSError, ConfigError, msgspec.MsgspecError):
        return decode(ours.read(path), list[Definition])
    found = [*definitions(objects(source, text))]
    with suppress(OSError, ConfigError):
        ours.folder(shared(path.parent))
        ours.write(path, msgspec.json.encode(found))
    return found
