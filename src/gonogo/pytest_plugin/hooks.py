"""What is registered for a session of pytest that is about suites of ours: its options, and its plugins.

``layers`` finds the suites of all layers, ``collection`` decides what may run, ``turns`` runs it, ``reports`` is what
pytest shows of it, ``clients`` makes the fixtures. Inert for tests outside ``suites/``.
"""

from __future__ import annotations

import argparse
import copy
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gonogo.catalog.registry import Registry
from gonogo.checks.clients import module
from gonogo.core.content import FIXTURES, find
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.holders import told_by
from gonogo.core.outlet import public, redacted, tell
from gonogo.core.times import stretch
from gonogo.pytest_plugin.clients import fixtures
from gonogo.pytest_plugin.collection import Collection
from gonogo.pytest_plugin.layers import Layers, asks_suites, expanded
from gonogo.pytest_plugin.reports import Reports
from gonogo.pytest_plugin.turns import Turns
from gonogo.run.outdated import put_away
from gonogo.run.session import CONTENT

MARKERS = (
    "criterion(id): the criterion of reports/criteria.toml that this check is evidence for",
    "needs(capability): what the target must declare for this check to be asked",
    "writes: creates objects of its own on the platform (mode write)",
    "disrupts(how, component, node): breaks something on purpose and restores it (mode disrupt)",
    "critical: of a critical criterion (set by gonogo)",
    "important: of an important criterion (set by gonogo)",
    "optional: of an optional criterion (set by gonogo)",
)

ASKS_NOTHING = ("collectonly", "help", "version", "showfixtures", "show_fixtures_per_test", "markers", "setupplan")
"""Options of pytest under which no check is asked."""


def begin(config: pytest.Config, parser: pytest.Parser, args: list[str], own: Path | None) -> None:
    """Add the options; put the results of an earlier run away before anything, a misspelt option too, can go wrong.

    The session is about the content of the folder ``own``; without it about what its stash holds.
    """
    _add_options(parser)
    known = parser.parse_known_args(args, namespace=copy.copy(config.option))
    known.confcutdir = config.known_args_namespace.confcutdir
    config.known_args_namespace = known
    if own is not None:
        try:
            config.stash[CONTENT] = find(own)
        except ConfigError as error:
            raise pytest.UsageError(redacted(str(error))) from None
    if not any(getattr(known, name, False) for name in ASKS_NOTHING):
        _put_away(config, known.file_or_dir, known.out)


def _add_options(parser: pytest.Parser) -> None:
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


def _put_away(config: pytest.Config, given: list[str], out: str | None) -> None:
    content, here = config.stash[CONTENT], config.invocation_params.dir
    names = given or (config.getini("testpaths") if here == config.rootpath else ()) or [""]
    if not any(asks_suites(content, here, name) for name in names):
        return
    told_by(partial(_past_capture, config.pluginmanager))
    folder = here / out if out else content.out
    try:
        put_away(folder)
    except OSError as error:
        where = str(error.filename or folder)
        what = f"the results of an earlier run cannot be put away: {error.strerror or error}"
        raise pytest.UsageError(redacted(str(Problem(where, what, "name a folder of yours: --out DIR")))) from None


def _past_capture(plugins: pytest.PytestPluginManager, text: str) -> None:
    capture: Any = plugins.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        tell(text)


def register(config: pytest.Config) -> None:
    """Register markers, fixtures and plugins, and have the suites of all layers collected."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    content, plugins = config.stash[CONTENT], config.pluginmanager
    if config.inipath is None:
        config.option.importmode = "importlib"
    try:
        registry = Registry.load(content)
        # What a component's own module says of a fixture comes later, and so counts.
        plugins.register(fixtures(content, registry.components), "gonogo-clients")
        for name in registry.components:
            plugins.register(module(content, name), f"{FIXTURES}.{name}")
    except ConfigError as error:
        raise pytest.UsageError(redacted(str(error))) from None
    public(registry.components)
    config.args = expanded(content, config.invocation_params.dir, config.args)
    collection = Collection(config, registry)
    plugins.register(Layers(config, registry), "gonogo-layers")
    plugins.register(collection, "gonogo-collection")
    plugins.register(Turns(config, collection), "gonogo-turns")
    plugins.register(Reports(content), "gonogo-reports")
