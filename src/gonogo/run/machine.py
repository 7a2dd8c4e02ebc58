"""What results say of the place where a run was started: the machine, the content's revision, the command."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil


def facts() -> dict[str, Any]:
    """What the machine is: system, cores, memory in MiB."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cores": psutil.cpu_count() or 0,
        "memory_mib": psutil.virtual_memory().total >> 20,
    }


def revision(root: Path) -> str:
    """The content's git revision, with ``+`` where it has uncommitted changes; empty outside git."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def command_line() -> tuple[str, ...]:
    """The command as typed, the program without its folder."""
    program = Path(sys.argv[0])
    name = program.name if program.name != "__main__.py" else f"python -m {program.parent.name}"
    return (name, *sys.argv[1:])
