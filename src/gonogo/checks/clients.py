"""Makes clients, and nobody else does: of the one class in ``fixtures/<component>.py`` that has a client's verbs."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from gonogo.checks.client import Client
from gonogo.core.content import FIXTURES, Content, alone
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.loading import LOADING, once

VERBS = ("answers", "version", "identity", "close", "leftovers", "remove")

_loads: WeakKeyDictionary[ModuleType, Callable[[], None]] = WeakKeyDictionary()
"""Each module of a client that was loaded to its end, and what loads its libraries."""


def module(place: Content | Path, name: str) -> ModuleType:
    """``fixtures/<name>.py`` of the content, or of a folder alone, loaded once under the name ``fixtures.<name>``.

    It is loaded by path, so that neither an installed package of that name nor the working folder
    decides what a suite imports. Raises ``ConfigError`` where the file is missing.
    """
    content = alone(place)
    path = content.file(f"{FIXTURES}/{name}.py")
    known = sys.modules.get(f"{FIXTURES}.{name}")
    if known is not None and known in _loads and Path(str(known.__file__)) == path:
        return known
    with LOADING:
        loaded = _module(path, name, [str(folder) for folder in content.all(FIXTURES)])
        _loads.setdefault(loaded, once(getattr(loaded, "load", _nothing)))
        return loaded


def _module(path: Path, name: str, folders: list[str]) -> ModuleType:
    known = sys.modules.get(f"{FIXTURES}.{name}")
    if known is not None and Path(str(known.__file__)) == path:
        return known
    if not path.is_file():
        raise ConfigError(Problem(str(path), f"component {name!r} has no client", "see deploy/README.md"))
    package = sys.modules.get(FIXTURES)
    if package is None or list(package.__path__) != folders:
        package = ModuleType(FIXTURES)
        package.__path__ = folders
        sys.modules[FIXTURES] = package
    spec = importlib.util.spec_from_file_location(f"{FIXTURES}.{name}", path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded
    try:
        spec.loader.exec_module(loaded)
    except BaseException:
        sys.modules.pop(spec.name, None)
        raise
    setattr(package, name, loaded)
    return loaded


def _nothing() -> None:
    """What a client loads that needs no library."""


def load(place: Content | Path, component: str) -> None:
    """Import the libraries of a component's client, all that its module's ``load()`` names; once per process.

    Raises what the import raises, as where a library is not installed.
    """
    _loads[module(place, component)]()


def client_class(place: Content | Path, component: str) -> type[Client]:
    """The client class of a component. Raises ``ConfigError`` where the module has none, or more than one."""
    loaded = module(place, component)
    classes: list[type[Any]] = [
        value
        for value in vars(loaded).values()
        if inspect.isclass(value) and value.__module__ == loaded.__name__ and all(hasattr(value, v) for v in VERBS)
    ]
    if len(classes) != 1:
        raise ConfigError(
            Problem(
                str(loaded.__file__),
                f"{len(classes)} classes have the verbs {', '.join(VERBS)}; exactly one must",
                ", ".join(c.__name__ for c in classes),
            )
        )
    found: type[Client] = classes[0]
    return found


@contextmanager
def opened(place: Content | Path, endpoints: Endpoints) -> Iterator[Client]:
    """A client of the component that is at these endpoints, its libraries loaded; closed after the body.

    Raises as ``client_class`` and ``load`` do.
    """
    load(place, endpoints.component)
    with built(place, endpoints) as client:
        yield client


@contextmanager
def built(place: Content | Path, endpoints: Endpoints) -> Iterator[Client]:
    """As ``opened``, for whoever has loaded the libraries, or asks nothing: a client is made without them."""
    make: Any = client_class(place, endpoints.component)
    with closing(make(endpoints)) as client:
        yield client
