"""Where the content is: deploy/, fixtures/, suites/ and reports/ of whoever works here, before those that gonogo has.

One's own folder and the built-in content are layers (docs/repository.md): what one's own has not is looked up in the
built-in one. Nothing but the standard library is imported before a file of ours is read: pytest loads this module in
every project of an environment that gonogo is installed in.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

STATE = ".gonogo"
"""Git-ignored folder of a checkout: the journal, the runs, logs."""

SETTINGS = "gonogo.toml"
"""Marks a folder of one's own, and says which built-in components it takes."""

CRITERIA = "reports/criteria.toml"
WAIVERS = "reports/waivers.toml"
SUITES, FIXTURES, DEPLOY, TARGETS = "suites", "fixtures", "deploy", "targets"

_IMPORTED = re.compile(r"^from fixtures[.](\w+) import", re.MULTILINE)


class Overlay:
    """A folder that lies in several layers: a file of it is that of the first which has it."""

    def __init__(self, *folders: Path) -> None:
        self.folders = folders

    def __truediv__(self, name: str) -> Path:
        found = (folder / name for folder in self.folders)
        return next((path for path in found if path.exists()), self.folders[0] / name)

    def __str__(self) -> str:
        return str(self.folders[0])

    @property
    def name(self) -> str:
        """The last part of its path, the same in each layer."""
        return self.folders[0].name


Folder = Path | Overlay


@dataclass(frozen=True)
class Content:
    """``own`` is the folder of whoever works here; ``layers`` hold content, one's own first.

    ``hidden`` are the built-in components, and suites without a component, that one's own folder does not take.
    """

    own: Path
    layers: tuple[Path, ...]
    hidden: frozenset[str] = field(default=frozenset())

    @cached_property
    def builtin(self) -> Path | None:
        """The layer that is not one's own; None where there is none."""
        return next((layer for layer in self.layers if layer != self.own), None)

    @property
    def out(self) -> Path:
        """Where results and reports go, unless somebody says otherwise."""
        return self.own / "reports" / "out"

    def file(self, name: str) -> Path:
        """The file or folder of that relative path: in the first layer that has it, else where one's own would be."""
        return next(self.all(name), self.own / name)

    def all(self, name: str) -> Iterator[Path]:
        """The files or folders of that relative path, one for each layer that has one; one's own first."""
        return (layer / name for layer in self.layers if self._shown(layer, name) and (layer / name).exists())

    def files(self, pattern: str) -> list[Path]:
        """The files that fit the pattern, by their relative paths; of several layers' the first."""
        found: dict[str, Path] = {}
        for layer in self.layers:
            for path in layer.glob(pattern):
                name = path.relative_to(layer).as_posix()
                if self._shown(layer, name):
                    found.setdefault(name, path)
        return [found[name] for name in sorted(found, key=lambda name: name.split("/"))]

    def folder(self, name: str) -> Folder:
        """The folder of that relative path, which one layer or several have."""
        there = [*self.all(name)] or [self.own / name]
        return there[0] if len(there) == 1 else Overlay(*there)

    def layer(self, path: Path) -> Path:
        """The layer that holds the path. Raises ``ValueError`` where none does."""
        # a layer may lie in another's folder: `.venv` in one's own
        for layer in sorted(self.layers, key=lambda layer: -len(layer.parts)):
            if path.is_relative_to(layer):
                return layer
        raise ValueError(f"{path} lies in none of {', '.join(map(str, self.layers))}")

    def name(self, path: Path) -> str:
        """The path relative to its layer. Raises ``ValueError`` for one in none."""
        return path.relative_to(self.layer(path)).as_posix()

    def is_own(self, path: Path) -> bool:
        """Whether the path is one's own and not built in. Raises ``ValueError`` for one in no layer."""
        return self.layer(path) == self.own

    def suites(self) -> list[Path]:
        """Where each layer's suites would be."""
        return [layer / SUITES for layer in self.layers]

    def is_suite(self, path: Path) -> bool:
        """Whether the path is below a layer's ``suites/``."""
        return any(path.is_relative_to(suites) for suites in self.suites())

    def _shown(self, layer: Path, name: str) -> bool:
        if not self.hidden or layer == self.own:
            return True
        top, _, rest = name.partition("/")
        part = rest.partition("/")[0]
        return top not in (DEPLOY, SUITES, FIXTURES) or part.removesuffix(".py") not in self.hidden


def alone(place: Content | Path) -> Content:
    """A folder as content that nothing is added to; what is content already stays as it is."""
    return place if isinstance(place, Content) else Content(place, (place,))


def is_root(folder: Path) -> bool:
    """Whether the folder is one of somebody's own, or holds content as a checkout of gonogo does."""
    return (folder / SETTINGS).is_file() or _is_content(folder)


def _is_content(folder: Path) -> bool:
    return (folder / DEPLOY).is_dir() and (folder / CRITERIA).is_file()


def built_in() -> Path | None:
    """The content that gonogo has: packed into it, or that of the checkout which it is installed from."""
    package = Path(__file__).parents[1]
    places = [package, *([package.parents[1]] if package.parent.name == "src" else [])]
    return next((place for place in places if _is_content(place)), None)


def find(start: Path) -> Content:
    """The content for whoever works in ``start``: that of the nearest folder upwards which is one's own, and ours.

    Where no folder is one's own, what is written goes to ``start``, and the content is ours alone. Raises
    ``ConfigError`` for what ``gonogo.toml`` has wrong.
    """
    own = next((folder for folder in (start, *start.parents) if is_root(folder)), None)
    return _empty(start) if own is None else of(own)


def _empty(own: Path) -> Content:
    ours = built_in()
    return Content(own, (ours,) if ours else ())


def of(own: Path) -> Content:
    """The content of a folder of one's own, and ours as far as its ``gonogo.toml`` takes it. Raises ``ConfigError``."""
    ours = built_in()
    if ours is None or own.resolve() == ours.resolve():
        return alone(own)
    taken: bool | tuple[str, ...] = True
    if (own / SETTINGS).is_file():
        taken = _taken(own / SETTINGS)
    if taken is False:
        return alone(own)
    return Content(own, (own, ours), frozenset() if taken is True else _hidden(ours, taken, own / SETTINGS))


def _taken(path: Path) -> bool | tuple[str, ...]:
    from gonogo.core.files import load_toml
    from gonogo.core.settings import OwnFolder

    return load_toml(path, OwnFolder).content.builtin


def _hidden(ours: Path, taken: tuple[str, ...], where: Path) -> frozenset[str]:
    """Everything built-in but these parts, what they need, and suites that ask no criterion of their own."""
    from gonogo.core.errors import ConfigError, Problem
    from gonogo.core.files import parse_toml, suggestion

    needs = {path.parent.name: parse_toml(path).get("needs", ()) for path in ours.glob("deploy/*/component.toml")}
    asking = parse_toml(ours / CRITERIA).keys()
    for folder in ours.glob(f"{SUITES}/*/"):
        if folder.name not in needs and folder.name in asking:
            texts = [path.read_text(encoding="utf-8") for path in folder.glob("*.py")]
            needs[folder.name] = [name for text in texts for name in _IMPORTED.findall(text) if name in needs]
    unknown = [name for name in taken if name not in needs]
    if unknown:
        what = "no built-in component"
        raise ConfigError(
            *(Problem(f"{where}: content.builtin", f"{what} {n!r}", suggestion(n, needs)) for n in unknown)
        )
    wanted, waiting = set[str](), list(taken)
    while waiting:
        if (name := waiting.pop()) not in wanted:
            wanted.add(name)
            waiting += needs[name]
    return frozenset(needs) - wanted


def state(root: Path) -> Path:
    """Where journal, runs and logs of a checkout belong: in it, or in ``GONOGO_HOME`` where it is read-only.

    What stands in it and is a link or another account's is left alone: then it is ``GONOGO_HOME`` too. Only its owner
    can enter it. Raises ``ConfigError`` where neither may be written.
    """
    import hashlib

    from gonogo.core import ours
    from gonogo.core.home import home
    from gonogo.core.ours import NotOurs

    folder = root / STATE
    if os.path.lexists(folder):
        with suppress(NotOurs):
            return ours.folder(folder)
    elif os.access(root, os.W_OK | os.X_OK):
        return folder
    folder = home() / "checkouts" / hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:12]
    return ours.folder(folder) if os.path.lexists(folder) else folder
