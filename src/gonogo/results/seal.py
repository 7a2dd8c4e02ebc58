"""A digest over stored results, so that a file that was changed by hand is told from one that a run wrote.

It keeps no secret: whoever can run gonogo can seal anew. It holds off editors, merges of text and half a copy.
"""

from __future__ import annotations

import hashlib

import msgspec
from msgspec.structs import replace

from gonogo.core.codec import decode_evenly
from gonogo.results.model import Results


def digest(results: Results) -> str:
    """SHA-256, in hexadecimal, of all that the results hold but their digest.

    It is taken of what somebody reads who reads them back: layout, the order of keys, and whether a number is
    written ``1`` or ``1.0`` do not count.
    """
    plain = decode_evenly(msgspec.json.encode(replace(results, digest="")), Results)
    return hashlib.sha256(msgspec.json.encode(plain, order="deterministic")).hexdigest()


def sealed(results: Results) -> Results:
    """The results with their digest."""
    return replace(results, digest=digest(results))


def whole(results: Results) -> bool:
    """Whether the results are as they were sealed."""
    return results.digest == digest(results)
