"""What is wrong with values and objects before anything is installed: a mistake each, with what to write instead.

Judged from what a chart declares, from its schema, and from the definitions (CRDs) of custom resources. Pure: files
are read, and the cluster asked, elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from gonogo.cluster.judge.shapes import BUILT_IN, Object
from gonogo.core.errors import Problem
from gonogo.core.files import nearest
from gonogo.providers.helm.schemas import Breach, dotted, wrong_fields
from gonogo.providers.helm.values import ChartKeys
from gonogo.redaction.names import Held, held

Wrong = Literal["unknown", "type", "value", "missing", "twice", "version", "deprecated", "undefined", "refused"]
"""``version``: its kind is not served in that one; ``deprecated``: it is, and will not be for ever; ``undefined``:
nothing defines its kind; ``refused``: helm cannot make objects of the chart and its values."""

SHOWN = 60
"""Characters of a value that are shown."""

SAID: Mapping[str, str] = {
    "type": "is {written}, which is of the wrong type",
    "value": "is {written}, which is not allowed",
    "missing": "is missing",
    "twice": "is there twice",
}


class Mistake(NamedTuple):
    """One wrong value of a component: in which file, where there, what is wrong with it, and what to write.

    ``object`` is the custom resource in which it would end; empty for a value of a chart. ``written`` is the value as
    JSON, shortened.
    """

    component: str
    where: str
    key: str
    fault: Wrong
    right: str = ""
    written: str = ""
    object: str = ""
    about: str = ""

    @property
    def stops(self) -> bool:
        """Whether it is wrong today."""
        return self.fault != "deprecated"

    @property
    def problem(self) -> Problem:
        """As ``plan`` and ``up`` tell it."""
        if self.fault in ("version", "undefined", "refused"):
            what = self.about
        elif self.fault == "unknown":
            who = "its definition knows no such field, which is dropped" if self.object else "the chart ignores it"
            what = f"{self.key} is unknown: {who}"
        elif self.fault == "deprecated":
            what = f"{self.key} {self.written} is deprecated" + (f": {self.about}" if self.about else "")
        else:
            what = f"{self.key} {SAID[self.fault].format(written=self.written)}"
        return Problem(self.where, f"{self.object}: {what}" if self.object else what, self.right)


Layer = tuple[str, Mapping[str, Any]]
"""A file of values, and what it holds."""


def of_values(
    component: str,
    chart: ChartKeys,
    layers: Iterable[Layer],
    given: Mapping[str, Any],
    documented: tuple[str, ...] = (),
) -> Iterator[Mistake]:
    """What is wrong with the values of a release; ``given`` is what its ``layers`` come to, the last one on top."""
    layers = [*layers]
    for fault in chart.wrong(given, documented):
        yield Mistake(component, _file(layers, fault.path), fault.key, fault.fault, _right(fault), _written(fault))


class Definition(NamedTuple):
    """A CustomResourceDefinition, as far as objects are measured by it."""

    group: str
    kind: str
    versions: Mapping[str, Mapping[str, Any]]
    prunes: bool = True


Define = Callable[[str, str], Definition | Literal[False] | None]
"""Of a group and a kind; False where it is sure that nothing defines it, None where that is not known."""


def of_objects(
    component: str, where: str, objects: Iterable[Object], define: Define, layers: Iterable[Layer] = ()
) -> Iterator[Mistake]:
    """What is wrong with the custom resources among the objects, which come from the place ``where``.

    A field that a chart takes over from one of its values, as it stands there, is found in that value's file.
    """
    layers = [*layers]
    for obj in objects:
        api_version, kind = str(obj.get("apiVersion", "")), str(obj.get("kind", ""))
        group, _, version = api_version.rpartition("/")
        if group in BUILT_IN:
            continue
        named = f"{kind} {obj['metadata']['name']}"
        definition = define(group, kind)
        if definition is None:
            continue
        if definition is False:
            what = f"nothing defines {kind} of {api_version}: no chart of this target does, and the cluster has it not"
            right = "deploy its operator first, or have the chart not make it"
            yield Mistake(component, where, "kind", "undefined", right, kind, named, what)
            continue
        served = {name: one for name, one in definition.versions.items() if one.get("served")}
        best = _best(version, served)
        if version not in served:
            what = f"apiVersion {api_version} is not served: {kind} is there in {', '.join(served) or 'no version'}"
            right = f"apiVersion: {group}/{best}" if best else ""
            yield Mistake(component, where, "apiVersion", "version", right, api_version, named, what)
            if not best:
                continue
        elif served[version].get("deprecated"):
            right = f"apiVersion: {group}/{best}" if best != version else ""
            about = str(served[version].get("deprecationWarning") or "")
            yield Mistake(component, where, "apiVersion", "deprecated", right, api_version, named, about)
        schema = (served.get(version) or served[best]).get("schema", {}).get("openAPIV3Schema")
        for fault in wrong_fields(schema, obj) if schema else ():
            if fault.fault == "unknown" and not definition.prunes:
                continue
            file, key = _origin(layers, fault) or (where, fault.key)
            yield Mistake(component, file, key, fault.fault, _right(fault), _written(fault), named)


Offers = Callable[[str, str], list[str] | None]
"""Of an API version and a kind of Kubernetes' own: the versions in which the cluster serves it, this one if it can
be; none where it does not, None where that is not known."""


def of_versions(component: str, where: str, objects: Iterable[Object], offers: Offers) -> Iterator[Mistake]:
    """Which of the objects are of Kubernetes' own kinds, in a version that the cluster serves no more, or not yet."""
    for obj in objects:
        api_version, kind, name = str(obj["apiVersion"]), str(obj["kind"]), obj["metadata"]["name"]
        offered = offers(api_version, kind) if api_version.rpartition("/")[0] in BUILT_IN else None
        if offered is None or api_version in offered:
            continue
        there = f"is there in {', '.join(offered)}" if offered else "is not there at all"
        right = f"apiVersion: {offered[0]}" if offered else "have the chart not make it"
        what = f"apiVersion {api_version} is not served: {kind} {there}"
        yield Mistake(component, where, "apiVersion", "version", right, api_version, f"{kind} {name}", what)


def _best(version: str, served: Mapping[str, Mapping[str, Any]]) -> str:
    """The version to write: that in which objects are kept, where it has a future; else the last that has."""
    lasting = [name for name, one in served.items() if not one.get("deprecated")]
    kept = next((name for name, one in served.items() if one.get("storage")), "")
    if kept and (kept in lasting or not lasting):
        return kept
    return lasting[-1] if lasting else nearest(version, served)


def definitions(objects: Iterable[Object]) -> Iterator[Definition]:
    """Those that stand among the objects."""
    for obj in objects:
        if obj.get("kind") == "CustomResourceDefinition" and isinstance(spec := obj.get("spec"), Mapping):
            versions = {str(one.get("name")): one for one in spec.get("versions") or ()}
            kind = str((spec.get("names") or {}).get("kind", ""))
            yield Definition(str(spec.get("group", "")), kind, versions, not spec.get("preserveUnknownFields"))


# -- where it stands


def _file(layers: list[Layer], path: tuple[str | int, ...]) -> str:
    """The last file that says something there; for what is missing, that which says most of what is around it."""
    best = max(layers, key=lambda one: (_depth(one[1], path), layers.index(one)), default=("values.yaml", {}))
    return best[0]


def _depth(values: Any, path: tuple[str | int, ...]) -> int:
    for depth, name in enumerate(path):
        try:
            values = values[name]
        except (KeyError, IndexError, TypeError):
            return depth
    return len(path)


def _origin(layers: list[Layer], fault: Breach) -> tuple[str, str] | None:
    """The file and key of the one value that a chart hands on as it stands, with the same two last keys."""
    last = fault.path[-1]
    if fault.fault == "missing" or not isinstance(last, str):
        return None
    above = next((one for one in reversed(fault.path[:-1]) if isinstance(one, str)), None)
    found = [
        (file, path)
        for file, values in layers
        for path, value in _every(values, ())
        if path[-1] == last and value == fault.written
    ]
    near = [one for one in found if above in one[1]] or found
    return (near[-1][0], dotted(near[-1][1])) if near and len({path for _, path in near}) == 1 else None


def _every(values: Any, above: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    pairs = values.items() if isinstance(values, Mapping) else enumerate(values) if isinstance(values, list) else ()
    for name, value in pairs:
        yield (*above, name), value
        yield from _every(value, (*above, name))


def _secret(fault: Breach) -> bool:
    return any(held(str(one).encode()) >= Held.SECRET for one in fault.path[-1:])


def _right(fault: Breach) -> str:
    """What to write; of a secret only its type."""
    return "the same, as another type" if fault.fault == "type" and _secret(fault) else fault.right


def _written(fault: Breach) -> str:
    if fault.fault in ("unknown", "missing"):  # what it holds is not at fault
        return ""
    if _secret(fault):
        return "a secret"
    text = json.dumps(fault.written, default=str, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
