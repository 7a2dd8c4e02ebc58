"""A program that stands a platform up and then lives, ends or is killed: ``ROOT HOME WHAT``.

It prints a line for each step, on which a test can wait.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from gonogo.catalog.registry import Component, EndpointKeys
from gonogo.core.servers import Progress
from gonogo.providers.embedded.provider import Embedded
from tests.small_servers import ready


def say(word: str) -> None:
    """One line, at once."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main(root: Path, home: Path, what: str) -> None:
    """Up; then ``wait`` for the end of standard input, ``down``, ``keep``, or ``fork`` and wait.

    A forked child holds the other end of the keeper's pipe open, so that its end of file is not seen.
    """
    keys = EndpointKeys(required=("address", "password"), secret=("password",))
    echo = Component(name="echo", title="echo", folder=root / "deploy" / "echo", endpoints=keys)
    provider = Embedded(root, home=home)

    def report(progress: Progress) -> None:
        say(f"{progress.phase} {progress.detail}")

    provider.up(echo, {}, ready, report)
    say("up")
    if what == "down":
        say("down")
        provider.down()
    elif what == "keep":
        provider.keep()
    elif what == "fork" and os.fork() == 0:
        signal.alarm(60)
        signal.pause()
    else:
        sys.stdin.read()
    say("end")


if __name__ == "__main__":
    # below nohup it is inherited as ignored; here a closed terminal is what is tried
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
