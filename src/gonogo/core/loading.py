"""Libraries are loaded one at a time, whichever thread needs one first.

Whoever imports ``a.b`` holds it and waits for ``a``; whoever imports ``a`` meanwhile holds that and waits for ``a.b``.
Python gives one of the two ``_DeadlockError``, or half a module where the two import each other (importlib,
``_ModuleLock``). So what is imported beside threads is imported under ``LOADING``, together with what the library
itself would import at its first call.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from importlib import import_module

from gonogo.core.collector import UNCOLLECTED

LOADING = threading.RLock()
"""Held while something is imported, and for nothing else: who waits for it must never be waited for."""


def once(load: Callable[[], None]) -> Callable[[], None]:
    """``load`` as a function that many threads may call: it runs under ``LOADING``, until it has run once.

    What it raises goes to the caller, and the next call tries again.
    """
    done = threading.Event()

    @wraps(load)
    def loaded() -> None:
        if done.is_set():
            return
        with LOADING:
            if not done.is_set():
                load()
                done.set()

    return loaded


def need(*names: str) -> None:
    """Import modules; raises ``ImportError`` for one that is not there."""
    with UNCOLLECTED:  # what a library makes as it is loaded stays: to look through it is an eighth of the time
        for name in names:
            import_module(name)


def also(*names: str) -> None:
    """Import modules that a library imports by itself, at some call or where they are installed.

    One that cannot be, as it is not there in another release of the library, is left to the call that needs it.
    """
    for name in names:
        with suppress(Exception):
            import_module(name)
