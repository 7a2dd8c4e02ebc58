"""What a plan is made of, from wherever it was read: releases, objects, commands, and what is expected of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import msgspec

from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.written.shell import Call, assigned, calls
from gonogo.core.outcomes import Struct

FILE = "plan.toml"


class ReleaseTable(Struct, frozen=True, kw_only=True):
    """``[[releases]]``: a chart by ``repository/name``, ``oci://…``, or a folder or .tgz beside the plan."""

    name: str
    chart: str
    namespace: str = "default"
    repository: str = ""
    version: str = ""
    values: dict[str, Any] | tuple[str | dict[str, Any], ...] = ()
    wait: bool = False
    at: str = ""


class WaitTable(Struct, frozen=True, kw_only=True):
    """``[[waits]]``: pods that somebody waits for."""

    selector: str
    namespace: str = "default"
    at: str = ""


class CommandTable(Struct, frozen=True, kw_only=True):
    """``[[commands]]``: as it is typed."""

    run: str
    at: str = ""


class ExpectTable(Struct, frozen=True, kw_only=True):
    """``[[expects]]``: how many pods and how much disk these releases and objects are said to be; else all."""

    what: str
    of: tuple[str, ...] = ()
    pods: int | None = None
    storage: str = ""


class PlanFile(Struct, frozen=True, kw_only=True):
    """``plan.toml``; docs/preflight.md says what each key means."""

    charts: str = ""
    helm: int = 0
    namespaces: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    releases: tuple[ReleaseTable, ...] = ()
    waits: tuple[WaitTable, ...] = ()
    hosts: tuple[str, ...] = ()
    commands: tuple[str | CommandTable, ...] = ()
    expects: tuple[ExpectTable, ...] = ()
    there: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PlannedRelease:
    """A chart with its values; ``repository`` is an address or the name that somebody gave it."""

    name: str
    namespace: str
    chart: str
    repository: str = ""
    version: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    wait: bool = False
    at: str = ""

    @property
    def shown(self) -> str:
        """What it is called where something is said of it."""
        return f"release {self.name}" + (f" ({self.at})" if self.at else "")


class PlannedThing(NamedTuple):
    """An object, and the file that it stands in."""

    where: str
    object: Object

    @property
    def shown(self) -> str:
        """``DorisCluster doris-cluster``."""
        return f"{self.object['kind']} {self.object['metadata']['name']}"


class SelectorWait(NamedTuple):
    """A selector, the namespace it is asked in, and of what."""

    selector: str
    namespace: str
    of: str
    at: str


class TypedCommand(NamedTuple):
    """As it is typed, with what it calls."""

    run: str
    at: str
    calls: tuple[Call, ...]

    @property
    def shown(self) -> str:
        """The program, and what it is asked to do."""
        words = self.calls[0].words if self.calls else tuple(self.run.split())
        return " ".join(words[:3]) + (f" ({self.at})" if self.at else "")


class Unread(NamedTuple):
    """Something that nobody here could look into."""

    subject: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Written:
    """The whole of a plan: ``namespaces`` that it makes, with labels, and Services that are ``there`` before it."""

    releases: tuple[PlannedRelease, ...] = ()
    things: tuple[PlannedThing, ...] = ()
    waits: tuple[SelectorWait, ...] = ()
    hosts: tuple[str, ...] = ()
    commands: tuple[TypedCommand, ...] = ()
    expects: tuple[ExpectTable, ...] = ()
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    there: tuple[str, ...] = ()
    helm: int = 0
    unread: tuple[Unread, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to be judged."""
        return not (self.releases or self.things or self.waits or self.hosts or self.commands or self.unread)


def told(command: str | CommandTable) -> TypedCommand:
    """The command with what it calls."""
    table = command if isinstance(command, CommandTable) else CommandTable(run=command)
    return TypedCommand(table.run, table.at, calls(table.run))


def completed(plan: Written) -> Written:
    """The plan, with what its commands install, wait for and label, and the namespaces among its objects."""
    spaces = {name: dict(labels) for name, labels in plan.namespaces.items()}
    releases, waits, unread = list(plan.releases), list(plan.waits), list(plan.unread)
    for thing in plan.things:
        if thing.object["kind"] == "Namespace":
            labels = thing.object["metadata"].get("labels")
            spaces.setdefault(thing.object["metadata"]["name"], {}).update(
                labels if isinstance(labels, Mapping) else {}
            )
    for command in plan.commands:
        if not command.calls:
            unread.append(Unread(command.shown, "is no command that a shell could read"))
        for call in command.calls:
            match call.words:
                case ("kubectl", "create", "namespace" | "ns", name, *_):
                    spaces.setdefault(name, {})
                case ("kubectl", "label", "namespace" | "ns", name, *pairs):
                    labels = spaces.setdefault(name, {})
                    labels.update(dict(one.split("=", 1) for one in pairs if "=" in one))
                    for taken in [one[:-1] for one in pairs if one.endswith("-")]:
                        labels.pop(taken, "")
                case ("kubectl", "wait" | "get" | "delete" as verb, what, *_) if call.option("-l", "--selector"):
                    if of := {"pod": "pod", "pods": "pod", "po": "pod", "pvc": "claim"}.get(what.lower(), ""):
                        waits.append(
                            SelectorWait(call.option("-l", "--selector"), call.namespace, of, _place(command, verb))
                        )
                case ("helm", "install" | "upgrade", name, chart, *_):
                    release, why = _installed(call, name, chart, command.at)
                    releases.append(release)
                    unread += [Unread(release.shown, one) for one in why]
    return replace(
        plan, releases=tuple(releases), waits=tuple(waits), namespaces=spaces, unread=tuple(dict.fromkeys(unread))
    )


def _place(command: TypedCommand, verb: str) -> str:
    return f"kubectl {verb}" + (f", {command.at}" if command.at else "")


def _installed(call: Call, name: str, chart: str, at: str) -> tuple[PlannedRelease, list[str]]:
    """The release that a command of helm makes, and what of it stands elsewhere."""
    values: dict[str, Any] = {}
    unread = []
    for option, texts in call.options:
        if option in ("--set", "--set-string"):
            try:
                assigned(values, texts, typed=option == "--set")
            except ValueError:
                unread.append(f"{option} is not read: write it as values of a release")
        elif option in ("-f", "--values", "--set-file", "--set-json"):
            unread.append(f"{option} {texts} is not read: write it as values of a release")
    repository, _, last = chart.rpartition("/")
    waits = any(option in ("--wait", "--atomic") and text not in ("false", "watcher") for option, text in call.options)
    version, named = call.option("--version"), call.option("--repo") or repository
    release = PlannedRelease(
        name=name,
        namespace=call.namespace,
        chart=last,
        repository=named,
        version=version,
        values=values,
        wait=waits,
        at=at,
    )
    return release, unread


def of_table(table: ReleaseTable, values: Mapping[str, Any]) -> PlannedRelease:
    """A release of ``plan.toml``, whose values were read."""
    repository, _, chart = table.chart.rpartition("/")
    return PlannedRelease(
        name=table.name,
        namespace=table.namespace,
        chart=chart,
        repository=table.repository or repository,
        version=table.version,
        values=values,
        wait=table.wait,
        at=table.at,
    )


def of_application(app: Object) -> Iterator[PlannedRelease | Unread]:
    """The releases of an Application of Argo CD; of a folder in git nobody here knows what it holds."""
    spec, meta = app.get("spec") or {}, app["metadata"]
    namespace = (spec.get("destination") or {}).get("namespace") or "default"
    for source in spec.get("sources") or [spec.get("source") or {}]:
        if not source.get("chart"):
            if not source.get("ref"):
                yield Unread(f"Application {meta['name']}", "what its git repository holds is not read: render it")
            continue
        helm = source.get("helm") or {}
        values: dict[str, Any] = {}
        if isinstance(helm.get("valuesObject"), dict):
            values = dict(helm["valuesObject"])
        elif helm.get("values"):
            values = {"": helm["values"]}  # a text, which whoever reads files makes values of
        for one in helm.get("parameters") or ():
            assigned(values, f"{one.get('name')}={one.get('value')}", typed=not one.get("forceString"))
        if helm.get("valueFiles"):
            yield Unread(f"Application {meta['name']}", "its valueFiles are not read: name their values in it")
        yield PlannedRelease(
            name=str(helm.get("releaseName") or meta["name"]),
            namespace=namespace,
            chart=str(source["chart"]),
            repository=str(source.get("repoURL", "")),
            version=str(source.get("targetRevision", "")),
            values=values,
            at=f"Application {meta['name']}",
        )
