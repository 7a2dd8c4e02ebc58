"""Keeps Python's cycle collector out for the time of a block: the one place where it is switched off.

The collector is the whole process's. Objects as they are decoded hold no cycles, and to walk through thousands of them
again and again costs more than to decode them. Other threads are not collected either meanwhile, so a block is as
short as a decode, or the program has nothing else to do.
"""

from __future__ import annotations

import gc
import threading


class _Uncollected:
    """A block that many threads may be in; as the last one leaves, the collector is as it was before the first."""

    def __init__(self) -> None:
        self._lock, self._inside, self._was = threading.Lock(), 0, False

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._was = gc.isenabled()
                gc.disable()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside and self._was:
                gc.enable()


UNCOLLECTED = _Uncollected()
