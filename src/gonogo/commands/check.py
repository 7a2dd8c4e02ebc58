"""``gonogo check``: runs the suites, reports and judges."""

from __future__ import annotations

import difflib
import itertools
from pathlib import Path

import pytest

from gonogo.commands.checkout import loaded
from gonogo.core.content import find
from gonogo.core.errors import ConfigError
from gonogo.core.files import unreadable
from gonogo.core.outcomes import Code
from gonogo.core.outlet import tell
from gonogo.results.gate import exit_code
from gonogo.run.outdated import put_away
from gonogo.run.session import Session

OWN_OPTIONS = ("--target", "--mode", "--criterion", "--out", "--keep", "--deadline")


def run(arguments: list[str], target: str | None) -> int:
    """The gate's exit code of a pytest run with these arguments."""
    put_away_for(arguments)
    _, registry, _ = loaded(target)
    session = Session(registry.content)
    code = session.run([*arguments, *([f"--target={target}"] if target else [])])
    if code == pytest.ExitCode.INTERNAL_ERROR:
        return Code.COULD_NOT_TELL if session.unwritten else Code.OWN_ERROR
    if code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERRUPTED):
        tell("".join(misspelt(arguments)), end="")
        return Code.WRONG_USE
    if session.results is None:
        tell("no verdict: no check was asked")
        return Code.COULD_NOT_TELL
    return exit_code(session.results.verdict)


def put_away_for(arguments: list[str]) -> None:
    """Put the results of an earlier run away, before a mistake in what follows can leave them in their place.

    Raises ``ConfigError`` where they cannot be.
    """
    if {"--collect-only", "--co", "--setup-plan", "--help"} & set(arguments):
        return
    pairs = itertools.pairwise([*arguments, ""])
    given = [a.partition("=")[2] if "=" in a else following for a, following in pairs if a.split("=")[0] == "--out"]
    out = Path(given[-1]) if given else find(Path.cwd()).out
    try:
        put_away(out)
    except OSError as error:
        raise ConfigError(unreadable(out, error)) from error


def misspelt(arguments: list[str]) -> list[str]:
    """A line for each argument that is nearly an option of ours; pytest does not say which one was meant."""
    names = [argument.partition("=")[0] for argument in arguments if argument.startswith("--")]
    near = {n: difflib.get_close_matches(n, OWN_OPTIONS, 1, cutoff=0.75) for n in names if n not in OWN_OPTIONS}
    return [f"{name}: nearest known: {found[0]}\n" for name, found in near.items() if found]
