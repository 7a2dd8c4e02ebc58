"""Signals that ask for the end: the first interrupts, so that everything is taken down; the next leaves at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from gonogo.core.outcomes import Code

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """What this process does on Ctrl-C, SIGTERM and a closed terminal, from ``catch`` to ``release``.

    The first one raises ``KeyboardInterrupt`` in the main thread, or is only counted while ``held`` (what is
    taking everything down is not interrupted in that). The next one says ``last_words`` and leaves, whatever
    is going on. A closed terminal may tell us twice and is no impatience. What was ignored before stays
    ignored, as ``nohup`` and a shell's background jobs want it.
    """

    def __init__(self, last_words: Callable[[], None], signals: Iterable[signal.Signals] = ENDS) -> None:
        self.count, self.held = 0, False
        self._last_words, self._signals = last_words, tuple(signals)
        self._before: dict[signal.Signals, Any] = {}

    def catch(self) -> None:
        """Begin. Outside the main thread, where Python handles no signals, it changes nothing."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in self._signals:
            if number not in self._before and signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._came)

    def release(self) -> None:
        """Leave the signals to whom they belonged before."""
        while self._before:
            signal.signal(*self._before.popitem())

    def _came(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        if self.count > 1 and number != signal.SIGHUP:
            self._last_words()
            os._exit(Code.INTERRUPTED)
        if self.count == 1 and not self.held:
            raise KeyboardInterrupt(signal.Signals(number).name)
