"""``gonogo health``: judges the objects of a cluster, or of stored files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gonogo.catalog.target import Kubernetes
from gonogo.cluster import story, survey
from gonogo.cluster.judge import State
from gonogo.commands.checkout import loaded
from gonogo.commands.kinds import rules
from gonogo.commands.tables import coloured, columns
from gonogo.core.endpoints import Timeouts
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.harmless import line
from gonogo.core.names import WORDS, is_label
from gonogo.core.outcomes import Code
from gonogo.core.outlet import is_read, say, say_json, tell

if TYPE_CHECKING:
    from gonogo.cluster.api import Api

CODES = {State.FAILED: Code.FAILED, State.UNKNOWN: Code.COULD_NOT_TELL}


def run(
    namespaces: list[str] | None,
    everywhere: bool,
    files: list[str],
    unnamed: list[str],
    watch: bool,
    all_rows: bool,
    target: str | None,
    as_json: bool,
) -> Code:
    """1 where something failed, 3 where something could not be told; ``unnamed`` are files without -f before them.

    Raises ``ConfigError`` for what contradicts itself, ``ClientError`` where the cluster cannot be asked.
    """
    spaces = [name for given in namespaces or () for name in given.split(",") if name]
    if problems := _contradictions(files, unnamed, watch, everywhere, spaces):
        raise ConfigError(*problems)
    if files:
        return _surveyed(survey.of_files(files, spaces, tell, rules()), as_json, all_rows)
    from gonogo.cluster.api import Api

    settings, timeouts = _cluster_of(target)
    if not spaces and not everywhere:
        spaces = list(settings.namespaces)
    api = Api(settings, timeouts=timeouts)
    if watch:
        return _followed(api, spaces, as_json, all_rows)
    return _surveyed(survey.of_cluster(api, spaces, rules()), as_json, all_rows)


def _contradictions(
    files: Sequence[str], unnamed: Sequence[str], watch: bool, everywhere: bool, spaces: Sequence[str]
) -> list[Problem]:
    problems = []
    if unnamed:
        problems.append(Problem(unnamed[0], "is no option", "files are named after -f"))
    if watch and files:
        problems.append(Problem("--watch", "files do not change: it follows a cluster", "leave out -f or --watch"))
    if everywhere and spaces:
        problems.append(Problem("-A", "means all namespaces, -n only some", "leave out one of them"))
    problems += [Problem("-n", f"{name!r} can be no namespace", WORDS) for name in spaces if not is_label(name)]
    return problems


def _cluster_of(target: str | None) -> tuple[Kubernetes, Timeouts]:
    """The [kubernetes] of the target and its timeouts; without a target those of the kubeconfig's own context."""
    if target is None and not os.environ.get("GONOGO_TARGET"):
        return Kubernetes(), Timeouts()
    _, _, chosen = loaded(target)
    if chosen.kubernetes is None:
        raise ConfigError(
            Problem(str(chosen.path), "has no [kubernetes]: no cluster to look at", "see docs/targets.md")
        )
    return chosen.kubernetes, chosen.timeouts


def _surveyed(found: survey.Survey, as_json: bool, all_rows: bool) -> Code:
    """Print a survey; the exit code that it comes to."""
    unasked = [f"could not be asked: {what}" for what in found.unasked]
    if as_json:
        say_json(found.rows, indent=1)
        tell(*map(line, [*unasked, *found.notes]))
    else:
        width = columns()
        say(story.text(found.rows, colour=coloured(), width=width, everything=all_rows))
        say(*map(line, unasked), story.health(found.health, width=width), *map(line, found.notes))
    return CODES.get(found.state, Code.GO)


def _followed(api: Api, spaces: list[str], as_json: bool, all_rows: bool) -> Code:
    """Print a survey, then a line per change, for as long as it goes on and somebody reads it."""
    with closing(survey.followed(api, spaces, rules())) as steps:
        for step in steps:
            if isinstance(step, str):
                tell(line(step))
            elif as_json:
                rows = step.rows if isinstance(step, survey.Survey) else [one.row for one in step if not one.gone]
                for row in rows:
                    say_json(row)
            elif isinstance(step, survey.Survey):
                _surveyed(step, as_json, all_rows)
            else:
                say(*(story.changed(change, datetime.now(UTC), colour=coloured()) for change in step))
            say(flush=True)
            if not is_read():
                return Code.INTERRUPTED
    return Code.GO
