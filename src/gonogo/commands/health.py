"""``gonogo health``: judges the objects of a cluster, or of stored files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from msgspec.structs import asdict

from gonogo.catalog.target import Kubernetes, asked
from gonogo.cluster import story, survey
from gonogo.cluster.judge import Health, Row, State
from gonogo.cluster.labels import Selector
from gonogo.commands.checkout import loaded
from gonogo.commands.kinds import rules
from gonogo.commands.tables import Form, coloured, columns, for_programs, room, table
from gonogo.core.endpoints import Timeouts
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.harmless import line
from gonogo.core.names import WORDS, is_label
from gonogo.core.outcomes import Code, Struct
from gonogo.core.outlet import is_read, news, say, say_json, say_yaml, tell

if TYPE_CHECKING:
    from gonogo.cluster.api import Api

CODES = {State.FAILED: Code.FAILED, State.UNKNOWN: Code.COULD_NOT_TELL}


class HealthAnswer(Struct, frozen=True, kw_only=True):
    """What ``-o json`` prints; ``unasked`` tells what could not be asked or read, ``notes`` what else, a sentence each.

    ``state`` is what all of it comes to, and what the exit code says: ready 0, failed 1, unknown 3.
    """

    schema: Literal["gonogo/health/1"] = "gonogo/health/1"
    state: State
    rows: tuple[Row, ...]
    health: Health
    unasked: tuple[str, ...]
    notes: tuple[str, ...]


class HealthWatchAnswer(Row, frozen=True, kw_only=True):
    """What ``--watch -o json`` prints, a line per object and change; ``deleted``: it is not there any more."""

    schema: Literal["gonogo/health-watch/1"] = "gonogo/health-watch/1"
    deleted: bool


class WideRow(Struct, frozen=True, kw_only=True):
    """An object on one line."""

    object: str
    state: str
    reason: str
    container: str
    since: str
    cause: str
    message: str


def run(
    namespaces: list[str] | None,
    everywhere: bool,
    files: list[str],
    unnamed: list[str],
    selector: str,
    watch: bool,
    all_rows: bool,
    target: str | None,
    form: Form,
) -> Code:
    """1 where something failed, 3 where something could not be told; ``unnamed`` are files without -f before them.

    Raises ``ConfigError`` for what contradicts itself, ``ClientError`` where the cluster cannot be asked.
    """
    spaces = [name for given in namespaces or () for name in given.split(",") if name]
    if problems := _contradictions(files, unnamed, watch, everywhere, spaces):
        raise ConfigError(*problems)
    labels = Selector.read(selector, "-l")
    if files:
        return _surveyed(survey.of_files(files, spaces, news, rules(), labels), form, all_rows)
    from gonogo.cluster.api import Api

    settings, timeouts = _cluster_of(target)
    if not spaces and not everywhere:
        spaces = list(settings.namespaces)
    api = Api(settings, timeouts=timeouts)
    if watch:
        return _followed(api, spaces, labels, form, all_rows)
    return _surveyed(survey.of_cluster(api, spaces, rules(), labels), form, all_rows)


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
        return asked(None) or Kubernetes(), Timeouts()
    _, _, chosen = loaded(target)
    settings = chosen.kubernetes or asked(None)
    if settings is None:
        raise ConfigError(
            Problem(str(chosen.path), "has no [kubernetes]: no cluster to look at", "see docs/targets.md")
        )
    return settings, chosen.timeouts


def _surveyed(found: survey.Survey, form: Form, all_rows: bool) -> Code:
    """Print a survey; the exit code that it comes to."""
    unasked = [f"could not be asked: {what}" for what in found.unasked]
    answer = HealthAnswer(
        state=found.state,
        rows=tuple(found.rows),
        health=found.health,
        unasked=tuple(found.unasked),
        notes=tuple(found.notes),
    )
    shown = [row for row in found.rows if all_rows or _ails(row)]
    if for_programs(answer, form, map(_name, shown)):
        tell(*map(line, unasked))
        news(*map(line, found.notes))
    else:
        width = columns()
        if form is Form.WIDE:
            say(*_wide(shown))
        else:
            say(story.text(found.rows, colour=coloured(), width=width, everything=all_rows))
        say(*map(line, unasked), story.health(found.health, width=width), *map(line, found.notes))
    return CODES.get(found.state, Code.GO)


def _name(row: Row) -> str:
    """As ``kubectl get -o name`` has it: ``pod/web-0``, ``deployment.apps/web``."""
    group = row.api_version.rpartition("/")[0]
    return f"{row.kind.lower()}{f'.{group}' if group else ''}/{row.name}"


def _wide(rows: Iterable[Row]) -> list[str]:
    shared = ("reason", "container", "since", "cause", "message")
    wide = [
        WideRow(state=str(row.state), object=str(row.title), **{key: getattr(row, key) for key in shared})
        for row in rows
    ]
    return table(wide, width=room())


def _followed(api: Api, spaces: list[str], labels: Selector, form: Form, all_rows: bool) -> Code:
    """Print a survey, then a line per change, for as long as it goes on and somebody reads it."""
    with closing(survey.followed(api, spaces, rules(), labels)) as steps:
        for step in steps:
            if isinstance(step, str):
                tell(line(step))
            elif isinstance(step, survey.Survey):
                if form in (Form.TABLE, Form.WIDE):
                    _surveyed(step, form, all_rows)
                else:
                    _told(
                        (story.Change(row) for row in step.rows if all_rows or form is not Form.NAME or _ails(row)),
                        form,
                    )
                    tell(*(line(f"could not be asked: {what}") for what in step.unasked))
            elif form in (Form.TABLE, Form.WIDE):
                say(*(story.changed(change, datetime.now(UTC), colour=coloured()) for change in step))
            else:
                _told(step, form)
            say(flush=True)
            if not is_read():
                return Code.INTERRUPTED
    return Code.GO


def _ails(row: Row) -> bool:
    return row.state is not State.READY


def _told(changes: Iterable[story.Change], form: Form) -> None:
    """One object a change, for programs."""
    for change in changes:
        if form is Form.NAME:
            say(line(_name(change.row)))
            continue
        one = HealthWatchAnswer(**asdict(change.row), deleted=change.gone)
        if form is Form.JSON:
            say_json(one)
        else:
            say_yaml(one, another=True)
