"""Runs a program that does not outlive whoever started it: ``python -I -S bound.py PARENT PROGRAM ARGUMENT…``.

A program of its own, standard library only. PARENT is the pid of the process that starts it. The program takes the
place of this one, so that its pid, its output and its end are the program's. Linux kills it when the *thread* that
started it has ended (``PR_SET_PDEATHSIG``, prctl(2)): that thread waits for it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(parent: int, words: list[str]) -> None:
    """Become the program, or nothing where the parent is gone already. Raises ``OSError`` where there is none."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() == parent:  # else it had ended before this could be asked for
        os.execv(words[0], words)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
