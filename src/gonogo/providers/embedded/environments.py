"""Python environments in ``GONOGO_HOME``, for servers whose packages do not go with gonogo's own.

pip installs what a file pins, nothing that it does not name. What is in it, and the Python that it is for, is in the
name of its folder. It is made with the pip settings of the user: index, proxy, certificates.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gonogo.core.errors import ConfigError, Problem
from gonogo.core.outlet import redacted
from gonogo.providers.embedded.transfer import Tick

PINNED = re.compile(r"[A-Za-z0-9][\w.-]*(\[[\w,.-]+\])?==[^\s;]+( *;.+)?")
EVERY = 0.2
"""Seconds between two looks whether it is still wanted."""
LINES = 5
"""Of what pip said last, with the news that it failed."""
PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True)
class Environment:
    """An environment: its name, the file of its pinned packages, and what of that counts."""

    name: str
    pins: Path
    digest: str

    @property
    def folder(self) -> str:
        """The name of its folder in ``GONOGO_HOME``."""
        return f"{self.name}-environment-{self.digest}"

    def fill(self, folder: Path, tick: Tick) -> None:
        """Make it. Raises ``ConfigError`` where that fails, with what pip said, and ``Cancelled`` from the tick."""
        _done([sys.executable, "-m", "venv", "--symlinks", str(folder)], self.name, tick)
        python = str(folder / "bin" / "python3")
        pip = [python, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
        # bytecode is made of what is imported alone, by the server's first start
        pip += ["--no-deps", "--no-compile", "--no-warn-script-location", "--requirement", str(self.pins)]
        _done(pip, self.name, tick)


def environment(name: str, pins: Path) -> Environment:
    """The environment of the file. Raises ``ConfigError`` for a line that pins nothing, all of them at once."""
    try:
        lines = pins.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(Problem(str(pins), f"cannot be read: {error}")) from error
    wanted = {number: line.partition("#")[0].strip() for number, line in enumerate(lines, 1)}
    if wrong := [number for number, line in wanted.items() if line and not PINNED.fullmatch(line)]:
        hint = "a line is: package==version, and may end with a condition behind ;"
        raise ConfigError(*(Problem(f"{pins}:{number}", "pins no package", hint) for number in wrong))
    said = [f"{sys.version_info.major}.{sys.version_info.minor}", sysconfig.get_platform(), sys.base_prefix]
    said += sorted(line for line in wanted.values() if line)
    return Environment(name, pins, hashlib.sha256("\n".join(said).encode()).hexdigest()[:8])


def _done(argv: Sequence[str], name: str, tick: Tick) -> None:
    """Run it to its end; where it is no longer wanted it ends, with all that it started."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-I", "-m", __name__, str(os.getpid()), *argv],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env={key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                tick(0)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(EVERY)
        finally:
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode:
            said.seek(0)
            last = redacted(said.read().decode(errors="replace")).strip().splitlines()[-LINES:]
            what = (
                f"could not be installed: {' '.join(argv[1:4])} ended with code {process.returncode}: {' '.join(last)}"
            )
            raise ConfigError(Problem(f"Python environment {name}", what, "look at pip's settings: `pip config list`"))


def main(parent: int, argv: Sequence[str]) -> None:
    """Become this program, which ends with the thread that started it (prctl(2)). Raises ``OSError``."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() == parent:  # else it had ended before this could be asked for
        os.execv(argv[0], list(argv))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
