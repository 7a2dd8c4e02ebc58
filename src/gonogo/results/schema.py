"""The published JSON Schema of ``results.json``, derived from the structs.

``python -m gonogo.results.schema > reports/results.schema.json`` publishes it anew; a test holds the two together.
"""

from __future__ import annotations

import json
import sys

import msgspec

from gonogo.results.model import SCHEMA, Results


def results_schema() -> bytes:
    """JSON Schema 2020-12 of :class:`~gonogo.results.model.Results`, indented for review."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": SCHEMA}
    return json.dumps(head | msgspec.json.schema(Results), indent=2, ensure_ascii=False).encode() + b"\n"


if __name__ == "__main__":
    sys.stdout.buffer.write(results_schema())
