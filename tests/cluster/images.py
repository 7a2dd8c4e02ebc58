"""Images of the servers that ``platform/`` runs, laid out from the packages that the embedded target runs them from.

``python -m cluster.images [COMPONENT…]`` hands each to the command in ``GONOGO_TEST_BUILD`` (``README.md``).
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock

from gonogo.core.home import home
from gonogo.providers.embedded import spec
from gonogo.providers.embedded.fetch import Fetched, fetch

BUILD = "GONOGO_TEST_BUILD"
ROOT = Path(__file__).parents[2]

PLATFORM = Path(__file__).parent / "platform"

COMPONENTS = sorted(path.stem for path in PLATFORM.glob("*.yaml"))
"""What there is a manifest of."""

PYTHON = """#!/bin/sh
export PYTHONHOME=/opt/python PYTHONPATH=/opt/python/packages LD_LIBRARY_PATH=/opt/python/lib PYTHONDONTWRITEBYTECODE=1
exec /opt/python/bin/python3 "$@"
"""


def image(component: str) -> str:
    """The name of a component's image."""
    return f"gonogo-test/{component}:1"


def build(components: Iterable[str], registry: str = "") -> None:
    """Lay out and build one image after the other, each from what its component's own ``embedded.toml`` names.

    With a ``registry`` they are called as if they came from there. Raises ``CalledProcessError`` where the command
    fails.
    """
    command = shlex.split(os.environ[BUILD])
    for component in components:
        with TemporaryDirectory(dir=home(), prefix="image-") as folder:
            layout = python if spec.load(ROOT / "deploy" / component).packages else programs
            layout(component, Path(folder))
            name = f"{registry}/{image(component)}" if registry else image(component)
            subprocess.run([*command, name, folder], check=True, stdout=subprocess.DEVNULL)


def built(folder: Path) -> None:
    """All of them, once in a session of tests, whichever of its processes asks first: ``folder`` is that one's own."""
    if not os.environ.get(BUILD):
        return
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    done = shared / "images-built"
    with FileLock(shared / "images.lock"):
        if not done.exists():
            build(COMPONENTS)
            done.touch()


def fetched(component: str) -> Fetched:
    """The programs and jars of a component, in ``GONOGO_HOME``."""
    folder = ROOT / "deploy" / component
    return fetch(spec.load(folder), folder, home(), lambda *_: None, threading.Event())


def programs(component: str, root: Path) -> None:
    """``/opt/<component>/<program>``, and with a class path its jars and their order in a file."""
    found = fetched(component)
    for name, program in found.programs.items():
        linked(program, root / "opt" / component / name)
    if found.classpath:
        jars = root / "opt" / component / "jars"
        jars.mkdir(parents=True)
        for jar in found.classpath:
            link(jar, jars / jar.name)
        order = ":".join(f"/opt/{component}/jars/{jar.name}" for jar in found.classpath)
        (jars.parent / "classpath").write_text(order)


def python(component: str, root: Path) -> None:
    """``/opt/python``: this interpreter, its library, and the packages; ``python`` on the path runs it."""
    base, version = Path(sys.base_prefix), f"python{sys.version_info.major}.{sys.version_info.minor}"
    home_of = root / "opt/python"
    without = ("site-packages", "dist-packages", "test", "__pycache__")
    linked(base / "lib" / version, home_of / "lib" / version, but=without)
    (home_of / "bin").mkdir()
    link(Path(os.path.realpath(base / "bin" / version)), home_of / "bin/python3")
    for library in (base / "lib").glob("libpython*.so*"):
        link(library, home_of / "lib" / library.name)
    for path, source in files(closure(spec.load(ROOT / "deploy" / component).packages)).items():
        to = home_of / "packages" / path
        to.parent.mkdir(parents=True, exist_ok=True)
        link(source, to)
    start = root / "usr/local/bin/python"
    start.parent.mkdir(parents=True)
    start.write_text(PYTHON)
    start.chmod(0o755)


def closure(wanted: Iterable[str]) -> set[str]:
    """The installed packages that these need, extras and environment markers as pip reads them; with themselves."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found: set[tuple[str, str]] = set()
    todo = [Requirement(one) for one in wanted]
    while todo:
        asked = todo.pop()
        for extra in ("", *asked.extras):
            key = canonicalize_name(asked.name), extra
            if key in found:
                continue
            found.add(key)
            for line in metadata.requires(asked.name) or ():
                needed = Requirement(line)
                if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                    todo.append(needed)
    return {name for name, _ in found}


def files(packages: Iterable[str]) -> Mapping[str, Path]:
    """What is installed of the packages below ``site-packages``, some of it by several: path there to file on disk."""
    found = [file for name in sorted(packages) for file in metadata.files(name) or ()]
    inside = [file for file in found if file.parts[0] != ".." and "__pycache__" not in file.parts]
    return {str(file): source for file in inside if (source := Path(str(file.locate()))).is_file()}


def linked(source: Path, to: Path, but: tuple[str, ...] = ()) -> None:
    """The folder, its files linked where that is possible."""
    shutil.copytree(source, to, symlinks=True, ignore=shutil.ignore_patterns(*but), copy_function=link)


def link(source: Path | str, to: Path | str) -> None:
    """A file once more, without copying it where both are on one file system."""
    try:
        os.link(source, to, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, to, follow_symlinks=False)


if __name__ == "__main__":
    build(sys.argv[1:] or COMPONENTS)
