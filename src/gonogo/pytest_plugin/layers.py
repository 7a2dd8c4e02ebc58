"""The suites of all layers, whatever part of them the command line names, each under its path within its layer."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gonogo.catalog.registry import Registry
from gonogo.core.content import SUITES, Content
from gonogo.run.session import ALL_SUITES, CONTENT

TESTS = "test_*.py"
"""Files of suites; what a project's settings say of its own files is not asked for those that are built in."""


def asks_suites(content: Content, here: Path, name: str) -> bool:
    """Whether an argument of pytest, seen from the folder ``here``, asks suites, or is a mistake."""
    given = name.partition("::")[0]
    path = _absolute(here, given)
    above = any(suites.is_relative_to(path) for suites in content.suites())
    return above or not path.exists() or _part(content, here, given) is not None


def expanded(content: Content, here: Path, arguments: Iterable[str]) -> list[str]:
    """pytest's arguments with suites of all layers where they name some; seen from the folder ``here``.

    ``suites/kafka`` and ``gonogo.suites.kafka`` are that folder of each layer that has one. A folder above one's own
    suites stands for all suites.
    """
    found: dict[str, None] = {}
    for argument in arguments:
        name = argument.partition("[")[0].partition("::")[0]
        part, rest = _part(content, here, name), argument[len(name) :]
        if part is None:
            own = content.own / SUITES
            found[argument] = None
            meant = [SUITES] if own.is_dir() and own.is_relative_to(_absolute(here, name)) else []
            found |= dict.fromkeys(str(path) for _ in meant for path in content.all(SUITES) if path != own)
        elif (content.own / part).is_dir() or content.file(part).is_dir():
            found |= dict.fromkeys(f"{path}{rest}" for path in content.all(part))
        else:
            found[f"{content.file(part)}{rest}"] = None
    return [*found]


def _part(content: Content, here: Path, name: str) -> str | None:
    """The relative path of the suites that an argument names, where there is a layer with them."""
    part = ""
    if name == ALL_SUITES or name.startswith(f"{ALL_SUITES}."):
        part = "/".join(name.split(".")[1:])
        part = part if any(content.all(part)) else f"{part}.py"
    else:
        path = _absolute(here, name)
        layer = next((layer for layer in content.layers if path.is_relative_to(layer / SUITES)), None)
        if layer is not None:
            part = path.relative_to(layer).as_posix()
        elif path.is_relative_to(content.own / SUITES) and not path.exists():
            part = path.relative_to(content.own).as_posix()
    return part if part and any(content.all(part)) else None


def _absolute(here: Path, name: str) -> Path:
    return Path(os.path.abspath(here / name))  # noqa: PTH100 - as pytest does: links are not followed


class Way(pytest.Directory):
    """A folder on the way to suites elsewhere, in which nothing else is looked at."""

    def collect(self) -> Iterator[pytest.Collector]:
        """The next step."""
        layers: Layers = self.config.pluginmanager.getplugin("gonogo-layers")
        yield from layers.on_the_way(self.path)


class Folder(pytest.Directory):
    """A folder of suites that are not one's own."""

    def collect(self) -> Iterator[pytest.Collector]:
        """Its folders and files, without those that one's own folder takes the place of."""
        content = self.config.stash[CONTENT]
        for path in sorted(self.path.iterdir()):
            name = content.name(path)
            if path.name == "__pycache__" or path not in content.all(name) or self._ignored(path, content.own / name):
                continue
            if path.is_dir():
                yield Folder.from_parent(self, path=path, nodeid=name)
            elif path.match(TESTS) and content.file(name) == path:
                yield Suite.from_parent(self, path=path, nodeid=name)

    def _ignored(self, *paths: Path) -> bool:
        """By an option; whoever writes `--ignore suites/kafka` means it wherever it is."""
        return any(self.ihook.pytest_ignore_collect(collection_path=path, config=self.config) for path in paths)


class Suite(pytest.Module):
    """A file of suites that are not one's own, imported under a name that no folder of one's own has."""

    def _getobj(self) -> ModuleType:
        name = f"gonogo.{self.nodeid.removesuffix('.py').replace('/', '.')}"
        known = sys.modules.get(name)
        if known is not None and known.__file__ == str(self.path):
            return known
        spec = importlib.util.spec_from_file_location(name, self.path)
        assert spec is not None
        assert spec.loader is not None
        loaded = sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(loaded)
        except BaseException:
            sys.modules.pop(name, None)
            raise
        return loaded

    def funcnamefilter(self, name: str) -> bool:
        """Whether a function is a check, whatever a project's settings say of its own."""
        return name.startswith("test_")


COLLECTORS = (Folder, Suite)
"""Collectors that say where a check stands, and have no setup or teardown of their own."""


class Layers:
    """Leads pytest to the suites that are not one's own."""

    def __init__(self, config: pytest.Config, registry: Registry) -> None:
        self._config, self._registry, self._content = config, registry, registry.content
        asked = [Path(argument.partition("::")[0]) for argument in config.args]
        elsewhere = registry.content.builtin
        self._suites = elsewhere / SUITES if elsewhere else None
        self._open = self._suites is not None and any(path.is_relative_to(self._suites) for path in asked)
        self._remember_failures()

    def _remember_failures(self) -> None:
        """Tell `--lf` in which files the suites are that failed: by their ids it looks below its root folder alone."""
        plugin: Any = self._config.pluginmanager.getplugin("lfplugin")
        paths: set[Path] = getattr(plugin, "_last_failed_paths", set())
        for id in map(str, getattr(plugin, "lastfailed", ())):
            file = self._content.file(id.partition("::")[0])
            paths |= {file, *file.parents} if file.is_file() else set()

    def on_the_way(self, path: Path) -> Iterator[pytest.Collector]:
        """The collector of what follows after a folder on the way to the suites."""
        assert self._suites is not None
        step = path / self._suites.relative_to(path).parts[0]
        node = self.pytest_collect_directory(step, self._config.pluginmanager.getplugin("session"))
        if node is not None:
            yield node

    @pytest.hookimpl(tryfirst=True)
    def pytest_collect_directory(self, path: Path, parent: Any) -> pytest.Collector | None:
        if not self._is_way(path):
            return None
        if path == self._suites:
            return Folder.from_parent(parent.session, path=path, nodeid=SUITES, name=SUITES)
        return Way.from_parent(parent.session, path=path, nodeid=path.as_posix(), name=path.name)

    @pytest.hookimpl(tryfirst=True)
    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        # a virtual environment in one's own folder is ignored, but for the way to the suites in it
        return False if self._open and self._is_way(collection_path) else None

    def _is_way(self, path: Path) -> bool:
        if self._suites is None or not self._suites.is_relative_to(path):
            return False
        return not self._config.rootpath.is_relative_to(path) and not self._content.own.is_relative_to(path)

    def pytest_pycollect_makeitem(self, collector: Any, name: str, obj: object) -> list[pytest.Item] | None:
        """Nothing of a check of a claim that many components could make, where none does."""
        if not isinstance(collector, Suite):
            return None
        marks = [mark for mark in getattr(obj, "pytestmark", ()) if mark.name == "criterion"]
        made = [self._registry.shared.get(id, (id,)) for mark in marks for id in mark.args]
        return [] if made and not any(made) else None

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Say where a check is as its id does, not by the way from here to there."""
        if item.getparent(Suite) is not None:
            _, line, name = item.location
            item.location = (item.nodeid.partition("::")[0], line, name)
