"""Imports a library without those that it uses only where they are installed, and nobody needs here.

The drivers of Neo4j and Elasticsearch look for pandas, which costs more than all that they do for us.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType


class _Absent(threading.local):
    """A finder to which some packages are not installed; another thread's imports are not its business."""

    names: frozenset[str] = frozenset()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in self.names:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


# For good: an import of another thread goes through this list by position, and would miss the finder that moves up
# where one before it is taken out.
_ABSENT = _Absent()
sys.meta_path.insert(0, _ABSENT)


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Within, this thread imports none of these packages anew; one that is loaded already stays."""
    before = _ABSENT.names
    _ABSENT.names = before | frozenset(names)
    try:
        yield
    finally:
        _ABSENT.names = before
