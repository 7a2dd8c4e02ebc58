"""A built-in component in a folder of one's own, changed a little, and up there with the real servers."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


def gonogo(folder: Path, *words: str) -> str:
    """What a verb prints in this folder."""
    argv = [sys.executable, "-m", "gonogo", *words]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-1000:]
    return done.stdout


@contextmanager
def up(folder: Path, component: str, change: Callable[[Path], None]) -> Iterator[dict[str, Any]]:
    """The component's table as ``gonogo endpoints`` prints it, for the time of the body.

    ``change`` is handed its folder of ``deploy/``, in the layer.
    """
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip("the servers run on Linux x86-64 alone")
    (folder / "gonogo.toml").touch()
    deploy = shutil.copytree(ROOT / "deploy" / component, folder / "deploy" / component)
    file = deploy / "component.toml"
    file.write_text("override = true\n" + file.read_text())
    change(deploy)
    try:
        gonogo(folder, "up", component)
        yield tomllib.loads(gonogo(folder, "endpoints"))["components"][component]
    finally:
        gonogo(folder, "down")


def replaced(file: Path, old: str, new: str) -> None:
    """Put ``new`` for ``old``, which must be in the file."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def critical(folder: Path, component: str, target: str) -> subprocess.CompletedProcess[str]:
    """The critical checks of the component by this target file's text; everything else is unsupported."""
    others = [one.parent.name for one in (ROOT / "deploy").glob("*/component.toml") if one.parent.name != component]
    file = folder / "tokens.toml"
    file.write_text(target + "[target.unsupported]\n" + "".join(f'{name} = "not part of this"\n' for name in others))
    argv = [sys.executable, "-m", "pytest", f"suites/{component}", "-m", "critical", "--target", str(file)]
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
