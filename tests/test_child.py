"""A verb in a process of its own: how that process ends never makes a success."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from textwrap import dedent

import pytest

PROGRAM = """
    import os, signal, sys, time
    from gonogo.run.child import EndedEarly, apart

    def work():
        print("child", os.getpid(), flush=True)
        {body}

    try:
        sys.exit(apart(work))
    except EndedEarly as error:
        print(error, flush=True)
        sys.exit(3)
    except KeyboardInterrupt:
        sys.exit(130)
"""


def started(body: str) -> subprocess.Popen[str]:
    """A program whose child does ``body``; its first line tells the child's pid."""
    program = dedent(PROGRAM).format(body=body)
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, start_new_session=True)


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("return 0", 0, ""),
        ("return 1", 1, ""),
        ("raise KeyboardInterrupt", 130, ""),
        ("raise ValueError('a bug')", 4, ""),
        ("os._exit(0)", 3, "its process ended with exit code 0 in the midst of the run"),
        ("os._exit(7)", 3, "its process ended with exit code 7 in the midst of the run"),
        ("os.kill(os.getpid(), signal.SIGKILL)", 3, "its process ended by SIGKILL in the midst of the run"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", 3, "its process ended by SIGSEGV in the midst of the run"),
        ("os.execv('/bin/true', ['true'])", 3, "its process ended with exit code 0 in the midst of the run"),
        ("os.fork() and os._exit(0); return 0", 3, "its process ended with exit code 0"),
    ],
)
def test_a_child_has_done_its_work_only_where_it_says_so(body: str, code: int, said: str) -> None:
    with started(body) as process:
        assert process.stdout is not None
        told = process.stdout.read()

    assert process.returncode == code
    assert said in told


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_to_the_parent_alone_reaches_the_child(number: signal.Signals) -> None:
    body = f"signal.signal({number:d}, lambda *_: os._exit(9)); print('ready', flush=True); signal.pause()"

    with started(body) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.readline()
        process.send_signal(number)
        told = process.stdout.read()

    assert "ended with exit code 9" in told


def test_a_child_dies_with_its_parent() -> None:
    with started("signal.pause()") as process:
        assert process.stdout is not None
        child = int(process.stdout.readline().split()[1])
        watch = os.pidfd_open(child)
        process.kill()
        # the pipe ends when nobody can write to it any more: parent and child are gone
        process.stdout.read()

    ended, _, _ = select.select([watch], [], [], 10)
    assert ended == [watch]
    os.close(watch)


@pytest.mark.parametrize("ends", ["os._exit(0)", "return 0", "sys.exit(1)"])
@pytest.mark.parametrize("left", ["os.fork() or signal.pause()", "os.fork() or os.fork() or signal.pause()"])
def test_what_the_work_left_behind_ends_with_it(left: str, ends: str) -> None:
    with started(f"{left}; {ends}") as process:
        try:
            told, _ = process.communicate(timeout=20)  # ends when nobody can write to it any more
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    assert told.startswith("child")


def test_what_has_a_session_of_its_own_or_was_there_before_is_left_alone() -> None:
    program = dedent("""
        import os, signal, subprocess, sys
        from gonogo.run.child import apart

        before = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL)

        def work():
            kept = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, start_new_session=True)
            print(before.pid, kept.pid, flush=True)
            os._exit(0)

        try:
            apart(work)
        finally:
            os._exit(0)
    """)

    told = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, timeout=20, check=False)

    for pid in map(int, told.stdout.split()):
        os.kill(pid, signal.SIGKILL)
    assert len(told.stdout.split()) == 2
