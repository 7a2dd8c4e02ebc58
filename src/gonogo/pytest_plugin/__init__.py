"""Hooks of pytest: its options, and what is registered for a folder with content.

``collection`` decides what may run, ``turns`` runs it, ``reports`` is what pytest shows of it, ``clients`` makes the
fixtures. Inert where the root folder holds no content, and for tests outside ``suites/``.
"""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gonogo.catalog.registry import Registry
from gonogo.checks.clients import PACKAGE, module
from gonogo.core.content import is_root
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.holders import told_by
from gonogo.core.outlet import public, redacted, tell
from gonogo.core.times import stretch
from gonogo.pytest_plugin.clients import fixtures
from gonogo.pytest_plugin.collection import Collection
from gonogo.pytest_plugin.reports import Reports
from gonogo.pytest_plugin.turns import Turns
from gonogo.run.outdated import put_away

MARKERS = (
    "criterion(id): the criterion of reports/criteria.toml that this check is evidence for",
    "needs(capability): what the target must declare for this check to be asked",
    "writes: creates objects of its own on the platform (mode write)",
    "disrupts: breaks something on purpose and restores it (mode disrupt)",
    "critical: of a critical criterion (set by gonogo)",
    "important: of an important criterion (set by gonogo)",
    "optional: of an optional criterion (set by gonogo)",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gonogo", "gonogo: is the platform fit?")
    group.addoption("--target", metavar="NAME|FILE", help="where the platform is (GONOGO_TARGET, else embedded)")
    group.addoption("--mode", metavar="MODE", help="read, write or disrupt; what the checks may do to the platform")
    group.addoption("--run", metavar="ID", help="the id that all shards of one run share (GONOGO_RUN, else a new one)")
    group.addoption("--out", metavar="DIR", help="where results and reports go (reports/out of the checkout)")
    group.addoption("--keep", action="store_true", help="leave the platform running; `gonogo down` ends it")
    group.addoption("--deadline", metavar="TIME", type=_seconds, help="of the whole run: 90s, 30m, or seconds alone")
    group.addoption("--criterion", metavar="ID", action="append", default=[], help="only the checks of this criterion")


def _seconds(text: str) -> float:
    """A length of time in seconds. Raises what pytest makes wrong use of."""
    try:
        return stretch(text, "--deadline", bare="seconds").total_seconds()
    except ConfigError as error:
        problem = error.problems[0]
        raise argparse.ArgumentTypeError(f"{problem.what} ({problem.hint})") from None


COMPONENT = "component"
"""The parameter of a check whose claim many components make: the one that it is about."""

ASKS_NOTHING = ("collectonly", "help", "version", "showfixtures", "show_fixtures_per_test", "markers", "setupplan")
"""Options of pytest under which no check is asked."""


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Put the results of an earlier run away before anything can go wrong with this one, a misspelt option too."""
    options = early_config.known_args_namespace
    if any(getattr(options, name, False) for name in ASKS_NOTHING):
        return
    here = early_config.invocation_params.dir
    root = _root(early_config, getattr(options, "target", None))
    if root is None:
        return
    given = options.file_or_dir or (early_config.getini("testpaths") if here == early_config.rootpath else ()) or [""]
    paths = [Path(here, name.partition("::")[0]) for name in given]
    suites = root / "suites"
    if any(not p.exists() or suites.is_relative_to(p.resolve()) or p.resolve().is_relative_to(suites) for p in paths):
        out = getattr(options, "out", None)
        told_by(partial(_past_capture, early_config.pluginmanager))
        try:
            put_away(here / out if out else root / "reports" / "out")
        except OSError as error:
            where = str(error.filename or out or root)
            what = f"the results of an earlier run cannot be put away: {error.strerror or error}"
            raise pytest.UsageError(redacted(str(Problem(where, what, "name a folder of yours: --out DIR")))) from None


def _past_capture(plugins: pytest.PytestPluginManager, text: str) -> None:
    capture: Any = plugins.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        tell(text)


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    root = content_of(config)
    if root is None:
        return
    plugins = config.pluginmanager
    try:
        registry = Registry.load(root)
        # What a component's own module says of a fixture comes later, and so counts.
        plugins.register(fixtures(root, registry.components), "gonogo-clients")
        for name in registry.components:
            plugins.register(module(root, name), f"{PACKAGE}.{name}")
    except ConfigError as error:
        raise pytest.UsageError(redacted(str(error))) from None
    public(registry.components)
    collection = Collection(config, registry, root)
    plugins.register(collection, "gonogo-collection")
    plugins.register(Turns(config, collection), "gonogo-turns")
    plugins.register(Reports(root), "gonogo-reports")


def content_of(config: pytest.Config) -> Path | None:
    """The content that the session is about, or None.

    pytest takes every existing path among its arguments for something to collect, the value of
    ``--target FILE`` too, and then looks for its root folder above them all, without our settings.
    """
    root = _root(config, config.getoption("target"))
    if root is not None and config.inipath is None:
        config.option.importmode = "importlib"
    return root


def _root(config: pytest.Config, target: str | None) -> Path | None:
    for folder in (config.rootpath, config.inipath.parent if config.inipath else config.rootpath):
        if is_root(folder):
            return folder
    here = config.invocation_params.dir
    return here if target and is_root(here) and here.is_relative_to(config.rootpath) else None
