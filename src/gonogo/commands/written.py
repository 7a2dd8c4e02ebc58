"""``gonogo preflight --plan``: a plan as it is written, judged without a cluster."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from gonogo.catalog.rules import KnownRules, known
from gonogo.cluster.documents import documents
from gonogo.cluster.judge.shapes import BUILT_IN, Object, known_as
from gonogo.cluster.plan.findings import Weight
from gonogo.cluster.preflight import counted
from gonogo.cluster.written.findings import WrittenFinding, findings, of_plan
from gonogo.cluster.written.makers import of_chart
from gonogo.cluster.written.plans import (
    FILE,
    PlanFile,
    PlannedRelease,
    PlannedThing,
    SelectorWait,
    Unread,
    Written,
    completed,
    of_application,
    of_table,
    told,
)
from gonogo.cluster.written.shell import assigned
from gonogo.commands.tables import Form, for_programs, room, table
from gonogo.core.content import find
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.files import LARGEST, content, converted, expanded
from gonogo.core.harmless import line
from gonogo.core.outcomes import Code, Decision, Struct
from gonogo.core.outlet import clean, say
from gonogo.providers.helm.charts import fetch
from gonogo.providers.helm.mistakes import Definition, Mistake, definitions, of_objects, of_values
from gonogo.providers.helm.recipe import merged
from gonogo.providers.helm.spec import OCI
from gonogo.providers.helm.spec import Release as Pinned
from gonogo.providers.helm.values import ChartKeys, declared

SUFFIXES = (".yaml", ".yml", ".json")

STANDARD = "-"

OWN = frozenset({"Application.argoproj.io"})
"""Custom kinds that are read here, field by field: what they install is judged in their place."""

_DOCUMENT = re.compile(rb"(?:^|\s*\n)---[^\S\n]*")
"""How helm parts what it renders: PyYAML takes no comment right behind the dashes, no first line that is indented."""


class WrittenAnswer(Struct, frozen=True, kw_only=True):
    """What ``-o json`` prints; ``rows`` are the findings, ``unknown`` ones among them."""

    schema: Literal["gonogo/preflight-plan/1"] = "gonogo/preflight-plan/1"
    rows: tuple[WrittenFinding, ...]
    decision: Decision
    code: int
    headline: str
    releases: int
    objects: int
    commands: int


class _Wide(Struct, frozen=True, kw_only=True):
    """A row of the table that ``-o wide`` shows."""

    rule: str
    weight: Weight
    subject: str
    wrong: str
    right: str
    source: str
    date: str


def run(place: str, form: Form) -> Code:
    """1 where something is wrong, 3 where something could not be told. Raises ``ConfigError`` for what is no plan."""
    plan, charts = read(place)
    found = judged(plan, charts)
    wrong = sum(one.weight is Weight.PROBLEM for one in found)
    code = Code.FAILED if wrong else Code.COULD_NOT_TELL if found else Code.GO
    answer = clean(
        WrittenAnswer(
            rows=tuple(found),
            decision=Decision.NO_GO if found else Decision.GO,
            code=code,
            headline=_headline(wrong, len(found) - wrong, plan),
            releases=len(plan.releases),
            objects=len(plan.things),
            commands=len(plan.commands),
        )
    )
    if not for_programs(answer, form, (row.rule for row in answer.rows)):
        if form is Form.WIDE:
            say(*table([*map(_wide, answer.rows)], width=room()))
        else:
            say(*(text for row in answer.rows for text in _lines(row)))
        say(*([""] if answer.rows else []), answer.headline)
    return code


def _headline(wrong: int, unknown: int, plan: Written) -> str:
    looked = ", ".join(
        counted(len(some), what)
        for some, what in ((plan.releases, "release"), (plan.things, "object"), (plan.commands, "command"))
    )
    if wrong:
        told = f"NO-GO: {counted(wrong, 'mistake')}" + (f", and {unknown} could not be told" if unknown else "")
    else:
        told = f"NO-GO: could not tell, {unknown} times" if unknown else "GO: no mistake"
    return f"{told} in the plan as it is written ({looked}; no cluster was asked)"


def _lines(row: WrittenFinding) -> Iterator[str]:
    """What is wrong, what to write, and who says so."""
    unknown = "not known: " if row.weight is Weight.UNKNOWN else ""
    yield line(f"{row.subject}: {unknown}{f'{row.key} ' if row.key else ''}{row.message}")
    if row.right:
        yield line(f"  {'do' if unknown else 'write'}: {row.right}")
    yield line(f"  {row.rule}, {row.source}, {row.date}")


def _wide(row: WrittenFinding) -> _Wide:
    return _Wide(
        rule=row.rule,
        subject=row.subject,
        wrong=f"{row.key} {row.message}".strip(),
        right=row.right,
        weight=row.weight,
        source=row.source,
        date=row.date,
    )


# -- what is wrong


def judged(plan: Written, charts: Charts) -> list[WrittenFinding]:
    """All findings: the rules', and what charts and definitions say of values and fields that no rule speaks of."""
    today = datetime.now(UTC).date().isoformat()
    rules = known(find(Path.cwd()))
    if not rules.rules:
        what = "no rules to judge a plan by: neither built in nor in the working folder"
        raise ConfigError(Problem("deploy/*/rules.toml", what, "`content.builtin` of gonogo.toml says what is taken"))
    ruled = findings(plan, rules, today)
    said = {(one.subject, _plain(one.key)) for one in ruled if one.key}
    more = [one for one in _measured(plan, charts, rules, today) if not _covered(one, said)]
    return [*ruled, *dict.fromkeys(more)]


def _plain(key: str) -> str:
    return re.sub(r"\[\d+\]", "", key)


def _covered(one: WrittenFinding, said: Iterable[tuple[str, str]]) -> bool:
    key = f"{_plain(one.key)}."
    return any(one.subject == subject and (key.startswith(f"{rule}.")) for subject, rule in said)


def _measured(plan: Written, charts: Charts, rules: KnownRules, today: str) -> Iterator[WrittenFinding]:
    known_kinds: dict[tuple[str, str], Definition] = {}
    for thing in plan.things:
        try:
            known_kinds |= {(one.group, one.kind): one for one in definitions([thing.object])}
        except (TypeError, AttributeError):
            yield _misshapen(thing, today)
    for release in plan.releases:
        chart, why = charts.of(release)
        if chart is None:
            strange = not any(of_chart(one, release) for one in (*rules.made.values(), *rules.rules.values()))
            if release.values or strange:
                message = "nobody here knows this chart" if strange else "its values could not be compared"
                right = "name its repository and exact version, or a folder with it in `charts`"
                yield of_plan(Weight.UNKNOWN, "plan.chart", release.shown, f"{message}: {why}", right, today)
            continue
        for one in definitions(chart.definitions()):
            known_kinds.setdefault((one.group, one.kind), one)
        name = f"{release.chart} {release.version or chart.chart.get('version', '')}".strip()
        for mistake in of_values("", chart, [(release.shown, release.values)], release.values):
            yield _of(mistake, "plan.value", release.shown, f"values of chart {name}", today)

    def define(group: str, kind: str) -> Definition | None:
        return known_kinds.get((group, kind))

    untold: dict[str, str] = {}
    for thing in plan.things:
        obj = thing.object
        group, kind = obj["apiVersion"].rpartition("/")[0], known_as(obj["apiVersion"], obj["kind"])
        if group not in BUILT_IN and kind not in OWN and define(group, obj["kind"]) is None:
            untold.setdefault(kind, thing.shown)
        try:
            mistakes = [*of_objects("", thing.where, [obj], define)]
        except (TypeError, AttributeError, KeyError, ValueError):  # its definition is no schema
            yield _misshapen(thing, today)
            continue
        for mistake in mistakes:
            yield _of(mistake, "plan.field", thing.shown, f"definition of {kind}", today)
    for kind, subject in untold.items():
        why = f"the definition of {kind} is not in the plan: only the cluster tells whether it takes these fields"
        yield of_plan(
            Weight.UNKNOWN, "plan.definition", subject, why, "put it beside the plan, or ask the cluster", today
        )


def _misshapen(thing: PlannedThing, today: str) -> WrittenFinding:
    what = "could not be measured: it, or its definition, does not fit its kind"
    return of_plan(Weight.UNKNOWN, "plan.unread", thing.shown, what, "correct it", today)


def _of(mistake: Mistake, rule: str, subject: str, source: str, today: str) -> WrittenFinding:
    said = mistake.problem.what.removeprefix(f"{mistake.object}: ")
    return WrittenFinding(
        weight=Weight.PROBLEM,
        rule=rule,
        subject=subject,
        key=mistake.key,
        message=said.removeprefix(f"{mistake.key} "),
        right=mistake.right,
        source=source,
        date=today,
    )


# -- charts


class Charts:
    """The charts of a plan: beside it, in the folder that it names, or fetched where repository and version are."""

    def __init__(self, base: Path | None, folder: str = "") -> None:
        self._base = base
        self.folder = base / folder if base is not None and folder else None

    def of(self, release: PlannedRelease) -> tuple[ChartKeys | None, str]:
        """What the release's chart declares; None, and why, where it is not to be had."""
        for path in self._places(release):
            if path.is_file() or (path / "Chart.yaml").is_file():
                return declared(path), ""
        remote = release.repository.startswith(("https://", "http://", OCI))
        if not remote or not re.fullmatch(r"v?\d+\.\d+\.\d+\S*", release.version):
            return None, "it is not here, and no exact version of a repository is named"
        if not release.values:
            return None, "without values nothing of it is fetched"
        from gonogo.core.home import home

        try:
            registry = release.repository.startswith(OCI)
            pinned = Pinned(
                name="chart",
                chart=f"{release.repository}/{release.chart}" if registry else release.chart,
                repository="" if registry else release.repository,
                version=release.version,
            )
            return declared(fetch(pinned, self._base or Path.cwd(), home()).path), ""
        except ConfigError as error:
            return None, str(error.problems[0])

    def _places(self, release: PlannedRelease) -> Iterator[Path]:
        if self._base is not None and release.repository.startswith((".", "/")):
            yield self._base / release.repository / release.chart
        if self.folder is not None:
            yield self.folder / release.chart
            names = [f"{release.chart}-{release.version}.tgz"] if release.version else []
            yield from (self.folder / name for name in names)


# -- reading


def read(place: str) -> tuple[Written, Charts]:
    """The plan of a folder, a file, or standard input, and its charts. Raises ``ConfigError`` where it is none."""
    if place == STANDARD:
        data = sys.stdin.buffer.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise ConfigError(Problem("standard input", f"is larger than {LARGEST >> 20} MiB, which is not read"))
        reader = _Reader(None)
        reader.text("standard input", data)
    else:
        path = expanded(place)
        if not path.exists():
            raise ConfigError(Problem(f"--plan {place}", "no such file or folder", "name a folder, a file, or -"))
        reader = _Reader(path if path.is_dir() else path.parent)
        if path.is_dir():
            reader.folder(path)
        else:
            reader.text(str(path), content(path))
    plan = completed(reader.written())
    if plan.empty:
        hint = f"manifests, Applications, a helmfile's output, or {FILE} (docs/preflight.md)"
        raise ConfigError(Problem(f"--plan {place}", "holds no plan", hint))
    return plan, reader.charts


class _Reader:
    """What has been read so far; ``base`` is what paths of the plan are relative to."""

    def __init__(self, base: Path | None) -> None:
        self._base = base
        self._plan = Written()
        self._things: list[PlannedThing] = []
        self._releases: list[PlannedRelease] = []
        self._unread: list[Unread] = []
        self._taken: set[Path] = set()
        self.charts = Charts(base)

    def written(self) -> Written:
        """All of it."""
        return replace(
            self._plan,
            releases=(*self._plan.releases, *self._releases),
            things=tuple(self._things),
            unread=(*self._plan.unread, *(one for one in self._unread if not self._is_values(one.subject))),
        )

    def _is_values(self, where: str) -> bool:
        """Whether some release takes its values from there."""
        return bool(self._taken) and Path(where).resolve() in self._taken

    def folder(self, folder: Path) -> None:
        """Its ``plan.toml``, and all manifests in it but values that the plan names, and its charts."""
        if (folder / FILE).is_file():
            self.text(str(folder / FILE), content(folder / FILE))
        for path in sorted(folder.rglob("*")):
            hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
            chart = self.charts.folder is not None and path.is_relative_to(self.charts.folder)
            if path.suffix in SUFFIXES and path.is_file() and not (hidden or chart or path.resolve() in self._taken):
                self._documents(str(path), content(path))

    def text(self, where: str, data: bytes) -> None:
        """``plan.toml`` or manifests, by what they are. Raises ``ConfigError`` for what is neither."""
        try:
            found = tomllib.loads(data.decode("utf-8-sig"))
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            if where.endswith(".toml"):
                raise ConfigError(Problem(where, f"is no TOML: {error}")) from error
            self._documents(where, data)
            return
        self._of_file(converted(found, PlanFile, where), where)

    def _of_file(self, file: PlanFile, where: str) -> None:
        self.charts = Charts(self._base, file.charts)
        if self.charts.folder is not None and not self.charts.folder.is_dir():
            raise ConfigError(Problem(where, f"charts: there is no folder {file.charts!r}"))
        self._plan = Written(
            releases=tuple(of_table(one, self._values(one.values, where)) for one in file.releases),
            waits=tuple(SelectorWait(one.selector, one.namespace, "pod", one.at) for one in file.waits),
            hosts=file.hosts,
            commands=tuple(map(told, file.commands)),
            expects=file.expects,
            namespaces=file.namespaces,
            there=file.there,
            helm=file.helm,
        )

    def _values(self, given: Any, where: str) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for one in [given] if isinstance(given, Mapping) else given:
            if isinstance(one, Mapping):
                values = merged(values, one)
                continue
            if self._base is None:
                raise ConfigError(Problem(where, f"values: {one!r} is a file, and standard input has none beside it"))
            path = self._base / one
            self._taken.add(path.resolve())
            for document in documents(str(path), content(path)):
                if document is not None and not isinstance(document, dict):
                    raise ConfigError(Problem(str(path), "holds no values: a mapping is wanted"))
                values = merged(values, document or {})
        return values

    def _documents(self, where: str, data: bytes) -> None:
        try:
            found = [*documents(where, data)]
        except ConfigError as error:
            parts = [one.strip() for one in _DOCUMENT.split(data)]
            try:
                found = [document for one in parts if one for document in documents(where, one)]
            except ConfigError:
                raise error from None  # it has the line
        for document in found:
            if document is not None:
                self._document(where, document)

    def _document(self, where: str, document: Any) -> None:
        if not isinstance(document, dict):
            self._unread.append(Unread(where, "holds a document that is no object of Kubernetes"))
        elif document.get("kind") == "List" or (document.get("items") and str(document.get("kind")).endswith("List")):
            for one in document.get("items") or ():
                self._document(where, one)
        elif isinstance(document.get("apiVersion"), str) and isinstance(document.get("kind"), str):
            self._object(where, document)
        elif isinstance(document.get("releases"), list):
            self._helmfile(where, document)
        else:
            self._unread.append(Unread(where, "holds a document that is no object of Kubernetes"))

    def _object(self, where: str, obj: Object) -> None:
        given = obj.get("metadata")
        meta: dict[str, Any] = given if isinstance(given, dict) else {}
        name, namespace, labels = meta.get("name"), meta.get("namespace"), meta.get("labels")
        if not isinstance(name, str) or not name or not isinstance(namespace, str | None):
            self._unread.append(Unread(f"{where}: {obj['kind']}", "has no name, or none that can be one"))
            return
        if not isinstance(labels, dict | None):
            self._unread.append(Unread(f"{where}: {obj['kind']} {name}", "has labels that are none"))
            return
        kind = known_as(obj["apiVersion"], obj["kind"])
        self._things.append(PlannedThing(where, obj))
        if kind == "ApplicationSet.argoproj.io":
            self._unread.append(Unread(f"ApplicationSet {name}", "its Applications are not generated here"))
        if kind != "Application.argoproj.io":
            return
        try:
            for one in of_application(obj):
                if isinstance(one, Unread):
                    self._unread.append(one)
                else:
                    text = one.values.get("")
                    rest = {key: value for key, value in one.values.items() if key}
                    read = [*documents(f"{where}: values", text.encode())] if isinstance(text, str) else []
                    base = next((value for value in read if isinstance(value, dict)), {})
                    self._releases.append(replace(one, values=merged(base, rest)))
        except (TypeError, AttributeError, KeyError, ValueError) as error:
            self._unread.append(Unread(f"Application {name}", f"does not fit its kind: {type(error).__name__}"))

    def _helmfile(self, where: str, state: Mapping[str, Any]) -> None:
        """What ``helmfile build`` prints, or a helmfile without templates."""
        try:
            urls = {str(one["name"]): str(one.get("url", "")) for one in state.get("repositories") or ()}
            for one in state["releases"]:
                if one.get("installed") is False:
                    continue
                repository, _, chart = str(one["chart"]).rpartition("/")
                values = self._values(one.get("values") or (), where)
                for pair in one.get("set") or ():
                    assigned(values, f"{pair['name']}={pair['value']}", typed=True)
                self._releases.append(
                    PlannedRelease(
                        name=str(one["name"]),
                        namespace=str(one.get("namespace") or "default"),
                        chart=chart,
                        repository=urls.get(repository, repository),
                        version=str(one.get("version", "")),
                        values=values,
                        wait=bool(one.get("wait") or (state.get("helmDefaults") or {}).get("wait")),
                    )
                )
        except (TypeError, AttributeError, KeyError, ValueError) as error:
            raise ConfigError(Problem(where, f"is no state of a helmfile: {type(error).__name__} {error}")) from error
