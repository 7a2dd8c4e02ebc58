"""Runs the suites in a process of their own, so that a check that ends its process cannot end in a GO.

The child has done its work only where it says so through a pipe; how it ended otherwise says nothing. It dies with its
parent. The two share terminal and process group: what the terminal sends (Ctrl-C) reaches both, what is sent to the
parent alone is passed on. What a check forked off and left is ended with it (Linux): orphans become children of the
parent (``PR_SET_CHILD_SUBREAPER``, prctl(2)); those in its session are the run's. Keepers of platforms have sessions
of their own.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

from gonogo.core.errors import GonogoError, ending
from gonogo.core.interrupts import ENDS
from gonogo.core.outcomes import Code
from gonogo.core.outlet import finish, tell, traceback_of

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


class EndedEarly(GonogoError):
    """The child's process came to an end before its work had one."""


def apart(work: Callable[[], int]) -> int:
    """The exit code that ``work`` comes to in a child process.

    An exception that it does not catch is the child's to print. Raises ``EndedEarly`` where the child ended without a
    word, and ``KeyboardInterrupt`` where it was interrupted.
    """
    if not hasattr(os, "fork"):
        return work()
    finish()
    adopted = _adopting()
    parent, (heard, told) = os.getpid(), os.pipe()
    awaited = {*ENDS, signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    pid = os.fork()
    if pid == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(heard)
        _die_with(parent)
        os._exit(_worked(work, told))
    os.close(told)
    try:
        status = _ended(pid, awaited)
    finally:
        adopted()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    with os.fdopen(heard, "rb") as pipe:
        os.set_blocking(pipe.fileno(), False)  # a server that the child started may still hold the other end
        word = pipe.read(64) or b""
    code = os.waitstatus_to_exitcode(status)
    if code == Code.INTERRUPTED or -code in ENDS:
        raise KeyboardInterrupt
    if word != _word(pid, code):
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        raise EndedEarly(f"its process ended {how} in the midst of the run")
    return code


def _adopting() -> Callable[[], None]:
    """Take in what the child will leave behind; what ends it. Whoever is our child before is somebody else's."""
    if sys.platform != "linux":
        return lambda: None
    import psutil

    this = psutil.Process()
    before, session = this.children(), os.getsid(0)
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def end() -> None:
        # the children of what ends become ours in turn
        while left := [one for one in this.children() if one not in before and _session(one.pid) == session]:
            for one in left:
                with suppress(ProcessLookupError):
                    os.kill(one.pid, signal.SIGKILL)
                with suppress(ChildProcessError):
                    os.waitpid(one.pid, 0)

    return end


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return -1


def _worked(work: Callable[[], int], told: int) -> int:
    try:
        code = work()
    except BaseException as error:
        if not isinstance(error, KeyboardInterrupt):
            tell(traceback_of(error))
        code = ending(error).code
    finish()
    os.write(told, _word(os.getpid(), code))
    return code


def _word(pid: int, code: int) -> bytes:
    """That this very process, and no copy of it that a check made, came to the end of its work."""
    return b"%d %d\n" % (pid, code)


def _ended(pid: int, awaited: set[signal.Signals]) -> int:
    """The wait status of the child, once it has one."""
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        number, from_terminal = _signal(awaited)
        if number != signal.SIGCHLD and not from_terminal:
            os.kill(pid, number)


def _signal(awaited: set[signal.Signals]) -> tuple[int, bool]:
    """The next signal, and whether the kernel sent it to the whole group, as a terminal's Ctrl-C is."""
    if hasattr(signal, "sigwaitinfo"):
        info = signal.sigwaitinfo(awaited)
        return info.si_signo, info.si_code > 0  # SI_USER and its kin are 0 and below (signal(7), sigaction(2))
    number = signal.sigwait(awaited)
    return number, number == signal.SIGINT


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
