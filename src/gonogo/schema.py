"""The published JSON Schema of ``results.json``, derived from the structs."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from gonogo.files import write_atomically
from gonogo.model import SCHEMA, Results

FILE = Path("reports") / "results.schema.json"


def results_schema() -> bytes:
    """JSON Schema 2020-12 of :class:`~gonogo.model.Results`, indented for review."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": SCHEMA}
    return json.dumps(head | msgspec.json.schema(Results), indent=2, ensure_ascii=False).encode() + b"\n"


def publish_schema(root: Path) -> Path:
    """Write the schema into the content below ``root``; a test holds it against the structs."""
    path = root / FILE
    write_atomically(path, results_schema())
    return path
