"""Tells a session of pytest that is about suites of ours from all others; ``hooks`` does the rest for it.

pytest loads this module in every project of an environment that gonogo is installed in: their options, markers and
tests stay what they are, and nothing of the content is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from gonogo.core import content
from gonogo.run.session import ALL_SUITES, CONTENT


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:
    own = CONTENT not in early_config.stash and _own(early_config, args)
    if own or CONTENT in early_config.stash:
        from gonogo.pytest_plugin import hooks

        hooks.begin(early_config, parser, args, own or None)


def pytest_configure(config: pytest.Config) -> None:
    if CONTENT in config.stash:
        from gonogo.pytest_plugin import hooks

        hooks.register(config)


def _own(config: pytest.Config, args: Iterable[str]) -> Path | None:
    """The folder whose content the session is about; where it asks for the built-in suites, the working folder.

    pytest takes every existing path among its arguments for something to collect, the value of ``--target FILE`` too,
    and then looks for its root folder above them all, without our settings.
    """
    here = config.invocation_params.dir
    folders = [config.rootpath, *([config.inipath.parent] if config.inipath else [])]
    if here.is_relative_to(config.rootpath) and any(arg.partition("=")[0] == "--target" for arg in args):
        folders.append(here)
    own = next(filter(content.is_root, folders), None)
    return here if own is None and any(_is_built_in(here, arg) for arg in args) else own


def _is_built_in(here: Path, arg: str) -> bool:
    """Whether the argument names suites that gonogo has."""
    if content.SUITES not in arg or arg.startswith("-"):
        return False
    name = arg.partition("::")[0]
    ours = content.built_in()
    return (
        name == ALL_SUITES
        or name.startswith(f"{ALL_SUITES}.")
        or (ours is not None and (here / name).resolve().is_relative_to((ours / content.SUITES).resolve()))
    )
